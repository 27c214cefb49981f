//! A business that writes its events as the processor would: versions without holes, keys in their partitions, and the elisions of
//! one epoch. Its stock is kept by a plain model, against which the rows are checked.

pub mod ventas;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use chrono::{Days, NaiveDate};
use factumarket::{
    contracts::{Codec, ComandoRechazado, ConsultaRealizada, Entrada, EventEnvelope, RegistroAuditoria},
    domain::{
        Evento, TipoAgregado,
        catalogo::{
            bodega::{DatosBodega, EventoBodega},
            cliente::{CambiosCliente, DatosCliente, EstadoFiscal, EventoCliente},
            producto::{DatosProducto, EventoProducto, Impuesto},
            sucursal::{DatosSucursal, EventoSucursal},
        },
        cuarentena::EventoCuarentena,
        facturacion::factura::{
            CabeceraFactura, EmisionIniciada, EventoFactura, FacturaEmitida, GrupoEmision, GrupoEmitido, LineaEmitida,
            LineaFactura, TotalImpuesto, TotalesFactura,
        },
        facturacion::nota_credito::NotaCreditoEmitida,
        inventario::{EventoInventario, LoteConsumido, MotivoEntrada, MotivoSalida, Movimiento, Referencia},
        numeracion::{Autorizacion, EventoRango, NumeroDocumento, TipoDocumento},
        reglas::{Falla, Regla},
        valores::{
            Cantidad, CostoTotal, CostoUnitario, Decimal, Dinero, Direccion, Id, Identificacion, Instante, Porcentaje,
            PrecioUnitario, TipoIdentificacion,
        },
    },
    engine::routing::partition_for,
    log::{Record, Topic, TopicPartition},
};
use uuid::Uuid;

use super::PARTICIONES;

pub const RANGO: &str = "PRINCIPAL:FACTURA:F";
/// 2026-11-23T12:00:00Z.
pub const INICIO: i64 = 1_795_435_200_000_000;

pub fn id(texto: &str) -> Id {
    Id::de_clave(texto).expect("id")
}

pub fn dia(mas: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 23).expect("día") + Days::new(mas)
}

pub fn cantidad(n: i64) -> Cantidad {
    Cantidad::nuevo(Decimal::from(n)).expect("cantidad")
}

pub fn dinero(n: i64) -> Dinero {
    Dinero::nuevo(Decimal::new(n, 2)).expect("dinero")
}

/// One stock by the plain model.
#[derive(Default, Clone)]
pub struct Existencia {
    /// By entry date and sequence: quantity and unit cost.
    pub lotes: BTreeMap<(NaiveDate, u64), (Decimal, Decimal)>,
    pub reservas: BTreeMap<String, Decimal>,
    secuencia: u64,
}

impl Existencia {
    pub fn stock(&self) -> Decimal {
        self.lotes.values().map(|(cantidad, _)| *cantidad).sum()
    }

    pub fn reservado(&self) -> Decimal {
        self.reservas.values().copied().sum()
    }

    pub fn valor(&self) -> Decimal {
        self.lotes.values().map(|(cantidad, costo)| *cantidad * *costo).sum()
    }
}

pub struct Mundo {
    codec: Arc<Codec>,
    pub records: Vec<(TopicPartition, Record)>,
    versiones: HashMap<(TipoAgregado, String), u64>,
    pub existencias: BTreeMap<String, Existencia>,
    pub facturas_emitidas: u64,
    pub facturas: u64,
    /// Every document issued, as it was, and what became of some.
    pub emitidas: BTreeMap<String, Arc<FacturaEmitida>>,
    pub anuladas: BTreeSet<String>,
    pub notas: Vec<Arc<NotaCreditoEmitida>>,
    siguiente_numero: u64,
    reloj: i64,
    /// Microseconds between two records.
    paso: i64,
    eventos: u64,
}

/// Who causes an event.
#[derive(Clone)]
pub struct Causa {
    pub command_id: String,
    pub correlation_id: String,
}

