//! The laws of credit, whatever notes an invoice gets and in whatever order.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::domain::{
    Rechazo, ResultadoPaso,
    facturacion::factura::{
        EventoFactura, Factura, FacturaEmitida, GrupoEmision, GrupoEmitido, LineaPedida, evolucionar,
        tests::mundo::{MEDIODIA, Mundo, fecha, id, linea, pedido},
    },
    inventario::{
        ComandoInventario, DevolucionPedida, EventoInventario, Inventario, LoteConsumido, MotivoEntrada, PoliticaRetorno,
        Referencia, decidir as decidir_inventario, evolucionar as evolucionar_inventario,
    },
    numeracion::NumeroDocumento,
    reglas::Regla,
    valores::{Cantidad, CostoTotal, CostoUnitario, Decimal, Dinero, Id},
};

/// The day after the invoice's.
const MANANA: &str = "2026-11-24";

/// Lots that add up to the quantity of a group: its parts in thousandths, each at its own cost.
fn lotes(grupo: &GrupoEmision, partes: &[(u32, u32)]) -> Arc<[LoteConsumido]> {
    let (mut falta, mut lotes) = (grupo.cantidad.valor(), Vec::new());
    let resto = partes.iter().copied().chain([(u32::MAX, 7)]);
    for (secuencia, (parte, costo)) in (1..).zip(resto) {
        let cantidad = Decimal::new(i64::from(parte), 3).min(falta);
        if cantidad.is_zero() {
            continue;
        }
        falta -= cantidad;
        lotes.push(LoteConsumido {
            lote_id: Id::compuesto(&[&format!("L-{secuencia}")]),
            secuencia,
            fecha_ingreso: fecha("2026-01-01"),
            fecha_caducidad: None,
            cantidad: Cantidad::nuevo(cantidad).expect("cantidad"),
            costo_unitario: CostoUnitario::nuevo(Decimal::new(i64::from(costo), 3)).expect("costo"),
            origen_lote_id: None,
        });
    }
    lotes.into()
}

fn costo_de(lotes: &[LoteConsumido]) -> Decimal {
    lotes.iter().map(|l| l.cantidad.valor() * l.costo_unitario.valor()).sum()
}

/// An issued invoice with these lines, whose goods left these lots.
pub fn emitida(mundo: &Mundo, lineas: Vec<LineaPedida>, partes: &[(u32, u32)]) -> Factura {
    let decision = mundo.crear(pedido(lineas)).expect("borrador");
    let mut estado = None;
    decision.eventos.iter().for_each(|e| evolucionar(&mut estado, e));
    let borrador = estado.expect("factura");
    let inicio = &borrador.emision.as_ref().expect("en emisión").inicio;
    let grupos = inicio.grupos.iter().map(|grupo| {
        let lotes = lotes(grupo, partes);
        let costo_total = CostoTotal::nuevo(costo_de(&lotes)).expect("costo");
        GrupoEmitido { grupo: Arc::clone(grupo), movimiento_id: id("m"), lotes, costo_total }
    });
    let documento = FacturaEmitida {
        factura_id: borrador.factura_id.clone(),
        intento: 1,
        numero: NumeroDocumento { rango_id: id("F"), prefijo: "F".into(), consecutivo: 1, resolucion: "".into() },
        emitida_en: MEDIODIA,
        cabecera: Arc::clone(&borrador.cabecera),
        cliente: Arc::clone(&inicio.cliente),
        lineas: Arc::clone(&inicio.lineas),
        totales: inicio.totales.clone(),
        costo_ventas: CostoTotal::CERO,
        grupos: grupos.collect(),
    };
    let mut estado = None;
    evolucionar(&mut estado, &EventoFactura::FacturaEmitida(Arc::new(documento)));
    estado.expect("emitida")
}

fn solicitud(nota: &str, lineas: Vec<LineaNotaCredito>) -> SolicitudCredito {
    SolicitudCredito {
        nota_id: id(nota),
        intento: 1,
        sucursal_id: None,
        politica: PoliticaRetorno::LoteNuevo,
        fecha_emision: fecha(MANANA),
        lineas: lineas.into_iter().map(Arc::new).collect(),
    }
}

