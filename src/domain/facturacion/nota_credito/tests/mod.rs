//! Whatever invoice, stock and ranges answer, in whatever order and however often, the saga of a note ends once and leaves no credit held.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    Comando, ResultadoPaso,
    facturacion::factura::{
        self, Envio, EventoFactura, Factura, Paso, PasoSaga,
        credito::{EstadoCredito, tests::emitida},
        tests::mundo::{MEDIODIA, Mundo, fecha, id, linea},
    },
    inventario::ComandoInventario,
    numeracion::{ComandoRango, NumeroDocumento},
    reglas::Falla,
    valores::Decimal,
};

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
}

prop_compose! {
    pub fn turno()(cual: prop::sample::Index, negar in prop::bool::weighted(0.1), repetir in prop::bool::weighted(0.3),
        reinicio in prop::bool::weighted(0.1)) -> Turno {
        Turno { cual, negar, repetir, reinicio }
    }
}

/// Lines of a note in thousandths of the invoice's three; some of them too much.
pub fn pedidas() -> impl Strategy<Value = Vec<LineaNotaPedida>> {
    prop::collection::vec((1_u16..4, 1_i64..3_000), 1..4).prop_map(|lineas| {
        let pedida = |(linea_factura, tanto): (u16, i64)| LineaNotaPedida {
            linea_factura,
            cantidad: Some(Decimal::new(tanto, 3)),
            monto: None,
            afecta_inventario: None,
            bodega_id: None,
        };
        lineas.into_iter().map(pedida).collect()
    })
}

fn datos(lineas: Vec<LineaNotaPedida>) -> Box<DatosNotaCredito> {
    Box::new(DatosNotaCredito {
        sucursal_id: None,
        concepto: ConceptoNota::DevolucionParcial,
        motivo: "llegó golpeado".into(),
        politica_retorno: None,
        fechas: FechasNota { fecha_emision: Some(fecha("2026-11-24")), ..FechasNota::default() },
        lineas,
    })
}

/// A note beside its invoice, and everything that its saga sent.
pub struct Caso<'m> {
    mundo: &'m Mundo,
    /// Of the invoice, since its issue.
    pub de_la_factura: Vec<EventoFactura>,
    factura: Option<Factura>,
    estado: Option<NotaCredito>,
    pub eventos: Vec<EventoNotaCredito>,
    enviados: Vec<Envio>,
    /// The first answer of stock and ranges to a step is the answer for ever.
    dadas: Vec<(PasoSaga, ResultadoPaso)>,
}

impl<'m> Caso<'m> {
    pub fn nuevo(mundo: &'m Mundo, lineas: Vec<LineaNotaPedida>) -> Self {
        let factura = emitida(mundo, vec![linea("P1", "2"), linea("P2", "3"), linea("P1", "1.5")], &[(700, 10), (5_000, 12)]);
        let documento = factura.emitida.clone().expect("documento");
        let mut caso = Self {
            mundo,
            de_la_factura: vec![EventoFactura::FacturaEmitida(documento)],
            factura: Some(factura),
            estado: None,
            eventos: Vec::new(),
            enviados: Vec::new(),
            dadas: Vec::new(),
        };
        let (factura_id, nota_id) = (id("f1"), id("n1"));
        caso.recibir(&ComandoNotaCredito::CrearYEmitirNotaCredito { factura_id, nota_id, datos: datos(lineas) });
        caso
    }

    fn recibir(&mut self, comando: &ComandoNotaCredito) -> Vec<Envio> {
        let decision = decidir(self.estado.as_ref(), comando, None, &self.mundo.ctx(MEDIODIA)).expect("mensaje de saga");
        decision.eventos.iter().for_each(|evento| evolucionar(&mut self.estado, evento));
        self.eventos.extend(decision.eventos);
        for nota in decision.notas {
            anotar(self.estado.as_mut().expect("nota"), nota);
        }
        self.enviados.extend(decision.envios.iter().cloned());
        // Note and invoice share a partition: what they say to each other is in the epoch of what made them say it, whatever fails.
        let (cerca, mut lejos): (Vec<Envio>, Vec<Envio>) =
            decision.envios.into_iter().partition(|envio| matches!(envio.comando, Comando::Factura(_)));
        lejos.extend(cerca.iter().flat_map(|envio| self.entregar(envio, false)));
        lejos
    }

