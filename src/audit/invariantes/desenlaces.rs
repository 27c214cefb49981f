//! I1 and I2: each command of a partition against its outcomes. Commands, events, refusals and DLQ records of an aggregate share one
//! partition number, so partitions are verified one by one.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet, hash_map::Entry};

use super::{
    ErrorVerificacion,
    corte::Corte,
    huellas::{Clave, Lugar, clave_comando},
    informe::{Codigo, Informe},
    lectura::Lector,
};
use crate::{
    contracts::{Codec, ComandoRechazado, DecodedCommand, EventEnvelope, Huella, RegistroAuditoria, RegistroDlq},
    domain::{
        Comando, Contexto, Evento,
        facturacion::{
            factura::{ComandoFactura, EventoFactura},
            nota_credito::{ComandoNotaCredito, EventoNotaCredito},
        },
        reglas::Regla,
    },
    log::{Log, Position, StoredRecord, Topic, TopicPartition},
};

const SEGUNDOS_POR_DIA: i64 = 86_400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clase {
    Decidido,
    Rechazado,
    Apartado,
    /// A document whose attempt has not ended.
    EnCurso,
}

/// What a command led to.
#[derive(Debug, Clone, Copy)]
struct Desenlace {
    clase: Clase,
    /// A command with it was found.
    visto: bool,
    entrada: Lugar,
    huella: u64,
    segundo: i64,
}

/// Refusals and DLQ records of the whole log: few beside its events.
#[derive(Default)]
pub(super) struct Apartes {
    desenlaces: BTreeMap<(Contexto, u16), Vec<(Clave, Desenlace)>>,
    /// Inputs refused because their id had been used with other content.
    conflictos: HashSet<Lugar>,
    /// Inputs that went to the DLQ whole: unreadable or misplaced.
    ilegibles: HashSet<Lugar>,
}

impl Apartes {
    /// Reads `auditoria` and `dlq.*`.
    pub(super) fn leer(
        log: &dyn Log,
        codec: &Codec,
        corte: &Corte,
        lector: &mut Lector<'_>,
        informe: &mut Informe,
    ) -> Result<Self, ErrorVerificacion> {
        let mut apartes = Self::default();
        for partition in 0..log.partitions(Topic::Auditoria) {
            let tp = TopicPartition::new(Topic::Auditoria, partition);
            lector.recorrer(tp, corte.tramo(tp), &mut |registro| {
                match codec.decode_audit(&registro.record.value) {
                    Ok(RegistroAuditoria::Rechazo(rechazo)) => apartes.rechazo(&rechazo, informe),
                    Ok(RegistroAuditoria::Consulta(_)) => {}
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
                        Ok(apartado) => apartes.apartado(&apartado),
                        Err(causa) => informe.falla(Codigo::I1, || format!("{tp} posición {}: {causa}", registro.position)),
                    }
                    Ok(())
                })?;
            }
        }
        Ok(apartes)
    }

    fn rechazo(&mut self, rechazo: &ComandoRechazado, informe: &mut Informe) {
        informe.rechazados += 1;
        let entrada = Lugar::de(&rechazo.entrada);
        if rechazo.errores.iter().any(|falla| falla.regla == Regla::ClaveIdempotenciaEnConflicto) {
            self.conflictos.insert(entrada);
            return;
        }
        let clave = clave_comando(rechazo.aggregate_tipo, &rechazo.aggregate_id, &rechazo.command_id);
        let desenlace = Desenlace {
            clase: Clase::Rechazado,
            visto: false,
            entrada,
            huella: corta(&rechazo.huella),
            segundo: rechazo.ocurrido_en.micros() / 1_000_000,
        };
        self.anotar(rechazo.aggregate_tipo.contexto(), rechazo.entrada.particion.partition, clave, desenlace);
    }

    fn apartado(&mut self, apartado: &RegistroDlq) {
        let entrada = Lugar::de(&apartado.entrada);
        let nombrado = apartado.command_id.as_ref().zip(apartado.aggregate.as_ref());
        let Some((command_id, (tipo, id))) = nombrado.filter(|_| &*apartado.codigo != "ClaveAjena") else {
            self.ilegibles.insert(entrada);
            return;
        };
        let desenlace = Desenlace {
            clase: Clase::Apartado,
            visto: false,
            entrada,
            huella: 0,
            segundo: apartado.primera_vez.micros() / 1_000_000,
        };
        self.anotar(tipo.contexto(), apartado.entrada.particion.partition, clave_comando(*tipo, id, command_id), desenlace);
    }

    fn anotar(&mut self, contexto: Contexto, particion: u16, clave: Clave, desenlace: Desenlace) {
        self.desenlaces.entry((contexto, particion)).or_default().push((clave, desenlace));
    }
}

