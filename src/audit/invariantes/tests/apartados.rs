//! Dead letters over whole logs: what operators do with them leaves logs that pass, however often they do it; and no poison stalls anything.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    cuentas::{PARTICIONES, VENENO, comandos, hallada, informe, sano, tienda, vender},
    mundo::{cliente, entrada, factura},
};
use crate::{
    audit::{
        invariantes::Codigo,
        pruebas::nodos::{GRUPO, Nodos, id},
    },
    contracts::RegistroDlq,
    domain::{
        Comando, ComandoEnEspera, Contexto, Evento,
        cuarentena::{Apartado, ComandoCuarentena, EventoCuarentena},
    },
    log::{Log, Topic, TopicPartition},
};

fn resolver(carta: &RegistroDlq, descartar: bool) -> Option<Comando> {
    let (tipo, id) = carta.aggregate.clone()?;
    Some(Comando::Cuarentena(ComandoCuarentena::ResolverApartado {
        tipo,
        id,
        apartado: carta.apartado?,
        descartar,
        motivo: "se corrigió la decisión".into(),
        pedido: ComandoEnEspera(carta.valor.as_ref().into()),
    }))
}

/// Letters that wait, in order; of quarantines only.
fn esperan(nodos: &Nodos) -> Vec<RegistroDlq> {
    let cartas: Vec<RegistroDlq> = Contexto::TODOS.into_iter().flat_map(|contexto| nodos.cartas(contexto)).collect();
    let resueltas: BTreeSet<Apartado> = cartas.iter().filter(|c| c.resolucion.is_some()).filter_map(|c| c.apartado).collect();
    let espera = |c: &RegistroDlq| {
        matches!(&*c.codigo, "Panico" | "EnCuarentena") && c.apartado.is_some_and(|apartado| !resueltas.contains(&apartado))
    };
    cartas.into_iter().filter(espera).collect()
}

/// Resolves everything that waits until nothing does, each `veces` times, every `descarta`-th by discarding it. How many.
fn resolver_todo(nodos: &mut Nodos, veces: usize, descarta: usize) -> usize {
    let mut hechas = 0;
    for ronda in 0.. {
        let cartas = esperan(nodos);
        if cartas.is_empty() {
            return hechas;
        }
        assert!(ronda < 20, "no acaba: {cartas:?}");
        for (n, carta) in cartas.iter().enumerate() {
            hechas += 1;
            for vez in 0..veces {
                let comando = resolver(carta, hechas % descarta == 0).expect("de un agregado");
                nodos.enviar(&nodos.sobre(&format!("resuelve-{ronda}-{n}-{vez}"), comando.clone()));
                // And the same command of the operator, as a client that lost its answer sends it.
                nodos.enviar(&nodos.sobre(&format!("resuelve-{ronda}-{n}-{vez}"), comando));
            }
        }
        nodos.terminar(3);
    }
    hechas
}

#[test]
fn letters_resolved_twice_leave_a_log_that_passes_on_one_node_and_on_several() {
    for (cuantos, descarta) in [(1, 1_000), (2, 1_000), (3, 1_000), (1, 3), (2, 2)] {
        let mut nodos = tienda(cuantos);
        nodos.enviar(&nodos.sobre(VENENO, entrada(4, "x", 1, 1, "2026-05-01", None)));
        nodos.terminar(1);
        for n in 0..6 {
            nodos.enviar(&nodos.sobre(&format!("despues-{}", n % 4), entrada(4, &format!("y{}", n % 4), 1, 1, "2026-05-01", None)));
        }
        nodos.enviar(&nodos.sobre("venta", factura("fq", 0, &[(0, 10), (4, 10)])));
        vender(&mut nodos, 15);
        assert!(informe(&nodos, true).apartados >= 7, "{cuantos}");
        nodos.reparar();
        let hechas = resolver_todo(&mut nodos, 2, descarta);
        assert!(hechas >= 7, "{hechas}");
        // A step that an invoice with its number cannot do without comes again when its time is over.
        nodos.ahora = nodos.ahora.mas_milis(60_000);
        nodos.terminar(3);
        let informe = sano(&nodos, true);
        assert_eq!((informe.en_curso, informe.pendientes), (0, 0), "{:#}", informe.to_json());
        let levantadas = eventos(&nodos).iter().filter(|e| matches!(e, EventoCuarentena::CuarentenaLevantada { .. })).count();
        assert_eq!(levantadas, 1, "{cuantos} {descarta}");
        // Once more: nothing waits, nothing changes.
        assert_eq!(resolver_todo(&mut nodos, 1, 1), 0);
    }
}

