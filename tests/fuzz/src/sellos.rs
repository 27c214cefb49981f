//! The audit's texts: keys, notes, seals, lines of an exported file, the file itself. First byte: which.

use factumarket::{
    audit::cadena::{
        ClavePrivada, ClavePublica, Escritor, Linea, Llavero, Sello, SelloFirmado,
        nota::{self, Nota},
        verificador::verificar_archivo,
    },
    log::{Topic, TopicPartition},
};

use super::memoria::acotada;

pub const PALABRAS: &[&str] = &[
    "factumarket.local/eventos.facturacion/3\n",
    "cabeza ",
    "posicion ",
    "anterior ",
    "\n\n\u{2014} ",
    "PRIVATE+KEY+",
    "{\"hoja\":0,\"evento_id\":\"",
    "\",\"tipo\":\"",
    "\"}\n{\"sello\":\"",
    "{\"fin_particion\":\"auditoria/0\",\"hojas\":",
    "18446744073709551615",
    "=",
];

const POR_BYTE: usize = 64;
const FIJO: usize = 64 << 10;

/// The key of the seeds.
pub fn clave() -> ClavePrivada {
    ClavePrivada::nueva("factumarket.local", &[7; 32]).expect("clave")
}

pub fn cuerpo(datos: &[u8]) -> bool {
    let Some((cual, resto)) = datos.split_first() else { return false };
    acotada(FIJO + POR_BYTE * datos.len(), || match cual % 5 {
        0 => claves(&String::from_utf8_lossy(resto)),
        1 => notas(&String::from_utf8_lossy(resto)),
        2 => sello(&String::from_utf8_lossy(resto)),
        3 => linea(resto),
        _ => archivo(resto),
    })
}

/// A key that is read is written the same.
fn claves(texto: &str) -> bool {
    let publica = ClavePublica::leer(texto).map(|leida| assert_eq!(leida.to_string().to_lowercase(), texto.to_lowercase()));
    let privada = ClavePrivada::leer(texto).map(|leida| assert_eq!(leida.secreta().to_lowercase(), texto.to_lowercase()));
    let llavero = Llavero::leer(texto).map(|leido| assert!(leido.claves().iter().all(|c| c.nombre() == leido.nombre())));
    publica.is_ok() || privada.is_ok() || llavero.is_ok()
}

/// The parts of a note are the note; only the key's own notes are believed.
fn notas(texto: &str) -> bool {
    let llavero = Llavero::nuevo(vec![clave().publica()]).expect("llavero");
    if let Ok(varias) = nota::varias(texto, 100) {
        assert_eq!(varias.concat(), texto);
    }
    let Ok(leida) = Nota::leer(texto) else { return false };
    assert!(texto.starts_with(leida.texto) && leida.texto.ends_with('\n') && !leida.firmas.is_empty());
    if let Ok(firmado) = SelloFirmado::verificar(texto, &llavero, true) {
        assert_eq!(SelloFirmado::firmar(firmado.sello, &clave()).nota, texto, "sólo la clave pudo firmarlo");
    }
    true
}

/// What is read is written the same.
fn sello(texto: &str) -> bool {
    let Ok(leido) = Sello::leer(texto) else { return false };
    assert_eq!(leido.texto(), texto);
    true
}

/// A line has one way to be written.
fn linea(bytes: &[u8]) -> bool {
    let Some(leida) = Linea::leer(bytes) else { return false };
    let mut escrito = Vec::new();
    let mut escritor = Escritor::nuevo(&mut escrito, "factumarket.local").expect("escribe");
    let esperada = [bytes, b"\n"].concat();
    let escrita = match leida {
        Linea::Particion(particion) => escritor.particion(particion),
        Linea::Sello(nota) => escritor.particion(alguna()).and_then(|()| escritor.sello(&nota)),
        // The counters of the others are the writer's own.
        _ => return true,
    };
    escrita.expect("escribe");
    drop(escritor);
    assert!(escrito.ends_with(&esperada), "{}", String::from_utf8_lossy(bytes));
    true
}

fn alguna() -> TopicPartition {
    TopicPartition::new(Topic::Auditoria, 0)
}

/// Whatever the file, the verification ends and tells.
fn archivo(bytes: &[u8]) -> bool {
    let llavero = Llavero::nuevo(vec![clave().publica()]).expect("llavero");
    let informe = verificar_archivo(bytes, &llavero, &[], &mut |_| {}).expect("en memoria");
    assert_eq!(informe.integro(), informe.hallazgos.is_empty());
    informe.integro() || informe.hallazgos[0].linea > 1
}
