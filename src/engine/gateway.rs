//! The gateway: how the edge (HTTP, importers, demo, bench) hands commands to the log and waits for their outcomes.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    contracts::Respuesta,
    domain::{Comando, valores::Id},
};

/// A command as the edge builds it; the gateway adds `recibido_en` and the reply address.
#[derive(Debug, Clone)]
pub struct NewCommand {
    pub command_id: Id,
    pub correlation_id: Id,
    pub usuario: Option<Arc<str>>,
    pub canal: Option<Arc<str>>,
    pub version_esperada: Option<u64>,
    pub traceparent: Option<Arc<str>>,
    pub comando: Comando,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Decided and durable.
    Done(Respuesta),
    /// Durable on the log, not decided within the wait: ask `/comandos/{id}`.
    InCourse { command_id: Id },
}

#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Too much in flight: 429 with Retry-After.
    #[error("hay demasiados comandos en curso; reintente en {retry_after:?}")]
    Busy { retry_after: Duration },
    /// Stopping, disk full or log poisoned: 503.
    #[error("el servicio no acepta comandos: {0}")]
    Unavailable(String),
    #[error("el comando no cabe en el registro: {0}")]
    TooLarge(String),
}

/// What a submission waits on: resolves when the outcome is durable; closed when the gateway stops.
pub type Waiter = oneshot::Receiver<Respuesta>;

/// The edge's door to the log. Cheap to clone behind an `Arc`.
pub trait Gateway: Send + Sync + 'static {
    /// Appends commands and returns a waiter for each, in order. The append itself may not yet be durable: the outcome is,
    /// when it arrives.
    ///
    /// # Errors
    /// `Busy` when the in-flight limits are reached: nothing was appended.
    fn send(&self, commands: Vec<NewCommand>) -> Result<Vec<Waiter>, SubmitError>;
    /// Blocks until everything appended so far is durable (for 202 answers).
    ///
    /// # Errors
    /// `Unavailable` when the log cannot say so.
    fn sync(&self) -> Result<(), SubmitError>;
}

/// Sends one command and waits for its outcome at most `wait`; on time-out the command is durable before this returns.
///
/// # Errors
/// As [`Gateway::send`] and [`Gateway::sync`].
pub async fn submit(gateway: &Arc<dyn Gateway>, command: NewCommand, wait: Duration) -> Result<Outcome, SubmitError> {
    let command_id = command.command_id.clone();
    let mut waiters = gateway.send(vec![command])?;
    let Some(waiter) = waiters.pop() else {
        return Err(SubmitError::Unavailable("la pasarela no devolvió la espera del comando".to_owned()));
    };
    match tokio::time::timeout(wait, waiter).await {
        Ok(Ok(reply)) => Ok(Outcome::Done(reply)),
        Ok(Err(_)) => Err(SubmitError::Unavailable("el procesador se detuvo antes de responder; consulte /comandos".to_owned())),
        Err(_) => {
            let gateway = Arc::clone(gateway);
            tokio::task::spawn_blocking(move || gateway.sync()).await.map_err(|e| SubmitError::Unavailable(e.to_string()))??;
            Ok(Outcome::InCourse { command_id })
        }
    }
}
