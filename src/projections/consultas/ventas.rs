//! Reports of sales: by day, product or channel, with returns, cost and margin.

use std::{collections::BTreeMap, sync::Arc, vec};

use chrono::{Datelike, Days, Months, NaiveDate};
use serde_json::{Map, Value};

use super::{
    ConsultaError, Consultas, Pagina, PaginaDe, Varias,
    cursor::{Escritor, Lector, huella},
};
use crate::{
    domain::valores::Id,
    projections::{
        json::{self, fecha},
        rows::{Columns, text_value},
        ventas::{LIBRO_VENTAS, VENTAS_POR_DIA, VENTAS_POR_PRODUCTO, VENTAS_PRODUCTOS, mes_de, sumas::Sumas},
    },
    tables::{From, Row, Table, Value as Valor},
};

/// Days of one report.
pub const DIAS_MAX: i64 = 366;

/// Rows that a call reads at most to give a page: those of 366 days, 10 channels and 12 partitions of the log.
const FILAS_MAX: usize = 50_000;

/// Rows asked of a table at a time.
const LOTE: usize = 1_024;

/// Products of the directory looked at a time, and in one call.
const LOTE_PRODUCTOS: usize = 101;
const PRODUCTOS_MAX: usize = 2_000;

/// What a report has one group for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Agrupacion {
    #[default]
    Dia,
    Producto,
    Canal,
}

impl Agrupacion {
    pub const TODAS: [Self; 3] = [Self::Dia, Self::Producto, Self::Canal];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::Dia => "dia",
            Self::Producto => "producto",
            Self::Canal => "canal",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODAS.into_iter().find(|a| a.nombre() == nombre)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiltroVentas {
    /// On the documents' issue day, both inclusive; at most [`DIAS_MAX`] days.
    pub fechas: (NaiveDate, NaiveDate),
    pub producto: Option<Id>,
    /// Exact.
    pub canal: Option<String>,
    pub agrupar: Agrupacion,
}

/// Sums by currency: they never mix.
type PorMoneda = BTreeMap<Arc<str>, Sumas>;

impl Consultas {
    /// What was sold and returned in an interval, a group for each day (newest first), product or channel (by its name), and in each an item a
    /// currency. A page has `limite` groups; by products it may end earlier, with its cursor, after 50,000 rows read.
    ///
    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, `IntervaloInvertido`; `Demasiado` when the interval has more than 366 days, or when a day, a
    /// product, or all the channels together have more than 50,000 rows; of the tables.
    pub fn ventas(&self, filtro: &FiltroVentas, pagina: &Pagina) -> Varias {
        let limite = pagina.limite()?;
        let (inicio, fin) = filtro.fechas;
        if inicio > fin {
            return Err(ConsultaError::IntervaloInvertido { desde: inicio.to_string(), hasta: fin.to_string() });
        }
        if (fin - inicio).num_days() >= DIAS_MAX {
            return Err(ConsultaError::Demasiado(format!("el intervalo admite hasta {DIAS_MAX} días; pida uno más corto")));
        }
        let (producto, canal) = (filtro.producto.as_ref().map_or("", Id::as_str), filtro.canal.as_deref().unwrap_or(""));
        let huella = huella("ventas", &[filtro.agrupar.nombre(), &inicio.to_string(), &fin.to_string(), producto, canal]);
        let despues = pagina.despues.as_deref().map(|texto| Lector::new(huella, texto)).transpose()?;
        match filtro.agrupar {
            Agrupacion::Dia => self.ventas_por_dia(filtro, despues, limite, huella),
            Agrupacion::Canal => self.ventas_por_canal(filtro, despues, limite, huella),
            Agrupacion::Producto => self.ventas_por_producto(filtro, despues, limite, huella),
        }
    }

    fn ventas_por_dia(&self, filtro: &FiltroVentas, despues: Option<Lector>, limite: usize, huella: u32) -> Varias {
        let (inicio, mut fin) = filtro.fechas;
        if let Some(mut lector) = despues {
            let ultimo = i32::try_from(lector.entero()?).ok().and_then(NaiveDate::from_num_days_from_ce_opt);
            let siguiente = ultimo.and_then(|dia| dia.checked_sub_days(Days::new(1)));
            fin = siguiente.ok_or(ConsultaError::CursorInvalido)?.min(fin);
        }
        let mut tramo = Tramo::new(self, filtro, filtro.producto.as_ref().map(Id::texto), (inicio, fin));
        let mut dias: Vec<(NaiveDate, PorMoneda)> = Vec::new();
        let mut tiene_mas = false;
        while let Some(fila) = tramo.siguiente()? {
            if dias.last().is_none_or(|(dia, _)| *dia != fila.fecha) {
                if dias.len() == limite {
                    tiene_mas = true;
                    break;
                }
                dias.push((fila.fecha, PorMoneda::new()));
            }
            let Some((_, por_moneda)) = dias.last_mut() else { break };
            por_moneda.entry(fila.moneda).or_default().juntar(&fila.sumas);
        }
        if tramo.cortado {
            // The last day is not whole.
            dias.pop();
            tiene_mas = true;
        }
        let Some((ultimo, _)) = dias.last() else { return if tramo.cortado { Err(demasiadas()) } else { Ok(PaginaDe::default()) } };
        let despues = tiene_mas.then(|| Escritor::default().entero(i64::from(ultimo.num_days_from_ce())).terminar(huella));
        let items = dias.iter().flat_map(|(dia, por_moneda)| grupo("fecha", fecha(*dia), por_moneda)).collect();
        Ok(PaginaDe { items, despues, tiene_mas })
    }

