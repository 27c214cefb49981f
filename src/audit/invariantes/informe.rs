//! What a verification found: counts, and for each invariant how much was checked and what failed.

use std::time::Duration;

use serde_json::{Value, json};

/// Examples kept of each invariant's failures.
pub const MAX_EJEMPLOS: usize = 10;
/// Warnings kept.
const MAX_AVISOS: usize = 20;

/// The invariants of `reliability.md` section 4, in the order in which they are told; `T` and `O` are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codigo {
    I1,
    I2,
    I3,
    I4,
    I5,
    I6,
    I7,
    I8,
    Totales,
    I9,
    I10,
    I11,
    I12,
    Oraculo,
}

impl Codigo {
    pub const TODOS: [Self; 14] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::Totales,
        Self::I9,
        Self::I10,
        Self::I11,
        Self::I12,
        Self::Oraculo,
    ];

    pub fn texto(self) -> &'static str {
        match self {
            Self::I1 => "I1",
            Self::I2 => "I2",
            Self::I3 => "I3",
            Self::I4 => "I4",
            Self::I5 => "I5",
            Self::I6 => "I6",
            Self::I7 => "I7",
            Self::I8 => "I8",
            Self::Totales => "T",
            Self::I9 => "I9",
            Self::I10 => "I10",
            Self::I11 => "I11",
            Self::I12 => "I12",
            Self::Oraculo => "O",
        }
    }

    pub fn nombre(self) -> &'static str {
        match self {
            Self::I1 => "cada comando aceptado tiene exactamente un desenlace",
            Self::I2 => "ningún desenlace sin su comando",
            Self::I3 => "existencias nunca negativas; lotes = existencias; reservado ≤ existencias",
            Self::I4 => "orden y costo FIFO; cada salida de venta es de una sola factura",
            Self::I5 => "notas crédito ≤ factura",
            Self::I6 => "numeración única, consecutiva y usada una sola vez",
            Self::I7 => "versiones consecutivas de cada agregado",
            Self::I8 => "instantáneas = plegado de los eventos",
            Self::Totales => "totales de cada factura = cálculo de sus líneas",
            Self::I9 => "proyecciones = plegado del registro",
            Self::I10 => "auditoría = eventos + rechazos + consultas, cada uno una vez",
            Self::I11 => "leído = resuelto + repetido + DLQ + mensajes de saga",
            Self::I12 => "en reposo: sin retraso, sin sagas abiertas, sin transacciones por decidir",
            Self::Oraculo => "cada evento es el que el dominio decide donde ocurrió; cada falta de existencias fue cierta",
        }
    }
}

/// One invariant's count.
#[derive(Debug, Clone)]
pub struct Invariante {
    pub codigo: &'static str,
    pub nombre: &'static str,
    /// Things looked at.
    pub revisados: u64,
    pub fallas: u64,
    /// The first failures, at most [`MAX_EJEMPLOS`].
    pub ejemplos: Vec<String>,
    /// What limits the check, when something does.
    pub nota: Option<String>,
}

/// The result of a verification.
#[derive(Debug, Clone)]
pub struct Informe {
    /// Commands found on the log, and what became of them.
    pub comandos: u64,
    pub decididos: u64,
    pub repetidos: u64,
    pub rechazados: u64,
    pub apartados: u64,
    pub en_curso: u64,
    /// Not yet decided when the verification began.
    pub pendientes: u64,
    /// Steps of sagas that crossed partitions by topic; they are accounted with their invoice.
    pub pasos: u64,
    pub eventos: u64,
    pub facturas: u64,
    pub facturas_rechazadas: u64,
    pub instantaneas: u64,
    /// Queries on `auditoria`, and rows of the audit's read model.
    pub consultas: u64,
    pub filas_auditoria: u64,
    /// Documents whose saga is open.
    pub sagas_abiertas: u64,
    /// Partitions that somebody has not read to their end: commands by the processors, the rest by projections.
    pub particiones_atrasadas: u64,
    /// Partitions with records of transactions that are neither committed nor aborted.
    pub particiones_por_decidir: u64,
    /// The log stood still while its ends were taken: everything was checked against everything. Otherwise links to what was
    /// decided after the start are left for the next verification.
    pub corte_exacto: bool,
    pub duracion: Duration,
    pub avisos: Vec<String>,
    pub invariantes: Vec<Invariante>,
}

