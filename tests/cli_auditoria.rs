//! `auditoria` as an operator and an auditor use it: beside a running process, over a folder, and over a file far from both. And the
//! restore: a copy of log and keys is the whole backup.

mod cli_comun;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use cli_comun::{Salida, Servicio, carpeta, correr, json};
use serde_json::Value;

/// Longest wait for a seal.
const PLAZO: Duration = Duration::from_secs(30);

fn ruta(archivo: &Path) -> &str {
    archivo.to_str().expect("ruta")
}

fn auditoria(argumentos: &[&str]) -> Salida {
    correr(&[&["auditoria"], argumentos].concat())
}

/// Runs it and gives its JSON; it must end well.
fn bien(argumentos: &[&str]) -> Value {
    let salida = auditoria(&[argumentos, &["--json"]].concat());
    assert_eq!(salida.codigo, 0, "{argumentos:?}: {}{}", salida.normal, salida.error);
    json(&salida)
}

/// A folder with an issued invoice; its id.
fn con_factura(datos: &Path) -> String {
    let salida = correr(&["emitir", "--ejemplo", "--clave", "una", "--datos", ruta(datos), "--json"]);
    assert_eq!(salida.codigo, 0, "{}", salida.error);
    json(&salida)["factura"]["id"].as_str().expect("id").to_owned()
}

fn copiar(desde: &Path, hasta: &Path) {
    fs::create_dir_all(hasta).expect("carpeta");
    for entrada in fs::read_dir(desde).expect("carpeta") {
        let entrada = entrada.expect("entrada");
        let destino = hasta.join(entrada.file_name());
        if entrada.path().is_dir() {
            copiar(&entrada.path(), &destino);
        } else {
            fs::copy(entrada.path(), destino).expect("copia");
        }
    }
}

#[test]
fn lo_exportado_se_verifica_lejos_y_lo_que_se_cambia_se_ve() {
    let temporal = carpeta();
    let datos = temporal.path().join("datos");
    con_factura(&datos);
    let clave = datos.join("auditoria.clave.pub");
    let modo = fs::metadata(datos.join("auditoria.clave")).expect("clave").permissions().mode();
    assert_eq!(modo & 0o777, 0o600, "la clave es de su dueño");
    let (archivo, con_datos) = (temporal.path().join("a.ndjson"), temporal.path().join("d.ndjson"));
    let hecho = bien(&["exportar", "--archivo", ruta(&archivo), "--datos", ruta(&datos)]);
    assert!(hecho["hojas"].as_u64() >= Some(10) && hecho["sellos"].as_u64() >= Some(4), "{hecho}");
    bien(&["exportar", "--con-datos", "--archivo", ruta(&con_datos), "--datos", ruta(&datos)]);
    assert!(fs::metadata(&con_datos).expect("d").len() > fs::metadata(&archivo).expect("a").len());
    // Far from here there are the file and the public key.
    for uno in [&archivo, &con_datos] {
        let informe = bien(&["verificar", "--estricto", "--archivo", ruta(uno), "--clave", ruta(&clave)]);
        assert_eq!(
            (&informe["integro"], &informe["sin_sellar"], &informe["hojas"]),
            (&Value::from(true), &Value::from(0), &hecho["hojas"])
        );
    }
    let texto = fs::read_to_string(&archivo).expect("texto");
    let alterado = temporal.path().join("b.ndjson");
    fs::write(&alterado, texto.replacen("\"FacturaEmitida\",\"version\":1", "\"FacturaEmitida\",\"version\":2", 1))
        .expect("escribe");
    let salida = auditoria(&["verificar", "--archivo", ruta(&alterado), "--clave", ruta(&clave)]);
    assert_eq!(salida.codigo, 1, "{}{}", salida.normal, salida.error);
    assert!(salida.normal.contains("eventos.facturacion/") && salida.normal.contains("línea ") && salida.normal.contains("hoja 0"));
    // A file that exists is not overwritten; a key of nobody is refused with what to do.
    assert_eq!(auditoria(&["exportar", "--archivo", ruta(&archivo), "--datos", ruta(&datos)]).codigo, 6);
    let sin_clave = auditoria(&["verificar", "--archivo", ruta(&archivo), "--clave", ruta(&temporal.path().join("nada"))]);
    assert_eq!(sin_clave.codigo, 2);
    assert!(sin_clave.error.contains("no existe") && sin_clave.error.contains("--clave"), "{}", sin_clave.error);
    let secreta = auditoria(&["verificar", "--archivo", ruta(&archivo), "--clave", ruta(&datos.join("auditoria.clave"))]);
    assert_eq!(secreta.codigo, 2);
    assert!(secreta.error.contains("es una clave privada"), "{}", secreta.error);
    // Against the log, and against seals kept elsewhere.
    let sellos = temporal.path().join("sellos.txt");
    let salida = auditoria(&["sellos", "--datos", ruta(&datos)]);
    assert_eq!(salida.codigo, 0, "{}", salida.error);
    fs::write(&sellos, &salida.normal).expect("escribe");
    let contra = ["--contra-registro", "--datos", ruta(&datos), "--sello", ruta(&sellos)];
    bien(&[&["verificar", "--archivo", ruta(&archivo), "--clave", ruta(&clave)], &contra[..]].concat());
    correr(&["emitir", "--ejemplo", "--clave", "otra", "--datos", ruta(&datos)]);
    let salida = auditoria(&[&["verificar", "--archivo", ruta(&archivo), "--clave", ruta(&clave)], &contra[..]].concat());
    assert_eq!(salida.codigo, 1, "{}", salida.normal);
    assert!(salida.normal.contains("y el registro tiene"), "{}", salida.normal);
}

