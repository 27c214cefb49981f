//! What a process does of the work of an installation: serve the API, decide, feed the tables.

use std::{fmt, str::FromStr};

/// The roles of one process. All of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Papeles {
    /// Takes requests, writes commands, waits for their outcomes.
    pub api: bool,
    /// Decides the commands of the partitions that its group gives it.
    pub procesador: bool,
    /// Feeds the query tables, which are in the folder of this process or in a database.
    pub proyecciones: bool,
}

const NOMBRES: [&str; 3] = ["api", "procesador", "proyecciones"];

impl Papeles {
    pub const TODOS: Self = Self { api: true, procesador: true, proyecciones: true };

    /// Names of the roles that it has, in their order.
    pub fn nombres(self) -> impl Iterator<Item = &'static str> {
        let tiene = [self.api, self.procesador, self.proyecciones];
        NOMBRES.into_iter().zip(tiene).filter(|(_, tiene)| *tiene).map(|(nombre, _)| nombre)
    }

    /// Refuses what cannot work, and says why and what to do. `en_carpeta`: the log is in the folder, not on Kafka; `tablas_en_carpeta`:
    /// and the tables, not in a database.
    ///
    /// # Errors
    /// The text.
    pub fn revisar(self, en_carpeta: bool, tablas_en_carpeta: bool) -> Result<(), String> {
        if en_carpeta && self != Self::TODOS {
            return Err(format!(
                "con registro.tipo=embebido no se puede separar «{self}»: el registro está en la carpeta de datos y sólo un proceso la abre; \
                 quite --roles, o use registro.tipo=kafka"
            ));
        }
        if self.proyecciones && !self.api && tablas_en_carpeta {
            return Err(format!(
                "«{self}» alimenta tablas que nadie leería: las tablas de consulta están en la carpeta de este proceso y sólo él las abre; \
                 use --roles {}api,proyecciones, o tablas.tipo=cql",
                if self.procesador { "procesador," } else { "" }
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Papeles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.nombres().collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Papeles {
    type Err = String;

    /// Names with commas, in any order.
    fn from_str(texto: &str) -> Result<Self, String> {
        let mut papeles = Self { api: false, procesador: false, proyecciones: false };
        for nombre in texto.split(',').map(str::trim) {
            match nombre {
                "api" => papeles.api = true,
                "procesador" => papeles.procesador = true,
                "proyecciones" => papeles.proyecciones = true,
                otro => return Err(format!("«{otro}» no es un papel: son {}", NOMBRES.join(", "))),
            }
        }
        Ok(papeles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn los_papeles_se_leen_y_lo_que_no_puede_ser_se_explica() {
        let leer = |texto: &str| texto.parse::<Papeles>();
        assert_eq!(leer("proyecciones, api,procesador"), Ok(Papeles::TODOS));
        assert_eq!(leer("api").expect("uno").to_string(), "api");
        assert_eq!(leer("").expect_err("vacío"), "«» no es un papel: son api, procesador, proyecciones");
        assert!(leer("api,consola").expect_err("otro").contains("«consola»"));
        let revisar = |texto: &str, en_carpeta| leer(texto).expect("papeles").revisar(en_carpeta, true);
        for bien in ["api", "procesador", "api,procesador", "api,proyecciones", "api,procesador,proyecciones"] {
            assert_eq!(revisar(bien, false), Ok(()), "{bien}");
        }
        assert_eq!(revisar("api,procesador,proyecciones", true), Ok(()));
        assert!(revisar("api", true).expect_err("embebido").contains("sólo un proceso la abre"));
        let solas = revisar("proyecciones", false).expect_err("nadie las lee");
        assert!(solas.contains("sólo él las abre") && solas.contains("--roles api,proyecciones"), "{solas}");
        let con_motor = revisar("procesador,proyecciones", false).expect_err("nadie las lee");
        assert!(con_motor.contains("--roles procesador,api,proyecciones"), "{con_motor}");
        assert_eq!(leer("proyecciones").expect("uno").revisar(false, false), Ok(()), "las tablas son de una base");
    }
}