impl Informe {
    pub(super) fn new() -> Self {
        let invariante = |codigo: Codigo| Invariante {
            codigo: codigo.texto(),
            nombre: codigo.nombre(),
            revisados: 0,
            fallas: 0,
            ejemplos: Vec::new(),
            nota: None,
        };
        Self {
            comandos: 0,
            decididos: 0,
            repetidos: 0,
            rechazados: 0,
            apartados: 0,
            en_curso: 0,
            pendientes: 0,
            pasos: 0,
            eventos: 0,
            facturas: 0,
            facturas_rechazadas: 0,
            instantaneas: 0,
            consultas: 0,
            filas_auditoria: 0,
            sagas_abiertas: 0,
            particiones_atrasadas: 0,
            particiones_por_decidir: 0,
            corte_exacto: false,
            duracion: Duration::ZERO,
            avisos: Vec::new(),
            invariantes: Codigo::TODOS.into_iter().map(invariante).collect(),
        }
    }

    /// Whether no invariant failed.
    pub fn sano(&self) -> bool {
        self.fallas() == 0
    }

    /// Failures of all invariants.
    pub fn fallas(&self) -> u64 {
        self.invariantes.iter().map(|i| i.fallas).sum()
    }

    /// One invariant's count.
    pub fn de(&self, codigo: Codigo) -> &Invariante {
        &self.invariantes[codigo as usize]
    }

    /// Takes what a witness counted and found.
    pub(in crate::audit) fn anotar_testigo(&mut self, codigo: Codigo, revisados: u64, fallas: u64, ejemplos: &[String]) {
        let invariante = &mut self.invariantes[codigo as usize];
        invariante.revisados += revisados;
        invariante.fallas += fallas;
        let libres = MAX_EJEMPLOS.saturating_sub(invariante.ejemplos.len());
        invariante.ejemplos.extend(ejemplos.iter().take(libres).cloned());
    }

    pub(super) fn revisado(&mut self, codigo: Codigo) {
        self.invariantes[codigo as usize].revisados += 1;
    }

    /// Counts a failure; its text is made only while examples are still kept.
    pub(super) fn falla(&mut self, codigo: Codigo, texto: impl FnOnce() -> String) {
        let invariante = &mut self.invariantes[codigo as usize];
        invariante.fallas += 1;
        if invariante.ejemplos.len() < MAX_EJEMPLOS {
            invariante.ejemplos.push(texto());
        }
    }

    pub(super) fn exigir(&mut self, codigo: Codigo, cumple: bool, texto: impl FnOnce() -> String) {
        if !cumple {
            self.falla(codigo, texto);
        }
    }

    pub(in crate::audit) fn nota(&mut self, codigo: Codigo, texto: impl Into<String>) {
        self.invariantes[codigo as usize].nota = Some(texto.into());
    }

    pub(super) fn aviso(&mut self, texto: impl FnOnce() -> String) {
        if self.avisos.len() < MAX_AVISOS {
            self.avisos.push(texto());
        }
    }

    /// The report as JSON: `sano`, the counts, `invariantes` as a list.
    pub fn to_json(&self) -> Value {
        let invariante = |i: &Invariante| {
            json!({ "codigo": i.codigo, "nombre": i.nombre, "revisados": i.revisados, "fallas": i.fallas,
                "ejemplos": i.ejemplos, "nota": i.nota })
        };
        json!({
            "sano": self.sano(),
            "fallas": self.fallas(),
            "comandos": {
                "total": self.comandos, "decididos": self.decididos, "repetidos": self.repetidos, "rechazados": self.rechazados,
                "apartados": self.apartados, "en_curso": self.en_curso, "pendientes": self.pendientes, "pasos": self.pasos,
            },
            "eventos": self.eventos,
            "facturas": { "emitidas": self.facturas, "rechazadas": self.facturas_rechazadas },
            "instantaneas": self.instantaneas,
            "auditoria": { "filas": self.filas_auditoria, "consultas": self.consultas },
            "sagas_abiertas": self.sagas_abiertas,
            "particiones": { "atrasadas": self.particiones_atrasadas, "por_decidir": self.particiones_por_decidir },
            "corte_exacto": self.corte_exacto,
            "segundos": self.duracion.as_secs_f64(),
            "avisos": self.avisos,
            "invariantes": self.invariantes.iter().map(invariante).collect::<Vec<_>>(),
        })
    }
}
