//! The general calculator: discounts of the document, and rounding at document level. In integers of one unit, so that nothing is
//! rounded but what the policy rounds.
//!
//! The unit is the policy's own (10^-decimals) at line level, where each amount is rounded before it is added; at document level it is
//! 10^-18, where a quantity (6 decimals) by a price (6) by a percentage (4, and its hundredth) is still exact. Amounts are below 10^15,
//! so below 10^33 units: sums of 500 lines fit 128 bits, and products go through [`proporcion`].

use super::{
    Base, ImportesLinea, MontoExcedido, Partida, SinTotales, a_dinero, impuesto_de_linea, porcentaje_de, redondear_cociente, sumar,
};
use crate::domain::{
    catalogo::descuento::ValorDescuento,
    emisor::{NivelRedondeo, PoliticaRedondeo},
    facturacion::factura::{TotalImpuesto, TotalesFactura},
    valores::{Decimal, Dinero, Porcentaje},
};

/// Decimals of the unit at document level.
const ESCALA_EXACTA: u32 = 18;

/// A line in units.
struct Renglon {
    bruto: i128,
    descuento: i128,
    /// Its part of the document's discount.
    documento: i128,
}

impl Renglon {
    /// What the document's discount lowers.
    fn base(&self) -> i128 {
        self.bruto - self.descuento
    }

    fn subtotal(&self) -> i128 {
        self.base() - self.documento
    }
}

/// The units of a policy.
struct Unidades<'a> {
    politica: &'a PoliticaRedondeo,
    escala: u32,
}

impl Unidades<'_> {
    /// `valor` in units; it has no more decimals than they.
    fn de(&self, valor: Decimal) -> i128 {
        valor.mantissa() * 10_i128.pow(self.escala.saturating_sub(valor.scale()))
    }

    /// Units as an amount, rounded to the policy's decimals.
    fn a_decimal(&self, unidades: i128) -> Decimal {
        let divisor = 10_i128.pow(self.escala - self.politica.decimales);
        let redondo = redondear_cociente(self.politica.modo, unidades / divisor, unidades % divisor, divisor);
        // At most 10^33 / 10^16: far within the 96 bits.
        Decimal::from_i128_with_scale(redondo, self.politica.decimales)
    }

    fn a_dinero(&self, unidades: i128) -> Result<Dinero, MontoExcedido> {
        a_dinero(self.a_decimal(unidades))
    }

    /// `r(unidades x porcentaje / 100)`, rounded to the policy's decimals.
    fn porcentaje(&self, unidades: i128, porcentaje: Porcentaje) -> Decimal {
        let (mantisa, decimales) = (porcentaje.valor().mantissa(), porcentaje.valor().scale());
        let divisor = 10_i128.pow(self.escala - self.politica.decimales + decimales + 2);
        let (cociente, resto) = proporcion(unidades, mantisa, divisor);
        let redondo = redondear_cociente(self.politica.modo, cociente, resto, divisor);
        Decimal::from_i128_with_scale(redondo, self.politica.decimales)
    }
}

