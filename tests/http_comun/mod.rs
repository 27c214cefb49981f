//! Stand-ins for what is under the edge, and a client that speaks to the router without a socket.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use factumarket::{
    contracts::{Respuesta, Resultado, ResumenFactura, VersionAgregado},
    domain::{
        Comando, TipoAgregado,
        reglas::Falla,
        valores::{Decimal, Dinero, Id, Instante},
    },
    engine::{
        gateway::{Gateway, NewCommand, SubmitError, Waiter},
        ports::{FixedClock, SystemIds},
    },
    http::{
        AppState, Consulta, Health, Opciones, Partes, QueryAudit, Salud,
        lecturas::{ErrorLectura, Lecturas, Lista, Pagina, PaginaLeida, Recurso},
        router,
    },
    log::{Position, TopicPartition},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower::ServiceExt;

/// 2026-11-23T12:00:00Z.
pub const AHORA: Instante = Instante(1_795_435_200_000_000);

/// What the gateway does with the next command.
pub enum Guion {
    Responder(Resultado),
    Repetir(Resultado),
    /// Never answers: the command stays in course.
    Callar,
    Ocupada,
    Parada,
    Enorme,
    Panico,
}

#[derive(Default)]
pub struct PasarelaFalsa {
    pub guion: Mutex<VecDeque<Guion>>,
    pub recibidos: Mutex<Vec<NewCommand>>,
    callados: Mutex<Vec<oneshot::Sender<Respuesta>>>,
}

impl PasarelaFalsa {
    pub fn preparar(&self, guion: Guion) {
        self.guion.lock().unwrap().push_back(guion);
    }

    pub fn recibidos(&self) -> Vec<NewCommand> {
        self.recibidos.lock().unwrap().clone()
    }
}

impl Gateway for PasarelaFalsa {
    fn send(&self, commands: Vec<NewCommand>) -> Result<Vec<Waiter>, SubmitError> {
        commands.into_iter().map(|comando| self.recibir(comando)).collect()
    }

    fn sync(&self) -> Result<(), SubmitError> {
        Ok(())
    }
}

impl PasarelaFalsa {
    fn recibir(&self, comando: NewCommand) -> Result<Waiter, SubmitError> {
        let guion = self.guion.lock().unwrap().pop_front();
        let (resultado, repetido) = match guion {
            Some(Guion::Ocupada) => return Err(SubmitError::Busy { retry_after: Duration::from_millis(1_200) }),
            Some(Guion::Parada) => return Err(SubmitError::Unavailable("deteniéndose".to_owned())),
            Some(Guion::Enorme) => return Err(SubmitError::TooLarge("2 MiB".to_owned())),
            Some(Guion::Panico) => panic!("pánico de prueba: no debe verse"),
            Some(Guion::Callar) => {
                let (envio, espera) = oneshot::channel();
                self.callados.lock().unwrap().push(envio);
                self.recibidos.lock().unwrap().push(comando);
                return Ok(espera);
            }
            Some(Guion::Responder(resultado)) => (resultado, false),
            Some(Guion::Repetir(resultado)) => (resultado, true),
            None => (Resultado::Aceptado { factura: resumen(&comando.comando) }, false),
        };
        let destino = comando.comando.destino();
        let respuesta = Respuesta {
            peticion: 1,
            command_id: comando.command_id.clone(),
            repetido,
            resultado,
            versiones: vec![VersionAgregado { tipo: destino.tipo, id: destino.id, version: 3 }],
            particiones: Vec::new(),
        };
        self.recibidos.lock().unwrap().push(comando);
        let (envio, espera) = oneshot::channel();
        envio.send(respuesta).expect("hay quien espera");
        Ok(espera)
    }
}

fn resumen(comando: &Comando) -> Option<ResumenFactura> {
    let Comando::Factura(factura) = comando else { return None };
    Some(ResumenFactura {
        factura_id: factura.factura_id().clone(),
        numero: "F1".into(),
        estado: "EMITIDA".into(),
        fecha_emision: AHORA.fecha_en_utc_menos_5(),
        moneda: "COP".into(),
        subtotal: dinero(100_000),
        impuestos: dinero(19_000),
        total: dinero(119_000),
    })
}

