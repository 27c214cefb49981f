//! A TCP proxy in front of the broker that understands the head of Kafka's requests, and so delays, loses and cuts exactly those of
//! transactions: requests that never arrive, that arrive long after the client gave up, answers that never come back.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use factumarket::cli::banco::carga::Azar;

/// Largest frame that is believed.
const MAX_TRAMA: usize = 64 << 20;
/// Longer than nodes wait for an answer (`socket.timeout.ms` of the rig): the request arrives when nobody waits for it any more.
pub const TARDE: Duration = Duration::from_millis(4_500);

/// What becomes of a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Suerte {
    Pasa,
    Demora,
    /// Forwarded after the client gave up.
    LlegaTarde,
    NoLlega,
    CorteAntes,
    /// It takes effect, and the connection breaks instead of the answer.
    CorteDespues,
    DemoraRespuesta,
    SinRespuesta,
}

const MALAS: [Suerte; 7] = [
    Suerte::Demora,
    Suerte::LlegaTarde,
    Suerte::NoLlega,
    Suerte::CorteAntes,
    Suerte::CorteDespues,
    Suerte::DemoraRespuesta,
    Suerte::SinRespuesta,
];

/// Requests of transactions, by their key.
fn de_transacciones(clave: i16) -> Option<&'static str> {
    match clave {
        22 => Some("InitProducerId"),
        24 => Some("AddPartitionsToTxn"),
        25 => Some("AddOffsetsToTxn"),
        26 => Some("EndTxn"),
        28 => Some("TxnOffsetCommit"),
        _ => None,
    }
}

struct Comun {
    hacia: u16,
    /// One request of transactions in so many is disturbed; 0: none.
    una_de: AtomicU64,
    azar: Mutex<Azar>,
    hechas: Mutex<BTreeMap<(&'static str, Suerte), u64>>,
}

/// The proxy; its threads end with the process.
pub struct Proxy(Arc<Comun>);

impl Proxy {
    /// Accepts on `puerta` and forwards to a port of this machine.
    pub fn abrir(puerta: TcpListener, hacia: u16, semilla: u64) -> Self {
        let comun =
            Arc::new(Comun { hacia, una_de: AtomicU64::new(0), azar: Mutex::new(Azar::new(semilla)), hechas: Mutex::default() });
        let propio = Arc::clone(&comun);
        thread::spawn(move || {
            for cliente in puerta.incoming().map_while(Result::ok) {
                let propio = Arc::clone(&propio);
                // Nobody to tell: a connection that breaks is what this is for.
                thread::spawn(move || drop(conexion(&propio, cliente)));
            }
        });
        Self(comun)
    }

    /// From now on one request of transactions in so many is disturbed; 0: none.
    pub fn molestar(&self, una_de: u64) {
        self.0.una_de.store(una_de, Ordering::Release);
    }

    /// What was disturbed, and how, to be told.
    pub fn hechas(&self) -> Vec<String> {
        let hechas = self.0.hechas.lock().expect("hechas");
        hechas.iter().map(|((pedido, suerte), veces)| format!("{pedido} {suerte:?} {veces}")).collect()
    }

    /// Requests disturbed so far.
    pub fn cuantas(&self) -> u64 {
        self.0.hechas.lock().expect("hechas").values().sum()
    }
}

impl Comun {
    fn suerte(&self, clave: i16) -> Suerte {
        let una_de = self.una_de.load(Ordering::Acquire);
        let Some(nombre) = de_transacciones(clave).filter(|_| una_de > 0) else { return Suerte::Pasa };
        let mut azar = self.azar.lock().expect("azar");
        if azar.bajo(una_de) > 0 {
            return Suerte::Pasa;
        }
        let suerte = MALAS[azar.bajo(MALAS.len() as u64) as usize];
        *self.hechas.lock().expect("hechas").entry((nombre, suerte)).or_default() += 1;
        suerte
    }

