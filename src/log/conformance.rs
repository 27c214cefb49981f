//! The laws of the port `Log`, one function each, for every adapter: `run_all(&|| a fresh, empty log)`.
//!
//! The functions panic when a law is broken; they are for tests only.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    Delivery, Header, Log, LogError, OwnerToken, Position, Record, StoredRecord, Subscription, Topic, TopicPartition, Transaction,
};
use crate::domain::{Contexto, valores::Instante};

const GROUP: &str = "procesador";
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(20);
const ALL: usize = usize::MAX;
const COMMANDS: Topic = Topic::Comandos(Contexto::TODOS[0]);
const EVENTS: Topic = Topic::Eventos(Contexto::TODOS[0]);
const DAY: i64 = 86_400_000_000;

/// Makes a fresh, empty log with at least 4 partitions of every topic.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Log>;
/// A law: its name and the check of it.
pub type Law = (&'static str, fn(Make<'_>));

/// Every law.
pub const LAWS: &[Law] = &[
    ("an_empty_log_has_nothing", an_empty_log_has_nothing),
    ("an_append_that_was_awaited_is_read", an_append_that_was_awaited_is_read),
    ("order_and_positions_are_kept", order_and_positions_are_kept),
    ("read_continues_where_it_stopped", read_continues_where_it_stopped),
    ("what_is_foreseen_is_read_the_same", what_is_foreseen_is_read_the_same),
    ("many_are_asked_at_once_as_one_by_one", many_are_asked_at_once_as_one_by_one),
    ("read_sees_only_what_is_stable", read_sees_only_what_is_stable),
    ("a_commit_covers_records_and_positions", a_commit_covers_records_and_positions),
    ("a_commit_makes_earlier_appends_stable", a_commit_makes_earlier_appends_stable),
    ("a_refused_commit_leaves_nothing", a_refused_commit_leaves_nothing),
    ("an_older_token_is_fenced", an_older_token_is_fenced),
    ("a_forged_token_is_fenced", a_forged_token_is_fenced),
    ("owners_do_not_fence_each_other", owners_do_not_fence_each_other),
    ("groups_keep_their_own_positions", groups_keep_their_own_positions),
    ("a_subscription_delivers_everything_in_order", a_subscription_delivers_everything_in_order),
    ("a_subscription_resumes_at_the_committed_position", a_subscription_resumes_at_the_committed_position),
    ("a_subscription_wakes_on_append", a_subscription_wakes_on_append),
    ("an_idle_subscription_says_so", an_idle_subscription_says_so),
    ("seek_reads_again", seek_reads_again),
    ("partitions_take_turns", partitions_take_turns),
    ("poll_keeps_its_limits", poll_keeps_its_limits),
    ("two_members_share_the_partitions", two_members_share_the_partitions),
    ("a_member_that_leaves_gives_its_partitions_back", a_member_that_leaves_gives_its_partitions_back),
    ("wait_stable_wakes_and_times_out", wait_stable_wakes_and_times_out),
    ("whoever_follows_the_end_is_woken_and_goes_on", whoever_follows_the_end_is_woken_and_goes_on),
    ("limits_are_kept", limits_are_kept),
    ("unknown_partitions_are_refused", unknown_partitions_are_refused),
    ("retention_spares_what_was_not_consumed", retention_spares_what_was_not_consumed),
    ("retention_removes_what_is_old_and_consumed", retention_removes_what_is_old_and_consumed),
    ("concurrent_writers_lose_nothing", concurrent_writers_lose_nothing),
];

/// Laws of a log that keeps its own store, and why a broker's need not keep them.
pub const LAWS_OF_AN_OWN_STORE: &[(&str, &str)] = &[
    (
        "a_commit_makes_earlier_appends_stable",
        "a subscription of a broker delivers only what is durable, so no effect can be before its cause",
    ),
    ("retention_removes_what_is_old_and_consumed", "retention is the broker's"),
];

/// Runs every law on fresh logs.
pub fn run_all(make: Make<'_>) {
    for (name, law) in LAWS {
        eprintln!("ley {name}");
        law(make);
    }
}

fn at(topic: Topic, partition: u16) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

