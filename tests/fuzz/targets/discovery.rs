#![no_main]
#![doc = "See `homeward_fuzz::discovery`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::discovery::check(data));
