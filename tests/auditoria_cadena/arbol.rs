//! The tree: the vectors of RFC 6962's own implementation, the naive definition, and the proofs.

use std::convert::Infallible;

use factumarket::audit::cadena::{
    Digesto, hex,
    merkle::{self, Frontera, Nodos, consistencia, inclusion, nodo, raiz, vacio, verificar_consistencia, verificar_inclusion},
};
use proptest::prelude::*;

/// The leaves of the Certificate Transparency test vectors, and the roots of their first n.
const HOJAS: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const RAICES: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// MTH of RFC 6962, section 2.1, as it is written there.
fn ingenua(hojas: &[Digesto]) -> Digesto {
    match hojas.len() {
        0 => vacio(),
        1 => hojas[0],
        n => {
            let k = n.next_power_of_two() / 2;
            nodo(&ingenua(&hojas[..k]), &ingenua(&hojas[k..]))
        }
    }
}

struct DeHojas<'a>(&'a [Digesto]);

impl Nodos for DeHojas<'_> {
    type Error = Infallible;

    fn nodo(&self, nivel: u32, indice: u64) -> Result<Digesto, Infallible> {
        let (ancho, desde) = (1usize << nivel, usize::try_from(indice << nivel).expect("cabe"));
        Ok(ingenua(&self.0[desde..desde + ancho]))
    }
}

fn hojas(cuantas: usize) -> Vec<Digesto> {
    (0..cuantas).map(|n| merkle::hoja(&n.to_be_bytes())).collect()
}

#[test]
fn the_vectors_of_rfc_6962_hold() {
    let mut frontera = Frontera::default();
    assert_eq!(hex(&frontera.raiz()), RAICES[0]);
    for (hoja, esperada) in HOJAS.iter().zip(&RAICES[1..]) {
        frontera.agregar(merkle::hoja(hoja));
        assert_eq!(hex(&frontera.raiz()), *esperada);
    }
    assert_eq!(frontera.hojas(), 8);
    assert_eq!(frontera.nodos().len(), 1, "eight leaves are one perfect tree");
}

/// The audit path and the consistency proof of RFC 6962's example of seven leaves (section 2.1.3).
#[test]
fn the_example_of_the_rfc_has_its_proofs() {
    let d = hojas(7);
    let (n, arbol) = (|desde: usize, hasta: usize| ingenua(&d[desde..hasta]), DeHojas(&d));
    assert_eq!(inclusion(&arbol, 0, 7).unwrap(), [d[1], n(2, 4), n(4, 7)]);
    assert_eq!(inclusion(&arbol, 3, 7).unwrap(), [d[2], n(0, 2), n(4, 7)]);
    assert_eq!(inclusion(&arbol, 4, 7).unwrap(), [d[5], d[6], n(0, 4)]);
    assert_eq!(inclusion(&arbol, 6, 7).unwrap(), [n(4, 6), n(0, 4)]);
    assert_eq!(consistencia(&arbol, 3, 7).unwrap(), [d[2], d[3], n(0, 2), n(4, 7)]);
    assert_eq!(consistencia(&arbol, 4, 7).unwrap(), [n(4, 7)]);
    assert_eq!(consistencia(&arbol, 6, 7).unwrap(), [n(4, 6), d[6], n(0, 4)]);
}

