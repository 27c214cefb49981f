//! Several real processes on one broker: started, killed, stopped, and under load from clients that know all of them.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use factumarket::cli::banco::carga::Azar;
use serde_json::Value;

use crate::{
    cli_comun::programa,
    libro_comun::{Desenlace, Libro, agente, enviar, nueva},
};

/// Longest wait for a process to say that it is ready: a broker may be on its way back.
const ARRANQUE: Duration = Duration::from_secs(120);

/// A node: its name, its folder, and its process while it runs.
pub struct Nodo {
    pub nombre: String,
    pub datos: PathBuf,
    pub url: String,
    /// Whether it serves the API.
    pub sirve: bool,
    bitacora: PathBuf,
    argumentos: Vec<String>,
    proceso: Option<Child>,
}

impl Nodo {
    /// A node in a folder of its own under `raiz`; not started.
    pub fn nuevo(raiz: &Path, nombre: &str, roles: &str, ajustes: &[String]) -> Self {
        let datos = raiz.join(nombre);
        let mut argumentos: Vec<String> =
            ["servir", "--json", "--direccion", "127.0.0.1:0", "--roles", roles, "--datos"].map(str::to_owned).to_vec();
        argumentos.push(datos.to_string_lossy().into_owned());
        for ajuste in [format!("motor.nodo={nombre}"), "bitacora.nivel=info".to_owned()] {
            argumentos.extend(["--set".to_owned(), ajuste]);
        }
        argumentos.extend_from_slice(ajustes);
        let bitacora = raiz.join(format!("{nombre}.log"));
        Self {
            nombre: nombre.to_owned(),
            datos,
            url: String::new(),
            sirve: roles.contains("api"),
            bitacora,
            argumentos,
            proceso: None,
        }
    }

    /// Starts it and returns when it says that it is ready.
    pub fn arrancar(&mut self) {
        assert!(self.intentar(), "{} terminó al arrancar:\n{}", self.nombre, self.cola());
    }

    /// The same; false when it ended instead.
    pub fn intentar(&mut self) -> bool {
        let argumentos: Vec<&str> = self.argumentos.iter().map(String::as_str).collect();
        let errores = File::options().create(true).append(true).open(&self.bitacora).expect("bitácora");
        let mut proceso = programa(&argumentos).stdout(Stdio::piped()).stderr(errores).spawn().expect("el programa corre");
        let normal = proceso.stdout.take().expect("salida");
        let (envia, recibe) = mpsc::channel();
        thread::spawn(move || {
            let mut texto = String::new();
            for linea in BufReader::new(normal).lines().map_while(Result::ok) {
                texto.push_str(&linea);
                if let Ok(valor) = serde_json::from_str::<Value>(&texto) {
                    drop(envia.send(valor));
                    texto.clear();
                }
            }
        });
        let listo = recibe.recv_timeout(ARRANQUE);
        self.proceso = Some(proceso);
        match listo {
            Ok(listo) => {
                self.url = listo["url"].as_str().unwrap_or_default().to_owned();
                !self.url.is_empty()
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                self.esperar();
                false
            }
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{} no arrancó en {ARRANQUE:?}:\n{}", self.nombre, self.cola()),
        }
    }

    pub fn corre(&self) -> bool {
        self.proceso.is_some()
    }

    /// Whether it ended by itself since it was started.
    pub fn termino_solo(&mut self) -> bool {
        let termino = self.proceso.as_mut().is_some_and(|p| p.try_wait().expect("estado").is_some());
        if termino {
            self.proceso = None;
        }
        termino
    }

    /// Sends a signal by its name.
    pub fn avisar(&self, nombre: &str) {
        let Some(proceso) = &self.proceso else { return };
        let pid = proceso.id().to_string();
        Command::new("kill").args([&format!("-{nombre}"), &pid]).status().expect("kill");
    }

    /// kill -9.
    pub fn matar(&mut self) {
        if let Some(mut proceso) = self.proceso.take() {
            proceso.kill().expect("kill -9");
            proceso.wait().expect("termina");
        }
    }

    /// Waits for its end; its exit code, and -1 when a signal ended it.
    pub fn esperar(&mut self) -> i32 {
        let Some(mut proceso) = self.proceso.take() else { return -1 };
        proceso.wait().expect("termina").code().unwrap_or(-1)
    }

    /// Asks it to stop as a service manager does; its exit code and how long it took.
    pub fn terminar(&mut self) -> (i32, Duration) {
        let inicio = Instant::now();
        self.avisar("TERM");
        (self.esperar(), inicio.elapsed())
    }

    /// The last lines of its log, to explain a failure.
    pub fn cola(&self) -> String {
        let texto = fs::read_to_string(&self.bitacora).unwrap_or_default();
        let lineas: Vec<&str> = texto.lines().filter(|linea| !linea.contains("LSM") && !linea.contains("manifest")).collect();
        lineas[lineas.len().saturating_sub(30)..].join("\n")
    }

