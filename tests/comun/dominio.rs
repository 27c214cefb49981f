//! Samples of commands, events and states.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use factumarket::domain::{
    Comando, ComandoEnEspera, Evento, ResultadoPaso, TipoAgregado,
    catalogo::{
        bodega::{Bodega, CambiosBodega, ComandoBodega, DatosBodega, EventoBodega},
        cliente::{CambiosCliente, Cliente, ComandoCliente, DatosCliente, EstadoFiscal, EventoCliente},
        descuento::{
            AmbitoDescuento, CambiosDeclarados, CambiosDescuento, ComandoDescuento, DatosDescuento, Descuento, DescuentoDeclarado,
            EventoDescuento, ValorDeclarado, ValorDescuento,
        },
        producto::{CambiosProducto, ComandoProducto, DatosProducto, EventoProducto, Impuesto, Producto},
        sucursal::{CambiosSucursal, ComandoSucursal, DatosSucursal, EventoSucursal, Sucursal},
    },
    cuarentena::{Apartado, ComandoCuarentena, EventoCuarentena},
    facturacion::{
        factura::{
            CabeceraFactura, CambioFechas, Campo, ComandoFactura, DatosFactura, DescuentoAplicado, DescuentoFactura,
            DescuentoPedido, DireccionRespuesta, Emision, EmisionIniciada, EstadoFactura, EventoFactura, Factura, FacturaEmitida,
            FaseEmision, FormaPago, FormaPagoTipo, GrupoEmision, GrupoEmitido, LineaEmitida, LineaFactura, LineaPedida, Paso,
            Progreso, TotalImpuesto, TotalesFactura,
        },
        nota_credito::{ComandoNotaCredito, EventoNotaCredito},
    },
    inventario::{
        ComandoInventario, Confirmacion, EventoInventario, Inventario, Lote, LoteConsumido, MotivoEntrada, MotivoSalida,
        Movimiento, PuestoLote, Referencia, Reserva, Resumen,
    },
    numeracion::{Autorizacion, ComandoRango, EventoRango, NumeroDocumento, RangoNumeracion, TipoDocumento},
    reglas::{Falla, Regla},
};

use super::Muestras;

/// Rules, states and steps are sampled among the first there were: later ones move no golden file. `notas` samples the others.
const REGLAS_PRIMERAS: usize = 53;

impl Muestras {
    pub fn datos_cliente(&mut self) -> DatosCliente {
        DatosCliente {
            nombre: self.texto(),
            identificacion: self.identificacion(),
            correo: self.texto(),
            direccion: self.direccion(),
            estado_fiscal: self.uno(&[EstadoFiscal::Activo, EstadoFiscal::Suspendido, EstadoFiscal::Cancelado]),
            tipo_persona: self.opcion(Self::texto),
            responsabilidades: self.lista(Self::texto),
            municipio: self.opcion(Self::texto),
            departamento: self.opcion(Self::texto),
        }
    }

    fn en_espera(&mut self) -> ComandoEnEspera {
        ComandoEnEspera(self.lista(|g| (g.u16() & 0xff) as u8).into())
    }

    fn cambios_cliente(&mut self) -> CambiosCliente {
        CambiosCliente {
            nombre: self.opcion(Self::texto),
            identificacion: self.opcion(Self::identificacion),
            correo: self.opcion(Self::texto),
            direccion: self.opcion(Self::direccion),
            estado_fiscal: self.opcion(|_| EstadoFiscal::Suspendido),
            tipo_persona: self.opcion(Self::texto),
            responsabilidades: self.opcion(|g| g.lista(Self::texto)),
            municipio: self.opcion(Self::texto),
            departamento: self.opcion(Self::texto),
        }
    }

    pub fn impuesto(&mut self) -> Impuesto {
        Impuesto { codigo: self.texto(), tarifa: self.porcentaje() }
    }

    fn datos_producto(&mut self) -> DatosProducto {
        DatosProducto {
            codigo: self.texto(),
            nombre: self.texto(),
            unidad: self.texto(),
            precio: self.precio(),
            impuesto: self.opcion(Self::impuesto),
            controla_inventario: self.bool(),
            codigo_estandar: self.opcion(Self::texto),
            esquema_codigo: self.opcion(Self::texto),
        }
    }

    fn cambios_producto(&mut self) -> CambiosProducto {
        CambiosProducto {
            codigo: self.opcion(Self::texto),
            nombre: self.opcion(Self::texto),
            unidad: self.opcion(Self::texto),
            impuesto: self.opcion(|g| g.opcion(Self::impuesto)),
            codigo_estandar: self.opcion(Self::texto),
            esquema_codigo: self.opcion(Self::texto),
        }
    }

    fn datos_sucursal(&mut self) -> DatosSucursal {
        DatosSucursal { nombre: self.texto(), direccion: self.opcion(Self::direccion) }
    }

    fn datos_bodega(&mut self) -> DatosBodega {
        DatosBodega { sucursal_id: self.id(), nombre: self.texto(), direccion: self.opcion(Self::direccion) }
    }

    pub fn referencia(&mut self) -> Referencia {
        Referencia { tipo: self.texto(), id: self.texto(), numero: self.opcion(Self::texto) }
    }

