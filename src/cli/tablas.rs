//! `tablas`: the query tables on the database of an installation.

use super::{args::TablasAccion, contexto::Contexto, fallo::Fallo};
use crate::cli::fallo::Clase;

/// # Errors
/// Tables that are in the folder; a database that does not answer; for `verificar`, one that has them otherwise.
pub fn ejecutar(contexto: &Contexto, accion: TablasAccion) -> Result<(), Fallo> {
    let Some(ajustes) = &contexto.configuracion.tablas else {
        return Err(Fallo::new(
            Clase::Uso,
            "las tablas están en la carpeta de datos",
            "tablas.tipo dice «carpeta»: no hay nada que crear ni que revisar",
            "Para usar ScyllaDB o Cassandra: --set tablas.tipo=cql --set tablas.nodos=127.0.0.1:9042",
        ));
    };
    base::ejecutar(contexto, ajustes, accion)
}

#[cfg(not(feature = "scylla"))]
mod base {
    use super::{Clase, Contexto, Fallo, TablasAccion};
    use crate::config::AjustesTablas;

    pub(super) fn ejecutar(_: &Contexto, _: &AjustesTablas, _: TablasAccion) -> Result<(), Fallo> {
        Err(Fallo::new(
            Clase::Uso,
            "este programa no habla con ScyllaDB ni con Cassandra",
            "se construyó sin la característica «scylla»",
            "Constrúyalo con: cargo build --release --features scylla.",
        ))
    }
}

#[cfg(feature = "scylla")]
mod base {
    use std::sync::Arc;

    use serde_json::json;

    use super::{Clase, Contexto, Fallo, TablasAccion};
    use crate::{
        cli::nodo,
        config::AjustesTablas,
        node,
        projections::{copias, fisico},
        tables::{
            Table, TablesError,
            cql::{CqlTables, Difference, ddl},
            feeding::Feeding,
        },
    };

    pub(super) fn ejecutar(contexto: &Contexto, ajustes: &AjustesTablas, accion: TablasAccion) -> Result<(), Fallo> {
        let tablas = node::tablas_de_la_base(ajustes, false).map_err(|e| nodo::fallo(&e))?;
        // A projection is rebuilt into its second copy, whose tables only that creates; an installation that creates none by itself has both.
        let segundas = copias::segundas().map(|(_, segunda)| segunda).filter(|_| !ajustes.crear);
        let todas: Vec<&'static Table> = fisico::tablas().chain(segundas).collect();
        let diferencias = tablas.differences(&todas).map_err(|e| fallo(&e))?;
        let cambiadas: Vec<&Difference> = diferencias.iter().filter(|d| matches!(d, Difference::Changed { .. })).collect();
        match accion {
            TablasAccion::Verificar => verificar(contexto, &diferencias),
            TablasAccion::Aplicar if !cambiadas.is_empty() => {
                decir(contexto, &diferencias);
                Err(Fallo::dicho(Clase::Falla, "hay tablas con otras columnas: una tabla que existe no se cambia"))
            }
            TablasAccion::Aplicar => {
                let _turno = turno(&tablas, ajustes, &diferencias)?;
                tablas.create(&todas).map_err(|e| fallo(&e))?;
                let creadas: Vec<&str> = diferencias.iter().map(nombre).collect();
                let salida = &contexto.salida;
                creadas.iter().for_each(|tabla| salida.linea(format!("{} {tabla}", salida.verde("creada"))));
                if creadas.is_empty() {
                    salida.linea(format!("{}: nada que crear", ajustes.espacio));
                }
                salida.resultado(&json!({ "espacio": ajustes.espacio, "creadas": creadas }));
                Ok(())
            }
        }
    }

    /// Two processes that make tables at once make two schemas. Where those that feed make them too, that is for who has the turn.
    fn turno(tablas: &Arc<CqlTables>, ajustes: &AjustesTablas, diferencias: &[Difference]) -> Result<Option<node::Turno>, Fallo> {
        let nadie = |d: &Difference| matches!(d, Difference::Missing { table } if table == ddl::FEEDER);
        if !ajustes.crear || diferencias.is_empty() || diferencias.iter().any(nadie) {
            return Ok(None);
        }
        let turnos: Arc<dyn Feeding> = Arc::clone(tablas) as Arc<_>;
        node::turno_de_orden(&turnos, ajustes).map(Some).map_err(|e| nodo::fallo(&e))
    }

    fn verificar(contexto: &Contexto, diferencias: &[Difference]) -> Result<(), Fallo> {
        decir(contexto, diferencias);
        if diferencias.is_empty() {
            contexto.salida.linea(contexto.salida.verde("Las tablas son las de este programa"));
            return Ok(());
        }
        Err(Fallo::dicho(Clase::Falla, "las tablas de la base no son las de este programa"))
    }

    fn decir(contexto: &Contexto, diferencias: &[Difference]) {
        let salida = &contexto.salida;
        for diferencia in diferencias {
            salida.linea(match diferencia {
                Difference::Missing { table } => format!("{} {table}", salida.amarillo("falta")),
                Difference::Changed { table, what } => format!("{} {table}: {what}", salida.rojo("difiere")),
            });
        }
        let una = |diferencia: &Difference| match diferencia {
            Difference::Missing { table } => json!({ "tabla": table, "falta": true }),
            Difference::Changed { table, what } => json!({ "tabla": table, "difiere": what }),
        };
        salida.resultado(&json!({ "diferencias": diferencias.iter().map(una).collect::<Vec<_>>() }));
    }

    fn nombre(diferencia: &Difference) -> &str {
        match diferencia {
            Difference::Missing { table } | Difference::Changed { table, .. } => table,
        }
    }

    fn fallo(error: &TablesError) -> Fallo {
        Fallo::new(
            Clase::Servicio,
            "no se pudo trabajar con la base de las tablas",
            error.to_string(),
            "Resuelva la causa y repita: la orden continúa donde quedó. Sus ajustes son los de [tablas].",
        )
    }
}
