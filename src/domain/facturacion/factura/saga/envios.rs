//! The messages that a saga sends.

use std::sync::Arc;

use chrono::NaiveDate;

use super::super::{EmisionIniciada, Envio, Factura, FaseEmision, Paso, PasoSaga};
use crate::domain::{
    Comando,
    inventario::{ComandoInventario, Referencia, inventario_id},
    numeracion::{ComandoRango, NumeroDocumento, TipoDocumento},
    valores::Id,
};

/// Why stock is released, as the Inventario records it.
const CAUSA_LIBERACION: &str = "FACTURA_RECHAZADA";

/// What EmisionIniciada sends: a reservation per group, or the request of a number when nothing moves stock.
pub fn primeros_envios(inicio: &EmisionIniciada, fecha: NaiveDate) -> Vec<Envio> {
    if inicio.grupos.is_empty() {
        return numerar(inicio, fecha, 0).into_iter().collect();
    }
    reservar(inicio, fecha, |_| true)
}

/// The messages that drive an open saga again from its recorded phase, without what has been answered; none when none is open.
pub fn reanudar(estado: &Factura) -> Vec<Envio> {
    let Some(emision) = super::abierta(estado, estado.intento) else { return Vec::new() };
    let (inicio, progreso, fecha) = (&emision.inicio, &emision.progreso, estado.cabecera.fecha_emision);
    match emision.fase {
        FaseEmision::Reservando => reservar(inicio, fecha, |i| progreso.reservas.get(i).is_none_or(Option::is_none)),
        FaseEmision::Numerando => numerar(inicio, fecha, progreso.rangos_negados.len()).into_iter().collect(),
        FaseEmision::Confirmando => match &emision.numero {
            Some(numero) => confirmar(inicio, numero, |i| progreso.confirmaciones.get(i).is_none_or(Option::is_none)),
            None => Vec::new(),
        },
    }
}

/// `factura_id:intento:grupo`.
fn reserva_id(inicio: &EmisionIniciada, grupo: usize) -> Id {
    Id::de_paso(&inicio.factura_id, inicio.intento, grupo, None)
}

/// `factura_id:intento:grupo:V`.
pub fn movimiento_id(inicio: &EmisionIniciada, grupo: usize) -> Id {
    Id::de_paso(&inicio.factura_id, inicio.intento, grupo, Some(Paso::Confirmar.letra()))
}

/// A step's message. Groups and ranges are few (at most 500 lines; ranges of one sucursal), far below 65,536.
fn envio(inicio: &EmisionIniciada, indice: usize, paso: Paso, comando: Comando) -> Option<Envio> {
    let grupo = u16::try_from(indice).ok()?;
    Some(Envio { paso: PasoSaga { documento_id: inicio.factura_id.clone(), intento: inicio.intento, grupo, paso }, comando })
}

/// One message per group that `falta`.
fn por_grupo(
    inicio: &EmisionIniciada,
    paso: Paso,
    falta: impl Fn(usize) -> bool,
    comando: impl Fn(usize, Id) -> ComandoInventario,
) -> Vec<Envio> {
    let pendientes = inicio.grupos.iter().enumerate().filter(|(i, _)| falta(*i));
    let armar = |(i, grupo): (usize, &Arc<super::super::GrupoEmision>)| {
        let clave = inventario_id(&grupo.producto_id, &grupo.bodega_id);
        envio(inicio, i, paso, Comando::Inventario(comando(i, clave)))
    };
    pendientes.filter_map(armar).collect()
}

fn reservar(inicio: &EmisionIniciada, fecha: NaiveDate, falta: impl Fn(usize) -> bool) -> Vec<Envio> {
    por_grupo(inicio, Paso::Reservar, falta, |i, inventario_id| ComandoInventario::ReservarStock {
        inventario_id,
        reserva_id: reserva_id(inicio, i),
        cantidad: inicio.grupos[i].cantidad,
        fecha,
    })
}

/// AsignarNumero to a candidate range; `None` past the last.
pub fn numerar(inicio: &EmisionIniciada, fecha: NaiveDate, candidato: usize) -> Option<Envio> {
    let rango_id = inicio.rangos.get(candidato)?.clone();
    let comando = ComandoRango::AsignarNumero { rango_id, documento_id: inicio.factura_id.clone(), fecha };
    envio(inicio, candidato, Paso::Numerar, Comando::Rango(comando))
}

/// ConfirmarReserva to each group that `falta`.
pub fn confirmar(inicio: &EmisionIniciada, numero: &NumeroDocumento, falta: impl Fn(usize) -> bool) -> Vec<Envio> {
    let referencia = Referencia {
        tipo: Arc::from(TipoDocumento::Factura.nombre()),
        id: inicio.factura_id.texto(),
        numero: Some(Arc::from(numero.to_string())),
    };
    por_grupo(inicio, Paso::Confirmar, falta, |i, inventario_id| ComandoInventario::ConfirmarReserva {
        inventario_id,
        reserva_id: reserva_id(inicio, i),
        movimiento_id: movimiento_id(inicio, i),
        referencia: referencia.clone(),
    })
}

/// LiberarReserva to every group, answered or not.
pub fn liberar_todos(inicio: &EmisionIniciada) -> Vec<Envio> {
    let causa: Arc<str> = Arc::from(CAUSA_LIBERACION);
    por_grupo(
        inicio,
        Paso::Liberar,
        |_| true,
        |i, inventario_id| ComandoInventario::LiberarReserva {
            inventario_id,
            reserva_id: reserva_id(inicio, i),
            causa: Arc::clone(&causa),
        },
    )
}
