#![no_main]
#![doc = "See `homeward_fuzz::jid`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::jid::check(data));
