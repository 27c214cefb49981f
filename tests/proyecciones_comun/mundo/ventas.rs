//! What happens to invoices after their issue: channels, services, returns and annulments.

use std::sync::Arc;

use chrono::NaiveDate;
use factumarket::domain::{
    Evento, TipoAgregado,
    facturacion::{
        factura::{
            EventoFactura, FacturaAnulada, FacturaEmitida, LineaEmitida, MovimientoAnulacion, TotalesFactura,
            credito::{Acreditado, CargoLinea, FacturaModificada, GrupoDevolucion, LineaAcreditada, LineaNotaCredito},
        },
        nota_credito::{CabeceraNota, ConceptoNota, EventoNotaCredito, GrupoDevuelto, NotaCreditoEmitida, clave_nota},
    },
    inventario::{EventoInventario, LoteConsumido, MotivoEntrada, PoliticaRetorno, inventario_id},
    valores::{Cantidad, CostoTotal, Decimal, Dinero},
};

use super::{Causa, Mundo, cantidad, dinero, id, iva, linea, totales};

/// Puts a channel on a document, a line without product of so many cents and without tax, and so many cents that the document rounded
/// otherwise than its lines.
pub fn vestir(emitida: &mut FacturaEmitida, canal: Option<&str>, servicio: i64, resto: i64) {
    Arc::make_mut(&mut emitida.cabecera).canal = canal.map(Arc::from);
    if servicio > 0 {
        let numero = u16::try_from(emitida.lineas.len()).expect("líneas") + 1;
        let mut suya = linea(numero, "X", cantidad(1));
        (suya.producto_id, suya.bodega_id, suya.impuesto) = (None, None, None);
        let subtotal = dinero(servicio);
        let (descuento, impuesto) = (Dinero::CERO, Dinero::CERO);
        let linea = suya.into();
        let suya = LineaEmitida { linea, bruto: subtotal, descuento, descuento_documento: descuento, subtotal, impuesto };
        emitida.lineas = emitida.lineas.iter().cloned().chain([suya]).collect();
    }
    let mut sumados = totales(&emitida.lineas);
    let con = |valor: Dinero, mas: i64| Dinero::nuevo(valor.valor() + Decimal::new(mas, 2)).expect("importe");
    sumados.subtotal = con(sumados.subtotal, resto);
    sumados.total = con(sumados.total, 2 * resto);
    emitida.totales = sumados.into();
}

/// `unidades` of the lots of an exit, the last consumed first, after those that came back before.
fn en_reversa(lotes: &[LoteConsumido], devueltas: Decimal, unidades: Decimal) -> Vec<LoteConsumido> {
    let (mut salta, mut falta, mut tomados) = (devueltas, unidades, Vec::new());
    for lote in lotes.iter().rev() {
        let hay = lote.cantidad.valor();
        let saltada = hay.min(salta);
        salta -= saltada;
        let toma = (hay - saltada).min(falta);
        falta -= toma;
        if toma > Decimal::ZERO {
            tomados.push(LoteConsumido { cantidad: Cantidad::nuevo(toma).expect("cantidad"), ..lote.clone() });
        }
    }
    tomados.reverse();
    tomados
}

fn costo(lotes: &[LoteConsumido]) -> CostoTotal {
    CostoTotal::nuevo(lotes.iter().map(|l| l.cantidad.valor() * l.costo_unitario.valor()).sum()).expect("costo")
}

