#![no_main]
#![doc = "See `homeward_fuzz::cbor`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::cbor::check(data));