impl Causa {
    pub fn de(command_id: &str) -> Self {
        Self { command_id: command_id.to_owned(), correlation_id: format!("flujo-{command_id}") }
    }

    fn paso(&self, factura: &str, grupo: usize, letra: &str) -> Self {
        Self { command_id: format!("{factura}:1:{grupo}:{letra}"), correlation_id: self.correlation_id.clone() }
    }
}

impl Mundo {
    /// With the branch, the warehouse and the range that every deployment has.
    pub fn new(codec: Arc<Codec>) -> Self {
        let mut mundo = Self {
            codec,
            records: Vec::new(),
            versiones: HashMap::new(),
            existencias: BTreeMap::new(),
            facturas_emitidas: 0,
            facturas: 0,
            emitidas: BTreeMap::new(),
            anuladas: BTreeSet::new(),
            notas: Vec::new(),
            siguiente_numero: 1,
            reloj: INICIO,
            paso: 7,
            eventos: 0,
        };
        let datos = DatosSucursal { nombre: Arc::from("Principal"), direccion: None };
        let creada = EventoSucursal::SucursalCreada { sucursal_id: id("PRINCIPAL"), datos };
        mundo.evento(TipoAgregado::Sucursal, "PRINCIPAL", Evento::Sucursal(creada), &Causa::de("inicial-sucursal"));
        let datos = DatosBodega { sucursal_id: id("PRINCIPAL"), nombre: Arc::from("Principal"), direccion: None };
        let creada = EventoBodega::BodegaCreada { bodega_id: id("PRINCIPAL"), datos };
        mundo.evento(TipoAgregado::Bodega, "PRINCIPAL", Evento::Bodega(creada), &Causa::de("inicial-bodega"));
        let autorizacion = Autorizacion {
            desde: 1,
            hasta: 1_000_000,
            vigente_desde: dia(0),
            vigente_hasta: dia(365),
            resolucion: Arc::from(""),
            fecha_resolucion: None,
        };
        let creado = EventoRango::RangoCreado {
            rango_id: id(RANGO),
            sucursal_id: id("PRINCIPAL"),
            tipo_documento: TipoDocumento::Factura,
            prefijo: Arc::from("F"),
            autorizacion,
        };
        mundo.evento(TipoAgregado::RangoNumeracion, RANGO, Evento::Rango(creado), &Causa::de("inicial-rango"));
        mundo
    }

    pub fn ahora(&self) -> Instante {
        Instante(self.reloj)
    }

    /// The clock stands still from now on.
    pub fn detener(&mut self) {
        self.paso = 0;
    }

    pub fn avanzar(&mut self, micros: i64) {
        self.reloj += micros;
    }

    pub fn version(&self, tipo: TipoAgregado, agregado: &str) -> u64 {
        self.versiones.get(&(tipo, agregado.to_owned())).copied().unwrap_or(0)
    }

    /// Leaves a hole in the versions of an aggregate.
    pub fn saltar_version(&mut self, tipo: TipoAgregado, agregado: &str) {
        *self.versiones.entry((tipo, agregado.to_owned())).or_insert(0) += 1;
    }

    pub fn evento(&mut self, tipo: TipoAgregado, agregado: &str, evento: Evento, causa: &Causa) {
        self.evento_con_clave(tipo, agregado, agregado, evento, causa);
    }

    /// Of an aggregate whose records have the key of another: a note's have its invoice's.
    fn evento_con_clave(&mut self, tipo: TipoAgregado, agregado: &str, clave: &str, evento: Evento, causa: &Causa) {
        let version = self.versiones.entry((tipo, agregado.to_owned())).or_insert(0);
        *version += 1;
        let version = *version;
        self.eventos += 1;
        let particion = partition_for(clave.as_bytes(), PARTICIONES);
        let sobre = EventEnvelope {
            event_id: Uuid::from_u128(u128::from(self.eventos)),
            version_esquema: 1,
            aggregate_tipo: tipo,
            aggregate_id: id(agregado),
            aggregate_version: version,
            ocurrido_en: self.ahora(),
            entrada: Entrada {
                particion: TopicPartition::new(Topic::Comandos(tipo.contexto()), particion),
                posicion: self.eventos,
            },
            correlation_id: id(&causa.correlation_id),
            causation_id: Arc::from(causa.command_id.as_str()),
            command_id: id(&causa.command_id),
            huella: None,
            servicio_origen: Arc::from("factumarket.procesador"),
            usuario: None,
        };
        let value = self.codec.encode_event(&sobre, &evento).expect("evento");
        self.anexar(Topic::Eventos(tipo.contexto()), clave, value);
        self.reloj += self.paso;
    }

