//! How the node is: for `/salud/*` and for whoever waits for the projections.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    Papeles,
    retraso::{Medida, Medidor},
};
use crate::{
    domain::Contexto,
    engine::{ports::Clock, shell::supervisor::Phase},
    http::{Health, Salud},
    log::{Log, Position, Topic, TopicPartition, all_partitions},
    projections::Progress,
    tables::feeding::{Feeding, Holder, Turn},
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
    /// Whose turn it is to feed tables of a database; set once they are open, in a process that feeds them.
    pub turnos: Arc<OnceLock<Arc<dyn Feeding>>>,
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
                "tablas": self.turnos.get().map(|turnos| turno(&turnos.turn())),
            }),
        }
    }
}

/// Whether this process feeds the tables; who does, since when, and what to do.
fn turno(turno: &Turn) -> Value {
    let dicho = |alimenta: bool, holder: &Holder, hacer: &str| json!({ "alimenta": alimenta, "quien": holder.who, "desde": holder.since.rfc3339(), "turno": holder.epoch, "que_hacer": hacer });
    match turno {
        Turn::Mine { holder } => dicho(true, holder, "nada"),
        Turn::Waiting { holder, .. } => {
            dicho(false, holder, "nada: este proceso sigue él cuando aquél se detenga o calle; si no debe haber dos, detenga uno")
        }
        Turn::Expired { holder } => dicho(false, holder, "revise que la base de las tablas responda: el turno no se pudo renovar"),
        Turn::Foreign { log } => json!({
            "alimenta": false, "registro": log,
            "que_hacer": "el keyspace es de otro registro: ponga en tablas.espacio el de esta instalación",
        }),
        Turn::Unknown { why } => {
            json!({ "alimenta": false, "causa": why, "que_hacer": "revise que la base de las tablas responda" })
        }
        Turn::Released => json!({ "alimenta": false, "que_hacer": "nada: el proceso se detiene" }),
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
    let partitions = all_partitions(log, Contexto::TODOS.map(Topic::Eventos));
    let ends = log.stable_ends(&partitions).unwrap_or_default();
    partitions.into_iter().zip(ends).filter(|(_, end)| *end > 0).collect()
}