impl Mundo {
    /// Annuls an invoice, its goods back in their lots; nothing when it has notes, is annulled or was not issued.
    pub fn anular(&mut self, factura: &str) -> bool {
        let con_nota = self.notas.iter().any(|n| n.factura_id.as_str() == factura);
        let Some(documento) = self.emitidas.get(factura).cloned().filter(|_| !con_nota && !self.anuladas.contains(factura)) else {
            return false;
        };
        let causa = Causa::de(&format!("anular-{factura}"));
        let mut movimientos = Vec::new();
        for (n, grupo) in documento.grupos.iter().enumerate() {
            let inventario = inventario_id(&grupo.grupo.producto_id, &grupo.grupo.bodega_id);
            let paso = causa.paso(factura, n, "D");
            self.devolver(inventario.as_str(), MotivoEntrada::Anulacion, grupo.lotes.to_vec(), &paso);
            movimientos.push(MovimientoAnulacion {
                producto_id: grupo.grupo.producto_id.clone(),
                bodega_id: grupo.grupo.bodega_id.clone(),
                movimiento_id: id(&paso.command_id),
                costo_total: grupo.costo_total,
            });
        }
        let anulada = FacturaAnulada {
            documento,
            intento: 1,
            motivo: Arc::from("pedido repetido"),
            anulada_en: self.ahora(),
            movimientos,
            dian: None,
        };
        let evento = Evento::Factura(EventoFactura::FacturaAnulada(Arc::new(anulada)));
        self.evento(TipoAgregado::Factura, factura, evento, &causa);
        self.anuladas.insert(factura.to_owned());
        true
    }

    fn devolver(&mut self, inventario: &str, motivo: MotivoEntrada, lotes: Vec<LoteConsumido>, causa: &Causa) {
        let stock = self.inventario(inventario);
        for lote in &lotes {
            let puesto = stock.lotes.entry((lote.fecha_ingreso, lote.secuencia)).or_insert((Decimal::ZERO, Decimal::ZERO));
            *puesto = (puesto.0 + lote.cantidad.valor(), lote.costo_unitario.valor());
        }
        let resultante = Cantidad::nuevo(stock.stock()).expect("stock");
        let movimiento = self.movimiento(inventario, motivo, lotes, resultante, &causa.command_id);
        let evento = Evento::Inventario(EventoInventario::StockIncrementado(Box::new(movimiento)));
        self.evento(TipoAgregado::Inventario, inventario, evento, causa);
    }

    /// Credits units of a line with a product, with the goods back in their lots or not; nothing when fewer are left or the invoice is
    /// annulled.
    pub fn acreditar(&mut self, factura: &str, numero: u16, unidades: i64, con_bienes: bool, fecha: NaiveDate) -> bool {
        let Some(documento) = self.emitidas.get(factura).cloned().filter(|_| !self.anuladas.contains(factura)) else {
            return false;
        };
        let Some(vendida) = documento.lineas.get(usize::from(numero) - 1).filter(|l| l.linea.producto_id.is_some()) else {
            return false;
        };
        let suyas = self.notas.iter().filter(|n| n.factura_id.as_str() == factura).flat_map(|n| n.lineas.iter());
        let de_la_linea = suyas.filter(|l| l.linea.linea_factura == numero);
        let (mut antes, mut devueltas) = (Decimal::ZERO, Decimal::ZERO);
        for l in de_la_linea {
            let Acreditado::Cantidad { cantidad } = l.linea.acreditado else { continue };
            antes += cantidad.valor();
            devueltas += if l.linea.afecta_inventario { cantidad.valor() } else { Decimal::ZERO };
        }
        let despues = antes + Decimal::from(unidades);
        if despues > vendida.linea.cantidad.valor() {
            return false;
        }
        let parte = |monto: Dinero| {
            let en = |q: Decimal| (monto.valor() * q / vendida.linea.cantidad.valor()).round_dp(2);
            Dinero::nuevo(en(despues) - en(antes)).expect("parte")
        };
        let (subtotal, impuesto) = (parte(vendida.subtotal), parte(vendida.impuesto));
        let grupo = documento.grupos.iter().find(|g| g.grupo.lineas.contains(&numero));
        let grupo = grupo.filter(|_| con_bienes).map(|g| {
            let lotes = en_reversa(&g.lotes, devueltas, Decimal::from(unidades));
            GrupoDevolucion {
                producto_id: g.grupo.producto_id.clone(),
                bodega_origen: g.grupo.bodega_id.clone(),
                bodega_id: g.grupo.bodega_id.clone(),
                cantidad: cantidad(unidades),
                lineas: vec![1],
                costo_total: costo(&lotes),
                lotes: lotes.into(),
            }
        });
        let acreditada = LineaAcreditada {
            linea: Arc::new(LineaNotaCredito {
                numero: 1,
                linea_factura: numero,
                acreditado: Acreditado::Cantidad { cantidad: cantidad(unidades) },
                afecta_inventario: grupo.is_some(),
                bodega_id: None,
            }),
            producto_id: vendida.linea.producto_id.clone(),
            descripcion: Arc::from("Artículo"),
            precio_unitario: vendida.linea.precio_unitario,
            impuesto: Some(iva()),
            subtotal,
            valor_impuesto: impuesto,
        };
        self.emitir_nota(&documento, acreditada, grupo, fecha);
        true
    }

