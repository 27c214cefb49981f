//! Documents as people read them, from the JSON of the API.

use serde_json::Value;

use super::{
    formato::{cantidad, importe},
    salida::Salida,
};
use crate::domain::valores::{Decimal, decimal_exacto};

/// An invoice.
pub fn factura(salida: &Salida, factura: &Value) {
    let moneda = texto(factura, "moneda");
    salida.linea(format!(
        "{}  {}  {}",
        salida.negrita(&format!("Factura {}", o(texto(factura, "numero"), "sin número"))),
        texto(factura, "estado"),
        texto(factura, "fecha_emision"),
    ));
    salida.linea(format!("  Id        {}", texto(factura, "id")));
    let cliente = &factura["cliente"];
    salida.linea(format!("  Cliente   {}  {}", texto(factura, "cliente_id"), texto(cliente, "nombre")));
    for linea in lista(factura, "lineas") {
        let impuesto = match &linea["impuesto"] {
            Value::Object(i) => {
                format!("{} {} %", i.get("codigo").and_then(Value::as_str).unwrap_or(""), cifra(&linea["impuesto"], "tarifa"))
            }
            _ => "excluido".to_owned(),
        };
        salida.linea(format!(
            "  {:>3}  {:<40} {:>10} × {:>14}  {:<9} {:>16}",
            linea["numero"],
            recortar(&texto(linea, "descripcion"), 40),
            cifra(linea, "cantidad"),
            cifra(linea, "precio_unitario"),
            impuesto,
            plata(linea, "subtotal"),
        ));
    }
    if decimal(factura, "descuentos").is_some_and(|d| !d.is_zero()) {
        salida.linea(format!("  {:<10}{:>18} {moneda}", "Bruto", plata(factura, "bruto")));
        salida.linea(format!("  {:<10}{:>18} {moneda}", "Descuentos", plata(factura, "descuentos")));
    }
    for (titulo, campo) in [("Subtotal", "subtotal"), ("Impuestos", "impuestos"), ("Total", "total")] {
        if !factura[campo].is_null() {
            salida.linea(format!("  {titulo:<10}{:>18} {moneda}", plata(factura, campo)));
        }
    }
    for grupo in lista(factura, "grupos") {
        salida.linea(format!(
            "  Salió     {} ×{} de {}: {}",
            texto(grupo, "producto_id"),
            cifra(grupo, "cantidad"),
            texto(grupo, "bodega_id"),
            lotes_consumidos(grupo)
        ));
    }
    let dian = &factura["dian"];
    if !dian.is_null() {
        let detalle = [texto(dian, "codigo"), texto(dian, "mensaje")].join(" ");
        salida.linea(format!("  DIAN      {} {}", texto(dian, "estado"), detalle.trim()));
    }
    for error in lista(factura, "errores") {
        salida.linea(format!("  {} {}  {}", salida.rojo("✖"), texto(error, "regla"), texto(error, "mensaje")));
    }
}

/// A credit note.
pub fn nota(salida: &Salida, nota: &Value) {
    let moneda = texto(nota, "moneda");
    salida.linea(format!(
        "{}  {}  {}",
        salida.negrita(&format!("Nota de crédito {}", o(texto(nota, "numero"), "sin número"))),
        texto(nota, "estado"),
        texto(nota, "fecha_emision"),
    ));
    salida.linea(format!(
        "  Id        {} de la factura {} ({})",
        texto(nota, "id"),
        texto(nota, "factura_id"),
        texto(&nota["factura"], "numero")
    ));
    salida.linea(format!("  Motivo    {}: {}", texto(nota, "concepto"), texto(nota, "motivo")));
    for linea in lista(nota, "lineas") {
        let cuanto = if linea["cantidad"].is_null() { "por monto".to_owned() } else { cifra(linea, "cantidad") };
        salida.linea(format!(
            "  {:>3}  {:<40} {:>10}   {:>16}",
            linea["linea_factura"],
            recortar(&texto(linea, "descripcion"), 40),
            cuanto,
            plata(linea, "subtotal"),
        ));
    }
    for (titulo, campo) in [("Subtotal", "subtotal"), ("Impuestos", "impuestos"), ("Total", "total")] {
        salida.linea(format!("  {titulo:<10}{:>18} {moneda}", plata(nota, campo)));
    }
    for grupo in lista(nota, "grupos") {
        salida.linea(format!(
            "  Volvió    {} ×{} a {}: {}",
            texto(grupo, "producto_id"),
            cifra(grupo, "cantidad"),
            texto(grupo, "bodega_id"),
            lotes_consumidos(grupo)
        ));
    }
}

/// The lots that an exit took: `lote L-1 (2) + L-2 (1) FIFO`.
pub fn lotes_consumidos(grupo: &Value) -> String {
    let lotes: Vec<_> =
        lista(grupo, "lotes").iter().map(|l| format!("{} ({})", texto(l, "lote_id"), cifra(l, "cantidad"))).collect();
    format!("lote {} FIFO", lotes.join(" + "))
}

/// The stock of a product, with its lots in FIFO order.
pub fn stock(salida: &Salida, stock: &Value) {
    salida.linea(salida.negrita(&format!("{} en {}", texto(stock, "producto_id"), texto(stock, "bodega_id"))));
    for (titulo, campo) in [
        ("Existencias", "stock"),
        ("Reservado", "reservado"),
        ("Vencido", "vencido"),
        ("Disponible", "disponible"),
        ("Valor", "valor"),
    ] {
        if !stock[campo].is_null() {
            salida.linea(format!("  {titulo:<12}{:>20}", cifra(stock, campo)));
        }
    }
    let lotes = lista(stock, "lotes");
    if lotes.is_empty() {
        salida.linea("  Sin lotes con saldo.");
        return;
    }
    salida.linea(format!("  {:<8} {:<12} {:>14} {:>16}  {}", "Lote", "Ingreso", "Cantidad", "Costo unitario", "Caduca"));
    for lote in lotes {
        salida.linea(format!(
            "  {:<8} {:<12} {:>14} {:>16}  {}",
            texto(lote, "lote_id"),
            texto(lote, "fecha_ingreso"),
            cifra(lote, "cantidad"),
            cifra(lote, "costo_unitario"),
            o(texto(lote, "fecha_caducidad"), "—"),
        ));
    }
}

/// A text field, empty when it is missing.
pub fn texto(valor: &Value, campo: &str) -> String {
    valor.get(campo).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A list field, empty when it is missing.
pub fn lista<'a>(valor: &'a Value, campo: &str) -> &'a [Value] {
    valor.get(campo).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A decimal field as an amount: two decimals.
pub fn plata(valor: &Value, campo: &str) -> String {
    decimal(valor, campo).map_or_else(|| "—".to_owned(), importe)
}

/// A decimal field, exact.
pub fn cifra(valor: &Value, campo: &str) -> String {
    decimal(valor, campo).map_or_else(|| "—".to_owned(), cantidad)
}

pub fn decimal(valor: &Value, campo: &str) -> Option<Decimal> {
    match valor.get(campo)? {
        Value::String(texto) => decimal_exacto(texto).ok(),
        Value::Number(numero) => decimal_exacto(&numero.to_string()).ok(),
        _ => None,
    }
}

fn o(texto: String, si_vacio: &str) -> String {
    if texto.is_empty() { si_vacio.to_owned() } else { texto }
}

fn recortar(texto: &str, largo: usize) -> String {
    if texto.chars().count() <= largo {
        return texto.to_owned();
    }
    texto.chars().take(largo - 1).chain(['…']).collect()
}
