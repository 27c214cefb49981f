//! The tax catalogue as one setting: `IVA 19 2017-01-01; IVA 12 2017-06-01..2024-03-31`.

use std::sync::Arc;

use crate::domain::{
    emisor::ImpuestoVigente,
    valores::{Porcentaje, decimal_exacto, fecha_iso},
};

/// Entries of one catalogue: far above any real one.
const ENTRADAS_MAX: usize = 200;

/// The entries, in their order, or what is wrong with each that is not one.
///
/// # Errors
/// One text an entry that cannot be read.
pub(super) fn leer(texto: &str) -> Result<Vec<ImpuestoVigente>, Vec<String>> {
    let escritas: Vec<&str> = texto.split(';').map(str::trim).filter(|e| !e.is_empty()).collect();
    if escritas.len() > ENTRADAS_MAX {
        return Err(vec![format!("tiene {} impuestos; se admiten {ENTRADAS_MAX}", escritas.len())]);
    }
    let (mut entradas, mut errores) = (Vec::with_capacity(escritas.len()), Vec::new());
    for escrita in escritas {
        match entrada(escrita) {
            Ok(entrada) => entradas.push(entrada),
            Err(motivo) => errores.push(format!("«{escrita}»: {motivo}")),
        }
    }
    if errores.is_empty() { Ok(entradas) } else { Err(errores) }
}

fn entrada(texto: &str) -> Result<ImpuestoVigente, &'static str> {
    let [codigo, tarifa, vigencia] = texto.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err("se escribe CODIGO TARIFA DESDE o CODIGO TARIFA DESDE..HASTA");
    };
    let tarifa = decimal_exacto(tarifa).and_then(Porcentaje::nuevo).map_err(|_| "la tarifa va de 0 a 100, con 4 decimales")?;
    let (desde, hasta) = match vigencia.split_once("..") {
        Some((desde, hasta)) => (desde, Some(hasta)),
        None => (vigencia, None),
    };
    let fecha = |texto| fecha_iso(texto).ok_or("las fechas se escriben AAAA-MM-DD y existen");
    Ok(ImpuestoVigente { codigo: Arc::from(codigo), tarifa, desde: fecha(desde)?, hasta: hasta.map(fecha).transpose()? })
}
