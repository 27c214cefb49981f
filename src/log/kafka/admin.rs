//! The broker's topics: what they are, making them, and letting go of what nobody needs.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigEntry, ConfigSource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
        TopicReplication,
    },
    config::FromClientConfigAndContext,
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use super::{
    client::Context,
    raw::{self, Events},
    settings::{CALL, KafkaOptions, explain, hint},
};
use crate::log::{
    LogError,
    topology::{Difference, FoundTopic, TopicSpec},
};

/// Waits for a future on this thread: the library's own threads drive it.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = TaskContext::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park_timeout(Duration::from_millis(200)),
        }
    }
}

/// Administration of an installation's topics.
pub struct Admin<'a> {
    options: &'a KafkaOptions,
    client: AdminClient<Context>,
}

impl<'a> Admin<'a> {
    /// # Errors
    /// When a setting is wrong; the broker is asked later.
    pub fn open(options: &'a KafkaOptions) -> Result<Self, LogError> {
        let client = AdminClient::from_config_and_context(&options.admin(), Context::default())
            .map_err(|e| LogError::Storage(explain(&e)))?;
        Ok(Self { options, client })
    }

    fn failed(&self, what: &str, error: &KafkaError) -> LogError {
        let client = self.client.inner();
        let context = client.context();
        // Nobody polls an administration client for what it complains of.
        let mut events = Events::default();
        raw::events(client, Duration::ZERO, &mut events);
        for (code, reason) in events.errors {
            context.troubles.heard_error(&KafkaError::Global(code), &reason);
        }
        LogError::Storage(context.troubles.with_last(format!("{what}: {}", explain(error))))
    }

    fn request(&self) -> AdminOptions {
        AdminOptions::new().request_timeout(Some(CALL)).operation_timeout(Some(CALL))
    }

    /// The topics of the topology that the broker has.
    ///
    /// # Errors
    /// When the broker does not answer, or not everything.
    pub fn found(&self) -> Result<BTreeMap<String, FoundTopic>, LogError> {
        let mut found = self.partitions_and_replicas()?;
        let names: Vec<String> = found.keys().cloned().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (name, entries) in self.describe(&names)? {
            if let Some(topic) = found.get_mut(&name) {
                topic.config = entries.into_iter().filter_map(|e| Some((e.name, e.value?))).collect();
            }
        }
        Ok(found)
    }

