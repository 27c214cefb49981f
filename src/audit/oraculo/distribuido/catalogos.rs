//! Catalogues: each decides by its own state; Bodega looks at its Sucursal too, Descuento at the calendar.

use super::{Juicio, OraculoDistribuido, comparar, decisiones};
use crate::{
    audit::oraculo::Mundo,
    contracts::RecordedEvent,
    domain::{
        Comando, ContextoDecision, Direccionado, Evento, Rechazo,
        catalogo::{bodega, cliente, descuento, producto, sucursal},
        valores::Id,
    },
};

impl OraculoDistribuido<'_> {
    pub(super) fn catalogo(&self, de: &Direccionado, corriente: &[RecordedEvent], mundo: &Mundo, juicio: &mut Juicio) {
        let mut propio = Mundo::default();
        for grupo in decisiones(corriente) {
            if let Some(sobre) = self.comando_de(&grupo[0].sobre.entrada)
                && let Some(decididos) = decidir(&propio, &de.id, &sobre.comando, &self.contexto(sobre.recibido_en, mundo))
            {
                comparar(grupo, decididos, juicio);
            }
            grupo.iter().for_each(|registrado| propio.plegar(&de.id, &registrado.evento));
        }
    }
}

fn decidir(propio: &Mundo, id: &Id, comando: &Comando, ctx: &ContextoDecision<'_>) -> Option<Result<Vec<Evento>, Rechazo>> {
    fn en<E>(decididos: Result<Vec<E>, Rechazo>, evento: fn(E) -> Evento) -> Option<Result<Vec<Evento>, Rechazo>> {
        Some(decididos.map(|eventos| eventos.into_iter().map(evento).collect()))
    }
    match comando {
        Comando::Cliente(c) => en(cliente::decidir(propio.clientes.get(id), c, ctx), Evento::Cliente),
        Comando::Producto(c) => en(producto::decidir(propio.productos.get(id), c, ctx), Evento::Producto),
        Comando::Descuento(c) => en(descuento::decidir(propio.descuentos.get(id), c, ctx), Evento::Descuento),
        Comando::Sucursal(c) => en(sucursal::decidir(propio.sucursales.get(id), c, ctx), Evento::Sucursal),
        Comando::Bodega(c) => en(bodega::decidir(propio.bodegas.get(id), c, ctx), Evento::Bodega),
        _ => None,
    }
}

/// Decides in the state after some events.
pub(super) fn decidir_en<'e>(
    eventos: impl Iterator<Item = &'e Evento>,
    comando: &Comando,
    ctx: &ContextoDecision<'_>,
) -> Option<Result<Vec<Evento>, Rechazo>> {
    let (mut propio, id) = (Mundo::default(), comando.destino().id);
    eventos.for_each(|evento| propio.plegar(&id, evento));
    decidir(&propio, &id, comando, ctx)
}
