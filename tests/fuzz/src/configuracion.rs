//! Configuration: a TOML file, then environment variables, one a line behind the first NUL byte.

use std::{cell::RefCell, fs};

use factumarket::config::{ARCHIVO_POR_DEFECTO, Fuentes, PREFIJO_ENTORNO, Resuelto, cargar};
use tempfile::TempDir;

use super::{memoria::acotada, registro::carpeta};

pub const PALABRAS: &[&str] = &[
    "[servidor]\n",
    "[emisor]\n",
    "[motor]\n",
    "[datos]\n",
    "[registro]\n",
    "[bitacora]\n",
    "direccion = \"127.0.0.1:0\"\n",
    "identificacion = \"800100000-1\"\n",
    "max_dias_futuro = ",
    "redondeo = \"mitad_par\"\n",
    "memoria_mb = 0x100\n",
    "particiones = ",
    "carpeta = \"",
    "nivel = \"traza\"\n",
    "\0",
    "FACTUMARKET__",
    "EMISOR__REGIMEN=EC\n",
    "EMISOR__NOMBRE=",
    "SERVIDOR__DIRECCION=[::]:1\n",
    "MOTOR__MEMORIA_MB=1_000\n",
    "'''",
    "\"\"\"",
    "[[",
    "]]",
    "{",
    "}",
    "1979-05-27T07:32:00Z",
    "inf",
    "nan",
    "0b1",
    "0o7",
    "\\u0000",
];

const POR_BYTE: usize = 2_048;
const FIJO: usize = 1 << 20;

thread_local! {
    static CARPETA: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

pub fn cuerpo(datos: &[u8]) -> bool {
    let corte = datos.iter().position(|b| *b == 0).unwrap_or(datos.len());
    let (toml, variables) = (&datos[..corte], String::from_utf8_lossy(datos.get(corte + 1..).unwrap_or_default()));
    let entorno = variables.lines().filter_map(|linea| linea.split_once('='));
    let entorno: Vec<_> = entorno.map(|(nombre, valor)| (format!("{PREFIJO_ENTORNO}{nombre}"), valor.to_owned())).collect();
    CARPETA.with_borrow_mut(|carpeta| {
        let carpeta = carpeta.get_or_insert_with(self::carpeta).path();
        let leer = |toml: &[u8], entorno: &[(String, String)]| {
            fs::write(carpeta.join(ARCHIVO_POR_DEFECTO), toml).expect("disco");
            let fuentes = Fuentes { carpeta_de_trabajo: carpeta.to_owned(), entorno: entorno.to_vec(), ..Fuentes::default() };
            acotada(FIJO + POR_BYTE * datos.len(), || cargar(&fuentes))
        };
        match leer(toml, &entorno) {
            Ok(configuracion) => {
                let otra = leer(escribir(configuracion.resueltos()).as_bytes(), &[]).expect("lo resuelto es una configuración");
                assert_eq!(valores(otra.resueltos()), valores(configuracion.resueltos()), "escrita otra vez es la misma");
                assert!(configuracion.emisor().validar().is_empty());
                true
            }
            Err(errores) => {
                assert!(!errores.0.is_empty());
                assert!(errores.0.iter().all(|p| !p.que.is_empty() && !p.donde.is_empty() && !p.hacer.is_empty()), "{errores:?}");
                false
            }
        }
    })
}

fn valores(resueltos: &[Resuelto]) -> Vec<(&'static str, String)> {
    resueltos.iter().map(|r| (r.ajuste.nombre, r.valor.to_string())).collect()
}

/// Every setting as a file would state it.
fn escribir(resueltos: &[Resuelto]) -> String {
    let mut texto = String::new();
    let mut seccion = "";
    for resuelto in resueltos {
        if resuelto.ajuste.seccion() != seccion {
            seccion = resuelto.ajuste.seccion();
            texto.push_str(&format!("[{seccion}]\n"));
        }
        let valor = toml::Value::String(resuelto.valor.to_string());
        texto.push_str(&format!("{} = {valor}\n", resuelto.ajuste.clave()));
    }
    texto
}
