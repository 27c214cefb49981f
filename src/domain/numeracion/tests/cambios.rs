use super::*;

#[test]
fn se_crea_una_vez_con_su_clave() {
    let comando = crear("F", autorizacion(1, 10));
    let mut e = Escenario::vacio();
    assert_eq!(e.aplicar(&comando).unwrap().eventos.len(), 1);
    assert_eq!(e.rango().rango_id, id("PRINCIPAL:FACTURA:F"));
    assert_eq!(fallas(&e.decidir(&comando).unwrap_err()), [par(Regla::YaExiste, "/prefijo")]);
    assert!(Escenario::vacio().decidir(&crear("", autorizacion(1, 10))).is_ok());
}

#[test]
fn crear_dice_todas_las_fallas() {
    let mala = Autorizacion {
        desde: 0,
        hasta: CONSECUTIVO_MAX + 1,
        vigente_desde: dia(2026, 2, 1),
        vigente_hasta: dia(2026, 1, 1),
        resolucion: Arc::from("x".repeat(65)),
        fecha_resolucion: None,
    };
    let ComandoRango::CrearRango { sucursal_id, tipo_documento, .. } = crear("F", autorizacion(1, 1)) else { unreachable!() };
    let comando = ComandoRango::CrearRango {
        rango_id: rango(),
        sucursal_id,
        tipo_documento,
        prefijo: Arc::from("FE-01"),
        autorizacion: mala,
    };
    let esperado = [
        par(Regla::RangoValido, "/prefijo"),
        par(Regla::ClaveAjena, ""),
        par(Regla::RangoValido, "/desde"),
        par(Regla::RangoValido, "/hasta"),
        par(Regla::RangoValido, "/vigente_hasta"),
        par(Regla::TextoValido, "/resolucion"),
    ];
    assert_eq!(fallas(&Escenario::vacio().decidir(&comando).unwrap_err()), esperado);
}

#[test]
fn el_intervalo_y_el_prefijo_en_sus_bordes() {
    for (prefijo, bueno) in [("", true), ("A", true), ("SETP", true), ("f9", true), ("SETP1", false), ("Ñ", false), ("A ", false)]
    {
        assert_eq!(Escenario::vacio().decidir(&crear(prefijo, autorizacion(1, 1))).is_ok(), bueno, "{prefijo:?}");
    }
    for (desde, hasta, bueno) in
        [(1, 1, true), (1, CONSECUTIVO_MAX, true), (2, 1, false), (0, 5, false), (u64::MAX, u64::MAX, false)]
    {
        assert_eq!(Escenario::vacio().decidir(&crear("F", autorizacion(desde, hasta))).is_ok(), bueno, "{desde}-{hasta}");
    }
}

#[test]
fn renovar_empieza_por_encima_de_todo_numero_dado() {
    let mut e = Escenario::con_rango(1, 10);
    for documento in ["f1", "f2", "f3"] {
        e.asignar(documento).unwrap();
    }
    assert_eq!(fallas(&e.decidir(&renovar(autorizacion(3, 50))).unwrap_err()), [par(Regla::RangoValido, "/desde")]);
    assert_eq!(fallas(&e.decidir(&renovar(autorizacion(9, 4))).unwrap_err()), [par(Regla::RangoValido, "/hasta")]);
    e.aplicar(&renovar(autorizacion(4, 50))).unwrap();
    assert_eq!(e.asignar("f4").unwrap().consecutivo, 4);
    e.aplicar(&renovar(autorizacion(1_000, 2_000))).unwrap();
    assert_eq!(e.asignar("f5").unwrap().consecutivo, 1_000);
    assert_eq!(fallas(&Escenario::vacio().decidir(&renovar(autorizacion(1, 2))).unwrap_err()), [par(Regla::RangoNoExiste, "")]);
}

