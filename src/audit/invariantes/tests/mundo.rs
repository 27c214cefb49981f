//! A small store driven through the real engine, and copies of its log with something changed.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use crate::{
    audit::invariantes::{Informe, Opciones, verificar},
    contracts::{Codec, EmbeddedRegistry, Respuesta},
    domain::{
        Comando, Contexto,
        catalogo::{
            bodega::{ComandoBodega, DatosBodega},
            cliente::{ComandoCliente, DatosCliente, EstadoFiscal},
            producto::{ComandoProducto, DatosProducto, Impuesto},
            sucursal::{ComandoSucursal, DatosSucursal},
        },
        emisor::Emisor,
        facturacion::factura::{Campo, ComandoFactura, DatosFactura, LineaPedida},
        inventario::{ComandoInventario, MotivoEntrada, MotivoSalida, inventario_id},
        numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
        valores::{Decimal, Direccion, Id, Identificacion, Instante, Porcentaje, PrecioUnitario, TipoIdentificacion, fecha_iso},
    },
    engine::{
        Engine, EngineOptions,
        core::CoreLimits,
        gateway::NewCommand,
        lane::EpochLimits,
        ports::FixedClock,
        shell::metrics::EngineMetrics,
        store::{MemoryStore, StateStore},
    },
    log::{
        Log, Position, Record, Topic, TopicPartition, Transaction,
        embedded::{EmbeddedLog, EmbeddedLogOptions},
    },
};

/// 2026-06-15 12:00 UTC.
pub const AHORA: Instante = Instante(1_781_524_800_000_000);
pub const PARTICIONES: u16 = 3;

pub fn id(texto: &str) -> Id {
    Id::new(texto).expect("id")
}

pub fn registro(dir: &Path) -> Arc<EmbeddedLog> {
    let options = EmbeddedLogOptions { partitions: PARTICIONES, reply_partitions: 1, ..EmbeddedLogOptions::default() };
    EmbeddedLog::open(dir, options).expect("registro")
}

pub fn codec() -> Arc<Codec> {
    Arc::new(Codec::new(&EmbeddedRegistry::in_memory()).expect("codec"))
}

pub fn revisar(log: &dyn Log) -> Informe {
    let emisor = Emisor::co();
    let opciones = Opciones { emisor: Some(&emisor), ..Opciones::default() };
    verificar(log, &codec(), &opciones, &mut |_, _| {}).expect("verificación")
}

pub fn orden(command_id: &str, comando: Comando) -> NewCommand {
    let command_id = id(command_id);
    NewCommand {
        correlation_id: command_id.clone(),
        command_id,
        usuario: None,
        canal: None,
        version_esperada: None,
        traceparent: None,
        comando,
    }
}

pub fn cliente(n: u32) -> Comando {
    Comando::Cliente(ComandoCliente::CrearCliente {
        cliente_id: id(&format!("c{n}")),
        datos: std::sync::Arc::new(DatosCliente {
            nombre: format!("Cliente {n}").into(),
            identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: format!("9{n:08}").into(), dv: None },
            correo: format!("c{n}@ejemplo.co").into(),
            direccion: Direccion::de_linea("Calle 1"),
            estado_fiscal: EstadoFiscal::Activo,
            tipo_persona: None,
            responsabilidades: Vec::new(),
            municipio: None,
            departamento: None,
        }),
    })
}

pub fn producto(n: u32) -> Comando {
    let tarifa = Porcentaje::nuevo(Decimal::from(19)).expect("tarifa");
    Comando::Producto(ComandoProducto::CrearProducto {
        producto_id: id(&format!("p{n}")),
        datos: Box::new(DatosProducto {
            codigo: format!("SKU-{n}").into(),
            nombre: format!("Producto {n}").into(),
            unidad: "UND".into(),
            precio: PrecioUnitario::nuevo(Decimal::new(1_999 + i64::from(n) * 137, 2)).expect("precio"),
            impuesto: Some(Impuesto { codigo: "IVA".into(), tarifa }),
            controla_inventario: true,
            codigo_estandar: None,
            esquema_codigo: None,
        }),
    })
}

fn inventario(n: u32) -> Id {
    inventario_id(&id(&format!("p{n}")), &id("PRINCIPAL"))
}

pub fn entrada(n: u32, movimiento: &str, cantidad: i64, costo: i64, ingreso: &str, caduca: Option<&str>) -> Comando {
    Comando::Inventario(ComandoInventario::RegistrarEntrada {
        inventario_id: inventario(n),
        movimiento_id: id(movimiento),
        motivo: MotivoEntrada::Compra,
        cantidad: Decimal::from(cantidad),
        costo_unitario: Decimal::new(costo, 3),
        fecha_ingreso: fecha_iso(ingreso).expect("fecha"),
        fecha_caducidad: caduca.and_then(fecha_iso),
        referencia: None,
    })
}

