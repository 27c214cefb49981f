//! I3 and I4: the stock of each Inventario folded by the domain and by the reference model, event by event.

use rust_decimal::Decimal;

use super::{
    cruces::{Cruces, Salida, clave_factura, huella_devolucion},
    huellas::{Lugar, clave, huella_salida},
    informe::{Codigo, Informe},
    lotes::{Fechas, ModeloLotes},
};
use crate::{
    contracts::EventEnvelope,
    domain::{
        inventario::{
            EventoInventario, Inventario, LoteConsumido, MotivoEntrada, MotivoSalida, Movimiento, evolucionar, inventario_id,
        },
        valores::Id,
    },
};

/// An Inventario as verified so far.
#[derive(Default)]
pub(super) struct InventarioSeguido {
    pub(super) estado: Option<Inventario>,
    modelo: ModeloLotes,
    /// Sequence of the last lot opened.
    ultima_secuencia: u64,
}

impl InventarioSeguido {
    pub(super) fn plegar(
        &mut self,
        sobre: &EventEnvelope,
        evento: &EventoInventario,
        vender_vencidos: bool,
        cruces: &mut Cruces,
        informe: &mut Informe,
    ) {
        let cual = || format!("{} v{}", sobre.aggregate_id, sobre.aggregate_version);
        informe.revisado(Codigo::I3);
        match evento {
            EventoInventario::StockReducido(movimiento) => {
                self.salida(sobre, movimiento, vender_vencidos, cruces, informe);
            }
            EventoInventario::StockIncrementado(movimiento) => self.entrada(sobre, movimiento, cruces, informe),
            EventoInventario::LoteCreado { secuencia, .. } => {
                informe.exigir(Codigo::I4, *secuencia == self.ultima_secuencia + 1, || {
                    format!("{}: abre el lote {secuencia} después del {}", cual(), self.ultima_secuencia)
                });
                self.ultima_secuencia = self.ultima_secuencia.max(*secuencia);
            }
            EventoInventario::StockReservado { reserva_id, .. } | EventoInventario::ReservaLiberada { reserva_id, .. } => {
                anotar_paso(sobre, reserva_id, cruces);
            }
            EventoInventario::InventarioCreado { .. }
            | EventoInventario::StockMinimoCambiado { .. }
            | EventoInventario::StockBajo { .. } => {}
        }
        evolucionar(&mut self.estado, evento);
        self.comparar(&cual, evento, informe);
    }

    /// The folded state against the model and against what the event says of itself.
    fn comparar(&self, cual: &dyn Fn() -> String, evento: &EventoInventario, informe: &mut Informe) {
        let Some(estado) = &self.estado else {
            informe.falla(Codigo::I3, || format!("{}: {} sobre un inventario que no existe", cual(), evento.tipo()));
            return;
        };
        let stock = estado.stock.valor();
        informe.exigir(Codigo::I3, self.modelo.total >= Decimal::ZERO, || {
            format!("{}: existencia negativa ({})", cual(), self.modelo.total)
        });
        informe.exigir(Codigo::I3, stock == self.modelo.total, || {
            format!("{}: la existencia plegada es {stock} y los lotes suman {}", cual(), self.modelo.total)
        });
        informe.exigir(Codigo::I3, estado.reservado <= estado.stock, || {
            format!("{}: reservado {} de una existencia de {stock}", cual(), estado.reservado.valor())
        });
        let dicho = match evento {
            EventoInventario::StockReducido(m) => Some(m.stock_resultante),
            EventoInventario::StockIncrementado(m) => Some(m.stock_resultante),
            _ => None,
        };
        if let Some(dicho) = dicho {
            informe.exigir(Codigo::I3, dicho.valor() == self.modelo.total, || {
                format!("{}: dice que quedan {} y quedan {}", cual(), dicho.valor(), self.modelo.total)
            });
        }
    }

    fn entrada(
        &mut self,
        sobre: &EventEnvelope,
        movimiento: &Movimiento<MotivoEntrada>,
        cruces: &mut Cruces,
        informe: &mut Informe,
    ) {
        let cual = || format!("{} v{} ({})", sobre.aggregate_id, sobre.aggregate_version, movimiento.movimiento_id);
        informe.revisado(Codigo::I4);
        exigir_sumas(&cual, movimiento, informe);
        for lote in movimiento.lotes.iter() {
            self.modelo.entra(lote);
        }
        // A step of a saga: its document answers for it. An entry that somebody registered stands alone.
        if sobre.huella.is_some() {
            return;
        }
        let (documento, numero) = movimiento.referencia.as_ref().map_or(("", ""), |r| (&*r.id, r.numero.as_deref().unwrap_or("")));
        let inventario = inventario_id(&movimiento.producto_id, &movimiento.bodega_id);
        let huella = huella_devolucion(&[inventario.as_str(), documento, numero], movimiento.costo_total);
        let devolucion = (huella, Lugar::de(&sobre.entrada));
        if cruces.devoluciones.insert(clave(&[movimiento.movimiento_id.as_str()]), devolucion).is_some() {
            informe.falla(Codigo::I4, || format!("{}: el movimiento vuelve dos veces", cual()));
        }
    }

