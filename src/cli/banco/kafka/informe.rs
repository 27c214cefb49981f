//! What the run gave, side by side.

use serde_json::{Map, Value, json};

use super::{
    Plan,
    medida::{Fija, Medida, Tanda},
};
use crate::cli::{formato::entero, salida::Salida};

/// What the peer leaves out of the same job.
const NO_HACE: &str = "numeración, consulta del cliente, reserva antes de salir, rechazos por etapas, auditoría";

pub struct Informe {
    pub plan: Plan,
    pub nuestro: Medida,
    /// The peer's figures, by its names.
    pub suyo: Option<Map<String, Value>>,
    /// The peer's commit interval.
    pub confirmacion_ms: u32,
}

/// A row: its name with the unit, our figure and the peer's; `None` where one has none.
struct Fila {
    nombre: &'static str,
    nuestro: Option<f64>,
    suyo: Option<f64>,
    decimales: usize,
}

impl Informe {
    pub fn mostrar(&self, salida: &Salida) {
        let plan = &self.plan;
        salida.linea(format!(
            "{} procesador(es); tandas de {} facturas, {} productos; {} tandas calientes, medianas; latencias a {} por segundo durante {} s",
            plan.procesadores,
            entero(plan.facturas),
            entero(plan.productos),
            plan.tandas,
            plan.tasa,
            plan.segundos
        ));
        let titulo = if self.suyo.is_some() { format!("Kafka Streams ({} ms)", self.confirmacion_ms) } else { String::new() };
        salida.linea(format!("{:<44}{:>14}{titulo:>26}", "", "FactuMarket"));
        for fila in self.filas() {
            let numero = |valor: Option<f64>| valor.map_or_else(|| "—".to_owned(), |v| format!("{v:.*}", fila.decimales));
            let suyo = if self.suyo.is_some() { numero(fila.suyo) } else { String::new() };
            salida.linea(format!("{:<44}{:>14}{suyo:>26}", fila.nombre, numero(fila.nuestro)));
        }
        for (hilo, us) in &self.nuestro.hilos {
            salida.linea(format!("    {hilo:<40}{us:>14.2} µs"));
        }
        if let Some(razon) = self.razon() {
            salida.linea(format!("CPU de la aplicación: {razon:.1} veces menos que Kafka Streams, que no hace: {NO_HACE}"));
        }
        salida.resultado(&self.json());
    }

    fn razon(&self) -> Option<f64> {
        let suyo = self.suyo.as_ref().and_then(|suyo| mediana_de(suyo, "caliente", "_cpu_app_s_100k"))?;
        Some(suyo * 10.0 / mediana(&self.nuestro.calientes, |t| t.procesador_us)?)
    }

