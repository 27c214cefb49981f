//! Which log a node works on: the one in its folder, or an installation of Kafka.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    NodeError, NodeOptions,
    carpeta::{self, Carpeta},
    start::almacen,
};
use crate::{
    config::AjustesKafka,
    log::{
        Log,
        embedded::{EmbeddedLog, EmbeddedLogOptions},
        topology::{Sizes, Topology},
    },
};

/// Longest topology file that is read.
const MAX_TOPOLOGIA_BYTES: u64 = 1 << 20;

/// Opens the log of the configuration, and makes sure that what else is in the folder belongs to it.
pub(super) fn open_log(carpeta: &Carpeta, options: &NodeOptions) -> Result<Arc<dyn Log>, NodeError> {
    match &options.kafka {
        None => {
            carpeta.es_del_registro(carpeta::EMBEBIDO)?;
            Ok(open_embedded(&carpeta.registro(), options)?)
        }
        Some(kafka) => open_kafka(carpeta, options, kafka),
    }
}

fn open_embedded(dir: &Path, options: &NodeOptions) -> Result<Arc<EmbeddedLog>, NodeError> {
    let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
    let log = EmbeddedLog::open(
        dir,
        EmbeddedLogOptions {
            partitions: options.particiones,
            command_retention: micros(options.retencion_comandos),
            reply_retention: micros(options.retencion_respuestas),
            cache_bytes: usize::try_from(options.cache_bytes / 2).unwrap_or(usize::MAX),
            store_cache_bytes: options.cache_bytes / 2,
            ..EmbeddedLogOptions::default()
        },
    );
    log.map_err(almacen)
}

/// The topology of the configuration.
///
/// # Errors
/// A file that cannot be read or is not a topology.
pub fn topologia(kafka: &AjustesKafka, particiones: u16) -> Result<Topology, NodeError> {
    let sizes = Sizes {
        partitions: particiones,
        reply_partitions: kafka.particiones_respuestas,
        replicas: kafka.replicas,
        min_insync: kafka.min_en_sincronia,
        prefix: kafka.prefijo.clone(),
    };
    if kafka.topologia.is_empty() {
        return Topology::bundled(&sizes).map_err(almacen);
    }
    let texto = leer("kafka.topologia", &kafka.topologia, MAX_TOPOLOGIA_BYTES)?;
    Topology::parse(&texto, &kafka.topologia, &sizes).map_err(almacen)
}

/// Text of a file that a setting names.
pub(super) fn leer(ajuste: &str, ruta: &str, max: u64) -> Result<String, NodeError> {
    let fallo = |causa: String| NodeError::Almacen(format!("no se puede leer {ruta}, que indica {ajuste}: {causa}"));
    let leido = carpeta::leer_texto(Path::new(ruta), max).map_err(|e| fallo(e.to_string()))?;
    leido.ok_or_else(|| fallo("no existe".to_owned()))
}

#[cfg(not(feature = "kafka"))]
fn open_kafka(_: &Carpeta, _: &NodeOptions, _: &AjustesKafka) -> Result<Arc<dyn Log>, NodeError> {
    Err(NodeError::Almacen(
        "este programa se construyó sin Kafka: constrúyalo con `cargo build --release --features kafka`".to_owned(),
    ))
}

#[cfg(feature = "kafka")]
fn open_kafka(carpeta: &Carpeta, options: &NodeOptions, kafka: &AjustesKafka) -> Result<Arc<dyn Log>, NodeError> {
    use crate::log::kafka::KafkaLog;

    let opciones = opciones_de_kafka(kafka, &options.nodo, options.particiones)?;
    let log = KafkaLog::open(opciones).map_err(almacen)?;
    // Positions kept in the folder are of this cluster and prefix, and of no other.
    let cluster = log.cluster_id().map_err(almacen)?;
    carpeta.es_del_registro(&format!("kafka {cluster} «{}»", kafka.prefijo))?;
    Ok(log)
}

/// What the adapter is opened with. Secrets are read from their files here.
///
/// # Errors
/// A file that cannot be read, a setting that contradicts another.
#[cfg(feature = "kafka")]
pub fn opciones_de_kafka(kafka: &AjustesKafka, nodo: &str, particiones: u16) -> Result<crate::log::kafka::KafkaOptions, NodeError> {
    Ok(crate::log::kafka::KafkaOptions {
        brokers: kafka.brokers.clone(),
        node: nodo.to_owned(),
        topology: topologia(kafka, particiones)?,
        extra: seguridad::ajustes(kafka)?,
        session: kafka.sesion,
        static_membership: true,
        transaction: kafka.transaccion,
    })
}

/// The security of the connection, by the names of the client library.
#[cfg(feature = "kafka")]
mod seguridad {
    use std::collections::BTreeMap;

    use super::{NodeError, leer};
    use crate::config::{AjustesKafka, SeguridadKafka};

    /// Longest password file.
    const MAX_CONTRASENA_BYTES: u64 = 4_096;

