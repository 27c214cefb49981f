//! Rebuilding projections in a running node: one at a time, on a thread of its own, and what became of each.

use std::{
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

use crate::{
    http::{ErrorProyecciones, Proyecciones},
    projections::{PROYECCIONES, ProjectionSpec, comparacion::avance, reconstruccion::Medios, runner},
};

/// How a rebuild goes, or went.
#[derive(Debug, Clone)]
enum Estado {
    EnCurso,
    Terminada,
    Fallida(String),
}

/// The last rebuild of a projection since the node started.
struct Reconstruccion {
    estado: Estado,
    avance: Arc<Avance>,
}

#[derive(Default)]
struct Avance {
    registros: AtomicU64,
    total: AtomicU64,
}

impl Reconstruccion {
    fn to_json(&self) -> Value {
        let (estado, causa) = match &self.estado {
            Estado::EnCurso => ("en_curso", None),
            Estado::Terminada => ("terminada", None),
            Estado::Fallida(causa) => ("fallida", Some(causa)),
        };
        let (registros, total) = (&self.avance.registros, &self.avance.total);
        json!({
            "estado": estado, "causa": causa,
            "registros": registros.load(Ordering::Relaxed), "total": total.load(Ordering::Relaxed),
        })
    }
}

/// The door that the API opens to the projections of this process.
#[derive(Default)]
pub(super) struct Reconstrucciones {
    /// Once the tables are open; never in a process that does not feed them.
    medios: OnceLock<Arc<Medios>>,
    hechas: Arc<Mutex<BTreeMap<&'static str, Reconstruccion>>>,
    parar: Arc<AtomicBool>,
    hilo: Mutex<Option<JoinHandle<()>>>,
}

type Hechas = Mutex<BTreeMap<&'static str, Reconstruccion>>;

fn tomar(hechas: &Hechas) -> MutexGuard<'_, BTreeMap<&'static str, Reconstruccion>> {
    hechas.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reconstrucciones {
    pub(super) fn abrir(&self, medios: Medios) {
        // Only the start of the node sets it.
        let _ = self.medios.set(Arc::new(medios));
    }

    /// Cuts short the one that is in course, which leaves its projection as it was, and waits for its thread.
    pub(super) fn cerrar(&self) {
        self.parar.store(true, Ordering::Release);
        let hilo = self.hilo.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic of the thread is told where it happened.
        let _ = hilo.map(JoinHandle::join);
    }

    fn medios(&self) -> Result<&Arc<Medios>, ErrorProyecciones> {
        let que = "este proceso no alimenta las proyecciones, o todavía las está abriendo";
        self.medios.get().ok_or_else(|| ErrorProyecciones::NoDisponible(que.to_owned()))
    }

    fn empezar(&self, medios: &Arc<Medios>, spec: &'static ProjectionSpec) -> Result<(), ErrorProyecciones> {
        let mut hilo = self.hilo.lock().unwrap_or_else(PoisonError::into_inner);
        if hilo.as_ref().is_some_and(|hilo| !hilo.is_finished()) {
            return Err(ErrorProyecciones::EnCurso);
        }
        let avance = Arc::new(Avance::default());
        tomar(&self.hechas).insert(spec.name, Reconstruccion { estado: Estado::EnCurso, avance: Arc::clone(&avance) });
        let (medios, hechas, parar) = (Arc::clone(medios), Arc::clone(&self.hechas), Arc::clone(&self.parar));
        let trabajo = move || {
            // A panic was told where it happened; whoever waits for the end must be told too.
            let hecha = panic::catch_unwind(AssertUnwindSafe(|| reconstruir(&medios, spec, &parar, &avance)));
            let estado =
                hecha.unwrap_or_else(|_| Estado::Fallida("terminó con un fallo, que está en el registro del proceso".to_owned()));
            if let Some(reconstruccion) = tomar(&hechas).get_mut(spec.name) {
                reconstruccion.estado = estado;
            }
        };
        match thread::Builder::new().name("reconstruye".to_owned()).spawn(trabajo) {
            Ok(nuevo) => *hilo = Some(nuevo),
            Err(error) => {
                tomar(&self.hechas).remove(spec.name);
                return Err(ErrorProyecciones::NoDisponible(format!("no hay hilo para reconstruir: {error}")));
            }
        }
        Ok(())
    }
}

fn reconstruir(medios: &Medios, spec: &'static ProjectionSpec, parar: &AtomicBool, avance: &Avance) -> Estado {
    tracing::info!(evento = "reconstruccion_empieza", proyeccion = spec.name, "se pliega su otra copia");
    let hecha = medios.reconstruir(spec, parar, &mut |registros, total| {
        avance.registros.store(registros, Ordering::Relaxed);
        avance.total.store(total, Ordering::Relaxed);
    });
    match hecha {
        Ok(true) => {
            // Another process that reads these tables asks the old copy for as long: the next rebuild may not empty it before.
            if let Some(vigencia) = medios.copias.vigencia() {
                thread::sleep(2 * vigencia);
            }
            tracing::info!(evento = "reconstruccion_termina", proyeccion = spec.name, "la otra copia es la que está en uso");
            Estado::Terminada
        }
        Ok(false) => Estado::Fallida("el proceso se detuvo: la proyección quedó como estaba".to_owned()),
        Err(error) => {
            tracing::error!(evento = "reconstruccion_falla", proyeccion = spec.name, causa = %error, "queda la copia de antes");
            Estado::Fallida(error.to_string())
        }
    }
}

impl Proyecciones for Reconstrucciones {
    fn listar(&self) -> Result<Value, ErrorProyecciones> {
        let medios = self.medios()?;
        let una = |spec: &&'static ProjectionSpec| {
            let avance = avance(&*medios.log, &*medios.copias.en_uso(), spec);
            let avance = avance.map_err(|e| ErrorProyecciones::NoDisponible(e.to_string()))?;
            let tablas: Vec<&str> = spec.tables.iter().map(|tabla| tabla.name).collect();
            Ok(json!({
                "nombre": spec.name, "que_es": spec.doc, "tablas": tablas,
                "atraso": avance.iter().map(|a| a.atraso).sum::<u64>(),
                "reconstruccion": tomar(&self.hechas).get(spec.name).map(Reconstruccion::to_json),
            }))
        };
        Ok(json!({ "items": PROYECCIONES.iter().map(una).collect::<Result<Vec<_>, _>>()? }))
    }

    fn reconstruccion(&self, nombre: &str) -> Result<Option<Value>, ErrorProyecciones> {
        let spec = runner::proyeccion(nombre).ok_or(ErrorProyecciones::NoExiste)?;
        Ok(tomar(&self.hechas).get(spec.name).map(Reconstruccion::to_json))
    }

    fn reconstruir(&self, nombre: &str) -> Result<(), ErrorProyecciones> {
        let spec = runner::proyeccion(nombre).ok_or(ErrorProyecciones::NoExiste)?;
        self.empezar(self.medios()?, spec)
    }
}
