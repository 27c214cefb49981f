//! `auditoria`: every event, refused command and query, append only, by invoice, by correlation id, by time.
//!
//! A record stays where it is, on the log, which keeps it for ever; rows say where. Each record has one row, in the history of its
//! subject: the invoice that it concerns, or else its aggregate. The row by correlation id says which histories a flow wrote to;
//! a row by time, which stretch of the log holds the records of a tenth of a second.

mod cadena;
mod fold;
mod referencias;
mod registro;

pub use cadena::{AUDITORIA_AZULEJOS, AUDITORIA_CADENAS, AUDITORIA_SELLOS, TABLAS_DE_CADENA};
pub use fold::{
    AUDITORIA, AUDITORIA_HORAS, AUDITORIA_POR_CORRELACION, AUDITORIA_POR_TIEMPO, AUDITORIA_SPEC, LIBRO_HORAS, decima_de, hora_de,
    huella_de_flujo,
};
pub use referencias::{factura_de_evento, factura_de_rechazo};
pub use registro::{ORIGEN_API, ORIGEN_PROCESADOR, Registro};
