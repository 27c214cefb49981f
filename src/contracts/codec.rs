//! The codec: records of the system to and from framed Avro.

use std::{cell::RefCell, sync::Arc};

use bytes::Bytes;
use hashbrown::HashMap;
use sha2::{Digest, Sha256};

use super::{
    Boveda, CONGELADOS, CodecError, CommandEnvelope, EstadoAgregado, EventEnvelope, Huella, Instantanea, MAX_RECORD_BYTES,
    MAX_STATE_BYTES, RecordedEvent, RegistroAuditoria, RegistroDlq, Registry, RegistryError, Respuesta, Uso, VERSION,
    esquemas::subjects,
    tipos::{Clase, Registro},
    wire::{self, Body, Reader, Sello, Wire, Writer},
};
use crate::domain::{
    Comando, Evento, TipoAgregado,
    catalogo::cliente::EventoCliente,
    facturacion::{
        factura::{EmisionIniciada, EventoFactura},
        nota_credito::EventoNotaCredito,
    },
    valores::Id,
};

/// Byte 0 and the schema's id.
const FRAME_BYTES: usize = 5;

thread_local! {
    /// Output buffer of the thread: a record is copied out of it once, with its exact size.
    static WRITER: RefCell<Writer> = RefCell::default();
}

/// A command as it came off the log.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedCommand {
    pub envelope: CommandEnvelope,
    pub huella: Huella,
}

/// The body of an event whose envelope is decoded; decoded only when asked.
#[derive(Debug, Clone, Copy)]
pub struct EventBody<'a> {
    registro: Registro,
    version: u16,
    bytes: &'a [u8],
    boveda: Option<&'a dyn Boveda>,
}

impl EventBody<'_> {
    /// `FacturaEmitida`, `StockReducido`…
    pub fn tipo(&self) -> &'static str {
        self.registro.nombre()
    }

    /// # Errors
    /// Any [`CodecError`] but framing.
    pub fn decode(&self) -> Result<Evento, CodecError> {
        let mut r = Reader::of_version(self.bytes, self.version).with_keys(self.boveda);
        let evento = read_evento(self.registro, &mut r)?;
        r.end()?;
        Ok(evento)
    }
}

/// Knows the id of every schema; share it behind an `Arc`.
#[derive(Clone)]
pub struct Codec {
    /// By the number of the record type.
    ids: Vec<u32>,
    /// By the number of the record type: whether fingerprints of its commands cover its name.
    named: Vec<bool>,
    /// What each id is the schema of, and the last version of the contract that writes with it.
    registros: HashMap<u32, (Registro, u16)>,
    /// The id of each record type in each version.
    de_version: HashMap<(Registro, u16), u32>,
    /// The version that it writes.
    escribe: u16,
    /// Opens sealed personal data.
    boveda: Option<Arc<dyn Boveda>>,
    /// Whether it seals those that it writes.
    cifra: bool,
}

impl Codec {
    /// Asks the registry for the ids of [`subjects`].
    ///
    /// # Errors
    /// When the registry fails.
    pub fn new(registry: &dyn Registry) -> Result<Self, RegistryError> {
        let subjects = subjects()?;
        let wanted: Vec<(String, String)> = subjects.iter().map(|s| (s.subject.clone(), s.schema.clone())).collect();
        let owners: Vec<(Registro, u16)> = subjects.iter().map(|s| (s.registro, s.version)).collect();
        let given = registry.ids_for(&wanted)?;
        // A schema that did not change has one id: the newest version with it counts.
        let registros: HashMap<u32, (Registro, u16)> = given.iter().copied().zip(owners.iter().copied()).collect();
        let first = |registro| owners.iter().position(|owner| *owner == (registro, VERSION)).and_then(|i| given.get(i).copied());
        let ids = Registro::TODOS.iter().copied().filter_map(first).collect();
        let named = Registro::TODOS.iter().copied().map(names_itself).collect();
        let de_version = owners.iter().copied().zip(given.iter().copied()).collect();
        Ok(Self { ids, named, registros, de_version, escribe: VERSION, boveda: None, cifra: false })
    }

    /// A codec that opens personal data with these keys and, with `cifra`, seals those that it writes in events and snapshots. Commands and
    /// replies stay in the clear: they are not kept.
    #[must_use]
    pub fn with_keys(self, boveda: Arc<dyn Boveda>, cifra: bool) -> Self {
        Self { boveda: Some(boveda), cifra, ..self }
    }

