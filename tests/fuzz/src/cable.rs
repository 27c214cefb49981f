//! The wire: Confluent-framed Avro of every record. First two bytes: a hash of the record type's name, whose frame goes before the rest;
//! when they are that of none, the rest comes with its own frame.

use std::{collections::HashMap, fmt::Debug, sync::LazyLock};

use bytes::Bytes;
use factumarket::contracts::{Codec, CodecError, EmbeddedRegistry, MAX_RECORD_BYTES, Registro, Registry, self_contained};

use super::memoria::acotada;

/// What one record may hold while it is decoded, by the codec's own budget, and some for errors.
const TOPE_DECODIFICAR: usize = (8 << 20) + (64 << 10);

pub static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(&EmbeddedRegistry::in_memory()).expect("los esquemas del binario"));
/// Ids of the schemas, by the hash of the record's name.
static MARCOS: LazyLock<HashMap<[u8; 2], [u8; 4]>> = LazyLock::new(|| {
    let registry = EmbeddedRegistry::in_memory();
    Codec::new(&registry).expect("los esquemas del binario");
    // A schema that is known has one id, whatever the subject.
    let id = |r: Registro| self_contained(r).and_then(|esquema| registry.id_for("cable", &esquema)).expect("esquema");
    let marcos: HashMap<_, _> = Registro::TODOS.iter().map(|r| (marca(r.nombre()), id(*r).to_be_bytes())).collect();
    assert_eq!(marcos.len(), Registro::TODOS.len(), "dos registros con la misma marca: cambie el cálculo y rehaga el corpus");
    marcos
});

/// 16 bits of FNV-1a: a corpus outlives the order of the record types.
fn marca(nombre: &str) -> [u8; 2] {
    let hash = nombre.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    ((hash >> 16 ^ hash) as u16).to_be_bytes()
}

/// The input of a record of this type: what the corpus is made of.
pub fn entrada(registro: Registro, avro: &[u8]) -> Vec<u8> {
    [&marca(registro.nombre())[..], avro].concat()
}

fn con_marco(datos: &[u8]) -> Option<Vec<u8>> {
    let (marca, resto) = datos.split_first_chunk::<2>()?;
    Some(match MARCOS.get(marca) {
        Some(id) => [&[0], &id[..], resto].concat(),
        None => resto.to_vec(),
    })
}

/// Decoding is bounded; what decodes is written, and read again the same.
fn ley<T: PartialEq + Debug>(
    bytes: &[u8],
    leer: impl Fn(&[u8]) -> Result<T, CodecError>,
    escribir: impl Fn(&T) -> Result<Bytes, CodecError>,
) -> bool {
    let valor = match acotada(TOPE_DECODIFICAR, || leer(bytes)) {
        Ok(valor) => valor,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let escrito = match escribir(&valor) {
        Ok(escrito) => escrito,
        // The canonical form of a record of nearly the largest size may be a little longer than what came.
        Err(CodecError::TooLarge { .. }) if bytes.len() > MAX_RECORD_BYTES / 2 => return true,
        Err(error) => panic!("se leyó y no se puede escribir: {error}\n{valor:?}"),
    };
    assert_eq!(leer(&escrito).as_ref(), Ok(&valor), "lo escrito otra vez se lee igual");
    assert_eq!(escribir(&valor).as_ref(), Ok(&escrito), "lo mismo se escribe igual");
    true
}

pub fn cuerpo(datos: &[u8]) -> bool {
    let Some(bytes) = con_marco(datos) else { return false };
    let leidos = [
        ley(&bytes, |b| CODEC.decode_command(b).map(|c| c.envelope), |c| CODEC.encode_command(c)),
        ley(&bytes, |b| CODEC.decode_event(b), |e| CODEC.encode_event(&e.sobre, &e.evento)),
        ley(&bytes, |b| CODEC.decode_snapshot(b), |i| CODEC.encode_snapshot(i)),
        ley(&bytes, |b| CODEC.decode_reply(b), |r| CODEC.encode_reply(r)),
        ley(&bytes, |b| CODEC.decode_audit(b), |a| CODEC.encode_audit(a)),
        ley(&bytes, |b| CODEC.decode_dlq(b), |d| CODEC.encode_dlq(d)),
    ];
    assert!(leidos.into_iter().filter(|leido| *leido).count() <= 1, "un registro es de una sola clase");
    // Recovery reads envelopes alone: they must agree with the whole.
    let sobre = acotada(TOPE_DECODIFICAR, || CODEC.decode_event_envelope(&bytes).map(|(sobre, cuerpo)| (sobre, cuerpo.decode())));
    match (sobre, CODEC.decode_event(&bytes)) {
        (Ok((sobre, Ok(evento))), Ok(entero)) => assert!(sobre == entero.sobre && evento == entero.evento),
        (Ok((_, Ok(_))), Err(error)) => panic!("sobre y cuerpo se leen, y juntos no: {error}"),
        (Err(_) | Ok((_, Err(_))), entero) => assert!(entero.is_err()),
    }
    leidos.contains(&true)
}
