//! Catalogues and ranges.

use serde_json::{Map, Value, json};

use super::{
    BARRIDO_MAX, ConsultaError, Consultas, FiltroClientes, Pagina, PaginaDe, Una, Varias,
    cursor::{codificar, decodificar, huella},
};
use crate::{
    domain::{
        catalogo::{bodega::Bodega, cliente::Cliente, descuento::Descuento, producto::Producto, sucursal::Sucursal},
        numeracion::RangoNumeracion,
        valores::Id,
    },
    projections::{
        aggregate::{AggregateModel, Marks},
        bodegas::BodegaModel,
        clientes::{CLIENTES_POR_CORREO, CLIENTES_POR_IDENTIFICACION, ClienteModel, correo_normal},
        descuentos::DescuentoModel,
        json,
        numeracion::RangoModel,
        productos::ProductoModel,
        rows::{Columns, id_value, text_value},
        sucursales::SucursalModel,
    },
    tables::{Cursor, From, Row, Table},
};

/// A state and its marks, as one row holds them.
struct Leido<S> {
    id: Id,
    state: Option<S>,
    marks: Marks,
}

fn leer<M: AggregateModel>(row: &Row) -> Result<Leido<M::State>, ConsultaError> {
    let columns = Columns::new(M::TABLE, row);
    let id = columns.id(M::TABLE.partition[0].name)?;
    Ok(Leido { state: M::read(&id, &columns)?, marks: Marks::read(&columns)?, id })
}

/// The object of an aggregate: id, fields, marks. `None` for a row that never had a state and is not incomplete.
fn objeto<S>(leido: &Leido<S>, campos: impl FnOnce(&S) -> Value) -> Option<Value> {
    if leido.state.is_none() && !leido.marks.incompleta {
        return None;
    }
    let mut objeto = Map::new();
    objeto.insert("id".to_owned(), Value::String(leido.id.to_string()));
    if let Some(state) = &leido.state {
        json::unir(&mut objeto, campos(state));
    }
    json::unir(&mut objeto, marcas(&leido.marks));
    Some(Value::Object(objeto))
}

/// Version and dates; the two warnings only when they hold.
pub(super) fn marcas(marks: &Marks) -> Value {
    let mut campos = json!({
        "version": marks.version,
        "creado_en": marks.creado_en.rfc3339(),
        "actualizado_en": marks.actualizado_en.rfc3339(),
    });
    if marks.incompleta {
        campos["incompleta"] = Value::Bool(true);
    }
    if marks.cuarentena {
        campos["en_cuarentena"] = Value::Bool(true);
    }
    campos
}

fn cliente(cliente: &Cliente) -> Value {
    let mut campos = json::datos_cliente(&cliente.datos);
    campos["activo"] = Value::Bool(cliente.activo);
    if cliente.suprimido {
        campos["suprimido"] = Value::Bool(true);
    }
    campos
}

fn producto(producto: &Producto) -> Value {
    let mut campos = json::datos_producto(&producto.datos);
    campos["activo"] = Value::Bool(producto.activo);
    campos
}

fn descuento(descuento: &Descuento) -> Value {
    let mut campos = json::datos_descuento(&descuento.datos);
    campos["activo"] = Value::Bool(descuento.activo);
    campos
}

fn sucursal(sucursal: &Sucursal) -> Value {
    json!({
        "nombre": &*sucursal.datos.nombre,
        "direccion": sucursal.datos.direccion.as_ref().map(json::direccion),
        "activa": sucursal.activa,
    })
}

fn bodega(bodega: &Bodega) -> Value {
    json!({
        "sucursal_id": bodega.datos.sucursal_id.as_str(),
        "nombre": &*bodega.datos.nombre,
        "direccion": bodega.datos.direccion.as_ref().map(json::direccion),
        "activa": bodega.activa,
    })
}

impl Consultas {
    /// # Errors
    /// Of the tables, here and in the queries below; lists also refuse a bad limit or cursor.
    pub fn cliente(&self, id: &Id) -> Una {
        self.uno::<ClienteModel>(id, cliente)
    }

    /// # Errors
    /// Of the tables.
    pub fn producto(&self, id: &Id) -> Una {
        self.uno::<ProductoModel>(id, producto)
    }

