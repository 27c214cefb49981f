//! Validation rules: their names, and the failure that each reports (`dominio.md` section 12).

mod especificacion;
mod fallas;

use std::fmt;

pub use especificacion::{Especificacion, Momentos, aplicables};
pub use fallas::Fallas;

use super::valores::texto_valido;

/// Name of a rule or refusal, as users and the API see it.
macro_rules! nombres {
    ($($nombre:ident => $mensaje:literal),* $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Regla { $($nombre),* }
        impl Regla {
            pub const TODAS: &'static [Regla] = &[$(Regla::$nombre),*];
            pub fn nombre(self) -> &'static str { match self { $(Self::$nombre => stringify!($nombre)),* } }
            /// What a failure of this rule means, in Spanish.
            pub fn significado(self) -> &'static str { match self { $(Self::$nombre => $mensaje),* } }
        }
    };
}

nombres! {
    ClienteValido => "el cliente no existe o no puede ser facturado",
    SucursalValida => "la sucursal no existe o está inactiva",
    BodegaValida => "la bodega no existe o está inactiva",
    FacturaTieneLineas => "la factura no tiene líneas",
    LineaValida => "línea con cantidad, precio o descripción inválidos",
    ProductoValido => "el producto no existe o está inactivo",
    ImpuestoValido => "tarifa de impuesto no vigente",
    DescuentoValido => "el descuento no se puede aplicar",
    TotalesConsistentes => "la suma de las líneas no coincide con los totales",
    MontoPositivo => "el monto debe ser mayor que cero",
    FormaPagoValida => "las formas de pago no cuadran",
    FechaFormato => "fecha con formato inválido",
    FechaEmisionValida => "la fecha de emisión es anterior a hoy",
    FechaCaducidadValida => "la caducidad debe ser posterior a la emisión",
    FechaAutorizacionValida => "la autorización es futura o posterior a la emisión",
    InventarioExisteParaFactura => "no hay inventario de ese producto en esa bodega",
    StockSuficienteParaFactura => "stock insuficiente",
    NumeracionDisponible => "no hay numeración vigente",
    IdentificacionValida => "RUC, NIT o cédula inválidos",
    CorreoValido => "correo inválido",
    NombreValido => "nombre inválido",
    DireccionValida => "dirección inválida",
    PrecioValido => "el precio debe ser mayor que cero",
    IdValido => "identificador inválido: de 1 a 64 caracteres A-Z a-z 0-9 . _ -",
    TextoValido => "texto vacío, demasiado largo o con caracteres de control",
    MonedaValida => "la moneda no es la del régimen del emisor",
    EstadoValido => "operación no permitida en el estado actual",
    VersionEsperada => "el documento cambió: vuelva a leerlo",
    ClienteNoExiste => "el cliente no existe",
    ProductoNoExiste => "el producto no existe",
    DescuentoNoExiste => "el descuento no existe",
    SucursalNoExiste => "la sucursal no existe",
    BodegaNoExiste => "la bodega no existe",
    InventarioNoExiste => "el inventario no existe",
    RangoNoExiste => "el rango de numeración no existe",
    FacturaExiste => "la factura no existe",
    YaExiste => "ya existe",
    CantidadInvalida => "la cantidad debe ser mayor que cero",
    CostoInvalido => "el costo no puede ser negativo",
    PrecisionExcedida => "demasiados dígitos o decimales",
    StockInsuficiente => "stock insuficiente",
    DemasiadosLotes => "la salida tomaría demasiados lotes, o el inventario tendría demasiados",
    ReservaCancelada => "la reserva ya fue liberada",
    ReservaInexistente => "la reserva no existe",
    ReservaYaConfirmada => "la reserva ya fue confirmada",
    RangoValido => "el rango de numeración es inválido",
    EmisionVencida => "la emisión no terminó a tiempo",
    DocumentoDemasiadoGrande => "el documento supera el tamaño máximo",
    ClaveIdempotenciaEnConflicto => "la clave ya se usó con otro contenido",
    EnCuarentena => "el agregado está en cuarentena",
    ApartadoPorResolver => "el comando apartado no espera, o no es su turno",
    ComandoDescartado => "un operador descartó el comando",
    ClaveAjena => "la clave o la partición no corresponden al contenido",
    LimiteCreditoValido => "el crédito supera el límite por factura",
    MaxDiasFuturoValido => "la fecha de emisión está demasiado lejos en el futuro",
    NotaCreditoTieneLineas => "la nota no tiene líneas",
    NotaCreditoExiste => "la nota de crédito no existe",
    MotivoValido => "el motivo está vacío o fuera de longitud",
    FacturaAcreditable => "la factura no está emitida",
    LineasValidasContraFactura => "cantidad superior a la facturada pendiente",
    FechaEmisionPosteriorFactura => "la nota debe ser posterior a la factura",
    PlazoNotaCreditoValido => "fuera del plazo para notas de crédito",
    InventarioExisteParaNotaCredito => "no existe inventario para devolver",
    PoliticaRetornoValida => "la devolución reversa debe volver a su bodega",
    FacturaAnulable => "la factura ya no se puede anular",
    PlazoAnulacionValido => "fuera del plazo para anular",
}

