import { describe, expect, it } from "vitest";
import { emptySnapshot, story } from "./host/fake-story";
import type { Device } from "./host/bindings/Device";
import type { Event } from "./host/bindings/Event";
import { failure } from "./host/fake";
import { apply, ask, drop, settle, stateOf, withAsked, type HomeState } from "./state";

const lamp = (): Device => {
  const found = story().find(({ id }) => id === "reading-lamp");
  if (!found) throw new Error("the story has lost its lamp");
  return found;
};
const start = (): HomeState => stateOf({ ...emptySnapshot(), sequence: 10, devices: [lamp()] });
const applied = (state: HomeState, ...events: [number, Event][]): HomeState => {
  const result = apply(
    state,
    events.map(([sequence, event]) => ({ sequence, event })),
  );
  if (result.is !== "applied") throw new Error("a gap");
  return result.state;
};

describe("events", () => {
  it("change the device that they carry, and no other object", () => {
    const before = start();
    const after = applied(before, [11, { type: "device-changed", device: { ...lamp(), name: "Desk lamp" } }]);
    expect(after.devices.get("reading-lamp")?.name).toBe("Desk lamp");
    expect(after.sequence).toBe(11);
    expect(before.devices.get("reading-lamp")?.name).toBe("Reading lamp");
    expect(after.runs).toBe(before.runs);
  });

  it("that the snapshot already holds are passed over", () => {
    const after = applied(
      start(),
      [9, { type: "device-forgotten", id: "reading-lamp" }],
      [10, { type: "device-forgotten", id: "reading-lamp" }],
    );
    expect(after.devices.has("reading-lamp")).toBe(true);
    expect(after.sequence).toBe(10);
  });

  it("with one missing between make a gap, and change nothing", () => {
    const before = start();
    expect(apply(before, [{ sequence: 12, event: { type: "device-forgotten", id: "reading-lamp" } }])).toEqual({
      is: "gap",
    });
    expect(before.devices.has("reading-lamp")).toBe(true);
  });

  it("of every kind arrive where they belong", () => {
    const search = { ...emptySnapshot().search, round: 7 };
    const check = { layers: [], running: true, warnings: [], certificate: null };
    const run = {
      id: "a",
      steps: [],
      state: { is: "queued" as const },
      startedAtMs: 1,
      undo: null,
      whose: "house" as const,
      jid: "m@h",
      server: "h",
      port: 5222,
    };
    const after = applied(
      start(),
      [11, { type: "search-changed", search }],
      [12, { type: "connection-changed", connection: { state: "connected", latencyMs: 3 } }],
      [13, { type: "check-changed", check }],
      [14, { type: "run-changed", run }],
      [15, { type: "account-changed", account: null, keyring: { state: "works" } }],
      [16, { type: "device-forgotten", id: "reading-lamp" }],
    );
    expect(after).toMatchObject({
      search,
      check,
      connection: { state: "connected" },
      keyring: { state: "works" },
      sequence: 16,
    });
    expect(after.runs.get("a")).toEqual(run);
    expect(after.devices.size).toBe(0);
  });
});

describe("a wish of this window", () => {
  const wanted = { value: false };
  const asked = () => ask(start(), "reading-lamp", "/power", wanted, 1_000, 1);

  it("is shown as a wish at once, and the fact stays", () => {
    const state = asked();
    const device = withAsked(lamp(), state.asked);
    expect(device.wishes["/power"]).toEqual({ wanted, sinceMs: 1_000, failed: null });
    expect(device.values["/power"]?.value).toEqual({ value: true });
  });

  it("survives an event that does not know of it yet", () => {
    const state = applied(asked(), [11, { type: "device-changed", device: lamp() }]);
    expect(withAsked(lamp(), state.asked).wishes["/power"]?.wanted).toEqual(wanted);
  });

  it("gives way to the home's own word", () => {
    const told = { ...lamp(), wishes: { "/power": { wanted, sinceMs: 1_001, failed: null } } };
    const state = applied(asked(), [11, { type: "device-changed", device: told }]);
    expect(state.asked.size).toBe(0);
  });

  it("that was answered ends with the device's next event", () => {
    const settled = settle(asked(), "reading-lamp", "/power", 1, null);
    expect(settled.asked.size).toBe(1);
    expect(applied(settled, [11, { type: "device-changed", device: lamp() }]).asked.size).toBe(0);
  });

  it("that was refused keeps the reason", () => {
    const settled = settle(asked(), "reading-lamp", "/power", 1, failure("not-reachable"));
    expect(withAsked(lamp(), settled.asked).wishes["/power"]?.failed?.code).toBe("not-reachable");
  });

  it("is not ended by the answer to an earlier one", () => {
    const again = ask(asked(), "reading-lamp", "/power", { value: true }, 2_000, 2);
    expect(settle(again, "reading-lamp", "/power", 1, failure("no-answer"))).toBe(again);
    expect(drop(again, "reading-lamp", "/power", 1)).toBe(again);
    expect(drop(again, "reading-lamp", "/power", 2).asked.size).toBe(0);
  });
});
