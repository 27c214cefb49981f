//! What the page says of each rule, and the request that breaks it.

use crate::domain::reglas::Regla;

/// Where the request of an example goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruta {
    Clientes,
    /// Creates and issues.
    Facturas,
    /// `POST /facturas?emitir=false`, then the edit of the example.
    Lineas,
    /// Issues again what is issued.
    Emitir,
    /// A command with `If-Match` of a version that has passed.
    Version,
    /// A note of an invoice issued that day, of three units.
    Nota,
    /// The same, of an invoice that was annulled.
    NotaDeAnulada,
    /// A note that names its invoice in the body.
    NotaSuelta,
    /// A line for a note that nobody made.
    LineaDeNota,
    /// The annulment of that invoice, once the tax authority accepted it.
    AnularAceptada,
    /// Its annulment, two days later.
    AnularTarde,
}

impl Ruta {
    pub fn peticion(self) -> &'static str {
        match self {
            Self::Clientes => "POST /clientes",
            Self::Facturas => "POST /facturas",
            Self::Lineas => "POST /facturas/{id}/lineas",
            Self::Emitir => "POST /facturas?emitir=false y después POST /facturas/{id}/emitir",
            Self::Version => "POST /facturas/{id}/lineas con If-Match: \"1\"",
            Self::Nota => "POST /facturas/{id}/notas-credito",
            Self::NotaDeAnulada => "POST /facturas/{id}/anular y después POST /facturas/{id}/notas-credito",
            Self::NotaSuelta => "POST /notas-credito",
            Self::LineaDeNota => "POST /facturas/{id}/notas-credito/{nota}/lineas",
            Self::AnularAceptada => "POST /facturas/{id}/respuesta-dian con ACEPTADA y después POST /facturas/{id}/anular",
            Self::AnularTarde => "POST /facturas/{id}/anular, dos días después",
        }
    }
}

/// A rule of the page. `cuando` is C, L and E, as the table of the domain has it.
pub struct Ficha {
    pub regla: Regla,
    pub cuando: &'static str,
    pub condicion: &'static str,
    pub ruta: Ruta,
    pub cuerpo: &'static str,
}

pub const fn ficha(regla: Regla, cuando: &'static str, condicion: &'static str, ruta: Ruta, cuerpo: &'static str) -> Ficha {
    Ficha { regla, cuando, condicion, ruta, cuerpo }
}

use Ruta::{Clientes, Emitir, Facturas, Lineas, Version};