    /// The keys that it opens with.
    pub fn boveda(&self) -> Option<&Arc<dyn Boveda>> {
        self.boveda.as_ref()
    }

    /// Returns when the keys of what was encoded are safe: before that, nothing of it may be durable.
    ///
    /// # Errors
    /// `Keys`.
    pub fn sync_keys(&self) -> Result<(), CodecError> {
        self.boveda.as_ref().filter(|_| self.cifra).map_or(Ok(()), |boveda| Ok(boveda.sincronizar()?))
    }

    /// A codec that writes as the program of an older version did, and reads everything. What that version could not say is written
    /// as today. For simulations and tests of upgrades, where programs of two versions run side by side.
    #[must_use]
    pub fn as_older(&self, version: u16) -> Self {
        Self { escribe: version.min(VERSION), ..self.clone() }
    }

    /// # Errors
    /// `NotOnWire`, `OutOfDomain`, `TooLarge`.
    pub fn encode_command(&self, command: &CommandEnvelope) -> Result<Bytes, CodecError> {
        let registro = registro_de_comando(&command.comando).ok_or(CodecError::NotOnWire(command.comando.tipo()))?;
        self.encode(registro, |w| {
            wire::write_command_envelope(command, w);
            write_comando(&command.comando, w);
        })
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_command(&self, bytes: &[u8]) -> Result<DecodedCommand, CodecError> {
        let (registro, mut r) = self.open(bytes)?;
        let mut huella = [0; 16];
        let envelope = wire::read_command_envelope(&mut r, |r| {
            huella = self.fingerprint(registro, r.rest());
            read_comando(registro, r)
        })?;
        r.end()?;
        Ok(DecodedCommand { envelope, huella })
    }

    /// Whether some version of the contract gives this command that fingerprint: the same command asked again after an upgrade, or through
    /// a program that was not upgraded yet, has other bytes and is still the same command.
    pub fn is_fingerprint_of(&self, huella: &Huella, comando: &Comando) -> bool {
        self.fingerprints(comando).contains(huella)
    }

    /// The fingerprint of a command in each version of the contract that can say it.
    pub fn fingerprints(&self, comando: &Comando) -> Vec<Huella> {
        let Some(registro) = registro_de_comando(comando) else { return Vec::new() };
        WRITER.with_borrow_mut(|w| {
            let of = |version| {
                w.clear_for(version);
                write_comando(comando, w);
                w.take_error().is_none().then(|| self.fingerprint(registro, &w.bytes))
            };
            (1..=VERSION).filter_map(of).collect()
        })
    }

    /// # Errors
    /// `OutOfDomain`, `TooLarge`.
    pub fn encode_event(&self, sobre: &EventEnvelope, evento: &Evento) -> Result<Bytes, CodecError> {
        let registro = registro_de_evento(evento).ok_or(CodecError::NotOnWire(evento.tipo()))?;
        let as_then = (self.escribe < VERSION).then(|| without_owner(evento)).flatten();
        let evento = as_then.as_ref().unwrap_or(evento);
        let sello = self.sello(|| titular_de_evento(evento));
        self.encode(registro, |w| {
            w.sello.clone_from(&sello);
            match self.version_told(sobre.version_esquema, w) {
                told if told == sobre.version_esquema => sobre.write(w),
                told => EventEnvelope { version_esquema: told, ..sobre.clone() }.write(w),
            }
            write_evento(evento, w);
        })
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_event(&self, bytes: &[u8]) -> Result<RecordedEvent, CodecError> {
        let (sobre, body) = self.decode_event_envelope(bytes)?;
        Ok(RecordedEvent { sobre, evento: body.decode()? })
    }

    /// The envelope without the body: recovery skips bodies.
    ///
    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_event_envelope<'a>(&'a self, bytes: &'a [u8]) -> Result<(EventEnvelope, EventBody<'a>), CodecError> {
        let (registro, version, rest) = self.unframe(bytes, MAX_RECORD_BYTES)?;
        if !matches!(registro.clase(), Clase::Evento(_) | Clase::Cuarentena) {
            return Err(CodecError::UnexpectedRecord { expected: "un evento", found: registro.nombre() });
        }
        let mut r = Reader::of_version(rest, version);
        let sobre = EventEnvelope::read(&mut r)?;
        Ok((sobre, EventBody { registro, version, bytes: r.rest(), boveda: self.boveda.as_deref() }))
    }

    /// # Errors
    /// `OutOfDomain`, `TooLarge`.
    pub fn encode_reply(&self, reply: &Respuesta) -> Result<Bytes, CodecError> {
        self.encode(Registro::Respuesta, |w| reply.write(w))
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_reply(&self, bytes: &[u8]) -> Result<Respuesta, CodecError> {
        self.decode(bytes, Registro::Respuesta)
    }

    /// # Errors
    /// `OutOfDomain` (also when the state is not of the kind its head says), `TooLarge`.
    pub fn encode_snapshot(&self, snapshot: &Instantanea) -> Result<Bytes, CodecError> {
        self.encode_state_within(snapshot, MAX_RECORD_BYTES)
    }

    /// The same bytes for the local store, where a state need not fit a record.
    ///
    /// # Errors
    /// As [`Self::encode_snapshot`], beyond [`MAX_STATE_BYTES`].
    pub fn encode_state(&self, snapshot: &Instantanea) -> Result<Bytes, CodecError> {
        self.encode_state_within(snapshot, MAX_STATE_BYTES)
    }

    fn encode_state_within(&self, snapshot: &Instantanea, max: usize) -> Result<Bytes, CodecError> {
        let tipo = tipo_de_estado(&snapshot.estado);
        if tipo != snapshot.aggregate_tipo {
            return Err(CodecError::OutOfDomain { what: "tipo de la instantánea", value: snapshot.aggregate_tipo.to_string() });
        }
        let sello = self.sello(|| titular_de_estado(&snapshot.estado));
        self.encode_within(Registro::instantanea(tipo), max, |w| {
            w.sello.clone_from(&sello);
            let mut sobre = wire::SobreInstantanea::from(snapshot);
            sobre.version_esquema = self.version_told(sobre.version_esquema, w);
            sobre.write(w);
            wire::write_estado(&snapshot.estado, w);
        })
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_snapshot(&self, bytes: &[u8]) -> Result<Instantanea, CodecError> {
        let (registro, reader) = self.open(bytes)?;
        read_snapshot(registro, reader)
    }

    /// Reads what [`Self::encode_state`] wrote: the local store's own, so it may ask for the memory that so many bytes take.
    ///
    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_state(&self, bytes: &[u8]) -> Result<Instantanea, CodecError> {
        let (registro, reader) = self.open_within(bytes, MAX_STATE_BYTES)?;
        read_snapshot(registro, reader.of_store())
    }

    /// # Errors
    /// `OutOfDomain`, `TooLarge`.
    pub fn encode_audit(&self, record: &RegistroAuditoria) -> Result<Bytes, CodecError> {
        match record {
            RegistroAuditoria::Rechazo(rechazo) => self.encode(Registro::ComandoRechazado, |w| rechazo.write(w)),
            RegistroAuditoria::Consulta(consulta) => self.encode(Registro::ConsultaRealizada, |w| consulta.write(w)),
        }
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_audit(&self, bytes: &[u8]) -> Result<RegistroAuditoria, CodecError> {
        match self.open(bytes)?.0 {
            Registro::ConsultaRealizada => self.decode(bytes, Registro::ConsultaRealizada).map(RegistroAuditoria::Consulta),
            _ => self.decode(bytes, Registro::ComandoRechazado).map(RegistroAuditoria::Rechazo),
        }
    }

    /// The original value must leave room for the rest of the record.
    ///
    /// # Errors
    /// `OutOfDomain`, `TooLarge`.
    pub fn encode_dlq(&self, record: &RegistroDlq) -> Result<Bytes, CodecError> {
        self.encode(Registro::RegistroDlq, |w| record.write(w))
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_dlq(&self, bytes: &[u8]) -> Result<RegistroDlq, CodecError> {
        self.decode(bytes, Registro::RegistroDlq)
    }

    /// What seals a record's personal data, when they are sealed at all.
    fn sello(&self, titular: impl FnOnce() -> Option<String>) -> Option<Sello> {
        let boveda = self.boveda.as_ref().filter(|_| self.cifra)?;
        Some(Sello { boveda: Arc::clone(boveda), clave_id: titular()? })
    }

    /// The version that an event or snapshot states: its maker's, but an older program states its own in what it writes as of old.
    fn version_told(&self, version: u16, w: &Writer) -> u16 {
        if self.escribe == VERSION || w.knows(version) { version } else { self.escribe }
    }

    fn encode(&self, registro: Registro, write: impl Fn(&mut Writer)) -> Result<Bytes, CodecError> {
        self.encode_within(registro, MAX_RECORD_BYTES, write)
    }

    fn encode_within(&self, registro: Registro, max: usize, write: impl Fn(&mut Writer)) -> Result<Bytes, CodecError> {
        if self.escribe < VERSION
            && let Some(id) = self.de_version.get(&(registro, self.escribe))
            && let Ok(older) = encode_as(self.escribe, *id, max, &write)
        {
            return Ok(older);
        }
        let id = self.ids.get(registro as usize).copied().ok_or(CodecError::NotOnWire(registro.nombre()))?;
        encode_as(VERSION, id, max, write)
    }

    fn decode<T: Wire>(&self, bytes: &[u8], expected: Registro) -> Result<T, CodecError> {
        let (found, mut r) = self.open(bytes)?;
        if found != expected {
            return Err(CodecError::UnexpectedRecord { expected: expected.nombre(), found: found.nombre() });
        }
        let value = T::read(&mut r)?;
        r.end()?;
        Ok(value)
    }

    /// Checks size and frame; gives the record's type and a reader of its Avro bytes.
    fn open<'a>(&'a self, bytes: &'a [u8]) -> Result<(Registro, Reader<'a>), CodecError> {
        self.open_within(bytes, MAX_RECORD_BYTES)
    }

    fn open_within<'a>(&'a self, bytes: &'a [u8], max: usize) -> Result<(Registro, Reader<'a>), CodecError> {
        let (registro, version, rest) = self.unframe(bytes, max)?;
        Ok((registro, Reader::of_version(rest, version).with_keys(self.boveda.as_deref())))
    }

    fn fingerprint(&self, registro: Registro, body: &[u8]) -> Huella {
        let mut hash = Sha256::new();
        if self.named.get(registro as usize).is_some_and(|named| *named) {
            // No body begins so: its first byte would be of a negative length.
            hash.update([0xff]);
            hash.update(registro.nombre());
            hash.update([0xff]);
        }
        hash.update(body);
        let mut huella = [0; 16];
        huella.copy_from_slice(&hash.finalize()[..16]);
        huella
    }

    fn unframe<'a>(&self, bytes: &'a [u8], max: usize) -> Result<(Registro, u16, &'a [u8]), CodecError> {
        check_size(bytes.len(), max)?;
        let (frame, rest) = bytes.split_at_checked(FRAME_BYTES).ok_or(CodecError::NotFramed)?;
        let [0, id @ ..] = frame else { return Err(CodecError::NotFramed) };
        let id = <[u8; 4]>::try_from(id).map(u32::from_be_bytes).map_err(|_| CodecError::NotFramed)?;
        let (registro, version) = self.registros.get(&id).copied().ok_or(CodecError::UnknownSchema(id))?;
        Ok((registro, version, rest))
    }
}

fn read_snapshot(registro: Registro, mut r: Reader<'_>) -> Result<Instantanea, CodecError> {
    let Clase::Instantanea(tipo) = registro.clase() else {
        return Err(CodecError::UnexpectedRecord { expected: "una instantánea", found: registro.nombre() });
    };
    let sobre = wire::SobreInstantanea::read(&mut r)?;
    if sobre.aggregate_tipo != tipo {
        return Err(CodecError::OutOfDomain { what: "tipo de la instantánea", value: sobre.aggregate_tipo.to_string() });
    }
    let estado = wire::read_estado(tipo, &mut r)?;
    r.end()?;
    Ok(Instantanea {
        aggregate_tipo: tipo,
        aggregate_id: sobre.aggregate_id,
        aggregate_version: sobre.aggregate_version,
        version_esquema: sobre.version_esquema,
        estado,
    })
}

fn encode_as(version: u16, id: u32, max: usize, write: impl Fn(&mut Writer)) -> Result<Bytes, CodecError> {
    WRITER.with_borrow_mut(|w| {
        w.clear_for(version);
        w.bytes.push(0);
        w.bytes.extend_from_slice(&id.to_be_bytes());
        write(w);
        if let Some(error) = w.take_error() {
            return Err(error);
        }
        check_size(w.bytes.len(), max)?;
        let encoded = Bytes::copy_from_slice(&w.bytes);
        // What an extraordinary state took is not kept.
        w.bytes.clear();
        w.bytes.shrink_to(MAX_RECORD_BYTES);
        Ok(encoded)
    })
}

/// Whether a command's fingerprint covers its name: commands of one aggregate may have bodies of the same bytes (EmitirFactura and
/// DescartarFactura are an id and nothing else). Those of the first version of the contract do not state it, because fingerprints are on
/// the log; but for ReactivarCliente, whose body is InactivarCliente's.
fn names_itself(registro: Registro) -> bool {
    registro == Registro::ReactivarCliente || !CONGELADOS.iter().any(|old| old.version == 1 && old.registro == registro)
}

fn check_size(bytes: usize, max: usize) -> Result<(), CodecError> {
    if bytes <= max { Ok(()) } else { Err(CodecError::TooLarge { bytes, max }) }
}

/// The start of an emission as a program wrote it that did not say whose data it carries.
fn without_owner(evento: &Evento) -> Option<Evento> {
    let Evento::Factura(EventoFactura::EmisionIniciada(inicio)) = evento else { return None };
    Some(Evento::Factura(EventoFactura::EmisionIniciada(Arc::new(EmisionIniciada { cliente_id: None, ..(**inicio).clone() }))))
}

/// The key of the personal data that an event carries.
fn titular_de_evento(evento: &Evento) -> Option<String> {
    let documentos = |cliente_id: &Id| Some(Uso::Documentos.clave_id(cliente_id));
    match evento {
        Evento::Cliente(EventoCliente::ClienteCreado { cliente_id, .. } | EventoCliente::ClienteActualizado { cliente_id, .. }) => {
            Some(Uso::Ficha.clave_id(cliente_id))
        }
        Evento::Factura(EventoFactura::EmisionIniciada(inicio)) => inicio.cliente_id.as_ref().and_then(documentos),
        Evento::Factura(EventoFactura::FacturaEmitida(factura)) => documentos(&factura.cabecera.cliente_id),
        Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(nota)) => documentos(&nota.factura.cliente_id),
        _ => None,
    }
}

/// The key of the personal data that a snapshot carries.
fn titular_de_estado(estado: &EstadoAgregado) -> Option<String> {
    match estado {
        EstadoAgregado::Cliente(cliente) => Some(Uso::Ficha.clave_id(&cliente.cliente_id)),
        EstadoAgregado::Factura(factura) => Some(Uso::Documentos.clave_id(&factura.cabecera.cliente_id)),
        EstadoAgregado::NotaCredito(nota) => nota.emitida.as_ref().map(|nota| Uso::Documentos.clave_id(&nota.factura.cliente_id)),
        _ => None,
    }
}

fn tipo_de_estado(estado: &EstadoAgregado) -> TipoAgregado {
    match estado {
        EstadoAgregado::Cliente(_) => TipoAgregado::Cliente,
        EstadoAgregado::Producto(_) => TipoAgregado::Producto,
        EstadoAgregado::Descuento(_) => TipoAgregado::Descuento,
        EstadoAgregado::Sucursal(_) => TipoAgregado::Sucursal,
        EstadoAgregado::Bodega(_) => TipoAgregado::Bodega,
        EstadoAgregado::Inventario(_) => TipoAgregado::Inventario,
        EstadoAgregado::Rango(_) => TipoAgregado::RangoNumeracion,
        EstadoAgregado::Factura(_) => TipoAgregado::Factura,
        EstadoAgregado::NotaCredito(_) => TipoAgregado::NotaCredito,
    }
}

fn registro_de_comando(comando: &Comando) -> Option<Registro> {
    match comando {
        Comando::Cuarentena(c) => c.registro(),
        Comando::Cliente(c) => c.registro(),
        Comando::Producto(c) => c.registro(),
        Comando::Descuento(c) => c.registro(),
        Comando::Sucursal(c) => c.registro(),
        Comando::Bodega(c) => c.registro(),
        Comando::Inventario(c) => c.registro(),
        Comando::Rango(c) => c.registro(),
        Comando::Factura(c) => c.registro(),
        Comando::NotaCredito(c) => c.registro(),
    }
}

fn write_comando(comando: &Comando, w: &mut Writer) {
    match comando {
        Comando::Cuarentena(c) => c.write_body(w),
        Comando::Cliente(c) => c.write_body(w),
        Comando::Producto(c) => c.write_body(w),
        Comando::Descuento(c) => c.write_body(w),
        Comando::Sucursal(c) => c.write_body(w),
        Comando::Bodega(c) => c.write_body(w),
        Comando::Inventario(c) => c.write_body(w),
        Comando::Rango(c) => c.write_body(w),
        Comando::Factura(c) => c.write_body(w),
        Comando::NotaCredito(c) => c.write_body(w),
    }
}

fn read_comando(registro: Registro, r: &mut Reader<'_>) -> Result<Comando, CodecError> {
    let tipo = match registro.clase() {
        Clase::Comando(tipo) => tipo,
        Clase::ComandoDeCuarentena => return Body::read_body(registro, r).map(Comando::Cuarentena),
        _ => return Err(CodecError::UnexpectedRecord { expected: "un comando", found: registro.nombre() }),
    };
    Ok(match tipo {
        TipoAgregado::Cliente => Comando::Cliente(Body::read_body(registro, r)?),
        TipoAgregado::Producto => Comando::Producto(Body::read_body(registro, r)?),
        TipoAgregado::Descuento => Comando::Descuento(Body::read_body(registro, r)?),
        TipoAgregado::Sucursal => Comando::Sucursal(Body::read_body(registro, r)?),
        TipoAgregado::Bodega => Comando::Bodega(Body::read_body(registro, r)?),
        TipoAgregado::Inventario => Comando::Inventario(Body::read_body(registro, r)?),
        TipoAgregado::RangoNumeracion => Comando::Rango(Body::read_body(registro, r)?),
        TipoAgregado::Factura => Comando::Factura(Body::read_body(registro, r)?),
        TipoAgregado::NotaCredito => Comando::NotaCredito(Body::read_body(registro, r)?),
    })
}

fn registro_de_evento(evento: &Evento) -> Option<Registro> {
    match evento {
        Evento::Cliente(e) => e.registro(),
        Evento::Producto(e) => e.registro(),
        Evento::Descuento(e) => e.registro(),
        Evento::Sucursal(e) => e.registro(),
        Evento::Bodega(e) => e.registro(),
        Evento::Inventario(e) => e.registro(),
        Evento::Rango(e) => e.registro(),
        Evento::Factura(e) => e.registro(),
        Evento::NotaCredito(e) => e.registro(),
        Evento::Cuarentena(e) => e.registro(),
    }
}

fn write_evento(evento: &Evento, w: &mut Writer) {
    match evento {
        Evento::Cliente(e) => e.write_body(w),
        Evento::Producto(e) => e.write_body(w),
        Evento::Descuento(e) => e.write_body(w),
        Evento::Sucursal(e) => e.write_body(w),
        Evento::Bodega(e) => e.write_body(w),
        Evento::Inventario(e) => e.write_body(w),
        Evento::Rango(e) => e.write_body(w),
        Evento::Factura(e) => e.write_body(w),
        Evento::NotaCredito(e) => e.write_body(w),
        Evento::Cuarentena(e) => e.write_body(w),
    }
}

fn read_evento(registro: Registro, r: &mut Reader<'_>) -> Result<Evento, CodecError> {
    Ok(match registro.clase() {
        Clase::Evento(TipoAgregado::Cliente) => Evento::Cliente(Body::read_body(registro, r)?),
        Clase::Evento(TipoAgregado::Producto) => Evento::Producto(Body::read_body(registro, r)?),
        Clase::Evento(TipoAgregado::Descuento) => Evento::Descuento(Body::read_body(registro, r)?),
        Clase::Evento(TipoAgregado::Sucursal) => Evento::Sucursal(Body::read_body(registro, r)?),
        Clase::Evento(TipoAgregado::Bodega) => Evento::Bodega(Body::read_body(registro, r)?),
        Clase::Evento(TipoAgregado::Inventario) => Evento::Inventario(Body::read_body(registro, r)?),
        Clase::Evento(TipoAgregado::RangoNumeracion) => Evento::Rango(Body::read_body(registro, r)?),
        Clase::Evento(TipoAgregado::Factura) => Evento::Factura(Body::read_body(registro, r)?),
        Clase::Evento(TipoAgregado::NotaCredito) => Evento::NotaCredito(Body::read_body(registro, r)?),
        Clase::Cuarentena => Evento::Cuarentena(Body::read_body(registro, r)?),
        _ => return Err(CodecError::UnexpectedRecord { expected: "un evento", found: registro.nombre() }),
    })
}
