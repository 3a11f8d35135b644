import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import { failure, FakeHost } from "./host/fake";
import { account } from "./host/fake-story";
import { screenAt } from "./screen";
import { at, maybe, openWindow, signedIn, until, visit } from "./test-home";
import { violations } from "./test-setup";

describe("the address", () => {
  it.each([
    ["", false, { is: "welcome" }],
    ["#/settings", false, { is: "welcome" }],
    ["#/add", false, { is: "wizard", at: "add" }],
    ["", true, { is: "home" }],
    ["#/account", true, { is: "wizard", at: "account" }],
    [
      "#/device/jonas%40hearth.example%2Fabc/resources",
      true,
      { is: "device", id: "jonas@hearth.example/abc", tab: "resources" },
    ],
    ["#/device/%E0%A4%A", true, { is: "device", id: "%E0%A4%A", tab: "controls" }],
    ["#/device/cabin-heater/security", true, { is: "device", id: "cabin-heater", tab: "security" }],
    ["#/device/cabin-heater/nowhere", true, { is: "device", id: "cabin-heater", tab: "controls" }],
    ["#/device", true, { is: "home" }],
    ["#/nowhere", true, { is: "home" }],
  ] as const)("%s (account: %s)", (hash, hasAccount, expected) => {
    expect(screenAt(hash, hasAccount, false)).toEqual(expected);
  });
});

describe("the window", () => {
  it("welcomes where there is no account", async () => {
    await openWindow(new FakeHost());
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Reach your home from anywhere");
    expect(at("welcome-start").getAttribute("href")).toBe("#/add");
    expect(await violations()).toEqual([]);
  });

  it("says what is wrong where the home does not open", async () => {
    const host = new FakeHost();
    vi.spyOn(host, "snapshot").mockRejectedValue(failure("store-failed", "database is locked"));
    await openWindow(host);
    expect(screen.getByRole("alert").textContent).toContain("database is locked");
    expect(await violations()).toEqual([]);
  });

  it("signs in to an account whose devices are set up already", async () => {
    await openWindow(new FakeHost(), "#/account");
    await fireEvent.input(at("account-jid"), { target: { value: account.jid } });
    await fireEvent.input(at("account-password"), { target: { value: "secret" } });
    await fireEvent.click(at("account-check"));
    await until("check", "good");
    await fireEvent.click(at("account-next"));
    await waitFor(() => expect(location.hash).toBe("#/"));
  });

  it("keeps a failed command's notice until it is put away", async () => {
    const host = new FakeHost({ ...signedIn(), connection: { state: "refused", error: failure("server-closed") } });
    vi.spyOn(host, "tryNow").mockRejectedValue(failure("internal", "poisoned"));
    await openWindow(host);
    await fireEvent.click(at("banner-try"));
    await waitFor(() =>
      expect(document.querySelector(".toast")?.textContent).toContain("Something in Homeward itself went wrong."),
    );
    expect(await violations()).toEqual([]);
    await fireEvent.click(screen.getByRole("button", { name: "Dismiss" }));
    expect(document.querySelector(".toast")).toBeNull();
  });
});

describe("a password that is not taken", () => {
  const locked = () =>
    new FakeHost({ ...signedIn(), connection: { state: "refused", error: failure("not-authorized") } });

  it("is asked for, tried once, and opens the home again", async () => {
    const host = locked();
    host.knobs.checkFailsAt = { layer: "sasl", failure: failure("not-authorized") };
    await openWindow(host);
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("hearth.example no longer takes this password");
    expect(await violations()).toEqual([]);
    await fireEvent.input(at("locked-password"), { target: { value: "wrong again" } });
    await fireEvent.submit(at("locked"));
    await waitFor(() => expect(screen.getByRole("alert").dataset.code).toBe("not-authorized"));
    expect(host.asked.filter((asked) => asked.startsWith("setAccount"))).toEqual([]);
    host.knobs.checkFailsAt = null;
    await fireEvent.input(at("locked-password"), { target: { value: "right" } });
    await fireEvent.submit(at("locked"));
    await until("tile-reading-lamp");
    expect(host.lastPassword).toBe("right");
  });

  it("does not hide what was last known", async () => {
    await openWindow(locked());
    await fireEvent.click(at("locked-look"));
    await until("tile-cabin-heater", "away");
    expect(at("banner-account")).toBeTruthy();
  });

  it("is asked for at each start where no keyring keeps it", async () => {
    const host = new FakeHost({
      ...signedIn(),
      account: { ...account, hasPassword: false },
      connection: { state: "refused", error: failure("password-missing") },
    });
    await openWindow(host);
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Sign in at hearth.example again");
  });
});

