/** Every shape of a control on its device's page: what is shown, and what is sent. */
import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import type { Shape } from "../host/bindings/Shape";
import { failure, FakeHost } from "../host/fake";
import { codes, showroom } from "../host/fake-showroom";
import { at, maybe, openWindow, signedIn, until } from "../test-home";
import { violations } from "../test-setup";
import { words } from "../words";

const open = async (id: string, change: (device: Device) => Device = (same) => same) => {
  const devices = showroom().map((device) => (device.id === id ? change(device) : device));
  const host = new FakeHost({ ...signedIn(), devices });
  await openWindow(host, `#/device/${id}`);
  return host;
};
const type = (test: string, value: string) => fireEvent.input(at(test), { target: { value } });
const row = (name: string) => at(`control-${name}`);
const line = (name: string) => row(name).querySelector(".what p")?.textContent?.trim();
const title = (name: string) => row(name).querySelector("h2")?.textContent;
const isDisabled = (test: string) => (at(test) as HTMLInputElement).disabled;

it("the showroom has every shape", () => {
  const all: Record<Shape["is"], true> = {
    switch: true,
    state: true,
    lock: true,
    level: true,
    position: true,
    temperature: true,
    number: true,
    colour: true,
    hue: true,
    xy: true,
    choice: true,
    buttons: true,
    text: true,
    time: true,
    schedule: true,
    motion: true,
    reading: true,
    list: true,
    collection: true,
    hidden: true,
  };
  const shown = new Set(showroom().flatMap(({ controls }) => controls.map(({ shape }) => shape.is)));
  expect([...shown].sort()).toEqual(Object.keys(all).sort());
});

it.each(showroom().map(({ id }) => id))("the page of %s can be used by everybody", async (id) => {
  await open(id);
  expect(await violations()).toEqual([]);
  const tests = [...document.querySelectorAll<HTMLElement>("[data-test]")].map(({ dataset }) => dataset.test);
  expect(tests.length).toBe(new Set(tests).size);
});

describe("a light", () => {
  it("names each slider by its own property", async () => {
    await open("studio-light");
    for (const name of ["Studio light brightness", "Studio light saturation", "Studio light colour temperature"])
      expect(screen.getByRole("slider", { name })).toBeTruthy();
    expect([line("/hs"), line("/hs#saturation"), line("/ct"), line("/xy"), line("/rgb")]).toEqual([
      "blue, 210°",
      "61 %",
      "4,000 K",
      "x 0.313, y 0.329",
      "blue",
    ]);
  });

  it("takes hue and saturation one by one", async () => {
    const host = await open("studio-light");
    await fireEvent.pointerDown(at("hue-studio-light"));
    await fireEvent.input(at("hue-studio-light"), { target: { value: "120" } });
    await fireEvent.change(at("hue-studio-light"));
    expect(host.asked).toEqual(['set studio-light /hs {"hue":120}']);
    expect(isDisabled("level-studio-light/hs#saturation")).toBe(false);
  });

  it("is sent red, green and blue on its own scale", async () => {
    const host = await open("studio-light");
    await fireEvent.pointerDown(at("colour-studio-light"));
    await fireEvent.input(at("colour-studio-light"), { target: { value: "0" } });
    await fireEvent.change(at("colour-studio-light"));
    expect(host.asked[0]).toMatch(/^set studio-light \/rgb {"rgbValue":"1023,\d+,\d+"}$/);
  });

  it("takes x and y together, in its own notation, and only places that there are", async () => {
    const host = await open("studio-light");
    expect(isDisabled("xy-studio-light-set")).toBe(true);
    await type("xy-studio-light-x", "1.4");
    expect(isDisabled("xy-studio-light-set")).toBe(true);
    expect(row("/xy").textContent).toContain("Each a number from 0 to 1.");
    await type("xy-studio-light-x", "0.5");
    await fireEvent.submit(at("xy-studio-light-x"));
    expect(host.asked).toEqual(['set studio-light /xy {"csc":"0.5,0.329"}']);
  });
});

