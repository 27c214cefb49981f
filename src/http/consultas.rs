//! The routes that read.

use axum::http::{HeaderValue, StatusCode, header};
use chrono::{DateTime, NaiveDate};
use serde_json::{Value, json};

use super::{
    comandos::{json_con, texto_encabezado},
    lecturas::{ErrorLectura, Lecturas, Lista, Pagina, Recurso},
    peticion::Peticion,
    problema::{ErrorProblema, Problema},
    rutas::Respondido,
    token,
};
use crate::domain::{
    TipoAgregado,
    facturacion::nota_credito::clave_nota,
    inventario::inventario_id,
    valores::{Cantidad, Id, Instante, decimal_exacto, fecha_iso},
};

const LIMITE_POR_DEFECTO: usize = 50;
const LIMITE_MAXIMO: usize = 100;
/// Days that one query of invoices may span.
const DIAS_MAXIMOS: i64 = 366;
const LARGO_CURSOR: usize = 4_096;
const LARGO_FILTRO: usize = 300;

pub async fn cliente(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    recurso(p, "el cliente", Recurso::Cliente(id.clone()), Some((TipoAgregado::Cliente, id))).await
}

pub async fn producto(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    recurso(p, "el producto", Recurso::Producto(id.clone()), Some((TipoAgregado::Producto, id))).await
}

pub async fn descuento(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    recurso(p, "el descuento", Recurso::Descuento(id.clone()), Some((TipoAgregado::Descuento, id))).await
}

pub async fn sucursal(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    recurso(p, "la sucursal", Recurso::Sucursal(id.clone()), Some((TipoAgregado::Sucursal, id))).await
}

pub async fn bodega(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    recurso(p, "la bodega", Recurso::Bodega(id.clone()), Some((TipoAgregado::Bodega, id))).await
}

pub async fn rango(p: &Peticion) -> Respondido {
    let id = p.clave_compuesta(0)?;
    recurso(p, "el rango de numeración", Recurso::Rango(id.clone()), Some((TipoAgregado::RangoNumeracion, id))).await
}

pub async fn factura(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    recurso(p, "la factura", Recurso::Factura(id.clone()), Some((TipoAgregado::Factura, id))).await
}

pub async fn stock(p: &Peticion) -> Respondido {
    let (producto, bodega) = (p.id(0)?, p.id(1)?);
    let agregado = (TipoAgregado::Inventario, inventario_id(&producto, &bodega));
    recurso(p, "el inventario", Recurso::Stock { producto, bodega }, Some(agregado)).await
}

pub async fn comando(p: &Peticion) -> Respondido {
    recurso(p, "el comando", Recurso::Comando(p.clave_compuesta(0)?), None).await
}

/// One thing by its id, not older than `version_minima`.
async fn recurso(p: &Peticion, que: &str, recurso: Recurso, agregado: Option<(TipoAgregado, Id)>) -> Respondido {
    if let (Some(texto), Some((tipo, id))) = (p.parametro("version_minima"), agregado) {
        let version: u64 = texto
            .parse()
            .map_err(|_| Problema::parametro("version_minima", "ParametroInvalido", "la versión es un número entero, desde 1"))?;
        esperar(p, move |l| l.esperar_version(tipo, &id, version, token::ESPERA)).await?;
    }
    let leido = p.leer(move |l| l.obtener(&recurso)).await?;
    let valor = leido.ok_or_else(|| Problema::no_existe(que))?;
    let mut respuesta = json_con(StatusCode::OK, &valor);
    if let Some(version) = valor.get("version").and_then(Value::as_u64) {
        respuesta.headers_mut().insert(header::ETAG, texto_encabezado(&format!("\"{version}\"")));
        respuesta.headers_mut().insert("x-factumarket-version", HeaderValue::from(version));
    }
    Ok(respuesta)
}

