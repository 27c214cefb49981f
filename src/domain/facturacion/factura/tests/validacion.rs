use std::sync::Arc;

use super::mundo::*;
use crate::domain::{
    catalogo::cliente::EstadoFiscal,
    facturacion::factura::*,
    reglas::Regla,
    valores::{Dinero, Instante},
};

fn una() -> DatosFactura {
    pedido(vec![linea("P1", "2")])
}

/// Rule and place of each failure of a draft that was recorded and rejected.
fn rechazada(mundo: &Mundo, datos: DatosFactura) -> Vec<(Regla, String)> {
    let caso = Caso::nuevo(mundo, datos);
    assert_eq!(caso.factura().estado, EstadoFactura::Rechazada);
    assert!(caso.enviados.is_empty());
    assert_eq!(caso.tipos().last(), Some(&"FacturaRechazada"));
    reglas(&caso.factura().errores)
}

fn en(regla: Regla, campo: &str) -> Vec<(Regla, String)> {
    vec![(regla, campo.to_owned())]
}

fn cabecera(mundo: &Mundo, datos: DatosFactura) -> Arc<CabeceraFactura> {
    Caso::nuevo(mundo, datos).factura().cabecera.clone()
}

#[test]
fn lo_ausente_toma_su_valor_predeterminado() {
    let mundo = Mundo::nuevo();
    let caso = Caso::nuevo(&mundo, una());
    let (c, l) = (&caso.factura().cabecera, &caso.factura().lineas[0]);
    assert_eq!((c.sucursal_id.as_str(), &*c.moneda), ("PRINCIPAL", "COP"));
    assert_eq!(c.bodega_id, Some(id("PRINCIPAL")), "la primera de la sucursal");
    assert_eq!((c.fecha_emision, c.fecha_autorizacion, c.fecha_caducidad), (fecha(HOY), fecha(HOY), Some(fecha("2026-12-23"))));
    assert_eq!(
        (&*l.descripcion, l.precio_unitario.valor(), &l.impuesto),
        ("Producto P1", dec("100"), &Some(impuesto("IVA", "19")))
    );
}

#[test]
fn un_impuesto_nulo_excluye_y_una_caducidad_nula_no_caduca() {
    let mundo = Mundo::nuevo();
    let mut datos = una();
    datos.lineas[0].impuesto = Campo::Nulo;
    datos.fecha_caducidad = Campo::Nulo;
    let caso = Caso::nuevo(&mundo, datos);
    assert_eq!((&caso.factura().lineas[0].impuesto, caso.factura().cabecera.fecha_caducidad), (&None, None));
    assert!(caso.factura().emision.as_ref().expect("en curso").inicio.totales.impuestos.is_empty());
}

#[test]
fn sin_lineas_queda_el_borrador_rechazado() {
    assert_eq!(rechazada(&Mundo::nuevo(), pedido(Vec::new())), en(Regla::FacturaTieneLineas, "/lineas"));
}

#[test]
fn quinientas_una_lineas_no_hacen_ni_un_borrador() {
    assert_eq!(Mundo::nuevo().rechazo(pedido(vec![linea("P1", "1"); 501])), en(Regla::FacturaTieneLineas, "/lineas"));
}

