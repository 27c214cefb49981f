//! The table of routes: the router, the OpenAPI document, the metrics' labels and the query audit all come from it.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{body::Body, http::Response, routing::MethodFilter};

use super::{consultas, dlq, ordenes, peticion::Peticion, problema::Problema, proyecciones, reportes, salud};

pub type Respondido = Result<Response<Body>, Problema>;
pub type Manejador = fn(Arc<Peticion>) -> Pin<Box<dyn Future<Output = Respondido> + Send>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metodo {
    Get,
    Post,
    Put,
    Delete,
}

impl Metodo {
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    pub fn filtro(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// What a route is, for limits and audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clase {
    /// Health, metrics, static pages: always served, whatever the load.
    Servicio,
    /// A command, with its kind of body.
    Comando(Cuerpo),
    /// A query; its name in the audit.
    Consulta(&'static str),
    /// Takes as long as it takes.
    Larga,
}

/// The body of a command: its limit, and its schema in the OpenAPI document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuerpo {
    Ninguno,
    /// Named schema of at most 256 KiB.
    Pequeno(&'static str),
    /// The same, and may be left out.
    Opcional(&'static str),
    /// An invoice, at most `max_cuerpo_bytes`.
    Factura,
}

pub struct Ruta {
    pub metodo: Metodo,
    /// axum's pattern: `/api/v1/clientes/{id}`.
    pub patron: &'static str,
    pub clase: Clase,
    /// One line in Spanish.
    pub resumen: &'static str,
    /// Query parameters it takes.
    pub parametros: &'static [&'static str],
    pub manejador: Manejador,
}

/// A row of the table.
macro_rules! ruta {
    ($metodo:ident $patron:literal, $clase:expr, $resumen:literal, [$($parametro:literal),*], $manejador:path) => {
        Ruta {
            metodo: Metodo::$metodo,
            patron: $patron,
            clase: $clase,
            resumen: $resumen,
            parametros: &[$($parametro),*],
            manejador: |peticion| Box::pin(async move { $manejador(&peticion).await }),
        }
    };
}

use Clase::{Comando, Consulta, Larga, Servicio};
use Cuerpo::{Factura, Ninguno, Opcional, Pequeno};

/// Every route there is.
pub static RUTAS: &[Ruta] = &[
    ruta!(Get "/", Servicio, "Portada", [], salud::portada),
    ruta!(Get "/salud/vivo", Servicio, "El proceso vive", [], salud::vivo),
    ruta!(Get "/salud/listo", Servicio, "El estado está cargado y se aceptan comandos", [], salud::listo),
    ruta!(Get "/salud/arranque", Servicio, "La primera carga terminó", [], salud::arranque),
    ruta!(Get "/metrics", Servicio, "Métricas en el formato de Prometheus", [], salud::metrics),
    ruta!(Get "/api/v1/openapi.json", Servicio, "Este documento", [], salud::openapi),
    ruta!(Post "/api/v1/verificacion", Larga, "Vuelve a plegar el registro entero y revisa los invariantes", ["quieto"], salud::verificacion),
    ruta!(Post "/api/v1/clientes", Comando(Pequeno("Cliente")), "Crea un cliente", [], ordenes::crear_cliente),
    ruta!(Get "/api/v1/clientes", Consulta("clientes.listar"), "Lista clientes",
        ["identificacion", "nombre", "correo", "estado_fiscal", "limite", "despues", "despues_de"], consultas::clientes),
    ruta!(Get "/api/v1/clientes/{id}", Consulta("clientes.obtener"), "Un cliente", ["version_minima"], consultas::cliente),
    ruta!(Put "/api/v1/clientes/{id}", Comando(Pequeno("ClienteCambios")), "Cambia los campos dados de un cliente", [], ordenes::cambiar_cliente),
    ruta!(Delete "/api/v1/clientes/{id}", Comando(Ninguno), "Inactiva un cliente", [], ordenes::inactivar_cliente),
    ruta!(Post "/api/v1/clientes/{id}/reactivar", Comando(Ninguno), "Reactiva un cliente", [], ordenes::reactivar_cliente),
    ruta!(Post "/api/v1/clientes/{id}/suprimir", Comando(Ninguno), "Suprime para siempre los datos personales de un cliente; los de sus documentos, cuando la ley deja de pedirlos", [], ordenes::suprimir_cliente),
    ruta!(Post "/api/v1/productos", Comando(Pequeno("Producto")), "Crea un producto", [], ordenes::crear_producto),
    ruta!(Get "/api/v1/productos", Consulta("productos.listar"), "Lista productos", ["limite", "despues", "despues_de"], consultas::productos),
    ruta!(Get "/api/v1/productos/{id}", Consulta("productos.obtener"), "Un producto", ["version_minima"], consultas::producto),
    ruta!(Put "/api/v1/productos/{id}", Comando(Pequeno("ProductoCambios")), "Cambia los campos dados de un producto", [], ordenes::cambiar_producto),
    ruta!(Delete "/api/v1/productos/{id}", Comando(Ninguno), "Inactiva un producto", [], ordenes::inactivar_producto),
    ruta!(Post "/api/v1/descuentos", Comando(Pequeno("Descuento")), "Crea un descuento", [], ordenes::crear_descuento),
    ruta!(Get "/api/v1/descuentos", Consulta("descuentos.listar"), "Lista descuentos", ["limite", "despues", "despues_de"], consultas::descuentos),
    ruta!(Get "/api/v1/descuentos/{id}", Consulta("descuentos.obtener"), "Un descuento", ["version_minima"], consultas::descuento),
    ruta!(Put "/api/v1/descuentos/{id}", Comando(Pequeno("DescuentoCambios")), "Cambia los campos dados de un descuento", [], ordenes::cambiar_descuento),
    ruta!(Delete "/api/v1/descuentos/{id}", Comando(Ninguno), "Inactiva un descuento", [], ordenes::inactivar_descuento),
    ruta!(Post "/api/v1/sucursales", Comando(Pequeno("Sucursal")), "Crea una sucursal", [], ordenes::crear_sucursal),
    ruta!(Get "/api/v1/sucursales", Consulta("sucursales.listar"), "Lista sucursales", ["limite", "despues", "despues_de"], consultas::sucursales),
    ruta!(Get "/api/v1/sucursales/{id}", Consulta("sucursales.obtener"), "Una sucursal", ["version_minima"], consultas::sucursal),
    ruta!(Put "/api/v1/sucursales/{id}", Comando(Pequeno("SucursalCambios")), "Cambia los campos dados de una sucursal", [], ordenes::cambiar_sucursal),
    ruta!(Delete "/api/v1/sucursales/{id}", Comando(Ninguno), "Inactiva una sucursal", [], ordenes::inactivar_sucursal),
    ruta!(Post "/api/v1/bodegas", Comando(Pequeno("Bodega")), "Crea una bodega", [], ordenes::crear_bodega),
    ruta!(Get "/api/v1/bodegas", Consulta("bodegas.listar"), "Lista bodegas", ["limite", "despues", "despues_de"], consultas::bodegas),
    ruta!(Get "/api/v1/bodegas/{id}", Consulta("bodegas.obtener"), "Una bodega", ["version_minima"], consultas::bodega),
    ruta!(Put "/api/v1/bodegas/{id}", Comando(Pequeno("BodegaCambios")), "Cambia los campos dados de una bodega", [], ordenes::cambiar_bodega),
    ruta!(Delete "/api/v1/bodegas/{id}", Comando(Ninguno), "Inactiva una bodega", [], ordenes::inactivar_bodega),
    ruta!(Post "/api/v1/numeracion", Comando(Pequeno("Rango")), "Crea un rango de numeración", [], ordenes::crear_rango),
    ruta!(Get "/api/v1/numeracion", Consulta("numeracion.listar"), "Lista los rangos de numeración", ["limite", "despues", "despues_de"], consultas::rangos),
    ruta!(Get "/api/v1/numeracion/{id}", Consulta("numeracion.obtener"), "Un rango de numeración", ["version_minima"], consultas::rango),
    ruta!(Post "/api/v1/numeracion/{id}/renovar", Comando(Pequeno("Renovacion")), "Renueva un rango", [], ordenes::renovar_rango),
    ruta!(Post "/api/v1/numeracion/{id}/inutilizar", Comando(Pequeno("Inutilizacion")), "Inutiliza un número", [], ordenes::inutilizar_numero),
    ruta!(Post "/api/v1/inventarios", Comando(Pequeno("Inventario")), "Crea el inventario de un producto en una bodega", [], ordenes::crear_inventario),
    ruta!(Post "/api/v1/inventarios/{producto}/{bodega}/entradas", Comando(Pequeno("Entrada")), "Registra una entrada", [], ordenes::registrar_entrada),
    ruta!(Post "/api/v1/inventarios/{producto}/{bodega}/salidas", Comando(Pequeno("Salida")), "Registra una salida", [], ordenes::registrar_salida),
    ruta!(Put "/api/v1/inventarios/{producto}/{bodega}/stock-minimo", Comando(Pequeno("StockMinimo")), "Cambia el stock mínimo", [], ordenes::cambiar_minimo),
    ruta!(Get "/api/v1/inventarios/{producto}/{bodega}/stock", Consulta("inventarios.stock"), "Stock con sus lotes en orden FIFO", ["version_minima"], consultas::stock),
    ruta!(Get "/api/v1/inventarios/{producto}/{bodega}/movimientos", Consulta("inventarios.movimientos"), "Movimientos en orden de tiempo",
        ["limite", "despues", "despues_de"], consultas::movimientos),
    ruta!(Post "/api/v1/facturas", Comando(Factura), "Crea y emite una factura; con emitir=false, su borrador", ["emitir"], ordenes::crear_factura),
    ruta!(Get "/api/v1/facturas", Consulta("facturas.listar"), "Facturas por fecha de emisión (días inclusive) y por cliente",
        ["fechaInicio", "fechaFin", "cliente_id", "limite", "despues", "despues_de"], consultas::facturas),
    ruta!(Get "/api/v1/facturas/{id}", Consulta("facturas.obtener"), "Una factura", ["version_minima"], consultas::factura),
    ruta!(Post "/api/v1/facturas/{id}/lineas", Comando(Pequeno("Linea")), "Agrega una línea a un borrador", [], ordenes::agregar_linea),
    ruta!(Delete "/api/v1/facturas/{id}/lineas/{numero}", Comando(Ninguno), "Quita una línea de un borrador; las siguientes suben una", [], ordenes::quitar_linea),
    ruta!(Post "/api/v1/facturas/{id}/descuentos", Comando(Pequeno("DescuentoAplicado")), "Da un descuento a una línea o al borrador entero, en lugar del que tenía", [], ordenes::aplicar_descuento),
    ruta!(Post "/api/v1/facturas/{id}/formas-pago", Comando(Pequeno("FormasPago")), "Define las formas de pago de un borrador, en lugar de las que tenía", [], ordenes::definir_formas_pago),
    ruta!(Post "/api/v1/facturas/{id}/fechas", Comando(Pequeno("Fechas")), "Cambia fechas de un borrador", [], ordenes::cambiar_fechas),
    ruta!(Post "/api/v1/facturas/{id}/emitir", Comando(Opcional("Fechas")), "Emite un borrador, o reintenta tras un rechazo", [], ordenes::emitir_factura),
    ruta!(Post "/api/v1/facturas/{id}/descartar", Comando(Ninguno), "Descarta un borrador", [], ordenes::descartar_factura),
    ruta!(Post "/api/v1/facturas/{id}/anular", Comando(Pequeno("Anulacion")), "Anula una factura que la DIAN no ha aceptado", [], ordenes::anular_factura),
    ruta!(Post "/api/v1/facturas/{id}/respuesta-dian", Comando(Pequeno("RespuestaDian")), "Anota lo que la DIAN respondió a una factura emitida", [], ordenes::registrar_respuesta_dian),
    ruta!(Post "/api/v1/facturas/{id}/notas-credito", Comando(Pequeno("NotaCredito")), "Crea y emite una nota de crédito de la factura",
        ["emitir"], ordenes::crear_nota_de_factura),
    ruta!(Get "/api/v1/facturas/{id}/notas-credito", Consulta("notas.de_factura"), "Notas de crédito de una factura, de la más antigua a la más reciente",
        ["limite", "despues", "despues_de"], consultas::notas_de_factura),
    ruta!(Get "/api/v1/facturas/{id}/notas-credito/{nota}", Consulta("notas.obtener"), "Una nota de crédito", ["version_minima"], consultas::nota_de_factura),
    ruta!(Post "/api/v1/facturas/{id}/notas-credito/{nota}/lineas", Comando(Pequeno("LineaNota")), "Agrega una línea a un borrador de nota", [], ordenes::agregar_linea_nota),
    ruta!(Post "/api/v1/facturas/{id}/notas-credito/{nota}/emitir", Comando(Pequeno("FechasNota")), "Emite un borrador de nota, o reintenta una rechazada", [], ordenes::emitir_nota),
    ruta!(Post "/api/v1/notas-credito", Comando(Pequeno("NotaCredito")), "Crea y emite una nota de crédito", ["emitir"], ordenes::crear_nota),
    ruta!(Get "/api/v1/notas-credito", Consulta("notas.listar"), "Notas de crédito por fecha de emisión (días inclusive)",
        ["fechaInicio", "fechaFin", "limite", "despues", "despues_de"], consultas::notas),
    ruta!(Get "/api/v1/notas-credito/{id}", Consulta("notas.por_id"), "Una nota de crédito por su solo id; 409 si varias facturas lo tienen", [], consultas::nota),
    ruta!(Get "/api/v1/clientes/{id}/estado-de-cuenta", Consulta("clientes.estado_de_cuenta"), "Facturas y notas de un cliente con su saldo corrido",
        ["fechaInicio", "fechaFin"], consultas::estado_de_cuenta),
    ruta!(Get "/api/v1/inventarios/{producto}/{bodega}/explicacion", Consulta("inventarios.explicar"), "Qué lotes tomaría una venta y a qué costo, sin hacerla",
        ["cantidad", "fecha"], consultas::explicacion),
    ruta!(Get "/api/v1/reportes/ventas", Consulta("reportes.ventas"), "Ventas, devoluciones, costo y margen por día, producto o canal; el límite cuenta grupos",
        ["fechaInicio", "fechaFin", "producto_id", "canal", "agrupar", "limite", "despues", "despues_de"], reportes::ventas),
    ruta!(Get "/api/v1/reportes/antiguedad", Consulta("reportes.antiguedad"), "Existencias por la antigüedad de sus lotes, en cantidad y valor",
        ["producto_id", "bodega_id", "fecha", "limite", "despues", "despues_de"], reportes::antiguedad),
    ruta!(Get "/api/v1/auditoria/{factura_id}", Consulta("auditoria.factura"), "La historia de una factura", ["limite", "despues", "despues_de"], consultas::auditoria_factura),
    ruta!(Get "/api/v1/auditoria/{factura_id}/prueba", Consulta("auditoria.prueba"), "La prueba de que cada registro de una factura está bajo un sello firmado",
        ["limite", "despues", "despues_de"], consultas::prueba_factura),
    ruta!(Get "/api/v1/sellos", Consulta("sellos.listar"), "El último sello de cada partición de la auditoría, para guardarlo aparte", [], consultas::sellos),
    ruta!(Post "/api/v1/sellos/verificacion", Larga, "Vuelve a encadenar el registro entero y revisa cada sello", [], salud::verificacion_de_sellos),
    ruta!(Get "/api/v1/auditoria", Consulta("auditoria.listar"), "La historia de una correlación o de un intervalo",
        ["correlation_id", "desde", "hasta", "limite", "despues", "despues_de"], consultas::auditoria),
    ruta!(Get "/api/v1/comandos/{id}", Consulta("comandos.obtener"), "Etapa y resultado de un comando", [], consultas::comando),
    ruta!(Get "/api/v1/proyecciones", Consulta("proyecciones.listar"), "Las proyecciones de este proceso y cuánto les falta por leer", [], proyecciones::listar),
    ruta!(Get "/api/v1/proyecciones/{nombre}/reconstruccion", Consulta("proyecciones.reconstruccion"), "Cómo va, o en qué terminó, la última reconstrucción de una proyección",
        [], proyecciones::ver_reconstruccion),
    ruta!(Post "/api/v1/proyecciones/{nombre}/reconstruccion", Larga, "Empieza a plegar otra copia de una proyección, que al terminar toma su lugar", [],
        proyecciones::reconstruir),
    ruta!(Get "/api/v1/dlq", Consulta("dlq.listar"), "Lo que no se pudo procesar, en orden; con todas=true, también lo resuelto",
        ["todas", "limite", "despues"], dlq::listar),
    ruta!(Get "/api/v1/dlq/{id}", Consulta("dlq.obtener"), "Un registro de la DLQ, con sus bytes", [], dlq::ver),
    ruta!(Post "/api/v1/dlq/{id}/probar", Larga, "Qué daría decidirlo ahora, sin hacerlo", [], dlq::probar),
    ruta!(Post "/api/v1/dlq/{id}/reproducir", Larga, "Lo decide otra vez, en su orden y con su id; el cuerpo es {\"motivo\": …}", [], dlq::reproducir),
    ruta!(Post "/api/v1/dlq/{id}/descartar", Larga, "Lo descarta: ese es su desenlace; el cuerpo es {\"motivo\": …}", [], dlq::descartar),
    ruta!(Get "/api/v1/sagas", Consulta("sagas.listar"), "Sagas en curso", ["limite", "despues", "despues_de"], consultas::sagas),
];
