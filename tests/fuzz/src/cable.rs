//! The wire: Confluent-framed Avro of every record. First byte: the record type whose frame goes before the rest; past the last one, the
//! rest comes with its own frame.

use std::{fmt::Debug, sync::LazyLock};

use bytes::Bytes;
use factumarket::contracts::{
    Codec, CodecError, EmbeddedRegistry, MAX_RECORD_BYTES, Registro, Registry, RegistryError, self_contained,
};

use super::memoria::acotada;

/// What one record may hold while it is decoded, by the codec's own budget, and some for errors.
const TOPE_DECODIFICAR: usize = (8 << 20) + (64 << 10);

pub static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(&EmbeddedRegistry::in_memory()).expect("los esquemas del binario"));
static MARCOS: LazyLock<Vec<[u8; 4]>> = LazyLock::new(|| {
    let visto = Visto::default();
    Codec::new(&visto).expect("los esquemas del binario");
    let esquemas = visto.0.into_inner().unwrap_or_default();
    let id = |registro: &Registro| {
        let suyo = self_contained(*registro).expect("esquema");
        esquemas.iter().position(|e| *e == suyo).map_or([0; 4], |i| (i as u32 + 1).to_be_bytes())
    };
    Registro::TODOS.iter().map(id).collect()
});

/// A registry that gives the same ids as the embedded one: in the order of arrival, from 1.
#[derive(Default)]
struct Visto(std::sync::Mutex<Vec<String>>);

impl Registry for Visto {
    fn id_for(&self, _: &str, schema_json: &str) -> Result<u32, RegistryError> {
        let mut vistos = self.0.lock().expect("un solo hilo");
        let lugar = vistos.iter().position(|s| s == schema_json).unwrap_or_else(|| {
            vistos.push(schema_json.to_owned());
            vistos.len() - 1
        });
        Ok(lugar as u32 + 1)
    }

    fn schema(&self, _: u32) -> Result<Option<String>, RegistryError> {
        Ok(None)
    }
}

/// The input of a record of this type: what the corpus is made of.
pub fn entrada(registro: Registro, avro: &[u8]) -> Vec<u8> {
    [&[registro as u8], avro].concat()
}

fn con_marco(datos: &[u8]) -> Option<Vec<u8>> {
    let (tipo, resto) = datos.split_first()?;
    Some(match MARCOS.get(usize::from(*tipo)) {
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
