//! The shop: what is created in calm weather before anybody buys.

use super::id;
use crate::{
    domain::{
        Comando,
        catalogo::{
            bodega::{ComandoBodega, DatosBodega},
            cliente::{ComandoCliente, DatosCliente, EstadoFiscal},
            descuento::{AmbitoDescuento, ComandoDescuento, DescuentoDeclarado, ValorDeclarado},
            producto::{ComandoProducto, DatosProducto, Impuesto},
            sucursal::{ComandoSucursal, DatosSucursal},
        },
        inventario::{ComandoInventario, MotivoEntrada, inventario_id},
        numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
        valores::{Decimal, Direccion, Id, Identificacion, Porcentaje, PrecioUnitario, TipoIdentificacion, fecha_iso},
    },
    sim::{node::Shared, rng::Rng},
};

/// Where stock is. `SUR` has none of anything.
pub const BODEGAS: [&str; 3] = ["PRINCIPAL", "NORTE", "SUR"];
/// Discounts of the catalogue: of lines, of documents.
pub const DESCUENTOS: [&str; 2] = ["D-LINEA", "D-DOCUMENTO"];

/// Catalogues, ranges, stock: each group needs what the one before created.
pub fn shop(shared: &Shared, rng: &mut Rng) -> Vec<Vec<Comando>> {
    let principal = id("PRINCIPAL");
    let sucursal = Comando::Sucursal(ComandoSucursal::CrearSucursal {
        sucursal_id: principal.clone(),
        datos: DatosSucursal { nombre: "Principal".into(), direccion: None },
    });
    let mut second: Vec<Comando> = BODEGAS.map(|bodega| warehouse(bodega, &principal)).into();
    // Often more numbers than invoices; sometimes the first range ends and the second goes on, or nothing does.
    let first_end = rng.pick(&[5, 20, 1_000]);
    second.push(range(TipoDocumento::Factura, "F", first_end, "2026-12-31"));
    if rng.below(2) == 0 {
        second.push(range(TipoDocumento::Factura, "G", 1_000, "2027-12-31"));
    }
    second.push(range(TipoDocumento::NotaCredito, "NC", rng.pick(&[2, 1_000, 1_000]), "2027-12-31"));
    second.extend(["c1", "c2", "c3", "c-veneno"].map(client));
    second.extend(discounts());
    let products: Vec<Id> = (0..shared.plan.products).map(|n| id(&format!("p{n}"))).collect();
    second.extend(products.iter().enumerate().map(|(n, producto_id)| product(producto_id, n % 2 == 1)));
    let mut inventories = Vec::new();
    let mut entries = Vec::new();
    for producto_id in &products {
        for bodega_id in ["PRINCIPAL", "NORTE"].map(id) {
            let inventario = inventario_id(producto_id, &bodega_id);
            entries.push(opening(&inventario, shared.plan.stock, rng));
            inventories.push(Comando::Inventario(ComandoInventario::CrearInventario {
                inventario_id: inventario,
                producto_id: producto_id.clone(),
                bodega_id,
                stock_minimo: None,
            }));
        }
    }
    vec![vec![sucursal], second, inventories, entries]
}

fn warehouse(bodega_id: &str, sucursal_id: &Id) -> Comando {
    let datos = DatosBodega { sucursal_id: sucursal_id.clone(), nombre: bodega_id.into(), direccion: None };
    Comando::Bodega(ComandoBodega::CrearBodega { bodega_id: id(bodega_id), datos })
}

fn opening(inventario: &Id, stock: u32, rng: &mut Rng) -> Comando {
    Comando::Inventario(ComandoInventario::RegistrarEntrada {
        movimiento_id: id(&format!("inicial-{inventario}").replace(':', "-")),
        inventario_id: inventario.clone(),
        motivo: MotivoEntrada::Inicial,
        cantidad: Decimal::from(stock),
        costo_unitario: Decimal::new(rng.between(1, 999) as i64, 2),
        fecha_ingreso: fecha_iso("2026-11-10").unwrap_or_default(),
        fecha_caducidad: None,
        referencia: None,
    })
}

fn range(tipo_documento: TipoDocumento, prefijo: &str, hasta: u64, vigente_hasta: &str) -> Comando {
    let sucursal_id = id("PRINCIPAL");
    Comando::Rango(ComandoRango::CrearRango {
        rango_id: rango_id(&sucursal_id, tipo_documento, prefijo),
        sucursal_id,
        tipo_documento,
        prefijo: prefijo.into(),
        autorizacion: Autorizacion {
            desde: 1,
            hasta,
            vigente_desde: fecha_iso("2026-01-01").unwrap_or_default(),
            vigente_hasta: fecha_iso(vigente_hasta).unwrap_or_default(),
            resolucion: "".into(),
            fecha_resolucion: None,
        },
    })
}

fn client(cliente: &str) -> Comando {
    let datos = DatosCliente {
        nombre: cliente.into(),
        identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: cliente.into(), dv: None },
        correo: "a@b.co".into(),
        direccion: Direccion { linea: "Calle 1".into(), ciudad: None, region: None, pais: None },
        estado_fiscal: EstadoFiscal::Activo,
        tipo_persona: None,
        responsabilidades: Vec::new(),
        municipio: None,
        departamento: None,
    };
    Comando::Cliente(ComandoCliente::CrearCliente { cliente_id: id(cliente), datos: datos.into() })
}

fn discounts() -> [Comando; 2] {
    let discount = |nombre: &str, ambito, porcentaje: i64| {
        let datos = DescuentoDeclarado {
            nombre: None,
            ambito,
            valor: ValorDeclarado { porcentaje: Some(Decimal::from(porcentaje)), monto: None },
            vigente_desde: fecha_iso("2026-01-01"),
            vigente_hasta: None,
        };
        Comando::Descuento(ComandoDescuento::CrearDescuento { descuento_id: id(nombre), datos: datos.into() })
    };
    [discount(DESCUENTOS[0], AmbitoDescuento::Linea, 10), discount(DESCUENTOS[1], AmbitoDescuento::Documento, 5)]
}

fn product(producto_id: &Id, taxed: bool) -> Comando {
    let tarifa = Porcentaje::nuevo(Decimal::from(19)).ok();
    let datos = DatosProducto {
        codigo: producto_id.as_str().into(),
        nombre: producto_id.as_str().into(),
        unidad: "UND".into(),
        precio: PrecioUnitario::nuevo(Decimal::from(1_500)).unwrap_or_else(|_| unreachable!("un precio")),
        impuesto: tarifa.filter(|_| taxed).map(|tarifa| Impuesto { codigo: "IVA".into(), tarifa }),
        controla_inventario: true,
        codigo_estandar: None,
        esquema_codigo: None,
    };
    Comando::Producto(ComandoProducto::CrearProducto { producto_id: producto_id.clone(), datos: datos.into() })
}
