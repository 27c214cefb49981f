//! Cost of the codec on the hot path: nanoseconds a record, the best of many short rounds (the machine's noise only adds), beside
//! `apache-avro`'s own generic writer and reader on the same bytes.
//! `cargo bench --bench codec`

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use apache_avro::{Schema, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use factumarket::{
    contracts::{
        Codec, CommandEnvelope, EmbeddedRegistry, Entrada, EventEnvelope, Registro, Respuesta, Resultado, ResumenFactura,
        VersionAgregado, self_contained,
    },
    domain::{
        Comando, Contexto, Evento, TipoAgregado,
        catalogo::{
            cliente::{DatosCliente, EstadoFiscal},
            producto::Impuesto,
        },
        facturacion::factura::{
            CabeceraFactura, Campo, ComandoFactura, DatosFactura, DireccionRespuesta, EventoFactura, FacturaEmitida, FormaPago,
            FormaPagoTipo, GrupoEmision, GrupoEmitido, LineaEmitida, LineaFactura, LineaPedida, TotalImpuesto, TotalesFactura,
        },
        inventario::{EventoInventario, LoteConsumido, MotivoSalida, Movimiento, Referencia},
        numeracion::NumeroDocumento,
        valores::{
            Cantidad, CostoTotal, CostoUnitario, Decimal, Dinero, Direccion, Id, Identificacion, Instante, Porcentaje,
            PrecioUnitario, TipoIdentificacion, fecha_iso,
        },
    },
    log::{Topic, TopicPartition},
};
use uuid::Uuid;

/// The program's allocator: decoding is mostly allocation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 150;
const ROUND_MIN: Duration = Duration::from_millis(1);

/// Nanoseconds a call.
fn measure<T>(mut call: impl FnMut() -> T) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let (start, mut calls) = (Instant::now(), 0u32);
        while start.elapsed() < ROUND_MIN {
            for _ in 0..50 {
                black_box(call());
            }
            calls += 50;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    best
}

fn id(text: &str) -> Id {
    Id::de_clave(text).unwrap()
}

fn date() -> chrono::NaiveDate {
    fecha_iso("2026-11-23").unwrap()
}

fn money(text: &str) -> Dinero {
    Dinero::nuevo(text.parse().unwrap()).unwrap()
}

const AT: Instante = Instante(1_795_420_800_123_456);
const FACTURA: &str = "019aaf3e-7c1d-7b2a-9f10-3f5d2c1b0a99";

fn command() -> CommandEnvelope {
    let linea = |i: u32| LineaPedida {
        producto_id: Some(id(&format!("SKU-{i:05}"))),
        bodega_id: None,
        descripcion: None,
        cantidad: Decimal::from(i + 1),
        precio_unitario: Some("12500.50".parse().unwrap()),
        impuesto: Campo::Ausente,
        descuento: None,
    };
    let datos = DatosFactura {
        sucursal_id: Some(id("S1")),
        fecha_emision: Some(date()),
        canal: Some("tienda".into()),
        pedido_id: Some("PED-00012345".into()),
        ..DatosFactura::de(id("cli-000123"), (0..3).map(linea).collect())
    };
    CommandEnvelope {
        command_id: id(FACTURA),
        correlation_id: id(FACTURA),
        causation_id: None,
        recibido_en: AT,
        usuario: None,
        canal: Some("tienda".into()),
        version_esperada: None,
        responder_a: Some(DireccionRespuesta { particion: 3, peticion: 1_234_567 }),
        traceparent: None,
        paso: None,
        comando: Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id: id(FACTURA), datos: Box::new(datos) }),
    }
}

fn sobre(tipo: TipoAgregado, aggregate_id: &str) -> EventEnvelope {
    EventEnvelope {
        event_id: Uuid::from_u128(0x019a_af3e_7c1d_7b2a_9f10_3f5d_2c1b_0a99),
        version_esquema: 1,
        aggregate_tipo: tipo,
        aggregate_id: id(aggregate_id),
        aggregate_version: 1_234,
        ocurrido_en: AT,
        entrada: Entrada { particion: TopicPartition::new(Topic::Comandos(Contexto::Facturacion), 7), posicion: 9_876_543 },
        correlation_id: id(FACTURA),
        causation_id: FACTURA.into(),
        command_id: id(FACTURA),
        huella: Some([7; 16]),
        servicio_origen: "procesador".into(),
        usuario: None,
    }
}

