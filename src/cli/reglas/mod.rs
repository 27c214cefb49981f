//! `dominio reglas`: the catalogue of rules, with an example of each failure as the code of the domain gives it.

mod fichas;
mod fichas_notas;
mod tienda;

use std::{fmt::Write, sync::Arc};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    domain::{
        Comando,
        facturacion::factura::{ComandoFactura, EstadoDian, Factura, RespuestaDian},
        reglas::{Falla, Regla, version_esperada},
        valores::{Decimal, Dinero, Id},
    },
    engine::ports::Ids,
    http::{
        cuerpos::{self, ContextoCuerpo, ErroresCuerpo, leer_json},
        ids::OrigenIds,
    },
};
use fichas::{FICHAS, Ficha, Ruta};
use fichas_notas::FICHAS_NOTAS;
use tienda::{AHORA, Tienda};

const CABEZA: &str = "# Reglas\n\n\
Cada comando se revisa con todas las reglas que le tocan y se niega con todas sus fallas a la vez. Cada falla dice la regla, el campo (JSON\n\
Pointer en el cuerpo de la petición), qué pasa y qué hacer, y sus cifras.\n\n\
Cuándo se revisan: **C** al crear el documento, **L** al indicar una línea, **E** al emitir. Lo que falla en C o en L no crea ni cambia nada\n\
(la respuesta es 422); lo que sólo falla en E deja la factura o la nota RECHAZADA, lista para corregirla y volver a emitir. Todas las que llevan\n\
E juntas son `FacturaValidaParaEmision`: no falla por sí misma, se dicen sus partes.\n\n\
Los ejemplos son de una tienda con hoy = 2026-11-23: cliente `acme`, cinco unidades de `cafe` a 1000 con IVA 19, un rango de facturas y otro de\n\
notas, los dos de 2026. Las notas y las anulaciones son de una factura de tres unidades emitida ese día. Esta página la escribe `factumarket dominio reglas` con el código que decide.\n\n\
| Regla | Cuándo | Condición |\n| --- | --- | --- |\n";

/// Ids that no example needs: all of them name what they make.
struct SinIds;

impl Ids for SinIds {
    fn uuid_v7(&self) -> Uuid {
        Uuid::nil()
    }
}

/// Every rule that has an example.
fn todas() -> impl Iterator<Item = &'static Ficha> {
    FICHAS.iter().chain(FICHAS_NOTAS)
}

/// The page, in Markdown.
pub fn pagina() -> String {
    let mut pagina = CABEZA.to_owned();
    for ficha in todas() {
        let _ = writeln!(pagina, "| `{}` | {} | {} |", ficha.regla, ficha.cuando, ficha.condicion);
    }
    for ficha in todas() {
        let falla = ejemplo(ficha).map_or_else(|| "null".to_owned(), |falla| falla_en_json(&falla));
        let _ = write!(
            pagina,
            "\n## {}\n\n{}.\n\n`{}`\n\n```json\n{}\n```\n\n```json\n{falla}\n```\n",
            ficha.regla,
            ficha.regla.significado(),
            ficha.ruta.peticion(),
            ficha.cuerpo,
        );
    }
    pagina.push_str(
        "\n## Otros rechazos\n\nDe los catálogos, los inventarios y la numeración, y de los pasos internos.\n\n| Rechazo | Qué dice |\n| --- | --- |\n",
    );
    for regla in Regla::TODAS.iter().filter(|regla| todas().all(|f| f.regla != **regla)) {
        let _ = writeln!(pagina, "| `{regla}` | {} |", regla.significado());
    }
    pagina
}

/// The rules for programs: `[{regla, cuando, condicion, significado, ejemplo}]`.
pub fn en_json() -> Value {
    let una = |ficha: &Ficha| {
        json!({
            "regla": ficha.regla.nombre(),
            "cuando": ficha.cuando,
            "condicion": ficha.condicion,
            "significado": ficha.regla.significado(),
            "ejemplo": ejemplo(ficha).map(|falla| valor_de(&falla)),
        })
    };
    todas().map(una).collect()
}

fn valor_de(falla: &Falla) -> Value {
    let datos: Map<String, Value> = falla.datos.iter().map(|(n, v)| (n.clone(), Value::String(v.clone()))).collect();
    json!({ "regla": falla.regla.nombre(), "campo": falla.campo, "mensaje": falla.to_string(), "datos": datos })
}

fn falla_en_json(falla: &Falla) -> String {
    serde_json::to_string_pretty(&valor_de(falla)).unwrap_or_default()
}

