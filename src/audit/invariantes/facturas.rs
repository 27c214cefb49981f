//! Invoices: their totals, and their links to the exits and the numbers they carry.

use rust_decimal::Decimal;

use super::{
    cruces::{Cruces, clave_factura},
    estados::Relector,
    huellas::{clave, huella_salida},
    informe::{Codigo, Informe},
};
use crate::{
    contracts::EventEnvelope,
    domain::{
        Evento,
        emisor::{ModoRedondeo, NivelRedondeo, PoliticaRedondeo},
        facturacion::{
            factura::{EstadoFactura, EventoFactura, Factura, FacturaEmitida, GrupoEmitido, credito::EstadoCredito, evolucionar},
            nota_credito::clave_nota,
            totales::{Partida, calcular},
        },
        inventario::inventario_id,
    },
    log::Position,
};

/// An invoice as verified so far. An issued one keeps only what a projection shows of it.
#[derive(Default)]
pub(super) struct FacturaSeguida {
    pub(super) estado: Option<Box<Factura>>,
    pub(super) emitida: Option<ResumenEmitida>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ResumenEmitida {
    pub estado: EstadoFactura,
    /// Where its FacturaEmitida is in its partition.
    pub posicion: Position,
    pub numero: Box<str>,
    pub total: Decimal,
}

impl FacturaSeguida {
    pub(super) fn plegar(
        &mut self,
        sobre: &EventEnvelope,
        evento: &EventoFactura,
        (posicion, relector): (Position, &Relector<'_>),
        politica: Option<&PoliticaRedondeo>,
        cruces: &mut Cruces,
        informe: &mut Informe,
    ) {
        if sobre.aggregate_version == 1 || self.estado.is_none() {
            cruces.con_pasos.remove(&clave_factura(sobre.aggregate_id.as_str()));
        }
        if let EventoFactura::FacturaEmitida(documento) = evento {
            if self.emitida.is_some() {
                informe.falla(Codigo::I1, || format!("la factura {} se emite dos veces", sobre.aggregate_id));
            }
            informe.facturas += 1;
            revisar(documento, politica, informe);
            cruzar(documento, cruces, informe);
            let numero = documento.numero.to_string().into_boxed_str();
            let total = documento.totales.total.valor();
            self.emitida = Some(ResumenEmitida { estado: EstadoFactura::Emitida, posicion, numero, total });
            self.estado = None;
            return;
        }
        if self.emitida.is_some() {
            self.despues_de_emitida(sobre, evento, relector, cruces, informe);
            return;
        }
        if let EventoFactura::FacturaRechazada { .. } = evento {
            informe.facturas_rechazadas += 1;
        }
        let mut estado = self.estado.take().map(|estado| *estado);
        evolucionar(&mut estado, evento);
        self.estado = estado.map(Box::new);
    }

    /// Credit, annulment and the tax authority's answer; nothing else changes an issued invoice. Its document is read again once, and kept.
    fn despues_de_emitida(
        &mut self,
        sobre: &EventEnvelope,
        evento: &EventoFactura,
        relector: &Relector<'_>,
        cruces: &mut Cruces,
        informe: &mut Informe,
    ) {
        let Some(resumen) = &mut self.emitida else { return };
        if !posterior(evento) {
            informe.falla(Codigo::I1, || format!("la factura {} cambia después de emitida: {}", sobre.aggregate_id, evento.tipo()));
            return;
        }
        let mut estado = self.estado.take().map(|estado| *estado);
        if estado.is_none()
            && let Some(Evento::Factura(emitida)) = relector.evento(resumen.posicion)
        {
            evolucionar(&mut estado, &emitida);
        }
        evolucionar(&mut estado, evento);
        match &estado {
            None => informe.falla(Codigo::I5, || format!("{}: no se pudo releer su documento", sobre.aggregate_id)),
            Some(factura) => {
                resumen.estado = factura.estado;
                revisar_credito(factura, informe);
            }
        }
        if let EventoFactura::FacturaAnulada(anulada) = evento {
            for movimiento in &anulada.movimientos {
                let inventario = inventario_id(&movimiento.producto_id, &movimiento.bodega_id);
                let textos = [inventario.as_str(), sobre.aggregate_id.as_str(), &anulada.documento.numero.to_string()];
                cruces.devuelta(&movimiento.movimiento_id, &textos, movimiento.costo_total, sobre, informe);
            }
        }
        self.estado = estado.map(Box::new);
    }

    /// The state a list would show: name of the state, number, total.
    pub(super) fn situacion(&self) -> Option<EstadoFactura> {
        match (&self.emitida, &self.estado) {
            (Some(resumen), _) => Some(resumen.estado),
            (None, Some(estado)) => Some(estado.estado),
            (None, None) => None,
        }
    }

    pub(super) fn terminar(&self, cruces: &mut Cruces) {
        let Some(estado) = &self.estado else { return };
        if let Some(emision) = estado.emision.as_ref().filter(|_| estado.estado == EstadoFactura::EnEmision) {
            cruces.abierta(&emision.inicio);
        }
        let Some(posterior) = &estado.posterior else { return };
        if let (Some(en_curso), Some(documento)) = (&posterior.en_curso, &estado.emitida) {
            cruces.devolviendo(&en_curso.inicio.factura_id, en_curso.inicio.intento, documento.grupos.len());
        }
        for (nota_id, nota) in &posterior.credito.notas {
            if let EstadoCredito::Reservado { credito } = &nota.estado {
                let clave = clave_nota(&estado.factura_id, nota_id);
                cruces.numeros.remove(&clave_factura(clave.as_str()));
                cruces.devolviendo(&clave, nota.intento, credito.grupos.len());
            }
        }
    }
}

/// What may happen to an issued invoice.
fn posterior(evento: &EventoFactura) -> bool {
    matches!(
        evento,
        EventoFactura::CreditoReservado { .. }
            | EventoFactura::CreditoAplicado { .. }
            | EventoFactura::CreditoLiberado { .. }
            | EventoFactura::AnulacionIniciada(_)
            | EventoFactura::AnulacionAsegurada { .. }
            | EventoFactura::AnulacionRechazada { .. }
            | EventoFactura::FacturaAnulada(_)
            | EventoFactura::RespuestaDianRegistrada { .. }
    )
}

/// I5: no line gives back more than it sold, in quantity, money or goods; and an annulled invoice has no notes.
fn revisar_credito(factura: &Factura, informe: &mut Informe) {
    let (Some(documento), Some(credito)) = (&factura.emitida, factura.credito()) else { return };
    for cargo in credito.lineas.values() {
        informe.revisado(Codigo::I5);
        let linea = cargo.linea.checked_sub(1).and_then(|i| documento.lineas.get(usize::from(i)));
        let cabe = linea
            .is_some_and(|l| cargo.cantidad <= l.linea.cantidad && cargo.subtotal <= l.subtotal && cargo.impuesto <= l.impuesto);
        informe.exigir(Codigo::I5, cabe, || format!("{}: sus notas acreditan más de su línea {}", factura.factura_id, cargo.linea));
        let devuelto: Decimal = cargo.lotes.iter().map(|l| l.cantidad.valor()).sum();
        informe.exigir(Codigo::I5, devuelto <= cargo.cantidad.valor(), || {
            format!("{}: de su línea {} vuelven {devuelto} y se acreditan {}", factura.factura_id, cargo.linea, cargo.cantidad)
        });
    }
    informe.exigir(Codigo::I5, factura.estado != EstadoFactura::Anulada || !credito.hay_notas(), || {
        format!("{}: está anulada y tiene notas", factura.factura_id)
    });
}

/// Totals from lines, cost from groups, groups from lines.
fn revisar(documento: &FacturaEmitida, politica: Option<&PoliticaRedondeo>, informe: &mut Informe) {
    informe.revisado(Codigo::Totales);
    let factura = &documento.factura_id;
    let total = documento.totales.subtotal.valor() + documento.totales.impuestos.iter().map(|i| i.valor.valor()).sum::<Decimal>();
    informe.exigir(Codigo::Totales, total == documento.totales.total.valor(), || {
        format!("{factura}: subtotal e impuestos suman {total} y el total dice {}", documento.totales.total.valor())
    });
    match politica {
        Some(politica) if cuadra(documento, politica) => {}
        _ => match TODAS_LAS_POLITICAS.iter().find(|otra| cuadra(documento, otra)) {
            None => informe.falla(Codigo::Totales, || format!("{factura}: sus totales no salen de sus líneas")),
            // Issued under another configuration of the issuer, perhaps: worth a word, not a failure.
            Some(otra) if politica.is_some() => {
                informe.aviso(|| format!("{factura}: sus totales salen con otra política de redondeo ({otra:?})"));
            }
            Some(_) => {}
        },
    }
    let costo: Decimal = documento.grupos.iter().map(|grupo| grupo.costo_total.valor()).sum();
    informe.exigir(Codigo::I4, costo == documento.costo_ventas.valor(), || {
        format!("{factura}: el costo de ventas es {} y sus salidas suman {costo}", documento.costo_ventas.valor())
    });
    for grupo in &documento.grupos {
        let lineas = documento.lineas.iter().filter(|l| {
            l.linea.producto_id.as_ref() == Some(&grupo.grupo.producto_id)
                && l.linea.bodega_id.as_ref() == Some(&grupo.grupo.bodega_id)
        });
        let cantidad: Decimal = lineas.map(|l| l.linea.cantidad.valor()).sum();
        informe.exigir(Codigo::I4, cantidad == grupo.grupo.cantidad.valor(), || {
            format!(
                "{factura}: sus líneas piden {cantidad} de {} y salen {}",
                grupo.grupo.producto_id,
                grupo.grupo.cantidad.valor()
            )
        });
    }
}

const fn politica(modo: ModoRedondeo, nivel: NivelRedondeo, decimales: u32) -> PoliticaRedondeo {
    PoliticaRedondeo { modo, nivel, decimales }
}

const TODAS_LAS_POLITICAS: [PoliticaRedondeo; 12] = {
    use ModoRedondeo::{MitadArriba, MitadPar};
    use NivelRedondeo::{Documento, Linea};
    [
        politica(MitadPar, Linea, 2),
        politica(MitadArriba, Linea, 2),
        politica(MitadPar, Documento, 2),
        politica(MitadArriba, Documento, 2),
        politica(MitadPar, Linea, 0),
        politica(MitadArriba, Linea, 0),
        politica(MitadPar, Documento, 0),
        politica(MitadArriba, Documento, 0),
        politica(MitadPar, Linea, 1),
        politica(MitadArriba, Linea, 1),
        politica(MitadPar, Documento, 1),
        politica(MitadArriba, Documento, 1),
    ]
};

fn cuadra(documento: &FacturaEmitida, politica: &PoliticaRedondeo) -> bool {
    let partidas = documento.lineas.iter().map(|l| Partida {
        cantidad: l.linea.cantidad,
        precio_unitario: l.linea.precio_unitario,
        descuento: l.linea.descuento.as_ref().map(|d| d.valor),
        impuesto: l.linea.impuesto.as_ref(),
    });
    let Ok((lineas, totales)) = calcular(politica, partidas, documento.cabecera.descuento.as_ref().map(|d| d.valor)) else {
        return false;
    };
    totales == *documento.totales
        && lineas.iter().zip(documento.lineas.iter()).all(|(calculada, linea)| {
            calculada.bruto == linea.bruto
                && calculada.descuento == linea.descuento
                && calculada.descuento_documento == linea.descuento_documento
                && calculada.subtotal == linea.subtotal
                && calculada.impuesto == linea.impuesto
        })
}

/// Its number was given to it, and each of its groups left the stock as it says: once.
fn cruzar(documento: &FacturaEmitida, cruces: &mut Cruces, informe: &mut Informe) {
    let factura = &documento.factura_id;
    let dado = cruces.numeros.remove(&clave_factura(factura.as_str()));
    let propio = dado.is_some_and(|dado| {
        dado.consecutivo == documento.numero.consecutivo && dado.rango == clave(&[documento.numero.rango_id.as_str()])
    });
    let por_venir = dado.is_none() && cruces.incompleto;
    informe.exigir(Codigo::I6, propio || por_venir, || match dado {
        Some(dado) => format!("{factura}: lleva el {} y se le dio el {}", documento.numero, dado.consecutivo),
        None => format!("{factura}: lleva el {} y ningún rango se lo dio", documento.numero),
    });
    for grupo in &documento.grupos {
        cruzar_grupo(documento, grupo, cruces, informe);
    }
}

fn cruzar_grupo(documento: &FacturaEmitida, grupo: &GrupoEmitido, cruces: &mut Cruces, informe: &mut Informe) {
    let (factura, movimiento) = (&documento.factura_id, &grupo.movimiento_id);
    let Some(salida) = cruces.salidas.remove(&clave(&[movimiento.as_str()])) else {
        informe
            .exigir(Codigo::I4, cruces.incompleto, || format!("{factura}: dice que salió {movimiento} y ninguna existencia bajó"));
        return;
    };
    let inventario = inventario_id(&grupo.grupo.producto_id, &grupo.grupo.bodega_id);
    let textos = [inventario.as_str(), factura.as_str(), &documento.numero.to_string()];
    let huella = huella_salida(&textos, grupo.grupo.cantidad, grupo.costo_total, &grupo.lotes);
    informe.exigir(Codigo::I4, huella == salida.huella, || {
        format!("{factura}: cantidad, lotes o costo de {movimiento} no son los que salieron")
    });
    informe.exigir(Codigo::I4, salida.fechas.contiene(documento.cabecera.fecha_emision), || {
        format!("{factura}: {movimiento} tomó lotes que no son los del {}", documento.cabecera.fecha_emision)
    });
}
