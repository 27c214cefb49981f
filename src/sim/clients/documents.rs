//! Documents at random: invoices, drafts and their edits, credit notes, annulments, the tax authority's answers.

use super::{
    Client, id,
    shop::{BODEGAS, DESCUENTOS},
};
use crate::domain::{
    Comando,
    catalogo::descuento::ValorDeclarado,
    facturacion::{
        factura::{
            CambioFechas, Campo, ComandoFactura, DatosFactura, DescuentoPedido, EstadoDian, FormaPago, FormaPagoTipo, LineaPedida,
            RespuestaDian,
        },
        nota_credito::{ComandoNotaCredito, ConceptoNota, DatosNotaCredito, FechasNota, LineaNotaPedida},
    },
    inventario::PoliticaRetorno,
    valores::{Decimal, Dinero, Id, fecha_iso},
};

/// Of a document that a client has spoken of, this many are remembered.
const REMEMBERED: usize = 40;

/// What the clients know of their documents.
#[derive(Default)]
pub struct Documents {
    invoices: u32,
    notes: u32,
    drafts: Vec<Id>,
    /// Told to be issued.
    issued: Vec<Id>,
    /// Drafts of notes: invoice and note.
    note_drafts: Vec<(Id, Id)>,
}

impl Documents {
    pub fn was_issued(&mut self, factura_id: &Id) {
        remember(&mut self.issued, factura_id.clone());
    }
}

fn remember<T>(list: &mut Vec<T>, what: T) {
    list.push(what);
    if list.len() > REMEMBERED {
        list.remove(0);
    }
}

