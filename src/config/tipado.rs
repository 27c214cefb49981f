//! The typed configuration, built from the resolved table.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{Problema, Resuelto, Valor, impuestos};
use crate::domain::{
    emisor::{Emisor, ModoRedondeo, NivelRedondeo},
    reglas::Falla,
    valores::{Decimal, Dinero, Identificacion},
};

/// Section `servidor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesServidor {
    pub direccion: SocketAddr,
    pub max_cuerpo_bytes: usize,
    pub max_peticiones: usize,
    pub plazo_peticion: Duration,
}

/// Section `motor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesMotor {
    pub epoca_max_registros: usize,
    pub epoca_max_bytes: usize,
    pub memoria_bytes: usize,
    pub instantanea_cada: u64,
    pub max_en_curso: usize,
    pub nodo: String,
    pub particiones: u16,
}

/// Section `proyecciones`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesProyecciones {
    pub activas: bool,
    pub hilos: usize,
}

/// Which queries of the API are written to the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsultasAuditadas {
    Todas,
    /// One in a hundred.
    Muestra,
    Ninguna,
}

/// Section `auditoria`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesAuditoria {
    pub consultas: ConsultasAuditadas,
    pub sellos: AjustesSellos,
}

/// Section `datos_personales`. The file is not read here; `None` is the data folder's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesDatosPersonales {
    /// Events and snapshots carry them sealed.
    pub cifrar: bool,
    pub clave_maestra_archivo: Option<PathBuf>,
    /// Whole years that documents are kept after their own. 5 to 100.
    pub conservar_anos: u16,
}

/// How the audit is sealed. Files are not read here; `None` is the data folder's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesSellos {
    pub activos: bool,
    pub clave_archivo: Option<PathBuf>,
    pub publicas_archivo: Option<PathBuf>,
    /// Leaves between two seals, at most. From 1.
    pub hojas: u64,
    /// Longest that a leaf waits for its seal.
    pub plazo: Duration,
}

/// Where the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TipoRegistro {
    Embebido,
    Kafka,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeguridadKafka {
    Ninguna,
    Tls,
    Sasl,
    SaslTls,
}

/// Section `kafka`. Files are not read here; an empty name is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesKafka {
    pub brokers: String,
    pub prefijo: String,
    pub particiones_respuestas: u16,
    pub replicas: u16,
    pub min_en_sincronia: u16,
    pub topologia: String,
    pub sesion: Duration,
    pub transaccion: Duration,
    pub seguridad: SeguridadKafka,
    pub ca_archivo: String,
    pub certificado_archivo: String,
    pub clave_archivo: String,
    pub mecanismo: String,
    pub usuario: String,
    pub contrasena_archivo: String,
    pub ajustes: String,
}

/// Section `esquemas`. Files are not read here; an empty name is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesEsquemas {
    /// Addresses of the registry, in order; none: ids are the folder's own.
    pub urls: Vec<String>,
    pub usuario: String,
    pub contrasena_archivo: String,
    pub ca_archivo: String,
    pub plazo: Duration,
}

/// How many replicas answer for a request to the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsistenciaTablas {
    Uno,
    QuorumLocal,
    Quorum,
}

/// Section `tablas`, when they are in a database. Files are not read here; an empty name is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesTablas {
    pub nodos: Vec<String>,
    pub espacio: String,
    pub replicas: u16,
    pub consistencia: ConsistenciaTablas,
    pub crear: bool,
    pub usuario: String,
    pub contrasena_archivo: String,
    pub tls: bool,
    pub ca_archivo: String,
    /// Names that a node's certificate may carry instead of its address.
    pub nombres_tls: Vec<String>,
    pub certificado_archivo: String,
    pub clave_archivo: String,
    pub plazo: Duration,
    /// Silence of the process that feeds the tables after which another does.
    pub relevo: Duration,
    pub en_vuelo: usize,
}

/// Section `registro`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesRegistro {
    pub tipo: TipoRegistro,
    pub retencion_comandos: Duration,
    pub retencion_respuestas: Duration,
    pub cache_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatoBitacora {
    Texto,
    Json,
}

/// Section `bitacora`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesBitacora {
    /// Level as `tracing` names it: `error`, `warn`, `info`, `debug`, `trace`.
    pub nivel: &'static str,
    pub formato: FormatoBitacora,
}

