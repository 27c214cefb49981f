//! The page of the guide that lists every setting, written from the table.

use std::fmt::Write;

use super::AJUSTES;

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
    pagina
}
