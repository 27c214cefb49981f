//! Inventario: every entry, exit, reservation, confirmation and release, decided again in the state that it met.

use super::{Juicio, OraculoDistribuido, comparar, cual, decisiones, documentos::Documentos, iguales};
use crate::{
    audit::oraculo::Mundo,
    contracts::RecordedEvent,
    domain::{
        Comando, ContextoDecision, Evento, Rechazo,
        inventario::{self, ComandoInventario, EventoInventario, Inventario, MotivoSalida, decidir},
        valores::{Id, Instante},
    },
};

fn plegar(estado: &mut Option<Inventario>, evento: &Evento) {
    if let Evento::Inventario(evento) = evento {
        inventario::evolucionar(estado, evento);
    }
}

fn en_eventos(decidido: Result<inventario::DecisionInventario, Rechazo>) -> Result<Vec<Evento>, Rechazo> {
    Ok(decidido?.eventos.into_iter().map(Evento::Inventario).collect())
}

/// Decides in the state after some events.
pub(super) fn decidir_en<'e>(
    eventos: impl Iterator<Item = &'e Evento>,
    comando: &ComandoInventario,
    ctx: &ContextoDecision<'_>,
) -> Result<Vec<Evento>, Rechazo> {
    let mut estado = None;
    eventos.for_each(|evento| plegar(&mut estado, evento));
    en_eventos(decidir(estado.as_ref(), comando, ctx))
}

impl OraculoDistribuido<'_> {
    pub(super) fn existencias(&self, corriente: &[RecordedEvent], mundo: &Mundo, documentos: &Documentos, juicio: &mut Juicio) {
        let mut estado = None;
        for grupo in decisiones(corriente) {
            let antes = juicio.fallas;
            self.decision(estado.as_ref(), grupo, mundo, documentos, juicio);
            if juicio.fallas > antes {
                // What follows was decided in a state that this stream does not have.
                return;
            }
            grupo.iter().for_each(|registrado| plegar(&mut estado, &registrado.evento));
        }
    }

    fn decision(
        &self,
        estado: Option<&Inventario>,
        grupo: &[RecordedEvent],
        mundo: &Mundo,
        documentos: &Documentos,
        juicio: &mut Juicio,
    ) {
        let primero = &grupo[0];
        if primero.sobre.huella.is_some() {
            let Some(sobre) = self.comando_de(&primero.sobre.entrada) else { return };
            let Comando::Inventario(comando) = &sobre.comando else {
                juicio.falla(|| format!("{}: su entrada es otra cosa, {}", cual(primero), sobre.comando.tipo()));
                return;
            };
            let ctx = self.contexto(sobre.recibido_en, mundo);
            comparar(grupo, en_eventos(decidir(estado, comando, &ctx)), juicio);
            return;
        }
        let Some(paso) = grupo.iter().find_map(|registrado| paso_de(&registrado.evento, documentos)) else { return };
        let Some(ahora) = self.momento(primero) else { return };
        let mut decididos = self.paso(estado, &paso, ahora, mundo, documentos);
        let igual = decididos.iter().position(|d| d.as_ref().is_ok_and(|eventos| iguales(eventos, grupo)));
        comparar(grupo, decididos.swap_remove(igual.unwrap_or(0)), juicio);
    }

    /// What a step leads to now; and, if its reservation is not held, what it leads to right after it was granted: a saga that ran to its
    /// end at once leaves no reservation behind.
    fn paso(
        &self,
        estado: Option<&Inventario>,
        paso: &ComandoInventario,
        ahora: Instante,
        mundo: &Mundo,
        documentos: &Documentos,
    ) -> Vec<Result<Vec<Evento>, Rechazo>> {
        let ctx = self.contexto(ahora, mundo);
        let ahora_mismo = en_eventos(decidir(estado, paso, &ctx));
        let reserva_id = match paso {
            ComandoInventario::ConfirmarReserva { reserva_id, .. } | ComandoInventario::LiberarReserva { reserva_id, .. } => {
                reserva_id
            }
            _ => return vec![ahora_mismo],
        };
        match reservado(estado, paso.inventario_id(), reserva_id, documentos, &ctx) {
            Some(estado) => vec![en_eventos(decidir(Some(&estado), paso, &ctx)), ahora_mismo],
            None => vec![ahora_mismo],
        }
    }
}

/// The state with the reservation that the invoice asked for, if it is not held and would be granted.
fn reservado(
    estado: Option<&Inventario>,
    inventario_id: &Id,
    reserva_id: &Id,
    documentos: &Documentos,
    ctx: &ContextoDecision<'_>,
) -> Option<Inventario> {
    let actual = estado.filter(|inventario| !inventario.reservas.contains_key(reserva_id))?;
    let pedida = documentos.reserva(reserva_id)?;
    let reservar = ComandoInventario::ReservarStock {
        inventario_id: inventario_id.clone(),
        reserva_id: reserva_id.clone(),
        cantidad: pedida.cantidad,
        fecha: pedida.fecha,
    };
    let concedida = decidir(Some(actual), &reservar, ctx).ok()?;
    let mut con = Some(actual.clone());
    concedida.eventos.iter().for_each(|evento| inventario::evolucionar(&mut con, evento));
    con
}

/// The step that an event tells of; `None` for what is no step of a saga, and for goods of a document that is not told of.
fn paso_de(evento: &Evento, documentos: &Documentos) -> Option<ComandoInventario> {
    let Evento::Inventario(evento) = evento else { return None };
    match evento {
        EventoInventario::StockIncrementado(m) => {
            let pedida = documentos.devolucion(&m.movimiento_id)?;
            Some(ComandoInventario::DevolverStock(Box::new(pedida.clone())))
        }
        EventoInventario::StockReservado { inventario_id, reserva_id, cantidad, fecha, .. } => {
            Some(ComandoInventario::ReservarStock {
                inventario_id: inventario_id.clone(),
                reserva_id: reserva_id.clone(),
                cantidad: *cantidad,
                fecha: *fecha,
            })
        }
        EventoInventario::ReservaLiberada { inventario_id, reserva_id, causa, .. } => Some(ComandoInventario::LiberarReserva {
            inventario_id: inventario_id.clone(),
            reserva_id: reserva_id.clone(),
            causa: causa.clone(),
        }),
        EventoInventario::StockReducido(m) if m.motivo == MotivoSalida::Venta => Some(ComandoInventario::ConfirmarReserva {
            inventario_id: m.inventario_id.clone(),
            reserva_id: m.reserva_id.clone()?,
            movimiento_id: m.movimiento_id.clone(),
            referencia: m.referencia.clone()?,
        }),
        _ => None,
    }
}
