//! Exact proportions of money (`dominio.md` section 4): what cumulative differences are made of.

use crate::domain::{
    emisor::{ModoRedondeo, PoliticaRedondeo},
    valores::{Decimal, Dinero},
};

/// Decimals of a [`Dinero`].
const DECIMALES_DINERO: u32 = 2;
/// Most decimals of what a proportion compares: quantities have six, money two.
const DECIMALES_PARTE: u32 = 6;

/// `r(monto x parte / entero)`: `parte` and `entero` are both quantities or both money, `0 <= parte <= entero`. Exact until its one
/// rounding: below 10^17 cents times 10^21 millionths, it fits a 128-bit integer. With an `entero` of zero there is nothing to share.
pub fn proporcion(politica: &PoliticaRedondeo, monto: Dinero, parte: Decimal, entero: Decimal) -> Dinero {
    let (parte, entero) = (en_unidades(parte, DECIMALES_PARTE), en_unidades(entero, DECIMALES_PARTE));
    if entero == 0 {
        return Dinero::CERO;
    }
    let centavos = en_unidades(monto.valor(), DECIMALES_DINERO);
    let sobran = DECIMALES_DINERO.saturating_sub(politica.decimales);
    let redondeado = dividir(centavos * parte, entero * 10_i128.pow(sobran), politica.modo);
    Dinero::nuevo(Decimal::from_i128_with_scale(redondeado, DECIMALES_DINERO - sobran)).unwrap_or_default()
}

/// `valor` as an integer of 10^-decimales; it has no more decimals than that.
fn en_unidades(valor: Decimal, decimales: u32) -> i128 {
    let valor = if valor.scale() > decimales { valor.normalize() } else { valor };
    valor.mantissa() * 10_i128.pow(decimales.saturating_sub(valor.scale()))
}

/// The quotient rounded by the mode; neither is negative.
fn dividir(dividendo: i128, divisor: i128, modo: ModoRedondeo) -> i128 {
    let (cociente, resto) = (dividendo / divisor, dividendo % divisor);
    let sube = match (resto * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => match modo {
            ModoRedondeo::MitadArriba => true,
            ModoRedondeo::MitadPar => cociente % 2 != 0,
        },
    };
    cociente + i128::from(sube)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::emisor::{Emisor, NivelRedondeo};

    fn dec(texto: &str) -> Decimal {
        texto.parse().expect("decimal")
    }

    fn dinero(texto: &str) -> Dinero {
        Dinero::nuevo(dec(texto)).expect("dinero")
    }

    #[test]
    fn se_redondea_una_vez_por_la_politica() {
        let casos = [
            ("0.05", "1", "2", "0.02", "0.03"),
            ("0.15", "1", "2", "0.08", "0.08"),
            ("100.00", "1", "3", "33.33", "33.33"),
            ("100.00", "0.000001", "0.000003", "33.33", "33.33"),
            ("10.00", "0", "7", "0", "0"),
            ("10.00", "7", "7", "10", "10"),
            ("999999999999999.99", "99999999999999", "99999999999999", "999999999999999.99", "999999999999999.99"),
            ("10.00", "0", "0", "0", "0"),
        ];
        for (monto, parte, entero, par, arriba) in casos {
            let con = |politica: &PoliticaRedondeo| proporcion(politica, dinero(monto), dec(parte), dec(entero));
            assert_eq!(con(&Emisor::co().redondeo), dinero(par), "{monto} x {parte}/{entero}, mitad al par");
            assert_eq!(con(&Emisor::ec().redondeo), dinero(arriba), "{monto} x {parte}/{entero}, mitad arriba");
        }
    }

    #[test]
    fn sin_centavos_se_redondea_a_la_unidad() {
        let politica = PoliticaRedondeo { modo: ModoRedondeo::MitadPar, nivel: NivelRedondeo::Linea, decimales: 0 };
        assert_eq!(proporcion(&politica, dinero("25"), dec("1"), dec("10")), dinero("2"));
        assert_eq!(proporcion(&politica, dinero("35"), dec("1"), dec("10")), dinero("4"));
    }

    proptest! {
        /// Never above the whole, never decreasing, and whole at the whole.
        #[test]
        fn crece_hasta_el_entero(monto in 0_i64..i64::MAX / 100, a in 0_i64..1_000_000, b in 0_i64..1_000_000, mas in 0_i64..1_000_000) {
            let monto = Dinero::nuevo(Decimal::new(monto % 100_000_000_000_000_000, 2)).expect("dinero");
            let politica = Emisor::co().redondeo;
            let (menor, mayor) = (a.min(b), a.max(b));
            let entero = Decimal::new(mayor + mas, 3);
            let en = |parte: i64| proporcion(&politica, monto, Decimal::new(parte, 3), entero);
            prop_assert!(en(menor) <= en(mayor));
            prop_assert!(en(mayor) <= monto);
            if mayor + mas > 0 {
                prop_assert_eq!(en(mayor + mas), monto);
            }
        }
    }
}
