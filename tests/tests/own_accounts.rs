//! An account for each device: made at a real server, a contact of the house's account both ways, given to the device, and
//! deleted when it is taken back. On a desktop, for their passwords are kept in the real keyring.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::Code;
use homeward_core::view::{AccountForm, Connection, Device, Knowers, LeftOnDevice, Presence, Run, RunState};
use homeward_protocol::crudn::{Method, Status};
use homeward_protocol::remote::jid::OicResource;
use homeward_protocol::secret::Secret;
use homeward_tests::alone;
use homeward_tests::cli::Homewardctl;
use homeward_tests::fault_proxy::{Cut, Direction, FaultProxy, Moment};
use homeward_tests::house::{House, KEYS, asked_more_than};
use homeward_tests::peer::PATIENCE;
use homeward_tests::secrets::{self, Told};
use homeward_tests::server::{self, Kind, PASSWORD, Server, password};
use homeward_tests::stage::{connection, device, open_home, run_ended, set_account, until};
use homeward_xmpp::Trust;
use serde_json::json;
use xtask::servers::{Ending, Options};

async fn house(kind: Kind, registration: Option<u32>) -> House {
    let server = Server::start_with(kind, Options { registration, ..Options::default() }).await;
    let house = House::at(server, |scenario, _| scenario, |_| ()).await;
    house.finds().await;
    house
}

async fn gives_own_accounts(house: &House, keys: &[&str]) {
    house.home.onboard_with_own_accounts(house.choices(keys)).await.unwrap();
    for key in keys {
        house.ended_well(key).await;
    }
}

/// The server ends and starts again, with other options.
async fn begins_anew(house: &mut House, change: impl FnOnce(&mut Options)) {
    house.server.stop(Ending::Orderly).await;
    connection(&house.home, "lost", |connection| !matches!(connection, Connection::Connected { .. })).await;
    house.server.restart_with(change).await;
    house.home.try_now();
}

/// Waits until a device has nothing from here any more.
async fn is_nobodys(house: &House, key: &str) {
    let forgotten = |device: &Device| device.remote.is_none() && device.credential.is_none();
    device(&house.home, &house.id(key), "nobody's", forgotten).await;
}