#[test]
fn cada_fecha_antes_en_y_despues_de_su_limite() {
    let mundo = Mundo::nuevo();
    let con = |cambiar: &dyn Fn(&mut DatosFactura)| {
        let mut datos = una();
        cambiar(&mut datos);
        mundo.crear(datos).map(|_| ()).map_err(|r| reglas(&r.errores))
    };
    let emision = |dia: &str| con(&|d| d.fecha_emision = Some(fecha(dia)));
    assert_eq!(emision("2026-11-22"), Err(en(Regla::FechaEmisionValida, "/fecha_emision")));
    assert_eq!((emision(HOY), emision("2026-11-24")), (Ok(()), Ok(())));
    let caducidad = |dia: &str| con(&|d| d.fecha_caducidad = Campo::Valor(fecha(dia)));
    assert_eq!(caducidad("2026-11-22"), Err(en(Regla::FechaCaducidadValida, "/fecha_caducidad")));
    assert_eq!(caducidad(HOY), Err(en(Regla::FechaCaducidadValida, "/fecha_caducidad")));
    assert_eq!(caducidad("2026-11-24"), Ok(()));
    let autorizacion = |dia: &str| con(&|d| d.fecha_autorizacion = Some(fecha(dia)));
    assert_eq!((autorizacion("2026-11-22"), autorizacion(HOY)), (Ok(()), Ok(())));
    assert_eq!(autorizacion("2026-11-24"), Err(en(Regla::FechaAutorizacionValida, "/fecha_autorizacion")));
    // Not after today, even when the issue is later.
    let futura = con(&|d| {
        d.fecha_emision = Some(fecha("2026-11-30"));
        d.fecha_autorizacion = Some(fecha("2026-11-24"));
    });
    assert_eq!(futura, Err(en(Regla::FechaAutorizacionValida, "/fecha_autorizacion")));
}

#[test]
fn el_tope_de_dias_futuros_es_opcional() {
    let mut mundo = Mundo::nuevo();
    let a = |dia: &str| DatosFactura { fecha_emision: Some(fecha(dia)), ..una() };
    assert!(mundo.crear(a("2027-11-23")).is_ok());
    mundo.emisor.max_dias_futuro = Some(2);
    assert!(mundo.crear(a("2026-11-25")).is_ok());
    assert_eq!(mundo.rechazo(a("2026-11-26")), en(Regla::MaxDiasFuturoValido, "/fecha_emision"));
}

#[test]
fn hoy_cambia_a_medianoche_de_bogota() {
    let mundo = Mundo::nuevo();
    let datos = || DatosFactura { fecha_emision: Some(fecha(HOY)), ..una() };
    // 2026-11-24T05:00:00Z is midnight in Bogotá.
    let medianoche = Instante(MEDIODIA.0 + 12 * 3_600_000_000);
    assert!(mundo.crear_en(datos(), Instante(medianoche.0 - 1)).is_ok());
    let rechazo = mundo.crear_en(datos(), medianoche).expect_err("ya es otro día");
    assert_eq!(reglas(&rechazo.errores), en(Regla::FechaEmisionValida, "/fecha_emision"));
}

#[test]
fn el_cliente_debe_existir_estar_activo_y_al_dia() {
    let mut mundo = Mundo::nuevo();
    let ajeno = DatosFactura { cliente_id: id("nadie"), ..una() };
    assert_eq!(rechazada(&mundo, ajeno), en(Regla::ClienteValido, "/cliente_id"));
    for estado in [EstadoFiscal::Suspendido, EstadoFiscal::Cancelado] {
        Arc::make_mut(&mut mundo.clientes.get_mut("1").expect("cliente").datos).estado_fiscal = estado;
        assert_eq!(rechazada(&mundo, una()), en(Regla::ClienteValido, "/cliente_id"));
    }
    let cliente = mundo.clientes.get_mut("1").expect("cliente");
    Arc::make_mut(&mut cliente.datos).estado_fiscal = EstadoFiscal::Activo;
    cliente.activo = false;
    assert_eq!(rechazada(&mundo, una()), en(Regla::ClienteValido, "/cliente_id"));
}

#[test]
fn sin_rango_vigente_se_dice_de_una_vez() {
    let mut mundo = Mundo::nuevo();
    mundo.rangos.clear();
    assert_eq!(rechazada(&mundo, una()), en(Regla::NumeracionDisponible, ""));
}

