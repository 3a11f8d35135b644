/** The devices of the made-up home, each of another kind and in another state. */
import type { Account } from "./bindings/Account";
import type { Certificate } from "./bindings/Certificate";
import type { Control } from "./bindings/Control";
import type { Credential } from "./bindings/Credential";
import type { Device } from "./bindings/Device";
import type { Security } from "./bindings/Security";
import type { RemoteAccess } from "./bindings/RemoteAccess";
import type { Shape } from "./bindings/Shape";
import type { Snapshot } from "./bindings/Snapshot";
import type { JsonValue } from "./bindings/serde_json/JsonValue";

export const account: Account = {
  jid: "maren@hearth.example",
  server: "xmpp.hearth.example",
  port: 5222,
  ca: null,
  pin: null,
  hasPassword: true,
};

/** The account as a device has it from here. */
export const given = (inTheClear: boolean, sinceMs = Date.UTC(2026, 9, 12, 10)): Credential => ({
  jid: account.jid,
  server: account.server,
  port: account.port,
  sinceMs,
  rotatedAtMs: null,
  inTheClear,
  overAccount: false,
  own: false,
  certain: true,
});

/** A fingerprint that nobody has computed; another `seed`, another fingerprint. */
export const fingerprint = (seed = 159) =>
  Array.from({ length: 32 }, (_, i) => ((i * 73 + seed) % 256).toString(16).toUpperCase().padStart(2, "0")).join(":");

/** What the made-up server shows. */
export const certificate: Certificate = {
  fingerprint: fingerprint(),
  pinned: null,
  names: ["hearth.example", "xmpp.hearth.example"],
  issuer: "Hearth Home Authority",
  selfIssued: false,
  notBeforeMs: Date.UTC(2026, 2, 3, 12),
  notAfterMs: Date.UTC(2027, 2, 3, 12),
};

export const emptySnapshot = (): Snapshot => ({
  sequence: 0,
  devices: [],
  search: {
    running: false,
    round: 0,
    interfaces: [
      {
        name: "wlan0",
        addresses: ["192.168.4.7"],
        sent: 12,
        received: 0,
        devices: 0,
        problem: null,
        hint: "nothing-came-back",
      },
      {
        name: "eth0",
        addresses: ["10.0.9.2"],
        sent: 12,
        received: 3,
        devices: 0,
        problem: null,
        hint: "no-device-among-answers",
      },
      {
        name: "wg0",
        addresses: ["10.8.0.2"],
        sent: 0,
        received: 0,
        devices: 0,
        problem: "Destination address required (os error 89)",
        hint: "could-not-send",
      },
    ],
    loopbackOnly: false,
    failed: null,
  },
  account: null,
  keyring: { state: "unknown" },
  connection: { state: "offline" },
  moving: null,
  check: null,
  runs: [],
  takeovers: [],
  prefill: null,
});

export type Value = {
  control: Omit<Control, "href" | "property" | "rt"> & Partial<Pick<Control, "property">>;
  href: string;
  rt: string;
  /** Null: nothing was reported yet. */
  value: { [property: string]: JsonValue } | null;
};

export const range = (min: number, max: number, step: number, unit: string | null) => ({ min, max, step, unit });
const control = (
  href: string,
  rt: string,
  shape: Shape,
  writable: boolean,
  value: { [property: string]: JsonValue },
): Value => ({ control: { shape, writable, confirm: writable && shape.is === "lock" }, href, rt, value });

const power = (on: boolean) => control("/power", "oic.r.switch.binary", { is: "switch" }, true, { value: on });
const dimming = (percent: number) =>
  control("/dimming", "oic.r.light.dimming", { is: "level", ...range(0, 100, 1, "%") }, true, {
    dimmingSetting: percent,
  });
const colour = (rgb: number[]) =>
  control("/colour", "oic.r.colour.rgb", { is: "colour", asText: false, most: 255 }, true, { rgbValue: rgb });
const target = (degrees: number) =>
  control("/target", "oic.r.temperature", { is: "temperature", ...range(5, 25, 0.5, "°C") }, true, {
    temperature: degrees,
    units: "C",
  });
const measured = (degrees: number) =>
  control("/temperature", "oic.r.temperature", { is: "reading", unit: "°C" }, false, {
    temperature: degrees,
    units: "C",
  });
const humidity = (percent: number) =>
  control("/humidity", "oic.r.humidity", { is: "reading", unit: "%" }, false, { humidity: percent });
const lock = (state: string) => control("/lock", "oic.r.lock.status", { is: "lock" }, true, { lockState: state });
const open = (percent: number) =>
  control("/openlevel", "oic.r.openlevel", { is: "position", ...range(0, 100, 1, "%") }, true, { openLevel: percent });
