//! Discounts of lines and of documents, at both levels of rounding.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn dec(texto: &str) -> Decimal {
    texto.parse().expect("decimal")
}

fn iva() -> Impuesto {
    Impuesto { codigo: Arc::from("IVA"), tarifa: Porcentaje::nuevo(Decimal::from(19)).expect("tarifa") }
}

fn porcentaje(texto: &str) -> ValorDescuento {
    ValorDescuento::Porcentaje(Porcentaje::nuevo(dec(texto)).expect("porcentaje"))
}

fn monto(texto: &str) -> ValorDescuento {
    ValorDescuento::Monto(Dinero::nuevo(dec(texto)).expect("monto"))
}

fn politica(modo: ModoRedondeo, nivel: NivelRedondeo, decimales: u32) -> PoliticaRedondeo {
    PoliticaRedondeo { modo, nivel, decimales }
}

const POR_LINEA: PoliticaRedondeo = PoliticaRedondeo { modo: ModoRedondeo::MitadPar, nivel: NivelRedondeo::Linea, decimales: 2 };
const POR_DOCUMENTO: PoliticaRedondeo =
    PoliticaRedondeo { modo: ModoRedondeo::MitadArriba, nivel: NivelRedondeo::Documento, decimales: 2 };

type Fila = (Cantidad, PrecioUnitario, Option<ValorDescuento>, Option<Impuesto>);

fn fila(cantidad: &str, precio: &str, descuento: Option<ValorDescuento>, impuesto: Option<Impuesto>) -> Fila {
    let (cantidad, precio) = (Cantidad::nuevo(dec(cantidad)), PrecioUnitario::nuevo(dec(precio)));
    (cantidad.expect("cantidad"), precio.expect("precio"), descuento, impuesto)
}

fn partidas(filas: &[Fila]) -> Vec<Partida<'_>> {
    filas.iter().map(|f| Partida { cantidad: f.0, precio_unitario: f.1, descuento: f.2, impuesto: f.3.as_ref() }).collect()
}

fn totales(
    politica: PoliticaRedondeo,
    filas: &[Fila],
    descuento: Option<ValorDescuento>,
) -> Result<(Vec<ImportesLinea>, TotalesFactura), SinTotales> {
    calcular(&politica, partidas(filas).into_iter(), descuento)
}

#[test]
fn el_descuento_de_una_linea_baja_su_base() {
    let filas = [
        fila("3", "33.33", Some(porcentaje("10")), Some(iva())),
        fila("1", "50", Some(monto("12.5")), Some(iva())),
        fila("1", "10", None, None),
    ];
    let (lineas, t) = totales(POR_LINEA, &filas, None).expect("totales");
    // 99.99, 10 % is 9.999: 10.00.
    assert_eq!(
        (lineas[0].bruto.valor(), lineas[0].descuento.valor(), lineas[0].subtotal.valor()),
        (dec("99.99"), dec("10"), dec("89.99"))
    );
    assert_eq!((lineas[1].descuento.valor(), lineas[1].subtotal.valor()), (dec("12.5"), dec("37.5")));
    assert_eq!((t.bruto.valor(), t.descuentos.valor(), t.subtotal.valor()), (dec("159.99"), dec("22.5"), dec("137.49")));
    // 89.99 x 19 % = 17.0981; 37.50 x 19 % = 7.125.
    assert_eq!(t.impuestos[0].valor.valor(), dec("24.22"));
    assert_eq!(t.total.valor(), dec("161.71"));
}

#[test]
fn el_descuento_del_documento_se_reparte_por_el_mayor_residuo() {
    let filas: Vec<Fila> = (0..3).map(|_| fila("1", "10", None, Some(iva()))).collect();
    let (lineas, t) = totales(POR_LINEA, &filas, Some(monto("10"))).expect("totales");
    // A third each; the earlier lines take the cents that are left.
    let partes: Vec<Decimal> = lineas.iter().map(|l| l.descuento_documento.valor()).collect();
    assert_eq!(partes, [dec("3.34"), dec("3.33"), dec("3.33")]);
    assert_eq!((t.descuentos.valor(), t.subtotal.valor(), t.impuestos[0].base.valor()), (dec("10"), dec("20"), dec("20")));
}

