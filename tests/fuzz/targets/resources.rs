#![no_main]
#![doc = "See `homeward_fuzz::resources`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::resources::check(data));
