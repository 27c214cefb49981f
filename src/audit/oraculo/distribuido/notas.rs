//! NotaCredito: what was asked for is what the document says, and what its invoice gave; its refusals were true.

use super::{
    Alrededor, Juicio, OraculoDistribuido, cual, es_de_catalogo,
    posteriores::pedir,
    rechazos::dato,
    texto,
    ventanas::{entre, versiones},
};
use crate::{
    audit::oraculo::Mundo,
    contracts::{Entrada, RecordedEvent},
    domain::{
        Comando, Evento, Rechazo, TipoAgregado,
        facturacion::{
            factura::{Factura, evolucionar as evolucionar_factura},
            nota_credito::{self, DecisionNota, EventoNotaCredito, NotaCredito, NotaCreditoEmitida, evolucionar},
        },
        inventario::inventario_id,
        reglas::{Falla, Regla},
        valores::Id,
    },
};

impl OraculoDistribuido<'_> {
    pub(super) fn nota(&self, clave: &Id, corriente: &[RecordedEvent], alrededor: Alrededor<'_>, juicio: &mut Juicio) {
        let mut estado: Option<NotaCredito> = None;
        // Where the attempt in course began.
        let mut inicio: Option<Entrada> = None;
        for registrado in corriente {
            let Evento::NotaCredito(evento) = &registrado.evento else { continue };
            juicio.eventos += 1;
            if estado.as_ref().is_none_or(|nota| nota.emision.is_none()) {
                inicio = Some(registrado.sobre.entrada);
            }
            match evento {
                EventoNotaCredito::NumeracionNotaCreditoRecibida { numero, .. } => {
                    let dado = self.numero_de(&numero.rango_id, clave);
                    juicio.exigir(dado.as_ref() == Some(numero), || {
                        format!("{}: recibe {numero} y se le dio {dado:?}", cual(registrado))
                    });
                }
                EventoNotaCredito::NotaCreditoEmitida(documento) => {
                    self.nota_emitida(registrado, documento, estado.as_ref(), alrededor, juicio);
                }
                EventoNotaCredito::NotaCreditoRechazada { intento, errores, .. } => {
                    let rechazo =
                        Rechazada { registrado, desde: inicio.unwrap_or(registrado.sobre.entrada), intento: *intento, errores };
                    self.nota_rechazada(&rechazo, estado.as_ref(), alrededor, juicio);
                }
                _ => self.exigir_de_nota(registrado, evento, estado.as_ref(), alrededor.mundo, juicio),
            }
            evolucionar(&mut estado, evento);
        }
    }

    /// What the client's command of the event's input decides; `None` when it is no longer kept, or is no command to a note.
    fn decidir_nota(
        &self,
        registrado: &RecordedEvent,
        estado: Option<&NotaCredito>,
        mundo: &Mundo,
    ) -> Option<Result<DecisionNota, Rechazo>> {
        let sobre = self.comando_de(&registrado.sobre.entrada)?;
        let Comando::NotaCredito(comando) = &sobre.comando else { return None };
        let ctx = self.contexto(sobre.recibido_en, mundo);
        Some(nota_credito::decidir(estado, comando, sobre.responder_a.as_ref(), &ctx))
    }

    fn exigir_de_nota(
        &self,
        registrado: &RecordedEvent,
        evento: &EventoNotaCredito,
        estado: Option<&NotaCredito>,
        mundo: &Mundo,
        juicio: &mut Juicio,
    ) {
        // The events of one decision are recorded one after the other: the draft's are decided in the state before the first.
        match self.decidir_nota(registrado, estado.filter(|_| !es_de_creacion(self, registrado)), mundo) {
            None => {}
            Some(Ok(decision)) => juicio.exigir(decision.eventos.contains(evento), || {
                format!("{}: se registró {} y el dominio decide {}", cual(registrado), texto(evento), texto(&decision.eventos))
            }),
            Some(Err(Rechazo { errores })) => {
                juicio.falla(|| format!("{}: el dominio lo rechaza: {}", cual(registrado), texto(&errores)));
            }
        }
    }

    fn nota_emitida(
        &self,
        registrado: &RecordedEvent,
        documento: &NotaCreditoEmitida,
        estado: Option<&NotaCredito>,
        alrededor: Alrededor<'_>,
        juicio: &mut Juicio,
    ) {
        let clave = &registrado.sobre.aggregate_id;
        let dado = self.numero_de(&documento.numero.rango_id, clave);
        juicio.exigir(dado.as_ref() == Some(&documento.numero), || {
            format!("{}: lleva {} y se le dio {dado:?}", cual(registrado), documento.numero)
        });
        let (factura_id, nota_id) = (&documento.factura_id, &documento.nota_id);
        let credito = self.credito_dado(factura_id, nota_id, documento.intento, alrededor);
        let igual = credito.is_some_and(|credito| {
            credito.sucursal_id == documento.sucursal_id
                && credito.lineas == documento.lineas
                && credito.totales == documento.totales
                && credito.grupos.iter().eq(documento.grupos.iter().map(|devuelto| &devuelto.grupo))
        });
        juicio.exigir(igual, || format!("{}: no dice lo que su factura le acreditó", cual(registrado)));
        for devuelto in &documento.grupos {
            let inventario = inventario_id(&devuelto.grupo.producto_id, &devuelto.grupo.bodega_id);
            juicio.exigir(self.volvio(&inventario, &devuelto.movimiento_id), || {
                format!("{}: {} no volvió a {inventario}", cual(registrado), devuelto.movimiento_id)
            });
        }
        match estado {
            Some(nota) => {
                let lineas = documento.lineas.iter().map(|linea| &linea.linea);
                juicio.exigir(lineas.eq(&nota.lineas), || format!("{}: sus líneas no son las del borrador", cual(registrado)));
            }
            None => self.exigir_pedida(registrado, documento, alrededor.mundo, juicio),
        }
    }

    /// Issued at once: its draft was never recorded before.
    fn exigir_pedida(&self, registrado: &RecordedEvent, documento: &NotaCreditoEmitida, mundo: &Mundo, juicio: &mut Juicio) {
        let Some(decidido) = self.decidir_nota(registrado, None, mundo) else { return };
        let mut pedida = None;
        for evento in decidido.iter().flat_map(|decision| &decision.eventos) {
            evolucionar(&mut pedida, evento);
        }
        let igual = pedida.is_some_and(|nota| {
            nota.cabecera == documento.cabecera && documento.lineas.iter().map(|linea| &linea.linea).eq(&nota.lineas)
        });
        juicio.exigir(igual, || format!("{}: no es la nota que se pidió", cual(registrado)));
    }

    /// What a refusal says was so: of its own draft, of its invoice, of Inventarios, of numbers.
    fn nota_rechazada(&self, rechazo: &Rechazada<'_>, estado: Option<&NotaCredito>, alrededor: Alrededor<'_>, juicio: &mut Juicio) {
        let registrado = rechazo.registrado;
        let numerada = estado.and_then(|nota| nota.emision.as_ref()).is_some_and(|emision| emision.numero.is_some());
        juicio.exigir(!numerada, || format!("{}: se rechaza con el número ya dado", cual(registrado)));
        let cierta = self.lo_dice_su_comando(registrado, estado, alrededor.mundo)
            || self.lo_dice_su_factura(rechazo, alrededor)
            || self.lo_dicen_otros(rechazo, estado, juicio);
        juicio.exigir(cierta, || format!("{}: nunca fue cierto que {}", cual(registrado), texto(&rechazo.errores)));
    }

    /// Whether its command, decided again, ends in this refusal.
    fn lo_dice_su_comando(&self, registrado: &RecordedEvent, estado: Option<&NotaCredito>, mundo: &Mundo) -> bool {
        let estado = estado.filter(|_| !es_de_creacion(self, registrado));
        let Some(Ok(decision)) = self.decidir_nota(registrado, estado, mundo) else { return false };
        let Evento::NotaCredito(evento) = &registrado.evento else { return false };
        decision.eventos.contains(evento)
    }

    /// Whether its invoice, at some moment of the attempt, refused the credit for these reasons; those of the catalogue may be of another
    /// moment.
    fn lo_dice_su_factura(&self, rechazo: &Rechazada<'_>, alrededor: Alrededor<'_>) -> bool {
        let sobre = &rechazo.registrado.sobre;
        let Some(solicitud) = alrededor.documentos.solicitud(&sobre.aggregate_id, rechazo.intento) else { return false };
        let factura_id = Id::compuesto(&[sobre.aggregate_id.partes().next().unwrap_or_default()]);
        let ahora = self.momento(rechazo.registrado).unwrap_or(sobre.ocurrido_en);
        let ctx = self.contexto(ahora, alrededor.mundo);
        let dichos = sin_catalogo(rechazo.errores);
        let corriente = self.corriente(TipoAgregado::Factura, &factura_id);
        let ventana = entre(corriente, rechazo.desde, sobre.entrada);
        let lo_dice = |estado: Option<&Factura>| match pedir(estado, &factura_id, solicitud, &ctx) {
            Err(Rechazo { errores }) => sin_catalogo(&errores) == dichos,
            // Only the catalogue of that moment said no.
            Ok(_) => dichos.is_empty(),
        };
        let (mut estado, mut version) = (None, 0);
        let mut eventos = corriente.iter();
        loop {
            if ventana.contains(&version) && lo_dice(estado.as_ref()) {
                return true;
            }
            let Some(siguiente) = eventos.next() else { return false };
            if let Evento::Factura(evento) = &siguiente.evento {
                evolucionar_factura(&mut estado, evento);
            }
            version = siguiente.sobre.aggregate_version;
        }
    }

    /// Whether the Inventarios did not exist when they were asked, and the ranges had no number to give.
    fn lo_dicen_otros(&self, rechazo: &Rechazada<'_>, estado: Option<&NotaCredito>, juicio: &mut Juicio) -> bool {
        rechazo.errores.iter().all(|falla| match falla.regla {
            Regla::InventarioExisteParaNotaCredito => {
                juicio.rechazos += 1;
                self.sin_inventario(rechazo, falla)
            }
            Regla::NumeracionDisponible => {
                let fecha = estado.map(|nota| nota.cabecera.fecha_emision);
                fecha.is_none_or(|fecha| self.falta_de_numeros(falla, fecha))
            }
            _ => false,
        })
    }

    /// Whether the Inventario may not have existed yet while the attempt was in course. None is ever deleted.
    fn sin_inventario(&self, rechazo: &Rechazada<'_>, falla: &Falla) -> bool {
        let (Some(producto), Some(bodega)) = (dato(falla, "producto_id"), dato(falla, "bodega_id")) else { return false };
        let corriente = self.corriente(TipoAgregado::Inventario, &Id::compuesto(&[producto, bodega]));
        let sobre = &rechazo.registrado.sobre;
        let enviados = self.pasos.iter().filter(|(paso, _)| es_verificacion(paso, &sobre.aggregate_id, rechazo.intento));
        let mut lugares = enviados.flat_map(|(_, lugares)| lugares);
        entre(corriente, rechazo.desde, sobre.entrada).contains(&0)
            || lugares.any(|(tp, posicion)| versiones(corriente, *tp, *posicion, *posicion).contains(&0))
    }
}

