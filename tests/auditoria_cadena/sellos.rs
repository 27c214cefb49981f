//! Keys, notes and seals as texts.

use factumarket::audit::cadena::{
    Cadena, ClavePrivada, ClavePublica, ErrorClave, Llavero, Sello, SelloFirmado, Sucesion,
    nota::{ErrorNota, Nota, varias},
    sello::ErrorSello,
};
use proptest::prelude::*;

use super::comun::{Azar, NOMBRE, Registro, clave, historias, llavero, sellar};

/// The note of the specification's own example, and Go's (`golang.org/x/mod/sumdb/note`): PeterNeumann's key and signature.
#[test]
fn a_note_and_a_key_of_others_are_read() {
    const CLAVE: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTA: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let llavero = Llavero::leer(CLAVE).expect("clave");
    let nota = Nota::leer(NOTA).expect("nota");
    assert_eq!(llavero.verificar(&nota, "PeterNeumann", true), Ok(0));
    assert_eq!(llavero.claves()[0].to_string(), CLAVE);
    let alterada = NOTA.replace("answer", "problem");
    let nota = Nota::leer(&alterada).expect("nota");
    assert_eq!(llavero.verificar(&nota, "PeterNeumann", false), Err(ErrorNota::FirmaFalsa("PeterNeumann".to_owned())));
}

#[test]
fn keys_go_and_come_as_texts_and_what_is_wrong_is_said() {
    let privada = clave(7);
    let (texto, publica) = (privada.secreta(), privada.publica().to_string());
    assert_eq!(ClavePrivada::leer(&texto).expect("leída").publica(), privada.publica());
    assert_eq!(ClavePublica::leer(&publica).expect("leída"), privada.publica());
    assert_eq!(ClavePublica::leer(&texto), Err(ErrorClave::EsPrivada));
    assert!(matches!(ClavePrivada::leer(&publica), Err(ErrorClave::Forma(_))));
    assert!(!format!("{privada:?}").contains(&texto[texto.len() - 40..]), "a key is not shown by accident");
    let renombrada = publica.replace("tienda", "bodega");
    assert_eq!(ClavePublica::leer(&renombrada), Err(ErrorClave::Identificador));
    for nombre in ["", "con espacio", "con+mas", "con\"comilla", "ñ", &"x".repeat(201)] {
        assert_eq!(ClavePrivada::nueva(nombre, &[0; 32]).map(drop), Err(ErrorClave::Nombre), "{nombre}");
    }
    assert_eq!(Llavero::leer("# nada\n\n"), Err(ErrorClave::Ninguna));
    let ajena = ClavePrivada::nueva("otra.example", &[1; 32]).expect("clave").publica();
    assert!(Llavero::nuevo(vec![ajena, privada.publica()]).is_err(), "keys of two installations");
    assert_eq!(privada.publica().de_origen("auditoria/3").nombre(), format!("{NOMBRE}/auditoria/3"));
}

/// The seal as others read it: the first lines are a checkpoint of C2SP, and its signature is the origin's.
#[test]
fn a_seal_is_a_checkpoint_of_c2sp() {
    let mut azar = Azar(1);
    let historia = &historias(&mut azar)[0];
    let (_, sellos) = sellar(historia, &clave(1));
    let nota = &sellos[0].nota;
    let lineas: Vec<&str> = nota.lines().collect();
    assert_eq!(lineas[0], format!("{NOMBRE}/eventos.facturacion/0"));
    assert_eq!(lineas[1], "10");
    assert_eq!(lineas[2].len(), 44);
    assert!(lineas[3].starts_with("cabeza ") && lineas[4] == "posicion 10" && lineas[5].starts_with("anterior "));
    assert_eq!(lineas[6], "");
    assert!(lineas[7].starts_with(&format!("\u{2014} {NOMBRE}/eventos.facturacion/0 ")));
    // Whoever knows nothing of ours checks it with the origin's own key.
    let de_origen = Llavero::nuevo(vec![clave(1).publica().de_origen("eventos.facturacion/0")]).expect("llavero");
    assert_eq!(de_origen.verificar(&Nota::leer(nota).expect("nota"), lineas[0], true), Ok(0));
    assert_eq!(&SelloFirmado::firmar(sellos[0].sello.clone(), &clave(1)).nota, nota, "the same seal has the same bytes");
}

