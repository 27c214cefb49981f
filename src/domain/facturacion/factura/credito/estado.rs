//! The credit an invoice has given, and its fold.

use std::{collections::BTreeMap, sync::Arc};

use super::{CargoLinea, CreditoNota};
use crate::domain::{
    inventario::LoteConsumido,
    valores::{Cantidad, Dinero, Id},
};

/// How far the credit of a note has come.
#[derive(Debug, Clone, PartialEq)]
pub enum EstadoCredito {
    /// Held for a note that is being issued.
    Reservado { credito: Arc<CreditoNota> },
    /// The note was issued.
    Aplicado {},
    /// The note was refused after it had been granted.
    Liberado {},
}

/// A note as its invoice remembers it.
#[derive(Debug, Clone, PartialEq)]
pub struct NotaDeFactura {
    /// The last attempt that the invoice knows of.
    pub intento: u32,
    pub estado: EstadoCredito,
}

/// Credit of an invoice, reserved and applied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreditoFactura {
    /// By line of the invoice; lines of which nothing was taken are absent.
    pub lineas: BTreeMap<u16, CargoLinea>,
    pub notas: BTreeMap<Id, NotaDeFactura>,
}

impl CreditoFactura {
    /// What has been taken of a line.
    pub fn cargo(&self, linea: u16) -> CargoLinea {
        self.lineas.get(&linea).cloned().unwrap_or_else(|| CargoLinea::vacio(linea))
    }

    /// Whether a note was issued or is being issued.
    pub fn hay_notas(&self) -> bool {
        self.notas.values().any(|nota| !matches!(nota.estado, EstadoCredito::Liberado {}))
    }

    /// Subtotal and taxes of the issued notes and of those in course.
    pub fn total(&self) -> Dinero {
        let suma = self.lineas.values().map(|cargo| cargo.subtotal.valor() + cargo.impuesto.valor()).sum();
        Dinero::nuevo(suma).unwrap_or_default()
    }

    /// The credit held for a note's attempt.
    pub fn reservado(&self, nota_id: &Id, intento: u32) -> Option<&Arc<CreditoNota>> {
        match self.notas.get(nota_id).filter(|nota| nota.intento == intento).map(|nota| &nota.estado) {
            Some(EstadoCredito::Reservado { credito }) => Some(credito),
            _ => None,
        }
    }

    /// Folds CreditoReservado.
    pub(in crate::domain::facturacion::factura) fn reservar(&mut self, credito: &Arc<CreditoNota>) {
        self.cargar(&credito.cargos);
        let estado = EstadoCredito::Reservado { credito: Arc::clone(credito) };
        self.notas.insert(credito.nota_id.clone(), NotaDeFactura { intento: credito.intento, estado });
    }

    /// Folds CreditoAplicado. Its CreditoReservado may have been dropped from the log: then the charges are its own.
    pub(in crate::domain::facturacion::factura) fn aplicar(&mut self, nota_id: &Id, intento: u32, cargos: &[CargoLinea]) {
        if self.reservado(nota_id, intento).is_none() {
            self.cargar(cargos);
        }
        self.notas.insert(nota_id.clone(), NotaDeFactura { intento, estado: EstadoCredito::Aplicado {} });
    }

    /// Folds CreditoLiberado.
    pub(in crate::domain::facturacion::factura) fn liberar(&mut self, nota_id: &Id, intento: u32) {
        if let Some(credito) = self.reservado(nota_id, intento).map(Arc::clone) {
            self.descargar(&credito.cargos);
        }
        self.notas.insert(nota_id.clone(), NotaDeFactura { intento, estado: EstadoCredito::Liberado {} });
    }

    fn cargar(&mut self, cargos: &[CargoLinea]) {
        for cargo in cargos {
            let suma = self.cargo(cargo.linea).mas(cargo);
            self.lineas.insert(cargo.linea, suma);
        }
    }

