//! The typed configuration, built from the resolved table.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{Problema, Resuelto, Valor};
use crate::domain::{
    emisor::{Emisor, ModoRedondeo, NivelRedondeo},
    valores::Identificacion,
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
}

/// Section `registro`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjustesRegistro {
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
    pub registro: AjustesRegistro,
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
            },
            registro: AjustesRegistro {
                retencion_comandos: Duration::from_secs(tabla.natural("registro.retencion_comandos_horas") * 3_600),
                retencion_respuestas: Duration::from_secs(tabla.natural("registro.retencion_respuestas_minutos") * 60),
                cache_bytes: tabla.natural("registro.cache_mb") << 20,
            },
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
    emisor.max_dias_futuro = dias("emisor.max_dias_futuro");
    emisor.nota_credito_mismo_dia = tabla.booleano("emisor.nota_credito_mismo_dia");
    emisor.plazo_nota_credito_dias = dias("emisor.plazo_nota_credito_dias");
    emisor.plazo_anulacion_dias =
        u16::try_from(tabla.entero("emisor.plazo_anulacion_dias")).unwrap_or(Emisor::PLAZO_ANULACION_DIAS);
    identificar(&mut emisor, tabla, problemas);
    emisor
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
    problemas.extend(emisor.validar().into_iter().map(|falla| Problema {
        que: falla.mensaje.clone(),
        donde: format!("sección emisor{}", falla.campo),
        hacer: "Corrija la sección [emisor].".to_owned(),
    }));
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