/// The failure of the rule that its example's request leads to.
fn ejemplo(ficha: &Ficha) -> Option<Falla> {
    let mut tienda = surtida()?;
    match ficha.regla {
        Regla::MaxDiasFuturoValido => tienda.emisor.max_dias_futuro = Some(30),
        Regla::LimiteCreditoValido => tienda.emisor.limite_credito = Dinero::nuevo(Decimal::ONE_THOUSAND).ok(),
        _ => {}
    }
    let valor = leer_json(ficha.cuerpo.as_bytes()).ok()?;
    let fallas = match ficha.ruta {
        Ruta::Clientes => mandar(&mut tienda, cuerpos::cuerpo_cliente(&valor, &contexto()).map(Comando::Cliente)),
        Ruta::Facturas => mandar(&mut tienda, cuerpos::cuerpo_factura(&valor, &contexto()).map(Comando::Factura)),
        Ruta::Lineas => editar(&mut tienda, &valor),
        Ruta::Emitir => emitir_dos_veces(&mut tienda, &valor),
        Ruta::Version => version_esperada(1, 2).into_iter().collect(),
        Ruta::Nota => acreditar(&mut tienda, &valor, Some(&borrador()), false),
        Ruta::NotaDeAnulada => acreditar(&mut tienda, &valor, Some(&borrador()), true),
        Ruta::NotaSuelta => acreditar(&mut tienda, &valor, None, false),
        Ruta::LineaDeNota => linea_de_nota(&mut tienda, &valor),
        Ruta::AnularAceptada => anular_aceptada(&mut tienda, &valor),
        Ruta::AnularTarde => anular_tarde(&mut tienda, &valor),
    };
    fallas.into_iter().find(|falla| falla.regla == ficha.regla)
}

fn contexto() -> ContextoCuerpo<'static> {
    ContextoCuerpo {
        hoy: AHORA.fecha_en_utc_menos_5(),
        origen: OrigenIds { usuario: None, clave: Some("ejemplo"), ids: &SinIds },
        verificar_digito_ruc: false,
    }
}

fn mandar(tienda: &mut Tienda, comando: Result<Comando, ErroresCuerpo>) -> Vec<Falla> {
    match comando {
        Ok(comando) => tienda.dar(&comando),
        Err(errores) => errores.valores,
    }
}

fn borrador() -> Id {
    Id::compuesto(&["f1"])
}

/// A draft with a line gets another one.
fn editar(tienda: &mut Tienda, linea: &Value) -> Vec<Falla> {
    let datos = json!({"id": "f1", "cliente_id": "acme", "lineas": [{"producto_id": "cafe", "cantidad": 1}]});
    let (Ok(crear), Ok(agregar)) = (cuerpos::cuerpo_borrador(&datos, &contexto()), cuerpos::cuerpo_linea(linea, &borrador()))
    else {
        return Vec::new();
    };
    let (estado, _) = tienda.facturar(None, &crear);
    tienda.facturar(estado, &agregar).1
}

/// A draft is issued twice: what forbids the first attempt, or what forbids another one.
fn emitir_dos_veces(tienda: &mut Tienda, datos: &Value) -> Vec<Falla> {
    let Ok(crear) = cuerpos::cuerpo_borrador(datos, &contexto()) else { return Vec::new() };
    let emitir = ComandoFactura::EmitirFactura { factura_id: borrador(), fechas: None };
    let (estado, _) = tienda.facturar(None, &crear);
    let (estado, mut fallas) = tienda.facturar(estado, &emitir);
    fallas.extend(tienda.facturar(estado, &emitir).1);
    fallas
}

/// The invoice of the notes: three units, issued that day.
fn vendida(tienda: &mut Tienda) -> Option<Factura> {
    let datos = json!({"id": "f1", "cliente_id": "acme", "lineas": [{"producto_id": "cafe", "cantidad": 3}]});
    tienda.facturar(None, &cuerpos::cuerpo_factura(&datos, &contexto()).ok()?).0
}

/// A note of `factura`, or of the one that its body names.
fn acreditar(tienda: &mut Tienda, datos: &Value, factura: Option<&Id>, anulada: bool) -> Vec<Falla> {
    let mut vendida = vendida(tienda);
    if anulada {
        let motivo = Arc::from("pedido duplicado");
        vendida = tienda.facturar(vendida, &ComandoFactura::AnularFactura { factura_id: borrador(), motivo }).0;
    }
    match cuerpos::cuerpo_nota(datos, factura, true, &contexto()) {
        Ok(comando) => tienda.acreditar(vendida, &comando),
        Err(errores) => errores.valores,
    }
}

fn linea_de_nota(tienda: &mut Tienda, linea: &Value) -> Vec<Falla> {
    let vendida = vendida(tienda);
    let comando = cuerpos::cuerpo_linea_nota(linea, &borrador(), &Id::compuesto(&["n1"]));
    comando.map(|comando| tienda.acreditar(vendida, &comando)).unwrap_or_default()
}

