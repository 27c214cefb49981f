//! Laws of what reads bytes here, for the fuzz targets (`tests/fuzz`): checksums are made right first, so that the readers behind them
//! are reached. Each
//! panics when a law is broken and says whether the bytes were read.

use std::{fs, io, path::Path};

use super::{
    block::{self, Block, BlockBuilder, Budget},
    journal, store,
};
use crate::log::{StoredRecord, Topic, TopicPartition};

/// The first 8 bytes are the block's place, the rest is the block: what is read and written again is read the same.
pub fn bloque(datos: &[u8]) -> bool {
    let Some((first, bytes)) = datos.split_first_chunk::<8>() else { return false };
    let (first, partition) = (u64::from_le_bytes(*first), TopicPartition::new(Topic::Respuestas, 0));
    let Some(sealed) = block::sealed(bytes, partition) else { return false };
    let Ok(block) = Block::open(partition, first, sealed) else { return false };
    let Some(read) = registros(&block) else { return false };
    let Some(uno) = read.first() else { return false };
    assert_eq!(read.last().map(|r| r.position + 1), Some(block.end()), "un bloque leído entero llega a su final");
    let mut builder = BlockBuilder::new(first, uno.record.timestamp, 0);
    read.iter().for_each(|r| builder.push(&r.record));
    let again = Block::open(partition, first, builder.finish(partition).into()).expect("un bloque recién escrito se abre");
    assert_eq!(registros(&again).as_ref(), Some(&read), "lo escrito otra vez se lee igual");
    true
}

fn registros(block: &Block) -> Option<Vec<StoredRecord>> {
    let mut read = Vec::new();
    block.read(0, u64::MAX, &mut Budget::new(usize::MAX, usize::MAX), &mut read).ok()?;
    Some(read)
}

/// Values of the control keyspace: positions of a group that are read and written again are the same.
pub fn control(datos: &[u8]) -> bool {
    let key = b"gprocesador";
    let Some(positions) = store::control_positions(key, store::sealed_control(key, datos)) else { return false };
    let again = store::control_positions(key, store::sealed_control(key, &store::encode_positions(&positions)));
    assert_eq!(again, Some(positions), "las posiciones escritas otra vez se leen igual");
    assert!(store::control_positions(b"gotro", store::sealed_control(key, datos)).is_none(), "la suma cubre la clave");
    true
}

/// Walks a journal made of these bytes in `folder`, which holds no other.
///
/// # Errors
/// Of the disk.
pub fn diario(folder: &Path, datos: &[u8]) -> io::Result<Option<String>> {
    fs::write(folder.join("0.jnl"), datos)?;
    journal::damage(folder)
}

/// Text of a group's name.
pub fn nombre(datos: &[u8]) -> bool {
    let Some(text) = store::control_text(datos) else { return false };
    assert_eq!(text.as_bytes(), datos);
    true
}
