//! `backup`: the keys of the devices that are yours, in a file and back.

use std::path::Path;

use homeward_core::{Code, Error, Secret};
use serde_json::json;

use crate::arguments::{BackupCommand, BackupFile, Common};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::password;
use crate::start::{Server, with_home};

/// Saves or restores.
pub(crate) async fn run(common: &Common, command: &BackupCommand, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::StayAway, async |home, _| {
        let (BackupCommand::Save(BackupFile { file, passphrase_stdin })
        | BackupCommand::Restore(BackupFile { file, passphrase_stdin })) = command;
        let passphrase = passphrase(*passphrase_stdin)?;
        let path = Path::new(file);
        let (count, result) = match command {
            BackupCommand::Save(_) => (home.save_backup(path, passphrase).await?, "saved"),
            BackupCommand::Restore(_) => (home.restore_backup(path, passphrase).await?, "restored"),
        };
        match output.is_json() {
            true => output.json(&json!({"result": result, "devices": count}))?,
            false => {
                output.line(&format!("{result}: the keys of {count} device{}", if count == 1 { "" } else { "s" }))?
            }
        }
        Ok(Exit::Done)
    })
    .await
}

fn passphrase(from_standard_input: bool) -> Result<Secret, Error> {
    let from_environment =
        || std::env::var("HOMEWARD_PASSPHRASE").ok().filter(|text| !text.is_empty()).map(Secret::new);
    let given = match from_standard_input {
        true => password::given(true)?,
        false => from_environment().map_or_else(password::asked_for_passphrase, |given| Ok(Some(given)))?,
    };
    given.ok_or_else(|| Error::new(Code::PassphraseWeak, "no passphrase was given"))
}
