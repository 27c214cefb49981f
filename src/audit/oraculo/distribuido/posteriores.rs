//! What is decided of an invoice by its own state: edits of a draft, and, once it is issued, credit, annulment, the tax authority's answer.

use std::sync::Arc;

use super::{Alrededor, Juicio, OraculoDistribuido, cual, es_de_catalogo, rechazos::dato, texto};
use crate::{
    audit::oraculo::Mundo,
    contracts::RecordedEvent,
    domain::{
        Comando, ContextoDecision, Evento, Rechazo, TipoAgregado,
        facturacion::{
            factura::{
                self, ComandoFactura, DecisionFactura, EstadoDian, EstadoFactura, EventoFactura, Factura, FacturaAnulada,
                credito::{CreditoNota, SolicitudCredito},
                evolucionar,
            },
            nota_credito::clave_nota,
        },
        inventario::{EventoInventario, inventario_id},
        reglas::Falla,
        valores::Id,
    },
};

impl OraculoDistribuido<'_> {
    /// An event that is neither of the invoice's issue nor a line: decided again from its command, or from its place in its saga.
    pub(super) fn otro_de_factura(
        &self,
        registrado: &RecordedEvent,
        evento: &EventoFactura,
        estado: Option<&Factura>,
        alrededor: Alrededor<'_>,
        juicio: &mut Juicio,
    ) {
        let mundo = alrededor.mundo;
        match evento {
            EventoFactura::CreditoReservado { credito, .. } => {
                let concedido = self.conceder(registrado, estado, &credito.nota_id, credito.intento, alrededor);
                juicio.exigir(concedido.is_some_and(|otro| es_el_mismo(&otro, credito)), || {
                    format!("{}: el crédito no es el que el dominio da a {}", cual(registrado), credito.nota_id)
                });
            }
            EventoFactura::CreditoAplicado { nota_id, intento, cargos, .. } => {
                let credito = reservado(estado, nota_id, *intento)
                    .or_else(|| self.conceder(registrado, estado, nota_id, *intento, alrededor));
                juicio.exigir(credito.is_some_and(|credito| credito.cargos == *cargos), || {
                    format!("{}: sus cargos no son los del crédito que el dominio da a {nota_id}", cual(registrado))
                });
            }
            EventoFactura::CreditoLiberado { nota_id, intento, .. } => {
                let credito = reservado(estado, nota_id, *intento)
                    .or_else(|| self.conceder(registrado, estado, nota_id, *intento, alrededor));
                juicio.exigir(credito.is_some(), || format!("{}: libera un crédito que nadie dio a {nota_id}", cual(registrado)));
            }
            EventoFactura::AnulacionAsegurada { intento, .. } => {
                let bien = en_anulacion(estado, *intento).is_some_and(|asegurada| !asegurada);
                juicio.exigir(bien, || format!("{}: no se estaba anulando", cual(registrado)));
            }
            EventoFactura::FacturaAnulada(anulada) => self.anulada(registrado, anulada, estado, mundo, juicio),
            EventoFactura::AnulacionRechazada { errores, .. } => self.anulacion_rechazada(registrado, errores, estado, juicio),
            // Of a command of its own, decided at once.
            _ => self.exigir_decidido(registrado, evento, estado, mundo, juicio),
        }
    }

    /// The command of the event's input, decided again in the state it met, leads to it. What only the catalogue of another moment
    /// explains is let pass.
    fn exigir_decidido(
        &self,
        registrado: &RecordedEvent,
        evento: &EventoFactura,
        estado: Option<&Factura>,
        mundo: &Mundo,
        juicio: &mut Juicio,
    ) {
        match self.decidir_factura(registrado, estado, mundo) {
            // The head of a new draft takes much from the catalogue; its lines are looked at one by one.
            None | Some(Ok(_)) if matches!(evento, EventoFactura::FacturaCreada { .. }) => {}
            None => {}
            Some(Ok(decision)) if decision.eventos.contains(evento) => {}
            _ if self.es_de_un_momento_del_descuento(registrado, evento, estado) => {}
            _ if self.vienen_con_su_emision(registrado, evento, estado, mundo) => {}
            Some(Ok(decision)) => juicio.falla(|| {
                format!("{}: se registró {} y el dominio decide {}", cual(registrado), texto(evento), texto(&decision.eventos))
            }),
            Some(Err(Rechazo { errores })) if errores.iter().all(es_de_catalogo) => {}
            Some(Err(Rechazo { errores })) => {
                juicio.falla(|| format!("{}: el dominio lo rechaza: {}", cual(registrado), texto(&errores)));
            }
        }
    }

    /// Whether it applies a discount of the catalogue as some moment had it: a replica lags.
    fn es_de_un_momento_del_descuento(&self, registrado: &RecordedEvent, evento: &EventoFactura, estado: Option<&Factura>) -> bool {
        let EventoFactura::DescuentoAplicado(aplicado) = evento else { return false };
        let Some(descuento_id) = &aplicado.descuento.descuento_id else { return false };
        // The decision asks the catalogue for the discount and for nothing else.
        let mut momento = Mundo::default();
        self.corriente(TipoAgregado::Descuento, descuento_id).iter().any(|r| {
            momento.plegar(descuento_id, &r.evento);
            let decidido = self.decidir_factura(registrado, estado, &momento);
            decidido.is_some_and(|decidido| decidido.is_ok_and(|decision| decision.eventos.contains(evento)))
        })
    }

    /// Whether they are the dates that an attempt to issue brings with it. They stand whatever the catalogue of that moment made of the attempt:
    /// as if they had been given before it.
    fn vienen_con_su_emision(
        &self,
        registrado: &RecordedEvent,
        evento: &EventoFactura,
        estado: Option<&Factura>,
        mundo: &Mundo,
    ) -> bool {
        let EventoFactura::FechasCambiadas { .. } = evento else { return false };
        let Some(sobre) = self.comando_de(&registrado.sobre.entrada) else { return false };
        let Comando::Factura(ComandoFactura::EmitirFactura { factura_id, fechas: Some(fechas) }) = &sobre.comando else {
            return false;
        };
        let cambio = ComandoFactura::CambiarFechas { factura_id: factura_id.clone(), fechas: fechas.clone() };
        let ctx = self.contexto(sobre.recibido_en, mundo);
        factura::decidir(estado, &cambio, None, &ctx).is_ok_and(|decision| decision.eventos.contains(evento))
    }

    /// What the client's command of the event's input decides; `None` when it is no longer kept, or is no command to an invoice.
    fn decidir_factura(
        &self,
        registrado: &RecordedEvent,
        estado: Option<&Factura>,
        mundo: &Mundo,
    ) -> Option<Result<DecisionFactura, Rechazo>> {
        let sobre = self.comando_de(&registrado.sobre.entrada)?;
        let Comando::Factura(comando) = &sobre.comando else { return None };
        let ctx = self.contexto(sobre.recibido_en, mundo);
        Some(factura::decidir(estado, comando, sobre.responder_a.as_ref(), &ctx))
    }

    /// The credit that the invoice, in this state, gives to an attempt of a note.
    fn conceder(
        &self,
        registrado: &RecordedEvent,
        estado: Option<&Factura>,
        nota_id: &Id,
        intento: u32,
        alrededor: Alrededor<'_>,
    ) -> Option<Arc<CreditoNota>> {
        let solicitud = alrededor.documentos.solicitud(&clave_nota(&registrado.sobre.aggregate_id, nota_id), intento)?;
        let ahora = self.momento(registrado).unwrap_or(registrado.sobre.ocurrido_en);
        let ctx = self.contexto(ahora, alrededor.mundo);
        pedir(estado, &registrado.sobre.aggregate_id, solicitud, &ctx).ok().flatten()
    }

    /// The credit that an invoice gave to an attempt of a note, as its stream says.
    pub(super) fn credito_dado(
        &self,
        factura_id: &Id,
        nota_id: &Id,
        intento: u32,
        alrededor: Alrededor<'_>,
    ) -> Option<Arc<CreditoNota>> {
        let mut estado = None;
        for registrado in self.corriente(TipoAgregado::Factura, factura_id) {
            let Evento::Factura(evento) = &registrado.evento else { continue };
            match evento {
                EventoFactura::CreditoReservado { credito, .. } if credito.nota_id == *nota_id && credito.intento == intento => {
                    return Some(Arc::clone(credito));
                }
                EventoFactura::CreditoAplicado { nota_id: nota, intento: cual, .. } if nota == nota_id && *cual == intento => {
                    return self.conceder(registrado, estado.as_ref(), nota_id, intento, alrededor);
                }
                _ => evolucionar(&mut estado, evento),
            }
        }
        None
    }

    fn anulada(
        &self,
        registrado: &RecordedEvent,
        anulada: &FacturaAnulada,
        estado: Option<&Factura>,
        mundo: &Mundo,
        juicio: &mut Juicio,
    ) {
        let Some(factura) = estado else {
            juicio.falla(|| format!("{}: se anula lo que no existe", cual(registrado)));
            return;
        };
        let empezada = en_anulacion(estado, anulada.intento).is_some() || self.se_anula(registrado, anulada, factura, mundo);
        juicio.exigir(empezada, || format!("{}: no se estaba anulando, y el dominio no la anula", cual(registrado)));
        let igual = factura.emitida.as_deref() == Some(&*anulada.documento) && factura.dian() == anulada.dian.as_ref();
        juicio.exigir(igual, || format!("{}: el documento que anula no es el suyo", cual(registrado)));
        let grupos = &anulada.documento.grupos;
        let todos = grupos.len() == anulada.movimientos.len()
            && grupos.iter().zip(&anulada.movimientos).all(|(grupo, movimiento)| {
                let inventario = inventario_id(&movimiento.producto_id, &movimiento.bodega_id);
                inventario == inventario_id(&grupo.grupo.producto_id, &grupo.grupo.bodega_id)
                    && grupo.costo_total == movimiento.costo_total
                    && self.volvio(&inventario, &movimiento.movimiento_id)
            });
        juicio.exigir(todos, || format!("{}: no volvió todo lo que había salido", cual(registrado)));
    }

    /// Whether the start of the annulment, which nobody saw, is what its command leads to.
    fn se_anula(&self, registrado: &RecordedEvent, anulada: &FacturaAnulada, factura: &Factura, mundo: &Mundo) -> bool {
        let Some(decidido) = self.decidir_factura(registrado, Some(factura), mundo) else { return true };
        decidido.is_ok_and(|decision| {
            decision.eventos.iter().any(|evento| {
                matches!(evento, EventoFactura::AnulacionIniciada(inicio)
                    if inicio.intento == anulada.intento && inicio.motivo == anulada.motivo)
            })
        })
    }

    pub(super) fn volvio(&self, inventario: &Id, movimiento: &Id) -> bool {
        self.corriente(TipoAgregado::Inventario, inventario).iter().any(
            |r| matches!(&r.evento, Evento::Inventario(EventoInventario::StockIncrementado(m)) if m.movimiento_id == *movimiento),
        )
    }

    /// The authority had accepted the invoice; or an Inventario that the goods had left did not exist, which cannot be.
    fn anulacion_rechazada(&self, registrado: &RecordedEvent, errores: &[Falla], estado: Option<&Factura>, juicio: &mut Juicio) {
        let aceptada = estado.and_then(Factura::dian).is_some_and(|dian| dian.estado == EstadoDian::Aceptada);
        for falla in errores {
            let cierta = match (dato(falla, "producto_id"), dato(falla, "bodega_id")) {
                (Some(producto), Some(bodega)) => {
                    juicio.rechazos += 1;
                    let corrientes = self.corriente(TipoAgregado::Inventario, &Id::compuesto(&[producto, bodega]));
                    corrientes.is_empty()
                }
                _ => aceptada,
            };
            juicio.exigir(cierta, || format!("{}: nunca fue cierto que {}: {:?}", cual(registrado), falla.regla, falla.datos));
        }
    }
}

