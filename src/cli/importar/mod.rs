//! `importar`: a file of clients, products, stock and orders, line by line, through the engine.
//!
//! Memory is bounded: lines are read one at a time, and only a window of them waits for its outcome. A change of type is a barrier:
//! what the next lines lean on is done before they are sent.

mod informe;
#[doc(hidden)]
pub mod lineas;
mod orden;
#[doc(hidden)]
pub mod plan;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

pub use orden::ejecutar;

use self::{
    informe::{Informe, Rechazados},
    lineas::{Linea, Lineas, MAX_LINEA},
    plan::{Planificador, Tipo},
};
use super::{
    destino::{Destino, Espera},
    fallo::{Clase, Fallo},
    formato::entero,
    peticion::{Desenlace, Motivo},
    salida::Salida,
};

/// Bytes of lines that wait for their outcome, whatever their number.
const MAX_BYTES_EN_CURSO: usize = 32 << 20;

/// What an import takes besides its destination.
pub struct Opciones {
    pub archivo: PathBuf,
    pub rechazados: PathBuf,
    /// Lines in flight.
    pub en_curso: usize,
}

/// The default file of refused lines: beside the file, `pedidos.ndjson` → `pedidos.ndjson.rechazados.ndjson`.
pub fn rechazados_por_defecto(archivo: &Path) -> PathBuf {
    let mut nombre = archivo.as_os_str().to_owned();
    nombre.push(".rechazados.ndjson");
    PathBuf::from(nombre)
}

/// The open file, before anything else is started: an unreadable file should cost nothing.
pub struct Archivo {
    fuente: BufReader<File>,
    bytes: u64,
}

/// # Errors
/// Class `Uso` for a file that is missing, empty, compressed or no file.
pub fn abrir(ruta: &Path) -> Result<Archivo, Fallo> {
    let nombre = ruta.display();
    let fallo = |que: String, por_que: &str, hacer: &str| Fallo::new(Clase::Uso, que, por_que, hacer);
    let de_disco = |e: io::Error| {
        let por_que = match e.kind() {
            io::ErrorKind::NotFound => "el archivo no existe".to_owned(),
            io::ErrorKind::PermissionDenied => "no hay permiso para leerlo".to_owned(),
            _ => e.to_string(),
        };
        Fallo::new(
            Clase::Uso,
            format!("no se puede leer {nombre}"),
            por_que,
            "Indique un archivo NDJSON: un objeto JSON por línea.",
        )
    };
    let archivo = File::open(ruta).map_err(de_disco)?;
    let datos = archivo.metadata().map_err(de_disco)?;
    if datos.is_dir() {
        return Err(fallo(
            format!("{nombre} es una carpeta"),
            "se espera un archivo",
            "Indique un archivo NDJSON: un objeto JSON por línea.",
        ));
    }
    let mut fuente = BufReader::with_capacity(256 << 10, archivo);
    let inicio = fuente.fill_buf().map_err(de_disco)?;
    if inicio.is_empty() {
        return Err(fallo(
            format!("{nombre} está vacío"),
            "no tiene ninguna línea",
            "Compruebe que el archivo se exportó o se copió completo.",
        ));
    }
    if inicio.starts_with(&[0x1f, 0x8b]) {
        return Err(fallo(
            format!("{nombre} está comprimido con gzip"),
            "sólo se leen archivos de texto",
            "Descomprímalo antes: gunzip -k ARCHIVO.gz, e importe el archivo resultante.",
        ));
    }
    Ok(Archivo { fuente, bytes: datos.len() })
}

/// What an import came to.
pub struct Importado {
    pub informe: Informe,
    pub duracion: Duration,
    /// The file of refused lines, when there is one.
    pub rechazados: Option<PathBuf>,
}

/// Runs the import to the end of the file.
///
/// # Errors
/// When the file, the file of refused lines or the destination fails. What was answered by then is done.
pub fn importar(archivo: Archivo, opciones: &Opciones, destino: &mut dyn Destino, salida: &Salida) -> Result<Importado, Fallo> {
    let rechazados = Rechazados::new(opciones.rechazados.clone()).map_err(|e| de_rechazados(&opciones.rechazados, &e))?;
    let inicio = Instant::now();
    let mut marcha = Marcha {
        opciones,
        destino,
        rechazados,
        informe: Informe::default(),
        planificador: Planificador::default(),
        en_vuelo: VecDeque::new(),
        bytes_en_vuelo: 0,
        ultimo_tipo: None,
        barra: barra(salida, archivo.bytes),
    };
    let mut lineas = Lineas::new(archivo.fuente);
    loop {
        let leida = lineas.siguiente().map_err(|e| {
            let que = format!("no se pudo seguir leyendo {}", opciones.archivo.display());
            Fallo::new(Clase::Servicio, que, e.to_string(), "Repita la orden: lo ya hecho no se repite.")
        })?;
        let Some((numero, linea)) = leida else { break };
        marcha.linea(numero, linea)?;
        marcha.barra.set_position(lineas.leidos());
    }
    marcha.vaciar()?;
    marcha.barra.finish_and_clear();
    let rechazados = marcha.rechazados.cerrar().map_err(|e| de_rechazados(&opciones.rechazados, &e))?;
    Ok(Importado { informe: marcha.informe, duracion: inicio.elapsed(), rechazados })
}

