//! Two readers of committed records of different kinds: one that reads by position while everything breaks, and a plain consumer of the client
//! library, in a group, that reads from the start when all is over. What either sees must be what the other sees.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use factumarket::{
    domain::Contexto,
    log::{
        Log, LogError, Position, Topic, TopicPartition,
        kafka::{KafkaLog, KafkaOptions},
    },
};
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
};

/// Keys and values by place, as somebody saw them.
pub type Vistos = BTreeMap<(String, i32), BTreeMap<Position, (Vec<u8>, Vec<u8>)>>;

/// Topics that transactions write and nobody else.
fn temas() -> impl Iterator<Item = Topic> {
    Contexto::TODOS.into_iter().map(Topic::Eventos)
}

/// Reads on while the rig runs.
pub struct EnVivo {
    fin: Arc<AtomicBool>,
    hilo: JoinHandle<Vistos>,
}

impl EnVivo {
    pub fn empezar(opciones: &KafkaOptions) -> Self {
        let fin = Arc::new(AtomicBool::new(false));
        let (opciones, hasta) = (opciones.clone(), Arc::clone(&fin));
        let hilo = thread::spawn(move || {
            let log = KafkaLog::open(opciones.clone()).expect("registro");
            let mut vistos = Vistos::new();
            let partes: Vec<TopicPartition> =
                temas().flat_map(|tema| (0..log.partitions(tema)).map(move |n| TopicPartition::new(tema, n))).collect();
            let mut siguientes: BTreeMap<TopicPartition, Position> = partes.iter().map(|parte| (*parte, 0)).collect();
            loop {
                // Asked before the last turn, so that the last turn sees everything.
                let ultima = hasta.load(Ordering::Acquire);
                for parte in &partes {
                    leer(&log, &opciones, *parte, &mut siguientes, &mut vistos, ultima);
                }
                if ultima {
                    return vistos;
                }
            }
        });
        Self { fin, hilo }
    }

    /// Everything it saw, up to now.
    pub fn terminar(self) -> Vistos {
        self.fin.store(true, Ordering::Release);
        self.hilo.join().expect("lector")
    }
}

fn leer(
    log: &KafkaLog,
    opciones: &KafkaOptions,
    parte: TopicPartition,
    siguientes: &mut BTreeMap<TopicPartition, Position>,
    vistos: &mut Vistos,
    hasta_el_final: bool,
) {
    let siguiente = siguientes.get_mut(&parte).expect("conocida");
    loop {
        let registros = match log.read(parte, *siguiente, 1 << 20) {
            Ok(registros) => registros,
            Err(LogError::Unreachable(_)) => return,
            Err(error) => panic!("{parte}: {error}"),
        };
        let Some(ultimo) = registros.last() else { return };
        *siguiente = ultimo.position + 1;
        let nombre = opciones.topology.named(&parte.topic.nombre());
        let de_la_parte = vistos.entry((nombre, i32::from(parte.partition))).or_default();
        for leido in registros {
            let antes = de_la_parte.insert(leido.position, (leido.record.key.to_vec(), leido.record.value.to_vec()));
            assert!(antes.is_none(), "{parte}: la posición {} se leyó dos veces", leido.position);
        }
        if !hasta_el_final {
            return;
        }
    }
}

/// Everything committed, read from the start by a plain consumer in a group of its own.
pub fn al_final(opciones: &KafkaOptions, fines: &BTreeMap<(String, i32), Position>) -> Vistos {
    let consumidor: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &opciones.brokers)
        .set("group.id", opciones.topology.named("lector-final"))
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .expect("consumidor");
    let nombres: Vec<String> = temas().map(|tema| opciones.topology.named(&tema.nombre())).collect();
    let nombres: Vec<&str> = nombres.iter().map(String::as_str).collect();
    consumidor.subscribe(&nombres).expect("se suscribe");
    let mut vistos = Vistos::new();
    let mut faltan: BTreeMap<(String, i32), Position> =
        fines.iter().filter(|(_, fin)| **fin > 0).map(|(k, v)| (k.clone(), *v)).collect();
    let inicio = Instant::now();
    while !faltan.is_empty() {
        assert!(inicio.elapsed() < Duration::from_secs(120), "el lector final no llegó a {faltan:?}");
        match consumidor.poll(Duration::from_millis(200)) {
            Some(Ok(mensaje)) => {
                let parte = (mensaje.topic().to_owned(), mensaje.partition());
                let posicion = Position::try_from(mensaje.offset()).expect("posición");
                let bytes = (mensaje.key().unwrap_or_default().to_vec(), mensaje.payload().unwrap_or_default().to_vec());
                vistos.entry(parte).or_default().insert(posicion, bytes);
            }
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) | None => {
                // Marks of transactions are no messages: where it stands says more than what came.
                let donde = consumidor.position().expect("posiciones");
                faltan.retain(|(tema, numero), fin| {
                    let ahora = donde.find_partition(tema, *numero).map(|elemento| elemento.offset());
                    let llegado = matches!(ahora, Some(rdkafka::Offset::Offset(aqui)) if aqui >= 0 && aqui as u64 >= *fin);
                    let ultimo = vistos.get(&(tema.clone(), *numero)).and_then(|v| v.keys().last()).is_some_and(|p| p + 1 >= *fin);
                    !(llegado || ultimo)
                });
            }
            Some(Err(error)) => panic!("lector final: {error}"),
        }
    }
    vistos
}
