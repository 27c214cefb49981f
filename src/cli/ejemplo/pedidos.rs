//! Orders of the example shop, the good ones and the ones that must be refused, and the file made of it all.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{
    azar::Azar,
    datos::{BODEGAS, PRODUCTOS, bodega, cliente, entrada, producto},
};

/// Orders in the example file.
pub const PEDIDOS: usize = 5_000;
/// Orders among them that must be refused: 2 %.
pub const RECHAZADOS: usize = 100;

const CLIENTES: usize = 200;
/// One client of the file whose tax status does not allow invoices.
const CLIENTE_SUSPENDIDO: &str = "C0999";
/// The product that is not kept in the last bodega.
const SIN_INVENTARIO: (usize, usize) = (39, 2);
/// Quantities of the lots of each product and bodega: small first ones, so that many exits span lots.
const LOTES: [u32; 3] = [200, 400, 6_000];
const CANALES: [&str; 3] = ["tienda-web", "mercado", "mostrador"];
const SEMILLA: u64 = 20_261_123;

/// Why an order of the file must be refused, with how many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defecto {
    SinStock,
    ProductoDesconocido,
    ClienteDesconocido,
    ImpuestoInexistente,
    CantidadCero,
    FechaInexistente,
    TotalEquivocado,
    ClienteSuspendido,
    SinInventario,
}

const DEFECTOS: [(Defecto, usize); 9] = [
    (Defecto::SinStock, 20),
    (Defecto::ProductoDesconocido, 12),
    (Defecto::ClienteDesconocido, 12),
    (Defecto::ImpuestoInexistente, 12),
    (Defecto::CantidadCero, 12),
    (Defecto::FechaInexistente, 8),
    (Defecto::TotalEquivocado, 12),
    (Defecto::ClienteSuspendido, 6),
    (Defecto::SinInventario, 6),
];

/// Writes the whole file: catalogue, stock, orders; one JSON object a line. No dates of issue, so that it works on any day.
///
/// # Errors
/// Those of the destination.
pub fn archivo(destino: &mut impl Write) -> io::Result<()> {
    let mut linea = |tipo: &str, cuerpo: Value| writeln!(destino, "{}", con_tipo(tipo, cuerpo));
    for i in 0..BODEGAS.len() {
        linea("bodega", bodega(i))?;
    }
    for i in 0..PRODUCTOS.len() {
        linea("producto", producto(i))?;
    }
    for i in 0..CLIENTES {
        linea("cliente", cliente(i))?;
    }
    linea("cliente", suspendido())?;
    for i in 0..PRODUCTOS.len() {
        for j in (0..BODEGAS.len()).filter(|j| (i, *j) != SIN_INVENTARIO) {
            for (k, cantidad) in LOTES.iter().enumerate() {
                linea("entrada", entrada(i, j, k + 1, *cantidad))?;
            }
        }
    }
    let mut azar = Azar::new(SEMILLA);
    for n in 0..PEDIDOS {
        linea("pedido", pedido(n, &mut azar))?;
    }
    Ok(())
}

/// `tipo` first: it is what a reader looks for.
fn con_tipo(tipo: &str, cuerpo: Value) -> Value {
    let mut linea = serde_json::Map::new();
    linea.insert("tipo".to_owned(), json!(tipo));
    if let Value::Object(campos) = cuerpo {
        linea.extend(campos);
    }
    Value::Object(linea)
}

fn suspendido() -> Value {
    let mut cuerpo = cliente(998);
    cuerpo["id"] = json!(CLIENTE_SUSPENDIDO);
    cuerpo["estado_fiscal"] = json!("SUSPENDIDO");
    cuerpo
}

/// Order `n` of the file: one in fifty is bad.
fn pedido(n: usize, azar: &mut Azar) -> Value {
    const CADA: usize = PEDIDOS / RECHAZADOS;
    let mut cuerpo = pedido_valido(n, CLIENTES, azar);
    cuerpo["pedido_id"] = json!(format!("P-{:06}", n + 1));
    if n % CADA == 17 {
        // A step coprime with 100 mixes the reasons along the file.
        estropear(&mut cuerpo, defecto(n / CADA * 37 % RECHAZADOS), n);
    }
    cuerpo
}

