//! Scenarios of RangoNumeracion: given past commands, when one more, then its events, its answer or its failures.

mod asignar;
mod cambios;
pub mod propiedades;

use std::sync::Arc;

use chrono::NaiveDate;

use super::*;
use crate::domain::{
    ContextoDecision, Rechazo, ResultadoPaso,
    catalogo::{Catalogo, bodega::Bodega, cliente::Cliente, producto::Producto, sucursal::Sucursal},
    emisor::Emisor,
    reglas::Regla,
    valores::{Id, Instante},
};

/// Ranges read nothing of the catalogues.
struct SinCatalogo;

impl Catalogo for SinCatalogo {
    fn cliente(&self, _: &Id) -> Option<&Cliente> {
        None
    }
    fn producto(&self, _: &Id) -> Option<&Producto> {
        None
    }
    fn descuento(&self, _: &Id) -> Option<&crate::domain::catalogo::descuento::Descuento> {
        None
    }

    fn sucursal(&self, _: &Id) -> Option<&Sucursal> {
        None
    }
    fn bodega(&self, _: &Id) -> Option<&Bodega> {
        None
    }
    fn bodega_de(&self, _: &Id) -> Option<Id> {
        None
    }
    fn rangos_vigentes(&self, _: &Id, _: TipoDocumento, _: NaiveDate) -> Vec<Id> {
        Vec::new()
    }
}

/// A range fed with commands, as its actor would be.
struct Escenario {
    emisor: Emisor,
    estado: Option<RangoNumeracion>,
    eventos: Vec<EventoRango>,
}

impl Escenario {
    fn vacio() -> Self {
        Self { emisor: Emisor::co(), estado: None, eventos: Vec::new() }
    }

    /// With `FE` from `desde` to `hasta`, in force during 2026.
    fn con_rango(desde: u64, hasta: u64) -> Self {
        let mut escenario = Self::vacio();
        escenario.aplicar(&crear("FE", autorizacion(desde, hasta))).unwrap();
        escenario
    }

    fn decidir(&self, comando: &ComandoRango) -> Result<DecisionRango, Rechazo> {
        let ctx = ContextoDecision::new(Instante(0), &self.emisor, &SinCatalogo);
        decidir(self.estado.as_ref(), comando, &ctx)
    }

    fn aplicar(&mut self, comando: &ComandoRango) -> Result<DecisionRango, Rechazo> {
        let decision = self.decidir(comando)?;
        decision.eventos.iter().for_each(|e| evolucionar(&mut self.estado, e));
        self.eventos.extend(decision.eventos.iter().cloned());
        Ok(decision)
    }

    /// The number a document gets today, taking it.
    fn asignar(&mut self, documento: &str) -> Result<NumeroDocumento, Vec<(Regla, String)>> {
        match self.aplicar(&asignar(documento)) {
            Ok(DecisionRango { resultado: Some(ResultadoPaso::NumeroAsignado { numero }), .. }) => Ok(numero),
            Ok(otra) => panic!("{otra:?}"),
            Err(rechazo) => Err(fallas(&rechazo)),
        }
    }

    fn rango(&self) -> &RangoNumeracion {
        self.estado.as_ref().unwrap()
    }
}

fn id(texto: &str) -> Id {
    Id::de_clave(texto).unwrap()
}

fn dia(anio: i32, mes: u32, dia: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(anio, mes, dia).unwrap()
}

fn hoy() -> NaiveDate {
    dia(2026, 11, 23)
}

fn rango() -> Id {
    id("PRINCIPAL:FACTURA:FE")
}

fn autorizacion(desde: u64, hasta: u64) -> Autorizacion {
    Autorizacion {
        desde,
        hasta,
        vigente_desde: dia(2026, 1, 1),
        vigente_hasta: dia(2026, 12, 31),
        resolucion: Arc::from("18760000001"),
        fecha_resolucion: Some(dia(2025, 12, 15)),
    }
}

fn crear(prefijo: &str, autorizacion: Autorizacion) -> ComandoRango {
    let sucursal_id = id("PRINCIPAL");
    let rango_id = rango_id(&sucursal_id, TipoDocumento::Factura, prefijo);
    ComandoRango::CrearRango {
        rango_id,
        sucursal_id,
        tipo_documento: TipoDocumento::Factura,
        prefijo: Arc::from(prefijo),
        autorizacion,
    }
}

fn asignar(documento: &str) -> ComandoRango {
    ComandoRango::AsignarNumero { rango_id: rango(), documento_id: id(documento), fecha: hoy() }
}

fn renovar(autorizacion: Autorizacion) -> ComandoRango {
    ComandoRango::RenovarRango { rango_id: rango(), autorizacion }
}

fn inutilizar(consecutivo: u64) -> ComandoRango {
    ComandoRango::InutilizarNumero { rango_id: rango(), consecutivo, motivo: Arc::from("papel dañado") }
}

fn fallas(rechazo: &Rechazo) -> Vec<(Regla, String)> {
    rechazo.errores.iter().map(|f| (f.regla, f.campo.clone())).collect()
}

fn par(regla: Regla, campo: &str) -> (Regla, String) {
    (regla, campo.to_owned())
}
