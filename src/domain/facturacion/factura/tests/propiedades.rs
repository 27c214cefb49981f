//! Whatever stock and ranges answer, in whatever order and however often, a saga ends once, and leaves nothing held.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::mundo::*;
use crate::domain::{ResultadoPaso, facturacion::factura::*};

/// One turn of the world: which waiting message is attended, and how.
#[derive(Debug, Clone, Copy)]
pub struct Turno {
    cual: prop::sample::Index,
    /// Refuse, when the step may be refused.
    negar: bool,
    /// Attended, yet left waiting: it will be delivered again.
    repetir: bool,
    /// The engine restarts before: only what was recorded is known, and open steps are sent again.
    reinicio: bool,
    plazo: bool,
}

prop_compose! {
    pub fn turno()(cual: prop::sample::Index, negar in prop::bool::weighted(0.1), repetir in prop::bool::weighted(0.3),
        reinicio in prop::bool::weighted(0.1), plazo in prop::bool::weighted(0.03)) -> Turno {
        Turno { cual, negar, repetir, reinicio, plazo }
    }
}

prop_compose! {
    pub fn lineas()(elegidas in prop::collection::vec((0_usize..4, 1_u32..9), 1..7)) -> Vec<LineaPedida> {
        elegidas.into_iter().map(|(p, c)| linea(["P1", "P2", "P3", "S1"][p], &c.to_string())).collect()
    }
}

/// The answers of stock and ranges: the first one to a step is the answer for ever.
#[derive(Default)]
struct Respuestas(Vec<(PasoSaga, ResultadoPaso)>);

impl Respuestas {
    fn a(&mut self, envio: &Envio, negado: bool) -> ResultadoPaso {
        if let Some((_, dada)) = self.0.iter().find(|(paso, _)| *paso == envio.paso) {
            return dada.clone();
        }
        let dada = if negado && envio.paso.paso != Paso::Confirmar { negar(envio) } else { conceder(envio) };
        self.0.push((envio.paso.clone(), dada.clone()));
        dada
    }
}

pub fn jugar(caso: &mut Caso<'_>, turnos: &[Turno]) {
    let mut cola: Vec<Envio> = caso.enviados.clone();
    let mut respuestas = Respuestas::default();
    for turno in turnos {
        if turno.reinicio {
            caso.estado = plegar(&caso.eventos);
            cola.extend(reanudar(caso.factura()));
        }
        if turno.plazo {
            cola.extend(caso.vencer(MEDIODIA.mas_milis(40_000)));
        }
        cola.retain(|e| e.paso.paso != Paso::Liberar);
        if cola.is_empty() {
            continue;
        }
        let indice = turno.cual.index(cola.len());
        let envio = if turno.repetir { cola[indice].clone() } else { cola.swap_remove(indice) };
        let respuesta = respuestas.a(&envio, turno.negar);
        cola.extend(caso.responder(&envio.paso, respuesta));
    }
    // The rest is answered as it stands, and what is lost is driven again by the timer.
    for _ in 0..10 {
        cola.extend(reanudar(caso.factura()));
        while let Some(envio) = cola.pop() {
            if envio.paso.paso != Paso::Liberar {
                let respuesta = respuestas.a(&envio, false);
                cola.extend(caso.responder(&envio.paso, respuesta));
            }
        }
    }
}

fn plegar(eventos: &[EventoFactura]) -> Option<Factura> {
    let mut estado = None;
    eventos.iter().for_each(|evento| evolucionar(&mut estado, evento));
    estado
}

/// What an epoch that holds `eventos` would keep of them.
fn conservar(eventos: &[EventoFactura]) -> Vec<EventoFactura> {
    let mut conservados: Vec<EventoFactura> = Vec::new();
    for evento in eventos {
        conservados.retain(|anterior| !elidibles(evento, anterior));
        conservados.push(evento.clone());
    }
    conservados
}

fn grupos_de(caso: &Caso<'_>, paso: Paso) -> BTreeSet<u16> {
    caso.enviados_de(paso).iter().map(|e| e.paso.grupo).collect()
}