fn record(key: &str, value: &str) -> Record {
    let header = Header { name: "tipo", value: Bytes::from_static(b"prueba") };
    Record {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        headers: vec![header],
        timestamp: Instante(1_700_000_000_000_000),
    }
}

fn append(log: &dyn Log, records: Vec<(TopicPartition, Record)>) -> Vec<Position> {
    let pending = log.append(records).expect("append");
    let positions = pending.positions().to_vec();
    pending.wait().expect("wait");
    positions
}

fn fill(log: &dyn Log, partition: TopicPartition, count: usize) {
    append(log, (0..count).map(|i| (partition, record("k", &format!("v{i}")))).collect());
}

fn transaction(
    token: &OwnerToken,
    records: Vec<(TopicPartition, Record)>,
    positions: Vec<(TopicPartition, Position)>,
) -> Transaction {
    Transaction { token: token.clone(), group: GROUP.to_owned(), records, positions }
}

fn values(records: &[StoredRecord]) -> Vec<String> {
    records.iter().map(|r| String::from_utf8_lossy(&r.record.value).into_owned()).collect()
}

fn expected(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("v{i}")).collect()
}

fn read_all(log: &dyn Log, partition: TopicPartition) -> Vec<StoredRecord> {
    let mut all: Vec<StoredRecord> = Vec::new();
    loop {
        let from = all.last().map_or(0, |r| r.position + 1);
        let more = log.read(partition, from, 1 << 20).expect("read");
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

/// Polls until the next change of hands, which must be an assignment.
fn assigned(subscription: &mut dyn Subscription) -> Vec<TopicPartition> {
    match subscription.poll(ALL, ALL, LONG).expect("poll") {
        Delivery::Assigned(partitions) => partitions,
        other => panic!("se esperaba una asignación y llegó {other:?}"),
    }
}

fn records(subscription: &mut dyn Subscription) -> (TopicPartition, Vec<StoredRecord>) {
    match subscription.poll(ALL, ALL, LONG).expect("poll") {
        Delivery::Records(partition, records) => (partition, records),
        other => panic!("se esperaban registros y llegó {other:?}"),
    }
}

pub fn an_empty_log_has_nothing(make: Make<'_>) {
    let log = make();
    let marks = log.watermarks(at(EVENTS, 0)).expect("watermarks");
    assert_eq!((marks.first, marks.stable, marks.end), (0, 0, 0));
    assert!(log.read(at(EVENTS, 0), 0, ALL).expect("read").is_empty());
    assert_eq!(log.position(GROUP, at(EVENTS, 0)).expect("position"), None);
    assert!(log.partitions(EVENTS) >= 4 && log.partitions(Topic::Respuestas) >= 4);
}

pub fn an_append_that_was_awaited_is_read(make: Make<'_>) {
    let log = make();
    let sent = record("clave", "valor");
    append(&*log, vec![(at(EVENTS, 1), sent.clone())]);
    let read = log.read(at(EVENTS, 1), 0, ALL).expect("read");
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].record, sent);
    let marks = log.watermarks(at(EVENTS, 1)).expect("watermarks");
    assert_eq!(marks.stable, marks.end);
}

pub fn order_and_positions_are_kept(make: Make<'_>) {
    let log = make();
    let two = |i: usize| {
        vec![(at(EVENTS, 0), record("a", &format!("v{}", 2 * i))), (at(EVENTS, 0), record("a", &format!("v{}", 2 * i + 1)))]
    };
    let mut positions = Vec::new();
    for i in 0..50 {
        positions.extend(append(&*log, two(i)));
    }
    assert!(positions.windows(2).all(|w| w[0] < w[1]), "{positions:?}");
    let read = read_all(&*log, at(EVENTS, 0));
    assert_eq!(values(&read), expected(0..100));
    assert_eq!(read.iter().map(|r| r.position).collect::<Vec<_>>(), positions);
    assert!(read_all(&*log, at(EVENTS, 1)).is_empty());
}

