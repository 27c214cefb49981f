//! `movimientos`: entries and exits of each product in each bodega, in order, with the balance after each.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::{
    cache::GenerationalCache,
    lotes,
    projection::{Content, Entry, Projection, ProjectionSpec, RowReader},
    rows::{Columns, bytes, decimal, id_value, int, int_value, optional_id, text, text_value, timestamp},
};
use crate::{
    contracts::EventEnvelope,
    domain::{
        Contexto, Evento,
        inventario::{EventoInventario, Movimiento, Referencia},
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
        timestamp("ocurrido_en"),
        text("movimiento_id"),
        text("tipo"),
        text("motivo"),
        text("referencia_tipo"),
        text("referencia_id"),
        text("referencia_numero"),
        text("reserva_id"),
        decimal("cantidad"),
        decimal("costo_total"),
        decimal("saldo"),
        decimal("valor_saldo"),
        bytes("lotes"),
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

/// One side of the ledger with what both kinds of movement share.
struct Asiento<'a, M> {
    movimiento: &'a Movimiento<M>,
    tipo: &'static str,
    motivo: &'static str,
    /// +1 for entries, -1 for exits.
    signo: Decimal,
}

impl MovimientosFold {
    fn record<M>(&mut self, sobre: &EventEnvelope, asiento: &Asiento<'_, M>, rows: &dyn RowReader) -> Result<(), TablesError> {
        let movimiento = asiento.movimiento;
        let partition = [id_value(&movimiento.producto_id), id_value(&movimiento.bodega_id)];
        if self.balances.get_mut(&movimiento.inventario_id).is_none() {
            let balance = load_balance(&partition, rows)?;
            self.balances.insert(movimiento.inventario_id.clone(), balance);
        }
        let Some(balance) = self.balances.get_mut(&movimiento.inventario_id) else { return Ok(()) };
        if sobre.aggregate_version <= balance.version {
            return Ok(());
        }
        balance.version = sobre.aggregate_version;
        balance.valor += asiento.signo * movimiento.costo_total.valor();
        let valor_saldo = balance.valor;
        let [producto, bodega] = partition;
        let key = vec![producto, bodega, int_value(sobre.aggregate_version)];
        let row = Row { key, values: values(sobre, asiento, valor_saldo), version: sobre.aggregate_version };
        self.writes.push(Write::Insert { table: &MOVIMIENTOS, row });
        Ok(())
    }
}

fn load_balance(partition: &[Value], rows: &dyn RowReader) -> Result<Balance, TablesError> {
    let last = rows.slice(&MOVIMIENTOS, partition, &From::Start, true, 1)?;
    let Some(row) = last.first() else { return Ok(Balance { version: 0, valor: Decimal::ZERO }) };
    Ok(Balance { version: row.version, valor: Columns::new(&MOVIMIENTOS, row).decimal("valor_saldo")? })
}

fn values<M>(sobre: &EventEnvelope, asiento: &Asiento<'_, M>, valor_saldo: Decimal) -> Vec<Value> {
    let movimiento = asiento.movimiento;
    let referencia = movimiento.referencia.as_ref();
    let of_reference = |field: fn(&Referencia) -> Option<&Arc<str>>| {
        referencia.and_then(field).map_or(Value::Null, |t| Value::Text(Arc::clone(t)))
    };
    vec![
        Value::Timestamp(sobre.ocurrido_en),
        id_value(&movimiento.movimiento_id),
        text_value(asiento.tipo),
        text_value(asiento.motivo),
        of_reference(|r| Some(&r.tipo)),
        of_reference(|r| Some(&r.id)),
        of_reference(|r| r.numero.as_ref()),
        optional_id(movimiento.reserva_id.as_ref()),
        Value::Decimal(movimiento.cantidad.valor()),
        Value::Decimal(movimiento.costo_total.valor()),
        Value::Decimal(movimiento.stock_resultante.valor()),
        Value::Decimal(valor_saldo),
        Value::Bytes(lotes::encode(&movimiento.lotes)),
    ]
}

impl Projection for MovimientosFold {
    fn fold(&mut self, entry: &Entry, rows: &dyn RowReader) -> Result<(), TablesError> {
        let Content::Event(event) = &entry.content else { return Ok(()) };
        match &event.evento {
            Evento::Inventario(EventoInventario::StockIncrementado(movimiento)) => {
                let motivo = movimiento.motivo.nombre();
                let asiento = Asiento { movimiento: movimiento.as_ref(), tipo: "ENTRADA", motivo, signo: Decimal::ONE };
                self.record(&event.sobre, &asiento, rows)
            }
            Evento::Inventario(EventoInventario::StockReducido(movimiento)) => {
                let motivo = movimiento.motivo.nombre();
                let asiento = Asiento { movimiento: movimiento.as_ref(), tipo: "SALIDA", motivo, signo: Decimal::NEGATIVE_ONE };
                self.record(&event.sobre, &asiento, rows)
            }
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