/// A whole, valid configuration.
#[derive(Debug, Clone)]
pub struct Configuracion {
    pub servidor: AjustesServidor,
    pub carpeta: PathBuf,
    pub motor: AjustesMotor,
    pub proyecciones: AjustesProyecciones,
    pub auditoria: AjustesAuditoria,
    pub datos_personales: AjustesDatosPersonales,
    pub registro: AjustesRegistro,
    /// `None`: the tables are in the data folder.
    pub tablas: Option<AjustesTablas>,
    pub kafka: AjustesKafka,
    pub esquemas: AjustesEsquemas,
    pub bitacora: AjustesBitacora,
    emisor: Emisor,
    resueltos: Vec<Resuelto>,
}

impl Configuracion {
    /// The issuer that the configuration describes.
    pub fn emisor(&self) -> Emisor {
        self.emisor.clone()
    }

    /// Every setting with its value and origin, in the order of the table.
    pub fn resueltos(&self) -> &[Resuelto] {
        &self.resueltos
    }

    /// Builds the typed values. Failures that concern the value's meaning (an identification that does not check) are added to
    /// `problemas`; the result then only serves to go on collecting.
    pub(super) fn armar(resueltos: Vec<Resuelto>, problemas: &mut Vec<Problema>) -> Self {
        let tabla = Tabla(&resueltos);
        Self {
            servidor: AjustesServidor {
                direccion: tabla.direccion("servidor.direccion"),
                max_cuerpo_bytes: tabla.tamano("servidor.max_cuerpo_bytes"),
                max_peticiones: tabla.tamano("servidor.max_peticiones"),
                plazo_peticion: Duration::from_secs(tabla.natural("servidor.plazo_peticion_segundos")),
            },
            carpeta: tabla.ruta("datos.carpeta"),
            motor: AjustesMotor {
                epoca_max_registros: tabla.tamano("motor.epoca_max_registros"),
                epoca_max_bytes: tabla.tamano("motor.epoca_max_bytes"),
                memoria_bytes: tabla.tamano("motor.memoria_mb") << 20,
                instantanea_cada: tabla.natural("motor.instantanea_cada"),
                max_en_curso: tabla.tamano("motor.max_en_curso"),
                nodo: tabla.texto("motor.nodo").to_owned(),
                particiones: u16::try_from(tabla.entero("motor.particiones")).unwrap_or(u16::MAX),
            },
            proyecciones: AjustesProyecciones {
                activas: tabla.booleano("proyecciones.activas"),
                hilos: tabla.tamano("proyecciones.hilos"),
            },
            auditoria: AjustesAuditoria {
                consultas: match tabla.texto("auditoria.consultas") {
                    "muestra" => ConsultasAuditadas::Muestra,
                    "ninguna" => ConsultasAuditadas::Ninguna,
                    _ => ConsultasAuditadas::Todas,
                },
                sellos: AjustesSellos {
                    activos: tabla.booleano("auditoria.sellar"),
                    clave_archivo: tabla.archivo("auditoria.clave_archivo"),
                    publicas_archivo: tabla.archivo("auditoria.publicas_archivo"),
                    hojas: tabla.natural("auditoria.hojas_por_sello"),
                    plazo: Duration::from_secs(tabla.natural("auditoria.segundos_por_sello")),
                },
            },
            datos_personales: AjustesDatosPersonales {
                cifrar: tabla.booleano("datos_personales.cifrar"),
                clave_maestra_archivo: tabla.archivo("datos_personales.clave_maestra_archivo"),
                conservar_anos: u16::try_from(tabla.entero("datos_personales.conservar_anos")).unwrap_or(u16::MAX),
            },
            registro: AjustesRegistro {
                tipo: if tabla.texto("registro.tipo") == "kafka" { TipoRegistro::Kafka } else { TipoRegistro::Embebido },
                retencion_comandos: Duration::from_secs(tabla.natural("registro.retencion_comandos_horas") * 3_600),
                retencion_respuestas: Duration::from_secs(tabla.natural("registro.retencion_respuestas_minutos") * 60),
                cache_bytes: tabla.natural("registro.cache_mb") << 20,
            },
            tablas: tablas(&tabla, problemas),
            kafka: kafka(&tabla, problemas),
            esquemas: esquemas(&tabla, problemas),
            bitacora: AjustesBitacora {
                nivel: match tabla.texto("bitacora.nivel") {
                    "error" => "error",
                    "info" => "info",
                    "depuracion" => "debug",
                    "traza" => "trace",
                    _ => "warn",
                },
                formato: if tabla.texto("bitacora.formato") == "json" { FormatoBitacora::Json } else { FormatoBitacora::Texto },
            },
            emisor: emisor(&tabla, problemas),
            resueltos,
        }
    }
}

