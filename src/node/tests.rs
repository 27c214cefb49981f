use std::{fs, time::Duration};

use super::*;
use crate::domain::valores::Id;

#[test]
fn una_carpeta_nueva_se_toma_se_anuncia_y_se_suelta() {
    let temporal = tempfile::tempdir().expect("carpeta");
    let raiz = temporal.path().join("datos");
    assert_eq!(inspeccionar(&raiz).expect("legible"), EstadoCarpeta::Nueva);
    let carpeta = Carpeta::abrir(&raiz, 12).expect("nueva");
    carpeta.anunciar(Some("0.0.0.0:9".parse().expect("dirección"))).expect("anuncio");
    let proceso = Proceso { pid: std::process::id(), url: Some("http://127.0.0.1:9".into()) };
    assert_eq!(inspeccionar(&raiz).expect("legible"), EstadoCarpeta::EnUso(Some(proceso.clone())));
    let segundo = Carpeta::abrir(&raiz, 12).expect_err("tomada");
    assert!(matches!(&segundo, NodeError::EnUso { pid, url, .. } if *pid == Some(proceso.pid) && *url == proceso.url), "{segundo}");
    drop(carpeta);
    assert_eq!(inspeccionar(&raiz).expect("legible"), EstadoCarpeta::Libre);
    Carpeta::abrir(&raiz, 12).expect("otra vez");
}

#[test]
fn quien_solo_mira_la_carpeta_no_impide_tomarla() {
    let temporal = tempfile::tempdir().expect("carpeta");
    let raiz = temporal.path().join("datos");
    drop(Carpeta::abrir(&raiz, 12).expect("nueva"));
    std::thread::scope(|hilos| {
        let mirando = hilos.spawn(|| (0..2_000).for_each(|_| drop(inspeccionar(&raiz).expect("legible"))));
        while !mirando.is_finished() {
            drop(Carpeta::abrir(&raiz, 12).expect("nadie la usa"));
        }
    });
}

#[test]
fn la_carpeta_de_otra_version_se_rechaza_sin_tocarla() {
    let temporal = tempfile::tempdir().expect("carpeta");
    fs::write(temporal.path().join("VERSION"), "factumarket 99\n").expect("escritura");
    let fallo = Carpeta::abrir(temporal.path(), 12).expect_err("otra versión");
    assert!(fallo.to_string().contains("«factumarket 99»"), "{fallo}");
    assert_eq!(fs::read_dir(temporal.path()).expect("legible").count(), 1, "no deja nada suyo");
    assert_eq!(inspeccionar(temporal.path()).expect("legible"), EstadoCarpeta::OtraVersion("factumarket 99".into()));
}

#[test]
fn una_carpeta_con_archivos_ajenos_se_rechaza_sin_tocarla() {
    let temporal = tempfile::tempdir().expect("carpeta");
    fs::write(temporal.path().join("tesis.txt"), "no tocar").expect("escritura");
    assert!(matches!(Carpeta::abrir(temporal.path(), 12), Err(NodeError::NoEsCarpetaDeDatos { .. })));
    assert_eq!(fs::read_dir(temporal.path()).expect("legible").count(), 1);
}

#[test]
fn un_archivo_en_lugar_de_la_carpeta_se_explica() {
    let temporal = tempfile::NamedTempFile::new().expect("archivo");
    let fallo = Carpeta::abrir(temporal.path(), 12).expect_err("es un archivo");
    assert!(fallo.to_string().contains("hay un archivo con ese nombre"), "{fallo}");
}

#[test]
fn el_espacio_libre_se_pregunta_tambien_por_una_ruta_que_no_existe() {
    let temporal = tempfile::tempdir().expect("carpeta");
    assert!(espacio_libre(&temporal.path().join("a/b/c")).expect("responde") > 0);
}

