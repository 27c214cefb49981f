//! What every deployment starts with (`dominio.md` section 6): the Sucursal `PRINCIPAL`, its Bodega `PRINCIPAL`, and the internal
//! ranges `F` and `NC`. Seeded by commands with fixed ids, so that a start that was cut short is completed by the next one.

use std::{sync::Arc, time::Duration};

use chrono::NaiveDate;

use crate::{
    contracts::Resultado,
    domain::{
        Comando, Contexto,
        catalogo::{
            bodega::{ComandoBodega, DatosBodega},
            sucursal::{ComandoSucursal, DatosSucursal},
        },
        numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
        reglas::Regla,
        valores::Id,
    },
    engine::{
        gateway::{Gateway, NewCommand, Outcome, submit},
        routing::partition_for,
    },
    log::{Log, LogError, Topic, TopicPartition},
};

pub const SUCURSAL: &str = "PRINCIPAL";
pub const BODEGA: &str = "PRINCIPAL";
const PREFIJO_FACTURA: &str = "F";
const PREFIJO_NOTA: &str = "NC";
/// Largest number of an internal range: as wide as the tax authority's own.
const HASTA: u64 = 999_999_999_999;
/// A first start on a slow disk.
const PLAZO: Duration = Duration::from_secs(60);
/// The first records of the topic of numbering, where the seed is.
const MIRADA_BYTES: usize = 256 << 10;

/// Whether the log has the last thing that is seeded.
///
/// # Errors
/// When the log cannot be read.
pub fn sembrado(log: &dyn Log) -> Result<bool, LogError> {
    let ultimo = rango(TipoDocumento::Factura, PREFIJO_FACTURA);
    let tema = Topic::Eventos(Contexto::Numeracion);
    let particion = TopicPartition::new(tema, partition_for(ultimo.as_str().as_bytes(), log.partitions(tema)));
    // Events are kept for ever, so the first are there; nothing else could come before the seed.
    let primeros = log.read(particion, 0, MIRADA_BYTES)?;
    Ok(primeros.iter().any(|r| r.record.key == ultimo.as_str().as_bytes()))
}

/// Seeds what is missing.
///
/// # Errors
/// Why a command was not accepted.
pub async fn sembrar(gateway: &Arc<dyn Gateway>) -> Result<(), String> {
    let [sucursal, bodega, rango_nc, rango_f] = comandos();
    sembrar_uno(gateway, sucursal).await?;
    tokio::try_join!(sembrar_uno(gateway, bodega), sembrar_uno(gateway, rango_nc))?;
    // Its presence says that all the others are there.
    sembrar_uno(gateway, rango_f).await
}

async fn sembrar_uno(gateway: &Arc<dyn Gateway>, (nombre, comando): (&'static str, Comando)) -> Result<(), String> {
    let command_id = Id::compuesto(&[&format!("siembra-{nombre}")]);
    let nuevo = NewCommand {
        correlation_id: command_id.clone(),
        command_id,
        usuario: Some(Arc::from("sistema")),
        canal: None,
        version_esperada: None,
        traceparent: None,
        comando,
    };
    match submit(gateway, nuevo, PLAZO).await {
        Ok(Outcome::Done(respuesta)) => revisar(nombre, respuesta.resultado),
        Ok(Outcome::InCourse { .. }) => Err(format!("{nombre} no se creó en {PLAZO:?}")),
        Err(e) => Err(e.to_string()),
    }
}

fn revisar(nombre: &str, resultado: Resultado) -> Result<(), String> {
    match resultado {
        Resultado::Aceptado { .. } | Resultado::NotaAceptada { .. } => Ok(()),
        Resultado::Rechazado { errores } if errores.iter().all(|f| f.regla == Regla::YaExiste) => Ok(()),
        Resultado::Rechazado { errores } => Err(errores.first().map_or_else(|| nombre.to_owned(), ToString::to_string)),
        Resultado::Apartado { codigo, causa } => Err(format!("{nombre}: {codigo}: {causa}")),
        Resultado::EnCurso => Err(format!("{nombre} quedó en curso")),
    }
}

/// In the order they lean on each other; the range of invoices last.
fn comandos() -> [(&'static str, Comando); 4] {
    let sucursal_id = Id::compuesto(&[SUCURSAL]);
    let sucursal = DatosSucursal { nombre: Arc::from("Sucursal principal"), direccion: None };
    let bodega = DatosBodega { sucursal_id: sucursal_id.clone(), nombre: Arc::from("Bodega principal"), direccion: None };
    [
        ("sucursal", Comando::Sucursal(ComandoSucursal::CrearSucursal { sucursal_id, datos: sucursal })),
        ("bodega", Comando::Bodega(ComandoBodega::CrearBodega { bodega_id: Id::compuesto(&[BODEGA]), datos: bodega })),
        ("rango-nc", Comando::Rango(crear_rango(TipoDocumento::NotaCredito, PREFIJO_NOTA))),
        ("rango-f", Comando::Rango(crear_rango(TipoDocumento::Factura, PREFIJO_FACTURA))),
    ]
}

fn rango(tipo: TipoDocumento, prefijo: &str) -> Id {
    rango_id(&Id::compuesto(&[SUCURSAL]), tipo, prefijo)
}

fn crear_rango(tipo_documento: TipoDocumento, prefijo: &str) -> ComandoRango {
    ComandoRango::CrearRango {
        rango_id: rango(tipo_documento, prefijo),
        sucursal_id: Id::compuesto(&[SUCURSAL]),
        tipo_documento,
        prefijo: Arc::from(prefijo),
        autorizacion: Autorizacion {
            desde: 1,
            hasta: HASTA,
            vigente_desde: dia(2000),
            vigente_hasta: dia(2200),
            resolucion: Arc::from(""),
            fecha_resolucion: None,
        },
    }
}

fn dia(anio: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(anio, 1, 1).unwrap_or_default()
}
