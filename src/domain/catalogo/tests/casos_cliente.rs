use std::sync::Arc;

use super::*;
use crate::domain::{
    catalogo::cliente::{self, *},
    valores::{Direccion, Identificacion, TipoIdentificacion},
};

escenario!(cliente, EventoCliente, ComandoCliente);

pub fn datos() -> DatosCliente {
    DatosCliente {
        nombre: Arc::from("ACME S.A.S."),
        identificacion: Identificacion::inferir("800123456-7").unwrap(),
        correo: Arc::from("a@b.co"),
        direccion: Direccion::de_linea("Calle 1"),
        estado_fiscal: EstadoFiscal::Activo,
        tipo_persona: None,
        responsabilidades: Vec::new(),
        municipio: None,
        departamento: None,
    }
}

fn crear(datos: DatosCliente) -> ComandoCliente {
    ComandoCliente::CrearCliente { cliente_id: id("1"), datos: datos.into() }
}

fn creado() -> EventoCliente {
    EventoCliente::ClienteCreado { cliente_id: id("1"), datos: datos().into() }
}

fn actualizar(cambios: CambiosCliente) -> ComandoCliente {
    ComandoCliente::ActualizarCliente { cliente_id: id("1"), cambios: cambios.into() }
}

#[test]
fn el_ejemplo_del_producto_se_crea_como_esta_escrito() {
    assert_eq!(dado_cuando(&[], &crear(datos())), Ok(vec![creado()]));
}

#[test]
fn todas_las_fallas_a_la_vez_y_en_su_campo() {
    let malo = DatosCliente {
        nombre: Arc::from("  "),
        identificacion: Identificacion { tipo: TipoIdentificacion::Nit, numero: Arc::from("800123456-7"), dv: None },
        correo: Arc::from("a@b"),
        direccion: Direccion { ciudad: Some(Arc::from("")), ..Direccion::de_linea("") },
        tipo_persona: Some(Arc::from("\u{7}")),
        responsabilidades: vec![Arc::from("O-13"), Arc::from("")],
        ..datos()
    };
    let esperado = [
        par(Regla::YaExiste, "/id"),
        par(Regla::NombreValido, "/nombre"),
        par(Regla::IdentificacionValida, "/identificacion"),
        par(Regla::CorreoValido, "/correo"),
        par(Regla::DireccionValida, "/direccion/linea"),
        par(Regla::DireccionValida, "/direccion/ciudad"),
        par(Regla::TextoValido, "/tipo_persona"),
        par(Regla::TextoValido, "/responsabilidades/1"),
    ];
    assert_eq!(fallas(dado_cuando(&[creado()], &crear(malo))), esperado);
}

#[test]
fn una_direccion_en_texto_falla_en_su_campo() {
    let malo = DatosCliente { direccion: Direccion::de_linea(""), ..datos() };
    assert_eq!(fallas(dado_cuando(&[], &crear(malo))), [par(Regla::DireccionValida, "/direccion")]);
}

#[test]
fn demasiadas_responsabilidades() {
    let malo = DatosCliente { responsabilidades: vec![Arc::from("O-13"); 51], ..datos() };
    assert_eq!(fallas(dado_cuando(&[], &crear(malo))), [par(Regla::TextoValido, "/responsabilidades")]);
}

#[test]
fn el_evento_lleva_la_identificacion_canonica() {
    let identificacion = Identificacion { tipo: TipoIdentificacion::Nit, numero: Arc::from("860.002.964-4"), dv: None };
    let eventos = dado_cuando(&[], &crear(DatosCliente { identificacion, ..datos() })).unwrap();
    let EventoCliente::ClienteCreado { datos, .. } = &eventos[0] else { panic!("{eventos:?}") };
    assert_eq!((&*datos.identificacion.numero, datos.identificacion.dv), ("860002964", Some(4)));
}

#[test]
fn actualizar_registra_lo_dado_aunque_no_cambie_nada() {
    let iguales = CambiosCliente { nombre: Some(datos().nombre), ..CambiosCliente::default() };
    let evento = EventoCliente::ClienteActualizado { cliente_id: id("1"), cambios: iguales.clone().into() };
    assert_eq!(dado_cuando(&[creado()], &actualizar(iguales)), Ok(vec![evento]));
}

#[test]
fn actualizar_sin_campos_o_con_campos_malos_se_rechaza() {
    assert_eq!(fallas(dado_cuando(&[creado()], &actualizar(CambiosCliente::default()))), [par(Regla::TextoValido, "")]);
    let malos = CambiosCliente {
        nombre: Some(Arc::from("")),
        correo: Some(Arc::from("")),
        identificacion: Some(Identificacion { tipo: TipoIdentificacion::CedulaCo, numero: Arc::from("x"), dv: None }),
        direccion: Some(Direccion::de_linea("a\nb")),
        municipio: Some(Arc::from("")),
        ..CambiosCliente::default()
    };
    let esperado = [
        par(Regla::NombreValido, "/nombre"),
        par(Regla::IdentificacionValida, "/identificacion"),
        par(Regla::CorreoValido, "/correo"),
        par(Regla::DireccionValida, "/direccion"),
        par(Regla::TextoValido, "/municipio"),
    ];
    assert_eq!(fallas(dado_cuando(&[creado()], &actualizar(malos))), esperado);
}

