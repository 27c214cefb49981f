//! I11 and I12 over logs as Kafka keeps them: positions with gaps, several nodes, sagas that cross their topics, steps and answers that
//! come twice. Healthy ones pass; each planted violation is found.

use bytes::Bytes;

use super::mundo::{AHORA, base, cliente, crear_inventario, entrada, entradas, factura, producto};
use crate::{
    audit::{
        invariantes::{Codigo, Informe, Opciones, verificar},
        pruebas::nodos::{GRUPO, Nodos, id},
    },
    contracts::RegistroDlq,
    domain::{
        Comando, Contexto, Evento,
        facturacion::factura::{ComandoFactura, EventoFactura},
        valores::Instante,
    },
    log::{StoredRecord, Topic, TopicPartition},
};

pub(super) const PARTICIONES: u16 = 3;
/// `engine::core::tests` plants a panic in the decision of this command.
pub(super) const VENENO: &str = "entra-en-panico";

/// A store with stock, on `cuantos` nodes.
pub(super) fn tienda(cuantos: usize) -> Nodos {
    let mut nodos = Nodos::uno(PARTICIONES, true, AHORA);
    let catalogo = base().into_iter().chain((0..4).map(cliente)).chain((0..5).map(producto));
    let comandos = catalogo.chain((0..5).flat_map(|n| [crear_inventario(n)].into_iter().chain(entradas(n))));
    for (i, comando) in comandos.enumerate() {
        nodos.enviar(&nodos.sobre(&format!("semilla-{i}"), comando));
        nodos.terminar(50);
    }
    if cuantos > 1 {
        nodos.repartir(cuantos);
    }
    nodos
}

/// Sales: issued, refused for stock or client, repeated, with an id used twice; and what is no command at all.
pub(super) fn vender(nodos: &mut Nodos, facturas: u32) {
    for i in 0..facturas {
        let lineas = [(i % 5, 1 + i64::from(i % 7)), ((i + 2) % 5, 3), (i % 5, 5)];
        nodos.enviar(&nodos.sobre(&format!("of-{i}"), factura(&format!("f{i}"), i % 4, &lineas)));
        match i % 10 {
            3 => nodos.enviar(&nodos.sobre(&format!("of-{i}"), factura(&format!("f{i}"), i % 4, &lineas))),
            5 => nodos.enviar(&nodos.sobre(&format!("of-{i}"), factura(&format!("f{i}"), i % 4, &[(0, 9)]))),
            7 => nodos.enviar(&nodos.sobre(&format!("gr-{i}"), factura(&format!("g{i}"), 0, &[(1, 990_000), (2, 10)]))),
            8 => nodos.enviar_bytes(comandos(Contexto::Facturacion), Bytes::from_static(b"f1"), Bytes::from_static(b"basura")),
            9 => nodos.enviar(&nodos.sobre(&format!("sc-{i}"), factura(&format!("s{i}"), 999, &[(1, 10)]))),
            _ => {}
        }
        if i % 4 == 0 {
            let cual = i as usize % nodos.cuantos();
            nodos.epoca(cual, 2);
        }
    }
    nodos.terminar(3);
}

pub(super) fn comandos(contexto: Contexto) -> TopicPartition {
    TopicPartition::new(Topic::Comandos(contexto), 1)
}

pub(super) fn informe(nodos: &Nodos, quieto: bool) -> Informe {
    let opciones = Opciones { emisor: Some(&nodos.emisor), quieto, paciencia: std::time::Duration::ZERO, ..Opciones::default() };
    verificar(&*nodos.log, &nodos.codec, &opciones, &mut |_, _| {}).expect("verificación")
}

pub(super) fn sano(nodos: &Nodos, quieto: bool) -> Informe {
    let informe = informe(nodos, quieto);
    assert!(informe.sano(), "{:#}", informe.to_json());
    informe
}

pub(super) fn hallada(nodos: &Nodos, codigo: Codigo, texto: &str) -> Informe {
    let informe = informe(nodos, true);
    let ejemplos = &informe.de(codigo).ejemplos;
    assert!(ejemplos.iter().any(|e| e.contains(texto)), "«{texto}» no está en {:#}", informe.to_json());
    informe
}

