/**
 * What a tile shows, worked out from its device. Pure: the clock and the connection come in as values.
 *
 * A fact is never a wish: `words` says what is reported, or what was asked for, and `is` which of the two.
 */
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";
import { words } from "../words";
import { glowOf, readRgb } from "./colour";
import { kindOf } from "./kinds";
import { factOf, isLocked, sayIn, titleOf, wishOf, type Fact, type Wanted } from "./values";

/** `away`: reached through a server that is away itself. `stale`: online, and nothing read since it came. */
export type TileIs = "idle" | "on" | "pending" | "failed" | "stale" | "offline" | "remembered" | "away";

/** A control with what is known and asked of it. */
export type Part = { control: Control; fact: Fact | null; wish: Wanted | null };

export type Feature =
  | { is: "none" }
  | { is: "level" | "position" | "colour" | "stepper" | "lock"; part: Part }
  | { is: "reading"; part: Part }
  | { is: "open"; resources: number };

export type TileView = {
  is: TileIs;
  /** The state, in words. */
  words: string;
  /** Whether its controls can be used now. */
  live: boolean;
  /** Whether it gives light, heat or power, as reported. */
  lit: boolean;
  glow: string | null;
  toggle: Part | null;
  feature: Feature;
  /** The wish that failed, for “ask again”. */
  failed: Part | null;
  /** The wish under way. */
  pending: Part | null;
  /** Right of the footer. */
  extra: string | null;
  /** When the oldest value shown was reported. */
  atMs: number | null;
};

const shapes = {
  level: "level",
  position: "position",
  colour: "colour",
  temperature: "stepper",
  lock: "lock",
} as const;

function featureOf(device: Device, parts: readonly Part[]): Feature {
  const writable = (is: Control["shape"]["is"]) =>
    parts.find(({ control }) => control.writable && control.shape.is === is);
  for (const is of ["lock", "colour", "temperature", "position", "level"] as const) {
    const part = writable(is);
    if (part && (is !== "colour" || readRgb(part.fact?.value) || part.wish)) return { is: shapes[is], part };
  }
  // The charge stands in the corner; it is the reading only of what tells nothing else.
  const told = parts.filter(({ control }) => !control.rt.endsWith(".battery"));
  const reading = (told.length > 0 ? told : parts).find(
    ({ control }) => control.shape.is === "reading" || (isMeasure(control) && !control.writable),
  );
  if (reading) return { is: "reading", part: reading };
  if (parts.length === 0 && device.resources.length > 0) return { is: "open", resources: device.resources.length };
  return { is: "none" };
}

const isMeasure = (control: Control) => ["temperature", "level", "position"].includes(control.shape.is);

