//! Commands and sagas in course.

use serde_json::{Value, json};

use super::{
    ConsultaError, Consultas, Pagina, PaginaDe, Una, Varias,
    cursor::{codificar, decodificar, huella},
};
use crate::{
    domain::valores::Id,
    projections::{
        comandos::COMANDOS,
        rows::{Columns, id_value},
        sagas::SAGAS,
    },
    tables::{Cursor, Row},
};

impl Consultas {
    /// Stage and outcome of a command: `estado` is `EN_CURSO`, `ACEPTADO`, `RECHAZADO` (with `errores`) or `APARTADO` (with
    /// `codigo` and `causa`).
    ///
    /// # Errors
    /// Of the tables; `Ilegible`.
    pub fn comando(&self, id: &Id) -> Una {
        let Some(row) = self.tables.get(&COMANDOS, &[id_value(id)])? else { return Ok(None) };
        let columns = Columns::new(&COMANDOS, &row);
        let errores = match columns.optional_text("errores")? {
            None => json!([]),
            Some(texto) => {
                serde_json::from_str(texto).map_err(|e| ConsultaError::Ilegible(format!("los errores de un comando: {e}")))?
            }
        };
        let texto = |nombre: &str| columns.optional_text(nombre).map(|t| t.map(ToString::to_string));
        Ok(Some(json!({
            "comando_id": id.as_str(),
            "estado": columns.text("estado")?.to_string(),
            "tipo": texto("tipo")?,
            "agregado": {
                "tipo": texto("aggregate_tipo")?,
                "id": texto("aggregate_id")?,
                "version": columns.optional_int("aggregate_version")?,
            },
            "correlation_id": texto("correlation_id")?,
            "ocurrido_en": columns.timestamp("ocurrido_en")?.rfc3339(),
            "errores": errores,
            "codigo": texto("codigo")?,
            "causa": texto("causa")?,
        })))
    }

    /// Emissions in course, in a stable order of no meaning.
    ///
    /// # Errors
    /// `LimiteInvalido`, `CursorInvalido`, of the tables.
    pub fn sagas(&self, pagina: &Pagina) -> Varias {
        let huella = huella("sagas", &[]);
        let after = pagina.despues.as_deref().map(|texto| decodificar(huella, texto).map(Cursor)).transpose()?;
        let (rows, next) = self.tables.scan(&SAGAS, after.as_ref(), pagina.limite()?)?;
        let items = rows.iter().map(saga).collect::<Result<_, _>>()?;
        let despues = next.map(|cursor| codificar(huella, &cursor.0));
        Ok(PaginaDe { items, tiene_mas: despues.is_some(), despues })
    }
}

fn saga(row: &Row) -> Result<Value, ConsultaError> {
    let columns = Columns::new(&SAGAS, row);
    Ok(json!({
        "factura_id": columns.text("factura_id")?.to_string(),
        "version": columns.version(),
        "intento": columns.int("intento")?,
        "fase": columns.text("fase")?.to_string(),
        "grupos": columns.int("grupos")?,
        "iniciada_en": columns.timestamp("iniciada_en")?.rfc3339(),
        "vence_en": columns.timestamp("vence_en")?.rfc3339(),
        "numero": columns.optional_text("numero")?.map(ToString::to_string),
        "correlation_id": columns.text("correlation_id")?.to_string(),
    }))
}
