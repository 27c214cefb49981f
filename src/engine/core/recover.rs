//! Folding the log back into a core: used by [`crate::engine::recovery`] before the first input.

use std::rc::Rc;

use bytes::Bytes;
use hashbrown::HashSet;

use super::{
    Core, CoreError, Slot,
    documents::{is_of_an_attempt, names_a_document},
    origin_of,
    slots::Place,
};
use crate::{
    contracts::{ComandoRechazado, EventEnvelope, Instantanea, RegistroAuditoria},
    defectos::{Defecto, plantado},
    domain::{
        Direccionado, TipoAgregado,
        cuarentena::Cola,
        valores::{Id, Instante},
    },
    engine::store::{self, AggregateRow, MemoryOutcome, MemoryRow, Payload, StoreWrite},
};

/// Rows that wait to be written while the log is folded, so that each batch is worth its cost.
const BATCH: usize = 2_000;

/// The fold of the log in course.
#[derive(Default)]
pub struct Refold {
    rows: Vec<StoreWrite>,
    /// Documents whose row waits in `rows`: they are not in memory.
    waiting: HashSet<Direccionado>,
    /// Outcomes older than this are not remembered.
    remember_from: Instante,
    pub events: u64,
    pub skipped: u64,
}

impl Refold {
    /// A fold that remembers the outcomes of clients' commands from an instant on.
    pub fn since(remember_from: Instante) -> Self {
        Self { remember_from, ..Self::default() }
    }
}

impl Core {
    /// Takes an actor's row into memory: the catalogues and ranges, in full, at a warm start.
    ///
    /// # Errors
    /// When the row cannot be read.
    pub fn adopt_row(&mut self, target: Direccionado, row: AggregateRow) -> Result<(), CoreError> {
        let partition = self.ownership.partition_of(&target);
        let mut slot = Box::new(Slot::new(target, partition));
        self.load(&mut slot, row)?;
        self.slots.insert(slot);
        Ok(())
    }

    /// Takes a snapshot of the log, unless something newer is known.
    ///
    /// # Errors
    /// Those of the local store.
    pub fn adopt_snapshot(&mut self, snapshot: Instantanea) -> Result<(), CoreError> {
        let target = Direccionado::new(snapshot.aggregate_tipo, snapshot.aggregate_id);
        let place = self.activate(&target)?;
        let slot = &mut self.slots[place];
        if snapshot.aggregate_version <= slot.version {
            return Ok(());
        }
        slot.version = snapshot.aggregate_version;
        slot.restore(&mut self.replicas, snapshot.estado);
        self.mark_dirty(&target);
        Ok(())
    }