    fn salida(
        &mut self,
        sobre: &EventEnvelope,
        movimiento: &Movimiento<MotivoSalida>,
        vender_vencidos: bool,
        cruces: &mut Cruces,
        informe: &mut Informe,
    ) {
        let cual = || format!("{} v{} ({})", sobre.aggregate_id, sobre.aggregate_version, movimiento.movimiento_id);
        informe.revisado(Codigo::I4);
        exigir_sumas(&cual, movimiento, informe);
        let fechas = self.fechas(movimiento, vender_vencidos);
        informe.exigir(Codigo::I4, fechas.is_some(), || format!("{}: no tomó los lotes más antiguos", cual()));
        if let Err(que) = self.modelo.sale(&movimiento.lotes) {
            informe.falla(Codigo::I3, || format!("{}: {que}", cual()));
        }
        if movimiento.motivo != MotivoSalida::Venta {
            return;
        }
        let reservada = movimiento.reserva_id.as_ref().and_then(|id| self.estado.as_ref()?.reservas.get(id));
        let mut fechas = fechas.unwrap_or(Fechas::TODAS);
        if let Some(reserva) = reservada {
            let bien = vender_vencidos || fechas.contiene(reserva.fecha);
            informe.exigir(Codigo::I4, bien, || format!("{}: lotes que no son los del {}", cual(), reserva.fecha));
            informe.exigir(Codigo::I4, reserva.cantidad == movimiento.cantidad, || {
                format!("{}: salen {} y se reservaron {}", cual(), movimiento.cantidad.valor(), reserva.cantidad.valor())
            });
            fechas = Fechas::TODAS;
        }
        let (factura, numero) = movimiento.referencia.as_ref().map_or(("", ""), |r| (&*r.id, r.numero.as_deref().unwrap_or("")));
        let inventario = inventario_id(&movimiento.producto_id, &movimiento.bodega_id);
        let huella =
            huella_salida(&[inventario.as_str(), factura, numero], movimiento.cantidad, movimiento.costo_total, &movimiento.lotes);
        let salida = Salida { huella, entrada: Lugar::de(&sobre.entrada), fechas };
        if cruces.salidas.insert(clave(&[movimiento.movimiento_id.as_str()]), salida).is_some() {
            informe.falla(Codigo::I4, || format!("{}: el movimiento sale dos veces", cual()));
        }
    }

    /// The days for which the exit took the right lots, by its reason.
    fn fechas(&self, movimiento: &Movimiento<MotivoSalida>, vender_vencidos: bool) -> Option<Fechas> {
        let cantidad = movimiento.cantidad.valor();
        let sin_caducidad = || self.modelo.es_fifo(&movimiento.lotes, cantidad).then_some(Fechas::TODAS);
        if movimiento.motivo == MotivoSalida::Ajuste {
            return sin_caducidad();
        }
        if vender_vencidos && let Some(todas) = sin_caducidad() {
            return Some(todas);
        }
        self.modelo.fechas_de(&movimiento.lotes, cantidad)
    }

    /// What must hold at the end of the stream, and the reservations that somebody must still answer for: not those of an Inventario
    /// in quarantine, which nobody can release.
    pub(super) fn terminar(&self, en_cuarentena: bool, cruces: &mut Cruces, informe: &mut Informe) {
        let Some(estado) = &self.estado else { return };
        if let Err(que) = estado.invariantes() {
            informe.falla(Codigo::I3, || que);
        }
        informe.exigir(Codigo::I4, estado.valor().valor() == self.modelo.valor, || {
            format!("{}: vale {} y sus lotes valen {}", estado.inventario_id, estado.valor().valor(), self.modelo.valor)
        });
        for (reserva_id, reserva) in estado.reservas.iter().filter(|_| !en_cuarentena) {
            let factura = reserva_id.partes().next().unwrap_or_default();
            let texto = format!("{}: {} de la reserva {reserva_id}", estado.inventario_id, reserva.cantidad.valor());
            cruces.con_reservas.push((clave_factura(factura), texto));
        }
    }
}

/// The lots of a movement add up to its quantity and to its cost, to the last decimal.
fn exigir_sumas<M>(cual: &dyn Fn() -> String, movimiento: &Movimiento<M>, informe: &mut Informe) {
    let suma = |parte: fn(&LoteConsumido) -> Decimal| movimiento.lotes.iter().map(parte).sum::<Decimal>();
    let cantidad = suma(|lote| lote.cantidad.valor());
    informe.exigir(Codigo::I4, cantidad == movimiento.cantidad.valor(), || {
        format!("{}: mueve {} y sus lotes suman {cantidad}", cual(), movimiento.cantidad.valor())
    });
    let costo = suma(|lote| lote.cantidad.valor() * lote.costo_unitario.valor());
    informe.exigir(Codigo::I4, costo == movimiento.costo_total.valor(), || {
        format!("{}: cuesta {} y sus lotes {costo}", cual(), movimiento.costo_total.valor())
    });
}

/// A step of a saga names its invoice, which must exist.
pub(super) fn anotar_paso(sobre: &EventEnvelope, id: &Id, cruces: &mut Cruces) {
    if sobre.huella.is_none() {
        let factura = id.partes().next().unwrap_or_default();
        cruces.con_pasos.entry(clave_factura(factura)).or_insert(Lugar::de(&sobre.entrada));
    }
}
