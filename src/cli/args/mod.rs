//! The command line as data: commands, flags and their help, in Spanish, each command with an example.

mod comprobar;
mod consultas;
mod documentos;
mod lectura;
mod procesos;
mod registro;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::{
    comprobar::{ConfigAccion, ConfigArgs, DoctorArgs, EjemplosAccion, EjemplosArgs, SimArgs, VerificarArgs},
    consultas::{CuentaArgs, DominioAccion, DominioArgs, ExplicarArgs, KardexArgs, StockArgs, dia},
    documentos::{AnularArgs, EmitirArgs, FacturaArgs, NotaArgs, RespuestaDianArgs},
    lectura::{ProyeccionesAccion, ProyeccionesArgs, TablasAccion, TablasArgs},
    procesos::{BancoArgs, DemoArgs, ImportarArgs, ServirArgs},
    registro::{DlqAccion, DlqArgs, EsquemasAccion, EsquemasArgs, ResolverArgs, TopologiaAccion, TopologiaArgs},
};

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
