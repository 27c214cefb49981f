//! Sums at the edges of what a column holds.

use super::*;
use crate::{
    projections::ventas::VENTAS_POR_DIA,
    tables::{Row, Value},
};

fn dec(texto: &str) -> Decimal {
    Decimal::from_str_exact(texto).unwrap()
}

/// As the table gives them back.
fn ida_y_vuelta(sumas: &Sumas) -> Sumas {
    let row = Row { key: Vec::new(), values: sumas.valores(), version: 1 };
    Sumas::leer(&Columns::new(&VENTAS_POR_DIA, &row)).unwrap()
}

#[test]
fn sums_are_exact_where_a_decimal_would_round_and_an_annulment_takes_back_all() {
    let parte = Parte {
        lineas: 2,
        cantidad: dec("0.000001"),
        neto: dec("999999999999999.99"),
        impuestos: dec("0.01"),
        costo: dec("9999999999999999.999999999999"),
    };
    let mut sumas = Sumas::default();
    for n in 1..=7 {
        sumas.agregar(Lado::Venta, &parte);
        assert!(!sumas.excedida && ida_y_vuelta(&sumas) == sumas, "{n}");
    }
    assert_eq!(sumas.valores()[6], Value::Decimal(dec("69999999999999999.999999999993")));
    for _ in 0..7 {
        sumas.agregar(Lado::Anulacion, &parte);
    }
    assert_eq!(sumas, Sumas { anuladas: 7, ..Sumas::default() });
}

#[test]
fn a_sum_that_does_not_fit_is_told_and_stays_told() {
    let grande = Parte { lineas: 1, costo: dec("9999999999999999.999999999999"), ..Parte::default() };
    let mut sumas = Sumas::default();
    for _ in 0..8 {
        sumas.agregar(Lado::Venta, &Parte { neto: dec("5"), ..grande });
    }
    assert!(sumas.excedida);
    sumas.agregar(Lado::Anulacion, &Parte { neto: dec("5"), ..grande });
    let valores = sumas.valores();
    assert_eq!(valores[..7], [Value::Int(7), Value::Int(1), Value::Int(7), Value::Null, Value::Null, Value::Null, Value::Null]);
    assert_eq!(valores[13], Value::Bool(true));
    assert_eq!(ida_y_vuelta(&sumas), sumas);
    let mut juntas = Sumas::default();
    juntas.juntar(&sumas);
    assert!(juntas.excedida && juntas.ventas.documentos == 7);
}

#[test]
fn many_rows_together_are_exact_beyond_a_column() {
    let mut fila = Sumas::default();
    fila.agregar(Lado::Venta, &Parte { lineas: 1, costo: dec("9999999999999999.999999999999"), ..Parte::default() });
    let mut juntas = Sumas::default();
    for _ in 0..1_000 {
        juntas.juntar(&fila);
    }
    assert!(!juntas.excedida);
    assert_eq!(juntas.ventas.costo, 9_999_999_999_999_999_999_999_999_999 * 1_000);
}