fn tablas(tabla: &Tabla<'_>, problemas: &mut Vec<Problema>) -> Option<AjustesTablas> {
    let texto = |nombre| tabla.texto(nombre).trim().to_owned();
    let lista = |nombre| -> Vec<String> {
        tabla.texto(nombre).split(',').map(str::trim).filter(|uno| !uno.is_empty()).map(str::to_owned).collect()
    };
    let nodos = lista("tablas.nodos");
    let con_puerto =
        |nodo: &String| nodo.rsplit_once(':').is_some_and(|(host, puerto)| !host.is_empty() && puerto.parse::<u16>().is_ok());
    if nodos.is_empty() || !nodos.iter().all(con_puerto) {
        problemas.push(Problema {
            que: format!("tablas.nodos: «{}» no son direcciones host:puerto", tabla.texto("tablas.nodos")),
            donde: tabla.buscar("tablas.nodos").origen.to_string(),
            hacer: "Por ejemplo 127.0.0.1:9042, o varias separadas por comas.".to_owned(),
        });
    }
    let espacio = texto("tablas.espacio");
    let de_nombre = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !espacio.chars().all(de_nombre) || !espacio.starts_with(|c: char| c.is_ascii_lowercase()) {
        problemas.push(Problema {
            que: format!("tablas.espacio: «{espacio}» no sirve de nombre de keyspace"),
            donde: tabla.buscar("tablas.espacio").origen.to_string(),
            hacer: "Use minúsculas, cifras y «_», y empiece por una letra: factumarket.".to_owned(),
        });
    }
    let ajustes = AjustesTablas {
        nodos,
        espacio,
        replicas: u16::try_from(tabla.entero("tablas.replicas")).unwrap_or(u16::MAX),
        consistencia: match tabla.texto("tablas.consistencia") {
            "uno" => ConsistenciaTablas::Uno,
            "quorum" => ConsistenciaTablas::Quorum,
            _ => ConsistenciaTablas::QuorumLocal,
        },
        crear: tabla.booleano("tablas.crear"),
        usuario: texto("tablas.usuario"),
        contrasena_archivo: texto("tablas.contrasena_archivo"),
        tls: tabla.booleano("tablas.tls"),
        ca_archivo: texto("tablas.ca_archivo"),
        nombres_tls: lista("tablas.nombres_tls"),
        certificado_archivo: texto("tablas.certificado_archivo"),
        clave_archivo: texto("tablas.clave_archivo"),
        plazo: Duration::from_millis(tabla.natural("tablas.plazo_ms")),
        relevo: Duration::from_millis(tabla.natural("tablas.relevo_ms")),
        en_vuelo: tabla.tamano("tablas.en_vuelo"),
    };
    (tabla.texto("tablas.tipo") == "cql").then_some(ajustes)
}

fn kafka(tabla: &Tabla<'_>, problemas: &mut Vec<Problema>) -> AjustesKafka {
    let texto = |nombre| tabla.texto(nombre).trim().to_owned();
    let natural = |nombre| u16::try_from(tabla.entero(nombre)).unwrap_or(u16::MAX);
    let ajustes = AjustesKafka {
        brokers: texto("kafka.brokers"),
        prefijo: texto("kafka.prefijo"),
        particiones_respuestas: natural("kafka.particiones_respuestas"),
        replicas: natural("kafka.replicas"),
        min_en_sincronia: natural("kafka.min_en_sincronia"),
        topologia: texto("kafka.topologia"),
        sesion: Duration::from_millis(tabla.natural("kafka.sesion_ms")),
        transaccion: Duration::from_millis(tabla.natural("kafka.transaccion_ms")),
        seguridad: match tabla.texto("kafka.seguridad") {
            "tls" => SeguridadKafka::Tls,
            "sasl" => SeguridadKafka::Sasl,
            "sasl_tls" => SeguridadKafka::SaslTls,
            _ => SeguridadKafka::Ninguna,
        },
        ca_archivo: texto("kafka.ca_archivo"),
        certificado_archivo: texto("kafka.certificado_archivo"),
        clave_archivo: texto("kafka.clave_archivo"),
        mecanismo: texto("kafka.mecanismo"),
        usuario: texto("kafka.usuario"),
        contrasena_archivo: texto("kafka.contrasena_archivo"),
        ajustes: texto("kafka.ajustes"),
    };
    if ajustes.min_en_sincronia > ajustes.replicas {
        problemas.push(Problema {
            que: format!("kafka.min_en_sincronia es {} y sólo hay {} réplicas", ajustes.min_en_sincronia, ajustes.replicas),
            donde: tabla.buscar("kafka.replicas").origen.to_string(),
            hacer: "Suba kafka.replicas o baje kafka.min_en_sincronia; con un solo broker ambos son 1.".to_owned(),
        });
    }
    ajustes
}

