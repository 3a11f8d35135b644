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
import type { Connection } from "./bindings/Connection";
import type { Device } from "./bindings/Device";
import type { Error as Failure } from "./bindings/Error";
import type { Event } from "./bindings/Event";
import type { Exchange } from "./bindings/Exchange";
import type { Exchanged } from "./bindings/Exchanged";
import type { Knowers } from "./bindings/Knowers";
import type { Layer } from "./bindings/Layer";
import type { Numbered } from "./bindings/Numbered";
import type { Observed } from "./bindings/Observed";
import type { OnboardChoice } from "./bindings/OnboardChoice";
import type { Run } from "./bindings/Run";
import type { RunState } from "./bindings/RunState";
import type { ServerSuggestion } from "./bindings/ServerSuggestion";
import type { Snapshot } from "./bindings/Snapshot";
import type { Step } from "./bindings/Step";
import type { StepState } from "./bindings/StepState";
import type { JsonValue } from "./bindings/serde_json/JsonValue";
import { formOf } from "../state";
import { account, certificate, emptySnapshot, fingerprint, given, nearby, online, story } from "./fake-story";
import { exchangeOf } from "./fake-exchange";
import { showroom } from "./fake-showroom";
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
    const begun = choices.map(({ id }): Run => this.#begin(id));
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

  #begin(id: string): Run {
    this.#stopped.delete(id);
    const run = this.#fresh(id);
    this.tell({ type: "run-changed", run: structuredClone(run) });
    return run;
  }

  #fresh(id: string): Run {
    const { account: own } = this.#now;
    return {
      id,
      steps: steps.map((step) => ({ step, state: { is: "waiting" }, elapsedMs: null })),
      state: { is: "working" },
      startedAtMs: Date.now(),
      undo: null,
      jid: own?.jid ?? account.jid,
      server: own?.server ?? account.server,
      port: own?.port ?? account.port,
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
    this.change(run.id, (device) => ({ ...online(device), credential: given(inTheClear, run.startedAtMs) }));
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
      case "run-changed":
        this.#now = { ...now, runs: [...now.runs.filter(({ id }) => id !== event.run.id), event.run] };
        break;
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.knobs.pace));
  }
}

const isObject = (value: JsonValue | undefined): value is { [key: string]: JsonValue } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A host for `vite dev`: `?show=` names the state, `?n=` the number of devices. */
export function draftHost(query: URLSearchParams): FakeHost {
  const show = query.get("show") ?? "home";
  const devices = story();
  const connected: Connection = { state: "connected", latencyMs: 9 };
  const signedIn = { account, connection: connected, keyring: { state: "works" } as const };
  const host = ((): FakeHost => {
    switch (show) {
      case "welcome":
        return new FakeHost({}, nearby());
      case "untrusted": {
        const fake = new FakeHost({ prefill: formOf(account) });
        fake.knobs.checkFailsAt = { layer: "tls", failure: failure("certificate-unknown", "UnknownIssuer") };
        return fake;
      }
      case "changed": {
        const pinned = { ...account, pin: fingerprint(7) };
        const error = failure("certificate-changed", `trusted ${pinned.pin}, shown ${certificate.fingerprint}`);
        return new FakeHost({ ...signedIn, devices, account: pinned, connection: { state: "refused", error } });
      }
      case "nokeyring":
        return new FakeHost({
          ...signedIn,
          devices,
          keyring: { state: "unavailable", details: "org.freedesktop.secrets: no such service" },
        });
      case "silent":
        return new FakeHost({ ...signedIn, search: { ...emptySnapshot().search, round: 3, running: true } });
      case "empty":
        return new FakeHost(signedIn);
      case "away":
        return new FakeHost({
          ...signedIn,
          devices: devices.map((device) => ({ ...device, path: null, lan: null })),
          connection: {
            state: "suspended",
            sinceMs: Date.now() - 90_000,
            retryAtMs: Date.now() + 12_000,
            error: failure("connection-lost", "Connection reset by peer (os error 104)"),
          },
        });
      case "conflict":
        return new FakeHost({
          ...signedIn,
          devices,
          connection: { state: "refused", error: failure("resource-conflict", "conflict") },
        });
      case "locked":
        return new FakeHost({
          ...signedIn,
          devices,
          connection: { state: "refused", error: failure("not-authorized", "not-authorized") },
        });
      case "showroom":
        return new FakeHost({ ...signedIn, devices: showroom() });
      case "many":
        return new FakeHost({ ...signedIn, devices: many(Number(query.get("n") ?? 1000)) });
      default:
        return new FakeHost({ ...signedIn, devices });
    }
  })();
  host.knobs.pace = Number(query.get("pace") ?? 400);
  host.knobs.setFails.set("extractor-fan", failure("no-answer"));
  host.knobs.runFailsAt.set("south-blind", {
    step: "status",
    failure: failure("device-reports-error", "SASL not-authorized"),
  });
  return host;
}

/** As many devices as are asked for, all of the story's kinds. */
export function many(n: number): Device[] {
  const kinds = story().filter((device) => device.remote);
  return Array.from({ length: n }, (_, i) => {
    const kind = kinds[i % kinds.length];
    if (!kind) throw new Error("the story has no device online");
    return { ...kind, id: `${kind.id}-${i}`, di: `${kind.di}-${i}`, name: `${kind.name} ${i + 1}` };
  });
}
