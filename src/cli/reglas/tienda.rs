//! A small shop that decides with the domain's own code: what the examples of the rules are made with.

use std::{collections::VecDeque, sync::Arc};

use chrono::NaiveDate;

use crate::{
    audit::oraculo::Mundo,
    domain::{
        Comando, ContextoDecision, Rechazo, ResultadoPaso,
        catalogo::{
            bodega::{ComandoBodega, DatosBodega},
            cliente::ComandoCliente,
            descuento::ComandoDescuento,
            producto::ComandoProducto,
            sucursal::{ComandoSucursal, DatosSucursal},
        },
        emisor::Emisor,
        facturacion::{
            factura::{self, ComandoFactura, Envio, EventoFactura, Factura, Paso, PasoSaga},
            nota_credito::{self, ComandoNotaCredito, EventoNotaCredito, NotaCredito},
        },
        inventario::{ComandoInventario, MotivoEntrada, inventario_id},
        numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
        reglas::Falla,
        valores::{Decimal, Id, Instante, fecha_iso},
    },
};

/// 2026-11-23 at noon in Bogotá: the day of every example, but of those that come later.
pub const AHORA: Instante = Instante(1_795_453_200_000_000);

/// The shop: a client, two products (one with stock, 5 units in PRINCIPAL; one inactive), a discount, ranges of 2026.
pub struct Tienda {
    pub emisor: Emisor,
    pub ahora: Instante,
    mundo: Mundo,
}

fn id(texto: &str) -> Id {
    Id::compuesto(&[texto])
}

/// A day written in this file; a wrong one would fail the test that makes the page.
fn dia(texto: &str) -> NaiveDate {
    fecha_iso(texto).unwrap_or_default()
}

impl Tienda {
    /// The shop as every example finds it.
    pub fn abrir() -> Self {
        let mut tienda = Self { emisor: Emisor::co(), ahora: AHORA, mundo: Mundo::default() };
        let datos = DatosSucursal { nombre: Arc::from("Principal"), direccion: None };
        tienda.dar(&Comando::Sucursal(ComandoSucursal::CrearSucursal { sucursal_id: id("PRINCIPAL"), datos }));
        tienda.abrir_bodega("PRINCIPAL");
        tienda.numerar(TipoDocumento::Factura, "F");
        tienda.numerar(TipoDocumento::NotaCredito, "NC");
        tienda
    }

    /// A warehouse of the shop, without stock.
    pub fn abrir_bodega(&mut self, bodega_id: &str) {
        let datos = DatosBodega { sucursal_id: id("PRINCIPAL"), nombre: Arc::from(bodega_id), direccion: None };
        self.dar(&Comando::Bodega(ComandoBodega::CrearBodega { bodega_id: id(bodega_id), datos }));
    }

    fn numerar(&mut self, tipo_documento: TipoDocumento, prefijo: &str) {
        let rango_id = rango_id(&id("PRINCIPAL"), tipo_documento, prefijo);
        let autorizacion = Autorizacion {
            desde: 1,
            hasta: 1_000,
            vigente_desde: dia("2026-01-01"),
            vigente_hasta: dia("2026-12-31"),
            resolucion: Arc::from(""),
            fecha_resolucion: None,
        };
        let crear = ComandoRango::CrearRango {
            rango_id,
            sucursal_id: id("PRINCIPAL"),
            tipo_documento,
            prefijo: Arc::from(prefijo),
            autorizacion,
        };
        self.dar(&Comando::Rango(crear));
    }

    /// Five units of a product in the main warehouse.
    pub fn surtir(&mut self, producto_id: &str) {
        let (producto_id, bodega_id) = (id(producto_id), id("PRINCIPAL"));
        let inventario_id = inventario_id(&producto_id, &bodega_id);
        let crear =
            ComandoInventario::CrearInventario { inventario_id: inventario_id.clone(), producto_id, bodega_id, stock_minimo: None };
        self.dar(&Comando::Inventario(crear));
        self.dar(&Comando::Inventario(ComandoInventario::RegistrarEntrada {
            inventario_id,
            movimiento_id: id("e1"),
            motivo: MotivoEntrada::Compra,
            cantidad: Decimal::from(5),
            costo_unitario: Decimal::from(600),
            fecha_ingreso: dia("2026-11-01"),
            fecha_caducidad: None,
            referencia: None,
        }));
    }

