//! The clients: they create a shop, send commands at random, repeat what is not answered, and keep a ledger of what they were told.

use std::{collections::BTreeMap, panic, sync::Arc};

use super::{faults::Fault, node::Shared, rng::Rng, trace::Trace};
use crate::{
    contracts::{CommandEnvelope, ConsultaRealizada, RegistroAuditoria, Respuesta, Resultado},
    domain::{
        Comando,
        catalogo::{
            bodega::{ComandoBodega, DatosBodega},
            cliente::{CambiosCliente, ComandoCliente, DatosCliente, EstadoFiscal},
            producto::{ComandoProducto, DatosProducto},
            sucursal::{ComandoSucursal, DatosSucursal},
        },
        facturacion::factura::{Campo, ComandoFactura, DatosFactura, DireccionRespuesta, LineaPedida},
        inventario::{ComandoInventario, MotivoEntrada, MotivoSalida, inventario_id},
        numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
        reglas::Regla,
        valores::{Cantidad, Decimal, Direccion, Id, Identificacion, Instante, PrecioUnitario, TipoIdentificacion, fecha_iso},
    },
    engine::routing::{Ownership, partition_for},
    log::{Log, Position, Record, Topic, TopicPartition, simulated::Micros},
};
use bytes::Bytes;

/// Number of the clients' connection, as requests show it.
const CONNECTION: u32 = 1_000;
/// How long a client waits before it repeats a command for the first time; each time twice as long, up to eight times.
const PATIENCE: Micros = 3_000_000;
/// Commands whose id begins so make the decision panic.
const POISON: &str = "veneno-";

/// The trap that the simulator sets in every core. It unwinds without the noise of a panic's message.
pub fn panic_if_poisoned(command_id: &Id) {
    if command_id.as_str().starts_with(POISON) {
        panic::resume_unwind(Box::new("veneno de la simulación".to_owned()));
    }
}

/// One command and what is known of it.
struct Order {
    command_id: Id,
    comando: Comando,
    first_sent: Option<Micros>,
    last_sent: Micros,
    sends: u32,
    /// What the first answer that was one said.
    outcome: Option<Resultado>,
    /// Sent with an id that another order uses with other content: both may be told of the conflict.
    shares_id: bool,
}

impl Order {
    /// When it is sent again if nothing is heard.
    fn due(&self) -> Micros {
        self.last_sent + (PATIENCE << self.sends.saturating_sub(1).min(3))
    }
}

pub struct Clients {
    rng: Rng,
    orders: Vec<Order>,
    /// Orders by the number that answers carry.
    waiting: BTreeMap<u64, usize>,
    /// Next position of each partition of `respuestas`.
    replies: Vec<Position>,
    /// Orders still to be made up.
    left: u32,
    routing: Ownership,
    /// First version seen of rows, so that reads never go back.
    queries: u64,
    findings: Vec<String>,
    invoices: u32,
    movements: u32,
    /// Answers heard.
    pub answers: u64,
    pub repeated: u64,
}

impl Clients {
    pub fn new(shared: &Shared, rng: Rng) -> Self {
        let replies = vec![0; usize::from(shared.log.partitions(Topic::Respuestas))];
        Self {
            rng,
            orders: Vec::new(),
            waiting: BTreeMap::new(),
            replies,
            left: shared.plan.commands,
            routing: Ownership::none(shared.plan.partitions),
            queries: 0,
            findings: Vec::new(),
            invoices: 0,
            movements: 0,
            answers: 0,
            repeated: 0,
        }
    }

    /// The commands that make the shop, in groups: each group needs the one before.
    pub fn set_up(&mut self, shared: &Shared) -> Vec<Vec<usize>> {
        let groups = shop(shared, &mut self.rng);
        let add = |clients: &mut Self, comando: Comando| clients.add(format!("base-{}", clients.orders.len()), comando);
        groups.into_iter().map(|group| group.into_iter().map(|comando| add(self, comando)).collect()).collect()
    }

