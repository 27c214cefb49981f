//! The state of every aggregate in plain maps.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::domain::{
    Comando, ContextoDecision, Evento, Rechazo, ResultadoPaso, TipoAgregado,
    catalogo::{
        Catalogo,
        bodega::{self, Bodega},
        cliente::{self, Cliente},
        descuento::{self, Descuento},
        producto::{self, Producto},
        sucursal::{self, Sucursal},
    },
    facturacion::{
        factura::{self, Factura},
        nota_credito::{self, NotaCredito},
    },
    inventario::{self, Inventario},
    numeracion::{self, RangoNumeracion, TipoDocumento},
    valores::Id,
};

/// Every aggregate by id. What does not exist is absent.
#[derive(Debug, Clone, Default)]
pub struct Mundo {
    pub clientes: BTreeMap<Id, Cliente>,
    pub productos: BTreeMap<Id, Producto>,
    pub descuentos: BTreeMap<Id, Descuento>,
    pub sucursales: BTreeMap<Id, Sucursal>,
    pub bodegas: BTreeMap<Id, Bodega>,
    pub inventarios: BTreeMap<Id, Inventario>,
    pub rangos: BTreeMap<Id, RangoNumeracion>,
    pub facturas: BTreeMap<Id, Factura>,
    pub notas: BTreeMap<Id, NotaCredito>,
}

impl Mundo {
    /// Folds an event into its aggregate.
    pub fn plegar(&mut self, id: &Id, evento: &Evento) {
        match evento {
            Evento::Cliente(e) => plegar_en(&mut self.clientes, id, e, cliente::evolucionar),
            Evento::Producto(e) => plegar_en(&mut self.productos, id, e, producto::evolucionar),
            Evento::Descuento(e) => plegar_en(&mut self.descuentos, id, e, descuento::evolucionar),
            Evento::Sucursal(e) => plegar_en(&mut self.sucursales, id, e, sucursal::evolucionar),
            Evento::Bodega(e) => plegar_en(&mut self.bodegas, id, e, bodega::evolucionar),
            Evento::Inventario(e) => plegar_en(&mut self.inventarios, id, e, inventario::evolucionar),
            Evento::Rango(e) => plegar_en(&mut self.rangos, id, e, numeracion::evolucionar),
            Evento::Factura(e) => plegar_en(&mut self.facturas, id, e, factura::evolucionar),
            Evento::NotaCredito(e) => plegar_en(&mut self.notas, id, e, nota_credito::evolucionar),
            Evento::Cuarentena(_) => {}
        }
    }

    /// Decides a command of an aggregate that needs no saga: its events, and the answer when it is a saga's step. Nothing is folded. For
    /// documents and quarantines, which decide elsewhere, nothing.
    ///
    /// # Errors
    /// The domain's refusal.
    pub fn decidir(&self, comando: &Comando, ctx: &ContextoDecision<'_>) -> Result<(Vec<Evento>, Option<ResultadoPaso>), Rechazo> {
        let id = comando.destino().id;
        match comando {
            Comando::Cliente(c) => sin_respuesta(cliente::decidir(self.clientes.get(&id), c, ctx), Evento::Cliente),
            Comando::Producto(c) => sin_respuesta(producto::decidir(self.productos.get(&id), c, ctx), Evento::Producto),
            Comando::Descuento(c) => sin_respuesta(descuento::decidir(self.descuentos.get(&id), c, ctx), Evento::Descuento),
            Comando::Sucursal(c) => sin_respuesta(sucursal::decidir(self.sucursales.get(&id), c, ctx), Evento::Sucursal),
            Comando::Bodega(c) => sin_respuesta(bodega::decidir(self.bodegas.get(&id), c, ctx), Evento::Bodega),
            Comando::Inventario(c) => {
                let decision = inventario::decidir(self.inventarios.get(&id), c, ctx)?;
                Ok((decision.eventos.into_iter().map(Evento::Inventario).collect(), decision.resultado))
            }
            Comando::Rango(c) => {
                let decision = numeracion::decidir(self.rangos.get(&id), c, ctx)?;
                Ok((decision.eventos.into_iter().map(Evento::Rango).collect(), decision.resultado))
            }
            Comando::Factura(_) | Comando::NotaCredito(_) | Comando::Cuarentena(_) => Ok((Vec::new(), None)),
        }
    }

    pub fn existe(&self, tipo: TipoAgregado, id: &Id) -> bool {
        match tipo {
            TipoAgregado::Cliente => self.clientes.contains_key(id),
            TipoAgregado::Producto => self.productos.contains_key(id),
            TipoAgregado::Descuento => self.descuentos.contains_key(id),
            TipoAgregado::Sucursal => self.sucursales.contains_key(id),
            TipoAgregado::Bodega => self.bodegas.contains_key(id),
            TipoAgregado::Inventario => self.inventarios.contains_key(id),
            TipoAgregado::RangoNumeracion => self.rangos.contains_key(id),
            TipoAgregado::Factura => self.facturas.contains_key(id),
            TipoAgregado::NotaCredito => self.notas.contains_key(id),
        }
    }
}

fn sin_respuesta<E>(
    decididos: Result<Vec<E>, Rechazo>,
    en: fn(E) -> Evento,
) -> Result<(Vec<Evento>, Option<ResultadoPaso>), Rechazo> {
    Ok((decididos?.into_iter().map(en).collect(), None))
}

fn plegar_en<S, E>(mapa: &mut BTreeMap<Id, S>, id: &Id, evento: &E, evolucionar: fn(&mut Option<S>, &E)) {
    let mut estado = mapa.remove(id);
    evolucionar(&mut estado, evento);
    if let Some(estado) = estado {
        mapa.insert(id.clone(), estado);
    }
}

/// The catalogue as it is: no replica lags.
impl Catalogo for Mundo {
    fn cliente(&self, id: &Id) -> Option<&Cliente> {
        self.clientes.get(id)
    }

    fn producto(&self, id: &Id) -> Option<&Producto> {
        self.productos.get(id)
    }

    fn descuento(&self, id: &Id) -> Option<&Descuento> {
        self.descuentos.get(id)
    }

    fn sucursal(&self, id: &Id) -> Option<&Sucursal> {
        self.sucursales.get(id)
    }

    fn bodega(&self, id: &Id) -> Option<&Bodega> {
        self.bodegas.get(id)
    }

    fn bodega_de(&self, sucursal: &Id) -> Option<Id> {
        let suyas = || self.bodegas.values().filter(|b| b.datos.sucursal_id == *sucursal);
        suyas().find(|b| b.activa).or_else(|| suyas().next()).map(|b| b.bodega_id.clone())
    }

    fn rangos_vigentes(&self, sucursal: &Id, tipo: TipoDocumento, fecha: NaiveDate) -> Vec<Id> {
        let suyos = self.rangos.values().filter(|r| r.sucursal_id == *sucursal && r.tipo_documento == tipo);
        let vigentes = suyos.filter(|r| (r.autorizacion.vigente_desde..=r.autorizacion.vigente_hasta).contains(&fecha));
        let mut lista: Vec<&RangoNumeracion> = vigentes.collect();
        lista.sort_by_key(|r| (r.autorizacion.vigente_hasta, &r.rango_id));
        lista.into_iter().map(|r| r.rango_id.clone()).collect()
    }
}
