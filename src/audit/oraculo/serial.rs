//! The serial oracle: commands one after the other, each with everything it leads to, over plain maps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Mundo, Retrato, retrato::Rechazos};
use crate::{
    audit::invariantes::{Fechas, ModeloLotes},
    contracts::CommandEnvelope,
    domain::{
        Comando, ContextoDecision, Direccionado, Evento, Rechazo, ResultadoPaso,
        emisor::Emisor,
        facturacion::{
            factura::{self, DireccionRespuesta, Envio, NotaSaga, Paso, PasoSaga},
            nota_credito::{self, NotaSagaCredito},
        },
        inventario::{EventoInventario, MotivoSalida},
        numeracion::EventoRango,
        reglas::{Falla, Regla, version_esperada},
        valores::{Id, Instante},
    },
    engine::core::answer,
};

/// A step of a saga, given as a command: the oracle sends its own.
#[derive(Debug, thiserror::Error)]
#[error("{0} es un paso de una saga: el oráculo serial manda los suyos")]
pub struct PasoAjeno(Id);

/// A message on its way: the client's command, a step, an answer.
struct Mensaje {
    comando: Comando,
    paso: Option<PasoSaga>,
}

/// What an aggregate decided.
#[derive(Default)]
struct Decision {
    eventos: Vec<Evento>,
    notas: Vec<NotaSaga>,
    notas_credito: Vec<NotaSagaCredito>,
    envios: Vec<Envio>,
    resultado: Option<ResultadoPaso>,
}

/// Takes commands in order; see [`super`]. Not modelled: quarantines and deadlines that pass.
pub struct OraculoSerial {
    emisor: Emisor,
    mundo: Mundo,
    /// The first content of every command decided, by who decided it.
    recuerdos: BTreeMap<(Direccionado, Id), Comando>,
    /// As `version_esperada` counts: what a command led to and made superfluous itself has no version.
    versiones: BTreeMap<Direccionado, u64>,
    rechazos: Rechazos,
    aparte: ModeloAparte,
}

impl OraculoSerial {
    pub fn new(emisor: Emisor) -> Self {
        Self {
            emisor,
            mundo: Mundo::default(),
            recuerdos: BTreeMap::new(),
            versiones: BTreeMap::new(),
            rechazos: Rechazos::default(),
            aparte: ModeloAparte::default(),
        }
    }

    /// The state as it stands.
    pub fn mundo(&self) -> &Mundo {
        &self.mundo
    }

    /// Everything that counts, to be compared with [`super::de_registro`].
    pub fn retrato(&self) -> Retrato {
        Retrato::de(&self.mundo, &self.rechazos)
    }

    /// The version of an aggregate, as `version_esperada` counts; 0 when it does not exist.
    pub fn version(&self, de: &Direccionado) -> u64 {
        self.versiones.get(de).copied().unwrap_or_default()
    }

    /// Where the domain's own lots and numbers differ from the naive ones that are kept beside them.
    pub fn discrepancias(&self) -> &[String] {
        &self.aparte.discrepancias
    }

    /// Takes a client's command. The same id with the same content was decided before: nothing happens.
    ///
    /// # Errors
    /// [`PasoAjeno`]: nothing was decided.
    pub fn tomar(&mut self, sobre: &CommandEnvelope) -> Result<(), PasoAjeno> {
        let destino = sobre.comando.destino();
        if sobre.es_de_saga() {
            return Err(PasoAjeno(sobre.command_id.clone()));
        }
        let llave = (destino.clone(), sobre.command_id.clone());
        if let Some(primero) = self.recuerdos.get(&llave) {
            if *primero != sobre.comando {
                let falla = Falla::simple(Regla::ClaveIdempotenciaEnConflicto, "").con("command_id", &sobre.command_id);
                self.rechazar(sobre, vec![falla]);
            }
            return Ok(());
        }
        if let Err(Rechazo { errores }) = self.decidir_todo(sobre, &destino) {
            self.rechazar(sobre, errores);
        }
        self.recuerdos.insert(llave, sobre.comando.clone());
        Ok(())
    }

    fn rechazar(&mut self, sobre: &CommandEnvelope, errores: Vec<Falla>) {
        let destino = sobre.comando.destino();
        self.rechazos.anotar(destino.tipo, &destino.id, &sobre.command_id, sobre.comando.tipo(), errores);
    }

