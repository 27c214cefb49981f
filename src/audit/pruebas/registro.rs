//! A log in memory: transactions at once, with the positions that control records take in Kafka, and tails that are not decided.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    domain::valores::Instante,
    log::{
        Committed, Log, LogError, OwnerToken, PendingAppend, Position, Record, StoredRecord, Subscription, Topic, TopicPartition,
        Transaction, Watermarks,
    },
};

#[derive(Default)]
struct Datos {
    registros: BTreeMap<TopicPartition, Vec<StoredRecord>>,
    /// Next position of each partition.
    fines: BTreeMap<TopicPartition, Position>,
    posiciones: BTreeMap<(String, TopicPartition), Position>,
    /// Ends that readers see, where they are not those of the partition.
    decididos: BTreeMap<TopicPartition, Position>,
}

pub struct RegistroEnMemoria {
    particiones: u16,
    /// A transaction ends with a control record in every partition it wrote to.
    con_control: bool,
    datos: Mutex<Datos>,
}

impl RegistroEnMemoria {
    pub fn new(particiones: u16, con_control: bool) -> Self {
        Self { particiones, con_control, datos: Mutex::default() }
    }

    fn datos(&self) -> MutexGuard<'_, Datos> {
        self.datos.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on the partition has records of a transaction that hangs.
    pub fn colgar(&self, tp: TopicPartition, desde: Position) {
        self.datos().decididos.insert(tp, desde);
    }

    pub fn mover(&self, grupo: &str, tp: TopicPartition, a: Position) {
        self.datos().posiciones.insert((grupo.to_owned(), tp), a);
    }

    pub fn fin(&self, tp: TopicPartition) -> Position {
        self.datos().fines.get(&tp).copied().unwrap_or_default()
    }

    /// Changes a partition's records behind everybody's back.
    pub fn alterar(&self, tp: TopicPartition, cambiar: impl FnOnce(&mut Vec<StoredRecord>)) {
        cambiar(self.datos().registros.entry(tp).or_default());
    }

    pub fn leer(&self, tp: TopicPartition, desde: Position) -> Vec<StoredRecord> {
        let datos = self.datos();
        datos.registros.get(&tp).into_iter().flatten().filter(|r| r.position >= desde).cloned().collect()
    }
}

fn poner(datos: &mut Datos, tp: TopicPartition, record: Record) -> Position {
    let fin = datos.fines.entry(tp).or_default();
    let position = *fin;
    *fin += 1;
    datos.registros.entry(tp).or_default().push(StoredRecord { position, record });
    position
}

struct Puesto(Vec<Position>);

impl PendingAppend for Puesto {
    fn positions(&self) -> &[Position] {
        &self.0
    }

    fn wait(self: Box<Self>) -> Result<(), LogError> {
        Ok(())
    }
}

impl Log for RegistroEnMemoria {
    fn partitions(&self, topic: Topic) -> u16 {
        if matches!(topic, Topic::Respuestas | Topic::DlqProyecciones | Topic::AuditoriaSellos | Topic::Claves) {
            1
        } else {
            self.particiones
        }
    }

    fn append(&self, records: Vec<(TopicPartition, Record)>) -> Result<Box<dyn PendingAppend>, LogError> {
        let mut datos = self.datos();
        Ok(Box::new(Puesto(records.into_iter().map(|(tp, record)| poner(&mut datos, tp, record)).collect())))
    }

    fn commit(&self, transaction: Transaction) -> Result<Committed, LogError> {
        let mut datos = self.datos();
        let mut tocadas = BTreeMap::new();
        for (tp, record) in transaction.records {
            let position = poner(&mut datos, tp, record);
            tocadas.insert(tp, position + 1);
        }
        if self.con_control {
            for tp in tocadas.keys() {
                *datos.fines.entry(*tp).or_default() += 1;
            }
        }
        for (tp, position) in transaction.positions {
            datos.posiciones.insert((transaction.group.clone(), tp), position);
        }
        Ok(Committed { ends: tocadas.into_iter().collect() })
    }

    fn read(&self, partition: TopicPartition, from: Position, max_bytes: usize) -> Result<Vec<StoredRecord>, LogError> {
        let datos = self.datos();
        let hasta = datos.decididos.get(&partition).copied().unwrap_or(Position::MAX);
        let Some(registros) = datos.registros.get(&partition) else { return Ok(Vec::new()) };
        let primero = registros.partition_point(|r| r.position < from);
        let mut bytes = 0;
        let quedan = registros[primero..].iter().take_while(|r| r.position < hasta);
        Ok(quedan
            .take_while(|r| {
                let cabe = bytes == 0 || bytes < max_bytes;
                bytes += r.record.value.len().max(1);
                cabe
            })
            .cloned()
            .collect())
    }

    fn watermarks(&self, partition: TopicPartition) -> Result<Watermarks, LogError> {
        let datos = self.datos();
        let end = datos.fines.get(&partition).copied().unwrap_or_default();
        let stable = datos.decididos.get(&partition).copied().unwrap_or(end);
        Ok(Watermarks { first: 0, stable, end })
    }

    fn position(&self, group: &str, partition: TopicPartition) -> Result<Option<Position>, LogError> {
        Ok(self.datos().posiciones.get(&(group.to_owned(), partition)).copied())
    }

    fn claim(&self, owner: &str) -> Result<OwnerToken, LogError> {
        Ok(OwnerToken { owner: owner.to_owned(), epoch: 1 })
    }

    fn subscribe(&self, _group: &str, _topics: &[Topic]) -> Result<Box<dyn Subscription>, LogError> {
        Err(LogError::Storage("las pruebas leen por su cuenta".to_owned()))
    }

    fn wait_stable(&self, seen: u64, _timeout: Duration) -> u64 {
        seen
    }

    fn retain(&self, _now: Instante) -> Result<u64, LogError> {
        Ok(0)
    }
}
