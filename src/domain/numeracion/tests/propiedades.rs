//! Numbers without holes and without repeats, whatever the order of the commands.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Paso {
    /// A document out of few, so that repeats abound.
    Asignar(u8),
    AsignarFueraDeFecha(u8),
    /// Offset from the next number.
    Inutilizar(i8),
    /// Gap between the last number given and the new `desde` (may be refused), and length of the interval.
    Renovar(i8, u8),
    Crear,
}

fn paso() -> impl Strategy<Value = Paso> {
    prop_oneof![
        10 => (0_u8..40).prop_map(Paso::Asignar),
        1 => (0_u8..40).prop_map(Paso::AsignarFueraDeFecha),
        4 => (-3_i8..8).prop_map(Paso::Inutilizar),
        2 => (-2_i8..6, 0_u8..12).prop_map(|(salto, largo)| Paso::Renovar(salto, largo)),
        1 => Just(Paso::Crear),
    ]
}

/// `base` moved by `salto`, never below zero.
fn mover(base: u64, salto: i8) -> u64 {
    base.saturating_add_signed(i64::from(salto))
}

fn comando(e: &Escenario, paso: &Paso) -> ComandoRango {
    match paso {
        Paso::Asignar(documento) => asignar(&format!("f{documento}")),
        Paso::AsignarFueraDeFecha(documento) => {
            ComandoRango::AsignarNumero { rango_id: rango(), documento_id: id(&format!("f{documento}")), fecha: dia(2031, 1, 1) }
        }
        Paso::Inutilizar(salto) => inutilizar(mover(e.rango().siguiente, *salto)),
        Paso::Renovar(salto, largo) => {
            let desde = mover(e.rango().ultimo_dado().unwrap_or(1) + 1, *salto);
            renovar(autorizacion(desde, desde + u64::from(*largo)))
        }
        Paso::Crear => crear("FE", autorizacion(1, 10)),
    }
}

/// The events of a range that random commands made.
pub fn historia() -> impl Strategy<Value = Vec<EventoRango>> {
    (0_u64..15, proptest::collection::vec(paso(), 0..80)).prop_map(|(largo, pasos)| {
        let mut e = Escenario::con_rango(1, 1 + largo);
        for paso in &pasos {
            let comando = comando(&e, paso);
            let _granted_or_refused = e.aplicar(&comando);
        }
        e.eventos
    })
}

/// What the rules say in the plainest way: sets of everything ever given and voided.
#[derive(Default)]
struct Modelo {
    dados: HashMap<Id, u64>,
    numeros: BTreeSet<u64>,
    inutilizados: BTreeSet<u64>,
    intervalo: (u64, u64),
}

impl Modelo {
    /// The least number of the interval above every number given, not voided.
    fn siguiente(&self) -> Option<u64> {
        let piso = self.numeros.last().map_or(0, |n| n + 1).max(self.intervalo.0);
        (piso..=self.intervalo.1).find(|n| !self.inutilizados.contains(n))
    }
}

