/**
 * A home that is made up, in the browser: for tests and drafts. Never in the release bundle (a test looks).
 *
 * It keeps the same contract as the real one: numbered events, wishes that become facts later, runs step by step.
 * Time is a parameter: with `pace: 0` everything that takes time is done in the next task.
 */
import type { Account } from "./bindings/Account";
import type { AccountCheck } from "./bindings/AccountCheck";
import type { AccountForm } from "./bindings/AccountForm";
import type { Certificate } from "./bindings/Certificate";
import type { Answer } from "./bindings/Answer";
import type { Code } from "./bindings/Code";
import type { Device } from "./bindings/Device";
import type { Error as Failure } from "./bindings/Error";
import type { Event } from "./bindings/Event";
import type { Exchange } from "./bindings/Exchange";
import type { Exchanged } from "./bindings/Exchanged";
import type { Knowers } from "./bindings/Knowers";
import type { Layer } from "./bindings/Layer";
import type { Move } from "./bindings/Move";
import type { Movers } from "./bindings/Movers";
import type { Numbered } from "./bindings/Numbered";
import type { Observed } from "./bindings/Observed";
import type { OnboardChoice } from "./bindings/OnboardChoice";
import type { Run } from "./bindings/Run";
import type { RunState } from "./bindings/RunState";
import type { ServerSuggestion } from "./bindings/ServerSuggestion";
import type { Snapshot } from "./bindings/Snapshot";
import type { Takeover } from "./bindings/Takeover";
import type { TakeoverMethod } from "./bindings/TakeoverMethod";
import type { TakeoverState } from "./bindings/TakeoverState";
import type { Whose } from "./bindings/Whose";
import type { Step } from "./bindings/Step";
import type { StepState } from "./bindings/StepState";
import type { JsonValue } from "./bindings/serde_json/JsonValue";
import { account, certificate, emptySnapshot, given, online, story } from "./fake-story";
import { exchangeOf } from "./fake-exchange";
import { asFailure, type Host, type WrittenRequest } from "./host";

export const failure = (code: Code, details: string | null = null): Failure => ({
  code,
  message: `made up: ${code}`,
  details,
});

const layers: readonly Layer[] = ["dns", "tcp", "tls", "sasl", "bind", "roster"];
const took: Record<Layer, number> = { dns: 12, tcp: 9, tls: 21, sasl: 34, bind: 8, roster: 11 };
const steps: readonly Step[] = ["read", "server", "account", "status", "online", "identity"];

/** What goes wrong in this home, by knob. */
export type Knobs = {
  /** Milliseconds that one thing takes. */
  pace: number;
  /** The account check stops here. */
  checkFailsAt: { layer: Layer; failure: Failure } | null;
  /** The form is refused. */
  formRefused: Failure | null;
  /** Device id → the step at which its run fails. */
  runFailsAt: Map<string, { step: Step; failure: Failure }>;
  /** Device ids whose wishes fail, with what. */
  setFails: Map<string, Failure>;
  /** Wishes stay wishes. */
  never: boolean;
  requestFails: Failure | null;
  backupFails: Failure | null;
};

export class FakeHost implements Host {
  readonly knobs: Knobs = {
    pace: 0,
    checkFailsAt: null,
    formRefused: null,
    runFailsAt: new Map(),
    setFails: new Map(),
    never: false,
    requestFails: null,
    backupFails: null,
  };
  /** What was asked of this host, in order, without passwords. */
  readonly asked: string[] = [];
  watched: string[] = [];
  chosenFile: string | null = "/home/maren/hearth-ca.pem";
  copied = "";
  /** Goes with the next requests instead of a made-up one. */
  exchange: Exchange | null = null;
  /** The observation that a person has under way. */
  observing: { number: number; id: string; href: string; tell: (observed: Observed) => void } | null = null;
  suggestion: ServerSuggestion = { server: "xmpp.hearth.example", port: 5222, fromDns: true };
  lastPassword: string | null = null;
  /** What the server shows; believed where nothing else is said in `knobs.checkFailsAt`. */
  certificate: Certificate = certificate;

