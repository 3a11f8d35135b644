/** Made-up devices that show every shape of a control, and one that has told nothing yet. */
import type { Device } from "./bindings/Device";
import type { Press } from "./bindings/Press";
import type { Shape } from "./bindings/Shape";
import type { JsonValue } from "./bindings/serde_json/JsonValue";
import { range, tell, type Value } from "./fake-story";

type Row = [property: string, shape: Shape, how?: "read" | "asks"];

/** One resource with its controls; what has no `how` can be set. */
const resource = (
  href: string,
  rt: string,
  value: { [property: string]: JsonValue } | null,
  ...rows: Row[]
): Value[] =>
  rows.map(([property, shape, how]) => ({
    control: { property, shape, writable: how !== "read", confirm: how === "asks" },
    href,
    rt,
    value,
  }));

const level = (min: number, max: number, unit: string | null = null): Shape => ({
  is: "level",
  ...range(min, max, 1, unit),
});
const number = (min: number | null, max: number | null, step: number | null, unit: string | null = null): Shape => ({
  is: "number",
  min,
  max,
  step,
  unit,
});
const choice = (options: JsonValue[], asList = false, several = false): Shape => ({
  is: "choice",
  options,
  asList,
  several,
});
const reading = (unit: string | null = null): Shape => ({ is: "reading", unit });
const list: Shape = { is: "list", unit: null };
const state: Shape = { is: "state" };
const text: Shape = { is: "text" };
const onOff: Shape = { is: "switch" };
const key = (name: string): Press => ({ name, sends: {}, query: `action=${name}` });
const button = (name: string): Shape => ({
  is: "buttons",
  presses: [{ name, sends: { [name]: true }, query: null }],
});
const keys = ["power", "arrowup", "arrowdown", "arrowleft", "arrowright", "enter", "return", "volumeup", "volumedown"];

const studio = (): Value[] => [
  ...resource("/power", "oic.r.switch.binary", { value: true }, ["value", onOff]),
  ...resource("/dimming", "oic.r.light.dimming", { dimmingSetting: 70 }, ["dimmingSetting", level(0, 100, "%")]),
  ...resource(
    "/hs",
    "oic.r.colour.hs",
    { hue: 210, saturation: 20_000, maximumsaturation: 32_767 },
    ["hue", { is: "hue", ...range(0, 360, 1, "°") }],
    ["saturation", level(0, 32_767)],
  ),
  ...resource("/xy", "oic.r.colour.csc", { csc: "0.3127,0.329" }, ["csc", { is: "xy", asText: true }]),
  ...resource("/ct", "oic.r.colour.colourtemperature", { ct: 250 }, ["ct", level(153, 500, "mired")]),
  ...resource("/rgb", "oic.r.colour.rgb", { rgbValue: "0,512,1023" }, [
    "rgbValue",
    { is: "colour", asText: true, most: 1023 },
  ]),
];

const washer = (): Value[] => [
  ...resource("/power", "oic.r.switch.binary", { value: true }, ["value", onOff]),
  ...resource(
    "/run",
    "oic.r.operational.state",
    {
      currentMachineState: "active",
      currentJobState: "preWash",
      progressPercentage: 42,
      remainingTime: "PT1H25M",
      machineStates: ["idle", "active", "pause"],
    },
    ["currentMachineState", choice(["idle", "active", "pause"])],
    ["currentJobState", choice(["preWash", "wash", "rinse", "spin", "drain", "dry"])],
    ["progressPercentage", reading("%"), "read"],
    ["remainingTime", { is: "time", form: "duration" }, "read"],
  ),
  ...resource("/mode", "oic.r.mode", { modes: ["cotton"], supportedModes: ["cotton", "wool", "quick30"] }, [
    "modes",
    choice(["cotton", "wool", "quick30"], true),
  ]),
  ...resource("/water", "oic.r.waterinfo", { currentadditivetypes: ["softener"] }, [
    "currentadditivetypes",
    choice(["softener", "bleach", "starch"], true, true),
  ]),
  ...resource("/rinses", "x.kelda.r.rinses", { rinses: 2 }, ["rinses", number(0, 5, 1)]),
  ...resource("/spin", "x.kelda.r.spin", { spin: 1200 }, ["spin", choice([600, 800, 1000, 1200, 1400])]),
  ...resource("/weight", "oic.r.weight", { weight: 4.2 }, ["weight", number(0, null, null, "kg")]),
  ...resource("/delay", "oic.r.time.period", { startTime: "2026-01-09T14:30:00Z", interval: 90 }, [
    "startTime",
    { is: "schedule", form: "date-time", stop: "stopTime", minutes: "interval" },
  ]),
  ...resource("/temperature", "oic.r.temperature", { temperature: 40, units: "C" }, [
    "temperature",
    { is: "temperature", ...range(20, 90, 10, "°C") },
  ]),
];

