//! Personal data on the log, sealed with a key of each client that can be destroyed: what it sealed is then no longer anybody's (ADR 18).
//!
//! Events and snapshots carry a client's data in the union `[claro, ClienteCifrado]`. With keys at hand the codec writes the second, and
//! reads both. Two keys a client, because they end at different times: the record of the client at its erasure, the copies in documents when
//! the law stops asking for them.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use aes_gcm_siv::{
    Aes256GcmSiv, KeyInit, Nonce,
    aead::{Aead, Payload},
};

use crate::domain::{
    catalogo::cliente::{CambiosCliente, DatosCliente},
    valores::Id,
};

/// Bytes of a key: AES-256.
pub const BYTES_DE_CLAVE: usize = 32;

/// What sealed bytes begin with: AES-256-GCM-SIV under the client's key.
const FORMATO: u8 = 1;

/// The cipher is of those that survive a repeated nonce (RFC 8452): a fixed one makes equal data of one client equal bytes, and nothing else.
/// That is wanted: what the log says depends on no randomness, and a record encoded twice is the same record.
const SIN_NONCE: [u8; 12] = [0; 12];

/// What a key protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uso {
    /// The client's own record: events and snapshots of the catalogue.
    Ficha,
    /// The copies of the client in invoices and credit notes.
    Documentos,
}

impl Uso {
    /// The key's name on the wire: `ficha/1017`.
    pub fn clave_id(self, cliente_id: &Id) -> String {
        format!("{}/{cliente_id}", self.nombre())
    }

    /// `ficha`, `documentos`.
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Ficha => "ficha",
            Self::Documentos => "documentos",
        }
    }
}

/// A key; wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Clave(zeroize::Zeroizing<[u8; BYTES_DE_CLAVE]>);

impl Clave {
    pub fn new(bytes: [u8; BYTES_DE_CLAVE]) -> Self {
        Self(zeroize::Zeroizing::new(bytes))
    }

    pub fn bytes(&self) -> &[u8; BYTES_DE_CLAVE] {
        &self.0
    }

    /// Sealed: format, ciphertext and tag, 17 bytes more than `datos`. `que` is bound to it: what is opened as something else fails.
    pub fn sellar(&self, que: &str, datos: &[u8]) -> Option<Vec<u8>> {
        let cifrado = self.cifra()?.encrypt(&Nonce::from(SIN_NONCE), Payload { msg: datos, aad: que.as_bytes() }).ok()?;
        Some([&[FORMATO], cifrado.as_slice()].concat())
    }

    /// The data; `None` when this key or `que` did not seal it, or a bit of it changed.
    pub fn abrir(&self, que: &str, sellado: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        let (&FORMATO, cifrado) = sellado.split_first()? else { return None };
        let datos = self.cifra()?.decrypt(&Nonce::from(SIN_NONCE), Payload { msg: cifrado, aad: que.as_bytes() }).ok()?;
        Some(zeroize::Zeroizing::new(datos))
    }

    fn cifra(&self) -> Option<Aes256GcmSiv> {
        Aes256GcmSiv::new_from_slice(&self.0[..]).ok()
    }
}

impl fmt::Debug for Clave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clave(…)")
    }
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EstadoClave {
    Vigente(Arc<Clave>),
    /// It was destroyed on purpose, and what it sealed with it.
    Destruida,
    /// Never heard of: the keys are not those of this log.
    Desconocida,
}

/// Why keys could not be had, in Spanish and with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("las claves de los datos personales: {0}")]
pub struct ErrorBoveda(pub String);

/// Port of the keys. Adapters: a file of the folder and a topic of the log (`node::boveda`), memory. A key is made once for each name; who destroys it destroys it
/// for everybody.
pub trait Boveda: fmt::Debug + Send + Sync + 'static {
    /// # Errors
    /// When it could not be found out: it is asked again.
    fn clave(&self, clave_id: &str) -> Result<EstadoClave, ErrorBoveda>;

    /// The key, made now if nobody asked for it before; `None` when it was destroyed.
    ///
    /// # Errors
    /// When a new key cannot be kept.
    fn clave_o_nueva(&self, clave_id: &str) -> Result<Option<Arc<Clave>>, ErrorBoveda>;

    /// Returns when the keys made before are safe: nothing sealed with them may be durable earlier.
    ///
    /// # Errors
    /// When they cannot be kept, or are not the ones that count: what they sealed is sealed again.
    fn sincronizar(&self) -> Result<(), ErrorBoveda>;

    /// Destroys the key for ever, and returns when it is gone; false when it was before. A key that nobody made will not be made any more.
    ///
    /// # Errors
    /// When it cannot be destroyed: it may then be alive, and must be destroyed again.
    fn destruir(&self, clave_id: &str) -> Result<bool, ErrorBoveda>;
}

