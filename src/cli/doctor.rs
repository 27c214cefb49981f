//! `doctor`: what could go wrong on this machine, before it does.

use std::{
    fs::{self, File},
    io::Write,
    net::{SocketAddr, TcpListener},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;

use super::{
    args::Global,
    contexto::{fallo_de_configuracion, fuentes},
    fallo::{Clase, Fallo},
    salida::Salida,
};
use crate::{
    config::{self, Configuracion},
    node::{self, EstadoCarpeta, Proceso},
};

const MIB: u64 = 1 << 20;
/// Below this the log would fill the disk within minutes of load.
const DISCO_MINIMO: u64 = 256 * MIB;
const DISCO_HOLGADO: u64 = 2_048 * MIB;
/// Store files, sockets and their margin.
const ARCHIVOS_HOLGADO: u64 = 4_096;
/// 2025-01-01T00:00:00Z and 2100-01-01T00:00:00Z, in seconds: a clock outside dates invoices wrongly.
const RELOJ: std::ops::Range<u64> = 1_735_689_600..4_102_444_800;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nota {
    Bien,
    Aviso,
    Mal,
}

struct Revision {
    tema: &'static str,
    nota: Nota,
    hallado: String,
    /// Empty when there is nothing to do.
    hacer: &'static str,
}

impl Revision {
    fn bien(tema: &'static str, hallado: impl Into<String>) -> Self {
        Self { tema, nota: Nota::Bien, hallado: hallado.into(), hacer: "" }
    }

    fn aviso(tema: &'static str, hallado: impl Into<String>, hacer: &'static str) -> Self {
        Self { tema, nota: Nota::Aviso, hallado: hallado.into(), hacer }
    }

    fn mal(tema: &'static str, hallado: impl Into<String>, hacer: &'static str) -> Self {
        Self { tema, nota: Nota::Mal, hallado: hallado.into(), hacer }
    }
}

/// Checks everything and says it all; the exit code tells whether anything is wrong.
///
/// # Errors
/// Class `Falla` when a check did not pass; `Uso` when the command line itself is wrong.
pub fn ejecutar(global: &Global, salida: Salida) -> Result<(), Fallo> {
    let revisiones = match config::cargar(&fuentes(global, Vec::new())?) {
        Ok(configuracion) => revisar(&configuracion),
        Err(errores) => {
            let fallo = fallo_de_configuracion(&errores);
            vec![Revision::mal("configuración", fallo.por_que.as_str(), "corrija cada ajuste donde se indica")]
        }
    };
    mostrar(&salida, &revisiones);
    match revisiones.iter().filter(|r| r.nota == Nota::Mal).count() {
        0 => Ok(()),
        // The list has been shown; `ejecutar` of the command line adds nothing to a failure already told.
        malas => Err(Fallo::dicho(Clase::Falla, format!("{malas} revisiones no pasaron"))),
    }
}

fn revisar(configuracion: &Configuracion) -> Vec<Revision> {
    let estado = node::inspeccionar(&configuracion.carpeta);
    let mut revisiones = vec![Revision::bien("configuración", format!("{} ajustes válidos", configuracion.resueltos().len()))];
    let propio = match &estado {
        Ok(EstadoCarpeta::EnUso(proceso)) => proceso.clone(),
        _ => None,
    };
    revisiones.push(carpeta(&configuracion.carpeta, estado));
    revisiones.push(escritura(&configuracion.carpeta));
    revisiones.push(disco(&configuracion.carpeta));
    revisiones.push(puerto(configuracion.servidor.direccion, propio.as_ref()));
    revisiones.push(reloj());
    revisiones.push(memoria(configuracion));
    revisiones.push(archivos());
    revisiones
}

fn mostrar(salida: &Salida, revisiones: &[Revision]) {
    for r in revisiones {
        let signo = match r.nota {
            Nota::Bien => salida.verde("✔"),
            Nota::Aviso => salida.amarillo("▲"),
            Nota::Mal => salida.rojo("✖"),
        };
        salida.linea(format!("{signo} {:<14} {}", r.tema, r.hallado));
        if !r.hacer.is_empty() {
            salida.linea(format!("  {:<14} → {}", "", r.hacer));
        }
    }
    let nombre = |nota| match nota {
        Nota::Bien => "bien",
        Nota::Aviso => "aviso",
        Nota::Mal => "mal",
    };
    let lista: Vec<_> = revisiones
        .iter()
        .map(|r| json!({ "tema": r.tema, "estado": nombre(r.nota), "hallado": r.hallado, "que_hacer": r.hacer }))
        .collect();
    salida.resultado(&json!({ "bien": revisiones.iter().all(|r| r.nota != Nota::Mal), "revisiones": lista }));
}

fn carpeta(raiz: &Path, estado: std::io::Result<EstadoCarpeta>) -> Revision {
    const TEMA: &str = "carpeta";
    let lugar = raiz.display();
    match estado {
        Ok(EstadoCarpeta::Nueva) => Revision::bien(TEMA, format!("{lugar} se creará al empezar")),
        Ok(EstadoCarpeta::Libre) => {
            Revision::bien(TEMA, format!("{lugar} es de la versión «{}» y está libre", node::VERSION_CARPETA))
        }
        Ok(EstadoCarpeta::EnUso(Some(Proceso { pid, url }))) => {
            let donde = url.map(|u| format!(", atiende en {u}")).unwrap_or_default();
            Revision::aviso(
                TEMA,
                format!("{lugar} la usa el proceso {pid}{donde}"),
                "consulte a ese proceso, o deténgalo antes de iniciar otro",
            )
        }
        Ok(EstadoCarpeta::EnUso(None)) => {
            Revision::aviso(TEMA, format!("{lugar} la usa otro proceso"), "deténgalo antes de iniciar otro")
        }
        Ok(EstadoCarpeta::OtraVersion(version)) => Revision::mal(
            TEMA,
            format!("{lugar} es de la versión «{version}» y este programa usa la «{}»", node::VERSION_CARPETA),
            "use el programa de esa versión, o indique otra carpeta con --datos",
        ),
        Ok(EstadoCarpeta::Ajena) => Revision::mal(
            TEMA,
            format!("{lugar} tiene archivos que no son de FactuMarket"),
            "indique con --datos una carpeta nueva o vacía",
        ),
        Err(e) => Revision::mal(TEMA, format!("{lugar} no se puede leer: {e}"), "revise la ruta y sus permisos"),
    }
}

/// Writes and removes a file where the folder is, or in the nearest parent that exists.
fn escritura(raiz: &Path) -> Revision {
    const TEMA: &str = "escritura";
    let vacio = Path::new("");
    let existente = raiz.ancestors().find(|p| p.is_dir()).filter(|p| *p != vacio).unwrap_or(Path::new("."));
    let prueba = existente.join(format!(".factumarket-doctor-{}", std::process::id()));
    let escrito = File::create_new(&prueba).and_then(|mut archivo| {
        archivo.write_all(b"prueba")?;
        archivo.sync_all()
    });
    let borrado = fs::remove_file(&prueba);
    match escrito.and(borrado) {
        Ok(()) => Revision::bien(TEMA, format!("se puede escribir en {}", existente.display())),
        Err(e) => Revision::mal(
            TEMA,
            format!("no se puede escribir en {}: {e}", existente.display()),
            "dé permiso de escritura, o indique otra carpeta con --datos",
        ),
    }
}

fn disco(raiz: &Path) -> Revision {
    const TEMA: &str = "disco";
    match node::espacio_libre(raiz) {
        Ok(libre) if libre < DISCO_MINIMO => {
            Revision::mal(TEMA, format!("quedan {} MiB libres", libre / MIB), "libere espacio: sin él no se aceptan comandos")
        }
        Ok(libre) if libre < DISCO_HOLGADO => {
            Revision::aviso(TEMA, format!("quedan {} MiB libres", libre / MIB), "libere espacio pronto")
        }
        Ok(libre) => Revision::bien(TEMA, format!("quedan {} MiB libres", libre / MIB)),
        Err(e) => Revision::aviso(TEMA, format!("no se sabe cuánto queda: {e}"), "revise la ruta de la carpeta"),
    }
}

fn puerto(direccion: SocketAddr, propio: Option<&Proceso>) -> Revision {
    const TEMA: &str = "puerto";
    let url = format!("http://{direccion}");
    if propio.and_then(|p| p.url.as_deref()) == Some(url.as_str()) {
        return Revision::bien(TEMA, format!("{direccion} es del proceso que usa la carpeta"));
    }
    match TcpListener::bind(direccion) {
        Ok(_) => Revision::bien(TEMA, format!("{direccion} está libre")),
        Err(e) => Revision::mal(
            TEMA,
            format!("{direccion} no se puede usar: {e}"),
            "elija otro con --set servidor.direccion=127.0.0.1:PUERTO",
        ),
    }
}

fn reloj() -> Revision {
    const TEMA: &str = "reloj";
    let segundos = SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or(0);
    let fecha =
        chrono::DateTime::from_timestamp(i64::try_from(segundos).unwrap_or(0), 0).map(|t| t.to_rfc3339()).unwrap_or_default();
    if RELOJ.contains(&segundos) {
        Revision::bien(TEMA, fecha)
    } else {
        Revision::mal(TEMA, format!("dice {fecha}"), "ponga la máquina en hora: las fechas de las facturas salen del reloj")
    }
}

fn memoria(configuracion: &Configuracion) -> Revision {
    const TEMA: &str = "memoria";
    let pedida = configuracion.motor.memoria_bytes as u64 + configuracion.registro.cache_bytes;
    let Some(disponible) = linea_de_proc("/proc/meminfo", "MemAvailable:").map(|kib| kib * 1_024) else {
        return Revision::aviso(TEMA, "no se sabe cuánta hay", "compruebe que alcanza para motor.memoria_mb y registro.cache_mb");
    };
    let hallado = format!("{} MiB disponibles, {} MiB configurados", disponible / MIB, pedida / MIB);
    if disponible < pedida {
        Revision::aviso(TEMA, hallado, "baje motor.memoria_mb o registro.cache_mb, o cierre otros programas")
    } else {
        Revision::bien(TEMA, hallado)
    }
}

fn archivos() -> Revision {
    const TEMA: &str = "archivos";
    match linea_de_proc("/proc/self/limits", "Max open files") {
        Some(limite) if limite < ARCHIVOS_HOLGADO => {
            Revision::aviso(TEMA, format!("límite de {limite} archivos abiertos"), "súbalo: ulimit -n 65536")
        }
        Some(limite) => Revision::bien(TEMA, format!("límite de {limite} archivos abiertos")),
        None => Revision::aviso(TEMA, "no se sabe el límite de archivos abiertos", "compruebe que es de 4096 o más"),
    }
}

/// First number after `prefijo` in a file of `/proc`.
fn linea_de_proc(archivo: &str, prefijo: &str) -> Option<u64> {
    let texto = fs::read_to_string(archivo).ok()?;
    let linea = texto.lines().find_map(|l| l.strip_prefix(prefijo))?;
    linea.split_whitespace().next().map(|n| n.parse().unwrap_or(u64::MAX))
}