/// Waits until this password opens that account no more; nothing tells of it.
async fn is_deleted(house: &House, jid: &str, password: &str) {
    let gone = async {
        while house.opens(jid, password).await {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the account is deleted");
}

async fn each_has_its_own(kind: Kind) {
    let house = house(kind, Some(0)).await;
    gives_own_accounts(&house, &KEYS).await;
    let (lamp, plug) = (house.held("lamp"), house.held("plug"));
    assert_ne!(lamp.0, plug.0);
    assert!(lamp.1.len() >= 43 && lamp.1 != plug.1 && lamp.1 != PASSWORD, "256 bits in base64");
    for key in KEYS {
        let shown = house.is_there_with(key, "").await;
        assert!(!shown.remote.unwrap().contact, "it is ours");
        house.works(key, true).await;
    }
    assert_eq!(house.home.who_knows(), Knowers::default(), "nobody knows the house's password");
    assert_eq!(house.home.devices().len(), 2, "each is one device: {:#?}", house.home.devices());
    let secrets = [PASSWORD.as_bytes(), lamp.1.as_bytes(), plug.1.as_bytes()];
    secrets::are_nowhere(&secrets, house.folder.path(), &[]);
    // And at the next start.
    let house = house.restarted().await;
    for key in KEYS {
        assert!(!house.is_there_with(key, "").await.remote.unwrap().contact);
        house.works(key, false).await;
    }
}

#[test]
fn each_device_has_an_account_of_its_own_at_prosody() {
    alone(|| each_has_its_own(Kind::Prosody));
}

#[test]
fn each_device_has_an_account_of_its_own_at_ejabberd() {
    alone(|| each_has_its_own(Kind::Ejabberd));
}

#[test]
fn a_server_that_makes_one_wait_is_waited_for_and_that_is_told() {
    alone(async || {
        let house = house(Kind::Ejabberd, Some(5)).await;
        house.home.onboard_with_own_accounts(house.choices(&KEYS)).await.unwrap();
        until(&house.home, "a run that waits for the server", |snapshot| {
            let waits = |run: &Run| matches!(run.state, RunState::MakingAccount { retry_at_ms: Some(_) });
            snapshot.runs.iter().any(waits).then_some(())
        })
        .await;
        for key in KEYS {
            house.ended_well(key).await;
            house.works(key, true).await;
        }
    });
}

#[test]
fn a_server_that_makes_them_by_invitation_only_is_asked_for_one() {
    alone(async || {
        let server = Server::start_with(Kind::Prosody, Options { invitations: true, ..Options::default() }).await;
        let house = House::at(server, |scenario, _| scenario, |_| ()).await;
        house.finds().await;
        gives_own_accounts(&house, &KEYS).await;
        for key in KEYS {
            assert!(house.held(key).0.starts_with("device-"));
            house.works(key, true).await;
        }
    });
}

#[test]
fn an_account_that_the_person_has_is_given_to_one_device_and_is_theirs_again_when_it_is_taken_back() {
    const OWN_PASSWORD: &str = "a horse of its own";
    alone(async || {
        let house = house(Kind::Ejabberd, None).await;
        house.server.add_account("lamp", OWN_PASSWORD).await;
        let jid = house.server.jid().replacen(server::USER, "lamp", 1);
        let (lamp, plug) = (house.id("lamp"), house.id("plug"));
        let keeps = async |id: &str, jid: &str, password: &str| {
            house.home.use_account_for(id, jid, Secret::new(password)).await.map_err(|error| error.code)
        };
        assert_eq!(keeps(&lamp, &jid, "wrong").await, Err(Code::NotAuthorized));
        assert_eq!(keeps(&lamp, &house.server.jid(), PASSWORD).await, Err(Code::NotNow), "it is the house's");
        assert_eq!(keeps(&lamp, "lamp@elsewhere.test", OWN_PASSWORD).await, Err(Code::NotNow), "it is elsewhere");
        assert_eq!(keeps(&lamp, "no jid", OWN_PASSWORD).await, Err(Code::JidInvalid));
        keeps(&lamp, &jid, OWN_PASSWORD).await.unwrap();
        assert_eq!(keeps(&plug, &jid, OWN_PASSWORD).await, Err(Code::NotNow), "it is the lamp's");
        gives_own_accounts(&house, &["lamp"]).await;
        assert_eq!(house.held("lamp"), (jid.clone(), OWN_PASSWORD.to_owned()));
        house.works("lamp", true).await;
        house.home.take_account_back(&lamp).await.unwrap();
        is_nobodys(&house, "lamp").await;
        assert!(house.opens(&jid, OWN_PASSWORD).await, "it was the person's before");
        keeps(&plug, &jid, OWN_PASSWORD).await.unwrap();
    });
}

#[test]
fn at_a_server_that_makes_none_nothing_is_changed() {
    for kind in [Kind::Prosody, Kind::Ejabberd] {
        alone(async || {
            let house = house(kind, None).await;
            house.home.onboard_with_own_accounts(house.choices(&["lamp"])).await.unwrap();
            let run = run_ended(&house.home, &house.id("lamp")).await;
            let RunState::Failed { error, left } = &run.state else { panic!("{run:#?}") };
            assert_eq!((error.code, *left), (Code::AccountNotMade, LeftOnDevice::AsBefore), "{error:?}");
            // It can be given the house's instead.
            house.onboards("lamp").await;
        });
    }
}

#[test]
fn given_again_it_is_the_same_account_also_where_the_server_makes_none_any_more() {
    alone(async || {
        let mut house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &["lamp"]).await;
        let before = house.held("lamp");
        begins_anew(&mut house, |options| options.registration = None).await;
        house.home.connected(PATIENCE).await.unwrap();
        gives_own_accounts(&house, &["lamp"]).await;
        assert_eq!(house.held("lamp"), before);
        house.works("lamp", true).await;
    });
}

/// The accounts that were made for devices.
fn made_at(server: &Server) -> Vec<String> {
    let Server::Ejabberd(ejabberd) = server else { panic!("this one tells its accounts") };
    let host = json!({ "host": server.jid().split_once('@').unwrap().1 });
    let users = tokio::task::block_in_place(|| ejabberd.order("registered_users", &host)).unwrap();
    let users = users.as_array().unwrap().iter().map(|user| user.as_str().unwrap().to_owned());
    users.filter(|user| user.starts_with("device-")).collect()
}

#[test]
fn a_link_that_breaks_while_an_account_is_made_leaves_one_and_that_is_given() {
    alone(async || {
        let house = house(Kind::Ejabberd, Some(0)).await;
        let link = FaultProxy::before(&house.server).await;
        set_account(&house.home, &link.form(&house.server)).await;
        house.home.connected(PATIENCE).await.unwrap();
        // While it is seen that there is none yet, while it is made, and while it becomes a contact.
        for bytes in [1_000, 3_000, 5_000, 7_000, 8_200, 8_400, 9_000] {
            let broken = link.cut_at(Moment::After { direction: Direction::ToClient, bytes }, Cut::Close);
            house.home.onboard_with_own_accounts(house.choices(&["lamp"])).await.unwrap();
            broken.wait().await;
            let run = run_ended(&house.home, &house.id("lamp")).await;
            if let RunState::Failed { left, .. } = run.state {
                assert_eq!(left, LeftOnDevice::AsBefore, "after {bytes} bytes");
                house.home.connected(PATIENCE).await.unwrap();
                gives_own_accounts(&house, &["lamp"]).await;
            }
            let [made] = made_at(&house.server).try_into().unwrap();
            let (jid, password) = house.held("lamp");
            assert_eq!(jid.split_once('@').unwrap().0, made, "after {bytes} bytes");
            house.is_there_with("lamp", "").await;
            house.works("lamp", true).await;
            house.home.take_account_back(&house.id("lamp")).await.unwrap();
            is_nobodys(&house, "lamp").await;
            is_deleted(&house, &jid, &password).await;
        }
    });
}

#[test]
fn killed_when_its_account_has_just_been_made_it_gets_that_one_at_the_next_try() {
    alone(async || {
        let house = house(Kind::Ejabberd, Some(0)).await;
        house.home.close().await;
        let ctl = Homewardctl::new(house.folder.path());
        let lamp = house.id("lamp");
        let running = ctl.start(&["onboard", &lamp, "--own-accounts", "--allow-unencrypted", "--json"]);
        let made = async {
            loop {
                if let [made] = made_at(&house.server).as_slice() {
                    return made.clone();
                }
            }
        };
        let made = tokio::time::timeout(PATIENCE, made).await.expect("an account is made");
        house.server.freeze();
        running.killed().await;
        house.server.thaw();
        let changed = |one: homeward_simulator::LoggedRequest| one.method == Method::Post;
        assert!(!house.devices.device("lamp").requests().into_iter().any(changed), "it was given something already");
        let house = house.restarted().await;
        house.finds().await;
        gives_own_accounts(&house, &["lamp"]).await;
        assert_eq!(house.held("lamp").0.split_once('@').unwrap().0, made);
        assert_eq!(made_at(&house.server), [made]);
        house.works("lamp", true).await;
    });
}

#[test]
fn killed_while_the_server_makes_it_wait_it_gets_one_account_at_the_next_try() {
    alone(async || {
        let house = house(Kind::Ejabberd, Some(15)).await;
        house.home.close().await;
        let ctl = Homewardctl::new(house.folder.path()).with_log("info");
        let mut running = ctl.start(&["onboard", "--all", "--own-accounts", "--allow-unencrypted", "--json"]);
        // One has its account, and the other waits for its own.
        while running.line().await["result"] != json!("onboarded") {}
        running.killed().await;
        let house = house.restarted().await;
        house.finds().await;
        let [first] = made_at(&house.server).try_into().unwrap();
        gives_own_accounts(&house, &KEYS).await;
        let mut held = KEYS.map(|key| house.held(key).0.split_once('@').unwrap().0.to_owned());
        held.sort();
        let mut made = made_at(&house.server);
        made.sort();
        assert!(made == held && made.contains(&first), "{made:?} {held:?} {first}");
        for key in KEYS {
            house.works(key, true).await;
        }
    });
}

#[test]
fn whoever_has_one_devices_account_is_no_other_device() {
    alone(async || {
        let house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &KEYS).await;
        house.is_there_with("plug", "").await;
        let (lamp, password) = house.held("lamp");
        let claimed = OicResource::device("oic.d.smartplug", house.id("plug")).to_string();
        let thief = homeward_xmpp::Account {
            jid: lamp.parse().unwrap(),
            password: password.into(),
            resource: claimed.clone(),
            server: house.server.host(),
            port: house.server.port(),
            trust: Trust::load(Some(&house.server.ca_file())).unwrap(),
            layer_deadline: PATIENCE,
            at_least: None,
            resumes: false,
        };
        let session = homeward_xmpp::sign_in(&thief, &mut |_| ()).await.unwrap();
        session.handle.announce(-50).await.unwrap();
        let stranger = format!("{lamp}/{}", house.id("plug"));
        let contact = device(&house.home, &stranger, "shown as a contact's", |device| device.remote.is_some()).await;
        assert!(contact.remote.unwrap().contact);
        let plug = house.is_there_with("plug", "").await;
        assert!(plug.remote.unwrap().jid.starts_with(&house.held("plug").0), "the plug is where it was");
        house.works("plug", true).await;
    });
}

