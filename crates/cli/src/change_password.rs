//! `account change-password`: another password for the account, in place.
//!
//! Scope: finding the devices that know it, output. Non-scope: the change itself (`homeward_core`).

use homeward_core::view::{Knowers, OnboardChoice};
use homeward_core::{Code, Error};

use crate::arguments::{ChangePassword, Common};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::onboard::{Wanted, Watch, find};
use crate::output::Output;
use crate::password;
use crate::start::{Server, search, with_home};

/// Looks who can be given it, changes it, and prints how each device gets on.
pub(crate) async fn run(common: &Common, options: &ChangePassword, output: Output) -> Result<Exit, Failure> {
    with_home(common, Server::Connect, async |home, patience| {
        let mut interrupt = Interrupt::listen();
        let jid = home.account().ok_or_else(|| Error::new(Code::NoAccount, "no account is saved"))?.jid;
        let new = password::new_one(&jid)?;
        let left_out: Vec<String> = options.left_out.iter().map(|di| di.to_lowercase()).collect();
        let found = async {
            search(home)?;
            home.connected(patience.left()).await?;
            let Knowers { here, elsewhere } = home.who_knows();
            let sought = here.into_iter().chain(elsewhere).filter(|id| !left_out.contains(id)).collect();
            find(home, &Wanted::Named(sought), patience).await;
            Ok::<_, Error>(())
        };
        tokio::select! {
            found = found => found?,
            () = interrupt.next() => return Err(Error::new(Code::Cancelled, "stopped before anything was changed").into()),
        }
        let here: Vec<String> = home.who_knows().here.into_iter().filter(|id| !left_out.contains(id)).collect();
        let mut watch = Watch::new(home, output);
        watch.follows(&here);
        let choice = |id| OnboardChoice { id, allow_unencrypted: options.allow_unencrypted };
        let begun = home.change_password(new, here.into_iter().map(choice).collect(), left_out).await;
        match begun {
            Ok(_) => {}
            // The devices get the new one all the same.
            Err(error) if error.code == Code::OldPasswordWorks => {
                watch.until_all_have_ended(&mut interrupt).await?;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        }
        home.stop_search();
        watch.until_all_have_ended(&mut interrupt).await
    })
    .await
}