/// As [`super::calcular`].
pub fn calcular(
    politica: &PoliticaRedondeo,
    partidas: &[Partida<'_>],
    descuento: Option<ValorDescuento>,
) -> Result<(Vec<ImportesLinea>, TotalesFactura), SinTotales> {
    let escala = match politica.nivel {
        NivelRedondeo::Linea => politica.decimales,
        NivelRedondeo::Documento => ESCALA_EXACTA,
    };
    let unidades = Unidades { politica, escala };
    let mut renglones = Vec::with_capacity(partidas.len());
    for (indice, partida) in partidas.iter().enumerate() {
        renglones.push(renglon(&unidades, indice, partida)?);
    }
    let bruto: i128 = renglones.iter().map(|r| r.bruto).sum();
    con_limite(&unidades, bruto)?;
    if let Some(valor) = descuento {
        repartir_descuento(&unidades, &mut renglones, valor)?;
    }
    let importes = importes(&unidades, partidas, &renglones)?;
    let totales = totales(&unidades, partidas, &renglones, &importes)?;
    Ok((importes, totales))
}

/// Sums beyond 10^15 units are refused before they are used as factors.
fn con_limite(unidades: &Unidades<'_>, suma: i128) -> Result<(), MontoExcedido> {
    if suma < 10_i128.pow(15 + unidades.escala) { Ok(()) } else { Err(MontoExcedido { linea: None }) }
}

fn renglon(unidades: &Unidades<'_>, indice: usize, partida: &Partida<'_>) -> Result<Renglon, SinTotales> {
    let politica = unidades.politica;
    let exacto = partida.cantidad.valor() * partida.precio_unitario.valor();
    let redondo = a_dinero(politica.redondear(exacto)).map_err(|_| MontoExcedido { linea: Some(indice) })?;
    let bruto = match politica.nivel {
        NivelRedondeo::Linea => unidades.de(redondo.valor()),
        NivelRedondeo::Documento => unidades.de(exacto),
    };
    let descuento = match (partida.descuento, politica.nivel) {
        (None, _) => 0,
        (Some(ValorDescuento::Monto(monto)), _) => unidades.de(politica.redondear(monto.valor())),
        (Some(ValorDescuento::Porcentaje(p)), NivelRedondeo::Linea) => unidades.de(porcentaje_de(politica, redondo.valor(), p)),
        (Some(ValorDescuento::Porcentaje(p)), NivelRedondeo::Documento) => porcentaje_exacto(exacto, p),
    };
    if descuento > bruto {
        let monto = unidades.a_dinero(descuento)?;
        return Err(SinTotales::DescuentoMayor { linea: Some(indice), monto, base: unidades.a_decimal(bruto) });
    }
    Ok(Renglon { bruto, descuento, documento: 0 })
}

/// `exacto x porcentaje / 100` in units of 10^-18: at most 12 + 4 + 2 decimals and 27 + 7 digits, so nothing is lost.
fn porcentaje_exacto(exacto: Decimal, porcentaje: Porcentaje) -> i128 {
    let porcentaje = porcentaje.valor();
    let producto = exacto.mantissa() * porcentaje.mantissa();
    producto * 10_i128.pow(ESCALA_EXACTA - exacto.scale() - porcentaje.scale() - 2)
}

/// The document's discount, over the lines by what each of them has left to lower.
fn repartir_descuento(unidades: &Unidades<'_>, renglones: &mut [Renglon], valor: ValorDescuento) -> Result<(), SinTotales> {
    let bases: Vec<i128> = renglones.iter().map(Renglon::base).collect();
    let total: i128 = bases.iter().sum();
    let descuento = match valor {
        // A percentage never takes more than there is, however it is rounded.
        ValorDescuento::Porcentaje(p) => unidades.de(unidades.porcentaje(total, p)).min(total),
        ValorDescuento::Monto(monto) => unidades.de(unidades.politica.redondear(monto.valor())),
    };
    if descuento > total {
        let monto = unidades.a_dinero(descuento)?;
        return Err(SinTotales::DescuentoMayor { linea: None, monto, base: unidades.a_decimal(total) });
    }
    for (renglon, parte) in renglones.iter_mut().zip(repartir(descuento, &bases)) {
        renglon.documento = parte;
    }
    Ok(())
}

/// `total` in parts proportional to `pesos`, by the largest remainder (ties: the earlier): the parts add up to it exactly, and none is
/// above its weight. `total` is at most the sum of the weights; nothing is negative.
pub(super) fn repartir(total: i128, pesos: &[i128]) -> Vec<i128> {
    let suma: i128 = pesos.iter().sum();
    if suma == 0 {
        return vec![0; pesos.len()];
    }
    let cocientes: Vec<(i128, i128)> = pesos.iter().map(|peso| proporcion(total, *peso, suma)).collect();
    let mut partes: Vec<i128> = cocientes.iter().map(|(cociente, _)| *cociente).collect();
    let falta = total - partes.iter().sum::<i128>();
    let mut orden: Vec<usize> = (0..pesos.len()).collect();
    orden.sort_by_key(|i| (std::cmp::Reverse(cocientes[*i].1), *i));
    // Less than one unit is missing for each line with a remainder, so there are always enough of them.
    for i in orden.into_iter().take(usize::try_from(falta).unwrap_or(0)) {
        partes[i] += 1;
    }
    partes
}

/// Quotient and remainder of `a x b / divisor`, none of them negative, `b` and `divisor` below 10^34: long multiplication and division,
/// four digits of `a` at a time, because the product itself may not fit 128 bits.
fn proporcion(a: i128, b: i128, divisor: i128) -> (i128, i128) {
    const PASO: i128 = 10_000;
    let (mut cociente, mut resto) = (0, 0);
    let mut escala = 1;
    while escala <= a / PASO {
        escala *= PASO;
    }
    while escala > 0 {
        let cifras = a / escala % PASO;
        let acumulado = resto * PASO + cifras * b;
        cociente = cociente * PASO + acumulado / divisor;
        resto = acumulado % divisor;
        escala /= PASO;
    }
    (cociente, resto)
}

/// Each line's own amounts, rounded.
fn importes(unidades: &Unidades<'_>, partidas: &[Partida<'_>], renglones: &[Renglon]) -> Result<Vec<ImportesLinea>, MontoExcedido> {
    let uno = |(indice, (partida, renglon)): (usize, (&Partida<'_>, &Renglon))| {
        let propio = |_| MontoExcedido { linea: Some(indice) };
        let subtotal = unidades.a_dinero(renglon.subtotal()).map_err(propio)?;
        Ok(ImportesLinea {
            bruto: unidades.a_dinero(renglon.bruto).map_err(propio)?,
            descuento: unidades.a_dinero(renglon.descuento).map_err(propio)?,
            descuento_documento: unidades.a_dinero(renglon.documento).map_err(propio)?,
            subtotal,
            impuesto: impuesto_de_linea(unidades.politica, subtotal, partida.impuesto).map_err(propio)?,
        })
    };
    partidas.iter().zip(renglones).enumerate().map(uno).collect()
}

fn totales(
    unidades: &Unidades<'_>,
    partidas: &[Partida<'_>],
    renglones: &[Renglon],
    importes: &[ImportesLinea],
) -> Result<TotalesFactura, MontoExcedido> {
    let bruto = unidades.a_dinero(renglones.iter().map(|r| r.bruto).sum())?;
    let subtotal = unidades.a_dinero(renglones.iter().map(Renglon::subtotal).sum())?;
    let mut total = subtotal.valor();
    let mut impuestos = Vec::new();
    for base in bases(unidades, partidas, renglones, importes) {
        let valor = a_dinero(base.valor)?;
        total = sumar(total, valor.valor())?;
        impuestos.push(TotalImpuesto { impuesto: base.impuesto.clone(), base: a_dinero(base.base)?, valor });
    }
    impuestos.sort_by(|a, b| (&a.impuesto.codigo, a.impuesto.tarifa).cmp(&(&b.impuesto.codigo, b.impuesto.tarifa)));
    Ok(TotalesFactura {
        bruto,
        descuentos: a_dinero(bruto.valor() - subtotal.valor())?,
        subtotal,
        impuestos,
        total: a_dinero(total)?,
    })
}

/// Base and value of each tax: sums of the lines' at line level, rounded once at document level.
fn bases<'a>(
    unidades: &Unidades<'_>,
    partidas: &[Partida<'a>],
    renglones: &[Renglon],
    importes: &[ImportesLinea],
) -> Vec<Base<'a>> {
    let mut sumas: Vec<(&'a crate::domain::catalogo::producto::Impuesto, i128, Decimal)> = Vec::new();
    for ((partida, renglon), importe) in partidas.iter().zip(renglones).zip(importes) {
        let Some(impuesto) = partida.impuesto else { continue };
        match sumas.iter_mut().find(|(otro, ..)| *otro == impuesto) {
            Some((_, base, valor)) => {
                *base += renglon.subtotal();
                *valor += importe.impuesto.valor();
            }
            None => sumas.push((impuesto, renglon.subtotal(), importe.impuesto.valor())),
        }
    }
    let una = |(impuesto, base, valor): (&'a crate::domain::catalogo::producto::Impuesto, i128, Decimal)| Base {
        impuesto,
        base: unidades.a_decimal(base),
        valor: match unidades.politica.nivel {
            NivelRedondeo::Linea => valor,
            NivelRedondeo::Documento => unidades.porcentaje(base, impuesto.tarifa),
        },
    };
    sumas.into_iter().map(una).collect()
}
