//! `verificar`: the invariants over the whole log, through the API of the process that uses the folder, or directly when nobody does.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::{
    acceso::{DATOS_O_PROCESO, exigir_datos, proceso},
    args::VerificarArgs,
    contexto::Contexto,
    destino::ClienteHttp,
    fallo::{Clase, Fallo},
    formato::entero,
    nodo,
    salida::Salida,
};
use crate::node::{self, NodeOptions};

/// Longest verification that is waited for, through the API.
const PLAZO: Duration = Duration::from_secs(3_600);
const CLAVE: &str = "verificar";

/// # Errors
/// Class `Falla` when an invariant does not hold; `Servicio` when that could not be found out.
pub fn ejecutar(contexto: &Contexto, args: &VerificarArgs) -> Result<(), Fallo> {
    let informe = match proceso(contexto) {
        Some(url) if args.oraculo => return Err(en_uso(&url)),
        Some(url) => por_api(&url, args.quieto)?,
        None => directo(contexto, args)?,
    };
    mostrar(&contexto.salida, &informe);
    contexto.salida.resultado(&informe);
    if informe.get("sano").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    Err(Fallo::dicho(Clase::Falla, "hay invariantes que no se cumplen"))
}

fn por_api(url: &str, quieto: bool) -> Result<Value, Fallo> {
    let cliente = ClienteHttp::con_plazo(url, PLAZO);
    let respuesta =
        cliente.post(&format!("/api/v1/verificacion?quieto={quieto}"), CLAVE, &Value::Object(serde_json::Map::new()))?;
    if respuesta.estado == 200 { Ok(respuesta.cuerpo) } else { Err(cliente.mal_estado(&respuesta)) }
}

fn en_uso(url: &str) -> Fallo {
    Fallo::new(
        Clase::Conflicto,
        "--oraculo lee la carpeta directamente",
        format!("la atiende el proceso de {url}"),
        "Detenga el proceso, o verifique sin --oraculo.",
    )
}

fn directo(contexto: &Contexto, args: &VerificarArgs) -> Result<Value, Fallo> {
    exigir_datos(contexto, DATOS_O_PROCESO)?;
    contexto.salida.nota(format!("Nadie atiende la carpeta {}: se lee directamente.", contexto.carpeta().display()));
    let barra = barra(&contexto.salida);
    let verificado =
        node::verificar_carpeta(&NodeOptions::new(&contexto.configuracion), args.quieto, args.oraculo, &mut |hechos, total| {
            barra.set_length(total);
            barra.set_position(hechos);
        });
    barra.finish_and_clear();
    verificado.map(|informe| informe.to_json()).map_err(|e| nodo::fallo(&e))
}

fn barra(salida: &Salida) -> ProgressBar {
    if !salida.progreso() {
        return ProgressBar::hidden();
    }
    let barra = ProgressBar::new(0);
    match ProgressStyle::with_template("  {bar:30} {percent:>3} %  {human_pos} registros  ·  faltan {eta}") {
        Ok(estilo) => barra.with_style(estilo),
        Err(_) => barra,
    }
}

fn mostrar(salida: &Salida, informe: &Value) {
    let numero = |puntero: &str| entero(informe.pointer(puntero).and_then(Value::as_u64).unwrap_or_default());
    salida.linea(format!(
        "{} eventos · {} comandos ({} repetidos, {} en curso, {} pendientes) · {} facturas emitidas · {} instantáneas · {} filas de auditoría",
        numero("/eventos"),
        numero("/comandos/total"),
        numero("/comandos/repetidos"),
        numero("/comandos/en_curso"),
        numero("/comandos/pendientes"),
        numero("/facturas/emitidas"),
        numero("/instantaneas"),
        numero("/auditoria/filas"),
    ));
    salida.linea("");
    for invariante in lista(informe, "/invariantes") {
        fila(salida, invariante);
    }
    for aviso in lista(informe, "/avisos") {
        salida.linea(salida.amarillo(&format!("  aviso: {}", aviso.as_str().unwrap_or_default())));
    }
    let segundos = informe.get("segundos").and_then(Value::as_f64).unwrap_or_default();
    let final_ = match informe.get("fallas").and_then(Value::as_u64) {
        Some(0) => salida.verde("Sano: nada perdido, doblado ni vendido de más"),
        Some(fallas) => salida.rojo(&format!("{} fallas", entero(fallas))),
        None => salida.rojo("el informe no dice cuántas fallas hay"),
    };
    salida.linea(format!("\n{final_} ({segundos:.1} s)"));
}

fn lista<'a>(informe: &'a Value, puntero: &str) -> &'a [Value] {
    informe.pointer(puntero).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn fila(salida: &Salida, invariante: &Value) {
    let texto = |campo: &str| invariante.get(campo).and_then(Value::as_str).unwrap_or_default();
    let numero = |campo: &str| invariante.get(campo).and_then(Value::as_u64).unwrap_or_default();
    let marca = if numero("fallas") > 0 { salida.rojo("✖") } else { salida.verde("✔") };
    let cuenta = format!("{:>11} revisados {:>6} fallas", entero(numero("revisados")), entero(numero("fallas")));
    salida.linea(format!("  {marca} {:<3} {cuenta}  {}", texto("codigo"), texto("nombre")));
    if !texto("nota").is_empty() {
        salida.linea(format!("       {}", texto("nota")));
    }
    for ejemplo in lista(invariante, "/ejemplos") {
        salida.linea(format!("       {}", ejemplo.as_str().unwrap_or_default()));
    }
}
