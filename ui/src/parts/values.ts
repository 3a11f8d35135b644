/** Facts and wishes of a control, and how a value is said. Pure. */
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import type { Error as Failure } from "../host/bindings/Error";
import type { Path } from "../host/bindings/Path";
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";
import { words } from "../words";
import { colourName, readRgb } from "./colour";

export type Fact = { value: JsonValue; atMs: number; via: Path };
export type Wanted = { value: JsonValue; sinceMs: number; failed: Failure | null };

function property(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return value[name];
}

/** What the device reported for this control. */
export function factOf(device: Device, control: Control): Fact | null {
  const reported = device.values[control.href];
  const value = property(reported?.value, control.property);
  return reported && value !== undefined && value !== null ? { value, atMs: reported.atMs, via: reported.via } : null;
}

/** What was asked for this control and is not a fact yet. */
export function wishOf(device: Device, control: Control): Wanted | null {
  const wish = device.wishes[control.href];
  const value = property(wish?.wanted, control.property);
  return wish && value !== undefined ? { value, sinceMs: wish.sinceMs, failed: wish.failed } : null;
}

export const numberOf = (value: JsonValue | undefined): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** `Locked` or `Unlocked`, in whatever case the device writes it. */
export const isLocked = (value: JsonValue | undefined): boolean | null => {
  const word = typeof value === "string" ? value.toLowerCase() : null;
  return word === "locked" ? true : word === "unlocked" ? false : null;
};

/** Whether its position is said as how far it is closed. */
export const saysClosed = (device: Device): boolean =>
  device.deviceType === "oic.d.blind" || device.deviceType === "oic.d.shade";

/** Whole numbers stay whole, half degrees keep their half. */
const digitsOf = (step: number) => (step > 0 && step < 1 ? 1 : 0);

/** Our choice: 0 … 3 are speeds to be called by number; 0 … 255 is a share. */
const FEW_STEPS = 10;

/** A number with its unit; a wide range without a unit is said as a share of itself. */
export function sayNumber(control: Control, value: number): string {
  const { shape } = control;
  const n = words.common.number;
  switch (shape.is) {
    case "level":
    case "position": {
      const span = shape.max - shape.min;
      const own = shape.unit !== "%" && (shape.unit || span <= FEW_STEPS);
      if (own) return `${n(value, digitsOf(shape.step))} ${shape.unit ?? ""}`.trim();
      return span > 0 ? `${n(((value - shape.min) / span) * 100, 0)} %` : n(value);
    }
    case "temperature":
      return `${value.toFixed(1).replace("-", "−")}°`;
    case "reading":
      return shape.unit?.startsWith("°") ? `${n(value)}°` : shape.unit ? `${n(value)} ${shape.unit}` : n(value);
    default:
      return n(value);
  }
}

/** A control's value in words: “On”, “60 %”, “Locked”, “peach”. Null: it is none that this control can have. */
function say(control: Control, value: JsonValue): string | null {
  switch (control.shape.is) {
    case "switch":
      return value === true ? words.tile.on : value === false ? words.tile.off : null;
    case "motion":
      return value === true ? words.tile.motion : value === false ? words.tile.noMotion : null;
    case "lock": {
      const locked = isLocked(value);
      if (locked === null) return typeof value === "string" ? words.tile.jammed(value) : null;
      return locked ? words.tile.locked : words.tile.unlocked;
    }
    case "colour": {
      const rgb = readRgb(value);
      return rgb && colourName(rgb);
    }
    default: {
      const number = numberOf(value);
      if (number !== null) return sayNumber(control, number);
      return typeof value === "string"
        ? value
        : typeof value === "boolean"
          ? value
            ? words.tile.on
            : words.tile.off
          : null;
    }
  }
}

/** As `say`, in the words of this device: blinds say how far they are closed. */
export const sayIn = (device: Device, control: Control, value: JsonValue): string | null =>
  control.shape.is === "position" ? positionWords(device, control, value) : say(control, value);

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

/** A control's title on the device page. */
export function titleOf(device: Device, control: Control): string {
  const titles = words.control.titles;
  const { rt, shape, property: name } = control;
  if (rt.endsWith(".humidity")) return titles.humidity;
  if (rt.endsWith(".battery")) return titles.battery;
  if (rt.endsWith("energy.consumption")) return name === "power" ? titles.consumption : titles.energy;
  if (rt.endsWith(".temperature")) return control.writable ? titles.target : titles.temperature;
  if (rt.endsWith("fanspeed") || rt.endsWith("airflow")) return titles.fan;
  if (shape.is === "level" && device.controls.some((other) => other.rt.includes(".light.")) && rt.includes("dimming"))
    return titles.brightness;
  return titles[shape.is];
}
