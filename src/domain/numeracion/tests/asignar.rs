use super::*;

fn consecutivo(escenario: &mut Escenario, documento: &str) -> u64 {
    escenario.asignar(documento).unwrap().consecutivo
}

#[test]
fn los_numeros_van_uno_a_uno_con_su_prefijo_y_resolucion() {
    let mut e = Escenario::con_rango(990_000_000, 995_000_000);
    let primero = e.asignar("f1").unwrap();
    assert_eq!(primero.to_string(), "FE990000000");
    assert_eq!(&*primero.resolucion, "18760000001");
    assert_eq!(consecutivo(&mut e, "f2"), 990_000_001);
    let esperado = EventoRango::NumeroAsignado { documento_id: id("f1"), numero: primero, fecha: hoy() };
    assert_eq!(e.eventos[1], esperado);
}

#[test]
fn el_mismo_documento_recibe_el_mismo_numero_sin_evento() {
    let mut e = Escenario::con_rango(1, 100);
    let primero = e.asignar("f1").unwrap();
    e.asignar("f2").unwrap();
    let repetido = e.decidir(&asignar("f1")).unwrap();
    assert_eq!(repetido.eventos, []);
    assert_eq!(repetido.resultado, Some(ResultadoPaso::NumeroAsignado { numero: primero }));
}

#[test]
fn la_repeticion_responde_igual_aunque_el_rango_se_agote_o_se_renueve() {
    let mut e = Escenario::con_rango(1, 1);
    let primero = e.asignar("f1").unwrap();
    assert_eq!(e.asignar("f1"), Ok(primero.clone()));
    let otra = Autorizacion { resolucion: Arc::from("OTRA"), ..autorizacion(50, 60) };
    e.aplicar(&renovar(otra)).unwrap();
    assert_eq!(e.asignar("f1"), Ok(primero));
    assert_eq!(&*e.asignar("f2").unwrap().resolucion, "OTRA");
}

#[test]
fn sin_rango_agotado_vencido_o_por_empezar_no_hay_numeracion() {
    let rechazo = vec![par(Regla::NumeracionDisponible, "")];
    assert_eq!(Escenario::vacio().asignar("f1"), Err(rechazo.clone()));

    let mut agotado = Escenario::con_rango(7, 7);
    agotado.asignar("f1").unwrap();
    assert_eq!(agotado.asignar("f2"), Err(rechazo.clone()));
    assert_eq!(agotado.rango().estado(hoy()), EstadoRango::Agotado);

    let e = Escenario::con_rango(1, 100);
    for (fecha, estado) in [
        (dia(2025, 12, 31), EstadoRango::Pendiente),
        (dia(2026, 1, 1), EstadoRango::Vigente),
        (dia(2026, 12, 31), EstadoRango::Vigente),
        (dia(2027, 1, 1), EstadoRango::Vencido),
    ] {
        assert_eq!(e.rango().estado(fecha), estado, "{fecha}");
        let comando = ComandoRango::AsignarNumero { rango_id: rango(), documento_id: id("f1"), fecha };
        match e.decidir(&comando) {
            Ok(_) => assert_eq!(estado, EstadoRango::Vigente),
            Err(r) => {
                assert_eq!(fallas(&r), rechazo);
                assert!(r.errores[0].datos.contains(&("estado".to_owned(), estado.nombre().to_owned())));
            }
        }
    }
}

#[test]
fn un_rechazo_no_gasta_numero() {
    let mut e = Escenario::con_rango(1, 100);
    let vencida = ComandoRango::AsignarNumero { rango_id: rango(), documento_id: id("f1"), fecha: dia(2030, 1, 1) };
    assert!(e.aplicar(&vencida).is_err());
    assert_eq!(consecutivo(&mut e, "f1"), 1);
}

#[test]
fn avisa_una_sola_vez_al_noventa_por_ciento() {
    let mut e = Escenario::con_rango(1, 20);
    for i in 1..=20 {
        e.asignar(&format!("f{i}")).unwrap();
        let avisos: Vec<_> = e.eventos.iter().filter(|e| matches!(e, EventoRango::RangoPorAgotarse { .. })).collect();
        match i {
            ..18 => assert!(avisos.is_empty(), "{i}"),
            _ => assert_eq!(avisos, [&EventoRango::RangoPorAgotarse { rango_id: rango(), restantes: 2 }]),
        }
    }
}

#[test]
fn el_aviso_se_arma_de_nuevo_al_renovar() {
    let mut e = Escenario::con_rango(1, 1);
    e.asignar("f1").unwrap();
    e.aplicar(&renovar(autorizacion(2, 2))).unwrap();
    e.asignar("f2").unwrap();
    assert_eq!(e.eventos.iter().filter(|e| e.tipo() == "RangoPorAgotarse").count(), 2);
}

#[test]
fn la_memoria_de_documentos_tiene_limite() {
    let mut e = Escenario::con_rango(1, 1_000_000);
    let total = RECIENTES_MAX + 10;
    for i in 0..total {
        e.asignar(&format!("f{i}")).unwrap();
    }
    let rango = e.rango();
    assert_eq!((rango.recientes.len(), rango.por_documento.len()), (RECIENTES_MAX, RECIENTES_MAX));
    assert_eq!(rango.numero_de(&id("f9")), None);
    assert_eq!(rango.numero_de(&id("f10")).map(|n| n.consecutivo), Some(11));
    assert_eq!(rango.ultimo_dado(), Some(total as u64));
}
