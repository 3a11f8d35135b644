/** Facts and wishes of a control: what was reported, what was asked, and how a wish is written. Pure. */
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import type { Error as Failure } from "../host/bindings/Error";
import type { Path } from "../host/bindings/Path";
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";

export type Fact = { value: JsonValue; atMs: number; via: Path };
export type Wanted = { value: JsonValue; sinceMs: number; failed: Failure | null };
/** What is asked of one resource. */
export type Asked = { [property: string]: JsonValue };

export function property(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
    return undefined;
  return value[name];
}

/** A control's own part of a representation: its property, or all properties of a schedule. */
function partOf(control: Control, value: JsonValue | undefined): JsonValue | undefined {
  const { shape } = control;
  if (shape.is !== "schedule") return property(value, control.property);
  const part: Asked = {};
  for (const name of [control.property, shape.stop, shape.minutes]) {
    const own = name === null ? undefined : property(value, name);
    if (name !== null && own !== undefined && own !== null) part[name] = own;
  }
  return Object.keys(part).length > 0 ? part : undefined;
}

/** What the device reported for this control. */
export function factOf(device: Device, control: Control): Fact | null {
  const reported = device.values[control.href];
  const value = partOf(control, reported?.value);
  return reported && value !== undefined && value !== null ? { value, atMs: reported.atMs, via: reported.via } : null;
}

/** What was asked for this control and is not a fact yet. */
export function wishOf(device: Device, control: Control): Wanted | null {
  const wish = device.wishes[control.href];
  const value = partOf(control, wish?.wanted);
  return wish && value !== undefined ? { value, sinceMs: wish.sinceMs, failed: wish.failed } : null;
}

/** What is sent for a wish: the property, or the whole schedule. */
export function askedOf(control: Control, value: JsonValue): Asked {
  const whole = control.shape.is === "schedule" && typeof value === "object" && value !== null;
  return whole && !Array.isArray(value) ? value : { [control.property]: value };
}

/** A representation without what may only be counted. `left`: the properties that were taken out. */
export function withoutHidden(
  device: Device,
  href: string,
  value: JsonValue,
): { value: JsonValue; left: readonly Control[] } {
  const hidden = device.controls.filter((control) => control.href === href && control.shape.is === "hidden");
  const left = hidden.filter((control) => property(value, control.property) !== undefined);
  if (left.length === 0 || typeof value !== "object" || value === null || Array.isArray(value))
    return { value, left: [] };
  const names = left.map((control) => control.property);
  return { value: Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name))) as Asked, left };
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

/** What is chosen, as a list; nothing where nothing is known. */
export const chosenOf = (value: JsonValue | undefined): JsonValue[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
