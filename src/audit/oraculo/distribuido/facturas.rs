//! Factura: what was asked for is what the document says; its saga took no step that it could not; its refusals were true.

use std::sync::Arc;

use super::{Alrededor, Juicio, OraculoDistribuido, cual, documentos::grupos};
use crate::{
    contracts::{Entrada, RecordedEvent},
    domain::{
        Comando, Direccionado, Evento, TipoAgregado,
        catalogo::{cliente::DatosCliente, producto::Producto},
        facturacion::{
            factura::{
                CabeceraFactura, Campo, ComandoFactura, EmisionIniciada, EventoFactura, Factura, FacturaEmitida, FaseEmision,
                LineaEmitida, LineaFactura, LineaPedida, TotalesFactura, evolucionar,
            },
            totales::{Partida, calcular},
        },
        inventario::{EventoInventario, inventario_id},
        numeracion::{EventoRango, NumeroDocumento},
        valores::{Cantidad, Id, PrecioUnitario},
    },
};

impl OraculoDistribuido<'_> {
    pub(super) fn factura(&self, de: &Direccionado, corriente: &[RecordedEvent], alrededor: Alrededor<'_>, juicio: &mut Juicio) {
        let mut estado: Option<Factura> = None;
        // Where the attempt in course began.
        let mut inicio: Option<Entrada> = None;
        for registrado in corriente {
            let Evento::Factura(evento) = &registrado.evento else { continue };
            juicio.eventos += 1;
            let sobre = &registrado.sobre;
            if estado.as_ref().is_none_or(|factura| factura.emision.is_none()) {
                inicio = Some(sobre.entrada);
            }
            match evento {
                EventoFactura::LineaAgregada { linea, .. } => self.linea(registrado, linea, estado.as_ref(), juicio),
                EventoFactura::EmisionIniciada(emision) => self.emision(registrado, emision, estado.as_ref(), juicio),
                EventoFactura::StockAsegurado { intento, .. } => {
                    self.asegurado(registrado, &de.id, *intento, estado.as_ref(), juicio);
                }
                EventoFactura::NumeracionRecibida { numero, .. } => {
                    let dado = self.numero_de(&numero.rango_id, &de.id);
                    juicio.exigir(dado.as_ref() == Some(numero), || {
                        format!("{}: recibe {numero} y se le dio {dado:?}", cual(registrado))
                    });
                }
                EventoFactura::FacturaEmitida(documento) => self.emitida(registrado, documento, juicio),
                EventoFactura::FacturaRechazada { intento, errores, .. } => {
                    let desde = inicio.unwrap_or(sobre.entrada);
                    self.rechazada(registrado, desde, *intento, errores, estado.as_ref(), juicio);
                }
                _ => self.otro_de_factura(registrado, evento, estado.as_ref(), alrededor, juicio),
            }
            evolucionar(&mut estado, evento);
        }
    }

    /// A line of a draft: what was asked for, with what some moment of the product fills in.
    fn linea(&self, registrado: &RecordedEvent, linea: &LineaFactura, estado: Option<&Factura>, juicio: &mut Juicio) {
        let Some(Comando::Factura(comando)) = self.comando_de(&registrado.sobre.entrada).map(|sobre| &sobre.comando) else {
            return;
        };
        let pedida = match comando {
            ComandoFactura::AgregarLinea { linea, .. } => Some(&**linea),
            ComandoFactura::CrearFactura { datos, .. } | ComandoFactura::CrearYEmitirFactura { datos, .. } => {
                datos.lineas.get(usize::from(linea.numero).wrapping_sub(1))
            }
            _ => None,
        };
        let bodega = estado.and_then(|factura| factura.cabecera.bodega_id.as_ref());
        self.exigir_linea(registrado, pedida, linea, bodega, juicio);
    }

    fn exigir_linea(
        &self,
        registrado: &RecordedEvent,
        pedida: Option<&LineaPedida>,
        linea: &LineaFactura,
        bodega: Option<&Id>,
        juicio: &mut Juicio,
    ) {
        let momentos = linea.producto_id.as_ref().map(|id| self.momentos_de_producto(id)).unwrap_or_default();
        // None too: a replica may not have known the product yet.
        let mut momentos = momentos.iter().map(Some).chain([None]);
        let bien = pedida.is_some_and(|pedida| momentos.any(|producto| corresponde(pedida, linea, producto, bodega)));
        juicio.exigir(bien, || {
            format!(
                "{}: la línea {} no es la pedida, o ningún momento del producto la explica: {linea:?}",
                cual(registrado),
                linea.numero
            )
        });
    }

    /// Every state that a product had.
    fn momentos_de_producto(&self, id: &Id) -> Vec<Producto> {
        let (mut estado, mut momentos) = (None, Vec::new());
        for registrado in self.corriente(TipoAgregado::Producto, id) {
            if let Evento::Producto(evento) = &registrado.evento {
                crate::domain::catalogo::producto::evolucionar(&mut estado, evento);
                momentos.extend(estado.clone());
            }
        }
        momentos
    }

    /// The copy of the client is of a moment when it could be invoiced. Where either was forgotten there is nothing to compare.
    fn exigir_cliente(&self, registrado: &RecordedEvent, cliente_id: &Id, copia: &Arc<DatosCliente>, juicio: &mut Juicio) {
        let mut estado = None;
        let hallado = self.corriente(TipoAgregado::Cliente, cliente_id).iter().any(|r| {
            if let Evento::Cliente(evento) = &r.evento {
                crate::domain::catalogo::cliente::evolucionar(&mut estado, evento);
            }
            estado.as_ref().is_some_and(|cliente| {
                cliente.activo && (cliente.datos == *copia || cliente.datos.es_suprimido() || copia.es_suprimido())
            })
        });
        juicio.exigir(hallado, || format!("{}: su copia del cliente {cliente_id} no es de ningún momento suyo", cual(registrado)));
    }

    fn emision(&self, registrado: &RecordedEvent, emision: &EmisionIniciada, estado: Option<&Factura>, juicio: &mut Juicio) {
        let Some(factura) = estado else {
            juicio.falla(|| format!("{}: empieza una emisión sin borrador", cual(registrado)));
            return;
        };
        self.exigir_cliente(registrado, &factura.cabecera.cliente_id, &emision.cliente, juicio);
        let lineas = || emision.lineas.iter().map(|linea| &*linea.linea);
        juicio.exigir(lineas().eq(factura.lineas.iter().map(|linea| &**linea)), || {
            format!("{}: las líneas que emite no son las del borrador", cual(registrado))
        });
        let grupos = grupos(lineas());
        let iguales = grupos.len() == emision.grupos.len()
            && grupos.iter().zip(&emision.grupos).all(|(esperado, grupo)| {
                esperado.inventario_id == inventario_id(&grupo.producto_id, &grupo.bodega_id) && esperado.cantidad == grupo.cantidad
            });
        juicio.exigir(iguales, || format!("{}: sus grupos no suman sus líneas", cual(registrado)));
        self.exigir_totales(registrado, &emision.lineas, &emision.totales, &factura.cabecera, juicio);
    }

    fn exigir_totales(
        &self,
        registrado: &RecordedEvent,
        lineas: &[LineaEmitida],
        totales: &TotalesFactura,
        cabecera: &CabeceraFactura,
        juicio: &mut Juicio,
    ) {
        let partidas = lineas.iter().map(|l| Partida {
            cantidad: l.linea.cantidad,
            precio_unitario: l.linea.precio_unitario,
            descuento: l.linea.descuento.as_ref().map(|d| d.valor),
            impuesto: l.linea.impuesto.as_ref(),
        });
        let calculados = calcular(&self.emisor.redondeo, partidas, cabecera.descuento.as_ref().map(|d| d.valor));
        juicio.exigir(calculados.is_ok_and(|(_, calculados)| calculados == *totales), || {
            format!("{}: sus totales no son los de sus líneas", cual(registrado))
        });
    }

    /// Every group of the attempt was granted.
    fn asegurado(&self, registrado: &RecordedEvent, factura_id: &Id, intento: u32, estado: Option<&Factura>, juicio: &mut Juicio) {
        let en_fase = estado
            .and_then(|factura| factura.emision.as_ref())
            .is_some_and(|emision| emision.fase == FaseEmision::Reservando && emision.inicio.intento == intento);
        juicio.exigir(en_fase, || format!("{}: no estaba reservando", cual(registrado)));
        let lineas = estado.map(|factura| factura.lineas.as_slice()).unwrap_or_default();
        for (i, grupo) in grupos(lineas.iter().map(|linea| &**linea)).into_iter().enumerate() {
            let reserva = Id::de_paso(factura_id, intento, i, None);
            let concedida = self.corriente(TipoAgregado::Inventario, &grupo.inventario_id).iter().any(|r| match &r.evento {
                Evento::Inventario(EventoInventario::StockReservado { reserva_id, .. }) => *reserva_id == reserva,
                Evento::Inventario(EventoInventario::StockReducido(m)) => m.reserva_id.as_ref() == Some(&reserva),
                _ => false,
            });
            juicio.exigir(concedida, || format!("{}: nadie le concedió la reserva {reserva}", cual(registrado)));
        }
    }

    pub(super) fn numero_de(&self, rango_id: &Id, documento: &Id) -> Option<NumeroDocumento> {
        self.corriente(TipoAgregado::RangoNumeracion, rango_id).iter().find_map(|r| match &r.evento {
            Evento::Rango(EventoRango::NumeroAsignado { documento_id, numero, .. }) if documento_id == documento => {
                Some(numero.clone())
            }
            _ => None,
        })
    }

    fn emitida(&self, registrado: &RecordedEvent, documento: &FacturaEmitida, juicio: &mut Juicio) {
        self.exigir_cliente(registrado, &documento.cabecera.cliente_id, &documento.cliente, juicio);
        self.exigir_totales(registrado, &documento.lineas, &documento.totales, &documento.cabecera, juicio);
        let dado = self.numero_de(&documento.numero.rango_id, &documento.factura_id);
        juicio.exigir(dado.as_ref() == Some(&documento.numero), || {
            format!("{}: lleva {} y se le dio {dado:?}", cual(registrado), documento.numero)
        });
        for grupo in &documento.grupos {
            let clave = inventario_id(&grupo.grupo.producto_id, &grupo.grupo.bodega_id);
            let salio = self.corriente(TipoAgregado::Inventario, &clave).iter().any(|r| match &r.evento {
                Evento::Inventario(EventoInventario::StockReducido(m)) => {
                    m.movimiento_id == grupo.movimiento_id
                        && m.cantidad == grupo.grupo.cantidad
                        && m.lotes == grupo.lotes
                        && m.costo_total == grupo.costo_total
                }
                _ => false,
            });
            juicio.exigir(salio, || format!("{}: {} no salió así de {clave}", cual(registrado), grupo.movimiento_id));
        }
        // Issued at once: its lines were never recorded before.
        if registrado.sobre.aggregate_version == 1
            && let Some(Comando::Factura(ComandoFactura::CrearYEmitirFactura { datos, .. })) =
                self.comando_de(&registrado.sobre.entrada).map(|sobre| &sobre.comando)
        {
            juicio.exigir(datos.lineas.len() == documento.lineas.len(), || {
                format!("{}: se pidieron {} líneas y lleva {}", cual(registrado), datos.lineas.len(), documento.lineas.len())
            });
            for (pedida, linea) in datos.lineas.iter().zip(documento.lineas.iter()) {
                self.exigir_linea(registrado, Some(pedida), &linea.linea, documento.cabecera.bodega_id.as_ref(), juicio);
            }
        }
    }
}

