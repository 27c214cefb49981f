//! The stages of our side.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Plan, broker::Broker, procesador::Procesador};
use crate::{
    cli::{
        args::BancoArgs,
        banco::{
            carga::{Carga, Perfil},
            corrida::{self, ErrorCorrida, Resultados, Ritmo},
            medidas::{Cpu, Proceso},
            orden::{barra, fallo, sin_proc},
        },
        fallo::Fallo,
        salida::Salida,
    },
    engine::gateway::{Gateway, Waiter},
    node::Node,
};

/// A round of invoices: how fast, and what each cost, in µs of CPU.
#[derive(Debug, Clone, Copy)]
pub struct Tanda {
    pub por_segundo: f64,
    pub procesador_us: f64,
    pub broker_us: f64,
}

/// A stage at a fixed rate.
#[derive(Debug)]
pub struct Fija {
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Median of the commits, ms, as far as the buckets of the metric tell.
    pub confirmacion_p50_ms: Option<f64>,
    pub costo: Tanda,
}

/// After a kill -9 in the middle of a round, counted from the new start.
#[derive(Debug)]
pub struct Caida {
    pub primera_s: f64,
    pub al_dia_s: f64,
}

/// Everything measured.
#[derive(Debug)]
pub struct Medida {
    pub fria: Tanda,
    pub calientes: Vec<Tanda>,
    /// µs of CPU an invoice by group of threads, of the last warm round.
    pub hilos: BTreeMap<String, f64>,
    pub confirmacion_carga_p50_ms: Option<f64>,
    pub fija: Fija,
    pub lenta: Fija,
    pub caida: Caida,
    pub rss_max: u64,
    pub rss_broker: u64,
}

pub struct Banco<'a> {
    pub api: &'a Node,
    /// At least one; the first is the one that is killed.
    pub procesadores: &'a mut [Procesador],
    pub broker: &'a Broker,
    pub plan: &'a Plan,
    pub salida: Salida,
}

/// CPU of each processor and of the broker at a moment.
struct Corte {
    procesadores: Vec<Cpu>,
    broker: Cpu,
}

