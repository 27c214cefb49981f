//! The letters of `dlq.*`, with what became of each.

use hashbrown::HashMap;
use serde_json::{Value, json};
use uuid::Uuid;

use super::id_de_lugar;
use crate::{
    contracts::{Codec, RegistroDlq, ResolucionApartado},
    domain::{Contexto, cuarentena::Apartado},
    log::{Log, LogError, Position, Topic, TopicPartition, all_partitions},
};

/// Bytes asked of the log at a time.
const TRAMO: usize = 1 << 20;
/// Bytes of a value that are shown.
const MUESTRA: usize = 4_096;

/// A letter, where it is, and what became of it.
pub(super) struct Carta {
    pub id: Uuid,
    pub lugar: (TopicPartition, Position),
    pub registro: RegistroDlq,
    pub resolucion: Option<ResolucionApartado>,
}

/// Every letter, in the order of topics, partitions and positions: within an aggregate, the order in which they wait.
pub(super) struct Cartas(Vec<Carta>);

impl Cartas {
    pub(super) fn leer(log: &dyn Log, codec: &Codec) -> Result<Self, LogError> {
        let mut cartas: Vec<Carta> = Vec::new();
        let mut por_id: HashMap<Uuid, usize> = HashMap::new();
        let temas = Contexto::TODOS.map(Topic::Dlq).into_iter().chain([Topic::DlqProyecciones]);
        for tp in all_partitions(log, temas) {
            recorrer(log, tp, &mut |posicion, valor| {
                // What is no letter was not written by this program; `verificar` tells of it.
                let Ok(mut registro) = codec.decode_dlq(valor) else { return };
                let id = registro.apartado.map_or_else(|| id_de_lugar((tp, posicion)), |Apartado(id)| Uuid::from_u128(id));
                match registro.resolucion.take() {
                    Some(resolucion) => {
                        if let Some(carta) = por_id.get(&id).and_then(|lugar| cartas.get_mut(*lugar)) {
                            carta.resolucion.get_or_insert(resolucion);
                        }
                    }
                    None => {
                        por_id.insert(id, cartas.len());
                        cartas.push(Carta { id, lugar: (tp, posicion), registro, resolucion: None });
                    }
                }
            })?;
        }
        Ok(Self(cartas))
    }

    pub(super) fn buscar(&self, id: &str) -> Option<&Carta> {
        let id = Uuid::parse_str(id).ok()?;
        self.0.iter().find(|carta| carta.id == id)
    }

    pub(super) fn pagina(&self, todas: bool, limite: usize, despues: Option<&str>) -> Value {
        let empieza = despues.and_then(|id| Uuid::parse_str(id).ok()).and_then(|id| self.0.iter().position(|c| c.id == id));
        let mut quedan = self.0.iter().skip(empieza.map_or(0, |lugar| lugar + 1)).filter(|c| todas || c.resolucion.is_none());
        let items: Vec<&Carta> = quedan.by_ref().take(limite).collect();
        let tiene_mas = quedan.next().is_some();
        json!({
            "items": items.iter().map(|carta| carta.resumen()).collect::<Vec<_>>(),
            "despues": items.last().filter(|_| tiene_mas).map(|carta| carta.id.hyphenated().to_string()),
            "tiene_mas": tiene_mas,
            "pendientes": self.0.iter().filter(|c| c.resolucion.is_none()).count(),
            "total": self.0.len(),
        })
    }
}

impl Carta {
    fn resumen(&self) -> Value {
        let r = &self.registro;
        json!({
            "id": self.id.hyphenated().to_string(),
            "estado": match &self.resolucion { None => "pendiente", Some(r) if r.descartado => "descartado", Some(_) => "reproducido" },
            "codigo": &*r.codigo,
            "etapa": r.etapa.nombre(),
            "causa": &*r.causa,
            "agregado": r.aggregate.as_ref().map(|(tipo, id)| json!({ "tipo": tipo.nombre(), "id": id.as_str() })),
            "command_id": r.command_id.as_ref().map(|id| id.as_str()),
            "correlation_id": r.correlation_id.as_ref().map(|id| id.as_str()),
            "primera_vez": r.primera_vez.rfc3339(),
            "origen": { "tema": r.entrada.particion.topic.nombre(), "particion": r.entrada.particion.partition, "posicion": r.entrada.posicion },
            "resolucion": self.resolucion.as_ref().map(|r| json!({
                "motivo": &*r.motivo, "usuario": r.usuario.as_deref(), "en": r.en.rfc3339(),
            })),
        })
    }

    /// With the bytes and what they say, as far as they can be read.
    pub(super) fn entera(&self, codec: &Codec) -> Value {
        let r = &self.registro;
        let mut valor = self.resumen();
        let leido = codec.decode_command(&r.valor);
        valor["clave"] = json!(String::from_utf8_lossy(&r.clave));
        valor["bytes"] = json!(r.valor.len());
        valor["valor"] = json!(r.valor.iter().take(MUESTRA).map(|b| format!("{b:02x}")).collect::<String>());
        valor["version_procesador"] = json!(&*r.version_procesador);
        valor["comando"] = match leido {
            Ok(comando) => json!({
                "tipo": comando.envelope.comando.tipo(),
                "recibido_en": comando.envelope.recibido_en.rfc3339(),
                "usuario": comando.envelope.usuario.as_deref(),
                "contenido": format!("{:?}", comando.envelope.comando),
            }),
            Err(causa) => json!({ "ilegible": causa.to_string() }),
        };
        valor
    }
}

fn recorrer(log: &dyn Log, tp: TopicPartition, visitar: &mut dyn FnMut(Position, &[u8])) -> Result<(), LogError> {
    let marcas = log.watermarks(tp)?;
    let mut siguiente = marcas.first;
    while siguiente < marcas.stable {
        let tramo = log.read(tp, siguiente, TRAMO)?;
        let Some(ultimo) = tramo.last() else { return Ok(()) };
        siguiente = ultimo.position + 1;
        tramo.iter().for_each(|registro| visitar(registro.position, &registro.record.value));
    }
    Ok(())
}