describe("a choice", () => {
  it("of a few is chosen at one press; the wish is outlined until it is reported", async () => {
    const host = await open("washing-machine");
    host.knobs.never = true;
    expect(at("choice-washing-machine-active").getAttribute("aria-pressed")).toBe("true");
    await fireEvent.click(at("choice-washing-machine-pause"));
    expect(host.asked).toEqual(['set washing-machine /run {"currentMachineState":"pause"}']);
    await waitFor(() => expect(at("choice-washing-machine-pause").className).toContain("wished"));
    expect(at("choice-washing-machine-pause").getAttribute("aria-pressed")).toBe("false");
    expect(at("choice-washing-machine-active").getAttribute("aria-pressed")).toBe("true");
    expect(line("/run")).toBe("Asked for Pause…");
  });

  it("of many is a list, and shows what is reported until the wish is one", async () => {
    const host = await open("washing-machine");
    host.knobs.never = true;
    const list = at("choice-washing-machine/run#currentJobState") as HTMLSelectElement;
    expect(list.selectedOptions[0]?.textContent).toBe("Pre wash");
    await fireEvent.change(list, { target: { value: "3" } });
    expect(host.asked).toEqual(['set washing-machine /run {"currentJobState":"spin"}']);
  });

  it("that is a list is written as one", async () => {
    const host = await open("washing-machine");
    await fireEvent.click(at("choice-washing-machine/mode#modes-wool"));
    expect(host.asked).toEqual(['set washing-machine /mode {"modes":["wool"]}']);
  });

  it("of numbers is written as a number", async () => {
    const host = await open("washing-machine");
    await fireEvent.change(at("choice-washing-machine/spin#spin"), { target: { value: "1" } });
    expect(host.asked).toEqual(['set washing-machine /spin {"spin":800}']);
  });

  it("of several keeps those that were chosen", async () => {
    const host = await open("washing-machine");
    const test = "choice-washing-machine/water#currentadditivetypes";
    expect((at(`${test}-softener`) as HTMLInputElement).checked).toBe(true);
    await fireEvent.click(at(`${test}-starch`));
    expect(host.asked).toEqual(['set washing-machine /water {"currentadditivetypes":["softener","starch"]}']);
  });

  it("that has not said what there is takes nothing", async () => {
    await open("new-arrival");
    expect(row("/mode").textContent).toContain("It has not said yet what there is to choose.");
    expect(row("/mode").querySelector("button, select")).toBeNull();
  });

  it("shows a value that it does not offer", async () => {
    await open("washing-machine", (device) => ({
      ...device,
      values: { ...device.values, "/spin": { value: { spin: 900 }, atMs: 0, via: "lan", remembered: false } },
    }));
    const list = at("choice-washing-machine/spin#spin") as HTMLSelectElement;
    expect(list.selectedOptions[0]?.textContent).toBe("900");
    expect(list.selectedOptions[0]?.disabled).toBe(true);
  });
});

describe("a number", () => {
  it("of a few places is stepped", async () => {
    const host = await open("washing-machine");
    expect(screen.getByRole("group", { name: "Washing machine: Rinses" })).toBeTruthy();
    await fireEvent.click(at("number-washing-machine-more"));
    await waitFor(() => expect(host.asked).toEqual(['set washing-machine /rinses {"rinses":3}']));
  });

  it("without an end is typed, and sent only where it can be", async () => {
    const host = await open("washing-machine");
    const test = "number-washing-machine/weight#weight";
    expect((at(test) as HTMLInputElement).value).toBe("4.2");
    expect(isDisabled(`${test}-set`)).toBe(true);
    await type(test, "-1");
    expect(isDisabled(`${test}-set`)).toBe(true);
    expect(row("/weight").textContent).toContain("A number 0 kg or more.");
    await type(test, "5.5");
    await fireEvent.submit(at(test));
    expect(host.asked).toEqual(['set washing-machine /weight {"weight":5.5}']);
  });

  it("goes back to what is reported by Esc, and the page stays", async () => {
    const host = await open("washing-machine");
    const test = "number-washing-machine/weight#weight";
    await type(test, "9");
    await fireEvent.keyDown(at(test), { key: "Escape" });
    expect((at(test) as HTMLInputElement).value).toBe("4.2");
    expect(location.hash).toBe("#/device/washing-machine");
    expect(host.asked).toEqual([]);
  });
});

