//! The audit's chain as a library: the tree against the vectors of RFC 6962 and a naive one, the proofs, keys and seals as texts, the
//! exported file and what becomes of it when somebody changes it.

mod arbol;
mod archivo;
mod comun;
mod mutaciones;
mod sellos;
