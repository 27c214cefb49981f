//! What is derived from the state of an Inventario, kept beside it so that no decision walks all lots.

use std::{
    collections::{BTreeMap, HashSet, VecDeque, hash_map::DefaultHasher},
    hash::BuildHasherDefault,
};

use chrono::NaiveDate;

use super::{Confirmacion, Lote, PuestoLote, costo, fifo::visto, restar, sumar, sumar_costo};
use crate::domain::valores::{Cantidad, CostoTotal, Id};

/// A set asked only for membership, never walked; its hasher has no random seed.
pub(super) type ConjuntoDeIds = HashSet<Id, BuildHasherDefault<DefaultHasher>>;

/// Figures and indexes derived from lots, confirmations and released ids. Not part of snapshots.
#[derive(Debug, Clone, Default)]
pub struct Resumen {
    /// Exact sum of quantity x unit cost of the live lots.
    pub(super) valor: CostoTotal,
    /// Quantity of the live lots that expire, by expiry date.
    pub(super) por_caducidad: BTreeMap<NaiveDate, Cantidad>,
    pub(super) confirmadas: ConjuntoDeIds,
    pub(super) liberadas: ConjuntoDeIds,
    /// Apart: most Inventarios remember no return.
    pub(super) devueltas: Box<Devueltas>,
    /// Confirmations pushed out of the memory, newest last: `elidir_reserva` takes back the one that an elided
    /// confirmation displaced. No decision reads it, so equality ignores it.
    pub(super) expulsadas: VecDeque<Confirmacion>,
}

/// Index of the remembered returns, and those pushed out of the memory, newest last, which `cerrar_devolucion` takes back.
#[derive(Debug, Clone, Default)]
pub(super) struct Devueltas {
    pub(super) ids: ConjuntoDeIds,
    pub(super) expulsadas: VecDeque<Id>,
}

impl PartialEq for Resumen {
    fn eq(&self, otro: &Self) -> bool {
        self.valor == otro.valor
            && self.por_caducidad == otro.por_caducidad
            && self.confirmadas == otro.confirmadas
            && self.liberadas == otro.liberadas
            && self.devueltas.ids == otro.devueltas.ids
    }
}

impl Resumen {
    /// The summary of a state read from a snapshot.
    pub fn de(
        lotes: &BTreeMap<PuestoLote, Lote>,
        confirmadas: &VecDeque<Confirmacion>,
        liberadas: &VecDeque<Id>,
        devueltas: &VecDeque<Id>,
    ) -> Self {
        let mut resumen = Self {
            confirmadas: confirmadas.iter().map(|c| c.reserva_id.clone()).collect(),
            liberadas: liberadas.iter().cloned().collect(),
            devueltas: Box::new(Devueltas { ids: devueltas.iter().cloned().collect(), expulsadas: VecDeque::new() }),
            ..Self::default()
        };
        for lote in lotes.values().map(visto) {
            let valor = costo(lote.cantidad, lote.costo_unitario).and_then(|c| sumar_costo(resumen.valor, c));
            resumen.valor = valor.unwrap_or(resumen.valor);
            resumen.poner_caducidad(lote.fecha_caducidad, lote.cantidad);
        }
        resumen
    }

    pub(super) fn poner_caducidad(&mut self, fecha: Option<NaiveDate>, cantidad: Cantidad) {
        let Some(fecha) = fecha.filter(|_| !cantidad.es_cero()) else { return };
        let total = self.por_caducidad.entry(fecha).or_default();
        *total = sumar(*total, cantidad).unwrap_or(*total);
    }

    pub(super) fn quitar_caducidad(&mut self, fecha: Option<NaiveDate>, cantidad: Cantidad) {
        let Some(fecha) = fecha else { return };
        let Some(total) = self.por_caducidad.get_mut(&fecha) else { return };
        *total = restar(*total, cantidad).unwrap_or(*total);
        if total.es_cero() {
            self.por_caducidad.remove(&fecha);
        }
    }
}
