import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { FakeHost } from "../host/fake";
import { emptySnapshot, nearby } from "../host/fake-story";
import { at, maybe, openWindow, signedIn, until, visit } from "../test-home";
import { violations } from "../test-setup";

const looking = () => new FakeHost({ ...signedIn(), devices: [] }, nearby());

async function found(host = looking()) {
  const home = await openWindow(host, "#/add");
  await until("found-attic-lamp");
  return { host, home };
}
const checked = (test: string) => (at(test) as HTMLInputElement).checked;

describe("the devices found", () => {
  it("appear as they are found, each with its standing", async () => {
    await found();
    const standing = Object.fromEntries(nearby().map(({ id }) => [id, at(`found-${id}`).dataset.is]));
    expect(standing).toEqual({
      "reading-lamp": "clear",
      "living-room-heat": "ready",
      "front-door": "unowned",
      "south-blind": "clear",
      "media-shelf": "here",
      "worktop-lights": "clear",
      "boiler-room": "clear",
      "garden-sensor": "none",
      "attic-lamp": "silent",
    });
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("9 devices are near you");
    expect(await violations()).toEqual([]);
  });

  it("are chosen only where they can be", async () => {
    await found();
    for (const id of ["media-shelf", "garden-sensor", "attic-lamp"])
      expect(maybe(`pick-${id}`)).toBeNull();
    expect((at("pick-reading-lamp") as HTMLInputElement).disabled).toBe(true);
    expect((at("devices-next") as HTMLButtonElement).disabled).toBe(true);
    await fireEvent.click(at("pick-all"));
    expect(checked("pick-living-room-heat")).toBe(true);
    expect(at("devices-next").textContent).toBe("Review 1 device");
  });

  it("that are only unencrypted need the person's word, one by one, and it can be taken back", async () => {
    await found();
    expect(at("found-reading-lamp").nextElementSibling?.textContent).toContain("readable by anyone on it");
    await fireEvent.click(at("allow-reading-lamp"));
    expect(at("found-reading-lamp").dataset.is).toBe("allowed");
    expect(checked("pick-reading-lamp")).toBe(true);
    expect(at("found-south-blind").dataset.is).toBe("clear");
    await fireEvent.click(screen.getByRole("button", { name: "Take back" }));
    expect(at("found-reading-lamp").dataset.is).toBe("clear");
    expect(checked("pick-reading-lamp")).toBe(false);
  });

  it("say what they have now, in their own words where they fail", async () => {
    await found();
    expect(at("found-south-blind").textContent).toContain("on old.example");
    expect(at("found-worktop-lights").textContent).toContain("reports an error");
    expect(at("found-worktop-lights").nextElementSibling?.textContent).toContain("SASL not-authorized");
  });

  it("are filtered by name and by what can be done", async () => {
    await found();
    await fireEvent.click(at("show-cannot"));
    expect(maybe("found-reading-lamp")).toBeNull();
    expect(at("found-garden-sensor")).toBeTruthy();
    await fireEvent.click(at("show-all"));
    await fireEvent.input(screen.getByRole("searchbox"), { target: { value: "vattra" } });
    expect(
      [maybe("found-living-room-heat"), maybe("found-boiler-room"), maybe("found-reading-lamp")].map(Boolean),
    ).toEqual([true, true, false]);
  });

  it("that fall silent are no longer chosen", async () => {
    const { host } = await found();
    await fireEvent.click(at("pick-living-room-heat"));
    host.change("living-room-heat", (device) => ({
      ...device,
      lan: device.lan && { ...device.lan, answering: false },
    }));
    await until("found-living-room-heat", "silent");
    expect((at("devices-next") as HTMLButtonElement).disabled).toBe(true);
  });

  it("keep their places when another comes", async () => {
    const { host } = await found();
    const rows = () =>
      [...document.querySelectorAll<HTMLElement>("tr[data-test^=found-]")].map((row) => row.dataset.test);
    const before = rows();
    const [lamp] = nearby();
    if (!lamp) throw new Error("nobody is near");
    host.tell({ type: "device-changed", device: { ...lamp, id: "another", name: "A first by name" } });
    await until("found-another");
    expect(rows()).toEqual([...before, "found-another"]);
  });
});

