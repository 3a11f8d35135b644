/**
 * What the window knows of the home, and how an event changes it. Pure: no host, no clock, no Svelte.
 *
 * Scope: a snapshot as a state, numbered events applied to it, wishes of this window that the home has not told yet.
 * Non-scope: when to take a snapshot (`home.svelte.ts`).
 */
import type { Account } from "./host/bindings/Account";
import type { AccountCheck } from "./host/bindings/AccountCheck";
import type { AccountForm } from "./host/bindings/AccountForm";
import type { Connection } from "./host/bindings/Connection";
import type { Device } from "./host/bindings/Device";
import type { Error as Failure } from "./host/bindings/Error";
import type { Keyring } from "./host/bindings/Keyring";
import type { Move } from "./host/bindings/Move";
import type { Numbered } from "./host/bindings/Numbered";
import type { Run } from "./host/bindings/Run";
import type { Search } from "./host/bindings/Search";
import type { Snapshot } from "./host/bindings/Snapshot";
import type { Takeover } from "./host/bindings/Takeover";
import type { Wish } from "./host/bindings/Wish";
import type { JsonValue } from "./host/bindings/serde_json/JsonValue";

export type HomeState = {
  sequence: number;
  devices: ReadonlyMap<string, Device>;
  search: Search;
  account: Account | null;
  keyring: Keyring;
  connection: Connection;
  /** The move to another account that is under way. */
  moving: Move | null;
  check: AccountCheck | null;
  runs: ReadonlyMap<string, Run>;
  /** Transfers of ownership, by the ids that the devices had. */
  takeovers: ReadonlyMap<string, Takeover>;
  prefill: AccountForm | null;
  /** Asked in this window, and not in the home's own words yet: the knob turns hollow at once. */
  asked: ReadonlyMap<string, Asked>;
};

/** The form that leads to this very account. */
export const formOf = ({ jid, server, port, ca, pin }: Account): AccountForm => ({
  jid,
  server,
  port: String(port),
  ca,
  pin,
});

/**
 * A wish of this window. `settled`: the host has answered, and the device's next event tells how it stands. `turn` tells
 * it from a later wish for the same resource.
 */
export type Asked = { device: string; href: string; wish: Wish; settled: boolean; turn: number };

export function stateOf(snapshot: Snapshot): HomeState {
  const { devices, runs, takeovers, ...rest } = snapshot;
  return {
    ...rest,
    devices: new Map(devices.map((device) => [device.id, device])),
    runs: new Map(runs.map((run) => [run.id, run])),
    takeovers: new Map(takeovers.map((takeover) => [takeover.id, takeover])),
    asked: new Map(),
  };
}

export type Applied = { is: "applied"; state: HomeState } | { is: "gap" };

/** Applies a batch in order. Events that the state already holds are passed over; a missing one makes a gap. */
export function apply(state: HomeState, batch: readonly Numbered[]): Applied {
  const next: HomeState = { ...state };
  let devices: Map<string, Device> | null = null;
  let runs: Map<string, Run> | null = null;
  let asked: Map<string, Asked> | null = null;
  for (const { sequence, event } of batch) {
    if (sequence <= next.sequence) continue;
    if (sequence !== next.sequence + 1) return { is: "gap" };
    next.sequence = sequence;
    switch (event.type) {
      case "device-changed":
        devices ??= new Map(state.devices);
        devices.set(event.device.id, event.device);
        asked = withoutTold(asked ?? state.asked, event.device);
        break;
      case "device-forgotten":
        devices ??= new Map(state.devices);
        devices.delete(event.id);
        break;
      case "search-changed":
        next.search = event.search;
        break;
      case "account-changed":
        next.account = event.account;
        next.keyring = event.keyring;
        break;
      case "check-changed":
        next.check = event.check;
        break;
      case "connection-changed":
        next.connection = event.connection;
        break;
      case "move-changed":
        next.moving = event.moving;
        break;
      case "run-changed":
        runs ??= new Map(state.runs);
        runs.set(event.run.id, event.run);
        break;
      case "takeover-changed":
        next.takeovers = new Map(next.takeovers).set(event.takeover.id, event.takeover);
        break;
    }
  }
  if (devices) next.devices = devices;
  if (runs) next.runs = runs;
  if (asked) next.asked = asked;
  return { is: "applied", state: next };
}

/** The wishes that the device's own words do not cover yet. */
function withoutTold(asked: ReadonlyMap<string, Asked>, device: Device): Map<string, Asked> {
  const left = new Map(asked);
  for (const [key, wish] of asked) {
    if (wish.device === device.id && (wish.settled || device.wishes[wish.href] !== undefined)) left.delete(key);
  }
  return left;
}

const keyOf = (device: string, href: string) => `${device} ${href}`;

export function ask(
  state: HomeState,
  device: string,
  href: string,
  wanted: JsonValue,
  nowMs: number,
  turn: number,
): HomeState {
  const wish: Wish = { wanted, sinceMs: nowMs, failed: null };
  const asked = { device, href, wish, settled: false, turn };
  return { ...state, asked: new Map(state.asked).set(keyOf(device, href), asked) };
}

/** The host has answered: done (`failed: null`), or refused before the device could tell anything. */
export function settle(
  state: HomeState,
  device: string,
  href: string,
  turn: number,
  failed: Failure | null,
): HomeState {
  const key = keyOf(device, href);
  const found = state.asked.get(key);
  if (found?.turn !== turn) return state;
  const asked = new Map(state.asked).set(key, { ...found, settled: true, wish: { ...found.wish, failed } });
  return { ...state, asked };
}

/** Drops what was asked: nothing more was told of it. */
export function drop(state: HomeState, device: string, href: string, turn: number): HomeState {
  const key = keyOf(device, href);
  if (state.asked.get(key)?.turn !== turn) return state;
  const asked = new Map(state.asked);
  asked.delete(key);
  return { ...state, asked };
}

/** The device with this window's own wishes over the ones that the home has told. */
export function withAsked(device: Device, asked: ReadonlyMap<string, Asked>): Device {
  let wishes: Device["wishes"] | null = null;
  for (const entry of asked.values()) {
    if (entry.device !== device.id) continue;
    wishes ??= { ...device.wishes };
    wishes[entry.href] = entry.wish;
  }
  return wishes ? { ...device, wishes } : device;
}
