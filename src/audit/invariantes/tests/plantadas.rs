//! Teeth: each violation, planted in a copy of a healthy log, is found under its own invariant.

use std::sync::{Arc, LazyLock};

use super::mundo::{Copia, PARTICIONES, Tienda, codec, id, poblar, registro};
use crate::{
    audit::invariantes::{Codigo, Informe},
    contracts::{Codec, EstadoAgregado, RecordedEvent, RegistroAuditoria},
    domain::{
        Contexto, Evento,
        catalogo::cliente::EventoCliente,
        facturacion::factura::{EventoFactura, FacturaEmitida},
        inventario::{EventoInventario, LoteConsumido, MotivoSalida, Movimiento},
        numeracion::EventoRango,
        valores::{Cantidad, CostoTotal, Decimal, Dinero, Id, fecha_iso},
    },
    log::{Record, Topic, TopicPartition},
};

static SANA: LazyLock<Copia> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("carpeta");
    let log = registro(dir.path());
    let tienda = Tienda::abrir(&log);
    poblar(&tienda, 40);
    tienda.cerrar();
    Copia::de(&*log)
});

struct Plantada {
    copia: Copia,
    codec: Arc<Codec>,
}

impl Plantada {
    fn new() -> Self {
        Self { copia: SANA.clone(), codec: codec() }
    }

    fn leer(&self, registro: &Record) -> RecordedEvent {
        self.codec.decode_event(&registro.value).expect("evento")
    }

    fn escribir(&self, registro: &Record, evento: &RecordedEvent) -> Record {
        let value = self.codec.encode_event(&evento.sobre, &evento.evento).expect("evento");
        Record { value, ..registro.clone() }
    }

    /// Changes the first event of the context that `cambiar` accepts.
    fn cambiar(mut self, contexto: Contexto, cambiar: impl Fn(&mut RecordedEvent) -> bool) -> Self {
        for partition in 0..PARTICIONES {
            let tp = TopicPartition::new(Topic::Eventos(contexto), partition);
            for i in 0..self.copia.registros[&tp].len() {
                let registro = self.copia.registros[&tp][i].clone();
                let mut evento = self.leer(&registro);
                if cambiar(&mut evento) {
                    let cambiado = self.escribir(&registro, &evento);
                    self.copia.registros.get_mut(&tp).expect("partición")[i] = cambiado;
                    return self;
                }
            }
        }
        panic!("ningún evento que cambiar");
    }

    /// Repeats the first event of the context that `cambiar` accepts, changed, right after it or at the end.
    fn agregar(mut self, contexto: Contexto, al_final: bool, cambiar: impl Fn(&mut RecordedEvent) -> bool) -> Self {
        for partition in 0..PARTICIONES {
            let tp = TopicPartition::new(Topic::Eventos(contexto), partition);
            for i in 0..self.copia.registros[&tp].len() {
                let registro = self.copia.registros[&tp][i].clone();
                let mut evento = self.leer(&registro);
                if cambiar(&mut evento) {
                    let agregado = self.escribir(&registro, &evento);
                    let lista = self.copia.registros.get_mut(&tp).expect("partición");
                    let lugar = if al_final { lista.len() } else { i + 1 };
                    lista.insert(lugar, agregado);
                    return self;
                }
            }
        }
        panic!("ningún evento que agregar");
    }

    /// Takes away the first event of the context that fits.
    fn quitar(mut self, contexto: Contexto, cual: impl Fn(&Evento) -> bool) -> Self {
        for partition in 0..PARTICIONES {
            let tp = TopicPartition::new(Topic::Eventos(contexto), partition);
            let lugar = self.copia.registros[&tp].iter().position(|r| cual(&self.leer(r).evento));
            if let Some(lugar) = lugar {
                self.copia.registros.get_mut(&tp).expect("partición").remove(lugar);
                return self;
            }
        }
        panic!("ningún evento que quitar");
    }

    /// The verification finds it under `codigo`, in words that contain `texto`.
    fn hallada(self, codigo: Codigo, texto: &str) -> Informe {
        let informe = self.copia.revisar();
        let ejemplos = &informe.de(codigo).ejemplos;
        assert!(ejemplos.iter().any(|e| e.contains(texto)), "«{texto}» no está en {:#}", informe.to_json());
        assert!(!informe.sano());
        informe
    }

    /// And under no other.
    fn solo(self, codigo: Codigo, texto: &str) {
        let informe = self.hallada(codigo, texto);
        assert_eq!(informe.fallas(), informe.de(codigo).fallas, "{:#}", informe.to_json());
    }

