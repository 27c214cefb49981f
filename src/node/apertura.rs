//! The read side while its tables open: commands are decided meanwhile, queries wait.

use std::{
    sync::{Arc, Condvar, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use serde_json::Value;

use crate::{
    domain::{TipoAgregado, valores::Id},
    http::lecturas::{ErrorLectura, Lecturas, Lista, Pagina, PaginaLeida, Recurso},
    log::{Position, TopicPartition},
    tables::TablesError,
};

/// Longest that a query waits for the tables.
const ESPERA: Duration = Duration::from_secs(10);

/// Answers the port once [`LecturasEnApertura::abrir`] was called.
#[derive(Default)]
pub struct LecturasEnApertura {
    abiertas: OnceLock<Arc<dyn Lecturas>>,
    turno: Mutex<()>,
    aviso: Condvar,
}

impl LecturasEnApertura {
    /// From here on queries are answered by `lecturas`.
    pub fn abrir(&self, lecturas: Arc<dyn Lecturas>) {
        let turno = self.turno.lock().unwrap_or_else(PoisonError::into_inner);
        // The first stays; there is no second.
        let _ = self.abiertas.set(lecturas);
        drop(turno);
        self.aviso.notify_all();
    }

    fn lecturas(&self) -> Result<&Arc<dyn Lecturas>, ErrorLectura> {
        if let Some(abiertas) = self.abiertas.get() {
            return Ok(abiertas);
        }
        let turno = self.turno.lock().unwrap_or_else(PoisonError::into_inner);
        let esperado = self.aviso.wait_timeout_while(turno, ESPERA, |()| self.abiertas.get().is_none());
        drop(esperado);
        let tarde =
            || TablesError::Storage("las consultas todavía se están abriendo: inténtelo de nuevo en unos segundos".to_owned());
        self.abiertas.get().ok_or_else(|| ErrorLectura::Tablas(tarde()))
    }
}

impl Lecturas for LecturasEnApertura {
    fn obtener(&self, recurso: &Recurso) -> Result<Option<Value>, ErrorLectura> {
        self.lecturas()?.obtener(recurso)
    }

    fn listar(&self, lista: &Lista, pagina: &Pagina) -> Result<PaginaLeida, ErrorLectura> {
        self.lecturas()?.listar(lista, pagina)
    }

    fn esperar_version(&self, tipo: TipoAgregado, id: &Id, version: u64, plazo: Duration) -> Result<bool, ErrorLectura> {
        self.lecturas()?.esperar_version(tipo, id, version, plazo)
    }

    fn esperar_posiciones(&self, posiciones: &[(TopicPartition, Position)], plazo: Duration) -> Result<bool, ErrorLectura> {
        self.lecturas()?.esperar_posiciones(posiciones, plazo)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    struct Siempre;

    impl Lecturas for Siempre {
        fn obtener(&self, _: &Recurso) -> Result<Option<Value>, ErrorLectura> {
            Ok(Some(Value::from(7)))
        }
        fn listar(&self, _: &Lista, _: &Pagina) -> Result<PaginaLeida, ErrorLectura> {
            Err(ErrorLectura::Cursor)
        }
        fn esperar_version(&self, _: TipoAgregado, _: &Id, _: u64, _: Duration) -> Result<bool, ErrorLectura> {
            Ok(true)
        }
        fn esperar_posiciones(&self, _: &[(TopicPartition, Position)], _: Duration) -> Result<bool, ErrorLectura> {
            Ok(true)
        }
    }

    #[test]
    fn a_query_waits_until_the_tables_are_open() {
        let lecturas = Arc::new(LecturasEnApertura::default());
        let recurso = || Recurso::Cliente(Id::compuesto(&["C1"]));
        let pregunta = thread::spawn({
            let lecturas = Arc::clone(&lecturas);
            move || lecturas.obtener(&recurso()).ok().flatten()
        });
        lecturas.abrir(Arc::new(Siempre));
        assert_eq!(pregunta.join().unwrap(), Some(Value::from(7)));
        assert_eq!(lecturas.obtener(&recurso()).ok().flatten(), Some(Value::from(7)));
    }
}
