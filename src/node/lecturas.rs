//! The read side of the API: its port, answered by the queries over the projections.

use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;

use super::sellos::Pruebas;
use crate::{
    domain::{TipoAgregado, valores::Id},
    http::lecturas::{ErrorLectura, Lecturas, Lista, Pagina, PaginaLeida, Recurso},
    log::{Position, TopicPartition},
    projections::{
        self, ConsultaError, Consultas, FiltroAntiguedad, FiltroClientes, FiltroFacturas, FiltroVentas, LIMITE_MAX, PaginaDe,
    },
    tables::TablesError,
};

/// Answers the port; waits run on the node's runtime.
pub struct LecturasDeProyecciones {
    pub consultas: Consultas,
    pub runtime: Handle,
    /// `None`: this process has no chain of the audit.
    pub pruebas: Option<Pruebas>,
}

impl LecturasDeProyecciones {
    fn pruebas(&self) -> Result<&Pruebas, ErrorLectura> {
        let que = "este proceso no tiene la cadena de la auditoría: ponga auditoria.sellar, y en Kafka auditoria.clave_archivo";
        self.pruebas.as_ref().ok_or_else(|| ErrorLectura::Tablas(TablesError::Storage(que.to_owned())))
    }

    /// Each record of an invoice with its proof.
    fn prueba_de_factura(&self, id: &Id, pagina: &projections::Pagina) -> Result<PaginaLeida, ErrorLectura> {
        let pruebas = self.pruebas()?;
        let (lugares, despues, tiene_mas) = self.consultas.lugares_de_auditoria(id, pagina).map_err(error)?;
        let una = |lugar| pruebas.una(lugar).map_err(|e| ErrorLectura::Ilegible(e.to_string()));
        // What the chain has not come to yet has no proof, and is not shown as if it had.
        let items = lugares.into_iter().map(una).filter(|p| !matches!(p, Ok(Value::Null))).collect::<Result<_, _>>()?;
        Ok(PaginaLeida { items, despues, tiene_mas })
    }
}

impl Lecturas for LecturasDeProyecciones {
    fn obtener(&self, recurso: &Recurso) -> Result<Option<Value>, ErrorLectura> {
        let consultas = &self.consultas;
        let leido = match recurso {
            Recurso::Cliente(id) => consultas.cliente(id),
            Recurso::Producto(id) => consultas.producto(id),
            Recurso::Descuento(id) => consultas.descuento(id),
            Recurso::Sucursal(id) => consultas.sucursal(id),
            Recurso::Bodega(id) => consultas.bodega(id),
            Recurso::Factura(id) => consultas.factura(id),
            Recurso::Comando(id) => consultas.comando(id),
            Recurso::Stock { producto, bodega } => consultas.stock(producto, bodega),
            Recurso::Rango(id) => consultas.rango_numeracion(id),
            Recurso::NotaCredito { factura, nota } => consultas.nota(factura.as_ref(), nota),
            Recurso::EstadoDeCuenta { cliente, fechas } => consultas.estado_de_cuenta(cliente, *fechas),
            Recurso::Explicacion { producto, bodega, cantidad, fecha } => consultas.explicar(producto, bodega, *cantidad, *fecha),
        };
        leido.map_err(error)
    }

