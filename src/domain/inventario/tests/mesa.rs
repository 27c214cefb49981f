//! The bench of the scenarios: a catalogue, an issuer, and an Inventario that commands are given to.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::{
    ContextoDecision, Rechazo, ResultadoPaso,
    catalogo::{
        Catalogo,
        bodega::{Bodega, DatosBodega},
        cliente::Cliente,
        producto::{DatosProducto, Producto},
        sucursal::Sucursal,
    },
    emisor::{Emisor, ModoRedondeo, NivelRedondeo, PoliticaRedondeo, Regimen},
    inventario::{
        ComandoInventario, DevolucionPedida, EventoInventario, Inventario, LoteConsumido, MotivoEntrada, MotivoSalida, Movimiento,
        PoliticaRetorno, Referencia, decidir, evolucionar,
    },
    numeracion::TipoDocumento,
    reglas::Regla,
    valores::{Cantidad, CostoTotal, CostoUnitario, Decimal, Id, Identificacion, Instante, PrecioUnitario, TipoIdentificacion},
};

pub fn id(texto: &str) -> Id {
    Id::new(texto).unwrap()
}

pub fn dec(texto: &str) -> Decimal {
    crate::domain::valores::decimal_exacto(texto).unwrap()
}

pub fn cant(texto: &str) -> Cantidad {
    Cantidad::nuevo(dec(texto)).unwrap()
}

pub fn costo_total(texto: &str) -> CostoTotal {
    CostoTotal::nuevo(dec(texto)).unwrap()
}

pub fn costo_unitario(texto: &str) -> CostoUnitario {
    CostoUnitario::nuevo(dec(texto)).unwrap()
}

/// Day `n` of 2026, from 1.
pub fn dia(n: u32) -> NaiveDate {
    NaiveDate::from_yo_opt(2026, n).unwrap()
}

/// `Mesa` decides on this day.
pub const HOY: u32 = 100;

pub fn clave() -> Id {
    Id::compuesto(&["P", "B"])
}

#[derive(Debug)]
pub struct CatalogoFijo {
    producto: Producto,
    servicio: Producto,
    bodega: Bodega,
}

impl CatalogoFijo {
    pub fn new() -> Self {
        let producto = |nombre: &str, controla_inventario| Producto {
            producto_id: id(nombre),
            datos: DatosProducto {
                codigo: Arc::from(nombre),
                nombre: Arc::from(nombre),
                unidad: Arc::from("UND"),
                precio: PrecioUnitario::nuevo(Decimal::ONE).unwrap(),
                impuesto: None,
                controla_inventario,
                codigo_estandar: None,
                esquema_codigo: None,
            },
            activo: true,
        };
        let datos = DatosBodega { sucursal_id: id("PRINCIPAL"), nombre: Arc::from("Bodega"), direccion: None };
        Self {
            producto: producto("P", true),
            servicio: producto("SERVICIO", false),
            bodega: Bodega { bodega_id: id("B"), datos, activa: true },
        }
    }
}

impl Catalogo for CatalogoFijo {
    fn cliente(&self, _: &Id) -> Option<&Cliente> {
        None
    }

    fn producto(&self, id: &Id) -> Option<&Producto> {
        [&self.producto, &self.servicio].into_iter().find(|p| p.producto_id == *id)
    }

    fn descuento(&self, _: &Id) -> Option<&crate::domain::catalogo::descuento::Descuento> {
        None
    }

    fn sucursal(&self, _: &Id) -> Option<&Sucursal> {
        None
    }

    fn bodega(&self, id: &Id) -> Option<&Bodega> {
        Some(&self.bodega).filter(|b| b.bodega_id == *id)
    }

    fn bodega_de(&self, _: &Id) -> Option<Id> {
        None
    }

    fn rangos_vigentes(&self, _: &Id, _: TipoDocumento, _: NaiveDate) -> Vec<Id> {
        Vec::new()
    }
}

