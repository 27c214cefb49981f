//! Envelopes, replies, audit and DLQ records.

use super::{
    Reader, Wire, Writer,
    macros::{wire_record, wire_union},
};
use crate::{
    contracts::{
        CodecError, ComandoRechazado, CommandEnvelope, ConsultaRealizada, Entrada, EventEnvelope, Instantanea, RegistroDlq,
        ResolucionApartado, Respuesta, Resultado, ResumenFactura, ResumenNota, VersionAgregado,
    },
    domain::{Comando, TipoAgregado, valores::Id},
};

/// `SobreComando`: the envelope without the body.
pub(in crate::contracts) fn write_command_envelope(command: &CommandEnvelope, w: &mut Writer) {
    command.command_id.write(w);
    command.correlation_id.write(w);
    command.causation_id.write(w);
    command.recibido_en.write(w);
    command.usuario.write(w);
    command.canal.write(w);
    command.version_esperada.write(w);
    command.responder_a.write(w);
    command.traceparent.write(w);
    command.paso.write(w);
}

/// Reads a `SobreComando`; then `body` reads what follows it.
pub(in crate::contracts) fn read_command_envelope(
    r: &mut Reader<'_>,
    body: impl FnOnce(&mut Reader<'_>) -> Result<Comando, CodecError>,
) -> Result<CommandEnvelope, CodecError> {
    Ok(CommandEnvelope {
        command_id: Wire::read(r)?,
        correlation_id: Wire::read(r)?,
        causation_id: Wire::read(r)?,
        recibido_en: Wire::read(r)?,
        usuario: Wire::read(r)?,
        canal: Wire::read(r)?,
        version_esperada: Wire::read(r)?,
        responder_a: Wire::read(r)?,
        traceparent: Wire::read(r)?,
        paso: Wire::read(r)?,
        comando: body(r)?,
    })
}

wire_record!(Entrada { particion, posicion });
wire_record!(EventEnvelope {
    event_id,
    version_esquema,
    aggregate_tipo,
    aggregate_id,
    aggregate_version,
    ocurrido_en,
    entrada,
    correlation_id,
    causation_id,
    command_id,
    huella,
    servicio_origen,
    usuario,
});

/// The head of a snapshot.
pub(in crate::contracts) struct SobreInstantanea {
    pub aggregate_tipo: TipoAgregado,
    pub aggregate_id: Id,
    pub aggregate_version: u64,
    pub version_esquema: u16,
}

wire_record!(SobreInstantanea { aggregate_tipo, aggregate_id, aggregate_version, version_esquema });

impl From<&Instantanea> for SobreInstantanea {
    fn from(instantanea: &Instantanea) -> Self {
        Self {
            aggregate_tipo: instantanea.aggregate_tipo,
            aggregate_id: instantanea.aggregate_id.clone(),
            aggregate_version: instantanea.aggregate_version,
            version_esquema: instantanea.version_esquema,
        }
    }
}

wire_record!(ComandoRechazado {
    event_id,
    command_id,
    huella,
    tipo_comando,
    aggregate_tipo,
    aggregate_id,
    aggregate_version,
    correlation_id,
    ocurrido_en,
    recibido_en,
    entrada,
    usuario,
    errores,
});
wire_record!(ConsultaRealizada { event_id, consulta, factura_id, parametros, correlation_id, ocurrido_en, usuario });
wire_record!(RegistroDlq {
    entrada,
    clave,
    valor,
    command_id,
    correlation_id,
    aggregate,
    etapa,
    codigo,
    causa,
    intentos,
    primera_vez,
    version_procesador,
    apartado desde CARTA_SIN_ID,
    resolucion desde CARTA_SIN_RESOLVER,
});
wire_record!(ResolucionApartado { descartado, motivo, usuario, en });

wire_record!(ResumenFactura { factura_id, numero, estado, fecha_emision, moneda, subtotal, impuestos, total });
wire_record!(ResumenNota { factura_id, nota_id, numero, estado, fecha_emision, moneda, subtotal, impuestos, total });
wire_union!(Resultado, "resultado de un comando":
    0 => Aceptado { factura },
    1 => Rechazado { errores },
    2 => Apartado { codigo, causa },
    3 => EnCurso {},
    4 => NotaAceptada { nota },
);
wire_record!(VersionAgregado { tipo, id, version });
wire_record!(Respuesta { peticion, command_id, repetido, resultado, versiones, particiones });
