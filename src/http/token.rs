//! The token of read-your-writes for lists: the event partitions that a command wrote and how far they had come when its reply
//! arrived. Text of the form `4-0.513_5-2.88`: topic code, partition, next position.

use std::{sync::Arc, time::Duration};

use super::{peticion::Peticion, problema::Problema};
use crate::log::{Position, Topic, TopicPartition};

/// Partitions that a token may name.
const MAXIMO: usize = 64;

/// How long a read waits for the projections to catch up.
pub const ESPERA: Duration = Duration::from_secs(2);

/// The token of a reply, when the node gave us the log to look at.
pub async fn de_respuesta(peticion: &Peticion, particiones: &[TopicPartition]) -> Option<String> {
    let log = Arc::clone(peticion.estado.partes.log.as_ref()?);
    if particiones.is_empty() || particiones.len() > MAXIMO {
        return None;
    }
    let particiones = particiones.to_vec();
    let leer = move || log.stable_ends(&particiones).map(|fines| particiones.into_iter().zip(fines).collect::<Vec<_>>());
    match tokio::task::spawn_blocking(leer).await {
        Ok(Ok(posiciones)) => Some(escribir(&posiciones)),
        Ok(Err(error)) => {
            tracing::warn!(codigo = "TokenNoDisponible", %error, "no se pudo leer hasta dónde llega el registro");
            None
        }
        Err(_) => None,
    }
}

/// The text of these positions.
pub fn escribir(posiciones: &[(TopicPartition, Position)]) -> String {
    let partes: Vec<_> = posiciones.iter().map(|(p, hasta)| format!("{}-{}.{hasta}", p.topic.codigo(), p.partition)).collect();
    partes.join("_")
}

/// Reads a token back.
///
/// # Errors
/// 400 when it is not one of ours.
pub fn leer(texto: &str) -> Result<Vec<(TopicPartition, Position)>, Problema> {
    let posiciones: Option<Vec<_>> = texto.split('_').take(MAXIMO + 1).map(leer_parte).collect();
    match posiciones {
        Some(posiciones) if posiciones.len() <= MAXIMO => Ok(posiciones),
        _ => Err(Problema::parametro("despues_de", "TokenInvalido", "no es un valor de X-Factumarket-Despues-De")),
    }
}

fn leer_parte(parte: &str) -> Option<(TopicPartition, Position)> {
    let (donde, posicion) = parte.split_once('.')?;
    let (topic, partition) = donde.split_once('-')?;
    let topic = Topic::de_codigo(topic.parse().ok()?)?;
    matches!(topic, Topic::Eventos(_)).then_some(())?;
    Some((TopicPartition::new(topic, partition.parse().ok()?), posicion.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Contexto;

    #[test]
    fn ida_y_vuelta() {
        let posiciones = vec![
            (TopicPartition::new(Topic::Eventos(Contexto::Facturacion), 0), 513),
            (TopicPartition::new(Topic::Eventos(Contexto::Inventario), 2), 88),
        ];
        let texto = escribir(&posiciones);
        assert_eq!(texto, "4-0.513_5-2.88");
        assert_eq!(leer(&texto).expect("propio"), posiciones);
    }

    #[test]
    fn rechaza_lo_ajeno() {
        for malo in ["", "4-0", "0-0.1", "99-0.1", "4-70000.1", "4-0.x", "4-0.1_", &"4-0.1_".repeat(100)] {
            assert!(leer(malo).is_err(), "{malo}");
        }
    }
}
