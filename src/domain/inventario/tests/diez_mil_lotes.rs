//! What a decision costs does not grow with the lots of its Inventario: counted in lots looked at, never in time.

use super::mesa::*;
use crate::domain::inventario::{ComandoInventario, MotivoSalida, PoliticaRetorno, evolucionar, fifo::conteo};

/// As many lots of one unit, each entered after the one before; and then as many of each expiry.
fn con_lotes(cuantos: usize) -> Mesa {
    let mut mesa = Mesa::creada();
    for n in 0..cuantos {
        let caduca = (n % 2 == 1).then_some(300 + u32::try_from(n % 50).unwrap());
        dar(&mut mesa, &entrada("1", "10", 1 + u32::try_from(n * 90 / cuantos).unwrap(), caduca));
    }
    mesa
}

/// Decides and folds, without the checks of the bench, which look at every lot; how many lots both looked at.
fn dar(mesa: &mut Mesa, comando: &ComandoInventario) -> usize {
    conteo::tomar();
    let hecho = mesa.decidir(comando).unwrap_or_else(|rechazo| panic!("{comando:?}: {rechazo:?}"));
    hecho.eventos.iter().for_each(|evento| evolucionar(&mut mesa.estado, evento));
    conteo::tomar()
}

/// Lots looked at by each kind of command, in turn.
fn recorrido(cuantos: usize) -> Vec<(&'static str, usize)> {
    let mut mesa = con_lotes(cuantos);
    assert_eq!(mesa.inventario().lotes.len(), cuantos);
    let vuelven = mesa.inventario().simular_salida(cant("3"), dia(HOY), false).lotes;
    let nuevo = devolver("vuelve-nuevo", PoliticaRetorno::LoteNuevo, &vuelven);
    let reversa = devolver("vuelve-reversa", PoliticaRetorno::ReversaFifo, &vuelven);
    let comandos = [
        ("reservar una", reservar("r1", "0.5")),
        ("reservar veinte", reservar("r2", "20")),
        ("repetir la reserva", reservar("r2", "20")),
        ("liberar", liberar("r1")),
        ("confirmar", confirmar("r2")),
        ("entrada", entrada("1", "10", 95, None)),
        ("entrada atrasada", entrada("1", "10", 40, Some(200))),
        ("salida", salida(MotivoSalida::Ajuste, "3")),
        ("devolución a lotes nuevos", nuevo),
        ("devolución reversa", reversa),
        ("mínimo", minimo(Some("5"))),
    ];
    let vistos = comandos.iter().map(|(que, comando)| (*que, dar(&mut mesa, comando))).collect();
    assert_eq!(mesa.inventario().invariantes(), Ok(()));
    vistos
}

#[test]
fn con_diez_mil_lotes_se_mira_lo_que_con_mil_quinientos() {
    let muchos = recorrido(10_000);
    assert_eq!(muchos, recorrido(1_500));
    // A reservation looks at the lots it would take, and only above the limit of an exit; nothing else looks at more than it moves.
    let tope = |que: &str| match que {
        "reservar una" => 1,
        "reservar veinte" | "confirmar" => 20,
        // The check of the limit, and the exit itself.
        "salida" => 3 + 3,
        _ => 0,
    };
    for (que, vistos) in &muchos {
        assert!(*vistos <= tope(que), "{que} miró {vistos} lotes");
    }
    let pocos = recorrido(100);
    assert!(pocos.iter().filter(|(que, _)| que.starts_with("reservar")).all(|(_, vistos)| *vistos == 0), "{pocos:?}");
}

#[test]
fn lo_disponible_y_el_valor_no_miran_los_lotes() {
    let mesa = con_lotes(10_000);
    conteo::tomar();
    assert_eq!((mesa.disponible(), mesa.inventario().valor()), (dec("10000"), costo_total("100000")));
    assert_eq!(conteo::tomar(), 0);
}
