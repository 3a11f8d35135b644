/** How things are called, said, read and written: pure, and safe against whatever a device sends. */
import { describe, expect, it } from "vitest";
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import type { Shape } from "../host/bindings/Shape";
import { showroom } from "../host/fake-showroom";
import { story } from "../host/fake-story";
import { readXy, readRgb, writeRgb, xyToRgb, colourName } from "./colour";
import { linesOf, sayFew } from "./lists";
import { boundsInWords, readNumber } from "./number";
import { asItIs, sayIn, sayOption } from "./say";
import { tileOf } from "./tile";
import { fieldOf, sayTime, timeOf } from "./time";
import { nameOf, splitWords, titleOf } from "./titles";

const control = (rt: string, property: string, shape: Shape, writable = false): Control => ({
  href: "/x",
  property,
  shape,
  writable,
  confirm: false,
  rt,
});
const device = (id: string): Device => {
  const found = [...story(), ...showroom()].find((each) => each.id === id);
  if (!found) throw new Error(`no ${id}`);
  return found;
};
const reading: Shape = { is: "reading", unit: null };

describe("a title", () => {
  it.each([
    ["oic.r.energy.battery", "charge", "Battery"],
    ["oic.r.energy.battery", "capacity", "Battery capacity"],
    ["oic.r.energy.battery", "lowbattery", "Battery low"],
    ["oic.r.humidity", "humidity", "Humidity"],
    ["oic.r.humidity", "desiredHumidity", "Wanted humidity"],
    ["oic.wk.p", "mnmn", "Maker"],
    ["oic.r.cgm.threshold", "plow", "Low for this person below"],
    ["x.vendor.r.tune", "value", "Tune"],
    ["x.vendor.r.tune", "maxLoopCount", "Max loop count"],
    ["x.vendor.r.tune", "x_fade-time", "X fade time"],
    ["x.vendor.r.tune", "map", "Map"],
    ["x.vendor.r.tune", "constructor", "Constructor"],
    ["x.vendor.r.tune", "--", "--"],
  ])("of %s %s is %s", (rt, property, title) => {
    expect(nameOf(control(rt, property, reading))).toBe(title);
  });

  it("has the path beside it where two are called the same", () => {
    const twin = device("cabin-heater");
    const [first] = twin.controls;
    if (!first) throw new Error("no control");
    const controls = [first, { ...first, href: "/power2" }];
    expect(controls.map((each) => titleOf({ ...twin, controls }, each))).toEqual(["Power (/power)", "Power (/power2)"]);
  });

  it("keeps what is written in capitals", () => {
    expect(splitWords("useLEDRing")).toBe("Use LED ring");
  });
});

describe("a value", () => {
  it("is said in the words of its type", () => {
    const state: Shape = { is: "state" };
    const said = (rt: string, property: string, value: boolean) =>
      sayIn(device("bookshelf"), control(rt, property, state), value);
    expect(said("oic.r.sensor.contact", "value", true)).toBe("Open");
    expect(said("oic.r.sensor.presence", "value", false)).toBe("Nobody");
    expect(said("x.vendor.r.thing", "armed", true)).toBe("Yes");
  });

  it("that is hidden is counted by whatever function says it", () => {
    const codes = control("oic.r.lock.code", "lockCodeList", { is: "hidden", count: 2 });
    const secret = [{ code: "4711" }, { code: "0815" }];
    expect(sayIn(device("bookshelf"), codes, secret)).toBe("2 codes are stored");
    expect(asItIs(codes, secret)).toBe("2 codes are stored");
  });

  it("that is an option keeps its own spelling where it has one", () => {
    expect(["auto", "OFF", "preWash", "16:9", "HDMI 1", 3, "HDMI1"].map(sayOption)).toEqual([
      "Automatic",
      "Off",
      "Pre wash",
      "16:9",
      "HDMI 1",
      "3",
      "HDMI1",
    ]);
  });

  it("of seconds is said as a span where they are many", () => {
    const awake = control("oic.r.sleep", "awake", { is: "reading", unit: "s" });
    expect(sayIn(device("bookshelf"), awake, 5_400)).toBe("1 h 30 min");
  });
});

describe("a time", () => {
  it("is no time where it cannot be", () => {
    for (const text of ["", "tomorrow", "2026-13-01T00:00Z", "2026-02-31T10:00", "2026-01-09T25:00Z"])
      expect(sayTime("date-time", text)).toBeNull();
    for (const text of ["", "25:00", "T06"]) expect(sayTime("time-of-day", text)).toBeNull();
    for (const text of ["", "P", "PT", "15 min"]) expect(sayTime("duration", text)).toBeNull();
  });

  it("goes to the field and back in the device's own notation", () => {
    const forms = [
      ["date-time", "2026-01-09T14:30:00Z"],
      ["date-time", "2026-01-09T14:30Z"],
      ["date-time", "2026-07-09T14:30:00"],
      ["time-of-day", "T06:00:00Z"],
      ["time-of-day", "06:00"],
      ["duration", "PT1H15M20S"],
      ["duration", "PT0S"],
    ] as const;
    for (const [form, text] of forms) expect(timeOf(form, fieldOf(form, text), text)).toBe(text);
    expect(timeOf("date-time", "2026-01-09T14:30", null)).toMatch(/^2026-01-\d\dT\d\d:\d0:00Z$/);
    expect(timeOf("time-of-day", "06:00", null)).toMatch(/^T\d\d:\d0:00Z$/);
  });

  it("with another zone is the same moment", () => {
    expect(sayTime("date-time", "2026-01-09T15:30+01:00")).toBe(sayTime("date-time", "2026-01-09T14:30Z"));
  });

  it("that lasts is said in days, hours, minutes and seconds", () => {
    expect(["PT15M20S", "PT1H25M", "P2DT3H", "PT0S"].map((text) => sayTime("duration", text))).toEqual([
      "15 min 20 s",
      "1 h 25 min",
      "2 days 3 h",
      "0 s",
    ]);
  });
});

