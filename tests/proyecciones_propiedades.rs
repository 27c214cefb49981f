//! The laws of the folds: the same rows whatever the batches, the deliveries that repeat and the memory that is lost; and the stock
//! of the rows is the stock of a model that knows nothing of events.

mod proyecciones_comun;

use std::sync::Arc;

use factumarket::{
    domain::{TipoAgregado, valores::Instante},
    log::{Record, StoredRecord, Topic, TopicPartition},
    projections::{
        Anomalies, Consultas, Decoder, PROYECCIONES, Progress,
        projection::{Content, Entry, Projection, ProjectionSpec, TablesReader},
    },
    tables::{SinkPosition, Tables},
};
use proptest::prelude::*;
use proyecciones_comun::{
    EnMemoria, codec,
    memoria::{Memoria, diferencia},
    mundo::{Mundo, dia, id},
};

const INVENTARIOS: [&str; 3] = ["P1:PRINCIPAL", "P1:NORTE", "P2:PRINCIPAL"];
const CLIENTES: [&str; 3] = ["C1", "C2", "C3"];

/// One thing that happens, from four random bytes.
fn suceder(mundo: &mut Mundo, n: usize, [que, a, b, c]: [u8; 4]) {
    let inventario = INVENTARIOS[usize::from(a) % 3];
    let cliente = CLIENTES[usize::from(b) % 3];
    let unidades = i64::from(c % 7) + 1;
    let factura = format!("f{n}");
    match que % 16 {
        0 if mundo.version(TipoAgregado::Cliente, cliente) == 0 => mundo.crear_cliente(cliente),
        0 => mundo.cambiar_correo(cliente, &format!("c{}@ejemplo.co", c % 3)),
        1..=3 => mundo.entrada(inventario, unidades * 3, i64::from(b) + 1, dia(u64::from(c % 4)), (b % 2 == 0).then(|| dia(30))),
        4 => mundo.salida(inventario, unidades),
        5 => mundo.reservar(inventario, &format!("f{}", n + usize::from(c % 4)), unidades),
        6 => mundo.liberar(inventario, &format!("f{}", n.saturating_sub(usize::from(c % 4)))),
        7..=9 => {
            let otro = INVENTARIOS[usize::from(a / 3) % 3];
            let lineas = if otro == inventario { vec![(inventario, unidades)] } else { vec![(inventario, unidades), (otro, 1)] };
            let _ = mundo.emitir(&factura, cliente, &lineas, dia(u64::from(c % 3)));
        }
        10 => {
            mundo.rechazar(&factura, cliente, dia(u64::from(c % 3)));
            (0..b % 3).for_each(|vez| mundo.cambiar_fechas(&factura, dia(u64::from(c % 3 + 1 + vez))));
        }
        11 => {
            mundo.comenzar(&factura, cliente, usize::from(c % 4));
            if b % 2 == 0 {
                mundo.terminar(&factura, cliente);
            }
        }
        14 => {
            mundo.anular(&format!("f{}", n.saturating_sub(usize::from(c % 8))));
        }
        15 => {
            let vendida = format!("f{}", n.saturating_sub(usize::from(c % 8)));
            mundo.acreditar(&vendida, 1, i64::from(b % 3) + 1, b % 2 == 0, dia(u64::from(c % 5)));
        }
        12 => mundo.rechazo(TipoAgregado::Cliente, cliente, &format!("malo-{n}")),
        _ if b % 2 == 0 => mundo.consulta(Some(&format!("f{}", n / 2))),
        _ => {
            mundo.cuarentena(TipoAgregado::Inventario, inventario, true);
            mundo.cuarentena(TipoAgregado::Inventario, inventario, false);
        }
    }
    // Sometimes an hour passes: the audit by time has several.
    mundo.avanzar(if que > 240 { 3_600_000_000 } else { 11 });
}

fn mundo_de(sucesos: &[[u8; 4]]) -> Mundo {
    let mut mundo = Mundo::new(codec());
    sucesos.iter().enumerate().for_each(|(n, suceso)| suceder(&mut mundo, n, *suceso));
    mundo
}

