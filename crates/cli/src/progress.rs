//! How a device's onboarding gets on: from what a run is, the lines that are new.
//!
//! Scope: pure. Non-scope: printing them, and the runs themselves.

use std::collections::BTreeMap;

use homeward_core::view::{LeftOnDevice, Run, RunState, Step, StepState};
use homeward_core::{Code, Error};
use serde::Serialize;

use crate::exit::Exit;
use crate::words;

/// What became of a step, as scripts read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepLine {
    pub(crate) di: String,
    pub(crate) step: Step,
    pub(crate) outcome: StepOutcome,
    pub(crate) code: Option<Code>,
    pub(crate) message: Option<String>,
    pub(crate) elapsed_ms: Option<u32>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StepOutcome {
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It began, and waits for the device.
    Waiting,
    /// It was done, and put back.
    Undone,
}

/// How a device's run ended, as scripts read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ResultLine {
    pub(crate) di: String,
    pub(crate) result: RunResult,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RunResult {
    /// Online with its identity proven.
    Onboarded,
    /// Stopped at a step.
    Failed,
    /// Stopped by Ctrl-C.
    Cancelled,
}

/// The end of a device's run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    pub(crate) result: RunResult,
    /// Why it failed.
    pub(crate) error: Option<Error>,
    /// What is on the device now, unless it was onboarded.
    pub(crate) left: Option<LeftOnDevice>,
}

impl End {
    /// A run that could not begin, for want of the device.
    pub(crate) fn without_a_run(error: Error) -> Self {
        Self { result: RunResult::Failed, error: Some(error), left: None }
    }

    /// The exit code of this device alone.
    pub(crate) fn exit(&self) -> Exit {
        let exit = match (self.result, &self.error) {
            (RunResult::Onboarded, _) => Exit::Done,
            (_, Some(error)) => Exit::of(error.code),
            (_, None) => Exit::Refused,
        };
        if self.left == Some(LeftOnDevice::Unknown) { Exit::OutcomeUnknown } else { exit }
    }
}

/// What has been told of one device's run.
#[derive(Debug)]
pub(crate) struct Progress {
    /// As the device was found: a run must not change its spelling on the way.
    pub(crate) di: String,
    /// What people call it.
    pub(crate) name: String,
    told: BTreeMap<Step, StepState>,
    /// Once it has ended.
    pub(crate) end: Option<End>,
    /// Until when the server makes it wait for its account, as last told.
    pub(crate) waits_until: Option<u64>,
}

impl Progress {
    /// Nothing is told yet.
    pub(crate) fn new(di: String, name: String) -> Self {
        Self { di, name, told: BTreeMap::new(), end: None, waits_until: None }
    }

    /// The lines that are new in `run`. Once it has ended, [`Progress::end`] is set.
    pub(crate) fn follow(&mut self, run: &Run) -> Vec<StepLine> {
        let mut lines = Vec::new();
        for entry in &run.steps {
            if entry.state == StepState::Waiting || self.told.get(&entry.step) == Some(&entry.state) {
                continue;
            }
            self.told.insert(entry.step, entry.state.clone());
            let (outcome, error) = match &entry.state {
                StepState::Waiting | StepState::Working => (StepOutcome::Waiting, None),
                StepState::Done => (StepOutcome::Done, None),
                StepState::Failed { error } => (StepOutcome::Failed, Some(error)),
                StepState::Undone => (StepOutcome::Undone, None),
            };
            lines.push(self.line(entry.step, outcome, error, entry.elapsed_ms));
        }
        if self.end.is_none() {
            self.end = match &run.state {
                RunState::Queued | RunState::MakingAccount { .. } | RunState::Working | RunState::Undoing => None,
                RunState::Onboarded => Some(End { result: RunResult::Onboarded, error: None, left: None }),
                RunState::Failed { error, left } => {
                    Some(End { result: RunResult::Failed, error: Some(error.clone()), left: Some(*left) })
                }
                RunState::Cancelled { left } | RunState::Undone { left } => {
                    Some(End { result: RunResult::Cancelled, error: None, left: Some(*left) })
                }
            };
            lines.extend(self.failed_before_a_step(run));
        }
        lines
    }

    /// A run that fails before its first step has a line too: a failure names its step.
    fn failed_before_a_step(&self, run: &Run) -> Option<StepLine> {
        let error = self.end.as_ref()?.error.as_ref()?;
        if run.steps.iter().any(|entry| matches!(entry.state, StepState::Failed { .. })) {
            return None;
        }
        let open = run.steps.iter().find(|entry| !matches!(entry.state, StepState::Done | StepState::Undone))?;
        Some(self.line(open.step, StepOutcome::Failed, Some(error), None))
    }

