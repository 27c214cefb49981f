//! `dlq`: what could not be processed, and what an operator does about it.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    acceso::Acceso,
    args::{DlqAccion, ResolverArgs},
    contexto::Contexto,
    destino::{ClienteHttp, en_ruta},
    fallo::{Clase, Fallo},
    formato::entero,
    salida::Salida,
};
use crate::http::{ErrorDlq, OrdenDlq};

/// Letters of a page.
const PAGINA: usize = 100;
/// Longest wait for one order: a trial folds the whole log.
const PLAZO: Duration = Duration::from_secs(600);
/// Rounds over everything that waits: what is decided again may leave something behind its aggregate.
const RONDAS: usize = 1_000;

/// # Errors
/// Class `Conflicto` when something could not be resolved; `NoEncontrado`, `Validacion`, `Servicio`.
pub fn ejecutar(contexto: &Contexto, accion: &DlqAccion) -> Result<(), Fallo> {
    let puerta = Puerta::abrir(contexto)?;
    let hecho = match accion {
        DlqAccion::Listar { todas } => listar(&contexto.salida, &puerta, *todas),
        DlqAccion::Ver { id } => mostrar(&contexto.salida, puerta.pedir(OrdenDlq::Ver { id: id.clone() })),
        DlqAccion::Probar { id } => mostrar(&contexto.salida, puerta.pedir(OrdenDlq::Probar { id: id.clone() })),
        DlqAccion::Reproducir(args) => resolver(&contexto.salida, &puerta, args, false),
        DlqAccion::Descartar(args) => resolver(&contexto.salida, &puerta, args, true),
    };
    puerta.cerrar()?;
    hecho
}

/// The dead letters, through the API of the process that uses the folder or of a node in this one.
enum Puerta {
    Api(ClienteHttp),
    Nodo(Acceso),
}

impl Puerta {
    fn abrir(contexto: &Contexto) -> Result<Self, Fallo> {
        let url = super::acceso::proceso(contexto);
        match url {
            Some(url) => Ok(Self::Api(ClienteHttp::con_plazo(&url, PLAZO))),
            None => Acceso::consultar(contexto).map(Self::Nodo),
        }
    }

    fn cerrar(self) -> Result<(), Fallo> {
        match self {
            Self::Api(_) => Ok(()),
            Self::Nodo(acceso) => acceso.cerrar(),
        }
    }

    fn pedir(&self, orden: OrdenDlq) -> Result<Value, ErrorDlq> {
        match self {
            Self::Api(cliente) => por_api(cliente, &orden),
            Self::Nodo(Acceso::Nodo(nodo)) => nodo.cartas_muertas().pedir(orden),
            Self::Nodo(Acceso::Api(cliente)) => por_api(cliente, &orden),
        }
    }
}

fn por_api(cliente: &ClienteHttp, orden: &OrdenDlq) -> Result<Value, ErrorDlq> {
    let nada = Value::Object(serde_json::Map::new());
    let respuesta = match orden {
        OrdenDlq::Listar { todas, limite, despues } => {
            let despues = despues.as_ref().map(|id| format!("&despues={}", en_ruta(id))).unwrap_or_default();
            cliente.get(&format!("/api/v1/dlq?todas={todas}&limite={limite}{despues}"))
        }
        OrdenDlq::Ver { id } => cliente.get(&format!("/api/v1/dlq/{}", en_ruta(id))),
        OrdenDlq::Probar { id } => cliente.post(&format!("/api/v1/dlq/{}/probar", en_ruta(id)), "dlq", &nada),
        OrdenDlq::Resolver { id, descartar, motivo, .. } => {
            let accion = if *descartar { "descartar" } else { "reproducir" };
            cliente.post(&format!("/api/v1/dlq/{}/{accion}", en_ruta(id)), "dlq", &json!({ "motivo": motivo }))
        }
    };
    let respuesta = respuesta.map_err(|fallo| ErrorDlq::Servicio(format!("{}: {}", fallo.que, fallo.por_que)))?;
    let detalle = || respuesta.cuerpo.get("detail").and_then(Value::as_str).unwrap_or("sin explicación").to_owned();
    match respuesta.estado {
        200 => Ok(respuesta.cuerpo),
        404 => Err(ErrorDlq::NoExiste),
        409 => Err(ErrorDlq::Rechazada(detalle())),
        400 | 415 | 422 => Err(ErrorDlq::Invalida(detalle())),
        _ => Err(ErrorDlq::Servicio(detalle())),
    }
}

fn fallo(error: &ErrorDlq) -> Fallo {
    let (clase, que, por_que, hacer) = match error {
        ErrorDlq::NoExiste => (
            Clase::NoEncontrado,
            "no hay un registro de la DLQ con ese id",
            "ninguno de dlq.* lo lleva",
            "Los ids: factumarket dlq listar --todas.",
        ),
        ErrorDlq::Rechazada(causa) => (
            Clase::Conflicto,
            "no se pudo resolver",
            causa.as_str(),
            "Lo que espera y en qué orden: factumarket dlq listar. Qué daría: factumarket dlq probar ID.",
        ),
        ErrorDlq::Invalida(causa) => (Clase::Validacion, "la orden no es válida", causa.as_str(), "Corríjala y repítala."),
        ErrorDlq::Servicio(causa) => (
            Clase::Servicio,
            "no se pudo trabajar con la DLQ",
            causa.as_str(),
            "Resuelva la causa y repita: lo hecho no se repite.",
        ),
    };
    Fallo::new(clase, que, por_que, hacer)
}

fn mostrar(salida: &Salida, pedido: Result<Value, ErrorDlq>) -> Result<(), Fallo> {
    let valor = pedido.map_err(|e| fallo(&e))?;
    salida.linea(serde_json::to_string_pretty(&valor).unwrap_or_default());
    salida.resultado(&valor);
    Ok(())
}

