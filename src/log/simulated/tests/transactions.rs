//! Transactions: decisions, markers, time-outs, fencing, what is readable when.

use super::*;

#[test]
fn a_commit_is_readable_with_its_positions_and_markers_take_positions() {
    let world = World::new();
    let mut node = world.node(1);
    assert_eq!(node.assigned().len(), 4);
    for round in 0..3u64 {
        let ends = node.commit(&[(events(0), "a"), (events(0), "b")], &[(commands(0), round + 1)]).expect("confirma").ends;
        assert_eq!(ends, [(events(0), 3 * round + 2)]);
    }
    assert_eq!(world.values(events(0)), ["a", "b", "a", "b", "a", "b"]);
    let marks = world.log.watermarks(events(0)).expect("marcas");
    assert_eq!((marks.stable, marks.end), (9, 9));
    assert_eq!(world.position(commands(0)), Some(3));
    assert_eq!(world.log.stats().committed, 3);
    assert!(!world.log.has_unsettled());
}

#[test]
fn an_open_transaction_holds_the_stable_offset_back_until_the_coordinator_aborts_it() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    node.begin(&[(events(0), "perdido")], &[(commands(0), 1)]).expect("empieza");
    node.steps(WRITTEN);
    drop(node);
    world.fill(events(0), &["suelto"]);
    let marks = world.log.watermarks(events(0)).expect("marcas");
    assert_eq!((marks.stable, marks.end), (0, 2), "lo suelto espera detrás de lo abierto");
    assert!(world.values(events(0)).is_empty());
    world.wait(9 * SECOND);
    assert!(world.values(events(0)).is_empty());
    world.wait(2 * SECOND);
    assert_eq!(world.values(events(0)), ["suelto"]);
    let marks = world.log.watermarks(events(0)).expect("marcas");
    assert_eq!((marks.stable, marks.end), (3, 3));
    assert_eq!((world.log.stats().expired, world.position(commands(0))), (1, None));
}

#[test]
fn the_owner_of_an_expired_transaction_is_fenced() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    for steps in [BEGIN + 2, WRITTEN] {
        node.begin(&[(events(0), "perdido")], &[(commands(0), 1)]).expect("empieza");
        node.steps(steps);
        assert!(world.log.expire_transaction("nodo-1"));
        assert!(matches!(node.finish(), Err(LogError::Fenced { .. })));
        node.claim();
    }
    assert!(world.values(events(0)).is_empty());
    node.commit(&[(events(0), "bueno")], &[(commands(0), 1)]).expect("confirma");
    assert_eq!(world.values(events(0)), ["bueno"]);
}

#[test]
fn whoever_takes_the_id_aborts_what_its_holder_had_open() {
    let world = World::new();
    let mut old = world.node(1);
    old.assigned();
    old.begin(&[(events(0), "viejo")], &[(commands(0), 1)]).expect("empieza");
    old.steps(WRITTEN);
    let mut new = world.node(1);
    let marks = world.log.watermarks(events(0)).expect("marcas");
    assert_eq!(marks.stable, marks.end, "al reclamar, lo abierto quedó decidido");
    assert_eq!(world.log.stats().fenced_open, 1);
    new.assigned();
    new.commit(&[(events(0), "nuevo")], &[(commands(0), 1)]).expect("confirma");
    assert!(matches!(old.finish(), Err(LogError::Fenced { .. })));
    assert_eq!(world.values(events(0)), ["nuevo"]);
}

/// The anomaly behind the rule of the first try: the repeated EndTxn is answered, the first one arrives later and finds the next
/// transaction of the same producer.
#[test]
fn a_late_end_decides_a_later_transaction_of_the_same_life() {
    let world = World::new();
    let mut cluster = world.log.shared.lock();
    let txn = cluster.txn("x");
    let producer = producer_of(&mut cluster, txn);
    let partition = cluster.place(events(0)).expect("partición");
    produce(&mut cluster, txn, producer, partition, 0, "uno");
    cluster.end_txn(txn, producer, true, 1).expect("confirma");
    produce(&mut cluster, txn, producer, partition, 1, "dos");
    assert_eq!(cluster.stats.misdecided, 0);
    cluster.end_txn(txn, producer, true, 1).expect("la primera llega tarde");
    assert_eq!(cluster.stats.misdecided, 1);
    drop(cluster);
    assert_eq!(world.values(events(0)), ["uno", "dos"], "nadie pidió confirmar «dos»");
}

#[test]
fn a_late_end_tears_a_transaction_that_was_only_begun() {
    let world = World::new();
    let mut cluster = world.log.shared.lock();
    let txn = cluster.txn("x");
    let producer = producer_of(&mut cluster, txn);
    let places = [events(0), events(1)].map(|p| cluster.place(p).expect("partición"));
    produce(&mut cluster, txn, producer, places[0], 0, "mitad");
    cluster.end_txn(txn, producer, true, 0).expect("llega tarde");
    produce(&mut cluster, txn, producer, places[1], 0, "otra mitad");
    drop(cluster);
    assert_eq!(world.values(events(0)), ["mitad"]);
    assert!(world.values(events(1)).is_empty(), "la otra mitad espera a que alguien decida");
    world.wait(11 * SECOND);
    assert!(world.values(events(1)).is_empty(), "y nadie la decide: rota para siempre");
    assert_eq!(world.log.watermarks(events(1)).expect("marcas").stable, 2);
}

