//! What the edge is made of: ports, options and hooks that the node hands over.

use std::{sync::Arc, time::Duration};

use prometheus::Registry;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{dlq::CartasMuertas, lecturas::Lecturas, metricas::Metricas, proyecciones::Proyecciones};
use crate::{
    domain::valores::Id,
    engine::{
        gateway::Gateway,
        ports::{Clock, Ids},
    },
    log::Log,
};

/// Reads that may wait for the projections at once; more are told to retry.
const MAXIMO_ESPERAS: usize = 64;

/// Limits and switches of the edge.
#[derive(Debug, Clone)]
pub struct Opciones {
    /// Largest body of an invoice, in bytes; other bodies take at most [`Opciones::CUERPO_MENOR`]. Default 1 MiB.
    pub max_cuerpo_bytes: usize,
    /// Requests served at once; the others get 503. Default 1,024.
    pub max_peticiones: usize,
    /// Open connections; more wait to be accepted. Default 4,096.
    pub max_conexiones: usize,
    /// Longest time of a request. Default 35 s.
    pub plazo_peticion: Duration,
    /// How long a POST waits for its outcome when the caller does not say. Default 2 s.
    pub espera: Duration,
    /// Whether commands and queries are served; else only health, metrics and the contract. Default true.
    pub api: bool,
    /// Switch of the issuer: check the modulus of public and juridical RUCs.
    pub verificar_digito_ruc: bool,
    /// Whether the log can forget a client: its personal data are sealed. Default true.
    pub olvida: bool,
}

impl Opciones {
    /// Largest body of anything that is not an invoice.
    pub const CUERPO_MENOR: usize = 256 * 1024;
}

impl Default for Opciones {
    fn default() -> Self {
        Self {
            max_cuerpo_bytes: 1024 * 1024,
            max_peticiones: 1_024,
            max_conexiones: 4_096,
            plazo_peticion: Duration::from_secs(35),
            espera: Duration::from_secs(2),
            api: true,
            verificar_digito_ruc: false,
            olvida: true,
        }
    }
}

/// How the process is.
#[derive(Debug, Clone, PartialEq)]
pub struct Salud {
    /// False when only a restart helps (the log is poisoned).
    pub vivo: bool,
    /// The first load of state ended.
    pub arrancado: bool,
    /// State is loaded and commands are taken.
    pub listo: bool,
    /// Why it is not, for people.
    pub motivos: Vec<String>,
    /// Fixed clock, versions, positions, lag: an object, shown as it is.
    pub detalle: Value,
}

/// Answers `/salud/*`; must not block.
pub trait Health: Send + Sync + 'static {
    fn salud(&self) -> Salud;
}

/// A query that was answered, for `ConsultaRealizada`.
#[derive(Debug, Clone, PartialEq)]
pub struct Consulta<'a> {
    /// `facturas.obtener`, `facturas.listar`…
    pub nombre: &'static str,
    pub factura_id: Option<&'a Id>,
    pub parametros: &'a [(String, String)],
    pub correlation_id: &'a Id,
    pub usuario: Option<&'a str>,
}

/// Told of every query that was answered; must not block.
pub trait QueryAudit: Send + Sync + 'static {
    fn record(&self, consulta: &Consulta<'_>);
}

/// Runs the verification of the whole log and gives its report; blocks for as long as it takes.
pub type Verificacion = Arc<dyn Fn(bool) -> Result<Value, String> + Send + Sync>;

/// Runs the verification of the audit's seals and gives its report; blocks for as long as it takes.
pub type VerificacionDeSellos = Arc<dyn Fn() -> Result<Value, String> + Send + Sync>;

/// What the node hands over.
pub struct Partes {
    pub gateway: Arc<dyn Gateway>,
    pub lecturas: Arc<dyn Lecturas>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub health: Arc<dyn Health>,
    pub registry: Registry,
    pub opciones: Opciones,
    /// Where `X-Factumarket-Despues-De` reads how far the log is; without it no token is given.
    pub log: Option<Arc<dyn Log>>,
    pub auditoria: Option<Arc<dyn QueryAudit>>,
    pub verificacion: Option<Verificacion>,
    pub verificacion_de_sellos: Option<VerificacionDeSellos>,
    pub dlq: Option<Arc<dyn CartasMuertas>>,
    pub proyecciones: Option<Arc<dyn Proyecciones>>,
}

/// State shared by every request.
pub struct AppState {
    pub partes: Partes,
    pub(super) metricas: Metricas,
    pub(super) permisos: Arc<Semaphore>,
    /// Reads that wait for the projections.
    pub(super) esperas: Semaphore,
    /// One verification at a time.
    pub(super) verificando: Arc<Semaphore>,
    /// One order about dead letters at a time.
    pub(super) en_dlq: Arc<Semaphore>,
}

impl AppState {
    /// # Errors
    /// When the registry already has our metrics.
    pub fn new(partes: Partes) -> Result<Arc<Self>, prometheus::Error> {
        let metricas = Metricas::new(&partes.registry)?;
        let permisos = Arc::new(Semaphore::new(partes.opciones.max_peticiones.min(Semaphore::MAX_PERMITS)));
        Ok(Arc::new(Self {
            partes,
            metricas,
            permisos,
            esperas: Semaphore::new(MAXIMO_ESPERAS),
            verificando: Arc::new(Semaphore::new(1)),
            en_dlq: Arc::new(Semaphore::new(1)),
        }))
    }
}