/// Asks an invoice for the credit of a note; `None`: it decides no credit, which it never does.
pub(super) fn pedir(
    estado: Option<&Factura>,
    factura_id: &Id,
    solicitud: &SolicitudCredito,
    ctx: &ContextoDecision<'_>,
) -> Result<Option<Arc<CreditoNota>>, Rechazo> {
    let comando = ComandoFactura::ReservarCredito { factura_id: factura_id.clone(), solicitud: Box::new(solicitud.clone()) };
    let decision = factura::decidir(estado, &comando, None, ctx)?;
    let concedido = decision.eventos.into_iter().find_map(|evento| match evento {
        EventoFactura::CreditoReservado { credito, .. } => Some(credito),
        _ => None,
    });
    // What is held already is granted again without an event.
    Ok(concedido.or_else(|| reservado(estado, &solicitud.nota_id, solicitud.intento)))
}

/// But for the candidate ranges, which the catalogue of that moment gave.
pub(super) fn es_el_mismo(uno: &CreditoNota, otro: &CreditoNota) -> bool {
    CreditoNota { rangos: otro.rangos.clone(), ..uno.clone() } == *otro
}

fn reservado(estado: Option<&Factura>, nota_id: &Id, intento: u32) -> Option<Arc<CreditoNota>> {
    estado?.credito()?.reservado(nota_id, intento).map(Arc::clone)
}

/// Whether the goods are on their way back, of an annulment in course; `None` when it is not in course.
fn en_anulacion(estado: Option<&Factura>, intento: u32) -> Option<bool> {
    let factura = estado.filter(|factura| factura.estado == EstadoFactura::EnAnulacion)?;
    let en_curso = factura.posterior.as_ref()?.en_curso.as_ref()?;
    (en_curso.inicio.intento == intento).then_some(en_curso.asegurada)
}
