/** A run as the five beads of its row. Pure. */
import type { Run } from "../host/bindings/Run";
import type { Step } from "../host/bindings/Step";
import type { StepState } from "../host/bindings/StepState";
import type { BeadIs } from "../parts/beads";

/** The columns; reading what a device has belongs to the first. */
export const columns = ["server", "account", "status", "online", "identity"] as const;
export type Column = (typeof columns)[number];

const stateOf = (run: Run, step: Step): StepState =>
  run.steps.find((each) => each.step === step)?.state ?? { is: "waiting" };

/** The first column works while the device is read, and fails where that failed. */
export function columnState(run: Run, column: Column): StepState {
  const own = stateOf(run, column);
  if (column !== "server" || own.is !== "waiting") return own;
  const read = stateOf(run, "read");
  return read.is === "working" || read.is === "failed" ? read : own;
}

export const beadOf: Record<StepState["is"], BeadIs> = {
  waiting: "waiting",
  working: "wish",
  done: "fact",
  failed: "broken",
  undone: "waiting",
};

/** The five kinds of end and middle that the sums count. */
export type Sum = "done" | "working" | "failed" | "stopped";

export function sumOf(run: Run): Sum {
  switch (run.state.is) {
    case "onboarded":
      return "done";
    case "queued":
    case "making-account":
    case "working":
    case "undoing":
      return "working";
    case "failed":
      return "failed";
    case "cancelled":
    case "undone":
      return "stopped";
  }
}
