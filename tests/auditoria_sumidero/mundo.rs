//! A log of plain vectors, a clock by hand, and records of the audit.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use factumarket::{
    audit::cadena::{
        Almacen, ClavePrivada, ErrorCadena, Informe, Llavero, Medios, OpcionesSellos, Sumidero, TablasDeCadena, Vuelta,
        en_linea::{Origen, verificar_registro},
    },
    contracts::{Codec, ConsultaRealizada, EmbeddedRegistry, RegistroAuditoria},
    domain::valores::{Id, Instante},
    engine::ports::Clock,
    log::{
        Committed, Log, LogError, OwnerToken, PendingAppend, Position, Record, StoredRecord, Subscription, Topic, TopicPartition,
        Transaction, Watermarks,
    },
    projections::auditoria::{AUDITORIA_AZULEJOS, AUDITORIA_CADENAS, AUDITORIA_SELLOS, TABLAS_DE_CADENA},
    tables::{Tables, memory::MemoryTables},
};
use uuid::Uuid;

pub const TABLAS: TablasDeCadena =
    TablasDeCadena { cadenas: &AUDITORIA_CADENAS, azulejos: &AUDITORIA_AZULEJOS, sellos: &AUDITORIA_SELLOS };

pub type Contenido = BTreeMap<TopicPartition, Vec<Record>>;

/// Two partitions a topic; every append is durable at once. Only what the sink uses is there.
#[derive(Default)]
pub struct RegistroEnMemoria {
    pub contenido: Mutex<Contenido>,
    /// The next appends fail, after they were written or before.
    pub falla_escrito: AtomicBool,
    pub falla_antes: AtomicBool,
}

struct Hecho(Vec<Position>);

impl PendingAppend for Hecho {
    fn positions(&self) -> &[Position] {
        &self.0
    }

    fn wait(self: Box<Self>) -> Result<(), LogError> {
        Ok(())
    }
}

fn no_hace_falta<T>() -> Result<T, LogError> {
    Err(LogError::Storage("no hace falta".to_owned()))
}

impl Log for RegistroEnMemoria {
    fn partitions(&self, _: Topic) -> u16 {
        2
    }

    fn append(&self, records: Vec<(TopicPartition, Record)>) -> Result<Box<dyn PendingAppend>, LogError> {
        let caido = || LogError::Unreachable("caído".to_owned());
        if self.falla_antes.swap(false, Ordering::Relaxed) {
            return Err(caido());
        }
        let mut contenido = self.contenido.lock().expect("contenido");
        for (particion, record) in records {
            contenido.entry(particion).or_default().push(record);
        }
        if self.falla_escrito.swap(false, Ordering::Relaxed) {
            return Err(caido());
        }
        Ok(Box::new(Hecho(Vec::new())))
    }

    fn commit(&self, _: Transaction) -> Result<Committed, LogError> {
        no_hace_falta()
    }

    fn read(&self, partition: TopicPartition, from: Position, max_bytes: usize) -> Result<Vec<StoredRecord>, LogError> {
        let contenido = self.contenido.lock().expect("contenido");
        let todos = contenido.get(&partition).map(Vec::as_slice).unwrap_or_default();
        let (mut leidos, mut bytes) = (Vec::new(), 0);
        for (position, record) in (0..).zip(todos).skip(usize::try_from(from).expect("cabe")) {
            bytes += record.value.len();
            leidos.push(StoredRecord { position, record: record.clone() });
            if bytes >= max_bytes {
                break;
            }
        }
        Ok(leidos)
    }

    fn watermarks(&self, partition: TopicPartition) -> Result<Watermarks, LogError> {
        let fin = self.contenido.lock().expect("contenido").get(&partition).map_or(0, |r| r.len() as u64);
        Ok(Watermarks { first: 0, stable: fin, end: fin })
    }

    fn position(&self, _: &str, _: TopicPartition) -> Result<Option<Position>, LogError> {
        no_hace_falta()
    }

    fn claim(&self, _: &str) -> Result<OwnerToken, LogError> {
        no_hace_falta()
    }

    fn subscribe(&self, _: &str, _: &[Topic]) -> Result<Box<dyn Subscription>, LogError> {
        no_hace_falta()
    }

    fn wait_stable(&self, seen: u64, _: Duration) -> u64 {
        seen
    }

    fn retain(&self, _: Instante) -> Result<u64, LogError> {
        Ok(0)
    }
}

/// Seconds since the start, as told.
#[derive(Default)]
pub struct Reloj(AtomicU64);

impl Reloj {
    pub fn pasan(&self, segundos: u64) {
        self.0.fetch_add(segundos, Ordering::Relaxed);
    }
}