impl Banco<'_> {
    /// # Errors
    /// When the load cannot end.
    pub fn medir(mut self, args: &BancoArgs) -> Result<Medida, Fallo> {
        let (lineas_min, lineas_max) = args.lineas;
        let perfil = Perfil { productos: args.productos, lineas_min, lineas_max, zipf: args.zipf, semilla: args.semilla };
        let mut carga = Carga::new(perfil, 1);
        let gateway = self.api.gateway();
        self.salida.nota("Creando clientes, productos y existencias…");
        corrida::preparar(&gateway, carga.catalogos()).map_err(|e| fallo(self.api, &e))?;
        let (fria, _) = self.tanda(&gateway, &mut carga)?;
        let mut calientes = Vec::new();
        let mut hilos = BTreeMap::new();
        let antes = self.metricas()?;
        for _ in 0..self.plan.tandas {
            let (tanda, gastado) = self.tanda(&gateway, &mut carga)?;
            calientes.push(tanda);
            hilos = gastado.0.iter().map(|(hilo, tiempo)| (hilo.clone(), por_factura(*tiempo, self.plan.facturas))).collect();
        }
        let confirmacion_carga_p50_ms = mediana_de_confirmacion(&antes, &self.metricas()?);
        let fija = self.fija(&gateway, &mut carga, self.plan.tasa)?;
        let lenta = self.fija(&gateway, &mut carga, 50)?;
        // Before the kill: the process that comes after it is another.
        let rss = self.procesadores.iter().map(|p| Proceso::del_proceso(p.pid()).map(|p| p.rss_max_bytes).map_err(sin_proc));
        let rss_max = rss.collect::<Result<Vec<_>, _>>()?.into_iter().max().unwrap_or_default();
        let caida = self.caida(&gateway, &mut carga)?;
        let rss_broker = Proceso::del_proceso(self.broker.pid).map_err(sin_proc)?.rss_max_bytes;
        Ok(Medida { fria, calientes, hilos, confirmacion_carga_p50_ms, fija, lenta, caida, rss_max, rss_broker })
    }

    fn corte(&self) -> Result<Corte, Fallo> {
        let de = |pid| Cpu::del_proceso(pid).map_err(sin_proc);
        let procesadores = self.procesadores.iter().map(|p| de(p.pid())).collect::<Result<_, _>>()?;
        Ok(Corte { procesadores, broker: de(self.broker.pid)? })
    }

    /// Of the first: they are all alike.
    fn metricas(&self) -> Result<String, Fallo> {
        self.procesadores[0].metricas()
    }

    fn congelar(&self, quietos: bool) -> Result<(), Fallo> {
        self.procesadores.iter().try_for_each(|p| p.congelar(quietos))
    }

    fn con_barra(
        &self,
        facturas: u64,
        correr: impl FnOnce(&mut dyn FnMut(u64)) -> Result<Resultados, ErrorCorrida>,
    ) -> Result<Resultados, Fallo> {
        let barra = barra(self.salida, facturas);
        let resultados = correr(&mut |hechas| barra.set_position(hechas));
        barra.finish_and_clear();
        resultados.map_err(|e| fallo(self.api, &e))
    }

    /// Puts a round on the log while the processors stand still, as the peer's bench does, and lets it work: how fast, what an invoice
    /// cost, and the processor's CPU by thread.
    fn tanda(&self, gateway: &Arc<dyn Gateway>, carga: &mut Carga) -> Result<(Tanda, Cpu), Fallo> {
        let esperas = self.precargar(gateway, carga)?;
        let antes = self.corte()?;
        self.congelar(false)?;
        let resultados = self.con_barra(self.plan.facturas, |avance| corrida::esperar(esperas, avance))?;
        self.costo(&antes, self.plan.facturas, &resultados)
    }

    /// A round on the log, and the processors standing still.
    fn precargar(&self, gateway: &Arc<dyn Gateway>, carga: &mut Carga) -> Result<Vec<Waiter>, Fallo> {
        self.congelar(true)?;
        corrida::precargar(gateway, carga, self.plan.facturas).map_err(|e| fallo(self.api, &e))
    }

    fn costo(&self, antes: &Corte, facturas: u64, resultados: &Resultados) -> Result<(Tanda, Cpu), Fallo> {
        let despues = self.corte()?;
        let gastado = despues.procesadores.iter().zip(&antes.procesadores).map(|(d, a)| d.desde(a)).fold(Cpu::default(), Cpu::mas);
        let tanda = Tanda {
            por_segundo: facturas as f64 / resultados.duracion.as_secs_f64(),
            procesador_us: por_factura(gastado.total(), facturas),
            broker_us: por_factura(despues.broker.desde(&antes.broker).total(), facturas),
        };
        Ok((tanda, gastado))
    }

    fn fija(&self, gateway: &Arc<dyn Gateway>, carga: &mut Carga, tasa: u32) -> Result<Fija, Fallo> {
        let facturas = u64::from(tasa) * u64::from(self.plan.segundos);
        let ritmo = Ritmo { facturas, tasa: Some(f64::from(tasa)), ventana: 1 };
        let metricas = self.metricas()?;
        let antes = self.corte()?;
        let resultados = self.con_barra(facturas, |avance| corrida::correr(gateway, carga, ritmo, avance))?;
        let (costo, _) = self.costo(&antes, facturas, &resultados)?;
        let confirmacion_p50_ms = mediana_de_confirmacion(&metricas, &self.metricas()?);
        Ok(Fija { p50_ms: resultados.ms(0.5), p99_ms: resultados.ms(0.99), confirmacion_p50_ms, costo })
    }

    /// Kills the processor when two fifths of a round are done, starts it again, and waits for the rest.
    fn caida(&mut self, gateway: &Arc<dyn Gateway>, carga: &mut Carga) -> Result<Caida, Fallo> {
        let esperas = self.precargar(gateway, carga)?;
        self.congelar(false)?;
        let (mut relanzado, mut primera, mut problema) = (None, None, None);
        let (procesador, limite) = (&mut self.procesadores[0], self.plan.facturas * 2 / 5);
        let resultados = corrida::esperar(esperas, &mut |hechas| match relanzado {
            None if hechas >= limite => {
                problema = procesador.matar().and_then(|()| procesador.relanzar()).err();
                relanzado = Some(Instant::now());
            }
            // What was answered before the kill may still be on its way here.
            Some(desde) if primera.is_none() && desde.elapsed() > ECO => primera = Some(desde.elapsed()),
            _ => {}
        });
        resultados.map_err(|e| fallo(self.api, &e))?;
        if let Some(problema) = problema {
            return Err(problema);
        }
        let al_dia = relanzado.map_or(Duration::ZERO, |desde| desde.elapsed());
        Ok(Caida { primera_s: primera.unwrap_or(al_dia).as_secs_f64(), al_dia_s: al_dia.as_secs_f64() })
    }
}

