//! The command around an import: where it goes, what it tells.

use super::{Importado, Opciones, abrir, importar, rechazados_por_defecto};
use crate::cli::{
    acceso::Acceso,
    args::ImportarArgs,
    contexto::Contexto,
    fallo::{Clase, Fallo},
};

/// # Errors
/// Class `Uso` for a file that is no good, `Validacion` when every line was refused, else what stopped it.
pub fn ejecutar(contexto: &Contexto, args: &ImportarArgs) -> Result<(), Fallo> {
    let archivo = abrir(&args.archivo)?;
    let rechazados = args.rechazados.clone().unwrap_or_else(|| rechazados_por_defecto(&args.archivo));
    if rechazados == args.archivo {
        return Err(Fallo::new(
            Clase::Uso,
            "el archivo de rechazadas es el mismo que se importa",
            "se borraría al empezar",
            "Indique otro con --rechazados.",
        ));
    }
    let opciones = Opciones { archivo: args.archivo.clone(), rechazados, en_curso: args.en_curso as usize };
    let acceso = Acceso::abrir(contexto)?;
    let importado = importar(archivo, &opciones, acceso.destino().as_mut(), &contexto.salida);
    acceso.cerrar()?;
    terminar(contexto, &importado?)
}

fn terminar(contexto: &Contexto, importado: &Importado) -> Result<(), Fallo> {
    let Importado { informe, duracion, rechazados } = importado;
    informe.mostrar(&contexto.salida, *duracion, rechazados.as_deref());
    contexto.salida.resultado(&informe.json(*duracion, rechazados.as_deref()));
    if informe.rechazadas > 0 && informe.nuevas() == 0 && informe.repetidas == 0 {
        return Err(Fallo::dicho(Clase::Validacion, "ninguna línea se aceptó"));
    }
    Ok(())
}