proptest! {
    #[test]
    fn sin_huecos_ni_repetidos(largo in 0_u64..15, pasos in proptest::collection::vec(paso(), 0..120)) {
        let mut e = Escenario::con_rango(1, 1 + largo);
        let mut modelo = Modelo { intervalo: (1, 1 + largo), ..Modelo::default() };
        for paso in &pasos {
            let comando = comando(&e, paso);
            let antes = e.eventos.len();
            let resultado = e.aplicar(&comando);
            match (&comando, resultado) {
                (ComandoRango::AsignarNumero { documento_id, fecha, .. }, Ok(decision)) => {
                    let Some(ResultadoPaso::NumeroAsignado { numero }) = decision.resultado else {
                        return Err(TestCaseError::fail("an assignment answers its number"));
                    };
                    if let Some(dado) = modelo.dados.get(documento_id) {
                        prop_assert_eq!((numero.consecutivo, decision.eventos.len()), (*dado, 0));
                        continue;
                    }
                    prop_assert_eq!(*fecha, hoy());
                    prop_assert_eq!(Some(numero.consecutivo), modelo.siguiente());
                    prop_assert!(modelo.numeros.insert(numero.consecutivo), "given twice");
                    modelo.dados.insert(documento_id.clone(), numero.consecutivo);
                }
                (ComandoRango::AsignarNumero { documento_id, fecha, .. }, Err(_)) => {
                    prop_assert!(!modelo.dados.contains_key(documento_id));
                    prop_assert!(modelo.siguiente().is_none() || *fecha != hoy());
                }
                (ComandoRango::InutilizarNumero { consecutivo, .. }, resultado) => {
                    let dentro = (modelo.intervalo.0..=modelo.intervalo.1).contains(consecutivo);
                    let por_dar = modelo.numeros.last().is_none_or(|ultimo| consecutivo > ultimo);
                    let valido = dentro && por_dar && !modelo.inutilizados.contains(consecutivo);
                    prop_assert_eq!(resultado.is_ok(), valido);
                    if valido {
                        modelo.inutilizados.insert(*consecutivo);
                    }
                }
                (ComandoRango::RenovarRango { autorizacion, .. }, resultado) => {
                    let valido = autorizacion.desde >= 1 && modelo.numeros.last().is_none_or(|n| autorizacion.desde > *n);
                    prop_assert_eq!(resultado.is_ok(), valido);
                    if valido {
                        modelo.intervalo = (autorizacion.desde, autorizacion.hasta);
                    }
                }
                (ComandoRango::CrearRango { .. }, resultado) => prop_assert!(resultado.is_err()),
            }
            prop_assert_eq!(e.rango().estado(hoy()) == EstadoRango::Agotado, modelo.siguiente().is_none());
            prop_assert!(e.eventos.len() - antes <= 2);
        }
        // No number was both given and voided, and folding what was recorded gives the same state.
        prop_assert!(modelo.numeros.is_disjoint(&modelo.inutilizados));
        let mut plegado = None;
        e.eventos.iter().for_each(|evento| evolucionar(&mut plegado, evento));
        prop_assert_eq!(plegado, e.estado);
    }

    /// One warning an authorization at most, and never while more than a tenth is left.
    #[test]
    fn el_aviso_es_uno_y_a_tiempo(total in 1_u64..200, inutiles in proptest::collection::btree_set(1_u64..200, 0..20)) {
        let mut e = Escenario::con_rango(1, total);
        for n in &inutiles {
            let _ = e.aplicar(&inutilizar(*n));
        }
        let mut documento = 0;
        while e.rango().estado(hoy()) == EstadoRango::Vigente {
            prop_assert_eq!(e.rango().avisado, e.rango().restantes() * 10 <= total);
            documento += 1;
            e.asignar(&format!("f{documento}")).unwrap();
        }
        prop_assert_eq!(e.eventos.iter().filter(|evento| evento.tipo() == "RangoPorAgotarse").count(), 1);
    }

    /// The fold is total: any event in any order, with absurd numbers too, leaves a state that still decides.
    #[test]
    fn el_pliegue_es_total(eventos in proptest::collection::vec(evento(), 0..40), paso in (0_u8..4, any::<u64>())) {
        let mut e = Escenario::vacio();
        eventos.iter().for_each(|evento| evolucionar(&mut e.estado, evento));
        let _ = match paso {
            (0, _) => e.decidir(&asignar("f1")),
            (1, n) => e.decidir(&inutilizar(n)),
            (2, n) => e.decidir(&renovar(autorizacion(n, n))),
            (_, n) => e.decidir(&crear("FE", autorizacion(n, n))),
        };
        if let Some(rango) = &e.estado {
            prop_assert!(rango.recientes.len() <= RECIENTES_MAX && rango.por_documento.len() == rango.recientes.len());
            prop_assert!(rango.restantes() <= rango.autorizacion.total() || rango.autorizacion.desde > rango.siguiente);
        }
    }
}

fn numero() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..20, Just(u64::MAX), Just(u64::MAX - 1), any::<u64>()]
}

fn evento() -> impl Strategy<Value = EventoRango> {
    prop_oneof![
        (numero(), numero()).prop_map(|(desde, hasta)| EventoRango::RangoCreado {
            rango_id: rango(),
            sucursal_id: id("PRINCIPAL"),
            tipo_documento: TipoDocumento::Factura,
            prefijo: Arc::from("FE"),
            autorizacion: autorizacion(desde, hasta),
        }),
        (0_u8..10, numero()).prop_map(|(documento, consecutivo)| EventoRango::NumeroAsignado {
            documento_id: id(&format!("f{documento}")),
            numero: NumeroDocumento { rango_id: rango(), prefijo: Arc::from("FE"), consecutivo, resolucion: Arc::from("") },
            fecha: hoy(),
        }),
        (numero(), numero())
            .prop_map(|(desde, hasta)| EventoRango::RangoRenovado { rango_id: rango(), autorizacion: autorizacion(desde, hasta) }),
        Just(EventoRango::RangoPorAgotarse { rango_id: rango(), restantes: 1 }),
        numero().prop_map(|consecutivo| EventoRango::NumeroInutilizado { rango_id: rango(), consecutivo, motivo: Arc::from("x") }),
    ]
}
