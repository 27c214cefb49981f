//! The distributed oracle: the log of any number of nodes, aggregate by aggregate, in the order that it recorded.
//!
//! No order between aggregates is assumed, because there is none; what is known is that the inputs of one partition were taken in in
//! their order. So each event is decided again by the domain in the state that it met, from the command that its envelope names (or
//! from the step that it tells of), and must come out the same: lots and cost, number, amounts, what stays available. A refusal for
//! stock is looked up among the states that its Inventario had between the inputs around its step: one of them must have had exactly
//! what the refusal says, and it must have been too little.
//!
//! What is copied from catalogues (a price, a client) may be of any moment: a replica lags. It must be of some moment.

mod catalogos;
mod documentos;
mod existencias;
mod facturas;
mod notas;
mod numeros;
mod posteriores;
mod rechazos;
mod ventanas;

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::Mundo;
use crate::{
    audit::invariantes::{Codigo, ErrorVerificacion, Informe, Opciones, Progreso, Testigo, verificar_ante},
    contracts::{Codec, ComandoRechazado, CommandEnvelope, DecodedCommand, Entrada, RecordedEvent},
    domain::{
        Comando, ContextoDecision, Direccionado, Evento, Rechazo, TipoAgregado,
        catalogo::cliente::{CambiosCliente, ComandoCliente, EventoCliente},
        emisor::Emisor,
        facturacion::factura::ComandoFactura,
        inventario::{EventoInventario, Movimiento},
        reglas::{Falla, Regla},
        valores::{Id, Instante},
    },
    engine::core::is_of_timer,
    log::{Log, Position, TopicPartition},
};
use documentos::Documentos;

/// Findings that are kept; the rest is counted.
const MAX_HALLAZGOS: usize = 20;
/// Of an event's text in a finding, this much.
const MAX_TEXTO: usize = 400;

/// What streams say that the judgement of another one needs.
#[derive(Clone, Copy)]
struct Alrededor<'a> {
    documentos: &'a Documentos,
    /// The catalogue at the end: what ever existed, exists.
    mundo: &'a Mundo,
}

/// What the oracle found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Juicio {
    /// Events decided again.
    pub eventos: u64,
    /// Refusals whose truth was looked up.
    pub rechazos: u64,
    /// Things found wrong, the first of them told in `hallazgos`.
    pub fallas: u64,
    pub hallazgos: Vec<String>,
}

impl Juicio {
    fn falla(&mut self, texto: impl FnOnce() -> String) {
        self.fallas += 1;
        if self.hallazgos.len() < MAX_HALLAZGOS {
            self.hallazgos.push(texto());
        }
    }

    fn exigir(&mut self, cumple: bool, texto: impl FnOnce() -> String) {
        if !cumple {
            self.falla(texto);
        }
    }
}

/// Records that the oracle keeps in memory at most, some kilobytes each.
const MAX_REGISTROS: u64 = 1_000_000;

/// Verifies a log and judges it, reading it once; the report says what the oracle found. A log of more than a million records is verified
/// and not judged.
///
/// # Errors
/// When log or tables cannot be read.
pub fn verificar_y_juzgar(
    log: &dyn Log,
    codec: &Codec,
    emisor: &Emisor,
    opciones: &Opciones<'_>,
    progreso: Progreso<'_>,
) -> Result<(Informe, Juicio), ErrorVerificacion> {
    let mut oraculo = OraculoDistribuido::new(codec, emisor);
    let mut informe = verificar_ante(log, codec, opciones, progreso, &mut oraculo)?;
    if oraculo.oidos > MAX_REGISTROS {
        informe.nota(Codigo::Oraculo, format!("hay {} registros y se vuelven a decidir hasta {MAX_REGISTROS}", oraculo.oidos));
        return Ok((informe, Juicio::default()));
    }
    let juicio = oraculo.juzgar();
    informe.anotar_testigo(Codigo::Oraculo, juicio.eventos + juicio.rechazos, juicio.fallas, &juicio.hallazgos);
    Ok((informe, juicio))
}

