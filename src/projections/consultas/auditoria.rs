//! The audit: the story of an invoice, of a flow, of a stretch of time.

use serde_json::{Map, Value, json};

use super::{
    ConsultaError, Consultas, Pagina, PaginaDe, Varias,
    cursor::{Escritor, Lector, huella},
};
use crate::{
    contracts::{ComandoRechazado, ConsultaRealizada, RecordedEvent, RegistroAuditoria},
    domain::valores::{Id, Instante},
    log::Topic,
    projections::{
        auditoria::{
            AUDITORIA, AUDITORIA_HORAS, AUDITORIA_POR_CORRELACION, AUDITORIA_POR_TIEMPO, LIBRO_HORAS, ORIGEN_API,
            ORIGEN_PROCESADOR, hora_de,
        },
        json,
        rows::{Columns, id_value, text_value},
    },
    tables::{From, Row, Value as Valor},
};

/// Histories of one correlation id, at most; a flow touches a handful.
const SUJETOS_MAX: usize = 1_000;

/// Hours of the index read at a time.
const LOTE_HORAS: usize = 64;

/// Place of a record: time, then topic, partition and position. The same order everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lugar {
    ocurrido_en: Instante,
    tema: i64,
    particion: i64,
    posicion: i64,
}

impl Lugar {
    fn de_columnas(columns: &Columns<'_>) -> Result<Self, ConsultaError> {
        let entero = |nombre| columns.int(nombre).map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        Ok(Self {
            ocurrido_en: columns.timestamp("ocurrido_en")?,
            tema: entero("tema")?,
            particion: entero("particion")?,
            posicion: entero("posicion")?,
        })
    }

    fn leer(huella: u32, texto: &str) -> Result<Self, ConsultaError> {
        let mut lector = Lector::new(huella, texto)?;
        let ocurrido_en = Instante(lector.entero()?);
        Ok(Self { ocurrido_en, tema: lector.entero()?, particion: lector.entero()?, posicion: lector.entero()? })
    }

    fn escribir(&self, huella: u32) -> String {
        let escritor = Escritor::default().entero(self.ocurrido_en.micros()).entero(self.tema);
        escritor.entero(self.particion).entero(self.posicion).terminar(huella)
    }

    fn valores(&self) -> Vec<Valor> {
        vec![Valor::Timestamp(self.ocurrido_en), Valor::Int(self.tema), Valor::Int(self.particion), Valor::Int(self.posicion)]
    }
}

/// Where to start: after a cursor, or at an instant.
fn desde_lugar(despues: Option<&Lugar>, desde: Option<Instante>) -> From {
    match (despues, desde) {
        (Some(lugar), _) => From::After(lugar.valores()),
        (None, Some(instante)) => From::At(vec![Valor::Timestamp(instante)]),
        (None, None) => From::Start,
    }
}

impl Consultas {
    /// Everything recorded about an invoice, in order of time: its events, those of stock and numbering that serve it, refused
    /// commands, queries. An unknown invoice has an empty list.
    ///
    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of the tables, `Ilegible`.
    pub fn auditoria_de_factura(&self, id: &Id, pagina: &Pagina) -> Varias {
        let limite = pagina.limite()?;
        let huella = huella("auditoria_factura", &[id.as_str()]);
        let despues = pagina.despues.as_deref().map(|texto| Lugar::leer(huella, texto)).transpose()?;
        let from = desde_lugar(despues.as_ref(), None);
        let rows = self.tables.slice(&AUDITORIA, &[id_value(id)], &from, false, limite + 1)?;
        let filas = rows.into_iter().map(con_lugar).collect::<Result<_, _>>()?;
        self.pagina_de_auditoria(filas, limite, huella)
    }

    /// Records of a flow (`correlation_id`) or, without one, of everybody, between two instants, both inclusive, in order of time.
    ///
    /// # Errors
    /// `IntervaloInvertido`, `LimiteInvalido`, `CursorInvalido`, of the tables, `Ilegible`.
    pub fn auditoria(
        &self,
        correlation_id: Option<&Id>,
        desde: Option<Instante>,
        hasta: Option<Instante>,
        pagina: &Pagina,
    ) -> Varias {
        let limite = pagina.limite()?;
        if let (Some(desde), Some(hasta)) = (desde, hasta)
            && desde > hasta
        {
            return Err(ConsultaError::IntervaloInvertido { desde: desde.rfc3339(), hasta: hasta.rfc3339() });
        }
        let instante = |i: Option<Instante>| i.map(|i| i.micros().to_string()).unwrap_or_default();
        let correlacion = correlation_id.map_or("", Id::as_str);
        let huella = huella("auditoria", &[correlacion, &instante(desde), &instante(hasta)]);
        let despues = pagina.despues.as_deref().map(|texto| Lugar::leer(huella, texto)).transpose()?;
        let tramo = Tramo { despues, desde, hasta, limite: limite + 1 };
        let filas = match correlation_id {
            Some(correlacion) => self.de_correlacion(correlacion, &tramo)?,
            None => self.de_tiempo(&tramo)?,
        };
        self.pagina_de_auditoria(filas, limite, huella)
    }

