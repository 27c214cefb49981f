//! `nota`, `anular` and `respuesta-dian`: what changes an issued invoice.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    acceso::Acceso,
    args::{AnularArgs, NotaArgs, RespuestaDianArgs},
    contexto::Contexto,
    fallo::{Clase, Fallo},
    peticion::{Desenlace, Motivo, Peticion, Recurso, clase_de},
    vista::{self, lista},
};

/// How long the queries are given to show what was done.
const PLAZO_VISIBLE: Duration = Duration::from_secs(10);
const PAUSA: Duration = Duration::from_millis(2);

/// # Errors
/// `Validacion` when the rules refused it; else why it could not be tried.
pub fn nota(contexto: &Contexto, args: &NotaArgs) -> Result<(), Fallo> {
    con_acceso(contexto, false, |acceso| {
        let cuerpo = cuerpo_nota(acceso, args)?;
        let hecha = pedir(acceso, Peticion::con_clave(Recurso::Nota, cuerpo, args.clave.as_deref())?)?;
        let documento = esperar_version(|| acceso.nota(&args.factura, &hecha.id), hecha.version)?;
        vista::nota(&contexto.salida, &documento);
        contexto.salida.resultado(&documento);
        Ok(())
    })
}

/// # Errors
/// `Validacion` when the rules refused it; else why it could not be tried.
pub fn anular(contexto: &Contexto, args: &AnularArgs) -> Result<(), Fallo> {
    let cuerpo = json!({ "factura_id": args.factura, "motivo": args.motivo });
    cambiar(contexto, &args.factura, Peticion::con_clave(Recurso::Anulacion, cuerpo, args.clave.as_deref())?)
}

/// # Errors
/// `Validacion` when the rules refused it; else why it could not be tried.
pub fn respuesta_dian(contexto: &Contexto, args: &RespuestaDianArgs) -> Result<(), Fallo> {
    let mut cuerpo = json!({ "factura_id": args.factura, "estado": args.estado });
    for (campo, valor) in [("codigo", &args.codigo), ("mensaje", &args.mensaje)] {
        if let Some(valor) = valor {
            cuerpo[campo] = Value::String(valor.clone());
        }
    }
    cambiar(contexto, &args.factura, Peticion::con_clave(Recurso::RespuestaDian, cuerpo, args.clave.as_deref())?)
}

/// Makes a change to an invoice and shows it as the queries then have it.
fn cambiar(contexto: &Contexto, factura: &str, peticion: Peticion) -> Result<(), Fallo> {
    con_acceso(contexto, false, |acceso| {
        let hecha = pedir(acceso, peticion)?;
        let documento = esperar_version(|| acceso.factura(factura), hecha.version)?;
        vista::factura(&contexto.salida, &documento);
        contexto.salida.resultado(&documento);
        Ok(())
    })
}

/// Opens, works and closes; the node is stopped whatever came of it. What creates may begin a folder; what changes needs one.
pub fn con_acceso(contexto: &Contexto, crea: bool, trabajo: impl FnOnce(&Acceso) -> Result<(), Fallo>) -> Result<(), Fallo> {
    let acceso = if crea { Acceso::abrir(contexto)? } else { Acceso::consultar(contexto)? };
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

/// What an accepted request addressed: its id as the caller knows it, and its version.
pub struct Hecha {
    pub id: String,
    pub version: Option<u64>,
}

/// # Errors
/// The class of the refusal; else why it could not be tried.
pub fn pedir(acceso: &Acceso, peticion: Peticion) -> Result<Hecha, Fallo> {
    let mut destino = acceso.destino();
    match destino.enviar(vec![peticion])?()? {
        Desenlace::Aceptada { id, version, .. } => Ok(Hecha { id, version }),
        Desenlace::Rechazada(motivos) => Err(rechazada(&motivos)),
    }
}

/// Asks until the queries show the document in a version, or a later one.
///
/// # Errors
/// Class `Servicio` when they do not in time.
pub fn esperar_version(leer: impl Fn() -> Result<Option<Value>, Fallo>, version: Option<u64>) -> Result<Value, Fallo> {
    let inicio = Instant::now();
    let minima = version.unwrap_or(1);
    loop {
        if let Some(documento) = leer()?.filter(|d| d["version"].as_u64().is_some_and(|vista| vista >= minima)) {
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
    let clase = clase_de(motivos);
    let (que, hacer) = match clase {
        Clase::Conflicto => ("su estado actual no lo permite", "Vuelva a leerlo con factumarket factura y decida otra vez."),
        Clase::NoEncontrado => {
            ("no existe", "El id es el que dio el POST o la orden, no el número. Compruebe también --datos o --url.")
        }
        _ => ("las reglas no lo permiten", "Corrija cada motivo y repita la orden."),
    };
    Fallo::new(clase, que, lista.concat(), hacer).con_detalle(json!(detalle))
}
