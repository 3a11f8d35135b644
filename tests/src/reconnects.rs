//! Many returns in a row, one after the other, as fast as a server takes them.
//!
//! Scope: the loop, and what was held in the course of it. A test has some hundred of them, `cargo xtask soak
//! --reconnects N` as many as are wanted.

use std::time::Duration;

use crate::fault_proxy::{Cut, Direction};
use crate::held::Held;
use crate::remote_house::{RemoteHouse, SWITCH};
use crate::stage::until_within;

/// Our choice: a return takes a twentieth of a second here.
const BACK_WITHIN: Duration = Duration::from_secs(20);
/// Our choice: caches and pools have found their size then.
const WARM_AFTER: usize = 20;
/// The tasks and files of a connection come and go while it is looked at; memory comes and goes in pages.
const BOUNDS: Held = Held { memory_kib: 8 << 10, tasks: 8, files: 8 };

/// Cuts the link so often, and returns at once each time, without the growing waits of a link that is lost again and
/// again. Now and then a press, which is done once. Returns what was held when all was warm, and at the end.
///
/// # Panics
/// When a return does not come, a press is not done once, or something has grown.
pub async fn many_returns(house: &RemoteHouse, times: usize) -> (Held, Held) {
    house.watches(&["lamp", "plug"]).await;
    let mut warm = None;
    for number in 1..=times {
        house.link.cut(if number % 2 == 0 { Cut::Reset } else { Cut::Close });
        until_within(&house.home, &format!("loss {number}"), BACK_WITHIN, |snapshot| {
            (!crate::remote_house::is_connected(&snapshot.connection)).then_some(())
        })
        .await;
        house.home.try_now();
        house.is_whole(BACK_WITHIN).await;
        if number % 25 == 0 || number == times {
            house.works_again("plug", SWITCH).await;
        }
        if number == WARM_AFTER {
            warm = Some(settled(house).await);
        }
    }
    let warm = warm.unwrap_or_else(|| panic!("fewer returns than it takes to be warm: {WARM_AFTER}"));
    let end = settled(house).await;
    assert_eq!(house.link.accepted(), times as u64 + 1, "one return takes one sign-in");
    assert_eq!(house.link.open(), 1, "{} bytes went to the server", house.link.forwarded(Direction::ToServer));
    if let Some(growth) = end.beyond(&warm, &BOUNDS) {
        panic!("{} returns let it grow {growth}", times - WARM_AFTER);
    }
    (warm, end)
}

/// What is held once what was begun has ended.
async fn settled(house: &RemoteHouse) -> Held {
    house.works_again("lamp", crate::remote_house::LIGHT).await;
    let mut least = Held::now();
    // Ends of what is over come within moments; a leak does not go away.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = Held::now();
        least = Held {
            memory_kib: least.memory_kib.min(now.memory_kib),
            tasks: least.tasks.min(now.tasks),
            files: least.files.min(now.files),
        };
    }
    least
}
