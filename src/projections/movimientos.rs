//! `movimientos`: entries and exits of each product in each bodega, in order, with the balance after each.
//!
//! A row holds the place of its event, which says everything of the movement, and what the event does not say: the value left.

use rust_decimal::Decimal;

use super::{
    cache::GenerationalCache,
    projection::{Content, Entry, Projection, ProjectionSpec, RowReader},
    rows::{Columns, decimal, id_value, int, int_value, text},
};
use crate::{
    domain::{
        Contexto, Evento,
        inventario::{EventoInventario, Movimiento},
        valores::Id,
    },
    log::Topic,
    tables::{From, Order, Row, Table, TablesError, Value, Write},
};

/// Balances held in memory per partition.
const CACHED_BALANCES: usize = 8_192;

pub static MOVIMIENTOS: Table = Table {
    name: "movimientos",
    doc: "Los movimientos de un producto en una bodega, en el orden en que ocurrieron.",
    partition: &[text("producto_id"), text("bodega_id")],
    clustering: &[(int("version"), Order::Asc)],
    columns: &[
        // Where the movement is in `eventos.inventario`.
        int("particion"),
        int("posicion"),
        decimal("valor_saldo"),
    ],
};

pub static MOVIMIENTOS_SPEC: ProjectionSpec = ProjectionSpec {
    name: "movimientos",
    doc: "Movimientos por producto y bodega",
    tables: &[&MOVIMIENTOS],
    topics: &[Topic::Eventos(Contexto::Inventario)],
    fresh: |_| Box::new(MovimientosFold { balances: GenerationalCache::new(CACHED_BALANCES), writes: Vec::new() }),
};

/// The last movement of an Inventario: what the next one builds on.
struct Balance {
    version: u64,
    valor: Decimal,
}

struct MovimientosFold {
    balances: GenerationalCache<Id, Balance>,
    writes: Vec<Write>,
}

impl MovimientosFold {
    /// `signo`: +1 for entries, -1 for exits.
    fn record<M>(
        &mut self,
        entry: &Entry,
        version: u64,
        movimiento: &Movimiento<M>,
        signo: Decimal,
        rows: &dyn RowReader,
    ) -> Result<(), TablesError> {
        let partition = [id_value(&movimiento.producto_id), id_value(&movimiento.bodega_id)];
        if self.balances.get_mut(&movimiento.inventario_id).is_none() {
            let balance = load_balance(&partition, rows)?;
            self.balances.insert(movimiento.inventario_id.clone(), balance);
        }
        let Some(balance) = self.balances.get_mut(&movimiento.inventario_id) else { return Ok(()) };
        if version <= balance.version {
            return Ok(());
        }
        balance.version = version;
        balance.valor += signo * movimiento.costo_total.valor();
        let place = [Value::Int(i64::from(entry.partition.partition)), int_value(entry.position)];
        let values = place.into_iter().chain([Value::Decimal(balance.valor)]).collect();
        let [producto, bodega] = partition;
        let row = Row { key: vec![producto, bodega, int_value(version)], values, version };
        self.writes.push(Write::Insert { table: &MOVIMIENTOS, row });
        Ok(())
    }
}

fn load_balance(partition: &[Value], rows: &dyn RowReader) -> Result<Balance, TablesError> {
    let last = rows.slice(&MOVIMIENTOS, partition, &From::Start, true, 1)?;
    let Some(row) = last.first() else { return Ok(Balance { version: 0, valor: Decimal::ZERO }) };
    Ok(Balance { version: row.version, valor: Columns::new(&MOVIMIENTOS, row).decimal("valor_saldo")? })
}

impl Projection for MovimientosFold {
    fn fold(&mut self, entry: &Entry, rows: &dyn RowReader) -> Result<(), TablesError> {
        let Content::Event(event) = &entry.content else { return Ok(()) };
        let version = event.sobre.aggregate_version;
        match &event.evento {
            Evento::Inventario(EventoInventario::StockIncrementado(m)) => self.record(entry, version, m, Decimal::ONE, rows),
            Evento::Inventario(EventoInventario::StockReducido(m)) => self.record(entry, version, m, Decimal::NEGATIVE_ONE, rows),
            _ => Ok(()),
        }
    }

    fn flush(&mut self, out: &mut Vec<Write>) {
        out.append(&mut self.writes);
        self.balances.age();
    }

    fn forget(&mut self) {
        self.balances.clear();
        self.writes.clear();
    }
}
