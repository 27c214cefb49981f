//! Samples of credit notes, of the credit of an invoice and of its annulment.

use std::{collections::BTreeMap, sync::Arc};

use factumarket::domain::{
    ResultadoPaso,
    facturacion::{
        factura::{
            AnulacionEnCurso, AnulacionIniciada, EstadoDian, FacturaAnulada, MovimientoAnulacion, Posterior, ProgresoAnulacion,
            RespuestaDian,
            credito::{
                Acreditado, CargoLinea, CreditoConcedido, CreditoFactura, CreditoNota, EstadoCredito, FacturaModificada,
                GrupoDevolucion, LineaAcreditada, LineaNotaCredito, NotaDeFactura, SolicitudCredito,
            },
        },
        nota_credito::{
            CabeceraNota, ConceptoNota, DatosNotaCredito, EmisionNota, EmisionNotaCreditoIniciada, EstadoNota, FechasNota,
            GrupoDevuelto, LineaNotaPedida, NotaCredito, NotaCreditoEmitida, ProgresoNota,
        },
    },
    inventario::{DevolucionPedida, MotivoEntrada, PoliticaRetorno},
};

use super::Muestras;

impl Muestras {
    fn politica(&mut self) -> PoliticaRetorno {
        self.uno(&PoliticaRetorno::TODAS)
    }

    pub fn devolucion_pedida(&mut self) -> Box<DevolucionPedida> {
        Box::new(DevolucionPedida {
            inventario_id: self.id(),
            movimiento_id: self.id(),
            motivo: self.uno(&MotivoEntrada::TODOS),
            politica: self.politica(),
            lotes: self.lista(Self::lote_consumido).into(),
            fecha: self.fecha(),
            referencia: self.referencia(),
        })
    }

    fn acreditado(&mut self) -> Acreditado {
        if self.bool() { Acreditado::Cantidad { cantidad: self.cantidad() } } else { Acreditado::Monto { monto: self.dinero() } }
    }

    pub fn linea_nota(&mut self) -> Arc<LineaNotaCredito> {
        Arc::new(LineaNotaCredito {
            numero: self.u16(),
            linea_factura: self.u16(),
            acreditado: self.acreditado(),
            afecta_inventario: self.bool(),
            bodega_id: self.opcion(Self::id),
        })
    }

    pub fn linea_nota_pedida(&mut self) -> LineaNotaPedida {
        LineaNotaPedida {
            linea_factura: self.u16(),
            cantidad: self.opcion(Self::libre),
            monto: self.opcion(Self::libre),
            afecta_inventario: self.opcion(Self::bool),
            bodega_id: self.opcion(Self::id),
        }
    }

    pub fn fechas_nota(&mut self) -> FechasNota {
        FechasNota {
            fecha_emision: self.opcion(Self::fecha),
            fecha_autorizacion: self.opcion(Self::fecha),
            fecha_caducidad: self.campo(Self::fecha),
        }
    }

    pub fn datos_nota(&mut self) -> Box<DatosNotaCredito> {
        Box::new(DatosNotaCredito {
            sucursal_id: self.opcion(Self::id),
            concepto: self.uno(&ConceptoNota::TODOS),
            motivo: self.texto(),
            politica_retorno: self.opcion(Self::politica),
            fechas: self.fechas_nota(),
            lineas: self.lista(Self::linea_nota_pedida),
        })
    }

    pub fn solicitud_credito(&mut self) -> Box<SolicitudCredito> {
        Box::new(SolicitudCredito {
            nota_id: self.id(),
            intento: self.u32(),
            sucursal_id: self.opcion(Self::id),
            politica: self.politica(),
            fecha_emision: self.fecha(),
            lineas: self.lista(Self::linea_nota),
        })
    }

    fn linea_acreditada(&mut self) -> LineaAcreditada {
        LineaAcreditada {
            linea: self.linea_nota(),
            producto_id: self.opcion(Self::id),
            descripcion: self.texto(),
            precio_unitario: self.precio(),
            impuesto: self.opcion(Self::impuesto),
            subtotal: self.dinero(),
            valor_impuesto: self.dinero(),
        }
    }

    fn grupo_devolucion(&mut self) -> Arc<GrupoDevolucion> {
        Arc::new(GrupoDevolucion {
            producto_id: self.id(),
            bodega_origen: self.id(),
            bodega_id: self.id(),
            cantidad: self.cantidad(),
            lineas: self.lista(Self::u16),
            lotes: self.lista(Self::lote_consumido).into(),
            costo_total: self.costo_total(),
        })
    }

    pub fn cargo(&mut self) -> CargoLinea {
        CargoLinea {
            linea: self.u16(),
            cantidad: self.cantidad(),
            subtotal: self.dinero(),
            impuesto: self.dinero(),
            subtotal_por_cantidad: self.dinero(),
            impuesto_por_cantidad: self.dinero(),
            lotes: self.lista(Self::lote_consumido),
        }
    }

    pub fn credito_nota(&mut self) -> Arc<CreditoNota> {
        Arc::new(CreditoNota {
            nota_id: self.id(),
            intento: self.u32(),
            sucursal_id: self.id(),
            lineas: self.lista(Self::linea_acreditada).into(),
            totales: self.totales(),
            cargos: self.lista(Self::cargo).into(),
            grupos: self.lista(Self::grupo_devolucion),
            rangos: self.lista(Self::id),
        })
    }

