//! Appends outside transactions: an idempotent producer shared by everybody in the process, and a thread that takes its reports.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    ClientContext, Message,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{BaseProducer, Producer, ProducerContext, PurgeConfig},
};

use super::{
    client::Context,
    convert,
    settings::{CALL, KafkaOptions, explain},
};
use crate::log::{LogError, PendingAppend, Position, Record, TopicPartition};

/// How long the reports' thread sleeps at most.
const PATIENCE: Duration = Duration::from_millis(100);

struct Deliveries {
    context: Context,
    /// Told of whatever became durable.
    durable: Arc<dyn Fn() + Send + Sync>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

/// Appends that are on their way, by number.
#[derive(Default)]
struct Waiting {
    next: u64,
    open: BTreeSet<u64>,
    /// The last one that failed, and why.
    failed: Option<(u64, String)>,
    /// Failures up to this one have been told.
    told: u64,
}

impl Deliveries {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Box<Delivery>) {
        match result {
            Ok(message) => delivery.batch.delivered(delivery.place, u64::try_from(message.offset()).unwrap_or_default()),
            Err((error, _)) => delivery.batch.failed(self.context.troubles.with_last(explain(error))),
        }
        if delivery.batch.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled(&delivery.batch);
        }
    }
}

impl Deliveries {
    fn settled(&self, batch: &Batch) {
        let mut waiting = self.lock();
        waiting.open.remove(&batch.number);
        if let Some(cause) = batch.cause() {
            waiting.failed = Some((batch.number, cause));
        }
        drop(waiting);
        self.changed.notify_all();
        (self.durable)();
    }
}

/// One record on its way.
pub struct Delivery {
    batch: Arc<Batch>,
    place: usize,
}

/// Records appended together.
struct Batch {
    number: u64,
    left: AtomicU64,
    positions: Vec<AtomicU64>,
    failure: Mutex<Option<String>>,
    known: OnceLock<Vec<Position>>,
}

impl Batch {
    fn delivered(&self, place: usize, position: Position) {
        if let Some(slot) = self.positions.get(place) {
            slot.store(position, Ordering::Release);
        }
    }

    fn failed(&self, cause: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(cause);
    }

    fn cause(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The shared producer.
pub struct Appender {
    options: KafkaOptions,
    producer: Arc<BaseProducer<Deliveries>>,
    stop: Arc<AtomicBool>,
    reports: Option<JoinHandle<()>>,
}

impl Appender {
    /// `durable` is called whenever something became durable.
    ///
    /// # Errors
    /// When a setting is wrong, or the system gives no thread.
    pub fn new(options: &KafkaOptions, durable: Arc<dyn Fn() + Send + Sync>) -> Result<Self, LogError> {
        let context = Deliveries { context: Context::default(), durable, waiting: Mutex::default(), changed: Condvar::new() };
        let producer =
            BaseProducer::from_config_and_context(&options.appender(), context).map_err(|e| LogError::Storage(explain(&e)))?;
        let (producer, stop) = (Arc::new(producer), Arc::new(AtomicBool::new(false)));
        let reports = thread::Builder::new()
            .name("acuses".to_owned())
            .spawn({
                let (producer, stop) = (Arc::clone(&producer), Arc::clone(&stop));
                move || {
                    while !stop.load(Ordering::Acquire) {
                        producer.poll(PATIENCE);
                    }
                }
            })
            .map_err(|e| LogError::Storage(format!("el sistema no dio un hilo: {e}")))?;
        Ok(Self { options: options.clone(), producer, stop, reports: Some(reports) })
    }

    /// Hands the records over; they are checked already.
    ///
    /// # Errors
    /// `Storage` when the library takes no more: nothing of it, or what it took, is on its way.
    pub fn append(&self, records: Vec<(TopicPartition, Record)>) -> Result<Box<dyn PendingAppend>, LogError> {
        let deliveries = self.producer.context();
        let batch = {
            let mut waiting = deliveries.lock();
            waiting.next += 1;
            let number = waiting.next;
            let left = AtomicU64::new(records.len() as u64);
            let positions = records.iter().map(|_| AtomicU64::new(0)).collect();
            if !records.is_empty() {
                waiting.open.insert(number);
            }
            Arc::new(Batch { number, left, positions, failure: Mutex::default(), known: OnceLock::new() })
        };
        for (place, (partition, record)) in records.iter().enumerate() {
            if let Err(error) = self.send(&batch, place, *partition, record) {
                let unsent = (records.len() - place) as u64;
                batch.failed(explain(&error));
                if batch.left.fetch_sub(unsent, Ordering::AcqRel) == unsent {
                    deliveries.settled(&batch);
                }
                let what = deliveries.context.troubles.with_last(explain(&error));
                return Err(LogError::Storage(format!("no se pudo escribir en {partition}: {what}")));
            }
        }
        Ok(Box::new(Pending { producer: Arc::clone(&self.producer), batch }))
    }

    fn send(&self, batch: &Arc<Batch>, place: usize, to: TopicPartition, record: &Record) -> Result<(), KafkaError> {
        let topic = self.options.topology.named(&to.topic.nombre());
        let deadline = std::time::Instant::now() + CALL;
        loop {
            let delivery = Box::new(Delivery { batch: Arc::clone(batch), place });
            match convert::send(&self.producer, &topic, to.partition, record, delivery) {
                // Whoever writes faster than the broker waits for it.
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) if std::time::Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(1));
                }
                other => return other,
            }
        }
    }
}

