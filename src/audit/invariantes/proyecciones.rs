//! I9 for the three read models that answer most: the row of each invoice, stock and client against the folded state, once the sink
//! has read everything that was verified.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    ErrorVerificacion, LibroAuditoria, Sumidero,
    corte::Tramo,
    estados::{Estado, Estados, Seguido},
    informe::{Codigo, Informe},
    lectura::Lector,
};
use crate::{
    domain::{Contexto, TipoAgregado, valores::Id},
    log::{Log, Position, Topic, TopicPartition},
    tables::{Row, Table, Tables, Value},
};

/// Time between two looks at a sink's position.
const PAUSA: Duration = Duration::from_millis(10);

/// A read model: its main table and the consumer name of its sinks.
#[derive(Clone, Copy)]
pub struct Proyeccion {
    pub tabla: &'static Table,
    pub consumidor: &'static str,
}

/// The read side to compare with the log.
#[derive(Clone, Copy)]
pub struct Proyecciones<'a> {
    pub tablas: &'a dyn Tables,
    /// Key `factura_id`; columns `estado`, `numero`, `total`.
    pub facturas: Proyeccion,
    /// Key `producto_id`, `bodega_id`; columns `stock`, `reservado`, `valor`.
    pub existencias: Proyeccion,
    /// Key `cliente_id`; columns `nombre`, `identificacion`, `correo`, `activo`.
    pub clientes: Proyeccion,
    /// The audit, when it is kept.
    pub auditoria: Option<LibroAuditoria>,
    /// Every consumer of the read side, these among them.
    pub sumideros: &'a [Sumidero],
    /// How long after the start of the verification a sink that lags is still waited for.
    pub espera: Duration,
}

/// Until when sinks that lag are waited for.
pub(super) struct Espera(Instant);

impl Espera {
    pub(super) fn hasta(limite: Instant) -> Self {
        Self(limite)
    }

    /// Waits until the sink has read what a partition has before `hasta`; gives `hasta` then, or else how far it came.
    pub(super) fn escrito(
        &self,
        lector: &Lector<'_>,
        tablas: &dyn Tables,
        consumidor: &str,
        particion: TopicPartition,
        hasta: Position,
    ) -> Result<Position, ErrorVerificacion> {
        loop {
            let leido = tablas.position(consumidor, particion)?.unwrap_or_default();
            if !lector.queda(particion, Tramo { desde: leido, hasta }) {
                return Ok(hasta);
            }
            if Instant::now() >= self.0 {
                return Ok(leido);
            }
            thread::sleep(PAUSA);
        }
    }
}

impl Proyecciones<'_> {
    pub(super) fn comparar(
        &self,
        (log, lector): (&dyn Log, &Lector<'_>),
        eventos: TopicPartition,
        hasta: Position,
        estados: &Estados,
        espera: &Espera,
        informe: &mut Informe,
    ) -> Result<(), ErrorVerificacion> {
        let (proyeccion, tipo) = match eventos.topic {
            Topic::Eventos(Contexto::Facturacion) => (self.facturas, TipoAgregado::Factura),
            Topic::Eventos(Contexto::Inventario) => (self.existencias, TipoAgregado::Inventario),
            Topic::Eventos(Contexto::Catalogo) => (self.clientes, TipoAgregado::Cliente),
            _ => return Ok(()),
        };
        if espera.escrito(lector, self.tablas, proyeccion.consumidor, eventos, hasta)? < hasta {
            informe.nota(Codigo::I9, format!("atrasada: {} no ha llegado al final; se revisó lo demás", proyeccion.consumidor));
            return Ok(());
        }
        let mut adelantadas = 0;
        for (id, seguido) in estados.de(tipo) {
            let Some(esperada) = esperada(tipo, id, &seguido.estado) else { continue };
            informe.revisado(Codigo::I9);
            let fila = self.tablas.get(proyeccion.tabla, &esperada.clave)?;
            match fila {
                None => informe.falla(Codigo::I9, || format!("{}: falta la fila de {id}", proyeccion.consumidor)),
                Some(fila) if fila.version > seguido.version => adelantadas += 1,
                Some(fila) => comparar_fila(proyeccion, id, &fila, seguido, &esperada, informe),
            }
        }
        if adelantadas > 0 && log.watermarks(eventos)?.stable == hasta {
            informe.falla(Codigo::I9, || {
                format!("{}: {adelantadas} filas de {eventos} son de versiones que no existen", proyeccion.consumidor)
            });
        }
        Ok(())
    }
}

struct Esperada {
    clave: Vec<Value>,
    columnas: Vec<(&'static str, Value)>,
}

fn texto(texto: &str) -> Value {
    Value::Text(texto.into())
}

/// The row that the folded state must have; `None` when the state is that of no row.
fn esperada(tipo: TipoAgregado, id: &Id, estado: &Estado) -> Option<Esperada> {
    match estado {
        Estado::Factura(seguida) => {
            let situacion = seguida.situacion()?;
            let mut columnas = vec![("estado", texto(situacion.nombre()))];
            if let Some(emitida) = &seguida.emitida {
                columnas.push(("numero", texto(&emitida.numero)));
                columnas.push(("total", Value::Decimal(emitida.total)));
            }
            Some(Esperada { clave: vec![texto(id.as_str())], columnas })
        }
        Estado::Inventario(seguido) => {
            let inventario = seguido.estado.as_ref()?;
            let columnas = vec![
                ("stock", Value::Decimal(inventario.stock.valor())),
                ("reservado", Value::Decimal(inventario.reservado.valor())),
                ("valor", Value::Decimal(inventario.valor().valor())),
            ];
            let clave = vec![texto(inventario.producto_id.as_str()), texto(inventario.bodega_id.as_str())];
            Some(Esperada { clave, columnas })
        }
        Estado::Cliente(cliente) if tipo == TipoAgregado::Cliente => {
            let cliente = cliente.as_ref()?;
            let columnas = vec![
                ("nombre", texto(&cliente.datos.nombre)),
                ("identificacion", texto(&cliente.datos.identificacion.numero)),
                ("correo", texto(&cliente.datos.correo)),
                ("activo", Value::Bool(cliente.activo)),
            ];
            Some(Esperada { clave: vec![texto(id.as_str())], columnas })
        }
        _ => None,
    }
}

fn comparar_fila(proyeccion: Proyeccion, id: &Id, fila: &Row, seguido: &Seguido, esperada: &Esperada, informe: &mut Informe) {
    let consumidor = proyeccion.consumidor;
    if fila.version != seguido.version {
        informe.falla(Codigo::I9, || {
            format!("{consumidor}: la fila de {id} es de la versión {} y va por la {}", fila.version, seguido.version)
        });
        return;
    }
    for (columna, esperado) in &esperada.columnas {
        let lugar = proyeccion.tabla.columns.iter().position(|c| c.name == *columna);
        let hallado = lugar.and_then(|lugar| fila.values.get(lugar));
        if hallado != Some(esperado) {
            informe.falla(Codigo::I9, || format!("{consumidor}: {columna} de {id} es {hallado:?} y debe ser {esperado:?}"));
        }
    }
}
