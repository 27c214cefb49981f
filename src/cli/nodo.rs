//! Starting a node for a command, and its failures as the user reads them.

use std::net::SocketAddr;

use super::{
    contexto::Contexto,
    fallo::{Clase, Fallo},
};
use crate::node::{Node, NodeError, NodeOptions};

/// Starts the node of the configuration; with an address it serves the API there.
///
/// # Errors
/// As [`fallo`] tells them.
pub fn iniciar(contexto: &Contexto, http: Option<SocketAddr>) -> Result<Node, Fallo> {
    con_opciones(NodeOptions { http, ..NodeOptions::new(&contexto.configuracion) })
}

/// # Errors
/// As [`fallo`] tells them.
pub fn con_opciones(opciones: NodeOptions) -> Result<Node, Fallo> {
    Node::start(opciones).map_err(|e| fallo(&e))
}

/// What happened, why, what to do.
pub fn fallo(error: &NodeError) -> Fallo {
    let (clase, que, hacer) = match error {
        NodeError::EnUso { .. } => (
            Clase::Conflicto,
            "la carpeta de datos está en uso",
            "Use ese proceso (--url), deténgalo, o indique otra carpeta con --datos.",
        ),
        NodeError::OtraVersion { .. } => (
            Clase::Uso,
            "la carpeta de datos es de otra versión",
            "Use el programa de esa versión, o indique otra carpeta con --datos. No se ha tocado nada.",
        ),
        NodeError::OtrasParticiones { .. } => (
            Clase::Uso,
            "la carpeta de datos tiene otro número de particiones",
            "Ponga en motor.particiones el número con que se creó: no se puede cambiar después.",
        ),
        NodeError::OtroRegistro { .. } => (
            Clase::Uso,
            "la carpeta de datos es de otro registro",
            "Indique con --datos la carpeta de este registro, o una nueva: con Kafka, lo que hay en ella se reconstruye.",
        ),
        NodeError::NoEsCarpetaDeDatos { .. } => (
            Clase::Uso,
            "la carpeta indicada no es de datos",
            "Indique con --datos una carpeta nueva, vacía o de FactuMarket. No se ha tocado nada.",
        ),
        NodeError::Papeles(_) => (
            Clase::Uso,
            "esos papeles no pueden ir juntos",
            "Los papeles son api, procesador y proyecciones: factumarket servir --help.",
        ),
        NodeError::Carpeta { .. } => (
            Clase::Servicio,
            "no se puede usar la carpeta de datos",
            "Revise la ruta, sus permisos y el disco: factumarket doctor.",
        ),
        NodeError::Puerto { .. } => (
            Clase::Servicio,
            "no se puede atender en esa dirección",
            "Elija otra: --direccion 127.0.0.1:PUERTO, o --set servidor.direccion=127.0.0.1:PUERTO.",
        ),
        NodeError::Turno(_) => (
            Clase::Conflicto,
            "otro proceso alimenta las tablas",
            "Pídaselo a ese proceso (--url), o deténgalo y repita: una orden que escribe en las tablas toma su turno.",
        ),
        NodeError::Claves { .. } => (
            Clase::Uso,
            "no se pueden usar las claves de la auditoría",
            "Cree una con factumarket auditoria clave crear, o indique las suyas: auditoria.clave_archivo, auditoria.publicas_archivo.",
        ),
        NodeError::DatosPersonales(_) => (
            Clase::Uso,
            "no se pueden usar las claves de los datos personales",
            "Indique la clave maestra con datos_personales.clave_maestra_archivo; claves.ndjson y ella se respaldan aparte del registro.",
        ),
        NodeError::Almacen(_) => (
            Clase::Servicio,
            "no se puede leer lo guardado",
            "Vea factumarket doctor. El registro es lo único que no se puede reconstruir: no lo borre.",
        ),
        NodeError::Esquemas(_) => (
            Clase::Servicio,
            "no se conocen los ids de los esquemas",
            "Revise esquemas.url; «factumarket esquemas aplicar» los registra y «esquemas verificar» los compara.",
        ),
        NodeError::Motor(_) => (
            Clase::Servicio,
            "el procesador no puede trabajar",
            "Resuelva la causa y vuelva a iniciar: lo respondido está a salvo.",
        ),
        NodeError::Interno(_) => (
            Clase::Falla,
            "el proceso no pudo arrancar",
            "Vuelva a intentarlo; si se repite, informe con la salida de factumarket doctor.",
        ),
    };
    Fallo::new(clase, que, error.to_string(), hacer)
}
