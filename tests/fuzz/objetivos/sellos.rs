#![no_main]

libfuzzer_sys::fuzz_target!(|datos: &[u8]| {
    factumarket_fuzz::sellos::cuerpo(datos);
});