    fn decidir_todo(&mut self, sobre: &CommandEnvelope, destino: &Direccionado) -> Result<(), Rechazo> {
        let actual = self.version(destino);
        if let Some(falla) = sobre.version_esperada.and_then(|esperada| version_esperada(esperada, actual)) {
            return Err(Rechazo::de(falla));
        }
        let mut de_documentos = BTreeMap::new();
        let mut cola = VecDeque::from([Mensaje { comando: sobre.comando.clone(), paso: None }]);
        let mut del_cliente = Some(sobre.responder_a.as_ref());
        while let Some(mensaje) = cola.pop_front() {
            let primero = del_cliente.take();
            match self.decidir(&mensaje, primero.flatten(), sobre.recibido_en) {
                Ok(decision) => self.aplicar(&mensaje, decision, &mut de_documentos, &mut cola),
                Err(rechazo) if primero.is_some() => return Err(rechazo),
                Err(Rechazo { errores }) => responder(&mensaje, ResultadoPaso::Rechazado { errores }, &mut cola),
            }
        }
        for (documento, eventos) in de_documentos {
            *self.versiones.entry(documento).or_default() += eventos.len() as u64;
        }
        Ok(())
    }

    fn decidir(&self, mensaje: &Mensaje, responder_a: Option<&DireccionRespuesta>, ahora: Instante) -> Result<Decision, Rechazo> {
        let mundo = &self.mundo;
        let ctx = ContextoDecision::new(ahora, &self.emisor, mundo);
        let destino = mensaje.comando.destino().id;
        match &mensaje.comando {
            // Nothing waits here: see above.
            Comando::Cuarentena(_) => Err(Rechazo::de(Falla::simple(Regla::ApartadoPorResolver, ""))),
            Comando::Factura(c) => {
                let d = factura::decidir(mundo.facturas.get(&destino), c, responder_a, &ctx)?;
                let eventos = envolver(d.eventos, Evento::Factura);
                Ok(Decision { eventos, notas: d.notas, envios: d.envios, resultado: d.resultado, ..Decision::default() })
            }
            Comando::NotaCredito(c) => {
                let d = nota_credito::decidir(mundo.notas.get(&destino), c, responder_a, &ctx)?;
                let eventos = envolver(d.eventos, Evento::NotaCredito);
                Ok(Decision { eventos, notas_credito: d.notas, envios: d.envios, ..Decision::default() })
            }
            otro => {
                let (eventos, resultado) = mundo.decidir(otro, &ctx)?;
                Ok(Decision { eventos, resultado, ..Decision::default() })
            }
        }
    }

    /// `de_documentos`: the events of documents that stand so far.
    fn aplicar(
        &mut self,
        mensaje: &Mensaje,
        decision: Decision,
        de_documentos: &mut BTreeMap<Direccionado, Vec<Evento>>,
        cola: &mut VecDeque<Mensaje>,
    ) {
        let destino = mensaje.comando.destino();
        for evento in &decision.eventos {
            self.aparte.antes(&self.emisor, &destino.id, &self.mundo, evento);
            self.mundo.plegar(&destino.id, evento);
            self.aparte.despues(&destino.id, &self.mundo, evento);
        }
        for evento in decision.eventos {
            match &evento {
                Evento::Factura(_) | Evento::NotaCredito(_) => {
                    let quedan = de_documentos.entry(destino.clone()).or_default();
                    quedan.retain(|anterior| !elide(&evento, anterior));
                    quedan.push(evento);
                }
                // Confirmed or released before the command is done.
                Evento::Inventario(EventoInventario::StockReservado { .. }) => {}
                _ => *self.versiones.entry(destino.clone()).or_default() += 1,
            }
        }
        if let Some(factura) = self.mundo.facturas.get_mut(&destino.id) {
            decision.notas.into_iter().for_each(|nota| factura::anotar(factura, nota));
        }
        if let Some(nota) = self.mundo.notas.get_mut(&destino.id) {
            decision.notas_credito.into_iter().for_each(|fuera| nota_credito::anotar(nota, fuera));
        }
        cola.extend(decision.envios.into_iter().map(|Envio { paso, comando }| Mensaje { comando, paso: Some(paso) }));
        if let Some(resultado) = decision.resultado {
            responder(mensaje, resultado, cola);
        }
    }
}

fn envolver<E>(eventos: Vec<E>, en: fn(E) -> Evento) -> Vec<Evento> {
    eventos.into_iter().map(en).collect()
}

