//! Samples of envelopes and of the records that are neither command nor event.

use factumarket::{
    contracts::{
        ComandoRechazado, CommandEnvelope, ConsultaRealizada, Entrada, EstadoAgregado, EtapaDlq, EventEnvelope, Instantanea,
        RegistroAuditoria, RegistroDlq, ResolucionApartado, Respuesta, Resultado, ResumenFactura, ResumenNota, VersionAgregado,
    },
    domain::{
        Comando, TipoAgregado,
        cuarentena::Apartado,
        facturacion::factura::{Paso, PasoSaga},
    },
    log::{Topic, TopicPartition},
};

use super::Muestras;

impl Muestras {
    pub fn comando(&mut self, comando: Comando) -> CommandEnvelope {
        CommandEnvelope {
            command_id: self.id(),
            correlation_id: self.id(),
            causation_id: self.opcion(Self::id),
            recibido_en: self.instante(),
            usuario: self.opcion(Self::texto),
            canal: self.opcion(Self::texto),
            version_esperada: self.opcion(Self::entero),
            responder_a: self.opcion(Self::direccion_respuesta),
            traceparent: self.opcion(Self::texto),
            paso: self.opcion(|g| PasoSaga {
                documento_id: g.id(),
                intento: g.u32(),
                grupo: g.u16(),
                paso: g.uno(&Paso::TODOS[..4]),
            }),
            comando,
        }
    }

    fn particion(&mut self) -> TopicPartition {
        let temas: Vec<Topic> = Topic::todos().filter(|t| *t != Topic::Claves).collect();
        TopicPartition::new(self.uno(&temas), self.u16())
    }

    fn entrada(&mut self) -> Entrada {
        Entrada { particion: self.particion(), posicion: self.entero() }
    }

    pub fn sobre(&mut self) -> EventEnvelope {
        EventEnvelope {
            event_id: self.uuid(),
            version_esquema: self.u16(),
            aggregate_tipo: self.uno(&TipoAgregado::TODOS[..7]),
            aggregate_id: self.id(),
            aggregate_version: self.entero(),
            ocurrido_en: self.instante(),
            entrada: self.entrada(),
            correlation_id: self.id(),
            causation_id: self.texto(),
            command_id: self.id(),
            huella: self.opcion(Self::huella),
            servicio_origen: self.texto(),
            usuario: self.opcion(Self::texto),
        }
    }

    /// One snapshot of every kind of aggregate.
    pub fn instantaneas(&mut self) -> Vec<Instantanea> {
        let estados = vec![
            {
                self.aparte("cliente");
                EstadoAgregado::Cliente(Box::new(self.cliente()))
            },
            {
                self.aparte("producto");
                EstadoAgregado::Producto(Box::new(self.producto()))
            },
            {
                self.aparte("sucursal");
                EstadoAgregado::Sucursal(Box::new(self.sucursal()))
            },
            {
                self.aparte("bodega");
                EstadoAgregado::Bodega(Box::new(self.bodega()))
            },
            {
                self.aparte("inventario");
                EstadoAgregado::Inventario(Box::new(self.inventario()))
            },
            {
                self.aparte("rango");
                EstadoAgregado::Rango(Box::new(self.rango()))
            },
            {
                self.aparte("factura");
                EstadoAgregado::Factura(Box::new(self.factura()))
            },
            {
                self.aparte("descuento");
                EstadoAgregado::Descuento(Box::new(self.descuento()))
            },
            {
                self.aparte("nota");
                EstadoAgregado::NotaCredito(Box::new(self.nota_credito()))
            },
        ];
        let con_tipo = TipoAgregado::TODOS.into_iter().zip(estados);
        con_tipo
            .map(|(aggregate_tipo, estado)| {
                self.aparte(aggregate_tipo.nombre());
                Instantanea {
                    aggregate_tipo,
                    aggregate_id: self.id(),
                    aggregate_version: self.entero(),
                    version_esquema: self.u16(),
                    estado,
                }
            })
            .collect()
    }

    fn resumen(&mut self) -> ResumenFactura {
        ResumenFactura {
            factura_id: self.id(),
            numero: self.texto(),
            estado: self.texto(),
            fecha_emision: self.fecha(),
            moneda: self.texto(),
            subtotal: self.dinero(),
            impuestos: self.dinero(),
            total: self.dinero(),
        }
    }

    fn resumen_nota(&mut self) -> ResumenNota {
        ResumenNota {
            factura_id: self.id(),
            nota_id: self.id(),
            numero: self.texto(),
            estado: self.texto(),
            fecha_emision: self.fecha(),
            moneda: self.texto(),
            subtotal: self.dinero(),
            impuestos: self.dinero(),
            total: self.dinero(),
        }
    }

    pub fn respuesta(&mut self) -> Respuesta {
        let resultado = match self.hasta(4) {
            0 => match self.opcion(Self::resumen) {
                None if self.bool() => Resultado::NotaAceptada { nota: Box::new(self.resumen_nota()) },
                factura => Resultado::Aceptado { factura },
            },
            1 => Resultado::Rechazado { errores: self.lista(Self::falla) },
            2 => Resultado::Apartado { codigo: self.texto(), causa: self.texto() },
            _ => Resultado::EnCurso,
        };
        Respuesta {
            peticion: self.entero(),
            command_id: self.id(),
            repetido: self.bool(),
            resultado,
            versiones: self.lista(|g| VersionAgregado { tipo: g.uno(&TipoAgregado::TODOS[..7]), id: g.id(), version: g.entero() }),
            particiones: self.lista(Self::particion),
        }
    }

    pub fn auditoria(&mut self) -> [RegistroAuditoria; 2] {
        let rechazo = ComandoRechazado {
            event_id: self.uuid(),
            command_id: self.id(),
            huella: self.huella(),
            tipo_comando: self.texto(),
            aggregate_tipo: self.uno(&TipoAgregado::TODOS[..7]),
            aggregate_id: self.id(),
            aggregate_version: self.entero(),
            correlation_id: self.id(),
            ocurrido_en: self.instante(),
            recibido_en: self.instante(),
            entrada: self.entrada(),
            usuario: self.opcion(Self::texto),
            errores: self.lista(Self::falla),
        };
        let consulta = ConsultaRealizada {
            event_id: self.uuid(),
            consulta: self.texto(),
            factura_id: self.opcion(Self::id),
            parametros: self.lista(|g| (g.texto(), g.texto())),
            correlation_id: self.id(),
            ocurrido_en: self.instante(),
            usuario: self.opcion(Self::texto),
        };
        [RegistroAuditoria::Rechazo(rechazo), RegistroAuditoria::Consulta(consulta)]
    }

    pub fn dlq(&mut self) -> RegistroDlq {
        RegistroDlq {
            entrada: self.entrada(),
            clave: self.cadena().into(),
            valor: self.lista(|g| g.u64() as u8).into(),
            command_id: self.opcion(Self::id),
            correlation_id: self.opcion(Self::id),
            aggregate: self.opcion(|g| (g.uno(&TipoAgregado::TODOS[..7]), g.id())),
            etapa: self.uno(&EtapaDlq::TODAS),
            codigo: self.texto(),
            causa: self.texto(),
            intentos: self.u32(),
            primera_vez: self.instante(),
            version_procesador: self.texto(),
            apartado: self.opcion(|g| Apartado(g.u128())),
            resolucion: self.opcion(|g| ResolucionApartado {
                descartado: g.bool(),
                motivo: g.texto(),
                usuario: g.opcion(Self::texto),
                en: g.instante(),
            }),
        }
    }
}
