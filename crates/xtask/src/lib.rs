//! What the project's own commands and its tests share: real XMPP servers, started and ended by the program itself.
//!
//! Not here: the commands (`cargo xtask …` is the binary beside this library), and anything that devices or the app do.

#[cfg(unix)]
pub mod servers;
