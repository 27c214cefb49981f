//! What a user reads before anything happens: help, usage errors, configuration, doctor. All of it Spanish, all of `--json` JSON.

mod cli_comun;

use cli_comun::{carpeta, correr, json, texto_de_error};

const ORDENES: [&str; 24] = [
    "demo",
    "servir",
    "importar",
    "emitir",
    "factura",
    "nota",
    "anular",
    "borrador",
    "respuesta-dian",
    "stock",
    "kardex",
    "cuenta",
    "reportes",
    "dominio",
    "verificar",
    "banco",
    "config",
    "doctor",
    "topologia",
    "dlq",
    "esquemas",
    "tablas",
    "proyecciones",
    "auditoria",
];
/// Words that the argument parser says by itself and must not be seen.
const INGLES: [&str; 9] =
    ["Usage", "Options:", "Commands:", "Arguments:", "Print help", "[default", "[possible", "[aliases", "required"];

#[test]
fn la_ayuda_general_nombra_cada_orden_y_su_codigo_de_salida() {
    let salida = correr(&["--ayuda"]);
    assert_eq!(salida.codigo, 0);
    for orden in ORDENES {
        assert!(salida.normal.contains(&format!("  {orden} ")), "falta {orden}:\n{}", salida.normal);
    }
    assert!(salida.normal.contains("Uso: factumarket") && salida.normal.contains("4 no encontrado"), "{}", salida.normal);
}

#[test]
fn cada_orden_tiene_ayuda_en_espanol_con_un_ejemplo() {
    for orden in ORDENES {
        let salida = correr(&[orden, "--ayuda"]);
        assert_eq!(salida.codigo, 0, "{orden}");
        let ejemplo = ["Ejemplo:\n  factumarket ", "Ejemplos:\n  factumarket "].iter().any(|e| salida.normal.contains(e));
        assert!(ejemplo, "{orden}:\n{}", salida.normal);
        for palabra in INGLES {
            assert!(!salida.normal.contains(palabra), "{orden} dice «{palabra}»:\n{}", salida.normal);
        }
    }
}

#[test]
fn los_errores_de_uso_dicen_que_por_que_y_que_hacer_con_codigo_2() {
    let casos: [(&[&str], &str); 9] = [
        (&["factura", "1", "--url", "localhost:8080"], "--url «localhost:8080» no sirve"),
        (&[], "falta la orden"),
        (&["importr"], "«importar»"),
        (&["importar"], "falta"),
        (&["factura", "1", "--jsn"], "«--json»"),
        (&["demo", "--tasa", "muchas"], "«muchas»"),
        (&["demo", "--tasa", "0"], "«0»"),
        (&["emitir"], "--ejemplo"),
        (&["config", "ver", "--set", "motor.memoria_mb"], "no tiene valor"),
    ];
    for (argumentos, esperado) in casos {
        let salida = correr(argumentos);
        assert_eq!(salida.codigo, 2, "{argumentos:?}: {}", salida.error);
        assert!(salida.error.contains(esperado), "{argumentos:?} no dice «{esperado}»:\n{}", salida.error);
        assert!(salida.error.contains("Por qué:") && salida.error.contains("Qué hacer:"), "{}", salida.error);
        assert!(INGLES.iter().all(|p| !salida.error.contains(p)), "{}", salida.error);
        assert!(salida.normal.is_empty(), "el error no va en la salida normal: {}", salida.normal);
    }
}

#[test]
fn los_errores_tambien_son_json() {
    for argumentos in [&["--json"][..], &["--json", "importr"], &["factura", "x", "--json", "--datos", "no-existe"]] {
        let salida = correr(argumentos);
        let error = &json(&salida)["error"];
        assert_eq!(error["codigo_salida"].as_i64(), Some(i64::from(salida.codigo)), "{argumentos:?}");
        assert!(["que", "por_que", "que_hacer"].iter().all(|c| error[c].as_str().is_some_and(|t| !t.is_empty())), "{error}");
    }
}

#[test]
fn la_configuracion_se_ve_con_su_origen() {
    let temporal = carpeta();
    let archivo = temporal.path().join("f.toml");
    std::fs::write(&archivo, "[motor]\nmemoria_mb = 300\n").expect("archivo");
    let salida = correr(&["config", "ver", "--json", "--config", archivo.to_str().expect("ruta"), "--set", "motor.particiones=3"]);
    let ajustes = json(&salida)["ajustes"].as_array().expect("lista").clone();
    let de = |nombre: &str| ajustes.iter().find(|a| a["nombre"] == nombre).expect("está").clone();
    assert_eq!(de("motor.memoria_mb")["valor"], 300);
    assert!(de("motor.memoria_mb")["origen"].as_str().expect("texto").ends_with("f.toml:2"));
    assert_eq!(de("motor.particiones")["origen"], "orden --set motor.particiones");
    assert_eq!(de("servidor.direccion")["origen"], "por defecto");
}

#[test]
fn lo_que_muestra_config_ver_se_puede_guardar_como_archivo() {
    let temporal = carpeta();
    let archivo = temporal.path().join("guardado.toml");
    std::fs::write(&archivo, correr(&["config", "ver"]).normal).expect("archivo");
    let salida = correr(&["config", "ver", "--json", "--config", archivo.to_str().expect("ruta")]);
    assert_eq!(salida.codigo, 0, "{}", salida.error);
    assert!(json(&salida)["ajustes"].as_array().expect("lista").iter().all(|a| a["origen"] != "por defecto"));
}

#[test]
fn los_problemas_de_configuracion_salen_todos_con_su_lugar() {
    let temporal = carpeta();
    let archivo = temporal.path().join("mala.toml");
    std::fs::write(&archivo, "[servidor]\ndirecion = \"x\"\n[motor]\nmemoria_mb = 1\n").expect("archivo");
    let salida = correr(&["servir", "--config", archivo.to_str().expect("ruta"), "--set", "emisor.regimen=PE"]);
    assert_eq!(salida.codigo, 2);
    for esperado in ["mala.toml:2", "«servidor.direccion»", "mala.toml:4", "de 16 a 65536", "--set emisor.regimen", "CO, EC"] {
        assert!(salida.error.contains(esperado), "falta «{esperado}»:\n{}", salida.error);
    }
}

#[test]
fn doctor_dice_lo_que_esta_mal_con_su_codigo() {
    let temporal = carpeta();
    let datos = temporal.path().join("datos");
    let bien = correr(&["doctor", "--json", "--set", "servidor.direccion=127.0.0.1:0", "--datos", datos.to_str().expect("ruta")]);
    assert_eq!((bien.codigo, json(&bien)["bien"].as_bool()), (0, Some(true)), "{}", bien.normal);
    assert!(!datos.exists(), "mirar no crea la carpeta");
    std::fs::create_dir(&datos).and_then(|()| std::fs::write(datos.join("VERSION"), "factumarket 0\n")).expect("carpeta");
    let mal = correr(&["doctor", "--json", "--datos", datos.to_str().expect("ruta")]);
    assert_eq!((mal.codigo, json(&mal)["bien"].as_bool()), (1, Some(false)), "{}", mal.normal);
    assert!(mal.normal.contains("«factumarket 0»"));
    let ajustes = correr(&["doctor", "--set", "motor.nada=1"]);
    assert_eq!(ajustes.codigo, 1);
    assert!(ajustes.normal.contains('✖') && texto_de_error(&ajustes).is_empty(), "{}", ajustes.normal);
}
