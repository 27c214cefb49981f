//! The fold of Inventario's events. Total: an event that could not have been decided leaves the state valid.
//!
//! `LoteCreado` only opens the layer; quantities move with StockIncrementado and StockReducido alone. So a return into an
//! original lot (which has no LoteCreado) folds like any entry, and the lots add up to the stock after every event.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{
    Confirmacion, EventoInventario, Inventario, Lote, LoteConsumido, MEMORIA_DE_RESERVAS, MotivoSalida, Movimiento, PuestoLote,
    Reserva, Resumen, costo, restar, restar_costo, sumar, sumar_costo,
};
use crate::defectos::{Defecto, plantado};
use crate::domain::valores::{Cantidad, Id};

/// Folds one event. O(lots touched + log n).
pub fn evolucionar(estado: &mut Option<Inventario>, evento: &EventoInventario) {
    if let EventoInventario::InventarioCreado { inventario_id, producto_id, bodega_id, stock_minimo } = evento {
        estado.get_or_insert_with(|| vacio(inventario_id, producto_id, bodega_id, *stock_minimo));
        return;
    }
    if let Some(inventario) = estado {
        inventario.aplicar(evento);
    }
}

/// Forgets the confirmation of a reservation whose StockReservado was dropped from the epoch: the state becomes what folding
/// the remaining events gives. A released reservation needs nothing: its release stays on the log.
/// Call it in the epoch of the confirmation, before 4,096 more confirmations of the same Inventario are folded.
pub fn elidir_reserva(estado: &mut Inventario, reserva_id: &Id) {
    if !estado.resumen.confirmadas.remove(reserva_id) {
        return;
    }
    if let Some(i) = estado.confirmadas.iter().rposition(|c| c.reserva_id == *reserva_id) {
        estado.confirmadas.remove(i);
    }
    if let Some(repuesta) = estado.resumen.expulsadas.pop_back() {
        estado.resumen.confirmadas.insert(repuesta.reserva_id.clone());
        estado.confirmadas.push_front(repuesta);
    }
}

/// Forgets a return whose saga ended in the epoch that recorded it: nobody sends its step again. The caller also takes the mark
/// (`reserva_id`) off its StockIncrementado, so that folding the log gives the same state.
/// Call it in the epoch of the return, before 4,096 more returns of the same Inventario are folded.
pub fn cerrar_devolucion(estado: &mut Inventario, movimiento_id: &Id) {
    if !estado.resumen.devueltas.ids.remove(movimiento_id) {
        return;
    }
    if let Some(i) = estado.devueltas.iter().rposition(|id| id == movimiento_id) {
        estado.devueltas.remove(i);
    }
    if let Some(repuesta) = estado.resumen.devueltas.expulsadas.pop_back() {
        estado.resumen.devueltas.ids.insert(repuesta.clone());
        estado.devueltas.push_front(repuesta);
    }
}

fn vacio(inventario_id: &Id, producto_id: &Id, bodega_id: &Id, stock_minimo: Option<Cantidad>) -> Inventario {
    Inventario {
        inventario_id: inventario_id.clone(),
        producto_id: producto_id.clone(),
        bodega_id: bodega_id.clone(),
        stock_minimo,
        lotes: BTreeMap::new(),
        siguiente_secuencia: 1,
        stock: Cantidad::CERO,
        reservado: Cantidad::CERO,
        reservas: BTreeMap::new(),
        confirmadas: VecDeque::new(),
        liberadas: VecDeque::new(),
        devueltas: VecDeque::new(),
        bajo_minimo: false,
        resumen: Resumen::default(),
    }
}

fn puesto(lote: &LoteConsumido) -> PuestoLote {
    PuestoLote { fecha_ingreso: lote.fecha_ingreso, secuencia: lote.secuencia }
}

impl Inventario {
    fn aplicar(&mut self, evento: &EventoInventario) {
        match evento {
            EventoInventario::InventarioCreado { .. } => {}
            EventoInventario::LoteCreado {
                lote_id,
                secuencia,
                costo_unitario,
                fecha_ingreso,
                fecha_caducidad,
                origen_lote_id,
                ..
            } => {
                let lote = Lote {
                    lote_id: lote_id.clone(),
                    cantidad: Cantidad::CERO,
                    costo_unitario: *costo_unitario,
                    fecha_caducidad: *fecha_caducidad,
                    origen_lote_id: origen_lote_id.clone(),
                };
                self.abrir_lote(PuestoLote { fecha_ingreso: *fecha_ingreso, secuencia: *secuencia }, lote);
            }
            EventoInventario::StockIncrementado(movimiento) => {
                for lote in movimiento.lotes.iter() {
                    self.poner(lote);
                }
                if let Some(movimiento_id) = &movimiento.reserva_id {
                    self.recordar_devuelta(movimiento_id);
                }
                self.rearmar_aviso();
            }
            EventoInventario::StockReducido(movimiento) => self.reducir(movimiento),
            EventoInventario::StockReservado { reserva_id, cantidad, fecha, .. } => {
                self.reservar(reserva_id, Reserva { cantidad: *cantidad, fecha: *fecha });
            }
            EventoInventario::ReservaLiberada { reserva_id, .. } => {
                self.soltar(reserva_id);
                self.recordar_liberada(reserva_id);
            }
            EventoInventario::StockMinimoCambiado { stock_minimo, .. } => {
                self.stock_minimo = *stock_minimo;
                self.rearmar_aviso();
            }
            EventoInventario::StockBajo { .. } => self.bajo_minimo = true,
        }
    }

