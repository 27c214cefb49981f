//! What a note asks of its invoice, and what it is granted.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::{
    catalogo::{cliente::DatosCliente, producto::Impuesto},
    facturacion::factura::TotalesFactura,
    inventario::{LoteConsumido, PoliticaRetorno},
    numeracion::NumeroDocumento,
    valores::{Cantidad, CostoTotal, Dinero, Id, PrecioUnitario},
};

/// How a line of a note credits: a quantity of the invoice's line, or money (of its subtotal, taxes apart).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acreditado {
    /// Above zero.
    Cantidad { cantidad: Cantidad },
    /// Above zero.
    Monto { monto: Dinero },
}

/// A line of a note as its draft keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct LineaNotaCredito {
    /// 1 to 500.
    pub numero: u16,
    /// Number of the invoice's line.
    pub linea_factura: u16,
    pub acreditado: Acreditado,
    /// Whether its goods come back; only with a quantity, and only of lines that moved stock.
    pub afecta_inventario: bool,
    /// Where the goods come back to; `None` = the line's original bodega.
    pub bodega_id: Option<Id>,
}

/// ReservarCredito: all of a note at once.
#[derive(Debug, Clone, PartialEq)]
pub struct SolicitudCredito {
    pub nota_id: Id,
    /// Attempt of the note, from 1.
    pub intento: u32,
    /// `None` = the invoice's.
    pub sucursal_id: Option<Id>,
    pub politica: PoliticaRetorno,
    /// The note's issue date.
    pub fecha_emision: NaiveDate,
    pub lineas: Vec<Arc<LineaNotaCredito>>,
}

/// A line of a note with the amounts it credits.
#[derive(Debug, Clone, PartialEq)]
pub struct LineaAcreditada {
    pub linea: Arc<LineaNotaCredito>,
    pub producto_id: Option<Id>,
    pub descripcion: Arc<str>,
    pub precio_unitario: PrecioUnitario,
    pub impuesto: Option<Impuesto>,
    pub subtotal: Dinero,
    /// Tax value; zero when excluded.
    pub valor_impuesto: Dinero,
}

/// Goods that go back to one Inventario.
#[derive(Debug, Clone, PartialEq)]
pub struct GrupoDevolucion {
    pub producto_id: Id,
    /// The bodega they left.
    pub bodega_origen: Id,
    /// The bodega they come back to.
    pub bodega_id: Id,
    pub cantidad: Cantidad,
    /// Numbers of the note's lines, ascending.
    pub lineas: Vec<u16>,
    /// Slices of the lots of the original exit, oldest first.
    pub lotes: Arc<[LoteConsumido]>,
    /// Exact, at the cost they left with.
    pub costo_total: CostoTotal,
}

/// What has been taken of one line of the invoice.
#[derive(Debug, Clone, PartialEq)]
pub struct CargoLinea {
    /// Number of the invoice's line.
    pub linea: u16,
    /// Credited by quantity.
    pub cantidad: Cantidad,
    /// Credited in all, by quantity and by amount.
    pub subtotal: Dinero,
    pub impuesto: Dinero,
    /// Of which by quantity: what cumulative differences start from.
    pub subtotal_por_cantidad: Dinero,
    pub impuesto_por_cantidad: Dinero,
    /// Slices of lots returned, each lot once, by entry date and sequence.
    pub lotes: Vec<LoteConsumido>,
}

/// The credit of one note: its lines, what they take of the invoice's, and the goods that come back.
#[derive(Debug, Clone, PartialEq)]
pub struct CreditoNota {
    pub nota_id: Id,
    pub intento: u32,
    pub sucursal_id: Id,
    pub lineas: Arc<[LineaAcreditada]>,
    pub totales: TotalesFactura,
    /// By line of the invoice, ascending.
    pub cargos: Arc<[CargoLinea]>,
    pub grupos: Vec<Arc<GrupoDevolucion>>,
    /// Candidate ranges of credit notes, in the order they are asked.
    pub rangos: Vec<Id>,
}

/// What a note copies of the invoice it modifies.
#[derive(Debug, Clone, PartialEq)]
pub struct FacturaModificada {
    pub numero: NumeroDocumento,
    pub fecha_emision: NaiveDate,
    pub moneda: Arc<str>,
    pub cliente_id: Id,
    /// The client as it was at the invoice's issue.
    pub cliente: Arc<DatosCliente>,
    /// The channel that the invoice was sold by: a return counts against it.
    pub canal: Option<Arc<str>>,
}

/// The answer to ReservarCredito; equal each time it is asked again.
#[derive(Debug, Clone, PartialEq)]
pub struct CreditoConcedido {
    pub credito: Arc<CreditoNota>,
    pub factura: FacturaModificada,
}
