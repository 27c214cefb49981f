//! What is beside the events: refusals and queries on `auditoria`, and what `dlq.*` holds. Few, beside the events.

use std::collections::BTreeMap;

use hashbrown::HashSet;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    ErrorVerificacion, Testigo,
    auditoria::Libro,
    corte::Corte,
    desenlaces::{Clase, Desenlace, corta, es_paso},
    huellas::{Clave, Lugar, clave_comando},
    informe::{Codigo, Informe},
    lectura::Lector,
};
use crate::{
    contracts::{Codec, ComandoRechazado, RegistroAuditoria, RegistroDlq},
    domain::{Comando, Contexto, catalogo::cliente::ComandoCliente, facturacion::factura::ComandoFactura, reglas::Regla},
    log::{Log, StoredRecord, Topic, TopicPartition},
};

/// A record of the DLQ that must be an input, whole: unreadable, misplaced, poisonous, or parked behind a quarantine.
#[derive(Debug)]
pub(super) struct Carta {
    entrada: Lugar,
    /// Hash of key and value, which are the input's.
    bytes: u64,
    /// Bytes of the value: the start of the input's when that did not fit.
    largo: usize,
    hallada: bool,
}

/// What became of an input, as the DLQ tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EnDlq {
    No,
    Si,
    /// More than once.
    Repetida,
}

#[derive(Default)]
pub(super) struct Apartes {
    /// Refusals, as outcomes, by partition of their command.
    pub(super) rechazos: BTreeMap<(Contexto, u16), Vec<(Clave, Desenlace)>>,
    /// Inputs refused because their id had been used with other content.
    pub(super) conflictos: HashSet<Lugar>,
    /// By place of the input.
    cartas: BTreeMap<Lugar, Vec<Carta>>,
    /// Commands that were set aside when the answer they waited for brought them back.
    devueltos: HashSet<Clave>,
    /// Commands inside questions for their client.
    preguntados: HashSet<Clave>,
}

impl Apartes {
    /// Reads `auditoria` and `dlq.*`.
    pub(super) fn leer(
        log: &dyn Log,
        codec: &Codec,
        corte: &Corte,
        libro: &mut Libro,
        testigo: &mut dyn Testigo,
        lector: &mut Lector<'_>,
        informe: &mut Informe,
    ) -> Result<Self, ErrorVerificacion> {
        let mut apartes = Self::default();
        for partition in 0..log.partitions(Topic::Auditoria) {
            let tp = TopicPartition::new(Topic::Auditoria, partition);
            lector.recorrer(tp, corte.tramo(tp), &mut |registro| {
                match codec.decode_audit(&registro.record.value) {
                    Ok(RegistroAuditoria::Rechazo(rechazo)) => {
                        libro.anotar(tp, registro.position, rechazo.ocurrido_en, &rechazo.correlation_id);
                        apartes.rechazo(&rechazo, partition, informe);
                        testigo.rechazo(rechazo);
                    }
                    Ok(RegistroAuditoria::Consulta(consulta)) => {
                        libro.anotar(tp, registro.position, consulta.ocurrido_en, &consulta.correlation_id);
                        informe.consultas += 1;
                    }
                    Err(causa) => informe.falla(Codigo::I1, || format!("{tp} posición {}: {causa}", registro.position)),
                }
                Ok(())
            })?;
        }
        for topic in Contexto::TODOS.map(Topic::Dlq) {
            for partition in 0..log.partitions(topic) {
                let tp = TopicPartition::new(topic, partition);
                lector.recorrer(tp, corte.tramo(tp), &mut |registro| {
                    match codec.decode_dlq(&registro.record.value) {
                        Ok(apartado) => apartes.apartado(codec, &apartado),
                        Err(causa) => informe.falla(Codigo::I11, || format!("{tp} posición {}: {causa}", registro.position)),
                    }
                    Ok(())
                })?;
            }
        }
        Ok(apartes)
    }

