//! The open sessions with the devices that we own, one each: opened when first needed, opened anew when broken.
//!
//! Scope: one request over one session; proof of both sides. Non-scope: which requests go this way (`home`).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeward_protocol::crudn::{Href, Request, Response};
use homeward_protocol::oic::device_id::DeviceId;
use homeward_protocol::oic::security::{DOXM_URI, Doxm, Ownership};
use tokio::time::Instant;
use uuid::Uuid;

use super::super::client::{LanClient, LanError};
use super::{Owner, Session, SessionError};
use crate::tap::Copies;

/// Our choice: sessions that are open at once; the one that was not used for the longest time makes room.
const MAX_SESSIONS: usize = 128;
/// Our choice: how long one address may take, of several, until the next is tried.
const OPENED_WITHIN: Duration = Duration::from_secs(10);
/// Our choice: how long the device may take to say who it is, over a session that has just been opened: three transmissions.
const SAYS_WITHIN: Duration = Duration::from_secs(15);

/// The sessions. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Sessions {
    owner: Owner,
    places: Arc<Mutex<HashMap<Uuid, Place>>>,
}

/// Where a device's session is, or is being opened.
#[derive(Clone)]
struct Place {
    session: Arc<tokio::sync::Mutex<Option<Open>>>,
    used: Instant,
    /// Who wants copies of what goes over the next session.
    taps: Arc<Mutex<Vec<Copies>>>,
}

#[derive(Clone)]
struct Open {
    at: SocketAddr,
    client: LanClient,
}

impl Sessions {
    pub(crate) fn new(owner: Owner) -> Self {
        Self { owner, places: Arc::default() }
    }

    /// One request to a device of ours, at one of these addresses. A Retrieve over a session that turns out to be broken is
    /// made again over a new one.
    ///
    /// # Errors
    /// [`LanError`], as its variants say.
    pub(crate) async fn request(
        &self,
        device: Uuid,
        at: &[SocketAddr],
        request: &Request,
        deadline: Duration,
    ) -> Result<Response, LanError> {
        let until = Instant::now() + deadline;
        let (open, is_new) = self.session(device, at, until).await?;
        let again = !is_new && !request.method.changes_things();
        let first = if again { deadline / 2 } else { until.saturating_duration_since(Instant::now()) };
        match open.client.request(open.at, request, first).await {
            Err(LanError::NoAnswer | LanError::NotSent(_)) if again => {
                self.end(device);
                let (open, _) = self.session(device, at, until).await?;
                open.client.request(open.at, request, until.saturating_duration_since(Instant::now())).await
            }
            Err(error @ (LanError::NoAnswer | LanError::NotSent(_))) => {
                self.end(device);
                Err(error)
            }
            answered => answered,
        }
    }

    /// The client of a device's session, and where it leads; opened if there is none.
    ///
    /// # Errors
    /// [`LanError::NoKey`], [`LanError::NotProven`], or why nothing answers.
    pub(crate) async fn client(
        &self,
        device: Uuid,
        at: &[SocketAddr],
        deadline: Duration,
    ) -> Result<(SocketAddr, LanClient), LanError> {
        let (open, _) = self.session(device, at, Instant::now() + deadline).await?;
        Ok((open.at, open.client))
    }

    /// Who we are to the devices that we own.
    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Has what answers at these addresses prove to be the device: the open session leads there, or another one can be
    /// opened, which is kept where there is none. Requests do not wait for it: it may be an impostor that is slow. Who fails
    /// is asked twice: on a network that loses much, a handshake ends as if the keys differed.
    ///
    /// # Errors
    /// [`LanError::NotProven`]: it is not the device. Others: that is not known.
    pub(crate) async fn prove(&self, device: Uuid, at: &[SocketAddr]) -> Result<(), LanError> {
        let place = self.place(device);
        let leads_there = |open: &Open| at.contains(&open.at) && open.client.is_open();
        if place.session.lock().await.as_ref().is_some_and(leads_there) {
            return Ok(());
        }
        let by = || Instant::now() + OPENED_WITHIN + SAYS_WITHIN;
        let opened = match self.open(&place, device, at, by()).await {
            Err(LanError::NotProven) => self.open(&place, device, at, by()).await?,
            opened => opened?,
        };
        if let Ok(mut session) = place.session.try_lock()
            && !session.as_ref().is_some_and(|open| open.client.is_open())
        {
            *session = Some(opened);
        }
        Ok(())
    }

