//! The sink that carries the chains on and seals them. Synchronous, a round at a time: who drives it keeps the time.
//!
//! What it writes follows from the log: the chain of a partition, its tiles, and a seal at every so many leaves. The clock only says when
//! a tail that is shorter gets its own. Seals go to the log before what was folded goes to the tables, so whoever dies in between folds the
//! same again, finds its seal there, and checks it like any other.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    ClavePrivada, HOJAS_POR_SELLO, Llavero, SEGUNDOS_POR_SELLO, Sello, SelloFirmado, Sucesion,
    almacen::{Abiertos, Almacen, Estado},
    hoja::{Cadena, particiones},
    lectura::{ErrorCadena, dicho_por, hoja_de, particion_de_sellos, sello_de},
};
use crate::{
    contracts::Codec,
    engine::ports::Clock,
    log::{Header, Log, Position, Record, StoredRecord, Topic, TopicPartition},
    tables::{SinkPosition, Write},
};

/// Name under which it keeps how far it has read the seals.
pub const CONSUMIDOR: &str = "sellos";
/// Bytes of values folded from a partition in one round.
const BYTES: usize = 512 << 10;

/// Limits of the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpcionesSellos {
    /// Leaves between two seals, at most. From 1.
    pub hojas: u64,
    /// Longest that a leaf waits for a seal.
    pub plazo: Duration,
}

impl Default for OpcionesSellos {
    fn default() -> Self {
        Self { hojas: HOJAS_POR_SELLO, plazo: Duration::from_secs(SEGUNDOS_POR_SELLO) }
    }
}

/// What the sink works with.
#[derive(Clone)]
pub struct Medios {
    pub log: Arc<dyn Log>,
    pub codec: Arc<Codec>,
    pub almacen: Almacen,
    pub reloj: Arc<dyn Clock>,
    /// Without it chains are carried on and seals checked, and none is made.
    pub clave: Option<ClavePrivada>,
    /// The keys whose seals are believed; the one that signs among them.
    pub llavero: Llavero,
    pub opciones: OpcionesSellos,
}

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vuelta {
    /// Records chained.
    pub hojas: u64,
    /// Seals made.
    pub sellos: u64,
    /// Partitions whose chain cannot go on, and why. They are tried again in the next round.
    pub detenidas: Vec<(TopicPartition, String)>,
    /// Records of the seals' topic that are no seal of this installation.
    pub ajenos: u64,
}

/// One chain.
struct Parte {
    /// `siguiente` is the position after its last leaf.
    estado: Estado,
    abiertos: Abiertos,
    sucesion: Sucesion,
    /// The log was looked at up to here: between it and the last leaf are marks of transactions.
    mirado: Position,
    /// The next seal that the log has already, when the chain has not come to it.
    proximo: Option<SelloFirmado>,
    /// When the first leaf without a seal was chained, by the monotonic clock.
    espera_desde: Option<Duration>,
    /// It is not what was sealed: nothing more is chained or sealed.
    rota: Option<String>,
}

/// What a batch of a partition leaves behind.
#[derive(Default)]
struct Lote {
    hojas: u64,
    escrituras: Vec<Write>,
    sellos: Vec<SelloFirmado>,
    /// Why it goes no further.
    motivo: Option<String>,
}

/// All the chains of a log.
pub struct Sumidero {
    medios: Medios,
    partes: Vec<Parte>,
    /// How far each partition of the seals' topic was read.
    leidos: Vec<(TopicPartition, Position)>,
}

impl Sumidero {
    /// Takes each chain up where its tables have it. The tables must be declared.
    ///
    /// # Errors
    /// Of log or tables; `Danada`.
    pub fn abrir(medios: Medios) -> Result<Self, ErrorCadena> {
        let cuantas = medios.log.partitions(Topic::AuditoriaSellos);
        let mut leidos = Vec::new();
        for particion in (0..cuantas).map(|n| TopicPartition::new(Topic::AuditoriaSellos, n)) {
            medios.almacen.tablas.recover(particion)?;
            leidos.push((particion, medios.almacen.tablas.position(CONSUMIDOR, particion)?.unwrap_or_default()));
        }
        let mut sumidero = Self { medios, partes: Vec::new(), leidos };
        sumidero.leer_sellos()?;
        for particion in particiones(&*sumidero.medios.log) {
            let parte = sumidero.parte(particion)?;
            sumidero.partes.push(parte);
        }
        Ok(sumidero)
    }