/// Waits for the projections; few requests at once, because each wait takes a thread that reads need.
async fn esperar(
    p: &Peticion,
    espera: impl FnOnce(&dyn Lecturas) -> Result<bool, ErrorLectura> + Send + 'static,
) -> Result<(), Problema> {
    let _turno = p.estado.esperas.try_acquire().map_err(|_| Problema::aun_no_visible())?;
    let visible = p.leer(espera).await?;
    if visible { Ok(()) } else { Err(Problema::aun_no_visible()) }
}

pub async fn clientes(p: &Peticion) -> Respondido {
    let lista = Lista::Clientes {
        identificacion: filtro(p, "identificacion")?,
        nombre: filtro(p, "nombre")?,
        correo: filtro(p, "correo")?,
        estado_fiscal: filtro(p, "estado_fiscal")?,
    };
    listar(p, lista).await
}

pub async fn productos(p: &Peticion) -> Respondido {
    listar(p, Lista::Productos).await
}

pub async fn descuentos(p: &Peticion) -> Respondido {
    listar(p, Lista::Descuentos).await
}

pub async fn sucursales(p: &Peticion) -> Respondido {
    listar(p, Lista::Sucursales).await
}

pub async fn bodegas(p: &Peticion) -> Respondido {
    listar(p, Lista::Bodegas).await
}

pub async fn rangos(p: &Peticion) -> Respondido {
    listar(p, Lista::Rangos).await
}

pub async fn sagas(p: &Peticion) -> Respondido {
    listar(p, Lista::Sagas).await
}

pub async fn movimientos(p: &Peticion) -> Respondido {
    listar(p, Lista::Movimientos { producto: p.id(0)?, bodega: p.id(1)? }).await
}

/// By days, by client, or both. With neither, today's.
pub async fn facturas(p: &Peticion) -> Respondido {
    let cliente = parametro_id(p, "cliente_id")?;
    let mut errores = Vec::new();
    let inicio = fecha(p, "fechaInicio", &mut errores);
    let fin = fecha(p, "fechaFin", &mut errores);
    if !errores.is_empty() {
        return Err(Problema::parametros(errores));
    }
    let fechas = match (inicio, fin) {
        (Some(inicio), Some(fin)) => Some(intervalo(inicio, fin)?),
        (None, None) if cliente.is_some() => None,
        (None, None) => {
            let hoy = p.estado.partes.clock.now().fecha_en_utc_menos_5();
            Some((hoy, hoy))
        }
        (Some(_), None) => return Err(Problema::parametro("fechaFin", "FechaFormato", "falta: fechaInicio y fechaFin van juntas")),
        (None, Some(_)) => {
            return Err(Problema::parametro("fechaInicio", "FechaFormato", "falta: fechaInicio y fechaFin van juntas"));
        }
    };
    listar(p, Lista::Facturas { fechas, cliente }).await
}

pub async fn nota_de_factura(p: &Peticion) -> Respondido {
    let (factura, nota) = (p.id(0)?, p.id(1)?);
    let agregado = (TipoAgregado::NotaCredito, clave_nota(&factura, &nota));
    recurso(p, "la nota de crédito", Recurso::NotaCredito { factura: Some(factura), nota }, Some(agregado)).await
}

/// By its id alone.
pub async fn nota(p: &Peticion) -> Respondido {
    recurso(p, "la nota de crédito", Recurso::NotaCredito { factura: None, nota: p.id(0)? }, None).await
}

/// An unknown invoice answers an empty list.
pub async fn notas_de_factura(p: &Peticion) -> Respondido {
    listar(p, Lista::NotasDeFactura(p.id(0)?)).await
}

/// By days; without them, today's.
pub async fn notas(p: &Peticion) -> Respondido {
    let hoy = p.estado.partes.clock.now().fecha_en_utc_menos_5();
    let fechas = dias(p, (hoy, hoy))?;
    listar(p, Lista::Notas { fechas }).await
}

/// Without days, those of the last year.
pub async fn estado_de_cuenta(p: &Peticion) -> Respondido {
    let hoy = p.estado.partes.clock.now().fecha_en_utc_menos_5();
    let hace_un_anio = hoy.checked_sub_days(chrono::Days::new(DIAS_MAXIMOS.unsigned_abs() - 1)).unwrap_or(hoy);
    let fechas = dias(p, (hace_un_anio, hoy))?;
    recurso(p, "el cliente", Recurso::EstadoDeCuenta { cliente: p.id(0)?, fechas }, None).await
}

