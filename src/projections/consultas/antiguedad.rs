//! How long what is in stock has been there: lots with a balance, by age.
//!
//! No table of its own: `existencias` has the stocks and `existencias_lotes` the lots that each has left, with their entry date and cost.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{
    BARRIDO_MAX, ConsultaError, Consultas, Pagina, PaginaDe, Varias,
    cursor::{Escritor, Lector, codificar, decodificar, huella},
    inventario::LOTES_MAX,
};
use crate::{
    domain::valores::Id,
    projections::{
        existencias::{EXISTENCIAS, EXISTENCIAS_LOTES},
        json::{cifra, fecha},
        rows::{Columns, id_value},
    },
    tables::{Cursor, From, Row, Value as Valor},
};

/// Last day of each band; the last one has no end.
const TRAMOS: [i64; 4] = [30, 60, 90, 180];

/// Lots that a call reads at most, before it ends its page; those of one stock are always read whole.
const LOTES_POR_LLAMADA: usize = 50_000;

/// Stocks read at a time.
const LOTE: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FiltroAntiguedad {
    pub producto: Option<Id>,
    pub bodega: Option<Id>,
    /// The day that ages are counted to; `None` = today.
    pub fecha: Option<NaiveDate>,
}

/// Lots of one age. Exact: parts of a stock whose quantity has 14 digits at most and whose value is below 10^16.
#[derive(Debug, Clone, Copy, Default)]
struct Tramo {
    cantidad: Decimal,
    valor: Decimal,
    lotes: u64,
}

impl Tramo {
    fn agregar(&mut self, cantidad: Decimal, costo: Decimal) {
        self.cantidad += cantidad;
        self.valor += cantidad * costo;
        self.lotes += 1;
    }

    fn json(&self, desde: Option<i64>, hasta: Option<i64>) -> Value {
        json!({
            "desde_dias": desde,
            "hasta_dias": hasta,
            "lotes": self.lotes,
            "cantidad": cifra(self.cantidad),
            "valor": cifra(self.valor),
        })
    }
}

/// Where a scan of the stocks is: the lot of rows that it reads, and how many of them are done. A stock that appears meanwhile may have one of
/// them shown again, and none left out: stocks do not go away.
#[derive(Default)]
struct Barrido {
    after: Option<Cursor>,
    vistas: u16,
}

impl Barrido {
    fn leer(huella: u32, texto: &str) -> Result<Self, ConsultaError> {
        let lugar = decodificar(huella, texto)?;
        let (vistas, after) = lugar.split_first_chunk::<2>().ok_or(ConsultaError::CursorInvalido)?;
        Ok(Self { after: (!after.is_empty()).then(|| Cursor(after.to_vec())), vistas: u16::from_be_bytes(*vistas) })
    }

    fn escribir(&self, huella: u32) -> String {
        let after = self.after.as_ref().map_or(&[][..], |cursor| &cursor.0);
        codificar(huella, &[&self.vistas.to_be_bytes()[..], after].concat())
    }
}

impl Consultas {
    /// The stocks that have lots, each with its quantity and value by age: 0 to 30 days, 31 to 60, 61 to 90, 91 to 180, and more. What entered
    /// after the day goes apart, so that the parts always add up to the stock. With a product, by bodega; without, in a stable order of no
    /// meaning, where a page may end early (with its cursor) after 20,000 stocks or 50,000 lots examined.
    ///
    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of the tables.
    pub fn antiguedad(&self, filtro: &FiltroAntiguedad, pagina: &Pagina) -> Varias {
        let limite = pagina.limite()?;
        let dia = filtro.fecha.unwrap_or_else(|| self.hoy());
        let (producto, bodega) = (&filtro.producto, &filtro.bodega);
        let texto = |id: &Option<Id>| id.as_ref().map(ToString::to_string).unwrap_or_default();
        let huella = huella("antiguedad", &[&texto(producto), &texto(bodega), &dia.to_string()]);
        let despues = pagina.despues.as_deref();
        match (producto, bodega) {
            (Some(producto), Some(bodega)) => {
                let items = self.antiguedad_de(&[id_value(producto), id_value(bodega)], dia)?.map(|(item, _)| item);
                Ok(PaginaDe { items: items.into_iter().collect(), despues: None, tiene_mas: false })
            }
            (Some(producto), None) => self.antiguedad_de_producto(producto, dia, despues, limite, huella),
            (None, bodega) => self.antiguedad_de_todo(bodega.as_ref(), dia, despues, limite, huella),
        }
    }