    fn add(&mut self, command_id: String, comando: Comando) -> usize {
        let command_id = Id::de_clave(&command_id).unwrap_or_else(|_| unreachable!("los ids de la simulación son válidos"));
        let order = Order { command_id, comando, first_sent: None, last_sent: 0, sends: 0, outcome: None, shares_id: false };
        self.orders.push(order);
        let at = self.orders.len() - 1;
        self.waiting.insert(at as u64, at);
        at
    }

    /// Sends these again; for the shop, which is set up in calm weather.
    pub fn send_all(&mut self, orders: &[usize], shared: &Shared, trace: &mut Trace) {
        for order in orders {
            self.send(*order, shared, trace);
        }
    }

    pub fn accepted(&self, orders: &[usize]) -> bool {
        orders.iter().all(|at| matches!(self.orders[*at].outcome, Some(Resultado::Aceptado { .. })))
    }

    /// All orders were made up, sent and answered.
    pub fn is_done(&self) -> bool {
        self.left == 0 && self.waiting.is_empty()
    }

    /// All orders were made up.
    pub fn has_sent_all(&self) -> bool {
        self.left == 0
    }

    /// When the next repetition is due.
    pub fn wakes_at(&self) -> Option<Micros> {
        self.waiting.values().map(|at| self.orders[*at].due()).min()
    }

