//! The modules are the architecture: this test reads `src/` and fails when a dependency points up, when the domain names
//! a crate it may not, or when the deciding code reads the machine's clock or entropy.

#[path = "arquitectura/leyes.rs"]
mod leyes;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Height of each top-level module: a module may use only strictly lower ones, so two of one height are independent.
/// `tables` stands on `log` because a sink keeps the log's positions beside its rows; `log` knows nothing of tables.
const HEIGHTS: [(&str, u8); 12] = [
    ("cli", 9),
    ("node", 8),
    ("http", 7),
    ("sim", 7),
    ("projections", 6),
    ("audit", 6),
    ("engine", 5),
    ("contracts", 4),
    ("log", 2),
    ("tables", 3),
    ("domain", 1),
    ("defectos", 0),
];

/// `config` stands beside the list: these read it, and it reads the domain (the issuer it describes).
const CONFIG_READERS: [&str; 3] = ["cli", "node", "http"];

/// The crates the domain may name.
const DOMAIN_CRATES: [&str; 2] = ["chrono", "rust_decimal"];

/// Calls that read the machine's clock or entropy.
const IMPURE: [&[&str]; 8] = [
    &["SystemTime", "::", "now"],
    &["Instant", "::", "now"],
    &["Utc", "::", "now"],
    &["Local", "::", "now"],
    &["Uuid", "::", "new_v4"],
    &["Uuid", "::", "now_v7"],
    &["Uuid", "::", "now_v6"],
    &["Uuid", "::", "now_v1"],
];

/// The one file of `engine` that may: it is where the ports of time and ids are.
const PORTS: &str = "engine/ports.rs";

/// Source text as identifiers, `::` and single punctuation marks; comments, strings and characters are left out.
fn tokens(source: &str) -> Vec<String> {
    let chars: Vec<char> = source.chars().collect();
    let mut found = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let next = chars.get(i + 1).copied();
        i = match (chars[i], next) {
            ('/', Some('/')) => skip_line(&chars, i),
            ('/', Some('*')) => skip_block_comment(&chars, i),
            ('"', _) => skip_string(&chars, i),
            ('r' | 'b', _) if raw_string_hashes(&chars, i).is_some() => skip_raw_string(&chars, i),
            ('\'', _) => skip_char_or_lifetime(&chars, i),
            (c, _) if c.is_alphabetic() || c == '_' => {
                let end = (i..chars.len()).find(|j| !(chars[*j].is_alphanumeric() || chars[*j] == '_')).unwrap_or(chars.len());
                found.push(chars[i..end].iter().collect());
                end
            }
            (':', Some(':')) => {
                found.push("::".to_owned());
                i + 2
            }
            (c, _) => {
                if !c.is_whitespace() {
                    found.push(c.to_string());
                }
                i + 1
            }
        };
    }
    found
}

fn skip_line(chars: &[char], from: usize) -> usize {
    (from..chars.len()).find(|j| chars[*j] == '\n').unwrap_or(chars.len())
}

fn skip_block_comment(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut i = from;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    i
}

fn skip_string(chars: &[char], from: usize) -> usize {
    let mut i = from + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    i
}

/// How many `#` open the raw string at `from` (`r"`, `r#"`, `br"`…), when there is one.
fn raw_string_hashes(chars: &[char], from: usize) -> Option<usize> {
    let preceded_by_word = from > 0 && (chars[from - 1].is_alphanumeric() || chars[from - 1] == '_');
    let r = if chars[from] == 'b' { from + 1 } else { from };
    if preceded_by_word || chars.get(r) != Some(&'r') {
        return None;
    }
    let hashes = chars[r + 1..].iter().take_while(|c| **c == '#').count();
    (chars.get(r + 1 + hashes) == Some(&'"')).then_some(hashes)
}

fn skip_raw_string(chars: &[char], from: usize) -> usize {
    let hashes = raw_string_hashes(chars, from).unwrap_or(0);
    let open = (from..chars.len()).find(|j| chars[*j] == '"').unwrap_or(chars.len());
    let closes = |j: usize| chars[j] == '"' && chars[j + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (open + 1..chars.len()).find(|j| closes(*j)).map_or(chars.len(), |j| j + 1 + hashes)
}

fn skip_char_or_lifetime(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), _) => (from + 3..chars.len()).find(|j| chars[*j] == '\'').map_or(chars.len(), |j| j + 1),
        (Some(_), Some('\'')) => from + 3,
        _ => from + 1,
    }
}

