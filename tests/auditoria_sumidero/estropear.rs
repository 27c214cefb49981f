//! Changes to the log, the seals and the tables of a running installation.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use factumarket::{
    audit::cadena::{
        ErrorCadena, Informe, Prueba, Sumidero,
        en_linea::{Origen, contra_registro, exportar},
        verificador::verificar_archivo,
    },
    log::{Topic, TopicPartition},
    tables::{Row, Table, Tables, Value, Write},
};

use super::mundo::{AUDITORIA_0, AUDITORIA_1, Mundo, RegistroEnMemoria, TABLAS, consulta, hasta_el_final};

const MUTACIONES: usize = 2_000;

struct Azar(u64);

impl Azar {
    fn hasta(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % n as u64).expect("cabe")
    }
}

/// Two chains, the first with a tail that no seal covers.
fn sellado() -> Mundo {
    let mundo = Mundo::nuevo(10);
    mundo.consultas(AUDITORIA_0, 0, 47);
    mundo.consultas(AUDITORIA_1, 100, 20);
    hasta_el_final(&mut mundo.abrir());
    assert!(mundo.verificar().integro());
    mundo
}

/// The same world over a copy of its log and of its tables.
fn copia(de: &Mundo) -> Mundo {
    let mut otro = de.con_tablas_nuevas();
    let contenido = de.log.contenido.lock().expect("contenido").clone();
    otro.log = Arc::new(RegistroEnMemoria { contenido: contenido.into(), ..RegistroEnMemoria::default() });
    for tabla in TABLAS.todas() {
        let filas = de.tablas.scan(tabla, None, 10_000).expect("filas").0;
        let escrituras = filas.into_iter().map(|row| Write::Insert { table: tabla, row }).collect();
        otro.tablas.apply(escrituras, &[]).expect("copia");
    }
    otro
}

/// One change somewhere; says where.
fn estropear(mundo: &Mundo, azar: &mut Azar) -> String {
    if azar.hasta(4) == 0 {
        return estropear_tablas(mundo, azar);
    }
    let mut contenido = mundo.log.contenido.lock().expect("contenido");
    let sellos = |n| TopicPartition::new(Topic::AuditoriaSellos, n);
    let cual = [AUDITORIA_0, AUDITORIA_1, sellos(0), sellos(1)][azar.hasta(4)];
    let registros = contenido.get_mut(&cual).expect("hay registros");
    let (lugar, largo) = (azar.hasta(registros.len()), registros.len());
    let que = azar.hasta(6);
    match que {
        0 => {
            let mut bytes = registros[lugar].value.to_vec();
            let byte = azar.hasta(bytes.len());
            bytes[byte] ^= 1 << azar.hasta(8);
            registros[lugar].value = Bytes::from(bytes);
        }
        1 => drop(registros.remove(lugar)),
        2 if cual.topic == Topic::Auditoria => registros.insert(lugar, consulta(&mundo.codec, 5_000 + lugar as u128)),
        // A seal again: but right behind itself, which is what a lost answer does.
        2 => {
            let copia = registros[lugar].clone();
            registros.insert((lugar + 2) % (largo + 1), copia);
        }
        3 => registros.swap(lugar, (lugar + 1 + azar.hasta(largo - 1)) % largo),
        4 => registros.truncate(lugar),
        // Another history from here on.
        _ => registros[lugar..].iter_mut().for_each(|r| *r = consulta(&mundo.codec, 9_000 + lugar as u128)),
    }
    format!("{cual} {lugar} cambio {que}")
}

fn estropear_tablas(mundo: &Mundo, azar: &mut Azar) -> String {
    let tabla: &'static Table = TABLAS.todas()[azar.hasta(3)];
    let filas = mundo.tablas.scan(tabla, None, 10_000).expect("filas").0;
    let mut fila: Row = filas[azar.hasta(filas.len())].clone();
    let columna = azar.hasta(fila.values.len());
    fila.values[columna] = match &fila.values[columna] {
        Value::Bytes(bytes) => {
            let mut bytes = bytes.to_vec();
            let byte = azar.hasta(bytes.len());
            bytes[byte] ^= 1 << azar.hasta(8);
            Value::Bytes(bytes.into())
        }
        Value::Text(texto) => Value::Text(texto.replacen('a', "b", 1).into()),
        Value::Int(n) => Value::Int(n + 1),
        otro => otro.clone(),
    };
    let que = format!("{} {:?} columna {columna}", tabla.name, fila.key);
    mundo.tablas.apply(vec![Write::Insert { table: tabla, row: fila }], &[]).expect("estropea");
    que
}

