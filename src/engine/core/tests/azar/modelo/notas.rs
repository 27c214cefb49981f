//! The model's credit notes and annulments: what a line has left, to the cent and to the lot.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    super::{BODEGAS, DIA_DE_NOTAS, factura_id, nota_id, producto_id},
    Factura, Importes, Lote, Modelo, cifra, dinero, importes, lote, redondear,
};

/// What a line of a note credits: hundredths of quantity, or cents of subtotal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parte {
    Cantidad(u64),
    Monto(u64),
}

/// Place of a lot: day and arrival.
type Puesto = (u64, u64);

/// What was taken of a line of an invoice.
#[derive(Debug, Clone, Default)]
pub struct Cargo {
    cantidad: u64,
    subtotal: u64,
    impuesto: u64,
    /// Of which by quantity.
    subtotal_por_cantidad: u64,
    impuesto_por_cantidad: u64,
    devueltos: BTreeMap<Puesto, u64>,
}

/// Goods that come back: product, warehouse, and of each lot its quantity and cost.
type Vuelta = (usize, usize, BTreeMap<Puesto, (u64, u64)>);

/// A note, issued or refused.
pub struct Nota {
    pub factura: usize,
    pub orden: usize,
    emitida: Option<Emitida>,
}

struct Emitida {
    numero: u64,
    /// Line of the invoice, subtotal, tax.
    lineas: Vec<(usize, u64, u64)>,
    vueltas: Vec<Vuelta>,
}

/// A note in the making.
struct EnCurso {
    cargos: BTreeMap<usize, Cargo>,
    lineas: Vec<(usize, u64, u64)>,
    vueltas: Vec<Vuelta>,
}

impl Modelo {
    /// The note with order number `orden`. Note and invoice of the same number never repeat.
    pub fn acreditar(&mut self, factura: usize, orden: usize, lineas: &[(usize, Parte)], reversa: bool) {
        let hecha = self.facturas.get(&factura).filter(|f| f.estado == "EMITIDA").and_then(|f| en_curso(f, lineas));
        let emitida = hecha.map(|hecha| {
            let numero = self.siguiente_nota;
            self.siguiente_nota += 1;
            for vuelta in &hecha.vueltas {
                self.devolver(vuelta, reversa);
            }
            if let Some(f) = self.facturas.get_mut(&factura) {
                f.cargos = hecha.cargos;
                f.con_notas = true;
            }
            Emitida { numero, lineas: hecha.lineas, vueltas: hecha.vueltas }
        });
        self.notas.push(Nota { factura, orden, emitida });
    }

    /// Only an issued invoice without notes; everything goes back where it was.
    pub fn anular(&mut self, factura: usize) {
        let Some(mut f) = self.facturas.remove(&factura) else { return };
        if f.estado == "EMITIDA" && !f.con_notas {
            f.estado = "ANULADA";
            for s in &f.salidas {
                let lotes = s.lotes.iter().map(|(dia, llegada, cantidad, costo)| ((*dia, *llegada), (*cantidad, *costo)));
                self.devolver(&(s.producto, s.bodega, lotes.collect()), true);
            }
        }
        self.facturas.insert(factura, f);
    }

    fn devolver(&mut self, (producto, bodega, partes): &Vuelta, reversa: bool) {
        for ((dia, llegada), (cantidad, costo)) in partes {
            let (dia, llegada) = if reversa { (*dia, *llegada) } else { (DIA_DE_NOTAS, self.llegada(*producto, *bodega)) };
            let lotes = self.lotes.entry((*producto, *bodega)).or_default();
            match lotes.iter_mut().find(|l| (l.dia, l.llegada) == (dia, llegada)) {
                Some(lote) => lote.cantidad += cantidad,
                None => {
                    lotes.push(Lote { dia, llegada, cantidad: *cantidad, costo: *costo });
                    lotes.sort_by_key(|l| (l.dia, l.llegada));
                }
            }
        }
    }

    pub fn escribir_notas(&self, texto: &mut String) {
        for nota in &self.notas {
            write!(texto, "{}:{} ", factura_id(nota.factura), nota_id(nota.orden)).expect("texto");
            match &nota.emitida {
                None => texto.push_str("RECHAZADA\n"),
                Some(emitida) => emitida.escribir(texto),
            }
        }
    }
}

impl Emitida {
    fn escribir(&self, texto: &mut String) {
        let total: u64 = self.lineas.iter().map(|(_, subtotal, impuesto)| subtotal + impuesto).sum();
        let partes = self.vueltas.iter().flat_map(|(_, _, partes)| partes.values());
        let costo: u128 = partes.map(|(cantidad, costo)| u128::from(*cantidad) * u128::from(*costo)).sum();
        writeln!(texto, "NC{} total {} costo {}", self.numero, dinero(total), cifra(costo, 5)).expect("texto");
        for (linea, subtotal, impuesto) in &self.lineas {
            writeln!(texto, "  {linea} {} {}", dinero(*subtotal), dinero(*impuesto)).expect("texto");
        }
        for (producto, bodega, partes) in &self.vueltas {
            let lotes: Vec<String> = partes.iter().map(|((dia, _), (cantidad, costo))| lote(*dia, *cantidad, *costo)).collect();
            writeln!(texto, "  vuelve {} a {}: [{}]", producto_id(*producto), BODEGAS[*bodega], lotes.join(", ")).expect("texto");
        }
    }
}

