/**
 * What a tile shows, worked out from its device. Pure: the clock and the connection come in as values.
 *
 * A fact is never a wish: `words` says what is reported, or what was asked for, and `is` which of the two.
 */
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";
import { words } from "../words";
import { fromHsv, glowOf, readRgb, type Rgb } from "./colour";
import { kindWord } from "./kinds";
import { featureOf, isCharge, isPower, toggleOf } from "./main";
import { asItIs, sayIn } from "./say";
import { tileWords } from "./tile-words";
import { nameOf } from "./titles";
import { factOf, isLocked, numberOf, wishOf, type Fact, type Wanted } from "./values";

/** `away`: reached through a server that is away itself. `stale`: online, and nothing read since it came. */
export type TileIs = "idle" | "on" | "pending" | "failed" | "stale" | "offline" | "remembered" | "away";

/** A control with what is known and asked of it. */
export type Part = { control: Control; fact: Fact | null; wish: Wanted | null };

export type Feature =
  | { is: "none" }
  | { is: "level" | "position" | "colour" | "hue" | "stepper" | "lock" | "choice"; part: Part }
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

/** `connected`: our own link to the server is up. */
export function tileOf(device: Device, connected: boolean): TileView {
  const parts = device.controls.map((control) => ({
    control,
    fact: factOf(device, control),
    wish: wishOf(device, control),
  }));
  const feature = featureOf(device, parts);
  const toggle = toggleOf(parts, feature);
  const away = !connected && device.path !== "lan";
  const live = !away && device.presence === "online";
  const wishes = live ? parts.filter(({ wish }) => wish) : [];
  const failed = wishes.find(({ wish }) => wish?.failed) ?? null;
  const pending = wishes.find(({ wish }) => !wish?.failed) ?? null;
  const shown = [toggle, "part" in feature ? feature.part : null].filter((part) => part !== null);
  const ages = shown.flatMap(({ fact }) => (fact ? [fact.atMs] : []));
  const on = toggle !== null && isPower(toggle.control) && toggle.fact?.value === true;
  const rgb = on ? colourOf(parts) : null;
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
  const fact = factWords(device, parts, feature, toggle, away);
  /** What is neither switched nor moved on the tile is said with its name. */
  const isShown = (part: Part) => part === toggle || ("part" in feature && feature.part === part) || parts.length === 1;
  const named = (part: Part, text: string) =>
    isShown(part) || part.control.shape.is === "level" ? text : words.control.titled(nameOf(part.control), text);
  if (away) return { ...base, is: "away", words: fact, extra: null };
  if (device.presence === "offline") {
    const gone = device.lastSeenAtMs;
    const text = gone === null ? words.tile.offlineUnknown : words.tile.offline(words.common.clock(gone));
    return { ...base, is: "offline", words: text, extra: null };
  }
  if (device.presence === "remembered") {
    const last = base.atMs !== null && words.tile.asOf(words.common.clock(base.atMs));
    return { ...base, is: "remembered", words: last ? fact : words.tile.remembered, extra: last || null };
  }
  if (device.trouble) {
    return { ...base, is: "failed", words: words.failures[device.trouble.code].short, extra: null };
  }
  if (pending?.wish) {
    const is = typeof pending.fact?.value === "number" ? sayIn(device, pending.control, pending.fact.value) : null;
    const said = sayIn(device, pending.control, pending.wish.value);
    const wanted =
      isShown(pending) || !said
        ? wishWords(device, pending.control, pending.wish.value)
        : words.tile.askedOf(nameOf(pending.control), said);
    return { ...base, is: "pending", words: wanted, extra: is && words.tile.isAt(is) };
  }
  if (failed?.wish?.failed) {
    const short = words.failures[failed.wish.failed.code].short;
    const still = failed.fact && sayIn(device, failed.control, failed.fact.value);
    const wanted = sayIn(device, failed.control, failed.wish.value);
    return {
      ...base,
      is: "failed",
      words: still ? words.tile.still(short, named(failed, still.toLowerCase())) : words.tile.failed(short),
      extra: wanted && words.tile.wasAsked(wanted.toLowerCase()),
    };
  }
  const old = shown.some(({ control }) => device.values[control.href]?.remembered);
  const unread = old || (!device.described && ages.length > 0);
  return { ...base, is: unread ? "stale" : on ? "on" : "idle", words: fact, extra: extraOf(device, feature) };
}

/** What it reports, in words; for a thermostat that is what it measures. */
function factWords(
  device: Device,
  parts: readonly Part[],
  feature: Feature,
  toggle: Part | null,
  away: boolean,
): string {
  const said = tileWords(device, parts, feature, toggle, away);
  if (said.length > 0) return said.slice(0, 3).join(" · ");
  if (device.controls.length === 0 && device.resources.length > 0) return kindWord(device);
  // A number that was set is no measure: without its name it would be taken for one.
  if ("part" in feature && feature.part.control.shape.is === "number") return nameOf(feature.part.control);
  // Nothing to glance at: then whatever it tells.
  const any = "part" in feature ? undefined : parts.find(({ control, fact }) => fact && sayIn(device, control, fact.value));
  if (any?.fact) return words.control.titled(nameOf(any.control), sayIn(device, any.control, any.fact.value) ?? "");
  const never = (part: Part) => ["buttons", "collection", "hidden"].includes(part.control.shape.is);
  if (parts.some(({ fact }) => fact !== null) || (parts.length > 0 && parts.every(never))) return kindWord(device);
  return device.described ? words.tile.nothingKnown : words.tile.reading;
}

/** The colour of a light, whichever way it tells it. */
function colourOf(parts: readonly Part[]): Rgb | null {
  for (const { control, fact } of parts) {
    const { shape } = control;
    if (shape.is === "colour") return readRgb(fact?.value, shape.most);
    const hue = shape.is === "hue" ? numberOf(fact?.value) : null;
    if (shape.is === "hue" && hue !== null && shape.max > shape.min)
      return fromHsv(((hue - shape.min) / (shape.max - shape.min)) * 360, 1, 1);
  }
  return null;
}

/** “Asked for 80 %…”. */
export function wishWords(device: Device, control: Control, wanted: JsonValue): string {
  if (control.shape.is === "switch") return wanted === true ? words.tile.askedOn : words.tile.askedOff;
  if (control.shape.is === "lock") return isLocked(wanted) ? words.tile.askedLock : words.tile.askedUnlock;
  return words.tile.askedFor(sayIn(device, control, wanted) ?? asItIs(control, wanted));
}

function extraOf(device: Device, feature: Feature): string | null {
  if (feature.is === "open") return device.deviceType;
  const battery = device.controls.find(isCharge);
  const charge = battery && factOf(device, battery);
  const said = battery && charge && sayIn(device, battery, charge.value);
  return said ? words.control.titled(nameOf(battery), said) : null;
}
