use std::sync::Arc;

use super::*;
use crate::domain::{
    catalogo::sucursal::{self, *},
    valores::Direccion,
};

escenario!(sucursal, EventoSucursal, ComandoSucursal);

fn datos() -> DatosSucursal {
    DatosSucursal { nombre: Arc::from("Principal"), direccion: Some(Direccion::de_linea("Carrera 7")) }
}

fn creada() -> EventoSucursal {
    EventoSucursal::SucursalCreada { sucursal_id: id("PRINCIPAL"), datos: datos() }
}

fn actualizar(cambios: CambiosSucursal) -> ComandoSucursal {
    ComandoSucursal::ActualizarSucursal { sucursal_id: id("PRINCIPAL"), cambios }
}

#[test]
fn se_crea_una_vez() {
    let crear = |datos| ComandoSucursal::CrearSucursal { sucursal_id: id("PRINCIPAL"), datos };
    assert_eq!(dado_cuando(&[], &crear(datos())), Ok(vec![creada()]));
    assert!(dado_cuando(&[], &crear(DatosSucursal { direccion: None, ..datos() })).is_ok());
    let mala = DatosSucursal { nombre: Arc::from(""), direccion: Some(Direccion::de_linea("")) };
    let esperado = [par(Regla::YaExiste, "/id"), par(Regla::NombreValido, "/nombre"), par(Regla::DireccionValida, "/direccion")];
    assert_eq!(fallas(dado_cuando(&[creada()], &crear(mala))), esperado);
}

#[test]
fn se_actualiza() {
    let cambios = CambiosSucursal { nombre: Some(Arc::from("Norte")), direccion: None };
    let evento = EventoSucursal::SucursalActualizada { sucursal_id: id("PRINCIPAL"), cambios: cambios.clone() };
    assert_eq!(dado_cuando(&[creada()], &actualizar(cambios.clone())), Ok(vec![evento.clone()]));
    let mut estado = None;
    [creada(), evento].iter().for_each(|e| evolucionar(&mut estado, e));
    assert_eq!(estado.unwrap().datos, DatosSucursal { nombre: Arc::from("Norte"), ..datos() });

    assert_eq!(fallas(dado_cuando(&[], &actualizar(cambios))), [par(Regla::SucursalNoExiste, "")]);
    assert_eq!(fallas(dado_cuando(&[creada()], &actualizar(CambiosSucursal::default()))), [par(Regla::TextoValido, "")]);
    let malos = CambiosSucursal { nombre: Some(Arc::from("")), direccion: Some(Direccion::de_linea("")) };
    let esperado = [par(Regla::NombreValido, "/nombre"), par(Regla::DireccionValida, "/direccion")];
    assert_eq!(fallas(dado_cuando(&[creada()], &actualizar(malos))), esperado);
}

#[test]
fn se_inactiva_una_vez() {
    let inactivar = ComandoSucursal::InactivarSucursal { sucursal_id: id("PRINCIPAL") };
    let inactivada = EventoSucursal::SucursalInactivada { sucursal_id: id("PRINCIPAL") };
    assert_eq!(dado_cuando(&[creada()], &inactivar), Ok(vec![inactivada.clone()]));
    assert_eq!(fallas(dado_cuando(&[creada(), inactivada], &inactivar)), [par(Regla::EstadoValido, "")]);
    assert_eq!(fallas(dado_cuando(&[], &inactivar)), [par(Regla::SucursalNoExiste, "")]);
}
