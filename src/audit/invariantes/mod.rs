//! The invariants of the system as code (`reliability.md` section 4): one verifier for tests, simulations and `factumarket verificar`.
//!
//! It reads the whole log once, partition by partition, folds it with the domain's own `evolucionar`, and compares it with what was
//! computed apart: a naive model of FIFO lots, a count of numbers, the calculator of totals. What joins streams (an invoice with its
//! exits and its number, a command with its outcome) is remembered by hash, so a million invoices fit in a few hundred megabytes.

mod apartes;
mod auditoria;
mod corte;
mod cruces;
mod desenlaces;
mod entradas;
mod estados;
mod facturas;
mod huellas;
mod informe;
mod instantaneas;
mod inventarios;
mod lectura;
mod lotes;
mod notas;
mod proyecciones;
mod quietud;
mod rangos;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub(super) use self::lotes::{Fechas, ModeloLotes};
use self::{
    apartes::Apartes,
    auditoria::Libro,
    corte::Corte,
    cruces::Cruces,
    desenlaces::Desenlaces,
    entradas::Entradas,
    estados::{Estados, Relector},
    instantaneas::Instantaneas,
    lectura::Lector,
    proyecciones::Espera,
};
pub use self::{
    auditoria::LibroAuditoria,
    informe::{Codigo, Informe, Invariante, MAX_EJEMPLOS},
    lectura::Progreso,
    proyecciones::{Proyeccion, Proyecciones},
    quietud::Sumidero,
};
use crate::{
    contracts::{Codec, ComandoRechazado, DecodedCommand, RecordedEvent},
    domain::{Contexto, emisor::Emisor},
    log::{Log, LogError, Position, Topic, TopicPartition, all_partitions},
    tables::TablesError,
};

/// Why the verification could not be made; what it finds wrong is in the [`Informe`].
#[derive(Debug, thiserror::Error)]
pub enum ErrorVerificacion {
    #[error(transparent)]
    Registro(#[from] LogError),
    #[error(transparent)]
    Tablas(#[from] TablesError),
}

/// What a verification compares with.
pub struct Opciones<'a> {
    /// Consumer group of the processors.
    pub grupo: &'a str,
    /// The issuer: its rounding and whether it sells expired lots. Without it, any rounding policy is accepted.
    pub emisor: Option<&'a Emisor>,
    /// Days during which a repeated command is recognised.
    pub memoria_dias: i64,
    /// The read side, when it is to be compared.
    pub proyecciones: Option<Proyecciones<'a>>,
    /// Everything has healed and nobody commands: nothing may be left to do (I12).
    pub quieto: bool,
    /// How long transactions in course are waited for, in all. On a log where nothing happens meanwhile, zero.
    pub paciencia: Duration,
}

impl Default for Opciones<'_> {
    fn default() -> Self {
        Self {
            grupo: "procesador",
            emisor: None,
            memoria_dias: 7,
            proyecciones: None,
            quieto: false,
            paciencia: Duration::from_secs(1),
        }
    }
}

/// Verifies a log, also one that is being written: it is read up to a consistent cut taken at the start.
///
/// # Errors
/// When log or tables cannot be read.
pub fn verificar(
    log: &dyn Log,
    codec: &Codec,
    opciones: &Opciones<'_>,
    progreso: Progreso<'_>,
) -> Result<Informe, ErrorVerificacion> {
    let mut informe = verificar_ante(log, codec, opciones, progreso, &mut Nadie)?;
    informe.nota(Codigo::Oraculo, "no se pidió (--oraculo)");
    Ok(informe)
}

/// Hears everything that a verification reads, in its order: numbers, stock, catalogues and invoices, of each the events of a partition and
/// then its commands; refusals before all. So the log is read and decoded once for whoever else looks at it.
pub trait Testigo {
    fn evento(&mut self, registrado: RecordedEvent);
    fn comando(&mut self, particion: TopicPartition, posicion: Position, comando: DecodedCommand);
    fn rechazo(&mut self, rechazo: ComandoRechazado);
}

struct Nadie;

/// Numbers and stock before the invoices that answer for them.
const ORDEN: [Contexto; 4] = [Contexto::Numeracion, Contexto::Inventario, Contexto::Catalogo, Contexto::Facturacion];

impl Testigo for Nadie {
    fn evento(&mut self, _registrado: RecordedEvent) {}
    fn comando(&mut self, _particion: TopicPartition, _posicion: Position, _comando: DecodedCommand) {}
    fn rechazo(&mut self, _rechazo: ComandoRechazado) {}
}

/// [`verificar`], with a witness.
///
/// # Errors
/// As [`verificar`].
pub fn verificar_ante(
    log: &dyn Log,
    codec: &Codec,
    opciones: &Opciones<'_>,
    progreso: Progreso<'_>,
    testigo: &mut dyn Testigo,
) -> Result<Informe, ErrorVerificacion> {
    let inicio = Instant::now();
    let corte = Corte::tomar(log, opciones.grupo, opciones.paciencia)?;
    let mut informe = Informe::new();
    informe.corte_exacto = corte.exacto;
    let auditoria = opciones.proyecciones.and_then(|p| p.auditoria);
    let mut libro = Libro::new(log, &corte, auditoria.as_ref());
    let mut lector = Lector::new(log, progreso, &corte, orden(log));
    let apartes = Apartes::leer(log, codec, &corte, &mut libro, testigo, &mut lector, &mut informe)?;
    let espera = opciones.proyecciones.map_or(Duration::ZERO, |p| p.espera);
    let (cruces, espera) = (Cruces::new(&corte), Espera::hasta(inicio + espera));
    let mut verificador = Verificador { espera, codec, opciones, corte, apartes, libro, cruces, informe };
    for contexto in ORDEN {
        for partition in 0..log.partitions(Topic::Eventos(contexto)) {
            verificador.particion(log, contexto, partition, testigo, &mut lector)?;
        }
    }
    lector.terminar();
    let mut informe = verificador.cerrar(log, &lector)?;
    informe.duracion = inicio.elapsed();
    Ok(informe)
}

