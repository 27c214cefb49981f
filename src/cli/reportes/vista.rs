//! The reports as people read them.

use serde_json::Value;

use crate::cli::{
    salida::Salida,
    vista::{cifra, lista, plata, texto},
};

pub fn ventas(salida: &Salida, reporte: &Value) {
    let (titulo, campo, ninguno) = match texto(reporte, "agrupar").as_str() {
        "producto" => ("Producto", "producto_id", "(sin producto)"),
        "canal" => ("Canal", "canal", "(sin canal)"),
        _ => ("Día", "fecha", ""),
    };
    salida.linea(salida.negrita(&format!("Ventas del {} al {}", texto(reporte, "desde"), texto(reporte, "hasta"))));
    salida.linea(format!(
        "  {titulo:<20} {:>8} {:>6} {:>18} {:>16} {:>18} {:>18} {:>18} {:>9}",
        "Facturas", "Notas", "Ventas", "Devoluciones", "Netas", "Costo", "Margen", "Margen %"
    ));
    let items = lista(reporte, "items");
    for item in items {
        let nombre = texto(item, campo);
        salida.linea(format!(
            "  {:<20} {:>8} {:>6} {:>18} {:>16} {:>18} {:>18} {:>18} {:>9}  {}",
            if nombre.is_empty() { ninguno } else { &nombre },
            item["facturas"],
            item["notas"],
            plata(item, "ventas"),
            plata(item, "devoluciones"),
            plata(item, "ventas_netas"),
            plata(item, "costo_neto"),
            plata(item, "margen"),
            plata(item, "margen_porcentaje"),
            texto(item, "moneda"),
        ));
    }
    al_final(salida, reporte, items, "Sin ventas ni devoluciones.");
}

pub fn antiguedad(salida: &Salida, reporte: &Value) {
    salida.linea(salida.negrita(&format!("Antigüedad de las existencias al {}", texto(reporte, "fecha"))));
    salida.linea(format!(
        "  {:<20} {:<12} {:<9} {:>14} {:>14} {:>14} {:>14} {:>14} {:>16}",
        "Producto", "Bodega", "", "0–30 días", "31–60", "61–90", "91–180", "más de 180", "Total"
    ));
    let items = lista(reporte, "items");
    for item in items {
        fila(salida, item, [&texto(item, "producto_id"), &texto(item, "bodega_id"), "Cantidad"], ("cantidad", "stock"), cifra);
        fila(salida, item, ["", "", "Valor"], ("valor", "valor"), plata);
        if item["posterior"]["lotes"] != 0 {
            let (cuanto, valor) = (cifra(&item["posterior"], "cantidad"), plata(&item["posterior"], "valor"));
            salida.linea(format!("  {:<33} Ingresa después: {cuanto}, por {valor}", ""));
        }
    }
    al_final(salida, reporte, items, "Sin existencias.");
}

fn fila(
    salida: &Salida,
    item: &Value,
    [producto, bodega, que]: [&str; 3],
    (campo, total): (&str, &str),
    mostrar: fn(&Value, &str) -> String,
) {
    let tramos: String = lista(item, "tramos").iter().map(|tramo| format!(" {:>14}", mostrar(tramo, campo))).collect();
    salida.linea(format!("  {producto:<20} {bodega:<12} {que:<9}{tramos} {:>16}", mostrar(item, total)));
}

fn al_final(salida: &Salida, reporte: &Value, items: &[Value], vacio: &str) {
    if items.is_empty() {
        salida.linea(format!("  {vacio}"));
    }
    if reporte["tiene_mas"] == true {
        salida.linea(format!("  Hay más: se muestran los primeros {}. Pida más con --limite.", items.len()));
    }
}
