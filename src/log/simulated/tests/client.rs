//! The client: what it does about lost, late and doubled requests, and about itself.

use super::*;

fn lives(world: &World) -> u32 {
    world.log.shared.lock().txns[0].producer.epoch
}

#[test]
fn a_lost_answer_of_the_commit_is_asked_again_and_the_producer_replaced() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    let first = lives(&world);
    for fate in [Fate::LoseRequest, Fate::LoseAnswer, Fate::Delay(3 * SECOND)] {
        world.script.next(Api::EndTxn, fate);
        node.commit(&[(events(0), "x")], &[(commands(0), 1)]).expect("el segundo intento responde");
    }
    assert_eq!(lives(&world), first + 2, "reemplazado antes de la segunda y de la tercera");
    node.commit(&[(events(0), "y")], &[(commands(0), 2)]).expect("confirma");
    world.wait(5 * SECOND);
    assert_eq!(world.log.stats().late_requests, 1);
    assert_eq!(world.log.stats().misdecided, 0, "la tardía es de otra vida");
    assert_eq!(world.values(events(0)), ["x", "x", "x", "y"]);
}

#[test]
fn every_request_may_be_lost_once() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    let apis =
        [Api::AddPartitionsToTxn, Api::Produce, Api::AddOffsetsToTxn, Api::TxnOffsetCommit, Api::EndTxn, Api::InitProducerId];
    let mut wanted = Vec::new();
    for fate in [Fate::LoseRequest, Fate::LoseAnswer, Fate::Delay(SECOND / 2), Fate::Delay(2 * SECOND), Fate::Duplicate(SECOND / 4)]
    {
        for api in apis {
            world.script.next(api, fate);
            let value = format!("{api:?} {fate:?}");
            node.commit(&[(events(0), &value), (events(1), &value)], &[(commands(0), wanted.len() as u64 + 1)])
                .unwrap_or_else(|e| panic!("{value}: {e}"));
            wanted.push(value);
        }
        // A late request of an earlier life may fence this one: that is told as fencing, and another claim mends it.
        world.wait(3 * SECOND);
        node.claim();
    }
    assert_eq!(world.values(events(0)), wanted);
    assert_eq!(world.values(events(1)), wanted);
    assert_eq!(world.position(commands(0)), Some(wanted.len() as u64));
}

#[test]
fn a_commit_that_is_never_answered_is_unknown() {
    for (fate, there) in [(Fate::LoseRequest, false), (Fate::LoseAnswer, true), (Fate::Delay(60 * SECOND), false)] {
        let world = World::new();
        let mut node = world.node(1);
        node.assigned();
        (0..3).for_each(|_| world.script.next(Api::EndTxn, fate));
        let told = node.commit(&[(events(0), "x")], &[(commands(0), 1)]);
        assert!(matches!(told, Err(LogError::OutcomeUnknown { .. })), "{told:?}");
        assert_eq!(world.values(events(0)).len(), usize::from(there));
        assert!(node.begin(&[(events(0), "y")], &[]).is_err(), "hay que reclamar antes");
        node.claim();
        assert!(!world.log.has_unsettled(), "reclamar decide el resto");
        assert_eq!(world.position(commands(0)), there.then_some(1));
        node.commit(&[(events(0), "y")], &[(commands(0), 2)]).expect("confirma");
        world.wait(100 * SECOND);
        assert_eq!(world.values(events(0)).len(), usize::from(there) + 1, "la tardía no decide nada");
    }
}

#[test]
fn an_abort_without_an_answer_is_an_abort() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    node.begin(&[(events(0), "x")], &[(commands(0), 1)]).expect("empieza");
    node.steps(BEGIN + 1);
    // Out of the group meanwhile: the positions are refused.
    world.log.shared.lock().leave(0, 1);
    (0..40).for_each(|_| world.script.next(Api::EndTxn, Fate::LoseRequest));
    let told = node.finish();
    assert!(matches!(told, Err(LogError::Aborted { .. })), "{told:?}");
    world.script.edit(|script| script.fates.clear());
    node.claim();
    assert!(world.values(events(0)).is_empty());
}

