//! The row of the turn, and its reads and writes.

use std::time::Duration;

use scylla::value::{CqlValue, Row};

use crate::{
    domain::valores::Instante,
    tables::{
        TablesError,
        cql::{
            ddl,
            shared::Shared,
            values::{Bound, number, text},
        },
        feeding::Holder,
    },
};

/// The only turn there is.
const ROLE: &str = "proyecciones";
/// The row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub epoch: u64,
    pub instance: String,
    pub place: String,
    pub log: String,
    pub who: String,
    pub since: Instante,
    pub lease: Duration,
    pub beat: u64,
}

impl Record {
    fn read(row: Row) -> Option<Self> {
        let mut columns = row.columns.into_iter();
        let epoch = whole(columns.next()?)?;
        let mut text = || match columns.next()? {
            Some(CqlValue::Text(text)) => Some(text),
            _ => None,
        };
        let (instance, place, log, who) = (text()?, text()?, text()?, text()?);
        let since = whole(columns.next()?)?;
        let lease = Duration::from_millis(whole(columns.next()?)?);
        let beat = whole(columns.next()?)?;
        Some(Self { epoch, instance, place, log, who, since: Instante(since.cast_signed()), lease, beat })
    }

    pub(super) fn holder(&self) -> Holder {
        Holder { who: self.who.clone(), since: self.since, epoch: self.epoch, lease: self.lease }
    }

    fn bound(&self) -> Vec<Bound> {
        let millis = i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX);
        let texts = [&self.instance, &self.place, &self.log, &self.who].map(|value| text(value));
        let mut bound = vec![number(self.epoch.cast_signed())];
        bound.extend(texts);
        bound.extend([number(self.since.0), number(millis), number(self.beat.cast_signed())]);
        bound
    }
}

fn whole(value: Option<CqlValue>) -> Option<u64> {
    match value {
        Some(CqlValue::BigInt(number)) => u64::try_from(number).ok(),
        _ => None,
    }
}

impl Shared {
    pub(super) async fn record(&self) -> Result<Option<Record>, TablesError> {
        let text = format!(
            "SELECT epoca, titular, lugar, registro, quien, desde, plazo_ms, latido FROM {}{} WHERE papel = ?",
            self.space,
            ddl::FEEDER
        );
        let found = self.link().await?.decided(&text, vec![role()]).await?;
        let unreadable = || TablesError::Corrupt { table: ddl::FEEDER, what: "el turno no se lee".to_owned() };
        found.into_iter().next().map(|row| Record::read(row).ok_or_else(unreadable)).transpose()
    }

    pub(super) async fn write_record(&self, next: &Record, after: Option<&Record>) -> Result<bool, TablesError> {
        let link = self.link().await?;
        let mut bound = next.bound();
        bound.push(role());
        let Some(after) = after else {
            let text = format!(
                "INSERT INTO {}{} (epoca, titular, lugar, registro, quien, desde, plazo_ms, latido, papel) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
                 IF NOT EXISTS",
                self.space,
                ddl::FEEDER
            );
            return link.decide(&text, bound).await;
        };
        let text = format!(
            "UPDATE {}{} SET epoca = ?, titular = ?, lugar = ?, registro = ?, quien = ?, desde = ?, plazo_ms = ?, latido = ? WHERE papel = ? \
             IF epoca = ? AND latido = ?",
            self.space,
            ddl::FEEDER
        );
        bound.extend([number(after.epoch.cast_signed()), number(after.beat.cast_signed())]);
        link.decide(&text, bound).await
    }
}

pub(super) fn role() -> Bound {
    text(ROLE)
}

pub(super) fn text_of_nobody() -> Bound {
    text("")
}
