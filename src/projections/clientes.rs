//! `clientes`: the catalogue of clients, by id, with indexes by identification and by mail.

use std::sync::Arc;

use super::{
    aggregate::{AggregateFold, AggregateModel},
    projection::ProjectionSpec,
    rows::{Columns, boolean, id_value, int, optional_text, text, text_value, timestamp},
};
use crate::{
    domain::{
        Contexto, Evento, TipoAgregado,
        catalogo::cliente::{Cliente, DatosCliente, EstadoFiscal, evolucionar},
        valores::{Direccion, Id, Identificacion, TipoIdentificacion},
    },
    log::Topic,
    tables::{Order, Row, Table, TablesError, Value, Write},
};

pub static CLIENTES: Table = Table {
    name: "clientes",
    doc: "Un cliente por su id; la lista entera por barrido.",
    partition: &[text("cliente_id")],
    clustering: &[],
    columns: &[
        text("nombre"),
        text("tipo_identificacion"),
        text("identificacion"),
        int("dv"),
        text("correo"),
        text("direccion"),
        text("ciudad"),
        text("region"),
        text("pais"),
        text("estado_fiscal"),
        text("tipo_persona"),
        text("responsabilidades"),
        text("municipio"),
        text("departamento"),
        boolean("activo"),
        boolean("suprimido"),
        timestamp("creado_en"),
        timestamp("actualizado_en"),
        boolean("incompleta"),
        boolean("cuarentena"),
    ],
};

pub static CLIENTES_POR_IDENTIFICACION: Table = Table {
    name: "clientes_por_identificacion",
    doc: "Los clientes que tienen un número de identificación.",
    partition: &[text("identificacion")],
    clustering: &[(text("cliente_id"), Order::Asc)],
    columns: &[],
};

pub static CLIENTES_POR_CORREO: Table = Table {
    name: "clientes_por_correo",
    doc: "Los clientes que tienen un correo, sin distinguir mayúsculas.",
    partition: &[text("correo")],
    clustering: &[(text("cliente_id"), Order::Asc)],
    columns: &[],
};

pub static CLIENTES_SUPRIMIDOS: Table = Table {
    name: "clientes_suprimidos",
    doc: "Los clientes cuyos datos personales se suprimieron; la lista entera por barrido.",
    partition: &[text("cliente_id")],
    clustering: &[],
    columns: &[],
};

pub static CLIENTES_SPEC: ProjectionSpec = ProjectionSpec {
    name: "clientes",
    doc: "Catálogo de clientes",
    tables: &[&CLIENTES, &CLIENTES_POR_IDENTIFICACION, &CLIENTES_POR_CORREO, &CLIENTES_SUPRIMIDOS],
    topics: &[Topic::Eventos(Contexto::Catalogo)],
    fresh: AggregateFold::<ClienteModel>::boxed,
};

pub struct ClienteModel;

/// Keys of the indexes of clients.
#[derive(PartialEq)]
pub struct ClienteKeys {
    identificacion: Option<Arc<str>>,
    correo: Option<String>,
    suprimido: bool,
}

/// Key of the index by mail.
pub fn correo_normal(correo: &str) -> String {
    correo.to_lowercase()
}

impl AggregateModel for ClienteModel {
    type State = Cliente;
    type Keys = Option<ClienteKeys>;
    const TIPO: TipoAgregado = TipoAgregado::Cliente;
    const TABLE: &'static Table = &CLIENTES;

    fn evolve(state: &mut Option<Cliente>, evento: &Evento) {
        if let Evento::Cliente(evento) = evento {
            evolucionar(state, evento);
        }
    }

    fn values(state: Option<&Cliente>) -> Vec<Value> {
        let Some(cliente) = state else { return vec![Value::Null; CLIENTES.columns.len() - 4] };
        let datos = &cliente.datos;
        vec![
            Value::Text(Arc::clone(&datos.nombre)),
            text_value(datos.identificacion.tipo.nombre()),
            Value::Text(Arc::clone(&datos.identificacion.numero)),
            datos.identificacion.dv.map_or(Value::Null, |dv| Value::Int(i64::from(dv))),
            Value::Text(Arc::clone(&datos.correo)),
            Value::Text(Arc::clone(&datos.direccion.linea)),
            optional_text(datos.direccion.ciudad.as_ref()),
            optional_text(datos.direccion.region.as_ref()),
            optional_text(datos.direccion.pais.as_ref()),
            text_value(datos.estado_fiscal.nombre()),
            optional_text(datos.tipo_persona.as_ref()),
            text_value(&juntar(&datos.responsabilidades)),
            optional_text(datos.municipio.as_ref()),
            optional_text(datos.departamento.as_ref()),
            Value::Bool(cliente.activo),
            Value::Bool(cliente.suprimido),
        ]
    }

