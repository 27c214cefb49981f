//! How a command reaches the data: through the API of the process that uses the folder, or by starting the node in this process when
//! nobody does.

use std::{path::PathBuf, time::Duration};

use chrono::{Days, NaiveDate};
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
    engine::ports::{Clock, SystemClock},
    http::lecturas::{ErrorLectura, Lista, Pagina, PaginaLeida, Recurso},
    node::{self, EstadoCarpeta, Node, Proceso},
};

/// How long a query of a node that was just started waits for its tables to come up to the log.
const PUESTA_AL_DIA: Duration = Duration::from_secs(60);
/// Longest page of a list.
const MAX_PAGINA: usize = 100;
const DIAS_DE_UN_ANIO: u64 = 365;
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
        if let Some(url) = proceso(contexto) {
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
        if proceso(contexto).is_none() {
            exigir_datos(contexto, DATOS_O_PROCESO)?;
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

    /// A client.
    ///
    /// # Errors
    /// Class `Servicio`.
    pub fn cliente(&self, id: &str) -> Result<Option<Value>, Fallo> {
        self.obtener(&format!("/api/v1/clientes/{}", en_ruta(id)), || Some(Recurso::Cliente(Id::new(id).ok()?)))
    }

    /// The account of a client between two days, both included; without them, the last year's.
    ///
    /// # Errors
    /// Class `Servicio`.
    pub fn estado_de_cuenta(&self, cliente: &str, dias: Option<(NaiveDate, NaiveDate)>) -> Result<Option<Value>, Fallo> {
        let consulta = dias.map(|(desde, hasta)| format!("?fechaInicio={desde}&fechaFin={hasta}")).unwrap_or_default();
        self.obtener(&format!("/api/v1/clientes/{}/estado-de-cuenta{consulta}", en_ruta(cliente)), || {
            let fechas = dias.unwrap_or_else(|| self.ultimo_anio());
            Some(Recurso::EstadoDeCuenta { cliente: Id::new(cliente).ok()?, fechas })
        })
    }

    /// The issuer's day now: of the machine, or of the node's own clock.
    pub fn hoy(&self) -> NaiveDate {
        let ahora = match self {
            Self::Api(_) => SystemClock::new().now(),
            Self::Nodo(node) => node.clock().now(),
        };
        ahora.fecha_en_utc_menos_5()
    }

    /// The year that ends today.
    fn ultimo_anio(&self) -> (NaiveDate, NaiveDate) {
        let hoy = self.hoy();
        (hoy.checked_sub_days(Days::new(DIAS_DE_UN_ANIO)).unwrap_or(hoy), hoy)
    }

    /// The movements of a product in a bodega, oldest first, at most `limite`; and whether there are more.
    ///
    /// # Errors
    /// Class `Servicio`.
    pub fn movimientos(&self, producto: &str, bodega: &str, limite: usize) -> Result<(Vec<Value>, bool), Fallo> {
        let (Ok(de), Ok(en)) = (Id::new(producto), Id::new(bodega)) else { return Ok((Vec::new(), false)) };
        let ruta = format!("/api/v1/inventarios/{}/{}/movimientos?", en_ruta(producto), en_ruta(bodega));
        self.paginas(&ruta, &Lista::Movimientos { producto: de, bodega: en }, limite)
    }

    /// The first items of a list, page by page, `limite` or a few more; and whether there are more. `ruta` is the API's, ready for one more
    /// parameter.
    ///
    /// # Errors
    /// Class `Uso` when the list refuses its parameters, else `Servicio`.
    pub fn paginas(&self, ruta: &str, lista: &Lista, limite: usize) -> Result<(Vec<Value>, bool), Fallo> {
        let (mut items, mut despues, mut tiene_mas) = (Vec::new(), None, true);
        while tiene_mas && items.len() < limite {
            let pagina = Pagina { limite: MAX_PAGINA.min(limite - items.len()), despues: despues.take() };
            let leida = self.pagina(ruta, lista, &pagina)?;
            items.extend(leida.items);
            (despues, tiene_mas) = (leida.despues, leida.tiene_mas);
        }
        Ok((items, tiene_mas))
    }

    fn pagina(&self, ruta: &str, lista: &Lista, pagina: &Pagina) -> Result<PaginaLeida, Fallo> {
        match self {
            Self::Api(cliente) => {
                let despues = pagina.despues.as_deref().map(|d| format!("&despues={}", en_ruta(d))).unwrap_or_default();
                let respuesta = cliente.get(&format!("{ruta}limite={}{despues}", pagina.limite))?;
                match respuesta.estado {
                    200 => {}
                    400 => return Err(parametros_negados(respuesta.cuerpo["detail"].as_str().unwrap_or_default())),
                    _ => return Err(cliente.mal_estado(&respuesta)),
                }
                let cuerpo = respuesta.cuerpo;
                Ok(PaginaLeida {
                    items: cuerpo["items"].as_array().cloned().unwrap_or_default(),
                    despues: cuerpo["despues"].as_str().map(str::to_owned),
                    tiene_mas: cuerpo["tiene_mas"].as_bool().unwrap_or_default(),
                })
            }
            Self::Nodo(node) => node.lecturas().listar(lista, pagina).map_err(|error| match error {
                ErrorLectura::Parametro(por_que) => parametros_negados(&por_que),
                otro => de_lectura(&otro.to_string()),
            }),
        }
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
fn en_marcha(contexto: &Contexto) -> Option<String> {
    let de_la_demo = contexto.carpeta_sin_elegir().then(|| PathBuf::from(CARPETA_DEMO));
    [Some(contexto.carpeta()), de_la_demo].into_iter().flatten().find_map(|carpeta| match node::inspeccionar(&carpeta) {
        Ok(EstadoCarpeta::EnUso(Some(Proceso { url, .. }))) => url,
        _ => None,
    })
}

/// Address of the process to ask: that of `--url`, or the one that uses the folder.
pub fn proceso(contexto: &Contexto) -> Option<String> {
    contexto.url.clone().or_else(|| en_marcha(contexto))
}

/// What to do without data, for an order that a process in course can answer too.
pub const DATOS_O_PROCESO: &str =
    "Indique la carpeta con --datos, o un proceso en marcha con --url. Para empezar: factumarket demo.";

/// A folder that does not exist has nothing to tell, and is not made.
///
/// # Errors
/// `NoEncontrado`, with what to do.
pub fn exigir_datos(contexto: &Contexto, hacer: &str) -> Result<(), Fallo> {
    let carpeta = contexto.carpeta();
    if !matches!(node::inspeccionar(&carpeta), Ok(EstadoCarpeta::Nueva)) {
        return Ok(());
    }
    let que = format!("no hay datos en {}", carpeta.display());
    Err(Fallo::new(Clase::NoEncontrado, que, "la carpeta no existe o está vacía", hacer))
}

/// For an order that reads the folder itself: it has data, and no process uses it. `que` and `hacer` tell of the process.
///
/// # Errors
/// `Conflicto` with a process; `NoEncontrado` without data.
pub fn exigir_libre(contexto: &Contexto, que: &str, hacer: &str) -> Result<(), Fallo> {
    if let Some(url) = proceso(contexto) {
        return Err(Fallo::new(Clase::Conflicto, que, format!("los atiende el proceso de {url}"), hacer));
    }
    exigir_datos(contexto, "Indique la carpeta con --datos. Para empezar: factumarket demo.")
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

fn parametros_negados(por_que: &str) -> Fallo {
    Fallo::new(Clase::Uso, "la consulta no se puede responder", por_que, "Cambie las opciones de la orden; vea su --ayuda.")
}

fn de_lectura(causa: &str) -> Fallo {
    Fallo::new(Clase::Servicio, "no se pudo leer lo guardado", causa, "Repita la orden; si sigue, vea factumarket doctor.")
}
