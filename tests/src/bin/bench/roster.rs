//! `roster_1000`: from a start with an account until a thousand devices are known.

use std::time::{Duration, Instant};

use homeward_tests::server::Server;
use homeward_xmpp::{Event, sign_in};
use tokio::time::timeout;
use xmpp_parsers::presence::Type;

use crate::ground::{PATIENCE, Simulated, account, available, home, ms_since, server, signed_in_home};
use crate::report::{Goal, Measurement, Series, turns};

const DEVICES: usize = 1000;
/// A thousand devices are each told that a client has come, and that it has gone. This long after it they have all read it.
const QUIET: Duration = Duration::from_millis(1500);

#[derive(Clone, Copy)]
enum Contender {
    Ours,
    Bare,
}

/// Ours is all of `Home::open`; the limit is a bare session that counts presences.
pub(crate) async fn thousand(pairs: usize) -> Measurement {
    let server = server().await;
    let simulated = Simulated::at_server(&server, DEVICES).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = signed_in_home(folder.path(), &server).await;
    available(&first, DEVICES).await;
    first.close().await;
    drop(first);
    let [mut ours, mut bare] = ["ours", "bare session"].map(Series::new);
    for pair in 0..pairs {
        for contender in turns(pair, &[Contender::Ours, Contender::Bare]) {
            tokio::time::sleep(QUIET).await;
            match contender {
                Contender::Ours => {
                    let began = Instant::now();
                    let home = home(folder.path()).await;
                    available(&home, DEVICES).await;
                    ours.push(ms_since(began));
                    home.close().await;
                }
                Contender::Bare => bare.push(bare_session(&server).await),
            }
        }
    }
    simulated.program.end().await;
    Measurement {
        what: format!(
            "from opening the home (its folder, the sign-in, the roster) until a reader knows {DEVICES} devices"
        ),
        unit: "ms",
        series: vec![ours, bare],
        goals: vec![Goal::AtMost("ours", 1000.0), Goal::Ratio { of: "ours", to: "bare session", at_most: None }],
        notes: vec![
            "the thousand devices share this machine, and each is told by the server that we have come".to_owned(),
            "the window shows it up to 50 ms later: it gets its events in batches".to_owned(),
        ],
    }
}

async fn bare_session(server: &Server) -> f64 {
    let account = account(server, "counts-presences");
    let began = Instant::now();
    let mut session = sign_in(&account, &mut |_| {}).await.unwrap_or_else(|failure| panic!("{failure}"));
    session.handle.roster(PATIENCE).await.expect("a roster");
    session.handle.announce(-1).await.expect("signed in");
    let counting = async {
        let mut devices = 0;
        while devices < DEVICES {
            match session.events.recv().await.expect("signed in") {
                Event::Presence(presence) if presence.type_ == Type::None => {
                    let from =
                        presence.from.as_ref().and_then(|from| from.resource().map(|resource| resource.to_string()));
                    devices += usize::from(from.is_some_and(|resource| resource.starts_with("OIC/1.0/")));
                }
                Event::Ended(cause) => panic!("the bare session ended: {cause}"),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, counting).await.expect("a thousand presences");
    let took = ms_since(began);
    session.handle.close().await;
    took
}