    pub fn anexar(&mut self, topic: Topic, clave: &str, value: Bytes) {
        let partition = TopicPartition::new(topic, partition_for(clave.as_bytes(), PARTICIONES));
        let key = Bytes::copy_from_slice(clave.as_bytes());
        self.records.push((partition, Record { key, value, headers: Vec::new(), timestamp: Instante(self.reloj) }));
    }

    pub fn datos_cliente(&self, nombre: &str) -> DatosCliente {
        DatosCliente {
            nombre: Arc::from(nombre),
            identificacion: Identificacion { tipo: TipoIdentificacion::Nit, numero: Arc::from("800123456"), dv: Some(7) },
            correo: Arc::from(format!("{}@Ejemplo.co", nombre.to_lowercase())),
            direccion: Direccion { linea: Arc::from("Calle 1"), ciudad: None, region: None, pais: None },
            estado_fiscal: EstadoFiscal::Activo,
            tipo_persona: None,
            responsabilidades: vec![Arc::from("R-99"), Arc::from("O-13")],
            municipio: None,
            departamento: None,
        }
    }

    pub fn crear_cliente(&mut self, cliente: &str) {
        let datos = self.datos_cliente(cliente);
        let evento = EventoCliente::ClienteCreado { cliente_id: id(cliente), datos: datos.into() };
        self.evento(TipoAgregado::Cliente, cliente, Evento::Cliente(evento), &Causa::de(&format!("crear-{cliente}")));
    }

    pub fn cambiar_correo(&mut self, cliente: &str, correo: &str) {
        let cambios = CambiosCliente { correo: Some(Arc::from(correo)), ..CambiosCliente::default() };
        let evento = EventoCliente::ClienteActualizado { cliente_id: id(cliente), cambios: cambios.into() };
        let causa = Causa::de(&format!("correo-{cliente}-{}", self.version(TipoAgregado::Cliente, cliente)));
        self.evento(TipoAgregado::Cliente, cliente, Evento::Cliente(evento), &causa);
    }

    pub fn crear_producto(&mut self, producto: &str) {
        let datos = DatosProducto {
            codigo: Arc::from(producto),
            nombre: Arc::from(format!("Producto {producto}")),
            unidad: Arc::from("UND"),
            precio: PrecioUnitario::nuevo(Decimal::from(1_000)).expect("precio"),
            impuesto: Some(iva()),
            controla_inventario: true,
            codigo_estandar: None,
            esquema_codigo: None,
        };
        let evento = EventoProducto::ProductoCreado { producto_id: id(producto), datos: datos.into() };
        self.evento(TipoAgregado::Producto, producto, Evento::Producto(evento), &Causa::de(&format!("crear-{producto}")));
    }

    pub fn cuarentena(&mut self, tipo: TipoAgregado, agregado: &str, entra: bool) {
        let evento = if entra {
            EventoCuarentena::AgregadoEnCuarentena { causa: Arc::from("pánico"), apartado: None }
        } else {
            EventoCuarentena::CuarentenaLevantada { motivo: Arc::from("corregido") }
        };
        let causa = Causa::de(&format!("cuarentena-{}", self.eventos));
        self.evento(tipo, agregado, Evento::Cuarentena(evento), &causa);
    }

