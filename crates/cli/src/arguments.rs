//! The options. What is laid down here is relied on by scripts.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use homeward_core::crudn::{Href, Method, Request};
use homeward_core::view::{TakeoverMethod, Via};
use serde_json::Value;

const ENVIRONMENT: &str = "\
Environment:
  HOMEWARD_HOME        the folder of all state (default: where the app keeps its own)
  HOMEWARD_INTERFACES  the interfaces to use, comma-separated; --interface takes its place
  HOMEWARD_PASSWORD    the account's password, instead of the keyring's
  HOMEWARD_NEXT_PASSWORD  the password of the account that the house moves to, instead of the keyring's; or the one
                       that `account change-password` gives
  HOMEWARD_LOG         what the log on standard error shows (default: warn)

Exit codes:
  0  done
  1  refused by device or server (an answer of 400 or more too), or stopped
  2  usage: the command is wrong, or something is not set up for it
  3  not reached in time
  4  sign-in or certificate refused
  5  outcome unknown: sent, and not answered";

/// Our choice: a day. Longer waits are for whoever starts the program.
const MAX_TIMEOUT_S: f64 = 86_400.0;

/// Find OIC/OCF devices, give them their XMPP account, and control them, from a terminal.
#[derive(Debug, Parser)]
#[command(name = "homewardctl", version, after_help = ENVIRONMENT)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Use this network interface only; may be given several times. Loopback is used only if it is named
    #[arg(long = "interface", value_name = "NAME", global = true)]
    pub(crate) interfaces: Vec<String>,

    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// How long to look for a device or the server, and to wait for an answer
    #[arg(long, value_name = "SECONDS", global = true, default_value = "20", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Read the account's password from the first line of standard input
    #[arg(long, global = true)]
    pub(crate) password_stdin: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Search the local network until the timeout (Ctrl-C ends the search early), and print what was found
    #[command(
        after_help = "JSON: an array of {di, name, deviceType, manufacturer, addresses, claimedAt, remoteAccess, \
        security, resources}.\nremoteAccess is null or {address, port, status, errorReason}; security is none, unowned, in-transfer, \
        ours, reset-needed or owned-by-another; claimedAt are addresses of what answers under the id of a device of yours and \
        could not prove to be it."
    )]
    Discover,
    /// The XMPP account that the devices get, and with which they are controlled
    #[command(subcommand)]
    Account(AccountCommand),
    /// Give devices on the local network the account, and see each come online
    #[command(
        after_help = "JSON: lines {di, step, outcome, code, message, elapsedMs} as they happen, last per device \
        {di, result}.\nsteps: read, server, account, status, online, identity; outcomes: done, failed, waiting, \
        undone;\nresults: onboarded, failed, cancelled. Ctrl-C cancels: what was written is put back where possible."
    )]
    Onboard(Onboard),
    /// Move the house to another account, one device at a time: whoever has not moved works on with the old one
    #[command(subcommand)]
    Move(MoveCommand),
    /// Put back what a device had before its last set-up, also one that was cut short
    #[command(after_help = "JSON: {di, result, left, code, message}; result: undone or failed.")]
    Undo(OneDevice),
    /// Take the account back from a device: its server and account are cleared
    #[command(after_help = "JSON: {di, result, left, code, message}; result: undone or failed.")]
    TakeBack(OneDevice),
    /// Keep an account that you have at hand, at the house's server, for one device: `onboard --own-accounts` gives it to that
    /// device, and makes none. Its password comes from HOMEWARD_PASSWORD, --password-stdin or a prompt
    #[command(after_help = "JSON: {di, result}; result: kept.")]
    AccountFor(AccountFor),
    /// Give devices that have an account of their own another password for it, each by itself, on their own network: one that
    /// does not take it works on with the one that it has. With --all: every device that has one
    #[command(after_help = "JSON: as for onboard.")]
    Rotate(Which),
    /// End the account that a lost device has for itself, wherever the device is
    #[command(after_help = "JSON: {di, result}; result: shut-out.")]
    ShutOut(OneDevice),
    /// Make a secured device yours, so that it takes an account from you, and what is asked of it is encrypted
    #[command(
        after_help = "JSON: lines {di, step, …} as they happen, last {di, result, newDi}; steps: asking, pin-needed, \
        opening, owner, key, owned, access, ready, proving; results: owned, failed, cancelled.\nThe device has another id \
        afterwards. Its key is in this computer's keyring; without one no device is taken over."
    )]
    Own(Own),
    /// Finish what `own` could not finish, where the device was yours already
    FinishOwn(OneDevice),
    /// Give a device of yours up: it forgets you, its account and all that it was given
    GiveUp(OneDevice),
    /// Forget the key of a device of yours that is lost, or was reset by hand
    ForgetKey(OneDevice),
    /// The keys of the devices that are yours, in an encrypted file: whoever has it and its passphrase owns the devices
    #[command(subcommand)]
    Backup(BackupCommand),
    /// The devices of the account, and what else answers on the local network
    #[command(
        after_help = "JSON: an array of {di, jid, deviceType, name, presence, lastSeen, paths, latencyMs, claimedAt}.\n\
        presence is online, offline or remembered (from an earlier day); lastSeen is RFC 3339 in UTC, or null;\npaths \
        are those open now, of lan and xmpp; claimedAt are addresses of what answers under the id of a device of yours and \
        could not prove to be it."
    )]
    Devices,
    /// Retrieve a resource
    #[command(after_help = ANSWER)]
    Get(Asking),
    /// Update some of a resource's properties, or create one in a collection
    #[command(after_help = ANSWER)]
    Post(TargetWithBody),
    /// Update the whole of a resource
    #[command(after_help = ANSWER)]
    Put(TargetWithBody),
    /// Delete a resource
    #[command(after_help = ANSWER)]
    Delete(Asking),
    /// Print a resource's value now, and again at each change, until Ctrl-C
    #[command(after_help = "JSON: one line {sequence, body, via, at} per notification; at is RFC 3339 in UTC.")]
    Observe(Observe),
}

