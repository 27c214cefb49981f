//! State of a RangoNumeracion.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{Autorizacion, TipoDocumento};
use crate::domain::valores::Id;

#[derive(Debug, Clone, PartialEq)]
pub struct RangoNumeracion {
    pub rango_id: Id,
    pub sucursal_id: Id,
    pub tipo_documento: TipoDocumento,
    pub prefijo: Arc<str>,
    pub autorizacion: Autorizacion,
    /// Next number to give.
    pub siguiente: u64,
    /// The last 4,096 documents and their numbers, oldest first.
    pub recientes: VecDeque<(Id, u64)>,
    /// Index of `recientes`; never iterated.
    pub por_documento: HashMap<Id, u64>,
    /// RangoPorAgotarse was recorded for this authorization.
    pub avisado: bool,
}