impl Client<'_> {
    pub fn invoice(&mut self) -> Comando {
        let factura_id = self.new_invoice();
        let datos = Box::new(self.invoice_data(1));
        Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, datos })
    }

    /// One that nobody else speaks of: it ends in quarantine, and whoever waits for it waits for an operator, who is not simulated.
    pub fn poisonous_invoice(&mut self, n: usize) -> Comando {
        let datos = Box::new(self.invoice_data(1));
        Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id: id(&format!("fv-{n}")), datos })
    }

    fn new_invoice(&mut self) -> Id {
        self.documents.invoices += 1;
        id(&format!("f-{}", self.documents.invoices))
    }

    fn invoice_data(&mut self, least_lines: u64) -> DatosFactura {
        let lines = self.rng.between(least_lines, 3);
        let lineas = (0..lines).map(|_| self.line()).collect();
        let cliente_id = if self.rng.below(30) == 0 { id("nadie") } else { id(&self.client()) };
        let descuento = (self.rng.below(8) == 0).then(|| Box::new(self.discount(DESCUENTOS[1])));
        DatosFactura { descuento, ..DatosFactura::de(cliente_id, lineas) }
    }

    fn line(&mut self) -> LineaPedida {
        let largest = (u64::from(self.shared.plan.stock) / 3).max(2);
        let service = self.rng.below(8) == 0;
        let bodega_id = (!service && self.rng.below(4) == 0).then(|| id("NORTE"));
        LineaPedida {
            producto_id: (!service).then(|| id(&self.product())),
            bodega_id,
            descripcion: service.then(|| "Servicio".into()),
            cantidad: Decimal::new(self.rng.between(1, largest * 10) as i64, 1),
            precio_unitario: service.then(|| Decimal::from(1_000)),
            impuesto: Campo::Ausente,
            descuento: (self.rng.below(5) == 0).then(|| Box::new(self.discount(DESCUENTOS[0]))),
        }
    }

    /// A percentage, an amount that may be too much, or one of the catalogue.
    fn discount(&mut self, of_catalogue: &str) -> DescuentoPedido {
        let n = self.rng.between(1, 2_000) as i64;
        let valor = |porcentaje, monto| ValorDeclarado { porcentaje, monto };
        match self.rng.below(4) {
            0 => DescuentoPedido { valor: valor(None, Some(Decimal::new(n * 100, 2))), descuento_id: None },
            1 => DescuentoPedido { valor: ValorDeclarado::default(), descuento_id: Some(id(of_catalogue)) },
            _ => DescuentoPedido { valor: valor(Some(Decimal::new(n % 400, 1)), None), descuento_id: None },
        }
    }

    pub fn draft(&mut self) -> Comando {
        let factura_id = self.new_invoice();
        remember(&mut self.documents.drafts, factura_id.clone());
        let datos = Box::new(self.invoice_data(0));
        Comando::Factura(ComandoFactura::CrearFactura { factura_id, datos })
    }

    /// A command to a draft, or to what was one.
    pub fn edit(&mut self) -> Comando {
        let Some(factura_id) = self.one_of(|documents| &documents.drafts) else { return self.draft() };
        Comando::Factura(match self.rng.below(12) {
            0..=2 => ComandoFactura::AgregarLinea { factura_id, linea: Box::new(self.line()) },
            3 => ComandoFactura::QuitarLinea { factura_id, linea: self.rng.between(1, 3) as u16 },
            4 => self.discounted(factura_id),
            5 => ComandoFactura::DefinirFormasPago { factura_id, formas_pago: self.payments() },
            6 => ComandoFactura::CambiarFechas { factura_id, fechas: Box::new(self.new_dates()) },
            7 => ComandoFactura::DescartarFactura { factura_id },
            8 => ComandoFactura::EmitirFactura { factura_id, fechas: Some(Box::new(self.new_dates())) },
            _ => ComandoFactura::EmitirFactura { factura_id, fechas: None },
        })
    }

    fn discounted(&mut self, factura_id: Id) -> ComandoFactura {
        let whole = self.rng.below(3) == 0;
        let linea = (!whole).then(|| self.rng.between(1, 3) as u16);
        let descuento = Box::new(self.discount(DESCUENTOS[usize::from(whole)]));
        ComandoFactura::AplicarDescuento { factura_id, linea, descuento }
    }

    /// Most often none, which takes them away: a client seldom knows the total.
    fn payments(&mut self) -> Vec<FormaPago> {
        if self.rng.below(3) > 0 {
            return Vec::new();
        }
        let monto = Dinero::nuevo(Decimal::from(self.rng.between(1, 9_000) as i64)).unwrap_or_default();
        vec![FormaPago { forma: FormaPagoTipo::Contado, medio: "EFECTIVO".into(), monto, fecha_vencimiento: None }]
    }

    fn new_dates(&mut self) -> CambioFechas {
        let fecha_emision = fecha_iso(self.rng.pick(&["2026-11-23", "2026-11-25", "2026-11-26", "2026-12-01"]));
        CambioFechas { fecha_emision, fecha_autorizacion: None, fecha_caducidad: Campo::Nulo }
    }

    pub fn note(&mut self) -> Comando {
        let factura_id = self.invoice_to_credit();
        let nota_id = self.new_note();
        let datos = Box::new(self.note_data(1));
        Comando::NotaCredito(ComandoNotaCredito::CrearYEmitirNotaCredito { factura_id, nota_id, datos })
    }

    fn new_note(&mut self) -> Id {
        self.documents.notes += 1;
        id(&format!("n-{}", self.documents.notes))
    }

    /// Mostly one that was issued; now and then any, or none.
    fn invoice_to_credit(&mut self) -> Id {
        if self.rng.below(8) > 0
            && let Some(issued) = self.one_of(|documents| &documents.issued)
        {
            return issued;
        }
        id(&format!("f-{}", self.rng.between(1, u64::from(self.documents.invoices) + 1)))
    }

    /// The day after the run begins, or one of those on which notes are mostly refused.
    fn note_dates(&mut self) -> FechasNota {
        let fecha_emision = fecha_iso(self.rng.pick(&["2026-11-26", "2026-11-26", "2026-11-26", "2026-12-01", "2026-11-25"]));
        FechasNota { fecha_emision, fecha_autorizacion: None, fecha_caducidad: Campo::Ausente }
    }

    fn note_data(&mut self, least_lines: u64) -> DatosNotaCredito {
        let lines = self.rng.between(least_lines, 2);
        DatosNotaCredito {
            sucursal_id: None,
            concepto: self.rng.pick(&ConceptoNota::TODOS),
            motivo: "Devolución de la simulación".into(),
            politica_retorno: self.rng.pick(&[None, Some(PoliticaRetorno::LoteNuevo), Some(PoliticaRetorno::ReversaFifo)]),
            fechas: self.note_dates(),
            lineas: (0..lines).map(|_| self.note_line()).collect(),
        }
    }

    fn note_line(&mut self) -> LineaNotaPedida {
        let linea_factura = self.rng.pick(&[1, 1, 1, 2, 3]);
        if self.rng.below(4) == 0 {
            let monto = Some(Decimal::from(self.rng.between(1, 3_000) as i64));
            return LineaNotaPedida { linea_factura, cantidad: None, monto, afecta_inventario: None, bodega_id: None };
        }
        let largest = (u64::from(self.shared.plan.stock) / 6).max(2);
        LineaNotaPedida {
            linea_factura,
            cantidad: Some(Decimal::new(self.rng.between(1, largest * 10) as i64, 1)),
            monto: None,
            afecta_inventario: self.rng.pick(&[None, Some(true), Some(false)]),
            bodega_id: (self.rng.below(4) == 0).then(|| id(self.rng.pick(&BODEGAS))),
        }
    }

    /// A draft of a note, or a command to one.
    pub fn note_draft(&mut self) -> Comando {
        let known = self.one_of(|documents| &documents.note_drafts);
        let Some((factura_id, nota_id)) = known.filter(|_| self.rng.below(3) > 0) else {
            let (factura_id, nota_id) = (self.invoice_to_credit(), self.new_note());
            remember(&mut self.documents.note_drafts, (factura_id.clone(), nota_id.clone()));
            let datos = Box::new(self.note_data(0));
            return Comando::NotaCredito(ComandoNotaCredito::CrearNotaCredito { factura_id, nota_id, datos });
        };
        Comando::NotaCredito(match self.rng.below(3) {
            0 => ComandoNotaCredito::AgregarLineaNotaCredito { factura_id, nota_id, linea: self.note_line() },
            1 => ComandoNotaCredito::EmitirNotaCredito { factura_id, nota_id, fechas: Some(self.note_dates()) },
            _ => ComandoNotaCredito::EmitirNotaCredito { factura_id, nota_id, fechas: None },
        })
    }

    pub fn annulment(&mut self) -> Comando {
        let factura_id = self.invoice_to_credit();
        let motivo = if self.rng.below(10) == 0 { "no" } else { "Pedido equivocado" };
        Comando::Factura(ComandoFactura::AnularFactura { factura_id, motivo: motivo.into() })
    }

    pub fn authority(&mut self) -> Comando {
        let factura_id = self.invoice_to_credit();
        let estado = self.rng.pick(&EstadoDian::TODOS);
        let respuesta = Box::new(RespuestaDian { estado, codigo: Some("FAK01".into()), mensaje: None });
        Comando::Factura(ComandoFactura::RegistrarRespuestaDian { factura_id, respuesta })
    }

    /// One that is remembered.
    fn one_of<T: Clone>(&mut self, of: impl Fn(&Documents) -> &Vec<T>) -> Option<T> {
        let list = of(self.documents);
        if list.is_empty() {
            return None;
        }
        let at = self.rng.index(list.len());
        Some(list[at].clone())
    }
}
