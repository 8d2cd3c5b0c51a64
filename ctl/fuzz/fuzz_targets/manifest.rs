//! See `saigakctl::hostile`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = saigakctl::hostile::manifest(text);
});