/// Outcomes committed before a kill are heard at most this long after it.
const ECO: Duration = Duration::from_millis(100);

fn por_factura(tiempo: Duration, facturas: u64) -> f64 {
    tiempo.as_secs_f64() * 1e6 / facturas.max(1) as f64
}

/// Median of the commits between two readings of the metrics, in ms; `None` when there were none.
fn mediana_de_confirmacion(antes: &str, despues: &str) -> Option<f64> {
    let (antes, despues) = (cubetas(antes), cubetas(despues));
    let nuevas: Vec<(f64, f64)> = despues
        .iter()
        .map(|(limite, cuantas)| {
            let habia = antes.iter().find(|(l, _)| l == limite).map_or(0.0, |(_, habia)| *habia);
            (*limite, cuantas - habia)
        })
        .collect();
    let mitad = nuevas.last()?.1 / 2.0;
    if mitad <= 0.0 {
        return None;
    }
    let (mut desde, mut acumuladas) = (0.0, 0.0);
    for (hasta, cuantas) in nuevas {
        if cuantas >= mitad {
            // Inside the bucket, as if its commits were spread evenly.
            let parte = if cuantas > acumuladas { (mitad - acumuladas) / (cuantas - acumuladas) } else { 1.0 };
            return Some((desde + (hasta.min(desde + 10.0) - desde) * parte) * 1e3);
        }
        (desde, acumuladas) = (hasta, cuantas);
    }
    None
}

/// Buckets of the commit stage: upper bound in seconds, and how many so far.
fn cubetas(metricas: &str) -> Vec<(f64, f64)> {
    let de_confirmar =
        |linea: &&str| linea.starts_with("factumarket_stage_duration_seconds_bucket") && linea.contains("stage=\"confirmar\"");
    let leer = |linea: &str| {
        let limite = linea.split("le=\"").nth(1)?.split('"').next()?;
        let limite = if limite == "+Inf" { f64::INFINITY } else { limite.parse().ok()? };
        Some((limite, linea.rsplit(' ').next()?.parse().ok()?))
    };
    metricas.lines().filter(de_confirmar).filter_map(leer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_the_commits_is_read_from_the_buckets() {
        let texto = |cinco: u32, diez: u32, todas: u32| {
            let linea =
                |le: &str, n: u32| format!("factumarket_stage_duration_seconds_bucket{{stage=\"confirmar\",le=\"{le}\"}} {n}\n");
            format!("{}{}{}otra_bucket{{le=\"1\"}} 9\n", linea("0.005", cinco), linea("0.01", diez), linea("+Inf", todas))
        };
        assert_eq!(mediana_de_confirmacion(&texto(3, 3, 3), &texto(3, 3, 3)), None);
        let mediana = mediana_de_confirmacion(&texto(3, 3, 3), &texto(3, 13, 13)).expect("hubo");
        assert!((mediana - 7.5).abs() < 1e-9, "{mediana}");
        assert_eq!(mediana_de_confirmacion("", "nada"), None);
    }
}