#[test]
fn taken_back_its_account_is_deleted_and_the_others_work_on() {
    alone(async || {
        let house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &KEYS).await;
        let (jid, password) = house.held("lamp");
        assert!(house.opens(&jid, &password).await);
        house.home.take_account_back(&house.id("lamp")).await.unwrap();
        is_nobodys(&house, "lamp").await;
        is_deleted(&house, &jid, &password).await;
        house.works("plug", true).await;
    });
}

#[test]
fn undone_its_account_is_deleted_too() {
    alone(async || {
        let house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &["lamp"]).await;
        let (jid, password) = house.held("lamp");
        house.home.undo_onboarding(&house.id("lamp")).await.unwrap();
        house.devices.device("lamp").wait_for_status("NotInitialized").await.unwrap();
        is_deleted(&house, &jid, &password).await;
        gives_own_accounts(&house, &["lamp"]).await;
        assert_ne!(house.held("lamp").0, jid);
        house.works("lamp", true).await;
    });
}

#[test]
fn a_lost_one_is_shut_out_wherever_it_is() {
    alone(async || {
        let house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &["lamp"]).await;
        house.onboards("plug").await;
        let (jid, password) = house.held("lamp");
        assert!(house.is_there_with("lamp", "").await.credential.unwrap().own);
        house.home.shut_out(&house.id("lamp")).await.unwrap();
        assert!(!house.opens(&jid, &password).await);
        house.devices.device("lamp").wait_for_status("Error").await.unwrap();
        let refused = house.home.shut_out(&house.id("plug")).await;
        assert_eq!(refused.unwrap_err().code, Code::NotNow, "it has the account that all share");
        house.works("plug", true).await;
    });
}