/// Whether a verification says that something is wrong: a finding, or that what is kept cannot be read.
fn hallado(informe: &Result<Informe, ErrorCadena>) -> bool {
    match informe {
        Ok(informe) => !informe.integro(),
        Err(ErrorCadena::Tablas(_) | ErrorCadena::Danada { .. } | ErrorCadena::Esquema { .. }) => true,
        Err(otro) => panic!("{otro}"),
    }
}

#[test]
fn two_thousand_changes_of_log_seals_and_tables_are_all_found() {
    let (bueno, mut azar) = (sellado(), Azar(0xdead_beef));
    let original = bueno.log.contenido.lock().expect("contenido").clone();
    let (mut hechas, mut repetidos) = (0, 0);
    while hechas < MUTACIONES {
        let mundo = copia(&bueno);
        let que = estropear(&mundo, &mut azar);
        hechas += 1;
        if hallado(&mundo.verificar_con(Some(&mundo.almacen()))) {
            continue;
        }
        // The one change that says nothing new: a seal that is there twice, one behind the other, as a lost answer could leave it.
        let mut contenido = mundo.log.contenido.lock().expect("contenido").clone();
        contenido.iter_mut().filter(|(p, _)| p.topic == Topic::AuditoriaSellos).for_each(|(_, r)| r.dedup());
        assert!(contenido == original, "{que} no se detecta");
        repetidos += 1;
    }
    eprintln!("{hechas} cambios; {repetidos} fueron un mismo sello dos veces seguidas");
    assert!(repetidos < 100, "{repetidos}");
}

/// The sink itself, folding again over a log that was changed, stops and says so before it seals anything.
#[test]
fn a_sink_that_folds_a_changed_log_stops() {
    let bueno = sellado();
    let cambiado = bueno.con_tablas_nuevas();
    {
        let mut contenido = cambiado.log.contenido.lock().expect("contenido");
        let registro = &mut contenido.get_mut(&AUDITORIA_0).expect("registros")[13];
        *registro = consulta(&bueno.codec, 9_999);
    }
    let antes = bueno.sellos(0).len();
    let mut sumidero = cambiado.abrir();
    for _ in 0..3 {
        let vuelta = sumidero.vuelta().expect("vuelta");
        assert_eq!((vuelta.detenidas.len(), vuelta.detenidas[0].0), (1, AUDITORIA_0));
        assert!(vuelta.detenidas[0].1.contains("el sello de 20 hojas no es el de las que hay"), "{:?}", vuelta.detenidas);
    }
    cambiado.reloj.pasan(1_000);
    assert_eq!(sumidero.cerrar(Duration::MAX).expect("cierra").sellos, 0);
    assert_eq!(bueno.sellos(0).len(), antes, "nothing is sealed over it");
    assert!(cambiado.almacen().estado(AUDITORIA_0).expect("tablas").is_none(), "nor kept");
}

