//! Planted bugs: what shows that the simulator and the invariants have teeth.
//!
//! Without the cargo feature `defectos` every question is a constant `false` and the compiler leaves nothing of them. With it, one
//! bug at most is alive in the process, chosen by number. The list only grows: a number is for ever.

/// A bug that was made, or could be, and that the simulator must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Defecto {
    ProductorTrasIncierto = 1,
    ProductorTrasReintento = 2,
    MetadatosTrasRevocacion = 3,
    TemporizadorSinPosicion = 4,
    InciertoComoExito = 5,
    InciertoSeRepite = 6,
    MemoriaTrasAborto = 7,
    SinDeduplicar = 8,
    RestaurarHastaLso = 9,
    LiberacionSinLapida = 10,
    NumeroAntesDeStock = 11,
    InstantaneaAdelantada = 12,
    PosicionDeMas = 13,
    FifoAlReves = 14,
    ReservaSinDisponible = 15,
    ConfirmacionOlvidada = 16,
    PosicionAntesQueFilas = 17,
    RechazosPorParticion = 18,
    ElisionSinRastro = 19,
    SagaSinReanudar = 20,
    CuarentenaAMedias = 21,
    ElisionDeSagaAjena = 22,
    MemoriaQueSale = 23,
    PosicionSoloDeLoConsumido = 24,
}

impl Defecto {
    /// All of them, by number.
    pub const TODOS: &'static [Self] = &[
        Self::ProductorTrasIncierto,
        Self::ProductorTrasReintento,
        Self::MetadatosTrasRevocacion,
        Self::TemporizadorSinPosicion,
        Self::InciertoComoExito,
        Self::InciertoSeRepite,
        Self::MemoriaTrasAborto,
        Self::SinDeduplicar,
        Self::RestaurarHastaLso,
        Self::LiberacionSinLapida,
        Self::NumeroAntesDeStock,
        Self::InstantaneaAdelantada,
        Self::PosicionDeMas,
        Self::FifoAlReves,
        Self::ReservaSinDisponible,
        Self::ConfirmacionOlvidada,
        Self::PosicionAntesQueFilas,
        Self::RechazosPorParticion,
        Self::ElisionSinRastro,
        Self::SagaSinReanudar,
        Self::CuarentenaAMedias,
        Self::ElisionDeSagaAjena,
        Self::MemoriaQueSale,
        Self::PosicionSoloDeLoConsumido,
    ];

    /// Stable number, from 1.
    pub fn numero(self) -> u8 {
        self as u8
    }

    pub fn de_numero(numero: u8) -> Option<Self> {
        Self::TODOS.iter().copied().find(|d| d.numero() == numero)
    }

    /// Short name, as reports print it.
    pub fn nombre(self) -> &'static str {
        match self {
            Self::ProductorTrasIncierto => "productor-tras-incierto",
            Self::ProductorTrasReintento => "productor-tras-reintento",
            Self::MetadatosTrasRevocacion => "metadatos-tras-revocacion",
            Self::TemporizadorSinPosicion => "temporizador-sin-posicion",
            Self::InciertoComoExito => "incierto-como-exito",
            Self::InciertoSeRepite => "incierto-se-repite",
            Self::MemoriaTrasAborto => "memoria-tras-aborto",
            Self::SinDeduplicar => "sin-deduplicar",
            Self::RestaurarHastaLso => "restaurar-hasta-lso",
            Self::LiberacionSinLapida => "liberacion-sin-lapida",
            Self::NumeroAntesDeStock => "numero-antes-de-stock",
            Self::InstantaneaAdelantada => "instantanea-adelantada",
            Self::PosicionDeMas => "posicion-de-mas",
            Self::FifoAlReves => "fifo-al-reves",
            Self::ReservaSinDisponible => "reserva-sin-disponible",
            Self::ConfirmacionOlvidada => "confirmacion-olvidada",
            Self::PosicionAntesQueFilas => "posicion-antes-que-filas",
            Self::RechazosPorParticion => "rechazos-por-particion",
            Self::ElisionSinRastro => "elision-sin-rastro",
            Self::SagaSinReanudar => "saga-sin-reanudar",
            Self::CuarentenaAMedias => "cuarentena-a-medias",
            Self::ElisionDeSagaAjena => "elision-de-saga-ajena",
            Self::MemoriaQueSale => "memoria-que-sale",
            Self::PosicionSoloDeLoConsumido => "posicion-solo-de-lo-consumido",
        }
    }

    /// What it does, in one line.
    pub fn descripcion(self) -> &'static str {
        match self {
            Self::ProductorTrasIncierto => "tras una confirmación de desenlace incierto se sigue con el mismo productor",
            Self::ProductorTrasReintento => "tras una confirmación que necesitó reintentos se sigue con el mismo productor",
            Self::MetadatosTrasRevocacion => "los metadatos del grupo y las particiones se conservan tras una revocación",
            Self::TemporizadorSinPosicion => "la época de un temporizador se confirma sin posición, y nadie revisa su generación",
            Self::InciertoComoExito => "una confirmación de desenlace incierto se toma por buena",
            Self::InciertoSeRepite => {
                "una confirmación de desenlace incierto se toma por fallida y se envía otra vez con el mismo productor"
            }
            Self::MemoriaTrasAborto => {
                "una época que no se confirmó se queda en la memoria del núcleo, que sigue decidiendo sobre ella"
            }
            Self::SinDeduplicar => "un comando repetido se decide otra vez en lugar de responderse de memoria",
            Self::RestaurarHastaLso => "la recuperación pliega hasta lo estable en ese instante y no hasta la marca alta",
            Self::LiberacionSinLapida => "liberar una reserva desconocida no deja constancia, y la reserva tardía se concede",
            Self::NumeroAntesDeStock => "una factura sin existencias pide su número antes de rechazarse",
            Self::InstantaneaAdelantada => "las filas del almacén local se escriben antes de que su época se confirme",
            Self::PosicionDeMas => "cada entrada adelanta la posición consumida una de más",
            Self::FifoAlReves => "las salidas toman los lotes más nuevos primero",
            Self::ReservaSinDisponible => "una reserva se concede contra las existencias, sin restar lo ya reservado",
            Self::ConfirmacionOlvidada => "una reserva confirmada no se recuerda, y la confirmación repetida se niega",
            Self::PosicionAntesQueFilas => "los sumideros avanzan su posición aunque sus filas no se hayan escrito",
            Self::RechazosPorParticion => "al ganar una partición no se releen los rechazos de `auditoria` que la memoria no tiene",
            Self::ElisionSinRastro => "al omitir una reserva efímera queda su rastro en la memoria del inventario",
            Self::SagaSinReanudar => "las sagas abiertas no se vuelven a armar al recuperarse",
            Self::CuarentenaAMedias => "un agregado en cuarentena sigue decidiendo",
            Self::ElisionDeSagaAjena => {
                "se omite la reserva de una saga que empezó antes de la época, y su copia tardía se concede"
            }
            Self::MemoriaQueSale => {
                "un actor sale de la memoria con la época que lo trajo, aunque la que sigue recuerde algo de él"
            }
            Self::PosicionSoloDeLoConsumido => {
                "una época confirma sólo las posiciones que consumió, y no retiene a quien hereda lo demás que cambió"
            }
        }
    }
}

