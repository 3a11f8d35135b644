//! The program is killed while it has the house's password changed: at the next start it knows the one that the server has, and
//! which devices have the other. On a desktop, for both are kept in the real keyring; alone on it, for they are one account's.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::time::{Duration, Instant};

use homeward_core::view::RunState;
use homeward_tests::alone;
use homeward_tests::cli::Homewardctl;
use homeward_tests::house::{House, KEYS};
use homeward_tests::peer::PATIENCE;
use homeward_tests::server::{Kind, PASSWORD, Server};
use homeward_tests::stage::{device, run_ended};
use xtask::servers::Options;

const NEW: &str = "another horse, another battery";

/// What prosody keeps of the account.
fn kept_at(server: &Server) -> Option<Vec<u8>> {
    let Server::Prosody(prosody) = server else { panic!("this one keeps it in a file") };
    let (user, domain) = (homeward_tests::server::USER, prosody.domain().replace('.', "%2e"));
    std::fs::read(prosody.folder().join("data").join(domain).join(format!("accounts/{user}.dat"))).ok()
}

#[test]
fn killed_when_the_server_has_just_changed_it_the_home_knows_it_and_each_device_gets_it() {
    alone(async || {
        let modules = vec!["register".to_owned()];
        let server = Server::start_with(Kind::Prosody, Options { modules, ..Options::default() }).await;
        let house = House::at(server, |scenario, _| scenario, |_| ()).await;
        house.finds().await;
        for key in KEYS {
            house.onboards(key).await;
        }
        house.home.close().await;
        let ctl = Homewardctl::new(house.folder.path()).with_next_password(NEW);
        let before = kept_at(&house.server);
        let running = ctl.start(&["account", "change-password", "--allow-unencrypted", "--json"]);
        let began = Instant::now();
        while kept_at(&house.server) == before {
            assert!(began.elapsed() < PATIENCE, "it is not changed");
        }
        // The program has not seen yet that the new one opens the account.
        house.server.freeze();
        running.killed().await;
        house.server.thaw();
        assert_eq!(KEYS.map(|key| house.held(key).1), [PASSWORD, PASSWORD], "they were to get it later");

        let house = house.restarted_with(|config| config.password = None).await;
        house.home.connected(Duration::from_secs(20)).await.expect("the new password is at hand");
        house.finds().await;
        for key in KEYS {
            let known = device(&house.home, &house.id(key), "known", |device| device.credential.is_some()).await;
            assert!(!known.credential.unwrap().certain, "{key} has the old one");
        }
        house.home.onboard(house.choices(&KEYS)).await.unwrap();
        for key in KEYS {
            let run = run_ended(&house.home, &house.id(key)).await;
            assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
            assert_eq!(house.held(key).1, NEW);
            house.works(key, true).await;
        }
        assert!(!house.opens(&house.server.jid(), PASSWORD).await);
    });
}