    /// A command that was read and left nothing: the account of its partition does not close either.
    fn perdida(self, texto: &str) {
        let informe = self.hallada(Codigo::I1, texto);
        let (i1, i11) = (informe.de(Codigo::I1).fallas, informe.de(Codigo::I11).fallas);
        assert_eq!((informe.fallas(), i1, i11), (2, 1, 1), "{:#}", informe.to_json());
    }
}

fn emitida(evento: &mut RecordedEvent, cambiar: impl FnOnce(&mut FacturaEmitida)) -> bool {
    let Evento::Factura(EventoFactura::FacturaEmitida(documento)) = &mut evento.evento else { return false };
    cambiar(Arc::make_mut(documento));
    true
}

fn venta(evento: &mut RecordedEvent, cambiar: impl FnOnce(&mut Movimiento<MotivoSalida>)) -> bool {
    let Evento::Inventario(EventoInventario::StockReducido(movimiento)) = &mut evento.evento else { return false };
    if movimiento.motivo != MotivoSalida::Venta {
        return false;
    }
    cambiar(movimiento);
    true
}

fn cantidad(valor: i64) -> Cantidad {
    Cantidad::nuevo(Decimal::from(valor)).expect("cantidad")
}

#[test]
fn i1_a_lost_refusal() {
    let mut plantada = Plantada::new();
    let codec = Arc::clone(&plantada.codec);
    let auditoria = plantada.copia.registros.iter_mut().filter(|(tp, _)| tp.topic == Topic::Auditoria);
    let (_, registros) = auditoria.max_by_key(|(_, registros)| registros.len()).expect("auditoría");
    let rechazo = |r: &Record| matches!(codec.decode_audit(&r.value), Ok(RegistroAuditoria::Rechazo(_)));
    let lugar = registros.iter().position(rechazo).expect("un rechazo");
    registros.remove(lugar);
    plantada.hallada(Codigo::I1, "");
}

#[test]
fn i1_a_lost_catalogue_event() {
    Plantada::new().quitar(Contexto::Catalogo, |e| matches!(e, Evento::Cliente(_))).perdida("se perdió");
}

#[test]
fn i1_a_command_decided_twice() {
    let doble = Plantada::new().agregar(Contexto::Catalogo, true, |e| {
        e.sobre.aggregate_version = 2;
        e.sobre.entrada.posicion += 1;
        matches!(e.evento, Evento::Cliente(_))
    });
    doble.hallada(Codigo::I1, "dos desenlaces");
}

#[test]
fn i1_an_invoice_issued_twice() {
    let doble = Plantada::new().agregar(Contexto::Facturacion, false, |e| {
        e.sobre.aggregate_version += 1;
        emitida(e, |_| {})
    });
    doble.hallada(Codigo::I1, "se emite dos veces");
}

#[test]
fn i2_an_outcome_without_command() {
    let fantasma = Plantada::new().agregar(Contexto::Catalogo, true, |e| {
        let Evento::Cliente(EventoCliente::ClienteCreado { cliente_id, .. }) = &mut e.evento else { return false };
        *cliente_id = id("fantasma");
        e.sobre.aggregate_id = id("fantasma");
        e.sobre.command_id = id("nadie-lo-mando");
        true
    });
    fantasma.solo(Codigo::I2, "ese comando no está");
}

#[test]
fn i2_steps_of_an_invoice_that_does_not_exist() {
    let fantasma = Plantada::new().agregar(Contexto::Inventario, true, |e| {
        let Evento::Inventario(EventoInventario::StockReducido(m)) = &e.evento else { return false };
        let reserva_id = Id::compuesto(&["nunca", "1", "0"]);
        let inventario_id = m.inventario_id.clone();
        e.sobre.command_id = Id::compuesto(&["nunca", "1", "0", "X"]);
        e.sobre.huella = None;
        let disponible_resultante = Cantidad::CERO;
        let liberada = EventoInventario::ReservaLiberada { inventario_id, reserva_id, causa: "x".into(), disponible_resultante };
        e.evento = Evento::Inventario(liberada);
        true
    });
    fantasma.hallada(Codigo::I2, "una factura que no existe");
}

#[test]
fn i3_stock_below_zero() {
    let negativa = Plantada::new().cambiar(Contexto::Inventario, |e| {
        let Evento::Inventario(EventoInventario::StockReducido(m)) = &mut e.evento else { return false };
        if m.motivo != MotivoSalida::Ajuste {
            return false;
        }
        m.cantidad = cantidad(9_000);
        let primero = LoteConsumido { cantidad: cantidad(9_000), ..m.lotes[0].clone() };
        m.lotes = [primero].into();
        let costo = m.lotes[0].cantidad.valor() * m.lotes[0].costo_unitario.valor();
        m.costo_total = CostoTotal::nuevo(costo).expect("costo");
        true
    });
    negativa.hallada(Codigo::I3, "existencia negativa");
}