/// The first names of a path that continues at `at`: one, or each of a group `{a::b, c}`.
fn heads(tokens: &[String], at: usize) -> Vec<String> {
    if tokens.get(at).map(String::as_str) != Some("{") {
        return tokens.get(at).cloned().into_iter().collect();
    }
    let mut found = Vec::new();
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        let opens_item = i == at || (depth == 1 && token == ",");
        if opens_item && tokens.get(i + 1).is_some_and(|t| t != "}") {
            found.push(tokens[i + 1].clone());
        }
    }
    found
}

/// Names at the root of the crate that a file reaches: `crate::x`, or `super::…::x` when the supers climb that far.
/// `depth` is the depth of the file's own module; inline modules add to it.
fn roots(tokens: &[String], depth: usize) -> BTreeSet<String> {
    let is = |i: usize, text: &str| tokens.get(i).map(String::as_str) == Some(text);
    let mut found = BTreeSet::new();
    let mut braces: Vec<bool> = Vec::new();
    for i in 0..tokens.len() {
        match tokens[i].as_str() {
            "{" => braces.push(i >= 2 && is(i - 2, "mod")),
            "}" => {
                braces.pop();
            }
            "crate" if is(i + 1, "::") => found.extend(heads(tokens, i + 2)),
            "super" if !(i > 0 && is(i - 1, "::")) => {
                let mut climbed = 1;
                let mut end = i + 1;
                while is(end, "::") && is(end + 1, "super") {
                    climbed += 1;
                    end += 2;
                }
                let module_depth = depth + braces.iter().filter(|inline| **inline).count();
                if is(end, "::") && climbed >= module_depth {
                    found.extend(heads(tokens, end + 1));
                }
            }
            _ => {}
        }
    }
    found
}

fn height(module: &str) -> Option<u8> {
    HEIGHTS.iter().find(|(name, _)| *name == module).map(|(_, height)| *height)
}

fn may_use(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    match (from, to) {
        ("config", _) => to == "domain",
        (_, "config") => CONFIG_READERS.contains(&from),
        _ => height(from).zip(height(to)).is_some_and(|(from, to)| to < from),
    }
}

/// What one file does against the architecture. `path` is relative to `src/`, with `/`.
fn violations(path: &str, source: &str, dependencies: &BTreeSet<String>) -> Vec<String> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    if path == "main.rs" {
        let used = tokens.windows(2).enumerate().filter(|(_, pair)| pair[0] == "factumarket" && pair[1] == "::");
        let heads = used.flat_map(|(i, _)| heads(&tokens, i + 2));
        found.extend(heads.filter(|head| head != "cli").map(|head| format!("main.rs uses {head}: it may use cli only")));
        return found;
    }
    if path == "lib.rs" {
        return found;
    }
    let own = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
    if height(own).is_none() && own != "config" {
        found.push(format!("{path}: the module {own} has no place in the architecture"));
    }
    let parts = path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
    let names = roots(&tokens, parts);
    found.extend(names.iter().filter(|name| !may_use(own, name)).map(|name| format!("{path}: {own} may not use {name}")));
    if own == "domain" {
        found.extend(
            foreign_crates(&tokens, dependencies).into_iter().map(|name| format!("{path}: the domain names the crate {name}")),
        );
    }
    if (own == "domain" || own == "engine") && path != PORTS {
        let impure = IMPURE.iter().filter(|call| tokens.windows(call.len()).any(|window| window.iter().eq(call.iter())));
        found.extend(impure.map(|call| format!("{path}: reads the machine with {}", call.concat())));
    }
    found
}

/// Dependencies of the package that start a path in the file and are not among the domain's.
fn foreign_crates(tokens: &[String], dependencies: &BTreeSet<String>) -> BTreeSet<String> {
    let starts_path = |i: usize| tokens.get(i + 1).is_some_and(|t| t == "::") && (i == 0 || tokens[i - 1] != "::");
    let imported = |i: usize| i > 0 && matches!(tokens[i - 1].as_str(), "use" | "crate");
    tokens
        .iter()
        .enumerate()
        .filter(|(i, token)| {
            dependencies.contains(*token) && !DOMAIN_CRATES.contains(&token.as_str()) && (starts_path(*i) || imported(*i))
        })
        .map(|(_, token)| token.clone())
        .collect()
}

