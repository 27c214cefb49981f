//! Groups: generations, rounds, sessions, stable positions.

use super::*;

/// Polls the nodes in turn until nothing but idle comes from any of them; what each was told.
fn settle(nodes: &mut [&mut Node<'_>]) -> Vec<Vec<Delivery>> {
    let mut told: Vec<Vec<Delivery>> = nodes.iter().map(|_| Vec::new()).collect();
    let mut quiet = 0;
    while quiet < 10 * nodes.len() {
        for (node, told) in nodes.iter_mut().zip(&mut told) {
            match node.client.poll(usize::MAX, usize::MAX).expect("poll") {
                Delivery::Idle => quiet += 1,
                delivery => {
                    quiet = 0;
                    told.push(delivery);
                }
            }
        }
    }
    told
}

fn generation(node: &Node<'_>) -> u64 {
    node.client.membership().metadata().expect("metadatos").generation
}

#[test]
fn a_stale_generation_is_refused_and_an_unowned_partition_is_not() {
    let world = World::new();
    let mut cluster = world.log.shared.lock();
    let group = cluster.group(GROUP);
    let topics = [Topic::Comandos(Contexto::Facturacion)];
    let (member, _) = cluster.join(group, None, None, &topics, &[]).expect("entra");
    let txn = cluster.txn("x");
    cluster.init_producer_id(txn).expect("identidad");
    let producer = cluster.txns[txn].producer;
    cluster.add_offsets(txn, producer, group).expect("abre");
    let foreign = cluster.place(events(3)).expect("partición");
    let mut commit = |member, generation| {
        cluster.txn_offset_commit(txn, producer, group, Some(Metadata { member, generation }), &[(foreign, 5)])
    };
    commit(member, 1).expect("la partición ni siquiera es de sus temas, y se acepta: así es Kafka");
    for stale in [0, 2] {
        assert_eq!(commit(member, stale).unwrap_err(), request::Code::IllegalGeneration);
    }
    assert_eq!(commit(member + 1, 1).unwrap_err(), request::Code::UnknownMember);
    let outsider = cluster.txn_offset_commit(txn, producer, group, None, &[(foreign, 5)]);
    assert_eq!(outsider.unwrap_err(), request::Code::UnknownMember, "sin ser miembro sólo en un grupo vacío");
    cluster.end_txn(txn, producer, true, 1).expect("confirma");
    assert_eq!(cluster.groups[group].committed(foreign), Some(5));
}

#[test]
fn positions_of_a_group_the_transaction_does_not_have_are_refused() {
    let world = World::new();
    let mut cluster = world.log.shared.lock();
    let group = cluster.group(GROUP);
    let txn = cluster.txn("x");
    cluster.init_producer_id(txn).expect("identidad");
    let producer = cluster.txns[txn].producer;
    let late = cluster.txn_offset_commit(txn, producer, group, None, &[(0, 1)]);
    assert_eq!(late.unwrap_err(), request::Code::InvalidTxnState);
}

#[test]
fn partitions_that_move_are_let_go_before_they_are_given() {
    let world = World::new();
    let mut first = world.node(1);
    assert_eq!(first.assigned(), [0, 1, 2, 3].map(commands));
    assert_eq!(generation(&first), 1);
    let mut second = world.node(2);
    assert!(matches!(second.client.poll(1, 1).expect("poll"), Delivery::Idle), "espera a que entre la otra");
    let Delivery::Revoked(moved) = first.poll() else { panic!("se esperaba una revocación") };
    assert_eq!(moved.len(), 2);
    assert_eq!(generation(&first), 2, "la ronda en que se le quitan");
    first.commit(&[(events(0), "cierra")], &[(moved[0], 7)]).expect("lo que tiene en la mano se confirma antes de soltar");
    for _ in 0..10 {
        assert!(matches!(second.client.poll(1, 1).expect("poll"), Delivery::Idle), "nadie las suelta aún");
    }
    assert!(matches!(first.client.poll(1, 1).expect("poll"), Delivery::Idle));
    assert!(!first.client.can_commit(), "tras soltar no hay metadatos hasta la próxima asignación");
    assert!(matches!(first.begin(&[], &[]), Err(LogError::NotAssigned { .. })));
    assert_eq!(second.assigned(), moved);
    assert_eq!(generation(&second), 3);
    settle(&mut [&mut first, &mut second]);
    assert_eq!(generation(&first), 3);
    assert!(matches!(first.begin(&[], &[(moved[0], 8)]), Err(LogError::NotAssigned { .. })));
    first.commit(&[(events(0), "sigue")], &[]).expect("con la generación nueva");
    let position = second.client.membership().owned().next().expect("partición");
    assert_eq!((position, world.position(moved[0])), (moved[0], Some(7)));
}

/// Ownership is checked by the membership, since the broker does not: with live metadata the position would be accepted.
#[test]
fn the_client_refuses_what_the_broker_would_accept() {
    let world = World::new();
    let mut first = world.node(1);
    first.assigned();
    let mut second = world.node(2);
    settle(&mut [&mut first, &mut second]);
    let foreign = second.client.membership().owned().next().expect("partición");
    assert!(matches!(first.begin(&[(events(0), "ajeno")], &[(foreign, 1)]), Err(LogError::NotAssigned { .. })));
}

/// A node sleeps through its session between the positions of its transaction and its records, and wakes before anything expires. Who takes
/// over a partition whose commands it had not consumed, and whose aggregates it is about to change, must not read it before that.
#[test]
fn whoever_takes_over_what_a_transaction_changes_waits_for_its_end() {
    let world = World::with(ClusterOptions { transaction_timeout: 60 * SECOND, ..ClusterOptions::default() });
    let mut first = world.node(1);
    first.assigned();
    first.begin(&[(events(0), "a"), (events(3), "b")], &[(commands(0), 1)]).expect("empieza");
    first.steps(BEGIN + 2);
    let (mut second, mut third) = (world.node(2), world.node(3));
    let mut gained = Vec::new();
    for _ in 0..160 {
        world.wait(SECOND / 4);
        for node in [&mut second, &mut third] {
            match node.client.poll(usize::MAX, usize::MAX).expect("poll") {
                Delivery::Idle => {}
                Delivery::Assigned(partitions) => gained.extend(partitions),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(gained, [], "una espera por la 0 y la otra por la 3");
    assert!(world.log.stats().sessions_lost == 1 && world.log.stats().unstable_fetches > 0);
    world.script.edit(|script| script.silent = true);
    first.finish().expect("despierta y confirma: su generación se revisó con las posiciones");
    assert_eq!((world.values(events(3)), world.position(commands(0))), (vec!["b".to_owned()], Some(1)));
    gained.extend(second.assigned().into_iter().chain(third.assigned()));
    gained.sort_unstable();
    assert_eq!(gained, [0, 1, 2, 3].map(commands));
    assert!(matches!(first.commit(&[], &[(commands(0), 2)]), Err(LogError::Aborted { .. })), "la siguiente, ya no");
}

#[test]
fn a_rebalance_in_mid_epoch_that_takes_nothing_lets_it_commit() {
    let world = World::new();
    let mut first = world.node(1);
    let mut second = world.node(2);
    settle(&mut [&mut first, &mut second]);
    first.begin(&[(events(0), "a")], &[]).expect("empieza");
    first.steps(BEGIN + 1);
    let before = generation(&first);
    second.client.leave();
    let mut polled = 0;
    while generation(&first) == before && polled < 20 {
        first.client.step();
        polled += 1;
    }
    // The steps beat in the background, so the commit may have ended before, under either generation.
    if first.client.is_busy() {
        first.finish().expect("confirma con la generación nueva");
    }
    assert_eq!(world.values(events(0)), ["a"]);
}

#[test]
fn an_epoch_that_learns_too_late_of_a_rebalance_is_aborted() {
    let world = World::new();
    let mut first = world.node(1);
    first.assigned();
    first.begin(&[(events(0), "a")], &[(commands(0), 1)]).expect("empieza");
    first.steps(BEGIN);
    // The round is over without the first having heard of it: its heartbeats are lost meanwhile.
    let mut cluster = world.log.shared.lock();
    let topics = [Topic::Comandos(Contexto::Facturacion)];
    let member = first.client.membership().metadata().expect("metadatos").member;
    cluster.join(0, None, Some("otra"), &topics, &[]).expect("entra");
    cluster.join(0, Some(member), Some("nodo-1"), &topics, &[0, 1, 2, 3]).expect("entra");
    drop(cluster);
    (0..50).for_each(|_| world.script.next(Api::Heartbeat, Fate::LoseRequest));
    let told = first.finish();
    assert!(matches!(&told, Err(LogError::Aborted { what, .. }) if what == "ILLEGAL_GENERATION"), "{told:?}");
    assert!(world.values(events(0)).is_empty());
}

#[test]
fn an_epoch_whose_positions_were_accepted_commits_though_the_group_went_on_and_whoever_follows_waits() {
    let world = World::new();
    let mut first = world.node(1);
    first.assigned();
    first.begin(&[(events(0), "a")], &[(commands(0), 1)]).expect("empieza");
    first.steps(BEGIN + 2);
    // Out of its group between its positions and its records, and it has not heard of it.
    world.log.shared.lock().leave(0, 1);
    let mut heir = world.node(2);
    for _ in 0..20 {
        assert!(matches!(heir.client.poll(1, 1).expect("poll"), Delivery::Idle), "la posición no es estable");
    }
    assert!(world.log.stats().unstable_fetches > 0);
    (0..50).for_each(|_| world.script.next(Api::Heartbeat, Fate::LoseRequest));
    first.finish().expect("sus posiciones valían");
    assert_eq!((world.values(events(0)), world.position(commands(0))), (vec!["a".to_owned()], Some(1)));
    world.wait(SECOND);
    assert_eq!(heir.assigned().len(), 4);
}

#[test]
fn a_zombie_is_out_and_learns_it_only_when_it_speaks() {
    let world = World::new();
    let mut zombie = world.node(1);
    zombie.assigned();
    world.fill(commands(0), &["c"]);
    let mut heir = world.node(2);
    heir.client.poll(1, 1).expect("poll");
    world.wait(16 * SECOND);
    assert_eq!(heir.assigned().len(), 4, "la que no entró a tiempo quedó fuera");
    assert_eq!(zombie.client.membership().owned().count(), 4, "y no lo sabe");
    assert!(zombie.client.can_commit());
    zombie.begin(&[(events(0), "zombi")], &[(commands(0), 1)]).expect("cree que puede");
    let told = zombie.finish();
    assert!(matches!(told, Err(LogError::Aborted { .. })), "{told:?}");
    assert!(!zombie.client.can_commit());
    match zombie.poll() {
        Delivery::Revoked(partitions) => assert_eq!(partitions.len(), 4),
        other => panic!("{other:?}"),
    }
    assert!(zombie.client.assignment_lost());
    heir.commit(&[(events(0), "heredera")], &[(commands(0), 1)]).expect("confirma");
    assert_eq!(world.values(events(0)), ["heredera"]);
    settle(&mut [&mut zombie, &mut heir]);
    assert_eq!(zombie.client.membership().owned().count(), 2, "vuelve a entrar");
}

#[test]
fn a_silent_member_is_missed_after_its_session() {
    let world = World::new();
    let mut silent = world.node(1);
    let mut other = world.node(2);
    settle(&mut [&mut silent, &mut other]);
    drop(silent);
    for _ in 0..9 {
        world.wait(SECOND);
        settle(&mut [&mut other]);
    }
    assert_eq!(other.client.membership().owned().count(), 2);
    world.wait(2 * SECOND);
    settle(&mut [&mut other]);
    assert_eq!(other.client.membership().owned().count(), 4);
    assert_eq!(world.log.stats().sessions_lost, 1);
}

#[test]
fn the_same_instance_comes_back_to_its_partitions_without_a_round() {
    let world = World::new();
    let mut first = world.node(1);
    let mut second = world.node(2);
    settle(&mut [&mut first, &mut second]);
    let before = generation(&first);
    let owned: Vec<_> = first.client.membership().owned().collect();
    let mut again = world.node(1);
    assert_eq!(again.assigned(), owned);
    assert_eq!(generation(&again), before, "la misma generación");
    assert_eq!(settle(&mut [&mut second])[0].len(), 0);
    match first.poll() {
        Delivery::Revoked(partitions) => assert_eq!(partitions, owned),
        other => panic!("{other:?}"),
    }
    let told = (0..5).find_map(|_| first.client.poll(1, 1).err());
    assert!(matches!(told, Some(LogError::Fenced { .. })), "otra lleva su nombre: {told:?}");
}

#[test]
fn positions_are_taken_over_only_when_no_transaction_holds_them_back() {
    let world = World::new();
    world.fill(commands(0), &["a", "b", "c"]);
    let mut first = world.node(1);
    first.assigned();
    first.begin(&[(events(0), "x")], &[(commands(0), 2)]).expect("empieza");
    // Begin, AddOffsets, TxnOffsetCommit, AddPartitions, Produce: the commit is not asked for.
    first.steps(WRITTEN);
    drop(first);
    let mut heir = world.node(2);
    heir.client.poll(1, 1).expect("poll");
    // The one that is gone is put out of its group before its transaction is as old as may be.
    world.log.shared.lock().leave(0, 1);
    for _ in 0..20 {
        assert!(matches!(heir.client.poll(1, 1).expect("poll"), Delivery::Idle), "la posición no es estable");
    }
    assert!(world.log.stats().unstable_fetches > 0);
    world.wait(11 * SECOND);
    assert_eq!(heir.assigned().len(), 4);
    assert_eq!(heir.records(), (commands(0), vec![0, 1, 2]), "la transacción se abortó: desde el comienzo");
}

#[test]
fn reading_goes_over_markers_and_aborted_records() {
    let world = World::new();
    let mut node = world.node(1);
    node.assigned();
    node.commit(&[(commands(0), "a")], &[]).expect("confirma");
    node.begin(&[(commands(0), "abortado")], &[]).expect("empieza");
    node.steps(WRITTEN);
    node.claim();
    node.commit(&[(commands(0), "b")], &[]).expect("confirma");
    // a 0, marker 1, aborted 2, marker 3, b 4, marker 5.
    let mut seen = Vec::new();
    while let Delivery::Records(partition, records) = node.poll() {
        assert_eq!(partition, commands(0));
        seen.extend(records.iter().map(|r| r.position));
    }
    assert_eq!(seen, [0, 4]);
}

#[test]
fn nothing_is_delivered_between_a_revocation_and_the_next_assignment() {
    let world = World::new();
    let mut first = world.node(1);
    first.assigned();
    for partition in 0..4 {
        world.fill(commands(partition), &["x"]);
    }
    let mut second = world.node(2);
    second.client.poll(1, 1).expect("poll");
    while !matches!(first.client.poll(1, 1).expect("poll"), Delivery::Revoked(_)) {}
    for _ in 0..10 {
        assert!(matches!(first.client.poll(1, 1).expect("poll"), Delivery::Idle), "no hay con qué confirmarlo");
    }
    let told = settle(&mut [&mut first, &mut second]);
    assert!(told.iter().all(|told| !told.is_empty()), "{told:?}");
}
