//! A catalogue, an issuer and a driver of sagas for the tests.

use std::{collections::BTreeMap, sync::Arc};

use chrono::NaiveDate;

use crate::domain::{
    Comando, ContextoDecision, Rechazo, ResultadoPaso,
    catalogo::{
        Catalogo,
        bodega::{Bodega, DatosBodega},
        cliente::{Cliente, DatosCliente, EstadoFiscal},
        descuento::{AmbitoDescuento, DatosDescuento, Descuento, ValorDescuento},
        producto::{DatosProducto, Impuesto, Producto},
        sucursal::{DatosSucursal, Sucursal},
    },
    emisor::Emisor,
    facturacion::factura::*,
    inventario::{ComandoInventario, LoteConsumido},
    numeracion::{ComandoRango, NumeroDocumento, TipoDocumento},
    reglas::{Falla, Regla},
    valores::{
        Cantidad, CostoTotal, CostoUnitario, Decimal, Direccion, Id, Identificacion, Instante, Porcentaje, PrecioUnitario,
        TipoIdentificacion,
    },
};

pub fn id(texto: &str) -> Id {
    Id::new(texto).expect("id")
}

pub fn dec(texto: &str) -> Decimal {
    texto.parse().expect("decimal")
}

pub fn fecha(texto: &str) -> NaiveDate {
    texto.parse().expect("fecha")
}

pub fn impuesto(codigo: &str, tarifa: &str) -> Impuesto {
    Impuesto { codigo: Arc::from(codigo), tarifa: Porcentaje::nuevo(dec(tarifa)).expect("tarifa") }
}

/// 2026-11-23, 12:00 in Bogotá.
pub const MEDIODIA: Instante = Instante(1_795_453_200_000_000);
pub const HOY: &str = "2026-11-23";

pub struct Mundo {
    pub emisor: Emisor,
    pub clientes: BTreeMap<Id, Cliente>,
    pub productos: BTreeMap<Id, Producto>,
    pub descuentos: BTreeMap<Id, Descuento>,
    pub sucursales: BTreeMap<Id, Sucursal>,
    pub bodegas: BTreeMap<Id, Bodega>,
    pub rangos: Vec<Id>,
}

impl Catalogo for Mundo {
    fn cliente(&self, id: &Id) -> Option<&Cliente> {
        self.clientes.get(id)
    }

    fn producto(&self, id: &Id) -> Option<&Producto> {
        self.productos.get(id)
    }

    fn descuento(&self, id: &Id) -> Option<&Descuento> {
        self.descuentos.get(id)
    }

    fn sucursal(&self, id: &Id) -> Option<&Sucursal> {
        self.sucursales.get(id)
    }

    fn bodega(&self, id: &Id) -> Option<&Bodega> {
        self.bodegas.get(id)
    }

    fn bodega_de(&self, sucursal: &Id) -> Option<Id> {
        let suyas = || self.bodegas.values().filter(|b| b.datos.sucursal_id == *sucursal);
        suyas().find(|b| b.activa).or_else(|| suyas().next()).map(|b| b.bodega_id.clone())
    }

    fn rangos_vigentes(&self, _: &Id, _: TipoDocumento, _: NaiveDate) -> Vec<Id> {
        self.rangos.clone()
    }
}

fn producto(codigo: &str, precio: &str, impuesto: Option<Impuesto>, controla_inventario: bool) -> Producto {
    let datos = DatosProducto {
        codigo: Arc::from(codigo),
        nombre: Arc::from(format!("Producto {codigo}")),
        unidad: Arc::from("UND"),
        precio: PrecioUnitario::nuevo(dec(precio)).expect("precio"),
        impuesto,
        controla_inventario,
        codigo_estandar: None,
        esquema_codigo: None,
    };
    Producto { producto_id: id(codigo), datos, activo: true }
}

/// A percentage in force during 2026.
fn descuento(codigo: &str, ambito: AmbitoDescuento, porcentaje: &str) -> (Id, Descuento) {
    let datos = DatosDescuento {
        nombre: None,
        ambito,
        valor: ValorDescuento::Porcentaje(Porcentaje::nuevo(dec(porcentaje)).expect("porcentaje")),
        vigente_desde: fecha("2026-01-01"),
        vigente_hasta: Some(fecha("2026-12-31")),
    };
    (id(codigo), Descuento { descuento_id: id(codigo), datos, activo: true })
}

