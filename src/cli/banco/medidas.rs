//! What a run costs: CPU by thread, memory, bytes written; from `/proc` of this process.

use std::{collections::BTreeMap, fs, io, time::Duration};

/// CPU time of each group of threads since the process began, by the threads' names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cpu(pub BTreeMap<String, Duration>);

impl Cpu {
    /// Of this process.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn ahora() -> io::Result<Self> {
        Self::del_proceso(std::process::id())
    }

    /// Of both together.
    #[must_use]
    pub fn mas(mut self, otra: Self) -> Self {
        for (grupo, tiempo) in otra.0 {
            *self.0.entry(grupo).or_default() += tiempo;
        }
        self
    }

    /// Of another one. Threads that ended are not in it.
    ///
    /// # Errors
    /// When `/proc` cannot be read, or the process is gone.
    pub fn del_proceso(pid: u32) -> io::Result<Self> {
        let mut grupos: BTreeMap<String, Duration> = BTreeMap::new();
        for entrada in fs::read_dir(format!("/proc/{pid}/task"))? {
            let carpeta = entrada?.path();
            // A thread may end while its folder is read.
            let (Ok(nombre), Ok(tiempo)) =
                (fs::read_to_string(carpeta.join("comm")), fs::read_to_string(carpeta.join("schedstat")))
            else {
                continue;
            };
            let nanos: u64 = tiempo.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default();
            *grupos.entry(grupo(nombre.trim())).or_default() += Duration::from_nanos(nanos);
        }
        Ok(Self(grupos))
    }

    /// What was spent since `antes`.
    pub fn desde(&self, antes: &Self) -> Self {
        let resta = |(grupo, tiempo): (&String, &Duration)| {
            (grupo.clone(), tiempo.saturating_sub(antes.0.get(grupo).copied().unwrap_or_default()))
        };
        Self(self.0.iter().map(resta).filter(|(_, tiempo)| !tiempo.is_zero()).collect())
    }

    /// Sum over all groups.
    pub fn total(&self) -> Duration {
        self.0.values().sum()
    }

    /// Sum over some groups.
    pub fn de(&self, grupos: &[&str]) -> Duration {
        grupos.iter().filter_map(|grupo| self.0.get(*grupo)).sum()
    }
}

/// `proy-3` belongs to `proy`.
fn grupo(hilo: &str) -> String {
    let raiz = hilo.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
    if raiz.is_empty() { hilo.to_owned() } else { raiz.to_owned() }
}

/// Memory and input/output of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proceso {
    pub rss_bytes: u64,
    pub rss_max_bytes: u64,
    pub escritos_bytes: u64,
}

impl Proceso {
    /// Of this process.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn ahora() -> io::Result<Self> {
        Self::del_proceso(std::process::id())
    }

    /// Of another one.
    ///
    /// # Errors
    /// When `/proc` cannot be read, or the process is gone.
    pub fn del_proceso(pid: u32) -> io::Result<Self> {
        let estado = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kib = |campo: &str| numero_tras(&estado, campo).map_or(0, |kib| kib * 1024);
        let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
        Ok(Self {
            rss_bytes: kib("VmRSS:"),
            rss_max_bytes: kib("VmHWM:"),
            escritos_bytes: numero_tras(&io, "wchar:").unwrap_or_default(),
        })
    }
}

fn numero_tras(texto: &str, campo: &str) -> Option<u64> {
    let linea = texto.lines().find_map(|linea| linea.strip_prefix(campo))?;
    linea.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_grouped_by_the_root_of_their_names() {
        assert_eq!([grupo("proy-3"), grupo("motor"), grupo("fjall:worker")], ["proy", "motor", "fjall:worker"]);
    }

    #[test]
    fn spent_cpu_is_seen() {
        let antes = Cpu::ahora().expect("/proc");
        let mut x = 0_u64;
        (0..20_000_000_u64).for_each(|n| x = std::hint::black_box(x.wrapping_add(n)));
        assert!(!Cpu::ahora().expect("/proc").desde(&antes).0.is_empty());
        assert!(Proceso::ahora().expect("/proc").rss_bytes > 0);
    }
}
