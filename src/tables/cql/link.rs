//! The connection: options, the driver's session, and calls that block from any thread.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
    errors::{DbError, ExecutionError, RequestAttemptError},
    policies::timestamp_generator::MonotonicTimestampGenerator,
    response::{PagingState, PagingStateResponse, query_result::QueryResult},
    statement::{
        SerialConsistency,
        batch::{Batch, BatchType},
        prepared::PreparedStatement,
    },
    value::{CqlValue, Row},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::OnceCell,
};

use super::{
    tls::{self, Refusal, TlsOptions},
    values::Bound,
};
use crate::tables::TablesError;

/// How many replicas answer for a read or a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    One,
    LocalQuorum,
    Quorum,
}

impl Consistency {
    fn of_driver(self) -> scylla::statement::Consistency {
        match self {
            Self::One => scylla::statement::Consistency::One,
            Self::LocalQuorum => scylla::statement::Consistency::LocalQuorum,
            Self::Quorum => scylla::statement::Consistency::Quorum,
        }
    }
}

/// Where the tables are and how they are asked.
#[derive(Debug, Clone)]
pub struct CqlOptions {
    /// `host:port` of some nodes; the driver finds the others.
    pub nodes: Vec<String>,
    /// Keyspace: lower case letters, digits and `_`.
    pub keyspace: String,
    /// Name and password; `None` asks for none.
    pub user: Option<(String, String)>,
    /// `None`: in the clear.
    pub tls: Option<TlsOptions>,
    /// Of reads and of writes: with LOCAL_QUORUM, or with one replica, a read sees every write that was answered.
    pub consistency: Consistency,
    /// Copies of each row, when the keyspace is created here.
    pub replicas: u16,
    /// Whether missing keyspace and tables are created; otherwise they are an error.
    pub create: bool,
    /// Longest that a request is waited for.
    pub timeout: Duration,
    /// Requests in flight, of all the sinks together. From 1.
    pub in_flight: usize,
    /// Whether a database that does not answer while tables are declared is asked again with their first use.
    pub patient: bool,
    /// The caller's word that nobody else feeds the keyspace: the turn is taken with the first write, and not kept.
    pub seize: bool,
}

impl Default for CqlOptions {
    fn default() -> Self {
        Self {
            nodes: vec!["127.0.0.1:9042".to_owned()],
            keyspace: "factumarket".to_owned(),
            user: None,
            tls: None,
            consistency: Consistency::LocalQuorum,
            replicas: 1,
            create: true,
            timeout: Duration::from_secs(10),
            in_flight: 128,
            patient: false,
            seize: false,
        }
    }
}

/// What a failure of the database is for the user. Its settings are named, because most are mended there.
pub fn failed(what: &str, cause: impl std::fmt::Display) -> TablesError {
    TablesError::Storage(format!(
        "la base de datos de las tablas {what} ({cause}): los comandos siguen y las consultas se pondrán al día solas; revise que responda \
         y los ajustes [tablas] nodos, espacio, usuario, tls y plazo_ms"
    ))
}

/// A connection that another setting would let through.
fn unwelcome(what: &str, why: &str) -> TablesError {
    TablesError::Storage(format!("{what}: {why}. Los comandos siguen y las consultas se pondrán al día solas"))
}

/// Why there is no session. The driver's failures are told apart by their texts, which it does not promise: what is not known is told whole.
fn unopened(error: &dyn std::error::Error, tls: bool) -> TablesError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let rejected = "la base de datos de las tablas no admite la conexión";
    if says(&["Authentication", "authentication", "credentials", "username and/or password"]) {
        return unwelcome(rejected, &format!("revise tablas.usuario y tablas.contrasena_archivo ({text})"));
    }
    if tls && says(&["alert", "certificate required", "bad certificate"]) {
        return unwelcome(rejected, &format!("revise tablas.certificado_archivo y tablas.clave_archivo ({text})"));
    }
    if tls && says(&["wrong version number", "packet length too long", "unexpected eof", "record layer"]) {
        return unwelcome(rejected, &format!("no habla TLS en ese puerto: revise tablas.tls y tablas.nodos ({text})"));
    }
    failed("no responde", text)
}

/// A session and its prepared statements.
pub struct Link {
    pub session: Session,
    consistency: Consistency,
    /// By text. A few per table.
    prepared: Mutex<HashMap<String, Arc<OnceCell<Arc<PreparedStatement>>>>>,
}

