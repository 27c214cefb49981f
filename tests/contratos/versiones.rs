//! Versions of the contract: everything ever written is still read, and means what it meant.
//!
//! Closing the open version N is `CONGELAR_ESQUEMAS=1 cargo test --test contratos`, which writes `schemas/historia/vN` and
//! `tests/golden/vN`; then its records go to `contracts::historia`, `VERSION` grows, and [`SUMAS`] gets the sum that the test asks for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use apache_avro::{Schema, schema_compatibility::SchemaCompatibility, types::Value};
use factumarket::{
    contracts::{ASCENSOS, CONGELADOS, EsquemaCongelado, NAMESPACE, Registro, Registry, VERSION, self_contained},
    domain::{
        Comando,
        facturacion::factura::{ComandoFactura, DescuentoPedido},
    },
};
use sha2::{Digest, Sha256};

use crate::{
    CODEC, Cualquiera, REGISTRO,
    comun::Muestras,
    con_registro,
    dorados::de_hex,
    esquemas::{esquema, leer},
};

/// SHA-256 of the golden files of each closed version, from version 1.
const SUMAS: &[&str] = &["20a6af186e3c5f16fbd3abade6857a0f59576ad81087f9e32044189ac484d259"];

fn carpeta(version: u16) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{version}"))
}

fn dorado(congelado: &EsquemaCongelado) -> Vec<u8> {
    let archivo = carpeta(congelado.version).join(format!("{}.hex", congelado.registro.nombre()));
    de_hex(&fs::read_to_string(&archivo).unwrap_or_else(|e| panic!("{}: {e}", archivo.display())))
}

fn parse(json: &str) -> Schema {
    Schema::parse_str(json).unwrap()
}

/// The record's bytes as that version framed them.
fn con_marco(congelado: &EsquemaCongelado, avro: &[u8]) -> Vec<u8> {
    let _ = &*CODEC;
    let topic = congelado.registro.clase().topics()[0];
    let subject = format!("{topic}-{NAMESPACE}.{}", congelado.registro.nombre());
    let id = REGISTRO.id_for(&subject, congelado.json()).unwrap();
    [&[0], &id.to_be_bytes()[..], avro].concat()
}

fn muestra(registro: Registro) -> Cualquiera {
    con_registro(&mut Muestras::de("versiones")).into_iter().find(|(r, _)| *r == registro).unwrap().1
}

/// Whether a record says the same as when an older version wrote it: what it said then, and null in every field that came later.
/// (The library's own resolution of schemas takes the first branch of a union that fits, so it is not asked.)
fn dice_lo_mismo(viejo: &Value, nuevo: &Value) -> bool {
    match (viejo, nuevo) {
        (Value::Record(antes), Value::Record(ahora)) => {
            let de_antes = |nombre: &String| antes.iter().find(|(n, _)| n == nombre).map(|(_, valor)| valor);
            let igual = |(nombre, valor): &(String, Value)| match de_antes(nombre) {
                Some(anterior) => dice_lo_mismo(anterior, valor),
                // What is new says nothing: null, an empty list, or no.
                None => [Value::Union(0, Box::new(Value::Null)), Value::Array(Vec::new()), Value::Boolean(false)].contains(valor),
            };
            antes.iter().all(|(nombre, _)| ahora.iter().any(|(n, _)| n == nombre)) && ahora.iter().all(igual)
        }
        (Value::Array(antes), Value::Array(ahora)) => {
            antes.len() == ahora.len() && antes.iter().zip(ahora).all(|(a, b)| dice_lo_mismo(a, b))
        }
        (Value::Union(rama, antes), Value::Union(otra, ahora)) => rama == otra && dice_lo_mismo(antes, ahora),
        _ => viejo == nuevo,
    }
}

#[test]
fn los_dorados_de_una_version_cerrada_no_cambian() {
    assert_eq!(SUMAS.len(), usize::from(VERSION - 1), "falta la suma de una versión cerrada");
    for (version, suma) in (1..VERSION).zip(SUMAS) {
        let mut archivos: Vec<PathBuf> = fs::read_dir(carpeta(version)).unwrap().map(|e| e.unwrap().path()).collect();
        archivos.sort();
        let mut todo = Sha256::new();
        for archivo in archivos {
            todo.update(archivo.file_name().unwrap().as_encoded_bytes());
            todo.update(fs::read(&archivo).unwrap());
        }
        let calculada: String = todo.finalize().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(calculada, *suma, "tests/golden/v{version} cambió: lo escrito no se reescribe");
    }
}

#[test]
fn cada_version_cerrada_tiene_esquema_y_dorado_de_cada_registro() {
    if std::env::var_os("CONGELAR_ESQUEMAS").is_some() {
        congelar();
    }
    for version in 1..VERSION {
        let de_version = |e: &&EsquemaCongelado| e.version == version;
        let nombres: BTreeSet<String> = CONGELADOS.iter().filter(de_version).map(|e| e.registro.nombre().to_owned()).collect();
        let dorados: BTreeSet<String> = fs::read_dir(carpeta(version))
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|ruta| ruta.extension().is_some_and(|e| e == "hex"))
            .map(|ruta| ruta.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(nombres, dorados, "versión {version}");
        assert!(!nombres.is_empty());
    }
}

