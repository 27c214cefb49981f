//! Drafts: every edit leaves a legal draft whose totals are those of its lines.

use std::sync::Arc;

use super::mundo::*;
use crate::domain::{
    Rechazo,
    catalogo::descuento::{AmbitoDescuento, ValorDeclarado, ValorDescuento},
    facturacion::factura::*,
    reglas::Regla,
    valores::{Dinero, Instante},
};

/// A draft, the commands it gets and the events it leaves.
struct Mesa<'m> {
    mundo: &'m Mundo,
    estado: Option<Factura>,
    eventos: Vec<EventoFactura>,
    ahora: Instante,
}

fn porcentaje(texto: &str) -> Box<DescuentoPedido> {
    let valor = ValorDeclarado { porcentaje: Some(dec(texto)), monto: None };
    Box::new(DescuentoPedido { valor, descuento_id: None })
}

fn monto(texto: &str) -> Box<DescuentoPedido> {
    let valor = ValorDeclarado { porcentaje: None, monto: Some(dec(texto)) };
    Box::new(DescuentoPedido { valor, descuento_id: None })
}

fn del_catalogo(codigo: &str) -> Box<DescuentoPedido> {
    Box::new(DescuentoPedido { descuento_id: Some(id(codigo)), ..DescuentoPedido::default() })
}

impl<'m> Mesa<'m> {
    fn con(mundo: &'m Mundo, datos: DatosFactura) -> Self {
        let mut mesa = Self { mundo, estado: None, eventos: Vec::new(), ahora: MEDIODIA };
        mesa.mandar(ComandoFactura::CrearFactura { factura_id: id("f1"), datos: Box::new(datos) }).expect("borrador legal");
        mesa
    }

    fn mandar(&mut self, comando: ComandoFactura) -> Result<DecisionFactura, Rechazo> {
        let decision = decidir(self.estado.as_ref(), &comando, Some(&RESPONDER), &self.mundo.ctx(self.ahora))?;
        for evento in &decision.eventos {
            evolucionar(&mut self.estado, evento);
        }
        self.eventos.extend(decision.eventos.iter().cloned());
        self.revisar();
        Ok(decision)
    }

    /// Invariant: the totals are those of the lines, at every version.
    fn revisar(&self) {
        let factura = self.factura();
        let numeros: Vec<u16> = factura.lineas.iter().map(|l| l.numero).collect();
        assert_eq!(numeros, (1..=numeros.len() as u16).collect::<Vec<_>>(), "las líneas se numeran desde 1");
        let partidas = factura.lineas.iter().map(|l| crate::domain::facturacion::totales::Partida {
            cantidad: l.cantidad,
            precio_unitario: l.precio_unitario,
            descuento: l.descuento.as_ref().map(|d| d.valor),
            impuesto: l.impuesto.as_ref(),
        });
        let descuento = factura.cabecera.descuento.as_ref().map(|d| d.valor);
        let (_, totales) =
            crate::domain::facturacion::totales::calcular(&self.mundo.emisor.redondeo, partidas, descuento).expect("totales");
        assert_eq!(factura.totales().map(|t| (**t).clone()), Some(totales));
    }

    fn agregar(&mut self, linea: LineaPedida) -> Result<DecisionFactura, Rechazo> {
        self.mandar(ComandoFactura::AgregarLinea { factura_id: id("f1"), linea: Box::new(linea) })
    }

    fn quitar(&mut self, linea: u16) -> Result<DecisionFactura, Rechazo> {
        self.mandar(ComandoFactura::QuitarLinea { factura_id: id("f1"), linea })
    }

    fn descontar(&mut self, linea: Option<u16>, descuento: Box<DescuentoPedido>) -> Result<DecisionFactura, Rechazo> {
        self.mandar(ComandoFactura::AplicarDescuento { factura_id: id("f1"), linea, descuento })
    }

    fn emitir(&mut self, fechas: Option<CambioFechas>) -> DecisionFactura {
        self.mandar(ComandoFactura::EmitirFactura { factura_id: id("f1"), fechas: fechas.map(Box::new) }).expect("se decide")
    }

    fn factura(&self) -> &Factura {
        self.estado.as_ref().expect("factura")
    }

