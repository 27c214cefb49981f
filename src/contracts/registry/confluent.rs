//! The schema registry of an installation, by Confluent's protocol (Confluent, Apicurio under `/apis/ccompat/v7`, Karapace).
//!
//! As [`Registry`] it only looks up: a node never registers, `factumarket esquemas aplicar` does. Calls block; never from a runtime.

use std::{error::Error, time::Duration};

use reqwest::{
    Certificate,
    blocking::{Client, ClientBuilder, RequestBuilder},
    header,
};
use schema_registry_converter::{
    blocking::schema_registry::{self as sr, SrSettings},
    error::SRCError,
    schema_registry_common::{RawError, SchemaType, SrCall, SuppliedSchema},
};
use serde::Deserialize;
use serde_json::json;

use super::{Registry, RegistryError};

/// The level that every subject is held to.
pub const LEVEL: &str = "BACKWARD_TRANSITIVE";

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// Codes of the protocol: no such subject, version or schema; no level of its own.
const NOT_FOUND: [u32; 4] = [40401, 40402, 40403, 40408];

/// Codes of an answer that stays the same however often it is asked; also those of 422xx. Any other is of something else: a proxy, a wrong path.
const REFUSALS: [u32; 3] = [409, 401, 403];

/// Where a registry is and how to enter.
#[derive(Clone)]
pub struct ConfluentOptions {
    /// One or more, tried in order: `http://host:8081/apis/ccompat/v7`.
    pub urls: Vec<String>,
    /// User and password of basic authentication.
    pub user: Option<(String, String)>,
    /// PEM of the authorities trusted besides the system's.
    pub ca: Option<Vec<u8>>,
    /// Of one call.
    pub timeout: Duration,
    /// Put before every subject, as before the topics.
    pub prefix: String,
}

/// A client of the registry.
pub struct ConfluentRegistry {
    options: ConfluentOptions,
    settings: SrSettings,
    /// For what the client library does not ask: compatibility levels.
    http: Client,
}

/// A schema as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub id: u32,
    pub schema: String,
}

#[derive(Deserialize)]
struct Level {
    #[serde(rename = "compatibilityLevel")]
    level: String,
}

impl ConfluentRegistry {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// `Unreachable` when the options make no client: no URL, a certificate that is none.
    pub fn new(options: ConfluentOptions) -> Result<Self, RegistryError> {
        let mut options = options;
        for url in &mut options.urls {
            url.truncate(url.trim_end_matches('/').len());
        }
        let named = options.urls.join(", ");
        let wrong = |cause: String| RegistryError::Unreachable { url: named.clone(), cause };
        let mut urls = options.urls.iter().cloned();
        let first = urls.next().ok_or_else(|| wrong("no hay ninguna dirección".to_owned()))?;
        let mut builder = SrSettings::new_builder(first);
        urls.for_each(|url| {
            builder.add_url(url);
        });
        if let Some((user, password)) = &options.user {
            builder.set_basic_authorization(user, Some(password));
        }
        builder.set_timeout(options.timeout);
        let settings = builder.build_with(client(&options).map_err(&wrong)?).map_err(|e| wrong(e.to_string()))?;
        let http = client(&options).map_err(&wrong)?.timeout(options.timeout).build().map_err(|e| wrong(e.to_string()))?;
        Ok(Self { settings, http, options })
    }

    /// Subject on the registry of one of ours.
    pub fn named(&self, subject: &str) -> String {
        format!("{}{subject}", self.options.prefix)
    }

