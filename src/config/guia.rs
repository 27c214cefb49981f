//! The page of the guide that lists every setting, written from the table.

use std::fmt::Write;

use super::AJUSTES;
use crate::domain::emisor::{Emisor, ImpuestoVigente, ModoRedondeo};

const CABEZA: &str = "# Configuración\n\n\
Cuatro capas, cada una gana a la anterior:\n\n\
1. los valores por defecto de esta página;\n\
2. el archivo de `--config`, o `factumarket.toml` de la carpeta actual si existe;\n\
3. las variables de entorno `FACTUMARKET__SECCION__CLAVE`, por ejemplo `FACTUMARKET__MOTOR__MEMORIA_MB=512`;\n\
4. la orden: `--set seccion.clave=valor` (se puede repetir), `--datos`, `--direccion`.\n\n\
`factumarket config ver --origen` muestra el valor de cada ajuste y de dónde viene; `factumarket config ver > factumarket.toml` da un\n\
archivo completo para empezar. Una clave desconocida o un valor que no cabe impide arrancar: salen todos los problemas juntos, cada uno con su\n\
lugar y lo permitido.\n";

/// The whole page, in Markdown.
pub fn pagina() -> String {
    let mut pagina = CABEZA.to_owned();
    let mut seccion = "";
    for ajuste in AJUSTES {
        if ajuste.seccion() != seccion {
            seccion = ajuste.seccion();
            let _ =
                write!(pagina, "\n## `[{seccion}]`\n\n| Clave | Por defecto | Permitido | Qué es |\n| --- | --- | --- | --- |\n");
        }
        let defecto = if ajuste.defecto.is_empty() { "(vacío)".to_owned() } else { format!("`{}`", ajuste.defecto) };
        let _ = writeln!(pagina, "| `{}` | {defecto} | {} | {} |", ajuste.clave(), ajuste.tipo.permitido(), ajuste.doc);
    }
    regimenes(&mut pagina);
    pagina
}

/// What each regime brings, as the program has it.
fn regimenes(pagina: &mut String) {
    pagina.push_str("\n## Regímenes\n\n");
    pagina.push_str(
        "Lo que trae `emisor.regimen`. `emisor.impuestos` cambia el catálogo entero y `emisor.redondeo` el modo; una línea sin impuesto está \
         *excluida*, y\nuna con tarifa 0 lleva su impuesto con valor 0.\n\n| | CO | EC |\n| --- | --- | --- |\n",
    );
    let (co, ec) = (Emisor::co(), Emisor::ec());
    let fila = |pagina: &mut String, que: &str, de: &dyn Fn(&Emisor) -> String| {
        let _ = writeln!(pagina, "| {que} | {} | {} |", de(&co), de(&ec));
    };
    fila(pagina, "Moneda", &|e| e.moneda().to_owned());
    fila(pagina, "Identificación del emisor", &|e| e.identificacion.tipo.nombre().to_owned());
    fila(pagina, "Redondeo de la mitad", &|e| match e.redondeo.modo {
        ModoRedondeo::MitadPar => "al par".to_owned(),
        ModoRedondeo::MitadArriba => "hacia arriba".to_owned(),
    });
    fila(pagina, "Zona", &|_| "UTC-05:00".to_owned());
    fila(pagina, "Impuestos", &|e| e.impuestos.iter().map(vigencia).collect::<Vec<_>>().join("; "));
}

fn vigencia(impuesto: &ImpuestoVigente) -> String {
    let hasta = impuesto.hasta.map(|hasta| format!("..{hasta}")).unwrap_or_default();
    format!("{} {} {}{hasta}", impuesto.codigo, impuesto.tarifa, impuesto.desde)
}
