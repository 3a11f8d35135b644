//! `rotate`: devices with an account of their own get another password for it, on their own network.
//!
//! Scope: finding the devices meant, output. Non-scope: the change itself (`homeward_core`).

use homeward_core::view::{Device, Snapshot};
use homeward_core::{Code, Error};

use crate::arguments::{Common, Which};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::onboard::{Wanted, Watch};
use crate::output::Output;
use crate::start::{Server, search, until, with_home};

/// Waits for the devices meant, and gives each its new password.
pub(crate) async fn run(common: &Common, options: &Which, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::Connect, async |home, patience| {
        let mut interrupt = Interrupt::listen();
        let wanted = match Wanted::of(options) {
            named @ Wanted::Named(_) => named,
            Wanted::All => all_with_their_own(&home.devices())?,
        };
        let Wanted::Named(ids) = &wanted else { return Err(Error::new(Code::NothingThere, "no device is meant").into()) };
        let there = async {
            search(home)?;
            home.connected(patience.left()).await?;
            // Who does not come in time fails in its run.
            let _ = until(home, patience, |snapshot: &Snapshot| {
                let there = |id: &String| snapshot.devices.iter().any(|device| device.id == *id && is_there(device));
                ids.iter().all(there).then_some(())
            })
            .await;
            Ok::<_, Error>(())
        };
        tokio::select! {
            there = there => there?,
            () = interrupt.next() => return Err(Error::new(Code::Cancelled, "stopped before anything was changed").into()),
        }
        home.stop_search();
        let (ids, missing) = wanted.among(&home.devices())?;
        let mut watch = Watch::new(home, *output);
        watch.are_missing(missing);
        let choices = watch.choose(ids, options);
        if !choices.is_empty() {
            home.renew_passwords(choices).await?;
        }
        watch.until_all_have_ended(&mut interrupt).await
    })
    .await
}

fn all_with_their_own(devices: &[Device]) -> Result<Wanted, Error> {
    let own = |device: &&Device| device.credential.as_ref().is_some_and(|given| given.own);
    let ids: Vec<_> = devices.iter().filter(own).map(|device| device.id.clone()).collect();
    match ids.is_empty() {
        true => Err(Error::new(Code::NothingThere, "no device has an account of its own")),
        false => Ok(Wanted::Named(ids)),
    }
}

fn is_there(device: &Device) -> bool {
    device.lan.as_ref().is_some_and(|lan| lan.answering && lan.described)
}
