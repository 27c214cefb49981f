//! FIFO selection of lots (`dominio.md` section 7, rules 1, 2, 5 and 7). One code for exits, confirmations and simulations.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Lote, LoteConsumido, PuestoLote};
use crate::defectos::{Defecto, plantado};
use crate::domain::valores::{Cantidad, CostoTotal, Decimal};

/// Lots that one exit may take (`DemasiadosLotes`).
pub const MAX_LOTES_POR_SALIDA: usize = 1_000;
/// Lots with something left that an Inventario may have for an entry to add one more (`DemasiadosLotes`). What comes back is never refused.
pub const MAX_LOTES_VIVOS: usize = 100_000;

/// Which lots an exit may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Criterio {
    Todos,
    /// Lots that are not expired on the date.
    Vigentes(NaiveDate),
    /// Only lots that are expired on the date.
    Vencidos(NaiveDate),
}

impl Criterio {
    /// Lots that can be sold on the date.
    pub(super) fn vendibles(fecha: NaiveDate, vender_vencidos: bool) -> Self {
        if vender_vencidos { Self::Todos } else { Self::Vigentes(fecha) }
    }

    fn admite(self, lote: &Lote) -> bool {
        match self {
            Self::Todos => true,
            Self::Vigentes(fecha) => !vencido(lote, fecha),
            Self::Vencidos(fecha) => vencido(lote, fecha),
        }
    }
}

/// A lot expires after its `fecha_caducidad`: on that day it can still be sold.
fn vencido(lote: &Lote, fecha: NaiveDate) -> bool {
    lote.fecha_caducidad.is_some_and(|caduca| caduca < fecha)
}

/// A lot that a decision looks at. Tests count them: what a decision costs must not grow with the lots there are.
pub(super) fn visto(lote: &Lote) -> &Lote {
    #[cfg(test)]
    conteo::sumar();
    lote
}

#[cfg(test)]
pub(super) mod conteo {
    use std::cell::Cell;

    thread_local! {
        static VISTOS: Cell<usize> = const { Cell::new(0) };
    }

    pub fn sumar() {
        VISTOS.set(VISTOS.get() + 1);
    }

    /// Lots looked at since the last time it was asked.
    pub fn tomar() -> usize {
        VISTOS.replace(0)
    }
}

/// An exit in the making: what was taken, its exact cost, what is still missing.
#[derive(Debug)]
pub(super) struct Toma {
    pub(super) lotes: Vec<LoteConsumido>,
    costo: Decimal,
    faltante: Decimal,
}

impl Toma {
    pub(super) fn de(cantidad: Cantidad) -> Self {
        Self { lotes: Vec::new(), costo: Decimal::ZERO, faltante: cantidad.valor() }
    }

    /// Takes from the oldest lots that the criterion admits until nothing is missing.
    pub(super) fn tomar(mut self, lotes: &BTreeMap<PuestoLote, Lote>, criterio: Criterio) -> Self {
        if plantado(Defecto::FifoAlReves) {
            lotes.iter().rev().for_each(|(puesto, lote)| self.tomar_si(*puesto, lote, criterio));
            return self;
        }
        for (puesto, lote) in lotes {
            if self.faltante.is_zero() {
                break;
            }
            self.tomar_si(*puesto, visto(lote), criterio);
        }
        self
    }

    fn tomar_si(&mut self, puesto: PuestoLote, lote: &Lote, criterio: Criterio) {
        if !self.faltante.is_zero() && !lote.cantidad.es_cero() && criterio.admite(lote) {
            self.tomar_de(puesto, lote);
        }
    }

    fn tomar_de(&mut self, puesto: PuestoLote, lote: &Lote) {
        let parte = lote.cantidad.valor().min(self.faltante);
        let cantidad = Cantidad::nuevo(parte).unwrap_or(lote.cantidad);
        debug_assert_eq!(cantidad.valor(), parte, "la parte de un lote es una cantidad");
        self.faltante -= parte;
        self.costo += parte * lote.costo_unitario.valor();
        self.lotes.push(LoteConsumido {
            lote_id: lote.lote_id.clone(),
            secuencia: puesto.secuencia,
            fecha_ingreso: puesto.fecha_ingreso,
            fecha_caducidad: lote.fecha_caducidad,
            cantidad,
            costo_unitario: lote.costo_unitario,
            origen_lote_id: lote.origen_lote_id.clone(),
        });
    }

    pub(super) fn completa(&self) -> bool {
        self.faltante.is_zero()
    }

    /// What the lots could not give.
    pub(super) fn faltante(&self) -> Cantidad {
        Cantidad::nuevo(self.faltante).unwrap_or_default()
    }

    /// Exact. `None` only when the value of the stock were 10^16 or more, which no entry allows.
    pub(super) fn costo_total(&self) -> Option<CostoTotal> {
        CostoTotal::nuevo(self.costo).ok()
    }
}

/// Whether the quantity would take more than `MAX_LOTES_POR_SALIDA` lots now. O(1) while there are no more lots than that.
pub(super) fn demasiados_lotes(lotes: &BTreeMap<PuestoLote, Lote>, cantidad: Cantidad, criterio: Criterio) -> bool {
    if lotes.len() <= MAX_LOTES_POR_SALIDA {
        return false;
    }
    let mut faltante = cantidad.valor();
    for lote in lotes.values().map(visto).filter(|l| criterio.admite(l)).take(MAX_LOTES_POR_SALIDA) {
        if lote.cantidad.valor() >= faltante {
            return false;
        }
        faltante -= lote.cantidad.valor();
    }
    true
}

/// The lots of one exit attributed to the lines it was made for, in line order (rule 7): the first line gets the first lots.
/// What exceeds the sum of `cantidades` is attributed to nobody.
pub fn atribuir(lotes: &[LoteConsumido], cantidades: &[Cantidad]) -> Vec<Vec<LoteConsumido>> {
    let mut cola = lotes.iter();
    let mut actual: Option<(&LoteConsumido, Decimal)> = None;
    let mut por_linea = Vec::with_capacity(cantidades.len());
    for cantidad in cantidades {
        let mut faltante = cantidad.valor();
        let mut partes = Vec::new();
        while !faltante.is_zero() {
            let Some((lote, queda)) = actual.take().or_else(|| cola.next().map(|l| (l, l.cantidad.valor()))) else { break };
            let parte = queda.min(faltante);
            if let Some(cantidad) = Cantidad::nuevo(parte).ok().filter(|c| !c.es_cero()) {
                partes.push(LoteConsumido { cantidad, ..lote.clone() });
            }
            faltante -= parte;
            actual = Some((lote, queda - parte)).filter(|(_, queda)| !queda.is_zero());
        }
        por_linea.push(partes);
    }
    por_linea
}
