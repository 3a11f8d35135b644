/** What a device is, by its resource type: a word and an icon. */
import type { Device } from "../host/bindings/Device";
import { words } from "../words";
import type { IconName } from "./icons";

export type Kind = keyof typeof words.kinds;

const kinds: readonly [suffix: string, kind: Kind][] = [
  ["light", "light"],
  ["smartplug", "plug"],
  ["switch", "switch"],
  ["thermostat", "thermostat"],
  ["heater", "thermostat"],
  ["airconditioner", "thermostat"],
  ["smartlock", "lock"],
  ["lock", "lock"],
  ["blind", "blind"],
  ["shade", "blind"],
  ["garagedoor", "garage"],
  ["sensor.motion", "motion"],
  ["motionsensor", "motion"],
  ["sensor", "sensor"],
  ["multisensor", "sensor"],
  ["camera", "camera"],
  ["fan", "fan"],
  ["freezer", "freezer"],
  ["refrigerator", "freezer"],
];

const icons: Record<Kind, IconName> = {
  light: "bulb",
  plug: "plug",
  switch: "power",
  thermostat: "thermostat",
  lock: "lock",
  blind: "blind",
  motion: "motion",
  sensor: "drop",
  climate: "drop",
  camera: "camera",
  fan: "fan",
  freezer: "snow",
  garage: "home",
  unknown: "unknown",
  device: "plug",
};

/** The kind of a device; a vendor's own type is `unknown` unless its last word is a kind that we know. */
export function kindOf(device: Device): Kind {
  const type = device.deviceType?.toLowerCase();
  if (!type) return "device";
  if (type.includes("sensor") && device.controls.some((control) => control.shape.is === "motion")) return "motion";
  const standard = kinds.find(([suffix]) => type === `oic.d.${suffix}`);
  return standard?.[1] ?? "unknown";
}

export const iconOf = (device: Device): IconName => icons[kindOf(device)];

/** “Light · Lumenfold L2”. */
export function describe(device: Device): string {
  const make = [device.manufacturer, device.model].filter(Boolean).join(" ");
  const kind = kindOf(device);
  const first = kind === "unknown" ? (device.deviceType ?? words.kinds.unknown) : words.kinds[kind];
  return make ? `${first} · ${make}` : first;
}
