#![no_main]
#![doc = "See `homeward_fuzz::stanza`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::stanza::check(data));
