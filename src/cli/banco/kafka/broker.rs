//! The broker of a run and its schema registry: its own, on free ports, gone with the run.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use crate::cli::fallo::{Clase, Fallo};

/// The script of the project that brings and starts services.
const GUION: &str = "deploy/local/servicios";

pub struct Broker {
    guion: PathBuf,
    carpeta: PathBuf,
    puerto: u16,
    puerto_registro: u16,
    /// Process of the broker, for `/proc`.
    pub pid: u32,
}

impl Broker {
    /// Starts it with its data under `carpeta`; the programs are those of the project, fetched once.
    ///
    /// # Errors
    /// When the script is not found from here, or the broker does not start.
    pub fn arrancar(carpeta: &Path) -> Result<Self, Fallo> {
        let guion = guion()?;
        let (puerto, puerto_registro) = (puerto_libre()?, puerto_libre()?);
        let mut broker = Self { guion, carpeta: carpeta.to_owned(), puerto, puerto_registro, pid: 0 };
        broker.orden("arriba")?;
        let texto = fs::read_to_string(carpeta.join("kafka/pid")).unwrap_or_default();
        broker.pid = texto.split_whitespace().next().and_then(|pid| pid.parse().ok()).ok_or_else(|| {
            fallo("no se sabe qué proceso es el broker", "deploy/local/servicios no dejó su archivo pid".to_owned())
        })?;
        Ok(broker)
    }

    pub fn direccion(&self) -> String {
        format!("127.0.0.1:{}", self.puerto)
    }

    /// Address of the schema registry.
    pub fn esquemas(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.puerto_registro)
    }

    fn orden(&self, orden: &str) -> Result<(), Fallo> {
        let salida = Command::new(&self.guion)
            .args([orden, "kafka", "registro"])
            .env("SERVICIOS_CARPETA", &self.carpeta)
            .env("KAFKA_PUERTO", self.puerto.to_string())
            .env("KAFKA_PUERTO_CONTROL", puerto_libre()?.to_string())
            .env("REGISTRO_PUERTO", self.puerto_registro.to_string())
            .env("KAFKA_MEMORIA", "1g")
            .output()
            .map_err(|e| fallo("no se pudo ejecutar deploy/local/servicios", e.to_string()))?;
        if salida.status.success() {
            return Ok(());
        }
        Err(fallo("el broker del banco no arrancó", String::from_utf8_lossy(&salida.stderr).trim().to_owned()))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = self.orden("abajo") {
            tracing::warn!(evento = "broker_del_banco", causa = %*error.por_que, "no se pudo detener el broker del banco");
        }
    }
}

fn fallo(que: &str, causa: String) -> Fallo {
    Fallo::new(Clase::Servicio, que, causa, "Hace falta Java 17 y Maven: pruebe deploy/local/servicios arriba kafka.")
}

/// The script, from the current folder or one above it.
fn guion() -> Result<PathBuf, Fallo> {
    let aqui = std::env::current_dir().map_err(|e| fallo("no se sabe cuál es la carpeta actual", e.to_string()))?;
    let encontrado = aqui.ancestors().map(|carpeta| carpeta.join(GUION)).find(|guion| guion.is_file());
    encontrado.ok_or_else(|| {
        Fallo::new(
            Clase::Uso,
            "no se encuentra deploy/local/servicios",
            format!("se buscó desde {}", aqui.display()),
            "Corra banco --kafka desde la carpeta del proyecto.",
        )
    })
}

/// A port that nobody uses now.
pub fn puerto_libre() -> Result<u16, Fallo> {
    let libre = TcpListener::bind("127.0.0.1:0").and_then(|oyente| oyente.local_addr());
    libre.map(|direccion| direccion.port()).map_err(|e| fallo("no hay un puerto libre", e.to_string()))
}
