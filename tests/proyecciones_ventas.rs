//! The reports of sales and of ages: the sums of the rows are those of the documents, whatever the partitions, the batches and what is cut
//! short; and the queries over them.

mod proyecciones_comun;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::NaiveDate;
use factumarket::{
    domain::{
        Contexto,
        facturacion::factura::{FacturaEmitida, credito::Acreditado},
        valores::{CostoTotal, Decimal, Id},
    },
    engine::routing::partition_for,
    log::{Topic, TopicPartition},
    projections::{
        Agrupacion, Anomalies, ConsultaError, Consultas, Decoder, FiltroAntiguedad, FiltroVentas, PROYECCIONES, Pagina, PaginaDe,
        Progress,
        existencias::EXISTENCIAS_SPEC,
        projection::{Content, Entry, ProjectionSpec, TablesReader},
        rows::Columns,
        ventas::{VENTAS_POR_DIA, VENTAS_POR_PRODUCTO, VENTAS_PRODUCTOS, VENTAS_SPEC, sumas::Sumas},
    },
    tables::{
        Table, Tables, Value as Valor,
        embedded::{EmbeddedTables, EmbeddedTablesOptions},
        memory::MemoryTables,
    },
};
use proptest::prelude::*;
use proyecciones_comun::{
    EnMemoria, codec,
    memoria::{Memoria, diferencia},
    mundo::{Mundo, dia, id, ventas::vestir},
};
use serde_json::Value;

const CANALES: [Option<&str>; 3] = [None, Some("web"), Some("tienda-física")];
const INVENTARIOS: [&str; 3] = ["P1:PRINCIPAL", "P1:NORTE", "P2:PRINCIPAL"];

/// Four random bytes: a sale, a return, an annulment, or goods that come in.
fn suceder(mundo: &mut Mundo, n: usize, [que, a, b, c]: [u8; 4]) {
    let anterior = format!("f{}", n.saturating_sub(usize::from(c % 9) + 1));
    match que % 8 {
        0 => mundo.entrada(INVENTARIOS[usize::from(a) % 3], i64::from(b) + 1, i64::from(c) + 1, dia(u64::from(c % 4)), None),
        1 => {
            mundo.anular(&anterior);
        }
        2 | 3 => {
            mundo.acreditar(&anterior, u16::from(a % 2) + 1, i64::from(b % 4) + 1, a % 3 > 0, dia(u64::from(c % 5)));
        }
        _ => {
            let (uno, otro) = (INVENTARIOS[usize::from(a) % 3], INVENTARIOS[usize::from(b) % 3]);
            let unidades = i64::from(c % 7) + 1;
            let lineas = if uno == otro { vec![(uno, unidades)] } else { vec![(uno, unidades), (otro, 1)] };
            let servicio = if a % 4 == 0 { i64::from(b) + 1 } else { 0 };
            let resto = if b % 5 == 0 { i64::from(c % 3) - 1 } else { 0 };
            let canal = CANALES[usize::from(a / 3) % 3];
            mundo.emitir_con(&format!("f{n}"), "C1", &lineas, dia(u64::from(c % 3)), |d| vestir(d, canal, servicio, resto));
        }
    }
}

fn mundo_de(sucesos: &[[u8; 4]]) -> Mundo {
    let mut mundo = Mundo::new(codec());
    mundo.crear_cliente("C1");
    INVENTARIOS.iter().for_each(|inventario| mundo.entrada(inventario, 60, 333, dia(0), None));
    sucesos.iter().enumerate().for_each(|(n, suceso)| suceder(&mut mundo, n, *suceso));
    mundo
}

/// The records that a projection reads, as so many partitions would have them.
fn entradas(mundo: &Mundo, spec: &ProjectionSpec, particiones: u16) -> BTreeMap<TopicPartition, Vec<Entry>> {
    let codec = codec();
    let mut por_particion: BTreeMap<TopicPartition, Vec<Entry>> = BTreeMap::new();
    for (partition, record) in mundo.records.iter().filter(|(p, _)| spec.topics.contains(&p.topic)) {
        let partition = TopicPartition::new(partition.topic, partition_for(&record.key, particiones));
        let suyas = por_particion.entry(partition).or_default();
        suyas.push(Entry {
            partition,
            position: suyas.len() as u64,
            timestamp: record.timestamp,
            key: record.key.clone(),
            value: record.value.clone(),
            content: Content::Event(Box::new(codec.event(&record.value).expect("evento"))),
        });
    }
    por_particion
}