#[test]
fn a_new_life_is_out_of_reach_of_late_ends() {
    let world = World::new();
    let mut cluster = world.log.shared.lock();
    let txn = cluster.txn("x");
    let old = producer_of(&mut cluster, txn);
    let new = producer_of(&mut cluster, txn);
    let partition = cluster.place(events(0)).expect("partición");
    produce(&mut cluster, txn, new, partition, 0, "nuevo");
    assert_eq!(cluster.end_txn(txn, old, true, 1).unwrap_err(), request::Code::ProducerFenced);
    assert_eq!(cluster.partitions[partition].stable(), 0);
}

#[test]
fn the_end_of_a_decided_transaction() {
    use request::Code::{ConcurrentTransactions, InvalidTxnState};
    let world = World::new();
    let mut cluster = world.log.shared.lock();
    let txn = cluster.txn("x");
    let producer = producer_of(&mut cluster, txn);
    assert_eq!(cluster.end_txn(txn, producer, true, 0).unwrap_err(), InvalidTxnState, "no hay nada abierto");
    let partition = cluster.place(events(0)).expect("partición");
    for (sequence, commit) in [(0, true), (1, false)] {
        world.script.edit(|script| script.markers.push_back(10));
        produce(&mut cluster, txn, producer, partition, sequence, "x");
        cluster.end_txn(txn, producer, commit, 0).expect("decide");
        assert_eq!(cluster.end_txn(txn, producer, commit, 0).unwrap_err(), ConcurrentTransactions, "aún se marca");
        assert_eq!(cluster.end_txn(txn, producer, !commit, 0).unwrap_err(), InvalidTxnState);
        assert_eq!(cluster.add_partitions(txn, producer, &[partition]).unwrap_err(), ConcurrentTransactions);
        assert_eq!(cluster.init_producer_id(txn).unwrap_err(), ConcurrentTransactions);
        let later = cluster.now + 10;
        cluster.advance(later);
        cluster.end_txn(txn, producer, commit, 0).expect("repetida, responde lo mismo");
        assert_eq!(cluster.end_txn(txn, producer, !commit, 0).unwrap_err(), InvalidTxnState);
    }
}

#[test]
fn records_outside_the_open_transaction_are_refused() {
    let world = World::new();
    let mut cluster = world.log.shared.lock();
    let txn = cluster.txn("x");
    let producer = producer_of(&mut cluster, txn);
    let places = [events(0), events(1)].map(|p| cluster.place(p).expect("partición"));
    let late = |cluster: &mut Cluster| cluster.produce(txn, producer, places[0], 0, &[record("tarde")]);
    assert_eq!(late(&mut cluster).unwrap_err(), request::Code::InvalidTxnState, "no hay nada abierto");
    cluster.add_partitions(txn, producer, &places[1..]).expect("abre");
    assert_eq!(late(&mut cluster).unwrap_err(), request::Code::InvalidTxnState, "la partición no está en ella");
    assert_eq!(cluster.partitions[places[0]].end(), 0);
}

#[test]
fn a_repeated_produce_is_not_appended_twice() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    world.script.next(Api::Produce, Fate::LoseAnswer);
    node.commit(&[(events(0), "uno")], &[(commands(0), 1)]).expect("confirma");
    world.script.next(Api::Produce, Fate::Duplicate(0));
    node.commit(&[(events(0), "dos")], &[(commands(0), 2)]).expect("confirma");
    world.script.next(Api::Produce, Fate::Delay(3 * SECOND / 2));
    node.commit(&[(events(0), "tres")], &[(commands(0), 3)]).expect("confirma");
    world.wait(5 * SECOND);
    assert_eq!(world.values(events(0)), ["uno", "dos", "tres"]);
}

#[test]
fn a_batch_out_of_sequence_is_refused() {
    let world = World::new();
    let mut cluster = world.log.shared.lock();
    let txn = cluster.txn("x");
    let producer = producer_of(&mut cluster, txn);
    let partition = cluster.place(events(0)).expect("partición");
    cluster.add_partitions(txn, producer, &[partition]).expect("abre");
    let refused = cluster.produce(txn, producer, partition, 5, &[record("salta")]);
    assert_eq!(refused.unwrap_err(), request::Code::OutOfOrderSequence);
}

