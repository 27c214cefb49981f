//! What the command line asks of the engine, and how it was answered: the same over HTTP and in process.

use serde_json::{Value, json};

use super::fallo::{Clase, Fallo};
use crate::{
    domain::{
        Comando,
        facturacion::factura::ComandoFactura,
        reglas::{Falla, Regla},
        valores::Dinero,
    },
    engine::ports::{Ids, SystemIds},
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
    /// The body names `factura_id`.
    RespuestaDian,
    /// The body names `factura_id`, but that of a new draft.
    Borrador(Edicion),
}

impl Recurso {
    /// Whether its answer is about a document that was issued or annulled.
    pub fn da_documento(self) -> bool {
        matches!(self, Self::Factura | Self::Nota | Self::Anulacion | Self::Borrador(Edicion::Emitir))
    }
}

/// What is done to a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edicion {
    Crear,
    Linea,
    Quitar,
    Descuento,
    Pagos,
    Fechas,
    Emitir,
    Descartar,
}

/// One POST of the API. The same key and body may be sent again at any time with no further effect.
#[derive(Debug, Clone)]
pub struct Peticion {
    pub recurso: Recurso,
    pub cuerpo: Value,
    /// `Idempotency-Key`; a valid id, so that it is the command's id as well.
    pub clave: String,
    /// The version that what it changes must have; any when absent.
    pub version_esperada: Option<u64>,
}

impl Peticion {
    pub fn new(recurso: Recurso, cuerpo: Value, clave: String) -> Self {
        Self { recurso, cuerpo, clave, version_esperada: None }
    }

    /// With the user's key, or a new one.
    ///
    /// # Errors
    /// Class `Uso` when the key cannot be one.
    pub fn con_clave(recurso: Recurso, cuerpo: Value, clave: Option<&str>) -> Result<Self, Fallo> {
        let clave = clave.map_or_else(|| SystemIds.uuid_v7().to_string(), str::to_owned);
        if (1..=255).contains(&clave.len()) && clave.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(Self::new(recurso, cuerpo, clave));
        }
        let por_que = "debe tener de 1 a 255 caracteres ASCII visibles, sin espacios";
        Err(Fallo::new(Clase::Uso, "la clave no sirve", por_que, "Por ejemplo: --clave devolucion-42."))
    }

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
            Recurso::RespuestaDian => Comando::Factura(cuerpos::cuerpo_respuesta_dian(&self.cuerpo, None)?),
            Recurso::Borrador(edicion) => Comando::Factura(self.de_borrador(edicion, contexto)?),
        })
    }

    fn de_borrador(&self, edicion: Edicion, contexto: &ContextoCuerpo<'_>) -> Result<ComandoFactura, ErroresCuerpo> {
        if edicion == Edicion::Crear {
            return cuerpos::cuerpo_borrador(&self.cuerpo, contexto);
        }
        let (factura_id, cuerpo) = cuerpos::factura_del_cuerpo(&self.cuerpo)?;
        match edicion {
            Edicion::Crear => cuerpos::cuerpo_borrador(&self.cuerpo, contexto),
            Edicion::Linea => cuerpos::cuerpo_linea(&cuerpo, &factura_id),
            Edicion::Quitar => cuerpos::cuerpo_quitar_linea(&cuerpo, &factura_id),
            Edicion::Descuento => cuerpos::cuerpo_aplicar_descuento(&cuerpo, &factura_id),
            Edicion::Pagos => cuerpos::cuerpo_formas_pago(&cuerpo, &factura_id),
            Edicion::Fechas => cuerpos::cuerpo_fechas(&cuerpo, &factura_id),
            Edicion::Emitir => cuerpos::cuerpo_emitir(&cuerpo, &factura_id),
            Edicion::Descartar => Ok(ComandoFactura::DescartarFactura { factura_id }),
        }
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

/// The class of a refusal: of state, version or key; of something that does not exist; else of the rules.
pub fn clase_de(motivos: &[Motivo]) -> Clase {
    let es = |motivo: &Motivo, reglas: &[Regla]| reglas.iter().any(|regla| regla.nombre() == motivo.regla);
    let conflicto = [Regla::EstadoValido, Regla::YaExiste, Regla::VersionEsperada, Regla::ClaveIdempotenciaEnConflicto];
    let inexistente = [Regla::FacturaExiste, Regla::NotaCreditoExiste];
    if motivos.iter().any(|m| es(m, &conflicto)) {
        Clase::Conflicto
    } else if !motivos.is_empty() && motivos.iter().all(|m| es(m, &inexistente)) {
        Clase::NoEncontrado
    } else {
        Clase::Validacion
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
        /// What it addressed: its id as the caller knows it, and its version then.
        id: String,
        version: Option<u64>,
    },
    Rechazada(Vec<Motivo>),
}
