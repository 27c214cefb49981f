//! The laws of Inventario, over random sequences of commands (granted or refused) and of events.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{generadores, mesa::*};
use crate::domain::{
    ResultadoPaso,
    inventario::{
        ComandoInventario, EventoInventario, Inventario, LoteConsumido, PoliticaRetorno, PuestoLote, Resumen, atribuir,
        cerrar_devolucion, elidir_reserva, evolucionar,
    },
    reglas::Regla,
    valores::{Cantidad, Decimal, Id},
};

fn plegar<'a>(eventos: impl IntoIterator<Item = &'a EventoInventario>) -> Option<Inventario> {
    let mut estado = None;
    eventos.into_iter().for_each(|e| evolucionar(&mut estado, e));
    estado
}

/// A bench after the commands; `Mesa::hacer` checks every invariant (lots = stock, reservations = reserved, no zero lot…)
/// after each of them.
fn tras(comandos: &[ComandoInventario]) -> Mesa {
    let mut mesa = Mesa::creada();
    for comando in comandos {
        let _refused_or_granted = mesa.hacer(comando);
    }
    mesa
}

/// The naive model: one flat list of (entry day, arrival, expiry, quantity, cost), sorted at each exit.
#[derive(Default)]
struct Modelo {
    lotes: Vec<(u32, usize, Option<u32>, Decimal, Decimal)>,
}

impl Modelo {
    /// A new lot, or more of one that is known: what goes back to where it was.
    fn entrar(&mut self, lote: &LoteConsumido) {
        let llegada = lote.secuencia as usize;
        match self.lotes.iter_mut().find(|(_, otra, ..)| *otra == llegada) {
            Some((.., queda, _)) => *queda += lote.cantidad.valor(),
            None => {
                let caduca = lote.fecha_caducidad.map(dia_del_anio);
                let (queda, unitario) = (lote.cantidad.valor(), lote.costo_unitario.valor());
                self.lotes.push((dia_del_anio(lote.fecha_ingreso), llegada, caduca, queda, unitario));
            }
        }
    }

    /// Lots taken as (arrival, quantity) and the cost, not expired ones first when `respeta` is set.
    fn sacar(&mut self, mut pedido: Decimal, respeta: bool) -> (Vec<(u64, Decimal)>, Decimal) {
        let mut orden: Vec<usize> = (0..self.lotes.len()).collect();
        orden.sort_by_key(|i| {
            let (ingreso, llegada, caduca, ..) = self.lotes[*i];
            (respeta && caduca.is_some_and(|c| c < HOY), ingreso, llegada)
        });
        let (mut tomado, mut costo) = (Vec::new(), Decimal::ZERO);
        for i in orden {
            let (_, llegada, _, queda, unitario) = &mut self.lotes[i];
            let parte = pedido.min(*queda);
            if parte > Decimal::ZERO {
                *queda -= parte;
                pedido -= parte;
                costo += parte * *unitario;
                tomado.push((*llegada as u64, parte));
            }
        }
        (tomado, costo)
    }
}

fn dia_del_anio(fecha: chrono::NaiveDate) -> u32 {
    chrono::Datelike::ordinal(&fecha)
}

