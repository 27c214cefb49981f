//! ReservarStock, ConfirmarReserva, LiberarReserva: the steps of an invoice's saga.

use super::mesa::*;
use crate::domain::{
    ResultadoPaso,
    inventario::{EventoInventario, MEMORIA_DE_RESERVAS, elidir_reserva, evolucionar},
    reglas::Regla,
};

fn con_diez() -> Mesa {
    let mut mesa = Mesa::creada();
    mesa.entra("10", "2", 1);
    mesa
}

#[test]
fn reservar_baja_el_disponible_y_no_el_stock() {
    let mut mesa = con_diez();
    let hecho = mesa.hacer(&reservar("r", "4")).unwrap();
    assert_eq!((hecho.tipos(), hecho.resultado), (vec!["StockReservado"], Some(ResultadoPaso::StockReservado)));
    let EventoInventario::StockReservado { disponible_resultante, .. } = &hecho.eventos[0] else { panic!("sin reserva") };
    assert_eq!(*disponible_resultante, cant("6"));
    assert_eq!((mesa.stock(), mesa.disponible()), (dec("10"), dec("6")));
}

#[test]
fn reservar_de_mas_dice_cuanto_se_pidio_y_cuanto_hay() {
    let mut mesa = con_diez();
    mesa.hacer(&reservar("r", "4.25")).unwrap();
    let falla = mesa.decidir(&reservar("s", "6")).unwrap_err().errores.remove(0);
    assert_eq!(falla.regla, Regla::StockSuficienteParaFactura);
    let datos: Vec<_> = falla.datos.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(datos, [("producto_id", "P"), ("bodega_id", "B"), ("solicitado", "6"), ("disponible", "5.75")]);
}

#[test]
fn reservar_sin_inventario_o_cero_se_rechaza() {
    let falla = Mesa::vacia().decidir(&reservar("r", "1")).unwrap_err().errores.remove(0);
    assert_eq!(falla.regla, Regla::InventarioExisteParaFactura);
    assert_eq!(falla.datos, [("producto_id".to_owned(), "P".to_owned()), ("bodega_id".to_owned(), "B".to_owned())]);
    assert_eq!(con_diez().reglas(&reservar("r", "0")), [Regla::CantidadInvalida]);
}

#[test]
fn confirmar_mueve_el_stock_con_sus_lotes_y_su_costo() {
    let mut mesa = con_diez();
    mesa.hacer(&reservar("r", "4")).unwrap();
    let hecho = mesa.hacer(&confirmar("r")).unwrap();
    let m = hecho.reduccion();
    assert_eq!((m.stock_resultante, m.disponible_resultante, m.costo_total), (cant("6"), cant("6"), costo_total("8")));
    assert_eq!((m.reserva_id.clone(), m.movimiento_id.as_str()), (Some(id("r")), "r.V"));
    let respuesta = ResultadoPaso::ReservaConfirmada { lotes: m.lotes.clone(), costo_total: costo_total("8") };
    assert_eq!(hecho.resultado, Some(respuesta));
    assert!(mesa.inventario().reservado.es_cero());
}

#[test]
fn cada_paso_repetido_responde_lo_mismo_sin_evento() {
    let mut mesa = con_diez();
    for comando in [reservar("r", "4"), confirmar("r"), reservar("s", "1"), liberar("s")] {
        let primera = mesa.hacer(&comando).unwrap();
        let segunda = mesa.hacer(&comando).unwrap();
        assert_eq!(primera.resultado, segunda.resultado);
        assert!(segunda.eventos.is_empty() && !primera.eventos.is_empty());
    }
    let otra_vez = mesa.hacer(&reservar("r", "4")).unwrap();
    assert_eq!((otra_vez.eventos.len(), otra_vez.resultado), (0, Some(ResultadoPaso::StockReservado)));
}

