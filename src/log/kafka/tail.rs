//! Wakes whoever waits for the log to grow, whoever wrote it: a consumer at the end of the partitions that somebody watches. It keeps
//! nothing of what it fetches, and when much comes at once it goes on from the new end.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{
    client::Context,
    reader::Readers,
    settings::{KafkaOptions, explain, is_passing},
    writer::locked,
};
use crate::log::{LogError, TopicPartition};

/// How long the thread sleeps at most.
const PATIENCE: Duration = Duration::from_millis(100);
/// Records after which it goes on from the end.
const BURST: usize = 2_048;
/// How long it rests then: whoever waits was woken already.
const REST: Duration = Duration::from_millis(10);
/// Before the end is asked for again after an error.
const AGAIN: Duration = Duration::from_millis(500);

struct Shared {
    watched: Mutex<BTreeSet<TopicPartition>>,
    /// Grows with every partition that is added.
    version: AtomicU64,
    stop: AtomicBool,
    /// Told of whatever may have grown.
    grew: Arc<dyn Fn() + Send + Sync>,
}

/// See the module. Its thread starts with the first partition.
pub struct Tail {
    options: KafkaOptions,
    readers: Arc<Readers>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Tail {
    pub fn new(options: &KafkaOptions, readers: Arc<Readers>, grew: Arc<dyn Fn() + Send + Sync>) -> Self {
        let shared = Shared { watched: Mutex::default(), version: AtomicU64::new(0), stop: AtomicBool::new(false), grew };
        Self { options: options.clone(), readers, shared: Arc::new(shared), thread: Mutex::default() }
    }

    /// # Errors
    /// When a setting is wrong, or the system gives no thread.
    pub fn watch(&self, partitions: &[TopicPartition]) -> Result<(), LogError> {
        locked(&self.shared.watched).extend(partitions);
        self.shared.version.fetch_add(1, Ordering::Release);
        let mut thread = locked(&self.thread);
        if thread.is_some() {
            return Ok(());
        }
        let consumer = BaseConsumer::from_config_and_context(&self.options.tail(), Context::default());
        let consumer = consumer.map_err(|e| LogError::Storage(explain(&e)))?;
        let follower = Follower {
            options: self.options.clone(),
            readers: Arc::clone(&self.readers),
            shared: Arc::clone(&self.shared),
            consumer,
        };
        let spawned = thread::Builder::new().name("vigia".to_owned()).spawn(move || follower.run());
        *thread = Some(spawned.map_err(|e| LogError::Storage(format!("el sistema no dio un hilo: {e}")))?);
        Ok(())
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It may be asking a broker that does not answer: it is not waited for.
        self.shared.stop.store(true, Ordering::Release);
    }
}

struct Follower {
    options: KafkaOptions,
    readers: Arc<Readers>,
    shared: Arc<Shared>,
    consumer: BaseConsumer<Context>,
}

impl Follower {
    fn run(&self) {
        let mut at = 0;
        while !self.shared.stop.load(Ordering::Acquire) {
            let wanted = self.shared.version.load(Ordering::Acquire);
            if at != wanted {
                if let Err(error) = self.go_to_the_end() {
                    tracing::warn!(evento = "vigia_en_espera", causa = %error, "no se puede vigilar el final de los temas: se vuelve a intentar");
                    thread::sleep(AGAIN);
                    continue;
                }
                at = wanted;
            }
            match self.take() {
                Ok(0) => {}
                Ok(count) => {
                    (self.shared.grew)();
                    if count >= BURST {
                        thread::sleep(REST);
                        at = 0;
                    }
                }
                Err(error) => {
                    tracing::warn!(evento = "vigia_reinicia", causa = %error, "se vuelve a vigilar desde el final");
                    thread::sleep(AGAIN);
                    at = 0;
                }
            }
        }
    }

    /// From the last stable offsets: what became stable before them is seen by whoever is woken now.
    fn go_to_the_end(&self) -> Result<(), LogError> {
        let partitions: Vec<TopicPartition> = locked(&self.shared.watched).iter().copied().collect();
        let ends = self.readers.stable_ends(&partitions)?;
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (partition, end) in partitions.iter().zip(ends) {
            let name = self.options.topology.named(&partition.topic.nombre());
            let offset = Offset::Offset(i64::try_from(end).unwrap_or(i64::MAX));
            list.add_partition_offset(&name, i32::from(partition.partition), offset).map_err(|e| LogError::Storage(explain(&e)))?;
        }
        self.consumer.assign(&list).map_err(|e| LogError::Storage(explain(&e)))?;
        (self.shared.grew)();
        Ok(())
    }

    /// How many records came.
    fn take(&self) -> Result<usize, KafkaError> {
        let (mut count, mut wait) = (0, PATIENCE);
        while count < BURST {
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(_)) => count += 1,
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_passing) => {}
                Some(Err(error)) => return Err(error),
            }
            wait = Duration::ZERO;
        }
        Ok(count)
    }
}
