//! The sequential model: integers of hundredths, lists of lots, one command after the other. It knows the specification and nothing of
//! the code that is tested.

mod notas;

use std::{collections::BTreeMap, fmt::Write};

pub use notas::Parte;
use notas::{Cargo, Nota};

use super::{BODEGAS, PRODUCTOS, dia, factura_id, producto_id};

/// In hundredths of one, or of a hundredth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descuento {
    Porcentaje(u64),
    Monto(u64),
}

#[derive(Debug, Clone)]
pub struct Linea {
    pub producto: usize,
    pub bodega: usize,
    /// Hundredths.
    pub cantidad: u64,
    pub descuento: Option<Descuento>,
}

/// An order of the run.
#[derive(Debug, Clone)]
pub enum Orden {
    /// Hundredths of quantity, thousandths of cost, days after the first of January.
    Entrada {
        producto: usize,
        bodega: usize,
        cantidad: u64,
        costo: u64,
        dia: u64,
    },
    Salida {
        producto: usize,
        bodega: usize,
        cantidad: u64,
    },
    Precio {
        producto: usize,
        precio: u64,
    },
    Factura {
        borrador: bool,
        lineas: Vec<Linea>,
        descuento: Option<Descuento>,
    },
    AgregarLinea {
        factura: usize,
        linea: Linea,
    },
    QuitarLinea {
        factura: usize,
        linea: usize,
    },
    AplicarDescuento {
        factura: usize,
        linea: Option<usize>,
        descuento: Descuento,
    },
    Emitir {
        factura: usize,
    },
    Descartar {
        factura: usize,
    },
    /// Lines of the invoice from 1; back into the original lots, or into new ones.
    Nota {
        factura: usize,
        lineas: Vec<(usize, Parte)>,
        reversa: bool,
    },
    Anular {
        factura: usize,
    },
}

/// Percent of IVA; `None` = excluded.
pub fn tarifa(producto: usize) -> Option<u64> {
    [Some(19), Some(5), None][producto % 3]
}

/// Hundredths.
pub fn precio_inicial(producto: usize) -> u64 {
    1_000 + 777 * producto as u64
}

struct Lote {
    dia: u64,
    /// Among those of its stock, from 1.
    llegada: u64,
    cantidad: u64,
    costo: u64,
}

/// A line as an invoice keeps it: the price is the one of its moment.
#[derive(Clone)]
struct Renglon {
    linea: Linea,
    precio: u64,
}

/// Hundredths of money, by line: gross, own discount, part of the document's, net, tax.
type Importes = Vec<[u64; 5]>;

struct Salio {
    producto: usize,
    bodega: usize,
    cantidad: u64,
    /// Day, arrival, quantity, cost.
    lotes: Vec<(u64, u64, u64, u64)>,
}

struct Factura {
    estado: &'static str,
    intento: u64,
    renglones: Vec<Renglon>,
    descuento: Option<Descuento>,
    numero: Option<u64>,
    salidas: Vec<Salio>,
    /// By line, from 1.
    cargos: BTreeMap<usize, Cargo>,
    con_notas: bool,
}

pub struct Modelo {
    precios: Vec<u64>,
    lotes: BTreeMap<(usize, usize), Vec<Lote>>,
    /// Lots that each stock has had.
    llegadas: BTreeMap<(usize, usize), u64>,
    facturas: BTreeMap<usize, Factura>,
    notas: Vec<Nota>,
    pedidas: usize,
    siguiente: u64,
    siguiente_nota: u64,
}

/// Half to even.
fn redondear(valor: u128, divisor: u128) -> u64 {
    let (cociente, resto) = (valor / divisor, valor % divisor);
    let sube = resto * 2 > divisor || (resto * 2 == divisor && cociente % 2 == 1);
    (cociente + u128::from(sube)) as u64
}