    fn read(id: &Id, columns: &Columns<'_>) -> Result<Option<Cliente>, TablesError> {
        let Some(nombre) = columns.optional_text("nombre")? else { return Ok(None) };
        let corrupt = |what: &str| TablesError::Corrupt { table: CLIENTES.name, what: what.to_owned() };
        let tipo = TipoIdentificacion::de_nombre(columns.text("tipo_identificacion")?);
        let estado_fiscal = EstadoFiscal::de_nombre(columns.text("estado_fiscal")?);
        let datos = DatosCliente {
            nombre: Arc::clone(nombre),
            identificacion: Identificacion {
                tipo: tipo.ok_or_else(|| corrupt("tipo de identificación desconocido"))?,
                numero: Arc::clone(columns.text("identificacion")?),
                dv: columns.optional_int("dv")?.and_then(|dv| u8::try_from(dv).ok()),
            },
            correo: Arc::clone(columns.text("correo")?),
            direccion: Direccion {
                linea: Arc::clone(columns.text("direccion")?),
                ciudad: columns.optional_text("ciudad")?.cloned(),
                region: columns.optional_text("region")?.cloned(),
                pais: columns.optional_text("pais")?.cloned(),
            },
            estado_fiscal: estado_fiscal.ok_or_else(|| corrupt("estado fiscal desconocido"))?,
            tipo_persona: columns.optional_text("tipo_persona")?.cloned(),
            responsabilidades: separar(columns.text("responsabilidades")?),
            municipio: columns.optional_text("municipio")?.cloned(),
            departamento: columns.optional_text("departamento")?.cloned(),
        };
        Ok(Some(Cliente {
            cliente_id: id.clone(),
            datos: datos.into(),
            activo: columns.boolean("activo")?,
            suprimido: columns.boolean("suprimido")?,
        }))
    }

    /// Nobody looks for a client whose data were forgotten.
    fn index_keys(state: Option<&Cliente>) -> Option<ClienteKeys> {
        let cliente = state?;
        let datos = (!cliente.suprimido).then_some(&cliente.datos);
        Some(ClienteKeys {
            identificacion: datos.map(|datos| Arc::clone(&datos.identificacion.numero)),
            correo: datos.map(|datos| correo_normal(&datos.correo)),
            suprimido: cliente.suprimido,
        })
    }

    fn index_writes(id: &Id, before: Option<ClienteKeys>, after: Option<ClienteKeys>, version: u64, out: &mut Vec<Write>) {
        let by_number = |keys: &Option<ClienteKeys>| keys.as_ref()?.identificacion.as_ref().map(|numero| text_value(numero));
        let by_mail = |keys: &Option<ClienteKeys>| keys.as_ref()?.correo.as_ref().map(|correo| text_value(correo));
        move_index(&CLIENTES_POR_IDENTIFICACION, id, by_number(&before), by_number(&after), version, out);
        move_index(&CLIENTES_POR_CORREO, id, by_mail(&before), by_mail(&after), version, out);
        let suprimido = |keys: &Option<ClienteKeys>| keys.as_ref().is_some_and(|keys| keys.suprimido);
        if suprimido(&after) && !suprimido(&before) {
            let row = Row { key: vec![id_value(id)], values: Vec::new(), version };
            out.push(Write::Upsert { table: &CLIENTES_SUPRIMIDOS, row });
        }
    }
}

/// Takes the row of an index from its old key to its new one.
fn move_index(table: &'static Table, id: &Id, old: Option<Value>, new: Option<Value>, version: u64, out: &mut Vec<Write>) {
    if old == new {
        return;
    }
    if let Some(old) = old {
        out.push(Write::Delete { table, key: vec![old, id_value(id)], version });
    }
    if let Some(new) = new {
        out.push(Write::Upsert { table, row: Row { key: vec![new, id_value(id)], values: Vec::new(), version } });
    }
}

/// A list of short texts in one column, one a line: they hold no control characters.
fn juntar(textos: &[Arc<str>]) -> String {
    textos.join("\n")
}

fn separar(texto: &str) -> Vec<Arc<str>> {
    texto.lines().map(Arc::from).collect()
}
