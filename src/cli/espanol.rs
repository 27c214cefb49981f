//! clap speaks English by itself: its headings, its help flag and its errors are said here in Spanish.

use clap::{
    Arg, ArgAction, Command, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    args::Cli,
    fallo::{Clase, Fallo},
};

const PLANTILLA: &str = "{about-with-newline}\nUso: {usage}\n\n{all-args}{after-help}";

/// The command line with Spanish headings and flags.
pub fn ordenes() -> Command {
    traducir(Cli::command().disable_help_subcommand(true)).subcommand_value_name("ORDEN")
}

fn traducir(orden: Command) -> Command {
    let es_raiz = orden.get_name() == "factumarket";
    let mut orden = orden
        .help_template(PLANTILLA)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .subcommand_help_heading("Órdenes")
        .arg(Arg::new("ayuda").long("ayuda").visible_alias("help").short('h').action(ArgAction::Help).help("Muestra esta ayuda"));
    if es_raiz {
        orden = orden.arg(Arg::new("version").long("version").short('V').action(ArgAction::Version).help("Muestra la versión"));
    }
    orden
        .mut_args(|arg| {
            let titulo = if arg.is_positional() { "Argumentos" } else { "Opciones" };
            let con_valor = arg.get_action().takes_values();
            // The command's own flags first.
            let arg = if arg.is_global_set() { arg.display_order(900) } else { arg };
            let arg = arg.help_heading(titulo);
            if con_valor { arg.hide_default_value(true).hide_possible_values(true) } else { arg }
        })
        .mut_subcommands(traducir)
}

/// What the command line asked for.
pub enum Pedido {
    Ejecutar(Box<Cli>),
    /// Help or version: text for standard output.
    Mostrar(String),
}

/// Reads the command line.
///
/// # Errors
/// A [`Fallo`] of class `Uso`.
pub fn leer(argumentos: Vec<std::ffi::OsString>) -> Result<Pedido, Fallo> {
    let leido = ordenes().try_get_matches_from(argumentos).and_then(|m| Cli::from_arg_matches(&m));
    match leido {
        Ok(cli) => Ok(Pedido::Ejecutar(Box::new(cli))),
        Err(e) => match e.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Pedido::Mostrar(espanolizar(&e.to_string()))),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => Err(Fallo::new(
                Clase::Uso,
                "falta la orden",
                "la línea de órdenes no dice qué hacer",
                "Pruebe: factumarket demo. Todas las órdenes: factumarket --ayuda.",
            )),
            _ => Err(fallo_de_uso(&e)),
        },
    }
}

/// The few English words that clap adds by itself to a help text.
fn espanolizar(ayuda: &str) -> String {
    ayuda.replace("[aliases: --help]", "[también --help]").replace("[alias: --help]", "[también --help]")
}

fn fallo_de_uso(e: &clap::Error) -> Fallo {
    let texto = |clase| match e.get(clase) {
        Some(ContextValue::String(texto)) => texto.clone(),
        Some(ContextValue::Strings(textos)) => textos.join(", "),
        _ => String::new(),
    };
    let (argumento, valor) = (texto(ContextKind::InvalidArg), texto(ContextKind::InvalidValue));
    let (que, por_que) = match e.kind() {
        ErrorKind::InvalidSubcommand => {
            (format!("no existe la orden «{}»", texto(ContextKind::InvalidSubcommand)), "no es ninguna de las órdenes")
        }
        ErrorKind::UnknownArgument => (format!("no se reconoce «{argumento}»"), "esta orden no tiene ese argumento"),
        ErrorKind::MissingRequiredArgument => (format!("falta {argumento}"), "es un argumento obligatorio de esta orden"),
        ErrorKind::InvalidValue if valor.is_empty() => (format!("{argumento} necesita un valor"), "no se escribió ninguno"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            (format!("el valor «{valor}» no sirve para {argumento}"), "no es del tipo o está fuera de los límites de la ayuda")
        }
        ErrorKind::ArgumentConflict => (format!("«{argumento}» sobra o está repetido"), "no se puede usar así"),
        _ => ("la línea de órdenes no se entiende".to_owned(), "tiene argumentos que sobran, faltan o no son texto"),
    };
    let sugerencia = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg].map(texto).into_iter().find(|s| !s.is_empty());
    let hacer = match sugerencia {
        Some(mejor) => format!("¿Quiso decir «{mejor}»? Ayuda: factumarket ORDEN --ayuda."),
        None => "Vea la ayuda: factumarket --ayuda, o factumarket ORDEN --ayuda.".to_owned(),
    };
    Fallo::new(Clase::Uso, que, por_que, hacer)
}
