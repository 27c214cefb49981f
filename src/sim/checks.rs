//! What must hold once a run is at rest: the invariants over the log, the ledger of the clients, the read side.

use std::{collections::BTreeMap, time::Duration};

use super::{clients::Clients, node::Shared, sinks::ReadSide};
use crate::{
    audit::{
        invariantes::{LibroAuditoria, Opciones, Proyeccion, Proyecciones, Sumidero},
        oraculo::verificar_y_juzgar,
    },
    contracts::Resultado,
    domain::{
        Contexto, Evento,
        facturacion::{
            factura::EventoFactura,
            nota_credito::{EventoNotaCredito, clave_nota},
        },
        valores::{Dinero, Id},
    },
    log::{Log, Topic, TopicPartition, simulated::SimulatedLog},
    projections::{
        auditoria::{AUDITORIA, AUDITORIA_SPEC, huella_de_flujo},
        clientes::{CLIENTES, CLIENTES_SPEC},
        existencias::{EXISTENCIAS, EXISTENCIAS_SPEC},
        facturas::{FACTURAS, FACTURAS_SPEC},
        runner::PROYECCIONES,
    },
};

/// What is wrong, for people.
pub fn run(shared: &Shared, clients: &Clients, reads: &ReadSide, issued: &Issued) -> Vec<String> {
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
    let mut findings = protocol(&shared.log);
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
    findings.extend(ledger(issued, clients));
    findings
}

/// What the processors must never ask of the brokers, whether or not this run came to harm by it: the next one would.
fn protocol(log: &SimulatedLog) -> Vec<String> {
    let stats = log.stats();
    let rules = [
        (stats.misdecided, "P1: un EndTxn decidió los registros de otra transacción"),
        (stats.without_position, "P2: una transacción se confirmó sin posición, así que nadie revisó su generación"),
    ];
    rules.into_iter().filter(|(times, _)| *times > 0).map(|(times, what)| format!("{what} ({times})")).collect()
}

/// What clients were told of their invoices and notes is what the log has.
fn ledger(issued: &Issued, clients: &Clients) -> Vec<String> {
    let mut findings = Vec::new();
    for (command_id, resultado) in clients.ledger() {
        let (id, told_numero, told_total) = match resultado {
            Resultado::Aceptado { factura: Some(told) } => (told.factura_id.clone(), &told.numero, told.total),
            Resultado::NotaAceptada { nota } => (clave_nota(&nota.factura_id, &nota.nota_id), &nota.numero, nota.total),
            _ => continue,
        };
        let found = issued.get(&id);
        if found.is_none_or(|(numero, total)| **numero != **told_numero || *total != told_total) {
            findings.push(format!("I1: a {command_id} se le dijo {told_numero} por {told_total}, y en el registro está {found:?}"));
        }
    }
    findings
}

/// Number and total of each invoice and note on the log, by its id.
pub type Issued = BTreeMap<Id, (String, Dinero)>;

/// The invoices and notes on the log.
pub fn issued(shared: &Shared) -> Issued {
    let topic = Topic::Eventos(Contexto::Facturacion);
    let of = |partition| shared.log.read(TopicPartition::new(topic, partition), 0, usize::MAX).unwrap_or_default();
    let mut issued = Issued::new();
    for stored in (0..shared.log.partitions(topic)).flat_map(of) {
        let Ok((_, body)) = shared.codec.decode_event_envelope(&stored.record.value) else { continue };
        if !matches!(body.tipo(), "FacturaEmitida" | "NotaCreditoEmitida") {
            continue;
        }
        let Ok(evento) = body.decode() else { continue };
        match evento {
            Evento::Factura(EventoFactura::FacturaEmitida(f)) => {
                issued.insert(f.factura_id.clone(), (f.numero.to_string(), f.totales.total));
            }
            Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(n)) => {
                issued.insert(clave_nota(&n.factura_id, &n.nota_id), (n.numero.to_string(), n.totales.total));
            }
            _ => {}
        }
    }
    issued
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
