//! A run: sends orders through the gateway, closed loop or at a fixed rate, and times each from its planned send to its outcome.

use std::{
    collections::VecDeque,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use super::carga::Carga;
use crate::{
    contracts::{Respuesta, Resultado},
    domain::{reglas::Regla, valores::Id},
    engine::gateway::{Gateway, NewCommand, SubmitError, Waiter},
};

/// Orders sent at a time in a closed loop.
const LOTE: usize = 64;

/// How orders are sent.
#[derive(Debug, Clone, Copy)]
pub struct Ritmo {
    pub facturas: u64,
    /// Orders a second; `None` = as fast as outcomes come back (closed loop).
    pub tasa: Option<f64>,
    /// Orders in flight at most, in a closed loop.
    pub ventana: usize,
}

/// What came of a run.
#[derive(Debug)]
pub struct Resultados {
    pub emitidas: u64,
    pub rechazadas: u64,
    pub otras: u64,
    pub duracion: Duration,
    /// Microseconds from the planned send to the outcome.
    pub latencia: Histogram<u64>,
    /// The generator fell behind its plan by at most this (open loop): its delay counts in the latencies.
    pub retraso_max: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum ErrorCorrida {
    #[error("el motor no aceptó la carga: {0}")]
    Envio(#[from] SubmitError),
    #[error("el motor se detuvo antes de responder")]
    SinRespuesta,
    #[error("no se pudo preparar la carga: {0}")]
    Preparacion(String),
}

/// Sends the catalogues and waits for every outcome; a repeated catalogue on an existing folder is fine. With several processors, the one
/// that decides may not know yet what another has just made: that is refused, and asked for anew.
///
/// # Errors
/// When something is still refused after 10 s for another reason than being there already.
pub fn preparar(gateway: &Arc<dyn Gateway>, etapas: Vec<Vec<NewCommand>>) -> Result<(), ErrorCorrida> {
    for etapa in etapas {
        let mut pendientes = etapa;
        for vez in 1.. {
            let (negadas, motivo) = enviar_catalogos(gateway, pendientes)?;
            match motivo {
                None => break,
                Some(motivo) if vez > 100 => return Err(ErrorCorrida::Preparacion(motivo)),
                Some(_) => thread::sleep(Duration::from_millis(100)),
            }
            pendientes = negadas.into_iter().map(|orden| otra_vez(orden, vez)).collect();
        }
    }
    Ok(())
}

/// The same under another id: an answered id answers the same for ever.
fn otra_vez(orden: NewCommand, vez: u32) -> NewCommand {
    let base = orden.correlation_id.as_str();
    let command_id = Id::de_clave(&format!("{base}-{vez}")).unwrap_or_else(|_| orden.command_id.clone());
    NewCommand { command_id, ..orden }
}

/// The orders that were refused, and why the last of them was.
fn enviar_catalogos(
    gateway: &Arc<dyn Gateway>,
    ordenes: Vec<NewCommand>,
) -> Result<(Vec<NewCommand>, Option<String>), ErrorCorrida> {
    let (mut negadas, mut motivo) = (Vec::new(), None);
    for lote in ordenes.chunks(1_024) {
        for (orden, espera) in lote.iter().zip(gateway.send(lote.to_vec())?) {
            let respuesta = espera.blocking_recv().map_err(|_| ErrorCorrida::SinRespuesta)?;
            let Resultado::Rechazado { errores } = &respuesta.resultado else { continue };
            if errores.iter().any(|e| e.regla != Regla::YaExiste) {
                negadas.push(orden.clone());
                motivo = Some(format!("{}: {}", respuesta.command_id, errores[0]));
            }
        }
    }
    Ok((negadas, motivo))
}

/// Runs the load; `avance` hears how many outcomes have come.
///
/// # Errors
/// When the engine stops taking orders or answering.
pub fn correr(
    gateway: &Arc<dyn Gateway>,
    carga: &mut Carga,
    ritmo: Ritmo,
    avance: &mut dyn FnMut(u64),
) -> Result<Resultados, ErrorCorrida> {
    let resultados = Resultados::ninguno()?;
    match ritmo.tasa {
        None => cerrada(gateway, carga, ritmo, resultados, avance),
        Some(tasa) => abierta(gateway, carga, ritmo.facturas, tasa, resultados, avance),
    }
}

/// Sends a load and comes back when all of it is on the log; its outcomes are waited for apart.
///
/// # Errors
/// When the engine stops taking orders.
pub fn precargar(gateway: &Arc<dyn Gateway>, carga: &mut Carga, facturas: u64) -> Result<Vec<Waiter>, ErrorCorrida> {
    let mut esperas = Vec::new();
    while (esperas.len() as u64) < facturas {
        let cuantas = LOTE.min(usize::try_from(facturas).unwrap_or(LOTE) - esperas.len());
        esperas.extend(gateway.send((0..cuantas).map(|_| carga.factura()).collect())?);
    }
    gateway.sync()?;
    Ok(esperas)
}

/// Waits for every outcome, timed from now; `avance` hears how many have come.
///
/// # Errors
/// When the engine stops answering.
pub fn esperar(esperas: Vec<Waiter>, avance: &mut dyn FnMut(u64)) -> Result<Resultados, ErrorCorrida> {
    let inicio = Instant::now();
    let mut resultados = Resultados::ninguno()?;
    for espera in esperas {
        resultados.anotar(inicio, espera)?;
        avance(resultados.total());
    }
    resultados.duracion = inicio.elapsed();
    Ok(resultados)
}

fn cerrada(
    gateway: &Arc<dyn Gateway>,
    carga: &mut Carga,
    ritmo: Ritmo,
    mut resultados: Resultados,
    avance: &mut dyn FnMut(u64),
) -> Result<Resultados, ErrorCorrida> {
    let inicio = Instant::now();
    let mut en_vuelo: VecDeque<(Instant, Waiter)> = VecDeque::with_capacity(ritmo.ventana + LOTE);
    let mut enviadas = 0;
    while enviadas < ritmo.facturas || !en_vuelo.is_empty() {
        while enviadas < ritmo.facturas && en_vuelo.len() < ritmo.ventana {
            let cuantas = LOTE.min(usize::try_from(ritmo.facturas - enviadas).unwrap_or(LOTE));
            let lote: Vec<NewCommand> = (0..cuantas).map(|_| carga.factura()).collect();
            let planeado = Instant::now();
            en_vuelo.extend(gateway.send(lote)?.into_iter().map(|espera| (planeado, espera)));
            enviadas += cuantas as u64;
        }
        if let Some((planeado, espera)) = en_vuelo.pop_front() {
            resultados.anotar(planeado, espera)?;
            avance(resultados.total());
        }
    }
    resultados.duracion = inicio.elapsed();
    Ok(resultados)
}

/// Open loop: the plan does not wait for outcomes, so a stall of the engine shows in the latencies of all that queue behind it.
fn abierta(
    gateway: &Arc<dyn Gateway>,
    carga: &mut Carga,
    facturas: u64,
    tasa: f64,
    mut resultados: Resultados,
    avance: &mut dyn FnMut(u64),
) -> Result<Resultados, ErrorCorrida> {
    let inicio = Instant::now();
    let (envia, recibe) = std::sync::mpsc::channel::<(Instant, Waiter)>();
    let (resultados, retraso) = thread::scope(|hilos| {
        let colector = thread::Builder::new().name("colector".to_owned()).spawn_scoped(hilos, move || {
            for (planeado, espera) in recibe {
                resultados.anotar(planeado, espera)?;
            }
            Ok::<_, ErrorCorrida>(resultados)
        });
        let colector = colector.map_err(|e| ErrorCorrida::Preparacion(e.to_string()))?;
        let mut retraso = Duration::ZERO;
        for numero in 0..facturas {
            let planeado = inicio + Duration::from_secs_f64(numero as f64 / tasa);
            thread::sleep(planeado.saturating_duration_since(Instant::now()));
            retraso = retraso.max(planeado.elapsed());
            for espera in gateway.send(vec![carga.factura()])? {
                if envia.send((planeado, espera)).is_err() {
                    return Err(ErrorCorrida::SinRespuesta);
                }
            }
            avance(numero + 1);
        }
        drop(envia);
        let resultados = colector.join().map_err(|_| ErrorCorrida::SinRespuesta)??;
        Ok((resultados, retraso))
    })?;
    Ok(Resultados { duracion: inicio.elapsed(), retraso_max: retraso, ..resultados })
}

impl Resultados {
    fn ninguno() -> Result<Self, ErrorCorrida> {
        let latencia = Histogram::new_with_bounds(1, 600_000_000, 3).map_err(|e| ErrorCorrida::Preparacion(e.to_string()))?;
        Ok(Self { emitidas: 0, rechazadas: 0, otras: 0, duracion: Duration::ZERO, latencia, retraso_max: Duration::ZERO })
    }

    pub fn total(&self) -> u64 {
        self.emitidas + self.rechazadas + self.otras
    }

    fn anotar(&mut self, planeado: Instant, espera: Waiter) -> Result<(), ErrorCorrida> {
        let Respuesta { resultado, .. } = espera.blocking_recv().map_err(|_| ErrorCorrida::SinRespuesta)?;
        match resultado {
            Resultado::Aceptado { .. } | Resultado::NotaAceptada { .. } => self.emitidas += 1,
            Resultado::Rechazado { .. } => self.rechazadas += 1,
            Resultado::Apartado { .. } | Resultado::EnCurso => self.otras += 1,
        }
        let micros = u64::try_from(planeado.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.latencia.saturating_record(micros.max(1));
        Ok(())
    }

    /// Milliseconds at a quantile.
    pub fn ms(&self, cuantil: f64) -> f64 {
        self.latencia.value_at_quantile(cuantil) as f64 / 1_000.0
    }
}