    /// Registers a schema under a subject; the same again changes nothing.
    ///
    /// # Errors
    /// `Refused` when it is not compatible; `Unreachable`.
    pub fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let registered = sr::post_schema(&self.settings, self.named(subject), supplied(schema));
        registered.map(|registered| registered.id).map_err(|e| self.error(subject, &e))
    }

    /// Whether the registry finds the schema compatible with what the subject has, by the subject's level. A new subject takes anything.
    ///
    /// # Errors
    /// `Unreachable`, `Refused`.
    pub fn is_compatible(&self, subject: &str, schema: &str) -> Result<bool, RegistryError> {
        match sr::is_compatible_schema(&self.settings, self.named(subject), supplied(schema)) {
            Err(e) if is_not_found(&e) => Ok(true),
            answer => answer.map_err(|e| self.error(subject, &e)),
        }
    }

    /// The newest schema of a subject.
    ///
    /// # Errors
    /// `Unreachable`, `Refused`.
    pub fn latest(&self, subject: &str) -> Result<Option<Registered>, RegistryError> {
        match sr::perform_sr_call(&self.settings, SrCall::GetLatest(&self.named(subject))) {
            Ok(raw) => Ok(raw.id.zip(raw.schema).map(|(id, schema)| Registered { id, schema })),
            Err(e) if is_not_found(&e) => Ok(None),
            Err(e) => Err(self.error(subject, &e)),
        }
    }

    /// Compatibility level of a subject; `None` when it has none of its own.
    ///
    /// # Errors
    /// `Unreachable`, `Refused`.
    pub fn level(&self, subject: &str) -> Result<Option<String>, RegistryError> {
        let answer = self.config(subject, |url| self.http.get(url))?;
        let Some(text) = answer else { return Ok(None) };
        let level: Level =
            serde_json::from_str(&text).map_err(|e| self.unreachable(format!("no se entiende su respuesta: {e}")))?;
        Ok(Some(level.level))
    }

    /// Holds a subject to [`LEVEL`].
    ///
    /// # Errors
    /// `Unreachable`, `Refused`.
    pub fn hold_to_level(&self, subject: &str) -> Result<(), RegistryError> {
        let body = json!({ "compatibility": LEVEL }).to_string();
        let put = |url: String| self.http.put(url).header(header::CONTENT_TYPE, MEDIA_TYPE).body(body.clone());
        match self.config(subject, put)? {
            Some(_) => Ok(()),
            None => Err(RegistryError::Unregistered { url: self.url(), subject: self.named(subject) }),
        }
    }

    /// Asks for a subject's configuration at the first address that answers; `None`: there is none.
    fn config(&self, subject: &str, request: impl Fn(String) -> RequestBuilder) -> Result<Option<String>, RegistryError> {
        let mut failed = self.unreachable("no hay ninguna dirección".to_owned());
        for base in &self.options.urls {
            let request = request(format!("{base}/config/{}", self.named(subject)));
            let request = match &self.options.user {
                Some((user, password)) => request.basic_auth(user, Some(password)),
                None => request,
            };
            let answer = match request.header(header::ACCEPT, MEDIA_TYPE).send() {
                Ok(answer) => answer,
                Err(e) => {
                    failed = self.unreachable(deepest(&e));
                    continue;
                }
            };
            let status = answer.status();
            let text = answer.text().map_err(|e| self.unreachable(deepest(&e)))?;
            if status.is_success() {
                return Ok(Some(text));
            }
            let code = serde_json::from_str::<RawError>(&text).map_or(0, |e| e.error_code);
            if NOT_FOUND.contains(&code) {
                return Ok(None);
            }
            let cause = format!("responde {status}: {}", text.chars().take(200).collect::<String>());
            failed =
                if REFUSALS.contains(&code) || code / 100 == 422 { self.refused(subject, cause) } else { self.unreachable(cause) };
        }
        Err(failed)
    }

    fn url(&self) -> String {
        self.options.urls.join(", ")
    }

    fn unreachable(&self, cause: String) -> RegistryError {
        RegistryError::Unreachable { url: self.url(), cause }
    }

    fn refused(&self, subject: &str, cause: String) -> RegistryError {
        RegistryError::Refused { url: self.url(), subject: self.named(subject), cause }
    }

    fn error(&self, subject: &str, error: &SRCError) -> RegistryError {
        match raw(error) {
            Some(e) if NOT_FOUND.contains(&e.error_code) => {
                RegistryError::Unregistered { url: self.url(), subject: self.named(subject) }
            }
            Some(e) if REFUSALS.contains(&e.error_code) || e.error_code / 100 == 422 => self.refused(subject, e.message.clone()),
            Some(e) => self.unreachable(format!("no responde como un registro de esquemas ({}: {})", error.error, e.message)),
            None => self.unreachable(error.source().map_or_else(|| error.error.clone(), deepest)),
        }
    }
}

impl Registry for ConfluentRegistry {
    fn id_for(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        let body = json!({ "schema": schema_json, "schemaType": "AVRO" }).to_string();
        let found = sr::perform_sr_call(&self.settings, SrCall::PostForVersion(&self.named(subject), &body));
        let found = found.map_err(|e| self.error(subject, &e))?;
        found.id.ok_or_else(|| self.unreachable("respondió sin id".to_owned()))
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        match sr::get_schema_by_id(id, &self.settings) {
            Ok(registered) => Ok(Some(registered.schema)),
            Err(e) if is_not_found(&e) => Ok(None),
            Err(e) => Err(self.error(&format!("id {id}"), &e)),
        }
    }
}

/// A registry is a service of the installation, as the brokers are: no proxy of the environment stands between.
fn client(options: &ConfluentOptions) -> Result<ClientBuilder, String> {
    let builder = Client::builder().no_proxy();
    let Some(pem) = &options.ca else { return Ok(builder) };
    let trusted =
        Certificate::from_pem_bundle(pem).map_err(|e| format!("los certificados de esquemas.ca_archivo no sirven: {e}"))?;
    Ok(trusted.into_iter().fold(builder, ClientBuilder::add_root_certificate))
}

fn supplied(schema: &str) -> SuppliedSchema {
    SuppliedSchema::new(None, SchemaType::Avro, schema.to_owned())
}

fn raw(error: &SRCError) -> Option<&RawError> {
    error.source().and_then(|source| source.downcast_ref())
}

fn is_not_found(error: &SRCError) -> bool {
    raw(error).is_some_and(|e| NOT_FOUND.contains(&e.error_code))
}

/// The last cause of a chain: the one that says something.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
