//! The exported file: whole, cut, against seals kept elsewhere.

use factumarket::{
    audit::cadena::{Informe, Llavero, SelloFirmado, verificador::verificar_archivo},
    domain::Contexto,
};

use super::comun::{Azar, Historia, clave, escribir, historias, llavero, particion, sellar};

pub fn verificar(archivo: &[u8], llavero: &Llavero, anclas: &[SelloFirmado]) -> Informe {
    verificar_archivo(archivo, llavero, anclas, &mut |_| {}).expect("en memoria")
}

fn sellos(historias: &[Historia]) -> Vec<Vec<SelloFirmado>> {
    historias.iter().map(|h| sellar(h, &clave(1)).1).collect()
}

#[test]
fn a_whole_file_holds_and_says_what_no_seal_covers() {
    let historias = historias(&mut Azar(11));
    for con_datos in [false, true] {
        let archivo = escribir(&historias, &sellos(&historias), con_datos);
        let informe = verificar(&archivo, &llavero(&[&clave(1)]), &[]);
        assert!(informe.integro(), "{:?}", informe.hallazgos);
        assert_eq!((informe.particiones.len(), informe.hojas, informe.sellos), (3, 38, 5));
        let sin_sellar: Vec<u64> = informe.particiones.iter().map(|p| p.sin_sellar()).collect();
        assert_eq!(sin_sellar, [3, 2, 0]);
    }
    let nada = verificar(&escribir(&[], &[], false), &llavero(&[&clave(1)]), &[]);
    assert!(nada.integro() && nada.hojas == 0);
}

#[test]
fn a_file_that_ends_before_its_end_is_cut() {
    let historias = historias(&mut Azar(12));
    let archivo = escribir(&historias, &sellos(&historias), false);
    for hasta in (0..archivo.len()).step_by(7) {
        assert!(!verificar(&archivo[..hasta], &llavero(&[&clave(1)]), &[]).integro(), "{hasta} of {}", archivo.len());
    }
}

/// Who writes the file can leave out what came after a seal, seal and all: in itself it is whole. Against a seal kept elsewhere it is not.
#[test]
fn a_history_cut_at_a_seal_is_found_against_a_seal_kept_elsewhere() {
    let historias = historias(&mut Azar(13));
    let todos = sellos(&historias);
    let anclas: Vec<SelloFirmado> = todos.iter().flatten().cloned().collect();
    let llavero = llavero(&[&clave(1)]);
    let mut cortadas = historias.clone();
    cortadas[0].registros.truncate(10);
    let archivo = escribir(&cortadas, &todos, false);
    let sola = verificar(&archivo, &llavero, &[]);
    assert!(sola.integro() && sola.particiones[0].hojas == 10, "offline it is an older export");
    let contra = verificar(&archivo, &llavero, &anclas);
    assert_eq!(contra.fallas, 1);
    assert!(contra.hallazgos[0].que.contains("cubre 20 hojas y hay 10"), "{:?}", contra.hallazgos);
    assert!(verificar(&escribir(&historias, &todos, false), &llavero, &anclas).integro());
    let sin_una = verificar(&escribir(&historias[1..], &todos[1..], false), &llavero, &anclas);
    assert!(!sin_una.integro() && sin_una.hallazgos[0].particion == Some(historias[0].particion));
}

/// The holder of the key tells two stories: each is whole, and a seal of the other gives it away.
#[test]
fn two_histories_of_one_key_are_found() {
    let una = historias(&mut Azar(14));
    let mut otra = una.clone();
    otra[0].registros[4].version += 1;
    let llavero = llavero(&[&clave(1)]);
    let (de_una, de_otra) = (sellos(&una), sellos(&otra));
    let anclas: Vec<SelloFirmado> = de_una.iter().flatten().cloned().collect();
    assert!(verificar(&escribir(&otra, &de_otra, false), &llavero, &[]).integro());
    let contra = verificar(&escribir(&otra, &de_otra, false), &llavero, &anclas);
    assert!(contra.hallazgos[0].que.contains("dos historias"), "{:?}", contra.hallazgos);
    let ambas = [de_una[0][0].clone(), de_otra[0][0].clone()];
    let contradicho = verificar(&escribir(&una, &de_una, false), &llavero, &ambas);
    assert!(contradicho.hallazgos.iter().any(|h| h.que.contains("dicen cosas distintas")), "{:?}", contradicho.hallazgos);
}

#[test]
fn another_key_another_name_and_another_order_are_refused() {
    let historias = historias(&mut Azar(15));
    let (todos, mia) = (sellos(&historias), llavero(&[&clave(1)]));
    let archivo = escribir(&historias, &todos, false);
    let ajena = verificar(&archivo, &llavero(&[&clave(9)]), &[]);
    assert_eq!(ajena.fallas, 5, "no seal is of that key: {:?}", ajena.hallazgos);
    let otro_nombre = String::from_utf8(archivo).expect("texto").replacen("tienda", "bodega", 1);
    assert!(verificar(otro_nombre.as_bytes(), &mia, &[]).hallazgos[0].que.contains("prueba.example/bodega"));
    let mut revueltas = historias.clone();
    revueltas.swap(0, 1);
    let sellos_revueltos = [todos[1].clone(), todos[0].clone(), todos[2].clone()];
    assert!(!verificar(&escribir(&revueltas, &sellos_revueltos, false), &mia, &[]).integro());
    // A partition that is another's, with its seals.
    let mut prestada = historias[1].clone();
    prestada.particion = particion(Contexto::Inventario, 3);
    let fallas = verificar(&escribir(&[prestada], &[todos[1].clone()], false), &mia, &[]);
    assert!(!fallas.integro());
}

/// A finding says where: the line, the partition, the leaf.
#[test]
fn a_finding_says_where() {
    let historias = historias(&mut Azar(16));
    let archivo = String::from_utf8(escribir(&historias, &sellos(&historias), true)).expect("texto");
    let lineas: Vec<&str> = archivo.lines().collect();
    // Header, opening, eight leaves: the eleventh line is leaf 8.
    let alterada = lineas[10].replacen("\"version\":", "\"version\":7", 1);
    assert_ne!(alterada, lineas[10]);
    let otra: String = lineas.iter().enumerate().map(|(n, l)| format!("{}\n", if n == 10 { &alterada } else { *l })).collect();
    let informe = verificar(otra.as_bytes(), &llavero(&[&clave(1)]), &[]);
    let hallazgo = &informe.hallazgos[0];
    assert_eq!((informe.fallas, hallazgo.linea, hallazgo.hoja), (1, 11, Some(8)));
    assert_eq!(hallazgo.particion, Some(historias[0].particion));
}