/// Folds everything in one batch a partition.
fn plegar(mundo: &Mundo, spec: &ProjectionSpec, particiones: u16, tables: &dyn Tables) {
    tables.declare(spec.tables).expect("declarar");
    for suyas in entradas(mundo, spec, particiones).values() {
        let mut fold = (spec.fresh)(Anomalies::new());
        suyas.iter().for_each(|entrada| fold.fold(entrada, &TablesReader(tables)).expect("pliegue"));
        let mut writes = Vec::new();
        fold.flush(&mut writes);
        tables.apply(writes, &[]).expect("aplicar");
    }
}

/// What a group adds up to by the documents: invoices, annulled, lines, quantity, net, taxes, cost; notes, lines, quantity, net, taxes, cost.
type Modelo = [Decimal; 13];
/// Product (`*` is all together), day, channel.
type Lugar = (String, NaiveDate, String);

/// The plainest fold: document by document, no memory of anything.
fn modelo(mundo: &Mundo) -> BTreeMap<Lugar, Modelo> {
    let mut sumas: BTreeMap<Lugar, Modelo> = BTreeMap::new();
    let texto = |id: Option<&Id>| id.map_or_else(String::new, Id::to_string);
    for (factura, d) in &mundo.emitidas {
        let en = |producto: String| (producto, d.cabecera.fecha_emision, d.cabecera.canal.as_deref().unwrap_or("").to_owned());
        let productos: BTreeSet<String> = d.lineas.iter().map(|l| texto(l.linea.producto_id.as_ref())).collect();
        let anulada = mundo.anuladas.contains(factura);
        for producto in productos.into_iter().chain(["*".to_owned()]) {
            sumas.entry(en(producto)).or_default()[if anulada { 1 } else { 0 }] += Decimal::ONE;
        }
        // The rows of what was annulled are there, and say nothing more.
        let vale = if anulada { Decimal::ZERO } else { Decimal::ONE };
        let mut agregar = |producto: String, cifras: [Decimal; 5]| {
            let suya = sumas.entry(en(producto)).or_default();
            cifras.iter().enumerate().for_each(|(n, cifra)| suya[2 + n] += *cifra * vale);
        };
        for l in d.lineas.iter() {
            let (cantidad, neto, impuesto) = (l.linea.cantidad.valor(), l.subtotal.valor(), l.impuesto.valor());
            for producto in [texto(l.linea.producto_id.as_ref()), "*".to_owned()] {
                agregar(producto, [Decimal::ONE, cantidad, neto, impuesto, Decimal::ZERO]);
            }
        }
        for g in &d.grupos {
            for producto in [g.grupo.producto_id.to_string(), "*".to_owned()] {
                agregar(producto, [Decimal::ZERO, Decimal::ZERO, Decimal::ZERO, Decimal::ZERO, g.costo_total.valor()]);
            }
        }
        let resto = d.totales.subtotal.valor() - d.lineas.iter().map(|l| l.subtotal.valor()).sum::<Decimal>();
        let impuestos: Decimal = d.lineas.iter().map(|l| l.impuesto.valor()).sum();
        let resto_impuestos = d.totales.total.valor() - d.totales.subtotal.valor() - impuestos;
        if !resto.is_zero() || !resto_impuestos.is_zero() {
            for producto in ["", "*"] {
                agregar(producto.to_owned(), [Decimal::ZERO, Decimal::ZERO, resto, resto_impuestos, Decimal::ZERO]);
            }
        }
    }
    for n in &mundo.notas {
        let canal = mundo.emitidas[n.factura_id.as_str()].cabecera.canal.as_deref().unwrap_or("").to_owned();
        let l = &n.lineas[0];
        let Acreditado::Cantidad { cantidad } = l.linea.acreditado else { panic!("por cantidad") };
        for producto in [texto(l.producto_id.as_ref()), "*".to_owned()] {
            let suya = sumas.entry((producto, n.cabecera.fecha_emision, canal.clone())).or_default();
            let cifras = [Decimal::ONE, Decimal::ONE, cantidad.valor(), l.subtotal.valor(), l.valor_impuesto.valor()];
            cifras.iter().enumerate().for_each(|(i, cifra)| suya[7 + i] += *cifra);
            suya[12] += n.costo_devuelto.valor();
        }
    }
    sumas
}

