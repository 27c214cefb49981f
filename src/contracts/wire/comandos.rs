//! Bodies of the commands.

use super::macros::wire_family;
use crate::domain::{
    catalogo::{
        bodega::ComandoBodega, cliente::ComandoCliente, descuento::ComandoDescuento, producto::ComandoProducto,
        sucursal::ComandoSucursal,
    },
    cuarentena::ComandoCuarentena,
    facturacion::{factura::ComandoFactura, nota_credito::ComandoNotaCredito},
    inventario::ComandoInventario,
    numeracion::ComandoRango,
};

wire_family!(ComandoCliente {
    CrearCliente { cliente_id, datos },
    ActualizarCliente { cliente_id, cambios },
    InactivarCliente { cliente_id },
    ReactivarCliente { cliente_id },
    SuprimirCliente { cliente_id },
    ConsultarCliente { cliente_id, factura_id, pedido },
});
wire_family!(ComandoProducto {
    CrearProducto { producto_id, datos },
    ActualizarProducto { producto_id, cambios },
    CambiarPrecio { producto_id, precio },
    InactivarProducto { producto_id },
});
wire_family!(ComandoDescuento {
    CrearDescuento { descuento_id, datos },
    ActualizarDescuento { descuento_id, cambios },
    InactivarDescuento { descuento_id },
});
wire_family!(ComandoSucursal {
    CrearSucursal { sucursal_id, datos },
    ActualizarSucursal { sucursal_id, cambios },
    InactivarSucursal { sucursal_id },
});
wire_family!(ComandoBodega {
    CrearBodega { bodega_id, datos },
    ActualizarBodega { bodega_id, cambios },
    InactivarBodega { bodega_id },
});
wire_family!(ComandoInventario {
    CrearInventario { inventario_id, producto_id, bodega_id, stock_minimo },
    RegistrarEntrada {
        inventario_id,
        movimiento_id,
        motivo,
        cantidad,
        costo_unitario,
        fecha_ingreso,
        fecha_caducidad,
        referencia,
    },
    RegistrarSalida { inventario_id, movimiento_id, motivo, cantidad, fecha, referencia },
    ReservarStock { inventario_id, reserva_id, cantidad, fecha },
    ConfirmarReserva { inventario_id, reserva_id, movimiento_id, referencia },
    LiberarReserva { inventario_id, reserva_id, causa },
    CambiarStockMinimo { inventario_id, stock_minimo },
    DevolverStock(devolucion),
    VerificarInventario { inventario_id },
});
wire_family!(ComandoRango {
    CrearRango { rango_id, sucursal_id, tipo_documento, prefijo, autorizacion },
    AsignarNumero { rango_id, documento_id, fecha },
    RenovarRango { rango_id, autorizacion },
    InutilizarNumero { rango_id, consecutivo, motivo },
});
wire_family!(ComandoFactura {
    CrearYEmitirFactura { factura_id, datos },
    CrearFactura { factura_id, datos },
    AgregarLinea { factura_id, linea },
    QuitarLinea { factura_id, linea },
    AplicarDescuento { factura_id, linea, descuento },
    DefinirFormasPago { factura_id, formas_pago },
    CambiarFechas { factura_id, fechas },
    EmitirFactura { factura_id, fechas },
    DescartarFactura { factura_id },
    RespuestaPaso { factura_id, intento, grupo, paso, resultado },
    ClienteConsultado { factura_id, cliente_id, version, cliente, pedido },
    ReservarCredito { factura_id, solicitud },
    AplicarCredito { factura_id, nota_id, intento },
    LiberarCredito { factura_id, nota_id, intento },
    AnularFactura { factura_id, motivo },
    RegistrarRespuestaDian { factura_id, respuesta },
} internal: VencioPlazo);
wire_family!(ComandoNotaCredito {
    CrearNotaCredito { factura_id, nota_id, datos },
    AgregarLineaNotaCredito { factura_id, nota_id, linea },
    EmitirNotaCredito { factura_id, nota_id, fechas },
    CrearYEmitirNotaCredito { factura_id, nota_id, datos },
    RespuestaPasoNota { factura_id, nota_id, intento, grupo, paso, resultado },
} internal: ReanudarNota);
wire_family!(ComandoCuarentena {
    ResolverApartado { tipo, id, apartado, descartar, motivo, pedido },
});
