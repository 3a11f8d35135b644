/** The rows of a device's page: what each shows, and by what it is found. Pure. */
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import { asItIs, sayIn, sayNothing } from "../parts/say";
import { sayFew } from "../parts/lists";
import { wishWords, type Part } from "../parts/tile";

/** The page's id of the first row of a resource; ids may not hold what paths do. */
export const rowId = (device: Device, href: string): string =>
  `row-${device.controls.findIndex((control) => control.href === href)}`;

/** Inputs that need the whole width. */
export const isWide = ({ shape, writable }: Control): boolean =>
  shape.is === "schedule" ? writable : shape.is === "buttons" || (shape.is === "choice" && shape.several);

/** Readings that stand large beside their title. */
export const isLarge = ({ shape }: Control): boolean =>
  shape.is === "reading" || shape.is === "temperature" || shape.is === "level" || shape.is === "position";

/** The members of a collection that are switched alike, where the device takes them together. */
export function switchedTogether(device: Device, collection: Control): { property: string; hrefs: string[] } | null {
  const { shape, href } = collection;
  const own = device.resources.find((resource) => resource.href === href);
  if (shape.is !== "collection" || !own?.if.includes("oic.if.b")) return null;
  const switches = device.controls.filter(
    (control) =>
      shape.members.includes(control.href) && control.shape.is === "switch" && control.writable && !control.confirm,
  );
  const property = switches[0]?.property;
  const hrefs = switches.filter((control) => control.property === property).map((control) => control.href);
  return property !== undefined && hrefs.length > 1 ? { property, hrefs } : null;
}

/** Whether a value takes lines of its own under its title. */
export const hasLines = ({ control, fact }: Part): boolean =>
  control.shape.is === "list" && fact !== null && sayFew(fact.value, control.shape.unit) === null;

/** The line under a row's title: what was asked, else what is reported. */
export function lineOf(device: Device, part: Part): string {
  const { control, fact, wish } = part;
  if (wish && !wish.failed) return wishWords(device, control, wish.value);
  if (fact && control.shape.is !== "buttons") return sayIn(device, control, fact.value) ?? asItIs(control, fact.value);
  return sayNothing(control, device.values[control.href]?.value);
}