fn recorrer(tables: &dyn Tables, table: &'static Table) -> Vec<factumarket::tables::Row> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let (mas, next) = tables.scan(table, after.as_ref(), 64).expect("recorrido");
        rows.extend(mas);
        match next {
            Some(cursor) => after = Some(cursor),
            None => return rows,
        }
    }
}

/// The rows of both tables, partitions added together.
fn filas(tables: &dyn Tables) -> BTreeMap<Lugar, Modelo> {
    let mut sumas: BTreeMap<Lugar, Modelo> = BTreeMap::new();
    for table in [&VENTAS_POR_DIA, &VENTAS_POR_PRODUCTO] {
        for row in recorrer(tables, table) {
            let columns = Columns::new(table, &row);
            let producto = if table.name == VENTAS_POR_DIA.name {
                "*".into()
            } else {
                columns.text("producto_id").expect("producto").to_string()
            };
            let lugar = (producto, columns.date("fecha").expect("día"), columns.text("canal").expect("canal").to_string());
            assert_eq!(&**columns.text("moneda").expect("moneda"), "COP");
            let suya = sumas.entry(lugar).or_default();
            for (suma, valor) in suya.iter_mut().zip(&row.values[..13]) {
                *suma += match valor {
                    Valor::Int(n) => Decimal::from(*n),
                    Valor::Decimal(d) => *d,
                    otro => panic!("{otro:?}"),
                };
            }
        }
    }
    sumas
}

