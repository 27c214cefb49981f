//! `bodegas`: the warehouses, by id.

use std::sync::Arc;

use super::{
    aggregate::{AggregateFold, AggregateModel},
    projection::ProjectionSpec,
    rows::{Columns, boolean, id_value, text, timestamp},
    sucursales::{address_values, read_address},
};
use crate::{
    domain::{
        Contexto, Evento, TipoAgregado,
        catalogo::bodega::{Bodega, DatosBodega, evolucionar},
        valores::Id,
    },
    log::Topic,
    tables::{Table, TablesError, Value, Write},
};

pub static BODEGAS: Table = Table {
    name: "bodegas",
    doc: "Una bodega por su id; la lista entera por barrido.",
    partition: &[text("bodega_id")],
    clustering: &[],
    columns: &[
        text("sucursal_id"),
        text("nombre"),
        text("direccion"),
        text("ciudad"),
        text("region"),
        text("pais"),
        boolean("activa"),
        timestamp("creado_en"),
        timestamp("actualizado_en"),
        boolean("incompleta"),
        boolean("cuarentena"),
    ],
};

pub static BODEGAS_SPEC: ProjectionSpec = ProjectionSpec {
    name: "bodegas",
    doc: "Catálogo de bodegas",
    tables: &[&BODEGAS],
    topics: &[Topic::Eventos(Contexto::Catalogo)],
    fresh: AggregateFold::<BodegaModel>::boxed,
};

pub struct BodegaModel;

impl AggregateModel for BodegaModel {
    type State = Bodega;
    type Keys = ();
    const TIPO: TipoAgregado = TipoAgregado::Bodega;
    const TABLE: &'static Table = &BODEGAS;

    fn evolve(state: &mut Option<Bodega>, evento: &Evento) {
        if let Evento::Bodega(evento) = evento {
            evolucionar(state, evento);
        }
    }

    fn values(state: Option<&Bodega>) -> Vec<Value> {
        let Some(bodega) = state else { return vec![Value::Null; BODEGAS.columns.len() - 4] };
        let mut values = vec![id_value(&bodega.datos.sucursal_id), Value::Text(Arc::clone(&bodega.datos.nombre))];
        values.extend(address_values(bodega.datos.direccion.as_ref()));
        values.push(Value::Bool(bodega.activa));
        values
    }

    fn read(id: &Id, columns: &Columns<'_>) -> Result<Option<Bodega>, TablesError> {
        let Some(sucursal_id) = columns.optional_id("sucursal_id")? else { return Ok(None) };
        let nombre = Arc::clone(columns.text("nombre")?);
        let datos = DatosBodega { sucursal_id, nombre, direccion: read_address(columns)? };
        Ok(Some(Bodega { bodega_id: id.clone(), datos, activa: columns.boolean("activa")? }))
    }

    fn index_keys(_state: Option<&Bodega>) {}

    fn index_writes(_id: &Id, (): (), (): (), _version: u64, _out: &mut Vec<Write>) {}
}