#[test]
fn the_terminal_gives_own_accounts_and_no_password_is_in_any_file_or_word() {
    alone(async || {
        let house = house(Kind::Prosody, Some(0)).await;
        house.home.close().await;
        let ctl = Homewardctl::new(house.folder.path()).with_log("trace");
        let arguments = ["onboard", &house.id("lamp"), "--own-accounts", "--allow-unencrypted", "--json"];
        let given = ctl.run(&arguments).await.exits(0);
        let (jid, password) = house.held("lamp");
        assert!(jid.starts_with("device-"), "{jid}");
        let got = ctl.run(&["get", &house.id("lamp"), "/light", "--via", "xmpp", "--json"]).await.exits(0);
        let said =
            [("given", &given), ("got", &got)].map(|(name, ended)| (name, format!("{}{}", ended.output, ended.log)));
        let said = said.each_ref().map(|(name, text)| (*name, text.as_str()));
        secrets::are_nowhere(&[password.as_bytes(), PASSWORD.as_bytes()], house.folder.path(), &said);
        ctl.run(&["shut-out", &house.id("lamp"), "--json"]).await.exits(0);
        house.devices.device("lamp").wait_for_status("Error").await.unwrap();
    });
}

#[test]
fn it_stays_with_its_account_when_the_house_moves() {
    alone(async || {
        let house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &["lamp"]).await;
        house.onboards("plug").await;
        house.server.add_account("grace", "another horse").await;
        let form = house.server.form();
        let next = AccountForm { jid: form.jid.replacen(server::USER, "grace", 1), ..form };
        house.home.begin_move(&next, Some(Secret::new("another horse"))).await.unwrap();
        until(&house.home, "signed in with both", |snapshot| {
            matches!(snapshot.moving.as_ref()?.connection, Connection::Connected { .. }).then_some(())
        })
        .await;
        assert_eq!(house.home.who_moves().here, [house.id("plug")]);
        house.home.move_devices(house.choices(&["plug"])).await.unwrap();
        house.ended_well("plug").await;
        let lamp = house.held("lamp");
        house.home.finish_move(Vec::new(), true).await.unwrap();
        for key in KEYS {
            let shown = house.is_there_with(key, "").await;
            assert!(shown.presence == Presence::Online && !shown.remote.unwrap().contact);
            house.works(key, true).await;
        }
        assert_eq!(house.held("lamp"), lamp);
    });
}