    fn ventas_por_canal(&self, filtro: &FiltroVentas, despues: Option<Lector>, limite: usize, huella: u32) -> Varias {
        let despues = despues.map(|mut lector| lector.texto()).transpose()?;
        let mut tramo = Tramo::new(self, filtro, filtro.producto.as_ref().map(Id::texto), filtro.fechas);
        let mut canales: BTreeMap<Arc<str>, PorMoneda> = BTreeMap::new();
        while let Some(fila) = tramo.siguiente()? {
            let por_moneda = canales.entry(fila.canal).or_default();
            por_moneda.entry(fila.moneda).or_default().juntar(&fila.sumas);
        }
        if tramo.cortado {
            return Err(demasiadas());
        }
        let mut quedan = canales.iter().filter(|(canal, _)| despues.as_deref().is_none_or(|visto| &***canal > visto)).peekable();
        let (mut items, mut ultimo) = (Vec::new(), "");
        for (canal, por_moneda) in quedan.by_ref().take(limite) {
            items.extend(grupo("canal", o_nulo(canal), por_moneda));
            ultimo = canal;
        }
        let tiene_mas = quedan.peek().is_some();
        let despues = tiene_mas.then(|| Escritor::default().texto(ultimo).terminar(huella));
        Ok(PaginaDe { items, despues, tiene_mas })
    }

    fn ventas_por_producto(&self, filtro: &FiltroVentas, despues: Option<Lector>, limite: usize, huella: u32) -> Varias {
        if let Some(producto) = &filtro.producto {
            let (por_moneda, _) = self.ventas_de(filtro, &producto.texto())?;
            let items = grupo("producto_id", Value::String(producto.to_string()), &por_moneda).collect();
            return Ok(PaginaDe { items, despues: None, tiene_mas: false });
        }
        let mut visto = despues.map(|mut lector| lector.texto()).transpose()?;
        // The empty product is a place of the directory too, and no id.
        if visto.as_deref().is_some_and(|visto| !visto.is_empty() && Id::de_clave(visto).is_err()) {
            return Err(ConsultaError::CursorInvalido);
        }
        let meses = meses(filtro.fechas);
        let (mut items, mut grupos, mut vistos, mut filas) = (Vec::new(), 0, 0, 0);
        loop {
            let tanda = self.productos_vendidos(&meses, visto.as_deref())?;
            for producto in &tanda {
                if grupos == limite || vistos == PRODUCTOS_MAX || filas >= FILAS_MAX {
                    let despues = Escritor::default().texto(visto.as_deref().unwrap_or("")).terminar(huella);
                    return Ok(PaginaDe { items, despues: Some(despues), tiene_mas: true });
                }
                let (por_moneda, leidas) = self.ventas_de(filtro, producto)?;
                (vistos, filas) = (vistos + 1, filas + leidas);
                grupos += usize::from(!por_moneda.is_empty());
                items.extend(grupo("producto_id", o_nulo(producto), &por_moneda));
                visto = Some(producto.to_string());
            }
            if tanda.len() < LOTE_PRODUCTOS {
                return Ok(PaginaDe { items, despues: None, tiene_mas: false });
            }
        }
    }

    /// The sums of a product in the interval, and the rows that they took.
    fn ventas_de(&self, filtro: &FiltroVentas, producto: &Arc<str>) -> Result<(PorMoneda, usize), ConsultaError> {
        let mut tramo = Tramo::new(self, filtro, Some(Arc::clone(producto)), filtro.fechas);
        let mut por_moneda = PorMoneda::new();
        while let Some(fila) = tramo.siguiente()? {
            por_moneda.entry(fila.moneda).or_default().juntar(&fila.sumas);
        }
        if tramo.cortado { Err(demasiadas()) } else { Ok((por_moneda, tramo.leidas)) }
    }