const ANSWER: &str = "JSON: {status, reason, body, via, elapsedMs}; the status is HTTP's, whichever the path. With \
    --show-exchange, exchange, too:\n{steps: [{direction, atMs, path, layers: [{kind, text, secret, problem, leftOut}]}], \
    leftOut}. Where there is no answer, it is on standard error.";

/// What to do with the account.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Save the account. The password comes from HOMEWARD_PASSWORD, --password-stdin or a prompt, and goes to the keyring
    Set(AccountSet),
    /// Sign in layer by layer, and show how each went
    #[command(after_help = "JSON: one line {layer, ok, code, message, elapsedMs} for each layer that was tried: dns, \
        tcp, tls, sasl, bind, roster. Where the server's certificate is refused, its line has certificate: {fingerprint, \
        pinned, names, issuer, selfIssued, notBefore, notAfter}, too; nothing in it is proven but the fingerprint.")]
    Check,
    /// Show the saved account
    #[command(after_help = "JSON: {jid, server, port, ca}; pin, too, where one certificate alone is trusted.")]
    Show,
    /// Give the account another password: at the server, here, and on every device that knows it and answers on this network.
    /// Whoever else knows it has to be left out by name, and is shut out. It comes from HOMEWARD_NEXT_PASSWORD or a prompt
    #[command(after_help = "JSON: as for `onboard`.")]
    ChangePassword(ChangePassword),
}

/// Who gets another password, and how it may go to them.
#[derive(Debug, Args)]
pub(crate) struct ChangePassword {
    /// A device that does not get it, and is shut out; may be given several times
    #[arg(long = "leave-out", value_name = "DI")]
    pub(crate) left_out: Vec<String>,
    /// Let the password cross this network in clear text, to devices that offer no encryption
    #[arg(long)]
    pub(crate) allow_unencrypted: bool,
}

/// What to do with a move to another account.
#[derive(Debug, Subcommand)]
pub(crate) enum MoveCommand {
    /// Begin: check the new account, and save it beside the old one. Nothing is changed on any device. The new account's
    /// password comes from HOMEWARD_PASSWORD, --password-stdin or a prompt, and goes to the keyring
    To(AccountSet),
    /// Show who has moved, and how the others can be moved now
    #[command(after_help = MOVERS)]
    Status,
    /// Give devices the new account: on the local network, or else over the old account, where both are at one server
    #[command(after_help = "JSON: as for `onboard`. --all: all that can be moved now.")]
    Devices(Which),
    /// End the move: the house has the new account from now on
    #[command(after_help = MOVERS)]
    Finish(MoveFinish),
    /// Stay with the old account after all; only where no device has the new one
    Stop,
}

const MOVERS: &str = "JSON: {from, to, moved, here, overAccount, elsewhere}: JIDs, and devices' ids. here: they answer on \
    this network; overAccount: they can be\nmoved over the old account; elsewhere: they stay where they are for now. After \
    `finish`, to is null.";

/// How a move is ended.
#[derive(Debug, Args)]
pub(crate) struct MoveFinish {
    /// A device that keeps the old account, and is shown no longer; may be given several times
    #[arg(long = "leave-out", value_name = "DI")]
    pub(crate) left_out: Vec<String>,
    /// Delete the old account at its server before: whoever has its password has nothing of it any more
    #[arg(long)]
    pub(crate) delete_old: bool,
}

