#![no_main]
#![doc = "See `homeward_fuzz::coap_exchange`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::coap_exchange::check(data));
