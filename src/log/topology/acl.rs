//! Commands of `kafka-acls`: each role with what it needs.

use super::{Topic, Topology};

/// Principal of a role: a user of its own.
fn principal(role: &str) -> String {
    format!("User:factumarket-{role}")
}

pub(super) fn commands(topology: &Topology, brokers: &str, command_config: Option<&str>) -> Vec<String> {
    let config = command_config.map(|file| format!(" --command-config {file}")).unwrap_or_default();
    let mut commands = Vec::new();
    for role in &topology.roles {
        let start = format!("kafka-acls.sh --bootstrap-server {brokers}{config} --add --allow-principal {}", principal(&role.name));
        let mut add = |operations: &[&str], resources: &str| {
            let operations: Vec<String> = operations.iter().map(|o| format!("--operation {o}")).collect();
            commands.push(format!("{start} {} {resources}", operations.join(" ")));
        };
        // Every process compares the topology before it works.
        let topics = |list: &[Topic]| resources(topology, list);
        if !role.writes.is_empty() {
            add(&["Write", "Describe", "DescribeConfigs"], &topics(&role.writes));
        }
        if !role.reads.is_empty() {
            add(&["Read", "Describe", "DescribeConfigs"], &topics(&role.reads));
        }
        if !role.manages.is_empty() {
            add(&["Create", "Describe", "DescribeConfigs", "AlterConfigs"], &topics(&role.manages));
        }
        for group in &role.groups {
            add(&["Read", "Describe"], &format!("--group {group}"));
        }
        if role.transactional {
            let ids = format!("--transactional-id {} --resource-pattern-type prefixed", topology.named("factumarket-"));
            add(&["Write", "Describe"], &ids);
        }
    }
    commands
}

fn resources(topology: &Topology, topics: &[Topic]) -> String {
    let named: Vec<String> = topics.iter().map(|t| format!("--topic {}", topology.named(&t.nombre()))).collect();
    named.join(" ")
}