describe("the search", () => {
  it("runs while it is looked at, and no longer", async () => {
    const { host } = await found();
    expect(host.asked).toEqual(["startSearch"]);
    visit("#/");
    await waitFor(() => expect(host.asked).toEqual(["startSearch", "stopSearch"]));
  });

  it("that finds nothing shows what was sent and received, and names the usual reasons", async () => {
    const host = new FakeHost({
      ...signedIn(),
      devices: [],
      search: { ...emptySnapshot().search, running: true, round: 3 },
    });
    await openWindow(host, "#/add");
    const page = await until("nothing-found", "nothing");
    for (const words of [
      "12 sent, 0 received: nothing came back",
      "no device among the answers",
      "could not ask",
      "Guest Wi-Fi",
      "Windows’ firewall, ufw and firewalld",
    ])
      expect(page.textContent).toContain(words);
    expect(await violations()).toEqual([]);
  });

  it("draws no conclusion before the first round is over", async () => {
    await openWindow(new FakeHost({ ...signedIn(), devices: [] }), "#/add");
    expect((await until("nothing-found", "looking")).textContent).not.toContain("Firewall");
  });

  it("that cannot run says why", async () => {
    const failed = { code: "interface-unknown" as const, message: "no eth7", details: "eth7: no such device" };
    const host = new FakeHost({ ...signedIn(), devices: [], search: { ...emptySnapshot().search, failed } });
    await openWindow(host, "#/add");
    expect((await until("nothing-found", "failed")).textContent).toContain("eth7: no such device");
  });

  it("limited to this computer says so", async () => {
    const host = new FakeHost({
      ...signedIn(),
      devices: [],
      search: { ...emptySnapshot().search, loopbackOnly: true },
    });
    await openWindow(host, "#/add");
    expect((await until("nothing-found")).textContent).toContain("limited to this computer");
  });
});

describe("a device asked by its address", () => {
  const ask = async (address: string) => {
    await fireEvent.click(at("add-address"));
    await fireEvent.input(at("address-host"), { target: { value: address } });
    await fireEvent.click(at("address-ask"));
  };

  it("stands in the list once it answers", async () => {
    const host = new FakeHost({ ...signedIn(), devices: [] });
    await openWindow(host, "#/add");
    await ask("192.168.7.20");
    await until("address-done");
    expect(screen.getByRole("dialog").textContent).toContain("Boiler room answers");
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("address-done"));
    expect(maybe("address-dialog")).toBeNull();
    expect(at("found-boiler-room").dataset.is).toBe("clear");
    expect(host.asked).toContain("addAddress 192.168.7.20:5683");
  });

  it("and stays silent is told with the causes, and can be asked again", async () => {
    const host = new FakeHost({ ...signedIn(), devices: [] });
    await openWindow(host, "#/add");
    await ask("192.168.7.21");
    await waitFor(() => expect(screen.getByRole("dialog").textContent).toContain("Nothing answered"));
    expect(screen.getByRole("dialog").textContent).toContain("let UDP through");
    expect(await violations()).toEqual([]);
    await fireEvent.input(at("address-host"), { target: { value: "192.168.7.20" } });
    await fireEvent.click(at("address-ask"));
    await until("address-done");
  });

  it("may be an IPv6 address", async () => {
    const host = new FakeHost({ ...signedIn(), devices: [] });
    await openWindow(host, "#/add");
    await ask("fe80::1%eth0");
    await waitFor(() => expect(host.asked).toContain("addAddress [fe80::1%eth0]:5683"));
  });
});

it("without an account, the wizard begins with it", async () => {
  await openWindow(new FakeHost({ account: null }), "#/add");
  expect(at("account-jid")).toBeTruthy();
});
