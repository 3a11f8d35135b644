//! `start`: from `exec` to the first words on the screen, beside a Tauri window with nothing behind it.

use crate::report::{Goal, Measurement, Series, turns};
use crate::window::{App, Display};

#[derive(Clone, Copy)]
enum Contender {
    Ours,
    Empty,
}

/// The app as on its first day: no account, no devices.
pub(crate) async fn first_paint(pairs: usize) -> Measurement {
    let display = Display::start().await;
    let [mut ours, mut empty] = ["ours", "empty Tauri window"].map(Series::new);
    for pair in 0..=pairs {
        for contender in turns(pair, &[Contender::Ours, Contender::Empty]) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let app = match contender {
                Contender::Ours => App::homeward(&display, folder.path()),
                Contender::Empty => App::empty(&display),
            };
            let painted = app.painted().await;
            app.end().await;
            // The first pair reads the programs from the disk, and does not count.
            match contender {
                _ if pair == 0 => {}
                Contender::Ours => ours.push(painted),
                Contender::Empty => empty.push(painted),
            }
        }
    }
    Measurement {
        what: "from exec to the first words on the screen of an X server without a graphics card".to_owned(),
        unit: "ms",
        series: vec![ours, empty],
        goals: vec![Goal::Ratio { of: "ours", to: "empty Tauri window", at_most: None }],
        notes: vec![
            "the screen itself is read every 2 ms; nothing is put into the app, no driver stands between".to_owned(),
            "the programs are in the page cache: a start after a reboot takes longer".to_owned(),
        ],
    }
}