    fn con_contexto<R>(&self, decidir: impl FnOnce(&ContextoDecision<'_>) -> R) -> R {
        decidir(&ContextoDecision::new(self.ahora, &self.emisor, &self.mundo))
    }

    /// Decides a command, folds what it leaves, and gives the failures of its refusal: those of the command, or of the invoice's
    /// attempt.
    pub fn dar(&mut self, comando: &Comando) -> Vec<Falla> {
        match comando {
            Comando::Factura(c) => self.facturar(None, c).1,
            otro => self.dar_a_otro(otro).err().map(|r| r.errores).unwrap_or_default(),
        }
    }

    fn dar_a_otro(&mut self, comando: &Comando) -> Result<Option<ResultadoPaso>, Rechazo> {
        let clave = comando.destino().id;
        let (eventos, resultado) = self.con_contexto(|ctx| self.mundo.decidir(comando, ctx))?;
        eventos.iter().for_each(|evento| self.mundo.plegar(&clave, evento));
        Ok(resultado)
    }

    /// A command of an invoice with its whole saga; the invoice and the failures.
    pub fn facturar(&mut self, estado: Option<Factura>, comando: &ComandoFactura) -> (Option<Factura>, Vec<Falla>) {
        let mut estado = estado;
        let mut fallas = Vec::new();
        let mut pendientes: VecDeque<Envio> = self.decidir_factura(&mut estado, comando, &mut fallas).into();
        while let Some(envio) = pendientes.pop_front() {
            let resultado = match self.dar_a_otro(&envio.comando) {
                Ok(Some(resultado)) if envio.paso.paso != Paso::Liberar => resultado,
                Ok(_) => continue,
                Err(Rechazo { errores }) => ResultadoPaso::Rechazado { errores },
            };
            let respuesta = ComandoFactura::RespuestaPaso {
                factura_id: envio.paso.documento_id,
                intento: envio.paso.intento,
                grupo: envio.paso.grupo,
                paso: envio.paso.paso,
                resultado,
            };
            pendientes.extend(self.decidir_factura(&mut estado, &respuesta, &mut fallas));
        }
        (estado, fallas)
    }

    /// A command of a note with its whole saga; the failures of the command, or of the note's attempt.
    pub fn acreditar(&mut self, factura: Option<Factura>, comando: &ComandoNotaCredito) -> Vec<Falla> {
        let (mut factura, mut estado, mut fallas) = (factura, None, Vec::new());
        let mut pendientes: VecDeque<Envio> = self.decidir_nota(&mut estado, comando, &mut fallas).into();
        let (factura_id, nota_id) = comando.ids();
        while let Some(envio) = pendientes.pop_front() {
            let decidido = match &envio.comando {
                Comando::Factura(c) if factura.as_ref().is_some_and(|f| f.factura_id == *c.factura_id()) => {
                    self.dar_paso(&mut factura, c)
                }
                Comando::Factura(c) => self.dar_paso(&mut None, c),
                otro => self.dar_a_otro(otro),
            };
            let resultado = match decidido {
                Ok(Some(resultado)) => resultado,
                Ok(None) => continue,
                Err(Rechazo { errores }) => ResultadoPaso::Rechazado { errores },
            };
            let PasoSaga { intento, grupo, paso, .. } = envio.paso;
            let (factura_id, nota_id) = (factura_id.clone(), nota_id.clone());
            let respuesta = ComandoNotaCredito::RespuestaPasoNota { factura_id, nota_id, intento, grupo, paso, resultado };
            pendientes.extend(self.decidir_nota(&mut estado, &respuesta, &mut fallas));
        }
        fallas
    }

    /// A step of a note at its invoice.
    fn dar_paso(&self, factura: &mut Option<Factura>, paso: &ComandoFactura) -> Result<Option<ResultadoPaso>, Rechazo> {
        let decision = self.con_contexto(|ctx| factura::decidir(factura.as_ref(), paso, None, ctx))?;
        decision.eventos.iter().for_each(|evento| factura::evolucionar(factura, evento));
        Ok(decision.resultado)
    }

    fn decidir_nota(&self, estado: &mut Option<NotaCredito>, comando: &ComandoNotaCredito, fallas: &mut Vec<Falla>) -> Vec<Envio> {
        let decision = match self.con_contexto(|ctx| nota_credito::decidir(estado.as_ref(), comando, None, ctx)) {
            Ok(decision) => decision,
            Err(rechazo) => {
                fallas.extend(rechazo.errores);
                return Vec::new();
            }
        };
        for evento in &decision.eventos {
            if let EventoNotaCredito::NotaCreditoRechazada { errores, .. } = evento {
                fallas.extend(errores.iter().cloned());
            }
            nota_credito::evolucionar(estado, evento);
        }
        if let Some(nota) = estado {
            decision.notas.into_iter().for_each(|fuera| nota_credito::anotar(nota, fuera));
        }
        decision.envios
    }

    fn decidir_factura(&self, estado: &mut Option<Factura>, comando: &ComandoFactura, fallas: &mut Vec<Falla>) -> Vec<Envio> {
        let decision = match self.con_contexto(|ctx| factura::decidir(estado.as_ref(), comando, None, ctx)) {
            Ok(decision) => decision,
            Err(rechazo) => {
                fallas.extend(rechazo.errores);
                return Vec::new();
            }
        };
        for evento in &decision.eventos {
            if let EventoFactura::FacturaRechazada { errores, .. } = evento {
                fallas.extend(errores.iter().cloned());
            }
            factura::evolucionar(estado, evento);
        }
        if let Some(factura) = estado {
            decision.notas.into_iter().for_each(|nota| factura::anotar(factura, nota));
        }
        decision.envios
    }

    /// Makes a client or a product inactive.
    pub fn inactivar_cliente(&mut self, cliente_id: &str) {
        self.dar(&Comando::Cliente(ComandoCliente::InactivarCliente { cliente_id: id(cliente_id) }));
    }

    pub fn inactivar_producto(&mut self, producto_id: &str) {
        self.dar(&Comando::Producto(ComandoProducto::InactivarProducto { producto_id: id(producto_id) }));
    }

    pub fn inactivar_descuento(&mut self, descuento_id: &str) {
        self.dar(&Comando::Descuento(ComandoDescuento::InactivarDescuento { descuento_id: id(descuento_id) }));
    }
}
