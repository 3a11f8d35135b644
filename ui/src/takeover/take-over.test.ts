import { fireEvent, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { FakeHost, PIN } from "../host/fake";
import { at, maybe, openWindow, signedIn, until } from "../test-home";
import { violations } from "../test-setup";

const LOCK = "front-door";
const press = (test: string) => fireEvent.click(at(test));

/** The wizard's list, with a lock that is nobody's. */
async function found(methods: ("pin" | "just-works")[] = ["pin", "just-works"]) {
  const host = new FakeHost(signedIn());
  host.change(LOCK, (device) => ({
    ...device,
    remote: null,
    owned: null,
    lan: {
      addresses: ["192.168.4.40:41772"],
      answering: true,
      security: "unowned",
      inTransferSinceMs: null,
      methods,
      remoteAccess: { address: null, port: null, status: null, errorReason: null, securedOnly: true },
    },
  }));
  await openWindow(host, "#/add");
  await until(`found-${LOCK}`, "unowned");
  return host;
}

async function type(pin: string) {
  await fireEvent.input(await waitFor(() => at("take-over-pin-field")), { target: { value: pin } });
  await press("take-over-pin-go");
}

describe("making a device ours", () => {
  it("asks for its PIN, corrects a wrong one without starting over, and chooses it for its account", async () => {
    const host = await found();
    await press(`own-${LOCK}`);
    expect(at("take-over-dialog").textContent).toContain("It shows a PIN when you go on");
    expect(await violations()).toEqual([]);
    await press("take-over-go");
    await type("87654321");
    await until("take-over-wrong");
    expect(document.activeElement).toBe(at("take-over-pin-field"));
    expect((at("take-over-pin-field") as HTMLInputElement).value).toBe("");
    expect(await violations()).toEqual([]);
    await type(PIN);
    await until("take-over-done");
    expect(at("take-over-dialog").textContent).toContain("is yours");
    expect(await violations()).toEqual([]);
    await press("take-over-done");
    expect(maybe("take-over-dialog")).toBeNull();
    await until(`found-${LOCK}-owned`, "ready");
    expect((at(`pick-${LOCK}-owned`) as HTMLInputElement).checked).toBe(true);
    expect(host.asked.join("\n")).not.toContain(PIN);
  });

  it("without a PIN warns plainly of who listens", async () => {
    const host = await found(["just-works"]);
    await press(`own-${LOCK}`);
    expect(at("take-over-warning").textContent).toContain("Anybody on this network could listen in");
    expect(maybe("take-over-other")).toBeNull();
    await press("take-over-go");
    await until("take-over-done");
    expect(host.asked).toContain(`takeOver ${LOCK} just-works`);
  });

  it("can be stopped while the PIN is asked for", async () => {
    const host = await found();
    await press(`own-${LOCK}`);
    await press("take-over-go");
    await until("take-over-pin");
    await press("take-over-stop");
    expect(maybe("take-over-dialog")).toBeNull();
    expect(host.asked).toContain(`cancelTakeover ${LOCK}`);
  });

  it("that failed says why, what it left, and can be tried again", async () => {
    const host = await found();
    await press(`own-${LOCK}`);
    await press("take-over-go");
    await until("take-over-pin");
    const error = { code: "in-transfer" as const, message: "", details: null };
    host.stands(LOCK, { state: "failed", error, left: "waiting" });
    await until("take-over-again");
    expect(at("take-over-dialog").textContent).toContain("within ten minutes");
    expect(await violations()).toEqual([]);
    await press("take-over-again");
    await until("take-over-pin");
  });
});

describe("a device that is ours", () => {
  it("is given up after a question", async () => {
    const host = new FakeHost(signedIn());
    host.change(LOCK, (device) => ({ ...device, owned: { sinceMs: 0, method: "just-works", complete: true } }));
    await openWindow(host, `#/device/${LOCK}/security`);
    await until("security-owned", "complete");
    expect(at("security-owned").textContent).toContain("without a PIN");
    await press("give-up");
    expect(await violations()).toEqual([]);
    await press("give-up-go");
    await waitFor(() => expect(host.asked).toContain(`giveUp ${LOCK}`));
  });

  it("and is away can be forgotten after a question", async () => {
    const host = new FakeHost(signedIn());
    const owned = { sinceMs: 0, method: "pin", complete: true } as const;
    host.change(LOCK, (device) => ({ ...device, owned, lan: device.lan && { ...device.lan, answering: false } }));
    await openWindow(host, `#/device/${LOCK}/security`);
    await until("security-owned", "complete");
    expect(at("security-owned").textContent).toContain("lost or was reset");
    await press("forget-key");
    expect(await violations()).toEqual([]);
    await press("forget-key-go");
    await waitFor(() => expect(host.asked).toContain(`forgetKey ${LOCK}`));
    await waitFor(() => expect(maybe("security-owned")).toBeNull());
  });

  it("and is not ready says so, and is finished", async () => {
    const host = new FakeHost(signedIn());
    host.change(LOCK, (device) => ({ ...device, owned: { sinceMs: 0, method: "pin", complete: false } }));
    await openWindow(host, `#/device/${LOCK}/security`);
    await until("security-owned", "unfinished");
    await press("finish-own");
    await until("security-owned", "complete");
  });
});
