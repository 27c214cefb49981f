//! A broker and a schema registry of the rig's own, killed and brought back at will. Nodes reach the broker through a listener whose advertised
//! address is the proxy's; the rig itself goes straight to it.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// See the module. Stopped, with its data, when dropped.
pub struct Servicios {
    carpeta: PathBuf,
    puerto: u16,
    puerto_control: u16,
    puerto_nodos: u16,
    puerto_registro: u16,
    puerto_proxy: u16,
}

/// A port that was free a moment ago.
pub fn puerto_libre() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|puerta| puerta.local_addr()).expect("puerto").port()
}

impl Servicios {
    /// Starts both. `puerto_proxy`: where nodes are told that the broker is.
    pub fn arriba(raiz: &Path, puerto_proxy: u16) -> Self {
        let servicios = Self {
            carpeta: raiz.join("servicios"),
            puerto: puerto_libre(),
            puerto_control: puerto_libre(),
            puerto_nodos: puerto_libre(),
            puerto_registro: puerto_libre(),
            puerto_proxy,
        };
        servicios.levantar("kafka");
        servicios.levantar("registro");
        servicios
    }

    /// Where the rig reaches the broker.
    pub fn directo(&self) -> String {
        format!("127.0.0.1:{}", self.puerto)
    }

    /// Where the proxy reaches it.
    pub fn detras_del_proxy(&self) -> u16 {
        self.puerto_nodos
    }

    pub fn esquemas(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.puerto_registro)
    }

    fn guion(&self, argumentos: &[&str]) -> Command {
        let mut guion = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/local/servicios"));
        let (puerto, control, nodos) = (self.puerto, self.puerto_control, self.puerto_nodos);
        let ajustes = [
            format!("listeners=PLAINTEXT://127.0.0.1:{puerto},CONTROLLER://127.0.0.1:{control},NODOS://127.0.0.1:{nodos}"),
            format!("advertised.listeners=PLAINTEXT://127.0.0.1:{puerto},NODOS://127.0.0.1:{}", self.puerto_proxy),
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,NODOS:PLAINTEXT".to_owned(),
            "inter.broker.listener.name=PLAINTEXT".to_owned(),
        ];
        guion
            .args(argumentos)
            .env("SERVICIOS_CARPETA", &self.carpeta)
            .env("KAFKA_PUERTO", puerto.to_string())
            .env("KAFKA_PUERTO_CONTROL", control.to_string())
            .env("REGISTRO_PUERTO", self.puerto_registro.to_string())
            .env("KAFKA_AJUSTES", ajustes.join(" "));
        guion
    }

    /// Starts one of them, or starts it again, and returns when it answers.
    pub fn levantar(&self, servicio: &str) {
        let salida = self.guion(&["arriba", servicio]).output().expect("el guion corre");
        assert!(salida.status.success(), "{servicio} no arrancó: {}", String::from_utf8_lossy(&salida.stderr));
    }

    /// Sends a signal; the process it went to.
    pub fn avisar(&self, servicio: &str, senal: &str) -> String {
        let texto = fs::read_to_string(self.carpeta.join(servicio).join("pid")).expect("pid");
        let pid = texto.split_whitespace().next().expect("pid").to_owned();
        assert!(Command::new("kill").args([&format!("-{senal}"), &pid]).status().expect("kill").success(), "{servicio}");
        pid
    }

    /// kill -9.
    pub fn matar(&self, servicio: &str) {
        let pid = self.avisar(servicio, "KILL");
        while Path::new("/proc").join(&pid).join("exe").exists() {
            thread::yield_now();
        }
    }
}

impl Drop for Servicios {
    fn drop(&mut self) {
        // A rig that failed has its own error to tell, and its logs to be looked at.
        let orden: &[&str] = if thread::panicking() { &["abajo"] } else { &["abajo", "--borrar"] };
        let _ = self.guion(&[orden, &["kafka", "registro"]].concat()).output();
    }
}
