//! The audit by time: rows say which stretches of the log hold the records of each tenth of a second; their order is that of the records.

use super::{
    ConsultaError, Consultas,
    auditoria::{Leido, Lugar, tema_de},
    origen::particion_de,
};
use crate::{
    domain::valores::Instante,
    log::{Position, TopicPartition},
    projections::{
        auditoria::{AUDITORIA_HORAS, AUDITORIA_POR_TIEMPO, LIBRO_HORAS, Registro, decima_de, hora_de},
        rows::{Columns, text_value},
    },
    tables::{From, Row, Value as Valor},
};

/// Hours of the index read at a time.
const LOTE_HORAS: usize = 64;

/// Stretches read at a time.
const LOTE_BLOQUES: usize = 256;

/// Which records are wanted: after a place, between two instants (both inclusive), so many.
pub(super) struct Tramo {
    pub despues: Option<Lugar>,
    pub desde: Option<Instante>,
    pub hasta: Option<Instante>,
    pub limite: usize,
}

impl Tramo {
    /// The first instant that can be wanted.
    fn inicio(&self) -> Option<Instante> {
        self.despues.as_ref().map(|lugar| lugar.ocurrido_en).or(self.desde)
    }

    fn quiere(&self, lugar: &Lugar) -> bool {
        self.despues.as_ref().is_none_or(|despues| lugar > despues)
            && self.desde.is_none_or(|desde| lugar.ocurrido_en >= desde)
            && self.hasta.is_none_or(|hasta| lugar.ocurrido_en <= hasta)
    }
}

/// A stretch of the log with records of one tenth.
struct Bloque {
    decima: Instante,
    /// No record of it comes before the first place, nor after the last.
    primero: Lugar,
    ultimo: Lugar,
}

impl Bloque {
    fn de_fila(row: &Row) -> Result<Self, ConsultaError> {
        let columns = Columns::new(&AUDITORIA_POR_TIEMPO, row);
        let particion = particion_de(tema_de(columns.int("tema")?)?, columns.int("particion")?)?;
        let lugar = |instante, posicion| -> Result<Lugar, ConsultaError> {
            Ok(Lugar { ocurrido_en: columns.timestamp(instante)?, particion, posicion: columns.int(posicion)? })
        };
        let (primero, ultimo) = (lugar("primero", "desde")?, lugar("ultimo", "hasta")?);
        Ok(Self { decima: columns.timestamp("decima")?, primero, ultimo })
    }

    fn particion(&self) -> TopicPartition {
        self.primero.particion
    }

    fn posiciones(&self) -> (Position, Position) {
        (self.primero.posicion, self.ultimo.posicion.saturating_add(1))
    }

    fn toca(&self, tramo: &Tramo) -> bool {
        tramo.despues.as_ref().is_none_or(|despues| self.ultimo > *despues)
            && tramo.desde.is_none_or(|desde| self.ultimo.ocurrido_en >= desde)
            && tramo.hasta.is_none_or(|hasta| self.primero.ocurrido_en <= hasta)
    }
}

impl Consultas {
    /// The first records of a stretch of time, in order.
    ///
    /// # Errors
    /// Of tables and log; `Ilegible`.
    pub(super) fn de_tiempo(&self, tramo: &Tramo) -> Result<Vec<Leido>, ConsultaError> {
        let mut from = tramo.inicio().map_or(From::Start, |i| From::At(vec![Valor::Timestamp(hora_de(i))]));
        let mut registros = Vec::new();
        loop {
            let horas = self.tables.slice(&AUDITORIA_HORAS, &[text_value(LIBRO_HORAS)], &from, false, LOTE_HORAS)?;
            for hora in &horas {
                let hora = Columns::new(&AUDITORIA_HORAS, hora).timestamp("hora")?;
                if tramo.hasta.is_some_and(|hasta| hora > hasta) {
                    return Ok(registros);
                }
                self.de_hora(hora, tramo, &mut registros)?;
                if registros.len() >= tramo.limite {
                    return Ok(registros);
                }
                from = From::After(vec![Valor::Timestamp(hora)]);
            }
            if horas.len() < LOTE_HORAS {
                return Ok(registros);
            }
        }
    }

    /// Adds the records of an hour, tenth by tenth.
    fn de_hora(&self, hora: Instante, tramo: &Tramo, registros: &mut Vec<Leido>) -> Result<(), ConsultaError> {
        let mut from = tramo.inicio().map_or(From::Start, |i| From::At(vec![Valor::Timestamp(decima_de(i))]));
        let mut decima: Vec<Bloque> = Vec::new();
        loop {
            let rows = self.tables.slice(&AUDITORIA_POR_TIEMPO, &[Valor::Timestamp(hora)], &from, false, LOTE_BLOQUES)?;
            for row in &rows {
                let bloque = Bloque::de_fila(row)?;
                if decima.first().is_some_and(|primero| primero.decima != bloque.decima) {
                    self.de_decima(std::mem::take(&mut decima), tramo, registros)?;
                }
                if registros.len() >= tramo.limite || tramo.hasta.is_some_and(|hasta| bloque.decima > hasta) {
                    return Ok(());
                }
                if bloque.toca(tramo) {
                    decima.push(bloque);
                }
            }
            let Some(ultima) = rows.last().filter(|_| rows.len() == LOTE_BLOQUES) else {
                return self.de_decima(decima, tramo, registros);
            };
            from = From::After(ultima.key[1..].to_vec());
        }
    }

    /// Adds the records of a tenth, reading no stretch that starts after what is wanted is complete.
    fn de_decima(&self, mut bloques: Vec<Bloque>, tramo: &Tramo, registros: &mut Vec<Leido>) -> Result<(), ConsultaError> {
        bloques.sort_by(|a, b| a.primero.cmp(&b.primero));
        let faltan = tramo.limite.saturating_sub(registros.len());
        let mut leidos: Vec<Leido> = Vec::new();
        for bloque in &bloques {
            if leidos.iter().take_while(|(lugar, _)| *lugar < bloque.primero).count() >= faltan {
                break;
            }
            self.de_bloque(bloque, tramo, &mut leidos)?;
            leidos.sort_by(|a, b| a.0.cmp(&b.0));
            leidos.truncate(faltan);
        }
        registros.append(&mut leidos);
        Ok(())
    }

    fn de_bloque(&self, bloque: &Bloque, tramo: &Tramo, leidos: &mut Vec<Leido>) -> Result<(), ConsultaError> {
        let (particion, (desde, hasta)) = (bloque.particion(), bloque.posiciones());
        for stored in self.registros.tramo(particion, desde, hasta)? {
            // Bytes that were no record went to `dlq.proyecciones`; the stretch may hold some.
            let Ok(content) = self.decodificar(particion.topic, &stored) else { continue };
            let Some(ocurrido_en) = Registro::de(&content).map(|registro| registro.ocurrido_en) else { continue };
            let lugar = Lugar { ocurrido_en, particion, posicion: stored.position };
            if decima_de(ocurrido_en) == bloque.decima && tramo.quiere(&lugar) {
                leidos.push((lugar, content));
            }
        }
        Ok(())
    }
}