/// Times that a statement is sent before a server that keeps forgetting it is a failure. Requests in flight that find it forgotten prepare it
/// again all at once, and a server may forget it between one and the next: each time fewer are left.
const SENDS: usize = 8;

impl Link {
    /// # Errors
    /// `Storage` when no node answers in time.
    pub async fn open(options: &CqlOptions) -> Result<Self, TablesError> {
        let profile =
            ExecutionProfile::builder().consistency(options.consistency.of_driver()).request_timeout(Some(options.timeout)).build();
        let mut builder = SessionBuilder::new()
            .known_nodes(&options.nodes)
            .connection_timeout(options.timeout)
            .default_execution_profile_handle(profile.into_handle())
            .timestamp_generator(Arc::new(MonotonicTimestampGenerator::new()));
        if let Some((user, password)) = &options.user {
            builder = builder.user(user, password);
        }
        let refusal = Refusal::default();
        if let Some(tls) = &options.tls {
            let context = tls::context(tls, refusal.clone()).map_err(TablesError::Storage)?;
            builder = builder.tls_context(Some(context));
        }
        let opened = tokio::time::timeout(options.timeout.saturating_mul(2), builder.build()).await;
        let session = match (opened, refusal.take()) {
            (Ok(Ok(session)), _) => session,
            (_, Some(why)) => return Err(unwelcome("la base de datos de las tablas no es la que se espera", &why)),
            (Ok(Err(error)), None) => return Err(unopened(&error, options.tls.is_some())),
            (Err(_), None) => return Err(failed("no responde", format!("en {} ms", 2 * options.timeout.as_millis()))),
        };
        Ok(Self { session, consistency: options.consistency, prepared: Mutex::default() })
    }

    /// A statement that may be sent again: every one of ours may. Whoever asks while it is being prepared waits for that one: Cassandra forgets
    /// a statement that two ask for at once, until the second one has it.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn prepare(&self, text: &str) -> Result<Arc<PreparedStatement>, TablesError> {
        let one = self.place_of(text);
        let made = one.get_or_try_init(|| async {
            let mut statement = self.session.prepare(text).await.map_err(|e| failed("no aceptó una instrucción", e))?;
            statement.set_is_idempotent(true);
            Ok(Arc::new(statement))
        });
        made.await.cloned()
    }

    fn place_of(&self, text: &str) -> Arc<OnceCell<Arc<PreparedStatement>>> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = prepared.get(text) {
            return Arc::clone(known);
        }
        Arc::clone(prepared.entry(text.to_owned()).or_default())
    }

    /// # Errors
    /// `Storage`.
    pub async fn execute(&self, text: &str, values: Vec<Bound>) -> Result<QueryResult, TablesError> {
        let statement = self.prepare(text).await?;
        self.send(&statement, &values).await.map_err(|e| failed("no completó una petición", e))
    }

    /// Rows of one partition, as one request.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn batch(&self, texts: &[&str], values: &[Vec<Bound>]) -> Result<(), TablesError> {
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(true);
        for text in texts {
            batch.append_statement(PreparedStatement::clone(&*self.prepare(text).await?));
        }
        remembered(|| self.session.batch(&batch, values)).await.map_err(|e| failed("no completó una escritura", e)).map(drop)
    }

    /// A page of a read, and where the next one begins.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn page(
        &self,
        text: &str,
        size: usize,
        from: PagingState,
    ) -> Result<(QueryResult, PagingStateResponse), TablesError> {
        let mut statement = PreparedStatement::clone(&*self.prepare(text).await?);
        statement.set_page_size(i32::try_from(size.max(1)).unwrap_or(i32::MAX));
        let page = remembered(|| self.session.execute_single_page(&statement, (), from.clone())).await;
        page.map_err(|e| failed("no completó un barrido", e))
    }

    /// A lightweight transaction; whether its condition held. One without an answer may have been done.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn decide(&self, text: &str, values: Vec<Bound>) -> Result<bool, TablesError> {
        let mut statement = PreparedStatement::clone(&*self.prepare(text).await?);
        statement.set_serial_consistency(Some(self.serial()));
        // What was decided is read with the consistency of reads: one copy would not do.
        if self.consistency == Consistency::One {
            statement.set_consistency(Consistency::LocalQuorum.of_driver());
        }
        let done = self.send(&statement, &values).await.map_err(|e| failed("no completó una transacción", e))?;
        let applied = rows(done)?.into_iter().next().and_then(|row| row.columns.into_iter().next().flatten());
        Ok(matches!(applied, Some(CqlValue::Boolean(true))))
    }

    /// The rows of a read that sees every transaction that was decided.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn decided(&self, text: &str, values: Vec<Bound>) -> Result<Vec<Row>, TablesError> {
        let mut statement = PreparedStatement::clone(&*self.prepare(text).await?);
        statement.set_consistency(match self.serial() {
            SerialConsistency::Serial => scylla::statement::Consistency::Serial,
            SerialConsistency::LocalSerial => scylla::statement::Consistency::LocalSerial,
        });
        rows(self.send(&statement, &values).await.map_err(|e| failed("no completó una petición", e))?)
    }

    async fn send(&self, statement: &PreparedStatement, values: &[Bound]) -> Result<QueryResult, ExecutionError> {
        remembered(|| self.session.execute_unpaged(statement, values)).await
    }

    fn serial(&self) -> SerialConsistency {
        match self.consistency {
            Consistency::Quorum => SerialConsistency::Serial,
            Consistency::One | Consistency::LocalQuorum => SerialConsistency::LocalSerial,
        }
    }

    /// The rows of a read that is bounded by its own text.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn rows(&self, text: &str, values: Vec<Bound>) -> Result<Vec<Row>, TablesError> {
        rows(self.execute(text, values).await?)
    }
}

