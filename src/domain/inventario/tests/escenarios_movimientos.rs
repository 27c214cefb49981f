//! Creation, entries, direct exits, minimum.

use super::mesa::*;
use crate::domain::{
    facturacion::factura::LINEAS_MAX,
    inventario::{
        ComandoInventario, EventoInventario, MAX_LOTES_POR_SALIDA, MAX_LOTES_VIVOS, MotivoSalida, PoliticaRetorno, PuestoLote,
        Resumen, VALOR_MAXIMO, VALOR_MAXIMO_POR_ENTRADAS,
    },
    reglas::Regla,
    valores::Decimal,
};

#[test]
fn crear_registra_el_inventario() {
    let mut mesa = Mesa::vacia();
    assert_eq!(mesa.hacer(&crear(Some("5"))).unwrap().tipos(), ["InventarioCreado"]);
    assert_eq!(mesa.inventario().stock_minimo, Some(cant("5")));
    assert_eq!(mesa.inventario().siguiente_secuencia, 1);
}

#[test]
fn crear_dos_veces_se_rechaza() {
    assert_eq!(Mesa::creada().reglas(&crear(None)), [Regla::YaExiste]);
}

#[test]
fn crear_reporta_producto_y_bodega_a_la_vez() {
    let comando = ComandoInventario::CrearInventario {
        inventario_id: crate::domain::valores::Id::compuesto(&["X", "Y"]),
        producto_id: id("X"),
        bodega_id: id("Y"),
        stock_minimo: None,
    };
    assert_eq!(Mesa::vacia().reglas(&comando), [Regla::ProductoNoExiste, Regla::BodegaNoExiste]);
}

#[test]
fn crear_exige_que_el_producto_controle_inventario_y_la_clave_corresponda() {
    let comando = ComandoInventario::CrearInventario {
        inventario_id: clave(),
        producto_id: id("SERVICIO"),
        bodega_id: id("B"),
        stock_minimo: None,
    };
    assert_eq!(Mesa::vacia().reglas(&comando), [Regla::ClaveAjena, Regla::ProductoValido]);
}

#[test]
fn una_entrada_crea_su_lote_y_suma() {
    let mut mesa = Mesa::creada();
    let hecho = mesa.entra("10.5", "2.000001", 1);
    assert_eq!(hecho.tipos(), ["LoteCreado", "StockIncrementado"]);
    let EventoInventario::StockIncrementado(m) = &hecho.eventos[1] else { panic!("sin incremento") };
    assert_eq!((m.lotes.len(), m.lotes[0].lote_id.as_str(), m.lotes[0].secuencia), (1, "L-1", 1));
    assert_eq!(m.costo_total, costo_total("21.0000105"));
    assert_eq!((m.stock_resultante, m.disponible_resultante), (cant("10.5"), cant("10.5")));
    assert_eq!(mesa.inventario().valor(), costo_total("21.0000105"));
}

#[test]
fn una_entrada_reporta_todas_sus_fallas() {
    let mesa = Mesa::vacia();
    assert_eq!(
        mesa.reglas(&entrada("0", "-1", 10, Some(9))),
        [Regla::InventarioNoExiste, Regla::FechaCaducidadValida, Regla::CantidadInvalida, Regla::CostoInvalido]
    );
    let mesa = Mesa::creada();
    assert_eq!(mesa.reglas(&entrada("1.0000001", "1.0000001", 1, None)), [Regla::PrecisionExcedida, Regla::PrecisionExcedida]);
    assert_eq!(mesa.reglas(&entrada("-3", "1", 1, None)), [Regla::CantidadInvalida]);
}

#[test]
fn una_entrada_a_costo_cero_y_que_caduca_el_mismo_dia_se_acepta() {
    let mut mesa = Mesa::creada();
    mesa.hacer(&entrada("1", "0", HOY, Some(HOY))).unwrap();
    assert_eq!(mesa.disponible(), dec("1"));
    assert!(mesa.inventario().valor().es_cero());
}

#[test]
fn una_entrada_ya_vencida_suma_stock_y_no_disponible() {
    let mut mesa = Mesa::creada();
    let hecho = mesa.entra_con_caducidad("4", "1", 1, 50);
    let EventoInventario::StockIncrementado(m) = &hecho.eventos[1] else { panic!("sin incremento") };
    assert_eq!((m.stock_resultante, m.disponible_resultante), (cant("4"), cant("0")));
}

