//! The portrait: everything that counts of what was decided, in one order and one form, whoever decided it.
//!
//! Left out is what may differ without anybody being wronged: versions and ids of events (they depend on what the epochs dropped), the
//! memory of sagas that ended, and who waited for an answer.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    sync::Arc,
};

use super::Mundo;
use crate::{
    audit::invariantes::ErrorVerificacion,
    contracts::{Codec, CodecError, ComandoRechazado, RecordedEvent, RegistroAuditoria},
    domain::{
        Contexto, TipoAgregado,
        catalogo::{bodega::Bodega, cliente::Cliente, descuento::Descuento, producto::Producto, sucursal::Sucursal},
        facturacion::{
            factura::{
                CabeceraFactura, EstadoFactura, Factura, FacturaAnulada, FacturaEmitida, LineaFactura, Posterior, RespuestaDian,
                TotalesFactura,
                credito::{CreditoFactura, LineaNotaCredito},
            },
            nota_credito::{CabeceraNota, EstadoNota, NotaCredito, NotaCreditoEmitida},
        },
        inventario::{Inventario, Lote, PuestoLote, Reserva},
        numeracion::{Autorizacion, RangoNumeracion},
        reglas::Falla,
        valores::{Cantidad, CostoTotal, Id},
    },
    log::{Log, LogError, Topic, all_partitions},
};

/// Bytes asked of the log at a time.
const BYTES: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq)]
struct VistaInventario {
    stock: Cantidad,
    reservado: Cantidad,
    valor: CostoTotal,
    stock_minimo: Option<Cantidad>,
    bajo_minimo: bool,
    siguiente_secuencia: u64,
    lotes: BTreeMap<PuestoLote, Lote>,
    reservas: BTreeMap<Id, Reserva>,
}

