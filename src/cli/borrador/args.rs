//! The command line of drafts.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket borrador ORDEN [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket borrador crear --cliente 1 --linea CAFE-500=2 --id f1\n  factumarket borrador descuento f1 --porcentaje 10\n  \
                  factumarket borrador emitir f1"
)]
pub struct BorradorArgs {
    #[command(subcommand)]
    pub accion: Accion,
}

#[derive(Debug, Subcommand)]
pub enum Accion {
    /// Crea un borrador, con líneas o sin ellas
    Crear(CrearArgs),
    /// Agrega una línea al final
    Linea(LineaArgs),
    /// Quita una línea; las siguientes suben una
    Quitar(QuitarArgs),
    /// Da un descuento a una línea, o al borrador entero, en lugar del que tenía
    Descuento(DescuentoArgs),
    /// Define las formas de pago, en lugar de las que tenía
    Pagos(PagosArgs),
    /// Cambia las fechas que se indican
    Fechas(FechasArgs),
    /// Emite un borrador, o reintenta uno rechazado
    Emitir(FechasArgs),
    /// Descarta un borrador: no se emitirá nunca
    Descartar(DescartarArgs),
}

/// Of every change.
#[derive(Debug, Clone, Default, Args)]
pub struct Cambio {
    /// Clave de idempotencia: la misma clave da la misma respuesta
    #[arg(long, value_name = "CLAVE")]
    pub clave: Option<String>,
    /// Versión que debe tener la factura; si alguien se adelantó, no se cambia nada
    #[arg(long, value_name = "N")]
    pub version_esperada: Option<u64>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket borrador crear --cliente ID [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket borrador crear --cliente 1 --linea CAFE-500=2 --linea TE-100=1.5 --caducidad nunca"
)]
pub struct CrearArgs {
    /// Id del cliente
    #[arg(long, value_name = "ID")]
    pub cliente: String,
    /// Producto y cantidad de una línea (se puede repetir)
    #[arg(long = "linea", value_name = "PRODUCTO=CANTIDAD", value_parser = producto)]
    pub lineas: Vec<(String, String)>,
    /// Id de la sucursal (PRINCIPAL si no se indica)
    #[arg(long, value_name = "ID")]
    pub sucursal: Option<String>,
    /// Id de la bodega de las líneas (la primera de la sucursal si no se indica)
    #[arg(long, value_name = "ID")]
    pub bodega: Option<String>,
    /// Id de la factura (uno nuevo si no se indica)
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    #[command(flatten)]
    pub fechas: Fechas,
    /// Clave de idempotencia: la misma clave da el mismo borrador
    #[arg(long, value_name = "CLAVE")]
    pub clave: Option<String>,
}

/// Dates as they are stated.
#[derive(Debug, Clone, Default, Args)]
pub struct Fechas {
    /// Fecha de emisión AAAA-MM-DD
    #[arg(long, value_name = "FECHA")]
    pub emision: Option<String>,
    /// Fecha de autorización AAAA-MM-DD
    #[arg(long, value_name = "FECHA")]
    pub autorizacion: Option<String>,
    /// Fecha de caducidad AAAA-MM-DD, o «nunca»
    #[arg(long, value_name = "FECHA|nunca")]
    pub caducidad: Option<String>,
}

