//! Metrics that are asked for rather than counted: lags, at the moment of each scrape; and the build.

use std::sync::{Arc, OnceLock};

use prometheus::{
    GaugeVec, IntGauge, IntGaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::{
    domain::Contexto,
    engine::ports::Clock,
    log::{Log, LogError, Topic, TopicPartition},
    projections::Progress,
    tables::feeding::{Feeding, Turn},
};

/// Consumer group of the processor, as the engine names it.
const GRUPO: &str = "procesador";

/// Lags of the processor and of the projections, computed when the metrics are read.
pub struct Retrasos {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    /// Set once the tables are open.
    progress: Arc<OnceLock<Arc<Progress>>>,
    consumer: IntGaugeVec,
    projection_records: IntGaugeVec,
    projection_seconds: GaugeVec,
}

impl Retrasos {
    /// # Errors
    /// When a metric's name is not one.
    pub fn new(
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
        progress: Arc<OnceLock<Arc<Progress>>>,
    ) -> Result<Self, prometheus::Error> {
        let consumer = Opts::new("factumarket_consumer_lag_records", "Comandos que el procesador aún no ha decidido, por tema");
        let records = Opts::new("factumarket_projection_lag_records", "Eventos que una proyección aún no ha plegado");
        let seconds =
            Opts::new("factumarket_projection_lag_seconds", "Antigüedad de lo primero que una proyección aún no ha plegado");
        Ok(Self {
            log,
            clock,
            progress,
            consumer: IntGaugeVec::new(consumer, &["topic"])?,
            projection_records: IntGaugeVec::new(records, &["projection"])?,
            projection_seconds: GaugeVec::new(seconds, &["projection"])?,
        })
    }

    fn measure(&self) -> Result<(), LogError> {
        for contexto in Contexto::TODOS {
            let topic = Topic::Comandos(contexto);
            let partitions: Vec<_> = (0..self.log.partitions(topic)).map(|p| TopicPartition::new(topic, p)).collect();
            let positions = self.log.positions_of(GRUPO, &partitions)?;
            let next = positions.into_iter().map(Option::unwrap_or_default);
            let behind: u64 = self.log.behind(&partitions.into_iter().zip(next).collect::<Vec<_>>())?.into_iter().sum();
            self.consumer.with_label_values(&[topic.nombre().as_str()]).set(i64::try_from(behind).unwrap_or(i64::MAX));
        }
        let Some(progress) = self.progress.get() else { return Ok(()) };
        self.projection_records.reset();
        self.projection_seconds.reset();
        for lag in progress.lag(&*self.log, self.clock.now())? {
            self.projection_records.with_label_values(&[lag.projection]).add(i64::try_from(lag.records).unwrap_or(i64::MAX));
            let seconds = self.projection_seconds.with_label_values(&[lag.projection]);
            seconds.set(seconds.get().max(lag.time.as_secs_f64()));
        }
        Ok(())
    }
}

impl Collector for Retrasos {
    fn desc(&self) -> Vec<&Desc> {
        [self.consumer.desc(), self.projection_records.desc(), self.projection_seconds.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if let Err(error) = self.measure() {
            tracing::warn!(evento = "retraso_sin_medir", causa = %error, "no se pudo medir el retraso");
            return Vec::new();
        }
        [self.consumer.collect(), self.projection_records.collect(), self.projection_seconds.collect()].concat()
    }
}

/// Whether this process feeds the tables of its database, asked when the metrics are read.
pub struct Turnos {
    /// Set once the tables are open.
    turnos: Arc<OnceLock<Arc<dyn Feeding>>>,
    alimenta: IntGauge,
    turno: IntGauge,
}

impl Turnos {
    /// # Errors
    /// When a metric's name is not one.
    pub fn new(turnos: Arc<OnceLock<Arc<dyn Feeding>>>) -> Result<Self, prometheus::Error> {
        let alimenta =
            IntGauge::new("factumarket_tables_feeding", "1 si este proceso alimenta las tablas de la base; 0 si espera su turno")?;
        let turno = IntGauge::new("factumarket_tables_turn", "Número del turno en curso: crece con cada relevo")?;
        Ok(Self { turnos, alimenta, turno })
    }
}

impl Collector for Turnos {
    fn desc(&self) -> Vec<&Desc> {
        [self.alimenta.desc(), self.turno.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let turn = self.turnos.get().map(|turnos| turnos.turn());
        self.alimenta.set(i64::from(matches!(turn, Some(Turn::Mine { .. }))));
        if let Some(Turn::Mine { holder } | Turn::Expired { holder } | Turn::Waiting { holder, .. }) = turn {
            self.turno.set(i64::try_from(holder.epoch).unwrap_or(i64::MAX));
        }
        [self.alimenta.collect(), self.turno.collect()].concat()
    }
}

/// `factumarket_build_info{version}` = 1.
///
/// # Errors
/// When it is already registered.
pub fn registrar_version(registry: &prometheus::Registry) -> Result<(), prometheus::Error> {
    let info = IntGaugeVec::new(Opts::new("factumarket_build_info", "Versión del programa"), &["version"])?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    registry.register(Box::new(info))
}
