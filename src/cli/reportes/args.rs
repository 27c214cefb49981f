//! The command line of reports.

use chrono::NaiveDate;
use clap::{Args, Subcommand, ValueEnum};

use crate::{cli::args::dia, domain::valores::Id, projections::Agrupacion};

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket reportes ventas|antiguedad [OPCIONES]",
    after_help = "Ejemplos:\n  factumarket reportes ventas --desde 2026-11-01 --hasta 2026-11-30 --agrupar producto\n  \
                  factumarket reportes antiguedad --bodega PRINCIPAL"
)]
pub struct ReportesArgs {
    #[command(subcommand)]
    pub accion: Accion,
}

#[derive(Debug, Subcommand)]
pub enum Accion {
    /// Ventas, devoluciones, costo y margen por día, producto o canal
    Ventas(VentasArgs),
    /// Existencias por la antigüedad de sus lotes, en cantidad y valor
    Antiguedad(AntiguedadArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Agrupar {
    Dia,
    Producto,
    Canal,
}

impl From<Agrupar> for Agrupacion {
    fn from(agrupar: Agrupar) -> Self {
        match agrupar {
            Agrupar::Dia => Self::Dia,
            Agrupar::Producto => Self::Producto,
            Agrupar::Canal => Self::Canal,
        }
    }
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket reportes ventas [--desde FECHA --hasta FECHA] [OPCIONES]",
    after_help = "Sin fechas, los últimos 30 días. Una nota de crédito cuenta en su propia fecha; una factura anulada no cuenta.\n\n\
                  Ejemplo:\n  factumarket reportes ventas --desde 2026-11-01 --hasta 2026-11-30 --agrupar canal"
)]
pub struct VentasArgs {
    /// Primer día AAAA-MM-DD
    #[arg(long, value_name = "FECHA", requires = "hasta", value_parser = dia)]
    pub desde: Option<NaiveDate>,
    /// Último día AAAA-MM-DD, incluido; hasta 366 días
    #[arg(long, value_name = "FECHA", requires = "desde", value_parser = dia)]
    pub hasta: Option<NaiveDate>,
    /// Sólo las de un producto
    #[arg(long, value_name = "PRODUCTO", value_parser = id)]
    pub producto: Option<Id>,
    /// Sólo las de un canal
    #[arg(long, value_name = "CANAL")]
    pub canal: Option<String>,
    /// Por qué se agrupan: dia, producto o canal (dia si no se indica)
    #[arg(long, value_name = "GRUPO", value_enum, default_value_t = Agrupar::Dia, hide_possible_values = true)]
    pub agrupar: Agrupar,
    /// Grupos que muestra, de 1 a 100000 (1000 si no se indica)
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limite: u32,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket reportes antiguedad [OPCIONES]",
    after_help = "Cuenta lo que hay ahora; la edad de cada lote va de su ingreso a --fecha.\n\n\
                  Ejemplo:\n  factumarket reportes antiguedad --producto CAFE-500 --bodega PRINCIPAL"
)]
pub struct AntiguedadArgs {
    /// Sólo un producto
    #[arg(long, value_name = "PRODUCTO", value_parser = id)]
    pub producto: Option<Id>,
    /// Sólo una bodega
    #[arg(long, value_name = "BODEGA", value_parser = id)]
    pub bodega: Option<Id>,
    /// Día hasta el que se cuenta la edad, AAAA-MM-DD (hoy si no se indica)
    #[arg(long, value_name = "FECHA", value_parser = dia)]
    pub fecha: Option<NaiveDate>,
    /// Existencias que muestra, de 1 a 100000 (1000 si no se indica)
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limite: u32,
}

fn id(texto: &str) -> Result<Id, String> {
    Id::new(texto).map_err(|_| "es un id: de 1 a 64 caracteres A-Z a-z 0-9 . _ -".to_owned())
}
