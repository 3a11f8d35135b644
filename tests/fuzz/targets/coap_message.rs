#![no_main]
#![doc = "See `homeward_fuzz::coap_message`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::coap_message::check(data));
