//! The peer: an application of Kafka Streams that does the same job, built from its sources and measured by its own bench on our broker.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Map, Value};

use super::{Plan, broker::Broker};
use crate::cli::fallo::{Clase, Fallo};

const JAR: &str = "target/facturacion-kafka-streams.jar";
/// The options of its virtual machine with which its authors measured it.
const JVM: [&str; 4] = ["-Xms1g", "-Xmx1g", "-Xmn640m", "-XX:+UseParallelGC"];

pub struct Par {
    carpeta: PathBuf,
}

impl Par {
    /// Copies its sources under `destino` and builds them there: nothing is written where they are.
    ///
    /// # Errors
    /// When there are no sources of it at `origen`, or Maven cannot build them.
    pub fn preparar(origen: &Path, destino: &Path) -> Result<Self, Fallo> {
        let carpeta = destino.join("par");
        copiar(&origen.join("src"), &carpeta.join("src"))
            .and_then(|()| fs::copy(origen.join("pom.xml"), carpeta.join("pom.xml")).map(drop))
            .map_err(|e| fallo(format!("{}: {e}", origen.display())))?;
        let orden = Command::new("mvn").args(["-q", "-B", "package"]).current_dir(&carpeta).output();
        let salida = orden.map_err(|e| fallo(format!("mvn: {e}")))?;
        if !salida.status.success() || !carpeta.join(JAR).is_file() {
            let texto = [salida.stdout, salida.stderr].concat();
            return Err(fallo(format!("mvn package: {}", String::from_utf8_lossy(&texto).trim())));
        }
        Ok(Self { carpeta })
    }

    /// Runs its bench; what it measured, by its names.
    ///
    /// # Errors
    /// When it does not end well or does not say its figures.
    pub fn medir(&self, broker: &Broker, plan: &Plan, confirmacion_ms: u32) -> Result<Map<String, Value>, Fallo> {
        let (jar, libros) = (self.carpeta.join(JAR), self.carpeta.join("target/lib/*"));
        let clases = format!("{}:{}", jar.display(), libros.display());
        let estado = self.carpeta.join(format!("estado-{confirmacion_ms}"));
        let aplicacion = format!(
            "java {} -Djava.io.tmpdir={} -cp {clases} factumarket.peer.App --bootstrap={} --state-dir={} --store=rocksdb --commit-ms={confirmacion_ms}",
            JVM.join(" "),
            self.carpeta.display(),
            broker.direccion(),
            estado.display(),
        );
        let salida = Command::new("java")
            .args(["-Xmx2g", "-XX:+UseSerialGC", "-cp", &clases, "factumarket.peer.Banco"])
            .args([
                format!("--bootstrap={}", broker.direccion()),
                format!("--broker-pid={}", broker.pid),
                format!("--app-cmd={aplicacion}"),
                format!("--facturas={}", plan.facturas),
                format!("--productos={}", plan.productos),
                format!("--dist={}", if plan.zipf > 0.0 { format!("zipf:{}", plan.zipf) } else { "uniforme".to_owned() }),
                format!("--calientes={}", plan.tandas),
                format!("--ritmo={}", plan.tasa),
                format!("--segundos={}", plan.segundos),
            ])
            .current_dir(&self.carpeta)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| fallo(format!("java: {e}")))?;
        let texto = String::from_utf8_lossy(&salida.stdout);
        let linea = texto.lines().rev().find(|linea| linea.starts_with('{')).filter(|_| salida.status.success());
        let medido = linea.and_then(|linea| serde_json::from_str(linea).ok());
        medido.ok_or_else(|| {
            let errores = String::from_utf8_lossy(&salida.stderr);
            let ultimas: Vec<&str> = errores.lines().rev().take(6).collect();
            fallo(format!("su banco terminó con {}: {}", salida.status, ultimas.into_iter().rev().collect::<Vec<_>>().join(" / ")))
        })
    }
}

fn copiar(origen: &Path, destino: &Path) -> io::Result<()> {
    fs::create_dir_all(destino)?;
    for entrada in fs::read_dir(origen)? {
        let entrada = entrada?;
        let hasta = destino.join(entrada.file_name());
        if entrada.file_type()?.is_dir() {
            copiar(&entrada.path(), &hasta)?;
        } else {
            fs::copy(entrada.path(), hasta)?;
        }
    }
    Ok(())
}

fn fallo(causa: String) -> Fallo {
    Fallo::new(
        Clase::Servicio,
        "no se pudo medir la otra aplicación",
        causa,
        "--par espera la carpeta de la aplicación Kafka Streams, con su pom.xml; hacen falta Java 17 y Maven.",
    )
}
