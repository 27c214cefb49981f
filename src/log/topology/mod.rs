//! The topology as data: topics, groups, roles and their permissions, from `topology/topologia.toml` or a file in its place.

mod acl;
mod diff;
mod document;
mod mermaid;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::diff::{Difference, FoundTopic};
use super::Topic;

/// The topology that comes with the program.
pub const BUNDLED: &str = include_str!("../../../topology/topologia.toml");

#[derive(Debug, thiserror::Error)]
#[error("la topología {place} no sirve: {what}")]
pub struct TopologyError {
    pub place: String,
    pub what: String,
}

/// What belongs to an installation and not to the topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// Partitions of every topic but `respuestas`, 1 to 1,024.
    pub partitions: u16,
    /// Partitions of `respuestas`, 1 to 1,024.
    pub reply_partitions: u16,
    /// Copies of each partition, 1 to 9.
    pub replicas: u16,
    /// Copies that must have a record before it is acknowledged, 1 to `replicas`.
    pub min_insync: u16,
    /// Put before every name on the broker; may be empty.
    pub prefix: String,
}

/// A topic as it must be on the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    pub topic: Topic,
    /// Name on the broker, with the prefix.
    pub name: String,
    pub key: String,
    pub content: String,
    pub partitions: u16,
    pub replicas: u16,
    /// Settings of the topic that matter, by Kafka's name.
    pub config: BTreeMap<&'static str, String>,
}

/// A consumer group and what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSpec {
    pub name: String,
    pub reads: Vec<Topic>,
}

/// A role: a process, or a part of one, with permissions of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSpec {
    pub name: String,
    pub what: String,
    pub writes: Vec<Topic>,
    pub reads: Vec<Topic>,
    /// May create them and read their settings.
    pub manages: Vec<Topic>,
    /// Names of groups on the broker.
    pub groups: Vec<String>,
    /// Writes in transactions.
    pub transactional: bool,
}

/// Everything the broker must know of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    pub topics: Vec<TopicSpec>,
    pub groups: Vec<GroupSpec>,
    pub roles: Vec<RoleSpec>,
    pub prefix: String,
}

impl Topology {
    /// The topology that comes with the program.
    ///
    /// # Errors
    /// Sizes out of range; the text itself is tested.
    pub fn bundled(sizes: &Sizes) -> Result<Self, TopologyError> {
        Self::parse(BUNDLED, "del programa", sizes)
    }

    /// A topology from TOML; `place` is named in errors.
    ///
    /// # Errors
    /// Whatever of it is not understood, a topic of the system that is missing, or sizes out of range.
    pub fn parse(text: &str, place: &str, sizes: &Sizes) -> Result<Self, TopologyError> {
        document::read(text, sizes).map_err(|what| TopologyError { place: place.to_owned(), what })
    }

    pub fn topic(&self, topic: Topic) -> Option<&TopicSpec> {
        self.topics.iter().find(|spec| spec.topic == topic)
    }

    /// Name on the broker of any name of the system: a topic, a group, a transactional id.
    pub fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What the broker has otherwise than the topology says; topics that are not of the system are nobody's business.
    pub fn compare(&self, found: &BTreeMap<String, FoundTopic>) -> Vec<Difference> {
        self.topics.iter().flat_map(|spec| diff::compare(spec, found.get(&spec.name))).collect()
    }

    /// A Mermaid flow chart of roles and families of topics.
    pub fn to_mermaid(&self) -> String {
        mermaid::draw(self)
    }

    /// Commands of `kafka-acls` that give each role its permissions and no other.
    pub fn acl_commands(&self, brokers: &str, command_config: Option<&str>) -> Vec<String> {
        acl::commands(self, brokers, command_config)
    }
}

/// Name of a topic's family: what stands before the first point, with `.*` when there are several.
fn family(topic: Topic) -> String {
    match topic {
        Topic::Comandos(_) => "comandos.*".to_owned(),
        Topic::Eventos(_) => "eventos.*".to_owned(),
        Topic::Instantaneas(_) => "instantaneas.*".to_owned(),
        Topic::Dlq(_) => "dlq.*".to_owned(),
        other => other.nombre(),
    }
}
