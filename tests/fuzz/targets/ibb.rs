#![no_main]
#![doc = "See `homeward_fuzz::ibb`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::ibb::check(data));
