//! kill -9 of the process on its embedded log.

mod cli_comun;
mod libro_comun;
mod matar_comun;

#[test]
fn twenty_deaths_lose_nothing_and_double_nothing() {
    matar_comun::veinte_muertes(&[]);
}