    fn descargar(&mut self, cargos: &[CargoLinea]) {
        for cargo in cargos {
            let resta = self.cargo(cargo.linea).menos(cargo);
            if resta.es_vacio() {
                self.lineas.remove(&cargo.linea);
            } else {
                self.lineas.insert(cargo.linea, resta);
            }
        }
    }
}

impl CargoLinea {
    pub fn vacio(linea: u16) -> Self {
        Self {
            linea,
            cantidad: Cantidad::CERO,
            subtotal: Dinero::CERO,
            impuesto: Dinero::CERO,
            subtotal_por_cantidad: Dinero::CERO,
            impuesto_por_cantidad: Dinero::CERO,
            lotes: Vec::new(),
        }
    }

    fn es_vacio(&self) -> bool {
        *self == Self::vacio(self.linea)
    }

    /// Both added. Sums stay below the line's own amounts, so they always fit.
    pub fn mas(&self, otro: &Self) -> Self {
        let dinero = |a: Dinero, b: Dinero| Dinero::nuevo(a.valor() + b.valor()).unwrap_or(a);
        Self {
            linea: self.linea,
            cantidad: Cantidad::nuevo(self.cantidad.valor() + otro.cantidad.valor()).unwrap_or(self.cantidad),
            subtotal: dinero(self.subtotal, otro.subtotal),
            impuesto: dinero(self.impuesto, otro.impuesto),
            subtotal_por_cantidad: dinero(self.subtotal_por_cantidad, otro.subtotal_por_cantidad),
            impuesto_por_cantidad: dinero(self.impuesto_por_cantidad, otro.impuesto_por_cantidad),
            lotes: sumar_lotes(&self.lotes, &otro.lotes),
        }
    }

    fn menos(&self, otro: &Self) -> Self {
        let dinero = |a: Dinero, b: Dinero| Dinero::nuevo(a.valor() - b.valor()).unwrap_or(a);
        Self {
            linea: self.linea,
            cantidad: Cantidad::nuevo(self.cantidad.valor() - otro.cantidad.valor()).unwrap_or_default(),
            subtotal: dinero(self.subtotal, otro.subtotal),
            impuesto: dinero(self.impuesto, otro.impuesto),
            subtotal_por_cantidad: dinero(self.subtotal_por_cantidad, otro.subtotal_por_cantidad),
            impuesto_por_cantidad: dinero(self.impuesto_por_cantidad, otro.impuesto_por_cantidad),
            lotes: restar_lotes(&self.lotes, &otro.lotes),
        }
    }
}

/// Place of a lot among those of its Inventario.
fn puesto(lote: &LoteConsumido) -> (chrono::NaiveDate, u64) {
    (lote.fecha_ingreso, lote.secuencia)
}

/// Slices of the same lots added, each lot once, by entry date and sequence.
pub fn sumar_lotes(unos: &[LoteConsumido], otros: &[LoteConsumido]) -> Vec<LoteConsumido> {
    let mut suma: BTreeMap<_, LoteConsumido> = BTreeMap::new();
    for lote in unos.iter().chain(otros) {
        suma.entry(puesto(lote))
            .and_modify(|ya| ya.cantidad = Cantidad::nuevo(ya.cantidad.valor() + lote.cantidad.valor()).unwrap_or(ya.cantidad))
            .or_insert_with(|| lote.clone());
    }
    suma.into_values().collect()
}

/// `unos` without what `otros` take of them; what is left empty goes.
pub fn restar_lotes(unos: &[LoteConsumido], otros: &[LoteConsumido]) -> Vec<LoteConsumido> {
    let quitar: BTreeMap<_, Cantidad> = otros.iter().map(|lote| (puesto(lote), lote.cantidad)).collect();
    let queda = |lote: &LoteConsumido| {
        let quita = quitar.get(&puesto(lote)).copied().unwrap_or_default();
        let cantidad = Cantidad::nuevo(lote.cantidad.valor() - quita.valor()).unwrap_or_default();
        (!cantidad.es_cero()).then(|| LoteConsumido { cantidad, ..lote.clone() })
    };
    unos.iter().filter_map(queda).collect()
}