#[test]
fn el_numero_de_particiones_se_fija_al_crear_la_carpeta() {
    let temporal = tempfile::tempdir().expect("carpeta");
    drop(Carpeta::abrir(temporal.path(), 12).expect("nueva"));
    let fallo = Carpeta::abrir(temporal.path(), 3).expect_err("otro número");
    assert!(matches!(fallo, NodeError::OtrasParticiones { hechas: 12, pedidas: 3, .. }), "{fallo}");
    drop(Carpeta::abrir(temporal.path(), 12).expect("el mismo"));
}

fn opciones(carpeta: &std::path::Path) -> NodeOptions {
    let configuracion = crate::config::cargar(&crate::config::Fuentes::default()).expect("por defecto");
    NodeOptions { carpeta: carpeta.to_owned(), particiones: 3, ..NodeOptions::new(&configuracion) }
}

#[test]
fn una_carpeta_nueva_trae_lo_inicial_una_sola_vez() {
    let temporal = tempfile::tempdir().expect("carpeta");
    let datos = temporal.path().join("datos");
    for vez in 0..3 {
        let node = Node::start(opciones(&datos)).expect("arranca");
        assert_eq!(node.is_fresh(), vez == 0);
        assert!(node.wait_projections(Duration::from_secs(20)));
        let rango = node.consultas().rango_numeracion(&Id::compuesto(&["PRINCIPAL", "FACTURA", "F"])).expect("tablas");
        assert!(rango.is_some(), "el rango de facturas");
        let bodega = node.consultas().bodega(&Id::compuesto(&["PRINCIPAL"])).expect("tablas").expect("la bodega");
        assert_eq!(bodega["sucursal_id"], "PRINCIPAL");
        let eventos: u64 = salud::event_ends(&*node.log()).iter().map(|(_, fin)| fin).sum();
        assert_eq!(eventos, 4, "sucursal, bodega y dos rangos: nada se repite");
        node.stop().expect("se detiene");
    }
}

#[test]
fn el_puerto_ocupado_no_deja_nada_en_la_carpeta() {
    let temporal = tempfile::tempdir().expect("carpeta");
    let datos = temporal.path().join("datos");
    let ocupado = std::net::TcpListener::bind("127.0.0.1:0").expect("puerto");
    let http = Some(ocupado.local_addr().expect("dirección"));
    let fallo = Node::start(NodeOptions { http, ..opciones(&datos) }).err().expect("ocupado");
    assert!(fallo.to_string().contains("otro programa usa ese puerto"), "{fallo}");
    assert!(!datos.exists());
}

#[test]
fn las_tablas_y_el_estado_se_reconstruyen_del_registro() {
    let temporal = tempfile::tempdir().expect("carpeta");
    let datos = temporal.path().join("datos");
    Node::start(opciones(&datos)).expect("arranca").stop().expect("se detiene");
    for carpeta in ["tablas", "estado"] {
        fs::remove_dir_all(datos.join(carpeta)).expect("se borra");
    }
    let node = Node::start(opciones(&datos)).expect("arranca sin ellas");
    assert!(node.wait_projections(Duration::from_secs(20)));
    assert!(node.consultas().sucursal(&Id::compuesto(&["PRINCIPAL"])).expect("tablas").is_some());
}

#[test]
fn una_carpeta_es_de_un_solo_registro() {
    let temporal = tempfile::tempdir().expect("carpeta");
    let nueva = Carpeta::abrir(&temporal.path().join("a"), 3).expect("nueva");
    nueva.es_del_registro("kafka c1 «»").expect("el primero");
    nueva.es_del_registro("kafka c1 «»").expect("el mismo");
    let fallo = nueva.es_del_registro("embebido").expect_err("otro");
    assert!(matches!(&fallo, NodeError::OtroRegistro { encontrado, .. } if encontrado == "kafka c1 «»"), "{fallo}");
    let anterior = Carpeta::abrir(&temporal.path().join("b"), 3).expect("nueva");
    fs::create_dir(anterior.registro()).expect("como la dejó una versión sin nota");
    anterior.es_del_registro("embebido").expect("es embebida");
    assert!(anterior.es_del_registro("kafka c1 «»").is_err());
}
