//! What a message means to a note.

use super::{ComandoNotaCredito, DecisionNota, EstadoNota, NotaCredito, creacion, saga};
use crate::domain::{
    ContextoDecision, Rechazo,
    facturacion::factura::{DireccionRespuesta, Envio},
    reglas::{Falla, Regla},
    valores::Instante,
};

/// Decides one message. Answers that come late, twice or from another attempt decide nothing: `Ok` and empty.
///
/// # Errors
/// A draft that would be illegal, with every failure at once; a command that the state does not allow; PrecisionExcedida when the
/// cost of what comes back reaches 10^16.
pub fn decidir(
    estado: Option<&NotaCredito>,
    comando: &ComandoNotaCredito,
    responder_a: Option<&DireccionRespuesta>,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionNota, Rechazo> {
    match (comando, estado) {
        (ComandoNotaCredito::CrearNotaCredito { .. } | ComandoNotaCredito::CrearYEmitirNotaCredito { .. }, Some(nota)) => {
            Err(estado_invalido(nota, "ya existe; use otro id para crear otra"))
        }
        (ComandoNotaCredito::CrearNotaCredito { factura_id, nota_id, datos }, None) => {
            creacion::crear(factura_id, nota_id, datos, ctx)
        }
        (ComandoNotaCredito::CrearYEmitirNotaCredito { factura_id, nota_id, datos }, None) => {
            creacion::crear_y_emitir(factura_id, nota_id, datos, responder_a, ctx)
        }
        (ComandoNotaCredito::AgregarLineaNotaCredito { linea, .. }, Some(nota)) => {
            creacion::agregar_linea(editable(nota)?, linea, ctx)
        }
        (ComandoNotaCredito::EmitirNotaCredito { fechas, .. }, Some(nota)) => {
            Ok(creacion::emitir(editable(nota)?, fechas.as_ref(), responder_a, ctx))
        }
        (ComandoNotaCredito::AgregarLineaNotaCredito { .. } | ComandoNotaCredito::EmitirNotaCredito { .. }, None) => {
            let (factura_id, nota_id) = comando.ids();
            let mensaje = format!("la nota {nota_id} de la factura {factura_id} no existe; créela primero");
            Err(Rechazo::de(Falla::new(Regla::NotaCreditoExiste, "", mensaje).con("nota_id", nota_id)))
        }
        (ComandoNotaCredito::RespuestaPasoNota { intento, grupo, paso, resultado, .. }, Some(nota)) => {
            saga::responder(nota, *intento, *grupo, *paso, resultado, ctx)
        }
        (ComandoNotaCredito::ReanudarNota { .. }, Some(nota)) => {
            Ok(DecisionNota { envios: saga::reanudar(nota), ..DecisionNota::default() })
        }
        (ComandoNotaCredito::RespuestaPasoNota { .. } | ComandoNotaCredito::ReanudarNota { .. }, None) => {
            Ok(DecisionNota::default())
        }
    }
}

/// BORRADOR or RECHAZADA.
fn editable(nota: &NotaCredito) -> Result<&NotaCredito, Rechazo> {
    match nota.estado {
        EstadoNota::Borrador | EstadoNota::Rechazada => Ok(nota),
        EstadoNota::EnEmision | EstadoNota::Emitida => Err(estado_invalido(nota, "no admite cambios")),
    }
}

fn estado_invalido(nota: &NotaCredito, que: &str) -> Rechazo {
    let (id, estado) = (&nota.nota_id, nota.estado.nombre());
    let mensaje = format!("la nota {id} de la factura {} está {estado} y {que}", nota.factura_id);
    Rechazo::de(Falla::new(Regla::EstadoValido, "", mensaje).con("nota_id", id).con("estado", estado))
}

/// The messages that drive an open saga again; none when none is open.
pub fn reanudar(estado: &NotaCredito) -> Vec<Envio> {
    saga::reanudar(estado)
}

/// When an open saga is driven again; `None` when none is open.
pub fn vencimiento(estado: &NotaCredito) -> Option<Instante> {
    saga::abierta(estado, estado.intento).map(|emision| emision.inicio.reanudar_en)
}
