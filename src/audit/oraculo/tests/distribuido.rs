//! Logs of one and of several nodes, in any order of their epochs, are found legal; each violation planted in one is found.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*, test_runner::Config};

use super::{
    comercio::{AHORA, Cuanto, Linea, Orden, Venta, base, orden},
    serial::mandar,
};
use crate::{
    audit::{
        invariantes::{Informe, Opciones},
        oraculo::{Juicio, Mundo, OraculoSerial, verificar_y_juzgar},
        pruebas::nodos::Nodos,
    },
    contracts::{RecordedEvent, RegistroAuditoria},
    domain::{
        Contexto, Evento,
        facturacion::factura::{EventoFactura, FacturaEmitida},
        inventario::EventoInventario,
        numeracion::EventoRango,
        reglas::Regla,
        valores::{Cantidad, Decimal, Instante},
    },
    log::{StoredRecord, Topic, TopicPartition},
};

const PARTICIONES: u16 = 4;

fn juzgar(nodos: &Nodos, quieto: bool) -> (Informe, Juicio) {
    let opciones = Opciones { emisor: Some(&nodos.emisor), quieto, paciencia: std::time::Duration::ZERO, ..Opciones::default() };
    verificar_y_juzgar(&*nodos.log, &nodos.codec, &nodos.emisor, &opciones, &mut |_, _| {}).expect("verificación")
}

/// The nodes take the orders in turns, each an epoch of so many inputs, until nothing is left.
fn correr(ordenes: &[Orden], cuantos: usize, turnos: &[(usize, usize)]) -> Nodos {
    let mut nodos = Nodos::uno(PARTICIONES, true, AHORA);
    let mut oraculo = OraculoSerial::new((*nodos.emisor).clone());
    let sobres = mandar(&nodos, &mut oraculo, ordenes);
    let (semilla, ordenes) = sobres.split_at(base().len());
    nodos.en_orden(semilla, &[7]);
    if cuantos > 1 {
        nodos.repartir(cuantos);
    }
    let mut turnos = turnos.iter().cycle();
    for (i, sobre) in ordenes.iter().enumerate() {
        nodos.enviar(sobre);
        let (cual, maximo) = *turnos.next().expect("hay turnos");
        nodos.epoca(cual % cuantos, maximo);
        if i % 20 == 19 {
            // A minute goes by: what waits is past its deadline.
            nodos.ahora = Instante(nodos.ahora.micros() + 60_000_000);
        }
    }
    nodos.terminar(5);
    nodos
}

proptest! {
    #![proptest_config(Config { cases: 16, max_shrink_iters: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_any_number_of_nodes_leaves_is_legal(
        ordenes in vec(orden(), 1..70),
        cuantos in 1..4_usize,
        turnos in vec((0..3_usize, 1..4_usize), 1..12),
    ) {
        let nodos = correr(&ordenes, cuantos, &turnos);
        let (informe, juicio) = juzgar(&nodos, true);
        prop_assert!(informe.sano(), "{:#}", informe.to_json());
        prop_assert_eq!(juicio.hallazgos, Vec::<String>::new());
        prop_assert_eq!(juicio.eventos, informe.eventos);
    }
}

fn venta(lineas: &[(u8, u16)]) -> Orden {
    let linea = |(producto, centesimas): &(u8, u16)| Linea {
        producto: *producto,
        bodega: None,
        cuanto: Cuanto::Fijo(*centesimas),
        precio: None,
        sin_impuesto: false,
        descuento: None,
    };
    Orden::Venta(Venta { cliente: 0, lineas: lineas.iter().map(linea).collect(), dia: 1, descuento: None, emitir: true })
}

/// Sales that go well, two that lack stock of one of their products, an exit that is refused.
fn escena(cuantos: usize) -> Nodos {
    let ordenes = [
        venta(&[(0, 1_000), (1, 500)]),
        venta(&[(0, 1_000), (2, 9_000)]),
        venta(&[(2, 1_000)]),
        Orden::Salida { lugar: (2, 0), ajuste: true, cuanto: Cuanto::Fijo(9_999), dia: 14 },
        Orden::Entrada { lugar: (2, 0), cantidad: 4_000, costo: 9, ingreso: 1, caduca: None },
        venta(&[(2, 8_000), (0, 100)]),
    ];
    let nodos = correr(&ordenes, cuantos, &[(0, 1), (1, 1)]);
    let (informe, juicio) = juzgar(&nodos, true);
    assert!(informe.sano(), "{:#}", informe.to_json());
    // With two nodes the stock that comes in is overtaken by the last sale.
    assert_eq!((juicio.fallas, juicio.rechazos), (0, 1 + cuantos as u64), "{:?}", juicio.hallazgos);
    nodos
}

