//! Values that arrive as text: ids, decimals, identifications, dates, mails, tokens.

use std::fmt::Debug;

use factumarket::{
    domain::valores::{
        Cantidad, CostoTotal, CostoUnitario, Decimal, Dinero, ErrorDecimal, Id, Identificacion, Instante, Porcentaje,
        PrecioUnitario, TipoIdentificacion, correo_valido, decimal_exacto, fecha_iso,
    },
    http::{ids, token},
    projections::consultas::cursor,
};

use super::memoria::acotada;

pub const PALABRAS: &[&str] = &[
    "800100000-1",
    "900123456-8",
    "1790011674001",
    "1710034065",
    "222222222222",
    "9999999999999",
    "2026-11-23",
    "0000-01-01",
    "9999-12-31",
    "2024-02-29",
    "1e28",
    "1e-28",
    "-0",
    "79228162514264337593543950335",
    "0.0000000000000000000000000001",
    "4-0.513_5-2.88",
    "18446744073709551615",
    "a@b.co",
    ":",
    "::",
    "e\u{301}",
    "\u{1d7d9}",
    "٣",
];

const POR_BYTE: usize = 64;
const FIJO: usize = 64 << 10;

pub fn cuerpo(datos: &[u8]) -> bool {
    let Some((cual, resto)) = datos.split_first() else { return false };
    let texto = String::from_utf8_lossy(resto);
    acotada(FIJO + POR_BYTE * texto.len(), || todos(*cual, &texto))
}

fn todos(cual: u8, texto: &str) -> bool {
    let mut leido = false;
    for id in [Id::new(texto), Id::de_clave(texto)].into_iter().flatten() {
        leido = true;
        assert!(id.as_str() == texto && texto.len() <= 200);
        assert_eq!(Id::compuesto(&id.partes().collect::<Vec<_>>()), id);
    }
    assert!(Id::new(ids::comando_de_clave(texto).as_str()).is_ok(), "toda clave da un id");
    leido |= decimales(texto);
    let tipo = TipoIdentificacion::TODOS[usize::from(cual) % TipoIdentificacion::TODOS.len()];
    leido |= identificacion(tipo, texto, (cual >= 128).then_some(cual % 11));
    if let Some(fecha) = fecha_iso(texto) {
        assert_eq!(fecha.to_string(), texto);
        leido = true;
    }
    if correo_valido(texto) {
        leido = true;
        assert!(texto.contains('@') && !texto.chars().any(char::is_control));
    }
    if let Ok(posiciones) = token::leer(texto) {
        leido = true;
        assert_eq!(token::leer(&token::escribir(&posiciones)).ok(), Some(posiciones));
    }
    // A cursor of any text whose checksum is right, too.
    let huella = cursor::huella("valores", &[]);
    assert_eq!(
        cursor::decodificar(huella, texto).ok().map(|lugar| cursor::codificar(huella, &lugar)).unwrap_or(texto.into()),
        texto
    );
    if let Some(micros) = texto.as_bytes().first_chunk() {
        let instante = Instante(i64::from_le_bytes(*micros));
        assert!(!instante.rfc3339().is_empty());
        let (dia, siguiente) = (instante.fecha_en_utc_menos_5(), instante.mas_milis(86_400_000).fecha_en_utc_menos_5());
        assert!(siguiente >= dia);
    }
    leido
}

/// A number is read exactly; each type takes it whole or not at all, and what it took it takes again.
fn decimales(texto: &str) -> bool {
    let Ok(valor) = decimal_exacto(texto) else { return false };
    assert_eq!(decimal_exacto(&valor.to_string()), Ok(valor), "escrito otra vez es el mismo");
    ida_y_vuelta(valor, Cantidad::nuevo, Cantidad::valor);
    ida_y_vuelta(valor, PrecioUnitario::nuevo, PrecioUnitario::valor);
    ida_y_vuelta(valor, CostoUnitario::nuevo, CostoUnitario::valor);
    ida_y_vuelta(valor, Dinero::nuevo, Dinero::valor);
    ida_y_vuelta(valor, CostoTotal::nuevo, CostoTotal::valor);
    ida_y_vuelta(valor, Porcentaje::nuevo, Porcentaje::valor);
    true
}

fn ida_y_vuelta<T: Copy + PartialEq + Debug>(valor: Decimal, nuevo: fn(Decimal) -> Result<T, ErrorDecimal>, de: fn(T) -> Decimal) {
    if let Ok(tomado) = nuevo(valor) {
        assert_eq!(de(tomado), valor, "ningún tipo redondea");
        assert_eq!(nuevo(de(tomado)), Ok(tomado));
    }
}

/// Building an identification again from its own parts gives it back; so does reading what is shown.
fn identificacion(tipo: TipoIdentificacion, texto: &str, dv: Option<u8>) -> bool {
    let mut leida = false;
    for verificar in [false, true] {
        match Identificacion::nueva(tipo, texto, dv, verificar) {
            Ok(hecha) => {
                assert_eq!(Identificacion::nueva(hecha.tipo, &hecha.numero, hecha.dv, verificar).as_ref(), Ok(&hecha));
                assert_eq!(Identificacion::nueva(hecha.tipo, &hecha.to_string(), None, verificar), Ok(hecha));
                leida = true;
            }
            Err(motivo) => assert!(!motivo.is_empty()),
        }
    }
    leida
}