    fn total(&self) -> String {
        self.factura().totales().expect("totales").total.to_string()
    }
}

fn falla(rechazo: Result<DecisionFactura, Rechazo>) -> Vec<(Regla, String)> {
    reglas(&rechazo.expect_err("se esperaba un rechazo").errores)
}

#[test]
fn un_borrador_se_edita_y_sus_totales_lo_siguen() {
    let mundo = Mundo::nuevo();
    let mut mesa = Mesa::con(&mundo, pedido(Vec::new()));
    assert_eq!((mesa.factura().estado, mesa.total()), (EstadoFactura::Borrador, "0.00".to_owned()));
    mesa.agregar(linea("P1", "2")).expect("línea");
    mesa.agregar(linea("P2", "1")).expect("línea");
    mesa.agregar(linea("S1", "1")).expect("línea");
    // 200 + 200 with IVA 19, and 50 excluded.
    assert_eq!(mesa.total(), "526.00");
    mesa.descontar(Some(1), porcentaje("50")).expect("descuento");
    assert_eq!(mesa.total(), "407.00");
    mesa.descontar(None, monto("35")).expect("descuento");
    // 350 of subtotal: a tenth less of each line.
    assert_eq!(mesa.total(), "366.30");
    mesa.quitar(2).expect("quitar");
    assert_eq!(mesa.factura().lineas.iter().map(|l| l.descripcion.to_string()).collect::<Vec<_>>(), ["Producto P1", "Producto S1"]);
    mesa.descontar(None, porcentaje("0")).expect("quitar el descuento");
    mesa.descontar(Some(1), porcentaje("0")).expect("quitar el descuento");
    assert_eq!(mesa.total(), "288.00");
}

#[test]
fn un_descuento_del_catalogo_se_copia_y_se_exige_vigente() {
    let mut mundo = Mundo::nuevo();
    let datos = DatosFactura { descuento: Some(del_catalogo("D5")), ..pedido(vec![linea("P1", "1")]) };
    let mesa = Mesa::con(&mundo, datos);
    let factura = mesa.factura().clone();
    let copiado = factura.cabecera.descuento.as_deref().expect("descuento");
    assert_eq!(copiado.descuento_id, Some(id("D5")));
    assert_eq!(mesa.total(), "113.05");
    // The catalogue changes: the draft keeps its copy…
    let suyo = mundo.descuentos.get_mut(&id("D5")).expect("D5");
    suyo.datos.valor = ValorDescuento::Monto(Dinero::nuevo(dec("99")).expect("dinero"));
    let emitir = ComandoFactura::EmitirFactura { factura_id: id("f1"), fechas: None };
    let emite = |mundo: &Mundo| decidir(Some(&factura), &emitir, None, &mundo.ctx(MEDIODIA)).expect("decide").eventos;
    let eventos = emite(&mundo);
    let EventoFactura::EmisionIniciada(inicio) = &eventos[0] else { panic!("{eventos:?}") };
    assert_eq!(inicio.totales.total.to_string(), "113.05");
    // …but what is no longer in force is not issued.
    mundo.descuentos.get_mut(&id("D5")).expect("D5").activo = false;
    let eventos = emite(&mundo);
    let EventoFactura::FacturaRechazada { errores, .. } = &eventos[0] else { panic!("{eventos:?}") };
    assert_eq!(reglas(errores), [(Regla::DescuentoValido, "/descuento/descuento_id".to_owned())]);
}