/** `connected`: our own link to the server is up. */
export function tileOf(device: Device, connected: boolean): TileView {
  const parts = device.controls.map((control) => ({
    control,
    fact: factOf(device, control),
    wish: wishOf(device, control),
  }));
  const toggle = parts.find(({ control }) => control.shape.is === "switch" && control.writable) ?? null;
  const feature = featureOf(device, parts);
  const away = !connected && device.path !== "lan";
  const live = !away && device.presence === "online";
  const wishes = live ? parts.filter(({ wish }) => wish) : [];
  const failed = wishes.find(({ wish }) => wish?.failed) ?? null;
  const pending = wishes.find(({ wish }) => !wish?.failed) ?? null;
  const shown = [toggle, "part" in feature ? feature.part : null].filter((part) => part !== null);
  const ages = shown.flatMap(({ fact }) => (fact ? [fact.atMs] : []));
  const on = toggle ? toggle.fact?.value === true : false;
  const colour = parts.find(({ control }) => control.shape.is === "colour");
  const rgb = on && colour ? readRgb(colour.fact?.value) : null;
  const base = {
    live,
    toggle,
    feature,
    failed,
    pending,
    lit: on && device.presence === "online",
    glow: rgb && glowOf(rgb),
    atMs: ages.length > 0 ? Math.min(...ages) : null,
  };
  const fact = factWords(device, parts, feature, away);
  if (away) return { ...base, is: "away", words: fact, extra: null };
  if (device.presence === "offline") {
    const gone = device.lastSeenAtMs;
    const text = gone === null ? words.tile.offlineUnknown : words.tile.offline(words.common.clock(gone));
    return { ...base, is: "offline", words: text, extra: null };
  }
  if (device.presence === "remembered") return { ...base, is: "remembered", words: words.tile.remembered, extra: null };
  if (device.trouble) {
    return { ...base, is: "failed", words: words.failures[device.trouble.code].short, extra: null };
  }
  if (pending?.wish) {
    const is = typeof pending.fact?.value === "number" ? sayIn(device, pending.control, pending.fact.value) : null;
    const wanted = wishWords(device, pending.control, pending.wish.value);
    return { ...base, is: "pending", words: wanted, extra: is && words.tile.isAt(is) };
  }
  if (failed?.wish?.failed) {
    const short = words.failures[failed.wish.failed.code].short;
    const still = failed.fact && sayIn(device, failed.control, failed.fact.value);
    const wanted = sayIn(device, failed.control, failed.wish.value);
    return {
      ...base,
      is: "failed",
      words: still ? words.tile.still(short, still.toLowerCase()) : words.tile.failed(short),
      extra: wanted && words.tile.wasAsked(wanted.toLowerCase()),
    };
  }
  const unread = !device.described && ages.length > 0;
  return { ...base, is: unread ? "stale" : on ? "on" : "idle", words: fact, extra: extraOf(device, feature) };
}

/** What it reports, in words; for a thermostat that is what it measures. */
function factWords(device: Device, parts: readonly Part[], feature: Feature, away: boolean): string {
  const said: string[] = [];
  for (const { control, fact } of parts) {
    if (!fact || (feature.is === "reading" && feature.part.control === control)) continue;
    const text = sayIn(device, control, fact.value);
    if (!text) continue;
    if (control.shape.is === "temperature" && control.writable) {
      if (!parts.some((other) => isMeasured(other))) said.push(words.tile.wantedShort(text));
    } else if (control.rt.endsWith(".temperature")) said.unshift(away ? words.tile.then(text) : words.tile.now(text));
    else if (control.rt.endsWith(".humidity")) said.push(`${words.control.titles.humidity} ${text}`);
    else if (control.rt.endsWith(".battery")) continue;
    else if (control.shape.is === "level" && /^[\d.−]+$/.test(text)) said.push(`${titleOf(device, control)} ${text}`);
    else said.push(text);
    if (control.shape.is === "switch" && fact.value === false) break;
  }
  if (said.length > 0) return said.slice(0, 3).join(" · ");
  if (device.controls.length === 0 && device.resources.length > 0)
    return kindOf(device) === "unknown" ? words.kinds.unknown : words.kinds[kindOf(device)];
  if (feature.is === "reading" && feature.part.fact) return words.kinds[kindOf(device)];
  return device.described ? words.tile.nothingKnown : words.tile.reading;
}

const isMeasured = ({ control, fact }: Part) =>
  control.rt.endsWith(".temperature") && !control.writable && fact !== null;

/** “Asked for 80 %…”. */
export function wishWords(device: Device, control: Control, wanted: JsonValue): string {
  if (control.shape.is === "switch") return wanted === true ? words.tile.askedOn : words.tile.askedOff;
  if (control.shape.is === "lock") return isLocked(wanted) ? words.tile.askedLock : words.tile.askedUnlock;
  return words.tile.askedFor(sayIn(device, control, wanted) ?? JSON.stringify(wanted));
}

function extraOf(device: Device, feature: Feature): string | null {
  if (feature.is === "open") return device.deviceType;
  const battery = device.controls.find((control) => control.rt.endsWith(".battery"));
  const charge = battery && factOf(device, battery);
  if (battery && charge) return `${words.control.titles.battery} ${sayIn(device, battery, charge.value) ?? ""}`.trim();
  return null;
}
