//! I8: each snapshot against the fold of the events up to its version.

use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    ErrorVerificacion,
    corte::Corte,
    huellas::{Clave, clave_version},
    informe::{Codigo, Informe},
    lectura::Lector,
};
use crate::{
    contracts::{Codec, EstadoAgregado, Instantanea},
    domain::{TipoAgregado, valores::Id},
    log::{Log, Position, TopicPartition},
};

/// A snapshot waiting for its version.
struct Pendiente {
    posicion: Position,
    bytes: u64,
    version_esquema: u16,
}

/// The snapshots of a partition, by aggregate and version.
pub(super) struct Instantaneas<'a> {
    log: &'a dyn Log,
    codec: &'a Codec,
    particion: TopicPartition,
    pendientes: HashMap<Clave, Pendiente>,
}

impl<'a> Instantaneas<'a> {
    pub(super) fn leer(
        log: &'a dyn Log,
        codec: &'a Codec,
        particion: TopicPartition,
        corte: &Corte,
        lector: &mut Lector<'_>,
        informe: &mut Informe,
    ) -> Result<Self, ErrorVerificacion> {
        let mut pendientes = HashMap::new();
        lector.recorrer(particion, corte.tramo(particion), &mut |registro| {
            informe.instantaneas += 1;
            match codec.decode_snapshot(&registro.record.value) {
                Ok(instantanea) => {
                    let clave = clave_version(instantanea.aggregate_tipo, &instantanea.aggregate_id, instantanea.aggregate_version);
                    let pendiente = Pendiente {
                        posicion: registro.position,
                        bytes: xxh3_64(&registro.record.value),
                        version_esquema: instantanea.version_esquema,
                    };
                    pendientes.insert(clave, pendiente);
                }
                Err(causa) => informe.falla(Codigo::I8, || format!("{particion} posición {}: {causa}", registro.position)),
            }
            Ok(())
        })?;
        Ok(Self { log, codec, particion, pendientes })
    }

    /// Whether the version has a snapshot: only then is the state worth copying.
    pub(super) fn hay(&self, (tipo, id, version): (TipoAgregado, &Id, u64)) -> bool {
        !self.pendientes.is_empty() && self.pendientes.contains_key(&clave_version(tipo, id, version))
    }

    /// Compares the snapshot of the version with the folded state: by its bytes, and when they differ (another program wrote
    /// them) by its content.
    pub(super) fn comparar(
        &mut self,
        (tipo, id, version): (TipoAgregado, &Id, u64),
        estado: Option<EstadoAgregado>,
        informe: &mut Informe,
    ) -> Result<(), ErrorVerificacion> {
        let Some(pendiente) = self.pendientes.remove(&clave_version(tipo, id, version)) else { return Ok(()) };
        informe.revisado(Codigo::I8);
        let distinta = || {
            format!(
                "{tipo} {id} v{version}: la instantánea ({} posición {}) no es el plegado de sus eventos",
                self.particion, pendiente.posicion
            )
        };
        let Some(estado) = estado else {
            informe.falla(Codigo::I8, distinta);
            return Ok(());
        };
        let plegada = Instantanea {
            aggregate_tipo: tipo,
            aggregate_id: id.clone(),
            aggregate_version: version,
            version_esquema: pendiente.version_esquema,
            estado,
        };
        if self.codec.encode_snapshot(&plegada).is_ok_and(|bytes| xxh3_64(&bytes) == pendiente.bytes) {
            return Ok(());
        }
        let registros = self.log.read(self.particion, pendiente.posicion, 1)?;
        let registro = registros.first().filter(|r| r.position == pendiente.posicion);
        let guardada = registro.and_then(|r| self.codec.decode_snapshot(&r.record.value).ok());
        informe.exigir(Codigo::I8, guardada.as_ref() == Some(&plegada), distinta);
        Ok(())
    }

    /// Snapshots of versions that no event reached.
    pub(super) fn cerrar(self, informe: &mut Informe) {
        let mut sueltas: Vec<Position> = self.pendientes.values().map(|p| p.posicion).collect();
        sueltas.sort_unstable();
        for posicion in sueltas {
            informe
                .falla(Codigo::I8, || format!("{} posición {posicion}: instantánea de una versión que no existe", self.particion));
        }
    }
}
