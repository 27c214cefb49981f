//! Specifications: a rule, the moments at which it is evaluated, and its evaluation; a list of them is their conjunction.

use super::Regla;

/// The moments of a document at which rules are evaluated (`dominio.md` section 12); several at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Momentos(u8);

impl Momentos {
    /// C: the document is created.
    pub const CREAR: Self = Self(1);
    /// L: a line of it is stated.
    pub const LINEA: Self = Self(2);
    /// E: it is issued.
    pub const EMITIR: Self = Self(4);
    /// C and L: a draft must hold them.
    pub const DE_BORRADOR: Self = Self::CREAR.y(Self::LINEA);
    pub const TODOS: Self = Self::DE_BORRADOR.y(Self::EMITIR);

    /// Both.
    pub const fn y(self, otros: Self) -> Self {
        Self(self.0 | otros.0)
    }

    /// Whether they share a moment.
    pub const fn tocan(self, otros: Self) -> bool {
        self.0 & otros.0 != 0
    }

    /// `C L E`, those that there are.
    pub fn letras(self) -> String {
        let letras = [(Self::CREAR, "C"), (Self::LINEA, "L"), (Self::EMITIR, "E")];
        let presentes: Vec<&str> = letras.into_iter().filter(|(m, _)| self.tocan(*m)).map(|(_, letra)| letra).collect();
        presentes.join(" ")
    }
}

/// A named rule. `evaluar` adds the failures of its subject, if any; its type says what the subject is.
#[derive(Debug, Clone, Copy)]
pub struct Especificacion<F: 'static> {
    pub regla: Regla,
    pub cuando: Momentos,
    pub evaluar: F,
}

impl<F> Especificacion<F> {
    pub const fn new(regla: Regla, cuando: Momentos, evaluar: F) -> Self {
        Self { regla, cuando, evaluar }
    }
}

/// The evaluations of a conjunction that apply at any of `momentos`, with whether a draft must hold them.
pub fn aplicables<F: Copy>(conjuncion: &'static [Especificacion<F>], momentos: Momentos) -> impl Iterator<Item = (F, bool)> {
    let aplica = move |e: &&Especificacion<F>| e.cuando.tocan(momentos);
    conjuncion.iter().filter(aplica).map(|e| (e.evaluar, e.cuando.tocan(Momentos::DE_BORRADOR)))
}
