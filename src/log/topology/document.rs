//! The TOML document and its checks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{GroupSpec, RoleSpec, Sizes, Topic, TopicSpec, Topology, family};

/// A record may weigh 1 MiB, and its key and headers some more.
const MAX_MESSAGE_BYTES: u32 = 2 << 20;
const MAX_PARTITIONS: u16 = 1_024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    tema: Vec<Tema>,
    #[serde(default)]
    grupo: Vec<Grupo>,
    #[serde(default)]
    rol: Vec<Rol>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tema {
    nombre: String,
    clave: String,
    contenido: String,
    particiones: Particiones,
    limpieza: Limpieza,
    retencion: String,
    /// How long a record that a later one of its key replaces may still be there, where only the last is kept.
    compactacion: Option<String>,
    segmento: Option<String>,
    marca_de_tiempo: Marca,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Particiones {
    Motor,
    Respuestas,
    Una,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Limpieza {
    Borrar,
    Compactar,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Marca {
    Llegada,
    Origen,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grupo {
    nombre: String,
    lee: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rol {
    nombre: String,
    que: String,
    #[serde(default)]
    escribe: Vec<String>,
    #[serde(default)]
    lee: Vec<String>,
    #[serde(default)]
    administra: Vec<String>,
    #[serde(default)]
    grupos: Vec<String>,
    #[serde(default)]
    transacciones: bool,
}

pub(super) fn read(text: &str, sizes: &Sizes) -> Result<Topology, String> {
    check_sizes(sizes)?;
    let document: Document = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
    let mut topics = Vec::new();
    for tema in &document.tema {
        for topic in topics_of(&tema.nombre)? {
            topics.push(spec(tema, topic, sizes)?);
        }
    }
    complete(&topics)?;
    let groups = document.grupo.iter().map(|g| group(g, sizes)).collect::<Result<Vec<_>, _>>()?;
    let roles = document.rol.iter().map(|r| role(r, &groups, sizes)).collect::<Result<Vec<_>, _>>()?;
    Ok(Topology { topics, groups, roles, prefix: sizes.prefix.clone() })
}

fn check_sizes(sizes: &Sizes) -> Result<(), String> {
    for (what, value, max) in [
        ("motor.particiones", sizes.partitions, MAX_PARTITIONS),
        ("kafka.particiones_respuestas", sizes.reply_partitions, MAX_PARTITIONS),
        ("kafka.replicas", sizes.replicas, 9),
        ("kafka.min_en_sincronia", sizes.min_insync, sizes.replicas),
    ] {
        if !(1..=max).contains(&value) {
            return Err(format!("{what} es {value} y debe ser de 1 a {max}"));
        }
    }
    Ok(())
}

/// Topics that a name stands for: one, or one a context.
fn topics_of(name: &str) -> Result<Vec<Topic>, String> {
    let found: Vec<Topic> = Topic::todos().filter(|t| t.nombre() == name || family(*t) == name).collect();
    if found.is_empty() {
        return Err(format!("el tema «{name}» no es del sistema"));
    }
    Ok(found)
}

fn all_of(names: &[String]) -> Result<Vec<Topic>, String> {
    let mut all = Vec::new();
    for name in names {
        all.extend(topics_of(name)?);
    }
    Ok(all)
}

fn complete(topics: &[TopicSpec]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = topics.iter().find(|spec| !seen.insert(spec.topic)) {
        return Err(format!("el tema {} está dos veces", twice.topic));
    }
    match Topic::todos().find(|topic| !seen.contains(topic)) {
        Some(missing) => Err(format!("falta el tema {missing}")),
        None => Ok(()),
    }
}

fn spec(tema: &Tema, topic: Topic, sizes: &Sizes) -> Result<TopicSpec, String> {
    let millis =
        |text: &str| duration(text).ok_or_else(|| format!("{}: «{text}» no es una duración como 7d, 1h o siempre", tema.nombre));
    let mut config = BTreeMap::from([
        ("cleanup.policy", policy(tema.limpieza).to_owned()),
        ("max.message.bytes", MAX_MESSAGE_BYTES.to_string()),
        ("message.timestamp.type", timestamp(tema.marca_de_tiempo).to_owned()),
        ("min.insync.replicas", sizes.min_insync.to_string()),
        ("retention.bytes", "-1".to_owned()),
        ("retention.ms", millis(&tema.retencion)?.to_string()),
    ]);
    if let Some(compactacion) = &tema.compactacion {
        config.insert("max.compaction.lag.ms", millis(compactacion)?.to_string());
    }
    if let Some(segmento) = &tema.segmento {
        config.insert("segment.ms", millis(segmento)?.to_string());
    }
    let partitions = match tema.particiones {
        Particiones::Motor => sizes.partitions,
        Particiones::Respuestas => sizes.reply_partitions,
        Particiones::Una => 1,
    };
    Ok(TopicSpec {
        topic,
        name: format!("{}{topic}", sizes.prefix),
        key: tema.clave.clone(),
        content: tema.contenido.clone(),
        partitions,
        replicas: sizes.replicas,
        config,
    })
}

fn policy(limpieza: Limpieza) -> &'static str {
    match limpieza {
        Limpieza::Borrar => "delete",
        Limpieza::Compactar => "compact",
    }
}

fn timestamp(marca: Marca) -> &'static str {
    match marca {
        Marca::Llegada => "LogAppendTime",
        Marca::Origen => "CreateTime",
    }
}

/// Milliseconds of `7d`, `1h`, `10m`, `30s`; -1, for Kafka's ever, of `siempre`.
fn duration(text: &str) -> Option<i64> {
    if text == "siempre" {
        return Some(-1);
    }
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let count: i64 = text.strip_suffix(unit)?.parse().ok().filter(|n| (1..=100_000).contains(n))?;
    Some(count * seconds * 1_000)
}

fn group(grupo: &Grupo, sizes: &Sizes) -> Result<GroupSpec, String> {
    Ok(GroupSpec { name: format!("{}{}", sizes.prefix, grupo.nombre), reads: all_of(&grupo.lee)? })
}

fn role(rol: &Rol, groups: &[GroupSpec], sizes: &Sizes) -> Result<RoleSpec, String> {
    let named: Vec<String> = rol.grupos.iter().map(|g| format!("{}{g}", sizes.prefix)).collect();
    for name in &named {
        if !groups.iter().any(|g| g.name == *name) {
            return Err(format!("el rol {} nombra el grupo {name}, que no está", rol.nombre));
        }
    }
    Ok(RoleSpec {
        name: rol.nombre.clone(),
        what: rol.que.clone(),
        writes: all_of(&rol.escribe)?,
        reads: all_of(&rol.lee)?,
        manages: all_of(&rol.administra)?,
        groups: named,
        transactional: rol.transacciones,
    })
}
