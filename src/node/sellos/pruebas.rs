//! Proofs and seals for the API.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    audit::cadena::{Almacen, ErrorCadena, Llavero, Prueba, en_linea, hoja::particiones, sello::Sello},
    contracts::Codec,
    log::{Log, Position, TopicPartition},
};

/// What proofs are made from.
#[derive(Clone)]
pub struct Pruebas {
    pub log: Arc<dyn Log>,
    pub codec: Arc<Codec>,
    pub almacen: Almacen,
    pub llavero: Llavero,
}

impl Pruebas {
    /// The proof of the record at a place, as JSON; `Null` when the chain has not come to it.
    ///
    /// # Errors
    /// See [`Prueba::de`].
    pub fn una(&self, lugar: (TopicPartition, Position)) -> Result<Value, ErrorCadena> {
        let prueba = Prueba::de(&*self.log, &self.codec, &self.almacen, &self.llavero, lugar)?;
        Ok(prueba.map_or(Value::Null, |prueba| prueba.to_json()))
    }

    /// The last seal of each source partition that has one.
    ///
    /// # Errors
    /// Of the tables.
    pub fn sellos(&self) -> Result<Vec<Value>, ErrorCadena> {
        let mut sellos = Vec::new();
        for particion in particiones(&*self.log) {
            if let Some(nota) = self.almacen.ultimo_sello(particion)? {
                let texto = nota.split("\n\n").next().unwrap_or_default();
                let hojas = Sello::leer(&format!("{texto}\n")).map(|sello| sello.hojas).ok();
                sellos.push(json!({ "particion": particion.to_string(), "hojas": hojas, "nota": nota }));
            }
        }
        Ok(sellos)
    }

    /// The verification of the whole log and of what is kept of it.
    ///
    /// # Errors
    /// Of log or tables.
    pub fn verificar(&self) -> Result<Value, ErrorCadena> {
        let origen = en_linea::Origen { log: &*self.log, codec: &self.codec, llavero: &self.llavero };
        let informe = en_linea::verificar_registro(origen, Some(&self.almacen), &[], &mut |_, _| {})?;
        Ok(informe.to_json())
    }
}
