//! Bodies of clientes, productos, sucursales and bodegas. A PUT changes the fields it gives; absent or null leaves them as they are.

use std::sync::Arc;

use serde_json::Value;

use super::{
    ContextoCuerpo, ErroresCuerpo, exigir_cambios, id_o_nuevo,
    identificacion::{direccion, identificacion},
    lector::{Lector, texto_suelto},
    leer, mismo_id,
};
use crate::domain::{
    catalogo::{
        bodega::{CambiosBodega, ComandoBodega, DatosBodega},
        cliente::{CambiosCliente, ComandoCliente, DatosCliente, EstadoFiscal},
        descuento::{AmbitoDescuento, CambiosDeclarados, ComandoDescuento, DescuentoDeclarado, ValorDeclarado},
        producto::{CambiosProducto, ComandoProducto, DatosProducto, Impuesto},
        sucursal::{CambiosSucursal, ComandoSucursal, DatosSucursal},
    },
    facturacion::factura::Campo,
    reglas::Regla,
    valores::{Decimal, ErrorDecimal, Id, Porcentaje, PrecioUnitario, correo_valido},
};

const LARGO_NOMBRE: usize = 300;
const LARGO_CODIGO: usize = 64;
const LARGO_UNIDAD: usize = 16;
const MAXIMO_RESPONSABILIDADES: usize = 20;
/// The branch there is without configuration.
const SUCURSAL_PRINCIPAL: &str = "PRINCIPAL";

const CAMPOS_CLIENTE: &[&str] = &[
    "id",
    "nombre",
    "identificacion",
    "tipo_identificacion",
    "correo",
    "direccion",
    "estado_fiscal",
    "tipo_persona",
    "responsabilidades",
    "municipio",
    "departamento",
];

/// `POST /clientes`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_cliente(valor: &Value, contexto: &ContextoCuerpo<'_>) -> Result<ComandoCliente, ErroresCuerpo> {
    leer(valor, CAMPOS_CLIENTE, |lector| {
        let cliente_id = id_o_nuevo(lector, "id", "CrearCliente", contexto);
        let c = campos_cliente(lector, contexto.verificar_digito_ruc);
        let nombre = lector.exigir("nombre", Regla::NombreValido, c.nombre);
        let identificacion = lector.exigir("identificacion", Regla::IdentificacionValida, c.identificacion);
        let correo = lector.exigir("correo", Regla::CorreoValido, c.correo);
        let direccion = lector.exigir("direccion", Regla::DireccionValida, c.direccion);
        let datos = DatosCliente {
            nombre: nombre?,
            identificacion: identificacion?,
            correo: correo?,
            direccion: direccion?,
            estado_fiscal: c.estado_fiscal.unwrap_or(EstadoFiscal::Activo),
            tipo_persona: c.tipo_persona,
            responsabilidades: c.responsabilidades.unwrap_or_default(),
            municipio: c.municipio,
            departamento: c.departamento,
        };
        Some(ComandoCliente::CrearCliente { cliente_id: cliente_id?, datos: datos.into() })
    })
}

/// `PUT /clientes/{id}`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_cliente_cambios(valor: &Value, id: &Id, contexto: &ContextoCuerpo<'_>) -> Result<ComandoCliente, ErroresCuerpo> {
    leer(valor, CAMPOS_CLIENTE, |lector| {
        mismo_id(lector, id);
        let cambios = campos_cliente(lector, contexto.verificar_digito_ruc);
        exigir_cambios(&cambios, lector);
        Some(ComandoCliente::ActualizarCliente { cliente_id: id.clone(), cambios: cambios.into() })
    })
}