fn emisor(vender_vencidos: bool) -> Emisor {
    Emisor {
        identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: "1".into(), dv: None },
        nombre: "Emisor".to_owned(),
        regimen: Regimen::Co,
        redondeo: PoliticaRedondeo { modo: ModoRedondeo::MitadPar, nivel: NivelRedondeo::Linea, decimales: 2 },
        impuestos: Vec::new(),
        plazo_emision_ms: 30_000,
        vender_vencidos,
        verificar_digito_ruc: false,
        max_dias_futuro: None,
        limite_credito: None,
        nota_credito_mismo_dia: false,
        plazo_nota_credito_dias: None,
        plazo_anulacion_dias: 1,
    }
}

/// An Inventario under test. What it decides is folded at once and checked against every invariant.
pub struct Mesa {
    pub estado: Option<Inventario>,
    pub historia: Vec<EventoInventario>,
    emisor: Emisor,
    catalogo: CatalogoFijo,
}

/// What a granted command left: its events and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Hecho {
    pub eventos: Vec<EventoInventario>,
    pub resultado: Option<ResultadoPaso>,
}

impl Hecho {
    pub fn tipos(&self) -> Vec<&'static str> {
        self.eventos.iter().map(EventoInventario::tipo).collect()
    }

    pub fn reduccion(&self) -> &Movimiento<MotivoSalida> {
        self.eventos
            .iter()
            .find_map(|e| if let EventoInventario::StockReducido(m) = e { Some(m) } else { None })
            .expect("hay un StockReducido")
    }

    /// `L-1 x 3 a 10` for each lot, joined by commas.
    pub fn lotes(&self) -> String {
        let lote = |l: &crate::domain::inventario::LoteConsumido| {
            format!("{} x {} a {}", l.lote_id, l.cantidad.valor().normalize(), l.costo_unitario.valor().normalize())
        };
        self.reduccion().lotes.iter().map(lote).collect::<Vec<_>>().join(", ")
    }
}

impl Mesa {
    pub fn vacia() -> Self {
        Self { estado: None, historia: Vec::new(), emisor: emisor(false), catalogo: CatalogoFijo::new() }
    }

    /// With its Inventario created.
    pub fn creada() -> Self {
        let mut mesa = Self::vacia();
        mesa.hacer(&crear(None)).unwrap();
        mesa
    }

    pub fn que_vende_vencidos(mut self) -> Self {
        self.emisor = emisor(true);
        self
    }

    pub fn decidir(&self, comando: &ComandoInventario) -> Result<Hecho, Rechazo> {
        let hoy = i64::from(dia(HOY).signed_duration_since(NaiveDate::from_ymd_opt(1970, 1, 1).unwrap()).num_days() as i32);
        let ctx = ContextoDecision::new(Instante(hoy * 86_400_000_000 + 43_200_000_000), &self.emisor, &self.catalogo);
        assert_eq!(ctx.hoy, dia(HOY));
        decidir(self.estado.as_ref(), comando, &ctx).map(|d| Hecho { eventos: d.eventos, resultado: d.resultado })
    }

    pub fn hacer(&mut self, comando: &ComandoInventario) -> Result<Hecho, Rechazo> {
        let hecho = self.decidir(comando)?;
        for evento in &hecho.eventos {
            evolucionar(&mut self.estado, evento);
        }
        self.historia.extend(hecho.eventos.iter().cloned());
        if let Some(inventario) = &self.estado {
            assert_eq!(inventario.invariantes(), Ok(()), "tras {comando:?}");
        }
        Ok(hecho)
    }

    pub fn reglas(&self, comando: &ComandoInventario) -> Vec<Regla> {
        self.decidir(comando).expect_err("se esperaba un rechazo").errores.iter().map(|f| f.regla).collect()
    }

    pub fn inventario(&self) -> &Inventario {
        self.estado.as_ref().unwrap()
    }

