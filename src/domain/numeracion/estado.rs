//! State of a RangoNumeracion, and the fold of its events.

use std::{
    collections::{BTreeSet, HashMap, VecDeque, hash_map::Entry},
    sync::Arc,
};

use chrono::NaiveDate;

use super::{Autorizacion, EventoRango, NumeroDocumento, TipoDocumento};
use crate::domain::valores::Id;

/// Documents whose number a range remembers, to answer a repeated AsignarNumero.
pub const RECIENTES_MAX: usize = 4_096;

#[derive(Debug, Clone, PartialEq)]
pub struct RangoNumeracion {
    pub rango_id: Id,
    pub sucursal_id: Id,
    pub tipo_documento: TipoDocumento,
    pub prefijo: Arc<str>,
    pub autorizacion: Autorizacion,
    /// Next number to give; never a voided one. Above `autorizacion.hasta` when none is left.
    pub siguiente: u64,
    /// The last 4,096 documents and their numbers, oldest first; the last one holds the greatest number given.
    pub recientes: VecDeque<(Id, u64)>,
    /// Index of `recientes`; never iterated.
    pub por_documento: HashMap<Id, u64>,
    /// RangoPorAgotarse was recorded for this authorization.
    pub avisado: bool,
    /// Voided numbers above the last one given; skipped when their turn comes. At most 1,000.
    pub inutilizados: BTreeSet<u64>,
    /// First number and resolution of each authorization that a number in `recientes` may come from, oldest first; the
    /// last one is the current. A repeated AsignarNumero answers with the resolution of its day.
    pub resoluciones: Vec<(u64, Arc<str>)>,
}

/// Whether a range can give numbers on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EstadoRango {
    /// In force, with numbers left.
    Vigente,
    /// Every number was given or voided.
    Agotado,
    /// Its validity ended.
    Vencido,
    /// Its validity has not begun.
    Pendiente,
}

impl EstadoRango {
    /// `VIGENTE`, `AGOTADO`, `VENCIDO`, `PENDIENTE`.
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Vigente => "VIGENTE",
            Self::Agotado => "AGOTADO",
            Self::Vencido => "VENCIDO",
            Self::Pendiente => "PENDIENTE",
        }
    }
}

impl RangoNumeracion {
    /// The state of the range on a day. Exhaustion comes first: no date gives an exhausted range its numbers back.
    pub fn estado(&self, fecha: NaiveDate) -> EstadoRango {
        if self.siguiente > self.autorizacion.hasta {
            EstadoRango::Agotado
        } else if fecha > self.autorizacion.vigente_hasta {
            EstadoRango::Vencido
        } else if fecha < self.autorizacion.vigente_desde {
            EstadoRango::Pendiente
        } else {
            EstadoRango::Vigente
        }
    }

    /// Numbers that can still be given, voided ones apart.
    pub fn restantes(&self) -> u64 {
        self.restantes_desde(self.siguiente)
    }

    /// The greatest number given, of any authorization.
    pub fn ultimo_dado(&self) -> Option<u64> {
        self.recientes.back().map(|(_, numero)| *numero)
    }

    /// The number a recent document got, as it was given then.
    pub fn numero_de(&self, documento_id: &Id) -> Option<NumeroDocumento> {
        self.por_documento.get(documento_id).map(|consecutivo| self.numero(*consecutivo))
    }

    /// A consecutive of this range as a document shows it.
    pub(super) fn numero(&self, consecutivo: u64) -> NumeroDocumento {
        let posterior = self.resoluciones.partition_point(|(desde, _)| *desde <= consecutivo);
        let resolucion = match posterior.checked_sub(1).and_then(|i| self.resoluciones.get(i)) {
            Some((_, resolucion)) => resolucion.clone(),
            None => self.autorizacion.resolucion.clone(),
        };
        NumeroDocumento { rango_id: self.rango_id.clone(), prefijo: self.prefijo.clone(), consecutivo, resolucion }
    }

    /// The first number from `desde` on that is not voided.
    pub(super) fn libre_desde(&self, desde: u64) -> u64 {
        let mut libre = desde;
        // The set holds at most `INUTILIZADOS_MAX` and each one is skipped once; the top of u64 ends the walk.
        while libre < u64::MAX && self.inutilizados.contains(&libre) {
            libre += 1;
        }
        libre
    }