impl Clock for Reloj {
    fn now(&self) -> Instante {
        Instante(1_795_000_000_000_000).mas_milis(i64::try_from(self.0.load(Ordering::Relaxed)).expect("cabe") * 1_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

pub struct Mundo {
    pub log: Arc<RegistroEnMemoria>,
    pub codec: Arc<Codec>,
    pub tablas: Arc<MemoryTables>,
    pub reloj: Arc<Reloj>,
    pub clave: ClavePrivada,
    pub opciones: OpcionesSellos,
}

pub const AUDITORIA_0: TopicPartition = TopicPartition { topic: Topic::Auditoria, partition: 0 };
pub const AUDITORIA_1: TopicPartition = TopicPartition { topic: Topic::Auditoria, partition: 1 };

impl Mundo {
    /// A seal every so many leaves, or a minute.
    pub fn nuevo(hojas: u64) -> Self {
        let codec = Codec::new(&EmbeddedRegistry::in_memory()).expect("codec");
        let mundo = Self {
            log: Arc::default(),
            codec: Arc::new(codec),
            tablas: Arc::default(),
            reloj: Arc::default(),
            clave: ClavePrivada::nueva("prueba.example", &[3; 32]).expect("clave"),
            opciones: OpcionesSellos { hojas, plazo: Duration::from_secs(60) },
        };
        mundo.tablas.declare(TABLAS_DE_CADENA).expect("tablas");
        mundo
    }

    /// Other tables over the same log.
    pub fn con_tablas_nuevas(&self) -> Self {
        let tablas: Arc<MemoryTables> = Arc::default();
        tablas.declare(TABLAS_DE_CADENA).expect("tablas");
        Self {
            tablas,
            log: Arc::clone(&self.log),
            codec: Arc::clone(&self.codec),
            reloj: Arc::default(),
            clave: self.clave.clone(),
            ..*self
        }
    }

    pub fn llavero(&self) -> Llavero {
        Llavero::nuevo(vec![self.clave.publica()]).expect("llavero")
    }

    pub fn almacen(&self) -> Almacen {
        Almacen { tablas: Arc::clone(&self.tablas) as Arc<dyn Tables>, nombres: TABLAS }
    }

    pub fn medios(&self) -> Medios {
        Medios {
            log: Arc::clone(&self.log) as Arc<dyn Log>,
            codec: Arc::clone(&self.codec),
            almacen: self.almacen(),
            reloj: Arc::clone(&self.reloj) as Arc<dyn Clock>,
            clave: Some(self.clave.clone()),
            llavero: self.llavero(),
            opciones: self.opciones,
        }
    }

    pub fn abrir(&self) -> Sumidero {
        Sumidero::abrir(self.medios()).expect("se abre")
    }

    /// Queries numbered from `desde`.
    pub fn consultas(&self, particion: TopicPartition, desde: u128, cuantas: u128) {
        let registros = (desde..desde + cuantas).map(|n| (particion, consulta(&self.codec, n))).collect();
        self.log.append(registros).expect("escribe").wait().expect("durable");
    }

    pub fn verificar(&self) -> Informe {
        self.verificar_con(Some(&self.almacen())).expect("se lee")
    }

    pub fn verificar_con(&self, almacen: Option<&Almacen>) -> Result<Informe, ErrorCadena> {
        let llavero = self.llavero();
        let origen = Origen { log: &*self.log, codec: &self.codec, llavero: &llavero };
        verificar_registro(origen, almacen, &[], &mut |_, _| {})
    }

    pub fn sellos(&self, particion: u16) -> Vec<Record> {
        let tema = TopicPartition::new(Topic::AuditoriaSellos, particion);
        self.log.contenido.lock().expect("contenido").get(&tema).cloned().unwrap_or_default()
    }
}

pub fn consulta(codec: &Codec, numero: u128) -> Record {
    let consulta = ConsultaRealizada {
        event_id: Uuid::from_u128(numero),
        consulta: "facturas.obtener".into(),
        factura_id: Id::new(&format!("f-{numero}")).ok(),
        parametros: vec![("id".into(), numero.to_string().into())],
        correlation_id: Id::new("flujo").expect("id"),
        ocurrido_en: Instante(1_795_000_000_000_000 + i64::try_from(numero).expect("cabe")),
        usuario: None,
    };
    let value = codec.encode_audit(&RegistroAuditoria::Consulta(consulta)).expect("se codifica");
    Record { key: Bytes::from(format!("f-{numero}")), value, headers: Vec::new(), timestamp: Instante(numero as i64) }
}

/// Rounds until nothing is left to read.
pub fn hasta_el_final(sumidero: &mut Sumidero) -> Vuelta {
    let mut total = Vuelta::default();
    loop {
        let vuelta = sumidero.vuelta().expect("vuelta");
        let sigue = vuelta.hojas > 0;
        total = Vuelta { hojas: total.hojas + vuelta.hojas, sellos: total.sellos + vuelta.sellos, ..vuelta };
        if !sigue {
            return total;
        }
    }
}