fn campos_cliente(lector: &mut Lector<'_, '_>, verificar_digito_ruc: bool) -> CambiosCliente {
    let estados = [EstadoFiscal::Activo, EstadoFiscal::Suspendido, EstadoFiscal::Cancelado].map(EstadoFiscal::nombre);
    if lector.presente("tipo_identificacion") && !lector.presente("identificacion") {
        lector.falla(
            "tipo_identificacion",
            Regla::IdentificacionValida,
            "el tipo acompaña a la identificación: falta identificacion",
        );
    }
    CambiosCliente {
        nombre: lector.texto("nombre", LARGO_NOMBRE, Regla::NombreValido),
        identificacion: identificacion(lector, verificar_digito_ruc),
        correo: correo(lector),
        direccion: direccion(lector),
        estado_fiscal: lector.opcion("estado_fiscal", &estados, Regla::TextoValido, EstadoFiscal::de_nombre),
        tipo_persona: lector.texto("tipo_persona", LARGO_CODIGO, Regla::TextoValido),
        responsabilidades: responsabilidades(lector),
        municipio: lector.texto("municipio", LARGO_CODIGO, Regla::TextoValido),
        departamento: lector.texto("departamento", LARGO_CODIGO, Regla::TextoValido),
    }
}

fn correo(lector: &mut Lector<'_, '_>) -> Option<Arc<str>> {
    let texto = lector.texto_normal("correo")?;
    if !correo_valido(&texto) {
        lector.falla("correo", Regla::CorreoValido, Regla::CorreoValido.significado());
        return None;
    }
    Some(Arc::from(texto))
}

fn responsabilidades(lector: &mut Lector<'_, '_>) -> Option<Vec<Arc<str>>> {
    const CAMPO: &str = "responsabilidades";
    let lista = lector.lista(CAMPO)?;
    if lista.len() > MAXIMO_RESPONSABILIDADES {
        lector.falla(CAMPO, Regla::TextoValido, format!("se admiten hasta {MAXIMO_RESPONSABILIDADES}"));
        return None;
    }
    let ruta = lector.ruta(CAMPO);
    let leidas: Vec<_> = lista
        .iter()
        .enumerate()
        .map(|(i, valor)| texto_suelto(valor, format!("{ruta}/{i}"), LARGO_CODIGO, lector.errores))
        .collect();
    leidas.into_iter().collect()
}

const CAMPOS_PRODUCTO: &[&str] =
    &["id", "codigo", "nombre", "unidad", "precio", "impuesto", "controla_inventario", "codigo_estandar", "esquema_codigo"];

/// `POST /productos`. Without `codigo` it is the id; without `unidad`, `UND`; without `controla_inventario`, true.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_producto(valor: &Value, contexto: &ContextoCuerpo<'_>) -> Result<ComandoProducto, ErroresCuerpo> {
    leer(valor, CAMPOS_PRODUCTO, |lector| {
        let producto_id = id_o_nuevo(lector, "id", "CrearProducto", contexto);
        let c = campos_producto(lector);
        let nombre = lector.exigir("nombre", Regla::NombreValido, c.nombre);
        let precio = precio(lector);
        let precio = lector.exigir("precio", Regla::PrecioValido, precio);
        let controla_inventario = lector.booleano("controla_inventario").unwrap_or(true);
        let producto_id = producto_id?;
        let datos = DatosProducto {
            codigo: c.codigo.unwrap_or_else(|| Arc::from(producto_id.as_str())),
            nombre: nombre?,
            unidad: c.unidad.unwrap_or_else(|| Arc::from("UND")),
            precio: precio?,
            impuesto: c.impuesto.flatten(),
            controla_inventario,
            codigo_estandar: c.codigo_estandar,
            esquema_codigo: c.esquema_codigo,
        };
        Some(ComandoProducto::CrearProducto { producto_id, datos: datos.into() })
    })
}

/// Whether a product keeps stock never changes: its Inventarios and past invoices depend on it.
const CAMBIOS_PRODUCTO: &[&str] = &["id", "codigo", "nombre", "unidad", "precio", "impuesto", "codigo_estandar", "esquema_codigo"];

/// `PUT /productos/{id}`: one command, or two when the price changes beside other fields (the price has its own).
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_producto_cambios(valor: &Value, id: &Id) -> Result<Vec<ComandoProducto>, ErroresCuerpo> {
    leer(valor, CAMBIOS_PRODUCTO, |lector| {
        mismo_id(lector, id);
        let cambios = campos_producto(lector);
        let precio = precio(lector);
        let mut comandos = Vec::with_capacity(2);
        if precio.is_none() {
            exigir_cambios(&cambios, lector);
        }
        if cambios != CambiosProducto::default() {
            comandos.push(ComandoProducto::ActualizarProducto { producto_id: id.clone(), cambios: cambios.into() });
        }
        comandos.extend(precio.map(|p| ComandoProducto::CambiarPrecio { producto_id: id.clone(), precio: p.valor() }));
        Some(comandos)
    })
}