    pub fn take_findings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.findings)
    }

    pub fn unanswered(&self) -> Vec<String> {
        self.waiting.values().map(|at| self.orders[*at].command_id.to_string()).collect()
    }

    /// One act: a new command, or a repetition that is due, or an old command once more. Whether it sent something.
    pub fn act(&mut self, shared: &Shared, trace: &mut Trace) -> bool {
        let now = shared.log.now();
        let due = self.waiting.values().copied().find(|at| self.orders[*at].due() <= now);
        if let Some(at) = due {
            self.send(at, shared, trace);
            return true;
        }
        if self.left == 0 || self.waiting.len() >= shared.plan.pressure as usize {
            return false;
        }
        self.left -= 1;
        if shared.weather.strikes(Fault::Poison) {
            self.send_poison(shared, trace);
            return true;
        }
        if !self.orders.is_empty() && self.rng.below(14) == 0 {
            // A caller that does not know whether its call went through, long after it did.
            let at = self.rng.index(self.orders.len());
            self.repeated += 1;
            self.waiting.insert(at as u64, at);
            self.send(at, shared, trace);
            return true;
        }
        let at = self.make_up(shared);
        self.send(at, shared, trace);
        true
    }

    fn send(&mut self, at: usize, shared: &Shared, trace: &mut Trace) {
        let now = shared.log.now();
        let order = &mut self.orders[at];
        order.first_sent.get_or_insert(now);
        order.last_sent = now;
        order.sends += 1;
        let partitions = self.replies.len() as u64;
        let envelope = CommandEnvelope {
            command_id: order.command_id.clone(),
            correlation_id: order.command_id.clone(),
            causation_id: None,
            recibido_en: Instante(shared.plan.epoch_start + now as i64),
            usuario: None,
            canal: None,
            version_esperada: None,
            responder_a: Some(DireccionRespuesta { particion: self.rng.below(partitions) as u16, peticion: at as u64 }),
            traceparent: None,
            paso: None,
            comando: order.comando.clone(),
        };
        let target = order.comando.destino();
        let value = shared.codec.encode_command(&envelope).unwrap_or_else(|e| unreachable!("un comando de la simulación: {e}"));
        let record = record(target.id.as_str(), value, envelope.recibido_en);
        let sent = shared.log.produce(CONNECTION, vec![(self.routing.commands_of(&target), record)]);
        trace.say(|| format!("cliente envía {} {} {}: {sent:?}", envelope.command_id, envelope.comando.tipo(), target.id));
    }

    /// Bytes that are no command, a command in another's place, or one whose decision panics.
    fn send_poison(&mut self, shared: &Shared, trace: &mut Trace) {
        let partition = self.rng.below(u64::from(shared.plan.partitions)) as u16;
        let at = Instante(shared.plan.epoch_start + shared.log.now() as i64);
        let n = self.orders.len();
        match self.rng.below(3) {
            0 => {
                let garbage: Vec<u8> = (0..self.rng.index(40)).map(|_| self.rng.next() as u8).collect();
                let topic = Topic::Comandos(self.rng.pick(&crate::domain::Contexto::TODOS));
                trace.say(|| format!("cliente envía basura a {topic}/{partition}"));
                drop(
                    shared
                        .log
                        .produce(CONNECTION, vec![(TopicPartition::new(topic, partition), record("basura", garbage.into(), at))]),
                );
            }
            1 => {
                let order = self.add(format!("ajena-{n}"), client_update("c1", n));
                self.waiting.remove(&(order as u64));
                let Order { command_id, comando, .. } = &self.orders[order];
                let envelope = bare(command_id.clone(), comando.clone(), at);
                let value = shared.codec.encode_command(&envelope).unwrap_or_default();
                let to = self.routing.commands_of(&comando.destino());
                trace.say(|| format!("cliente envía {command_id} con clave ajena"));
                drop(shared.log.produce(CONNECTION, vec![(to, record("otra-clave", value, at))]));
            }
            _ => {
                let invoice = self.rng.below(2) == 0;
                let comando = if invoice { self.invoice(shared) } else { client_update("c-veneno", n) };
                let order = self.add(format!("{POISON}{n}"), comando);
                self.send(order, shared, trace);
            }
        }
    }

    /// A new order, at random.
    fn make_up(&mut self, shared: &Shared) -> usize {
        let n = self.orders.len();
        let comando = match self.rng.below(100) {
            0..=54 => self.invoice(shared),
            55..=69 => self.entry(shared),
            70..=76 => self.exit(shared),
            77..=80 => Comando::Inventario(ComandoInventario::CambiarStockMinimo {
                inventario_id: self.inventory(shared),
                stock_minimo: Cantidad::nuevo(Decimal::from(self.rng.below(20) as i64 + 1)).ok(),
            }),
            81..=83 => client_update(&self.client(), n),
            84 | 85 => client_update("c-veneno", n),
            86..=88 => Comando::Cliente(ComandoCliente::InactivarCliente { cliente_id: id("c3") }),
            89..=91 => Comando::Cliente(ComandoCliente::ReactivarCliente { cliente_id: id("c3") }),
            92..=95 => Comando::Producto(ComandoProducto::CambiarPrecio {
                producto_id: id(&self.product(shared)),
                precio: Decimal::from(self.rng.between(1, 9_000) as i64),
            }),
            _ => return self.reuse_an_id(shared),
        };
        self.add(format!("c-{n}"), comando)
    }

    /// The id of an earlier command with other content: a mistake of the caller, refused without touching the first.
    fn reuse_an_id(&mut self, shared: &Shared) -> usize {
        let n = self.orders.len();
        let candidates: Vec<usize> = (0..n)
            .filter(|at| {
                let order = &self.orders[*at];
                matches!(order.comando, Comando::Inventario(ComandoInventario::RegistrarEntrada { .. })) && !order.shares_id
            })
            .collect();
        if candidates.is_empty() {
            let comando = self.entry(shared);
            return self.add(format!("c-{n}"), comando);
        }
        let first = candidates[self.rng.index(candidates.len())];
        let mut comando = self.orders[first].comando.clone();
        if let Comando::Inventario(ComandoInventario::RegistrarEntrada { cantidad, .. }) = &mut comando {
            *cantidad += Decimal::ONE;
        }
        let command_id = self.orders[first].command_id.to_string();
        self.orders[first].shares_id = true;
        let at = self.add(command_id, comando);
        self.orders[at].shares_id = true;
        at
    }

    fn product(&mut self, shared: &Shared) -> String {
        format!("p{}", self.rng.below(u64::from(shared.plan.products)))
    }

    fn client(&mut self) -> String {
        self.rng.pick(&["c1", "c1", "c2", "c3"]).to_owned()
    }

    fn inventory(&mut self, shared: &Shared) -> Id {
        let bodega = self.bodega();
        inventario_id(&id(&self.product(shared)), &id(bodega))
    }

    fn bodega(&mut self) -> &'static str {
        self.rng.pick(&["PRINCIPAL", "PRINCIPAL", "NORTE"])
    }

    fn entry(&mut self, shared: &Shared) -> Comando {
        self.movements += 1;
        let expires = self.rng.below(5) == 0;
        Comando::Inventario(ComandoInventario::RegistrarEntrada {
            inventario_id: self.inventory(shared),
            movimiento_id: id(&format!("e-{}", self.movements)),
            motivo: MotivoEntrada::Compra,
            // Now and then nothing, which is refused.
            cantidad: Decimal::from(self.rng.below(u64::from(shared.plan.stock)) as i64),
            costo_unitario: Decimal::new(self.rng.between(1, 999) as i64, 2),
            fecha_ingreso: fecha_iso(self.rng.pick(&["2026-11-01", "2026-11-20", "2026-11-24"])).unwrap_or_default(),
            fecha_caducidad: if expires { fecha_iso(self.rng.pick(&["2026-11-24", "2026-12-31"])) } else { None },
            referencia: None,
        })
    }

    fn exit(&mut self, shared: &Shared) -> Comando {
        self.movements += 1;
        Comando::Inventario(ComandoInventario::RegistrarSalida {
            inventario_id: self.inventory(shared),
            movimiento_id: id(&format!("s-{}", self.movements)),
            motivo: MotivoSalida::Ajuste,
            cantidad: Decimal::from(self.rng.between(1, 6) as i64),
            fecha: fecha_iso("2026-11-24").unwrap_or_default(),
            referencia: None,
        })
    }

    fn invoice(&mut self, shared: &Shared) -> Comando {
        self.invoices += 1;
        let lines = self.rng.between(1, 3);
        let largest = (u64::from(shared.plan.stock) / 3).max(2);
        let lineas = (0..lines).map(|_| self.line(shared, largest)).collect();
        let cliente_id = if self.rng.below(30) == 0 { id("nadie") } else { id(&self.client()) };
        let datos = DatosFactura { cliente_id, lineas, ..empty_invoice() };
        Comando::Factura(ComandoFactura::CrearYEmitirFactura {
            factura_id: id(&format!("f-{}", self.invoices)),
            datos: Box::new(datos),
        })
    }

    fn line(&mut self, shared: &Shared, largest: u64) -> LineaPedida {
        let service = self.rng.below(8) == 0;
        let bodega_id = (!service && self.rng.below(4) == 0).then(|| id("NORTE"));
        LineaPedida {
            producto_id: (!service).then(|| id(&self.product(shared))),
            bodega_id,
            descripcion: service.then(|| "Servicio".into()),
            cantidad: Decimal::new(self.rng.between(1, largest * 10) as i64, 1),
            precio_unitario: service.then(|| Decimal::from(1_000)),
            impuesto: Campo::Ausente,
            ..empty_line()
        }
    }

    /// Reads answers, as far as there are, and holds them against what was heard before.
    pub fn listen(&mut self, shared: &Shared, trace: &mut Trace) -> bool {
        let mut heard = false;
        for partition in 0..self.replies.len() {
            let tp = TopicPartition::new(Topic::Respuestas, partition as u16);
            let Ok(records) = shared.log.read(tp, self.replies[partition], usize::MAX) else { continue };
            for stored in records {
                self.replies[partition] = stored.position + 1;
                heard = true;
                match shared.codec.decode_reply(&stored.record.value) {
                    Ok(reply) => self.hear(reply, trace),
                    Err(error) => self.findings.push(format!("respuesta ilegible: {error}")),
                }
            }
        }
        heard
    }

    fn hear(&mut self, reply: Respuesta, trace: &mut Trace) {
        self.answers += 1;
        let at = reply.peticion as usize;
        let Some(order) = self.orders.get_mut(at) else {
            self.findings.push(format!("I2: respuesta a una petición que nadie hizo: {reply:?}"));
            return;
        };
        trace.say(|| format!("cliente oye de {}: {:?} (repetido: {})", order.command_id, reply.resultado, reply.repetido));
        if let Resultado::EnCurso = reply.resultado {
            return;
        }
        self.waiting.remove(&(at as u64));
        if order.shares_id || is_conflict(&reply.resultado) {
            return;
        }
        match &order.outcome {
            None => order.outcome = Some(reply.resultado),
            // A parked command is parked again, with another reason.
            Some(Resultado::Apartado { .. }) if matches!(reply.resultado, Resultado::Apartado { .. }) => {}
            Some(first) if *first == reply.resultado => {}
            Some(first) => {
                let what = format!("I1: {} tuvo dos desenlaces: {first:?} y {:?}", order.command_id, reply.resultado);
                self.findings.push(what);
            }
        }
    }

    /// A query is audited by whoever serves it.
    pub fn audit_query(&mut self, shared: &Shared) {
        self.queries += 1;
        let query = ConsultaRealizada {
            event_id: uuid::Uuid::from_u128(
                (7 << 76) | (2 << 62) | u128::from(self.queries) | (u128::from(shared.plan.seed) << 96),
            ),
            consulta: Arc::from("facturas.obtener"),
            factura_id: None,
            parametros: Vec::new(),
            correlation_id: id(&format!("q-{}", self.queries)),
            ocurrido_en: Instante(shared.plan.epoch_start + shared.log.now() as i64),
            usuario: None,
        };
        let (key, at) = (query.correlation_id.to_string(), query.ocurrido_en);
        let partition = partition_for(key.as_bytes(), shared.plan.partitions);
        let value = shared.codec.encode_audit(&RegistroAuditoria::Consulta(query)).unwrap_or_default();
        // Best effort, as in the program: an audit that could not be written is counted, the query is answered.
        drop(shared.log.produce(CONNECTION, vec![(TopicPartition::new(Topic::Auditoria, partition), record(&key, value, at))]));
    }

    /// Outcomes heard, by command: what the log must agree with.
    pub fn ledger(&self) -> BTreeMap<Id, &Resultado> {
        let told = |order: &'_ Order| !order.shares_id && order.outcome.is_some();
        self.orders.iter().filter(|o| told(o)).filter_map(|o| Some((o.command_id.clone(), o.outcome.as_ref()?))).collect()
    }
}

