//! `own`, `give-up`, `forget-key` and `finish-own`: a secured device becomes yours, and is yours no longer.
//!
//! Scope: finding the device, the PIN, printing how it gets on, Ctrl-C. Non-scope: the transfer (`homeward_core`).

use homeward_core::view::{Takeover, TakeoverLeft, TakeoverState, TakeoverStep, Via};
use homeward_core::{Code, Error, Home, Secret};
use serde_json::json;

use crate::arguments::{AccountFor, Common, OneDevice, Own, OwnMethod};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Output, word};
use crate::password;
use crate::start::{Patience, Server, with_home};
use crate::words;

/// Takes a device over, and prints how that gets on.
pub(crate) async fn run(common: &Common, options: &Own, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::StayAway, async |home, patience| {
        let mut interrupt = Interrupt::listen();
        let id = described(home, &options.di, patience).await?;
        let mut subscription = home.subscribe();
        let method = options.method.map(OwnMethod::into);
        let mut takeover = home.take_over(&id, method)?;
        let mut told = None;
        loop {
            if told.as_ref() != Some(&takeover.state) {
                tell(output, &options.di, &takeover)?;
                told = Some(takeover.state.clone());
                match &takeover.state {
                    TakeoverState::PinNeeded { .. } => match pin(options.pin_stdin, &mut interrupt).await {
                        Some(pin) => home.answer_pin(&id, pin)?,
                        None => home.cancel_takeover(&id),
                    },
                    TakeoverState::Owned { .. } => return Ok(Exit::Done),
                    TakeoverState::Failed { error, .. } => return Ok(Exit::of(error.code)),
                    TakeoverState::Cancelled { .. } => return Ok(Exit::Refused),
                    _ => {}
                }
            }
            tokio::select! {
                batch = subscription.next() => if batch.is_none() {
                    return Err(Error::new(Code::Cancelled, "the program ends").into());
                },
                () = interrupt.next() => home.cancel_takeover(&id),
            }
            if let Some(now) = home.snapshot().takeovers.into_iter().find(|one| one.id == id) {
                takeover = now;
            }
        }
    })
    .await
}

/// The PIN that the device shows by now; none, where nobody types one.
async fn pin(from_standard_input: bool, interrupt: &mut Interrupt) -> Option<Secret> {
    let typed = tokio::task::spawn_blocking(move || match from_standard_input {
        true => password::given(true),
        false => password::asked_for_pin(),
    });
    tokio::select! {
        typed = typed => typed.ok()?.ok()?,
        () = interrupt.next() => None,
    }
}

/// Gives a device of ours up.
pub(crate) async fn give_up(common: &Common, options: &OneDevice, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::StayAway, async |home, patience| {
        let id = described(home, &options.di, patience).await?;
        home.give_up(&id).await?;
        done(output, &options.di, "given-up", "It forgot you and all that it was given; it is nobody's now.")
    })
    .await
}

/// Forgets the key of a device that is lost, or was reset by hand; first it is looked for.
pub(crate) async fn forget_key(common: &Common, options: &OneDevice, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::StayAway, async |home, patience| {
        let id = match described(home, &options.di, patience).await {
            Ok(id) => id,
            // As it should be.
            Err(_) => options.di.to_lowercase(),
        };
        home.forget_key(&id).await?;
        done(output, &options.di, "forgotten", "Its key is forgotten here: it is yours no longer.")
    })
    .await
}

/// Keeps an account for one device.
pub(crate) async fn account_for(common: &Common, options: &AccountFor, output: &Output) -> Result<Exit, Failure> {
    let (given, common) = password::of_account(common, &options.jid)?;
    let missing = || Error::new(Code::PasswordMissing, format!("no password of {} was given", options.jid));
    let given = given.ok_or_else(missing)?;
    with_home(&common, Server::StayAway, async |home, patience| {
        let id = described(home, &options.di, patience).await?;
        home.use_account_for(&id, &options.jid, given).await?;
        done(output, &options.di, "kept", "The account is kept for it: `homewardctl onboard --own-accounts` gives it.")
    })
    .await
}

/// Ends a device's own account.
pub(crate) async fn shut_out(common: &Common, options: &OneDevice, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::Connect, async |home, patience| {
        home.connected(patience.left()).await?;
        home.shut_out(&options.di.to_lowercase()).await?;
        done(output, &options.di, "shut-out", "Its account is deleted: it can sign in nowhere, and is forgotten here.")
    })
    .await
}

