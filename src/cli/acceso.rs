//! How a command reaches the data: through the API of the process that uses the folder, or by starting the node in this process when
//! nobody does.

use std::{path::PathBuf, time::Duration};

use chrono::NaiveDate;
use serde_json::Value;

use super::{
    contexto::Contexto,
    demo::CARPETA as CARPETA_DEMO,
    destino::{ClienteHttp, Destino, Directo, PorHttp, en_ruta},
    fallo::{Clase, Fallo},
    nodo,
};
use crate::{
    domain::valores::{Cantidad, Id},
    http::lecturas::{Lista, Pagina, Recurso},
    node::{self, EstadoCarpeta, Node, Proceso},
};

/// How long a query of a node that was just started waits for its tables to come up to the log.
const PUESTA_AL_DIA: Duration = Duration::from_secs(60);
/// Records of an invoice's story that are shown.
const MAX_HISTORIA: usize = 100;

pub enum Acceso {
    Api(ClienteHttp),
    Nodo(Box<Node>),
}

impl Acceso {
    /// `--url`, else the process that uses the folder, else this process.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn abrir(contexto: &Contexto) -> Result<Self, Fallo> {
        if let Some(url) = &contexto.url {
            return Ok(Self::Api(ClienteHttp::new(url)));
        }
        if let Some(url) = en_marcha(contexto) {
            return Ok(Self::Api(ClienteHttp::new(&url)));
        }
        contexto.salida.nota(format!("Nadie atiende la carpeta {}: se abre directamente.", contexto.carpeta().display()));
        nodo::iniciar(contexto, None).map(|node| Self::Nodo(Box::new(node)))
    }

    /// Like [`Self::abrir`], for a query: a folder that does not exist has nothing to tell, and is not made.
    ///
    /// # Errors
    /// `NoEncontrado` without a folder; else as `abrir`.
    pub fn consultar(contexto: &Contexto) -> Result<Self, Fallo> {
        let carpeta = contexto.carpeta();
        if contexto.url.is_none()
            && en_marcha(contexto).is_none()
            && matches!(node::inspeccionar(&carpeta), Ok(EstadoCarpeta::Nueva))
        {
            return Err(Fallo::new(
                Clase::NoEncontrado,
                format!("no hay datos en {}", carpeta.display()),
                "la carpeta no existe o está vacía",
                "Indique la carpeta con --datos, o un proceso en marcha con --url. Para empezar: factumarket demo.",
            ));
        }
        let acceso = Self::abrir(contexto)?;
        if let Self::Nodo(node) = &acceso
            && !node.wait_projections(PUESTA_AL_DIA)
        {
            contexto.salida.nota("Las tablas de consulta aún se ponen al día: la respuesta puede no ser la última.");
        }
        Ok(acceso)
    }

    pub fn destino(&self) -> Box<dyn Destino> {
        match self {
            Self::Api(cliente) => Box::new(PorHttp::new(cliente)),
            Self::Nodo(node) => Box::new(directo(node)),
        }
    }

    /// One invoice.
    ///
    /// # Errors
    /// Class `Servicio`.
    pub fn factura(&self, id: &str) -> Result<Option<Value>, Fallo> {
        self.obtener(&format!("/api/v1/facturas/{}", en_ruta(id)), || Some(Recurso::Factura(Id::new(id).ok()?)))
    }

    /// The stock of a product in a bodega.
    ///
    /// # Errors
    /// Class `Servicio`.
    pub fn stock(&self, producto: &str, bodega: &str) -> Result<Option<Value>, Fallo> {
        let ruta = format!("/api/v1/inventarios/{}/{}/stock", en_ruta(producto), en_ruta(bodega));
        self.obtener(&ruta, || Some(Recurso::Stock { producto: Id::new(producto).ok()?, bodega: Id::new(bodega).ok()? }))
    }

    /// A credit note of an invoice.
    ///
    /// # Errors
    /// Class `Servicio`.
    pub fn nota(&self, factura: &str, nota: &str) -> Result<Option<Value>, Fallo> {
        let ruta = format!("/api/v1/facturas/{}/notas-credito/{}", en_ruta(factura), en_ruta(nota));
        self.obtener(&ruta, || Some(Recurso::NotaCredito { factura: Some(Id::new(factura).ok()?), nota: Id::new(nota).ok()? }))
    }

    /// What a sale would take.
    ///
    /// # Errors
    /// Class `Servicio`.
    pub fn explicar(
        &self,
        producto: &str,
        bodega: &str,
        cantidad: Cantidad,
        fecha: Option<NaiveDate>,
    ) -> Result<Option<Value>, Fallo> {
        let dia = fecha.map(|dia| format!("&fecha={dia}")).unwrap_or_default();
        let (p, b) = (en_ruta(producto), en_ruta(bodega));
        let ruta = format!("/api/v1/inventarios/{p}/{b}/explicacion?cantidad={cantidad}{dia}");
        self.obtener(&ruta, || {
            let (producto, bodega) = (Id::new(producto).ok()?, Id::new(bodega).ok()?);
            Some(Recurso::Explicacion { producto, bodega, cantidad, fecha })
        })
    }

    /// The first records of an invoice's story.
    ///
    /// # Errors
    /// Class `Servicio`.
    pub fn historia(&self, factura_id: &str) -> Result<Vec<Value>, Fallo> {
        match self {
            Self::Api(cliente) => {
                let ruta = format!("/api/v1/auditoria/{}?limite={MAX_HISTORIA}", en_ruta(factura_id));
                let cuerpo = cliente.get(&ruta)?.cuerpo;
                Ok(cuerpo.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
            }
            Self::Nodo(node) => {
                let Ok(id) = Id::new(factura_id) else { return Ok(Vec::new()) };
                let pagina = Pagina { limite: MAX_HISTORIA, despues: None };
                let leida = node.lecturas().listar(&Lista::AuditoriaDeFactura(id), &pagina);
                leida.map(|p| p.items).map_err(|e| de_lectura(&e.to_string()))
            }
        }
    }

    fn obtener(&self, ruta: &str, recurso: impl Fn() -> Option<Recurso>) -> Result<Option<Value>, Fallo> {
        match self {
            Self::Api(cliente) => {
                let respuesta = cliente.get(ruta)?;
                match respuesta.estado {
                    200 => Ok(Some(respuesta.cuerpo)),
                    404 | 400 => Ok(None),
                    _ => Err(cliente.mal_estado(&respuesta)),
                }
            }
            // What is no id names nothing.
            Self::Nodo(node) => match recurso() {
                Some(recurso) => node.lecturas().obtener(&recurso).map_err(|e| de_lectura(&e.to_string())),
                None => Ok(None),
            },
        }
    }

    /// Stops the node, when it is of this process.
    ///
    /// # Errors
    /// When it did not stop cleanly.
    pub fn cerrar(self) -> Result<(), Fallo> {
        match self {
            Self::Api(_) => Ok(()),
            Self::Nodo(node) => node.stop().map_err(|e| nodo::fallo(&e)),
        }
    }
}

/// Address of the process that uses the folder. When nobody chose a folder, a running demo is the one that is meant.
pub fn en_marcha(contexto: &Contexto) -> Option<String> {
    let de_la_demo = contexto.carpeta_sin_elegir().then(|| PathBuf::from(CARPETA_DEMO));
    [Some(contexto.carpeta()), de_la_demo].into_iter().flatten().find_map(|carpeta| match node::inspeccionar(&carpeta) {
        Ok(EstadoCarpeta::EnUso(Some(Proceso { url, .. }))) => url,
        _ => None,
    })
}

/// Requests to a node of this process.
pub fn directo(node: &Node) -> Directo {
    Directo {
        gateway: node.gateway(),
        clock: node.clock(),
        ids: node.ids(),
        verificar_digito_ruc: node.emisor().verificar_digito_ruc,
        phase: node.phase(),
        runtime: node.handle().clone(),
    }
}

fn de_lectura(causa: &str) -> Fallo {
    Fallo::new(Clase::Servicio, "no se pudo leer lo guardado", causa, "Repita la orden; si sigue, vea factumarket doctor.")
}
