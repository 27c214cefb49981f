//! Properties of decide and fold, on a client and a product whose fields are good or bad at random.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    catalogo::{
        cliente::{self, CambiosCliente, ComandoCliente, DatosCliente, EventoCliente},
        producto::{self, CambiosProducto, ComandoProducto, DatosProducto, EventoProducto},
    },
    valores::{Decimal, Direccion, Identificacion, TipoIdentificacion},
};

fn texto() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![4 => "[a-zñ]{1,12}", 1 => Just(String::new()), 1 => "\\PC{0,5}\n?"].prop_map(Arc::from)
}

fn identificacion() -> impl Strategy<Value = Identificacion> {
    let tipo = proptest::sample::select(TipoIdentificacion::TODOS.to_vec());
    (tipo, "[0-9. -]{0,14}|860002964-4|1710034065").prop_map(|(tipo, numero)| Identificacion {
        tipo,
        numero: Arc::from(numero),
        dv: None,
    })
}

fn correo() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![3 => Just("a@b.co".to_owned()), 1 => "[a@.]{0,6}"].prop_map(Arc::from)
}

fn cambios_cliente() -> impl Strategy<Value = CambiosCliente> {
    let alguno = |s: BoxedStrategy<Arc<str>>| proptest::option::of(s);
    (alguno(texto().boxed()), proptest::option::of(identificacion()), alguno(correo().boxed()), alguno(texto().boxed())).prop_map(
        |(nombre, identificacion, correo, linea)| CambiosCliente {
            nombre,
            identificacion,
            correo,
            direccion: linea.map(|l| Direccion::de_linea(&l)),
            ..CambiosCliente::default()
        },
    )
}

fn comando_cliente() -> impl Strategy<Value = ComandoCliente> {
    let crear = (texto(), identificacion(), correo()).prop_map(|(nombre, identificacion, correo)| ComandoCliente::CrearCliente {
        cliente_id: id("1"),
        datos: DatosCliente { nombre, identificacion, correo, ..casos_cliente::datos() }.into(),
    });
    prop_oneof![
        2 => crear,
        3 => cambios_cliente().prop_map(|cambios| ComandoCliente::ActualizarCliente { cliente_id: id("1"), cambios: cambios.into() }),
        1 => Just(ComandoCliente::InactivarCliente { cliente_id: id("1") }),
        1 => Just(ComandoCliente::ReactivarCliente { cliente_id: id("1") }),
    ]
}

fn comando_producto() -> impl Strategy<Value = ComandoProducto> {
    let crear = texto().prop_map(|nombre| ComandoProducto::CrearProducto {
        producto_id: id("P"),
        datos: DatosProducto { nombre, ..casos_producto::datos() }.into(),
    });
    let actualizar = (proptest::option::of(texto()), any::<bool>()).prop_map(|(nombre, excluir)| {
        let impuesto = excluir.then_some(None);
        ComandoProducto::ActualizarProducto {
            producto_id: id("P"),
            cambios: CambiosProducto { nombre, impuesto, ..CambiosProducto::default() }.into(),
        }
    });
    let precio = (-2_i64..1_000_000_000, 0_u32..9)
        .prop_map(|(valor, escala)| ComandoProducto::CambiarPrecio { producto_id: id("P"), precio: Decimal::new(valor, escala) });
    prop_oneof![crear, actualizar, precio, Just(ComandoProducto::InactivarProducto { producto_id: id("P") })]
}

/// Feeds commands one by one; gives what was recorded and the state after it.
fn correr<C, E, S: PartialEq + std::fmt::Debug>(
    comandos: &[C],
    decidir: impl Fn(Option<&S>, &C) -> Result<Vec<E>, Rechazo>,
    evolucionar: impl Fn(&mut Option<S>, &E),
) -> (Vec<E>, Option<S>) {
    let (mut eventos, mut estado) = (Vec::new(), None);
    for comando in comandos {
        if let Ok(nuevos) = decidir(estado.as_ref(), comando) {
            assert!(!nuevos.is_empty(), "an accepted command records something");
            nuevos.iter().for_each(|e| evolucionar(&mut estado, e));
            eventos.extend(nuevos);
        }
    }
    (eventos, estado)
}

