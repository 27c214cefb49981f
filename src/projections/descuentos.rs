//! `descuentos`: the discounts, by id.

use std::sync::Arc;

use super::{
    aggregate::{AggregateFold, AggregateModel},
    projection::ProjectionSpec,
    rows::{Columns, boolean, date, decimal, optional_date, optional_text, text, text_value, timestamp},
};
use crate::{
    domain::{
        Contexto, Evento, TipoAgregado,
        catalogo::descuento::{AmbitoDescuento, DatosDescuento, Descuento, ValorDescuento, evolucionar},
        valores::{Dinero, Id, Porcentaje},
    },
    log::Topic,
    tables::{Table, TablesError, Value, Write},
};

pub static DESCUENTOS: Table = Table {
    name: "descuentos",
    doc: "Un descuento por su id; la lista entera por barrido.",
    partition: &[text("descuento_id")],
    clustering: &[],
    columns: &[
        text("nombre"),
        text("ambito"),
        decimal("porcentaje"),
        decimal("monto"),
        date("vigente_desde"),
        date("vigente_hasta"),
        boolean("activo"),
        timestamp("creado_en"),
        timestamp("actualizado_en"),
        boolean("incompleta"),
        boolean("cuarentena"),
    ],
};

pub static DESCUENTOS_SPEC: ProjectionSpec = ProjectionSpec {
    name: "descuentos",
    doc: "Catálogo de descuentos",
    tables: &[&DESCUENTOS],
    topics: &[Topic::Eventos(Contexto::Catalogo)],
    fresh: AggregateFold::<DescuentoModel>::boxed,
};

pub struct DescuentoModel;

impl AggregateModel for DescuentoModel {
    type State = Descuento;
    type Keys = ();
    const TIPO: TipoAgregado = TipoAgregado::Descuento;
    const TABLE: &'static Table = &DESCUENTOS;

    fn evolve(state: &mut Option<Descuento>, evento: &Evento) {
        if let Evento::Descuento(evento) = evento {
            evolucionar(state, evento);
        }
    }

    fn values(state: Option<&Descuento>) -> Vec<Value> {
        let Some(descuento) = state else { return vec![Value::Null; DESCUENTOS.columns.len() - 4] };
        let datos = &descuento.datos;
        let (porcentaje, monto) = match datos.valor {
            ValorDescuento::Porcentaje(p) => (Value::Decimal(p.valor()), Value::Null),
            ValorDescuento::Monto(m) => (Value::Null, Value::Decimal(m.valor())),
        };
        vec![
            optional_text(datos.nombre.as_ref()),
            text_value(datos.ambito.nombre()),
            porcentaje,
            monto,
            Value::Date(datos.vigente_desde),
            optional_date(datos.vigente_hasta),
            Value::Bool(descuento.activo),
        ]
    }

    fn read(id: &Id, columns: &Columns<'_>) -> Result<Option<Descuento>, TablesError> {
        let Some(ambito) = columns.optional_text("ambito")? else { return Ok(None) };
        let corrupt = |what: &str| TablesError::Corrupt { table: DESCUENTOS.name, what: what.to_owned() };
        let valor = match columns.optional_decimal("porcentaje")? {
            Some(_) => ValorDescuento::Porcentaje(columns.limited("porcentaje", Porcentaje::nuevo)?),
            None => ValorDescuento::Monto(columns.limited("monto", Dinero::nuevo)?),
        };
        let datos = DatosDescuento {
            nombre: columns.optional_text("nombre")?.map(Arc::clone),
            ambito: AmbitoDescuento::de_nombre(ambito).ok_or_else(|| corrupt("ámbito desconocido"))?,
            valor,
            vigente_desde: columns.date("vigente_desde")?,
            vigente_hasta: columns.optional_date("vigente_hasta")?,
        };
        Ok(Some(Descuento { descuento_id: id.clone(), datos, activo: columns.boolean("activo")? }))
    }

    fn index_keys(_state: Option<&Descuento>) {}

    fn index_writes(_id: &Id, (): (), (): (), _version: u64, _out: &mut Vec<Write>) {}
}
