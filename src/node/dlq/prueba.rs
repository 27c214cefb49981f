//! What deciding a letter now would lead to: on a core of its own, folded from the log into memory, whose epoch nobody commits.

use std::{sync::Arc, thread, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Dlq, desde_particiones};
use crate::{
    contracts::CommandEnvelope,
    domain::{
        Comando,
        valores::{Id, Instante},
    },
    engine::{
        core::{ClosedEpoch, CoreLimits, Input},
        recovery::{CoreParts, Restore},
        routing::Ownership,
        store::MemoryStore,
    },
    log::{Record, StoredRecord, TopicPartition},
    projections::json as en_json,
};

const GRUPO: &str = "procesador";
/// How long transactions in course are waited for, and how often that is looked at.
const ESPERA: Duration = Duration::from_secs(10);
const PAUSA: Duration = Duration::from_millis(20);

/// The operator's command, as nobody sends it.
pub(super) fn sobre(comando: Comando, ahora: Instante) -> CommandEnvelope {
    let prueba = || Id::compuesto(&["prueba"]);
    CommandEnvelope {
        command_id: prueba(),
        correlation_id: prueba(),
        causation_id: None,
        recibido_en: ahora,
        usuario: None,
        canal: None,
        version_esperada: None,
        responder_a: None,
        traceparent: None,
        paso: None,
        comando,
    }
}

/// Gives the record to a core that is as the log says, as its next input, and tells what it would write.
pub(super) fn probar(dlq: &Dlq, desde: TopicPartition, clave: Bytes, valor: Bytes) -> Result<Value, String> {
    let texto = |e: &dyn std::fmt::Display| e.to_string();
    let ownership = Ownership::all(desde_particiones(&*dlq.log));
    let restore = Restore::aim(&*dlq.log, GRUPO, ownership).map_err(|e| texto(&e))?;
    let desde_cuando = dlq.clock.monotonic();
    while restore.undecided(&*dlq.log).map_err(|e| texto(&e))?.is_some() {
        if dlq.clock.monotonic() - desde_cuando > ESPERA {
            return Err("hay transacciones que no terminan: pruebe otra vez".to_owned());
        }
        thread::sleep(PAUSA);
    }
    let parts = CoreParts {
        emisor: Arc::clone(&dlq.emisor),
        codec: Arc::clone(&dlq.codec),
        store: Arc::new(MemoryStore::default()),
        limits: CoreLimits::default(),
    };
    let ahora = dlq.clock.now();
    let (mut core, _, _) = restore.fold(&*dlq.log, parts, ahora, &mut |_, _| {}).map_err(|e| texto(&e))?;
    let position = dlq.log.watermarks(desde).map_err(|e| texto(&e))?.end;
    let decoded = dlq.codec.decode_command(&valor);
    let record = StoredRecord { position, record: Record { key: clave, value: valor, headers: Vec::new(), timestamp: ahora } };
    core.handle(Input { from: desde, record, decoded }, ahora).map_err(|e| texto(&e))?;
    Ok(contar(core.close(ahora).map_err(|e| texto(&e))?))
}

fn contar(epoca: ClosedEpoch) -> Value {
    let eventos: Vec<Value> = epoca
        .events
        .iter()
        .map(|e| {
            json!({
                "evento": e.record.evento.tipo(),
                "agregado": { "tipo": e.record.sobre.aggregate_tipo.nombre(), "id": e.record.sobre.aggregate_id.as_str() },
                "version": e.record.sobre.aggregate_version,
                "contenido": en_json::cuerpo_de_evento(&e.record.evento),
            })
        })
        .collect();
    let rechazos: Vec<Value> = epoca
        .rejections
        .iter()
        .map(|(_, r)| json!({ "comando": &*r.tipo_comando, "command_id": r.command_id.as_str(), "errores": en_json::fallas(&r.errores) }))
        .collect();
    let apartes = epoca.dead.iter().filter(|(_, carta)| carta.resolucion.is_none());
    let apartados: Vec<Value> = apartes.map(|(_, carta)| json!({ "codigo": &*carta.codigo, "causa": &*carta.causa })).collect();
    let repetido = eventos.is_empty() && rechazos.is_empty() && apartados.is_empty() && epoca.remote.is_empty();
    json!({
        "eventos": eventos,
        "rechazos": rechazos,
        "apartados": apartados,
        "mensajes_a_otros": epoca.remote.len(),
        "repetido": repetido,
    })
}
