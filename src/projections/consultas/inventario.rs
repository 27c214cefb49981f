//! Stock with its lots, and movements.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{
    ConsultaError, Consultas, Pagina, PaginaDe, Una, Varias,
    catalogo::marcas,
    cursor::{Escritor, Lector, huella},
    origen::particion_de,
};
use crate::{
    contracts::RecordedEvent,
    domain::{
        Contexto, Evento,
        inventario::{EventoInventario, Movimiento},
        valores::Id,
    },
    log::Topic,
    projections::{
        aggregate::Marks,
        existencias::{EXISTENCIAS, EXISTENCIAS_LOTES, first_lot},
        json::{self, cifra, fecha, fecha_opcional},
        movimientos::MOVIMIENTOS,
        rows::{Columns, id_value},
    },
    tables::{From, Row},
};

/// Lots shown at most; an Inventario with more says so in `lotes_omitidos`.
pub(super) const LOTES_MAX: usize = 10_000;

/// Times that a stock which changes while it is read is read again.
const RELECTURAS: usize = 8;

/// Bodegas of one product, at most.
const BODEGAS_MAX: usize = 10_000;

impl Consultas {
    /// The stock of a product in a bodega, with its lots in FIFO order.
    ///
    /// # Errors
    /// Of the tables.
    pub fn stock(&self, producto: &Id, bodega: &Id) -> Una {
        let leida = self.existencia_con_lotes(&[id_value(producto), id_value(bodega)])?;
        leida.map(|(row, lotes)| self.existencia(&row, &lotes)).transpose()
    }

    /// The row of a stock with its lots of the same version, in FIFO order; `None` when there is no such stock.
    pub(super) fn existencia_con_lotes(&self, key: &[crate::tables::Value]) -> Result<Option<(Row, Vec<Row>)>, ConsultaError> {
        let mut row = self.tables.get(&EXISTENCIAS, key)?;
        for _ in 0..RELECTURAS {
            let Some(leida) = row else { return Ok(None) };
            if Columns::new(&EXISTENCIAS, &leida).optional_decimal("stock")?.is_none() {
                return Ok(None);
            }
            let lotes = self.lotes(key, &leida)?;
            let despues = self.tables.get(&EXISTENCIAS, key)?;
            // Row and lots are written together: with the same version on both sides, the lots are of that version.
            if despues.as_ref().is_some_and(|d| d.version == leida.version) {
                return Ok(Some((leida, lotes)));
            }
            row = despues;
        }
        Err(ConsultaError::Ilegible(format!("la existencia {key:?} cambia sin cesar; reintente")))
    }

    /// The stock of a product in every bodega, each with its lots.
    ///
    /// # Errors
    /// Of the tables.
    pub fn stock_de_producto(&self, producto: &Id) -> Result<Vec<Value>, ConsultaError> {
        let rows = self.tables.slice(&EXISTENCIAS, &[id_value(producto)], &From::Start, false, BODEGAS_MAX)?;
        let mut existencias = Vec::with_capacity(rows.len());
        for row in &rows {
            let bodega = Columns::new(&EXISTENCIAS, row).id("bodega_id")?;
            existencias.extend(self.stock(producto, &bodega)?);
        }
        Ok(existencias)
    }

    fn lotes(&self, key: &[crate::tables::Value], row: &Row) -> Result<Vec<Row>, ConsultaError> {
        let Some(from) = first_lot(&Columns::new(&EXISTENCIAS, row))? else { return Ok(Vec::new()) };
        Ok(self.tables.slice(&EXISTENCIAS_LOTES, key, &from, false, LOTES_MAX)?)
    }