    /// Folds one recorded event, unless the store already has it.
    ///
    /// # Errors
    /// Unreadable events, a hole in an aggregate's versions, and those of the local store.
    pub fn refold(&mut self, refold: &mut Refold, value: &Bytes) -> Result<(), CoreError> {
        let codec = std::sync::Arc::clone(&self.codec);
        let unreadable = |cause| CoreError::State { target: "un evento del registro".to_owned(), cause };
        let (sobre, body) = codec.decode_event_envelope(value).map_err(unreadable)?;
        let target = Direccionado::new(sobre.aggregate_tipo, sobre.aggregate_id.clone());
        if refold.waiting.contains(&target) {
            self.write_refolded(refold)?;
        }
        let place = self.activate(&target)?;
        let slot = &mut self.slots[place];
        if sobre.aggregate_version <= slot.version {
            refold.skipped += 1;
            if is_resolution(body.tipo()) || (!target.tipo.es_documento() && !is_quarantine(body.tipo())) {
                // A snapshot carries the state, not the outcomes that clients may ask for again.
                self.remember_refolded(refold, &target, &sobre);
            }
            self.release_if_untouched(&target);
            return Ok(());
        }
        if sobre.aggregate_version != slot.version + 1 {
            return Err(CoreError::Hole {
                target: target.id.to_string(),
                expected: slot.version + 1,
                found: sobre.aggregate_version,
            });
        }
        refold.events += 1;
        if target.tipo.es_documento() && sobre.huella.is_some() && !is_quarantine(body.tipo()) {
            self.refold_origin(refold, place, &sobre)?;
        }
        let slot = &mut self.slots[place];
        if names_a_document(body.tipo()) && !slot.quarantined() {
            return self.refold_document(refold, target, sobre.aggregate_version, value);
        }
        let evento = body.decode().map_err(unreadable)?;
        slot.version = sobre.aggregate_version;
        slot.fold(&mut self.replicas, &evento);
        // A quarantine is no outcome of the command that led to it; what an operator did about it is that of his.
        if is_quarantine(body.tipo()) {
            if is_resolution(body.tipo()) {
                self.remember_refolded(refold, &target, &sobre);
            }
            self.mark_dirty(&target);
            return Ok(());
        }
        if !target.tipo.es_documento() {
            self.remember_refolded(refold, &target, &sobre);
        } else if sobre.huella.is_some() {
            if is_of_an_attempt(&evento) {
                self.slots[place].origin = Some(Rc::new(origin_of(&sobre)));
            } else {
                self.remember_refolded(refold, &target, &sobre);
            }
        }
        self.mark_dirty(&target);
        Ok(())
    }

    /// As when it was decided: another command changes the document, so the outcome of the one before it is written down.
    fn refold_origin(&mut self, refold: &mut Refold, place: Place, sobre: &EventEnvelope) -> Result<(), CoreError> {
        let slot = &self.slots[place];
        let Some(origin) = slot.origin.as_ref().filter(|o| o.command_id != sobre.command_id && !slot.has_open_saga()) else {
            return Ok(());
        };
        let outcome = MemoryOutcome::Replied(self.encode_outcome(slot, origin)?);
        let row = MemoryRow { huella: origin.huella, recibido_en: origin.recibido_en, outcome };
        refold.rows.push((store::memory_key(&slot.target, &origin.command_id), Some(row.encode())));
        let slot = &mut self.slots[place];
        slot.origin = None;
        slot.stored = true;
        Ok(())
    }

    /// An issued document needs no folding: its event is its row.
    fn refold_document(&mut self, refold: &mut Refold, target: Direccionado, version: u64, value: &Bytes) -> Result<(), CoreError> {
        let row = AggregateRow { version, queue: Cola::default(), origin: None, payload: Payload::Document(value.clone()) };
        refold.rows.push((store::aggregate_key(&target), Some(row.encode())));
        let was_open = self.slots.remove(&target).is_some_and(|slot| slot.has_open_saga() || slot.stored);
        if was_open {
            refold.rows.push((store::open_saga_key(&target.id), None));
        }
        refold.waiting.insert(target);
        if refold.rows.len() >= BATCH { self.write_refolded(refold) } else { Ok(()) }
    }

    fn remember_refolded(&mut self, refold: &mut Refold, target: &Direccionado, sobre: &EventEnvelope) {
        // A document remembers its commands for its whole life.
        let forgotten = sobre.ocurrido_en < refold.remember_from && !target.tipo.es_documento();
        if sobre.huella.is_none() || forgotten {
            return;
        }
        let outcome = MemoryOutcome::Accepted { version: sobre.aggregate_version };
        let row = MemoryRow { huella: sobre.huella, recibido_en: sobre.ocurrido_en, outcome };
        refold.rows.push((store::memory_key(target, &sobre.command_id), Some(row.encode())));
        if let Some(slot) = self.slots.get_mut(target) {
            slot.stored = true;
        }
    }

