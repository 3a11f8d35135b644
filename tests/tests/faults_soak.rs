//! One minute of what `cargo xtask soak` does for ten, with a seed that is always the same.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_tests::alone_for;
use homeward_tests::soak::soak;

/// The last round ends after the minute.
const WITHIN: Duration = Duration::from_secs(300);

#[test]
fn a_minute_of_random_faults_breaks_no_promise() {
    let outcome = alone_for(WITHIN, || soak(1, Duration::from_secs(60)));
    assert!(outcome.rounds >= 2, "{outcome:?}");
    assert!(outcome.tally.done > 10, "too little was done for this to say anything: {outcome:?}");
}
