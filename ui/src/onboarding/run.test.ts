import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { failure, FakeHost } from "../host/fake";
import { nearby } from "../host/fake-story";
import { at, cutShort, maybe, openWindow, signedIn, until, visit } from "../test-home";
import { violations } from "../test-setup";

/** Chooses these devices (allowing what needs it) and goes to the review. */
async function review(host: FakeHost, ...ids: string[]) {
  const home = await openWindow(host, "#/add");
  await until("found-attic-lamp");
  for (const id of ids) await fireEvent.click(maybe(`allow-${id}`) ?? at(`pick-${id}`));
  await fireEvent.click(at("devices-next"));
  await until("review-go");
  return home;
}
const looking = () => new FakeHost({ ...signedIn(), devices: [] }, nearby());

describe("the review", () => {
  it("says what each device has, will have, and what undo brings back", async () => {
    await review(looking(), "living-room-heat", "reading-lamp", "south-blind");
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("This is what 3 devices will get");
    expect(at("plan-living-room-heat").dataset.is).toBe("nowhere");
    expect(at("plan-living-room-heat").textContent).toContain("Emptied again.");
    expect(at("plan-living-room-heat").textContent).toContain("Encrypted");
    expect(at("plan-reading-lamp").textContent).toContain("What was overheard stays known.");
    expect(at("plan-south-blind").dataset.is).toBe("elsewhere");
    expect(at("plan-south-blind").nextElementSibling?.textContent).toContain("Now on old.example");
    expect(document.activeElement?.tagName).toBe("H1");
    expect(await violations()).toEqual([]);
  });

  it("speaks of a move where every device has a server", async () => {
    await review(looking(), "south-blind");
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("1 device leaves old.example");
    expect(screen.getByText("The way back is half open")).toBeTruthy();
    expect(at("review-go").textContent).toBe("Move 1 device");
  });

  it("lets a device be left where it is", async () => {
    await review(looking(), "living-room-heat", "south-blind");
    await fireEvent.click(screen.getByRole("button", { name: /^Leave it there/ }));
    expect(maybe("plan-south-blind")).toBeNull();
    expect(at("review-go").textContent).toBe("Set up 1 device");
  });

  it("changes nothing on the way back", async () => {
    const host = looking();
    await review(host, "living-room-heat");
    await fireEvent.click(at("review-back"));
    await until("found-living-room-heat");
    expect(host.asked.filter((asked) => asked.startsWith("onboard"))).toEqual([]);
    expect((at("pick-living-room-heat") as HTMLInputElement).checked).toBe(true);
  });
});

describe("an account for each device", () => {
  it("is chosen in the review, and its making is told, with how long the server makes it wait", async () => {
    const host = looking();
    const home = await review(host, "living-room-heat");
    expect(at("review-go").closest("main")?.textContent).toContain("One password, shared by all");
    await fireEvent.click(at("review-own"));
    expect(screen.getByText("one of its own, made for it")).toBeTruthy();
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("review-go"));
    await until("run-living-room-heat", "onboarded");
    expect(host.asked).toContain("onboardWithOwnAccounts living-room-heat");
    const run = home.state.runs.get("living-room-heat")!;
    host.tell({ type: "run-changed", run: { ...run, state: { is: "making-account", retryAtMs: null } } });
    await waitFor(() => expect(at("run-living-room-heat").textContent).toContain("Its account is being made"));
    const retryAtMs = Date.now() + 30_000;
    host.tell({ type: "run-changed", run: { ...run, state: { is: "making-account", retryAtMs } } });
    await waitFor(() => expect(at("run-living-room-heat").textContent).toMatch(/another account be made in (29|30) s/));
  });
});

