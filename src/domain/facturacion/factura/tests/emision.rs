use super::mundo::*;
use crate::domain::{
    Comando, ResultadoPaso, facturacion::factura::*, inventario::ComandoInventario, numeracion::ComandoRango, reglas::Regla,
    valores::Instante,
};

fn tres_grupos() -> DatosFactura {
    pedido(vec![linea("P1", "1"), linea("P2", "2"), linea("P3", "3")])
}

fn inventarios(envios: &[&Envio]) -> Vec<String> {
    envios.iter().map(|e| e.comando.destino().id.to_string()).collect()
}

#[test]
fn tres_grupos_con_todo_concedido_terminan_emitidos() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, tres_grupos());
    assert_eq!(inventarios(&caso.enviados_de(Paso::Reservar)), ["P1:PRINCIPAL", "P2:PRINCIPAL", "P3:PRINCIPAL"]);
    assert_eq!(vencimiento(caso.factura()), Some(MEDIODIA.mas_milis(30_000)));
    caso.conceder_todo();
    assert_eq!(
        caso.tipos(),
        [
            "FacturaCreada",
            "LineaAgregada",
            "LineaAgregada",
            "LineaAgregada",
            "EmisionIniciada",
            "StockAsegurado",
            "NumeracionRecibida",
            "FacturaEmitida"
        ]
    );
    let factura = caso.factura();
    let emitida = factura.emitida.as_ref().expect("documento");
    assert_eq!((factura.estado, vencimiento(factura), reanudar(factura).len()), (EstadoFactura::Emitida, None, 0));
    assert_eq!(emitida.totales.total.valor(), dec("1666"));
    assert_eq!(emitida.costo_ventas.valor(), dec("30.000003"));
    assert_eq!((emitida.numero.to_string(), &*emitida.cliente.nombre), ("F1".to_owned(), "ACME S.A.S."));
    let ids: Vec<&str> = emitida.grupos.iter().map(|g| g.movimiento_id.as_str()).collect();
    assert_eq!(ids, ["f1:1:0:V", "f1:1:1:V", "f1:1:2:V"]);
    assert!(caso.enviados_de(Paso::Liberar).is_empty());
}

#[test]
fn los_pasos_llevan_ids_derivados_y_la_referencia_del_documento() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, pedido(vec![linea("P2", "2")]));
    caso.conceder_todo();
    let Comando::Inventario(ComandoInventario::ReservarStock { reserva_id, fecha: dia, cantidad, .. }) = &caso.enviados[0].comando
    else {
        panic!("reserva")
    };
    assert_eq!((reserva_id.as_str(), *dia, cantidad.valor()), ("f1:1:0", fecha(HOY), dec("2")));
    let Comando::Rango(ComandoRango::AsignarNumero { documento_id, .. }) = &caso.enviados[1].comando else { panic!("numero") };
    assert_eq!(documento_id.as_str(), "f1");
    let Comando::Inventario(ComandoInventario::ConfirmarReserva { movimiento_id, referencia, .. }) = &caso.enviados[2].comando
    else {
        panic!("confirmacion")
    };
    assert_eq!((movimiento_id.as_str(), &*referencia.tipo, &*referencia.id), ("f1:1:0:V", "FACTURA", "f1"));
    assert_eq!(referencia.numero.as_deref(), Some("F1"));
}

#[test]
fn si_a_uno_de_tres_le_falta_se_espera_a_todos_y_se_liberan_todos() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, tres_grupos());
    let reservas: Vec<Envio> = caso.enviados.clone();
    caso.responder(&reservas[1].paso, negar(&reservas[1]));
    assert_eq!(caso.factura().estado, EstadoFactura::EnEmision);
    caso.responder(&reservas[0].paso, ResultadoPaso::StockReservado);
    caso.responder(&reservas[2].paso, ResultadoPaso::StockReservado);
    let factura = caso.factura();
    assert_eq!((factura.estado, factura.intento, factura.emision.is_none()), (EstadoFactura::Rechazada, 1, true));
    assert_eq!(reglas(&factura.errores), [(Regla::StockSuficienteParaFactura, "/lineas/1".to_owned())]);
    let datos: Vec<String> = factura.errores[0].datos.iter().map(|(n, v)| format!("{n}={v}")).collect();
    assert_eq!(datos, ["solicitado=5", "disponible=2", "producto_id=P2", "bodega_id=PRINCIPAL"]);
    assert_eq!(inventarios(&caso.enviados_de(Paso::Liberar)), ["P1:PRINCIPAL", "P2:PRINCIPAL", "P3:PRINCIPAL"]);
}

