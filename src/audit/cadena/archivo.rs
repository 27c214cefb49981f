//! The exported file: NDJSON, one leaf a line with what its link is computed from, and the seals where they fall.
//!
//! ```text
//! {"formato":"factumarket.auditoria.v1","nombre":"factumarket.local"}
//! {"particion":"eventos.facturacion/0"}
//! {"hoja":0,"evento_id":"0193…","tipo":"FacturaEmitida","version":1,"ocurrido_en":1795420800123456,"datos":"9f3a…","eslabon":"77c1…"}
//! {"sello":"factumarket.local/eventos.facturacion/0\n1\nCsUY…\n…"}
//! {"fin_particion":"eventos.facturacion/0","hojas":1,"sellos":1,"cabeza":"77c1…"}
//! {"fin":"factumarket.auditoria.v1","particiones":1,"hojas":1,"sellos":1}
//! ```
//!
//! `datos` is the SHA-256 of the record's value; with `--con-datos` the leaf carries the value too, in base64, as `valor`. Every line has
//! one way to be written, and the reader takes no other: any byte that changes is noticed.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use uuid::Uuid;

use super::{
    Digesto, Hoja,
    hoja::{self, MAX_TIPO, particion_de},
    nota::MAX_NOMBRE,
};
use crate::{domain::valores::Instante, log::TopicPartition};

/// The version of the format.
pub const FORMATO: &str = "factumarket.auditoria.v1";
/// Longest line, in bytes: a value of 1 MiB in base64, and the rest.
pub const MAX_LINEA: usize = (1 << 20) / 3 * 4 + 4_096;
/// Longest text of a seal with its signatures, in bytes.
const MAX_SELLO: usize = 16 << 10;

/// One line, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linea<'a> {
    Cabecera {
        nombre: &'a str,
    },
    Particion(TopicPartition),
    Hoja {
        /// From 0 in each partition.
        numero: u64,
        hoja: Hoja<'a>,
        eslabon: Digesto,
        /// The record's value in base64, when the file carries it.
        valor: Option<&'a str>,
    },
    /// The note.
    Sello(String),
    FinParticion {
        particion: TopicPartition,
        hojas: u64,
        sellos: u64,
        cabeza: Digesto,
    },
    Fin {
        particiones: u64,
        hojas: u64,
        sellos: u64,
    },
}

impl<'a> Linea<'a> {
    /// Reads a line without its newline; `None` when it is none, or is written in another way than ours.
    pub fn leer(linea: &'a [u8]) -> Option<Self> {
        let mut cinta = Cinta(linea);
        let leida = match linea.get(..4)? {
            br#"{"ho"# => leer_hoja(&mut cinta)?,
            br#"{"se"# => Self::Sello(cinta.campo_texto("{\"sello\":\"", MAX_SELLO)?),
            br#"{"pa"# => Self::Particion(cinta.particion("{\"particion\":\"")?),
            br#"{"fo"# => {
                cinta.literal("{\"formato\":\"factumarket.auditoria.v1\",\"nombre\":\"")?;
                Self::Cabecera { nombre: cinta.hasta_comilla(MAX_NOMBRE)? }
            }
            br#"{"fi"# if linea.starts_with(b"{\"fin_") => {
                let particion = cinta.particion("{\"fin_particion\":\"")?;
                let (hojas, sellos) = (cinta.natural(",\"hojas\":")?, cinta.natural(",\"sellos\":")?);
                Self::FinParticion { particion, hojas, sellos, cabeza: cinta.digesto(",\"cabeza\":\"")? }
            }
            br#"{"fi"# => {
                cinta.literal("{\"fin\":\"factumarket.auditoria.v1\"")?;
                let particiones = cinta.natural(",\"particiones\":")?;
                Self::Fin { particiones, hojas: cinta.natural(",\"hojas\":")?, sellos: cinta.natural(",\"sellos\":")? }
            }
            _ => return None,
        };
        cinta.literal("}")?;
        cinta.0.is_empty().then_some(leida)
    }
}

fn leer_hoja<'a>(cinta: &mut Cinta<'a>) -> Option<Linea<'a>> {
    let numero = cinta.natural("{\"hoja\":")?;
    cinta.literal(",\"evento_id\":\"")?;
    let evento_id = cinta.uuid()?;
    cinta.literal(",\"tipo\":\"")?;
    let tipo = cinta.hasta_comilla(MAX_TIPO).filter(|tipo| hoja::es_tipo(tipo))?;
    let version = cinta.natural(",\"version\":")?;
    let ocurrido_en = Instante(cinta.entero(",\"ocurrido_en\":")?);
    let datos = cinta.digesto(",\"datos\":\"")?;
    let eslabon = cinta.digesto(",\"eslabon\":\"")?;
    let valor = match cinta.literal(",\"valor\":\"") {
        Some(()) => Some(cinta.hasta_comilla(MAX_LINEA)?),
        None => None,
    };
    Some(Linea::Hoja { numero, hoja: Hoja { evento_id, tipo, version, ocurrido_en, datos }, eslabon, valor })
}