#[test]
fn a_cosignature_of_a_witness_is_ignored_unless_nothing_but_ours_is_expected() {
    let (_, sellos) = sellar(&historias(&mut Azar(2))[0], &clave(1));
    let con_testigo = format!("{}\u{2014} testigo.example AAAAAAECAw==\n", sellos[0].nota);
    let llavero = llavero(&[&clave(1)]);
    assert_eq!(SelloFirmado::verificar(&con_testigo, &llavero, false).map(|s| s.sello), Ok(sellos[0].sello.clone()));
    let desconocida = ErrorSello::Nota(ErrorNota::FirmaDesconocida("testigo.example".to_owned()));
    assert_eq!(SelloFirmado::verificar(&con_testigo, &llavero, true), Err(desconocida));
}

#[test]
fn a_key_that_was_succeeded_signs_no_more() {
    let (vieja, nueva) = (clave(1), clave(2));
    let llavero = llavero(&[&vieja, &nueva]);
    let historia = &historias(&mut Azar(3))[0];
    let mut cadena = Cadena::nueva(historia.particion);
    let mut sucesion = Sucesion::nueva(historia.particion);
    let mut siguiente = |sucesion: &Sucesion, clave: &ClavePrivada| {
        cadena.agregar(&Registro::al_azar(&mut Azar(cadena.hojas() + 1)).hoja());
        let nota = SelloFirmado::firmar(Sello::de(&cadena, NOMBRE, cadena.hojas(), sucesion.anterior()), clave).nota;
        SelloFirmado::verificar(&nota, &llavero, true).expect("bien firmado")
    };
    for clave in [&vieja, &vieja, &nueva] {
        let sello = siguiente(&sucesion, clave);
        sucesion.seguir(&sello).expect("sigue");
    }
    let tarde = siguiente(&sucesion, &vieja);
    assert_eq!(sucesion.seguir(&tarde), Err(ErrorSello::Nota(ErrorNota::ClaveRelevada)));
    let bien = siguiente(&sucesion, &nueva);
    assert_eq!(sucesion.seguir(&bien), Ok(()));
    assert!(matches!(sucesion.seguir(&bien), Err(ErrorSello::Forma(_))), "twice is not once");
}

#[test]
fn several_notes_in_one_file_are_told_apart() {
    let historias = historias(&mut Azar(4));
    let notas: Vec<String> = historias.iter().flat_map(|h| sellar(h, &clave(1)).1).map(|s| s.nota).collect();
    let texto = notas.concat();
    assert_eq!(varias(&texto, 10).expect("notas"), notas.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(varias("", 10), Ok(Vec::new()));
    assert!(varias(&texto, 2).is_err());
    assert!(varias(&texto[..texto.len() - 5], 10).is_err(), "the last one is cut");
    assert!(varias(&format!("{texto}de más\n"), 10).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// No bit of a seal may change: neither of its text nor of its signature.
    #[test]
    fn any_bit_of_a_seal_counts(donde in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (_, sellos) = sellar(&historias(&mut Azar(5))[1], &clave(1));
        let mut bytes = sellos[1].nota.clone().into_bytes();
        let lugar = donde.index(bytes.len());
        bytes[lugar] ^= 1 << bit;
        if let Ok(texto) = String::from_utf8(bytes) {
            prop_assert!(SelloFirmado::verificar(&texto, &llavero(&[&clave(1)]), true).is_err(), "{texto}");
        }
    }

    #[test]
    fn what_is_read_is_written_the_same(texto in "[a-z./]{1,12}/(eventos.catalogo|auditoria)/[0-9]{1,3}\n[0-9]{1,4}\n[A-Za-z0-9+/]{43}=\ncabeza [A-Za-z0-9+/]{43}=\nposicion [0-9]{1,4}\nanterior [A-Za-z0-9+/]{43}=\n") {
        if let Ok(sello) = Sello::leer(&texto) {
            prop_assert_eq!(sello.texto(), texto);
        }
    }
}
