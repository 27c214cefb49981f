//! `esquemas`: the Avro schemas of the program, on the registry of an installation.

use super::{args::EsquemasAccion, contexto::Contexto, fallo::Fallo, versiones};

/// # Errors
/// A registry that does not answer or refuses; for `verificar` and `diff`, one that differs from the program.
pub fn ejecutar(contexto: &Contexto, accion: EsquemasAccion) -> Result<(), Fallo> {
    if let EsquemasAccion::Versiones = accion {
        contexto.salida.linea(versiones::pagina().trim_end());
        contexto.salida.resultado(&versiones::en_json());
        return Ok(());
    }
    registro::ejecutar(contexto, accion)
}

#[cfg(not(feature = "kafka"))]
mod registro {
    use super::{Contexto, EsquemasAccion, Fallo};
    use crate::cli::fallo::Clase;

    pub(super) fn ejecutar(_: &Contexto, _: EsquemasAccion) -> Result<(), Fallo> {
        Err(Fallo::new(
            Clase::Uso,
            "este programa no habla con un registro de esquemas",
            "se construyó sin la característica «kafka»",
            "Constrúyalo con: cargo build --release --features kafka.",
        ))
    }
}

#[cfg(feature = "kafka")]
mod registro {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::{Contexto, EsquemasAccion, Fallo};
    use crate::{
        cli::{diferencia, fallo::Clase, nodo},
        contracts::{ConfluentRegistry, NIVEL_DE_COMPATIBILIDAD, Registry, RegistryError, SubjectSchema, VERSION, subjects},
        node,
    };

    type Del = Result<(), Fallo>;

    pub(super) fn ejecutar(contexto: &Contexto, accion: EsquemasAccion) -> Del {
        let configuracion = &contexto.configuracion;
        if configuracion.esquemas.urls.is_empty() {
            return Err(Fallo::new(
                Clase::Uso,
                "no hay registro de esquemas",
                "esquemas.url dice «ninguno»",
                "Indique su dirección: --set esquemas.url=http://127.0.0.1:8081/apis/ccompat/v7",
            ));
        }
        let registro =
            node::registro_de_esquemas(&configuracion.esquemas, &configuracion.kafka.prefijo).map_err(|e| nodo::fallo(&e))?;
        let esquemas = subjects().map_err(|e| fallo(&e))?;
        match accion {
            EsquemasAccion::Aplicar => aplicar(contexto, &registro, &esquemas),
            EsquemasAccion::Verificar => verificar(contexto, &registro, &esquemas),
            EsquemasAccion::Diff => diff(contexto, &registro, &esquemas),
            EsquemasAccion::Versiones => Ok(()),
        }
    }

    fn fallo(error: &RegistryError) -> Fallo {
        Fallo::new(
            Clase::Servicio,
            "no se pudo trabajar con el registro de esquemas",
            error.to_string(),
            "Resuelva la causa y repita: la orden continúa donde quedó. Sus ajustes son los de [esquemas], y kafka.prefijo.",
        )
    }

    /// The id under which a subject has a schema; `None`: it has not.
    fn id(registro: &ConfluentRegistry, esquema: &SubjectSchema) -> Result<Option<u32>, Fallo> {
        match registro.id_for(&esquema.subject, &esquema.schema) {
            Ok(id) => Ok(Some(id)),
            Err(RegistryError::Unregistered { .. }) => Ok(None),
            Err(error) => Err(fallo(&error)),
        }
    }

    /// Nothing is registered when something is not compatible with what the registry has.
    fn aplicar(contexto: &Contexto, registro: &ConfluentRegistry, esquemas: &[SubjectSchema]) -> Del {
        let salida = &contexto.salida;
        let mut nuevos = Vec::new();
        let mut incompatibles = Vec::new();
        for esquema in esquemas {
            if id(registro, esquema)?.is_some() {
                continue;
            }
            let existe = registro.latest(&esquema.subject).map_err(|e| fallo(&e))?.is_some();
            if existe {
                sujetar(registro, &esquema.subject)?;
            }
            if existe && !registro.is_compatible(&esquema.subject, &esquema.schema).map_err(|e| fallo(&e))? {
                incompatibles.push(registro.named(&esquema.subject));
            } else {
                nuevos.push(esquema);
            }
        }
        if !incompatibles.is_empty() {
            incompatibles.iter().for_each(|sujeto| salida.linea(format!("{} {sujeto}", salida.rojo("incompatible"))));
            salida.linea("Nada se registró. «factumarket esquemas diff» muestra en qué difieren.");
            salida.resultado(&json!({ "registrados": [], "incompatibles": incompatibles }));
            return Err(Fallo::dicho(Clase::Falla, "el registro de esquemas tiene otros, incompatibles"));
        }
        for esquema in &nuevos {
            let id = registro.register(&esquema.subject, &esquema.schema).map_err(|e| fallo(&e))?;
            sujetar(registro, &esquema.subject)?;
            salida.linea(format!(
                "{} {} v{} id {id}",
                salida.verde("registrado"),
                registro.named(&esquema.subject),
                esquema.version
            ));
        }
        let sujetos: BTreeSet<&str> = esquemas.iter().map(|e| e.subject.as_str()).collect();
        sujetos.iter().try_for_each(|sujeto| sujetar(registro, sujeto))?;
        if nuevos.is_empty() {
            salida.linea(format!("{} esquemas bajo {} sujetos: nada que registrar", esquemas.len(), sujetos.len()));
        }
        let registrados: Vec<Value> =
            nuevos.iter().map(|e| json!({ "sujeto": registro.named(&e.subject), "version": e.version })).collect();
        salida.resultado(
            &json!({ "esquemas": esquemas.len(), "sujetos": sujetos.len(), "registrados": registrados, "incompatibles": [] }),
        );
        Ok(())
    }

