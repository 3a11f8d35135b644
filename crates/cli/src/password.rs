//! The account's password: from the environment, standard input, or a prompt. Never from an argument, which other users
//! of the computer could read. (The keyring is `homeward_core`'s.)

use std::io::{self, BufRead as _, IsTerminal as _};

use homeward_core::{Code, Error, Secret};
use zeroize::Zeroizing;

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
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(format!("Password of {jid}: ")).map_err(|error| {
        Error::new(Code::PasswordMissing, "the password could not be asked for").with_details(error.to_string())
    })?;
    Ok(Some(Secret::new(typed)).filter(|password| !password.is_empty()))
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
