#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::process::Command;

use super::super::testing::Folder;
use super::*;

#[derive(Default)]
struct Fake {
    kept: Mutex<HashMap<String, String>>,
    refuses_writes: bool,
    hangs: bool,
}

impl Vault for Fake {
    fn get(&self, user: &str) -> Result<Option<Secret>, String> {
        if self.hangs {
            std::thread::sleep(Duration::from_millis(300));
        }
        Ok(self.kept.lock().unwrap().get(user).map(Secret::new))
    }

    fn set(&self, user: &str, password: &Secret) -> Result<(), String> {
        if self.refuses_writes {
            return Err("no collection".to_owned());
        }
        self.kept.lock().unwrap().insert(user.to_owned(), password.expose().to_owned());
        Ok(())
    }

    fn delete(&self, user: &str) -> Result<(), String> {
        self.kept.lock().unwrap().remove(user);
        Ok(())
    }
}

fn passwords(vault: &Arc<Fake>) -> Passwords {
    Passwords::with(Arc::clone(vault) as Arc<dyn Vault>, DEADLINE)
}

#[tokio::test]
async fn a_password_outlives_the_program_in_the_keyring() {
    let vault = Arc::new(Fake::default());
    assert_eq!(passwords(&vault).set("Maren@hearth.example", Secret::new("a")).await, Keyring::Works);
    let later = passwords(&vault);
    assert_eq!(later.get("maren@hearth.example").await, Some(Secret::new("a")));
    assert_eq!(later.state(), Keyring::Unknown, "a reading does not tell whether it can be written");
    later.forget("maren@hearth.example").await;
    assert_eq!(later.get("maren@hearth.example").await, None);
    assert_eq!(passwords(&vault).get("maren@hearth.example").await, None);
}

#[tokio::test]
async fn a_keyring_that_takes_nothing_is_found_out_by_writing_and_memory_serves() {
    let vault = Arc::new(Fake { refuses_writes: true, ..Fake::default() });
    let here = passwords(&vault);
    assert_eq!(here.get("a@b").await, None);
    assert_eq!(here.state(), Keyring::Unknown);
    let unavailable = Keyring::Unavailable { details: "no collection".to_owned() };
    assert_eq!(here.probe().await, unavailable);
    assert_eq!(here.set("a@b", Secret::new("x")).await, unavailable);
    assert_eq!(here.get("a@b").await, Some(Secret::new("x")));
    assert_eq!(passwords(&vault).get("a@b").await, None, "not beyond this program's life");
}

#[tokio::test]
async fn a_probe_leaves_nothing_behind() {
    let vault = Arc::new(Fake::default());
    assert_eq!(passwords(&vault).probe().await, Keyring::Works);
    assert!(vault.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_password_for_this_run_is_not_kept() {
    let vault = Arc::new(Fake::default());
    let here = passwords(&vault);
    here.set_for_this_run("a@b", Secret::new("x"));
    assert_eq!(here.get("A@b").await, Some(Secret::new("x")));
    assert!(vault.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_keyring_that_hangs_is_given_up() {
    let vault = Arc::new(Fake { hangs: true, ..Fake::default() });
    let here = Passwords::with(vault, Duration::from_millis(20));
    assert_eq!(here.get("a@b").await, None);
    assert!(matches!(here.state(), Keyring::Unavailable { details } if details.contains("did not answer")));
}

/// Set in the copy of this test program that runs inside a session of its own.
const INSIDE: &str = "HOMEWARD_TEST_INSIDE_A_SESSION";

/// Runs one of these tests again, in a session that `script` makes, where this machine can.
///
/// # Panics
/// If it fails there; with what it said.
fn run_inside(test: &str, script: &str) {
    for (program, argument) in [("dbus-run-session", "--version"), ("gnome-keyring-daemon", "--version")] {
        if Command::new(program).arg(argument).output().is_err() {
            println!("SKIPPED: {test}: no {program} on this computer");
            return;
        }
    }
    // The keyring's files, and whatever else a daemon may write, are the test's own.
    let folder = Folder::new();
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "bash", "-c", script, "bash"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", &format!("store::passwords::tests::{test}")]);
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
        command.env(variable, folder.path());
    }
    let output = command.env(INSIDE, test).env_remove("GNOME_KEYRING_CONTROL").output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{test} inside a session:\n{stdout}{stderr}");
}

fn is_inside(test: &str) -> bool {
    std::env::var(INSIDE).is_ok_and(|name| name == test)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_real_keyring_keeps_a_password_until_it_is_forgotten() {
    let name = "the_real_keyring_keeps_a_password_until_it_is_forgotten";
    if !is_inside(name) {
        let unlocked = "printf throwaway | gnome-keyring-daemon --unlock --components=secrets > /dev/null && \"$@\"";
        run_inside(name, unlocked);
        return;
    }
    let here = Passwords::new();
    assert_eq!(here.probe().await, Keyring::Works);
    let password = Secret::new("pässword \u{1f511}");
    assert_eq!(here.set("maren@hearth.example", password.clone()).await, Keyring::Works);
    assert_eq!(here.set("maren@hearth.example", password.clone()).await, Keyring::Works, "twice is no double");
    assert_eq!(Passwords::new().get("Maren@hearth.example").await, Some(password));
    assert_eq!(Passwords::new().get("somebody@hearth.example").await, None);
    here.forget("maren@hearth.example").await;
    assert_eq!(Passwords::new().get("maren@hearth.example").await, None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_bus_without_a_keyring_is_said_and_memory_serves() {
    let name = "a_bus_without_a_keyring_is_said_and_memory_serves";
    if !is_inside(name) {
        // An address where nobody is: neither this session's keyring nor one that the bus would start.
        let nobody = "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent/bus \"$@\"";
        run_inside(name, nobody);
        return;
    }
    let here = Passwords::new();
    assert!(matches!(here.probe().await, Keyring::Unavailable { details } if !details.is_empty()));
    assert!(matches!(here.set("a@b", Secret::new("x")).await, Keyring::Unavailable { .. }));
    assert_eq!(here.get("a@b").await, Some(Secret::new("x")));
}