#[test]
fn el_residuo_mayor_gana_a_la_linea_anterior() {
    let filas = [fila("1", "1", None, None), fila("1", "2.5", None, None)];
    let (lineas, _) = totales(POR_LINEA, &filas, Some(monto("0.01"))).expect("totales");
    assert_eq!((lineas[0].descuento_documento, lineas[1].descuento_documento.valor()), (Dinero::CERO, dec("0.01")));
}

#[test]
fn un_descuento_del_cien_por_cien_deja_cero_en_ambos_niveles() {
    for politica in [POR_LINEA, POR_DOCUMENTO] {
        let filas: Vec<Fila> = (0..7).map(|_| fila("1", "0.004", None, Some(iva()))).collect();
        let (_, t) = totales(politica, &filas, Some(porcentaje("100"))).expect("totales");
        assert_eq!((t.subtotal, t.total, t.impuestos[0].base), (Dinero::CERO, Dinero::CERO, Dinero::CERO));
    }
}

#[test]
fn a_nivel_de_documento_los_descuentos_no_se_redondean_por_linea() {
    let filas: Vec<Fila> = (0..3).map(|_| fila("1", "0.333", Some(porcentaje("50")), Some(iva()))).collect();
    let (_, t) = totales(POR_DOCUMENTO, &filas, None).expect("totales");
    // 0.999 less half of it: 0.4995, once rounded 0.50.
    assert_eq!((t.bruto.valor(), t.subtotal.valor(), t.descuentos.valor()), (dec("1"), dec("0.5"), dec("0.5")));
    assert_eq!(t.impuestos[0].valor.valor(), dec("0.09"));
}

#[test]
fn un_descuento_mayor_que_su_base_se_niega_con_sus_cifras() {
    let de_linea = totales(POR_LINEA, &[fila("1", "10", Some(monto("10.01")), None)], None);
    let base = |motivo| match motivo {
        Err(SinTotales::DescuentoMayor { linea, monto, base }) => (linea, monto.valor(), base),
        otro => panic!("{otro:?}"),
    };
    assert_eq!(base(de_linea), (Some(0), dec("10.01"), dec("10")));
    let de_documento = totales(POR_LINEA, &[fila("1", "10", Some(monto("4")), None)], Some(monto("6.01")));
    assert_eq!(base(de_documento), (None, dec("6.01"), dec("6")));
    let exacto = totales(POR_DOCUMENTO, &[fila("1", "10", Some(monto("10")), None)], Some(monto("0.01")));
    assert_eq!(base(exacto), (None, dec("0.01"), dec("0")));
}

#[test]
fn los_limites_valen_tambien_con_descuentos() {
    let enorme = [fila("99999999999999", "99999999999999", None, None)];
    let pasa = Err(SinTotales::Excedido(MontoExcedido { linea: Some(0) }));
    assert_eq!(totales(POR_LINEA, &enorme, Some(porcentaje("1"))), pasa);
    let grandes: Vec<Fila> = (0..500).map(|_| fila("1", "1999999999999.9", None, Some(iva()))).collect();
    for politica in [POR_LINEA, POR_DOCUMENTO] {
        assert!(totales(politica, &grandes, Some(porcentaje("33.3333"))).is_ok());
    }
}

fn fila_al_azar() -> impl Strategy<Value = Fila> {
    let descuento = prop_oneof![
        3 => Just(None),
        1 => (0u32..=1_000_000).prop_map(|p| Some(ValorDescuento::Porcentaje(Porcentaje::nuevo(Decimal::new(p.into(), 4)).expect("%")))),
    ];
    let tarifa = prop_oneof![Just(None), Just(Some(0)), Just(Some(5)), Just(Some(19))];
    (1i64..9_999_999, 0u32..4, 1i64..9_999_999, 0u32..5, descuento, tarifa).prop_map(|(c, ce, p, pe, descuento, tarifa)| {
        let impuesto = tarifa
            .map(|t: i64| Impuesto { codigo: Arc::from("IVA"), tarifa: Porcentaje::nuevo(Decimal::from(t)).expect("tarifa") });
        let (cantidad, precio) = (Cantidad::nuevo(Decimal::new(c, ce)), PrecioUnitario::nuevo(Decimal::new(p, pe)));
        (cantidad.expect("cantidad"), precio.expect("precio"), descuento, impuesto)
    })
}

