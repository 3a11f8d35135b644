//! The link is lost and found again, many times in a row: nothing grows. `cargo xtask soak --reconnects 1000` does a
//! thousand of them, this test fewer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use homeward_tests::alone;
use homeward_tests::reconnects::many_returns;
use homeward_tests::remote_house::RemoteHouse;
use homeward_tests::server::Kind;

#[test]
fn a_hundred_reconnects_in_a_row_let_nothing_grow() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        let (warm, end) = many_returns(&house, 100).await;
        assert!(warm.memory_kib > 0 && warm.files > 0, "nothing was measured: {warm}, {end}");
    });
}
