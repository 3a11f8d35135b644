//! The account's password: from the environment, standard input, or a prompt. Never from an argument, which other users
//! of the computer could read. (The keyring is `homeward_core`'s.)

use std::io::{self, BufRead as _, IsTerminal as _};

use homeward_core::{Code, Error, Secret};
use zeroize::Zeroizing;

use crate::arguments::Common;

/// Our choice: far above any password. Standard input may be anything.
const MAX_BYTES: u64 = 4096;

/// The password given to this program, if one was. Empty ones were not given.
///
/// # Errors
/// [`Code::PasswordMissing`]: standard input was to have one.
pub(crate) fn given(from_standard_input: bool) -> Result<Option<Secret>, Error> {
    if from_standard_input {
        return first_line(io::stdin().lock()).map(Some);
    }
    Ok(std::env::var("HOMEWARD_PASSWORD").ok().filter(|text| !text.is_empty()).map(Secret::new))
}

/// The password of an account that is being entered, given or asked for; and the options from then on: standard input has been
/// read, and holds no second password.
///
/// # Errors
/// [`Code::PasswordMissing`]: standard input was to have one, or the terminal cannot be used.
pub(crate) fn of_account(common: &Common, jid: &str) -> Result<(Option<Secret>, Common), Error> {
    let given = match given(common.password_stdin)? {
        Some(given) => Some(given),
        None => asked(jid.trim())?,
    };
    Ok((given, Common { password_stdin: false, interfaces: common.interfaces.clone(), ..*common }))
}

/// The password of the account that the house moves to, or that the account gets, where the environment has it.
pub(crate) fn of_next() -> Option<Secret> {
    std::env::var("HOMEWARD_NEXT_PASSWORD").ok().filter(|text| !text.is_empty()).map(Secret::new)
}

/// The password that the account shall have: from the environment, or asked for twice.
///
/// # Errors
/// [`Code::PasswordMissing`]: there is none, or the two are not the same.
pub(crate) fn new_one(jid: &str) -> Result<Secret, Error> {
    let missing = |words: &str| Error::new(Code::PasswordMissing, words);
    if let Some(given) = of_next() {
        return Ok(given);
    }
    let typed = asked_with(&format!("New password of {jid}: "))?.ok_or_else(|| missing("no new password was given"))?;
    match asked_with("The same again: ")? {
        Some(again) if again.expose() == typed.expose() => Ok(typed),
        _ => Err(missing("the two are not the same")),
    }
}

fn first_line(input: impl io::BufRead) -> Result<Secret, Error> {
    let missing = |why: &str| Error::new(Code::PasswordMissing, format!("standard input holds no password: {why}"));
    // At once, so that it does not grow, which would leave copies in memory.
    let mut line = Zeroizing::new(String::with_capacity(MAX_BYTES as usize));
    input.take(MAX_BYTES).read_line(&mut line).map_err(|error| missing(&error.to_string()))?;
    if line.len() as u64 == MAX_BYTES {
        return Err(missing("its first line is too long"));
    }
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(missing("its first line is empty"));
    }
    Ok(Secret::new(password))
}

/// Asks for the password, where a person sits at a terminal.
///
/// # Errors
/// [`Code::PasswordMissing`]: the terminal cannot be used.
pub(crate) fn asked(jid: &str) -> Result<Option<Secret>, Error> {
    asked_with(&format!("Password of {jid}: "))
}

fn asked_with(prompt: &str) -> Result<Option<Secret>, Error> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(prompt).map_err(|error| {
        Error::new(Code::PasswordMissing, "it could not be asked for at this terminal").with_details(error.to_string())
    })?;
    Ok(Some(Secret::new(typed)).filter(|password| !password.is_empty()))
}

/// Asks for a backup's passphrase, where a person sits at a terminal.
///
/// # Errors
/// [`Code::PasswordMissing`]: the terminal cannot be used.
pub(crate) fn asked_for_passphrase() -> Result<Option<Secret>, Error> {
    asked_with("Passphrase of the backup: ")
}

/// Asks for the PIN that a device shows, where a person sits at a terminal.
///
/// # Errors
/// [`Code::PasswordMissing`]: the terminal cannot be used.
pub(crate) fn asked_for_pin() -> Result<Option<Secret>, Error> {
    asked_with("PIN that the device shows: ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_first_line_is_the_password_without_its_end() {
        for input in ["pa ss\n", "pa ss\r\n", "pa ss", "pa ss\nanother\n"] {
            assert_eq!(first_line(input.as_bytes()).unwrap().expose(), "pa ss", "{input:?}");
        }
    }

    #[test]
    fn nothing_and_too_much_are_no_password() {
        for input in [String::new(), "\n".to_owned(), "\nsecond\n".to_owned(), "x".repeat(10_000)] {
            assert_eq!(first_line(input.as_bytes()).unwrap_err().code, Code::PasswordMissing);
        }
    }
}