/// The rules of invoices, and of what they name, in the order of the domain's table.
pub const FICHAS: &[Ficha] = &[
    ficha(
        Regla::ClienteValido,
        "E",
        "el cliente existe, está activo y su estado fiscal es ACTIVO",
        Facturas,
        r#"{"cliente_id":"inactivo","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::SucursalValida,
        "C L E",
        "la sucursal existe y está activa",
        Facturas,
        r#"{"cliente_id":"acme","sucursal_id":"NORTE","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::BodegaValida,
        "C L E",
        "la bodega existe y está activa; una línea que mueve existencias tiene una",
        Facturas,
        r#"{"cliente_id":"acme","bodega_id":"SUR","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(Regla::FacturaTieneLineas, "E", "de 1 a 500 líneas", Emitir, r#"{"cliente_id":"acme"}"#),
    ficha(
        Regla::LineaValida,
        "L E",
        "cantidad y precio mayores que cero, y producto o descripción",
        Lineas,
        r#"{"producto_id":"cafe","cantidad":0}"#,
    ),
    ficha(
        Regla::ProductoValido,
        "E",
        "el producto, si se indica, existe y está activo",
        Facturas,
        r#"{"cliente_id":"acme","lineas":[{"producto_id":"retirado","cantidad":1}]}"#,
    ),
    ficha(
        Regla::ImpuestoValido,
        "L E",
        "(codigo, tarifa) está en el catálogo el día de emisión",
        Lineas,
        r#"{"producto_id":"cafe","cantidad":1,"impuesto":{"codigo":"IVA","tarifa":16}}"#,
    ),
    ficha(
        Regla::DescuentoValido,
        "L E",
        "porcentaje de 0 a 100, monto no mayor que su base, descuento activo y en sus fechas",
        Lineas,
        r#"{"producto_id":"cafe","cantidad":1,"descuento":{"descuento_id":"agotado"}}"#,
    ),
    ficha(
        Regla::TotalesConsistentes,
        "E",
        "el total declarado, si lo hay, es el calculado",
        Facturas,
        r#"{"cliente_id":"acme","total":"1000.00","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::MontoPositivo,
        "E",
        "total mayor que cero; una nota de total 0 sólo si devuelve mercancía",
        Facturas,
        r#"{"cliente_id":"acme","lineas":[{"producto_id":"cafe","cantidad":1,"descuento":{"porcentaje":100}}]}"#,
    ),
    ficha(
        Regla::FormaPagoValida,
        "E",
        "si las hay, suman el total; CREDITO vence el día de emisión o después",
        Facturas,
        r#"{"cliente_id":"acme","formas_pago":[{"forma":"CREDITO","medio":"30","monto":"1190.00"}],"lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::FechaFormato,
        "C E",
        "una fecha del calendario, AAAA-MM-DD",
        Facturas,
        r#"{"cliente_id":"acme","fecha_emision":"30/11/2026","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::FechaEmisionValida,
        "C L E",
        "hoy o después",
        Facturas,
        r#"{"cliente_id":"acme","fecha_emision":"2026-11-22","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::FechaCaducidadValida,
        "C L E",
        "ninguna, o después de la emisión",
        Facturas,
        r#"{"cliente_id":"acme","fecha_caducidad":"2026-11-23","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::FechaAutorizacionValida,
        "C L E",
        "ni después de la emisión ni después de hoy",
        Facturas,
        r#"{"cliente_id":"acme","fecha_emision":"2026-11-30","fecha_autorizacion":"2026-11-24","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::InventarioExisteParaFactura,
        "E",
        "hay inventario de cada producto en su bodega",
        Facturas,
        r#"{"cliente_id":"acme","lineas":[{"producto_id":"te","cantidad":1}]}"#,
    ),
    ficha(
        Regla::StockSuficienteParaFactura,
        "E",
        "por producto y bodega, la suma de las líneas no pasa de lo disponible",
        Facturas,
        r#"{"cliente_id":"acme","lineas":[{"producto_id":"cafe","cantidad":4},{"producto_id":"cafe","cantidad":2}]}"#,
    ),
    ficha(
        Regla::NumeracionDisponible,
        "E",
        "hay un rango vigente el día de emisión con números",
        Facturas,
        r#"{"cliente_id":"acme","fecha_emision":"2027-01-02","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::IdentificacionValida,
        "C",
        "NIT, RUC o cédula con su dígito de verificación",
        Clientes,
        r#"{"id":"c","nombre":"Ana","identificacion":"900123456-1","tipo_identificacion":"NIT","correo":"ana@tienda.co","direccion":"Calle 1"}"#,
    ),
    ficha(
        Regla::CorreoValido,
        "C",
        "una arroba, con texto y un dominio con punto",
        Clientes,
        r#"{"id":"c","nombre":"Ana","identificacion":"79.123","correo":"ana@tienda","direccion":"Calle 1"}"#,
    ),
    ficha(
        Regla::NombreValido,
        "C",
        "de 1 a 300 caracteres, sin caracteres de control",
        Clientes,
        r#"{"id":"c","nombre":" ","identificacion":"79.123","correo":"ana@tienda.co","direccion":"Calle 1"}"#,
    ),
    ficha(
        Regla::EstadoValido,
        "siempre",
        "lo pedido se puede en el estado actual",
        Emitir,
        r#"{"cliente_id":"acme","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::VersionEsperada,
        "siempre",
        "la versión que se espera, si se da, es la actual",
        Version,
        r#"{"producto_id":"cafe","cantidad":1}"#,
    ),
    ficha(
        Regla::LimiteCreditoValido,
        "E (opcional)",
        "con `emisor.limite_credito`, lo que queda a CREDITO no pasa de él",
        Facturas,
        r#"{"cliente_id":"acme","formas_pago":[{"forma":"CREDITO","medio":"30","monto":"1190.00","fecha_vencimiento":"2026-12-23"}],"lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
    ficha(
        Regla::MaxDiasFuturoValido,
        "C L E (opcional)",
        "con `emisor.max_dias_futuro`, la emisión no se adelanta más días",
        Facturas,
        r#"{"cliente_id":"acme","fecha_emision":"2026-12-31","lineas":[{"producto_id":"cafe","cantidad":1}]}"#,
    ),
];
