//! Writes the queries of the API to the audit topic. A query never waits for it: what does not fit in the queue is counted and lost.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use prometheus::IntCounter;

use crate::{
    config::ConsultasAuditadas,
    contracts::{Codec, ConsultaRealizada, RegistroAuditoria},
    engine::{
        ports::{Clock, Ids},
        routing::partition_for,
    },
    http::{Consulta, QueryAudit},
    log::{Log, Record, Topic, TopicPartition},
};

/// Queries waiting to be written.
const QUEUE: usize = 4_096;
/// Queries written together.
const BATCH: usize = 256;
/// One in so many, when only a sample is kept.
const SAMPLE: u64 = 100;

/// The hook that the API tells its queries.
pub struct AuditoriaDeConsultas {
    queue: Mutex<Option<SyncSender<ConsultaRealizada>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    which: ConsultasAuditadas,
    seen: AtomicU64,
    lost: IntCounter,
}

impl AuditoriaDeConsultas {
    /// Starts the writer.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        log: Arc<dyn Log>,
        codec: Arc<Codec>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        which: ConsultasAuditadas,
        lost: IntCounter,
    ) -> std::io::Result<Arc<Self>> {
        let (queue, waiting) = sync_channel(QUEUE);
        let writer = thread::Builder::new().name("consultas".to_owned()).spawn(move || write(&*log, &codec, &waiting))?;
        Ok(Arc::new(Self {
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(writer)),
            clock,
            ids,
            which,
            seen: AtomicU64::new(0),
            lost,
        }))
    }

    /// Writes what is waiting and ends.
    pub fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
            && writer.join().is_err()
        {
            tracing::error!(evento = "auditoria_consultas", "el hilo que anota las consultas terminó con un fallo");
        }
    }

    fn wanted(&self) -> bool {
        match self.which {
            ConsultasAuditadas::Todas => true,
            ConsultasAuditadas::Ninguna => false,
            ConsultasAuditadas::Muestra => self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE),
        }
    }
}

impl QueryAudit for AuditoriaDeConsultas {
    fn record(&self, consulta: &Consulta<'_>) {
        if !self.wanted() {
            return;
        }
        let record = ConsultaRealizada {
            event_id: self.ids.uuid_v7(),
            consulta: Arc::from(consulta.nombre),
            factura_id: consulta.factura_id.cloned(),
            parametros: consulta.parametros.iter().map(|(n, v)| (Arc::from(n.as_str()), Arc::from(auditable(n, v)))).collect(),
            correlation_id: consulta.correlation_id.clone(),
            ocurrido_en: self.clock.now(),
            usuario: consulta.usuario.map(Arc::from),
        };
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.as_ref().is_none_or(|queue| queue.try_send(record).is_err()) {
            self.lost.inc();
        }
    }
}

/// The audit is kept for ever and cannot forget: by whom somebody looked for is not in it, only that he did.
fn auditable<'a>(parametro: &str, valor: &'a str) -> &'a str {
    const PERSONALES: [&str; 3] = ["nombre", "identificacion", "correo"];
    if PERSONALES.contains(&parametro) && !valor.is_empty() { "[dato personal]" } else { valor }
}

fn write(log: &dyn Log, codec: &Codec, waiting: &Receiver<ConsultaRealizada>) {
    while let Ok(first) = waiting.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(waiting.try_iter().take(BATCH - 1)).collect();
        let records: Vec<_> = batch.into_iter().filter_map(|query| encode(log, codec, query)).collect();
        let written = log.append(records).and_then(|pending| pending.wait());
        if let Err(error) = written {
            tracing::warn!(evento = "auditoria_consultas", causa = %error, "no se pudieron anotar unas consultas");
        }
    }
}

/// Keyed by the invoice it concerns, else by its flow.
fn encode(log: &dyn Log, codec: &Codec, query: ConsultaRealizada) -> Option<(TopicPartition, Record)> {
    let key = query.factura_id.as_ref().unwrap_or(&query.correlation_id).as_str().to_owned();
    let timestamp = query.ocurrido_en;
    match codec.encode_audit(&RegistroAuditoria::Consulta(query)) {
        Ok(value) => {
            let partition = partition_for(key.as_bytes(), log.partitions(Topic::Auditoria));
            let record = Record { key: Bytes::from(key), value, headers: Vec::new(), timestamp };
            Some((TopicPartition::new(Topic::Auditoria, partition), record))
        }
        Err(error) => {
            tracing::warn!(evento = "auditoria_consultas", causa = %error, "una consulta no se pudo anotar");
            None
        }
    }
}
