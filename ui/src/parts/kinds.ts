/** What a device is, by its resource type: a word and an icon. */
import type { Device } from "../host/bindings/Device";
import { words } from "../words";
import type { IconName } from "./icons";
import { entry, splitWords } from "./titles";

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
  ["airpurifier", "fan"],
  ["airqualitymonitor", "climate"],
  ["dehumidifier", "climate"],
  ["humidifier", "climate"],
  ["hood", "fan"],
  ["waterheater", "thermostat"],
  ["watervalve", "water"],
  ["window", "blind"],
  ["windowcovering", "blind"],
  ["door", "door"],
  ["securitypanel", "alarm"],
  ["alarm", "alarm"],
  ["washer", "washer"],
  ["dryer", "washer"],
  ["washerdryer", "washer"],
  ["steamcloset", "washer"],
  ["dishwasher", "washer"],
  ["oven", "kitchen"],
  ["cooktop", "kitchen"],
  ["foodprobe", "kitchen"],
  ["coffeemachine", "kitchen"],
  ["grinder", "kitchen"],
  ["tv", "screen"],
  ["settopbox", "screen"],
  ["receiver", "sound"],
  ["activespeaker", "sound"],
  ["printer", "printer"],
  ["printer.3d", "printer"],
  ["multifunctionprinter", "printer"],
  ["scanner", "printer"],
  ["robotcleaner", "cleaner"],
  ["battery", "power"],
  ["electricmeter", "power"],
  ["electricvehiclecharger", "power"],
  ["energygenerator", "power"],
  ["energymonitor", "power"],
  ["generator", "power"],
  ["inverter", "power"],
  ["pvarraysystem", "power"],
  ["gasmeter", "power"],
  ["activitytracker", "health"],
  ["bloodpressuremonitor", "health"],
  ["bodycompositionanalyser", "health"],
  ["bodyscale", "health"],
  ["bodythermometer", "health"],
  ["cgm", "health"],
  ["cyclingpowermeter", "health"],
  ["cyclingspeedsensor", "health"],
  ["cyclingcadencesensor", "health"],
  ["glucosemeter", "health"],
  ["heartratemonitor", "health"],
  ["muscleoxygenmonitor", "health"],
  ["pulseoximeter", "health"],
  ["sleepmonitor", "health"],
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
  door: "home",
  water: "drop",
  alarm: "bell",
  washer: "washer",
  kitchen: "pot",
  screen: "tv",
  sound: "speaker",
  printer: "printer",
  cleaner: "cleaner",
  power: "battery",
  health: "heart",
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

/** What it is, in a word: its own type's where that is one of the standard. */
export function kindWord(device: Device): string {
  const kind = kindOf(device);
  const type = /^oic\.d\.([a-z\d.]+)$/.exec(device.deviceType?.toLowerCase() ?? "")?.[1];
  if (!type) return words.kinds[kind];
  return entry(words.deviceTypes, type) ?? (kind === "unknown" ? splitWords(type) : words.kinds[kind]);
}

/** “Light · Lumenfold L2”. */
export function describe(device: Device): string {
  const make = [device.manufacturer, device.model].filter(Boolean).join(" ");
  const word = kindWord(device);
  const first = word === words.kinds.unknown ? (device.deviceType ?? word) : word;
  return make ? `${first} · ${make}` : first;
}
