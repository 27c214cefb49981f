//! Metrics of the edge. Labels are route patterns, never ids.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// Upper bounds in seconds, the same for every duration of the product.
const LIMITES_S: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

pub struct Metricas {
    peticiones: IntCounterVec,
    duracion: HistogramVec,
}

impl Metricas {
    /// # Errors
    /// When the registry already has metrics of these names.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let peticiones = IntCounterVec::new(
            Opts::new("factumarket_http_requests_total", "Peticiones HTTP atendidas, por ruta, método y estado."),
            &["route", "method", "status"],
        )?;
        let opciones =
            HistogramOpts::new("factumarket_http_request_duration_seconds", "Duración de las peticiones HTTP, por ruta y método.")
                .buckets(LIMITES_S.to_vec());
        let duracion = HistogramVec::new(opciones, &["route", "method"])?;
        registry.register(Box::new(peticiones.clone()))?;
        registry.register(Box::new(duracion.clone()))?;
        Ok(Self { peticiones, duracion })
    }

    pub fn anotar(&self, ruta: &str, metodo: &str, status: u16, duracion: Duration) {
        self.peticiones.with_label_values(&[ruta, metodo, &status.to_string()]).inc();
        self.duracion.with_label_values(&[ruta, metodo]).observe(duracion.as_secs_f64());
    }
}
