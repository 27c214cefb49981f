use std::sync::Arc;

use super::*;
use crate::domain::{
    catalogo::{
        bodega::{self, *},
        sucursal::{DatosSucursal, Sucursal},
    },
    valores::Direccion,
};

escenario!(bodega, EventoBodega, ComandoBodega);

fn catalogo(activa: bool) -> CatalogoDePrueba {
    let datos = DatosSucursal { nombre: Arc::from("Principal"), direccion: None };
    CatalogoDePrueba(vec![Sucursal { sucursal_id: id("PRINCIPAL"), datos, activa }])
}

fn datos() -> DatosBodega {
    DatosBodega { sucursal_id: id("PRINCIPAL"), nombre: Arc::from("Central"), direccion: None }
}

fn crear(datos: DatosBodega) -> ComandoBodega {
    ComandoBodega::CrearBodega { bodega_id: id("B1"), datos }
}

fn creada() -> EventoBodega {
    EventoBodega::BodegaCreada { bodega_id: id("B1"), datos: datos() }
}

#[test]
fn se_crea_en_una_sucursal_activa() {
    assert_eq!(dado_cuando_con(&catalogo(true), &[], &crear(datos())), Ok(vec![creada()]));
    assert_eq!(fallas(dado_cuando_con(&catalogo(false), &[], &crear(datos()))), [par(Regla::SucursalNoExiste, "/sucursal_id")]);
    assert_eq!(fallas(dado_cuando(&[], &crear(datos()))), [par(Regla::SucursalNoExiste, "/sucursal_id")]);
}

#[test]
fn todas_las_fallas_a_la_vez() {
    let mala = DatosBodega { nombre: Arc::from(""), direccion: Some(Direccion::de_linea("")), ..datos() };
    let esperado = [
        par(Regla::YaExiste, "/id"),
        par(Regla::SucursalNoExiste, "/sucursal_id"),
        par(Regla::NombreValido, "/nombre"),
        par(Regla::DireccionValida, "/direccion"),
    ];
    assert_eq!(fallas(dado_cuando(&[creada()], &crear(mala))), esperado);
}

#[test]
fn se_actualiza_y_se_inactiva_una_vez() {
    let actualizar = |cambios| ComandoBodega::ActualizarBodega { bodega_id: id("B1"), cambios };
    let cambios = CambiosBodega { direccion: Some(Direccion::de_linea("Calle 80")), ..CambiosBodega::default() };
    let actualizada = EventoBodega::BodegaActualizada { bodega_id: id("B1"), cambios: cambios.clone() };
    assert_eq!(dado_cuando(&[creada()], &actualizar(cambios.clone())), Ok(vec![actualizada.clone()]));
    assert_eq!(fallas(dado_cuando(&[], &actualizar(cambios))), [par(Regla::BodegaNoExiste, "")]);
    assert_eq!(fallas(dado_cuando(&[creada()], &actualizar(CambiosBodega::default()))), [par(Regla::TextoValido, "")]);

    let inactivar = ComandoBodega::InactivarBodega { bodega_id: id("B1") };
    let inactivada = EventoBodega::BodegaInactivada { bodega_id: id("B1") };
    assert_eq!(dado_cuando(&[creada()], &inactivar), Ok(vec![inactivada.clone()]));
    assert_eq!(fallas(dado_cuando(&[creada(), inactivada.clone()], &inactivar)), [par(Regla::EstadoValido, "")]);
    assert_eq!(fallas(dado_cuando(&[], &inactivar)), [par(Regla::BodegaNoExiste, "")]);

    let mut estado = None;
    [creada(), actualizada, inactivada].iter().for_each(|e| evolucionar(&mut estado, e));
    let esperado = DatosBodega { direccion: Some(Direccion::de_linea("Calle 80")), ..datos() };
    assert_eq!(estado, Some(Bodega { bodega_id: id("B1"), datos: esperado, activa: false }));
}
