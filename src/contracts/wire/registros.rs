//! Records of the domain that travel inside others.

use super::{
    Reader, Wire, Writer,
    macros::{wire_record, wire_union},
};
use crate::{
    contracts::CodecError,
    domain::{
        ResultadoPaso,
        catalogo::{
            bodega::{CambiosBodega, DatosBodega},
            cliente::{CambiosCliente, DatosCliente},
            descuento::{CambiosDeclarados, CambiosDescuento, DatosDescuento, DescuentoDeclarado, ValorDeclarado, ValorDescuento},
            producto::{CambiosProducto, DatosProducto},
            sucursal::{CambiosSucursal, DatosSucursal},
        },
        facturacion::factura::{
            CabeceraFactura, CambioFechas, Campo, DatosFactura, DescuentoAplicado, DescuentoFactura, DescuentoPedido,
            DireccionRespuesta, EmisionIniciada, FacturaEmitida, FormaPago, GrupoEmision, GrupoEmitido, LineaEmitida, LineaFactura,
            LineaPedida, PasoSaga, TotalImpuesto, TotalesFactura,
        },
        inventario::{LoteConsumido, Movimiento, Referencia},
        numeracion::{Autorizacion, NumeroDocumento},
    },
};

wire_record!(DatosCliente {
    nombre,
    identificacion,
    correo,
    direccion,
    estado_fiscal,
    tipo_persona,
    responsabilidades,
    municipio,
    departamento,
});
wire_record!(CambiosCliente {
    nombre,
    identificacion,
    correo,
    direccion,
    estado_fiscal,
    tipo_persona,
    responsabilidades,
    municipio,
    departamento,
});
wire_record!(DatosProducto { codigo, nombre, unidad, precio, impuesto, controla_inventario, codigo_estandar, esquema_codigo });
wire_record!(CambiosProducto { codigo, nombre, unidad, impuesto: cambio, codigo_estandar, esquema_codigo });
wire_record!(ValorDeclarado { porcentaje, monto });
wire_record!(DescuentoDeclarado { nombre, ambito, valor, vigente_desde, vigente_hasta });
wire_record!(CambiosDeclarados { nombre, valor, vigente_desde, vigente_hasta: cambio });
wire_record!(DatosDescuento { nombre, ambito, valor, vigente_desde, vigente_hasta });
wire_record!(CambiosDescuento { nombre, valor: valor_cambiado, vigente_desde, vigente_hasta: cambio });
wire_record!(DatosSucursal { nombre, direccion });
wire_record!(CambiosSucursal { nombre, direccion });
wire_record!(DatosBodega { sucursal_id, nombre, direccion });
wire_record!(CambiosBodega { nombre, direccion });

wire_record!(Referencia { tipo, id, numero });
wire_record!(LoteConsumido { lote_id, secuencia, fecha_ingreso, fecha_caducidad, cantidad, costo_unitario, origen_lote_id desde LOTE_SIN_ORIGEN });
wire_record!(NumeroDocumento { rango_id, prefijo, consecutivo, resolucion });
wire_record!(Autorizacion { desde, hasta, vigente_desde, vigente_hasta, resolucion, fecha_resolucion });

