use proptest::prelude::*;

use super::*;

#[test]
fn los_largos_cuentan_caracteres() {
    assert!(nombre_valido("ACME S.A.S."));
    assert!(nombre_valido(&"ñ".repeat(300)));
    assert!(nombre_valido(&format!("  {}  ", "𝔸".repeat(300))));
    assert!(!nombre_valido(&"ñ".repeat(301)));
    assert!(!nombre_valido(&"a".repeat(10_000_000)));
    for malo in ["", "   ", "\t", "a\u{0}b", "línea\nnueva", "a\u{7f}"] {
        assert!(!nombre_valido(malo), "{malo:?}");
    }
    assert!(texto_valido("abc", 3) && !texto_valido("abcd", 3));
}

#[test]
fn correos() {
    for bueno in ["a@b.co", "ana.perez+facturas@correo.ejemplo.com.co", "ñ@dominio.co"] {
        assert!(correo_valido(bueno), "{bueno}");
    }
    let largo = format!("{}@b.co", "a".repeat(250));
    for malo in
        ["", "a", "@b.co", "a@", "a@b", "a@b.", "a@.co", "a@b..co", "a@@b.co", "a@b@c.co", "a b@c.co", "a@b.co\n", largo.as_str()]
    {
        assert!(!correo_valido(malo), "{malo:?}");
    }
}

#[test]
fn claves_simples_y_compuestas() {
    assert!(Id::new("1").is_ok() && Id::new("A-z.0_9").is_ok() && Id::new(&"a".repeat(64)).is_ok());
    for malo in ["", "a:b", "a b", "é", "a/b"] {
        assert_eq!(Id::new(malo), Err(IdInvalido), "{malo:?}");
    }
    assert_eq!(Id::new(&"a".repeat(65)), Err(IdInvalido));
    assert!(Id::de_clave("PRINCIPAL:FACTURA:").is_ok());
    for malo in ["", "a:é", "a: b"] {
        assert_eq!(Id::de_clave(malo), Err(IdInvalido), "{malo:?}");
    }
    assert_eq!(Id::compuesto(&["p", "b"]).partes().collect::<Vec<_>>(), ["p", "b"]);
}

proptest! {
    #[test]
    fn un_texto_valido_tiene_su_largo_y_nada_de_control(texto in any::<String>(), maximo in 1_usize..40) {
        let largo = texto.trim().chars().count();
        let esperado = largo >= 1 && largo <= maximo && !texto.chars().any(char::is_control);
        // Blanks outside may make a text far longer than what it says; only those are refused unread.
        prop_assume!(texto.len() <= maximo * 8 + 64);
        prop_assert_eq!(texto_valido(&texto, maximo), esperado);
    }

    #[test]
    fn toda_clave_simple_vuelve_igual(texto in "[A-Za-z0-9._-]{1,64}") {
        let id = Id::new(&texto).unwrap();
        prop_assert_eq!(id.as_str(), &texto);
        prop_assert_eq!(Id::de_clave(&texto), Ok(id));
    }
}
