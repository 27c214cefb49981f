//! `demo`: a shop that sells without pause, on the real engine and its embedded stores.

mod flujo;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::json;

use self::flujo::{Cifras, Flujo};
use super::{
    acceso::directo,
    args::DemoArgs,
    contexto::Contexto,
    destino::{Destino, Espera},
    ejemplo::{self, BODEGAS, PRODUCTOS},
    fallo::{Clase, Fallo},
    formato::entero,
    nodo,
    peticion::{Desenlace, Peticion},
    senales::Parada,
    vista,
};
use crate::{
    domain::valores::{Decimal, Id},
    http::lecturas::Recurso,
    node::Node,
};

/// Where the demo keeps its data when nobody chose a folder: its invented invoices must not mix with real ones.
pub const CARPETA: &str = "datos-demo";
/// Clients of the demo.
pub const CLIENTES: usize = 25;
/// Units of each first lot: about an hour of sales of a popular product.
pub const LOTE_INICIAL: u32 = 200;
/// A status line each so often: on a terminal, and elsewhere.
const RITMO_TERMINAL: Duration = Duration::from_secs(1);
const RITMO_ARCHIVO: Duration = Duration::from_secs(10);

/// # Errors
/// Why it could not start, or not stop cleanly.
pub fn ejecutar(contexto: &Contexto, args: &DemoArgs) -> Result<(), Fallo> {
    let parada = Parada::escuchar()?;
    let inicio = Instant::now();
    let direccion = contexto.configuracion.servidor.direccion;
    let node = nodo::iniciar(contexto, Some(direccion))?;
    let preparada = preparar(&node).and_then(|()| {
        presentar(contexto, args, &node, direccion, inicio.elapsed());
        correr(contexto, args, &node, &parada)
    });
    contexto.salida.nota("Deteniendo: se termina lo que está en curso…");
    node.stop().map_err(|e| nodo::fallo(&e))?;
    let cifras = preparada?;
    contexto.salida.linea(format!(
        "Detenida sin pérdida: {} facturas emitidas y {} pedidos rechazados en esta sesión. Al repetirla, sigue donde quedó.",
        entero(cifras.emitidas),
        entero(cifras.rechazadas)
    ));
    contexto.salida.resultado(&json!({
        "evento": "detenida",
        "emitidas": cifras.emitidas,
        "rechazadas": cifras.rechazadas,
        "p50_ms": cifras.ms(0.50),
        "p99_ms": cifras.ms(0.99),
    }));
    Ok(())
}

/// Seeds the shop; on an existing folder every seed is already there, and only the stock that was sold is brought up again.
fn preparar(node: &Node) -> Result<(), Fallo> {
    let mut destino = directo(node);
    sembrar(&mut destino, ejemplo::peticiones_de_catalogo(0..BODEGAS.len(), 0..PRODUCTOS.len(), 0..CLIENTES))?;
    let pares = (0..PRODUCTOS.len()).flat_map(|i| (0..BODEGAS.len()).map(move |j| (i, j)));
    let lotes = pares.clone().map(|(i, j)| {
        let movimiento = format!("DEMO-{}-{}-1", PRODUCTOS[i].id, BODEGAS[j].0);
        ejemplo::peticiones_de_entrada(i, j, 1, LOTE_INICIAL, &movimiento)
    });
    sembrar(&mut destino, lotes.collect())?;
    if node.is_fresh() {
        return Ok(());
    }
    let bajos = pares.filter(|(i, j)| escaso(node, *i, *j));
    let repuestos =
        bajos.map(|(i, j)| ejemplo::peticiones_de_entrada(i, j, 2, LOTE_INICIAL, &format!("DEMO-{}", node.ids().uuid_v7())));
    sembrar(&mut destino, repuestos.collect())
}

fn escaso(node: &Node, i: usize, j: usize) -> bool {
    let (Ok(producto), Ok(bodega)) = (Id::new(PRODUCTOS[i].id), Id::new(BODEGAS[j].0)) else { return false };
    match node.lecturas().obtener(&Recurso::Stock { producto, bodega }) {
        Ok(Some(stock)) => vista::decimal(&stock, "disponible").is_none_or(|d| d < Decimal::from(LOTE_INICIAL / 2)),
        _ => false,
    }
}