    pub fn stock(&self) -> Decimal {
        self.inventario().stock.valor()
    }

    pub fn disponible(&self) -> Decimal {
        self.inventario().disponible(dia(HOY), self.emisor.vender_vencidos).valor()
    }

    /// An entry on a day.
    pub fn entra(&mut self, cantidad: &str, costo: &str, ingreso: u32) -> Hecho {
        self.hacer(&entrada(cantidad, costo, ingreso, None)).unwrap()
    }

    pub fn entra_con_caducidad(&mut self, cantidad: &str, costo: &str, ingreso: u32, caduca: u32) -> Hecho {
        self.hacer(&entrada(cantidad, costo, ingreso, Some(caduca))).unwrap()
    }

    /// Reserves and confirms on the bench's day.
    pub fn vende(&mut self, reserva_id: &str, cantidad: &str) -> Hecho {
        self.hacer(&reservar(reserva_id, cantidad)).unwrap();
        self.hacer(&confirmar(reserva_id)).unwrap()
    }
}

/// Goods of a note that come back on `HOY`.
pub fn devolver(movimiento: &str, politica: PoliticaRetorno, lotes: &[LoteConsumido]) -> ComandoInventario {
    ComandoInventario::DevolverStock(Box::new(DevolucionPedida {
        inventario_id: clave(),
        movimiento_id: id(movimiento),
        motivo: MotivoEntrada::DevolucionCliente,
        politica,
        lotes: lotes.into(),
        fecha: dia(HOY),
        referencia: Referencia { tipo: Arc::from("NOTA_CREDITO"), id: Arc::from("n1"), numero: None },
    }))
}

pub fn crear(stock_minimo: Option<&str>) -> ComandoInventario {
    ComandoInventario::CrearInventario {
        inventario_id: clave(),
        producto_id: id("P"),
        bodega_id: id("B"),
        stock_minimo: stock_minimo.map(cant),
    }
}

pub fn entrada(cantidad: &str, costo: &str, ingreso: u32, caduca: Option<u32>) -> ComandoInventario {
    ComandoInventario::RegistrarEntrada {
        inventario_id: clave(),
        movimiento_id: id("entrada"),
        motivo: MotivoEntrada::Compra,
        cantidad: dec(cantidad),
        costo_unitario: dec(costo),
        fecha_ingreso: dia(ingreso),
        fecha_caducidad: caduca.map(dia),
        referencia: None,
    }
}

pub fn salida(motivo: MotivoSalida, cantidad: &str) -> ComandoInventario {
    ComandoInventario::RegistrarSalida {
        inventario_id: clave(),
        movimiento_id: id("salida"),
        motivo,
        cantidad: dec(cantidad),
        fecha: dia(HOY),
        referencia: None,
    }
}

pub fn reservar(reserva_id: &str, cantidad: &str) -> ComandoInventario {
    ComandoInventario::ReservarStock {
        inventario_id: clave(),
        reserva_id: id(reserva_id),
        cantidad: cant(cantidad),
        fecha: dia(HOY),
    }
}

pub fn confirmar(reserva_id: &str) -> ComandoInventario {
    ComandoInventario::ConfirmarReserva {
        inventario_id: clave(),
        reserva_id: id(reserva_id),
        movimiento_id: id(&format!("{reserva_id}.V")),
        referencia: Referencia { tipo: Arc::from("FACTURA"), id: Arc::from("f1"), numero: Some(Arc::from("F1")) },
    }
}

pub fn liberar(reserva_id: &str) -> ComandoInventario {
    ComandoInventario::LiberarReserva { inventario_id: clave(), reserva_id: id(reserva_id), causa: Arc::from("rechazada") }
}

pub fn minimo(stock_minimo: Option<&str>) -> ComandoInventario {
    ComandoInventario::CambiarStockMinimo { inventario_id: clave(), stock_minimo: stock_minimo.map(cant) }
}