#[test]
fn un_proceso_en_marcha_sella_prueba_y_se_verifica() {
    let temporal = carpeta();
    let datos = temporal.path().join("datos");
    let id = con_factura(&datos);
    let servicio = Servicio::empezar(&datos, &["--set", "auditoria.hojas_por_sello=1"]);
    let url = servicio.url.clone();
    let leer = |camino: &str| -> Value {
        let mut respuesta = ureq::get(&format!("{url}{camino}")).call().expect("responde");
        let texto = respuesta.body_mut().read_to_string().expect("texto");
        serde_json::from_str(&texto).expect("JSON")
    };
    // The query that was just made is audited too, and sealed within the next round.
    let (plazo, mut pruebas) = (Instant::now() + PLAZO, Value::Null);
    while Instant::now() < plazo {
        pruebas = leer(&format!("/api/v1/auditoria/{id}/prueba"));
        if pruebas["items"].as_array().is_some_and(|items| items.iter().any(|p| p["tipo"] == "ConsultaRealizada")) {
            break;
        }
        // Each look is a query more, audited as well.
        std::thread::sleep(Duration::from_millis(200));
    }
    let tipos: Vec<&str> = pruebas["items"].as_array().expect("items").iter().filter_map(|p| p["tipo"].as_str()).collect();
    assert!(tipos.contains(&"FacturaEmitida") && tipos.contains(&"ConsultaRealizada"), "{tipos:?}");
    let (archivo, clave) = (temporal.path().join("prueba.json"), datos.join("auditoria.clave.pub"));
    fs::write(&archivo, pruebas.to_string()).expect("escribe");
    bien(&["verificar", "--prueba", ruta(&archivo), "--clave", ruta(&clave)]);
    fs::write(&archivo, pruebas.to_string().replacen("FacturaEmitida", "FacturaAnulada", 1)).expect("escribe");
    assert_eq!(auditoria(&["verificar", "--prueba", ruta(&archivo), "--clave", ruta(&clave)]).codigo, 1);
    let informe = bien(&["verificar", "--datos", ruta(&datos)]);
    assert_eq!(informe["integro"], true, "{informe}");
    assert!(bien(&["sellos", "--datos", ruta(&datos)])["sellos"].as_array().is_some_and(|s| s.len() >= 4));
    let ocupada = auditoria(&["exportar", "--archivo", ruta(&temporal.path().join("x")), "--datos", ruta(&datos)]);
    assert_eq!(ocupada.codigo, 5, "{}", ocupada.error);
    let mut metricas = ureq::get(&format!("{url}/metrics")).call().expect("responde");
    let metricas = metricas.body_mut().read_to_string().expect("texto");
    assert!(metricas.contains("\nfactumarket_audit_broken_chains 0\n"), "{metricas}");
    assert_eq!(servicio.terminar(), 0);
    let informe = bien(&["verificar", "--estricto", "--datos", ruta(&datos)]);
    assert_eq!(informe["sin_sellar"], 0, "al detenerse sella lo que queda");
}

