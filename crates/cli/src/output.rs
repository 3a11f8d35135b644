//! Results go to standard output, as JSON or as text for a person; everything else to standard error.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing_subscriber::EnvFilter;

use crate::exit::Failure;
use crate::words;

/// What the log shows unless `HOMEWARD_LOG` says otherwise. Where a password is kept, the commands say themselves.
const LOG: &str = "warn,homeward_core::store::passwords=error";

/// Begins the log on standard error.
pub(crate) fn start_log() {
    let filter = EnvFilter::try_from_env("HOMEWARD_LOG").unwrap_or_else(|_| EnvFilter::new(LOG));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

/// Where a command's results go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// For a script, or for a person.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a script reads.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// One JSON value, on one line.
    ///
    /// # Errors
    /// Nobody takes it.
    pub(crate) fn json(self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// One line of text.
    ///
    /// # Errors
    /// Nobody takes it.
    pub(crate) fn line(self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", plain(text).trim_end())?;
        out.flush()
    }

    /// Columns under their heads.
    ///
    /// # Errors
    /// Nobody takes it.
    pub(crate) fn table<const N: usize>(self, heads: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
        for line in columns(heads, rows) {
            self.line(&line)?;
        }
        Ok(())
    }

    /// A value as indented JSON, for a person.
    ///
    /// # Errors
    /// Nobody takes it.
    pub(crate) fn value(self, value: &Value) -> io::Result<()> {
        serde_json::to_string_pretty(value)?.lines().try_for_each(|line| self.line(line))
    }

    /// One line on standard error.
    pub(crate) fn note(self, text: &str) {
        // Where even standard error is gone, there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "homewardctl: {}", plain(text));
    }

    /// Lines on standard error, beside the result.
    pub(crate) fn aside(self, text: &str) {
        let mut err = io::stderr().lock();
        for line in text.lines() {
            let _ = writeln!(err, "{}", plain(line).trim_end());
        }
    }

    /// What happened and what to do, on standard error.
    pub(crate) fn failed(self, failure: &Failure) {
        match failure {
            Failure::Home(error) => self.note(&words::sentence(error)),
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Failure::Output(error) => self.note(&format!("the result could not be written: {error}")),
        }
    }
}

/// Devices and servers choose some of these words: none of them commands the terminal or turns a line around.
fn plain(text: &str) -> String {
    let commands = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if commands(c) { '\u{fffd}' } else { c }).collect()
}

fn columns<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let mut widths = heads.map(|head| head.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; N]| -> String {
        cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  ")).collect()
    };
    std::iter::once(line(&heads.map(str::to_owned))).chain(rows.iter().map(line)).collect()
}

/// A time in milliseconds since the Unix epoch, as RFC 3339 in UTC.
pub(crate) fn rfc3339(at_ms: impl Into<i128>) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(at_ms.into() * 1_000_000).ok()?.format(&Rfc3339).ok()
}

/// Now, as RFC 3339 in UTC, to the millisecond.
pub(crate) fn now() -> String {
    let now = OffsetDateTime::now_utc();
    let now = now.replace_millisecond(now.millisecond()).unwrap_or(now);
    now.format(&Rfc3339).unwrap_or_default()
}

/// The word that stands for a value in JSON: a code, a layer, a path.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use homeward_core::Code;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["Lamp".to_owned(), "a".to_owned()], ["Küchenlampe".to_owned(), "b".to_owned()]];
        let lines = columns(["NAME", "DI"], &rows);
        assert_eq!(lines, ["NAME         DI  ", "Lamp         a   ", "Küchenlampe  b   "]);
    }

    #[test]
    fn a_devices_words_cannot_command_the_terminal() {
        assert_eq!(
            plain("Lamp\x1b[2J\nhomewardctl: done\u{9b}1m\u{202e}x"),
            "Lamp\u{fffd}[2J\u{fffd}homewardctl: done\u{fffd}1m\u{fffd}x"
        );
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(0_u64).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(rfc3339(1_767_225_599_250_u64).as_deref(), Some("2025-12-31T23:59:59.25Z"));
        assert!(rfc3339(u64::MAX).is_none());
        assert!(now().ends_with('Z') && now().len() <= "2025-12-31T23:59:59.250Z".len());
    }

    #[test]
    fn codes_are_spelled_as_in_json() {
        assert_eq!(word(&Code::ConsentNeeded), "consent-needed");
    }
}
