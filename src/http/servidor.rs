//! The router made from the table of routes, what surrounds every handler, and the accept loop.

use std::{
    future::Future,
    io,
    pin::pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{RawPathParams, Request, State},
    http::{HeaderName, HeaderValue, Method, Response, header},
    response::IntoResponse,
    routing::on,
};
use hyper_util::{rt::TokioIo, rt::TokioTimer, server::graceful::GracefulShutdown, service::TowerToHyperService};
use tokio::{net::TcpListener, sync::Semaphore};

use super::{
    comandos::texto_encabezado,
    estado::{AppState, Consulta, Opciones},
    peticion::{CORRELACION, Peticion, leer_consulta, leer_correlacion, leer_cuerpo},
    problema::{Problema, Ubicacion},
    rutas::{Clase, Cuerpo, RUTAS, Respondido, Ruta},
};
use crate::domain::valores::Id;

/// Label of requests to no known route.
const SIN_RUTA: &str = "desconocida";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest path quoted in an answer.
const LARGO_INSTANCE: usize = 300;
/// A verification reads the whole log.
const PLAZO_LARGO: Duration = Duration::from_secs(3_600);
/// How long the head of a request may take to arrive, and an idle connection stays open.
const PLAZO_ENCABEZADOS: Duration = Duration::from_secs(30);
/// Memory that one connection may hold unread; the head of a request must fit in it.
const BUFER_CONEXION: usize = 64 * 1024;
const MAXIMO_ENCABEZADOS: usize = 64;
/// How long open requests have to end once the server stops: the whole process has ten seconds.
const PLAZO_CIERRE: Duration = Duration::from_secs(4);
/// Pause after the system refused a connection (out of descriptors): accepting at once would fail again.
const PAUSA_TRAS_ERROR: Duration = Duration::from_millis(100);

