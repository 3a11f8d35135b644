/** What more than one screen asks of a run. Pure. */
import type { Run } from "../host/bindings/Run";
import type { Step } from "../host/bindings/Step";

/** It is not over: nothing else can be begun with its device. */
export const isGoing = ({ state }: Run): boolean => ["queued", "making-account", "working", "undoing"].includes(state.is);

/** Its program ended in the middle of it: the person says whether it is finished or undone. */
export const isCutShort = ({ state }: Run): boolean => state.is === "failed" && state.error.code === "cut-short";

/** The step under way, or the one that failed. */
export function stepAt(run: Run): Step | null {
  return run.steps.find(({ state }) => state.is === "working" || state.is === "failed")?.step ?? null;
}