#[test]
fn liberar_devuelve_el_disponible() {
    let mut mesa = con_diez();
    mesa.hacer(&reservar("r", "4")).unwrap();
    let hecho = mesa.hacer(&liberar("r")).unwrap();
    let EventoInventario::ReservaLiberada { disponible_resultante, .. } = &hecho.eventos[0] else { panic!("sin liberación") };
    assert_eq!((*disponible_resultante, mesa.disponible()), (cant("10"), dec("10")));
    assert_eq!(mesa.reglas(&confirmar("r")), [Regla::ReservaInexistente]);
    assert_eq!(mesa.reglas(&reservar("r", "4")), [Regla::ReservaCancelada]);
}

#[test]
fn una_liberacion_que_se_adelanta_anula_la_reserva_tardia() {
    let mut mesa = con_diez();
    assert_eq!(mesa.hacer(&liberar("r")).unwrap().tipos(), ["ReservaLiberada"]);
    assert_eq!(mesa.reglas(&reservar("r", "1")), [Regla::ReservaCancelada]);
}

#[test]
fn liberar_lo_confirmado_se_rechaza_y_sin_inventario_no_hay_que_liberar() {
    let mut mesa = con_diez();
    mesa.vende("r", "1");
    assert_eq!(mesa.reglas(&liberar("r")), [Regla::ReservaYaConfirmada]);
    let hecho = Mesa::vacia().hacer(&liberar("r")).unwrap();
    assert_eq!((hecho.eventos.len(), hecho.resultado), (0, Some(ResultadoPaso::ReservaLiberada)));
}

#[test]
fn confirmar_lo_desconocido_se_rechaza() {
    assert_eq!(con_diez().reglas(&confirmar("r")), [Regla::ReservaInexistente]);
    assert_eq!(Mesa::vacia().reglas(&confirmar("r")), [Regla::ReservaInexistente]);
}

#[test]
fn la_memoria_de_reservas_esta_acotada_y_olvida_la_mas_vieja() {
    let mut mesa = Mesa::creada();
    mesa.entra("5000", "1", 1);
    let total = MEMORIA_DE_RESERVAS + 1;
    for n in 0..total {
        for comando in [reservar(&format!("c{n}"), "1"), confirmar(&format!("c{n}")), liberar(&format!("l{n}"))] {
            for evento in mesa.decidir(&comando).unwrap().eventos {
                evolucionar(&mut mesa.estado, &evento);
            }
        }
    }
    assert_eq!(mesa.inventario().invariantes(), Ok(()));
    assert_eq!(mesa.inventario().confirmadas.len(), MEMORIA_DE_RESERVAS);
    assert_eq!(mesa.reglas(&confirmar("c0")), [Regla::ReservaInexistente]);
    assert!(mesa.decidir(&confirmar("c1")).is_ok());
    assert!(mesa.decidir(&reservar("l0", "1")).is_ok());
    assert_eq!(mesa.reglas(&reservar("l1", "1")), [Regla::ReservaCancelada]);
}

/// With the memory full, the elided confirmation must not cost the oldest kept one its place.
#[test]
fn elidir_con_la_memoria_llena_repone_la_confirmacion_desplazada() {
    let mut mesa = Mesa::creada();
    mesa.entra("5000", "1", 1);
    for n in 0..=MEMORIA_DE_RESERVAS {
        for comando in [reservar(&format!("c{n}"), "1"), confirmar(&format!("c{n}"))] {
            for evento in mesa.decidir(&comando).unwrap().eventos {
                evolucionar(&mut mesa.estado, &evento);
            }
        }
    }
    let mut guardado = mesa.estado.clone();
    let venta = mesa.vende("x", "1");
    evolucionar(&mut guardado, &venta.eventos[0]);
    elidir_reserva(mesa.estado.as_mut().unwrap(), &id("x"));
    assert_eq!(mesa.estado, guardado);
    assert_eq!(mesa.inventario().invariantes(), Ok(()));
}
