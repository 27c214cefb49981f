//! What the audit says of a record, from its content alone: to file it, and to show it.

use std::sync::Arc;

use super::referencias::{factura_de_evento, factura_de_rechazo};
use crate::{
    contracts::RegistroAuditoria,
    domain::{
        TipoAgregado,
        valores::{Id, Instante},
    },
    projections::projection::Content,
};

/// `servicio_origen` of refusals, which carry none.
pub const ORIGEN_PROCESADOR: &str = "factumarket.procesador";
/// `servicio_origen` of queries.
pub const ORIGEN_API: &str = "factumarket.api";

/// An audited record.
pub struct Registro<'a> {
    pub ocurrido_en: Instante,
    pub evento: &'static str,
    pub correlation_id: &'a Id,
    /// The invoice it concerns.
    pub factura_id: Option<&'a str>,
    /// Whether this record brings its flow to its history. Those that an invoice's saga caused elsewhere do not: the
    /// invoice's own events, of the same flow, do.
    pub abre_correlacion: bool,
    /// Whose history it goes to when it concerns no invoice.
    ajeno: Ajeno<'a>,
}

/// What a record without an invoice is about.
enum Ajeno<'a> {
    Agregado(TipoAgregado, &'a Id),
    Consulta(&'a str),
}

impl<'a> Registro<'a> {
    /// `None` for what is not audited.
    pub fn de(content: &'a Content) -> Option<Self> {
        match content {
            Content::Event(event) => {
                let (sobre, factura_id) = (&event.sobre, factura_de_evento(event));
                Some(Self {
                    ocurrido_en: sobre.ocurrido_en,
                    evento: event.evento.tipo(),
                    correlation_id: &sobre.correlation_id,
                    factura_id,
                    abre_correlacion: sobre.aggregate_tipo.es_documento() || factura_id.is_none(),
                    ajeno: Ajeno::Agregado(sobre.aggregate_tipo, &sobre.aggregate_id),
                })
            }
            Content::Audit(record) => Some(Self::de_auditoria(record)),
            Content::Dlq(_) => None,
        }
    }

    fn de_auditoria(record: &'a RegistroAuditoria) -> Self {
        match record {
            RegistroAuditoria::Rechazo(rechazo) => Self {
                ocurrido_en: rechazo.ocurrido_en,
                evento: "ComandoRechazado",
                correlation_id: &rechazo.correlation_id,
                factura_id: factura_de_rechazo(rechazo),
                abre_correlacion: true,
                ajeno: Ajeno::Agregado(rechazo.aggregate_tipo, &rechazo.aggregate_id),
            },
            RegistroAuditoria::Consulta(consulta) => Self {
                ocurrido_en: consulta.ocurrido_en,
                evento: "ConsultaRealizada",
                correlation_id: &consulta.correlation_id,
                factura_id: consulta.factura_id.as_ref().map(Id::as_str),
                abre_correlacion: true,
                ajeno: Ajeno::Consulta(&consulta.consulta),
            },
        }
    }

    /// The history it goes to: that of its invoice, or else of its aggregate («Cliente:7») or query.
    pub fn sujeto(&self) -> Arc<str> {
        match (self.factura_id, &self.ajeno) {
            (Some(factura_id), _) => Arc::from(factura_id),
            (None, Ajeno::Agregado(tipo, id)) => Arc::from(format!("{}:{id}", tipo.nombre())),
            (None, Ajeno::Consulta(consulta)) => Arc::from(format!("Consulta:{consulta}")),
        }
    }
}
