//! Cursors of every list, over rows at rest. A cursor's checksum is no secret: whoever reads this source can make one of any bytes.
//! First byte: the list; second: the page's size; the rest: the place that the cursor names.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use factumarket::{
    domain::valores::Instante,
    log::{StoredRecord, Topic},
    projections::{
        Anomalies, ConsultaError, Consultas, FiltroClientes, FiltroFacturas, LIMITE_MAX, PROYECCIONES, Pagina, PaginaDe, Progress,
        consultas::cursor::{codificar, huella},
        projection::{Content, Decoder, Entry, TablesReader},
        runner,
    },
    tables::{
        Tables,
        embedded::{EmbeddedTables, EmbeddedTablesOptions},
    },
};
use tempfile::TempDir;

use super::{memoria::acotada, registro::carpeta};
use proyecciones_comun::{
    EnMemoria, codec,
    mundo::{INICIO, Mundo, dia, id},
};

#[path = "../../proyecciones_comun/mod.rs"]
mod proyecciones_comun;

/// A page is at most a hundred documents.
const TOPE: usize = 8 << 20;

/// Folder and queries of a small business, made once for the process.
static MUNDO: LazyLock<(TempDir, Consultas)> = LazyLock::new(|| {
    let folder = carpeta();
    let tables = EmbeddedTables::open(folder.path(), EmbeddedTablesOptions::default()).expect("tablas");
    runner::declare(&*tables, PROYECCIONES).expect("tablas nuevas");
    let consultas = proyectar(&mundo(), tables);
    (folder, consultas)
});

fn mundo() -> Mundo {
    let mut mundo = Mundo::new(codec());
    for cliente in ["Ana", "Beto", "Carla", "Dora"] {
        mundo.crear_cliente(cliente);
    }
    for producto in ["P1", "P2", "P3"] {
        mundo.crear_producto(producto);
        mundo.entrada(&format!("{producto}:PRINCIPAL"), 100, 250, dia(0), None);
    }
    for n in 0..12 {
        mundo.emitir(&format!("f{n}"), ["Ana", "Beto"][n % 2], &[("P1:PRINCIPAL", 1)], dia(n as u64 % 3));
        mundo.consulta(Some(&format!("f{n}")));
    }
    mundo.rechazar("f90", "Ana", dia(1));
    mundo.comenzar("f91", "Ana", 1);
    mundo.comenzar("f92", "Beto", 2);
    mundo
}

/// Folds the whole world into the tables.
fn proyectar(mundo: &Mundo, tables: Arc<EmbeddedTables>) -> Consultas {
    let (codec, anomalies) = (codec(), Anomalies::new());
    for spec in PROYECCIONES {
        let mut folds = HashMap::new();
        for (n, (partition, record)) in mundo.records.iter().enumerate().filter(|(_, (p, _))| spec.topics.contains(&p.topic)) {
            let content = match partition.topic {
                Topic::Auditoria => Content::Audit(Box::new(codec.audit(&record.value).expect("registro propio"))),
                _ => Content::Event(Box::new(codec.event(&record.value).expect("registro propio"))),
            };
            let (position, timestamp, key, value) = (n as u64, record.timestamp, record.key.clone(), record.value.clone());
            let entry = Entry { partition: *partition, position, timestamp, key, value, content };
            let fold = folds.entry(*partition).or_insert_with(|| (spec.fresh)(Arc::clone(&anomalies)));
            fold.fold(&entry, &TablesReader(&*tables)).expect("proyección");
        }
        let mut writes = Vec::new();
        folds.values_mut().for_each(|fold| fold.flush(&mut writes));
        tables.apply(writes, &[]).expect("filas");
    }
    let records =
        mundo.records.iter().enumerate().map(|(n, (p, record))| (*p, StoredRecord { position: n as u64, record: record.clone() }));
    Consultas::new(tables, codec, Arc::new(EnMemoria(records.collect())), Progress::at_rest())
}

/// A list with the identity its cursors carry.
type Lista = (u32, fn(&Consultas, &Pagina) -> Result<PaginaDe, ConsultaError>);

