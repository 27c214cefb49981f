//! Ten thousand ways to spoil an exported audit, by hands that cannot sign: every one is found.
//!
//! A cut after the last seal is another matter: those leaves have no signature yet. Offline the verification says how many leaves are
//! sealed, and against a seal kept elsewhere or the log it says that there were more (`archivo.rs`, and the tests of the sink). So it is
//! with a whole partition, or a seal and all that follows it, that was left out.

use factumarket::audit::cadena::{Llavero, SelloFirmado};

use super::{
    archivo::verificar,
    comun::{Azar, Historia, Registro, clave, escribir, historias, llavero, sellar},
};

const MUTACIONES: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clase {
    Flip,
    Delete,
    Insert,
    Swap,
    Truncate,
    Fork,
}

const CLASES: [Clase; 6] = [Clase::Flip, Clase::Delete, Clase::Insert, Clase::Swap, Clase::Truncate, Clase::Fork];

/// What the spoiler has: the file, and what it was made of.
struct Mesa {
    historias: Vec<Historia>,
    sellos: Vec<Vec<SelloFirmado>>,
    archivo: Vec<u8>,
    llavero: Llavero,
}

impl Mesa {
    fn nueva(azar: &mut Azar) -> Self {
        let historias = historias(azar);
        let sellos: Vec<_> = historias.iter().map(|h| sellar(h, &clave(1)).1).collect();
        let archivo = escribir(&historias, &sellos, azar.hasta(2) == 0);
        Self { historias, sellos, archivo, llavero: llavero(&[&clave(1)]) }
    }

