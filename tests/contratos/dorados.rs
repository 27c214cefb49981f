//! Golden files: one record of every type, as the version of the contract that is open writes it.
//! `ESCRIBIR_DORADOS=1 cargo test --test contratos` writes them again: what changed shows in the review. Those of closed versions are in
//! `tests/golden/vN` and never change (see `versiones`).

use std::{fmt::Write, fs, path::PathBuf};

use crate::{
    CODEC, Cualquiera,
    comun::Muestras,
    con_registro,
    esquemas::{esquema, leer},
};
use factumarket::contracts::Registro;

fn ruta(registro: Registro, extension: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{}.{extension}", registro.nombre()))
}

pub fn hex(bytes: &[u8]) -> String {
    let mut texto = String::new();
    for linea in bytes.chunks(40) {
        linea.iter().for_each(|b| write!(texto, "{b:02x}").unwrap());
        texto.push('\n');
    }
    texto
}

pub fn de_hex(texto: &str) -> Vec<u8> {
    let cifras: Vec<u8> = texto.bytes().filter(u8::is_ascii_hexdigit).collect();
    cifras.chunks(2).map(|par| u8::from_str_radix(std::str::from_utf8(par).unwrap(), 16).unwrap()).collect()
}

/// The sample of one record type: see `Muestras::aparte`.
fn muestra(registro: Registro) -> Cualquiera {
    con_registro(&mut Muestras::de(registro.nombre())).into_iter().find(|(r, _)| *r == registro).unwrap().1
}

#[test]
fn los_registros_de_siempre_se_escriben_y_se_leen_igual() {
    let escribir = std::env::var_os("ESCRIBIR_DORADOS").is_some();
    for registro in Registro::TODOS.iter().copied() {
        let valor = muestra(registro);
        let framed = valor.encode().unwrap();
        let avro = &framed[5..];
        let archivo = ruta(registro, "hex");
        if escribir {
            fs::write(&archivo, hex(avro)).unwrap();
            let json = serde_json::Value::try_from(leer(&esquema(registro), avro)).unwrap();
            fs::write(ruta(registro, "json"), serde_json::to_string_pretty(&json).unwrap() + "\n").unwrap();
        }
        let dorado = fs::read_to_string(&archivo).unwrap_or_else(|e| panic!("{}: {e}", archivo.display()));
        assert_eq!(hex(avro), dorado, "{} cambió en el cable", registro.nombre());
        let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(ruta(registro, "json")).unwrap()).unwrap();
        let leido = serde_json::Value::try_from(leer(&esquema(registro), &de_hex(&dorado))).unwrap();
        assert_eq!(leido, json, "{} significa otra cosa", registro.nombre());
        let mut con_marco = framed[..5].to_vec();
        con_marco.extend(de_hex(&dorado));
        assert_eq!(valor.decode_alike(&con_marco).unwrap(), valor, "{}", registro.nombre());
    }
    assert!(CODEC.decode_reply(&[]).is_err());
}
