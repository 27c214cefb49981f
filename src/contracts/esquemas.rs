//! The schemas, embedded: one file a type in `schemas/avro`. A file names other types; a registry gets them all in one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{CONGELADOS, NAMESPACE, VERSION, registry::RegistryError, tipos::Registro};

/// Deepest nesting of types followed: far above any honest one.
const MAX_DEPTH: usize = 32;

macro_rules! compartidos {
    ($($nombre:ident)*) => {
        /// File of a type that only travels inside records.
        fn shared(name: &str) -> Option<&'static str> {
            match name {
                $(stringify!($nombre) => Some(include_str!(concat!("../../schemas/avro/", stringify!($nombre), ".avsc"))),)*
                _ => None,
            }
        }
    };
}

compartidos! {
    TipoAgregado EstadoFiscal TipoIdentificacion MotivoEntrada MotivoSalida TipoDocumento FormaPagoTipo Paso EstadoFactura
    FaseEmision EtapaDlq Tema Uuid Huella Nulo Dato Falla Impuesto Identificacion Direccion ClienteClaro CambiosClienteClaro
    ClienteCifrado DatosProducto CambiosProducto DatosSucursal CambiosSucursal DatosBodega CambiosBodega Referencia
    LoteConsumido NumeroDocumento Autorizacion FormaPago LineaPedida DatosFactura DireccionRespuesta PasoSaga LineaFactura
    LineaEmitida TotalImpuesto TotalesFactura GrupoEmision GrupoEmitido CabeceraFactura DocumentoEmitido InicioEmision
    ResultadoStockReservado ResultadoReservaConfirmada ResultadoReservaLiberada ResultadoNumeroAsignado
    ResultadoPasoRechazado ResultadoInventarioVerificado ResultadoStockDevuelto ResultadoCreditoReservado
    ResultadoCreditoAplicado SobreComando ParticionTema Entrada SobreEvento SobreInstantanea LoteEnCola ReservaVigente
    Confirmacion NumeroDado ResolucionDada EmisionEnCurso AmbitoDescuento ValorDeclarado DescuentoDeclarado CambiosDeclarados DatosDescuento
    CambiosDescuento DescuentoPedido DescuentoFactura CambioFechas ResumenFactura
    Aceptado Rechazado Apartado EnCurso VersionAgregado RefAgregado EstadoCliente
    PoliticaRetorno ConceptoNota EstadoNota EstadoDian AcreditadoCantidad AcreditadoMonto LineaNotaCredito LineaNotaPedida FechasNota
    DatosNotaCredito CabeceraNota SolicitudCredito LineaAcreditada GrupoDevolucion CargoLinea CreditoNota FacturaModificada
    CreditoConcedido InicioEmisionNota GrupoDevuelto DocumentoNotaCredito EmisionNotaEnCurso RespuestaDian InicioAnulacion
    MovimientoAnulacion DocumentoAnulado AnulacionEnCurso CreditoEnReserva CreditoEnFirme CreditoDevuelto NotaDeFactura
    CreditoFactura PosteriorFactura DevolucionPedida ResumenNota NotaAceptada ResolucionApartado
}

/// A schema and where it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectSchema {
    /// `<topic>-<record>`, without any prefix of an installation.
    pub subject: String,
    /// Self-contained, as registries get it.
    pub schema: String,
    pub registro: Registro,
    /// Version of the contract that wrote with it.
    pub version: u16,
}

/// Every schema ever written, oldest version first, under the subjects of its topics.
///
/// # Errors
/// As [`self_contained`].
pub fn subjects() -> Result<Vec<SubjectSchema>, RegistryError> {
    let under = |registro: Registro, version: u16, schema: String| {
        let of = move |topic| format!("{topic}-{NAMESPACE}.{}", registro.nombre());
        let of = move |topic| SubjectSchema { subject: of(topic), schema: schema.clone(), registro, version };
        registro.clase().topics().into_iter().map(of)
    };
    let mut all: Vec<SubjectSchema> =
        CONGELADOS.iter().flat_map(|old| under(old.registro, old.version, old.json().to_owned())).collect();
    for registro in Registro::TODOS.iter().copied() {
        all.extend(under(registro, VERSION, self_contained(registro)?));
    }
    Ok(all)
}

/// The record's schema with every type it names defined at its first use, as a registry wants it.
///
/// # Errors
/// `Schema` when a file is no JSON or names a type that has no file.
pub fn self_contained(registro: Registro) -> Result<String, RegistryError> {
    let error = |what: String| RegistryError::Schema { subject: registro.nombre().to_owned(), what };
    let mut defined = BTreeSet::new();
    let schema = parse(registro.archivo()).and_then(|schema| inline(schema, &mut defined, 0)).map_err(error)?;
    Ok(schema.to_string())
}

fn parse(file: &str) -> Result<Value, String> {
    serde_json::from_str(file).map_err(|e| e.to_string())
}

/// Walks the places of a schema where a type may stand.
fn inline(schema: Value, defined: &mut BTreeSet<String>, depth: usize) -> Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err("tipos anidados sin fin".to_owned());
    }
    match schema {
        Value::String(name) => reference(name, defined, depth),
        Value::Array(branches) => {
            branches.into_iter().map(|branch| inline(branch, defined, depth)).collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(mut fields) => {
            if let Some(name) = fields.get("name").and_then(Value::as_str) {
                defined.insert(name.to_owned());
            }
            for part in ["type", "items"] {
                if let Some(inner) = fields.get_mut(part) {
                    *inner = inline(inner.take(), defined, depth)?;
                }
            }
            if let Some(Value::Array(record)) = fields.get_mut("fields") {
                for field in record {
                    if let Some(inner) = field.get_mut("type") {
                        *inner = inline(inner.take(), defined, depth)?;
                    }
                }
            }
            Ok(Value::Object(fields))
        }
        other => Ok(other),
    }
}

/// A primitive, a type already defined (by its full name), or the definition of a new one.
fn reference(name: String, defined: &mut BTreeSet<String>, depth: usize) -> Result<Value, String> {
    if !name.starts_with(char::is_uppercase) {
        return Ok(Value::String(name));
    }
    if defined.contains(&name) {
        return Ok(Value::String(format!("{NAMESPACE}.{name}")));
    }
    let file = shared(&name).ok_or_else(|| format!("nombra el tipo {name}, que no tiene archivo"))?;
    inline(parse(file)?, defined, depth + 1)
}
