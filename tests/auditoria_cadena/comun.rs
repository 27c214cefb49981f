//! Histories to seal, export and spoil.

use factumarket::{
    audit::cadena::{Cadena, ClavePrivada, Digesto, Escritor, Hoja, Llavero, Sello, SelloFirmado, Sucesion, hoja},
    domain::{Contexto, valores::Instante},
    log::{Topic, TopicPartition},
};
use uuid::Uuid;

pub const NOMBRE: &str = "prueba.example/tienda";

pub fn clave(numero: u8) -> ClavePrivada {
    ClavePrivada::nueva(NOMBRE, &[numero; 32]).expect("clave")
}

pub fn llavero(claves: &[&ClavePrivada]) -> Llavero {
    Llavero::nuevo(claves.iter().map(|c| c.publica()).collect()).expect("llavero")
}

/// A small generator, the same everywhere: xorshift64*.
pub struct Azar(pub u64);

impl Azar {
    pub fn numero(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `n`, which is not 0.
    pub fn hasta(&mut self, n: usize) -> usize {
        usize::try_from(self.numero() % n as u64).expect("cabe")
    }
}

/// A leaf and the bytes that its hash is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registro {
    pub id: Option<Uuid>,
    pub tipo: &'static str,
    pub version: u64,
    pub en: i64,
    pub valor: Vec<u8>,
}

impl Registro {
    pub fn al_azar(azar: &mut Azar) -> Self {
        const TIPOS: [&str; 4] = ["FacturaEmitida", "StockReducido", "ComandoRechazado", "ConsultaRealizada"];
        let id = Uuid::from_u64_pair(azar.numero(), azar.numero());
        let valor = (0..azar.hasta(40)).map(|_| azar.numero().to_le_bytes()[3]).collect();
        let en = 1_795_000_000_000_000 + i64::try_from(azar.numero() % 1_000_000).expect("cabe");
        Self { id: (azar.hasta(20) > 0).then_some(id), tipo: TIPOS[azar.hasta(TIPOS.len())], version: azar.numero() % 9, en, valor }
    }

    pub fn hoja(&self) -> Hoja<'_> {
        Hoja {
            evento_id: self.id,
            tipo: self.tipo,
            version: self.version,
            ocurrido_en: Instante(self.en),
            datos: hoja::de_datos(&self.valor),
        }
    }
}

/// One partition of a file: what happened, and after how many leaves it was sealed.
#[derive(Debug, Clone)]
pub struct Historia {
    pub particion: TopicPartition,
    pub registros: Vec<Registro>,
    pub sellos: Vec<u64>,
}

pub fn particion(contexto: Contexto, numero: u16) -> TopicPartition {
    TopicPartition::new(Topic::Eventos(contexto), numero)
}

/// Three partitions; the last leaves of the first two have no seal.
pub fn historias(azar: &mut Azar) -> Vec<Historia> {
    let partes = [
        (particion(Contexto::Facturacion, 0), 23, vec![10, 20]),
        (particion(Contexto::Facturacion, 3), 7, vec![1, 5]),
        (TopicPartition::new(Topic::Auditoria, 1), 8, vec![8]),
    ];
    let una = |(particion, cuantos, sellos): (TopicPartition, usize, Vec<u64>)| Historia {
        particion,
        registros: (0..cuantos).map(|_| Registro::al_azar(azar)).collect(),
        sellos,
    };
    partes.into_iter().map(una).collect()
}

/// Seals a history; gives the links and the seals.
pub fn sellar(historia: &Historia, clave: &ClavePrivada) -> (Vec<Digesto>, Vec<SelloFirmado>) {
    let (mut cadena, mut sucesion) = (Cadena::nueva(historia.particion), Sucesion::nueva(historia.particion));
    let (mut eslabones, mut sellos) = (Vec::new(), Vec::new());
    for registro in &historia.registros {
        eslabones.push(cadena.agregar(&registro.hoja()));
        if historia.sellos.contains(&cadena.hojas()) {
            let sello = SelloFirmado::firmar(Sello::de(&cadena, NOMBRE, cadena.hojas(), sucesion.anterior()), clave);
            sucesion.seguir(&sello).expect("sigue");
            sellos.push(sello);
        }
    }
    (eslabones, sellos)
}

/// Writes the file of some histories. The links are computed anew: who can write a file can compute them too. The seals are those given.
pub fn escribir(historias: &[Historia], sellos: &[Vec<SelloFirmado>], con_datos: bool) -> Vec<u8> {
    let mut archivo = Vec::new();
    let mut escritor = Escritor::nuevo(&mut archivo, NOMBRE).expect("escribe");
    for (historia, sellos) in historias.iter().zip(sellos) {
        escritor.particion(historia.particion).expect("escribe");
        let mut cadena = Cadena::nueva(historia.particion);
        for registro in &historia.registros {
            let eslabon = cadena.agregar(&registro.hoja());
            escritor.hoja(&registro.hoja(), &eslabon, con_datos.then_some(&registro.valor)).expect("escribe");
            for sello in sellos.iter().filter(|s| s.sello.hojas == cadena.hojas()) {
                escritor.sello(&sello.nota).expect("escribe");
            }
        }
    }
    escritor.terminar().expect("escribe");
    archivo
}
