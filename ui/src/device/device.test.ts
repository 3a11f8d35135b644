import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { failure, FakeHost } from "../host/fake";
import { at, maybe, openWindow, signedIn, until } from "../test-home";
import { violations } from "../test-setup";

const heater = "#/device/cabin-heater";

describe("a device's page", () => {
  it("has every control, and how the device is reached", async () => {
    await openWindow(new FakeHost(signedIn()), heater);
    expect(at("device-name").textContent).toBe("Cabin heater");
    for (const href of ["/power", "/temperature", "/target"]) expect(at(`control-${href}`)).toBeTruthy();
    expect(screen.getByText("How we reach it")).toBeTruthy();
    expect(screen.getByText("Vattra, model T1")).toBeTruthy();
    expect(screen.getByText("Firmware").nextElementSibling?.textContent).toBe("1.4.2");
    expect(await violations()).toEqual([]);
  });

  it("has whatever the device says of itself, also what nobody has a word for", async () => {
    const host = new FakeHost(signedIn());
    host.change("cabin-heater", (device) => ({
      ...device,
      about: [...device.about, { property: "x.vattra.burner", text: "<b>gas</b>" }],
    }));
    await openWindow(host, heater);
    expect(at("saying-x.vattra.burner").textContent).toBe("<b>gas</b>");
    expect(screen.getByText("x.vattra.burner")).toBeTruthy();
  });

  it("shows a wish beside the fact, and a failure with what to do", async () => {
    const host = new FakeHost(signedIn());
    host.knobs.setFails.set("cabin-heater", failure("device-refused", "4.03 Forbidden: child lock"));
    await openWindow(host, heater);
    await fireEvent.click(at("switch-cabin-heater"));
    const row = await until("control-/power", "failed");
    expect(row.textContent).toContain("The device refused.");
    expect(row.querySelector("details")?.textContent).toContain("child lock");
    host.knobs.setFails.clear();
    await fireEvent.click(screen.getByRole("button", { name: "Ask again" }));
    await waitFor(() => expect(at("switch-cabin-heater").getAttribute("aria-checked")).toBe("false"));
  });

  it("of an offline device shows what was last reported, and takes nothing", async () => {
    await openWindow(new FakeHost(signedIn()), "#/device/cabin-freezer");
    expect(screen.getByText(/Not reachable: you see what it last reported/)).toBeTruthy();
    expect(screen.getByText(/^Not there since/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it("of an offline device lets it be forgotten, after a question", async () => {
    const host = new FakeHost(signedIn());
    await openWindow(host, "#/device/cabin-freezer");
    await fireEvent.click(at("forget"));
    expect(host.asked).toEqual([]);
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("forget-go"));
    await waitFor(() => expect(host.asked).toEqual(["forgetDevice cabin-freezer"]));
    expect(location.hash).toBe("#/");
  });

  it("of an online device does not offer to forget it", async () => {
    await openWindow(new FakeHost(signedIn()), heater);
    expect(maybe("forget")).toBeNull();
  });

  it("of a type that is new to us leads to its resources", async () => {
    await openWindow(new FakeHost(signedIn()), "#/device/door-chime");
    expect(screen.getByRole("link", { name: "Open its resources" }).getAttribute("href")).toBe(
      "#/device/door-chime/resources",
    );
  });

  it("asks before it unlocks, too", async () => {
    const host = new FakeHost(signedIn());
    await openWindow(host, "#/device/front-door");
    await fireEvent.click(at("lock-front-door"));
    expect(host.asked).toEqual([]);
    await fireEvent.click(at("unlock-go"));
    expect(host.asked).toEqual(['set front-door /lock {"lockState":"Unlocked"}']);
  });

  it("of a device that was forgotten says so", async () => {
    await openWindow(new FakeHost(signedIn()), "#/device/nobody");
    expect(screen.getByText("This device is not known any more")).toBeTruthy();
  });

  it("is left by Esc, but not out of a field", async () => {
    await openWindow(new FakeHost(signedIn()), `${heater}/resources`);
    await fireEvent.click(at("method-post"));
    await fireEvent.keyDown(at("request-body"), { key: "Escape" });
    expect(location.hash).toBe(`${heater}/resources`);
    await fireEvent.keyDown(document.body, { key: "Escape" });
    expect(location.hash).toBe("#/");
  });
});

describe("a resource", () => {
  const open = async (href = "/target") => {
    const host = new FakeHost(signedIn());
    await openWindow(host, `${heater}/resources`);
    await fireEvent.click(at(`resource-${href}`));
    return host;
  };

  it("is a table of properties", async () => {
    await open();
    const table = screen.getByRole("table");
    expect([...table.querySelectorAll("tbody tr")].map((row) => row.textContent)).toEqual([
      "temperature20",
      'units"C"',
    ]);
    expect(await violations()).toEqual([]);
  });

  it("is read, and answered with status, path and time", async () => {
    const host = await open();
    await fireEvent.click(at("request-send"));
    const answer = await until("answer");
    expect(answer.dataset.status).toBe("200");
    for (const words of ["200 OK", "Remote", "64 ms", '"temperature": 20']) expect(answer.textContent).toContain(words);
    expect(host.asked).toEqual(["request cabin-heater GET /target -"]);
    expect(await violations()).toEqual([]);
  });

  it("is written with what was typed, once that is JSON", async () => {
    const host = await open();
    await fireEvent.click(at("method-post"));
    await fireEvent.input(at("request-body"), { target: { value: '{"temperature": ' } });
    expect((at("request-send") as HTMLButtonElement).disabled).toBe(true);
    expect(at("json-state").textContent).toContain("no JSON");
    await fireEvent.keyDown(at("request-body"), { key: "Enter", ctrlKey: true });
    expect(host.asked).toEqual([]);
    await fireEvent.input(at("request-body"), { target: { value: '{"temperature": 18.5}' } });
    await fireEvent.keyDown(at("request-body"), { key: "Enter", ctrlKey: true });
    await until("answer");
    expect(host.asked).toEqual(['request cabin-heater POST /target {"temperature":18.5}']);
  });

  it("is deleted only after a question", async () => {
    const host = await open();
    await fireEvent.click(at("method-delete"));
    await fireEvent.click(at("request-send"));
    expect(screen.getByRole("alertdialog").textContent).toContain("Delete /target?");
    expect(host.asked).toEqual([]);
    await fireEvent.click(at("delete-go"));
    const answer = await until("answer");
    expect(answer.dataset.status).toBe("405");
    expect(answer.textContent).toContain("This resource stays.");
  });

  it("that cannot be reached says why", async () => {
    const host = await open();
    host.knobs.requestFails = failure("outcome-unknown");
    await fireEvent.click(at("request-send"));
    await waitFor(() => expect(screen.getByText(/it may or may not have been done/)).toBeTruthy());
    expect(maybe("answer")).toBeNull();
  });

  it("keeps what was typed when another value comes in", async () => {
    const host = await open();
    await fireEvent.click(at("method-put"));
    await fireEvent.input(at("request-body"), { target: { value: '{"temperature": 7}' } });
    await fireEvent.click(at("method-get"));
    await fireEvent.click(at("request-send"));
    await until("answer");
    await fireEvent.click(at("method-put"));
    expect((at("request-body") as HTMLTextAreaElement).value).toBe('{"temperature": 7}');
    expect(host.asked.length).toBe(1);
  });
});
