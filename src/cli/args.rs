//! The command line as data: commands, flags and their help, in Spanish, each command with an example.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{domain::valores::fecha_iso, node::Papeles};

#[derive(Debug, Parser)]
#[command(
    name = "factumarket",
    version,
    about = "Facturación electrónica e inventario FIFO por eventos, sin servicios que instalar",
    override_usage = "factumarket [OPCIONES] ORDEN",
    subcommand_help_heading = "Órdenes",
    after_help = "Ejemplo:\n  factumarket demo\n  factumarket importar ejemplos/pedidos.ndjson --datos datos\n\n\
                  Salida: 0 bien · 1 falla · 2 uso · 3 validación · 4 no encontrado · 5 conflicto · 6 servicio"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub orden: Orden,
}

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Escribe el resultado como JSON en la salida normal
    #[arg(long, global = true)]
    pub json: bool,
    /// Carpeta de datos (ajuste datos.carpeta)
    #[arg(long, global = true, value_name = "CARPETA")]
    pub datos: Option<PathBuf>,
    /// Archivo de configuración; por defecto factumarket.toml de la carpeta actual, si existe
    #[arg(long, global = true, value_name = "ARCHIVO")]
    pub config: Option<PathBuf>,
    /// Dirección de un proceso en marcha, por ejemplo http://127.0.0.1:8080
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// Cambia un ajuste: --set motor.memoria_mb=512 (se puede repetir)
    #[arg(long = "set", global = true, value_name = "SECCION.CLAVE=VALOR")]
    pub ajustes: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum Orden {
    /// Siembra una tienda de ejemplo, emite facturas sin parar y atiende la API
    Demo(DemoArgs),
    /// Atiende la API sobre una carpeta de datos
    Servir(ServirArgs),
    /// Carga clientes, productos, existencias y pedidos desde un archivo NDJSON
    Importar(ImportarArgs),
    /// Emite una factura y cuenta su historia paso a paso
    Emitir(EmitirArgs),
    /// Muestra una factura
    Factura(FacturaArgs),
    /// Emite una nota de crédito de una factura
    Nota(NotaArgs),
    /// Anula una factura que la DIAN no ha aceptado
    Anular(AnularArgs),
    /// Crea, edita, emite o descarta un borrador de factura
    Borrador(super::borrador::args::BorradorArgs),
    /// Anota lo que la DIAN respondió a una factura
    RespuestaDian(RespuestaDianArgs),
    /// Muestra las existencias de un producto, con sus lotes
    Stock(StockArgs),
    /// Muestra los movimientos de un producto, con el saldo y el costo que dejó cada uno
    Kardex(KardexArgs),
    /// Muestra el estado de cuenta de un cliente, con su saldo corrido
    Cuenta(CuentaArgs),
    /// Muestra las ventas con su margen, o la antigüedad de lo que hay en bodega
    Reportes(super::reportes::args::ReportesArgs),
    /// Explica qué decidiría el dominio, sin cambiar nada
    Dominio(DominioArgs),
    /// Vuelve a plegar el registro entero y comprueba que nada se perdió, se duplicó ni se vendió de más
    Verificar(VerificarArgs),
    /// Simula varios nodos con fallas sobre un registro simulado y comprueba los invariantes
    Sim(SimArgs),
    /// Genera carga y mide qué da y qué cuesta
    Banco(BancoArgs),
    /// Crea, compara, dibuja o da permisos a los temas de Kafka
    Topologia(TopologiaArgs),
    /// Mira, prueba, reproduce o descarta lo que no se pudo procesar
    Dlq(DlqArgs),
    /// Crea o revisa las tablas de consulta en ScyllaDB o Cassandra
    Tablas(TablasArgs),
    /// Lista, reconstruye o compara con el registro las tablas de consulta
    Proyecciones(ProyeccionesArgs),
    /// Verifica, exporta o sella la auditoría, y crea su clave
    Auditoria(super::auditoria::args::AuditoriaArgs),
    /// Registra, compara o muestra los esquemas Avro en el registro de esquemas
    Esquemas(EsquemasArgs),
    /// Muestra la configuración
    Config(ConfigArgs),
    /// Revisa la máquina, la carpeta de datos y la configuración
    Doctor(DoctorArgs),
    /// Genera archivos de ejemplo
    #[command(hide = true)]
    Ejemplos(EjemplosArgs),
}

