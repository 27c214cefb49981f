//! Flags of the commands that explain and look up.

use clap::{Args, Subcommand};

use crate::domain::valores::fecha_iso;

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket dominio explicar|reglas [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket dominio explicar --producto CAFE-500 --cantidad 3"
)]
pub struct DominioArgs {
    #[command(subcommand)]
    pub accion: DominioAccion,
}

#[derive(Debug, Subcommand)]
pub enum DominioAccion {
    /// Dice qué lotes tomaría una venta y a qué costo
    Explicar(ExplicarArgs),
    /// Lista las reglas de validación, con un ejemplo de cada falla
    #[command(
        override_usage = "factumarket dominio reglas [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket dominio reglas > reglas.md"
    )]
    Reglas,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket dominio explicar --producto ID --cantidad N [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket dominio explicar --producto CAFE-500 --bodega PRINCIPAL --cantidad 3"
)]
pub struct ExplicarArgs {
    /// Id del producto
    #[arg(long, value_name = "PRODUCTO")]
    pub producto: String,
    /// Id de la bodega (PRINCIPAL si no se indica)
    #[arg(long, value_name = "BODEGA", default_value = "PRINCIPAL")]
    pub bodega: String,
    /// Cantidad que se vendería
    #[arg(long, value_name = "N")]
    pub cantidad: String,
    /// Fecha de la venta AAAA-MM-DD (hoy si no se indica)
    #[arg(long, value_name = "FECHA")]
    pub fecha: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket stock PRODUCTO [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket stock CAFE-500 --bodega PRINCIPAL"
)]
pub struct StockArgs {
    /// Id del producto
    #[arg(value_name = "PRODUCTO")]
    pub producto: String,
    /// Id de la bodega (PRINCIPAL si no se indica)
    #[arg(long, value_name = "BODEGA", default_value = "PRINCIPAL")]
    pub bodega: String,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket kardex PRODUCTO [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket kardex CAFE-500 --bodega PRINCIPAL"
)]
pub struct KardexArgs {
    /// Id del producto
    #[arg(value_name = "PRODUCTO")]
    pub producto: String,
    /// Id de la bodega (PRINCIPAL si no se indica)
    #[arg(long, value_name = "BODEGA", default_value = "PRINCIPAL")]
    pub bodega: String,
    /// Movimientos que muestra, desde el más antiguo, de 1 a 100000 (1000 si no se indica)
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limite: u32,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket cuenta CLIENTE [--desde FECHA --hasta FECHA] [OPCIONES]",
    after_help = "Sin fechas, el último año. El saldo empieza en cero el primer día.\n\n\
                  Ejemplo:\n  factumarket cuenta 1 --desde 2026-01-01 --hasta 2026-12-31"
)]
pub struct CuentaArgs {
    /// Id del cliente
    #[arg(value_name = "CLIENTE")]
    pub cliente: String,
    /// Primer día AAAA-MM-DD
    #[arg(long, value_name = "FECHA", requires = "hasta", value_parser = dia)]
    pub desde: Option<chrono::NaiveDate>,
    /// Último día AAAA-MM-DD, incluido
    #[arg(long, value_name = "FECHA", requires = "desde", value_parser = dia)]
    pub hasta: Option<chrono::NaiveDate>,
}

pub fn dia(texto: &str) -> Result<chrono::NaiveDate, String> {
    fecha_iso(texto).ok_or_else(|| "es una fecha del calendario, AAAA-MM-DD".to_owned())
}