#[test]
fn cada_descuento_imposible_se_niega_en_su_lugar() {
    let mundo = Mundo::nuevo();
    let mut mesa = Mesa::con(&mundo, pedido(vec![linea("P1", "1")]));
    let valido = |campo: &str| vec![(Regla::DescuentoValido, campo.to_owned())];
    assert_eq!(falla(mesa.descontar(Some(1), porcentaje("100.1"))), valido("/porcentaje"));
    assert_eq!(falla(mesa.descontar(Some(1), porcentaje("1.23456"))), [(Regla::PrecisionExcedida, "/porcentaje".to_owned())]);
    assert_eq!(falla(mesa.descontar(Some(1), monto("-1"))), valido("/monto"));
    assert_eq!(falla(mesa.descontar(Some(1), monto("100.01"))), valido(""));
    assert_eq!(falla(mesa.descontar(None, monto("100.01"))), valido(""));
    assert_eq!(falla(mesa.descontar(None, del_catalogo("L10"))), valido("/descuento_id"));
    assert_eq!(falla(mesa.descontar(Some(1), del_catalogo("D5"))), valido("/descuento_id"));
    assert_eq!(falla(mesa.descontar(Some(1), del_catalogo("NO"))), valido("/descuento_id"));
    assert_eq!(falla(mesa.descontar(Some(1), Box::default())), valido(""));
    assert_eq!(falla(mesa.descontar(Some(7), porcentaje("1"))), [(Regla::LineaValida, "/linea".to_owned())]);
    mesa.descontar(Some(1), del_catalogo("L10")).expect("vigente");
    let con_linea = pedido(vec![LineaPedida { descuento: Some(monto("300")), ..linea("P1", "1") }]);
    assert_eq!(mundo.rechazo(con_linea), valido("/lineas/0/descuento"));
}

#[test]
fn los_dias_de_vigencia_de_un_descuento_son_inclusive() {
    let mundo = Mundo::nuevo();
    let a = |dia: &str| {
        let datos =
            DatosFactura { fecha_emision: Some(fecha(dia)), descuento: Some(del_catalogo("D5")), ..pedido(vec![linea("P1", "1")]) };
        mundo.crear(datos).is_ok()
    };
    assert!(a("2026-12-31"));
    assert!(!a("2027-01-01"));
}

#[test]
fn quitar_una_linea_no_deja_un_descuento_sin_base() {
    let mundo = Mundo::nuevo();
    let datos = DatosFactura { descuento: Some(monto("150")), ..pedido(vec![linea("P1", "1"), linea("P2", "1")]) };
    let mut mesa = Mesa::con(&mundo, datos);
    assert_eq!(falla(mesa.quitar(2)), [(Regla::DescuentoValido, "/descuento".to_owned())]);
    assert_eq!(falla(mesa.quitar(3)), [(Regla::LineaValida, "/linea".to_owned())]);
    mesa.quitar(1).expect("queda base");
}

#[test]
fn al_crear_y_en_cada_linea_no_se_exige_lo_de_la_emision() {
    let mundo = Mundo::nuevo();
    let datos = DatosFactura { cliente_id: id("nadie"), total: Some(dec("1")), ..pedido(Vec::new()) };
    let mut mesa = Mesa::con(&mundo, datos);
    mesa.agregar(linea("P1", "1")).expect("línea");
    let decision = mesa.emitir(None);
    let EventoFactura::FacturaRechazada { errores, intento, .. } = &decision.eventos[0] else { panic!("{decision:?}") };
    assert_eq!(*intento, 1);
    let vistas: Vec<Regla> = errores.iter().map(|f| f.regla).collect();
    assert_eq!(vistas, [Regla::ClienteValido, Regla::TotalesConsistentes]);
    let ajena = LineaPedida { cantidad: dec("0"), ..linea("NO", "1") };
    let esperadas = [(Regla::ProductoValido, "/producto_id".to_owned()), (Regla::LineaValida, "/cantidad".to_owned())];
    assert_eq!(falla(mesa.agregar(ajena)), esperadas);
}