#[derive(Debug, Args)]
#[command(override_usage = "factumarket demo [OPCIONES]", after_help = "Ejemplo:\n  factumarket demo --tasa 50 --datos datos-demo")]
pub struct DemoArgs {
    /// Facturas por segundo, de 1 a 2000 (20 si no se indica)
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub tasa: u32,
    /// Dirección y puerto de la API (ajuste servidor.direccion)
    #[arg(long, value_name = "IP:PUERTO")]
    pub direccion: Option<SocketAddr>,
    /// Termina después de estos segundos; sin ella sigue hasta Ctrl-C
    #[arg(long, value_name = "SEGUNDOS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub duracion: Option<u64>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket servir [OPCIONES]",
    after_help = "Ejemplos:\n  factumarket servir --datos datos --direccion 127.0.0.1:8080\n  \
                  factumarket servir --datos nodo-2 --roles procesador --set registro.tipo=kafka --set motor.nodo=nodo-2\n  \
                  factumarket servir --datos nodo-2 --retirar"
)]
pub struct ServirArgs {
    /// Dirección y puerto de la API (ajuste servidor.direccion)
    #[arg(long, value_name = "IP:PUERTO")]
    pub direccion: Option<SocketAddr>,
    /// Fija el reloj en un instante RFC 3339, sólo en una dirección local y para pruebas
    #[arg(long, value_name = "INSTANTE")]
    pub reloj: Option<String>,
    /// Papeles de este proceso, con comas: api, procesador, proyecciones (todos si no se indica)
    #[arg(long, value_name = "PAPELES", value_parser = clap::value_parser!(Papeles))]
    pub roles: Option<Papeles>,
    /// Dónde están las tablas de consulta: nodos de ScyllaDB o Cassandra (host:puerto, con comas), o «carpeta»
    #[arg(long, value_name = "NODOS")]
    pub tablas: Option<String>,
    /// Retira el proceso que sirve la carpeta: termina lo que tiene en curso, entrega sus particiones a otros en el acto y acaba
    #[arg(long, conflicts_with_all = ["reloj", "roles", "direccion", "tablas"])]
    pub retirar: bool,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket importar ARCHIVO [OPCIONES]",
    after_help = "Cada línea es un objeto JSON: {\"tipo\":\"cliente|producto|bodega|entrada|pedido\", …cuerpo de su POST…}.\n\
                  Importar dos veces el mismo archivo no cambia nada.\n\n\
                  Ejemplo:\n  factumarket importar ejemplos/pedidos.ndjson --datos datos"
)]
pub struct ImportarArgs {
    /// Archivo NDJSON: un objeto JSON por línea
    #[arg(value_name = "ARCHIVO")]
    pub archivo: PathBuf,
    /// Dónde escribir las líneas rechazadas con sus motivos (ARCHIVO.rechazados.ndjson si no se indica)
    #[arg(long, value_name = "ARCHIVO")]
    pub rechazados: Option<PathBuf>,
    /// Líneas en curso a la vez, de 1 a 8192 (1024 si no se indica)
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=8_192))]
    pub en_curso: u32,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket banco [OPCIONES]",
    after_help = "Sin --datos usa una carpeta temporal que borra al terminar. Con --tasa el plan no espera resultados (lazo abierto).\n\n\
                  Ejemplos:\n  factumarket banco --facturas 100000 --productos 10000 --lineas 3..3\n  factumarket banco --facturas 3000 --tasa 50"
)]
pub struct BancoArgs {
    /// Facturas que se piden
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub facturas: u64,
    /// Productos del catálogo
    #[arg(long, value_name = "P", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=200_000))]
    pub productos: u64,
    /// Líneas por factura, mínimo..máximo
    #[arg(long, value_name = "MIN..MAX", default_value = "1..5", value_parser = lineas)]
    pub lineas: (u64, u64),
    /// Popularidad de los productos: exponente de Zipf; 0 = todos iguales
    #[arg(long, value_name = "S", default_value_t = 0.8, value_parser = zipf)]
    pub zipf: f64,
    /// Facturas por segundo, en lazo abierto; sin ella, tan rápido como respondan
    #[arg(long, value_name = "R", value_parser = tasa)]
    pub tasa: Option<f64>,
    /// Facturas en curso a la vez, sin --tasa
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = ventana)]
    pub ventana: usize,
    /// Semilla de la carga: la misma da los mismos pedidos
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub semilla: u64,
    /// Mide sólo motor y registro, sin proyecciones ni auditoría
    #[arg(long)]
    pub sin_proyecciones: bool,
    /// Mide el procesador sobre un broker de Kafka propio: en frío, en caliente, a ritmo fijo y tras kill -9
    #[arg(long)]
    pub kafka: bool,
    /// Mide después, en el mismo broker, la aplicación Kafka Streams de esta carpeta
    #[arg(long, value_name = "CARPETA", requires = "kafka")]
    pub par: Option<PathBuf>,
    /// Intervalo de confirmación de la aplicación Kafka Streams, de 1 a 10000 ms
    #[arg(long, value_name = "MS", default_value_t = 100, requires = "kafka", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub confirmacion_ms: u32,
    /// Procesadores que se reparten las particiones en --kafka, de 1 a 8: con más de uno las sagas cruzan de uno a otro
    #[arg(long, value_name = "N", default_value_t = 1, requires = "kafka", value_parser = clap::value_parser!(u16).range(1..=8))]
    pub procesadores: u16,
    /// Tandas calientes, de 1 a 100; cuentan sus medianas
    #[arg(long, value_name = "N", default_value_t = 3, requires = "kafka", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub tandas: u32,
    /// Segundos de cada medida a ritmo fijo, de 1 a 3600
    #[arg(long, value_name = "N", default_value_t = 20, requires = "kafka", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub segundos: u32,
}

