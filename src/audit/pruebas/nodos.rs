//! Nodes driven by hand over the log in memory: the production core and encoder, without threads. Whoever tests says who takes in how
//! much and when; so the same calls give the same log.

use std::sync::Arc;

use bytes::Bytes;

use super::registro::RegistroEnMemoria;
use crate::{
    contracts::{Codec, CommandEnvelope, EmbeddedRegistry, RegistroDlq},
    domain::{
        Comando, Contexto,
        emisor::Emisor,
        valores::{Id, Instante},
    },
    engine::{
        core::{Checkpoint, Core, CoreLimits, Input, Refold},
        encode::Encoder,
        routing::Ownership,
        store::{MemoryStore, StateStore},
    },
    log::{Log, OwnerToken, Record, StoredRecord, Topic, TopicPartition},
};

pub const GRUPO: &str = "procesador";

pub fn id(texto: &str) -> Id {
    Id::de_clave(texto).expect("id")
}

pub fn codec() -> Arc<Codec> {
    Arc::new(Codec::new(&EmbeddedRegistry::in_memory()).expect("códec"))
}

struct Nodo {
    core: Core,
    store: Arc<MemoryStore>,
    encoder: Encoder,
    propias: Vec<TopicPartition>,
}

pub struct Nodos {
    pub log: Arc<RegistroEnMemoria>,
    pub codec: Arc<Codec>,
    pub emisor: Arc<Emisor>,
    /// The clock of every node, and `recibido_en` of what is sent.
    pub ahora: Instante,
    particiones: u16,
    nodos: Vec<Nodo>,
}

impl Nodos {
    /// One node that owns everything.
    pub fn uno(particiones: u16, con_control: bool, ahora: Instante) -> Self {
        let mut nodos = Self {
            log: Arc::new(RegistroEnMemoria::new(particiones, con_control)),
            codec: codec(),
            emisor: Arc::new(Emisor::co()),
            ahora,
            particiones,
            nodos: Vec::new(),
        };
        nodos.nodos.push(nodos.nodo(Ownership::all(particiones)));
        nodos
    }

    fn nodo(&self, propias: Ownership) -> Nodo {
        let store = Arc::new(MemoryStore::default());
        let (emisor, codec) = (Arc::clone(&self.emisor), Arc::clone(&self.codec));
        let trap = Some(crate::engine::core::tests::panic_if_asked as fn(&Id));
        let limites = CoreLimits { snapshot_every: 3, snapshots_together: 1, trap, ..CoreLimits::default() };
        let token = OwnerToken { owner: "prueba".to_owned(), epoch: 1 };
        let encoder = Encoder { codec: Arc::clone(&codec), token, group: GRUPO.to_owned() };
        let comandos = propias.owned().map(|(contexto, p)| TopicPartition::new(Topic::Comandos(contexto), p)).collect();
        let core = Core::new(emisor, codec, Arc::clone(&store) as Arc<dyn StateStore>, propias, limites, Checkpoint::default());
        Nodo { core, store, encoder, propias: comandos }
    }

    /// From here on `cuantos` nodes: catalogues and ranges on the first, documents and stock dealt out. Each begins by folding the
    /// log, so all know the catalogue as it is now.
    pub fn repartir(&mut self, cuantos: usize) {
        let mut partes = vec![Ownership::none(self.particiones); cuantos];
        for contexto in Contexto::TODOS {
            for particion in 0..self.particiones {
                let dueno = match contexto {
                    Contexto::Catalogo | Contexto::Numeracion => 0,
                    Contexto::Facturacion => usize::from(particion) % cuantos,
                    Contexto::Inventario => (usize::from(particion) + 1) % cuantos,
                };
                partes[dueno].take(contexto, particion);
            }
        }
        self.nodos = partes.into_iter().map(|propias| self.nodo(propias)).collect();
        let (log, particiones) = (Arc::clone(&self.log), self.particiones);
        for nodo in &mut self.nodos {
            let mut plegado = Refold::default();
            let temas = Contexto::TODOS.into_iter().flat_map(|c| (0..particiones).map(move |p| (Topic::Eventos(c), p)));
            for (tema, particion) in temas {
                for registro in log.leer(TopicPartition::new(tema, particion), 0) {
                    nodo.core.refold(&mut plegado, &registro.record.value).expect("plegado");
                }
            }
            nodo.core.finish_refold(plegado).expect("fin del plegado");
        }
    }

    /// Decisions panic no more.
    pub fn reparar(&mut self) {
        self.nodos.iter_mut().for_each(|nodo| nodo.core.repair());
    }

