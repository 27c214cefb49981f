//! Credit notes: one, lists by invoice and by issue day; and the statement of a client.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{
    ConsultaError, Consultas, Pagina, PaginaDe, Una, Varias,
    catalogo::marcas,
    cursor::{Escritor, Lector, huella},
    lugar::Lugar,
    origen::particion_de,
};
use crate::{
    domain::{
        Contexto, Evento,
        facturacion::{
            factura::EstadoFactura,
            nota_credito::{EventoNotaCredito, clave_nota},
        },
        valores::{Id, Instante},
    },
    log::{Position, Topic},
    projections::{
        aggregate::Marks,
        facturas::FACTURAS_POR_CLIENTE,
        json::{self, dinero, fecha},
        notas::{NOTAS, NOTAS_LIBRO, NOTAS_POR_CLIENTE, NOTAS_POR_FACTURA, NOTAS_POR_ID, libro},
        rows::{Columns, id_value, text_value},
    },
    tables::{From, Row, Table, Value as Valor},
};

/// Documents of one statement.
const DOCUMENTOS_MAX: usize = 2_000;

impl Consultas {
    /// A note by its id, with or without its invoice's.
    ///
    /// # Errors
    /// `Ambigua` when notes of several invoices have that id and none is named; of tables and log; `Ilegible`.
    pub fn nota(&self, factura: Option<&Id>, nota: &Id) -> Una {
        if let Some(factura) = factura {
            return self.nota_de(&clave_nota(factura, nota));
        }
        let rows = self.tables.slice(&NOTAS_POR_ID, &[id_value(nota)], &From::Start, false, 2)?;
        match &rows[..] {
            [] => Ok(None),
            [una] => self.nota_de(&clave_nota(&Columns::new(&NOTAS_POR_ID, una).id("factura_id")?, nota)),
            _ => Err(ConsultaError::Ambigua(format!(
                "varias facturas tienen una nota con id «{nota}»: pídala por /api/v1/facturas/{{factura}}/notas-credito/{nota}"
            ))),
        }
    }

    fn nota_de(&self, clave: &Id) -> Una {
        let Some(row) = self.tables.get(&NOTAS, &[id_value(clave)])? else { return Ok(None) };
        let columns = Columns::new(&NOTAS, &row);
        let marks = Marks::read(&columns)?;
        let Some(estado) = columns.optional_text("estado")? else { return Ok(None) };
        let mut campos = Map::new();
        campos.insert("id".to_owned(), Value::String(columns.text("nota_id")?.to_string()));
        campos.insert("factura_id".to_owned(), Value::String(columns.text("factura_id")?.to_string()));
        campos.insert("estado".to_owned(), Value::String(estado.to_string()));
        if let Some(lugar) = columns.optional_int("documento_particion")?.zip(columns.optional_int("documento_posicion")?) {
            campos.extend(self.nota_emitida(lugar)?);
        } else if let Some(borrador) = columns.optional_text("borrador")? {
            campos.insert("numero".to_owned(), json::texto_opcional(columns.optional_text("numero")?));
            de_borrador(borrador, &mut campos)?;
        }
        json::unir(&mut campos, marcas(&marks));
        Ok(Some(Value::Object(campos)))
    }

