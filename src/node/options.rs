//! What a node is started with.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use super::Papeles;
use crate::{
    config::{
        AjustesDatosPersonales, AjustesEsquemas, AjustesKafka, AjustesSellos, AjustesTablas, Configuracion, ConsultasAuditadas,
        TipoRegistro,
    },
    domain::emisor::Emisor,
    engine::ports::{Clock, Ids, SystemClock, SystemIds},
    http,
};

/// Everything a node takes. [`NodeOptions::new`] fills it from a configuration; tests change what they need.
#[derive(Clone)]
pub struct NodeOptions {
    pub carpeta: PathBuf,
    pub emisor: Emisor,
    pub clock: Arc<dyn Clock>,
    /// The clock stands still (`servir --reloj`): shown in `/salud`.
    pub reloj_fijo: bool,
    pub ids: Arc<dyn Ids>,
    /// Where the API answers; `None` serves none. Port 0 takes a free one.
    pub http: Option<SocketAddr>,
    pub http_opciones: http::Opciones,
    pub papeles: Papeles,
    pub proyecciones: bool,
    /// Where the tables are; `None`: in the folder.
    pub tablas: Option<AjustesTablas>,
    pub hilos_proyecciones: usize,
    pub consultas_auditadas: ConsultasAuditadas,
    /// How the audit is sealed, by the process that feeds the tables.
    pub sellos: AjustesSellos,
    /// Whether and how personal data are sealed.
    pub datos_personales: AjustesDatosPersonales,
    /// Name of this node, on its log.
    pub nodo: String,
    /// Where the log is; `None`: in the folder.
    pub kafka: Option<AjustesKafka>,
    /// Where the ids of the schemas come from, when the log is Kafka's.
    pub esquemas: AjustesEsquemas,
    /// Partitions of each topic; fixed when the folder is made.
    pub particiones: u16,
    pub epoca_max_registros: usize,
    pub epoca_max_bytes: usize,
    /// Memory for active aggregates, in bytes.
    pub memoria_bytes: usize,
    pub instantanea_cada: u64,
    pub max_en_curso: usize,
    pub retencion_comandos: Duration,
    pub retencion_respuestas: Duration,
    pub cache_bytes: u64,
}

impl NodeOptions {
    /// A node of the configuration, with the machine's clock and without API.
    pub fn new(configuracion: &Configuracion) -> Self {
        let emisor = configuracion.emisor();
        let servidor = &configuracion.servidor;
        let http_opciones = http::Opciones {
            max_cuerpo_bytes: servidor.max_cuerpo_bytes,
            max_peticiones: servidor.max_peticiones,
            plazo_peticion: servidor.plazo_peticion,
            verificar_digito_ruc: emisor.verificar_digito_ruc,
            ..http::Opciones::default()
        };
        Self {
            carpeta: configuracion.carpeta.clone(),
            emisor,
            clock: SystemClock::new(),
            reloj_fijo: false,
            ids: Arc::new(SystemIds),
            http: None,
            http_opciones,
            papeles: Papeles::TODOS,
            proyecciones: configuracion.proyecciones.activas,
            tablas: configuracion.tablas.clone(),
            hilos_proyecciones: configuracion.proyecciones.hilos,
            consultas_auditadas: configuracion.auditoria.consultas,
            sellos: configuracion.auditoria.sellos.clone(),
            datos_personales: configuracion.datos_personales.clone(),
            nodo: configuracion.motor.nodo.clone(),
            kafka: (configuracion.registro.tipo == TipoRegistro::Kafka).then(|| configuracion.kafka.clone()),
            esquemas: configuracion.esquemas.clone(),
            particiones: configuracion.motor.particiones,
            epoca_max_registros: configuracion.motor.epoca_max_registros,
            epoca_max_bytes: configuracion.motor.epoca_max_bytes,
            memoria_bytes: configuracion.motor.memoria_bytes,
            instantanea_cada: configuracion.motor.instantanea_cada,
            max_en_curso: configuracion.motor.max_en_curso,
            retencion_comandos: configuracion.registro.retencion_comandos,
            retencion_respuestas: configuracion.registro.retencion_respuestas,
            cache_bytes: configuracion.registro.cache_bytes,
        }
    }
}