/// Sends again what was not done because the server had forgotten the statement, which the driver then prepared again.
async fn remembered<T, Sent: Future<Output = Result<T, ExecutionError>>>(send: impl Fn() -> Sent) -> Result<T, ExecutionError> {
    let mut left = SENDS;
    loop {
        left -= 1;
        match send().await {
            Err(error) if left > 0 && was_forgotten(&error) => {}
            sent => return sent,
        }
    }
}

fn was_forgotten(error: &ExecutionError) -> bool {
    matches!(error, ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Unprepared { .. }, _)))
}

/// # Errors
/// `Storage` when the answer is not rows.
pub fn rows(result: QueryResult) -> Result<Vec<Row>, TablesError> {
    let unreadable = |e: &dyn std::fmt::Display| failed("respondió algo ilegible", e);
    let rows = result.into_rows_result().map_err(|e| unreadable(&e))?;
    let rows = rows.rows::<Row>().map_err(|e| unreadable(&e))?;
    rows.collect::<Result<_, _>>().map_err(|e| unreadable(&e))
}

/// The driver's own threads. The port's calls block, and may come from a thread of another runtime, so they wait on a channel.
pub struct Workers(Option<Runtime>);

impl Workers {
    /// # Errors
    /// `Storage` when the system gives no thread.
    pub fn start() -> Result<Self, TablesError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("cql").enable_all().build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(|e| TablesError::Storage(format!("no hay hilos para las tablas: {e}")))
    }

    /// Runs a future on those threads for as long as they last.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            runtime.spawn(future);
        }
    }

    /// Runs a future on those threads and waits for it here.
    ///
    /// # Errors
    /// Its own; `Storage` when it ended without an answer.
    pub fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, TablesError>> + Send + 'static,
    ) -> Result<T, TablesError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        if let Some(runtime) = &self.0 {
            runtime.spawn(async move {
                // Nobody waits only when the caller's thread died.
                let _ = sender.send(future.await);
            });
        }
        receiver.recv().unwrap_or_else(|_| Err(TablesError::Storage("una petición a las tablas terminó sin respuesta".to_owned())))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn forgotten() -> ExecutionError {
        let cause = DbError::Unprepared { statement_id: vec![1].into() };
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(cause, "not found".to_owned()))
    }

    /// What comes of a server that answers the sends one to `refusals` with an error, and how many there were.
    fn sent(refusals: usize, error: fn() -> ExecutionError) -> (Result<(), ExecutionError>, usize) {
        let sends = Cell::new(0);
        let send = || {
            sends.set(sends.get() + 1);
            std::future::ready(if sends.get() > refusals { Ok(()) } else { Err(error()) })
        };
        let runtime = Builder::new_current_thread().build().expect("runtime");
        (runtime.block_on(remembered(send)), sends.get())
    }

    #[test]
    fn a_forgotten_statement_is_sent_again_so_many_times_and_nothing_else_is() {
        assert!(matches!(sent(0, forgotten), (Ok(()), 1)));
        assert!(matches!(sent(SENDS - 1, forgotten), (Ok(()), SENDS)));
        assert!(matches!(sent(usize::MAX, forgotten), (Err(error), SENDS) if was_forgotten(&error)));
        assert!(matches!(sent(1, || ExecutionError::EmptyPlan), (Err(ExecutionError::EmptyPlan), 1)));
    }
}
