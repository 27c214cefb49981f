use super::*;
use crate::log::embedded::EmbeddedLogOptions;

fn sizes() -> Sizes {
    Sizes { partitions: 12, reply_partitions: 4, replicas: 3, min_insync: 2, prefix: String::new() }
}

fn bundled() -> Topology {
    Topology::bundled(&sizes()).unwrap()
}

fn found(topology: &Topology) -> BTreeMap<String, FoundTopic> {
    let as_found = |spec: &TopicSpec| FoundTopic {
        partitions: spec.partitions,
        replicas: spec.replicas,
        config: spec.config.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
    };
    topology.topics.iter().map(|spec| (spec.name.clone(), as_found(spec))).collect()
}

#[test]
fn data_and_code_name_the_same_topics_with_the_same_counts_and_retention() {
    let topology = bundled();
    let embedded = EmbeddedLogOptions::default();
    assert_eq!(topology.topics.len(), Topic::todos().count());
    for topic in Topic::todos() {
        let spec = topology.topic(topic).unwrap();
        assert_eq!(spec.name, topic.nombre());
        assert_eq!(spec.partitions, embedded.partitions(topic), "{topic}");
        let retention = embedded.retention(topic).map_or(-1, |micros| micros / 1_000);
        assert_eq!(spec.config["retention.ms"], retention.to_string(), "{topic}");
        let compacted = matches!(topic, Topic::Instantaneas(_) | Topic::Claves);
        assert_eq!(spec.config["cleanup.policy"] == "compact", compacted, "{topic}");
        let arrival = matches!(topic, Topic::Comandos(_));
        assert_eq!(spec.config["message.timestamp.type"] == "LogAppendTime", arrival, "{topic}");
    }
}

/// What a destroyed key sealed is safe from whoever has the broker's disks only once compaction has been there.
#[test]
fn the_broker_forgets_replaced_keys_within_a_day() {
    let topology = bundled();
    let spec = topology.topic(Topic::Claves).unwrap();
    assert_eq!((spec.partitions, spec.config["max.compaction.lag.ms"].as_str()), (1, "86400000"));
}