  #now: Snapshot;
  #sequence = 0;
  #readers: { onEvents: (batch: Numbered[]) => void; onLagged: () => void }[] = [];
  /** Devices that the search brings, one after the other. */
  #nearby: Device[];
  #stopped = new Set<string>();

  constructor(snapshot: Partial<Snapshot> = {}, nearby: Device[] = []) {
    this.#now = { ...emptySnapshot(), ...snapshot };
    this.#sequence = this.#now.sequence;
    this.#nearby = nearby;
  }

  /** Publishes one event, as the real home would. */
  tell(event: Event): void {
    this.#keep(event);
    const batch = [{ sequence: ++this.#sequence, event }];
    for (const reader of this.#readers) reader.onEvents(batch);
  }

  /** Loses events on their way: readers have to take a new snapshot. */
  lose(event: Event, lagged: boolean): void {
    this.#keep(event);
    this.#sequence++;
    if (lagged) for (const reader of this.#readers) reader.onLagged();
  }

  change(id: string, change: (device: Device) => Device): void {
    const device = this.#now.devices.find((each) => each.id === id);
    if (device) this.tell({ type: "device-changed", device: change(structuredClone(device)) });
  }

  device(id: string): Device | undefined {
    return this.#now.devices.find((each) => each.id === id);
  }

  async snapshot(): Promise<Snapshot> {
    return structuredClone({ ...this.#now, sequence: this.#sequence });
  }

  async subscribe(onEvents: (batch: Numbered[]) => void, onLagged: () => void): Promise<void> {
    this.#readers.push({ onEvents, onLagged });
  }

  async startSearch(): Promise<void> {
    this.asked.push("startSearch");
    const { interfaces } = this.#now.search;
    this.tell({
      type: "search-changed",
      search: { ...this.#now.search, running: true, round: this.#now.search.round || 1 },
    });
    const [first, ...others] = interfaces;
    for (const device of this.#nearby.splice(0)) {
      await this.#pause();
      const known = this.#now.devices.find((each) => each.id === device.id);
      this.tell({ type: "device-changed", device: known ? { ...known, lan: device.lan } : device });
      if (!first) continue;
      const search = this.#now.search;
      const on = search.interfaces[0] ?? first;
      this.tell({
        type: "search-changed",
        search: {
          ...search,
          round: 2,
          interfaces: [{ ...on, devices: on.devices + 1, received: on.received + 4 }, ...others],
        },
      });
    }
  }

  async stopSearch(): Promise<void> {
    this.asked.push("stopSearch");
    this.tell({ type: "search-changed", search: { ...this.#now.search, running: false } });
  }

  async addAddress(address: string): Promise<string[]> {
    this.asked.push(`addAddress ${address}`);
    await this.#pause();
    if (!address.startsWith("192.168.7.20")) throw failure("nothing-there");
    const boiler = story().find((device) => device.name === "Boiler room");
    if (!boiler) throw failure("nothing-there");
    this.tell({ type: "device-changed", device: boiler });
    return [boiler.id];
  }

  async suggestServer(jid: string): Promise<ServerSuggestion> {
    this.asked.push(`suggestServer ${jid}`);
    await this.#pause();
    return this.suggestion;
  }

  async checkAccount(form: AccountForm, password: string | null): Promise<AccountCheck> {
    this.asked.push(`checkAccount ${form.jid} ${form.server} ${form.port} ${form.pin ?? form.ca ?? "-"}`);
    this.lastPassword = password;
    if (this.knobs.formRefused) throw this.knobs.formRefused;
    const check: AccountCheck = {
      layers: layers.map((layer) => ({ layer, state: { is: "waiting" }, elapsedMs: null })),
      running: true,
      warnings: [],
      certificate: null,
    };
    const fails = this.#stops(form);
    for (const each of check.layers) {
      each.state = { is: "working" };
      this.tell({ type: "check-changed", check: structuredClone(check) });
      await this.#pause();
      each.elapsedMs = took[each.layer];
      if (fails?.layer === each.layer) {
        each.state = { is: "failed", error: fails.failure };
        break;
      }
      each.state = { is: "passed" };
    }
    if (fails?.failure.code.startsWith("certificate-"))
      check.certificate = { ...this.certificate, pinned: fails.failure.code === "certificate-changed" ? form.pin : null };
    if (form.ca) check.warnings.push("own-ca");
    if (form.pin) check.warnings.push("pinned-certificate");
    check.running = false;
    this.tell({ type: "check-changed", check: structuredClone(check) });
    return structuredClone(check);
  }

  async setAccount(form: AccountForm, password: string | null): Promise<Account> {
    this.asked.push(`setAccount ${form.jid}`);
    this.lastPassword = password;
    const { jid, server, port, ca, pin } = form;
    const kept = { jid, server, port: Number(port), ca, pin, hasPassword: true };
    const keyring = this.#now.keyring.state === "unknown" ? ({ state: "works" } as const) : this.#now.keyring;
    this.tell({ type: "account-changed", account: kept, keyring });
    this.tell({ type: "connection-changed", connection: { state: "connected", latencyMs: 9 } });
    return kept;
  }

  async forgetAccount(): Promise<void> {
    this.asked.push("forgetAccount");
    this.tell({ type: "connection-changed", connection: { state: "offline" } });
    this.tell({ type: "account-changed", account: null, keyring: this.#now.keyring });
  }

  async whoKnows(): Promise<Knowers> {
    const knows = this.#now.devices.filter(({ credential }) => credential !== null);
    const [here, elsewhere] = [true, false].map((near) => knows.filter(({ lan }) => (lan?.answering ?? false) === near));
    const ids = (devices: Device[] = []) => devices.map(({ id }) => id);
    return { here: ids(here), elsewhere: ids(elsewhere) };
  }

  async changePassword(password: string, choices: OnboardChoice[], leftOut: string[]): Promise<Run[]> {
    this.asked.push(`changePassword ${choices.length} ${leftOut.join(" ")}`);
    if (password === "refused") throw failure("password-not-changed");
    return this.onboard(choices);
  }

  async beginMove(form: AccountForm, password: string | null): Promise<Move> {
    this.asked.push(`beginMove ${form.jid}`);
    this.lastPassword = password;
    const { jid, server, port, ca, pin } = form;
    const to = { jid, server, port: Number(port), ca, pin, hasPassword: true };
    const moving: Move = { account: to, connection: { state: "connected", latencyMs: 9 } };
    this.tell({ type: "move-changed", moving });
    return moving;
  }

  async whoMoves(): Promise<Movers> {
    const { moving, account } = this.#now;
    const movers: Movers = { moved: [], here: [], overAccount: [], elsewhere: [] };
    if (!moving || !account) return movers;
    for (const { id, credential, lan, remote } of this.#now.devices) {
      if (credential?.jid === moving.account.jid) movers.moved.push(id);
      else if (credential?.jid !== account.jid) continue;
      else if (lan?.answering) movers.here.push(id);
      else if (remote?.available && account.server === moving.account.server) movers.overAccount.push(id);
      else movers.elsewhere.push(id);
    }
    return movers;
  }

  async moveDevices(choices: OnboardChoice[]): Promise<Run[]> {
    this.asked.push(`moveDevices ${choices.map(({ id, allowUnencrypted }) => (allowUnencrypted ? `${id}!` : id)).join(" ")}`);
    return this.#give(choices, this.#now.moving?.account ?? account);
  }

  async finishMove(leftOut: string[], deleteOld: boolean): Promise<void> {
    this.asked.push(`finishMove ${leftOut.join(" ")}${deleteOld ? " delete" : ""}`);
    if (this.knobs.requestFails) throw this.knobs.requestFails;
    const { moving, keyring } = this.#now;
    if (!moving) return;
    this.tell({ type: "move-changed", moving: null });
    this.tell({ type: "account-changed", account: moving.account, keyring });
    for (const id of leftOut) this.tell({ type: "device-forgotten", id });
  }

  async stopMove(): Promise<void> {
    this.asked.push("stopMove");
    this.tell({ type: "move-changed", moving: null });
  }

  async forgetDevice(id: string): Promise<void> {
    this.asked.push(`forgetDevice ${id}`);
    this.tell({ type: "device-forgotten", id });
  }

  async tryNow(): Promise<void> {
    this.asked.push("tryNow");
    this.tell({ type: "connection-changed", connection: { state: "connecting", layer: "tls" } });
    await this.#pause();
    this.tell({ type: "connection-changed", connection: { state: "connected", latencyMs: 9 } });
  }

  async onboard(choices: OnboardChoice[]): Promise<Run[]> {
    this.asked.push(
      `onboard ${choices.map(({ id, allowUnencrypted }) => (allowUnencrypted ? `${id}!` : id)).join(" ")}`,
    );
    return this.#give(choices, this.#now.account ?? account);
  }

  async onboardWithOwnAccounts(choices: OnboardChoice[]): Promise<Run[]> {
    this.asked.push(`onboardWithOwnAccounts ${choices.map(({ id }) => id).join(" ")}`);
    const house = this.#now.account ?? account;
    return choices.flatMap((choice) =>
      this.#give([choice], { ...house, jid: `device-${choice.id}@hearth.example` }, "own"),
    );
  }

  async useAccountFor(id: string, jid: string): Promise<void> {
    this.asked.push(`useAccountFor ${id} ${jid}`);
    if (this.knobs.requestFails) throw this.knobs.requestFails;
  }

  async renewPasswords(choices: OnboardChoice[]): Promise<Run[]> {
    this.asked.push(
      `renewPasswords ${choices.map(({ id, allowUnencrypted }) => (allowUnencrypted ? `${id}!` : id)).join(" ")}`,
    );
    if (this.knobs.requestFails) throw this.knobs.requestFails;
    const house = this.#now.account ?? account;
    return choices.flatMap((choice) =>
      this.#give([choice], { ...house, jid: this.device(choice.id)?.credential?.jid ?? house.jid }, "own-renewed"),
    );
  }

  #give(choices: OnboardChoice[], to: Account, whose: Whose = "house"): Run[] {
    const begun = choices.map(({ id }): Run => this.#begin(id, to, whose));
    begun.forEach((run, place) => void this.#carry(run, choices[place]?.allowUnencrypted ?? false));
    return structuredClone(begun);
  }

  async cancelOnboarding(id: string): Promise<void> {
    this.asked.push(`cancelOnboarding ${id}`);
    this.#stopped.add(id);
    this.#end(id, { is: "cancelled", left: "as-before" });
  }

  async undoOnboarding(id: string): Promise<void> {
    this.asked.push(`undoOnboarding ${id}`);
    this.#end(id, { is: "undoing" });
    await this.#clear(id);
  }

  async takeAccountBack(id: string): Promise<void> {
    this.asked.push(`takeAccountBack ${id}`);
    const device = this.device(id);
    if (!device?.lan?.answering) throw failure("not-reachable");
    const run = this.#now.runs.find((each) => each.id === id) ?? this.#fresh(id);
    this.tell({ type: "run-changed", run: { ...structuredClone(run), state: { is: "undoing" } } });
    // Answered at once: that it is done, its run tells.
    void this.#clear(id);
  }

  async shutOut(id: string): Promise<void> {
    this.asked.push(`shutOut ${id}`);
    if (this.knobs.requestFails) throw this.knobs.requestFails;
    this.tell({ type: "device-forgotten", id });
  }

  async takeOver(id: string, method: TakeoverMethod | null): Promise<Takeover> {
    this.asked.push(`takeOver ${id} ${method ?? "-"}`);
    const device = this.device(id);
    const offered = device?.lan?.methods[0];
    if (!offered) throw failure("method-not-offered");
    const begun: Takeover = { id, method: method ?? offered, state: { state: "asking" }, startedAtMs: Date.now() };
    this.tell({ type: "takeover-changed", takeover: begun });
    if (begun.method === "pin") this.stands(id, { state: "pin-needed", wrong: 0 });
    else void this.#takes(id);
    return structuredClone(begun);
  }

  async answerPin(id: string, pin: string): Promise<void> {
    this.asked.push(`answerPin ${id}`);
    const { state } = this.takeover(id);
    if (state.state !== "pin-needed") throw failure("not-now");
    if (pin.trim() !== PIN) this.stands(id, { state: "pin-needed", wrong: state.wrong + 1 });
    else void this.#takes(id);
  }

  async cancelTakeover(id: string): Promise<void> {
    this.asked.push(`cancelTakeover ${id}`);
    this.stands(id, { state: "cancelled", left: "nothing" });
  }

  async finishTakeover(id: string): Promise<void> {
    this.asked.push(`finishTakeover ${id}`);
    this.change(id, (device) => ({ ...device, owned: device.owned && { ...device.owned, complete: true } }));
  }

  async giveUp(id: string): Promise<void> {
    this.asked.push(`giveUp ${id}`);
    await this.#pause();
    this.tell({ type: "device-forgotten", id });
  }

  async forgetKey(id: string): Promise<void> {
    this.asked.push(`forgetKey ${id}`);
    this.change(id, (device) => ({ ...device, owned: null }));
  }

  async saveBackup(): Promise<number | null> {
    this.asked.push("saveBackup");
    return this.#backup();
  }

  async restoreBackup(): Promise<number | null> {
    this.asked.push("restoreBackup");
    return this.#backup();
  }

  async #backup(): Promise<number> {
    await this.#pause();
    if (this.knobs.backupFails) throw this.knobs.backupFails;
    return this.#now.devices.filter((device) => device.owned).length;
  }

  /** The transfer of ownership of this device. */
  takeover(id: string): Takeover {
    const found = this.#now.takeovers.find((each) => each.id === id);
    if (!found) throw failure("not-now");
    return found;
  }

  /** It stands so now. */
  stands(id: string, state: TakeoverState): void {
    this.tell({ type: "takeover-changed", takeover: { ...this.takeover(id), state } });
  }

  /** The device becomes ours, under another id. */
  async #takes(id: string): Promise<void> {
    const { method, startedAtMs } = this.takeover(id);
    for (const step of ["owner", "key", "owned", "access", "ready"] as const) {
      await this.#pause();
      this.stands(id, { state: "writing", step });
    }
    await this.#pause();
    const device = this.device(id);
    if (!device?.lan) return;
    const newId = `${id}-owned`;
    this.tell({ type: "device-forgotten", id });
    const owned = { sinceMs: startedAtMs, method, complete: true };
    const lan = { ...device.lan, security: "ours" as const, methods: [] };
    this.tell({ type: "device-changed", device: { ...device, id: newId, di: newId, owned, lan } });
    this.stands(id, { state: "owned", newId });
  }

  async request(id: string, request: WrittenRequest): Promise<Answer> {
    this.asked.push(
      `request ${id} ${request.method} ${request.href} ${request.body === undefined ? "-" : JSON.stringify(request.body)}`,
    );
    await this.#pause();
    if (this.knobs.requestFails) throw this.knobs.requestFails;
    const device = this.device(id);
    const via = device?.path ?? "xmpp";
    if (request.method === "DELETE")
      return {
        status: 405,
        reason: "Method Not Allowed",
        body: null,
        diagnostic: "This resource stays.",
        via,
        elapsedMs: 41,
      };
    if (request.body !== undefined) this.#report(id, request.href, request.body);
    const body = this.device(id)?.values[request.href]?.value ?? null;
    return { status: 200, reason: "OK", body, diagnostic: null, via, elapsedMs: 64 };
  }

  async requestShown(id: string, request: WrittenRequest): Promise<Exchanged> {
    const path = this.device(id)?.path ?? "xmpp";
    try {
      const answer = await this.request(id, request);
      const exchange = this.exchange ?? exchangeOf(path, request, answer);
      return { outcome: { is: "answered", answer }, exchange };
    } catch (thrown) {
      const exchange = this.exchange ?? exchangeOf(path, request, null);
      return { outcome: { is: "failed", error: asFailure(thrown) }, exchange };
    }
  }

  async observe(number: number, id: string, href: string, tell: (observed: Observed) => void): Promise<void> {
    this.asked.push(`observe ${id} ${href}`);
    this.observing = { number, id, href, tell };
    await this.#pause();
    const error = this.knobs.requestFails;
    const exchange = exchangeOf(this.device(id)?.path ?? "xmpp", { method: "GET", href }, null);
    if (error) tell({ is: "ended", error, exchange });
    else this.notify(1);
  }

  async stopObserving(number: number): Promise<void> {
    this.asked.push("stopObserving");
    if (this.observing?.number === number) this.observing = null;
  }

  /** Tells who observes what the value is; `sequence: null`: the last time. */
  notify(sequence: number | null): void {
    if (!this.observing) return;
    const { id, href, tell } = this.observing;
    const device = this.device(id);
    const via = device?.path ?? "xmpp";
    const body = device?.values[href]?.value ?? null;
    const answer = { status: 200, reason: "OK", body, diagnostic: null, via, elapsedMs: 0 };
    const { status, reason, diagnostic } = answer;
    const notification = { sequence, status, reason, body, diagnostic, via, atMs: Date.now() };
    tell({ is: "notified", notification, exchange: exchangeOf(via, { method: "GET", href }, answer) });
  }

  async set(id: string, href: string, value: { [property: string]: JsonValue }): Promise<void> {
    this.asked.push(`set ${id} ${href} ${JSON.stringify(value)}`);
    const wish = { wanted: value, sinceMs: Date.now(), failed: null };
    this.change(id, (device) => ({ ...device, wishes: { ...device.wishes, [href]: wish } }));
    if (this.knobs.never) return;
    await this.#pause();
    const failed = this.knobs.setFails.get(id);
    if (failed) {
      this.change(id, (device) => ({ ...device, wishes: { ...device.wishes, [href]: { ...wish, failed } } }));
      throw failed;
    }
    this.#report(id, href, value);
  }

  async setTogether(
    id: string,
    collection: string,
    members: string[],
    value: { [property: string]: JsonValue },
  ): Promise<void> {
    this.asked.push(`setTogether ${id} ${collection} ${members.join(" ")} ${JSON.stringify(value)}`);
    await this.#pause();
    const failed = this.knobs.setFails.get(id);
    if (failed) throw failed;
    for (const href of members) this.#report(id, href, value);
  }

  async watch(ids: string[]): Promise<void> {
    this.watched = ids;
  }

  async chooseCaFile(): Promise<string | null> {
    return this.chosenFile;
  }

  async copyText(text: string): Promise<void> {
    this.copied = text;
  }

  /** Where the check stops: at another certificate than the pinned one, else where the knob says and no trust mends it. */
  #stops({ ca, pin }: AccountForm): Knobs["checkFailsAt"] {
    const { fingerprint } = this.certificate;
    if (pin !== null && pin !== fingerprint) {
      const changed = failure("certificate-changed", `trusted ${pin}, shown ${fingerprint}`);
      return { layer: "tls", failure: changed };
    }
    const code = this.knobs.checkFailsAt?.failure.code;
    const mended = (ca !== null && code === "certificate-unknown") || (pin !== null && code?.startsWith("certificate-"));
    return mended ? null : this.knobs.checkFailsAt;
  }

  /** A device's own words: what it was asked becomes a fact. */
  #report(id: string, href: string, value: JsonValue): void {
    this.change(id, (device) => {
      const before = device.values[href]?.value;
      const merged = isObject(before) && isObject(value) ? { ...before, ...value } : value;
      const { [href]: _, ...wishes } = device.wishes;
      const reported = { value: merged, atMs: Date.now(), via: device.path ?? "xmpp", remembered: false };
      return { ...device, wishes, values: { ...device.values, [href]: reported } };
    });
  }

  #begin(id: string, to: Account, whose: Whose): Run {
    this.#stopped.delete(id);
    const run = this.#fresh(id, to, whose);
    this.tell({ type: "run-changed", run: structuredClone(run) });
    return run;
  }

  #fresh(id: string, to: Account = this.#now.account ?? account, whose: Whose = "house"): Run {
    return {
      id,
      steps: steps.map((step) => ({ step, state: { is: "waiting" }, elapsedMs: null })),
      state: { is: "working" },
      startedAtMs: Date.now(),
      undo: null,
      whose,
      jid: to.jid,
      server: to.server,
      port: to.port,
    };
  }

  async #carry(run: Run, inTheClear: boolean): Promise<void> {
    const fails = this.knobs.runFailsAt.get(run.id);
    for (const each of run.steps) {
      if (this.#stopped.has(run.id)) return;
      this.#step(run, each, { is: "working" });
      await this.#pause();
      if (this.#stopped.has(run.id)) return;
      if (fails?.step === each.step) {
        run.state = { is: "failed", error: fails.failure, left: each.step === "read" ? "as-before" : "new-account" };
        this.#step(run, each, { is: "failed", error: fails.failure });
        return;
      }
      if (each.step === "account") run.undo = "everything";
      this.#step(run, each, { is: "done" });
    }
    run.state = { is: "onboarded" };
    this.tell({ type: "run-changed", run: structuredClone(run) });
    this.change(run.id, (device) => ({ ...online(device), credential: { ...given(inTheClear, run.startedAtMs), jid: run.jid } }));
  }

  #step(run: Run, step: Run["steps"][number], state: StepState): void {
    step.state = state;
    step.elapsedMs = state.is === "done" ? 40 : null;
    this.tell({ type: "run-changed", run: structuredClone(run) });
  }

  async #clear(id: string): Promise<void> {
    await this.#pause();
    this.#end(id, { is: "undone", left: "as-before" });
    this.change(id, (device) => ({ ...device, remote: null, credential: null }));
  }

  #end(id: string, state: RunState): void {
    const run = this.#now.runs.find((each) => each.id === id);
    if (run) this.tell({ type: "run-changed", run: { ...structuredClone(run), state } });
  }

  #keep(event: Event): void {
    const now = this.#now;
    switch (event.type) {
      case "device-changed":
        this.#now = { ...now, devices: [...now.devices.filter(({ id }) => id !== event.device.id), event.device] };
        break;
      case "device-forgotten":
        this.#now = { ...now, devices: now.devices.filter(({ id }) => id !== event.id) };
        break;
      case "search-changed":
        this.#now = { ...now, search: event.search };
        break;
      case "account-changed":
        this.#now = { ...now, account: event.account, keyring: event.keyring };
        break;
      case "check-changed":
        this.#now = { ...now, check: event.check };
        break;
      case "connection-changed":
        this.#now = { ...now, connection: event.connection };
        break;
      case "move-changed":
        this.#now = { ...now, moving: event.moving };
        break;
      case "run-changed":
        this.#now = { ...now, runs: [...now.runs.filter(({ id }) => id !== event.run.id), event.run] };
        break;
      case "takeover-changed": {
        const others = now.takeovers.filter(({ id }) => id !== event.takeover.id);
        this.#now = { ...now, takeovers: [...others, event.takeover] };
        break;
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.knobs.pace));
  }
}

/** What every device of the fake shows. */
export const PIN = "12345678";

const isObject = (value: JsonValue | undefined): value is { [key: string]: JsonValue } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