/// Log, keys and configuration are the backup: from a copy of them alone everything comes back, and the audit to the same bytes.
#[test]
fn de_la_copia_del_registro_vuelve_la_misma_auditoria() {
    let temporal = carpeta();
    let (datos, restaurada) = (temporal.path().join("datos"), temporal.path().join("restaurada"));
    let id = con_factura(&datos);
    let exportar = |de: &Path, nombre: &str| {
        let archivo = temporal.path().join(nombre);
        bien(&["exportar", "--con-datos", "--archivo", ruta(&archivo), "--datos", ruta(de)]);
        fs::read(&archivo).expect("archivo")
    };
    let antes = exportar(&datos, "antes.ndjson");
    copiar(&datos.join("registro"), &restaurada.join("registro"));
    for archivo in ["VERSION", "origen", "esquemas.json", "auditoria.clave", "auditoria.clave.pub"] {
        fs::copy(datos.join(archivo), restaurada.join(archivo)).expect(archivo);
    }
    // Neither state nor tables: they are folded from the log at the next start.
    let factura = correr(&["factura", &id, "--datos", ruta(&restaurada), "--json"]);
    assert_eq!(factura.codigo, 0, "{}", factura.error);
    assert_eq!(json(&factura)["estado"], "EMITIDA");
    bien(&["verificar", "--estricto", "--datos", ruta(&restaurada)]);
    assert_eq!(correr(&["verificar", "--datos", ruta(&restaurada)]).codigo, 0);
    assert!(exportar(&restaurada, "despues.ndjson") == antes, "hojas, sellos y datos son los de antes, byte por byte");
    let plegada = bien(&["reconstruir", "--datos", ruta(&restaurada)]);
    assert_eq!(plegada["sellos"], 0, "ningún sello se hace de nuevo");
    bien(&["verificar", "--estricto", "--datos", ruta(&restaurada)]);
    // Without the key the old seals still hold.
    fs::remove_file(restaurada.join("auditoria.clave")).expect("se pierde");
    let perdida = auditoria(&[
        "verificar",
        "--archivo",
        ruta(&temporal.path().join("antes.ndjson")),
        "--clave",
        ruta(&restaurada.join("auditoria.clave.pub")),
    ]);
    assert_eq!(perdida.codigo, 0, "{}", perdida.error);
    // A lost key is not replaced in silence: the old seals would lose theirs.
    let sin_ella = correr(&["factura", &id, "--datos", ruta(&restaurada)]);
    assert!(sin_ella.codigo == 2 && sin_ella.error.contains("--relevar"), "{}", sin_ella.error);
    bien(&["clave", "crear", "--relevar", "--archivo", ruta(&restaurada.join("auditoria.clave"))]);
    let nueva = correr(&["emitir", "--ejemplo", "--clave", "otra", "--datos", ruta(&restaurada)]);
    assert_eq!(nueva.codigo, 0, "{}", nueva.error);
    bien(&["verificar", "--estricto", "--datos", ruta(&restaurada)]);
    // Neither key nor public one: those of the old seals are asked for, and none is made in their place.
    for archivo in ["auditoria.clave", "auditoria.clave.pub"] {
        fs::rename(restaurada.join(archivo), temporal.path().join(archivo)).expect(archivo);
    }
    let sin_ninguna = correr(&["factura", &id, "--datos", ruta(&restaurada)]);
    assert!(sin_ninguna.codigo == 2 && sin_ninguna.error.contains("recupere del respaldo"), "{}", sin_ninguna.error);
    assert_eq!(auditoria(&["verificar", "--datos", ruta(&restaurada)]).codigo, 2);
    bien(&["verificar", "--datos", ruta(&restaurada), "--clave", ruta(&temporal.path().join("auditoria.clave.pub"))]);
    assert!(!restaurada.join("auditoria.clave").exists(), "verificar no crea claves");
}

