//! The fault rig: real processes, a real broker and a real registry, broken again and again by a plan that comes from a seed, while clients keep a
//! ledger. What decides is the ledger, `verificar`, two readers of committed records and the dead letters: never how long anything takes.
//!
//! `FALLAS_SEGUNDOS` (180) is how long it breaks things, `FALLAS_SEMILLA` (1) its plan.

#[path = "../cli_comun/mod.rs"]
mod cli_comun;
#[path = "../libro_comun/mod.rs"]
mod libro_comun;
#[path = "../nodos_comun/mod.rs"]
mod nodos_comun;

mod broker;
mod lectores;
mod proxy;
mod veneno;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use broker::Servicios;
use cli_comun::{carpeta, correr};
use factumarket::{
    cli::banco::carga::Azar,
    domain::Contexto,
    log::{
        Delivery, Log, Topic, TopicPartition,
        kafka::{KafkaLog, KafkaOptions},
        topology::{Sizes, Topology},
    },
};
use lectores::EnVivo;
use libro_comun::{Libro, agente, comprobar_en_marcha, comprobar_parado, resolver, sembrar};
use nodos_comun::{Carga, Nodo};
use proxy::Proxy;
use tempfile::TempDir;

const PARTICIONES: u16 = 4;
/// Exit code of a command whose service does not answer.
const SIN_SERVICIO: i32 = 6;
/// Silence after which a node's partitions go to others.
const SESION: Duration = Duration::from_secs(3);
/// One request of transactions in so many is disturbed, while the network is bad and the rest of the time.
const RED_MALA: u64 = 4;
const RED_NORMAL: u64 = 60;
const RED_MALA_A_LO_SUMO: Duration = Duration::from_secs(15);

/// What may be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Falla {
    MuereUnNodo,
    MuereElBroker,
    MuereElRegistro,
    /// Stopped for longer than its session, then waked: it must not believe that it still owns anything.
    SeDuermeUnNodo,
    RobanUnLugar,
    RedMala,
    Tormenta,
    Veneno,
    ReinicioLimpio,
    /// The broker's disk stalls again and again: it answers nobody meanwhile.
    DiscoLento,
}

const FALLAS: [Falla; 10] = [
    Falla::MuereUnNodo,
    Falla::MuereElBroker,
    Falla::MuereElRegistro,
    Falla::SeDuermeUnNodo,
    Falla::RobanUnLugar,
    Falla::RedMala,
    Falla::Tormenta,
    Falla::Veneno,
    Falla::ReinicioLimpio,
    Falla::DiscoLento,
];

/// Faults in an order of the seed: all of them before any again.
struct Plan {
    azar: Azar,
    mazo: Vec<Falla>,
}

impl Plan {
    fn siguiente(&mut self) -> Falla {
        if self.mazo.is_empty() {
            self.mazo = FALLAS.to_vec();
            for n in (1..self.mazo.len()).rev() {
                self.mazo.swap(n, self.azar.bajo(n as u64 + 1) as usize);
            }
        }
        self.mazo.pop().expect("recién repartido")
    }
}

/// Everything that runs.
struct Banco {
    servicios: Servicios,
    proxy: Proxy,
    nodos: Vec<Nodo>,
    carga: Carga,
    directas: KafkaOptions,
    /// Settings of the program that go straight to the broker.
    directos: Vec<String>,
    plan: Plan,
    hechas: BTreeMap<Falla, u64>,
    /// Poisonous records that went in.
    venenos: u64,
    /// Nodes that ended by themselves and were started again.
    terminaron: u64,
}

fn opciones(brokers: String, prefijo: &str) -> KafkaOptions {
    let sizes = Sizes { partitions: PARTICIONES, reply_partitions: 4, replicas: 1, min_insync: 1, prefix: prefijo.to_owned() };
    KafkaOptions {
        brokers,
        node: "banco".to_owned(),
        topology: Topology::bundled(&sizes).expect("topología"),
        extra: BTreeMap::new(),
        session: Duration::from_secs(6),
        static_membership: false,
        transaction: Duration::from_secs(5),
    }
}

