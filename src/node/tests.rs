use std::fs;

use super::*;

#[test]
fn una_carpeta_nueva_se_toma_se_anuncia_y_se_suelta() {
    let temporal = tempfile::tempdir().expect("carpeta");
    let raiz = temporal.path().join("datos");
    assert_eq!(inspeccionar(&raiz).expect("legible"), EstadoCarpeta::Nueva);
    let carpeta = Carpeta::abrir(&raiz).expect("nueva");
    carpeta.anunciar(Some("0.0.0.0:9".parse().expect("dirección"))).expect("anuncio");
    let proceso = Proceso { pid: std::process::id(), url: Some("http://127.0.0.1:9".into()) };
    assert_eq!(inspeccionar(&raiz).expect("legible"), EstadoCarpeta::EnUso(Some(proceso.clone())));
    let segundo = Carpeta::abrir(&raiz).expect_err("tomada");
    assert!(matches!(&segundo, NodeError::EnUso { pid, url, .. } if *pid == Some(proceso.pid) && *url == proceso.url), "{segundo}");
    drop(carpeta);
    assert_eq!(inspeccionar(&raiz).expect("legible"), EstadoCarpeta::Libre);
    Carpeta::abrir(&raiz).expect("otra vez");
}

#[test]
fn la_carpeta_de_otra_version_se_rechaza_sin_tocarla() {
    let temporal = tempfile::tempdir().expect("carpeta");
    fs::write(temporal.path().join("VERSION"), "factumarket 99\n").expect("escritura");
    let fallo = Carpeta::abrir(temporal.path()).expect_err("otra versión");
    assert!(fallo.to_string().contains("«factumarket 99»"), "{fallo}");
    assert_eq!(fs::read_dir(temporal.path()).expect("legible").count(), 1, "no deja nada suyo");
    assert_eq!(inspeccionar(temporal.path()).expect("legible"), EstadoCarpeta::OtraVersion("factumarket 99".into()));
}

#[test]
fn una_carpeta_con_archivos_ajenos_se_rechaza_sin_tocarla() {
    let temporal = tempfile::tempdir().expect("carpeta");
    fs::write(temporal.path().join("tesis.txt"), "no tocar").expect("escritura");
    assert!(matches!(Carpeta::abrir(temporal.path()), Err(NodeError::NoEsCarpetaDeDatos { .. })));
    assert_eq!(fs::read_dir(temporal.path()).expect("legible").count(), 1);
}

#[test]
fn un_archivo_en_lugar_de_la_carpeta_se_explica() {
    let temporal = tempfile::NamedTempFile::new().expect("archivo");
    let fallo = Carpeta::abrir(temporal.path()).expect_err("es un archivo");
    assert!(fallo.to_string().contains("hay un archivo con ese nombre"), "{fallo}");
}

#[test]
fn el_espacio_libre_se_pregunta_tambien_por_una_ruta_que_no_existe() {
    let temporal = tempfile::tempdir().expect("carpeta");
    assert!(espacio_libre(&temporal.path().join("a/b/c")).expect("responde") > 0);
}