#[test]
fn logs_of_one_and_of_several_nodes_pass_at_rest() {
    for cuantos in [1, 2, 3] {
        let mut nodos = tienda(cuantos);
        vender(&mut nodos, 60);
        let informe = sano(&nodos, true);
        assert!(informe.corte_exacto);
        assert_eq!((informe.facturas, informe.repetidos, informe.pendientes, informe.en_curso), (60, 6, 0, 0), "{cuantos}");
        assert_eq!((informe.apartados, informe.pasos > 0), (6, cuantos > 1), "{cuantos}");
        assert!(informe.de(Codigo::I11).revisados >= 80 && informe.de(Codigo::I12).revisados > 0);
    }
}

#[test]
fn at_every_moment_of_a_saga_that_crosses_nodes_the_log_passes() {
    let mut nodos = tienda(2);
    let mut abiertas = 0;
    for i in 0..12 {
        nodos.enviar(
            &nodos.sobre(&format!("of-{i}"), factura(&format!("f{i}"), 0, &[(0, 10), (1, 20), (2, 5 + 990_000 * (i % 2))])),
        );
        // From the order to the end, one epoch of one node at a time.
        for turno in 0..12 {
            nodos.epoca((turno + i as usize) % 2, 1);
            let informe = sano(&nodos, false);
            abiertas += informe.sagas_abiertas;
        }
    }
    assert!(abiertas > 20, "las sagas se vieron a medias: {abiertas}");
    nodos.terminar(1);
    sano(&nodos, true);
}

#[test]
fn steps_and_answers_that_come_twice_change_nothing() {
    let mut nodos = tienda(2);
    for i in 0..20 {
        nodos.enviar(&nodos.sobre(
            &format!("of-{i}"),
            factura(&format!("f{i}"), 0, &[(i % 5, 10), (2, 20), ((i + 3) % 5, 5 + 500_000 * i64::from(i % 2))]),
        ));
        for _ in 0..6 {
            for cual in 0..2 {
                nodos.epoca(cual, 4);
            }
            // Every message between aggregates so far, again.
            if i % 5 == 0 {
                repetir_mensajes(&nodos);
            }
        }
    }
    nodos.terminar(7);
    let informe = sano(&nodos, true);
    assert!(informe.pasos > 100 && informe.facturas > 5 && informe.facturas_rechazadas > 5, "{:#}", informe.to_json());
}

fn repetir_mensajes(nodos: &Nodos) {
    for contexto in [Contexto::Inventario, Contexto::Numeracion, Contexto::Facturacion] {
        for particion in 0..PARTICIONES {
            let tp = TopicPartition::new(Topic::Comandos(contexto), particion);
            let mensajes = nodos.log.leer(tp, 0).into_iter().filter(|r| es_de_saga(nodos, r));
            for mensaje in mensajes.collect::<Vec<_>>().into_iter().rev().take(5) {
                nodos.enviar_bytes(tp, mensaje.record.key, mensaje.record.value);
            }
        }
    }
}

fn es_de_saga(nodos: &Nodos, registro: &StoredRecord) -> bool {
    nodos.codec.decode_command(&registro.record.value).is_ok_and(|c| {
        c.envelope.paso.is_some() || matches!(c.envelope.comando, Comando::Factura(ComandoFactura::RespuestaPaso { .. }))
    })
}

#[test]
fn what_waits_behind_a_quarantine_is_in_the_dlq_and_holds_nothing_else_up() {
    let mut nodos = tienda(1);
    nodos.enviar(&nodos.sobre(VENENO, entrada(4, "x", 1, 1, "2026-05-01", None)));
    nodos.terminar(1);
    nodos.enviar(&nodos.sobre("despues", entrada(4, "y", 1, 1, "2026-05-01", None)));
    nodos.enviar(&nodos.sobre("venta", factura("fq", 0, &[(0, 10), (4, 10)])));
    vender(&mut nodos, 4);
    let informe = informe(&nodos, true);
    // Invoices of the product in quarantine wait: their command is in course, and that is all.
    assert_eq!(informe.fallas(), informe.de(Codigo::I12).fallas, "{:#}", informe.to_json());
    assert!(informe.de(Codigo::I12).ejemplos.iter().all(|e| e.contains("sin desenlace")), "{:#}", informe.to_json());
    assert!(informe.apartados >= 2 && informe.en_curso >= 1, "{:#}", informe.to_json());
}

