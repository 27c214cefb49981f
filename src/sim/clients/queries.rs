//! Queries, through the production read side: what is answered agrees with what the clients were told, never goes back, and is audited.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{CONNECTION, id, record};
use crate::{
    contracts::{ConsultaRealizada, RegistroAuditoria, ResumenFactura, ResumenNota},
    domain::{
        facturacion::nota_credito::clave_nota,
        valores::{Dinero, Id, Instante},
    },
    engine::routing::partition_for,
    log::{Topic, TopicPartition},
    projections::{ConsultaError, Consultas, FiltroFacturas, Pagina},
    sim::{node::Shared, rng::Rng, sinks::ReadSide, trace::Trace},
};

/// Invoices of a page, so that lists have several.
const PAGE: usize = 7;

/// A document that a client was told of: an invoice, or a note of one.
struct Told {
    factura_id: Id,
    nota_id: Option<Id>,
    numero: Arc<str>,
    total: Dinero,
}

impl Told {
    fn key(&self) -> Id {
        self.nota_id.as_ref().map_or_else(|| self.factura_id.clone(), |nota| clave_nota(&self.factura_id, nota))
    }
}

#[derive(Default)]
pub struct Queries {
    count: u64,
    told: Vec<Told>,
    /// By document: the number that a reader saw on it.
    seen: BTreeMap<Id, String>,
}

impl Queries {
    pub fn was_told(&mut self, told: &ResumenFactura) {
        let numero = Arc::clone(&told.numero);
        self.told.push(Told { factura_id: told.factura_id.clone(), nota_id: None, numero, total: told.total });
    }

    pub fn was_told_of_note(&mut self, told: &ResumenNota) {
        let (factura_id, nota_id) = (told.factura_id.clone(), Some(told.nota_id.clone()));
        self.told.push(Told { factura_id, nota_id, numero: Arc::clone(&told.numero), total: told.total });
    }

    /// One query, at random, and its audit.
    pub fn ask(&mut self, shared: &Shared, reads: &ReadSide, rng: &mut Rng, trace: &mut Trace, findings: &mut Vec<String>) {
        let consultas = reads.consultas(shared);
        let (consulta, factura_id, found) = match rng.below(4) {
            0 | 1 if !self.told.is_empty() => {
                let at = rng.index(self.told.len());
                let (name, found) = self.document(&consultas, at);
                (name, Some(self.told[at].factura_id.clone()), found)
            }
            2 => ("facturas.listar", None, list(&consultas, rng.pick(&["c1", "c2", "c3"]))),
            _ => ("inventarios.stock", None, stock(&consultas, rng.below(u64::from(shared.plan.products)))),
        };
        trace.say(|| format!("consulta {consulta} {factura_id:?}: {found:?}"));
        findings.extend(found.err());
        self.audit(shared, consulta, factura_id);
    }

    /// A document by its id.
    fn document(&mut self, consultas: &Consultas, at: usize) -> (&'static str, Result<(), String>) {
        let told = &self.told[at];
        let key = told.key();
        let (name, answer) = match &told.nota_id {
            None => ("facturas.obtener", consultas.factura(&told.factura_id)),
            Some(nota) => ("notas.obtener", consultas.nota(Some(&told.factura_id), nota)),
        };
        (name, answer.map_or_else(|error| broken(name, &error), |found| self.compare(at, key, found.as_ref())))
    }

