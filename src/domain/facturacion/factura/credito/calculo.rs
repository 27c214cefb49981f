//! The amounts and the lots of a note, from what its invoice has left.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Acreditado, CargoLinea, CreditoFactura, GrupoDevolucion, LineaAcreditada, LineaNotaCredito, restar_lotes, sumar_lotes,
};
use crate::domain::{
    emisor::PoliticaRedondeo,
    facturacion::{
        factura::{FacturaEmitida, GrupoEmitido, LineaEmitida, TotalImpuesto, TotalesFactura},
        proporcion::proporcion,
    },
    inventario::{LoteConsumido, atribuir, costo, sumar_costo},
    valores::{Cantidad, CostoTotal, Dinero, Id},
};

/// What is left of a line, when a note asks for more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Exceso {
    /// Quantity that can still be credited.
    Cantidad { queda: Cantidad },
    /// Subtotal that can still be credited.
    Monto { queda: Dinero },
}

/// The credit of a note in the making: each of its lines takes after the ones before it, and after every earlier note.
pub struct Acreditacion<'a> {
    documento: &'a FacturaEmitida,
    credito: Option<&'a CreditoFactura>,
    politica: &'a PoliticaRedondeo,
    /// What the note itself has taken so far, by line of the invoice.
    pub cargos: BTreeMap<u16, CargoLinea>,
    pub lineas: Vec<LineaAcreditada>,
    grupos: Vec<GrupoDevolucion>,
    /// Lots of each line of a group, attributed once a group.
    atribuidos: BTreeMap<usize, Vec<Vec<LoteConsumido>>>,
}

impl<'a> Acreditacion<'a> {
    pub fn new(documento: &'a FacturaEmitida, credito: Option<&'a CreditoFactura>, politica: &'a PoliticaRedondeo) -> Self {
        Self {
            documento,
            credito,
            politica,
            cargos: BTreeMap::new(),
            lineas: Vec::new(),
            grupos: Vec::new(),
            atribuidos: BTreeMap::new(),
        }
    }

    /// Takes one line of the note.
    ///
    /// # Errors
    /// What is left of the invoice's line, when it asks for more.
    pub fn tomar(&mut self, linea: &Arc<LineaNotaCredito>, emitida: &LineaEmitida) -> Result<(), Exceso> {
        let numero = emitida.linea.numero;
        let propio = self.cargos.get(&numero).cloned().unwrap_or_else(|| CargoLinea::vacio(numero));
        let previo = self.credito.map_or_else(|| CargoLinea::vacio(numero), |credito| credito.cargo(numero)).mas(&propio);
        let mut cargo = match linea.acreditado {
            Acreditado::Cantidad { cantidad } => por_cantidad(self.politica, emitida, &previo, cantidad)?,
            Acreditado::Monto { monto } => por_monto(self.politica, emitida, &previo, monto)?,
        };
        if let (true, Acreditado::Cantidad { cantidad }) = (linea.afecta_inventario, linea.acreditado) {
            cargo.lotes = self.devolver(linea, emitida, &previo, cantidad);
        }
        self.lineas.push(LineaAcreditada {
            linea: Arc::clone(linea),
            producto_id: emitida.linea.producto_id.clone(),
            descripcion: Arc::clone(&emitida.linea.descripcion),
            precio_unitario: emitida.linea.precio_unitario,
            impuesto: emitida.linea.impuesto.clone(),
            subtotal: cargo.subtotal,
            valor_impuesto: cargo.impuesto,
        });
        self.cargos.insert(numero, propio.mas(&cargo));
        Ok(())
    }

    /// The lots that a quantity of a line brings back: its own, the last consumed first, without those already returned.
    fn devolver(
        &mut self,
        linea: &LineaNotaCredito,
        emitida: &LineaEmitida,
        previo: &CargoLinea,
        cantidad: Cantidad,
    ) -> Vec<LoteConsumido> {
        let numero = emitida.linea.numero;
        let documento = self.documento;
        let hallado = documento
            .grupos
            .iter()
            .enumerate()
            .find_map(|(i, g)| g.grupo.lineas.iter().position(|l| *l == numero).map(|lugar| (i, lugar, g)));
        let Some((indice, lugar, grupo)) = hallado else { return Vec::new() };
        let atribuidos = self.atribuidos.entry(indice).or_insert_with(|| atribuir_grupo(documento, grupo));
        let lotes = en_reversa(&atribuidos[lugar], &previo.lotes, cantidad);
        self.agrupar(linea, grupo, &lotes, cantidad);
        lotes
    }

