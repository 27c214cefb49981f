//! Sample values of every record, from a seed: the same seed gives the same values.

mod dominio;
mod notas;
mod sobres;

use std::sync::Arc;

use chrono::NaiveDate;
use factumarket::domain::valores::{
    Cantidad, CostoTotal, CostoUnitario, Decimal, Dinero, Direccion, Id, Identificacion, Instante, Porcentaje, PrecioUnitario,
    TipoIdentificacion,
};
use uuid::Uuid;

/// A small deterministic generator (splitmix64).
pub struct Muestras {
    semilla: u64,
    estado: u64,
}

/// FNV-1a.
fn revolver(nombre: &str) -> u64 {
    nombre.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

impl Muestras {
    pub fn new(semilla: u64) -> Self {
        Self { semilla, estado: semilla }
    }

    /// Seeded by a name.
    pub fn de(nombre: &str) -> Self {
        Self::new(revolver(nombre))
    }

    /// Starts again for the sample of one record type, so that no other type moves it.
    pub fn aparte(&mut self, nombre: &str) {
        self.estado = self.semilla ^ revolver(nombre);
    }

    pub fn u64(&mut self) -> u64 {
        self.estado = self.estado.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.estado ^ (self.estado >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn hasta(&mut self, tope: u64) -> u64 {
        self.u64() % tope
    }

    /// Small numbers as often as large ones; fits Avro's `long`.
    pub fn entero(&mut self) -> u64 {
        let bits = self.hasta(63);
        self.u64() & ((1 << bits) - 1)
    }

    pub fn u16(&mut self) -> u16 {
        self.entero() as u16
    }

    pub fn u128(&mut self) -> u128 {
        (u128::from(self.u64()) << 64) | u128::from(self.u64())
    }

    pub fn u32(&mut self) -> u32 {
        self.entero() as u32 & 0x7fff_ffff
    }

    pub fn bool(&mut self) -> bool {
        self.u64() & 1 == 1
    }

    pub fn opcion<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.bool().then(|| f(self))
    }

    pub fn lista<T>(&mut self, f: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.hasta(4)).map(|_| f(self)).collect()
    }

    pub fn uno<T: Copy>(&mut self, de: &[T]) -> T {
        de[self.hasta(de.len() as u64) as usize]
    }

    pub fn id(&mut self) -> Id {
        let letras = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
        let parte = |g: &mut Self| {
            let largo = 1 + g.hasta(36);
            (0..largo).map(|_| char::from(g.uno(letras))).collect::<String>()
        };
        let partes: Vec<String> = (0..1 + self.hasta(3)).map(|_| parte(self)).collect();
        Id::compuesto(&partes.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub fn cadena(&mut self) -> String {
        let letras = ['a', 'Z', '0', ' ', 'ñ', 'é', '«', '中', '🧾', '/', '"'];
        (0..self.hasta(24)).map(|_| self.uno(&letras)).collect()
    }

    pub fn texto(&mut self) -> Arc<str> {
        Arc::from(self.cadena())
    }

    pub fn fecha(&mut self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.hasta(3_000_000) as i32).unwrap_or_default()
    }

    pub fn instante(&mut self) -> Instante {
        Instante(self.entero() as i64 * if self.bool() { 1 } else { -1 })
    }

    pub fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.u64(), self.u64())
    }

    pub fn huella(&mut self) -> [u8; 16] {
        *self.uuid().as_bytes()
    }

    fn decimal(&mut self, digitos: u32, decimales: u32) -> Decimal {
        let cifras = 1 + self.hasta(u64::from(digitos)) as u32;
        let mantisa = i128::from(self.u64() >> 1) * i128::from(self.u64() >> 1) % 10_i128.pow(cifras);
        Decimal::from_i128_with_scale(mantisa, self.hasta(u64::from(decimales) + 1) as u32)
    }

    /// As a caller may state it: any sign, up to 28 digits and decimals.
    pub fn libre(&mut self) -> Decimal {
        let valor = self.decimal(28, 28);
        if self.bool() { valor } else { -valor }
    }

    pub fn cantidad(&mut self) -> Cantidad {
        Cantidad::nuevo(self.decimal(14, 6)).unwrap()
    }

    pub fn precio(&mut self) -> PrecioUnitario {
        PrecioUnitario::nuevo(self.decimal(14, 6)).or(PrecioUnitario::nuevo(Decimal::ONE)).unwrap()
    }

    pub fn costo(&mut self) -> CostoUnitario {
        CostoUnitario::nuevo(self.decimal(14, 6)).unwrap()
    }

    pub fn dinero(&mut self) -> Dinero {
        let valor = self.decimal(15, 2);
        Dinero::nuevo(if self.bool() { valor } else { -valor }).unwrap()
    }

    pub fn costo_total(&mut self) -> CostoTotal {
        let escala = self.hasta(13) as u32;
        let entero = self.decimal(16 + escala, 0).mantissa();
        CostoTotal::nuevo(Decimal::from_i128_with_scale(entero, escala)).unwrap()
    }

    pub fn porcentaje(&mut self) -> Porcentaje {
        Porcentaje::nuevo(Decimal::from_i128_with_scale(i128::from(self.hasta(1_000_001)), 4)).unwrap()
    }

    pub fn identificacion(&mut self) -> Identificacion {
        Identificacion { tipo: self.uno(&TipoIdentificacion::TODOS), numero: self.texto(), dv: self.opcion(|g| g.hasta(10) as u8) }
    }

    pub fn direccion(&mut self) -> Direccion {
        Direccion {
            linea: self.texto(),
            ciudad: self.opcion(Self::texto),
            region: self.opcion(Self::texto),
            pais: self.opcion(Self::texto),
        }
    }
}