    /// What the addressed aggregate answers; nobody waits for the answer to a release.
    fn atender(&mut self, envio: &Envio, negar: bool) -> Option<ResultadoPaso> {
        if let Comando::Factura(paso) = &envio.comando {
            let decidido = factura::decidir(self.factura.as_ref(), paso, None, &self.mundo.ctx(MEDIODIA));
            return match decidido {
                Ok(decision) => {
                    decision.eventos.iter().for_each(|evento| factura::evolucionar(&mut self.factura, evento));
                    self.de_la_factura.extend(decision.eventos);
                    decision.resultado
                }
                Err(rechazo) => Some(ResultadoPaso::Rechazado { errores: rechazo.errores }),
            };
        }
        if let Some((_, dada)) = self.dadas.iter().find(|(paso, _)| *paso == envio.paso) {
            return Some(dada.clone());
        }
        let dada = if negar { self::negar(envio) } else { conceder(envio) };
        self.dadas.push((envio.paso.clone(), dada.clone()));
        Some(dada)
    }

    fn entregar(&mut self, envio: &Envio, negar: bool) -> Vec<Envio> {
        let Some(resultado) = self.atender(envio, negar) else { return Vec::new() };
        let PasoSaga { intento, grupo, paso, .. } = envio.paso;
        let (factura_id, nota_id) = (id("f1"), id("n1"));
        self.recibir(&ComandoNotaCredito::RespuestaPasoNota { factura_id, nota_id, intento, grupo, paso, resultado })
    }

    pub fn jugar(&mut self, turnos: &[Turno]) {
        let lejos = |envio: &&Envio| !matches!(envio.comando, Comando::Factura(_));
        let mut cola: Vec<Envio> = self.enviados.iter().filter(lejos).cloned().collect();
        for turno in turnos {
            if turno.reinicio {
                self.estado = plegar(&self.eventos);
                cola.extend(self.reanudar());
            }
            if cola.is_empty() {
                continue;
            }
            let indice = turno.cual.index(cola.len());
            let envio = if turno.repetir { cola[indice].clone() } else { cola.swap_remove(indice) };
            cola.extend(self.entregar(&envio, turno.negar));
        }
        // The rest is answered as it stands, and what is lost is driven again by the timer.
        for _ in 0..10 {
            cola.extend(self.reanudar());
            while let Some(envio) = cola.pop() {
                cola.extend(self.entregar(&envio, false));
            }
        }
    }

    /// What an open saga waits for, sent again by the timer.
    fn reanudar(&mut self) -> Vec<Envio> {
        let (factura_id, nota_id) = (id("f1"), id("n1"));
        self.recibir(&ComandoNotaCredito::ReanudarNota { factura_id, nota_id })
    }

    fn grupos_de(&self, paso: Paso) -> BTreeSet<u16> {
        self.enviados.iter().filter(|e| e.paso.paso == paso).map(|e| e.paso.grupo).collect()
    }
}

fn conceder(envio: &Envio) -> ResultadoPaso {
    match &envio.comando {
        Comando::Inventario(ComandoInventario::VerificarInventario { .. }) => ResultadoPaso::InventarioVerificado,
        Comando::Inventario(ComandoInventario::DevolverStock(_)) => ResultadoPaso::StockDevuelto,
        Comando::Rango(ComandoRango::AsignarNumero { rango_id, .. }) => ResultadoPaso::NumeroAsignado {
            numero: NumeroDocumento { rango_id: rango_id.clone(), prefijo: "NC".into(), consecutivo: 1, resolucion: "".into() },
        },
        otro => panic!("una nota no pide {otro:?}"),
    }
}

/// A return cannot be refused.
fn negar(envio: &Envio) -> ResultadoPaso {
    let regla = match envio.paso.paso {
        Paso::Verificar => Regla::InventarioExisteParaNotaCredito,
        Paso::Numerar => Regla::NumeracionDisponible,
        _ => return conceder(envio),
    };
    ResultadoPaso::Rechazado { errores: vec![Falla::simple(regla, "")] }
}

fn plegar(eventos: &[EventoNotaCredito]) -> Option<NotaCredito> {
    let mut estado = None;
    eventos.iter().for_each(|evento| evolucionar(&mut estado, evento));
    estado
}