    /// # Errors
    /// Of the tables.
    pub fn descuento(&self, id: &Id) -> Una {
        self.uno::<DescuentoModel>(id, descuento)
    }

    /// # Errors
    /// Of the tables.
    pub fn sucursal(&self, id: &Id) -> Una {
        self.uno::<SucursalModel>(id, sucursal)
    }

    /// # Errors
    /// Of the tables.
    pub fn bodega(&self, id: &Id) -> Una {
        self.uno::<BodegaModel>(id, bodega)
    }

    /// Clients that pass every filter. By identification or mail it reads an index, else the whole catalogue, in a stable
    /// order of no meaning; a page may end early (with its cursor) after 20,000 clients examined.
    ///
    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of the tables.
    pub fn clientes(&self, filtro: &FiltroClientes, pagina: &Pagina) -> Varias {
        let texto = |campo: &Option<String>| campo.clone().unwrap_or_default();
        let filtros = [&filtro.identificacion, &filtro.nombre, &filtro.correo, &filtro.estado_fiscal].map(texto);
        let huella = huella("clientes", &filtros.each_ref().map(String::as_str));
        let pasa = |c: &Cliente| cumple(filtro, c);
        let por_correo = filtro.correo.as_deref().map(correo_normal);
        match (&filtro.identificacion, por_correo) {
            (Some(numero), _) => self.clientes_de_indice(&CLIENTES_POR_IDENTIFICACION, numero, huella, &pasa, pagina),
            (None, Some(correo)) => self.clientes_de_indice(&CLIENTES_POR_CORREO, &correo, huella, &pasa, pagina),
            (None, None) => self.barrido::<ClienteModel>(huella, pagina, &pasa, cliente),
        }
    }

    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of the tables.
    pub fn productos(&self, pagina: &Pagina) -> Varias {
        self.barrido::<ProductoModel>(huella("productos", &[]), pagina, &|_| true, producto)
    }

    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of the tables.
    pub fn descuentos(&self, pagina: &Pagina) -> Varias {
        self.barrido::<DescuentoModel>(huella("descuentos", &[]), pagina, &|_| true, descuento)
    }

    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of the tables.
    pub fn sucursales(&self, pagina: &Pagina) -> Varias {
        self.barrido::<SucursalModel>(huella("sucursales", &[]), pagina, &|_| true, sucursal)
    }

    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of the tables.
    pub fn bodegas(&self, pagina: &Pagina) -> Varias {
        self.barrido::<BodegaModel>(huella("bodegas", &[]), pagina, &|_| true, bodega)
    }

