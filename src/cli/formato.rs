//! Figures as Colombians and Ecuadorians read them: `1.234.567,89`.

use crate::domain::valores::Decimal;

/// A whole number with points between thousands.
pub fn entero(valor: u64) -> String {
    agrupar(&valor.to_string())
}

/// An amount with two decimals.
pub fn importe(valor: Decimal) -> String {
    let texto = format!("{:.2}", valor.abs());
    let (enteros, decimales) = texto.split_once('.').unwrap_or((&texto, "00"));
    let signo = if valor.is_sign_negative() && !valor.is_zero() { "-" } else { "" };
    format!("{signo}{},{decimales}", agrupar(enteros))
}

/// A quantity or cost as exact as it is: no zeros added at the end.
pub fn cantidad(valor: Decimal) -> String {
    let texto = valor.normalize().abs().to_string();
    let signo = if valor.is_sign_negative() && !valor.is_zero() { "-" } else { "" };
    match texto.split_once('.') {
        Some((enteros, decimales)) => format!("{signo}{},{decimales}", agrupar(enteros)),
        None => format!("{signo}{}", agrupar(&texto)),
    }
}

fn agrupar(digitos: &str) -> String {
    let mut texto = String::with_capacity(digitos.len() + digitos.len() / 3);
    for (i, digito) in digitos.chars().enumerate() {
        if i > 0 && (digitos.len() - i).is_multiple_of(3) {
            texto.push('.');
        }
        texto.push(digito);
    }
    texto
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn los_miles_llevan_punto_y_los_decimales_coma() {
        assert_eq!(
            (entero(0), entero(999), entero(1_000), entero(1_234_567)),
            ("0".into(), "999".into(), "1.000".into(), "1.234.567".into())
        );
        assert_eq!(importe(Decimal::new(5_890_500, 2)), "58.905,00");
        assert_eq!(importe(Decimal::new(-5, 2)), "-0,05");
        assert_eq!((cantidad(Decimal::new(1_500_000, 3)), cantidad(Decimal::new(12_345, 1))), ("1.500".into(), "1.234,5".into()));
    }
}