const watts = (w: number) =>
  control("/energy", "oic.r.energy.consumption", { is: "reading", unit: "W" }, false, { power: w });
const motion = (moves: boolean) => control("/motion", "oic.r.sensor.motion", { is: "motion" }, false, { value: moves });

export type Told = {
  name: string;
  type: string;
  make: string | null;
  model?: string;
  values?: Value[];
  path?: "lan" | "xmpp" | null;
  ms?: number;
  presence?: Device["presence"];
  /** Minutes since it was heard. */
  ago?: number;
  /** As the search finds it; absent for one that is reached over LAN: with this account already. */
  lan?: { address: string; security?: Security; access?: Partial<RemoteAccess> | null; answering?: boolean };
  account?: boolean;
  /** Whether it has its account from this computer; absent: it has. */
  given?: boolean;
  resources?: Device["resources"];
};

const MINUTE = 60_000;

export function tell(told: Told): Device {
  const { name, type, make, model = null, values = [], path = "lan", ms = 5, presence = "online", ago = 0 } = told;
  const own = { status: "Connected", address: account.server, port: account.port };
  const lan: Told["lan"] =
    told.lan ?? (path === "lan" ? { address: `192.168.4.${100 + name.length}:5683`, access: own } : undefined);
  const id = name.toLowerCase().replaceAll(" ", "-");
  const inAccount = told.account ?? true;
  const atMs = Date.now() - ago * MINUTE - 4_000;
  const di = `5d8c20e4-71f3-4b09-9c36-${[...id]
    .reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 0xffffffffffff, 7)
    .toString(16)
    .padStart(12, "0")}`;
  return {
    id,
    di,
    name,
    deviceType: type,
    manufacturer: make,
    model,
    about: [
      { property: "icv", text: "ocf.2.2.0" },
      { property: "mnfv", text: "1.4.2" },
    ],
    lan: lan
      ? {
          addresses: [lan.address],
          answering: lan.answering ?? true,
          security: lan.security ?? "none",
          inTransferSinceMs: null,
          methods: lan.security === "unowned" ? ["pin", "just-works"] : [],
          remoteAccess:
            lan.access === null
              ? null
              : {
                  address: null,
                  port: null,
                  status: "NotInitialized",
                  errorReason: null,
                  securedOnly: false,
                  ...lan.access,
                },
        }
      : null,
    remote: inAccount
      ? { jid: `maren@hearth.example/OIC/1.0/${type}/${di}`, available: presence === "online", contact: false }
      : null,
    presence,
    lastSeenAtMs: atMs,
    path: presence === "online" && inAccount ? path : null,
    latencyMs: presence === "online" && inAccount ? ms : null,
    resources:
      told.resources ??
      values
        .filter(({ href }, place) => values.findIndex((other) => other.href === href) === place)
        .map(({ href, rt }) => ({ href, rt: [rt], if: ["oic.if.a", "oic.if.baseline"], observable: true })),
    core: [
      { href: "/oic/d", rt: ["oic.wk.d", type], if: ["oic.if.r", "oic.if.baseline"], observable: false },
      { href: "/oic/p", rt: ["oic.wk.p"], if: ["oic.if.r", "oic.if.baseline"], observable: false },
    ],
    controls: inAccount
      ? values.map(({ control: each, href, rt, value }) => ({
          ...each,
          href,
          rt,
          property: each.property ?? Object.keys(value ?? {})[0] ?? "value",
        }))
      : [],
    values: inAccount
      ? Object.fromEntries(
          values.flatMap(({ href, value }) => (value ? [[href, { value, atMs, via: path ?? "xmpp", remembered: false }]] : [])),
        )
      : {},
    wishes: {},
    trouble: null,
    described: inAccount,
    credential: inAccount && (told.given ?? true) ? given(lan?.security !== "ours") : null,
    owned: lan?.security === "ours" ? { sinceMs: atMs, method: "pin", complete: true } : null,
    claimedAt: [],
  };
}

/** As it is once its onboarding is done. */
export function online(device: Device): Device {
  const whole = story().find(({ id }) => id === device.id);
  const jid = `maren@hearth.example/OIC/1.0/${device.deviceType ?? "oic.wk.d"}/${device.di}`;
  return {
    ...device,
    remote: { jid, available: true, contact: false },
    presence: "online",
    path: "xmpp",
    latencyMs: 58,
    controls: whole?.controls.length ? whole.controls : device.controls,
    values: whole?.values ?? device.values,
    trouble: null,
    described: true,
  };
}

