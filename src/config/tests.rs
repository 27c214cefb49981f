use std::path::Path;

use super::*;
use crate::domain::emisor::{ModoRedondeo, Regimen};

fn fuentes(toml: &str, entorno: &[(&str, &str)], ordenes: &[(&str, &str)]) -> (tempfile::TempDir, Fuentes) {
    let carpeta = tempfile::tempdir().expect("carpeta temporal");
    std::fs::write(carpeta.path().join(ARCHIVO_POR_DEFECTO), toml).expect("archivo");
    let fuentes = Fuentes {
        archivo: None,
        carpeta_de_trabajo: carpeta.path().to_owned(),
        entorno: entorno.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        ordenes: ordenes.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned(), format!("--set {n}"))).collect(),
    };
    (carpeta, fuentes)
}

fn problemas(toml: &str, entorno: &[(&str, &str)], ordenes: &[(&str, &str)]) -> Vec<Problema> {
    let (_carpeta, fuentes) = fuentes(toml, entorno, ordenes);
    cargar(&fuentes).expect_err("debía fallar").0
}

#[test]
fn los_valores_por_defecto_son_validos() {
    let configuracion = cargar(&Fuentes::default()).expect("por defecto");
    assert_eq!(configuracion.servidor.direccion.to_string(), "127.0.0.1:8080");
    assert_eq!(configuracion.carpeta, Path::new("datos"));
    assert_eq!(configuracion.emisor(), crate::domain::emisor::Emisor::co());
    assert_eq!(configuracion.resueltos().len(), AJUSTES.len());
    assert!(configuracion.resueltos().iter().all(|r| r.origen == Origen::Defecto));
}

#[test]
fn cada_nombre_es_unico_y_tiene_documentacion() {
    for (i, ajuste) in AJUSTES.iter().enumerate() {
        assert!(!ajuste.clave().is_empty() && ajuste.doc.ends_with('.'), "{}", ajuste.nombre);
        assert!(AJUSTES[..i].iter().all(|otro| otro.nombre != ajuste.nombre), "{}", ajuste.nombre);
    }
}

#[test]
fn gana_la_ultima_capa_y_se_sabe_de_donde_vino() {
    let toml = "[motor]\nmemoria_mb = 100\nparticiones = 3\ninstantanea_cada = 0x10\n";
    let entorno = [("FACTUMARKET__MOTOR__MEMORIA_MB", "200"), ("FACTUMARKET__MOTOR__MAX_EN_CURSO", "9"), ("OTRA", "x")];
    let (carpeta, fuentes) = fuentes(toml, &entorno, &[("motor.memoria_mb", "300")]);
    let configuracion = cargar(&fuentes).expect("válida");
    assert_eq!(configuracion.motor.memoria_bytes, 300 << 20);
    assert_eq!((configuracion.motor.particiones, configuracion.motor.max_en_curso), (3, 9));
    assert_eq!(configuracion.motor.instantanea_cada, 16);
    let origen = |n: &str| configuracion.resueltos().iter().find(|r| r.ajuste.nombre == n).expect("está").origen.clone();
    let archivo = carpeta.path().join(ARCHIVO_POR_DEFECTO).display().to_string();
    assert_eq!(origen("motor.memoria_mb"), Origen::Orden("--set motor.memoria_mb".into()));
    assert_eq!(origen("motor.max_en_curso"), Origen::Entorno("FACTUMARKET__MOTOR__MAX_EN_CURSO".into()));
    assert_eq!(origen("motor.particiones"), Origen::Archivo(format!("{archivo}:3")));
    assert_eq!(origen("motor.epoca_max_bytes"), Origen::Defecto);
}

#[test]
fn una_clave_desconocida_dice_la_mas_parecida_y_su_linea() {
    let hallados = problemas("\n[servidor]\ndirecion = \"127.0.0.1:1\"\n", &[], &[]);
    assert_eq!(hallados.len(), 1);
    assert!(hallados[0].que.contains("servidor.direcion"), "{hallados:?}");
    assert!(hallados[0].donde.ends_with("factumarket.toml:3"), "{hallados:?}");
    assert!(hallados[0].hacer.contains("«servidor.direccion»"), "{hallados:?}");
}

#[test]
fn todos_los_problemas_salen_juntos() {
    let toml = "suelta = 1\n[motor]\nmemoria_mb = 1\nparticiones = [1]\n";
    let entorno = [("FACTUMARKET__EMISOR__REGIMEN", "PE"), ("FACTUMARKET__XYZW", "1")];
    let hallados = problemas(toml, &entorno, &[("servidor.direccion", "localhost")]);
    let donde: Vec<_> = hallados.iter().map(|p| p.donde.rsplit('/').next().unwrap_or("").to_owned()).collect();
    assert_eq!(hallados.len(), 6, "{hallados:?}");
    assert!(donde.contains(&"factumarket.toml:1".to_owned()) && donde.contains(&"FACTUMARKET__EMISOR__REGIMEN".to_owned()));
    assert!(hallados.iter().any(|p| p.hacer.contains("número entero de 16 a 65536")));
    assert!(hallados.iter().any(|p| p.hacer.contains("CO, EC")));
}

