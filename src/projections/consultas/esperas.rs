//! Read your writes: versions, and waiting for them.

use std::time::Duration;

use super::{ConsultaError, Consultas};
use crate::{
    domain::{TipoAgregado, valores::Id},
    log::{Position, TopicPartition},
    projections::{
        bodegas::BODEGAS,
        clientes::CLIENTES,
        descuentos::DESCUENTOS,
        existencias::EXISTENCIAS,
        facturas::FACTURAS,
        notas::NOTAS,
        numeracion::NUMERACION,
        productos::PRODUCTOS,
        rows::{id_value, text_value},
        runner::PROYECCIONES,
        sucursales::SUCURSALES,
    },
    tables::Value,
};

/// Between two questions to tables that another process feeds.
const ENTRE_PREGUNTAS: Duration = Duration::from_millis(25);

impl Consultas {
    /// Version of an aggregate as its rows show it; `None` when there is none yet.
    ///
    /// # Errors
    /// Of the tables.
    pub fn version(&self, tipo: TipoAgregado, id: &Id) -> Result<Option<u64>, ConsultaError> {
        let (table, key): (_, Vec<Value>) = match tipo {
            TipoAgregado::Cliente => (&CLIENTES, vec![id_value(id)]),
            TipoAgregado::Producto => (&PRODUCTOS, vec![id_value(id)]),
            TipoAgregado::Descuento => (&DESCUENTOS, vec![id_value(id)]),
            TipoAgregado::Sucursal => (&SUCURSALES, vec![id_value(id)]),
            TipoAgregado::Bodega => (&BODEGAS, vec![id_value(id)]),
            TipoAgregado::RangoNumeracion => (&NUMERACION, vec![id_value(id)]),
            TipoAgregado::Factura => (&FACTURAS, vec![id_value(id)]),
            TipoAgregado::NotaCredito => (&NOTAS, vec![id_value(id)]),
            TipoAgregado::Inventario => {
                let Some((producto, bodega)) = id.as_str().split_once(':') else { return Ok(None) };
                (&EXISTENCIAS, vec![text_value(producto), text_value(bodega)])
            }
        };
        Ok(self.tables.get(table, &key)?.map(|row| row.version))
    }

    /// Waits until the rows of an aggregate show a version, at most `timeout`; says whether they do.
    /// A failure of the tables counts as not there.
    pub async fn esperar_version(&self, tipo: TipoAgregado, id: &Id, version: u64, timeout: Duration) -> bool {
        let visible = || matches!(self.version(tipo, id), Ok(Some(v)) if v >= version);
        self.esperar(timeout, visible).await
    }

    /// Waits until every projection has come to these positions (a reply's partitions), at most `timeout`.
    pub async fn esperar_posiciones(&self, posiciones: &[(TopicPartition, Position)], timeout: Duration) -> bool {
        if self.alimentadas_por_otro {
            return self.esperar(timeout, || matches!(self.llegaron(posiciones), Ok(true))).await;
        }
        self.progress.wait_positions(posiciones, timeout).await
    }

    /// Whether the tables say that every projection has come to these positions.
    fn llegaron(&self, posiciones: &[(TopicPartition, Position)]) -> Result<bool, ConsultaError> {
        for (partition, wanted) in posiciones {
            for spec in PROYECCIONES.iter().filter(|spec| spec.topics.contains(&partition.topic)) {
                if self.tables.position(spec.name, *partition)?.unwrap_or_default() < *wanted {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn esperar(&self, timeout: Duration, hecho: impl Fn() -> bool) -> bool {
        if !self.alimentadas_por_otro {
            return self.progress.wait_for(timeout, hecho).await;
        }
        let preguntar = async {
            while !hecho() {
                tokio::time::sleep(ENTRE_PREGUNTAS).await;
            }
        };
        tokio::time::timeout(timeout, preguntar).await.is_ok()
    }
}
