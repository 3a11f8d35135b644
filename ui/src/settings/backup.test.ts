import { fireEvent, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { failure, FakeHost } from "../host/fake";
import { at, maybe, openWindow, signedIn, until } from "../test-home";
import { violations } from "../test-setup";

const press = (test: string) => fireEvent.click(at(test));
const type = (test: string, value: string) => fireEvent.input(at(test), { target: { value } });
const PASSPHRASE = "seven small words";

async function open() {
  const host = new FakeHost(signedIn());
  await openWindow(host, "#/settings");
  await until("settings-backup");
  return host;
}

describe("the backup of the devices' keys", () => {
  it("is saved under a passphrase that is long, and typed twice", async () => {
    const host = await open();
    await press("backup-save");
    await type("backup-first", "short");
    await type("backup-again", "short");
    expect((at("backup-go") as HTMLButtonElement).disabled).toBe(true);
    await type("backup-first", PASSPHRASE);
    expect(at("backup-dialog").textContent).toContain("These two differ");
    await type("backup-again", PASSPHRASE);
    expect(await violations()).toEqual([]);
    await press("backup-go");
    await until("backup-done");
    expect(at("backup-done").textContent).toContain("1 device");
    expect(maybe("backup-dialog")).toBeNull();
    expect(host.asked.join("\n")).not.toContain(PASSPHRASE);
  });

  it("that does not open says why, and can be tried again", async () => {
    const host = await open();
    host.knobs.backupFails = failure("passphrase-wrong");
    await press("backup-restore");
    expect(maybe("backup-again")).toBeNull();
    await type("backup-passphrase", "another");
    await press("backup-go");
    await waitFor(() => expect(at("backup-dialog").textContent).toContain("The backup has another passphrase"));
    expect(await violations()).toEqual([]);
    host.knobs.backupFails = null;
    await press("backup-go");
    await until("backup-done");
  });
});
