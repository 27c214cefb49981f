use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn politica(modo: ModoRedondeo, nivel: NivelRedondeo) -> PoliticaRedondeo {
    PoliticaRedondeo { modo, nivel, decimales: 2 }
}

fn dec(texto: &str) -> Decimal {
    texto.parse().expect("decimal")
}

fn impuesto(codigo: &str, tarifa: i64) -> Impuesto {
    Impuesto { codigo: Arc::from(codigo), tarifa: Porcentaje::nuevo(Decimal::from(tarifa)).expect("tarifa") }
}

type Fila = (Cantidad, PrecioUnitario, Option<Impuesto>);

fn fila(cantidad: &str, precio: &str, impuesto: Option<Impuesto>) -> Fila {
    (Cantidad::nuevo(dec(cantidad)).expect("cantidad"), PrecioUnitario::nuevo(dec(precio)).expect("precio"), impuesto)
}

fn totales(politica: PoliticaRedondeo, filas: &[Fila]) -> Result<(Vec<ImportesLinea>, TotalesFactura), MontoExcedido> {
    let partidas =
        filas.iter().map(|(c, p, i)| Partida { cantidad: *c, precio_unitario: *p, descuento: None, impuesto: i.as_ref() });
    calcular(&politica, partidas, None).map_err(|motivo| match motivo {
        SinTotales::Excedido(exceso) => exceso,
        otro => panic!("sin descuentos no hay {otro:?}"),
    })
}

#[test]
fn impuestos_por_codigo_y_tarifa_en_orden() {
    let filas = [
        fila("2", "100", Some(impuesto("IVA", 19))),
        fila("1", "50", Some(impuesto("INC", 8))),
        fila("1", "10", Some(impuesto("IVA", 5))),
        fila("1", "100", Some(impuesto("IVA", 19))),
        fila("1", "7", Some(impuesto("IVA", 0))),
        fila("1", "1000", None),
    ];
    let (_, t) = totales(politica(ModoRedondeo::MitadPar, NivelRedondeo::Linea), &filas).expect("totales");
    let vistos: Vec<String> =
        t.impuestos.iter().map(|i| format!("{} {} {} {}", i.impuesto.codigo, i.impuesto.tarifa, i.base, i.valor)).collect();
    assert_eq!(vistos, ["INC 8 50.00 4.00", "IVA 0 7.00 0.00", "IVA 5 10.00 0.50", "IVA 19 300.00 57.00"]);
    assert_eq!((t.subtotal.valor(), t.total.valor()), (dec("1367"), dec("1428.5")));
}

#[test]
fn la_mitad_va_al_par_o_hacia_arriba_segun_el_regimen() {
    // 0.125 → 0.12 or 0.13; 2.50 x 5 % = 0.125 likewise.
    let filas = [fila("0.125", "1", None), fila("1", "2.5", Some(impuesto("IVA", 5)))];
    let (par, _) = totales(politica(ModoRedondeo::MitadPar, NivelRedondeo::Linea), &filas).expect("totales");
    let (arriba, _) = totales(politica(ModoRedondeo::MitadArriba, NivelRedondeo::Linea), &filas).expect("totales");
    assert_eq!((par[0].bruto.valor(), par[1].impuesto.valor()), (dec("0.12"), dec("0.12")));
    assert_eq!((arriba[0].bruto.valor(), arriba[1].impuesto.valor()), (dec("0.13"), dec("0.13")));
}

#[test]
fn a_nivel_de_documento_se_redondea_una_sola_vez() {
    let filas: Vec<Fila> = (0..3).map(|_| fila("1", "0.333", Some(impuesto("IVA", 19)))).collect();
    let (_, linea) = totales(politica(ModoRedondeo::MitadPar, NivelRedondeo::Linea), &filas).expect("totales");
    let (_, documento) = totales(politica(ModoRedondeo::MitadPar, NivelRedondeo::Documento), &filas).expect("totales");
    // By line: 3 x 0.33 and 3 x 0.06; once: 0.999 and 0.18981.
    assert_eq!((linea.subtotal.valor(), linea.total.valor()), (dec("0.99"), dec("1.17")));
    assert_eq!((documento.subtotal.valor(), documento.total.valor()), (dec("1"), dec("1.19")));
}

#[test]
fn los_limites_se_ven_en_la_linea_y_en_la_suma() {
    let p = politica(ModoRedondeo::MitadPar, NivelRedondeo::Linea);
    let enorme = fila("99999999999999", "99999999999999", None);
    assert_eq!(totales(p, &[fila("1", "1", None), enorme]), Err(MontoExcedido { linea: Some(1) }));
    let justo = fila("1000", "999999999999.99", None);
    assert!(totales(p, std::slice::from_ref(&justo)).is_ok());
    assert_eq!(totales(p, &[justo.clone(), justo]), Err(MontoExcedido { linea: None }));
    let casi = fila("1", "99999999999999", Some(impuesto("IVA", 19)));
    assert!(totales(p, &vec![casi.clone(); 8]).is_ok());
    assert_eq!(totales(p, &vec![casi; 9]), Err(MontoExcedido { linea: None }));
}

/// Reference in integers: `valor` at `escala` decimals rounded to two.
fn redondear_i128(valor: i128, escala: u32, modo: ModoRedondeo) -> i128 {
    let divisor = 10_i128.pow(escala - 2);
    let (q, r) = (valor / divisor, valor % divisor);
    let mitad = r * 2;
    let sube = mitad > divisor || (mitad == divisor && (modo == ModoRedondeo::MitadArriba || q % 2 == 1));
    q + i128::from(sube)
}

fn centavos(dinero: Dinero) -> i128 {
    let mut valor = dinero.valor();
    valor.rescale(2);
    valor.mantissa()
}