pub fn read_continues_where_it_stopped(make: Make<'_>) {
    let log = make();
    for _ in 0..10 {
        fill(&*log, at(EVENTS, 0), 20);
    }
    let all = read_all(&*log, at(EVENTS, 0));
    assert_eq!(all.len(), 200);
    for start in [1, 19, 20, 21, 77, 199] {
        let read = log.read(at(EVENTS, 0), all[start].position, 1).expect("read");
        assert_eq!(read, all[start..=start], "al menos uno, y desde {start}");
        let read = log.read(at(EVENTS, 0), all[start].position, ALL).expect("read");
        assert_eq!(read, all[start..]);
    }
}

/// Ranges that were foreseen, whether they are then read in that order, in another or not at all, are read as if they had not been.
pub fn what_is_foreseen_is_read_the_same(make: Make<'_>) {
    let log = make();
    let places: Vec<TopicPartition> = (0..3).flat_map(|p| [at(EVENTS, p), at(Topic::Auditoria, p)]).collect();
    for (number, place) in places.iter().enumerate() {
        fill(&*log, *place, 10 * (number + 1));
    }
    let all: Vec<Vec<StoredRecord>> = places.iter().map(|place| read_all(&*log, *place)).collect();
    let ranges: Vec<(TopicPartition, Position)> = places.iter().zip(&all).map(|(place, all)| (*place, all[5].position)).collect();
    log.foresee(&ranges);
    for (number, (place, first)) in ranges.iter().enumerate().rev() {
        log.foresee(&ranges[number..]);
        let mut read = log.read(*place, *first, 1).expect("read");
        while let Some(last) = read.last().map(|stored| stored.position) {
            let more = log.read(*place, last + 1, 64).expect("read");
            if more.is_empty() {
                break;
            }
            read.extend(more);
        }
        assert_eq!(read, all[number][5..], "{place}");
        assert_eq!(read_all(&*log, *place), all[number], "{place}");
    }
}

/// In the order asked, and a partition as often as it is asked.
pub fn many_are_asked_at_once_as_one_by_one(make: Make<'_>) {
    let log = make();
    fill(&*log, at(EVENTS, 1), 3);
    fill(&*log, at(COMMANDS, 0), 2);
    let asked = [at(EVENTS, 1), at(COMMANDS, 0), at(EVENTS, 0), at(EVENTS, 1)];
    let one_by_one = asked.map(|partition| log.watermarks(partition).expect("watermarks"));
    assert_eq!(log.watermarks_of(&asked).expect("all of them"), one_by_one);
    assert_eq!(log.stable_ends(&asked).expect("all of them"), one_by_one.map(|marks| marks.stable));
    assert_eq!(one_by_one.map(|marks| marks.stable > 0), [true, true, false, true]);
    let positions = asked.map(|partition| log.position(GROUP, partition).expect("position"));
    assert_eq!(log.positions_of(GROUP, &asked).expect("all of them"), positions);
    assert!(log.watermarks_of(&[]).expect("none").is_empty() && log.stable_ends(&[]).expect("none").is_empty());
}

pub fn read_sees_only_what_is_stable(make: Make<'_>) {
    let log = make();
    fill(&*log, at(EVENTS, 0), 1);
    let pending = log.append(vec![(at(EVENTS, 0), record("k", "v1"))]).expect("append");
    let seen = read_all(&*log, at(EVENTS, 0));
    // Asked afterwards: a broker may make the append durable at any moment.
    let marks = log.watermarks(at(EVENTS, 0)).expect("watermarks");
    assert!(seen.iter().all(|r| r.position < marks.stable), "{marks:?}");
    pending.wait().expect("wait");
    assert_eq!(values(&read_all(&*log, at(EVENTS, 0))), expected(0..2));
}

