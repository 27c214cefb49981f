//! The faults: their kinds, how often each comes in a run, how often each came, and what they do to requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::rng::Rng;
use crate::log::simulated::{Api, Fate, Fates, Micros, Portion, RequestInfo};

/// A kind of fault. The order is the order of reports, and of the bits of [`super::Settings::without`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fault {
    RequestLost,
    AnswerLost,
    RequestLate,
    RequestDoubled,
    TransactionExpired,
    NodeKilled,
    NodeFrozen,
    IdStolen,
    BrokerDown,
    FailOver,
    NodeClock,
    BrokerClock,
    ReadFailed,
    StoreBehind,
    StoreFlipped,
    StoreGone,
    StoreOld,
    DiskFull,
    TablesDown,
    TablesAnswerLost,
    TablesSlow,
    RegistryDown,
    NodeLeaves,
    Poison,
    LinkCut,
}

impl Fault {
    pub const ALL: [Self; 25] = [
        Self::RequestLost,
        Self::AnswerLost,
        Self::RequestLate,
        Self::RequestDoubled,
        Self::TransactionExpired,
        Self::NodeKilled,
        Self::NodeFrozen,
        Self::IdStolen,
        Self::BrokerDown,
        Self::FailOver,
        Self::NodeClock,
        Self::BrokerClock,
        Self::ReadFailed,
        Self::StoreBehind,
        Self::StoreFlipped,
        Self::StoreGone,
        Self::StoreOld,
        Self::DiskFull,
        Self::TablesDown,
        Self::TablesAnswerLost,
        Self::TablesSlow,
        Self::RegistryDown,
        Self::NodeLeaves,
        Self::Poison,
        Self::LinkCut,
    ];

    /// Those that come with a step of the scheduler; the others come with what they spoil.
    const OF_THE_STEP: [Self; 10] = [
        Self::TransactionExpired,
        Self::NodeKilled,
        Self::NodeFrozen,
        Self::IdStolen,
        Self::BrokerDown,
        Self::FailOver,
        Self::NodeClock,
        Self::BrokerClock,
        Self::NodeLeaves,
        Self::LinkCut,
    ];

    /// Name in options and reports.
    pub fn nombre(self) -> &'static str {
        match self {
            Self::RequestLost => "peticion-perdida",
            Self::AnswerLost => "respuesta-perdida",
            Self::RequestLate => "peticion-tardia",
            Self::RequestDoubled => "peticion-doble",
            Self::TransactionExpired => "transaccion-vencida",
            Self::NodeKilled => "nodo-muerto",
            Self::NodeFrozen => "nodo-congelado",
            Self::IdStolen => "id-robado",
            Self::BrokerDown => "broker-caido",
            Self::FailOver => "conmutacion",
            Self::NodeClock => "reloj-nodo",
            Self::BrokerClock => "reloj-broker",
            Self::ReadFailed => "lectura-fallida",
            Self::StoreBehind => "almacen-atrasado",
            Self::StoreFlipped => "almacen-volteado",
            Self::StoreGone => "almacen-ausente",
            Self::StoreOld => "almacen-viejo",
            Self::DiskFull => "disco-lleno",
            Self::TablesDown => "tablas-caidas",
            Self::TablesAnswerLost => "tablas-sin-respuesta",
            Self::TablesSlow => "tablas-lentas",
            Self::RegistryDown => "esquemas-caido",
            Self::NodeLeaves => "nodo-se-retira",
            Self::Poison => "veneno",
            Self::LinkCut => "enlace-cortado",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.nombre() == nombre)
    }

    /// How often it may come at most: times in 10,000 occasions. Those are many for a request or a step of the scheduler, and few for
    /// what is asked once a write, a command, a batch of a sink, the start of a process or its death.
    fn highest_rate(self) -> u32 {
        match self {
            Self::RequestLost | Self::AnswerLost | Self::RequestLate => 250,
            Self::RequestDoubled => 500,
            Self::ReadFailed => 40,
            Self::DiskFull => 60,
            Self::NodeKilled => 50,
            Self::Poison => 400,
            Self::TablesDown | Self::TablesAnswerLost | Self::TablesSlow => 700,
            Self::RegistryDown => 1_500,
            Self::StoreBehind => 9_000,
            Self::StoreFlipped | Self::StoreGone | Self::StoreOld => 3_000,
            _ => 28,
        }
    }
}

/// Count of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts(pub [u64; Fault::ALL.len()]);

impl Counts {
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }
}

/// Rates of a run, in 10,000.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates([u32; Fault::ALL.len()]);

impl Rates {
    /// A swarm: each kind is absent from half of the runs, and has a rate of its own in the others.
    pub fn draw(rng: &mut Rng, without: u32) -> Self {
        Self(Fault::ALL.map(|fault| {
            let (present, rate) = (rng.below(2) == 0, rng.between(1, u64::from(fault.highest_rate())));
            if present && without & (1 << fault as u8) == 0 { rate as u32 } else { 0 }
        }))
    }

    pub fn of(&self, fault: Fault) -> u32 {
        self.0[fault as usize]
    }