fn campos_producto(lector: &mut Lector<'_, '_>) -> CambiosProducto {
    CambiosProducto {
        codigo: lector.texto("codigo", LARGO_CODIGO, Regla::TextoValido),
        nombre: lector.texto("nombre", LARGO_NOMBRE, Regla::NombreValido),
        unidad: lector.texto("unidad", LARGO_UNIDAD, Regla::TextoValido),
        impuesto: match impuesto(lector) {
            Campo::Ausente => None,
            Campo::Nulo => Some(None),
            Campo::Valor(impuesto) => Some(Some(impuesto)),
        },
        codigo_estandar: lector.texto("codigo_estandar", LARGO_CODIGO, Regla::TextoValido),
        esquema_codigo: lector.texto("esquema_codigo", LARGO_CODIGO, Regla::TextoValido),
    }
}

fn precio(lector: &mut Lector<'_, '_>) -> Option<PrecioUnitario> {
    let valor = lector.decimal("precio", Regla::PrecioValido, |v| PrecioUnitario::nuevo(v).map(drop))?;
    PrecioUnitario::nuevo(valor).ok()
}

/// `impuesto: {codigo, tarifa}`; null means excluded, absent takes a default.
pub fn impuesto(lector: &mut Lector<'_, '_>) -> Campo<Impuesto> {
    if lector.es_nulo("impuesto") {
        return Campo::Nulo;
    }
    let Some(valor) = lector.crudo("impuesto") else { return Campo::Ausente };
    let ruta = lector.ruta("impuesto");
    let Some(mut interno) = Lector::abrir(valor, ruta, &["codigo", "tarifa"], lector.errores) else { return Campo::Ausente };
    let codigo = interno.texto("codigo", LARGO_UNIDAD, Regla::ImpuestoValido);
    let codigo = interno.exigir("codigo", Regla::ImpuestoValido, codigo);
    let tarifa = interno.decimal("tarifa", Regla::ImpuestoValido, limite_tarifa);
    let tarifa = interno.exigir("tarifa", Regla::ImpuestoValido, tarifa).and_then(|t| Porcentaje::nuevo(t).ok());
    match (codigo, tarifa) {
        (Some(codigo), Some(tarifa)) => Campo::Valor(Impuesto { codigo, tarifa }),
        _ => Campo::Ausente,
    }
}

fn limite_tarifa(valor: Decimal) -> Result<(), ErrorDecimal> {
    Porcentaje::nuevo(valor).map(drop)
}

/// `POST /descuentos`. Without `vigente_desde` it is in force from today.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_descuento(valor: &Value, contexto: &ContextoCuerpo<'_>) -> Result<ComandoDescuento, ErroresCuerpo> {
    const CAMPOS: &[&str] = &["id", "nombre", "ambito", "porcentaje", "monto", "vigente_desde", "vigente_hasta"];
    leer(valor, CAMPOS, |lector| {
        let descuento_id = id_o_nuevo(lector, "id", "CrearDescuento", contexto);
        let ambitos = AmbitoDescuento::TODOS.map(AmbitoDescuento::nombre);
        let ambito = lector.opcion("ambito", &ambitos, Regla::DescuentoValido, AmbitoDescuento::de_nombre);
        let ambito = lector.exigir("ambito", Regla::DescuentoValido, ambito);
        let datos = DescuentoDeclarado {
            nombre: lector.texto("nombre", LARGO_NOMBRE, Regla::NombreValido),
            valor: valor_descuento(lector),
            vigente_desde: lector.fecha("vigente_desde"),
            vigente_hasta: lector.fecha("vigente_hasta"),
            ambito: ambito?,
        };
        Some(ComandoDescuento::CrearDescuento { descuento_id: descuento_id?, datos: Box::new(datos) })
    })
}

