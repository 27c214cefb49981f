//! Tax and personal identifications (`dominio.md` section 2).

use std::{fmt, sync::Arc};

use super::textos::texto_valido;

/// Longest identification without a type, in characters after trimming.
const SIN_TIPO_MAX: usize = 20;
/// Longest text looked at, separators included, in bytes.
const ENTRADA_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TipoIdentificacion {
    Nit,
    Ruc,
    CedulaCo,
    CedulaEc,
    Pasaporte,
    ConsumidorFinal,
    SinTipo,
}

impl TipoIdentificacion {
    pub const TODOS: [Self; 7] =
        [Self::Nit, Self::Ruc, Self::CedulaCo, Self::CedulaEc, Self::Pasaporte, Self::ConsumidorFinal, Self::SinTipo];

    /// `NIT`, `CEDULA_CO`…
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Nit => "NIT",
            Self::Ruc => "RUC",
            Self::CedulaCo => "CEDULA_CO",
            Self::CedulaEc => "CEDULA_EC",
            Self::Pasaporte => "PASAPORTE",
            Self::ConsumidorFinal => "CONSUMIDOR_FINAL",
            Self::SinTipo => "SIN_TIPO",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|t| t.nombre() == nombre)
    }
}

/// A checked identification; typed numbers carry no separators, a NIT's check digit stands in `dv`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identificacion {
    pub tipo: TipoIdentificacion,
    pub numero: Arc<str>,
    pub dv: Option<u8>,
}

/// What a Colombian invoice to an unnamed buyer carries.
const CONSUMIDOR_FINAL_CO: &str = "222222222222";
/// What an Ecuadorian invoice to an unnamed buyer carries.
const CONSUMIDOR_FINAL_EC: &str = "9999999999999";

impl Identificacion {
    /// A checked identification, in its one canonical form: separators removed, a NIT's check digit apart. Building it
    /// again from its own parts gives it back.
    ///
    /// `verificar_digito_ruc`: whether the modulus of public and juridical RUCs counts (the registry assigns some that fail).
    ///
    /// # Errors
    /// The reason in Spanish, with the form expected.
    pub fn nueva(tipo: TipoIdentificacion, numero: &str, dv: Option<u8>, verificar_digito_ruc: bool) -> Result<Self, String> {
        if tipo == TipoIdentificacion::Nit {
            return nit(numero, dv);
        }
        if dv.is_some() {
            return Err(format!("sólo un NIT lleva dígito de verificación aparte; {} no", tipo.nombre()));
        }
        if tipo == TipoIdentificacion::SinTipo {
            return Self::inferir(numero);
        }
        let numero = sin_separadores(numero)?;
        match tipo {
            TipoIdentificacion::Ruc => revisar_ruc(&numero, verificar_digito_ruc)?,
            TipoIdentificacion::CedulaEc => revisar_cedula_ec(&numero)?,
            TipoIdentificacion::CedulaCo => revisar_cedula_co(&numero)?,
            TipoIdentificacion::Pasaporte => revisar_pasaporte(&numero)?,
            TipoIdentificacion::ConsumidorFinal => revisar_consumidor_final(&numero)?,
            // Both were answered above.
            TipoIdentificacion::Nit | TipoIdentificacion::SinTipo => {}
        }
        Ok(Self { tipo, numero: Arc::from(numero), dv: None })
    }

    /// The identification of a body that states no type: `SIN_TIPO`, kept as written but for outer blanks. Nothing is
    /// guessed from its shape, so `800123456-7` is accepted although 7 is not that NIT's check digit.
    ///
    /// # Errors
    /// When it is empty, longer than 20 characters or has control characters.
    pub fn inferir(texto: &str) -> Result<Self, String> {
        if !texto_valido(texto, SIN_TIPO_MAX) {
            return Err(format!("una identificación sin tipo tiene de 1 a {SIN_TIPO_MAX} caracteres, sin caracteres de control"));
        }
        Ok(Self { tipo: TipoIdentificacion::SinTipo, numero: Arc::from(texto.trim()), dv: None })
    }
}

impl fmt::Display for Identificacion {
    /// As people write it: `860002964-4`, `1790011674001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dv {
            Some(dv) => write!(f, "{}-{dv}", self.numero),
            None => f.write_str(&self.numero),
        }
    }
}

/// The number without blanks, dots and hyphens.
fn sin_separadores(numero: &str) -> Result<String, String> {
    if numero.len() > ENTRADA_MAX {
        return Err(format!("la identificación tiene más de {ENTRADA_MAX} caracteres"));
    }
    Ok(numero.chars().filter(|c| !matches!(c, ' ' | '.' | '-')).collect())
}

/// The digits of a number made of digits only.
fn digitos(numero: &str) -> Option<Vec<u32>> {
    numero.chars().map(|c| c.to_digit(10)).collect()
}

fn suma_ponderada(digitos: &[u32], pesos: &[u32]) -> u32 {
    digitos.iter().zip(pesos).map(|(digito, peso)| digito * peso).sum()
}