fn congelar() {
    let esquemas = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/historia/v{VERSION}"));
    fs::create_dir_all(&esquemas).unwrap();
    fs::create_dir_all(carpeta(VERSION)).unwrap();
    for registro in Registro::TODOS.iter().copied() {
        fs::write(esquemas.join(format!("{}.avsc", registro.nombre())), self_contained(registro).unwrap() + "\n").unwrap();
        for extension in ["hex", "json"] {
            let nombre = format!("{}.{extension}", registro.nombre());
            fs::copy(carpeta(VERSION).with_file_name(&nombre), carpeta(VERSION).join(&nombre)).unwrap();
        }
    }
}

/// Our reading of each old record, written again, against another implementation's reading of the old bytes by their own schema.
#[test]
fn lo_que_escribio_cada_version_se_lee_con_su_significado() {
    for congelado in CONGELADOS {
        let (registro, avro) = (congelado.registro, dorado(congelado));
        let leido = muestra(registro)
            .decode_alike(&con_marco(congelado, &avro))
            .unwrap_or_else(|e| panic!("{} de la versión {}: {e}", registro.nombre(), congelado.version));
        let viejo = leer(&parse(congelado.json()), &avro);
        let nuevo = leer(&esquema(registro), &leido.encode().unwrap()[5..]);
        assert!(dice_lo_mismo(&viejo, &nuevo), "{} de la versión {}: {viejo:?}\n{nuevo:?}", registro.nombre(), congelado.version);
    }
}

#[test]
fn la_comparacion_ve_un_campo_que_cambia_y_uno_nuevo_con_valor() {
    let registro = |campos: &[(&str, Value)]| Value::Record(campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect());
    let nulo = Value::Union(0, Box::new(Value::Null));
    let antes = registro(&[("a", Value::Int(1))]);
    assert!(dice_lo_mismo(&antes, &registro(&[("a", Value::Int(1)), ("b", nulo)])));
    assert!(!dice_lo_mismo(&antes, &registro(&[("a", Value::Int(2))])));
    assert!(!dice_lo_mismo(&antes, &registro(&[("a", Value::Int(1)), ("b", Value::Int(0))])));
    assert!(!dice_lo_mismo(&antes, &registro(&[("b", Value::Int(1))])));
}

/// BACKWARD_TRANSITIVE: the open schema of each subject reads what any version wrote.
#[test]
fn los_esquemas_abiertos_leen_todas_las_versiones() {
    for congelado in CONGELADOS {
        let (viejo, actual) = (parse(congelado.json()), esquema(congelado.registro));
        let leible = SchemaCompatibility::can_read(&viejo, &actual);
        assert!(leible.is_ok(), "{} no lee su versión {}: {leible:?}", congelado.registro.nombre(), congelado.version);
    }
}

#[test]
fn la_revision_de_compatibilidad_ve_un_campo_sin_defecto() {
    let mut json: serde_json::Value = serde_json::from_str(&self_contained(Registro::LineaAgregada).unwrap()).unwrap();
    json["fields"].as_array_mut().unwrap().push(serde_json::json!({"name": "nuevo", "type": "string"}));
    let con_campo = parse(&json.to_string());
    assert!(SchemaCompatibility::can_read(&esquema(Registro::LineaAgregada), &con_campo).is_err());
}

/// What a type of the schemas is made of, in its order.
#[derive(Debug, Clone, PartialEq)]
enum Partes {
    Campos(Vec<String>),
    Simbolos(Vec<String>),
}

impl Partes {
    fn nombres(&self) -> &[String] {
        let (Self::Campos(nombres) | Self::Simbolos(nombres)) = self;
        nombres
    }
}

/// The parts of each type that a schema defines.
fn partes(esquema: &serde_json::Value, tipos: &mut BTreeMap<String, Partes>) {
    match esquema {
        serde_json::Value::Array(ramas) => ramas.iter().for_each(|rama| partes(rama, tipos)),
        serde_json::Value::Object(objeto) => {
            let nombres = |lista: &serde_json::Value| -> Vec<String> {
                let nombre = |v: &serde_json::Value| v.get("name").unwrap_or(v).as_str().unwrap().to_owned();
                lista.as_array().unwrap().iter().map(nombre).collect()
            };
            let campos = objeto.get("fields").map(|lista| Partes::Campos(nombres(lista)));
            let suyas = campos.or_else(|| objeto.get("symbols").map(|lista| Partes::Simbolos(nombres(lista))));
            if let (Some(nombre), Some(suyas)) = (objeto.get("name"), suyas) {
                let completo = nombre.as_str().unwrap();
                tipos.insert(completo.rsplit('.').next().unwrap().to_owned(), suyas);
            }
            for parte in ["type", "items", "fields"] {
                objeto.get(parte).into_iter().for_each(|dentro| partes(dentro, tipos));
            }
        }
        _ => {}
    }
}

