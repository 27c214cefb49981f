//! The routes of reports. What is wrong with their parameters is told at once.

use chrono::Days;

use super::{
    consultas::{dias, fecha, listar, pagina, parametro_id, texto},
    lecturas::Lista,
    peticion::Peticion,
    problema::{ErrorProblema, Problema},
    rutas::Respondido,
    token,
};
use crate::projections::{Agrupacion, ventas::LARGO_CANAL};

/// Days of a report that names none; they end today.
const DIAS_POR_DEFECTO: u64 = 30;

/// Sales by day, product or channel. Without days, the last thirty.
pub async fn ventas(p: &Peticion) -> Respondido {
    let hoy = p.estado.partes.clock.now().fecha_en_utc_menos_5();
    let desde = hoy.checked_sub_days(Days::new(DIAS_POR_DEFECTO - 1)).unwrap_or(hoy);
    let mut errores = comunes(p);
    let fechas = recoger(dias(p, (desde, hoy)), &mut errores);
    let producto = recoger(parametro_id(p, "producto_id"), &mut errores);
    let canal = recoger(texto(p, "canal", LARGO_CANAL), &mut errores);
    let agrupar = recoger(agrupacion(p), &mut errores);
    let (Some(fechas), Some(producto), Some(canal), Some(agrupar), true) = (fechas, producto, canal, agrupar, errores.is_empty())
    else {
        return Err(Problema::parametros(errores));
    };
    listar(p, Lista::Ventas { fechas, producto, canal, agrupar }).await
}

/// Lots with a balance by age. Without a day, on today's.
pub async fn antiguedad(p: &Peticion) -> Respondido {
    let mut errores = comunes(p);
    let producto = recoger(parametro_id(p, "producto_id"), &mut errores);
    let bodega = recoger(parametro_id(p, "bodega_id"), &mut errores);
    let dia = fecha(p, "fecha", &mut errores);
    let (Some(producto), Some(bodega), true) = (producto, bodega, errores.is_empty()) else {
        return Err(Problema::parametros(errores));
    };
    listar(p, Lista::Antiguedad { producto, bodega, fecha: dia }).await
}

fn agrupacion(p: &Peticion) -> Result<Agrupacion, Problema> {
    let Some(nombre) = p.parametro("agrupar") else { return Ok(Agrupacion::default()) };
    let nombres = Agrupacion::TODAS.map(Agrupacion::nombre).join(", ");
    Agrupacion::de_nombre(nombre)
        .ok_or_else(|| Problema::parametro("agrupar", "ParametroInvalido", format!("es uno de: {nombres}")))
}

/// What is wrong with the parameters of any list.
fn comunes(p: &Peticion) -> Vec<ErrorProblema> {
    let mut errores = Vec::new();
    recoger(pagina(p), &mut errores);
    if let Some(texto) = p.parametro("despues_de") {
        recoger(token::leer(texto), &mut errores);
    }
    errores
}

fn recoger<T>(leido: Result<T, Problema>, errores: &mut Vec<ErrorProblema>) -> Option<T> {
    leido.map_err(|problema| errores.extend(problema.errores)).ok()
}
