//! A reference model of the lots of one Inventario: a sorted list and nothing else, written apart from the domain's own selection
//! (`dominio.md` section 7, rules 1, 2 and 5), so that the two can be compared.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::huellas::dias;
use crate::domain::inventario::LoteConsumido;

/// A lot with something left.
#[derive(Debug, Clone, PartialEq)]
struct LoteModelo {
    ingreso: NaiveDate,
    secuencia: u64,
    caducidad: Option<NaiveDate>,
    cantidad: Decimal,
    costo: Decimal,
}

impl LoteModelo {
    fn es(&self, lote: &LoteConsumido) -> bool {
        self.secuencia == lote.secuencia && self.ingreso == lote.fecha_ingreso
    }

    fn vencido(&self, fecha: NaiveDate) -> bool {
        self.caducidad.is_some_and(|caduca| caduca < fecha)
    }
}

/// Days of exit for which an exit is the right one, from the first to the last, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::audit) struct Fechas {
    pub desde: i32,
    pub hasta: i32,
}

impl Fechas {
    pub(in crate::audit) const TODAS: Self = Self { desde: i32::MIN, hasta: i32::MAX };

    pub(in crate::audit) fn contiene(self, fecha: NaiveDate) -> bool {
        (self.desde..=self.hasta).contains(&dias(fecha))
    }
}

#[derive(Debug, Default)]
pub(in crate::audit) struct ModeloLotes {
    /// By entry date, then by sequence.
    lotes: Vec<LoteModelo>,
    pub(in crate::audit) total: Decimal,
    pub(in crate::audit) valor: Decimal,
}

impl ModeloLotes {
    pub(in crate::audit) fn entra(&mut self, lote: &LoteConsumido) {
        let (cantidad, costo) = (lote.cantidad.valor(), lote.costo_unitario.valor());
        self.total += cantidad;
        self.valor += cantidad * costo;
        if let Some(previo) = self.lotes.iter_mut().find(|previo| previo.es(lote)) {
            previo.cantidad += cantidad;
            return;
        }
        let lugar = (lote.fecha_ingreso, lote.secuencia);
        let en = self.lotes.partition_point(|otro| (otro.ingreso, otro.secuencia) < lugar);
        let (ingreso, secuencia) = lugar;
        self.lotes.insert(en, LoteModelo { ingreso, secuencia, caducidad: lote.fecha_caducidad, cantidad, costo });
    }

    /// Takes what the exit says it took; what its lots do not have is a failure, told in Spanish.
    pub(in crate::audit) fn sale(&mut self, lotes: &[LoteConsumido]) -> Result<(), String> {
        let mut resultado = Ok(());
        for lote in lotes {
            let (cantidad, costo) = (lote.cantidad.valor(), lote.costo_unitario.valor());
            self.total -= cantidad;
            self.valor -= cantidad * costo;
            let Some(en) = self.lotes.iter().position(|previo| previo.es(lote)) else {
                resultado = Err(format!("toma {cantidad} del lote {}, que no tiene nada", lote.lote_id));
                continue;
            };
            let previo = &mut self.lotes[en];
            if previo.costo != costo {
                resultado = Err(format!("toma del lote {} a {costo}, y entró a {}", lote.lote_id, previo.costo));
            }
            if previo.cantidad < cantidad {
                resultado = Err(format!("toma {cantidad} del lote {}, que tiene {}", lote.lote_id, previo.cantidad));
            }
            previo.cantidad -= cantidad;
            if previo.cantidad <= Decimal::ZERO {
                self.lotes.remove(en);
            }
        }
        resultado
    }

    /// Whether the exit took the oldest lots, expired or not.
    pub(in crate::audit) fn es_fifo(&self, lotes: &[LoteConsumido], cantidad: Decimal) -> bool {
        coincide(self.lotes.iter(), lotes, cantidad)
    }

    /// The days of exit for which the exit took the right lots: those not expired on the day, oldest first, and only then the
    /// expired ones. `None` when there is no such day.
    pub(in crate::audit) fn fechas_de(&self, lotes: &[LoteConsumido], cantidad: Decimal) -> Option<Fechas> {
        let mut cortes: Vec<NaiveDate> = self.lotes.iter().filter_map(|lote| lote.caducidad).collect();
        if cortes.is_empty() {
            return self.es_fifo(lotes, cantidad).then_some(Fechas::TODAS);
        }
        cortes.sort_unstable();
        cortes.dedup();
        // Between two expiry dates every day expires the same lots: one day of each stretch stands for all.
        let mut hallado: Option<Fechas> = None;
        for i in 0..=cortes.len() {
            let desde = i.checked_sub(1).map_or(i32::MIN, |previo| dias(cortes[previo]) + 1);
            let (hasta, dia) = match cortes.get(i) {
                Some(corte) => (dias(*corte), *corte),
                None => (i32::MAX, NaiveDate::MAX),
            };
            if self.es_salida_del(dia, lotes, cantidad) {
                hallado = Some(Fechas { desde: hallado.map_or(desde, |h| h.desde), hasta });
            }
        }
        hallado
    }

    fn es_salida_del(&self, dia: NaiveDate, lotes: &[LoteConsumido], cantidad: Decimal) -> bool {
        let vigentes = self.lotes.iter().filter(|lote| !lote.vencido(dia));
        let vencidos = self.lotes.iter().filter(|lote| lote.vencido(dia));
        coincide(vigentes.chain(vencidos), lotes, cantidad)
    }
}

/// Whether taking `cantidad` from the front of the queue takes exactly these slices.
fn coincide<'a>(cola: impl Iterator<Item = &'a LoteModelo>, tomados: &[LoteConsumido], cantidad: Decimal) -> bool {
    let mut falta = cantidad;
    let mut tomados = tomados.iter();
    for lote in cola {
        if falta.is_zero() {
            break;
        }
        let parte = lote.cantidad.min(falta);
        let igual = tomados.next().is_some_and(|tomado| {
            lote.es(tomado)
                && tomado.cantidad.valor() == parte
                && tomado.costo_unitario.valor() == lote.costo
                && tomado.fecha_caducidad == lote.caducidad
        });
        if !igual {
            return false;
        }
        falta -= parte;
    }
    falta.is_zero() && tomados.next().is_none()
}