#[test]
fn tras_un_rechazo_se_reintenta_con_otro_intento_y_otros_pasos() {
    let mundo = Mundo::nuevo();
    let mut mesa = Mesa::con(&mundo, pedido(vec![linea("P1", "1")]));
    let primero = mesa.emitir(None);
    let reserva = primero.envios[0].clone();
    assert_eq!(reserva.paso.command_id().as_str(), "f1:1:0:R");
    let rechazada = mesa.mandar(respuesta(&reserva.paso, negar(&reserva))).expect("saga");
    assert!(matches!(rechazada.eventos[0], EventoFactura::FacturaRechazada { .. }));
    assert_eq!((mesa.factura().estado, mesa.factura().errores.len()), (EstadoFactura::Rechazada, 1));
    // An edit makes it a draft again.
    mesa.descontar(Some(1), porcentaje("10")).expect("edita");
    assert_eq!((mesa.factura().estado, mesa.factura().errores.len()), (EstadoFactura::Borrador, 0));
    let segundo = mesa.emitir(None);
    assert_eq!(segundo.envios[0].paso.command_id().as_str(), "f1:2:0:R");
    assert_eq!(mesa.factura().intento, 2);
    // The first attempt's answers are late and decide nothing.
    assert_eq!(mesa.mandar(respuesta(&reserva.paso, conceder(&reserva))).expect("tarde"), DecisionFactura::default());
    let mut cola = segundo.envios;
    while let Some(envio) = cola.pop() {
        cola.extend(mesa.mandar(respuesta(&envio.paso, conceder(&envio))).expect("saga").envios);
    }
    let emitida = mesa.factura().emitida.clone().expect("emitida");
    assert_eq!((emitida.intento, emitida.totales.total.to_string()), (2, "107.10".to_owned()));
    // The whole document alone folds to the same.
    let mut sola = None;
    evolucionar(&mut sola, mesa.eventos.last().expect("evento"));
    assert_eq!(sola, mesa.estado);
}

#[test]
fn emitir_puede_cambiar_las_fechas_y_las_guarda_si_empieza() {
    let mundo = Mundo::nuevo();
    let mut mesa = Mesa::con(&mundo, pedido(vec![linea("P1", "1")]));
    // The next day the draft's own dates are in the past.
    mesa.ahora = MEDIODIA.mas_milis(86_400_000);
    let decision = mesa.emitir(None);
    let EventoFactura::FacturaRechazada { errores, .. } = &decision.eventos[0] else { panic!("{decision:?}") };
    assert_eq!(reglas(errores), [(Regla::FechaEmisionValida, "/fecha_emision".to_owned())]);
    let nuevas = CambioFechas { fecha_emision: Some(fecha("2026-11-24")), fecha_caducidad: Campo::Nulo, ..CambioFechas::default() };
    let decision = mesa.emitir(Some(nuevas));
    assert_eq!(decision.eventos.iter().map(EventoFactura::tipo).collect::<Vec<_>>(), ["FechasCambiadas", "EmisionIniciada"]);
    assert_eq!((mesa.factura().cabecera.fecha_emision, mesa.factura().cabecera.fecha_caducidad), (fecha("2026-11-24"), None));
    assert_eq!(mesa.factura().intento, 2);
}

#[test]
fn cambiar_fechas_vale_por_las_que_da() {
    let mundo = Mundo::nuevo();
    let mut mesa = Mesa::con(&mundo, pedido(Vec::new()));
    let cambiar = |mesa: &mut Mesa<'_>, fechas: CambioFechas| {
        mesa.mandar(ComandoFactura::CambiarFechas { factura_id: id("f1"), fechas: Box::new(fechas) })
    };
    assert_eq!(falla(cambiar(&mut mesa, CambioFechas::default())), [(Regla::TextoValido, String::new())]);
    let pasada = CambioFechas { fecha_emision: Some(fecha("2026-11-22")), ..CambioFechas::default() };
    let esperadas = [
        (Regla::FechaEmisionValida, "/fecha_emision".to_owned()),
        (Regla::FechaAutorizacionValida, "/fecha_autorizacion".to_owned()),
    ];
    assert_eq!(falla(cambiar(&mut mesa, pasada)), esperadas);
    let futura = CambioFechas { fecha_emision: Some(fecha("2026-12-01")), ..CambioFechas::default() };
    cambiar(&mut mesa, futura).expect("futura");
    let cabecera = &mesa.factura().cabecera;
    assert_eq!((cabecera.fecha_emision, cabecera.fecha_autorizacion), (fecha("2026-12-01"), fecha(HOY)));
    assert_eq!(cabecera.fecha_caducidad, Some(fecha("2026-12-23")));
}

