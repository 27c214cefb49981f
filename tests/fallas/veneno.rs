//! Ten kinds of records that no processor can decide: each ends in its dead letter topic, once, and nothing else notices.

use bytes::Bytes;
use factumarket::{
    cli::banco::carga::Azar,
    domain::{Contexto, valores::Instante},
    log::{
        Log, LogError, Record, Topic, TopicPartition,
        kafka::{KafkaLog, KafkaOptions},
    },
};

pub const CLASES: u64 = 10;

/// A partition of commands, and of the events beside it.
fn lugar(log: &dyn Log, azar: &mut Azar) -> (Contexto, u16) {
    let contexto = Contexto::TODOS[azar.bajo(4) as usize];
    (contexto, azar.bajo(u64::from(log.partitions(Topic::Comandos(contexto)))) as u16)
}

fn registro(clave: &[u8], valor: Vec<u8>) -> Record {
    Record { key: Bytes::copy_from_slice(clave), value: valor.into(), headers: Vec::new(), timestamp: Instante(0) }
}

/// Some record of a topic, if it has any yet.
fn alguno(log: &dyn Log, tema: Topic) -> Option<(u16, Record)> {
    (0..log.partitions(tema)).find_map(|numero| {
        let primeros = log.read(TopicPartition::new(tema, numero), 0, 64 << 10).ok()?;
        Some((numero, primeros.into_iter().next()?.record))
    })
}

fn al_azar(azar: &mut Azar, cuantos: u64) -> Vec<u8> {
    (0..cuantos).map(|_| azar.bajo(256) as u8).collect()
}

/// The value of some record of invoices, to be spoilt.
fn de_alguno(log: &dyn Log) -> Vec<u8> {
    alguno(log, Topic::Comandos(Contexto::Facturacion)).map(|(_, leido)| leido.value.to_vec()).unwrap_or_default()
}

/// A poisonous record of a class, and where it goes.
fn uno(log: &dyn Log, azar: &mut Azar, clase: u64) -> (TopicPartition, Record) {
    let (contexto, numero) = lugar(log, azar);
    let destino = TopicPartition::new(Topic::Comandos(contexto), numero);
    let entero = de_alguno(log);
    let valor = match clase {
        // Nothing; noise; another frame; a schema that nobody has.
        0 => Vec::new(),
        1 => al_azar(azar, 64),
        2 => [&[9][..], &entero].concat(),
        3 => [&[0, 0x7f, 0xff, 0xff, 0xff][..], &al_azar(azar, 32)].concat(),
        // The half of a command; its frame with noise behind; a command with more behind.
        4 => entero[..entero.len() / 2].to_vec(),
        5 => [&entero[..entero.len().min(5)], &al_azar(azar, 48)[..]].concat(),
        6 => [&entero[..], &[0; 7]].concat(),
        // An event where commands go; a whole command under another key; something as large as fits.
        7 => alguno(log, Topic::Eventos(Contexto::Facturacion)).map(|(_, leido)| leido.value.to_vec()).unwrap_or_default(),
        8 => entero,
        _ => [&entero[..entero.len().min(5)], &vec![0xff; 900_000][..]].concat(),
    };
    (destino, registro(format!("veneno-{clase}").as_bytes(), valor))
}

/// Appends one of each class; how many went in.
#[allow(dead_code, reason = "the test of thousands has its own way")]
pub fn echar(opciones: &KafkaOptions, azar: &mut Azar) -> u64 {
    let log = KafkaLog::open(opciones.clone()).expect("registro");
    let mut echados = 0;
    for clase in 0..CLASES {
        let escrito: Result<(), LogError> = log.append(vec![uno(&*log, azar, clase)]).and_then(|pendiente| pendiente.wait());
        escrito.expect("el veneno se escribe");
        echados += 1;
    }
    echados
}

/// Appends so many, of every class in turn; of the one as large as fits, one in a hundred.
#[allow(dead_code, reason = "the rig throws in one of each class")]
pub fn echar_muchos(opciones: &KafkaOptions, azar: &mut Azar, cuantos: u64) {
    let log = KafkaLog::open(opciones.clone()).expect("registro");
    let clase = |n: u64| if n % 100 == 99 { CLASES - 1 } else { n % (CLASES - 1) };
    for primero in (0..cuantos).step_by(20) {
        let lote = (primero..cuantos.min(primero + 20)).map(|n| uno(&*log, azar, clase(n))).collect();
        log.append(lote).and_then(|pendiente| pendiente.wait()).expect("el veneno se escribe");
    }
}

/// Records in the dead letter topics of commands.
pub fn apartados(opciones: &KafkaOptions) -> u64 {
    let log = KafkaLog::open(opciones.clone()).expect("registro");
    let mut cuenta = 0;
    for tema in Contexto::TODOS.map(Topic::Dlq) {
        for numero in 0..log.partitions(tema) {
            let mut siguiente = 0;
            loop {
                let leidos = log.read(TopicPartition::new(tema, numero), siguiente, 1 << 20).expect("lectura");
                let Some(ultimo) = leidos.last() else { break };
                siguiente = ultimo.position + 1;
                cuenta += leidos.len() as u64;
            }
        }
    }
    cuenta
}
