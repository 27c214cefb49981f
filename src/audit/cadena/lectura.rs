//! The log as leaves and seals.

use bytes::Bytes;

use super::{
    Hoja, HojaLeida, Llavero, SelloFirmado,
    hoja::{INDECODIFICABLE, de_datos},
    nota::Nota,
    sello::Sello,
};
use crate::{
    contracts::{Codec, CodecError, RegistroAuditoria},
    log::{Log, LogError, Position, Record, StoredRecord, Topic, TopicPartition},
    tables::TablesError,
};

/// Bytes asked of the log at a time.
const BYTES: usize = 4 << 20;

/// Why the chain could not be read or carried on.
#[derive(Debug, thiserror::Error)]
pub enum ErrorCadena {
    #[error(transparent)]
    Registro(#[from] LogError),
    #[error(transparent)]
    Tablas(#[from] TablesError),
    #[error(
        "{particion} posición {posicion}: este programa no conoce el esquema {esquema}; siga con la versión que lo escribió, o una posterior"
    )]
    Esquema { particion: TopicPartition, posicion: Position, esquema: u32 },
    #[error(
        "las tablas de la cadena de {particion} no son las de su registro ({que}); vuelva a plegarlas: factumarket auditoria reconstruir"
    )]
    Danada { particion: TopicPartition, que: &'static str },
    #[error("la cadena de {particion} no es la que se selló: {que}. Compare el registro con una copia antes de seguir")]
    Rota { particion: TopicPartition, que: String },
    #[error("no se pudo escribir: {0}")]
    Escritura(#[from] std::io::Error),
}

/// The leaf of a record.
///
/// # Errors
/// The id of a schema that this program does not know: whoever knows it must go on.
pub fn hoja_de(codec: &Codec, tema: Topic, registro: &Record) -> Result<HojaLeida, u32> {
    let datos = de_datos(&registro.value);
    match decodificada(codec, tema, &registro.value, datos) {
        Ok(hoja) => Ok(hoja),
        Err(CodecError::UnknownSchema(esquema)) => Err(esquema),
        Err(_) => Ok(Hoja { evento_id: None, tipo: INDECODIFICABLE, version: 0, ocurrido_en: registro.timestamp, datos }),
    }
}

fn decodificada(codec: &Codec, tema: Topic, valor: &Bytes, datos: super::Digesto) -> Result<HojaLeida, CodecError> {
    if tema != Topic::Auditoria {
        let (sobre, cuerpo) = codec.decode_event_envelope(valor)?;
        let (evento_id, version) = (Some(sobre.event_id), sobre.aggregate_version);
        return Ok(Hoja { evento_id, tipo: cuerpo.tipo(), version, ocurrido_en: sobre.ocurrido_en, datos });
    }
    Ok(match codec.decode_audit(valor)? {
        RegistroAuditoria::Rechazo(r) => Hoja {
            evento_id: Some(r.event_id),
            tipo: "ComandoRechazado",
            version: r.aggregate_version,
            ocurrido_en: r.ocurrido_en,
            datos,
        },
        RegistroAuditoria::Consulta(c) => {
            Hoja { evento_id: Some(c.event_id), tipo: "ConsultaRealizada", version: 0, ocurrido_en: c.ocurrido_en, datos }
        }
    })
}

/// The partition of `auditoria.sellos` that the seals of a source partition are in.
pub fn particion_de_sellos(log: &dyn Log, origen: TopicPartition) -> TopicPartition {
    TopicPartition::new(Topic::AuditoriaSellos, origen.partition % log.partitions(Topic::AuditoriaSellos).max(1))
}

/// Hands over the records of a partition from `desde` to before `hasta`, in order.
///
/// # Errors
/// Of the log and of the visitor.
pub fn recorrer(
    log: &dyn Log,
    particion: TopicPartition,
    desde: Position,
    hasta: Position,
    visitar: &mut dyn FnMut(StoredRecord) -> Result<(), ErrorCadena>,
) -> Result<(), ErrorCadena> {
    let mut siguiente = desde;
    while siguiente < hasta {
        let registros = log.read(particion, siguiente, BYTES)?;
        if registros.is_empty() {
            break;
        }
        for registro in registros {
            if registro.position >= hasta {
                return Ok(());
            }
            siguiente = registro.position + 1;
            visitar(registro)?;
        }
    }
    Ok(())
}

/// The seals of a source partition that are on the log, as they were written.
#[derive(Debug, Default)]
pub struct SellosLeidos {
    /// In the order of the log; the same one twice, as after a crash, is there once.
    pub sellos: Vec<SelloFirmado>,
    /// Records with its key that are no seal of this installation, and why.
    pub ajenos: Vec<String>,
}

/// A note of `auditoria.sellos`: the seal, or why it is none of ours.
pub fn sello_de(valor: &[u8], llavero: &Llavero) -> Result<SelloFirmado, String> {
    let nota = std::str::from_utf8(valor).map_err(|_| "no es texto".to_owned())?;
    SelloFirmado::verificar(nota, llavero, false).map_err(|e| e.to_string())
}

/// What a note says it seals, before anybody believes it.
pub fn dicho_por(valor: &[u8]) -> Option<Sello> {
    Sello::leer(Nota::leer(std::str::from_utf8(valor).ok()?).ok()?.texto).ok()
}

/// Reads the seals of a source partition that are before a position of the seals' topic.
///
/// # Errors
/// Of the log.
pub fn sellos_de(log: &dyn Log, origen: TopicPartition, llavero: &Llavero, hasta: Position) -> Result<SellosLeidos, ErrorCadena> {
    let (particion, clave) = (particion_de_sellos(log, origen), origen.to_string());
    let mut leidos = SellosLeidos::default();
    recorrer(log, particion, 0, hasta, &mut |registro| {
        if *registro.record.key != *clave.as_bytes() {
            return Ok(());
        }
        match sello_de(&registro.record.value, llavero) {
            Ok(sello) if sello.sello.particion != origen => {
                leidos.ajenos.push(format!("{particion} posición {}: es de {}", registro.position, sello.sello.particion));
            }
            Ok(sello) if leidos.sellos.last().is_some_and(|ultimo| ultimo.sello == sello.sello) => {}
            Ok(sello) => leidos.sellos.push(sello),
            Err(por_que) => leidos.ajenos.push(format!("{particion} posición {}: {por_que}", registro.position)),
        }
        Ok(())
    })?;
    Ok(leidos)
}