fn eventos(nodos: &Nodos) -> Vec<EventoCuarentena> {
    let temas = Contexto::TODOS.into_iter().flat_map(|c| (0..PARTICIONES).map(move |p| TopicPartition::new(Topic::Eventos(c), p)));
    let leidos = temas.flat_map(|tp| nodos.log.leer(tp, 0));
    let evento = |valor: &Bytes| match nodos.codec.decode_event(valor).expect("evento").evento {
        Evento::Cuarentena(e) => Some(e),
        _ => None,
    };
    leidos.filter_map(|registro| evento(&registro.record.value)).collect()
}

#[test]
fn i1_an_operators_command_that_left_nothing_and_a_resolution_that_was_written_twice() {
    let mut nodos = tienda(1);
    nodos.enviar(&nodos.sobre(VENENO, entrada(4, "x", 1, 1, "2026-05-01", None)));
    nodos.terminar(1);
    let carta = esperan(&nodos).remove(0);
    let comando = resolver(&carta, true).expect("de un agregado");
    let tp = nodos.lugar_de(&comando);
    nodos.enviar(&nodos.sobre("resuelve", comando));
    nodos.log.mover(GRUPO, tp, nodos.log.fin(tp));
    hallada(&nodos, Codigo::I1, "se perdió");
}

/// One poison of each of ten kinds.
fn veneno(nodos: &Nodos, n: u32) {
    let tp = comandos(Contexto::Facturacion);
    let clave = Bytes::from(format!("veneno-{n}"));
    let buena =
        nodos.codec.encode_command(&nodos.sobre(&format!("v-{n}"), factura(&format!("v{n}"), 0, &[(0, 10)]))).expect("orden");
    let mal = |bytes: Vec<u8>| nodos.enviar_bytes(tp, clave.clone(), Bytes::from(bytes));
    match n % 10 {
        0 => mal(n.wrapping_mul(2_654_435_761).to_be_bytes().repeat(1 + (n % 50) as usize)),
        1 => mal(Vec::new()),
        2 => mal(buena[..buena.len() - 1 - (n as usize % 40)].to_vec()),
        3 => mal([&buena[..], b"sobra"].concat()),
        4 => mal([&[0, 0xff, 0xff, 0xff, 0xf0], &buena[5..]].concat()),
        // Whatever follows the envelope's first text says that it is endless.
        5 => mal([&buena[..6], &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]].concat()),
        6 => mal([&[1], &buena[1..]].concat()),
        // The content of another key.
        7 => nodos.enviar_bytes(tp, Bytes::from_static(b"otra"), buena),
        // Another partition than its key's.
        8 => {
            let lugar = nodos.lugar_de(&factura(&format!("v{n}"), 0, &[]));
            let ajena = TopicPartition::new(lugar.topic, (lugar.partition + 1) % PARTICIONES);
            nodos.enviar_bytes(ajena, Bytes::from(format!("v{n}")), buena);
        }
        _ => {
            let Comando::Cliente(_) = cliente(1_000 + n) else { unreachable!("crea un cliente") };
            nodos.enviar(&nodos.sobre(VENENO, cliente(1_000 + n)));
        }
    }
}

#[test]
fn ten_thousand_poisons_of_ten_kinds_stall_nothing() {
    const VENENOS: u32 = 10_000;
    const BUENAS: u32 = 200;
    let mut nodos = tienda(1);
    for n in 0..VENENOS {
        veneno(&nodos, n);
        if n % (VENENOS / BUENAS) == 0 {
            nodos.enviar(&nodos.sobre(&format!("buena-{n}"), factura(&format!("b{n}"), n % 4, &[(n % 4, 10)])));
        }
        if n % 500 == 0 {
            nodos.terminar(64);
        }
    }
    nodos.terminar(64);
    for contexto in Contexto::TODOS {
        for particion in 0..PARTICIONES {
            let tp = TopicPartition::new(Topic::Comandos(contexto), particion);
            let posicion = nodos.log.position(GRUPO, tp).expect("posición").unwrap_or_default();
            assert_eq!(posicion, nodos.log.fin(tp), "{tp} se detuvo");
        }
    }
    let informe = sano(&nodos, true);
    assert_eq!((informe.apartados, informe.facturas), (u64::from(VENENOS), u64::from(BUENAS)), "{:#}", informe.to_json());
    assert!(esperan(&nodos).iter().all(|carta| carta.command_id == Some(id(VENENO))));
}
