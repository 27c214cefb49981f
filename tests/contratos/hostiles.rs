//! Bytes from anywhere: an error, never a panic, never much memory.

use factumarket::contracts::{CodecError, MAX_RECORD_BYTES, Registro};
use proptest::prelude::*;

use crate::{CODEC, Cualquiera, comun::Muestras, con_registro};

/// Feeds the bytes to every decoder; says whether any of them took them.
fn a_todos(bytes: &[u8]) -> bool {
    let evento = CODEC.decode_event_envelope(bytes).is_ok_and(|(_, cuerpo)| cuerpo.decode().is_ok());
    let resultados = [
        CODEC.decode_command(bytes).is_ok(),
        CODEC.decode_event(bytes).is_ok(),
        CODEC.decode_reply(bytes).is_ok(),
        CODEC.decode_snapshot(bytes).is_ok(),
        CODEC.decode_audit(bytes).is_ok(),
        CODEC.decode_dlq(bytes).is_ok(),
    ];
    evento || resultados.contains(&true)
}

fn id_de(registro: Registro) -> [u8; 4] {
    let (_, valor) = con_registro(&mut Muestras::de("id")).into_iter().find(|(r, _)| *r == registro).unwrap();
    valor.encode().unwrap()[1..5].try_into().unwrap()
}

pub fn con_marco(registro: Registro, avro: &[u8]) -> Vec<u8> {
    [&[0], &id_de(registro)[..], avro].concat()
}

proptest! {
    #[test]
    fn bytes_al_azar(bytes in prop::collection::vec(any::<u8>(), 0..600), registro in 0..Registro::TODOS.len()) {
        a_todos(&bytes);
        a_todos(&con_marco(Registro::TODOS[registro], &bytes));
    }

    #[test]
    fn truncado_es_error(semilla: u64, corte: prop::sample::Index) {
        for (registro, valor) in con_registro(&mut Muestras::new(semilla)) {
            let bytes = valor.encode().unwrap();
            let corto = &bytes[..corte.index(bytes.len())];
            prop_assert!(valor.decode_alike(corto).is_err(), "{} a {} de {}", registro.nombre(), corto.len(), bytes.len());
        }
    }

    #[test]
    fn bits_volteados(semilla: u64, bit: prop::sample::Index) {
        for (_, valor) in con_registro(&mut Muestras::new(semilla)) {
            let mut bytes = valor.encode().unwrap().to_vec();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            a_todos(&bytes);
        }
    }
}

#[test]
fn cada_error_dice_que_pasa() {
    assert_eq!(CODEC.decode_reply(&[]), Err(CodecError::NotFramed));
    assert_eq!(CODEC.decode_reply(&[1, 0, 0, 0, 1, 0]), Err(CodecError::NotFramed));
    assert_eq!(CODEC.decode_reply(&[0, 0, 1, 0, 0]), Err(CodecError::UnknownSchema(65_536)));
    let grande = vec![0; MAX_RECORD_BYTES + 1];
    assert_eq!(CODEC.decode_reply(&grande), Err(CodecError::TooLarge { bytes: grande.len(), max: MAX_RECORD_BYTES }));
    let ajeno = con_marco(Registro::CrearCliente, &[]);
    assert_eq!(CODEC.decode_reply(&ajeno), Err(CodecError::UnexpectedRecord { expected: "Respuesta", found: "CrearCliente" }));
    let truncado = con_marco(Registro::Respuesta, &[2]);
    assert_eq!(CODEC.decode_reply(&truncado), Err(CodecError::Undecodable("registro truncado")));
    // peticion 1, command_id «/»: not an id.
    let sin_id = con_marco(Registro::Respuesta, &[2, 2, b'/']);
    assert!(matches!(CODEC.decode_reply(&sin_id), Err(CodecError::OutOfDomain { what: "identificador", .. })));
    // A result of branch 9.
    let sin_rama = con_marco(Registro::Respuesta, &[2, 2, b'a', 0, 18]);
    assert!(matches!(CODEC.decode_reply(&sin_rama), Err(CodecError::OutOfDomain { .. })));
}

#[test]
fn sobrar_bytes_es_error() {
    for (registro, valor) in con_registro(&mut Muestras::de("sobra")) {
        let mut bytes = valor.encode().unwrap().to_vec();
        bytes.push(0);
        assert!(valor.decode_alike(&bytes).is_err(), "{}", registro.nombre());
    }
}

#[test]
fn un_cliente_cifrado_se_reconoce() {
    let mut g = Muestras::de("cifrado");
    for (registro, valor) in con_registro(&mut g) {
        if registro != Registro::ClienteCreado {
            continue;
        }
        let Cualquiera::Evento(sobre, _) = &valor else { panic!("ClienteCreado es un evento") };
        // The same envelope before a short body tells where the body starts.
        let corto =
            factumarket::domain::Evento::Cuarentena(factumarket::domain::cuarentena::EventoCuarentena::CuarentenaLevantada {
                motivo: "".into(),
            });
        let con_sobre = CODEC.encode_event(sobre, &corto).unwrap();
        let mut avro = con_sobre[5..con_sobre.len() - 1].to_vec();
        // cliente_id "c", branch 1, clave_id "k1", two bytes.
        avro.extend([2, b'c', 2, 4, b'k', b'1', 4, 9, 9]);
        let bytes = con_marco(registro, &avro);
        let (leido, cuerpo) = CODEC.decode_event_envelope(&bytes).unwrap();
        assert_eq!(&leido, sobre);
        assert_eq!(cuerpo.decode(), Err(CodecError::Encrypted { clave_id: "k1".to_owned() }));
    }
}

#[test]
fn una_lista_enorme_no_pide_memoria() {
    // peticion, command_id, repetido, resultado EnCurso, then a million versions in a record of a few bytes, and of a megabyte.
    let inicio = [2, 2, b'a', 0, 6];
    let millon = [0x80, 0x89, 0x7a];
    let corto = con_marco(Registro::Respuesta, &[&inicio[..], &millon].concat());
    assert_eq!(CODEC.decode_reply(&corto), Err(CodecError::Undecodable("lista más larga que el registro")));
    let mut largo = con_marco(Registro::Respuesta, &[&inicio[..], &millon].concat());
    largo.resize(MAX_RECORD_BYTES, 0);
    assert_eq!(CODEC.decode_reply(&largo), Err(CodecError::Undecodable("el registro pide más memoria que la permitida")));
}

#[test]
fn lo_que_no_cabe_no_se_escribe() {
    let mut g = Muestras::de("grande");
    let mut dlq = g.dlq();
    dlq.valor = vec![7; MAX_RECORD_BYTES].into();
    assert!(matches!(CODEC.encode_dlq(&dlq), Err(CodecError::TooLarge { max: MAX_RECORD_BYTES, .. })));
    let mut respuesta = g.respuesta();
    respuesta.peticion = u64::MAX;
    assert!(matches!(CODEC.encode_reply(&respuesta), Err(CodecError::OutOfDomain { .. })));
    // The failure of one record leaves nothing behind for the next.
    respuesta.peticion = 1;
    let bytes = CODEC.encode_reply(&respuesta).unwrap();
    assert_eq!(CODEC.decode_reply(&bytes), Ok(respuesta));
}