fn dinero(entero: i64) -> Dinero {
    Dinero::nuevo(Decimal::from(entero)).expect("dinero")
}

pub fn rechazo(fallas: Vec<Falla>) -> Guion {
    Guion::Responder(Resultado::Rechazado { errores: fallas })
}

/// A read side with one thing of each kind, whose id is `1`.
#[derive(Default)]
pub struct LecturasFalsas {
    pub listas: Mutex<Vec<(Lista, Pagina)>>,
    pub esperas: Mutex<Vec<Vec<(TopicPartition, Position)>>>,
    pub atrasadas: bool,
}

impl Lecturas for LecturasFalsas {
    fn obtener(&self, recurso: &Recurso) -> Result<Option<Value>, ErrorLectura> {
        let id = match recurso {
            Recurso::Stock { producto, .. } | Recurso::Explicacion { producto, .. } => producto,
            Recurso::EstadoDeCuenta { cliente, .. } => cliente,
            Recurso::NotaCredito { factura: None, nota } if nota.as_str() == "repetida" => {
                return Err(ErrorLectura::Ambigua("varias facturas tienen esa nota".to_owned()));
            }
            Recurso::NotaCredito { nota, .. } => nota,
            Recurso::Cliente(id)
            | Recurso::Producto(id)
            | Recurso::Descuento(id)
            | Recurso::Sucursal(id)
            | Recurso::Bodega(id)
            | Recurso::Factura(id)
            | Recurso::Comando(id)
            | Recurso::Rango(id) => id,
        };
        Ok((id.as_str() == "1").then(|| json!({"id": "1", "version": 7})))
    }

    fn listar(&self, lista: &Lista, pagina: &Pagina) -> Result<PaginaLeida, ErrorLectura> {
        if pagina.despues.as_deref() == Some("ajeno") {
            return Err(ErrorLectura::Cursor);
        }
        self.listas.lock().unwrap().push((lista.clone(), pagina.clone()));
        Ok(PaginaLeida { items: vec![json!({"id": "1"})], despues: Some("c2".to_owned()), tiene_mas: true })
    }

    fn esperar_version(&self, _: TipoAgregado, _: &Id, version: u64, _: Duration) -> Result<bool, ErrorLectura> {
        Ok(!self.atrasadas && version <= 7)
    }

    fn esperar_posiciones(&self, posiciones: &[(TopicPartition, Position)], _: Duration) -> Result<bool, ErrorLectura> {
        self.esperas.lock().unwrap().push(posiciones.to_vec());
        Ok(!self.atrasadas)
    }
}

pub struct SaludFalsa(pub bool);

impl Health for SaludFalsa {
    fn salud(&self) -> Salud {
        let motivos = if self.0 { Vec::new() } else { vec!["cargando el estado".to_owned()] };
        Salud { vivo: true, arrancado: self.0, listo: self.0, motivos, detalle: json!({"reloj": "fijo"}) }
    }
}

#[derive(Default)]
pub struct AuditoriaFalsa(pub Mutex<Vec<(String, Option<String>)>>);

impl QueryAudit for AuditoriaFalsa {
    fn record(&self, consulta: &Consulta<'_>) {
        self.0.lock().unwrap().push((consulta.nombre.to_owned(), consulta.factura_id.map(|id| id.as_str().to_owned())));
    }
}

/// The edge with its stand-ins.
pub struct Borde {
    pub pasarela: Arc<PasarelaFalsa>,
    pub lecturas: Arc<LecturasFalsas>,
    pub auditoria: Arc<AuditoriaFalsa>,
    pub router: Router,
    pub estado: Arc<AppState>,
}

pub struct Ajustes {
    pub listo: bool,
    pub atrasadas: bool,
    pub opciones: Opciones,
    pub verificacion: Option<factumarket::http::Verificacion>,
}

impl Default for Ajustes {
    fn default() -> Self {
        Self { listo: true, atrasadas: false, opciones: Opciones::default(), verificacion: None }
    }
}

pub fn borde() -> Borde {
    borde_con(Ajustes::default())
}