fn lote(i: u32) -> LoteConsumido {
    LoteConsumido {
        lote_id: id(&format!("L-{i}")),
        secuencia: u64::from(i),
        fecha_ingreso: date(),
        fecha_caducidad: None,
        cantidad: Cantidad::nuevo(Decimal::from(3)).unwrap(),
        costo_unitario: CostoUnitario::nuevo("8750.25".parse().unwrap()).unwrap(),
        origen_lote_id: None,
    }
}

fn stock_reducido() -> Evento {
    Evento::Inventario(EventoInventario::StockReducido(Box::new(Movimiento {
        inventario_id: id("SKU-00001:B1"),
        producto_id: id("SKU-00001"),
        bodega_id: id("B1"),
        movimiento_id: id(&format!("{FACTURA}:1:0:V")),
        motivo: MotivoSalida::Venta,
        referencia: Some(Referencia { tipo: "FACTURA".into(), id: FACTURA.into(), numero: Some("F12345".into()) }),
        reserva_id: Some(id(&format!("{FACTURA}:1:0:R"))),
        cantidad: Cantidad::nuevo(Decimal::from(3)).unwrap(),
        costo_total: CostoTotal::nuevo("26250.75".parse().unwrap()).unwrap(),
        lotes: vec![lote(12)].into(),
        stock_resultante: Cantidad::nuevo(Decimal::from(9_997)).unwrap(),
        disponible_resultante: Cantidad::nuevo(Decimal::from(9_997)).unwrap(),
    })))
}

fn linea_emitida(i: u16) -> LineaEmitida {
    LineaEmitida {
        linea: LineaFactura {
            numero: i,
            producto_id: Some(id(&format!("SKU-{i:05}"))),
            bodega_id: Some(id("B1")),
            descripcion: "Café molido 500 g".into(),
            cantidad: Cantidad::nuevo(Decimal::from(3)).unwrap(),
            precio_unitario: PrecioUnitario::nuevo("12500.50".parse().unwrap()).unwrap(),
            impuesto: Some(iva()),
            descuento: None,
        }
        .into(),
        bruto: money("37501.50"),
        descuento: Dinero::CERO,
        descuento_documento: Dinero::CERO,
        subtotal: money("37501.50"),
        impuesto: money("7125.29"),
    }
}

fn iva() -> Impuesto {
    Impuesto { codigo: "IVA".into(), tarifa: Porcentaje::nuevo(Decimal::from(19)).unwrap() }
}

fn factura_emitida() -> Evento {
    let cabecera = CabeceraFactura {
        cliente_id: id("cli-000123"),
        sucursal_id: id("S1"),
        bodega_id: Some(id("B1")),
        moneda: "COP".into(),
        fecha_emision: date(),
        fecha_autorizacion: date(),
        fecha_caducidad: None,
        canal: Some("tienda".into()),
        pedido_id: Some("PED-00012345".into()),
        notas: None,
        orden_compra: None,
        formas_pago: vec![FormaPago {
            forma: FormaPagoTipo::Contado,
            medio: "EFECTIVO".into(),
            monto: money("133880.37"),
            fecha_vencimiento: None,
        }],
        total_declarado: None,
        descuento: None,
    };
    let cliente = DatosCliente {
        nombre: "Comercializadora ACME S.A.S.".into(),
        identificacion: Identificacion { tipo: TipoIdentificacion::Nit, numero: "800123456".into(), dv: Some(7) },
        correo: "compras@acme.example".into(),
        direccion: Direccion {
            linea: "Calle 1 # 2-3".into(),
            ciudad: Some("Bogotá".into()),
            region: None,
            pais: Some("CO".into()),
        },
        estado_fiscal: EstadoFiscal::Activo,
        tipo_persona: None,
        responsabilidades: Vec::new(),
        municipio: None,
        departamento: None,
    };
    let grupo = |i: u16| GrupoEmitido {
        grupo: GrupoEmision {
            producto_id: id(&format!("SKU-{i:05}")),
            bodega_id: id("B1"),
            cantidad: Cantidad::nuevo(Decimal::from(3)).unwrap(),
            lineas: vec![i],
        }
        .into(),
        movimiento_id: id(&format!("{FACTURA}:1:{i}:V")),
        lotes: vec![lote(u32::from(i))].into(),
        costo_total: CostoTotal::nuevo("26250.75".parse().unwrap()).unwrap(),
    };
    Evento::Factura(EventoFactura::FacturaEmitida(Arc::new(FacturaEmitida {
        factura_id: id(FACTURA),
        intento: 1,
        numero: NumeroDocumento { rango_id: id("S1:FACTURA:F"), prefijo: "F".into(), consecutivo: 12_345, resolucion: "".into() },
        emitida_en: AT,
        cabecera: cabecera.into(),
        cliente: cliente.into(),
        lineas: (1..=3).map(linea_emitida).collect(),
        totales: Arc::new(TotalesFactura {
            bruto: money("112504.50"),
            descuentos: Dinero::CERO,
            subtotal: money("112504.50"),
            impuestos: vec![TotalImpuesto { impuesto: iva(), base: money("112504.50"), valor: money("21375.87") }],
            total: money("133880.37"),
        }),
        costo_ventas: CostoTotal::nuevo("78752.25".parse().unwrap()).unwrap(),
        grupos: (1..=3).map(grupo).collect(),
    })))
}

