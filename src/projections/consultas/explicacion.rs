//! Which lots a sale would take, by the decision code of real sales.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{ConsultaError, Consultas, Una};
use crate::{
    domain::{
        ContextoDecision,
        catalogo::SinCatalogo,
        emisor::Emisor,
        inventario::{Inventario, explicar_salida, inventario_id},
        valores::{Cantidad, Id},
    },
    projections::{
        existencias::{EXISTENCIAS, read_state},
        json::{self, cifra, fecha},
        projection::TablesReader,
        rows::{Columns, id_value},
    },
};

/// Times that a stock which changes while it is read is read again.
const RELECTURAS: usize = 8;

impl Consultas {
    /// The lots and the cost of a sale of `cantidad` on a date (today without one), or why it would be refused. Changes nothing.
    ///
    /// # Errors
    /// Of the tables; `Ilegible` when the stock changes without rest.
    pub fn explicar(&self, producto: &Id, bodega: &Id, cantidad: Cantidad, dia: Option<NaiveDate>) -> Una {
        let Some((inventario, version)) = self.inventario(producto, bodega)? else { return Ok(None) };
        let emisor = Emisor { vender_vencidos: self.vender_vencidos, ..Emisor::co() };
        let ctx = ContextoDecision::new(self.clock.now(), &emisor, &SinCatalogo);
        let dia = dia.unwrap_or(ctx.hoy);
        let disponible = inventario.disponible(dia, self.vender_vencidos);
        let mut campos = json!({
            "producto_id": producto.as_str(),
            "bodega_id": bodega.as_str(),
            "version": version,
            "fecha": fecha(dia),
            "cantidad": cifra(cantidad.valor()),
            "stock": cifra(inventario.stock.valor()),
            "reservado": cifra(inventario.reservado.valor()),
            "disponible": cifra(disponible.valor()),
        });
        match explicar_salida(Some(&inventario), &inventario.inventario_id, cantidad, dia, &ctx) {
            Ok(salida) => {
                campos["se_concede"] = Value::Bool(true);
                campos["lotes"] = salida.lotes.iter().map(json::lote_consumido).collect();
                campos["costo_total"] = cifra(salida.costo_total.valor());
                campos["stock_resultante"] = cifra(salida.stock_resultante.valor());
            }
            Err(rechazo) => {
                campos["se_concede"] = Value::Bool(false);
                campos["errores"] = json::fallas(&rechazo.errores);
            }
        }
        Ok(Some(campos))
    }

    /// The state of an Inventario and its version, both of one moment.
    fn inventario(&self, producto: &Id, bodega: &Id) -> Result<Option<(Inventario, u64)>, ConsultaError> {
        let (key, id) = ([id_value(producto), id_value(bodega)], inventario_id(producto, bodega));
        let mut row = self.tables.get(&EXISTENCIAS, &key)?;
        for _ in 0..RELECTURAS {
            let Some(leida) = row else { return Ok(None) };
            let estado = read_state(&id, &Columns::new(&EXISTENCIAS, &leida), &TablesReader(&*self.tables))?;
            let despues = self.tables.get(&EXISTENCIAS, &key)?;
            if despues.as_ref().is_some_and(|d| d.version == leida.version) {
                return Ok(estado.map(|estado| (estado, leida.version)));
            }
            row = despues;
        }
        Err(ConsultaError::Ilegible(format!("la existencia de {producto} en {bodega} cambia sin cesar; reintente")))
    }
}
