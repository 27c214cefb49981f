//! `auditoria verificar`: a file with the public key alone, proofs, or the log itself.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{abrir, args::VerificarArgs, barra, fallo, llavero, no_se_lee, proceso};
use crate::{
    audit::cadena::{Informe, Llavero, Prueba, SelloFirmado, nota::varias, verificador::verificar_archivo},
    cli::{
        contexto::Contexto,
        destino::ClienteHttp,
        fallo::{Clase, Fallo},
        formato::entero,
        salida::Salida,
    },
};

/// Longest verification that is waited for, through the API.
const PLAZO: Duration = Duration::from_secs(3_600);
/// Longest file of seals and of proofs, in bytes.
const MAX_ARCHIVO: u64 = 16 << 20;
/// Seals kept elsewhere, at most.
const MAX_SELLOS: usize = 10_000;
const BUFER: usize = 1 << 20;

/// # Errors
/// Class `Falla` when something is not as it was sealed; else why it could not be found out.
pub fn ejecutar(contexto: &Contexto, args: &VerificarArgs) -> Result<(), Fallo> {
    if let Some(prueba) = &args.prueba {
        return pruebas(contexto, prueba, &llavero(contexto, args.clave.as_deref())?);
    }
    let desde = Instant::now();
    let informe = match (&args.archivo, proceso(contexto)) {
        (Some(archivo), _) => archivo_solo(contexto, args, archivo)?.to_json(),
        (None, Some(url)) if args.sellos.is_empty() && args.clave.is_none() => por_api(&url)?,
        (None, Some(url)) => {
            return Err(Fallo::new(
                Clase::Conflicto,
                "--sello y --clave leen el registro directamente",
                format!("lo atiende el proceso de {url}"),
                "Deténgalo y repita, o verifique un archivo exportado con --archivo.",
            ));
        }
        (None, None) => registro(contexto, args)?.to_json(),
    };
    mostrar(&contexto.salida, &informe, desde.elapsed());
    contexto.salida.resultado(&informe);
    juzgar(&informe, args.estricto)
}

fn archivo_solo(contexto: &Contexto, args: &VerificarArgs, archivo: &Path) -> Result<Informe, Fallo> {
    let llavero = llavero(contexto, args.clave.as_deref())?;
    let anclas = anclas(args, &llavero)?;
    let abierto = File::open(archivo).map_err(|e| no_se_lee(archivo, &e.to_string()))?;
    let barra = barra(&contexto.salida, "bytes");
    barra.set_length(abierto.metadata().map_or(0, |m| m.len()));
    let lector = BufReader::with_capacity(BUFER, abierto);
    let informe = verificar_archivo(lector, &llavero, &anclas, &mut |bytes| barra.set_position(bytes));
    barra.finish_and_clear();
    let mut informe = informe.map_err(|e| no_se_lee(archivo, &e.to_string()))?;
    if args.contra_registro {
        abrir(contexto, Some(llavero.clone()))?.contrastar(&mut informe, &mut |_, _| {}).map_err(|e| fallo(&e))?;
    }
    Ok(informe)
}

fn registro(contexto: &Contexto, args: &VerificarArgs) -> Result<Informe, Fallo> {
    // What the configuration believes, unless the user brings keys of his own: those of the folder may be anybody's.
    let dado = args.clave.as_deref().map(|clave| llavero(contexto, Some(clave))).transpose()?;
    let auditoria = abrir(contexto, dado)?;
    let anclas = anclas(args, auditoria.llavero())?;
    let barra = barra(&contexto.salida, "registros");
    let informe = auditoria.verificar(&anclas, &mut |hechos, total| {
        barra.set_length(total);
        barra.set_position(hechos);
    });
    barra.finish_and_clear();
    informe.map_err(|e| fallo(&e))
}

fn por_api(url: &str) -> Result<Value, Fallo> {
    let cliente = ClienteHttp::con_plazo(url, PLAZO);
    let respuesta = cliente.post("/api/v1/sellos/verificacion", "auditoria", &json!({}))?;
    if respuesta.estado == 200 { Ok(respuesta.cuerpo) } else { Err(cliente.mal_estado(&respuesta)) }
}

/// Seals that were kept elsewhere; each must be of the trusted keys.
fn anclas(args: &VerificarArgs, llavero: &Llavero) -> Result<Vec<SelloFirmado>, Fallo> {
    let mut anclas = Vec::new();
    for archivo in &args.sellos {
        let texto = leer(archivo)?;
        let notas = varias(&texto, MAX_SELLOS).map_err(|e| no_se_lee(archivo, &e.to_string()))?;
        for nota in notas {
            let sello = SelloFirmado::verificar(nota, llavero, false).map_err(|e| no_se_lee(archivo, &e.to_string()))?;
            anclas.push(sello);
        }
    }
    Ok(anclas)
}

fn leer(archivo: &Path) -> Result<String, Fallo> {
    let mut texto = String::new();
    let leido = File::open(archivo).and_then(|a| a.take(MAX_ARCHIVO + 1).read_to_string(&mut texto));
    leido.map_err(|e| no_se_lee(archivo, &e.to_string()))?;
    if texto.len() as u64 > MAX_ARCHIVO {
        return Err(no_se_lee(archivo, &format!("mide más de {MAX_ARCHIVO} bytes")));
    }
    Ok(texto)
}