fn lineas(texto: &str) -> Result<(u64, u64), String> {
    let (minimo, maximo) = texto.split_once("..").unwrap_or((texto, texto));
    match (minimo.parse::<u64>(), maximo.parse::<u64>()) {
        (Ok(minimo), Ok(maximo)) if 1 <= minimo && minimo <= maximo && maximo <= 500 => Ok((minimo, maximo)),
        _ => Err("se escribe MIN..MAX, de 1 a 500; por ejemplo 1..5".to_owned()),
    }
}

fn zipf(texto: &str) -> Result<f64, String> {
    texto.parse().ok().filter(|s| (0.0..=3.0).contains(s)).ok_or_else(|| "es un número de 0 a 3".to_owned())
}

fn tasa(texto: &str) -> Result<f64, String> {
    texto.parse().ok().filter(|r| (0.1..=100_000.0).contains(r)).ok_or_else(|| "es un número de 0.1 a 100000".to_owned())
}

fn ventana(texto: &str) -> Result<usize, String> {
    texto.parse().ok().filter(|v| (1..=100_000).contains(v)).ok_or_else(|| "es un número de 1 a 100000".to_owned())
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket emitir --ejemplo [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket emitir --ejemplo\n  factumarket emitir --ejemplo --clave pedido-42   (repetida, da la misma factura)"
)]
pub struct EmitirArgs {
    /// Emite la factura de ejemplo; crea su cliente, su producto y sus existencias si faltan
    #[arg(long, required = true)]
    pub ejemplo: bool,
    /// Clave de idempotencia: la misma clave da la misma factura
    #[arg(long, value_name = "CLAVE")]
    pub clave: Option<String>,
}