describe("the settings", () => {
  it("show account, keyring and connection", async () => {
    await openWindow(new FakeHost(signedIn()), "#/settings");
    expect(screen.getByText("maren@hearth.example")).toBeTruthy();
    expect(at("settings-keyring").textContent).toContain("Kept");
    expect(maybe("settings-try")).toBeNull();
    expect(await violations()).toEqual([]);
  });

  it("say which devices know the password, since when, and how it got there", async () => {
    const host = new FakeHost(signedIn());
    host.change("sofa-glow", (device) => ({
      ...device,
      credential: device.credential && {
        ...device.credential,
        certain: false,
        rotatedAtMs: Date.UTC(2026, 10, 20, 10),
      },
    }));
    await openWindow(host, "#/settings");
    const lamp = at("knows-reading-lamp");
    expect(lamp.dataset.is).toBe("clear");
    expect(lamp.textContent).toContain("maren@hearth.example, since 12 October 2026");
    expect(lamp.querySelector("a")?.getAttribute("href")).toBe("#/device/reading-lamp/security");
    expect(at("knows-living-room-heat").dataset.is).toBe("encrypted");
    expect(at("knows-sofa-glow").dataset.is).toBe("unsure");
    expect(at("knows-sofa-glow").textContent).toContain("Unsure");
    expect(at("knows-sofa-glow").textContent).toContain("its password was changed on 20 November 2026");
    expect(lamp.textContent).not.toContain("its password was changed");
    expect(maybe("knows-cabin-heater")).toBeNull();
    expect(maybe("knows-nobody")).toBeNull();
    expect(await violations()).toEqual([]);
  });

  it("give another password to all that have an account of their own and are here", async () => {
    const host = new FakeHost(signedIn());
    const owning = (id: string, here: boolean) =>
      host.change(id, (device) => ({
        ...device,
        lan: here ? device.lan : null,
        credential: device.credential && { ...device.credential, own: true },
      }));
    owning("reading-lamp", true);
    owning("sofa-glow", false);
    await openWindow(host, "#/settings");
    await fireEvent.click(at("rotate-all"));
    expect(await violations()).toEqual([]);
    expect(at("rotate-now").textContent).toContain("Reading lamp");
    expect(at("rotate-away").textContent).toContain("Sofa glow");
    await fireEvent.click(at("rotate-allow"));
    await fireEvent.click(at("rotate-go"));
    await waitFor(() => expect(host.asked).toContain("renewPasswords reading-lamp!"));
    await waitFor(() => expect(maybe("rotate-dialog")).toBeNull());
  });

  it("say so where no device has the password from here", async () => {
    await openWindow(new FakeHost({ ...signedIn(), devices: [] }), "#/settings");
    expect(at("knows-nobody").textContent).toBe("No device has your password from this computer.");
    expect(await violations()).toEqual([]);
  });

  it("say that no keyring keeps the password", async () => {
    await openWindow(
      new FakeHost({ ...signedIn(), keyring: { state: "unavailable", details: "no such service" } }),
      "#/settings",
    );
    expect(at("settings-keyring").textContent).toContain("It stays in memory until you quit");
    expect(at("settings-keyring").textContent).toContain("no such service");
    expect(await violations()).toEqual([]);
  });

  it("sign in here after another program took the place", async () => {
    const host = new FakeHost({ ...signedIn(), connection: { state: "refused", error: failure("resource-conflict") } });
    await openWindow(host, "#/settings");
    expect(at("settings-try").textContent).toContain("Sign in here");
    await fireEvent.click(at("settings-try"));
    await until("settings-connection", "connected");
    expect(host.asked).toEqual(["tryNow"]);
  });

  it("sign out only after a question, and welcome again", async () => {
    const host = new FakeHost(signedIn());
    await openWindow(host, "#/settings");
    await fireEvent.click(at("settings-sign-out"));
    expect(host.asked).toEqual([]);
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("sign-out-go"));
    await until("welcome-start");
    expect(host.asked).toEqual(["forgetAccount"]);
  });

  it("are reached by the rail", async () => {
    await openWindow(new FakeHost(signedIn()));
    expect(at("nav-settings").getAttribute("href")).toBe("#/settings");
    visit("#/settings");
    await until("settings-account");
    expect(at("nav-settings").getAttribute("aria-current")).toBe("page");
  });

  it("change the password for whoever can be reached, and name who is shut out", async () => {
    const host = new FakeHost(signedIn());
    const { here, elsewhere } = await host.whoKnows();
    expect([here.length > 0, elsewhere.length > 0]).toEqual([true, true]);
    await openWindow(host, "#/settings");
    await fireEvent.click(at("change-password"));
    await until("new-password-dialog");
    expect(at("new-password-elsewhere").textContent).toContain("Shut out");
    const type = (test: string, value: string) => fireEvent.input(at(test), { target: { value } });
    const disabled = () => (at("new-password-go") as HTMLButtonElement).disabled;
    await type("new-password-first", "refused");
    await type("new-password-again", "refuse");
    await fireEvent.click(at("new-password-allow"));
    expect(disabled()).toBe(true);
    await type("new-password-again", "refused");
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("new-password-go"));
    await waitFor(() => expect(screen.getByText(/The old one is still the account’s/)).toBeTruthy());
    for (const test of ["new-password-first", "new-password-again"]) await type(test, "moonrise");
    await fireEvent.click(at("new-password-allow"));
    expect(disabled()).toBe(true);
    await fireEvent.click(at("new-password-allow"));
    await fireEvent.click(at("new-password-go"));
    await waitFor(() => expect(location.hash).toBe("#/add"));
    expect(host.asked).toContain(`changePassword ${here.length} ${elsewhere.join(" ")}`);
    expect(host.asked.join(" ")).not.toContain("moonrise");
  });
});