    /// Holds a subject to the level, if it is not yet.
    fn sujetar(registro: &ConfluentRegistry, sujeto: &str) -> Del {
        let nivel = registro.level(sujeto).map_err(|e| fallo(&e))?;
        if nivel.as_deref() == Some(NIVEL_DE_COMPATIBILIDAD) {
            return Ok(());
        }
        registro.hold_to_level(sujeto).map_err(|e| fallo(&e))
    }

    /// Ids, texts and levels of the registry, against the program and what a node of the folder writes with.
    fn verificar(contexto: &Contexto, registro: &ConfluentRegistry, esquemas: &[SubjectSchema]) -> Del {
        let carpeta = node::ids_guardados(&contexto.configuracion.carpeta).map_err(|e| nodo::fallo(&e))?;
        let mut diferencias = Vec::new();
        for esquema in esquemas {
            let sujeto = registro.named(&esquema.subject);
            let Some(id) = id(registro, esquema)? else {
                diferencias.push(format!("{sujeto}: falta la versión {} del contrato", esquema.version));
                continue;
            };
            let texto = registro.schema(id).map_err(|e| fallo(&e))?;
            if !texto.as_deref().is_some_and(|texto| mismo(texto, &esquema.schema)) {
                diferencias.push(format!("{sujeto}: el id {id} no da el texto que se escribe"));
            }
            if let Some(escrito) =
                carpeta.as_ref().and_then(|c| c.kept(&esquema.subject, &esquema.schema)).filter(|escrito| *escrito != id)
            {
                diferencias.push(format!("{sujeto}: el registro da el id {id} y el nodo de esta carpeta escribe el {escrito}"));
            }
        }
        let sujetos: BTreeSet<&str> = esquemas.iter().map(|e| e.subject.as_str()).collect();
        for sujeto in &sujetos {
            let nivel = registro.level(sujeto).map_err(|e| fallo(&e))?.unwrap_or_else(|| "ninguno".to_owned());
            if nivel != NIVEL_DE_COMPATIBILIDAD {
                diferencias.push(format!("{}: su nivel es {nivel}, no {NIVEL_DE_COMPATIBILIDAD}", registro.named(sujeto)));
            }
        }
        let salida = &contexto.salida;
        salida.resultado(&json!({
            "esquemas": esquemas.len(), "sujetos": sujetos.len(), "con_la_carpeta": carpeta.is_some(), "diferencias": diferencias,
        }));
        diferencias.iter().for_each(|d| salida.linea(format!("{} {d}", salida.rojo("difiere"))));
        if diferencias.is_empty() {
            let con = if carpeta.is_some() { "; los ids son los que escribe el nodo de la carpeta" } else { "" };
            salida.linea(format!("{} esquemas bajo {} sujetos, sin diferencias{con}", esquemas.len(), sujetos.len()));
            return Ok(());
        }
        Err(Fallo::dicho(Clase::Falla, "el registro de esquemas difiere del programa"))
    }

    /// The newest schema of each subject, against what this version of the program writes.
    fn diff(contexto: &Contexto, registro: &ConfluentRegistry, esquemas: &[SubjectSchema]) -> Del {
        let salida = &contexto.salida;
        let mut distintos = Vec::new();
        for esquema in esquemas.iter().filter(|e| e.version == VERSION) {
            let sujeto = registro.named(&esquema.subject);
            let ultimo = registro.latest(&esquema.subject).map_err(|e| fallo(&e))?;
            if ultimo.as_ref().is_some_and(|ultimo| mismo(&ultimo.schema, &esquema.schema)) {
                continue;
            }
            let cambios = diferencia::lineas(&bonito(ultimo.as_ref().map_or("", |u| &u.schema)), &bonito(&esquema.schema));
            let compatible = registro.is_compatible(&esquema.subject, &esquema.schema).map_err(|e| fallo(&e))?;
            let que = match (&ultimo, compatible) {
                (None, _) => salida.amarillo("falta"),
                (Some(_), true) => salida.amarillo("cambia, compatible"),
                (Some(_), false) => salida.rojo("cambia, incompatible"),
            };
            salida.linea(format!("{} {que}", salida.negrita(&sujeto)));
            if ultimo.is_some() {
                cambios.iter().for_each(|cambio| salida.linea(format!("  {cambio}")));
            }
            distintos.push(json!({
                "sujeto": sujeto, "falta": ultimo.is_none(), "id": ultimo.map(|u| u.id), "compatible": compatible, "cambios": cambios,
            }));
        }
        salida.resultado(&json!({ "diferencias": distintos }));
        if distintos.is_empty() {
            salida.linea("El registro de esquemas tiene lo que este programa escribe");
            return Ok(());
        }
        Err(Fallo::dicho(Clase::Falla, "el registro de esquemas difiere del programa"))
    }

    /// Whether two schemas say the same, but for white space.
    fn mismo(uno: &str, otro: &str) -> bool {
        let leer = |texto: &str| serde_json::from_str::<Value>(texto).ok();
        leer(uno).zip(leer(otro)).is_some_and(|(uno, otro)| uno == otro)
    }

    fn bonito(esquema: &str) -> String {
        let valor = serde_json::from_str::<Value>(esquema).ok();
        valor.and_then(|valor| serde_json::to_string_pretty(&valor).ok()).unwrap_or_else(|| esquema.to_owned())
    }
}