    /// Kinds that may come, with their rates.
    pub fn present(&self) -> impl Iterator<Item = (Fault, u32)> {
        Fault::ALL.into_iter().map(|fault| (fault, self.of(fault))).filter(|(_, rate)| *rate > 0)
    }
}

/// What decides on faults in a run: shared by the network and by the scheduler.
pub struct Drawn {
    rng: Rng,
    rates: Rates,
    counts: Counts,
    /// Until when the link of each node is bad.
    cuts: Vec<Micros>,
    healed: bool,
}

/// Handle on the fates of a run.
#[derive(Clone)]
pub struct Weather(Arc<Mutex<Drawn>>);

impl Weather {
    pub fn new(rng: Rng, rates: Rates) -> Self {
        Self(Arc::new(Mutex::new(Drawn { rng, rates, counts: Counts::default(), cuts: Vec::new(), healed: false })))
    }

    fn lock(&self) -> MutexGuard<'_, Drawn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the fault comes now; it is counted.
    pub fn strikes(&self, fault: Fault) -> bool {
        self.lock().strikes(fault)
    }

    /// The fault that comes with this step of the scheduler, if one does; it is counted. One draw for all of them.
    pub fn of_the_step(&self) -> Option<Fault> {
        let mut drawn = self.lock();
        if drawn.healed {
            return None;
        }
        let mut left = drawn.rng.below(10_000);
        for fault in Fault::OF_THE_STEP {
            let rate = u64::from(drawn.rates.of(fault));
            if left < rate {
                drawn.counts.0[fault as usize] += 1;
                return Some(fault);
            }
            left -= rate;
        }
        None
    }

    /// A number from `low` to `high` for whatever a fault needs.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        self.lock().rng.between(low, high)
    }

    /// The link of the node is bad until then: nothing it asks is asked and answered in time.
    pub fn cut_link(&self, node: u32, until: Micros) {
        let mut drawn = self.lock();
        let place = node as usize;
        if drawn.cuts.len() <= place {
            drawn.cuts.resize(place + 1, 0);
        }
        drawn.cuts[place] = until;
    }

    /// No fault comes any more.
    pub fn heal(&self) {
        let mut drawn = self.lock();
        drawn.cuts.clear();
        drawn.healed = true;
    }

    pub fn counts(&self) -> Counts {
        self.lock().counts
    }
}

impl Drawn {
    fn strikes(&mut self, fault: Fault) -> bool {
        if self.healed || !self.rng.chance(self.rates.of(fault)) {
            return false;
        }
        self.counts.0[fault as usize] += 1;
        true
    }

    /// Over a bad link every try of a call fails in a way of its own: what comes of the call is unknown, and parts of it are on their way.
    fn over_bad_link(&mut self) -> Fate {
        match self.rng.below(3) {
            0 => Fate::LoseRequest,
            1 => Fate::LoseAnswer,
            _ => Fate::Ambush(self.rng.between(500_000, 6_000_000)),
        }
    }

    fn of_request(&mut self, request: &RequestInfo) -> Fate {
        if self.cuts.get(request.node as usize).is_some_and(|until| request.now < *until) {
            return self.over_bad_link();
        }
        // Late and doubled requests matter where they change something later: there they are likelier, and later.
        let decides = matches!(request.api, Api::EndTxn | Api::TxnOffsetCommit | Api::InitProducerId);
        if self.strikes(Fault::RequestLost) {
            return Fate::LoseRequest;
        }
        if self.strikes(Fault::AnswerLost) || (decides && self.strikes(Fault::AnswerLost)) {
            return Fate::LoseAnswer;
        }
        if self.strikes(Fault::RequestLate) || (decides && self.strikes(Fault::RequestLate)) {
            let longest = if decides { 6_000_000 } else { 1_500_000 };
            return Fate::Delay(self.rng.between(1_000, longest));
        }
        // A connection doubles nothing by itself: a request comes twice because its client sent it twice, which late ones bring about.
        // What has no producer to tell repetitions apart may.
        if matches!(request.api, Api::Append | Api::Produce) && self.strikes(Fault::RequestDoubled) {
            return Fate::Duplicate(self.rng.between(1_000, 4_000_000));
        }
        Fate::Deliver
    }
}

impl Fates for Weather {
    fn request(&mut self, request: &RequestInfo) -> Fate {
        self.lock().of_request(request)
    }

    fn marker_delay(&mut self) -> Micros {
        self.lock().rng.below(3_000)
    }

    fn replication_delay(&mut self) -> Micros {
        let mut fates = self.lock();
        if fates.healed { 0 } else { fates.rng.below(4) * fates.rng.below(800) }
    }

    fn partitions_at_once(&mut self, left: usize) -> usize {
        self.lock().rng.index(left) + 1
    }

    fn portion(&mut self, ready: usize) -> Portion {
        let mut fates = self.lock();
        let partition = fates.rng.index(ready);
        Portion { partition, max_records: 1 + fates.rng.index(12) }
    }

    /// A producer that wakes up may send what it was about to send before it hears that its session is over.
    fn beats(&mut self) -> bool {
        let mut fates = self.lock();
        fates.healed || fates.rng.below(3) > 0
    }

    fn read_fails(&mut self) -> bool {
        self.lock().strikes(Fault::ReadFailed)
    }
}
