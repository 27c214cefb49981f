//! Our straight-line bytes against `apache-avro` with the schema that the registry gets.

use apache_avro::{Schema, reader::datum::GenericDatumReader, types::Value, writer::datum::GenericDatumWriter};
use factumarket::{
    contracts::{EtapaDlq, Registro, self_contained},
    domain::{
        TipoAgregado,
        catalogo::cliente::EstadoFiscal,
        facturacion::{
            factura::{EstadoDian, EstadoFactura, FormaPagoTipo},
            nota_credito::{ConceptoNota, EstadoNota},
        },
        inventario::{MotivoEntrada, MotivoSalida, PoliticaRetorno},
        numeracion::TipoDocumento,
        valores::TipoIdentificacion,
    },
    log::Topic,
};
use proptest::prelude::*;

use crate::{comun::Muestras, con_registro};

pub fn esquema(registro: Registro) -> Schema {
    let json = self_contained(registro).unwrap();
    Schema::parse_str(&json).unwrap_or_else(|e| panic!("{}: {e}", registro.nombre()))
}

/// The record as another implementation reads it: all of its bytes, no more.
pub fn leer(esquema: &Schema, bytes: &[u8]) -> Value {
    let mut resto = bytes;
    let valor = GenericDatumReader::builder(esquema).build().unwrap().read_value(&mut resto).unwrap();
    assert!(resto.is_empty(), "sobran {} bytes", resto.len());
    valor
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn otra_implementacion_lee_y_escribe_los_mismos_bytes(semilla: u64) {
        for (registro, valor) in con_registro(&mut Muestras::new(semilla)) {
            let bytes = valor.encode().unwrap();
            let esquema = esquema(registro);
            let leido = leer(&esquema, &bytes[5..]);
            let escrito = GenericDatumWriter::builder(&esquema).build().unwrap().write_value_to_vec(leido).unwrap();
            prop_assert_eq!(&escrito[..], &bytes[5..], "{}", registro.nombre());
        }
    }
}

/// Every schema of a folder, whole.
fn archivos() -> Vec<(String, serde_json::Value)> {
    let carpeta = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/avro");
    let mut archivos: Vec<_> = std::fs::read_dir(carpeta)
        .unwrap()
        .map(|entrada| {
            let ruta = entrada.unwrap().path();
            let nombre = ruta.file_stem().unwrap().to_str().unwrap().to_owned();
            (nombre, serde_json::from_slice(&std::fs::read(&ruta).unwrap()).unwrap())
        })
        .collect();
    archivos.sort_by(|a, b| a.0.cmp(&b.0));
    archivos
}

#[test]
fn todo_tipo_y_todo_campo_esta_documentado() {
    let archivos = archivos();
    assert!(archivos.len() > Registro::TODOS.len());
    for (nombre, esquema) in &archivos {
        assert_eq!(esquema["name"], **nombre);
        assert_eq!(esquema["namespace"], "co.factumarket.v1");
        assert!(esquema["doc"].as_str().is_some_and(|doc| doc.len() > 5), "{nombre} no tiene doc");
        for campo in esquema["fields"].as_array().into_iter().flatten() {
            assert!(campo["doc"].as_str().is_some_and(|doc| !doc.is_empty()), "{nombre}.{} no tiene doc", campo["name"]);
        }
    }
}

#[test]
fn todo_archivo_se_usa() {
    let usados: String = Registro::TODOS.iter().map(|r| self_contained(*r).unwrap()).collect();
    for (nombre, _) in archivos() {
        assert!(usados.contains(&format!("\"name\":\"{nombre}\"")), "{nombre} no se usa");
    }
}

#[test]
fn comandos_y_eventos_empiezan_por_su_sobre() {
    for registro in Registro::TODOS.iter().copied() {
        use factumarket::contracts::Clase;
        let esquema: serde_json::Value = serde_json::from_str(&self_contained(registro).unwrap()).unwrap();
        let primero = &esquema["fields"][0];
        let sobre = match registro.clase() {
            Clase::Comando(_) | Clase::ComandoDeCuarentena => "SobreComando",
            Clase::Evento(_) | Clase::Cuarentena => "SobreEvento",
            Clase::Instantanea(_) => "SobreInstantanea",
            _ => continue,
        };
        assert_eq!(primero["name"], "sobre", "{}", registro.nombre());
        assert_eq!(primero["type"]["name"], sobre, "{}", registro.nombre());
    }
}

#[test]
fn los_datos_personales_viajan_en_la_union_que_permite_cifrarlos() {
    for registro in [
        Registro::ClienteCreado,
        Registro::ClienteActualizado,
        Registro::EmisionIniciada,
        Registro::FacturaEmitida,
        Registro::InstantaneaCliente,
        Registro::InstantaneaFactura,
        Registro::FacturaAnulada,
        Registro::NotaCreditoEmitida,
        Registro::InstantaneaNotaCredito,
    ] {
        let esquema = self_contained(registro).unwrap();
        assert!(esquema.contains("\"name\":\"ClienteCifrado\""), "{}", registro.nombre());
    }
}

#[test]
fn los_simbolos_son_los_nombres_del_dominio_en_su_orden() {
    let simbolos = |nombre: &str| -> Vec<String> {
        let (_, esquema) = archivos().into_iter().find(|(n, _)| n == nombre).unwrap();
        esquema["symbols"].as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(simbolos("TipoAgregado"), TipoAgregado::TODOS.map(TipoAgregado::nombre));
    assert_eq!(simbolos("TipoIdentificacion"), TipoIdentificacion::TODOS.map(TipoIdentificacion::nombre));
    assert_eq!(simbolos("MotivoEntrada"), MotivoEntrada::TODOS.map(MotivoEntrada::nombre));
    assert_eq!(simbolos("MotivoSalida"), MotivoSalida::TODOS.map(MotivoSalida::nombre));
    assert_eq!(simbolos("EstadoFactura"), EstadoFactura::TODOS.map(EstadoFactura::nombre));
    assert_eq!(simbolos("EstadoNota"), EstadoNota::TODOS.map(EstadoNota::nombre));
    assert_eq!(simbolos("ConceptoNota"), ConceptoNota::TODOS.map(ConceptoNota::nombre));
    assert_eq!(simbolos("EstadoDian"), EstadoDian::TODOS.map(EstadoDian::nombre));
    assert_eq!(simbolos("PoliticaRetorno"), PoliticaRetorno::TODAS.map(PoliticaRetorno::nombre));
    assert_eq!(simbolos("EtapaDlq"), EtapaDlq::TODAS.map(EtapaDlq::nombre));
    let fiscales = [EstadoFiscal::Activo, EstadoFiscal::Suspendido, EstadoFiscal::Cancelado];
    assert_eq!(simbolos("EstadoFiscal"), fiscales.map(EstadoFiscal::nombre));
    assert_eq!(simbolos("TipoDocumento"), [TipoDocumento::Factura, TipoDocumento::NotaCredito].map(TipoDocumento::nombre));
    assert_eq!(simbolos("FormaPagoTipo"), [FormaPagoTipo::Contado, FormaPagoTipo::Credito].map(FormaPagoTipo::nombre));
    let temas: Vec<String> = Topic::todos().filter(|t| *t != Topic::Claves).map(|t| t.nombre().replace('.', "_")).collect();
    assert_eq!(simbolos("Tema"), temas);
}
