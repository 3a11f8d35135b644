//! One device of a running home, as a test plays with it: `home.device("lamp").loses_next(2)`.
//!
//! Scope: knobs, values, the request log, waiting. Every wait is for an event; none sleeps. Non-scope: how the device
//! does what the knobs say (`unit`, `lan`, `remote`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use homeward_protocol::crudn::{Href, Status};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::home::Ground;
use crate::journal::LoggedRequest;
use crate::knobs::{Knobs, Loss, Objection, Security};
use crate::model::{Dialect, Ownership, RaStatus};
use crate::unit::Unit;

/// How long the waits without a time of their own last. Our choice: far longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Something did not happen in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waited {within:?} for {device} {what}, in vain")]
pub struct NotInTime {
    /// Which device.
    pub device: String,
    /// What was waited for.
    pub what: String,
    /// How long.
    pub within: Duration,
}

/// One device of a running home. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Device {
    unit: Arc<Unit>,
    ground: Arc<Ground>,
}

/// Who it is, and how it is.
impl Device {
    pub(crate) fn new(unit: Arc<Unit>, ground: Arc<Ground>) -> Self {
        Self { unit, ground }
    }

    /// What tests call it: `lamp`, `lamp-2`.
    pub fn key(&self) -> &str {
        &self.unit.identity.key
    }

    /// The id that it has from its maker, the same for the same seed.
    pub fn di(&self) -> &str {
        &self.unit.identity.di
    }

    /// Its id now: another one once it was taken over, or reset.
    pub fn di_now(&self) -> String {
        self.unit.state().model.di()
    }

    /// The PIN that it shows, by which it can be taken over.
    pub fn pin(&self) -> Option<String> {
        self.unit.state().model.ownership.as_ref()?.pin().map(str::to_owned)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.unit.identity.name
    }

    /// The resource type that says what it is: `oic.d.light`.
    pub fn device_type(&self) -> &str {
        &self.unit.identity.device_type
    }

    /// OCF or OIC 1.1.
    pub fn dialect(&self) -> Dialect {
        self.unit.identity.dialect
    }

    /// Where it answers to unicast now; nowhere while it is away.
    pub fn endpoints(&self) -> Vec<SocketAddr> {
        self.unit.state().model.endpoints.clone()
    }

    /// The path of its `oic.ra.xmpp`; none without Remote Access.
    pub fn xmpp_href(&self) -> Option<Href> {
        self.unit.state().model.remote.as_ref().map(|remote| remote.xmpp.clone())
    }

    /// The path of its `oic.ra.user`; none without Remote Access.
    pub fn user_href(&self) -> Option<Href> {
        self.unit.state().model.remote.as_ref().map(|remote| remote.user.clone())
    }

    /// What its `oic.ra.xmpp` says; none without Remote Access.
    pub fn status(&self) -> Option<RaStatus> {
        self.unit.state().model.remote.as_ref().map(|remote| remote.status.clone())
    }

    /// Its full JID, while it is signed in.
    pub fn jid(&self) -> Option<String> {
        self.unit.state().jid.clone()
    }

    /// Whether it has a resource at this path.
    pub fn has(&self, href: &str) -> bool {
        self.value(href).is_some()
    }

    /// What the resource at this path holds, the credential included; none if there is no such resource.
    pub fn value(&self, href: &str) -> Option<Value> {
        Href::new(href).ok().and_then(|href| self.unit.state().model.value(&href))
    }

    /// Changes properties as a hand on the device would, those that are read-only over the network too.
    ///
    /// # Panics
    /// If there is no such resource, or `value` is no map.
    pub fn set_value(&self, href: &str, value: Value) -> &Self {
        let href = self.known(href);
        let properties = value.as_object();
        assert!(properties.is_some(), "a representation is a map, not {value}");
        self.unit.set_from_within(&href, properties.unwrap_or(&serde_json::Map::new()));
        self
    }

    /// The requests that reached it, oldest first; the last 2,000.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.unit.state().journal.entries()
    }

    /// Empties the request log.
    pub fn forgets_requests(&self) -> &Self {
        self.unit.state().journal.clear();
        self
    }

    fn known(&self, href: &str) -> Href {
        let is_of_security = href.starts_with("/oic/sec/");
        assert!(is_of_security || self.has(href), "{} has nothing at {href}", self.key());
        Href::new(href).expect("what a device has is a path")
    }
}