/// Amounts of each line; `None` when a discount is above what it lowers.
fn importes(renglones: &[Renglon], descuento: Option<Descuento>) -> Option<Importes> {
    let mut importes: Importes = Vec::new();
    for r in renglones {
        let bruto = redondear(u128::from(r.linea.cantidad) * u128::from(r.precio), 100);
        let propio = match r.linea.descuento {
            None => 0,
            Some(Descuento::Porcentaje(p)) => redondear(u128::from(bruto) * u128::from(p), 10_000),
            Some(Descuento::Monto(m)) => m,
        };
        importes.push([bruto, propio, 0, bruto.checked_sub(propio)?, 0]);
    }
    let neto: u64 = importes.iter().map(|i| i[3]).sum();
    let del_documento = match descuento {
        None => 0,
        Some(Descuento::Porcentaje(p)) => redondear(u128::from(neto) * u128::from(p), 10_000),
        Some(Descuento::Monto(m)) => m,
    };
    if del_documento > neto {
        return None;
    }
    for (i, parte) in partes(del_documento, &importes).into_iter().enumerate() {
        importes[i][2] = parte;
        importes[i][3] -= parte;
    }
    for (i, r) in importes.iter_mut().zip(renglones) {
        i[4] = redondear(u128::from(i[3]) * u128::from(tarifa(r.linea.producto).unwrap_or(0)), 100);
    }
    Some(importes)
}

/// Largest remainder, earlier lines first.
fn partes(total: u64, importes: &Importes) -> Vec<u64> {
    let suma: u128 = importes.iter().map(|i| u128::from(i[3])).sum();
    if suma == 0 {
        return vec![0; importes.len()];
    }
    let exactas: Vec<u128> = importes.iter().map(|i| u128::from(total) * u128::from(i[3])).collect();
    let mut partes: Vec<u64> = exactas.iter().map(|e| (e / suma) as u64).collect();
    let mut orden: Vec<usize> = (0..partes.len()).collect();
    orden.sort_by(|a, b| (exactas[*b] % suma).cmp(&(exactas[*a] % suma)).then(a.cmp(b)));
    let falta = (total - partes.iter().sum::<u64>()) as usize;
    orden.into_iter().take(falta).for_each(|i| partes[i] += 1);
    partes
}

fn total(importes: &Importes) -> u64 {
    importes.iter().map(|i| i[3] + i[4]).sum()
}

fn valida(linea: &Linea) -> bool {
    linea.producto < PRODUCTOS && linea.cantidad > 0
}

impl Modelo {
    pub fn new() -> Self {
        Self {
            precios: (0..PRODUCTOS).map(precio_inicial).collect(),
            lotes: BTreeMap::new(),
            llegadas: BTreeMap::new(),
            facturas: BTreeMap::new(),
            notas: Vec::new(),
            pedidas: 0,
            siguiente: 1,
            siguiente_nota: 1,
        }
    }

    /// Arrival of the next lot of a stock.
    fn llegada(&mut self, producto: usize, bodega: usize) -> u64 {
        let ultima = self.llegadas.entry((producto, bodega)).or_default();
        *ultima += 1;
        *ultima
    }

    /// The order with number `n`.
    pub fn dar(&mut self, orden: &Orden, n: usize) {
        match orden {
            Orden::Entrada { producto, bodega, cantidad, costo, dia } => {
                let llegada = self.llegada(*producto, *bodega);
                let lotes = self.lotes.entry((*producto, *bodega)).or_default();
                // Behind those of its day and before.
                let lugar = lotes.iter().position(|l| l.dia > *dia).unwrap_or(lotes.len());
                lotes.insert(lugar, Lote { dia: *dia, llegada, cantidad: *cantidad, costo: *costo });
            }
            Orden::Salida { producto, bodega, cantidad } => {
                if self.stock(*producto, *bodega) >= *cantidad {
                    self.sacar(*producto, *bodega, *cantidad);
                }
            }
            Orden::Precio { producto, precio } => self.precios[*producto] = *precio,
            Orden::Factura { borrador, lineas, descuento } => self.crear(*borrador, lineas, *descuento),
            Orden::AgregarLinea { factura, linea } => {
                let Some(precio) = self.precios.get(linea.producto).copied().filter(|_| valida(linea)) else { return };
                let renglon = Renglon { linea: linea.clone(), precio };
                self.editar(*factura, |f| {
                    f.renglones.push(renglon);
                    true
                });
            }
            Orden::QuitarLinea { factura, linea } => self.editar(*factura, |f| {
                let esta = *linea <= f.renglones.len();
                if esta {
                    f.renglones.remove(linea - 1);
                }
                esta
            }),
            Orden::AplicarDescuento { factura, linea, descuento } => self.editar(*factura, |f| {
                let Some(numero) = linea else {
                    f.descuento = Some(*descuento);
                    return true;
                };
                let renglon = f.renglones.get_mut(numero - 1);
                let esta = renglon.is_some();
                if let Some(renglon) = renglon {
                    renglon.linea.descuento = Some(*descuento);
                }
                esta
            }),
            Orden::Emitir { factura } => self.emitir(*factura),
            Orden::Nota { factura, lineas, reversa } => self.acreditar(*factura, n, lineas, *reversa),
            Orden::Anular { factura } => self.anular(*factura),
            Orden::Descartar { factura } => {
                if let Some(f) = self.facturas.get_mut(factura).filter(|f| matches!(f.estado, "BORRADOR" | "RECHAZADA")) {
                    f.estado = "DESCARTADA";
                }
            }
        }
    }

