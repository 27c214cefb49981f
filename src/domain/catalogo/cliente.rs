//! Cliente: the buyer.

use std::sync::Arc;

use super::revision;
use crate::domain::{
    ComandoEnEspera, ContextoDecision, Rechazo,
    reglas::{Falla, Fallas, Regla},
    valores::{Direccion, Id, Identificacion, TEXTO_MAX, TipoIdentificacion, correo_valido},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EstadoFiscal {
    Activo,
    Suspendido,
    Cancelado,
}

impl EstadoFiscal {
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Activo => "ACTIVO",
            Self::Suspendido => "SUSPENDIDO",
            Self::Cancelado => "CANCELADO",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        [Self::Activo, Self::Suspendido, Self::Cancelado].into_iter().find(|e| e.nombre() == nombre)
    }
}

/// The personal data of a client. On the wire it travels in the union `cliente: claro | cifrado`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatosCliente {
    pub nombre: Arc<str>,
    pub identificacion: Identificacion,
    pub correo: Arc<str>,
    pub direccion: Direccion,
    pub estado_fiscal: EstadoFiscal,
    pub tipo_persona: Option<Arc<str>>,
    pub responsabilidades: Vec<Arc<str>>,
    pub municipio: Option<Arc<str>>,
    pub departamento: Option<Arc<str>>,
}

impl DatosCliente {
    /// What stands where personal data were forgotten.
    pub fn suprimidos() -> Self {
        const SUPRIMIDO: &str = "[suprimido]";
        Self {
            nombre: Arc::from(SUPRIMIDO),
            identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: Arc::from(SUPRIMIDO), dv: None },
            correo: Arc::from("suprimido@datos.invalid"),
            direccion: Direccion::de_linea(SUPRIMIDO),
            estado_fiscal: EstadoFiscal::Cancelado,
            tipo_persona: None,
            responsabilidades: Vec::new(),
            municipio: None,
            departamento: None,
        }
    }

    /// Whether nothing of anybody is left in it.
    pub fn es_suprimido(&self) -> bool {
        *self == Self::suprimidos()
    }
}

/// Changed fields; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CambiosCliente {
    pub nombre: Option<Arc<str>>,
    pub identificacion: Option<Identificacion>,
    pub correo: Option<Arc<str>>,
    pub direccion: Option<Direccion>,
    pub estado_fiscal: Option<EstadoFiscal>,
    pub tipo_persona: Option<Arc<str>>,
    pub responsabilidades: Option<Vec<Arc<str>>>,
    pub municipio: Option<Arc<str>>,
    pub departamento: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ComandoCliente {
    CrearCliente {
        cliente_id: Id,
        datos: Arc<DatosCliente>,
    },
    ActualizarCliente {
        cliente_id: Id,
        cambios: Box<CambiosCliente>,
    },
    InactivarCliente {
        cliente_id: Id,
    },
    ReactivarCliente {
        cliente_id: Id,
    },
    /// Its personal data are forgotten, for ever.
    SuprimirCliente {
        cliente_id: Id,
    },
    /// Step 0 of an invoice whose client lives on another node: the owner answers with `ClienteConsultado` and gives `pedido` back.
    ConsultarCliente {
        cliente_id: Id,
        factura_id: Id,
        pedido: ComandoEnEspera,
    },
}

impl ComandoCliente {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::CrearCliente { .. } => "CrearCliente",
            Self::ActualizarCliente { .. } => "ActualizarCliente",
            Self::InactivarCliente { .. } => "InactivarCliente",
            Self::ReactivarCliente { .. } => "ReactivarCliente",
            Self::SuprimirCliente { .. } => "SuprimirCliente",
            Self::ConsultarCliente { .. } => "ConsultarCliente",
        }
    }

    pub fn cliente_id(&self) -> &Id {
        match self {
            Self::CrearCliente { cliente_id, .. }
            | Self::ActualizarCliente { cliente_id, .. }
            | Self::InactivarCliente { cliente_id }
            | Self::ReactivarCliente { cliente_id }
            | Self::SuprimirCliente { cliente_id }
            | Self::ConsultarCliente { cliente_id, .. } => cliente_id,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventoCliente {
    ClienteCreado { cliente_id: Id, datos: Arc<DatosCliente> },
    ClienteActualizado { cliente_id: Id, cambios: Box<CambiosCliente> },
    ClienteInactivado { cliente_id: Id },
    ClienteReactivado { cliente_id: Id },
    ClienteSuprimido { cliente_id: Id },
}

impl EventoCliente {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::ClienteCreado { .. } => "ClienteCreado",
            Self::ClienteActualizado { .. } => "ClienteActualizado",
            Self::ClienteInactivado { .. } => "ClienteInactivado",
            Self::ClienteReactivado { .. } => "ClienteReactivado",
            Self::ClienteSuprimido { .. } => "ClienteSuprimido",
        }
    }
}

