//! Asking for the turn, keeping it, and giving it up.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    Watch,
    row::{Record, role, text_of_nobody},
};
use crate::{
    domain::valores::Instante,
    tables::{
        TablesError,
        cql::{ddl, shared::Shared, values::number},
        feeding::{Feeder, Turn},
    },
};

/// Longest wait between two looks of a process that waits.
const LOOK_AT_MOST: Duration = Duration::from_secs(1);
/// How long giving the turn up may take.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

/// The wall clock, for people.
fn now() -> Instante {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Instante(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// How much of its lease a holder uses: clocks do not run at the same pace.
fn useful(lease: Duration) -> Duration {
    lease - lease / 10
}

impl Shared {
    /// The epoch in which this process may write now.
    pub(in crate::tables::cql) async fn epoch(&self) -> Result<u64, TablesError> {
        match self.lease.held() {
            Some(epoch) => Ok(epoch),
            None if self.options.seize && self.lease.feeder.get().is_none() => self.seize().await,
            None => Err(self.elsewhere()),
        }
    }

    /// Whether the turn is still the one of this epoch.
    pub(in crate::tables::cql) fn still(&self, epoch: u64) -> Result<(), TablesError> {
        if self.lease.held() == Some(epoch) { Ok(()) } else { Err(self.elsewhere()) }
    }

    /// The database refused a write of this epoch: another has begun, whatever this process believes.
    pub(in crate::tables::cql) fn overtaken(&self, epoch: u64) -> TablesError {
        if self.lease.taken() == Some(epoch) {
            tracing::warn!(evento = "turno_perdido", epoca = epoch, "otro proceso alimenta ya las tablas: éste no escribe más");
            self.lease.set(Turn::Unknown { why: "otro proceso tomó el turno".to_owned() }, None);
        }
        self.elsewhere()
    }

    /// Why this process does not write, for the user.
    pub(in crate::tables::cql) fn elsewhere(&self) -> TablesError {
        let space = &self.options.keyspace;
        TablesError::Elsewhere(match self.lease.turn() {
            Turn::Waiting { holder, .. } => format!(
                "las tablas del keyspace «{space}» las alimenta {} desde {}: este proceso espera, y sigue él cuando aquél se detenga o calle \
                 {} s; si no debe haber dos, detenga uno o quítele el papel «proyecciones»",
                holder.who,
                holder.since.rfc3339(),
                holder.lease.as_secs_f64()
            ),
            Turn::Foreign { log } => format!(
                "el keyspace «{space}» tiene las tablas de otro registro ({log}): ponga en tablas.espacio el de esta instalación, o bórrelo \
                 para llenarlo del registro de ésta"
            ),
            Turn::Expired { .. } => format!(
                "este proceso no pudo renovar a tiempo su turno de alimentar el keyspace «{space}»: no escribe hasta renovarlo; revise que la \
                 base responda"
            ),
            Turn::Unknown { why } => format!("no se sabe todavía si este proceso puede alimentar el keyspace «{space}»: {why}"),
            Turn::Mine { .. } => format!("el turno de alimentar el keyspace «{space}» cambió a mitad de un lote, que se repite"),
            Turn::Released => format!("este proceso ya no alimenta el keyspace «{space}»"),
        })
    }

    /// Asks for the turn and keeps it, for as long as the process lives.
    pub(in crate::tables::cql) async fn keep_turn(self: Arc<Self>, feeder: Feeder) {
        // Only the first one.
        if self.lease.feeder.set(feeder.clone()).is_err() {
            return;
        }
        let mut watch = Watch::default();
        while self.lease.turn() != Turn::Released {
            let asked = tokio::time::timeout(feeder.lease / 3, self.look(&feeder, &mut watch)).await;
            let wait = match asked {
                Ok(Ok(())) => feeder.lease / 4,
                Ok(Err(error)) => {
                    self.lease.away(error.to_string());
                    feeder.lease / 20
                }
                Err(_) => {
                    self.lease.away("la base de datos de las tablas no responde a tiempo".to_owned());
                    feeder.lease / 20
                }
            };
            tokio::time::sleep(wait.min(LOOK_AT_MOST)).await;
        }
    }

    async fn look(&self, feeder: &Feeder, watch: &mut Watch) -> Result<(), TablesError> {
        let link = self.link().await?;
        if !watch.settled {
            self.settle(link, &[]).await?;
            watch.settled = true;
        }
        if let Some(epoch) = self.lease.taken() {
            return self.renew(feeder, epoch, watch).await;
        }
        let Some(record) = self.record().await? else {
            return self.take(feeder, None).await.map(drop);
        };
        let still_for = watch.see(&record);
        let reborn = !watch.looked && feeder.place.as_ref() == Some(&record.place);
        watch.looked = true;
        if feeder.log.as_ref().is_some_and(|log| !record.log.is_empty() && *log != record.log) {
            self.tell_foreign(record.log);
            return Ok(());
        }
        let nobody = record.instance.is_empty() || record.instance == self.lease.instance;
        if nobody || reborn || still_for >= record.lease {
            return self.take(feeder, Some(&record)).await.map(drop);
        }
        self.tell_waiting(&record, watch.alive);
        Ok(())
    }

    fn tell_foreign(&self, log: String) {
        let turn = Turn::Foreign { log };
        if self.lease.turn() != turn {
            self.lease.set(turn, None);
            tracing::error!(evento = "keyspace_ajeno", "{}", self.elsewhere());
        }
    }

    fn tell_waiting(&self, record: &Record, alive: bool) {
        let new = !matches!(self.lease.turn(), Turn::Waiting { holder, .. } if holder == record.holder());
        self.lease.set(Turn::Waiting { holder: record.holder(), alive }, None);
        if new {
            tracing::warn!(evento = "turno_ajeno", epoca = record.epoch, "{}", self.elsewhere());
        }
    }

    async fn renew(&self, feeder: &Feeder, epoch: u64, watch: &mut Watch) -> Result<(), TablesError> {
        let text = format!("UPDATE {}{} SET latido = ? WHERE papel = ? IF epoca = ?", self.space, ddl::FEEDER);
        let begun = Instant::now();
        watch.beat += 1;
        let bound = vec![number(watch.beat.cast_signed()), role(), number(epoch.cast_signed())];
        if !self.link().await?.decide(&text, bound).await? {
            *watch = Watch { looked: true, settled: true, ..Watch::default() };
            self.overtaken(epoch);
            return Ok(());
        }
        let late = matches!(self.lease.turn(), Turn::Expired { .. });
        let (Turn::Mine { holder } | Turn::Expired { holder }) = self.lease.turn() else { return Ok(()) };
        self.lease.set(Turn::Mine { holder }, Some(begun + useful(feeder.lease)));
        if late {
            tracing::warn!(evento = "turno_renovado", epoca = epoch, "se vuelve a alimentar las tablas: nadie lo hizo entretanto");
        }
        Ok(())
    }

    /// Takes the turn after the one of a row, if the row is still as it was seen; the new epoch.
    async fn take(&self, feeder: &Feeder, after: Option<&Record>) -> Result<Option<u64>, TablesError> {
        let begun = Instant::now();
        let kept = |log: &Option<String>| log.clone().or_else(|| after.map(|record| record.log.clone())).unwrap_or_default();
        let next = Record {
            epoch: after.map_or(1, |record| record.epoch + 1),
            instance: self.lease.instance.clone(),
            place: feeder.place.clone().unwrap_or_default(),
            log: kept(&feeder.log),
            who: feeder.who.clone(),
            since: now(),
            lease: feeder.lease,
            beat: 0,
        };
        if !self.write_record(&next, after).await? {
            return Ok(None);
        }
        self.begin(&next, Some(begun + useful(feeder.lease)));
        match after {
            Some(record) if !record.instance.is_empty() => tracing::warn!(
                evento = "turno_tomado",
                epoca = next.epoch,
                de = record.who,
                desde = record.since.rfc3339(),
                "este proceso alimenta las tablas desde ahora, en lugar de uno que no se despidió"
            ),
            _ => tracing::info!(evento = "turno_tomado", epoca = next.epoch, "este proceso alimenta las tablas"),
        }
        Ok(Some(next.epoch))
    }

    /// What an earlier turn of this process knew of rows is of no use: another may have emptied them meanwhile.
    fn begin(&self, record: &Record, until: Option<Instant>) {
        self.forget_what_was_written();
        self.lease.set(Turn::Mine { holder: record.holder() }, until);
    }

    /// Takes the turn for whoever says that nobody else feeds the keyspace.
    async fn seize(&self) -> Result<u64, TablesError> {
        let _one = self.lease.seizing.lock().await;
        loop {
            if let Some(epoch) = self.lease.held() {
                return Ok(epoch);
            }
            let after = self.record().await?;
            let next = Record {
                epoch: after.as_ref().map_or(1, |record| record.epoch + 1),
                instance: String::new(),
                place: String::new(),
                log: after.as_ref().map(|record| record.log.clone()).unwrap_or_default(),
                who: "nadie".to_owned(),
                since: now(),
                lease: Duration::ZERO,
                beat: 0,
            };
            if self.write_record(&next, after.as_ref()).await? {
                self.begin(&next, None);
            }
        }
    }

    /// Gives the turn up.
    pub(in crate::tables::cql) async fn release_turn(&self) -> Result<(), TablesError> {
        let taken = self.lease.taken();
        self.lease.set(Turn::Released, None);
        let Some(epoch) = taken else { return Ok(()) };
        let text = format!("UPDATE {}{} SET titular = ? WHERE papel = ? IF epoca = ?", self.space, ddl::FEEDER);
        let given = async { self.link().await?.decide(&text, vec![text_of_nobody(), role(), number(epoch.cast_signed())]).await };
        match tokio::time::timeout(RELEASE_PATIENCE, given).await {
            Ok(given) => given.map(drop),
            // Whoever waits takes it when its lease ends.
            Err(_) => Ok(()),
        }
    }
}
