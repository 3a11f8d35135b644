/** A control's value in words: “On”, “60 %”, “Locked”, “peach”, “3 codes are stored”. Pure. */
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";
import { words } from "../words";
import { colourName, fromHsv, readRgb, readXy } from "./colour";
import { countOf, sayFew } from "./lists";
import { sayTime, saySeconds } from "./time";
import { clip, entry, lookUp, splitWords } from "./titles";
import { chosenOf, isLocked, numberOf, property, saysClosed } from "./values";

/** Our choice: of a text that a device reports. */
const MAX_TEXT = 160;
/** Our choice: 0 … 3 are speeds to be called by number; 0 … 255 is a share. */
const FEW_STEPS = 10;
/** Our choice: from here on, seconds are said as minutes and hours. */
const MANY_SECONDS = 120;

/** Whole numbers stay whole, half degrees keep their half. */
const digitsOf = (step: number) => (step > 0 && step < 1 ? 1 : 0);
/** A small number tells more behind its point. */
const digitsFor = (value: number) => (Math.abs(value) < 1 ? 3 : Math.abs(value) < 10 ? 2 : 1);
const PLACES = ["latitude", "longitude"];

/** A number and its unit apart, for readings that stand large. */
export function readingOf(control: Control, value: number): { number: string; unit: string } {
  const unit = "unit" in control.shape ? (control.shape.unit ?? "") : "";
  if (unit === "s" && value >= MANY_SECONDS) return { number: saySeconds(value), unit: "" };
  const degrees = unit.startsWith("°") && unit.length > 1;
  const digits = PLACES.includes(control.property) ? 5 : degrees ? 1 : digitsFor(value);
  return { number: words.common.number(value, digits), unit };
}

/** A number with its unit; a wide range without a unit is said as a share of itself. */
export function sayNumber(control: Control, value: number): string {
  const { shape } = control;
  const n = words.common.number;
  switch (shape.is) {
    case "level":
    case "position": {
      // Mired say nothing to a person; lamps are sold by kelvin.
      if (shape.unit === "mired" && value > 0) return `${n(Math.round(1e4 / value) * 100)} K`;
      const span = shape.max - shape.min;
      const own = shape.unit !== "%" && (shape.unit || span <= FEW_STEPS || shape.min < 0);
      if (own) return `${n(value, digitsOf(shape.step))} ${shape.unit ?? ""}`.trim().replace(" °", "°");
      return span > 0 ? `${n(((value - shape.min) / span) * 100, 0)} %` : n(value);
    }
    case "hue":
      return shape.unit === "°" ? `${n(value, 0)}°` : `${n(value, digitsOf(shape.step))} ${shape.unit ?? ""}`.trim();
    case "temperature":
      return `${value.toFixed(1).replace("-", "−")}°`;
    default: {
      const { number, unit } = readingOf(control, value);
      return unit.startsWith("°") ? `${number}°` : `${number} ${unit}`.trim();
    }
  }
}

/** One of what can be chosen, as a person calls it: “Auto”, “16:9”, “HDMI 1”. */
export function sayOption(option: JsonValue): string {
  if (typeof option === "number") return words.common.number(option, 3);
  if (typeof option !== "string") return "";
  const known = entry(words.properties.options, option.toLowerCase());
  if (known) return known;
  return /^[a-z\d]+([-_.][a-z\d]+)*$/i.test(option) && /[a-z]/.test(option) ? splitWords(option) : option;
}

/** What is on a button. */
export const sayPress = ({ rt }: Control, name: string): string =>
  entry(words.properties.presses, `${rt} ${name}`) ??
  entry(words.properties.presses, name.toLowerCase().replace(/[-_\s]/g, "")) ??
  sayOption(name);

/** What true and false mean; null: nothing but yes and no is known of it. */
export function stateWords(control: Control, value: boolean): string | null {
  const known = lookUp(words.properties.states, control);
  return known ? known[value ? 0 : 1] : null;
}

/** The hue's name; the circle is the device's own. */
export const hueName = (value: number, min: number, max: number): string =>
  colourName(fromHsv(max > min ? ((value - min) / (max - min)) * 360 : 0, 1, 1));