/// Every pair up to 40: proofs hold for what they prove, and for no other leaf, size or root.
#[test]
fn every_proof_of_small_trees_holds_and_no_other() {
    const MAX: usize = 40;
    let d = hojas(MAX);
    let raices: Vec<Digesto> = (0..=MAX).map(|n| ingenua(&d[..n])).collect();
    for n in 1..=MAX {
        let (arbol, hojas) = (DeHojas(&d[..n]), n as u64);
        assert_eq!(raiz(&arbol, hojas).unwrap(), raices[n]);
        for i in 0..n {
            let camino = inclusion(&arbol, i as u64, hojas).unwrap();
            assert!(verificar_inclusion(&d[i], i as u64, hojas, &camino, &raices[n]));
            let otra = (i + 1) % n;
            assert!(n == 1 || !verificar_inclusion(&d[i], otra as u64, hojas, &camino, &raices[n]), "{i} as {otra} of {n}");
            assert!(!verificar_inclusion(&d[(i + 1) % MAX], i as u64, hojas, &camino, &raices[n]));
            assert!(!verificar_inclusion(&d[i], i as u64, hojas, &camino, &raices[n - 1]));
            assert!(!verificar_inclusion(&d[i], hojas, hojas, &camino, &raices[n]), "no leaf beyond the last");
        }
        for m in 0..=n {
            let (antes, camino) = (m as u64, consistencia(&arbol, m as u64, hojas).unwrap());
            assert!(verificar_consistencia(antes, hojas, &camino, &raices[m], &raices[n]), "{m} to {n}");
            assert!(!verificar_consistencia(antes, hojas, &camino, &d[0], &raices[n]) || raices[m] == d[0]);
            assert!(m == n || !verificar_consistencia(hojas, antes, &camino, &raices[n], &raices[m]), "never backwards");
        }
    }
    assert!(inclusion(&DeHojas(&d), 40, 40).unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn leaf_by_leaf_is_the_definition(cuantas in 0usize..300) {
        let d = hojas(cuantas);
        let mut frontera = Frontera::default();
        d.iter().for_each(|hoja| frontera.agregar(*hoja));
        prop_assert_eq!(frontera.raiz(), ingenua(&d));
        let retomada = Frontera::retomada(frontera.hojas(), frontera.nodos().to_vec());
        prop_assert_eq!(retomada, Some(frontera.clone()));
        prop_assert_eq!(Frontera::retomada(frontera.hojas() + 1, frontera.nodos().to_vec()).is_some(), (cuantas as u64).count_ones() == (cuantas as u64 + 1).count_ones());
    }

    #[test]
    fn any_bit_of_an_inclusion_proof_counts(cuantas in 2usize..200, cual in any::<prop::sample::Index>(), bit in 0usize..256, donde in any::<prop::sample::Index>()) {
        let (d, i) = (hojas(cuantas), cual.index(cuantas));
        let (arbol, total, r) = (DeHojas(&d), cuantas as u64, ingenua(&d));
        let mut camino = inclusion(&arbol, i as u64, total).unwrap();
        prop_assert!(verificar_inclusion(&d[i], i as u64, total, &camino, &r));
        let lugar = donde.index(camino.len());
        camino[lugar][bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verificar_inclusion(&d[i], i as u64, total, &camino, &r));
        camino[lugar][bit / 8] ^= 1 << (bit % 8);
        let (mut hoja, mut otra) = (d[i], r);
        hoja[bit / 8] ^= 1 << (bit % 8);
        otra[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verificar_inclusion(&hoja, i as u64, total, &camino, &r));
        prop_assert!(!verificar_inclusion(&d[i], i as u64, total, &camino, &otra));
        camino.pop();
        prop_assert!(!verificar_inclusion(&d[i], i as u64, total, &camino, &r), "a shorter one proves nothing");
    }

    #[test]
    fn any_bit_of_a_consistency_proof_counts(antes in 1usize..150, mas in 1usize..100, bit in 0usize..256, donde in any::<prop::sample::Index>()) {
        let d = hojas(antes + mas);
        let (arbol, m, n) = (DeHojas(&d), antes as u64, (antes + mas) as u64);
        let (r_m, r_n) = (ingenua(&d[..antes]), ingenua(&d));
        let mut camino = consistencia(&arbol, m, n).unwrap();
        prop_assert!(verificar_consistencia(m, n, &camino, &r_m, &r_n));
        let lugar = donde.index(camino.len());
        camino[lugar][bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verificar_consistencia(m, n, &camino, &r_m, &r_n));
        camino[lugar][bit / 8] ^= 1 << (bit % 8);
        camino.push(r_m);
        prop_assert!(!verificar_consistencia(m, n, &camino, &r_m, &r_n), "a longer one proves nothing");
    }
}