fn cliente() -> Cliente {
    let datos = DatosCliente {
        nombre: Arc::from("ACME S.A.S."),
        identificacion: Identificacion { tipo: TipoIdentificacion::Nit, numero: Arc::from("800123456"), dv: Some(7) },
        correo: Arc::from("a@b.co"),
        direccion: Direccion { linea: Arc::from("Calle 1"), ciudad: None, region: None, pais: None },
        estado_fiscal: EstadoFiscal::Activo,
        tipo_persona: None,
        responsabilidades: Vec::new(),
        municipio: None,
        departamento: None,
    };
    Cliente { cliente_id: id("1"), datos: datos.into(), activo: true, suprimido: false }
}

impl Mundo {
    /// Discounts L10 (line, 10 %) and D5 (document, 5 %). Client 1; products P1, P2, P3 with stock, IVA 19; S1 a service without stock, excluded; two bodegas and two ranges.
    pub fn nuevo() -> Self {
        let iva = || Some(impuesto("IVA", "19"));
        let productos = [
            producto("P1", "100", iva(), true),
            producto("P2", "200", iva(), true),
            producto("P3", "300", iva(), true),
            producto("S1", "50", None, false),
        ];
        let bodega = |codigo: &str| {
            let datos = DatosBodega { sucursal_id: id("PRINCIPAL"), nombre: Arc::from(codigo), direccion: None };
            (id(codigo), Bodega { bodega_id: id(codigo), datos, activa: true })
        };
        let datos = DatosSucursal { nombre: Arc::from("Principal"), direccion: None };
        let sucursal = Sucursal { sucursal_id: id("PRINCIPAL"), datos, activa: true };
        Self {
            emisor: Emisor::co(),
            clientes: BTreeMap::from([(id("1"), cliente())]),
            productos: productos.into_iter().map(|p| (p.producto_id.clone(), p)).collect(),
            descuentos: BTreeMap::from([
                descuento("L10", AmbitoDescuento::Linea, "10"),
                descuento("D5", AmbitoDescuento::Documento, "5"),
            ]),
            sucursales: BTreeMap::from([(id("PRINCIPAL"), sucursal)]),
            bodegas: BTreeMap::from([bodega("PRINCIPAL"), bodega("SUR")]),
            rangos: vec![rango("A"), rango("B")],
        }
    }

    pub fn ctx(&self, ahora: Instante) -> ContextoDecision<'_> {
        ContextoDecision::new(ahora, &self.emisor, self)
    }

    pub fn crear_en(&self, datos: DatosFactura, ahora: Instante) -> Result<DecisionFactura, Rechazo> {
        let comando = ComandoFactura::CrearYEmitirFactura { factura_id: id("f1"), datos: Box::new(datos) };
        decidir(None, &comando, Some(&RESPONDER), &self.ctx(ahora))
    }

    pub fn crear(&self, datos: DatosFactura) -> Result<DecisionFactura, Rechazo> {
        self.crear_en(datos, MEDIODIA)
    }

    /// Rule and place of each failure of a refused command.
    pub fn rechazo(&self, datos: DatosFactura) -> Vec<(Regla, String)> {
        reglas(&self.crear(datos).expect_err("se esperaba un rechazo").errores)
    }
}

pub const RESPONDER: DireccionRespuesta = DireccionRespuesta { particion: 3, peticion: 77 };

pub fn rango(prefijo: &str) -> Id {
    Id::compuesto(&["PRINCIPAL", "FACTURA", prefijo])
}

pub fn reglas(errores: &[Falla]) -> Vec<(Regla, String)> {
    errores.iter().map(|f| (f.regla, f.campo.clone())).collect()
}

pub fn linea(producto: &str, cantidad: &str) -> LineaPedida {
    LineaPedida {
        producto_id: Some(id(producto)),
        bodega_id: None,
        descripcion: None,
        cantidad: dec(cantidad),
        precio_unitario: None,
        impuesto: Campo::Ausente,
        descuento: None,
    }
}

pub fn linea_libre(descripcion: &str, cantidad: &str, precio: &str) -> LineaPedida {
    LineaPedida {
        producto_id: None,
        descripcion: Some(Arc::from(descripcion)),
        precio_unitario: Some(dec(precio)),
        ..linea("P1", cantidad)
    }
}

pub fn pedido(lineas: Vec<LineaPedida>) -> DatosFactura {
    DatosFactura::de(id("1"), lineas)
}

/// An invoice in memory, as the engine keeps it: everything recorded, and what is on its way.
pub struct Caso<'m> {
    pub mundo: &'m Mundo,
    pub estado: Option<Factura>,
    pub eventos: Vec<EventoFactura>,
    /// Everything ever sent.
    pub enviados: Vec<Envio>,
    pub ahora: Instante,
}