    fn parte(&self, particion: TopicPartition) -> Result<Parte, ErrorCadena> {
        let Medios { almacen, llavero, reloj, .. } = &self.medios;
        let guardado = almacen.estado(particion)?;
        let estado = guardado.unwrap_or_else(|| Estado { cadena: Cadena::nueva(particion), siguiente: 0 });
        let abiertos = Abiertos::retomar(almacen, &estado.cadena)?;
        let hojas = estado.cadena.hojas();
        let ultimo = almacen.sello_hasta(particion, hojas)?.map(|nota| guardado_de(&nota, llavero, particion)).transpose()?;
        let sucesion = ultimo.as_ref().map_or_else(|| Sucesion::nueva(particion), Sucesion::tras);
        let contradice = ultimo.is_some_and(|sello| sello.sello.hojas == hojas && !sello.sello.es_de(&estado.cadena));
        let espera_desde = (hojas > sucesion.hojas()).then(|| reloj.monotonic());
        let mirado = estado.siguiente;
        let rota = contradice.then(|| no_es_de(hojas));
        Ok(Parte { estado, abiertos, sucesion, mirado, proximo: None, espera_desde, rota })
    }

    /// Takes what was written to the seals' topic since the last time into the table of seals.
    fn leer_sellos(&mut self) -> Result<u64, ErrorCadena> {
        let mut ajenos = 0;
        for lugar in 0..self.leidos.len() {
            let (particion, mut siguiente) = self.leidos[lugar];
            let fin = self.medios.log.watermarks(particion)?.stable;
            while siguiente < fin {
                let registros = self.medios.log.read(particion, siguiente, BYTES)?;
                // What is left are marks of transactions.
                let hasta = registros.last().map_or(fin, |ultimo| ultimo.position + 1);
                let mut escrituras = Vec::new();
                for registro in registros {
                    match sello_de(&registro.record.value, &self.medios.llavero) {
                        Ok(sello) => escrituras.extend(self.sello_leido(&sello)?),
                        Err(por_que) => {
                            ajenos += 1;
                            sello_ajeno(particion, registro.position, &por_que);
                        }
                    }
                }
                siguiente = hasta;
                let posicion = SinkPosition { consumer: CONSUMIDOR, partition: particion, next: siguiente };
                self.medios.almacen.tablas.apply(escrituras, &[posicion])?;
                self.leidos[lugar].1 = siguiente;
            }
        }
        Ok(ajenos)
    }

    fn sello_leido(&mut self, sello: &SelloFirmado) -> Result<Option<Write>, ErrorCadena> {
        let (almacen, hojas) = (&self.medios.almacen, sello.sello.hojas);
        let Some(nota) = almacen.sello(sello.sello.particion, hojas)? else { return Ok(Some(almacen.escritura_de_sello(sello))) };
        if dicho_por(nota.as_bytes()).is_none_or(|dicho| dicho != sello.sello) {
            let que = format!("hay dos sellos de {hojas} hojas que dicen cosas distintas: hay dos historias");
            tracing::error!(evento = "sellos_contradictorios", particion = %sello.sello.particion, que, "verifique la auditoría");
            let suyas = self.partes.iter_mut().filter(|p| p.estado.cadena.particion() == sello.sello.particion);
            suyas.filter(|parte| parte.rota.is_none()).for_each(|parte| parte.rota = Some(que.clone()));
        }
        Ok(None)
    }

    /// One round: a batch of each partition, and the seals that are due.
    ///
    /// # Errors
    /// Of log or tables: what it was doing is lost, and is done again by whoever opens it anew.
    pub fn vuelta(&mut self) -> Result<Vuelta, ErrorCadena> {
        self.dar(false)
    }

    /// Chains what there is and seals every tail: before an orderly stop. Rounds begin for at most so long; what is left is for the next
    /// start.
    ///
    /// # Errors
    /// As [`Sumidero::vuelta`].
    pub fn cerrar(&mut self, plazo: Duration) -> Result<Vuelta, ErrorCadena> {
        let (mut total, reloj) = (Vuelta::default(), Arc::clone(&self.medios.reloj));
        let hasta = reloj.monotonic().saturating_add(plazo);
        loop {
            let vuelta = self.dar(true)?;
            let sigue = vuelta.hojas > 0 && reloj.monotonic() < hasta;
            total = Vuelta { hojas: total.hojas + vuelta.hojas, sellos: total.sellos + vuelta.sellos, ..vuelta };
            if !sigue {
                return Ok(total);
            }
        }
    }

