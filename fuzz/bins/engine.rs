#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| actonce_fuzz::run("engine", bytes));