/// The records of each partition, decoded, with their positions.
fn particiones(mundo: &Mundo) -> Vec<(TopicPartition, Vec<Entry>)> {
    let codec = codec();
    let mut particiones: Vec<(TopicPartition, Vec<Entry>)> = Vec::new();
    for (partition, record) in &mundo.records {
        let lugar = particiones.iter().position(|(p, _)| p == partition).unwrap_or_else(|| {
            particiones.push((*partition, Vec::new()));
            particiones.len() - 1
        });
        let entradas = &mut particiones[lugar].1;
        let content = match partition.topic {
            Topic::Auditoria => Content::Audit(Box::new(codec.audit(&record.value).expect("auditoría"))),
            _ => Content::Event(Box::new(codec.event(&record.value).expect("evento"))),
        };
        entradas.push(Entry {
            partition: *partition,
            position: entradas.len() as u64,
            timestamp: record.timestamp,
            key: record.key.clone(),
            value: record.value.clone(),
            content,
        });
    }
    particiones
}

fn aplicar(tables: &Memoria, spec: &'static ProjectionSpec, fold: &mut dyn Projection, lote: &[Entry]) {
    for entrada in lote {
        fold.fold(entrada, &TablesReader(tables)).expect("pliegue");
    }
    let mut writes = Vec::new();
    fold.flush(&mut writes);
    let posiciones: Vec<_> = lote
        .last()
        .map(|ultima| SinkPosition { consumer: spec.name, partition: ultima.partition, next: ultima.position + 1 })
        .into_iter()
        .collect();
    tables.apply(writes, &posiciones).expect("aplicar");
}

fn de_este(spec: &ProjectionSpec, partition: TopicPartition) -> bool {
    spec.topics.contains(&partition.topic)
}

/// Everything in one batch a partition: what the rest must equal.
fn referencia(mundo: &Mundo) -> Memoria {
    let tables = Memoria::default();
    for (partition, entradas) in particiones(mundo) {
        for spec in PROYECCIONES.iter().filter(|s| de_este(s, partition)) {
            aplicar(&tables, spec, &mut *(spec.fresh)(Anomalies::new()), &entradas);
        }
    }
    tables
}

/// Batches cut by `cortes`; some go back and deliver again, some lose the memory first.
fn accidentada(mundo: &Mundo, cortes: &[(u8, u8)]) -> Memoria {
    let tables = Memoria::default();
    let mut cortes = cortes.iter().copied().cycle();
    for (partition, entradas) in particiones(mundo).into_iter().rev() {
        for spec in PROYECCIONES.iter().filter(|s| de_este(s, partition)) {
            let mut fold = (spec.fresh)(Anomalies::new());
            let mut desde = 0;
            let mut repeticiones = 0;
            while desde < entradas.len() {
                let (corte, accidente) = cortes.next().unwrap_or((1, 0));
                let hasta = (desde + 1 + usize::from(corte % 9)).min(entradas.len());
                aplicar(&tables, spec, &mut *fold, &entradas[desde..hasta]);
                desde = hasta;
                if accidente % 3 == 1 {
                    fold = (spec.fresh)(Anomalies::new());
                }
                if accidente % 4 == 2 && repeticiones < 12 {
                    repeticiones += 1;
                    desde = desde.saturating_sub(usize::from(accidente / 4) % 12 + 1);
                }
                if accidente % 5 == 3 {
                    fold.forget();
                }
            }
        }
    }
    tables
}

fn consultas(mundo: &Mundo) -> Consultas {
    let mut registros = EnMemoria::default();
    for (partition, entradas) in particiones(mundo) {
        registros.0.extend(entradas.into_iter().map(|entrada| {
            let Entry { position, timestamp, key, value, .. } = entrada;
            (partition, StoredRecord { position, record: Record { key, value, headers: Vec::new(), timestamp } })
        }));
    }
    Consultas::new(Arc::new(referencia(mundo)), codec(), Arc::new(registros), Progress::at_rest())
}