#[test]
fn el_stock_no_pasa_de_catorce_digitos() {
    let mut mesa = Mesa::creada();
    mesa.entra("99999999999999", "0", 1);
    assert_eq!(mesa.reglas(&entrada("1", "0", 1, None)), [Regla::PrecisionExcedida]);
    assert_eq!(mesa.reglas(&salida(MotivoSalida::Ajuste, "0.5")), [Regla::PrecisionExcedida]);
    assert_eq!(mesa.reglas(&reservar("r", "0.5")), [Regla::PrecisionExcedida]);
    mesa.vende("r", "99999999999998");
    assert_eq!(mesa.stock(), dec("1"));
}

/// The sum alone has 14 digits, but a later exit of a fraction would leave 15: it could not be confirmed.
#[test]
fn una_fraccion_y_un_stock_enorme_no_caben_juntos_aunque_su_suma_quepa() {
    let mut mesa = Mesa::creada();
    mesa.entra("9999999999999.5", "0", 1);
    assert_eq!(mesa.reglas(&entrada("0.5", "0", 1, None)), [Regla::PrecisionExcedida]);
    mesa.entra("0.4", "0", 1);
    assert_eq!(mesa.stock(), dec("9999999999999.9"));
}

/// An invoice may take everything of 500 inventories, and past its number it cannot be refused: their values together must stay below 10^16.
#[test]
fn las_entradas_llevan_el_valor_del_inventario_hasta_la_mitad_de_su_limite() {
    let mut mesa = Mesa::creada();
    mesa.entra("9999999", "1000000", 1);
    assert_eq!(mesa.reglas(&entrada("1", "1000000", 1, None)), [Regla::PrecisionExcedida]);
    assert_eq!(mesa.reglas(&entrada("99999999999999", "99999999999999", 1, None)).len(), 2);
    mesa.entra("1", "999999.999999", 1);
    assert_eq!(mesa.inventario().valor(), costo_total("9999999999999.999999"));
    assert!(VALOR_MAXIMO * Decimal::from(LINEAS_MAX) <= dec("10000000000000000"));
    assert_eq!(VALOR_MAXIMO_POR_ENTRADAS, dec("10000000000000"));
}

/// Sold, bought again up to the limit, and then returned: the return cannot be refused, its note has its number.
#[test]
fn una_devolucion_cabe_aunque_las_entradas_ya_no_quepan() {
    let mut mesa = Mesa::creada();
    mesa.entra("9999999", "1000000", 1);
    let vendidos = mesa.vende("r", "9999999").reduccion().lotes.clone();
    mesa.entra("9999999", "1000000", 2);
    assert_eq!(mesa.reglas(&entrada("1", "1000000", 1, None)), [Regla::PrecisionExcedida]);
    mesa.hacer(&devolver("n", PoliticaRetorno::LoteNuevo, &vendidos)).expect("la devolución cabe");
    assert_eq!(mesa.inventario().valor(), costo_total("19999998000000"));
    assert_eq!(mesa.reglas(&devolver("n2", PoliticaRetorno::LoteNuevo, &vendidos)), [Regla::PrecisionExcedida]);
}

#[test]
fn una_salida_sin_inventario_o_de_venta_se_rechaza() {
    assert_eq!(
        Mesa::vacia().reglas(&salida(MotivoSalida::Venta, "0")),
        [Regla::InventarioNoExiste, Regla::EstadoValido, Regla::CantidadInvalida]
    );
}

#[test]
fn una_salida_no_toma_mas_de_lo_que_hay_ni_lo_reservado() {
    let mut mesa = Mesa::creada();
    mesa.entra("10", "1", 1);
    mesa.hacer(&reservar("r", "4")).unwrap();
    let rechazo = mesa.decidir(&salida(MotivoSalida::Ajuste, "6.5")).unwrap_err();
    assert_eq!(rechazo.errores[0].regla, Regla::StockInsuficiente);
    let datos: Vec<_> = rechazo.errores[0].datos.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(datos, [("producto_id", "P"), ("bodega_id", "B"), ("solicitado", "6.5"), ("disponible", "6")]);
    let hecho = mesa.hacer(&salida(MotivoSalida::Ajuste, "6")).unwrap();
    assert_eq!(hecho.reduccion().disponible_resultante, cant("0"));
}

#[test]
fn un_ajuste_da_de_baja_lo_vencido_y_una_devolucion_al_proveedor_no_lo_toma() {
    let mut mesa = Mesa::creada();
    mesa.entra_con_caducidad("3", "1", 1, 50);
    mesa.entra("2", "9", 2);
    assert_eq!(mesa.reglas(&salida(MotivoSalida::DevolucionProveedor, "3")), [Regla::StockInsuficiente]);
    assert_eq!(mesa.hacer(&salida(MotivoSalida::DevolucionProveedor, "1")).unwrap().lotes(), "L-2 x 1 a 9");
    assert_eq!(mesa.hacer(&salida(MotivoSalida::Ajuste, "3")).unwrap().lotes(), "L-1 x 3 a 1");
    assert_eq!((mesa.stock(), mesa.disponible()), (dec("1"), dec("1")));
}