#[derive(Debug, Args)]
#[command(override_usage = "factumarket factura ID [OPCIONES]", after_help = "Ejemplo:\n  factumarket factura 1 --datos datos")]
pub struct FacturaArgs {
    /// Id de la factura
    #[arg(value_name = "ID")]
    pub id: String,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket nota FACTURA --motivo TEXTO (--linea N=CANTIDAD | --monto N=MONTO | --total) [OPCIONES]",
    after_help = "Ejemplos:\n  factumarket nota 1 --motivo \"llegó golpeado\" --linea 1=2\n  factumarket nota 1 --motivo \"se anula la venta\" --total --concepto ANULACION"
)]
pub struct NotaArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    /// Motivo de la modificación, de 5 a 300 caracteres
    #[arg(long, value_name = "TEXTO")]
    pub motivo: String,
    /// Acredita una cantidad de una línea de la factura (se puede repetir)
    #[arg(long = "linea", value_name = "N=CANTIDAD", value_parser = parte)]
    pub lineas: Vec<(u16, String)>,
    /// Acredita un monto, sin impuestos, de una línea de la factura (se puede repetir)
    #[arg(long = "monto", value_name = "N=MONTO", value_parser = parte)]
    pub montos: Vec<(u16, String)>,
    /// Acredita todas las cantidades de la factura
    #[arg(long, conflicts_with_all = ["lineas", "montos"])]
    pub total: bool,
    /// DEVOLUCION_PARCIAL, ANULACION, DESCUENTO, AJUSTE_PRECIO u OTRO
    #[arg(long, value_name = "CONCEPTO", default_value = "DEVOLUCION_PARCIAL")]
    pub concepto: String,
    /// A dónde vuelve la mercancía: LOTE_NUEVO o REVERSA_FIFO
    #[arg(long, value_name = "POLITICA", default_value = "LOTE_NUEVO")]
    pub politica: String,
    /// La mercancía no vuelve al inventario
    #[arg(long)]
    pub sin_devolucion: bool,
    /// Fecha de emisión AAAA-MM-DD (hoy si no se indica)
    #[arg(long, value_name = "FECHA")]
    pub fecha: Option<String>,
    /// Id de la nota (uno nuevo si no se indica)
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Clave de idempotencia: la misma clave da la misma nota
    #[arg(long, value_name = "CLAVE")]
    pub clave: Option<String>,
}

/// `N=VALOR`: a line of the invoice and a decimal.
fn parte(texto: &str) -> Result<(u16, String), String> {
    let (linea, valor) = texto.split_once('=').ok_or("se escribe N=VALOR; por ejemplo 1=2.5")?;
    let linea = linea.trim().parse().map_err(|_| "N es el número de una línea de la factura, desde 1")?;
    Ok((linea, valor.trim().to_owned()))
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket anular FACTURA --motivo TEXTO [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket anular 1 --motivo \"pedido duplicado\""
)]
pub struct AnularArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    /// Motivo, de 5 a 300 caracteres
    #[arg(long, value_name = "TEXTO")]
    pub motivo: String,
    /// Clave de idempotencia: la misma clave da la misma respuesta
    #[arg(long, value_name = "CLAVE")]
    pub clave: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket respuesta-dian FACTURA --estado ESTADO [OPCIONES]",
    after_help = "Una factura enviada o aceptada ya no se anula: se acredita con una nota.\n\n\
                  Ejemplo:\n  factumarket respuesta-dian 1 --estado RECHAZADA --codigo FAD06 --mensaje \"CUFE inválido\""
)]
pub struct RespuestaDianArgs {
    /// Id de la factura
    #[arg(value_name = "FACTURA")]
    pub factura: String,
    /// ENVIADA, ACEPTADA o RECHAZADA
    #[arg(long, value_name = "ESTADO")]
    pub estado: String,
    /// Código de la regla que la DIAN cita, hasta 64 caracteres
    #[arg(long, value_name = "CODIGO")]
    pub codigo: Option<String>,
    /// Mensaje de la DIAN, hasta 1000 caracteres
    #[arg(long, value_name = "TEXTO")]
    pub mensaje: Option<String>,
    /// Clave de idempotencia: la misma clave da la misma respuesta
    #[arg(long, value_name = "CLAVE")]
    pub clave: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket dominio explicar|reglas [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket dominio explicar --producto CAFE-500 --cantidad 3"
)]
pub struct DominioArgs {
    #[command(subcommand)]
    pub accion: DominioAccion,
}

