import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { failure, FakeHost } from "../host/fake";
import { many } from "../host/fake-drafts";
import { showroom } from "../host/fake-showroom";
import { at, cutShort, maybe, openWindow, signedIn, until, visit } from "../test-home";
import { violations } from "../test-setup";

const atHome = (change: Parameters<typeof Object.assign>[1] = {}) => new FakeHost({ ...signedIn(), ...change });
const slide = async (test: string, value: number) => {
  await fireEvent.pointerDown(at(test));
  await fireEvent.input(at(test), { target: { value: String(value) } });
  await fireEvent.change(at(test));
};

describe("the dashboard", () => {
  it("has one tile per device of the account, each in its state", async () => {
    await openWindow(atHome());
    expect(screen.getAllByRole("article").length).toBe(15);
    expect(maybe("tile-boiler-room")).toBeNull();
    expect(
      [at("tile-reading-lamp"), at("tile-bookshelf"), at("tile-cabin-freezer")].map((tile) => tile.dataset.is),
    ).toEqual(["on", "idle", "offline"]);
    expect(at("strip").textContent).toContain("12 on this network");
    expect(await violations()).toEqual([]);
  });

  it("without a device offers to find some", async () => {
    await openWindow(atHome({ devices: [] }));
    expect(at("empty-find").getAttribute("href")).toBe("#/add");
    expect(screen.getByText(/You are signed in as maren@hearth.example/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it("tells of set-ups that were cut short, as long as there are any", async () => {
    const host = atHome({ runs: [cutShort("reading-lamp"), cutShort("south-blind")] });
    await openWindow(host);
    const banner = at("cut-short");
    expect(banner.textContent).toContain("Setting up 2 devices was cut short.");
    expect(within(banner).getByRole("link", { name: "Finish or undo" }).getAttribute("href")).toBe("#/add");
    expect(await violations()).toEqual([]);
    await host.undoOnboarding("reading-lamp");
    await waitFor(() => expect(at("cut-short").textContent).toContain("Setting up 1 device was cut short."));
    await host.undoOnboarding("south-blind");
    await waitFor(() => expect(maybe("cut-short")).toBeNull());
  });

  it("tells of them also where no device lives here yet", async () => {
    await openWindow(atHome({ devices: [], runs: [cutShort("reading-lamp")] }));
    expect(at("cut-short")).toBeTruthy();
    expect(at("empty-find")).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it("draws only the tiles near the window, and tells which those are", async () => {
    const host = atHome({ devices: many(1000) });
    await openWindow(host);
    expect(screen.getAllByRole("article").length).toBeLessThan(60);
    expect(screen.getAllByRole("article")[0]?.getAttribute("aria-setsize")).toBe("1000");
    await waitFor(() => expect(host.watched.length).toBeGreaterThan(10));
    expect(host.watched.length).toBeLessThan(60);
  });

  it("moves between tiles by arrow keys, also to tiles that are not drawn yet", async () => {
    await openWindow(atHome({ devices: many(1000) }));
    const cell = () => (document.activeElement as HTMLElement).dataset.cell;
    document.querySelector<HTMLElement>('[data-cell="0"]')?.focus();
    for (const key of ["ArrowRight", "ArrowDown", "ArrowLeft"])
      await fireEvent.keyDown(document.activeElement ?? document.body, { key });
    const columns = Number(cell());
    expect(columns).toBeGreaterThan(1);
    for (let i = 0; i < 30; i++) await fireEvent.keyDown(document.activeElement ?? document.body, { key: "ArrowDown" });
    await waitFor(() => expect(Number(cell())).toBe(columns * 31));
    await fireEvent.keyDown(document.activeElement ?? document.body, { key: "ArrowLeft", ctrlKey: true });
    expect(Number(cell())).toBe(columns * 31);
  });

  it("filters by name", async () => {
    await openWindow(atHome());
    await fireEvent.input(at("home-filter"), { target: { value: "cabin" } });
    expect(screen.getAllByRole("article").length).toBe(2);
    await fireEvent.input(at("home-filter"), { target: { value: "nowhere" } });
    await fireEvent.click(screen.getByRole("button", { name: "Show all" }));
    expect(screen.getAllByRole("article").length).toBe(15);
  });
});

describe("a switch", () => {
  it("pressed is a wish until the device reports it", async () => {
    const host = atHome();
    host.knobs.pace = 400;
    await openWindow(host);
    await fireEvent.click(at("toggle-bookshelf"));
    expect(at("tile-bookshelf").dataset.is).toBe("pending");
    expect(at("toggle-bookshelf").dataset.wanted).toBe("on");
    expect(at("toggle-bookshelf").getAttribute("aria-checked")).toBe("false");
    expect(at("tile-bookshelf").textContent).not.toContain("Asked");
    await waitFor(() => expect(at("tile-bookshelf").textContent).toContain("Asked to turn on…"));
    await until("tile-bookshelf", "on");
    expect(at("toggle-bookshelf").dataset.wanted).toBeUndefined();
    expect(at("toggle-bookshelf").getAttribute("aria-checked")).toBe("true");
  });

  it("that fails goes back with the reason, and pressing it asks again", async () => {
    const host = atHome();
    host.knobs.setFails.set("bookshelf", failure("no-answer"));
    await openWindow(host);
    await fireEvent.click(at("toggle-bookshelf"));
    const tile = await until("tile-bookshelf", "failed");
    expect(tile.textContent).toContain("No answer, still off");
    expect(at("toggle-bookshelf").getAttribute("aria-checked")).toBe("false");
    host.knobs.setFails.clear();
    await fireEvent.click(at("toggle-bookshelf"));
    await until("tile-bookshelf", "on");
  });

  it("is pressed by Space on its tile", async () => {
    const host = atHome();
    await openWindow(host);
    await fireEvent.keyDown(screen.getByRole("link", { name: "Bookshelf" }), { key: " " });
    expect(host.asked.at(-1)).toBe('set bookshelf /power {"value":true}');
  });

  it("of a device that is gone cannot be pressed", async () => {
    const host = atHome();
    await openWindow(host);
    host.change("bookshelf", (device) => ({ ...device, presence: "offline", path: null }));
    const tile = await until("tile-bookshelf", "offline");
    expect(maybe("toggle-bookshelf")).toBeNull();
    expect(tile.textContent).toContain("Not reachable since");
  });
});

describe("a level", () => {
  it("is sent once on release, and shown beside the fact until it is one", async () => {
    const host = atHome();
    host.knobs.pace = 300;
    await openWindow(host);
    await slide("level-worktop-lights", 80);
    expect(host.asked.filter((asked) => asked.startsWith("set"))).toEqual([
      'set worktop-lights /dimming {"dimmingSetting":80}',
    ]);
    expect(at("level-worktop-lights").getAttribute("aria-valuetext")).toBe("asked for 80 %, is at 15 %");
    await until("tile-worktop-lights", "idle");
    expect(at("level-worktop-lights").getAttribute("aria-valuetext")).toBe("80 %");
  });

  it("moved by keys is gathered into one request", async () => {
    const host = atHome();
    await openWindow(host);
    for (let value = 61; value <= 65; value++) {
      await fireEvent.keyDown(at("level-reading-lamp"), { key: "ArrowRight" });
      await fireEvent.input(at("level-reading-lamp"), { target: { value: String(value) } });
      await fireEvent.change(at("level-reading-lamp"));
    }
    await waitFor(() =>
      expect(host.asked.filter((asked) => asked.startsWith("set"))).toEqual([
        'set reading-lamp /dimming {"dimmingSetting":65}',
      ]),
    );
  });

  it("that fails offers to ask again", async () => {
    const host = atHome();
    host.knobs.setFails.set("extractor-fan", failure("no-answer"));
    await openWindow(host);
    await slide("level-extractor-fan", 3);
    await until("tile-extractor-fan", "failed");
    expect(await violations()).toEqual([]);
    host.knobs.setFails.clear();
    await fireEvent.click(at("again-extractor-fan"));
    await waitFor(() => expect(at("tile-extractor-fan").textContent).toContain("Speed 3"));
  });

  it("of a blind is shown as closed and sent as open", async () => {
    const host = atHome();
    await openWindow(host);
    expect((at("position-south-blind") as HTMLInputElement).value).toBe("60");
    await slide("position-south-blind", 90);
    expect(host.asked.at(-1)).toBe('set south-blind /openlevel {"openLevel":10}');
  });

  it("of a colour is sent in the device's notation", async () => {
    const host = atHome();
    await openWindow(host);
    await slide("colour-sofa-glow", 45);
    expect(host.asked.at(-1)).toMatch(/^set sofa-glow \/colour {"rgbValue":\[\d+,\d+,\d+\]}$/);
  });

  it("of a thermostat is stepped, and the presses are one request", async () => {
    const host = atHome();
    await openWindow(host);
    await fireEvent.click(at("temperature-living-room-heat-more"));
    await fireEvent.click(at("temperature-living-room-heat-more"));
    await waitFor(() =>
      expect(host.asked.filter((asked) => asked.startsWith("set"))).toEqual([
        'set living-room-heat /target {"temperature":22}',
      ]),
    );
  });
});

describe("a lock", () => {
  it("is unlocked only after a question, whose safe answer has the focus", async () => {
    const host = atHome();
    await openWindow(host);
    at("lock-front-door").focus();
    await fireEvent.click(at("lock-front-door"));
    expect(host.asked).toEqual([]);
    expect(screen.getByRole("alertdialog").textContent).toContain("Unlock Front door?");
    expect(document.activeElement).toBe(at("unlock-keep"));
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("unlock-keep"));
    expect(maybe("unlock-dialog")).toBeNull();
    expect(document.activeElement).toBe(at("lock-front-door"));
    expect(host.asked).toEqual([]);
    await fireEvent.click(at("lock-front-door"));
    await fireEvent.click(at("unlock-go"));
    expect(host.asked).toEqual(['set front-door /lock {"lockState":"Unlocked"}']);
    await waitFor(() => expect(at("tile-front-door").textContent).toContain("Unlocked"));
  });

  it("is locked at once", async () => {
    const host = atHome();
    await openWindow(host);
    host.change("front-door", (device) => ({
      ...device,
      values: { "/lock": { value: { lockState: "Unlocked" }, atMs: 0, via: "lan", remembered: false } },
    }));
    await waitFor(() => expect(at("lock-front-door").textContent).toBe("Lock"));
    await fireEvent.click(at("lock-front-door"));
    expect(host.asked).toEqual(['set front-door /lock {"lockState":"Locked"}']);
  });
});

describe("a tile of another kind", () => {
  const showing = () => atHome({ devices: showroom() });

  it("has its choice, sent as the device offers it", async () => {
    const host = showing();
    await openWindow(host);
    await fireEvent.change(at("choice-washing-machine"), { target: { value: "2" } });
    expect(host.asked).toEqual(['set washing-machine /run {"currentMachineState":"pause"}']);
    expect(await violations()).toEqual([]);
  });

  it("asks before it sounds the alarm", async () => {
    const host = atHome({
      devices: showroom().map((device) => ({
        ...device,
        controls: device.controls.filter(({ href }) => href === "/siren"),
      })),
    });
    await openWindow(host);
    await fireEvent.click(at("toggle-security-panel"));
    expect(screen.getByRole("alertdialog").textContent).toContain("Turn on the alarm of Security panel?");
    expect(host.asked).toEqual([]);
    await fireEvent.click(at("confirm-go"));
    expect(host.asked).toEqual(['set security-panel /siren {"status":true}']);
    await waitFor(() => expect(at("tile-security-panel").textContent).toContain("Alarm on"));
    expect(at("tile-security-panel").dataset.is).toBe("idle");
  });
});

describe("the server away", () => {
  const away = () =>
    atHome({
      connection: {
        state: "suspended",
        sinceMs: Date.now(),
        retryAtMs: Date.now() + 12_000,
        error: failure("connection-lost", "reset by peer"),
      },
    });

  it("is one message, and what is reached through it turns grey; the rest stays live", async () => {
    await openWindow(away());
    expect(screen.getAllByRole("alert").length).toBe(1);
    expect(at("banner-away").textContent).toContain("hearth.example cannot be reached");
    expect(at("banner-away").textContent).toContain("We try again in");
    expect(at("tile-cabin-heater").dataset.is).toBe("away");
    expect((at("toggle-cabin-heater") as HTMLButtonElement).disabled).toBe(true);
    expect(at("tile-reading-lamp").dataset.is).toBe("on");
    expect(await violations()).toEqual([]);
  });

  it("is tried at once where the person asks for it", async () => {
    const host = away();
    await openWindow(host);
    await fireEvent.click(at("banner-try"));
    await waitFor(() => expect(maybe("banner-away")).toBeNull());
    expect(host.asked).toEqual(["tryNow"]);
    expect(at("tile-cabin-heater").dataset.is).toBe("on");
  });

  it("keeps its message while it is tried again, and has none at the first try", async () => {
    const host = away();
    await openWindow(host);
    host.tell({ type: "connection-changed", connection: { state: "connecting", layer: "tcp" } });
    await waitFor(() => expect(at("banner-away").textContent).toContain("We are trying again."));
    visit("#/settings");
    await until("settings-connection", "connecting");
    visit("#/");
    await until("tile-cabin-heater", "away");
    expect(maybe("banner-away")).toBeNull();
  });

  it("shows what was tried in the words of who said no", async () => {
    await openWindow(away());
    await fireEvent.click(screen.getByRole("button", { name: "What was tried" }));
    expect(at("banner-away").textContent).toContain("reset by peer");
  });

  it("because another program has this computer's place is never tried by itself", async () => {
    const host = atHome({ connection: { state: "refused", error: failure("resource-conflict") } });
    await openWindow(host);
    expect(at("banner-away").dataset.code).toBe("resource-conflict");
    expect(at("banner-try").textContent).toContain("Sign in here");
    expect(host.asked).toEqual([]);
  });
});

it("leaving the dashboard for a device watches that device", async () => {
  const host = atHome();
  await openWindow(host);
  visit("#/device/bookshelf");
  await until("device-name");
  await waitFor(() => expect(host.watched).toEqual(["bookshelf"]));
});
