use proptest::prelude::*;

use super::*;

fn acepta(tipo: TipoIdentificacion, numero: &str) -> bool {
    Identificacion::nueva(tipo, numero, None, false).is_ok()
}

fn acepta_con_modulo(numero: &str) -> bool {
    Identificacion::nueva(TipoIdentificacion::Ruc, numero, None, true).is_ok()
}

/// Published NITs: Banco de Bogotá 860002964-4, Bancolombia 890903938-8, DIAN 800197268-4, Ecopetrol 899999068-1.
/// By hand for the first: 4·3+6·7+9·13+2·17+0+0+0+6·37+8·41 = 755; 755 mod 11 = 7; 11 - 7 = 4.
#[test]
fn nit_publicados() {
    for (numero, sin_dv, dv) in [
        ("860.002.964-4", "860002964", 4),
        ("8909039388", "890903938", 8),
        ("800 197 268 4", "800197268", 4),
        ("899999068-1", "899999068", 1),
    ] {
        let junto = Identificacion::nueva(TipoIdentificacion::Nit, numero, None, false).unwrap();
        assert_eq!((&*junto.numero, junto.dv), (sin_dv, Some(dv)));
        assert_eq!(Identificacion::nueva(TipoIdentificacion::Nit, sin_dv, Some(dv), false), Ok(junto.clone()));
        assert_eq!(junto.to_string(), format!("{sin_dv}-{dv}"));
    }
}

#[test]
fn nit_invalidos() {
    for malo in ["", "-", "860002964-5", "8600029644 4", "12345678", "86000296A-4", "８600029644", "860002964"] {
        assert!(!acepta(TipoIdentificacion::Nit, malo), "{malo:?}");
    }
    for dv in [0, 3, 5, 10, 14, 255] {
        assert!(Identificacion::nueva(TipoIdentificacion::Nit, "860002964", Some(dv), false).is_err(), "{dv}");
    }
}

/// The right digit of 800123456 is 5: 6·3+5·7+4·13+3·17+2·19+1·23+0+0+8·41 = 545; 545 mod 11 = 6; 11 - 6 = 5.
/// The example of the product writes 7, and is accepted because it states no type.
#[test]
fn el_ejemplo_sin_tipo_se_acepta_como_esta_escrito() {
    assert!(!acepta(TipoIdentificacion::Nit, "800123456-7"));
    assert!(acepta(TipoIdentificacion::Nit, "800123456-5"));
    let sin_tipo = Identificacion::inferir(" 800123456-7 ").unwrap();
    assert_eq!((sin_tipo.tipo, &*sin_tipo.numero, sin_tipo.dv), (TipoIdentificacion::SinTipo, "800123456-7", None));
    assert_eq!(Identificacion::nueva(TipoIdentificacion::SinTipo, "800123456-7", None, true), Ok(sin_tipo));
}

#[test]
fn sin_tipo_tiene_de_1_a_20_caracteres() {
    assert!(Identificacion::inferir(&"ñ".repeat(20)).is_ok());
    for malo in ["", "   ", "a\tb"] {
        assert!(Identificacion::inferir(malo).is_err(), "{malo:?}");
    }
    assert!(Identificacion::inferir(&"1".repeat(21)).is_err());
    assert!(Identificacion::nueva(TipoIdentificacion::SinTipo, "123", Some(1), false).is_err());
}

/// 1710034065: 2+7+2+0+0+3+8+0+3+5 = 30.
#[test]
fn cedula_de_ecuador() {
    for buena in ["1710034065", "171003406-5", "0926687856"] {
        assert!(acepta(TipoIdentificacion::CedulaEc, buena), "{buena}");
    }
    for mala in ["1710034064", "171003406", "17100340655", "2510034065", "0010034065", "1770034065", "171003406X", ""] {
        assert!(!acepta(TipoIdentificacion::CedulaEc, mala), "{mala:?}");
    }
}

/// Juridical, Banco Pichincha 1790010937001 and 1790011674001; public, SRI 1760013210001 and Banco Central 1760002600001.
/// 1790011674: 1·4+7·3+9·2+0+0+1·5+1·4+6·3+7·2+4·1 = 88 = 8·11. 176001321: 3+14+42+0+0+4+9+4+1 = 77 = 7·11.
#[test]
fn ruc_publicados_pasan_tambien_con_modulo() {
    for ruc in
        ["1790011674001", "1790010937001", "1760013210001", "1760002600001", "1760001550001", "1710034065001", "17-10034065.001"]
    {
        assert!(acepta(TipoIdentificacion::Ruc, ruc), "{ruc}");
        assert!(acepta_con_modulo(ruc), "{ruc}");
    }
}