#[test]
fn lo_que_no_existe_no_cambia() {
    let cambios = CambiosCliente { nombre: Some(Arc::from("Otro")), ..CambiosCliente::default() };
    for comando in [
        actualizar(cambios),
        ComandoCliente::InactivarCliente { cliente_id: id("1") },
        ComandoCliente::ReactivarCliente { cliente_id: id("1") },
    ] {
        assert_eq!(fallas(dado_cuando(&[], &comando)), [par(Regla::ClienteNoExiste, "")]);
    }
}

#[test]
fn lo_suprimido_no_cambia_mas() {
    let suprimir = ComandoCliente::SuprimirCliente { cliente_id: id("1") };
    let suprimido = EventoCliente::ClienteSuprimido { cliente_id: id("1") };
    let inactivado = EventoCliente::ClienteInactivado { cliente_id: id("1") };
    assert_eq!(fallas(dado_cuando(&[], &suprimir)), [par(Regla::ClienteNoExiste, "")]);
    assert_eq!(dado_cuando(&[creado()], &suprimir), Ok(vec![suprimido.clone()]));
    assert_eq!(dado_cuando(&[creado(), inactivado], &suprimir), Ok(vec![suprimido.clone()]));
    let mut estado = None;
    for evento in [creado(), suprimido.clone()] {
        evolucionar(&mut estado, &evento);
    }
    let esperado = Cliente { cliente_id: id("1"), datos: DatosCliente::suprimidos().into(), activo: false, suprimido: true };
    assert_eq!(estado, Some(esperado));
    let otros = [
        suprimir,
        actualizar(CambiosCliente { nombre: Some(Arc::from("Otro")), ..CambiosCliente::default() }),
        ComandoCliente::ReactivarCliente { cliente_id: id("1") },
        ComandoCliente::InactivarCliente { cliente_id: id("1") },
    ];
    for otro in otros {
        assert_eq!(fallas(dado_cuando(&[creado(), suprimido.clone()], &otro)), [par(Regla::EstadoValido, "")], "{otro:?}");
    }
    assert_eq!(fallas(dado_cuando(&[creado(), suprimido], &crear(datos()))), [par(Regla::YaExiste, "/id")]);
}

#[test]
fn activo_inactivo_activo() {
    let inactivar = ComandoCliente::InactivarCliente { cliente_id: id("1") };
    let reactivar = ComandoCliente::ReactivarCliente { cliente_id: id("1") };
    let inactivado = EventoCliente::ClienteInactivado { cliente_id: id("1") };
    let reactivado = EventoCliente::ClienteReactivado { cliente_id: id("1") };
    assert_eq!(dado_cuando(&[creado()], &inactivar), Ok(vec![inactivado.clone()]));
    assert_eq!(fallas(dado_cuando(&[creado()], &reactivar)), [par(Regla::EstadoValido, "")]);
    assert_eq!(fallas(dado_cuando(&[creado(), inactivado.clone()], &inactivar)), [par(Regla::EstadoValido, "")]);
    assert_eq!(dado_cuando(&[creado(), inactivado.clone()], &reactivar), Ok(vec![reactivado.clone()]));
    assert_eq!(dado_cuando(&[creado(), inactivado.clone(), reactivado], &inactivar), Ok(vec![inactivado]));
}

#[test]
fn el_estado_es_la_suma_de_los_cambios() {
    let cambios = CambiosCliente {
        correo: Some(Arc::from("nuevo@b.co")),
        estado_fiscal: Some(EstadoFiscal::Suspendido),
        responsabilidades: Some(vec![Arc::from("O-15")]),
        departamento: Some(Arc::from("Antioquia")),
        ..CambiosCliente::default()
    };
    let mut estado = None;
    evolucionar(&mut estado, &creado());
    evolucionar(&mut estado, &EventoCliente::ClienteActualizado { cliente_id: id("1"), cambios: cambios.into() });
    let esperado = DatosCliente {
        correo: Arc::from("nuevo@b.co"),
        estado_fiscal: EstadoFiscal::Suspendido,
        responsabilidades: vec![Arc::from("O-15")],
        departamento: Some(Arc::from("Antioquia")),
        ..datos()
    };
    assert_eq!(estado, Some(Cliente { cliente_id: id("1"), datos: esperado.into(), activo: true, suprimido: false }));
}