/// Everything that waits (or, with `todas`, everything), page by page.
fn todo(puerta: &Puerta, todas: bool) -> Result<Vec<Value>, ErrorDlq> {
    let mut despues = None;
    let mut cartas = Vec::new();
    loop {
        let pagina = puerta.pedir(OrdenDlq::Listar { todas, limite: PAGINA, despues })?;
        cartas.extend(pagina["items"].as_array().cloned().unwrap_or_default());
        despues = pagina["despues"].as_str().map(str::to_owned);
        if despues.is_none() {
            return Ok(cartas);
        }
    }
}

fn texto<'a>(carta: &'a Value, puntero: &str) -> &'a str {
    carta.pointer(puntero).and_then(Value::as_str).unwrap_or_default()
}

fn agregado(carta: &Value) -> Option<String> {
    carta["agregado"].is_object().then(|| format!("{}/{}", texto(carta, "/agregado/tipo"), texto(carta, "/agregado/id")))
}

fn listar(salida: &Salida, puerta: &Puerta, todas: bool) -> Result<(), Fallo> {
    let cartas = todo(puerta, todas).map_err(|e| fallo(&e))?;
    for carta in &cartas {
        let estado = match texto(carta, "/estado") {
            "pendiente" => salida.amarillo("pendiente  "),
            otro => format!("{otro:<11}"),
        };
        let (de, causa) = (agregado(carta).unwrap_or_else(|| "-".to_owned()), texto(carta, "/causa"));
        salida.linea(format!("{}  {estado}  {:<15}  {de}  {causa}", texto(carta, "/id"), texto(carta, "/codigo")));
    }
    if cartas.is_empty() {
        salida.linea(salida.verde("La DLQ no tiene nada pendiente"));
    }
    salida.resultado(&json!({ "cartas": cartas }));
    Ok(())
}

/// What was done, by id.
#[derive(Default)]
struct Cuenta {
    hechas: Vec<String>,
    /// With why.
    fallidas: Vec<(String, String)>,
}

/// Resolves what was asked for, in order, at most so many a second. An aggregate whose turn fails keeps its place; the others go on.
fn resolver(salida: &Salida, puerta: &Puerta, args: &ResolverArgs, descartar: bool) -> Result<(), Fallo> {
    let mut cuenta = Cuenta::default();
    let paso = Duration::from_secs(1) / args.tasa;
    let mut turno = Instant::now();
    let mut detenidos: BTreeSet<String> = BTreeSet::new();
    for _ in 0..RONDAS {
        let quedan = pedidas(puerta, args, &cuenta).map_err(|e| fallo(&e))?;
        let mut avanza = false;
        for carta in quedan {
            let (id, de) = (texto(&carta, "/id").to_owned(), agregado(&carta).unwrap_or_default());
            if detenidos.contains(&de) && !de.is_empty() {
                continue;
            }
            thread::sleep(turno.saturating_duration_since(Instant::now()));
            turno = Instant::now() + paso;
            let orden = OrdenDlq::Resolver { id: id.clone(), descartar, motivo: args.motivo.clone(), usuario: None };
            match puerta.pedir(orden) {
                Ok(_) => {
                    salida.linea(format!("{} {id}  {de}", salida.verde(if descartar { "descartado " } else { "reproducido" })));
                    cuenta.hechas.push(id);
                    avanza = true;
                }
                Err(ErrorDlq::Rechazada(causa) | ErrorDlq::Invalida(causa)) => {
                    salida.linea(format!("{} {id}  {de}  {causa}", salida.rojo("falla      ")));
                    cuenta.fallidas.push((id, causa));
                    detenidos.insert(de);
                }
                Err(error) => return Err(fallo(&error)),
            }
        }
        // Ids that were given are asked for once; else until nothing waits or nothing moves.
        if !avanza || !args.ids.is_empty() {
            break;
        }
    }
    terminar(salida, &cuenta)
}

/// The letters that the order is about and that have not been tried yet.
fn pedidas(puerta: &Puerta, args: &ResolverArgs, cuenta: &Cuenta) -> Result<Vec<Value>, ErrorDlq> {
    if !args.ids.is_empty() {
        return args.ids.iter().map(|id| puerta.pedir(OrdenDlq::Ver { id: id.clone() })).collect();
    }
    let tratada = |id: &str| cuenta.hechas.iter().any(|otro| otro == id) || cuenta.fallidas.iter().any(|(otro, _)| otro == id);
    let mia = |carta: &Value| args.agregado.is_none() || agregado(carta) == args.agregado;
    // What a projection could not read is not replayed: it is projected again.
    let de_proyeccion = |carta: &Value| texto(carta, "/etapa") == "proyectar";
    Ok(todo(puerta, false)?.into_iter().filter(|c| mia(c) && !de_proyeccion(c) && !tratada(texto(c, "/id"))).collect())
}

fn terminar(salida: &Salida, cuenta: &Cuenta) -> Result<(), Fallo> {
    let (hechas, fallidas) = (cuenta.hechas.len() as u64, cuenta.fallidas.len() as u64);
    salida.linea(format!("{} resueltas · {} fallidas", entero(hechas), entero(fallidas)));
    let causas: Vec<Value> = cuenta.fallidas.iter().map(|(id, causa)| json!({ "id": id, "causa": causa })).collect();
    salida.resultado(&json!({ "resueltas": cuenta.hechas, "fallidas": causas }));
    if cuenta.fallidas.is_empty() { Ok(()) } else { Err(Fallo::dicho(Clase::Conflicto, "no todo se pudo resolver")) }
}
