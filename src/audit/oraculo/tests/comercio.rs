//! Random commerce: commands of every kind over a small store, so that they meet each other.

use proptest::{collection::vec, prelude::*};

use crate::{
    audit::{oraculo::Mundo, pruebas::nodos::id},
    domain::{
        Comando,
        catalogo::{
            bodega::{ComandoBodega, DatosBodega},
            cliente::{ComandoCliente, DatosCliente, EstadoFiscal},
            producto::{ComandoProducto, DatosProducto, Impuesto},
            sucursal::{ComandoSucursal, DatosSucursal},
        },
        facturacion::factura::{Campo, ComandoFactura, DatosFactura, LineaPedida},
        inventario::{ComandoInventario, MotivoEntrada, MotivoSalida, inventario_id},
        numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
        valores::{
            Cantidad, Decimal, Direccion, Id, Identificacion, Instante, Porcentaje, PrecioUnitario, TipoIdentificacion, fecha_iso,
        },
    },
};

/// 2026-06-15 12:00 UTC.
pub const AHORA: Instante = Instante(1_781_524_800_000_000);
pub const PRODUCTOS: u8 = 4;
pub const BODEGAS: [&str; 2] = ["NORTE", "PRINCIPAL"];
const CLIENTES: u8 = 3;

/// How much a line or an exit asks for.
#[derive(Debug, Clone, Copy)]
pub enum Cuanto {
    /// Hundredths.
    Fijo(u16),
    /// Exactly what is available when it is sent, or this many hundredths more.
    LoQueHay(u8),
}

#[derive(Debug, Clone)]
pub struct Linea {
    pub producto: u8,
    pub bodega: Option<u8>,
    pub cuanto: Cuanto,
    /// Hundredths; absent = the product's.
    pub precio: Option<u16>,
    pub sin_impuesto: bool,
}

/// An order as drawn; what it says exactly depends on the state when it is sent.
#[derive(Debug, Clone)]
pub enum Orden {
    Entrada {
        producto: u8,
        bodega: u8,
        cantidad: u16,
        costo: u16,
        ingreso: u8,
        caduca: Option<u8>,
    },
    Salida {
        producto: u8,
        bodega: u8,
        ajuste: bool,
        cuanto: Cuanto,
        dia: u8,
    },
    Venta {
        cliente: u8,
        lineas: Vec<Linea>,
        dia: u8,
    },
    Minimo {
        producto: u8,
        bodega: u8,
        minimo: Option<u16>,
    },
    Precio {
        producto: u8,
        precio: u16,
    },
    Cliente {
        cliente: u8,
        accion: u8,
    },
    Rango {
        prefijo: u8,
        accion: u8,
        numero: u8,
    },
    CrearInventario {
        producto: u8,
        bodega: u8,
    },
    /// An earlier command again: with its id, or another one.
    Repetida {
        atras: u8,
        otro_id: bool,
    },
    /// Another content under the id of an earlier command of the same aggregate.
    Usurpada {
        atras: u8,
    },
}

fn cuanto() -> impl Strategy<Value = Cuanto> {
    prop_oneof![3 => (1..1_200_u16).prop_map(Cuanto::Fijo), 1 => Just(Cuanto::LoQueHay(0)), 1 => (1..3_u8).prop_map(Cuanto::LoQueHay)]
}

fn linea() -> impl Strategy<Value = Linea> {
    let bodega = prop_oneof![6 => Just(None), 1 => (0..2_u8).prop_map(Some)];
    let precio = prop_oneof![3 => Just(None), 1 => (1..5_000_u16).prop_map(Some)];
    (0..PRODUCTOS + 1, bodega, cuanto(), precio, any::<bool>()).prop_map(|(producto, bodega, cuanto, precio, sin_impuesto)| Linea {
        producto,
        bodega,
        cuanto,
        precio,
        sin_impuesto,
    })
}

