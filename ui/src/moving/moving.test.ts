import { fireEvent, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { account } from "../host/fake-story";
import { failure, FakeHost } from "../host/fake";
import { at, maybe, openWindow, signedIn, until } from "../test-home";
import { violations } from "../test-setup";

const press = (test: string) => fireEvent.click(at(test));
const type = (test: string, value: string) => fireEvent.input(at(test), { target: { value } });
const next = { ...account, jid: "maren-2@hearth.example" };

async function underWay() {
  const host = new FakeHost({
    ...signedIn(),
    moving: { account: next, connection: { state: "connected", latencyMs: 9 } },
  });
  await openWindow(host, "#/move");
  await until("move-title");
  return host;
}

const movers = () => [...document.querySelectorAll<HTMLElement>("li[data-test^=mover-]")];

describe("the move to another account", () => {
  it("begins in the settings with an account that was checked, and leads to the devices", async () => {
    const host = new FakeHost(signedIn());
    await openWindow(host, "#/settings");
    await until("settings-move");
    await press("move");
    await until("account-jid");
    expect((at("account-jid") as HTMLInputElement).value).toBe("");
    await type("account-jid", next.jid);
    await type("account-password", "seven small words");
    await press("account-check");
    await waitFor(() => expect((at("account-next") as HTMLButtonElement).disabled).toBe(false));
    await press("account-next");
    await until("move-title");
    expect(at("move-title").textContent).toContain(next.jid);
    expect(host.asked).toContain(`beginMove ${next.jid}`);
    expect(await violations()).toEqual([]);
  });

  it("moves who can be reached, with the person's word where it goes unencrypted, and is finished", async () => {
    const host = await underWay();
    await waitFor(() => expect(movers().length).toBeGreaterThan(0));
    expect((at("move-go") as HTMLButtonElement).disabled).toBe(true);
    await press("move-allow");
    expect((at("move-go") as HTMLButtonElement).disabled).toBe(false);
    await press("move-go");
    await waitFor(() => expect(movers().some((row) => row.dataset["is"] === "moved")).toBe(true));
    expect(await violations()).toEqual([]);
    expect(maybe("move-stop")).toBeNull();
    await press("move-finish");
    if (maybe("finish-move-leave")) {
      expect((at("finish-move-go") as HTMLButtonElement).disabled).toBe(true);
      await press("finish-move-leave");
    }
    expect(await violations()).toEqual([]);
    await press("finish-move-delete");
    await press("finish-move-go");
    await until("settings-move");
    expect(host.asked.findLast((asked) => asked.startsWith("finishMove"))).toContain("delete");
  });

  it("says why a device did not move, and where it stands", async () => {
    const host = await underWay();
    await waitFor(() => expect(movers().some((row) => row.dataset["is"] === "here")).toBe(true));
    const id = movers().find((row) => row.dataset["is"] === "here")?.dataset["test"]?.slice("mover-".length) ?? "";
    host.knobs.runFailsAt.set(id, { step: "account", failure: failure("device-refused", "no, thank you") });
    await press("move-allow");
    await press("move-go");
    await waitFor(() => expect(at(`mover-${id}`).dataset["is"]).toBe("failed"));
    expect(at(`mover-${id}`).textContent).toContain("no, thank you");
  });

  it("cannot go on while nobody is signed in there, and says so", async () => {
    const host = await underWay();
    const connection = { state: "refused", error: failure("not-authorized") } as const;
    host.tell({ type: "move-changed", moving: { account: next, connection } });
    await until("move-not-in");
    expect((at("move-go") as HTMLButtonElement).disabled).toBe(true);
    expect((at("move-finish") as HTMLButtonElement).disabled).toBe(true);
    expect(await violations()).toEqual([]);
    await press("move-try");
    expect(host.asked).toContain("tryNow");
    await type("move-password", "seven small words");
    await press("move-sign-in");
    await waitFor(() => expect(maybe("move-not-in")).toBeNull());
    expect(host.asked).toContain(`beginMove ${next.jid}`);
  });

  it("is stopped where nobody has moved", async () => {
    const host = await underWay();
    await press("move-stop");
    await until("settings-move");
    expect(host.asked).toContain("stopMove");
  });

  it("is told on the dashboard, so that it is not forgotten half way", async () => {
    const host = new FakeHost({
      ...signedIn(),
      moving: { account: next, connection: { state: "connected", latencyMs: 9 } },
    });
    await openWindow(host, "#/");
    await until("moving");
    expect(at("moving").textContent).toContain(next.jid);
  });
});
