//! TLS, certificates of both sides, and passwords, against an Apache Cassandra that asks for all of them. It starts one of its own with
//! `deploy/local/servicios`, on the ports that `CASSANDRA_PUERTO` and `CASSANDRA_PUERTO_NODOS` say and in a folder of its own, so it is run by
//! hand, and by `.ci/cql` once its other database is down:
//!
//! `cargo test --features scylla --test tablas_cql_tls -- --ignored --nocapture`

mod cli_comun;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use cli_comun::{carpeta, correr};
use factumarket::tables::{
    Row, Tables, TablesError, Value, Write,
    conformance::MOVEMENTS,
    cql::{Bucket, Compaction, CqlOptions, CqlTables, Layout, TlsOptions},
};

static LAYOUTS: &[Layout] = &[Layout { table: &MOVEMENTS, bucket: Bucket::One, bound: "", compaction: Compaction::Leveled }];

/// The only name of the server's certificate: its address is not one.
const NOMBRE: &str = "base-1.interno";
const SECRETO: &str = "secreto";

fn puerto() -> String {
    std::env::var("CASSANDRA_PUERTO").expect("CASSANDRA_PUERTO: uno libre")
}

fn hacer(carpeta: &Path, programa: &str, orden: &str) {
    let salida = Command::new(programa).args(orden.split_whitespace()).current_dir(carpeta).output().expect(programa);
    assert!(salida.status.success(), "{programa} {orden}: {}", String::from_utf8_lossy(&salida.stderr));
}

/// Two authorities, a certificate of the server and one of the client, and the server's stores.
fn certificados(carpeta: &Path) {
    for autoridad in ["ca", "otra"] {
        let orden = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=NOMBRE -keyout NOMBRE.key -out NOMBRE.pem";
        hacer(carpeta, "openssl", &orden.replace("NOMBRE", autoridad));
    }
    for (quien, extension) in
        [("base", format!("subjectAltName=DNS:{NOMBRE}")), ("cliente", "extendedKeyUsage=clientAuth".to_owned())]
    {
        std::fs::write(carpeta.join("extension"), extension).expect("extensión");
        hacer(carpeta, "openssl", &format!("req -newkey rsa:2048 -nodes -subj /CN={quien} -keyout {quien}.key -out {quien}.csr"));
        let firma = format!(
            "x509 -req -in {quien}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extension -out {quien}.pem"
        );
        hacer(carpeta, "openssl", &firma);
    }
    hacer(carpeta, "openssl", &format!("pkcs12 -export -inkey base.key -in base.pem -out base.p12 -passout pass:{SECRETO}"));
    let confia =
        format!("-importcert -noprompt -alias ca -file ca.pem -keystore confia.p12 -storetype PKCS12 -storepass {SECRETO}");
    hacer(carpeta, "keytool", &confia);
}

/// A database of this test, down when it ends.
struct Base(PathBuf);

impl Base {
    fn servicios(&self, orden: &[&str], ajustes: &str) -> bool {
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/local/servicios"))
            .args(orden)
            .env("SERVICIOS_CARPETA", &self.0)
            .env("CASSANDRA_AJUSTES", ajustes)
            .stdout(Stdio::null())
            .status()
            .expect("servicios")
            .success()
    }

    fn levantar(carpeta: &Path) -> Self {
        let base = Self(carpeta.join("servicios"));
        let ruta = |nombre: &str| carpeta.join(nombre).display().to_string();
        let ajustes = format!(
            "authenticator: PasswordAuthenticator\n\
             client_encryption_options: {{enabled: true, optional: false, require_client_auth: true, keystore: {}, keystore_password: {SECRETO}, \
             truststore: {}, truststore_password: {SECRETO}, store_type: PKCS12}}",
            ruta("base.p12"),
            ruta("confia.p12")
        );
        assert!(base.servicios(&["arriba", "cassandra"], &ajustes), "la base no levantó");
        base
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        self.servicios(&["abajo", "--borrar", "cassandra"], "");
    }
}