#[derive(Debug, Subcommand)]
pub enum DominioAccion {
    /// Dice qué lotes tomaría una venta y a qué costo
    Explicar(ExplicarArgs),
    /// Lista las reglas de validación, con un ejemplo de cada falla
    #[command(
        override_usage = "factumarket dominio reglas [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket dominio reglas > reglas.md"
    )]
    Reglas,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket dominio explicar --producto ID --cantidad N [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket dominio explicar --producto CAFE-500 --bodega PRINCIPAL --cantidad 3"
)]
pub struct ExplicarArgs {
    /// Id del producto
    #[arg(long, value_name = "PRODUCTO")]
    pub producto: String,
    /// Id de la bodega (PRINCIPAL si no se indica)
    #[arg(long, value_name = "BODEGA", default_value = "PRINCIPAL")]
    pub bodega: String,
    /// Cantidad que se vendería
    #[arg(long, value_name = "N")]
    pub cantidad: String,
    /// Fecha de la venta AAAA-MM-DD (hoy si no se indica)
    #[arg(long, value_name = "FECHA")]
    pub fecha: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket stock PRODUCTO [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket stock CAFE-500 --bodega PRINCIPAL"
)]
pub struct StockArgs {
    /// Id del producto
    #[arg(value_name = "PRODUCTO")]
    pub producto: String,
    /// Id de la bodega (PRINCIPAL si no se indica)
    #[arg(long, value_name = "BODEGA", default_value = "PRINCIPAL")]
    pub bodega: String,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket kardex PRODUCTO [OPCIONES]",
    after_help = "Ejemplo:\n  factumarket kardex CAFE-500 --bodega PRINCIPAL"
)]
pub struct KardexArgs {
    /// Id del producto
    #[arg(value_name = "PRODUCTO")]
    pub producto: String,
    /// Id de la bodega (PRINCIPAL si no se indica)
    #[arg(long, value_name = "BODEGA", default_value = "PRINCIPAL")]
    pub bodega: String,
    /// Movimientos que muestra, desde el más antiguo, de 1 a 100000 (1000 si no se indica)
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limite: u32,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket cuenta CLIENTE [--desde FECHA --hasta FECHA] [OPCIONES]",
    after_help = "Sin fechas, el último año. El saldo empieza en cero el primer día.\n\n\
                  Ejemplo:\n  factumarket cuenta 1 --desde 2026-01-01 --hasta 2026-12-31"
)]
pub struct CuentaArgs {
    /// Id del cliente
    #[arg(value_name = "CLIENTE")]
    pub cliente: String,
    /// Primer día AAAA-MM-DD
    #[arg(long, value_name = "FECHA", requires = "hasta", value_parser = dia)]
    pub desde: Option<chrono::NaiveDate>,
    /// Último día AAAA-MM-DD, incluido
    #[arg(long, value_name = "FECHA", requires = "desde", value_parser = dia)]
    pub hasta: Option<chrono::NaiveDate>,
}

pub(super) fn dia(texto: &str) -> Result<chrono::NaiveDate, String> {
    fecha_iso(texto).ok_or_else(|| "es una fecha del calendario, AAAA-MM-DD".to_owned())
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket topologia aplicar|verificar|dibujar|acl [OPCIONES]",
    after_help = "Los temas y sus ajustes: topology/topologia.toml, o el archivo de kafka.topologia.\n\n\
                  Ejemplo:\n  factumarket topologia aplicar --set kafka.replicas=1 --set kafka.min_en_sincronia=1"
)]
pub struct TopologiaArgs {
    #[command(subcommand)]
    pub accion: TopologiaAccion,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum TopologiaAccion {
    /// Crea los temas que faltan y corrige los ajustes de los que hay
    #[command(
        override_usage = "factumarket topologia aplicar [OPCIONES]",
        after_help = "Las particiones y las réplicas de un tema que ya existe no se tocan: si difieren, lo dice y falla.\n\n\
                      Ejemplo:\n  factumarket topologia aplicar --set kafka.brokers=127.0.0.1:9092"
    )]
    Aplicar,
    /// Compara el broker con la topología y muestra las diferencias
    #[command(
        override_usage = "factumarket topologia verificar [OPCIONES]",
        after_help = "Salida: 0 sin diferencias · 1 con ellas\n\nEjemplo:\n  factumarket topologia verificar"
    )]
    Verificar,
    /// Escribe un diagrama Mermaid de temas y papeles
    #[command(
        override_usage = "factumarket topologia dibujar [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket topologia dibujar > topologia.mmd"
    )]
    Dibujar,
    /// Escribe las órdenes de kafka-acls que dan a cada papel sus permisos
    #[command(
        override_usage = "factumarket topologia acl [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket topologia acl --set kafka.brokers=kafka:9092"
    )]
    Acl,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket dlq listar|ver|probar|reproducir|descartar [OPCIONES]",
    after_help = "Por la API del proceso en marcha, o directamente sobre la carpeta si nadie la usa.\n\n\
                  Ejemplos:\n  factumarket dlq listar\n  factumarket dlq reproducir --todas --motivo \"se corrigió el cálculo\" --tasa 20"
)]
pub struct DlqArgs {
    #[command(subcommand)]
    pub accion: DlqAccion,
}