fn ajustes(brokers: &str, prefijo: &str, esquemas: &str) -> Vec<String> {
    let ajustes = [
        "registro.tipo=kafka".to_owned(),
        format!("kafka.brokers={brokers}"),
        format!("kafka.prefijo={prefijo}"),
        "kafka.replicas=1".to_owned(),
        "kafka.min_en_sincronia=1".to_owned(),
        format!("kafka.sesion_ms={}", SESION.as_millis()),
        "kafka.transaccion_ms=5000".to_owned(),
        // The client asks again soon, so that the proxy's losses are told from its delays.
        "kafka.ajustes=socket.timeout.ms=3000".to_owned(),
        format!("motor.particiones={PARTICIONES}"),
        format!("esquemas.url={esquemas}"),
    ];
    ajustes.into_iter().flat_map(|ajuste| ["--set".to_owned(), ajuste]).collect()
}

/// Again and again while what it needs is on its way back.
fn orden(argumentos: &[&str], ajustes: &[String]) {
    let todos: Vec<&str> = argumentos.iter().copied().chain(ajustes.iter().map(String::as_str)).collect();
    let mut salida = correr(&todos);
    for _ in 1..10 {
        if salida.codigo != SIN_SERVICIO {
            break;
        }
        salida = correr(&todos);
    }
    assert_eq!(salida.codigo, 0, "{argumentos:?}: {}", salida.error);
}

impl Banco {
    fn urls(&self) -> Vec<String> {
        self.nodos.iter().filter(|nodo| nodo.corre() && nodo.sirve).map(|nodo| nodo.url.clone()).collect()
    }

    fn dirigir(&self) {
        let urls = self.urls();
        if !urls.is_empty() {
            self.carga.dirigir(urls);
        }
    }

    fn bajo(&mut self, tope: u64) -> u64 {
        self.plan.azar.bajo(tope)
    }

    fn un_nodo(&mut self) -> usize {
        self.bajo(self.nodos.len() as u64) as usize
    }

    /// Starts a node, again and again while what it needs is on its way back.
    fn arrancar(&mut self, cual: usize) {
        for _ in 0..20 {
            if self.nodos[cual].intentar() {
                self.dirigir();
                return;
            }
            thread::sleep(Duration::from_millis(500));
        }
        panic!("{} no arranca:\n{}", self.nodos[cual].nombre, self.nodos[cual].cola());
    }

    /// Nodes that lost their place three times end, as they should; a service manager would start them again.
    fn levantar_caidos(&mut self) {
        for cual in 0..self.nodos.len() {
            if self.nodos[cual].termino_solo() {
                println!("  {} terminó solo:\n{}", self.nodos[cual].nombre, self.nodos[cual].cola());
                self.terminaron += 1;
                self.arrancar(cual);
            }
        }
    }

    fn romper(&mut self, falla: Falla) {
        *self.hechas.entry(falla).or_default() += 1;
        match falla {
            Falla::MuereUnNodo => {
                let cual = self.un_nodo();
                self.nodos[cual].matar();
                self.dirigir();
                if self.bajo(2) == 0 {
                    // Long enough for others to take over.
                    thread::sleep(SESION * 2);
                }
                self.arrancar(cual);
            }
            Falla::MuereElBroker => {
                self.servicios.matar("kafka");
                thread::sleep(Duration::from_millis(200 + self.bajo(3_000)));
                self.servicios.levantar("kafka");
            }
            Falla::MuereElRegistro => {
                self.servicios.matar("registro");
                let mas = 5 + self.bajo(20) as usize;
                self.esperar(mas);
                self.servicios.levantar("registro");
                // The one of this machine keeps what it knows in memory.
                orden(&["esquemas", "aplicar"], &self.directos);
            }
            Falla::DiscoLento => {
                for _ in 0..5 + self.bajo(5) {
                    self.servicios.avisar("kafka", "STOP");
                    thread::sleep(Duration::from_millis(200 + self.bajo(1_200)));
                    self.servicios.avisar("kafka", "CONT");
                    let mas = 1 + self.bajo(3) as usize;
                    self.esperar(mas);
                }
            }
            Falla::SeDuermeUnNodo => {
                let cual = self.un_nodo();
                self.nodos[cual].avisar("STOP");
                thread::sleep(SESION + Duration::from_millis(500 + self.bajo(4_000)));
                self.nodos[cual].avisar("CONT");
            }
            Falla::RobanUnLugar => {
                let cual = self.un_nodo();
                let ladron = KafkaLog::open(self.directas.clone()).expect("registro");
                ladron.claim(&self.nodos[cual].nombre).expect("roba");
            }
            Falla::RedMala => {
                self.proxy.molestar(RED_MALA);
                let mas = 10 + self.bajo(30) as usize;
                // A network so bad lets few through: it gets better all the same.
                let _ = self.llegan(mas, RED_MALA_A_LO_SUMO);
                self.proxy.molestar(RED_NORMAL);
            }
            Falla::Tormenta => self.tormenta(),
            Falla::Veneno => self.venenos += veneno::echar(&self.directas, &mut self.plan.azar),
            Falla::ReinicioLimpio => {
                let cual = self.un_nodo();
                let (codigo, _) = self.nodos[cual].terminar();
                // 6: something did not answer within the ten seconds of a stop; what was answered is safe.
                assert!(matches!(codigo, 0 | 6), "{} terminó con {codigo}:\n{}", self.nodos[cual].nombre, self.nodos[cual].cola());
                self.dirigir();
                self.arrancar(cual);
            }
        }
    }