/// Every crate of `[dependencies]`, as code writes it.
fn dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let table = manifest["dependencies"].as_table().unwrap();
    table.keys().map(|name| name.replace('-', "_")).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn dependencies_point_down_and_the_core_is_pure() {
    let src = root().join("src");
    let dependencies = dependencies();
    assert!(dependencies.contains("tokio") && dependencies.contains("rust_decimal"), "the manifest was read");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 20, "the sources were found");
    let mut found = Vec::new();
    for file in &files {
        let relative = file.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
        found.extend(violations(&relative, &fs::read_to_string(file).unwrap(), &dependencies));
    }
    found.sort();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The checker on sources that are wrong: it must say so, each time for its own reason.
#[test]
fn the_checker_notices_what_is_wrong() {
    let dependencies = dependencies();
    for (path, source, reason) in [
        ("domain/x.rs", "use crate::engine::ports::Clock;", "domain may not use engine"),
        ("domain/x.rs", "use crate::{domain::valores, log::Log};", "domain may not use log"),
        ("domain/x.rs", "fn f() { crate::tables::open() }", "domain may not use tables"),
        ("log/embedded/mod.rs", "use crate::tables::Row;", "log may not use tables"),
        ("projections/a.rs", "use crate::audit::b;", "projections may not use audit"),
        ("engine/mod.rs", "use super::http::Router;", "engine may not use http"),
        ("engine/core/mod.rs", "use super::super::cli::run;", "engine may not use cli"),
        ("engine/core.rs", "mod a { mod b { fn f() { super::super::super::super::node::g() } } }", "engine may not use node"),
        ("engine/core.rs", "use crate::config::Config;", "engine may not use config"),
        ("config/mod.rs", "use crate::log::Log;", "config may not use log"),
        ("contracts/a.rs", "use crate::{\n    log::Log,\n    engine::{gateway, ports},\n};", "contracts may not use engine"),
        ("utils/mod.rs", "", "has no place"),
        ("domain/x.rs", "use serde::Serialize;", "names the crate serde"),
        ("domain/x.rs", "#[derive(serde::Serialize)] struct A;", "names the crate serde"),
        ("domain/x.rs", "fn f() -> serde_json::Value { todo!() }", "names the crate serde_json"),
        ("domain/x.rs", "fn f() { let a = std::time::SystemTime::now(); }", "SystemTime::now"),
        ("engine/core.rs", "let t = Instant :: now();", "Instant::now"),
        ("engine/core.rs", "let t = chrono::Utc::now();", "Utc::now"),
        ("engine/core.rs", "let id = uuid::Uuid::new_v4();", "new_v4"),
        ("engine/core.rs", "let id = Uuid::now_v7();", "now_v7"),
        ("main.rs", "fn main() { factumarket::engine::run() }", "main.rs uses engine"),
        ("main.rs", "use factumarket::{cli, node};", "main.rs uses node"),
    ] {
        let found = violations(path, source, &dependencies);
        assert!(found.iter().any(|v| v.contains(reason)), "{path}: {source}: {found:?} does not say {reason:?}");
    }
}

/// And on sources that are right, or only look wrong.
#[test]
fn the_checker_lets_pass_what_is_right() {
    let dependencies = dependencies();
    for (path, source) in [
        ("cli/mod.rs", "use crate::{config::Config, node::Node, http::serve, domain::valores::{Id, Instante}};"),
        ("http/mod.rs", "use crate::tables::Tables; use super::projections::a;"),
        ("config/mod.rs", "use crate::domain::emisor::Emisor;"),
        ("engine/ports.rs", "fn now() { Instant::now(); Uuid::now_v7(); }"),
        ("log/mod.rs", "fn now() { Instant::now(); }"),
        (
            "domain/x.rs",
            "// use crate::engine::x;\n/* crate::log::y /* Utc::now() */ */ const A: &str = \"crate::http::z \\\" Utc::now()\";",
        ),
        ("domain/x.rs", "const A: &str = r#\"serde::Serialize \" Uuid::new_v4()\"#; const B: char = '\"'; const C: char = '\\'';"),
        ("domain/x.rs", "use std::sync::Arc; use chrono::NaiveDate; use rust_decimal::Decimal; pub(crate) fn f<'a>(a: &'a str) {}"),
        ("domain/emisor.rs", "use super::valores::{Id, Decimal}; mod tests { use super::*; use super::super::reglas; }"),
        ("domain/mod.rs", "mod a { use super::log; }"),
        ("main.rs", "fn main() -> std::process::ExitCode { factumarket::cli::run() }"),
    ] {
        assert_eq!(violations(path, source, &dependencies), Vec::<String>::new(), "{path}: {source}");
    }
}