fn de_linea(numero: u16, linea_factura: u16, acreditado: Acreditado) -> LineaNotaCredito {
    let afecta_inventario = matches!(acreditado, Acreditado::Cantidad { .. });
    LineaNotaCredito { numero, linea_factura, acreditado, afecta_inventario, bodega_id: None }
}

fn cantidad(milesimas: i64) -> Acreditado {
    Acreditado::Cantidad { cantidad: Cantidad::nuevo(Decimal::new(milesimas, 3)).expect("cantidad") }
}

/// Reserves, folds, and gives what was granted.
fn reservar_en(mundo: &Mundo, factura: &mut Factura, solicitud: &SolicitudCredito) -> Result<Arc<CreditoNota>, Rechazo> {
    let decision = reservar(Some(factura), &factura.factura_id, solicitud, &mundo.ctx(MEDIODIA))?;
    plegar_en(factura, &decision.eventos);
    match decision.resultado {
        Some(ResultadoPaso::CreditoReservado { credito }) => Ok(Arc::clone(&credito.credito)),
        otro => panic!("se esperaba crédito: {otro:?}"),
    }
}

fn plegar_en(factura: &mut Factura, eventos: &[EventoFactura]) {
    let mut estado = Some(factura.clone());
    eventos.iter().for_each(|e| evolucionar(&mut estado, e));
    *factura = estado.expect("factura");
}

fn cerrar(factura: &mut Factura, nota: &str, emitir: bool) {
    let (factura_id, nota_id) = (factura.factura_id.clone(), id(nota));
    let decision = if emitir {
        aplicar(Some(factura), &factura_id, &nota_id, 1).expect("crédito reservado")
    } else {
        liberar(Some(factura), &factura_id, &nota_id, 1)
    };
    plegar_en(factura, &decision.eventos);
}

/// Past its number a note cannot be refused: what it could be short of is asked before its credit is held.
#[test]
fn un_costo_que_no_cabe_en_la_nota_se_niega_antes_de_reservar_el_credito() {
    let mundo = Mundo::nuevo();
    let mut factura = emitida(&mundo, vec![linea("P1", "90"), linea("P2", "90")], &[]);
    let documento = Arc::make_mut(factura.emitida.as_mut().expect("documento"));
    let caro = CostoUnitario::nuevo(Decimal::from(99_999_999_999_999_u64)).expect("costo");
    for grupo in &mut documento.grupos {
        grupo.lotes = grupo.lotes.iter().map(|l| LoteConsumido { costo_unitario: caro, ..l.clone() }).collect();
    }
    let noventa = |numero| de_linea(numero, numero, cantidad(90_000));
    let las_dos = reservar_en(&mundo, &mut factura, &solicitud("n1", vec![noventa(1), noventa(2)])).expect_err("1,8 x 10^16");
    assert_eq!(las_dos.errores.iter().map(|f| f.regla).collect::<Vec<_>>(), [Regla::PrecisionExcedida]);
    assert!(factura.credito().is_none());
    for (nota, numero) in [("n2", 1), ("n3", 2)] {
        let credito = reservar_en(&mundo, &mut factura, &solicitud(nota, vec![noventa(numero)])).expect("9 x 10^15");
        assert_eq!(credito.grupos[0].costo_total.valor(), caro.valor() * Decimal::from(90));
        cerrar(&mut factura, nota, true);
    }
}

/// One note of the world: of a line, in thousandths or in cents; issued or refused after it was granted.
#[derive(Debug, Clone, Copy)]
struct Nota {
    linea: u16,
    tanto: i64,
    por_monto: bool,
    emitir: bool,
}

fn nota() -> impl Strategy<Value = Nota> {
    (1_u16..4, 1_i64..4_000, prop::bool::weighted(0.3), prop::bool::weighted(0.8))
        .prop_map(|(linea, tanto, por_monto, emitir)| Nota { linea, tanto, por_monto, emitir })
}

