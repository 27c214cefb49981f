//! `auditoria`: every event, refused command and query, append only, by invoice, by correlation id, by time.
//!
//! The payload is kept once, in the history of its subject: the invoice that a record concerns, or else its aggregate. The row by
//! correlation id says which histories a flow wrote to; the row by time points into a history. The hash chain and its seals
//! belong to `audit`: their columns go beside `payload`.

mod fold;
mod referencias;

pub use fold::{
    AUDITORIA, AUDITORIA_HORAS, AUDITORIA_POR_CORRELACION, AUDITORIA_POR_TIEMPO, AUDITORIA_SPEC, LIBRO_HORAS, ORIGEN_API,
    ORIGEN_PROCESADOR, hora_de,
};
pub use referencias::{factura_de_evento, factura_de_rechazo};
