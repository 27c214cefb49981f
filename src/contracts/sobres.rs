//! Envelopes and the records that are neither command nor event.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::{
    domain::{
        Comando, Evento, TipoAgregado,
        catalogo::{
            bodega::Bodega,
            cliente::{Cliente, ComandoCliente},
            descuento::Descuento,
            producto::Producto,
            sucursal::Sucursal,
        },
        cuarentena::Apartado,
        facturacion::{
            factura::{ComandoFactura, DireccionRespuesta, Factura, PasoSaga},
            nota_credito::{ComandoNotaCredito, NotaCredito},
        },
        inventario::Inventario,
        numeracion::RangoNumeracion,
        reglas::Falla,
        valores::{Dinero, Id, Instante},
    },
    log::{Position, TopicPartition},
};

/// A command with everything its decision may depend on. Fixed at the edge; a replay sees the same.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandEnvelope {
    pub command_id: Id,
    pub correlation_id: Id,
    pub causation_id: Option<Id>,
    /// Set once, at the edge; it defines *hoy*.
    pub recibido_en: Instante,
    pub usuario: Option<Arc<str>>,
    pub canal: Option<Arc<str>>,
    pub version_esperada: Option<u64>,
    pub responder_a: Option<DireccionRespuesta>,
    /// W3C trace context, when the caller sent one.
    pub traceparent: Option<Arc<str>>,
    /// Present on the steps of a saga: who answers, answers to this.
    pub paso: Option<PasoSaga>,
    pub comando: Comando,
}

impl CommandEnvelope {
    /// Whether it is a message between aggregates: a step, an answer or a question. Nobody outside waits for it.
    pub fn es_de_saga(&self) -> bool {
        self.paso.is_some()
            || matches!(
                self.comando,
                Comando::Factura(ComandoFactura::RespuestaPaso { .. } | ComandoFactura::ClienteConsultado { .. })
                    | Comando::NotaCredito(ComandoNotaCredito::RespuestaPasoNota { .. })
                    | Comando::Cliente(ComandoCliente::ConsultarCliente { .. })
            )
    }
}

/// First 16 bytes of SHA-256 over the command's body on the wire (without its envelope):
/// the same id with another fingerprint is `ClaveIdempotenciaEnConflicto`. Where two commands of an aggregate may have one body, the
/// command's name counts too.
pub type Huella = [u8; 16];

/// The input that led to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrada {
    pub particion: TopicPartition,
    pub posicion: Position,
}

/// Envelope of every event (`dominio.md` section 5).
#[derive(Debug, Clone, PartialEq)]
pub struct EventEnvelope {
    /// UUIDv7.
    pub event_id: Uuid,
    pub version_esquema: u16,
    pub aggregate_tipo: TipoAgregado,
    pub aggregate_id: Id,
    /// 1, 2, 3… without holes.
    pub aggregate_version: u64,
    pub ocurrido_en: Instante,
    pub entrada: Entrada,
    pub correlation_id: Id,
    /// The command or event that caused it.
    pub causation_id: Arc<str>,
    pub command_id: Id,
    /// Fingerprint of that command, kept so that its reuse with other content is found after any restart.
    pub huella: Option<Huella>,
    pub servicio_origen: Arc<str>,
    pub usuario: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    pub sobre: EventEnvelope,
    pub evento: Evento,
}

/// State of an aggregate, for snapshots and the local store.
#[derive(Debug, Clone, PartialEq)]
pub enum EstadoAgregado {
    Cliente(Box<Cliente>),
    Producto(Box<Producto>),
    Descuento(Box<Descuento>),
    Sucursal(Box<Sucursal>),
    Bodega(Box<Bodega>),
    Inventario(Box<Inventario>),
    Rango(Box<RangoNumeracion>),
    Factura(Box<Factura>),
    NotaCredito(Box<NotaCredito>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Instantanea {
    pub aggregate_tipo: TipoAgregado,
    pub aggregate_id: Id,
    pub aggregate_version: u64,
    /// Version of the snapshot's own schema; another one is skipped and the events are folded.
    pub version_esquema: u16,
    pub estado: EstadoAgregado,
}

/// A refused command, on topic `auditoria`, in the transaction of its epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct ComandoRechazado {
    pub event_id: Uuid,
    pub command_id: Id,
    pub huella: Huella,
    /// `CrearCliente`…
    pub tipo_comando: Arc<str>,
    pub aggregate_tipo: TipoAgregado,
    pub aggregate_id: Id,
    /// Version of the aggregate the refusal was given on; 0 when it does not exist.
    pub aggregate_version: u64,
    pub correlation_id: Id,
    pub ocurrido_en: Instante,
    /// `recibido_en` of the command.
    pub recibido_en: Instante,
    pub entrada: Entrada,
    pub usuario: Option<Arc<str>>,
    pub errores: Vec<Falla>,
}

/// A query that somebody made, on topic `auditoria`, written by the API.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsultaRealizada {
    pub event_id: Uuid,
    /// Name of the query: `facturas.obtener`…
    pub consulta: Arc<str>,
    /// The invoice it concerns, when there is one.
    pub factura_id: Option<Id>,
    pub parametros: Vec<(Arc<str>, Arc<str>)>,
    pub correlation_id: Id,
    pub ocurrido_en: Instante,
    pub usuario: Option<Arc<str>>,
}

