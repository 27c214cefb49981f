use proptest::prelude::*;

use super::*;

fn dia(anio: i32, mes: u32, dia: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(anio, mes, dia).unwrap()
}

fn instante(rfc3339: &str) -> Instante {
    Instante(DateTime::parse_from_rfc3339(rfc3339).unwrap().timestamp_micros())
}

#[test]
fn el_dia_cambia_a_medianoche_en_bogota() {
    for (texto, esperado) in [
        ("2026-11-23T04:59:59.999999Z", dia(2026, 11, 22)),
        ("2026-11-23T05:00:00.000000Z", dia(2026, 11, 23)),
        ("2026-11-24T04:59:59.999999Z", dia(2026, 11, 23)),
        ("2026-01-01T04:59:59Z", dia(2025, 12, 31)),
        ("2024-02-29T23:59:59-05:00", dia(2024, 2, 29)),
        ("1969-12-31T23:00:00-05:00", dia(1969, 12, 31)),
        ("1970-01-01T00:00:00Z", dia(1969, 12, 31)),
    ] {
        assert_eq!(instante(texto).fecha_en_utc_menos_5(), esperado, "{texto}");
    }
    assert_eq!(Instante(i64::MAX).fecha_en_utc_menos_5(), NaiveDate::MAX);
    assert_eq!(Instante(i64::MIN).fecha_en_utc_menos_5(), NaiveDate::MIN);
}

#[test]
fn rfc3339_en_utc_con_microsegundos() {
    assert_eq!(instante("2026-11-23T07:00:00.5-05:00").rfc3339(), "2026-11-23T12:00:00.500000Z");
    assert_eq!(Instante(0).mas_milis(-1).rfc3339(), "1969-12-31T23:59:59.999000Z");
    assert_eq!(Instante(i64::MAX).mas_milis(1), Instante(i64::MAX));
}

#[test]
fn solo_fechas_que_existen_y_en_su_forma() {
    assert_eq!(fecha_iso("2024-02-29"), Some(dia(2024, 2, 29)));
    for texto in [
        "",
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-11-31",
        "2026-1-01",
        "26-11-23",
        "2026/11/23",
        "23-11-2026",
        " 2026-11-23",
        "2026-11-23T00:00:00Z",
        "+026-11-23",
        "2026-11-2é",
        "２026-11-2",
    ] {
        assert_eq!(fecha_iso(texto), None, "{texto:?}");
    }
}

proptest! {
    #[test]
    fn el_dia_es_el_del_calendario_en_utc_menos_5(micros in -60_000_000_000_000_000_i64..250_000_000_000_000_000) {
        let esperado = (DateTime::<Utc>::from_timestamp_micros(micros).unwrap() - chrono::TimeDelta::hours(5)).date_naive();
        prop_assert_eq!(Instante(micros).fecha_en_utc_menos_5(), esperado);
    }

    #[test]
    fn fecha_iso_lee_lo_que_escribe_el_calendario(ce in 1_i32..3_652_000) {
        let fecha = NaiveDate::from_num_days_from_ce_opt(ce).unwrap();
        prop_assert_eq!(fecha_iso(&fecha.to_string()), Some(fecha));
    }
}
