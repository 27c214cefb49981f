//! What the command line asks of the engine, and how it was answered: the same over HTTP and in process.

use serde_json::{Value, json};

use crate::{
    domain::{Comando, reglas::Falla, valores::Dinero},
    http::{
        cuerpos::{self, ContextoCuerpo, ErroresCuerpo},
        ids,
    },
};

/// What a request creates: its route and the body that the route reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recurso {
    Bodega,
    Producto,
    Cliente,
    Inventario,
    /// The body names `producto_id` and `bodega_id`.
    Entrada,
    Factura,
    /// The body names `factura_id`.
    Nota,
    /// The body names `factura_id`.
    Anulacion,
}

/// One POST of the API. The same key and body may be sent again at any time with no further effect.
#[derive(Debug, Clone)]
pub struct Peticion {
    pub recurso: Recurso,
    pub cuerpo: Value,
    /// `Idempotency-Key`; a valid id, so that it is the command's id as well.
    pub clave: String,
}

impl Peticion {
    /// The command it asks for, read from its body as the API's route would.
    ///
    /// # Errors
    /// Everything wrong with the body.
    pub fn comando(&self, contexto: &ContextoCuerpo<'_>) -> Result<Comando, ErroresCuerpo> {
        Ok(match self.recurso {
            Recurso::Bodega => Comando::Bodega(cuerpos::cuerpo_bodega(&self.cuerpo, contexto)?),
            Recurso::Producto => Comando::Producto(cuerpos::cuerpo_producto(&self.cuerpo, contexto)?),
            Recurso::Cliente => Comando::Cliente(cuerpos::cuerpo_cliente(&self.cuerpo, contexto)?),
            Recurso::Inventario => Comando::Inventario(cuerpos::cuerpo_inventario(&self.cuerpo)?),
            Recurso::Entrada => Comando::Inventario(cuerpos::cuerpo_entrada(&self.cuerpo, None, contexto)?),
            Recurso::Factura => Comando::Factura(cuerpos::cuerpo_factura(&self.cuerpo, contexto)?),
            Recurso::Nota => Comando::NotaCredito(cuerpos::cuerpo_nota(&self.cuerpo, None, true, contexto)?),
            Recurso::Anulacion => Comando::Factura(cuerpos::cuerpo_anular(&self.cuerpo, None)?),
        })
    }
}

/// The key of what a line or an example stands for: the same identity, the same key, for ever.
pub fn clave_derivada(identidad: &[&str]) -> String {
    let mut partes = vec!["importar"];
    partes.extend_from_slice(identidad);
    ids::de_uuid(ids::uuid_v8(&partes)).as_str().to_owned()
}

/// Why something was refused, as the API tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Motivo {
    /// Rule of the domain, or code of the failure of shape.
    pub regla: String,
    /// JSON Pointer into the body; empty for the whole.
    pub campo: String,
    pub mensaje: String,
    pub datos: Vec<(String, String)>,
}

impl Motivo {
    pub fn new(regla: &str, mensaje: impl Into<String>) -> Self {
        Self { regla: regla.to_owned(), campo: String::new(), mensaje: mensaje.into(), datos: Vec::new() }
    }

    pub fn json(&self) -> Value {
        let datos: serde_json::Map<_, _> = self.datos.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
        json!({ "regla": self.regla, "campo": self.campo, "mensaje": self.mensaje, "datos": datos })
    }
}

impl From<&Falla> for Motivo {
    fn from(falla: &Falla) -> Self {
        Self {
            regla: falla.regla.nombre().to_owned(),
            campo: falla.campo.clone(),
            mensaje: falla.to_string(),
            datos: falla.datos.clone(),
        }
    }
}

/// Everything that was wrong with a body.
pub fn motivos_de_cuerpo(errores: &ErroresCuerpo) -> Vec<Motivo> {
    let forma = errores.forma.iter().map(|e| Motivo {
        regla: e.codigo.to_owned(),
        campo: e.campo.clone(),
        mensaje: e.mensaje.clone(),
        datos: e.datos.clone(),
    });
    forma.chain(errores.valores.iter().map(Motivo::from)).collect()
}

/// An issued invoice or note, or an annulled invoice, as the answer to its order tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct FacturaHecha {
    /// Of a note, its own id.
    pub factura_id: String,
    pub numero: String,
    pub total: Dinero,
    pub moneda: String,
}

/// How one request ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Desenlace {
    Aceptada {
        /// It had been done before: the same answer again.
        repetida: bool,
        factura: Option<FacturaHecha>,
    },
    Rechazada(Vec<Motivo>),
}
