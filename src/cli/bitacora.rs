//! The log of the program itself, on standard error.

use std::io;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{AjustesBitacora, FormatoBitacora};

/// Starts it. `RUST_LOG`, for whoever develops, wins over the configuration.
pub fn iniciar(ajustes: &AjustesBitacora) {
    let filtro = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(ajustes.nivel));
    let base = fmt().with_env_filter(filtro).with_writer(io::stderr);
    // It fails only when there is one already: in tests that run several commands in one process.
    let _ = match ajustes.formato {
        FormatoBitacora::Texto => base.with_target(false).with_ansi(false).try_init(),
        FormatoBitacora::Json => base.json().try_init(),
    };
}