pub fn a_commit_covers_records_and_positions(make: Make<'_>) {
    let log = make();
    fill(&*log, at(COMMANDS, 0), 3);
    let token = log.claim("p").expect("claim");
    let out = vec![(at(EVENTS, 0), record("a", "v0")), (at(EVENTS, 3), record("b", "w")), (at(EVENTS, 0), record("a", "v1"))];
    let committed = log.commit(transaction(&token, out, vec![(at(COMMANDS, 0), 2)])).expect("commit");
    for (partition, wanted) in [(at(EVENTS, 0), expected(0..2)), (at(EVENTS, 3), vec!["w".to_owned()])] {
        let read = read_all(&*log, partition);
        assert_eq!(values(&read), wanted);
        let end = committed.ends.iter().find(|(p, _)| *p == partition).expect("fin").1;
        assert_eq!(end, read.last().expect("registro").position + 1);
    }
    assert_eq!(committed.ends.len(), 2);
    assert_eq!(log.position(GROUP, at(COMMANDS, 0)).expect("position"), Some(2));
    log.commit(transaction(&token, vec![], vec![(at(COMMANDS, 0), 3)])).expect("sólo posiciones");
    assert_eq!(log.position(GROUP, at(COMMANDS, 0)).expect("position"), Some(3));
}

pub fn a_commit_makes_earlier_appends_stable(make: Make<'_>) {
    let log = make();
    let token = log.claim("p").expect("claim");
    let pending = log.append(vec![(at(COMMANDS, 0), record("k", "v0"))]).expect("append");
    log.commit(transaction(&token, vec![(at(EVENTS, 0), record("k", "e"))], vec![(at(COMMANDS, 0), 1)])).expect("commit");
    assert_eq!(values(&read_all(&*log, at(COMMANDS, 0))), expected(0..1), "ningún efecto es durable antes que su causa");
    pending.wait().expect("wait");
}

pub fn a_refused_commit_leaves_nothing(make: Make<'_>) {
    let log = make();
    let token = log.claim("p").expect("claim");
    let mut big = record("k", "x");
    big.value = vec![0; (1 << 20) + 1].into();
    for bad in [(at(EVENTS, 1), big), (at(EVENTS, u16::MAX), record("k", "x"))] {
        let out = vec![(at(EVENTS, 0), record("k", "v0")), bad];
        assert!(log.commit(transaction(&token, out, vec![(at(COMMANDS, 0), 5)])).is_err());
    }
    let bad_position = transaction(&token, vec![(at(EVENTS, 0), record("k", "v0"))], vec![(at(COMMANDS, u16::MAX), 5)]);
    assert!(matches!(log.commit(bad_position), Err(LogError::UnknownPartition(_))));
    assert!(read_all(&*log, at(EVENTS, 0)).is_empty());
    assert_eq!(log.position(GROUP, at(COMMANDS, 0)).expect("position"), None);
    fill(&*log, at(EVENTS, 0), 1);
    assert_eq!(values(&read_all(&*log, at(EVENTS, 0))), expected(0..1));
}

pub fn an_older_token_is_fenced(make: Make<'_>) {
    let log = make();
    let old = log.claim("p").expect("claim");
    log.commit(transaction(&old, vec![(at(EVENTS, 0), record("k", "v0"))], vec![])).expect("commit");
    let new = log.claim("p").expect("claim");
    assert!(new.epoch > old.epoch);
    let late = transaction(&old, vec![(at(EVENTS, 0), record("k", "zombi"))], vec![(at(COMMANDS, 0), 9)]);
    assert!(matches!(log.commit(late), Err(LogError::Fenced { .. })));
    log.commit(transaction(&new, vec![(at(EVENTS, 0), record("k", "v1"))], vec![])).expect("commit");
    assert_eq!(values(&read_all(&*log, at(EVENTS, 0))), expected(0..2));
    assert_eq!(log.position(GROUP, at(COMMANDS, 0)).expect("position"), None);
}

pub fn a_forged_token_is_fenced(make: Make<'_>) {
    let log = make();
    let token = log.claim("p").expect("claim");
    for forged in [OwnerToken { owner: "nadie".to_owned(), epoch: 1 }, OwnerToken { epoch: token.epoch + 1, ..token }] {
        let write = transaction(&forged, vec![(at(EVENTS, 0), record("k", "x"))], vec![]);
        assert!(matches!(log.commit(write), Err(LogError::Fenced { .. })), "{forged:?}");
    }
    assert!(read_all(&*log, at(EVENTS, 0)).is_empty());
}

