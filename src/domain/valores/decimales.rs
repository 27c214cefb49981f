//! Exact decimals. Limits are checked before any arithmetic, because a 96-bit decimal rounds silently beyond 28 digits.

use std::{cmp::Ordering, fmt};

use rust_decimal::Decimal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorDecimal {
    /// Not a decimal number at all.
    Formato,
    /// More digits or decimals than the type holds (`PrecisionExcedida`).
    Precision,
    /// Outside the type's range (negative, above its maximum).
    Rango,
}

/// Longest text that is parsed, in bytes: far above any number the types hold.
const TEXTO_DECIMAL_MAX: usize = 128;

/// Exact parse of a JSON number or text (`12`, `-0.50`, `1e3`): never rounds. Leading zeros are read (text
/// may have them); a plus sign, a bare point and blanks are not numbers. Zero has no sign, and decimals lose their trailing zeros.
///
/// # Errors
/// `Formato` when it is no number; `Precision` when it has more than 28 significant digits or decimals.
pub fn decimal_exacto(texto: &str) -> Result<Decimal, ErrorDecimal> {
    if texto.len() > TEXTO_DECIMAL_MAX {
        let numerico = texto.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
        return Err(if numerico { ErrorDecimal::Precision } else { ErrorDecimal::Formato });
    }
    let (mantisa, exponente) = match texto.find(['e', 'E']) {
        Some(i) => (&texto[..i], texto[i + 1..].parse::<i32>().map_err(|_| error_de_exponente(&texto[i + 1..]))?),
        None => (texto, 0),
    };
    let (negativo, digitos) = match mantisa.strip_prefix('-') {
        Some(resto) => (true, resto),
        None => (false, mantisa),
    };
    let (enteros, decimales) = digitos.split_once('.').unwrap_or((digitos, ""));
    let con_punto_vacio = digitos.contains('.') && decimales.is_empty();
    if enteros.is_empty() || con_punto_vacio || !enteros.bytes().chain(decimales.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(ErrorDecimal::Formato);
    }
    let todos: String = enteros.chars().chain(decimales.chars()).collect();
    let escala = i64::try_from(decimales.len()).map_err(|_| ErrorDecimal::Precision)? - i64::from(exponente);
    armar(negativo, &todos, escala)
}

fn error_de_exponente(texto: &str) -> ErrorDecimal {
    let sin_signo = texto.strip_prefix(['-', '+']).unwrap_or(texto);
    let numerico = !sin_signo.is_empty() && sin_signo.bytes().all(|b| b.is_ascii_digit());
    if numerico { ErrorDecimal::Precision } else { ErrorDecimal::Formato }
}

fn armar(negativo: bool, digitos: &str, escala: i64) -> Result<Decimal, ErrorDecimal> {
    let sin_ceros = digitos.trim_start_matches('0');
    let significativos = sin_ceros.trim_end_matches('0');
    if significativos.is_empty() {
        return Ok(Decimal::ZERO);
    }
    let escala = escala - i64::try_from(sin_ceros.len() - significativos.len()).map_err(|_| ErrorDecimal::Precision)?;
    if significativos.len() > 28 || !(-28..=28).contains(&escala) {
        return Err(ErrorDecimal::Precision);
    }
    let mut valor: i128 = significativos.parse().map_err(|_| ErrorDecimal::Precision)?;
    let mut escala_final = escala;
    while escala_final < 0 {
        valor = valor.checked_mul(10).ok_or(ErrorDecimal::Precision)?;
        escala_final += 1;
    }
    let escala_u32 = u32::try_from(escala_final).map_err(|_| ErrorDecimal::Precision)?;
    let firmado = if negativo { -valor } else { valor };
    Decimal::try_from_i128_with_scale(firmado, escala_u32).map_err(|_| ErrorDecimal::Precision)
}

/// Powers of ten within 96 bits: limits are compared on mantissas, without rescaling decimals.
const POTENCIAS: [i128; 29] = {
    let mut potencias = [1; 29];
    let mut i = 1;
    while i < 29 {
        potencias[i] = potencias[i - 1] * 10;
        i += 1;
    }
    potencias
};

/// Whether `valor` is below 10^exponente (a negative one is). Exact: beyond 28 digits no decimal reaches.
pub(in crate::domain) fn bajo_potencia(valor: Decimal, exponente: u32) -> bool {
    POTENCIAS.get((exponente + valor.scale()) as usize).is_none_or(|tope| valor.mantissa() < *tope)
}

/// As `Decimal::cmp`; of one scale, which is nearly always, by mantissa, without rescaling.
pub(in crate::domain) fn comparar(a: Decimal, b: Decimal) -> Ordering {
    if a.scale() == b.scale() { a.mantissa().cmp(&b.mantissa()) } else { a.cmp(&b) }
}

/// `valor` without trailing zeros; as `Decimal::normalize`, in 64 bits when it fits.
fn sin_ceros(valor: Decimal) -> Decimal {
    if valor.scale() == 0 && !valor.is_zero() {
        return valor;
    }
    let Ok(mut mantisa) = i64::try_from(valor.mantissa()) else { return valor.normalize() };
    if mantisa == 0 {
        return Decimal::ZERO;
    }
    let mut escala = valor.scale();
    while escala > 0 && mantisa % 10 == 0 {
        mantisa /= 10;
        escala -= 1;
    }
    Decimal::new(mantisa, escala)
}