#[test]
fn what_equals_the_topology_has_no_difference_and_each_change_is_told() {
    let topology = bundled();
    let right = found(&topology);
    assert_eq!(topology.compare(&right), Vec::new());
    let said = |change: &dyn Fn(&mut BTreeMap<String, FoundTopic>)| {
        let mut other = right.clone();
        change(&mut other);
        topology.compare(&other).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(said(&|f| drop(f.remove("auditoria"))), ["auditoria: no existe"]);
    let fewer = said(&|f| f.get_mut("respuestas").unwrap().partitions = 3);
    assert_eq!(fewer, ["respuestas: tiene 3 particiones y deben ser 4"]);
    let copies = said(&|f| f.get_mut("eventos.catalogo").unwrap().replicas = 1);
    assert_eq!(copies, ["eventos.catalogo: tiene 1 réplicas y deben ser 3"]);
    let kept = said(&|f| {
        f.get_mut("eventos.facturacion").unwrap().config.insert("retention.ms".to_owned(), "604800000".to_owned());
    });
    assert_eq!(kept, ["eventos.facturacion: retention.ms es 604800000 y debe ser -1"]);
    let silent = said(&|f| drop(f.get_mut("auditoria").unwrap().config.remove("cleanup.policy")));
    assert_eq!(silent, ["auditoria: el broker no dice cleanup.policy, que debe ser delete"]);
    assert_eq!(said(&|f| drop(f.insert("otro".to_owned(), FoundTopic::default()))), Vec::<String>::new());
}

#[test]
fn the_prefix_is_on_every_name_of_the_broker() {
    let topology = Topology::bundled(&Sizes { prefix: "p1.".to_owned(), ..sizes() }).unwrap();
    assert!(topology.topics.iter().all(|spec| spec.name == format!("p1.{}", spec.topic)));
    assert_eq!(topology.groups[0].name, "p1.procesador");
    for command in topology.acl_commands("b:9092", None) {
        let names = ["--topic ", "--group ", "--transactional-id "];
        let all = names.iter().flat_map(|n| command.split(n).skip(1));
        assert!(all.into_iter().all(|rest| rest.starts_with("p1.")), "{command}");
    }
}

#[test]
fn roles_have_what_they_need_and_no_more() {
    let commands = bundled().acl_commands("b:9092", Some("admin.properties"));
    let of = |role: &str| commands.iter().filter(|c| c.contains(&format!("User:factumarket-{role} "))).collect::<Vec<_>>();
    let may = |role: &str, operation: &str, topic: &str| {
        of(role).iter().any(|c| c.contains(&format!("--operation {operation} ")) && c.contains(&format!("--topic {topic}")))
    };
    assert!(commands.iter().all(|c| c.contains("--command-config admin.properties")));
    assert!(may("api", "Write", "comandos.facturacion") && !may("api", "Write", "eventos.facturacion"));
    assert!(!may("api", "Read", "comandos.facturacion"));
    assert!(may("procesador", "Write", "eventos.facturacion") && may("procesador", "Read", "comandos.inventario"));
    assert!(of("procesador").iter().any(|c| c.contains("--transactional-id factumarket- --resource-pattern-type prefixed")));
    assert!(of("consola").iter().all(|c| !c.contains("Write")), "mira sin tocar");
    assert!(of("proyecciones").iter().all(|c| !c.contains("--transactional-id")));
}

#[test]
fn the_drawing_has_every_family_and_every_role_that_works() {
    let text = bundled().to_mermaid();
    assert!(text.starts_with("flowchart LR\n"));
    for part in ["comandos.*", "eventos.*", "instantaneas.*", "dlq.*", "dlq.proyecciones", "respuestas", "auditoria.sellos"] {
        assert!(text.contains(&format!("\"{part}<br/>")), "{part}\n{text}");
    }
    for edge in ["rol_api --> tema_comandos", "tema_comandos --> rol_procesador", "rol_procesador --> tema_eventos"] {
        assert!(text.contains(edge), "{edge}\n{text}");
    }
    assert!(!text.contains("rol_administrador"));
}

#[test]
fn what_is_wrong_in_a_file_is_told() {
    let refused = |text: &str| Topology::parse(text, "mia.toml", &sizes()).unwrap_err().to_string();
    assert!(refused("tema = 3").starts_with("la topología mia.toml no sirve: "));
    let without = BUNDLED.replacen("nombre = \"auditoria.sellos\"", "nombre = \"auditoria\"", 1);
    assert!(refused(&without).ends_with("el tema auditoria está dos veces"));
    assert!(
        refused(&BUNDLED.replacen("nombre = \"respuestas\"", "nombre = \"otras\"", 1))
            .ends_with("el tema «otras» no es del sistema")
    );
    assert!(refused(&BUNDLED.replacen("\"7d\"", "\"7 días\"", 1)).contains("«7 días» no es una duración"));
    let group = refused(&BUNDLED.replacen("grupos = [\"procesador\"]", "grupos = [\"otro\"]", 1));
    assert!(group.ends_with("el rol procesador nombra el grupo otro, que no está"));
    assert!(refused(&BUNDLED.replacen("limpieza", "limpeza", 1)).contains("limpeza"));
    let sized = |change: Sizes| Topology::bundled(&change).unwrap_err().what;
    assert!(sized(Sizes { partitions: 0, ..sizes() }).starts_with("motor.particiones es 0"));
    assert!(sized(Sizes { min_insync: 4, ..sizes() }).ends_with("debe ser de 1 a 3"));
}

#[test]
fn a_lonely_multibyte_unit_is_no_duration() {
    let text = BUNDLED.replacen("\"7d\"", "\"7ñ\"", 1);
    assert!(Topology::parse(&text, "x", &sizes()).is_err());
}
