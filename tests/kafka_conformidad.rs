//! The laws of the port `Log` on a real broker.

mod kafka_comun;

use std::{cell::RefCell, sync::Arc, time::Instant};

use factumarket::log::{
    Log,
    conformance::{LAWS, LAWS_OF_AN_OWN_STORE},
    kafka::KafkaLog,
};

#[test]
fn kafka_keeps_the_laws() {
    let only = std::env::var("LEY").unwrap_or_default();
    for (name, law) in LAWS.iter().filter(|(name, _)| name.contains(&only)) {
        if LAWS_OF_AN_OWN_STORE.iter().any(|(own, _)| own == name) {
            continue;
        }
        let start = Instant::now();
        let made = RefCell::new(Vec::new());
        law(&|| -> Arc<dyn Log> {
            let options = kafka_comun::fresh(4);
            made.borrow_mut().push(options.clone());
            KafkaLog::open(options).expect("registro")
        });
        made.borrow().iter().for_each(kafka_comun::forget);
        eprintln!("ley {name}: {:.1} s", start.elapsed().as_secs_f64());
    }
}
