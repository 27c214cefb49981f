use std::sync::Arc;

use super::*;
use crate::domain::{
    catalogo::producto::{self, *},
    valores::{Decimal, Porcentaje, PrecioUnitario, decimal_exacto},
};

escenario!(producto, EventoProducto, ComandoProducto);

fn dec(texto: &str) -> Decimal {
    decimal_exacto(texto).unwrap()
}

pub fn impuesto(codigo: &str, tarifa: &str) -> Impuesto {
    Impuesto { codigo: Arc::from(codigo), tarifa: Porcentaje::nuevo(dec(tarifa)).unwrap() }
}

pub fn precio(texto: &str) -> PrecioUnitario {
    PrecioUnitario::nuevo(dec(texto)).unwrap()
}

pub fn datos() -> DatosProducto {
    DatosProducto {
        codigo: Arc::from("CAFE-500"),
        nombre: Arc::from("Café molido 500 g"),
        unidad: Arc::from("UND"),
        precio: precio("28500"),
        impuesto: Some(impuesto("IVA", "5")),
        controla_inventario: true,
        codigo_estandar: None,
        esquema_codigo: None,
    }
}

fn crear(datos: DatosProducto) -> ComandoProducto {
    ComandoProducto::CrearProducto { producto_id: id("CAFE"), datos: datos.into() }
}

fn creado() -> EventoProducto {
    EventoProducto::ProductoCreado { producto_id: id("CAFE"), datos: datos().into() }
}

#[test]
fn se_crea_con_sus_datos() {
    assert_eq!(dado_cuando(&[], &crear(datos())), Ok(vec![creado()]));
    let excluido = DatosProducto { impuesto: None, ..datos() };
    assert!(dado_cuando(&[], &crear(excluido)).is_ok());
}

#[test]
fn todas_las_fallas_a_la_vez_y_en_su_campo() {
    let malo = DatosProducto {
        codigo: Arc::from("x".repeat(65)),
        nombre: Arc::from(""),
        unidad: Arc::from(" "),
        precio: PrecioUnitario::CERO,
        impuesto: Some(impuesto("IVA", "16")),
        codigo_estandar: Some(Arc::from("")),
        esquema_codigo: Some(Arc::from("\n")),
        ..datos()
    };
    let esperado = [
        par(Regla::YaExiste, "/id"),
        par(Regla::TextoValido, "/codigo"),
        par(Regla::NombreValido, "/nombre"),
        par(Regla::TextoValido, "/unidad"),
        par(Regla::PrecioValido, "/precio"),
        par(Regla::ImpuestoValido, "/impuesto/tarifa"),
        par(Regla::TextoValido, "/codigo_estandar"),
        par(Regla::TextoValido, "/esquema_codigo"),
    ];
    assert_eq!(fallas(dado_cuando(&[creado()], &crear(malo))), esperado);
}

#[test]
fn el_impuesto_desconocido_dice_cuales_rigen() {
    let malo = DatosProducto { impuesto: Some(impuesto("ICE", "10")), ..datos() };
    let errores = dado_cuando(&[], &crear(malo)).unwrap_err().errores;
    assert_eq!((errores[0].regla, errores[0].campo.as_str()), (Regla::ImpuestoValido, "/impuesto/codigo"));
    assert!(errores[0].datos.contains(&("vigentes".to_owned(), "IVA 19, IVA 5, IVA 0, INC 8".to_owned())), "{errores:?}");
}

#[test]
fn el_impuesto_se_mira_en_el_dia_del_comando() {
    let emisor = Emisor::ec();
    let catalogo = CatalogoDePrueba::default();
    let doce = crear(DatosProducto { impuesto: Some(impuesto("IVA", "12")), ..datos() });
    // 2024-03-31 at 23:59:59 and 2024-04-01 at 00:00:00 in UTC-05:00.
    let ultimo = ContextoDecision::new(Instante(1_711_947_599_000_000), &emisor, &catalogo);
    let primero = ContextoDecision::new(Instante(1_711_947_600_000_000), &emisor, &catalogo);
    assert!(decidir(None, &doce, &ultimo).is_ok());
    assert_eq!(fallas(decidir(None, &doce, &primero)), [par(Regla::ImpuestoValido, "/impuesto/tarifa")]);
}

