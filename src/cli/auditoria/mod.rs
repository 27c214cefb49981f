//! `auditoria`: verify it, export it, keep its seals, and the key that signs them.

pub mod args;
mod verificar;

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use self::args::{AuditoriaAccion, ClaveAccion, Formato};
use super::{
    acceso::{exigir_libre, proceso},
    contexto::Contexto,
    destino::ClienteHttp,
    fallo::{Clase, Fallo},
    formato::entero,
    nodo,
    salida::Salida,
};
use crate::{
    audit::cadena::{ErrorCadena, Llavero, particion_de},
    node::{
        NodeOptions,
        sellos::{self, AuditoriaDeCarpeta},
    },
};

/// Bytes of the buffer of a file that is written.
const BUFER: usize = 1 << 20;

/// # Errors
/// What each action says.
pub fn ejecutar(contexto: &Contexto, accion: &AuditoriaAccion) -> Result<(), Fallo> {
    match accion {
        AuditoriaAccion::Verificar(args) => verificar::ejecutar(contexto, args),
        AuditoriaAccion::Exportar { archivo, con_datos, formato } => exportar(contexto, archivo, *con_datos, *formato),
        AuditoriaAccion::Sellos => sellos(contexto),
        AuditoriaAccion::Reconstruir => reconstruir(contexto),
        AuditoriaAccion::Clave(args) => match &args.accion {
            ClaveAccion::Crear { archivo, nombre, relevar } => crear(contexto, archivo, nombre, *relevar),
            ClaveAccion::Ver { clave, particion } => ver(contexto, clave.as_deref(), particion.as_deref()),
        },
    }
}

/// The audit of a folder that nobody uses; with keys of the user's own, or else those of the configuration.
fn abrir(contexto: &Contexto, llavero: Option<Llavero>) -> Result<AuditoriaDeCarpeta, Fallo> {
    exigir_libre(
        contexto,
        "la orden lee la carpeta y el registro directamente",
        "Deténgalo y repita, o use una copia de la carpeta. En marcha: auditoria verificar, auditoria sellos.",
    )?;
    AuditoriaDeCarpeta::abrir(&NodeOptions::new(&contexto.configuracion), llavero).map_err(|e| nodo::fallo(&e))
}

fn exportar(contexto: &Contexto, archivo: &Path, con_datos: bool, formato: Formato) -> Result<(), Fallo> {
    if formato == Formato::Parquet && !cfg!(feature = "parquet") {
        return Err(Fallo::new(
            Clase::Uso,
            "este programa no escribe Parquet",
            "se construyó sin la característica «parquet»",
            "Constrúyalo con: cargo build --release --features parquet; o exporte NDJSON y conviértalo: docs/guide/auditoria.md.",
        ));
    }
    let auditoria = abrir(contexto, None)?;
    let destino = File::create_new(archivo).map_err(|e| no_se_escribe(archivo, &e))?;
    let barra = barra(&contexto.salida, "registros");
    let mut avance = |hechos, total| {
        barra.set_length(total);
        barra.set_position(hechos);
    };
    let bufer = BufWriter::with_capacity(BUFER, &destino);
    let hecho = match formato {
        #[cfg(feature = "parquet")]
        Formato::Parquet => auditoria.exportar_parquet(bufer, con_datos, &mut avance),
        _ => auditoria.exportar(bufer, con_datos, &mut avance),
    };
    barra.finish_and_clear();
    let hecho = hecho.map_err(|e| fallo(&e)).and_then(|hecho| {
        destino.sync_all().map_err(|e| no_se_escribe(archivo, &e))?;
        Ok(hecho)
    });
    let hecho = hecho.inspect_err(|_| {
        // What is there is no export. If it cannot be removed the verification says that it is cut.
        let _ = std::fs::remove_file(archivo);
    })?;
    let salida = &contexto.salida;
    hecho.ajenos.iter().for_each(|que| salida.nota(format!("No va en el archivo, no es un sello de esta instalación: {que}")));
    salida.linea(format!(
        "{} · {} registros de {} particiones, {} sellos",
        archivo.display(),
        entero(hecho.hojas),
        entero(hecho.particiones),
        entero(hecho.sellos)
    ));
    salida.resultado(&json!({
        "archivo": archivo.display().to_string(), "particiones": hecho.particiones, "hojas": hecho.hojas, "sellos": hecho.sellos,
        "ajenos": hecho.ajenos,
    }));
    Ok(())
}

/// The notes one after another, as `--sello` reads them.
fn sellos(contexto: &Contexto) -> Result<(), Fallo> {
    let items = match proceso(contexto) {
        Some(url) => {
            let cliente = ClienteHttp::new(&url);
            let respuesta = cliente.get("/api/v1/sellos")?;
            if respuesta.estado != 200 {
                return Err(cliente.mal_estado(&respuesta));
            }
            respuesta.cuerpo.get("items").and_then(Value::as_array).cloned().unwrap_or_default()
        }
        None => abrir(contexto, None)?.sellos().map_err(|e| fallo(&e))?,
    };
    if items.is_empty() {
        contexto.salida.nota("Todavía no hay ningún sello.");
    }
    for nota in items.iter().filter_map(|item| item.get("nota")?.as_str()) {
        contexto.salida.linea(nota.trim_end_matches('\n'));
    }
    contexto.salida.resultado(&json!({ "sellos": items }));
    Ok(())
}

