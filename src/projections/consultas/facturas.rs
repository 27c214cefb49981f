//! Invoices: one, or lists by client and by issue day.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::{
    ConsultaError, Consultas, FiltroFacturas, Pagina, PaginaDe, Una, Varias, catalogo::marcas, cursor::huella, lugar::Lugar,
    origen::particion_de,
};
use crate::{
    domain::{Contexto, Evento, facturacion::factura::EventoFactura, valores::Id},
    log::{Position, Topic},
    projections::{
        aggregate::Marks,
        facturas::{FACTURAS, FACTURAS_DIAS, FACTURAS_POR_CLIENTE, FACTURAS_POR_DIA, LIBRO_FACTURAS},
        json::{self, dinero, fecha},
        rows::{Columns, id_value, text_value},
    },
    tables::{From, Row, Table, Value as Valor},
};

impl Consultas {
    /// The whole document: head, client copy, lines, totals, number and lots once issued; failures when it was refused.
    ///
    /// # Errors
    /// Of tables and log; `Ilegible` when the stored document does not decode.
    pub fn factura(&self, id: &Id) -> Una {
        let Some(row) = self.tables.get(&FACTURAS, &[id_value(id)])? else { return Ok(None) };
        let columns = Columns::new(&FACTURAS, &row);
        let marks = Marks::read(&columns)?;
        let estado = columns.optional_text("estado")?;
        if estado.is_none() && !marks.incompleta {
            return Ok(None);
        }
        let mut campos = Map::new();
        campos.insert("id".to_owned(), Value::String(id.to_string()));
        campos.insert("estado".to_owned(), estado.map_or(Value::Null, |e| Value::String(e.to_string())));
        if let Some(lugar) = columns.optional_int("documento_particion")?.zip(columns.optional_int("documento_posicion")?) {
            campos.extend(self.documento(lugar)?);
        } else if let Some(borrador) = columns.optional_text("borrador")? {
            campos.insert("numero".to_owned(), json::texto_opcional(columns.optional_text("numero")?));
            campos.extend(de_borrador(borrador)?);
        }
        if let Some(credito) = columns.optional_decimal("credito")? {
            campos.insert("credito".to_owned(), dinero(credito));
        }
        if let Some(posterior) = columns.optional_text("posterior")? {
            let ilegible = |e: serde_json::Error| ConsultaError::Ilegible(format!("lo posterior a la factura: {e}"));
            json::unir(&mut campos, serde_json::from_str(posterior).map_err(ilegible)?);
        }
        json::unir(&mut campos, marcas(&marks));
        Ok(Some(Value::Object(campos)))
    }

    fn documento(&self, (particion, posicion): (u64, Position)) -> Result<Map<String, Value>, ConsultaError> {
        let particion = particion_de(Topic::Eventos(Contexto::Facturacion), particion)?;
        match self.evento(particion, posicion)?.evento {
            Evento::Factura(EventoFactura::FacturaEmitida(emitida)) => Ok(json::factura_emitida(&emitida)),
            otro => Err(ConsultaError::Ilegible(format!("el documento guardado es {}", otro.tipo()))),
        }
    }

    /// Invoices newest first: by issue day, then by creation. Both dates inclusive; pages go across days.
    ///
    /// # Errors
    /// `IntervaloInvertido`, `LimiteInvalido`, `CursorInvalido`, of the tables.
    pub fn facturas(&self, filtro: &FiltroFacturas, pagina: &Pagina) -> Varias {
        let limite = pagina.limite()?;
        let inicio = filtro.fecha_inicio.unwrap_or(NaiveDate::MIN);
        let fin = filtro.fecha_fin.unwrap_or(NaiveDate::MAX);
        if inicio > fin {
            return Err(ConsultaError::IntervaloInvertido { desde: inicio.to_string(), hasta: fin.to_string() });
        }
        let textos = [filtro.fecha_inicio, filtro.fecha_fin].map(|f| f.map(|f| f.to_string()).unwrap_or_default());
        let cliente = filtro.cliente_id.as_ref().map_or("", Id::as_str);
        let huella = huella("facturas", &[&textos[0], &textos[1], cliente]);
        let desde = pagina.despues.as_deref().map(|texto| Lugar::leer(huella, texto)).transpose()?;
        let (table, mut rows) = match &filtro.cliente_id {
            Some(cliente) => (&FACTURAS_POR_CLIENTE, self.de_cliente(cliente, inicio, fin, desde.as_ref(), limite + 1)?),
            None => (&FACTURAS_POR_DIA, self.de_dias(inicio, fin, desde.as_ref(), limite + 1)?),
        };
        let tiene_mas = rows.len() > limite;
        rows.truncate(limite);
        let despues = match rows.last() {
            Some(row) if tiene_mas => Some(Lugar::de_fila(table, row, "factura_id")?.escribir(huella)),
            _ => None,
        };
        let items = rows.iter().map(|row| resumen(table, row)).collect::<Result<_, _>>()?;
        Ok(PaginaDe { items, despues, tiene_mas })
    }