fn esquemas(tabla: &Tabla<'_>, problemas: &mut Vec<Problema>) -> AjustesEsquemas {
    const NINGUNO: &str = "ninguno";
    let texto = |nombre| tabla.texto(nombre).trim().to_owned();
    let partes = tabla.texto("esquemas.url").split(',').map(str::trim).filter(|url| !url.is_empty());
    let urls: Vec<String> = partes.filter(|url| *url != NINGUNO).map(str::to_owned).collect();
    let mala = urls.iter().find(|url| !url.starts_with("http://") && !url.starts_with("https://"));
    if let Some(mala) = mala {
        problemas.push(Problema {
            que: format!("esquemas.url: «{mala}» no es una dirección http:// ni https://"),
            donde: tabla.buscar("esquemas.url").origen.to_string(),
            hacer: "Por ejemplo http://127.0.0.1:8081/apis/ccompat/v7, o «ninguno».".to_owned(),
        });
    }
    let ajustes = AjustesEsquemas {
        urls,
        usuario: texto("esquemas.usuario"),
        contrasena_archivo: texto("esquemas.contrasena_archivo"),
        ca_archivo: texto("esquemas.ca_archivo"),
        plazo: Duration::from_millis(tabla.natural("esquemas.plazo_ms")),
    };
    if ajustes.usuario.is_empty() != ajustes.contrasena_archivo.is_empty() {
        problemas.push(Problema {
            que: "esquemas.usuario y esquemas.contrasena_archivo van juntos, y hay uno solo".to_owned(),
            donde: tabla.buscar("esquemas.usuario").origen.to_string(),
            hacer: "Ponga los dos, o ninguno.".to_owned(),
        });
    }
    ajustes
}

fn emisor(tabla: &Tabla<'_>, problemas: &mut Vec<Problema>) -> Emisor {
    let mut emisor = if tabla.texto("emisor.regimen") == "EC" { Emisor::ec() } else { Emisor::co() };
    let nombre = tabla.texto("emisor.nombre").trim();
    if !nombre.is_empty() {
        nombre.clone_into(&mut emisor.nombre);
    }
    match tabla.texto("emisor.redondeo") {
        "mitad_par" => emisor.redondeo.modo = ModoRedondeo::MitadPar,
        "mitad_arriba" => emisor.redondeo.modo = ModoRedondeo::MitadArriba,
        _ => {}
    }
    let por_documento = tabla.texto("emisor.nivel_redondeo") == "documento";
    emisor.redondeo.nivel = if por_documento { NivelRedondeo::Documento } else { NivelRedondeo::Linea };
    emisor.redondeo.decimales = u32::try_from(tabla.entero("emisor.decimales")).unwrap_or(2);
    emisor.plazo_emision_ms = tabla.entero("emisor.plazo_emision_segundos") * 1_000;
    emisor.vender_vencidos = tabla.booleano("emisor.vender_vencidos");
    emisor.verificar_digito_ruc = tabla.booleano("emisor.verificar_digito_ruc");
    let dias = |clave: &str| match &tabla.buscar(clave).valor {
        Valor::Entero(dias) => u16::try_from(*dias).ok(),
        _ => None,
    };
    emisor.limite_credito = match &tabla.buscar("emisor.limite_credito").valor {
        Valor::Entero(limite) => Dinero::nuevo(Decimal::from(*limite)).ok(),
        _ => None,
    };
    gravar(&mut emisor, tabla, problemas);
    emisor.max_dias_futuro = dias("emisor.max_dias_futuro");
    emisor.nota_credito_mismo_dia = tabla.booleano("emisor.nota_credito_mismo_dia");
    emisor.plazo_nota_credito_dias = dias("emisor.plazo_nota_credito_dias");
    emisor.plazo_anulacion_dias =
        u16::try_from(tabla.entero("emisor.plazo_anulacion_dias")).unwrap_or(Emisor::PLAZO_ANULACION_DIAS);
    identificar(&mut emisor, tabla, problemas);
    emisor
}

/// The configured tax catalogue, in the place of the regime's.
fn gravar(emisor: &mut Emisor, tabla: &Tabla<'_>, problemas: &mut Vec<Problema>) {
    let escrito = tabla.texto("emisor.impuestos");
    if escrito.trim().is_empty() {
        return;
    }
    match impuestos::leer(escrito) {
        Ok(catalogo) => emisor.impuestos = catalogo,
        Err(errores) => problemas.extend(errores.into_iter().map(|error| Problema {
            que: format!("un impuesto del emisor no se entiende: {error}"),
            donde: tabla.buscar("emisor.impuestos").origen.to_string(),
            hacer: "Por ejemplo: IVA 19 2017-01-01; IVA 12 2017-06-01..2024-03-31.".to_owned(),
        })),
    }
}