#[test]
fn cambiar_precio_guarda_el_anterior() {
    let cambiar = |valor: &str| ComandoProducto::CambiarPrecio { producto_id: id("CAFE"), precio: dec(valor) };
    let cambiado = EventoProducto::PrecioCambiado { producto_id: id("CAFE"), anterior: precio("28500"), nuevo: precio("30000") };
    assert_eq!(dado_cuando(&[creado()], &cambiar("30000")), Ok(vec![cambiado.clone()]));
    let otro = EventoProducto::PrecioCambiado { producto_id: id("CAFE"), anterior: precio("30000"), nuevo: precio("1") };
    assert_eq!(dado_cuando(&[creado(), cambiado], &cambiar("1")), Ok(vec![otro]));
    assert_eq!(fallas(dado_cuando(&[creado()], &cambiar("0"))), [par(Regla::PrecioValido, "/precio")]);
    assert_eq!(fallas(dado_cuando(&[creado()], &cambiar("-1"))), [par(Regla::PrecioValido, "/precio")]);
    assert_eq!(fallas(dado_cuando(&[creado()], &cambiar("0.0000001"))), [par(Regla::PrecisionExcedida, "/precio")]);
    assert_eq!(fallas(dado_cuando(&[], &cambiar("1"))), [par(Regla::ProductoNoExiste, "")]);
}

#[test]
fn actualizar() {
    let con = |cambios| ComandoProducto::ActualizarProducto { producto_id: id("CAFE"), cambios };
    let excluir = CambiosProducto { impuesto: Some(None), ..CambiosProducto::default() };
    let evento = EventoProducto::ProductoActualizado { producto_id: id("CAFE"), cambios: excluir.clone().into() };
    assert_eq!(dado_cuando(&[creado()], &con(excluir.clone().into())), Ok(vec![evento.clone()]));
    let mut estado = None;
    [creado(), evento].iter().for_each(|e| evolucionar(&mut estado, e));
    assert_eq!(estado.unwrap().datos, DatosProducto { impuesto: None, ..datos() });

    assert_eq!(fallas(dado_cuando(&[creado()], &con(CambiosProducto::default().into()))), [par(Regla::TextoValido, "")]);
    assert_eq!(fallas(dado_cuando(&[], &con(excluir.into()))), [par(Regla::ProductoNoExiste, "")]);
    let malos = CambiosProducto {
        nombre: Some(Arc::from("")),
        unidad: Some(Arc::from("")),
        impuesto: Some(Some(impuesto("INC", "9"))),
        ..CambiosProducto::default()
    };
    let esperado =
        [par(Regla::NombreValido, "/nombre"), par(Regla::TextoValido, "/unidad"), par(Regla::ImpuestoValido, "/impuesto/tarifa")];
    assert_eq!(fallas(dado_cuando(&[creado()], &con(malos.into()))), esperado);
}

#[test]
fn inactivar_una_vez() {
    let inactivar = ComandoProducto::InactivarProducto { producto_id: id("CAFE") };
    let inactivado = EventoProducto::ProductoInactivado { producto_id: id("CAFE") };
    assert_eq!(dado_cuando(&[creado()], &inactivar), Ok(vec![inactivado.clone()]));
    assert_eq!(fallas(dado_cuando(&[creado(), inactivado], &inactivar)), [par(Regla::EstadoValido, "")]);
    assert_eq!(fallas(dado_cuando(&[], &inactivar)), [par(Regla::ProductoNoExiste, "")]);
}
