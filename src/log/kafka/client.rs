//! Context of every client of the library: its log goes to ours, and its troubles are counted.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use rdkafka::{
    ClientContext, client::OAuthToken, config::RDKafkaLogLevel, consumer::ConsumerContext, error::KafkaError,
    message::DeliveryResult, producer::ProducerContext,
};

use super::settings::hint;

/// What the library told of one client.
#[derive(Default)]
pub struct Troubles {
    /// Disconnects and requests that got no answer in time.
    count: AtomicU64,
    last: Mutex<Option<String>>,
}

impl Troubles {
    /// Grows with every disconnect and time-out.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// The last thing that the client complained of, with what to look at.
    pub fn last(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `what` with the client's last complaint, which names the cause where the call only names the time.
    pub fn with_last(&self, what: String) -> String {
        match self.last() {
            Some(last) => format!("{what}; lo último que dijo el cliente: {last}"),
            None => what,
        }
    }

    fn heard_log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // FAIL: a connection went. REQTMOUT: requests got no answer. Both are logged by the thread that saw them, so they are
        // counted before any later answer is handed over.
        if matches!(facility, "FAIL" | "REQTMOUT" | "TXNERR") {
            self.count.fetch_add(1, Ordering::Release);
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(evento = "cliente_kafka", tipo = facility, "{message}");
            }
            _ => tracing::debug!(evento = "cliente_kafka", tipo = facility, "{message}"),
        }
    }

    pub fn heard_error(&self, error: &KafkaError, reason: &str) {
        let hint = error.rdkafka_error_code().and_then(hint).map(|hint| format!(" ({hint})")).unwrap_or_default();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{reason}{hint}"));
        tracing::debug!(evento = "cliente_kafka", "{error}: {reason}");
    }
}

/// Context of clients without callbacks of their own.
#[derive(Default)]
pub struct Context {
    pub troubles: Troubles,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.troubles.heard_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.troubles.heard_error(&error, reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        Err("OAUTHBEARER no está en este programa: use PLAIN o SCRAM en kafka.mecanismo".into())
    }
}

impl ConsumerContext for Context {}

/// For producers whose reports are taken through `raw`, which the crate therefore never calls with: records carry the number of their batch.
impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    /// What is left when a producer is dropped; nobody waits for it any more.
    fn delivery(&self, _: &DeliveryResult<'_>, _: usize) {}
}
