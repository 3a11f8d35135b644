import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { Device } from "../host/bindings/Device";
import type { RunState } from "../host/bindings/RunState";
import { failure, FakeHost } from "../host/fake";
import { at, cutShort, maybe, openWindow, signedIn, until, visit } from "../test-home";
import { violations } from "../test-setup";
import { ourAccountOn, serversTo } from "./owner";
import { takingBackOf } from "./taking-back";

const securityOf = (id: string) => `#/device/${id}/security`;

async function open(id: string, change: (device: Device) => Device = (same) => same) {
  const host = new FakeHost(signedIn());
  host.change(id, change);
  await openWindow(host, securityOf(id));
  return host;
}
const tone = (test: string) => at(test).querySelector(".glyph")?.className.replace("glyph", "").trim();
const disabled = () => (at("take-back") as HTMLButtonElement).disabled;

describe("the security of a device", () => {
  it("is the third view of its page", async () => {
    await openWindow(new FakeHost(signedIn()), "#/device/reading-lamp");
    expect(at("tab-security").getAttribute("href")).toBe(securityOf("reading-lamp"));
    visit(securityOf("reading-lamp"));
    await until("security-lan", "none");
    expect(at("tab-security").getAttribute("aria-current")).toBe("page");
    expect(screen.getByRole("region", { name: "Security" })).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it("without a secure channel says who can read along", async () => {
    await open("reading-lamp");
    expect(at("security-lan").textContent).toContain("On the network: not encrypted");
    expect(tone("security-lan")).toBe("warn");
    expect(at("carried-home").textContent).toContain("CoAP, open");
    expect(at("carried-home").textContent).toContain("Anybody on this network.");
    expect(at("security-away").textContent).toContain("Whoever runs hearth.example can read and send commands");
    expect([...at("carried-away").querySelectorAll(".node")].map((node) => node.textContent)).toEqual([
      "This computer",
      "hearth.example",
      "Reading lamp",
    ]);
  });

  it.each([
    ["unowned", "nobody has taken the device over yet", "warn"],
    ["owned-by-another", "It belongs to another app", ""],
    ["ours", "It is yours, and encrypted", "ok"],
    ["reset-needed", "its key is lost", "warn"],
    ["in-transfer", "Somebody is making it theirs", "warn"],
  ] as const)("that is %s says so", async (security, words, looks) => {
    await open("reading-lamp", (device) => ({ ...device, lan: device.lan && { ...device.lan, security } }));
    expect(at("security-lan").dataset.is).toBe(security);
    expect(at("security-lan").textContent).toContain(words);
    expect(tone("security-lan")).toBe(looks);
    expect(at("carried-home").textContent).not.toContain("Anybody on this network.");
    expect(await violations()).toEqual([]);
  });

  it("that something else claims to be is told where that is, and what it gets", async () => {
    const host = await open("reading-lamp");
    expect(maybe("security-claimed")).toBeNull();
    host.change("reading-lamp", (device) => ({ ...device, claimedAt: ["192.168.4.66:5683", "[fe80::66]:5683"] }));
    await waitFor(() => expect(at("security-claimed").textContent).toContain("192.168.4.66:5683 and [fe80::66]:5683"));
    expect(tone("security-claimed")).toBe("warn");
    expect(await violations()).toEqual([]);
  });

  it("that has an account of its own can be given another password on its network", async () => {
    const host = await open("reading-lamp", (device) => ({
      ...device,
      lan: device.lan && { ...device.lan, security: "ours" },
      credential: device.credential && { ...device.credential, own: true },
    }));
    await fireEvent.click(at("rotate"));
    expect(await violations()).toEqual([]);
    expect(maybe("rotate-allow")).toBeNull();
    await fireEvent.click(at("rotate-go"));
    await waitFor(() => expect(host.asked).toContain("renewPasswords reading-lamp"));
    expect(location.hash).toBe("#/add");
  });

  it("without a secure channel is given it in the clear only if the person allows it", async () => {
    const host = await open("reading-lamp", (device) => ({
      ...device,
      credential: device.credential && { ...device.credential, own: true, certain: false },
    }));
    expect(at("security-rotate").textContent).toContain("older password");
    await fireEvent.click(at("rotate"));
    expect(at("rotate-go").hasAttribute("disabled")).toBe(true);
    await fireEvent.click(at("rotate-allow"));
    await fireEvent.click(at("rotate-go"));
    await waitFor(() => expect(host.asked).toContain("renewPasswords reading-lamp!"));
  });

  it("that is on another network is given none", async () => {
    await open("reading-lamp", (device) => ({
      ...device,
      lan: null,
      credential: device.credential && { ...device.credential, own: true },
    }));
    expect(at("rotate").hasAttribute("disabled")).toBe(true);
  });

  it("that has an account of its own can be shut out when it is lost", async () => {
    const host = await open("reading-lamp", (device) => ({
      ...device,
      credential: device.credential && { ...device.credential, own: true },
    }));
    await fireEvent.click(at("shut-out"));
    expect(await violations()).toEqual([]);
    host.knobs.requestFails = failure("account-not-deleted");
    await fireEvent.click(at("shut-out-go"));
    await waitFor(() => expect(at("shut-out-dialog").textContent).toContain("may be of use still"));
    host.knobs.requestFails = null;
    await fireEvent.click(at("shut-out-go"));
    await waitFor(() => expect(maybe("shut-out-dialog")).toBeNull());
    expect(host.asked).toContain("shutOut reading-lamp");
  });

  it("in the middle of somebody’s transfer says how long that can go on", async () => {
    const inTransferSinceMs = Date.now() - 7 * 60_000;
    await open("reading-lamp", (device) => ({
      ...device,
      lan: device.lan && { ...device.lan, security: "in-transfer", inTransferSinceMs },
    }));
    expect(at("security-lan").textContent).toContain("within 3 minutes");
  });

  it("on another network is known as far as the server", async () => {
    await open("cabin-heater");
    expect(at("security-lan").dataset.is).toBe("unseen");
    expect(tone("security-lan")).toBe("");
    expect(maybe("carried-home")).toBeNull();
    expect(at("carried-away")).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it("that is in no account is known as far as this network", async () => {
    await open("boiler-room");
    expect(maybe("security-away")).toBeNull();
    expect(maybe("carried-away")).toBeNull();
    expect(maybe("take-back")).toBeNull();
    expect(at("security-leaves").textContent).toContain("it has no password of yours");
    expect(await violations()).toEqual([]);
  });

  it("that is nowhere now says that too", async () => {
    await open("boiler-room", (device) => ({ ...device, lan: null }));
    expect(screen.getByText("There is no way to it now.")).toBeTruthy();
  });
});

describe("the account on a device", () => {
  it("says when and how it got there, and what that means", async () => {
    await open("reading-lamp");
    expect(at("security-account").dataset.is).toBe("given");
    expect(at("security-account").textContent).toContain(
      "maren@hearth.example, password given on 12 October 2026 over this network in the clear, which you allowed.",
    );
    expect(tone("security-account")).toBe("");
    expect(at("security-leaves").textContent).toContain("It knows the password of maren@hearth.example");
    expect(at("security-leaves").textContent).toContain("Give maren@hearth.example another password, in the settings: the devices on this network get it");
  });

  it("that went encrypted says so", async () => {
    await open("living-room-heat");
    expect(at("security-account").textContent).toContain("given on 12 October 2026 over an encrypted channel.");
    expect(tone("security-account")).toBe("ok");
  });

  it("that may have arrived is no more than that", async () => {
    await open("reading-lamp", (device) => ({
      ...device,
      credential: device.credential && { ...device.credential, certain: false },
    }));
    expect(at("security-account").dataset.is).toBe("unsure");
    expect(at("security-account").textContent).toContain("Nobody knows whether the device took it.");
    expect(tone("security-account")).toBe("warn");
    expect(at("security-leaves").textContent).toContain("It may know the password");
    expect(await violations()).toEqual([]);
  });

  it("that others gave it is not claimed", async () => {
    await open("cabin-heater");
    expect(at("security-account").dataset.is).toBe("none");
    expect(at("security-account").textContent).toContain("It has no account from this computer.");
    expect(at("security-leaves").textContent).toContain("It knows the password of maren@hearth.example");
  });

  it("of a contact is not ours to take back, and passes two servers", async () => {
    await open("cabin-heater", (device) => ({
      ...device,
      remote: device.remote && { ...device.remote, jid: "jonas@birch.example/OIC/1.0/x/y@z", contact: true },
    }));
    expect(at("security-account").dataset.is).toBe("contact");
    expect(at("security-account").textContent).toContain("signed in as jonas@birch.example, a contact of yours");
    expect(at("security-away").textContent).toContain("Whoever runs hearth.example and birch.example can read");
    expect(at("carried-away").querySelectorAll(".reads").length).toBe(2);
    expect(maybe("take-back")).toBeNull();
    expect(await violations()).toEqual([]);
  });
});

describe("the account taken back", () => {
  it("is asked for once, told while it goes, and gone", async () => {
    const host = await open("reading-lamp");
    host.knobs.pace = 300;
    await fireEvent.click(at("take-back"));
    expect(at("take-back-dialog").textContent).toContain("Take the account back from Reading lamp?");
    expect(document.activeElement).toBe(at("take-back-keep"));
    expect(await violations()).toEqual([]);
    expect(host.asked).toEqual([]);
    await fireEvent.click(at("take-back-go"));
    const said = await until("take-back-said", "undoing");
    expect(said.textContent).toContain("Clearing it…");
    expect(maybe("take-back-dialog")).toBeNull();
    expect(disabled()).toBe(true);
    expect(host.asked).toEqual(["takeAccountBack reading-lamp"]);
    await until("take-back-said", "undone");
    await until("security-account", "none");
    expect(maybe("security-away")).toBeNull();
    expect(maybe("take-back")).toBeNull();
    expect(await violations()).toEqual([]);
    visit("#/settings");
    await until("knows-bookshelf");
    expect(maybe("knows-reading-lamp")).toBeNull();
  });

  it("is not, where the person keeps it", async () => {
    const host = await open("reading-lamp");
    at("take-back").focus();
    await fireEvent.click(at("take-back"));
    await fireEvent.click(at("take-back-keep"));
    expect(maybe("take-back-dialog")).toBeNull();
    expect(document.activeElement).toBe(at("take-back"));
    expect(host.asked).toEqual([]);
  });

  it("has to be reached directly", async () => {
    const host = await open("cabin-heater");
    expect(disabled()).toBe(true);
    expect(at("security-take-back").textContent).toContain("it has to be reached directly");
    host.change("cabin-heater", (device) => ({
      ...device,
      lan: { addresses: ["192.168.4.9:5683"], answering: true, security: "none", inTransferSinceMs: null, methods: [], remoteAccess: null },
    }));
    await waitFor(() => expect(disabled()).toBe(false));
    expect(at("security-take-back").textContent).toContain("Do this before you sell or lend it.");
  });

  it("waits for a set-up that is under way", async () => {
    const host = await open("reading-lamp");
    host.tell({ type: "run-changed", run: { ...cutShort("reading-lamp"), state: { is: "working" } } });
    await waitFor(() => expect(disabled()).toBe(true));
    expect(maybe("take-back-said")).toBeNull();
    expect(at("security-take-back").textContent).toContain("Something is being written to the device now.");
  });

  it("is also to be had of a device that never signed in", async () => {
    await open("reading-lamp", (device) => ({ ...device, remote: null }));
    expect(disabled()).toBe(false);
  });

  const ends = (host: FakeHost, state: RunState) => {
    host.takeAccountBack = (id) => {
      host.tell({ type: "run-changed", run: { ...cutShort(id), state } });
      return Promise.resolve();
    };
  };

  it.each([
    ["failed", { is: "failed", error: failure("device-refused", "4.03 Forbidden"), left: "new-account" }, "4.03 Forbidden"],
    ["a way back that did not get through", { is: "undone", left: "new-account" }, "Homeward ended in the middle of it."],
  ] as const)("that has %s says why and what is left, and can be asked for again", async (_, state, words) => {
    const host = await open("reading-lamp");
    ends(host, state);
    await fireEvent.click(at("take-back"));
    await fireEvent.click(at("take-back-go"));
    const said = await until("take-back-said", "failed");
    expect(said.textContent).toContain("The account could not be taken back");
    expect(said.textContent).toContain("The device has the new server and the new account.");
    expect(said.textContent).toContain(words);
    expect(disabled()).toBe(false);
    expect(await violations()).toEqual([]);
    visit("#/device/reading-lamp");
    await until("control-/power");
    visit(securityOf("reading-lamp"));
    await until("take-back-said", "failed");
  });

  it("that cannot begin is told, and the device keeps it", async () => {
    const host = await open("reading-lamp");
    host.takeAccountBack = () => Promise.reject(failure("no-remote-access"));
    await fireEvent.click(at("take-back"));
    await fireEvent.click(at("take-back-go"));
    await waitFor(() => expect(document.querySelector(".toast")).not.toBeNull());
    expect(maybe("take-back-said")).toBeNull();
    expect(disabled()).toBe(false);
  });

  it("is no word on a set-up that failed by itself", async () => {
    const host = await open("reading-lamp");
    host.tell({ type: "run-changed", run: cutShort("reading-lamp") });
    await waitFor(() => expect(disabled()).toBe(false));
    expect(maybe("take-back-said")).toBeNull();
  });
});

describe("how a run is read as a taking back", () => {
  const run = (state: RunState) => ({ ...cutShort("x"), state });

  it("of an ordinary undo only the way is told", () => {
    expect(takingBackOf(undefined, true)).toBeNull();
    expect(takingBackOf(run({ is: "undoing" }), false)).toEqual({ is: "undoing" });
    expect(takingBackOf(run({ is: "undone", left: "as-before" }), false)).toBeNull();
    expect(takingBackOf(run({ is: "undone", left: "as-before" }), true)).toEqual({ is: "undone" });
    expect(takingBackOf(run({ is: "onboarded" }), true)).toBeNull();
  });

  it("what did not get through has the reason of the step that writes, or one of its own", () => {
    const stuck = run({ is: "undone", left: "unknown" });
    expect(takingBackOf(stuck, true)).toMatchObject({ is: "failed", left: "unknown", error: { code: "cut-short" } });
    expect(takingBackOf({ ...stuck, steps: [] }, true)).toMatchObject({ error: { code: "not-put-back" } });
  });
});

it("the servers that a command passes are each named once", () => {
  const host = new FakeHost(signedIn());
  const device = host.device("reading-lamp");
  if (!device) throw new Error("no lamp");
  expect(serversTo(device, null)).toEqual(["hearth.example"]);
  expect(serversTo({ ...device, remote: null }, null)).toEqual([]);
  expect(ourAccountOn({ ...device, credential: null })).toBe("maren@hearth.example");
  expect(ourAccountOn({ ...device, credential: null, remote: null })).toBeNull();
});
