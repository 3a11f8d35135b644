/**
 * The store: one live copy of the home in this window.
 *
 * Subscribe, then take a snapshot, then apply the numbered events: so none is lost between. After a gap or a lag it
 * takes a new snapshot. What it shows is only what the home told, but for wishes of this window (`state.ts`).
 */
import type { AccountForm } from "./host/bindings/AccountForm";
import type { Device } from "./host/bindings/Device";
import type { Error as Failure } from "./host/bindings/Error";
import type { Numbered } from "./host/bindings/Numbered";
import type { Observed } from "./host/bindings/Observed";
import type { OnboardChoice } from "./host/bindings/OnboardChoice";
import type { Run } from "./host/bindings/Run";
import type { TakeoverMethod } from "./host/bindings/TakeoverMethod";
import type { JsonValue } from "./host/bindings/serde_json/JsonValue";
import { asFailure, type Host } from "./host/host";
import { apply, ask, drop, settle, stateOf, withAsked, type HomeState } from "./state";

/** A device that the person is making theirs, and what follows once it has its new id. */
export type Owning = {
  id: string;
  name: string;
  methods: readonly TakeoverMethod[];
  then: (newId: string) => void;
};

export type Opening = { is: "opening" } | { is: "open" } | { is: "broken"; failure: Failure };

/** Our choice: as long as two batches of events; then nothing more is to be told of an answered wish. */
const LAST_WORD_MS = 1_000;
/** Our choice: scrolling by does not describe every device passed. */
const WATCH_AFTER_MS = 150;

export class Home {
  readonly host: Host;
  opening = $state.raw<Opening>({ is: "opening" });
  /** Failures of commands, each told once. */
  notices = $state.raw<readonly { id: number; failure: Failure }[]>([]);
  /** Devices whose account was asked back in this window: a run does not say of itself that it is no undo. */
  askedBack = $state.raw<ReadonlySet<string>>(new Set());

  /** The device of which the window asks whether it shall become ours. */
  owning = $state.raw<Owning | null>(null);

  #state = $state.raw<HomeState | null>(null);
  /** Events that came while a snapshot was under way. */
  #waiting: Numbered[] | null = [];
  #notice = 0;
  #turn = 0;
  /** A snapshot is under way; and the next one is wanted already. */
  #renewing = false;
  #again = false;
  #watching: ReturnType<typeof setTimeout> | undefined;
  #watched = "";
  #observation = 0;

  constructor(host: Host) {
    this.host = host;
  }

  async open(): Promise<void> {
    try {
      await this.host.subscribe(
        (batch) => this.#take(batch),
        () => void this.#renew(),
      );
      await this.#renew();
    } catch (thrown) {
      this.opening = { is: "broken", failure: asFailure(thrown) };
    }
  }