#[test]
fn markers_reach_the_partitions_one_after_the_other() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    world.script.edit(|script| script.markers.extend([100, 200, 300]));
    node.begin(&[(events(0), "a"), (events(1), "b")], &[(commands(0), 1)]).expect("empieza");
    // Begin, AddOffsets, TxnOffsetCommit, AddPartitions, two produces; then EndTxn.
    node.steps(BEGIN + 5);
    let start = world.log.now();
    assert!(matches!(node.client.step(), Step::Done(Ok(_))), "decidida está desde que el coordinador la anota");
    let seen = |at: Micros| {
        world.log.advance(start + at);
        (world.values(events(0)).len(), world.values(events(1)).len(), world.position(commands(0)))
    };
    assert_eq!(seen(99), (0, 0, None));
    assert_eq!(seen(100), (1, 0, None));
    assert_eq!(seen(200), (1, 1, None));
    assert_eq!(seen(300), (1, 1, Some(1)));
}

#[test]
fn the_next_transaction_waits_for_the_markers_and_keeps_its_producer() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    world.script.edit(|script| script.markers.extend([20_000, 20_000]));
    node.commit(&[(events(0), "a")], &[(commands(0), 1)]).expect("confirma");
    let before = world.log.now();
    node.commit(&[(events(0), "b")], &[(commands(0), 2)]).expect("confirma");
    assert!(world.log.now() >= before + 20_000, "esperó a las marcas");
    let lives = world.log.shared.lock().txns[0].producer.epoch;
    node.commit(&[(events(0), "c")], &[(commands(0), 3)]).expect("confirma");
    assert_eq!(world.log.shared.lock().txns[0].producer.epoch, lives, "una respuesta que pide esperar no gasta al productor");
    assert_eq!(world.values(events(0)), ["a", "b", "c"]);
}

#[test]
fn a_fail_over_loses_only_what_was_not_acknowledged() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    node.commit(&[(events(0), "uno")], &[(commands(0), 1)]).expect("confirma");
    world.script.edit(|script| script.replication.push_back(50_000));
    node.begin(&[(events(0), "dos")], &[(commands(0), 2)]).expect("empieza");
    node.steps(WRITTEN);
    assert_eq!(world.log.watermarks(events(0)).expect("marcas").end, 2, "sin réplica no hay marca de agua");
    world.log.fail_over(events(0)).expect("partición");
    assert_eq!(world.log.stats().truncated_records, 1);
    node.finish().expect("la repite al nuevo líder y confirma");
    assert_eq!(world.values(events(0)), ["uno", "dos"]);
    let lives = world.log.shared.lock().txns[0].producer.epoch;
    node.commit(&[(events(0), "tres")], &[(commands(0), 3)]).expect("confirma");
    assert_eq!(world.log.shared.lock().txns[0].producer.epoch, lives + 1, "un productor que repitió se reemplaza");
}

#[test]
fn the_age_of_a_transaction_is_by_the_coordinators_wall_clock() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    node.begin(&[(events(0), "x")], &[(commands(0), 1)]).expect("empieza");
    node.steps(WRITTEN);
    world.log.jump_clock(-(5 * SECOND as i64));
    world.wait(12 * SECOND);
    assert_eq!(world.log.stats().expired, 0, "para el coordinador pasaron 7 s");
    world.log.jump_clock(5 * SECOND as i64);
    assert_eq!(world.log.stats().expired, 1);
}

#[test]
fn reads_fail_when_the_fates_say_so() {
    let world = World::new();
    world.fill(events(0), &["x"]);
    world.script.edit(|script| script.failing_reads = 1);
    assert!(matches!(world.log.read(events(0), 0, usize::MAX), Err(LogError::Storage(_))));
    assert_eq!(world.values(events(0)), ["x"]);
    world.log.take_down(SECOND);
    assert!(matches!(world.log.read(events(0), 0, usize::MAX), Err(LogError::Storage(_))));
    world.log.bring_up();
    assert_eq!(world.values(events(0)), ["x"]);
}

#[test]
fn an_append_without_an_answer_may_be_there_not_be_there_or_be_there_twice() {
    let world = World::new();
    let send = |value: &str| world.log.produce(7, vec![(commands(0), record(value))]);
    for (fate, value) in [(Fate::LoseRequest, "perdido"), (Fate::LoseAnswer, "aplicado"), (Fate::Delay(SECOND), "tarde")] {
        world.script.next(Api::Append, fate);
        assert!(matches!(send(value), Err(LogError::OutcomeUnknown { .. })), "{fate:?}");
    }
    world.script.next(Api::Append, Fate::Duplicate(SECOND));
    assert_eq!(send("doble").expect("respuesta"), [1]);
    assert_eq!(world.values(commands(0)), ["aplicado", "doble"]);
    world.wait(SECOND);
    assert_eq!(world.values(commands(0)), ["aplicado", "doble", "tarde", "doble"]);
}

fn producer_of(cluster: &mut Cluster, txn: usize) -> request::ProducerId {
    match cluster.init_producer_id(txn).expect("identidad") {
        request::Answer::Producer { producer, .. } => producer,
        other => panic!("{other:?}"),
    }
}

fn produce(cluster: &mut Cluster, txn: usize, producer: request::ProducerId, partition: usize, sequence: u64, value: &str) {
    cluster.add_partitions(txn, producer, &[partition]).expect("abre");
    let end = cluster.produce(txn, producer, partition, sequence, &[record(value)]).expect("produce");
    cluster.partitions[partition].replicate(end);
}