    fn agrupar(&mut self, linea: &LineaNotaCredito, origen: &GrupoEmitido, lotes: &[LoteConsumido], cantidad: Cantidad) {
        let (producto_id, bodega_origen) = (&origen.grupo.producto_id, &origen.grupo.bodega_id);
        let bodega_id = linea.bodega_id.as_ref().unwrap_or(bodega_origen);
        let mismo = |g: &&mut GrupoDevolucion| {
            g.producto_id == *producto_id && g.bodega_origen == *bodega_origen && g.bodega_id == *bodega_id
        };
        let suma = |a: Cantidad, b: Cantidad| Cantidad::nuevo(a.valor() + b.valor()).unwrap_or(a);
        match self.grupos.iter_mut().find(mismo) {
            Some(grupo) => {
                grupo.cantidad = suma(grupo.cantidad, cantidad);
                grupo.lineas.push(linea.numero);
                grupo.lotes = sumar_lotes(&grupo.lotes, lotes).into();
            }
            None => self.grupos.push(GrupoDevolucion {
                producto_id: producto_id.clone(),
                bodega_origen: bodega_origen.clone(),
                bodega_id: bodega_id.clone(),
                cantidad,
                lineas: vec![linea.numero],
                lotes: sumar_lotes(&[], lotes).into(),
                costo_total: CostoTotal::CERO,
            }),
        }
    }

    /// Slices of lots that the note returns.
    pub fn cuantos_lotes(&self) -> usize {
        self.grupos.iter().map(|g| g.lotes.len()).sum()
    }

    /// Exact cost of all the goods that come back; `None` when it reaches 10^16. What is granted here is what the note is issued with,
    /// so a note whose credit was granted is never short of digits.
    pub fn costo(&self) -> Option<CostoTotal> {
        self.grupos.iter().try_fold(CostoTotal::CERO, |suma, grupo| sumar_costo(suma, costo_de(grupo)?))
    }

    /// The goods that come back, each group with its exact cost. Those of a credit whose [`Self::costo`] fits.
    pub fn grupos(&self) -> Vec<Arc<GrupoDevolucion>> {
        let con_costo = |grupo: &GrupoDevolucion| {
            Arc::new(GrupoDevolucion { costo_total: costo_de(grupo).unwrap_or_default(), ..grupo.clone() })
        };
        self.grupos.iter().map(con_costo).collect()
    }

    /// Plain sums of the lines. A part of the invoice's, which fit.
    pub fn totales(&self) -> TotalesFactura {
        let mut impuestos: Vec<TotalImpuesto> = Vec::new();
        let (mut subtotal, mut total) = (Dinero::CERO, Dinero::CERO);
        for linea in &self.lineas {
            subtotal = sumar(subtotal, linea.subtotal);
            total = sumar(sumar(total, linea.subtotal), linea.valor_impuesto);
            let Some(impuesto) = &linea.impuesto else { continue };
            match impuestos.iter_mut().find(|t| t.impuesto == *impuesto) {
                Some(t) => {
                    t.base = sumar(t.base, linea.subtotal);
                    t.valor = sumar(t.valor, linea.valor_impuesto);
                }
                None => {
                    impuestos.push(TotalImpuesto { impuesto: impuesto.clone(), base: linea.subtotal, valor: linea.valor_impuesto })
                }
            }
        }
        impuestos.sort_by(|a, b| (&a.impuesto.codigo, a.impuesto.tarifa).cmp(&(&b.impuesto.codigo, b.impuesto.tarifa)));
        TotalesFactura { bruto: subtotal, descuentos: Dinero::CERO, subtotal, impuestos, total }
    }
}

fn costo_de(grupo: &GrupoDevolucion) -> Option<CostoTotal> {
    grupo.lotes.iter().try_fold(CostoTotal::CERO, |suma, lote| sumar_costo(suma, costo(lote.cantidad, lote.costo_unitario)?))
}

fn sumar(a: Dinero, b: Dinero) -> Dinero {
    Dinero::nuevo(a.valor() + b.valor()).unwrap_or(a)
}