/// Changes the first event that `cambiar` accepts.
fn alterar(nodos: &Nodos, contexto: Contexto, cambiar: impl Fn(&mut RecordedEvent) -> bool) {
    for particion in 0..PARTICIONES {
        let mut hecho = false;
        nodos.log.alterar(TopicPartition::new(Topic::Eventos(contexto), particion), |registros| {
            for registro in registros.iter_mut() {
                let mut evento = nodos.codec.decode_event(&registro.record.value).expect("evento");
                if cambiar(&mut evento) {
                    registro.record.value = nodos.codec.encode_event(&evento.sobre, &evento.evento).expect("evento");
                    hecho = true;
                    return;
                }
            }
        });
        if hecho {
            return;
        }
    }
    panic!("ningún evento que alterar");
}

fn hallado(nodos: &Nodos, texto: &str) {
    let (_, juicio) = juzgar(nodos, false);
    assert!(juicio.hallazgos.iter().any(|h| h.contains(texto)), "«{texto}» no está en {:#?}", juicio.hallazgos);
}

fn en_todas(texto: &str, contexto: Contexto, cambiar: impl Fn(&mut RecordedEvent) -> bool) {
    for cuantos in [1, 2] {
        let nodos = escena(cuantos);
        alterar(&nodos, contexto, &cambiar);
        hallado(&nodos, texto);
    }
}

fn emitida(evento: &mut RecordedEvent, cambiar: impl FnOnce(&mut FacturaEmitida)) -> bool {
    let Evento::Factura(EventoFactura::FacturaEmitida(documento)) = &mut evento.evento else { return false };
    cambiar(Arc::make_mut(documento));
    true
}

fn cantidad(centesimas: i64) -> Cantidad {
    Cantidad::nuevo(Decimal::new(centesimas, 2)).expect("cantidad")
}

#[test]
fn stock_that_moves_as_the_domain_would_not() {
    en_todas("el dominio decide", Contexto::Inventario, |e| {
        let Evento::Inventario(EventoInventario::StockReducido(m)) = &mut e.evento else { return false };
        m.disponible_resultante = cantidad(1);
        true
    });
    en_todas("el dominio decide", Contexto::Inventario, |e| {
        let Evento::Inventario(EventoInventario::StockIncrementado(m)) = &mut e.evento else { return false };
        m.stock_resultante = cantidad(1);
        true
    });
    en_todas("el dominio decide", Contexto::Inventario, |e| {
        let Evento::Inventario(EventoInventario::LoteCreado { secuencia, .. }) = &mut e.evento else { return false };
        *secuencia += 1;
        true
    });
}

#[test]
fn a_reservation_above_what_was_available() {
    let nodos = escena(2);
    alterar(&nodos, Contexto::Inventario, |e| {
        let Evento::Inventario(EventoInventario::StockReservado { cantidad: q, .. }) = &mut e.evento else { return false };
        *q = cantidad(999_900);
        true
    });
    hallado(&nodos, "el dominio lo rechaza");
}

#[test]
fn a_number_that_was_not_the_next() {
    en_todas("el dominio decide", Contexto::Numeracion, |e| {
        let Evento::Rango(EventoRango::NumeroAsignado { numero, .. }) = &mut e.evento else { return false };
        numero.consecutivo += 1;
        true
    });
}

#[test]
fn documents_that_are_not_what_was_asked_for() {
    en_todas("no es la pedida", Contexto::Facturacion, |e| {
        if let Evento::Factura(EventoFactura::LineaAgregada { linea, .. }) = &mut e.evento {
            Arc::make_mut(linea).precio_unitario = crate::domain::valores::PrecioUnitario::nuevo(Decimal::from(7)).expect("precio");
            return true;
        }
        emitida(e, |documento| {
            let linea = &mut Arc::make_mut(&mut documento.lineas)[0].linea;
            Arc::make_mut(linea).precio_unitario = crate::domain::valores::PrecioUnitario::nuevo(Decimal::from(7)).expect("precio");
        })
    });
    en_todas("no es de ningún momento suyo", Contexto::Facturacion, |e| {
        emitida(e, |documento| Arc::make_mut(&mut documento.cliente).nombre = "Otro".into())
    });
    en_todas("no son los de sus líneas", Contexto::Facturacion, |e| {
        emitida(e, |documento| Arc::make_mut(&mut documento.totales).total = crate::domain::valores::Dinero::CERO)
    });
    en_todas("no salió así de", Contexto::Facturacion, |e| {
        emitida(e, |documento| documento.grupos[0].costo_total = crate::domain::valores::CostoTotal::CERO)
    });
    en_todas("y se le dio", Contexto::Facturacion, |e| emitida(e, |documento| documento.numero.consecutivo += 1));
}

