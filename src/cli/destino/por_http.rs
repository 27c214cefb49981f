//! Requests to the API of a running process.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use ureq::{Agent, http::Response};

use super::{Destino, Espera, juntar};
use crate::{
    cli::{
        fallo::{Clase, Fallo},
        peticion::{Desenlace, Edicion, FacturaHecha, Motivo, Peticion, Recurso},
    },
    domain::valores::{Decimal, Dinero, decimal_exacto},
};

/// Time-out of one call: above the longest wait that the API grants.
const PLAZO: Duration = Duration::from_secs(40);
/// How long a busy service or a saga in course is waited for.
const PACIENCIA: Duration = Duration::from_secs(120);
/// An answer of the API is far below.
const MAX_RESPUESTA: u64 = 16 << 20;
/// Connections of an import.
const HILOS: usize = 16;
const COLA_POR_HILO: usize = 64;

/// Client of the API of one process. Cheap to clone.
#[derive(Clone)]
pub struct ClienteHttp {
    base: String,
    agente: Agent,
}

/// An answer of the API.
pub struct RespuestaHttp {
    pub estado: u16,
    pub repetida: bool,
    pub cuerpo: Value,
    reintentar: Option<Duration>,
}

impl ClienteHttp {
    /// `base` is `http://IP:puerto`, without a path.
    pub fn new(base: &str) -> Self {
        Self::con_plazo(base, PLAZO)
    }

