//! The local network against scripted devices on real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod client;
mod listening;
mod observation;
mod search;
