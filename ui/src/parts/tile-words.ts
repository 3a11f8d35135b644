/** The line of words on a tile: what a glance at the thing should tell, in its order. Pure. */
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";
import { words } from "../words";
import { hueName, sayIn, stateWords } from "./say";
import { isAside, isBattery, isPower } from "./main";
import type { Feature, Part } from "./tile";
import { lowerFirst, nameOf } from "./titles";
import { numberOf } from "./values";

/** How bright it is needs no name. */
const BRIGHT = ["dimmingSetting", "brightness"];

/** Choices that say what the thing does. */
const DOES = ["modes", "currentMachineState", "currentJobState"];
/** Texts that say how the thing is, rather than what kind it is of. */
const IS = [
  "openState",
  "status",
  "state",
  "currentstate",
  "stateofcard",
  "currentAdfState",
  "activity",
  "heartRateZone",
  "cgmstatus",
  "health",
  "contaminanttype",
];

/** A lock, and what a sensor has noticed, come before the rest. */
function rank({ control, fact }: Part): number {
  const { is } = control.shape;
  return is === "lock" ? 0 : (is === "state" || is === "motion") && fact?.value === true ? 1 : 2;
}

/** What each control has to say, the most important first. */
export function tileWords(
  device: Device,
  parts: readonly Part[],
  feature: Feature,
  toggle: Part | null,
  away: boolean,
): string[] {
  const said: string[] = [];
  const isSet = "part" in feature ? feature.part : null;
  const ordered = [...parts].sort((one, other) => rank(one) - rank(other));
  for (const part of ordered) {
    const { control, fact } = part;
    if (!fact || (feature.is === "reading" && isSet === part) || isBattery(control) || isAside(control)) continue;
    const isMeasured = control.rt.endsWith(".temperature") && !control.writable;
    if (control.shape.is === "temperature" && control.writable && parts.some(measures)) continue;
    const text = wordsOf(device, control, fact.value, part === toggle, part === isSet);
    if (!text) continue;
    if (isMeasured) said.unshift(away ? words.tile.then(text) : words.tile.now(text));
    else said.push(text);
    if (part === toggle && isPower(control) && fact.value === false) break;
  }
  return said;
}

const measures = ({ control, fact }: Part) =>
  control.rt.endsWith(".temperature") && !control.writable && fact !== null;

/** One control's words; null: it is for the device page only. */
function wordsOf(device: Device, control: Control, value: JsonValue, isToggle: boolean, isSet: boolean): string | null {
  const { shape } = control;
  const text = sayIn(device, control, value);
  if (!text) return null;
  const titled = words.control.titled(nameOf(control), text);
  switch (shape.is) {
    case "switch":
      if (isToggle && isPower(control)) return text;
      return isToggle || control.rt === "oic.r.alarm" ? words.control.titled(nameOf(control), lowerFirst(text)) : null;
    case "state":
      return typeof value === "boolean" && stateWords(control, value) ? text : titled;
    case "lock":
    case "position":
    case "motion":
    case "colour":
      return text;
    case "hue": {
      const hue = numberOf(value);
      return hue === null ? null : hueName(hue, shape.min, shape.max);
    }
    case "temperature":
      return control.writable ? words.tile.wantedShort(text) : text;
    case "level":
      return BRIGHT.includes(control.property) ? text : titled;
    case "reading":
      return control.rt.endsWith(".temperature") ? text : titled;
    case "choice":
      return isSet || DOES.includes(control.property) ? text : titled;
    case "text":
      return !control.writable && IS.includes(control.property) ? text : null;
    case "time":
      return shape.form === "duration" && !control.writable ? titled : null;
    default:
      return null;
  }
}
