//! The keys of the clients' personal data in two files of the folder: the keys, each wrapped by the master key, and the master key, which
//! belongs elsewhere (`datos_personales.clave_maestra_archivo`).
//!
//! ```text
//! {"formato":"factumarket.claves/1","maestra":"2f1a…"}      whose wrapping it is
//! {"clave":"ficha/1017","envuelta":"AZx…"}                  a key
//! {"destruida":"ficha/1017"}                                a key that was destroyed
//! ```
//!
//! A new key is a line more, safe when [`Boveda::sincronizar`] returns. Destroying one writes the file again without it, and overwrites the
//! file that had it. A copy of the file keeps what it had: copies of it must not live longer than the promise to forget.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Linea, al_azar, desenvolver, envolver};
use crate::{
    contracts::{Boveda, Clave, ErrorBoveda, EstadoClave},
    node::carpeta::{self, RESERVADO},
};

const FORMATO: &str = "factumarket.claves/1";
/// A line holds a name of at most 200 bytes and 66 of key.
const MAX_LINEA: u64 = 2_048;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encabezado {
    formato: String,
    maestra: String,
}

/// The keys of a folder, all of them in memory.
pub struct BovedaEnCarpeta {
    ruta: PathBuf,
    maestra: Clave,
    estado: Mutex<Estado>,
}

/// By name; `None`: destroyed.
type Claves = BTreeMap<String, Option<Arc<Clave>>>;

struct Estado {
    claves: Claves,
    archivo: File,
    /// Bytes of whole lines.
    bytes: u64,
    sucio: bool,
    /// A write failed in a way that leaves the file unknown.
    roto: bool,
    /// A key was destroyed here and may still be on the disk.
    por_reescribir: bool,
}

impl fmt::Debug for BovedaEnCarpeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BovedaEnCarpeta").field("ruta", &self.ruta).finish_non_exhaustive()
    }
}

impl BovedaEnCarpeta {
    /// # Errors
    /// The file is damaged, of another master key, or the disk refuses.
    pub fn abrir(ruta: &Path, maestra: Clave) -> Result<Self, ErrorBoveda> {
        let fallo = |que: String| ErrorBoveda(format!("{}: {que}", ruta.display()));
        if !ruta.exists() {
            Self::empezar(ruta, &maestra)?;
        }
        let leido = leer(ruta, &maestra).map_err(&fallo)?;
        let archivo = OpenOptions::new().write(true).open(ruta).map_err(|e| fallo(e.to_string()))?;
        // A line that was being written when the process died sealed nothing that is durable.
        archivo.set_len(leido.bytes).map_err(|e| fallo(e.to_string()))?;
        let estado = Estado { claves: leido.claves, archivo, bytes: leido.bytes, sucio: true, roto: false, por_reescribir: false };
        Ok(Self { ruta: ruta.to_owned(), maestra, estado: Mutex::new(estado) })
    }

