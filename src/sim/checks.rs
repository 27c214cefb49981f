//! What must hold once a run is at rest: the invariants over the log, the ledger of the clients, the read side.

use std::{collections::BTreeMap, time::Duration};

use super::{clients::Clients, node::Shared, sinks::ReadSide};
use crate::{
    audit::{
        invariantes::{LibroAuditoria, Opciones, Proyeccion, Proyecciones, Sumidero},
        oraculo::verificar_y_juzgar,
    },
    contracts::{RecordedEvent, Resultado},
    domain::{Contexto, Evento, facturacion::factura::EventoFactura},
    log::{Log, StoredRecord, Topic, TopicPartition, simulated::SimulatedLog},
    projections::{
        auditoria::{AUDITORIA, AUDITORIA_SPEC, huella_de_flujo},
        clientes::{CLIENTES, CLIENTES_SPEC},
        existencias::{EXISTENCIAS, EXISTENCIAS_SPEC},
        facturas::{FACTURAS, FACTURAS_SPEC},
        runner::PROYECCIONES,
    },
};

/// What is wrong, for people.
pub fn run(shared: &Shared, clients: &Clients, reads: &ReadSide) -> Vec<String> {
    let sumideros: Vec<Sumidero> = PROYECCIONES.iter().map(|spec| Sumidero { consumidor: spec.name, temas: spec.topics }).collect();
    let proyecciones = Proyecciones {
        tablas: &*reads.tables,
        facturas: Proyeccion { tabla: &FACTURAS, consumidor: FACTURAS_SPEC.name },
        existencias: Proyeccion { tabla: &EXISTENCIAS, consumidor: EXISTENCIAS_SPEC.name },
        clientes: Proyeccion { tabla: &CLIENTES, consumidor: CLIENTES_SPEC.name },
        auditoria: Some(LibroAuditoria {
            proyeccion: Proyeccion { tabla: &AUDITORIA, consumidor: AUDITORIA_SPEC.name },
            flujo: huella_de_flujo,
        }),
        sumideros: &sumideros,
        espera: Duration::ZERO,
    };
    let opciones = Opciones {
        emisor: Some(&shared.emisor),
        proyecciones: Some(proyecciones),
        quieto: true,
        paciencia: Duration::ZERO,
        ..Opciones::default()
    };
    let mut findings = Vec::new();
    match verificar_y_juzgar(&shared.log, &shared.codec, &shared.emisor, &opciones, &mut |_, _| {}) {
        Ok((informe, _)) => {
            for invariante in informe.invariantes.iter().filter(|i| i.fallas > 0) {
                for ejemplo in &invariante.ejemplos {
                    findings.push(format!("{}: {ejemplo}", invariante.codigo));
                }
            }
        }
        Err(error) => findings.push(format!("no se pudo verificar: {error}")),
    }
    findings.extend(ledger(shared, clients));
    findings
}

/// What clients were told of their invoices is what the log has.
fn ledger(shared: &Shared, clients: &Clients) -> Vec<String> {
    let mut issued = BTreeMap::new();
    for stored in documents(shared) {
        if let Ok(RecordedEvent { evento: Evento::Factura(EventoFactura::FacturaEmitida(f)), .. }) =
            shared.codec.decode_event(&stored.record.value)
        {
            issued.insert(f.factura_id.clone(), (f.numero.to_string(), f.totales.total));
        }
    }
    let mut findings = Vec::new();
    for (command_id, resultado) in clients.ledger() {
        let Resultado::Aceptado { factura: Some(told) } = resultado else { continue };
        let found = issued.get(&told.factura_id);
        if found.is_none_or(|(numero, total)| **numero != *told.numero || *total != told.total) {
            findings
                .push(format!("I1: a {command_id} se le dijo {} por {}, y en el registro está {found:?}", told.numero, told.total));
        }
    }
    findings
}

fn documents(shared: &Shared) -> impl Iterator<Item = StoredRecord> {
    let topic = Topic::Eventos(Contexto::Facturacion);
    let of = move |partition| shared.log.read(TopicPartition::new(topic, partition), 0, usize::MAX).unwrap_or_default();
    (0..shared.log.partitions(topic)).flat_map(of)
}

/// Invoices on the log.
pub fn invoices(shared: &Shared) -> u64 {
    let topic = Topic::Eventos(Contexto::Facturacion);
    let issued =
        |value: &bytes::Bytes| shared.codec.decode_event_envelope(value).is_ok_and(|(_, body)| body.tipo() == "FacturaEmitida");
    let of = |partition| shared.log.read(TopicPartition::new(topic, partition), 0, usize::MAX).unwrap_or_default();
    let partitions = 0..shared.log.partitions(topic);
    partitions.flat_map(of).filter(|stored| issued(&stored.record.value)).count() as u64
}

/// Records on the event topics.
pub fn events(log: &SimulatedLog) -> u64 {
    let mut count = 0;
    for topic in Contexto::TODOS.map(Topic::Eventos) {
        for partition in 0..log.partitions(topic) {
            count += log.watermarks(TopicPartition::new(topic, partition)).map_or(0, |marks| marks.stable);
        }
    }
    count
}
