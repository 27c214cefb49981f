//! What a message means to an invoice.

use super::{
    ComandoFactura, DecisionFactura, DireccionRespuesta, Envio, EstadoFactura, Factura, anulacion, borrador,
    creacion::{crear, crear_y_emitir},
    credito, saga,
};
use crate::domain::{
    ContextoDecision, Rechazo,
    reglas::{Falla, Regla},
    valores::Instante,
};

/// Decides one message. Answers and deadlines that come late, twice or from another attempt decide nothing: `Ok` and empty.
///
/// # Errors
/// A draft that would be illegal, with every failure at once; a command that the state does not allow.
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
        ComandoFactura::CrearFactura { factura_id, datos } => match estado {
            None => crear(factura_id, datos, ctx),
            Some(factura) => Err(Rechazo::de(ya_existe(factura))),
        },
        ComandoFactura::AgregarLinea { linea, .. } => borrador::agregar_linea(editable(estado, comando)?, linea, ctx),
        ComandoFactura::QuitarLinea { linea, .. } => borrador::quitar_linea(editable(estado, comando)?, *linea, ctx),
        ComandoFactura::AplicarDescuento { linea, descuento, .. } => {
            borrador::aplicar_descuento(editable(estado, comando)?, *linea, descuento, ctx)
        }
        ComandoFactura::DefinirFormasPago { formas_pago, .. } => {
            borrador::definir_formas_pago(editable(estado, comando)?, formas_pago, ctx)
        }
        ComandoFactura::CambiarFechas { fechas, .. } => borrador::cambiar_fechas(editable(estado, comando)?, fechas, ctx),
        ComandoFactura::EmitirFactura { fechas, .. } => {
            borrador::emitir(editable(estado, comando)?, fechas.as_deref(), responder_a, ctx)
        }
        ComandoFactura::DescartarFactura { .. } => Ok(borrador::descartar(editable(estado, comando)?)),
        ComandoFactura::RespuestaPaso { intento, grupo, paso, resultado, .. } => {
            let Some(factura) = estado else { return Ok(DecisionFactura::default()) };
            if factura.estado == EstadoFactura::EnAnulacion {
                return Ok(anulacion::responder(factura, *intento, *grupo, *paso, resultado, ctx));
            }
            Ok(saga::responder(factura, *intento, *grupo, *paso, resultado, ctx))
        }
        // The engine takes it apart: what is decided is the command that waited.
        ComandoFactura::ClienteConsultado { .. } => Ok(DecisionFactura::default()),
        ComandoFactura::VencioPlazo { intento, .. } => Ok(estado.map(|factura| vencer(factura, *intento, ctx)).unwrap_or_default()),
        ComandoFactura::ReservarCredito { factura_id, solicitud } => credito::reservar(estado, factura_id, solicitud, ctx),
        ComandoFactura::AplicarCredito { factura_id, nota_id, intento } => credito::aplicar(estado, factura_id, nota_id, *intento),
        ComandoFactura::LiberarCredito { factura_id, nota_id, intento } => {
            Ok(credito::liberar(estado, factura_id, nota_id, *intento))
        }
        ComandoFactura::AnularFactura { factura_id, motivo } => anulacion::anular(estado, factura_id, motivo, responder_a, ctx),
        ComandoFactura::RegistrarRespuestaDian { factura_id, respuesta } => {
            anulacion::registrar_dian(estado, factura_id, respuesta)
        }
    }
}

/// An annulment has no deadline: it is only driven again.
fn vencer(factura: &Factura, intento: u32, ctx: &ContextoDecision<'_>) -> DecisionFactura {
    if factura.estado == EstadoFactura::EnAnulacion {
        return DecisionFactura { envios: anulacion::reanudar(factura), ..DecisionFactura::default() };
    }
    saga::vencer(factura, intento, ctx.ahora)
}

/// The messages that drive an open saga again, of issue or of annulment; none when none is open.
pub fn reanudar(estado: &Factura) -> Vec<Envio> {
    if estado.estado == EstadoFactura::EnAnulacion { anulacion::reanudar(estado) } else { saga::reanudar(estado) }
}

/// Moment at which an open saga is to be told [`ComandoFactura::VencioPlazo`]; `None` when none is open.
pub fn vencimiento(estado: &Factura) -> Option<Instante> {
    if estado.estado == EstadoFactura::EnAnulacion { anulacion::vencimiento(estado) } else { saga::vencimiento(estado) }
}

/// The draft that a command edits, issues or discards.
fn editable<'f>(estado: Option<&'f Factura>, comando: &ComandoFactura) -> Result<&'f Factura, Rechazo> {
    let id = comando.factura_id();
    let Some(factura) = estado else {
        let mensaje = format!("la factura {id} no existe; créela antes");
        return Err(Rechazo::de(Falla::new(Regla::FacturaExiste, "", mensaje).con("factura_id", id)));
    };
    if factura.es_editable() {
        return Ok(factura);
    }
    let actual = factura.estado.nombre();
    let mensaje = format!("la factura {id} está {actual}; esto sólo se puede en BORRADOR o RECHAZADA");
    Err(Rechazo::de(Falla::new(Regla::EstadoValido, "", mensaje).con("factura_id", id).con("estado", actual)))
}

fn ya_existe(factura: &Factura) -> Falla {
    let (id, actual) = (&factura.factura_id, factura.estado.nombre());
    let mensaje = format!("la factura {id} ya existe y está {actual}; use otro id para crear otra");
    Falla::new(Regla::EstadoValido, "", mensaje).con("factura_id", id).con("estado", actual)
}
