//! The example shop as requests, with the ids that importing the same lines would give them: doing it again changes nothing.

use serde_json::{Value, json};

use super::datos::{bodega, cliente, entrada, producto};
use crate::{
    cli::peticion::{Motivo, Peticion, Recurso, clave_derivada},
    domain::reglas::Regla,
};

/// Requests that create bodegas, products and clients of the example, by their numbers; each group stands alone.
pub fn peticiones_de_catalogo(
    bodegas: impl IntoIterator<Item = usize>,
    productos: impl IntoIterator<Item = usize>,
    clientes: impl IntoIterator<Item = usize>,
) -> Vec<Vec<Peticion>> {
    let bodegas = bodegas.into_iter().map(|i| (Recurso::Bodega, "bodega", bodega(i)));
    let productos = productos.into_iter().map(|i| (Recurso::Producto, "producto", producto(i)));
    let clientes = clientes.into_iter().map(|i| (Recurso::Cliente, "cliente", cliente(i)));
    let todos = bodegas.chain(productos).chain(clientes);
    todos.map(|(recurso, tipo, cuerpo)| vec![peticion(recurso, &[tipo, cuerpo["id"].as_str().unwrap_or("")], &cuerpo)]).collect()
}

/// Creates the Inventario of product `i` in bodega `j` and brings a lot into it.
pub fn peticiones_de_entrada(i: usize, j: usize, lote: usize, cantidad: u32, movimiento: &str) -> Vec<Peticion> {
    let mut cuerpo = entrada(i, j, lote, cantidad);
    cuerpo["movimiento_id"] = json!(movimiento);
    let (producto, bodega) = (cuerpo["producto_id"].clone(), cuerpo["bodega_id"].clone());
    let (p, b) = (producto.as_str().unwrap_or(""), bodega.as_str().unwrap_or(""));
    vec![
        peticion(Recurso::Inventario, &["inventario", p, b], &json!({ "producto_id": p, "bodega_id": b })),
        peticion(Recurso::Entrada, &["entrada", p, b, movimiento], &cuerpo),
    ]
}

/// Brings a lot, dated today, into an Inventario that exists.
pub fn peticiones_de_reposicion(i: usize, j: usize, cantidad: u32, movimiento: &str) -> Vec<Peticion> {
    let mut peticiones = peticiones_de_entrada(i, j, 2, cantidad, movimiento);
    peticiones.retain(|p| p.recurso == Recurso::Entrada);
    for peticion in &mut peticiones {
        if let Some(campos) = peticion.cuerpo.as_object_mut() {
            campos.shift_remove("fecha_ingreso");
        }
    }
    peticiones
}

/// Whether a refusal only says that the thing is there already, made by other means or with other data.
pub fn ya_estaba(motivos: &[Motivo]) -> bool {
    let existe = [Regla::YaExiste.nombre(), Regla::ClaveIdempotenciaEnConflicto.nombre()];
    !motivos.is_empty() && motivos.iter().all(|m| existe.contains(&m.regla.as_str()))
}

fn peticion(recurso: Recurso, identidad: &[&str], cuerpo: &Value) -> Peticion {
    Peticion::new(recurso, cuerpo.clone(), clave_derivada(identidad))
}
