//! Rows of the local store (aggregates, memory of commands, checkpoint) and of the tables. First byte: which.

use std::sync::Arc;

use bytes::Bytes;
use factumarket::{
    domain::{
        TipoAgregado,
        valores::{Id, Instante},
    },
    engine::store::{AggregateRow, MemoryRow, Origin, Payload, decode_positions, encode_positions, id_of_aggregate_key},
    tables::embedded::fuzz,
};

use super::memoria::acotada;

const POR_BYTE: usize = 32;
const FIJO: usize = 64 << 10;

pub fn cuerpo(datos: &[u8]) -> bool {
    let Some((cual, resto)) = datos.split_first() else { return false };
    acotada(FIJO + POR_BYTE * datos.len(), || match cual % 7 {
        0 => agregado(Bytes::copy_from_slice(resto)),
        1 => recuerdo(Bytes::copy_from_slice(resto)),
        2 => posiciones(Bytes::copy_from_slice(resto)),
        3 => clave(resto),
        4 => escrita(resto),
        5 => fuzz::clave(resto),
        _ => fuzz::fila(resto),
    })
}

fn agregado(bytes: Bytes) -> bool {
    let Ok(row) = AggregateRow::decode(bytes) else { return false };
    assert_eq!(AggregateRow::decode(row.encode().into()).as_ref().ok(), Some(&row));
    true
}

fn recuerdo(bytes: Bytes) -> bool {
    let Ok(row) = MemoryRow::decode(bytes) else { return false };
    assert_eq!(MemoryRow::decode(row.encode().into()).as_ref().ok(), Some(&row));
    true
}

fn posiciones(bytes: Bytes) -> bool {
    let Ok(positions) = decode_positions(bytes) else { return false };
    assert_eq!(decode_positions(encode_positions(&positions).into()).ok(), Some(positions));
    true
}

fn clave(bytes: &[u8]) -> bool {
    let Ok(id) = id_of_aggregate_key(bytes) else { return false };
    assert_eq!(id.as_str().as_bytes(), &bytes[2..]);
    true
}

/// Whatever a command carried, the row that keeps its origin can be read: users come from outside, of any length.
fn escrita(datos: &[u8]) -> bool {
    let texto = String::from_utf8_lossy(datos);
    let origin = Origin {
        command_id: Id::compuesto(&["c"]),
        huella: datos.first_chunk().copied(),
        correlation_id: Id::compuesto(&[TipoAgregado::Factura.nombre()]),
        usuario: (!texto.is_empty()).then(|| Arc::from(&*texto)),
        recibido_en: Instante(datos.first_chunk().map_or(0, |b| i64::from_le_bytes(*b))),
    };
    let row = AggregateRow {
        version: 1,
        queue: factumarket::domain::cuarentena::Cola::default(),
        origin: Some(origin),
        payload: Payload::Nothing,
    };
    let read = AggregateRow::decode(row.encode().into()).expect("lo escrito se lee");
    let usuario = read.origin.and_then(|o| o.usuario).unwrap_or_default();
    assert!(texto.starts_with(&*usuario), "el usuario se guarda, o su comienzo");
    true
}