    fn de_correlacion(&self, correlacion: &Id, tramo: &Tramo) -> Result<Vec<(Lugar, Row)>, ConsultaError> {
        let sujetos = self.tables.slice(&AUDITORIA_POR_CORRELACION, &[id_value(correlacion)], &From::Start, false, SUJETOS_MAX)?;
        let mut filas = Vec::new();
        for sujeto in &sujetos {
            let sujeto = Columns::new(&AUDITORIA_POR_CORRELACION, sujeto).text("sujeto")?.clone();
            filas.extend(self.de_sujeto(&sujeto, correlacion, tramo)?);
        }
        filas.sort_by(|a, b| a.0.cmp(&b.0));
        filas.truncate(tramo.limite);
        Ok(filas)
    }

    /// The first records of one history that belong to the flow: a stock's history holds those of many flows.
    fn de_sujeto(&self, sujeto: &str, correlacion: &Id, tramo: &Tramo) -> Result<Vec<(Lugar, Row)>, ConsultaError> {
        let mut from = desde_lugar(tramo.despues.as_ref(), tramo.desde);
        let mut filas = Vec::new();
        loop {
            let rows = self.tables.slice(&AUDITORIA, &[text_value(sujeto)], &from, false, LOTE_REGISTROS)?;
            let leidas = rows.len();
            for row in rows {
                let (lugar, row) = con_lugar(row)?;
                if tramo.hasta.is_some_and(|hasta| lugar.ocurrido_en > hasta) || filas.len() >= tramo.limite {
                    return Ok(filas);
                }
                from = From::After(lugar.valores());
                let suya = Columns::new(&AUDITORIA, &row).text("correlation_id")?.as_ref() == correlacion.as_str();
                if suya {
                    filas.push((lugar, row));
                }
            }
            if leidas < LOTE_REGISTROS {
                return Ok(filas);
            }
        }
    }

    fn de_tiempo(&self, tramo: &Tramo) -> Result<Vec<(Lugar, Row)>, ConsultaError> {
        let inicio = tramo.despues.as_ref().map(|lugar| lugar.ocurrido_en).or(tramo.desde);
        let mut from = inicio.map_or(From::Start, |i| From::At(vec![Valor::Timestamp(hora_de(i))]));
        let mut filas = Vec::new();
        loop {
            let horas = self.tables.slice(&AUDITORIA_HORAS, &[text_value(LIBRO_HORAS)], &from, false, LOTE_HORAS)?;
            for hora in &horas {
                let hora = Columns::new(&AUDITORIA_HORAS, hora).timestamp("hora")?;
                if tramo.hasta.is_some_and(|hasta| hora > hasta) || !self.de_hora(hora, tramo, &mut filas)? {
                    return Ok(filas);
                }
                from = From::After(vec![Valor::Timestamp(hora)]);
            }
            if horas.len() < LOTE_HORAS {
                return Ok(filas);
            }
        }
    }

    /// Adds the records of an hour; says whether to go on with the next.
    fn de_hora(&self, hora: Instante, tramo: &Tramo, filas: &mut Vec<(Lugar, Row)>) -> Result<bool, ConsultaError> {
        let faltan = tramo.limite - filas.len();
        let from = desde_lugar(tramo.despues.as_ref(), tramo.desde);
        let punteros = self.tables.slice(&AUDITORIA_POR_TIEMPO, &[Valor::Timestamp(hora)], &from, false, faltan)?;
        for puntero in &punteros {
            let columns = Columns::new(&AUDITORIA_POR_TIEMPO, puntero);
            let lugar = Lugar::de_columnas(&columns)?;
            if tramo.hasta.is_some_and(|hasta| lugar.ocurrido_en > hasta) {
                return Ok(false);
            }
            let mut key = vec![Valor::Text(columns.text("sujeto")?.clone())];
            key.extend(lugar.valores());
            if let Some(row) = self.tables.get(&AUDITORIA, &key)? {
                filas.push((lugar, row));
            }
        }
        Ok(filas.len() < tramo.limite)
    }