#[test]
fn ruc_con_modulo_errado_solo_se_rechaza_con_el_interruptor() {
    for ruc in ["1790011675001", "1760013220001", "5090011674001"] {
        assert!(acepta(TipoIdentificacion::Ruc, ruc), "{ruc}");
    }
    assert!(!acepta_con_modulo("1790011675001"));
    assert!(!acepta_con_modulo("1760013220001"));
}

#[test]
fn ruc_invalidos_siempre() {
    for malo in [
        "",
        "179001167400",
        "17900116740011",
        "179001167400X",
        "2590011674001", // province 25
        "0090011674001",
        "1770011674001", // third digit 7
        "1780011674001", // third digit 8
        "1710034064001", // natural with a wrong cédula
        "1710034065000", // natural without establishment
        "1760013210000", // public without establishment
        "1790011670000", // neither juridical nor public without establishment
    ] {
        assert!(!acepta(TipoIdentificacion::Ruc, malo), "{malo:?}");
    }
}

#[test]
fn cedula_de_colombia_pasaporte_y_consumidor_final() {
    for (tipo, numero, esperado) in [
        (TipoIdentificacion::CedulaCo, "52.345.678", true),
        (TipoIdentificacion::CedulaCo, "1020304050", true),
        (TipoIdentificacion::CedulaCo, "123456", true),
        (TipoIdentificacion::CedulaCo, "12345", false),
        (TipoIdentificacion::CedulaCo, "12345678901", false),
        (TipoIdentificacion::CedulaCo, "0123456", false),
        (TipoIdentificacion::CedulaCo, "12345a", false),
        (TipoIdentificacion::Pasaporte, "AB-123456", true),
        (TipoIdentificacion::Pasaporte, "AB12", false),
        (TipoIdentificacion::Pasaporte, "AB_12345", false),
        (TipoIdentificacion::Pasaporte, "ABCDEFGHIJ12345678901", false),
        (TipoIdentificacion::ConsumidorFinal, "222222222222", true),
        (TipoIdentificacion::ConsumidorFinal, "9999999999999", true),
        (TipoIdentificacion::ConsumidorFinal, "1", false),
    ] {
        assert_eq!(acepta(tipo, numero), esperado, "{} {numero}", tipo.nombre());
    }
    assert!(Identificacion::nueva(TipoIdentificacion::CedulaCo, "1020304050", Some(1), false).is_err());
}

fn tipo() -> impl Strategy<Value = TipoIdentificacion> {
    proptest::sample::select(TipoIdentificacion::TODOS.to_vec())
}

proptest! {
    /// Any text is answered without a panic, and what is accepted builds itself again from its parts.
    #[test]
    fn total_y_canonica(tipo in tipo(), numero in "[0-9A-Za-zñ .-]{0,24}|[0-9]{5,13}|\\PC{0,80}", dv in proptest::option::of(any::<u8>()), con_modulo: bool) {
        if let Ok(id) = Identificacion::nueva(tipo, &numero, dv, con_modulo) {
            prop_assert_eq!(Identificacion::nueva(id.tipo, &id.numero, id.dv, con_modulo), Ok(id.clone()));
        }
    }

    /// Each NIT body has exactly one check digit, and one wrong digit is noticed; remainders 1 and 10 share the check
    /// digit 1, so there the algorithm itself cannot tell.
    #[test]
    fn un_solo_digito_de_verificacion(cuerpo in "[0-9]{8,9}", posicion in 0_usize..9, suma in 1_u32..10) {
        let dv: Vec<u8> = (0..=9).filter(|dv| Identificacion::nueva(TipoIdentificacion::Nit, &cuerpo, Some(*dv), false).is_ok()).collect();
        prop_assert_eq!(dv.len(), 1);
        prop_assume!(dv[0] != 1);
        let mut otro: Vec<char> = cuerpo.chars().collect();
        let i = posicion % otro.len();
        let cambiado = (otro[i].to_digit(10).unwrap() + suma) % 10;
        otro[i] = char::from_digit(cambiado, 10).unwrap();
        let otro: String = otro.into_iter().collect();
        prop_assert!(Identificacion::nueva(TipoIdentificacion::Nit, &otro, Some(dv[0]), false).is_err());
    }
}
