//! The keys of the clients' personal data on the topic `claves`, for the processes that share a log.
//!
//! ```text
//! ficha/1017/9f02c1d7a40b5e66   {"clave":"ficha/1017","envuelta":"AZx…"}   a key that somebody made
//! ficha/1017                    {"destruida":"ficha/1017"}                 there is none any more
//! ficha/1017/9f02c1d7a40b5e66   (empty)                                    lets the topic forget the bytes of the key
//! ```
//!
//! Two processes may make the key of one name at once: **the first on the topic counts**. Each has a record key of its own, so compaction
//! takes none for a newer version of another, and keeps their order. Who made one seals with it at once and asks, before anything sealed is
//! durable ([`Boveda::sincronizar`]), whether it is the one that counts: if not, the epoch fails and is decided again with the other's.
//!
//! Every process has all the keys in memory and follows the topic. One it does not know is looked for up to the topic's end before it says so.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError, TryRecvError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;

use super::{Linea, al_azar, desenvolver, envolver};
use crate::{
    contracts::{Boveda, Clave, ErrorBoveda, EstadoClave},
    engine::ports::Clock,
    log::{Log, PendingAppend, Position, Record, StoredRecord, Topic, TopicPartition},
};

const TEMA: TopicPartition = TopicPartition { topic: Topic::Claves, partition: 0 };
/// Bytes of one read.
const LECTURA: usize = 1 << 20;
/// How long a look at the topic's end may wait, and with it the end of the thread that looks.
const ESPERA: Duration = Duration::from_millis(500);
/// Between two looks while the log does not answer.
const REINTENTO: Duration = Duration::from_secs(1);

/// The keys of an installation, all of them in memory: some 200 bytes each.
pub struct BovedaEnTema {
    tema: Arc<Tema>,
    fin: Option<mpsc::Sender<()>>,
    hilo: Option<JoinHandle<()>>,
}

struct Tema {
    log: Arc<dyn Log>,
    maestra: Clave,
    clock: Arc<dyn Clock>,
    estado: Mutex<Estado>,
}

#[derive(Default)]
struct Estado {
    /// First position that was not read.
    siguiente: Position,
    claves: BTreeMap<String, Entrada>,
    /// Made here, and not yet known to be the ones that count.
    propias: BTreeMap<String, Propia>,
    /// Why nothing after `siguiente` can be read.
    roto: Option<String>,
}

/// What the topic says of a name.
#[derive(Default)]
struct Entrada {
    /// In their order on the topic: the first one counts.
    hechas: Vec<Hecha>,
    destruida: bool,
}

struct Hecha {
    registro: Bytes,
    clave: Arc<Clave>,
}

struct Propia {
    registro: Bytes,
    clave: Arc<Clave>,
    escritura: Escritura,
}

enum Escritura {
    EnCamino(Box<dyn PendingAppend>),
    /// Durable, at this position.
    En(Position),
}

impl Estado {
    /// `None`: neither the topic, as far as it was read, nor this process says anything of it.
    fn mirar(&self, clave_id: &str) -> Option<EstadoClave> {
        let entrada = self.claves.get(clave_id);
        if entrada.is_some_and(|entrada| entrada.destruida) {
            return Some(EstadoClave::Destruida);
        }
        let hecha = entrada.and_then(|entrada| entrada.hechas.first()).map(|hecha| &hecha.clave);
        let clave = hecha.or_else(|| self.propias.get(clave_id).map(|propia| &propia.clave));
        clave.map(|clave| EstadoClave::Vigente(Arc::clone(clave)))
    }

    fn entero(&self) -> Result<(), ErrorBoveda> {
        self.roto.as_ref().map_or(Ok(()), |que| Err(fallo(que)))
    }

    /// Takes up what was read, but for what was taken up before.
    fn tomar(&mut self, leidos: Vec<StoredRecord>, maestra: &Clave) -> Result<(), ErrorBoveda> {
        self.entero()?;
        for leido in leidos {
            if leido.position < self.siguiente {
                continue;
            }
            if let Err(que) = self.uno(leido.record, maestra) {
                self.roto = Some(format!("posición {} de {TEMA}: {que}", leido.position));
                return self.entero();
            }
            self.siguiente = leido.position + 1;
        }
        Ok(())
    }

