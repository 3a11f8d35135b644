#![no_main]
#![doc = "See `homeward_fuzz::rest`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::rest::check(data));