describe("an account that the person has", () => {
  it("is given to one device alone where the server makes none", async () => {
    const host = looking();
    const home = await review(host, "living-room-heat");
    await fireEvent.click(at("review-own"));
    await fireEvent.click(at("review-go"));
    await until("run-living-room-heat", "onboarded");
    const run = home.state.runs.get("living-room-heat")!;
    const error = failure("account-not-made");
    host.tell({ type: "run-changed", run: { ...run, state: { is: "failed", error, left: "as-before" } } });
    await until("run-living-room-heat", "failed");
    await fireEvent.click(at("run-at-hand-living-room-heat"));
    expect(await violations()).toEqual([]);
    expect(at("at-hand-go").hasAttribute("disabled")).toBe(true);
    await fireEvent.input(at("at-hand-jid"), { target: { value: "heat@hearth.example" } });
    await fireEvent.input(at("at-hand-password"), { target: { value: "correct horse" } });
    host.knobs.requestFails = failure("not-authorized");
    await fireEvent.click(at("at-hand-go"));
    await waitFor(() => expect(at("at-hand-dialog").querySelector(".note")).toBeTruthy());
    host.knobs.requestFails = null;
    host.asked.length = 0;
    await fireEvent.click(at("at-hand-go"));
    await until("run-living-room-heat", "onboarded");
    expect(maybe("at-hand-dialog")).toBeNull();
    expect(host.asked).toContain("useAccountFor living-room-heat heat@hearth.example");
    expect(host.asked).toContain("onboardWithOwnAccounts living-room-heat");
  });
});