    fn inventario(&mut self, inventario: &str) -> &mut Existencia {
        if !self.existencias.contains_key(inventario) {
            let (producto, bodega) = inventario.split_once(':').expect("producto:bodega");
            let evento = EventoInventario::InventarioCreado {
                inventario_id: id(inventario),
                producto_id: id(producto),
                bodega_id: id(bodega),
                stock_minimo: Some(cantidad(5)),
            };
            let causa = Causa::de(&format!("abrir-{}", inventario.replace(':', "-")));
            self.evento(TipoAgregado::Inventario, inventario, Evento::Inventario(evento), &causa);
        }
        self.existencias.entry(inventario.to_owned()).or_default()
    }

    pub fn entrada(&mut self, inventario: &str, unidades: i64, costo: i64, ingreso: NaiveDate, caduca: Option<NaiveDate>) {
        let stock = self.inventario(inventario);
        stock.secuencia += 1;
        let secuencia = stock.secuencia;
        let costo_unitario = CostoUnitario::nuevo(Decimal::new(costo, 2)).expect("costo");
        stock.lotes.insert((ingreso, secuencia), (Decimal::from(unidades), costo_unitario.valor()));
        let resultante = Cantidad::nuevo(stock.stock()).expect("stock");
        let lote_id = id(&format!("L-{secuencia}"));
        let causa = Causa::de(&format!("entrada-{}", self.eventos));
        let lote = EventoInventario::LoteCreado {
            inventario_id: id(inventario),
            lote_id: lote_id.clone(),
            secuencia,
            cantidad: cantidad(unidades),
            costo_unitario,
            fecha_ingreso: ingreso,
            fecha_caducidad: caduca,
            origen_lote_id: None,
        };
        self.evento(TipoAgregado::Inventario, inventario, Evento::Inventario(lote), &causa);
        let consumido = LoteConsumido {
            lote_id,
            secuencia,
            fecha_ingreso: ingreso,
            fecha_caducidad: caduca,
            cantidad: cantidad(unidades),
            costo_unitario,
            origen_lote_id: None,
        };
        let movimiento = self.movimiento(inventario, MotivoEntrada::Compra, vec![consumido], resultante, &causa.command_id);
        let evento = EventoInventario::StockIncrementado(Box::new(movimiento));
        self.evento(TipoAgregado::Inventario, inventario, Evento::Inventario(evento), &causa);
    }

    fn movimiento<M>(
        &self,
        inventario: &str,
        motivo: M,
        lotes: Vec<LoteConsumido>,
        stock: Cantidad,
        nombre: &str,
    ) -> Movimiento<M> {
        let (producto, bodega) = inventario.split_once(':').expect("producto:bodega");
        let total: Decimal = lotes.iter().map(|l| l.cantidad.valor()).sum();
        let costo: Decimal = lotes.iter().map(|l| l.cantidad.valor() * l.costo_unitario.valor()).sum();
        Movimiento {
            inventario_id: id(inventario),
            producto_id: id(producto),
            bodega_id: id(bodega),
            movimiento_id: id(nombre),
            motivo,
            referencia: None,
            reserva_id: None,
            cantidad: Cantidad::nuevo(total).expect("cantidad"),
            costo_total: CostoTotal::nuevo(costo).expect("costo"),
            lotes: lotes.into(),
            stock_resultante: stock,
            disponible_resultante: stock,
        }
    }

    /// Takes from the oldest lots; `None` when there is not enough.
    fn tomar(&mut self, inventario: &str, unidades: i64) -> Option<Vec<LoteConsumido>> {
        let stock = self.inventario(inventario);
        let mut falta = Decimal::from(unidades);
        if stock.stock() < falta {
            return None;
        }
        let mut lotes = Vec::new();
        while falta > Decimal::ZERO {
            let mut primero = stock.lotes.first_entry().expect("lote");
            let ((fecha_ingreso, secuencia), (hay, costo)) = (*primero.key(), *primero.get());
            let toma = hay.min(falta);
            falta -= toma;
            if toma == hay {
                primero.remove();
            } else {
                primero.get_mut().0 -= toma;
            }
            lotes.push(LoteConsumido {
                lote_id: id(&format!("L-{secuencia}")),
                secuencia,
                fecha_ingreso,
                fecha_caducidad: None,
                cantidad: Cantidad::nuevo(toma).expect("cantidad"),
                costo_unitario: CostoUnitario::nuevo(costo).expect("costo"),
                origen_lote_id: None,
            });
        }
        Some(lotes)
    }

