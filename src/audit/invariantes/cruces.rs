//! Links between aggregates: what one stream recorded and another must answer for. Each is put in by the first stream and taken out by
//! the other; what is left at the end belongs to a saga in course, or to nobody.

use hashbrown::{HashMap, HashSet};

use super::{
    corte::Corte,
    huellas::{Clave, Lugar, clave, huella_salida},
    informe::{Codigo, Informe},
    lotes::Fechas,
};
use crate::{
    contracts::EventEnvelope,
    domain::{
        TipoAgregado,
        facturacion::factura::{EmisionIniciada, Paso},
        inventario::inventario_id,
        valores::{Cantidad, CostoTotal, Id},
    },
};

/// The exit of a sale, waiting for its invoice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Salida {
    pub huella: u64,
    pub entrada: Lugar,
    /// Days of issue for which its lots are the right ones.
    pub fechas: Fechas,
}

/// A number given, waiting for its document.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumeroDado {
    pub rango: Clave,
    pub consecutivo: u64,
    pub entrada: Lugar,
}

/// A run of consecutive numbers given by a range.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tanda {
    /// Kind of document and prefix: what must not repeat.
    pub serie: String,
    pub desde: u64,
    pub hasta: u64,
    pub rango: String,
}

#[derive(Default)]
pub(super) struct Cruces {
    /// By movimiento_id.
    pub salidas: HashMap<Clave, Salida>,
    /// Goods that came back, waiting for their note or annulment, by movimiento_id: the place of their input and what they say.
    pub devoluciones: HashMap<Clave, (u64, Lugar)>,
    /// By document.
    pub numeros: HashMap<Clave, NumeroDado>,
    pub tandas: Vec<Tanda>,
    /// Invoices that steps of sagas name, with one of the inputs; taken out when the invoice is found.
    pub con_pasos: HashMap<Clave, Lugar>,
    /// Reservations held: their invoice, and how to tell of them.
    pub con_reservas: Vec<(Clave, String)>,
    /// What an undecided transaction holds back may be the counterpart that is missing.
    pub incompleto: bool,
    /// Aggregates in quarantine: what waits for them waits rightly.
    en_cuarentena: HashSet<Clave>,
    /// Invoices with an open saga.
    abiertas: HashSet<Clave>,
    /// Of them, those that nothing but time holds back.
    por_terminar: Vec<String>,
}

/// Name of an invoice in the links.
pub(super) fn clave_factura(factura_id: &str) -> Clave {
    clave(&[factura_id])
}

fn clave_agregado(tipo: TipoAgregado, id: &Id) -> Clave {
    clave(&[tipo.nombre(), id.as_str()])
}

impl Cruces {
    pub(super) fn new(corte: &Corte) -> Self {
        Self { incompleto: !corte.firme, ..Self::default() }
    }

    /// An aggregate in quarantine at the end of its stream.
    pub(super) fn en_cuarentena(&mut self, tipo: TipoAgregado, id: &Id) {
        self.en_cuarentena.insert(clave_agregado(tipo, id));
    }

    /// Whether it, or one that its saga needs, is in quarantine.
    fn detenida(&self, inicio: &EmisionIniciada) -> bool {
        let hay = |tipo, id: &Id| self.en_cuarentena.contains(&clave_agregado(tipo, id));
        let inventarios = inicio.grupos.iter().map(|g| inventario_id(&g.producto_id, &g.bodega_id));
        hay(TipoAgregado::Factura, &inicio.factura_id)
            || inventarios.into_iter().any(|id| hay(TipoAgregado::Inventario, &id))
            || inicio.rangos.iter().any(|id| hay(TipoAgregado::RangoNumeracion, id))
    }

    /// Open sagas that must end by themselves.
    pub(super) fn abiertas(&self) -> &[String] {
        &self.por_terminar
    }

    /// An invoice whose saga is open accounts for its steps so far.
    pub(super) fn abierta(&mut self, inicio: &EmisionIniciada) {
        let factura = inicio.factura_id.as_str();
        // One that a quarantine holds back waits for whoever lifts it.
        if self.en_cuarentena.is_empty() || !self.detenida(inicio) {
            self.por_terminar.push(format!("la emisión de {factura}, intento {}", inicio.intento));
        }
        self.abiertas.insert(clave_factura(factura));
        self.numeros.remove(&clave_factura(factura));
        for grupo in 0..inicio.grupos.len() {
            let movimiento = format!("{factura}:{}:{grupo}:{}", inicio.intento, Paso::Confirmar.letra());
            self.salidas.remove(&clave(&[&movimiento]));
        }
    }