#[test]
#[ignore = "levanta una Cassandra con TLS y contraseñas"]
fn la_base_se_alcanza_con_tls_y_lo_que_falta_se_dice_con_su_ajuste() {
    let dir = carpeta();
    let en = |nombre: &str| dir.path().join(nombre);
    certificados(dir.path());
    let _base = Base::levantar(dir.path());
    let tls = TlsOptions {
        trusted: Some(en("ca.pem")),
        own: Some((en("cliente.pem"), en("cliente.key"))),
        names: vec![NOMBRE.to_owned()],
    };
    let bien = CqlOptions {
        nodes: vec![format!("127.0.0.1:{}", puerto())],
        keyspace: "con_tls".to_owned(),
        user: Some(("cassandra".to_owned(), "cassandra".to_owned())),
        tls: Some(tls.clone()),
        timeout: Duration::from_secs(5),
        seize: true,
        ..CqlOptions::default()
    };
    let abrir = |options: &CqlOptions| CqlTables::open(options.clone(), LAYOUTS).expect("tablas");
    // The database makes its first user some seconds after it answers.
    let desde = std::time::Instant::now();
    let tablas = loop {
        let tablas = abrir(&bien);
        match tablas.declare(&[&MOVEMENTS]) {
            Ok(()) => break tablas,
            Err(error) if desde.elapsed() > Duration::from_secs(60) => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(500)),
        }
    };
    let dia = chrono::NaiveDate::from_ymd_opt(2026, 11, 26).expect("día");
    let row = Row {
        key: vec![Value::Text("p".into()), Value::Date(dia), Value::Int(1)],
        values: vec![Value::Null, Value::Text("con TLS".into())],
        version: 1,
    };
    tablas.apply(vec![Write::Upsert { table: &MOVEMENTS, row: row.clone() }], &[]).expect("apply");
    assert_eq!(tablas.get(&MOVEMENTS, &row.key).expect("get"), Some(row));
    let con = |tls: TlsOptions| CqlOptions { tls: Some(tls), ..bien.clone() };
    let otra_clave = Some(("cassandra".to_owned(), "otra".to_owned()));
    for (que, options, ajuste) in [
        ("otra autoridad", con(TlsOptions { trusted: Some(en("otra.pem")), ..tls.clone() }), "revise tablas.ca_archivo"),
        ("la autoridad del sistema", con(TlsOptions { trusted: None, ..tls.clone() }), "revise tablas.ca_archivo"),
        ("otro nombre", con(TlsOptions { names: Vec::new(), ..tls.clone() }), "tablas.nombres_tls"),
        ("sin certificado propio", con(TlsOptions { own: None, ..tls.clone() }), "revise tablas.certificado_archivo"),
        ("otra contraseña", CqlOptions { user: otra_clave, ..bien.clone() }, "tablas.contrasena_archivo"),
        ("sin usuario", CqlOptions { user: None, ..bien.clone() }, "revise tablas.usuario"),
        ("sin TLS", CqlOptions { tls: None, ..bien.clone() }, "tls"),
    ] {
        let dicho = abrir(&options).declare(&[&MOVEMENTS]).expect_err(que);
        println!("{que}: {dicho}");
        assert!(matches!(&dicho, TablesError::Storage(why) if why.contains(ajuste)), "{que}: {dicho}");
    }
    // And the program, with its settings.
    std::fs::write(en("contrasena"), "cassandra\n").expect("contraseña");
    let ruta = |nombre: &str| en(nombre).display().to_string();
    let ajustes = [
        "tablas.tipo=cql".to_owned(),
        format!("tablas.nodos=127.0.0.1:{}", puerto()),
        "tablas.espacio=del_programa".to_owned(),
        "tablas.usuario=cassandra".to_owned(),
        format!("tablas.contrasena_archivo={}", ruta("contrasena")),
        "tablas.tls=true".to_owned(),
        format!("tablas.ca_archivo={}", ruta("ca.pem")),
        format!("tablas.nombres_tls={NOMBRE}"),
        format!("tablas.certificado_archivo={}", ruta("cliente.pem")),
        format!("tablas.clave_archivo={}", ruta("cliente.key")),
    ];
    let ajustes: Vec<&str> = ajustes.iter().flat_map(|ajuste| ["--set", ajuste]).collect();
    for orden in ["aplicar", "verificar"] {
        let salida = correr(&[&["tablas", orden], &ajustes[..]].concat());
        assert_eq!(salida.codigo, 0, "{}\n{}", salida.normal, salida.error);
    }
}