fn anular_aceptada(tienda: &mut Tienda, datos: &Value) -> Vec<Falla> {
    let vendida = vendida(tienda);
    let respuesta = Box::new(RespuestaDian { estado: EstadoDian::Aceptada, codigo: None, mensaje: None });
    let aceptada = ComandoFactura::RegistrarRespuestaDian { factura_id: borrador(), respuesta };
    let (aceptada, _) = tienda.facturar(vendida, &aceptada);
    anular(tienda, aceptada, datos)
}

fn anular_tarde(tienda: &mut Tienda, datos: &Value) -> Vec<Falla> {
    const DOS_DIAS_MS: i64 = 2 * 86_400_000;
    let vendida = vendida(tienda);
    tienda.ahora = AHORA.mas_milis(DOS_DIAS_MS);
    anular(tienda, vendida, datos)
}

fn anular(tienda: &mut Tienda, vendida: Option<Factura>, datos: &Value) -> Vec<Falla> {
    let comando = cuerpos::cuerpo_anular(datos, Some(&borrador()));
    comando.map(|comando| tienda.facturar(vendida, &comando).1).unwrap_or_default()
}

/// The shop with what the examples name.
fn surtida() -> Option<Tienda> {
    let mut tienda = Tienda::abrir();
    for cliente in ["acme", "inactivo"] {
        let datos = json!({"id": cliente, "nombre": "ACME S.A.S.", "identificacion": "800123456-7", "correo": "compras@acme.co",
            "direccion": "Calle 1"});
        tienda.dar(&Comando::Cliente(cuerpos::cuerpo_cliente(&datos, &contexto()).ok()?));
    }
    for producto in ["cafe", "te", "retirado"] {
        let datos =
            json!({"id": producto, "nombre": "Café de origen", "precio": 1000, "impuesto": {"codigo": "IVA", "tarifa": 19}});
        tienda.dar(&Comando::Producto(cuerpos::cuerpo_producto(&datos, &contexto()).ok()?));
    }
    let descuento = json!({"id": "agotado", "ambito": "LINEA", "porcentaje": 10});
    tienda.dar(&Comando::Descuento(cuerpos::cuerpo_descuento(&descuento, &contexto()).ok()?));
    tienda.surtir("cafe");
    tienda.abrir_bodega("SEGUNDA");
    tienda.inactivar_cliente("inactivo");
    tienda.inactivar_producto("retirado");
    tienda.inactivar_descuento("agotado");
    Some(tienda)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{
        facturacion::{factura, nota_credito},
        reglas::Momentos,
    };

    /// `factumarket dominio reglas > docs/guide/reglas.md` writes it again.
    #[test]
    fn la_guia_es_la_que_escribe_el_codigo() {
        let guardada = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/reglas.md")).unwrap_or_default();
        assert!(guardada == pagina(), "escríbala otra vez: factumarket dominio reglas > docs/guide/reglas.md");
    }

    #[test]
    fn cada_ejemplo_falla_por_su_regla_y_dice_que_hacer() {
        for ficha in todas() {
            let falla = ejemplo(ficha).unwrap_or_else(|| panic!("el ejemplo de {} no falla por ella", ficha.regla));
            assert!(falla.mensaje.chars().count() > 15, "{}: {}", ficha.regla, falla.mensaje);
            assert!(!falla.datos.iter().any(|(n, v)| n.is_empty() || v.is_empty()), "{falla:?}");
        }
    }

    /// The moments that the page shows are those at which the specifications of invoices and notes are evaluated.
    #[test]
    fn los_momentos_son_los_de_las_especificaciones() {
        let mut evaluadas: BTreeMap<Regla, Momentos> = BTreeMap::new();
        for (regla, cuando) in factura::momentos_de_reglas().chain(nota_credito::momentos_de_reglas()) {
            evaluadas.entry(regla).and_modify(|m| *m = m.y(cuando)).or_insert(cuando);
        }
        let de_ficha = |regla| todas().find(|f| f.regla == regla);
        for (regla, momentos) in evaluadas {
            let Some(ficha) = de_ficha(regla) else {
                assert!(
                    matches!(regla, Regla::MonedaValida | Regla::PrecisionExcedida | Regla::DocumentoDemasiadoGrande),
                    "falta {regla}"
                );
                continue;
            };
            for letra in ficha.cuando.split(' ').filter(|l| matches!(*l, "C" | "L" | "E")) {
                assert!(momentos.letras().contains(letra), "{regla} no se revisa en {letra}, sino en {}", momentos.letras());
            }
        }
    }
}