#[test]
fn i11_an_unreadable_input_that_is_not_in_the_dlq() {
    let mut nodos = tienda(1);
    vender(&mut nodos, 10);
    vaciar_dlq(&nodos);
    hallada(&nodos, Codigo::I11, "ilegible y no está en la DLQ");
    hallada(&nodos, Codigo::I11, "con destino");
}

fn vaciar_dlq(nodos: &Nodos) {
    for particion in 0..PARTICIONES {
        nodos.log.alterar(TopicPartition::new(Topic::Dlq(Contexto::Facturacion), particion), Vec::clear);
    }
}

/// Changes the only record of the DLQ and puts it back.
fn en_dlq(nodos: &Nodos, cambiar: impl Fn(&mut RegistroDlq), veces: usize) {
    let tp = TopicPartition::new(Topic::Dlq(Contexto::Facturacion), 1);
    nodos.log.alterar(tp, |registros| {
        let mut carta = nodos.codec.decode_dlq(&registros[0].record.value).expect("carta");
        cambiar(&mut carta);
        let value = nodos.codec.encode_dlq(&carta).expect("carta");
        let cambiada = StoredRecord { record: crate::log::Record { value, ..registros[0].record.clone() }, ..registros[0] };
        registros.splice(0..1, vec![cambiada; veces]);
    });
}

#[test]
fn i11_a_dlq_record_twice_of_another_input_or_of_other_bytes() {
    let con = |cambiar: &dyn Fn(&mut RegistroDlq), veces| {
        let mut nodos = tienda(1);
        vender(&mut nodos, 10);
        en_dlq(&nodos, cambiar, veces);
        nodos
    };
    hallada(&con(&|_| {}, 2), Codigo::I11, "más de una vez en la DLQ");
    hallada(&con(&|carta| carta.valor = Bytes::from_static(b"otra"), 1), Codigo::I11, "no es el que hay ahí");
    hallada(&con(&|carta| carta.entrada.posicion += 1, 1), Codigo::I11, "no es el que hay ahí");
}

#[test]
fn i11_an_input_that_is_in_the_dlq_and_was_decided() {
    let mut nodos = tienda(1);
    vender(&mut nodos, 10);
    let tp = nodos.lugar_de(&factura("f0", 0, &[]));
    let orden = nodos.log.leer(tp, 0).into_iter().find(|r| &r.record.key[..] == b"f0").expect("la orden");
    let mut cambiada = false;
    for particion in 0..PARTICIONES {
        let dlq = TopicPartition::new(Topic::Dlq(Contexto::Facturacion), particion);
        if nodos.log.leer(dlq, 0).is_empty() {
            continue;
        }
        let cambiar = |carta: &mut RegistroDlq| {
            carta.entrada.particion = tp;
            carta.entrada.posicion = orden.position;
            (carta.clave, carta.valor) = (orden.record.key.clone(), orden.record.value.clone());
        };
        en_dlq(&nodos, cambiar, 1);
        cambiada = true;
    }
    assert!(cambiada);
    hallada(&nodos, Codigo::I11, "además tiene desenlace");
}

#[test]
fn i11_positions_beyond_the_end_and_inputs_passed_over() {
    let mut nodos = tienda(1);
    vender(&mut nodos, 4);
    let tp = comandos(Contexto::Facturacion);
    nodos.log.mover(GRUPO, tp, nodos.log.fin(tp) + 1);
    hallada(&nodos, Codigo::I11, "el registro termina en la");
    let mut nodos = tienda(1);
    let comando = factura("f0", 0, &[(0, 10)]);
    let tp = nodos.lugar_de(&comando);
    nodos.enviar(&nodos.sobre("saltada", comando));
    nodos.log.mover(GRUPO, tp, nodos.log.fin(tp));
    nodos.terminar(1);
    hallada(&nodos, Codigo::I1, "se perdió");
    hallada(&nodos, Codigo::I11, "con destino");
}

#[test]
fn i1_a_command_skipped_whose_repeat_was_decided() {
    let mut nodos = tienda(1);
    let comando = entrada(0, "m", 1, 1, "2026-05-01", None);
    let tp = nodos.lugar_de(&comando);
    nodos.enviar(&nodos.sobre("repetida", comando.clone()));
    nodos.log.mover(GRUPO, tp, nodos.log.fin(tp));
    nodos.enviar(&nodos.sobre("repetida", comando));
    nodos.terminar(1);
    hallada(&nodos, Codigo::I1, "sin dejar nada");
}