    /// The goods that a note or an annulment says came back: with that document, to that Inventario, at that cost, once.
    pub(super) fn devuelta(
        &mut self,
        movimiento_id: &Id,
        textos: &[&str],
        costo: CostoTotal,
        sobre: &EventEnvelope,
        informe: &mut Informe,
    ) {
        informe.revisado(Codigo::I4);
        let documento = &sobre.aggregate_id;
        match self.devoluciones.remove(&clave(&[movimiento_id.as_str()])) {
            None => {
                informe.falla(Codigo::I4, || format!("{documento}: dice que volvió {movimiento_id} y ninguna existencia subió"))
            }
            Some((huella, _)) => informe.exigir(Codigo::I4, huella == huella_devolucion(textos, costo), || {
                format!("{documento}: el costo o el lugar de {movimiento_id} no son los que volvieron")
            }),
        }
    }

    /// A document whose goods are on their way back accounts for what has come so far.
    pub(super) fn devolviendo(&mut self, documento_id: &Id, intento: u32, grupos: usize) {
        self.por_terminar.push(format!("la nota o anulación de {documento_id}, intento {intento}"));
        for grupo in 0..grupos {
            let movimiento = Id::de_paso(documento_id, intento, grupo, Some(Paso::Devolver.letra()));
            self.devoluciones.remove(&clave(&[movimiento.as_str()]));
        }
    }

    /// What nobody answered for. `reservas`: under which invariant a reservation of no open saga is told, if it is one already.
    pub(super) fn cerrar(mut self, corte: &Corte, reservas: Option<Codigo>, informe: &mut Informe) {
        for lugar in sueltos(self.salidas.values().map(|s| s.entrada), corte) {
            informe.falla(Codigo::I4, || format!("una salida de venta no es de ninguna factura (entrada {lugar})"));
        }
        for lugar in sueltos(self.devoluciones.values().map(|(_, entrada)| *entrada), corte) {
            informe.falla(Codigo::I4, || format!("una devolución no es de ninguna nota ni anulación (entrada {lugar})"));
        }
        for lugar in sueltos(self.numeros.values().map(|n| n.entrada), corte) {
            informe.falla(Codigo::I6, || format!("un número asignado no lo lleva ningún documento (entrada {lugar})"));
        }
        for lugar in sueltos(self.con_pasos.values().copied(), corte) {
            informe.falla(Codigo::I2, || format!("hay pasos de una factura que no existe (entrada {lugar})"));
        }
        if let Some(codigo) = reservas.filter(|_| corte.exacto) {
            for (_, texto) in self.con_reservas.iter().filter(|(factura, _)| !self.abiertas.contains(factura)) {
                informe.falla(codigo, || format!("{texto} sigue reservado y su factura no está en emisión"));
            }
        }
        self.tandas.sort_unstable();
        for par in self.tandas.windows(2) {
            let [a, b] = par else { continue };
            if a.serie == b.serie && a.rango != b.rango && b.desde <= a.hasta {
                informe.falla(Codigo::I6, || {
                    format!("los rangos {} y {} dieron ambos números desde el {} ({})", a.rango, b.rango, b.desde, a.serie)
                });
            }
        }
    }
}

/// What a return says: its Inventario, its document and number, its cost. (Its lots are new ones or old ones, by its policy.)
pub(super) fn huella_devolucion(textos: &[&str], costo: CostoTotal) -> u64 {
    huella_salida(textos, Cantidad::CERO, costo, &[])
}

/// In order, so that two verifications of one log tell the same.
fn sueltos(lugares: impl Iterator<Item = Lugar>, corte: &Corte) -> Vec<Lugar> {
    let mut sueltos: Vec<Lugar> = lugares.filter(|lugar| corte.cerrado(*lugar)).collect();
    sueltos.sort_unstable();
    sueltos
}
