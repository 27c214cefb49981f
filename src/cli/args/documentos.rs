//! Flags of the commands about one document.

use clap::Args;

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket emitir --ejemplo [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket emitir --ejemplo\n  factumarket emitir --ejemplo --clave pedido-42   (repetida, da la misma factura)"
)]
pub struct EmitirArgs {
    /// Emite la factura de ejemplo; crea su cliente, su producto y sus existencias si faltan
    #[arg(long, required = true)]
    pub ejemplo: bool,
    /// Clave de idempotencia: la misma clave da la misma factura
    #[arg(long, value_name = "CLAVE")]
    pub clave: Option<String>,
}

#[derive(Debug, Args)]
#[command(override_usage = "factumarket factura ID [OPCIONES]", after_help = "Ejemplo:\n  factumarket factura 1 --datos datos")]
pub struct FacturaArgs {
    /// Id de la factura
    #[arg(value_name = "ID")]
    pub id: String,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket nota FACTURA --motivo TEXTO (--linea N=CANTIDAD | --monto N=MONTO | --total) [OPCIONES]",
    after_help = "Ejemplos:\n  factumarket nota 1 --motivo \"llegó golpeado\" --linea 1=2\n  factumarket nota 1 --motivo \"se anula la venta\" --total --concepto ANULACION"
)]
pub struct NotaArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    /// Motivo de la modificación, de 5 a 300 caracteres
    #[arg(long, value_name = "TEXTO")]
    pub motivo: String,
    /// Acredita una cantidad de una línea de la factura (se puede repetir)
    #[arg(long = "linea", value_name = "N=CANTIDAD", value_parser = parte)]
    pub lineas: Vec<(u16, String)>,
    /// Acredita un monto, sin impuestos, de una línea de la factura (se puede repetir)
    #[arg(long = "monto", value_name = "N=MONTO", value_parser = parte)]
    pub montos: Vec<(u16, String)>,
    /// Acredita todas las cantidades de la factura
    #[arg(long, conflicts_with_all = ["lineas", "montos"])]
    pub total: bool,
    /// DEVOLUCION_PARCIAL, ANULACION, DESCUENTO, AJUSTE_PRECIO u OTRO
    #[arg(long, value_name = "CONCEPTO", default_value = "DEVOLUCION_PARCIAL")]
    pub concepto: String,
    /// A dónde vuelve la mercancía: LOTE_NUEVO o REVERSA_FIFO
    #[arg(long, value_name = "POLITICA", default_value = "LOTE_NUEVO")]
    pub politica: String,
    /// La mercancía no vuelve al inventario
    #[arg(long)]
    pub sin_devolucion: bool,
    /// Fecha de emisión AAAA-MM-DD (hoy si no se indica)
    #[arg(long, value_name = "FECHA")]
    pub fecha: Option<String>,
    /// Id de la nota (uno nuevo si no se indica)
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Clave de idempotencia: la misma clave da la misma nota
    #[arg(long, value_name = "CLAVE")]
    pub clave: Option<String>,
}

/// `N=VALOR`: a line of the invoice and a decimal.
fn parte(texto: &str) -> Result<(u16, String), String> {
    let (linea, valor) = texto.split_once('=').ok_or("se escribe N=VALOR; por ejemplo 1=2.5")?;
    let linea = linea.trim().parse().map_err(|_| "N es el número de una línea de la factura, desde 1")?;
    Ok((linea, valor.trim().to_owned()))
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket anular FACTURA --motivo TEXTO [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket anular 1 --motivo \"pedido duplicado\""
)]
pub struct AnularArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    /// Motivo, de 5 a 300 caracteres
    #[arg(long, value_name = "TEXTO")]
    pub motivo: String,
    /// Clave de idempotencia: la misma clave da la misma respuesta
    #[arg(long, value_name = "CLAVE")]
    pub clave: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket respuesta-dian FACTURA --estado ESTADO [OPCIONES]",
    after_help = "Una factura enviada o aceptada ya no se anula: se acredita con una nota.\n\n\
                  Ejemplo:\n  factumarket respuesta-dian 1 --estado RECHAZADA --codigo FAD06 --mensaje \"CUFE inválido\""
)]
pub struct RespuestaDianArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    /// ENVIADA, ACEPTADA o RECHAZADA
    #[arg(long, value_name = "ESTADO")]
    pub estado: String,
    /// Código de la regla que la DIAN cita, hasta 64 caracteres
    #[arg(long, value_name = "CODIGO")]
    pub codigo: Option<String>,
    /// Mensaje de la DIAN, hasta 1000 caracteres
    #[arg(long, value_name = "TEXTO")]
    pub mensaje: Option<String>,
    /// Clave de idempotencia: la misma clave da la misma respuesta
    #[arg(long, value_name = "CLAVE")]
    pub clave: Option<String>,
}