const television = (): Value[] => [
  ...resource("/audio", "oic.r.audio", { mute: false, volume: 18 }, ["mute", onOff], ["volume", level(0, 100, "%")]),
  ...resource("/keys", "oic.r.remotecontrol", { supportedactions: keys }, [
    "supportedactions",
    { is: "buttons", presses: keys.map(key) },
  ]),
  ...resource("/apps", "oic.r.tv.apps", { app: "Films", applist: ["Films", "News", "Radio", "Games", "Photos"] }, [
    "app",
    choice(["Films", "News", "Radio", "Games", "Photos"]),
  ]),
  ...resource("/say", "oic.r.speech.tts", { utterance: "" }, ["utterance", text]),
  ...resource(
    "/sources",
    "oic.r.media.input",
    {
      sources: [
        { sourceName: "HDMI 1", sourceNumber: "1", sourceType: "videoPlusAudio", status: true },
        { sourceName: "HDMI 2", sourceNumber: "2", sourceType: "videoPlusAudio", status: false },
        { sourceName: "Aerial", sourceNumber: "0", sourceType: "videoPlusAudio", status: false },
      ],
    },
    ["sources", list, "read"],
  ),
  ...resource(
    "/picture",
    "oic.r.settings.picture",
    { "picture-mode": "cinema", contrast: 60 },
    ["picture-mode", choice(["cinema", "sports", "vivid", "eco"])],
    ["contrast", number(0, 100, 1)],
    ["picture-reset", button("picture-reset"), "asks"],
  ),
];

/** The codes that must be on no screen. */
export const codes: { code: string }[] = [{ code: "4711" }, { code: "0815" }, { code: "271828" }];

const panel = (): Value[] => [
  ...resource(
    "/siren",
    "oic.r.alarm",
    { status: false, alarmtype: "intrusion" },
    ["status", onOff, "asks"],
    ["alarmtype", text, "read"],
  ),
  ...resource("/door", "oic.r.sensor.contact", { value: true }, ["value", state, "read"]),
  ...resource("/smoke", "oic.r.sensor.smoke", { value: false }, ["value", state, "read"]),
  ...resource("/cellar", "oic.r.sensor.water", { value: false }, ["value", state, "read"]),
  ...resource("/hall", "oic.r.sensor.motion", { value: true }, ["value", { is: "motion" }, "read"]),
  ...resource("/blind", "oic.r.openlevel", { openLevel: 30 }, [
    "openLevel",
    { is: "position", ...range(0, 100, 1, "%") },
  ]),
  ...resource("/gate", "oic.r.lock.status", { lockState: "Locked" }, ["lockState", { is: "lock" }, "asks"]),
  ...resource("/codes", "oic.r.lock.code", { lockCodeList: codes }, [
    "lockCodeList",
    { is: "hidden", count: codes.length },
    "read",
  ]),
  ...resource("/clock", "oic.r.clock", { datetime: "2026-01-09T14:30Z", countdown: 0 }, [
    "datetime",
    { is: "time", form: "date-time" },
  ]),
  ...resource(
    "/wake",
    "x.keystead.r.wake",
    { at: "T06:00:00Z", snooze: "PT9M" },
    ["at", { is: "time", form: "time-of-day" }],
    ["snooze", { is: "time", form: "duration" }],
  ),
  ...resource("/tilt", "oic.r.sensor.threeaxis", { orientation: [0.02, 0.98, -0.1] }, ["orientation", list, "read"]),
  ...resource(
    "/battery",
    "oic.r.energy.battery",
    { charge: 82, lowbattery: false },
    ["charge", reading("%"), "read"],
    ["lowbattery", state, "read"],
  ),
  ...resource("/zones", "oic.wk.col", { links: [{ href: "/door" }, { href: "/smoke" }] }, [
    "links",
    { is: "collection", members: ["/door", "/smoke", "/elsewhere"] },
    "read",
  ]),
  ...resource(
    "/care",
    "oic.wk.mnt",
    { rb: false, fr: false },
    ["rb", button("rb"), "asks"],
    ["fr", button("fr"), "asks"],
  ),
];

const arrival = (): Value[] => [
  ...resource("/mode", "oic.r.mode", null, ["modes", choice([], true)]),
  ...resource("/rgb", "oic.r.colour.rgb", null, ["rgbValue", { is: "colour", asText: false, most: 255 }]),
  ...resource("/xy", "oic.r.colour.csc", null, ["csc", { is: "xy", asText: false }]),
  ...resource("/keys", "oic.r.remotecontrol", null, ["supportedactions", { is: "buttons", presses: [] }]),
  ...resource("/codes", "oic.r.lock.code", null, ["lockCodeList", { is: "hidden", count: null }, "read"]),
  ...resource("/zones", "oic.wk.col", null, ["links", { is: "collection", members: [] }, "read"]),
];

export const showroom = (): Device[] => [
  tell({ name: "Studio light", type: "oic.d.light", make: "Lumenfold", model: "S9", values: studio() }),
  tell({ name: "Washing machine", type: "oic.d.washer", make: "Kelda", model: "W7", values: washer(), ms: 12 }),
  tell({ name: "Television", type: "oic.d.tv", make: "Aurel", values: television(), path: "xmpp", ms: 70 }),
  tell({ name: "Security panel", type: "oic.d.securitypanel", make: "Keystead", model: "P3", values: panel(), ms: 8 }),
  tell({ name: "New arrival", type: "oic.d.light", make: "Lumenfold", model: "L9", values: arrival(), ms: 9 }),
];
