//! Requests to the engine of this process.

use std::{sync::Arc, thread, time::Duration};

use serde_json::Value;
use tokio::{runtime::Handle, sync::watch};

use super::{Destino, Espera, juntar};
use crate::{
    cli::{
        fallo::{Clase, Fallo},
        peticion::{Desenlace, FacturaHecha, Motivo, Peticion, motivos_de_cuerpo},
    },
    contracts::{Respuesta, Resultado},
    domain::valores::Id,
    engine::{
        gateway::{Gateway, NewCommand, SubmitError, Waiter},
        ports::{Clock, Ids},
        shell::supervisor::Phase,
    },
    http::{
        cuerpos::{ContextoCuerpo, ErroresCuerpo},
        ids::{self, OrigenIds},
    },
    node::failure_of,
};

/// Longest pause before a send is tried again while too much is in flight.
const PAUSA_MAXIMA: Duration = Duration::from_millis(50);

/// The engine's gateway with what the edge adds to a command.
#[derive(Clone)]
pub struct Directo {
    pub gateway: Arc<dyn Gateway>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub verificar_digito_ruc: bool,
    /// An engine that gave up answers nobody: whoever waits hears it from here.
    pub phase: watch::Receiver<Phase>,
    pub runtime: Handle,
}

impl Destino for Directo {
    fn enviar(&mut self, peticiones: Vec<Peticion>) -> Result<Espera, Fallo> {
        let mut partes = Vec::with_capacity(peticiones.len());
        for peticion in &peticiones {
            partes.push(match self.comando(peticion) {
                Ok(comando) => Parte::Enviada(self.mandar(comando)?),
                Err(errores) => Parte::Hecha(Desenlace::Rechazada(motivos_de_cuerpo(&errores))),
            });
        }
        let (runtime, phase) = (self.runtime.clone(), self.phase.clone());
        Ok(Box::new(move || {
            let desenlaces: Result<Vec<_>, _> = partes.into_iter().map(|parte| parte.esperar(&runtime, &phase)).collect();
            Ok(juntar(desenlaces?))
        }))
    }
}

enum Parte {
    Hecha(Desenlace),
    Enviada(Waiter),
}

impl Parte {
    fn esperar(self, runtime: &Handle, phase: &watch::Receiver<Phase>) -> Result<Desenlace, Fallo> {
        let mut espera = match self {
            Self::Hecha(desenlace) => return Ok(desenlace),
            Self::Enviada(espera) => espera,
        };
        if let Ok(respuesta) = espera.try_recv() {
            return desenlace(respuesta);
        }
        runtime.block_on(async {
            let mut phase = phase.clone();
            tokio::select! {
                biased;
                respuesta = &mut espera => {
                    respuesta.map_err(|_| detenido("se detuvo antes de responder")).and_then(desenlace)
                }
                fin = phase.wait_for(|p| failure_of(p).is_some()) => {
                    Err(detenido(&fin.ok().and_then(|p| failure_of(&p)).unwrap_or_default()))
                }
            }
        })
    }
}

impl Directo {
    /// Reads a body into the command it asks for, as the API's route would.
    fn comando(&self, peticion: &Peticion) -> Result<NewCommand, ErroresCuerpo> {
        let contexto = ContextoCuerpo {
            hoy: self.clock.now().fecha_en_utc_menos_5(),
            origen: OrigenIds { usuario: None, clave: Some(&peticion.clave), ids: &*self.ids },
            verificar_digito_ruc: self.verificar_digito_ruc,
        };
        let comando = peticion.comando(&contexto)?;
        let command_id: Id = ids::comando_de_clave(&peticion.clave);
        Ok(NewCommand {
            correlation_id: command_id.clone(),
            command_id,
            usuario: None,
            canal: peticion.cuerpo.get("canal").and_then(Value::as_str).map(Arc::from),
            version_esperada: peticion.version_esperada,
            traceparent: None,
            comando,
        })
    }

    /// Sends a command; while too much is in flight it waits its turn.
    fn mandar(&self, comando: NewCommand) -> Result<Waiter, Fallo> {
        loop {
            match self.gateway.send(vec![comando.clone()]) {
                Ok(mut esperas) => return esperas.pop().ok_or_else(|| detenido("no dio la espera de un comando")),
                Err(SubmitError::Busy { retry_after }) => thread::sleep(retry_after.min(PAUSA_MAXIMA)),
                Err(e) => return Err(detenido(&e.to_string())),
            }
        }
    }
}

fn detenido(causa: &str) -> Fallo {
    Fallo::new(
        Clase::Servicio,
        "el procesador dejó de aceptar comandos",
        causa,
        "Lo respondido está a salvo. Resuelva la causa y repita la orden: lo ya hecho no se repite.",
    )
}

/// An outcome as the command line tells it.
fn desenlace(respuesta: Respuesta) -> Result<Desenlace, Fallo> {
    // A document's own answer comes first; a note's key ends in its id.
    let propia = respuesta.versiones.first();
    let id = propia.map_or_else(String::new, |v| v.id.as_str().rsplit(':').next().unwrap_or_default().to_owned());
    let (version, repetida) = (propia.map(|v| v.version), respuesta.repetido);
    match respuesta.resultado {
        Resultado::Aceptado { factura } => {
            let factura = factura.map(|f| FacturaHecha {
                factura_id: f.factura_id.as_str().to_owned(),
                numero: f.numero.to_string(),
                total: f.total,
                moneda: f.moneda.to_string(),
            });
            Ok(Desenlace::Aceptada { repetida, factura, id, version })
        }
        Resultado::NotaAceptada { nota } => {
            let factura = Some(FacturaHecha {
                factura_id: nota.nota_id.as_str().to_owned(),
                numero: nota.numero.to_string(),
                total: nota.total,
                moneda: nota.moneda.to_string(),
            });
            Ok(Desenlace::Aceptada { repetida, factura, id, version })
        }
        Resultado::Rechazado { errores } => Ok(Desenlace::Rechazada(errores.iter().map(Motivo::from).collect())),
        Resultado::Apartado { codigo, causa } => Ok(Desenlace::Rechazada(vec![Motivo::new(&codigo, causa.as_ref())])),
        Resultado::EnCurso => Ok(Desenlace::Rechazada(vec![Motivo::new(
            "EnCurso",
            "el mismo comando sigue en curso; repita la orden en unos segundos",
        )])),
    }
}