#[test]
fn i12_work_left_undone() {
    let mut nodos = tienda(2);
    vender(&mut nodos, 4);
    sano(&nodos, true);
    nodos.enviar(&nodos.sobre("otra", factura("fx", 0, &[(0, 10), (1, 10), (2, 10), (3, 10), (4, 10)])));
    hallada(&nodos, Codigo::I12, "procesador va por la posición");
    while informe(&nodos, false).sagas_abiertas == 0 {
        assert!(nodos.epoca(0, 1) | nodos.epoca(1, 1));
    }
    let informe_ = hallada(&nodos, Codigo::I12, "sigue abierta la emisión de fx, intento 1");
    assert!(informe_.de(Codigo::I12).ejemplos.iter().any(|e| e.contains("1 comandos sin desenlace")));
    assert!(informe(&nodos, false).de(Codigo::I12).nota.as_ref().is_some_and(|n| n.contains("1 sagas abiertas")));
    nodos.terminar(1);
    sano(&nodos, true);
}

#[test]
fn i12_a_transaction_that_hangs_is_no_loss_but_no_rest_either() {
    let mut nodos = tienda(1);
    vender(&mut nodos, 8);
    // What the last epochs wrote to stock is not decided yet, though their positions and invoices are.
    let tp = TopicPartition::new(Topic::Eventos(Contexto::Inventario), 0);
    let eventos = nodos.log.leer(tp, 0);
    nodos.log.colgar(tp, eventos[eventos.len() - 2].position);
    let en_marcha = sano(&nodos, false);
    assert_eq!((en_marcha.particiones_por_decidir, en_marcha.corte_exacto), (1, false));
    hallada(&nodos, Codigo::I12, "decidido hasta");
    // The same records, lost instead of undecided, are a failure.
    nodos.log.alterar(tp, |registros| registros.truncate(registros.len() - 2));
    let mut otros = tienda(1);
    vender(&mut otros, 8);
    otros.log.alterar(tp, |registros| registros.truncate(registros.len() - 2));
    hallada(&otros, Codigo::I4, "ninguna existencia bajó");
}

#[test]
fn i12_a_reservation_that_a_finished_invoice_forgot() {
    let mut nodos = tienda(2);
    nodos.enviar(&nodos.sobre("mucha", factura("fz", 0, &[(0, 10), (1, 10), (2, 10), (3, 10), (4, 990_000)])));
    nodos.terminar(1);
    sano(&nodos, true);
    // The releases are read, and leave nothing.
    for particion in 0..PARTICIONES {
        let tp = TopicPartition::new(Topic::Eventos(Contexto::Inventario), particion);
        nodos.log.alterar(tp, |registros| {
            registros.retain(|r| nodos.codec.decode_event(&r.record.value).expect("evento").evento.tipo() != "ReservaLiberada");
        });
    }
    hallada(&nodos, Codigo::I12, "sigue reservado y su factura no está en emisión");
}

#[test]
fn a_deadline_that_passes_releases_everything_on_every_node() {
    let mut nodos = tienda(2);
    nodos.enviar(&nodos.sobre("lenta", factura("fl", 0, &[(0, 10), (1, 10), (2, 10), (3, 10), (4, 10)])));
    while informe(&nodos, false).sagas_abiertas == 0 {
        assert!(nodos.epoca(0, 1) | nodos.epoca(1, 1));
    }
    nodos.ahora = Instante(AHORA.micros() + 31_000_000);
    nodos.terminar(1);
    let informe = sano(&nodos, true);
    assert_eq!((informe.facturas, informe.facturas_rechazadas), (0, 1), "{:#}", informe.to_json());
    let rechazada = (0..PARTICIONES)
        .flat_map(|p| nodos.log.leer(TopicPartition::new(Topic::Eventos(Contexto::Facturacion), p), 0))
        .find_map(|r| match nodos.codec.decode_event(&r.record.value).expect("evento").evento {
            Evento::Factura(EventoFactura::FacturaRechazada { factura_id, errores, .. }) => Some((factura_id, errores)),
            _ => None,
        });
    assert!(rechazada.is_some_and(|(cual, errores)| cual == id("fl") && errores[0].regla.nombre() == "EmisionVencida"));
}