/// Changes a figure of the first refusal for stock.
fn con_disponible(cuantos: usize, texto: &str) -> Nodos {
    let nodos = escena(cuantos);
    alterar(&nodos, Contexto::Facturacion, |e| {
        let Evento::Factura(EventoFactura::FacturaRechazada { errores, .. }) = &mut e.evento else { return false };
        let falta = errores.iter_mut().find(|f| f.regla == Regla::StockSuficienteParaFactura).expect("una falta");
        let dato = falta.datos.iter_mut().find(|(nombre, _)| nombre == "disponible").expect("un dato");
        dato.1 = texto.to_owned();
        true
    });
    nodos
}

#[test]
fn a_refusal_for_stock_that_was_never_true() {
    for cuantos in [1, 2] {
        hallado(&con_disponible(cuantos, "3"), "nunca fue cierto");
        // It was 50 later, and 100 later still: not when it was asked.
        hallado(&con_disponible(cuantos, "50"), "nunca fue cierto");
        hallado(&con_disponible(cuantos, "no es número"), "nunca fue cierto");
        assert_eq!(juzgar(&con_disponible(cuantos, "60"), true).1.fallas, 0, "60 es lo que había");
    }
}

/// A timer that named a position from before what its core had taken in: no window around it was right.
#[test]
fn an_input_from_before_that_of_an_earlier_event() {
    let nodos = escena(2);
    alterar(&nodos, Contexto::Facturacion, |e| {
        let suya = e.sobre.aggregate_version > 1 && e.sobre.entrada.posicion > 0;
        e.sobre.entrada.posicion -= u64::from(suya);
        suya
    });
    hallado(&nodos, "su entrada es anterior");
}

#[test]
fn a_refused_command_that_the_domain_would_accept() {
    let nodos = escena(1);
    for particion in 0..PARTICIONES {
        nodos.log.alterar(TopicPartition::new(Topic::Auditoria, particion), |registros| {
            for registro in registros.iter_mut() {
                let Ok(RegistroAuditoria::Rechazo(mut rechazo)) = nodos.codec.decode_audit(&registro.record.value) else {
                    continue;
                };
                // As if it had been decided once the stock had come.
                rechazo.aggregate_version += 2;
                let value = nodos.codec.encode_audit(&RegistroAuditoria::Rechazo(rechazo)).expect("rechazo");
                *registro =
                    StoredRecord { position: registro.position, record: crate::log::Record { value, ..registro.record.clone() } };
            }
        });
    }
    hallado(&nodos, "se rechazó");
}

#[test]
fn a_deadline_that_had_not_passed() {
    let mut nodos = Nodos::uno(PARTICIONES, true, AHORA);
    let comandos: Vec<_> = base().into_iter().enumerate().map(|(n, c)| nodos.sobre(&format!("s{n}"), c)).collect();
    nodos.en_orden(&comandos, &[9]);
    nodos.repartir(2);
    let pedido = venta(&[(0, 100), (1, 100), (2, 100)]).comando(1, &Mundo::default()).expect("comando");
    nodos.enviar(&nodos.sobre("lenta", pedido));
    let abierta = |nodos: &Nodos| juzgar(nodos, false).0.sagas_abiertas > 0;
    while !abierta(&nodos) {
        assert!(nodos.epoca(0, 1) | nodos.epoca(1, 1));
    }
    nodos.ahora = Instante(AHORA.micros() + 31_000_000);
    // Nothing is read: only the deadline passes.
    assert!(nodos.epoca(0, 0) | nodos.epoca(1, 0));
    nodos.terminar(1);
    assert_eq!(juzgar(&nodos, true).1.hallazgos, Vec::<String>::new());
    alterar(&nodos, Contexto::Facturacion, |e| {
        let vencida = matches!(&e.evento, Evento::Factura(EventoFactura::FacturaRechazada { .. }));
        if vencida {
            e.sobre.ocurrido_en = AHORA;
        }
        vencida
    });
    hallado(&nodos, "nunca fue cierto que EmisionVencida");
}

#[test]
fn stock_said_to_be_secured_that_nobody_granted() {
    let mut nodos = escena(2);
    // On the second node, which asks the first for its number: the epoch ends with its stock secured.
    let pedidos = (70..).filter_map(|n| venta(&[(1, 100), (0, 100)]).comando(n, &Mundo::default()));
    let pedido = pedidos.into_iter().find(|c| nodos.lugar_de(c).partition % 2 == 1).expect("comando");
    let suyo = format!("{}:", pedido.destino().id);
    nodos.enviar(&nodos.sobre("otra", pedido));
    nodos.terminar(1);
    for particion in 0..PARTICIONES {
        let tp = TopicPartition::new(Topic::Eventos(Contexto::Inventario), particion);
        nodos.log.alterar(tp, |registros| {
            registros.retain(|r| {
                let evento = nodos.codec.decode_event(&r.record.value).expect("evento");
                !evento.sobre.command_id.as_str().starts_with(&suyo)
            });
        });
    }
    hallado(&nodos, "nadie le concedió la reserva");
}
