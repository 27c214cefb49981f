//! The load: catalogues, stock and orders, repeatable from a seed.

use std::sync::Arc;

use crate::{
    domain::{
        Comando,
        catalogo::{
            cliente::{ComandoCliente, DatosCliente, EstadoFiscal},
            producto::{ComandoProducto, DatosProducto, Impuesto},
        },
        facturacion::factura::{Campo, ComandoFactura, DatosFactura, LineaPedida},
        inventario::{ComandoInventario, MotivoEntrada, inventario_id},
        valores::{Decimal, Direccion, Id, Identificacion, Porcentaje, PrecioUnitario, TipoIdentificacion},
    },
    engine::gateway::NewCommand,
    sim::splitmix64,
};

/// Number of clients that orders come from.
const CLIENTES: u64 = 100;
/// Lots that each product starts with, of `CANTIDAD_LOTE` units each.
const LOTES: u64 = 4;
const CANTIDAD_LOTE: i64 = 2_000_000;

/// What the load looks like.
#[derive(Debug, Clone)]
pub struct Perfil {
    pub productos: u64,
    pub lineas_min: u64,
    pub lineas_max: u64,
    /// Exponent of the popularity of products; 0 = all alike.
    pub zipf: f64,
    pub semilla: u64,
}

/// SplitMix64: small, fast and the same everywhere.
pub struct Azar(u64);

impl Azar {
    pub fn new(semilla: u64) -> Self {
        Self(semilla)
    }

    pub fn entero(&mut self) -> u64 {
        splitmix64(&mut self.0)
    }

    /// Uniform in `[0, tope)`; `tope` > 0.
    pub fn bajo(&mut self, tope: u64) -> u64 {
        self.entero() % tope
    }

    /// Uniform in `[0, 1)`.
    fn unidad(&mut self) -> f64 {
        (self.entero() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Popularity of products: the k-th has weight 1/k^s.
struct Zipf {
    acumulado: Vec<f64>,
}

impl Zipf {
    fn new(productos: u64, exponente: f64) -> Self {
        let mut total = 0.0;
        let mut acumulado: Vec<f64> = (1..=productos)
            .map(|k| {
                total += (k as f64).powf(-exponente);
                total
            })
            .collect();
        acumulado.iter_mut().for_each(|peso| *peso /= total);
        Self { acumulado }
    }

    fn elegir(&self, azar: &mut Azar) -> u64 {
        let punto = azar.unidad();
        self.acumulado.partition_point(|peso| *peso < punto).min(self.acumulado.len() - 1) as u64
    }
}

/// Makes the commands of a run. The same profile makes the same commands.
pub struct Carga {
    perfil: Perfil,
    azar: Azar,
    zipf: Zipf,
    /// Distinguishes the runs on one folder.
    corrida: u64,
    bodega: Id,
    emitidas: u64,
}

impl Carga {
    /// # Panics
    /// When the profile has no products or no lines: the command line checks them.
    pub fn new(perfil: Perfil, corrida: u64) -> Self {
        assert!(perfil.productos > 0 && perfil.lineas_min > 0 && perfil.lineas_min <= perfil.lineas_max);
        let zipf = Zipf::new(perfil.productos, perfil.zipf);
        Self { azar: Azar::new(perfil.semilla), zipf, corrida, bodega: id("PRINCIPAL"), perfil, emitidas: 0 }
    }

    /// Clients, products and inventories; each stage is sent when the one before is decided.
    pub fn catalogos(&self) -> Vec<Vec<NewCommand>> {
        let clientes = (0..CLIENTES).map(|n| self.orden(format!("bc{n}"), cliente(n))).collect();
        let productos = (0..self.perfil.productos).map(|n| self.orden(format!("bp{n}"), producto(n))).collect();
        let inventarios = (0..self.perfil.productos).map(|n| self.orden(format!("bi{n}"), self.inventario(n))).collect();
        let entradas =
            (0..self.perfil.productos * LOTES).map(|n| self.orden(format!("be{}-{n}", self.corrida), self.entrada(n))).collect();
        vec![clientes, productos, inventarios, entradas]
    }

    /// The next order.
    pub fn factura(&mut self) -> NewCommand {
        let numero = self.emitidas;
        self.emitidas += 1;
        let lineas = self.perfil.lineas_min + self.azar.bajo(self.perfil.lineas_max - self.perfil.lineas_min + 1);
        let datos = DatosFactura {
            canal: Some(Arc::from("banco")),
            ..DatosFactura::de(id(&format!("bc{}", self.azar.bajo(CLIENTES))), (0..lineas).map(|_| self.linea()).collect())
        };
        let factura_id = id(&format!("b{}-{numero}", self.corrida));
        let comando = Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, datos: Box::new(datos) });
        self.orden(format!("bo{}-{numero}", self.corrida), comando)
    }

    fn linea(&mut self) -> LineaPedida {
        LineaPedida {
            producto_id: Some(id(&format!("bp{}", self.zipf.elegir(&mut self.azar)))),
            bodega_id: None,
            descripcion: None,
            cantidad: Decimal::from(1 + self.azar.bajo(5)),
            precio_unitario: None,
            impuesto: Campo::Ausente,
            descuento: None,
        }
    }

    fn inventario(&self, n: u64) -> Comando {
        let producto_id = id(&format!("bp{n}"));
        let inventario_id = inventario_id(&producto_id, &self.bodega);
        Comando::Inventario(ComandoInventario::CrearInventario {
            inventario_id,
            producto_id,
            bodega_id: self.bodega.clone(),
            stock_minimo: None,
        })
    }

    fn entrada(&self, n: u64) -> Comando {
        let (producto, lote) = (n / LOTES, n % LOTES);
        let fecha_ingreso = chrono::NaiveDate::from_ymd_opt(2026, 1, 1 + lote as u32).unwrap_or(chrono::NaiveDate::MIN);
        Comando::Inventario(ComandoInventario::RegistrarEntrada {
            inventario_id: inventario_id(&id(&format!("bp{producto}")), &self.bodega),
            movimiento_id: id(&format!("be{}-{n}", self.corrida)),
            motivo: MotivoEntrada::Compra,
            cantidad: Decimal::from(CANTIDAD_LOTE),
            costo_unitario: Decimal::from(50 + lote as i64),
            fecha_ingreso,
            fecha_caducidad: None,
            referencia: None,
        })
    }

    fn orden(&self, command_id: String, comando: Comando) -> NewCommand {
        let command_id = id(&command_id);
        NewCommand {
            correlation_id: command_id.clone(),
            command_id,
            usuario: None,
            canal: None,
            version_esperada: None,
            traceparent: None,
            comando,
        }
    }
}

/// Ids of the load are made of letters, digits and hyphens and are short.
fn id(texto: &str) -> Id {
    Id::new(texto).unwrap_or_else(|_| unreachable!("los ids de la carga son válidos"))
}

fn cliente(n: u64) -> Comando {
    let direccion =
        Direccion { linea: Arc::from("Calle 10 # 20-30"), ciudad: Some(Arc::from("Bogotá")), region: None, pais: None };
    let numero = format!("9{n:08}");
    Comando::Cliente(ComandoCliente::CrearCliente {
        cliente_id: id(&format!("bc{n}")),
        datos: DatosCliente {
            nombre: Arc::from(format!("Comercializadora {n} S.A.S.")),
            identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: Arc::from(numero), dv: None },
            correo: Arc::from(format!("compras{n}@ejemplo.co")),
            direccion,
            estado_fiscal: EstadoFiscal::Activo,
            tipo_persona: None,
            responsabilidades: Vec::new(),
            municipio: None,
            departamento: None,
        }
        .into(),
    })
}