    /// Remembers a refusal found on the log.
    ///
    /// # Errors
    /// Unreadable records and those of the local store.
    pub fn refold_audit(&mut self, refold: &mut Refold, value: &Bytes) -> Result<(), CoreError> {
        let unreadable = |cause| CoreError::State { target: "un registro de auditoría".to_owned(), cause };
        let RegistroAuditoria::Rechazo(refusal) = self.codec.decode_audit(value).map_err(unreadable)? else { return Ok(()) };
        if refusal.recibido_en < refold.remember_from || reused_id(&refusal) {
            return Ok(());
        }
        let target = Direccionado::new(refusal.aggregate_tipo, refusal.aggregate_id.clone());
        if !self.ownership.is_local(&target) {
            // `auditoria` has the refusals of every context; this one's partition is another node's.
            return Ok(());
        }
        if refold.waiting.contains(&target) {
            self.write_refolded(refold)?;
        }
        let place = self.activate(&target)?;
        let slot = &mut self.slots[place];
        if slot.version == 0 && !slot.stored {
            let row = AggregateRow { version: 0, queue: Cola::default(), origin: None, payload: Payload::Nothing };
            refold.rows.push((store::aggregate_key(&target), Some(row.encode())));
        }
        slot.stored = true;
        let outcome = MemoryOutcome::Refused(value.clone());
        let row = MemoryRow { huella: Some(refusal.huella), recibido_en: refusal.recibido_en, outcome };
        refold.rows.push((store::memory_key(&target, &refusal.command_id), Some(row.encode())));
        if refold.rows.len() >= BATCH { self.write_refolded(refold) } else { Ok(()) }
    }

    fn write_refolded(&mut self, refold: &mut Refold) -> Result<(), CoreError> {
        self.store.write(std::mem::take(&mut refold.rows))?;
        refold.waiting.clear();
        Ok(())
    }

    /// Folds an event of another node's catalogue or ranges into the replicas. A client only when it is cached.
    ///
    /// # Errors
    /// Unreadable events.
    pub fn follow(&mut self, value: &Bytes) -> Result<(), CoreError> {
        let codec = std::sync::Arc::clone(&self.codec);
        let unreadable = |cause| CoreError::State { target: "un evento de catálogo de otro nodo".to_owned(), cause };
        let (sobre, body) = codec.decode_event_envelope(value).map_err(unreadable)?;
        let wanted = match sobre.aggregate_tipo {
            TipoAgregado::Cliente => self.replicas.wants_client(&sobre.aggregate_id, sobre.aggregate_version),
            _ => true,
        };
        if wanted {
            let evento = body.decode().map_err(unreadable)?;
            self.replicas.fold(&sobre.aggregate_id, &evento);
        }
        Ok(())
    }

    /// Folds what a catalogue command of another node leads to: only for tests of sagas that cross nodes.
    #[cfg(test)]
    pub(super) fn adopt_replica(&mut self, comando: &crate::domain::Comando) {
        let (emisor, target) = (std::sync::Arc::clone(&self.emisor), comando.destino());
        let ctx = crate::domain::ContextoDecision::new(Instante(1_795_000_000_000_000), &emisor, &self.replicas);
        let eventos: Vec<crate::domain::Evento> = match comando {
            crate::domain::Comando::Cliente(c) => {
                wrap(crate::domain::catalogo::cliente::decidir(None, c, &ctx), crate::domain::Evento::Cliente)
            }
            crate::domain::Comando::Producto(c) => {
                wrap(crate::domain::catalogo::producto::decidir(None, c, &ctx), crate::domain::Evento::Producto)
            }
            crate::domain::Comando::Descuento(c) => {
                wrap(crate::domain::catalogo::descuento::decidir(None, c, &ctx), crate::domain::Evento::Descuento)
            }
            crate::domain::Comando::Sucursal(c) => {
                wrap(crate::domain::catalogo::sucursal::decidir(None, c, &ctx), crate::domain::Evento::Sucursal)
            }
            crate::domain::Comando::Bodega(c) => {
                wrap(crate::domain::catalogo::bodega::decidir(None, c, &ctx), crate::domain::Evento::Bodega)
            }
            crate::domain::Comando::Rango(c) => {
                let decided = crate::domain::numeracion::decidir(None, c, &ctx).map(|d| d.eventos);
                wrap(decided, crate::domain::Evento::Rango)
            }
            _ => Vec::new(),
        };
        for evento in eventos {
            self.replicas.fold(&target.id, &evento);
        }
    }

