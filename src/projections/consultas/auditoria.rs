//! The audit: the story of an invoice, of a flow, of a stretch of time. Rows say where; what is shown is read from the log.

use serde_json::{Map, Value, json};

use super::{
    ConsultaError, Consultas, Pagina, PaginaDe, Varias,
    auditoria_tiempo::Tramo,
    cursor::{Escritor, Lector, huella},
    origen::particion_de,
};
use crate::{
    contracts::{ComandoRechazado, ConsultaRealizada, RecordedEvent, RegistroAuditoria},
    domain::valores::{Id, Instante},
    log::{Position, Topic, TopicPartition},
    projections::{
        auditoria::{AUDITORIA, AUDITORIA_POR_CORRELACION, ORIGEN_API, ORIGEN_PROCESADOR, Registro, huella_de_flujo},
        json,
        projection::Content,
        rows::{Columns, id_value, int_value, text_value},
    },
    tables::{From, Row, Value as Valor},
};

/// Histories of one correlation id, at most; a flow touches a handful.
const SUJETOS_MAX: usize = 1_000;

/// Place of a record: time, then topic, partition and position. The same order everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lugar {
    pub ocurrido_en: Instante,
    pub particion: TopicPartition,
    pub posicion: Position,
}

/// Places on the log, the cursor of the next page, and whether there is one.
pub type LugaresLeidos = (Vec<(TopicPartition, Position)>, Option<String>, bool);

/// A record and its place.
pub(super) type Leido = (Lugar, Content);

impl Lugar {
    fn de_fila(row: &Row) -> Result<Self, ConsultaError> {
        let columns = Columns::new(&AUDITORIA, row);
        let tema = tema_de(columns.int("tema")?)?;
        Ok(Self {
            ocurrido_en: columns.timestamp("ocurrido_en")?,
            particion: particion_de(tema, columns.int("particion")?)?,
            posicion: columns.int("posicion")?,
        })
    }

    fn leer(huella: u32, texto: &str) -> Result<Self, ConsultaError> {
        let mut lector = Lector::new(huella, texto)?;
        let ocurrido_en = Instante(lector.entero()?);
        let mut natural = || lector.entero().and_then(|n| u64::try_from(n).map_err(|_| ConsultaError::CursorInvalido));
        let tema = tema_de(natural()?).map_err(|_| ConsultaError::CursorInvalido)?;
        let particion = particion_de(tema, natural()?).map_err(|_| ConsultaError::CursorInvalido)?;
        Ok(Self { ocurrido_en, particion, posicion: natural()? })
    }

    fn escribir(&self, huella: u32) -> String {
        let escritor = Escritor::default().entero(self.ocurrido_en.micros()).entero(self.particion.topic.codigo().into());
        let posicion = i64::try_from(self.posicion).unwrap_or(i64::MAX);
        escritor.entero(self.particion.partition.into()).entero(posicion).terminar(huella)
    }

    fn valores(&self) -> Vec<Valor> {
        vec![
            Valor::Timestamp(self.ocurrido_en),
            Valor::Int(self.particion.topic.codigo().into()),
            Valor::Int(self.particion.partition.into()),
            int_value(self.posicion),
        ]
    }
}