/** The part of the story that the wizard is drawn with: one device of each standing. */
export const nearby = (): Device[] => {
  const names = [
    "Reading lamp",
    "Living room heat",
    "Front door",
    "South blind",
    "Media shelf",
    "Worktop lights",
    "Boiler room",
    "Garden sensor",
    "Attic lamp",
  ];
  return story()
    .filter(({ name }) => names.includes(name))
    .map((device) => (device.name === "Media shelf" ? device : { ...device, remote: null, path: null, credential: null }));
};

export const story = (): Device[] => [
  tell({
    name: "Reading lamp",
    type: "oic.d.light",
    make: "Lumenfold",
    model: "L2",
    values: [power(true), dimming(60)],
    ms: 4,
    lan: { address: "192.168.4.21:5683" },
  }),
  tell({
    name: "Sofa glow",
    type: "oic.d.light",
    make: "Lumenfold",
    model: "C1",
    values: [power(true), dimming(45), colour([233, 143, 98])],
    ms: 6,
  }),
  tell({
    name: "Living room heat",
    type: "oic.d.thermostat",
    make: "Vattra",
    model: "T1",
    values: [power(true), measured(20.4), target(21)],
    lan: { address: "[fe80::3c1f%wlan0]:5683", security: "ours" },
  }),
  tell({
    name: "Front door",
    type: "oic.d.smartlock",
    make: "Keystead",
    model: "Bolt",
    values: [lock("Locked")],
    ms: 7,
    lan: { address: "192.168.4.40:41772", access: { status: null, securedOnly: true }, security: "unowned" },
  }),
  tell({ name: "Bookshelf", type: "oic.d.light", make: "Lumenfold", model: "L1", values: [power(false)], ms: 3 }),
  tell({
    name: "South blind",
    type: "oic.d.blind",
    make: "Norrvik",
    model: "Shade 3",
    values: [open(40)],
    ms: 11,
    lan: { address: "192.168.4.34:5683", access: { status: "Connected", address: "old.example", port: 5222 } },
  }),
  tell({
    name: "Window sill",
    type: "oic.d.sensor",
    make: "Tern",
    model: "S",
    values: [measured(21.4), humidity(46)],
    ms: 8,
  }),
  tell({
    name: "Media shelf",
    type: "oic.d.smartplug",
    make: "Wattle",
    model: "P1",
    values: [power(true), watts(84)],
    ms: 4,
    lan: { address: "192.168.4.29:5683", access: { status: "Connected", address: "xmpp.hearth.example", port: 5222 } },
  }),
  tell({
    name: "Worktop lights",
    type: "oic.d.light",
    make: "Lumenfold",
    model: "L4",
    values: [power(false), dimming(15)],
    lan: {
      address: "192.168.4.18:5683",
      access: { status: "Error", address: "hearth.example", port: 5222, errorReason: "SASL not-authorized" },
    },
  }),
  tell({
    name: "Extractor fan",
    type: "oic.d.fan",
    make: "Aurel",
    model: "Luft 200",
    values: [control("/speed", "oic.r.fanspeed", { is: "level", ...range(0, 3, 1, "") }, true, { fanspeed: 1 })],
    ms: 9,
  }),
  tell({ name: "Hall motion", type: "oic.d.sensor", make: "Tern", model: "M", values: [motion(false)], ms: 9 }),
  tell({
    name: "Door chime",
    type: "x.klangwerk.d.chime",
    make: "Klangwerk",
    ms: 14,
    resources: ["/tune", "/volume", "/x/history", "/battery"].map((href) => ({
      href,
      rt: [`x.klangwerk.r${href.replaceAll("/", ".")}`],
      if: ["oic.if.baseline"],
      observable: false,
    })),
  }),
  tell({
    name: "Cabin heater",
    type: "oic.d.thermostat",
    make: "Vattra",
    model: "T1",
    values: [power(true), measured(17.4), target(20)],
    path: "xmpp",
    ms: 61,
    given: false,
  }),
  tell({ name: "Porch camera", type: "oic.d.camera", make: "Osier", values: [power(false)], path: "xmpp", ms: 66 }),
  tell({
    name: "Cabin freezer",
    type: "oic.d.freezer",
    make: "Kelda",
    values: [measured(-18.2)],
    path: "xmpp",
    presence: "offline",
    ago: 186,
    given: false,
  }),
  tell({
    name: "Boiler room",
    type: "oic.d.thermostat",
    make: "Vattra",
    model: "B2",
    account: false,
    lan: { address: "192.168.7.20:41772" },
  }),
  tell({
    name: "Garden sensor",
    type: "oic.d.sensor",
    make: "Tern",
    model: "G",
    account: false,
    lan: { address: "192.168.4.33:5683", access: null },
  }),
  tell({
    name: "Attic lamp",
    type: "oic.d.light",
    make: "Lumenfold",
    model: "L1",
    account: false,
    lan: { address: "192.168.4.61:5683", answering: false },
  }),
];
