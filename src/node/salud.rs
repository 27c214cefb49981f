//! How the node is: for `/salud/*` and for whoever waits for the projections.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::watch;

use super::{
    Papeles,
    retraso::{Medida, Medidor},
};
use crate::{
    domain::Contexto,
    engine::{ports::Clock, shell::supervisor::Phase},
    http::{Health, Salud},
    log::{Log, Position, Topic, TopicPartition},
    projections::Progress,
};

/// Answers `/salud/*` from what the parts say of themselves, without waiting for any of them.
pub struct SaludDelNodo {
    pub phase: watch::Receiver<Phase>,
    pub medidor: Medidor,
    pub clock: Arc<dyn Clock>,
    pub nodo: String,
    pub papeles: Papeles,
    pub reloj_fijo: bool,
    /// False until the defaults are seeded.
    pub ready: watch::Receiver<bool>,
}

impl Health for SaludDelNodo {
    fn salud(&self) -> Salud {
        let phase = self.phase.borrow().clone();
        let (vivo, arrancado, motivo) = match &phase {
            Phase::Recovering { done, total } => (true, false, Some(format!("carga el estado: {done} de {total} registros"))),
            Phase::Ready(_) | Phase::Elsewhere => (true, true, None),
            Phase::Waiting { cause, retry_in } => {
                (true, true, Some(format!("el procesador se reconstruye en {retry_in:?}: {cause}")))
            }
            Phase::Stopped => (true, true, Some("el procesador se detuvo".to_owned())),
            Phase::Failed { cause } => (false, true, Some(cause.clone())),
        };
        let sembrado = *self.ready.borrow();
        let Medida { retraso, ausente } = self.medidor.medida();
        let ausente = ausente.map(|hace| format!("el registro no responde desde hace {} s", hace.as_secs()));
        Salud {
            vivo,
            arrancado: arrancado && sembrado,
            listo: matches!(phase, Phase::Ready(_) | Phase::Elsewhere) && sembrado && ausente.is_none(),
            motivos: motivo
                .into_iter()
                .chain(ausente)
                .chain((!sembrado).then(|| "crea la sucursal y la numeración iniciales".to_owned()))
                .collect(),
            detalle: json!({
                "version": env!("CARGO_PKG_VERSION"),
                "nodo": self.nodo,
                "papeles": self.papeles.nombres().collect::<Vec<_>>(),
                "reloj_fijo": self.reloj_fijo.then(|| self.clock.now().rfc3339()),
                "retraso_proyecciones_segundos": retraso.map(|retraso| retraso.as_secs_f64()),
            }),
        }
    }
}

/// How far the slowest projection is behind.
pub fn lag(progress: &Progress, log: &dyn Log, clock: &dyn Clock) -> Duration {
    match progress.lag(log, clock.now()) {
        Ok(lags) => lags.into_iter().map(|l| l.time).max().unwrap_or_default(),
        Err(error) => {
            tracing::warn!(evento = "retraso_desconocido", causa = %error, "no se pudo medir el retraso de las proyecciones");
            Duration::ZERO
        }
    }
}

/// Where the event topics end now.
pub fn event_ends(log: &dyn Log) -> Vec<(TopicPartition, Position)> {
    let partitions = Contexto::TODOS.into_iter().flat_map(|contexto| {
        let topic = Topic::Eventos(contexto);
        (0..log.partitions(topic)).map(move |p| TopicPartition::new(topic, p))
    });
    let partitions: Vec<_> = partitions.collect();
    let ends = log.stable_ends(&partitions).unwrap_or_default();
    partitions.into_iter().zip(ends).filter(|(_, end)| *end > 0).collect()
}