/// VersionEsperada: a command that states a version is of that version of its aggregate.
pub fn version_esperada(esperada: u64, actual: u64) -> Option<Falla> {
    let mensaje = || {
        format!(
            "el documento está en la versión {actual} y se esperaba la {esperada}; vuelva a leerlo y repita lo que aún quiera cambiar"
        )
    };
    (esperada != actual).then(|| Falla::new(Regla::VersionEsperada, "", mensaje()).con("esperada", esperada).con("actual", actual))
}

impl Regla {
    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODAS.iter().copied().find(|r| r.nombre() == nombre)
    }
}

impl fmt::Display for Regla {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.nombre())
    }
}

/// Shortest and longest MotivoModificacion, in characters after trimming.
const MOTIVO_MIN: usize = 5;
const MOTIVO_MAX: usize = 300;

/// MotivoValido: 5 to 300 characters after trimming, no control characters.
pub fn motivo_valido(motivo: &str) -> Option<Falla> {
    let largo = motivo.trim().chars().count();
    if texto_valido(motivo, MOTIVO_MAX) && largo >= MOTIVO_MIN {
        return None;
    }
    let mensaje = format!("el motivo tiene de {MOTIVO_MIN} a {MOTIVO_MAX} caracteres, sin caracteres de control");
    Some(Falla::new(Regla::MotivoValido, "/motivo", mensaje).con("caracteres", largo))
}

/// One failure of a rule: which, where, what happened, with what figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Falla {
    pub regla: Regla,
    /// JSON Pointer into the command's body: `/lineas/0/cantidad`; empty for the whole.
    pub campo: String,
    /// Spanish; says what to do when that is not obvious. Reads "Validación fallida: <regla>: …" when shown.
    pub mensaje: String,
    /// Figures of the failure (`solicitado`, `disponible`…), in a fixed order.
    pub datos: Vec<(String, String)>,
}

impl Falla {
    pub fn new(regla: Regla, campo: impl Into<String>, mensaje: impl Into<String>) -> Self {
        Self { regla, campo: campo.into(), mensaje: mensaje.into(), datos: Vec::new() }
    }

    /// With the meaning of the rule as its message.
    pub fn simple(regla: Regla, campo: impl Into<String>) -> Self {
        Self::new(regla, campo, regla.significado())
    }

    pub fn con(mut self, nombre: &str, valor: impl fmt::Display) -> Self {
        self.datos.push((nombre.to_owned(), valor.to_string()));
        self
    }
}

impl fmt::Display for Falla {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Validación fallida: {}: {}", self.regla, self.mensaje)
    }
}