fn sucesos() -> impl Strategy<Value = Vec<[u8; 4]>> {
    proptest::collection::vec(any::<[u8; 4]>(), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sums_of_any_number_of_partitions_are_those_of_the_documents(sucesos in sucesos(), particiones in 1u16..9) {
        let mundo = mundo_de(&sucesos);
        let tables = MemoryTables::default();
        plegar(&mundo, &VENTAS_SPEC, particiones, &tables);
        prop_assert_eq!(filas(&tables), modelo(&mundo));
        // The directory has each product of each month, and no other.
        let directorio: BTreeSet<(String, NaiveDate)> = recorrer(&tables, &VENTAS_PRODUCTOS).iter().map(|row| {
            let columns = Columns::new(&VENTAS_PRODUCTOS, row);
            (columns.text("producto_id").expect("producto").to_string(), columns.date("mes").expect("mes"))
        }).collect();
        let vendidos = modelo(&mundo).into_keys().filter(|(producto, ..)| producto != "*");
        let vendidos: BTreeSet<_> = vendidos.map(|(p, d, _)| (p, chrono::Datelike::with_day(&d, 1).expect("mes"))).collect();
        prop_assert_eq!(directorio, vendidos);
    }

    /// Sales less returns are the invoices that stand less the notes; the cost is what the stock gave out for them and did not get back.
    #[test]
    fn nothing_is_gained_or_lost(sucesos in sucesos(), particiones in 1u16..9) {
        let mundo = mundo_de(&sucesos);
        let tables = MemoryTables::default();
        plegar(&mundo, &VENTAS_SPEC, particiones, &tables);
        let sumar = |de_todo: bool| filas(&tables).into_iter().filter(|((producto, ..), _)| (producto == "*") == de_todo)
            .fold((Decimal::ZERO, Decimal::ZERO), |(total, costo), (_, m)| (total + m[4] + m[5] - m[10] - m[11], costo + m[6] - m[12]));
        let en_pie = mundo.emitidas.iter().filter(|(factura, _)| !mundo.anuladas.contains(*factura));
        let codec = codec();
        let facturado: Decimal = en_pie.map(|(_, d)| d.totales.total.valor()).sum();
        let acreditado: Decimal = mundo.notas.iter().map(|n| n.totales.total.valor()).sum();
        let entrado: Decimal = mundo.records.iter().filter(|(p, _)| p.topic == Topic::Eventos(Contexto::Inventario)).map(|(_, record)| {
            use factumarket::domain::{Evento, inventario::{EventoInventario, MotivoEntrada, MotivoSalida}};
            match codec.event(&record.value).expect("evento").evento {
                Evento::Inventario(EventoInventario::StockReducido(m)) if m.motivo == MotivoSalida::Venta => m.costo_total.valor(),
                Evento::Inventario(EventoInventario::StockIncrementado(m))
                    if matches!(m.motivo, MotivoEntrada::Anulacion | MotivoEntrada::DevolucionCliente) => -m.costo_total.valor(),
                _ => Decimal::ZERO,
            }
        }).sum();
        let esperado = (facturado - acreditado, entrado);
        prop_assert_eq!((sumar(true), sumar(false)), (esperado, esperado));
    }

    /// A sink dies between its rows and its position, or in the middle of its rows: of the batch some are there, in any of its tables. It folds
    /// the batch again, cut elsewhere, and nobody finished it first.
    #[test]
    fn what_was_cut_short_adds_nothing_twice_and_loses_nothing(
        sucesos in sucesos(),
        particiones in 1u16..4,
        cortes in proptest::collection::vec(any::<(u8, u64)>(), 1..40),
    ) {
        let mundo = mundo_de(&sucesos);
        let enteras = Memoria::default();
        plegar(&mundo, &VENTAS_SPEC, particiones, &enteras);
        let tables = Memoria::default();
        let mut cortes = cortes.iter().copied().cycle();
        for suyas in entradas(&mundo, &VENTAS_SPEC, particiones).values() {
            let mut fold = (VENTAS_SPEC.fresh)(Anomalies::new());
            let (mut desde, mut muertes) = (0, 0);
            while desde < suyas.len() {
                let (corte, cuales) = cortes.next().unwrap_or_default();
                let hasta = (desde + 1 + usize::from(corte % 11)).min(suyas.len());
                suyas[desde..hasta].iter().for_each(|entrada| fold.fold(entrada, &TablesReader(&tables)).expect("pliegue"));
                let mut writes = Vec::new();
                fold.flush(&mut writes);
                let muere = corte % 3 > 0 && muertes < 20;
                if muere {
                    // All of them, when the position alone was not written.
                    let todas = corte % 3 == 1;
                    writes = writes.into_iter().enumerate().filter(|(n, _)| todas || cuales >> (n % 64) & 1 == 1).map(|(_, w)| w).collect();
                }
                tables.apply(writes, &[]).expect("aplicar");
                if muere {
                    muertes += 1;
                    if corte % 2 == 0 { fold.forget() } else { fold = (VENTAS_SPEC.fresh)(Anomalies::new()) }
                } else {
                    desde = hasta;
                }
            }
        }
        prop_assert_eq!(diferencia(&tables.volcado(), &enteras.volcado()), None);
    }
}

/// Queries over tables in memory and over the ones of the folder: both must answer the same.
fn con_ambas(mundo: &Mundo, particiones: u16, probar: impl Fn(&Consultas)) {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let ambas: [Arc<dyn Tables>; 2] = [
        Arc::new(MemoryTables::default()),
        EmbeddedTables::open(&carpeta.path().join("tablas"), EmbeddedTablesOptions::default()).expect("tablas"),
    ];
    for tables in ambas {
        plegar(mundo, &VENTAS_SPEC, particiones, &*tables);
        plegar(mundo, &EXISTENCIAS_SPEC, particiones, &*tables);
        probar(&Consultas::new(tables, codec(), Arc::new(EnMemoria::default()), Progress::at_rest()));
    }
}

fn filtro(agrupar: Agrupacion) -> FiltroVentas {
    FiltroVentas { fechas: (dia(0), dia(30)), producto: None, canal: None, agrupar }
}

fn todas(consulta: impl Fn(&Pagina) -> Result<PaginaDe, ConsultaError>, limite: usize) -> Vec<Value> {
    let (mut pagina, mut items) = (Pagina { limite, despues: None }, Vec::new());
    for _ in 0..1_000 {
        let tramo = consulta(&pagina).expect("página");
        assert_eq!(tramo.tiene_mas, tramo.despues.is_some());
        items.extend(tramo.items);
        pagina.despues = tramo.despues;
        if !tramo.tiene_mas {
            return items;
        }
    }
    panic!("la lista no acaba");
}

/// Three days, two channels and none, a service, returns with and without goods, and one annulled.
fn historia() -> Mundo {
    let mut mundo = Mundo::new(codec());
    mundo.crear_cliente("C1");
    mundo.entrada("P1:PRINCIPAL", 10, 40_000, dia(0), None);
    mundo.entrada("P1:PRINCIPAL", 100, 60_000, dia(1), None);
    mundo.entrada("P2:PRINCIPAL", 50, 12_345, dia(0), None);
    let canal = |canal: Option<&'static str>, servicio| move |d: &mut FacturaEmitida| vestir(d, canal, servicio, 0);
    assert!(mundo.emitir_con("f0", "C1", &[("P1:PRINCIPAL", 4), ("P2:PRINCIPAL", 1)], dia(0), canal(Some("web"), 50_000)));
    assert!(mundo.emitir_con("f1", "C1", &[("P1:PRINCIPAL", 8)], dia(0), canal(None, 0)));
    assert!(mundo.emitir_con("f2", "C1", &[("P2:PRINCIPAL", 3)], dia(1), canal(Some("tienda"), 0)));
    assert!(mundo.emitir_con("f3", "C1", &[("P2:PRINCIPAL", 2)], dia(1), canal(Some("tienda"), 0)));
    assert!(mundo.anular("f3"));
    assert!(mundo.acreditar("f1", 1, 3, true, dia(2)));
    assert!(mundo.acreditar("f0", 2, 1, false, dia(2)));
    mundo
}

fn campos<'a>(items: &'a [Value], nombres: &[&str]) -> Vec<Vec<&'a Value>> {
    items.iter().map(|item| nombres.iter().map(|nombre| &item[*nombre]).collect()).collect()
}

