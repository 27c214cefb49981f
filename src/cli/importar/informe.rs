//! What an import did: counts, and the file of refused lines.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use super::plan::Tipo;
use crate::{
    cli::{
        formato::{entero, importe},
        peticion::{Desenlace, Motivo},
        salida::Salida,
    },
    domain::valores::Decimal,
};

/// Counts of an import.
#[derive(Debug, Default)]
pub struct Informe {
    pub leidas: u64,
    /// New, by type of line.
    pub aceptadas: BTreeMap<&'static str, u64>,
    /// Already done before: the same answer again.
    pub repetidas: u64,
    pub rechazadas: u64,
    /// Times each rule or code failed; a line may fail several.
    pub por_regla: BTreeMap<String, u64>,
    /// Invoices issued by this import.
    pub facturas: u64,
    pub total: Decimal,
    pub moneda: String,
    /// Least and greatest number of the invoices issued.
    pub numeros: Option<(String, String)>,
}

impl Informe {
    pub fn anotar(&mut self, tipo: Option<Tipo>, desenlace: &Desenlace) {
        match desenlace {
            Desenlace::Aceptada { repetida: true, .. } => self.repetidas += 1,
            Desenlace::Aceptada { repetida: false, factura, .. } => {
                *self.aceptadas.entry(tipo.map_or("otro", Tipo::nombre)).or_default() += 1;
                if let Some(factura) = factura {
                    self.facturas += 1;
                    self.total += factura.total.valor();
                    self.moneda.clone_from(&factura.moneda);
                    self.anotar_numero(&factura.numero);
                }
            }
            Desenlace::Rechazada(motivos) => {
                self.rechazadas += 1;
                for motivo in motivos {
                    *self.por_regla.entry(motivo.regla.clone()).or_default() += 1;
                }
            }
        }
    }

    /// Outcomes come in the order of the lines, which is not the order in which numbers were given.
    fn anotar_numero(&mut self, numero: &str) {
        let orden = |n: &str| (n.len(), n.to_owned());
        let (primera, ultima) = self.numeros.get_or_insert_with(|| (numero.to_owned(), numero.to_owned()));
        if orden(numero) < orden(primera) {
            numero.clone_into(primera);
        }
        if orden(numero) > orden(ultima) {
            numero.clone_into(ultima);
        }
    }

    pub fn nuevas(&self) -> u64 {
        self.aceptadas.values().sum()
    }

    fn por_segundo(&self, duracion: Duration) -> f64 {
        let segundos = duracion.as_secs_f64();
        if segundos > 0.0 { self.facturas as f64 / segundos } else { 0.0 }
    }

    pub fn json(&self, duracion: Duration, rechazados: Option<&Path>) -> Value {
        json!({
            "leidas": self.leidas,
            "aceptadas": self.nuevas(),
            "aceptadas_por_tipo": self.aceptadas,
            "repetidas": self.repetidas,
            "rechazadas": self.rechazadas,
            "por_regla": self.por_regla,
            "facturas_emitidas": self.facturas,
            "total_facturado": self.total.to_string(),
            "moneda": self.moneda,
            "primera_factura": self.numeros.as_ref().map(|n| &n.0),
            "ultima_factura": self.numeros.as_ref().map(|n| &n.1),
            "segundos": duracion.as_secs_f64(),
            "facturas_por_segundo": self.por_segundo(duracion),
            "archivo_rechazados": rechazados.map(|r| r.display().to_string()),
        })
    }

    pub fn mostrar(&self, salida: &Salida, duracion: Duration, rechazados: Option<&Path>) {
        salida.linea(format!("{:<22} {:>12}", "Líneas leídas", entero(self.leidas)));
        let detalle: Vec<_> = self.aceptadas.iter().map(|(tipo, n)| format!("{tipo} {}", entero(*n))).collect();
        let detalle = if detalle.is_empty() { String::new() } else { format!("   ({})", detalle.join(" · ")) };
        salida.linea(format!("{:<22} {:>12}{detalle}", "Aceptadas", entero(self.nuevas())));
        salida.linea(format!("{:<22} {:>12}   (ya estaban: nada cambió)", "Repetidas", entero(self.repetidas)));
        salida.linea(format!("{:<22} {:>12}", "Rechazadas", entero(self.rechazadas)));
        for (regla, veces) in &self.por_regla {
            salida.linea(format!("    {regla:<34} {:>6}", entero(*veces)));
        }
        let numeros = self.numeros.as_ref().map(|(primera, ultima)| format!("   ({primera} … {ultima})")).unwrap_or_default();
        salida.linea(format!("{:<22} {:>12}{numeros}", "Facturas emitidas", entero(self.facturas)));
        if self.facturas > 0 {
            salida.linea(format!("{:<22} {} {}", "Total facturado", importe(self.total), self.moneda));
            salida.linea(format!(
                "{:<22} {:.1} s, {} facturas/s",
                "Duración",
                duracion.as_secs_f64(),
                entero(self.por_segundo(duracion) as u64)
            ));
        }
        if let Some(ruta) = rechazados {
            salida.linea(format!("{:<22} {}", "Rechazadas, en", ruta.display()));
        }
    }
}

/// The file of refused lines: made at the first refusal, so that an import without any leaves none.
pub struct Rechazados {
    ruta: PathBuf,
    destino: Option<BufWriter<File>>,
}

impl Rechazados {
    /// Removes what an earlier import left there: it would be read as this one's.
    ///
    /// # Errors
    /// When the old file cannot be removed.
    pub fn new(ruta: PathBuf) -> io::Result<Self> {
        match fs::remove_file(&ruta) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        Ok(Self { ruta, destino: None })
    }

    /// # Errors
    /// When the disk refuses.
    pub fn anotar(&mut self, numero: u64, original: &[u8], motivos: &[Motivo]) -> io::Result<()> {
        if self.destino.is_none() {
            self.destino = Some(BufWriter::new(File::create(&self.ruta)?));
        }
        let Some(destino) = &mut self.destino else { return Ok(()) };
        let original = serde_json::from_slice(original).unwrap_or_else(|_| json!(String::from_utf8_lossy(original)));
        let motivos: Vec<_> = motivos.iter().map(Motivo::json).collect();
        writeln!(destino, "{}", json!({ "linea": numero, "motivos": motivos, "original": original }))
    }

    /// The file, when there is one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn cerrar(self) -> io::Result<Option<PathBuf>> {
        let Some(mut destino) = self.destino else { return Ok(None) };
        destino.flush()?;
        Ok(Some(self.ruta))
    }
}
