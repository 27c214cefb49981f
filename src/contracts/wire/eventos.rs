//! Bodies of the events.

use super::{macros::wire_family, registros::protegido};
use crate::domain::{
    catalogo::{
        bodega::EventoBodega, cliente::EventoCliente, descuento::EventoDescuento, producto::EventoProducto,
        sucursal::EventoSucursal,
    },
    cuarentena::EventoCuarentena,
    facturacion::{factura::EventoFactura, nota_credito::EventoNotaCredito},
    inventario::EventoInventario,
    numeracion::EventoRango,
};

wire_family!(EventoCliente {
    ClienteCreado { cliente_id, datos: protegido },
    ClienteActualizado { cliente_id, cambios: protegido },
    ClienteInactivado { cliente_id },
    ClienteReactivado { cliente_id },
    ClienteSuprimido { cliente_id },
});
wire_family!(EventoProducto {
    ProductoCreado { producto_id, datos },
    ProductoActualizado { producto_id, cambios },
    PrecioCambiado { producto_id, anterior, nuevo },
    ProductoInactivado { producto_id },
});
wire_family!(EventoDescuento {
    DescuentoCreado { descuento_id, datos },
    DescuentoActualizado { descuento_id, cambios },
    DescuentoInactivado { descuento_id },
});
wire_family!(EventoSucursal {
    SucursalCreada { sucursal_id, datos },
    SucursalActualizada { sucursal_id, cambios },
    SucursalInactivada { sucursal_id },
});
wire_family!(EventoBodega {
    BodegaCreada { bodega_id, datos },
    BodegaActualizada { bodega_id, cambios },
    BodegaInactivada { bodega_id },
});
wire_family!(EventoInventario {
    InventarioCreado { inventario_id, producto_id, bodega_id, stock_minimo },
    LoteCreado {
        inventario_id,
        lote_id,
        secuencia,
        cantidad,
        costo_unitario,
        fecha_ingreso,
        fecha_caducidad,
        origen_lote_id,
    },
    StockIncrementado(movimiento),
    StockReducido(movimiento),
    StockReservado { inventario_id, reserva_id, cantidad, fecha, disponible_resultante },
    ReservaLiberada { inventario_id, reserva_id, causa, disponible_resultante },
    StockMinimoCambiado { inventario_id, stock_minimo },
    StockBajo { inventario_id, stock, stock_minimo },
});
wire_family!(EventoRango {
    RangoCreado { rango_id, sucursal_id, tipo_documento, prefijo, autorizacion },
    NumeroAsignado { documento_id, numero, fecha },
    RangoRenovado { rango_id, autorizacion },
    RangoPorAgotarse { rango_id, restantes },
    NumeroInutilizado { rango_id, consecutivo, motivo },
});
wire_family!(EventoFactura {
    FacturaCreada { factura_id, cabecera, totales desde CREADA_SIN_TOTALES },
    LineaAgregada { factura_id, linea, totales desde LINEA_SIN_TOTALES },
    LineaQuitada { factura_id, linea, totales },
    DescuentoAplicado(descuento),
    FormasPagoDefinidas { factura_id, formas_pago },
    FechasCambiadas { factura_id, fecha_emision, fecha_autorizacion, fecha_caducidad },
    FacturaDescartada { factura_id },
    EmisionIniciada(emision),
    StockAsegurado { factura_id, intento },
    NumeracionRecibida { factura_id, intento, numero },
    FacturaEmitida(factura),
    FacturaRechazada { factura_id, intento, errores },
    CreditoReservado { factura_id, credito },
    CreditoAplicado { factura_id, nota_id, intento, cargos },
    CreditoLiberado { factura_id, nota_id, intento },
    AnulacionIniciada(anulacion),
    AnulacionAsegurada { factura_id, intento },
    FacturaAnulada(anulada),
    AnulacionRechazada { factura_id, intento, errores },
    RespuestaDianRegistrada { factura_id, respuesta },
});
wire_family!(EventoNotaCredito {
    NotaCreditoCreada { factura_id, nota_id, cabecera },
    LineaNotaCreditoAgregada { factura_id, nota_id, linea },
    EmisionNotaCreditoIniciada(emision),
    NumeracionNotaCreditoRecibida { factura_id, nota_id, intento, numero },
    NotaCreditoEmitida(nota),
    NotaCreditoRechazada { factura_id, nota_id, intento, errores },
});
wire_family!(EventoCuarentena {
    AgregadoEnCuarentena { causa, apartado desde CUARENTENA_SIN_CARTA },
    CuarentenaLevantada { motivo },
    ComandoReproducido { apartado, motivo },
    ComandoDescartado { apartado, comando, command_id, motivo },
});
