//! Lines of an import: the whole file, its lines, their plans and the commands they ask for.

use factumarket::{
    cli::importar::{
        lineas::{Linea, Lineas, MAX_LINEA},
        plan::Planificador,
    },
    domain::valores::Id,
    engine::ports::SystemIds,
};

use super::{
    comandos::{con_razones, contexto, viaja},
    memoria::acotada,
};

/// Fields of the lines.
pub const PALABRAS: &[&str] = &[
    "{\"tipo\":\"cliente\",",
    "{\"tipo\":\"producto\",",
    "{\"tipo\":\"bodega\",",
    "{\"tipo\":\"entrada\",",
    "{\"tipo\":\"pedido\",",
    "\"canal\":\"web\",",
    "\"pedido_id\":",
    "\"movimiento_id\":",
    "\"producto_id\":",
    "\"bodega_id\":",
    "\"id\":",
    "\"cantidad\":",
    "\"costo_unitario\":",
    "\"lineas\":[",
    "}\n",
    "\r\n",
    "\u{feff}",
    "null",
    "1e9",
    "\"\"",
    "\" \"",
];

const POR_BYTE: usize = 256;
const FIJO: usize = 4 << 20;

pub fn cuerpo(datos: &[u8]) -> bool {
    acotada(FIJO + POR_BYTE * datos.len(), || importar(datos))
}

/// Says whether a line of the file became a command.
fn importar(datos: &[u8]) -> bool {
    let mut lineas = Lineas::new(datos);
    let (mut planes, mut esperado, mut leida) = (Planificador::default(), 1, false);
    while let Some((numero, linea)) = lineas.siguiente().expect("la memoria no falla") {
        assert_eq!(numero, esperado, "las líneas se numeran seguidas");
        esperado += 1;
        match linea {
            Linea::Entera(bytes) => leida |= planear(&mut planes, &bytes),
            Linea::SinFin(bytes) => {
                assert_eq!(lineas.leidos(), datos.len() as u64, "sólo la última no tiene fin");
                leida |= planear(&mut planes, &bytes);
            }
            Linea::Larga(inicio) => assert!(inicio.len() <= MAX_LINEA),
        }
    }
    assert_eq!(lineas.leidos(), datos.len() as u64, "todo el archivo se leyó");
    let fines = datos.iter().filter(|b| **b == b'\n').count() as u64;
    let sin_fin = u64::from(datos.last().is_some_and(|b| *b != b'\n'));
    assert_eq!(esperado - 1, fines + sin_fin);
    leida
}

fn planear(planes: &mut Planificador, bytes: &[u8]) -> bool {
    let plan = match planes.planear(bytes) {
        Ok(plan) => plan,
        Err(motivos) => {
            assert!(!motivos.is_empty() && motivos.iter().all(|m| !m.mensaje.is_empty()));
            return false;
        }
    };
    // The same line asks for the same thing, whatever came before it.
    let otro = Planificador::default().planear(bytes).expect("la misma línea, el mismo plan");
    let ultima = |p: &factumarket::cli::importar::plan::Plan| p.peticiones.last().map(|p| (p.clave.clone(), p.cuerpo.clone()));
    assert_eq!((plan.tipo, ultima(&plan)), (otro.tipo, ultima(&otro)));
    let mut leida = false;
    for peticion in otro.peticiones {
        assert!(Id::new(&peticion.clave).is_ok(), "la clave es el id del comando");
        match peticion.comando(&contexto(&SystemIds)) {
            Ok(comando) => {
                viaja(comando, bytes.len());
                leida = true;
            }
            Err(errores) => con_razones(&errores),
        }
    }
    leida
}