#[derive(Debug, Subcommand)]
pub enum DlqAccion {
    /// Lista lo que espera, en orden
    #[command(override_usage = "factumarket dlq listar [OPCIONES]", after_help = "Ejemplo:\n  factumarket dlq listar --todas")]
    Listar {
        /// También lo ya reproducido o descartado
        #[arg(long)]
        todas: bool,
    },
    /// Muestra un registro con sus bytes y lo que dicen
    #[command(
        override_usage = "factumarket dlq ver ID [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket dlq ver 019a0b1c-0000-7000-8000-000000000001"
    )]
    Ver {
        /// Id, como lo muestra listar
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Dice qué daría decidirlo ahora, sin hacerlo: pliega el registro entero en memoria
    #[command(
        override_usage = "factumarket dlq probar ID [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket dlq probar 019a0b1c-0000-7000-8000-000000000001"
    )]
    Probar {
        /// Id, como lo muestra listar
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Lo decide otra vez, con su mismo id y en el orden de su agregado
    #[command(
        override_usage = "factumarket dlq reproducir (ID… | --todas | --agregado TIPO/ID) --motivo TEXTO [OPCIONES]",
        after_help = "Lo que vuelve a fallar se queda donde está, y con él lo que espera detrás en su agregado.\n\n\
                      Ejemplo:\n  factumarket dlq reproducir --agregado Inventario/CAFE-500:PRINCIPAL --motivo \"se corrigió el cálculo\""
    )]
    Reproducir(ResolverArgs),
    /// Lo descarta: ese es su desenlace, y queda escrito quién y por qué
    #[command(
        override_usage = "factumarket dlq descartar (ID… | --todas | --agregado TIPO/ID) --motivo TEXTO [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket dlq descartar 019a0b1c-0000-7000-8000-000000000001 --motivo \"pedido de prueba\""
    )]
    Descartar(ResolverArgs),
}

