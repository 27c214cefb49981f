//! "Did you mean": the known name nearest to a mistyped one.

/// The candidate nearest to `escrito`, when it is near enough to be a typing mistake (a third of its length, at least one edit).
pub fn mas_parecido<'a>(escrito: &str, candidatos: &[&'a str]) -> Option<&'a str> {
    const LARGO_MAXIMO: usize = 64;
    let largo = escrito.chars().count();
    if largo == 0 || largo > LARGO_MAXIMO {
        return None;
    }
    let minusculas = escrito.to_lowercase();
    let tope = (largo / 3).max(1);
    candidatos
        .iter()
        .map(|candidato| (strsim::damerau_levenshtein(&minusculas, &candidato.to_lowercase()), *candidato))
        .filter(|(distancia, _)| *distancia <= tope)
        .min_by_key(|(distancia, _)| *distancia)
        .map(|(_, candidato)| candidato)
}

#[cfg(test)]
mod tests {
    use super::mas_parecido;

    #[test]
    fn encuentra_el_nombre_mas_parecido() {
        assert_eq!(mas_parecido("cliente_di", &["cliente_id", "canal"]), Some("cliente_id"));
        assert_eq!(mas_parecido("Lineas", &["lineas"]), Some("lineas"));
    }

    #[test]
    fn no_inventa_parecidos() {
        assert_eq!(mas_parecido("xyz", &["cliente_id", "canal"]), None);
        assert_eq!(mas_parecido("", &["id"]), None);
        assert_eq!(mas_parecido(&"a".repeat(1000), &["a"]), None);
    }
}
