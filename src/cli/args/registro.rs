//! Flags of the commands about the log: topics, schemas, dead letters.

use clap::{Args, Subcommand};

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
    override_usage = "factumarket esquemas aplicar|verificar|diff|versiones [OPCIONES]",
    after_help = "El registro de esquemas: esquemas.url y los demás ajustes de [esquemas].\n\n\
                  Ejemplo:\n  factumarket esquemas aplicar --set esquemas.url=http://127.0.0.1:8081/apis/ccompat/v7"
)]
pub struct EsquemasArgs {
    #[command(subcommand)]
    pub accion: EsquemasAccion,
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