    fn factura_modificada(&mut self) -> FacturaModificada {
        FacturaModificada {
            numero: self.numero(),
            fecha_emision: self.fecha(),
            moneda: self.texto(),
            cliente_id: self.id(),
            cliente: self.datos_cliente().into(),
            canal: self.opcion(Self::texto),
        }
    }

    /// What only the sagas of notes and annulments are answered.
    pub fn resultado_nuevo(&mut self) -> ResultadoPaso {
        match self.hasta(4) {
            0 => ResultadoPaso::InventarioVerificado,
            1 => ResultadoPaso::StockDevuelto,
            2 => ResultadoPaso::CreditoAplicado,
            _ => {
                let (credito, factura) = (self.credito_nota(), self.factura_modificada());
                ResultadoPaso::CreditoReservado { credito: Arc::new(CreditoConcedido { credito, factura }) }
            }
        }
    }

    pub fn cabecera_nota(&mut self) -> Arc<CabeceraNota> {
        Arc::new(CabeceraNota {
            sucursal_id: self.opcion(Self::id),
            concepto: self.uno(&ConceptoNota::TODOS),
            motivo: self.texto(),
            politica_retorno: self.politica(),
            fecha_emision: self.fecha(),
            fecha_autorizacion: self.fecha(),
            fecha_caducidad: self.opcion(Self::fecha),
        })
    }

    pub fn inicio_nota(&mut self) -> Arc<EmisionNotaCreditoIniciada> {
        Arc::new(EmisionNotaCreditoIniciada {
            factura_id: self.id(),
            nota_id: self.id(),
            intento: self.u32(),
            cabecera: self.cabecera_nota(),
            reanudar_en: self.instante(),
            responder_a: self.opcion(Self::direccion_respuesta),
        })
    }

    pub fn nota_emitida(&mut self) -> Arc<NotaCreditoEmitida> {
        Arc::new(NotaCreditoEmitida {
            factura_id: self.id(),
            nota_id: self.id(),
            intento: self.u32(),
            numero: self.numero(),
            emitida_en: self.instante(),
            cabecera: self.cabecera_nota(),
            sucursal_id: self.id(),
            factura: self.factura_modificada(),
            lineas: self.lista(Self::linea_acreditada).into(),
            totales: self.totales(),
            costo_devuelto: self.costo_total(),
            grupos: self.lista(|g| GrupoDevuelto { grupo: g.grupo_devolucion(), movimiento_id: g.id() }),
        })
    }

    pub fn nota_credito(&mut self) -> NotaCredito {
        NotaCredito {
            factura_id: self.id(),
            nota_id: self.id(),
            estado: self.uno(&EstadoNota::TODOS),
            cabecera: self.cabecera_nota(),
            lineas: self.lista(Self::linea_nota),
            intento: self.u32(),
            emision: self.opcion(|g| {
                let (inicio, numero) = (g.inicio_nota(), g.opcion(Self::numero));
                Box::new(EmisionNota { inicio, numero, progreso: ProgresoNota::default() })
            }),
            emitida: self.opcion(Self::nota_emitida),
            errores: self.lista(Self::falla),
        }
    }

    pub fn respuesta_dian(&mut self) -> RespuestaDian {
        RespuestaDian { estado: self.uno(&EstadoDian::TODOS), codigo: self.opcion(Self::texto), mensaje: self.opcion(Self::texto) }
    }

    pub fn inicio_anulacion(&mut self) -> Arc<AnulacionIniciada> {
        Arc::new(AnulacionIniciada {
            factura_id: self.id(),
            intento: self.u32(),
            motivo: self.texto(),
            reanudar_en: self.instante(),
            responder_a: self.opcion(Self::direccion_respuesta),
        })
    }

    pub fn anulada(&mut self) -> Arc<FacturaAnulada> {
        Arc::new(FacturaAnulada {
            documento: self.emitida(),
            intento: self.u32(),
            motivo: self.texto(),
            anulada_en: self.instante(),
            movimientos: self.lista(|g| MovimientoAnulacion {
                producto_id: g.id(),
                bodega_id: g.id(),
                movimiento_id: g.id(),
                costo_total: g.costo_total(),
            }),
            dian: self.opcion(Self::respuesta_dian),
        })
    }

    fn estado_credito(&mut self) -> EstadoCredito {
        match self.hasta(3) {
            0 => EstadoCredito::Reservado { credito: self.credito_nota() },
            1 => EstadoCredito::Aplicado {},
            _ => EstadoCredito::Liberado {},
        }
    }

    pub fn posterior(&mut self) -> Box<Posterior> {
        let cargos = self.lista(Self::cargo);
        let notas = self.lista(|g| (g.id(), NotaDeFactura { intento: g.u32(), estado: g.estado_credito() }));
        Box::new(Posterior {
            credito: CreditoFactura {
                lineas: cargos.into_iter().map(|cargo| (cargo.linea, cargo)).collect::<BTreeMap<_, _>>(),
                notas: notas.into_iter().collect(),
            },
            anulaciones: self.u32(),
            en_curso: self.opcion(|g| AnulacionEnCurso {
                inicio: g.inicio_anulacion(),
                asegurada: g.bool(),
                progreso: ProgresoAnulacion::default(),
            }),
            anulada: self.opcion(Self::anulada),
            dian: self.opcion(Self::respuesta_dian),
        })
    }
}