pub fn orden() -> impl Strategy<Value = Orden> {
    let lugar = || (0..PRODUCTOS, prop_oneof![3 => Just(0_u8), 1 => Just(1)]);
    prop_oneof![
        4 => (lugar(), 1..3_000_u16, 0..900_u16, 0..20_u8, proptest::option::of(0..25_u8)).prop_map(
            |((producto, bodega), cantidad, costo, ingreso, caduca)| Orden::Entrada { producto, bodega, cantidad, costo, ingreso, caduca }
        ),
        2 => (lugar(), any::<bool>(), cuanto(), 0..25_u8)
            .prop_map(|((producto, bodega), ajuste, cuanto, dia)| Orden::Salida { producto, bodega, ajuste, cuanto, dia }),
        9 => (prop_oneof![12 => 0..CLIENTES, 1 => Just(CLIENTES)], vec(linea(), 1..4), 0..4_u8).prop_map(|(cliente, lineas, dia)| Orden::Venta { cliente, lineas, dia }),
        1 => (lugar(), proptest::option::of(0..2_000_u16))
            .prop_map(|((producto, bodega), minimo)| Orden::Minimo { producto, bodega, minimo }),
        1 => (0..PRODUCTOS, 0..5_000_u16).prop_map(|(producto, precio)| Orden::Precio { producto, precio }),
        1 => (0..=CLIENTES, 0..4_u8).prop_map(|(cliente, accion)| Orden::Cliente { cliente, accion }),
        1 => (0..2_u8, 0..3_u8, 1..40_u8).prop_map(|(prefijo, accion, numero)| Orden::Rango { prefijo, accion, numero }),
        1 => lugar().prop_map(|(producto, bodega)| Orden::CrearInventario { producto, bodega }),
        2 => (1..20_u8, any::<bool>()).prop_map(|(atras, otro_id)| Orden::Repetida { atras, otro_id }),
        1 => (1..20_u8).prop_map(|atras| Orden::Usurpada { atras }),
    ]
}

/// As the edge hands decimals over: without trailing zeros.
fn centesimas(n: u16) -> Decimal {
    Decimal::new(i64::from(n), 2).normalize()
}

fn dia(n: u8) -> chrono::NaiveDate {
    fecha_iso("2026-06-01").and_then(|d| d.checked_add_days(chrono::Days::new(u64::from(n)))).expect("fecha")
}

fn producto(n: u8) -> Id {
    id(&format!("p{n}"))
}

fn inventario(producto_: u8, bodega: u8) -> Id {
    inventario_id(&producto(producto_), &id(BODEGAS[usize::from(bodega)]))
}

fn rango(prefijo: u8) -> Id {
    rango_id(&id("PRINCIPAL"), TipoDocumento::Factura, ["A", "B"][usize::from(prefijo)])
}

fn datos_cliente(n: u8) -> DatosCliente {
    DatosCliente {
        nombre: format!("Cliente {n}").into(),
        identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: format!("9{n:08}").into(), dv: None },
        correo: format!("c{n}@ejemplo.co").into(),
        direccion: Direccion::de_linea("Calle 1"),
        estado_fiscal: EstadoFiscal::Activo,
        tipo_persona: None,
        responsabilidades: Vec::new(),
        municipio: None,
        departamento: None,
    }
}

fn autorizacion(desde: u64, hasta: u64, vence: &str) -> Autorizacion {
    Autorizacion {
        desde,
        hasta,
        vigente_desde: fecha_iso("2026-01-01").expect("fecha"),
        vigente_hasta: fecha_iso(vence).expect("fecha"),
        resolucion: format!("R{desde}").into(),
        fecha_resolucion: None,
    }
}

