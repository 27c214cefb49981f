//! The same, of credit notes and annulments.

use super::fichas::{
    Ficha,
    Ruta::{AnularAceptada, AnularTarde, LineaDeNota, Nota, NotaDeAnulada, NotaSuelta},
    ficha,
};
use crate::domain::reglas::Regla;

/// The rules of credit notes and annulments, in the order of the domain's table.
pub const FICHAS_NOTAS: &[Ficha] = &[
    ficha(
        Regla::NotaCreditoTieneLineas,
        "E",
        "la nota tiene al menos una línea",
        Nota,
        r#"{"id":"n1","concepto":"OTRO","motivo":"no dice qué","fecha_emision":"2026-11-24"}"#,
    ),
    ficha(
        Regla::NotaCreditoExiste,
        "siempre",
        "la nota que se edita o se emite existe",
        LineaDeNota,
        r#"{"linea_factura":1,"cantidad":1}"#,
    ),
    ficha(
        Regla::MotivoValido,
        "C E",
        "de 5 a 300 caracteres, sin caracteres de control",
        Nota,
        r#"{"id":"n1","concepto":"OTRO","motivo":"no","fecha_emision":"2026-11-24","lineas":[{"linea_factura":1,"cantidad":1}]}"#,
    ),
    ficha(
        Regla::FacturaExiste,
        "E",
        "la factura que se acredita o se anula existe",
        NotaSuelta,
        r#"{"id":"n1","factura_id":"f9","concepto":"OTRO","motivo":"no se quiere","fecha_emision":"2026-11-24","lineas":[{"linea_factura":1,"cantidad":1}]}"#,
    ),
    ficha(
        Regla::FacturaAcreditable,
        "E",
        "la factura está EMITIDA",
        NotaDeAnulada,
        r#"{"id":"n1","concepto":"OTRO","motivo":"no se quiere","fecha_emision":"2026-11-24","lineas":[{"linea_factura":1,"cantidad":1}]}"#,
    ),
    ficha(
        Regla::LineasValidasContraFactura,
        "E",
        "cada línea existe en la factura, y lo pedido con lo ya acreditado no pasa de lo facturado",
        Nota,
        r#"{"id":"n1","concepto":"DEVOLUCION_PARCIAL","motivo":"llegó golpeado","fecha_emision":"2026-11-24","lineas":[{"linea_factura":1,"cantidad":2},{"linea_factura":1,"cantidad":2}]}"#,
    ),
    ficha(
        Regla::FechaEmisionPosteriorFactura,
        "E",
        "la nota es posterior a la factura; del mismo día o después con `emisor.nota_credito_mismo_dia`",
        Nota,
        r#"{"id":"n1","concepto":"OTRO","motivo":"no se quiere","lineas":[{"linea_factura":1,"cantidad":1}]}"#,
    ),
    ficha(
        Regla::PlazoNotaCreditoValido,
        "E",
        "a lo sumo `emisor.plazo_nota_credito_dias` días desde la factura, el último incluido",
        Nota,
        r#"{"id":"n1","concepto":"OTRO","motivo":"no se quiere","fecha_emision":"2026-12-24","lineas":[{"linea_factura":1,"cantidad":1}]}"#,
    ),
    ficha(
        Regla::InventarioExisteParaNotaCredito,
        "E",
        "hay inventario de cada producto que vuelve, en la bodega a la que vuelve",
        Nota,
        r#"{"id":"n1","concepto":"DEVOLUCION_PARCIAL","motivo":"llegó golpeado","fecha_emision":"2026-11-24","lineas":[{"linea_factura":1,"cantidad":1,"bodega_id":"SEGUNDA"}]}"#,
    ),
    ficha(
        Regla::PoliticaRetornoValida,
        "E",
        "REVERSA_FIFO devuelve a la bodega de la que salió",
        Nota,
        r#"{"id":"n1","concepto":"DEVOLUCION_PARCIAL","motivo":"llegó golpeado","politica_retorno":"REVERSA_FIFO","fecha_emision":"2026-11-24","lineas":[{"linea_factura":1,"cantidad":1,"bodega_id":"SEGUNDA"}]}"#,
    ),
    ficha(
        Regla::FacturaAnulable,
        "al anular",
        "sin notas emitidas ni en curso, y no enviada a la DIAN o rechazada por ella",
        AnularAceptada,
        r#"{"motivo":"pedido duplicado"}"#,
    ),
    ficha(
        Regla::PlazoAnulacionValido,
        "al anular",
        "a lo sumo `emisor.plazo_anulacion_dias` días desde la factura, el último incluido",
        AnularTarde,
        r#"{"motivo":"pedido duplicado"}"#,
    ),
];
