//! I10: the audit's rows against the log, on a table of the audit's shape that these tests write themselves.

use std::sync::Arc;

use super::cuentas::{tienda, vender};
use crate::{
    audit::{
        invariantes::{Codigo, Informe, LibroAuditoria, Opciones, Proyeccion, Proyecciones, Sumidero, verificar},
        pruebas::nodos::{Nodos, id},
    },
    contracts::{ConsultaRealizada, RegistroAuditoria},
    domain::{
        Contexto,
        valores::{Id, Instante},
    },
    log::{Log, Position, Record, Topic, TopicPartition},
    tables::{
        Column, ColumnType, Order, Row, SinkPosition, Table, Tables, Value, Write,
        embedded::{EmbeddedTables, EmbeddedTablesOptions},
    },
};

const fn columna(name: &'static str, kind: ColumnType) -> Column {
    Column { name, kind }
}

static LIBRO: Table = Table {
    name: "libro",
    doc: "de prueba",
    partition: &[columna("sujeto", ColumnType::Text)],
    clustering: &[
        (columna("ocurrido_en", ColumnType::Timestamp), Order::Asc),
        (columna("tema", ColumnType::Int), Order::Asc),
        (columna("particion", ColumnType::Int), Order::Asc),
        (columna("posicion", ColumnType::Int), Order::Asc),
    ],
    columns: &[columna("flujo", ColumnType::Int)],
};

const TEMAS: [Topic; 5] = [
    Topic::Eventos(Contexto::Facturacion),
    Topic::Eventos(Contexto::Inventario),
    Topic::Eventos(Contexto::Catalogo),
    Topic::Eventos(Contexto::Numeracion),
    Topic::Auditoria,
];

fn flujo(correlation_id: &Id) -> i64 {
    correlation_id.as_str().len() as i64
}

fn fila(sujeto: &str, ocurrido_en: Instante, tp: TopicPartition, posicion: Position, correlation_id: &Id) -> Row {
    let entero = |n: u64| Value::Int(i64::try_from(n).expect("entero"));
    let key = vec![
        Value::Text(sujeto.into()),
        Value::Timestamp(ocurrido_en),
        entero(u64::from(tp.topic.codigo())),
        entero(u64::from(tp.partition)),
        entero(posicion),
    ];
    Row { key, values: vec![Value::Int(flujo(correlation_id))], version: 1 }
}

/// The rows that a log must have, and where the sink stands.
fn filas(nodos: &Nodos) -> (Vec<Row>, Vec<SinkPosition>) {
    let (mut filas, mut posiciones) = (Vec::new(), Vec::new());
    for partition in TEMAS.into_iter().flat_map(|tema| (0..nodos.log.partitions(tema)).map(move |p| TopicPartition::new(tema, p))) {
        let mut next = 0;
        for registro in nodos.log.leer(partition, 0) {
            let (ocurrido_en, correlation_id) = match partition.topic {
                Topic::Auditoria => match nodos.codec.decode_audit(&registro.record.value).expect("auditoría") {
                    RegistroAuditoria::Rechazo(r) => (r.ocurrido_en, r.correlation_id),
                    RegistroAuditoria::Consulta(c) => (c.ocurrido_en, c.correlation_id),
                },
                _ => {
                    let sobre = nodos.codec.decode_event(&registro.record.value).expect("evento").sobre;
                    (sobre.ocurrido_en, sobre.correlation_id)
                }
            };
            filas.push(fila("alguien", ocurrido_en, partition, registro.position, &correlation_id));
            next = registro.position + 1;
        }
        posiciones.push(SinkPosition { consumer: "auditoria", partition, next });
    }
    (filas, posiciones)
}

fn consultar(nodos: &Nodos) {
    let consulta = ConsultaRealizada {
        event_id: uuid::Uuid::from_u128(7),
        consulta: "facturas.obtener".into(),
        factura_id: Some(id("f1")),
        parametros: Vec::new(),
        correlation_id: id("quien-pregunta"),
        ocurrido_en: nodos.ahora,
        usuario: None,
    };
    let value = nodos.codec.encode_audit(&RegistroAuditoria::Consulta(consulta)).expect("consulta");
    let record = Record { key: b"f1".as_slice().into(), value, headers: Vec::new(), timestamp: nodos.ahora };
    nodos.log.append(vec![(TopicPartition::new(Topic::Auditoria, 0), record)]).and_then(|p| p.wait()).expect("registro");
}