    /// A member that takes partitions, does nothing with them and leaves, several times.
    fn tormenta(&mut self) {
        let vueltas = 2 + self.bajo(3);
        for _ in 0..vueltas {
            let log = KafkaLog::open(self.directas.clone()).expect("registro");
            let mut miembro = log.subscribe("procesador", &Contexto::TODOS.map(Topic::Comandos)).expect("entra");
            let plazo = Instant::now() + Duration::from_millis(500 + self.bajo(2_000));
            while Instant::now() < plazo {
                if let Ok(Delivery::Revoked(_)) = miembro.poll(10, 1 << 16, Duration::from_millis(50)) {
                    break;
                }
            }
        }
    }
}

fn variable(nombre: &str, si_no: u64) -> u64 {
    std::env::var(nombre).ok().and_then(|texto| texto.parse().ok()).unwrap_or(si_no)
}

fn fines(opciones: &KafkaOptions) -> BTreeMap<(String, i32), u64> {
    let log = KafkaLog::open(opciones.clone()).expect("registro");
    let mut fines = BTreeMap::new();
    for tema in Contexto::TODOS.map(Topic::Eventos) {
        for numero in 0..log.partitions(tema) {
            let marcas = log.watermarks(TopicPartition::new(tema, numero)).expect("marcas");
            fines.insert((opciones.topology.named(&tema.nombre()), i32::from(numero)), marcas.stable);
        }
    }
    fines
}

fn montar(raiz: &std::path::Path, semilla: u64) -> Banco {
    let puerta = TcpListener::bind("127.0.0.1:0").expect("puerto");
    let puerto_proxy = puerta.local_addr().expect("puerto").port();
    let servicios = Servicios::arriba(raiz, puerto_proxy);
    let proxy = Proxy::abrir(puerta, servicios.detras_del_proxy(), semilla);
    let prefijo = format!("fallas{semilla}.");
    let directos = ajustes(&servicios.directo(), &prefijo, &servicios.esquemas());
    orden(&["topologia", "aplicar"], &directos);
    orden(&["esquemas", "aplicar"], &directos);
    let por_proxy = ajustes(&format!("127.0.0.1:{puerto_proxy}"), &prefijo, &servicios.esquemas());
    let papeles = [("n1", "api,procesador,proyecciones"), ("n2", "api,procesador"), ("n3", "procesador")];
    let mut nodos: Vec<Nodo> = papeles.iter().map(|(nombre, roles)| Nodo::nuevo(raiz, nombre, roles, &por_proxy)).collect();
    nodos.iter_mut().for_each(Nodo::arrancar);
    let libro = Arc::new(Libro::default());
    sembrar(&agente(), &nodos[0].url, &libro);
    let carga = Carga::empezar(libro, vec![nodos[0].url.clone(), nodos[1].url.clone()], 6, semilla);
    let directas = opciones(servicios.directo(), &prefijo);
    let plan = Plan { azar: Azar::new(semilla), mazo: Vec::new() };
    Banco { servicios, proxy, nodos, carga, directas, directos, plan, hechas: BTreeMap::new(), venenos: 0, terminaron: 0 }
}

