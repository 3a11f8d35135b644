//! OIC and OCF resources: what their payloads say, and what a person can do with them.

pub mod batch;
pub mod cbor;
pub mod controls;
pub mod device;
pub mod device_id;
#[cfg(test)]
mod dialect_tests;
pub mod discovery;
pub mod introspection;
pub mod remote_access;
pub mod security;
