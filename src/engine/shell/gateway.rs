//! The gateway over the log: appends commands to their topics and waits on `respuestas`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::replies::Waiters;
use crate::{
    contracts::{Codec, CommandEnvelope},
    domain::facturacion::factura::DireccionRespuesta,
    engine::{
        gateway::{Gateway, NewCommand, SubmitError, Waiter},
        ports::Clock,
        routing::Ownership,
    },
    log::{Log, LogError, Record, TopicPartition},
};

pub struct LogGateway {
    pub log: Arc<dyn Log>,
    pub codec: Arc<Codec>,
    pub clock: Arc<dyn Clock>,
    pub waiters: Arc<Waiters>,
    /// Only its partition function is asked.
    pub routing: Ownership,
    /// Partition of `respuestas` that this instance reads.
    pub reply_partition: u16,
    /// Requests that may wait at once; beyond, `Busy`.
    pub max_waiting: u64,
}

impl LogGateway {
    fn record(&self, command: NewCommand, request: u64) -> Result<(TopicPartition, Record), SubmitError> {
        let recibido_en = self.clock.now();
        let target = command.comando.destino();
        let envelope = CommandEnvelope {
            command_id: command.command_id,
            correlation_id: command.correlation_id,
            causation_id: None,
            recibido_en,
            usuario: command.usuario,
            canal: command.canal,
            version_esperada: command.version_esperada,
            responder_a: Some(DireccionRespuesta { particion: self.reply_partition, peticion: request }),
            traceparent: command.traceparent,
            paso: None,
            comando: command.comando,
        };
        let value = self.codec.encode_command(&envelope).map_err(|e| SubmitError::TooLarge(e.to_string()))?;
        let key = Bytes::copy_from_slice(target.clave().as_bytes());
        Ok((self.routing.commands_of(&target), Record { key, value, headers: Vec::new(), timestamp: recibido_en }))
    }

    fn append(&self, commands: Vec<NewCommand>, requests: &[u64]) -> Result<(), SubmitError> {
        let records: Result<Vec<_>, _> = commands.into_iter().zip(requests).map(|(c, request)| self.record(c, *request)).collect();
        self.log.append(records?).map(drop).map_err(unavailable)
    }
}

fn unavailable(error: LogError) -> SubmitError {
    match error {
        LogError::TooLarge { .. } => SubmitError::TooLarge(error.to_string()),
        other => SubmitError::Unavailable(other.to_string()),
    }
}

impl Gateway for LogGateway {
    fn send(&self, commands: Vec<NewCommand>) -> Result<Vec<Waiter>, SubmitError> {
        if self.waiters.is_closed() {
            return Err(SubmitError::Unavailable("el procesador no puede seguir; vea /salud/listo y la bitácora".to_owned()));
        }
        if self.waiters.waiting() + commands.len() as u64 > self.max_waiting {
            return Err(SubmitError::Busy { retry_after: Duration::from_secs(1) });
        }
        let (requests, waiters): (Vec<u64>, Vec<Waiter>) =
            commands.iter().map(|command| self.waiters.register(&command.command_id)).unzip();
        match self.append(commands, &requests) {
            // Closed meanwhile: whoever registered after the closing would wait for ever.
            Ok(()) if self.waiters.is_closed() => {
                self.waiters.close();
                Ok(waiters)
            }
            Ok(()) => Ok(waiters),
            Err(error) => {
                requests.into_iter().for_each(|request| self.waiters.forget(request));
                Err(error)
            }
        }
    }

    fn sync(&self) -> Result<(), SubmitError> {
        self.log.append(Vec::new()).and_then(|pending| pending.wait()).map_err(unavailable)
    }
}