fn sucesos() -> impl Strategy<Value = Vec<[u8; 4]>> {
    proptest::collection::vec(any::<[u8; 4]>(), 1..90)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_repeats_and_lost_memory_end_in_the_same_rows(
        sucesos in sucesos(),
        cortes in proptest::collection::vec(any::<(u8, u8)>(), 1..40),
    ) {
        let mundo = mundo_de(&sucesos);
        prop_assert_eq!(diferencia(&accidentada(&mundo, &cortes).volcado(), &referencia(&mundo).volcado()), None);
    }

    #[test]
    fn the_stock_of_the_rows_is_that_of_the_model(sucesos in sucesos()) {
        let mundo = mundo_de(&sucesos);
        let consultas = consultas(&mundo);
        for (inventario, modelo) in &mundo.existencias {
            let (producto, bodega) = inventario.split_once(':').expect("clave");
            let vista = consultas.stock(&id(producto), &id(bodega)).expect("consulta").expect("existencia");
            let cifra = |d: rust_decimal::Decimal| d.normalize().to_string();
            prop_assert_eq!(vista["stock"].as_str().expect("stock"), cifra(modelo.stock()));
            prop_assert_eq!(vista["reservado"].as_str().expect("reservado"), cifra(modelo.reservado()));
            prop_assert_eq!(vista["valor"].as_str().expect("valor"), cifra(modelo.valor()));
            let lotes: Vec<_> = vista["lotes"].as_array().expect("lotes").iter()
                .map(|l| (l["fecha_ingreso"].as_str().unwrap_or("").to_owned(), l["secuencia"].as_u64(), l["cantidad"].as_str().unwrap_or("").to_owned()))
                .collect();
            let esperados: Vec<_> = modelo.lotes.iter()
                .map(|((fecha, secuencia), (cantidad, _))| (fecha.to_string(), Some(*secuencia), cifra(*cantidad)))
                .collect();
            prop_assert_eq!(lotes, esperados);
            prop_assert_eq!(vista["version"].as_u64(), Some(mundo.version(TipoAgregado::Inventario, inventario)));
        }
    }

    #[test]
    fn every_record_is_audited_once_and_pages_join_without_a_seam(sucesos in sucesos(), limite in 1usize..20) {
        let mundo = mundo_de(&sucesos);
        let consultas = consultas(&mundo);
        let mut pagina = factumarket::projections::Pagina { limite, despues: None };
        let mut vistos = Vec::new();
        loop {
            let tramo = consultas.auditoria(None, None, None, &pagina).expect("auditoría");
            vistos.extend(tramo.items.iter().map(|r| (r["timestamp"].as_str().unwrap_or("").to_owned(), r["origen"].to_string())));
            prop_assert_eq!(tramo.tiene_mas, tramo.despues.is_some());
            if !tramo.tiene_mas {
                break;
            }
            pagina.despues = tramo.despues;
        }
        prop_assert_eq!(vistos.len(), mundo.records.len());
        prop_assert!(vistos.windows(2).all(|w| w[0].0 <= w[1].0), "desordenado");
        let mut unicos: Vec<_> = vistos.iter().map(|v| &v.1).collect();
        unicos.sort_unstable();
        unicos.dedup();
        prop_assert_eq!(unicos.len(), mundo.records.len());
    }

    #[test]
    fn a_stretch_of_time_is_that_stretch_of_the_whole(sucesos in sucesos(), (uno, otro) in any::<(u16, u16)>(), limite in 1usize..9) {
        let mundo = mundo_de(&sucesos);
        let consultas = consultas(&mundo);
        let todo = registros(&consultas, None, None, 100);
        prop_assume!(!todo.is_empty());
        let instante = |n: u16| todo[(usize::from(n) * todo.len()) >> 16].0;
        let (desde, hasta) = (instante(uno.min(otro)), instante(uno.max(otro)));
        let esperado: Vec<_> = todo.iter().filter(|(i, _)| (desde..=hasta).contains(i)).cloned().collect();
        prop_assert_eq!(registros(&consultas, Some(desde), Some(hasta), limite), esperado);
    }
}

/// Instant and place of the records between two instants, page by page.
fn registros(consultas: &Consultas, desde: Option<Instante>, hasta: Option<Instante>, limite: usize) -> Vec<(Instante, String)> {
    let (mut pagina, mut vistos) = (factumarket::projections::Pagina { limite, despues: None }, Vec::new());
    loop {
        let tramo = consultas.auditoria(None, desde, hasta, &pagina).expect("auditoría");
        vistos.extend(tramo.items.iter().map(|r| {
            let instante = chrono::DateTime::parse_from_rfc3339(r["timestamp"].as_str().unwrap_or("")).expect("instante");
            (Instante(instante.timestamp_micros()), r["origen"].to_string())
        }));
        if !tramo.tiene_mas {
            return vistos;
        }
        pagina.despues = tramo.despues;
    }
}