#[test]
fn un_archivo_que_no_es_toml_dice_la_linea() {
    let hallados = problemas("[motor]\nmemoria_mb 12\n", &[], &[]);
    assert!(hallados.iter().any(|p| p.donde.ends_with("factumarket.toml:2")), "{hallados:?}");
}

#[test]
fn un_archivo_pedido_que_no_existe_es_un_error() {
    let fuentes = Fuentes { archivo: Some("/no/existe.toml".into()), ..Fuentes::default() };
    let hallados = cargar(&fuentes).expect_err("no existe").0;
    assert!(hallados[0].que.contains("no existe"), "{hallados:?}");
}

#[test]
fn el_emisor_sale_de_su_seccion() {
    let toml = "[emisor]\nregimen = \"ec\"\nnombre = \"Tienda Ñandú\"\nmax_dias_futuro = 10\nredondeo = \"mitad_par\"\n";
    let (_carpeta, fuentes) = fuentes(toml, &[("FACTUMARKET__EMISOR__PLAZO_EMISION_SEGUNDOS", "5")], &[]);
    let emisor = cargar(&fuentes).expect("válida").emisor();
    assert_eq!((emisor.regimen, emisor.nombre.as_str(), emisor.max_dias_futuro), (Regimen::Ec, "Tienda Ñandú", Some(10)));
    assert_eq!((emisor.redondeo.modo, emisor.plazo_emision_ms), (ModoRedondeo::MitadPar, 5_000));
}

#[test]
fn la_identificacion_del_emisor_se_verifica() {
    let (_carpeta, buenas) = fuentes("[emisor]\nidentificacion = \"800.100.000-1\"\n", &[], &[]);
    let leida = cargar(&buenas).expect("válida").emisor().identificacion;
    assert_eq!((&*leida.numero, leida.dv), ("800100000", Some(1)));
    let hallados = problemas("[emisor]\nidentificacion = \"900123456-1\"\n", &[], &[]);
    assert!(hallados[0].que.contains("no es un NIT válido"), "{hallados:?}");
    assert!(hallados[0].donde.ends_with("factumarket.toml:2"), "{hallados:?}");
}

#[test]
fn el_catalogo_de_impuestos_y_el_limite_de_credito_se_configuran() {
    let toml = "[emisor]\nimpuestos = \"IVA 19 2017-01-01; IVA 16.5 2001-01-01..2016-12-31\"\nlimite_credito = 5_000\n";
    let (_carpeta, fuentes) = fuentes(toml, &[], &[]);
    let emisor = cargar(&fuentes).expect("válida").emisor();
    let escritos: Vec<String> =
        emisor.impuestos.iter().map(|i| format!("{} {} {} {:?}", i.codigo, i.tarifa, i.desde, i.hasta)).collect();
    assert_eq!(escritos, ["IVA 19 2017-01-01 None", "IVA 16.5 2001-01-01 Some(2016-12-31)"]);
    assert_eq!(emisor.limite_credito.map(|l| l.to_string()).as_deref(), Some("5000.00"));
}

#[test]
fn lo_que_esta_mal_en_el_emisor_sale_junto_y_con_su_lugar() {
    let toml = "[emisor]\nidentificacion = \"900123456-1\"\nimpuestos = \"IVA 119 2017-01-01; INC 8; IVA 19 2017-13-01\"\n";
    let hallados = problemas(toml, &[], &[]);
    let linea = |p: &Problema| p.donde.rsplit(':').next().unwrap_or_default().to_owned();
    assert_eq!(hallados.iter().map(linea).collect::<Vec<_>>(), ["3", "3", "3", "2"], "{hallados:?}");
    let solapados =
        problemas("[emisor]\nimpuestos = \"IVA 19 2017-01-01; IVA 19 2020-01-01; IVA 5 2020-01-02..2020-01-01\"\n", &[], &[]);
    let que: Vec<&str> = solapados.iter().map(|p| p.que.as_str()).collect();
    assert_eq!(que.len(), 2, "{que:?}");
    assert!(que[0].contains("(impuesto 2): IVA 19 ya rige") && que[1].contains("(impuesto 3): la vigencia"), "{que:?}");
}

/// `factumarket ejemplos configuracion docs/guide/configuracion.md` writes it again.
#[test]
fn la_guia_lista_los_ajustes_de_la_tabla() {
    let guardada = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/configuracion.md")).expect("la página");
    assert!(guardada == pagina(), "escríbala otra vez: factumarket ejemplos configuracion docs/guide/configuracion.md");
}
