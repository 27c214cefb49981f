//! The calculator of lines and documents (`dominio.md` section 4). Pure arithmetic: which taxes are in force is a rule's business.
//!
//! Exact by construction: limits are checked before each step, so no step of a 96-bit decimal ever rounds by itself.

mod documento;

use crate::domain::{
    catalogo::{descuento::ValorDescuento, producto::Impuesto},
    emisor::{ModoRedondeo, NivelRedondeo, PoliticaRedondeo},
    facturacion::factura::{TotalImpuesto, TotalesFactura},
    valores::{Cantidad, Decimal, Dinero, Porcentaje, PrecioUnitario, bajo_potencia},
};

/// What the calculator takes of a line.
#[derive(Debug, Clone, Copy)]
pub struct Partida<'a> {
    pub cantidad: Cantidad,
    pub precio_unitario: PrecioUnitario,
    /// Line discount.
    pub descuento: Option<ValorDescuento>,
    /// `None` = excluded: no tax entry at all.
    pub impuesto: Option<&'a Impuesto>,
}

/// The amounts of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportesLinea {
    pub bruto: Dinero,
    pub descuento: Dinero,
    pub descuento_documento: Dinero,
    pub subtotal: Dinero,
    pub impuesto: Dinero,
}

/// An amount that reached 10^15 (`PrecisionExcedida`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MontoExcedido {
    /// Index of the line that alone is too big; `None` when it is the sum.
    pub linea: Option<usize>,
}

/// Why there are no totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinTotales {
    Excedido(MontoExcedido),
    /// A discount's amount is above its base (`DescuentoValido`).
    DescuentoMayor {
        /// Index of the line it lowers; `None` = the document.
        linea: Option<usize>,
        monto: Dinero,
        base: Decimal,
    },
}

impl From<MontoExcedido> for SinTotales {
    fn from(exceso: MontoExcedido) -> Self {
        Self::Excedido(exceso)
    }
}

/// Lines and document at once; `descuento` is the document's.
///
/// At line level each amount is rounded and the document adds rounded lines. At document level nothing is rounded before it is
/// added: the document's subtotal, bases and taxes are rounded once; the lines' own amounts are then for show, each rounded
/// by itself, and need not add up to the document's.
///
/// # Errors
/// When an amount reaches 10^15, or a discount's amount is above what it lowers.
pub fn calcular<'a>(
    politica: &PoliticaRedondeo,
    partidas: impl ExactSizeIterator<Item = Partida<'a>>,
    descuento: Option<ValorDescuento>,
) -> Result<(Vec<ImportesLinea>, TotalesFactura), SinTotales> {
    match (politica.nivel, descuento) {
        (NivelRedondeo::Linea, None) => por_lineas(politica, partidas),
        _ => documento::calcular(politica, &partidas.collect::<Vec<_>>(), descuento),
    }
}

/// Line level without a discount of the document: nearly every invoice.
fn por_lineas<'a>(
    politica: &PoliticaRedondeo,
    partidas: impl ExactSizeIterator<Item = Partida<'a>>,
) -> Result<(Vec<ImportesLinea>, TotalesFactura), SinTotales> {
    let mut lineas = Vec::with_capacity(partidas.len());
    let mut suma = Suma::default();
    for (indice, partida) in partidas.enumerate() {
        let propio = |_| MontoExcedido { linea: Some(indice) };
        let exacto = partida.cantidad.valor() * partida.precio_unitario.valor();
        let bruto = a_dinero(politica.redondear(exacto)).map_err(propio)?;
        let (descuento, subtotal) = match partida.descuento {
            None => (Dinero::CERO, bruto),
            Some(valor) => descontar(politica, indice, bruto, valor)?,
        };
        let impuesto = impuesto_de_linea(politica, subtotal, partida.impuesto).map_err(propio)?;
        suma.agregar(bruto, subtotal, impuesto, partida.impuesto)?;
        lineas.push(ImportesLinea { bruto, descuento, descuento_documento: Dinero::CERO, subtotal, impuesto });
    }
    Ok((lineas, suma.totales()?))
}

/// Discount and subtotal of a line.
fn descontar(
    politica: &PoliticaRedondeo,
    indice: usize,
    bruto: Dinero,
    valor: ValorDescuento,
) -> Result<(Dinero, Dinero), SinTotales> {
    let descuento = match valor {
        ValorDescuento::Porcentaje(p) => a_dinero(porcentaje_de(politica, bruto.valor(), p))?,
        ValorDescuento::Monto(monto) => monto,
    };
    if descuento > bruto {
        return Err(SinTotales::DescuentoMayor { linea: Some(indice), monto: descuento, base: bruto.valor() });
    }
    Ok((descuento, a_dinero(bruto.valor() - descuento.valor())?))
}