    fn protocolo(seguridad: SeguridadKafka) -> &'static str {
        match seguridad {
            SeguridadKafka::Ninguna => "plaintext",
            SeguridadKafka::Tls => "ssl",
            SeguridadKafka::Sasl => "sasl_plaintext",
            SeguridadKafka::SaslTls => "sasl_ssl",
        }
    }

    pub(super) fn ajustes(kafka: &AjustesKafka) -> Result<BTreeMap<String, String>, NodeError> {
        let mut ajustes = BTreeMap::from([("security.protocol".to_owned(), protocolo(kafka.seguridad).to_owned())]);
        let tls = matches!(kafka.seguridad, SeguridadKafka::Tls | SeguridadKafka::SaslTls);
        let sasl = matches!(kafka.seguridad, SeguridadKafka::Sasl | SeguridadKafka::SaslTls);
        let archivos = [
            ("ssl.ca.location", "kafka.ca_archivo", &kafka.ca_archivo),
            ("ssl.certificate.location", "kafka.certificado_archivo", &kafka.certificado_archivo),
            ("ssl.key.location", "kafka.clave_archivo", &kafka.clave_archivo),
        ];
        for (nombre, ajuste, valor) in archivos.into_iter().filter(|(_, _, valor)| !valor.is_empty()) {
            if !tls {
                return Err(sobra(ajuste, "tls o sasl_tls"));
            }
            ajustes.insert(nombre.to_owned(), valor.clone());
        }
        if sasl {
            if kafka.usuario.is_empty() || kafka.contrasena_archivo.is_empty() {
                return Err(NodeError::Almacen(
                    "kafka.seguridad pide SASL: faltan kafka.usuario o kafka.contrasena_archivo".to_owned(),
                ));
            }
            let contrasena = leer("kafka.contrasena_archivo", &kafka.contrasena_archivo, MAX_CONTRASENA_BYTES)?;
            ajustes.insert("sasl.mechanism".to_owned(), kafka.mecanismo.clone());
            ajustes.insert("sasl.username".to_owned(), kafka.usuario.clone());
            ajustes.insert("sasl.password".to_owned(), contrasena.trim_end_matches(['\r', '\n']).to_owned());
        } else if !kafka.usuario.is_empty() {
            return Err(sobra("kafka.usuario", "sasl o sasl_tls"));
        }
        for par in kafka.ajustes.split(';').map(str::trim).filter(|par| !par.is_empty()) {
            let Some((nombre, valor)) = par.split_once('=') else {
                return Err(NodeError::Almacen(format!("kafka.ajustes: «{par}» no es clave=valor")));
            };
            ajustes.insert(nombre.trim().to_owned(), valor.trim().to_owned());
        }
        Ok(ajustes)
    }

    fn sobra(ajuste: &str, seguridad: &str) -> NodeError {
        NodeError::Almacen(format!("{ajuste} no tiene efecto con esta kafka.seguridad: póngala en {seguridad}, o quítelo"))
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::config::{Fuentes, cargar};

        fn kafka(ajustes: &[(&str, &str)]) -> AjustesKafka {
            let ordenes = ajustes.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned(), format!("--set {n}"))).collect();
            cargar(&Fuentes { ordenes, ..Fuentes::default() }).expect("configuración").kafka
        }

        #[test]
        fn la_seguridad_se_traduce_y_lo_que_sobra_o_falta_se_dice() {
            let texto = |ajustes_dados: &[(&str, &str)]| ajustes(&kafka(ajustes_dados)).expect_err("rechazado").to_string();
            let abierta = ajustes(&kafka(&[])).expect("sin seguridad");
            assert_eq!(abierta["security.protocol"], "plaintext");
            assert!(texto(&[("kafka.ca_archivo", "ca.pem")]).contains("kafka.ca_archivo no tiene efecto"));
            assert!(texto(&[("kafka.seguridad", "sasl")]).contains("faltan kafka.usuario"));
            assert!(texto(&[("kafka.usuario", "ana")]).contains("kafka.usuario no tiene efecto"));
            assert!(texto(&[("kafka.ajustes", "sin igual")]).contains("«sin igual» no es clave=valor"));
            let sin_archivo = [("kafka.seguridad", "sasl_tls"), ("kafka.usuario", "ana"), ("kafka.contrasena_archivo", "/no/hay")];
            assert!(texto(&sin_archivo).contains("que indica kafka.contrasena_archivo"));
            let carpeta = tempfile::tempdir().expect("carpeta");
            let archivo = carpeta.path().join("clave");
            std::fs::write(&archivo, "secreta \n").expect("archivo");
            let ruta = archivo.to_string_lossy();
            let todo = ajustes(&kafka(&[
                ("kafka.seguridad", "sasl_tls"),
                ("kafka.usuario", "ana"),
                ("kafka.contrasena_archivo", &ruta),
                ("kafka.ca_archivo", "ca.pem"),
                ("kafka.ajustes", "socket.timeout.ms=5000; enable.ssl.certificate.verification=false"),
            ]))
            .expect("completa");
            let esperado = [
                ("security.protocol", "sasl_ssl"),
                ("sasl.mechanism", "SCRAM-SHA-512"),
                ("sasl.username", "ana"),
                ("sasl.password", "secreta "),
                ("ssl.ca.location", "ca.pem"),
                ("socket.timeout.ms", "5000"),
                ("enable.ssl.certificate.verification", "false"),
            ];
            assert!(esperado.iter().all(|(nombre, valor)| todo[*nombre] == *valor), "{todo:?}");
        }
    }
}
