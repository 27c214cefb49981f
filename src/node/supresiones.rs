//! Destroys the keys of the clients whose personal data were suppressed: that of their record at once, that of their documents when the law
//! stops asking for them (ADR 18).
//!
//! It works from the table of suppressed clients, so that a process that dies between the event and the destruction does it when it is back.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use chrono::{Datelike, NaiveDate};
use prometheus::{IntCounterVec, Opts};

use crate::{
    contracts::{Boveda, Uso},
    domain::valores::{Id, Instante},
    engine::ports::Clock,
    projections::{
        clientes::{CLIENTES, CLIENTES_SUPRIMIDOS},
        facturas::FACTURAS_POR_CLIENTE,
        rows::Columns,
    },
    tables::{From, Tables, TablesError, Value},
};

/// Between two looks at the table.
const REVISION: Duration = Duration::from_secs(5);
/// From the suppression on, for which the key of the documents lives in any case: an invoice that another node began before it heard of the
/// suppression is issued and in the tables long before.
const ASIENTO_MICROS: i64 = 86_400_000_000;
/// Clients read at once.
const PAGINA: usize = 500;

pub(super) struct Medios {
    pub boveda: Arc<dyn Boveda>,
    pub tablas: Arc<dyn Tables>,
    pub clock: Arc<dyn Clock>,
    /// Whole years that a document is kept after its own.
    pub conservar_anos: u16,
}

/// The thread that looks. Dropped, it ends.
pub(super) struct Supresor {
    fin: Option<mpsc::Sender<()>>,
    hilo: Option<JoinHandle<()>>,
}

impl Supresor {
    pub fn empezar(medios: Medios, metricas: &prometheus::Registry) -> Result<Self, String> {
        let opts = Opts::new("factumarket_personal_keys_destroyed_total", "Claves de datos personales destruidas");
        let destruidas = IntCounterVec::new(opts, &["uso"]).map_err(|e| e.to_string())?;
        metricas.register(Box::new(destruidas.clone())).map_err(|e| e.to_string())?;
        let (fin, avisos) = mpsc::channel();
        let mut revisor = Revisor { medios, destruidas, terminados: BTreeSet::new() };
        let vueltas = move || {
            loop {
                if let Err(causa) = revisor.revisar() {
                    tracing::warn!(evento = "supresion_pendiente", %causa, "no se pudo destruir alguna clave: se intenta otra vez");
                }
                if avisos.recv_timeout(REVISION) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let hilo = thread::Builder::new().name("supresiones".to_owned()).spawn(vueltas).map_err(|e| e.to_string())?;
        Ok(Self { fin: Some(fin), hilo: Some(hilo) })
    }
}

impl Drop for Supresor {
    fn drop(&mut self) {
        drop(self.fin.take());
        if let Some(hilo) = self.hilo.take()
            && hilo.join().is_err()
        {
            tracing::error!(evento = "supresion_pendiente", "el hilo que destruye claves terminó con un fallo");
        }
    }
}

struct Revisor {
    medios: Medios,
    destruidas: IntCounterVec,
    /// Clients with nothing more to destroy.
    terminados: BTreeSet<Id>,
}

impl Revisor {
    fn revisar(&mut self) -> Result<(), String> {
        let mut desde = None;
        loop {
            let (filas, sigue) =
                self.medios.tablas.scan(&CLIENTES_SUPRIMIDOS, desde.as_ref(), PAGINA).map_err(|e| e.to_string())?;
            for fila in filas {
                let Some(Value::Text(id)) = fila.key.first() else { continue };
                let id = Id::de_clave(id).map_err(|_| format!("«{id}» no es el id de un cliente"))?;
                if !self.terminados.contains(&id) && self.suprimir(&id)? {
                    self.terminados.insert(id);
                }
            }
            match sigue {
                Some(cursor) => desde = Some(cursor),
                None => return Ok(()),
            }
        }
    }

    /// Whether nothing of the client is left to destroy.
    fn suprimir(&self, cliente_id: &Id) -> Result<bool, String> {
        self.destruir(Uso::Ficha, cliente_id)?;
        let tablas = &*self.medios.tablas;
        let ahora = self.medios.clock.now();
        let ultimo = ultimo_documento(tablas, cliente_id).map_err(|e| e.to_string())?;
        let vencido = ultimo.is_none_or(|fecha| ahora.fecha_en_utc_menos_5() > conservar_hasta(fecha, self.medios.conservar_anos));
        let desde = suprimido_en(tablas, cliente_id).map_err(|e| e.to_string())?;
        let asentado = desde.is_some_and(|desde| ahora.micros().saturating_sub(desde.micros()) > ASIENTO_MICROS);
        if vencido && asentado {
            self.destruir(Uso::Documentos, cliente_id)?;
        }
        Ok(vencido && asentado)
    }

    fn destruir(&self, uso: Uso, cliente_id: &Id) -> Result<(), String> {
        let clave_id = uso.clave_id(cliente_id);
        if self.medios.boveda.destruir(&clave_id).map_err(|e| e.to_string())? {
            self.destruidas.with_label_values(&[uso.nombre()]).inc();
            tracing::info!(evento = "clave_destruida", clave_id, "los datos personales que cifraba ya no se pueden leer");
        }
        Ok(())
    }
}

/// When its data were suppressed: nothing happens to a client after that.
fn suprimido_en(tablas: &dyn Tables, cliente_id: &Id) -> Result<Option<Instante>, TablesError> {
    let cliente = [Value::Text(Arc::from(cliente_id.as_str()))];
    let Some(fila) = tablas.get(&CLIENTES, &cliente)? else { return Ok(None) };
    Ok(match Columns::new(&CLIENTES, &fila).value("actualizado_en")? {
        Value::Timestamp(instante) => Some(*instante),
        _ => None,
    })
}

/// The day of issue of the client's last document. A note is never older than its invoice, and is kept with the client's last invoice.
fn ultimo_documento(tablas: &dyn Tables, cliente_id: &Id) -> Result<Option<NaiveDate>, TablesError> {
    let cliente = [Value::Text(Arc::from(cliente_id.as_str()))];
    let filas = tablas.slice(&FACTURAS_POR_CLIENTE, &cliente, &From::Start, false, 1)?;
    Ok(filas.first().and_then(|fila| match fila.key.get(1) {
        Some(Value::Date(fecha)) => Some(*fecha),
        _ => None,
    }))
}

/// The last day that a document of that day is kept: terms count in whole years from the first of January after it.
fn conservar_hasta(fecha: NaiveDate, anos: u16) -> NaiveDate {
    NaiveDate::from_ymd_opt(fecha.year() + i32::from(anos), 12, 31).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_documento_se_conserva_años_enteros() {
        let dia = |a, m, d| NaiveDate::from_ymd_opt(a, m, d).expect("día");
        assert_eq!(conservar_hasta(dia(2026, 1, 1), 10), dia(2036, 12, 31));
        assert_eq!(conservar_hasta(dia(2026, 12, 31), 5), dia(2031, 12, 31));
    }
}
