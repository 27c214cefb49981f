//! `emitir --ejemplo`: one invoice, told step by step, with what each step took.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    acceso::Acceso,
    args::EmitirArgs,
    contexto::Contexto,
    destino::Destino,
    ejemplo,
    fallo::{Clase, Fallo},
    peticion::{Desenlace, FacturaHecha, Motivo, Peticion, Recurso},
    vista::{self, cifra, lista, plata, texto},
};
use crate::{
    engine::ports::{Ids, SystemIds},
    http::ids::{de_uuid, uuid_v8},
};

/// How long the queries are given to show the invoice.
const PLAZO_VISIBLE: Duration = Duration::from_secs(10);
const PAUSA: Duration = Duration::from_millis(2);

/// # Errors
/// `Validacion` when the rules refused it; else why it could not be tried.
pub fn ejecutar(contexto: &Contexto, args: &EmitirArgs) -> Result<(), Fallo> {
    let clave = clave(args)?;
    let acceso = Acceso::abrir(contexto)?;
    let contado = emitir(contexto, &acceso, &clave);
    acceso.cerrar()?;
    contado
}

fn clave(args: &EmitirArgs) -> Result<String, Fallo> {
    let Some(clave) = &args.clave else { return Ok(SystemIds.uuid_v7().to_string()) };
    let cabe = (1..=255).contains(&clave.len()) && clave.bytes().all(|b| b.is_ascii_graphic());
    if cabe {
        return Ok(clave.clone());
    }
    Err(Fallo::new(
        Clase::Uso,
        "la clave no sirve",
        "debe tener de 1 a 255 caracteres ASCII visibles, sin espacios",
        "Por ejemplo: --clave pedido-42.",
    ))
}

fn emitir(contexto: &Contexto, acceso: &Acceso, clave: &str) -> Result<(), Fallo> {
    let mut destino = acceso.destino();
    preparar(destino.as_mut(), clave)?;
    let inicio = Instant::now();
    let pedido = Peticion::new(Recurso::Factura, pedido(), clave.to_owned());
    let desenlace = hacer(destino.as_mut(), vec![pedido])?;
    let respondida = inicio.elapsed();
    let (repetida, factura) = match desenlace {
        Desenlace::Aceptada { repetida, factura: Some(factura), .. } => (repetida, factura),
        Desenlace::Aceptada { .. } => return Err(sin_factura()),
        Desenlace::Rechazada(motivos) => return Err(rechazada(&motivos)),
    };
    let documento = esperar_visible(acceso, &factura.factura_id)?;
    let visible = inicio.elapsed();
    let registros = esperar_auditada(acceso, &factura.factura_id)?;
    let tiempos = Tiempos { respondida, visible, auditada: inicio.elapsed() };
    contar(contexto, clave, repetida, &factura, &tiempos, &documento, registros);
    Ok(())
}

/// Creates what the example needs. All of it has fixed ids but the stock, which comes with each invoice and leaves with it.
fn preparar(destino: &mut dyn Destino, clave: &str) -> Result<(), Fallo> {
    let mut peticiones = ejemplo::peticiones_de_catalogo([0], [0], [0]);
    for (lote, cantidad) in [(1_usize, 2_u32), (2, 1)] {
        let movimiento = format!("EMITIR-{}-{lote}", de_uuid(uuid_v8(&["emitir", clave])));
        peticiones.push(ejemplo::peticiones_de_entrada(0, 0, lote, cantidad, &movimiento));
    }
    for grupo in peticiones {
        match hacer(destino, grupo)? {
            Desenlace::Rechazada(motivos) if !ejemplo::ya_estaba(&motivos) => return Err(rechazada(&motivos)),
            _ => {}
        }
    }
    Ok(())
}

fn pedido() -> Value {
    json!({
        "canal": "ejemplo",
        "cliente_id": texto(&ejemplo::cliente(0), "id"),
        "bodega_id": ejemplo::BODEGAS[0].0,
        "lineas": [{ "producto_id": ejemplo::PRODUCTOS[0].id, "cantidad": "3" }],
    })
}

fn hacer(destino: &mut dyn Destino, peticiones: Vec<Peticion>) -> Result<Desenlace, Fallo> {
    destino.enviar(peticiones)?()
}