/// Both days, or neither.
pub(super) fn dias(p: &Peticion, sin_ellos: (NaiveDate, NaiveDate)) -> Result<(NaiveDate, NaiveDate), Problema> {
    let mut errores = Vec::new();
    let inicio = fecha(p, "fechaInicio", &mut errores);
    let fin = fecha(p, "fechaFin", &mut errores);
    match (inicio, fin) {
        _ if !errores.is_empty() => Err(Problema::parametros(errores)),
        (Some(inicio), Some(fin)) => intervalo(inicio, fin),
        (None, None) => Ok(sin_ellos),
        (Some(_), None) => Err(Problema::parametro("fechaFin", "FechaFormato", "falta: fechaInicio y fechaFin van juntas")),
        (None, Some(_)) => Err(Problema::parametro("fechaInicio", "FechaFormato", "falta: fechaInicio y fechaFin van juntas")),
    }
}

pub async fn explicacion(p: &Peticion) -> Respondido {
    let (producto, bodega) = (p.id(0)?, p.id(1)?);
    let mut errores = Vec::new();
    let dia = fecha(p, "fecha", &mut errores);
    let leida = p.parametro("cantidad").and_then(|texto| decimal_exacto(texto).ok()).and_then(|d| Cantidad::nuevo(d).ok());
    let cantidad = leida.filter(|cantidad| !cantidad.es_cero());
    if cantidad.is_none() {
        let mensaje = "es una cantidad mayor que cero, con 6 decimales y 14 dígitos como máximo";
        errores.push(ErrorProblema::de_parametro("cantidad", "CantidadInvalida", mensaje));
    }
    let Some(cantidad) = cantidad.filter(|_| errores.is_empty()) else { return Err(Problema::parametros(errores)) };
    recurso(p, "el inventario", Recurso::Explicacion { producto, bodega, cantidad, fecha: dia }, None).await
}

fn intervalo(inicio: NaiveDate, fin: NaiveDate) -> Result<(NaiveDate, NaiveDate), Problema> {
    if inicio > fin {
        return Err(Problema::parametro("fechaInicio", "IntervaloInvertido", format!("{inicio} es posterior a fechaFin {fin}")));
    }
    if (fin - inicio).num_days() >= DIAS_MAXIMOS {
        return Err(Problema::parametro("fechaFin", "IntervaloDemasiadoLargo", format!("se admiten hasta {DIAS_MAXIMOS} días")));
    }
    Ok((inicio, fin))
}

/// An unknown invoice answers an empty list.
pub async fn auditoria_factura(p: &Peticion) -> Respondido {
    listar(p, Lista::AuditoriaDeFactura(p.id(0)?)).await
}

/// Of each record of an invoice, the proof that it is under a seal.
pub async fn prueba_factura(p: &Peticion) -> Respondido {
    listar(p, Lista::PruebaDeFactura(p.id(0)?)).await
}

/// The last seal of each source partition.
pub async fn sellos(p: &Peticion) -> Respondido {
    listar(p, Lista::Sellos).await
}

pub async fn auditoria(p: &Peticion) -> Respondido {
    let correlation_id = parametro_id(p, "correlation_id")?;
    let mut errores = Vec::new();
    let desde = instante(p, "desde", &mut errores);
    let hasta = instante(p, "hasta", &mut errores);
    if !errores.is_empty() {
        return Err(Problema::parametros(errores));
    }
    if desde.zip(hasta).is_some_and(|(desde, hasta)| desde > hasta) {
        return Err(Problema::parametro("desde", "IntervaloInvertido", "desde es posterior a hasta"));
    }
    if correlation_id.is_none() && desde.is_none() {
        return Err(Problema::parametro("correlation_id", "ParametroInvalido", "indique correlation_id, o desde (y hasta)"));
    }
    listar(p, Lista::Auditoria { correlation_id, desde, hasta }).await
}

