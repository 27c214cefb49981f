//! Dead letters of a node: read from their topics, tried on a copy of the state, resolved through the engine.

mod cartas;
mod prueba;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

use self::cartas::{Carta, Cartas};
use crate::{
    contracts::{Codec, ResolucionApartado, Resultado},
    domain::{
        Comando, ComandoEnEspera,
        cuarentena::{Apartado, ComandoCuarentena},
        emisor::Emisor,
        reglas::motivo_valido,
        valores::Id,
    },
    engine::{
        gateway::{Gateway, NewCommand},
        ports::{Clock, Ids},
        routing::{Ownership, partition_for},
    },
    http::{CartasMuertas, ErrorDlq, OrdenDlq},
    log::{Log, Record, Topic, TopicPartition},
};

/// How long the engine is given to answer.
const ESPERA: Duration = Duration::from_secs(30);

/// What the dead letters of a node need of it.
pub(super) struct Dlq {
    pub log: Arc<dyn Log>,
    pub codec: Arc<Codec>,
    pub gateway: Arc<dyn Gateway>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub emisor: Arc<Emisor>,
    pub handle: Handle,
}

impl CartasMuertas for Dlq {
    fn pedir(&self, orden: OrdenDlq) -> Result<Value, ErrorDlq> {
        let cartas = Cartas::leer(&*self.log, &self.codec).map_err(|e| ErrorDlq::Servicio(e.to_string()))?;
        match orden {
            OrdenDlq::Listar { todas, limite, despues } => Ok(cartas.pagina(todas, limite, despues.as_deref())),
            OrdenDlq::Ver { id } => Ok(cartas.buscar(&id).ok_or(ErrorDlq::NoExiste)?.entera(&self.codec)),
            OrdenDlq::Probar { id } => self.probar(cartas.buscar(&id).ok_or(ErrorDlq::NoExiste)?),
            OrdenDlq::Resolver { id, descartar, motivo, usuario } => {
                self.resolver(cartas.buscar(&id).ok_or(ErrorDlq::NoExiste)?, descartar, &motivo, usuario)
            }
        }
    }
}

impl Dlq {
    fn resolver(&self, carta: &Carta, descartar: bool, motivo: &str, usuario: Option<Arc<str>>) -> Result<Value, ErrorDlq> {
        if let Some(falla) = motivo_valido(motivo) {
            return Err(ErrorDlq::Invalida(falla.mensaje));
        }
        if let Some(resolucion) = &carta.resolucion {
            let como = if resolucion.descartado { "descartado" } else { "reproducido" };
            return Err(ErrorDlq::Rechazada(format!("ya está {como}, el {}", resolucion.en.rfc3339())));
        }
        match carta.en_cuarentena() {
            Some(comando) => self.por_el_motor(carta, comando(self.original(carta), descartar, motivo), usuario)?,
            None => self.por_el_registro(carta, descartar, motivo, usuario)?,
        }
        Ok(json!({ "id": carta.id.hyphenated().to_string(), "estado": if descartar { "descartado" } else { "reproducido" } }))
    }

    /// The engine decides, in the order of the aggregate's own commands.
    fn por_el_motor(&self, carta: &Carta, comando: Comando, usuario: Option<Arc<str>>) -> Result<(), ErrorDlq> {
        let servicio = |causa: String| ErrorDlq::Servicio(causa);
        let command_id = Id::new(&self.ids.uuid_v7().hyphenated().to_string()).map_err(|e| servicio(format!("{e:?}")))?;
        let nuevo = NewCommand {
            correlation_id: carta.registro.correlation_id.clone().unwrap_or_else(|| command_id.clone()),
            command_id,
            usuario: usuario.or_else(|| Some(Arc::from("operador"))),
            canal: Some(Arc::from("dlq")),
            version_esperada: None,
            traceparent: None,
            comando,
        };
        let mut esperas = self.gateway.send(vec![nuevo]).map_err(|e| servicio(e.to_string()))?;
        let espera = esperas.pop().ok_or_else(|| servicio("la pasarela no devolvió la espera".to_owned()))?;
        let respuesta = self.handle.block_on(async { tokio::time::timeout(ESPERA, espera).await });
        match respuesta {
            Ok(Ok(respuesta)) => match respuesta.resultado {
                Resultado::Rechazado { errores } => {
                    Err(ErrorDlq::Rechazada(errores.into_iter().map(|falla| falla.mensaje).collect::<Vec<_>>().join("; ")))
                }
                _ => Ok(()),
            },
            Ok(Err(_)) => Err(servicio("el procesador se detuvo antes de responder".to_owned())),
            Err(_) => {
                Err(servicio(format!("el procesador no respondió en {ESPERA:?}: mire el registro otra vez antes de repetir")))
            }
        }
    }

