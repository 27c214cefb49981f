//! What documents ask of other aggregates, as their own streams say: the reservations of each attempt to issue, the goods that a note or
//! an annulment sends back, the credit that a note asks of its invoice.

use std::sync::Arc;

use chrono::NaiveDate;
use hashbrown::HashMap;

use crate::{
    contracts::RecordedEvent,
    domain::{
        Direccionado, Evento, TipoAgregado,
        facturacion::{
            factura::{
                EventoFactura, Factura, FacturaAnulada, FacturaEmitida, LineaFactura,
                credito::{LineaNotaCredito, SolicitudCredito},
                evolucionar,
            },
            nota_credito::{self, CabeceraNota, EventoNotaCredito, GrupoDevuelto, NotaCredito, NotaCreditoEmitida},
        },
        inventario::{DevolucionPedida, MotivoEntrada, PoliticaRetorno, Referencia, inventario_id},
        numeracion::{NumeroDocumento, TipoDocumento},
        valores::{Cantidad, Id},
    },
};

/// A reservation as its invoice asks for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pedida {
    pub(super) cantidad: Cantidad,
    pub(super) fecha: NaiveDate,
}

/// The quantity that an attempt takes of one Inventario.
pub(super) struct Grupo {
    pub(super) inventario_id: Id,
    pub(super) cantidad: Cantidad,
}

/// The groups of some lines, by the plainest means: in order of first appearance, quantities added.
pub(super) fn grupos<'l>(lineas: impl Iterator<Item = &'l LineaFactura>) -> Vec<Grupo> {
    let mut grupos: Vec<Grupo> = Vec::new();
    for linea in lineas {
        let (Some(producto), Some(bodega)) = (&linea.producto_id, &linea.bodega_id) else { continue };
        let inventario_id = inventario_id(producto, bodega);
        match grupos.iter_mut().find(|grupo| grupo.inventario_id == inventario_id) {
            Some(grupo) => {
                grupo.cantidad = Cantidad::nuevo(grupo.cantidad.valor() + linea.cantidad.valor()).unwrap_or(grupo.cantidad);
            }
            None => grupos.push(Grupo { inventario_id, cantidad: linea.cantidad }),
        }
    }
    grupos
}

/// Everything that documents ask for, by what it is called.
#[derive(Default)]
pub(super) struct Documentos {
    reservas: HashMap<Id, Pedida>,
    devoluciones: HashMap<Id, DevolucionPedida>,
    /// By `factura_id:nota_id` and attempt.
    solicitudes: HashMap<(Id, u32), SolicitudCredito>,
}