const EXCESO_DE_SUMA: MontoExcedido = MontoExcedido { linea: None };

fn a_dinero(valor: Decimal) -> Result<Dinero, MontoExcedido> {
    Dinero::nuevo(valor).map_err(|_| EXCESO_DE_SUMA)
}

fn impuesto_de_linea(politica: &PoliticaRedondeo, subtotal: Dinero, impuesto: Option<&Impuesto>) -> Result<Dinero, MontoExcedido> {
    match impuesto {
        Some(impuesto) if !impuesto.tarifa.es_cero() => a_dinero(porcentaje_de(politica, subtotal.valor(), impuesto.tarifa)),
        _ => Ok(Dinero::CERO),
    }
}

/// `r(base x tarifa / 100)`. The product of an unrounded base (27 digits) and a rate (7) needs more than 96 bits: it is made and
/// rounded in a 128-bit integer. `base` is below 10^15, not negative, with at most 12 decimals.
fn porcentaje_de(politica: &PoliticaRedondeo, base: Decimal, tarifa: Porcentaje) -> Decimal {
    let tarifa = tarifa.valor();
    let producto = base.mantissa() * tarifa.mantissa();
    let escala = base.scale() + tarifa.scale() + 2;
    let sobran = escala.saturating_sub(politica.decimales);
    let divisor = 10_i128.pow(sobran);
    let cociente = redondear_cociente(politica.modo, producto / divisor, producto % divisor, divisor);
    Decimal::from_i128_with_scale(cociente, escala - sobran)
}

/// A quotient with its remainder, rounded to an integer; none of them is negative.
fn redondear_cociente(modo: ModoRedondeo, cociente: i128, resto: i128, divisor: i128) -> i128 {
    let sube = match (resto * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => match modo {
            ModoRedondeo::MitadArriba => true,
            ModoRedondeo::MitadPar => cociente % 2 != 0,
        },
    };
    cociente + i128::from(sube)
}

/// What a tax (code, rate) has gathered: base, and the value of its lines at line level.
struct Base<'a> {
    impuesto: &'a Impuesto,
    base: Decimal,
    valor: Decimal,
}

#[derive(Default)]
struct Suma<'a> {
    bruto: Decimal,
    subtotal: Decimal,
    bases: Vec<Base<'a>>,
}

impl<'a> Suma<'a> {
    /// Adds a line; every sum stays below 10^15.
    fn agregar(
        &mut self,
        bruto: Dinero,
        subtotal: Dinero,
        valor: Dinero,
        impuesto: Option<&'a Impuesto>,
    ) -> Result<(), MontoExcedido> {
        self.bruto = sumar(self.bruto, bruto.valor())?;
        // Never above the sum of the gross amounts, whose limit was just checked.
        self.subtotal += subtotal.valor();
        let Some(impuesto) = impuesto else { return Ok(()) };
        match self.bases.iter_mut().find(|b| b.impuesto == impuesto) {
            Some(base) => {
                base.base = sumar(base.base, subtotal.valor())?;
                base.valor = sumar(base.valor, valor.valor())?;
            }
            None => self.bases.push(Base { impuesto, base: subtotal.valor(), valor: valor.valor() }),
        }
        Ok(())
    }

    fn totales(mut self) -> Result<TotalesFactura, MontoExcedido> {
        self.bases.sort_by(|a, b| (&a.impuesto.codigo, a.impuesto.tarifa).cmp(&(&b.impuesto.codigo, b.impuesto.tarifa)));
        let (bruto, subtotal) = (a_dinero(self.bruto)?, a_dinero(self.subtotal)?);
        let descuentos = if bruto == subtotal { Dinero::CERO } else { a_dinero(self.bruto - self.subtotal)? };
        let mut total = subtotal.valor();
        let mut impuestos = Vec::with_capacity(self.bases.len());
        for base in &self.bases {
            let valor = a_dinero(base.valor)?;
            total = sumar(total, valor.valor())?;
            impuestos.push(TotalImpuesto { impuesto: base.impuesto.clone(), base: a_dinero(base.base)?, valor });
        }
        Ok(TotalesFactura { bruto, descuentos, subtotal, impuestos, total: a_dinero(total)? })
    }
}

/// Exact sum of two amounts below 10^15, itself below 10^15.
fn sumar(a: Decimal, b: Decimal) -> Result<Decimal, MontoExcedido> {
    if !bajo_potencia(a, 15) || !bajo_potencia(b, 15) {
        return Err(EXCESO_DE_SUMA);
    }
    let suma = a + b;
    if bajo_potencia(suma, 15) { Ok(suma) } else { Err(EXCESO_DE_SUMA) }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_descuentos;
