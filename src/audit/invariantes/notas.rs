//! Credit notes: their sums, and their links to the numbers and the goods that came back.

use rust_decimal::Decimal;

use super::{
    cruces::{Cruces, clave_factura},
    huellas::clave,
    informe::{Codigo, Informe},
};
use crate::{
    contracts::EventEnvelope,
    domain::{
        facturacion::nota_credito::{EventoNotaCredito, NotaCredito, NotaCreditoEmitida, evolucionar},
        inventario::inventario_id,
    },
};

/// A note as verified so far. Of an issued one nothing is kept: nothing changes it.
#[derive(Default)]
pub(super) struct NotaSeguida {
    pub(super) estado: Option<Box<NotaCredito>>,
    emitida: bool,
}

impl NotaSeguida {
    pub(super) fn plegar(&mut self, sobre: &EventEnvelope, evento: &EventoNotaCredito, cruces: &mut Cruces, informe: &mut Informe) {
        if self.emitida {
            informe.falla(Codigo::I1, || format!("la nota {} cambia después de emitida: {}", sobre.aggregate_id, evento.tipo()));
            return;
        }
        if let EventoNotaCredito::NotaCreditoEmitida(documento) = evento {
            self.emitida = true;
            self.estado = None;
            informe.revisado(Codigo::I5);
            revisar(sobre, documento, informe);
            cruzar(sobre, documento, cruces, informe);
            return;
        }
        let mut estado = self.estado.take().map(|estado| *estado);
        evolucionar(&mut estado, evento);
        self.estado = estado.map(Box::new);
    }
}

fn revisar(sobre: &EventEnvelope, documento: &NotaCreditoEmitida, informe: &mut Informe) {
    let nota = &sobre.aggregate_id;
    let (subtotal, impuestos) = documento
        .lineas
        .iter()
        .fold((Decimal::ZERO, Decimal::ZERO), |(s, i), linea| (s + linea.subtotal.valor(), i + linea.valor_impuesto.valor()));
    let totales = &documento.totales;
    let detalle: Decimal = totales.impuestos.iter().map(|i| i.valor.valor()).sum();
    let cuadra = subtotal == totales.subtotal.valor() && impuestos == detalle && subtotal + impuestos == totales.total.valor();
    informe.exigir(Codigo::Totales, cuadra, || format!("{nota}: sus totales no salen de sus líneas"));
    let costo: Decimal = documento.grupos.iter().map(|g| g.grupo.costo_total.valor()).sum();
    informe.exigir(Codigo::I4, costo == documento.costo_devuelto.valor(), || {
        format!("{nota}: dice que vuelve un costo de {} y sus grupos suman {costo}", documento.costo_devuelto.valor())
    });
}

/// Its number was given to it, and each of its groups came back as it says: once.
fn cruzar(sobre: &EventEnvelope, documento: &NotaCreditoEmitida, cruces: &mut Cruces, informe: &mut Informe) {
    let nota = sobre.aggregate_id.as_str();
    let numero = &documento.numero;
    let dado = cruces.numeros.remove(&clave_factura(nota));
    let propio =
        dado.is_some_and(|dado| dado.consecutivo == numero.consecutivo && dado.rango == clave(&[numero.rango_id.as_str()]));
    informe.exigir(Codigo::I6, propio, || match dado {
        Some(dado) => format!("{nota}: lleva el {numero} y se le dio el {}", dado.consecutivo),
        None => format!("{nota}: lleva el {numero} y ningún rango se lo dio"),
    });
    for grupo in &documento.grupos {
        let inventario = inventario_id(&grupo.grupo.producto_id, &grupo.grupo.bodega_id);
        let textos = [inventario.as_str(), nota, &numero.to_string()];
        cruces.devuelta(&grupo.movimiento_id, &textos, grupo.grupo.costo_total, sobre, informe);
    }
}
