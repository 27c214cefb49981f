//! What the adapter is started with, as settings of the client library, and what its errors mean in words.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::super::{LogError, topology::Topology};

/// How long a call to a broker may take before it is an error.
pub const CALL: Duration = Duration::from_secs(30);
/// Bytes of one fetch of a partition at most, and room for its largest record.
const FETCH_BYTES: u32 = 4 << 20;
/// How soon a partition whose queue was full is fetched again, ms: the library's second is what a return of 60,000 records waited for.
const FULL_QUEUE_MS: &str = "10";

/// An installation of Kafka, and this node in it.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// This node's name: its place in the group and its transactional ids derive from it. Two processes never share one.
    pub node: String,
    pub topology: Topology,
    /// Security and anything else, by the library's own names; they win over everything here.
    pub extra: BTreeMap<String, String>,
    /// Silence after which the group gives a member's partitions to others. 1 s to 5 min.
    pub session: Duration,
    /// Whether this node keeps its place in the group while it is away, up to `session`.
    pub static_membership: bool,
    /// Age at which the broker aborts a transaction that nobody ends. 1 s to 15 min.
    pub transaction: Duration,
}

impl KafkaOptions {
    fn base(&self, part: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", format!("factumarket-{}-{part}", self.node))
            .set("socket.keepalive.enable", "true")
            .set("socket.nagle.disable", "true")
            // The broker's answer, not a guess: a topic that is missing is an error, and nobody makes it by asking.
            .set("allow.auto.create.topics", "false")
            .set_log_level(RDKafkaLogLevel::Info);
        config
    }

    fn with_extra(&self, mut config: ClientConfig) -> ClientConfig {
        for (name, value) in &self.extra {
            config.set(name, value);
        }
        config
    }

    pub fn admin(&self) -> ClientConfig {
        self.with_extra(self.base("admin"))
    }