    /// A file of no keys, in the place of one of none.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn empezar(ruta: &Path, maestra: &Clave) -> Result<(), ErrorBoveda> {
        let encabezado = encabezado(maestra)?;
        let escrito = carpeta::escribir_entero(ruta, RESERVADO, |archivo| archivo.write_all(encabezado.as_bytes()));
        escrito.map(drop).map_err(|e| ErrorBoveda(format!("{}: {e}", ruta.display())))
    }

    /// Whether no key was ever made there. A file that cannot be read may have some.
    pub fn vacia(ruta: &Path) -> bool {
        match File::open(ruta) {
            Ok(archivo) => BufReader::new(archivo).lines().take(2).count() < 2,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    fn estado(&self) -> MutexGuard<'_, Estado> {
        self.estado.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fallo(&self, que: impl fmt::Display) -> ErrorBoveda {
        ErrorBoveda(format!("{}: {que}", self.ruta.display()))
    }

    fn envolver(&self, clave_id: &str, clave: &Clave) -> Result<String, ErrorBoveda> {
        let envuelta = envolver(&self.maestra, clave_id, clave).ok_or_else(|| self.fallo("no se pudo envolver una clave"))?;
        linea(&Linea::Vigente { clave: clave_id.to_owned(), envuelta })
    }

    fn nueva(&self, estado: &mut Estado, clave_id: &str) -> Result<Arc<Clave>, ErrorBoveda> {
        let clave = Clave::new(al_azar().map_err(|e| self.fallo(e))?);
        let linea = self.envolver(clave_id, &clave)?;
        self.agregar(estado, &linea)?;
        let clave = Arc::new(clave);
        estado.claves.insert(clave_id.to_owned(), Some(Arc::clone(&clave)));
        Ok(clave)
    }

    /// A whole line or nothing.
    fn agregar(&self, estado: &mut Estado, linea: &str) -> Result<(), ErrorBoveda> {
        if estado.roto {
            return Err(self.fallo("una escritura anterior falló y no se sabe qué quedó: libere disco y reinicie"));
        }
        let escrito = estado.archivo.seek(SeekFrom::Start(estado.bytes)).and_then(|_| estado.archivo.write_all(linea.as_bytes()));
        if let Err(error) = escrito {
            estado.roto = estado.archivo.set_len(estado.bytes).is_err();
            return Err(self.fallo(error));
        }
        estado.bytes += linea.len() as u64;
        estado.sucio = true;
        Ok(())
    }

    /// The file again, with what `claves` says now; the bytes of the old one are overwritten.
    fn reescribir(&self, estado: &mut Estado) -> Result<(), ErrorBoveda> {
        // Until it is done, nobody knows which of the two files the next start finds.
        (estado.por_reescribir, estado.roto) = (true, true);
        let escrito = carpeta::escribir_entero(&self.ruta, RESERVADO, |archivo| self.escribir(&estado.claves, archivo));
        let nuevo = escrito.map_err(|e| self.fallo(e))?;
        let bytes = nuevo.metadata().map_err(|e| self.fallo(e))?.len();
        let viejo = std::mem::replace(&mut estado.archivo, nuevo);
        let viejos = std::mem::replace(&mut estado.bytes, bytes);
        (estado.sucio, estado.roto) = (false, false);
        tapar(viejo, viejos).map_err(|e| self.fallo(e))?;
        estado.por_reescribir = false;
        Ok(())
    }

    fn escribir(&self, claves: &Claves, archivo: &mut File) -> io::Result<()> {
        let mut salida = BufWriter::new(archivo);
        salida.write_all(encabezado(&self.maestra).map_err(io::Error::other)?.as_bytes())?;
        for (clave_id, clave) in claves {
            let linea = match clave {
                Some(clave) => self.envolver(clave_id, clave),
                None => linea(&Linea::Destruida { destruida: clave_id.clone() }),
            };
            salida.write_all(linea.map_err(io::Error::other)?.as_bytes())?;
        }
        salida.flush()
    }
}

impl Boveda for BovedaEnCarpeta {
    fn clave(&self, clave_id: &str) -> Result<EstadoClave, ErrorBoveda> {
        Ok(match self.estado().claves.get(clave_id) {
            Some(Some(clave)) => EstadoClave::Vigente(Arc::clone(clave)),
            Some(None) => EstadoClave::Destruida,
            None => EstadoClave::Desconocida,
        })
    }

    fn clave_o_nueva(&self, clave_id: &str) -> Result<Option<Arc<Clave>>, ErrorBoveda> {
        let mut estado = self.estado();
        match estado.claves.get(clave_id) {
            Some(clave) => Ok(clave.clone()),
            None => self.nueva(&mut estado, clave_id).map(Some),
        }
    }

    fn sincronizar(&self) -> Result<(), ErrorBoveda> {
        let mut estado = self.estado();
        if !estado.sucio {
            return Ok(());
        }
        // After a failed fsync the system may have dropped what it did not write, and says so once.
        estado.archivo.sync_data().map_err(|e| {
            estado.roto = true;
            self.fallo(e)
        })?;
        estado.sucio = false;
        Ok(())
    }

    fn destruir(&self, clave_id: &str) -> Result<bool, ErrorBoveda> {
        let mut estado = self.estado();
        let ya = estado.claves.insert(clave_id.to_owned(), None) == Some(None);
        if ya && !estado.por_reescribir {
            return Ok(false);
        }
        self.reescribir(&mut estado)?;
        Ok(true)
    }
}

/// Zeroes over a file that nobody names any more.
fn tapar(mut archivo: File, bytes: u64) -> io::Result<()> {
    archivo.seek(SeekFrom::Start(0))?;
    io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut archivo)?;
    archivo.sync_all()
}

struct Leido {
    claves: Claves,
    bytes: u64,
}

