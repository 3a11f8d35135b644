//! Pictures of the tile and the page of every resource type, in the real window, light and dark, to be looked at: for
//! `cargo xtask gallery`. The devices are those of the simulator's showroom, at a real server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use homeward_simulator::{Home as SimulatedHome, Kind, Scenario};
use homeward_tests::alone_for;
use homeward_tests::journey;
use homeward_tests::server::{self, PASSWORD, Server};
use homeward_tests::window::{Scheme, Window};

/// Both schemes, on two cores.
const DEADLINE: Duration = Duration::from_secs(20 * 60);
/// What is scrolled: the tiles, and the page of a device.
const SCROLLED: &str = ".scroll";
/// Our choice: no page is longer than that.
const MOST_SCREENS: usize = 20;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else { return ExitCode::from(2) };
    // A screen that does not come ends the program by a panic, with what was to be seen instead.
    alone_for(DEADLINE, async move || {
        for scheme in Scheme::BOTH {
            pictures(scheme, &folder.join(scheme.name())).await;
        }
    });
    ExitCode::SUCCESS
}

async fn pictures(scheme: Scheme, folder: &Path) {
    std::fs::create_dir_all(folder).expect("a writable folder");
    let server = Server::start(server::Kind::Prosody).await;
    let kinds = Kind::samples().chain([Kind::Strip]);
    let scenario = Scenario::of(kinds).over_xmpp_only().trusting(server.ca_file());
    let scenario = scenario.signed_in("127.0.0.1", server.port(), &server.jid(), PASSWORD);
    let simulated = SimulatedHome::start(scenario).await.expect("the showroom opens");
    let desk = tempfile::tempdir().expect("a temporary folder");
    let window = journey::open(scheme, server.form(), desk.path()).await;
    window.clicks("welcome-start").await;
    window.writes("account-password", PASSWORD).await;
    window.clicks("account-check").await;
    window.attribute("check", "data-is", "good").await;
    window.clicks("account-next").await;
    window.sees("nothing-found").await;

    window.goes_to("#/").await;
    window.attribute("strip", "data-is", "connected").await;
    screens(&window, folder, "tiles", "article").await;
    for device in simulated.devices() {
        window.goes_to(&format!("#/device/{}", device.di())).await;
        let name = device.name().to_owned();
        window.reads("device-name", "its name", |text| text == name).await;
        window.says_no_more("main", "nothing reported yet").await;
        screens(&window, folder, device.key(), "main").await;
    }
    window.close().await;
    simulated.stop().await;
}

/// One picture for each screenful, once what is under the selector `read` has been read.
async fn screens(window: &Window, folder: &Path, name: &str, read: &str) {
    for screen in 0..MOST_SCREENS {
        let file = if screen == 0 { format!("{name}.png") } else { format!("{name}-{}.png", screen + 1) };
        window.says_no_more(read, "reading its values").await;
        window.picture(&folder.join(file)).await;
        if !window.scrolls_on(SCROLLED).await {
            return;
        }
    }
}
