//! I1 and I2: what each client's command of a partition led to. Commands, events, refusals and DLQ records of an aggregate share one
//! partition number, so partitions are verified one by one.

use hashbrown::{HashMap, HashSet, hash_map::Entry};

use super::{
    apartes::Apartes,
    huellas::{Clave, Lugar, clave_comando},
    informe::{Codigo, Informe},
};
use crate::{
    contracts::{Codec, DecodedCommand, EventEnvelope, Huella},
    domain::{
        Contexto, Evento,
        facturacion::{factura::EventoFactura, nota_credito::EventoNotaCredito},
    },
    log::{Position, TopicPartition},
};

const SEGUNDOS_POR_DIA: i64 = 86_400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clase {
    Decidido,
    Rechazado,
    /// A document whose attempt has not ended.
    EnCurso,
    /// An edit of a draft: decided, unless an attempt of the same command follows.
    Borrador,
}

/// What a command led to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Desenlace {
    pub(super) clase: Clase,
    /// A command with it was found.
    pub(super) visto: bool,
    pub(super) entrada: Lugar,
    huella: u64,
    segundo: i64,
}

impl Desenlace {
    pub(super) fn new(clase: Clase, entrada: Lugar, huella: u64, segundo: i64) -> Self {
        Self { clase, visto: false, entrada, huella, segundo }
    }

    /// Whether it is that of this content, in whichever version of the contract it was asked.
    pub(super) fn es_de(&self, comando: &DecodedCommand, codec: &Codec) -> bool {
        self.huella == corta(&comando.huella)
            || codec.fingerprints(&comando.envelope.comando).iter().any(|otra| corta(otra) == self.huella)
    }
}

/// Enough of a fingerprint to tell contents apart.
pub(super) fn corta(huella: &Huella) -> u64 {
    let mut corta = [0; 8];
    corta.copy_from_slice(&huella[..8]);
    u64::from_le_bytes(corta)
}

/// Outcomes of one partition.
pub(super) struct Desenlaces {
    pub(super) por_comando: HashMap<Clave, Desenlace>,
    /// Inputs whose outcome was forgotten before the same command was decided again.
    pub(super) olvidados: HashSet<Lugar>,
    memoria: i64,
}

impl Desenlaces {
    pub(super) fn new(contexto: Contexto, particion: u16, apartes: &mut Apartes, memoria_dias: i64, informe: &mut Informe) -> Self {
        let memoria = memoria_dias.saturating_mul(SEGUNDOS_POR_DIA);
        let mut desenlaces = Self { por_comando: HashMap::new(), olvidados: HashSet::new(), memoria };
        for (clave, desenlace) in apartes.rechazos.remove(&(contexto, particion)).unwrap_or_default() {
            desenlaces.anotar(clave, desenlace, "un rechazo", informe);
        }
        desenlaces
    }

    /// The outcome that an event is of its client's command; steps of sagas are accounted with their invoice.
    pub(super) fn evento(&mut self, sobre: &EventEnvelope, evento: &Evento, informe: &mut Informe) {
        // A quarantine is no outcome of the command that led to it; what an operator did about it is that of his.
        let ajeno = matches!(evento, Evento::Cuarentena(e) if !e.resuelve());
        let Some(huella) = sobre.huella.filter(|_| !ajeno) else { return };
        let clase = match evento {
            Evento::Factura(
                EventoFactura::FacturaEmitida(_)
                | EventoFactura::FacturaRechazada { .. }
                | EventoFactura::FacturaAnulada(_)
                | EventoFactura::AnulacionRechazada { .. }
                | EventoFactura::RespuestaDianRegistrada { .. },
            )
            | Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(_) | EventoNotaCredito::NotaCreditoRechazada { .. }) => {
                Clase::Decidido
            }
            Evento::Factura(
                EventoFactura::EmisionIniciada(_)
                | EventoFactura::StockAsegurado { .. }
                | EventoFactura::NumeracionRecibida { .. }
                | EventoFactura::AnulacionIniciada(_)
                | EventoFactura::AnulacionAsegurada { .. },
            )
            | Evento::NotaCredito(
                EventoNotaCredito::EmisionNotaCreditoIniciada(_) | EventoNotaCredito::NumeracionNotaCreditoRecibida { .. },
            ) => Clase::EnCurso,
            Evento::Factura(_) | Evento::NotaCredito(_) => Clase::Borrador,
            _ => Clase::Decidido,
        };
        let clave = clave_comando(sobre.aggregate_tipo, &sobre.aggregate_id, &sobre.command_id);
        let entrada = Lugar::de(&sobre.entrada);
        let desenlace = Desenlace::new(clase, entrada, corta(&huella), sobre.ocurrido_en.micros() / 1_000_000);
        if sobre.aggregate_tipo.es_documento() && !matches!(evento, Evento::Cuarentena(_)) {
            self.anotar_documento(clave, desenlace, sobre, evento, informe);
        } else {
            self.anotar(clave, desenlace, evento.tipo(), informe);
        }
    }

    /// A document's events may come from several inputs; only one of them ends its attempt.
    fn anotar_documento(&mut self, clave: Clave, nuevo: Desenlace, sobre: &EventEnvelope, evento: &Evento, informe: &mut Informe) {
        match self.por_comando.entry(clave) {
            Entry::Vacant(libre) => {
                libre.insert(nuevo);
            }
            Entry::Occupied(mut previo) => match previo.get().clase {
                Clase::EnCurso | Clase::Borrador => previo.get_mut().clase = nuevo.clase,
                Clase::Decidido | Clase::Rechazado => {
                    let lugar = previo.get().entrada;
                    informe.falla(Codigo::I1, || {
                        let (factura, comando) = (&sobre.aggregate_id, &sobre.command_id);
                        format!("el comando {comando} de {factura} ya tenía desenlace ({lugar}) y después {}", evento.tipo())
                    });
                }
            },
        }
    }

    fn anotar(&mut self, clave: Clave, nuevo: Desenlace, que: &str, informe: &mut Informe) {
        match self.por_comando.entry(clave) {
            Entry::Vacant(libre) => {
                libre.insert(nuevo);
            }
            Entry::Occupied(mut previo) => {
                let anterior = *previo.get();
                let otros_eventos = anterior.clase == nuevo.clase && anterior.entrada == nuevo.entrada;
                if nuevo.segundo - anterior.segundo >= self.memoria {
                    self.olvidados.insert(anterior.entrada);
                    *previo.get_mut() = nuevo;
                } else if !otros_eventos {
                    let (uno, otro) = (anterior.entrada, nuevo.entrada);
                    informe.falla(Codigo::I1, || format!("un comando tiene dos desenlaces: {uno}, y {que} en {otro}"));
                }
            }
        }
    }

    /// Outcomes whose command is not there, of those that are kept.
    pub(super) fn cerrar(&self, tp: TopicPartition, primera: Position, informe: &mut Informe) {
        let mut sueltos = Vec::new();
        for desenlace in self.por_comando.values() {
            informe.revisado(Codigo::I2);
            let conservado = desenlace.entrada.particion() == Some(tp) && desenlace.entrada.posicion() >= primera;
            if !desenlace.visto && conservado {
                sueltos.push(desenlace.entrada);
            }
        }
        sueltos.sort_unstable();
        for lugar in sueltos {
            informe.falla(Codigo::I2, || format!("hay un desenlace de {lugar} y ese comando no está"));
        }
    }
}

pub(super) fn es_paso(comando: &DecodedCommand) -> bool {
    comando.envelope.es_de_saga()
}