proptest! {
    #[test]
    fn la_saga_termina_una_vez_y_no_deja_nada_retenido(lineas in lineas(), turnos in prop::collection::vec(turno(), 0..60)) {
        let mundo = Mundo::nuevo();
        let mut caso = Caso::nuevo(&mundo, pedido(lineas));
        let grupos: BTreeSet<u16> = grupos_de(&caso, Paso::Reservar);
        jugar(&mut caso, &turnos);
        let finales = caso.tipos().iter().filter(|t| matches!(**t, "FacturaEmitida" | "FacturaRechazada")).count();
        prop_assert_eq!(finales, 1);
        prop_assert_eq!(vencimiento(caso.factura()), None);
        match caso.factura().estado {
            EstadoFactura::Emitida => {
                prop_assert_eq!(grupos_de(&caso, Paso::Confirmar), grupos.clone());
                prop_assert!(caso.enviados_de(Paso::Liberar).is_empty());
                prop_assert_eq!(caso.factura().emitida.as_ref().expect("documento").grupos.len(), grupos.len());
            }
            EstadoFactura::Rechazada => {
                prop_assert_eq!(grupos_de(&caso, Paso::Liberar), grupos);
                prop_assert!(caso.enviados_de(Paso::Confirmar).is_empty());
                prop_assert!(!caso.factura().errores.is_empty());
            }
            otro => prop_assert!(false, "quedó {:?}", otro),
        }
        prop_assert_eq!(plegar(&caso.eventos), caso.estado.clone());
    }

    #[test]
    fn plegar_lo_conservado_es_plegar_todo(lineas in lineas(), turnos in prop::collection::vec(turno(), 0..40), cortes in prop::collection::vec(any::<prop::sample::Index>(), 0..3)) {
        let mundo = Mundo::nuevo();
        let mut caso = Caso::nuevo(&mundo, pedido(lineas));
        jugar(&mut caso, &turnos);
        // Every way to end an epoch, and any split of the history into epochs.
        for fin in 0..=caso.eventos.len() {
            prop_assert_eq!(plegar(&conservar(&caso.eventos[..fin])), plegar(&caso.eventos[..fin]));
        }
        let mut limites: BTreeSet<usize> = cortes.iter().map(|c| c.index(caso.eventos.len())).collect();
        limites.insert(caso.eventos.len());
        let (mut desde, mut conservados) = (0, Vec::new());
        for hasta in limites {
            conservados.extend(conservar(&caso.eventos[desde..hasta]));
            desde = hasta;
        }
        prop_assert_eq!(plegar(&conservados), plegar(&caso.eventos));
    }

    #[test]
    fn plegar_y_anotar_son_totales(lineas in lineas(), turnos in prop::collection::vec(turno(), 0..30), orden in prop::collection::vec(any::<prop::sample::Index>(), 0..30), grupo: u16) {
        let mundo = Mundo::nuevo();
        let mut caso = Caso::nuevo(&mundo, pedido(lineas));
        jugar(&mut caso, &turnos);
        let mut estado = None;
        for indice in orden {
            evolucionar(&mut estado, &caso.eventos[indice.index(caso.eventos.len())]);
            if let Some(factura) = estado.as_mut() {
                anotar(factura, NotaSaga::ReservaRespondida { grupo, resultado: Ok(()) });
                anotar(factura, NotaSaga::ReservaConfirmada { grupo, lotes: Vec::new().into(), costo_total: Default::default() });
                anotar(factura, NotaSaga::NumeroNegado { errores: Vec::new() });
                let _ = (reanudar(factura), vencimiento(factura));
            }
            for paso in Paso::TODOS {
                let paso = PasoSaga { documento_id: id("f1"), intento: 1, grupo, paso };
                let comando = respuesta(&paso, ResultadoPaso::StockReservado);
                prop_assert!(decidir(estado.as_ref(), &comando, None, &mundo.ctx(MEDIODIA)).is_ok());
            }
        }
        // Quantities of groups are what their lines add up to.
        if let Some(factura) = estado && let Some(emision) = factura.emision {
            prop_assert!(emision.inicio.grupos.iter().all(|g| !g.cantidad.es_cero() && !g.lineas.is_empty()));
        }
    }
}