/// `PUT /descuentos/{id}`. A null `vigente_hasta` takes the end away. The ambito does not change.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_descuento_cambios(valor: &Value, id: &Id) -> Result<ComandoDescuento, ErroresCuerpo> {
    leer(valor, &["id", "nombre", "porcentaje", "monto", "vigente_desde", "vigente_hasta"], |lector| {
        mismo_id(lector, id);
        let cambios = CambiosDeclarados {
            nombre: lector.texto("nombre", LARGO_NOMBRE, Regla::NombreValido),
            valor: valor_descuento(lector),
            vigente_desde: lector.fecha("vigente_desde"),
            vigente_hasta: match lector.fecha_o_nulo("vigente_hasta") {
                Campo::Ausente => None,
                Campo::Nulo => Some(None),
                Campo::Valor(hasta) => Some(Some(hasta)),
            },
        };
        exigir_cambios(&cambios, lector);
        Some(ComandoDescuento::ActualizarDescuento { descuento_id: id.clone(), cambios: Box::new(cambios) })
    })
}

/// Which of the two, and how much, the rule says.
fn valor_descuento(lector: &mut Lector<'_, '_>) -> ValorDeclarado {
    ValorDeclarado {
        porcentaje: lector.decimal("porcentaje", Regla::DescuentoValido, |_| Ok(())),
        monto: lector.decimal("monto", Regla::DescuentoValido, |_| Ok(())),
    }
}

/// `POST /sucursales`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_sucursal(valor: &Value, contexto: &ContextoCuerpo<'_>) -> Result<ComandoSucursal, ErroresCuerpo> {
    leer(valor, &["id", "nombre", "direccion"], |lector| {
        let sucursal_id = id_o_nuevo(lector, "id", "CrearSucursal", contexto);
        let nombre = lector.texto("nombre", LARGO_NOMBRE, Regla::NombreValido);
        let nombre = lector.exigir("nombre", Regla::NombreValido, nombre);
        let direccion = direccion(lector);
        Some(ComandoSucursal::CrearSucursal { sucursal_id: sucursal_id?, datos: DatosSucursal { nombre: nombre?, direccion } })
    })
}

/// `PUT /sucursales/{id}`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_sucursal_cambios(valor: &Value, id: &Id) -> Result<ComandoSucursal, ErroresCuerpo> {
    leer(valor, &["id", "nombre", "direccion"], |lector| {
        mismo_id(lector, id);
        let nombre = lector.texto("nombre", LARGO_NOMBRE, Regla::NombreValido);
        let cambios = CambiosSucursal { nombre, direccion: direccion(lector) };
        exigir_cambios(&cambios, lector);
        Some(ComandoSucursal::ActualizarSucursal { sucursal_id: id.clone(), cambios })
    })
}

/// `POST /bodegas`. Without `sucursal_id` it belongs to the main branch.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_bodega(valor: &Value, contexto: &ContextoCuerpo<'_>) -> Result<ComandoBodega, ErroresCuerpo> {
    leer(valor, &["id", "sucursal_id", "nombre", "direccion"], |lector| {
        let bodega_id = id_o_nuevo(lector, "id", "CrearBodega", contexto);
        let sucursal_id =
            if lector.presente("sucursal_id") { lector.id("sucursal_id") } else { Some(Id::compuesto(&[SUCURSAL_PRINCIPAL])) };
        let nombre = lector.texto("nombre", LARGO_NOMBRE, Regla::NombreValido);
        let nombre = lector.exigir("nombre", Regla::NombreValido, nombre);
        let direccion = direccion(lector);
        let datos = DatosBodega { sucursal_id: sucursal_id?, nombre: nombre?, direccion };
        Some(ComandoBodega::CrearBodega { bodega_id: bodega_id?, datos })
    })
}

/// `PUT /bodegas/{id}`. A bodega does not change of sucursal.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_bodega_cambios(valor: &Value, id: &Id) -> Result<ComandoBodega, ErroresCuerpo> {
    leer(valor, &["id", "nombre", "direccion"], |lector| {
        mismo_id(lector, id);
        let nombre = lector.texto("nombre", LARGO_NOMBRE, Regla::NombreValido);
        let cambios = CambiosBodega { nombre, direccion: direccion(lector) };
        exigir_cambios(&cambios, lector);
        Some(ComandoBodega::ActualizarBodega { bodega_id: id.clone(), cambios })
    })
}
