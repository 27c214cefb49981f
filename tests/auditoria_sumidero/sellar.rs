//! Chaining and sealing.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use factumarket::{
    audit::cadena::{ClavePrivada, Llavero, Prueba, Sello, en_linea::exportar, nota::Nota},
    audit::cadena::{Medios, Sumidero, en_linea::Origen, verificador::verificar_archivo},
    domain::valores::Instante,
    log::{Log, Record, Topic, TopicPartition},
    tables::Tables,
};

use super::mundo::{AUDITORIA_0, AUDITORIA_1, Mundo, TABLAS, hasta_el_final};

fn hojas_selladas(sellos: &[Record]) -> Vec<u64> {
    let leer = |r: &Record| {
        let nota = std::str::from_utf8(&r.value).expect("texto").to_owned();
        Sello::leer(Nota::leer(&nota).expect("nota").texto).expect("sello").hojas
    };
    sellos.iter().map(leer).collect()
}

#[test]
fn a_seal_comes_with_so_many_leaves_or_when_the_minute_is_over() {
    let mundo = Mundo::nuevo(10);
    let mut sumidero = mundo.abrir();
    mundo.consultas(AUDITORIA_0, 0, 25);
    let vuelta = hasta_el_final(&mut sumidero);
    assert_eq!((vuelta.hojas, vuelta.sellos, sumidero.sin_sellar()), (25, 2, 5));
    assert_eq!(hojas_selladas(&mundo.sellos(0)), [10, 20]);
    mundo.reloj.pasan(59);
    assert_eq!(sumidero.vuelta().expect("vuelta").sellos, 0, "the minute is not over");
    assert_eq!(sumidero.proximo_plazo().map(|p| p.as_secs()), Some(60));
    mundo.reloj.pasan(1);
    assert_eq!(sumidero.vuelta().expect("vuelta").sellos, 1);
    assert_eq!(hojas_selladas(&mundo.sellos(0)), [10, 20, 25]);
    assert_eq!((sumidero.sin_sellar(), sumidero.proximo_plazo()), (0, None));
    mundo.reloj.pasan(600);
    assert_eq!(sumidero.vuelta().expect("vuelta").sellos, 0, "nothing new, nothing to seal");
    // A seal counts from the one before: the next ten end at 35.
    mundo.consultas(AUDITORIA_0, 25, 11);
    hasta_el_final(&mut sumidero);
    assert_eq!(hojas_selladas(&mundo.sellos(0)), [10, 20, 25, 35]);
    let informe = mundo.verificar();
    assert!(informe.integro(), "{:?}", informe.hallazgos);
    assert_eq!((informe.hojas, informe.sellos, informe.sin_sellar()), (36, 4, 1));
}

#[test]
fn an_orderly_stop_seals_what_there_is() {
    let mundo = Mundo::nuevo(1_000);
    mundo.consultas(AUDITORIA_0, 0, 3);
    mundo.consultas(AUDITORIA_1, 3, 600);
    let cerrado = mundo.abrir().cerrar(Duration::MAX).expect("cierra");
    assert_eq!((cerrado.hojas, cerrado.sellos), (603, 2));
    assert_eq!(mundo.verificar().sin_sellar(), 0);
}

/// Dying anywhere between two rounds or inside of one ends in the same seals and the same tables as never dying.
#[test]
fn a_sink_that_dies_again_and_again_leaves_the_same() {
    let entero = Mundo::nuevo(7);
    let roto = Mundo::nuevo(7);
    let mut de_entero = entero.abrir();
    let mut numero = 0;
    for vuelta in 0..60 {
        for (mundo, cuantas) in [(&entero, 1 + vuelta % 5), (&roto, 1 + vuelta % 5)] {
            mundo.consultas(AUDITORIA_0, numero, cuantas);
            mundo.consultas(AUDITORIA_1, numero + 1_000, 2);
        }
        numero += 1 + vuelta % 5;
        hasta_el_final(&mut de_entero);
        let mut de_roto = roto.abrir();
        match vuelta % 3 {
            0 => roto.log.falla_escrito.store(true, Ordering::Relaxed),
            1 => roto.log.falla_antes.store(true, Ordering::Relaxed),
            _ => {}
        }
        // It may have nothing to append in this round.
        if de_roto.vuelta().is_err() {
            de_roto = roto.abrir();
        }
        roto.log.falla_escrito.store(false, Ordering::Relaxed);
        roto.log.falla_antes.store(false, Ordering::Relaxed);
        hasta_el_final(&mut de_roto);
    }
    // A seal whose answer was lost is found on the log by whoever goes on: it is there once.
    let notas = |mundo: &Mundo, n| mundo.sellos(n).into_iter().map(|r| r.value).collect::<Vec<Bytes>>();
    assert_eq!((notas(&entero, 0), notas(&entero, 1)), (notas(&roto, 0), notas(&roto, 1)));
    assert!(notas(&roto, 0).len() > 10);
    for particion in [AUDITORIA_0, AUDITORIA_1] {
        assert_eq!(entero.almacen().estado(particion).unwrap(), roto.almacen().estado(particion).unwrap());
    }
    assert!(roto.verificar().integro(), "{:?}", roto.verificar().hallazgos);
}

