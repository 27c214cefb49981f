//! The few calls of the C library that the crate does not offer, or offers with a floor of 100 ms under them.
//!
//! Every function is safe to call: pointers come from live clients that the caller borrows, and whatever the library hands over is
//! destroyed here. But for one option of the allocator (`main.rs`), the `unsafe` of this
//! program is in this file.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    ptr, slice,
    time::Duration,
};

use bytes::Bytes;
use rdkafka::{
    TopicPartitionList,
    client::{Client, ClientContext},
    error::RDKafkaErrorCode,
};
use rdkafka_sys as sys;

use crate::{
    domain::valores::Instante,
    log::{Header, Position, Record, StoredRecord, headers},
};

/// A member's standing, as the broker checks it: plain data, so that it can be kept with the assignment it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadata {
    pub generation: i32,
    pub member: String,
    pub instance: Option<String>,
}

/// An error of a transactional call, with what the library says of it.
#[derive(Debug, Clone)]
pub struct CallError {
    pub code: RDKafkaErrorCode,
    pub text: String,
    pub fatal: bool,
    pub retriable: bool,
    pub requires_abort: bool,
}

/// A delivery report: the opaque number of its record, and its offset or the error.
pub type Report = (usize, Result<i64, RDKafkaErrorCode>);

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

fn text_of(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, and the library's strings end in a null and live as long as what they were read from.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// Takes an error over, or none.
fn taken(error: *mut sys::rd_kafka_error_t) -> Result<(), CallError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: a non-null error is ours until it is destroyed, once, here.
    unsafe {
        let described = CallError {
            code: sys::rd_kafka_error_code(error).into(),
            text: text_of(sys::rd_kafka_error_string(error)).unwrap_or_default(),
            fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            retriable: sys::rd_kafka_error_is_retriable(error) != 0,
            requires_abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
        };
        sys::rd_kafka_error_destroy(error);
        Err(described)
    }
}

/// What the group knows of this consumer now; `None` while it is no member.
pub fn group_metadata<C: ClientContext>(client: &Client<C>) -> Option<GroupMetadata> {
    // SAFETY: the client is alive; the metadata is a copy of ours, destroyed below.
    unsafe {
        let metadata = sys::rd_kafka_consumer_group_metadata(client.native_ptr());
        if metadata.is_null() {
            return None;
        }
        let found = GroupMetadata {
            generation: sys::rd_kafka_consumer_group_metadata_generation_id(metadata),
            member: text_of(sys::rd_kafka_consumer_group_metadata_member_id(metadata)).unwrap_or_default(),
            instance: text_of(sys::rd_kafka_consumer_group_metadata_group_instance_id(metadata)),
        };
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        // The broker takes positions without a member from anybody: such metadata must never be sent for one.
        (found.generation >= 0 && !found.member.is_empty()).then_some(found)
    }
}

/// Sends positions in the transaction under way. Without a member the broker takes them from anybody.
///
/// # Errors
/// What the library says.
pub fn send_offsets<C: ClientContext>(
    producer: &Client<C>,
    offsets: &TopicPartitionList,
    group: &str,
    member: Option<&GroupMetadata>,
    timeout: Duration,
) -> Result<(), CallError> {
    let invalid = |_| CallError {
        code: RDKafkaErrorCode::InvalidArgument,
        text: "un nombre de grupo o de miembro tiene un byte nulo".to_owned(),
        fatal: false,
        retriable: false,
        requires_abort: true,
    };
    let group = CString::new(group).map_err(invalid)?;
    let id = CString::new(member.map_or("", |m| m.member.as_str())).map_err(invalid)?;
    let instance = member.and_then(|m| m.instance.as_deref()).map(CString::new).transpose().map_err(invalid)?;
    let instance = instance.as_ref().map_or(ptr::null(), |name| name.as_ptr());
    // SAFETY: the strings outlive the call that copies them; client and list are alive; the metadata is destroyed once.
    unsafe {
        let metadata = match member {
            Some(m) => sys::rd_kafka_consumer_group_metadata_new_with_genid(group.as_ptr(), m.generation, id.as_ptr(), instance),
            None => sys::rd_kafka_consumer_group_metadata_new(group.as_ptr()),
        };
        let error = sys::rd_kafka_send_offsets_to_transaction(producer.native_ptr(), offsets.ptr(), metadata, millis(timeout));
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        taken(error)
    }
}

/// Asks for the commit. Every report must have been taken before: the library waits for them and nobody polls meanwhile.
///
/// # Errors
/// What the library says.
pub fn commit<C: ClientContext>(producer: &Client<C>, timeout: Duration) -> Result<(), CallError> {
    // SAFETY: the client is alive.
    taken(unsafe { sys::rd_kafka_commit_transaction(producer.native_ptr(), millis(timeout)) })
}