/// The types of a whole version, the open one included.
fn tipos_de(version: u16) -> BTreeMap<String, Partes> {
    let mut tipos = BTreeMap::new();
    let esquemas: Vec<String> = match version {
        VERSION => Registro::TODOS.iter().map(|r| self_contained(*r).unwrap()).collect(),
        cerrada => CONGELADOS.iter().filter(|e| e.version == cerrada).map(|e| e.json().to_owned()).collect(),
    };
    esquemas.iter().for_each(|json| partes(&serde_json::from_str(json).unwrap(), &mut tipos));
    tipos
}

/// The registry of upcasters against the schemas: a field that a version brought to a type of the one before has its step, and no step is
/// of anything else. What was there stays, in its place: nothing else needs one.
#[test]
fn cada_campo_que_trajo_una_version_tiene_su_ascenso_y_ningun_ascenso_sobra() {
    let mut traidos = BTreeSet::new();
    for version in 1..VERSION {
        let (antes, despues) = (tipos_de(version), tipos_de(version + 1));
        assert!(!antes.is_empty(), "versión {version}");
        for (tipo, viejas) in &antes {
            let Some(nuevas) = despues.get(tipo) else { continue };
            let (antes, ahora) = (viejas.nombres(), nuevas.nombres());
            assert!(ahora.starts_with(antes), "{tipo} de la versión {}: lo que había no se quita ni se mueve", version + 1);
            // A new symbol of an enumeration is in no older record.
            if let Partes::Campos(campos) = nuevas {
                traidos.extend(campos[antes.len()..].iter().map(|campo| (tipo.clone(), campo.clone(), version + 1)));
            }
        }
    }
    let registrados: BTreeSet<(String, String, u16)> =
        ASCENSOS.iter().map(|a| (a.tipo.to_owned(), a.campo.to_owned(), a.a)).collect();
    assert_eq!(registrados.len(), ASCENSOS.len(), "un ascenso repetido");
    assert_eq!(registrados, traidos);
    assert!(ASCENSOS.iter().all(|a| a.de() + 1 == a.a && !a.vale.is_empty()));
}

/// Every step is taken by the corpus: some golden record of an older version is of a type that has it.
#[test]
fn cada_ascenso_lo_recorre_algun_dorado() {
    for ascenso in ASCENSOS {
        let lo_recorre = |congelado: &&EsquemaCongelado| {
            let mut tipos = BTreeMap::new();
            partes(&serde_json::from_str(congelado.json()).unwrap(), &mut tipos);
            congelado.version < ascenso.a && tipos.contains_key(ascenso.tipo)
        };
        let congelado = CONGELADOS.iter().find(lo_recorre).unwrap_or_else(|| panic!("{ascenso:?} no tiene dorado"));
        assert!(!dorado(congelado).is_empty());
    }
}

#[test]
fn las_partes_de_un_esquema_se_leen_hasta_el_fondo() {
    let json = serde_json::json!({"type": "record", "name": "co.x.A", "fields": [
        {"name": "b", "type": ["null", {"type": "array", "items": {"type": "record", "name": "B", "fields": [{"name": "c", "type": "int"}]}}]},
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["X", "Y"]}}
    ]});
    let mut tipos = BTreeMap::new();
    partes(&json, &mut tipos);
    let nombres = |nombres: &[&str]| nombres.iter().map(|n| (*n).to_owned()).collect();
    assert_eq!(tipos["A"], Partes::Campos(nombres(&["b", "e"])));
    assert_eq!(tipos["B"], Partes::Campos(nombres(&["c"])));
    assert_eq!(tipos["E"], Partes::Simbolos(nombres(&["X", "Y"])));
}

/// A command asked again after an upgrade has other bytes; it is the same as long as it says what the old version could say.
#[test]
fn la_huella_de_una_version_anterior_se_reconoce() {
    let congelado = CONGELADOS.iter().find(|e| e.registro == Registro::CrearYEmitirFactura && e.version == 1).unwrap();
    let viejo = CODEC.decode_command(&con_marco(congelado, &dorado(congelado))).unwrap();
    let repetido = CODEC.decode_command(&CODEC.encode_command(&viejo.envelope).unwrap()).unwrap();
    assert_ne!(viejo.huella, repetido.huella);
    assert!(CODEC.is_fingerprint_of(&viejo.huella, &repetido.envelope.comando));
    let Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, mut datos }) = repetido.envelope.comando else {
        panic!("otro comando")
    };
    datos.descuento = Some(Box::new(DescuentoPedido::default()));
    let otro = Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, datos });
    assert!(!CODEC.is_fingerprint_of(&viejo.huella, &otro));
}
