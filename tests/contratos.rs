//! The wire: every record against its schema, read by an independent Avro implementation.

#[path = "contratos/cifrado.rs"]
mod cifrado;
mod comun;
#[path = "contratos/dorados.rs"]
mod dorados;
#[path = "contratos/esquemas.rs"]
mod esquemas;
#[path = "contratos/hostiles.rs"]
mod hostiles;
#[path = "contratos/ida_y_vuelta.rs"]
mod ida_y_vuelta;
#[path = "contratos/memoria.rs"]
mod memoria;
#[path = "contratos/versiones.rs"]
mod versiones;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use comun::Muestras;
use factumarket::contracts::{
    Codec, CodecError, CommandEnvelope, EmbeddedRegistry, EventEnvelope, Instantanea, Registro, RegistroAuditoria, RegistroDlq,
    Respuesta,
};
use factumarket::domain::Evento;

static REGISTRO: LazyLock<EmbeddedRegistry> = LazyLock::new(EmbeddedRegistry::in_memory);
static CODEC: LazyLock<Arc<Codec>> = LazyLock::new(|| Arc::new(Codec::new(&*REGISTRO).unwrap()));

/// Any record of the system.
#[derive(Debug, Clone, PartialEq)]
enum Cualquiera {
    Comando(CommandEnvelope),
    Evento(EventEnvelope, Evento),
    Instantanea(Instantanea),
    Respuesta(Respuesta),
    Auditoria(RegistroAuditoria),
    Dlq(RegistroDlq),
}

impl Cualquiera {
    /// One sample of every record type, in the order of `Registro::TODOS`.
    fn todos(g: &mut Muestras) -> Vec<Self> {
        let mut todos = Vec::new();
        for comando in g.comandos() {
            g.aparte(comando.tipo());
            todos.push(Self::Comando(g.comando(comando)));
        }
        for evento in g.eventos() {
            g.aparte(evento.tipo());
            todos.push(Self::Evento(g.sobre(), evento));
        }
        todos.extend(g.instantaneas().into_iter().map(Self::Instantanea));
        g.aparte("Respuesta");
        todos.push(Self::Respuesta(g.respuesta()));
        g.aparte("Auditoria");
        todos.extend(g.auditoria().map(Self::Auditoria));
        g.aparte("RegistroDlq");
        todos.push(Self::Dlq(g.dlq()));
        todos
    }

    fn encode(&self) -> Result<Bytes, CodecError> {
        match self {
            Self::Comando(c) => CODEC.encode_command(c),
            Self::Evento(sobre, evento) => CODEC.encode_event(sobre, evento),
            Self::Instantanea(i) => CODEC.encode_snapshot(i),
            Self::Respuesta(r) => CODEC.encode_reply(r),
            Self::Auditoria(a) => CODEC.encode_audit(a),
            Self::Dlq(d) => CODEC.encode_dlq(d),
        }
    }

    /// Decodes bytes as a record of the same family.
    fn decode_alike(&self, bytes: &[u8]) -> Result<Self, CodecError> {
        Ok(match self {
            Self::Comando(_) => Self::Comando(CODEC.decode_command(bytes)?.envelope),
            Self::Evento(..) => {
                let recorded = CODEC.decode_event(bytes)?;
                Self::Evento(recorded.sobre, recorded.evento)
            }
            Self::Instantanea(_) => Self::Instantanea(CODEC.decode_snapshot(bytes)?),
            Self::Respuesta(_) => Self::Respuesta(CODEC.decode_reply(bytes)?),
            Self::Auditoria(_) => Self::Auditoria(CODEC.decode_audit(bytes)?),
            Self::Dlq(_) => Self::Dlq(CODEC.decode_dlq(bytes)?),
        })
    }
}

/// The samples with the record type each of them is.
fn con_registro(g: &mut Muestras) -> Vec<(Registro, Cualquiera)> {
    let todos = Cualquiera::todos(g);
    assert_eq!(todos.len(), Registro::TODOS.len(), "falta una muestra de algún registro");
    Registro::TODOS.iter().copied().zip(todos).collect()
}
