//! Random commands over 20 products and 3 warehouses through the core, against a model that decides one command after the other with
//! integers and lists, and shares no code with the domain: stock, values, documents (invoices, drafts, credit notes, annulments) and
//! numbers are compared as text, byte for byte.
//!
//! `AZAR_COMANDOS` (5,000 when absent) and `AZAR_SEMILLA` say how many and which; `make noche` runs 100,000 in release.

mod modelo;

use std::fmt::Write;

use chrono::{Days, NaiveDate};

use super::{notas, *};
use crate::domain::{
    catalogo::{descuento::ValorDeclarado, producto::Impuesto},
    facturacion::{
        factura::{DescuentoPedido, EstadoFactura, Factura},
        nota_credito::{DatosNotaCredito, FechasNota, NotaCredito, clave_nota},
    },
    inventario::{MotivoSalida, PoliticaRetorno},
    valores::Porcentaje,
};
use modelo::{Descuento, Linea, Modelo, Orden, Parte};

pub const PRODUCTOS: usize = 20;
pub const BODEGAS: [&str; 3] = ["PRINCIPAL", "B2", "B3"];

/// Days after the first of January of the issue day of notes: the day after that of the invoices.
pub const DIA_DE_NOTAS: u64 = 322;

/// splitmix64.
struct Azar(u64);

