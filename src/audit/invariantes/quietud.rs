//! I12: once everything has healed, nothing is left to do. On a system at work the same is told, not demanded.

use std::time::Instant;

use super::{
    ErrorVerificacion, Opciones, Proyecciones,
    corte::{Corte, Tramo},
    cruces::Cruces,
    informe::{Codigo, Informe},
    lectura::Lector,
    proyecciones::Espera,
};
use crate::{
    domain::Contexto,
    log::{Log, Topic, TopicPartition, all_partitions},
};

/// A consumer of the read side: its name and the topics it reads.
#[derive(Debug, Clone, Copy)]
pub struct Sumidero {
    pub consumidor: &'static str,
    pub temas: &'static [Topic],
}

/// What keeps a log from being at rest, in the order in which it is told.
struct Pendiente<'a> {
    informe: &'a mut Informe,
    quieto: bool,
}

impl Pendiente<'_> {
    fn falta(&mut self, texto: impl FnOnce() -> String) {
        if self.quieto {
            self.informe.falla(Codigo::I12, texto);
        }
    }
}

/// Looks at lags, undecided transactions and open sagas; demands that there be none when `opciones.quieto`.
pub(super) fn revisar(
    (log, lector): (&dyn Log, &Lector<'_>),
    opciones: &Opciones<'_>,
    corte: &Corte,
    cruces: &Cruces,
    espera: &Espera,
    informe: &mut Informe,
) -> Result<(), ErrorVerificacion> {
    let mut pendiente = Pendiente { informe, quieto: opciones.quieto };
    decididas(log, &mut pendiente)?;
    decididos((log, lector), opciones, corte, &mut pendiente)?;
    proyectados((log, lector), opciones, corte, espera, &mut pendiente)?;
    for texto in cruces.abiertas() {
        pendiente.informe.revisado(Codigo::I12);
        pendiente.informe.sagas_abiertas += 1;
        pendiente.falta(|| format!("sigue abierta {texto}"));
    }
    let en_curso = pendiente.informe.en_curso;
    if en_curso > 0 {
        pendiente.falta(|| format!("hay {en_curso} comandos sin desenlace"));
    }
    let Informe { sagas_abiertas, particiones_atrasadas, particiones_por_decidir, .. } = *pendiente.informe;
    if !opciones.quieto && sagas_abiertas + particiones_atrasadas + particiones_por_decidir + en_curso > 0 {
        let texto = format!(
            "en marcha: {sagas_abiertas} sagas abiertas, {en_curso} comandos en curso, {particiones_atrasadas} particiones con retraso, \
             {particiones_por_decidir} con transacciones por decidir (se exige con --quieto)"
        );
        pendiente.informe.nota(Codigo::I12, texto);
    }
    Ok(())
}

/// LSO = high watermark, everywhere.
fn decididas(log: &dyn Log, pendiente: &mut Pendiente<'_>) -> Result<(), ErrorVerificacion> {
    let particiones = all_partitions(log, Topic::todos());
    let marcas = log.watermarks_of(&particiones)?;
    for (tp, marcas) in particiones.into_iter().zip(marcas) {
        pendiente.informe.revisado(Codigo::I12);
        if marcas.stable < marcas.end {
            pendiente.informe.particiones_por_decidir += 1;
            pendiente.falta(|| format!("{tp}: decidido hasta {} y escrito hasta {}", marcas.stable, marcas.end));
        }
    }
    Ok(())
}

/// The processors have read every command; their positions are those of now, not of the cut.
fn decididos(
    (log, lector): (&dyn Log, &Lector<'_>),
    opciones: &Opciones<'_>,
    corte: &Corte,
    pendiente: &mut Pendiente<'_>,
) -> Result<(), ErrorVerificacion> {
    let particiones = all_partitions(log, Contexto::TODOS.map(Topic::Comandos));
    let posiciones = log.positions_of(opciones.grupo, &particiones)?;
    for (tp, posicion) in particiones.into_iter().zip(posiciones) {
        let tramo = Tramo { desde: posicion.unwrap_or_default(), hasta: corte.tramo(tp).hasta };
        atraso(opciones.grupo, tp, tramo, lector.queda(tp, tramo), pendiente);
    }
    Ok(())
}

/// Every sink has read everything; when that is demanded, each is still waited for.
fn proyectados(
    (log, lector): (&dyn Log, &Lector<'_>),
    opciones: &Opciones<'_>,
    corte: &Corte,
    espera: &Espera,
    pendiente: &mut Pendiente<'_>,
) -> Result<(), ErrorVerificacion> {
    let Some(Proyecciones { tablas, sumideros, .. }) = opciones.proyecciones else { return Ok(()) };
    let de_inmediato = Espera::hasta(Instant::now());
    let espera = if opciones.quieto { espera } else { &de_inmediato };
    for sumidero in sumideros {
        for topic in sumidero.temas {
            for partition in 0..log.partitions(*topic) {
                let tp = TopicPartition::new(*topic, partition);
                let hasta = corte.tramo(tp).hasta;
                let desde = espera.escrito(lector, tablas, sumidero.consumidor, tp, hasta)?;
                atraso(sumidero.consumidor, tp, Tramo { desde, hasta }, desde < hasta, pendiente);
            }
        }
    }
    Ok(())
}

fn atraso(quien: &str, tp: TopicPartition, tramo: Tramo, atrasado: bool, pendiente: &mut Pendiente<'_>) {
    pendiente.informe.revisado(Codigo::I12);
    if atrasado {
        pendiente.informe.particiones_atrasadas += 1;
        pendiente.falta(|| format!("{quien} va por la posición {} de {tp}, que llega a la {}", tramo.desde, tramo.hasta));
    }
}
