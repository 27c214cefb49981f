//! What changes from one text to another, line by line.

#![cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "only schemas are compared"))]

/// Lines that a comparison looks at: the table grows with the square.
const MAX_LINEAS: usize = 4_000;

/// The lines that go (`- …`) and come (`+ …`), in order. Lines beyond the limit are not compared, and that is said.
pub fn lineas(antes: &str, despues: &str) -> Vec<String> {
    let antes: Vec<&str> = antes.lines().take(MAX_LINEAS).collect();
    let despues: Vec<&str> = despues.lines().take(MAX_LINEAS).collect();
    let comun = comunes(&antes, &despues);
    let (mut i, mut j) = (0, 0);
    let mut cambios = Vec::new();
    while i < antes.len() || j < despues.len() {
        match (antes.get(i), despues.get(j)) {
            (Some(uno), Some(otro)) if uno == otro => (i, j) = (i + 1, j + 1),
            (Some(uno), otro) if otro.is_none() || comun[i + 1][j] >= comun[i][j + 1] => {
                cambios.push(format!("- {uno}"));
                i += 1;
            }
            (_, Some(otro)) => {
                cambios.push(format!("+ {otro}"));
                j += 1;
            }
            (_, None) => break,
        }
    }
    if antes.len() == MAX_LINEAS || despues.len() == MAX_LINEAS {
        cambios.push(format!("… sólo se comparan las primeras {MAX_LINEAS} líneas"));
    }
    cambios
}

/// At `[i][j]`: length of the longest common run of lines, not necessarily together, of what is left from there.
fn comunes(antes: &[&str], despues: &[&str]) -> Vec<Vec<u16>> {
    let mut tabla = vec![vec![0_u16; despues.len() + 1]; antes.len() + 1];
    for i in (0..antes.len()).rev() {
        for j in (0..despues.len()).rev() {
            tabla[i][j] = if antes[i] == despues[j] { tabla[i + 1][j + 1] + 1 } else { tabla[i + 1][j].max(tabla[i][j + 1]) };
        }
    }
    tabla
}

#[cfg(test)]
mod tests {
    use super::lineas;

    #[test]
    fn only_what_changes_is_told_and_in_order() {
        assert_eq!(lineas("a\nb\nc", "a\nb\nc"), [""; 0]);
        assert_eq!(lineas("a\nb\nc", "a\nx\nc\nd"), ["- b", "+ x", "+ d"]);
        assert_eq!(lineas("", "a"), ["+ a"]);
        assert_eq!(lineas("a\nb", ""), ["- a", "- b"]);
        assert_eq!(lineas("a\nb\nc\nd", "b\nd"), ["- a", "- c"]);
    }
}