/// Tables are a fold: empty ones filled from the log are the same, rows and all, and no seal is made twice.
#[test]
fn tables_that_are_folded_again_are_the_same() {
    let mundo = Mundo::nuevo(100);
    mundo.consultas(AUDITORIA_0, 0, 1_234);
    mundo.consultas(AUDITORIA_1, 5_000, 300);
    mundo.abrir().cerrar(Duration::MAX).expect("cierra");
    let sellos = (mundo.sellos(0), mundo.sellos(1));
    let otro = mundo.con_tablas_nuevas();
    let vuelta = otro.abrir().cerrar(Duration::MAX).expect("cierra");
    assert_eq!((vuelta.hojas, vuelta.sellos), (1_534, 0), "every seal was there");
    assert_eq!((otro.sellos(0), otro.sellos(1)), sellos);
    for tabla in TABLAS.todas() {
        let filas = |m: &Mundo| m.tablas.scan(tabla, None, 10_000).expect("filas").0;
        assert_eq!(filas(&mundo), filas(&otro), "{}", tabla.name);
        assert!(!filas(&mundo).is_empty());
    }
    assert!(otro.verificar().integro());
}

/// Each record's proof holds with the public key alone, and of no other record.
#[test]
fn every_record_has_its_proof() {
    let mundo = Mundo::nuevo(100);
    mundo.consultas(AUDITORIA_0, 0, 777);
    let mut sumidero = mundo.abrir();
    hasta_el_final(&mut sumidero);
    let (almacen, llavero) = (mundo.almacen(), mundo.llavero());
    let prueba = |posicion| Prueba::de(&*mundo.log, &mundo.codec, &almacen, &llavero, (AUDITORIA_0, posicion)).expect("se lee");
    for posicion in 0..700 {
        let hecha = prueba(posicion).expect("hay prueba");
        assert_eq!(hecha.verificar(&llavero), Ok((posicion / 100 + 1) * 100), "{posicion}");
        assert_eq!(Prueba::de_json(&hecha.to_json()), Some(hecha));
    }
    let sin_sello = prueba(750).expect("encadenada");
    assert!(sin_sello.verificar(&llavero).expect_err("sin sello").contains("todavía"));
    assert_eq!(prueba(777), None, "nothing is there");
    let mut ajena = prueba(3).expect("hay prueba");
    ajena.version += 1;
    assert!(ajena.verificar(&llavero).is_err());
    let mut movida = prueba(3).expect("hay prueba");
    movida.numero += 1;
    assert!(movida.verificar(&llavero).is_err());
    let otra = ClavePrivada::nueva("prueba.example", &[9; 32]).expect("clave").publica();
    assert!(prueba(3).expect("hay prueba").verificar(&Llavero::nuevo(vec![otra]).expect("llavero")).is_err());
}

/// Bytes that nobody can read are chained all the same; a schema of tomorrow stops the chain until tomorrow's program goes on.
#[test]
fn what_cannot_be_read_is_chained_and_what_is_of_tomorrow_waits() {
    let mundo = Mundo::nuevo(10);
    let basura =
        |value: &'static [u8]| Record { key: Bytes::new(), value: value.into(), headers: Vec::new(), timestamp: Instante(7) };
    mundo.consultas(AUDITORIA_0, 0, 3);
    mundo.log.append(vec![(AUDITORIA_0, basura(b"basura"))]).expect("escribe");
    mundo.consultas(AUDITORIA_0, 3, 3);
    let mut sumidero = mundo.abrir();
    assert_eq!(hasta_el_final(&mut sumidero).hojas, 7);
    let llavero = mundo.llavero();
    let mala = Prueba::de(&*mundo.log, &mundo.codec, &mundo.almacen(), &llavero, (AUDITORIA_0, 3)).expect("se lee");
    let mala = mala.expect("encadenada");
    assert_eq!((mala.tipo.as_str(), mala.evento_id, mala.ocurrido_en), ("Indecodificable", None, Instante(7)));
    // A frame of a schema that this program does not know.
    mundo.log.append(vec![(AUDITORIA_0, basura(b"\0\x7f\xff\xff\xffmanana"))]).expect("escribe");
    mundo.consultas(AUDITORIA_0, 6, 1);
    mundo.consultas(AUDITORIA_1, 6, 1);
    let vuelta = sumidero.vuelta().expect("vuelta");
    assert_eq!(vuelta.hojas, 1, "the other partition goes on");
    assert_eq!(vuelta.detenidas.len(), 1);
    assert!(vuelta.detenidas[0].1.contains("no conoce el esquema 2147483647"), "{:?}", vuelta.detenidas);
    assert_eq!(sumidero.vuelta().expect("vuelta").detenidas.len(), 1, "and is tried again");
}