/// Serves until `shutdown` resolves; then lets the requests in hand end, at most four seconds.
///
/// # Errors
/// When the listener has no local address any more. Failures of single connections never stop the server.
pub async fn serve(state: Arc<AppState>, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
    let direccion = listener.local_addr()?;
    tracing::info!(codigo = "HttpAtiende", %direccion, "la API atiende");
    let cupos = Arc::new(Semaphore::new(state.partes.opciones.max_conexiones.min(Semaphore::MAX_PERMITS)));
    let servicio = TowerToHyperService::new(router(state));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(PLAZO_ENCABEZADOS)
        .max_headers(MAXIMO_ENCABEZADOS)
        .max_buf_size(BUFER_CONEXION);
    let conexiones = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let aceptar = async {
            // The permit comes first: with no room the connection waits in the system's queue.
            let cupo = Arc::clone(&cupos).acquire_owned().await;
            (cupo, listener.accept().await)
        };
        let (cupo, aceptada) = tokio::select! {
            () = &mut shutdown => break,
            aceptada = aceptar => aceptada,
        };
        let flujo = match aceptada {
            Ok((flujo, _)) => flujo,
            Err(error) => {
                tracing::warn!(codigo = "ConexionNoAceptada", %error, "no se pudo aceptar una conexión");
                tokio::time::sleep(PAUSA_TRAS_ERROR).await;
                continue;
            }
        };
        // Answers are small and waited for: they must not wait for the client's acknowledgement.
        let _ = flujo.set_nodelay(true);
        let conexion = conexiones.watch(http.serve_connection(TokioIo::new(flujo), servicio.clone()));
        tokio::spawn(async move {
            let _cupo = cupo;
            if let Err(error) = conexion.await {
                tracing::debug!(codigo = "ConexionRota", %error, "una conexión terminó antes de tiempo");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(PLAZO_CIERRE, conexiones.shutdown()).await.is_err() {
        tracing::warn!(codigo = "CierreForzado", "quedaron peticiones sin terminar al cerrar");
    }
    Ok(())
}

/// The router of the whole API.
pub fn router(state: Arc<AppState>) -> Router {
    let mut router = Router::new();
    for ruta in RUTAS {
        let manejador =
            move |State(estado): State<Arc<AppState>>, partes: PartesRuta, pedido: Request| atender(ruta, estado, partes, pedido);
        router = router.route(ruta.patron, on(ruta.metodo.filtro(), manejador));
    }
    router
        .fallback(|State(estado): State<Arc<AppState>>, pedido: Request| async move {
            sin_manejador(&estado, &pedido, Problema::ruta_desconocida())
        })
        .method_not_allowed_fallback(|State(estado): State<Arc<AppState>>, pedido: Request| async move {
            sin_manejador(&estado, &pedido, Problema::metodo_no_permitido())
        })
        .with_state(state)
}

type PartesRuta = Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>;

/// Marks of one request that every answer carries.
struct Marcas {
    inicio: Instant,
    request_id: String,
    instance: String,
    metodo: Method,
    correlation_id: Option<Id>,
    clave: Arc<OnceLock<String>>,
}

impl Marcas {
    fn nuevas(estado: &AppState, pedido: &Request) -> Self {
        Self {
            inicio: Instant::now(),
            request_id: estado.partes.ids.uuid_v7().to_string(),
            instance: pedido.uri().path().chars().take(LARGO_INSTANCE).collect(),
            metodo: pedido.method().clone(),
            correlation_id: None,
            clave: Arc::default(),
        }
    }

    fn cerrar(&self, estado: &AppState, ruta: &str, respondido: Respondido) -> Response<Body> {
        let ubicacion = Ubicacion { instance: &self.instance, request_id: &self.request_id };
        let mut respuesta = respondido.unwrap_or_else(|problema| problema.responder(&ubicacion));
        let encabezados = respuesta.headers_mut();
        encabezados.insert(REQUEST_ID, texto_encabezado(&self.request_id));
        encabezados.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(correlation_id) = &self.correlation_id {
            encabezados.insert(CORRELACION, texto_encabezado(correlation_id.as_str()));
        }
        if let Some(clave) = self.clave.get() {
            encabezados.insert("idempotency-key", texto_encabezado(clave));
        }
        let duracion = self.inicio.elapsed();
        let status = respuesta.status().as_u16();
        estado.metricas.anotar(ruta, metodo_conocido(&self.metodo), status, duracion);
        tracing::debug!(codigo = "Peticion", ruta, status, request_id = self.request_id, micros = duracion.as_micros() as u64);
        respuesta
    }
}

/// Methods are free text; as a label only the known ones count.
fn metodo_conocido(metodo: &Method) -> &'static str {
    match *metodo {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "OTRO",
    }
}

fn sin_manejador(estado: &AppState, pedido: &Request, problema: Problema) -> Response<Body> {
    Marcas::nuevas(estado, pedido).cerrar(estado, SIN_RUTA, Err(problema))
}

/// One request from its arrival to its answer. The handler runs in a task of its own: a panic there is a 500, and a command that
/// was sent is seen through even when the caller hangs up.
async fn atender(ruta: &'static Ruta, estado: Arc<AppState>, partes: PartesRuta, pedido: Request) -> impl IntoResponse {
    let mut marcas = Marcas::nuevas(&estado, &pedido);
    let permiso = match ruta.clase {
        Clase::Servicio => None,
        _ if !estado.partes.opciones.api => return marcas.cerrar(&estado, ruta.patron, Err(Problema::sin_api())),
        _ => match Arc::clone(&estado.permisos).try_acquire_owned() {
            Ok(permiso) => Some(permiso),
            Err(_) => return marcas.cerrar(&estado, ruta.patron, Err(Problema::sobrecarga())),
        },
    };
    let (correlacion, correlacion_dada) = leer_correlacion(pedido.headers(), &estado);
    marcas.correlation_id = correlacion.as_ref().ok().cloned();
    let correlation_id = match correlacion {
        Ok(id) => id,
        Err(problema) => return marcas.cerrar(&estado, ruta.patron, Err(problema)),
    };
    let origen = Origen { correlation_id, correlacion_dada, clave: Arc::clone(&marcas.clave) };
    let propio = Arc::clone(&estado);
    let tarea = tokio::spawn(async move {
        let _permiso = permiso;
        manejar(ruta, propio, partes, pedido, origen).await
    });
    let plazo = if ruta.clase == Clase::Larga { PLAZO_LARGO } else { estado.partes.opciones.plazo_peticion };
    let respondido = match tokio::time::timeout(plazo, tarea).await {
        Ok(Ok(respondido)) => respondido,
        Ok(Err(error)) => {
            let request_id = &marcas.request_id;
            tracing::error!(codigo = "ManejadorCaido", ruta = ruta.patron, request_id, %error, "un manejador terminó de golpe");
            Err(Problema::interno())
        }
        Err(_) => Err(Problema::plazo_agotado()),
    };
    marcas.cerrar(&estado, ruta.patron, respondido)
}

struct Origen {
    correlation_id: Id,
    correlacion_dada: bool,
    clave: Arc<OnceLock<String>>,
}

async fn manejar(ruta: &'static Ruta, estado: Arc<AppState>, partes: PartesRuta, pedido: Request, origen: Origen) -> Respondido {
    let partes = partes.map_err(|_| Problema::no_existe("una dirección así"))?;
    let partes = partes.iter().map(|(nombre, valor)| (nombre.to_owned(), valor.to_owned())).collect();
    let (cabeza, cuerpo) = pedido.into_parts();
    let limite = match ruta.clase {
        Clase::Comando(Cuerpo::Factura) => estado.partes.opciones.max_cuerpo_bytes,
        _ => Opciones::CUERPO_MENOR.min(estado.partes.opciones.max_cuerpo_bytes),
    };
    let cuerpo = leer_cuerpo(cuerpo, &cabeza.headers, limite).await?;
    let peticion = Arc::new(Peticion {
        partes,
        consulta: leer_consulta(&cabeza.uri)?,
        encabezados: cabeza.headers,
        cuerpo,
        correlation_id: origen.correlation_id,
        correlacion_dada: origen.correlacion_dada,
        clave: origen.clave,
        usuario: None,
        estado,
    });
    peticion.revisar_parametros(ruta.parametros)?;
    let respuesta = (ruta.manejador)(Arc::clone(&peticion)).await?;
    if let Clase::Consulta(nombre) = ruta.clase {
        anotar_consulta(&peticion, nombre);
    }
    Ok(respuesta)
}

/// Tells the audit, when there is one, who read what.
fn anotar_consulta(peticion: &Peticion, nombre: &'static str) {
    let Some(auditoria) = &peticion.estado.partes.auditoria else { return };
    let factura_id = match nombre {
        "facturas.obtener" | "auditoria.factura" | "auditoria.prueba" => peticion.id(0).ok(),
        _ => None,
    };
    let parametros: Vec<_> = peticion.partes.iter().chain(&peticion.consulta).cloned().collect();
    auditoria.record(&Consulta {
        nombre,
        factura_id: factura_id.as_ref(),
        parametros: &parametros,
        correlation_id: &peticion.correlation_id,
        usuario: peticion.usuario.as_deref(),
    });
}