    fn nota_emitida(&self, (particion, posicion): (u64, Position)) -> Result<Map<String, Value>, ConsultaError> {
        let particion = particion_de(Topic::Eventos(Contexto::Facturacion), particion)?;
        match self.evento(particion, posicion)?.evento {
            Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(emitida)) => Ok(json::nota_emitida(&emitida)),
            otro => Err(ConsultaError::Ilegible(format!("la nota guardada es {}", otro.tipo()))),
        }
    }

    /// The notes of an invoice, oldest first. An unknown invoice has none.
    ///
    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of the tables.
    pub fn notas_de_factura(&self, factura: &Id, pagina: &Pagina) -> Varias {
        let limite = pagina.limite()?;
        let huella = huella("notas-factura", &[factura.as_str()]);
        let desde = match &pagina.despues {
            None => From::Start,
            Some(texto) => {
                let mut lector = Lector::new(huella, texto)?;
                let creado_en = Valor::Timestamp(Instante(lector.entero()?));
                From::After(vec![creado_en, id_value(&lector.id()?)])
            }
        };
        let mut rows = self.tables.slice(&NOTAS_POR_FACTURA, &[id_value(factura)], &desde, false, limite + 1)?;
        let tiene_mas = rows.len() > limite;
        rows.truncate(limite);
        let despues = match rows.last() {
            Some(row) if tiene_mas => {
                let columns = Columns::new(&NOTAS_POR_FACTURA, row);
                let escritor = Escritor::default().entero(columns.timestamp("creado_en")?.micros());
                Some(escritor.texto(columns.text("nota_id")?).terminar(huella))
            }
            _ => None,
        };
        let items = rows.iter().map(|row| {
            let columns = Columns::new(&NOTAS_POR_FACTURA, row);
            resumen(&columns, columns.text("nota_id")?, factura.as_str(), None)
        });
        Ok(PaginaDe { items: items.collect::<Result<_, _>>()?, despues, tiene_mas })
    }

    /// Notes newest first by issue day, both dates inclusive.
    ///
    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of the tables.
    pub fn notas(&self, (inicio, fin): (NaiveDate, NaiveDate), pagina: &Pagina) -> Varias {
        let limite = pagina.limite()?;
        let huella = huella("notas", &[&inicio.to_string(), &fin.to_string()]);
        let desde = pagina.despues.as_deref().map(|texto| Lugar::leer(huella, texto)).transpose()?;
        let mut rows: Vec<Row> = Vec::new();
        let primero = desde.as_ref().map_or(fin, |lugar| lugar.fecha);
        for anio in (inicio.year()..=primero.year()).rev() {
            let Some(ultimo) = NaiveDate::from_ymd_opt(anio, 12, 31) else { continue };
            let from = match &desde {
                Some(lugar) if lugar.fecha.year() == anio => lugar.tras(),
                _ => From::At(vec![Valor::Date(ultimo.min(fin))]),
            };
            let faltan = limite + 1 - rows.len();
            rows.extend(self.tables.slice(&NOTAS_LIBRO, &[text_value(&libro(ultimo))], &from, false, faltan)?);
            if rows.len() > limite {
                break;
            }
        }
        let dentro = |row: &Row| matches!(row.key.get(1), Some(Valor::Date(dia)) if *dia >= inicio);
        rows.truncate(rows.iter().take_while(|row| dentro(row)).count());
        let tiene_mas = rows.len() > limite;
        rows.truncate(limite);
        let despues = match rows.last() {
            Some(row) if tiene_mas => Some(Lugar::de_fila(&NOTAS_LIBRO, row, "clave")?.escribir(huella)),
            _ => None,
        };
        let items = rows.iter().map(|row| {
            let columns = Columns::new(&NOTAS_LIBRO, row);
            let clave = columns.text("clave")?;
            let (factura, nota) = clave.split_once(':').unwrap_or(("", clave));
            resumen(&columns, nota, factura, Some(columns.date("fecha_emision")?))
        });
        Ok(PaginaDe { items: items.collect::<Result<_, _>>()?, despues, tiene_mas })
    }

    /// The account of a client in an interval, both days inclusive: invoices charge, notes and annulments give back, with the running
    /// balance from zero. Invoices that were not issued do not count.
    ///
    /// # Errors
    /// `Demasiado` when the interval has more than 2,000 documents of a kind; of the tables.
    pub fn estado_de_cuenta(&self, cliente: &Id, (inicio, fin): (NaiveDate, NaiveDate)) -> Una {
        let mut asientos: Vec<(NaiveDate, Instante, Decimal, Value)> = Vec::new();
        for row in self.documentos_de(&FACTURAS_POR_CLIENTE, cliente, (inicio, fin))? {
            let columns = Columns::new(&FACTURAS_POR_CLIENTE, &row);
            let anulada = match EstadoFactura::de_nombre(columns.text("estado")?) {
                Some(EstadoFactura::Emitida | EstadoFactura::EnAnulacion) => false,
                Some(EstadoFactura::Anulada) => true,
                _ => continue,
            };
            let total = columns.optional_decimal("total")?.unwrap_or_default();
            let documento = columns.text("factura_id")?.to_string();
            asientos.push(asiento(&columns, if anulada { "FACTURA_ANULADA" } else { "FACTURA" }, &documento, total, anulada)?);
        }
        for row in self.documentos_de(&NOTAS_POR_CLIENTE, cliente, (inicio, fin))? {
            let columns = Columns::new(&NOTAS_POR_CLIENTE, &row);
            let total = columns.optional_decimal("total")?.unwrap_or_default();
            let documento = columns.text("clave")?.to_string();
            asientos.push(asiento(&columns, "NOTA_CREDITO", &documento, -total, false)?);
        }
        asientos.sort_by_key(|(dia, creado_en, ..)| (*dia, *creado_en));
        let mut saldo = Decimal::ZERO;
        let movimientos: Value = asientos
            .into_iter()
            .map(|(_, _, monto, mut campos)| {
                saldo += monto;
                campos["saldo"] = dinero(saldo);
                campos
            })
            .collect();
        Ok(Some(json!({
            "cliente_id": cliente.as_str(),
            "fecha_inicio": fecha(inicio),
            "fecha_fin": fecha(fin),
            "movimientos": movimientos,
            "saldo": dinero(saldo),
        })))
    }

    fn documentos_de(
        &self,
        table: &'static Table,
        cliente: &Id,
        (inicio, fin): (NaiveDate, NaiveDate),
    ) -> Result<Vec<Row>, ConsultaError> {
        let from = From::At(vec![Valor::Date(fin)]);
        let mut rows = self.tables.slice(table, &[id_value(cliente)], &from, false, DOCUMENTOS_MAX + 1)?;
        let dentro = |row: &Row| matches!(row.key.get(1), Some(Valor::Date(dia)) if *dia >= inicio);
        rows.truncate(rows.iter().take_while(|row| dentro(row)).count());
        if rows.len() > DOCUMENTOS_MAX {
            let mensaje = format!("el intervalo tiene más de {DOCUMENTOS_MAX} documentos; pida uno más corto");
            return Err(ConsultaError::Demasiado(mensaje));
        }
        Ok(rows)
    }
}

