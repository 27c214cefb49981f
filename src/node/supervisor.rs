//! The actor that owns the long-lived parts of a node and stops them in order: first the edge, then the engine, then the sinks.

use std::{sync::Arc, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::{sync::watch, task::JoinHandle};

use super::auditoria::AuditoriaDeConsultas;
use crate::{
    engine::{Engine, ports::Clock},
    log::Log,
    projections::ProjectionRunner,
};

/// How often old commands and replies are let go.
const RETENTION_EVERY: Duration = Duration::from_secs(300);

pub enum Message {
    /// Ends everything; answered when it is down.
    Stop(RpcReplyPort<Result<(), String>>),
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
    pub audit: Option<Arc<AuditoriaDeConsultas>>,
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
            Message::Stop(reply) => {
                let stopped = stop(parts).await;
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

async fn stop(parts: &mut Parts) -> Result<(), String> {
    if let Some(http) = parts.http.take() {
        http.shutdown.send_replace(true);
        if let Ok(Err(error)) = http.task.await {
            tracing::error!(evento = "http_mal_detenido", causa = %error, "la API terminó con un fallo");
        }
    }
    if let Some(audit) = parts.audit.take() {
        let _ = tokio::task::spawn_blocking(move || audit.close()).await;
    }
    let engine = match parts.engine.take() {
        Some(engine) => engine.stop(false).await.map_err(|e| e.to_string()),
        None => Ok(()),
    };
    if let Some(runner) = parts.runner.take() {
        runner.stop().await;
    }
    engine
}