#[derive(Debug, Args)]
pub struct ResolverArgs {
    /// Ids, como los muestra listar
    #[arg(value_name = "ID", required_unless_present_any = ["todas", "agregado"], conflicts_with_all = ["todas", "agregado"])]
    pub ids: Vec<String>,
    /// Todo lo que espera, en orden
    #[arg(long, conflicts_with = "agregado")]
    pub todas: bool,
    /// Lo que espera de un agregado
    #[arg(long, value_name = "TIPO/ID")]
    pub agregado: Option<String>,
    /// Motivo, de 5 a 300 caracteres
    #[arg(long, value_name = "TEXTO")]
    pub motivo: String,
    /// Como mucho tantos por segundo
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub tasa: u32,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket esquemas aplicar|verificar|diff|versiones [OPCIONES]",
    after_help = "El registro de esquemas: esquemas.url y los demás ajustes de [esquemas].\n\n\
                  Ejemplo:\n  factumarket esquemas aplicar --set esquemas.url=http://127.0.0.1:8081/apis/ccompat/v7"
)]
pub struct EsquemasArgs {
    #[command(subcommand)]
    pub accion: EsquemasAccion,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket tablas aplicar|verificar [OPCIONES]",
    after_help = "La base: tablas.tipo=cql, tablas.nodos, tablas.espacio y los demás ajustes de [tablas].\n\n\
                  Ejemplo:\n  factumarket tablas aplicar --set tablas.tipo=cql --set tablas.nodos=127.0.0.1:9042"
)]
pub struct TablasArgs {
    #[command(subcommand)]
    pub accion: TablasAccion,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum TablasAccion {
    /// Crea el keyspace y las tablas que faltan
    #[command(
        override_usage = "factumarket tablas aplicar [OPCIONES]",
        after_help = "Una tabla que existe no se toca: si tiene otras columnas, lo dice y falla.\n\n\
                      Ejemplo:\n  factumarket tablas aplicar --set tablas.tipo=cql --set tablas.replicas=3"
    )]
    Aplicar,
    /// Compara las tablas de la base con las de este programa
    #[command(
        override_usage = "factumarket tablas verificar [OPCIONES]",
        after_help = "Salida: 0 sin diferencias · 1 con ellas\n\nEjemplo:\n  factumarket tablas verificar --set tablas.tipo=cql"
    )]
    Verificar,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket proyecciones listar|reconstruir|comparar [OPCIONES]",
    after_help = "Lee la carpeta y las tablas directamente: detenga antes el proceso que las usa.\n\n\
                  Ejemplo:\n  factumarket proyecciones comparar --datos datos"
)]
pub struct ProyeccionesArgs {
    #[command(subcommand)]
    pub accion: ProyeccionesAccion,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ProyeccionesAccion {
    /// Muestra cada proyección, sus tablas y lo que le falta por leer
    #[command(
        override_usage = "factumarket proyecciones listar [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket proyecciones listar --datos datos"
    )]
    Listar,
    /// Vuelve a plegar una proyección del registro en otra copia, que al terminar toma su lugar; también en marcha
    #[command(
        override_usage = "factumarket proyecciones reconstruir NOMBRE [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket proyecciones reconstruir facturas --datos datos\n  factumarket proyecciones reconstruir facturas --url http://127.0.0.1:8080"
    )]
    Reconstruir {
        /// Nombre de la proyección
        nombre: String,
    },
    /// Vuelve a plegar el registro en memoria y muestra las filas que difieren
    #[command(
        override_usage = "factumarket proyecciones comparar [NOMBRE] [OPCIONES]",
        after_help = "Salida: 0 sin diferencias · 1 con ellas\n\nEjemplo:\n  factumarket proyecciones comparar facturas --datos datos"
    )]
    Comparar {
        /// Nombre de la proyección; sin él, todas
        nombre: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum EsquemasAccion {
    /// Registra los esquemas que faltan y sujeta cada uno a BACKWARD_TRANSITIVE
    #[command(
        override_usage = "factumarket esquemas aplicar [OPCIONES]",
        after_help = "Comprueba antes la compatibilidad: si algo no es compatible, no registra nada y falla.\n\n\
                      Ejemplo:\n  factumarket esquemas aplicar"
    )]
    Aplicar,
    /// Compara ids, textos y nivel con lo que escribe el programa, y con los ids de la carpeta si los hay
    #[command(
        override_usage = "factumarket esquemas verificar [OPCIONES]",
        after_help = "Salida: 0 sin diferencias · 1 con ellas\n\nEjemplo:\n  factumarket esquemas verificar --datos datos"
    )]
    Verificar,
    /// Muestra en qué difiere lo último del registro de lo que escribe el programa
    #[command(
        override_usage = "factumarket esquemas diff [OPCIONES]",
        after_help = "Salida: 0 sin diferencias · 1 con ellas\n\nEjemplo:\n  factumarket esquemas diff --json"
    )]
    Diff,
    /// Lista qué trajo cada versión del contrato y qué vale en lo que escribieron las anteriores
    #[command(
        override_usage = "factumarket esquemas versiones [OPCIONES]",
        after_help = "No consulta ningún registro.\n\nEjemplo:\n  factumarket esquemas versiones"
    )]
    Versiones,
}

#[derive(Debug, Args)]
#[command(override_usage = "factumarket config ver [OPCIONES]", after_help = "Ejemplo:\n  factumarket config ver --origen")]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub accion: ConfigAccion,
}

