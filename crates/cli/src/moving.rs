//! `move to | status | devices | finish | stop`: the house moves to another account.
//!
//! Scope: finding the devices meant, output. Non-scope: the move itself (`homeward_core`).

use std::time::Duration;

use homeward_core::view::{Connection, LayerState, Movers};
use homeward_core::{Code, Error, Home};
use serde_json::json;

use crate::account::form_of;
use crate::arguments::{AccountSet, Common, MoveCommand, MoveFinish, Which};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::onboard::{Wanted, Watch, find};
use crate::output::Output;
use crate::password;
use crate::start::{Patience, Server, search, until, with_home};

/// Our choice: how long the old account may take to sign in once the new one has.
const OLD_ACCOUNT_WITHIN: Duration = Duration::from_secs(5);

/// The move's commands.
pub(crate) async fn run(common: &Common, command: &MoveCommand, output: &Output) -> Result<Exit, Failure> {
    match command {
        MoveCommand::To(set) => to(common, set, *output).await,
        MoveCommand::Devices(options) => devices(common, options, *output).await,
        MoveCommand::Status => {
            with_home(common, Server::Connect, async |home, patience| {
                look_around(home, patience).await?;
                show(home, *output)
            })
            .await
        }
        MoveCommand::Finish(options) => {
            with_home(common, Server::Connect, async |home, patience| {
                look_around(home, patience).await?;
                finish(home, options).await?;
                show(home, *output)
            })
            .await
        }
        MoveCommand::Stop => {
            with_home(common, Server::StayAway, async |home, _| {
                home.stop_move().await?;
                show(home, *output)
            })
            .await
        }
    }
}

async fn to(common: &Common, set: &AccountSet, output: Output) -> Result<Exit, Failure> {
    let form = form_of(set);
    let (given, common) = password::of_account(common, &set.jid)?;
    with_home(&common, Server::StayAway, async |home, _| {
        // What nobody can sign in with is given to nobody.
        let check = home.check_account(&form, given.clone()).await?;
        for layer in check.layers {
            if let LayerState::Failed { error } = layer.state {
                return Err(error.into());
            }
        }
        home.begin_move(&form, given).await?;
        show(home, output)
    })
    .await
}

/// Signed in with the new account, and with the old one where that can be; whoever is at home has had time to answer.
async fn look_around(home: &Home, patience: Patience) -> Result<(), Error> {
    if home.snapshot().moving.is_none() {
        return Err(Error::new(Code::NotNow, "the house does not move to another account"));
    }
    search(home)?;
    let settled = until(home, patience, |snapshot| match &snapshot.moving.as_ref()?.connection {
        Connection::Connected { .. } => Some(Ok(())),
        Connection::Refused { error } => Some(Err(error.clone())),
        _ => None,
    });
    settled
        .await
        .unwrap_or_else(|| Err(Error::new(Code::Silent, "the new account's server did not answer in time")))?;
    // Where the old account cannot be signed in any more, devices are moved on this network.
    let _ = home.connected(patience.left().min(OLD_ACCOUNT_WITHIN)).await;
    find(home, &Wanted::All, patience).await;
    home.stop_search();
    Ok(())
}

async fn devices(common: &Common, options: &Which, output: Output) -> Result<Exit, Failure> {
    with_home(common, Server::Connect, async |home, patience| {
        let mut interrupt = Interrupt::listen();
        tokio::select! {
            found = look_around(home, patience) => found?,
            () = interrupt.next() => return Err(Error::new(Code::Cancelled, "stopped before any device was touched").into()),
        }
        let (ids, missing) = match Wanted::of(options) {
            named @ Wanted::Named(_) => named.among(&home.devices())?,
            Wanted::All => {
                let Movers { here, over_account, .. } = home.who_moves();
                ([here, over_account].concat(), Vec::new())
            }
        };
        let mut watch = Watch::new(home, output);
        watch.are_missing(missing);
        let choices = watch.choose(ids, options);
        if !choices.is_empty() {
            home.move_devices(choices).await?;
        }
        watch.until_all_have_ended(&mut interrupt).await
    })
    .await
}

async fn finish(home: &Home, options: &MoveFinish) -> Result<(), Error> {
    let left_out = options.left_out.iter().map(|di| di.to_lowercase()).collect();
    home.finish_move(left_out, options.delete_old).await
}

fn show(home: &Home, output: Output) -> Result<Exit, Failure> {
    let snapshot = home.snapshot();
    let from = snapshot.account.map(|account| account.jid);
    let to = snapshot.moving.map(|moving| moving.account.jid);
    let Movers { moved, here, over_account, elsewhere } = home.who_moves();
    if output.is_json() {
        let shown = json!({
            "from": from, "to": to,
            "moved": moved, "here": here, "overAccount": over_account, "elsewhere": elsewhere,
        });
        output.json(&shown)?;
        return Ok(Exit::Done);
    }
    let from = from.unwrap_or_default();
    match to {
        None => output.line(&format!("The house's account is {from}."))?,
        Some(to) => {
            output.line(&format!("The house moves from {from} to {to}."))?;
            let groups = [
                ("has moved", moved),
                ("can be moved here, on this network", here),
                ("can be moved over the old account", over_account),
                ("cannot be reached now, and keeps the old account", elsewhere),
            ];
            for (standing, ids) in groups {
                for id in ids {
                    let name = home.devices().into_iter().find(|device| device.id == id).map(|device| device.name);
                    output.line(&format!("{:24}  {standing}  {id}", name.unwrap_or_default()))?;
                }
            }
        }
    }
    Ok(Exit::Done)
}