#[test]
fn sales_come_by_day_product_and_channel_with_their_margin() {
    con_ambas(&historia(), 3, |consultas| {
        for limite in [1, 2, 100] {
            let por_dia = todas(|p| consultas.ventas(&filtro(Agrupacion::Dia), p), limite);
            let nombres = [
                "fecha",
                "facturas",
                "anuladas",
                "ventas",
                "costo",
                "notas",
                "devoluciones",
                "costo_devuelto",
                "margen",
                "margen_porcentaje",
            ];
            // Four of the first lot and six of it with two of the second: 4 × 400 + 6 × 400 + 2 × 600, and one at 123.45.
            let esperados = serde_json::json!([
                ["2026-11-25", 0, 0, "0.00", "0", 2, "4000.00", "1600", "-2400", null],
                ["2026-11-24", 1, 1, "3000.00", "370.35", 0, "0.00", "0", "2629.65", "87.655"],
                ["2026-11-23", 2, 0, "13500.00", "5323.45", 0, "0.00", "0", "8176.55", "60.567"],
            ]);
            assert_eq!(serde_json::json!(campos(&por_dia, &nombres)), esperados, "de {limite} en {limite}");
            let por_canal = todas(|p| consultas.ventas(&filtro(Agrupacion::Canal), p), limite);
            let esperados = serde_json::json!([
                [null, "8000.00", "3000.00", "5000.00", "2000", "3000"],
                ["tienda", "3000.00", "0.00", "3000.00", "370.35", "2629.65"],
                ["web", "5500.00", "1000.00", "4500.00", "1723.45", "2776.55"],
            ]);
            let nombres = ["canal", "ventas", "devoluciones", "ventas_netas", "costo_neto", "margen"];
            assert_eq!(serde_json::json!(campos(&por_canal, &nombres)), esperados, "de {limite} en {limite}");
            let por_producto = todas(|p| consultas.ventas(&filtro(Agrupacion::Producto), p), limite);
            let esperados = serde_json::json!([
                [null, 1, 1, "1", "500.00", "0", "0", "100"],
                ["P1", 2, 2, "12", "12000.00", "5200", "3", "60"],
                ["P2", 2, 2, "4", "4000.00", "493.8", "1", "83.54"],
            ]);
            let nombres =
                ["producto_id", "facturas", "lineas", "cantidad", "ventas", "costo", "cantidad_devuelta", "margen_porcentaje"];
            assert_eq!(serde_json::json!(campos(&por_producto, &nombres)), esperados, "de {limite} en {limite}");
        }
    });
}

