//! OIC and OCF resources: what their payloads say, and what a person can do with them.

pub mod cbor;
pub mod controls;
pub mod device;
pub mod device_id;
pub mod discovery;
pub mod introspection;
pub mod remote_access;
pub mod security;