    fn de_cliente(
        &self,
        cliente: &Id,
        inicio: NaiveDate,
        fin: NaiveDate,
        desde: Option<&Lugar>,
        limite: usize,
    ) -> Result<Vec<Row>, ConsultaError> {
        let from = match desde {
            Some(lugar) => lugar.tras(),
            None if fin == NaiveDate::MAX => From::Start,
            None => From::At(vec![Valor::Date(fin)]),
        };
        let mut rows = self.tables.slice(&FACTURAS_POR_CLIENTE, &[id_value(cliente)], &from, false, limite)?;
        let dentro = |row: &Row| row.key.get(1).is_some_and(|f| matches!(f, Valor::Date(d) if *d >= inicio));
        let cuantas = rows.iter().take_while(|row| dentro(row)).count();
        rows.truncate(cuantas);
        Ok(rows)
    }

    fn de_dias(&self, inicio: NaiveDate, fin: NaiveDate, desde: Option<&Lugar>, limite: usize) -> Result<Vec<Row>, ConsultaError> {
        let mut rows = Vec::new();
        let primero = desde.map_or(fin, |lugar| lugar.fecha.min(fin));
        let mut from = if primero == NaiveDate::MAX { From::Start } else { From::At(vec![Valor::Date(primero)]) };
        loop {
            let dias = self.tables.slice(&FACTURAS_DIAS, &[text_value(LIBRO_FACTURAS)], &from, false, LOTE_DIAS)?;
            for dia in &dias {
                let dia = Columns::new(&FACTURAS_DIAS, dia).date("fecha_emision")?;
                if dia < inicio {
                    return Ok(rows);
                }
                let en_dia = desde.filter(|l| l.fecha == dia).map_or(From::Start, Lugar::tras_en_su_dia);
                let faltan = limite - rows.len();
                rows.extend(self.tables.slice(&FACTURAS_POR_DIA, &[Valor::Date(dia)], &en_dia, false, faltan)?);
                if rows.len() >= limite {
                    return Ok(rows);
                }
                from = From::After(vec![Valor::Date(dia)]);
            }
            if dias.len() < LOTE_DIAS {
                return Ok(rows);
            }
        }
    }
}

/// Days of the index read at a time.
const LOTE_DIAS: usize = 64;

fn resumen(table: &'static Table, row: &Row) -> Result<Value, ConsultaError> {
    let columns = Columns::new(table, row);
    Ok(json!({
        "id": columns.text("factura_id")?.to_string(),
        "version": columns.version(),
        "estado": columns.text("estado")?.to_string(),
        "numero": columns.optional_text("numero")?.map(ToString::to_string),
        "cliente_id": columns.text("cliente_id")?.to_string(),
        "cliente_nombre": columns.optional_text("cliente_nombre")?.map(ToString::to_string),
        "fecha_emision": fecha(columns.date("fecha_emision")?),
        "moneda": columns.text("moneda")?.to_string(),
        "total": columns.optional_decimal("total")?.map(dinero),
        "creado_en": columns.timestamp("creado_en")?.rfc3339(),
    }))
}

/// The draft in the shape of the issued document: its head and totals at the top level.
fn de_borrador(texto: &str) -> Result<Map<String, Value>, ConsultaError> {
    let ilegible = |e: serde_json::Error| ConsultaError::Ilegible(format!("el borrador de la factura: {e}"));
    let borrador: Map<String, Value> = serde_json::from_str(texto).map_err(ilegible)?;
    let mut campos = Map::new();
    for (nombre, valor) in borrador {
        match nombre.as_str() {
            "cabecera" | "totales" => json::unir(&mut campos, valor),
            _ => {
                campos.insert(nombre, valor);
            }
        }
    }
    Ok(campos)
}
