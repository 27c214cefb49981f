use std::{io::Write, sync::Mutex};

use super::*;
use crate::cli::peticion::{Peticion, Recurso};

/// Remembers what it was sent; refuses invoices whose client is `MALO`, and answers the same key as repeated.
#[derive(Default)]
struct Falso {
    vistas: Mutex<Vec<Peticion>>,
}

impl Destino for Falso {
    fn enviar(&mut self, peticiones: Vec<Peticion>) -> Result<Espera, Fallo> {
        let mut vistas = self.vistas.lock().expect("sin pánico");
        let repetida = peticiones.last().is_some_and(|p| vistas.iter().any(|v| v.clave == p.clave));
        let malo = peticiones.last().is_some_and(|p| p.cuerpo["cliente_id"] == "MALO");
        vistas.extend(peticiones);
        let desenlace = if malo {
            Desenlace::Rechazada(vec![Motivo::new("ClienteValido", "no existe")])
        } else {
            Desenlace::Aceptada { repetida, factura: None, id: String::new(), version: None }
        };
        Ok(Box::new(move || Ok(desenlace)))
    }
}

fn correr(bytes: &[u8], destino: &mut Falso) -> (Importado, String) {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let ruta = carpeta.path().join("a.ndjson");
    std::fs::File::create(&ruta).and_then(|mut f| f.write_all(bytes)).expect("escritura");
    let opciones = Opciones { rechazados: rechazados_por_defecto(&ruta), archivo: ruta.clone(), en_curso: 4 };
    let archivo = abrir(&ruta).map_err(|f| f.por_que.clone()).expect("se abre");
    let importado = importar(archivo, &opciones, destino, &Salida::new(true)).map_err(|f| f.por_que.clone()).expect("importa");
    let rechazados = importado.rechazados.as_ref().map(|r| std::fs::read_to_string(r).expect("se lee")).unwrap_or_default();
    (importado, rechazados)
}

fn pedido(cliente: &str, numero: usize) -> String {
    format!("{{\"tipo\":\"pedido\",\"canal\":\"web\",\"pedido_id\":{numero},\"cliente_id\":\"{cliente}\",\"lineas\":[]}}\n")
}

#[test]
fn las_malas_van_a_su_archivo_y_lo_demas_sigue() {
    let mut texto = String::from("\u{feff}{\"tipo\":\"cliente\",\"id\":1,\"nombre\":\"A\"}\r\n\n");
    texto += &pedido("1", 1);
    texto += "no es json\n";
    texto += "[1,2]\n";
    texto += "{\"tipo\":\"gato\"}\n";
    texto += "{\"tipo\":\"cliente\",\"nombre\":\"sin id\"}\n";
    texto += &pedido("MALO", 2);
    texto += &pedido("1", 3);
    texto += "{\"tipo\":\"pedido\",\"canal\":\"we";
    let (importado, rechazados) = correr(texto.as_bytes(), &mut Falso::default());
    let informe = &importado.informe;
    assert_eq!((informe.leidas, informe.nuevas(), informe.repetidas, informe.rechazadas), (9, 3, 0, 6));
    let lineas: Vec<serde_json::Value> = rechazados.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let resumen: Vec<_> = lineas
        .iter()
        .map(|l| (l["linea"].as_u64().unwrap_or(0), l["motivos"][0]["regla"].as_str().unwrap_or("").to_owned()))
        .collect();
    let esperado = [
        (4, "JsonInvalido"),
        (5, "JsonInvalido"),
        (6, "TipoDesconocido"),
        (7, "CampoObligatorio"),
        (8, "ClienteValido"),
        (10, "LineaCortada"),
    ];
    assert_eq!(resumen, esperado.map(|(n, r)| (n, r.to_owned())));
    assert_eq!(lineas[4]["original"]["cliente_id"], "MALO", "la línea original se puede corregir e importar");
}

#[test]
fn bytes_sin_sentido_y_lineas_enormes_no_detienen_la_importacion() {
    let mut bytes = b"\xff\xfe\x00\x01 basura\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', MAX_LINEA + 5_000));
    bytes.push(b'\n');
    bytes.extend(pedido("1", 1).bytes());
    let (importado, rechazados) = correr(&bytes, &mut Falso::default());
    assert_eq!((importado.informe.nuevas(), importado.informe.rechazadas), (1, 2));
    assert!(rechazados.contains("NoEsTexto") && rechazados.contains("LineaDemasiadoLarga"));
    assert!(rechazados.len() < 4_096, "no copia la línea enorme");
}

#[test]
fn la_linea_mas_larga_permitida_se_lee() {
    let relleno = "x".repeat(MAX_LINEA - 60);
    let linea = format!("{{\"tipo\":\"cliente\",\"id\":\"1\",\"nombre\":\"{relleno}\"}}\n");
    let (importado, _) = correr(linea.as_bytes(), &mut Falso::default());
    assert_eq!((importado.informe.nuevas(), importado.informe.rechazadas), (1, 0));
}

#[test]
fn las_claves_dependen_solo_del_contenido() {
    let mut texto = pedido("1", 1) + &pedido("1", 2);
    texto += "{\"tipo\":\"entrada\",\"producto_id\":\"P\",\"bodega_id\":\"B\",\"cantidad\":1,\"costo_unitario\":1}\n";
    texto += "{\"tipo\":\"entrada\",\"producto_id\":\"P\",\"bodega_id\":\"B\",\"cantidad\":2,\"costo_unitario\":1}\n";
    let mut destino = Falso::default();
    let (primera, _) = correr(texto.as_bytes(), &mut destino);
    assert_eq!((primera.informe.nuevas(), primera.informe.repetidas), (4, 0));
    let (segunda, _) = correr(texto.as_bytes(), &mut destino);
    assert_eq!((segunda.informe.nuevas(), segunda.informe.repetidas), (0, 4));
    let vistas = destino.vistas.lock().expect("sin pánico");
    let inventarios = vistas.iter().filter(|p| p.recurso == Recurso::Inventario).count();
    assert_eq!(inventarios, 2, "el inventario se pide una vez por importación");
    let facturas: std::collections::BTreeSet<_> =
        vistas.iter().filter(|p| p.recurso == Recurso::Factura).map(|p| p.cuerpo["id"].to_string()).collect();
    assert_eq!(facturas.len(), 2);
}

#[test]
fn un_archivo_inservible_se_explica_antes_de_empezar() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let ruta = carpeta.path().join("x");
    let fallo = |bytes: &[u8]| {
        std::fs::write(&ruta, bytes).expect("escritura");
        abrir(&ruta).err().map(|f| (f.clase, f.que.clone())).expect("debía fallar")
    };
    assert!(matches!(fallo(b""), (Clase::Uso, que) if que.ends_with("está vacío")));
    assert!(matches!(fallo(b"\x1f\x8b\x08\x00"), (Clase::Uso, que) if que.contains("gzip")));
    assert!(matches!(abrir(carpeta.path()), Err(f) if f.clase == Clase::Uso));
    assert!(matches!(abrir(Path::new("/no/existe")), Err(f) if f.por_que == "el archivo no existe"));
}
