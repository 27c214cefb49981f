//! What is written is read back equal, with the envelope apart from the body.

use factumarket::{
    contracts::{CodecError, Registro},
    domain::{
        Comando,
        catalogo::cliente::ComandoCliente,
        facturacion::factura::{ComandoFactura, DatosFactura},
        valores::{Decimal, Id},
    },
};
use proptest::prelude::*;

use crate::{CODEC, Cualquiera, comun::Muestras, con_registro};

proptest! {
    #[test]
    fn todo_registro_vuelve_igual(semilla: u64) {
        for (registro, valor) in con_registro(&mut Muestras::new(semilla)) {
            let bytes = valor.encode().map_err(|e| TestCaseError::fail(format!("{}: {e}", registro.nombre())))?;
            prop_assert_eq!(valor.decode_alike(&bytes), Ok(valor.clone()), "{}", registro.nombre());
        }
    }

    #[test]
    fn el_sobre_se_lee_sin_el_cuerpo(semilla: u64) {
        for (registro, valor) in con_registro(&mut Muestras::new(semilla)) {
            let Cualquiera::Evento(sobre, evento) = &valor else { continue };
            let bytes = CODEC.encode_event(sobre, evento).unwrap();
            let (leido, cuerpo) = CODEC.decode_event_envelope(&bytes).unwrap();
            prop_assert_eq!(&leido, sobre);
            prop_assert_eq!(cuerpo.tipo(), registro.nombre());
            prop_assert_eq!(cuerpo.tipo(), evento.tipo());
            prop_assert_eq!(&cuerpo.decode().unwrap(), evento);
            // A body cut short does not hinder its envelope.
            let sin_fin = &bytes[..bytes.len() - 1];
            if let Ok((leido, cuerpo)) = CODEC.decode_event_envelope(sin_fin) {
                prop_assert_eq!(&leido, sobre);
                prop_assert!(cuerpo.decode().is_err());
            }
        }
    }

    #[test]
    fn la_huella_es_del_cuerpo_y_no_del_sobre(semilla: u64) {
        let mut g = Muestras::new(semilla);
        for comando in g.comandos() {
            let (a, b) = (g.comando(comando.clone()), g.comando(comando));
            let huella = |c| CODEC.decode_command(&CODEC.encode_command(c).unwrap()).unwrap().huella;
            prop_assert_eq!(huella(&a), huella(&b));
        }
    }
}

#[test]
fn la_huella_distingue_contenidos_y_no_ceros_a_la_derecha() {
    let mut g = Muestras::de("huella");
    let precio = |g: &mut Muestras, texto: &str| {
        let precio = texto.parse::<Decimal>().unwrap();
        let id = Id::new("p1").unwrap();
        let comando =
            Comando::Producto(factumarket::domain::catalogo::producto::ComandoProducto::CambiarPrecio { producto_id: id, precio });
        let sobre = g.comando(comando);
        CODEC.decode_command(&CODEC.encode_command(&sobre).unwrap()).unwrap().huella
    };
    assert_eq!(precio(&mut g, "10.50"), precio(&mut g, "10.5"));
    assert_ne!(precio(&mut g, "10.50"), precio(&mut g, "10.51"));
}

#[test]
fn la_huella_distingue_comandos_de_un_mismo_agregado_con_un_mismo_cuerpo() {
    let mut g = Muestras::de("nombres");
    let (id, datos) = (g.id(), Box::new(g.datos_factura()));
    let huella = |g: &mut Muestras, comando: Comando| {
        let sobre = g.comando(comando);
        CODEC.decode_command(&CODEC.encode_command(&sobre).unwrap()).unwrap().huella
    };
    let factura = |comando: fn(Id) -> ComandoFactura| Comando::Factura(comando(id.clone()));
    let con_datos = |comando: fn(Id, Box<DatosFactura>) -> ComandoFactura| Comando::Factura(comando(id.clone(), datos.clone()));
    let gemelos = [
        (
            Comando::Cliente(ComandoCliente::InactivarCliente { cliente_id: id.clone() }),
            Comando::Cliente(ComandoCliente::ReactivarCliente { cliente_id: id.clone() }),
        ),
        (
            factura(|factura_id| ComandoFactura::EmitirFactura { factura_id, fechas: None }),
            factura(|factura_id| ComandoFactura::QuitarLinea { factura_id, linea: 0 }),
        ),
        (
            factura(|factura_id| ComandoFactura::DescartarFactura { factura_id }),
            factura(|factura_id| ComandoFactura::EmitirFactura { factura_id, fechas: None }),
        ),
        (
            con_datos(|factura_id, datos| ComandoFactura::CrearFactura { factura_id, datos }),
            con_datos(|factura_id, datos| ComandoFactura::CrearYEmitirFactura { factura_id, datos }),
        ),
    ];
    for (uno, otro) in gemelos {
        assert_ne!(huella(&mut g, uno.clone()), huella(&mut g, otro.clone()), "{uno:?} y {otro:?}");
        let vieja = huella(&mut g, uno);
        assert!(!CODEC.is_fingerprint_of(&vieja, &otro), "{otro:?}");
    }
}

#[test]
fn un_plazo_vencido_nunca_se_escribe() {
    let mut g = Muestras::de("plazo");
    let comando = Comando::Factura(ComandoFactura::VencioPlazo { factura_id: g.id(), intento: 1 });
    let sobre = g.comando(comando);
    assert_eq!(CODEC.encode_command(&sobre), Err(CodecError::NotOnWire("VencioPlazo")));
}

#[test]
fn los_nombres_de_los_registros_son_los_del_dominio() {
    for (registro, valor) in con_registro(&mut Muestras::de("nombres")) {
        match valor {
            Cualquiera::Comando(c) => assert_eq!(registro.nombre(), c.comando.tipo()),
            Cualquiera::Evento(_, e) => assert_eq!(registro.nombre(), e.tipo()),
            Cualquiera::Instantanea(_) => assert!(registro.nombre().starts_with("Instantanea")),
            Cualquiera::Respuesta(_) => assert_eq!(registro, Registro::Respuesta),
            Cualquiera::Auditoria(_) => assert!(matches!(registro, Registro::ComandoRechazado | Registro::ConsultaRealizada)),
            Cualquiera::Dlq(_) => assert_eq!(registro, Registro::RegistroDlq),
        }
    }
}