#[test]
fn los_lugares_deben_existir_y_estar_activos() {
    let mut mundo = Mundo::nuevo();
    let sucursal = DatosFactura { sucursal_id: Some(id("OTRA")), ..una() };
    assert_eq!(mundo.rechazo(sucursal), en(Regla::SucursalValida, "/sucursal_id"));
    let bodega = DatosFactura { bodega_id: Some(id("OTRA")), ..una() };
    assert_eq!(mundo.rechazo(bodega), en(Regla::BodegaValida, "/bodega_id"));
    let mut de_linea = una();
    de_linea.lineas[0].bodega_id = Some(id("OTRA"));
    assert_eq!(mundo.rechazo(de_linea), en(Regla::BodegaValida, "/lineas/0/bodega_id"));
    mundo.bodegas.clear();
    assert_eq!(mundo.rechazo(una()), en(Regla::BodegaValida, "/lineas/0/bodega_id"));
    assert!(mundo.crear(pedido(vec![linea("S1", "1")])).is_ok(), "un servicio no necesita bodega");
    mundo.sucursales.get_mut("PRINCIPAL").expect("sucursal").activa = false;
    assert_eq!(mundo.rechazo(pedido(vec![linea("S1", "1")])), en(Regla::SucursalValida, "/sucursal_id"));
}

#[test]
fn cada_falla_de_una_linea_apunta_a_su_campo() {
    let mundo = Mundo::nuevo();
    let mut sin_nada = linea("P1", "1");
    sin_nada.producto_id = None;
    let mut caro = linea("P1", "1");
    caro.precio_unitario = Some(dec("0.1234567"));
    let mut impuesta = linea("P1", "1");
    impuesta.impuesto = Campo::Valor(impuesto("IVA", "16"));
    let lineas = vec![
        linea("P1", "0"),
        linea("P1", "-1"),
        linea("P1", "123456789012345"),
        linea("NADA", "1"),
        sin_nada,
        caro,
        linea_libre("x", "1", "0"),
        linea_libre("", "1", "1"),
        linea_libre(&"ñ".repeat(301), "1", "1"),
        impuesta,
    ];
    let esperadas = [
        (Regla::LineaValida, "/lineas/0/cantidad"),
        (Regla::LineaValida, "/lineas/1/cantidad"),
        (Regla::PrecisionExcedida, "/lineas/2/cantidad"),
        (Regla::ProductoValido, "/lineas/3/producto_id"),
        (Regla::LineaValida, "/lineas/4/descripcion"),
        (Regla::LineaValida, "/lineas/4/precio_unitario"),
        (Regla::PrecisionExcedida, "/lineas/5/precio_unitario"),
        (Regla::LineaValida, "/lineas/6/precio_unitario"),
        (Regla::LineaValida, "/lineas/7/descripcion"),
        (Regla::LineaValida, "/lineas/8/descripcion"),
        (Regla::ImpuestoValido, "/lineas/9/impuesto"),
    ];
    let esperadas: Vec<(Regla, String)> = esperadas.iter().map(|(r, c)| (*r, (*c).to_owned())).collect();
    assert_eq!(mundo.rechazo(pedido(lineas)), esperadas);
}

#[test]
fn todas_las_fallas_a_la_vez_y_los_montos_solo_con_lineas_validas() {
    let mut mundo = Mundo::nuevo();
    mundo.rangos.clear();
    let datos = DatosFactura {
        cliente_id: id("nadie"),
        moneda: Some(Arc::from("USD")),
        fecha_emision: Some(fecha("2026-11-01")),
        fecha_autorizacion: Some(fecha("2026-11-02")),
        fecha_caducidad: Campo::Valor(fecha("2026-11-01")),
        total: Some(dec("1")),
        ..pedido(vec![linea("P1", "0")])
    };
    let vistas: Vec<Regla> = mundo.rechazo(datos).into_iter().map(|(regla, _)| regla).collect();
    let esperadas = [
        Regla::MonedaValida,
        Regla::FechaEmisionValida,
        Regla::FechaAutorizacionValida,
        Regla::FechaCaducidadValida,
        Regla::LineaValida,
        Regla::ClienteValido,
        Regla::NumeracionDisponible,
    ];
    assert_eq!(vistas, esperadas);
}

