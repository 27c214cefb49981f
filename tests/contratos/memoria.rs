//! Decoding asks for little memory whatever the bytes say: measured, not argued.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use factumarket::{
    contracts::{MAX_RECORD_BYTES, Registro},
    domain::{
        Evento,
        inventario::{EventoInventario, LoteConsumido},
        valores::{Cantidad, CostoUnitario, Decimal, Id, fecha_iso},
    },
};

use crate::{CODEC, Cualquiera, comun::Muestras, con_registro, hostiles::con_marco};

/// The most a record of 1 MiB may hold at any moment of its decoding.
const TOPE: isize = 16 << 20;

thread_local! {
    static VIVOS: Cell<isize> = const { Cell::new(0) };
    static MAXIMO: Cell<isize> = const { Cell::new(0) };
}

struct Contador;

fn sumar(bytes: isize) {
    let _ = VIVOS.try_with(|vivos| {
        vivos.set(vivos.get() + bytes);
        let _ = MAXIMO.try_with(|maximo| maximo.set(maximo.get().max(vivos.get())));
    });
}

// SAFETY: every call goes to the system's allocator unchanged; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Contador {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        sumar(layout.size() as isize);
        // SAFETY: the caller's obligations are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, puntero: *mut u8, layout: Layout) {
        sumar(-(layout.size() as isize));
        // SAFETY: the caller's obligations are passed on.
        unsafe { System.dealloc(puntero, layout) }
    }
}

#[global_allocator]
static CONTADOR: Contador = Contador;

/// The most that was alive at once while `f` ran, beyond what was before.
fn maximo_de<T>(f: impl FnOnce() -> T) -> isize {
    let antes = VIVOS.get();
    MAXIMO.set(antes);
    let resultado = f();
    let maximo = MAXIMO.get() - antes;
    drop(resultado);
    maximo
}

#[test]
fn un_megabyte_hostil_no_pide_mas_que_el_tope() {
    for (registro, valor) in con_registro(&mut Muestras::de("memoria")) {
        let honesto = valor.encode().unwrap();
        // Places all over the record, which may be a list's length, get a large one and an endless run of small items after it.
        for corte in (5..honesto.len()).step_by(1 + honesto.len() / 16) {
            for relleno in [0u8, 2] {
                let mut avro = honesto[5..corte].to_vec();
                avro.extend([0x80, 0x80, 0x30]); // 393,216 items
                avro.resize(MAX_RECORD_BYTES - 5, relleno);
                let bytes = con_marco(registro, &avro);
                let maximo = maximo_de(|| valor.decode_alike(&bytes));
                assert!(maximo <= TOPE, "{} a {corte} con {relleno}: {maximo} bytes", registro.nombre());
            }
        }
    }
}

#[test]
fn bloques_de_a_uno_tampoco() {
    // Respuesta EnCurso, no versions… then partitions one a block: {tema 0, particion 0}.
    let mut avro = vec![2, 2, b'a', 0, 6, 0];
    while avro.len() + 3 < MAX_RECORD_BYTES - 5 {
        avro.extend([2, 0, 0]);
    }
    avro.push(0);
    let bytes = con_marco(Registro::Respuesta, &avro);
    assert!(maximo_de(|| CODEC.decode_reply(&bytes)) <= TOPE);
}

/// What is written must be read: an exit of many small lots is the record that takes the most memory for its bytes.
#[test]
fn un_megabyte_honesto_de_lotes_pequenos_se_lee() {
    let (_, valor) = con_registro(&mut Muestras::de("lotes")).into_iter().find(|(r, _)| *r == Registro::StockReducido).unwrap();
    let Cualquiera::Evento(sobre, mut evento) = valor else { panic!("no es un evento") };
    let Evento::Inventario(EventoInventario::StockReducido(salida)) = &mut evento else { panic!("no es una salida") };
    let lote = LoteConsumido {
        lote_id: Id::new("L-1").unwrap(),
        secuencia: 1,
        fecha_ingreso: fecha_iso("2026-01-01").unwrap(),
        fecha_caducidad: None,
        cantidad: Cantidad::nuevo(Decimal::ONE).unwrap(),
        costo_unitario: CostoUnitario::nuevo(Decimal::ONE).unwrap(),
        origen_lote_id: None,
    };
    salida.lotes = vec![lote; 58_000].into();
    let bytes = CODEC.encode_event(&sobre, &evento).unwrap();
    assert!(bytes.len() > MAX_RECORD_BYTES * 9 / 10, "{} bytes", bytes.len());
    assert_eq!(CODEC.decode_event(&bytes).unwrap().evento, evento);
}