fn tres_lineas(cantidades: [u32; 3]) -> Vec<LineaPedida> {
    let [a, b, c] = cantidades.map(|milesimas| Decimal::new(i64::from(milesimas), 3).to_string());
    vec![linea("P1", &a), linea("P2", &b), linea("P1", &c)]
}

fn hacer(mundo: &Mundo, factura: &mut Factura, indice: usize, nota: Nota) -> Option<Arc<CreditoNota>> {
    let acreditado = if nota.por_monto {
        Acreditado::Monto { monto: Dinero::nuevo(Decimal::new(nota.tanto, 2)).expect("monto") }
    } else {
        cantidad(nota.tanto)
    };
    let nombre = format!("n{indice}");
    let credito = reservar_en(mundo, factura, &solicitud(&nombre, vec![de_linea(1, nota.linea, acreditado)])).ok()?;
    cerrar(factura, &nombre, nota.emitir);
    Some(credito)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever is asked, no line gives more than it has; and what is refused leaves no trace in what is left.
    #[test]
    fn nunca_se_acredita_mas_de_lo_facturado(
        cantidades in prop::array::uniform3(1_u32..9_000), partes in prop::collection::vec((1_u32..5_000, 0_u32..9_000), 0..6),
        notas in prop::collection::vec(nota(), 0..40),
    ) {
        let mundo = Mundo::nuevo();
        let mut factura = emitida(&mundo, tres_lineas(cantidades), &partes);
        let documento = factura.emitida.clone().expect("documento");
        let mut emitidas: BTreeMap<u16, CargoLinea> = BTreeMap::new();
        for (indice, nota) in notas.into_iter().enumerate() {
            let Some(credito) = hacer(&mundo, &mut factura, indice, nota) else { continue };
            for cargo in credito.cargos.iter().filter(|_| nota.emitir) {
                let suma = emitidas.remove(&cargo.linea).unwrap_or_else(|| CargoLinea::vacio(cargo.linea)).mas(cargo);
                emitidas.insert(cargo.linea, suma);
            }
        }
        prop_assert_eq!(&emitidas, &factura.credito().cloned().unwrap_or_default().lineas);
        for cargo in emitidas.values() {
            let facturada = &documento.lineas[usize::from(cargo.linea) - 1];
            prop_assert!(cargo.cantidad <= facturada.linea.cantidad);
            prop_assert!(cargo.subtotal <= facturada.subtotal && cargo.impuesto <= facturada.impuesto);
            let devuelto: Decimal = cargo.lotes.iter().map(|l| l.cantidad.valor()).sum();
            prop_assert_eq!(devuelto, cargo.cantidad.valor());
        }
    }

    /// Partial notes by quantity, in any sizes and with refused ones in between, end exactly at the line: to the cent and to the lot.
    #[test]
    fn las_notas_parciales_suman_la_linea_al_centavo(
        cantidades in prop::array::uniform3(1_u32..9_000), partes in prop::collection::vec((1_u32..5_000, 0_u32..9_000), 0..6),
        tantos in prop::collection::vec((1_i64..3_000, prop::bool::weighted(0.7)), 0..30),
    ) {
        let mundo = Mundo::nuevo();
        let mut factura = emitida(&mundo, tres_lineas(cantidades), &partes);
        let documento = factura.emitida.clone().expect("documento");
        for (indice, (tanto, emitir)) in tantos.into_iter().enumerate() {
            let linea = (indice % 3) as u16 + 1;
            hacer(&mundo, &mut factura, indice, Nota { linea, tanto, por_monto: false, emitir });
        }
        for linea in 1..=3_u16 {
            let facturada = documento.lineas[usize::from(linea) - 1].linea.cantidad.valor();
            let ya = factura.credito().map_or(Decimal::ZERO, |c| c.cargo(linea).cantidad.valor());
            let resto = ((facturada - ya) * Decimal::ONE_THOUSAND).normalize();
            if !resto.is_zero() {
                let tanto = i64::try_from(resto.mantissa()).expect("milésimas enteras");
                let nota = Nota { linea, tanto, por_monto: false, emitir: true };
                prop_assert!(hacer(&mundo, &mut factura, 900 + usize::from(linea), nota).is_some());
            }
        }
        let credito = factura.credito().expect("crédito");
        for facturada in documento.lineas.iter() {
            let cargo = credito.cargo(facturada.linea.numero);
            prop_assert_eq!((cargo.subtotal, cargo.impuesto), (facturada.subtotal, facturada.impuesto));
        }
        let vuelto: Decimal = credito.lineas.values().map(|c| costo_de(&c.lotes)).sum();
        let salido: Decimal = documento.grupos.iter().map(|g| costo_de(&g.lotes)).sum();
        prop_assert_eq!(vuelto, salido);
    }

    /// The cost of what came back is that of the last goods that left: what stays sold is always the FIFO cost of its quantity.
    #[test]
    fn lo_que_queda_vendido_cuesta_lo_que_dice_fifo(
        vendida in 1_u32..9_000, partes in prop::collection::vec((1_u32..5_000, 0_u32..9_000), 0..6),
        tantos in prop::collection::vec(1_i64..2_000, 0..20),
    ) {
        let mundo = Mundo::nuevo();
        let pedida = Decimal::new(i64::from(vendida), 3);
        let mut factura = emitida(&mundo, vec![linea("P1", &pedida.to_string())], &partes);
        let documento = factura.emitida.clone().expect("documento");
        for (indice, tanto) in tantos.into_iter().enumerate() {
            hacer(&mundo, &mut factura, indice, Nota { linea: 1, tanto, por_monto: false, emitir: true });
            let cargo = factura.credito().map_or_else(|| CargoLinea::vacio(1), |c| c.cargo(1));
            let neto = costo_de(&documento.grupos[0].lotes) - costo_de(&cargo.lotes);
            let (mut falta, mut fifo) = (pedida - cargo.cantidad.valor(), Decimal::ZERO);
            for lote in documento.grupos[0].lotes.iter() {
                let parte = lote.cantidad.valor().min(falta);
                falta -= parte;
                fifo += parte * lote.costo_unitario.valor();
            }
            prop_assert_eq!(neto, fifo);
        }
    }

    /// Everything that left, put back into its lots in any number of returns, leaves the Inventario as it was.
    #[test]
    fn devolver_todo_a_sus_lotes_los_restaura(
        entradas in prop::collection::vec((1_i64..5_000, 0_i64..9_000, 1_u32..28), 1..8), sale in 1_i64..20_000,
        tantos in prop::collection::vec(1_i64..4_000, 0..8),
    ) {
        let mundo = Mundo::nuevo();
        let ctx = mundo.ctx(MEDIODIA);
        let clave = Id::compuesto(&["P1", "PRINCIPAL"]);
        let mut estado: Option<Inventario> = None;
        let hacer = |estado: &mut Option<Inventario>, comando: ComandoInventario| -> Option<Vec<EventoInventario>> {
            let eventos = decidir_inventario(estado.as_ref(), &comando, &ctx).ok()?.eventos;
            eventos.iter().for_each(|e| evolucionar_inventario(estado, e));
            Some(eventos)
        };
        let (inventario_id, producto_id, bodega_id) = (clave.clone(), id("P1"), id("PRINCIPAL"));
        hacer(&mut estado, ComandoInventario::CrearInventario { inventario_id, producto_id, bodega_id, stock_minimo: None });
        for (n, (cantidad, costo, dia)) in entradas.into_iter().enumerate() {
            hacer(&mut estado, ComandoInventario::RegistrarEntrada {
                inventario_id: clave.clone(),
                movimiento_id: id(&format!("e{n}")),
                motivo: MotivoEntrada::Compra,
                cantidad: Decimal::new(cantidad, 3),
                costo_unitario: Decimal::new(costo, 3),
                fecha_ingreso: fecha(&format!("2026-01-{dia:02}")),
                fecha_caducidad: None,
                referencia: None,
            });
        }
        let antes = estado.clone().expect("inventario");
        let total = antes.stock.valor().min(Decimal::new(sale, 3));
        let salida = hacer(&mut estado, ComandoInventario::RegistrarSalida {
            inventario_id: clave.clone(),
            movimiento_id: id("s"),
            motivo: crate::domain::inventario::MotivoSalida::Ajuste,
            cantidad: total,
            fecha: fecha(MANANA),
            referencia: None,
        }).expect("hay existencias");
        let Some(EventoInventario::StockReducido(salida)) = salida.first() else { panic!("se esperaba una salida") };
        let mut devueltos: Vec<LoteConsumido> = Vec::new();
        let mut falta = total;
        for (n, tanto) in tantos.into_iter().map(|t| Decimal::new(t, 3)).chain([Decimal::MAX]).enumerate() {
            let parte = tanto.min(falta);
            if parte.is_zero() {
                break;
            }
            falta -= parte;
            let vuelven = calculo::en_reversa(&salida.lotes, &devueltos, Cantidad::nuevo(parte).expect("parte"));
            devueltos = sumar_lotes(&devueltos, &vuelven);
            let devolucion = DevolucionPedida {
                inventario_id: clave.clone(),
                movimiento_id: id(&format!("d{n}")),
                motivo: MotivoEntrada::Anulacion,
                politica: PoliticaRetorno::ReversaFifo,
                lotes: vuelven.into(),
                fecha: fecha(MANANA),
                referencia: Referencia { tipo: "FACTURA".into(), id: "f".into(), numero: None },
            };
            let comando = ComandoInventario::DevolverStock(Box::new(devolucion));
            hacer(&mut estado, comando.clone()).expect("se devuelve");
            prop_assert_eq!(hacer(&mut estado, comando), Some(Vec::new()), "otra vez no hace nada");
            let ahora = estado.as_ref().expect("inventario");
            prop_assert_eq!(ahora.invariantes(), Ok(()));
        }
        let despues = estado.expect("inventario");
        prop_assert_eq!((&despues.lotes, despues.stock, despues.valor()), (&antes.lotes, antes.stock, antes.valor()));
    }
}