    /// Whether a tenth of the interval or less can be left; an upper bound that spares the count of voided numbers.
    pub(super) fn cerca_del_fin(&self, siguiente: u64) -> bool {
        let por_dar = self.autorizacion.hasta.saturating_add(1).saturating_sub(siguiente);
        por_dar <= self.autorizacion.total() / 10 + self.inutilizados.len() as u64 + 1
    }

    pub(super) fn restantes_desde(&self, siguiente: u64) -> u64 {
        let hasta = self.autorizacion.hasta;
        if siguiente > hasta {
            return 0;
        }
        let inutilizados = self.inutilizados.range(siguiente..=hasta).count() as u64;
        hasta.saturating_add(1).saturating_sub(siguiente).saturating_sub(inutilizados)
    }

    fn anotar_asignado(&mut self, documento_id: &Id, consecutivo: u64) {
        if consecutivo < self.siguiente {
            return;
        }
        match self.por_documento.entry(documento_id.clone()) {
            Entry::Occupied(_) => return,
            Entry::Vacant(libre) => libre.insert(consecutivo),
        };
        while self.inutilizados.first().is_some_and(|primero| *primero <= consecutivo) {
            self.inutilizados.pop_first();
        }
        self.siguiente = self.libre_desde(consecutivo.saturating_add(1));
        self.recientes.push_back((documento_id.clone(), consecutivo));
        if self.recientes.len() > RECIENTES_MAX
            && let Some((olvidado, _)) = self.recientes.pop_front()
        {
            self.por_documento.remove(&olvidado);
        }
    }

    fn anotar_renovado(&mut self, autorizacion: &Autorizacion) {
        // No number was given from `desde` on, so authorizations that begin there gave none.
        self.resoluciones.retain(|(desde, _)| *desde < autorizacion.desde);
        self.resoluciones.push((autorizacion.desde, autorizacion.resolucion.clone()));
        let primero = self.recientes.front().map_or(autorizacion.desde, |(_, numero)| *numero);
        let posterior = self.resoluciones.partition_point(|(desde, _)| *desde <= primero);
        self.resoluciones.drain(..posterior.saturating_sub(1));
        self.autorizacion = autorizacion.clone();
        self.siguiente = self.libre_desde(autorizacion.desde);
        self.avisado = false;
    }

    fn anotar_inutilizado(&mut self, consecutivo: u64) {
        if self.ultimo_dado().is_some_and(|ultimo| consecutivo <= ultimo) {
            return;
        }
        self.inutilizados.insert(consecutivo);
        self.siguiente = self.libre_desde(self.siguiente);
    }
}

/// The fold of one event. Total: an event that cannot apply (a second creation, a number already passed) leaves the state as it is.
pub fn evolucionar(estado: &mut Option<RangoNumeracion>, evento: &EventoRango) {
    match (estado, evento) {
        (estado @ None, EventoRango::RangoCreado { rango_id, sucursal_id, tipo_documento, prefijo, autorizacion }) => {
            *estado = Some(RangoNumeracion {
                rango_id: rango_id.clone(),
                sucursal_id: sucursal_id.clone(),
                tipo_documento: *tipo_documento,
                prefijo: prefijo.clone(),
                autorizacion: autorizacion.clone(),
                siguiente: autorizacion.desde,
                recientes: VecDeque::new(),
                por_documento: HashMap::new(),
                avisado: false,
                inutilizados: BTreeSet::new(),
                resoluciones: vec![(autorizacion.desde, autorizacion.resolucion.clone())],
            });
        }
        (Some(rango), EventoRango::NumeroAsignado { documento_id, numero, .. }) => {
            rango.anotar_asignado(documento_id, numero.consecutivo);
        }
        (Some(rango), EventoRango::RangoRenovado { autorizacion, .. }) => rango.anotar_renovado(autorizacion),
        (Some(rango), EventoRango::RangoPorAgotarse { .. }) => rango.avisado = true,
        (Some(rango), EventoRango::NumeroInutilizado { consecutivo, .. }) => rango.anotar_inutilizado(*consecutivo),
        (Some(_), EventoRango::RangoCreado { .. }) | (None, _) => {}
    }
}
