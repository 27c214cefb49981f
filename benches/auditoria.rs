//! Cost of the audit that proves itself, on one core: verifying an exported file (the figure is 200,000 records a second), writing it, and
//! chaining and sealing records of the log.
//! `cargo bench --bench auditoria`, or `-- RECORDS` (1,000,000 when not said).

use std::{
    hint::black_box,
    io::Write,
    time::{Duration, Instant},
};

use factumarket::{
    audit::cadena::{
        Cadena, ClavePrivada, Escritor, Hoja, Llavero, Sello, SelloFirmado, Sucesion, hoja, lectura::hoja_de,
        verificador::verificar_archivo,
    },
    contracts::{Codec, ConsultaRealizada, EmbeddedRegistry, RegistroAuditoria},
    domain::{
        Contexto,
        valores::{Id, Instante},
    },
    log::{Record, Topic, TopicPartition},
};
use uuid::Uuid;

/// The program's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const VUELTAS: usize = 5;
const POR_SELLO: u64 = 1_000;
const PARTICIONES: u16 = 12;

fn clave() -> ClavePrivada {
    ClavePrivada::nueva("banco.example", &[1; 32]).expect("clave")
}

/// The file of so many records of twelve partitions, sealed each thousand.
fn archivo(registros: u64) -> Vec<u8> {
    let (clave, mut archivo) = (clave(), Vec::new());
    let mut escritor = Escritor::nuevo(&mut archivo, clave.nombre()).expect("escribe");
    for numero in 0..PARTICIONES {
        let particion = TopicPartition::new(Topic::Eventos(Contexto::Facturacion), numero);
        escritor.particion(particion).expect("escribe");
        let (mut cadena, mut sucesion) = (Cadena::nueva(particion), Sucesion::nueva(particion));
        for n in 0..registros / u64::from(PARTICIONES) {
            let hoja = Hoja {
                evento_id: Some(Uuid::from_u64_pair(n, u64::from(numero))),
                tipo: "FacturaEmitida",
                version: n % 7 + 1,
                ocurrido_en: Instante(1_795_000_000_000_000 + n as i64),
                datos: hoja::de_datos(&n.to_le_bytes()),
            };
            let eslabon = cadena.agregar(&hoja);
            escritor.hoja(&hoja, &eslabon, None).expect("escribe");
            if cadena.hojas() % POR_SELLO == 0 {
                let sello = SelloFirmado::firmar(Sello::de(&cadena, clave.nombre(), n + 1, sucesion.anterior()), &clave);
                sucesion.seguir(&sello).expect("sigue");
                escritor.sello(&sello.nota).expect("escribe");
            }
        }
    }
    escritor.terminar().expect("escribe");
    archivo
}

/// A record as an API writes them, of about 200 bytes.
fn registro(codec: &Codec, n: u64) -> Record {
    let consulta = ConsultaRealizada {
        event_id: Uuid::from_u64_pair(n, 1),
        consulta: "facturas.obtener".into(),
        factura_id: Id::new(&format!("f-{n}")).ok(),
        parametros: vec![("id".into(), n.to_string().into()), ("relleno".into(), "x".repeat(80).into())],
        correlation_id: Id::new("flujo-de-prueba").expect("id"),
        ocurrido_en: Instante(1_795_000_000_000_000),
        usuario: Some("ana".into()),
    };
    let value = codec.encode_audit(&RegistroAuditoria::Consulta(consulta)).expect("se codifica");
    Record { key: format!("f-{n}").into(), value, headers: Vec::new(), timestamp: Instante(1) }
}

/// CPU of this thread: what other processes take does not count.
fn cpu() -> Duration {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

/// The best of some rounds, in seconds of CPU and of wall clock.
fn medir(mut una: impl FnMut()) -> (f64, f64) {
    let (mut mejor, mut pared) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..VUELTAS {
        let (antes, inicio) = (cpu(), Instant::now());
        una();
        mejor = mejor.min((cpu() - antes).as_secs_f64());
        pared = pared.min(inicio.elapsed().as_secs_f64());
    }
    (mejor, pared)
}

fn decir(que: &str, registros: u64, (cpu, pared): (f64, f64)) {
    let por_segundo = registros as f64 / cpu;
    let micros = cpu * 1e6 / registros as f64;
    writeln!(std::io::stdout(), "{que:<42} {por_segundo:>12.0} registros/s de CPU  {micros:.2} µs cada uno  ({pared:.2} s)")
        .expect("escribe");
}

fn main() {
    let registros: u64 = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(1_000_000);
    let registros = registros / u64::from(PARTICIONES) * u64::from(PARTICIONES);
    let llavero = Llavero::nuevo(vec![clave().publica()]).expect("llavero");
    let hecho = archivo(registros);
    decir("exportar (encadenar, sellar y escribir)", registros, medir(|| drop(black_box(archivo(registros)))));
    let verificar = medir(|| {
        let informe = verificar_archivo(&*hecho, &llavero, &[], &mut |_| {}).expect("lee");
        assert!(informe.integro() && informe.hojas == registros);
    });
    decir("verificar el archivo", registros, verificar);
    let codec = Codec::new(&EmbeddedRegistry::in_memory()).expect("codec");
    let lote: Vec<Record> = (0..50_000).map(|n| registro(&codec, n)).collect();
    let bytes: usize = lote.iter().map(|r| r.value.len()).sum();
    let encadenar = medir(|| {
        let mut cadena = Cadena::nueva(TopicPartition::new(Topic::Auditoria, 0));
        for record in &lote {
            let hoja = hoja_de(&codec, Topic::Auditoria, record).expect("esquema");
            black_box(cadena.agregar(&hoja));
        }
    });
    decir(&format!("encadenar del registro ({} bytes)", bytes / lote.len()), lote.len() as u64, encadenar);
}