    fn pagina_de_auditoria(&self, mut filas: Vec<(Lugar, Row)>, limite: usize, huella: u32) -> Varias {
        let tiene_mas = filas.len() > limite;
        filas.truncate(limite);
        let despues = filas.last().filter(|_| tiene_mas).map(|(lugar, _)| lugar.escribir(huella));
        let items = filas.iter().map(|(lugar, row)| self.registro(lugar, row)).collect::<Result<_, _>>()?;
        Ok(PaginaDe { items, despues, tiene_mas })
    }

    fn registro(&self, lugar: &Lugar, row: &Row) -> Result<Value, ConsultaError> {
        let columns = Columns::new(&AUDITORIA, row);
        let tema = u16::try_from(lugar.tema).ok().and_then(Topic::de_codigo);
        let tema = tema.ok_or_else(|| ConsultaError::Ilegible(format!("tema {} desconocido", lugar.tema)))?;
        let bytes = columns.optional_bytes("payload")?.map_or(&[][..], |b| &b[..]);
        let (cabeza, payload) = match tema {
            Topic::Auditoria => match self.decoder.audit(bytes).map_err(ConsultaError::Ilegible)? {
                RegistroAuditoria::Rechazo(rechazo) => (cabeza_rechazo(&rechazo), json::cuerpo_de_rechazo(&rechazo)),
                RegistroAuditoria::Consulta(consulta) => (cabeza_consulta(&consulta), json::cuerpo_de_consulta(&consulta)),
            },
            _ => {
                let event = self.decoder.event(bytes).map_err(ConsultaError::Ilegible)?;
                (cabeza_evento(&event), json::cuerpo_de_evento(&event.evento))
            }
        };
        let mut campos = Map::new();
        campos.insert("timestamp".to_owned(), Value::String(lugar.ocurrido_en.rfc3339()));
        campos.insert("evento".to_owned(), Value::String(columns.text("evento")?.to_string()));
        campos.insert("factura_id".to_owned(), json::texto_opcional(columns.optional_text("factura_id")?));
        campos.insert("correlation_id".to_owned(), Value::String(columns.text("correlation_id")?.to_string()));
        json::unir(&mut campos, cabeza);
        let origen = json!({ "tema": tema.nombre(), "particion": lugar.particion, "posicion": lugar.posicion });
        campos.insert("origen".to_owned(), origen);
        campos.insert("payload".to_owned(), payload);
        Ok(Value::Object(campos))
    }
}

/// Records of a history read at a time.
const LOTE_REGISTROS: usize = 128;

struct Tramo {
    despues: Option<Lugar>,
    desde: Option<Instante>,
    hasta: Option<Instante>,
    limite: usize,
}

fn con_lugar(row: Row) -> Result<(Lugar, Row), ConsultaError> {
    let lugar = Lugar::de_columnas(&Columns::new(&AUDITORIA, &row))?;
    Ok((lugar, row))
}

fn cabeza_evento(event: &RecordedEvent) -> Value {
    let sobre = &event.sobre;
    json!({
        "event_id": sobre.event_id.to_string(),
        "servicio_origen": &*sobre.servicio_origen,
        "agregado": {
            "tipo": sobre.aggregate_tipo.nombre(),
            "id": sobre.aggregate_id.as_str(),
            "version": sobre.aggregate_version,
        },
        "command_id": sobre.command_id.as_str(),
        "causation_id": &*sobre.causation_id,
        "usuario": json::texto_opcional(sobre.usuario.as_ref()),
    })
}

fn cabeza_rechazo(rechazo: &ComandoRechazado) -> Value {
    json!({
        "event_id": rechazo.event_id.to_string(),
        "servicio_origen": ORIGEN_PROCESADOR,
        "agregado": {
            "tipo": rechazo.aggregate_tipo.nombre(),
            "id": rechazo.aggregate_id.as_str(),
            "version": rechazo.aggregate_version,
        },
        "command_id": rechazo.command_id.as_str(),
        "usuario": json::texto_opcional(rechazo.usuario.as_ref()),
    })
}

fn cabeza_consulta(consulta: &ConsultaRealizada) -> Value {
    json!({
        "event_id": consulta.event_id.to_string(),
        "servicio_origen": ORIGEN_API,
        "usuario": json::texto_opcional(consulta.usuario.as_ref()),
    })
}