/// What an epoch that holds `eventos` would keep of them.
fn conservar(eventos: &[EventoNotaCredito]) -> Vec<EventoNotaCredito> {
    let mut conservados: Vec<EventoNotaCredito> = Vec::new();
    for evento in eventos {
        conservados.retain(|anterior| !elidibles(evento, anterior));
        conservados.push(evento.clone());
    }
    conservados
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn la_saga_de_una_nota_termina_una_vez_y_no_retiene_credito(lineas in pedidas(), turnos in prop::collection::vec(turno(), 0..60)) {
        let mundo = Mundo::nuevo();
        let mut caso = Caso::nuevo(&mundo, lineas);
        caso.jugar(&turnos);
        let finales = caso.eventos.iter().filter(|e| matches!(e.tipo(), "NotaCreditoEmitida" | "NotaCreditoRechazada")).count();
        prop_assert_eq!(finales, 1);
        let nota = caso.estado.clone().expect("nota");
        prop_assert_eq!(vencimiento(&nota), None);
        let factura = caso.factura.as_ref().expect("factura");
        let de_la_factura = factura.credito().and_then(|c| c.notas.get(&nota.nota_id)).map(|n| n.estado.clone());
        match nota.estado {
            EstadoNota::Emitida => {
                let documento = nota.emitida.as_ref().expect("documento");
                prop_assert_eq!(de_la_factura, Some(EstadoCredito::Aplicado {}));
                prop_assert_eq!(factura.credito().expect("crédito").total(), documento.totales.total);
                prop_assert_eq!(caso.grupos_de(Paso::Devolver).len(), documento.grupos.len());
                prop_assert!(caso.grupos_de(Paso::Liberar).is_empty());
            }
            EstadoNota::Rechazada => {
                prop_assert!(!nota.errores.is_empty());
                prop_assert!(caso.grupos_de(Paso::Devolver).is_empty(), "nada vuelve de una nota rechazada");
                prop_assert!(matches!(de_la_factura, None | Some(EstadoCredito::Liberado {})), "{:?}", de_la_factura);
                prop_assert!(factura.credito().is_none_or(|c| c.lineas.is_empty()), "todo el crédito volvió");
            }
            otro => prop_assert!(false, "quedó {:?}", otro),
        }
        prop_assert_eq!(plegar(&caso.eventos), caso.estado);
    }

    #[test]
    fn plegar_lo_conservado_de_una_nota_es_plegar_todo(lineas in pedidas(), turnos in prop::collection::vec(turno(), 0..40), cortes in prop::collection::vec(any::<prop::sample::Index>(), 0..3)) {
        let mundo = Mundo::nuevo();
        let mut caso = Caso::nuevo(&mundo, lineas);
        caso.jugar(&turnos);
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
    fn plegar_y_anotar_una_nota_son_totales(lineas in pedidas(), turnos in prop::collection::vec(turno(), 0..30), orden in prop::collection::vec(any::<prop::sample::Index>(), 0..30), grupo: u16) {
        let mundo = Mundo::nuevo();
        let mut caso = Caso::nuevo(&mundo, lineas);
        caso.jugar(&turnos);
        let mut estado = None;
        for indice in orden {
            evolucionar(&mut estado, &caso.eventos[indice.index(caso.eventos.len())]);
            if let Some(nota) = estado.as_mut() {
                anotar(nota, NotaSagaCredito::GrupoVerificado { grupo, resultado: Ok(()) });
                anotar(nota, NotaSagaCredito::GrupoDevuelto { grupo });
                anotar(nota, NotaSagaCredito::NumeroNegado { errores: Vec::new() });
                let _ = (reanudar(nota), vencimiento(nota));
            }
            for paso in Paso::TODOS {
                let (factura_id, nota_id, resultado) = (id("f1"), id("n1"), ResultadoPaso::InventarioVerificado);
                let comando = ComandoNotaCredito::RespuestaPasoNota { factura_id, nota_id, intento: 1, grupo, paso, resultado };
                prop_assert!(decidir(estado.as_ref(), &comando, None, &mundo.ctx(MEDIODIA)).is_ok());
            }
        }
    }
}