    /// Not there yet is right as long as nobody saw it; with a number, it is the one that its client was told.
    fn compare(&mut self, at: usize, key: Id, found: Option<&Value>) -> Result<(), String> {
        let told = &self.told[at];
        let text = |field: &str| found.and_then(|document| document.get(field)).and_then(Value::as_str);
        let Some(numero) = text("numero") else {
            let before = self.seen.get(&key);
            return before.map_or(Ok(()), |numero| Err(format!("I9: {key} se leyó con el número {numero} y ahora sin él")));
        };
        let total = text("total").and_then(|total| total.parse().ok());
        // A draft in course has its number before its totals are those of the document.
        let issued = text("estado").is_some_and(|estado| matches!(estado, "EMITIDA" | "EN_ANULACION" | "ANULADA"));
        if *numero != *told.numero || (issued && total != Some(told.total.valor())) {
            let (numero_dicho, total_dicho) = (&told.numero, told.total);
            return Err(format!("I9: de {key} se dijo {numero_dicho} por {total_dicho} y se lee {numero} por {total:?}"));
        }
        self.seen.insert(key, numero.to_owned());
        Ok(())
    }

    /// A query is audited by whoever serves it.
    fn audit(&mut self, shared: &Shared, consulta: &str, factura_id: Option<Id>) {
        self.count += 1;
        let query = ConsultaRealizada {
            event_id: uuid::Uuid::from_u128((7 << 76) | (2 << 62) | u128::from(self.count) | (u128::from(shared.plan.seed) << 96)),
            consulta: Arc::from(consulta),
            factura_id,
            parametros: Vec::new(),
            correlation_id: id(&format!("q-{}", self.count)),
            ocurrido_en: Instante(shared.plan.epoch_start + shared.log.now() as i64),
            usuario: None,
        };
        let (key, at) = (query.correlation_id.to_string(), query.ocurrido_en);
        let partition = partition_for(key.as_bytes(), shared.plan.partitions);
        let value = shared.codec.encode_audit(&RegistroAuditoria::Consulta(query)).unwrap_or_default();
        // Best effort, as in the program: an audit that could not be written is counted, the query is answered.
        drop(shared.log.produce(CONNECTION, vec![(TopicPartition::new(Topic::Auditoria, partition), record(&key, value, at))]));
    }
}

/// What does not answer may be down; what answers with something unreadable is wrong.
fn broken(consulta: &str, error: &ConsultaError) -> Result<(), String> {
    match error {
        ConsultaError::Registro(_) | ConsultaError::Tablas(_) => Ok(()),
        otro => Err(format!("I9: {consulta} no se puede responder: {otro}")),
    }
}

/// The invoices of a client, page by page: each once.
fn list(consultas: &Consultas, cliente: &str) -> Result<(), String> {
    let filtro = FiltroFacturas { cliente_id: Some(id(cliente)), ..FiltroFacturas::default() };
    let mut pagina = Pagina { limite: PAGE, despues: None };
    let mut seen = BTreeSet::new();
    loop {
        let page = match consultas.facturas(&filtro, &pagina) {
            Ok(page) => page,
            Err(error) => return broken("facturas.listar", &error),
        };
        for item in &page.items {
            let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
            if !seen.insert(id.to_owned()) {
                return Err(format!("I9: la lista de facturas de {cliente} trae dos veces {id:?}"));
            }
        }
        match page.despues {
            Some(despues) if page.tiene_mas => pagina.despues = Some(despues),
            _ => return Ok(()),
        }
    }
}

/// The stock of a product: its lots add up to it, and it is never negative.
fn stock(consultas: &Consultas, product: u64) -> Result<(), String> {
    use crate::domain::valores::Decimal;
    let producto = format!("p{product}");
    let existencias = match consultas.stock_de_producto(&id(&producto)) {
        Ok(existencias) => existencias,
        Err(error) => return broken("inventarios.stock", &error),
    };
    let number = |value: &Value, field: &str| -> Decimal {
        value.get(field).and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    for existencia in &existencias {
        let (stock, reservado) = (number(existencia, "stock"), number(existencia, "reservado"));
        let lotes = existencia.get("lotes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let sum: Decimal = lotes.iter().map(|lote| number(lote, "cantidad")).sum();
        if stock.is_sign_negative() && !stock.is_zero() || reservado > stock || sum != stock {
            return Err(format!("I3: se lee {stock} de {producto}, {reservado} reservado, y sus lotes suman {sum}"));
        }
    }
    Ok(())
}