#[cfg(feature = "defectos")]
mod eleccion {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Defecto;

    static ELEGIDO: AtomicU8 = AtomicU8::new(0);

    /// Whether the bug is alive.
    #[inline]
    pub fn plantado(defecto: Defecto) -> bool {
        ELEGIDO.load(Ordering::Relaxed) == defecto.numero()
    }

    /// Chooses the bug that lives in this process; 0 is none.
    ///
    /// # Errors
    /// In Spanish, when no bug has the number.
    pub fn elegir(numero: u8) -> Result<(), String> {
        if numero != 0 && Defecto::de_numero(numero).is_none() {
            let ultimo = Defecto::TODOS.len();
            return Err(format!("no hay un defecto {numero}: van de 1 a {ultimo}, y 0 es ninguno"));
        }
        ELEGIDO.store(numero, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(not(feature = "defectos"))]
mod eleccion {
    use super::Defecto;

    /// Never: this build has no planted bugs.
    #[inline(always)]
    pub const fn plantado(_: Defecto) -> bool {
        false
    }

    /// Refuses every number but 0: this build has no planted bugs.
    ///
    /// # Errors
    /// In Spanish, when a bug is asked for.
    pub fn elegir(numero: u8) -> Result<(), String> {
        if numero == 0 {
            return Ok(());
        }
        Err(format!("este binario no lleva el defecto {numero}: compílelo con `--features defectos`"))
    }
}

pub use eleccion::{elegir, plantado};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_names_are_unique() {
        for (place, defecto) in Defecto::TODOS.iter().enumerate() {
            assert_eq!(usize::from(defecto.numero()), place + 1, "la lista sólo crece");
            assert_eq!(Defecto::de_numero(defecto.numero()), Some(*defecto));
            let same = Defecto::TODOS.iter().filter(|d| d.nombre() == defecto.nombre()).count();
            assert_eq!(same, 1, "{defecto:?}");
            assert!(!defecto.descripcion().contains('\n'));
        }
        assert_eq!(Defecto::de_numero(0), None);
    }

    #[test]
    fn only_known_bugs_are_chosen() {
        // Choosing a real one would reach the tests beside this one.
        assert!(elegir(u8::MAX).is_err());
        assert!(elegir(0).is_ok());
        assert!(Defecto::TODOS.iter().all(|d| !plantado(*d)));
    }
}