    /// `todo`: a tail is sealed although its time has not come, once nothing is left to read behind it.
    fn dar(&mut self, todo: bool) -> Result<Vuelta, ErrorCadena> {
        let mut vuelta = Vuelta { ajenos: self.leer_sellos()?, ..Vuelta::default() };
        let origenes: Vec<TopicPartition> = self.partes.iter().map(|p| p.estado.cadena.particion()).collect();
        let fines = self.medios.log.stable_ends(&origenes)?;
        let (mut azulejos, mut estados, mut sellos) = (Vec::new(), Vec::new(), Vec::new());
        for (parte, fin) in self.partes.iter_mut().zip(fines) {
            let lote = parte.lote(&self.medios, fin)?;
            azulejos.extend(lote.escrituras);
            sellos.extend(lote.sellos);
            vuelta.hojas += lote.hojas;
            if lote.hojas > 0 {
                estados.push(self.medios.almacen.escritura_de_estado(&parte.estado));
            }
            match lote.motivo {
                Some(motivo) => vuelta.detenidas.push((parte.estado.cadena.particion(), motivo)),
                None => sellos.extend(parte.cola(&self.medios, todo && parte.mirado >= fin)?),
            }
        }
        vuelta.sellos = sellos.len() as u64;
        self.confirmar(&sellos)?;
        self.publicar(&sellos)?;
        azulejos.extend(sellos.iter().map(|sello| self.medios.almacen.escritura_de_sello(sello)));
        // The state last: tiles without it are folded again, and it without them would be a hole.
        for escrituras in [azulejos, estados] {
            if !escrituras.is_empty() {
                self.medios.almacen.tablas.apply(escrituras, &[])?;
            }
        }
        Ok(vuelta)
    }

    /// Before seals are made public: another process that had the tables meanwhile may have sealed the same leaves otherwise. Tables that are
    /// not this process's any more refuse a position.
    fn confirmar(&self, sellos: &[SelloFirmado]) -> Result<(), ErrorCadena> {
        let Some((partition, next)) = self.leidos.first().copied().filter(|_| !sellos.is_empty()) else { return Ok(()) };
        Ok(self.medios.almacen.tablas.apply(Vec::new(), &[SinkPosition { consumer: CONSUMIDOR, partition, next }])?)
    }

    /// Appends seals, durably.
    fn publicar(&self, sellos: &[SelloFirmado]) -> Result<(), ErrorCadena> {
        if sellos.is_empty() {
            return Ok(());
        }
        let Medios { log, reloj, .. } = &self.medios;
        let registro = |firmado: &SelloFirmado| {
            let origen = firmado.sello.particion;
            let tipo = Header { name: "content-type", value: Bytes::from_static(b"text/plain; charset=utf-8") };
            let (key, value) = (Bytes::from(origen.to_string()), Bytes::from(firmado.nota.clone()));
            (particion_de_sellos(&**log, origen), Record { key, value, headers: vec![tipo], timestamp: reloj.now() })
        };
        Ok(log.append(sellos.iter().map(registro).collect())?.wait()?)
    }

    /// When a tail is due for its seal, by the monotonic clock; `None` when none waits.
    pub fn proximo_plazo(&self) -> Option<Duration> {
        let desde = self.partes.iter().filter(|p| p.rota.is_none()).filter_map(|p| p.espera_desde).min()?;
        Some(desde.saturating_add(self.medios.opciones.plazo))
    }

    /// Leaves that no seal covers yet.
    pub fn sin_sellar(&self) -> u64 {
        self.partes.iter().map(Parte::sin_sellar).sum()
    }
}

impl Parte {
    fn sin_sellar(&self) -> u64 {
        self.estado.cadena.hojas().saturating_sub(self.sucesion.hojas())
    }

    /// Chains the next records. When the chain turns out not to be what was sealed, nothing of the batch is kept: whoever opens it again
    /// finds out again.
    fn lote(&mut self, medios: &Medios, fin: Position) -> Result<Lote, ErrorCadena> {
        if let Some(que) = &self.rota {
            return Ok(Lote { motivo: Some(que.clone()), ..Lote::default() });
        }
        if self.mirado.max(self.estado.siguiente) >= fin {
            return Ok(Lote::default());
        }
        let antes = (self.estado.clone(), self.abiertos.clone(), self.sucesion.clone());
        match self.plegar(medios, fin) {
            Err(ErrorCadena::Rota { particion, que }) => {
                tracing::error!(evento = "cadena_rota", %particion, que, "la cadena de auditoría no es la que se selló");
                (self.estado, self.abiertos, self.sucesion) = antes;
                self.rota = Some(que.clone());
                Ok(Lote { motivo: Some(que), ..Lote::default() })
            }
            otro => otro,
        }
    }

