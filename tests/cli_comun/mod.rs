//! Running the program as a user does.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;

/// Longest wait for a process to say that it is ready.
const PLAZO: Duration = Duration::from_secs(60);

pub struct Salida {
    pub codigo: i32,
    pub normal: String,
    pub error: String,
}

pub fn carpeta() -> tempfile::TempDir {
    tempfile::tempdir().expect("carpeta temporal")
}

/// The program: the one built with the tests, or the one that `PROGRAMA` names, such as a release build for a long trial. It is deaf to
/// the environment of whoever runs the tests and away from any configuration file.
pub fn programa(argumentos: &[&str]) -> Command {
    let cual = std::env::var_os("PROGRAMA").unwrap_or_else(|| env!("CARGO_BIN_EXE_factumarket").into());
    let mut orden = Command::new(cual);
    for (nombre, _) in std::env::vars_os() {
        if nombre.to_string_lossy().starts_with("FACTUMARKET__") {
            orden.env_remove(nombre);
        }
    }
    orden.args(argumentos).env_remove("RUST_LOG").current_dir(std::env::temp_dir());
    orden
}

pub fn correr(argumentos: &[&str]) -> Salida {
    let salida = programa(argumentos).output().expect("el programa corre");
    Salida {
        codigo: salida.status.code().unwrap_or(-1),
        normal: String::from_utf8_lossy(&salida.stdout).into_owned(),
        error: String::from_utf8_lossy(&salida.stderr).into_owned(),
    }
}

pub fn json(salida: &Salida) -> Value {
    serde_json::from_str(&salida.normal).unwrap_or_else(|e| panic!("no es JSON: {e}\n{}\n{}", salida.normal, salida.error))
}

pub fn texto_de_error(salida: &Salida) -> &str {
    &salida.error
}

/// A process that serves a folder; killed when dropped.
pub struct Servicio {
    pub url: String,
    proceso: Child,
}

impl Servicio {
    /// `servir` on a free port; returns when it says that it is ready.
    pub fn empezar(datos: &Path, mas: &[&str]) -> Self {
        let mut argumentos = vec!["servir", "--json", "--direccion", "127.0.0.1:0", "--datos", datos.to_str().expect("ruta")];
        argumentos.extend_from_slice(mas);
        let mut proceso = programa(&argumentos).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("el programa corre");
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
        let listo = recibe.recv_timeout(PLAZO).expect("el servicio dice que está listo");
        Self { url: listo["url"].as_str().expect("url").to_owned(), proceso }
    }

    /// Asks it to stop as a service manager does; gives its exit code.
    pub fn terminar(mut self) -> i32 {
        let pid = self.proceso.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
        self.proceso.wait().expect("termina").code().unwrap_or(-1)
    }

    /// kill -9.
    pub fn matar(mut self) {
        self.proceso.kill().expect("kill -9");
        self.proceso.wait().expect("termina");
    }
}

impl Drop for Servicio {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.proceso.kill();
        let _ = self.proceso.wait();
    }
}