    pub fn salida(&mut self, inventario: &str, unidades: i64) {
        let Some(lotes) = self.tomar(inventario, unidades) else { return };
        let stock = Cantidad::nuevo(self.inventario(inventario).stock()).expect("stock");
        let causa = Causa::de(&format!("salida-{}", self.eventos));
        let movimiento = self.movimiento(inventario, MotivoSalida::Ajuste, lotes, stock, &causa.command_id);
        let evento = EventoInventario::StockReducido(Box::new(movimiento));
        self.evento(TipoAgregado::Inventario, inventario, Evento::Inventario(evento), &causa);
    }

    /// A reservation that is on the log, of a saga that crosses nodes.
    pub fn reservar(&mut self, inventario: &str, factura: &str, unidades: i64) {
        let reserva = format!("{factura}:1:0");
        let stock = self.inventario(inventario);
        if stock.reservas.contains_key(&reserva) || stock.stock() - stock.reservado() < Decimal::from(unidades) {
            return;
        }
        stock.reservas.insert(reserva.clone(), Decimal::from(unidades));
        let disponible = Cantidad::nuevo((stock.stock() - stock.reservado()).max(Decimal::ZERO)).expect("disponible");
        let evento = EventoInventario::StockReservado {
            inventario_id: id(inventario),
            reserva_id: id(&reserva),
            cantidad: cantidad(unidades),
            fecha: dia(0),
            disponible_resultante: disponible,
        };
        let causa = Causa::de(factura).paso(factura, 0, "R");
        self.evento(TipoAgregado::Inventario, inventario, Evento::Inventario(evento), &causa);
    }

    /// Releases a reservation, held or never recorded.
    pub fn liberar(&mut self, inventario: &str, factura: &str) {
        let reserva = format!("{factura}:1:0");
        let stock = self.inventario(inventario);
        stock.reservas.remove(&reserva);
        let disponible = Cantidad::nuevo((stock.stock() - stock.reservado()).max(Decimal::ZERO)).expect("disponible");
        let evento = EventoInventario::ReservaLiberada {
            inventario_id: id(inventario),
            reserva_id: id(&reserva),
            causa: Arc::from("EmisionVencida"),
            disponible_resultante: disponible,
        };
        let causa = Causa::de(factura).paso(factura, 0, "X");
        self.evento(TipoAgregado::Inventario, inventario, Evento::Inventario(evento), &causa);
    }

    /// Issues an invoice in one epoch: its exits, its number and the document as its first event, everything else elided.
    /// `false` when there is no stock for it.
    pub fn emitir(&mut self, factura: &str, cliente: &str, lineas: &[(&str, i64)], fecha: NaiveDate) -> bool {
        self.emitir_con(factura, cliente, lineas, fecha, |_| {})
    }

    /// The same, of a document that `cambiar` leaves as it wants.
    pub fn emitir_con(
        &mut self,
        factura: &str,
        cliente: &str,
        lineas: &[(&str, i64)],
        fecha: NaiveDate,
        cambiar: impl FnOnce(&mut FacturaEmitida),
    ) -> bool {
        let alcanza = lineas.iter().all(|(inv, n)| self.inventario(inv).stock() >= Decimal::from(*n));
        if !alcanza {
            return false;
        }
        let causa = Causa::de(factura);
        let grupos = self.consumir(factura, lineas, &causa);
        let numero = self.numerar(factura, &causa);
        let mut emitida = self.documento(factura, cliente, grupos, numero, fecha);
        cambiar(&mut emitida);
        let emitida = Arc::new(emitida);
        self.emitidas.insert(factura.to_owned(), Arc::clone(&emitida));
        self.evento(TipoAgregado::Factura, factura, Evento::Factura(EventoFactura::FacturaEmitida(emitida)), &causa);
        self.facturas_emitidas += 1;
        self.facturas += 1;
        true
    }