wire_record!(FormaPago { forma, medio, monto, fecha_vencimiento });
wire_record!(LineaPedida { producto_id, bodega_id, descripcion, cantidad, precio_unitario, impuesto, descuento desde LINEA_PEDIDA_SIN_DESCUENTO });
wire_record!(DatosFactura {
    cliente_id,
    sucursal_id,
    bodega_id,
    moneda,
    fecha_emision,
    fecha_autorizacion,
    fecha_caducidad,
    canal,
    pedido_id,
    notas,
    orden_compra,
    formas_pago,
    total,
    lineas,
    descuento desde PEDIDO_SIN_DESCUENTO,
});
wire_record!(DescuentoPedido { valor, descuento_id });
wire_record!(DescuentoFactura { descuento_id, valor });
wire_record!(DescuentoAplicado { factura_id, ambito, linea, descuento, totales });
wire_record!(CambioFechas { fecha_emision, fecha_autorizacion, fecha_caducidad });
wire_record!(DireccionRespuesta { particion, peticion });
wire_record!(PasoSaga { documento_id, intento, grupo, paso });
wire_record!(LineaFactura { numero, producto_id, bodega_id, descripcion, cantidad, precio_unitario, impuesto, descuento desde LINEA_SIN_DESCUENTO });
wire_record!(LineaEmitida { linea, bruto, descuento, descuento_documento, subtotal, impuesto });
wire_record!(TotalImpuesto { impuesto, base, valor });
wire_record!(TotalesFactura { bruto, descuentos, subtotal, impuestos, total });
wire_record!(GrupoEmision { producto_id, bodega_id, cantidad, lineas });
wire_record!(GrupoEmitido { grupo, movimiento_id, lotes, costo_total });
wire_record!(CabeceraFactura {
    cliente_id,
    sucursal_id,
    bodega_id,
    moneda,
    fecha_emision,
    fecha_autorizacion,
    fecha_caducidad,
    canal,
    pedido_id,
    notas,
    orden_compra,
    formas_pago,
    total_declarado,
    descuento desde CABECERA_SIN_DESCUENTO,
});
wire_record!(FacturaEmitida {
    factura_id,
    intento,
    numero,
    emitida_en,
    cabecera,
    cliente: protegido,
    lineas,
    totales,
    costo_ventas,
    grupos,
});
wire_record!(EmisionIniciada { factura_id, intento, cliente: protegido, lineas, totales, grupos, rangos, vence_en, responder_a, cliente_id desde INICIO_SIN_CLIENTE });

wire_union!(ResultadoPaso, "resultado de un paso":
    0 => StockReservado {},
    1 => ReservaConfirmada { lotes, costo_total },
    2 => ReservaLiberada {},
    3 => NumeroAsignado { numero },
    4 => Rechazado { errores },
    5 => InventarioVerificado {},
    6 => StockDevuelto {},
    7 => CreditoReservado { credito },
    8 => CreditoAplicado {},
);

impl<M: Wire> Wire for Movimiento<M> {
    #[inline]
    fn write(&self, w: &mut Writer) {
        self.inventario_id.write(w);
        self.producto_id.write(w);
        self.bodega_id.write(w);
        self.movimiento_id.write(w);
        self.motivo.write(w);
        self.referencia.write(w);
        self.reserva_id.write(w);
        self.cantidad.write(w);
        self.costo_total.write(w);
        self.lotes.write(w);
        self.stock_resultante.write(w);
        self.disponible_resultante.write(w);
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            inventario_id: Wire::read(r)?,
            producto_id: Wire::read(r)?,
            bodega_id: Wire::read(r)?,
            movimiento_id: Wire::read(r)?,
            motivo: Wire::read(r)?,
            referencia: Wire::read(r)?,
            reserva_id: Wire::read(r)?,
            cantidad: Wire::read(r)?,
            costo_total: Wire::read(r)?,
            lotes: Wire::read(r)?,
            stock_resultante: Wire::read(r)?,
            disponible_resultante: Wire::read(r)?,
        })
    }
}

/// Personal data in what is kept for ever: the union `[claro, ClienteCifrado]`.
pub(super) mod protegido {
    use super::{CodecError, Reader, Wire, Writer};
    use crate::contracts::{Clave, ErrorBoveda, proteccion::Suprimible};

    #[inline]
    pub fn write<T: Wire + Suprimible>(datos: &T, w: &mut Writer) {
        match w.sello.take() {
            // Nothing personal is left in it, and no key is made for it.
            Some(sello) if !datos.es_suprimido() => {
                match sello.boveda.clave_o_nueva(&sello.clave_id) {
                    Ok(Some(clave)) => sealed(datos, &sello.clave_id, &clave, w),
                    Ok(None) => clear(&T::suprimido(), w),
                    Err(error) => w.fail(error.into()),
                }
                w.sello = Some(sello);
            }
            sello => {
                clear(datos, w);
                w.sello = sello;
            }
        }
    }