/// At most `decimales` decimals and `significativos` significant digits, trailing zeros apart.
fn cabe(valor: Decimal, decimales: u32, significativos: usize) -> bool {
    // Usual case, without divisions: dropping trailing zeros would only shorten both.
    if valor.scale() <= decimales
        && POTENCIAS.get(significativos).is_some_and(|tope| valor.mantissa().unsigned_abs() < tope.unsigned_abs())
    {
        return true;
    }
    let normal = valor.normalize();
    let mut mantisa = normal.mantissa().unsigned_abs();
    let mut digitos = 0usize;
    while mantisa > 0 {
        mantisa /= 10;
        digitos += 1;
    }
    normal.scale() <= decimales && digitos <= significativos
}

/// A decimal newtype with its limits; `nuevo` is the only way in.
macro_rules! decimal_con_limites {
    ($(#[$doc:meta])* $nombre:ident, $revisar:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $nombre(Decimal);

        impl Ord for $nombre {
            fn cmp(&self, otro: &Self) -> Ordering {
                comparar(self.0, otro.0)
            }
        }

        impl PartialOrd for $nombre {
            fn partial_cmp(&self, otro: &Self) -> Option<Ordering> {
                Some(self.cmp(otro))
            }
        }

        impl $nombre {
            pub const CERO: Self = Self(Decimal::ZERO);

            /// # Errors
            /// `Rango` or `Precision`, by the limits of the type.
            pub fn nuevo(valor: Decimal) -> Result<Self, ErrorDecimal> {
                let revisar: fn(Decimal) -> Result<(), ErrorDecimal> = $revisar;
                revisar(valor)?;
                // One form for each number: trailing zeros would grow the mantissa of a product past 96 bits.
                Ok(Self(sin_ceros(valor)))
            }

            pub fn valor(self) -> Decimal {
                self.0
            }

            pub fn es_cero(self) -> bool {
                self.0.is_zero()
            }
        }

    };
}

/// Shown without trailing zeros: `2.5`, `1000`.
macro_rules! mostrar_sin_ceros {
    ($($nombre:ident),*) => { $(
        impl fmt::Display for $nombre {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )* };
}

mostrar_sin_ceros!(Cantidad, PrecioUnitario, CostoUnitario, CostoTotal, Porcentaje);

impl fmt::Display for Dinero {
    /// Always two decimals: `119000.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

fn no_negativo(valor: Decimal) -> Result<(), ErrorDecimal> {
    if valor.is_sign_negative() && !valor.is_zero() { Err(ErrorDecimal::Rango) } else { Ok(()) }
}

fn hasta(valor: Decimal, decimales: u32, digitos: usize) -> Result<(), ErrorDecimal> {
    if cabe(valor, decimales, digitos) { Ok(()) } else { Err(ErrorDecimal::Precision) }
}

/// `valor` below 10^exponente in absolute value, with at most `decimales` decimals.
fn menor_que_potencia(valor: Decimal, exponente: u32, decimales: u32) -> Result<(), ErrorDecimal> {
    if bajo_potencia(valor.abs(), exponente) && (valor.scale() <= decimales || valor.normalize().scale() <= decimales) {
        Ok(())
    } else {
        Err(ErrorDecimal::Precision)
    }
}

decimal_con_limites!(
    /// Quantity of goods: >= 0, at most 6 decimals and 14 significant digits. Wire: `decimal(20,6)`.
    Cantidad,
    |v| no_negativo(v).and_then(|()| hasta(v, 6, 14))
);
decimal_con_limites!(
    /// Unit price: > 0, at most 6 decimals and 14 significant digits. Wire: `decimal(20,6)`.
    PrecioUnitario,
    |v| if !v.is_sign_negative() && !v.is_zero() { hasta(v, 6, 14) } else { Err(ErrorDecimal::Rango) }
);
decimal_con_limites!(
    /// Unit cost: >= 0, at most 6 decimals and 14 significant digits. Wire: `decimal(20,6)`.
    CostoUnitario,
    |v| no_negativo(v).and_then(|()| hasta(v, 6, 14))
);
decimal_con_limites!(
    /// Document amount: two decimals, below 10^15 in absolute value. Wire: `decimal(20,2)`.
    Dinero,
    |v| menor_que_potencia(v, 15, 2)
);
decimal_con_limites!(
    /// Cost total or inventory value: exact, up to 12 decimals, from 0 to below 10^16. Wire: `decimal(28,12)`.
    CostoTotal,
    |v| no_negativo(v).and_then(|()| menor_que_potencia(v, 16, 12))
);
decimal_con_limites!(
    /// 0 to 100, at most 4 decimals. Wire: `decimal(7,4)`.
    Porcentaje,
    |v| if v < Decimal::ZERO || v > Decimal::ONE_HUNDRED { Err(ErrorDecimal::Rango) } else { hasta(v, 4, 7) }
);

#[cfg(test)]
mod tests;
