//! `esquemas versiones`: what each version of the contract brought, and what it is in what older ones wrote.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::contracts::{ASCENSOS, Ascenso, CONGELADOS, Registro, VERSION};

const CABEZA: &str = "# Versiones del contrato\n\n\
Lo que escribió cualquier versión se lee siempre, sin reescribir el registro: al leer un evento, una instantánea, un comando o una respuesta\n\
de una versión anterior, lo que esa versión no tenía se completa con su *ascenso*. Esta página la escribe `factumarket esquemas versiones` con la\n\
tabla por la que pasa el lector (`contracts::ascensos`); las pruebas exigen que sea, campo por campo, la diferencia entre los esquemas de cada\n\
versión (`schemas/historia`), que un registro de cada tipo de cada versión (`tests/golden`) se lea con su significado, y que el pliegue de lo\n\
subido sea el estado que aquello decía entonces. El porqué está en los ADR 7 y 13.\n";

fn de_version(version: u16) -> impl Iterator<Item = &'static Ascenso> {
    ASCENSOS.iter().filter(move |ascenso| ascenso.a == version)
}

/// Record types of a version.
fn tipos(version: u16) -> usize {
    match version {
        VERSION => Registro::TODOS.len(),
        cerrada => CONGELADOS.iter().filter(|congelado| congelado.version == cerrada).count(),
    }
}

/// The page, in Markdown.
pub fn pagina() -> String {
    let mut pagina = CABEZA.to_owned();
    for version in (1..=VERSION).rev() {
        let estado = if version == VERSION { "abierta: es la que se escribe" } else { "cerrada" };
        let _ = write!(pagina, "\n## Versión {version}\n\n{} tipos de registro, {estado}.\n", tipos(version));
        if de_version(version).next().is_none() {
            continue;
        }
        pagina.push_str("\n| Tipo | Campo | De → a | En lo anterior vale |\n| --- | --- | --- | --- |\n");
        for ascenso in de_version(version) {
            let Ascenso { tipo, campo, a, vale } = ascenso;
            let _ = writeln!(pagina, "| `{tipo}` | `{campo}` | {} → {a} | {vale} |", ascenso.de());
        }
    }
    pagina
}

/// The table, for `--json`.
pub fn en_json() -> Value {
    let fila = |ascenso: &Ascenso| {
        let Ascenso { tipo, campo, a, vale } = ascenso;
        json!({ "tipo": tipo, "campo": campo, "de": ascenso.de(), "a": a, "vale": vale })
    };
    json!({ "version": VERSION, "ascensos": ASCENSOS.iter().map(fila).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::pagina;

    /// `factumarket esquemas versiones > docs/guide/versiones.md` writes it again.
    #[test]
    fn la_guia_es_la_tabla() {
        let guardada = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/versiones.md")).unwrap_or_default();
        assert!(guardada == pagina(), "escríbala otra vez: factumarket esquemas versiones > docs/guide/versiones.md");
    }
}
