//! Value types: ids, exact decimals, dates, identifications, addresses (`dominio.md` section 2).

mod decimales;
mod fechas;
mod identificacion;
mod textos;

pub(in crate::domain) use decimales::bajo_potencia;
pub use decimales::{Cantidad, CostoTotal, CostoUnitario, Dinero, ErrorDecimal, Porcentaje, PrecioUnitario, decimal_exacto};
pub use fechas::{Instante, fecha_iso};
pub use identificacion::{Identificacion, TipoIdentificacion};
pub use rust_decimal::Decimal;
pub use textos::{Direccion, Id, IdInvalido, TEXTO_MAX, correo_valido, nombre_valido, texto_valido};
