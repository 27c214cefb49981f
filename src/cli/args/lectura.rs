//! Flags of the commands about the read side.

use clap::{Args, Subcommand};

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