    pub fn lote_consumido(&mut self) -> LoteConsumido {
        LoteConsumido {
            lote_id: self.id(),
            secuencia: self.entero(),
            fecha_ingreso: self.fecha(),
            fecha_caducidad: self.opcion(Self::fecha),
            cantidad: self.cantidad(),
            costo_unitario: self.costo(),
            origen_lote_id: self.opcion(Self::id),
        }
    }

    fn movimiento<M>(&mut self, motivo: M) -> Box<Movimiento<M>> {
        Box::new(Movimiento {
            inventario_id: self.id(),
            producto_id: self.id(),
            bodega_id: self.id(),
            movimiento_id: self.id(),
            motivo,
            referencia: self.opcion(Self::referencia),
            reserva_id: self.opcion(Self::id),
            cantidad: self.cantidad(),
            costo_total: self.costo_total(),
            lotes: self.lista(Self::lote_consumido).into(),
            stock_resultante: self.cantidad(),
            disponible_resultante: self.cantidad(),
        })
    }

    pub fn numero(&mut self) -> NumeroDocumento {
        NumeroDocumento { rango_id: self.id(), prefijo: self.texto(), consecutivo: self.entero(), resolucion: self.texto() }
    }

    fn autorizacion(&mut self) -> Autorizacion {
        Autorizacion {
            desde: self.entero(),
            hasta: self.entero(),
            vigente_desde: self.fecha(),
            vigente_hasta: self.fecha(),
            resolucion: self.texto(),
            fecha_resolucion: self.opcion(Self::fecha),
        }
    }

    fn tipo_documento(&mut self) -> TipoDocumento {
        self.uno(&[TipoDocumento::Factura, TipoDocumento::NotaCredito])
    }

    pub fn falla(&mut self) -> Falla {
        let datos = self.lista(|g| (g.cadena(), g.cadena()));
        Falla { regla: self.uno(&Regla::TODAS[..REGLAS_PRIMERAS]), campo: self.cadena(), mensaje: self.cadena(), datos }
    }

    pub fn campo<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> Campo<T> {
        match self.hasta(3) {
            0 => Campo::Ausente,
            1 => Campo::Nulo,
            _ => Campo::Valor(f(self)),
        }
    }

    fn forma_pago(&mut self) -> FormaPago {
        FormaPago {
            forma: self.uno(&[FormaPagoTipo::Contado, FormaPagoTipo::Credito]),
            medio: self.texto(),
            monto: self.dinero(),
            fecha_vencimiento: self.opcion(Self::fecha),
        }
    }

    fn linea_pedida(&mut self) -> LineaPedida {
        LineaPedida {
            producto_id: self.opcion(Self::id),
            bodega_id: self.opcion(Self::id),
            descripcion: self.opcion(Self::texto),
            cantidad: self.libre(),
            precio_unitario: self.opcion(Self::libre),
            impuesto: self.campo(Self::impuesto),
            descuento: self.opcion(Self::descuento_pedido).map(Box::new),
        }
    }

    pub fn datos_factura(&mut self) -> DatosFactura {
        DatosFactura {
            cliente_id: self.id(),
            sucursal_id: self.opcion(Self::id),
            bodega_id: self.opcion(Self::id),
            moneda: self.opcion(Self::texto),
            fecha_emision: self.opcion(Self::fecha),
            fecha_autorizacion: self.opcion(Self::fecha),
            fecha_caducidad: self.campo(Self::fecha),
            canal: self.opcion(Self::texto),
            pedido_id: self.opcion(Self::texto),
            notas: self.opcion(Self::texto),
            orden_compra: self.opcion(Self::texto),
            formas_pago: self.lista(Self::forma_pago),
            total: self.opcion(Self::libre),
            lineas: self.lista(Self::linea_pedida),
            descuento: self.opcion(Self::descuento_pedido).map(Box::new),
        }
    }

    fn valor_declarado(&mut self) -> ValorDeclarado {
        ValorDeclarado { porcentaje: self.opcion(Self::libre), monto: self.opcion(Self::libre) }
    }

    fn valor_descuento(&mut self) -> ValorDescuento {
        if self.bool() { ValorDescuento::Porcentaje(self.porcentaje()) } else { ValorDescuento::Monto(self.dinero()) }
    }

    fn descuento_pedido(&mut self) -> DescuentoPedido {
        DescuentoPedido { valor: self.valor_declarado(), descuento_id: self.opcion(Self::id) }
    }

    fn descuento_factura(&mut self) -> DescuentoFactura {
        DescuentoFactura { descuento_id: self.opcion(Self::id), valor: self.valor_descuento() }
    }

    fn ambito(&mut self) -> AmbitoDescuento {
        self.uno(&AmbitoDescuento::TODOS)
    }

    fn descuento_declarado(&mut self) -> DescuentoDeclarado {
        DescuentoDeclarado {
            nombre: self.opcion(Self::texto),
            ambito: self.ambito(),
            valor: self.valor_declarado(),
            vigente_desde: self.opcion(Self::fecha),
            vigente_hasta: self.opcion(Self::fecha),
        }
    }

    fn cambios_declarados(&mut self) -> CambiosDeclarados {
        CambiosDeclarados {
            nombre: self.opcion(Self::texto),
            valor: self.valor_declarado(),
            vigente_desde: self.opcion(Self::fecha),
            vigente_hasta: self.opcion(|g| g.opcion(Self::fecha)),
        }
    }