    fn plegar(&mut self, medios: &Medios, fin: Position) -> Result<Lote, ErrorCadena> {
        let particion = self.estado.cadena.particion();
        let mut lote = Lote::default();
        let registros = medios.log.read(particion, self.estado.siguiente, BYTES)?;
        if registros.is_empty() {
            self.mirado = fin;
            return Ok(lote);
        }
        if self.proximo.is_none() {
            self.proximo = self.sello_que_sigue(medios)?;
        }
        for StoredRecord { position, record } in registros {
            let hoja = match hoja_de(&medios.codec, particion.topic, &record) {
                Ok(hoja) => hoja,
                Err(esquema) => {
                    lote.motivo = Some(ErrorCadena::Esquema { particion, posicion: position, esquema }.to_string());
                    break;
                }
            };
            let numero = self.estado.cadena.hojas();
            let eslabon = self.estado.cadena.agregar(&hoja);
            self.abiertos.agregar(&medios.almacen, particion, numero, (position, &eslabon), &mut lote.escrituras);
            self.estado.siguiente = position + 1;
            lote.hojas += 1;
            self.sellar_si_toca(medios, &mut lote.sellos)?;
        }
        self.mirado = self.mirado.max(self.estado.siguiente);
        self.abiertos.escribir(&medios.almacen, particion, self.estado.cadena.hojas(), &mut lote.escrituras);
        if self.sin_sellar() > 0 {
            self.espera_desde.get_or_insert_with(|| medios.reloj.monotonic());
        }
        Ok(lote)
    }

    /// Checks the seal that is already there for so many leaves, or makes the one that is due.
    fn sellar_si_toca(&mut self, medios: &Medios, sellos: &mut Vec<SelloFirmado>) -> Result<(), ErrorCadena> {
        let hojas = self.estado.cadena.hojas();
        match self.proximo.take_if(|proximo| proximo.sello.hojas <= hojas) {
            Some(sello) => {
                let particion = self.estado.cadena.particion();
                if !sello.sello.es_de(&self.estado.cadena) {
                    return Err(ErrorCadena::Rota { particion, que: no_es_de(hojas) });
                }
                self.seguir(&sello)?;
                self.proximo = self.sello_que_sigue(medios)?;
            }
            None if self.proximo.is_none() && self.sin_sellar() >= medios.opciones.hojas.max(1) => {
                sellos.extend(self.firmar(medios)?);
            }
            None => {}
        }
        Ok(())
    }

    /// The seal of a tail whose time has come.
    fn cola(&mut self, medios: &Medios, todo: bool) -> Result<Option<SelloFirmado>, ErrorCadena> {
        if self.sin_sellar() == 0 || self.proximo.is_some() {
            return Ok(None);
        }
        let espera = self.espera_desde.map_or(Duration::ZERO, |desde| medios.reloj.monotonic().saturating_sub(desde));
        let vencida = todo || espera >= medios.opciones.plazo || self.sin_sellar() >= medios.opciones.hojas.max(1);
        if vencida { self.firmar(medios) } else { Ok(None) }
    }

    fn firmar(&mut self, medios: &Medios) -> Result<Option<SelloFirmado>, ErrorCadena> {
        let Some(clave) = &medios.clave else { return Ok(None) };
        let Estado { cadena, siguiente } = &self.estado;
        let sello = Sello::de(cadena, clave.nombre(), *siguiente, self.sucesion.anterior());
        let firmado = SelloFirmado::firmar(sello, clave);
        // Whoever reads it must believe it: the key is of the ring, and the newest.
        let leido = sello_de(firmado.nota.as_bytes(), &medios.llavero);
        let leido = leido.map_err(|que| ErrorCadena::Rota { particion: cadena.particion(), que })?;
        self.seguir(&leido)?;
        Ok(Some(leido))
    }

    fn seguir(&mut self, sello: &SelloFirmado) -> Result<(), ErrorCadena> {
        self.espera_desde = None;
        let particion = self.estado.cadena.particion();
        self.sucesion.seguir(sello).map_err(|e| ErrorCadena::Rota { particion, que: e.to_string() })
    }

    /// The first seal there is beyond the last one that was followed.
    fn sello_que_sigue(&self, medios: &Medios) -> Result<Option<SelloFirmado>, ErrorCadena> {
        let nota = medios.almacen.sello_desde(self.estado.cadena.particion(), self.sucesion.hojas() + 1)?;
        nota.map(|nota| guardado_de(&nota, &medios.llavero, self.estado.cadena.particion())).transpose()
    }
}

/// A seal of the table, which was believed when it was put there: one that no longer is must not be passed over, or its partition would
/// get a second succession.
fn guardado_de(nota: &str, llavero: &Llavero, particion: TopicPartition) -> Result<SelloFirmado, ErrorCadena> {
    sello_de(nota.as_bytes(), llavero).map_err(|por_que| {
        let que = format!("un sello que se dio por bueno ya no lo es ({por_que}); el .pub debe tener también las claves de antes");
        ErrorCadena::Rota { particion, que }
    })
}

fn no_es_de(hojas: u64) -> String {
    format!("el sello de {hojas} hojas no es el de las que hay: algo cambió en el registro antes de él")
}

fn sello_ajeno(particion: TopicPartition, posicion: Position, por_que: &str) {
    tracing::warn!(
        evento = "sello_ajeno", %particion, posicion, por_que,
        "hay en auditoria.sellos un registro que ninguna clave de confianza firma"
    );
}