  /** Only behind `opening.is === "open"`. */
  get state(): HomeState {
    if (!this.#state) throw new Error("the home is not open yet");
    return this.#state;
  }

  device(id: string): Device | undefined {
    const device = this.state.devices.get(id);
    return device && withAsked(device, this.state.asked);
  }

  /** Asks for a value; shows it as a wish at once. */
  async set(id: string, href: string, value: { [property: string]: JsonValue }): Promise<void> {
    const turn = ++this.#turn;
    this.#state = ask(this.state, id, href, value, Date.now(), turn);
    let failed: Failure | null = null;
    try {
      await this.host.set(id, href, value);
    } catch (thrown) {
      failed = asFailure(thrown);
    }
    this.#state = settle(this.state, id, href, turn, failed);
    if (!failed) setTimeout(() => (this.#state = drop(this.state, id, href, turn)), LAST_WORD_MS);
  }

  /** Asks for the same of several members of a collection; shows a wish of each at once. */
  async setTogether(
    id: string,
    collection: string,
    members: readonly string[],
    value: { [property: string]: JsonValue },
  ): Promise<void> {
    const turn = ++this.#turn;
    for (const href of members) this.#state = ask(this.state, id, href, value, Date.now(), turn);
    let failure: Failure | null = null;
    try {
      await this.host.setTogether(id, collection, [...members], value);
    } catch (thrown) {
      failure = asFailure(thrown);
    }
    // Which of them failed, each one's own wish says.
    for (const href of members) this.#state = drop(this.state, id, href, turn);
    const told = members.some((href) => this.state.devices.get(id)?.wishes[href]?.failed);
    if (failure && !told) this.#notify(failure);
  }

  /** The devices on screen; told to the host once the scrolling rests. The same ones again change nothing. */
  watch(ids: readonly string[]): void {
    const key = ids.join("\n");
    if (key === this.#watched) return;
    this.#watched = key;
    clearTimeout(this.#watching);
    this.#watching = setTimeout(() => void this.attempt(() => this.host.watch([...ids])), WATCH_AFTER_MS);
  }

  /** Begins an observation; returns what ends it. What comes after the end is not told. */
  observe(
    id: string,
    href: string,
    onObserved: (observed: Observed) => void,
    onFailed: (thrown: unknown) => void,
  ): () => void {
    const number = ++this.#observation;
    let over = false;
    this.host
      .observe(number, id, href, (observed) => {
        if (!over) onObserved(observed);
      })
      .catch(onFailed);
    return () => {
      over = true;
      void this.attempt(() => this.host.stopObserving(number));
    };
  }

  /** Asks whether the device shall become ours; its methods are kept, for it is another device afterwards. */
  own({ id, name, lan }: Device, then: (newId: string) => void): void {
    this.owning = { id, name, methods: lan?.methods ?? [], then };
  }

  /** Its run tells how it goes. */
  async takeAccountBack(id: string): Promise<void> {
    const again = this.askedBack.has(id);
    this.askedBack = new Set(this.askedBack).add(id);
    if ((await this.attempt(() => this.host.takeAccountBack(id))) || again) return;
    this.#dropAskedBack([id]);
  }

  #dropAskedBack(ids: readonly string[]): void {
    this.askedBack = new Set([...this.askedBack].filter((id) => !ids.includes(id)));
  }

  onboard(choices: OnboardChoice[]): Promise<boolean> {
    return this.attempt(() => this.#begin(choices, () => this.host.onboard(choices)));
  }

  /** Rejects where nothing was changed, or nobody knows. */
  changePassword(password: string, choices: OnboardChoice[], leftOut: string[]): Promise<void> {
    return this.#begin(choices, () => this.host.changePassword(password, choices, leftOut));
  }

  /** Each with an account of its own. */
  onboardWithOwnAccounts(choices: OnboardChoice[]): Promise<boolean> {
    return this.attempt(() => this.#begin(choices, () => this.host.onboardWithOwnAccounts(choices)));
  }

  /** Each has an account of its own. */
  renewPasswords(choices: OnboardChoice[]): Promise<boolean> {
    return this.attempt(() => this.#begin(choices, () => this.host.renewPasswords(choices)));
  }

  moveDevices(choices: OnboardChoice[]): Promise<boolean> {
    return this.attempt(() => this.#begin(choices, () => this.host.moveDevices(choices)));
  }

  /** Again what its run was to bring about. */
  retry({ id, jid, whose }: Run, allowUnencrypted: boolean): Promise<boolean> {
    const choices = [{ id, allowUnencrypted }];
    if (whose === "own-renewed") return this.renewPasswords(choices);
    if (whose === "own") return this.onboardWithOwnAccounts(choices);
    return this.state.moving?.account.jid === jid ? this.moveDevices(choices) : this.onboard(choices);
  }

  async #begin(choices: OnboardChoice[], command: () => Promise<Run[]>): Promise<void> {
    this.#dropAskedBack(choices.map(({ id }) => id));
    const begun = await command();
    const runs = new Map(this.state.runs);
    for (const run of begun) runs.set(run.id, run);
    // What has been told by an event in the meantime is newer than the answer.
    for (const { id } of choices) {
      const told = this.state.runs.get(id);
      if (told && told.startedAtMs >= (runs.get(id)?.startedAtMs ?? 0)) runs.set(id, told);
    }
    this.#state = { ...this.state, runs };
  }

  async setAccount(form: AccountForm, password: string | null): Promise<boolean> {
    return this.attempt(async () => {
      const account = await this.host.setAccount(form, password);
      this.#state = { ...this.state, account };
    });
  }

  async beginMove(form: AccountForm, password: string | null): Promise<boolean> {
    return this.attempt(async () => {
      const moving = await this.host.beginMove(form, password);
      this.#state = { ...this.state, moving: this.state.moving ?? moving };
    });
  }

  /** Runs a command; a failure becomes a notice. Whether it succeeded. */
  async attempt(command: () => Promise<unknown>): Promise<boolean> {
    try {
      await command();
      return true;
    } catch (thrown) {
      this.#notify(asFailure(thrown));
      return false;
    }
  }

  #notify(failure: Failure): void {
    this.notices = [...this.notices.slice(-2), { id: ++this.#notice, failure }];
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }

  #take(batch: Numbered[]): void {
    if (this.#waiting) {
      this.#waiting.push(...batch);
      return;
    }
    if (!this.#state) return;
    const applied = apply(this.#state, batch);
    if (applied.is === "applied") this.#state = applied.state;
    else void this.#renew();
  }

  async #renew(): Promise<void> {
    if (this.#renewing) {
      this.#again = true;
      return;
    }
    this.#renewing = true;
    this.#waiting ??= [];
    try {
      const fresh = stateOf(await this.host.snapshot());
      const kept = this.#state ? { ...fresh, asked: this.#state.asked } : fresh;
      const applied = apply(kept, this.#waiting);
      this.#state = applied.is === "applied" ? applied.state : kept;
      if (applied.is === "gap") this.#again = true;
      this.opening = { is: "open" };
    } catch (thrown) {
      this.opening = { is: "broken", failure: asFailure(thrown) };
    }
    this.#waiting = null;
    const again = this.#again;
    this.#renewing = this.#again = false;
    if (again && this.opening.is === "open") await this.#renew();
  }
}
