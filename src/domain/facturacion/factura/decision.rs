//! What a message means to an invoice.

use super::{ComandoFactura, DecisionFactura, DireccionRespuesta, Factura, creacion::crear_y_emitir, saga};
use crate::domain::{
    ContextoDecision, Rechazo,
    reglas::{Falla, Regla},
};

/// Decides one message. Answers and deadlines that come late, twice or from another attempt decide nothing: `Ok` and empty.
///
/// # Errors
/// A new invoice whose draft would be illegal, with every failure at once; a command that the state does not allow.
pub fn decidir(
    estado: Option<&Factura>,
    comando: &ComandoFactura,
    responder_a: Option<&DireccionRespuesta>,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionFactura, Rechazo> {
    match comando {
        ComandoFactura::CrearYEmitirFactura { factura_id, datos } => match estado {
            None => crear_y_emitir(factura_id, datos, responder_a, ctx),
            Some(factura) => Err(Rechazo::de(ya_existe(factura))),
        },
        ComandoFactura::RespuestaPaso { intento, grupo, paso, resultado, .. } => {
            let Some(factura) = estado else { return Ok(DecisionFactura::default()) };
            saga::responder(factura, *intento, *grupo, *paso, resultado, ctx)
        }
        // The engine takes it apart: what is decided is the command that waited.
        ComandoFactura::ClienteConsultado { .. } => Ok(DecisionFactura::default()),
        ComandoFactura::VencioPlazo { intento, .. } => {
            Ok(estado.map(|factura| saga::vencer(factura, *intento, ctx.ahora)).unwrap_or_default())
        }
    }
}

fn ya_existe(factura: &Factura) -> Falla {
    let (id, actual) = (&factura.factura_id, factura.estado.nombre());
    let mensaje = format!("la factura {id} ya existe y está {actual}; use otro id para crear otra");
    Falla::new(Regla::EstadoValido, "", mensaje).con("factura_id", id).con("estado", actual)
}