/// Knobs. Each lasts until it is turned back.
impl Device {
    /// Refuses POST, PUT and DELETE there with this status.
    ///
    /// # Panics
    /// If there is no such resource.
    pub fn refuses(&self, href: &str, status: Status) -> &Self {
        self.object(href, status, "refused by the simulated home", None)
    }

    /// As [`Device::refuses`], in these words.
    ///
    /// # Panics
    /// If there is no such resource.
    pub fn refuses_saying(&self, href: &str, status: Status, words: &str) -> &Self {
        self.object(href, status, words, None)
    }

    /// As [`Device::refuses`], so many times.
    ///
    /// # Panics
    /// If there is no such resource.
    pub fn refuses_next(&self, href: &str, status: Status, times: u32) -> &Self {
        self.object(href, status, "refused by the simulated home", Some(times))
    }

    pub(crate) fn object(&self, href: &str, status: Status, words: &str, left: Option<u32>) -> &Self {
        let path = self.known(href).path().to_owned();
        let objection = Objection { status, words: words.to_owned(), left };
        self.turn(|knobs| {
            if left == Some(0) {
                knobs.refuses.remove(&path);
            } else {
                knobs.refuses.insert(path, objection);
            }
        })
    }

    /// No longer refuses anything there.
    pub fn accepts(&self, href: &str) -> &Self {
        self.turn(|knobs| {
            knobs.refuses.remove(href);
            knobs.wanted_interfaces.remove(href);
        })
    }

    /// Refuses changes there with 4.03 unless they are asked for with `if=` this interface, which its link lists then.
    ///
    /// # Panics
    /// If there is no such resource.
    pub fn wants_interface(&self, href: &str, interface: &str) -> &Self {
        let path = self.known(href).path().to_owned();
        self.turn(|knobs| {
            knobs.wanted_interfaces.insert(path, interface.to_owned());
        })
    }

    /// Takes so long for each request.
    pub fn slow(&self, delay: Duration) -> &Self {
        self.turn(|knobs| knobs.delay = delay)
    }

    /// Stays in its old session for so long when server or account change, and only then signs in anew.
    pub fn signs_in_slowly(&self, delay: Duration) -> &Self {
        self.turn(|knobs| knobs.sign_in_delay = delay)
    }

    /// Does not sign in, and says this instead.
    pub fn reports_error(&self, reason: &str) -> &Self {
        self.turn(|knobs| knobs.reports_error = Some(reason.to_owned()))
    }

    /// Signs in again, after [`Device::reports_error`].
    pub fn recovers(&self) -> &Self {
        self.turn(|knobs| knobs.reports_error = None)
    }

    /// Loses the next datagrams that arrive.
    pub fn loses_next(&self, datagrams: u32) -> &Self {
        self.turn(|knobs| knobs.loss.next_in = datagrams)
    }

    /// Loses the next datagrams that it sends.
    pub fn loses_next_answers(&self, datagrams: u32) -> &Self {
        self.turn(|knobs| knobs.loss.next_out = datagrams)
    }

    /// Loses so many datagrams of a hundred, both ways: the same ones for the same seed.
    pub fn loses(&self, percent: u8, seed: u64) -> &Self {
        let dice = StdRng::seed_from_u64(seed);
        self.turn(|knobs| knobs.loss = Loss { percent, dice, ..Loss::default() })
    }

    /// Whether each datagram that it sends is sent twice, in the clear and over DTLS.
    pub fn duplicates_datagrams(&self, duplicates: bool) -> &Self {
        self.turn(|knobs| knobs.duplicates = duplicates)
    }

    /// Whether its flights of DTLS leave in reversed order: each record in a datagram of its own, the last first. In
    /// the clear each datagram is by itself, and has no order to be changed.
    pub fn reorders_datagrams(&self, reorders: bool) -> &Self {
        self.turn(|knobs| knobs.reorders = reorders)
    }

    /// Hears requests and leaves them undone and without an answer, over both paths. It stays signed in.
    pub fn stops_answering(&self) -> &Self {
        self.turn(|knobs| knobs.silent = true)
    }

    /// Answers again, after [`Device::stops_answering`].
    pub fn answers_again(&self) -> &Self {
        self.turn(|knobs| knobs.silent = false)
    }

