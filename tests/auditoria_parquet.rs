//! The audit as Parquet: what its columns say is what the NDJSON says.

mod cli_comun;

use std::fs::{self, File};

use cli_comun::{carpeta, correr};
use factumarket::audit::cadena::{Linea, hex};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};

#[test]
fn las_columnas_dicen_lo_que_dice_el_ndjson() {
    let temporal = carpeta();
    let ruta = |nombre: &str| temporal.path().join(nombre).to_str().expect("ruta").to_owned();
    let (datos, ndjson, columnas) = (ruta("datos"), ruta("a.ndjson"), ruta("a.parquet"));
    assert_eq!(correr(&["emitir", "--ejemplo", "--datos", &datos]).codigo, 0);
    for (archivo, formato) in [(&ndjson, "ndjson"), (&columnas, "parquet")] {
        let orden = ["auditoria", "exportar", "--con-datos", "--formato", formato, "--archivo", archivo, "--datos", &datos];
        let salida = correr(&orden);
        assert_eq!(salida.codigo, 0, "{}", salida.error);
    }
    let lector = SerializedFileReader::new(File::open(&columnas).expect("abre")).expect("es Parquet");
    let clave = |nombre: &str| {
        let datos = lector.metadata().file_metadata().key_value_metadata().expect("datos");
        datos.iter().find(|d| d.key == nombre).and_then(|d| d.value.clone())
    };
    assert_eq!(clave("factumarket.nombre").as_deref(), Some("factumarket.local"));
    let mut filas = lector.get_row_iter(None).expect("filas").map(|fila| fila.expect("fila"));
    let (mut particion, mut sello, mut leidas, mut sellos) = (String::new(), None, 0, 0);
    for linea in fs::read(&ndjson).expect("lee").split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        match Linea::leer(linea).expect("línea") {
            Linea::Particion(p) => particion = p.to_string(),
            Linea::Sello(nota) => {
                assert_eq!(sello.take(), Some(nota), "el sello está en la fila de la última hoja que cubre");
                sellos += 1;
            }
            Linea::Hoja { numero, hoja, eslabon, .. } => {
                let fila = filas.next().expect("una fila por hoja");
                assert_eq!(fila.get_string(0).expect("partición"), &particion);
                assert_eq!(fila.get_long(1).expect("hoja") as u64, numero);
                assert_eq!(fila.get_string(2).ok().cloned(), hoja.evento_id.map(|id| id.to_string()));
                assert_eq!(fila.get_string(3).expect("tipo"), hoja.tipo);
                assert_eq!(fila.get_long(4).expect("versión") as u64, hoja.version);
                assert_eq!(fila.get_timestamp_micros(5).expect("fecha"), hoja.ocurrido_en.micros());
                assert_eq!(hex(fila.get_bytes(6).expect("datos").data()), hex(&hoja.datos));
                assert_eq!(hex(fila.get_bytes(7).expect("eslabón").data()), hex(&eslabon));
                let valor = fila.get_bytes(8).expect("valor").data();
                assert_eq!(factumarket::audit::cadena::hoja::de_datos(valor), hoja.datos);
                sello = fila.get_string(9).ok().cloned();
                leidas += 1;
            }
            _ => {}
        }
    }
    assert!(filas.next().is_none() && leidas >= 10 && sellos >= 4, "{leidas} {sellos}");
}