    fn emitir_nota(
        &mut self,
        documento: &FacturaEmitida,
        linea: LineaAcreditada,
        grupo: Option<GrupoDevolucion>,
        fecha: NaiveDate,
    ) {
        let factura = documento.factura_id.as_str();
        let nota_id = id(&format!("n{}", self.notas.len()));
        let causa = Causa::de(&format!("{factura}-{nota_id}"));
        if let Some(grupo) = &grupo {
            let inventario = inventario_id(&grupo.producto_id, &grupo.bodega_id);
            let paso = causa.paso(nota_id.as_str(), 0, "D");
            self.devolver(inventario.as_str(), MotivoEntrada::DevolucionCliente, grupo.lotes.to_vec(), &paso);
        }
        let (subtotal, impuesto) = (linea.subtotal, linea.valor_impuesto);
        let cargo = CargoLinea { subtotal, impuesto, ..CargoLinea::vacio(linea.linea.linea_factura) };
        let nota = Arc::new(NotaCreditoEmitida {
            factura_id: documento.factura_id.clone(),
            nota_id: nota_id.clone(),
            intento: 1,
            numero: documento.numero.clone(),
            emitida_en: self.ahora(),
            cabecera: Arc::new(CabeceraNota {
                sucursal_id: None,
                concepto: ConceptoNota::DevolucionParcial,
                motivo: Arc::from("llegó golpeado"),
                politica_retorno: PoliticaRetorno::ReversaFifo,
                fecha_emision: fecha,
                fecha_autorizacion: fecha,
                fecha_caducidad: None,
            }),
            sucursal_id: id("PRINCIPAL"),
            factura: FacturaModificada {
                numero: documento.numero.clone(),
                fecha_emision: documento.cabecera.fecha_emision,
                moneda: Arc::clone(&documento.cabecera.moneda),
                cliente_id: documento.cabecera.cliente_id.clone(),
                cliente: Arc::clone(&documento.cliente),
                canal: documento.cabecera.canal.clone(),
            },
            lineas: Arc::new([linea]),
            totales: TotalesFactura {
                bruto: subtotal,
                descuentos: Dinero::CERO,
                subtotal,
                impuestos: Vec::new(),
                total: Dinero::nuevo(subtotal.valor() + impuesto.valor()).expect("total"),
            },
            costo_devuelto: grupo.as_ref().map_or(CostoTotal::CERO, |g| g.costo_total),
            grupos: grupo.into_iter().map(|g| GrupoDevuelto { grupo: g.into(), movimiento_id: id("m") }).collect(),
        });
        let cargos = Arc::new([cargo]);
        let aplicado = EventoFactura::CreditoAplicado {
            factura_id: documento.factura_id.clone(),
            nota_id: nota_id.clone(),
            intento: 1,
            cargos,
        };
        self.evento(TipoAgregado::Factura, factura, Evento::Factura(aplicado), &causa);
        let clave = clave_nota(&documento.factura_id, &nota_id);
        let evento = Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(Arc::clone(&nota)));
        self.evento_con_clave(TipoAgregado::NotaCredito, clave.as_str(), factura, evento, &causa);
        self.notas.push(nota);
    }
}
