//! Random commerce: orders of every kind over a small store, so that they meet each other.

mod comandos;

use proptest::{collection::vec, option, prelude::*};

pub use comandos::{AHORA, base};

/// The last of them moves no stock.
pub const PRODUCTOS: u8 = 4;
pub const BODEGAS: [&str; 2] = ["NORTE", "PRINCIPAL"];
pub const CLIENTES: u8 = 3;

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
    /// One of them does not exist.
    pub producto: u8,
    pub bodega: Option<u8>,
    pub cuanto: Cuanto,
    /// Hundredths; absent = the product's.
    pub precio: Option<u16>,
    pub sin_impuesto: bool,
    pub descuento: Option<u8>,
}

#[derive(Debug, Clone)]
pub enum Edicion {
    Agregar(Linea),
    Quitar(u16),
    Descontar(Option<u16>, u8),
    Fechas(u8),
    Pago(u16),
    Emitir,
    Descartar,
    Anular,
    /// Sent, accepted, refused.
    Dian(u8),
}

/// A line of a note: of which line of its invoice, how much in hundredths, whether of money.
#[derive(Debug, Clone)]
pub struct LineaNota {
    pub linea: u16,
    pub cuanto: u16,
    pub monto: bool,
    pub vuelve: Option<bool>,
    pub bodega: Option<u8>,
}

#[derive(Debug, Clone)]
pub struct Nota {
    pub lineas: Vec<LineaNota>,
    pub dia: u8,
    pub reversa: bool,
    /// Else it stays a draft.
    pub emitir: bool,
}

#[derive(Debug, Clone)]
pub enum EdicionNota {
    Agregar(LineaNota),
    /// With another date, or that of the draft.
    Emitir(Option<u8>),
}

#[derive(Debug, Clone)]
pub struct Venta {
    pub cliente: u8,
    pub lineas: Vec<Linea>,
    pub dia: u8,
    pub descuento: Option<u8>,
    /// Else it stays a draft.
    pub emitir: bool,
}