    /// A client for calls that take longer than usual.
    pub fn con_plazo(base: &str, plazo: Duration) -> Self {
        let agente = Agent::config_builder()
            .timeout_global(Some(plazo))
            .http_status_as_error(false)
            .max_idle_connections_per_host(HILOS)
            .user_agent(concat!("factumarket/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { base: base.trim_end_matches('/').to_owned(), agente }
    }

    /// # Errors
    /// Class `Servicio` when there is no answer.
    pub fn get(&self, ruta: &str) -> Result<RespuestaHttp, Fallo> {
        let respuesta = self.agente.get(format!("{}{ruta}", self.base)).call().map_err(|e| self.sin_respuesta(&e))?;
        self.leer(respuesta)
    }

    /// # Errors
    /// Class `Servicio` when there is no answer.
    pub fn post(&self, ruta: &str, clave: &str, cuerpo: &Value) -> Result<RespuestaHttp, Fallo> {
        let pedido = self.agente.post(format!("{}{ruta}", self.base)).header("Idempotency-Key", clave).header("Prefer", "wait=30");
        let respuesta = pedido.send_json(cuerpo).map_err(|e| self.sin_respuesta(&e))?;
        self.leer(respuesta)
    }

    /// A request with its key and the version it expects.
    fn mandar(&self, peticion: &Peticion, llamada: &Llamada) -> Result<RespuestaHttp, Fallo> {
        let url = format!("{}{}", self.base, llamada.ruta);
        let version = peticion.version_esperada.map(|version| format!("\"{version}\""));
        let respuesta = match &llamada.cuerpo {
            Some(cuerpo) => {
                let pedido = self.agente.post(url).header("Idempotency-Key", &peticion.clave).header("Prefer", "wait=30");
                let pedido = version.iter().fold(pedido, |pedido, version| pedido.header("If-Match", version));
                pedido.send_json(cuerpo)
            }
            None => {
                let pedido = self.agente.delete(url).header("Idempotency-Key", &peticion.clave).header("Prefer", "wait=30");
                version.iter().fold(pedido, |pedido, version| pedido.header("If-Match", version)).call()
            }
        };
        self.leer(respuesta.map_err(|e| self.sin_respuesta(&e))?)
    }

    /// One request to its end: waits for a busy service and for a saga in course.
    ///
    /// # Errors
    /// Class `Servicio` when there is no answer, or none in time.
    pub fn pedir(&self, peticion: &Peticion) -> Result<Desenlace, Fallo> {
        let llamada = llamada(peticion);
        let inicio = Instant::now();
        loop {
            let respuesta = self.mandar(peticion, &llamada)?;
            let pausa = match respuesta.estado {
                200 | 201 => return Ok(respuesta.aceptada(peticion.recurso)),
                // Sent again with its key, it answers what it came to.
                202 => Duration::from_millis(200),
                429 | 503 => respuesta.reintentar.unwrap_or(Duration::from_secs(1)),
                400..=499 => return Ok(Desenlace::Rechazada(respuesta.motivos())),
                _ => return Err(self.mal_estado(&respuesta)),
            };
            if inicio.elapsed() > PACIENCIA {
                return Err(self.mal_estado(&respuesta));
            }
            thread::sleep(pausa.min(Duration::from_secs(5)));
        }
    }

    fn leer(&self, respuesta: Response<ureq::Body>) -> Result<RespuestaHttp, Fallo> {
        let estado = respuesta.status().as_u16();
        let encabezado = |nombre: &str| respuesta.headers().get(nombre).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let repetida = encabezado("idempotent-replayed").as_deref() == Some("true");
        let reintentar = encabezado("retry-after").and_then(|t| t.parse().ok()).map(Duration::from_secs);
        let texto =
            respuesta.into_body().with_config().limit(MAX_RESPUESTA).read_to_string().map_err(|e| self.sin_respuesta(&e))?;
        let cuerpo = serde_json::from_str(&texto).unwrap_or(Value::Null);
        Ok(RespuestaHttp { estado, repetida, cuerpo, reintentar })
    }

    fn sin_respuesta(&self, e: &ureq::Error) -> Fallo {
        Fallo::new(
            Clase::Servicio,
            format!("no responde la API en {}", self.base),
            e.to_string(),
            "Compruebe que el proceso está en marcha (factumarket servir) y la dirección de --url.",
        )
    }

    /// An answer that should not have come.
    pub fn mal_estado(&self, respuesta: &RespuestaHttp) -> Fallo {
        let estado = respuesta.estado;
        let detalle = respuesta.cuerpo.get("detail").and_then(Value::as_str).unwrap_or("sin explicación").to_owned();
        Fallo::new(
            Clase::Servicio,
            format!("la API en {} respondió {estado}", self.base),
            detalle,
            "Espere y repita la orden: lo ya hecho no se repite. Si sigue, vea la bitácora del proceso.",
        )
    }
}

impl RespuestaHttp {
    fn aceptada(&self, recurso: Recurso) -> Desenlace {
        let texto = |campo: &str| self.cuerpo.get(campo).and_then(Value::as_str).unwrap_or_default().to_owned();
        let total = decimal_exacto(&texto("total")).ok().and_then(|d: Decimal| Dinero::nuevo(d).ok());
        let documento = |total| FacturaHecha { factura_id: texto("id"), numero: texto("numero"), total, moneda: texto("moneda") };
        Desenlace::Aceptada {
            repetida: self.repetida,
            factura: total.filter(|_| recurso.da_documento()).map(documento),
            id: texto("id"),
            version: self.cuerpo.get("version").and_then(Value::as_u64),
        }
    }

    /// The `errores` of a problem, or its title when it has none.
    pub fn motivos(&self) -> Vec<Motivo> {
        let texto = |valor: &Value, campo: &str| valor.get(campo).and_then(Value::as_str).unwrap_or_default().to_owned();
        let lista = self.cuerpo.get("errores").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let motivos: Vec<_> = lista
            .iter()
            .map(|e| Motivo {
                regla: texto(e, "regla"),
                campo: texto(e, "campo"),
                mensaje: texto(e, "mensaje"),
                datos: e.get("datos").and_then(Value::as_object).map(datos).unwrap_or_default(),
            })
            .collect();
        if !motivos.is_empty() {
            return motivos;
        }
        let codigo = texto(&self.cuerpo, "codigo");
        let codigo = if codigo.is_empty() { format!("Http{}", self.estado) } else { codigo };
        vec![Motivo::new(&codigo, texto(&self.cuerpo, "detail"))]
    }
}

fn datos(objeto: &serde_json::Map<String, Value>) -> Vec<(String, String)> {
    objeto.iter().map(|(n, v)| (n.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_owned))).collect()
}

/// A request of the API: a POST with its body, or a DELETE without one.
struct Llamada {
    ruta: String,
    cuerpo: Option<Value>,
}

/// Takes a field of the body that the route has in its address.
fn tomar(cuerpo: &mut Value, campo: &str) -> String {
    let valor = cuerpo.as_object_mut().and_then(|c| c.shift_remove(campo)).unwrap_or(Value::Null);
    en_ruta(&valor.as_str().map_or_else(|| valor.to_string(), str::to_owned))
}

fn llamada(peticion: &Peticion) -> Llamada {
    let mut cuerpo = peticion.cuerpo.clone();
    let ruta = match peticion.recurso {
        Recurso::Bodega => "bodegas".to_owned(),
        Recurso::Producto => "productos".to_owned(),
        Recurso::Cliente => "clientes".to_owned(),
        Recurso::Inventario => "inventarios".to_owned(),
        Recurso::Factura => "facturas".to_owned(),
        Recurso::Nota => "notas-credito".to_owned(),
        Recurso::Anulacion => format!("facturas/{}/anular", tomar(&mut cuerpo, "factura_id")),
        Recurso::RespuestaDian => format!("facturas/{}/respuesta-dian", tomar(&mut cuerpo, "factura_id")),
        Recurso::Entrada => {
            let (producto, bodega) = (tomar(&mut cuerpo, "producto_id"), tomar(&mut cuerpo, "bodega_id"));
            format!("inventarios/{producto}/{bodega}/entradas")
        }
        Recurso::Borrador(Edicion::Crear) => "facturas?emitir=false".to_owned(),
        Recurso::Borrador(Edicion::Quitar) => {
            let (factura, linea) = (tomar(&mut cuerpo, "factura_id"), tomar(&mut cuerpo, "linea"));
            return Llamada { ruta: format!("/api/v1/facturas/{factura}/lineas/{linea}"), cuerpo: None };
        }
        Recurso::Borrador(edicion) => format!("facturas/{}/{}", tomar(&mut cuerpo, "factura_id"), accion(edicion)),
    };
    Llamada { ruta: format!("/api/v1/{ruta}"), cuerpo: Some(cuerpo) }
}

/// The last part of the route of a change.
fn accion(edicion: Edicion) -> &'static str {
    match edicion {
        Edicion::Linea | Edicion::Quitar => "lineas",
        Edicion::Descuento => "descuentos",
        Edicion::Pagos => "formas-pago",
        Edicion::Fechas => "fechas",
        Edicion::Emitir => "emitir",
        Edicion::Descartar => "descartar",
        Edicion::Crear => "",
    }
}