/// A refused attempt of a note.
struct Rechazada<'a> {
    registrado: &'a RecordedEvent,
    /// Where the attempt began.
    desde: Entrada,
    intento: u32,
    errores: &'a [Falla],
}

fn sin_catalogo(errores: &[Falla]) -> Vec<&Falla> {
    errores.iter().filter(|falla| !es_de_catalogo(falla)).collect()
}

/// Whether a step is VerificarInventario of an attempt: `documento:intento:grupo:E`.
fn es_verificacion(paso: &Id, documento: &Id, intento: u32) -> bool {
    let de_intento = paso.as_str().strip_prefix(documento.as_str()).and_then(|resto| resto.strip_prefix(':'));
    de_intento.is_some_and(|resto| resto.starts_with(&format!("{intento}:")) && resto.ends_with(":E"))
}

/// Whether the command of the event's input creates the note.
fn es_de_creacion(oraculo: &OraculoDistribuido<'_>, registrado: &RecordedEvent) -> bool {
    use nota_credito::ComandoNotaCredito as C;
    oraculo.comando_de(&registrado.sobre.entrada).is_some_and(|sobre| {
        matches!(&sobre.comando, Comando::NotaCredito(C::CrearNotaCredito { .. } | C::CrearYEmitirNotaCredito { .. }))
    })
}
