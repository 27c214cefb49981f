//! The audit that proves itself (ADR 16): a chain of hashes over every record of a source partition, the RFC 6962 tree of its links, seals
//! of that tree signed with Ed25519, and the proofs that follow from them.
//!
//! Nothing here decides what happened: the log does. The chain is a fold of it, in its order, so that whoever has the log and a seal can
//! compute the same bytes again; and whoever has an exported file and the public key needs neither the log nor this program's tables.
//!
//! Nothing here reads a clock, a disk or the network: [`sumidero`], [`en_linea`] and [`prueba`] work through the ports.

pub mod almacen;
pub mod archivo;
#[cfg(feature = "parquet")]
pub mod columnas;
pub mod en_linea;
pub mod hoja;
pub mod lectura;
pub mod merkle;
pub mod nota;
pub mod prueba;
pub mod sello;
pub mod sumidero;
pub mod verificador;

pub use almacen::{Almacen, TablasDeCadena};
pub use archivo::{Escritor, Linea};
pub use hoja::{Cadena, Hoja, HojaLeida, TEMAS, particion_de, particiones};
pub use lectura::ErrorCadena;
pub use nota::{ClavePrivada, ClavePublica, ErrorClave, Llavero};
pub use prueba::Prueba;
pub use sello::{ErrorSello, Sello, SelloFirmado, Sucesion};
pub use sumidero::{Medios, OpcionesSellos, Sumidero, Vuelta};
pub use verificador::{Hallazgo, Informe, Verificador};

/// A SHA-256.
pub type Digesto = [u8; 32];

/// Leaves between two seals, at most, unless configured otherwise.
pub const HOJAS_POR_SELLO: u64 = 1_000;
/// Seconds that a leaf waits for a seal, at most, unless configured otherwise.
pub const SEGUNDOS_POR_SELLO: u64 = 60;

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const CIFRAS: &[u8; 16] = b"0123456789abcdef";
    let cifra = |n: u8| char::from(CIFRAS[usize::from(n & 15)]);
    bytes.iter().flat_map(|b| [cifra(b >> 4), cifra(*b)]).collect()
}
