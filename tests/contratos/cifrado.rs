//! Personal data sealed on the wire: every event and snapshot, with their keys, without them, and when the keys are gone.

use std::sync::Arc;

use apache_avro::types::Value;
use factumarket::{
    contracts::{Boveda, BovedaEnMemoria, Codec, CodecError, Uso},
    domain::{
        Evento,
        catalogo::cliente::{DatosCliente, EventoCliente},
        facturacion::factura::EventoFactura,
        valores::Id,
    },
};
use proptest::prelude::*;

use crate::{CODEC, Cualquiera, comun::Muestras, con_registro, esquemas::esquema, esquemas::leer};

fn sellador() -> (Arc<BovedaEnMemoria>, Codec) {
    let boveda = Arc::new(BovedaEnMemoria::new(7));
    let codec = (**CODEC).clone().with_keys(Arc::clone(&boveda) as Arc<dyn Boveda>, true);
    (boveda, codec)
}

/// Whose data an event carries and which.
fn personales(evento: &Evento) -> Option<(&Id, &DatosCliente)> {
    match evento {
        Evento::Cliente(EventoCliente::ClienteCreado { cliente_id, datos }) => Some((cliente_id, datos)),
        Evento::Factura(EventoFactura::FacturaEmitida(factura)) => Some((&factura.cabecera.cliente_id, &factura.cliente)),
        Evento::Factura(EventoFactura::EmisionIniciada(inicio)) => Some((inicio.cliente_id.as_ref()?, &inicio.cliente)),
        _ => None,
    }
}

/// Whether a union of personal data is anywhere in a record, and none of them is in the clear.
fn sellado(valor: &Value) -> Option<bool> {
    match valor {
        Value::Union(rama, dentro) => match &**dentro {
            Value::Record(campos) if campos.iter().any(|(nombre, _)| nombre == "clave_id") => Some(*rama == 1),
            Value::Record(campos) if campos.iter().any(|(nombre, _)| nombre == "estado_fiscal") => Some(false),
            otro => sellado(otro),
        },
        Value::Record(campos) => campos.iter().filter_map(|(_, valor)| sellado(valor)).reduce(|a, b| a && b),
        Value::Array(valores) => valores.iter().filter_map(sellado).reduce(|a, b| a && b),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn con_su_clave_todo_vuelve_igual_y_nada_se_dice_en_claro(semilla: u64) {
        let (_, codec) = sellador();
        for (registro, valor) in con_registro(&mut Muestras::new(semilla)) {
            match &valor {
                Cualquiera::Evento(sobre, evento) => {
                    let bytes = codec.encode_event(sobre, evento).unwrap();
                    prop_assert_eq!(&codec.decode_event(&bytes).unwrap().evento, evento, "{}", registro.nombre());
                    prop_assert_eq!(&codec.encode_event(sobre, evento).unwrap(), &bytes, "otra vez, los mismos bytes");
                    // Another implementation reads the record, and finds whose data it is.
                    let ajeno = leer(&esquema(registro), &bytes[5..]);
                    if personales(evento).is_some() {
                        prop_assert_eq!(sellado(&ajeno), Some(true), "{}", registro.nombre());
                        let sin_clave = matches!(CODEC.decode_event(&bytes), Err(CodecError::Encrypted { .. }));
                        prop_assert!(sin_clave, "{}", registro.nombre());
                    }
                }
                Cualquiera::Instantanea(instantanea) => {
                    let bytes = codec.encode_snapshot(instantanea).unwrap();
                    prop_assert_eq!(&codec.decode_snapshot(&bytes).unwrap(), instantanea, "{}", registro.nombre());
                    prop_assert!(sellado(&leer(&esquema(registro), &bytes[5..])) != Some(false), "{}", registro.nombre());
                }
                _ => {}
            }
        }
    }

    #[test]
    fn sin_la_clave_queda_todo_lo_demas(semilla: u64) {
        let (boveda, codec) = sellador();
        for (_, valor) in con_registro(&mut Muestras::new(semilla)) {
            let Cualquiera::Evento(sobre, evento) = &valor else { continue };
            let Some((cliente_id, _)) = personales(evento) else { continue };
            let bytes = codec.encode_event(sobre, evento).unwrap();
            for uso in [Uso::Ficha, Uso::Documentos] {
                boveda.destruir(&uso.clave_id(cliente_id)).unwrap();
            }
            let leido = codec.decode_event(&bytes).unwrap();
            prop_assert_eq!(&leido.sobre, sobre);
            let (de, datos) = personales(&leido.evento).expect("sigue siendo el mismo evento");
            prop_assert!(datos.es_suprimido());
            prop_assert_eq!(de, cliente_id);
            // Written again, it is the same fact, in the clear because it says nothing of anybody.
            let otra = codec.encode_event(sobre, &leido.evento).unwrap();
            prop_assert_eq!(CODEC.decode_event(&otra).unwrap().evento, leido.evento);
        }
    }
}