/// A topic as rows hold it.
///
/// # Errors
/// `Ilegible` when the number is that of none.
pub(super) fn tema_de(codigo: u64) -> Result<Topic, ConsultaError> {
    let tema = u16::try_from(codigo).ok().and_then(Topic::de_codigo);
    tema.ok_or_else(|| ConsultaError::Ilegible(format!("tema {codigo} desconocido")))
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
        let leer = |row| Lugar::de_fila(row).and_then(|lugar| self.leido(lugar));
        let registros = rows.iter().map(leer).collect::<Result<_, _>>()?;
        pagina_de_auditoria(registros, limite, huella)
    }

    /// Where on the log the records of [`Consultas::auditoria_de_factura`] are, with the cursor of the next page, and whether there is one.
    ///
    /// # Errors
    /// As [`Consultas::auditoria_de_factura`].
    pub fn lugares_de_auditoria(&self, id: &Id, pagina: &Pagina) -> Result<LugaresLeidos, ConsultaError> {
        let limite = pagina.limite()?;
        let huella = huella("auditoria_prueba", &[id.as_str()]);
        let despues = pagina.despues.as_deref().map(|texto| Lugar::leer(huella, texto)).transpose()?;
        let from = desde_lugar(despues.as_ref(), None);
        let rows = self.tables.slice(&AUDITORIA, &[id_value(id)], &from, false, limite + 1)?;
        let mut lugares = rows.iter().map(Lugar::de_fila).collect::<Result<Vec<_>, _>>()?;
        let tiene_mas = lugares.len() > limite;
        lugares.truncate(limite);
        let despues = lugares.last().filter(|_| tiene_mas).map(|lugar| lugar.escribir(huella));
        Ok((lugares.into_iter().map(|l| (l.particion, l.posicion)).collect(), despues, tiene_mas))
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
        let registros = match correlation_id {
            Some(correlacion) => self.de_correlacion(correlacion, &tramo)?,
            None => self.de_tiempo(&tramo)?,
        };
        pagina_de_auditoria(registros, limite, huella)
    }

    fn de_correlacion(&self, correlacion: &Id, tramo: &Tramo) -> Result<Vec<Leido>, ConsultaError> {
        let sujetos = self.tables.slice(&AUDITORIA_POR_CORRELACION, &[id_value(correlacion)], &From::Start, false, SUJETOS_MAX)?;
        let mut registros = Vec::new();
        for sujeto in &sujetos {
            let sujeto = Columns::new(&AUDITORIA_POR_CORRELACION, sujeto).text("sujeto")?.clone();
            registros.extend(self.de_sujeto(&sujeto, correlacion, tramo)?);
        }
        registros.sort_by(|a, b| a.0.cmp(&b.0));
        registros.truncate(tramo.limite);
        Ok(registros)
    }

    /// The first records of one history that belong to the flow: a stock's history holds those of many flows.
    fn de_sujeto(&self, sujeto: &str, correlacion: &Id, tramo: &Tramo) -> Result<Vec<Leido>, ConsultaError> {
        let mut from = desde_lugar(tramo.despues.as_ref(), tramo.desde);
        let flujo = huella_de_flujo(correlacion);
        let mut registros = Vec::new();
        loop {
            let rows = self.tables.slice(&AUDITORIA, &[text_value(sujeto)], &from, false, LOTE_REGISTROS)?;
            for row in &rows {
                let lugar = Lugar::de_fila(row)?;
                if tramo.hasta.is_some_and(|hasta| lugar.ocurrido_en > hasta) || registros.len() >= tramo.limite {
                    return Ok(registros);
                }
                from = From::After(lugar.valores());
                if row.values.first() != Some(&Valor::Int(flujo)) {
                    continue;
                }
                let leido = self.leido(lugar)?;
                if Registro::de(&leido.1).is_some_and(|registro| registro.correlation_id == correlacion) {
                    registros.push(leido);
                }
            }
            if rows.len() < LOTE_REGISTROS {
                return Ok(registros);
            }
        }
    }

    fn leido(&self, lugar: Lugar) -> Result<Leido, ConsultaError> {
        let content = self.contenido(lugar.particion, lugar.posicion)?;
        Ok((lugar, content))
    }
}

fn pagina_de_auditoria(mut registros: Vec<Leido>, limite: usize, huella: u32) -> Varias {
    let tiene_mas = registros.len() > limite;
    registros.truncate(limite);
    let despues = registros.last().filter(|_| tiene_mas).map(|(lugar, _)| lugar.escribir(huella));
    let items = registros.iter().map(|(lugar, content)| mostrar(lugar, content)).collect::<Result<_, _>>()?;
    Ok(PaginaDe { items, despues, tiene_mas })
}

fn mostrar(lugar: &Lugar, content: &Content) -> Result<Value, ConsultaError> {
    let (cabeza, payload) = match content {
        Content::Event(event) => (cabeza_evento(event), json::cuerpo_de_evento(&event.evento)),
        Content::Audit(registro) => match &**registro {
            RegistroAuditoria::Rechazo(rechazo) => (cabeza_rechazo(rechazo), json::cuerpo_de_rechazo(rechazo)),
            RegistroAuditoria::Consulta(consulta) => (cabeza_consulta(consulta), json::cuerpo_de_consulta(consulta)),
        },
        Content::Dlq(_) => return Err(no_auditado(lugar)),
    };
    let registro = Registro::de(content).ok_or_else(|| no_auditado(lugar))?;
    let (particion, posicion) = (lugar.particion, lugar.posicion);
    let mut campos = Map::new();
    campos.insert("timestamp".to_owned(), Value::String(lugar.ocurrido_en.rfc3339()));
    campos.insert("evento".to_owned(), Value::String(registro.evento.to_owned()));
    campos.insert("factura_id".to_owned(), registro.factura_id.map_or(Value::Null, |id| Value::String(id.to_owned())));
    campos.insert("correlation_id".to_owned(), Value::String(registro.correlation_id.to_string()));
    json::unir(&mut campos, cabeza);
    let origen = json!({ "tema": particion.topic.nombre(), "particion": particion.partition, "posicion": posicion });
    campos.insert("origen".to_owned(), origen);
    campos.insert("payload".to_owned(), payload);
    Ok(Value::Object(campos))
}

fn no_auditado(lugar: &Lugar) -> ConsultaError {
    ConsultaError::Ilegible(format!("{} {} no es un registro de auditoría", lugar.particion, lugar.posicion))
}

/// Records of a history read at a time.
const LOTE_REGISTROS: usize = 128;

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
