//! The proof that one record is under a seal: what its link is computed from, and the way from it to the sealed root.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Almacen, Digesto, Hoja, Llavero, SelloFirmado,
    hoja::{es_tipo, particion_de},
    lectura::{ErrorCadena, hoja_de},
    merkle,
};
use crate::{
    contracts::Codec,
    domain::valores::Instante,
    log::{Log, Position, TopicPartition},
};

/// Everything that a verifier needs, with the public key. No seal: the record is chained and none covers it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prueba {
    pub particion: TopicPartition,
    /// Where the record is on the log: a hint.
    pub posicion: Position,
    /// The leaf, from 0.
    pub numero: u64,
    pub evento_id: Option<Uuid>,
    pub tipo: String,
    pub version: u64,
    pub ocurrido_en: Instante,
    /// SHA-256 of the record's value.
    pub datos: Digesto,
    /// The link before.
    pub anterior: Digesto,
    pub sellada: Option<Sellada>,
}

/// The way to a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sellada {
    /// The note of the first seal that covers the leaf.
    pub nota: String,
    /// Hashes from the leaf up to the root: RFC 6962, section 2.1.1.
    pub camino: Vec<Digesto>,
}

impl Prueba {
    /// The proof of the record at a place; `None` when the chain has not come to it, or nothing is there.
    ///
    /// # Errors
    /// Of log or tables; `Rota` when the record is not the one that was chained.
    pub fn de(
        log: &dyn Log,
        codec: &Codec,
        almacen: &Almacen,
        llavero: &Llavero,
        (particion, posicion): (TopicPartition, Position),
    ) -> Result<Option<Self>, ErrorCadena> {
        let Some((numero, eslabon)) = almacen.hoja_en(particion, posicion)? else { return Ok(None) };
        let registros = log.read(particion, posicion, 1)?;
        let Some(registro) = registros.into_iter().next().filter(|r| r.position == posicion) else { return Ok(None) };
        let hoja = hoja_de(codec, particion.topic, &registro.record).map_err(|esquema| ErrorCadena::Esquema {
            particion,
            posicion,
            esquema,
        })?;
        let anterior = match numero.checked_sub(1) {
            Some(previa) => eslabon_de(almacen, particion, previa)?,
            None => super::hoja::origen(&particion.to_string()),
        };
        if hoja.eslabon(&anterior, &particion.to_string()) != eslabon {
            let que = format!("el registro de la posición {posicion} no es el que se encadenó como hoja {numero}");
            return Err(ErrorCadena::Rota { particion, que });
        }
        let sellada = sellada(almacen, llavero, particion, numero)?;
        let Hoja { evento_id, tipo, version, ocurrido_en, datos } = hoja;
        let tipo = tipo.to_owned();
        Ok(Some(Self { particion, posicion, numero, evento_id, tipo, version, ocurrido_en, datos, anterior, sellada }))
    }

    /// As the API gives it: hashes in base64, and the seal as its note.
    pub fn to_json(&self) -> Value {
        let b64 = |digesto: &Digesto| STANDARD.encode(digesto);
        json!({
            "particion": self.particion.to_string(),
            "posicion": self.posicion,
            "hoja": self.numero,
            "evento_id": self.evento_id.map(|id| id.to_string()),
            "tipo": self.tipo,
            "version": self.version,
            "ocurrido_en": self.ocurrido_en.micros(),
            "datos": b64(&self.datos),
            "anterior": b64(&self.anterior),
            "eslabon": b64(&self.eslabon()),
            "camino": self.sellada.as_ref().map(|s| s.camino.iter().map(b64).collect::<Vec<_>>()),
            "sello": self.sellada.as_ref().map(|s| s.nota.as_str()),
        })
    }

