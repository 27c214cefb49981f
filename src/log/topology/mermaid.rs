//! The topology as a Mermaid flow chart.

use std::{collections::BTreeSet, fmt::Write};

use super::{Topic, TopicSpec, Topology, family};

pub(super) fn draw(topology: &Topology) -> String {
    let mut text = String::from("flowchart LR\n");
    let mut drawn = BTreeSet::new();
    for spec in &topology.topics {
        if drawn.insert(family(spec.topic)) {
            line(&mut text, format_args!("  {}[(\"{}<br/>{}\")]", id(spec.topic), family(spec.topic), summary(spec)));
        }
    }
    for role in topology.roles.iter().filter(|role| role.manages.is_empty()) {
        line(&mut text, format_args!("  rol_{}([\"{}\"])", role.name, role.name));
        for topic in families(&role.writes) {
            line(&mut text, format_args!("  rol_{} --> {topic}", role.name));
        }
        for topic in families(&role.reads) {
            line(&mut text, format_args!("  {topic} --> rol_{}", role.name));
        }
    }
    text
}

/// Writing to a text cannot fail.
fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{content}");
}

fn id(topic: Topic) -> String {
    format!("tema_{}", family(topic).trim_end_matches(".*").replace('.', "_"))
}

fn families(topics: &[Topic]) -> BTreeSet<String> {
    topics.iter().map(|topic| id(*topic)).collect()
}

fn summary(spec: &TopicSpec) -> String {
    let kept = match spec.config.get("retention.ms").and_then(|ms| ms.parse::<i64>().ok()) {
        _ if spec.config.get("cleanup.policy").is_some_and(|p| p == "compact") => "compactado".to_owned(),
        Some(ms) if ms >= 0 => format!("{} h", ms / 3_600_000),
        _ => "para siempre".to_owned(),
    };
    format!("{} particiones · {kept}", spec.partitions)
}