fn is_conflict(resultado: &Resultado) -> bool {
    matches!(resultado, Resultado::Rechazado { errores } if errores.iter().any(|e| e.regla == Regla::ClaveIdempotenciaEnConflicto))
}

fn id(text: &str) -> Id {
    Id::de_clave(text).unwrap_or_else(|_| unreachable!("los ids de la simulación son válidos: {text}"))
}

fn record(key: &str, value: Bytes, timestamp: Instante) -> Record {
    Record { key: Bytes::copy_from_slice(key.as_bytes()), value, headers: Vec::new(), timestamp }
}

fn bare(command_id: Id, comando: Comando, recibido_en: Instante) -> CommandEnvelope {
    CommandEnvelope {
        correlation_id: command_id.clone(),
        command_id,
        causation_id: None,
        recibido_en,
        usuario: None,
        canal: None,
        version_esperada: None,
        responder_a: None,
        traceparent: None,
        paso: None,
        comando,
    }
}

fn client_update(cliente: &str, n: usize) -> Comando {
    let cambios = CambiosCliente { nombre: Some(format!("Cliente {n}").into()), ..CambiosCliente::default() };
    Comando::Cliente(ComandoCliente::ActualizarCliente { cliente_id: id(cliente), cambios: cambios.into() })
}

fn empty_invoice() -> DatosFactura {
    DatosFactura {
        cliente_id: id("c1"),
        sucursal_id: None,
        bodega_id: None,
        moneda: None,
        fecha_emision: None,
        fecha_autorizacion: None,
        fecha_caducidad: Campo::Ausente,
        canal: None,
        pedido_id: None,
        notas: None,
        orden_compra: None,
        formas_pago: Vec::new(),
        total: None,
        lineas: Vec::new(),
        descuento: None,
    }
}

