//! Metrics of the processor (`product.md` section 1.3): English names, base units, no ids as labels.

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, core::Collector};

/// Buckets of every duration, in seconds: 1 ms to 10 s.
pub const DURATION_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

pub struct EngineMetrics {
    /// `factumarket_commands_total{type,outcome}`: accepted, rejected, duplicate, dead.
    pub commands: IntCounterVec,
    pub invoices: IntCounter,
    /// `factumarket_transactions_total{result}`: committed, aborted, fenced, unassigned, unknown.
    pub transactions: IntCounterVec,
    stages: HistogramVec,
    /// From the append of a command to its durable outcome in the hands of whoever waits.
    pub command_duration: Histogram,
    pub epoch_inputs: Histogram,
    pub elided: IntCounter,
    pub active: IntGauge,
    pub open_sagas: IntGauge,
    pub dirty: IntGauge,
    pub in_flight_bytes: IntGauge,
    pub waiting: IntGauge,
    pub restarts: IntCounter,
    pub panics: IntCounter,
    pub dlq: IntCounter,
    /// Records of the log read by the last return, and those it had to read.
    pub recovery_read: IntGauge,
    pub recovery_target: IntGauge,
}

impl EngineMetrics {
    /// # Errors
    /// When a name is already registered.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            commands: IntCounterVec::new(
                Opts::new("factumarket_commands_total", "Comandos por tipo y resultado"),
                &["type", "outcome"],
            )?,
            invoices: IntCounter::new("factumarket_invoices_issued_total", "Facturas emitidas")?,
            transactions: IntCounterVec::new(Opts::new("factumarket_transactions_total", "Épocas por resultado"), &["result"])?,
            stages: HistogramVec::new(
                HistogramOpts::new("factumarket_stage_duration_seconds", "Duración de cada etapa de una época")
                    .buckets(DURATION_BUCKETS.to_vec()),
                &["stage"],
            )?,
            command_duration: Histogram::with_opts(
                HistogramOpts::new("factumarket_command_duration_seconds", "Del envío de un comando a su resultado durable")
                    .buckets(DURATION_BUCKETS.to_vec()),
            )?,
            epoch_inputs: Histogram::with_opts(
                HistogramOpts::new("factumarket_epoch_inputs", "Entradas por época")
                    .buckets(vec![1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0]),
            )?,
            elided: IntCounter::new("factumarket_events_elided_total", "Eventos que nadie pudo observar y no se registraron")?,
            active: IntGauge::new("factumarket_actors_active", "Actores en memoria")?,
            open_sagas: IntGauge::new("factumarket_sagas_open", "Sagas abiertas")?,
            dirty: IntGauge::new("factumarket_checkpoint_pending_actors", "Actores que esperan el punto de control")?,
            in_flight_bytes: IntGauge::new("factumarket_intake_in_flight_bytes", "Bytes de comandos leídos y no confirmados")?,
            waiting: IntGauge::new("factumarket_requests_waiting", "Peticiones que esperan su resultado")?,
            restarts: IntCounter::new(
                "factumarket_actor_restarts_total",
                "Veces que el procesador se reconstruyó desde el registro",
            )?,
            panics: IntCounter::new(
                "factumarket_decision_panics_total",
                "Decisiones que fallaron y pusieron su agregado en cuarentena",
            )?,
            dlq: IntCounter::new("factumarket_dlq_records_total", "Registros enviados a dlq.*")?,
            recovery_read: IntGauge::new(
                "factumarket_recovery_read_records",
                "Registros leídos en la última recuperación del estado",
            )?,
            recovery_target: IntGauge::new(
                "factumarket_recovery_target_records",
                "Registros por leer en la última recuperación del estado, con los leídos",
            )?,
        };
        let collectors: [Box<dyn Collector>; 17] = [
            Box::new(metrics.commands.clone()),
            Box::new(metrics.invoices.clone()),
            Box::new(metrics.transactions.clone()),
            Box::new(metrics.stages.clone()),
            Box::new(metrics.command_duration.clone()),
            Box::new(metrics.epoch_inputs.clone()),
            Box::new(metrics.elided.clone()),
            Box::new(metrics.active.clone()),
            Box::new(metrics.open_sagas.clone()),
            Box::new(metrics.dirty.clone()),
            Box::new(metrics.in_flight_bytes.clone()),
            Box::new(metrics.waiting.clone()),
            Box::new(metrics.restarts.clone()),
            Box::new(metrics.panics.clone()),
            Box::new(metrics.dlq.clone()),
            Box::new(metrics.recovery_read.clone()),
            Box::new(metrics.recovery_target.clone()),
        ];
        collectors.into_iter().try_for_each(|collector| registry.register(collector))?;
        Ok(metrics)
    }

    /// Stages: `decidir`, `cerrar`, `confirmar`, `guardar`.
    pub fn stage(&self, stage: &str) -> Histogram {
        self.stages.with_label_values(&[stage])
    }
}
