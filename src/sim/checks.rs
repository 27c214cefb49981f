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
        valores::{Decimal, Dinero, Id},
    },
    log::{Log, Topic, TopicPartition, simulated::SimulatedLog},
    projections::{
        auditoria::{AUDITORIA, AUDITORIA_SPEC, huella_de_flujo},
        clientes::{CLIENTES, CLIENTES_SPEC},
        existencias::{EXISTENCIAS, EXISTENCIAS_SPEC},
        facturas::{FACTURAS, FACTURAS_SPEC},
        rows::Columns,
        runner::PROYECCIONES,
        ventas::{VENTAS_POR_DIA, VENTAS_POR_PRODUCTO, sumas::Sumas},
    },
    tables::{Table, Tables, TablesError},
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
    findings.extend(sales(issued, reads));
    findings
}

/// What the reports of sales add up to, by day and by product, is what the documents on the log do: invoices that stand, less notes. Deaths
/// between rows and position, and answers that were lost, would count some twice or not at all.
fn sales(issued: &Issued, reads: &ReadSide) -> Vec<String> {
    let cents = |total: Dinero| (total.valor() * Decimal::ONE_HUNDRED).normalize().mantissa();
    let signed = |document: &Document| match document.kind {
        Kind::Standing => cents(document.total),
        Kind::Annulled => 0,
        Kind::Note => -cents(document.total),
    };
    let wanted: i128 = issued.values().map(signed).sum();
    let mut findings = Vec::new();
    for table in [&VENTAS_POR_DIA, &VENTAS_POR_PRODUCTO] {
        match sum(reads, table) {
            Ok(found) if found == wanted => {}
            found => findings.push(format!("R1: {} suma {found:?} centavos y los documentos {wanted}", table.name)),
        }
    }
    findings
}

/// Sold less returned, taxes included, in cents.
fn sum(reads: &ReadSide, table: &'static Table) -> Result<i128, TablesError> {
    let (mut total, mut after) = (0, None);
    loop {
        let (rows, next) = reads.tables.scan(table, after.as_ref(), 1_000)?;
        for row in &rows {
            let sums = Sumas::leer(&Columns::new(table, row))?;
            let (sold, returned) = (&sums.ventas, &sums.devoluciones);
            total += sold.neto + sold.impuestos - returned.neto - returned.impuestos;
        }
        match next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(total),
        }
    }
}

/// What the processors must never ask of the brokers, whether or not this run came to harm by it: the next one would.
fn protocol(log: &SimulatedLog) -> Vec<String> {
    let stats = log.stats();
    let rules = [
        (stats.misdecided, "P1: un EndTxn decidió los registros de otra transacción"),
        (stats.without_position, "P2: una transacción se confirmó sin posición, así que nadie revisó su generación"),
        (
            stats.unheld,
            "P3: una transacción cambió agregados sin retener la posición de sus comandos: quien los herede no la espera",
        ),
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
        if found.is_none_or(|document| *document.numero != **told_numero || document.total != told_total) {
            findings.push(format!("I1: a {command_id} se le dijo {told_numero} por {told_total}, y en el registro está {found:?}"));
        }
    }
    findings
}

/// A document on the log.
#[derive(Debug)]
pub struct Document {
    numero: String,
    total: Dinero,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An invoice that was not annulled.
    Standing,
    Annulled,
    Note,
}

/// Each invoice and note on the log, by its id.
pub type Issued = BTreeMap<Id, Document>;

/// The invoices and notes on the log.
pub fn issued(shared: &Shared) -> Issued {
    let topic = Topic::Eventos(Contexto::Facturacion);
    let of = |partition| shared.log.read(TopicPartition::new(topic, partition), 0, usize::MAX).unwrap_or_default();
    let mut issued = Issued::new();
    for stored in (0..shared.log.partitions(topic)).flat_map(of) {
        let Ok((_, body)) = shared.codec.decode_event_envelope(&stored.record.value) else { continue };
        if !matches!(body.tipo(), "FacturaEmitida" | "FacturaAnulada" | "NotaCreditoEmitida") {
            continue;
        }
        let Ok(evento) = body.decode() else { continue };
        match evento {
            Evento::Factura(EventoFactura::FacturaEmitida(f)) => {
                let (numero, total) = (f.numero.to_string(), f.totales.total);
                issued.insert(f.factura_id.clone(), Document { numero, total, kind: Kind::Standing });
            }
            Evento::Factura(EventoFactura::FacturaAnulada(a)) => {
                if let Some(document) = issued.get_mut(&a.documento.factura_id) {
                    document.kind = Kind::Annulled;
                }
            }
            Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(n)) => {
                let (numero, total) = (n.numero.to_string(), n.totales.total);
                issued.insert(clave_nota(&n.factura_id, &n.nota_id), Document { numero, total, kind: Kind::Note });
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
