//! The figures of a row of sales.
//!
//! A `Decimal` that runs out of its 96 bits drops decimals without a word. So sums are integers of the smallest unit of each figure (a
//! cent, a millionth, a billionth of a thousandth), exact whatever is added, and a row whose sum no longer fits the column says so.

use rust_decimal::Decimal;

use crate::{
    projections::rows::{Columns, boolean, decimal, int},
    tables::{Column, TablesError, Value},
};

pub const ESCALA_CANTIDAD: u32 = 6;
pub const ESCALA_DINERO: u32 = 2;
pub const ESCALA_COSTO: u32 = 12;

const POTENCIAS: [i128; ESCALA_COSTO as usize + 1] = {
    let mut potencias = [1; ESCALA_COSTO as usize + 1];
    let mut i = 1;
    while i < potencias.len() {
        potencias[i] = potencias[i - 1] * 10;
        i += 1;
    }
    potencias
};

/// What a column holds: below 2^96 of its smallest unit, which is 7.9 × 10^26 of money, 7.9 × 10^22 of quantity, 7.9 × 10^16 of cost.
const TOPE: u128 = 1 << 96;

/// Columns of every table of sales, in the order of [`Sumas::valores`].
pub const COLUMNAS: &[Column] = &[
    // Issued and not annulled.
    int("facturas"),
    int("anuladas"),
    int("lineas"),
    decimal("cantidad"),
    // Without taxes, discounts taken.
    decimal("neto"),
    decimal("impuestos"),
    decimal("costo"),
    int("notas"),
    int("lineas_devueltas"),
    decimal("cantidad_devuelta"),
    decimal("neto_devuelto"),
    decimal("impuestos_devueltos"),
    decimal("costo_devuelto"),
    // A sum no longer fits: the decimals are null and only the counts go on.
    boolean("excedida"),
];

/// What a line, a group or a whole document adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parte {
    pub lineas: i64,
    pub cantidad: Decimal,
    pub neto: Decimal,
    pub impuestos: Decimal,
    pub costo: Decimal,
}

impl Parte {
    /// Adds another. Exact: parts of one document, whose amounts have their limits.
    pub fn mas(&mut self, otra: &Self) {
        self.lineas += otra.lineas;
        self.cantidad += otra.cantidad;
        self.neto += otra.neto;
        self.impuestos += otra.impuestos;
        self.costo += otra.costo;
    }
}

/// Whose figures they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lado {
    /// Of an issued invoice.
    Venta,
    /// Of an annulled one: it takes away what its issue added.
    Anulacion,
    /// Of a credit note.
    Devolucion,
}

/// Of invoices, or of notes. Money in cents, quantity in millionths, cost in 10^-12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cifras {
    pub documentos: i64,
    pub lineas: i64,
    pub cantidad: i128,
    pub neto: i128,
    pub impuestos: i128,
    pub costo: i128,
}

impl Cifras {
    /// `None` when a sum does not fit.
    fn mas(&self, otras: &Self) -> Option<Self> {
        Some(Self {
            documentos: self.documentos.checked_add(otras.documentos)?,
            lineas: self.lineas.checked_add(otras.lineas)?,
            cantidad: self.cantidad.checked_add(otras.cantidad)?,
            neto: self.neto.checked_add(otras.neto)?,
            impuestos: self.impuestos.checked_add(otras.impuestos)?,
            costo: self.costo.checked_add(otras.costo)?,
        })
    }

    /// Of figures of one document: far from where a negation fails.
    fn menos(&self) -> Self {
        Self {
            documentos: -self.documentos,
            lineas: -self.lineas,
            cantidad: -self.cantidad,
            neto: -self.neto,
            impuestos: -self.impuestos,
            costo: -self.costo,
        }
    }

    fn de(parte: &Parte, documentos: i64) -> Option<Self> {
        Some(Self {
            documentos,
            lineas: parte.lineas,
            cantidad: unidades(parte.cantidad, ESCALA_CANTIDAD)?,
            neto: unidades(parte.neto, ESCALA_DINERO)?,
            impuestos: unidades(parte.impuestos, ESCALA_DINERO)?,
            costo: unidades(parte.costo, ESCALA_COSTO)?,
        })
    }

    fn caben(&self) -> bool {
        [self.cantidad, self.neto, self.impuestos, self.costo].iter().all(|suma| suma.unsigned_abs() < TOPE)
    }

    fn solo_cuentas(&self) -> Self {
        Self { documentos: self.documentos, lineas: self.lineas, ..Self::default() }
    }
}

/// The sums of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sumas {
    pub ventas: Cifras,
    pub anuladas: i64,
    pub devoluciones: Cifras,
    /// A sum no longer fitted: it says so from then on, and the figures but the counts are zero.
    pub excedida: bool,
}

