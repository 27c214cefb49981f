//! Orders as commands.

use chrono::{Days, NaiveDate};

use super::{BODEGAS, CLIENTES, Cuanto, Edicion, EdicionNota, Linea, LineaNota, Nota, Orden, PRODUCTOS, Venta};
use crate::{
    audit::{oraculo::Mundo, pruebas::nodos::id},
    domain::{
        Comando,
        catalogo::{
            bodega::{ComandoBodega, DatosBodega},
            cliente::{ComandoCliente, DatosCliente, EstadoFiscal},
            descuento::{AmbitoDescuento, ComandoDescuento, DescuentoDeclarado, ValorDeclarado},
            producto::{ComandoProducto, DatosProducto, Impuesto},
            sucursal::{ComandoSucursal, DatosSucursal},
        },
        facturacion::{
            factura::{
                CambioFechas, Campo, ComandoFactura, DatosFactura, DescuentoPedido, EstadoDian, FormaPago, FormaPagoTipo,
                LineaPedida, RespuestaDian,
            },
            nota_credito::{ComandoNotaCredito, ConceptoNota, DatosNotaCredito, FechasNota, LineaNotaPedida},
        },
        inventario::{ComandoInventario, MotivoEntrada, MotivoSalida, PoliticaRetorno, inventario_id},
        numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
        valores::{
            Cantidad, Decimal, Dinero, Direccion, Id, Identificacion, Instante, Porcentaje, PrecioUnitario, TipoIdentificacion,
            fecha_iso,
        },
    },
};

/// 2026-06-15 12:00 UTC: day 14 of those below.
pub const AHORA: Instante = Instante(1_781_524_800_000_000);
const PREFIJOS: [&str; 2] = ["A", "B"];

/// As the edge hands decimals over: without trailing zeros.
fn centesimas(n: u16) -> Decimal {
    Decimal::new(i64::from(n), 2).normalize()
}

fn dia(n: u8) -> NaiveDate {
    fecha_iso("2026-06-01").and_then(|d| d.checked_add_days(Days::new(u64::from(n)))).expect("fecha")
}

fn producto(n: u8) -> Id {
    id(&format!("p{n}"))
}

fn bodega(n: u8) -> Id {
    id(BODEGAS[usize::from(n)])
}

fn inventario((producto_, bodega_): (u8, u8)) -> Id {
    inventario_id(&producto(producto_), &bodega(bodega_))
}

fn rango(prefijo: u8) -> Id {
    rango_id(&id("PRINCIPAL"), TipoDocumento::Factura, PREFIJOS[usize::from(prefijo)])
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

/// Two bodegas, four products, three clients, a range that soon runs out and one that does not, four stocks.
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
                prefijo: PREFIJOS[usize::from(n)].into(),
                autorizacion,
            })
        },
    ));
    comandos.push(Comando::Rango(ComandoRango::CrearRango {
        rango_id: rango_id(&principal, TipoDocumento::NotaCredito, "NC"),
        sucursal_id: principal.clone(),
        tipo_documento: TipoDocumento::NotaCredito,
        prefijo: "NC".into(),
        autorizacion: autorizacion(1, 10_000, "2027-12-31"),
    }));
    comandos.extend((0..CLIENTES).map(|n| Comando::Cliente(crear_cliente(n))));
    comandos.extend((0..PRODUCTOS).map(crear_producto));
    for lugar in [(0, 0), (0, 1), (1, 0), (2, 0)] {
        comandos.push(crear_inventario(lugar));
        let inicial = Orden::Entrada { lugar, cantidad: 6_000, costo: 777, ingreso: 3, caduca: None };
        comandos.extend(inicial.comando(1_000 * usize::from(lugar.0 + 1) + usize::from(lugar.1), &Mundo::default()));
    }
    comandos
}

fn crear_cliente(n: u8) -> ComandoCliente {
    let datos = DatosCliente {
        nombre: format!("Cliente {n}").into(),
        identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: format!("9{n:08}").into(), dv: None },
        correo: format!("c{n}@ejemplo.co").into(),
        direccion: Direccion::de_linea("Calle 1"),
        estado_fiscal: EstadoFiscal::Activo,
        tipo_persona: None,
        responsabilidades: Vec::new(),
        municipio: None,
        departamento: None,
    };
    ComandoCliente::CrearCliente { cliente_id: id(&format!("c{n}")), datos: datos.into() }
}

fn crear_producto(n: u8) -> Comando {
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
}

fn crear_inventario(lugar: (u8, u8)) -> Comando {
    Comando::Inventario(ComandoInventario::CrearInventario {
        inventario_id: inventario(lugar),
        producto_id: producto(lugar.0),
        bodega_id: bodega(lugar.1),
        stock_minimo: None,
    })
}