/// What the lines take, or nothing when one of them asks for too much, or when the note credits nothing and brings nothing back.
fn en_curso(f: &Factura, lineas: &[(usize, Parte)]) -> Option<EnCurso> {
    let importes = importes(&f.renglones, f.descuento)?;
    let mut nota = EnCurso { cargos: f.cargos.clone(), lineas: Vec::new(), vueltas: Vec::new() };
    for (linea, parte) in lineas {
        nota.tomar(f, &importes, *linea, *parte)?;
    }
    let vale = nota.lineas.iter().any(|(_, subtotal, impuesto)| subtotal + impuesto > 0);
    (vale || !nota.vueltas.is_empty()).then_some(nota)
}

impl EnCurso {
    fn tomar(&mut self, f: &Factura, importes: &Importes, linea: usize, parte: Parte) -> Option<()> {
        let (renglon, [_, _, _, subtotal, impuesto]) = (f.renglones.get(linea.checked_sub(1)?)?, *importes.get(linea - 1)?);
        let cargo = self.cargos.entry(linea).or_default();
        let (mas_subtotal, mas_impuesto) = match parte {
            Parte::Cantidad(cantidad) => {
                let despues = cargo.cantidad + cantidad;
                if despues > renglon.linea.cantidad {
                    return None;
                }
                cargo.cantidad = despues;
                let de = |monto: u64, por_cantidad: u64, en_total: u64| {
                    let acumulado = redondear(u128::from(monto) * u128::from(despues), renglon.linea.cantidad.into());
                    acumulado.saturating_sub(por_cantidad).min(monto - en_total)
                };
                let mas = (
                    de(subtotal, cargo.subtotal_por_cantidad, cargo.subtotal),
                    de(impuesto, cargo.impuesto_por_cantidad, cargo.impuesto),
                );
                cargo.subtotal_por_cantidad += mas.0;
                cargo.impuesto_por_cantidad += mas.1;
                let lotes = en_reversa(&lotes_de(f, linea), &mut cargo.devueltos, cantidad);
                agregar(&mut self.vueltas, (renglon.linea.producto, renglon.linea.bodega, lotes));
                mas
            }
            Parte::Monto(monto) => {
                if monto > subtotal - cargo.subtotal {
                    return None;
                }
                let acumulado = redondear(u128::from(impuesto) * u128::from(cargo.subtotal + monto), subtotal.into());
                (monto, acumulado.saturating_sub(cargo.impuesto).min(impuesto - cargo.impuesto))
            }
        };
        cargo.subtotal += mas_subtotal;
        cargo.impuesto += mas_impuesto;
        self.lineas.push((linea, mas_subtotal, mas_impuesto));
        Some(())
    }
}

/// The lots of a line: those of its group, given to its lines in their order.
fn lotes_de(f: &Factura, linea: usize) -> Vec<(Puesto, u64, u64)> {
    let suya = &f.renglones[linea - 1].linea;
    let Some(salida) = f.salidas.iter().find(|s| (s.producto, s.bodega) == (suya.producto, suya.bodega)) else { return Vec::new() };
    let antes: u64 = f.renglones[..linea - 1]
        .iter()
        .filter(|r| (r.linea.producto, r.linea.bodega) == (suya.producto, suya.bodega))
        .map(|r| r.linea.cantidad)
        .sum();
    let (mut salta, mut falta, mut lotes) = (antes, suya.cantidad, Vec::new());
    for (dia, llegada, cantidad, costo) in &salida.lotes {
        let pasa = salta.min(*cantidad);
        salta -= pasa;
        let toma = (cantidad - pasa).min(falta);
        falta -= toma;
        if toma > 0 {
            lotes.push(((*dia, *llegada), toma, *costo));
        }
    }
    lotes
}

/// The last ones that left, without those that are back.
fn en_reversa(lotes: &[(Puesto, u64, u64)], devueltos: &mut BTreeMap<Puesto, u64>, mut falta: u64) -> BTreeMap<Puesto, (u64, u64)> {
    let mut vuelven = BTreeMap::new();
    for (puesto, cantidad, costo) in lotes.iter().rev() {
        let ya = devueltos.entry(*puesto).or_default();
        let toma = (cantidad - *ya).min(falta);
        if toma > 0 {
            *ya += toma;
            falta -= toma;
            vuelven.insert(*puesto, (toma, *costo));
        }
    }
    vuelven
}

/// Goods of the same product and warehouse come back together.
fn agregar(vueltas: &mut Vec<Vuelta>, (producto, bodega, partes): Vuelta) {
    match vueltas.iter_mut().find(|(p, b, _)| (*p, *b) == (producto, bodega)) {
        Some((_, _, ya)) => {
            for (puesto, (cantidad, costo)) in partes {
                ya.entry(puesto).or_insert((0, costo)).0 += cantidad;
            }
        }
        None => vueltas.push((producto, bodega, partes)),
    }
}