/// What is left of a line.
struct Cinta<'a>(&'a [u8]);

impl<'a> Cinta<'a> {
    fn literal(&mut self, texto: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(texto.as_bytes())?;
        Some(())
    }

    /// What is before the next quote, which is passed. Nothing of ours has an escape in it.
    fn hasta_comilla(&mut self, max: usize) -> Option<&'a str> {
        let fin = self.0.iter().take(max + 1).position(|b| *b == b'"')?;
        let (texto, resto) = self.0.split_at_checked(fin)?;
        self.0 = resto.get(1..)?;
        let limpio = texto.iter().all(|b| *b != b'\\' && *b >= b' ');
        limpio.then_some(texto).and_then(|t| std::str::from_utf8(t).ok())
    }

    /// A text whose only escapes are `\n`.
    fn campo_texto(&mut self, antes: &str, max: usize) -> Option<String> {
        self.literal(antes)?;
        let fin = self.0.iter().take(max + 1).position(|b| *b == b'"')?;
        let (texto, resto) = self.0.split_at_checked(fin)?;
        self.0 = resto.get(1..)?;
        let texto = std::str::from_utf8(texto).ok()?;
        let hecho = texto.replace("\\n", "\n");
        let limpio = texto.bytes().all(|b| b >= b' ') && !hecho.contains('\\');
        limpio.then_some(hecho)
    }

    fn cifras(&mut self) -> Option<&'a str> {
        let fin = self.0.iter().take(21).position(|b| !b.is_ascii_digit())?;
        let (cifras, resto) = self.0.split_at_checked(fin)?;
        self.0 = resto;
        let sin_ceros = cifras.len() == 1 || cifras.first().is_some_and(|b| *b != b'0');
        sin_ceros.then_some(cifras).and_then(|c| std::str::from_utf8(c).ok())
    }

    fn natural(&mut self, antes: &str) -> Option<u64> {
        self.literal(antes)?;
        self.cifras()?.parse().ok()
    }

    fn entero(&mut self, antes: &str) -> Option<i64> {
        self.literal(antes)?;
        let negativo = self.literal("-").is_some();
        let valor: i128 = self.cifras()?.parse().ok()?;
        // There is one zero.
        let valor = if negativo { -valor } else { valor };
        i64::try_from(valor).ok().filter(|v| !(negativo && *v == 0))
    }

    /// 64 lower-case hexadecimal digits and the quote behind them.
    fn digesto(&mut self, antes: &str) -> Option<Digesto> {
        self.literal(antes)?;
        let (cifras, resto) = self.0.split_first_chunk::<64>()?;
        self.0 = resto;
        self.literal("\"")?;
        let mut digesto = [0; 32];
        for (byte, par) in digesto.iter_mut().zip(cifras.chunks_exact(2)) {
            *byte = (nibble(par[0])? << 4) | nibble(par[1])?;
        }
        Some(digesto)
    }

    /// Hyphenated, lower-case; or nothing. And the quote behind it.
    fn uuid(&mut self) -> Option<Option<Uuid>> {
        if self.literal("\"").is_some() {
            return Some(None);
        }
        let (texto, resto) = self.0.split_first_chunk::<36>()?;
        self.0 = resto;
        self.literal("\"")?;
        let (mut bytes, mut hechos) = ([0; 16], 0);
        let mut lugar = 0;
        while lugar < 36 {
            if matches!(lugar, 8 | 13 | 18 | 23) {
                (texto[lugar] == b'-').then_some(())?;
                lugar += 1;
                continue;
            }
            bytes[hechos] = (nibble(texto[lugar])? << 4) | nibble(texto[lugar + 1])?;
            hechos += 1;
            lugar += 2;
        }
        Some(Some(Uuid::from_bytes(bytes)))
    }

    fn particion(&mut self, antes: &str) -> Option<TopicPartition> {
        self.literal(antes)?;
        particion_de(self.hasta_comilla(MAX_TIPO)?)
    }
}

fn nibble(cifra: u8) -> Option<u8> {
    match cifra {
        b'0'..=b'9' => Some(cifra - b'0'),
        b'a'..=b'f' => Some(cifra - b'a' + 10),
        _ => None,
    }
}