/// The events of a client that random commands made.
pub fn historia_de_cliente() -> impl Strategy<Value = Vec<EventoCliente>> {
    proptest::collection::vec(comando_cliente(), 0..20).prop_map(|comandos| {
        let (emisor, catalogo) = (Emisor::co(), CatalogoDePrueba::default());
        let ctx = ContextoDecision::new(AHORA, &emisor, &catalogo);
        correr(&comandos, |s, c| cliente::decidir(s, c, &ctx), cliente::evolucionar).0
    })
}

/// The events of a product that random commands made.
pub fn historia_de_producto() -> impl Strategy<Value = Vec<EventoProducto>> {
    proptest::collection::vec(comando_producto(), 0..20).prop_map(|comandos| {
        let (emisor, catalogo) = (Emisor::co(), CatalogoDePrueba::default());
        let ctx = ContextoDecision::new(AHORA, &emisor, &catalogo);
        correr(&comandos, |s, c| producto::decidir(s, c, &ctx), producto::evolucionar).0
    })
}

proptest! {
    /// Whatever arrives, a client on record is valid: it could be created again as it is.
    #[test]
    fn un_cliente_registrado_siempre_es_valido(comandos in proptest::collection::vec(comando_cliente(), 0..20)) {
        let (emisor, catalogo) = (Emisor::co(), CatalogoDePrueba::default());
        let ctx = ContextoDecision::new(AHORA, &emisor, &catalogo);
        let (eventos, estado) = correr(&comandos, |s, c| cliente::decidir(s, c, &ctx), cliente::evolucionar);
        let mut plegado = None;
        eventos.iter().for_each(|e| cliente::evolucionar(&mut plegado, e));
        prop_assert_eq!(&plegado, &estado);
        if let Some(cliente) = estado {
            let otra_vez = ComandoCliente::CrearCliente { cliente_id: cliente.cliente_id.clone(), datos: cliente.datos.clone() };
            let creado = EventoCliente::ClienteCreado { cliente_id: cliente.cliente_id, datos: cliente.datos };
            prop_assert_eq!(cliente::decidir(None, &otra_vez, &ctx), Ok(vec![creado]));
        }
    }

    /// The same for a product; its price is always above zero.
    #[test]
    fn un_producto_registrado_siempre_es_valido(comandos in proptest::collection::vec(comando_producto(), 0..20)) {
        let (emisor, catalogo) = (Emisor::co(), CatalogoDePrueba::default());
        let ctx = ContextoDecision::new(AHORA, &emisor, &catalogo);
        let (_, estado) = correr(&comandos, |s, c| producto::decidir(s, c, &ctx), producto::evolucionar);
        if let Some(producto) = estado {
            prop_assert!(producto.datos.precio.valor() > Decimal::ZERO);
            let otra_vez = ComandoProducto::CrearProducto { producto_id: producto.producto_id, datos: producto.datos.into() };
            prop_assert!(producto::decidir(None, &otra_vez, &ctx).is_ok());
        }
    }

    /// The fold is total: events in any order, also impossible ones, never panic, and before a creation there is nothing.
    #[test]
    fn el_pliegue_es_total(orden in proptest::collection::vec(0_usize..4, 0..20), cambios in cambios_cliente()) {
        let posibles = [
            EventoCliente::ClienteCreado { cliente_id: id("1"), datos: casos_cliente::datos().into() },
            EventoCliente::ClienteActualizado { cliente_id: id("1"), cambios: cambios.into() },
            EventoCliente::ClienteInactivado { cliente_id: id("1") },
            EventoCliente::ClienteReactivado { cliente_id: id("1") },
        ];
        let mut estado = None;
        orden.iter().for_each(|i| cliente::evolucionar(&mut estado, &posibles[*i]));
        prop_assert_eq!(estado.is_some(), orden.contains(&0));
    }
}
