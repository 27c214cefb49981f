//! What a commit takes on a real broker: neither of the client library's two floors of 100 ms is under it.

mod kafka_comun;

use std::time::{Duration, Instant};

use bytes::Bytes;
use factumarket::{
    domain::{Contexto, valores::Instante},
    log::{Delivery, Log, Record, Topic, TopicPartition, Transaction, kafka::KafkaLog},
};

const COMMITS: usize = 200;
/// Well under either floor, and above what a broker needs on a machine that does other things as well.
const BOUND: Duration = Duration::from_millis(60);

fn record(n: usize) -> Record {
    let value = Bytes::from(vec![u8::try_from(n % 251).unwrap_or_default(); 400]);
    Record { key: Bytes::from_static(b"f-1"), value, headers: Vec::new(), timestamp: Instante(1_700_000_000_000_000) }
}

fn median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

#[test]
fn a_commit_waits_for_the_broker_and_for_nothing_else() {
    let options = kafka_comun::fresh(4);
    let log = KafkaLog::open(options.clone()).expect("registro");
    let commands = Topic::Comandos(Contexto::Facturacion);
    // Whoever writes the events of an aggregate owns its commands.
    let mut member = log.subscribe("procesador", &Contexto::TODOS.map(Topic::Comandos)).expect("subscribe");
    let assigned = member.poll(1, 1, Duration::from_secs(30)).expect("poll");
    assert!(matches!(assigned, Delivery::Assigned(_)), "{assigned:?}");
    let token = log.claim("nodo").expect("claim");
    let (mut commits, mut trips) = (Vec::new(), Vec::new());
    for n in 0..COMMITS {
        // As an invoice of three lines leaves: five events over three topics, and its reply.
        let to = |topic, partition| TopicPartition::new(topic, partition);
        let mut records: Vec<_> = (0..3).map(|p| (to(Topic::Eventos(Contexto::Inventario), p), record(n))).collect();
        records.push((to(Topic::Eventos(Contexto::Numeracion), 0), record(n)));
        records.push((to(Topic::Eventos(Contexto::Facturacion), 1), record(n)));
        records.push((to(Topic::Respuestas, 0), record(n)));
        let positions = vec![(to(commands, 0), n as u64)];
        let transaction = Transaction { token: token.clone(), group: "procesador".to_owned(), records, positions };
        let start = Instant::now();
        log.commit(transaction).expect("commit");
        commits.push(start.elapsed());
        let start = Instant::now();
        log.position("procesador", to(commands, 0)).expect("position");
        trips.push(start.elapsed());
        // The group is listened to, as the intake does.
        assert!(matches!(member.poll(1, 1, Duration::ZERO), Ok(Delivery::Idle)));
    }
    let ((p50, p99), (trip, _)) = (median(commits), median(trips));
    println!("confirmación: p50 {p50:?}, p99 {p99:?}; una pregunta al broker: p50 {trip:?}");
    drop(member);
    kafka_comun::forget(&options);
    assert!(p50 < BOUND, "una confirmación tomó {p50:?}: ¿volvió una de las esperas de 100 ms de la biblioteca?");
}