#[test]
fn las_formas_de_pago_se_cambian_enteras_y_se_cuadran_al_emitir() {
    let mundo = Mundo::nuevo();
    let mut mesa = Mesa::con(&mundo, pedido(vec![linea("S1", "2")]));
    let forma = |monto: &str| FormaPago {
        forma: FormaPagoTipo::Contado,
        medio: Arc::from("EFECTIVO"),
        monto: Dinero::nuevo(dec(monto)).expect("dinero"),
        fecha_vencimiento: None,
    };
    let definir = |mesa: &mut Mesa<'_>, formas_pago: Vec<FormaPago>| {
        mesa.mandar(ComandoFactura::DefinirFormasPago { factura_id: id("f1"), formas_pago })
    };
    definir(&mut mesa, vec![forma("60"), forma("50")]).expect("no se cuadran aún");
    let decision = mesa.emitir(None);
    assert!(
        matches!(&decision.eventos[0], EventoFactura::FacturaRechazada { errores, .. } if errores[0].regla == Regla::FormaPagoValida)
    );
    assert_eq!(falla(definir(&mut mesa, vec![forma("1"); FORMAS_PAGO_MAX + 1]))[0].0, Regla::FormaPagoValida);
    definir(&mut mesa, vec![forma("60"), forma("40")]).expect("cuadran");
    assert!(matches!(mesa.emitir(None).eventos[0], EventoFactura::EmisionIniciada(_)));
}

#[test]
fn solo_se_edita_en_borrador_o_rechazada() {
    let mundo = Mundo::nuevo();
    let mut mesa = Mesa::con(&mundo, pedido(vec![linea("P1", "1")]));
    mesa.emitir(None);
    let estado = |mesa: &mut Mesa<'_>| {
        let intentos = [mesa.agregar(linea("P1", "1")), mesa.quitar(1), mesa.descontar(None, porcentaje("1"))];
        intentos.map(|r| falla(r)[0].0)
    };
    assert_eq!(estado(&mut mesa), [Regla::EstadoValido; 3]);
    let descartar = ComandoFactura::DescartarFactura { factura_id: id("f1") };
    assert_eq!(falla(mesa.mandar(descartar.clone()))[0].0, Regla::EstadoValido);
    let mut otra = Mesa::con(&mundo, pedido(Vec::new()));
    otra.mandar(descartar.clone()).expect("descarta");
    assert_eq!(otra.factura().estado, EstadoFactura::Descartada);
    assert_eq!(estado(&mut otra), [Regla::EstadoValido; 3]);
    let nadie = decidir(None, &descartar, None, &mundo.ctx(MEDIODIA));
    assert_eq!(falla(nadie), [(Regla::FacturaExiste, String::new())]);
}

#[test]
fn un_descuento_aplicado_dice_su_ambito() {
    let mundo = Mundo::nuevo();
    let mut mesa = Mesa::con(&mundo, pedido(vec![linea("P1", "1")]));
    let decision = mesa.descontar(Some(1), porcentaje("10")).expect("descuento");
    let EventoFactura::DescuentoAplicado(aplicado) = &decision.eventos[0] else { panic!("{decision:?}") };
    assert_eq!((aplicado.ambito, aplicado.linea), (AmbitoDescuento::Linea, Some(1)));
}

#[test]
fn el_limite_de_credito_es_opcional() {
    let mut mundo = Mundo::nuevo();
    let forma = |forma, monto: &str| FormaPago {
        forma,
        medio: Arc::from("30"),
        monto: Dinero::nuevo(dec(monto)).expect("dinero"),
        fecha_vencimiento: Some(fecha("2026-12-31")),
    };
    let formas_pago = vec![forma(FormaPagoTipo::Credito, "70"), forma(FormaPagoTipo::Contado, "30")];
    let datos = DatosFactura { formas_pago, ..pedido(vec![linea("S1", "2")]) };
    let rechaza = |mundo: &Mundo| {
        let decision = mundo.crear(datos.clone()).expect("borrador");
        matches!(decision.eventos.last(), Some(EventoFactura::FacturaRechazada { errores, .. }) if errores[0].regla == Regla::LimiteCreditoValido)
    };
    assert!(!rechaza(&mundo));
    mundo.emisor.limite_credito = Some(Dinero::nuevo(dec("70")).expect("dinero"));
    assert!(!rechaza(&mundo));
    mundo.emisor.limite_credito = Some(Dinero::nuevo(dec("69.99")).expect("dinero"));
    assert!(rechaza(&mundo));
}
