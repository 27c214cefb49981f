//! `proyecciones`: the read models, in a folder that nobody uses or in the process that feeds them.

mod en_marcha;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    acceso::{exigir_libre, proceso},
    args::ProyeccionesAccion,
    contexto::Contexto,
    fallo::{Clase, Fallo},
    formato::entero,
    nodo,
    salida::Salida,
};
use crate::{
    node::{LadoDeLectura, NodeOptions},
    projections::{PROYECCIONES, ProjectionSpec, comparacion::Comparacion, runner},
};

/// # Errors
/// A projection that is none; a folder without data, or in use; for `comparar`, rows that differ.
pub fn ejecutar(contexto: &Contexto, accion: &ProyeccionesAccion) -> Result<(), Fallo> {
    match accion {
        ProyeccionesAccion::Listar => listar(contexto),
        ProyeccionesAccion::Reconstruir { nombre } => {
            let spec = proyeccion(nombre)?;
            reconstruir(contexto, spec)
        }
        ProyeccionesAccion::Comparar { nombre } => {
            let specs = match nombre {
                Some(nombre) => vec![proyeccion(nombre)?],
                None => PROYECCIONES.to_vec(),
            };
            comparar(contexto, &specs)
        }
    }
}

fn proyeccion(nombre: &str) -> Result<&'static ProjectionSpec, Fallo> {
    runner::proyeccion(nombre).ok_or_else(|| {
        let nombres: Vec<&str> = PROYECCIONES.iter().map(|spec| spec.name).collect();
        Fallo::new(
            Clase::NoEncontrado,
            format!("no existe la proyección «{nombre}»"),
            format!("las que hay son {}", nombres.join(", ")),
            "Véalas con: factumarket proyecciones listar.",
        )
    })
}

fn abrir(contexto: &Contexto) -> Result<LadoDeLectura, Fallo> {
    exigir_libre(
        contexto,
        "la orden lee la carpeta y las tablas directamente",
        "Deténgalo y repita. En marcha pueden pedirse «proyecciones listar» y «proyecciones reconstruir».",
    )?;
    LadoDeLectura::abrir(&NodeOptions::new(&contexto.configuracion)).map_err(|e| nodo::fallo(&e))
}

fn listar(contexto: &Contexto) -> Result<(), Fallo> {
    let todas = match proceso(contexto) {
        Some(url) => en_marcha::listar(&url)?,
        None => de_la_carpeta(contexto)?,
    };
    let salida = &contexto.salida;
    for una in &todas {
        let atraso = una["atraso"].as_u64().unwrap_or_default();
        let estado = if atraso == 0 { salida.verde("al día") } else { salida.amarillo(&format!("le faltan {}", entero(atraso))) };
        let texto = |campo: &str| una[campo].as_str().unwrap_or_default();
        salida.linea(format!("{:<14} {estado}  {}", texto("nombre"), texto("que_es")));
    }
    salida.resultado(&json!({ "proyecciones": todas }));
    Ok(())
}

fn de_la_carpeta(contexto: &Contexto) -> Result<Vec<Value>, Fallo> {
    let lado = abrir(contexto)?;
    let una = |spec: &&'static ProjectionSpec| {
        let avance = lado.avance(spec).map_err(|e| nodo::fallo(&e))?;
        let tablas: Vec<&str> = spec.tables.iter().map(|tabla| tabla.name).collect();
        let particiones: Vec<Value> = avance
            .iter()
            .map(|a| json!({ "particion": a.particion.to_string(), "siguiente": a.siguiente, "atraso": a.atraso }))
            .collect();
        Ok(json!({
            "nombre": spec.name, "que_es": spec.doc, "tablas": tablas,
            "atraso": avance.iter().map(|a| a.atraso).sum::<u64>(), "particiones": particiones,
        }))
    };
    PROYECCIONES.iter().map(una).collect()
}

fn reconstruir(contexto: &Contexto, spec: &'static ProjectionSpec) -> Result<(), Fallo> {
    let barra = barra(&contexto.salida);
    let (mut registros, mut medir) = (0, avance_en(&barra));
    let mut progreso = |hechos, total| {
        registros = hechos;
        medir(hechos, total);
    };
    let hecho = match proceso(contexto) {
        Some(url) => en_marcha::reconstruir(&url, spec.name, &mut progreso),
        None => abrir(contexto)?.reconstruir(spec, &mut progreso).map_err(|e| nodo::fallo(&e)),
    };
    barra.finish_and_clear();
    hecho?;
    contexto.salida.linea(contexto.salida.verde(&format!("{} reconstruida de {} registros", spec.name, entero(registros))));
    contexto.salida.resultado(&json!({ "proyeccion": spec.name, "registros": registros }));
    Ok(())
}

fn comparar(contexto: &Contexto, specs: &[&'static ProjectionSpec]) -> Result<(), Fallo> {
    let lado = abrir(contexto)?;
    let (mut todas, mut diferencias) = (Vec::new(), 0);
    for spec in specs {
        let barra = barra(&contexto.salida);
        let hallado = lado.comparar(spec, &mut avance_en(&barra));
        barra.finish_and_clear();
        let hallado = hallado.map_err(|e| nodo::fallo(&e))?;
        mostrar(&contexto.salida, spec, &hallado);
        diferencias += hallado.diferencias;
        todas.push(json!({
            "proyeccion": spec.name, "filas": hallado.filas, "adelantadas": hallado.adelantadas, "atraso": hallado.atraso,
            "diferencias": hallado.diferencias, "dichas": hallado.dichas,
        }));
    }
    contexto.salida.resultado(&json!({ "diferencias": diferencias, "proyecciones": todas }));
    if diferencias == 0 {
        return Ok(());
    }
    Err(Fallo::dicho(Clase::Falla, "hay filas que no son las que da el registro"))
}

fn mostrar(salida: &Salida, spec: &ProjectionSpec, hallado: &Comparacion) {
    let filas = format!("{} filas", entero(hallado.filas));
    let estado = match hallado.diferencias {
        0 => salida.verde("iguales al registro"),
        n => salida.rojo(&format!("{} distintas", entero(n))),
    };
    let atraso =
        if hallado.atraso == 0 { String::new() } else { format!(" · {} registros sin leer todavía", entero(hallado.atraso)) };
    salida.linea(format!("{:<14} {filas}  {estado}{atraso}", spec.name));
    hallado.dichas.iter().for_each(|dicha| salida.linea(format!("  {dicha}")));
}

fn avance_en(barra: &ProgressBar) -> impl FnMut(u64, u64) + use<> {
    let barra = barra.clone();
    move |hechos, total| {
        barra.set_length(total);
        barra.set_position(hechos);
    }
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
