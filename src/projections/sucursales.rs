//! `sucursales`: the branches, by id.

use std::sync::Arc;

use super::{
    aggregate::{AggregateFold, AggregateModel},
    projection::ProjectionSpec,
    rows::{Columns, boolean, optional_text, text, timestamp},
};
use crate::{
    domain::{
        Contexto, Evento, TipoAgregado,
        catalogo::sucursal::{DatosSucursal, Sucursal, evolucionar},
        valores::{Direccion, Id},
    },
    log::Topic,
    tables::{Table, TablesError, Value, Write},
};

pub static SUCURSALES: Table = Table {
    name: "sucursales",
    doc: "Una sucursal por su id; la lista entera por barrido.",
    partition: &[text("sucursal_id")],
    clustering: &[],
    columns: &[
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

pub static SUCURSALES_SPEC: ProjectionSpec = ProjectionSpec {
    name: "sucursales",
    doc: "Catálogo de sucursales",
    tables: &[&SUCURSALES],
    topics: &[Topic::Eventos(Contexto::Catalogo)],
    fresh: AggregateFold::<SucursalModel>::boxed,
};

pub struct SucursalModel;

impl AggregateModel for SucursalModel {
    type State = Sucursal;
    type Keys = ();
    const TIPO: TipoAgregado = TipoAgregado::Sucursal;
    const TABLE: &'static Table = &SUCURSALES;

    fn evolve(state: &mut Option<Sucursal>, evento: &Evento) {
        if let Evento::Sucursal(evento) = evento {
            evolucionar(state, evento);
        }
    }

    fn values(state: Option<&Sucursal>) -> Vec<Value> {
        let Some(sucursal) = state else { return vec![Value::Null; SUCURSALES.columns.len() - 4] };
        let mut values = vec![Value::Text(Arc::clone(&sucursal.datos.nombre))];
        values.extend(address_values(sucursal.datos.direccion.as_ref()));
        values.push(Value::Bool(sucursal.activa));
        values
    }

    fn read(id: &Id, columns: &Columns<'_>) -> Result<Option<Sucursal>, TablesError> {
        let Some(nombre) = columns.optional_text("nombre")? else { return Ok(None) };
        let datos = DatosSucursal { nombre: Arc::clone(nombre), direccion: read_address(columns)? };
        Ok(Some(Sucursal { sucursal_id: id.clone(), datos, activa: columns.boolean("activa")? }))
    }

    fn index_keys(_state: Option<&Sucursal>) {}

    fn index_writes(_id: &Id, (): (), (): (), _version: u64, _out: &mut Vec<Write>) {}
}

/// The four columns of an optional address.
pub(super) fn address_values(direccion: Option<&Direccion>) -> [Value; 4] {
    [
        optional_text(direccion.map(|d| &d.linea)),
        optional_text(direccion.and_then(|d| d.ciudad.as_ref())),
        optional_text(direccion.and_then(|d| d.region.as_ref())),
        optional_text(direccion.and_then(|d| d.pais.as_ref())),
    ]
}

pub(super) fn read_address(columns: &Columns<'_>) -> Result<Option<Direccion>, TablesError> {
    let Some(linea) = columns.optional_text("direccion")? else { return Ok(None) };
    Ok(Some(Direccion {
        linea: Arc::clone(linea),
        ciudad: columns.optional_text("ciudad")?.cloned(),
        region: columns.optional_text("region")?.cloned(),
        pais: columns.optional_text("pais")?.cloned(),
    }))
}
