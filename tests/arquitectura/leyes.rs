//! `docs/guide/leyes.md` names every law of the domain that a property test holds, and none that is not tested.

use std::{collections::BTreeSet, fs, path::Path};

use super::{root, rust_files};

/// Where laws are: of the domain, and of what it becomes on the wire.
const PLACES: [&str; 2] = ["domain", "contracts/leyes.rs"];
/// At least so many.
const LAWS_MIN: usize = 30;

/// Path of the module that a file of `src` is.
fn module(file: &Path) -> String {
    let path = file.with_extension("");
    let parts: Vec<_> = path.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    let parts = parts.strip_suffix(&["mod".to_owned()]).unwrap_or(&parts);
    parts.join("::")
}

/// Names of the tests inside the `proptest!` blocks of a file, with the module inside the file they are in, if any.
fn laws_of(source: &str) -> Vec<String> {
    let (mut laws, mut within, mut inner) = (Vec::new(), None, "");
    for line in source.lines() {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start().starts_with("proptest! {") {
            within = Some(indent);
        } else if within == Some(indent) && line.trim_end().ends_with('}') {
            within = None;
        } else if line.trim_end() == "mod tests {" {
            inner = "tests::";
        } else if let (Some(block), Some(rest)) = (within, line.trim_start().strip_prefix("fn ")) {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // Functions of the block itself, not those inside their bodies.
            if indent == block + 4 {
                laws.push(format!("{inner}{name}"));
            }
        }
    }
    laws
}

fn tested() -> BTreeSet<String> {
    let src = root().join("src");
    let mut laws = BTreeSet::new();
    for place in PLACES {
        let (place, mut files) = (src.join(place), Vec::new());
        if place.is_dir() {
            rust_files(&place, &mut files)
        } else {
            files.push(place)
        }
        for file in files {
            let text = fs::read_to_string(&file).expect("source");
            let relative = file.strip_prefix(&src).expect("within src");
            laws.extend(laws_of(&text).into_iter().map(|law| format!("{}::{law}", module(relative))));
        }
    }
    laws
}

/// The tests that the page names: the second column of its tables.
fn named() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/guide/leyes.md")).expect("docs/guide/leyes.md");
    let tests = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix("` |")?.rsplit_once("| `"));
    tests
        .map(|(law, test)| {
            assert!(law.trim().len() > 20, "la ley de {test} se enuncia");
            test.to_owned()
        })
        .collect()
}

#[test]
fn the_page_of_laws_names_every_property_test_and_no_other() {
    let (tested, named) = (tested(), named());
    let missing: Vec<_> = tested.difference(&named).collect();
    let gone: Vec<_> = named.difference(&tested).collect();
    assert!(missing.is_empty(), "faltan en docs/guide/leyes.md: {missing:#?}");
    assert!(gone.is_empty(), "docs/guide/leyes.md nombra pruebas que no existen: {gone:#?}");
    assert!(named.len() >= LAWS_MIN, "{} leyes", named.len());
}

#[test]
fn the_reader_of_laws_sees_blocks_and_modules() {
    let source = "proptest! {\n    #[test]\n    fn una(x in 0..1) {\n        fn no() {}\n    }\n}\nfn tampoco() {}\nmod tests {\n    proptest! {\n        fn otra() {}\n    }\n}\n";
    assert_eq!(laws_of(source), ["una", "tests::otra"]);
    assert_eq!(module(Path::new("domain/a/mod.rs")), "domain::a");
}