    /// A consumer that nobody assigns anything but this process.
    pub fn reader(&self, committed: bool) -> ClientConfig {
        let mut config = self.base("lector");
        config
            // Needed by the library; no position is ever committed under it.
            .set("group.id", self.topology.named("factumarket-lectores"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", if committed { "read_committed" } else { "read_uncommitted" })
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            // A reader that moves waits for the fetch under way.
            .set("fetch.wait.max.ms", "20")
            .set("fetch.error.backoff.ms", "10")
            .set("fetch.queue.backoff.ms", FULL_QUEUE_MS)
            .set("fetch.message.max.bytes", FETCH_BYTES.to_string())
            .set("queued.min.messages", "20000")
            .set("queued.max.messages.kbytes", "16384");
        self.with_extra(config)
    }

    /// A reader of many partitions at once, each into a queue of its own: the limit of what is held is of each of them.
    pub fn scout(&self) -> ClientConfig {
        let mut config = self.reader(true);
        config.set("queued.max.messages.kbytes", "2048").set("fetch.message.max.bytes", "1048576");
        self.with_extra(config)
    }

    /// A reader that stays at the end of a partition: its fetches wait there.
    pub fn follower(&self) -> ClientConfig {
        let mut config = self.reader(true);
        config.set("fetch.wait.max.ms", "500");
        self.with_extra(config)
    }

    /// A consumer that only notices that something came.
    pub fn tail(&self) -> ClientConfig {
        let mut config = self.base("vigia");
        config
            .set("group.id", self.topology.named("factumarket-lectores"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "500")
            .set("fetch.error.backoff.ms", "10")
            .set("fetch.queue.backoff.ms", FULL_QUEUE_MS)
            .set("fetch.message.max.bytes", "16384")
            .set("queued.min.messages", "100")
            .set("queued.max.messages.kbytes", "256");
        self.with_extra(config)
    }

    /// A member of a group. `instance` makes it a static one: its partitions wait for its return.
    pub fn member(&self, group: &str, instance: Option<&str>) -> ClientConfig {
        let mut config = self.base("miembro");
        config
            .set("group.id", self.topology.named(group))
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", self.session.as_millis().to_string())
            .set("heartbeat.interval.ms", (self.session.as_millis() / 20).clamp(200, 500).to_string())
            .set("max.poll.interval.ms", self.session.as_millis().max(60_000).to_string())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            // A missing or overtaken position stops the start with an explanation.
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", FULL_QUEUE_MS)
            .set("fetch.message.max.bytes", FETCH_BYTES.to_string())
            .set("queued.min.messages", "10000")
            .set("queued.max.messages.kbytes", "16384");
        if let Some(instance) = instance {
            config.set("group.instance.id", instance);
        }
        self.with_extra(config)
    }

    /// A producer outside transactions.
    pub fn appender(&self) -> ClientConfig {
        let mut config = self.base("emisor");
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "1")
            .set("compression.type", "lz4")
            .set("message.max.bytes", "2000000")
            .set("message.timeout.ms", CALL.as_millis().to_string())
            .set("queue.buffering.max.messages", "100000")
            .set("queue.buffering.max.kbytes", "131072");
        self.with_extra(config)
    }

    /// A producer of transactions. Its id is the owner's, so that a restart fences whoever had the place and decides its remnant.
    pub fn transactional(&self, owner: &str) -> ClientConfig {
        let mut config = self.base("transacciones");
        let timeout = self.transaction.as_millis();
        config
            .set("transactional.id", self.topology.named(&format!("factumarket-{owner}")))
            .set("transaction.timeout.ms", timeout.to_string())
            .set("message.timeout.ms", (timeout * 4 / 5).to_string())
            // The library's default of 100 ms is a floor under every transaction that follows another at once.
            .set("retry.backoff.ms", "2")
            .set("retry.backoff.max.ms", "1000")
            .set("linger.ms", "1")
            .set("compression.type", "lz4")
            .set("message.max.bytes", "2000000")
            .set("batch.size", "1000000")
            .set("queue.buffering.max.messages", "1000000")
            .set("queue.buffering.max.kbytes", "262144");
        self.with_extra(config)
    }
}

/// What went wrong and which setting to look at.
pub fn explain(error: &KafkaError) -> String {
    if let KafkaError::ClientConfig(_, what, key, value) = error {
        return format!("el ajuste «{key}» con valor «{value}» no sirve: {what}; revise kafka.ajustes y la sección [kafka]");
    }
    match error.rdkafka_error_code().and_then(hint) {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

/// The error of a call that failed: `Unreachable` when it passes by itself.
pub fn failure(error: &KafkaError, text: String) -> LogError {
    match error.rdkafka_error_code() {
        Some(code) if is_passing(code) => LogError::Unreachable(text),
        _ => LogError::Storage(text),
    }
}

/// Where to look for the cause of a code.
pub fn hint(code: RDKafkaErrorCode) -> Option<&'static str> {
    use RDKafkaErrorCode as Code;
    Some(match code {
        Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve | Code::OperationTimedOut | Code::RequestTimedOut => {
            "revise kafka.brokers, que el broker atienda y que la red llegue"
        }
        Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism => {
            "revise kafka.usuario, kafka.contrasena_archivo y kafka.mecanismo"
        }
        Code::SSL => "revise kafka.seguridad, kafka.ca_archivo, kafka.certificado_archivo y kafka.clave_archivo",
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => "faltan permisos: `factumarket topologia acl` muestra los de cada papel",
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            "el tema no existe: `factumarket topologia aplicar` lo crea; revise kafka.prefijo"
        }
        Code::MessageSizeTooLarge => "el broker admite menos: revise max.message.bytes con `factumarket topologia verificar`",
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend => {
            "faltan réplicas en sincronía: revise los brokers y kafka.min_en_sincronia"
        }
        Code::InvalidTransactionTimeout => "el broker no admite ese plazo: baje kafka.transaccion_ms",
        Code::InvalidSessionTimeout => "el broker no admite ese plazo: revise kafka.sesion_ms",
        Code::FencedInstanceId => "otro proceso usa el mismo nodo: deténgalo o cambie motor.nodo",
        _ => return None,
    })
}

/// Whether the library, or the broker, gets over this by itself.
pub fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::Resolve
            | Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::WaitingForCoordinator
            | Code::UnstableOffsetCommit
            | Code::RebalanceInProgress
            | Code::PollExceeded
            // A broker that has just come back, and a client that has not heard of it yet.
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::ReplicaNotAvailable
            | Code::BrokerNotAvailable
            | Code::PreferredLeaderNotAvailable
            | Code::EligibleLeadersNotAvailable
            | Code::ListenerNotFound
            | Code::NetworkException
            | Code::KafkaStorageError
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::ConcurrentTransactions
            | Code::ThrottlingQuotaExceeded
    )
}

/// Makes a call again while it fails with something that passes, for as long as a call may take.
pub fn patiently<T>(mut call: impl FnMut() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    let deadline = Instant::now() + CALL;
    loop {
        match call() {
            Err(error) if error.rdkafka_error_code().is_some_and(is_passing) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by the fault rig: for a moment after a broker came back, clients that knew it from before are refused with the epoch of its
    /// leadership. Taken for good, that ended whoever read the replies, and the processor with it.
    #[test]
    fn what_a_broker_that_came_back_answers_passes() {
        use RDKafkaErrorCode as Code;
        for code in [Code::FencedLeaderEpoch, Code::UnknownLeaderEpoch, Code::OffsetNotAvailable, Code::NotLeaderForPartition] {
            let error = KafkaError::MetadataFetch(code);
            assert!(matches!(failure(&error, String::new()), LogError::Unreachable(_)), "{code:?}");
        }
        for code in [Code::TopicAuthorizationFailed, Code::UnknownTopicOrPartition, Code::Authentication, Code::OffsetOutOfRange] {
            let error = KafkaError::MetadataFetch(code);
            assert!(matches!(failure(&error, String::new()), LogError::Storage(_)), "{code:?}");
        }
    }
}