describe("a schedule", () => {
  const test = "schedule-washing-machine";

  it("says when and for how long", async () => {
    await open("washing-machine");
    expect(line("/delay")).toMatch(/^From 9 Jan 2026, \d\d:\d\d for 1 h 30 min$/);
    expect((at(`${test}-minutes`) as HTMLInputElement).value).toBe("90");
  });

  it("is sent whole, with its end or its length, never both", async () => {
    const host = await open("washing-machine");
    expect(isDisabled(`${test}-set`)).toBe(true);
    await type(`${test}-minutes`, "45");
    await fireEvent.submit(at(`${test}-start`));
    expect(host.asked).toEqual([
      'set washing-machine /delay {"startTime":"2026-01-09T14:30:00Z","interval":45}',
    ]);
    await fireEvent.click(at(`${test}-until`));
    expect(isDisabled(`${test}-set`)).toBe(true);
    expect(row("/delay").textContent).toContain("When it starts, and when it ends");
    await type(`${test}-stop`, (at(`${test}-start`) as HTMLInputElement).value);
    await fireEvent.submit(at(`${test}-start`));
    expect(host.asked.at(-1)).toBe(
      'set washing-machine /delay {"startTime":"2026-01-09T14:30:00Z","stopTime":"2026-01-09T14:30:00Z"}',
    );
  });
});

describe("buttons", () => {
  it("send their press, and say that it was taken", async () => {
    const host = await open("television");
    await fireEvent.click(screen.getByRole("button", { name: "Volume up" }));
    await until("buttons-television-said", "done");
    expect(host.asked).toEqual(["request television POST /keys?action=volumeup {}"]);
    expect(at("buttons-television-said").textContent).toContain("“Volume up” was taken.");
  });

  it("say why one was not taken", async () => {
    const host = await open("television");
    host.knobs.requestFails = failure("no-answer");
    await fireEvent.click(at("buttons-television-enter"));
    await until("buttons-television-said", "failed");
    expect(within(at("buttons-television-said")).getByRole("alert").dataset.code).toBe("no-answer");
  });

  it("take an answer that says no for a failure", async () => {
    const host = await open("television");
    host.request = async () => ({
      status: 403,
      reason: "Forbidden",
      body: null,
      diagnostic: "child lock",
      via: "xmpp",
      elapsedMs: 3,
    });
    await fireEvent.click(at("buttons-television-enter"));
    await until("buttons-television-said", "failed");
    expect(at("buttons-television-said").textContent).toContain("child lock");
  });

  it("that reset are pressed only after a question", async () => {
    const host = await open("security-panel");
    await fireEvent.click(at("buttons-security-panel/care#fr-fr"));
    expect(screen.getByRole("alertdialog").textContent).toContain("Reset Security panel to what it was when new?");
    expect(document.activeElement).toBe(at("confirm-keep"));
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("confirm-keep"));
    expect(maybe("confirm-dialog")).toBeNull();
    expect(host.asked).toEqual([]);
    await fireEvent.click(at("buttons-security-panel-rb"));
    await fireEvent.click(at("confirm-go"));
    await until("buttons-security-panel-said", "done");
    expect(host.asked).toEqual(['request security-panel POST /care {"rb":true}']);
  });

  it("that are not told yet are not there", async () => {
    await open("new-arrival");
    expect(line("/keys")).toBe("It has not said yet what there is to press.");
    expect(within(row("/keys")).queryByRole("button")).toBeNull();
  });
});