/// Personal data that can be destroyed.
pub trait Suprimible: Sized {
    /// Bound to the sealed bytes, so that none passes for the other.
    const QUE: &'static str;
    /// What stands in its place when the key is gone.
    fn suprimido() -> Self;
    fn es_suprimido(&self) -> bool;
}

static SUPRIMIDOS: LazyLock<Arc<DatosCliente>> = LazyLock::new(|| Arc::new(DatosCliente::suprimidos()));

impl Suprimible for Arc<DatosCliente> {
    const QUE: &'static str = "ClienteClaro";

    fn suprimido() -> Self {
        Arc::clone(&SUPRIMIDOS)
    }

    fn es_suprimido(&self) -> bool {
        **self == **SUPRIMIDOS
    }
}

impl Suprimible for Box<CambiosCliente> {
    const QUE: &'static str = "CambiosClienteClaro";

    /// No change: the client that it would change has none of its data either.
    fn suprimido() -> Self {
        Box::default()
    }

    fn es_suprimido(&self) -> bool {
        **self == CambiosCliente::default()
    }
}

/// Keys in memory, for tests and simulations: each is a function of the seed and its name.
#[derive(Debug, Default)]
pub struct BovedaEnMemoria {
    semilla: u64,
    destruidas: std::sync::Mutex<std::collections::BTreeSet<String>>,
}

impl BovedaEnMemoria {
    pub fn new(semilla: u64) -> Self {
        Self { semilla, ..Self::default() }
    }

    fn destruidas(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeSet<String>> {
        self.destruidas.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Boveda for BovedaEnMemoria {
    fn clave(&self, clave_id: &str) -> Result<EstadoClave, ErrorBoveda> {
        use sha2::{Digest, Sha256};
        if self.destruidas().contains(clave_id) {
            return Ok(EstadoClave::Destruida);
        }
        let bytes = Sha256::new().chain_update(self.semilla.to_be_bytes()).chain_update(clave_id).finalize();
        Ok(EstadoClave::Vigente(Arc::new(Clave::new(bytes.into()))))
    }

    fn clave_o_nueva(&self, clave_id: &str) -> Result<Option<Arc<Clave>>, ErrorBoveda> {
        Ok(match self.clave(clave_id)? {
            EstadoClave::Vigente(clave) => Some(clave),
            EstadoClave::Destruida | EstadoClave::Desconocida => None,
        })
    }

    fn sincronizar(&self) -> Result<(), ErrorBoveda> {
        Ok(())
    }

    fn destruir(&self, clave_id: &str) -> Result<bool, ErrorBoveda> {
        Ok(self.destruidas().insert(clave_id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is sealed opens only with its key, for what it was sealed, and unchanged.
        #[test]
        fn lo_sellado_se_abre_sólo_como_se_selló(
            clave: [u8; 32], otra: [u8; 32], datos in proptest::collection::vec(any::<u8>(), 0..200), bit: prop::sample::Index,
        ) {
            prop_assume!(clave != otra);
            let clave = Clave::new(clave);
            let sellado = clave.sellar("a", &datos).expect("sellado");
            prop_assert_eq!(sellado.len(), datos.len() + 17);
            prop_assert_eq!(clave.abrir("a", &sellado).map(|d| d.to_vec()), Some(datos));
            prop_assert_eq!(clave.abrir("b", &sellado), None);
            prop_assert_eq!(Clave::new(otra).abrir("a", &sellado), None);
            let bit = bit.index(sellado.len() * 8);
            let mut cambiado = sellado;
            cambiado[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(clave.abrir("a", &cambiado), None);
        }
    }

    /// What is on logs must open for ever.
    #[test]
    fn los_bytes_no_cambian() {
        let sellado = Clave::new([7; 32]).sellar("ClienteClaro", b"dato").expect("sellado");
        let hex: String = sellado.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "0113a01238fa3e10de553705d300dcdf3f4696372f");
    }
}