impl Documentos {
    /// Reads the streams of the documents; those of other aggregates say nothing.
    pub(super) fn de<'e>(corrientes: impl Iterator<Item = (&'e Direccionado, &'e [RecordedEvent])>) -> Self {
        let mut documentos = Self::default();
        for (de, corriente) in corrientes {
            match de.tipo {
                TipoAgregado::Factura => documentos.factura(&de.id, corriente),
                TipoAgregado::NotaCredito => documentos.nota(&de.id, corriente),
                _ => {}
            }
        }
        documentos
    }

    pub(super) fn reserva(&self, reserva_id: &Id) -> Option<Pedida> {
        self.reservas.get(reserva_id).copied()
    }

    pub(super) fn devolucion(&self, movimiento_id: &Id) -> Option<&DevolucionPedida> {
        self.devoluciones.get(movimiento_id)
    }

    pub(super) fn solicitud(&self, nota: &Id, intento: u32) -> Option<&SolicitudCredito> {
        self.solicitudes.get(&(nota.clone(), intento))
    }

    fn factura(&mut self, factura_id: &Id, corriente: &[RecordedEvent]) {
        let mut estado = None;
        for registrado in corriente {
            let Evento::Factura(evento) = &registrado.evento else { continue };
            // Refused at once: the draft says what it asked for.
            if let (EventoFactura::FacturaRechazada { intento, .. }, Some(borrador)) = (evento, &estado) {
                self.reservas_de(factura_id, *intento, borrador);
            }
            evolucionar(&mut estado, evento);
            match (evento, &estado) {
                (EventoFactura::EmisionIniciada(inicio), Some(factura)) => self.reservas_de(factura_id, inicio.intento, factura),
                (EventoFactura::FacturaEmitida(emitida), Some(factura)) => self.reservas_de(factura_id, emitida.intento, factura),
                (EventoFactura::FacturaAnulada(anulada), _) => self.anulacion(anulada),
                _ => {}
            }
        }
    }

    fn reservas_de(&mut self, factura_id: &Id, intento: u32, factura: &Factura) {
        for (i, grupo) in grupos(factura.lineas.iter().map(|linea| &**linea)).into_iter().enumerate() {
            let pedida = Pedida { cantidad: grupo.cantidad, fecha: factura.cabecera.fecha_emision };
            self.reservas.insert(Id::de_paso(factura_id, intento, i, None), pedida);
        }
    }

    /// Everything that an annulled invoice took goes back to its lots.
    fn anulacion(&mut self, anulada: &FacturaAnulada) {
        let documento: &FacturaEmitida = &anulada.documento;
        let referencia = referencia(TipoDocumento::Factura, &documento.factura_id, &documento.numero);
        for (grupo, movimiento) in documento.grupos.iter().zip(&anulada.movimientos) {
            let pedida = DevolucionPedida {
                inventario_id: inventario_id(&grupo.grupo.producto_id, &grupo.grupo.bodega_id),
                movimiento_id: movimiento.movimiento_id.clone(),
                motivo: MotivoEntrada::Anulacion,
                politica: PoliticaRetorno::ReversaFifo,
                lotes: Arc::clone(&grupo.lotes),
                fecha: documento.cabecera.fecha_emision,
                referencia: referencia.clone(),
            };
            self.devoluciones.insert(movimiento.movimiento_id.clone(), pedida);
        }
    }

    fn nota(&mut self, clave: &Id, corriente: &[RecordedEvent]) {
        let mut estado: Option<NotaCredito> = None;
        for registrado in corriente {
            let Evento::NotaCredito(evento) = &registrado.evento else { continue };
            // Refused at once: the draft says what it asked for.
            if let (EventoNotaCredito::NotaCreditoRechazada { intento, .. }, Some(borrador)) = (evento, &estado)
                && !self.solicitudes.contains_key(&(clave.clone(), *intento))
            {
                self.solicitar(clave, *intento, borrador, &borrador.cabecera);
            }
            nota_credito::evolucionar(&mut estado, evento);
            match (evento, &estado) {
                (EventoNotaCredito::EmisionNotaCreditoIniciada(inicio), Some(nota)) => {
                    self.solicitar(clave, inicio.intento, nota, &inicio.cabecera);
                }
                (EventoNotaCredito::NotaCreditoEmitida(emitida), Some(nota)) => {
                    self.solicitar(clave, emitida.intento, nota, &emitida.cabecera);
                    self.devueltos(clave, emitida);
                }
                _ => {}
            }
        }
    }

    fn solicitar(&mut self, clave: &Id, intento: u32, nota: &NotaCredito, cabecera: &CabeceraNota) {
        let lineas: &[Arc<LineaNotaCredito>] = &nota.lineas;
        let solicitud = SolicitudCredito {
            nota_id: nota.nota_id.clone(),
            intento,
            sucursal_id: cabecera.sucursal_id.clone(),
            politica: cabecera.politica_retorno,
            fecha_emision: cabecera.fecha_emision,
            lineas: lineas.to_vec(),
        };
        self.solicitudes.insert((clave.clone(), intento), solicitud);
    }

    fn devueltos(&mut self, clave: &Id, emitida: &NotaCreditoEmitida) {
        let referencia = referencia(TipoDocumento::NotaCredito, clave, &emitida.numero);
        for GrupoDevuelto { grupo, movimiento_id } in &emitida.grupos {
            let pedida = DevolucionPedida {
                inventario_id: inventario_id(&grupo.producto_id, &grupo.bodega_id),
                movimiento_id: movimiento_id.clone(),
                motivo: MotivoEntrada::DevolucionCliente,
                politica: emitida.cabecera.politica_retorno,
                lotes: Arc::clone(&grupo.lotes),
                fecha: emitida.cabecera.fecha_emision,
                referencia: referencia.clone(),
            };
            self.devoluciones.insert(movimiento_id.clone(), pedida);
        }
    }
}

fn referencia(tipo: TipoDocumento, documento: &Id, numero: &NumeroDocumento) -> Referencia {
    Referencia { tipo: Arc::from(tipo.nombre()), id: documento.texto(), numero: Some(Arc::from(numero.to_string())) }
}