fn listas() -> Vec<Lista> {
    let dias = [dia(0).to_string(), dia(2).to_string()];
    let inicio = INICIO.to_string();
    vec![
        (huella("clientes", &["", "", "", ""]), |c, p| c.clientes(&FiltroClientes::default(), p)),
        (huella("clientes", &["", "", "ana@ejemplo.co", ""]), |c, p| {
            c.clientes(&FiltroClientes { correo: Some("ana@ejemplo.co".to_owned()), ..FiltroClientes::default() }, p)
        }),
        (huella("productos", &[]), |c, p| c.productos(p)),
        (huella("sucursales", &[]), |c, p| c.sucursales(p)),
        (huella("bodegas", &[]), |c, p| c.bodegas(p)),
        (huella("movimientos", &["P1", "PRINCIPAL"]), |c, p| c.movimientos(&id("P1"), &id("PRINCIPAL"), p)),
        (huella("facturas", &["", "", ""]), |c, p| c.facturas(&FiltroFacturas::default(), p)),
        (huella("facturas", &[&dias[0], &dias[1], ""]), |c, p| {
            c.facturas(&FiltroFacturas { fecha_inicio: Some(dia(0)), fecha_fin: Some(dia(2)), cliente_id: None }, p)
        }),
        (huella("facturas", &["", "", "Ana"]), |c, p| {
            c.facturas(&FiltroFacturas { cliente_id: Some(id("Ana")), ..FiltroFacturas::default() }, p)
        }),
        (huella("auditoria_factura", &["f1"]), |c, p| c.auditoria_de_factura(&id("f1"), p)),
        (huella("auditoria", &["Ana", "", ""]), |c, p| c.auditoria(Some(&id("Ana")), None, None, p)),
        (huella("auditoria", &["", &inicio, ""]), |c, p| c.auditoria(None, Some(Instante(INICIO)), None, p)),
        (huella("sagas", &[]), |c, p| c.sagas(p)),
    ]
}

static LISTAS: LazyLock<Vec<Lista>> = LazyLock::new(listas);

pub fn cuerpo(datos: &[u8]) -> bool {
    let [lista, limite, lugar @ ..] = datos else { return false };
    let (huella, leer) = LISTAS[usize::from(*lista) % LISTAS.len()];
    let limite = 1 + usize::from(*limite) % LIMITE_MAX;
    let consultas = &MUNDO.1;
    let cursor = codificar(huella, lugar);
    match acotada(TOPE, || leer(consultas, &Pagina { limite, despues: Some(cursor.clone()) })) {
        Ok(pagina) => {
            seguir(consultas, leer, limite, pagina);
            true
        }
        Err(ConsultaError::CursorInvalido) => false,
        // A failure of ours: 500.
        Err(error) => panic!("{cursor}: {error}"),
    }
}

/// Places of a list that are given as they were made: the corpus starts from them.
pub fn lugares() -> Vec<Vec<u8>> {
    let mut entradas = Vec::new();
    for (n, (_, leer)) in LISTAS.iter().enumerate() {
        let pagina = leer(&MUNDO.1, &Pagina { limite: 1, despues: None }).expect("la primera página");
        let lugar = pagina.despues.and_then(|texto| de_hex(&texto));
        entradas.push([&[n as u8, 1][..], &lugar.unwrap_or_default()].concat());
    }
    entradas
}

/// The place inside a cursor: behind its checksum and its query.
fn de_hex(texto: &str) -> Option<Vec<u8>> {
    let bytes: Option<Vec<u8>> = (0..texto.len() / 2).map(|i| u8::from_str_radix(texto.get(2 * i..2 * i + 2)?, 16).ok()).collect();
    bytes.and_then(|b| b.get(8..).map(<[u8]>::to_vec))
}

/// Whatever place a list starts at, its pages are bounded and come to an end.
fn seguir(
    consultas: &Consultas,
    leer: fn(&Consultas, &Pagina) -> Result<PaginaDe, ConsultaError>,
    limite: usize,
    mut pagina: PaginaDe,
) {
    for _ in 0..1_000 {
        assert!(pagina.items.len() <= limite);
        assert_eq!(pagina.tiene_mas, pagina.despues.is_some());
        let Some(despues) = pagina.despues else { return };
        pagina = leer(consultas, &Pagina { limite: LIMITE_MAX, despues: Some(despues) }).expect("un cursor propio se acepta");
        if pagina.items.len() > limite {
            return;
        }
    }
    panic!("la lista no acaba");
}