/// The partitions in the order in which they are read.
fn orden(log: &dyn Log) -> Vec<TopicPartition> {
    let mut orden = all_partitions(log, [Topic::Auditoria].into_iter().chain(Contexto::TODOS.map(Topic::Dlq)));
    for contexto in ORDEN {
        for partition in 0..log.partitions(Topic::Eventos(contexto)) {
            let temas = [Topic::Instantaneas(contexto), Topic::Eventos(contexto), Topic::Comandos(contexto)];
            orden.extend(temas.map(|tema| TopicPartition::new(tema, partition)));
        }
    }
    orden
}

struct Verificador<'a> {
    espera: Espera,
    codec: &'a Codec,
    opciones: &'a Opciones<'a>,
    corte: Corte,
    apartes: Apartes,
    libro: Libro,
    cruces: Cruces,
    informe: Informe,
}

impl Verificador<'_> {
    /// Everything of one partition number of a context: its snapshots, events, commands and rows.
    fn particion(
        &mut self,
        log: &dyn Log,
        contexto: Contexto,
        partition: u16,
        testigo: &mut dyn Testigo,
        lector: &mut Lector<'_>,
    ) -> Result<(), ErrorVerificacion> {
        let tp = |topic| TopicPartition::new(topic, partition);
        let (codec, opciones) = (self.codec, self.opciones);
        let (corte, cruces, libro, informe) = (&self.corte, &mut self.cruces, &mut self.libro, &mut self.informe);
        let mut instantaneas = Instantaneas::leer(log, codec, tp(Topic::Instantaneas(contexto)), corte, lector, informe)?;
        let mut desenlaces = Desenlaces::new(contexto, partition, &mut self.apartes, opciones.memoria_dias, informe);
        let mut estados = Estados::default();
        let eventos = tp(Topic::Eventos(contexto));
        lector.recorrer(eventos, corte.tramo(eventos), &mut |registro| {
            let registrado = match codec.decode_event(&registro.record.value) {
                Ok(registrado) => registrado,
                Err(causa) => {
                    informe.falla(Codigo::I7, || format!("{eventos} posición {}: {causa}", registro.position));
                    return Ok(());
                }
            };
            informe.eventos += 1;
            let sobre = &registrado.sobre;
            libro.anotar(eventos, registro.position, sobre.ocurrido_en, &sobre.correlation_id);
            desenlaces.evento(sobre, &registrado.evento, informe);
            let relector = Relector { log, codec, particion: eventos };
            let seguido = estados.plegar(&registrado, (registro.position, &relector), opciones.emisor, cruces, informe);
            let version = (sobre.aggregate_tipo, &sobre.aggregate_id, sobre.aggregate_version);
            if instantaneas.hay(version) {
                instantaneas.comparar(version, seguido.estado.copia(), informe)?;
            }
            testigo.evento(registrado);
            Ok(())
        })?;
        instantaneas.cerrar(informe);
        estados.terminar(cruces, informe);
        if let Some(proyecciones) = &opciones.proyecciones {
            proyecciones.comparar((log, lector), eventos, corte.tramo(eventos).hasta, &estados, &self.espera, informe)?;
        }
        let comandos = tp(Topic::Comandos(contexto));
        Entradas::new(comandos, corte, &mut self.apartes, desenlaces, opciones.quieto).comparar(codec, testigo, lector, informe)
    }

    /// What only the whole can tell.
    fn cerrar(self, log: &dyn Log, lector: &Lector<'_>) -> Result<Informe, ErrorVerificacion> {
        let Self { espera, opciones, corte, libro, cruces, mut informe, .. } = self;
        if !corte.firme {
            informe
                .aviso(|| "hay transacciones por decidir: lo que falte puede estar en ellas, y no se cuenta como falla".to_owned());
        }
        match opciones.proyecciones.map(|p| (p, p.auditoria)) {
            Some((proyecciones, Some(auditoria))) => {
                libro.comparar((log, lector), proyecciones.tablas, &auditoria, &espera, &mut informe)?;
            }
            Some((_, None)) => informe.nota(Codigo::I10, "sin auditoría que comparar"),
            None => {
                for codigo in [Codigo::I9, Codigo::I10] {
                    informe.nota(codigo, "sin tablas que comparar");
                }
            }
        }
        quietud::revisar((log, lector), opciones, &corte, &cruces, &espera, &mut informe)?;
        // A release that is still to be read is none that was forgotten.
        let reservas = match opciones.quieto {
            true => Some(Codigo::I12),
            false => corte.leido(log, lector, Topic::Comandos(Contexto::Inventario)).then_some(Codigo::I3),
        };
        cruces.cerrar(&corte, reservas, &mut informe);
        Ok(informe)
    }
}