    /// Does what the next requests ask, and sends no answer.
    pub fn swallows_next_answers(&self, answers: u32) -> &Self {
        self.turn(|knobs| knobs.swallows = answers)
    }

    /// Says over XMPP that it is another device.
    pub fn returns_wrong_identity(&self) -> &Self {
        self.turn(|knobs| knobs.wrong_identity = Some("00000000-0bad-4bad-8bad-000000000bad".to_owned()))
    }

    /// Says who it is again.
    pub fn returns_its_identity(&self) -> &Self {
        self.turn(|knobs| knobs.wrong_identity = None)
    }

    /// Whether it lets anybody read `oic.ra.user` (RA-7). It does not by default.
    pub fn shows_credentials(&self, shows: bool) -> &Self {
        self.turn(|knobs| knobs.shows_credentials = shows)
    }

    /// Whether it answers updates with the new value. By default OIC 1.1 devices do, and OCF devices answer without a body.
    pub fn answers_updates_with_value(&self, with_value: bool) -> &Self {
        self.turn(|knobs| knobs.answers_updates_with_value = Some(with_value))
    }

    /// Whether answers to multicast are confirmable.
    pub fn confirms_multicast(&self, confirmable: bool) -> &Self {
        self.turn(|knobs| knobs.confirmable_multicast = confirmable)
    }

    /// Whether later blocks are refused (4.08) to an endpoint that did not ask for the first.
    pub fn forgets_blocks(&self, forgets: bool) -> &Self {
        self.turn(|knobs| knobs.forgets_blocks = forgets)
    }

    /// Whether an Observe is answered as a plain GET.
    pub fn ignores_observe(&self, ignores: bool) -> &Self {
        self.turn(|knobs| knobs.ignores_observe = ignores)
    }

    /// Whether answers over XMPP leave `X-Request-Id` out.
    pub fn forgets_request_ids(&self, forgets: bool) -> &Self {
        self.turn(|knobs| knobs.forgets_request_ids = forgets)
    }

    /// Whether a second In-Band Bytestream of the same peer is refused.
    pub fn takes_one_session(&self, one: bool) -> &Self {
        self.turn(|knobs| knobs.takes_one_session = one)
    }

    /// The largest IBB block that it agrees to, in bytes; a larger one is refused with `resource-constraint`.
    pub fn takes_blocks_up_to(&self, bytes: u16) -> &Self {
        self.turn(|knobs| knobs.largest_block = bytes)
    }

    /// Wants secured sessions for Remote Access, or, where somebody else owns it, for all but discovery. It is on the
    /// network at new ports then.
    ///
    /// # Errors
    /// The sockets cannot be opened.
    ///
    /// # Panics
    /// Its id is no UUID: all of the cast's are.
    pub fn secured(&self, security: Security) -> std::io::Result<&Self> {
        let device = uuid::Uuid::parse_str(self.di()).expect("the cast's ids are UUIDs");
        self.unit.state().model.ownership = Ownership::new(device, security);
        self.ground.put_on_lan(&self.unit)?;
        Ok(self)
    }

    /// Offers these ways to be taken over (`oxms`: 0 Just Works, 1 random PIN), once it is a secured one.
    pub fn offers(&self, methods: &[u64]) -> &Self {
        self.own(|ownership| ownership.methods = methods.to_vec())
    }

    /// Says in the clear that nobody owns it, though somebody does.
    pub fn claims_to_be_unowned(&self, claims: bool) -> &Self {
        self.own(|ownership| ownership.claims_unowned = claims)
    }

    /// Says to its owner, over the secured session, that it is another device.
    pub fn says_another_id_to_its_owner(&self, says: bool) -> &Self {
        self.own(|ownership| ownership.says_it_is = says.then(|| uuid::Uuid::from_u128(0xbad)))
    }

    /// Whether it has `/oic/sec/sdi`.
    pub fn has_sdi(&self, has: bool) -> &Self {
        self.own(|ownership| ownership.has_sdi = has)
    }

    /// Lets go a transfer of ownership that nobody closes after this time; ten minutes without this.
    pub fn lets_a_transfer_go_after(&self, time: Duration) -> &Self {
        self.own(|ownership| ownership.transfer_patience = time)
    }

