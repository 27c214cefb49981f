//! How the tables of the read models are laid out in a CQL database: what splits their partitions, and how large the largest gets.
//!
//! The bounds are for 100 million invoices of three lines in five years (about 55,000 a day) with two million notes, half a million of
//! clients and a thousand inventories, one of which sells a tenth of everything. Sizes are of a row as the database keeps it, about.

use std::sync::LazyLock;

use super::{
    auditoria::{
        AUDITORIA, AUDITORIA_AZULEJOS, AUDITORIA_CADENAS, AUDITORIA_HORAS, AUDITORIA_POR_CORRELACION, AUDITORIA_POR_TIEMPO,
        AUDITORIA_SELLOS,
    },
    bodegas::BODEGAS,
    clientes::{CLIENTES, CLIENTES_POR_CORREO, CLIENTES_POR_IDENTIFICACION, CLIENTES_SUPRIMIDOS},
    comandos::COMANDOS,
    copias::{self, PROYECCIONES_ACTIVAS},
    descuentos::DESCUENTOS,
    existencias::{EXISTENCIAS, EXISTENCIAS_LOTES},
    facturas::{FACTURAS, FACTURAS_DIAS, FACTURAS_POR_CLIENTE, FACTURAS_POR_DIA},
    movimientos::MOVIMIENTOS,
    notas::{NOTAS, NOTAS_LIBRO, NOTAS_POR_CLIENTE, NOTAS_POR_FACTURA, NOTAS_POR_ID},
    numeracion::NUMERACION,
    productos::PRODUCTOS,
    sagas::SAGAS,
    sucursales::SUCURSALES,
    ventas::{VENTAS_POR_DIA, VENTAS_POR_PRODUCTO, VENTAS_PRODUCTOS},
};
use crate::tables::{
    Table,
    cql::{Bucket, Compaction, Layout},
};

const HOUR: i64 = 3_600_000_000;
const WEEK: i64 = 7 * 24 * HOUR;

/// A row, or a handful, a partition.
const fn small(table: &'static Table, bound: &'static str) -> Layout {
    Layout { table, bucket: Bucket::One, bound, compaction: Compaction::Leveled }
}

/// Rows that are written once or hardly again.
const fn grows(table: &'static Table, bucket: Bucket, bound: &'static str) -> Layout {
    Layout { table, bucket, bound, compaction: Compaction::SizeTiered }
}

const fn changes(table: &'static Table, bucket: Bucket, bound: &'static str) -> Layout {
    Layout { table, bucket, bound, compaction: Compaction::Leveled }
}

/// The layouts of all tables with those of their second copies, which are laid out as the first ones.
pub fn con_segundas() -> &'static [Layout] {
    static TODAS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
        let layout_of = |primera: &'static Table| FISICO.iter().find(|layout| layout.table.name == primera.name);
        let segunda = |(primera, table)| layout_of(primera).map(|layout| Layout { table, ..*layout });
        FISICO.iter().copied().chain(copias::segundas().filter_map(segunda)).collect()
    });
    &TODAS
}

/// Every table of the read side: those of the projections, of the audit's chain, and which copies are in use. Without second copies.
pub fn tablas() -> impl Iterator<Item = &'static Table> {
    FISICO.iter().map(|layout| layout.table)
}

const ONE_ROW: &str = "Una fila por partición: menos de 1 KB.";

