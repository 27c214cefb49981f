//! `config ver`: every setting with its value and, when asked, its origin.

use serde_json::{Value, json};

use super::{contexto::Contexto, fallo::Fallo};
use crate::config::{Resuelto, Valor};

/// # Errors
/// None of its own; the configuration was read before.
pub fn ver(contexto: &Contexto, con_origen: bool) -> Result<(), Fallo> {
    let resueltos = contexto.configuracion.resueltos();
    contexto.salida.resultado(&json!({ "ajustes": resueltos.iter().map(en_json).collect::<Vec<_>>() }));
    let mut seccion = "";
    for resuelto in resueltos {
        if resuelto.ajuste.seccion() != seccion {
            if !seccion.is_empty() {
                contexto.salida.linea("");
            }
            seccion = resuelto.ajuste.seccion();
            contexto.salida.linea(contexto.salida.negrita(&format!("[{seccion}]")));
        }
        contexto.salida.linea(linea(resuelto, con_origen));
    }
    Ok(())
}

/// A line of valid TOML, so that the output may be saved as `factumarket.toml`.
fn linea(resuelto: &Resuelto, con_origen: bool) -> String {
    let ajuste = format!("{} = {}", resuelto.ajuste.clave(), en_toml(&resuelto.valor));
    if con_origen { format!("{ajuste:<52} # {}", resuelto.origen) } else { format!("{ajuste:<52} # {}", resuelto.ajuste.doc) }
}

fn en_toml(valor: &Valor) -> String {
    match valor {
        Valor::Entero(_) | Valor::Booleano(_) => valor.to_string(),
        otro => toml::Value::String(otro.to_string()).to_string(),
    }
}

fn en_json(resuelto: &Resuelto) -> Value {
    let valor = match &resuelto.valor {
        Valor::Entero(valor) => json!(valor),
        Valor::Booleano(valor) => json!(valor),
        Valor::Ninguno => Value::Null,
        otro => json!(otro.to_string()),
    };
    json!({
        "nombre": resuelto.ajuste.nombre,
        "valor": valor,
        "origen": resuelto.origen.to_string(),
        "tipo": resuelto.ajuste.tipo.nombre(),
        "permitido": resuelto.ajuste.tipo.permitido(),
        "por_defecto": resuelto.ajuste.defecto,
        "variable": resuelto.ajuste.variable(),
        "descripcion": resuelto.ajuste.doc,
    })
}