fn leer(ruta: &Path, maestra: &Clave) -> Result<Leido, String> {
    let mut entrada = BufReader::new(File::open(ruta).map_err(|e| e.to_string())?);
    let mut leido = Leido { claves: BTreeMap::new(), bytes: 0 };
    let mut numero = 0_u64;
    let mut texto = String::new();
    loop {
        texto.clear();
        let bytes =
            io::Read::take(&mut entrada, MAX_LINEA).read_line(&mut texto).map_err(|e| format!("línea {}: {e}", numero + 1))?;
        if bytes == 0 || !texto.ends_with('\n') {
            let cortada = bytes == 0 || (bytes as u64) < MAX_LINEA;
            return if numero > 0 && cortada { Ok(leido) } else { Err(format!("línea {}: no es una línea suya", numero + 1)) };
        }
        numero += 1;
        una(&texto, numero, maestra, &mut leido.claves).map_err(|que| format!("línea {numero}: {que}"))?;
        leido.bytes += bytes as u64;
    }
}

fn una(texto: &str, numero: u64, maestra: &Clave, claves: &mut Claves) -> Result<(), String> {
    if numero == 1 {
        let encabezado: Encabezado = serde_json::from_str(texto).map_err(|e| e.to_string())?;
        return match (encabezado.formato == FORMATO, encabezado.maestra == huella(maestra)) {
            (false, _) => Err(format!("el formato es «{}» y éste lee {FORMATO}", encabezado.formato)),
            (true, false) => Err("las envolvió otra clave maestra: vea datos_personales.clave_maestra_archivo".to_owned()),
            (true, true) => Ok(()),
        };
    }
    let (nombre, clave) = match serde_json::from_str(texto).map_err(|e| e.to_string())? {
        Linea::Destruida { destruida } => (destruida, None),
        Linea::Vigente { clave, envuelta } => {
            let abierta = desenvolver(maestra, &clave, &envuelta)?;
            (clave, Some(Arc::new(abierta)))
        }
    };
    claves.insert(nombre, clave);
    Ok(())
}

fn encabezado(maestra: &Clave) -> Result<String, ErrorBoveda> {
    linea(&Encabezado { formato: FORMATO.to_owned(), maestra: huella(maestra) })
}

fn linea(valor: &impl Serialize) -> Result<String, ErrorBoveda> {
    serde_json::to_string(valor).map(|texto| texto + "\n").map_err(|e| ErrorBoveda(e.to_string()))
}