/// Every table of the read side.
pub static FISICO: &[Layout] = &[
    small(&CLIENTES, ONE_ROW),
    small(
        &CLIENTES_POR_IDENTIFICACION,
        "Una fila por cliente con ese número: casi siempre una; 500.000 de un mismo número serían 30 MB.",
    ),
    small(&CLIENTES_POR_CORREO, "Una fila por cliente con ese correo; 500.000 con uno mismo, de relleno, serían 30 MB."),
    small(&CLIENTES_SUPRIMIDOS, ONE_ROW),
    small(&PROYECCIONES_ACTIVAS, ONE_ROW),
    small(&PRODUCTOS, ONE_ROW),
    small(&DESCUENTOS, ONE_ROW),
    small(&SUCURSALES, ONE_ROW),
    small(&BODEGAS, ONE_ROW),
    small(&NUMERACION, ONE_ROW),
    small(&EXISTENCIAS, "Una fila por bodega: cientos, 100 KB."),
    small(
        &EXISTENCIAS_LOTES,
        "Los lotes con saldo: 10.000 como máximo, 1 MB, y las marcas de los agotados en 10 días; las lecturas empiezan en el primero con saldo.",
    ),
    grows(
        &MOVIMIENTOS,
        Bucket::Values(1 << 18),
        "El que vende la décima parte tiene 30 millones: 115 cubos de 262.144 filas de unos 80 B, 20 MB cada uno.",
    ),
    Layout {
        table: &FACTURAS,
        bucket: Bucket::One,
        bound: "Una fila por partición: menos de 1 KB emitida; un borrador de 500 líneas, 150 KB.",
        compaction: Compaction::Leveled,
    },
    changes(&FACTURAS_POR_CLIENTE, Bucket::Days(7), "Si todas fueran de un cliente, 385.000 por semana de unos 160 B: 60 MB."),
    changes(
        &FACTURAS_POR_DIA,
        Bucket::Micros(HOUR),
        "55.000 por día de unos 170 B: 10 MB repartidos en sus horas; 300.000 en una sola hora serían 50 MB.",
    ),
    grows(&FACTURAS_DIAS, Bucket::One, "Una fila por día: 1.826 en cinco años, 80 KB."),
    small(&NOTAS, ONE_ROW),
    small(&NOTAS_POR_FACTURA, "Las notas de una factura: 100 como máximo, 20 KB."),
    small(&NOTAS_POR_ID, "Una fila por factura con una nota de ese id; «n1» en todas, 2 millones, serían 120 MB: use ids propios."),
    changes(&NOTAS_POR_CLIENTE, Bucket::Days(7), "Si todas fueran de un cliente, 7.700 por semana de unos 120 B: 1 MB."),
    changes(&NOTAS_LIBRO, Bucket::Days(7), "7.700 por semana de unos 170 B: 1,3 MB."),
    changes(
        &VENTAS_POR_DIA,
        Bucket::Days(28),
        "Una fila por día, canal, moneda y partición del registro: con 10 canales y 12 particiones, 3.400 por cubo de unos 300 B, 1 MB; con 1.000 canales, 100 MB.",
    ),
    changes(
        &VENTAS_POR_PRODUCTO,
        Bucket::Days(28),
        "Un producto que se vende cada día por 10 canales en 12 particiones del registro: 3.400 filas por cubo de unos 300 B, 1 MB; por 1.000 canales, 100 MB.",
    ),
    grows(&VENTAS_PRODUCTOS, Bucket::One, "Una fila por producto vendido en el mes: 200.000 como máximo, de unos 60 B: 12 MB."),
    grows(&COMANDOS, Bucket::One, ONE_ROW),
    small(&SAGAS, "Una fila por documento en curso, que se borra al terminar: menos de 1 KB."),
    grows(
        &AUDITORIA,
        Bucket::Micros(WEEK),
        "Una factura, decenas de filas. El inventario que vende la décima parte, 115.000 por semana de unos 70 B: 8 MB.",
    ),
    grows(&AUDITORIA_POR_CORRELACION, Bucket::One, "Los agregados que un flujo escribió: una factura, hasta 505; menos de 40 KB."),
    changes(
        &AUDITORIA_POR_TIEMPO,
        Bucket::One,
        "36.000 décimas por hora y partición de tema activa; con 12 particiones de 4 temas a tope, 1,7 millones de unos 60 B: 100 MB.",
    ),
    grows(&AUDITORIA_HORAS, Bucket::One, "Una fila por hora: 43.800 en cinco años, 2 MB."),
    small(&AUDITORIA_CADENAS, "Una fila por partición: 3 KB con 64 nodos."),
    changes(
        &AUDITORIA_AZULEJOS,
        Bucket::Values(4_096),
        "4.096 azulejos de hasta 10 KB: 40 MB. Con 600 millones de registros en 12 particiones de origen, 200.000 azulejos cada una.",
    ),
    grows(
        &AUDITORIA_SELLOS,
        Bucket::Values(100_000),
        "El cubo son 100.000 hojas: con carga, 100 sellos de 700 B; con una hoja por minuto, 100.000 en dos meses, 70 MB.",
    ),
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::PathBuf};

    use super::*;
    use crate::{
        projections::{PROYECCIONES, auditoria::TABLAS_DE_CADENA},
        tables::cql::ddl,
    };

    /// `ESCRIBIR_ESQUEMAS_CQL=1 cargo test --lib projections::fisico` writes them again.
    #[test]
    fn every_table_has_its_layout_and_its_file() {
        let of_projections = PROYECCIONES.iter().flat_map(|spec| spec.tables);
        let others = TABLAS_DE_CADENA.iter().copied().chain([&PROYECCIONES_ACTIVAS]);
        let declared: BTreeSet<&str> = of_projections.copied().chain(others).map(|table| table.name).collect();
        let laid_out: BTreeSet<&str> = FISICO.iter().map(|layout| layout.table.name).collect();
        assert_eq!(declared, laid_out);
        assert_eq!(laid_out.len(), FISICO.len());
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas/cql");
        let own = [
            (ddl::POSITIONS.to_owned(), ddl::positions_file()),
            (ddl::JOURNAL.to_owned(), ddl::journal_file()),
            (ddl::FEEDER.to_owned(), ddl::feeder_file()),
        ];
        let files: Vec<(String, String)> =
            FISICO.iter().map(|layout| (layout.table.name.to_owned(), ddl::file(layout))).chain(own).collect();
        let write = std::env::var_os("ESCRIBIR_ESQUEMAS_CQL").is_some();
        for (name, text) in &files {
            let path = folder.join(format!("{name}.cql"));
            if write {
                fs::write(&path, text).unwrap();
            }
            assert_eq!(&fs::read_to_string(&path).unwrap_or_default(), text, "{} no es el de sus tablas", path.display());
        }
        let there: BTreeSet<String> =
            fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(there, files.iter().map(|(name, _)| format!("{name}.cql")).collect());
    }

    /// A bucket that a clustering column cannot give would fail at the first row.
    #[test]
    fn every_bucket_is_of_its_first_clustering_column() {
        use crate::tables::ColumnType;
        for layout in FISICO {
            let first = layout.table.clustering.first().map(|(column, _)| column.kind);
            let fits = match layout.bucket {
                Bucket::One => true,
                Bucket::Days(_) => first == Some(ColumnType::Date),
                Bucket::Micros(_) => first == Some(ColumnType::Timestamp),
                Bucket::Values(_) => first == Some(ColumnType::Int),
            };
            assert!(fits, "{}", layout.table.name);
        }
    }
}