/// `a - b`, never below zero.
fn restar(a: Dinero, b: Dinero) -> Dinero {
    let resta = a.valor() - b.valor();
    if resta.is_sign_negative() { Dinero::CERO } else { Dinero::nuevo(resta).unwrap_or_default() }
}

/// The lesser of the cumulative difference and what is left. What has been credited by quantity is the cumulative amount of the
/// quantity before, so that the parts always add up to the line; when a note in between was refused, the next one makes up for it.
fn por_cantidad(
    politica: &PoliticaRedondeo,
    emitida: &LineaEmitida,
    previo: &CargoLinea,
    cantidad: Cantidad,
) -> Result<CargoLinea, Exceso> {
    let facturada = emitida.linea.cantidad;
    let despues = previo.cantidad.valor() + cantidad.valor();
    if despues > facturada.valor() {
        let queda = Cantidad::nuevo(facturada.valor() - previo.cantidad.valor()).unwrap_or_default();
        return Err(Exceso::Cantidad { queda });
    }
    let parte = |monto: Dinero, por_cantidad: Dinero, en_total: Dinero| {
        let acumulado = proporcion(politica, monto, despues, facturada.valor());
        restar(acumulado, por_cantidad).min(restar(monto, en_total))
    };
    let subtotal = parte(emitida.subtotal, previo.subtotal_por_cantidad, previo.subtotal);
    let impuesto = parte(emitida.impuesto, previo.impuesto_por_cantidad, previo.impuesto);
    Ok(CargoLinea {
        cantidad,
        subtotal,
        impuesto,
        subtotal_por_cantidad: subtotal,
        impuesto_por_cantidad: impuesto,
        ..CargoLinea::vacio(emitida.linea.numero)
    })
}

/// A subtotal and its proportional tax, cumulatively: what is credited in all of the subtotal carries its share of the tax.
fn por_monto(
    politica: &PoliticaRedondeo,
    emitida: &LineaEmitida,
    previo: &CargoLinea,
    monto: Dinero,
) -> Result<CargoLinea, Exceso> {
    let queda = restar(emitida.subtotal, previo.subtotal);
    if monto > queda {
        return Err(Exceso::Monto { queda });
    }
    let despues = previo.subtotal.valor() + monto.valor();
    let acumulado = proporcion(politica, emitida.impuesto, despues, emitida.subtotal.valor());
    let impuesto = restar(acumulado, previo.impuesto).min(restar(emitida.impuesto, previo.impuesto));
    Ok(CargoLinea { subtotal: monto, impuesto, ..CargoLinea::vacio(emitida.linea.numero) })
}

/// The lots of a group by line, in line order (`dominio.md` section 7, rule 7).
fn atribuir_grupo(documento: &FacturaEmitida, grupo: &GrupoEmitido) -> Vec<Vec<LoteConsumido>> {
    let cantidad = |numero: &u16| {
        let indice = usize::from(numero.saturating_sub(1));
        documento.lineas.get(indice).map_or(Cantidad::CERO, |l| l.linea.cantidad)
    };
    let cantidades: Vec<Cantidad> = grupo.grupo.lineas.iter().map(cantidad).collect();
    atribuir(&grupo.lotes, &cantidades)
}

/// `cantidad` of the lots, the last consumed first, once what was returned before is out; by entry date and sequence.
pub fn en_reversa(lotes: &[LoteConsumido], devueltos: &[LoteConsumido], cantidad: Cantidad) -> Vec<LoteConsumido> {
    let mut falta = cantidad.valor();
    let mut tomados = Vec::new();
    for lote in restar_lotes(lotes, devueltos).into_iter().rev() {
        if falta.is_zero() {
            break;
        }
        let parte = lote.cantidad.valor().min(falta);
        falta -= parte;
        tomados.push(LoteConsumido { cantidad: Cantidad::nuevo(parte).unwrap_or(lote.cantidad), ..lote });
    }
    sumar_lotes(&tomados, &[])
}

/// Bodega a line's goods left; `None` when it moved none.
pub fn bodega_original(documento: &FacturaEmitida, linea: u16) -> Option<&Id> {
    documento.grupos.iter().find(|g| g.grupo.lineas.contains(&linea)).map(|g| &g.grupo.bodega_id)
}