pub fn owners_do_not_fence_each_other(make: Make<'_>) {
    let log = make();
    let (a, b) = (log.claim("a").expect("claim"), log.claim("b").expect("claim"));
    for (i, token) in [&a, &b, &a].into_iter().enumerate() {
        log.commit(transaction(token, vec![(at(EVENTS, 0), record("k", &format!("v{i}")))], vec![])).expect("commit");
    }
    assert_eq!(values(&read_all(&*log, at(EVENTS, 0))), expected(0..3));
}

pub fn groups_keep_their_own_positions(make: Make<'_>) {
    let log = make();
    fill(&*log, at(COMMANDS, 0), 5);
    fill(&*log, at(COMMANDS, 1), 5);
    let token = log.claim("p").expect("claim");
    let commit = |group: &str, partition, position| {
        let mut t = transaction(&token, vec![], vec![(at(COMMANDS, partition), position)]);
        t.group = group.to_owned();
        log.commit(t).expect("commit");
    };
    commit("uno", 0, 2);
    commit("dos", 0, 4);
    commit("uno", 1, 1);
    for (group, partition, wanted) in [("uno", 0, Some(2)), ("dos", 0, Some(4)), ("uno", 1, Some(1)), ("dos", 1, None)] {
        assert_eq!(log.position(group, at(COMMANDS, partition)).expect("position"), wanted);
    }
}

pub fn a_subscription_delivers_everything_in_order(make: Make<'_>) {
    let log = make();
    for partition in 0..3 {
        fill(&*log, at(COMMANDS, partition), 40);
    }
    let mut subscription = log.subscribe(GROUP, &[COMMANDS]).expect("subscribe");
    let got = assigned(&mut *subscription);
    assert_eq!(got.len(), usize::from(log.partitions(COMMANDS)), "el único miembro tiene todas");
    let mut seen = vec![Vec::new(); 3];
    while seen.iter().map(Vec::len).sum::<usize>() < 120 {
        let (partition, records) = records(&mut *subscription);
        seen[usize::from(partition.partition)].extend(records);
    }
    for (partition, seen) in seen.iter().enumerate() {
        assert_eq!(*seen, read_all(&*log, at(COMMANDS, partition as u16)));
    }
}

pub fn a_subscription_resumes_at_the_committed_position(make: Make<'_>) {
    let log = make();
    fill(&*log, at(COMMANDS, 2), 10);
    let all = read_all(&*log, at(COMMANDS, 2));
    let token = log.claim("p").expect("claim");
    log.commit(transaction(&token, vec![], vec![(at(COMMANDS, 2), all[6].position)])).expect("commit");
    let mut subscription = log.subscribe(GROUP, &[COMMANDS]).expect("subscribe");
    assigned(&mut *subscription);
    assert_eq!(records(&mut *subscription), (at(COMMANDS, 2), all[6..].to_vec()));
    let mut other = log.subscribe("otro", &[COMMANDS]).expect("subscribe");
    assigned(&mut *other);
    assert_eq!(records(&mut *other), (at(COMMANDS, 2), all));
}

pub fn a_subscription_wakes_on_append(make: Make<'_>) {
    let log = make();
    let mut subscription = log.subscribe(GROUP, &[COMMANDS]).expect("subscribe");
    assigned(&mut *subscription);
    let writer = log.clone();
    let thread = std::thread::spawn(move || append(&*writer, vec![(at(COMMANDS, 0), record("k", "v0"))]));
    let (partition, got) = records(&mut *subscription);
    assert_eq!((partition, values(&got)), (at(COMMANDS, 0), expected(0..1)));
    thread.join().expect("hilo");
}

pub fn an_idle_subscription_says_so(make: Make<'_>) {
    let log = make();
    let mut subscription = log.subscribe(GROUP, &[COMMANDS]).expect("subscribe");
    assigned(&mut *subscription);
    fill(&*log, at(EVENTS, 0), 1);
    let start = Instant::now();
    assert!(matches!(subscription.poll(ALL, ALL, SHORT).expect("poll"), Delivery::Idle));
    assert!(start.elapsed() >= SHORT);
}