    fn consumir(&mut self, factura: &str, lineas: &[(&str, i64)], causa: &Causa) -> Vec<GrupoEmitido> {
        let mut grupos = Vec::new();
        for (n, (inventario, unidades)) in lineas.iter().enumerate() {
            let lotes = self.tomar(inventario, *unidades).expect("alcanza");
            let paso = causa.paso(factura, n, "V");
            let stock = self.inventario(inventario);
            stock.reservas.remove(&format!("{factura}:1:{n}"));
            let resultante = Cantidad::nuevo(stock.stock()).expect("stock");
            let mut movimiento = self.movimiento(inventario, MotivoSalida::Venta, lotes, resultante, &paso.command_id);
            movimiento.reserva_id = Some(id(&format!("{factura}:1:{n}")));
            movimiento.referencia = Some(Referencia { tipo: Arc::from("FACTURA"), id: Arc::from(factura), numero: None });
            grupos.push(GrupoEmitido {
                grupo: GrupoEmision {
                    producto_id: movimiento.producto_id.clone(),
                    bodega_id: movimiento.bodega_id.clone(),
                    cantidad: movimiento.cantidad,
                    lineas: vec![n as u16 + 1],
                }
                .into(),
                movimiento_id: movimiento.movimiento_id.clone(),
                lotes: movimiento.lotes.clone(),
                costo_total: movimiento.costo_total,
            });
            let evento = EventoInventario::StockReducido(Box::new(movimiento));
            self.evento(TipoAgregado::Inventario, inventario, Evento::Inventario(evento), &paso);
        }
        grupos
    }

    fn numerar(&mut self, factura: &str, causa: &Causa) -> NumeroDocumento {
        let numero = NumeroDocumento {
            rango_id: id(RANGO),
            prefijo: Arc::from("F"),
            consecutivo: self.siguiente_numero,
            resolucion: Arc::from(""),
        };
        self.siguiente_numero += 1;
        let evento = EventoRango::NumeroAsignado { documento_id: id(factura), numero: numero.clone(), fecha: dia(0) };
        self.evento(TipoAgregado::RangoNumeracion, RANGO, Evento::Rango(evento), &causa.paso(factura, 0, "N"));
        numero
    }

    fn documento(
        &self,
        factura: &str,
        cliente: &str,
        grupos: Vec<GrupoEmitido>,
        numero: NumeroDocumento,
        fecha: NaiveDate,
    ) -> FacturaEmitida {
        let lineas: Vec<LineaEmitida> = grupos.iter().map(|g| linea_emitida(&g.grupo)).collect();
        let costo: Decimal = grupos.iter().map(|g| g.costo_total.valor()).sum();
        FacturaEmitida {
            factura_id: id(factura),
            intento: 1,
            numero,
            emitida_en: self.ahora(),
            cabecera: cabecera(cliente, fecha).into(),
            cliente: self.datos_cliente(cliente).into(),
            totales: totales(&lineas).into(),
            lineas: lineas.into(),
            costo_ventas: CostoTotal::nuevo(costo).expect("costo"),
            grupos,
        }
    }

    /// A refused invoice keeps its draft on the log.
    pub fn rechazar(&mut self, factura: &str, cliente: &str, fecha: NaiveDate) {
        let causa = Causa::de(factura);
        let creada =
            EventoFactura::FacturaCreada { factura_id: id(factura), cabecera: Arc::new(cabecera(cliente, fecha)), totales: None };
        self.evento(TipoAgregado::Factura, factura, Evento::Factura(creada), &causa);
        for numero in 1..=2 {
            let linea = linea(numero, "P1", cantidad(9_999));
            let agregada = EventoFactura::LineaAgregada { factura_id: id(factura), linea: linea.into(), totales: None };
            self.evento(TipoAgregado::Factura, factura, Evento::Factura(agregada), &causa);
        }
        let falla = Falla::simple(Regla::StockSuficienteParaFactura, "/lineas/0/cantidad").con("disponible", "3");
        let rechazada = EventoFactura::FacturaRechazada { factura_id: id(factura), intento: 1, errores: vec![falla] };
        self.evento(TipoAgregado::Factura, factura, Evento::Factura(rechazada), &causa);
        self.facturas += 1;
    }