pub(super) async fn listar(p: &Peticion, lista: Lista) -> Respondido {
    let pagina = pagina(p)?;
    if let Some(texto) = p.parametro("despues_de") {
        let posiciones = token::leer(texto)?;
        esperar(p, move |l| l.esperar_posiciones(&posiciones, token::ESPERA)).await?;
    }
    let leida = p.leer(move |l| l.listar(&lista, &pagina)).await?;
    let cuerpo = json!({"items": leida.items, "despues": leida.despues, "tiene_mas": leida.tiene_mas});
    Ok(json_con(StatusCode::OK, &cuerpo))
}

pub(super) fn pagina(p: &Peticion) -> Result<Pagina, Problema> {
    let mut errores = Vec::new();
    let pedido = p.parametro("limite").map_or(Some(LIMITE_POR_DEFECTO), |texto| texto.parse().ok());
    let limite = pedido.filter(|limite| (1..=LIMITE_MAXIMO).contains(limite));
    if limite.is_none() {
        errores.push(ErrorProblema::de_parametro("limite", "ParametroInvalido", format!("es un número de 1 a {LIMITE_MAXIMO}")));
    }
    let despues = p.parametro("despues").map(str::to_owned);
    if despues.as_ref().is_some_and(|cursor| cursor.is_empty() || cursor.len() > LARGO_CURSOR) {
        let mensaje = "el cursor no es de esta lista: empiece sin «despues»";
        errores.push(ErrorProblema::de_parametro("despues", "CursorInvalido", mensaje));
    }
    match limite.filter(|_| errores.is_empty()) {
        Some(limite) => Ok(Pagina { limite, despues }),
        None => Err(Problema::parametros(errores)),
    }
}

fn filtro(p: &Peticion, nombre: &str) -> Result<Option<String>, Problema> {
    texto(p, nombre, LARGO_FILTRO)
}

/// A text of 1 to `maximo` characters, normalised as what is stored.
pub(super) fn texto(p: &Peticion, nombre: &str, maximo: usize) -> Result<Option<String>, Problema> {
    use unicode_normalization::UnicodeNormalization;
    let Some(texto) = p.parametro(nombre) else { return Ok(None) };
    let normal = texto.nfc().collect::<String>().trim().to_owned();
    if !(1..=maximo).contains(&normal.chars().count()) {
        return Err(Problema::parametro(nombre, "ParametroInvalido", format!("es un texto de 1 a {maximo} caracteres")));
    }
    Ok(Some(normal))
}

pub(super) fn parametro_id(p: &Peticion, nombre: &str) -> Result<Option<Id>, Problema> {
    let Some(texto) = p.parametro(nombre) else { return Ok(None) };
    Id::new(texto).map(Some).map_err(|_| Problema::parametro(nombre, "IdValido", "de 1 a 64 caracteres A-Z a-z 0-9 . _ -"))
}

pub(super) fn fecha(p: &Peticion, nombre: &str, errores: &mut Vec<ErrorProblema>) -> Option<NaiveDate> {
    let texto = p.parametro(nombre)?;
    let fecha = fecha_iso(texto);
    if fecha.is_none() {
        let mensaje = "no es una fecha del calendario con la forma AAAA-MM-DD";
        errores.push(ErrorProblema::de_parametro(nombre, "FechaFormato", mensaje));
    }
    fecha
}

/// RFC 3339 with its offset.
fn instante(p: &Peticion, nombre: &str, errores: &mut Vec<ErrorProblema>) -> Option<Instante> {
    let texto = p.parametro(nombre)?;
    match DateTime::parse_from_rfc3339(texto) {
        Ok(momento) => Some(Instante(momento.timestamp_micros())),
        Err(_) => {
            let mensaje = "no es un instante RFC 3339, por ejemplo 2026-11-23T00:00:00-05:00 (en la dirección, «+» se escribe %2B)";
            errores.push(ErrorProblema::de_parametro(nombre, "FechaFormato", mensaje));
            None
        }
    }
}
