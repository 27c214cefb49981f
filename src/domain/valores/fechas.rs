//! Instants and calendar days.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Instante(pub i64);

impl Instante {
    const MICROS_POR_DIA: i64 = 86_400_000_000;
    const DESFASE_MICROS: i64 = 5 * 3_600_000_000;

    pub fn micros(self) -> i64 {
        self.0
    }

    pub fn mas_milis(self, milis: i64) -> Self {
        Self(self.0.saturating_add(milis.saturating_mul(1_000)))
    }

    /// Calendar day in UTC-05:00. Instants beyond the calendar's range clamp to its ends.
    pub fn fecha_en_utc_menos_5(self) -> NaiveDate {
        let dias = self.0.saturating_sub(Self::DESFASE_MICROS).div_euclid(Self::MICROS_POR_DIA);
        let desde_ce = i32::try_from(dias + 719_163).unwrap_or(if dias < 0 { i32::MIN } else { i32::MAX });
        NaiveDate::from_num_days_from_ce_opt(desde_ce).unwrap_or(if dias < 0 { NaiveDate::MIN } else { NaiveDate::MAX })
    }

    /// RFC 3339 in UTC with microseconds: `2026-11-23T12:00:00.000000Z`.
    pub fn rfc3339(self) -> String {
        match DateTime::<Utc>::from_timestamp_micros(self.0) {
            Some(t) => t.to_rfc3339_opts(SecondsFormat::Micros, true),
            None => format!("{} µs", self.0),
        }
    }
}

/// Strict ISO `YYYY-MM-DD`, a day that exists; anything else is `None`.
pub fn fecha_iso(texto: &str) -> Option<NaiveDate> {
    let bytes = texto.as_bytes();
    let forma =
        bytes.len() == 10 && bytes.iter().enumerate().all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() });
    if !forma {
        return None;
    }
    NaiveDate::from_ymd_opt(texto[0..4].parse().ok()?, texto[5..7].parse().ok()?, texto[8..10].parse().ok()?)
}

#[cfg(test)]
mod tests;