    fn mark_dirty(&mut self, target: &Direccionado) {
        if let Some(slot) = self.slots.get_mut(target)
            && !slot.dirty
        {
            slot.dirty = true;
            self.dirty.push_back(target.clone());
        }
    }

    fn release_if_untouched(&mut self, target: &Direccionado) {
        if target.tipo.es_documento() && self.slots.get(target).is_some_and(|slot| !slot.dirty) {
            self.slots.remove(target);
        }
    }

    /// Arms the open sagas, to be driven again at once.
    ///
    /// # Errors
    /// Those of the local store.
    pub fn arm_open_sagas(&mut self, ids: Vec<Id>) -> Result<usize, CoreError> {
        for id in ids {
            let target = Direccionado::documento(id);
            // The row of a saga whose partition moved on stays until the partition is back and its tail is folded.
            if self.ownership.is_local(&target) {
                self.activate(&target)?;
            }
        }
        let deadline = |slot: &Slot| slot.deadline().map(|(_, intento)| (slot.target.clone(), intento));
        let mut open: Vec<(Direccionado, u32)> = self.slots.iter().filter_map(deadline).collect();
        open.sort();
        if plantado(Defecto::SagaSinReanudar) {
            return Ok(open.len());
        }
        for (target, intento) in &open {
            self.timers.insert((Instante(0), target.clone()), *intento);
            if let Some(slot) = self.slots.get_mut(target) {
                slot.timer = Some(Instante(0));
            }
        }
        Ok(open.len())
    }

    /// Ends the fold: everything it brought goes to the store with the positions it reached.
    ///
    /// # Errors
    /// Those of the local store.
    pub fn finish_refold(&mut self, mut refold: Refold) -> Result<(), CoreError> {
        self.write_refolded(&mut refold)?;
        while let Some(target) = self.dirty.pop_front() {
            let Some(place) = self.slots.place(&target) else { continue };
            refold.rows.push(self.row_of(place)?.0);
            let slot = &mut self.slots[place];
            slot.dirty = false;
            slot.stored = true;
            let open = slot.has_open_saga();
            if target.tipo.es_documento() {
                refold.rows.push((store::open_saga_key(&target.id), open.then(Vec::new)));
                if !open {
                    self.slots.remove(&target);
                }
            }
            if refold.rows.len() >= BATCH {
                self.write_refolded(&mut refold)?;
            }
        }
        refold.rows.push(self.checkpoint.row(&self.ownership));
        self.write_refolded(&mut refold)?;
        self.leaving.clear();
        Ok(())
    }
}

fn is_quarantine(tipo: &str) -> bool {
    matches!(tipo, "AgregadoEnCuarentena" | "CuarentenaLevantada") || is_resolution(tipo)
}

fn is_resolution(tipo: &str) -> bool {
    matches!(tipo, "ComandoReproducido" | "ComandoDescartado")
}

/// A refusal because the id had been used with other content never was that id's outcome.
fn reused_id(refusal: &ComandoRechazado) -> bool {
    refusal.errores.iter().any(|falla| falla.regla == crate::domain::reglas::Regla::ClaveIdempotenciaEnConflicto)
}

#[cfg(test)]
fn wrap<E>(decided: Result<Vec<E>, crate::domain::Rechazo>, into: fn(E) -> crate::domain::Evento) -> Vec<crate::domain::Evento> {
    decided.expect("el catálogo de prueba es válido").into_iter().map(into).collect()
}