/// Tells master keys apart without telling them.
fn huella(maestra: &Clave) -> String {
    let huella = Sha256::new().chain_update("factumarket.claves/maestra/1\n").chain_update(maestra.bytes()).finalize();
    huella[..8].iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::ARCHIVO, *};

    fn carpeta() -> tempfile::TempDir {
        tempfile::tempdir().expect("carpeta")
    }

    fn maestra() -> Clave {
        Clave::new([9; 32])
    }

    fn abierta(ruta: &Path) -> BovedaEnCarpeta {
        BovedaEnCarpeta::abrir(ruta, maestra()).expect("bóveda")
    }

    fn vigente(boveda: &BovedaEnCarpeta, clave_id: &str) -> Arc<Clave> {
        match boveda.clave(clave_id).expect("clave") {
            EstadoClave::Vigente(clave) => clave,
            otra => panic!("{clave_id}: {otra:?}"),
        }
    }

    #[test]
    fn una_clave_se_hace_una_vez_y_sobrevive_al_proceso() {
        let carpeta = carpeta();
        let ruta = carpeta.path().join(ARCHIVO);
        let boveda = abierta(&ruta);
        assert_eq!(boveda.clave("ficha/1"), Ok(EstadoClave::Desconocida));
        let clave = boveda.clave_o_nueva("ficha/1").unwrap().expect("clave");
        let otra = boveda.clave_o_nueva("ficha/2").unwrap().expect("clave");
        assert!(clave != otra && Some(clave.clone()) == boveda.clave_o_nueva("ficha/1").unwrap());
        boveda.sincronizar().unwrap();
        drop(boveda);
        let boveda = abierta(&ruta);
        assert!(vigente(&boveda, "ficha/1") == clave && vigente(&boveda, "ficha/2") == otra);
    }

    #[test]
    fn lo_destruido_no_está_en_el_archivo_ni_vuelve() {
        let carpeta = carpeta();
        let ruta = carpeta.path().join(ARCHIVO);
        let boveda = abierta(&ruta);
        boveda.clave_o_nueva("ficha/1").unwrap();
        let otra = boveda.clave_o_nueva("ficha/2").unwrap().expect("clave");
        let envuelta = fs::read_to_string(&ruta).unwrap().lines().nth(1).expect("línea").to_owned();
        boveda.destruir("ficha/1").unwrap();
        boveda.destruir("ficha/9").unwrap();
        assert!(!fs::read_to_string(&ruta).unwrap().contains(&envuelta));
        assert_eq!(boveda.clave_o_nueva("ficha/1").unwrap(), None);
        boveda.clave_o_nueva("ficha/3").unwrap();
        drop(boveda);
        let boveda = abierta(&ruta);
        assert_eq!(boveda.clave("ficha/1"), Ok(EstadoClave::Destruida));
        assert_eq!(boveda.clave("ficha/9"), Ok(EstadoClave::Destruida));
        assert!(vigente(&boveda, "ficha/2") == otra);
        vigente(&boveda, "ficha/3");
    }

    /// What could not be destroyed is tried again, and not taken for done.
    #[test]
    fn lo_que_no_se_pudo_destruir_se_destruye_después() {
        let carpeta = carpeta();
        let ruta = carpeta.path().join(ARCHIVO);
        let boveda = abierta(&ruta);
        boveda.clave_o_nueva("ficha/1").unwrap();
        let envuelta = fs::read_to_string(&ruta).unwrap().lines().nth(1).expect("línea").to_owned();
        let estorbo = carpeta.path().join(format!("{ARCHIVO}.nuevo/dentro"));
        fs::create_dir_all(&estorbo).unwrap();
        boveda.destruir("ficha/1").expect_err("no se puede escribir");
        assert!(fs::read_to_string(&ruta).unwrap().contains(&envuelta));
        fs::remove_dir_all(estorbo.parent().expect("carpeta")).unwrap();
        assert!(boveda.destruir("ficha/1").unwrap());
        assert!(!fs::read_to_string(&ruta).unwrap().contains(&envuelta));
        assert!(!boveda.destruir("ficha/1").unwrap());
        boveda.clave_o_nueva("ficha/2").unwrap().expect("se hacen claves otra vez");
        drop(boveda);
        assert_eq!(abierta(&ruta).clave("ficha/1"), Ok(EstadoClave::Destruida));
    }

    /// Cut at any byte, the file opens with the keys of its whole lines, and takes new ones.
    #[test]
    fn una_línea_a_medias_se_corta() {
        let carpeta = carpeta();
        let ruta = carpeta.path().join(ARCHIVO);
        let boveda = abierta(&ruta);
        boveda.clave_o_nueva("ficha/1").unwrap();
        let enteras = fs::metadata(&ruta).unwrap().len();
        boveda.clave_o_nueva("ficha/2").unwrap();
        drop(boveda);
        let bytes = fs::read(&ruta).unwrap();
        for fin in usize::try_from(enteras).unwrap()..bytes.len() {
            fs::write(&ruta, &bytes[..fin]).unwrap();
            let boveda = abierta(&ruta);
            vigente(&boveda, "ficha/1");
            assert_eq!(boveda.clave("ficha/2"), Ok(EstadoClave::Desconocida), "{fin}");
            boveda.clave_o_nueva("ficha/3").unwrap();
            drop(boveda);
            vigente(&abierta(&ruta), "ficha/3");
        }
    }

    #[test]
    fn un_bit_cambiado_u_otra_maestra_no_abren() {
        let carpeta = carpeta();
        let ruta = carpeta.path().join(ARCHIVO);
        abierta(&ruta).clave_o_nueva("ficha/1").unwrap();
        let error = BovedaEnCarpeta::abrir(&ruta, Clave::new([8; 32])).expect_err("otra maestra").to_string();
        assert!(error.contains("clave_maestra_archivo"), "{error}");
        let bytes = fs::read(&ruta).unwrap();
        // The line end alone may change unnoticed: it makes a torn line of the last one.
        for i in 0..bytes.len() - 1 {
            let mut otros = bytes.clone();
            otros[i] ^= 1;
            fs::write(&ruta, &otros).unwrap();
            assert!(BovedaEnCarpeta::abrir(&ruta, maestra()).is_err(), "byte {i}");
        }
    }
}
