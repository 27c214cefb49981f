//! Memory that a body asks for, counted by thread.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

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

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        sumar(layout.size() as isize);
        // SAFETY: the caller's obligations are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, puntero: *mut u8, layout: Layout) {
        sumar(-(layout.size() as isize));
        // SAFETY: the caller's obligations are passed on.
        unsafe { System.dealloc(puntero, layout) }
    }

    unsafe fn realloc(&self, puntero: *mut u8, layout: Layout, nuevo: usize) -> *mut u8 {
        // Old and new may live together while it moves.
        sumar(nuevo as isize);
        sumar(-(layout.size() as isize));
        // SAFETY: the caller's obligations are passed on.
        unsafe { System.realloc(puntero, layout, nuevo) }
    }
}

#[global_allocator]
static CONTADOR: Contador = Contador;

/// Runs `f` on this thread.
///
/// # Panics
/// When it holds more than `tope` bytes at any moment, beyond what was held before.
pub fn acotada<T>(tope: usize, f: impl FnOnce() -> T) -> T {
    let antes = VIVOS.get();
    MAXIMO.set(antes);
    let resultado = f();
    let maximo = MAXIMO.get() - antes;
    assert!(maximo <= tope as isize, "pidió {maximo} bytes y el máximo es {tope}");
    resultado
}