proptest! {
    /// 1. What came in minus what went out is the stock, and the same holds for its value.
    #[test]
    fn el_stock_y_su_valor_se_conservan(comandos in generadores::comandos()) {
        let mesa = tras(&comandos);
        let (mut stock, mut valor) = (Decimal::ZERO, Decimal::ZERO);
        for evento in &mesa.historia {
            match evento {
                EventoInventario::StockIncrementado(m) => { stock += m.cantidad.valor(); valor += m.costo_total.valor(); }
                EventoInventario::StockReducido(m) => { stock -= m.cantidad.valor(); valor -= m.costo_total.valor(); }
                _ => {}
            }
        }
        prop_assert_eq!(mesa.stock(), stock);
        prop_assert_eq!(mesa.inventario().valor().valor(), valor);
    }

    /// 2. Every exit takes the lots, at the cost, that a naive model takes.
    #[test]
    fn el_costo_fifo_es_el_del_modelo_ingenuo(comandos in generadores::comandos()) {
        let mesa = tras(&comandos);
        let mut modelo = Modelo::default();
        for evento in &mesa.historia {
            match evento {
                EventoInventario::StockIncrementado(m) => m.lotes.iter().for_each(|lote| modelo.entrar(lote)),
                EventoInventario::StockReducido(m) => {
                    let respeta = m.motivo != crate::domain::inventario::MotivoSalida::Ajuste;
                    let (lotes, costo) = modelo.sacar(m.cantidad.valor(), respeta);
                    let reales: Vec<_> = m.lotes.iter().map(|l| (l.secuencia, l.cantidad.valor())).collect();
                    prop_assert_eq!(reales, lotes);
                    prop_assert_eq!(m.costo_total.valor(), costo);
                }
                _ => {}
            }
        }
    }

    /// 3. The slices of an exit add up to its quantity, none is zero, and no lot appears twice.
    #[test]
    fn los_lotes_de_cada_salida_suman_su_cantidad(comandos in generadores::comandos()) {
        for evento in &tras(&comandos).historia {
            let EventoInventario::StockReducido(m) = evento else { continue };
            let suma: Decimal = m.lotes.iter().map(|l| l.cantidad.valor()).sum();
            let distintos: BTreeSet<u64> = m.lotes.iter().map(|l| l.secuencia).collect();
            prop_assert_eq!(suma, m.cantidad.valor());
            prop_assert_eq!(distintos.len(), m.lotes.len());
            prop_assert!(m.lotes.iter().all(|l| !l.cantidad.es_cero()));
        }
    }

    /// 4. Folding the decided events from nothing gives the state; a state rebuilt from its stored fields is equal.
    #[test]
    fn plegar_lo_decidido_da_el_estado(comandos in generadores::comandos()) {
        let mesa = tras(&comandos);
        prop_assert_eq!(&plegar(&mesa.historia), &mesa.estado);
        let i = mesa.inventario();
        let resumen = Resumen::de(&i.lotes, &i.confirmadas, &i.liberadas, &i.devueltas);
        prop_assert_eq!(&Inventario { resumen, ..i.clone() }, i);
    }

    /// 5. The figures that each event states are those of the state after folding its command.
    #[test]
    fn las_cifras_de_los_eventos_son_las_del_estado(comandos in generadores::comandos()) {
        let mut mesa = Mesa::creada();
        for comando in &comandos {
            let Ok(hecho) = mesa.hacer(comando) else { continue };
            for evento in &hecho.eventos {
                let (stock, disponible) = match evento {
                    EventoInventario::StockIncrementado(m) => (m.stock_resultante, m.disponible_resultante),
                    EventoInventario::StockReducido(m) => (m.stock_resultante, m.disponible_resultante),
                    EventoInventario::StockReservado { disponible_resultante, .. }
                    | EventoInventario::ReservaLiberada { disponible_resultante, .. } => (mesa.inventario().stock, *disponible_resultante),
                    EventoInventario::StockBajo { stock, .. } => (*stock, mesa.inventario().disponible(dia(HOY), false)),
                    _ => continue,
                };
                prop_assert_eq!(stock, mesa.inventario().stock);
                prop_assert_eq!(disponible.valor(), mesa.disponible());
            }
        }
    }

    /// 6. Any granted saga step, repeated at once, answers the same and records nothing.
    #[test]
    fn un_paso_repetido_responde_lo_mismo(comandos in generadores::comandos()) {
        let mut mesa = Mesa::creada();
        for comando in &comandos {
            let Ok(hecho) = mesa.hacer(comando) else { continue };
            if hecho.resultado.is_some() {
                let repetido = mesa.decidir(comando).unwrap();
                prop_assert_eq!(repetido.resultado, hecho.resultado);
                prop_assert!(repetido.eventos.is_empty());
            }
        }
    }

    /// 7. A confirmation answers the same for ever after, whatever happened since.
    #[test]
    fn una_confirmacion_se_recuerda_igual(comandos in generadores::comandos()) {
        let mut mesa = Mesa::creada();
        let mut respuestas: BTreeMap<Id, ResultadoPaso> = BTreeMap::new();
        for comando in &comandos {
            if let (Ok(hecho), ComandoInventario::ConfirmarReserva { reserva_id, .. }) = (mesa.hacer(comando), comando) {
                let respuesta = hecho.resultado.unwrap();
                let primera = respuestas.entry(reserva_id.clone()).or_insert_with(|| respuesta.clone());
                prop_assert_eq!(&*primera, &respuesta);
            }
        }
        for (reserva_id, respuesta) in respuestas {
            prop_assert_eq!(mesa.decidir(&confirmar(reserva_id.as_str())).unwrap().resultado, Some(respuesta));
        }
    }

    /// 8. A released id is never granted again, and a held reservation is never refused its confirmation.
    #[test]
    fn lo_liberado_se_rechaza_y_lo_reservado_se_honra(comandos in generadores::comandos()) {
        let mesa = tras(&comandos);
        for liberada in &mesa.inventario().liberadas {
            prop_assert_eq!(mesa.reglas(&reservar(liberada.as_str(), "0.001")), [Regla::ReservaCancelada]);
        }
        let mut mesa = mesa;
        let ids: Vec<Id> = mesa.inventario().reservas.keys().cloned().collect();
        for reserva_id in ids {
            prop_assert!(mesa.hacer(&confirmar(reserva_id.as_str())).is_ok());
        }
        prop_assert!(mesa.inventario().reservado.es_cero());
    }

    /// 9. What is available is never negative nor above the free stock, on any day, and a refusal of stock states it.
    #[test]
    fn el_disponible_nunca_es_negativo(comandos in generadores::comandos(), cuando in 1_u32..200) {
        let mesa = tras(&comandos);
        let i = mesa.inventario();
        let vencido: Decimal =
            i.lotes.values().filter(|l| l.fecha_caducidad.is_some_and(|c| c < dia(cuando))).map(|l| l.cantidad.valor()).sum();
        let ingenuo = (i.stock.valor() - i.reservado.valor() - vencido).max(Decimal::ZERO);
        prop_assert_eq!(i.disponible(dia(cuando), false).valor(), ingenuo);
        prop_assert_eq!(i.disponible(dia(cuando), true).valor(), i.stock.valor() - i.reservado.valor());
    }

    /// 10. Elision: folding what an epoch keeps is the live state once the engine has elided what it dropped.
    #[test]
    fn plegar_lo_guardado_es_plegar_todo_y_elidir(
        comandos in generadores::comandos(),
        cortes in prop::collection::vec(any::<bool>(), 60),
        diferida in any::<bool>(),
    ) {
        let mut mesa = Mesa::creada();
        let (mut guardado, mut epoca, mut elididas) = (mesa.historia.clone(), Vec::<EventoInventario>::new(), Vec::<Id>::new());
        for (comando, corta) in comandos.iter().zip(cortes) {
            if let Ok(hecho) = mesa.hacer(comando) {
                for evento in hecho.eventos {
                    let cerrada = match &evento {
                        EventoInventario::StockReducido(m) => m.reserva_id.clone(),
                        EventoInventario::ReservaLiberada { reserva_id, .. } => Some(reserva_id.clone()),
                        _ => None,
                    };
                    let abierta = epoca.iter().position(|e| {
                        matches!(e, EventoInventario::StockReservado { reserva_id, .. } if Some(reserva_id) == cerrada.as_ref())
                    });
                    if let (Some(i), Some(cerrada)) = (abierta, cerrada) {
                        epoca.remove(i);
                        elididas.push(cerrada);
                    }
                    epoca.push(evento);
                }
            }
            if corta || !diferida {
                elididas.drain(..).for_each(|r| elidir_reserva(mesa.estado.as_mut().unwrap(), &r));
                // The sagas of every second return end in its epoch.
                for evento in epoca.iter_mut() {
                    let EventoInventario::StockIncrementado(m) = evento else { continue };
                    let Some(movimiento_id) = m.reserva_id.take_if(|id| id.as_str() < "d4") else { continue };
                    cerrar_devolucion(mesa.estado.as_mut().unwrap(), &movimiento_id);
                }
            }
            if corta {
                guardado.append(&mut epoca);
                prop_assert_eq!(&plegar(&guardado), &mesa.estado);
            }
        }
        elididas.drain(..).for_each(|r| elidir_reserva(mesa.estado.as_mut().unwrap(), &r));
        guardado.append(&mut epoca);
        prop_assert_eq!(&plegar(&guardado), &mesa.estado);
    }

    /// 11. The fold is total: on events that nobody could have decided it does not panic, lots still add up to the stock,
    /// and value and expiry index still follow the lots.
    #[test]
    fn plegar_es_total(eventos in prop::collection::vec(generadores::evento(), 0..60)) {
        let mut estado = None;
        for evento in &eventos {
            evolucionar(&mut estado, evento);
            if let Some(i) = &mut estado {
                elidir_reserva(i, &id("r0"));
            }
        }
        if let Some(i) = &estado {
            let suma: Decimal = i.lotes.values().map(|l| l.cantidad.valor()).sum();
            prop_assert_eq!(i.stock.valor(), suma);
            prop_assert_eq!(&i.resumen, &Resumen::de(&i.lotes, &i.confirmadas, &i.liberadas, &i.devueltas));
            prop_assert!(i.disponible(dia(HOY), false) <= i.stock);
        }
    }

    /// 12. StockBajo: exactly when the stock crosses its minimum downwards.
    #[test]
    fn el_aviso_sale_al_cruzar_el_minimo(comandos in generadores::comandos()) {
        let mut mesa = Mesa::creada();
        for comando in &comandos {
            let bajo = |i: &Inventario| i.stock_minimo.is_some_and(|m| i.stock < m);
            let antes = bajo(mesa.inventario());
            let Ok(hecho) = mesa.hacer(comando) else { continue };
            let avisos = hecho.tipos().into_iter().filter(|t| *t == "StockBajo").count();
            prop_assert_eq!(avisos, usize::from(!antes && bajo(mesa.inventario())));
        }
    }

    /// 13. The lots of an exit, attributed to its lines: each line gets its quantity, and nothing is lost nor repeated.
    #[test]
    fn atribuir_reparte_exactamente(partes in prop::collection::vec((1_i64..5_000, 1_i64..5_000), 1..12)) {
        let lotes: Vec<LoteConsumido> = partes.iter().enumerate().map(|(i, (q, _))| LoteConsumido {
            lote_id: id(&format!("L-{i}")),
            secuencia: i as u64,
            fecha_ingreso: dia(1),
            fecha_caducidad: None,
            cantidad: Cantidad::nuevo(Decimal::new(*q, 3)).unwrap(),
            costo_unitario: costo_unitario("1.5"),
            origen_lote_id: None,
        }).collect();
        let mut queda: i64 = partes.iter().map(|(q, _)| q).sum();
        let mut lineas: Vec<i64> = partes.iter().map(|(_, l)| { let l = (*l).min(queda); queda -= l; l }).collect();
        lineas.push(queda);
        let cantidades: Vec<Cantidad> = lineas.iter().map(|q| Cantidad::nuevo(Decimal::new(*q, 3)).unwrap()).collect();
        let repartidos = atribuir(&lotes, &cantidades);
        for (linea, cantidad) in repartidos.iter().zip(&cantidades) {
            prop_assert_eq!(linea.iter().map(|l| l.cantidad.valor()).sum::<Decimal>(), cantidad.valor());
        }
        let mut juntos: Vec<(u64, Decimal)> = Vec::new();
        for lote in repartidos.iter().flatten() {
            match juntos.last_mut() {
                Some((s, q)) if *s == lote.secuencia => *q += lote.cantidad.valor(),
                _ => juntos.push((lote.secuencia, lote.cantidad.valor())),
            }
        }
        prop_assert_eq!(juntos, lotes.iter().map(|l| (l.secuencia, l.cantidad.valor())).collect::<Vec<_>>());
    }

    /// 15. What comes back costs what it left with: in its own lot, or in a new one that says whose it was, with that one's expiry.
    #[test]
    fn lo_devuelto_vuelve_al_costo_con_que_salio(comandos in generadores::comandos()) {
        let mut mesa = Mesa::creada();
        for comando in &comandos {
            let Ok(hecho) = mesa.hacer(comando) else { continue };
            let ComandoInventario::DevolverStock(pedida) = comando else { continue };
            let entrado = hecho.eventos.iter().find_map(|e| match e { EventoInventario::StockIncrementado(m) => Some(m), _ => None });
            let Some(entrado) = entrado else { continue };
            let costo: Decimal = pedida.lotes.iter().map(|l| l.cantidad.valor() * l.costo_unitario.valor()).sum();
            prop_assert_eq!(entrado.costo_total.valor(), costo);
            let ingreso = |l: &LoteConsumido| match pedida.politica {
                PoliticaRetorno::ReversaFifo => (l.lote_id.clone(), l.fecha_ingreso),
                PoliticaRetorno::LoteNuevo => (l.origen_lote_id.clone().unwrap(), l.fecha_ingreso),
            };
            prop_assert_eq!(entrado.lotes.len(), pedida.lotes.len());
            for (entra, salio) in entrado.lotes.iter().zip(pedida.lotes.iter()) {
                let esperada = match pedida.politica {
                    PoliticaRetorno::ReversaFifo => salio.fecha_ingreso,
                    PoliticaRetorno::LoteNuevo => pedida.fecha,
                };
                prop_assert_eq!(ingreso(entra), (salio.lote_id.clone(), esperada));
                prop_assert_eq!((entra.cantidad, entra.costo_unitario), (salio.cantidad, salio.costo_unitario));
                prop_assert_eq!(entra.fecha_caducidad, salio.fecha_caducidad);
                let puesto = PuestoLote { fecha_ingreso: entra.fecha_ingreso, secuencia: entra.secuencia };
                prop_assert!(mesa.inventario().lotes[&puesto].cantidad >= entra.cantidad);
            }
        }
    }

    /// 14. A simulation takes exactly what the sale then takes.
    #[test]
    fn simular_es_vender(comandos in generadores::comandos(), n in 1_i64..20_000) {
        let mut mesa = tras(&comandos);
        mesa.inventario().reservas.keys().cloned().collect::<Vec<_>>().iter().for_each(|r| {
            mesa.hacer(&liberar(r.as_str())).unwrap();
        });
        let pedido = Cantidad::nuevo(Decimal::new(n, 3)).unwrap();
        let simulada = mesa.inventario().simular_salida(pedido, dia(HOY), false);
        prop_assert_eq!(simulada.faltante.es_cero(), mesa.decidir(&reservar("nueva", &pedido.to_string())).is_ok());
        if simulada.faltante.es_cero() {
            let venta = mesa.vende("nueva", &pedido.to_string());
            prop_assert_eq!(&venta.reduccion().lotes[..], &simulada.lotes[..]);
            prop_assert_eq!(venta.reduccion().costo_total, simulada.costo_total);
        }
    }
}
