//! Quarantine of one aggregate: from a poison command on, its commands wait in order for an operator.
//!
//! Each command that waits has an id of its own, [`Apartado`]. The aggregate's stream says what waits, in order, and what became of it: a queue
//! that anybody can fold. Only its first may be decided again, any may be discarded, and when none is left the quarantine is lifted.

use std::sync::Arc;

use super::{
    ComandoEnEspera, Direccionado, TipoAgregado,
    reglas::{Falla, Regla},
    valores::Id,
};

/// Id of a command that was set aside: 128 bits, those of the UUIDv7 it is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Apartado(pub u128);

/// What an operator asks about a command that waits.
#[derive(Debug, Clone, PartialEq)]
pub enum ComandoCuarentena {
    /// Decides it again, or discards it.
    ResolverApartado {
        tipo: TipoAgregado,
        id: Id,
        apartado: Apartado,
        descartar: bool,
        /// MotivoValido: 5 to 300 characters.
        motivo: Arc<str>,
        /// The command, as it was set aside.
        pedido: ComandoEnEspera,
    },
}

impl ComandoCuarentena {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::ResolverApartado { .. } => "ResolverApartado",
        }
    }

    pub fn destino(&self) -> Direccionado {
        match self {
            Self::ResolverApartado { tipo, id, .. } => Direccionado::new(*tipo, id.clone()),
        }
    }
}

/// What happened to the queue of an aggregate.
#[derive(Debug, Clone, PartialEq)]
pub enum EventoCuarentena {
    /// A command failed or waits behind one that did. `None` in records of the first version of the contract.
    AgregadoEnCuarentena { causa: Arc<str>, apartado: Option<Apartado> },
    /// It was decided again; what it led to follows.
    ComandoReproducido { apartado: Apartado, motivo: Arc<str> },
    /// It will never be decided: that is its outcome.
    ComandoDescartado { apartado: Apartado, comando: Arc<str>, command_id: Option<Id>, motivo: Arc<str> },
    /// Nothing waits any more.
    CuarentenaLevantada { motivo: Arc<str> },
}

impl EventoCuarentena {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::AgregadoEnCuarentena { .. } => "AgregadoEnCuarentena",
            Self::ComandoReproducido { .. } => "ComandoReproducido",
            Self::ComandoDescartado { .. } => "ComandoDescartado",
            Self::CuarentenaLevantada { .. } => "CuarentenaLevantada",
        }
    }

    /// Whether it is the outcome of an operator's command; the others come with somebody else's.
    pub fn resuelve(&self) -> bool {
        matches!(self, Self::ComandoReproducido { .. } | Self::ComandoDescartado { .. })
    }
}

/// The commands of an aggregate that wait, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cola {
    en_cuarentena: bool,
    esperan: std::collections::VecDeque<Apartado>,
}

impl Cola {
    /// As a store kept it.
    pub fn de(en_cuarentena: bool, esperan: Vec<Apartado>) -> Self {
        Self { en_cuarentena, esperan: esperan.into() }
    }

    pub fn en_cuarentena(&self) -> bool {
        self.en_cuarentena
    }

    /// From the first on.
    pub fn esperan(&self) -> impl ExactSizeIterator<Item = Apartado> + '_ {
        self.esperan.iter().copied()
    }

    /// Folds what happened.
    pub fn evolucionar(&mut self, evento: &EventoCuarentena) {
        match evento {
            EventoCuarentena::AgregadoEnCuarentena { apartado, .. } => {
                self.en_cuarentena = true;
                self.esperan.extend(*apartado);
            }
            EventoCuarentena::ComandoReproducido { apartado, .. } | EventoCuarentena::ComandoDescartado { apartado, .. } => {
                if let Some(lugar) = self.esperan.iter().position(|otro| otro == apartado) {
                    self.esperan.remove(lugar);
                }
            }
            EventoCuarentena::CuarentenaLevantada { .. } => *self = Self::default(),
        }
    }

    /// Whether nothing is left that keeps the aggregate in quarantine.
    pub fn vacia(&self) -> bool {
        self.esperan.is_empty()
    }

    /// Whether one may be resolved now: it waits, and to be decided it is the first.
    ///
    /// # Errors
    /// `ApartadoPorResolver`, with the first that waits when it is not this one's turn.
    pub fn admitir(&self, apartado: Apartado, descartar: bool) -> Result<(), Falla> {
        let lugar = self.esperan.iter().position(|otro| *otro == apartado);
        // A quarantine of the first version of the contract does not say what waits.
        let sin_cola = self.en_cuarentena && self.esperan.is_empty();
        match lugar {
            Some(0) => Ok(()),
            Some(_) if descartar => Ok(()),
            Some(lugar) => {
                let mensaje = format!("antes que este comando esperan otros {lugar}: se reproducen en orden");
                Err(Falla::new(Regla::ApartadoPorResolver, "", mensaje).con("delante", lugar))
            }
            None if sin_cola => Ok(()),
            None => {
                let mensaje = "el comando apartado ya se resolvió: no espera".to_owned();
                Err(Falla::new(Regla::ApartadoPorResolver, "", mensaje))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apartar(n: u128) -> EventoCuarentena {
        EventoCuarentena::AgregadoEnCuarentena { causa: Arc::from("x"), apartado: Some(Apartado(n)) }
    }

    #[test]
    fn the_queue_is_resolved_in_order_and_may_lose_any() {
        let mut cola = Cola::default();
        assert!(cola.admitir(Apartado(1), false).is_err(), "nothing waits");
        [1, 2, 3].into_iter().for_each(|n| cola.evolucionar(&apartar(n)));
        assert!(cola.en_cuarentena() && cola.esperan().eq([1, 2, 3].map(Apartado)));
        let falla = cola.admitir(Apartado(3), false).expect_err("not its turn");
        assert!(falla.mensaje.contains("esperan otros 2"), "{}", falla.mensaje);
        assert!(cola.admitir(Apartado(2), true).is_ok() && cola.admitir(Apartado(1), false).is_ok());
        let motivo = Arc::<str>::from("corregido");
        cola.evolucionar(&EventoCuarentena::ComandoDescartado {
            apartado: Apartado(2),
            comando: Arc::from("CrearCliente"),
            command_id: None,
            motivo: motivo.clone(),
        });
        cola.evolucionar(&EventoCuarentena::ComandoReproducido { apartado: Apartado(1), motivo: motivo.clone() });
        assert!(cola.esperan().eq([Apartado(3)]) && cola.admitir(Apartado(1), false).is_err(), "once is enough");
        cola.evolucionar(&EventoCuarentena::ComandoReproducido { apartado: Apartado(3), motivo: motivo.clone() });
        assert!(cola.vacia() && cola.en_cuarentena());
        cola.evolucionar(&EventoCuarentena::CuarentenaLevantada { motivo });
        assert_eq!(cola, Cola::default());
    }
}