describe("a list", () => {
  it("is bounded, and says how many more there are", () => {
    const { lines, more } = linesOf(Array.from({ length: 1_000 }, (_, i) => ({ name: `Song ${i}` })), null);
    expect([lines.length, more, lines[0]]).toEqual([20, 980, { label: "Song 0", text: "" }]);
  });

  it("is walked, but not without end, and never to a secret", () => {
    let deep: never = "x".repeat(1_000) as never;
    for (let i = 0; i < 100; i++) deep = { more: deep } as never;
    expect(linesOf([deep], null).lines[0]?.text.length).toBeLessThan(200);
    const guest = { name: "Guest", password: "hunter2", wifi: { accessToken: "abc", channel: 6 } };
    const [line] = linesOf([guest], null).lines;
    expect(line).toEqual({ label: "Guest", text: "Wifi Channel 6" });
  });

  it("of an object has its parts", () => {
    expect(linesOf({ liftMode: "normal", reversed: false }, null).lines).toEqual([
      { label: "Lift mode", text: "normal" },
      { label: "Reversed", text: "No" },
    ]);
  });

  it("of a few is one line", () => {
    expect(sayFew([1, 2.5, "a"], "g")).toBe("1, 2.5, a g");
    expect(sayFew([], null)).toBe("Nothing in it");
    expect(sayFew([{ a: 1 }], null)).toBeNull();
    expect(sayFew([1, 2, 3, 4, 5], null)).toBeNull();
  });
});

describe("a number that is typed", () => {
  const bounds = { min: 0, max: 10, step: 0.5, unit: "s" };

  it("is taken within its bounds and steps only", () => {
    expect(["0", "9.5", "10", " 3 "].map((text) => readNumber(bounds, text))).toEqual([0, 9.5, 10, 3]);
    for (const text of ["", "x", "-0.5", "10.5", "0.3", "1e999"]) expect(readNumber(bounds, text)).toBeUndefined();
    expect(readNumber({ min: null, max: null, step: null, unit: null }, "-2.25")).toBe(-2.25);
  });

  it("is told its bounds", () => {
    expect(boundsInWords(bounds)).toBe("from 0 s to 10 s, in steps of 0.5 s");
    expect(boundsInWords({ min: null, max: 5, step: null, unit: null })).toBe("5 or less");
  });
});

describe("a colour", () => {
  it("is scaled to the device's most", () => {
    expect(readRgb([1023, 0, 1023], 1023)).toEqual([255, 0, 255]);
    expect(readRgb([300, 0, 0], 1023)).not.toBeNull();
    expect(readRgb([300, 0, 0])).toBeNull();
    expect(writeRgb([255, 128, 0], true, 1023)).toBe("1023,514,0");
  });

  it("is read as x and y in both notations", () => {
    expect(readXy("0.4, 0.5")).toEqual([0.4, 0.5]);
    expect(readXy([0.4, 0.5])).toEqual([0.4, 0.5]);
    for (const bad of ["0.4", [0.4, 1.5], [0.4], {}, null, true]) expect(readXy(bad as never)).toBeNull();
  });

  it("of x and y looks roughly as it should", () => {
    expect(colourName(xyToRgb([0.3127, 0.329]))).toBe("white");
    expect(colourName(xyToRgb([0.64, 0.33]))).toBe("red");
    expect(colourName(xyToRgb([0.15, 0.06]))).toBe("blue");
    expect(xyToRgb([0, 0]).every(Number.isFinite)).toBe(true);
  });
});

describe("a tile", () => {
  it.each([
    ["studio-light", "on", "On · 70 % · blue", "colour"],
    ["washing-machine", "on", "On · Active · Pre wash", "choice"],
    ["television", "idle", "Volume 18 % · App Films", "level"],
    ["security-panel", "idle", "Locked · Open · Something moves", "lock"],
    ["new-arrival", "idle", "Nothing reported yet", "none"],
  ])("of %s", (id, is, words, feature) => {
    const view = tileOf(device(id), true);
    expect({ is: view.is, words: view.words, feature: view.feature.is }).toEqual({ is, words, feature });
  });

  it("is lit by what turns the whole thing on only", () => {
    const muted = device("television");
    const values = { ...muted.values, "/audio": { value: { mute: true, volume: 18 }, atMs: 0, via: "lan" as const, remembered: false } };
    expect(tileOf({ ...muted, values }, true)).toMatchObject({ is: "idle", lit: false, toggle: null });
  });

  it("names a wish that is not for what it shows", () => {
    const tv = device("television");
    const wishes = { "/audio": { wanted: { mute: true }, sinceMs: 0, failed: null } };
    expect(tileOf({ ...tv, wishes }, true)).toMatchObject({ is: "pending", words: "Asked for Mute: On…" });
  });

  it("has the charge in its corner, and no other word of the battery", () => {
    const view = tileOf(device("security-panel"), true);
    expect(view.extra).toBe("Battery 82 %");
    expect(view.words).not.toContain("Battery");
  });
});