/// Two bodegas, four products of which the last moves no stock, three clients, a range that soon runs out and one that does not.
pub fn base() -> Vec<Comando> {
    let principal = id("PRINCIPAL");
    let mut comandos = vec![Comando::Sucursal(ComandoSucursal::CrearSucursal {
        sucursal_id: principal.clone(),
        datos: DatosSucursal { nombre: "Principal".into(), direccion: None },
    })];
    comandos.extend(BODEGAS.map(|bodega| {
        let datos = DatosBodega { sucursal_id: principal.clone(), nombre: bodega.into(), direccion: None };
        Comando::Bodega(ComandoBodega::CrearBodega { bodega_id: id(bodega), datos })
    }));
    comandos.extend([(0, autorizacion(1, 6, "2026-12-31")), (1, autorizacion(100, 10_000, "2027-12-31"))].map(
        |(n, autorizacion)| {
            Comando::Rango(ComandoRango::CrearRango {
                rango_id: rango(n),
                sucursal_id: principal.clone(),
                tipo_documento: TipoDocumento::Factura,
                prefijo: ["A", "B"][usize::from(n)].into(),
                autorizacion,
            })
        },
    ));
    comandos.extend((0..CLIENTES).map(|n| {
        Comando::Cliente(ComandoCliente::CrearCliente { cliente_id: id(&format!("c{n}")), datos: datos_cliente(n).into() })
    }));
    comandos.extend((0..PRODUCTOS).map(|n| {
        let impuesto = Impuesto { codigo: "IVA".into(), tarifa: Porcentaje::nuevo(Decimal::from(19)).expect("tarifa") };
        Comando::Producto(ComandoProducto::CrearProducto {
            producto_id: producto(n),
            datos: Box::new(DatosProducto {
                codigo: format!("SKU-{n}").into(),
                nombre: format!("Producto {n}").into(),
                unidad: "UND".into(),
                precio: PrecioUnitario::nuevo(Decimal::new(1_999 + i64::from(n) * 137, 2)).expect("precio"),
                impuesto: (n != 1).then_some(impuesto),
                controla_inventario: n + 1 < PRODUCTOS,
                codigo_estandar: None,
                esquema_codigo: None,
            }),
        })
    }));
    for (producto, bodega) in [(0, 0), (0, 1), (1, 0), (2, 0)] {
        comandos.push(crear_inventario(producto, bodega));
        let inicial = Orden::Entrada { producto, bodega, cantidad: 6_000, costo: 777, ingreso: 3, caduca: None };
        comandos.extend(inicial.comando(usize::from(producto) * 1_000 + usize::from(bodega), &Mundo::default()));
    }
    comandos
}

fn crear_inventario(producto_: u8, bodega: u8) -> Comando {
    Comando::Inventario(ComandoInventario::CrearInventario {
        inventario_id: inventario(producto_, bodega),
        producto_id: producto(producto_),
        bodega_id: id(BODEGAS[usize::from(bodega)]),
        stock_minimo: None,
    })
}

impl Cuanto {
    fn valor(self, mundo: &Mundo, inventario_id: &Id, dia: chrono::NaiveDate) -> Decimal {
        match self {
            Self::Fijo(centesimas_) => centesimas(centesimas_),
            Self::LoQueHay(mas) => {
                let hay = mundo.inventarios.get(inventario_id).map_or(Cantidad::CERO, |i| i.disponible(dia, false));
                (hay.valor() + centesimas(u16::from(mas))).normalize()
            }
        }
    }
}