    fn antiguedad_de_producto(&self, producto: &Id, dia: NaiveDate, despues: Option<&str>, limite: usize, huella: u32) -> Varias {
        let mut vista = despues.map(|texto| Lector::new(huella, texto)?.id()).transpose()?;
        let mut respuesta = PaginaDe::default();
        let mut lotes = 0;
        loop {
            let from = vista.as_ref().map_or(From::Start, |bodega| From::After(vec![id_value(bodega)]));
            let rows = self.tables.slice(&EXISTENCIAS, &[id_value(producto)], &from, false, LOTE)?;
            for row in &rows {
                if respuesta.items.len() == limite || lotes >= LOTES_POR_LLAMADA {
                    let ultima = vista.as_ref().map_or("", Id::as_str);
                    respuesta.despues = Some(Escritor::default().texto(ultima).terminar(huella));
                    respuesta.tiene_mas = true;
                    return Ok(respuesta);
                }
                if let Some((item, suyos)) = self.antiguedad_de_fila(row, dia)? {
                    respuesta.items.push(item);
                    lotes += suyos;
                }
                vista = Some(Columns::new(&EXISTENCIAS, row).id("bodega_id")?);
            }
            if rows.len() < LOTE {
                return Ok(respuesta);
            }
        }
    }

    fn antiguedad_de_todo(&self, bodega: Option<&Id>, dia: NaiveDate, despues: Option<&str>, limite: usize, huella: u32) -> Varias {
        let mut lugar = despues.map(|texto| Barrido::leer(huella, texto)).transpose()?.unwrap_or_default();
        let mut respuesta = PaginaDe::default();
        let (mut examinadas, mut lotes) = (0, 0);
        loop {
            let (rows, next) = self.tables.scan(&EXISTENCIAS, lugar.after.as_ref(), LOTE)?;
            for row in rows.iter().skip(usize::from(lugar.vistas)) {
                if respuesta.items.len() == limite || examinadas >= BARRIDO_MAX || lotes >= LOTES_POR_LLAMADA {
                    respuesta.despues = Some(lugar.escribir(huella));
                    respuesta.tiene_mas = true;
                    return Ok(respuesta);
                }
                let suya = Columns::new(&EXISTENCIAS, row).id("bodega_id")?;
                if bodega.is_none_or(|bodega| *bodega == suya)
                    && let Some((item, suyos)) = self.antiguedad_de_fila(row, dia)?
                {
                    respuesta.items.push(item);
                    lotes += suyos;
                }
                (examinadas, lugar.vistas) = (examinadas + 1, lugar.vistas + 1);
            }
            let Some(next) = next else { return Ok(respuesta) };
            lugar = Barrido { after: Some(next), vistas: 0 };
        }
    }

    fn antiguedad_de_fila(&self, row: &Row, dia: NaiveDate) -> Result<Option<(Value, usize)>, ConsultaError> {
        // An exhausted stock has no lots to look for.
        let stock = Columns::new(&EXISTENCIAS, row).optional_decimal("stock")?;
        if stock.is_none_or(|stock| stock.is_zero()) {
            return Ok(None);
        }
        self.antiguedad_de(&row.key, dia)
    }

    /// A stock by age, and how many lots it has; `None` without lots.
    fn antiguedad_de(&self, key: &[Valor], dia: NaiveDate) -> Result<Option<(Value, usize)>, ConsultaError> {
        let Some((row, lotes)) = self.existencia_con_lotes(key)? else { return Ok(None) };
        if lotes.is_empty() {
            return Ok(None);
        }
        let mut tramos = [Tramo::default(); TRAMOS.len() + 1];
        let mut posterior = Tramo::default();
        for lote in &lotes {
            let lote = Columns::new(&EXISTENCIAS_LOTES, lote);
            let edad = (dia - lote.date("fecha_ingreso")?).num_days();
            let tramo = if edad < 0 {
                &mut posterior
            } else {
                &mut tramos[TRAMOS.iter().position(|ultimo| edad <= *ultimo).unwrap_or(TRAMOS.len())]
            };
            tramo.agregar(lote.decimal("cantidad")?, lote.decimal("costo_unitario")?);
        }
        let columns = Columns::new(&EXISTENCIAS, &row);
        let primero = |n: usize| n.checked_sub(1).map_or(0, |antes| TRAMOS[antes] + 1);
        let por_edad = tramos.iter().enumerate().map(|(n, t)| t.json(Some(primero(n)), TRAMOS.get(n).copied()));
        let mut item = json!({
            "producto_id": columns.text("producto_id")?.to_string(),
            "bodega_id": columns.text("bodega_id")?.to_string(),
            "fecha": fecha(dia),
            "stock": cifra(columns.decimal("stock")?),
            "valor": cifra(columns.decimal("valor")?),
            "primer_ingreso": lotes.first().map(|l| Columns::new(&EXISTENCIAS_LOTES, l).date("fecha_ingreso")).transpose()?.map(fecha),
            "tramos": por_edad.collect::<Value>(),
            "posterior": posterior.json(None, None),
        });
        if lotes.len() == LOTES_MAX {
            item["lotes_omitidos"] = Value::Bool(true);
        }
        Ok(Some((item, lotes.len())))
    }
}