/// What `auditoria` carries.
#[derive(Debug, Clone, PartialEq)]
pub enum RegistroAuditoria {
    Rechazo(ComandoRechazado),
    Consulta(ConsultaRealizada),
}

/// Where in its way a record could not be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EtapaDlq {
    Decodificar,
    Validar,
    Decidir,
    Confirmar,
    Proyectar,
}

impl EtapaDlq {
    pub const TODAS: [Self; 5] = [Self::Decodificar, Self::Validar, Self::Decidir, Self::Confirmar, Self::Proyectar];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::Decodificar => "decodificar",
            Self::Validar => "validar",
            Self::Decidir => "decidir",
            Self::Confirmar => "confirmar",
            Self::Proyectar => "proyectar",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODAS.into_iter().find(|e| e.nombre() == nombre)
    }
}

/// What an operator did with a record of the DLQ.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolucionApartado {
    /// Discarded; else it was given to be decided again.
    pub descartado: bool,
    pub motivo: Arc<str>,
    pub usuario: Option<Arc<str>>,
    pub en: Instante,
}

/// A record that could not be processed: its original bytes and why. Or, with `resolucion` and no bytes, what became of one.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistroDlq {
    pub entrada: Entrada,
    pub clave: Bytes,
    pub valor: Bytes,
    pub command_id: Option<Id>,
    pub correlation_id: Option<Id>,
    pub aggregate: Option<(TipoAgregado, Id)>,
    pub etapa: EtapaDlq,
    /// `ClaveAjena`, `Indecodificable`, `Panico`, `EnCuarentena`…
    pub codigo: Arc<str>,
    pub causa: Arc<str>,
    pub intentos: u32,
    pub primera_vez: Instante,
    pub version_procesador: Arc<str>,
    /// Its own id; `None` in records of the first version of the contract.
    pub apartado: Option<Apartado>,
    pub resolucion: Option<ResolucionApartado>,
}

/// Amounts of an issued invoice, enough for the body of a 201.
#[derive(Debug, Clone, PartialEq)]
pub struct ResumenFactura {
    pub factura_id: Id,
    /// Empty when it was refused.
    pub numero: Arc<str>,
    /// `EMITIDA`, `RECHAZADA`…
    pub estado: Arc<str>,
    pub fecha_emision: chrono::NaiveDate,
    pub moneda: Arc<str>,
    pub subtotal: Dinero,
    pub impuestos: Dinero,
    pub total: Dinero,
}

/// Amounts of an issued credit note, enough for the body of a 201.
#[derive(Debug, Clone, PartialEq)]
pub struct ResumenNota {
    pub factura_id: Id,
    pub nota_id: Id,
    pub numero: Arc<str>,
    /// `EMITIDA`.
    pub estado: Arc<str>,
    pub fecha_emision: chrono::NaiveDate,
    pub moneda: Arc<str>,
    pub subtotal: Dinero,
    pub impuestos: Dinero,
    pub total: Dinero,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Resultado {
    Aceptado {
        factura: Option<ResumenFactura>,
    },
    Rechazado {
        errores: Vec<Falla>,
    },
    /// Went to the DLQ or waits behind a quarantine.
    Apartado {
        codigo: Arc<str>,
        causa: Arc<str>,
    },
    /// The same command is still in course (its saga is open).
    EnCurso,
    /// It issued a credit note.
    NotaAceptada {
        nota: Box<ResumenNota>,
    },
}

/// Version of an aggregate that a command touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionAgregado {
    pub tipo: TipoAgregado,
    pub id: Id,
    pub version: u64,
}

/// Outcome of a command, on topic `respuestas`.
#[derive(Debug, Clone, PartialEq)]
pub struct Respuesta {
    pub peticion: u64,
    pub command_id: Id,
    /// The command had been decided before: this is the same answer again.
    pub repetido: bool,
    pub resultado: Resultado,
    pub versiones: Vec<VersionAgregado>,
    /// Event partitions that the epoch wrote for this command.
    pub particiones: Vec<TopicPartition>,
}