/// Witness of a verification; judges when everything was told. It keeps the whole log in memory, up to a limit.
pub struct OraculoDistribuido<'a> {
    codec: &'a Codec,
    emisor: &'a Emisor,
    corrientes: BTreeMap<Direccionado, Vec<RecordedEvent>>,
    /// Client's commands by their place; one that waited for its client, also by those of the question and the answer.
    comandos: HashMap<(TopicPartition, Position), CommandEnvelope>,
    /// `recibido_en` of every other input.
    mensajes: HashMap<(TopicPartition, Position), Instante>,
    /// Places of the steps that came on a topic, by their id.
    pasos: HashMap<Id, Vec<(TopicPartition, Position)>>,
    rechazos: Vec<ComandoRechazado>,
    /// Records heard, kept or not.
    oidos: u64,
}

impl Testigo for OraculoDistribuido<'_> {
    fn evento(&mut self, registrado: RecordedEvent) {
        if !self.cabe() {
            return;
        }
        let de = Direccionado::new(registrado.sobre.aggregate_tipo, registrado.sobre.aggregate_id.clone());
        self.corrientes.entry(de).or_default().push(registrado);
    }

    fn comando(&mut self, particion: TopicPartition, posicion: Position, comando: DecodedCommand) {
        if !self.cabe() {
            return;
        }
        let mut sobre = comando.envelope;
        if sobre.paso.is_some() {
            self.pasos.entry(sobre.command_id).or_default().push((particion, posicion));
            self.mensajes.insert((particion, posicion), sobre.recibido_en);
            return;
        }
        // Decided where the question or its answer came in.
        if let Comando::Factura(ComandoFactura::ClienteConsultado { pedido, .. })
        | Comando::Cliente(ComandoCliente::ConsultarCliente { pedido, .. }) = &sobre.comando
        {
            let Ok(pedido) = self.codec.decode_command(&pedido.0) else { return };
            sobre = pedido.envelope;
        }
        if sobre.es_de_saga() {
            self.mensajes.insert((particion, posicion), sobre.recibido_en);
        } else {
            self.comandos.insert((particion, posicion), sobre);
        }
    }

    fn rechazo(&mut self, rechazo: ComandoRechazado) {
        if self.cabe() {
            self.rechazos.push(rechazo);
        }
    }
}

/// Events that one decision led to: of one input, under one command. That a decision panicked is no decision.
fn decisiones(corriente: &[RecordedEvent]) -> impl Iterator<Item = &[RecordedEvent]> {
    let decididas = corriente.chunk_by(|a, b| a.sobre.entrada == b.sobre.entrada && a.sobre.command_id == b.sobre.command_id);
    decididas.filter(|grupo| !matches!(grupo[0].evento, Evento::Cuarentena(_)))
}

/// What an event is, in a finding.
fn cual(registrado: &RecordedEvent) -> String {
    let sobre = &registrado.sobre;
    let Entrada { particion, posicion } = sobre.entrada;
    format!(
        "{} {} v{} ({}, de {particion}@{posicion})",
        sobre.aggregate_tipo,
        sobre.aggregate_id,
        sobre.aggregate_version,
        registrado.evento.tipo()
    )
}

fn texto(cosa: &impl std::fmt::Debug) -> String {
    let mut texto = format!("{cosa:?}");
    if let Some((corte, _)) = texto.char_indices().nth(MAX_TEXTO) {
        texto.truncate(corte);
        texto.push('…');
    }
    texto
}

/// The events as they were recorded against those that the domain decides again.
fn comparar(grupo: &[RecordedEvent], decididos: Result<Vec<Evento>, Rechazo>, juicio: &mut Juicio) {
    juicio.eventos += grupo.len() as u64;
    match decididos {
        Err(Rechazo { errores }) => juicio.falla(|| format!("{}: el dominio lo rechaza: {}", cual(&grupo[0]), texto(&errores))),
        Ok(decididos) => {
            juicio.exigir(iguales(&decididos, grupo), || {
                let registrados: Vec<&Evento> = grupo.iter().map(|registrado| &registrado.evento).collect();
                format!("{}: se registró {} y el dominio decide {}", cual(&grupo[0]), texto(&registrados), texto(&decididos))
            });
        }
    }
}

