//! Comparison of the topology with what a broker has.

use std::{collections::BTreeMap, fmt};

use super::TopicSpec;

/// A topic as a broker describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundTopic {
    pub partitions: u16,
    /// Copies of the partition that has fewest.
    pub replicas: u16,
    /// Settings, by Kafka's name.
    pub config: BTreeMap<String, String>,
}

/// One thing that the broker has otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    Missing { topic: String },
    Partitions { topic: String, wanted: u16, found: u16 },
    Replicas { topic: String, wanted: u16, found: u16 },
    Setting { topic: String, setting: &'static str, wanted: String, found: Option<String> },
}

impl Difference {
    /// Whether creating topics settles it.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { topic } => write!(f, "{topic}: no existe"),
            Self::Partitions { topic, wanted, found } => write!(f, "{topic}: tiene {found} particiones y deben ser {wanted}"),
            Self::Replicas { topic, wanted, found } => write!(f, "{topic}: tiene {found} réplicas y deben ser {wanted}"),
            Self::Setting { topic, setting, wanted, found: Some(found) } => {
                write!(f, "{topic}: {setting} es {found} y debe ser {wanted}")
            }
            Self::Setting { topic, setting, wanted, found: None } => {
                write!(f, "{topic}: el broker no dice {setting}, que debe ser {wanted}")
            }
        }
    }
}

pub(super) fn compare(spec: &TopicSpec, found: Option<&FoundTopic>) -> Vec<Difference> {
    let topic = || spec.name.clone();
    let Some(found) = found else { return vec![Difference::Missing { topic: topic() }] };
    let mut differences = Vec::new();
    if found.partitions != spec.partitions {
        differences.push(Difference::Partitions { topic: topic(), wanted: spec.partitions, found: found.partitions });
    }
    if found.replicas < spec.replicas {
        differences.push(Difference::Replicas { topic: topic(), wanted: spec.replicas, found: found.replicas });
    }
    for (setting, wanted) in &spec.config {
        let has = found.config.get(*setting);
        if has != Some(wanted) {
            let (wanted, found) = (wanted.clone(), has.cloned());
            differences.push(Difference::Setting { topic: topic(), setting, wanted, found });
        }
    }
    differences
}
