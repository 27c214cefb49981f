//! A broker for tests: started by `deploy/local/servicios arriba kafka`, each use under a prefix of its own.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use factumarket::log::kafka::KafkaOptions;
use factumarket::log::{
    kafka::admin::Admin,
    topology::{Sizes, Topology},
};

/// Where the broker answers: `FACTUMARKET_KAFKA`, or the port of `deploy/local`.
pub fn brokers() -> String {
    std::env::var("FACTUMARKET_KAFKA").unwrap_or_else(|_| "127.0.0.1:9092".to_owned())
}

/// Where the schema registry answers: `FACTUMARKET_ESQUEMAS`, or `ninguno`.
pub fn esquemas() -> String {
    std::env::var("FACTUMARKET_ESQUEMAS").unwrap_or_else(|_| "ninguno".to_owned())
}

/// A prefix that nobody else has.
pub fn prefix(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("reloj").as_micros();
    format!("{what}{now}-{}.", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Settings of the program for this broker, under a prefix of its own.
pub fn ajustes(what: &str) -> Vec<String> {
    ajustes_con(&prefix(what))
}

/// Settings of the program for this broker.
pub fn ajustes_con(prefix: &str) -> Vec<String> {
    let ajustes = [
        ("registro.tipo", "kafka".to_owned()),
        ("kafka.brokers", brokers()),
        ("kafka.prefijo", prefix.to_owned()),
        ("kafka.replicas", "1".to_owned()),
        ("kafka.min_en_sincronia", "1".to_owned()),
        ("esquemas.url", esquemas()),
    ];
    ajustes.into_iter().flat_map(|(nombre, valor)| ["--set".to_owned(), format!("{nombre}={valor}")]).collect()
}

/// Options for these topics. Dynamic members: a member that goes is gone.
pub fn options(prefix: &str, partitions: u16) -> KafkaOptions {
    let sizes = Sizes { partitions, reply_partitions: 4, replicas: 1, min_insync: 1, prefix: prefix.to_owned() };
    KafkaOptions {
        brokers: brokers(),
        node: "prueba".to_owned(),
        topology: Topology::bundled(&sizes).expect("topología"),
        extra: Default::default(),
        session: Duration::from_secs(6),
        static_membership: false,
        transaction: Duration::from_secs(10),
    }
}

/// Options under a prefix that nobody else has, with its topics made.
pub fn fresh(partitions: u16) -> KafkaOptions {
    let options = options(&prefix("t"), partitions);
    let admin = Admin::open(&options).expect("ajustes");
    admin.create_missing().expect("sin Kafka no hay prueba: deploy/local/servicios arriba kafka");
    options
}

/// Lets the broker forget the topics.
pub fn forget(options: &KafkaOptions) {
    Admin::open(options).and_then(|admin| admin.delete_topics()).expect("se borran los temas");
}