#[test]
fn i3_a_stock_that_is_not_what_it_says() {
    let falsa = Plantada::new().cambiar(Contexto::Inventario, |e| venta(e, |m| m.stock_resultante = cantidad(1)));
    falsa.solo(Codigo::I3, "dice que quedan");
}

#[test]
fn i3_a_reservation_nobody_will_confirm() {
    let huerfana = Plantada::new().agregar(Contexto::Inventario, true, |e| {
        let Evento::Inventario(EventoInventario::StockReducido(m)) = &e.evento else { return false };
        let reservado = EventoInventario::StockReservado {
            inventario_id: m.inventario_id.clone(),
            reserva_id: Id::compuesto(&["f0", "1", "0"]),
            cantidad: cantidad(1),
            fecha: fecha_iso("2026-06-15").expect("fecha"),
            disponible_resultante: Cantidad::CERO,
        };
        e.sobre.huella = None;
        e.evento = Evento::Inventario(reservado);
        true
    });
    huerfana.hallada(Codigo::I3, "sigue reservado");
}

#[test]
fn i4_lots_out_of_order() {
    let desordenada = Plantada::new().cambiar(Contexto::Inventario, |e| {
        // Every fresh lot of entry d has sequence 4 and is not the oldest.
        venta(e, |m| {
            let lote = &mut Arc::make_mut(&mut m.lotes)[0];
            (lote.secuencia, lote.lote_id) = (4, Id::compuesto(&["L-4"]));
            lote.fecha_ingreso = fecha_iso("2026-05-10").expect("fecha");
            lote.fecha_caducidad = None;
        })
    });
    desordenada.hallada(Codigo::I4, "los lotes más antiguos");
}

#[test]
fn i4_a_cost_off_by_the_last_decimal() {
    let cara = Plantada::new().cambiar(Contexto::Inventario, |e| {
        venta(e, |m| m.costo_total = CostoTotal::nuevo(m.costo_total.valor() + Decimal::new(1, 12)).expect("costo"))
    });
    cara.solo(Codigo::I4, "y sus lotes");
}

#[test]
fn i4_an_exit_of_no_invoice_and_an_invoice_without_exit() {
    let suelta = Plantada::new().cambiar(Contexto::Facturacion, |e| {
        emitida(e, |documento| documento.grupos[0].movimiento_id = Id::compuesto(&["otra", "1", "0", "V"]))
    });
    let informe = suelta.hallada(Codigo::I4, "ninguna existencia bajó");
    assert!(informe.de(Codigo::I4).ejemplos.iter().any(|e| e.contains("no es de ninguna factura")));
}

#[test]
fn i4_an_invoice_with_other_lots_than_left() {
    let otra = Plantada::new().cambiar(Contexto::Facturacion, |e| {
        emitida(e, |documento| Arc::make_mut(&mut documento.grupos[0].lotes)[0].secuencia += 1)
    });
    otra.solo(Codigo::I4, "no son los que salieron");
}

#[test]
fn i4_expired_lots_sold() {
    let tarde = Plantada::new().cambiar(Contexto::Facturacion, |e| {
        emitida(e, |documento| Arc::make_mut(&mut documento.cabecera).fecha_emision = fecha_iso("2027-02-01").expect("fecha"))
    });
    tarde.solo(Codigo::I4, "lotes que no son los del 2027-02-01");
}

#[test]
fn i6_holes_repeats_and_numbers_of_nobody() {
    let asignado = |consecutivo: u64| {
        move |e: &mut RecordedEvent| {
            let Evento::Rango(EventoRango::NumeroAsignado { numero, .. }) = &mut e.evento else { return false };
            let toca = numero.consecutivo == 5;
            if toca {
                numero.consecutivo = consecutivo;
            }
            toca
        }
    };
    Plantada::new().cambiar(Contexto::Numeracion, asignado(6)).hallada(Codigo::I6, "deja un hueco");
    Plantada::new().cambiar(Contexto::Numeracion, asignado(4)).hallada(Codigo::I6, "se repite");
    let de_nadie = Plantada::new().agregar(Contexto::Numeracion, true, |e| {
        let version = e.sobre.aggregate_version;
        let Evento::Rango(EventoRango::NumeroAsignado { documento_id, .. }) = &mut e.evento else { return false };
        *documento_id = id("nadie");
        version > 0
    });
    de_nadie.hallada(Codigo::I6, "no lo lleva ningún documento");
}

