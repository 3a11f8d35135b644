/** How the taking back of an account stands, by the device's run. Pure. */
import type { Error as Failure } from "../host/bindings/Error";
import type { LeftOnDevice } from "../host/bindings/LeftOnDevice";
import type { Run } from "../host/bindings/Run";

export type TakingBack =
  { is: "undoing" } | { is: "undone" } | { is: "failed"; error: Failure; left: LeftOnDevice };

/** What a way back says that ended without a reason of its own. */
const notPutBack: Failure = { code: "not-put-back", message: "what was written is still on the device", details: null };

/**
 * `asked`: the account was asked back in this window. Of an ordinary undo only the way is told: it may well have put
 * back an account.
 */
export function takingBackOf(run: Run | undefined, asked: boolean): TakingBack | null {
  if (run?.state.is === "undoing") return { is: "undoing" };
  if (!run || !asked) return null;
  const { state } = run;
  if (state.is === "failed") return { is: "failed", error: state.error, left: state.left };
  if (state.is !== "undone") return null;
  // A way back that did not get through is over like any other: its steps say why, and `left` how far it came.
  return state.left === "as-before"
    ? { is: "undone" }
    : { is: "failed", error: writingFailed(run) ?? notPutBack, left: state.left };
}

/** The steps that write; what failed in the others belongs to the set-up before. */
function writingFailed({ steps }: Run): Failure | null {
  for (const { step, state } of steps) {
    if ((step === "server" || step === "account") && state.is === "failed") return state.error;
  }
  return null;
}