    /// `particion`: the number of that of `auditoria`, which is its command's. What came back from a question for its client may have been
    /// decided under an input of another partition.
    fn rechazo(&mut self, rechazo: &ComandoRechazado, particion: u16, informe: &mut Informe) {
        informe.rechazados += 1;
        let entrada = Lugar::de(&rechazo.entrada);
        if rechazo.errores.iter().any(|falla| falla.regla == Regla::ClaveIdempotenciaEnConflicto) {
            self.conflictos.insert(entrada);
            return;
        }
        let clave = clave_comando(rechazo.aggregate_tipo, &rechazo.aggregate_id, &rechazo.command_id);
        let desenlace = Desenlace::new(Clase::Rechazado, entrada, corta(&rechazo.huella), rechazo.ocurrido_en.micros() / 1_000_000);
        self.rechazos.entry((rechazo.aggregate_tipo.contexto(), particion)).or_default().push((clave, desenlace));
    }

    fn apartado(&mut self, codec: &Codec, apartado: &RegistroDlq) {
        if apartado.resolucion.is_some() {
            return;
        }
        // A step that ran in memory is no input; its bytes were made for the DLQ. One that came on a topic may be looked for, but
        // need not be found: the two cannot be told apart.
        let mensaje = codec.decode_command(&apartado.valor).ok().filter(es_paso);
        self.devueltos.extend(mensaje.as_ref().and_then(|mensaje| en_espera(codec, &mensaje.envelope.comando)));
        let paso = apartado.valor.is_empty() || mensaje.is_some();
        let carta = Carta {
            entrada: Lugar::de(&apartado.entrada),
            bytes: sello(&apartado.clave, &apartado.valor),
            largo: apartado.valor.len(),
            hallada: paso,
        };
        self.cartas.entry(carta.entrada).or_default().push(carta);
    }

    /// A message that may carry a command that waits for its client.
    pub(super) fn anotar_pregunta(&mut self, codec: &Codec, mensaje: &Comando) {
        self.preguntados.extend(en_espera(codec, mensaje));
    }

    /// Whether the command waits, or waited, for the answer to a question.
    pub(super) fn preguntado(&self, clave: &Clave) -> bool {
        self.preguntados.contains(clave)
    }

    /// Whether the command was set aside inside the answer that it waited for.
    pub(super) fn devuelto(&self, clave: &Clave) -> bool {
        self.devueltos.contains(clave)
    }

    /// Whether the DLQ has this input, by its bytes.
    pub(super) fn en_dlq(&mut self, lugar: Lugar, registro: &StoredRecord) -> EnDlq {
        let Some(cartas) = self.cartas.get_mut(&lugar) else { return EnDlq::No };
        let (clave, valor) = (&registro.record.key, &registro.record.value);
        let suya = |carta: &&mut Carta| carta.largo <= valor.len() && carta.bytes == sello(clave, &valor[..carta.largo]);
        let mut halladas = 0;
        for carta in cartas.iter_mut().filter(suya) {
            carta.hallada = true;
            halladas += 1;
        }
        match halladas {
            0 => EnDlq::No,
            1 => EnDlq::Si,
            _ => EnDlq::Repetida,
        }
    }

    /// Places of a partition whose DLQ record is of no input, from a position on.
    pub(super) fn cartas_sueltas(&self, tp: TopicPartition, desde: u64) -> impl Iterator<Item = Lugar> {
        let (primera, ultima) = (Lugar::new(tp, desde), Lugar::new(tp, u64::MAX));
        self.cartas.range(primera..=ultima).flat_map(|(_, cartas)| cartas).filter(|c| !c.hallada).map(|c| c.entrada)
    }
}

/// The command inside a ConsultarCliente or its answer.
fn en_espera(codec: &Codec, mensaje: &Comando) -> Option<Clave> {
    let pedido = match mensaje {
        Comando::Factura(ComandoFactura::ClienteConsultado { pedido, .. }) => pedido,
        Comando::Cliente(ComandoCliente::ConsultarCliente { pedido, .. }) => pedido,
        _ => return None,
    };
    let comando = codec.decode_command(&pedido.0).ok()?.envelope;
    let destino = comando.comando.destino();
    Some(clave_comando(destino.tipo, &destino.id, &comando.command_id))
}

fn sello(clave: &[u8], valor: &[u8]) -> u64 {
    xxh3_64(clave) ^ xxh3_64(valor).rotate_left(1)
}