/// A line sent, waiting for its outcome.
struct EnVuelo {
    numero: u64,
    tipo: Option<Tipo>,
    original: Vec<u8>,
    espera: Espera,
}

struct Marcha<'a> {
    opciones: &'a Opciones,
    destino: &'a mut dyn Destino,
    rechazados: Rechazados,
    informe: Informe,
    planificador: Planificador,
    en_vuelo: VecDeque<EnVuelo>,
    bytes_en_vuelo: usize,
    ultimo_tipo: Option<Tipo>,
    barra: ProgressBar,
}

impl Marcha<'_> {
    fn linea(&mut self, numero: u64, linea: Linea) -> Result<(), Fallo> {
        let (original, cortada, larga) = match linea {
            Linea::Entera(bytes) => (bytes, false, false),
            Linea::SinFin(bytes) => (bytes, true, false),
            Linea::Larga(bytes) => (bytes, false, true),
        };
        if original.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        self.informe.leidas += 1;
        let plan = if larga {
            Err(vec![Motivo::new("LineaDemasiadoLarga", format!("la línea pasa de {} KiB: divida el documento", MAX_LINEA >> 10))])
        } else if std::str::from_utf8(&original).is_err() {
            Err(vec![Motivo::new("NoEsTexto", "la línea no es texto UTF-8: guarde el archivo como UTF-8 sin comprimir")])
        } else {
            self.planificador.planear(&original).map_err(|motivos| explicar_corte(motivos, cortada))
        };
        let (tipo, espera) = match plan {
            Ok(plan) => {
                if self.ultimo_tipo.replace(plan.tipo) != Some(plan.tipo) {
                    self.vaciar()?;
                }
                (Some(plan.tipo), self.destino.enviar(plan.peticiones)?)
            }
            Err(motivos) => (None, Box::new(move || Ok(Desenlace::Rechazada(motivos))) as Espera),
        };
        self.bytes_en_vuelo += original.len();
        self.en_vuelo.push_back(EnVuelo { numero, tipo, original, espera });
        while self.en_vuelo.len() >= self.opciones.en_curso || self.bytes_en_vuelo > MAX_BYTES_EN_CURSO {
            self.recoger()?;
        }
        Ok(())
    }

    /// Waits for the oldest line; with nothing in flight it does nothing.
    fn recoger(&mut self) -> Result<(), Fallo> {
        let Some(linea) = self.en_vuelo.pop_front() else { return Ok(()) };
        self.bytes_en_vuelo -= linea.original.len();
        let desenlace = (linea.espera)()?;
        self.informe.anotar(linea.tipo, &desenlace);
        if let Desenlace::Rechazada(motivos) = &desenlace {
            let anotada = self.rechazados.anotar(linea.numero, &linea.original, motivos);
            anotada.map_err(|e| de_rechazados(&self.opciones.rechazados, &e))?;
        }
        let n = self.informe.leidas - self.en_vuelo.len() as u64;
        if n.is_multiple_of(256) {
            self.barra.set_message(format!("{} líneas · {} facturas", entero(n), entero(self.informe.facturas)));
        }
        Ok(())
    }

    fn vaciar(&mut self) -> Result<(), Fallo> {
        while !self.en_vuelo.is_empty() {
            self.recoger()?;
        }
        Ok(())
    }
}

/// A last line without its end that is not JSON was most likely cut while copying.
fn explicar_corte(mut motivos: Vec<Motivo>, cortada: bool) -> Vec<Motivo> {
    if cortada && motivos.iter().any(|m| m.regla == "JsonInvalido") {
        let aviso = "la última línea está cortada: el archivo termina antes de tiempo; cópielo completo e impórtelo otra vez";
        motivos.insert(0, Motivo::new("LineaCortada", aviso));
    }
    motivos
}

fn barra(salida: &Salida, bytes: u64) -> ProgressBar {
    if !salida.progreso() {
        return ProgressBar::hidden();
    }
    let estilo = ProgressStyle::with_template("  {bar:30} {percent:>3} %  {msg}  ·  faltan {eta}");
    let barra = ProgressBar::new(bytes);
    match estilo {
        Ok(estilo) => barra.with_style(estilo),
        Err(_) => barra,
    }
}

fn de_rechazados(ruta: &Path, e: &io::Error) -> Fallo {
    let que = format!("no se pudo escribir {}", ruta.display());
    Fallo::new(
        Clase::Servicio,
        que,
        e.to_string(),
        "Indique otro archivo con --rechazados, o libere espacio. Lo ya hecho no se repite.",
    )
}
