//! `sim`: the simulator over one seed, step by step, or over many, on every core.

mod informe;
mod tanda;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use self::{
    informe::{falla, una},
    tanda::{Tanda, correr},
};
use super::{
    args::SimArgs,
    fallo::{Clase, Fallo},
    salida::Salida,
};
use crate::{
    defectos,
    sim::{self, Fault, Keep, Kit, Settings},
};

/// # Errors
/// Class `Falla` when a seed fails; `Uso` for settings that do not exist.
pub fn ejecutar(args: &SimArgs, salida: Salida) -> Result<(), Fallo> {
    let ajustes = ajustes(args)?;
    defectos::elegir(args.defecto)
        .map_err(|que| Fallo::new(Clase::Uso, que, "cada defecto tiene su número", "Vea docs/guide/simulador.md."))?;
    let kit = Kit::new().map_err(|e| {
        Fallo::new(Clase::Falla, e.to_string(), "los esquemas de este programa no cuadran", "Es un error del programa: repórtelo.")
    })?;
    sim::quiet_panics();
    match args.semilla {
        Some(semilla) => repetir(&kit, semilla, &ajustes, args, salida),
        None => muchas(&kit, &ajustes, args, salida),
    }
}

fn ajustes(args: &SimArgs) -> Result<Settings, Fallo> {
    let mut without = 0;
    for nombre in &args.sin {
        let falla = Fault::de_nombre(nombre).ok_or_else(|| {
            let todas: Vec<&str> = Fault::ALL.into_iter().map(Fault::nombre).collect();
            Fallo::new(
                Clase::Uso,
                format!("no hay una falla «{nombre}»"),
                "--sin nombra clases de falla",
                format!("Las que hay: {}.", todas.join(", ")),
            )
        })?;
        without |= 1 << falla as u8;
    }
    Ok(Settings { commands: args.ordenes, nodes: args.nodos, without })
}

fn repetir(kit: &Kit, semilla: u64, ajustes: &Settings, args: &SimArgs, salida: Salida) -> Result<(), Fallo> {
    let keep = if args.traza { Keep::Lines } else { Keep::Digest };
    let (outcome, lineas) = sim::run(kit, semilla, ajustes, keep);
    for linea in &lineas {
        salida.linea(linea);
    }
    salida.resultado(&una(&outcome, &lineas));
    informe::mostrar_una(&salida, &outcome);
    if outcome.findings.is_empty() { Ok(()) } else { Err(Fallo::dicho(Clase::Falla, format!("la semilla {semilla} falla"))) }
}

fn muchas(kit: &Kit, ajustes: &Settings, args: &SimArgs, salida: Salida) -> Result<(), Fallo> {
    let semillas = match &args.archivo {
        Some(archivo) => semillas_de(archivo)?,
        None => (args.desde..args.desde.saturating_add(args.cantidad)).collect(),
    };
    let tanda = Tanda { kit, ajustes, semillas: &semillas, hilos: args.hilos.into(), detener_en: args.fallas };
    let resultado = correr(&tanda, salida);
    informe::mostrar(&salida, &resultado);
    for outcome in &resultado.fallidas {
        falla(&salida, kit, outcome, ajustes, args);
        anotar(outcome.plan.seed, args, salida)?;
    }
    salida.resultado(&informe::muchas(&resultado));
    if resultado.fallidas.is_empty() {
        Ok(())
    } else {
        Err(Fallo::dicho(Clase::Falla, format!("{} semillas fallan", resultado.fallidas.len())))
    }
}

/// One seed a line; what follows `#` is a comment.
fn semillas_de(archivo: &Path) -> Result<Vec<u64>, Fallo> {
    let no = |por_que: String| {
        Fallo::new(
            Clase::Uso,
            format!("no se pudieron leer las semillas de {}", archivo.display()),
            por_que,
            "Es un número por línea; tras # va un comentario.",
        )
    };
    let texto = fs::read_to_string(archivo).map_err(|e| no(e.to_string()))?;
    let mut semillas = Vec::new();
    for (n, linea) in texto.lines().enumerate() {
        let numero = linea.split('#').next().unwrap_or_default().trim();
        if !numero.is_empty() {
            semillas.push(numero.parse().map_err(|_| no(format!("la línea {} no es un número", n + 1)))?);
        }
    }
    Ok(semillas)
}

/// A seed that fails is kept, to be repeated for ever; not when the bug was planted.
fn anotar(semilla: u64, args: &SimArgs, salida: Salida) -> Result<(), Fallo> {
    let Some(archivo) = args.anotar.as_ref().filter(|_| args.defecto == 0) else { return Ok(()) };
    if semillas_de(archivo).is_ok_and(|ya| ya.contains(&semilla)) {
        return Ok(());
    }
    let escrito = OpenOptions::new().create(true).append(true).open(archivo).and_then(|mut f| writeln!(f, "{semilla}"));
    escrito.map_err(|e| {
        Fallo::new(
            Clase::Servicio,
            format!("no se pudo anotar la semilla {semilla} en {}", archivo.display()),
            e.to_string(),
            "Anótela a mano.",
        )
    })?;
    salida.nota(format!("Semilla {semilla} anotada en {}.", archivo.display()));
    Ok(())
}