#[test]
fn la_clave_se_crea_se_releva_y_lo_de_antes_sigue_valiendo() {
    let temporal = carpeta();
    let (datos, clave) = (temporal.path().join("datos"), temporal.path().join("clave"));
    let creada = bien(&["clave", "crear", "--archivo", ruta(&clave), "--nombre", "tienda.example.co/auditoria"]);
    let publica = creada["publica"].as_str().expect("pública").to_owned();
    assert!(publica.starts_with("tienda.example.co/auditoria+"), "{publica}");
    assert_eq!(auditoria(&["clave", "crear", "--archivo", ruta(&clave)]).codigo, 2, "no se pisa");
    let mal = auditoria(&["clave", "crear", "--archivo", ruta(&temporal.path().join("otra")), "--nombre", "con espacio"]);
    assert_eq!(mal.codigo, 2, "{}", mal.error);
    let ajuste = format!("auditoria.clave_archivo={}", ruta(&clave));
    let emitir = |numero: &str| {
        let salida = correr(&["emitir", "--ejemplo", "--clave", numero, "--datos", ruta(&datos), "--set", &ajuste]);
        assert_eq!(salida.codigo, 0, "{}", salida.error);
    };
    emitir("una");
    let relevada = bien(&["clave", "crear", "--relevar", "--archivo", ruta(&clave)]);
    assert_ne!(relevada["publica"].as_str(), Some(&*publica));
    emitir("otra");
    let publicas = temporal.path().join("clave.pub");
    let vistas = bien(&["clave", "ver", "--clave", ruta(&publicas), "--particion", "auditoria/3"]);
    assert_eq!(vistas["claves"].as_array().map(Vec::len), Some(2));
    assert!(vistas["claves"][0].as_str().is_some_and(|c| c.starts_with("tienda.example.co/auditoria/auditoria/3+")), "{vistas}");
    assert_eq!(auditoria(&["clave", "ver", "--clave", ruta(&publicas), "--particion", "comandos.catalogo/1"]).codigo, 2);
    bien(&["verificar", "--estricto", "--datos", ruta(&datos), "--set", &ajuste]);
    let archivo = temporal.path().join("a.ndjson");
    bien(&["exportar", "--archivo", ruta(&archivo), "--datos", ruta(&datos), "--set", &ajuste]);
    bien(&["verificar", "--archivo", ruta(&archivo), "--clave", ruta(&publicas)]);
    // Only with the old key, what the new one signed is not believed.
    let vieja = temporal.path().join("vieja.pub");
    fs::write(&vieja, format!("{publica}\n")).expect("escribe");
    assert_eq!(auditoria(&["verificar", "--archivo", ruta(&archivo), "--clave", ruta(&vieja)]).codigo, 1);
    // A process that is told of a key that is not there does not start without it.
    let falta = correr(&["emitir", "--ejemplo", "--datos", ruta(&datos), "--set", "auditoria.clave_archivo=/no/hay"]);
    assert_eq!(falta.codigo, 2, "{}", falta.error);
    assert!(falta.error.contains("auditoria clave crear"), "{}", falta.error);
}
