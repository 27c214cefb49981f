//! States of the aggregates. Indexes are rebuilt when read; what an attempt remembers unrecorded (`Progreso`) is not stored.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::{Reader, Wire, Writer, macros::wire_record, primitivos::write_items, registros::protegido};
use crate::{
    contracts::{CodecError, EstadoAgregado},
    domain::{
        TipoAgregado,
        catalogo::{bodega::Bodega, cliente::Cliente, descuento::Descuento, producto::Producto, sucursal::Sucursal},
        facturacion::factura::{Emision, Factura, Progreso},
        inventario::{Confirmacion, Inventario, Lote, PuestoLote, Reserva, Resumen},
        numeracion::RangoNumeracion,
        valores::Id,
    },
};

wire_record!(Cliente { cliente_id, datos: protegido, activo, suprimido desde CLIENTE_SIN_SUPRIMIR });
wire_record!(Producto { producto_id, datos, activo });
wire_record!(Descuento { descuento_id, datos, activo });
wire_record!(Sucursal { sucursal_id, datos, activa });
wire_record!(Bodega { bodega_id, datos, activa });

wire_record!(PuestoLote { fecha_ingreso, secuencia });
wire_record!(Lote { lote_id, cantidad, costo_unitario, fecha_caducidad, origen_lote_id });
wire_record!(Reserva { cantidad, fecha });
wire_record!(Confirmacion { reserva_id, lotes, costo_total });
wire_record!(Inventario {
    inventario_id,
    producto_id,
    bodega_id,
    stock_minimo,
    lotes: tabla,
    siguiente_secuencia,
    stock,
    reservado,
    reservas: tabla,
    confirmadas,
    liberadas,
    bajo_minimo,
    devueltas desde INVENTARIO_SIN_DEVUELTAS,
} derivado resumen = resumen(lotes, confirmadas, liberadas, devueltas));

wire_record!(Factura {
    factura_id,
    estado,
    cabecera,
    lineas,
    intento,
    emision,
    emitida,
    errores,
    totales_borrador desde BORRADOR_SIN_TOTALES,
    posterior desde FACTURA_SIN_POSTERIOR,
});

/// A sorted map: an array of records, key fields first.
pub(super) mod tabla {
    use super::{BTreeMap, CodecError, Reader, Wire, Writer, write_items};

    pub fn write<K: Wire, V: Wire>(tabla: &BTreeMap<K, V>, w: &mut Writer) {
        write_items(w, tabla.len(), tabla.iter(), |(clave, valor), w| {
            clave.write(w);
            valor.write(w);
        });
    }

    pub fn read<K: Wire + Ord, V: Wire>(r: &mut Reader<'_>) -> Result<BTreeMap<K, V>, CodecError> {
        let mut tabla = BTreeMap::new();
        // Nodes filled in order stay half full.
        r.items(2, <(K, V)>::read, |(clave, valor)| {
            tabla.insert(clave, valor);
        })?;
        Ok(tabla)
    }
}

wire_record!(RangoNumeracion {
    rango_id,
    sucursal_id,
    tipo_documento,
    prefijo,
    autorizacion,
    siguiente,
    recientes,
    avisado,
    inutilizados: conjunto,
    resoluciones,
} derivado por_documento = por_documento(recientes));

/// Index of the recent documents.
fn por_documento(r: &mut Reader<'_>, recientes: &VecDeque<(Id, u64)>) -> Result<HashMap<Id, u64>, CodecError> {
    r.charge(recientes.len().saturating_mul(3 * size_of::<(Id, u64)>()))?;
    Ok(recientes.iter().cloned().collect())
}

/// Summary of the stock's lots and reservations.
fn resumen(
    r: &mut Reader<'_>,
    lotes: &BTreeMap<PuestoLote, Lote>,
    confirmadas: &VecDeque<Confirmacion>,
    liberadas: &VecDeque<Id>,
    devueltas: &VecDeque<Id>,
) -> Result<Resumen, CodecError> {
    let indexed = lotes.len().saturating_add(confirmadas.len()).saturating_add(liberadas.len()).saturating_add(devueltas.len());
    r.charge(indexed.saturating_mul(3 * size_of::<Id>()))?;
    Ok(Resumen::de(lotes, confirmadas, liberadas, devueltas))
}

/// A sorted set: an array.
mod conjunto {
    use super::{BTreeSet, CodecError, Reader, Wire, Writer, write_items};

    pub fn write<T: Wire>(conjunto: &BTreeSet<T>, w: &mut Writer) {
        write_items(w, conjunto.len(), conjunto.iter(), T::write);
    }

    pub fn read<T: Wire + Ord>(r: &mut Reader<'_>) -> Result<BTreeSet<T>, CodecError> {
        let mut conjunto = BTreeSet::new();
        r.items(2, T::read, |item| {
            conjunto.insert(item);
        })?;
        Ok(conjunto)
    }
}

impl Wire for Emision {
    fn write(&self, w: &mut Writer) {
        self.inicio.write(w);
        self.fase.write(w);
        self.numero.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self { inicio: Wire::read(r)?, fase: Wire::read(r)?, numero: Wire::read(r)?, progreso: Progreso::default() })
    }
}

pub(in crate::contracts) fn write_estado(estado: &EstadoAgregado, w: &mut Writer) {
    match estado {
        EstadoAgregado::Cliente(e) => e.write(w),
        EstadoAgregado::Producto(e) => e.write(w),
        EstadoAgregado::Descuento(e) => e.write(w),
        EstadoAgregado::Sucursal(e) => e.write(w),
        EstadoAgregado::Bodega(e) => e.write(w),
        EstadoAgregado::Inventario(e) => e.write(w),
        EstadoAgregado::Rango(e) => e.write(w),
        EstadoAgregado::Factura(e) => e.write(w),
        EstadoAgregado::NotaCredito(e) => e.write(w),
    }
}

pub(in crate::contracts) fn read_estado(tipo: TipoAgregado, r: &mut Reader<'_>) -> Result<EstadoAgregado, CodecError> {
    Ok(match tipo {
        TipoAgregado::Cliente => EstadoAgregado::Cliente(Wire::read(r)?),
        TipoAgregado::Producto => EstadoAgregado::Producto(Wire::read(r)?),
        TipoAgregado::Descuento => EstadoAgregado::Descuento(Wire::read(r)?),
        TipoAgregado::Sucursal => EstadoAgregado::Sucursal(Wire::read(r)?),
        TipoAgregado::Bodega => EstadoAgregado::Bodega(Wire::read(r)?),
        TipoAgregado::Inventario => EstadoAgregado::Inventario(Wire::read(r)?),
        TipoAgregado::RangoNumeracion => EstadoAgregado::Rango(Wire::read(r)?),
        TipoAgregado::Factura => EstadoAgregado::Factura(Wire::read(r)?),
        TipoAgregado::NotaCredito => EstadoAgregado::NotaCredito(Wire::read(r)?),
    })
}