    /// All that goes over this device's sessions is copied, too, as it is before it is encrypted, for as long as somebody
    /// holds the tap.
    pub(crate) fn listen_in(&self, device: Uuid, copies: Copies) {
        let place = self.place(device);
        if let Ok(session) = place.session.try_lock()
            && let Some(open) = session.as_ref()
        {
            open.client.listen_in(open.at, copies.clone());
        }
        let mut taps = place.taps.lock().unwrap_or_else(PoisonError::into_inner);
        taps.retain(|tap| !tap.is_over());
        taps.push(copies);
    }

    /// Closes a device's session, if there is one.
    pub(crate) fn end(&self, device: Uuid) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(&device);
    }

    /// The open session, and whether it was opened for this.
    async fn session(&self, device: Uuid, at: &[SocketAddr], until: Instant) -> Result<(Open, bool), LanError> {
        let place = self.place(device);
        let mut session = place.session.lock().await;
        if let Some(open) = session.as_ref().filter(|open| open.client.is_open() && at.contains(&open.at)) {
            return Ok((open.clone(), false));
        }
        *session = None;
        let open = self.open(&place, device, at, until).await?;
        *session = Some(open.clone());
        Ok((open, true))
    }

    /// A new session with the device, at the first of these addresses where it proves to be it.
    async fn open(&self, place: &Place, device: Uuid, at: &[SocketAddr], until: Instant) -> Result<Open, LanError> {
        let known = tokio::time::timeout_at(until, self.owner.key(device)).await;
        let (owner, key) = known.ok().flatten().ok_or(LanError::NoKey)?;
        let mut why = LanError::NotSent(io::ErrorKind::AddrNotAvailable);
        for peer in at {
            // Another of its addresses may not get through, or be somebody else's who claims its id.
            let by = until.min(Instant::now() + OPENED_WITHIN);
            let opened = match Session::with_key(*peer, owner.as_bytes(), &key, by).await {
                Ok(opened) => LanClient::over(opened),
                Err(error) => {
                    tracing::info!("no session with {device} at {peer}: {error}");
                    why = error.into();
                    continue;
                }
            };
            let within = SAYS_WITHIN.min(until.saturating_duration_since(Instant::now()));
            match says_so_itself(&opened, *peer, device, owner, within).await {
                Ok(()) => {
                    let taps = place.taps.lock().unwrap_or_else(PoisonError::into_inner);
                    taps.iter().filter(|tap| !tap.is_over()).for_each(|tap| opened.listen_in(*peer, tap.clone()));
                    return Ok(Open { at: *peer, client: opened });
                }
                Err(error) => {
                    tracing::warn!("what answers at {peer} for {device} is another device: {error}");
                    why = error;
                }
            }
        }
        Err(why)
    }

    fn place(&self, device: Uuid) -> Place {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MAX_SESSIONS
            && !places.contains_key(&device)
            && let Some(oldest) = places.iter().min_by_key(|(_, place)| place.used).map(|(device, _)| *device)
        {
            places.remove(&oldest);
        }
        let new = || Place { session: Arc::default(), used: Instant::now(), taps: Arc::default() };
        let place = places.entry(device).or_insert_with(new);
        place.used = Instant::now();
        place.clone()
    }
}

/// The key proves that it is a device of ours; which, and that it thinks so too, it has to say itself.
async fn says_so_itself(
    client: &LanClient,
    at: SocketAddr,
    device: Uuid,
    owner: Uuid,
    within: Duration,
) -> Result<(), LanError> {
    let doxm = Href::new(DOXM_URI).map_err(|_| LanError::NotProven)?;
    let answer = client.request(at, &Request::get(doxm), within).await?;
    let doxm = answer.body.as_ref().and_then(Doxm::read).ok_or(LanError::NotProven)?;
    let id = |uuid: Uuid| DeviceId::new(&uuid.to_string());
    let proven = doxm.ownership(id(owner).as_ref()) == Ownership::Ours && doxm.device == id(device);
    if proven { Ok(()) } else { Err(LanError::NotProven) }
}

impl From<SessionError> for LanError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotSent(kind) => LanError::NotSent(kind),
            SessionError::NoAnswer => LanError::NotSent(io::ErrorKind::TimedOut),
            SessionError::Refused(_) | SessionError::OtherKey => LanError::NotProven,
        }
    }
}
