#![no_main]
#![doc = "See `homeward_fuzz::coap_transfer`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::coap_transfer::check(data));