    fn describe(&self, names: &[&str]) -> Result<Vec<(String, Vec<ConfigEntry>)>, LogError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let what = "no se pudieron leer los ajustes de los temas";
        let resources: Vec<ResourceSpecifier<'_>> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let described = wait(self.client.describe_configs(&resources, &self.request())).map_err(|e| self.failed(what, &e))?;
        let mut found = Vec::with_capacity(described.len());
        for resource in described {
            let resource = resource.map_err(|code| self.failed(what, &KafkaError::AdminOp(code)))?;
            if let OwnedResourceSpecifier::Topic(name) = resource.specifier {
                found.push((name, resource.entries));
            }
        }
        Ok(found)
    }

    fn partitions_and_replicas(&self) -> Result<BTreeMap<String, FoundTopic>, LogError> {
        let metadata =
            self.client.inner().fetch_metadata(None, CALL).map_err(|e| self.failed("el broker no dice qué temas tiene", &e))?;
        let ours = |name: &str| self.options.topology.topics.iter().any(|spec| spec.name == name);
        let mut found = BTreeMap::new();
        for topic in metadata.topics().iter().filter(|topic| ours(topic.name())) {
            if let Some(error) = topic.error() {
                let code = RDKafkaErrorCode::from(error);
                return Err(self.failed(&format!("el tema {} no se puede leer", topic.name()), &KafkaError::MetadataFetch(code)));
            }
            let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
            let replicas = topic.partitions().iter().map(|p| p.replicas().len()).min().unwrap_or_default();
            let described =
                FoundTopic { partitions: count(topic.partitions().len()), replicas: count(replicas), config: BTreeMap::new() };
            found.insert(topic.name().to_owned(), described);
        }
        Ok(found)
    }

    /// What the broker has otherwise than the topology says.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub fn differences(&self) -> Result<Vec<Difference>, LogError> {
        Ok(self.options.topology.compare(&self.found()?))
    }

    /// Makes the topics that are missing; their names. Waits until the broker has them.
    ///
    /// # Errors
    /// What the broker refused.
    pub fn create_missing(&self) -> Result<Vec<String>, LogError> {
        let found = self.partitions_and_replicas()?;
        let missing: Vec<&TopicSpec> = self.options.topology.topics.iter().filter(|spec| !found.contains_key(&spec.name)).collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let news: Vec<NewTopic<'_>> = missing.iter().map(|spec| new_topic(spec)).collect();
        let made = wait(self.client.create_topics(&news, &self.request()))
            .map_err(|e| self.failed("no se pudieron crear los temas", &e))?;
        for result in made {
            match result {
                // Another process made it meanwhile: the comparison that follows decides whether it is right.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    let hint = hint(code).unwrap_or("revise kafka.replicas y los brokers disponibles");
                    return Err(LogError::Storage(format!("no se pudo crear el tema {name}: {code}; {hint}")));
                }
            }
        }
        self.wait_until_known(&missing)?;
        Ok(missing.iter().map(|spec| spec.name.clone()).collect())
    }

    /// A broker answers before its own metadata knows the topic; whoever uses it next would not find it.
    fn wait_until_known(&self, specs: &[&TopicSpec]) -> Result<(), LogError> {
        for _ in 0..200 {
            let found = self.partitions_and_replicas();
            if found
                .is_ok_and(|found| specs.iter().all(|spec| found.get(&spec.name).is_some_and(|f| f.partitions == spec.partitions)))
            {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(LogError::Storage("el broker aceptó los temas y aún no los da: espere y vuelva a intentarlo".to_owned()))
    }

    /// Sets what the topology says where the broker has it otherwise. Partitions and replicas are never touched.
    ///
    /// # Errors
    /// What the broker refused.
    pub fn apply_settings(&self, differences: &[Difference]) -> Result<(), LogError> {
        let mut topics: Vec<&str> = differences
            .iter()
            .filter_map(|d| match d {
                Difference::Setting { topic, .. } => Some(topic.as_str()),
                _ => None,
            })
            .collect();
        topics.dedup();
        let specs: Vec<&TopicSpec> =
            self.options.topology.topics.iter().filter(|spec| topics.contains(&spec.name.as_str())).collect();
        if specs.is_empty() {
            return Ok(());
        }
        // The call replaces every setting of a topic: those that the operator set, and the topology does not name, are said again.
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let described = self.describe(&names)?;
        let alterations: Vec<AlterConfig<'_>> = specs
            .iter()
            .map(|spec| {
                let wanted = spec.config.iter().map(|(name, value)| (*name, value.as_str()));
                let of_topic = described.iter().filter(|(name, _)| *name == spec.name).flat_map(|(_, entries)| entries);
                let kept = of_topic
                    .filter(|e| e.source == ConfigSource::DynamicTopic && !spec.config.contains_key(e.name.as_str()))
                    .filter_map(|e| Some((e.name.as_str(), e.value.as_deref()?)));
                let alteration = AlterConfig::new(ResourceSpecifier::Topic(&spec.name));
                wanted.chain(kept).fold(alteration, |alteration, (name, value)| alteration.set(name, value))
            })
            .collect();
        let what = "no se pudieron cambiar los ajustes de los temas";
        let results = wait(self.client.alter_configs(alterations.iter(), &self.request())).map_err(|e| self.failed(what, &e))?;
        match results.into_iter().find_map(Result::err) {
            Some((_, code)) => Err(self.failed(what, &KafkaError::AdminOp(code))),
            None => Ok(()),
        }
    }

    /// Deletes every topic of the topology. For tests.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn delete_topics(&self) -> Result<(), LogError> {
        let names: Vec<&str> = self.options.topology.topics.iter().map(|spec| spec.name.as_str()).collect();
        wait(self.client.delete_topics(&names, &self.request()))
            .map(drop)
            .map_err(|e| self.failed("no se pudieron borrar los temas", &e))
    }
}

fn new_topic(spec: &TopicSpec) -> NewTopic<'_> {
    let copies = TopicReplication::Fixed(i32::from(spec.replicas));
    let topic = NewTopic::new(&spec.name, i32::from(spec.partitions), copies);
    spec.config.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
}