    fn crear(&mut self, borrador: bool, lineas: &[Linea], descuento: Option<Descuento>) {
        let factura = self.pedidas;
        self.pedidas += 1;
        if !lineas.iter().all(valida) {
            return;
        }
        let renglones: Vec<Renglon> =
            lineas.iter().map(|l| Renglon { linea: l.clone(), precio: self.precios[l.producto] }).collect();
        if importes(&renglones, descuento).is_none() {
            return;
        }
        let nueva = Factura {
            estado: "BORRADOR",
            intento: 0,
            renglones,
            descuento,
            numero: None,
            salidas: Vec::new(),
            cargos: BTreeMap::new(),
            con_notas: false,
        };
        self.facturas.insert(factura, nueva);
        if !borrador {
            self.emitir(factura);
        }
    }

    /// An edit that leaves a discount without base is refused.
    fn editar(&mut self, factura: usize, cambio: impl FnOnce(&mut Factura) -> bool) {
        let Some(f) = self.facturas.get_mut(&factura).filter(|f| matches!(f.estado, "BORRADOR" | "RECHAZADA")) else { return };
        let antes = (f.renglones.clone(), f.descuento);
        if cambio(f) && importes(&f.renglones, f.descuento).is_some() {
            f.estado = "BORRADOR";
        } else {
            (f.renglones, f.descuento) = antes;
        }
    }

    fn emitir(&mut self, factura: usize) {
        let Some(mut f) = self.facturas.remove(&factura) else { return };
        if matches!(f.estado, "BORRADOR" | "RECHAZADA") {
            f.intento += 1;
            f.estado = if self.se_puede(&f) { "EMITIDA" } else { "RECHAZADA" };
            if f.estado == "EMITIDA" {
                f.numero = Some(self.siguiente);
                self.siguiente += 1;
                f.salidas = grupos(&f.renglones).into_iter().map(|(p, b, c)| self.salida(p, b, c)).collect();
            }
        }
        self.facturas.insert(factura, f);
    }

    fn se_puede(&self, f: &Factura) -> bool {
        let positivo = importes(&f.renglones, f.descuento).is_some_and(|i| total(&i) > 0);
        positivo && grupos(&f.renglones).into_iter().all(|(p, b, c)| self.stock(p, b) >= c)
    }

    fn salida(&mut self, producto: usize, bodega: usize, cantidad: u64) -> Salio {
        Salio { producto, bodega, cantidad, lotes: self.sacar(producto, bodega, cantidad) }
    }

    fn stock(&self, producto: usize, bodega: usize) -> u64 {
        self.lotes.get(&(producto, bodega)).map_or(0, |lotes| lotes.iter().map(|l| l.cantidad).sum())
    }

    fn sacar(&mut self, producto: usize, bodega: usize, mut falta: u64) -> Vec<(u64, u64, u64, u64)> {
        let lotes = self.lotes.entry((producto, bodega)).or_default();
        let mut tomados = Vec::new();
        for lote in lotes.iter_mut() {
            let toma = lote.cantidad.min(falta);
            if toma > 0 {
                tomados.push((lote.dia, lote.llegada, toma, lote.costo));
                lote.cantidad -= toma;
                falta -= toma;
            }
        }
        lotes.retain(|l| l.cantidad > 0);
        tomados
    }

