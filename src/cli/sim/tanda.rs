//! Many seeds, on several threads, with a progress bar.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::salida::Salida,
    log::simulated::ClusterStats,
    sim::{self, Counts, Keep, Kit, Outcome, Settings},
};

pub struct Tanda<'a> {
    pub kit: &'a Kit,
    pub ajustes: &'a Settings,
    pub semillas: &'a [u64],
    pub hilos: usize,
    /// Failing seeds after which no more are begun.
    pub detener_en: u32,
}

/// What a batch of seeds came to.
#[derive(Debug, Default)]
pub struct Resultado {
    pub semillas: u64,
    pub ordenes: u64,
    pub eventos: u64,
    pub facturas: u64,
    pub epocas: u64,
    pub pasos: u64,
    pub fallas: Counts,
    pub cluster: ClusterStats,
    pub fallidas: Vec<Outcome>,
    pub duracion: Duration,
    pub hilos: usize,
}

impl Resultado {
    fn sumar(&mut self, outcome: Outcome) {
        self.semillas += 1;
        self.ordenes += outcome.commands;
        self.eventos += outcome.events;
        self.facturas += outcome.invoices;
        self.epocas += outcome.epochs;
        self.pasos += outcome.steps;
        self.fallas.add(&outcome.faults);
        self.cluster.add(&outcome.cluster);
        if !outcome.findings.is_empty() {
            self.fallidas.push(outcome);
        }
    }
}

/// Runs the seeds; the failing ones come back in order.
pub fn correr(tanda: &Tanda<'_>, salida: Salida) -> Resultado {
    let inicio = Instant::now();
    let barra = barra(salida, tanda.semillas.len() as u64);
    let (siguiente, basta) = (AtomicUsize::new(0), AtomicBool::new(false));
    let total = Mutex::new(Resultado::default());
    thread::scope(|scope| {
        for _ in 0..tanda.hilos {
            scope.spawn(|| {
                while !basta.load(Ordering::Relaxed)
                    && let Some(semilla) = tanda.semillas.get(siguiente.fetch_add(1, Ordering::Relaxed))
                {
                    let (outcome, _) = sim::run(tanda.kit, *semilla, tanda.ajustes, Keep::Nothing);
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    total.sumar(outcome);
                    let fallidas = total.fallidas.len();
                    if fallidas > 0 && fallidas as u64 >= u64::from(tanda.detener_en) {
                        basta.store(true, Ordering::Relaxed);
                    }
                    barra.set_message(if fallidas == 0 { String::new() } else { format!("{fallidas} fallan") });
                    barra.inc(1);
                }
            });
        }
    });
    barra.finish_and_clear();
    let mut resultado = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    resultado.fallidas.sort_by_key(|outcome| outcome.plan.seed);
    resultado.duracion = inicio.elapsed();
    resultado.hilos = tanda.hilos;
    resultado
}

fn barra(salida: Salida, semillas: u64) -> ProgressBar {
    if !salida.progreso() {
        return ProgressBar::hidden();
    }
    let estilo = ProgressStyle::with_template("  {bar:30} {percent:>3} %  {human_pos} semillas  {per_sec}  ·  faltan {eta}  {msg}");
    ProgressBar::new(semillas).with_style(estilo.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