/// A discount as it is stated: one of the three.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub struct Valor {
    /// Porcentaje de descuento, de 0 a 100
    #[arg(long, value_name = "N")]
    pub porcentaje: Option<String>,
    /// Monto de descuento
    #[arg(long, value_name = "N")]
    pub monto: Option<String>,
    /// Id de un descuento del catálogo
    #[arg(long, value_name = "ID")]
    pub descuento: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket borrador linea FACTURA --cantidad N (--producto ID | --descripcion TEXTO --precio N) [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket borrador linea f1 --producto CAFE-500 --cantidad 2 --porcentaje 10"
)]
pub struct LineaArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    /// Id del producto
    #[arg(long, value_name = "ID")]
    pub producto: Option<String>,
    /// Cantidad
    #[arg(long, value_name = "N")]
    pub cantidad: String,
    /// Precio unitario (el del producto si no se indica)
    #[arg(long, value_name = "N")]
    pub precio: Option<String>,
    /// Descripción (la del producto si no se indica)
    #[arg(long, value_name = "TEXTO")]
    pub descripcion: Option<String>,
    /// Id de la bodega (la de la factura si no se indica)
    #[arg(long, value_name = "ID")]
    pub bodega: Option<String>,
    #[command(flatten)]
    pub valor: Valor,
    #[command(flatten)]
    pub cambio: Cambio,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket borrador quitar FACTURA LINEA [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket borrador quitar f1 2"
)]
pub struct QuitarArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    /// Número de la línea, desde 1
    #[arg(value_name = "LINEA")]
    pub linea: u16,
    #[command(flatten)]
    pub cambio: Cambio,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket borrador descuento FACTURA (--porcentaje N | --monto N | --descuento ID) [--linea N] [OPCIONES]",
    after_help = "Un descuento de 0 quita el que tenía.\n\nEjemplo:\n  factumarket borrador descuento f1 --monto 5000 --linea 1"
)]
pub struct DescuentoArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    /// Número de la línea; sin él, el borrador entero
    #[arg(long, value_name = "N")]
    pub linea: Option<u16>,
    #[command(flatten)]
    pub valor: Valor,
    #[command(flatten)]
    pub cambio: Cambio,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket borrador pagos FACTURA [--pago FORMA:MEDIO:MONTO[:FECHA]]… [OPCIONES]",
    after_help = "Sin --pago quita las que tenía.\n\n\
                  Ejemplo:\n  factumarket borrador pagos f1 --pago CONTADO:10:50000 --pago CREDITO:30:69000:2026-12-31"
)]
pub struct PagosArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    /// Forma (CONTADO o CREDITO), medio, monto y, a crédito, vencimiento (se puede repetir)
    #[arg(long = "pago", value_name = "FORMA:MEDIO:MONTO[:FECHA]", value_parser = pago)]
    pub pagos: Vec<Pago>,
    #[command(flatten)]
    pub cambio: Cambio,
}

/// A form of payment as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pago {
    pub forma: String,
    pub medio: String,
    pub monto: String,
    pub vencimiento: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket borrador fechas|emitir FACTURA [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket borrador emitir f1 --emision 2026-12-01 --caducidad nunca"
)]
pub struct FechasArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    #[command(flatten)]
    pub fechas: Fechas,
    #[command(flatten)]
    pub cambio: Cambio,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket borrador descartar FACTURA [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket borrador descartar f1"
)]
pub struct DescartarArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    #[command(flatten)]
    pub cambio: Cambio,
}

fn producto(texto: &str) -> Result<(String, String), String> {
    let (producto, cantidad) = texto.rsplit_once('=').ok_or("se escribe PRODUCTO=CANTIDAD; por ejemplo CAFE-500=2")?;
    Ok((producto.trim().to_owned(), cantidad.trim().to_owned()))
}

fn pago(texto: &str) -> Result<Pago, String> {
    let partes: Vec<&str> = texto.split(':').map(str::trim).collect();
    match partes[..] {
        [forma, medio, monto] => {
            Ok(Pago { forma: forma.to_owned(), medio: medio.to_owned(), monto: monto.to_owned(), vencimiento: None })
        }
        [forma, medio, monto, fecha] => Ok(Pago {
            forma: forma.to_owned(),
            medio: medio.to_owned(),
            monto: monto.to_owned(),
            vencimiento: Some(fecha.to_owned()),
        }),
        _ => Err("se escribe FORMA:MEDIO:MONTO o FORMA:MEDIO:MONTO:FECHA; por ejemplo CONTADO:10:50000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lineas_y_pagos_se_leen_por_partes() {
        assert_eq!(producto("A=B=2.5"), Ok(("A=B".to_owned(), "2.5".to_owned())));
        assert!(producto("A").is_err());
        let credito = pago("CREDITO:30: 1190.00 :2026-12-31").expect("pago");
        assert_eq!((credito.monto.as_str(), credito.vencimiento.as_deref()), ("1190.00", Some("2026-12-31")));
        assert!(pago("CONTADO:10").is_err() && pago("a:b:c:d:e").is_err());
    }
}
