//! The connection under TLS: whom it trusts, which names it accepts, who this client is.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use openssl::{
    ssl::{SslConnector, SslFiletype, SslMethod, SslVerifyMode},
    x509::{X509, X509Ref, X509StoreContextRef, X509VerifyResult, store::X509StoreBuilder},
};
use scylla::client::session::OpenSsl010Config;

/// `X509_V_ERR_IP_ADDRESS_MISMATCH` of OpenSSL.
const IP_ADDRESS_MISMATCH: i32 = 64;

/// What TLS needs of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM certificates that are trusted; `None`: those of the system.
    pub trusted: Option<PathBuf>,
    /// PEM certificate and private key of this client, for a database that asks for them.
    pub own: Option<(PathBuf, PathBuf)>,
    /// Names that a node's certificate may carry instead of the node's address.
    pub names: Vec<String>,
}

/// Why the certificate of a node was refused last, for the user: the failure that the driver gives does not say.
#[derive(Clone, Default)]
pub(super) struct Refusal(Arc<Mutex<Option<String>>>);

impl Refusal {
    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, why: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

/// What connections are made with. The driver has OpenSSL check that each node's certificate carries its address.
///
/// # Errors
/// A file that cannot be used, for the user: with its setting.
pub(super) fn context(options: &TlsOptions, refusal: Refusal) -> Result<OpenSsl010Config, String> {
    let failed = |e| format!("TLS no se pudo preparar: {e}");
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(failed)?;
    if let Some(file) = &options.trusted {
        let wrong = |e: &dyn std::fmt::Display| format!("tablas.ca_archivo: {} no sirve: {e}", file.display());
        let pem = std::fs::read(file).map_err(|e| wrong(&e))?;
        let certificates = X509::stack_from_pem(&pem).map_err(|e| wrong(&e))?;
        if certificates.is_empty() {
            return Err(wrong(&"no tiene ningún certificado PEM"));
        }
        let mut store = X509StoreBuilder::new().map_err(failed)?;
        for certificate in certificates {
            store.add_cert(certificate).map_err(|e| wrong(&e))?;
        }
        builder.set_cert_store(store.build());
    }
    if let Some((certificate, key)) = &options.own {
        let wrong =
            |setting: &str, file: &PathBuf, e: openssl::error::ErrorStack| format!("{setting}: {} no sirve: {e}", file.display());
        builder.set_certificate_chain_file(certificate).map_err(|e| wrong("tablas.certificado_archivo", certificate, e))?;
        builder.set_private_key_file(key, SslFiletype::PEM).map_err(|e| wrong("tablas.clave_archivo", key, e))?;
        let pair = |e| format!("tablas.clave_archivo no es la clave de tablas.certificado_archivo: {e}");
        builder.check_private_key().map_err(pair)?;
    }
    let names = options.names.clone();
    builder.set_verify_callback(SslVerifyMode::PEER, move |trusted, chain| {
        let wrong = if trusted { None } else { objection(chain, &names) };
        let accepted = wrong.is_none();
        wrong.into_iter().for_each(|why| refusal.put(why));
        accepted
    });
    Ok(OpenSsl010Config::new(builder))
}

/// Why a certificate is refused, for the user; `None` when it carries one of the names although not its node's address.
fn objection(chain: &mut X509StoreContextRef, names: &[String]) -> Option<String> {
    if chain.error().as_raw() != IP_ADDRESS_MISMATCH {
        return Some(format!("no se confía en su certificado ({}): revise tablas.ca_archivo", chain.error().error_string()));
    }
    let carried = |certificate: &X509Ref| names.iter().any(|name| carries(certificate, name));
    if chain.current_cert().is_some_and(carried) {
        chain.set_error(X509VerifyResult::OK);
        return None;
    }
    let ni = if names.is_empty() { String::new() } else { format!(", ni ninguno de los nombres {}", names.join(", ")) };
    Some(format!("su certificado no lleva la dirección del nodo{ni}: revise tablas.nombres_tls"))
}

fn carries(certificate: &X509Ref, name: &str) -> bool {
    let alternatives = certificate.subject_alt_names();
    alternatives.is_some_and(|all| all.iter().filter_map(|one| one.dnsname()).any(|pattern| fits(pattern, name)))
}

/// A wildcard stands for the whole first label and for no other.
fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix("*."), name.split_once('.')) {
        (Some(domain), Some((_, rest))) => domain.contains('.') && domain.eq_ignore_ascii_case(rest),
        _ => pattern.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(fits("Base-1.interno", "base-1.INTERNO"));
        assert!(fits("*.bases.interno", "b1.bases.interno"));
        assert!(!fits("*.bases.interno", "x.b1.bases.interno") && !fits("*.bases.interno", "bases.interno"));
        assert!(!fits("*.interno", "b1.interno"), "no vale para todo un dominio de primer nivel");
        assert!(!fits("base-1.interno", "base-2.interno"));
    }

    #[test]
    fn files_that_do_not_serve_are_told_with_their_settings() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("vacío.pem");
        std::fs::write(&empty, "").unwrap();
        let told = |options: &TlsOptions| context(options, Refusal::default()).err().unwrap();
        assert!(
            told(&TlsOptions { trusted: Some("/no/hay".into()), ..TlsOptions::default() })
                .starts_with("tablas.ca_archivo: /no/hay")
        );
        assert!(told(&TlsOptions { trusted: Some(empty.clone()), ..TlsOptions::default() }).contains("ningún certificado"));
        let own = Some((empty.clone(), empty));
        assert!(told(&TlsOptions { own, ..TlsOptions::default() }).starts_with("tablas.certificado_archivo"));
    }
}