/// A new account.
#[derive(Debug, Args)]
pub(crate) struct AccountSet {
    /// user@domain
    #[arg(long, value_name = "JID")]
    pub(crate) jid: String,
    /// The server's name or address, as the devices shall reach it (default: what DNS says, else the domain)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) server: Option<String>,
    /// The server's port (default: what DNS says, else 5222)
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<String>,
    /// A PEM file with one more certificate authority; the devices must trust it too
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Trust only the server's certificate with this SHA-256 fingerprint, whoever signed it and whatever its names and
    /// dates: compare it with the one on the server itself first, for `account check` prints the one that is shown, be it
    /// an impostor's. The devices must trust it by their own means
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "ca")]
    pub(crate) pin: Option<String>,
}

/// What devices are onboarded, and with which account.
#[derive(Debug, Args)]
pub(crate) struct Onboard {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Give each device an account of its own, made at the server: what one device knows opens nothing else
    #[arg(long)]
    pub(crate) own_accounts: bool,
}

/// Which devices are to get an account, and how it may go to them.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The devices' ids, in any case
    #[arg(value_name = "DI", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) dis: Vec<String>,
    /// All devices with Remote Access that answer
    #[arg(long)]
    pub(crate) all: bool,
    /// Let the account's password cross this network in clear text, to devices that offer no encryption
    #[arg(long)]
    pub(crate) allow_unencrypted: bool,
}

/// Which device to take over, and how.
#[derive(Debug, Args)]
pub(crate) struct Own {
    /// The device's id, in any case
    pub(crate) di: String,
    /// How: with the PIN that it shows, or by just doing it, where anybody on this network may listen at that moment
    /// (default: the PIN where the device has one)
    #[arg(long, value_name = "METHOD", value_enum)]
    pub(crate) method: Option<OwnMethod>,
    /// Read the PIN from standard input, a line each time that it is asked for, where nobody sits at a terminal
    #[arg(long, conflicts_with = "password_stdin")]
    pub(crate) pin_stdin: bool,
}

/// An account, and the device that is to have it.
#[derive(Debug, Args)]
pub(crate) struct AccountFor {
    /// The device's id, in any case
    pub(crate) di: String,
    /// The account, as user@domain
    #[arg(long)]
    pub(crate) jid: String,
}

/// A device that has something from us.
#[derive(Debug, Args)]
pub(crate) struct OneDevice {
    /// The device's id, in any case
    pub(crate) di: String,
}

/// What to do with a backup. The passphrase comes from HOMEWARD_PASSPHRASE, --passphrase-stdin or a prompt.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Write the keys of all devices that are yours
    #[command(after_help = "JSON: {result: saved, devices}.")]
    Save(BackupFile),
    /// Own the devices of a backup from this computer, too
    #[command(after_help = "JSON: {result: restored, devices}.")]
    Restore(BackupFile),
}

/// A backup.
#[derive(Debug, Args)]
pub(crate) struct BackupFile {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Read the passphrase from the first line of standard input
    #[arg(long, conflicts_with = "password_stdin")]
    pub(crate) passphrase_stdin: bool,
}

/// How a device is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OwnMethod {
    /// With the PIN that the device shows
    Pin,
    /// Without
    JustWorks,
}

impl From<OwnMethod> for TakeoverMethod {
    fn from(method: OwnMethod) -> Self {
        match method {
            OwnMethod::Pin => TakeoverMethod::Pin,
            OwnMethod::JustWorks => TakeoverMethod::JustWorks,
        }
    }
}

/// A resource of a device, and what to show of the request.
#[derive(Debug, Args)]
pub(crate) struct Asking {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// What is shown beside the answer.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Show {
    /// Show what went over the wire, layer by layer and without secrets: on standard error, or with --json in the answer
    #[arg(long = "show-exchange")]
    pub(crate) exchange: bool,
}

/// A resource of a device.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The device's id, in any case
    pub(crate) di: String,
    /// The resource's path: /light
    #[arg(value_parser = href)]
    pub(crate) href: Href,
    /// Which way
    #[arg(long, value_name = "PATH", value_enum, default_value_t = Way::Auto)]
    pub(crate) via: Way,
}

/// A resource of a device, and what to write.
#[derive(Debug, Args)]
pub(crate) struct TargetWithBody {
    /// The device's id, in any case
    pub(crate) di: String,
    /// The resource's path: /light
    #[arg(value_parser = href)]
    pub(crate) href: Href,
    /// The representation: '{"value": true}'
    #[arg(value_name = "JSON", value_parser = json, allow_negative_numbers = true)]
    pub(crate) body: Option<Value>,
    /// Which way
    #[arg(long, value_name = "PATH", value_enum, default_value_t = Way::Auto)]
    pub(crate) via: Way,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// What to observe.
#[derive(Debug, Args)]
pub(crate) struct Observe {
    #[command(flatten)]
    pub(crate) target: Target,
    /// End after so many notifications; exit code 3 if they did not come within the timeout
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

/// Which way a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// XMPP, or the local network where that may be taken and XMPP is not there
    Auto,
    /// The local network
    Lan,
    /// XMPP
    Xmpp,
}

impl From<Way> for Via {
    fn from(way: Way) -> Self {
        match way {
            Way::Auto => Via::Auto,
            Way::Lan => Via::Lan,
            Way::Xmpp => Via::Xmpp,
        }
    }
}

/// One request to one device.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) di: String,
    pub(crate) request: Request,
    pub(crate) via: Via,
}