/// Percent-encodes what has no place in a path: ids need none of it, what a user types may.
pub fn en_ruta(texto: &str) -> String {
    let mut ruta = String::with_capacity(texto.len());
    for byte in texto.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~') {
            ruta.push(char::from(byte));
        } else {
            ruta.push_str(&format!("%{byte:02X}"));
        }
    }
    ruta
}

type Encargo = (Vec<Peticion>, SyncSender<Result<Desenlace, Fallo>>);

/// Many requests at once over a few connections. The requests on one Inventario all go through the same connection: their order is
/// the order of its lots.
pub struct PorHttp {
    hilos: Vec<SyncSender<Encargo>>,
    turno: usize,
}

impl PorHttp {
    pub fn new(cliente: &ClienteHttp) -> Self {
        let hilos = (0..HILOS)
            .map(|_| {
                let (entrada, encargos) = mpsc::sync_channel::<Encargo>(COLA_POR_HILO);
                let cliente = cliente.clone();
                thread::spawn(move || atender(&cliente, &encargos));
                entrada
            })
            .collect();
        Self { hilos, turno: 0 }
    }

    fn hilo(&mut self, peticiones: &[Peticion]) -> usize {
        let entrada = peticiones.iter().find(|p| p.recurso == Recurso::Entrada);
        match entrada {
            Some(entrada) => {
                let mut huella = DefaultHasher::new();
                ["producto_id", "bodega_id"].map(|c| entrada.cuerpo.get(c).map(Value::to_string)).hash(&mut huella);
                usize::try_from(huella.finish() % HILOS as u64).unwrap_or(0)
            }
            None => {
                self.turno = (self.turno + 1) % HILOS;
                self.turno
            }
        }
    }
}

/// Ends when its `PorHttp` goes. An answer that nobody waits for any more is dropped.
fn atender(cliente: &ClienteHttp, encargos: &Receiver<Encargo>) {
    while let Ok((peticiones, respuesta)) = encargos.recv() {
        let desenlaces: Result<Vec<_>, _> = peticiones.iter().map(|p| cliente.pedir(p)).collect();
        let _ = respuesta.send(desenlaces.map(juntar));
    }
}

impl Destino for PorHttp {
    fn enviar(&mut self, peticiones: Vec<Peticion>) -> Result<Espera, Fallo> {
        let hilo = self.hilo(&peticiones);
        let (respuesta, espera) = mpsc::sync_channel(1);
        let cerrado =
            || Fallo::new(Clase::Servicio, "la conexión con la API se cerró", "un hilo del cliente terminó", "Repita la orden.");
        self.hilos[hilo].send((peticiones, respuesta)).map_err(|_| cerrado())?;
        Ok(Box::new(move || espera.recv().map_err(|_| cerrado())?))
    }
}
