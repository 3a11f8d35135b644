#![no_main]
#![doc = "See `homeward_fuzz::dtls`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::dtls::check(data));
