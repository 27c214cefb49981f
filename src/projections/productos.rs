//! `productos`: the catalogue of products, by id.

use std::sync::Arc;

use super::{
    aggregate::{AggregateFold, AggregateModel},
    projection::ProjectionSpec,
    rows::{Columns, boolean, decimal, optional_text, text, timestamp},
};
use crate::{
    domain::{
        Contexto, Evento, TipoAgregado,
        catalogo::producto::{DatosProducto, Impuesto, Producto, evolucionar},
        valores::{Id, Porcentaje, PrecioUnitario},
    },
    log::Topic,
    tables::{Table, TablesError, Value, Write},
};

pub static PRODUCTOS: Table = Table {
    name: "productos",
    doc: "Un producto por su id; la lista entera por barrido.",
    partition: &[text("producto_id")],
    clustering: &[],
    columns: &[
        text("codigo"),
        text("nombre"),
        text("unidad"),
        decimal("precio"),
        text("impuesto_codigo"),
        decimal("impuesto_tarifa"),
        boolean("controla_inventario"),
        text("codigo_estandar"),
        text("esquema_codigo"),
        boolean("activo"),
        timestamp("creado_en"),
        timestamp("actualizado_en"),
        boolean("incompleta"),
        boolean("cuarentena"),
    ],
};

pub static PRODUCTOS_SPEC: ProjectionSpec = ProjectionSpec {
    name: "productos",
    doc: "Catálogo de productos",
    tables: &[&PRODUCTOS],
    topics: &[Topic::Eventos(Contexto::Catalogo)],
    fresh: AggregateFold::<ProductoModel>::boxed,
};

pub struct ProductoModel;

impl AggregateModel for ProductoModel {
    type State = Producto;
    type Keys = ();
    const TIPO: TipoAgregado = TipoAgregado::Producto;
    const TABLE: &'static Table = &PRODUCTOS;

    fn evolve(state: &mut Option<Producto>, evento: &Evento) {
        if let Evento::Producto(evento) = evento {
            evolucionar(state, evento);
        }
    }

    fn values(state: Option<&Producto>) -> Vec<Value> {
        let Some(producto) = state else { return vec![Value::Null; PRODUCTOS.columns.len() - 4] };
        let datos = &producto.datos;
        let impuesto = datos.impuesto.as_ref();
        vec![
            Value::Text(Arc::clone(&datos.codigo)),
            Value::Text(Arc::clone(&datos.nombre)),
            Value::Text(Arc::clone(&datos.unidad)),
            Value::Decimal(datos.precio.valor()),
            optional_text(impuesto.map(|i| &i.codigo)),
            impuesto.map_or(Value::Null, |i| Value::Decimal(i.tarifa.valor())),
            Value::Bool(datos.controla_inventario),
            optional_text(datos.codigo_estandar.as_ref()),
            optional_text(datos.esquema_codigo.as_ref()),
            Value::Bool(producto.activo),
        ]
    }

    fn read(id: &Id, columns: &Columns<'_>) -> Result<Option<Producto>, TablesError> {
        let Some(codigo) = columns.optional_text("codigo")? else { return Ok(None) };
        let impuesto = match columns.optional_text("impuesto_codigo")? {
            Some(codigo) => {
                Some(Impuesto { codigo: Arc::clone(codigo), tarifa: columns.limited("impuesto_tarifa", Porcentaje::nuevo)? })
            }
            None => None,
        };
        let datos = DatosProducto {
            codigo: Arc::clone(codigo),
            nombre: Arc::clone(columns.text("nombre")?),
            unidad: Arc::clone(columns.text("unidad")?),
            precio: columns.limited("precio", PrecioUnitario::nuevo)?,
            impuesto,
            controla_inventario: columns.boolean("controla_inventario")?,
            codigo_estandar: columns.optional_text("codigo_estandar")?.cloned(),
            esquema_codigo: columns.optional_text("esquema_codigo")?.cloned(),
        };
        Ok(Some(Producto { producto_id: id.clone(), datos, activo: columns.boolean("activo")? }))
    }

    fn index_keys(_state: Option<&Producto>) {}

    fn index_writes(_id: &Id, (): (), (): (), _version: u64, _out: &mut Vec<Write>) {}
}
