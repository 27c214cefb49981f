//! Says how a processor's return goes, wherever people look: health (the phase), metrics, and the log every few seconds.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{metrics::EngineMetrics, processor::News, supervisor::Phase};
use crate::engine::{ports::Clock, recovery::RecoveryReport};

/// Time between two lines of the log about the same return.
const EVERY: Duration = Duration::from_secs(2);

/// See the module. One for each life of a processor.
pub struct Reporter {
    phase: watch::Sender<Phase>,
    metrics: Arc<EngineMetrics>,
    clock: Arc<dyn Clock>,
    /// When the log was last told, or the return began.
    told_at: Duration,
}

impl Reporter {
    pub fn new(phase: watch::Sender<Phase>, metrics: Arc<EngineMetrics>, clock: Arc<dyn Clock>) -> Self {
        let told_at = clock.monotonic();
        Self { phase, metrics, clock, told_at }
    }

    pub fn tell(&mut self, news: News) {
        let phase = match news {
            News::Held => {
                if self.is_time() {
                    tracing::info!(
                        evento = "recuperacion_en_espera",
                        "espera a que el registro decida una transacción que otro dejó abierta (kafka.transaccion_ms a lo sumo)"
                    );
                }
                return;
            }
            News::Progress { done, total } => {
                self.count(done, total);
                if self.is_time() {
                    tracing::info!(evento = "recuperando", leidos = done, total, "carga el estado");
                }
                Phase::Recovering { done, total }
            }
            News::Ready(report) => {
                self.count(report.records, report.records);
                Phase::Ready(report)
            }
            News::Unneeded => Phase::Ready(RecoveryReport::default()),
        };
        self.phase.send_replace(phase);
    }

    fn count(&self, done: u64, total: u64) {
        self.metrics.recovery_read.set(i64::try_from(done).unwrap_or(i64::MAX));
        self.metrics.recovery_target.set(i64::try_from(total).unwrap_or(i64::MAX));
    }

    fn is_time(&mut self) -> bool {
        let now = self.clock.monotonic();
        let due = now.saturating_sub(self.told_at) >= EVERY;
        if due {
            self.told_at = now;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ports::SystemClock;

    #[test]
    fn a_return_is_seen_in_health_and_metrics() {
        let metrics = Arc::new(EngineMetrics::new(&prometheus::Registry::new()).expect("métricas"));
        let (sender, phase) = watch::channel(Phase::Stopped);
        let mut reporter = Reporter::new(sender, Arc::clone(&metrics), SystemClock::new());
        reporter.tell(News::Progress { done: 4_096, total: 10_000 });
        assert_eq!(*phase.borrow(), Phase::Recovering { done: 4_096, total: 10_000 });
        assert_eq!((metrics.recovery_read.get(), metrics.recovery_target.get()), (4_096, 10_000));
        reporter.tell(News::Held);
        assert_eq!(*phase.borrow(), Phase::Recovering { done: 4_096, total: 10_000 }, "esperar no es un paso atrás");
        let report = RecoveryReport { records: 9_800, ..RecoveryReport::default() };
        reporter.tell(News::Ready(report));
        assert_eq!(*phase.borrow(), Phase::Ready(report));
        assert_eq!(metrics.recovery_read.get(), metrics.recovery_target.get(), "no falta nada");
    }
}
