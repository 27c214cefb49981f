use proptest::prelude::*;

use super::*;

#[test]
fn lo_que_es_numero_y_lo_que_no() {
    for (texto, esperado) in [
        ("12", "12"),
        ("-0.50", "-0.5"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("1.5e-3", "0.0015"),
        ("007", "7"),
        ("-0", "0"),
        ("0e400", "0"),
        ("1.000000000000000000000000000000000000", "1"),
        ("9999999999999999999999999999", "9999999999999999999999999999"),
        ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
    ] {
        assert_eq!(decimal_exacto(texto).map(|d| d.to_string()), Ok(esperado.to_owned()), "{texto}");
    }
    for texto in [
        "", "-", "+1", ".5", "5.", ".", "1,5", "1e", "1e+", "e5", " 1", "1 ", "0x10", "NaN", "Infinity", "--1", "1.2.3", "1e1.5",
        "１",
    ] {
        assert_eq!(decimal_exacto(texto), Err(ErrorDecimal::Formato), "{texto:?}");
    }
    for texto in ["1e400", "1e-400", "1e99999999999", "123456789012345678901234567890", "0.00000000000000000000000000001", "9e28"] {
        assert_eq!(decimal_exacto(texto), Err(ErrorDecimal::Precision), "{texto}");
    }
}

#[test]
fn un_texto_enorme_se_rechaza_sin_leerlo_entero() {
    assert_eq!(decimal_exacto(&"9".repeat(10_000_000)), Err(ErrorDecimal::Precision));
    assert_eq!(decimal_exacto(&"x".repeat(10_000_000)), Err(ErrorDecimal::Formato));
}

fn dec(texto: &str) -> Decimal {
    decimal_exacto(texto).unwrap()
}

#[test]
fn limites_de_cada_tipo() {
    assert!(Cantidad::nuevo(dec("0")).is_ok());
    assert!(Cantidad::nuevo(dec("99999999.999999")).is_ok());
    assert!(Cantidad::nuevo(dec("99999999999999")).is_ok());
    assert_eq!(Cantidad::nuevo(dec("100000000000000")), Err(ErrorDecimal::Precision));
    assert_eq!(Cantidad::nuevo(dec("100000000.000001")), Err(ErrorDecimal::Precision));
    assert_eq!(Cantidad::nuevo(dec("0.0000001")), Err(ErrorDecimal::Precision));
    assert_eq!(Cantidad::nuevo(dec("-0.000001")), Err(ErrorDecimal::Rango));
    assert_eq!(PrecioUnitario::nuevo(dec("0")), Err(ErrorDecimal::Rango));
    assert_eq!(PrecioUnitario::nuevo(dec("-1")), Err(ErrorDecimal::Rango));
    assert!(PrecioUnitario::nuevo(dec("0.000001")).is_ok());
    assert!(CostoUnitario::nuevo(dec("0")).is_ok());
    assert!(Dinero::nuevo(dec("-999999999999999.99")).is_ok());
    assert_eq!(Dinero::nuevo(dec("1000000000000000")), Err(ErrorDecimal::Precision));
    assert_eq!(Dinero::nuevo(dec("0.001")), Err(ErrorDecimal::Precision));
    assert!(CostoTotal::nuevo(dec("9999999999999999.999999999999")).is_ok());
    assert_eq!(CostoTotal::nuevo(dec("10000000000000000")), Err(ErrorDecimal::Precision));
    assert_eq!(CostoTotal::nuevo(dec("-1")), Err(ErrorDecimal::Rango));
    assert!(Porcentaje::nuevo(dec("100")).is_ok());
    assert!(Porcentaje::nuevo(dec("0.0001")).is_ok());
    assert_eq!(Porcentaje::nuevo(dec("100.0001")), Err(ErrorDecimal::Rango));
    assert_eq!(Porcentaje::nuevo(dec("0.00001")), Err(ErrorDecimal::Precision));
}

#[test]
fn cada_numero_tiene_una_sola_forma() {
    let largo = Decimal::from_i128_with_scale(25 * 10_i128.pow(26), 27);
    assert_eq!(Cantidad::nuevo(largo).unwrap().valor().scale(), 1);
    assert_eq!(Cantidad::nuevo(largo).unwrap().to_string(), "2.5");
    assert_eq!(Dinero::nuevo(dec("119000")).unwrap().to_string(), "119000.00");
    assert_eq!(Dinero::nuevo(dec("-0.5")).unwrap().to_string(), "-0.50");
}

proptest! {
    /// What is read is what was written: same digits, never rounded.
    #[test]
    fn ida_y_vuelta(mantisa in -(10_i128.pow(28) - 1)..10_i128.pow(28), escala in 0_u32..=28) {
        let valor = Decimal::from_i128_with_scale(mantisa, escala);
        prop_assert_eq!(decimal_exacto(&valor.to_string()), Ok(valor));
        let cientifico = format!("{mantisa}e-{escala}");
        prop_assert_eq!(decimal_exacto(&cientifico), Ok(valor));
    }

    /// More than 28 significant digits are refused, not cut.
    #[test]
    fn nunca_redondea(digitos in "[1-9][0-9]{27,60}[1-9]", decimales in "(\\.[0-9]{0,20}[1-9])?") {
        prop_assert_eq!(decimal_exacto(&format!("{digitos}{decimales}")), Err(ErrorDecimal::Precision));
    }

    /// Any text is answered, and an accepted one is a number of the JSON grammar (leading zeros apart).
    #[test]
    fn total(texto in "[-+0-9.eE x]{0,40}") {
        if decimal_exacto(&texto).is_ok() {
            let sin_signo = texto.strip_prefix('-').unwrap_or(&texto);
            prop_assert!(sin_signo.starts_with(|c: char| c.is_ascii_digit()));
            prop_assert!(!texto.contains(' ') && !texto.contains('x') && !texto.ends_with(['.', 'e', 'E', '+', '-']));
        }
    }

    /// 14 digits by 14 digits are 28: the product of a quantity and a price is exact.
    #[test]
    fn cantidad_por_precio_es_exacto(a in 1_i64..10_i64.pow(14), ea in 0_u32..=6, b in 1_i64..10_i64.pow(14), eb in 0_u32..=6) {
        let cantidad = Cantidad::nuevo(Decimal::new(a, ea)).unwrap();
        let precio = PrecioUnitario::nuevo(Decimal::new(b, eb)).unwrap();
        let producto = cantidad.valor() * precio.valor();
        let esperado = i128::from(a) * i128::from(b);
        prop_assert_eq!(producto, Decimal::from_i128_with_scale(esperado, ea + eb));
        prop_assert_eq!(decimal_exacto(&producto.to_string()), Ok(producto));
    }
}