impl Target {
    /// A Retrieve.
    pub(crate) fn request(&self) -> Asked {
        Asked { di: self.di.clone(), request: Request::get(self.href.clone()), via: self.via.into() }
    }

    /// A Delete.
    pub(crate) fn delete(&self) -> Asked {
        Asked { request: Request::delete(self.href.clone()), ..self.request() }
    }
}

impl TargetWithBody {
    /// A partial Update, or a Create.
    pub(crate) fn post(&self) -> Asked {
        self.asked(Method::Post)
    }

    /// A whole Update.
    pub(crate) fn put(&self) -> Asked {
        self.asked(Method::Put)
    }

    fn asked(&self, method: Method) -> Asked {
        let request = Request { method, href: self.href.clone(), body: self.body.clone(), observe: None };
        Asked { di: self.di.clone(), request, via: self.via.into() }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|_| "a number of seconds is needed".to_owned())?;
    if seconds > 0.0 && seconds <= MAX_TIMEOUT_S {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("more than 0 and at most {MAX_TIMEOUT_S} seconds"))
    }
}

fn href(text: &str) -> Result<Href, String> {
    Href::new(text).map_err(|error| error.to_string())
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use clap::CommandFactory as _;
    use serde_json::json;

    use super::*;

    fn parsed(line: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("homewardctl").chain(line.iter().copied()))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn common_options_may_stand_before_and_behind_the_command() {
        let before = parsed(&["--json", "--timeout", "3", "--interface", "lo", "discover"]).unwrap().common;
        let behind = parsed(&["discover", "--interface", "lo", "--timeout", "3", "--json"]).unwrap().common;
        for common in [before, behind] {
            assert!(common.json);
            assert_eq!(common.timeout, Duration::from_secs(3));
            assert_eq!(common.interfaces, ["lo"]);
        }
    }

    #[test]
    fn without_a_timeout_the_patience_is_twenty_seconds() {
        assert_eq!(parsed(&["devices"]).unwrap().common.timeout, Duration::from_secs(20));
    }

    #[test]
    fn a_post_carries_its_json_and_its_path() {
        let Command::Post(target) =
            parsed(&["post", "AB", "/light", r#"{"value":true}"#, "--via", "lan"]).unwrap().command
        else {
            panic!("another command");
        };
        let asked = target.post();
        assert_eq!(asked.request, Request::post(Href::new("/light").unwrap(), json!({"value": true})));
        assert_eq!((asked.di.as_str(), asked.via), ("AB", Via::Lan));
    }

    #[test]
    fn the_exchange_is_shown_where_it_is_asked_for() {
        let shown = |line: &[&str]| match parsed(line).unwrap().command {
            Command::Get(asking) | Command::Delete(asking) => asking.show.exchange,
            Command::Post(target) | Command::Put(target) => target.show.exchange,
            _ => panic!("another command"),
        };
        for method in ["get", "post", "put", "delete"] {
            assert!(!shown(&[method, "ab", "/light"]));
            assert!(shown(&[method, "ab", "/light", "--show-exchange"]));
        }
    }

    #[test]
    fn a_negative_number_is_json_and_no_option() {
        let Command::Put(target) = parsed(&["put", "ab", "/level", "-4"]).unwrap().command else {
            panic!("another command");
        };
        assert_eq!(target.put().request.body, Some(json!(-4)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            &["get", "ab", "light"] as &[&str],
            &["get", "ab", "/light", "{}"],
            &["post", "ab", "/light", "{value: true}"],
            &["get", "ab", "/light", "--via", "carrier-pigeon"],
            &["onboard"],
            &["onboard", "ab", "--all"],
            &["move", "devices", "--all", "--own-accounts"],
            &["observe", "ab", "/light", "--count", "0"],
            &["discover", "--timeout", "0"],
            &["discover", "--timeout", "-1"],
            &["discover", "--timeout", "NaN"],
            &["discover", "--timeout", "inf"],
            &["account", "set"],
            &["account", "set", "--jid", "home@home.test", "--password", "secret"],
            &["account", "set", "--jid", "home@home.test", "--ca", "ca.pem", "--pin", "9F:2C"],
        ] {
            assert!(parsed(line).is_err(), "{line:?}");
        }
    }
}