/// State of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cliente {
    pub cliente_id: Id,
    /// Shared with the invoices issued to it.
    pub datos: Arc<DatosCliente>,
    pub activo: bool,
    /// Its personal data were forgotten at its request: it is inactive, and nothing changes it any more.
    pub suprimido: bool,
}

/// Most fiscal responsibilities of one client.
const RESPONSABILIDADES_MAX: usize = 50;

/// What a command on a client means. The identification of the event is the canonical one.
///
/// # Errors
/// Every failure at once: YaExiste, ClienteNoExiste, IdentificacionValida, CorreoValido, NombreValido, DireccionValida,
/// TextoValido, EstadoValido.
pub fn decidir(
    estado: Option<&Cliente>,
    comando: &ComandoCliente,
    ctx: &ContextoDecision<'_>,
) -> Result<Vec<EventoCliente>, Rechazo> {
    match (estado, comando) {
        // A question changes nothing: the engine answers it with the state.
        (_, ComandoCliente::ConsultarCliente { .. }) => Ok(Vec::new()),
        (_, ComandoCliente::CrearCliente { cliente_id, datos }) => crear(estado, cliente_id, datos, ctx),
        (None, _) => Err(Rechazo::de(Falla::simple(Regla::ClienteNoExiste, ""))),
        (Some(cliente), _) if cliente.suprimido => {
            Err(revision::estado_invalido("los datos personales del cliente fueron suprimidos: no cambia más"))
        }
        (Some(_), ComandoCliente::SuprimirCliente { cliente_id }) => {
            Ok(vec![EventoCliente::ClienteSuprimido { cliente_id: cliente_id.clone() }])
        }
        (Some(_), ComandoCliente::ActualizarCliente { cliente_id, cambios }) => actualizar(cliente_id, cambios, ctx),
        (Some(cliente), ComandoCliente::InactivarCliente { cliente_id }) if cliente.activo => {
            Ok(vec![EventoCliente::ClienteInactivado { cliente_id: cliente_id.clone() }])
        }
        (Some(cliente), ComandoCliente::ReactivarCliente { cliente_id }) if !cliente.activo => {
            Ok(vec![EventoCliente::ClienteReactivado { cliente_id: cliente_id.clone() }])
        }
        (Some(_), ComandoCliente::InactivarCliente { .. }) => Err(revision::estado_invalido("el cliente ya está inactivo")),
        (Some(_), ComandoCliente::ReactivarCliente { .. }) => Err(revision::estado_invalido("el cliente ya está activo")),
    }
}

fn crear(
    estado: Option<&Cliente>,
    cliente_id: &Id,
    datos: &DatosCliente,
    ctx: &ContextoDecision<'_>,
) -> Result<Vec<EventoCliente>, Rechazo> {
    let mut fallas = Fallas::new();
    revision::no_existe(&mut fallas, estado, "un cliente");
    revision::nombre(&mut fallas, "/nombre", &datos.nombre);
    let identificacion = canonica(&mut fallas, &datos.identificacion, ctx);
    revisar_correo(&mut fallas, &datos.correo);
    revision::direccion(&mut fallas, "/direccion", &datos.direccion);
    revisar_tributarios(
        &mut fallas,
        datos.tipo_persona.as_ref(),
        &datos.responsabilidades,
        datos.municipio.as_ref(),
        datos.departamento.as_ref(),
    );
    let datos = Arc::new(DatosCliente { identificacion, ..datos.clone() });
    fallas.resultado(vec![EventoCliente::ClienteCreado { cliente_id: cliente_id.clone(), datos }])
}

fn actualizar(cliente_id: &Id, cambios: &CambiosCliente, ctx: &ContextoDecision<'_>) -> Result<Vec<EventoCliente>, Rechazo> {
    let mut fallas = Fallas::new();
    revision::algun_cambio(&mut fallas, *cambios != CambiosCliente::default());
    if let Some(nombre) = &cambios.nombre {
        revision::nombre(&mut fallas, "/nombre", nombre);
    }
    let identificacion = cambios.identificacion.as_ref().map(|i| canonica(&mut fallas, i, ctx));
    if let Some(correo) = &cambios.correo {
        revisar_correo(&mut fallas, correo);
    }
    if let Some(direccion) = &cambios.direccion {
        revision::direccion(&mut fallas, "/direccion", direccion);
    }
    revisar_tributarios(
        &mut fallas,
        cambios.tipo_persona.as_ref(),
        cambios.responsabilidades.as_deref().unwrap_or_default(),
        cambios.municipio.as_ref(),
        cambios.departamento.as_ref(),
    );
    let cambios = Box::new(CambiosCliente { identificacion, ..cambios.clone() });
    fallas.resultado(vec![EventoCliente::ClienteActualizado { cliente_id: cliente_id.clone(), cambios }])
}

