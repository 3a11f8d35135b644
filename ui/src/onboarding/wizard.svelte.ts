/**
 * The wizard's state: the form, what was chosen and allowed, and the step. Lives as long as the window, so that leaving
 * and coming back loses nothing. The password is in here only until the account is set.
 */
import type { AccountForm } from "../host/bindings/AccountForm";
import type { OnboardChoice } from "../host/bindings/OnboardChoice";
import type { Home } from "../home.svelte";
import { isCutShort, isGoing } from "../parts/runs";
import { formOf } from "../state";
import { canPick, foundIn } from "./found";

export type StepName = "account" | "devices" | "review" | "progress";

/** What an account is asked for, and where that leads. */
export type AccountFor = "devices" | "home" | "move";

export type Step =
  | { is: "account"; then: AccountFor }
  | { is: "devices" }
  | { is: "review" }
  | { is: "progress"; ids: readonly string[]; agreedAtMs: number };

const emptyForm: AccountForm = { jid: "", server: "", port: "", ca: null, pin: null };

export class Wizard {
  readonly home: Home;
  step = $state.raw<Step>({ is: "account", then: "devices" });
  form = $state<AccountForm>({ ...emptyForm });
  password = $state("");
  /** Devices whose credential may cross the network in the clear: the person said so, one by one. */
  allowed = $state.raw<ReadonlySet<string>>(new Set());
  #forMove = false;
  /** Each device is to get an account of its own, instead of one that all share. */
  ownAccounts = $state(false);
  #picked = $state.raw<ReadonlySet<string>>(new Set());

  constructor(home: Home) {
    this.home = home;
  }

  /** Begins at the step that makes sense now: runs under way or cut short, else the devices, else the account. */
  begin(at: "account" | "add" | "move"): void {
    const { account, runs, prefill } = this.home.state;
    const isMove = at === "move";
    // What was typed for the one is not for the other. A second account is most often at the same server.
    if (isMove !== this.#forMove) {
      this.form = { ...emptyForm, ...(isMove && account ? { ...formOf(account), jid: "", pin: null } : {}) };
      this.password = "";
    }
    this.#forMove = isMove;
    if (isMove) {
      this.step = { is: "account", then: "move" };
      return;
    }
    if (at === "account" || !account) {
      if (this.form.jid === "") this.form = (account && formOf(account)) ?? prefill ?? { ...emptyForm };
      this.step = { is: "account", then: at === "account" ? "home" : "devices" };
      return;
    }
    const all = [...runs.values()];
    const going = all.filter(isGoing);
    const { step } = this;
    // What began elsewhere is not left out.
    if (step.is === "progress" && going.length > 0 && going.every(({ id }) => step.ids.includes(id))) return;
    // Beside what goes on, what has ended is shown, too; of what is over, only what waits for the person's word.
    const shown = going.length > 0 ? all : all.filter(isCutShort);
    if (shown.length > 0) {
      const agreedAtMs = Math.min(...(going.length > 0 ? going : shown).map((run) => run.startedAtMs));
      this.step = { is: "progress", ids: shown.map(({ id }) => id), agreedAtMs };
    } else this.step = { is: "devices" };
  }

  /** What the person types. A certificate was compared for this account at this server: for another it is not trusted. */
  type(field: "jid" | "server" | "port", text: string): void {
    if (this.form[field] === text) return;
    this.form[field] = text;
    this.form.pin = null;
  }

  /** One more authority, or only this computer's own list; no single certificate any more. */
  trustFile(file: string | null): void {
    this.form.ca = file;
    this.form.pin = null;
  }

  /** The only certificate to trust, which the person compared just now; `null`: whatever authorities vouch for. */
  trustOnly(fingerprint: string | null): void {
    this.form.pin = fingerprint;
    if (fingerprint !== null) this.form.ca = null;
  }

  /** Chosen, and still to be had. */
  readonly picked = $derived.by(() => {
    const found = foundIn(this.home.state.devices.values(), this.allowed, this.home.state.runs);
    return new Set(
      found
        .filter(({ device, standing }) => this.#picked.has(device.id) && canPick(standing))
        .map(({ device }) => device.id),
    );
  });

  pick(id: string, on: boolean): void {
    const next = new Set(this.#picked);
    if (on) next.add(id);
    else next.delete(id);
    this.#picked = next;
  }

  /** The person's word on one device; it is then chosen, too. */
  allow(id: string, on: boolean): void {
    const next = new Set(this.allowed);
    if (on) next.add(id);
    else next.delete(id);
    this.allowed = next;
    this.pick(id, on);
  }

  choicesFor(ids: Iterable<string>): OnboardChoice[] {
    return [...ids].map((id) => ({ id, allowUnencrypted: this.allowed.has(id) }));
  }

  async run(): Promise<void> {
    const ids = [...this.picked];
    if (ids.length === 0) return;
    const choices = this.choicesFor(ids);
    const begun = this.ownAccounts ? this.home.onboardWithOwnAccounts(choices) : this.home.onboard(choices);
    if (!(await begun)) return;
    this.#picked = new Set();
    this.step = { is: "progress", ids, agreedAtMs: Date.now() };
  }
}