#[derive(Debug, Subcommand)]
pub enum ConfigAccion {
    /// Muestra todos los ajustes con su valor
    #[command(override_usage = "factumarket config ver [OPCIONES]", after_help = "Ejemplo:\n  factumarket config ver --origen")]
    Ver {
        /// Dice de dónde viene cada valor
        #[arg(long)]
        origen: bool,
    },
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket verificar [OPCIONES]",
    after_help = "Con un proceso en marcha lo pide por su API; si nadie usa la carpeta, la lee directamente.\n\
                  Salida: 0 sano · 1 hay fallas · 6 no se pudo revisar\n\n\
                  Ejemplo:\n  factumarket verificar --datos datos"
)]
pub struct VerificarArgs {
    /// Exige además que no quede nada por hacer: sin retraso, sin sagas abiertas, sin comandos en curso (I12)
    #[arg(long)]
    pub quieto: bool,
    /// Decide además otra vez cada evento donde ocurrió; lee la carpeta directamente y la tiene en memoria (hasta 1.000.000 de registros)
    #[arg(long)]
    pub oraculo: bool,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket sim [OPCIONES]",
    after_help = "La misma semilla con las mismas opciones sucede igual, byte por byte. No toca carpeta ni servicio alguno.\n\n\
                  Ejemplos:\n  factumarket sim --cantidad 1000\n  factumarket sim --semilla 4711 --traza"
)]
pub struct SimArgs {
    /// Corre sólo esta semilla
    #[arg(long, value_name = "N", conflicts_with_all = ["desde", "cantidad", "archivo"])]
    pub semilla: Option<u64>,
    /// Escribe todo lo que pasa, con --semilla
    #[arg(long, requires = "semilla")]
    pub traza: bool,
    /// Primera semilla
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub desde: u64,
    /// Cuántas semillas
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub cantidad: u64,
    /// Corre las semillas de un archivo, una por línea
    #[arg(long, value_name = "ARCHIVO", conflicts_with_all = ["desde", "cantidad"])]
    pub archivo: Option<PathBuf>,
    /// Hilos, de 1 a 64
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub hilos: u8,
    /// Órdenes de cada corrida, sin contar repeticiones
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::sim::COMMANDS_MAX)))]
    pub ordenes: u32,
    /// Nodos; 0 = de 1 a 3, según la semilla
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(crate::sim::NODES_MAX)))]
    pub nodos: u32,
    /// Clases de falla que no vienen, separadas por comas
    #[arg(long, value_name = "FALLA", value_delimiter = ',')]
    pub sin: Vec<String>,
    /// Deja de empezar semillas tras tantas que fallan
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub fallas: u32,
    /// Busca lo menos con que cada semilla que falla sigue fallando
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "true|false")]
    pub reducir: bool,
    /// Archivo en que se anotan las semillas que fallan
    #[arg(long, value_name = "ARCHIVO")]
    pub anotar: Option<PathBuf>,
    /// Dice qué defectos se pueden plantar
    #[arg(long)]
    pub defectos: bool,
    /// Corre cada semilla dos veces y exige que suceda igual, byte por byte
    #[arg(long, conflicts_with = "semilla")]
    pub doble: bool,
    /// Planta un defecto, en un binario compilado con --features defectos
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub defecto: u8,
}

#[derive(Debug, Args)]
#[command(override_usage = "factumarket doctor [OPCIONES]", after_help = "Ejemplo:\n  factumarket doctor --datos datos")]
pub struct DoctorArgs {}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket ejemplos generar ARCHIVO",
    after_help = "Ejemplo:\n  factumarket ejemplos generar ejemplos/pedidos.ndjson"
)]
pub struct EjemplosArgs {
    #[command(subcommand)]
    pub accion: EjemplosAccion,
}

#[derive(Debug, Subcommand)]
pub enum EjemplosAccion {
    /// Escribe el archivo de pedidos de ejemplo; siempre el mismo
    #[command(
        override_usage = "factumarket ejemplos generar ARCHIVO",
        after_help = "Ejemplo:\n  factumarket ejemplos generar ejemplos/pedidos.ndjson"
    )]
    Generar {
        /// Archivo que se escribe
        #[arg(value_name = "ARCHIVO")]
        archivo: PathBuf,
    },
    /// Escribe la página de la guía que lista los ajustes
    #[command(
        override_usage = "factumarket ejemplos configuracion ARCHIVO",
        after_help = "Ejemplo:\n  factumarket ejemplos configuracion docs/guide/configuracion.md"
    )]
    Configuracion {
        /// Archivo que se escribe
        #[arg(value_name = "ARCHIVO")]
        archivo: PathBuf,
    },
}