    /// A counter of its metrics, added up over the labels that contain `etiqueta`.
    pub fn metrica(&self, nombre: &str, etiqueta: &str) -> f64 {
        let respuesta = agente().get(format!("{}/metrics", self.url)).call().expect("métricas");
        let texto = respuesta.into_body().read_to_string().expect("texto");
        let lineas = texto.lines().filter(|linea| linea.starts_with(nombre) && linea.contains(etiqueta));
        lineas.filter_map(|linea| linea.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Its health: status and body.
    pub fn salud(&self) -> (u16, Value) {
        let respuesta = agente().get(format!("{}/salud/listo", self.url)).call().expect("salud");
        let estado = respuesta.status().as_u16();
        let cuerpo = respuesta.into_body().read_to_string().expect("cuerpo");
        (estado, serde_json::from_str(&cuerpo).expect("JSON"))
    }
}

impl Drop for Nodo {
    fn drop(&mut self) {
        self.matar();
    }
}

/// Clients that send to whichever node answers, until they are told to stop.
pub struct Carga {
    pub libro: Arc<Libro>,
    urls: Arc<Mutex<Vec<String>>>,
    fin: Arc<AtomicBool>,
    respuestas: Arc<Mutex<Vec<Instant>>>,
    hilos: Vec<JoinHandle<()>>,
}

impl Carga {
    /// Starts `clientes` threads on the urls.
    pub fn empezar(libro: Arc<Libro>, urls: Vec<String>, clientes: u64, semilla: u64) -> Self {
        let urls = Arc::new(Mutex::new(urls));
        let (fin, respuestas) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let hilos = (0..clientes).map(|hilo| {
            let cliente = Cliente {
                libro: Arc::clone(&libro),
                urls: Arc::clone(&urls),
                fin: Arc::clone(&fin),
                respuestas: Arc::clone(&respuestas),
                semilla: semilla * 1_000 + hilo,
            };
            thread::spawn(move || cliente.correr())
        });
        let hilos = hilos.collect();
        Self { libro, urls, fin, respuestas, hilos }
    }

    /// Where clients send from now on.
    pub fn dirigir(&self, urls: Vec<String>) {
        *self.urls.lock().expect("urls") = urls;
    }

    /// Answers so far.
    pub fn respuestas(&self) -> usize {
        self.respuestas.lock().expect("respuestas").len()
    }

    /// Waits until so many more answers came.
    pub fn esperar(&self, mas: usize) {
        let (desde, inicio) = (self.respuestas(), Instant::now());
        while self.respuestas() < desde + mas {
            assert!(inicio.elapsed() < Duration::from_secs(120), "en 120 s no llegaron {mas} respuestas");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Longest time without an answer since a moment, until now.
    pub fn pausa_desde(&self, momento: Instant) -> Duration {
        let respuestas = self.respuestas.lock().expect("respuestas");
        let mut previa = momento;
        let mut pausa = Duration::ZERO;
        for llegada in respuestas.iter().copied().filter(|llegada| *llegada >= momento) {
            pausa = pausa.max(llegada - previa);
            previa = llegada;
        }
        pausa.max(previa.elapsed())
    }

    /// Ends the clients; those that have no answer stay on the ledger as unknown.
    pub fn terminar(self) {
        self.fin.store(true, Ordering::Release);
        self.hilos.into_iter().for_each(|hilo| hilo.join().expect("cliente"));
    }
}

struct Cliente {
    libro: Arc<Libro>,
    urls: Arc<Mutex<Vec<String>>>,
    fin: Arc<AtomicBool>,
    respuestas: Arc<Mutex<Vec<Instant>>>,
    semilla: u64,
}

impl Cliente {
    fn correr(&self) {
        let (agente, mut azar) = (agente(), Azar::new(self.semilla));
        let mut pendiente = None;
        for n in 0_u64.. {
            if self.fin.load(Ordering::Acquire) {
                return;
            }
            // What has no answer is asked again with its key, perhaps elsewhere, before anything new.
            let mut orden = pendiente.take().unwrap_or_else(|| nueva(&mut azar, format!("n-{}-{n}", self.semilla)));
            orden.desenlace = Desenlace::Desconocido;
            // The intent is on the ledger before the request leaves.
            self.libro.anotar(orden.clone());
            let url = {
                let urls = self.urls.lock().expect("urls");
                urls[azar.bajo(urls.len() as u64) as usize].clone()
            };
            orden.desenlace = enviar(&agente, &url, &orden);
            self.libro.anotar(orden.clone());
            if orden.desenlace == Desenlace::Desconocido {
                pendiente = Some(orden);
                // A node that is down refuses at once: the others are given room.
                thread::sleep(Duration::from_millis(20));
            } else {
                self.respuestas.lock().expect("respuestas").push(Instant::now());
            }
        }
    }
}
