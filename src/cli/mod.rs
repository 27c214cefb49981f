//! The command line: reads what the user asks, runs it, says how it went.

mod acceso;
mod args;
mod auditoria;
pub mod banco;
mod bitacora;
mod borrador;
mod config_ver;
mod consultar;
mod contexto;
mod demo;
mod destino;
mod diferencia;
mod dlq;
mod doctor;
mod dominio;
mod ejemplo;
mod ejemplos;
mod emitir;
mod espanol;
mod esquemas;
mod fallo;
mod formato;
#[doc(hidden)]
pub mod importar;
mod modificar;
mod nodo;
#[doc(hidden)]
pub mod peticion;
mod proyecciones;
mod reglas;
mod reportes;
mod retirar;
mod salida;
mod senales;
mod servir;
mod sim;
mod tablas;
mod topologia;
mod verificar;
mod versiones;
mod vista;

use std::{net::SocketAddr, process::ExitCode};

use args::{Cli, ConfigAccion, DominioAccion, EjemplosAccion, Orden};
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
    let con = |propias: Vec<Bandera>| {
        let contexto = Contexto::new(&global, propias, salida)?;
        bitacora::iniciar(&contexto.configuracion.bitacora);
        Ok(contexto)
    };
    match orden {
        Orden::Demo(args) => {
            let contexto = con(direccion(args.direccion))?;
            let contexto = if contexto.carpeta_sin_elegir() { contexto.con_carpeta(demo::CARPETA) } else { contexto };
            demo::ejecutar(&contexto, &args)
        }
        Orden::Servir(args) => {
            servir::ejecutar(&con([direccion(args.direccion), tablas_en(args.tablas.as_deref())].concat())?, &args)
        }
        Orden::Importar(args) => importar::ejecutar(&con(Vec::new())?, &args),
        Orden::Emitir(args) => emitir::ejecutar(&con(Vec::new())?, &args),
        Orden::Factura(args) => consultar::factura(&con(Vec::new())?, &args),
        Orden::Nota(args) => modificar::nota(&con(Vec::new())?, &args),
        Orden::Anular(args) => modificar::anular(&con(Vec::new())?, &args),
        Orden::RespuestaDian(args) => modificar::respuesta_dian(&con(Vec::new())?, &args),
        Orden::Borrador(args) => borrador::ejecutar(&con(Vec::new())?, &args.accion),
        Orden::Dominio(args) => match args.accion {
            DominioAccion::Explicar(args) => dominio::explicar(&con(Vec::new())?, &args),
            DominioAccion::Reglas => {
                salida.linea(reglas::pagina().trim_end());
                salida.resultado(&reglas::en_json());
                Ok(())
            }
        },
        Orden::Stock(args) => consultar::stock(&con(Vec::new())?, &args),
        Orden::Kardex(args) => consultar::kardex(&con(Vec::new())?, &args),
        Orden::Cuenta(args) => consultar::cuenta(&con(Vec::new())?, &args),
        Orden::Reportes(args) => reportes::ejecutar(&con(Vec::new())?, &args.accion),
        Orden::Config(args) => {
            let ConfigAccion::Ver { origen } = args.accion;
            config_ver::ver(&con(Vec::new())?, origen)
        }
        Orden::Topologia(args) => topologia::ejecutar(&con(Vec::new())?, args.accion),
        Orden::Dlq(args) => dlq::ejecutar(&con(Vec::new())?, &args.accion),
        Orden::Tablas(args) => tablas::ejecutar(&con(Vec::new())?, args.accion),
        Orden::Proyecciones(args) => proyecciones::ejecutar(&con(Vec::new())?, &args.accion),
        Orden::Auditoria(args) => auditoria::ejecutar(&con(Vec::new())?, &args.accion),
        Orden::Esquemas(args) => esquemas::ejecutar(&con(Vec::new())?, args.accion),
        Orden::Banco(args) => banco::ejecutar(&con(Vec::new())?, &args),
        Orden::Sim(args) => sim::ejecutar(&args, salida),
        Orden::Verificar(args) => verificar::ejecutar(&con(Vec::new())?, &args),
        Orden::Doctor(_) => doctor::ejecutar(&global, salida),
        Orden::Ejemplos(args) => match args.accion {
            EjemplosAccion::Generar { archivo } => ejemplos::generar(&archivo, salida),
            EjemplosAccion::Configuracion { archivo } => ejemplos::configuracion(&archivo, salida),
        },
    }
}

/// A setting of the command's own flags: name, value, flag as written.
type Bandera = (String, String, String);

/// `--tablas`: nodes of a database, or the folder.
fn tablas_en(donde: Option<&str>) -> Vec<Bandera> {
    let ajuste = |nombre: &str, valor: &str| (nombre.to_owned(), valor.to_owned(), "--tablas".to_owned());
    match donde {
        None => Vec::new(),
        Some("carpeta") => vec![ajuste("tablas.tipo", "carpeta")],
        Some(nodos) => vec![ajuste("tablas.tipo", "cql"), ajuste("tablas.nodos", nodos)],
    }
}

fn direccion(direccion: Option<SocketAddr>) -> Vec<Bandera> {
    let en_ajuste = |d: SocketAddr| ("servidor.direccion".to_owned(), d.to_string(), "--direccion".to_owned());
    direccion.map(en_ajuste).into_iter().collect()
}
