//! Tests of Inventario.
