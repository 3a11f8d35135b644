import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Home } from "./home.svelte";
import { failure, FakeHost } from "./host/fake";
import { signedIn } from "./test-home";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function opened(host = new FakeHost(signedIn())): Promise<{ host: FakeHost; home: Home }> {
  const home = new Home(host);
  await home.open();
  return { host, home };
}

describe("opening", () => {
  it("loses no event that comes while the snapshot is under way", async () => {
    const host = new FakeHost(signedIn());
    const home = new Home(host);
    const taken = host.snapshot.bind(host);
    vi.spyOn(host, "snapshot").mockImplementation(async () => {
      const snapshot = await taken();
      host.change("bookshelf", (device) => ({ ...device, name: "Shelf" }));
      return snapshot;
    });
    await home.open();
    expect(home.device("bookshelf")?.name).toBe("Shelf");
  });

  it("that fails says why", async () => {
    const host = new FakeHost();
    vi.spyOn(host, "snapshot").mockRejectedValue(failure("store-failed", "disk full"));
    const home = new Home(host);
    await home.open();
    expect(home.opening).toEqual({ is: "broken", failure: failure("store-failed", "disk full") });
  });

  it("turns whatever was thrown into a failure with a code", async () => {
    const host = new FakeHost();
    vi.spyOn(host, "subscribe").mockRejectedValue("no such command");
    const home = new Home(host);
    await home.open();
    expect(home.opening).toMatchObject({ is: "broken", failure: { code: "internal", message: "no such command" } });
  });
});

describe("a new snapshot is taken", () => {
  it("after a lag", async () => {
    const { host, home } = await opened();
    host.lose({ type: "device-forgotten", id: "bookshelf" }, true);
    await vi.advanceTimersByTimeAsync(0);
    expect(home.device("bookshelf")).toBeUndefined();
  });

  it("after a gap, once for all events behind it", async () => {
    const { host, home } = await opened();
    const snapshot = vi.spyOn(host, "snapshot");
    host.lose({ type: "device-forgotten", id: "bookshelf" }, false);
    host.tell({ type: "device-forgotten", id: "front-door" });
    host.tell({ type: "device-forgotten", id: "media-shelf" });
    await vi.advanceTimersByTimeAsync(0);
    expect(home.device("bookshelf")).toBeUndefined();
    expect(home.device("front-door")).toBeUndefined();
    expect(home.device("media-shelf")).toBeUndefined();
    expect(snapshot).toHaveBeenCalledTimes(1);
  });
});

describe("a value that is asked for", () => {
  it("is a wish at once and a fact once the device reports it", async () => {
    const { host, home } = await opened();
    host.knobs.pace = 300;
    void home.set("bookshelf", "/power", { value: true });
    expect(home.device("bookshelf")?.wishes["/power"]?.wanted).toEqual({ value: true });
    expect(home.device("bookshelf")?.values["/power"]?.value).toEqual({ value: false });
    await vi.advanceTimersByTimeAsync(300);
    expect(home.device("bookshelf")?.wishes["/power"]).toBeUndefined();
    expect(home.device("bookshelf")?.values["/power"]?.value).toEqual({ value: true });
  });

  it("goes back to the fact with the reason where it failed", async () => {
    const { host, home } = await opened();
    host.knobs.setFails.set("bookshelf", failure("no-answer"));
    void home.set("bookshelf", "/power", { value: true });
    await vi.advanceTimersByTimeAsync(10);
    expect(home.device("bookshelf")?.wishes["/power"]?.failed?.code).toBe("no-answer");
    expect(home.device("bookshelf")?.values["/power"]?.value).toEqual({ value: false });
  });

  it("does not stay a wish where the host answers and tells nothing", async () => {
    const { host, home } = await opened();
    vi.spyOn(host, "set").mockResolvedValue();
    void home.set("bookshelf", "/power", { value: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(home.device("bookshelf")?.wishes["/power"]).toBeDefined();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(home.device("bookshelf")?.wishes["/power"]).toBeUndefined();
  });
});

describe("the devices on screen", () => {
  it("are told once the scrolling rests", async () => {
    const { host, home } = await opened();
    const watch = vi.spyOn(host, "watch");
    home.watch(["a"]);
    await vi.advanceTimersByTimeAsync(100);
    home.watch(["b"]);
    await vi.advanceTimersByTimeAsync(149);
    expect(watch).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(watch.mock.calls).toEqual([[["b"]]]);
  });

  it("are told although events keep coming", async () => {
    const { host, home } = await opened();
    for (let i = 0; i < 10; i++) {
      home.watch(["a"]);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(host.watched).toEqual(["a"]);
  });
});

describe("a command that fails", () => {
  it("is told once, and can be put away", async () => {
    const { host, home } = await opened();
    vi.spyOn(host, "tryNow").mockRejectedValue(failure("no-account"));
    expect(await home.attempt(() => host.tryNow())).toBe(false);
    expect(home.notices.map((notice) => notice.failure.code)).toEqual(["no-account"]);
    home.dismiss(home.notices[0]?.id ?? -1);
    expect(home.notices).toEqual([]);
  });
});
