//! Context of every client of the library: its log goes to ours, and its troubles are counted.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, client::OAuthToken, config::RDKafkaLogLevel, consumer::ConsumerContext, error::KafkaError,
    message::DeliveryResult, producer::ProducerContext, types::RDKafkaErrorCode as Code,
};

use super::settings::hint;

/// How long a refusal explains what fails after it: the library asks again within seconds, and is refused again.
const REFUSAL_EXPLAINS: Duration = Duration::from_secs(60);

/// What the library told of one client.
#[derive(Default)]
pub struct Troubles {
    /// Disconnects and requests that got no answer in time.
    count: AtomicU64,
    last: Mutex<Complaints>,
}

#[derive(Default)]
struct Complaints {
    passing: Option<String>,
    /// The broker does not let the client in. Its connections end for it, so what comes next only tells that nobody answers.
    refusal: Option<(Instant, String)>,
}

impl Troubles {
    /// Grows with every disconnect and time-out.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// The last thing that the client complained of, with what to look at.
    pub fn last(&self) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let refusal = last.refusal.as_ref().filter(|(at, _)| at.elapsed() < REFUSAL_EXPLAINS);
        refusal.map(|(_, why)| why.clone()).or_else(|| last.passing.clone())
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
        if let Some(code) = refusal(message) {
            self.heard(code, message);
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(evento = "cliente_kafka", tipo = facility, "{message}");
            }
            _ => tracing::debug!(evento = "cliente_kafka", tipo = facility, "{message}"),
        }
    }

    pub fn heard_error(&self, error: &KafkaError, reason: &str) {
        tracing::debug!(evento = "cliente_kafka", "{error}: {reason}");
        match error.rdkafka_error_code() {
            Some(code) => self.heard(refusal(reason).unwrap_or(code), reason),
            None => self.last.lock().unwrap_or_else(PoisonError::into_inner).passing = Some(reason.to_owned()),
        }
    }

    fn heard(&self, code: Code, reason: &str) {
        let hint = hint(code).map(|hint| format!(" ({hint})")).unwrap_or_default();
        let complaint = format!("{reason}{hint}");
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match code {
            Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism | Code::SSL => {
                last.refusal = Some((Instant::now(), complaint));
            }
            _ => last.passing = Some(complaint),
        }
    }
}

/// What a text of the library says of being let in: a client that nobody polls for its errors only logs them, and all of them as a
/// connection that went.
fn refusal(text: &str) -> Option<Code> {
    if text.contains("SASL authentication error") || text.contains("SASL mechanism") {
        return Some(Code::Authentication);
    }
    (text.contains("SSL handshake failed") || text.contains("SSL_HANDSHAKE")).then_some(Code::SSL)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The library tells of a wrong password once, and of nobody being there right after it and for ever.
    #[test]
    fn what_the_broker_refuses_is_not_hidden_by_the_disconnects_it_causes() {
        let troubles = Troubles::default();
        troubles.heard_error(&KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        assert!(troubles.last().unwrap().contains("1/1 brokers are down"));
        let text = "[thrd:sasl_plaintext://127.0.0.1:1/1]: sasl_plaintext://127.0.0.1:1/1: SASL authentication error: Authentication failed: \
                    Invalid username or password (after 312ms in state AUTH_REQ)";
        troubles.heard_log(RDKafkaLogLevel::Error, "FAIL", text);
        troubles.heard_error(&KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        let told = troubles.with_last("no se pudo pedir los metadatos".to_owned());
        assert!(told.contains("Invalid username or password"), "{told}");
        assert!(told.contains("kafka.contrasena_archivo"), "{told}");
    }
}
