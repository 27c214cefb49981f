//! Limits of a record, the same on every adapter.

use super::{LogError, Record, TopicPartition, headers};

/// Bytes of a key at most.
pub(super) const MAX_KEY: usize = 200;
/// Bytes of a value at most.
pub(super) const MAX_VALUE: usize = 1 << 20;
/// Headers of a record at most.
pub(super) const MAX_HEADERS: usize = 16;
/// Bytes of a header's value at most.
pub(super) const MAX_HEADER: usize = 8 << 10;
/// Bytes of the name of a group or of an owner at most.
const MAX_NAME: usize = 200;

/// Refuses what the port's limits exclude.
pub(super) fn check(partition: TopicPartition, record: &Record) -> Result<(), LogError> {
    let too_large = |what: String| Err(LogError::TooLarge { partition, what });
    if record.key.len() > MAX_KEY {
        return too_large(format!("la clave mide {} bytes y el máximo es {MAX_KEY}", record.key.len()));
    }
    if record.value.len() > MAX_VALUE {
        return too_large(format!("el valor mide {} bytes y el máximo es {MAX_VALUE}", record.value.len()));
    }
    if record.headers.len() > MAX_HEADERS {
        return too_large(format!("tiene {} encabezados y el máximo es {MAX_HEADERS}", record.headers.len()));
    }
    for header in &record.headers {
        if header.value.len() > MAX_HEADER {
            return too_large(format!(
                "el encabezado «{}» mide {} bytes y el máximo es {MAX_HEADER}",
                header.name,
                header.value.len()
            ));
        }
        if headers::code(header.name).is_none() {
            return Err(LogError::Storage(format!("el encabezado «{}» no está en la tabla de nombres del registro", header.name)));
        }
    }
    Ok(())
}

/// Refuses an empty or too long name of a group or of an owner.
pub(super) fn check_name(name: &str) -> Result<(), LogError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(LogError::Storage(format!("un nombre de grupo o dueño tiene de 1 a {MAX_NAME} bytes, no {}", name.len())));
    }
    Ok(())
}
