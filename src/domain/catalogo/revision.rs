//! Checks that several catalogues share: each adds its failure under the field of the HTTP body.

use std::sync::Arc;

use crate::domain::{
    Rechazo,
    reglas::{Falla, Fallas, Regla},
    valores::{Direccion, TEXTO_MAX, nombre_valido, texto_valido},
};

/// Longest code (product code, unit, responsibility…), in characters.
pub const CODIGO_MAX: usize = 64;

/// Rule NombreValido.
pub fn nombre(fallas: &mut Fallas, campo: &str, valor: &str) {
    fallas.exigir(nombre_valido(valor), || {
        Falla::new(Regla::NombreValido, campo, "el nombre debe tener de 1 a 300 caracteres, sin caracteres de control")
    });
}

/// Rule TextoValido for a text of at most `maximo` characters.
pub fn texto(fallas: &mut Fallas, campo: &str, valor: &str, maximo: usize) {
    fallas.exigir(texto_valido(valor, maximo), || {
        let mensaje = format!("el texto debe tener de 1 a {maximo} caracteres, sin caracteres de control");
        Falla::new(Regla::TextoValido, campo, mensaje)
    });
}

/// Rule TextoValido, when the field is given.
pub fn texto_opcional(fallas: &mut Fallas, campo: &str, valor: Option<&Arc<str>>, maximo: usize) {
    if let Some(valor) = valor {
        texto(fallas, campo, valor, maximo);
    }
}

/// Rule DireccionValida: each part that is given has 1 to 300 characters.
pub fn direccion(fallas: &mut Fallas, campo: &str, valor: &Direccion) {
    let parte = |fallas: &mut Fallas, campo: String, texto: &str| {
        fallas.exigir(texto_valido(texto, TEXTO_MAX), || {
            Falla::new(
                Regla::DireccionValida,
                campo,
                "cada parte de la dirección tiene de 1 a 300 caracteres, sin caracteres de control",
            )
        });
    };
    // A plain-text address is its line: the failure points at what the caller wrote.
    let solo_linea = valor.ciudad.is_none() && valor.region.is_none() && valor.pais.is_none();
    let campo_linea = if solo_linea { campo.to_owned() } else { format!("{campo}/linea") };
    parte(fallas, campo_linea, &valor.linea);
    for (nombre, texto) in [("ciudad", &valor.ciudad), ("region", &valor.region), ("pais", &valor.pais)] {
        if let Some(texto) = texto {
            parte(fallas, format!("{campo}/{nombre}"), texto);
        }
    }
}

/// An update must change something: an event without fields would say nothing.
pub fn algun_cambio(fallas: &mut Fallas, hay: bool) {
    fallas.exigir(hay, || Falla::new(Regla::TextoValido, "", "indique al menos un campo por cambiar"));
}

/// Rule YaExiste, on creation.
pub fn no_existe<T>(fallas: &mut Fallas, estado: Option<&T>, que: &str) {
    fallas.exigir(estado.is_none(), || Falla::new(Regla::YaExiste, "/id", format!("ya existe {que} con ese identificador")));
}

/// Rule EstadoValido: the transition is not one of the current state.
pub fn estado_invalido(mensaje: &str) -> Rechazo {
    Rechazo::de(Falla::new(Regla::EstadoValido, "", mensaje))
}

/// Writes a changed field over the old one.
pub fn cambiar<T: Clone>(campo: &mut T, nuevo: Option<&T>) {
    if let Some(nuevo) = nuevo {
        *campo = nuevo.clone();
    }
}

/// The same for a field that may be empty; a change never empties it.
pub fn cambiar_opcional<T: Clone>(campo: &mut Option<T>, nuevo: Option<&T>) {
    if let Some(nuevo) = nuevo {
        *campo = Some(nuevo.clone());
    }
}
