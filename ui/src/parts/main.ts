/** Which of a device's controls stand on its tile: one switch, and one feature beside it. Pure. */
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import { readRgb } from "./colour";
import type { Feature, Part } from "./tile";

type Is = Control["shape"]["is"];

/** What turns the whole thing on and off: only that lights the tile. */
const POWER_TYPES = ["oic.r.switch.binary", "oic.r.switch.restricted"];
/** So a switch of a vendor's own type is called where it is the thing's own. */
const POWER_NAMES = ["value", "power", "on", "onoff", "switch"];
/** Fine points of a colour or a picture: a slider on the tile only where there is no other. */
const FINE = ["saturation", "colourSaturation", "ct", "pan", "tilt"];
/** What is set once, or told of the device rather than of the thing. */
const ASIDE = [
  "oic.wk.",
  "oic.ra.",
  "oic.r.settings.",
  "oic.r.media.",
  "oic.r.vendorlist",
  "oic.r.softwareupdate",
  "oic.r.easysetup",
  "oic.r.wificonf",
  "oic.r.devconf",
  "oic.r.coapcloudconf",
  "oic.r.doxm",
  "oic.r.pstat",
  "oic.r.signalstrength",
  "oic.r.opaquedata",
  "oic.r.userid",
  "oic.r.location.",
  "oic.r.sensor.props",
  "oic.r.value.conditional",
  "oic.r.dali.conf",
];

export const isAside = ({ rt }: Control): boolean => ASIDE.some((type) => rt.startsWith(type));
/** The charge stands in the corner; what else a battery tells, on the device page. */
export const isCharge = ({ rt, property, shape }: Control): boolean =>
  rt.endsWith(".battery") && shape.is === "reading" && property !== "capacity";
export const isBattery = ({ rt }: Control): boolean => rt.endsWith(".battery");

export const isPower = ({ rt, property, shape }: Control): boolean =>
  shape.is === "switch" &&
  (POWER_TYPES.includes(rt) || (!rt.startsWith("oic.r.") && POWER_NAMES.includes(property.toLowerCase())));

/** The main switch; else the only one of a device that has nothing else to show. */
export function toggleOf(parts: readonly Part[], feature: Feature): Part | null {
  const switches = parts.filter(({ control }) => control.shape.is === "switch" && control.writable);
  const power = switches.find(({ control }) => isPower(control));
  if (power) return power;
  return feature.is === "none" && switches.length === 1 ? (switches[0] ?? null) : null;
}

type Moved = Exclude<Feature["is"], "none" | "reading" | "open">;
const features: readonly [is: Is, feature: Moved, property?: string][] = [
  ["lock", "lock"],
  ["colour", "colour"],
  ["hue", "hue"],
  // Where a machine can be started and stopped, that comes before how warm it shall be.
  ["choice", "choice", "currentMachineState"],
  ["temperature", "stepper"],
  ["position", "position"],
  ["level", "level"],
  ["choice", "choice"],
];

export function featureOf(device: Device, parts: readonly Part[]): Feature {
  for (const [is, feature, only] of features) {
    const fit = parts.filter(({ control, fact, wish }) => {
      const { shape } = control;
      if (!control.writable || shape.is !== is || isAside(control)) return false;
      if (only !== undefined && control.property !== only) return false;
      if (shape.is === "colour") return readRgb(fact?.value, shape.most) !== null || wish !== null;
      return shape.is !== "choice" || (shape.options.length > 0 && !shape.several);
    });
    const part = fit.find(({ control }) => !FINE.includes(control.property)) ?? fit[0];
    if (part) return { is: feature, part };
  }
  // The charge stands in the corner; it is the reading only of what tells nothing else.
  const told = parts.filter(({ control }) => !isBattery(control) && !isAside(control));
  const shown = told.length > 0 ? told : parts;
  const reading =
    shown.find(({ control }) => control.shape.is === "reading" || (isMeasure(control) && !control.writable)) ??
    // What is typed on the device page is read here, where there is nothing to switch either.
    (parts.some(({ control }) => control.shape.is === "switch" && control.writable)
      ? undefined
      : shown.find(({ control, fact }) => control.shape.is === "number" && fact !== null));
  if (reading) return { is: "reading", part: reading };
  if (parts.length === 0 && device.resources.length > 0) return { is: "open", resources: device.resources.length };
  return { is: "none" };
}

const isMeasure = (control: Control) => ["temperature", "level", "position", "hue"].includes(control.shape.is);