/// The configured identification, then everything that the domain finds wrong with the whole issuer.
fn identificar(emisor: &mut Emisor, tabla: &Tabla<'_>, problemas: &mut Vec<Problema>) {
    let escrito = tabla.texto("emisor.identificacion").trim();
    if !escrito.is_empty() {
        let tipo = emisor.identificacion.tipo;
        match Identificacion::nueva(tipo, escrito, None, emisor.verificar_digito_ruc) {
            Ok(identificacion) => emisor.identificacion = identificacion,
            Err(motivo) => problemas.push(Problema {
                que: format!("la identificación del emisor «{escrito}» no es un {} válido: {motivo}", tipo.nombre()),
                donde: tabla.buscar("emisor.identificacion").origen.to_string(),
                hacer: "Escríbala con su dígito de verificación, por ejemplo 900123456-8.".to_owned(),
            }),
        }
    }
    problemas.extend(emisor.validar().into_iter().map(|falla| problema_de(&falla, tabla)));
}

/// What the domain finds wrong, with the setting that says it and where that was written.
fn problema_de(falla: &Falla, tabla: &Tabla<'_>) -> Problema {
    let partes: Vec<&str> = falla.campo.split('/').skip(1).collect();
    let ajuste = match partes[..] {
        ["nombre", ..] => "emisor.nombre",
        ["redondeo", ..] => "emisor.decimales",
        ["plazo_emision_ms", ..] => "emisor.plazo_emision_segundos",
        ["limite_credito", ..] => "emisor.limite_credito",
        ["impuestos", ..] => "emisor.impuestos",
        _ => "emisor.identificacion",
    };
    let cual = match partes[..] {
        ["impuestos", indice, ..] => indice.parse::<usize>().map(|i| format!(" (impuesto {})", i + 1)).unwrap_or_default(),
        _ => String::new(),
    };
    let resuelto = tabla.buscar(ajuste);
    Problema {
        que: format!("{ajuste}{cual}: {}", falla.mensaje),
        donde: resuelto.origen.to_string(),
        hacer: format!("Lo permitido: {}.", resuelto.ajuste.tipo.permitido()),
    }
}

/// Reading of the resolved table by name and type. A wrong name or type is a slip in this file, which every test that loads the
/// defaults would show.
struct Tabla<'a>(&'a [Resuelto]);

impl<'a> Tabla<'a> {
    fn buscar(&self, nombre: &str) -> &'a Resuelto {
        self.0.iter().find(|r| r.ajuste.nombre == nombre).unwrap_or_else(|| panic!("el ajuste {nombre} no está en la tabla"))
    }

    fn entero(&self, nombre: &str) -> i64 {
        match &self.buscar(nombre).valor {
            Valor::Entero(valor) => *valor,
            otro => panic!("el ajuste {nombre} no es un entero: {otro}"),
        }
    }

    fn natural(&self, nombre: &str) -> u64 {
        u64::try_from(self.entero(nombre)).unwrap_or(0)
    }

    fn tamano(&self, nombre: &str) -> usize {
        usize::try_from(self.entero(nombre)).unwrap_or(0)
    }

    fn booleano(&self, nombre: &str) -> bool {
        matches!(self.buscar(nombre).valor, Valor::Booleano(true))
    }

    /// A file that may be left out.
    fn archivo(&self, nombre: &str) -> Option<PathBuf> {
        Some(self.texto(nombre)).filter(|ruta| !ruta.is_empty()).map(PathBuf::from)
    }

    fn texto(&self, nombre: &str) -> &'a str {
        match &self.buscar(nombre).valor {
            Valor::Texto(texto) => texto,
            otro => panic!("el ajuste {nombre} no es un texto: {otro}"),
        }
    }

    fn direccion(&self, nombre: &str) -> SocketAddr {
        match &self.buscar(nombre).valor {
            Valor::Direccion(direccion) => *direccion,
            otro => panic!("el ajuste {nombre} no es una dirección: {otro}"),
        }
    }

    fn ruta(&self, nombre: &str) -> PathBuf {
        match &self.buscar(nombre).valor {
            Valor::Ruta(ruta) => ruta.clone(),
            otro => panic!("el ajuste {nombre} no es una ruta: {otro}"),
        }
    }
}
