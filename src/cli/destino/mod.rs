//! Where requests go: to the engine of this process, or to the API of the one that uses the folder. The same requests, the same
//! outcomes.

mod directo;
mod por_http;

pub use directo::Directo;
pub use por_http::{ClienteHttp, PorHttp, en_ruta};

use super::{
    fallo::Fallo,
    peticion::{Desenlace, Peticion},
};

/// Waits for an outcome.
pub type Espera = Box<dyn FnOnce() -> Result<Desenlace, Fallo> + Send>;

/// Takes requests. They are made in the order they are handed over wherever that order matters (the same Inventario).
pub trait Destino: Send {
    /// Starts the requests of one line, in order. The outcome is that of the last; when it is refused, what the ones before were
    /// refused for comes first, since it is the cause.
    ///
    /// # Errors
    /// When nothing can be sent any more.
    fn enviar(&mut self, peticiones: Vec<Peticion>) -> Result<Espera, Fallo>;
}

/// Joins the outcomes of the requests of one line.
fn juntar(desenlaces: impl IntoIterator<Item = Desenlace>) -> Desenlace {
    let mut previos = Vec::new();
    let mut ultimo = Desenlace::Rechazada(Vec::new());
    for desenlace in desenlaces {
        if let Desenlace::Rechazada(motivos) = std::mem::replace(&mut ultimo, desenlace) {
            previos.extend(motivos);
        }
    }
    if let Desenlace::Rechazada(motivos) = &mut ultimo {
        // An Inventario that existed is no reason for refusing its entry.
        previos.retain(|m| m.regla != crate::domain::reglas::Regla::YaExiste.nombre() && !motivos.contains(m));
        previos.append(motivos);
        *motivos = previos;
    }
    ultimo
}