pub fn borde_con(ajustes: Ajustes) -> Borde {
    let pasarela = Arc::new(PasarelaFalsa::default());
    let lecturas = Arc::new(LecturasFalsas { atrasadas: ajustes.atrasadas, ..LecturasFalsas::default() });
    let auditoria = Arc::new(AuditoriaFalsa::default());
    let estado = AppState::new(Partes {
        gateway: pasarela.clone(),
        lecturas: lecturas.clone(),
        clock: FixedClock::new(AHORA),
        ids: Arc::new(SystemIds),
        health: Arc::new(SaludFalsa(ajustes.listo)),
        registry: prometheus::Registry::new(),
        opciones: ajustes.opciones,
        log: None,
        auditoria: Some(auditoria.clone()),
        verificacion: ajustes.verificacion,
        verificacion_de_sellos: None,
        dlq: None,
        proyecciones: None,
    })
    .expect("métricas nuevas");
    Borde { pasarela, lecturas, auditoria, router: router(estado.clone()), estado }
}

pub struct Respondida {
    pub status: StatusCode,
    pub encabezados: HeaderMap,
    pub texto: String,
}

impl Respondida {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.texto).unwrap_or_else(|e| panic!("no es JSON ({e}): {}", self.texto))
    }

    pub fn encabezado(&self, nombre: &str) -> &str {
        self.encabezados.get(nombre).map_or("", |v| v.to_str().expect("ASCII"))
    }

    pub fn codigo(&self) -> String {
        self.json()["codigo"].as_str().unwrap_or_default().to_owned()
    }

    /// (rule, field) of every error.
    pub fn errores(&self) -> Vec<(String, String)> {
        let lista = self.json()["errores"].as_array().cloned().unwrap_or_default();
        let texto = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        lista.iter().map(|e| (texto(&e["regla"]), texto(&e["campo"]))).collect()
    }

    /// Asserts that this is a well-formed problem+json of a status.
    #[track_caller]
    pub fn es_problema(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.texto);
        assert_eq!(self.encabezado("content-type"), "application/problem+json");
        let cuerpo = self.json();
        for campo in ["type", "title", "detail", "instance", "codigo", "request_id"] {
            assert!(cuerpo[campo].is_string(), "falta {campo}: {cuerpo}");
        }
        assert_eq!(cuerpo["status"].to_string(), status.to_string());
        assert!(cuerpo["errores"].is_array());
        assert_eq!(self.encabezado("x-request-id"), cuerpo["request_id"].as_str().expect("texto"));
        self
    }
}

impl Borde {
    pub async fn pedir(&self, metodo: &str, ruta: &str, encabezados: &[(&str, &str)], cuerpo: impl Into<Body>) -> Respondida {
        let mut pedido = Request::builder().method(metodo).uri(ruta);
        for (nombre, valor) in encabezados {
            pedido = pedido.header(*nombre, *valor);
        }
        let pedido = pedido.body(cuerpo.into()).expect("petición de la prueba");
        let respuesta = self.router.clone().oneshot(pedido).await.expect("el router responde siempre");
        let (cabeza, cuerpo) = respuesta.into_parts();
        let bytes = to_bytes(cuerpo, usize::MAX).await.expect("cuerpo");
        let texto = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Respondida { status: cabeza.status, encabezados: cabeza.headers, texto }
    }

    pub async fn post(&self, ruta: &str, cuerpo: impl Into<Body>) -> Respondida {
        self.pedir("POST", ruta, &[("content-type", "application/json")], cuerpo).await
    }

    pub async fn get(&self, ruta: &str) -> Respondida {
        self.pedir("GET", ruta, &[], Body::empty()).await
    }
}

pub const CLIENTE: &str =
    r#"{"id":1,"nombre":"ACME S.A.S.","identificacion":"800123456-7","correo":"a@b.co","direccion":"Calle 1"}"#;
pub const FACTURA: &str =
    r#"{"cliente_id":1,"fecha_emision":"2026-11-23","lineas":[{"descripcion":"Servicio","cantidad":1,"precio_unitario":100000}]}"#;
