//! The command line, nothing else.

use std::process::ExitCode;

/// Less fragmentation over days of work, and faster than the system's under the engine's load.
#[global_allocator]
static MEMORIA: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is freed stays with the process: an epoch's memory is asked for again at once, and given back in between it comes back as pages for
/// the kernel to clear (ADR 4). The process keeps what it once needed, which its own limits bound.
const NUNCA: std::ffi::c_long = -1;
/// `mi_option_purge_delay` of mimalloc 3, which its crate does not name.
const MI_OPTION_PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn retener_memoria() {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
        // SAFETY: sets a number that the allocator reads when it next looks; any moment will do.
        unsafe { libmimalloc_sys::mi_option_set(MI_OPTION_PURGE_DELAY, NUNCA) };
    }
}

fn main() -> ExitCode {
    retener_memoria();
    factumarket::cli::principal()
}
