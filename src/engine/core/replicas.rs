//! The catalogues as decisions see them: states kept by id, with the two indexes that decisions ask for.
//!
//! The state of a catalogue aggregate lives here and nowhere else; its slot keeps only its version and bookkeeping.
//! A local event enters at once, because an epoch that does not commit discards the whole core (ADR 3).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::NaiveDate;
use hashbrown::HashMap;

use crate::domain::{
    Evento,
    catalogo::{
        Catalogo,
        bodega::{self, Bodega, EventoBodega},
        cliente::{self, Cliente},
        descuento::{self, Descuento},
        producto::{self, Producto},
        sucursal::{self, Sucursal},
    },
    numeracion::{EventoRango, TipoDocumento},
    valores::Id,
};

/// A range as the choice of candidates needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Validity {
    from: NaiveDate,
    to: NaiveDate,
}

/// Clients of other nodes of which something is known, at most.
const FOREIGN_CLIENTS: usize = 100_000;

/// What an answer about a client of another node was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is as the client is, as far as is known here.
    Good,
    /// The client has changed since; what it said is not kept.
    Stale,
}

#[derive(Debug, Default)]
pub struct Replicas {
    pub clientes: HashMap<Id, Option<Cliente>>,
    pub productos: HashMap<Id, Option<Producto>>,
    pub descuentos: HashMap<Id, Option<Descuento>>,
    pub sucursales: HashMap<Id, Option<Sucursal>>,
    pub bodegas: HashMap<Id, Option<Bodega>>,
    bodegas_by_sucursal: HashMap<Id, BTreeSet<Id>>,
    ranges: HashMap<(Id, TipoDocumento), BTreeMap<Id, Validity>>,
    /// The last version known of clients of other nodes, cached or not: an answer that was on its way while the client changed must
    /// not enter the cache, where no later event would put it right.
    foreign: HashMap<Id, u64>,
    /// The same, oldest first.
    foreign_order: VecDeque<Id>,
}

impl Replicas {
    /// Folds a catalogue or numbering event; others are none of its business.
    pub fn fold(&mut self, id: &Id, evento: &Evento) {
        match evento {
            Evento::Cliente(e) => cliente::evolucionar(entry(&mut self.clientes, id), e),
            Evento::Producto(e) => producto::evolucionar(entry(&mut self.productos, id), e),
            Evento::Descuento(e) => descuento::evolucionar(entry(&mut self.descuentos, id), e),
            Evento::Sucursal(e) => sucursal::evolucionar(entry(&mut self.sucursales, id), e),
            Evento::Bodega(e) => {
                bodega::evolucionar(entry(&mut self.bodegas, id), e);
                if let EventoBodega::BodegaCreada { bodega_id, datos } = e {
                    self.index_bodega(&datos.sucursal_id, bodega_id);
                }
            }
            Evento::Rango(e) => self.fold_range(e),
            Evento::Inventario(_) | Evento::Factura(_) | Evento::NotaCredito(_) | Evento::Cuarentena(_) => {}
        }
    }

    fn fold_range(&mut self, evento: &EventoRango) {
        match evento {
            EventoRango::RangoCreado { rango_id, sucursal_id, tipo_documento, autorizacion, .. } => {
                self.index_range(rango_id, sucursal_id, *tipo_documento, autorizacion.vigente_desde, autorizacion.vigente_hasta);
            }
            EventoRango::RangoRenovado { rango_id, autorizacion } => {
                let found = self.ranges.values_mut().find_map(|ranges| ranges.get_mut(rango_id));
                if let Some(validity) = found {
                    *validity = Validity { from: autorizacion.vigente_desde, to: autorizacion.vigente_hasta };
                }
            }
            EventoRango::NumeroAsignado { .. } | EventoRango::RangoPorAgotarse { .. } | EventoRango::NumeroInutilizado { .. } => {}
        }
    }

    /// Takes what the owner of a client of another node told, unless something newer is known.
    pub fn adopt_foreign_client(&mut self, id: &Id, version: u64, cliente: Option<Cliente>) -> Told {
        let known = self.foreign.get(id).copied().unwrap_or_default();
        let cached = self.clientes.get(id).is_some_and(Option::is_some);
        if known > version {
            return if cached { Told::Good } else { Told::Stale };
        }
        if let Some(cliente) = cliente
            && !(cached && known == version)
        {
            self.know(id, version);
            self.clientes.insert(id.clone(), Some(cliente));
        }
        Told::Good
    }

    /// Whether an event of a client of another node is news of a cached one; it then counts as folded. After a hole the cache is no good.
    pub fn wants_client(&mut self, id: &Id, version: u64) -> bool {
        let known = self.foreign.get(id).copied().unwrap_or_default();
        if version <= known {
            return false;
        }
        self.know(id, version);
        let next = version == known + 1 && self.clientes.contains_key(id);
        if !next {
            self.clientes.remove(id);
        }
        next
    }

