//! `topologia`: the topics of an installation of Kafka, as the program knows them.

use serde_json::json;

use super::{args::TopologiaAccion, contexto::Contexto, fallo::Fallo, nodo};
use crate::{log::topology::Topology, node};

/// # Errors
/// A topology that does not hold; for `aplicar` and `verificar`, a broker that does not answer or has it otherwise.
pub fn ejecutar(contexto: &Contexto, accion: TopologiaAccion) -> Result<(), Fallo> {
    let configuracion = &contexto.configuracion;
    let topologia = node::topologia(&configuracion.kafka, configuracion.motor.particiones).map_err(|e| nodo::fallo(&e))?;
    match accion {
        TopologiaAccion::Dibujar => dibujar(contexto, &topologia),
        TopologiaAccion::Acl => acl(contexto, &topologia),
        TopologiaAccion::Aplicar => broker::aplicar(contexto),
        TopologiaAccion::Verificar => broker::verificar(contexto),
    }
}

fn dibujar(contexto: &Contexto, topologia: &Topology) -> Result<(), Fallo> {
    let texto = topologia.to_mermaid();
    contexto.salida.linea(texto.trim_end());
    contexto.salida.resultado(&json!({ "mermaid": texto }));
    Ok(())
}

fn acl(contexto: &Contexto, topologia: &Topology) -> Result<(), Fallo> {
    let ordenes = topologia.acl_commands(&contexto.configuracion.kafka.brokers, None);
    ordenes.iter().for_each(|orden| contexto.salida.linea(orden));
    contexto.salida.resultado(&json!({ "ordenes": ordenes }));
    Ok(())
}

#[cfg(not(feature = "kafka"))]
mod broker {
    use super::{Contexto, Fallo, sin_kafka};

    pub(super) fn aplicar(_: &Contexto) -> Result<(), Fallo> {
        Err(sin_kafka())
    }

    pub(super) fn verificar(_: &Contexto) -> Result<(), Fallo> {
        Err(sin_kafka())
    }
}

/// What needs the feature says so.
#[cfg(not(feature = "kafka"))]
pub(super) fn sin_kafka() -> Fallo {
    Fallo::new(
        crate::cli::fallo::Clase::Uso,
        "este programa no habla con Kafka",
        "se construyó sin la característica «kafka»",
        "Constrúyalo con: cargo build --release --features kafka.",
    )
}

#[cfg(feature = "kafka")]
mod broker {
    use serde_json::json;

    use super::{Contexto, Fallo, nodo};
    use crate::{
        cli::fallo::Clase,
        log::{
            LogError,
            kafka::{KafkaOptions, admin::Admin},
            topology::Difference,
        },
        node,
    };

    fn opciones(contexto: &Contexto) -> Result<KafkaOptions, Fallo> {
        let configuracion = &contexto.configuracion;
        let motor = &configuracion.motor;
        node::opciones_de_kafka(&configuracion.kafka, &motor.nodo, motor.particiones).map_err(|e| nodo::fallo(&e))
    }

    fn servicio(error: LogError) -> Fallo {
        let que = "no se pudo trabajar con Kafka";
        Fallo::new(Clase::Servicio, que, error.to_string(), "Resuelva la causa y repita: la orden continúa donde quedó.")
    }

    pub(super) fn aplicar(contexto: &Contexto) -> Result<(), Fallo> {
        let opciones = opciones(contexto)?;
        let admin = Admin::open(&opciones).map_err(servicio)?;
        let creados = admin.create_missing().map_err(servicio)?;
        let corregidas = admin.differences().map_err(servicio)?;
        admin.apply_settings(&corregidas).map_err(servicio)?;
        let quedan = admin.differences().map_err(servicio)?;
        let salida = &contexto.salida;
        let corregidas: Vec<&Difference> = corregidas.iter().filter(|d| !quedan.contains(d)).collect();
        creados.iter().for_each(|tema| salida.linea(format!("{} {tema}", salida.verde("creado   "))));
        corregidas.iter().for_each(|d| salida.linea(format!("{} {d}", salida.amarillo("corregido"))));
        if creados.is_empty() && corregidas.is_empty() && quedan.is_empty() {
            salida.linea(format!("{} temas: nada que cambiar", opciones.topology.topics.len()));
        }
        salida.resultado(&json!({
            "creados": creados,
            "corregidas": corregidas.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "diferencias": quedan.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
        mostrar(contexto, &quedan)
    }

    pub(super) fn verificar(contexto: &Contexto) -> Result<(), Fallo> {
        let opciones = opciones(contexto)?;
        let diferencias = Admin::open(&opciones).and_then(|admin| admin.differences()).map_err(servicio)?;
        let textos: Vec<String> = diferencias.iter().map(ToString::to_string).collect();
        contexto.salida.resultado(&json!({ "diferencias": textos }));
        if diferencias.is_empty() {
            contexto.salida.linea(format!("{} temas, sin diferencias", opciones.topology.topics.len()));
        }
        mostrar(contexto, &diferencias)
    }

    fn mostrar(contexto: &Contexto, diferencias: &[Difference]) -> Result<(), Fallo> {
        for diferencia in diferencias {
            contexto.salida.linea(format!("{} {diferencia}", contexto.salida.rojo("difiere  ")));
        }
        if diferencias.is_empty() { Ok(()) } else { Err(Fallo::dicho(Clase::Falla, "el broker difiere de la topología")) }
    }
}