impl<'m> Caso<'m> {
    pub fn nuevo(mundo: &'m Mundo, datos: DatosFactura) -> Self {
        let mut caso = Self { mundo, estado: None, eventos: Vec::new(), enviados: Vec::new(), ahora: MEDIODIA };
        caso.aplicar(mundo.crear(datos).expect("borrador legal"));
        caso
    }

    fn aplicar(&mut self, decision: DecisionFactura) -> Vec<Envio> {
        for evento in &decision.eventos {
            evolucionar(&mut self.estado, evento);
        }
        self.eventos.extend(decision.eventos);
        for nota in decision.notas {
            anotar(self.estado.as_mut().expect("factura"), nota);
        }
        self.enviados.extend(decision.envios.iter().cloned());
        decision.envios
    }

    pub fn recibir(&mut self, comando: &ComandoFactura) -> Vec<Envio> {
        let decision = decidir(self.estado.as_ref(), comando, None, &self.mundo.ctx(self.ahora)).expect("mensaje de saga");
        self.aplicar(decision)
    }

    pub fn responder(&mut self, paso: &PasoSaga, resultado: ResultadoPaso) -> Vec<Envio> {
        self.recibir(&respuesta(paso, resultado))
    }

    pub fn vencer(&mut self, ahora: Instante) -> Vec<Envio> {
        self.ahora = ahora;
        self.recibir(&ComandoFactura::VencioPlazo { factura_id: id("f1"), intento: 1 })
    }

    /// Everything is granted until nothing is on its way.
    pub fn conceder_todo(&mut self) {
        let mut cola: std::collections::VecDeque<Envio> = self.enviados.clone().into();
        while let Some(envio) = cola.pop_front() {
            if envio.paso.paso != Paso::Liberar {
                cola.extend(self.responder(&envio.paso, conceder(&envio)));
            }
        }
    }

    pub fn factura(&self) -> &Factura {
        self.estado.as_ref().expect("factura")
    }

    pub fn tipos(&self) -> Vec<&'static str> {
        self.eventos.iter().map(EventoFactura::tipo).collect()
    }

    pub fn enviados_de(&self, paso: Paso) -> Vec<&Envio> {
        self.enviados.iter().filter(|e| e.paso.paso == paso).collect()
    }
}

pub fn respuesta(paso: &PasoSaga, resultado: ResultadoPaso) -> ComandoFactura {
    ComandoFactura::RespuestaPaso {
        factura_id: paso.documento_id.clone(),
        intento: paso.intento,
        grupo: paso.grupo,
        paso: paso.paso,
        resultado,
    }
}

/// What an Inventario or a range with plenty answers.
pub fn conceder(envio: &Envio) -> ResultadoPaso {
    match &envio.comando {
        Comando::Inventario(ComandoInventario::ReservarStock { .. }) => ResultadoPaso::StockReservado,
        Comando::Inventario(ComandoInventario::ConfirmarReserva { .. }) => {
            let lote = LoteConsumido {
                lote_id: id("L-1"),
                secuencia: 1,
                fecha_ingreso: fecha("2026-01-01"),
                fecha_caducidad: None,
                cantidad: Cantidad::nuevo(Decimal::ONE).expect("cantidad"),
                costo_unitario: CostoUnitario::nuevo(dec("10.000001")).expect("costo"),
                origen_lote_id: None,
            };
            ResultadoPaso::ReservaConfirmada {
                lotes: vec![lote].into(),
                costo_total: CostoTotal::nuevo(dec("10.000001")).expect("costo"),
            }
        }
        Comando::Rango(ComandoRango::AsignarNumero { rango_id, .. }) => ResultadoPaso::NumeroAsignado {
            numero: NumeroDocumento {
                rango_id: rango_id.clone(),
                prefijo: Arc::from("F"),
                consecutivo: 1,
                resolucion: Arc::from(""),
            },
        },
        otro => panic!("no se responde a {}", otro.tipo()),
    }
}

/// What an Inventario without enough, or a range without numbers, answers.
pub fn negar(envio: &Envio) -> ResultadoPaso {
    let falla = match envio.paso.paso {
        Paso::Numerar => Falla::simple(Regla::NumeracionDisponible, "/rango"),
        _ => Falla::simple(Regla::StockInsuficiente, "/cantidad").con("solicitado", 5).con("disponible", 2),
    };
    ResultadoPaso::Rechazado { errores: vec![falla] }
}