    /// Other dates for a draft, or for a refused invoice: its place in the lists is another.
    pub fn cambiar_fechas(&mut self, factura: &str, fecha: NaiveDate) {
        let cambiadas = EventoFactura::FechasCambiadas {
            factura_id: id(factura),
            fecha_emision: fecha,
            fecha_autorizacion: fecha,
            fecha_caducidad: None,
        };
        self.evento(TipoAgregado::Factura, factura, Evento::Factura(cambiadas), &Causa::de(&format!("fechas-{factura}")));
    }

    /// The first events of an emission that crosses epochs; `fases` of EmisionIniciada, StockAsegurado, NumeracionRecibida.
    pub fn comenzar(&mut self, factura: &str, cliente: &str, fases: usize) {
        let causa = Causa::de(factura);
        let creada =
            EventoFactura::FacturaCreada { factura_id: id(factura), cabecera: Arc::new(cabecera(cliente, dia(0))), totales: None };
        self.evento(TipoAgregado::Factura, factura, Evento::Factura(creada), &causa);
        let grupo = GrupoEmision { producto_id: id("P1"), bodega_id: id("PRINCIPAL"), cantidad: cantidad(1), lineas: vec![1] };
        let lineas = vec![linea_emitida(&grupo)];
        let inicio = EmisionIniciada {
            factura_id: id(factura),
            intento: 1,
            cliente: self.datos_cliente(cliente).into(),
            totales: totales(&lineas).into(),
            lineas: lineas.into(),
            grupos: vec![grupo.into()],
            rangos: vec![id(RANGO)],
            vence_en: self.ahora().mas_milis(30_000),
            responder_a: None,
            cliente_id: Some(id(cliente)),
        };
        let mut eventos = vec![EventoFactura::EmisionIniciada(Arc::new(inicio))];
        eventos.push(EventoFactura::StockAsegurado { factura_id: id(factura), intento: 1 });
        let numero = NumeroDocumento {
            rango_id: id(RANGO),
            prefijo: Arc::from("F"),
            consecutivo: 900_000 + self.facturas,
            resolucion: Arc::from(""),
        };
        eventos.push(EventoFactura::NumeracionRecibida { factura_id: id(factura), intento: 1, numero });
        for evento in eventos.into_iter().take(fases) {
            self.evento(TipoAgregado::Factura, factura, Evento::Factura(evento), &causa);
        }
        self.facturas += 1;
    }

    /// Ends what `comenzar` began, without stock.
    pub fn terminar(&mut self, factura: &str, cliente: &str) {
        let causa = Causa::de(factura);
        let numero = self.numerar(factura, &causa);
        let mut emitida = self.documento(factura, cliente, Vec::new(), numero, dia(0));
        let grupo = GrupoEmision { producto_id: id("P1"), bodega_id: id("PRINCIPAL"), cantidad: cantidad(1), lineas: vec![1] };
        emitida.lineas = vec![linea_emitida(&grupo)].into();
        emitida.totales = totales(&emitida.lineas).into();
        let emitida = Arc::new(emitida);
        self.emitidas.insert(factura.to_owned(), Arc::clone(&emitida));
        let evento = EventoFactura::FacturaEmitida(emitida);
        self.evento(TipoAgregado::Factura, factura, Evento::Factura(evento), &causa);
        self.facturas_emitidas += 1;
    }

