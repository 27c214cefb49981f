//! Records to messages and back.

use bytes::Bytes;
use rdkafka::{
    Message, Timestamp,
    error::KafkaError,
    message::{BorrowedMessage, Header as KafkaHeader, Headers, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, ProducerContext},
};

use crate::{
    domain::valores::Instante,
    log::{Header, Record, StoredRecord, headers},
};

/// Hands a record to the producer, which copies it. An empty value goes as none: to a compacted topic that is a tombstone, and nothing else is.
///
/// # Errors
/// What the library refused; nothing was queued.
pub fn send<C: ProducerContext>(
    producer: &BaseProducer<C>,
    topic: &str,
    partition: u16,
    record: &Record,
    opaque: C::DeliveryOpaque,
) -> Result<(), KafkaError> {
    let mut message = BaseRecord::with_opaque_to(topic, opaque)
        .partition(i32::from(partition))
        .key(&*record.key)
        // Kafka keeps milliseconds.
        .timestamp(record.timestamp.micros().div_euclid(1_000));
    if !record.value.is_empty() {
        message = message.payload(&*record.value);
    }
    if !record.headers.is_empty() {
        let start = OwnedHeaders::new_with_capacity(record.headers.len());
        let headers = record
            .headers
            .iter()
            .fold(start, |all, header| all.insert(KafkaHeader { key: header.name, value: Some(&*header.value) }));
        message = message.headers(headers);
    }
    producer.send(message).map_err(|(error, _)| error)
}

/// A record as read. It is copied: a message kept would keep its whole fetch in memory.
pub fn stored(message: &BorrowedMessage<'_>) -> StoredRecord {
    let copy = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice).unwrap_or_default();
    let millis = match message.timestamp() {
        Timestamp::NotAvailable => 0,
        Timestamp::CreateTime(millis) | Timestamp::LogAppendTime(millis) => millis,
    };
    let headers = message.headers().map(|all| all.iter().filter_map(known).collect()).unwrap_or_default();
    let record = Record {
        key: copy(message.key()),
        value: copy(message.payload()),
        headers,
        timestamp: Instante(millis.saturating_mul(1_000)),
    };
    StoredRecord { position: u64::try_from(message.offset()).unwrap_or_default(), record }
}

/// Names that this version does not know are kept out.
fn known(header: KafkaHeader<'_, &[u8]>) -> Option<Header> {
    let name = headers::name(headers::code(header.key)?)?;
    Some(Header { name, value: header.value.map(Bytes::copy_from_slice).unwrap_or_default() })
}