#[test]
fn un_credito_repetido_responde_lo_mismo_y_uno_cerrado_no_vuelve() {
    let mundo = Mundo::nuevo();
    let mut factura = emitida(&mundo, vec![linea("P1", "3")], &[]);
    let pedida = solicitud("n1", vec![de_linea(1, 1, cantidad(2_000))]);
    let primera = reservar_en(&mundo, &mut factura, &pedida).expect("hay crédito");
    let antes = factura.clone();
    assert_eq!(reservar_en(&mundo, &mut factura, &pedida).expect("el mismo"), primera);
    assert_eq!(factura, antes);
    cerrar(&mut factura, "n1", false);
    assert!(factura.credito().expect("crédito").lineas.is_empty());
    let rechazo = reservar_en(&mundo, &mut factura, &pedida).expect_err("ese intento terminó");
    assert_eq!(rechazo.errores[0].regla, Regla::EstadoValido);
    let otro_intento = SolicitudCredito { intento: 2, ..pedida };
    assert_eq!(reservar_en(&mundo, &mut factura, &otro_intento).expect("otro intento").cargos, primera.cargos);
}

#[test]
fn plegar_sin_la_reserva_da_lo_mismo() {
    let mundo = Mundo::nuevo();
    for emitir in [true, false] {
        let mut entera = emitida(&mundo, vec![linea("P1", "3"), linea("P2", "1")], &[(1_000, 5)]);
        let mut podada = entera.clone();
        let pedida = solicitud("n1", vec![de_linea(1, 1, cantidad(2_500)), de_linea(2, 2, cantidad(1_000))]);
        let credito = reservar_en(&mundo, &mut entera, &pedida).expect("hay crédito");
        cerrar(&mut entera, "n1", emitir);
        let (factura_id, nota_id) = (podada.factura_id.clone(), id("n1"));
        let evento = if emitir {
            EventoFactura::CreditoAplicado { factura_id, nota_id, intento: 1, cargos: Arc::clone(&credito.cargos) }
        } else {
            EventoFactura::CreditoLiberado { factura_id, nota_id, intento: 1 }
        };
        plegar_en(&mut podada, &[evento]);
        assert_eq!(podada, entera);
    }
}