#[test]
fn a_backup_brings_the_accounts_of_devices_to_another_computer() {
    alone(async || {
        let house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &["lamp"]).await;
        let lamp = house.held("lamp");
        let file = house.folder.path().join("homeward.backup");
        let passphrase = || Secret::new("seven small words are many");
        assert_eq!(house.home.save_backup(&file, passphrase()).await.unwrap(), 1);
        secrets::are_nowhere(&[lamp.1.as_bytes()], house.folder.path(), &[]);
        house.home.close().await;

        // Another computer: another folder. To it the lamp is a contact's, until it has the backup.
        let folder = tempfile::tempdir().unwrap();
        let there = open_home(folder.path().to_owned(), |config| config.password = Some(password())).await;
        set_account(&there, &house.server.form()).await;
        let contact = format!("{}/{}", lamp.0, house.id("lamp"));
        device(&there, &contact, "a contact's", |device| device.remote.is_some()).await;
        assert_eq!(there.restore_backup(&file, passphrase()).await.unwrap(), 1);
        let available = |device: &Device| device.remote.as_ref().is_some_and(|remote| remote.available);
        let given = device(&there, &house.id("lamp"), "there", available).await.credential.unwrap();
        assert!(given.own && given.certain && given.jid == lamp.0, "{given:?}");
        assert!(there.devices().iter().all(|device| device.id != contact), "it is one device");
        there.shut_out(&house.id("lamp")).await.unwrap();
        house.devices.device("lamp").wait_for_status("Error").await.unwrap();
        there.close().await;
    });
}

async fn renews(house: &House, keys: &[&str]) {
    house.home.renew_passwords(house.choices(keys)).await.unwrap();
}

