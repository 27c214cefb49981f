//! What a simulation tells: for people and for programs.

use serde_json::{Value, json};

use super::tanda::Resultado;
use crate::{
    cli::{args::SimArgs, formato::entero, salida::Salida},
    sim::{self, Fault, Keep, Kit, Outcome, Settings},
};

/// Lines of the shrunk trace that are printed.
const COLA: usize = 60;

pub fn mostrar_una(salida: &Salida, outcome: &Outcome) {
    salida.linea(outcome.plan.to_string());
    salida.linea(format!(
        "{} pasos · {} épocas · {} eventos · {} facturas · {} fallas inyectadas · huella {:016x}",
        entero(outcome.steps),
        entero(outcome.epochs),
        entero(outcome.events),
        entero(outcome.invoices),
        entero(outcome.faults.total()),
        outcome.digest
    ));
    hallazgos(salida, outcome);
}

fn hallazgos(salida: &Salida, outcome: &Outcome) {
    if outcome.findings.is_empty() {
        salida.linea(salida.verde("Sana: los invariantes se cumplen"));
    }
    for hallazgo in &outcome.findings {
        salida.linea(salida.rojo(&format!("  ✖ {hallazgo}")));
    }
}

pub fn mostrar(salida: &Salida, resultado: &Resultado) {
    let segundos = resultado.duracion.as_secs_f64().max(0.001);
    salida.linea(format!(
        "{} semillas en {segundos:.1} s: {:.0} por segundo, {:.0} por segundo y núcleo ({} hilos)",
        entero(resultado.semillas),
        resultado.semillas as f64 / segundos,
        resultado.semillas as f64 / segundos / resultado.hilos as f64,
        resultado.hilos
    ));
    salida.linea(format!(
        "{} órdenes · {} épocas · {} eventos · {} facturas · {} pasos",
        entero(resultado.ordenes),
        entero(resultado.epocas),
        entero(resultado.eventos),
        entero(resultado.facturas),
        entero(resultado.pasos)
    ));
    salida.linea(format!("{} fallas inyectadas:", entero(resultado.fallas.total())));
    for falla in Fault::ALL {
        salida.linea(format!("  {:<24} {:>14}", falla.nombre(), entero(resultado.fallas.of(falla))));
    }
    salida.linea("De ellas salió:");
    for (nombre, cuenta) in resultado.cluster.by_name() {
        salida.linea(format!("  {nombre:<40} {:>14}", entero(cuenta)));
    }
    match resultado.fallidas.len() {
        0 => salida.linea(salida.verde("\nTodas sanas")),
        n => salida.linea(salida.rojo(&format!("\n{n} semillas fallan"))),
    }
}

/// A failing seed: its options, what it found, the shrunk trace, the command that repeats it.
pub fn falla(salida: &Salida, kit: &Kit, outcome: &Outcome, ajustes: &Settings, args: &SimArgs) {
    salida.linea(format!("\n{}", outcome.plan));
    hallazgos(salida, outcome);
    let menor = if args.reducir { sim::shrink(kit, outcome.plan.seed, ajustes) } else { None };
    let ajustes = menor.as_ref().map_or(ajustes, |menor| &menor.settings);
    if let Some(menor) = &menor {
        salida.linea(format!("Reducida en {} corridas a {} órdenes; fallan:", menor.runs, menor.settings.commands));
        for hallazgo in &menor.findings {
            salida.linea(salida.rojo(&format!("  ✖ {hallazgo}")));
        }
        let (_, lineas) = sim::run(kit, outcome.plan.seed, ajustes, Keep::Lines);
        for linea in &lineas[lineas.len().saturating_sub(COLA)..] {
            salida.linea(format!("  {linea}"));
        }
    }
    salida.linea(format!("Para repetirla: {}", orden(outcome.plan.seed, ajustes, args.defecto)));
}

/// The command that repeats a seed.
fn orden(semilla: u64, ajustes: &Settings, defecto: u8) -> String {
    let mut orden = format!("factumarket sim --semilla {semilla} --ordenes {} --traza", ajustes.commands);
    if ajustes.nodes > 0 {
        orden += &format!(" --nodos {}", ajustes.nodes);
    }
    let sin: Vec<&str> = Fault::ALL.into_iter().filter(|f| ajustes.without & (1 << *f as u8) != 0).map(Fault::nombre).collect();
    if !sin.is_empty() {
        orden += &format!(" --sin {}", sin.join(","));
    }
    if defecto > 0 {
        orden += &format!(" --defecto {defecto}");
    }
    orden
}

fn fallas(cuentas: &sim::Counts) -> Value {
    Fault::ALL
        .into_iter()
        .map(|falla| (falla.nombre().to_owned(), json!(cuentas.of(falla))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

pub fn una(outcome: &Outcome, lineas: &[String]) -> Value {
    json!({
        "semilla": outcome.plan.seed,
        "plan": outcome.plan.to_string(),
        "sana": outcome.findings.is_empty(),
        "hallazgos": outcome.findings,
        "pasos": outcome.steps,
        "epocas": outcome.epochs,
        "eventos": outcome.events,
        "facturas": outcome.invoices,
        "fallas": fallas(&outcome.faults),
        "huella": format!("{:016x}", outcome.digest),
        "traza": lineas,
    })
}

pub fn muchas(resultado: &Resultado) -> Value {
    let cluster: serde_json::Map<_, _> = resultado.cluster.by_name().into_iter().map(|(n, c)| (n.to_owned(), json!(c))).collect();
    json!({
        "semillas": resultado.semillas,
        "segundos": resultado.duracion.as_secs_f64(),
        "hilos": resultado.hilos,
        "ordenes": resultado.ordenes,
        "epocas": resultado.epocas,
        "eventos": resultado.eventos,
        "facturas": resultado.facturas,
        "fallas": fallas(&resultado.fallas),
        "cluster": cluster,
        "fallidas": resultado.fallidas.iter().map(|o| una(o, &[])).collect::<Vec<_>>(),
    })
}