    fn demora(&self) -> Duration {
        Duration::from_millis(20 + self.azar.lock().expect("azar").bajo(400))
    }
}

fn leer_trama(de: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut largo = [0; 4];
    de.read_exact(&mut largo)?;
    let largo = usize::try_from(i32::from_be_bytes(largo)).ok().filter(|l| (4..=MAX_TRAMA).contains(l));
    let mut trama = vec![0; largo.ok_or_else(|| io::Error::other("trama imposible"))?];
    de.read_exact(&mut trama)?;
    Ok(trama)
}

fn escribir_trama(a: &mut TcpStream, trama: &[u8]) -> io::Result<()> {
    let largo = i32::try_from(trama.len()).map_err(io::Error::other)?;
    a.write_all(&largo.to_be_bytes())?;
    a.write_all(trama)
}

fn entero(trama: &[u8], desde: usize) -> Option<i32> {
    trama.get(desde..desde + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_be_bytes)
}

fn cortar(uno: &TcpStream, otro: &TcpStream) {
    // They may be broken already.
    let _ = uno.shutdown(Shutdown::Both);
    let _ = otro.shutdown(Shutdown::Both);
}

fn conexion(comun: &Arc<Comun>, mut cliente: TcpStream) -> io::Result<()> {
    let mut broker = match TcpStream::connect(("127.0.0.1", comun.hacia)) {
        Ok(broker) => broker,
        Err(error) => {
            cliente.shutdown(Shutdown::Both)?;
            return Err(error);
        }
    };
    cliente.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let pendientes: Arc<Mutex<HashMap<i32, Suerte>>> = Arc::default();
    let vuelta = {
        let (comun, pendientes) = (Arc::clone(comun), Arc::clone(&pendientes));
        let (broker, cliente) = (broker.try_clone()?, cliente.try_clone()?);
        thread::spawn(move || respuestas(&comun, broker, cliente, &pendientes))
    };
    let ida = pedidos(comun, &mut cliente, &mut broker, &pendientes);
    // Whatever was sent is answered or not; nobody listens any more.
    let _ = broker.shutdown(Shutdown::Write);
    if ida.is_err() {
        cortar(&cliente, &broker);
    }
    drop(vuelta.join());
    Ok(())
}

fn pedidos(
    comun: &Comun,
    cliente: &mut TcpStream,
    broker: &mut TcpStream,
    pendientes: &Mutex<HashMap<i32, Suerte>>,
) -> io::Result<()> {
    while let Ok(trama) = leer_trama(cliente) {
        let clave = i16::from_be_bytes([trama[0], trama[1]]);
        let suerte = comun.suerte(clave);
        match suerte {
            Suerte::NoLlega => continue,
            Suerte::CorteAntes => return Err(io::Error::other("cortada")),
            Suerte::Demora => thread::sleep(comun.demora()),
            Suerte::LlegaTarde => thread::sleep(TARDE),
            _ => {}
        }
        if let Some(correlacion) = entero(&trama, 4).filter(|_| suerte != Suerte::Pasa) {
            pendientes.lock().expect("pendientes").insert(correlacion, suerte);
        }
        escribir_trama(broker, &trama)?;
    }
    Ok(())
}

fn respuestas(comun: &Comun, mut broker: TcpStream, mut cliente: TcpStream, pendientes: &Mutex<HashMap<i32, Suerte>>) {
    while let Ok(trama) = leer_trama(&mut broker) {
        let suerte = entero(&trama, 0).and_then(|correlacion| pendientes.lock().expect("pendientes").remove(&correlacion));
        match suerte {
            Some(Suerte::CorteDespues) => break,
            Some(Suerte::SinRespuesta) => continue,
            Some(Suerte::DemoraRespuesta) => thread::sleep(comun.demora()),
            _ => {}
        }
        if escribir_trama(&mut cliente, &trama).is_err() {
            // The client is gone; what is still on its way to the broker arrives all the same.
            return;
        }
    }
    cortar(&cliente, &broker);
}