    /// Reads what [`Prueba::to_json`] wrote; `None` for what is no proof, or says of its link what is not so.
    pub fn de_json(valor: &Value) -> Option<Self> {
        let texto = |campo: &str| valor.get(campo)?.as_str();
        let digesto = |texto: &str| -> Option<Digesto> { STANDARD.decode(texto).ok()?.try_into().ok() };
        let sellada = match (valor.get("sello")?, valor.get("camino")?) {
            (Value::Null, Value::Null) => None,
            (Value::String(nota), Value::Array(camino)) if camino.len() <= merkle::MAX_CAMINO => {
                let camino = camino.iter().map(|nodo| digesto(nodo.as_str()?)).collect::<Option<_>>()?;
                Some(Sellada { nota: nota.clone(), camino })
            }
            _ => return None,
        };
        let evento_id = match valor.get("evento_id")? {
            Value::Null => None,
            id => Some(Uuid::parse_str(id.as_str()?).ok()?),
        };
        let leida = Self {
            particion: particion_de(texto("particion")?)?,
            posicion: valor.get("posicion")?.as_u64()?,
            numero: valor.get("hoja")?.as_u64()?,
            evento_id,
            tipo: texto("tipo")?.to_owned(),
            version: valor.get("version")?.as_u64()?,
            ocurrido_en: Instante(valor.get("ocurrido_en")?.as_i64()?),
            datos: digesto(texto("datos")?)?,
            anterior: digesto(texto("anterior")?)?,
            sellada,
        };
        (digesto(texto("eslabon")?)? == leida.eslabon()).then_some(leida)
    }

    /// The link of the record.
    pub fn eslabon(&self) -> Digesto {
        let (evento_id, tipo, version, ocurrido_en, datos) =
            (self.evento_id, &*self.tipo, self.version, self.ocurrido_en, self.datos);
        Hoja { evento_id, tipo, version, ocurrido_en, datos }.eslabon(&self.anterior, &self.particion.to_string())
    }

    /// Whether the record is under a seal of one of the keys; gives the leaves that the seal covers.
    ///
    /// # Errors
    /// Why it is not, for people.
    pub fn verificar(&self, llavero: &Llavero) -> Result<u64, String> {
        if !es_tipo(&self.tipo) {
            return Err("el tipo no es el nombre de un registro".to_owned());
        }
        let sellada = self.sellada.as_ref().ok_or("ningún sello la cubre todavía")?;
        let firmado = SelloFirmado::verificar(&sellada.nota, llavero, false).map_err(|e| e.to_string())?;
        let sello = firmado.sello;
        if sello.particion != self.particion {
            return Err(format!("el sello es de {} y la hoja de {}", sello.particion, self.particion));
        }
        let hoja = merkle::hoja(&self.eslabon());
        if !merkle::verificar_inclusion(&hoja, self.numero, sello.hojas, &sellada.camino, &sello.raiz) {
            return Err("el camino no lleva de la hoja a la raíz sellada: se alteró la hoja, el camino o el sello".to_owned());
        }
        Ok(sello.hojas)
    }
}

fn eslabon_de(almacen: &Almacen, particion: TopicPartition, numero: u64) -> Result<Digesto, ErrorCadena> {
    let hojas = almacen.hojas(particion, numero / super::almacen::ANCHO)?;
    let lugar = (numero % super::almacen::ANCHO) as usize;
    let falta = || ErrorCadena::Danada { particion, que: "falta una hoja" };
    hojas.get(lugar).map(|(_, eslabon)| *eslabon).ok_or_else(falta)
}

fn sellada(almacen: &Almacen, llavero: &Llavero, particion: TopicPartition, numero: u64) -> Result<Option<Sellada>, ErrorCadena> {
    let Some(nota) = almacen.sello_desde(particion, numero + 1)? else { return Ok(None) };
    let firmado = SelloFirmado::verificar(&nota, llavero, false);
    let firmado = firmado.map_err(|e| ErrorCadena::Rota { particion, que: e.to_string() })?;
    // A chain that is folded again may not have come to it.
    let hojas = almacen.estado(particion)?.map_or(0, |estado| estado.cadena.hojas());
    if firmado.sello.hojas > hojas {
        return Ok(None);
    }
    let camino = merkle::inclusion(&almacen.arbol(particion), numero, firmado.sello.hojas)?;
    Ok(Some(Sellada { nota, camino }))
}
