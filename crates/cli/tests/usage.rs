//! What a script sees of a command that cannot be: exit code 2, nothing on standard output, a sentence on standard error.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output, Stdio};

const DI: &str = "12345678-1234-4234-8234-123456789abc";

struct Terminal {
    home: tempfile::TempDir,
}

impl Terminal {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn run(&self, line: &[&str], environment: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_homewardctl"))
            .args(line)
            .env_clear()
            .env("HOMEWARD_HOME", self.home.path())
            // No keyring here, whoever runs the tests.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn a_command_that_cannot_be_is_a_usage_error_with_nothing_on_standard_output() {
    let terminal = Terminal::new();
    for line in [
        &[] as &[&str],
        &["fly"],
        &["discover", "--json", "extra"],
        &["get", DI, "light"],
        &["get", DI, "/li ght"],
        &["post", DI, "/light", "{value: true}"],
        &["get", DI],
        &["onboard"],
        &["onboard", DI, "--all"],
        &["observe", DI, "/light", "--count", "0"],
        &["devices", "--timeout", "soon"],
        &["account", "set"],
        &["account", "set", "--jid", "home@home.test", "--password", "secret"],
    ] {
        let output = terminal.run(line, &[]);
        let (out, err) = texts(&output);
        assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{line:?}: {err}");
        assert!(!err.is_empty(), "{line:?}");
    }
}

#[test]
fn without_an_account_what_needs_one_says_how_to_set_it() {
    let terminal = Terminal::new();
    for line in [
        &["account", "show", "--json"] as &[&str],
        &["account", "check", "--json"],
        &["devices", "--json", "--interface", "lo"],
        &["get", DI, "/light", "--via", "xmpp", "--json"],
        &["observe", DI, "/light", "--via", "xmpp", "--json"],
        &["onboard", DI, "--json", "--interface", "lo"],
    ] {
        let output = terminal.run(line, &[]);
        let (out, err) = texts(&output);
        assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{line:?}: {err}");
        assert!(err.contains("account set"), "{line:?}: {err}");
    }
}

#[test]
fn an_account_is_refused_before_any_network() {
    let terminal = Terminal::new();
    let password = [("HOMEWARD_PASSWORD", "secret")];
    for (line, word) in [
        (&["--jid", "home@home.test/phone", "--server", "192.0.2.1"] as &[&str], "user@domain"),
        (&["--jid", "home.test", "--server", "192.0.2.1"], "user@domain"),
        (&["--jid", "home@home.test", "--server", "192.0.2.1", "--port", "70000"], "70000"),
        (&["--jid", "home@home.test", "--server", "192.0.2.1", "--port", "0"], "port"),
        (&["--jid", "home@home.test", "--server", "127.0.0.1"], "reach"),
        (&["--jid", "home@home.test", "--server", "192.0.2.1", "--ca", "/nonexistent"], "PEM"),
        (&["--jid", "home@home.test", "--server", "192.0.2.1", "--pin", "9F:2C"], "64 hexadecimal digits"),
        (&["--jid", "home@home.test", "--server", "192.0.2.1", "--pin", "9F:2C", "--ca", "ca.pem"], "--ca"),
    ] {
        let output = terminal.run(&[&["account", "set"], line].concat(), &password);
        let (out, err) = texts(&output);
        assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{line:?}: {err}");
        assert!(err.contains(word), "{line:?}: {err}");
    }
    assert_eq!(terminal.run(&["account", "show"], &[]).status.code(), Some(2), "nothing was saved");
}

#[test]
fn an_account_that_is_set_is_shown_and_its_password_is_in_no_file_and_no_output() {
    let terminal = Terminal::new();
    let password = "correct horse battery staple";
    let line = ["account", "set", "--jid", "home@home.test", "--server", "192.0.2.1", "--port", "5333", "--json"];
    let output = terminal.run(&line, &[("HOMEWARD_PASSWORD", password)]);
    let (set, err) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("HOMEWARD_PASSWORD"), "no keyring is there, and that is said: {err}");
    let output = terminal.run(&["account", "show", "--json"], &[]);
    let (shown, _) = texts(&output);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(shown.trim(), r#"{"jid":"home@home.test","server":"192.0.2.1","port":5333,"ca":null}"#);
    assert_eq!(set, shown);
    let holds = |bytes: &[u8]| bytes.windows(password.len()).any(|window| window == password.as_bytes());
    assert!(!holds(&output.stdout) && !holds(err.as_bytes()));
    for entry in std::fs::read_dir(terminal.home.path()).unwrap() {
        let file = entry.unwrap().path();
        assert!(!file.is_file() || !holds(&std::fs::read(&file).unwrap()), "{}", file.display());
    }
}

#[test]
fn a_pin_is_kept_until_the_account_is_set_without_one() {
    let terminal = Terminal::new();
    let set = |more: &[&str]| {
        let line = [&["account", "set", "--jid", "home@home.test", "--server", "192.0.2.1", "--json"], more].concat();
        let output = terminal.run(&line, &[("HOMEWARD_PASSWORD", "secret")]);
        assert_eq!(output.status.code(), Some(0), "{}", texts(&output).1);
        texts(&terminal.run(&["account", "show", "--json"], &[])).0
    };
    let pin = "9f2c41a807d35eb1601acc947be2380df419865a2dc7730eb84fa13659ed12c0";
    assert_eq!(
        set(&["--pin", pin]).trim(),
        r#"{"jid":"home@home.test","server":"192.0.2.1","port":5222,"ca":null,"pin":"9F:2C:41:A8:07:D3:5E:B1:60:1A:CC:94:7B:E2:38:0D:F4:19:86:5A:2D:C7:73:0E:B8:4F:A1:36:59:ED:12:C0"}"#
    );
    let person = texts(&terminal.run(&["account", "show"], &[])).0;
    assert!(person.contains("only the certificate 9F:2C"), "{person}");
    assert_eq!(set(&[]).trim(), r#"{"jid":"home@home.test","server":"192.0.2.1","port":5222,"ca":null}"#);
}

#[test]
fn a_password_that_was_to_come_by_standard_input_and_did_not_is_missing() {
    let terminal = Terminal::new();
    let line = ["account", "set", "--jid", "home@home.test", "--server", "192.0.2.1", "--password-stdin"];
    let output = terminal.run(&line, &[("HOMEWARD_PASSWORD", "not this one")]);
    let (out, err) = texts(&output);
    assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{err}");
}

#[test]
fn an_interface_that_is_not_there_is_named() {
    let output = Terminal::new().run(&["discover", "--json", "--interface", "eth77"], &[]);
    let (out, err) = texts(&output);
    assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{err}");
    assert!(err.contains("eth77"), "{err}");
    let output = Terminal::new().run(&["discover", "--json"], &[("HOMEWARD_INTERFACES", "eth78")]);
    assert!(texts(&output).1.contains("eth78"));
}

#[test]
fn help_tells_the_exit_codes_and_is_no_error() {
    let output = Terminal::new().run(&["--help"], &[]);
    let (out, _) = texts(&output);
    assert_eq!(output.status.code(), Some(0));
    for word in ["HOMEWARD_HOME", "HOMEWARD_PASSWORD", "Exit codes", "outcome unknown"] {
        assert!(out.contains(word), "{word}");
    }
}