/// Without the key chains go on and seals are checked, and none is made.
#[test]
fn a_sink_without_a_key_only_checks() {
    let mundo = Mundo::nuevo(10);
    mundo.consultas(AUDITORIA_0, 0, 30);
    hasta_el_final(&mut mundo.abrir());
    let testigo = mundo.con_tablas_nuevas();
    let mut sin_clave = Sumidero::abrir(Medios { clave: None, ..testigo.medios() }).expect("se abre");
    mundo.consultas(AUDITORIA_0, 30, 30);
    let vuelta = sin_clave.cerrar(Duration::MAX).expect("cierra");
    assert_eq!((vuelta.hojas, vuelta.sellos, sin_clave.sin_sellar()), (60, 0, 30));
    assert_eq!(mundo.sellos(0).len(), 3);
}

/// After a change of keys, seals of both are believed with both public keys, and go on in one succession.
#[test]
fn a_key_is_succeeded_without_a_break() {
    let mundo = Mundo::nuevo(10);
    mundo.consultas(AUDITORIA_0, 0, 20);
    hasta_el_final(&mut mundo.abrir());
    let nueva = ClavePrivada::nueva("prueba.example", &[4; 32]).expect("clave");
    let ambas = Llavero::nuevo(vec![mundo.clave.publica(), nueva.publica()]).expect("llavero");
    let medios = Medios { clave: Some(nueva), llavero: ambas.clone(), ..mundo.medios() };
    mundo.consultas(AUDITORIA_0, 20, 20);
    assert_eq!(hasta_el_final(&mut Sumidero::abrir(medios).expect("se abre")).sellos, 2);
    let origen = Origen { log: &*mundo.log, codec: &mundo.codec, llavero: &ambas };
    let mut archivo = Vec::new();
    let hecho = exportar(origen, &mut archivo, false, &mut |_, _| {}).expect("exporta");
    assert_eq!((hecho.hojas, hecho.sellos), (40, 4));
    assert!(verificar_archivo(&*archivo, &ambas, &[], &mut |_| {}).expect("lee").integro());
    let solo_vieja = verificar_archivo(&*archivo, &mundo.llavero(), &[], &mut |_| {}).expect("lee");
    assert_eq!(solo_vieja.fallas, 2, "{:?}", solo_vieja.hallazgos);
}

/// The verification of an installation that goes on working finds nothing that is not there.
#[test]
fn what_goes_on_while_it_is_verified_is_no_finding() {
    let mundo = Mundo::nuevo(3);
    mundo.consultas(AUDITORIA_0, 0, 5);
    let mut sumidero = mundo.abrir();
    hasta_el_final(&mut sumidero);
    std::thread::scope(|hilos| {
        let trabajo = hilos.spawn(|| {
            for n in 0..400 {
                mundo.consultas(AUDITORIA_0, 5 + n, 1);
                mundo.consultas(AUDITORIA_1, 5_000 + n, 1);
                sumidero.vuelta().expect("vuelta");
            }
        });
        let mut verificadas = 0;
        while !trabajo.is_finished() || verificadas == 0 {
            let informe = mundo.verificar();
            assert!(informe.integro(), "{:?}", informe.hallazgos);
            verificadas += 1;
        }
    });
    assert_eq!(mundo.verificar().hojas, 805);
}

/// A key that takes another's place without its public one among those that are believed would begin a second succession: it does not.
#[test]
fn a_key_whose_forerunner_is_forgotten_seals_nothing() {
    let mundo = Mundo::nuevo(10);
    mundo.consultas(AUDITORIA_0, 0, 20);
    hasta_el_final(&mut mundo.abrir());
    let nueva = ClavePrivada::nueva("prueba.example", &[4; 32]).expect("clave");
    let sola = Llavero::nuevo(vec![nueva.publica()]).expect("llavero");
    let medios = Medios { clave: Some(nueva), llavero: sola, ..mundo.medios() };
    let por_que = Sumidero::abrir(medios).map(drop).expect_err("se niega").to_string();
    assert!(por_que.contains("también las claves de antes"), "{por_que}");
}

/// What somebody else writes to the seals' topic is told and harms nothing.
#[test]
fn a_stranger_in_the_topic_of_seals_harms_nothing() {
    let mundo = Mundo::nuevo(10);
    mundo.consultas(AUDITORIA_0, 0, 10);
    let mut sumidero = mundo.abrir();
    hasta_el_final(&mut sumidero);
    let tema = TopicPartition::new(Topic::AuditoriaSellos, 0);
    let mut ajeno = mundo.sellos(0)[0].clone();
    ajeno.value = Bytes::from_static(b"nada de nada");
    mundo.log.append(vec![(tema, ajeno)]).expect("escribe");
    mundo.consultas(AUDITORIA_0, 10, 10);
    let vuelta = sumidero.vuelta().expect("vuelta");
    assert_eq!((vuelta.ajenos, vuelta.hojas, vuelta.sellos, vuelta.detenidas.len()), (1, 10, 1, 0));
    let informe = mundo.verificar();
    assert_eq!(informe.fallas, 1, "{:?}", informe.hallazgos);
    assert!(informe.hallazgos[0].que.contains("no es de esta instalación"));
}
