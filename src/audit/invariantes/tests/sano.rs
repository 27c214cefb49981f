//! Logs that the engine made pass, whole, after a restart and while they are being written.

use super::mundo::{Copia, Tienda, poblar, registro, revisar};
use crate::audit::invariantes::Codigo;

#[test]
fn what_the_engine_writes_passes() {
    let dir = tempfile::tempdir().expect("carpeta");
    let log = registro(dir.path());
    let tienda = Tienda::abrir(&log);
    poblar(&tienda, 200);
    let informe = revisar(&*log);
    assert!(informe.sano(), "{:#}", informe.to_json());
    assert!(informe.corte_exacto);
    assert_eq!((informe.facturas, informe.repetidos, informe.pendientes, informe.en_curso), (200, 20, 0, 0));
    assert!(informe.facturas_rechazadas + informe.rechazados >= 60, "{:#}", informe.to_json());
    for codigo in [Codigo::I1, Codigo::I2, Codigo::I3, Codigo::I4, Codigo::I6, Codigo::I7, Codigo::I8, Codigo::Totales] {
        assert!(informe.de(codigo).revisados > 0, "{codigo:?} no revisó nada");
    }
    // A second engine folds the log again, repeats everything and adds nothing.
    tienda.cerrar();
    let otra = Tienda::abrir(&log);
    poblar(&otra, 200);
    let despues = revisar(&*log);
    assert!(despues.sano(), "{:#}", despues.to_json());
    assert_eq!((despues.facturas, despues.eventos), (informe.facturas, informe.eventos));
    assert!(despues.repetidos > informe.repetidos);
    otra.cerrar();
}

#[test]
fn a_log_that_is_being_written_passes_at_any_moment() {
    let dir = tempfile::tempdir().expect("carpeta");
    let log = registro(dir.path());
    let tienda = Tienda::abrir(&log);
    let terminado = std::sync::atomic::AtomicBool::new(false);
    let mut vistas = 0;
    std::thread::scope(|hilos| {
        hilos.spawn(|| {
            poblar(&tienda, 200);
            terminado.store(true, std::sync::atomic::Ordering::Release);
        });
        while !terminado.load(std::sync::atomic::Ordering::Acquire) {
            let informe = revisar(&*log);
            assert!(informe.sano(), "{:#}", informe.to_json());
            vistas += 1;
        }
    });
    assert!(vistas > 0);
    tienda.cerrar();
}

#[test]
fn an_untouched_copy_passes() {
    let dir = tempfile::tempdir().expect("carpeta");
    let log = registro(dir.path());
    let tienda = Tienda::abrir(&log);
    poblar(&tienda, 30);
    tienda.cerrar();
    let informe = Copia::de(&*log).revisar();
    assert!(informe.sano() && informe.facturas == 30, "{:#}", informe.to_json());
}