#[test]
fn a_broker_that_comes_back_in_time_costs_no_commit() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    for down in 1..=5 {
        node.begin(&[(events(0), "x")], &[(commands(0), down)]).expect("empieza");
        node.steps(down as usize);
        world.log.take_down(world.log.now() + SECOND);
        node.finish().expect("confirma cuando vuelve");
    }
    assert_eq!(world.values(events(0)).len(), 5);
    let before = lives(&world);
    node.commit(&[(events(0), "x")], &[(commands(0), 6)]).expect("confirma");
    assert_eq!(lives(&world), before + 1, "una desconexión gasta al productor");
}

#[test]
fn a_broker_that_does_not_come_back_makes_the_commit_unknown() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    node.begin(&[(events(0), "x")], &[(commands(0), 1)]).expect("empieza");
    // Begin, AddOffsets, TxnOffsetCommit, AddPartitions, Produce.
    node.steps(WRITTEN);
    world.log.take_down(world.log.now() + 300 * SECOND);
    assert!(matches!(node.finish(), Err(LogError::OutcomeUnknown { .. })));
}

#[test]
fn partitions_are_added_as_the_client_comes_to_them() {
    let world = World::new();
    world.script.edit(|script| script.one_at_a_time = true);
    let mut node = world.node(1);
    node.assigned();
    node.begin(&[(events(0), "a"), (events(1), "b")], &[(commands(0), 1)]).expect("empieza");
    node.steps(WRITTEN);
    // An end that comes late now tears it: only the first partition is in it.
    let mut cluster = world.log.shared.lock();
    let producer = cluster.txns[0].producer;
    cluster.end_txn(0, producer, true, 0).expect("llega tarde");
    drop(cluster);
    assert_eq!((world.values(events(0)).len(), world.values(events(1)).len()), (1, 0));
    node.finish().expect("el cliente no se entera");
    assert_eq!(world.log.stats().misdecided, 1);
}

#[test]
fn limits_are_checked_before_anything_is_sent() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    let big = "x".repeat((1 << 20) + 1);
    assert!(matches!(node.begin(&[(events(0), &big)], &[]), Err(LogError::TooLarge { .. })));
    assert!(matches!(node.begin(&[(events(99), "x")], &[]), Err(LogError::UnknownPartition(_))));
    assert!(matches!(node.begin(&[], &[(commands(99), 1)]), Err(LogError::UnknownPartition(_))));
    assert!(matches!(node.client.step(), Step::Idle));
    assert!(!world.log.has_unsettled());
}

#[test]
fn another_process_is_fenced_through_the_cluster() {
    let world = World::new();
    let other = world.log.another_process();
    let old = world.log.claim("p").expect("reclama");
    let new = other.claim("p").expect("reclama");
    assert!(new.epoch > old.epoch);
    let write = |log: &SimulatedLog, token: &OwnerToken, value: &str| {
        let records = vec![(events(0), record(value))];
        log.commit(Transaction { token: token.clone(), group: GROUP.to_owned(), records, positions: Vec::new() })
    };
    assert!(matches!(write(&world.log, &old, "viejo"), Err(LogError::Fenced { .. })));
    write(&other, &new, "nuevo").expect("confirma");
    assert_eq!(world.values(events(0)), ["nuevo"]);
}

#[test]
fn the_blocking_port_waits_in_simulated_time() {
    let world = World::new();
    let token = world.log.claim("p").expect("reclama");
    world.script.next(Api::Produce, Fate::LoseAnswer);
    world.script.next(Api::EndTxn, Fate::Delay(SECOND / 2));
    let records = vec![(events(0), record("x"))];
    world.log.commit(Transaction { token, group: GROUP.to_owned(), records, positions: Vec::new() }).expect("confirma");
    assert_eq!(world.log.now(), 3 * SECOND / 2);
    assert_eq!(world.values(events(0)), ["x"]);
}