    fn know(&mut self, id: &Id, version: u64) {
        if self.foreign.insert(id.clone(), version).is_some() {
            return;
        }
        self.foreign_order.push_back(id.clone());
        if self.foreign_order.len() > FOREIGN_CLIENTS
            && let Some(oldest) = self.foreign_order.pop_front()
        {
            self.foreign.remove(&oldest);
            self.clientes.remove(&oldest);
        }
    }

    pub fn index_bodega(&mut self, sucursal_id: &Id, bodega_id: &Id) {
        self.bodegas_by_sucursal.entry(sucursal_id.clone()).or_default().insert(bodega_id.clone());
    }

    pub fn index_range(&mut self, id: &Id, sucursal: &Id, tipo: TipoDocumento, from: NaiveDate, to: NaiveDate) {
        self.ranges.entry((sucursal.clone(), tipo)).or_default().insert(id.clone(), Validity { from, to });
    }
}

fn entry<'a, T>(map: &'a mut HashMap<Id, Option<T>>, id: &Id) -> &'a mut Option<T> {
    map.entry(id.clone()).or_insert(None)
}

impl Catalogo for Replicas {
    fn cliente(&self, id: &Id) -> Option<&Cliente> {
        self.clientes.get(id)?.as_ref()
    }

    fn producto(&self, id: &Id) -> Option<&Producto> {
        self.productos.get(id)?.as_ref()
    }

    fn descuento(&self, id: &Id) -> Option<&Descuento> {
        self.descuentos.get(id)?.as_ref()
    }

    fn sucursal(&self, id: &Id) -> Option<&Sucursal> {
        self.sucursales.get(id)?.as_ref()
    }

    fn bodega(&self, id: &Id) -> Option<&Bodega> {
        self.bodegas.get(id)?.as_ref()
    }

    fn bodega_de(&self, sucursal: &Id) -> Option<Id> {
        let bodegas = self.bodegas_by_sucursal.get(sucursal)?;
        let active = bodegas.iter().find(|id| self.bodega(id).is_some_and(|b| b.activa));
        active.or_else(|| bodegas.first()).cloned()
    }

    fn rangos_vigentes(&self, sucursal: &Id, tipo: TipoDocumento, fecha: NaiveDate) -> Vec<Id> {
        let Some(ranges) = self.ranges.get(&(sucursal.clone(), tipo)) else { return Vec::new() };
        let in_force = |v: &Validity| v.from <= fecha && fecha <= v.to;
        let mut candidates: Vec<(NaiveDate, &Id)> = ranges.iter().filter(|(_, v)| in_force(v)).map(|(id, v)| (v.to, id)).collect();
        candidates.sort();
        candidates.into_iter().map(|(_, id)| id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogo::cliente::{DatosCliente, EstadoFiscal, EventoCliente};
    use crate::domain::valores::{Direccion, Identificacion, TipoIdentificacion};

    fn client(activo: bool) -> Cliente {
        let datos = DatosCliente {
            nombre: "C".into(),
            identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: "9".into(), dv: None },
            correo: "c@ejemplo.co".into(),
            direccion: Direccion::de_linea("Calle 1"),
            estado_fiscal: EstadoFiscal::Activo,
            tipo_persona: None,
            responsabilidades: Vec::new(),
            municipio: None,
            departamento: None,
        };
        Cliente { cliente_id: id(), datos: datos.into(), activo, suprimido: false }
    }

    fn id() -> Id {
        Id::de_clave("c1").expect("id")
    }

    fn is_active(replicas: &Replicas) -> Option<bool> {
        replicas.cliente(&id()).map(|cliente| cliente.activo)
    }

    /// The owner answers, then inactivates the client; the event comes first. (Seed 1074 of the simulator: the client was invoiced for ever.)
    #[test]
    fn an_answer_that_an_event_overtook_is_not_kept() {
        let mut replicas = Replicas::default();
        assert!(!replicas.wants_client(&id(), 2), "todavía no se conoce");
        assert_eq!(replicas.adopt_foreign_client(&id(), 1, Some(client(true))), Told::Stale);
        assert_eq!(is_active(&replicas), None);
        assert_eq!(replicas.adopt_foreign_client(&id(), 0, None), Told::Stale, "existe desde entonces");
        assert_eq!(replicas.adopt_foreign_client(&id(), 2, Some(client(false))), Told::Good);
        assert_eq!(is_active(&replicas), Some(false));
        assert_eq!(replicas.adopt_foreign_client(&id(), 1, Some(client(true))), Told::Good, "lo que se sabe es más nuevo");
        assert_eq!(is_active(&replicas), Some(false));
    }

    #[test]
    fn events_are_folded_one_after_the_other_and_a_hole_empties_the_cache() {
        let mut replicas = Replicas::default();
        assert_eq!(replicas.adopt_foreign_client(&id(), 1, Some(client(true))), Told::Good);
        assert!(!replicas.wants_client(&id(), 1), "ya está");
        assert!(replicas.wants_client(&id(), 2));
        replicas.fold(&id(), &Evento::Cliente(EventoCliente::ClienteInactivado { cliente_id: id() }));
        assert_eq!(is_active(&replicas), Some(false));
        assert!(!replicas.wants_client(&id(), 4));
        assert_eq!(is_active(&replicas), None);
    }
}
