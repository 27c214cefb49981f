//! Sales in JSON: sums of any size, exact, and their margin.

use std::cmp::Ordering;

use serde_json::Value;

use crate::projections::ventas::sumas::{ESCALA_CANTIDAD, ESCALA_COSTO, ESCALA_DINERO, Sumas};

/// Decimals of a percentage.
const ESCALA_PORCENTAJE: u32 = 4;
const DE_DINERO_A_COSTO: i128 = 10_i128.pow(ESCALA_COSTO - ESCALA_DINERO);

/// The figures of a group. Those of an exceeded sum are null, and `excedido` says so.
pub fn sumas_de_ventas(sumas: &Sumas) -> Value {
    let (v, d) = (&sumas.ventas, &sumas.devoluciones);
    let si_cabe = |texto: String| if sumas.excedida { Value::Null } else { Value::String(texto) };
    let dinero = |unidades: i128| si_cabe(en_texto(unidades, ESCALA_DINERO, 2));
    let cantidad = |unidades: i128| si_cabe(en_texto(unidades, ESCALA_CANTIDAD, 0));
    let costo = |unidades: i128| si_cabe(en_texto(unidades, ESCALA_COSTO, 0));
    let neto = v.neto - d.neto;
    let (neto_exacto, costo_neto) = (neto.checked_mul(DE_DINERO_A_COSTO), v.costo - d.costo);
    let margen = neto_exacto.and_then(|neto| neto.checked_sub(costo_neto));
    let porcentaje = margen.zip(neto_exacto).filter(|_| !sumas.excedida).and_then(|(margen, neto)| porcentaje(margen, neto));
    let figuras = [
        ("facturas", Value::from(v.documentos)),
        ("anuladas", Value::from(sumas.anuladas)),
        ("lineas", Value::from(v.lineas)),
        ("cantidad", cantidad(v.cantidad)),
        ("ventas", dinero(v.neto)),
        ("impuestos", dinero(v.impuestos)),
        ("total", dinero(v.neto + v.impuestos)),
        ("costo", costo(v.costo)),
        ("notas", Value::from(d.documentos)),
        ("lineas_devueltas", Value::from(d.lineas)),
        ("cantidad_devuelta", cantidad(d.cantidad)),
        ("devoluciones", dinero(d.neto)),
        ("impuestos_devueltos", dinero(d.impuestos)),
        ("total_devuelto", dinero(d.neto + d.impuestos)),
        ("costo_devuelto", costo(d.costo)),
        ("ventas_netas", dinero(neto)),
        ("costo_neto", costo(costo_neto)),
        ("margen", margen.map_or(Value::Null, costo)),
        ("margen_porcentaje", porcentaje.map_or(Value::Null, |p| Value::String(en_texto(p, ESCALA_PORCENTAJE, 0)))),
    ];
    let excedido = sumas.excedida.then_some(("excedido", Value::Bool(true)));
    figuras.into_iter().chain(excedido).map(|(nombre, valor)| (nombre.to_owned(), valor)).collect()
}

/// `margen / neto` in percent, half to even at four decimals, in units of 10^-4. `None` without net sales, or with more returned than sold.
fn porcentaje(margen: i128, neto: i128) -> Option<i128> {
    if neto <= 0 {
        return None;
    }
    let (mut resto, divisor) = (margen.unsigned_abs(), neto.unsigned_abs());
    let mut cociente = resto / divisor;
    resto %= divisor;
    for _ in 0..2 + ESCALA_PORCENTAJE {
        resto = resto.checked_mul(10)?;
        cociente = cociente.checked_mul(10)?.checked_add(resto / divisor)?;
        resto %= divisor;
    }
    let sube = match resto.checked_mul(2)?.cmp(&divisor) {
        Ordering::Less => false,
        Ordering::Equal => cociente % 2 != 0,
        Ordering::Greater => true,
    };
    let redondeado = i128::try_from(cociente + u128::from(sube)).ok()?;
    Some(if margen < 0 { -redondeado } else { redondeado })
}

/// Exact, whatever its size: at least so many decimals, and beyond them no zero at the end.
fn en_texto(unidades: i128, escala: u32, decimales: usize) -> String {
    let ancho = escala as usize + 1;
    let digitos = format!("{:0ancho$}", unidades.unsigned_abs());
    let (enteros, resto) = digitos.split_at(digitos.len() - escala as usize);
    let resto = &resto[..resto.trim_end_matches('0').len().max(decimales)];
    let (signo, punto) = (if unidades < 0 { "-" } else { "" }, if resto.is_empty() { "" } else { "." });
    format!("{signo}{enteros}{punto}{resto}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::ventas::sumas::{Lado, Parte};

    #[test]
    fn a_margin_is_exact_and_its_percentage_is_rounded_once_half_to_even() {
        let margen = |ventas: &str, costo: &str| {
            let mut sumas = Sumas::default();
            sumas.agregar(Lado::Venta, &Parte { neto: ventas.parse().unwrap(), costo: costo.parse().unwrap(), ..Parte::default() });
            let campos = sumas_de_ventas(&sumas);
            [&campos["margen"], &campos["margen_porcentaje"]].map(|v| v.as_str().unwrap_or("nulo").to_owned())
        };
        assert_eq!(margen("1000.00", "60.5"), ["939.5", "93.95"]);
        assert_eq!(margen("3.00", "2"), ["1", "33.3333"]);
        assert_eq!(margen("8.00", "12.000000000001"), ["-4.000000000001", "-50"]);
        assert_eq!(margen("1.00", "0.9999995"), ["0.0000005", "0"]);
        assert_eq!(margen("1.00", "0.9999985"), ["0.0000015", "0.0002"]);
        assert_eq!(margen("0.00", "5"), ["-5", "nulo"]);
        assert_eq!(margen("999999999999999.99", "0"), ["999999999999999.99", "100"]);
    }
}