impl Cuanto {
    fn valor(self, mundo: &Mundo, inventario_id: &Id, dia: NaiveDate) -> Decimal {
        match self {
            Self::Fijo(fijo) => centesimas(fijo),
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
        let movimiento_id = id(&format!("m{n}"));
        Some(match self {
            Self::Entrada { lugar, cantidad, costo, ingreso, caduca } => Comando::Inventario(ComandoInventario::RegistrarEntrada {
                inventario_id: inventario(*lugar),
                movimiento_id,
                motivo: MotivoEntrada::Compra,
                cantidad: centesimas(*cantidad),
                costo_unitario: Decimal::new(i64::from(*costo), 4).normalize(),
                fecha_ingreso: dia(*ingreso),
                fecha_caducidad: caduca.map(dia),
                referencia: None,
            }),
            Self::Salida { lugar, ajuste, cuanto, dia: d } => Comando::Inventario(ComandoInventario::RegistrarSalida {
                inventario_id: inventario(*lugar),
                movimiento_id,
                motivo: if *ajuste { MotivoSalida::Ajuste } else { MotivoSalida::DevolucionProveedor },
                cantidad: cuanto.valor(mundo, &inventario(*lugar), dia(*d)),
                fecha: dia(*d),
                referencia: None,
            }),
            Self::Venta(venta) => Comando::Factura(venta.comando(n, mundo)),
            Self::Minimo(lugar, minimo) => Comando::Inventario(ComandoInventario::CambiarStockMinimo {
                inventario_id: inventario(*lugar),
                stock_minimo: minimo.map(|m| Cantidad::nuevo(centesimas(m)).expect("mínimo")),
            }),
            Self::Precio(p, precio) => {
                Comando::Producto(ComandoProducto::CambiarPrecio { producto_id: producto(*p), precio: centesimas(*precio) })
            }
            Self::Cliente(cliente, accion) => Comando::Cliente(accion_cliente(*cliente, *accion)),
            Self::Descuento(cual, accion) => Comando::Descuento(accion_descuento(*cual, *accion)),
            Self::Rango(prefijo, accion, numero) => Comando::Rango(accion_rango(*prefijo, *accion, u64::from(*numero))),
            Self::CrearInventario(lugar) => crear_inventario(*lugar),
            Self::Repetida { .. } | Self::Usurpada { .. } | Self::Edicion { .. } | Self::Nota { .. } | Self::EdicionNota { .. } => {
                return None;
            }
        })
    }
}

fn accion_cliente(n: u8, accion: u8) -> ComandoCliente {
    let cliente_id = id(&format!("c{n}"));
    match accion {
        0 => ComandoCliente::InactivarCliente { cliente_id },
        1 | 2 => ComandoCliente::ReactivarCliente { cliente_id },
        _ => crear_cliente(n),
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

fn accion_descuento(cual: u8, accion: u8) -> ComandoDescuento {
    let descuento_id = id(&format!("d{cual}"));
    let datos = DescuentoDeclarado {
        nombre: None,
        ambito: AmbitoDescuento::TODOS[usize::from(cual) % 2],
        valor: ValorDeclarado { porcentaje: Some(Decimal::from(5 + i64::from(cual))), monto: None },
        vigente_desde: Some(dia(0)),
        vigente_hasta: (cual == 2).then(|| dia(15)),
    };
    match accion {
        0 | 1 => ComandoDescuento::CrearDescuento { descuento_id, datos: Box::new(datos) },
        _ => ComandoDescuento::InactivarDescuento { descuento_id },
    }
}

/// 0 to 2: of the catalogue; 3 a percentage of its own; 4 an amount.
fn descuento(cual: u8) -> Box<DescuentoPedido> {
    let valor = match cual {
        3 => ValorDeclarado { porcentaje: Some(Decimal::new(125, 1)), monto: None },
        4 => ValorDeclarado { porcentaje: None, monto: Some(Decimal::new(333, 2)) },
        _ => ValorDeclarado::default(),
    };
    Box::new(DescuentoPedido { valor, descuento_id: (cual < 3).then(|| id(&format!("d{cual}"))) })
}

impl Linea {
    fn pedida(&self, fecha: NaiveDate, mundo: &Mundo) -> LineaPedida {
        let inventario = inventario((self.producto, self.bodega.unwrap_or(0)));
        LineaPedida {
            producto_id: Some(producto(self.producto)),
            bodega_id: self.bodega.map(bodega),
            descripcion: None,
            cantidad: self.cuanto.valor(mundo, &inventario, fecha),
            precio_unitario: self.precio.map(centesimas),
            impuesto: if self.sin_impuesto { Campo::Nulo } else { Campo::Ausente },
            descuento: self.descuento.map(descuento),
        }
    }
}

impl Edicion {
    /// The edit as a command on an invoice.
    pub fn comando(&self, factura_id: &Id, mundo: &Mundo) -> Comando {
        let factura_id = factura_id.clone();
        Comando::Factura(match self {
            Self::Agregar(linea) => ComandoFactura::AgregarLinea { factura_id, linea: Box::new(linea.pedida(dia(14), mundo)) },
            Self::Quitar(linea) => ComandoFactura::QuitarLinea { factura_id, linea: *linea },
            Self::Descontar(linea, cual) => {
                ComandoFactura::AplicarDescuento { factura_id, linea: *linea, descuento: descuento(*cual) }
            }
            Self::Fechas(d) => {
                let fechas = CambioFechas { fecha_emision: Some(dia(12 + d)), ..CambioFechas::default() };
                ComandoFactura::CambiarFechas { factura_id, fechas: Box::new(fechas) }
            }
            Self::Pago(monto) => ComandoFactura::DefinirFormasPago { factura_id, formas_pago: pago(*monto) },
            Self::Emitir => ComandoFactura::EmitirFactura { factura_id, fechas: None },
            Self::Descartar => ComandoFactura::DescartarFactura { factura_id },
            Self::Anular => ComandoFactura::AnularFactura { factura_id, motivo: "Pedido equivocado".into() },
            Self::Dian(cual) => {
                let estado = EstadoDian::TODOS[usize::from(*cual) % EstadoDian::TODOS.len()];
                let respuesta = Box::new(RespuestaDian { estado, codigo: None, mensaje: None });
                ComandoFactura::RegistrarRespuestaDian { factura_id, respuesta }
            }
        })
    }
}

/// None, or one that hardly ever is the total.
fn pago(monto: u16) -> Vec<FormaPago> {
    let forma = FormaPago {
        forma: FormaPagoTipo::Contado,
        medio: "EFECTIVO".into(),
        monto: Dinero::nuevo(centesimas(monto)).expect("monto"),
        fecha_vencimiento: None,
    };
    if monto.is_multiple_of(3) { Vec::new() } else { vec![forma] }
}

impl Venta {
    fn comando(&self, n: usize, mundo: &Mundo) -> ComandoFactura {
        let fecha = dia(14 + self.dia);
        let datos = Box::new(DatosFactura {
            fecha_emision: Some(fecha),
            descuento: self.descuento.map(descuento),
            ..DatosFactura::de(
                id(&format!("c{}", self.cliente)),
                self.lineas.iter().map(|linea| linea.pedida(fecha, mundo)).collect(),
            )
        });
        let factura_id = id(&format!("f{n}"));
        match self.emitir {
            true => ComandoFactura::CrearYEmitirFactura { factura_id, datos },
            false => ComandoFactura::CrearFactura { factura_id, datos },
        }
    }
}

impl LineaNota {
    fn pedida(&self) -> LineaNotaPedida {
        LineaNotaPedida {
            linea_factura: self.linea,
            cantidad: (!self.monto).then(|| centesimas(self.cuanto)),
            monto: self.monto.then(|| centesimas(self.cuanto)),
            afecta_inventario: self.vuelve,
            bodega_id: self.bodega.map(bodega),
        }
    }
}

fn fechas_nota(d: u8) -> FechasNota {
    FechasNota { fecha_emision: Some(dia(14 + d)), ..FechasNota::default() }
}

impl Nota {
    /// The note `n<n>` of an invoice.
    pub fn comando(&self, n: usize, factura_id: &Id) -> Comando {
        let datos = Box::new(DatosNotaCredito {
            sucursal_id: None,
            concepto: ConceptoNota::DevolucionParcial,
            motivo: "Llegó golpeado".into(),
            politica_retorno: self.reversa.then_some(PoliticaRetorno::ReversaFifo),
            fechas: fechas_nota(self.dia),
            lineas: self.lineas.iter().map(LineaNota::pedida).collect(),
        });
        let (factura_id, nota_id) = (factura_id.clone(), id(&format!("n{n}")));
        Comando::NotaCredito(match self.emitir {
            true => ComandoNotaCredito::CrearYEmitirNotaCredito { factura_id, nota_id, datos },
            false => ComandoNotaCredito::CrearNotaCredito { factura_id, nota_id, datos },
        })
    }
}

impl EdicionNota {
    pub fn comando(&self, (factura_id, nota_id): (Id, Id)) -> Comando {
        Comando::NotaCredito(match self {
            Self::Agregar(linea) => ComandoNotaCredito::AgregarLineaNotaCredito { factura_id, nota_id, linea: linea.pedida() },
            Self::Emitir(d) => ComandoNotaCredito::EmitirNotaCredito { factura_id, nota_id, fechas: d.map(fechas_nota) },
        })
    }
}
