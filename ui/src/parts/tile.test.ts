import { describe, expect, it } from "vitest";
import type { Device } from "../host/bindings/Device";
import type { Shape } from "../host/bindings/Shape";
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";
import { failure } from "../host/fake";
import { story } from "../host/fake-story";
import { tileOf } from "./tile";

const device = (id: string, change: (device: Device) => Device = (same) => same): Device => {
  const found = story().find((each) => each.id === id);
  if (!found) throw new Error(`no ${id}`);
  return change(found);
};
const wishing = (
  id: string,
  href: string,
  wanted: { [property: string]: number | boolean | string },
  failed: ReturnType<typeof failure> | null = null,
) => device(id, (same) => ({ ...same, wishes: { [href]: { wanted, sinceMs: 0, failed } } }));

describe("a tile says what is reported", () => {
  it.each([
    ["reading-lamp", "on", "On · 60 %", "level"],
    ["sofa-glow", "on", "On · 45 % · peach", "colour"],
    ["living-room-heat", "on", "20.4° now · On", "stepper"],
    ["front-door", "idle", "Locked", "lock"],
    ["bookshelf", "idle", "Off", "none"],
    ["south-blind", "idle", "60 % closed", "position"],
    ["window-sill", "idle", "Humidity 46 %", "reading"],
    ["media-shelf", "on", "On", "reading"],
    ["extractor-fan", "idle", "Speed 1", "level"],
    ["hall-motion", "idle", "Nobody there", "none"],
    ["door-chime", "idle", "A type that is new to us", "open"],
  ])("%s", (id, is, words, feature) => {
    const view = tileOf(device(id), true);
    expect({ is: view.is, words: view.words, feature: view.feature.is }).toEqual({ is, words, feature });
  });

  it("and draws no dimming as light where the light is off", () => {
    expect(tileOf(device("worktop-lights"), true)).toMatchObject({ is: "idle", words: "Off", lit: false });
  });
});

describe("a wish is never shown as a fact", () => {
  it("while it is under way", () => {
    const view = tileOf(wishing("worktop-lights", "/dimming", { dimmingSetting: 80 }), true);
    expect(view).toMatchObject({ is: "pending", words: "Asked for 80 %…", extra: "is at 15 %", lit: false });
    expect(tileOf(wishing("bookshelf", "/power", { value: true }), true)).toMatchObject({
      is: "pending",
      words: "Asked to turn on…",
      lit: false,
    });
  });

  it("nor after it failed: the fact is back, the wish is named", () => {
    const view = tileOf(wishing("extractor-fan", "/speed", { fanspeed: 3 }, failure("no-answer")), true);
    expect(view).toMatchObject({ is: "failed", words: "No answer, still 1", extra: "asked for 3" });
  });

  it("and a blind's wish is said the way its fact is", () => {
    expect(tileOf(wishing("south-blind", "/openlevel", { openLevel: 80 }), true)).toMatchObject({
      words: "Asked for 20 % closed…",
      extra: "is at 60 % closed",
    });
  });
});

describe("a device that cannot be used", () => {
  it("is offline with the time, and takes nothing", () => {
    const view = tileOf(device("cabin-freezer"), true);
    expect(view).toMatchObject({ is: "offline", live: false });
    expect(view.words).toMatch(/^Not reachable since \d\d:\d\d$/);
  });

  it("is remembered until it is confirmed", () => {
    expect(
      tileOf(
        device("bookshelf", (same) => ({ ...same, presence: "remembered" })),
        true,
      ),
    ).toMatchObject({ is: "remembered", live: false, words: "Off", extra: expect.stringMatching(/^as of \d\d:\d\d$/) });
  });

  it("says so where it is known from an earlier day and none of its values is", () => {
    const bare = device("bookshelf", (same) => ({ ...same, presence: "remembered", values: {} }));
    expect(tileOf(bare, true)).toMatchObject({ is: "remembered", words: "Not seen since the start", extra: null });
  });

  it("is away with its server, unless it is on this network", () => {
    expect(tileOf(device("cabin-heater"), false)).toMatchObject({ is: "away", live: false, words: "17.4° then · On" });
    expect(tileOf(device("reading-lamp"), false)).toMatchObject({ is: "on", live: true });
  });

  it("shows no old wish as under way", () => {
    const gone = { ...wishing("bookshelf", "/power", { value: true }), presence: "offline" as const };
    expect(tileOf(gone, true)).toMatchObject({ is: "offline", pending: null });
  });

  it("says why it is not listened to", () => {
    const trouble = { code: "cut-off" as const, message: "made up", details: null };
    const flooding = device("bookshelf", (same) => ({ ...same, trouble }));
    expect(tileOf(flooding, true)).toMatchObject({ is: "failed", words: "Sends too much" });
  });

  it("is stale where nothing was read since it came", () => {
    expect(
      tileOf(
        device("bookshelf", (same) => ({ ...same, described: false })),
        true,
      ).is,
    ).toBe("stale");
  });

  it("is stale where its value is of an earlier day", () => {
    const old = device("bookshelf", (same) => ({
      ...same,
      values: Object.fromEntries(Object.entries(same.values).map(([href, told]) => [href, { ...told, remembered: true }])),
    }));
    expect(tileOf(old, true).is).toBe("stale");
  });
});

describe("a device with nothing to move", () => {
  const only = (...told: [property: string, shape: Shape, value: JsonValue, rt?: string][]) =>
    device("bookshelf", (same) => ({
      ...same,
      controls: told.map(([property, shape, , rt = "x.r.y"]) => ({
        href: `/${property}`,
        property,
        shape,
        writable: shape.is !== "text",
        confirm: false,
        rt,
      })),
      values: Object.fromEntries(
        told.map(([property, , value]) => [
          `/${property}`,
          { value: { [property]: value }, atMs: 0, via: "lan" as const, remembered: false },
        ]),
      ),
    }));
  const threshold: Shape = { is: "number", min: 0, max: null, step: 1, unit: "mg/dL" };

  it("shows a number that was set, with its name: it is no measure", () => {
    const view = tileOf(only(["plow", threshold, 70, "oic.r.cgm.threshold"]), true);
    expect(view.feature.is).toBe("reading");
    expect(view.words).toBe("Low for this person below");
  });

  it("keeps its switch where a number stands beside it", () => {
    const view = tileOf(only(["status", { is: "switch" }, true, "oic.r.alarm"], ["duration", threshold, 180]), true);
    expect([view.feature.is, view.toggle?.control.property]).toEqual(["none", "status"]);
  });

  it("says what it tells, where that is a text", () => {
    expect(tileOf(only(["material", { is: "text" }, "Lithium"]), true).words).toBe("Material Lithium");
  });
});

describe("what a device sends that makes no sense", () => {
  it("is not shown as a state", () => {
    const odd = device("reading-lamp", (same) => ({
      ...same,
      values: {
        "/power": { value: "yes", atMs: 0, via: "lan", remembered: false },
        "/dimming": { value: { dimmingSetting: "much" }, atMs: 0, via: "lan", remembered: false },
      },
    }));
    expect(tileOf(odd, true)).toMatchObject({ is: "idle", lit: false });
  });
});
