//! Which invoice a record concerns.

use crate::{
    contracts::{ComandoRechazado, RecordedEvent},
    domain::{
        Evento, clave_de,
        facturacion::factura::Paso,
        inventario::{EventoInventario, Movimiento},
        numeracion::EventoRango,
        valores::Id,
    },
};

/// `referencia.tipo` of the movements of an invoice, and of those of its credit notes.
const REFERENCIA_FACTURA: &str = "FACTURA";
const REFERENCIA_NOTA: &str = "NOTA_CREDITO";

/// The invoice whose story an event belongs to: the aggregate itself; the one a movement or a number names; or the one
/// whose saga sent the command.
pub fn factura_de_evento(event: &RecordedEvent) -> Option<&str> {
    let sobre = &event.sobre;
    if sobre.aggregate_tipo.es_documento() {
        return Some(clave_de(sobre.aggregate_tipo, &sobre.aggregate_id));
    }
    let nombrada = match &event.evento {
        Evento::Inventario(EventoInventario::StockReducido(m)) => de_movimiento(m),
        Evento::Inventario(EventoInventario::StockIncrementado(m)) => de_movimiento(m),
        _ => None,
    };
    if nombrada.is_some() {
        return nombrada;
    }
    match (&event.evento, de_paso(&sobre.command_id)) {
        // Without a saga's id the document may be an invoice all the same: only invoices are numbered outside of one.
        (Evento::Rango(EventoRango::NumeroAsignado { documento_id, .. }), None) => de_documento(documento_id),
        (_, de_paso) => de_paso,
    }
}

/// The invoice of a refused command: its aggregate, or the one whose saga sent it.
pub fn factura_de_rechazo(rechazo: &ComandoRechazado) -> Option<&str> {
    if rechazo.aggregate_tipo.es_documento() {
        return Some(clave_de(rechazo.aggregate_tipo, &rechazo.aggregate_id));
    }
    de_paso(&rechazo.command_id)
}

fn de_movimiento<M>(movimiento: &Movimiento<M>) -> Option<&str> {
    let referencia = movimiento.referencia.as_ref()?;
    match &*referencia.tipo {
        REFERENCIA_FACTURA => (!referencia.id.contains(':')).then_some(&*referencia.id),
        // `factura_id:nota_id`.
        REFERENCIA_NOTA => referencia.id.split_once(':').map(|(factura, _)| factura),
        _ => None,
    }
}

/// Credit notes are numbered as `factura_id:nota_id`: their story is their invoice's.
fn de_documento(documento_id: &Id) -> Option<&str> {
    documento_id.partes().next()
}

/// The invoice of a step's command id, `factura_id:intento:grupo:letra`; of a note's, `factura_id:nota_id:intento:grupo:letra`.
fn de_paso(command_id: &Id) -> Option<&str> {
    let partes: Vec<&str> = command_id.partes().collect();
    let (factura, intento, grupo, letra) = match partes[..] {
        [factura, intento, grupo, letra] | [factura, _, intento, grupo, letra] => (factura, intento, grupo, letra),
        _ => return None,
    };
    let de_saga = intento.parse::<u32>().is_ok() && grupo.parse::<u16>().is_ok() && Paso::de_letra(letra).is_some();
    de_saga.then_some(factura)
}