#[test]
fn i6_an_invoice_with_a_number_that_nobody_gave() {
    let inventado =
        Plantada::new().cambiar(Contexto::Facturacion, |e| emitida(e, |documento| documento.numero.consecutivo = 9_999));
    inventado.hallada(Codigo::I6, "y se le dio el");
}

#[test]
fn i6_two_ranges_that_give_the_same_numbers() {
    let otro = Id::compuesto(&["OTRA", "FACTURA", "F"]);
    let creado = Plantada::new().agregar(Contexto::Numeracion, true, |e| {
        let Evento::Rango(EventoRango::RangoCreado { rango_id, .. }) = &mut e.evento else { return false };
        *rango_id = otro.clone();
        e.sobre.aggregate_id = otro.clone();
        true
    });
    let dado = creado.agregar(Contexto::Numeracion, true, |e| {
        let Evento::Rango(EventoRango::NumeroAsignado { numero, .. }) = &mut e.evento else { return false };
        numero.rango_id = otro.clone();
        e.sobre.aggregate_id = otro.clone();
        e.sobre.aggregate_version = 2;
        true
    });
    dado.hallada(Codigo::I6, "dieron ambos");
}

#[test]
fn i7_a_version_is_missing() {
    let hueco = Plantada::new().quitar(Contexto::Inventario, |e| {
        matches!(e, Evento::Inventario(EventoInventario::StockBajo { .. } | EventoInventario::LoteCreado { .. }))
    });
    hueco.hallada(Codigo::I7, "después de la versión");
}

#[test]
fn i7_an_event_that_cannot_be_read() {
    let mut plantada = Plantada::new();
    let registros = plantada.copia.de_tema(Topic::Eventos, Contexto::Catalogo).find(|r| !r.is_empty()).expect("eventos");
    registros[0].value = bytes::Bytes::from_static(b"\0\0\0\0\x01basura");
    plantada.hallada(Codigo::I7, "posición 0");
}

#[test]
fn i8_a_snapshot_of_something_else() {
    let mut plantada = Plantada::new();
    let codec = Arc::clone(&plantada.codec);
    let registros =
        plantada.copia.de_tema(Topic::Instantaneas, Contexto::Inventario).find(|r| !r.is_empty()).expect("instantáneas");
    let mut instantanea = codec.decode_snapshot(&registros[0].value).expect("instantánea");
    let EstadoAgregado::Inventario(inventario) = &mut instantanea.estado else { panic!("inventario") };
    inventario.stock_minimo = Some(cantidad(123));
    registros[0].value = codec.encode_snapshot(&instantanea).expect("instantánea");
    instantanea.aggregate_version = 100_000;
    let suelta = Record { value: codec.encode_snapshot(&instantanea).expect("instantánea"), ..registros[0].clone() };
    registros.push(suelta);
    let informe = plantada.hallada(Codigo::I8, "no es el plegado");
    assert!(informe.de(Codigo::I8).ejemplos.iter().any(|e| e.contains("de una versión que no existe")));
    assert_eq!(informe.fallas(), 2);
}

#[test]
fn totals_that_do_not_come_from_the_lines() {
    let mal = Plantada::new().cambiar(Contexto::Facturacion, |e| {
        emitida(e, |documento| {
            Arc::make_mut(&mut documento.lineas)[0].impuesto = Dinero::nuevo(Decimal::new(1, 2)).expect("dinero")
        })
    });
    mal.solo(Codigo::Totales, "no salen de sus líneas");
    let suma = Plantada::new().cambiar(Contexto::Facturacion, |e| {
        emitida(e, |documento| Arc::make_mut(&mut documento.totales).total = Dinero::nuevo(Decimal::from(1)).expect("dinero"))
    });
    suma.solo(Codigo::Totales, "el total dice");
}

#[test]
fn an_id_reused_with_other_content_needs_its_refusal() {
    let mut plantada = Plantada::new();
    let codec = Arc::clone(&plantada.codec);
    let conflicto = |r: &Record| match codec.decode_audit(&r.value) {
        Ok(RegistroAuditoria::Rechazo(r)) => r.errores.iter().any(|f| f.regla.to_string().contains("Idempotencia")),
        _ => false,
    };
    let auditoria = plantada.copia.registros.iter_mut().filter(|(tp, _)| tp.topic == Topic::Auditoria);
    let (registros, lugar) =
        auditoria.filter_map(|(_, rs)| rs.iter().position(conflicto).map(|i| (rs, i))).next().expect("un conflicto");
    registros.remove(lugar);
    plantada.perdida("otro contenido, sin su rechazo");
}