#[test]
fn dos_faltantes_se_informan_juntos_en_orden_de_grupo() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, tres_grupos());
    let reservas: Vec<Envio> = caso.enviados.clone();
    caso.responder(&reservas[2].paso, negar(&reservas[2]));
    caso.responder(&reservas[1].paso, ResultadoPaso::StockReservado);
    caso.responder(&reservas[0].paso, negar(&reservas[0]));
    let campos: Vec<&str> = caso.factura().errores.iter().map(|f| f.campo.as_str()).collect();
    assert_eq!(campos, ["/lineas/0", "/lineas/2"]);
}

#[test]
fn lineas_del_mismo_producto_y_bodega_se_suman_en_un_grupo() {
    let mundo = Mundo::nuevo();
    let mut sur = linea("P1", "7");
    sur.bodega_id = Some(id("SUR"));
    let caso = Caso::nuevo(&mundo, pedido(vec![linea("P1", "1.5"), sur, linea("S1", "9"), linea("P1", "2.5")]));
    let inicio = &caso.factura().emision.as_ref().expect("en curso").inicio;
    let grupos: Vec<(&str, String, &[u16])> =
        inicio.grupos.iter().map(|g| (g.bodega_id.as_str(), g.cantidad.to_string(), g.lineas.as_slice())).collect();
    assert_eq!(grupos, [("PRINCIPAL", "4".to_owned(), &[1, 4][..]), ("SUR", "7".to_owned(), &[2][..])]);
    assert_eq!(caso.factura().lineas[2].bodega_id, None);
}

#[test]
fn quinientas_lineas_de_un_producto_son_un_grupo() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, pedido(vec![linea("P1", "1"); 500]));
    caso.conceder_todo();
    let emitida = caso.factura().emitida.as_ref().expect("documento");
    assert_eq!((emitida.lineas.len(), emitida.grupos.len()), (500, 1));
    assert_eq!(emitida.grupos[0].grupo.cantidad.valor(), dec("500"));
}

#[test]
fn un_rango_que_se_niega_cede_el_turno_al_siguiente() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, pedido(vec![linea("P1", "1")]));
    let reserva = caso.enviados[0].clone();
    let primero = caso.responder(&reserva.paso, ResultadoPaso::StockReservado).remove(0);
    let segundo = caso.responder(&primero.paso, negar(&primero)).remove(0);
    assert_eq!((segundo.paso.grupo, segundo.comando.destino().id), (1, rango("B")));
    assert!(caso.responder(&primero.paso, negar(&primero)).is_empty(), "una negativa repetida no pide otro rango");
    assert_eq!(reanudar(caso.factura()), vec![segundo.clone()]);
    let confirmar = caso.responder(&segundo.paso, conceder(&segundo)).remove(0);
    caso.responder(&confirmar.paso, conceder(&confirmar));
    assert_eq!(caso.factura().emitida.as_ref().expect("documento").numero.rango_id, rango("B"));
}

#[test]
fn sin_mas_rangos_se_libera_todo_y_se_rechaza() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, pedido(vec![linea("P1", "1")]));
    let mut envio = caso.enviados[0].clone();
    envio = caso.responder(&envio.paso, ResultadoPaso::StockReservado).remove(0);
    envio = caso.responder(&envio.paso, negar(&envio)).remove(0);
    let liberados = caso.responder(&envio.paso, negar(&envio));
    assert_eq!(liberados.len(), 1);
    assert_eq!(caso.factura().estado, EstadoFactura::Rechazada);
    assert_eq!(reglas(&caso.factura().errores), vec![(Regla::NumeracionDisponible, String::new()); 2]);
}

#[test]
fn sin_inventario_va_directo_a_la_numeracion() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, pedido(vec![linea("S1", "2"), linea_libre("Asesoría", "1", "100000")]));
    assert_eq!(caso.enviados.len(), 1);
    assert_eq!(caso.enviados[0].paso.paso, Paso::Numerar);
    caso.vencer(MEDIODIA.mas_milis(60_000));
    assert_eq!(caso.factura().estado, EstadoFactura::EnEmision, "sin reservas no hay plazo que venza");
    caso.conceder_todo();
    assert_eq!(caso.tipos()[3..], ["EmisionIniciada", "NumeracionRecibida", "FacturaEmitida"]);
    assert!(caso.factura().emitida.as_ref().expect("documento").costo_ventas.es_cero());
}