/** A value in the words of this device: blinds say how far they are closed. Null: this control cannot have it. */
export function sayIn(device: Device, control: Control, value: JsonValue): string | null {
  const { shape } = control;
  switch (shape.is) {
    case "switch":
      return value === true ? words.tile.on : value === false ? words.tile.off : null;
    case "state":
      if (typeof value !== "boolean") return null;
      return stateWords(control, value) ?? (value ? words.control.yes : words.control.no);
    case "motion":
      return value === true ? words.tile.motion : value === false ? words.tile.noMotion : null;
    case "lock": {
      const locked = isLocked(value);
      if (locked === null) return typeof value === "string" ? words.tile.jammed(clip(value, MAX_TEXT)) : null;
      return locked ? words.tile.locked : words.tile.unlocked;
    }
    case "position":
      return positionWords(device, control, value);
    case "colour": {
      const rgb = readRgb(value, shape.most);
      return rgb && colourName(rgb);
    }
    case "hue": {
      const hue = numberOf(value);
      return hue === null ? null : `${hueName(hue, shape.min, shape.max)}, ${sayNumber(control, hue)}`;
    }
    case "xy": {
      const at = readXy(value);
      return at && words.control.xy(words.common.number(at[0], 3), words.common.number(at[1], 3));
    }
    case "choice": {
      const chosen = chosenOf(value).map(sayOption).filter(Boolean);
      if (chosen.length === 0) return Array.isArray(value) ? words.control.chosenNone : null;
      return clip(chosen.join(", "), MAX_TEXT);
    }
    case "time":
      return typeof value === "string" ? (sayTime(shape.form, value) ?? clip(value, MAX_TEXT)) : null;
    case "schedule":
      return scheduleWords(control, value);
    case "list":
      return sayFew(value, shape.unit) ?? words.control.values(countOf(value));
    case "collection":
      return shape.members.length > 0 ? words.control.members(shape.members.length) : words.control.noMembers;
    case "hidden":
      return hiddenWords(control);
    case "buttons":
      return null;
    default: {
      const number = numberOf(value);
      if (number !== null) return sayNumber(control, number);
      if (typeof value === "boolean") return value ? words.control.yes : words.control.no;
      if (typeof value !== "string") return null;
      return value.trim() === "" ? words.control.empty : clip(sayText(control, value), MAX_TEXT);
    }
  }
}

/** A text that can be written is shown as it is; one that is only read may be a word of a machine. */
const sayText = (control: Control, text: string): string =>
  control.writable ? text : (entry(words.properties.options, text.toLowerCase()) ?? text);

/** How many there are, and never what they are. */
function hiddenWords({ shape }: Control): string {
  const count = shape.is === "hidden" ? shape.count : null;
  return count === null ? words.control.hiddenUnknown : words.control.hidden(count);
}

/** What stands under a control's title where it has no value that could be said. */
export function sayNothing(control: Control, reported: JsonValue | undefined): string {
  const { shape } = control;
  if (shape.is === "hidden") return hiddenWords(control);
  if (shape.is === "collection" && (shape.members.length > 0 || reported !== undefined))
    return shape.members.length > 0 ? words.control.members(shape.members.length) : words.control.noMembers;
  if (shape.is === "buttons") return shape.presses.length > 0 ? words.control.pressHint : words.control.nothingToPress;
  return words.tile.nothingKnown;
}

/** A value that its control cannot have, as it came; cut, as it can be anything. Never of what is hidden. */
export const asItIs = (control: Control, value: JsonValue): string =>
  control.shape.is === "hidden" ? hiddenWords(control) : clip(JSON.stringify(value), MAX_TEXT);

/** “60 % closed” for a blind, “40 % open” for the rest. */
function positionWords(device: Device, control: Control, value: JsonValue): string | null {
  const open = numberOf(value);
  const { shape } = control;
  if (open === null || shape.is !== "position" || shape.max <= shape.min) return null;
  const closed = saysClosed(device);
  const share = (closed ? shape.max - open : open - shape.min) / (shape.max - shape.min);
  const text = `${words.common.number(share * 100, 0)} %`;
  return closed ? words.tile.closed(text) : words.tile.openBy(text);
}

function scheduleWords(control: Control, value: JsonValue): string | null {
  const { shape } = control;
  if (shape.is !== "schedule") return null;
  const say = (name: string | null) => {
    const text = name === null ? undefined : property(value, name);
    return typeof text === "string" ? (sayTime(shape.form, text) ?? clip(text, MAX_TEXT)) : null;
  };
  const from = say(control.property);
  const until = say(shape.stop);
  const minutes = shape.minutes === null ? null : numberOf(property(value, shape.minutes));
  if (from === null) return null;
  if (until !== null) return words.control.span(from, until);
  if (minutes !== null) return words.control.spanFor(from, saySeconds(minutes * 60));
  return words.control.spanFrom(from);
}