    /// The next products sold in some of the months, by their ids. Fewer than asked: there are no more.
    fn productos_vendidos(&self, meses: &[NaiveDate], tras: Option<&str>) -> Result<Vec<Arc<str>>, ConsultaError> {
        let from = tras.map_or(From::Start, |visto| From::After(vec![text_value(visto)]));
        let mut productos = Vec::new();
        for mes in meses {
            let rows = self.tables.slice(&VENTAS_PRODUCTOS, &[Valor::Date(*mes)], &from, false, LOTE_PRODUCTOS)?;
            for row in &rows {
                productos.push(Arc::clone(Columns::new(&VENTAS_PRODUCTOS, row).text("producto_id")?));
            }
        }
        productos.sort_unstable();
        productos.dedup();
        productos.truncate(LOTE_PRODUCTOS);
        Ok(productos)
    }
}

fn demasiadas() -> ConsultaError {
    ConsultaError::Demasiado(format!("el intervalo tiene más de {FILAS_MAX} filas que sumar; pida uno más corto, o un producto"))
}

/// First days of the months that an interval touches.
fn meses((inicio, fin): (NaiveDate, NaiveDate)) -> Vec<NaiveDate> {
    let siguiente = |mes: &NaiveDate| mes.checked_add_months(Months::new(1)).filter(|mes| *mes <= fin);
    std::iter::successors(Some(mes_de(inicio)), siguiente).collect()
}

fn o_nulo(texto: &Arc<str>) -> Value {
    if texto.is_empty() { Value::Null } else { Value::String(texto.to_string()) }
}

/// An item of each currency.
fn grupo<'a>(nombre: &'static str, valor: Value, por_moneda: &'a PorMoneda) -> impl Iterator<Item = Value> + 'a {
    por_moneda.iter().map(move |(moneda, sumas)| {
        let mut campos = Map::new();
        campos.insert(nombre.to_owned(), valor.clone());
        campos.insert("moneda".to_owned(), Value::String(moneda.to_string()));
        json::unir(&mut campos, json::sumas_de_ventas(sumas));
        Value::Object(campos)
    })
}

/// A row of sales.
struct Fila {
    fecha: NaiveDate,
    canal: Arc<str>,
    moneda: Arc<str>,
    sumas: Sumas,
}

/// The rows of an interval, newest day first.
struct Tramo<'a> {
    consultas: &'a Consultas,
    table: &'static Table,
    particion: Valor,
    inicio: NaiveDate,
    canal: Option<&'a str>,
    from: From,
    lote: vec::IntoIter<Row>,
    /// The last read gave all that there was.
    acabado: bool,
    leidas: usize,
    /// It ended because it had read enough.
    cortado: bool,
}

impl<'a> Tramo<'a> {
    /// Of a product, or of all together.
    fn new(
        consultas: &'a Consultas,
        filtro: &'a FiltroVentas,
        producto: Option<Arc<str>>,
        (inicio, fin): (NaiveDate, NaiveDate),
    ) -> Self {
        let (table, particion) = match producto {
            Some(producto) => (&VENTAS_POR_PRODUCTO, Valor::Text(producto)),
            None => (&VENTAS_POR_DIA, text_value(LIBRO_VENTAS)),
        };
        Self {
            consultas,
            table,
            particion,
            inicio,
            canal: filtro.canal.as_deref(),
            from: From::At(vec![Valor::Date(fin)]),
            lote: Vec::new().into_iter(),
            acabado: false,
            leidas: 0,
            cortado: false,
        }
    }

    fn siguiente(&mut self) -> Result<Option<Fila>, ConsultaError> {
        loop {
            let Some(row) = self.lote.next() else {
                if self.acabado || !self.leer()? {
                    return Ok(None);
                }
                continue;
            };
            let columns = Columns::new(self.table, &row);
            let fecha = columns.date("fecha")?;
            if fecha < self.inicio {
                self.acabado = true;
                return Ok(None);
            }
            if self.leidas == FILAS_MAX {
                self.cortado = true;
                return Ok(None);
            }
            self.leidas += 1;
            let canal = columns.text("canal")?;
            if self.canal.is_none_or(|pedido| pedido == &**canal) {
                let (canal, moneda) = (Arc::clone(canal), Arc::clone(columns.text("moneda")?));
                return Ok(Some(Fila { fecha, canal, moneda, sumas: Sumas::leer(&columns)? }));
            }
        }
    }

    /// Reads on; `false` when there is nothing left.
    fn leer(&mut self) -> Result<bool, ConsultaError> {
        let particion = std::slice::from_ref(&self.particion);
        let rows = self.consultas.tables.slice(self.table, particion, &self.from, false, LOTE)?;
        self.acabado = rows.len() < LOTE;
        if let Some(ultima) = rows.last() {
            self.from = From::After(ultima.key.iter().skip(self.table.partition.len()).cloned().collect());
        }
        self.lote = rows.into_iter();
        Ok(self.lote.len() > 0)
    }
}
