//! See `saigakctl::hostile`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = saigakctl::hostile::image(bytes);
});
