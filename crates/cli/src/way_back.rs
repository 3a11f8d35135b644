//! `undo` and `take-back`: what a device was given from here, put back or cleared.
//!
//! Scope: finding the device, waiting for the end, saying it. Non-scope: the way back itself (`homeward_core`).

use homeward_core::view::{LeftOnDevice, Run, RunState, Via};
use homeward_core::{Code, Error, Home};
use serde_json::json;

use crate::arguments::{Common, OneDevice};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::start::{Server, with_home};
use crate::words;

/// Which way back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WayBack {
    /// To what the device had before its last set-up.
    Undo,
    /// To nothing: it has no account from here any more.
    TakeBack,
}

/// Goes back, and waits for the end.
pub(crate) async fn run(common: &Common, options: &OneDevice, way: WayBack, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::Connect, async |home, patience| {
        let id = home.device(&options.di, Via::Lan, patience.left()).await?.id;
        match way {
            WayBack::Undo => home.undo_onboarding(&id).await?,
            WayBack::TakeBack => home.take_account_back(&id).await?,
        }
        let run = ended(home, &id).await?;
        let (left, failed) = match &run.state {
            RunState::Failed { error, left } => (*left, Some(error)),
            RunState::Undone { left } | RunState::Cancelled { left } => (*left, None),
            _ => (LeftOnDevice::Unknown, None),
        };
        let put_back = matches!(left, LeftOnDevice::AsBefore | LeftOnDevice::SignedOut);
        let result = if put_back { "undone" } else { "failed" };
        match output.is_json() {
            true => output.json(&json!({
                "di": options.di,
                "result": result,
                "left": left,
                "code": failed.map(|error| error.code),
                "message": failed.map(words::sentence),
            }))?,
            false => output.line(&format!("{}: {}", options.di, said(way, left)))?,
        }
        Ok(match failed {
            Some(error) => Exit::of(error.code),
            None if put_back => Exit::Done,
            None => Exit::Refused,
        })
    })
    .await
}

fn said(way: WayBack, left: LeftOnDevice) -> &'static str {
    match (way, left) {
        (WayBack::TakeBack, LeftOnDevice::AsBefore) => "It says that server and account are cleared.",
        _ => words::left(left),
    }
}

/// The run, once it goes on no more.
async fn ended(home: &Home, id: &str) -> Result<Run, Error> {
    loop {
        let mut subscription = home.subscribe();
        let run = home.snapshot().runs.into_iter().find(|run| run.id == id);
        if let Some(run) = run.filter(|run| !run.state.is_under_way()) {
            return Ok(run);
        }
        if subscription.next().await.is_none() {
            return Err(Error::new(Code::Cancelled, "the program ends"));
        }
    }
}