    fn abrir_lote(&mut self, puesto: PuestoLote, lote: Lote) {
        self.siguiente_secuencia = self.siguiente_secuencia.max(puesto.secuencia.saturating_add(1));
        self.lotes.entry(puesto).or_insert(lote);
    }

    /// Quantity into a lot: a new one, one that lives, or an exhausted one that revives at its original place.
    fn poner(&mut self, entra: &LoteConsumido) {
        let puesto = puesto(entra);
        let (previa, costo_unitario, caducidad) = match self.lotes.get(&puesto) {
            Some(lote) => (lote.cantidad, lote.costo_unitario, lote.fecha_caducidad),
            None => (Cantidad::CERO, entra.costo_unitario, entra.fecha_caducidad),
        };
        let valor = costo(entra.cantidad, costo_unitario).and_then(|c| sumar_costo(self.resumen.valor, c));
        let (Some(cantidad), Some(stock), Some(valor)) = (sumar(previa, entra.cantidad), sumar(self.stock, entra.cantidad), valor)
        else {
            return;
        };
        let nuevo = || Lote {
            lote_id: entra.lote_id.clone(),
            cantidad,
            costo_unitario,
            fecha_caducidad: caducidad,
            origen_lote_id: entra.origen_lote_id.clone(),
        };
        self.lotes.entry(puesto).and_modify(|lote| lote.cantidad = cantidad).or_insert_with(nuevo);
        self.siguiente_secuencia = self.siguiente_secuencia.max(puesto.secuencia.saturating_add(1));
        self.stock = stock;
        self.resumen.valor = valor;
        self.resumen.poner_caducidad(caducidad, entra.cantidad);
    }

    fn reducir(&mut self, movimiento: &Movimiento<MotivoSalida>) {
        for lote in movimiento.lotes.iter() {
            self.sacar(lote);
        }
        let Some(reserva_id) = &movimiento.reserva_id else { return };
        // Without its StockReservado (elided) there is nothing to close and nothing to remember.
        if self.soltar(reserva_id) {
            let lotes = Arc::clone(&movimiento.lotes);
            self.recordar_confirmada(Confirmacion { reserva_id: reserva_id.clone(), lotes, costo_total: movimiento.costo_total });
        }
    }

    fn sacar(&mut self, sale: &LoteConsumido) {
        let puesto = puesto(sale);
        let Some(lote) = self.lotes.get_mut(&puesto) else { return };
        let parte = sale.cantidad.min(lote.cantidad);
        let valor = costo(parte, lote.costo_unitario).and_then(|c| restar_costo(self.resumen.valor, c));
        let (Some(queda), Some(stock), Some(valor)) = (restar(lote.cantidad, parte), restar(self.stock, parte), valor) else {
            return;
        };
        let caducidad = lote.fecha_caducidad;
        lote.cantidad = queda;
        if queda.es_cero() {
            self.lotes.remove(&puesto);
        }
        self.stock = stock;
        self.resumen.valor = valor;
        self.resumen.quitar_caducidad(caducidad, parte);
    }

    fn reservar(&mut self, reserva_id: &Id, reserva: Reserva) {
        let Some(reservado) = sumar(self.reservado, reserva.cantidad) else { return };
        if !self.reservas.contains_key(reserva_id) {
            self.reservado = reservado;
            self.reservas.insert(reserva_id.clone(), reserva);
        }
    }

    /// True when the reservation was held.
    fn soltar(&mut self, reserva_id: &Id) -> bool {
        let Some(reserva) = self.reservas.remove(reserva_id) else { return false };
        self.reservado = restar(self.reservado, reserva.cantidad).unwrap_or_default();
        true
    }

    fn recordar_confirmada(&mut self, confirmacion: Confirmacion) {
        if plantado(Defecto::ConfirmacionOlvidada) {
            return;
        }
        if !self.resumen.confirmadas.insert(confirmacion.reserva_id.clone()) {
            return;
        }
        self.confirmadas.push_back(confirmacion);
        if self.confirmadas.len() <= MEMORIA_DE_RESERVAS {
            return;
        }
        let Some(expulsada) = self.confirmadas.pop_front() else { return };
        self.resumen.confirmadas.remove(&expulsada.reserva_id);
        self.resumen.expulsadas.push_back(expulsada);
        if self.resumen.expulsadas.len() > MEMORIA_DE_RESERVAS {
            self.resumen.expulsadas.pop_front();
        }
    }

    fn recordar_liberada(&mut self, reserva_id: &Id) {
        if !self.resumen.liberadas.insert(reserva_id.clone()) {
            return;
        }
        self.liberadas.push_back(reserva_id.clone());
        if self.liberadas.len() > MEMORIA_DE_RESERVAS
            && let Some(olvidada) = self.liberadas.pop_front()
        {
            self.resumen.liberadas.remove(&olvidada);
        }
    }

    fn recordar_devuelta(&mut self, movimiento_id: &Id) {
        if !self.resumen.devueltas.ids.insert(movimiento_id.clone()) {
            return;
        }
        self.devueltas.push_back(movimiento_id.clone());
        if self.devueltas.len() <= MEMORIA_DE_RESERVAS {
            return;
        }
        let Some(expulsada) = self.devueltas.pop_front() else { return };
        self.resumen.devueltas.ids.remove(&expulsada);
        self.resumen.devueltas.expulsadas.push_back(expulsada);
        if self.resumen.devueltas.expulsadas.len() > MEMORIA_DE_RESERVAS {
            self.resumen.devueltas.expulsadas.pop_front();
        }
    }

    /// StockBajo can be recorded again once the stock is not below its minimum.
    fn rearmar_aviso(&mut self) {
        if self.stock_minimo.is_none_or(|minimo| self.stock >= minimo) {
            self.bajo_minimo = false;
        }
    }
}
