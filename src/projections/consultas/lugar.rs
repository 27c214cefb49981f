//! Where a document stands in the lists by issue day: the cursor of its pages.

use chrono::{Datelike, NaiveDate};

use super::{
    ConsultaError,
    cursor::{Escritor, Lector},
};
use crate::{
    domain::valores::Instante,
    projections::rows::{Columns, text_value},
    tables::{From, Row, Table, Value as Valor},
};

/// Issue day, then creation, then the id that tells two of the same instant apart.
pub(super) struct Lugar {
    pub(super) fecha: NaiveDate,
    creado_en: Instante,
    clave: String,
}

impl Lugar {
    /// Of a row of a list; `clave` is the column of its id.
    pub(super) fn de_fila(table: &'static Table, row: &Row, clave: &str) -> Result<Self, ConsultaError> {
        let columns = Columns::new(table, row);
        Ok(Self {
            fecha: columns.date("fecha_emision")?,
            creado_en: columns.timestamp("creado_en")?,
            clave: columns.text(clave)?.to_string(),
        })
    }

    pub(super) fn leer(huella: u32, texto: &str) -> Result<Self, ConsultaError> {
        let mut lector = Lector::new(huella, texto)?;
        let dia = i32::try_from(lector.entero()?).ok().and_then(NaiveDate::from_num_days_from_ce_opt);
        let fecha = dia.ok_or(ConsultaError::CursorInvalido)?;
        Ok(Self { fecha, creado_en: Instante(lector.entero()?), clave: lector.id()?.to_string() })
    }

    pub(super) fn escribir(&self, huella: u32) -> String {
        let dia = i64::from(self.fecha.num_days_from_ce());
        Escritor::default().entero(dia).entero(self.creado_en.micros()).texto(&self.clave).terminar(huella)
    }

    /// Behind it, where rows are ordered by day too.
    pub(super) fn tras(&self) -> From {
        From::After(vec![Valor::Date(self.fecha), Valor::Timestamp(self.creado_en), text_value(&self.clave)])
    }

    /// Behind it, among the rows of its own day.
    pub(super) fn tras_en_su_dia(&self) -> From {
        From::After(vec![Valor::Timestamp(self.creado_en), text_value(&self.clave)])
    }
}