prop_compose! {
    /// Quantity and price in millionths, and a tax.
    fn una_fila()(c in 1_i64..2_000_000_000, p in 1_i64..90_000_000_000, i in prop_oneof![Just(None), (0_usize..4).prop_map(Some)])
        -> (i64, i64, Option<usize>) { (c, p, i) }
}

const TARIFAS: [(&str, i64); 4] = [("IVA", 19), ("IVA", 5), ("IVA", 0), ("INC", 8)];

fn armar(filas: &[(i64, i64, Option<usize>)]) -> Vec<Fila> {
    let a_fila = |(c, p, i): &(i64, i64, Option<usize>)| {
        let impuesto = i.map(|i| impuesto(TARIFAS[i].0, TARIFAS[i].1));
        (
            Cantidad::nuevo(Decimal::new(*c, 6)).expect("cantidad"),
            PrecioUnitario::nuevo(Decimal::new(*p, 6)).expect("precio"),
            impuesto,
        )
    };
    filas.iter().map(a_fila).collect()
}

proptest! {
    #[test]
    fn por_linea_es_exacto_y_suma(filas in prop::collection::vec(una_fila(), 1..40), arriba: bool) {
        let modo = if arriba { ModoRedondeo::MitadArriba } else { ModoRedondeo::MitadPar };
        let (lineas, t) = totales(politica(modo, NivelRedondeo::Linea), &armar(&filas)).expect("totales");
        let (mut subtotal, mut impuestos) = (0_i128, 0_i128);
        for (linea, (c, p, i)) in lineas.iter().zip(&filas) {
            let bruto = redondear_i128(i128::from(*c) * i128::from(*p), 12, modo);
            let valor = i.map_or(0, |i| redondear_i128(bruto * i128::from(TARIFAS[i].1), 4, modo));
            prop_assert_eq!(centavos(linea.bruto), bruto);
            prop_assert_eq!(centavos(linea.subtotal), bruto);
            prop_assert_eq!(centavos(linea.impuesto), valor);
            subtotal += bruto;
            impuestos += valor;
        }
        prop_assert_eq!(centavos(t.subtotal), subtotal);
        prop_assert_eq!(t.impuestos.iter().map(|i| centavos(i.valor)).sum::<i128>(), impuestos);
        prop_assert_eq!(centavos(t.total), subtotal + impuestos);
        prop_assert!(t.total.valor() >= Decimal::ZERO);
    }

    #[test]
    fn por_documento_es_exacto(filas in prop::collection::vec(una_fila(), 1..40), arriba: bool) {
        let modo = if arriba { ModoRedondeo::MitadArriba } else { ModoRedondeo::MitadPar };
        let (_, t) = totales(politica(modo, NivelRedondeo::Documento), &armar(&filas)).expect("totales");
        let exacto = |(c, p, _): &(i64, i64, Option<usize>)| i128::from(*c) * i128::from(*p);
        prop_assert_eq!(centavos(t.subtotal), redondear_i128(filas.iter().map(exacto).sum(), 12, modo));
        let mut total = centavos(t.subtotal);
        for (i, (codigo, tarifa)) in TARIFAS.iter().enumerate() {
            let suyas: Vec<_> = filas.iter().filter(|f| f.2 == Some(i)).collect();
            let visto = t.impuestos.iter().find(|v| &*v.impuesto.codigo == *codigo && v.impuesto.tarifa.valor() == Decimal::from(*tarifa));
            prop_assert_eq!(visto.is_some(), !suyas.is_empty());
            let Some(visto) = visto else { continue };
            let base: i128 = suyas.iter().map(|f| exacto(f)).sum();
            prop_assert_eq!(centavos(visto.base), redondear_i128(base, 12, modo));
            prop_assert_eq!(centavos(visto.valor), redondear_i128(base * i128::from(*tarifa), 14, modo));
            total += centavos(visto.valor);
        }
        prop_assert_eq!(centavos(t.total), total);
    }

    #[test]
    fn los_dos_redondeos_son_el_mismo(mantisa in 0_i64..1_000_000_000_000, arriba: bool, decimales in 0_u32..=2) {
        let modo = if arriba { ModoRedondeo::MitadArriba } else { ModoRedondeo::MitadPar };
        let p = PoliticaRedondeo { modo, nivel: NivelRedondeo::Linea, decimales };
        let valor = Decimal::new(mantisa, 5);
        let cien = Porcentaje::nuevo(Decimal::ONE_HUNDRED).expect("cien");
        prop_assert_eq!(porcentaje_de(&p, valor, cien), p.redondear(valor));
    }

    #[test]
    fn cualquier_cantidad_y_precio_o_da_exacto_o_se_niega(c in 1_i64..100_000_000_000_000, ec in 0_u32..7, p in 1_i64..100_000_000_000_000, ep in 0_u32..7) {
        let filas = [(
            Cantidad::nuevo(Decimal::new(c, ec)).expect("cantidad"),
            PrecioUnitario::nuevo(Decimal::new(p, ep)).expect("precio"),
            Some(impuesto("IVA", 19)),
        )];
        // Two decimals more than it has: enough for any scale, and still within 128 bits.
        let exacto = i128::from(c) * i128::from(p) * 100;
        let bruto = redondear_i128(exacto, ec + ep + 2, ModoRedondeo::MitadPar);
        match totales(politica(ModoRedondeo::MitadPar, NivelRedondeo::Linea), &filas) {
            Ok((lineas, _)) => prop_assert_eq!(centavos(lineas[0].bruto), bruto),
            Err(_) => prop_assert!(bruto + redondear_i128(bruto * 19, 4, ModoRedondeo::MitadPar) >= 10_i128.pow(17)),
        }
    }
}
