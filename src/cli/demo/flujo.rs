//! The flow of orders of the demo: open loop, so that latency counts from when an order was due, not from when it could be sent.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::{CLIENTES, LOTE_INICIAL};
use crate::{
    cli::{
        destino::{Destino, Directo, Espera},
        ejemplo::{self, Azar, BODEGAS, PRODUCTOS},
        fallo::{Clase, Fallo},
        peticion::{Desenlace, Peticion, Recurso},
        senales::Parada,
    },
    engine::ports::Ids,
};

/// Orders whose outcome is awaited at most.
const EN_CURSO: usize = 4_096;
/// Units sold of a product in a bodega after which as many are bought.
const REPONER_TRAS: u32 = LOTE_INICIAL / 4;
/// One order in so many asks for more than there is.
const MALO_CADA: usize = 100;

/// What the flow has done in this session.
#[derive(Clone)]
pub struct Cifras {
    pub emitidas: u64,
    pub rechazadas: u64,
    latencia: Histogram<u64>,
}

impl Cifras {
    /// Milliseconds at a quantile.
    pub fn ms(&self, cuantil: f64) -> f64 {
        self.latencia.value_at_quantile(cuantil) as f64 / 1_000.0
    }
}

/// A running flow.
pub struct Flujo {
    cifras: Arc<Mutex<Cifras>>,
    emisor: JoinHandle<Result<(), Fallo>>,
    receptor: JoinHandle<Result<(), Fallo>>,
}

/// Something under way. An order says when it was due; a purchase of stock does not count.
struct EnCurso {
    previsto: Option<Instant>,
    espera: Espera,
}

impl Flujo {
    /// Starts the flow at `tasa` orders a second, until `parada`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn empezar(destino: Directo, ids: Arc<dyn Ids>, tasa: u32, parada: Parada) -> Result<Self, Fallo> {
        let fallo =
            |causa: String| Fallo::new(Clase::Servicio, "no se pudo empezar el flujo de pedidos", causa, "Vuelva a intentarlo.");
        let latencia = Histogram::new_with_bounds(1, 600_000_000, 3).map_err(|e| fallo(e.to_string()))?;
        let cifras = Arc::new(Mutex::new(Cifras { emitidas: 0, rechazadas: 0, latencia }));
        let (entrega, recogida) = sync_channel(EN_CURSO);
        let anotadas = Arc::clone(&cifras);
        let receptor = thread::Builder::new()
            .name("demo-recibe".to_owned())
            .spawn(move || recibir(&recogida, &anotadas))
            .map_err(|e| fallo(e.to_string()))?;
        let emisor = thread::Builder::new()
            .name("demo-envia".to_owned())
            .spawn(move || {
                let mut tienda = Tienda { destino, ids, azar: Azar::new(semilla()), vendido: HashMap::new() };
                let cada = Duration::from_secs(1) / tasa;
                let inicio = Instant::now();
                for n in 0_u32.. {
                    let previsto = inicio + cada * n;
                    if parada.esperar_hasta(previsto) {
                        break;
                    }
                    let mut esperas = vec![EnCurso { previsto: Some(previsto), espera: tienda.vender(n as usize)? }];
                    esperas.extend(tienda.reponer()?);
                    if esperas.into_iter().any(|e| entrega.send(e).is_err()) {
                        break;
                    }
                }
                Ok(())
            })
            .map_err(|e| fallo(e.to_string()))?;
        Ok(Self { cifras, emisor, receptor })
    }

    pub fn cifras(&self) -> Cifras {
        self.cifras.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it ended by itself: the engine stopped taking orders.
    pub fn termino(&self) -> bool {
        self.emisor.is_finished() || self.receptor.is_finished()
    }

    /// Waits for the orders under way.
    ///
    /// # Errors
    /// What made it end before it was asked to.
    pub fn terminar(self) -> Result<Cifras, Fallo> {
        let roto =
            |_| Fallo::new(Clase::Falla, "el flujo de pedidos terminó con un fallo", "un hilo terminó", "Informe de este error.");
        self.emisor.join().map_err(roto)??;
        self.receptor.join().map_err(roto)??;
        Ok(self.cifras.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Another sequence of orders each time: the clock is entropy enough for a demo.
fn semilla() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|d| d.as_nanos() as u64).unwrap_or(1)
}

/// Takes outcomes in the order of the orders; ends when the sender does.
fn recibir(recogida: &Receiver<EnCurso>, cifras: &Mutex<Cifras>) -> Result<(), Fallo> {
    while let Ok(EnCurso { previsto, espera }) = recogida.recv() {
        let desenlace = espera()?;
        let Some(previsto) = previsto else { continue };
        let micros = u64::try_from(previsto.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
        let mut cifras = cifras.lock().unwrap_or_else(PoisonError::into_inner);
        cifras.latencia.saturating_record(micros);
        match desenlace {
            Desenlace::Aceptada { .. } => cifras.emitidas += 1,
            Desenlace::Rechazada(_) => cifras.rechazadas += 1,
        }
    }
    Ok(())
}

/// The shop: sells, and buys what it has sold.
struct Tienda {
    destino: Directo,
    ids: Arc<dyn Ids>,
    azar: Azar,
    /// Units sold since the last purchase, by (product, bodega).
    vendido: HashMap<(usize, usize), u32>,
}

impl Tienda {
    fn vender(&mut self, n: usize) -> Result<Espera, Fallo> {
        let clave = self.ids.uuid_v7().to_string();
        let mut pedido = ejemplo::pedido_valido(n, CLIENTES, &mut self.azar);
        pedido["canal"] = json!("demo");
        pedido["pedido_id"] = json!(clave);
        if n % MALO_CADA == MALO_CADA - 1 {
            if let Some(campos) = pedido.as_object_mut() {
                campos.shift_remove("total");
            }
            pedido["lineas"][0]["cantidad"] = json!("1000000");
        } else {
            self.anotar(&pedido);
        }
        self.destino.enviar(vec![Peticion::new(Recurso::Factura, pedido, clave)])
    }

    fn anotar(&mut self, pedido: &Value) {
        let Some(bodega) = BODEGAS.iter().position(|(id, _, _)| pedido["bodega_id"] == *id) else { return };
        for linea in pedido["lineas"].as_array().into_iter().flatten() {
            let producto = PRODUCTOS.iter().position(|p| linea["producto_id"] == p.id);
            let cantidad = linea["cantidad"].as_str().and_then(|c| c.parse::<u32>().ok());
            if let (Some(producto), Some(cantidad)) = (producto, cantidad) {
                *self.vendido.entry((producto, bodega)).or_default() += cantidad;
            }
        }
    }

    /// A purchase for every product of which enough was sold.
    fn reponer(&mut self) -> Result<Vec<EnCurso>, Fallo> {
        let mut agotandose: Vec<_> = self.vendido.iter().filter(|(_, v)| **v >= REPONER_TRAS).map(|(k, v)| (*k, *v)).collect();
        agotandose.sort_unstable();
        let mut compras = Vec::with_capacity(agotandose.len());
        for ((i, j), cantidad) in agotandose {
            self.vendido.remove(&(i, j));
            let movimiento = format!("DEMO-{}", self.ids.uuid_v7());
            let espera = self.destino.enviar(ejemplo::peticiones_de_reposicion(i, j, cantidad, &movimiento))?;
            compras.push(EnCurso { previsto: None, espera });
        }
        Ok(compras)
    }
}