/// Verifies with the rows changed.
fn con(cambiar: impl FnOnce(&mut Vec<Row>, &mut Vec<SinkPosition>)) -> Informe {
    let mut nodos = tienda(1);
    vender(&mut nodos, 20);
    consultar(&nodos);
    let (mut filas, mut posiciones) = filas(&nodos);
    cambiar(&mut filas, &mut posiciones);
    let dir = tempfile::tempdir().expect("carpeta");
    let tablas = EmbeddedTables::open(dir.path(), EmbeddedTablesOptions::default()).expect("tablas");
    tablas.declare(&[&LIBRO]).expect("tabla");
    let escrituras = filas.into_iter().map(|row| Write::Insert { table: &LIBRO, row }).collect();
    tablas.apply(escrituras, &posiciones).expect("filas");
    let proyeccion = Proyeccion { tabla: &LIBRO, consumidor: "auditoria" };
    // The other read models are not kept: their sinks have read nothing, and are not looked at.
    let ninguna = Proyeccion { tabla: &LIBRO, consumidor: "ninguna" };
    let proyecciones = Proyecciones {
        tablas: &*tablas,
        facturas: ninguna,
        existencias: ninguna,
        clientes: ninguna,
        auditoria: Some(LibroAuditoria { proyeccion, flujo }),
        sumideros: &[Sumidero { consumidor: "auditoria", temas: &TEMAS }],
        espera: std::time::Duration::ZERO,
    };
    let opciones = Opciones { emisor: Some(&nodos.emisor), proyecciones: Some(proyecciones), quieto: true, ..Opciones::default() };
    verificar(&*nodos.log, &nodos.codec, &opciones, &mut |_, _| {}).expect("verificación")
}

fn solo(codigo: Codigo, texto: &str, cambiar: impl FnOnce(&mut Vec<Row>, &mut Vec<SinkPosition>)) {
    let informe = con(cambiar);
    assert!(informe.de(codigo).ejemplos.iter().any(|e| e.contains(texto)), "«{texto}» no está en {:#}", informe.to_json());
    assert_eq!((informe.de(codigo).fallas, informe.fallas()), (1, 1), "{:#}", informe.to_json());
}

#[test]
fn every_event_refusal_and_query_once() {
    let informe = con(|_, _| {});
    assert!(informe.sano(), "{:#}", informe.to_json());
    let esperadas = informe.eventos + informe.rechazados + informe.consultas;
    assert_eq!((informe.filas_auditoria, informe.de(Codigo::I10).revisados), (esperadas, esperadas));
    assert!(informe.consultas == 1 && informe.rechazados > 0);
}

#[test]
fn i10_a_record_that_is_missing() {
    solo(Codigo::I10, "no está en la auditoría", |filas, _| {
        filas.remove(filas.len() / 2);
    });
}

#[test]
fn i10_a_row_of_nothing() {
    solo(Codigo::I10, "donde no hay nada que auditar", |filas, _| {
        // The last position before a control record, moved onto it.
        let ultima = filas.iter().rposition(|f| f.key[2] == Value::Int(4)).expect("una factura");
        let mut otra = filas[ultima].clone();
        let Value::Int(posicion) = otra.key[4] else { panic!("posición") };
        otra.key[4] = Value::Int(posicion + 1);
        filas.push(otra);
    });
    solo(Codigo::I10, "donde no hay nada que auditar", |filas, _| {
        let mut otra = filas[0].clone();
        otra.key[4] = Value::Int(1_000_000);
        filas.push(otra);
    });
}

#[test]
fn i10_a_record_in_two_histories() {
    solo(Codigo::I10, "más de una vez", |filas, _| {
        let mut otra = filas[3].clone();
        otra.key[0] = Value::Text(Arc::from("otro"));
        filas.push(otra);
    });
}

#[test]
fn i10_a_row_of_another_flow_or_moment() {
    solo(Codigo::I10, "otro instante u otro flujo", |filas, _| filas[3].values[0] = Value::Int(-1));
    solo(Codigo::I10, "otro instante u otro flujo", |filas, _| filas[3].key[1] = Value::Timestamp(Instante(1)));
}

#[test]
fn a_sink_that_lags_is_no_loss_but_no_rest_either() {
    solo(Codigo::I12, "auditoria va por la posición", |filas, posiciones| {
        let ultima = posiciones.iter_mut().find(|p| p.partition.topic == TEMAS[0] && p.next > 1).expect("una partición");
        let tp = ultima.partition;
        let posicion = filas.iter().filter(|f| f.key[2] == Value::Int(4) && f.key[3] == Value::Int(i64::from(tp.partition)));
        let Some(Value::Int(posicion)) = posicion.map(|f| f.key[4].clone()).next_back() else { panic!("posición") };
        ultima.next = u64::try_from(posicion).expect("posición");
        filas.retain(|f| {
            !(f.key[2] == Value::Int(4) && f.key[3] == Value::Int(i64::from(tp.partition)) && f.key[4] == Value::Int(posicion))
        });
    });
}
