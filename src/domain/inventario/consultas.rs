//! Questions to an Inventario. None of them changes it.

use chrono::NaiveDate;

use super::{
    Inventario, LoteConsumido, MEMORIA_DE_RESERVAS, Resumen,
    fifo::{Criterio, Toma, visto},
    sumar,
};
use crate::domain::valores::{Cantidad, CostoTotal, Decimal};

/// What an exit would take, without making it.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulacionSalida {
    pub lotes: Vec<LoteConsumido>,
    pub costo_total: CostoTotal,
    /// Zero when the exit is possible.
    pub faltante: Cantidad,
}

/// Below this stock every sum and difference of its quantities has at most 8 + 6 digits.
const SIEMPRE_CABE: Decimal = Decimal::from_parts(100_000_000, 0, 0, false, 0);

impl Inventario {
    /// What can be sold on the date: `stock - reservado - vencido`, never below zero.
    /// Walks the distinct expiry dates that have passed, never the lots.
    pub fn disponible(&self, fecha: NaiveDate, vender_vencidos: bool) -> Cantidad {
        self.disponible_con(self.stock, self.reservado, self.vencido_en(fecha, vender_vencidos))
    }

    pub(super) fn disponible_con(&self, stock: Cantidad, reservado: Cantidad, vencido: Decimal) -> Cantidad {
        let resto = stock.valor() - reservado.valor() - vencido;
        if resto.is_sign_negative() { Cantidad::CERO } else { Cantidad::nuevo(resto).unwrap_or_default() }
    }

    /// Quantity that is not sellable on the date because it is expired.
    pub(super) fn vencido_en(&self, fecha: NaiveDate, vender_vencidos: bool) -> Decimal {
        if vender_vencidos || self.resumen.por_caducidad.is_empty() {
            return Decimal::ZERO;
        }
        self.resumen.por_caducidad.range(..fecha).map(|(_, cantidad)| cantidad.valor()).sum()
    }

    /// Exact value of the stock at its lots' costs, expired lots included. O(1).
    pub fn valor(&self) -> CostoTotal {
        self.resumen.valor
    }

    /// The lots and the cost that a sale of `cantidad` would take now, by the very selection of real exits.
    pub fn simular_salida(&self, cantidad: Cantidad, fecha: NaiveDate, vender_vencidos: bool) -> SimulacionSalida {
        let toma = Toma::de(cantidad).tomar(&self.lotes, Criterio::vendibles(fecha, vender_vencidos));
        SimulacionSalida { costo_total: toma.costo_total().unwrap_or_default(), faltante: toma.faltante(), lotes: toma.lotes }
    }

    /// Whether, with a stock of `stock` and one more `cantidad` in play, every sum and difference of lots and reservations
    /// keeps at most 14 digits. It is asked before anything is granted, so that a confirmation can never be refused.
    /// O(1) below 10^8 units of stock; above, it looks at every lot.
    pub(super) fn caben_las_cifras(&self, stock: Decimal, cantidad: Decimal) -> bool {
        if stock < SIEMPRE_CABE {
            return true;
        }
        let lotes = self.lotes.values().map(visto).map(|l| l.cantidad);
        let reservas = self.reservas.values().map(|r| r.cantidad);
        let escala = lotes.chain(reservas).map(Cantidad::valor).chain([cantidad]).map(|v| v.normalize().scale()).max();
        let enteros = 14_u32.saturating_sub(escala.unwrap_or(0));
        stock < Decimal::from(10_u64.saturating_pow(enteros))
    }

    /// Full check of what must always hold; for tests and `verificar`. O(lots).
    ///
    /// # Errors
    /// The first invariant that does not hold, in Spanish.
    pub fn invariantes(&self) -> Result<(), String> {
        let exigir = |cumple: bool, texto: &str| if cumple { Ok(()) } else { Err(format!("{}: {texto}", self.inventario_id)) };
        let en_lotes = self.lotes.values().try_fold(Cantidad::CERO, |suma, lote| sumar(suma, lote.cantidad));
        let en_reservas = self.reservas.values().try_fold(Cantidad::CERO, |suma, reserva| sumar(suma, reserva.cantidad));
        exigir(en_lotes == Some(self.stock), "la suma de los lotes no es el stock")?;
        exigir(en_reservas == Some(self.reservado), "la suma de las reservas no es lo reservado")?;
        exigir(self.reservado <= self.stock, "hay más reservado que stock")?;
        exigir(self.lotes.values().all(|l| !l.cantidad.es_cero()), "un lote quedó en cero")?;
        exigir(self.lotes.keys().all(|p| p.secuencia < self.siguiente_secuencia), "un lote está fuera de la secuencia")?;
        exigir(self.confirmadas.len() <= MEMORIA_DE_RESERVAS, "demasiadas reservas confirmadas en memoria")?;
        exigir(self.liberadas.len() <= MEMORIA_DE_RESERVAS, "demasiadas reservas liberadas en memoria")?;
        exigir(self.devueltas.len() <= MEMORIA_DE_RESERVAS, "demasiadas devoluciones en memoria")?;
        let resumen = Resumen::de(&self.lotes, &self.confirmadas, &self.liberadas, &self.devueltas);
        exigir(self.resumen == resumen, "el resumen no corresponde a los lotes y las reservas")
    }
}
