//! From a line of the file to the requests it stands for, with ids that depend on nothing but the line.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::{
    cli::peticion::{Motivo, Peticion, Recurso, clave_derivada, motivos_de_cuerpo},
    http::{cuerpos, ids},
};

/// Inventories whose creation is remembered, so that it is not asked again for each of their entries.
const MAX_INVENTARIOS: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tipo {
    Cliente,
    Producto,
    Bodega,
    Entrada,
    Pedido,
}

impl Tipo {
    const TODOS: [Self; 5] = [Self::Cliente, Self::Producto, Self::Bodega, Self::Entrada, Self::Pedido];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::Cliente => "cliente",
            Self::Producto => "producto",
            Self::Bodega => "bodega",
            Self::Entrada => "entrada",
            Self::Pedido => "pedido",
        }
    }
}

/// The requests of a line, in order: the last one is the line's own, those before prepare it and may already have been made.
#[derive(Debug)]
pub struct Plan {
    pub tipo: Tipo,
    pub peticiones: Vec<Peticion>,
}

/// Makes plans; remembers which inventories it has asked for.
#[derive(Default)]
pub struct Planificador {
    inventarios: HashSet<(String, String)>,
}

impl Planificador {
    /// # Errors
    /// Everything that is wrong with the line as such. What is wrong with its body is found when the body is read.
    pub fn planear(&mut self, bytes: &[u8]) -> Result<Plan, Vec<Motivo>> {
        let valor = cuerpos::leer_json(bytes).map_err(|e| motivos_de_cuerpo(&e))?;
        let Value::Object(mut campos) = valor else {
            return Err(vec![Motivo::new("JsonInvalido", "la línea debe ser un objeto JSON con un campo tipo")]);
        };
        let tipo = tomar_tipo(&mut campos)?;
        let peticiones = match tipo {
            Tipo::Cliente => vec![de_catalogo(Recurso::Cliente, tipo, campos)?],
            Tipo::Producto => vec![de_catalogo(Recurso::Producto, tipo, campos)?],
            Tipo::Bodega => vec![de_catalogo(Recurso::Bodega, tipo, campos)?],
            Tipo::Entrada => self.entrada(campos, bytes)?,
            Tipo::Pedido => vec![pedido(campos)?],
        };
        Ok(Plan { tipo, peticiones })
    }

    fn entrada(&mut self, mut campos: Map<String, Value>, bytes: &[u8]) -> Result<Vec<Peticion>, Vec<Motivo>> {
        let (producto, bodega) = (texto(&campos, "producto_id"), texto(&campos, "bodega_id"));
        let (Some(producto), Some(bodega)) = (&producto, &bodega) else {
            let faltan = [("producto_id", &producto), ("bodega_id", &bodega)].into_iter().filter(|(_, v)| v.is_none());
            return Err(faltan.map(|(campo, _)| falta(campo, "entrada")).collect());
        };
        let movimiento = match texto(&campos, "movimiento_id") {
            Some(movimiento) => movimiento,
            None => {
                let contenido = String::from_utf8_lossy(bytes);
                let derivado = clave_derivada(&["entrada", contenido.trim()]);
                campos.insert("movimiento_id".to_owned(), json!(derivado));
                derivado
            }
        };
        let mut peticiones = Vec::new();
        let inventario = (producto.clone(), bodega.clone());
        if !self.inventarios.contains(&inventario) {
            let cuerpo = json!({ "producto_id": producto, "bodega_id": bodega });
            peticiones.push(Peticion::new(Recurso::Inventario, cuerpo, clave_derivada(&["inventario", producto, bodega])));
            if self.inventarios.len() < MAX_INVENTARIOS {
                self.inventarios.insert(inventario);
            }
        }
        let clave = clave_derivada(&["entrada", producto, bodega, &movimiento]);
        peticiones.push(Peticion::new(Recurso::Entrada, Value::Object(campos), clave));
        Ok(peticiones)
    }
}

fn tomar_tipo(campos: &mut Map<String, Value>) -> Result<Tipo, Vec<Motivo>> {
    let nombres = Tipo::TODOS.map(Tipo::nombre).join(", ");
    let Some(valor) = campos.shift_remove("tipo") else {
        return Err(vec![Motivo {
            campo: "/tipo".into(),
            ..Motivo::new("TipoDesconocido", format!("falta el tipo de la línea: uno de {nombres}"))
        }]);
    };
    let tipo = valor.as_str().and_then(|nombre| Tipo::TODOS.into_iter().find(|t| t.nombre() == nombre));
    tipo.ok_or_else(|| {
        let escrito: String = valor.to_string().chars().take(60).collect();
        let mensaje = format!("el tipo {escrito} no existe: use uno de {nombres}");
        vec![Motivo { campo: "/tipo".into(), ..Motivo::new("TipoDesconocido", mensaje) }]
    })
}

/// The id is what makes a repeated line reach the same thing, so a file must give it.
fn de_catalogo(recurso: Recurso, tipo: Tipo, campos: Map<String, Value>) -> Result<Peticion, Vec<Motivo>> {
    let Some(id) = texto(&campos, "id") else { return Err(vec![falta("id", tipo.nombre())]) };
    Ok(Peticion::new(recurso, Value::Object(campos), clave_derivada(&[tipo.nombre(), &id])))
}

fn pedido(mut campos: Map<String, Value>) -> Result<Peticion, Vec<Motivo>> {
    let (canal, numero) = (texto(&campos, "canal"), texto(&campos, "pedido_id"));
    let (Some(canal), Some(numero)) = (&canal, &numero) else {
        let faltan = [("canal", &canal), ("pedido_id", &numero)].into_iter().filter(|(_, v)| v.is_none());
        return Err(faltan.map(|(campo, _)| falta(campo, "pedido")).collect());
    };
    let factura_id = ids::documento_de_pedido(canal, numero);
    campos.insert("id".to_owned(), json!(factura_id.as_str()));
    Ok(Peticion::new(Recurso::Factura, Value::Object(campos), clave_derivada(&["pedido", canal, numero])))
}

/// A text that is not empty, or a number as its text: the two forms an id may have.
fn texto(campos: &Map<String, Value>, campo: &str) -> Option<String> {
    match campos.get(campo)? {
        Value::String(texto) if !texto.trim().is_empty() => Some(texto.trim().to_owned()),
        Value::Number(numero) => Some(numero.to_string()),
        _ => None,
    }
}

fn falta(campo: &str, tipo: &str) -> Motivo {
    let mensaje = format!("falta {campo}: una línea de tipo {tipo} debe llevarlo para que importarla dos veces no cambie nada");
    Motivo { campo: format!("/{campo}"), ..Motivo::new("CampoObligatorio", mensaje) }
}
