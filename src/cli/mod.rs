//! The command line: reads what the user asks, runs it, says how it went.

mod acceso;
mod args;
pub mod banco;
mod config_ver;
mod consultar;
mod contexto;
mod destino;
mod doctor;
mod ejemplo;
mod ejemplos;
mod emitir;
mod espanol;
mod fallo;
mod formato;
mod importar;
mod nodo;
mod peticion;
mod salida;
mod vista;

use std::process::ExitCode;

use args::{Cli, ConfigAccion, EjemplosAccion, Orden};
use contexto::Contexto;
use espanol::Pedido;
use fallo::Fallo;
use salida::Salida;

/// Runs the command line of this process.
pub fn principal() -> ExitCode {
    let argumentos: Vec<_> = std::env::args_os().collect();
    let json = argumentos.iter().any(|a| a == "--json");
    let salida = Salida::new(json);
    let resultado = match espanol::leer(argumentos) {
        Ok(Pedido::Mostrar(texto)) => {
            Salida::new(false).linea(texto.trim_end());
            Ok(())
        }
        Ok(Pedido::Ejecutar(cli)) => ejecutar(*cli, salida),
        Err(fallo) => Err(fallo),
    };
    match resultado {
        Ok(()) => ExitCode::SUCCESS,
        Err(fallo) => {
            if !fallo.dicho {
                salida.fallo(&fallo);
            }
            fallo.clase.codigo()
        }
    }
}

fn ejecutar(cli: Cli, salida: Salida) -> Result<(), Fallo> {
    let Cli { global, orden } = cli;
    match orden {
        Orden::Config(args) => {
            let ConfigAccion::Ver { origen } = args.accion;
            config_ver::ver(&Contexto::new(&global, Vec::new(), salida)?, origen)
        }
        Orden::Doctor(_) => doctor::ejecutar(&global, salida),
        Orden::Ejemplos(args) => {
            let EjemplosAccion::Generar { archivo } = args.accion;
            ejemplos::generar(&archivo, salida)
        }
    }
}
