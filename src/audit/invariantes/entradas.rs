//! The inputs of a partition, each in exactly one class: resolved, repeated, in the DLQ, or a message between aggregates (I11). With it
//! I1 and I2, because the class of a client's command is its outcome.
//!
//! Positions may have gaps, and a saga's step may come more than once: both are as the log of Kafka is.

use super::{
    ErrorVerificacion, Testigo,
    apartes::{Apartes, EnDlq},
    corte::Corte,
    desenlaces::{Clase, Desenlaces, es_paso},
    huellas::{Lugar, clave_comando},
    informe::{Codigo, Informe},
    lectura::Lector,
};
use crate::{
    contracts::{Codec, CodecError, DecodedCommand},
    domain::{Comando, cuarentena::ComandoCuarentena},
    log::{StoredRecord, TopicPartition},
};

/// What an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClaseEntrada {
    Resuelta,
    Repetida,
    EnDlq,
    DeSaga,
    /// It left nothing, though it was read; told as a failure of its own.
    SinRastro,
    /// Not read yet, or its outcome may be undecided.
    Pendiente,
}

/// Inputs read by the processors, by class.
#[derive(Debug, Default)]
struct Cuenta {
    leidas: u64,
    resueltas: u64,
    repetidas: u64,
    en_dlq: u64,
    de_saga: u64,
    /// Of those read, the ones that may still leave something.
    por_saber: u64,
}

/// The inputs of one partition, compared with what they led to.
pub(super) struct Entradas<'a> {
    tp: TopicPartition,
    corte: &'a Corte,
    apartes: &'a mut Apartes,
    desenlaces: Desenlaces,
    cuenta: Cuenta,
    /// Nothing may still wait for an answer.
    quieto: bool,
}

impl<'a> Entradas<'a> {
    pub(super) fn new(
        tp: TopicPartition,
        corte: &'a Corte,
        apartes: &'a mut Apartes,
        desenlaces: Desenlaces,
        quieto: bool,
    ) -> Self {
        Self { tp, corte, apartes, desenlaces, cuenta: Cuenta::default(), quieto }
    }

    /// Reads the commands of the partition and closes the account.
    pub(super) fn comparar(
        mut self,
        codec: &Codec,
        testigo: &mut dyn Testigo,
        lector: &mut Lector<'_>,
        informe: &mut Informe,
    ) -> Result<(), ErrorVerificacion> {
        let (tp, tramo) = (self.tp, self.corte.tramo(self.tp));
        let primera = lector.recorrer(tp, tramo, &mut |registro| {
            self.entrada(&registro, codec, testigo, informe);
            Ok(())
        })?;
        if primera > 0 {
            for codigo in [Codigo::I1, Codigo::I2, Codigo::I11] {
                informe.nota(codigo, "los comandos más antiguos ya no se conservan: se revisan los que quedan");
            }
        }
        self.desenlaces.cerrar(tp, primera, informe);
        for lugar in self.apartes.cartas_sueltas(tp, primera) {
            informe.falla(Codigo::I11, || format!("la DLQ tiene un registro de {lugar} que no es el que hay ahí"));
        }
        self.cuadrar(informe);
        let (siguiente, fin) = (self.corte.siguiente(tp), tramo.hasta);
        informe.exigir(Codigo::I11, siguiente <= fin, || {
            format!("{tp}: el procesador va por la posición {siguiente} y el registro termina en la {fin}")
        });
        Ok(())
    }

    fn cuadrar(&self, informe: &mut Informe) {
        let Cuenta { leidas, resueltas, repetidas, en_dlq, de_saga, por_saber } = self.cuenta;
        let suma = resueltas + repetidas + en_dlq + de_saga + por_saber;
        informe.exigir(Codigo::I11, leidas == suma, || {
            format!(
                "{}: se leyeron {leidas} entradas y hay {suma} con destino: {resueltas} resueltas, {repetidas} repetidas, \
                 {en_dlq} en la DLQ, {de_saga} de sagas",
                self.tp
            )
        });
    }

    fn entrada(&mut self, registro: &StoredRecord, codec: &Codec, testigo: &mut dyn Testigo, informe: &mut Informe) {
        informe.comandos += 1;
        let lugar = Lugar::new(self.tp, registro.position);
        let leida = self.corte.decidido(self.tp, registro.position);
        if leida {
            informe.revisado(Codigo::I11);
            self.cuenta.leidas += 1;
        }
        let comando = codec.decode_command(&registro.record.value);
        let clase = self.clasificar(lugar, leida, registro, (&comando, codec), informe);
        if let Ok(comando) = comando {
            testigo.comando(self.tp, registro.position, comando);
        }
        let (de_informe, cuenta) = match clase {
            ClaseEntrada::Resuelta => (None, &mut self.cuenta.resueltas),
            ClaseEntrada::Repetida => (Some(&mut informe.repetidos), &mut self.cuenta.repetidas),
            ClaseEntrada::EnDlq => (Some(&mut informe.apartados), &mut self.cuenta.en_dlq),
            ClaseEntrada::DeSaga => (Some(&mut informe.pasos), &mut self.cuenta.de_saga),
            ClaseEntrada::Pendiente => (Some(&mut informe.pendientes), &mut self.cuenta.por_saber),
            ClaseEntrada::SinRastro => return,
        };
        if let Some(de_informe) = de_informe {
            *de_informe += 1;
        }
        if leida {
            *cuenta += 1;
        }
    }

