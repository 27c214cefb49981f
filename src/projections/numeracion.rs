//! `numeracion`: the ranges of document numbers and how far each has come.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    aggregate::{AggregateFold, AggregateModel},
    projection::ProjectionSpec,
    rows::{Columns, boolean, date, id_value, int, int_value, optional_date, optional_id, text, text_value, timestamp},
};
use crate::{
    domain::{
        Contexto, Evento, TipoAgregado,
        numeracion::{Autorizacion, RangoNumeracion, TipoDocumento, evolucionar},
        valores::Id,
    },
    log::Topic,
    tables::{Table, TablesError, Value, Write},
};

pub static NUMERACION: Table = Table {
    name: "numeracion",
    doc: "Un rango por su id (sucursal:tipo_documento:prefijo); la lista entera por barrido.",
    partition: &[text("rango_id")],
    clustering: &[],
    columns: &[
        text("sucursal_id"),
        text("tipo_documento"),
        text("prefijo"),
        int("desde"),
        int("hasta"),
        date("vigente_desde"),
        date("vigente_hasta"),
        text("resolucion"),
        date("fecha_resolucion"),
        int("siguiente"),
        int("ultimo_numero"),
        text("ultimo_documento"),
        text("inutilizados"),
        boolean("avisado"),
        timestamp("creado_en"),
        timestamp("actualizado_en"),
        boolean("incompleta"),
        boolean("cuarentena"),
    ],
};

pub static NUMERACION_SPEC: ProjectionSpec = ProjectionSpec {
    name: "numeracion",
    doc: "Rangos de numeración",
    tables: &[&NUMERACION],
    topics: &[Topic::Eventos(Contexto::Numeracion)],
    fresh: AggregateFold::<RangoModel>::boxed,
};

pub struct RangoModel;

impl AggregateModel for RangoModel {
    type State = RangoNumeracion;
    type Keys = ();
    const TIPO: TipoAgregado = TipoAgregado::RangoNumeracion;
    const TABLE: &'static Table = &NUMERACION;

    fn evolve(state: &mut Option<RangoNumeracion>, evento: &Evento) {
        if let Evento::Rango(evento) = evento {
            evolucionar(state, evento);
        }
    }

    fn values(state: Option<&RangoNumeracion>) -> Vec<Value> {
        let Some(rango) = state else { return vec![Value::Null; NUMERACION.columns.len() - 4] };
        let autorizacion = &rango.autorizacion;
        vec![
            id_value(&rango.sucursal_id),
            text_value(rango.tipo_documento.nombre()),
            Value::Text(Arc::clone(&rango.prefijo)),
            int_value(autorizacion.desde),
            int_value(autorizacion.hasta),
            Value::Date(autorizacion.vigente_desde),
            Value::Date(autorizacion.vigente_hasta),
            Value::Text(Arc::clone(&autorizacion.resolucion)),
            optional_date(autorizacion.fecha_resolucion),
            int_value(rango.siguiente),
            rango.recientes.back().map_or(Value::Null, |(_, numero)| int_value(*numero)),
            optional_id(rango.recientes.back().map(|(documento, _)| documento)),
            text_value(&juntar(&rango.inutilizados)),
            Value::Bool(rango.avisado),
        ]
    }

    /// Of the memory of numbered documents, which serves decisions, a row keeps the last one only: the fold needs no more.
    fn read(id: &Id, columns: &Columns<'_>) -> Result<Option<RangoNumeracion>, TablesError> {
        let Some(sucursal_id) = columns.optional_id("sucursal_id")? else { return Ok(None) };
        let tipo_documento = TipoDocumento::de_nombre(columns.text("tipo_documento")?)
            .ok_or_else(|| TablesError::Corrupt { table: NUMERACION.name, what: "tipo de documento desconocido".to_owned() })?;
        let autorizacion = Autorizacion {
            desde: columns.int("desde")?,
            hasta: columns.int("hasta")?,
            vigente_desde: columns.date("vigente_desde")?,
            vigente_hasta: columns.date("vigente_hasta")?,
            resolucion: Arc::clone(columns.text("resolucion")?),
            fecha_resolucion: columns.optional_date("fecha_resolucion")?,
        };
        let ultimo = columns.optional_id("ultimo_documento")?.zip(columns.optional_int("ultimo_numero")?);
        let resoluciones = vec![(autorizacion.desde, Arc::clone(&autorizacion.resolucion))];
        Ok(Some(RangoNumeracion {
            rango_id: id.clone(),
            sucursal_id,
            tipo_documento,
            prefijo: Arc::clone(columns.text("prefijo")?),
            autorizacion,
            siguiente: columns.int("siguiente")?,
            recientes: ultimo.iter().cloned().collect(),
            por_documento: ultimo.into_iter().collect(),
            avisado: columns.boolean("avisado")?,
            inutilizados: separar(columns.text("inutilizados")?),
            resoluciones,
        }))
    }

    fn index_keys(_state: Option<&RangoNumeracion>) {}

    fn index_writes(_id: &Id, (): (), (): (), _version: u64, _out: &mut Vec<Write>) {}
}

/// Voided numbers as the column holds them: `7,9`.
fn juntar(numeros: &BTreeSet<u64>) -> String {
    numeros.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

fn separar(texto: &str) -> BTreeSet<u64> {
    texto.split(',').filter_map(|numero| numero.parse().ok()).collect()
}
