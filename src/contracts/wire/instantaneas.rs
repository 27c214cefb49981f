//! States of the aggregates. Indexes are rebuilt when read; what an attempt remembers unrecorded (`Progreso`) is not stored.

use std::collections::{BTreeMap, HashMap};

use super::{Reader, Wire, Writer, macros::wire_record, primitivos::write_items, registros::protegido};
use crate::{
    contracts::{CodecError, EstadoAgregado},
    domain::{
        TipoAgregado,
        catalogo::{bodega::Bodega, cliente::Cliente, producto::Producto, sucursal::Sucursal},
        facturacion::factura::{Emision, Factura, Progreso},
        inventario::{Confirmacion, Inventario, Lote, PuestoLote, Reserva, Resumen},
        numeracion::RangoNumeracion,
        valores::Id,
    },
};

wire_record!(Cliente { cliente_id, datos: protegido, activo });
wire_record!(Producto { producto_id, datos, activo });
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
} derivado resumen = Resumen::de(&lotes, &confirmadas, &liberadas));

wire_record!(Factura { factura_id, estado, cabecera, lineas, intento, emision, emitida, errores });

/// A sorted map: an array of records, key fields first.
mod tabla {
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

impl Wire for RangoNumeracion {
    fn write(&self, w: &mut Writer) {
        self.rango_id.write(w);
        self.sucursal_id.write(w);
        self.tipo_documento.write(w);
        self.prefijo.write(w);
        self.autorizacion.write(w);
        self.siguiente.write(w);
        self.recientes.write(w);
        self.avisado.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut rango = Self {
            rango_id: Wire::read(r)?,
            sucursal_id: Wire::read(r)?,
            tipo_documento: Wire::read(r)?,
            prefijo: Wire::read(r)?,
            autorizacion: Wire::read(r)?,
            siguiente: Wire::read(r)?,
            recientes: Wire::read(r)?,
            por_documento: HashMap::new(),
            avisado: Wire::read(r)?,
        };
        r.charge(rango.recientes.len().saturating_mul(2 * size_of::<(Id, u64)>()))?;
        rango.por_documento = rango.recientes.iter().cloned().collect();
        Ok(rango)
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
        EstadoAgregado::Sucursal(e) => e.write(w),
        EstadoAgregado::Bodega(e) => e.write(w),
        EstadoAgregado::Inventario(e) => e.write(w),
        EstadoAgregado::Rango(e) => e.write(w),
        EstadoAgregado::Factura(e) => e.write(w),
    }
}

pub(in crate::contracts) fn read_estado(tipo: TipoAgregado, r: &mut Reader<'_>) -> Result<EstadoAgregado, CodecError> {
    Ok(match tipo {
        TipoAgregado::Cliente => EstadoAgregado::Cliente(Wire::read(r)?),
        TipoAgregado::Producto => EstadoAgregado::Producto(Wire::read(r)?),
        TipoAgregado::Sucursal => EstadoAgregado::Sucursal(Wire::read(r)?),
        TipoAgregado::Bodega => EstadoAgregado::Bodega(Wire::read(r)?),
        TipoAgregado::Inventario => EstadoAgregado::Inventario(Wire::read(r)?),
        TipoAgregado::RangoNumeracion => EstadoAgregado::Rango(Wire::read(r)?),
        TipoAgregado::Factura => EstadoAgregado::Factura(Wire::read(r)?),
    })
}