/// Check digit of a NIT: weights from the right over its other digits, modulo 11.
fn digito_nit(digitos: &[u32]) -> u32 {
    const PESOS: [u32; 9] = [3, 7, 13, 17, 19, 23, 29, 37, 41];
    let suma: u32 = digitos.iter().rev().zip(PESOS).map(|(digito, peso)| digito * peso).sum();
    match suma % 11 {
        resto @ (0 | 1) => resto,
        resto => 11 - resto,
    }
}

fn nit(numero: &str, dv: Option<u8>) -> Result<Identificacion, String> {
    const FORMA: &str = "un NIT tiene 9 o 10 dígitos contando el de verificación";
    let numero = sin_separadores(numero)?;
    let mut cifras = digitos(&numero).ok_or(FORMA)?;
    let dado = match dv {
        Some(dv) => u32::from(dv),
        None => cifras.pop().ok_or(FORMA)?,
    };
    if !(8..=9).contains(&cifras.len()) {
        return Err(FORMA.to_owned());
    }
    if digito_nit(&cifras) != dado {
        return Err(
            "el dígito de verificación del NIT no corresponde; revise el número o indíquelo completo, con su dígito".to_owned()
        );
    }
    let dv = u8::try_from(dado).map_err(|_| FORMA)?;
    Ok(Identificacion { tipo: TipoIdentificacion::Nit, numero: Arc::from(&numero[..cifras.len()]), dv: Some(dv) })
}

/// Provinces 01 to 24; 30 is given to people registered abroad.
fn provincia_valida(digitos: &[u32]) -> bool {
    let provincia = digitos[0] * 10 + digitos[1];
    (1..=24).contains(&provincia) || provincia == 30
}

/// Modulo 10 over the ten digits of a cédula of Ecuador.
fn cedula_ec_valida(digitos: &[u32]) -> bool {
    if digitos.len() != 10 || !provincia_valida(digitos) || digitos[2] > 6 {
        return false;
    }
    let suma: u32 = digitos.iter().enumerate().map(|(i, d)| if i % 2 == 0 { doblado(*d) } else { *d }).sum();
    suma.is_multiple_of(10)
}

fn doblado(digito: u32) -> u32 {
    let doble = digito * 2;
    if doble > 9 { doble - 9 } else { doble }
}

fn revisar_cedula_ec(numero: &str) -> Result<(), String> {
    let valida = digitos(numero).is_some_and(|d| cedula_ec_valida(&d));
    if valida {
        return Ok(());
    }
    Err("una cédula de Ecuador tiene 10 dígitos, con provincia y dígito de verificación correctos".to_owned())
}

fn revisar_cedula_co(numero: &str) -> Result<(), String> {
    let valida = digitos(numero).is_some_and(|d| (6..=10).contains(&d.len()) && d[0] != 0);
    if valida { Ok(()) } else { Err("una cédula de Colombia tiene de 6 a 10 dígitos y no empieza por cero".to_owned()) }
}

fn revisar_pasaporte(numero: &str) -> Result<(), String> {
    let valido = (5..=20).contains(&numero.len()) && numero.bytes().all(|b| b.is_ascii_alphanumeric());
    if valido { Ok(()) } else { Err("un pasaporte tiene de 5 a 20 letras o dígitos".to_owned()) }
}

fn revisar_consumidor_final(numero: &str) -> Result<(), String> {
    if numero == CONSUMIDOR_FINAL_CO || numero == CONSUMIDOR_FINAL_EC {
        return Ok(());
    }
    Err(format!("consumidor final se identifica con {CONSUMIDOR_FINAL_CO} (Colombia) o {CONSUMIDOR_FINAL_EC} (Ecuador)"))
}

fn revisar_ruc(numero: &str, con_modulo: bool) -> Result<(), String> {
    let Some(d) = digitos(numero).filter(|d| d.len() == 13) else {
        return Err("un RUC tiene 13 dígitos".to_owned());
    };
    if !provincia_valida(&d) && d[..2] != [5, 0] {
        return Err("los dos primeros dígitos del RUC no son una provincia (01 a 24, 30 o 50)".to_owned());
    }
    let valido = match d[2] {
        0..=5 => ruc_natural(&d),
        6 => ruc_publico(&d, con_modulo) || ruc_natural(&d),
        9 => ruc_juridico(&d, con_modulo) || ruc_publico(&d, con_modulo),
        _ => return Err("el tercer dígito de un RUC no puede ser 7 ni 8".to_owned()),
    };
    if valido { Ok(()) } else { Err("el dígito de verificación o el establecimiento del RUC no corresponden".to_owned()) }
}

fn ruc_natural(d: &[u32]) -> bool {
    cedula_ec_valida(&d[..10]) && d[10..] != [0, 0, 0]
}

fn ruc_publico(d: &[u32], con_modulo: bool) -> bool {
    let modulo = suma_ponderada(&d[..9], &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11);
    d[9..] != [0, 0, 0, 0] && (modulo || !con_modulo)
}

fn ruc_juridico(d: &[u32], con_modulo: bool) -> bool {
    let modulo = suma_ponderada(&d[..10], &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11);
    d[10..] != [0, 0, 0] && (modulo || !con_modulo)
}

#[cfg(test)]
mod tests;
