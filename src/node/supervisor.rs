//! The actor that owns the long-lived parts of a node and stops them in order: first the edge, then the engine, then the sinks.

use std::{sync::Arc, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::{sync::watch, task::JoinHandle};

use super::{auditoria::AuditoriaDeConsultas, reconstrucciones::Reconstrucciones, sellos::Sellador};
use crate::{
    engine::{Engine, ports::Clock},
    log::Log,
    projections::ProjectionRunner,
    tables::feeding::Feeding,
};

/// How often old commands and replies are let go.
const RETENTION_EVERY: Duration = Duration::from_secs(300);

/// How long the queries in the queue may take to be written when the node stops.
const AUDIT_PATIENCE: Duration = Duration::from_secs(1);
/// How long the last records may take to be chained and sealed.
const SEALS_PATIENCE: Duration = Duration::from_secs(3);
/// How long sinks may take to end the batch in hand.
const SINKS_PATIENCE: Duration = Duration::from_secs(2);

pub enum Message {
    /// Ends everything, for good when `retire`; answered when it is down.
    Stop { retire: bool, reply: RpcReplyPort<Result<(), String>> },
    /// Time to let old blocks of the log go.
    Retain,
}

/// The served API.
pub struct HttpTask {
    pub shutdown: watch::Sender<bool>,
    pub task: JoinHandle<std::io::Result<()>>,
}

/// What the node owns.
pub struct Parts {
    pub engine: Option<Engine>,
    pub http: Option<HttpTask>,
    pub runner: Option<ProjectionRunner>,
    /// Of tables that other processes may feed.
    pub turnos: Option<Arc<dyn Feeding>>,
    pub audit: Option<Arc<AuditoriaDeConsultas>>,
    pub sellador: Option<Sellador>,
    pub reconstrucciones: Arc<Reconstrucciones>,
    pub log: Arc<dyn Log>,
    pub clock: Arc<dyn Clock>,
}

pub struct NodeSupervisor;

impl Actor for NodeSupervisor {
    type Msg = Message;
    type State = Parts;
    type Arguments = Parts;

    async fn pre_start(&self, myself: ActorRef<Message>, parts: Parts) -> Result<Parts, ActorProcessingErr> {
        myself.send_interval(RETENTION_EVERY, || Message::Retain);
        Ok(parts)
    }

    async fn handle(&self, myself: ActorRef<Message>, message: Message, parts: &mut Parts) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Retain => retain(parts).await,
            Message::Stop { retire, reply } => {
                let stopped = stop(parts, retire).await;
                // Whoever asked may have given up waiting.
                drop(reply.send(stopped));
                myself.stop(None);
            }
        }
        Ok(())
    }
}

async fn retain(parts: &Parts) {
    let (log, now) = (Arc::clone(&parts.log), parts.clock.now());
    match tokio::task::spawn_blocking(move || log.retain(now)).await {
        Ok(Ok(removed)) => tracing::debug!(evento = "retencion", bloques = removed, "bloques antiguos retirados"),
        Ok(Err(error)) => tracing::warn!(evento = "retencion_fallida", causa = %error, "no se pudieron retirar bloques antiguos"),
        Err(error) => tracing::warn!(evento = "retencion_fallida", causa = %error, "la retención terminó con un fallo"),
    }
}

async fn stop(parts: &mut Parts, retire: bool) -> Result<(), String> {
    if let Some(http) = parts.http.take() {
        http.shutdown.send_replace(true);
        if let Ok(Err(error)) = http.task.await {
            tracing::error!(evento = "http_mal_detenido", causa = %error, "la API terminó con un fallo");
        }
    }
    if let Some(audit) = parts.audit.take() {
        let closing = tokio::task::spawn_blocking(move || audit.close());
        if tokio::time::timeout(AUDIT_PATIENCE, closing).await.is_err() {
            tracing::warn!(evento = "auditoria_sin_cerrar", "el registro no responde: quedan consultas sin anotar");
        }
    }
    let engine = match parts.engine.take() {
        Some(engine) => engine.stop(retire).await.map_err(|e| e.to_string()),
        None => Ok(()),
    };
    if let Some(sellador) = parts.sellador.take() {
        let closing = tokio::task::spawn_blocking(move || sellador.cerrar());
        if tokio::time::timeout(SEALS_PATIENCE, closing).await.is_err() {
            tracing::warn!(evento = "sellos_sin_cerrar", "queda auditoría sin sellar hasta el próximo inicio");
        }
    }
    let reconstrucciones = Arc::clone(&parts.reconstrucciones);
    let closing = tokio::task::spawn_blocking(move || reconstrucciones.cerrar());
    if tokio::time::timeout(SINKS_PATIENCE, closing).await.is_err() {
        tracing::warn!(evento = "reconstruccion_sin_cerrar", "las tablas no responden: la reconstrucción queda a medias");
    }
    if let Some(runner) = parts.runner.take() {
        // A sink that waits for an absent log holds nothing: it is fed again from its position.
        if tokio::time::timeout(SINKS_PATIENCE, runner.stop()).await.is_err() {
            tracing::warn!(evento = "proyecciones_sin_cerrar", "el registro no responde: las proyecciones quedan donde estaban");
        }
    }
    if let Some(turnos) = parts.turnos.take() {
        let giving = tokio::task::spawn_blocking(move || turnos.release());
        if tokio::time::timeout(SINKS_PATIENCE, giving).await.is_err() {
            tracing::warn!(
                evento = "turno_sin_entregar",
                "las tablas no responden: otro proceso espera el plazo del turno para tomarlo"
            );
        }
    }
    engine
}