    /// One line of this device.
    pub(crate) fn line(
        &self,
        step: Step,
        outcome: StepOutcome,
        error: Option<&Error>,
        elapsed_ms: Option<u32>,
    ) -> StepLine {
        StepLine {
            di: self.di.clone(),
            step,
            outcome,
            code: error.map(|error| error.code),
            message: error.map(words::sentence),
            elapsed_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use homeward_core::view::{RunStep, Whose};
    use serde_json::json;

    use super::*;

    const STEPS: [Step; 6] = [Step::Read, Step::Server, Step::Account, Step::Status, Step::Online, Step::Identity];

    fn run() -> Run {
        Run {
            id: "ab".into(),
            steps: STEPS.map(|step| RunStep { step, state: StepState::Waiting, elapsed_ms: None }).into(),
            state: RunState::Queued,
            started_at_ms: 0,
            undo: None,
            whose: Whose::House,
            jid: "home@home.test".into(),
            server: "home.test".into(),
            port: 5222,
        }
    }

    fn progress() -> Progress {
        Progress::new("AB".into(), "Lamp".into())
    }

    #[test]
    fn each_change_of_a_step_is_told_once() {
        let (mut progress, mut run) = (progress(), run());
        assert!(progress.follow(&run).is_empty());
        run.state = RunState::Working;
        run.steps[0].state = StepState::Working;
        assert_eq!(progress.follow(&run).iter().map(|line| line.outcome).collect::<Vec<_>>(), [StepOutcome::Waiting]);
        run.steps[0] = RunStep { step: Step::Read, state: StepState::Done, elapsed_ms: Some(12) };
        run.steps[1].state = StepState::Working;
        let lines = progress.follow(&run);
        assert_eq!(
            serde_json::to_value(&lines).unwrap(),
            json!([
                {"di": "AB", "step": "read", "outcome": "done", "code": null, "message": null, "elapsedMs": 12},
                {"di": "AB", "step": "server", "outcome": "waiting", "code": null, "message": null, "elapsedMs": null},
            ])
        );
        assert!(progress.follow(&run).is_empty());
        assert_eq!(progress.end, None);
    }

    #[test]
    fn a_failure_names_its_step_and_ends_the_run() {
        let (mut progress, mut run) = (progress(), run());
        let error = Error::new(Code::ConsentNeeded, "the channel is not encrypted, and that was not allowed");
        run.steps[0] =
            RunStep { step: Step::Read, state: StepState::Failed { error: error.clone() }, elapsed_ms: Some(2) };
        run.state = RunState::Failed { error, left: LeftOnDevice::AsBefore };
        let lines = progress.follow(&run);
        assert_eq!((lines.len(), lines[0].code), (1, Some(Code::ConsentNeeded)));
        assert!(lines[0].message.as_ref().unwrap().contains("--allow-unencrypted"));
        assert_eq!(progress.end.unwrap().exit(), Exit::Refused);
    }

    #[test]
    fn a_run_that_fails_before_its_first_step_has_a_line_too() {
        let (mut progress, mut run) = (progress(), run());
        let error = Error::new(Code::NotReachable, "Lamp does not answer on this network");
        run.state = RunState::Failed { error, left: LeftOnDevice::AsBefore };
        let lines = progress.follow(&run);
        assert_eq!((lines.len(), lines[0].step, lines[0].outcome), (1, Step::Read, StepOutcome::Failed));
        assert!(progress.follow(&run).is_empty(), "told once");
        assert_eq!(progress.end.unwrap().exit(), Exit::NotReached);
    }

    #[test]
    fn what_nobody_knows_is_the_gravest_end() {
        let left = Some(LeftOnDevice::Unknown);
        assert_eq!(End { result: RunResult::Cancelled, error: None, left }.exit(), Exit::OutcomeUnknown);
        let left = Some(LeftOnDevice::AsBefore);
        assert_eq!(End { result: RunResult::Cancelled, error: None, left }.exit(), Exit::Refused);
    }

    #[test]
    fn the_last_line_of_a_device_is_its_result() {
        let line = ResultLine { di: "AB".into(), result: RunResult::Onboarded };
        assert_eq!(serde_json::to_value(line).unwrap(), json!({"di": "AB", "result": "onboarded"}));
    }
}