fn hex_en(bytes: &[u8], linea: &mut Vec<u8>) {
    const CIFRAS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        linea.extend([CIFRAS[usize::from(byte >> 4)], CIFRAS[usize::from(byte & 15)]]);
    }
}

/// Writes a file, in the order that its reader asks for: header, and for each partition its opening, leaves and seals, and its end.
pub struct Escritor<W: Write> {
    destino: W,
    linea: Vec<u8>,
    abierta: Option<Abierta>,
    particiones: u64,
    hojas: u64,
    sellos: u64,
}

/// The partition being written.
struct Abierta {
    particion: TopicPartition,
    hojas: u64,
    sellos: u64,
    cabeza: Digesto,
}

impl<W: Write> Escritor<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Of the destination.
    pub fn nuevo(mut destino: W, nombre: &str) -> io::Result<Self> {
        writeln!(destino, "{{\"formato\":\"{FORMATO}\",\"nombre\":\"{nombre}\"}}")?;
        Ok(Self { destino, linea: Vec::new(), abierta: None, particiones: 0, hojas: 0, sellos: 0 })
    }

    /// Ends the partition being written, if any, and begins another.
    ///
    /// # Errors
    /// Of the destination.
    pub fn particion(&mut self, particion: TopicPartition) -> io::Result<()> {
        self.cerrar()?;
        let cabeza = hoja::origen(&particion.to_string());
        self.abierta = Some(Abierta { particion, hojas: 0, sellos: 0, cabeza });
        writeln!(self.destino, "{{\"particion\":\"{particion}\"}}")
    }

    /// The next leaf of the partition; with the record's value when the file is to carry it.
    ///
    /// # Errors
    /// Of the destination; when no partition was begun.
    pub fn hoja(&mut self, hoja: &Hoja<'_>, eslabon: &Digesto, valor: Option<&[u8]>) -> io::Result<()> {
        let abierta = self.abierta.as_mut().ok_or_else(sin_particion)?;
        let linea = &mut self.linea;
        linea.clear();
        write!(linea, "{{\"hoja\":{},\"evento_id\":\"", abierta.hojas)?;
        if let Some(id) = hoja.evento_id {
            write!(linea, "{}", id.hyphenated())?;
        }
        let (tipo, version, ocurrido_en) = (hoja.tipo, hoja.version, hoja.ocurrido_en.micros());
        write!(linea, "\",\"tipo\":\"{tipo}\",\"version\":{version},\"ocurrido_en\":{ocurrido_en},\"datos\":\"")?;
        hex_en(&hoja.datos, linea);
        linea.extend(b"\",\"eslabon\":\"");
        hex_en(eslabon, linea);
        linea.push(b'"');
        if let Some(valor) = valor {
            write!(linea, ",\"valor\":\"{}\"", STANDARD.encode(valor))?;
        }
        linea.extend(b"}\n");
        abierta.hojas += 1;
        abierta.cabeza = *eslabon;
        self.hojas += 1;
        self.destino.write_all(linea)
    }

    /// A seal of the leaves so far.
    ///
    /// # Errors
    /// Of the destination; when no partition was begun.
    pub fn sello(&mut self, nota: &str) -> io::Result<()> {
        let abierta = self.abierta.as_mut().ok_or_else(sin_particion)?;
        abierta.sellos += 1;
        self.sellos += 1;
        writeln!(self.destino, "{{\"sello\":\"{}\"}}", nota.replace('\n', "\\n"))
    }

    /// Ends the file. Gives partitions, leaves and seals written.
    ///
    /// # Errors
    /// Of the destination.
    pub fn terminar(mut self) -> io::Result<(u64, u64, u64)> {
        self.cerrar()?;
        let (particiones, hojas, sellos) = (self.particiones, self.hojas, self.sellos);
        writeln!(self.destino, "{{\"fin\":\"{FORMATO}\",\"particiones\":{particiones},\"hojas\":{hojas},\"sellos\":{sellos}}}")?;
        self.destino.flush()?;
        Ok((particiones, hojas, sellos))
    }

    fn cerrar(&mut self) -> io::Result<()> {
        let Some(Abierta { particion, hojas, sellos, cabeza }) = self.abierta.take() else { return Ok(()) };
        self.particiones += 1;
        let cabeza = super::hex(&cabeza);
        writeln!(
            self.destino,
            "{{\"fin_particion\":\"{particion}\",\"hojas\":{hojas},\"sellos\":{sellos},\"cabeza\":\"{cabeza}\"}}"
        )
    }
}

fn sin_particion() -> io::Error {
    io::Error::other("no se ha empezado ninguna partición")
}