/// Whether a line says what was asked for, with a product's own data where nothing was said.
fn corresponde(pedida: &LineaPedida, linea: &LineaFactura, producto: Option<&Producto>, bodega: Option<&Id>) -> bool {
    let de_producto = producto.map(|producto| &producto.datos);
    let precio = pedida.precio_unitario.map(PrecioUnitario::nuevo).or_else(|| de_producto.map(|datos| Ok(datos.precio)));
    let impuesto = match &pedida.impuesto {
        Campo::Ausente => de_producto.and_then(|datos| datos.impuesto.as_ref()),
        Campo::Nulo => None,
        Campo::Valor(impuesto) => Some(impuesto),
    };
    let con_bodega = de_producto.is_some_and(|datos| datos.controla_inventario);
    let descripcion = pedida.descripcion.as_ref().or_else(|| de_producto.map(|datos| &datos.nombre));
    linea.producto_id == pedida.producto_id
        && Cantidad::nuevo(pedida.cantidad).is_ok_and(|cantidad| cantidad == linea.cantidad)
        && precio.is_some_and(|precio| precio.is_ok_and(|precio| precio == linea.precio_unitario))
        && linea.impuesto.as_ref() == impuesto
        && descripcion == Some(&linea.descripcion)
        && linea.bodega_id.as_ref() == pedida.bodega_id.as_ref().or(bodega).filter(|_| con_bodega)
}
