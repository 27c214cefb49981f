//! The calculator of lines and documents (`dominio.md` section 4). Pure arithmetic: which taxes are in force is a rule's business.
//!
//! Exact by construction: limits are checked before each step, so no step of a 96-bit decimal ever rounds by itself.

use crate::domain::{
    catalogo::producto::Impuesto,
    emisor::{ModoRedondeo, NivelRedondeo, PoliticaRedondeo},
    facturacion::factura::{TotalImpuesto, TotalesFactura},
    valores::{Cantidad, Decimal, Dinero, Porcentaje, PrecioUnitario, bajo_potencia},
};

/// What the calculator takes of a line.
#[derive(Debug, Clone, Copy)]
pub struct Partida<'a> {
    pub cantidad: Cantidad,
    pub precio_unitario: PrecioUnitario,
    /// `None` = excluded: no tax entry at all.
    pub impuesto: Option<&'a Impuesto>,
}

/// The amounts of one line. Both discounts are zero until their issue lands.
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

/// Lines and document at once.
///
/// At line level each amount is rounded and the document adds rounded lines. At document level nothing is rounded before it is
/// added: the document's subtotal, bases and taxes are rounded once; the lines' own amounts are then for show, each rounded
/// by itself, and need not add up to the document's.
///
/// # Errors
/// When an amount reaches 10^15.
pub fn calcular<'a>(
    politica: &PoliticaRedondeo,
    partidas: impl ExactSizeIterator<Item = Partida<'a>>,
) -> Result<(Vec<ImportesLinea>, TotalesFactura), MontoExcedido> {
    let mut lineas = Vec::with_capacity(partidas.len());
    let mut suma = Suma::default();
    for (indice, partida) in partidas.enumerate() {
        let propio = |_| MontoExcedido { linea: Some(indice) };
        let exacto = partida.cantidad.valor() * partida.precio_unitario.valor();
        let bruto = a_dinero(politica.redondear(exacto)).map_err(propio)?;
        let impuesto = impuesto_de_linea(politica, bruto, partida.impuesto).map_err(propio)?;
        let contado = match politica.nivel {
            NivelRedondeo::Linea => bruto.valor(),
            NivelRedondeo::Documento => exacto,
        };
        suma.agregar(contado, impuesto, partida.impuesto)?;
        lineas.push(ImportesLinea { bruto, descuento: Dinero::CERO, descuento_documento: Dinero::CERO, subtotal: bruto, impuesto });
    }
    let totales = match politica.nivel {
        NivelRedondeo::Linea => suma.totales()?,
        NivelRedondeo::Documento => suma.redondeada(politica)?,
    };
    Ok((lineas, totales))
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
    let (cociente, resto) = (producto / divisor, producto % divisor);
    let sube = match (resto * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => match politica.modo {
            ModoRedondeo::MitadArriba => true,
            ModoRedondeo::MitadPar => cociente % 2 != 0,
        },
    };
    Decimal::from_i128_with_scale(cociente + i128::from(sube), escala - sobran)
}

/// What a tax (code, rate) has gathered: base, and the value of its lines at line level.
struct Base<'a> {
    impuesto: &'a Impuesto,
    base: Decimal,
    valor: Decimal,
}

#[derive(Default)]
struct Suma<'a> {
    subtotal: Decimal,
    bases: Vec<Base<'a>>,
}

impl<'a> Suma<'a> {
    /// Adds a line; both sums stay below 10^15, where 12 decimals still fit.
    fn agregar(&mut self, subtotal: Decimal, valor: Dinero, impuesto: Option<&'a Impuesto>) -> Result<(), MontoExcedido> {
        self.subtotal = sumar(self.subtotal, subtotal)?;
        let Some(impuesto) = impuesto else { return Ok(()) };
        match self.bases.iter_mut().find(|b| b.impuesto == impuesto) {
            Some(base) => {
                base.base = sumar(base.base, subtotal)?;
                base.valor = sumar(base.valor, valor.valor())?;
            }
            None => self.bases.push(Base { impuesto, base: subtotal, valor: valor.valor() }),
        }
        Ok(())
    }

    fn redondeada(mut self, politica: &PoliticaRedondeo) -> Result<TotalesFactura, MontoExcedido> {
        self.subtotal = politica.redondear(self.subtotal);
        for base in &mut self.bases {
            base.valor = porcentaje_de(politica, base.base, base.impuesto.tarifa);
            base.base = politica.redondear(base.base);
        }
        self.totales()
    }

    fn totales(mut self) -> Result<TotalesFactura, MontoExcedido> {
        self.bases.sort_by(|a, b| (&a.impuesto.codigo, a.impuesto.tarifa).cmp(&(&b.impuesto.codigo, b.impuesto.tarifa)));
        let subtotal = a_dinero(self.subtotal)?;
        let mut total = subtotal.valor();
        let mut impuestos = Vec::with_capacity(self.bases.len());
        for base in &self.bases {
            let valor = a_dinero(base.valor)?;
            total = sumar(total, valor.valor())?;
            impuestos.push(TotalImpuesto { impuesto: base.impuesto.clone(), base: a_dinero(base.base)?, valor });
        }
        Ok(TotalesFactura { bruto: subtotal, descuentos: Dinero::CERO, subtotal, impuestos, total: a_dinero(total)? })
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
