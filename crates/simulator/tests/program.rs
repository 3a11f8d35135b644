//! The program as a script uses it: lines of JSON out, lines of JSON in.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

struct Program {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_homeward-simulator"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, input, lines }
    }

    fn line(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("a line").unwrap()).unwrap()
    }

    fn say(&mut self, command: &Value) {
        writeln!(self.input, "{command}").unwrap();
    }

    fn terminate(mut self) -> bool {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_says_who_is_there_obeys_knobs_and_tells_changes() {
    let mut program = Program::start(&["--devices", "10", "--seed", "7", "--leisure-ms", "0"]);
    let ready = program.line();
    assert_eq!(ready["event"], "ready");
    let devices = ready["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 10);
    let (lamp, lamp2) = (&devices[0], &devices[8]);
    assert_eq!((&lamp["key"], &lamp2["key"]), (&json!("lamp"), &json!("lamp-2")));
    assert_eq!((&lamp["dialect"], &lamp2["dialect"]), (&json!("ocf"), &json!("oic11")));
    assert_eq!(lamp["remoteAccess"], json!(["/ra/xmpp", "/ra/user"]));
    assert!(lamp["endpoints"][0].as_str().unwrap().starts_with("127.0.0.1:"));
    let di = lamp["di"].clone();

    program.say(&json!({"device": "lamp", "knob": "set", "href": "/light", "value": {"value": true}}));
    // The answer and the change are two lines, in whichever order.
    let mut lines = [program.line(), program.line()];
    lines.sort_by_key(|line| line["event"].as_str().map(str::to_owned));
    assert_eq!(lines[0], json!({"event": "done", "di": di}));
    assert_eq!(
        lines[1],
        json!({"event": "value", "di": di, "href": "/light", "value": {"value": true}, "via": "device"})
    );
    program.say(&json!({"device": di, "knob": "get", "href": "/light"}));
    assert_eq!(program.line(), json!({"event": "value-read", "di": di, "href": "/light", "value": {"value": true}}));
    program.say(&json!({"device": "lamp", "knob": "refuses", "href": "/ra/user", "status": 403}));
    assert_eq!(program.line()["event"], "done");
    program.say(&json!({"device": "lamp", "knob": "requests"}));
    assert_eq!(program.line(), json!({"event": "requests", "di": di, "requests": []}));
    program.say(&json!({"device": "*", "knob": "goes-away"}));
    assert!((0..10).all(|_| program.line()["event"] == "done"));
    assert!(program.terminate());
}

#[test]
fn a_line_that_cannot_be_obeyed_is_an_error_and_the_home_goes_on() {
    let mut program = Program::start(&[]);
    program.line();
    for bad in [
        json!("nonsense"),
        json!({"device": "lamp", "knob": "explode"}),
        json!({"device": "toaster", "knob": "goes-away"}),
        json!({"device": "lamp", "knob": "refuses", "href": "/nothing", "status": 403}),
        json!({"device": "lamp", "knob": "set", "href": "/light", "value": 1}),
    ] {
        program.say(&bad);
        assert_eq!(program.line()["event"], "error", "{bad}");
    }
    program.say(&json!({"device": "lamp", "knob": "behaves"}));
    assert_eq!(program.line()["event"], "done");
}

#[test]
fn what_makes_no_home_is_said_before_anything_starts() {
    for arguments in [
        &["--devices", "0"][..],
        &["--devices", "501"],
        &["--interface", "no-such-interface"],
        &["--ca", "/dev/null"],
        &["--jid", "a@b"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_homeward-simulator")).args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}