#[test]
fn un_producto_inactivo_deja_el_borrador_rechazado() {
    let mut mundo = Mundo::nuevo();
    mundo.productos.get_mut("P1").expect("producto").activo = false;
    assert_eq!(rechazada(&mundo, una()), en(Regla::ProductoValido, "/lineas/0/producto_id"));
}

#[test]
fn el_total_declarado_y_los_pagos_deben_cuadrar() {
    let mundo = Mundo::nuevo();
    let con_total = |total: &str| DatosFactura { total: Some(dec(total)), ..una() };
    assert!(Caso::nuevo(&mundo, con_total("238.00")).factura().emision.is_some());
    assert_eq!(rechazada(&mundo, con_total("238.01")), en(Regla::TotalesConsistentes, "/total"));
    assert_eq!(mundo.rechazo(con_total("238.001")), en(Regla::PrecisionExcedida, "/total"));

    let pago = |forma, monto: &str, vence: Option<&str>| FormaPago {
        forma,
        medio: Arc::from("EFECTIVO"),
        monto: Dinero::nuevo(dec(monto)).expect("monto"),
        fecha_vencimiento: vence.map(fecha),
    };
    let con_pagos = |formas_pago: Vec<FormaPago>| DatosFactura { formas_pago, ..una() };
    let dos = con_pagos(vec![pago(FormaPagoTipo::Contado, "38", None), pago(FormaPagoTipo::Credito, "200", Some(HOY))]);
    assert!(Caso::nuevo(&mundo, dos).factura().emision.is_some());
    let malos = con_pagos(vec![
        pago(FormaPagoTipo::Credito, "100", None),
        pago(FormaPagoTipo::Credito, "100", Some("2026-11-22")),
        pago(FormaPagoTipo::Contado, "-1", None),
    ]);
    let campos: Vec<String> = rechazada(&mundo, malos).into_iter().map(|(_, campo)| campo).collect();
    assert_eq!(
        campos,
        ["/formas_pago/0/fecha_vencimiento", "/formas_pago/1/fecha_vencimiento", "/formas_pago/2/monto", "/formas_pago"]
    );
}

#[test]
fn un_total_que_redondea_a_cero_no_es_positivo() {
    assert_eq!(rechazada(&Mundo::nuevo(), pedido(vec![linea_libre("Nada", "0.001", "1")])), en(Regla::MontoPositivo, "/lineas"));
}

#[test]
fn los_montos_y_sumas_fuera_de_limite_no_registran_nada() {
    let mundo = Mundo::nuevo();
    let enorme = linea_libre("x", "99999999999999", "99999999999999");
    assert_eq!(mundo.rechazo(pedido(vec![linea("S1", "1"), enorme])), en(Regla::PrecisionExcedida, "/lineas/1"));
    let mut barata = linea("P1", "99999999999999");
    barata.precio_unitario = Some(dec("0.01"));
    assert_eq!(mundo.rechazo(pedido(vec![barata.clone(), barata])), en(Regla::PrecisionExcedida, "/lineas/1/cantidad"));
}

#[test]
fn un_documento_de_textos_enormes_se_niega_antes_de_numerar() {
    let datos = DatosFactura { notas: Some(Arc::from("n".repeat(700_000))), ..una() };
    assert_eq!(Mundo::nuevo().rechazo(datos), en(Regla::DocumentoDemasiadoGrande, ""));
}

#[test]
fn una_emision_futura_autoriza_hoy() {
    let c = cabecera(&Mundo::nuevo(), DatosFactura { fecha_emision: Some(fecha("2026-12-01")), ..una() });
    assert_eq!((c.fecha_autorizacion, c.fecha_caducidad), (fecha(HOY), Some(fecha("2026-12-31"))));
}