    fn listar(&self, lista: &Lista, pagina: &Pagina) -> Result<PaginaLeida, ErrorLectura> {
        let consultas = &self.consultas;
        let pagina = projections::Pagina { limite: pagina.limite.clamp(1, LIMITE_MAX), despues: pagina.despues.clone() };
        let leida = match lista {
            Lista::Clientes { identificacion, nombre, correo, estado_fiscal } => {
                let filtro = FiltroClientes {
                    identificacion: identificacion.clone(),
                    nombre: nombre.clone(),
                    correo: correo.clone(),
                    estado_fiscal: estado_fiscal.clone(),
                };
                consultas.clientes(&filtro, &pagina)
            }
            Lista::Productos => consultas.productos(&pagina),
            Lista::Descuentos => consultas.descuentos(&pagina),
            Lista::Sucursales => consultas.sucursales(&pagina),
            Lista::Bodegas => consultas.bodegas(&pagina),
            // All of them in one page: an issuer has a handful.
            Lista::Rangos => consultas.numeracion().map(|items| PaginaDe { items, despues: None, tiene_mas: false }),
            Lista::Movimientos { producto, bodega } => consultas.movimientos(producto, bodega, &pagina),
            Lista::Facturas { fechas, cliente } => {
                let filtro = FiltroFacturas {
                    fecha_inicio: fechas.map(|(inicio, _)| inicio),
                    fecha_fin: fechas.map(|(_, fin)| fin),
                    cliente_id: cliente.clone(),
                };
                consultas.facturas(&filtro, &pagina)
            }
            Lista::Ventas { fechas, producto, canal, agrupar } => {
                let (producto, canal) = (producto.clone(), canal.clone());
                consultas.ventas(&FiltroVentas { fechas: *fechas, producto, canal, agrupar: *agrupar }, &pagina)
            }
            Lista::Antiguedad { producto, bodega, fecha } => {
                let (producto, bodega) = (producto.clone(), bodega.clone());
                consultas.antiguedad(&FiltroAntiguedad { producto, bodega, fecha: *fecha }, &pagina)
            }
            Lista::NotasDeFactura(id) => consultas.notas_de_factura(id, &pagina),
            Lista::Notas { fechas } => consultas.notas(*fechas, &pagina),
            Lista::AuditoriaDeFactura(id) => consultas.auditoria_de_factura(id, &pagina),
            Lista::PruebaDeFactura(id) => return self.prueba_de_factura(id, &pagina),
            Lista::Sellos => {
                let items = self.pruebas()?.sellos().map_err(|e| ErrorLectura::Ilegible(e.to_string()))?;
                return Ok(PaginaLeida { items, despues: None, tiene_mas: false });
            }
            Lista::Auditoria { correlation_id, desde, hasta } => {
                consultas.auditoria(correlation_id.as_ref(), *desde, *hasta, &pagina)
            }
            Lista::Sagas => consultas.sagas(&pagina),
        };
        leida.map(|p| PaginaLeida { items: p.items, despues: p.despues, tiene_mas: p.tiene_mas }).map_err(error)
    }

    fn esperar_version(&self, tipo: TipoAgregado, id: &Id, version: u64, plazo: Duration) -> Result<bool, ErrorLectura> {
        Ok(self.runtime.block_on(self.consultas.esperar_version(tipo, id, version, plazo)))
    }

    fn esperar_posiciones(&self, posiciones: &[(TopicPartition, Position)], plazo: Duration) -> Result<bool, ErrorLectura> {
        Ok(self.runtime.block_on(self.consultas.esperar_posiciones(posiciones, plazo)))
    }
}

/// A process without the tables: the ones there are are in another process's folder.
pub struct SinConsultas;

fn sin_consultas<T>() -> Result<T, ErrorLectura> {
    let que = "este proceso no tiene las tablas de consulta: pregunte a uno que sirva con --roles api,proyecciones";
    Err(ErrorLectura::Tablas(TablesError::Storage(que.to_owned())))
}

impl Lecturas for SinConsultas {
    fn obtener(&self, _: &Recurso) -> Result<Option<Value>, ErrorLectura> {
        sin_consultas()
    }

    fn listar(&self, _: &Lista, _: &Pagina) -> Result<PaginaLeida, ErrorLectura> {
        sin_consultas()
    }

    fn esperar_version(&self, _: TipoAgregado, _: &Id, _: u64, _: Duration) -> Result<bool, ErrorLectura> {
        sin_consultas()
    }

    fn esperar_posiciones(&self, _: &[(TopicPartition, Position)], _: Duration) -> Result<bool, ErrorLectura> {
        sin_consultas()
    }
}

fn error(error: ConsultaError) -> ErrorLectura {
    match error {
        ConsultaError::CursorInvalido => ErrorLectura::Cursor,
        ConsultaError::Ambigua(mensaje) => ErrorLectura::Ambigua(mensaje),
        ConsultaError::Demasiado(mensaje) => ErrorLectura::Parametro(mensaje),
        invertido @ ConsultaError::IntervaloInvertido { .. } => ErrorLectura::Parametro(invertido.to_string()),
        ConsultaError::Tablas(error) => ErrorLectura::Tablas(error),
        otro => ErrorLectura::Tablas(TablesError::Storage(otro.to_string())),
    }
}