    fn uno(&mut self, record: Record, maestra: &Clave) -> Result<(), String> {
        if record.value.is_empty() {
            let registro = std::str::from_utf8(&record.key).map_err(|e| e.to_string())?;
            let (nombre, _) = registro.rsplit_once('/').ok_or("no es el nombre de una clave")?;
            if let Some(entrada) = self.claves.get_mut(nombre) {
                entrada.hechas.retain(|hecha| hecha.registro != record.key);
            }
            return Ok(());
        }
        match serde_json::from_slice(&record.value).map_err(|e| e.to_string())? {
            Linea::Destruida { destruida } => self.claves.entry(destruida).or_default().destruida = true,
            Linea::Vigente { clave, envuelta } => {
                let abierta = Arc::new(desenvolver(maestra, &clave, &envuelta)?);
                self.claves.entry(clave).or_default().hechas.push(Hecha { registro: record.key, clave: abierta });
            }
        }
        Ok(())
    }
}

impl Tema {
    fn estado(&self) -> MutexGuard<'_, Estado> {
        self.estado.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is on the topic now, and at least up to `hasta`.
    fn ponerse_al_dia(&self, hasta: Position) -> Result<(), ErrorBoveda> {
        let estable = self.log.watermarks(TEMA).map_err(fallo)?.stable;
        let fin = estable.max(hasta);
        loop {
            let desde = self.estado().siguiente;
            if desde >= fin {
                return Ok(());
            }
            let leidos = self.log.read(TEMA, desde, LECTURA).map_err(fallo)?;
            // What is left up to there was compacted away.
            if leidos.is_empty() && desde >= hasta {
                return Ok(());
            }
            if leidos.is_empty() {
                return Err(fallo("el registro todavía no da lo que se escribió en él"));
            }
            self.estado().tomar(leidos, &self.maestra)?;
        }
    }

    fn registro(&self, clave: Bytes, valor: Option<&Linea>) -> Result<(TopicPartition, Record), ErrorBoveda> {
        let value = valor.map_or(Ok(Vec::new()), serde_json::to_vec).map_err(fallo)?;
        Ok((TEMA, Record { key: clave, value: value.into(), headers: Vec::new(), timestamp: self.clock.now() }))
    }

    fn escribir(&self, registros: Vec<(TopicPartition, Record)>) -> Result<Position, ErrorBoveda> {
        let escritura = self.log.append(registros).map_err(fallo)?;
        let ultima = escritura.positions().last().copied().unwrap_or_default();
        escritura.wait().map_err(fallo)?;
        Ok(ultima)
    }

    fn nueva(&self, estado: &mut Estado, clave_id: &str) -> Result<Arc<Clave>, ErrorBoveda> {
        let clave = Arc::new(Clave::new(al_azar().map_err(fallo)?));
        let quien = u64::from_be_bytes(al_azar().map_err(fallo)?);
        let registro = Bytes::from(format!("{clave_id}/{quien:016x}"));
        let envuelta = envolver(&self.maestra, clave_id, &clave).ok_or_else(|| fallo("no se pudo envolver una clave"))?;
        let linea = Linea::Vigente { clave: clave_id.to_owned(), envuelta };
        let escritura = self.log.append(vec![self.registro(registro.clone(), Some(&linea))?]).map_err(fallo)?;
        let propia = Propia { registro, clave: Arc::clone(&clave), escritura: Escritura::EnCamino(escritura) };
        estado.propias.insert(clave_id.to_owned(), propia);
        Ok(clave)
    }

    /// Waits until what this process made is on the topic; the position after it. One of which nobody knows is not its own any more: if it
    /// is there after all, it is read like anybody's.
    fn asegurar(&self, propias: &mut BTreeMap<String, Propia>) -> Result<Position, ErrorBoveda> {
        let mut fin = 0;
        let nombres: Vec<String> = propias.keys().cloned().collect();
        for nombre in nombres {
            let Some(Propia { registro, clave, escritura }) = propias.remove(&nombre) else { continue };
            let en = match escritura {
                Escritura::En(posicion) => posicion,
                Escritura::EnCamino(escritura) => {
                    let posicion = escritura.positions().last().copied().unwrap_or_default();
                    escritura.wait().map_err(fallo)?;
                    posicion
                }
            };
            fin = fin.max(en + 1);
            propias.insert(nombre, Propia { registro, clave, escritura: Escritura::En(en) });
        }
        Ok(fin)
    }

