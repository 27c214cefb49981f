//! Credit notes, the credit of an invoice, its annulment.

use std::collections::BTreeMap;

use super::{
    Reader, Wire, Writer,
    instantaneas::tabla,
    macros::{wire_record, wire_union},
    primitivos::write_items,
    registros::protegido,
};
use crate::{
    contracts::CodecError,
    domain::{
        facturacion::{
            factura::{
                AnulacionEnCurso, AnulacionIniciada, FacturaAnulada, MovimientoAnulacion, Posterior, ProgresoAnulacion,
                RespuestaDian,
                credito::{
                    Acreditado, CargoLinea, CreditoConcedido, CreditoFactura, CreditoNota, EstadoCredito, FacturaModificada,
                    GrupoDevolucion, LineaAcreditada, LineaNotaCredito, NotaDeFactura, SolicitudCredito,
                },
            },
            nota_credito::{
                CabeceraNota, DatosNotaCredito, EmisionNota, EmisionNotaCreditoIniciada, FechasNota, GrupoDevuelto,
                LineaNotaPedida, NotaCredito, NotaCreditoEmitida, ProgresoNota,
            },
        },
        inventario::DevolucionPedida,
    },
};

wire_record!(DevolucionPedida { inventario_id, movimiento_id, motivo, politica, lotes, fecha, referencia });

wire_union!(Acreditado, "lo que acredita una línea":
    0 => Cantidad { cantidad },
    1 => Monto { monto },
);
wire_record!(LineaNotaCredito { numero, linea_factura, acreditado, afecta_inventario, bodega_id });
wire_record!(LineaNotaPedida { linea_factura, cantidad, monto, afecta_inventario, bodega_id });
wire_record!(FechasNota { fecha_emision, fecha_autorizacion, fecha_caducidad });
wire_record!(DatosNotaCredito { sucursal_id, concepto, motivo, politica_retorno, fechas, lineas });
wire_record!(CabeceraNota { sucursal_id, concepto, motivo, politica_retorno, fecha_emision, fecha_autorizacion, fecha_caducidad });

wire_record!(SolicitudCredito { nota_id, intento, sucursal_id, politica, fecha_emision, lineas });
wire_record!(LineaAcreditada { linea, producto_id, descripcion, precio_unitario, impuesto, subtotal, valor_impuesto });
wire_record!(GrupoDevolucion { producto_id, bodega_origen, bodega_id, cantidad, lineas, lotes, costo_total });
wire_record!(CargoLinea { linea, cantidad, subtotal, impuesto, subtotal_por_cantidad, impuesto_por_cantidad, lotes });
wire_record!(CreditoNota { nota_id, intento, sucursal_id, lineas, totales, cargos, grupos, rangos });
wire_record!(FacturaModificada { numero, fecha_emision, moneda, cliente_id, cliente: protegido, canal });
wire_record!(CreditoConcedido { credito, factura });

wire_record!(EmisionNotaCreditoIniciada { factura_id, nota_id, intento, cabecera, reanudar_en, responder_a });
wire_record!(GrupoDevuelto { grupo, movimiento_id });
wire_record!(NotaCreditoEmitida {
    factura_id,
    nota_id,
    intento,
    numero,
    emitida_en,
    cabecera,
    sucursal_id,
    factura,
    lineas,
    totales,
    costo_devuelto,
    grupos,
});
wire_record!(NotaCredito { factura_id, nota_id, estado, cabecera, lineas, intento, emision, emitida, errores });

impl Wire for EmisionNota {
    fn write(&self, w: &mut Writer) {
        self.inicio.write(w);
        self.numero.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self { inicio: Wire::read(r)?, numero: Wire::read(r)?, progreso: ProgresoNota::default() })
    }
}

wire_record!(RespuestaDian { estado, codigo, mensaje });
wire_record!(AnulacionIniciada { factura_id, intento, motivo, reanudar_en, responder_a });
wire_record!(MovimientoAnulacion { producto_id, bodega_id, movimiento_id, costo_total });
wire_record!(FacturaAnulada { documento, intento, motivo, anulada_en, movimientos, dian });

impl Wire for AnulacionEnCurso {
    fn write(&self, w: &mut Writer) {
        self.inicio.write(w);
        self.asegurada.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self { inicio: Wire::read(r)?, asegurada: Wire::read(r)?, progreso: ProgresoAnulacion::default() })
    }
}

wire_union!(EstadoCredito, "estado del crédito":
    0 => Reservado { credito },
    1 => Aplicado {},
    2 => Liberado {},
);
wire_record!(NotaDeFactura { intento, estado });
wire_record!(CreditoFactura { lineas: por_linea, notas: tabla });
wire_record!(Posterior { credito, anulaciones, en_curso, anulada, dian });

/// Charges by line: an array, each with its own line.
mod por_linea {
    use super::{BTreeMap, CargoLinea, CodecError, Reader, Wire, Writer, write_items};

    pub fn write(cargos: &BTreeMap<u16, CargoLinea>, w: &mut Writer) {
        write_items(w, cargos.len(), cargos.values(), CargoLinea::write);
    }

    pub fn read(r: &mut Reader<'_>) -> Result<BTreeMap<u16, CargoLinea>, CodecError> {
        let mut cargos = BTreeMap::new();
        r.items(2, CargoLinea::read, |cargo| {
            cargos.insert(cargo.linea, cargo);
        })?;
        Ok(cargos)
    }
}