/// The rig's folder. When it fails the folder stays, with the broker's log.
struct Carpeta(Option<TempDir>);

impl Drop for Carpeta {
    fn drop(&mut self) {
        let Some(dir) = self.0.take().filter(|_| thread::panicking()) else { return };
        println!("queda en {}", dir.keep().display());
    }
}

#[test]
fn whatever_breaks_nothing_is_lost_doubled_or_oversold() {
    let (segundos, semilla) = (variable("FALLAS_SEGUNDOS", 180), variable("FALLAS_SEMILLA", 1));
    let dir = Carpeta(Some(carpeta()));
    let mut banco = montar(dir.0.as_ref().expect("recién hecha").path(), semilla);
    let en_vivo = EnVivo::empezar(&banco.directas);
    banco.carga.esperar(30);
    banco.proxy.molestar(RED_NORMAL);
    let inicio = Instant::now();
    while inicio.elapsed() < Duration::from_secs(segundos) {
        let falla = banco.plan.siguiente();
        println!("{:5.1} s: {falla:?}, {} respuestas", inicio.elapsed().as_secs_f64(), banco.carga.respuestas());
        banco.romper(falla);
        banco.levantar_caidos();
        let mas = 5 + banco.bajo(25) as usize;
        banco.esperar(mas);
    }
    banco.proxy.molestar(0);
    let Banco { servicios, proxy, mut nodos, carga, directas, directos, hechas, venenos, terminaron, .. } = banco;
    let libro = Arc::clone(&carga.libro);
    carga.terminar();
    resolver(&libro, &[nodos[0].url.clone(), nodos[1].url.clone()]);
    println!("fallas: {hechas:?}; terminaron solos: {terminaron}\nred: {:?}", proxy.hechas());
    println!("{} facturas, {} pedidos, {venenos} venenos", libro.hechas("/facturas").len(), libro.con(|_| true).len());
    comprobar_en_marcha(&libro, &nodos[0].url);
    for nodo in &mut nodos {
        assert_eq!(nodo.terminar().0, 0, "{}", nodo.cola());
    }
    let textos: Vec<&str> = directos.iter().map(String::as_str).collect();
    comprobar_parado(&nodos[0].datos, &textos);
    assert_eq!(veneno::apartados(&directas), venenos, "cada veneno acaba en su tema de cartas muertas, una vez");
    let (en_vivo, al_final) = (en_vivo.terminar(), lectores::al_final(&directas, &fines(&directas)));
    let cuantos = |vistos: &lectores::Vistos| vistos.values().map(BTreeMap::len).sum::<usize>();
    println!("eventos: {} leídos durante las fallas, {} al final", cuantos(&en_vivo), cuantos(&al_final));
    for (parte, vistos) in &al_final {
        assert_eq!(en_vivo.get(parte), Some(vistos), "{parte:?}: los dos lectores vieron lo mismo");
    }
    assert_eq!(cuantos(&en_vivo), cuantos(&al_final), "y nada más");
    assert!(segundos < 60 || proxy.cuantas() > 0, "la red no se rompió");
    drop(servicios);
}

impl Banco {
    /// Waits for answers; nodes that end meanwhile are started again.
    fn esperar(&mut self, mas: usize) {
        if !self.llegan(mas, Duration::from_secs(240)) {
            let colas: String = self.nodos.iter().map(|nodo| format!("{}:\n{}\n", nodo.nombre, nodo.cola())).collect();
            panic!("nada avanza\n{colas}");
        }
    }

    /// Whether so many more answers come in time.
    fn llegan(&mut self, mas: usize, plazo: Duration) -> bool {
        let (hasta, inicio) = (self.carga.respuestas() + mas, Instant::now());
        while self.carga.respuestas() < hasta {
            if inicio.elapsed() >= plazo {
                return false;
            }
            self.levantar_caidos();
            thread::sleep(Duration::from_millis(20));
        }
        true
    }
}
