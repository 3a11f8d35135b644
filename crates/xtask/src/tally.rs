//! Counting what test programs report.

use serde_json::Value;

/// How many tests did what.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Name and reason of each test that was not run.
    pub(crate) skipped: Vec<String>,
    /// Name of each test that failed.
    pub(crate) failures: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
        self.failures.extend(other.failures);
    }

    /// One failure of something that is no test program.
    pub(crate) fn failure(name: &str) -> Tally {
        Tally { failed: 1, failures: vec![name.to_owned()], ..Tally::default() }
    }

    /// Reads the output of Rust's test programs, run with `--show-output`.
    ///
    /// A test that cannot run here prints `SKIPPED: name: why` and returns; it is counted as skipped, not as passed.
    pub(crate) fn of_libtest(program: &str, output: &str) -> Tally {
        let mut tally = Tally::default();
        let mut finished = false;
        let mut slow = Vec::new();
        for line in output.lines() {
            if let Some(result) = line.strip_prefix("test result: ") {
                finished = true;
                let count = |word: &str| count_before(result, word);
                tally.passed += count(" passed");
                tally.failed += count(" failed");
            } else if let Some((_, skipped)) = line.split_once("SKIPPED: ") {
                // At the end of the harness' own line, where the test wrote past its capture.
                tally.skipped.push(format!("{program}: {skipped}"));
            } else if let Some(test) = line.strip_prefix("test ") {
                if let Some((name, _)) = test.split_once(" ... ignored") {
                    tally.skipped.push(format!("{program}: {name}: ignored"));
                } else if let Some(name) = test.strip_suffix(" ... FAILED") {
                    tally.failures.push(format!("{program}: {name}"));
                    slow.retain(|slow| slow != name);
                } else if let Some((name, _)) = test.split_once(" has been running for over") {
                    slow.push(name.to_owned());
                } else if let Some((name, _)) = test.split_once(" ... ") {
                    slow.retain(|slow| slow != name);
                }
            }
        }
        let ignored = tally.skipped.iter().filter(|skipped| skipped.ends_with(": ignored")).count();
        tally.passed = tally.passed.saturating_sub(tally.skipped.len() - ignored);
        if !finished {
            let during = if slow.is_empty() { String::new() } else { format!(", during {}", slow.join(", ")) };
            tally.add(Tally::failure(&format!("{program}: ended before its tests did{during}")));
        }
        tally
    }

    /// Reads vitest's report (`--reporter=json`).
    pub(crate) fn of_vitest(report: &Value) -> Tally {
        let number = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
        let number = |name: &str| usize::try_from(number(name)).unwrap_or(usize::MAX);
        let mut tally =
            Tally { passed: number("numPassedTests"), failed: number("numFailedTests"), ..Tally::default() };
        let items = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        for file in items(report, "testResults") {
            let tests = items(&file, "assertionResults");
            for test in &tests {
                let text = |name: &str| test.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                match text("status").as_str() {
                    "failed" => tally.failures.push(format!("ui: {}", text("fullName"))),
                    "passed" => {}
                    other => tally.skipped.push(format!("ui: {}: {other}", text("fullName"))),
                }
            }
            // A file that cannot be loaded has no tests, and is a failure all the same.
            if tests.is_empty() && file.get("status").and_then(Value::as_str) == Some("failed") {
                let name = file.get("name").and_then(Value::as_str).unwrap_or("?");
                tally.add(Tally::failure(&format!("ui: {name} could not be loaded")));
            }
        }
        tally
    }
}

/// The number before `word`: 3 in `ok. 3 passed; 0 failed` for ` passed`.
fn count_before(text: &str, word: &str) -> usize {
    let Some((before, _)) = text.split_once(word) else { return 0 };
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use serde_json::json;

    const OUTPUT: &str = "
running 5 tests
test e ... ok
test a ... SKIPPED: a: no network namespaces
ok
test b ... FAILED
test c ... ok
test d ... ignored

successes:

---- c stdout ----
SKIPPED: c: ejabberd is not installed

test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn a_test_that_says_it_was_skipped_is_not_counted_as_passed() {
        let tally = Tally::of_libtest("x", OUTPUT);
        assert_eq!((tally.passed, tally.failed), (1, 1));
        assert_eq!(tally.skipped, ["x: a: no network namespaces", "x: d: ignored", "x: c: ejabberd is not installed"]);
        assert_eq!(tally.failures, ["x: b"]);
    }

    #[test]
    fn a_program_that_dies_on_the_way_is_a_failure() {
        let slow = |name: &str| format!("test {name} has been running for over 60 seconds\n");
        let output = format!("running 4 tests\n{}{}test a ... ok\n", slow("a"), slow("b"));
        let tally = Tally::of_libtest("x", &output);
        assert_eq!(tally.failed, 1);
        assert_eq!(tally.failures, ["x: ended before its tests did, during b"]);
    }

    #[test]
    fn vitest_files_that_do_not_load_are_failures() {
        let report = json!({
            "numPassedTests": 1, "numFailedTests": 1,
            "testResults": [
                {"name": "a.test.ts", "status": "failed", "assertionResults": [
                    {"fullName": "one", "status": "passed"},
                    {"fullName": "two", "status": "failed"},
                    {"fullName": "three", "status": "pending"},
                ]},
                {"name": "b.test.ts", "status": "failed", "assertionResults": []},
            ],
        });
        let tally = Tally::of_vitest(&report);
        assert_eq!((tally.passed, tally.failed), (1, 2));
        assert_eq!(tally.skipped, ["ui: three: pending"]);
        assert_eq!(tally.failures, ["ui: two", "ui: b.test.ts could not be loaded"]);
    }
}
