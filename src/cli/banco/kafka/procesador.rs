//! The processor of a run: this program in a process of its own, so that what it costs is its own and it can be killed.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::broker::puerto_libre;
use crate::cli::{
    fallo::{Clase, Fallo},
    senales,
};

/// How long it may take until it is ready.
const ARRANQUE: Duration = Duration::from_secs(120);
const VISTAZO: Duration = Duration::from_millis(20);

pub struct Procesador {
    hijo: Child,
    orden: Vec<String>,
    bitacora: PathBuf,
    puerto: u16,
}

impl Procesador {
    /// Starts the one called `nombre` over a folder of its own in `carpeta` and waits until it decides commands.
    ///
    /// # Errors
    /// When it ends before, or takes too long; with the end of its log.
    pub fn arrancar(carpeta: &Path, nombre: &str, ajustes: &[String]) -> Result<Self, Fallo> {
        let puerto = puerto_libre()?;
        let datos = carpeta.join(nombre);
        let mut orden = vec!["servir".to_owned(), "--roles".to_owned(), "procesador".to_owned()];
        orden.extend(["--datos".to_owned(), datos.display().to_string()]);
        orden.extend(["--direccion".to_owned(), format!("127.0.0.1:{puerto}")]);
        let propio = format!("motor.nodo={nombre}");
        orden.extend(ajustes.iter().chain([&propio]).flat_map(|ajuste| ["--set".to_owned(), ajuste.clone()]));
        let bitacora = carpeta.join(format!("{nombre}.log"));
        let mut procesador = Self { hijo: lanzar(&orden, &bitacora)?, orden, bitacora, puerto };
        procesador.esperar()?;
        Ok(procesador)
    }

    pub fn pid(&self) -> u32 {
        self.hijo.id()
    }

    /// Stops it in its tracks, or lets it go on: what it is to do is put on the log meanwhile.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn congelar(&self, quieto: bool) -> Result<(), Fallo> {
        let senal = if quieto { Signal::STOP } else { Signal::CONT };
        senales::enviar(self.pid(), senal).map_err(|e| self.fallo(e.to_string()))
    }

    /// kill -9.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn matar(&mut self) -> Result<(), Fallo> {
        self.hijo.kill().and_then(|()| self.hijo.wait()).map(drop).map_err(|e| self.fallo(e.to_string()))
    }

    /// Starts it again where it was, and does not wait.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn relanzar(&mut self) -> Result<(), Fallo> {
        self.hijo = lanzar(&self.orden, &self.bitacora)?;
        Ok(())
    }

    /// What its metrics say, as the text of Prometheus.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn metricas(&self) -> Result<String, Fallo> {
        let url = format!("http://127.0.0.1:{}/metrics", self.puerto);
        let texto = ureq::get(&url).call().and_then(|mut respuesta| respuesta.body_mut().read_to_string());
        texto.map_err(|e| self.fallo(e.to_string()))
    }

    /// Until it is ready.
    ///
    /// # Errors
    /// As [`Procesador::arrancar`].
    pub fn esperar(&mut self) -> Result<(), Fallo> {
        let url = format!("http://127.0.0.1:{}/salud/listo", self.puerto);
        let inicio = Instant::now();
        while ureq::get(&url).call().is_err() {
            let terminado = self.hijo.try_wait().map_err(|e| self.fallo(e.to_string()))?;
            if let Some(estado) = terminado {
                return Err(self.fallo(format!("terminó antes de estar listo ({estado})")));
            }
            if inicio.elapsed() > ARRANQUE {
                return Err(self.fallo(format!("no estuvo listo en {} s", ARRANQUE.as_secs())));
            }
            thread::sleep(VISTAZO);
        }
        Ok(())
    }

    fn fallo(&self, causa: String) -> Fallo {
        let bitacora = fs::read_to_string(&self.bitacora).unwrap_or_default();
        let ultimas: Vec<&str> = bitacora.lines().rev().take(8).collect();
        let final_de_bitacora = ultimas.into_iter().rev().collect::<Vec<_>>().join("\n  ");
        Fallo::new(
            Clase::Servicio,
            "el procesador del banco no trabaja",
            format!("{causa}. Su bitácora termina así:\n  {final_de_bitacora}"),
            "Resuelva la causa y repita.",
        )
    }
}

impl Drop for Procesador {
    fn drop(&mut self) {
        // It may have ended by itself; a run leaves nothing behind.
        drop(self.hijo.kill());
        drop(self.hijo.wait());
    }
}

fn lanzar(orden: &[String], bitacora: &Path) -> Result<Child, Fallo> {
    let lanzado = std::env::current_exe().and_then(|programa| {
        let salida = File::options().create(true).append(true).open(bitacora)?;
        let errores = salida.try_clone()?;
        Command::new(programa).args(orden).stdin(Stdio::null()).stdout(salida).stderr(errores).spawn()
    });
    let que = "no se pudo lanzar el procesador del banco";
    lanzado
        .map_err(|e| Fallo::new(Clase::Servicio, que, e.to_string(), "Revise los permisos del programa y de la carpeta temporal."))
}

/// Runs an order of this program to its end, with the settings of the run.
///
/// # Errors
/// What it said, when it did not end well.
pub fn ordenar(orden: &[&str], ajustes: &[String]) -> Result<(), Fallo> {
    let que = format!("«factumarket {}» no terminó bien", orden.join(" "));
    let fallo = |causa: String| Fallo::new(Clase::Servicio, que.clone(), causa, "Resuelva la causa y repita.");
    let sets = ajustes.iter().flat_map(|ajuste| ["--set", ajuste.as_str()]);
    let corrida = std::env::current_exe().and_then(|programa| Command::new(programa).args(orden).args(sets).output());
    let salida = corrida.map_err(|e| fallo(e.to_string()))?;
    if salida.status.success() { Ok(()) } else { Err(fallo(String::from_utf8_lossy(&salida.stderr).trim().to_owned())) }
}