    fn filas(&self) -> Vec<Fila> {
        let m = &self.nuestro;
        let suyo = |nombre: &str, por: f64| self.suyo.as_ref()?.get(nombre)?.as_f64().map(|v| v * por);
        let caliente = |campo: &str, por: f64| self.suyo.as_ref().and_then(|s| mediana_de(s, "caliente", campo)).map(|v| v * por);
        let fila = |nombre, nuestro, suyo, decimales| Fila { nombre, nuestro, suyo, decimales };
        let (calientes, mib) = (&m.calientes, |bytes: u64| Some((bytes >> 20) as f64));
        vec![
            fila("CPU por factura en caliente, µs", mediana(calientes, |t| t.procesador_us), caliente("_cpu_app_s_100k", 10.0), 1),
            fila(
                "CPU del broker por factura en caliente, µs",
                mediana(calientes, |t| t.broker_us),
                caliente("_cpu_broker_s_100k", 10.0),
                1,
            ),
            fila("Facturas por segundo en caliente", mediana(calientes, |t| t.por_segundo), caliente("_facturas_s", 1.0), 0),
            fila("CPU por factura en frío, µs", Some(m.fria.procesador_us), suyo("fria_cpu_app_s_100k", 10.0), 1),
            fila("Facturas por segundo en frío", Some(m.fria.por_segundo), suyo("fria_facturas_s", 1.0), 0),
            fila("Confirmación bajo carga, p50, ms", m.confirmacion_carga_p50_ms, None, 1),
            fila("Latencia al ritmo fijo, p50, ms", Some(m.fija.p50_ms), suyo("lat_p50_ms", 1.0), 1),
            fila("Latencia al ritmo fijo, p99, ms", Some(m.fija.p99_ms), suyo("lat_p99_ms", 1.0), 1),
            fila("CPU por factura al ritmo fijo, µs", Some(m.fija.costo.procesador_us), suyo("lat_cpu_app_s_100k", 10.0), 1),
            fila("Latencia a 50 por segundo, p50, ms", Some(m.lenta.p50_ms), None, 1),
            fila("Confirmación a 50 por segundo, p50, ms", m.lenta.confirmacion_p50_ms, None, 1),
            fila("Tras kill -9, primera respuesta, s", Some(m.caida.primera_s), suyo("caida_a_primera_s", 1.0), 2),
            fila("Tras kill -9, al día, s", Some(m.caida.al_dia_s), suyo("caida_al_dia_s", 1.0), 2),
            fila("Memoria máxima, MiB", mib(m.rss_max), suyo("rss_max_mb", 1.0), 0),
            fila("Memoria máxima del broker, MiB", mib(m.rss_broker), suyo("rss_broker_mb", 1.0), 0),
        ]
    }

    fn json(&self) -> Value {
        let m = &self.nuestro;
        let tanda =
            |t: &Tanda| json!({ "facturas_por_segundo": t.por_segundo, "cpu_us": t.procesador_us, "cpu_broker_us": t.broker_us });
        let fija = |f: &Fija| json!({ "p50_ms": f.p50_ms, "p99_ms": f.p99_ms, "confirmacion_p50_ms": f.confirmacion_p50_ms, "costo": tanda(&f.costo) });
        json!({
            "procesadores": self.plan.procesadores,
            "facturas": self.plan.facturas,
            "productos": self.plan.productos,
            "nuestro": {
                "fria": tanda(&m.fria),
                "calientes": m.calientes.iter().map(tanda).collect::<Vec<_>>(),
                "hilos_cpu_us": m.hilos,
                "confirmacion_carga_p50_ms": m.confirmacion_carga_p50_ms,
                "ritmo_fijo": fija(&m.fija),
                "a_50_por_segundo": fija(&m.lenta),
                "caida": { "primera_s": m.caida.primera_s, "al_dia_s": m.caida.al_dia_s },
                "rss_max_bytes": m.rss_max,
                "rss_broker_bytes": m.rss_broker,
            },
            "par": self.suyo,
            "par_confirmacion_ms": self.suyo.as_ref().map(|_| self.confirmacion_ms),
            "razon_cpu": self.razon(),
            "par_no_hace": self.suyo.as_ref().map(|_| NO_HACE),
        })
    }
}

fn mediana(tandas: &[Tanda], de: impl Fn(&Tanda) -> f64) -> Option<f64> {
    del_medio(tandas.iter().map(de).collect())
}

/// Median over the peer's rounds: `caliente_x`, `caliente2_x`…
fn mediana_de(suyo: &Map<String, Value>, antes: &str, despues: &str) -> Option<f64> {
    let de_la_familia = |nombre: &str| nombre.strip_prefix(antes).is_some_and(|resto| resto.ends_with(despues));
    del_medio(suyo.iter().filter(|(nombre, _)| de_la_familia(nombre)).filter_map(|(_, valor)| valor.as_f64()).collect())
}

fn del_medio(mut valores: Vec<f64>) -> Option<f64> {
    valores.sort_by(f64::total_cmp);
    let mitad = valores.len() / 2;
    match valores.len() {
        0 => None,
        n if n % 2 == 1 => Some(valores[mitad]),
        _ => Some((valores[mitad - 1] + valores[mitad]) / 2.0),
    }
}