    /// Of what this process made, what is not what counts.
    fn perdidas(estado: &Estado, propias: BTreeMap<String, Propia>) -> Vec<(String, Bytes)> {
        let cuenta = |nombre: &str, propia: &Propia| {
            let entrada = estado.claves.get(nombre);
            entrada.is_some_and(|e| !e.destruida && e.hechas.first().is_some_and(|hecha| hecha.registro == propia.registro))
        };
        propias
            .into_iter()
            .filter(|(nombre, propia)| !cuenta(nombre, propia))
            .map(|(nombre, propia)| (nombre, propia.registro))
            .collect()
    }

    /// Follows the topic until it is told to end, or reads what it cannot.
    fn seguir(&self, fin: &mpsc::Receiver<()>) {
        while fin.try_recv() == Err(TryRecvError::Empty) {
            let desde = self.estado().siguiente;
            let leidos = match self.log.read_or_wait(TEMA, desde, LECTURA, ESPERA) {
                Ok(leidos) => leidos,
                Err(causa) => {
                    tracing::warn!(evento = "claves_sin_leer", %causa, "se intenta otra vez");
                    if fin.recv_timeout(REINTENTO) != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                    continue;
                }
            };
            if let Err(causa) = self.estado().tomar(leidos, &self.maestra) {
                tracing::error!(evento = "claves_ilegibles", %causa, "este proceso no conocerá claves nuevas");
                return;
            }
        }
    }
}

fn fallo(que: impl fmt::Display) -> ErrorBoveda {
    ErrorBoveda(que.to_string())
}

impl BovedaEnTema {
    /// Reads the topic to its end.
    ///
    /// # Errors
    /// The log does not answer, or a key there is of another master key.
    pub fn abrir(log: Arc<dyn Log>, maestra: Clave, clock: Arc<dyn Clock>) -> Result<Self, ErrorBoveda> {
        let tema = Arc::new(Tema { log, maestra, clock, estado: Mutex::default() });
        tema.ponerse_al_dia(0)?;
        let (fin, avisos) = mpsc::channel();
        let seguido = Arc::clone(&tema);
        let hilo = thread::Builder::new().name("claves".to_owned()).spawn(move || seguido.seguir(&avisos)).map_err(fallo)?;
        Ok(Self { tema, fin: Some(fin), hilo: Some(hilo) })
    }
}

impl Drop for BovedaEnTema {
    fn drop(&mut self) {
        drop(self.fin.take());
        if let Some(hilo) = self.hilo.take()
            && hilo.join().is_err()
        {
            tracing::error!(evento = "claves_ilegibles", "el hilo que las lee terminó con un fallo");
        }
    }
}

impl fmt::Debug for BovedaEnTema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BovedaEnTema").finish_non_exhaustive()
    }
}

impl Boveda for BovedaEnTema {
    fn clave(&self, clave_id: &str) -> Result<EstadoClave, ErrorBoveda> {
        if let Some(conocida) = self.tema.estado().mirar(clave_id) {
            return Ok(conocida);
        }
        self.tema.ponerse_al_dia(0)?;
        let estado = self.tema.estado();
        estado.entero()?;
        Ok(estado.mirar(clave_id).unwrap_or(EstadoClave::Desconocida))
    }

    fn clave_o_nueva(&self, clave_id: &str) -> Result<Option<Arc<Clave>>, ErrorBoveda> {
        let mut estado = self.tema.estado();
        match estado.mirar(clave_id) {
            Some(EstadoClave::Vigente(clave)) => Ok(Some(clave)),
            Some(EstadoClave::Destruida) => Ok(None),
            Some(EstadoClave::Desconocida) | None => {
                estado.entero()?;
                self.tema.nueva(&mut estado, clave_id).map(Some)
            }
        }
    }