fn producto(n: u64) -> Comando {
    let impuesto = Porcentaje::nuevo(Decimal::from(19)).ok().map(|tarifa| Impuesto { codigo: Arc::from("IVA"), tarifa });
    let precio = PrecioUnitario::nuevo(Decimal::new(10_000 + (n as i64 % 500) * 137, 2));
    Comando::Producto(ComandoProducto::CrearProducto {
        producto_id: id(&format!("bp{n}")),
        datos: DatosProducto {
            codigo: Arc::from(format!("SKU-{n:06}")),
            nombre: Arc::from(format!("Producto de prueba {n}")),
            unidad: Arc::from("UND"),
            precio: precio.unwrap_or_else(|_| unreachable!("el precio está entre 100 y 785")),
            impuesto,
            controla_inventario: true,
            codigo_estandar: None,
            esquema_codigo: None,
        }
        .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn perfil() -> Perfil {
        Perfil { productos: 50, lineas_min: 1, lineas_max: 5, zipf: 1.0, semilla: 7 }
    }

    #[test]
    fn the_same_seed_makes_the_same_orders() {
        let (mut a, mut b) = (Carga::new(perfil(), 1), Carga::new(perfil(), 1));
        for _ in 0..100 {
            let (one, other) = (a.factura(), b.factura());
            assert_eq!((one.command_id, one.comando), (other.command_id, other.comando));
        }
    }

    #[test]
    fn popular_products_are_chosen_more_often() {
        let (zipf, mut azar) = (Zipf::new(50, 1.0), Azar::new(1));
        let mut veces = [0_u32; 50];
        (0..20_000).for_each(|_| veces[zipf.elegir(&mut azar) as usize] += 1);
        assert!(veces[0] > veces[9] && veces[9] > veces[49], "{veces:?}");
    }
}