async fn gets_another_password(kind: Kind) {
    let house = house(kind, Some(0)).await;
    gives_own_accounts(&house, &KEYS).await;
    let before = KEYS.map(|key| house.held(key));
    for key in KEYS {
        house.is_there_with(key, "").await;
    }
    let told = Told::by(&house.home);
    // One by one: the other has the one that it had.
    renews(&house, &["lamp"]).await;
    house.ended_well("lamp").await;
    let (lamp, plug) = (house.held("lamp"), house.held("plug"));
    assert_eq!((&lamp.0, &plug), (&before[0].0, &before[1]), "the account is the same");
    assert!(lamp.1.len() >= 43 && lamp.1 != before[0].1, "256 bits in base64");
    assert!(house.opens(&lamp.0, &lamp.1).await && !house.opens(&lamp.0, &before[0].1).await);
    let given = house.is_there_with("lamp", "").await.credential.unwrap();
    assert!(given.own && given.certain && given.in_the_clear, "{given:?}");
    assert!(given.rotated_at_ms.is_some_and(|at| at > given.since_ms), "{given:?}");
    for key in KEYS {
        house.works(key, true).await;
    }
    let secrets = [before[0].1.as_bytes(), lamp.1.as_bytes(), plug.1.as_bytes(), PASSWORD.as_bytes()];
    secrets::are_nowhere(&secrets, house.folder.path(), &[("the events", &told.so_far())]);
    // And at the next start, from which it can be given another one again.
    let house = house.restarted().await;
    house.finds().await;
    renews(&house, &["lamp"]).await;
    house.ended_well("lamp").await;
    assert_ne!(house.held("lamp").1, lamp.1);
    house.works("lamp", false).await;
}

#[test]
fn it_gets_another_password_in_place_at_prosody() {
    alone(|| gets_another_password(Kind::Prosody));
}

#[test]
fn it_gets_another_password_in_place_at_ejabberd() {
    alone(|| gets_another_password(Kind::Ejabberd));
}

#[test]
fn one_that_refuses_its_new_password_works_on_with_the_one_that_it_has() {
    alone(async || {
        let mut house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &KEYS).await;
        for key in KEYS {
            house.is_there_with(key, "").await;
        }
        let before = KEYS.map(|key| house.held(key));
        let user = house.devices.device("lamp").user_href().unwrap();
        house.devices.device("lamp").refuses(user.as_str(), Status(503));
        renews(&house, &KEYS).await;
        house.ended_well("plug").await;
        let run = run_ended(&house.home, &house.id("lamp")).await;
        let RunState::Failed { left, .. } = run.state else { panic!("{run:#?}") };
        assert_eq!(left, LeftOnDevice::AsBefore);
        assert_eq!(house.held("lamp"), before[0]);
        assert!(house.opens(&before[0].0, &before[0].1).await, "the server has it again");
        // It has not left; and can sign in anew, and is known as before.
        house.works("lamp", true).await;
        begins_anew(&mut house, |_| ()).await;
        for key in KEYS {
            house.is_there_with(key, "").await;
        }
        let given = house.is_there_with("lamp", "").await.credential.unwrap();
        assert!(given.own && given.certain, "{given:?}");
        for key in KEYS {
            house.works(key, true).await;
        }
        house.devices.device("lamp").accepts(user.as_str());
        renews(&house, &["lamp"]).await;
        house.ended_well("lamp").await;
        assert_ne!(house.held("lamp"), before[0]);
    });
}

#[test]
fn where_the_server_changes_no_passwords_the_device_gets_its_own_back() {
    alone(async || {
        let mut house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &["lamp"]).await;
        let before = house.held("lamp");
        begins_anew(&mut house, |options| options.registration = None).await;
        house.home.connected(PATIENCE).await.unwrap();
        house.is_there_with("lamp", "").await;
        renews(&house, &["lamp"]).await;
        let run = run_ended(&house.home, &house.id("lamp")).await;
        let RunState::Failed { error, left } = run.state else { panic!("{run:#?}") };
        assert_eq!((error.code, left), (Code::PasswordNotChanged, LeftOnDevice::AsBefore), "{error:?}");
        assert_eq!(house.held("lamp"), before);
        let given = house.is_there_with("lamp", "").await.credential.unwrap();
        assert!(given.own && given.certain, "{given:?}");
        house.works("lamp", true).await;
    });
}

