//! The table: every resource type of the OCF resource type definitions, and those that devices have of their own.
//!
//! Properties and access as in the definitions; units as their descriptions have them. Types without a line (and
//! `oic.r.userinfo`, whose properties are for each vendor to say) are read from what the device tells (`derived`).

mod body;
mod climate;
mod device;
mod energy;
mod house;
mod kitchen;
mod light;
mod media;
mod sensors;

use super::row::Type;

/// All of it, in the order in which a person wants to see it.
const TABLES: &[&[Type]] = &[
    light::TYPES,
    house::TYPES,
    climate::TYPES,
    kitchen::TYPES,
    media::TYPES,
    energy::TYPES,
    sensors::TYPES,
    body::TYPES,
    device::TYPES,
];

/// The types that the table knows.
pub(super) fn types() -> impl Iterator<Item = &'static Type> {
    TABLES.iter().flat_map(|types| types.iter())
}