describe("what is asked about first", () => {
  it("is an alarm, both ways", async () => {
    const host = await open("security-panel");
    await fireEvent.click(at("switch-security-panel"));
    expect(screen.getByRole("alertdialog").textContent).toContain("Turn on the alarm of Security panel?");
    expect(host.asked).toEqual([]);
    await fireEvent.click(at("confirm-go"));
    expect(host.asked).toEqual(['set security-panel /siren {"status":true}']);
    await waitFor(() => expect(at("switch-security-panel").getAttribute("aria-checked")).toBe("true"));
    await fireEvent.click(at("switch-security-panel"));
    expect(screen.getByRole("alertdialog").textContent).toContain("It warns nobody as long as it is off.");
  });

  it("is asked again when it is tried again", async () => {
    const host = await open("security-panel");
    host.knobs.setFails.set("security-panel", failure("no-answer"));
    await fireEvent.click(at("switch-security-panel"));
    await fireEvent.click(at("confirm-go"));
    await until("control-/siren", "failed");
    await fireEvent.click(screen.getByRole("button", { name: "Ask again" }));
    expect(maybe("confirm-dialog")).toBeTruthy();
    expect(host.asked.length).toBe(1);
  });

  it("is what the device said so of, whatever it is", async () => {
    const host = await open("washing-machine", (device) => ({
      ...device,
      controls: device.controls.map((control) => ({ ...control, confirm: control.href === "/mode" })),
    }));
    await fireEvent.click(at("choice-washing-machine/mode#modes-wool"));
    expect(screen.getByRole("alertdialog").textContent).toContain("Set “Mode” of Washing machine to “Wool”?");
    await fireEvent.click(at("confirm-go"));
    expect(host.asked).toEqual(['set washing-machine /mode {"modes":["wool"]}']);
  });
});

describe("what is only read", () => {
  it("says what true and false mean", async () => {
    await open("security-panel");
    expect(["/door", "/smoke", "/cellar", "/hall", "/battery#lowbattery"].map(line)).toEqual([
      "Open",
      "No smoke",
      "Dry",
      "Something moves",
      "Battery not low",
    ]);
    expect(["/door", "/smoke", "/battery", "/battery#lowbattery"].map(title)).toEqual([
      "Contact",
      "Smoke",
      "Battery",
      "Battery low",
    ]);
    expect(line("/tilt")).toBe("0.02, 0.98, −0.1");
  });

  it("is a list where it has parts", async () => {
    await open("television");
    expect([...at("list-television").querySelectorAll("li")].map((item) => item.textContent)).toEqual([
      "HDMI 1Source number 1 · Source type videoPlusAudio · Status Yes",
      "HDMI 2Source number 2 · Source type videoPlusAudio · Status No",
      "AerialSource number 0 · Source type videoPlusAudio · Status No",
    ]);
    expect(line("/sources")).toBe("3 values");
  });

  it("counts what is hidden, and shows it nowhere", async () => {
    await open("security-panel");
    expect(line("/codes")).toBe("3 codes are stored");
    for (const { code } of codes) expect(document.body.innerHTML).not.toContain(code);
    location.hash = "#/device/security-panel/resources";
    window.dispatchEvent(new Event("hashchange"));
    await until("resource-/codes");
    await fireEvent.click(at("resource-/codes"));
    await fireEvent.click(at("method-get"));
    await fireEvent.click(at("request-send"));
    const answer = await until("answer");
    expect(answer.textContent).toContain("lockCodeList: not shown");
    await fireEvent.click(at("method-put"));
    for (const { code } of codes) {
      expect(document.body.innerHTML).not.toContain(code);
      expect((at("request-body") as HTMLTextAreaElement).value).not.toContain(code);
    }
  });

  it("says so where the number is not known", async () => {
    await open("new-arrival");
    expect(line("/codes")).toBe("How many codes are stored is not known yet");
  });

  it("shows a value that makes no sense as it came, and cut", async () => {
    await open("security-panel", (device) => ({
      ...device,
      values: { ...device.values, "/door": { value: { value: "x".repeat(5_000) }, atMs: 0, via: "lan", remembered: false } },
    }));
    expect(line("/door")?.length).toBeLessThan(170);
  });
});

describe("a collection", () => {
  it("leads to the controls of what it holds", async () => {
    await open("security-panel");
    expect(line("/zones")).toBe("3 resources");
    await fireEvent.click(at("member-/smoke"));
    expect(document.activeElement).toBe(row("/smoke"));
    expect(maybe("member-/elsewhere")).toBeNull();
    expect(row("/zones").textContent).toContain("/elsewhere");
  });

  it("leads to the resources where there is no control", async () => {
    await open("security-panel", (device) => ({
      ...device,
      resources: [...device.resources, { href: "/elsewhere", rt: ["x.r.y"], if: [], observable: false }],
    }));
    expect(at("member-/elsewhere").getAttribute("href")).toBe("#/device/security-panel/resources");
  });
});

