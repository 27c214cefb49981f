//! kill -9 of the process on Kafka: the same trial, and then a node that starts from nothing but the topics.

mod cli_comun;
mod kafka_comun;
mod libro_comun;
mod matar_comun;

use cli_comun::{correr, json, montar};

#[test]
fn twenty_deaths_on_kafka_lose_nothing_and_double_nothing() {
    let ajustes = kafka_comun::ajustes("matar");
    let ajustes: Vec<&str> = ajustes.iter().map(String::as_str).collect();
    montar(&ajustes, &kafka_comun::esquemas());
    matar_comun::veinte_muertes(&ajustes);
    let repetida = correr(&[&["topologia", "aplicar", "--json"], ajustes.as_slice()].concat());
    let informe = json(&repetida);
    assert_eq!((informe["creados"].as_array().map(Vec::len), informe["diferencias"].as_array().map(Vec::len)), (Some(0), Some(0)));
}