fn empty_line() -> LineaPedida {
    LineaPedida {
        producto_id: None,
        bodega_id: None,
        descripcion: None,
        cantidad: Decimal::ONE,
        precio_unitario: None,
        impuesto: Campo::Ausente,
        descuento: None,
    }
}

/// Catalogues, ranges, stock: each group needs what the one before created.
fn shop(shared: &Shared, rng: &mut Rng) -> Vec<Vec<Comando>> {
    let (principal, norte) = (id("PRINCIPAL"), id("NORTE"));
    let sucursal = Comando::Sucursal(ComandoSucursal::CrearSucursal {
        sucursal_id: principal.clone(),
        datos: DatosSucursal { nombre: "Principal".into(), direccion: None },
    });
    let warehouse = |bodega_id: &Id| {
        let datos = DatosBodega { sucursal_id: principal.clone(), nombre: bodega_id.as_str().into(), direccion: None };
        Comando::Bodega(ComandoBodega::CrearBodega { bodega_id: bodega_id.clone(), datos })
    };
    let mut second = vec![warehouse(&principal), warehouse(&norte)];
    // Often more numbers than invoices; sometimes the first range ends and the second goes on, or nothing does.
    let first_end = rng.pick(&[5, 20, 1_000]);
    second.push(range("F", first_end, "2026-12-31"));
    if rng.below(2) == 0 {
        second.push(range("G", 1_000, "2027-12-31"));
    }
    second.extend(["c1", "c2", "c3", "c-veneno"].map(client));
    let products: Vec<Id> = (0..shared.plan.products).map(|n| id(&format!("p{n}"))).collect();
    second.extend(products.iter().map(product));
    let mut inventories = Vec::new();
    let mut entries = Vec::new();
    for producto_id in &products {
        for bodega_id in [&principal, &norte] {
            let inventario = inventario_id(producto_id, bodega_id);
            inventories.push(Comando::Inventario(ComandoInventario::CrearInventario {
                inventario_id: inventario.clone(),
                producto_id: producto_id.clone(),
                bodega_id: bodega_id.clone(),
                stock_minimo: None,
            }));
            entries.push(Comando::Inventario(ComandoInventario::RegistrarEntrada {
                movimiento_id: id(&format!("inicial-{inventario}").replace(':', "-")),
                inventario_id: inventario,
                motivo: MotivoEntrada::Inicial,
                cantidad: Decimal::from(shared.plan.stock),
                costo_unitario: Decimal::new(rng.between(1, 999) as i64, 2),
                fecha_ingreso: fecha_iso("2026-11-10").unwrap_or_default(),
                fecha_caducidad: None,
                referencia: None,
            }));
        }
    }
    vec![vec![sucursal], second, inventories, entries]
}