fn iguales(decididos: &[Evento], grupo: &[RecordedEvent]) -> bool {
    decididos.len() == grupo.len()
        && decididos.iter().zip(grupo).all(|(decidido, registrado)| es_igual(decidido, &registrado.evento))
}

/// A return loses the mark that has it remembered when its saga ended in the same epoch; personal data that were forgotten cannot be compared.
fn es_igual(decidido: &Evento, registrado: &Evento) -> bool {
    match (decidido, registrado) {
        (
            Evento::Inventario(EventoInventario::StockIncrementado(decidido)),
            Evento::Inventario(EventoInventario::StockIncrementado(registrado)),
        ) if registrado.reserva_id.is_none() => Movimiento { reserva_id: None, ..(**decidido).clone() } == **registrado,
        (
            Evento::Cliente(EventoCliente::ClienteCreado { cliente_id, .. }),
            Evento::Cliente(EventoCliente::ClienteCreado { cliente_id: registrado, datos }),
        ) if datos.es_suprimido() => cliente_id == registrado,
        (
            Evento::Cliente(EventoCliente::ClienteActualizado { cliente_id, .. }),
            Evento::Cliente(EventoCliente::ClienteActualizado { cliente_id: registrado, cambios }),
        ) if **cambios == CambiosCliente::default() => cliente_id == registrado,
        _ => decidido == registrado,
    }
}

/// Whether a refusal speaks of what a catalogue lacks: its replica may have lagged.
fn es_de_catalogo(falla: &Falla) -> bool {
    matches!(
        falla.regla,
        Regla::ProductoNoExiste
            | Regla::BodegaNoExiste
            | Regla::SucursalNoExiste
            | Regla::ClienteNoExiste
            | Regla::ProductoValido
            | Regla::SucursalValida
            | Regla::BodegaValida
            | Regla::ClienteValido
            | Regla::DescuentoValido
            | Regla::NumeracionDisponible
    )
}

impl<'a> OraculoDistribuido<'a> {
    pub fn new(codec: &'a Codec, emisor: &'a Emisor) -> Self {
        Self {
            codec,
            emisor,
            corrientes: BTreeMap::new(),
            comandos: HashMap::new(),
            mensajes: HashMap::new(),
            pasos: HashMap::new(),
            rechazos: Vec::new(),
            oidos: 0,
        }
    }

    /// Counts a record; whether it may be kept. When not, nothing is judged, so what was kept goes.
    fn cabe(&mut self) -> bool {
        self.oidos += 1;
        if self.oidos == MAX_REGISTROS + 1 {
            *self = Self { oidos: self.oidos, ..Self::new(self.codec, self.emisor) };
        }
        self.oidos <= MAX_REGISTROS
    }

    /// The verdict over everything that was told.
    pub fn juzgar(&self) -> Juicio {
        let mut juicio = Juicio::default();
        // The catalogue at the end: what ever existed, exists.
        let mut mundo = Mundo::default();
        let de_catalogo = |de: &Direccionado| !matches!(de.tipo, TipoAgregado::Inventario) && !de.tipo.es_documento();
        for (de, corriente) in self.corrientes.iter().filter(|(de, _)| de_catalogo(de)) {
            corriente.iter().for_each(|registrado| mundo.plegar(&de.id, &registrado.evento));
        }
        let documentos = Documentos::de(self.corrientes.iter().map(|(de, corriente)| (de, corriente.as_slice())));
        let alrededor = Alrededor { documentos: &documentos, mundo: &mundo };
        for (de, corriente) in &self.corrientes {
            if de.tipo.es_documento()
                && let Some(registrado) = ventanas::retroceso(corriente)
            {
                juicio.falla(|| format!("{}: su entrada es anterior a la de un evento de antes", cual(registrado)));
            }
            match de.tipo {
                TipoAgregado::Inventario => self.existencias(corriente, &mundo, &documentos, &mut juicio),
                TipoAgregado::RangoNumeracion => self.numeros(corriente, &mundo, &mut juicio),
                TipoAgregado::Factura => self.factura(de, corriente, alrededor, &mut juicio),
                TipoAgregado::NotaCredito => self.nota(&de.id, corriente, alrededor, &mut juicio),
                _ => self.catalogo(de, corriente, &mundo, &mut juicio),
            }
        }
        for rechazo in &self.rechazos {
            self.rechazo(rechazo, &mundo, &mut juicio);
        }
        juicio
    }

