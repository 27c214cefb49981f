//! I6: the numbers of each range, counted apart from the domain's own state.

use std::collections::BTreeSet;

use super::{
    cruces::{Cruces, NumeroDado, Tanda, clave_factura},
    huellas::{Lugar, clave},
    informe::{Codigo, Informe},
};
use crate::{
    contracts::EventEnvelope,
    domain::numeracion::{Autorizacion, EventoRango, NumeroDocumento, RangoNumeracion, evolucionar},
};

/// A range as verified so far.
#[derive(Default)]
pub(super) struct RangoSeguido {
    pub(super) estado: Option<RangoNumeracion>,
    /// The number that must come next, voided ones apart.
    siguiente: u64,
    inutilizados: BTreeSet<u64>,
    tandas: Vec<(u64, u64)>,
}

impl RangoSeguido {
    pub(super) fn plegar(&mut self, sobre: &EventEnvelope, evento: &EventoRango, cruces: &mut Cruces, informe: &mut Informe) {
        let cual = || format!("{} v{}", sobre.aggregate_id, sobre.aggregate_version);
        match evento {
            EventoRango::RangoCreado { autorizacion, .. } => self.autorizar(autorizacion, &cual, informe),
            EventoRango::RangoRenovado { autorizacion, .. } => self.autorizar(autorizacion, &cual, informe),
            EventoRango::NumeroInutilizado { consecutivo, .. } => {
                informe.exigir(Codigo::I6, *consecutivo >= self.siguiente && self.inutilizados.insert(*consecutivo), || {
                    format!("{}: inutiliza el {consecutivo}, ya dado o inutilizado", cual())
                });
            }
            EventoRango::NumeroAsignado { documento_id, numero, fecha } => {
                informe.revisado(Codigo::I6);
                self.numero(numero, *fecha, &cual, informe);
                let dado = NumeroDado {
                    rango: clave(&[numero.rango_id.as_str()]),
                    consecutivo: numero.consecutivo,
                    entrada: Lugar::de(&sobre.entrada),
                };
                if cruces.numeros.insert(clave_factura(documento_id.as_str()), dado).is_some() {
                    informe.falla(Codigo::I6, || format!("{}: el documento {documento_id} recibe dos números", cual()));
                }
            }
            EventoRango::RangoPorAgotarse { .. } => {}
        }
        evolucionar(&mut self.estado, evento);
    }

    fn autorizar(&mut self, autorizacion: &Autorizacion, cual: &dyn Fn() -> String, informe: &mut Informe) {
        let ultimo = self.tandas.last().map_or(0, |(_, hasta)| *hasta);
        informe.exigir(Codigo::I6, autorizacion.desde > ultimo, || {
            format!("{}: se autoriza desde {} y ya se dio el {ultimo}", cual(), autorizacion.desde)
        });
        self.siguiente = autorizacion.desde;
    }

    fn numero(&mut self, numero: &NumeroDocumento, fecha: chrono::NaiveDate, cual: &dyn Fn() -> String, informe: &mut Informe) {
        let consecutivo = numero.consecutivo;
        while self.inutilizados.contains(&self.siguiente) {
            self.siguiente = self.siguiente.saturating_add(1);
        }
        informe.exigir(Codigo::I6, consecutivo == self.siguiente, || {
            let que = if consecutivo < self.siguiente { "se repite" } else { "deja un hueco" };
            format!("{}: da el {consecutivo} y tocaba el {}: {que}", cual(), self.siguiente)
        });
        let Some(rango) = &self.estado else {
            informe.falla(Codigo::I6, || format!("{}: número de un rango que no existe", cual()));
            return;
        };
        let autorizado = (rango.autorizacion.desde..=rango.autorizacion.hasta).contains(&consecutivo)
            && (rango.autorizacion.vigente_desde..=rango.autorizacion.vigente_hasta).contains(&fecha);
        informe.exigir(Codigo::I6, autorizado, || format!("{}: da el {consecutivo} del {fecha}, fuera de lo autorizado", cual()));
        let propio = numero.rango_id == rango.rango_id
            && numero.prefijo == rango.prefijo
            && numero.resolucion == rango.autorizacion.resolucion;
        informe.exigir(Codigo::I6, propio, || format!("{}: el número {numero} no es de ese rango", cual()));
        self.siguiente = self.siguiente.max(consecutivo.saturating_add(1));
        match self.tandas.last_mut() {
            Some((_, hasta)) if hasta.saturating_add(1) == consecutivo => *hasta = consecutivo,
            _ => self.tandas.push((consecutivo, consecutivo)),
        }
    }

    /// What was given, to be compared with other ranges of the same prefix.
    pub(super) fn terminar(&self, cruces: &mut Cruces) {
        let Some(rango) = &self.estado else { return };
        let serie = format!("{} {}", rango.tipo_documento.nombre(), rango.prefijo);
        let tanda = |(desde, hasta): &(u64, u64)| Tanda {
            serie: serie.clone(),
            desde: *desde,
            hasta: *hasta,
            rango: rango.rango_id.to_string(),
        };
        cruces.tandas.extend(self.tandas.iter().map(tanda));
    }
}