#[test]
fn one_that_is_away_and_one_that_shares_its_account_get_none() {
    alone(async || {
        let house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &["lamp"]).await;
        house.onboards("plug").await;
        let refused = house.home.renew_passwords(house.choices(&KEYS)).await;
        assert_eq!(refused.unwrap_err().code, Code::NotNow, "the plug has the account that all share");
        let before = house.held("lamp");
        house.home.stop_search();
        house.devices.device("lamp").goes_away();
        device(&house.home, &house.id("lamp"), "away", |device| device.presence == Presence::Offline).await;
        renews(&house, &["lamp"]).await;
        let run = run_ended(&house.home, &house.id("lamp")).await;
        let RunState::Failed { error, left } = run.state else { panic!("{run:#?}") };
        assert_eq!((error.code, left), (Code::NotReachable, LeftOnDevice::AsBefore));
        assert!(house.opens(&before.0, &before.1).await, "nothing was changed at the server");
    });
}

#[test]
fn killed_at_any_request_of_it_a_device_gets_another_password_at_the_next_try() {
    alone(async || {
        let mut house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &["lamp"]).await;
        let (ctl, lamp) = (Homewardctl::new(house.folder.path()), house.devices.device("lamp"));
        let (mut killed, mut torn) = (0, 0);
        loop {
            let before = house.held("lamp");
            house.home.close().await;
            lamp.forgets_requests().slow(Duration::from_millis(300));
            let running = ctl.start(&["rotate", lamp.di(), "--allow-unencrypted", "--json"]);
            let nth = lamp.wait_for(PATIENCE, "to be asked once more", asked_more_than(killed));
            let nth_came = running.killed_at(nth).await;
            lamp.wait_until_all_is_answered().await.unwrap();
            lamp.slow(Duration::ZERO);
            house = house.restarted().await;
            house.finds().await;
            let ended = nth_came.is_none();
            if let Some(came) = nth_came {
                came.unwrap();
                killed += 1;
                if house.held("lamp") != before && house.opens(&before.0, &before.1).await {
                    // The account gets it after the device.
                    torn += 1;
                    let shown = house.home.devices().into_iter().find(|device| device.id == lamp.di()).unwrap();
                    assert!(shown.credential.as_ref().is_some_and(|given| given.own && !given.certain), "{shown:#?}");
                }
                renews(&house, &["lamp"]).await;
                house.ended_well("lamp").await;
            }
            let now = house.held("lamp");
            assert!(now.1 != before.1 && house.opens(&now.0, &now.1).await, "after {killed}");
            assert!(!house.opens(&before.0, &before.1).await, "after {killed}");
            assert!(house.is_there_with("lamp", "").await.credential.unwrap().certain, "after {killed}");
            house.works("lamp", true).await;
            if ended {
                break;
            }
        }
        assert!(killed > 3 && torn > 0, "it was killed {killed} times, {torn} of them in between");
    });
}

#[test]
fn the_terminal_gives_another_password_and_it_is_in_no_file_or_word() {
    alone(async || {
        let house = house(Kind::Prosody, Some(0)).await;
        gives_own_accounts(&house, &KEYS).await;
        let before = house.held("lamp");
        house.home.close().await;
        let ctl = Homewardctl::new(house.folder.path()).with_log("trace");
        ctl.run(&["rotate", &house.id("lamp"), "--json"]).await.exits(1);
        assert_eq!(house.held("lamp"), before, "without consent nothing is sent");
        let renewed = ctl.run(&["rotate", "--all", "--allow-unencrypted", "--json"]).await.exits(0);
        let lamp = house.held("lamp");
        assert_ne!(lamp, before);
        let secrets = [before.1.as_bytes(), lamp.1.as_bytes(), PASSWORD.as_bytes()];
        secrets::are_nowhere(&secrets, house.folder.path(), &[("out", &renewed.output), ("log", &renewed.log)]);
        ctl.run(&["get", &house.id("lamp"), "/light", "--via", "xmpp", "--json"]).await.exits(0);
        ctl.run(&["shut-out", &house.id("plug"), "--json"]).await.exits(0);
        ctl.run(&["rotate", &house.id("plug"), "--json"]).await.exits(2);
    });
}