    /// A letter of no quarantine: its command goes to its place again, with its own id, and its resolution beside the letter.
    fn por_el_registro(&self, carta: &Carta, descartar: bool, motivo: &str, usuario: Option<Arc<str>>) -> Result<(), ErrorDlq> {
        let Topic::Dlq(_) = carta.lugar.0.topic else {
            return Err(ErrorDlq::Invalida(
                "lo que una proyección no pudo leer no se reproduce: corrija el programa y reconstruya la proyección".to_owned(),
            ));
        };
        let ahora = self.clock.now();
        let mut registros = Vec::new();
        if !descartar {
            let valor = self.original(carta);
            let (a, clave) = self.destino(carta, &valor);
            registros.push((a, Record { key: clave, value: valor, headers: Vec::new(), timestamp: ahora }));
        }
        let mut nota = carta.registro.clone();
        nota.valor = Bytes::new();
        nota.codigo = Arc::from(if descartar { "ComandoDescartado" } else { "ComandoReproducido" });
        nota.causa = Arc::from(motivo);
        nota.apartado = Some(Apartado(carta.id.as_u128()));
        nota.resolucion = Some(ResolucionApartado { descartado: descartar, motivo: Arc::from(motivo), usuario, en: ahora });
        let valor = self.codec.encode_dlq(&nota).map_err(|e| ErrorDlq::Servicio(e.to_string()))?;
        registros.push((carta.lugar.0, Record { key: nota.clave.clone(), value: valor, headers: Vec::new(), timestamp: ahora }));
        // The command first: should only it arrive, it is given once more, and is a repeat.
        for registro in registros {
            let puesto = self.log.append(vec![registro]).and_then(|puesto| puesto.wait());
            puesto.map_err(|e| ErrorDlq::Servicio(e.to_string()))?;
        }
        Ok(())
    }

    /// Where a command belongs by its content; what cannot be read goes where it came from.
    fn destino(&self, carta: &Carta, valor: &Bytes) -> (TopicPartition, Bytes) {
        match self.codec.decode_command(valor) {
            Ok(comando) => {
                let destino = comando.envelope.comando.destino();
                let particiones = self.log.partitions(Topic::Comandos(destino.tipo.contexto()));
                let clave = Bytes::copy_from_slice(destino.clave().as_bytes());
                let particion = partition_for(&clave, particiones);
                (TopicPartition::new(Topic::Comandos(destino.tipo.contexto()), particion), clave)
            }
            Err(_) => (carta.registro.entrada.particion, carta.registro.clave.clone()),
        }
    }

    /// The bytes of the input: whole from its topic while that keeps them, else as the letter has them.
    fn original(&self, carta: &Carta) -> Bytes {
        let entrada = carta.registro.entrada;
        let guardado = &carta.registro.valor;
        let leido = self.log.read(entrada.particion, entrada.posicion, 1).ok().and_then(|leidos| leidos.into_iter().next());
        let entero =
            leido.filter(|r| r.position == entrada.posicion && !guardado.is_empty() && r.record.value.starts_with(guardado));
        entero.map_or_else(|| guardado.clone(), |r| r.record.value)
    }

    fn probar(&self, carta: &Carta) -> Result<Value, ErrorDlq> {
        let valor = self.original(carta);
        let (desde, clave) = self.destino(carta, &valor);
        let (desde, clave, valor) = match carta.en_cuarentena() {
            None => (desde, clave, valor),
            Some(comando) => {
                let comando = comando(valor, false, "prueba sin efecto");
                let destino = comando.destino();
                let sobre = prueba::sobre(comando, self.clock.now());
                let valor = self.codec.encode_command(&sobre).map_err(|e| ErrorDlq::Servicio(e.to_string()))?;
                let lugar = Ownership::none(desde_particiones(&*self.log)).commands_of(&destino);
                (lugar, Bytes::copy_from_slice(destino.clave().as_bytes()), valor)
            }
        };
        prueba::probar(self, desde, clave, valor).map_err(ErrorDlq::Servicio)
    }
}

fn desde_particiones(log: &dyn Log) -> u16 {
    log.partitions(Topic::Comandos(crate::domain::Contexto::Facturacion))
}

/// Makes the operator's command about a letter: its bytes, whether it is discarded, and why.
type Resolver<'a> = Box<dyn Fn(Bytes, bool, &str) -> Comando + 'a>;

impl Carta {
    /// How the engine is asked about it, when it waits behind a quarantine.
    fn en_cuarentena(&self) -> Option<Resolver<'_>> {
        let (tipo, id) = self.registro.aggregate.clone()?;
        let espera = matches!(&*self.registro.codigo, "Panico" | "EnCuarentena");
        let apartado = self.registro.apartado.filter(|_| espera)?;
        Some(Box::new(move |pedido: Bytes, descartar: bool, motivo: &str| {
            Comando::Cuarentena(ComandoCuarentena::ResolverApartado {
                tipo,
                id: id.clone(),
                apartado,
                descartar,
                motivo: Arc::from(motivo),
                pedido: ComandoEnEspera(pedido.as_ref().into()),
            })
        }))
    }
}

/// Shown id of a letter without one of its own: by its place.
fn id_de_lugar(lugar: (TopicPartition, u64)) -> Uuid {
    let (tp, posicion) = lugar;
    let alto = (u128::from(tp.topic.codigo()) << 16) | u128::from(tp.partition);
    Uuid::new_v8(((alto << 64) | u128::from(posicion)).to_be_bytes())
}
