//! The exported audit as Apache Parquet, for whoever analyses it: one row a leaf, with the seal on the row it falls on. Only what was
//! exported as NDJSON is verified; from these columns it can be written again.

use std::{io::Write, sync::Arc};

use parquet::{
    data_type::{ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int64Type},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};

use super::{Digesto, HojaLeida, archivo::FORMATO};
use crate::{domain::valores::Instante, log::TopicPartition};

/// Rows of a row group, at most: some tens of MB without the records' values.
const FILAS: usize = 131_072;
/// Bytes of values of a row group, about.
const BYTES: usize = 64 << 20;

const ESQUEMA: &str = "message auditoria {
    REQUIRED BYTE_ARRAY particion (UTF8);
    REQUIRED INT64 hoja;
    OPTIONAL BYTE_ARRAY evento_id (UTF8);
    REQUIRED BYTE_ARRAY tipo (UTF8);
    REQUIRED INT64 version;
    REQUIRED INT64 ocurrido_en (TIMESTAMP(MICROS,true));
    REQUIRED FIXED_LEN_BYTE_ARRAY (32) datos;
    REQUIRED FIXED_LEN_BYTE_ARRAY (32) eslabon;
    OPTIONAL BYTE_ARRAY valor;
    OPTIONAL BYTE_ARRAY sello (UTF8);
}";

struct Fila {
    particion: Arc<str>,
    hoja: u64,
    evento_id: Option<String>,
    tipo: &'static str,
    version: u64,
    ocurrido_en: Instante,
    datos: Digesto,
    eslabon: Digesto,
    valor: Option<Vec<u8>>,
    sello: Option<String>,
}

/// Writes a file of columns.
pub struct EscritorDeColumnas<W: Write + Send> {
    escritor: SerializedFileWriter<W>,
    particion: Arc<str>,
    filas: Vec<Fila>,
    bytes: usize,
    particiones: u64,
    hojas: u64,
    sellos: u64,
}

impl<W: Write + Send> EscritorDeColumnas<W> {
    /// # Errors
    /// Of the destination.
    pub fn nuevo(destino: W, nombre: &str) -> Result<Self, ParquetError> {
        let dato = |clave: &str, valor: &str| KeyValue::new(clave.to_owned(), valor.to_owned());
        let datos = vec![dato("factumarket.formato", FORMATO), dato("factumarket.nombre", nombre)];
        let propiedades = WriterProperties::builder().set_key_value_metadata(Some(datos)).build();
        let esquema = Arc::new(parse_message_type(ESQUEMA)?);
        let escritor = SerializedFileWriter::new(destino, esquema, Arc::new(propiedades))?;
        Ok(Self { escritor, particion: Arc::from(""), filas: Vec::new(), bytes: 0, particiones: 0, hojas: 0, sellos: 0 })
    }

    /// Begins a partition.
    pub fn particion(&mut self, particion: TopicPartition) {
        self.particion = Arc::from(particion.to_string());
        self.particiones += 1;
    }

    /// The next leaf. `numero`: from 0 in its partition.
    ///
    /// # Errors
    /// Of the destination.
    pub fn hoja(&mut self, numero: u64, hoja: &HojaLeida, eslabon: &Digesto, valor: Option<&[u8]>) -> Result<(), ParquetError> {
        if self.filas.len() >= FILAS || self.bytes >= BYTES {
            self.vaciar()?;
        }
        self.bytes += valor.map_or(0, <[u8]>::len);
        self.hojas += 1;
        self.filas.push(Fila {
            particion: Arc::clone(&self.particion),
            hoja: numero,
            evento_id: hoja.evento_id.map(|id| id.hyphenated().to_string()),
            tipo: hoja.tipo,
            version: hoja.version,
            ocurrido_en: hoja.ocurrido_en,
            datos: hoja.datos,
            eslabon: *eslabon,
            valor: valor.map(<[u8]>::to_vec),
            sello: None,
        });
        Ok(())
    }

    /// A seal of the leaves so far: on the row of the last one. A seal without leaves has no row and is left out.
    pub fn sello(&mut self, nota: &str) {
        if let Some(ultima) = self.filas.last_mut().filter(|fila| *fila.particion == *self.particion) {
            ultima.sello = Some(nota.to_owned());
            self.sellos += 1;
        }
    }

    /// Ends the file. Gives partitions, leaves and seals written.
    ///
    /// # Errors
    /// Of the destination.
    pub fn terminar(mut self) -> Result<(u64, u64, u64), ParquetError> {
        self.vaciar()?;
        self.escritor.close()?;
        Ok((self.particiones, self.hojas, self.sellos))
    }

    /// Writes the rows in memory as a row group.
    fn vaciar(&mut self) -> Result<(), ParquetError> {
        if self.filas.is_empty() {
            return Ok(());
        }
        let filas = std::mem::take(&mut self.filas);
        self.bytes = 0;
        let mut grupo = self.escritor.next_row_group()?;
        let texto = |texto: &str| ByteArray::from(texto.as_bytes().to_vec());
        let entero = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        columna::<ByteArrayType, W>(&mut grupo, filas.iter().map(|f| Some(texto(&f.particion))), false)?;
        columna::<Int64Type, W>(&mut grupo, filas.iter().map(|f| Some(entero(f.hoja))), false)?;
        columna::<ByteArrayType, W>(&mut grupo, filas.iter().map(|f| f.evento_id.as_deref().map(texto)), true)?;
        columna::<ByteArrayType, W>(&mut grupo, filas.iter().map(|f| Some(texto(f.tipo))), false)?;
        columna::<Int64Type, W>(&mut grupo, filas.iter().map(|f| Some(entero(f.version))), false)?;
        columna::<Int64Type, W>(&mut grupo, filas.iter().map(|f| Some(f.ocurrido_en.micros())), false)?;
        columna::<FixedLenByteArrayType, W>(&mut grupo, filas.iter().map(|f| Some(fijo(&f.datos))), false)?;
        columna::<FixedLenByteArrayType, W>(&mut grupo, filas.iter().map(|f| Some(fijo(&f.eslabon))), false)?;
        columna::<ByteArrayType, W>(&mut grupo, filas.iter().map(|f| f.valor.clone().map(ByteArray::from)), true)?;
        columna::<ByteArrayType, W>(&mut grupo, filas.iter().map(|f| f.sello.as_deref().map(texto)), true)?;
        grupo.close().map(drop)
    }
}

fn fijo(digesto: &Digesto) -> FixedLenByteArray {
    ByteArray::from(digesto.to_vec()).into()
}

/// Writes the next column of a row group.
fn columna<T: DataType, W: Write + Send>(
    grupo: &mut SerializedRowGroupWriter<'_, W>,
    valores: impl Iterator<Item = Option<T::T>>,
    opcional: bool,
) -> Result<(), ParquetError> {
    let (mut niveles, mut hay) = (Vec::new(), Vec::new());
    for valor in valores {
        niveles.push(i16::from(valor.is_some()));
        hay.extend(valor);
    }
    let falta = || ParquetError::General("el esquema tiene menos columnas que las filas".to_owned());
    let mut escritora = grupo.next_column()?.ok_or_else(falta)?;
    escritora.typed::<T>().write_batch(&hay, opcional.then_some(&*niveles), None)?;
    escritora.close()
}