fn asiento(
    columns: &Columns<'_>,
    tipo: &str,
    documento: &str,
    monto: Decimal,
    sin_efecto: bool,
) -> Result<(NaiveDate, Instante, Decimal, Value), ConsultaError> {
    let (dia, creado_en) = (columns.date("fecha_emision")?, columns.timestamp("creado_en")?);
    let efecto = if sin_efecto { Decimal::ZERO } else { monto };
    let campos = json!({
        "tipo": tipo,
        "documento": documento,
        "numero": columns.optional_text("numero")?.map(ToString::to_string),
        "fecha_emision": fecha(dia),
        "monto": dinero(monto),
        "efecto": dinero(efecto),
    });
    Ok((dia, creado_en, efecto, campos))
}

fn resumen(columns: &Columns<'_>, nota: &str, factura: &str, emision: Option<NaiveDate>) -> Result<Value, ConsultaError> {
    let mut campos = json!({
        "id": nota,
        "factura_id": factura,
        "version": columns.version(),
        "estado": columns.text("estado")?.to_string(),
        "numero": columns.optional_text("numero")?.map(ToString::to_string),
        "concepto": columns.text("concepto")?.to_string(),
        "moneda": columns.optional_text("moneda")?.map(ToString::to_string),
        "total": columns.optional_decimal("total")?.map(dinero),
        "cliente_id": columns.optional_text("cliente_id")?.map(ToString::to_string),
        "creado_en": columns.timestamp("creado_en")?.rfc3339(),
    });
    if let Some(dia) = emision {
        campos["fecha_emision"] = fecha(dia);
    }
    Ok(campos)
}

/// The draft in the shape of the issued document: its head at the top level.
fn de_borrador(texto: &str, campos: &mut Map<String, Value>) -> Result<(), ConsultaError> {
    let ilegible = |e: serde_json::Error| ConsultaError::Ilegible(format!("el borrador de la nota: {e}"));
    let borrador: Map<String, Value> = serde_json::from_str(texto).map_err(ilegible)?;
    for (nombre, valor) in borrador {
        match nombre.as_str() {
            "cabecera" => json::unir(campos, valor),
            _ => {
                campos.insert(nombre, valor);
            }
        }
    }
    Ok(())
}