    /// What the DLQ of a context has, in the order of its partitions.
    pub fn cartas(&self, contexto: Contexto) -> Vec<RegistroDlq> {
        let de = |particion| self.log.leer(TopicPartition::new(Topic::Dlq(contexto), particion), 0);
        let registros = (0..self.particiones).flat_map(de);
        registros.map(|registro| self.codec.decode_dlq(&registro.record.value).expect("carta")).collect()
    }

    pub fn cuantos(&self) -> usize {
        self.nodos.len()
    }

    pub fn lugar_de(&self, comando: &Comando) -> TopicPartition {
        Ownership::none(self.particiones).commands_of(&comando.destino())
    }

    pub fn sobre(&self, command_id: &str, comando: Comando) -> CommandEnvelope {
        CommandEnvelope {
            command_id: id(command_id),
            correlation_id: id(command_id),
            causation_id: None,
            recibido_en: self.ahora,
            usuario: None,
            canal: None,
            version_esperada: None,
            responder_a: None,
            traceparent: None,
            paso: None,
            comando,
        }
    }

    pub fn enviar(&self, sobre: &CommandEnvelope) {
        self.colocar(sobre);
    }

    /// Appends a command; where it went.
    fn colocar(&self, sobre: &CommandEnvelope) -> (TopicPartition, StoredRecord) {
        let value = self.codec.encode_command(sobre).expect("comando");
        let clave = Bytes::copy_from_slice(sobre.comando.destino().clave().as_bytes());
        let tp = self.lugar_de(&sobre.comando);
        (tp, self.colocar_bytes(tp, clave, value))
    }

    pub fn enviar_bytes(&self, tp: TopicPartition, key: Bytes, value: Bytes) {
        self.colocar_bytes(tp, key, value);
    }

    fn colocar_bytes(&self, tp: TopicPartition, key: Bytes, value: Bytes) -> StoredRecord {
        let record = Record { key, value, headers: Vec::new(), timestamp: self.ahora };
        let puesto = self.log.append(vec![(tp, record.clone())]).expect("registro");
        StoredRecord { position: puesto.positions()[0], record }
    }

    /// The commands in this order on the first node, in epochs of these sizes, over and over.
    pub fn en_orden(&mut self, sobres: &[CommandEnvelope], tamanos: &[usize]) {
        let mut quedan = sobres;
        for tamano in tamanos.iter().cycle() {
            if quedan.is_empty() {
                return;
            }
            let (estas, otras) = quedan.split_at((*tamano).clamp(1, quedan.len()));
            quedan = otras;
            let entradas = estas.iter().map(|sobre| self.colocar(sobre)).collect();
            self.confirmar(0, entradas);
        }
    }

    fn pendientes(&self, tp: TopicPartition) -> Vec<StoredRecord> {
        self.log.leer(tp, self.log.position(GRUPO, tp).expect("posición").unwrap_or_default())
    }

    /// One epoch of a node: up to `maximo` inputs of each of its partitions, taken in turns. `false` when there was nothing to do.
    pub fn epoca(&mut self, cual: usize, maximo: usize) -> bool {
        let propias = self.nodos[cual].propias.clone();
        let mut lotes: Vec<_> = propias.iter().map(|tp| (*tp, self.pendientes(*tp).into_iter().take(maximo))).collect();
        let mut entradas = Vec::new();
        loop {
            let antes = entradas.len();
            for (tp, lote) in &mut lotes {
                entradas.extend(lote.next().map(|registro| (*tp, registro)));
            }
            if entradas.len() == antes {
                break;
            }
        }
        let (nodo, ahora) = (&self.nodos[cual], self.ahora);
        let vencida = nodo.core.next_deadline().is_some_and(|plazo| plazo <= ahora);
        if entradas.is_empty() && !vencida {
            return false;
        }
        self.confirmar(cual, entradas);
        true
    }

    /// Decides the inputs as one epoch and commits it.
    fn confirmar(&mut self, cual: usize, entradas: Vec<(TopicPartition, StoredRecord)>) {
        let (nodo, ahora) = (&mut self.nodos[cual], self.ahora);
        for (from, record) in entradas {
            let decoded = self.codec.decode_command(&record.record.value);
            nodo.core.handle(Input { from, record, decoded }, ahora).expect("entrada");
        }
        nodo.core.fire(ahora).expect("plazos");
        let mut cerrada = nodo.core.close(ahora).expect("cierre");
        let codificada = nodo.encoder.encode(&mut cerrada).expect("codificación");
        let confirmada = self.log.commit(codificada.transaction).expect("confirmación");
        nodo.store.write(codificada.rows).expect("filas");
        nodo.core.committed(codificada.number, &confirmada.ends);
    }

    /// Epochs of every node in turn, until none has anything to do.
    pub fn terminar(&mut self, maximo: usize) {
        while (0..self.cuantos()).map(|cual| self.epoca(cual, maximo)).fold(false, |alguna, hizo| alguna | hizo) {}
    }
}
