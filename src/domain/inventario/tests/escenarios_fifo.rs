//! The FIFO rules of `dominio.md` section 7.

use super::mesa::*;
use crate::domain::inventario::{LoteConsumido, MotivoSalida, atribuir};

#[test]
fn sale_primero_lo_mas_antiguo_por_fecha_y_luego_por_llegada() {
    let mut mesa = Mesa::creada();
    mesa.entra("1", "30", 3);
    mesa.entra("1", "10", 1);
    mesa.entra("1", "31", 3);
    mesa.entra("1", "11", 1);
    assert_eq!(mesa.vende("r", "4").lotes(), "L-2 x 1 a 10, L-4 x 1 a 11, L-1 x 1 a 30, L-3 x 1 a 31");
}

#[test]
fn los_lotes_de_igual_costo_no_se_mezclan() {
    let mut mesa = Mesa::creada();
    mesa.entra("1", "10", 1);
    mesa.entra("1", "10", 1);
    assert_eq!(mesa.inventario().lotes.len(), 2);
    assert_eq!(mesa.vende("r", "2").lotes(), "L-1 x 1 a 10, L-2 x 1 a 10");
}

#[test]
fn una_salida_abarca_lotes_deja_una_fraccion_y_cuesta_exacto() {
    let mut mesa = Mesa::creada();
    mesa.entra("1.000001", "0.000001", 1);
    mesa.entra("5", "3.333333", 2);
    let hecho = mesa.vende("r", "2.5");
    assert_eq!(hecho.lotes(), "L-1 x 1.000001 a 0.000001, L-2 x 1.499999 a 3.333333");
    assert_eq!(hecho.reduccion().costo_total, costo_total("4.999997166668"));
    assert_eq!(mesa.inventario().valor(), costo_total("11.666668833333"));
    assert_eq!(mesa.stock(), dec("3.500001"));
}

#[test]
fn una_entrada_atrasada_no_recalcula_el_pasado() {
    let mut mesa = Mesa::creada();
    mesa.entra("2", "10", 5);
    let antes = mesa.vende("a", "1");
    mesa.entra("1", "1", 1);
    assert_eq!(mesa.hacer(&confirmar("a")).unwrap().resultado, antes.resultado);
    assert_eq!(mesa.vende("b", "2").lotes(), "L-2 x 1 a 1, L-1 x 1 a 10");
}

#[test]
fn un_lote_vencido_no_se_vende_y_el_dia_de_su_caducidad_si() {
    let mut mesa = Mesa::creada();
    mesa.entra_con_caducidad("2", "1", 1, HOY - 1);
    mesa.entra_con_caducidad("2", "2", 2, HOY);
    assert_eq!((mesa.stock(), mesa.disponible()), (dec("4"), dec("2")));
    assert_eq!(mesa.inventario().valor(), costo_total("6"));
    assert_eq!(mesa.vende("r", "1").lotes(), "L-2 x 1 a 2");
    assert!(mesa.decidir(&reservar("s", "2")).is_err());
}

#[test]
fn con_vender_vencidos_lo_vencido_sale_en_su_turno() {
    let mut mesa = Mesa::creada().que_vende_vencidos();
    mesa.entra_con_caducidad("2", "1", 1, 50);
    mesa.entra("2", "2", 2);
    assert_eq!(mesa.disponible(), dec("4"));
    assert_eq!(mesa.vende("r", "3").lotes(), "L-1 x 2 a 1, L-2 x 1 a 2");
}

#[test]
fn una_reserva_concedida_se_honra_aunque_solo_quede_lo_vencido() {
    let mut mesa = Mesa::creada();
    mesa.entra("5", "1", 1);
    mesa.entra_con_caducidad("5", "2", 2, 50);
    mesa.hacer(&reservar("r", "4")).unwrap();
    // The write-off ignores expiry and takes the oldest lot, which backed the reservation.
    assert_eq!(mesa.hacer(&salida(MotivoSalida::Ajuste, "3")).unwrap().lotes(), "L-1 x 3 a 1");
    assert_eq!(mesa.hacer(&confirmar("r")).unwrap().lotes(), "L-1 x 2 a 1, L-2 x 2 a 2");
}

#[test]
fn la_simulacion_toma_los_mismos_lotes_y_no_cambia_nada() {
    let mut mesa = Mesa::creada();
    mesa.entra("1", "10", 1);
    mesa.entra("3", "20", 2);
    let simulada = mesa.inventario().simular_salida(cant("2"), dia(HOY), false);
    let real = mesa.vende("r", "2");
    assert_eq!((simulada.lotes, simulada.costo_total), (real.reduccion().lotes.to_vec(), costo_total("30")));
    let corta = mesa.inventario().simular_salida(cant("5"), dia(HOY), false);
    assert_eq!(corta.faltante, cant("3"));
}

fn resumen(lineas: &[Vec<LoteConsumido>]) -> Vec<Vec<String>> {
    let texto = |l: &LoteConsumido| format!("{} x {}", l.lote_id, l.cantidad.valor().normalize());
    lineas.iter().map(|lotes| lotes.iter().map(texto).collect()).collect()
}

#[test]
fn los_lotes_se_atribuyen_a_las_lineas_en_su_orden() {
    let mut mesa = Mesa::creada();
    mesa.entra("3", "10", 1);
    mesa.entra("3", "20", 2);
    let lotes = mesa.vende("r", "5").reduccion().lotes.clone();
    let lineas = atribuir(&lotes, &[cant("2"), cant("0"), cant("2.5"), cant("0.5")]);
    let esperado = [vec!["L-1 x 2"], vec![], vec!["L-1 x 1", "L-2 x 1.5"], vec!["L-2 x 0.5"]];
    assert_eq!(resumen(&lineas), esperado);
    assert_eq!(resumen(&atribuir(&lotes, &[cant("9")])), [vec!["L-1 x 3", "L-2 x 2"]]);
    assert!(atribuir(&lotes, &[]).is_empty());
}