pub fn seek_reads_again(make: Make<'_>) {
    let log = make();
    fill(&*log, at(COMMANDS, 0), 10);
    let mut subscription = log.subscribe(GROUP, &[COMMANDS]).expect("subscribe");
    assigned(&mut *subscription);
    let (_, first) = records(&mut *subscription);
    assert_eq!(first.len(), 10);
    subscription.seek(at(COMMANDS, 0), first[4].position);
    assert_eq!(records(&mut *subscription).1, first[4..]);
}

pub fn partitions_take_turns(make: Make<'_>) {
    let log = make();
    for partition in 0..4 {
        fill(&*log, at(COMMANDS, partition), 100);
    }
    let mut subscription = log.subscribe(GROUP, &[COMMANDS]).expect("subscribe");
    assigned(&mut *subscription);
    let mut turn = || match subscription.poll(1, ALL, LONG).expect("poll") {
        Delivery::Records(partition, _) => partition,
        other => panic!("{other:?}"),
    };
    let turns: Vec<TopicPartition> = (0..400).map(|_| turn()).collect();
    // A broker gives what it has fetched first. From its first turn on, a partition with records left is passed over by nobody.
    let (mut heard, mut left) = (BTreeSet::new(), BTreeMap::from_iter((0..4).map(|p| (at(COMMANDS, p), 100))));
    for two in turns.windows(2) {
        heard.insert(two[0]);
        *left.entry(two[0]).or_default() -= 1;
        let waiting = heard.iter().any(|p| *p != two[0] && left[p] > 0);
        assert!(two[0] != two[1] || !waiting, "dos turnos seguidos de {} con otras en espera", two[0]);
    }
    assert_eq!(heard.len(), 4);
}