#[test]
fn filters_hold_in_every_grouping_and_ends_are_inclusive() {
    con_ambas(&historia(), 4, |consultas| {
        let ventas = |filtro: &FiltroVentas| {
            let items = todas(|p| consultas.ventas(filtro, p), 1);
            items.iter().map(|item| item["ventas_netas"].as_str().expect("netas").to_owned()).collect::<Vec<_>>()
        };
        for agrupar in Agrupacion::TODAS {
            let de = |producto: Option<&str>, canal: Option<&str>, fechas| FiltroVentas {
                fechas,
                producto: producto.map(id),
                canal: canal.map(str::to_owned),
                agrupar,
            };
            assert_eq!(ventas(&de(Some("P1"), Some("web"), (dia(0), dia(0)))), ["4000.00"], "{agrupar:?}");
            assert_eq!(ventas(&de(Some("P2"), None, (dia(1), dia(1)))), ["3000.00"], "{agrupar:?}");
            assert_eq!(ventas(&de(Some("P9"), None, (dia(0), dia(30)))), Vec::<String>::new(), "{agrupar:?}");
            assert_eq!(ventas(&de(None, Some("fax"), (dia(0), dia(30)))), Vec::<String>::new(), "{agrupar:?}");
            assert_eq!(ventas(&de(None, None, (dia(3), dia(30)))), Vec::<String>::new(), "{agrupar:?}");
        }
        let invertido = FiltroVentas { fechas: (dia(1), dia(0)), ..filtro(Agrupacion::Dia) };
        assert!(matches!(consultas.ventas(&invertido, &Pagina::default()), Err(ConsultaError::IntervaloInvertido { .. })));
        let largo = FiltroVentas { fechas: (dia(0), dia(366)), ..filtro(Agrupacion::Dia) };
        assert!(matches!(consultas.ventas(&largo, &Pagina::default()), Err(ConsultaError::Demasiado(_))));
        let justo = FiltroVentas { fechas: (dia(0), dia(365)), ..filtro(Agrupacion::Producto) };
        assert_eq!(consultas.ventas(&justo, &Pagina::default()).expect("un año").items.len(), 3);
        // A cursor of one report does not serve another.
        let primera = consultas.ventas(&filtro(Agrupacion::Producto), &Pagina { limite: 1, despues: None }).expect("página");
        for otro in [
            filtro(Agrupacion::Dia),
            filtro(Agrupacion::Canal),
            FiltroVentas { canal: Some("web".into()), ..filtro(Agrupacion::Producto) },
        ] {
            let pagina = Pagina { limite: 1, despues: primera.despues.clone() };
            assert!(matches!(consultas.ventas(&otro, &pagina), Err(ConsultaError::CursorInvalido)));
        }
    });
}

#[test]
fn currencies_never_mix_and_a_channel_that_is_too_long_is_cut() {
    let mut mundo = Mundo::new(codec());
    mundo.entrada("P1:PRINCIPAL", 100, 100, dia(0), None);
    let largo = "ñ".repeat(400);
    for (n, moneda) in ["COP", "USD", "COP"].into_iter().enumerate() {
        assert!(mundo.emitir_con(&format!("f{n}"), "C1", &[("P1:PRINCIPAL", 1)], dia(0), |d| {
            vestir(d, Some(&largo), 0, 0);
            Arc::make_mut(&mut d.cabecera).moneda = Arc::from(moneda);
        }));
    }
    con_ambas(&mundo, 2, |consultas| {
        for agrupar in Agrupacion::TODAS {
            let items = todas(|p| consultas.ventas(&filtro(agrupar), p), 1);
            let esperado = serde_json::json!([["COP", 2, "2000.00"], ["USD", 1, "1000.00"]]);
            assert_eq!(serde_json::json!(campos(&items, &["moneda", "facturas", "ventas"])), esperado, "{agrupar:?}");
        }
        let canal = &todas(|p| consultas.ventas(&filtro(Agrupacion::Canal), p), 1)[0]["canal"];
        assert_eq!(canal.as_str().map(|c| c.chars().count()), Some(64));
    });
}