#[test]
fn un_rango_sin_estrenar_se_corrige_hacia_abajo() {
    let mut e = Escenario::con_rango(990_000_000, 995_000_000);
    e.aplicar(&renovar(autorizacion(1, 100))).unwrap();
    assert_eq!(e.asignar("f1").unwrap().consecutivo, 1);
}

#[test]
fn un_inutilizado_se_salta_y_no_vuelve() {
    let mut e = Escenario::con_rango(1, 6);
    for consecutivo in [1, 3, 4] {
        e.aplicar(&inutilizar(consecutivo)).unwrap();
    }
    let dados: Vec<u64> = ["a", "b", "c"].iter().map(|d| e.asignar(d).unwrap().consecutivo).collect();
    assert_eq!(dados, [2, 5, 6]);
    assert_eq!(e.rango().estado(hoy()), EstadoRango::Agotado);
    assert!(e.rango().inutilizados.is_empty());
}

#[test]
fn un_inutilizado_tampoco_vuelve_con_una_renovacion() {
    let mut e = Escenario::con_rango(5, 10);
    e.aplicar(&inutilizar(5)).unwrap();
    e.aplicar(&inutilizar(9)).unwrap();
    e.aplicar(&renovar(autorizacion(4, 9))).unwrap();
    let dados: Vec<u64> = ["a", "b", "c", "d"].iter().map(|d| e.asignar(d).unwrap().consecutivo).collect();
    assert_eq!(dados, [4, 6, 7, 8]);
    assert_eq!(e.rango().estado(hoy()), EstadoRango::Agotado);
}

#[test]
fn solo_se_inutiliza_lo_que_no_se_ha_dado() {
    let mut e = Escenario::con_rango(5, 10);
    e.asignar("f1").unwrap();
    e.aplicar(&inutilizar(8)).unwrap();
    for (consecutivo, regla) in
        [(4, Regla::RangoValido), (11, Regla::RangoValido), (5, Regla::EstadoValido), (8, Regla::EstadoValido)]
    {
        assert_eq!(fallas(&e.decidir(&inutilizar(consecutivo)).unwrap_err()), [par(regla, "/consecutivo")], "{consecutivo}");
    }
    let sin_motivo = ComandoRango::InutilizarNumero { rango_id: rango(), consecutivo: 4, motivo: Arc::from(" ") };
    let esperado = [par(Regla::TextoValido, "/motivo"), par(Regla::RangoValido, "/consecutivo")];
    assert_eq!(fallas(&e.decidir(&sin_motivo).unwrap_err()), esperado);
    assert_eq!(fallas(&Escenario::vacio().decidir(&inutilizar(1)).unwrap_err()), [par(Regla::RangoNoExiste, "")]);
}

#[test]
fn los_inutilizados_por_delante_tienen_limite() {
    let mut e = Escenario::con_rango(1, 10_000);
    for consecutivo in 2..2 + INUTILIZADOS_MAX as u64 {
        e.aplicar(&inutilizar(consecutivo)).unwrap();
    }
    assert_eq!(fallas(&e.decidir(&inutilizar(5_000)).unwrap_err()), [par(Regla::RangoValido, "/consecutivo")]);
    e.asignar("f1").unwrap();
    assert_eq!(e.asignar("f2").unwrap().consecutivo, 2 + INUTILIZADOS_MAX as u64);
    assert!(e.decidir(&inutilizar(5_000)).is_ok());
}

#[test]
fn inutilizar_tambien_avisa_que_queda_poco() {
    let mut e = Escenario::con_rango(1, 20);
    for consecutivo in 3..=20 {
        e.aplicar(&inutilizar(consecutivo)).unwrap();
    }
    let avisos: Vec<_> = e.eventos.iter().filter(|e| matches!(e, EventoRango::RangoPorAgotarse { .. })).collect();
    assert_eq!(avisos, [&EventoRango::RangoPorAgotarse { rango_id: rango(), restantes: 2 }]);
    assert_eq!(e.rango().restantes(), 2);
}