pub fn poll_keeps_its_limits(make: Make<'_>) {
    let log = make();
    append(&*log, (0..20).map(|_| (at(COMMANDS, 0), record("k", &"x".repeat(1000)))).collect());
    let mut subscription = log.subscribe(GROUP, &[COMMANDS]).expect("subscribe");
    assigned(&mut *subscription);
    let mut poll = |records, bytes| match subscription.poll(records, bytes, LONG).expect("poll") {
        Delivery::Records(_, records) => records.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(poll(3, ALL), 3);
    assert_eq!(poll(ALL, 1), 1, "al menos uno");
    assert!((1..=6).contains(&poll(ALL, 5000)));
}

/// Polls the members in turn until `done` holds and each has answered Idle twice in a row; answers what each then holds.
fn settle(
    members: &mut [Box<dyn Subscription>],
    held: &mut [BTreeSet<TopicPartition>],
    done: &dyn Fn(&[BTreeSet<TopicPartition>]) -> bool,
) {
    let (mut quiet, start) = (0, Instant::now());
    while quiet < 2 * members.len() || !done(held) {
        assert!(start.elapsed() < LONG, "el reparto no llegó a {held:?}");
        for (i, member) in members.iter_mut().enumerate() {
            match member.poll(ALL, ALL, SHORT).expect("poll") {
                Delivery::Assigned(partitions) => {
                    quiet = 0;
                    for partition in partitions {
                        assert!(held.iter().all(|h| !h.contains(&partition)), "{partition} tiene dos dueños");
                        held[i].insert(partition);
                    }
                }
                Delivery::Revoked(partitions) => {
                    quiet = 0;
                    for partition in partitions {
                        assert!(held[i].remove(&partition), "{partition} no era suya");
                    }
                }
                Delivery::Records(..) => quiet = 0,
                Delivery::Idle => quiet += 1,
            }
        }
    }
}

/// Whether all partitions of the topic are held, and by everybody.
fn shared_by_all(log: &dyn Log) -> impl Fn(&[BTreeSet<TopicPartition>]) -> bool {
    let all = usize::from(log.partitions(COMMANDS));
    move |held| held.iter().all(|h| !h.is_empty()) && held.iter().map(BTreeSet::len).sum::<usize>() == all
}

pub fn two_members_share_the_partitions(make: Make<'_>) {
    let log = make();
    let done = shared_by_all(&*log);
    let mut held = vec![BTreeSet::new()];
    let mut members = vec![log.subscribe(GROUP, &[COMMANDS]).expect("subscribe")];
    settle(&mut members, &mut held, &done);
    held.push(BTreeSet::new());
    members.push(log.subscribe(GROUP, &[COMMANDS]).expect("subscribe"));
    settle(&mut members, &mut held, &done);
}

pub fn a_member_that_leaves_gives_its_partitions_back(make: Make<'_>) {
    let log = make();
    let done = shared_by_all(&*log);
    let mut held = vec![BTreeSet::new(); 2];
    let mut members =
        vec![log.subscribe(GROUP, &[COMMANDS]).expect("subscribe"), log.subscribe(GROUP, &[COMMANDS]).expect("subscribe")];
    settle(&mut members, &mut held, &done);
    drop(members.remove(0));
    held.remove(0);
    settle(&mut members, &mut held, &done);
}

pub fn wait_stable_wakes_and_times_out(make: Make<'_>) {
    let log = make();
    let seen = log.wait_stable(u64::MAX, SHORT);
    assert_eq!(log.wait_stable(seen, SHORT), seen, "sin avance se acaba el tiempo");
    let writer = log.clone();
    let thread = std::thread::spawn(move || append(&*writer, vec![(at(EVENTS, 0), record("k", "v0"))]));
    assert_ne!(log.wait_stable(seen, LONG), seen);
    thread.join().expect("hilo");
}

pub fn whoever_follows_the_end_is_woken_and_goes_on(make: Make<'_>) {
    let log = make();
    let from = |next: Position, timeout| log.read_or_wait(at(EVENTS, 0), next, ALL, timeout).expect("read_or_wait");
    assert!(from(0, SHORT).is_empty(), "sin nada se acaba el tiempo");
    append(&*log, vec![(at(EVENTS, 0), record("k", "v0")), (at(EVENTS, 1), record("k", "de otra"))]);
    assert_eq!(values(&from(0, LONG)), ["v0"], "lo que ya estaba no espera");
    assert_eq!(values(&from(0, LONG)), ["v0"], "y se lee otra vez desde donde se pida");
    let writer = log.clone();
    let thread = std::thread::spawn(move || append(&*writer, vec![(at(EVENTS, 0), record("k", "v1"))]));
    assert_eq!(values(&from(1, LONG)), ["v1"]);
    thread.join().expect("hilo");
    // A transaction is read when it is decided, and marks of it are no records.
    let token = log.claim("nodo").expect("claim");
    let committed = log.commit(transaction(&token, vec![(at(EVENTS, 0), record("k", "v2"))], Vec::new())).expect("commit");
    let read = from(2, LONG);
    assert_eq!(values(&read), ["v2"]);
    let next = read[0].position + 1;
    assert!(committed.ends.iter().any(|(partition, end)| *partition == at(EVENTS, 0) && *end == next));
    assert!(from(next, SHORT).is_empty());
    append(&*log, vec![(at(EVENTS, 0), record("k", "v3"))]);
    let mut read = from(next, LONG);
    if read.is_empty() {
        read = from(next, LONG);
    }
    assert_eq!(values(&read), ["v3"]);
}

pub fn limits_are_kept(make: Make<'_>) {
    let log = make();
    let with = |change: fn(&mut Record)| {
        let mut record = record("k", "v");
        change(&mut record);
        vec![(at(EVENTS, 0), record)]
    };
    let too_large: [fn(&mut Record); 3] = [
        |r| r.key = vec![0; 201].into(),
        |r| r.value = vec![0; (1 << 20) + 1].into(),
        |r| r.headers = vec![Header { name: "tipo", value: Bytes::new() }; 17],
    ];
    for change in too_large {
        assert!(matches!(log.append(with(change)), Err(LogError::TooLarge { .. })));
    }
    assert_eq!(log.watermarks(at(EVENTS, 0)).expect("watermarks").end, 0);
    let largest: [fn(&mut Record); 4] = [
        |r| r.key = vec![7; 200].into(),
        |r| r.value = vec![7; 1 << 20].into(),
        |r| r.headers = vec![Header { name: "tipo", value: Bytes::from_static(b"x") }; 16],
        |r| r.value = Bytes::new(),
    ];
    for change in largest {
        append(&*log, with(change));
    }
    let read = read_all(&*log, at(EVENTS, 0));
    assert_eq!(read.len(), 4);
    for (read, change) in read.iter().zip(largest) {
        assert_eq!(read.record, with(change)[0].1);
    }
}

pub fn unknown_partitions_are_refused(make: Make<'_>) {
    let log = make();
    let nowhere = at(EVENTS, log.partitions(EVENTS));
    assert!(matches!(log.append(vec![(nowhere, record("k", "v"))]), Err(LogError::UnknownPartition(_))));
    assert!(matches!(log.watermarks(nowhere), Err(LogError::UnknownPartition(_))));
    assert!(matches!(log.read(nowhere, 0, ALL), Err(LogError::UnknownPartition(_))));
}

fn after(days: i64) -> Instante {
    Instante(record("", "").timestamp.0 + days * DAY)
}

pub fn retention_spares_what_was_not_consumed(make: Make<'_>) {
    let log = make();
    for _ in 0..3 {
        fill(&*log, at(COMMANDS, 0), 1);
        fill(&*log, at(EVENTS, 0), 1);
    }
    assert_eq!(log.retain(after(1000)).expect("retain"), 0, "nadie los ha consumido");
    let token = log.claim("p").expect("claim");
    log.commit(transaction(&token, vec![], vec![(at(COMMANDS, 0), 3)])).expect("commit");
    assert_eq!(log.retain(after(1)).expect("retain"), 0, "son recientes");
    assert_eq!(read_all(&*log, at(COMMANDS, 0)).len(), 3);
    assert_eq!(read_all(&*log, at(EVENTS, 0)).len(), 3);
}

pub fn retention_removes_what_is_old_and_consumed(make: Make<'_>) {
    let log = make();
    for i in 0..10 {
        append(&*log, vec![(at(COMMANDS, 0), record("k", &format!("v{i}"))), (at(EVENTS, 0), record("k", &format!("v{i}")))]);
    }
    let all = read_all(&*log, at(COMMANDS, 0));
    let token = log.claim("p").expect("claim");
    log.commit(transaction(&token, vec![], vec![(at(COMMANDS, 0), all[6].position)])).expect("commit");
    assert!(log.retain(after(1000)).expect("retain") > 0);
    let marks = log.watermarks(at(COMMANDS, 0)).expect("watermarks");
    assert!(marks.first > 0 && marks.first <= all[6].position, "{marks:?}");
    assert!(matches!(log.read(at(COMMANDS, 0), 0, ALL), Err(LogError::PositionGone { .. })));
    let left: Vec<_> = all.iter().filter(|r| r.position >= marks.first).cloned().collect();
    assert_eq!(log.read(at(COMMANDS, 0), marks.first, ALL).expect("read"), left);
    assert_eq!(values(&read_all(&*log, at(EVENTS, 0))), expected(0..10), "los eventos son para siempre");
    fill(&*log, at(COMMANDS, 0), 1);
    assert_eq!(log.watermarks(at(COMMANDS, 0)).expect("watermarks").end, all[9].position + 1 + 1);
}

pub fn concurrent_writers_lose_nothing(make: Make<'_>) {
    let log = make();
    let token = log.claim("p").expect("claim");
    std::thread::scope(|scope| {
        for thread in 0..4u16 {
            let (log, token) = (&log, &token);
            scope.spawn(move || {
                for i in 0..40 {
                    let out = vec![(at(EVENTS, thread), record("k", &format!("v{i}"))), (at(EVENTS, 0), record("k", "común"))];
                    if thread % 2 == 0 {
                        append(&**log, out);
                    } else {
                        log.commit(transaction(token, out, vec![])).expect("commit");
                    }
                }
            });
        }
    });
    for thread in 1..4 {
        assert_eq!(values(&read_all(&*log, at(EVENTS, thread))), expected(0..40));
    }
    let shared = read_all(&*log, at(EVENTS, 0));
    assert_eq!(shared.len(), 200);
    let own: Vec<_> = values(&shared).into_iter().filter(|v| v != "común").collect();
    assert_eq!(own, expected(0..40));
}
