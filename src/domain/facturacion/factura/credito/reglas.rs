//! The rules of a note that only its invoice can tell (`dominio.md` section 12).

use std::sync::Arc;

use super::{
    Acreditado, LOTES_POR_NOTA_MAX, LineaNotaCredito, SolicitudCredito,
    calculo::{Acreditacion, Exceso, bodega_original},
};
use crate::domain::{
    ContextoDecision,
    facturacion::factura::{EstadoFactura, Factura, FacturaEmitida},
    inventario::PoliticaRetorno,
    numeracion::TipoDocumento,
    reglas::{Falla, Regla},
    valores::Id,
};

/// FacturaAcreditable: the invoice is EMITIDA.
pub fn factura_acreditable(factura: &Factura) -> Option<Falla> {
    if factura.estado == EstadoFactura::Emitida {
        return None;
    }
    let (id, estado) = (&factura.factura_id, factura.estado.nombre());
    let mensaje = format!("la factura {id} está {estado}; sólo se acredita una factura EMITIDA");
    Some(Falla::new(Regla::FacturaAcreditable, "/factura_id", mensaje).con("factura_id", id).con("estado", estado))
}

/// FechaEmisionPosteriorFactura and PlazoNotaCreditoValido.
pub fn fechas(documento: &FacturaEmitida, solicitud: &SolicitudCredito, ctx: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    let (nota, factura) = (solicitud.fecha_emision, documento.cabecera.fecha_emision);
    let mismo_dia = ctx.emisor.nota_credito_mismo_dia;
    let con_fechas = |falla: Falla| falla.con("fecha_emision", nota).con("fecha_factura", factura);
    if nota < factura || (nota == factura && !mismo_dia) {
        let relacion = if mismo_dia { "anterior a" } else { "igual o anterior a" };
        let mensaje = format!("la fecha de la nota, {nota}, es {relacion} la de la factura, {factura}");
        fallas.push(con_fechas(Falla::new(Regla::FechaEmisionPosteriorFactura, "/fecha_emision", mensaje)));
    }
    let Some(plazo) = ctx.emisor.plazo_nota_credito_dias else { return };
    let dias = (nota - factura).num_days();
    if dias > i64::from(plazo) {
        let mensaje = format!("la nota sale {dias} días después de la factura; el plazo es de {plazo}");
        let falla = Falla::new(Regla::PlazoNotaCreditoValido, "/fecha_emision", mensaje);
        fallas.push(con_fechas(falla).con("dias", dias).con("plazo", plazo));
    }
}

/// SucursalValida and NumeracionDisponible: where the note is numbered, and its candidate ranges.
pub fn numeracion(
    documento: &FacturaEmitida,
    solicitud: &SolicitudCredito,
    ctx: &ContextoDecision<'_>,
    fallas: &mut Vec<Falla>,
) -> (Id, Vec<Id>) {
    let sucursal_id = solicitud.sucursal_id.clone().unwrap_or_else(|| documento.cabecera.sucursal_id.clone());
    let fecha = solicitud.fecha_emision;
    if !ctx.catalogo.sucursal(&sucursal_id).is_some_and(|s| s.activa) {
        let mensaje = format!("la sucursal {sucursal_id} no existe o está inactiva; indique otra");
        fallas.push(Falla::new(Regla::SucursalValida, "/sucursal_id", mensaje).con("sucursal_id", &sucursal_id));
        return (sucursal_id, Vec::new());
    }
    let rangos = ctx.catalogo.rangos_vigentes(&sucursal_id, TipoDocumento::NotaCredito, fecha);
    if rangos.is_empty() {
        let mensaje = format!(
            "la sucursal {sucursal_id} no tiene un rango de numeración de notas de crédito vigente el {fecha}; cree o renueve uno"
        );
        let falla = Falla::new(Regla::NumeracionDisponible, "", mensaje);
        fallas.push(falla.con("sucursal_id", &sucursal_id).con("fecha_emision", fecha));
    }
    (sucursal_id, rangos)
}

/// LineasValidasContraFactura and PoliticaRetornoValida, line by line; each line counts what the ones before it take.
pub fn lineas(
    documento: &FacturaEmitida,
    solicitud: &SolicitudCredito,
    acreditacion: &mut Acreditacion<'_>,
    fallas: &mut Vec<Falla>,
) {
    for linea in &solicitud.lineas {
        fallas.extend(politica_valida(documento, solicitud.politica, linea));
        let emitida = linea.linea_factura.checked_sub(1).and_then(|i| documento.lineas.get(usize::from(i)));
        let Some(emitida) = emitida else {
            fallas.push(linea_inexistente(documento, linea));
            continue;
        };
        if let Err(exceso) = acreditacion.tomar(linea, emitida) {
            fallas.push(linea_excedida(linea, exceso));
        }
    }
    let lotes = acreditacion.cuantos_lotes();
    if lotes > LOTES_POR_NOTA_MAX {
        let mensaje = format!("la nota devolvería {lotes} partes de lotes; el máximo es {LOTES_POR_NOTA_MAX}: divídala en varias");
        fallas.push(Falla::new(Regla::DocumentoDemasiadoGrande, "/lineas", mensaje).con("lotes", lotes));
    }
}

fn campo(linea: &LineaNotaCredito, nombre: &str) -> String {
    format!("/lineas/{}/{nombre}", linea.numero.saturating_sub(1))
}

fn politica_valida(documento: &FacturaEmitida, politica: PoliticaRetorno, linea: &LineaNotaCredito) -> Option<Falla> {
    let destino = linea.bodega_id.as_ref().filter(|_| politica == PoliticaRetorno::ReversaFifo && linea.afecta_inventario)?;
    let original = bodega_original(documento, linea.linea_factura).filter(|original| *original != destino)?;
    let mensaje = format!("REVERSA_FIFO devuelve a la bodega original, {original}, y la línea pide {destino}");
    let falla = Falla::new(Regla::PoliticaRetornoValida, campo(linea, "bodega_id"), mensaje);
    Some(falla.con("bodega_id", destino).con("bodega_original", original))
}

fn linea_inexistente(documento: &FacturaEmitida, linea: &LineaNotaCredito) -> Falla {
    let mensaje = format!("la factura no tiene la línea {}; tiene {}", linea.linea_factura, documento.lineas.len());
    Falla::new(Regla::LineasValidasContraFactura, campo(linea, "linea_factura"), mensaje)
        .con("linea_factura", linea.linea_factura)
        .con("lineas", documento.lineas.len())
}

fn linea_excedida(linea: &Arc<LineaNotaCredito>, exceso: Exceso) -> Falla {
    let numero = linea.linea_factura;
    let (nombre, queda) = match exceso {
        Exceso::Cantidad { queda } => ("cantidad", queda.to_string()),
        Exceso::Monto { queda } => ("monto", queda.to_string()),
    };
    let pedido = match linea.acreditado {
        Acreditado::Cantidad { cantidad } => cantidad.to_string(),
        Acreditado::Monto { monto } => monto.to_string(),
    };
    let mensaje = format!("la línea {numero} de la factura tiene pendiente {nombre} {queda} y la nota pide {pedido}");
    Falla::new(Regla::LineasValidasContraFactura, campo(linea, nombre), mensaje)
        .con("linea_factura", numero)
        .con("solicitado", pedido)
        .con("pendiente", queda)
}