impl Orden {
    /// The command as it is sent now; `n` makes new ids. `None` when it is about an earlier command.
    pub fn comando(&self, n: usize, mundo: &Mundo) -> Option<Comando> {
        Some(match self {
            Self::Entrada { producto, bodega, cantidad, costo, ingreso, caduca } => {
                Comando::Inventario(ComandoInventario::RegistrarEntrada {
                    inventario_id: inventario(*producto, *bodega),
                    movimiento_id: id(&format!("m{n}")),
                    motivo: MotivoEntrada::Compra,
                    cantidad: centesimas(*cantidad),
                    costo_unitario: Decimal::new(i64::from(*costo), 4).normalize(),
                    fecha_ingreso: dia(*ingreso),
                    fecha_caducidad: caduca.map(dia),
                    referencia: None,
                })
            }
            Self::Salida { producto, bodega, ajuste, cuanto, dia: d } => {
                let inventario_id = inventario(*producto, *bodega);
                let cantidad = cuanto.valor(mundo, &inventario_id, dia(*d));
                Comando::Inventario(ComandoInventario::RegistrarSalida {
                    inventario_id,
                    movimiento_id: id(&format!("m{n}")),
                    motivo: if *ajuste { MotivoSalida::Ajuste } else { MotivoSalida::DevolucionProveedor },
                    cantidad,
                    fecha: dia(*d),
                    referencia: None,
                })
            }
            Self::Venta { cliente, lineas, dia: d } => venta(n, *cliente, lineas, dia(14 + *d), mundo),
            Self::Minimo { producto, bodega, minimo } => Comando::Inventario(ComandoInventario::CambiarStockMinimo {
                inventario_id: inventario(*producto, *bodega),
                stock_minimo: minimo.map(|m| Cantidad::nuevo(centesimas(m)).expect("mínimo")),
            }),
            Self::Precio { producto: p, precio } => {
                Comando::Producto(ComandoProducto::CambiarPrecio { producto_id: producto(*p), precio: centesimas(*precio) })
            }
            Self::Cliente { cliente, accion } => Comando::Cliente(accion_cliente(*cliente, *accion)),
            Self::Rango { prefijo, accion, numero } => Comando::Rango(accion_rango(*prefijo, *accion, u64::from(*numero))),
            Self::CrearInventario { producto, bodega } => crear_inventario(*producto, *bodega),
            Self::Repetida { .. } | Self::Usurpada { .. } => return None,
        })
    }
}

fn accion_cliente(n: u8, accion: u8) -> ComandoCliente {
    let cliente_id = id(&format!("c{n}"));
    match accion {
        0 => ComandoCliente::InactivarCliente { cliente_id },
        1 | 2 => ComandoCliente::ReactivarCliente { cliente_id },
        _ => ComandoCliente::CrearCliente { cliente_id, datos: datos_cliente(n).into() },
    }
}

fn accion_rango(prefijo: u8, accion: u8, numero: u64) -> ComandoRango {
    let rango_id = rango(prefijo);
    match accion {
        0 => {
            ComandoRango::InutilizarNumero { rango_id, consecutivo: numero + 99 * u64::from(prefijo), motivo: "impreso mal".into() }
        }
        _ => ComandoRango::RenovarRango { rango_id, autorizacion: autorizacion(numero * 7, numero * 7 + 5, "2026-12-31") },
    }
}

fn venta(n: usize, cliente: u8, lineas: &[Linea], fecha: chrono::NaiveDate, mundo: &Mundo) -> Comando {
    let linea = |linea: &Linea| {
        let bodega = linea.bodega.map_or("NORTE", |b| BODEGAS[usize::from(b)]);
        let inventario = inventario_id(&producto(linea.producto), &id(bodega));
        LineaPedida {
            producto_id: Some(producto(linea.producto)),
            bodega_id: linea.bodega.map(|b| id(BODEGAS[usize::from(b)])),
            descripcion: None,
            cantidad: linea.cuanto.valor(mundo, &inventario, fecha),
            precio_unitario: linea.precio.map(centesimas),
            impuesto: if linea.sin_impuesto { Campo::Nulo } else { Campo::Ausente },
        }
    };
    let datos = DatosFactura {
        cliente_id: id(&format!("c{cliente}")),
        sucursal_id: None,
        bodega_id: None,
        moneda: None,
        fecha_emision: Some(fecha),
        fecha_autorizacion: None,
        fecha_caducidad: Campo::Ausente,
        canal: None,
        pedido_id: None,
        notas: None,
        orden_compra: None,
        formas_pago: Vec::new(),
        total: None,
        lineas: lineas.iter().map(linea).collect(),
    };
    Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id: id(&format!("f{n}")), datos: Box::new(datos) })
}
