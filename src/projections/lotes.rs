//! The lots of a movement in one column: a compact, versioned encoding of our own (about 45 bytes a lot).

use bytes::Bytes;
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use crate::domain::{
    inventario::LoteConsumido,
    valores::{Cantidad, CostoUnitario, Id},
};

const FORMAT: u8 = 1;

/// Format byte, then per lot: sequence, entry date, expiry date (or `i32::MIN`), quantity, unit cost, length and bytes of the id.
pub fn encode(lotes: &[LoteConsumido]) -> Bytes {
    let mut out = Vec::with_capacity(1 + lotes.len() * 56);
    out.push(FORMAT);
    for lote in lotes {
        out.extend_from_slice(&lote.secuencia.to_be_bytes());
        out.extend_from_slice(&lote.fecha_ingreso.num_days_from_ce().to_be_bytes());
        out.extend_from_slice(&lote.fecha_caducidad.map_or(i32::MIN, |f| f.num_days_from_ce()).to_be_bytes());
        out.extend_from_slice(&lote.cantidad.valor().serialize());
        out.extend_from_slice(&lote.costo_unitario.valor().serialize());
        let id = lote.lote_id.as_str().as_bytes();
        // An id has at most 200 bytes.
        out.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(&id[..id.len().min(usize::from(u8::MAX))]);
    }
    Bytes::from(out)
}

/// `None` when the bytes are not of [`encode`].
pub fn decode(bytes: &[u8]) -> Option<Vec<LoteConsumido>> {
    let (format, mut rest) = bytes.split_first()?;
    if *format != FORMAT {
        return None;
    }
    let mut lotes = Vec::new();
    while !rest.is_empty() {
        lotes.push(decode_one(&mut rest)?);
    }
    Some(lotes)
}

fn decode_one(rest: &mut &[u8]) -> Option<LoteConsumido> {
    let secuencia = u64::from_be_bytes(take(rest)?);
    let fecha_ingreso = day(i32::from_be_bytes(take(rest)?))?;
    let caducidad = i32::from_be_bytes(take(rest)?);
    let fecha_caducidad = if caducidad == i32::MIN { None } else { Some(day(caducidad)?) };
    let cantidad = Cantidad::nuevo(Decimal::deserialize(take(rest)?)).ok()?;
    let costo_unitario = CostoUnitario::nuevo(Decimal::deserialize(take(rest)?)).ok()?;
    let [largo] = take::<1>(rest)?;
    let (id, tail) = rest.split_at_checked(usize::from(largo))?;
    *rest = tail;
    let lote_id = Id::de_clave(std::str::from_utf8(id).ok()?).ok()?;
    Some(LoteConsumido { lote_id, secuencia, fecha_ingreso, fecha_caducidad, cantidad, costo_unitario })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn day(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_come_back_and_cut_bytes_do_not() {
        let lote = |n: u64, caducidad| LoteConsumido {
            lote_id: Id::new(&format!("L-{n}")).unwrap(),
            secuencia: n,
            fecha_ingreso: NaiveDate::from_ymd_opt(2026, 11, 23).unwrap(),
            fecha_caducidad: caducidad,
            cantidad: Cantidad::nuevo(Decimal::new(1_234_567, 6)).unwrap(),
            costo_unitario: CostoUnitario::nuevo(Decimal::new(99, 2)).unwrap(),
        };
        let lotes = vec![lote(1, None), lote(70_000, NaiveDate::from_ymd_opt(2027, 1, 1))];
        let bytes = encode(&lotes);
        assert_eq!(decode(&bytes), Some(lotes));
        assert_eq!(decode(&encode(&[])), Some(Vec::new()));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(decode(&[9]), None);
        assert_eq!(decode(&[]), None);
    }
}