/// The identification as it will be kept; one that fails comes back as it was, with its failure noted.
fn canonica(fallas: &mut Fallas, dada: &Identificacion, ctx: &ContextoDecision<'_>) -> Identificacion {
    match Identificacion::nueva(dada.tipo, &dada.numero, dada.dv, ctx.emisor.verificar_digito_ruc) {
        Ok(identificacion) => identificacion,
        Err(motivo) => {
            fallas.agregar(Falla::new(Regla::IdentificacionValida, "/identificacion", motivo));
            dada.clone()
        }
    }
}

fn revisar_correo(fallas: &mut Fallas, correo: &str) {
    fallas.exigir(correo_valido(correo), || {
        Falla::new(Regla::CorreoValido, "/correo", "el correo debe tener la forma usuario@dominio.com")
    });
}

fn revisar_tributarios(
    fallas: &mut Fallas,
    tipo_persona: Option<&Arc<str>>,
    responsabilidades: &[Arc<str>],
    municipio: Option<&Arc<str>>,
    departamento: Option<&Arc<str>>,
) {
    revision::texto_opcional(fallas, "/tipo_persona", tipo_persona, revision::CODIGO_MAX);
    revision::texto_opcional(fallas, "/municipio", municipio, TEXTO_MAX);
    revision::texto_opcional(fallas, "/departamento", departamento, TEXTO_MAX);
    if responsabilidades.len() > RESPONSABILIDADES_MAX {
        let mensaje = format!("un cliente tiene como máximo {RESPONSABILIDADES_MAX} responsabilidades");
        fallas.agregar(Falla::new(Regla::TextoValido, "/responsabilidades", mensaje));
        return;
    }
    for (i, responsabilidad) in responsabilidades.iter().enumerate() {
        revision::texto(fallas, &format!("/responsabilidades/{i}"), responsabilidad, revision::CODIGO_MAX);
    }
}

/// The fold of one event. Total: an event that cannot apply (a second creation, a change of nothing) leaves the state as it is.
pub fn evolucionar(estado: &mut Option<Cliente>, evento: &EventoCliente) {
    match (estado, evento) {
        (estado @ None, EventoCliente::ClienteCreado { cliente_id, datos }) => {
            *estado = Some(Cliente { cliente_id: cliente_id.clone(), datos: datos.clone(), activo: true, suprimido: false });
        }
        (Some(cliente), EventoCliente::ClienteActualizado { cambios, .. }) => aplicar(Arc::make_mut(&mut cliente.datos), cambios),
        (Some(cliente), EventoCliente::ClienteInactivado { .. }) => cliente.activo = false,
        (Some(cliente), EventoCliente::ClienteReactivado { .. }) => cliente.activo = true,
        (Some(cliente), EventoCliente::ClienteSuprimido { .. }) => {
            cliente.datos = Arc::new(DatosCliente::suprimidos());
            (cliente.activo, cliente.suprimido) = (false, true);
        }
        (Some(_), EventoCliente::ClienteCreado { .. }) | (None, _) => {}
    }
}

fn aplicar(datos: &mut DatosCliente, cambios: &CambiosCliente) {
    revision::cambiar(&mut datos.nombre, cambios.nombre.as_ref());
    revision::cambiar(&mut datos.identificacion, cambios.identificacion.as_ref());
    revision::cambiar(&mut datos.correo, cambios.correo.as_ref());
    revision::cambiar(&mut datos.direccion, cambios.direccion.as_ref());
    revision::cambiar(&mut datos.estado_fiscal, cambios.estado_fiscal.as_ref());
    revision::cambiar(&mut datos.responsabilidades, cambios.responsabilidades.as_ref());
    revision::cambiar_opcional(&mut datos.tipo_persona, cambios.tipo_persona.as_ref());
    revision::cambiar_opcional(&mut datos.municipio, cambios.municipio.as_ref());
    revision::cambiar_opcional(&mut datos.departamento, cambios.departamento.as_ref());
}