/// The answer of the API: a page of proofs, or one.
fn pruebas(contexto: &Contexto, archivo: &Path, llavero: &Llavero) -> Result<(), Fallo> {
    let valor: Value = serde_json::from_str(&leer(archivo)?).map_err(|e| no_se_lee(archivo, &e.to_string()))?;
    let items = valor.get("items").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![valor.clone()]);
    let salida = &contexto.salida;
    let (mut informe, mut fallas) = (Vec::new(), 0u64);
    for item in &items {
        let leida = Prueba::de_json(item).ok_or_else(|| "no es una prueba, o dice un eslabón que no es el suyo".to_owned());
        let juicio = leida.and_then(|prueba| prueba.verificar(llavero).map(|hojas| (prueba, hojas)));
        match juicio {
            Ok((prueba, hojas)) => {
                let (tipo, hoja, particion) = (&prueba.tipo, prueba.numero, prueba.particion);
                let donde = format!("hoja {} de {particion}, bajo el sello de {} hojas", entero(hoja), entero(hojas));
                salida.linea(format!("  {} {tipo}  {donde}", salida.verde("✔")));
                let id = prueba.evento_id.map(|id| id.to_string());
                informe
                    .push(json!({ "evento_id": id, "tipo": tipo, "particion": particion.to_string(), "hoja": hoja, "bien": true }));
            }
            Err(que) => {
                fallas += 1;
                salida.linea(format!("  {} {que}", salida.rojo("✖")));
                informe.push(json!({ "que": que, "bien": false }));
            }
        }
    }
    salida.resultado(&json!({ "pruebas": informe, "fallas": fallas }));
    if fallas > 0 || items.is_empty() {
        return Err(Fallo::dicho(Clase::Falla, "hay registros sin prueba"));
    }
    Ok(())
}

fn mostrar(salida: &Salida, informe: &Value, tiempo: Duration) {
    let numero = |valor: &Value, campo: &str| valor.get(campo).and_then(Value::as_u64).unwrap_or_default();
    let texto = |valor: &Value, campo: &str| valor.get(campo).and_then(Value::as_str).unwrap_or_default().to_owned();
    let lista = |campo: &str| informe.get(campo).and_then(Value::as_array).cloned().unwrap_or_default();
    for particion in lista("particiones") {
        let sin_sellar = numero(&particion, "sin_sellar");
        let cola = match sin_sellar {
            0 => String::new(),
            n => salida.amarillo(&format!("  no sellado desde la hoja {} ({})", entero(numero(&particion, "selladas")), entero(n))),
        };
        let (nombre, hojas, sellos) = (texto(&particion, "particion"), numero(&particion, "hojas"), numero(&particion, "sellos"));
        salida.linea(format!("  {nombre:<24} {:>11} registros {:>7} sellos{cola}", entero(hojas), entero(sellos)));
    }
    for hallazgo in lista("hallazgos") {
        let linea = hallazgo.get("linea").and_then(Value::as_u64).map(|n| format!("línea {n}"));
        let hoja = hallazgo.get("hoja").and_then(Value::as_u64).map(|n| format!("hoja {n}"));
        let particion = Some(texto(&hallazgo, "particion")).filter(|p| !p.is_empty());
        let donde: Vec<String> = [linea, particion, hoja].into_iter().flatten().collect();
        let que = texto(&hallazgo, "que");
        salida.linea(format!(
            "  {} {}: {que}",
            salida.rojo("✖"),
            if donde.is_empty() { "todo".to_owned() } else { donde.join(", ") }
        ));
    }
    let (hojas, sellos, fallas) = (numero(informe, "hojas"), numero(informe, "sellos"), numero(informe, "fallas"));
    let cuenta = format!("{} registros y {} sellos revisados en {:.1} s", entero(hojas), entero(sellos), tiempo.as_secs_f64());
    let juicio = match (fallas, numero(informe, "sin_sellar")) {
        (0, 0) => salida.verde("Íntegra: todo está sellado y nada cambió"),
        (0, n) => salida.verde(&format!("Íntegra: nada de lo sellado cambió; {} registros no tienen sello todavía", entero(n))),
        (n, _) => salida.rojo(&format!("{} fallas: la auditoría no es la que se selló", entero(n))),
    };
    salida.linea(format!("\n{juicio}\n{cuenta}"));
}

fn juzgar(informe: &Value, estricto: bool) -> Result<(), Fallo> {
    let sin_sellar = informe.get("sin_sellar").and_then(Value::as_u64).unwrap_or(u64::MAX);
    if informe.get("integro").and_then(Value::as_bool) != Some(true) {
        return Err(Fallo::dicho(Clase::Falla, "la auditoría no es la que se selló"));
    }
    if estricto && sin_sellar > 0 {
        return Err(Fallo::dicho(Clase::Falla, "hay registros sin sellar"));
    }
    Ok(())
}