/// Leaves after the last seal that are cut from an exported file: it is whole in itself, says that it is not sealed since, and the log
/// tells the rest.
#[test]
fn a_tail_that_is_cut_is_found_against_the_log() {
    let mundo = sellado();
    let llavero = mundo.llavero();
    let origen = Origen { log: &*mundo.log, codec: &mundo.codec, llavero: &llavero };
    let mut archivo = Vec::new();
    exportar(origen, &mut archivo, false, &mut |_, _| {}).expect("exporta");
    let leer = |archivo: &[u8]| verificar_archivo(archivo, &llavero, &[], &mut |_| {}).expect("lee");
    let mut entero = leer(&archivo);
    assert_eq!(entero.sin_sellar(), 7);
    contra_registro(origen, &mut entero, &mut |_, _| {}).expect("lee");
    assert!(entero.integro(), "{:?}", entero.hallazgos);
    // The same export of a log that ends earlier: somebody cut the tail, and knows the format.
    let corto = copia(&mundo);
    corto.log.contenido.lock().expect("contenido").get_mut(&AUDITORIA_0).expect("registros").truncate(43);
    let mut cortado = Vec::new();
    exportar(Origen { log: &*corto.log, ..origen }, &mut cortado, false, &mut |_, _| {}).expect("exporta");
    let mut informe = leer(&cortado);
    assert!(informe.integro() && informe.sin_sellar() == 3, "offline: not sealed since leaf 40");
    contra_registro(origen, &mut informe, &mut |_, _| {}).expect("lee");
    assert!(informe.hallazgos[0].que.contains("termina en 43 hojas y el registro tiene 47"), "{:?}", informe.hallazgos);
    // And the other way about: it is the log that was cut, after its last seal; what the tables keep tells.
    let fallas = corto.verificar();
    assert!(fallas.hallazgos[0].que.contains("al registro le falta el final"), "{:?}", fallas.hallazgos);
    let mut contra_corto = leer(&archivo);
    contra_registro(Origen { log: &*corto.log, ..origen }, &mut contra_corto, &mut |_, _| {}).expect("lee");
    assert!(contra_corto.hallazgos[0].que.contains("al registro le falta el final"), "{:?}", contra_corto.hallazgos);
}

/// Another history of the same length, unsealed: its links differ from those that were exported.
#[test]
fn another_history_is_found_against_the_log() {
    let mundo = sellado();
    let llavero = mundo.llavero();
    let origen = Origen { log: &*mundo.log, codec: &mundo.codec, llavero: &llavero };
    let otro = copia(&mundo);
    otro.log.contenido.lock().expect("contenido").get_mut(&AUDITORIA_0).expect("registros")[45] = consulta(&mundo.codec, 7_777);
    let mut archivo = Vec::new();
    exportar(Origen { log: &*otro.log, ..origen }, &mut archivo, false, &mut |_, _| {}).expect("exporta");
    let mut informe = verificar_archivo(&*archivo, &llavero, &[], &mut |_| {}).expect("lee");
    assert!(informe.integro(), "no seal covers it");
    contra_registro(origen, &mut informe, &mut |_, _| {}).expect("lee");
    assert!(informe.hallazgos[0].que.contains("hay dos historias"), "{:?}", informe.hallazgos);
}

/// A record that was changed after it was chained has no proof: the answer says so instead of giving one.
#[test]
fn a_record_that_was_changed_has_no_proof() {
    let mundo = sellado();
    mundo.log.contenido.lock().expect("contenido").get_mut(&AUDITORIA_0).expect("registros")[5] = consulta(&mundo.codec, 8_888);
    let prueba = Prueba::de(&*mundo.log, &mundo.codec, &mundo.almacen(), &mundo.llavero(), (AUDITORIA_0, 5));
    assert!(matches!(prueba, Err(ErrorCadena::Rota { .. })), "{prueba:?}");
}

/// Tiles that are not those of the chain are noticed when it is taken up, and folding again cures them.
#[test]
fn damaged_tiles_are_refused_and_folded_again() {
    let mundo = sellado();
    let filas = mundo.tablas.scan(TABLAS.azulejos, None, 100).expect("filas").0;
    let mut fila = filas[0].clone();
    let Value::Bytes(nodos) = &fila.values[0] else { panic!("{fila:?}") };
    let mut nodos = nodos.to_vec();
    nodos[20] ^= 1;
    fila.values[0] = Value::Bytes(nodos.into());
    mundo.tablas.apply(vec![Write::Insert { table: TABLAS.azulejos, row: fila }], &[]).expect("daña");
    assert!(matches!(Sumidero::abrir(mundo.medios()).map(drop), Err(ErrorCadena::Danada { .. })));
    mundo.tablas.clear(&TABLAS.todas(), factumarket::audit::cadena::sumidero::CONSUMIDOR).expect("vacía");
    hasta_el_final(&mut mundo.abrir());
    assert!(mundo.verificar().integro());
}
