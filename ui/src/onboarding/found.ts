/** What can be done with a device that the search found, and what it has now. Pure. */
import type { Account } from "../host/bindings/Account";
import type { Device } from "../host/bindings/Device";
import type { OnLan } from "../host/bindings/OnLan";
import type { Run } from "../host/bindings/Run";
import { isCutShort } from "../parts/runs";

/**
 * `ready`: it can be chosen. `clear`: only unencrypted, so it needs the person's word first. `allowed`: that was given.
 * `unowned`: it takes an account only from its owner, and we can be that. `secured-only`: its owner is somebody else, or its key is lost. `here`: online with this account already.
 * `none`: no remote access. `silent`: it stopped answering.
 */
export type Standing = "ready" | "clear" | "allowed" | "unowned" | "secured-only" | "here" | "none" | "silent";

export type Found = { device: Device; lan: OnLan; standing: Standing };

/** `begun`: its set-up was cut short, and is finished even if it has signed in meanwhile. */
export function standingOf(device: Device, lan: OnLan, allowed: ReadonlySet<string>, begun: boolean): Standing {
  if (device.remote?.available && !device.remote.contact && !begun) return "here";
  if (!lan.answering) return "silent";
  if (!lan.remoteAccess) return "none";
  if (lan.security === "ours") return "ready";
  if (lan.security === "unowned" && lan.methods.length > 0) return "unowned";
  if (lan.security === "reset-needed" || lan.remoteAccess.securedOnly) return "secured-only";
  return allowed.has(device.id) ? "allowed" : "clear";
}

export function foundIn(
  devices: Iterable<Device>,
  allowed: ReadonlySet<string>,
  runs: ReadonlyMap<string, Run>,
): Found[] {
  const found: Found[] = [];
  for (const device of devices) {
    const { id, lan } = device;
    const run = runs.get(id);
    if (lan) found.push({ device, lan, standing: standingOf(device, lan, allowed, run !== undefined && isCutShort(run)) });
  }
  return found;
}

export const canPick = (standing: Standing): boolean => standing === "ready" || standing === "allowed";

export type Shown = "all" | "ready" | "need-you" | "cannot";

export const groupOf = (standing: Standing): Exclude<Shown, "all"> =>
  canPick(standing) ? "ready" : standing === "clear" || standing === "unowned" ? "need-you" : "cannot";

/**
 * Where a device signs in now. `same`: at the account's server already, perhaps with another account. `unknown`: its
 * resource could not be read.
 */
export type Now =
  { is: "nowhere" } | { is: "unknown" } | { is: "same"; server: string } | { is: "elsewhere"; server: string };

export function nowOf(device: Device, account: Account): Now {
  const access = device.lan?.remoteAccess;
  if (!access || access.status === null) return { is: "unknown" };
  if (!access.address || access.status === "NotInitialized") return { is: "nowhere" };
  return { is: access.address === account.server ? "same" : "elsewhere", server: access.address };
}

/** An address as a person reads it: without the port where it is CoAP's own. */
export const shortAddress = (lan: OnLan): string =>
  (lan.addresses[0] ?? "").replace(/:5683$/, "").replace(/^\[(.*)\]$/, "$1");