/// An order as drawn; what it says exactly depends on the state when it is sent.
#[derive(Debug, Clone)]
pub enum Orden {
    Entrada {
        lugar: (u8, u8),
        cantidad: u16,
        costo: u16,
        ingreso: u8,
        caduca: Option<u8>,
    },
    Salida {
        lugar: (u8, u8),
        ajuste: bool,
        cuanto: Cuanto,
        dia: u8,
    },
    Venta(Venta),
    /// Of an earlier document; whether it states the version that it read, and the right one.
    Edicion {
        atras: u8,
        que: Edicion,
        version: Option<bool>,
    },
    /// Of an earlier invoice.
    Nota {
        atras: u8,
        nota: Nota,
    },
    /// Of an earlier note.
    EdicionNota {
        atras: u8,
        que: EdicionNota,
        version: Option<bool>,
    },
    Minimo((u8, u8), Option<u16>),
    Precio(u8, u16),
    Cliente(u8, u8),
    Descuento(u8, u8),
    Rango(u8, u8, u8),
    CrearInventario((u8, u8)),
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

/// One in so many has it.
fn rara<T: std::fmt::Debug + Clone>(
    entre: u32,
    valor: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Option<T>> + Clone {
    option::weighted(1.0 / f64::from(entre), valor)
}

fn linea() -> impl Strategy<Value = Linea> {
    (0..=PRODUCTOS, rara(7, 0..2_u8), cuanto(), rara(4, 1..5_000_u16), any::<bool>(), rara(5, 0..5_u8)).prop_map(
        |(producto, bodega, cuanto, precio, sin_impuesto, descuento)| Linea {
            producto,
            bodega,
            cuanto,
            precio,
            sin_impuesto,
            descuento,
        },
    )
}

fn venta() -> impl Strategy<Value = Orden> {
    let cliente = prop_oneof![12 => 0..CLIENTES, 1 => Just(CLIENTES)];
    (cliente, vec(linea(), 1..4), 0..4_u8, rara(5, 0..5_u8), prop::bool::weighted(0.5))
        .prop_map(|(cliente, lineas, dia, descuento, emitir)| Orden::Venta(Venta { cliente, lineas, dia, descuento, emitir }))
}

fn edicion() -> impl Strategy<Value = Edicion> {
    prop_oneof![
        2 => linea().prop_map(Edicion::Agregar),
        1 => (0..4_u16).prop_map(Edicion::Quitar),
        1 => (option::of(0..3_u16), 0..5_u8).prop_map(|(linea, cual)| Edicion::Descontar(linea, cual)),
        2 => (0..6_u8).prop_map(Edicion::Fechas),
        2 => (0..5_000_u16).prop_map(Edicion::Pago),
        5 => Just(Edicion::Emitir),
        1 => Just(Edicion::Descartar),
        2 => Just(Edicion::Anular),
        1 => (0..3_u8).prop_map(Edicion::Dian),
    ]
}

fn linea_nota() -> impl Strategy<Value = LineaNota> {
    (
        prop_oneof![4 => Just(1_u16), 2 => Just(2), 1 => Just(5)],
        1..700_u16,
        prop::bool::weighted(0.25),
        any::<Option<bool>>(),
        rara(4, 0..2_u8),
    )
        .prop_map(|(linea, cuanto, monto, vuelve, bodega)| LineaNota { linea, cuanto, monto, vuelve, bodega })
}

fn nota() -> impl Strategy<Value = Nota> {
    (vec(linea_nota(), 0..3), 3..6_u8, any::<bool>(), prop::bool::weighted(0.7)).prop_map(|(lineas, dia, reversa, emitir)| Nota {
        lineas,
        dia,
        reversa,
        emitir,
    })
}

fn edicion_nota() -> impl Strategy<Value = EdicionNota> {
    prop_oneof![linea_nota().prop_map(EdicionNota::Agregar), rara(2, 2..7_u8).prop_map(EdicionNota::Emitir)]
}

pub fn orden() -> impl Strategy<Value = Orden> {
    let lugar = || (0..PRODUCTOS, prop_oneof![3 => Just(0_u8), 1 => Just(1)]);
    prop_oneof![
        4 => (lugar(), 1..3_000_u16, 0..900_u16, 0..20_u8, option::of(0..25_u8))
            .prop_map(|(lugar, cantidad, costo, ingreso, caduca)| Orden::Entrada { lugar, cantidad, costo, ingreso, caduca }),
        2 => (lugar(), any::<bool>(), cuanto(), 0..25_u8)
            .prop_map(|(lugar, ajuste, cuanto, dia)| Orden::Salida { lugar, ajuste, cuanto, dia }),
        9 => venta(),
        8 => (1..12_u8, edicion(), rara(4, any::<bool>())).prop_map(|(atras, que, version)| Orden::Edicion { atras, que, version }),
        5 => (1..6_u8, nota()).prop_map(|(atras, nota)| Orden::Nota { atras, nota }),
        2 => (1..4_u8, edicion_nota(), rara(4, any::<bool>()))
            .prop_map(|(atras, que, version)| Orden::EdicionNota { atras, que, version }),
        1 => (lugar(), option::of(0..2_000_u16)).prop_map(|(lugar, minimo)| Orden::Minimo(lugar, minimo)),
        1 => (0..PRODUCTOS, 0..5_000_u16).prop_map(|(producto, precio)| Orden::Precio(producto, precio)),
        1 => (0..=CLIENTES, 0..4_u8).prop_map(|(cliente, accion)| Orden::Cliente(cliente, accion)),
        1 => (0..3_u8, 0..3_u8).prop_map(|(cual, accion)| Orden::Descuento(cual, accion)),
        1 => (0..2_u8, 0..3_u8, 1..40_u8).prop_map(|(prefijo, accion, numero)| Orden::Rango(prefijo, accion, numero)),
        1 => lugar().prop_map(Orden::CrearInventario),
        2 => (1..20_u8, any::<bool>()).prop_map(|(atras, otro_id)| Orden::Repetida { atras, otro_id }),
        1 => (1..20_u8).prop_map(|atras| Orden::Usurpada { atras }),
    ]
}