impl Sumas {
    /// Adds what a document has for the row. One without lines, such as a rounding, counts as no document.
    pub fn agregar(&mut self, lado: Lado, parte: &Parte) {
        let documentos = i64::from(parte.lineas > 0);
        let cifras = Cifras::de(parte, documentos);
        self.excedida |= cifras.is_none();
        let solo_cuentas = Cifras { documentos, lineas: parte.lineas, ..Cifras::default() };
        let mut cifras = cifras.filter(|_| !self.excedida).unwrap_or(solo_cuentas);
        if lado == Lado::Anulacion {
            cifras = cifras.menos();
            self.anuladas += documentos;
        }
        let suyas = if lado == Lado::Devolucion { &mut self.devoluciones } else { &mut self.ventas };
        match suyas.mas(&cifras) {
            Some(suma) => {
                *suyas = suma;
                self.excedida |= !suma.caben();
            }
            None => self.excedida = true,
        }
        if self.excedida {
            self.olvidar();
        }
    }

    /// Adds another row's. The result of many may be beyond a column, and is exact all the same.
    pub fn juntar(&mut self, otras: &Self) {
        let juntas = self.ventas.mas(&otras.ventas).zip(self.devoluciones.mas(&otras.devoluciones));
        self.anuladas = self.anuladas.saturating_add(otras.anuladas);
        self.excedida |= otras.excedida || juntas.is_none();
        if let Some((ventas, devoluciones)) = juntas {
            (self.ventas, self.devoluciones) = (ventas, devoluciones);
        }
        if self.excedida {
            self.olvidar();
        }
    }

    fn olvidar(&mut self) {
        self.ventas = self.ventas.solo_cuentas();
        self.devoluciones = self.devoluciones.solo_cuentas();
    }

    pub fn valores(&self) -> Vec<Value> {
        let suma = |unidades: i128, escala: u32| match Decimal::try_from_i128_with_scale(unidades, escala) {
            Ok(suma) if !self.excedida => Value::Decimal(suma.normalize()),
            _ => Value::Null,
        };
        let (v, d) = (&self.ventas, &self.devoluciones);
        vec![
            Value::Int(v.documentos),
            Value::Int(self.anuladas),
            Value::Int(v.lineas),
            suma(v.cantidad, ESCALA_CANTIDAD),
            suma(v.neto, ESCALA_DINERO),
            suma(v.impuestos, ESCALA_DINERO),
            suma(v.costo, ESCALA_COSTO),
            Value::Int(d.documentos),
            Value::Int(d.lineas),
            suma(d.cantidad, ESCALA_CANTIDAD),
            suma(d.neto, ESCALA_DINERO),
            suma(d.impuestos, ESCALA_DINERO),
            suma(d.costo, ESCALA_COSTO),
            Value::Bool(self.excedida),
        ]
    }

    /// # Errors
    /// `Corrupt`.
    pub fn leer(columns: &Columns<'_>) -> Result<Self, TablesError> {
        let excedida = columns.boolean("excedida")?;
        let suma = |nombre: &str, escala: u32| -> Result<i128, TablesError> {
            if excedida {
                return Ok(0);
            }
            unidades(columns.decimal(nombre)?, escala).ok_or_else(|| columns.corrupt(nombre))
        };
        Ok(Self {
            ventas: Cifras {
                documentos: columns.signed("facturas")?,
                lineas: columns.signed("lineas")?,
                cantidad: suma("cantidad", ESCALA_CANTIDAD)?,
                neto: suma("neto", ESCALA_DINERO)?,
                impuestos: suma("impuestos", ESCALA_DINERO)?,
                costo: suma("costo", ESCALA_COSTO)?,
            },
            anuladas: columns.signed("anuladas")?,
            devoluciones: Cifras {
                documentos: columns.signed("notas")?,
                lineas: columns.signed("lineas_devueltas")?,
                cantidad: suma("cantidad_devuelta", ESCALA_CANTIDAD)?,
                neto: suma("neto_devuelto", ESCALA_DINERO)?,
                impuestos: suma("impuestos_devueltos", ESCALA_DINERO)?,
                costo: suma("costo_devuelto", ESCALA_COSTO)?,
            },
            excedida,
        })
    }
}

/// `valor` in units of 10^-escala; `None` when it has more decimals than that, or does not fit.
fn unidades(valor: Decimal, escala: u32) -> Option<i128> {
    let valor = if valor.scale() > escala { valor.normalize() } else { valor };
    let potencia = POTENCIAS.get(escala.checked_sub(valor.scale())? as usize)?;
    match i64::try_from(valor.mantissa()) {
        // Nearly always: no product of 64 bits and 40 is beyond 128.
        Ok(mantisa) => Some(i128::from(mantisa) * potencia),
        Err(_) => valor.mantissa().checked_mul(*potencia),
    }
}

#[cfg(test)]
mod tests;
