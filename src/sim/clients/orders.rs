//! What clients ask for, at random: the shares of the kinds of command, and those that are no documents.

use super::{Client, id, shop::DESCUENTOS};
use crate::domain::{
    Comando,
    catalogo::{
        cliente::{CambiosCliente, ComandoCliente},
        descuento::{CambiosDeclarados, ComandoDescuento, ValorDeclarado},
        producto::ComandoProducto,
    },
    inventario::{ComandoInventario, MotivoEntrada, MotivoSalida, inventario_id},
    valores::{Cantidad, Decimal, Id, fecha_iso},
};

pub fn client_update(cliente: &str, n: usize) -> Comando {
    let cambios = CambiosCliente { nombre: Some(format!("Cliente {n}").into()), ..CambiosCliente::default() };
    Comando::Cliente(ComandoCliente::ActualizarCliente { cliente_id: id(cliente), cambios: cambios.into() })
}

impl Client<'_> {
    /// A new command. `n` tells it from the others; `None`: the id of an earlier one with other content is to be tried.
    pub fn order(&mut self, n: usize) -> Option<Comando> {
        Some(match self.rng.below(100) {
            0..=35 => self.invoice(),
            36..=42 => self.draft(),
            43..=55 => self.edit(),
            56..=63 => self.note(),
            64..=68 => self.note_draft(),
            69..=72 => self.annulment(),
            73..=75 => self.authority(),
            76..=83 => self.entry(),
            84..=87 => self.exit(),
            88 | 89 => Comando::Inventario(ComandoInventario::CambiarStockMinimo {
                inventario_id: self.inventory(),
                stock_minimo: Cantidad::nuevo(Decimal::from(self.rng.below(20) as i64 + 1)).ok(),
            }),
            90..=97 => self.catalogue(n),
            _ => return None,
        })
    }

    fn catalogue(&mut self, n: usize) -> Comando {
        match self.rng.below(8) {
            0 | 1 => client_update(&self.client(), n),
            2 => client_update("c-veneno", n),
            3 if self.shared.plan.sealed && n > self.shared.plan.commands as usize / 2 => {
                Comando::Cliente(ComandoCliente::SuprimirCliente { cliente_id: id("c3") })
            }
            3 => Comando::Cliente(ComandoCliente::InactivarCliente { cliente_id: id("c3") }),
            4 | 5 => Comando::Cliente(ComandoCliente::ReactivarCliente { cliente_id: id("c3") }),
            6 => Comando::Descuento(ComandoDescuento::ActualizarDescuento {
                descuento_id: id(self.rng.pick(&DESCUENTOS)),
                cambios: Box::new(CambiosDeclarados {
                    valor: ValorDeclarado { porcentaje: Some(Decimal::from(self.rng.between(1, 30) as i64)), monto: None },
                    ..CambiosDeclarados::default()
                }),
            }),
            _ => Comando::Producto(ComandoProducto::CambiarPrecio {
                producto_id: id(&self.product()),
                precio: Decimal::from(self.rng.between(1, 9_000) as i64),
            }),
        }
    }

    pub fn product(&mut self) -> String {
        format!("p{}", self.rng.below(u64::from(self.shared.plan.products)))
    }

    pub fn client(&mut self) -> String {
        self.rng.pick(&["c1", "c1", "c2", "c3"]).to_owned()
    }

    fn inventory(&mut self) -> Id {
        let bodega = self.rng.pick(&["PRINCIPAL", "PRINCIPAL", "NORTE"]);
        inventario_id(&id(&self.product()), &id(bodega))
    }

    pub fn entry(&mut self) -> Comando {
        *self.movements += 1;
        let expires = self.rng.below(5) == 0;
        Comando::Inventario(ComandoInventario::RegistrarEntrada {
            inventario_id: self.inventory(),
            movimiento_id: id(&format!("e-{}", self.movements)),
            motivo: MotivoEntrada::Compra,
            // Now and then nothing, which is refused.
            cantidad: Decimal::from(self.rng.below(u64::from(self.shared.plan.stock)) as i64),
            costo_unitario: Decimal::new(self.rng.between(1, 999) as i64, 2),
            fecha_ingreso: fecha_iso(self.rng.pick(&["2026-11-01", "2026-11-20", "2026-11-24"])).unwrap_or_default(),
            fecha_caducidad: if expires { fecha_iso(self.rng.pick(&["2026-11-24", "2026-12-31"])) } else { None },
            referencia: None,
        })
    }

    fn exit(&mut self) -> Comando {
        *self.movements += 1;
        Comando::Inventario(ComandoInventario::RegistrarSalida {
            inventario_id: self.inventory(),
            movimiento_id: id(&format!("s-{}", self.movements)),
            motivo: MotivoSalida::Ajuste,
            cantidad: Decimal::from(self.rng.between(1, 6) as i64),
            fecha: fecha_iso("2026-11-24").unwrap_or_default(),
            referencia: None,
        })
    }
}
