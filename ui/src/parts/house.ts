/** The devices that live here, counted and kept in order. Pure. */
import type { Device } from "../host/bindings/Device";

/** What the strip counts. `atServer`: present at the server, whichever way requests take. */
export type Tally = {
  all: number;
  lan: number;
  remote: number;
  offline: number;
  atServer: number;
  remoteMs: number | null;
};

/** Whether a device belongs on the dashboard: it uses the account, or did. One merely seen on the network does not. */
export const livesHere = (device: Device): boolean => device.remote !== null || device.presence === "remembered";

export function tallyOf(devices: Iterable<Device>): Tally {
  const tally: Tally = { all: 0, lan: 0, remote: 0, offline: 0, atServer: 0, remoteMs: null };
  const times: number[] = [];
  for (const device of devices) {
    if (!livesHere(device)) continue;
    tally.all++;
    if (device.remote?.available) tally.atServer++;
    if (device.presence !== "online") tally.offline++;
    else if (device.path === "lan") tally.lan++;
    else {
      tally.remote++;
      if (device.latencyMs !== null) times.push(device.latencyMs);
    }
  }
  times.sort((a, b) => a - b);
  tally.remoteMs = times[Math.floor(times.length / 2)] ?? null;
  return tally;
}

/** “Lamp 2” stands before “Lamp 10”. */
const names = new Intl.Collator(undefined, { numeric: true });
const byName = (a: Device, b: Device) => names.compare(a.name, b.name) || names.compare(a.id, b.id);

/** Keeps those that were there in their places and adds the new ones behind: a list is not sorted under the pointer. */
export function keepOrder(order: readonly string[], devices: readonly Device[]): string[] {
  const here = new Map(devices.map((device) => [device.id, device]));
  const kept = order.filter((id) => here.has(id));
  const known = new Set(kept);
  const added = devices.filter((device) => !known.has(device.id)).sort(byName);
  return [...kept, ...added.map((device) => device.id)];
}

/** The part of a JID after the @. */
export const domainOf = (jid: string): string => jid.slice(jid.indexOf("@") + 1);