    fn sincronizar(&self) -> Result<(), ErrorBoveda> {
        let mut propias = std::mem::take(&mut self.tema.estado().propias);
        if propias.is_empty() {
            return Ok(());
        }
        let leidas = self.tema.asegurar(&mut propias).and_then(|fin| self.tema.ponerse_al_dia(fin));
        if let Err(error) = leidas {
            // What is durable is asked of again; whoever seals meanwhile goes on with the same keys.
            self.tema.estado().propias.append(&mut propias);
            return Err(error);
        }
        let perdidas = Tema::perdidas(&self.tema.estado(), propias);
        if perdidas.is_empty() {
            return Ok(());
        }
        let olvidos = perdidas.iter().map(|(_, registro)| self.tema.registro(registro.clone(), None));
        self.tema.escribir(olvidos.collect::<Result<_, _>>()?)?;
        let nombres: Vec<&str> = perdidas.iter().map(|(nombre, _)| nombre.as_str()).collect();
        Err(fallo(format!("otro proceso hizo o destruyó antes {}: se decide otra vez con lo suyo", nombres.join(", "))))
    }

    fn destruir(&self, clave_id: &str) -> Result<bool, ErrorBoveda> {
        self.tema.ponerse_al_dia(0)?;
        let (ya, mut registros) = {
            let estado = self.tema.estado();
            estado.entero()?;
            let entrada = estado.claves.get(clave_id);
            let hechas = entrada.map(|entrada| entrada.hechas.iter().map(|hecha| self.tema.registro(hecha.registro.clone(), None)));
            let hechas = hechas.map_or(Ok(Vec::new()), Iterator::collect::<Result<Vec<_>, _>>)?;
            (entrada.is_some_and(|entrada| entrada.destruida), hechas)
        };
        if !ya {
            let linea = Linea::Destruida { destruida: clave_id.to_owned() };
            registros.insert(0, self.tema.registro(Bytes::copy_from_slice(clave_id.as_bytes()), Some(&linea))?);
        }
        if registros.is_empty() {
            return Ok(false);
        }
        let ultima = self.tema.escribir(registros)?;
        self.tema.ponerse_al_dia(ultima + 1)?;
        Ok(!ya)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Instant};

    use proptest::prelude::*;

    use super::*;
    use crate::{
        domain::valores::Instante,
        engine::ports::FixedClock,
        log::simulated::{ClusterOptions, NoFaults, SimulatedLog},
    };

    fn registro() -> SimulatedLog {
        SimulatedLog::new(ClusterOptions::default(), Box::new(NoFaults))
    }

    fn tema(log: &SimulatedLog, maestra: u8) -> Arc<Tema> {
        let maestra = Clave::new([maestra; 32]);
        Arc::new(Tema { log: Arc::new(log.clone()), maestra, clock: FixedClock::new(Instante(1)), estado: Mutex::default() })
    }

    /// A process that hears of nothing by itself, so that what two do at once is a matter of the test.
    fn sordo(log: &SimulatedLog) -> BovedaEnTema {
        let tema = tema(log, 9);
        tema.ponerse_al_dia(0).expect("claves");
        BovedaEnTema { tema, fin: None, hilo: None }
    }

    fn nueva(boveda: &BovedaEnTema, clave_id: &str) -> Arc<Clave> {
        boveda.clave_o_nueva(clave_id).expect("bóveda").expect("clave")
    }

    fn en_el_tema(log: &SimulatedLog) -> Vec<Record> {
        log.read(TEMA, 0, usize::MAX).expect("tema").into_iter().map(|stored| stored.record).collect()
    }