/// # Errors
/// What the library says.
pub fn abort<C: ClientContext>(producer: &Client<C>, timeout: Duration) -> Result<(), CallError> {
    // SAFETY: the client is alive.
    taken(unsafe { sys::rd_kafka_abort_transaction(producer.native_ptr(), millis(timeout)) })
}

/// # Errors
/// What the library says.
pub fn begin<C: ClientContext>(producer: &Client<C>) -> Result<(), CallError> {
    // SAFETY: the client is alive.
    taken(unsafe { sys::rd_kafka_begin_transaction(producer.native_ptr()) })
}

/// # Errors
/// What the library says.
pub fn init<C: ClientContext>(producer: &Client<C>, timeout: Duration) -> Result<(), CallError> {
    // SAFETY: the client is alive.
    taken(unsafe { sys::rd_kafka_init_transactions(producer.native_ptr(), millis(timeout)) })
}

/// Errors and reports of a producer whose records carry plain numbers.
#[derive(Default)]
pub struct Events {
    pub reports: Vec<Report>,
    pub errors: Vec<(RDKafkaErrorCode, String)>,
}

/// Takes what the producer has to say, waiting at most `timeout` for the first of it. Unlike the crate's poll, it returns at once when
/// something came.
pub fn events<C: ClientContext>(producer: &Client<C>, timeout: Duration, into: &mut Events) {
    let mut wait = millis(timeout);
    // SAFETY: the client is alive; the queue is a reference of ours; each event is destroyed once, after its messages were read.
    unsafe {
        let queue = sys::rd_kafka_queue_get_main(producer.native_ptr());
        loop {
            let event = sys::rd_kafka_queue_poll(queue, wait);
            if event.is_null() {
                break;
            }
            wait = 0;
            match sys::rd_kafka_event_type(event) {
                sys::RD_KAFKA_EVENT_DR => reports(event, &mut into.reports),
                sys::RD_KAFKA_EVENT_ERROR => {
                    let code = sys::rd_kafka_event_error(event).into();
                    into.errors.push((code, text_of(sys::rd_kafka_event_error_string(event)).unwrap_or_default()));
                }
                _ => {}
            }
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
    }
}

/// # Safety
/// The event is alive and of delivery reports.
unsafe fn reports(event: *mut sys::rd_kafka_event_t, into: &mut Vec<Report>) {
    // SAFETY: messages belong to the event, which the caller keeps alive.
    unsafe {
        loop {
            let message = sys::rd_kafka_event_message_next(event);
            if message.is_null() {
                return;
            }
            let number = (*message)._private as usize;
            let code = (*message).err;
            let outcome = match code {
                sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok((*message).offset),
                failed => Err(failed.into()),
            };
            into.push((number, outcome));
        }
    }
}

/// Something taken off a consumer's queue.
pub enum Fetched {
    Record(StoredRecord),
    /// Reading has come to the last stable offset, which is this.
    End(Position),
    Error(RDKafkaErrorCode, String),
}

/// Messages taken at a time.
const BATCH: usize = 512;

/// Takes what an assigned consumer of one partition (topic and number) has fetched, waiting at most `timeout` for the first of it. Half the
/// cost a record of the crate's poll, and it tells where the end is.
pub fn consume<C: ClientContext>(consumer: &Client<C>, source: (&str, u16), timeout: Duration, take: &mut dyn FnMut(Fetched)) {
    // SAFETY: the client is alive; the queue is a reference of ours. The library drops what is of an assignment before this one; a reader
    // that took another partition's records would never know.
    unsafe {
        let mut give = |message: *mut sys::rd_kafka_message_t| {
            if is_from(message, source) {
                take(fetched(message));
            }
        };
        // A batch waits until it is full: the first message is waited for alone.
        let first = sys::rd_kafka_consumer_poll(consumer.native_ptr(), millis(timeout));
        let queue = sys::rd_kafka_queue_get_consumer(consumer.native_ptr());
        batch(first, queue, &mut give);
        if !queue.is_null() {
            sys::rd_kafka_queue_destroy(queue);
        }
    }
}

/// Gives the first message, if there is one, and then what the queue has ready.
///
/// # Safety
/// The message is null or just taken, the queue is null or alive.
unsafe fn batch(
    first: *mut sys::rd_kafka_message_t,
    queue: *mut sys::rd_kafka_queue_t,
    give: &mut dyn FnMut(*mut sys::rd_kafka_message_t),
) {
    if first.is_null() {
        return;
    }
    let mut messages: [*mut sys::rd_kafka_message_t; BATCH] = [ptr::null_mut(); BATCH];
    messages[0] = first;
    // SAFETY: the array has room for what is asked for; each message came just now and is destroyed once, after it was given.
    unsafe {
        let more =
            if queue.is_null() { 0 } else { sys::rd_kafka_consume_batch_queue(queue, 0, messages.as_mut_ptr().add(1), BATCH - 1) };
        for message in messages.iter().take(1 + usize::try_from(more).unwrap_or(0)) {
            give(*message);
            sys::rd_kafka_message_destroy(*message);
        }
    }
}

/// What a consumer fetches of one partition, apart from the rest of what it fetches.
pub struct PartitionQueue(ptr::NonNull<sys::rd_kafka_queue_t>);

// SAFETY: the library's queues are locked inside, and may be used from any thread.
unsafe impl Send for PartitionQueue {}

impl PartitionQueue {
    /// Call it before the consumer is assigned the partition, or what comes first goes to the consumer's own queue. It must not outlive the
    /// consumer. `None` when the name cannot be one of a topic.
    pub fn of<C: ClientContext>(consumer: &Client<C>, topic: &str, partition: u16) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: the client is alive, the name outlives the call that copies it, and the queue is a reference of ours.
        unsafe {
            let queue = sys::rd_kafka_queue_get_partition(consumer.native_ptr(), topic.as_ptr(), i32::from(partition));
            let queue = ptr::NonNull::new(queue)?;
            sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            Some(Self(queue))
        }
    }

    /// Takes what was fetched, waiting at most `timeout` for the first of it.
    pub fn consume(&self, timeout: Duration, take: &mut dyn FnMut(Fetched)) {
        // SAFETY: the queue is alive, and messages are alive while they are given.
        unsafe {
            let first = sys::rd_kafka_consume_queue(self.0.as_ptr(), millis(timeout));
            batch(first, self.0.as_ptr(), &mut |message| take(fetched(message)));
        }
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: a reference of ours, given back once.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

/// # Safety
/// The message is alive.
unsafe fn is_from(message: *mut sys::rd_kafka_message_t, source: (&str, u16)) -> bool {
    // SAFETY: a message's topic lives at least as long as it. Errors of the whole client have none.
    unsafe {
        let topic = (*message).rkt;
        topic.is_null()
            || (*message).partition == i32::from(source.1)
                && CStr::from_ptr(sys::rd_kafka_topic_name(topic)).to_bytes() == source.0.as_bytes()
    }
}

/// # Safety
/// The message is alive.
unsafe fn fetched(message: *mut sys::rd_kafka_message_t) -> Fetched {
    // SAFETY: payload, key and headers belong to the message, which the caller keeps alive.
    unsafe {
        let position = u64::try_from((*message).offset).unwrap_or_default();
        match (*message).err {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {}
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => return Fetched::End(position),
            code => return Fetched::Error(code.into(), text_of(sys::rd_kafka_message_errstr(message)).unwrap_or_default()),
        }
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        let timestamp = sys::rd_kafka_message_timestamp(message, &raw mut kind);
        let record = Record {
            key: bytes((*message).key, (*message).key_len),
            value: bytes((*message).payload, (*message).len),
            headers: known_headers(message),
            timestamp: Instante(timestamp.max(0).saturating_mul(1_000)),
        };
        Fetched::Record(StoredRecord { position, record })
    }
}

/// # Safety
/// `pointer` is null or has `length` bytes.
unsafe fn bytes(pointer: *const c_void, length: usize) -> Bytes {
    if pointer.is_null() {
        return Bytes::new();
    }
    // SAFETY: what the caller promises.
    Bytes::copy_from_slice(unsafe { slice::from_raw_parts(pointer.cast::<u8>(), length) })
}

/// # Safety
/// The message is alive.
unsafe fn known_headers(message: *mut sys::rd_kafka_message_t) -> Vec<Header> {
    let mut found = Vec::new();
    let mut list = ptr::null_mut();
    // SAFETY: headers, names and values belong to the message, which the caller keeps alive.
    unsafe {
        if sys::rd_kafka_message_headers(message, &raw mut list) != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return found;
        }
        for place in 0.. {
            let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
            let code = sys::rd_kafka_header_get_all(list, place, &raw mut name, &raw mut value, &raw mut length);
            if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                break;
            }
            // Names that this version does not know are kept out.
            let known = text_of(name).and_then(|name| headers::name(headers::code(&name)?));
            if let Some(name) = known {
                found.push(Header { name, value: bytes(value, length) });
            }
        }
    }
    found
}