    fn datos_descuento(&mut self) -> DatosDescuento {
        DatosDescuento {
            nombre: self.opcion(Self::texto),
            ambito: self.ambito(),
            valor: self.valor_descuento(),
            vigente_desde: self.fecha(),
            vigente_hasta: self.opcion(Self::fecha),
        }
    }

    fn cambios_descuento(&mut self) -> CambiosDescuento {
        CambiosDescuento {
            nombre: self.opcion(Self::texto),
            valor: self.opcion(Self::valor_descuento),
            vigente_desde: self.opcion(Self::fecha),
            vigente_hasta: self.opcion(|g| g.opcion(Self::fecha)),
        }
    }

    pub fn descuento(&mut self) -> Descuento {
        Descuento { descuento_id: self.id(), datos: self.datos_descuento(), activo: self.bool() }
    }

    fn fechas(&mut self) -> CambioFechas {
        CambioFechas {
            fecha_emision: self.opcion(Self::fecha),
            fecha_autorizacion: self.opcion(Self::fecha),
            fecha_caducidad: self.campo(Self::fecha),
        }
    }

    pub fn direccion_respuesta(&mut self) -> DireccionRespuesta {
        DireccionRespuesta { particion: self.u16(), peticion: self.entero() }
    }

    pub fn resultado_paso(&mut self) -> ResultadoPaso {
        match self.hasta(5) {
            0 => ResultadoPaso::StockReservado,
            1 => {
                ResultadoPaso::ReservaConfirmada { lotes: self.lista(Self::lote_consumido).into(), costo_total: self.costo_total() }
            }
            2 => ResultadoPaso::ReservaLiberada,
            3 => ResultadoPaso::NumeroAsignado { numero: self.numero() },
            _ => ResultadoPaso::Rechazado { errores: self.lista(Self::falla) },
        }
    }

    fn linea_factura(&mut self) -> LineaFactura {
        LineaFactura {
            numero: self.u16(),
            producto_id: self.opcion(Self::id),
            bodega_id: self.opcion(Self::id),
            descripcion: self.texto(),
            cantidad: self.cantidad(),
            precio_unitario: self.precio(),
            impuesto: self.opcion(Self::impuesto),
            descuento: self.opcion(Self::descuento_factura).map(Box::new),
        }
    }

    fn linea_emitida(&mut self) -> LineaEmitida {
        LineaEmitida {
            linea: self.linea_factura().into(),
            bruto: self.dinero(),
            descuento: self.dinero(),
            descuento_documento: self.dinero(),
            subtotal: self.dinero(),
            impuesto: self.dinero(),
        }
    }

    pub fn totales(&mut self) -> TotalesFactura {
        TotalesFactura {
            bruto: self.dinero(),
            descuentos: self.dinero(),
            subtotal: self.dinero(),
            impuestos: self.lista(|g| TotalImpuesto { impuesto: g.impuesto(), base: g.dinero(), valor: g.dinero() }),
            total: self.dinero(),
        }
    }

    fn grupo(&mut self) -> GrupoEmision {
        GrupoEmision { producto_id: self.id(), bodega_id: self.id(), cantidad: self.cantidad(), lineas: self.lista(Self::u16) }
    }

    fn cabecera(&mut self) -> CabeceraFactura {
        CabeceraFactura {
            cliente_id: self.id(),
            sucursal_id: self.id(),
            bodega_id: self.opcion(Self::id),
            moneda: self.texto(),
            fecha_emision: self.fecha(),
            fecha_autorizacion: self.fecha(),
            fecha_caducidad: self.opcion(Self::fecha),
            canal: self.opcion(Self::texto),
            pedido_id: self.opcion(Self::texto),
            notas: self.opcion(Self::texto),
            orden_compra: self.opcion(Self::texto),
            formas_pago: self.lista(Self::forma_pago),
            total_declarado: self.opcion(Self::dinero),
            descuento: self.opcion(Self::descuento_factura).map(Box::new),
        }
    }

    pub fn emitida(&mut self) -> Arc<FacturaEmitida> {
        Arc::new(FacturaEmitida {
            factura_id: self.id(),
            intento: self.u32(),
            numero: self.numero(),
            emitida_en: self.instante(),
            cabecera: self.cabecera().into(),
            cliente: self.datos_cliente().into(),
            lineas: self.lista(Self::linea_emitida).into(),
            totales: self.totales().into(),
            costo_ventas: self.costo_total(),
            grupos: self.lista(|g| GrupoEmitido {
                grupo: g.grupo().into(),
                movimiento_id: g.id(),
                lotes: g.lista(Self::lote_consumido).into(),
                costo_total: g.costo_total(),
            }),
        })
    }

    fn inicio(&mut self) -> EmisionIniciada {
        EmisionIniciada {
            factura_id: self.id(),
            intento: self.u32(),
            cliente: self.datos_cliente().into(),
            lineas: self.lista(Self::linea_emitida).into(),
            totales: self.totales().into(),
            grupos: self.lista(|g| g.grupo().into()),
            rangos: self.lista(Self::id),
            vence_en: self.instante(),
            responder_a: self.opcion(Self::direccion_respuesta),
            cliente_id: self.opcion(Self::id),
        }
    }

