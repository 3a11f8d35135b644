//! A lock with security of its own, a real server, and a home that is signed in.
//!
//! Scope: what the tests of ownership have in common. Non-scope: what becomes of a transfer.

use homeward_core::crudn::{Href, Request};
use homeward_core::view::{OnboardChoice, RunState, Takeover, TakeoverState, Via};
use homeward_core::{Home, Secret};
use homeward_simulator::{self as simulator, Kind, Scenario};
use serde_json::json;

use crate::server;
use crate::stage::{Stage, device, run_ended, until};

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
        let devices = simulator::Home::start(scenario).await.expect("its sockets");
        let lock = devices.device("lock");
        lock.secured(simulator::Security::Unowned).expect("its sockets");
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

    /// Begins to take the lock over, until it shows its PIN; returns its id.
    ///
    /// # Panics
    /// When it does not show one in time.
    pub async fn shows_pin(&self, lock: &simulator::Device) -> String {
        self.finds(lock).await;
        let id = lock.di_now();
        self.home().take_over(&id, None).expect("a transfer");
        stands(self.home(), &id, |state| matches!(state, TakeoverState::PinNeeded { wrong: 0 })).await;
        id
    }

    /// Takes the lock over with the PIN that it shows; returns its new id.
    ///
    /// # Panics
    /// When that does not succeed.
    pub async fn owns(&self, lock: &simulator::Device) -> String {
        let id = self.shows_pin(lock).await;
        self.home().answer_pin(&id, Secret::new(lock.pin().expect("a PIN"))).expect("it is asked for");
        match ended(self.home(), &id).await.state {
            TakeoverState::Owned { new_id } => new_id,
            other => panic!("not taken over: {other:#?}"),
        }
    }

    /// Gives the lock, which is ours, the house's account.
    ///
    /// # Panics
    /// When that does not succeed.
    pub async fn gives_account(&self, id: &str) {
        self.home().onboard(vec![secured(id)]).await.expect("a run");
        let run = run_ended(self.home(), id).await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
    }
}

/// A device that is given something under its security alone.
pub fn secured(id: &str) -> OnboardChoice {
    OnboardChoice { id: id.to_owned(), allow_unencrypted: false }
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
            let answer = home.request(&lock.di_now(), request, via).await.expect("an answer");
            assert!((200..300).contains(&answer.status), "{answer:?}");
            assert_eq!(lock.value("/lock").expect("a value")["lockState"], state);
        }
    }
}