fn reply() -> Respuesta {
    let version = |tipo, id: Id| VersionAgregado { tipo, id, version: 12 };
    Respuesta {
        peticion: 1_234_567,
        command_id: id(FACTURA),
        repetido: false,
        resultado: Resultado::Aceptado {
            factura: Some(ResumenFactura {
                factura_id: id(FACTURA),
                numero: "F12345".into(),
                estado: "EMITIDA".into(),
                fecha_emision: date(),
                moneda: "COP".into(),
                subtotal: money("112504.50"),
                impuestos: money("21375.87"),
                total: money("133880.37"),
            }),
        },
        versiones: vec![
            version(TipoAgregado::Factura, id(FACTURA)),
            version(TipoAgregado::Inventario, id("SKU-00001:B1")),
            version(TipoAgregado::Inventario, id("SKU-00002:B1")),
            version(TipoAgregado::Inventario, id("SKU-00003:B1")),
            version(TipoAgregado::RangoNumeracion, id("S1:FACTURA:F")),
        ],
        particiones: (0..4).map(|p| TopicPartition::new(Topic::Eventos(Contexto::Inventario), p)).collect(),
    }
}

/// `apache-avro` on the same bytes: write and read of its generic value, ns.
fn generic(registro: Registro, avro: &[u8]) -> (f64, f64) {
    let schema = Schema::parse_str(&self_contained(registro).unwrap()).unwrap();
    let reader = GenericDatumReader::builder(&schema).build().unwrap();
    let writer = GenericDatumWriter::builder(&schema).validate(false).build().unwrap();
    let value = reader.read_value(&mut &avro[..]).unwrap();
    let write = measure(|| {
        let mut out = Vec::with_capacity(avro.len());
        writer.write_value_ref(&mut out, &value).unwrap();
        out
    });
    (write, measure(|| reader.read_value(&mut &avro[..]).unwrap()))
}

fn line(name: &str, bytes: usize, encode: f64, decode: f64, generic: (f64, f64)) {
    println!(
        "{name:<22} {bytes:>6} B   encode {encode:>7.0} ns   decode {decode:>7.0} ns   apache-avro {:>7.0} / {:>7.0} ns",
        generic.0, generic.1
    );
}

fn main() {
    let codec = Codec::new(&EmbeddedRegistry::in_memory()).unwrap();
    let command = command();
    let bytes = codec.encode_command(&command).unwrap();
    let (encode, decode) = (measure(|| codec.encode_command(&command).unwrap()), measure(|| codec.decode_command(&bytes).unwrap()));
    line("CrearYEmitirFactura", bytes.len(), encode, decode, generic(Registro::CrearYEmitirFactura, &bytes[5..]));
    let events = [
        (Registro::StockReducido, sobre(TipoAgregado::Inventario, "SKU-00001:B1"), stock_reducido()),
        (Registro::FacturaEmitida, sobre(TipoAgregado::Factura, FACTURA), factura_emitida()),
    ];
    for (registro, sobre, evento) in &events {
        let bytes = codec.encode_event(sobre, evento).unwrap();
        let (encode, decode) =
            (measure(|| codec.encode_event(sobre, evento).unwrap()), measure(|| codec.decode_event(&bytes).unwrap()));
        line(registro.nombre(), bytes.len(), encode, decode, generic(*registro, &bytes[5..]));
        let envelope = measure(|| codec.decode_event_envelope(&bytes).unwrap().0);
        println!("  only its envelope {:>38}decode {envelope:>7.0} ns", "");
    }
    let reply = reply();
    let bytes = codec.encode_reply(&reply).unwrap();
    let (encode, decode) = (measure(|| codec.encode_reply(&reply).unwrap()), measure(|| codec.decode_reply(&bytes).unwrap()));
    line("Respuesta", bytes.len(), encode, decode, generic(Registro::Respuesta, &bytes[5..]));
}