#[test]
fn una_salida_toma_mil_lotes_y_no_mil_uno() {
    let mut mesa = Mesa::creada();
    for _ in 0..=MAX_LOTES_POR_SALIDA {
        for evento in mesa.decidir(&entrada("1", "1", 1, None)).unwrap().eventos {
            crate::domain::inventario::evolucionar(&mut mesa.estado, &evento);
        }
    }
    assert_eq!(mesa.reglas(&salida(MotivoSalida::Ajuste, "1001")), [Regla::DemasiadosLotes]);
    assert_eq!(mesa.reglas(&reservar("r", "1000.5")), [Regla::DemasiadosLotes]);
    assert_eq!(mesa.hacer(&salida(MotivoSalida::Ajuste, "1000")).unwrap().reduccion().lotes.len(), 1000);
}

#[test]
fn a_un_inventario_con_cien_mil_lotes_no_entra_otro_y_lo_devuelto_si() {
    let mut mesa = Mesa::creada();
    mesa.entra("1", "1", 1);
    let vendido = mesa.vende("a", "1").reduccion().lotes.to_vec();
    mesa.entra("1", "1", 1);
    let inventario = mesa.estado.as_mut().unwrap();
    let (puesto, lote) = inventario.lotes.iter().next().map(|(puesto, lote)| (*puesto, lote.clone())).unwrap();
    for n in 1..MAX_LOTES_VIVOS as u64 {
        inventario.lotes.insert(PuestoLote { secuencia: puesto.secuencia + n, ..puesto }, lote.clone());
    }
    inventario.siguiente_secuencia += MAX_LOTES_VIVOS as u64;
    inventario.stock = cant("100000");
    inventario.resumen = Resumen::de(&inventario.lotes, &inventario.confirmadas, &inventario.liberadas, &inventario.devueltas);
    let rechazo = mesa.decidir(&entrada("1", "1", 1, None)).unwrap_err();
    assert_eq!(rechazo.errores[0].regla, Regla::DemasiadosLotes);
    assert_eq!(rechazo.errores[0].datos[0].1.as_str(), "100000");
    assert!(mesa.decidir(&devolver("d", PoliticaRetorno::LoteNuevo, &vendido)).is_ok(), "lo que vuelve no se niega");
    mesa.vende("b", "1");
    assert!(mesa.decidir(&entrada("1", "1", 1, None)).is_ok());
}

#[test]
fn el_aviso_de_minimo_sale_una_vez_y_se_rearma() {
    let mut mesa = Mesa::vacia();
    mesa.hacer(&crear(Some("5"))).unwrap();
    assert_eq!(mesa.entra("10", "1", 1).tipos(), ["LoteCreado", "StockIncrementado"]);
    assert_eq!(mesa.vende("a", "5").tipos(), ["StockReducido"]);
    assert_eq!(mesa.vende("b", "1").tipos(), ["StockReducido", "StockBajo"]);
    assert_eq!(mesa.vende("c", "1").tipos(), ["StockReducido"]);
    mesa.entra("2", "1", 1);
    assert!(!mesa.inventario().bajo_minimo);
    assert_eq!(mesa.vende("d", "1").tipos(), ["StockReducido", "StockBajo"]);
}

#[test]
fn un_inventario_que_nunca_llego_al_minimo_no_avisa() {
    let mut mesa = Mesa::vacia();
    mesa.hacer(&crear(Some("5"))).unwrap();
    mesa.entra("3", "1", 1);
    assert_eq!(mesa.vende("a", "1").tipos(), ["StockReducido"]);
}

#[test]
fn cambiar_el_minimo_avisa_y_rearma() {
    let mut mesa = Mesa::creada();
    mesa.entra("10", "1", 1);
    assert_eq!(mesa.hacer(&minimo(Some("10"))).unwrap().tipos(), ["StockMinimoCambiado"]);
    assert_eq!(mesa.hacer(&minimo(Some("11"))).unwrap().tipos(), ["StockMinimoCambiado", "StockBajo"]);
    assert_eq!(mesa.hacer(&minimo(Some("12"))).unwrap().tipos(), ["StockMinimoCambiado"]);
    mesa.hacer(&minimo(None)).unwrap();
    assert!(!mesa.inventario().bajo_minimo);
    assert_eq!(Mesa::vacia().reglas(&minimo(None)), [Regla::InventarioNoExiste]);
}