    fn existencia(&self, row: &Row, lotes: &[Row]) -> Result<Value, ConsultaError> {
        let columns = Columns::new(&EXISTENCIAS, row);
        let (hoy, mut vencido, mut en_lotes) = (self.hoy(), Decimal::ZERO, Vec::with_capacity(lotes.len()));
        for lote in lotes {
            let lote = Columns::new(&EXISTENCIAS_LOTES, lote);
            let (cantidad, caducidad) = (lote.decimal("cantidad")?, lote.optional_date("fecha_caducidad")?);
            if caducidad.is_some_and(|dia| dia < hoy) {
                vencido += cantidad;
            }
            en_lotes.push(json!({
                "lote_id": lote.text("lote_id")?.to_string(),
                "secuencia": lote.int("secuencia")?,
                "fecha_ingreso": fecha(lote.date("fecha_ingreso")?),
                "fecha_caducidad": fecha_opcional(caducidad),
                "cantidad": cifra(cantidad),
                "costo_unitario": cifra(lote.decimal("costo_unitario")?),
                "origen_lote_id": lote.optional_text("origen_lote_id")?.map(ToString::to_string),
            }));
        }
        let (stock, reservado) = (columns.decimal("stock")?, columns.decimal("reservado")?);
        let no_vendible = if self.vender_vencidos { Decimal::ZERO } else { vencido };
        let disponible = (stock - reservado - no_vendible).max(Decimal::ZERO);
        let mut campos = json!({
            "producto_id": columns.text("producto_id")?.to_string(),
            "bodega_id": columns.text("bodega_id")?.to_string(),
            "stock": cifra(stock),
            "reservado": cifra(reservado),
            "vencido": cifra(vencido),
            "disponible": cifra(disponible),
            "valor": cifra(columns.decimal("valor")?),
            "stock_minimo": columns.optional_decimal("stock_minimo")?.map(cifra),
            "bajo_minimo": columns.boolean("bajo_minimo")?,
            "lotes": en_lotes,
        });
        if lotes.len() == LOTES_MAX {
            campos["lotes_omitidos"] = Value::Bool(true);
        }
        if let Value::Object(objeto) = &mut campos {
            json::unir(objeto, marcas(&Marks::read(&columns)?));
        }
        Ok(campos)
    }

    /// The movements of a product in a bodega, oldest first, each with the balance it left.
    ///
    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of tables and log.
    pub fn movimientos(&self, producto: &Id, bodega: &Id, pagina: &Pagina) -> Varias {
        let limite = pagina.limite()?;
        let huella = huella("movimientos", &[producto.as_str(), bodega.as_str()]);
        let desde = match &pagina.despues {
            None => From::Start,
            Some(texto) => From::After(vec![crate::tables::Value::Int(Lector::new(huella, texto)?.entero()?)]),
        };
        let key = [id_value(producto), id_value(bodega)];
        let mut rows = self.tables.slice(&MOVIMIENTOS, &key, &desde, false, limite + 1)?;
        let tiene_mas = rows.len() > limite;
        rows.truncate(limite);
        let despues = match rows.last() {
            Some(row) if tiene_mas => {
                let version = Columns::new(&MOVIMIENTOS, row).int("version")?;
                Some(Escritor::default().entero(i64::try_from(version).unwrap_or(i64::MAX)).terminar(huella))
            }
            _ => None,
        };
        let items = rows.iter().map(|row| self.movimiento(row)).collect::<Result<_, _>>()?;
        Ok(PaginaDe { items, despues, tiene_mas })
    }

    fn movimiento(&self, row: &Row) -> Result<Value, ConsultaError> {
        let columns = Columns::new(&MOVIMIENTOS, row);
        let particion = particion_de(Topic::Eventos(Contexto::Inventario), columns.int("particion")?)?;
        let event = self.evento(particion, columns.int("posicion")?)?;
        match &event.evento {
            Evento::Inventario(EventoInventario::StockIncrementado(m)) => {
                asiento(&event, &columns, m, "ENTRADA", m.motivo.nombre())
            }
            Evento::Inventario(EventoInventario::StockReducido(m)) => asiento(&event, &columns, m, "SALIDA", m.motivo.nombre()),
            otro => Err(ConsultaError::Ilegible(format!("el movimiento guardado es {}", otro.tipo()))),
        }
    }
}

/// A line of the ledger: the movement of the event with the version and value left of the row.
fn asiento<M>(
    event: &RecordedEvent,
    row: &Columns<'_>,
    movimiento: &Movimiento<M>,
    tipo: &str,
    motivo: &str,
) -> Result<Value, ConsultaError> {
    Ok(json!({
        "movimiento_id": movimiento.movimiento_id.as_str(),
        "version": row.int("version")?,
        "ocurrido_en": event.sobre.ocurrido_en.rfc3339(),
        "tipo": tipo,
        "motivo": motivo,
        "referencia": movimiento.referencia.as_ref().map(json::referencia),
        "reserva_id": movimiento.reserva_id.as_ref().map(Id::as_str),
        "cantidad": cifra(movimiento.cantidad.valor()),
        "costo_total": cifra(movimiento.costo_total.valor()),
        "saldo": cifra(movimiento.stock_resultante.valor()),
        "valor_saldo": cifra(row.decimal("valor_saldo")?),
        "lotes": movimiento.lotes.iter().map(json::lote_consumido).collect::<Value>(),
    }))
}