    fn lineas(&self) -> Vec<Vec<u8>> {
        self.archivo.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// A spoiled file: half of the time its bytes or lines, without care; half of the time its records, with every link, count and end
    /// computed anew, as someone who knows the format would. Sealed leaves only: see the note above.
    fn estropear(&self, clase: Clase, azar: &mut Azar) -> Vec<u8> {
        if azar.hasta(2) == 0 && clase != Clase::Fork { self.sin_cuidado(clase, azar) } else { self.con_cuidado(clase, azar) }
    }

    fn sin_cuidado(&self, clase: Clase, azar: &mut Azar) -> Vec<u8> {
        let (mut bytes, mut lineas) = (self.archivo.clone(), self.lineas());
        let (lugar, linea) = (azar.hasta(bytes.len()), azar.hasta(lineas.len()));
        match clase {
            Clase::Flip => bytes[lugar] ^= 1 << azar.hasta(8),
            Clase::Delete if azar.hasta(2) == 0 => drop(bytes.remove(lugar)),
            Clase::Delete => {
                lineas.remove(linea);
                bytes = lineas.concat();
            }
            Clase::Insert if azar.hasta(2) == 0 => bytes.insert(lugar, azar.numero().to_le_bytes()[2]),
            Clase::Insert => {
                let copia = lineas[azar.hasta(lineas.len())].clone();
                lineas.insert(linea, copia);
                bytes = lineas.concat();
            }
            Clase::Swap => {
                let otra = (linea + 1 + azar.hasta(lineas.len() - 1)) % lineas.len();
                lineas.swap(linea, otra);
                bytes = lineas.concat();
            }
            Clase::Truncate | Clase::Fork => bytes.truncate(lugar),
        }
        bytes
    }

    fn con_cuidado(&self, clase: Clase, azar: &mut Azar) -> Vec<u8> {
        let (mut historias, mut sellos) = (self.historias.clone(), self.sellos.clone());
        let cual = azar.hasta(historias.len());
        let selladas = usize::try_from(*historias[cual].sellos.last().expect("sellos")).expect("cabe");
        if azar.hasta(4) == 0 && sellos_estropeados(clase, &mut sellos, cual, azar) {
            return escribir(&historias, &sellos, azar.hasta(2) == 0);
        }
        let registros = &mut historias[cual].registros;
        let hoja = azar.hasta(selladas);
        match clase {
            Clase::Flip => alterar(&mut registros[hoja], azar),
            Clase::Delete => drop(registros.remove(hoja)),
            Clase::Insert => registros.insert(hoja, Registro::al_azar(azar)),
            Clase::Swap => {
                let otra = (hoja + 1 + azar.hasta(registros.len() - 1)) % registros.len();
                registros.swap(hoja, otra);
            }
            // The end of the story goes and its seals stay.
            Clase::Truncate => registros.truncate(hoja.max(1)),
            // From a leaf on it is another story; the seals of the true one, or of another key, stay where they were.
            Clase::Fork => {
                registros[hoja..].iter_mut().for_each(|registro| *registro = Registro::al_azar(azar));
                if azar.hasta(2) == 0 {
                    sellos[cual] = sellar(&historias[cual], &clave(66)).1;
                }
            }
        }
        // A seal whose leaves are gone goes to the end.
        let quedan = historias[cual].registros.len() as u64;
        sellos[cual].iter_mut().filter(|s| s.sello.hojas > quedan).for_each(|s| s.sello.hojas = quedan);
        escribir(&historias, &sellos, azar.hasta(2) == 0)
    }
}

/// Spoils the seals and leaves the records; false when this class has no such way.
fn sellos_estropeados(clase: Clase, sellos: &mut [Vec<SelloFirmado>], cual: usize, azar: &mut Azar) -> bool {
    let otra = (cual + 1) % sellos.len();
    let ajeno = sellos[otra][0].nota.clone();
    let suyos = &mut sellos[cual];
    match clase {
        // The place where it stands; what it says stays.
        Clase::Flip => suyos[0].sello.hojas -= 1,
        // Not the last one: see the note at the top.
        Clase::Delete if suyos.len() > 1 => drop(suyos.remove(0)),
        Clase::Insert => {
            let copia = suyos[azar.hasta(suyos.len())].clone();
            suyos.push(copia);
        }
        // One of another partition, in its place.
        Clase::Swap => suyos[0].nota = ajeno,
        Clase::Delete | Clase::Truncate | Clase::Fork => return false,
    }
    true
}

fn alterar(registro: &mut Registro, azar: &mut Azar) {
    match azar.hasta(4) {
        0 => registro.version += 1,
        1 => registro.en ^= 1 << azar.hasta(40),
        2 => registro.tipo = if registro.tipo == "FacturaEmitida" { "FacturaAnulada" } else { "FacturaEmitida" },
        _ => registro.valor.push(0),
    }
}

#[test]
fn ten_thousand_mutations_are_all_found() {
    let mut azar = Azar(0x5eed);
    let (mut hechas, mut por_clase, mut primeras) = (0, [0usize; CLASES.len()], std::collections::BTreeSet::new());
    let mut mesa = Mesa::nueva(&mut azar);
    while hechas < MUTACIONES {
        // Another history now and then: a file of 45 lines has only so many places.
        if hechas % 500 == 499 {
            mesa = Mesa::nueva(&mut azar);
        }
        let cual = azar.hasta(CLASES.len());
        let estropeado = mesa.estropear(CLASES[cual], &mut azar);
        if estropeado == mesa.archivo || sin_los_datos(&estropeado) == sin_los_datos(&mesa.archivo) {
            // Two equal lines changed places: nothing changed.
            continue;
        }
        hechas += 1;
        por_clase[cual] += 1;
        let informe = verificar(&estropeado, &mesa.llavero, &[]);
        assert!(
            !informe.integro(),
            "la mutación {hechas}, {:?}, no se detecta:\n{}",
            CLASES[cual],
            String::from_utf8_lossy(&estropeado)
        );
        primeras.extend(informe.hallazgos.first().map(|h| h.que.clone()));
    }
    eprintln!("{hechas} mutaciones, todas detectadas: {CLASES:?} = {por_clase:?}; {} mensajes distintos", primeras.len());
    assert!(por_clase.iter().all(|n| *n > MUTACIONES / 10), "{por_clase:?}");
    assert!(primeras.len() > 10, "cada daño se explica: {primeras:#?}");
}

/// The file as it would be without the values, to tell whether two say the same.
fn sin_los_datos(archivo: &[u8]) -> Vec<u8> {
    let quitar = |linea: &[u8]| match linea.windows(10).position(|v| v == b",\"valor\":\"") {
        Some(lugar) => [&linea[..lugar], b"}\n"].concat(),
        None => linea.to_vec(),
    };
    archivo.split_inclusive(|b| *b == b'\n').flat_map(quitar).collect()
}