fn sembrar(destino: &mut dyn Destino, grupos: Vec<Vec<Peticion>>) -> Result<(), Fallo> {
    let esperas: Result<Vec<Espera>, Fallo> = grupos.into_iter().map(|grupo| destino.enviar(grupo)).collect();
    for espera in esperas? {
        if let Desenlace::Rechazada(motivos) = espera()?
            && !ejemplo::ya_estaba(&motivos)
        {
            let causa = motivos.first().map(|m| m.mensaje.clone()).unwrap_or_default();
            let hacer = "Use una carpeta nueva: factumarket demo --datos otra-carpeta.";
            return Err(Fallo::new(Clase::Validacion, "no se pudo sembrar la tienda de ejemplo", causa, hacer));
        }
    }
    Ok(())
}

fn presentar(contexto: &Contexto, args: &DemoArgs, node: &Node, direccion: SocketAddr, tardo: Duration) {
    let salida = &contexto.salida;
    let url = format!("http://{}", node.address().unwrap_or(direccion));
    let carpeta = contexto.carpeta();
    salida.linea(format!(
        "FactuMarket {} · modo demo (registro y proyecciones embebidos, datos en {})",
        env!("CARGO_PKG_VERSION"),
        carpeta.display()
    ));
    salida.linea(format!("  Consola   {url}     API  {url}/api/v1     Métricas  /metrics     Salud  /salud/listo"));
    salida.linea(format!(
        "  Sembrado  {} bodegas · {} productos · {} lotes · {CLIENTES} clientes      Carga de ejemplo: {} facturas/s",
        BODEGAS.len(),
        PRODUCTOS.len(),
        BODEGAS.len() * PRODUCTOS.len(),
        args.tasa
    ));
    if !node.is_fresh() {
        salida.linea(format!("  Continúa  la carpeta ya tenía datos: los totales siguen donde quedaron{}", ultima_factura(node)));
    }
    salida.linea("  Uno de cada cien pedidos pide más de lo que hay: se rechaza, y se cuenta.");
    let datos = if carpeta.as_os_str() == "datos" { String::new() } else { format!(" --datos {}", carpeta.display()) };
    salida.linea(format!("  Pruebe    factumarket emitir --ejemplo{datos}          Salir: Ctrl-C (sin pérdida)"));
    salida.linea(format!("  Lista en {} ms", tardo.as_millis()));
    salida.resultado(&json!({
        "evento": "lista",
        "url": url,
        "carpeta": carpeta.display().to_string(),
        "carpeta_nueva": node.is_fresh(),
        "tasa": args.tasa,
        "lista_ms": tardo.as_secs_f64() * 1_000.0,
    }));
}

/// `: la próxima factura es F128`, when the range is known.
fn ultima_factura(node: &Node) -> String {
    let rango = Id::compuesto(&["PRINCIPAL", "FACTURA", "F"]);
    match node.lecturas().obtener(&Recurso::Rango(rango)) {
        Ok(Some(rango)) if rango["siguiente"].is_u64() => format!(": la próxima factura es F{}", rango["siguiente"]),
        _ => String::new(),
    }
}

fn correr(contexto: &Contexto, args: &DemoArgs, node: &Node, parada: &Parada) -> Result<Cifras, Fallo> {
    let flujo = Flujo::empezar(directo(node), node.ids(), args.tasa, parada.clone())?;
    let salida = &contexto.salida;
    let ritmo = if salida.progreso() { RITMO_TERMINAL } else { RITMO_ARCHIVO };
    let fin = args.duracion.map(|s| Instant::now() + Duration::from_secs(s));
    let mut antes = 0;
    let mut proximo = Instant::now() + ritmo;
    loop {
        let hasta = fin.map_or(proximo, |fin| fin.min(proximo));
        let pedida = parada.esperar_hasta(hasta);
        let cifras = flujo.cifras();
        if Instant::now() >= proximo {
            proximo += ritmo;
            let por_segundo = (cifras.emitidas - antes) as f64 / ritmo.as_secs_f64();
            antes = cifras.emitidas;
            estado(contexto, &cifras, por_segundo, node.projection_lag());
        }
        if pedida || flujo.termino() || fin.is_some_and(|fin| Instant::now() >= fin) {
            parada.pedir();
            if salida.progreso() {
                salida.nota("");
            }
            return flujo.terminar();
        }
    }
}

fn estado(contexto: &Contexto, cifras: &Cifras, por_segundo: f64, retraso: Duration) {
    let texto = format!(
        "emitidas {} ({por_segundo:.1}/s) · rechazadas {} · p50 {:.1} ms · p99 {:.1} ms · retraso de consultas {:.1} s",
        entero(cifras.emitidas),
        entero(cifras.rechazadas),
        cifras.ms(0.50),
        cifras.ms(0.99),
        retraso.as_secs_f64()
    );
    if contexto.salida.progreso() {
        contexto.salida.sobre(&texto);
    } else {
        contexto.salida.linea(texto);
    }
}