pub fn salida(n: u32, movimiento: &str, motivo: MotivoSalida, cantidad: i64) -> Comando {
    Comando::Inventario(ComandoInventario::RegistrarSalida {
        inventario_id: inventario(n),
        movimiento_id: id(movimiento),
        motivo,
        cantidad: Decimal::from(cantidad),
        fecha: fecha_iso("2026-06-15").expect("fecha"),
        referencia: None,
    })
}

pub fn factura(factura_id: &str, cliente: u32, lineas: &[(u32, i64)]) -> Comando {
    let linea = |(producto, cantidad): &(u32, i64)| LineaPedida {
        producto_id: Some(id(&format!("p{producto}"))),
        bodega_id: None,
        descripcion: None,
        cantidad: Decimal::new(*cantidad, 1),
        precio_unitario: None,
        impuesto: Campo::Ausente,
        descuento: None,
    };
    let datos = DatosFactura::de(id(&format!("c{cliente}")), lineas.iter().map(linea).collect());
    Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id: id(factura_id), datos: Box::new(datos) })
}

/// The least that an invoice needs, but products and clients; and a voided number.
pub fn base() -> Vec<Comando> {
    let principal = id("PRINCIPAL");
    let autorizacion = Autorizacion {
        desde: 1,
        hasta: 100_000,
        vigente_desde: fecha_iso("2020-01-01").expect("fecha"),
        vigente_hasta: fecha_iso("2099-12-31").expect("fecha"),
        resolucion: "18760".into(),
        fecha_resolucion: None,
    };
    let rango = rango_id(&principal, TipoDocumento::Factura, "F");
    vec![
        Comando::Sucursal(ComandoSucursal::CrearSucursal {
            sucursal_id: principal.clone(),
            datos: DatosSucursal { nombre: "Principal".into(), direccion: None },
        }),
        Comando::Bodega(ComandoBodega::CrearBodega {
            bodega_id: principal.clone(),
            datos: DatosBodega { sucursal_id: principal.clone(), nombre: "Principal".into(), direccion: None },
        }),
        Comando::Rango(ComandoRango::CrearRango {
            rango_id: rango.clone(),
            sucursal_id: principal,
            tipo_documento: TipoDocumento::Factura,
            prefijo: "F".into(),
            autorizacion,
        }),
        Comando::Rango(ComandoRango::InutilizarNumero { rango_id: rango, consecutivo: 7, motivo: "impreso mal".into() }),
    ]
}

/// A running engine over a log.
pub struct Tienda {
    runtime: tokio::runtime::Runtime,
    engine: Engine,
}

impl Tienda {
    pub fn abrir(log: &Arc<EmbeddedLog>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
        let options = EngineOptions {
            log: Arc::clone(log) as Arc<dyn Log>,
            store: Arc::new(|_| Ok(Arc::new(MemoryStore::default()) as Arc<dyn StateStore>)),
            codec: codec(),
            emisor: Arc::new(Emisor::co()),
            clock: FixedClock::new(AHORA),
            metrics: Arc::new(EngineMetrics::new(&prometheus::Registry::new()).expect("métricas")),
            epoch: EpochLimits::default(),
            core: CoreLimits { snapshot_every: 3, snapshots_together: 1, ..CoreLimits::default() },
            node: "prueba".to_owned(),
            reply_partition: 0,
            processor: true,
            max_waiting: 10_000,
        };
        let engine = runtime.block_on(async {
            let engine = Engine::start(options).await.expect("motor");
            engine.ready().await.expect("listo");
            engine
        });
        Self { runtime, engine }
    }

    pub fn enviar(&self, ordenes: Vec<NewCommand>) -> Vec<Respuesta> {
        let esperas = self.engine.gateway().send(ordenes).expect("envío");
        esperas.into_iter().map(|espera| espera.blocking_recv().expect("respuesta")).collect()
    }

    pub fn cerrar(self) {
        self.runtime.block_on(self.engine.stop(false)).expect("parada");
    }
}

pub fn crear_inventario(n: u32) -> Comando {
    Comando::Inventario(ComandoInventario::CrearInventario {
        inventario_id: inventario(n),
        producto_id: id(&format!("p{n}")),
        bodega_id: id("PRINCIPAL"),
        stock_minimo: None,
    })
}

