use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;

fn dec(texto: &str) -> Decimal {
    texto.parse().unwrap()
}

fn dia(anio: i32, mes: u32, dia: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(anio, mes, dia).unwrap()
}

fn politica(modo: ModoRedondeo, decimales: u32) -> PoliticaRedondeo {
    PoliticaRedondeo { modo, nivel: NivelRedondeo::Linea, decimales }
}

#[test]
fn los_emisores_por_defecto_son_validos() {
    assert_eq!(Emisor::co().validar(), vec![]);
    assert_eq!(Emisor::ec().validar(), vec![]);
    let estricto = Emisor { verificar_digito_ruc: true, ..Emisor::ec() };
    assert_eq!(estricto.validar(), vec![]);
    assert_eq!((Emisor::co().moneda(), Emisor::ec().moneda()), ("COP", "USD"));
}

#[test]
fn mitad_par_y_mitad_arriba() {
    for (valor, par, arriba) in [
        ("0.125", "0.12", "0.13"),
        ("0.135", "0.14", "0.14"),
        ("0.145", "0.14", "0.15"),
        ("-0.125", "-0.12", "-0.13"),
        ("0.1249999999999999999999999999", "0.12", "0.12"),
        ("0.1250000000000000000000000001", "0.13", "0.13"),
        ("7", "7", "7"),
    ] {
        assert_eq!(politica(ModoRedondeo::MitadPar, 2).redondear(dec(valor)), dec(par), "{valor}");
        assert_eq!(politica(ModoRedondeo::MitadArriba, 2).redondear(dec(valor)), dec(arriba), "{valor}");
    }
    assert_eq!(politica(ModoRedondeo::MitadPar, 0).redondear(dec("2.5")), dec("2"));
    assert_eq!(politica(ModoRedondeo::MitadArriba, 0).redondear(dec("2.5")), dec("3"));
    assert_eq!(politica(ModoRedondeo::MitadArriba, 1).redondear(dec("2.25")), dec("2.3"));
}

#[test]
fn el_iva_de_ecuador_cambia_el_primero_de_abril_de_2024() {
    let ec = Emisor::ec();
    let tarifa = |t: u32| Porcentaje::nuevo(Decimal::from(t)).unwrap();
    assert!(ec.impuesto_vigente("IVA", tarifa(12), dia(2024, 3, 31)));
    assert!(!ec.impuesto_vigente("IVA", tarifa(15), dia(2024, 3, 31)));
    assert!(!ec.impuesto_vigente("IVA", tarifa(12), dia(2024, 4, 1)));
    assert!(ec.impuesto_vigente("IVA", tarifa(15), dia(2024, 4, 1)));
    assert!(!ec.impuesto_vigente("INC", tarifa(8), dia(2026, 11, 23)));
}

#[test]
fn el_catalogo_de_colombia() {
    let co = Emisor::co();
    let hoy = dia(2026, 11, 23);
    for (codigo, tarifa, vigente) in [
        ("IVA", "19", true),
        ("IVA", "19.00", true),
        ("IVA", "5", true),
        ("IVA", "0", true),
        ("INC", "8", true),
        ("IVA", "8", false),
    ] {
        assert_eq!(co.impuesto_vigente(codigo, Porcentaje::nuevo(dec(tarifa)).unwrap(), hoy), vigente, "{codigo} {tarifa}");
    }
    assert!(!co.impuesto_vigente("IVA", Porcentaje::nuevo(dec("19")).unwrap(), dia(2016, 12, 31)));
}

#[test]
fn validar_dice_todo_lo_que_esta_mal_a_la_vez() {
    let mut malo = Emisor::co();
    malo.identificacion.dv = Some(7);
    malo.nombre = "  ".to_owned();
    malo.redondeo.decimales = 3;
    malo.plazo_emision_ms = 0;
    malo.impuestos[1].hasta = Some(dia(2000, 1, 1));
    let campos: Vec<String> = malo.validar().into_iter().map(|f| f.campo).collect();
    assert_eq!(campos, ["/identificacion", "/nombre", "/redondeo/decimales", "/plazo_emision_ms", "/impuestos/1/hasta"]);
    let ajeno = Emisor { regimen: Regimen::Ec, ..Emisor::co() };
    assert_eq!(ajeno.validar()[0].campo, "/tipo_identificacion");
}

proptest! {
    /// Against integer arithmetic: never further than half a unit, and ties go where the mode says.
    #[test]
    fn redondear_es_exacto(mantisa in -10_i64.pow(17)..10_i64.pow(17), escala in 0_u32..=12, decimales in 0_u32..=2) {
        let valor = Decimal::new(mantisa, escala);
        let escala_fuera = escala.saturating_sub(decimales);
        let unidad = 10_i128.pow(escala_fuera);
        let (cociente, resto) = (i128::from(mantisa) / unidad, i128::from(mantisa) % unidad);
        let alejado = cociente + if mantisa < 0 { -1 } else { 1 };
        let arriba = if resto.abs() * 2 >= unidad && resto != 0 { alejado } else { cociente };
        let empate = resto.abs() * 2 == unidad;
        let par = if empate && cociente % 2 == 0 { cociente } else { arriba };
        let armar = |n: i128| Decimal::from_i128_with_scale(n, escala - escala_fuera);
        prop_assert_eq!(politica(ModoRedondeo::MitadArriba, decimales).redondear(valor), armar(arriba));
        prop_assert_eq!(politica(ModoRedondeo::MitadPar, decimales).redondear(valor), armar(par));
    }
}