    pub fn texto(&self) -> String {
        let mut texto = String::new();
        for producto in 0..PRODUCTOS {
            for (b, bodega) in BODEGAS.iter().enumerate() {
                let vacio = Vec::new();
                let lotes = self.lotes.get(&(producto, b)).unwrap_or(&vacio);
                let valor: u128 = lotes.iter().map(|l| u128::from(l.cantidad) * u128::from(l.costo)).sum();
                let lista: Vec<String> = lotes.iter().map(|l| lote(l.dia, l.cantidad, l.costo)).collect();
                let (id, stock) = (producto_id(producto), cifra(self.stock(producto, b).into(), 2));
                writeln!(texto, "{id}:{bodega} stock {stock} reservado 0 valor {} [{}]", cifra(valor, 5), lista.join(", "))
                    .expect("texto");
            }
        }
        for (n, f) in &self.facturas {
            escribir(*n, f, &mut texto);
        }
        self.escribir_notas(&mut texto);
        texto
    }
}

/// Quantity of each product and warehouse, in the order of their first line.
fn grupos(renglones: &[Renglon]) -> Vec<(usize, usize, u64)> {
    let mut grupos: Vec<(usize, usize, u64)> = Vec::new();
    for Renglon { linea, .. } in renglones {
        match grupos.iter_mut().find(|(p, b, _)| (*p, *b) == (linea.producto, linea.bodega)) {
            Some(grupo) => grupo.2 += linea.cantidad,
            None => grupos.push((linea.producto, linea.bodega, linea.cantidad)),
        }
    }
    grupos
}

fn lote(dia_de_ingreso: u64, cantidad: u64, costo: u64) -> String {
    format!("{} {} a {}", dia(dia_de_ingreso), cifra(cantidad.into(), 2), cifra(costo.into(), 3))
}

/// A number of 10^-decimales, without trailing zeros.
fn cifra(valor: u128, decimales: u32) -> String {
    let base = 10_u128.pow(decimales);
    let fraccion = format!("{:0ancho$}", valor % base, ancho = decimales as usize);
    let fraccion = fraccion.trim_end_matches('0');
    if fraccion.is_empty() { (valor / base).to_string() } else { format!("{}.{fraccion}", valor / base) }
}

fn dinero(centavos: u64) -> String {
    format!("{}.{:02}", centavos / 100, centavos % 100)
}

fn escribir(n: usize, f: &Factura, texto: &mut String) {
    let importes = importes(&f.renglones, f.descuento).expect("lo guardado tiene importes");
    let suma = |cual: usize| importes.iter().map(|i| i[cual]).sum::<u64>();
    let (bruto, descuentos, neto) = (suma(0), suma(1) + suma(2), suma(3));
    write!(texto, "{} {} intento {}", factura_id(n), f.estado, f.intento).expect("texto");
    write!(texto, " {} - {} = {}", dinero(bruto), dinero(descuentos), dinero(neto)).expect("texto");
    for tarifa_del_grupo in [5, 19] {
        let suyas: Vec<&[u64; 5]> = f
            .renglones
            .iter()
            .zip(&importes)
            .filter(|(r, _)| tarifa(r.linea.producto) == Some(tarifa_del_grupo))
            .map(|(_, i)| i)
            .collect();
        if !suyas.is_empty() {
            let (base, valor) = (suyas.iter().map(|i| i[3]).sum(), suyas.iter().map(|i| i[4]).sum());
            write!(texto, " IVA {tarifa_del_grupo}%: {} de {}", dinero(valor), dinero(base)).expect("texto");
        }
    }
    writeln!(texto, " total {}", dinero(total(&importes))).expect("texto");
    let Some(numero) = f.numero.filter(|_| f.estado == "EMITIDA") else { return };
    let costo: u128 = f.salidas.iter().flat_map(|s| &s.lotes).map(|(_, _, c, costo)| u128::from(*c) * u128::from(*costo)).sum();
    writeln!(texto, "  F{numero} costo {}", cifra(costo, 5)).expect("texto");
    for (i, (r, importe)) in f.renglones.iter().zip(&importes).enumerate() {
        let (cantidad, precio) = (cifra(r.linea.cantidad.into(), 2), cifra(r.precio.into(), 2));
        let importe = importe.map(dinero).join(" ");
        writeln!(texto, "  {} {} {cantidad} x {precio} {importe}", i + 1, producto_id(r.linea.producto)).expect("texto");
    }
    for s in &f.salidas {
        let lotes: Vec<String> = s.lotes.iter().map(|(dia, _, cantidad, costo)| lote(*dia, *cantidad, *costo)).collect();
        let cantidad = cifra(s.cantidad.into(), 2);
        writeln!(texto, "  {} de {}: {cantidad} [{}]", producto_id(s.producto), BODEGAS[s.bodega], lotes.join(", "))
            .expect("texto");
    }
}