    /// One command of every type that travels.
    #[rustfmt::skip]
    pub fn comandos(&mut self) -> Vec<Comando> {
        vec![
            { self.aparte("CrearCliente"); Comando::Cliente(ComandoCliente::CrearCliente { cliente_id: self.id(), datos: self.datos_cliente().into() }) },
            { self.aparte("ActualizarCliente"); Comando::Cliente(ComandoCliente::ActualizarCliente { cliente_id: self.id(), cambios: self.cambios_cliente().into() }) },
            { self.aparte("InactivarCliente"); Comando::Cliente(ComandoCliente::InactivarCliente { cliente_id: self.id() }) },
            { self.aparte("ReactivarCliente"); Comando::Cliente(ComandoCliente::ReactivarCliente { cliente_id: self.id() }) },
            { self.aparte("SuprimirCliente"); Comando::Cliente(ComandoCliente::SuprimirCliente { cliente_id: self.id() }) },
            { self.aparte("ConsultarCliente"); Comando::Cliente(ComandoCliente::ConsultarCliente { cliente_id: self.id(), factura_id: self.id(), pedido: self.en_espera() }) },
            { self.aparte("CrearProducto"); Comando::Producto(ComandoProducto::CrearProducto { producto_id: self.id(), datos: self.datos_producto().into() }) },
            { self.aparte("ActualizarProducto"); Comando::Producto(ComandoProducto::ActualizarProducto { producto_id: self.id(), cambios: self.cambios_producto().into() }) },
            { self.aparte("CambiarPrecio"); Comando::Producto(ComandoProducto::CambiarPrecio { producto_id: self.id(), precio: self.libre() }) },
            { self.aparte("InactivarProducto"); Comando::Producto(ComandoProducto::InactivarProducto { producto_id: self.id() }) },
            { self.aparte("CrearSucursal"); Comando::Sucursal(ComandoSucursal::CrearSucursal { sucursal_id: self.id(), datos: self.datos_sucursal() }) },
            { self.aparte("ActualizarSucursal"); Comando::Sucursal(ComandoSucursal::ActualizarSucursal { sucursal_id: self.id(), cambios: CambiosSucursal { nombre: self.opcion(Self::texto), direccion: self.opcion(Self::direccion) } }) },
            { self.aparte("InactivarSucursal"); Comando::Sucursal(ComandoSucursal::InactivarSucursal { sucursal_id: self.id() }) },
            { self.aparte("CrearBodega"); Comando::Bodega(ComandoBodega::CrearBodega { bodega_id: self.id(), datos: self.datos_bodega() }) },
            { self.aparte("ActualizarBodega"); Comando::Bodega(ComandoBodega::ActualizarBodega { bodega_id: self.id(), cambios: CambiosBodega { nombre: self.opcion(Self::texto), direccion: self.opcion(Self::direccion) } }) },
            { self.aparte("InactivarBodega"); Comando::Bodega(ComandoBodega::InactivarBodega { bodega_id: self.id() }) },
            { self.aparte("CrearInventario"); Comando::Inventario(ComandoInventario::CrearInventario { inventario_id: self.id(), producto_id: self.id(), bodega_id: self.id(), stock_minimo: self.opcion(Self::cantidad) }) },
            { self.aparte("RegistrarEntrada"); Comando::Inventario(ComandoInventario::RegistrarEntrada { inventario_id: self.id(), movimiento_id: self.id(), motivo: self.uno(&MotivoEntrada::TODOS), cantidad: self.libre(), costo_unitario: self.libre(), fecha_ingreso: self.fecha(), fecha_caducidad: self.opcion(Self::fecha), referencia: self.opcion(Self::referencia) }) },
            { self.aparte("RegistrarSalida"); Comando::Inventario(ComandoInventario::RegistrarSalida { inventario_id: self.id(), movimiento_id: self.id(), motivo: self.uno(&MotivoSalida::TODOS), cantidad: self.libre(), fecha: self.fecha(), referencia: self.opcion(Self::referencia) }) },
            { self.aparte("ReservarStock"); Comando::Inventario(ComandoInventario::ReservarStock { inventario_id: self.id(), reserva_id: self.id(), cantidad: self.cantidad(), fecha: self.fecha() }) },
            { self.aparte("ConfirmarReserva"); Comando::Inventario(ComandoInventario::ConfirmarReserva { inventario_id: self.id(), reserva_id: self.id(), movimiento_id: self.id(), referencia: self.referencia() }) },
            { self.aparte("LiberarReserva"); Comando::Inventario(ComandoInventario::LiberarReserva { inventario_id: self.id(), reserva_id: self.id(), causa: self.texto() }) },
            { self.aparte("CambiarStockMinimo"); Comando::Inventario(ComandoInventario::CambiarStockMinimo { inventario_id: self.id(), stock_minimo: self.opcion(Self::cantidad) }) },
            { self.aparte("DevolverStock"); Comando::Inventario(ComandoInventario::DevolverStock(self.devolucion_pedida())) },
            { self.aparte("VerificarInventario"); Comando::Inventario(ComandoInventario::VerificarInventario { inventario_id: self.id() }) },
            { self.aparte("CrearRango"); Comando::Rango(ComandoRango::CrearRango { rango_id: self.id(), sucursal_id: self.id(), tipo_documento: self.tipo_documento(), prefijo: self.texto(), autorizacion: self.autorizacion() }) },
            { self.aparte("AsignarNumero"); Comando::Rango(ComandoRango::AsignarNumero { rango_id: self.id(), documento_id: self.id(), fecha: self.fecha() }) },
            { self.aparte("RenovarRango"); Comando::Rango(ComandoRango::RenovarRango { rango_id: self.id(), autorizacion: self.autorizacion() }) },
            { self.aparte("InutilizarNumero"); Comando::Rango(ComandoRango::InutilizarNumero { rango_id: self.id(), consecutivo: self.entero(), motivo: self.texto() }) },
            { self.aparte("CrearYEmitirFactura"); Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id: self.id(), datos: Box::new(self.datos_factura()) }) },
            { self.aparte("CrearFactura"); Comando::Factura(ComandoFactura::CrearFactura { factura_id: self.id(), datos: Box::new(self.datos_factura()) }) },
            { self.aparte("AgregarLinea"); Comando::Factura(ComandoFactura::AgregarLinea { factura_id: self.id(), linea: Box::new(self.linea_pedida()) }) },
            { self.aparte("QuitarLinea"); Comando::Factura(ComandoFactura::QuitarLinea { factura_id: self.id(), linea: self.u16() }) },
            { self.aparte("AplicarDescuento"); Comando::Factura(ComandoFactura::AplicarDescuento { factura_id: self.id(), linea: self.opcion(Self::u16), descuento: Box::new(self.descuento_pedido()) }) },
            { self.aparte("DefinirFormasPago"); Comando::Factura(ComandoFactura::DefinirFormasPago { factura_id: self.id(), formas_pago: self.lista(Self::forma_pago) }) },
            { self.aparte("CambiarFechas"); Comando::Factura(ComandoFactura::CambiarFechas { factura_id: self.id(), fechas: Box::new(self.fechas()) }) },
            { self.aparte("EmitirFactura"); Comando::Factura(ComandoFactura::EmitirFactura { factura_id: self.id(), fechas: self.opcion(Self::fechas).map(Box::new) }) },
            { self.aparte("DescartarFactura"); Comando::Factura(ComandoFactura::DescartarFactura { factura_id: self.id() }) },
            { self.aparte("RespuestaPaso"); Comando::Factura(ComandoFactura::RespuestaPaso { factura_id: self.id(), intento: self.u32(), grupo: self.u16(), paso: self.uno(&Paso::TODOS[..4]), resultado: self.resultado_paso() }) },
            { self.aparte("ClienteConsultado"); Comando::Factura(ComandoFactura::ClienteConsultado { factura_id: self.id(), cliente_id: self.id(), version: self.entero(), cliente: self.opcion(Self::cliente).map(Box::new), pedido: self.en_espera() }) },
            { self.aparte("ReservarCredito"); Comando::Factura(ComandoFactura::ReservarCredito { factura_id: self.id(), solicitud: self.solicitud_credito() }) },
            { self.aparte("AplicarCredito"); Comando::Factura(ComandoFactura::AplicarCredito { factura_id: self.id(), nota_id: self.id(), intento: self.u32() }) },
            { self.aparte("LiberarCredito"); Comando::Factura(ComandoFactura::LiberarCredito { factura_id: self.id(), nota_id: self.id(), intento: self.u32() }) },
            { self.aparte("AnularFactura"); Comando::Factura(ComandoFactura::AnularFactura { factura_id: self.id(), motivo: self.texto() }) },
            { self.aparte("RegistrarRespuestaDian"); Comando::Factura(ComandoFactura::RegistrarRespuestaDian { factura_id: self.id(), respuesta: Box::new(self.respuesta_dian()) }) },
            { self.aparte("CrearDescuento"); Comando::Descuento(ComandoDescuento::CrearDescuento { descuento_id: self.id(), datos: self.descuento_declarado().into() }) },
            { self.aparte("ActualizarDescuento"); Comando::Descuento(ComandoDescuento::ActualizarDescuento { descuento_id: self.id(), cambios: self.cambios_declarados().into() }) },
            { self.aparte("InactivarDescuento"); Comando::Descuento(ComandoDescuento::InactivarDescuento { descuento_id: self.id() }) },
            { self.aparte("CrearNotaCredito"); Comando::NotaCredito(ComandoNotaCredito::CrearNotaCredito { factura_id: self.id(), nota_id: self.id(), datos: self.datos_nota() }) },
            { self.aparte("AgregarLineaNotaCredito"); Comando::NotaCredito(ComandoNotaCredito::AgregarLineaNotaCredito { factura_id: self.id(), nota_id: self.id(), linea: self.linea_nota_pedida() }) },
            { self.aparte("EmitirNotaCredito"); Comando::NotaCredito(ComandoNotaCredito::EmitirNotaCredito { factura_id: self.id(), nota_id: self.id(), fechas: self.opcion(Self::fechas_nota) }) },
            { self.aparte("CrearYEmitirNotaCredito"); Comando::NotaCredito(ComandoNotaCredito::CrearYEmitirNotaCredito { factura_id: self.id(), nota_id: self.id(), datos: self.datos_nota() }) },
            { self.aparte("RespuestaPasoNota"); Comando::NotaCredito(ComandoNotaCredito::RespuestaPasoNota { factura_id: self.id(), nota_id: self.id(), intento: self.u32(), grupo: self.u16(), paso: self.uno(&Paso::TODOS), resultado: self.resultado_nuevo() }) },
            { self.aparte("ResolverApartado"); Comando::Cuarentena(ComandoCuarentena::ResolverApartado { tipo: self.uno(&TipoAgregado::TODOS), id: self.id(), apartado: Apartado(self.u128()), descartar: self.bool(), motivo: self.texto(), pedido: self.en_espera() }) },
        ]
    }

    /// One event of every type.
    #[rustfmt::skip]
    pub fn eventos(&mut self) -> Vec<Evento> {
        self.aparte("motivos");
        let (entrada, salida) = (self.uno(&MotivoEntrada::TODOS), self.uno(&MotivoSalida::TODOS));
        vec![
            { self.aparte("ClienteCreado"); Evento::Cliente(EventoCliente::ClienteCreado { cliente_id: self.id(), datos: self.datos_cliente().into() }) },
            { self.aparte("ClienteActualizado"); Evento::Cliente(EventoCliente::ClienteActualizado { cliente_id: self.id(), cambios: self.cambios_cliente().into() }) },
            { self.aparte("ClienteInactivado"); Evento::Cliente(EventoCliente::ClienteInactivado { cliente_id: self.id() }) },
            { self.aparte("ClienteReactivado"); Evento::Cliente(EventoCliente::ClienteReactivado { cliente_id: self.id() }) },
            { self.aparte("ClienteSuprimido"); Evento::Cliente(EventoCliente::ClienteSuprimido { cliente_id: self.id() }) },
            { self.aparte("ProductoCreado"); Evento::Producto(EventoProducto::ProductoCreado { producto_id: self.id(), datos: self.datos_producto().into() }) },
            { self.aparte("ProductoActualizado"); Evento::Producto(EventoProducto::ProductoActualizado { producto_id: self.id(), cambios: self.cambios_producto().into() }) },
            { self.aparte("PrecioCambiado"); Evento::Producto(EventoProducto::PrecioCambiado { producto_id: self.id(), anterior: self.precio(), nuevo: self.precio() }) },
            { self.aparte("ProductoInactivado"); Evento::Producto(EventoProducto::ProductoInactivado { producto_id: self.id() }) },
            { self.aparte("SucursalCreada"); Evento::Sucursal(EventoSucursal::SucursalCreada { sucursal_id: self.id(), datos: self.datos_sucursal() }) },
            { self.aparte("SucursalActualizada"); Evento::Sucursal(EventoSucursal::SucursalActualizada { sucursal_id: self.id(), cambios: CambiosSucursal { nombre: self.opcion(Self::texto), direccion: self.opcion(Self::direccion) } }) },
            { self.aparte("SucursalInactivada"); Evento::Sucursal(EventoSucursal::SucursalInactivada { sucursal_id: self.id() }) },
            { self.aparte("BodegaCreada"); Evento::Bodega(EventoBodega::BodegaCreada { bodega_id: self.id(), datos: self.datos_bodega() }) },
            { self.aparte("BodegaActualizada"); Evento::Bodega(EventoBodega::BodegaActualizada { bodega_id: self.id(), cambios: CambiosBodega { nombre: self.opcion(Self::texto), direccion: self.opcion(Self::direccion) } }) },
            { self.aparte("BodegaInactivada"); Evento::Bodega(EventoBodega::BodegaInactivada { bodega_id: self.id() }) },
            { self.aparte("InventarioCreado"); Evento::Inventario(EventoInventario::InventarioCreado { inventario_id: self.id(), producto_id: self.id(), bodega_id: self.id(), stock_minimo: self.opcion(Self::cantidad) }) },
            { self.aparte("LoteCreado"); Evento::Inventario(EventoInventario::LoteCreado { inventario_id: self.id(), lote_id: self.id(), secuencia: self.entero(), cantidad: self.cantidad(), costo_unitario: self.costo(), fecha_ingreso: self.fecha(), fecha_caducidad: self.opcion(Self::fecha), origen_lote_id: self.opcion(Self::id) }) },
            { self.aparte("StockIncrementado"); Evento::Inventario(EventoInventario::StockIncrementado(self.movimiento(entrada))) },
            { self.aparte("StockReducido"); Evento::Inventario(EventoInventario::StockReducido(self.movimiento(salida))) },
            { self.aparte("StockReservado"); Evento::Inventario(EventoInventario::StockReservado { inventario_id: self.id(), reserva_id: self.id(), cantidad: self.cantidad(), fecha: self.fecha(), disponible_resultante: self.cantidad() }) },
            { self.aparte("ReservaLiberada"); Evento::Inventario(EventoInventario::ReservaLiberada { inventario_id: self.id(), reserva_id: self.id(), causa: self.texto(), disponible_resultante: self.cantidad() }) },
            { self.aparte("StockMinimoCambiado"); Evento::Inventario(EventoInventario::StockMinimoCambiado { inventario_id: self.id(), stock_minimo: self.opcion(Self::cantidad) }) },
            { self.aparte("StockBajo"); Evento::Inventario(EventoInventario::StockBajo { inventario_id: self.id(), stock: self.cantidad(), stock_minimo: self.cantidad() }) },
            { self.aparte("RangoCreado"); Evento::Rango(EventoRango::RangoCreado { rango_id: self.id(), sucursal_id: self.id(), tipo_documento: self.tipo_documento(), prefijo: self.texto(), autorizacion: self.autorizacion() }) },
            { self.aparte("NumeroAsignado"); Evento::Rango(EventoRango::NumeroAsignado { documento_id: self.id(), numero: self.numero(), fecha: self.fecha() }) },
            { self.aparte("RangoRenovado"); Evento::Rango(EventoRango::RangoRenovado { rango_id: self.id(), autorizacion: self.autorizacion() }) },
            { self.aparte("RangoPorAgotarse"); Evento::Rango(EventoRango::RangoPorAgotarse { rango_id: self.id(), restantes: self.entero() }) },
            { self.aparte("NumeroInutilizado"); Evento::Rango(EventoRango::NumeroInutilizado { rango_id: self.id(), consecutivo: self.entero(), motivo: self.texto() }) },
            { self.aparte("FacturaCreada"); Evento::Factura(EventoFactura::FacturaCreada { factura_id: self.id(), cabecera: Arc::new(self.cabecera()), totales: self.opcion(|g| g.totales().into()) }) },
            { self.aparte("LineaAgregada"); Evento::Factura(EventoFactura::LineaAgregada { factura_id: self.id(), linea: self.linea_factura().into(), totales: self.opcion(|g| g.totales().into()) }) },
            { self.aparte("LineaQuitada"); Evento::Factura(EventoFactura::LineaQuitada { factura_id: self.id(), linea: self.u16(), totales: self.totales().into() }) },
            { self.aparte("DescuentoAplicado"); Evento::Factura(EventoFactura::DescuentoAplicado(Box::new(DescuentoAplicado { factura_id: self.id(), ambito: self.ambito(), linea: self.opcion(Self::u16), descuento: self.descuento_factura(), totales: self.totales().into() }))) },
            { self.aparte("FormasPagoDefinidas"); Evento::Factura(EventoFactura::FormasPagoDefinidas { factura_id: self.id(), formas_pago: self.lista(Self::forma_pago) }) },
            { self.aparte("FechasCambiadas"); Evento::Factura(EventoFactura::FechasCambiadas { factura_id: self.id(), fecha_emision: self.fecha(), fecha_autorizacion: self.fecha(), fecha_caducidad: self.opcion(Self::fecha) }) },
            { self.aparte("FacturaDescartada"); Evento::Factura(EventoFactura::FacturaDescartada { factura_id: self.id() }) },
            { self.aparte("EmisionIniciada"); Evento::Factura(EventoFactura::EmisionIniciada(Arc::new(self.inicio()))) },
            { self.aparte("StockAsegurado"); Evento::Factura(EventoFactura::StockAsegurado { factura_id: self.id(), intento: self.u32() }) },
            { self.aparte("NumeracionRecibida"); Evento::Factura(EventoFactura::NumeracionRecibida { factura_id: self.id(), intento: self.u32(), numero: self.numero() }) },
            { self.aparte("FacturaEmitida"); Evento::Factura(EventoFactura::FacturaEmitida(self.emitida())) },
            { self.aparte("FacturaRechazada"); Evento::Factura(EventoFactura::FacturaRechazada { factura_id: self.id(), intento: self.u32(), errores: self.lista(Self::falla) }) },
            { self.aparte("CreditoReservado"); Evento::Factura(EventoFactura::CreditoReservado { factura_id: self.id(), credito: self.credito_nota() }) },
            { self.aparte("CreditoAplicado"); Evento::Factura(EventoFactura::CreditoAplicado { factura_id: self.id(), nota_id: self.id(), intento: self.u32(), cargos: self.lista(Self::cargo).into() }) },
            { self.aparte("CreditoLiberado"); Evento::Factura(EventoFactura::CreditoLiberado { factura_id: self.id(), nota_id: self.id(), intento: self.u32() }) },
            { self.aparte("AnulacionIniciada"); Evento::Factura(EventoFactura::AnulacionIniciada(self.inicio_anulacion())) },
            { self.aparte("AnulacionAsegurada"); Evento::Factura(EventoFactura::AnulacionAsegurada { factura_id: self.id(), intento: self.u32() }) },
            { self.aparte("FacturaAnulada"); Evento::Factura(EventoFactura::FacturaAnulada(self.anulada())) },
            { self.aparte("AnulacionRechazada"); Evento::Factura(EventoFactura::AnulacionRechazada { factura_id: self.id(), intento: self.u32(), errores: self.lista(Self::falla) }) },
            { self.aparte("RespuestaDianRegistrada"); Evento::Factura(EventoFactura::RespuestaDianRegistrada { factura_id: self.id(), respuesta: Arc::new(self.respuesta_dian()) }) },
            { self.aparte("DescuentoCreado"); Evento::Descuento(EventoDescuento::DescuentoCreado { descuento_id: self.id(), datos: self.datos_descuento().into() }) },
            { self.aparte("DescuentoActualizado"); Evento::Descuento(EventoDescuento::DescuentoActualizado { descuento_id: self.id(), cambios: self.cambios_descuento().into() }) },
            { self.aparte("DescuentoInactivado"); Evento::Descuento(EventoDescuento::DescuentoInactivado { descuento_id: self.id() }) },
            { self.aparte("NotaCreditoCreada"); Evento::NotaCredito(EventoNotaCredito::NotaCreditoCreada { factura_id: self.id(), nota_id: self.id(), cabecera: self.cabecera_nota() }) },
            { self.aparte("LineaNotaCreditoAgregada"); Evento::NotaCredito(EventoNotaCredito::LineaNotaCreditoAgregada { factura_id: self.id(), nota_id: self.id(), linea: self.linea_nota() }) },
            { self.aparte("EmisionNotaCreditoIniciada"); Evento::NotaCredito(EventoNotaCredito::EmisionNotaCreditoIniciada(self.inicio_nota())) },
            { self.aparte("NumeracionNotaCreditoRecibida"); Evento::NotaCredito(EventoNotaCredito::NumeracionNotaCreditoRecibida { factura_id: self.id(), nota_id: self.id(), intento: self.u32(), numero: self.numero() }) },
            { self.aparte("NotaCreditoEmitida"); Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(self.nota_emitida())) },
            { self.aparte("NotaCreditoRechazada"); Evento::NotaCredito(EventoNotaCredito::NotaCreditoRechazada { factura_id: self.id(), nota_id: self.id(), intento: self.u32(), errores: self.lista(Self::falla) }) },
            { self.aparte("AgregadoEnCuarentena"); Evento::Cuarentena(EventoCuarentena::AgregadoEnCuarentena { causa: self.texto(), apartado: self.opcion(|g| Apartado(g.u128())) }) },
            { self.aparte("CuarentenaLevantada"); Evento::Cuarentena(EventoCuarentena::CuarentenaLevantada { motivo: self.texto() }) },
            { self.aparte("ComandoReproducido"); Evento::Cuarentena(EventoCuarentena::ComandoReproducido { apartado: Apartado(self.u128()), motivo: self.texto() }) },
            { self.aparte("ComandoDescartado"); Evento::Cuarentena(EventoCuarentena::ComandoDescartado { apartado: Apartado(self.u128()), comando: self.texto(), command_id: self.opcion(Self::id), motivo: self.texto() }) },
        ]
    }

    pub fn cliente(&mut self) -> Cliente {
        Cliente { cliente_id: self.id(), datos: self.datos_cliente().into(), activo: self.bool(), suprimido: self.bool() }
    }

    pub fn producto(&mut self) -> Producto {
        Producto { producto_id: self.id(), datos: self.datos_producto(), activo: self.bool() }
    }

    pub fn sucursal(&mut self) -> Sucursal {
        Sucursal { sucursal_id: self.id(), datos: self.datos_sucursal(), activa: self.bool() }
    }

    pub fn bodega(&mut self) -> Bodega {
        Bodega { bodega_id: self.id(), datos: self.datos_bodega(), activa: self.bool() }
    }

    fn lote(&mut self) -> Lote {
        Lote {
            lote_id: self.id(),
            cantidad: self.cantidad(),
            costo_unitario: self.costo(),
            fecha_caducidad: self.opcion(Self::fecha),
            origen_lote_id: self.opcion(Self::id),
        }
    }

    pub fn inventario(&mut self) -> Inventario {
        let lotes = self.lista(|g| (PuestoLote { fecha_ingreso: g.fecha(), secuencia: g.entero() }, g.lote()));
        let reservas = self.lista(|g| (g.id(), Reserva { cantidad: g.cantidad(), fecha: g.fecha() }));
        let confirmadas = self.lista(|g| Confirmacion {
            reserva_id: g.id(),
            lotes: g.lista(Self::lote_consumido).into(),
            costo_total: g.costo_total(),
        });
        let mut inventario = Inventario {
            inventario_id: self.id(),
            producto_id: self.id(),
            bodega_id: self.id(),
            stock_minimo: self.opcion(Self::cantidad),
            lotes: lotes.into_iter().collect::<BTreeMap<_, _>>(),
            siguiente_secuencia: self.entero(),
            stock: self.cantidad(),
            reservado: self.cantidad(),
            reservas: reservas.into_iter().collect(),
            confirmadas: confirmadas.into(),
            liberadas: self.lista(Self::id).into(),
            bajo_minimo: self.bool(),
            devueltas: self.lista(Self::id).into(),
            resumen: Resumen::default(),
        };
        inventario.resumen = Resumen::de(&inventario.lotes, &inventario.confirmadas, &inventario.liberadas, &inventario.devueltas);
        inventario
    }

    pub fn rango(&mut self) -> RangoNumeracion {
        let recientes = self.lista(|g| (g.id(), g.entero()));
        RangoNumeracion {
            rango_id: self.id(),
            sucursal_id: self.id(),
            tipo_documento: self.tipo_documento(),
            prefijo: self.texto(),
            autorizacion: self.autorizacion(),
            siguiente: self.entero(),
            por_documento: recientes.iter().cloned().collect::<HashMap<_, _>>(),
            recientes: recientes.into(),
            avisado: self.bool(),
            inutilizados: self.lista(Self::entero).into_iter().collect(),
            resoluciones: self.lista(|g| (g.entero(), g.texto())),
        }
    }

    pub fn factura(&mut self) -> Factura {
        Factura {
            factura_id: self.id(),
            estado: self.uno(&EstadoFactura::TODOS),
            cabecera: self.cabecera().into(),
            lineas: self.lista(|g| g.linea_factura().into()),
            intento: self.u32(),
            emision: self.opcion(|g| {
                Box::new(Emision {
                    inicio: g.inicio().into(),
                    fase: g.uno(&[FaseEmision::Reservando, FaseEmision::Numerando, FaseEmision::Confirmando]),
                    numero: g.opcion(Self::numero),
                    progreso: Progreso::default(),
                })
            }),
            emitida: self.opcion(Self::emitida),
            errores: self.lista(Self::falla),
            totales_borrador: self.opcion(|g| g.totales().into()),
            posterior: self.opcion(Self::posterior),
        }
    }
}