    fn clear<T: Wire>(datos: &T, w: &mut Writer) {
        w.long(0);
        datos.write(w);
    }

    fn sealed<T: Wire + Suprimible>(datos: &T, clave_id: &str, clave: &Clave, w: &mut Writer) {
        let start = w.bytes.len();
        datos.write(w);
        let sealed = clave.sellar(T::QUE, &w.bytes[start..]);
        w.bytes.truncate(start);
        let Some(sealed) = sealed else {
            return w.fail(ErrorBoveda(format!("la de «{clave_id}» no pudo cifrar")).into());
        };
        w.long(1);
        w.bytes(clave_id.as_bytes());
        w.bytes(&sealed);
    }

    #[inline]
    pub fn read<T: Wire + Suprimible>(r: &mut Reader<'_>) -> Result<T, CodecError> {
        match r.long()? {
            0 => T::read(r),
            1 => opened(r),
            _ => Err(CodecError::Undecodable("rama de unión desconocida")),
        }
    }

    fn opened<T: Wire + Suprimible>(r: &mut Reader<'_>) -> Result<T, CodecError> {
        let clave_id = r.text()?;
        let sealed = r.bytes()?;
        let Some(clave) = r.key(clave_id)? else { return Ok(T::suprimido()) };
        let datos = clave.abrir(T::QUE, sealed).ok_or(CodecError::Undecodable("datos personales que su clave no abre"))?;
        r.inner(&datos, T::read)
    }
}

/// `Option<Option<T>>` travels as [`Campo`]: not changed, taken away, changed.
mod cambio {
    use super::{Campo, CodecError, Reader, Wire, Writer};

    pub fn write<T: Wire + Clone>(cambio: &Option<Option<T>>, w: &mut Writer) {
        match cambio {
            None => Campo::<T>::Ausente.write(w),
            Some(None) => Campo::<T>::Nulo.write(w),
            Some(Some(valor)) => Campo::Valor(valor.clone()).write(w),
        }
    }

    pub fn read<T: Wire>(r: &mut Reader<'_>) -> Result<Option<Option<T>>, CodecError> {
        Ok(match Campo::read(r)? {
            Campo::Ausente => None,
            Campo::Nulo => Some(None),
            Campo::Valor(valor) => Some(Some(valor)),
        })
    }
}

/// Two fields of the record that has it: `porcentaje` and `monto`, one of them null.
impl Wire for ValorDescuento {
    fn write(&self, w: &mut Writer) {
        valor_cambiado::write(&Some(*self), w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        valor_cambiado::read(r)?.ok_or_else(|| valor_cambiado::fuera("ninguno"))
    }
}

/// The same two fields, both null when the value did not change.
mod valor_cambiado {
    use super::{CodecError, Reader, ValorDescuento, Wire, Writer};
    use crate::domain::valores::{Dinero, Porcentaje};

    pub fn write(valor: &Option<ValorDescuento>, w: &mut Writer) {
        let (porcentaje, monto) = match valor {
            None => (None, None),
            Some(ValorDescuento::Porcentaje(p)) => (Some(*p), None),
            Some(ValorDescuento::Monto(m)) => (None, Some(*m)),
        };
        porcentaje.write(w);
        monto.write(w);
    }

    pub fn read(r: &mut Reader<'_>) -> Result<Option<ValorDescuento>, CodecError> {
        match (Option::<Porcentaje>::read(r)?, Option::<Dinero>::read(r)?) {
            (None, None) => Ok(None),
            (Some(p), None) => Ok(Some(ValorDescuento::Porcentaje(p))),
            (None, Some(m)) => Ok(Some(ValorDescuento::Monto(m))),
            (Some(_), Some(_)) => Err(fuera("ambos")),
        }
    }

    pub fn fuera(value: &str) -> CodecError {
        CodecError::OutOfDomain { what: "porcentaje o monto de un descuento", value: value.to_owned() }
    }
}
