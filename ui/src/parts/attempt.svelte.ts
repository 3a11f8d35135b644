/** Something that a dialog asks for and waits for: whether it is under way, and why it failed. */
import type { Error as Failure } from "../host/bindings/Error";
import { asFailure } from "../host/host";

export class Attempt {
  busy = $state(false);
  failed = $state.raw<Failure | null>(null);

  /** True: it was done. */
  async go(work: () => Promise<void>): Promise<boolean> {
    this.busy = true;
    this.failed = null;
    try {
      await work();
      return true;
    } catch (thrown) {
      this.failed = asFailure(thrown);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
