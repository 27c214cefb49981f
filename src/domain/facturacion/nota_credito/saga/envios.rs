//! The messages that a note's saga sends.

use std::sync::Arc;

use crate::domain::{
    Comando,
    facturacion::{
        factura::{
            ComandoFactura, Envio, Paso, PasoSaga,
            credito::{CreditoNota, GrupoDevolucion, LineaNotaCredito, SolicitudCredito},
        },
        nota_credito::{EmisionNotaCreditoIniciada, clave_nota},
    },
    inventario::{ComandoInventario, DevolucionPedida, MotivoEntrada, Referencia, inventario_id},
    numeracion::{ComandoRango, NumeroDocumento, TipoDocumento},
    valores::Id,
};

/// A step's message. Groups and ranges are few (at most 500 lines; ranges of one sucursal), far below 65,536.
fn envio(inicio: &EmisionNotaCreditoIniciada, indice: usize, paso: Paso, comando: Comando) -> Option<Envio> {
    let documento_id = clave_nota(&inicio.factura_id, &inicio.nota_id);
    let grupo = u16::try_from(indice).ok()?;
    Some(Envio { paso: PasoSaga { documento_id, intento: inicio.intento, grupo, paso }, comando })
}

/// A message to the invoice.
fn a_la_factura(inicio: &EmisionNotaCreditoIniciada, paso: Paso, comando: ComandoFactura) -> Envio {
    let documento_id = clave_nota(&inicio.factura_id, &inicio.nota_id);
    Envio { paso: PasoSaga { documento_id, intento: inicio.intento, grupo: 0, paso }, comando: Comando::Factura(comando) }
}

/// ReservarCredito.
pub fn acreditar(inicio: &EmisionNotaCreditoIniciada, lineas: &[Arc<LineaNotaCredito>]) -> Envio {
    let solicitud = SolicitudCredito {
        nota_id: inicio.nota_id.clone(),
        intento: inicio.intento,
        sucursal_id: inicio.cabecera.sucursal_id.clone(),
        politica: inicio.cabecera.politica_retorno,
        fecha_emision: inicio.cabecera.fecha_emision,
        lineas: lineas.to_vec(),
    };
    let factura_id = inicio.factura_id.clone();
    a_la_factura(inicio, Paso::Acreditar, ComandoFactura::ReservarCredito { factura_id, solicitud: Box::new(solicitud) })
}

/// AplicarCredito.
pub fn aplicar(inicio: &EmisionNotaCreditoIniciada) -> Envio {
    let (factura_id, nota_id) = (inicio.factura_id.clone(), inicio.nota_id.clone());
    a_la_factura(inicio, Paso::Aplicar, ComandoFactura::AplicarCredito { factura_id, nota_id, intento: inicio.intento })
}

/// LiberarCredito.
pub fn liberar(inicio: &EmisionNotaCreditoIniciada) -> Envio {
    let (factura_id, nota_id) = (inicio.factura_id.clone(), inicio.nota_id.clone());
    a_la_factura(inicio, Paso::Liberar, ComandoFactura::LiberarCredito { factura_id, nota_id, intento: inicio.intento })
}

/// AsignarNumero to a candidate range; `None` past the last.
pub fn numerar(inicio: &EmisionNotaCreditoIniciada, credito: &CreditoNota, candidato: usize) -> Option<Envio> {
    let rango_id = credito.rangos.get(candidato)?.clone();
    let documento_id = clave_nota(&inicio.factura_id, &inicio.nota_id);
    let comando = ComandoRango::AsignarNumero { rango_id, documento_id, fecha: inicio.cabecera.fecha_emision };
    envio(inicio, candidato, Paso::Numerar, Comando::Rango(comando))
}

/// `factura_id:nota_id:intento:grupo:D`.
pub fn movimiento_id(inicio: &EmisionNotaCreditoIniciada, grupo: usize) -> Id {
    Id::de_paso(&clave_nota(&inicio.factura_id, &inicio.nota_id), inicio.intento, grupo, Some(Paso::Devolver.letra()))
}

/// One message per group that `falta`.
fn por_grupo(
    inicio: &EmisionNotaCreditoIniciada,
    credito: &CreditoNota,
    paso: Paso,
    falta: impl Fn(usize) -> bool,
    comando: impl Fn(usize, &GrupoDevolucion, Id) -> ComandoInventario,
) -> Vec<Envio> {
    let armar = |(i, grupo): (usize, &Arc<GrupoDevolucion>)| {
        let clave = inventario_id(&grupo.producto_id, &grupo.bodega_id);
        envio(inicio, i, paso, Comando::Inventario(comando(i, grupo, clave)))
    };
    credito.grupos.iter().enumerate().filter(|(i, _)| falta(*i)).filter_map(armar).collect()
}

/// VerificarInventario to each group that `falta`.
pub fn verificar(inicio: &EmisionNotaCreditoIniciada, credito: &CreditoNota, falta: impl Fn(usize) -> bool) -> Vec<Envio> {
    por_grupo(inicio, credito, Paso::Verificar, falta, |_, _, inventario_id| ComandoInventario::VerificarInventario {
        inventario_id,
    })
}

/// DevolverStock to each group that `falta`.
pub fn devolver(
    inicio: &EmisionNotaCreditoIniciada,
    credito: &CreditoNota,
    numero: &NumeroDocumento,
    falta: impl Fn(usize) -> bool,
) -> Vec<Envio> {
    let referencia = Referencia {
        tipo: Arc::from(TipoDocumento::NotaCredito.nombre()),
        id: clave_nota(&inicio.factura_id, &inicio.nota_id).texto(),
        numero: Some(Arc::from(numero.to_string())),
    };
    por_grupo(inicio, credito, Paso::Devolver, falta, |i, grupo, inventario_id| {
        ComandoInventario::DevolverStock(Box::new(DevolucionPedida {
            inventario_id,
            movimiento_id: movimiento_id(inicio, i),
            motivo: MotivoEntrada::DevolucionCliente,
            politica: inicio.cabecera.politica_retorno,
            lotes: Arc::clone(&grupo.lotes),
            fecha: inicio.cabecera.fecha_emision,
            referencia: referencia.clone(),
        }))
    })
}