/// Enough of a fingerprint to tell contents apart.
fn corta(huella: &Huella) -> u64 {
    let mut corta = [0; 8];
    corta.copy_from_slice(&huella[..8]);
    u64::from_le_bytes(corta)
}

/// Outcomes of one partition.
pub(super) struct Desenlaces {
    por_comando: HashMap<Clave, Desenlace>,
    memoria: i64,
}

impl Desenlaces {
    pub(super) fn new(contexto: Contexto, particion: u16, apartes: &mut Apartes, memoria_dias: i64, informe: &mut Informe) -> Self {
        let mut desenlaces = Self { por_comando: HashMap::new(), memoria: memoria_dias.saturating_mul(SEGUNDOS_POR_DIA) };
        for (clave, desenlace) in apartes.desenlaces.remove(&(contexto, particion)).unwrap_or_default() {
            desenlaces.anotar(clave, desenlace, "un rechazo", informe);
        }
        desenlaces
    }

    /// The outcome that an event is of its client's command; steps of sagas are accounted with their invoice.
    pub(super) fn evento(&mut self, sobre: &EventEnvelope, evento: &Evento, informe: &mut Informe) {
        let Some(huella) = sobre.huella.filter(|_| !matches!(evento, Evento::Cuarentena(_))) else { return };
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
            Evento::Factura(_) | Evento::NotaCredito(_) => Clase::EnCurso,
            _ => Clase::Decidido,
        };
        let clave = clave_comando(sobre.aggregate_tipo, &sobre.aggregate_id, &sobre.command_id);
        let desenlace = Desenlace {
            clase,
            visto: false,
            entrada: Lugar::de(&sobre.entrada),
            huella: corta(&huella),
            segundo: sobre.ocurrido_en.micros() / 1_000_000,
        };
        if sobre.aggregate_tipo.es_documento() {
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
            Entry::Occupied(mut previo) => match (previo.get().clase, nuevo.clase) {
                (Clase::EnCurso, clase) => previo.get_mut().clase = clase,
                (Clase::Apartado, _) => *previo.get_mut() = nuevo,
                (Clase::Decidido | Clase::Rechazado, _) => {
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
                let olvidado = nuevo.segundo - anterior.segundo >= self.memoria;
                if anterior.clase == Clase::Apartado || olvidado {
                    *previo.get_mut() = nuevo;
                } else if nuevo.clase != Clase::Apartado && !otros_eventos {
                    let (uno, otro) = (anterior.entrada, nuevo.entrada);
                    informe.falla(Codigo::I1, || format!("un comando tiene dos desenlaces: {uno}, y {que} en {otro}"));
                }
            }
        }
    }

    /// Reads the commands of the partition and closes the account.
    pub(super) fn comparar(
        mut self,
        tp: TopicPartition,
        codec: &Codec,
        corte: &Corte,
        lector: &mut Lector<'_>,
        apartes: &Apartes,
        informe: &mut Informe,
    ) -> Result<(), ErrorVerificacion> {
        let tramo = corte.tramo(tp);
        let primera = lector.recorrer(tp, tramo, &mut |registro| {
            self.comando(tp, &registro, codec, corte, apartes, informe);
            Ok(())
        })?;
        if primera > 0 {
            informe.nota(Codigo::I1, "los comandos más antiguos ya no se conservan: se revisan los que quedan");
            informe.nota(Codigo::I2, "los comandos más antiguos ya no se conservan: se revisan los que quedan");
        }
        self.cerrar(tp, primera, informe);
        Ok(())
    }

