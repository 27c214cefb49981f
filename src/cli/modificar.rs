//! `nota` and `anular`: what changes an issued invoice.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    acceso::Acceso,
    args::{AnularArgs, NotaArgs},
    contexto::Contexto,
    fallo::{Clase, Fallo},
    peticion::{Desenlace, FacturaHecha, Motivo, Peticion, Recurso},
    vista::{self, lista},
};
use crate::engine::ports::{Ids, SystemIds};

/// How long the queries are given to show what was done.
const PLAZO_VISIBLE: Duration = Duration::from_secs(10);
const PAUSA: Duration = Duration::from_millis(2);

/// # Errors
/// `Validacion` when the rules refused it; else why it could not be tried.
pub fn nota(contexto: &Contexto, args: &NotaArgs) -> Result<(), Fallo> {
    con_acceso(contexto, |acceso| {
        let cuerpo = cuerpo_nota(acceso, args)?;
        let hecha = pedir(acceso, Recurso::Nota, cuerpo, args.clave.as_deref())?;
        let documento = esperar(|| acceso.nota(&args.factura, &hecha.factura_id), "EMITIDA")?;
        vista::nota(&contexto.salida, &documento);
        contexto.salida.resultado(&documento);
        Ok(())
    })
}

/// # Errors
/// `Validacion` when the rules refused it; else why it could not be tried.
pub fn anular(contexto: &Contexto, args: &AnularArgs) -> Result<(), Fallo> {
    con_acceso(contexto, |acceso| {
        let cuerpo = json!({ "factura_id": args.factura, "motivo": args.motivo });
        pedir(acceso, Recurso::Anulacion, cuerpo, args.clave.as_deref())?;
        let documento = esperar(|| acceso.factura(&args.factura), "ANULADA")?;
        vista::factura(&contexto.salida, &documento);
        contexto.salida.resultado(&documento);
        Ok(())
    })
}

/// Opens, works and closes; the node is stopped whatever came of it.
fn con_acceso(contexto: &Contexto, trabajo: impl FnOnce(&Acceso) -> Result<(), Fallo>) -> Result<(), Fallo> {
    let acceso = Acceso::consultar(contexto)?;
    let hecho = trabajo(&acceso);
    acceso.cerrar()?;
    hecho
}

fn cuerpo_nota(acceso: &Acceso, args: &NotaArgs) -> Result<Value, Fallo> {
    let mut lineas: Vec<Value> = Vec::new();
    if args.total {
        let factura = acceso.factura(&args.factura)?.ok_or_else(|| sin_documento(&args.factura))?;
        lineas.extend(lista(&factura, "lineas").iter().map(|l| json!({ "linea_factura": l["numero"], "cantidad": l["cantidad"] })));
    }
    lineas.extend(args.lineas.iter().map(|(linea, cantidad)| json!({ "linea_factura": linea, "cantidad": cantidad })));
    if args.sin_devolucion {
        lineas.iter_mut().for_each(|linea| linea["afecta_inventario"] = Value::Bool(false));
    }
    lineas.extend(args.montos.iter().map(|(linea, monto)| json!({ "linea_factura": linea, "monto": monto })));
    let mut cuerpo = json!({
        "factura_id": args.factura,
        "concepto": args.concepto,
        "motivo": args.motivo,
        "politica_retorno": args.politica,
        "lineas": lineas,
    });
    for (campo, valor) in [("id", &args.id), ("fecha_emision", &args.fecha)] {
        if let Some(valor) = valor {
            cuerpo[campo] = Value::String(valor.clone());
        }
    }
    Ok(cuerpo)
}

fn pedir(acceso: &Acceso, recurso: Recurso, cuerpo: Value, clave: Option<&str>) -> Result<FacturaHecha, Fallo> {
    let clave = clave.map_or_else(|| SystemIds.uuid_v7().to_string(), str::to_owned);
    if !(1..=255).contains(&clave.len()) || !clave.bytes().all(|b| b.is_ascii_graphic()) {
        let por_que = "debe tener de 1 a 255 caracteres ASCII visibles, sin espacios";
        return Err(Fallo::new(Clase::Uso, "la clave no sirve", por_que, "Por ejemplo: --clave devolucion-42."));
    }
    let mut destino = acceso.destino();
    match destino.enviar(vec![Peticion { recurso, cuerpo, clave }])?()? {
        Desenlace::Aceptada { factura: Some(hecha), .. } => Ok(hecha),
        Desenlace::Aceptada { .. } => Err(Fallo::new(
            Clase::Falla,
            "la respuesta no trae el documento",
            "el proceso es de otra versión",
            "Use la misma versión en ambos lados.",
        )),
        Desenlace::Rechazada(motivos) => Err(rechazada(&motivos)),
    }
}

/// Asks until the queries show the document in a state.
fn esperar(leer: impl Fn() -> Result<Option<Value>, Fallo>, estado: &str) -> Result<Value, Fallo> {
    let inicio = Instant::now();
    loop {
        if let Some(documento) = leer()?.filter(|d| d["estado"] == estado) {
            return Ok(documento);
        }
        if inicio.elapsed() > PLAZO_VISIBLE {
            return Err(Fallo::new(
                Clase::Servicio,
                "quedó hecho, pero las consultas aún no lo muestran",
                "las proyecciones van atrasadas",
                "Espere y véalo con factumarket factura.",
            ));
        }
        std::thread::sleep(PAUSA);
    }
}

fn sin_documento(factura: &str) -> Fallo {
    Fallo::new(
        Clase::NoEncontrado,
        format!("no existe la factura «{factura}»"),
        "ninguna factura tiene ese id",
        "El id es el que dio el POST o el pedido, no el número. Compruebe también --datos o --url.",
    )
}

fn rechazada(motivos: &[Motivo]) -> Fallo {
    let lista: Vec<_> = motivos.iter().map(|m| format!("\n    · {} {}", m.mensaje, m.campo)).collect();
    let detalle: Vec<_> = motivos.iter().map(Motivo::json).collect();
    Fallo::new(Clase::Validacion, "las reglas no lo permiten", lista.concat(), "Corrija cada motivo y repita la orden.")
        .con_detalle(json!(detalle))
}