/// Ends a transfer that was cut short.
pub(crate) async fn finish(common: &Common, options: &OneDevice, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::StayAway, async |home, patience| {
        let id = described(home, &options.di, patience).await?;
        home.finish_takeover(&id).await?;
        done(output, &options.di, "owned", "It is yours now.")
    })
    .await
}

fn done(output: &Output, di: &str, result: &str, sentence: &str) -> Result<Exit, Failure> {
    match output.is_json() {
        true => output.json(&json!({"di": di, "result": result}))?,
        false => output.line(&format!("{di}: {sentence}"))?,
    }
    Ok(Exit::Done)
}

/// The device's key, once all is read of it.
async fn described(home: &Home, di: &str, patience: Patience) -> Result<String, Error> {
    let device = home.device(di, Via::Lan, patience.left()).await;
    // One of ours that does not prove itself is no path, and known all the same.
    let id = device.map(|device| device.id)?;
    let mut subscription = home.subscribe();
    let is_read = || {
        let devices = home.devices();
        let device = devices.iter().find(|device| device.id == id);
        device.and_then(|device| device.lan.as_ref()).is_some_and(|lan| lan.described)
    };
    while !is_read() {
        match tokio::time::timeout_at(patience.until(), subscription.next()).await {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return Err(Error::new(Code::NoAnswer, "the device did not tell of itself in time")),
        }
    }
    Ok(id)
}

fn tell(output: &Output, di: &str, takeover: &Takeover) -> Result<(), Failure> {
    if output.is_json() {
        let line = match &takeover.state {
            TakeoverState::Owned { new_id } => json!({"di": di, "result": "owned", "newDi": new_id}),
            TakeoverState::Failed { error, left } => {
                json!({"di": di, "result": "failed", "code": error.code, "message": words::sentence(error), "left": left})
            }
            TakeoverState::Cancelled { left } => json!({"di": di, "result": "cancelled", "left": left}),
            TakeoverState::PinNeeded { wrong } => json!({"di": di, "step": "pin-needed", "wrong": wrong}),
            TakeoverState::Writing { step } => json!({"di": di, "step": step}),
            TakeoverState::Asking => json!({"di": di, "step": "asking", "method": takeover.method}),
            TakeoverState::Opening => json!({"di": di, "step": "opening"}),
            TakeoverState::Proving => json!({"di": di, "step": "proving"}),
        };
        return Ok(output.json(&line)?);
    }
    let line = match &takeover.state {
        TakeoverState::Asking => format!("asked whether it can be taken over ({})", word(&takeover.method)),
        TakeoverState::PinNeeded { wrong: 0 } => "it shows a PIN now".to_owned(),
        TakeoverState::PinNeeded { wrong } => format!("that PIN is not the one that it shows ({wrong} wrong so far)"),
        TakeoverState::Opening => "the secured session is opened".to_owned(),
        TakeoverState::Writing { step } => written(*step).to_owned(),
        TakeoverState::Proving => "it has to prove itself".to_owned(),
        TakeoverState::Owned { new_id } => format!("it is yours now. Its id is {new_id}"),
        TakeoverState::Failed { error, left } => format!("not taken over: {} {}", words::sentence(error), stays(*left)),
        TakeoverState::Cancelled { left } => format!("cancelled. {}", stays(*left)),
    };
    Ok(output.line(&format!("{di}: {line}"))?)
}

fn written(step: TakeoverStep) -> &'static str {
    match step {
        TakeoverStep::Owner => "it learns its owner",
        TakeoverStep::Key => "both sides make the key",
        TakeoverStep::Owned => "it is owned",
        TakeoverStep::Access => "it learns who may do what",
        TakeoverStep::Ready => "it begins to work",
    }
}

fn stays(left: TakeoverLeft) -> &'static str {
    match left {
        TakeoverLeft::Nothing => "The device is as it was before.",
        TakeoverLeft::Waiting => "The device is nobody's; if it takes nobody now, it does in ten minutes.",
        TakeoverLeft::Unfinished => "The device is yours, and not ready: `homewardctl finish-own` or `give-up`.",
    }
}