fn reconstruir(contexto: &Contexto) -> Result<(), Fallo> {
    let auditoria = abrir(contexto, None)?;
    let _turno = auditoria.turno().map_err(|e| nodo::fallo(&e))?;
    let barra = barra(&contexto.salida, "registros");
    let hecho = auditoria.reconstruir(&mut |hechos| barra.set_position(hechos));
    barra.finish_and_clear();
    let vuelta = hecho.map_err(|e| fallo(&e))?;
    let salida = &contexto.salida;
    salida.linea(format!("{} registros encadenados, {} sellos nuevos", entero(vuelta.hojas), entero(vuelta.sellos)));
    let detenidas: Vec<Value> = vuelta.detenidas.iter().map(|(p, que)| json!({ "particion": p.to_string(), "que": que })).collect();
    vuelta.detenidas.iter().for_each(|(p, que)| salida.linea(salida.rojo(&format!("{p}: {que}"))));
    salida.resultado(&json!({ "hojas": vuelta.hojas, "sellos": vuelta.sellos, "detenidas": detenidas }));
    if vuelta.detenidas.is_empty() { Ok(()) } else { Err(Fallo::dicho(Clase::Falla, "hay cadenas que no son las que se sellaron")) }
}

fn crear(contexto: &Contexto, archivo: &Path, nombre: &str, relevar: bool) -> Result<(), Fallo> {
    let publica = sellos::crear(archivo, nombre, relevar).map_err(|e| nodo::fallo(&e))?;
    let (salida, publicas) = (&contexto.salida, sellos::publicas_de(archivo));
    salida.linea(format!("{publica}"));
    salida.nota(format!(
        "La privada está en {} y firma cuanto diga auditoria.clave_archivo: guárdela donde no la lea quien administra el registro.\n\
         Dé {} a quien verifica.",
        archivo.display(),
        publicas.display()
    ));
    salida.resultado(&json!({
        "publica": publica.to_string(), "clave_archivo": archivo.display().to_string(), "publicas_archivo": publicas.display().to_string(),
    }));
    Ok(())
}

fn ver(contexto: &Contexto, clave: Option<&Path>, particion: Option<&str>) -> Result<(), Fallo> {
    let llavero = llavero(contexto, clave)?;
    if let Some(texto) = particion.filter(|texto| particion_de(texto).is_none()) {
        return Err(Fallo::new(
            Clase::Uso,
            format!("«{texto}» no es una partición de la auditoría"),
            "son eventos.facturacion, eventos.inventario, eventos.catalogo, eventos.numeracion y auditoria, con «/» y su número",
            "Por ejemplo: --particion eventos.facturacion/3.",
        ));
    }
    let mostrar = |c: &crate::audit::cadena::ClavePublica| particion.map_or_else(|| c.to_string(), |p| c.de_origen(p).to_string());
    let claves: Vec<String> = llavero.claves().iter().map(mostrar).collect();
    claves.iter().for_each(|clave| contexto.salida.linea(clave));
    contexto.salida.resultado(&json!({ "nombre": llavero.nombre(), "claves": claves }));
    Ok(())
}

/// The public keys of a file, or of the configuration.
fn llavero(contexto: &Contexto, clave: Option<&Path>) -> Result<Llavero, Fallo> {
    let archivo = clave.map_or_else(|| sellos::archivo_de_publicas(&NodeOptions::new(&contexto.configuracion)), PathBuf::from);
    sellos::leer_publicas(&archivo).map_err(|e| {
        Fallo::new(
            Clase::Uso,
            "no se pueden leer las claves públicas",
            e.to_string(),
            "Indique con --clave el archivo .pub que le dio quien sella; lo crea factumarket auditoria clave crear.",
        )
    })
}

fn barra(salida: &Salida, unidad: &str) -> ProgressBar {
    if !salida.progreso() {
        return ProgressBar::hidden();
    }
    let barra = ProgressBar::new(0);
    match ProgressStyle::with_template(&format!("  {{bar:30}} {{percent:>3}} %  {{human_pos}} {unidad}  ·  faltan {{eta}}")) {
        Ok(estilo) => barra.with_style(estilo),
        Err(_) => barra,
    }
}

fn no_se_escribe(archivo: &Path, error: &std::io::Error) -> Fallo {
    let por_que = match error.kind() {
        std::io::ErrorKind::AlreadyExists => "ya existe".to_owned(),
        _ => error.to_string(),
    };
    Fallo::new(
        Clase::Servicio,
        format!("no se puede escribir {}", archivo.display()),
        por_que,
        "Indique otro archivo, en una carpeta que exista y con espacio.",
    )
}

fn no_se_lee(archivo: &Path, por_que: &str) -> Fallo {
    Fallo::new(
        Clase::Uso,
        format!("no se puede leer {}", archivo.display()),
        por_que,
        "Revise la ruta y que el archivo sea el que se espera.",
    )
}

/// A failure of the chain as the user reads it.
fn fallo(error: &ErrorCadena) -> Fallo {
    let (clase, que, hacer) = match error {
        ErrorCadena::Rota { .. } => (
            Clase::Falla,
            "la cadena de la auditoría no es la que se selló",
            "Compare con una copia del registro; qué cambió y dónde lo dice factumarket auditoria verificar.",
        ),
        ErrorCadena::Danada { .. } => (
            Clase::Servicio,
            "lo guardado de la cadena está dañado",
            "El registro no se ha tocado: factumarket auditoria reconstruir.",
        ),
        ErrorCadena::Esquema { .. } => (
            Clase::Servicio,
            "el registro tiene un esquema que este programa no conoce",
            "Use la versión del programa que lo escribió, o una posterior.",
        ),
        ErrorCadena::Escritura(_) => {
            (Clase::Servicio, "no se pudo escribir el archivo", "Revise el espacio y los permisos, y repita.")
        }
        ErrorCadena::Registro(_) | ErrorCadena::Tablas(_) => {
            (Clase::Servicio, "no se pudo leer lo guardado", "Repita la orden; si sigue, vea factumarket doctor.")
        }
    };
    Fallo::new(clase, que, error.to_string(), hacer)
}