/// Four lots: one that is expired, one that will.
pub fn entradas(n: u32) -> [Comando; 4] {
    [
        entrada(n, &format!("e{n}a"), 30, 5_125, "2026-05-02", None),
        entrada(n, &format!("e{n}b"), 20, 4_100, "2026-05-01", Some("2026-06-01")),
        entrada(n, &format!("e{n}c"), 25, 6_333, "2026-05-01", Some("2026-12-31")),
        entrada(n, &format!("e{n}d"), 400, 7_777, "2026-05-10", None),
    ]
}

/// Catalogue, stock with and without expiry, sales, exits, refusals, repeats, a reused id.
pub fn poblar(tienda: &Tienda, facturas: u32) {
    let una = |i: usize, c: Comando, que: &str| orden(&format!("{que}-{i}"), c);
    for (i, comando) in base().into_iter().enumerate() {
        tienda.enviar(vec![una(i, comando, "base")]);
    }
    tienda.enviar((0..4).map(|n| orden(&format!("cli-{n}"), cliente(n))).collect());
    tienda.enviar((0..5).map(|n| orden(&format!("pro-{n}"), producto(n))).collect());
    tienda.enviar((0..5).map(|n| orden(&format!("inv-{n}"), crear_inventario(n))).collect());
    for n in 0..5 {
        tienda.enviar(entradas(n).into_iter().enumerate().map(|(i, c)| una(i, c, &format!("ent-{n}"))).collect());
        tienda.enviar(vec![
            orden(&format!("aju-{n}"), salida(n, &format!("a{n}"), MotivoSalida::Ajuste, 3)),
            orden(&format!("dev-{n}"), salida(n, &format!("d{n}"), MotivoSalida::DevolucionProveedor, 2)),
        ]);
    }
    for i in 0..facturas {
        let lineas = [(i % 5, 1 + i64::from(i % 7)), ((i + 2) % 5, 3), (i % 5, 5)];
        let comando = factura(&format!("f{i}"), i % 4, &lineas);
        let mut ordenes = vec![orden(&format!("of-{i}"), comando.clone())];
        match i % 10 {
            3 => ordenes.push(orden(&format!("of-{i}"), comando)),
            5 => ordenes.push(orden(&format!("of-{i}"), factura(&format!("f{i}"), i % 4, &[(0, 9)]))),
            7 => ordenes.push(orden(&format!("gr-{i}"), factura(&format!("g{i}"), 0, &[(1, 990_000)]))),
            9 => ordenes.push(orden(&format!("sc-{i}"), factura(&format!("s{i}"), 999, &[(1, 10)]))),
            _ => {}
        }
        tienda.enviar(ordenes);
    }
}

/// Every record of a log and the positions of the processor, to be written again with something changed.
#[derive(Clone)]
pub struct Copia {
    pub registros: BTreeMap<TopicPartition, Vec<Record>>,
    posiciones: Vec<(TopicPartition, Position)>,
}

impl Copia {
    pub fn de(log: &dyn Log) -> Self {
        let mut registros = BTreeMap::new();
        let mut posiciones = Vec::new();
        for topic in Topic::todos().filter(|t| *t != Topic::Respuestas) {
            for partition in 0..log.partitions(topic) {
                let tp = TopicPartition::new(topic, partition);
                let fin = log.watermarks(tp).expect("marcas").stable;
                let mut leidos: Vec<Record> = Vec::new();
                while (leidos.len() as u64) < fin {
                    let trozo = log.read(tp, leidos.len() as u64, 1 << 20).expect("lectura");
                    leidos.extend(trozo.into_iter().map(|r| r.record));
                }
                registros.insert(tp, leidos);
                if let Some(posicion) = log.position("procesador", tp).expect("posición") {
                    posiciones.push((tp, posicion));
                }
            }
        }
        Self { registros, posiciones }
    }

    /// Writes the copy in a new folder and verifies it.
    pub fn revisar(self) -> Informe {
        let dir = tempfile::tempdir().expect("carpeta");
        let log = registro(dir.path());
        let token = log.claim("copia").expect("lugar");
        let records = self.registros.into_iter().flat_map(|(tp, rs)| rs.into_iter().map(move |r| (tp, r))).collect();
        let transaccion = Transaction { token, group: "procesador".to_owned(), records, positions: self.posiciones };
        log.commit(transaccion).expect("copia");
        revisar(&*log)
    }

    /// The partitions of a context's topic.
    pub fn de_tema(&mut self, tema: fn(Contexto) -> Topic, contexto: Contexto) -> impl Iterator<Item = &mut Vec<Record>> {
        let tema = tema(contexto);
        self.registros.iter_mut().filter(move |(tp, _)| tp.topic == tema).map(|(_, registros)| registros)
    }
}
