//! States that no record could hold: a product whose stock came in tens of thousands of lots.

use super::*;
use crate::contracts::MAX_RECORD_BYTES;

/// Their snapshot takes more than a record of the log may.
const LOTS: usize = 48_000;
const AN_EPOCH: usize = 4_000;

fn with_many_lots() -> Node {
    let mut node = Node::alone();
    for first in (0..LOTS).step_by(AN_EPOCH) {
        for n in first..first + AN_EPOCH {
            let cost = Decimal::new(17_400_125 + (n as i64 % 977) * 1_000, 3);
            node.give(&format!("e-{n}"), stock_entry(&target().id, &format!("lote-{n}"), Decimal::new(1_25, 2), cost));
        }
        let epoch = node.core.close(NOW).expect("cerrar");
        assert!(epoch.snapshots.iter().all(|snapshot| snapshot.value.len() <= MAX_RECORD_BYTES), "lo que no cabe no se publica");
        node.commit(epoch);
    }
    node
}

fn target() -> Direccionado {
    Direccionado::new(TipoAgregado::Inventario, inventario_id(&id("p1"), &id("PRINCIPAL")))
}

/// It ended the processor for ever: neither its row could be written nor, before that, what was written be read.
#[test]
fn a_state_larger_than_a_record_is_kept_and_read_again() {
    let mut node = with_many_lots();
    for _ in 0..2 {
        let rows = node.core.maintain(usize::MAX).expect("punto de control");
        node.store.write(rows).expect("filas");
    }
    let row = node.store.get(&store::aggregate_key(&target())).expect("almacén").expect("tiene su fila");
    assert!(row.len() > MAX_RECORD_BYTES, "{} bytes", row.len());
    let state = |core: &Core| core.slots.get(&target()).and_then(|slot| slot.snapshot_state(&core.replicas));
    let before = state(&node.core);
    let mut again = Node::new(Ownership::all(PARTITIONS));
    let row = AggregateRow::decode(row).expect("fila");
    again.core.adopt_row(target(), row).expect("se lee");
    assert!(before.is_some() && before == state(&again.core));
}

/// A round of the checkpoint for each epoch would write a megabyte for each order.
#[test]
fn a_large_state_is_not_written_with_every_epoch() {
    let mut node = with_many_lots();
    let key = store::aggregate_key(&target());
    let (mut times, epochs) = (0, 60);
    for n in 0..epochs {
        node.give(&format!("c-{n}"), invoice(&format!("f{n}"), &[("p1", 1)]));
        let epoch = node.core.close(NOW).expect("cerrar");
        times += epoch.rows.iter().filter(|row| matches!(row, ClosedRow::Ready((written, Some(_))) if *written == key)).count();
        node.commit(epoch);
    }
    assert!(times <= 1, "{times} veces en {epochs} épocas");
    assert_eq!(node.issued().len(), epochs);
}
