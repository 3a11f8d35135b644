//! Several members of a collection asked for the same at once, through its batch interface (OCF Core §7.6.3.4).
//!
//! Scope: one request, and what became of each member. A device may take it of some and not of others, and need not say
//! so: what it does not answer is read. Non-scope: one resource (`control`).

use homeward_protocol::crudn::{Href, Request, Status};
use homeward_protocol::oic::batch;
use serde_json::Value;
use tokio::time::Instant;

use super::control::refused;
use super::devices::fulfils;
use super::{Inner, watching};
use crate::error::{Code, Error};
use crate::view::Via;

impl Inner {
    /// A wish of each: shown at once, sent once, and a fact only when the device says so. Where the collection may hold more
    /// than what is known of it, each member is asked by itself.
    pub(super) async fn set_together(
        &self,
        id: &str,
        collection: &Href,
        members: Vec<Href>,
        wanted: Value,
    ) -> Result<(), Error> {
        let batch = batch::of(collection)
            .filter(|_| (1..=batch::MAX_MEMBERS).contains(&members.len()))
            .ok_or_else(|| Error::new(Code::RequestInvalid, "a batch takes 1 to 64 members of a collection"))?;
        if !watching::batches(&self.device_now(id)?).any(|safe| safe == batch) {
            // What it holds beside these is not known, and its answer might tell a password (RA-7).
            let mut outcome = Ok(());
            for member in members {
                let set = self.set(id, member, wanted.clone()).await;
                outcome = outcome.and(set);
            }
            return outcome;
        }
        let wish = |member: Href| {
            let serial = self.state().change_known(id, |known| known.wish(&member, wanted.clone()));
            serial.map(|serial| (member, serial))
        };
        let wishes = members.iter().cloned().map(wish).collect::<Option<Vec<_>>>();
        let wishes = wishes.ok_or_else(|| Error::new(Code::DeviceUnknown, format!("no device {id} is known")))?;
        let began = Instant::now();
        let is_so = |member: &Href| {
            let state = self.state();
            let told = state.device(id)?.told_since(member, began)?;
            Some(fulfils(told, &wanted))
        };
        let request = Request::post(batch.clone(), batch::write(&members, &wanted));
        let failed = match self.ask(id, &request, Via::Auto).await {
            Ok(answer) if (200..300).contains(&answer.status) => None,
            Ok(answer) => Some(refused(Status(answer.status), answer.diagnostic.as_deref())),
            Err(error) => Some(error),
        };
        let is_open = failed.as_ref().is_none_or(|error| matches!(error.code, Code::OutcomeUnknown | Code::BadAnswer));
        if is_open && !members.iter().all(|member| is_so(member) == Some(true)) {
            // Whatever it says is the truth; of what it says nothing, nobody knows.
            let _ = self.send(id, &Request::get(batch), Via::Auto).await;
        }
        let mut outcome = Ok(());
        for (member, serial) in wishes {
            let error = match (is_so(&member).filter(|_| is_open), &failed) {
                (Some(true), _) => None,
                (_, Some(error)) => Some(error.clone()),
                (Some(false), None) => Some(not_taken(&member)),
                (None, None) => self.left_out(id, &member, &wanted).await,
            };
            self.state().change_known(id, |known| match &error {
                None => known.wish_over(&member, serial),
                Some(error) => known.wish_failed(&member, serial, error.clone()),
            });
            if let Some(error) = error {
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    /// What became of a member of which a taken batch says nothing.
    async fn left_out(&self, id: &str, member: &Href, wanted: &Value) -> Option<Error> {
        match self.send(id, &Request::get(member.clone()), Via::Auto).await {
            Ok(answer) if !(200..300).contains(&answer.status) => {
                Some(refused(Status(answer.status), answer.diagnostic.as_deref()))
            }
            Ok(answer) if answer.body.as_ref().is_some_and(|value| fulfils(value, wanted)) => None,
            Ok(answer) if answer.body.is_some() => Some(not_taken(member)),
            Ok(_) | Err(_) => {
                let words = format!("the device took it, and did not say the value of {member} since");
                Some(Error::new(Code::OutcomeUnknown, words))
            }
        }
    }
}

fn not_taken(member: &Href) -> Error {
    Error::new(Code::DeviceRefused, format!("{member} does not take this"))
}
