//! RangoNumeracion: every number given, and every change, decided again.

use super::{Juicio, OraculoDistribuido, comparar, decisiones};
use crate::{
    audit::oraculo::Mundo,
    contracts::RecordedEvent,
    domain::{
        Comando, ContextoDecision, Evento, Rechazo,
        numeracion::{self, ComandoRango, EventoRango, RangoNumeracion, decidir},
    },
};

pub(super) fn plegar(estado: &mut Option<RangoNumeracion>, evento: &Evento) {
    if let Evento::Rango(evento) = evento {
        numeracion::evolucionar(estado, evento);
    }
}

fn en_eventos(decidido: Result<numeracion::DecisionRango, Rechazo>) -> Result<Vec<Evento>, Rechazo> {
    Ok(decidido?.eventos.into_iter().map(Evento::Rango).collect())
}

/// The state after some events.
fn estado_tras<'e>(eventos: impl Iterator<Item = &'e Evento>) -> Option<RangoNumeracion> {
    let mut estado = None;
    eventos.for_each(|evento| plegar(&mut estado, evento));
    estado
}

/// Decides in the state after some events.
pub(super) fn decidir_en<'e>(
    eventos: impl Iterator<Item = &'e Evento>,
    comando: &ComandoRango,
    ctx: &ContextoDecision<'_>,
) -> Result<Vec<Evento>, Rechazo> {
    en_eventos(decidir(estado_tras(eventos).as_ref(), comando, ctx))
}

impl OraculoDistribuido<'_> {
    pub(super) fn numeros(&self, corriente: &[RecordedEvent], mundo: &Mundo, juicio: &mut Juicio) {
        let mut estado = None;
        for grupo in decisiones(corriente) {
            let sobre = &grupo[0].sobre;
            let del_cliente = self.comando_de(&sobre.entrada).filter(|_| sobre.huella.is_some());
            let comando = match (del_cliente.map(|c| &c.comando), &grupo[0].evento) {
                (Some(Comando::Rango(comando)), _) => Some(comando.clone()),
                (None, Evento::Rango(EventoRango::NumeroAsignado { documento_id, numero, fecha })) => {
                    Some(ComandoRango::AsignarNumero {
                        rango_id: numero.rango_id.clone(),
                        documento_id: documento_id.clone(),
                        fecha: *fecha,
                    })
                }
                _ => None,
            };
            if let Some(comando) = comando {
                let ahora = self.momento(&grupo[0]).unwrap_or(sobre.ocurrido_en);
                let decididos = en_eventos(decidir(estado.as_ref(), &comando, &self.contexto(ahora, mundo)));
                comparar(grupo, decididos, juicio);
            }
            grupo.iter().for_each(|registrado| plegar(&mut estado, &registrado.evento));
        }
    }
}