impl From<&Inventario> for VistaInventario {
    fn from(i: &Inventario) -> Self {
        Self {
            stock: i.stock,
            reservado: i.reservado,
            valor: i.valor(),
            stock_minimo: i.stock_minimo,
            bajo_minimo: i.bajo_minimo,
            siguiente_secuencia: i.siguiente_secuencia,
            lotes: i.lotes.clone(),
            reservas: i.reservas.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct VistaRango {
    autorizacion: Autorizacion,
    siguiente: u64,
    avisado: bool,
    inutilizados: Vec<u64>,
    /// Documents and their numbers, as far as the range remembers them.
    dados: Vec<(Id, u64)>,
}

impl From<&RangoNumeracion> for VistaRango {
    fn from(r: &RangoNumeracion) -> Self {
        Self {
            autorizacion: r.autorizacion.clone(),
            siguiente: r.siguiente,
            avisado: r.avisado,
            inutilizados: r.inutilizados.iter().copied().collect(),
            dados: r.recientes.iter().cloned().collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct VistaFactura {
    estado: EstadoFactura,
    intento: u32,
    cabecera: Arc<CabeceraFactura>,
    lineas: Vec<Arc<LineaFactura>>,
    totales: Option<Arc<TotalesFactura>>,
    emitida: Option<Arc<FacturaEmitida>>,
    errores: Vec<Falla>,
    /// Credit by line, notes, annulment, the tax authority's answer.
    posterior: VistaPosterior,
}

/// What happened to an invoice after its issue. Of an annulment in course, only that it is.
#[derive(Debug, Clone, PartialEq, Default)]
struct VistaPosterior {
    credito: CreditoFactura,
    anulaciones: u32,
    en_curso: bool,
    anulada: Option<Arc<FacturaAnulada>>,
    dian: Option<RespuestaDian>,
}

impl From<&Posterior> for VistaPosterior {
    fn from(p: &Posterior) -> Self {
        Self {
            credito: p.credito.clone(),
            anulaciones: p.anulaciones,
            en_curso: p.en_curso.is_some(),
            anulada: p.anulada.clone(),
            dian: p.dian.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct VistaNota {
    estado: EstadoNota,
    intento: u32,
    cabecera: Arc<CabeceraNota>,
    lineas: Vec<Arc<LineaNotaCredito>>,
    emitida: Option<Arc<NotaCreditoEmitida>>,
    errores: Vec<Falla>,
}

impl From<&NotaCredito> for VistaNota {
    fn from(n: &NotaCredito) -> Self {
        Self {
            estado: n.estado,
            intento: n.intento,
            cabecera: Arc::clone(&n.cabecera),
            lineas: n.lineas.clone(),
            emitida: n.emitida.clone(),
            errores: n.errores.clone(),
        }
    }
}

impl From<&Factura> for VistaFactura {
    fn from(f: &Factura) -> Self {
        Self {
            estado: f.estado,
            intento: f.intento,
            cabecera: Arc::clone(&f.cabecera),
            lineas: f.lineas.clone(),
            totales: f.totales().cloned(),
            emitida: f.emitida.clone(),
            errores: f.errores.clone(),
            posterior: f.posterior.as_deref().map(VistaPosterior::from).unwrap_or_default(),
        }
    }
}

/// A refused command: who, what, why.
type Rechazado = (TipoAgregado, Id, Id, Arc<str>);

/// Stock, values, lots, reservations, documents with their amounts, numbers and failures, credit and annulments, ranges, catalogues, refused
/// commands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Retrato {
    clientes: BTreeMap<Id, Cliente>,
    productos: BTreeMap<Id, Producto>,
    descuentos: BTreeMap<Id, Descuento>,
    sucursales: BTreeMap<Id, Sucursal>,
    bodegas: BTreeMap<Id, Bodega>,
    inventarios: BTreeMap<Id, VistaInventario>,
    rangos: BTreeMap<Id, VistaRango>,
    facturas: BTreeMap<Id, VistaFactura>,
    notas: BTreeMap<Id, VistaNota>,
    /// With the failures of each time that it was refused, in order.
    rechazos: BTreeMap<Rechazado, Vec<Vec<Falla>>>,
}

impl Retrato {
    pub(super) fn de(mundo: &Mundo, rechazos: &Rechazos) -> Self {
        Self {
            clientes: mundo.clientes.clone(),
            productos: mundo.productos.clone(),
            descuentos: mundo.descuentos.clone(),
            sucursales: mundo.sucursales.clone(),
            bodegas: mundo.bodegas.clone(),
            inventarios: vistas(&mundo.inventarios),
            rangos: vistas(&mundo.rangos),
            facturas: vistas(&mundo.facturas),
            notas: vistas(&mundo.notas),
            rechazos: rechazos.0.clone(),
        }
    }

    /// The canonical text: one line for each aggregate and refusal, in order. Equal portraits give the same bytes.
    pub fn texto(&self) -> String {
        let mut texto = String::new();
        // Writing to a String never fails.
        let _ = self.escribir(&mut texto);
        texto
    }

    fn escribir(&self, texto: &mut String) -> fmt::Result {
        lineas(texto, "cliente", &self.clientes)?;
        lineas(texto, "producto", &self.productos)?;
        lineas(texto, "descuento", &self.descuentos)?;
        lineas(texto, "sucursal", &self.sucursales)?;
        lineas(texto, "bodega", &self.bodegas)?;
        lineas(texto, "inventario", &self.inventarios)?;
        lineas(texto, "rango", &self.rangos)?;
        lineas(texto, "factura", &self.facturas)?;
        lineas(texto, "nota", &self.notas)?;
        for ((tipo, id, command_id, comando), veces) in &self.rechazos {
            writeln!(texto, "rechazo {tipo} {id} {command_id} {comando} {veces:?}")?;
        }
        Ok(())
    }

    /// The first line in which two portraits differ, of each; `None` when they are equal.
    pub fn diferencia(&self, otro: &Self) -> Option<String> {
        if self == otro {
            return None;
        }
        let (este, aquel) = (self.texto(), otro.texto());
        let (mut unas, mut otras) = (este.lines(), aquel.lines());
        loop {
            match (unas.next(), otras.next()) {
                (None, None) => return Some("difieren en algo que su texto no muestra".to_owned()),
                (una, otra) if una == otra => {}
                (una, otra) => {
                    let nada = "(nada)";
                    return Some(format!("{}\n{}", una.unwrap_or(nada), otra.unwrap_or(nada)));
                }
            }
        }
    }
}

fn vistas<S, V: for<'a> From<&'a S>>(estados: &BTreeMap<Id, S>) -> BTreeMap<Id, V> {
    estados.iter().map(|(id, estado)| (id.clone(), V::from(estado))).collect()
}

fn lineas<V: fmt::Debug>(texto: &mut String, clase: &str, vistas: &BTreeMap<Id, V>) -> fmt::Result {
    vistas.iter().try_for_each(|(id, vista)| writeln!(texto, "{clase} {id} {vista:?}"))
}

/// Refused commands, as they come.
#[derive(Debug, Clone, Default)]
pub(super) struct Rechazos(BTreeMap<Rechazado, Vec<Vec<Falla>>>);

impl Rechazos {
    pub(super) fn anotar(&mut self, tipo: TipoAgregado, id: &Id, command_id: &Id, comando: &str, errores: Vec<Falla>) {
        self.0.entry((tipo, id.clone(), command_id.clone(), Arc::from(comando))).or_default().push(errores);
    }
}

/// A portrait in the making, from records as they come.
#[derive(Debug, Default)]
pub struct Boceto {
    mundo: Mundo,
    rechazos: Rechazos,
}

impl Boceto {
    /// Events of one aggregate in their order; of different ones in any.
    pub fn evento(&mut self, registrado: &RecordedEvent) {
        self.mundo.plegar(&registrado.sobre.aggregate_id, &registrado.evento);
    }

    /// Refusals of one command in their order.
    pub fn rechazo(&mut self, rechazo: &ComandoRechazado) {
        let ComandoRechazado { aggregate_tipo, aggregate_id, command_id, tipo_comando, errores, .. } = rechazo;
        self.rechazos.anotar(*aggregate_tipo, aggregate_id, command_id, tipo_comando, errores.clone());
    }

    pub fn retrato(&self) -> Retrato {
        Retrato::de(&self.mundo, &self.rechazos)
    }
}

/// The portrait of what a log says.
///
/// # Errors
/// When the log cannot be read, or a record of it.
pub fn de_registro(log: &dyn Log, codec: &Codec) -> Result<Retrato, ErrorVerificacion> {
    let mut boceto = Boceto::default();
    let temas = Contexto::TODOS.map(Topic::Eventos).into_iter().chain([Topic::Auditoria]);
    for tp in all_partitions(log, temas) {
        let marcas = log.watermarks(tp)?;
        let mut siguiente = marcas.first;
        while siguiente < marcas.stable {
            let registros = log.read(tp, siguiente, BYTES)?;
            let Some(ultimo) = registros.last() else { break };
            siguiente = ultimo.position + 1;
            for registro in registros.iter().filter(|registro| registro.position < marcas.stable) {
                let leido = anotar(&mut boceto, codec, tp.topic, &registro.record.value);
                leido.map_err(|causa| LogError::Corrupt { partition: tp, position: registro.position, what: causa.to_string() })?;
            }
        }
    }
    Ok(boceto.retrato())
}

fn anotar(boceto: &mut Boceto, codec: &Codec, tema: Topic, valor: &[u8]) -> Result<(), CodecError> {
    if tema != Topic::Auditoria {
        boceto.evento(&codec.decode_event(valor)?);
        return Ok(());
    }
    if let RegistroAuditoria::Rechazo(rechazo) = codec.decode_audit(valor)? {
        boceto.rechazo(&rechazo);
    }
    Ok(())
}