/// Asks until the queries show the invoice as issued.
fn esperar_visible(acceso: &Acceso, factura_id: &str) -> Result<Value, Fallo> {
    let inicio = Instant::now();
    loop {
        let leida = acceso.factura(factura_id)?;
        if let Some(factura) = leida.filter(|f| f["estado"] == "EMITIDA") {
            return Ok(factura);
        }
        if inicio.elapsed() > PLAZO_VISIBLE {
            return Err(Fallo::new(
                Clase::Servicio,
                "la factura se emitió, pero las consultas aún no la muestran",
                "las proyecciones están detenidas o muy atrasadas",
                format!("Consulte más tarde: factumarket factura {factura_id}."),
            ));
        }
        std::thread::sleep(PAUSA);
    }
}

/// Asks until the audit has the invoice's issue; gives how many records its story has.
fn esperar_auditada(acceso: &Acceso, factura_id: &str) -> Result<usize, Fallo> {
    let inicio = Instant::now();
    loop {
        let historia = acceso.historia(factura_id)?;
        let emitida = historia.iter().any(|r| texto(r, "evento") == "FacturaEmitida");
        // Late audit is no failure of the invoice: what there is by then is told.
        if emitida || inicio.elapsed() > PLAZO_VISIBLE {
            return Ok(historia.len());
        }
        std::thread::sleep(PAUSA);
    }
}

/// What each step took, from the moment the order was sent.
struct Tiempos {
    respondida: Duration,
    visible: Duration,
    auditada: Duration,
}

fn contar(
    contexto: &Contexto,
    clave: &str,
    repetida: bool,
    factura: &FacturaHecha,
    tiempos: &Tiempos,
    documento: &Value,
    registros: usize,
) {
    let salida = &contexto.salida;
    let paso = |que: &str, detalle: String, en: Duration| {
        salida.linea(format!("  {} {que:<16} {detalle:<58} +{} ms", salida.verde("✔"), en.as_millis()));
    };
    let como = if repetida { "ya se había hecho: el mismo resultado" } else { "nuevo" };
    paso("aceptado", format!("clave {clave} ({como})"), Duration::ZERO);
    for grupo in lista(documento, "grupos") {
        let que = format!("{} ×{}  {}", texto(grupo, "producto_id"), cifra(grupo, "cantidad"), vista::lotes_consumidos(grupo));
        paso("StockReducido", que, tiempos.respondida);
    }
    paso(
        "FacturaEmitida",
        format!("{}  total {} {}", factura.numero, plata(documento, "total"), factura.moneda),
        tiempos.respondida,
    );
    paso("proyectada", "la factura y las existencias se ven en las consultas".to_owned(), tiempos.visible);
    paso("auditada", format!("{registros} registros en su historia"), tiempos.auditada);
    salida.linea(format!("  Véala: factumarket factura {}", factura.factura_id));
    salida.linea(format!("  Repita con --clave {clave}: obtendrá el mismo resultado, no otra factura."));
    salida.resultado(&json!({
        "clave": clave,
        "repetida": repetida,
        "respondida_ms": tiempos.respondida.as_secs_f64() * 1_000.0,
        "visible_ms": tiempos.visible.as_secs_f64() * 1_000.0,
        "auditada_ms": tiempos.auditada.as_secs_f64() * 1_000.0,
        "registros_auditoria": registros,
        "factura": documento,
    }));
}

fn rechazada(motivos: &[Motivo]) -> Fallo {
    let lista: Vec<_> = motivos.iter().map(|m| format!("\n    · {} {}", m.mensaje, m.campo)).collect();
    let detalle: Vec<_> = motivos.iter().map(Motivo::json).collect();
    Fallo::new(Clase::Validacion, "las reglas no permiten emitirla", lista.concat(), "Corrija cada motivo y repita la orden.")
        .con_detalle(json!(detalle))
}

fn sin_factura() -> Fallo {
    Fallo::new(
        Clase::Falla,
        "la respuesta no trae la factura",
        "el proceso es de otra versión",
        "Use la misma versión en ambos lados.",
    )
}
