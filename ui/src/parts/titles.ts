/** What a control is called: by its type and property, by its property, or by the property's own name. Pure. */
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import { words } from "../words";

/** Names of properties that say nothing of what they hold: the type is named instead. */
const PLAIN = ["value", "state", "status"];
/** Our choice: a longer name is cut. */
const MAX_NAME = 64;

/** A word from a table, by type and property, else by property: but a vendor's own `map` need not be OCF's. */
export function lookUp<T>(table: { [name: string]: T }, { rt, property }: Control): T | undefined {
  return entry(table, `${rt} ${property}`) ?? (rt.startsWith("oic.") ? entry(table, property) : undefined);
}

/** Names come from devices: `constructor` is none of the table's. */
export const entry = <T>(table: { [name: string]: T }, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

export const clip = (text: string, most: number): string =>
  text.length > most ? `${[...text.slice(0, most - 1)].join("").trimEnd()}…` : text;

/** `desiredHumidity`, `auto-volume`, `steps_day` as “Desired humidity”, “Auto volume”, “Steps day”. */
export function splitWords(name: string): string {
  const parts = clip(name, MAX_NAME)
    .replace(/[-_.\s]+/g, " ")
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .trim()
    .split(" ");
  const text = parts.map((part) => (/^[A-Z\d]{2,}$/.test(part) ? part : part.toLowerCase())).join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** “Brightness” within a sentence; “CO2” stays. */
export const lowerFirst = (text: string): string =>
  /^\p{Lu}\p{Lu}/u.test(text) ? text : text.charAt(0).toLowerCase() + text.slice(1);

/** A control's title. */
export function nameOf(control: Control): string {
  const { rt, property, writable, shape } = control;
  if (shape.is === "collection") {
    // “Scenes”: a collection is called what its path says, if that is a word.
    const last = control.href.split("?")[0]?.split("/").at(-1) ?? "";
    if (/^\p{L}[\p{L}_-]+$/u.test(last)) return splitWords(last);
  }
  if (rt.endsWith(".temperature") && writable) return words.control.target;
  const known = lookUp(words.properties.names, control);
  if (known) return known;
  const type = rt.split(".").at(-1) ?? "";
  return splitWords(PLAIN.includes(property) && type ? type : property) || property;
}

/** By the controls of a device as they were told: each row asks, and there may be hundreds. */
const namesakes = new WeakMap<readonly Control[], Map<string, Set<string>>>();

/** The resources of each name. */
function hrefsOf({ controls }: Device): Map<string, Set<string>> {
  const known = namesakes.get(controls);
  if (known) return known;
  const hrefs = new Map<string, Set<string>>();
  for (const control of controls) {
    const name = nameOf(control);
    hrefs.set(name, (hrefs.get(name) ?? new Set()).add(control.href));
  }
  namesakes.set(controls, hrefs);
  return hrefs;
}

/** A control's title among those of its device: where two are called the same, with the path of its resource. */
export function titleOf(device: Device, control: Control): string {
  const name = nameOf(control);
  return (hrefsOf(device).get(name)?.size ?? 0) > 1 ? words.control.twice(name, control.href) : name;
}

/**
 * A part of a control's name for window tests: the first of its kind is found by the kind alone, each further one by
 * its resource and property too.
 */
export function testOf(device: Device, control: Control): string {
  const { is } = control.shape;
  const alike = device.controls.filter((other) => other.shape.is === is);
  const first = alike.find((other) => other.writable) ?? alike[0];
  const alone = !first || (first.href === control.href && first.property === control.property);
  return alone ? `${is}-${device.id}` : `${is}-${device.id}${control.href}#${control.property}`;
}

/** As `testOf`, for the row of the device page. */
export function rowTestOf(device: Device, { href, property }: Control): string {
  const first = device.controls.find((other) => other.href === href);
  return first?.property === property ? `control-${href}` : `control-${href}#${property}`;
}