    fn comando(
        &mut self,
        tp: TopicPartition,
        registro: &StoredRecord,
        codec: &Codec,
        corte: &Corte,
        apartes: &Apartes,
        informe: &mut Informe,
    ) {
        informe.comandos += 1;
        let lugar = Lugar::new(tp, registro.position);
        let decidido = corte.decidido(tp, registro.position);
        if apartes.ilegibles.contains(&lugar) {
            informe.revisado(Codigo::I1);
            informe.apartados += 1;
            return;
        }
        match codec.decode_command(&registro.record.value) {
            Ok(comando) if es_paso(&comando) => informe.pasos += 1,
            Ok(comando) => {
                if decidido {
                    informe.revisado(Codigo::I1);
                }
                self.cruzar(lugar, decidido, &comando, apartes, informe);
            }
            Err(causa) if decidido => {
                informe.revisado(Codigo::I1);
                informe.falla(Codigo::I1, || format!("{lugar}: ilegible y no está en la DLQ ({causa})"));
            }
            Err(_) => informe.pendientes += 1,
        }
    }

    fn cruzar(&mut self, lugar: Lugar, decidido: bool, comando: &DecodedCommand, apartes: &Apartes, informe: &mut Informe) {
        let destino = comando.envelope.comando.destino();
        let clave = clave_comando(destino.tipo, &destino.id, &comando.envelope.command_id);
        let cual = || format!("{lugar}: {} {} de {}", comando.envelope.comando.tipo(), comando.envelope.command_id, destino.id);
        if apartes.conflictos.contains(&lugar) {
            informe.decididos += 1;
            return;
        }
        let Some(desenlace) = self.por_comando.get_mut(&clave) else {
            if decidido {
                informe.falla(Codigo::I1, || format!("{}: se perdió, no tiene desenlace", cual()));
            } else {
                informe.pendientes += 1;
            }
            return;
        };
        let misma = desenlace.clase == Clase::Apartado || desenlace.huella == corta(&comando.huella);
        let suyo = desenlace.entrada == lugar || (destino.tipo.es_documento() && !desenlace.visto);
        match (suyo && !desenlace.visto, misma) {
            (true, true) => {
                desenlace.visto = true;
                match desenlace.clase {
                    // What a draft's command does is done with its event.
                    Clase::EnCurso if es_de_borrador(&comando.envelope.comando) => informe.decididos += 1,
                    Clase::EnCurso => informe.en_curso += 1,
                    Clase::Apartado => informe.apartados += 1,
                    Clase::Decidido | Clase::Rechazado => informe.decididos += 1,
                }
            }
            (true, false) => informe.falla(Codigo::I2, || format!("{}: su desenlace es el de otro contenido", cual())),
            // Another record got the outcome: before it, or before the first one that is kept.
            (false, true) => informe.repetidos += 1,
            (false, false) if decidido => {
                informe.falla(Codigo::I1, || format!("{}: id repetido con otro contenido, sin su rechazo", cual()));
            }
            (false, false) => informe.pendientes += 1,
        }
    }

    fn cerrar(self, tp: TopicPartition, primera: Position, informe: &mut Informe) {
        let mut sueltos = Vec::new();
        for desenlace in self.por_comando.values() {
            informe.revisado(Codigo::I2);
            let conservado = desenlace.entrada.particion() == Some(tp) && desenlace.entrada.posicion() >= primera;
            // A DLQ record may be of a saga's step, which never was on a topic.
            if !desenlace.visto && conservado && desenlace.clase != Clase::Apartado {
                sueltos.push(desenlace.entrada);
            }
        }
        sueltos.sort_unstable();
        for lugar in sueltos {
            informe.falla(Codigo::I2, || format!("hay un desenlace de {lugar} y ese comando no está"));
        }
    }
}

fn es_paso(comando: &DecodedCommand) -> bool {
    let respuesta = matches!(
        comando.envelope.comando,
        Comando::Factura(ComandoFactura::RespuestaPaso { .. }) | Comando::NotaCredito(ComandoNotaCredito::RespuestaPasoNota { .. })
    );
    comando.envelope.paso.is_some() || respuesta
}

fn es_de_borrador(comando: &Comando) -> bool {
    matches!(
        comando,
        Comando::NotaCredito(ComandoNotaCredito::CrearNotaCredito { .. } | ComandoNotaCredito::AgregarLineaNotaCredito { .. })
    )
}