/// Nine invoices at the limit of a cost do not fit a sum: the row says so, in every grouping, and the rest go on.
#[test]
fn a_sum_that_does_not_fit_is_told_and_hides_no_other() {
    let mut mundo = Mundo::new(codec());
    mundo.entrada("P1:PRINCIPAL", 100, 100, dia(0), None);
    mundo.entrada("P2:PRINCIPAL", 100, 100, dia(0), None);
    let enorme = CostoTotal::nuevo("9999999999999999.999999999999".parse().expect("decimal")).expect("costo");
    for n in 0..9 {
        assert!(mundo.emitir_con(&format!("f{n}"), "C1", &[("P1:PRINCIPAL", 1)], dia(0), |d| {
            (d.costo_ventas, d.grupos[0].costo_total) = (enorme, enorme);
        }));
    }
    assert!(mundo.emitir("g", "C1", &[("P2:PRINCIPAL", 1)], dia(1)));
    con_ambas(&mundo, 1, |consultas| {
        let por_dia = todas(|p| consultas.ventas(&filtro(Agrupacion::Dia), p), 1);
        assert_eq!((&por_dia[0]["margen"], por_dia[0].get("excedido")), (&Value::from("999"), None));
        assert_eq!((&por_dia[1]["facturas"], &por_dia[1]["excedido"]), (&Value::from(9), &Value::from(true)));
        let nulos = ["cantidad", "ventas", "costo", "margen", "margen_porcentaje", "devoluciones"];
        assert!(nulos.iter().all(|campo| por_dia[1][*campo].is_null()), "{}", por_dia[1]);
        let por_producto = todas(|p| consultas.ventas(&filtro(Agrupacion::Producto), p), 1);
        assert_eq!(por_producto[0]["excedido"], true);
        assert_eq!(por_producto[1]["ventas"], "1000.00");
    });
    // In several partitions each row fits, and the whole is exact beyond what a column holds.
    con_ambas(&mundo, 8, |consultas| {
        let por_dia = todas(|p| consultas.ventas(&filtro(Agrupacion::Dia), p), 1);
        assert_eq!(por_dia[1]["costo"], "89999999999999999.999999999991");
    });
}

#[test]
fn lots_are_told_by_their_age_and_add_up_to_the_stock() {
    let mut mundo = Mundo::new(codec());
    for (mas, unidades) in [(0, 5), (10, 4), (40, 3), (70, 2), (100, 7), (189, 1), (200, 6)] {
        mundo.entrada("P1:PRINCIPAL", unidades, 250, dia(mas), None);
    }
    mundo.entrada("P1:NORTE", 8, 100, dia(190), None);
    mundo.entrada("P2:NORTE", 9, 100, dia(0), None);
    mundo.entrada("P3:NORTE", 1, 100, dia(0), None);
    mundo.salida("P1:PRINCIPAL", 2);
    mundo.salida("P3:NORTE", 1);
    con_ambas(&mundo, 3, |consultas| {
        let de = |producto: Option<&str>, bodega: Option<&str>| FiltroAntiguedad {
            producto: producto.map(id),
            bodega: bodega.map(id),
            fecha: Some(dia(190)),
        };
        let una = todas(|p| consultas.antiguedad(&de(Some("P1"), Some("PRINCIPAL")), p), 1);
        let tramos: Vec<_> = una[0]["tramos"].as_array().expect("tramos").iter().map(|t| [&t["cantidad"], &t["valor"]]).collect();
        assert_eq!(
            serde_json::json!(tramos),
            serde_json::json!([["1", "2.5"], ["0", "0"], ["7", "17.5"], ["9", "22.5"], ["3", "7.5"]])
        );
        assert_eq!(
            una[0]["tramos"][4],
            serde_json::json!({"desde_dias": 181, "hasta_dias": null, "lotes": 1, "cantidad": "3", "valor": "7.5"})
        );
        assert_eq!((&una[0]["posterior"]["cantidad"], &una[0]["primer_ingreso"]), (&"6".into(), &"2026-11-23".into()));
        assert_eq!((&una[0]["stock"], &una[0]["valor"]), (&"26".into(), &"65".into()));
        for limite in [1, 2, 100] {
            let lugares = |filtro: FiltroAntiguedad| {
                let items = todas(|p| consultas.antiguedad(&filtro, p), limite);
                let mut lugares: Vec<_> = items
                    .iter()
                    .map(|i| format!("{}:{}", i["producto_id"].as_str().unwrap(), i["bodega_id"].as_str().unwrap()))
                    .collect();
                lugares.sort_unstable();
                lugares
            };
            assert_eq!(lugares(de(Some("P1"), None)), ["P1:NORTE", "P1:PRINCIPAL"]);
            assert_eq!(lugares(de(None, Some("NORTE"))), ["P1:NORTE", "P2:NORTE"]);
            assert_eq!(lugares(de(None, None)), ["P1:NORTE", "P1:PRINCIPAL", "P2:NORTE"]);
            assert!(lugares(de(Some("P3"), None)).is_empty() && lugares(de(Some("P9"), Some("NORTE"))).is_empty());
        }
    });
}

#[test]
fn the_projection_is_declared_with_the_others() {
    assert!(PROYECCIONES.iter().any(|spec| spec.name == "ventas" && spec.tables.len() == 3));
    assert_eq!(Sumas::default().valores().len(), VENTAS_POR_DIA.columns.len());
}