    fn corriente(&self, tipo: TipoAgregado, id: &Id) -> &[RecordedEvent] {
        self.corrientes.get(&Direccionado::new(tipo, id.clone())).map_or(&[], Vec::as_slice)
    }

    /// The client's command of an input; `None` when it is no longer kept.
    fn comando_de(&self, entrada: &Entrada) -> Option<&CommandEnvelope> {
        self.comandos.get(&(entrada.particion, entrada.posicion))
    }

    /// The moment that an event was decided as of: its input's, or the timer's; `None` when the input is no longer kept.
    fn momento(&self, registrado: &RecordedEvent) -> Option<Instante> {
        let sobre = &registrado.sobre;
        if is_of_timer(sobre.event_id) {
            return Some(sobre.ocurrido_en);
        }
        let lugar = (sobre.entrada.particion, sobre.entrada.posicion);
        self.comandos.get(&lugar).map(|comando| comando.recibido_en).or_else(|| self.mensajes.get(&lugar).copied())
    }

    fn contexto<'c>(&'c self, ahora: Instante, mundo: &'c Mundo) -> ContextoDecision<'c> {
        ContextoDecision::new(ahora, self.emisor, mundo)
    }

    /// A refused command of an aggregate that decides by its own state: refused again in the state that it met, for the same reasons.
    fn rechazo(&self, rechazo: &ComandoRechazado, mundo: &Mundo, juicio: &mut Juicio) {
        let Some(sobre) = self.comando_de(&rechazo.entrada) else { return };
        let regla = rechazo.errores.first().map(|falla| falla.regla);
        if regla == Some(Regla::ClaveIdempotenciaEnConflicto) || rechazo.errores.iter().any(es_de_catalogo) {
            return;
        }
        juicio.rechazos += 1;
        let cual = || format!("{} {} de {}", rechazo.tipo_comando, rechazo.command_id, rechazo.aggregate_id);
        let version = rechazo.aggregate_version;
        let movida = sobre.version_esperada.is_some_and(|esperada| esperada != version);
        if movida || regla == Some(Regla::VersionEsperada) {
            juicio.exigir(movida && regla == Some(Regla::VersionEsperada), || {
                format!("{}: rechazado por {regla:?}, esperaba la versión {:?} y está la {version}", cual(), sobre.version_esperada)
            });
            return;
        }
        let corriente = self.corriente(rechazo.aggregate_tipo, &rechazo.aggregate_id);
        let Some(decidido) = self.decidir_en(corriente, version, sobre, mundo) else { return };
        match decidido {
            Ok(eventos) => juicio.falla(|| format!("{}: se rechazó y el dominio decide {}", cual(), texto(&eventos))),
            Err(Rechazo { errores }) => juicio.exigir(errores == rechazo.errores, || {
                format!("{}: se rechazó por {} y el dominio por {}", cual(), texto(&rechazo.errores), texto(&errores))
            }),
        }
    }

    /// Decides a client's command in the state that a stream had at a version; `None` for what needs more than that state.
    fn decidir_en(
        &self,
        corriente: &[RecordedEvent],
        version: u64,
        sobre: &CommandEnvelope,
        mundo: &Mundo,
    ) -> Option<Result<Vec<Evento>, Rechazo>> {
        let hasta = corriente.iter().take_while(|registrado| registrado.sobre.aggregate_version <= version);
        let eventos = hasta.map(|registrado| &registrado.evento);
        let ctx = self.contexto(sobre.recibido_en, mundo);
        match &sobre.comando {
            Comando::Inventario(comando) => Some(existencias::decidir_en(eventos, comando, &ctx)),
            Comando::Rango(comando) => Some(numeros::decidir_en(eventos, comando, &ctx)),
            Comando::Factura(_) => None,
            otro => catalogos::decidir_en(eventos, otro, &ctx),
        }
    }
}