    /// Every range, by id, with its state today. There are few: at most 20,000 are returned.
    ///
    /// # Errors
    /// Of the tables.
    pub fn numeracion(&self) -> Result<Vec<Value>, ConsultaError> {
        let mut rangos = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let (rows, next) = self.tables.scan(RangoModel::TABLE, after.as_ref(), 256)?;
            for row in &rows {
                let leido = leer::<RangoModel>(row)?;
                rangos.extend(objeto(&leido, |r| self.rango(r)).map(|valor| (leido.id.clone(), valor)));
            }
            if next.is_none() || rangos.len() >= BARRIDO_MAX {
                break;
            }
            after = next;
        }
        rangos.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(rangos.into_iter().map(|(_, valor)| valor).collect())
    }

    /// One range by its id `sucursal:tipo_documento:prefijo`.
    ///
    /// # Errors
    /// Of the tables.
    pub fn rango_numeracion(&self, id: &Id) -> Una {
        self.uno::<RangoModel>(id, |r| self.rango(r))
    }

    fn rango(&self, rango: &RangoNumeracion) -> Value {
        let mut campos = json::autorizacion(&rango.autorizacion);
        campos["sucursal_id"] = Value::String(rango.sucursal_id.to_string());
        campos["tipo_documento"] = Value::String(rango.tipo_documento.nombre().to_owned());
        campos["prefijo"] = Value::String(rango.prefijo.to_string());
        campos["siguiente"] = Value::from(rango.siguiente);
        campos["ultimo"] = rango.ultimo_dado().map_or(Value::Null, Value::from);
        campos["restantes"] = Value::from(rango.restantes());
        campos["estado"] = Value::String(rango.estado(self.hoy()).nombre().to_owned());
        campos
    }

    /// The issuer's day now, by the clock of the queries.
    pub(super) fn hoy(&self) -> chrono::NaiveDate {
        self.clock.now().fecha_en_utc_menos_5()
    }

    fn uno<M: AggregateModel>(&self, id: &Id, campos: impl FnOnce(&M::State) -> Value) -> Una {
        let Some(row) = self.tables.get(M::TABLE, &[id_value(id)])? else { return Ok(None) };
        Ok(objeto(&leer::<M>(&row)?, campos))
    }

    fn clientes_de_indice(
        &self,
        indice: &'static Table,
        clave: &str,
        huella: u32,
        pasa: &dyn Fn(&Cliente) -> bool,
        pagina: &Pagina,
    ) -> Varias {
        let limite = pagina.limite()?;
        let mut desde = match &pagina.despues {
            None => From::Start,
            Some(texto) => {
                let lugar = decodificar(huella, texto)?;
                let id = std::str::from_utf8(&lugar).ok().and_then(|texto| Id::de_clave(texto).ok());
                From::After(vec![id_value(&id.ok_or(ConsultaError::CursorInvalido)?)])
            }
        };
        let mut respuesta = PaginaDe::default();
        loop {
            let filas = self.tables.slice(indice, &[text_value(clave)], &desde, false, LOTE_INDICE)?;
            for (n, fila) in filas.iter().enumerate() {
                let id = Columns::new(indice, fila).id("cliente_id")?;
                let Some(row) = self.tables.get(ClienteModel::TABLE, &[id_value(&id)])? else { continue };
                let leido = leer::<ClienteModel>(&row)?;
                if leido.state.as_ref().is_some_and(pasa) {
                    respuesta.items.extend(objeto(&leido, cliente));
                }
                let quedan = n + 1 < filas.len() || filas.len() == LOTE_INDICE;
                if respuesta.items.len() == limite && quedan {
                    respuesta.despues = Some(codificar(huella, id.as_str().as_bytes()));
                    respuesta.tiene_mas = true;
                    return Ok(respuesta);
                }
                desde = From::After(vec![id_value(&id)]);
            }
            if filas.len() < LOTE_INDICE {
                return Ok(respuesta);
            }
        }
    }

    fn barrido<M: AggregateModel>(
        &self,
        huella: u32,
        pagina: &Pagina,
        pasa: &dyn Fn(&M::State) -> bool,
        campos: fn(&M::State) -> Value,
    ) -> Varias {
        let limite = pagina.limite()?;
        let mut after = pagina.despues.as_deref().map(|texto| decodificar(huella, texto).map(Cursor)).transpose()?;
        let mut respuesta = PaginaDe::default();
        let mut examinadas = 0;
        loop {
            // Never more rows than places left: the scan's cursor stands after the last row read.
            let (rows, next) = self.tables.scan(M::TABLE, after.as_ref(), limite - respuesta.items.len())?;
            examinadas += rows.len();
            for row in &rows {
                let leido = leer::<M>(row)?;
                if leido.state.as_ref().is_some_and(pasa) {
                    respuesta.items.extend(objeto(&leido, campos));
                }
            }
            let Some(next) = next else { return Ok(respuesta) };
            if respuesta.items.len() == limite || examinadas >= BARRIDO_MAX {
                respuesta.despues = Some(codificar(huella, &next.0));
                respuesta.tiene_mas = true;
                return Ok(respuesta);
            }
            after = Some(next);
        }
    }
}

/// Rows of an index read at a time.
const LOTE_INDICE: usize = 100;

fn cumple(filtro: &FiltroClientes, cliente: &Cliente) -> bool {
    let datos = &cliente.datos;
    let contiene = |parte: &String| datos.nombre.to_lowercase().contains(&parte.to_lowercase());
    filtro.identificacion.as_ref().is_none_or(|numero| **numero == *datos.identificacion.numero)
        && filtro.nombre.as_ref().is_none_or(contiene)
        && filtro.correo.as_ref().is_none_or(|correo| correo_normal(correo) == correo_normal(&datos.correo))
        && filtro.estado_fiscal.as_ref().is_none_or(|estado| estado == datos.estado_fiscal.nombre())
}