fn range(prefijo: &str, hasta: u64, vigente_hasta: &str) -> Comando {
    let sucursal_id = id("PRINCIPAL");
    Comando::Rango(ComandoRango::CrearRango {
        rango_id: rango_id(&sucursal_id, TipoDocumento::Factura, prefijo),
        sucursal_id,
        tipo_documento: TipoDocumento::Factura,
        prefijo: prefijo.into(),
        autorizacion: Autorizacion {
            desde: 1,
            hasta,
            vigente_desde: fecha_iso("2026-01-01").unwrap_or_default(),
            vigente_hasta: fecha_iso(vigente_hasta).unwrap_or_default(),
            resolucion: "".into(),
            fecha_resolucion: None,
        },
    })
}

fn client(cliente: &str) -> Comando {
    let datos = DatosCliente {
        nombre: cliente.into(),
        identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: cliente.into(), dv: None },
        correo: "a@b.co".into(),
        direccion: Direccion { linea: "Calle 1".into(), ciudad: None, region: None, pais: None },
        estado_fiscal: EstadoFiscal::Activo,
        tipo_persona: None,
        responsabilidades: Vec::new(),
        municipio: None,
        departamento: None,
    };
    Comando::Cliente(ComandoCliente::CrearCliente { cliente_id: id(cliente), datos: datos.into() })
}

fn product(producto_id: &Id) -> Comando {
    let datos = DatosProducto {
        codigo: producto_id.as_str().into(),
        nombre: producto_id.as_str().into(),
        unidad: "UND".into(),
        precio: PrecioUnitario::nuevo(Decimal::from(1_500)).unwrap_or_else(|_| unreachable!("un precio")),
        impuesto: None,
        controla_inventario: true,
        codigo_estandar: None,
        esquema_codigo: None,
    };
    Comando::Producto(ComandoProducto::CrearProducto { producto_id: producto_id.clone(), datos: datos.into() })
}