    fn clasificar(
        &mut self,
        lugar: Lugar,
        leida: bool,
        registro: &StoredRecord,
        (comando, codec): (&Result<DecodedCommand, CodecError>, &Codec),
        informe: &mut Informe,
    ) -> ClaseEntrada {
        let en_dlq = self.apartes.en_dlq(lugar, registro);
        if en_dlq == EnDlq::Repetida {
            informe.falla(Codigo::I11, || format!("{lugar}: está más de una vez en la DLQ"));
        }
        let comando = match comando {
            Ok(comando) => comando,
            Err(_) if en_dlq != EnDlq::No => return ClaseEntrada::EnDlq,
            Err(causa) => {
                return self.sin_rastro(leida, Codigo::I11, informe, || format!("{lugar}: ilegible y no está en la DLQ ({causa})"));
            }
        };
        if en_dlq != EnDlq::No {
            self.exigir_sin_desenlace(lugar, comando, informe);
            return ClaseEntrada::EnDlq;
        }
        if es_paso(comando) {
            self.apartes.anotar_pregunta(codec, &comando.envelope.comando);
            return ClaseEntrada::DeSaga;
        }
        if leida {
            informe.revisado(Codigo::I1);
        }
        self.ver_dentro(lugar, comando, codec);
        self.cruzar(lugar, leida, (comando, codec), informe)
    }

    /// The command that an operator gives to be decided again, or discards, has its outcome in his.
    fn ver_dentro(&mut self, lugar: Lugar, comando: &DecodedCommand, codec: &Codec) {
        let Comando::Cuarentena(ComandoCuarentena::ResolverApartado { pedido, .. }) = &comando.envelope.comando else { return };
        let Ok(dentro) = codec.decode_command(&pedido.0) else { return };
        let destino = dentro.envelope.comando.destino();
        let clave = clave_comando(destino.tipo, &destino.id, &dentro.envelope.command_id);
        if let Some(desenlace) = self.desenlaces.por_comando.get_mut(&clave).filter(|d| d.entrada == lugar) {
            desenlace.visto = true;
        }
    }

    /// An input that left nothing: a failure if it was read, and what it led to is decided.
    fn sin_rastro(&self, leida: bool, codigo: Codigo, informe: &mut Informe, texto: impl FnOnce() -> String) -> ClaseEntrada {
        if !leida || !self.corte.firme {
            return ClaseEntrada::Pendiente;
        }
        informe.falla(codigo, texto);
        ClaseEntrada::SinRastro
    }

    /// What went to the DLQ whole was not decided.
    fn exigir_sin_desenlace(&self, lugar: Lugar, comando: &DecodedCommand, informe: &mut Informe) {
        let destino = comando.envelope.comando.destino();
        let clave = clave_comando(destino.tipo, &destino.id, &comando.envelope.command_id);
        let decidido = self.desenlaces.por_comando.get(&clave).is_some_and(|d| d.entrada == lugar);
        informe.exigir(Codigo::I11, !decidido && !self.apartes.conflictos.contains(&lugar), || {
            format!("{lugar}: {} está en la DLQ y además tiene desenlace", comando.envelope.command_id)
        });
    }

    /// The class of a client's command, by its outcome.
    fn cruzar(
        &mut self,
        lugar: Lugar,
        leida: bool,
        (comando, codec): (&DecodedCommand, &Codec),
        informe: &mut Informe,
    ) -> ClaseEntrada {
        let destino = comando.envelope.comando.destino();
        let clave = clave_comando(destino.tipo, &destino.id, &comando.envelope.command_id);
        let cual = || format!("{lugar}: {} {} de {}", comando.envelope.comando.tipo(), comando.envelope.command_id, destino.id);
        if self.apartes.conflictos.contains(&lugar) || self.desenlaces.olvidados.contains(&lugar) {
            informe.decididos += 1;
            return ClaseEntrada::Resuelta;
        }
        let Some(desenlace) = self.desenlaces.por_comando.get_mut(&clave) else {
            if self.apartes.devuelto(&clave) {
                return ClaseEntrada::EnDlq;
            }
            if self.apartes.preguntado(&clave) && !self.quieto {
                return ClaseEntrada::Pendiente;
            }
            return self.sin_rastro(leida, Codigo::I1, informe, || format!("{}: se perdió, no tiene desenlace", cual()));
        };
        // A document's outcome may be that of a later input of its saga.
        let suyo = desenlace.entrada == lugar || (destino.tipo.es_documento() && !desenlace.visto);
        let (visto, clase, entrada) = (desenlace.visto, desenlace.clase, desenlace.entrada);
        match (suyo && !visto, desenlace.es_de(comando, codec)) {
            (true, true) => {
                desenlace.visto = true;
                match clase {
                    // What a draft's command does is done with its event.
                    Clase::EnCurso => informe.en_curso += 1,
                    Clase::Decidido | Clase::Rechazado | Clase::Borrador => informe.decididos += 1,
                }
                ClaseEntrada::Resuelta
            }
            (true, false) => {
                informe.falla(Codigo::I2, || format!("{}: su desenlace es el de otro contenido", cual()));
                ClaseEntrada::Resuelta
            }
            (false, false) => self
                .sin_rastro(leida, Codigo::I1, informe, || format!("{}: id repetido con otro contenido, sin su rechazo", cual())),
            // Another record got the outcome: before it, or before the first one that is kept.
            (false, true) if visto || entrada < lugar => ClaseEntrada::Repetida,
            (false, true) => self.sin_rastro(leida, Codigo::I1, informe, || {
                format!("{}: se leyó sin dejar nada; lo decidió después otra entrada ({entrada})", cual())
            }),
        }
    }
}
