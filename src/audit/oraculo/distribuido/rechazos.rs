//! Refusals of invoices: what they say of stock, numbers and time was so when it was said.

use std::str::FromStr;

use chrono::NaiveDate;

use super::{
    Juicio, OraculoDistribuido, cual,
    documentos::{Grupo, grupos},
    numeros::plegar,
    ventanas::{entre, versiones},
};
use crate::{
    contracts::{Entrada, RecordedEvent},
    domain::{
        Evento, TipoAgregado,
        facturacion::factura::{Factura, FaseEmision, Paso, PasoSaga},
        inventario::{self, EventoInventario, Inventario},
        numeracion::RangoNumeracion,
        reglas::{Falla, Regla},
        valores::{Decimal, Id},
    },
};

impl OraculoDistribuido<'_> {
    /// What a refusal says of stock, numbers and time was so.
    pub(super) fn rechazada(
        &self,
        registrado: &RecordedEvent,
        desde: Entrada,
        intento: u32,
        errores: &[Falla],
        estado: Option<&Factura>,
        juicio: &mut Juicio,
    ) {
        let Some(factura) = estado else {
            juicio.falla(|| format!("{}: se rechaza lo que no existe", cual(registrado)));
            return;
        };
        let confirmando = factura.emision.as_ref().is_some_and(|emision| emision.fase == FaseEmision::Confirmando);
        juicio.exigir(!confirmando, || format!("{}: se rechaza con el número ya dado", cual(registrado)));
        let grupos = grupos(factura.lineas.iter().map(|linea| &**linea));
        for falla in errores {
            let cierta = match falla.regla {
                Regla::StockSuficienteParaFactura | Regla::InventarioExisteParaFactura => {
                    juicio.rechazos += 1;
                    self.falta_de_existencias(registrado, desde, intento, falla, &grupos, factura)
                }
                Regla::NumeracionDisponible => self.falta_de_numeros(falla, factura.cabecera.fecha_emision),
                Regla::EmisionVencida => {
                    factura.emision.as_ref().is_none_or(|emision| registrado.sobre.ocurrido_en >= emision.inicio.vence_en)
                }
                _ => true,
            };
            juicio.exigir(cierta, || format!("{}: nunca fue cierto que {}: {:?}", cual(registrado), falla.regla, falla.datos));
        }
    }

    /// Whether the Inventario had, when it was asked, exactly what the refusal says: and that was too little, or there was none.
    fn falta_de_existencias(
        &self,
        registrado: &RecordedEvent,
        desde: Entrada,
        intento: u32,
        falla: &Falla,
        grupos: &[Grupo],
        factura: &Factura,
    ) -> bool {
        let (Some(producto), Some(bodega)) = (dato(falla, "producto_id"), dato(falla, "bodega_id")) else { return false };
        let Some((indice, grupo)) =
            grupos.iter().enumerate().find(|(_, grupo)| grupo.inventario_id.partes().eq([producto, bodega]))
        else {
            return false;
        };
        let corriente = self.corriente(TipoAgregado::Inventario, &grupo.inventario_id);
        let paso = PasoSaga { documento_id: factura.factura_id.clone(), intento, grupo: indice as u16, paso: Paso::Reservar };
        let enviados = self.pasos.get(&paso.command_id()).into_iter().flatten();
        let mut ventanas: Vec<_> = enviados.map(|(tp, posicion)| versiones(corriente, *tp, *posicion, *posicion)).collect();
        let hasta = registrado.sobre.entrada;
        // What was refused is released too, for nobody knows it was: so it was refused before that. In one input, right before.
        let liberada = liberacion(corriente, &Id::de_paso(&factura.factura_id, intento, indice, None));
        let aqui = liberada.is_none_or(|l| l.sobre.entrada == hasta);
        let de_una_vez = liberada.is_some() && aqui && desde == hasta;
        let antes = liberada.map_or(u64::MAX, |l| l.sobre.aggregate_version);
        let a_tiempo = |version: u64| if de_una_vez { version + 1 == antes } else { version < antes };
        // Answers are remembered by the core that owned the invoice at the end: it asked its own Inventarios by itself.
        if aqui || ventanas.is_empty() {
            ventanas.push(entre(corriente, desde, hasta));
        }
        let fecha = factura.cabecera.fecha_emision;
        let cierta = |estado: Option<&Inventario>| match (falla.regla, estado) {
            (Regla::InventarioExisteParaFactura, estado) => estado.is_none(),
            (_, None) => false,
            (_, Some(inventario)) => {
                let disponible = inventario.disponible(fecha, self.emisor.vender_vencidos);
                decimal(falla, "disponible") == Some(disponible.valor())
                    && decimal(falla, "solicitado") == Some(grupo.cantidad.valor())
                    && disponible < grupo.cantidad
            }
        };
        let mut estado = None;
        let mut version = 0;
        let mut eventos = corriente.iter();
        loop {
            if a_tiempo(version) && ventanas.iter().any(|ventana| ventana.contains(&version)) && cierta(estado.as_ref()) {
                return true;
            }
            let Some(siguiente) = eventos.next() else { return false };
            if let Evento::Inventario(evento) = &siguiente.evento {
                inventario::evolucionar(&mut estado, evento);
            }
            version = siguiente.sobre.aggregate_version;
        }
    }

    /// Whether the range was, at some version, in the state that the refusal says.
    pub(super) fn falta_de_numeros(&self, falla: &Falla, fecha: NaiveDate) -> bool {
        // Without a range there is none to ask.
        let (Some(rango), Some(situacion)) = (dato(falla, "rango"), dato(falla, "estado")) else { return true };
        let Ok(rango) = Id::de_clave(rango) else { return false };
        let corriente = self.corriente(TipoAgregado::RangoNumeracion, &rango);
        let mut estado = None;
        let dice = |estado: &Option<RangoNumeracion>| match estado {
            None => situacion == "INEXISTENTE",
            Some(rango) => rango.estado(fecha).nombre() == situacion,
        };
        dice(&estado)
            || corriente.iter().any(|registrado| {
                plegar(&mut estado, &registrado.evento);
                dice(&estado)
            })
    }
}

/// The event that releases a reservation.
fn liberacion<'c>(corriente: &'c [RecordedEvent], reserva: &Id) -> Option<&'c RecordedEvent> {
    corriente.iter().find(
        |r| matches!(&r.evento, Evento::Inventario(EventoInventario::ReservaLiberada { reserva_id, .. }) if reserva_id == reserva),
    )
}

pub(super) fn dato<'f>(falla: &'f Falla, nombre: &str) -> Option<&'f str> {
    falla.datos.iter().find(|(n, _)| n == nombre).map(|(_, valor)| valor.as_str())
}

fn decimal(falla: &Falla, nombre: &str) -> Option<Decimal> {
    Decimal::from_str(dato(falla, nombre)?).ok()
}