fn defecto(k: usize) -> Defecto {
    let mut antes = 0;
    for (defecto, cuantos) in DEFECTOS {
        antes += cuantos;
        if k < antes {
            return defecto;
        }
    }
    Defecto::SinStock
}

fn estropear(cuerpo: &mut Value, defecto: Defecto, n: usize) {
    if let Some(campos) = cuerpo.as_object_mut() {
        campos.shift_remove("total");
    }
    let linea = json!({ "producto_id": PRODUCTOS[n % 30].id, "cantidad": "1" });
    match defecto {
        Defecto::SinStock => cuerpo["lineas"][0]["cantidad"] = json!("1000000"),
        Defecto::ProductoDesconocido => cuerpo["lineas"][0]["producto_id"] = json!(format!("NO-EXISTE-{n}")),
        Defecto::ClienteDesconocido => cuerpo["cliente_id"] = json!(format!("X{n:04}")),
        Defecto::ImpuestoInexistente => cuerpo["lineas"][0]["impuesto"] = json!({ "codigo": "IVA", "tarifa": "16" }),
        Defecto::CantidadCero => cuerpo["lineas"][0]["cantidad"] = json!("0"),
        Defecto::FechaInexistente => cuerpo["fecha_emision"] = json!("2027-02-30"),
        Defecto::TotalEquivocado => {
            cuerpo["lineas"] = json!([linea]);
            cuerpo["total"] = json!("1.23");
        }
        Defecto::ClienteSuspendido => cuerpo["cliente_id"] = json!(CLIENTE_SUSPENDIDO),
        Defecto::SinInventario => {
            cuerpo["bodega_id"] = json!(BODEGAS[SIN_INVENTARIO.1].0);
            cuerpo["lineas"] = json!([linea, { "producto_id": PRODUCTOS[SIN_INVENTARIO.0].id, "cantidad": "1" }]);
        }
    }
}

/// A good order: 1 to 5 lines of distinct products from one bodega, a freight line now and then, and the exact total in one of ten.
/// `clientes` is how many of the example's clients exist. The caller adds `pedido_id`.
pub fn pedido_valido(n: usize, clientes: usize, azar: &mut Azar) -> Value {
    let bodega = azar.hasta(BODEGAS.len());
    let mut elegidos: Vec<usize> = Vec::new();
    for _ in 0..=azar.hasta(5) {
        let producto = azar.sesgado(PRODUCTOS.len());
        if !elegidos.contains(&producto) && (producto, bodega) != SIN_INVENTARIO {
            elegidos.push(producto);
        }
    }
    if elegidos.is_empty() {
        elegidos.push(0);
    }
    let mut total: u64 = 0;
    let mut lineas = Vec::new();
    for i in elegidos {
        let cantidad = 1 + azar.sesgado(6) as u64;
        let subtotal = cantidad * u64::from(PRODUCTOS[i].precio);
        // Prices are whole hundreds, so the tax is a whole number of pesos.
        total += subtotal + subtotal / 100 * u64::from(PRODUCTOS[i].impuesto.map_or(0, |(_, tarifa)| tarifa));
        lineas.push(json!({ "producto_id": PRODUCTOS[i].id, "cantidad": cantidad.to_string() }));
    }
    if azar.hasta(8) == 0 {
        total += 14_280;
        lineas.push(json!({
            "descripcion": "Envío nacional",
            "cantidad": "1",
            "precio_unitario": "12000",
            "impuesto": { "codigo": "IVA", "tarifa": "19" },
        }));
    }
    let mut cuerpo = json!({
        "canal": CANALES[n % CANALES.len()],
        "pedido_id": null,
        "cliente_id": format!("C{:04}", 1 + azar.hasta(clientes)),
        "bodega_id": BODEGAS[bodega].0,
        "lineas": lineas,
    });
    if n.is_multiple_of(10) {
        cuerpo["total"] = json!(total.to_string());
    }
    cuerpo
}