describe("outlets that are taken together", () => {
  /** The television's page with a collection of two outlets on it. */
  const outlets = (device: Device, interfaces = ["oic.if.ll", "oic.if.b"]): Device => {
    const hrefs = ["/outlets/1", "/outlets/2"];
    const outlet = (href: string): Control => ({
      href,
      property: "value",
      shape: { is: "switch" },
      writable: true,
      confirm: false,
      rt: "oic.r.switch.binary",
    });
    const reported = { value: { value: false }, atMs: 0, via: "lan", remembered: false } as const;
    return {
      ...device,
      resources: [...device.resources, { href: "/outlets", rt: ["oic.wk.col"], if: interfaces, observable: true }],
      controls: [
        { ...outlet("/outlets"), property: "links", shape: { is: "collection", members: hrefs }, rt: "oic.wk.col" },
        ...hrefs.map(outlet),
      ],
      values: Object.fromEntries(hrefs.map((href) => [href, reported])),
    };
  };

  it("are switched by one press, and each shows its own wish until the device has said so", async () => {
    const host = await open("television", outlets);
    await fireEvent.click(at("all-on-/outlets"));
    expect(row("/outlets/1").dataset.is).toBe("pending");
    await until("control-/outlets/2", "idle");
    expect(host.asked).toEqual(['setTogether television /outlets /outlets/1 /outlets/2 {"value":true}']);
    expect(line("/outlets/2")).toBe("On");
  });

  it("say why, where it did not happen", async () => {
    const host = await open("television", outlets);
    host.knobs.setFails.set("television", failure("not-reachable"));
    await fireEvent.click(at("all-off-/outlets"));
    expect(await screen.findByText(words.failures["not-reachable"].happened)).toBeTruthy();
    expect(row("/outlets/1").dataset.is).toBe("idle");
  });

  it("are switched one by one where the device does not take them together", async () => {
    await open("television", (device) => outlets(device, ["oic.if.ll"]));
    expect(maybe("all-on-/outlets")).toBeNull();
  });
});

describe("times and texts", () => {
  it("are said in words, and written as the device writes them", async () => {
    const host = await open("security-panel");
    expect(line("/clock")).toMatch(/^9 Jan 2026, \d\d:\d\d$/);
    expect(line("/wake#snooze")).toBe("9 min");
    const start = (at("time-security-panel") as HTMLInputElement).value;
    expect(start).toMatch(/^2026-01-\d\dT\d\d:\d\d$/);
    await type("time-security-panel", "not a time");
    expect(isDisabled("time-security-panel-set")).toBe(true);
    await type("time-security-panel", start);
    await fireEvent.submit(at("time-security-panel"));
    await type("time-security-panel/wake#snooze", "0:01:30");
    await fireEvent.submit(at("time-security-panel/wake#snooze"));
    expect(host.asked).toEqual([
      'set security-panel /clock {"datetime":"2026-01-09T14:30Z"}',
      'set security-panel /wake {"snooze":"PT1M30S"}',
    ]);
  });

  it("are sent as they were typed", async () => {
    const host = await open("television");
    await type("text-television", "Dinner is ready");
    await fireEvent.click(at("text-television-set"));
    expect(host.asked).toEqual(['set television /say {"utterance":"Dinner is ready"}']);
    expect(screen.getByRole("textbox", { name: "Television: Say aloud" })).toBeTruthy();
  });
});

it("nothing can be set that has to be read first", async () => {
  await open("new-arrival");
  expect(isDisabled("colour-new-arrival")).toBe(true);
  expect(isDisabled("xy-new-arrival-x")).toBe(true);
  expect(line("/zones")).toBe("Nothing reported yet");
});

it("of a device that is gone nothing can be set", async () => {
  for (const { id } of showroom()) {
    await open(id, (device) => ({ ...device, presence: "offline", path: null }));
    const usable = [...document.querySelectorAll<HTMLInputElement>(".controls :is(input, select, button:not(.link))")];
    expect(usable.filter((each) => !each.disabled)).toEqual([]);
    document.body.innerHTML = "";
  }
});