    #[test]
    fn la_clave_que_uno_hace_es_la_de_todos() {
        let log = registro();
        let (uno, otro) = (sordo(&log), sordo(&log));
        assert_eq!(otro.clave("ficha/1"), Ok(EstadoClave::Desconocida));
        let clave = nueva(&uno, "ficha/1");
        uno.sincronizar().expect("a salvo");
        assert_eq!(otro.clave("ficha/1"), Ok(EstadoClave::Vigente(Arc::clone(&clave))));
        assert!(nueva(&otro, "ficha/1") == clave);
        otro.sincronizar().expect("no hizo ninguna");
        assert_eq!(en_el_tema(&log).len(), 1);
        let envuelta = String::from_utf8(en_el_tema(&log)[0].value.to_vec()).expect("texto");
        assert!(envuelta.starts_with(r#"{"clave":"ficha/1","envuelta":""#), "{envuelta}");
    }

    #[test]
    fn de_dos_hechas_a_la_vez_cuenta_la_primera_y_la_otra_se_olvida() {
        for primero_pregunta in [true, false] {
            let log = registro();
            let (uno, otro) = (sordo(&log), sordo(&log));
            let (suya, perdida) = (nueva(&uno, "ficha/1"), nueva(&otro, "ficha/1"));
            assert!(suya != perdida);
            if primero_pregunta {
                uno.sincronizar().expect("cuenta la suya");
            }
            let error = otro.sincronizar().expect_err("hay otra antes").to_string();
            assert!(error.contains("ficha/1"), "{error}");
            uno.sincronizar().expect("cuenta la suya");
            for boveda in [&uno, &otro, &sordo(&log)] {
                assert_eq!(boveda.clave("ficha/1"), Ok(EstadoClave::Vigente(Arc::clone(&suya))));
            }
            otro.sincronizar().expect("ya usa la que cuenta");
            let olvido = en_el_tema(&log).pop().expect("registro");
            assert!(olvido.value.is_empty() && olvido.key == en_el_tema(&log)[1].key, "{olvido:?}");
        }
    }

    #[test]
    fn lo_destruido_lo_está_para_todos_y_no_vuelve() {
        let log = registro();
        let (uno, otro) = (sordo(&log), sordo(&log));
        nueva(&uno, "ficha/1");
        uno.sincronizar().expect("a salvo");
        assert_eq!(otro.destruir("ficha/1"), Ok(true));
        assert_eq!(otro.destruir("ficha/1"), Ok(false));
        assert_eq!(otro.destruir("ficha/2"), Ok(true), "una que nadie hizo");
        // The one who has not heard of it seals what will not be kept.
        nueva(&uno, "ficha/2");
        assert!(uno.sincronizar().is_err());
        for boveda in [&uno, &otro, &sordo(&log)] {
            for nombre in ["ficha/1", "ficha/2"] {
                assert_eq!(boveda.clave(nombre), Ok(EstadoClave::Destruida));
                assert_eq!(boveda.clave_o_nueva(nombre), Ok(None));
            }
        }
        // Nothing that holds a key is left without its tombstone.
        let registros = en_el_tema(&log);
        let vivas = registros.iter().filter(|r| String::from_utf8_lossy(&r.value).contains("envuelta"));
        for viva in vivas {
            assert!(registros.iter().any(|r| r.key == viva.key && r.value.is_empty()), "{viva:?}");
        }
    }

    #[test]
    fn una_de_otra_maestra_no_abre_y_lo_conocido_sigue() {
        let log = registro();
        let uno = sordo(&log);
        let clave = nueva(&uno, "ficha/1");
        uno.sincronizar().expect("a salvo");
        let ajena = BovedaEnTema { tema: tema(&log, 8), fin: None, hilo: None };
        nueva(&ajena, "ficha/2");
        assert!(ajena.sincronizar().is_err(), "la primera del tema no es de su maestra");
        let error = uno.clave("ficha/2").expect_err("no se abre").to_string();
        assert!(error.contains("otra clave maestra") && error.contains("posición 1 de claves/0"), "{error}");
        assert_eq!(uno.clave("ficha/1"), Ok(EstadoClave::Vigente(clave)));
        assert!(uno.clave_o_nueva("ficha/3").is_err() && uno.destruir("ficha/1").is_err());
        let abierta = BovedaEnTema::abrir(Arc::new(log), Clave::new([9; 32]), FixedClock::new(Instante(1)));
        assert!(abierta.is_err());
    }

    /// A log that does not answer makes nobody believe that a key does not exist.
    #[test]
    fn sin_registro_no_se_sabe_y_se_pregunta_otra_vez() {
        let log = registro();
        let (uno, otro) = (sordo(&log), sordo(&log));
        let clave = nueva(&uno, "ficha/1");
        uno.sincronizar().expect("a salvo");
        log.take_down(log.now() + 600_000_000);
        assert!(otro.clave("ficha/1").is_err());
        assert_eq!(uno.clave("ficha/1"), Ok(EstadoClave::Vigente(Arc::clone(&clave))));
        log.bring_up();
        assert_eq!(otro.clave("ficha/1"), Ok(EstadoClave::Vigente(clave)));
    }

    #[test]
    fn quien_sigue_el_tema_oye_lo_que_hacen_los_demás() {
        let log = registro();
        let atento = BovedaEnTema::abrir(Arc::new(log.clone()), Clave::new([9; 32]), FixedClock::new(Instante(1))).expect("bóveda");
        let uno = sordo(&log);
        nueva(&uno, "ficha/1");
        uno.sincronizar().expect("a salvo");
        uno.destruir("ficha/1").expect("destruida");
        let desde = Instant::now();
        while atento.tema.estado().mirar("ficha/1") != Some(EstadoClave::Destruida) {
            assert!(desde.elapsed() < Duration::from_secs(60), "no oyó");
            thread::yield_now();
        }
    }

    #[derive(Debug, Clone)]
    enum Acto {
        Sella(usize, u8),
        Sincroniza(usize),
        Destruye(usize, u8),
        Reinicia(usize),
    }

    fn acto() -> impl Strategy<Value = Acto> {
        let (quien, que) = (0..3_usize, 0..3_u8);
        prop_oneof![
            4 => (quien.clone(), que.clone()).prop_map(|(p, n)| Acto::Sella(p, n)),
            3 => quien.clone().prop_map(Acto::Sincroniza),
            1 => (quien.clone(), que).prop_map(|(p, n)| Acto::Destruye(p, n)),
            1 => quien.prop_map(Acto::Reinicia),
        ]
    }

    proptest! {
        /// Whatever processes do at once: what was sealed and became durable is opened by everybody with the same key, until it is destroyed.
        #[test]
        fn lo_sellado_lo_abren_todos(actos in proptest::collection::vec(acto(), 1..60)) {
            let log = registro();
            let mut procesos: Vec<BovedaEnTema> = (0..3).map(|_| sordo(&log)).collect();
            // What each sealed with since its last epoch, and what is durable.
            let mut en_mano: Vec<BTreeMap<u8, Arc<Clave>>> = vec![BTreeMap::new(); 3];
            let mut durable: BTreeMap<u8, Arc<Clave>> = BTreeMap::new();
            let nombre = |n: u8| format!("ficha/{n}");
            for acto in actos {
                match acto {
                    Acto::Sella(p, n) => {
                        if let Some(clave) = procesos[p].clave_o_nueva(&nombre(n)).expect("bóveda") {
                            en_mano[p].insert(n, clave);
                        }
                    }
                    Acto::Sincroniza(p) => {
                        let sellado = std::mem::take(&mut en_mano[p]);
                        if procesos[p].sincronizar().is_ok() {
                            for (n, clave) in sellado {
                                let antes = durable.insert(n, Arc::clone(&clave));
                                prop_assert!(antes.is_none_or(|antes| antes == clave));
                            }
                        }
                    }
                    Acto::Destruye(p, n) => {
                        procesos[p].destruir(&nombre(n)).expect("bóveda");
                    }
                    Acto::Reinicia(p) => {
                        procesos[p] = sordo(&log);
                        en_mano[p].clear();
                    }
                }
            }
            procesos.push(sordo(&log));
            for (n, clave) in durable {
                let vistas: Vec<EstadoClave> =
                    procesos.iter().map(|boveda| { boveda.tema.ponerse_al_dia(0).expect("tema"); boveda.clave(&nombre(n)).expect("bóveda") }).collect();
                prop_assert!(vistas.iter().all(|vista| *vista == vistas[0]), "{vistas:?}");
                prop_assert!(vistas[0] == EstadoClave::Destruida || vistas[0] == EstadoClave::Vigente(clave));
            }
        }
    }
}