    pub fn rechazo(&mut self, tipo: TipoAgregado, agregado: &str, command_id: &str) {
        self.eventos += 1;
        let particion = partition_for(agregado.as_bytes(), PARTICIONES);
        let rechazo = ComandoRechazado {
            event_id: Uuid::from_u128(u128::from(self.eventos)),
            command_id: id(command_id),
            huella: [7; 16],
            tipo_comando: Arc::from("CrearCliente"),
            aggregate_tipo: tipo,
            aggregate_id: id(agregado),
            aggregate_version: self.version(tipo, agregado),
            correlation_id: id(&format!("flujo-{command_id}")),
            ocurrido_en: self.ahora(),
            recibido_en: self.ahora(),
            entrada: Entrada { particion: TopicPartition::new(Topic::Comandos(tipo.contexto()), particion), posicion: 1 },
            usuario: None,
            errores: vec![Falla::simple(Regla::YaExiste, "/id")],
        };
        let value = self.codec.encode_audit(&RegistroAuditoria::Rechazo(rechazo)).expect("rechazo");
        self.anexar(Topic::Auditoria, agregado, value);
        self.reloj += self.paso;
    }

    pub fn consulta(&mut self, factura: Option<&str>) {
        self.eventos += 1;
        let consulta = ConsultaRealizada {
            event_id: Uuid::from_u128(u128::from(self.eventos)),
            consulta: Arc::from("facturas.obtener"),
            factura_id: factura.map(id),
            parametros: vec![(Arc::from("formato"), Arc::from("json"))],
            correlation_id: id(&format!("consulta-{}", self.eventos)),
            ocurrido_en: self.ahora(),
            usuario: None,
        };
        let value = self.codec.encode_audit(&RegistroAuditoria::Consulta(consulta)).expect("consulta");
        self.anexar(Topic::Auditoria, factura.unwrap_or("consulta"), value);
        self.reloj += self.paso;
    }
}

fn iva() -> Impuesto {
    Impuesto { codigo: Arc::from("IVA"), tarifa: Porcentaje::nuevo(Decimal::from(19)).expect("tarifa") }
}

fn cabecera(cliente: &str, fecha: NaiveDate) -> CabeceraFactura {
    CabeceraFactura {
        cliente_id: id(cliente),
        sucursal_id: id("PRINCIPAL"),
        bodega_id: Some(id("PRINCIPAL")),
        moneda: Arc::from("COP"),
        fecha_emision: fecha,
        fecha_autorizacion: fecha,
        fecha_caducidad: None,
        canal: None,
        pedido_id: None,
        notas: None,
        orden_compra: None,
        formas_pago: Vec::new(),
        total_declarado: None,
        descuento: None,
    }
}

fn linea(numero: u16, producto: &str, cuanto: Cantidad) -> LineaFactura {
    LineaFactura {
        numero,
        producto_id: Some(id(producto)),
        bodega_id: Some(id("PRINCIPAL")),
        descripcion: Arc::from("Artículo"),
        cantidad: cuanto,
        precio_unitario: PrecioUnitario::nuevo(Decimal::from(1_000)).expect("precio"),
        impuesto: Some(iva()),
        descuento: None,
    }
}

fn linea_emitida(grupo: &GrupoEmision) -> LineaEmitida {
    let subtotal = (grupo.cantidad.valor() * Decimal::from(1_000)).round_dp(2);
    let subtotal = Dinero::nuevo(subtotal).expect("subtotal");
    let impuesto = Dinero::nuevo(subtotal.valor() * Decimal::new(19, 2)).expect("impuesto");
    LineaEmitida {
        linea: linea(grupo.lineas[0], grupo.producto_id.as_str(), grupo.cantidad).into(),
        bruto: subtotal,
        descuento: Dinero::CERO,
        descuento_documento: Dinero::CERO,
        subtotal,
        impuesto,
    }
}

fn totales(lineas: &[LineaEmitida]) -> TotalesFactura {
    let suma = |f: fn(&LineaEmitida) -> Decimal| Dinero::nuevo(lineas.iter().map(f).sum()).expect("suma");
    let (subtotal, impuestos) = (suma(|l| l.subtotal.valor()), suma(|l| l.impuesto.valor()));
    TotalesFactura {
        bruto: subtotal,
        descuentos: Dinero::CERO,
        subtotal,
        impuestos: vec![TotalImpuesto { impuesto: iva(), base: subtotal, valor: impuestos }],
        total: Dinero::nuevo(subtotal.valor() + impuestos.valor()).expect("total"),
    }
}