    /// Claims another device's id, as anybody on the network can; once it is a secured one.
    ///
    /// # Panics
    /// That is no UUID.
    pub fn claims_the_id(&self, di: &str) -> &Self {
        let di = uuid::Uuid::parse_str(di).expect("a UUID");
        self.own(|ownership| ownership.device = di)
    }

    /// The key that it has of its owner: for tests that look where it must not be.
    pub fn owner_key(&self) -> Option<[u8; 16]> {
        let state = self.unit.state();
        let kept = state.model.ownership.as_ref()?.kept()?;
        kept.keys.first().map(|(_, key)| *key.expose())
    }

    fn own(&self, change: impl FnOnce(&mut Ownership)) -> &Self {
        if let Some(ownership) = self.unit.state().model.ownership.as_mut() {
            change(ownership);
        }
        self
    }

    /// All knobs as at the start. Does not bring it back if it went away.
    pub fn behaves(&self) -> &Self {
        self.turn(|knobs| *knobs = Knobs::default())
    }

    /// Loses power: its sockets close, its XMPP session ends.
    pub fn goes_away(&self) -> &Self {
        self.unit.set_lan(None, Vec::new(), None);
        self.unit.set_power(false);
        self
    }

    /// Is on power again: it answers at new ports, and signs in if it knows where.
    ///
    /// # Errors
    /// The sockets cannot be opened.
    pub fn comes_back(&self) -> std::io::Result<&Self> {
        if !self.unit.state().powered {
            self.ground.put_on_lan(&self.unit)?;
            self.unit.set_power(true);
        }
        Ok(self)
    }

    fn turn(&self, turn: impl FnOnce(&mut Knobs)) -> &Self {
        self.unit.turn(turn);
        self
    }
}

/// Waiting, by events.
impl Device {
    /// Looks at the device now and whenever something happened to it, until `look` finds what it looks for.
    ///
    /// # Errors
    /// [`NotInTime`], with `what` in its words.
    pub async fn wait_for<T>(
        &self,
        within: Duration,
        what: &str,
        mut look: impl FnMut(&Device) -> Option<T>,
    ) -> Result<T, NotInTime> {
        let mut stirred = self.unit.stirred();
        let looking = async {
            loop {
                stirred.mark_unchanged();
                if let Some(found) = look(self) {
                    return found;
                }
                if stirred.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let in_vain = |_| NotInTime { device: self.key().to_owned(), what: what.to_owned(), within };
        tokio::time::timeout(within, looking).await.map_err(in_vain)
    }

    /// Waits until a resource's representation is as `wanted` says.
    ///
    /// # Errors
    /// [`NotInTime`] after [`PATIENCE`].
    pub async fn wait_for_value(&self, href: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value, NotInTime> {
        let what = format!("to hold the wanted value at {href}");
        self.wait_for(PATIENCE, &what, |device| device.value(href).filter(&wanted)).await
    }

    /// Waits until `oic.ra.xmpp` says `NotInitialized`, `Connected` or `Error`.
    ///
    /// # Errors
    /// [`NotInTime`] after [`PATIENCE`].
    pub async fn wait_for_status(&self, status: &str) -> Result<RaStatus, NotInTime> {
        let what = format!("to report {status}");
        self.wait_for(PATIENCE, &what, |device| device.status().filter(|now| now.as_str() == status)).await
    }

    /// Waits until the request log has one like this, from its beginning on.
    ///
    /// # Errors
    /// [`NotInTime`] after [`PATIENCE`].
    pub async fn wait_for_request(&self, wanted: impl Fn(&LoggedRequest) -> bool) -> Result<LoggedRequest, NotInTime> {
        let look = |device: &Device| device.requests().into_iter().find(&wanted);
        self.wait_for(PATIENCE, "to be asked as wanted", look).await
    }

    /// Waits until every request that has come to it is answered: what a slow device was asked it does, also when whoever
    /// asked is gone. Not for one that keeps silent.
    ///
    /// # Errors
    /// [`NotInTime`] after [`PATIENCE`].
    pub async fn wait_until_all_is_answered(&self) -> Result<(), NotInTime> {
        let open = |asked: &LoggedRequest| !asked.repeated && asked.status.is_none();
        let look = |device: &Device| (!device.requests().iter().any(open)).then_some(());
        self.wait_for(PATIENCE, "to answer all that it was asked", look).await
    }
}