/// Whether an event of a document makes an earlier one superfluous, both of one command.
fn elide(posterior: &Evento, anterior: &Evento) -> bool {
    match (posterior, anterior) {
        (Evento::Factura(posterior), Evento::Factura(anterior)) => factura::elidibles(posterior, anterior),
        (Evento::NotaCredito(posterior), Evento::NotaCredito(anterior)) => nota_credito::elidibles(posterior, anterior),
        _ => false,
    }
}

/// The answer to a step; nobody waits for that of a release.
fn responder(mensaje: &Mensaje, resultado: ResultadoPaso, cola: &mut VecDeque<Mensaje>) {
    let Some(paso) = mensaje.paso.as_ref().filter(|paso| paso.paso != Paso::Liberar) else { return };
    let comando = answer(&Direccionado::documento(paso.documento_id.clone()), paso, resultado);
    cola.push_back(Mensaje { comando, paso: None });
}

/// Lots and numbers by the naive means of `audit::invariantes`, beside the domain's own.
#[derive(Default)]
struct ModeloAparte {
    lotes: BTreeMap<Id, ModeloLotes>,
    /// The next number of each range.
    siguientes: BTreeMap<Id, u64>,
    inutilizados: BTreeSet<(Id, u64)>,
    /// Documents with a number.
    numerados: BTreeSet<Id>,
    discrepancias: Vec<String>,
}

impl ModeloAparte {
    fn exigir(&mut self, cumple: bool, texto: impl FnOnce() -> String) {
        if !cumple {
            self.discrepancias.push(texto());
        }
    }

    /// Looks at an event before it is folded: the exit of a sale needs its reservation.
    fn antes(&mut self, emisor: &Emisor, id: &Id, mundo: &Mundo, evento: &Evento) {
        match evento {
            Evento::Inventario(EventoInventario::StockReducido(m)) => {
                let modelo = self.lotes.entry(id.clone()).or_default();
                let cantidad = m.cantidad.valor();
                let reserva = m.reserva_id.as_ref().and_then(|r| mundo.inventarios.get(id)?.reservas.get(r));
                let todas = m.motivo == MotivoSalida::Ajuste || emisor.vender_vencidos;
                let fechas = match todas {
                    true => modelo.es_fifo(&m.lotes, cantidad).then_some(Fechas::TODAS),
                    false => modelo.fechas_de(&m.lotes, cantidad),
                };
                let bien = fechas.is_some_and(|fechas| reserva.is_none_or(|r| fechas.contiene(r.fecha)));
                let salida = modelo.sale(&m.lotes);
                self.exigir(bien && salida.is_ok(), || format!("{id}: {} no tomó los lotes más antiguos", m.movimiento_id));
            }
            Evento::Inventario(EventoInventario::StockIncrementado(m)) => {
                let modelo = self.lotes.entry(id.clone()).or_default();
                m.lotes.iter().for_each(|lote| modelo.entra(lote));
            }
            Evento::Rango(EventoRango::RangoCreado { autorizacion, .. } | EventoRango::RangoRenovado { autorizacion, .. }) => {
                self.siguientes.insert(id.clone(), autorizacion.desde);
            }
            Evento::Rango(EventoRango::NumeroInutilizado { consecutivo, .. }) => {
                self.inutilizados.insert((id.clone(), *consecutivo));
            }
            Evento::Rango(EventoRango::NumeroAsignado { documento_id, numero, .. }) => {
                let mut toca = self.siguientes.get(id).copied().unwrap_or_default();
                while self.inutilizados.contains(&(id.clone(), toca)) {
                    toca += 1;
                }
                self.siguientes.insert(id.clone(), toca + 1);
                let nuevo = self.numerados.insert(documento_id.clone());
                self.exigir(numero.consecutivo == toca && nuevo, || format!("{documento_id} recibe {numero} y tocaba {toca}"));
            }
            _ => {}
        }
    }

    /// The folded stock and its value are those of the model.
    fn despues(&mut self, id: &Id, mundo: &Mundo, evento: &Evento) {
        let Evento::Inventario(_) = evento else { return };
        let (Some(inventario), Some(modelo)) = (mundo.inventarios.get(id), self.lotes.get(id)) else { return };
        let igual = inventario.stock.valor() == modelo.total && inventario.valor().valor() == modelo.valor;
        let (total, valor) = (modelo.total, modelo.valor);
        self.exigir(igual, || format!("{id}: {} a {} y el modelo {total} a {valor}", inventario.stock, inventario.valor()));
    }
}