impl Azar {
    fn numero(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bajo(&mut self, tope: u64) -> u64 {
        self.numero() % tope
    }

    fn lugar(&mut self) -> (usize, usize) {
        (self.bajo(PRODUCTOS as u64) as usize, self.bajo(BODEGAS.len() as u64) as usize)
    }

    fn linea(&mut self) -> Linea {
        let (producto, bodega) = self.lugar();
        // Hundredths; now and then none, which no line may have.
        let cantidad = if self.bajo(40) == 0 { 0 } else { 1 + self.bajo(900) };
        let descuento = match self.bajo(6) {
            0 => Some(Descuento::Porcentaje(self.bajo(9_000))),
            1 => Some(Descuento::Monto(self.bajo(3_000))),
            _ => None,
        };
        // Now and then a product that does not exist.
        let producto = if self.bajo(60) == 0 { PRODUCTOS } else { producto };
        Linea { producto, bodega, cantidad, descuento }
    }

    fn descuento(&mut self) -> Option<Descuento> {
        match self.bajo(5) {
            0 => Some(Descuento::Porcentaje(self.bajo(5_000))),
            1 => Some(Descuento::Monto(self.bajo(20_000))),
            _ => None,
        }
    }

    /// The next order; `documentos` is how many invoices were asked for so far.
    fn orden(&mut self, documentos: usize) -> Orden {
        let alguno = |azar: &mut Self| azar.bajo(documentos.max(1) as u64) as usize;
        match self.bajo(100) {
            0..22 => {
                let (producto, bodega) = self.lugar();
                Orden::Entrada { producto, bodega, cantidad: 1 + self.bajo(4_000), costo: self.bajo(90_000), dia: self.bajo(30) }
            }
            22..27 => {
                let (producto, bodega) = self.lugar();
                Orden::Salida { producto, bodega, cantidad: 1 + self.bajo(500) }
            }
            27..30 => Orden::Precio { producto: self.bajo(PRODUCTOS as u64) as usize, precio: 1 + self.bajo(50_000) },
            30..64 => Orden::Factura { borrador: false, lineas: self.lineas(1), descuento: self.descuento() },
            64..70 => Orden::Factura { borrador: true, lineas: self.lineas(0), descuento: None },
            70..75 => Orden::AgregarLinea { factura: alguno(self), linea: self.linea() },
            75..78 => Orden::QuitarLinea { factura: alguno(self), linea: 1 + self.bajo(4) as usize },
            78..81 => {
                let linea = if self.bajo(2) == 0 { Some(1 + self.bajo(3) as usize) } else { None };
                let descuento = self.descuento().unwrap_or(Descuento::Porcentaje(0));
                Orden::AplicarDescuento { factura: alguno(self), linea, descuento }
            }
            81..87 => Orden::Emitir { factura: alguno(self) },
            87..97 => Orden::Nota { factura: alguno(self), lineas: self.partes(), reversa: self.bajo(3) == 0 },
            97..99 => Orden::Anular { factura: alguno(self) },
            _ => Orden::Descartar { factura: alguno(self) },
        }
    }

    /// Lines of a note: of the first ones of its invoice, now and then of one that it has not.
    fn partes(&mut self) -> Vec<(usize, Parte)> {
        let parte = |azar: &mut Self| {
            let parte = if azar.bajo(4) == 0 { Parte::Monto(1 + azar.bajo(40_000)) } else { Parte::Cantidad(1 + azar.bajo(400)) };
            (1 + azar.bajo(4) as usize, parte)
        };
        (0..1 + self.bajo(2)).map(|_| parte(self)).collect()
    }

    fn lineas(&mut self, minimo: u64) -> Vec<Linea> {
        (0..minimo + self.bajo(5)).map(|_| self.linea()).collect()
    }
}

fn producto_id(producto: usize) -> Id {
    id(&format!("p{producto}"))
}

fn factura_id(factura: usize) -> Id {
    id(&format!("f{factura}"))
}

pub fn nota_id(orden: usize) -> Id {
    id(&format!("n{orden}"))
}

fn cien(valor: u64) -> Decimal {
    Decimal::new(valor as i64, 2)
}

fn pedido_de(descuento: &Descuento) -> Box<DescuentoPedido> {
    let valor = match descuento {
        Descuento::Porcentaje(p) => ValorDeclarado { porcentaje: Some(cien(*p)), monto: None },
        Descuento::Monto(m) => ValorDeclarado { porcentaje: None, monto: Some(cien(*m)) },
    };
    Box::new(DescuentoPedido { valor, descuento_id: None })
}

fn linea_de(linea: &Linea) -> LineaPedida {
    LineaPedida {
        producto_id: Some(producto_id(linea.producto)),
        bodega_id: Some(id(BODEGAS[linea.bodega])),
        descripcion: None,
        cantidad: cien(linea.cantidad),
        precio_unitario: None,
        impuesto: Campo::Ausente,
        descuento: linea.descuento.as_ref().map(pedido_de),
    }
}

fn dia(n: u64) -> NaiveDate {
    fecha_iso("2026-01-01").expect("fecha").checked_add_days(Days::new(n)).expect("fecha")
}

/// The command of an order; `n` makes the ids of what it creates, `documentos` is the next invoice.
fn comando(orden: &Orden, n: usize, documentos: usize) -> Comando {
    let inventario = |producto: usize, bodega: usize| inventario_id(&producto_id(producto), &id(BODEGAS[bodega]));
    match orden {
        Orden::Entrada { producto, bodega, cantidad, costo, dia: ingreso } => {
            Comando::Inventario(ComandoInventario::RegistrarEntrada {
                inventario_id: inventario(*producto, *bodega),
                movimiento_id: id(&format!("m{n}")),
                motivo: MotivoEntrada::Compra,
                cantidad: cien(*cantidad),
                costo_unitario: Decimal::new(*costo as i64, 3),
                fecha_ingreso: dia(*ingreso),
                fecha_caducidad: None,
                referencia: None,
            })
        }
        Orden::Salida { producto, bodega, cantidad } => Comando::Inventario(ComandoInventario::RegistrarSalida {
            inventario_id: inventario(*producto, *bodega),
            movimiento_id: id(&format!("m{n}")),
            motivo: MotivoSalida::Ajuste,
            cantidad: cien(*cantidad),
            fecha: NOW.fecha_en_utc_menos_5(),
            referencia: None,
        }),
        Orden::Precio { producto, precio } => {
            Comando::Producto(ComandoProducto::CambiarPrecio { producto_id: producto_id(*producto), precio: cien(*precio) })
        }
        Orden::Factura { borrador, lineas, descuento } => {
            let Comando::Factura(ComandoFactura::CrearYEmitirFactura { mut datos, .. }) = invoice("f", &[]) else {
                unreachable!("invoice da un CrearYEmitirFactura")
            };
            datos.lineas = lineas.iter().map(linea_de).collect();
            datos.descuento = descuento.as_ref().map(pedido_de);
            let factura_id = factura_id(documentos);
            Comando::Factura(if *borrador {
                ComandoFactura::CrearFactura { factura_id, datos }
            } else {
                ComandoFactura::CrearYEmitirFactura { factura_id, datos }
            })
        }
        Orden::AgregarLinea { factura, linea } => {
            Comando::Factura(ComandoFactura::AgregarLinea { factura_id: factura_id(*factura), linea: Box::new(linea_de(linea)) })
        }
        Orden::QuitarLinea { factura, linea } => {
            Comando::Factura(ComandoFactura::QuitarLinea { factura_id: factura_id(*factura), linea: *linea as u16 })
        }
        Orden::AplicarDescuento { factura, linea, descuento } => Comando::Factura(ComandoFactura::AplicarDescuento {
            factura_id: factura_id(*factura),
            linea: linea.map(|l| l as u16),
            descuento: pedido_de(descuento),
        }),
        Orden::Emitir { factura } => {
            Comando::Factura(ComandoFactura::EmitirFactura { factura_id: factura_id(*factura), fechas: None })
        }
        Orden::Descartar { factura } => Comando::Factura(ComandoFactura::DescartarFactura { factura_id: factura_id(*factura) }),
        Orden::Nota { factura, lineas, reversa } => nota(*factura, n, lineas, *reversa),
        Orden::Anular { factura } => notas::annul(factura_id(*factura).as_str()),
    }
}

fn nota(factura: usize, n: usize, lineas: &[(usize, Parte)], reversa: bool) -> Comando {
    let pedida = |(linea, parte): &(usize, Parte)| match parte {
        Parte::Cantidad(cantidad) => notas::por_cantidad(*linea as u16, &cien(*cantidad).to_string()),
        Parte::Monto(monto) => notas::por_monto(*linea as u16, &cien(*monto).to_string()),
    };
    let politica_retorno = Some(if reversa { PoliticaRetorno::ReversaFifo } else { PoliticaRetorno::LoteNuevo });
    let fechas = FechasNota { fecha_emision: Some(dia(DIA_DE_NOTAS)), ..FechasNota::default() };
    let datos = DatosNotaCredito { politica_retorno, fechas, ..notas::datos(lineas.iter().map(pedida).collect()) };
    notas::crear(factura_id(factura).as_str(), nota_id(n).as_str(), datos)
}

/// A node with the catalogue of the run: products of IVA 19, IVA 5 and excluded, in turn, and an empty stock of each in each warehouse.
fn nodo() -> Node {
    let mut node = Node::new(Ownership::all(PARTITIONS));
    let mut semilla: Vec<Comando> = catalogue().into_iter().take(5).collect();
    for bodega in &BODEGAS[1..] {
        semilla.push(Comando::Bodega(ComandoBodega::CrearBodega {
            bodega_id: id(bodega),
            datos: DatosBodega { sucursal_id: id("PRINCIPAL"), nombre: (*bodega).into(), direccion: None },
        }));
    }
    for producto in 0..PRODUCTOS {
        semilla.extend(surtido(producto));
    }
    for (n, comando) in semilla.into_iter().enumerate() {
        node.give(&format!("semilla-{n}"), comando);
    }
    node.end_epoch();
    node
}

fn surtido(producto: usize) -> Vec<Comando> {
    let impuesto = modelo::tarifa(producto)
        .map(|tarifa| Impuesto { codigo: "IVA".into(), tarifa: Porcentaje::nuevo(Decimal::from(tarifa)).expect("tarifa") });
    let crear = ComandoProducto::CrearProducto {
        producto_id: producto_id(producto),
        datos: DatosProducto {
            codigo: producto_id(producto).texto(),
            nombre: producto_id(producto).texto(),
            unidad: "UND".into(),
            precio: PrecioUnitario::nuevo(cien(modelo::precio_inicial(producto))).expect("precio"),
            impuesto,
            controla_inventario: true,
            codigo_estandar: None,
            esquema_codigo: None,
        }
        .into(),
    };
    let inventario = |bodega: &&str| {
        let (producto_id, bodega_id) = (producto_id(producto), id(bodega));
        let inventario_id = inventario_id(&producto_id, &bodega_id);
        Comando::Inventario(ComandoInventario::CrearInventario { inventario_id, producto_id, bodega_id, stock_minimo: None })
    };
    std::iter::once(Comando::Producto(crear)).chain(BODEGAS.iter().map(inventario)).collect()
}

/// Everything the core came to, as text.
fn del_nucleo(node: &mut Node, documentos: usize, creditos: &[(usize, usize)]) -> String {
    let mut texto = String::new();
    for producto in 0..PRODUCTOS {
        for bodega in BODEGAS {
            let target = Direccionado::new(TipoAgregado::Inventario, inventario_id(&producto_id(producto), &id(bodega)));
            let place = node.core.activate(&target).expect("activar");
            let SlotState::Inventario(Some(estado)) = &node.core.slots[place].state else { panic!("no hay inventario") };
            let valor: Decimal = estado.lotes.values().map(|l| l.cantidad.valor() * l.costo_unitario.valor()).sum();
            let lotes: Vec<String> = estado
                .lotes
                .iter()
                .map(|(puesto, l)| format!("{} {} a {}", puesto.fecha_ingreso, l.cantidad, l.costo_unitario))
                .collect();
            let (stock, reservado) = (estado.stock, estado.reservado);
            writeln!(texto, "{} stock {stock} reservado {reservado} valor {} [{}]", target.id, valor.normalize(), lotes.join(", "))
                .expect("texto");
        }
    }
    for factura in 0..documentos {
        let target = Direccionado::new(TipoAgregado::Factura, factura_id(factura));
        let place = node.core.activate(&target).expect("activar");
        let Some(estado) = node.core.slots[place].factura() else { continue };
        write!(texto, "{} {} intento {}", target.id, estado.estado.nombre(), estado.intento).expect("texto");
        documento(estado, &mut texto);
        node.core.slots.remove(&target);
    }
    for (factura, orden) in creditos {
        let target = Direccionado::documento(clave_nota(&factura_id(*factura), &nota_id(*orden)));
        let place = node.core.activate(&target).expect("activar");
        let SlotState::NotaCredito(Some(estado)) = &node.core.slots[place].state else { panic!("no hay nota {}", target.id) };
        credito(estado, &mut texto);
        node.core.slots.remove(&target);
    }
    texto
}

fn credito(estado: &NotaCredito, texto: &mut String) {
    write!(texto, "{}:{} ", estado.factura_id, estado.nota_id).expect("texto");
    let Some(emitida) = &estado.emitida else {
        writeln!(texto, "{}", estado.estado.nombre()).expect("texto");
        return;
    };
    let (total, costo) = (emitida.totales.total, emitida.costo_devuelto.valor().normalize());
    writeln!(texto, "{} total {total} costo {costo}", emitida.numero).expect("texto");
    for l in emitida.lineas.iter() {
        writeln!(texto, "  {} {} {}", l.linea.linea_factura, l.subtotal, l.valor_impuesto).expect("texto");
    }
    for devuelto in &emitida.grupos {
        let g = &devuelto.grupo;
        let lotes: Vec<String> =
            g.lotes.iter().map(|l| format!("{} {} a {}", l.fecha_ingreso, l.cantidad, l.costo_unitario)).collect();
        writeln!(texto, "  vuelve {} a {}: [{}]", g.producto_id, g.bodega_id, lotes.join(", ")).expect("texto");
    }
}

fn documento(estado: &Factura, texto: &mut String) {
    let totales = estado.totales().expect("totales");
    write!(texto, " {} - {} = {}", totales.bruto, totales.descuentos, totales.subtotal).expect("texto");
    for i in &totales.impuestos {
        write!(texto, " {} {}%: {} de {}", i.impuesto.codigo, i.impuesto.tarifa, i.valor, i.base).expect("texto");
    }
    writeln!(texto, " total {}", totales.total).expect("texto");
    let Some(emitida) = estado.emitida.as_ref().filter(|_| estado.estado == EstadoFactura::Emitida) else { return };
    writeln!(texto, "  {} costo {}", emitida.numero, emitida.costo_ventas.valor().normalize()).expect("texto");
    for l in emitida.lineas.iter() {
        let (numero, producto) = (l.linea.numero, l.linea.producto_id.as_ref().expect("producto"));
        let importes = [l.bruto, l.descuento, l.descuento_documento, l.subtotal, l.impuesto].map(|d| d.to_string()).join(" ");
        writeln!(texto, "  {numero} {producto} {} x {} {importes}", l.linea.cantidad, l.linea.precio_unitario).expect("texto");
    }
    for grupo in &emitida.grupos {
        let lotes: Vec<String> =
            grupo.lotes.iter().map(|l| format!("{} {} a {}", l.fecha_ingreso, l.cantidad, l.costo_unitario)).collect();
        let g = &grupo.grupo;
        writeln!(texto, "  {} de {}: {} [{}]", g.producto_id, g.bodega_id, g.cantidad, lotes.join(", ")).expect("texto");
    }
}

fn variable(nombre: &str, defecto: u64) -> u64 {
    std::env::var(nombre).ok().and_then(|texto| texto.parse().ok()).unwrap_or(defecto)
}

#[test]
fn miles_de_comandos_al_azar_dan_lo_que_da_un_modelo_secuencial() {
    let (cuantos, semilla) = (variable("AZAR_COMANDOS", 5_000), variable("AZAR_SEMILLA", 1));
    let mut azar = Azar(semilla);
    let (mut node, mut modelo) = (nodo(), Modelo::new());
    let mut documentos = 0;
    let mut creditos = Vec::new();
    let mut anterior: Option<(String, Comando)> = None;
    let mut repetidos = 0;
    for n in 0..cuantos as usize {
        let orden = azar.orden(documentos);
        let command_id = format!("c{n}");
        let comando = comando(&orden, n, documentos);
        if matches!(orden, Orden::Factura { .. }) {
            documentos += 1;
        }
        if let Orden::Nota { factura, .. } = orden {
            creditos.push((factura, n));
        }
        modelo.dar(&orden, n);
        node.give(&command_id, comando.clone());
        // A command that comes twice is decided once.
        if azar.bajo(50) == 0
            && let Some((command_id, comando)) = &anterior
        {
            node.give(command_id, comando.clone());
            repetidos += 1;
        }
        anterior = Some((command_id, comando));
        if azar.bajo(20) == 0 {
            node.end_epoch();
        }
    }
    node.end_epoch();
    assert_eq!(node.core.stats.duplicates, repetidos);
    let (suyo, nuestro) = (modelo.texto(), del_nucleo(&mut node, documentos, &creditos));
    if let Some((linea, (a, b))) = suyo.lines().zip(nuestro.lines()).enumerate().find(|(_, (a, b))| a != b) {
        panic!("semilla {semilla}, línea {linea}:\n modelo {a}\n núcleo {b}");
    }
    assert_eq!(suyo.len(), nuestro.len());
    // The run met every ending there is.
    for estado in ["BORRADOR", "EMITIDA", "RECHAZADA", "DESCARTADA", "ANULADA", "NC1 ", "NC9 "] {
        assert!(nuestro.contains(estado), "ningún documento quedó {estado}");
    }
}