#[test]
fn el_plazo_rechaza_solo_mientras_se_reserva_y_no_antes() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, tres_grupos());
    let reservas: Vec<Envio> = caso.enviados.clone();
    caso.responder(&reservas[0].paso, ResultadoPaso::StockReservado);
    caso.responder(&reservas[1].paso, negar(&reservas[1]));
    let vence = MEDIODIA.mas_milis(30_000);
    assert_eq!(caso.vencer(Instante(vence.0 - 1)), vec![reservas[2].clone()], "antes del plazo se insiste en lo que falta");
    assert_eq!(caso.vencer(vence).len(), 3);
    assert_eq!(
        reglas(&caso.factura().errores),
        [(Regla::EmisionVencida, String::new()), (Regla::StockSuficienteParaFactura, "/lineas/1".to_owned())]
    );
    assert!(caso.responder(&reservas[2].paso, ResultadoPaso::StockReservado).is_empty(), "una reserva tardía ya fue liberada");
}

#[test]
fn pasado_el_stock_el_plazo_solo_insiste() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, pedido(vec![linea("P1", "1"), linea("P2", "1")]));
    let reservas: Vec<Envio> = caso.enviados.clone();
    caso.responder(&reservas[0].paso, ResultadoPaso::StockReservado);
    let numerar = caso.responder(&reservas[1].paso, ResultadoPaso::StockReservado);
    assert_eq!(caso.vencer(MEDIODIA.mas_milis(90_000)), numerar);
    let confirmar = caso.responder(&numerar[0].paso, conceder(&numerar[0]));
    caso.responder(&confirmar[0].paso, conceder(&confirmar[0]));
    assert_eq!(caso.vencer(MEDIODIA.mas_milis(95_000)), confirmar[1..].to_vec());
    assert_eq!(caso.factura().estado, EstadoFactura::EnEmision);
}

#[test]
fn las_respuestas_ajenas_tardias_o_repetidas_no_deciden_nada() {
    let mundo = Mundo::nuevo();
    let mut caso = Caso::nuevo(&mundo, pedido(vec![linea("P1", "1"), linea("P2", "1")]));
    let reservas: Vec<Envio> = caso.enviados.clone();
    let antes = caso.estado.clone();
    let ajenos = [
        PasoSaga { intento: 2, ..reservas[0].paso.clone() },
        PasoSaga { grupo: 9, ..reservas[0].paso.clone() },
        PasoSaga { paso: Paso::Confirmar, ..reservas[0].paso.clone() },
        PasoSaga { paso: Paso::Liberar, ..reservas[0].paso.clone() },
    ];
    for paso in &ajenos {
        caso.responder(paso, ResultadoPaso::StockReservado);
        caso.responder(paso, ResultadoPaso::ReservaLiberada);
    }
    assert_eq!(caso.estado, antes);
    caso.responder(&reservas[0].paso, ResultadoPaso::StockReservado);
    let con_una = caso.estado.clone();
    caso.responder(&reservas[0].paso, negar(&reservas[0]));
    assert_eq!(caso.estado, con_una, "la primera respuesta es la que vale");
    let sin_factura = decidir(None, &respuesta(&reservas[0].paso, ResultadoPaso::StockReservado), None, &mundo.ctx(MEDIODIA));
    assert_eq!(sin_factura, Ok(DecisionFactura::default()));
}

#[test]
fn crear_otra_vez_la_misma_factura_se_niega_por_estado() {
    let mundo = Mundo::nuevo();
    let caso = Caso::nuevo(&mundo, tres_grupos());
    let comando = ComandoFactura::CrearYEmitirFactura { factura_id: id("f1"), datos: Box::new(tres_grupos()) };
    let rechazo = decidir(caso.estado.as_ref(), &comando, None, &mundo.ctx(MEDIODIA)).expect_err("ya existe");
    assert_eq!(reglas(&rechazo.errores), [(Regla::EstadoValido, String::new())]);
}
