use chrono::NaiveDate;

use super::*;
use crate::domain::{
    catalogo::descuento::{self, *},
    valores::{Decimal, Dinero, Porcentaje},
};

escenario!(descuento, EventoDescuento, ComandoDescuento);

fn dia(texto: &str) -> NaiveDate {
    texto.parse().unwrap()
}

fn dec(texto: &str) -> Decimal {
    texto.parse().unwrap()
}

fn por_ciento(texto: &str) -> ValorDeclarado {
    ValorDeclarado { porcentaje: Some(dec(texto)), monto: None }
}

fn declarado() -> DescuentoDeclarado {
    DescuentoDeclarado {
        nombre: None,
        ambito: AmbitoDescuento::Linea,
        valor: por_ciento("12.5"),
        vigente_desde: None,
        vigente_hasta: None,
    }
}

fn datos() -> DatosDescuento {
    DatosDescuento {
        nombre: None,
        ambito: AmbitoDescuento::Linea,
        valor: ValorDescuento::Porcentaje(Porcentaje::nuevo(dec("12.5")).unwrap()),
        vigente_desde: dia("2026-11-23"),
        vigente_hasta: None,
    }
}

fn creado() -> EventoDescuento {
    EventoDescuento::DescuentoCreado { descuento_id: id("D"), datos: Box::new(datos()) }
}

fn crear(datos: DescuentoDeclarado) -> ComandoDescuento {
    ComandoDescuento::CrearDescuento { descuento_id: id("D"), datos: Box::new(datos) }
}

fn actualizar(cambios: CambiosDeclarados) -> ComandoDescuento {
    ComandoDescuento::ActualizarDescuento { descuento_id: id("D"), cambios: Box::new(cambios) }
}

#[test]
fn se_crea_una_vez_y_sin_fecha_rige_desde_hoy() {
    assert_eq!(dado_cuando(&[], &crear(declarado())), Ok(vec![creado()]));
    assert_eq!(fallas(dado_cuando(&[creado()], &crear(declarado()))), [par(Regla::YaExiste, "/id")]);
}

#[test]
fn su_valor_es_un_porcentaje_o_un_monto_dentro_de_sus_limites() {
    let con = |valor| fallas(dado_cuando(&[], &crear(DescuentoDeclarado { valor, ..declarado() })));
    let monto = |texto: &str| ValorDeclarado { porcentaje: None, monto: Some(dec(texto)) };
    assert_eq!(con(ValorDeclarado::default()), [par(Regla::DescuentoValido, "")]);
    assert_eq!(con(ValorDeclarado { monto: Some(dec("1")), ..por_ciento("1") }), [par(Regla::DescuentoValido, "")]);
    assert_eq!(con(por_ciento("100.0001")), [par(Regla::DescuentoValido, "/porcentaje")]);
    assert_eq!(con(por_ciento("-0.1")), [par(Regla::DescuentoValido, "/porcentaje")]);
    assert_eq!(con(por_ciento("1.00001")), [par(Regla::PrecisionExcedida, "/porcentaje")]);
    assert_eq!(con(monto("-0.01")), [par(Regla::DescuentoValido, "/monto")]);
    assert_eq!(con(monto("0.001")), [par(Regla::PrecisionExcedida, "/monto")]);
    for bueno in [por_ciento("0"), por_ciento("100"), monto("0"), monto("999999999999999.99")] {
        assert!(dado_cuando(&[], &crear(DescuentoDeclarado { valor: bueno, ..declarado() })).is_ok());
    }
}

#[test]
fn su_vigencia_no_termina_antes_de_empezar() {
    let hasta = |texto: &str| DescuentoDeclarado { vigente_hasta: Some(dia(texto)), ..declarado() };
    assert!(dado_cuando(&[], &crear(hasta("2026-11-23"))).is_ok());
    assert_eq!(fallas(dado_cuando(&[], &crear(hasta("2026-11-22")))), [par(Regla::DescuentoValido, "/vigente_hasta")]);
    let tarde = CambiosDeclarados { vigente_hasta: Some(Some(dia("2026-01-01"))), ..CambiosDeclarados::default() };
    assert_eq!(fallas(dado_cuando(&[creado()], &actualizar(tarde))), [par(Regla::DescuentoValido, "/vigente_hasta")]);
}

#[test]
fn se_cambia_lo_que_se_da_y_la_vigencia_se_puede_dejar_sin_fin() {
    let cambios = CambiosDeclarados {
        valor: ValorDeclarado { porcentaje: None, monto: Some(dec("5")) },
        vigente_hasta: Some(Some(dia("2026-12-31"))),
        ..CambiosDeclarados::default()
    };
    let mut eventos = vec![creado()];
    eventos.extend(dado_cuando(&eventos, &actualizar(cambios)).unwrap());
    let sin_fin = CambiosDeclarados { vigente_hasta: Some(None), ..CambiosDeclarados::default() };
    let con_fin = {
        let mut estado = None;
        eventos.iter().for_each(|e| evolucionar(&mut estado, e));
        estado.unwrap().datos
    };
    let monto = ValorDescuento::Monto(Dinero::nuevo(dec("5")).unwrap());
    assert_eq!(con_fin, DatosDescuento { valor: monto, vigente_hasta: Some(dia("2026-12-31")), ..datos() });
    assert!(con_fin.rige_en(dia("2026-12-31")) && !con_fin.rige_en(dia("2027-01-01")) && !con_fin.rige_en(dia("2026-11-22")));
    eventos.extend(dado_cuando(&eventos, &actualizar(sin_fin)).unwrap());
    let mut estado = None;
    eventos.iter().for_each(|e| evolucionar(&mut estado, e));
    assert_eq!(estado.unwrap().datos.vigente_hasta, None);
}

#[test]
fn no_se_cambia_lo_que_no_existe_ni_se_cambia_nada() {
    let nada = CambiosDeclarados::default();
    assert_eq!(fallas(dado_cuando(&[], &actualizar(nada.clone()))), [par(Regla::DescuentoNoExiste, "")]);
    assert_eq!(fallas(dado_cuando(&[creado()], &actualizar(nada))), [par(Regla::TextoValido, "")]);
}

#[test]
fn se_inactiva_una_vez() {
    let inactivar = ComandoDescuento::InactivarDescuento { descuento_id: id("D") };
    let inactivado = EventoDescuento::DescuentoInactivado { descuento_id: id("D") };
    assert_eq!(dado_cuando(&[creado()], &inactivar), Ok(vec![inactivado.clone()]));
    assert_eq!(fallas(dado_cuando(&[creado(), inactivado], &inactivar)), [par(Regla::EstadoValido, "")]);
}