fn politica_al_azar() -> impl Strategy<Value = PoliticaRedondeo> {
    let modo = prop_oneof![Just(ModoRedondeo::MitadPar), Just(ModoRedondeo::MitadArriba)];
    let nivel = prop_oneof![Just(NivelRedondeo::Linea), Just(NivelRedondeo::Documento)];
    (modo, nivel, 0u32..=2).prop_map(|(modo, nivel, decimales)| politica(modo, nivel, decimales))
}

proptest! {
    #[test]
    fn las_sumas_cuadran_y_nada_es_negativo(
        politica in politica_al_azar(),
        filas in prop::collection::vec(fila_al_azar(), 1..40),
        del_documento in 0u32..=1_000_000,
    ) {
        let valor = ValorDescuento::Porcentaje(Porcentaje::nuevo(Decimal::new(del_documento.into(), 4)).expect("%"));
        let (lineas, t) = totales(politica, &filas, Some(valor)).expect("totales");
        prop_assert_eq!(t.bruto.valor() - t.descuentos.valor(), t.subtotal.valor());
        let impuestos: Decimal = t.impuestos.iter().map(|i| i.valor.valor()).sum();
        prop_assert_eq!(t.subtotal.valor() + impuestos, t.total.valor());
        prop_assert!(t.subtotal >= Dinero::CERO && t.descuentos >= Dinero::CERO);
        for base in &t.impuestos {
            prop_assert!(base.base >= Dinero::CERO && base.valor >= Dinero::CERO);
        }
        for l in &lineas {
            prop_assert!(l.descuento_documento >= Dinero::CERO && l.subtotal >= Dinero::CERO);
        }
        if politica.nivel == NivelRedondeo::Linea {
            for l in &lineas {
                prop_assert_eq!(l.bruto.valor() - l.descuento.valor() - l.descuento_documento.valor(), l.subtotal.valor());
            }
            let repartido: Decimal = lineas.iter().map(|l| l.descuento_documento.valor()).sum();
            let bases: Decimal = lineas.iter().map(|l| l.bruto.valor() - l.descuento.valor()).sum();
            let esperado = porcentaje_de(&politica, bases, match valor { ValorDescuento::Porcentaje(p) => p, ValorDescuento::Monto(_) => unreachable!() });
            prop_assert_eq!(repartido, esperado.min(bases));
        }
    }

    /// The general calculator without discounts of the document is the usual one.
    #[test]
    fn la_calculadora_general_da_lo_mismo_que_la_corriente(filas in prop::collection::vec(fila_al_azar(), 0..40), arriba: bool, decimales in 0u32..=2) {
        let modo = if arriba { ModoRedondeo::MitadArriba } else { ModoRedondeo::MitadPar };
        let politica = politica(modo, NivelRedondeo::Linea, decimales);
        prop_assert_eq!(totales(politica, &filas, None), documento::calcular(&politica, &partidas(&filas), None));
    }

    #[test]
    fn repartir_da_todo_y_a_nadie_mas_de_lo_suyo(pesos in prop::collection::vec(0i64..1_000_000_000_000, 1..60), parte in 0u32..=1_000) {
        let pesos: Vec<i128> = pesos.into_iter().map(i128::from).collect();
        let total = pesos.iter().sum::<i128>() * i128::from(parte) / 1_000;
        let partes = documento::repartir(total, &pesos);
        prop_assert_eq!(partes.iter().sum::<i128>(), total);
        for (parte, peso) in partes.iter().zip(&pesos) {
            prop_assert!((0..=*peso).contains(parte));
        }
    }
}
