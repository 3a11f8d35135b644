//! A lock with security of its own, a real server, and a home that is signed in.
//!
//! Scope: what the tests of ownership have in common. Non-scope: what becomes of a transfer.

use homeward_core::crudn::{Href, Request};
use homeward_core::view::{Takeover, TakeoverState, Via};
use homeward_core::{Home, Secret};
use homeward_simulator::{self as simulator, Kind, Scenario};
use serde_json::json;

use crate::server;
use crate::stage::{Stage, device, until};

/// A home that is signed in, and a lock that is nobody's.
pub struct LockHouse {
    /// The server, and the home under test.
    pub stage: Stage,
    /// The lock's own world; it ends with this.
    pub devices: simulator::Home,
}

impl LockHouse {
    /// All of it, and its lock.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn new() -> (Self, simulator::Device) {
        let stage = Stage::signed_in(server::Kind::Prosody).await;
        let scenario = Scenario::of([Kind::Lock]).trusting(stage.server.ca_file());
        let devices = simulator::Home::start(scenario).await.expect("what the test is about");
        let lock = devices.device("lock");
        lock.secured(simulator::Security::Unowned).expect("what the test is about");
        (Self { stage, devices }, lock)
    }

    /// The home under test.
    pub fn home(&self) -> &Home {
        &self.stage.home
    }

    /// Finds the lock, once it has told how it can be taken over.
    pub async fn finds(&self, lock: &simulator::Device) {
        self.home().start_search();
        device(self.home(), &lock.di_now(), "found, and read", |device| {
            device.lan.as_ref().is_some_and(|lan| lan.described && !lan.methods.is_empty())
        })
        .await;
    }

    /// Takes the lock over with the PIN that it shows; returns its new id.
    ///
    /// # Panics
    /// When that does not succeed.
    pub async fn owns(&self, lock: &simulator::Device) -> String {
        self.finds(lock).await;
        let id = lock.di_now();
        self.home().take_over(&id, None).expect("what the test is about");
        stands(self.home(), &id, |state| matches!(state, TakeoverState::PinNeeded { wrong: 0 })).await;
        self.home()
            .answer_pin(&id, Secret::new(lock.pin().expect("what the test is about")))
            .expect("what the test is about");
        match ended(self.home(), &id).await.state {
            TakeoverState::Owned { new_id } => new_id,
            other => panic!("not taken over: {other:#?}"),
        }
    }
}

/// Waits until a transfer stands as `fits` says.
pub async fn stands(home: &Home, id: &str, fits: impl Fn(&TakeoverState) -> bool) -> Takeover {
    until(home, &format!("the transfer of {id}"), |snapshot| {
        snapshot.takeovers.iter().find(|one| one.id == id && fits(&one.state)).cloned()
    })
    .await
}

/// Waits until a transfer has ended.
pub async fn ended(home: &Home, id: &str) -> Takeover {
    stands(home, id, is_over).await
}

/// Whether it has.
pub fn is_over(state: &TakeoverState) -> bool {
    matches!(state, TakeoverState::Owned { .. } | TakeoverState::Failed { .. } | TakeoverState::Cancelled { .. })
}

/// The lock takes changes over both paths.
///
/// # Panics
/// When it does not.
pub async fn obeys(home: &Home, lock: &simulator::Device) {
    for via in [Via::Lan, Via::Xmpp] {
        for state in ["Unlocked", "Locked"] {
            let request = Request::post(Href::new("/lock").expect("a path"), json!({"lockState": state}));
            let answer = home.request(&lock.di_now(), request, via).await.expect("what the test is about");
            assert!((200..300).contains(&answer.status), "{answer:?}");
            assert_eq!(lock.value("/lock").expect("what the test is about")["lockState"], state);
        }
    }
}