/// Waits until everything handed over up to that append is durable or has failed.
///
/// # Errors
/// When something of it failed and nobody was told yet.
fn wait_up_to(deliveries: &Deliveries, until: u64) -> Result<(), LogError> {
    let on_its_way = |waiting: &mut Waiting| waiting.open.first().is_some_and(|first| *first <= until);
    let waiting = deliveries.changed.wait_while(deliveries.lock(), on_its_way);
    let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
    let told = waiting.told;
    let failed = waiting.failed.as_ref().filter(|(number, _)| *number > told);
    let Some((number, cause)) = failed.map(|(number, cause)| (*number, cause.clone())) else { return Ok(()) };
    waiting.told = number;
    Err(lost(&cause))
}

fn lost(cause: &str) -> LogError {
    LogError::Storage(format!("no se sabe si lo enviado quedó escrito: {cause}"))
}

impl Drop for Appender {
    /// Ends what is on its way, within the time a call may take.
    fn drop(&mut self) {
        if self.producer.flush(Duration::from_secs(2)).is_err() {
            tracing::warn!(evento = "envios_sin_acuse", "quedan envíos sin acuse al cerrar: su resultado se ve en los temas");
            self.producer.purge(PurgeConfig::default().queue().inflight());
        }
        self.stop.store(true, Ordering::Release);
        if let Some(reports) = self.reports.take()
            && reports.join().is_err()
        {
            tracing::error!(evento = "hilo_acuses", "el hilo de acuses terminó con un fallo");
        }
    }
}

struct Pending {
    producer: Arc<BaseProducer<Deliveries>>,
    batch: Arc<Batch>,
}

impl Pending {
    fn settle(&self) {
        if self.batch.positions.is_empty() {
            return;
        }
        let deliveries = self.producer.context();
        let waiting = deliveries.lock();
        // The condition is set under the lock of `waiting`'s owner before it notifies.
        let unsettled = |waiting: &mut Waiting| waiting.open.contains(&self.batch.number);
        drop(deliveries.changed.wait_while(waiting, unsettled).unwrap_or_else(PoisonError::into_inner));
    }
}

impl PendingAppend for Pending {
    /// Waits: the broker gives the positions. Empty when it could not be written.
    fn positions(&self) -> &[Position] {
        self.settle();
        if self.batch.cause().is_some() {
            return &[];
        }
        self.batch.known.get_or_init(|| self.batch.positions.iter().map(|p| p.load(Ordering::Acquire)).collect())
    }

    fn wait(self: Box<Self>) -> Result<(), LogError> {
        if self.batch.positions.is_empty() {
            return wait_up_to(self.producer.context(), self.batch.number);
        }
        self.settle();
        self.batch.cause().map_or(Ok(()), |cause| Err(lost(&cause)))
    }
}