describe("the set-up", () => {
  it("runs side by side, each with its own consent, until all are online", async () => {
    const host = looking();
    await review(host, "living-room-heat", "reading-lamp");
    await fireEvent.click(at("review-go"));
    await until("run-reading-lamp", "onboarded");
    await until("run-living-room-heat", "onboarded");
    expect(host.asked).toContain("onboard reading-lamp! living-room-heat");
    await waitFor(() => expect(at("run-title").textContent?.trim()).toBe("All 2 devices are set up"));
    expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("2");
    expect(await violations()).toEqual([]);
    visit("#/");
    await until("tile-reading-lamp", "on");
  });

  it("shows the step under way, with the reading folded into the first bead", async () => {
    const host = looking();
    await review(host, "living-room-heat");
    host.knobs.pace = 10_000;
    await fireEvent.click(at("review-go"));
    const row = await until("run-living-room-heat", "working");
    expect(row.textContent).toContain("Reading what it has");
    expect([...row.querySelectorAll(".bead")].map((bead) => (bead as HTMLElement).dataset.is)).toEqual([
      "wish",
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("of one device fails with its own words, while the others go on, and is tried again", async () => {
    const host = looking();
    host.knobs.runFailsAt.set("south-blind", {
      step: "status",
      failure: failure("device-reports-error", "SASL not-authorized"),
    });
    await review(host, "living-room-heat", "south-blind");
    await fireEvent.click(at("review-go"));
    await until("run-south-blind", "failed");
    await until("run-living-room-heat", "onboarded");
    const why = at("run-why-south-blind");
    expect(why.dataset.code).toBe("device-reports-error");
    expect(why.textContent).toContain("South blind stopped at connecting");
    expect(why.querySelector("details")?.textContent).toContain("SASL not-authorized");
    expect(why.textContent).toContain("The device has the new server and the new account.");
    expect(at("sum-failed").textContent).toContain("1");
    expect(await violations()).toEqual([]);
    host.knobs.runFailsAt.clear();
    await fireEvent.click(at("run-retry-south-blind"));
    await until("run-south-blind", "onboarded");
    expect(maybe("run-why-south-blind")).toBeNull();
    expect(host.asked.at(-1)).toBe("onboard south-blind!");
  });

  it("can be stopped, and says what is left on the device", async () => {
    const host = looking();
    await review(host, "living-room-heat");
    host.knobs.pace = 10_000;
    await fireEvent.click(at("review-go"));
    await until("run-living-room-heat", "working");
    await fireEvent.click(at("run-stop-living-room-heat"));
    await until("run-living-room-heat", "cancelled");
    expect(maybe("run-why-living-room-heat")).toBeNull();
    host.tell({
      type: "run-changed",
      run: { ...(await runOf(host, "living-room-heat")), state: { is: "cancelled", left: "unknown" } },
    });
    await waitFor(() => expect(at("run-why-living-room-heat").textContent).toContain("was not answered"));
  });

  it("can be undone, one by one or all after a question", async () => {
    const host = looking();
    await review(host, "living-room-heat", "reading-lamp");
    await fireEvent.click(at("review-go"));
    await until("run-reading-lamp", "onboarded");
    await until("run-living-room-heat", "onboarded");
    await fireEvent.click(await until("run-undo-all"));
    expect(screen.getByRole("alertdialog").textContent).toContain("Undo 2 devices?");
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("undo-all-go"));
    await until("run-reading-lamp", "undone");
    await until("run-living-room-heat", "undone");
    expect(host.asked.filter((asked) => asked.startsWith("undo")).length).toBe(2);
  });

  it("that cannot begin is told, and nothing else happens", async () => {
    const host = looking();
    await review(host, "living-room-heat");
    host.onboard = () => Promise.reject(failure("no-account"));
    await fireEvent.click(at("review-go"));
    await waitFor(() => expect(document.querySelector(".toast")?.textContent).toContain("There is no account yet."));
    expect(at("review-go")).toBeTruthy();
  });

  it("under way is found again after a look at the home", async () => {
    const host = looking();
    await review(host, "living-room-heat");
    host.knobs.pace = 10_000;
    await fireEvent.click(at("review-go"));
    await until("run-living-room-heat", "working");
    visit("#/");
    await waitFor(() => expect(maybe("run-living-room-heat")).toBeNull());
    visit("#/add");
    await until("run-living-room-heat", "working");
  });
});

describe("a set-up that was cut short", () => {
  const left = (...ids: string[]) =>
    new FakeHost({ ...signedIn(), devices: nearby(), runs: ids.map((id) => cutShort(id)) });

  it("comes first, says what is on the device, and has no time that it took", async () => {
    await openWindow(left("reading-lamp", "south-blind"), "#/add");
    await until("run-reading-lamp", "failed");
    const why = at("run-why-south-blind");
    expect(why.dataset.code).toBe("cut-short");
    expect(why.textContent).toContain("South blind stopped at the account");
    expect(why.textContent).toContain("What is on the device now is not known");
    expect(at("run-retry-south-blind").textContent).toBe("Finish…");
    expect(screen.queryByText(/^took/)).toBeNull();
    expect(screen.getByText("Agreed on 12 October 2026")).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it("is finished only with a new consent", async () => {
    const host = left("reading-lamp", "living-room-heat");
    await openWindow(host, "#/add");
    await fireEvent.click(await until("run-retry-reading-lamp"));
    await until("found-reading-lamp", "clear");
    expect(host.asked.filter((asked) => asked.startsWith("onboard"))).toEqual([]);
    expect((at("pick-reading-lamp") as HTMLInputElement).checked).toBe(false);
    expect((at("devices-next") as HTMLButtonElement).disabled).toBe(true);
    await fireEvent.click(at("allow-reading-lamp"));
    await fireEvent.click(at("devices-next"));
    await fireEvent.click(await until("review-go"));
    await until("run-reading-lamp", "onboarded");
    expect(host.asked).toContain("onboard reading-lamp!");
    expect(maybe("run-living-room-heat")).toBeNull();
    expect(host.device("reading-lamp")?.credential?.inTheClear).toBe(true);
    visit("#/");
    await until("cut-short");
    visit("#/add");
    await until("run-living-room-heat", "failed");
    expect(maybe("run-reading-lamp")).toBeNull();
  });

  it("of a device that takes an account encrypted is chosen at once", async () => {
    await openWindow(left("living-room-heat"), "#/add");
    await fireEvent.click(await until("run-retry-living-room-heat"));
    await until("found-living-room-heat", "ready");
    expect((at("pick-living-room-heat") as HTMLInputElement).checked).toBe(true);
  });

  it("is undone like any other, and then out of the way", async () => {
    const host = left("reading-lamp");
    await openWindow(host, "#/add");
    await fireEvent.click(await until("run-undo-reading-lamp"));
    await until("run-reading-lamp", "undone");
    expect(host.asked).toContain("undoOnboarding reading-lamp");
    visit("#/");
    await until("tile-media-shelf");
    visit("#/add");
    await until("found-reading-lamp", "clear");
  });

  it("stands beside the runs that go on", async () => {
    const going = { ...cutShort("south-blind"), state: { is: "working" } as const, startedAtMs: Date.now() };
    const runs = [cutShort("reading-lamp"), going];
    await openWindow(new FakeHost({ ...signedIn(), devices: nearby(), runs }), "#/add");
    await until("run-reading-lamp", "failed");
    await until("run-south-blind", "working");
    expect(await violations()).toEqual([]);
  });
});

async function runOf(host: FakeHost, id: string) {
  const run = (await host.snapshot()).runs.find((each) => each.id === id);
  if (!run) throw new Error(`${id} has no run`);
  return run;
}
