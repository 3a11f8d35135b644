import { fireEvent, screen } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { failure, FakeHost } from "../host/fake";
import { account } from "../host/fake-story";
import { at, filledIn, maybe, openWindow, type, until, value } from "../test-home";
import { violations } from "../test-setup";

describe("the account", () => {
  it("is checked layer by layer, kept, and leads to the devices", async () => {
    const host = new FakeHost();
    const home = await filledIn(host);
    expect((at("account-next") as HTMLButtonElement).disabled).toBe(true);
    await fireEvent.click(at("account-check"));
    await until("check", "good");
    for (const layer of ["dns", "tcp", "tls", "sasl", "bind", "roster"])
      expect(at(`layer-${layer}`).dataset.state).toBe("passed");
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("account-next"));
    await until("nothing-found");
    expect(host.asked).toContain("setAccount maren@hearth.example");
    expect(home.state.account).toMatchObject({
      jid: "maren@hearth.example",
      server: "xmpp.hearth.example",
      port: 5222,
    });
    expect(document.activeElement?.tagName).toBe("H1");
  });

  it("is not kept before it is checked, nor after it was changed again", async () => {
    const host = new FakeHost();
    await filledIn(host);
    await fireEvent.click(at("account-check"));
    await until("check", "good");
    await type("account-port", "5223");
    expect((at("account-next") as HTMLButtonElement).disabled).toBe(true);
    expect(at("check").textContent).toContain("Changed since");
  });

  it("gives its password to the host only, and forgets it once it is kept", async () => {
    const host = new FakeHost();
    await filledIn(host);
    await fireEvent.click(at("account-check"));
    await until("check", "good");
    await fireEvent.click(at("account-next"));
    await until("nothing-found");
    expect(host.lastPassword).toBe("a long passphrase");
    await fireEvent.click(at("devices-back"));
    await until("account-password");
    expect(value("account-password")).toBe("");
    await fireEvent.click(at("account-check"));
    await until("check", "good");
    expect(host.lastPassword).toBeNull();
  });

  it("is filled from DNS, and never over what was typed", async () => {
    const host = new FakeHost();
    await openWindow(host, "#/add");
    await type("account-server", "10.0.0.7");
    await type("account-jid", "maren@hearth.example");
    await fireEvent.blur(at("account-jid"));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(value("account-server")).toBe("10.0.0.7");
    expect(host.asked).toEqual([]);
  });

  it("says where DNS knows nothing", async () => {
    const host = new FakeHost();
    host.suggestion = { server: "hearth.example", port: 5222, fromDns: false };
    await openWindow(host, "#/add");
    await type("account-jid", "maren@hearth.example");
    await fireEvent.blur(at("account-jid"));
    expect((await until("suggested")).textContent).toContain("names no server");
  });

  it("is filled in by the demo", async () => {
    await openWindow(
      new FakeHost({ prefill: { jid: "demo@localhost", server: "127.0.0.1", port: "5222", ca: "/tmp/ca.pem", pin: null } }),
      "#/add",
    );
    expect([value("account-jid"), value("account-server"), value("account-port"), value("account-ca")]).toEqual([
      "demo@localhost",
      "127.0.0.1",
      "5222",
      "ca.pem",
    ]);
  });
});

describe("an account check that fails", () => {
  it("says which layer, why, what to do, and that the rest was not tried", async () => {
    const host = new FakeHost();
    host.knobs.checkFailsAt = { layer: "tcp", failure: failure("tcp-refused", "Connection refused (os error 111)") };
    await filledIn(host);
    await fireEvent.click(at("account-check"));
    await until("check", "failed");
    expect(at("layer-tcp").dataset.state).toBe("failed");
    expect(at("layer-tcp").textContent).toContain("nothing listens at this port");
    expect(at("layer-tcp").textContent).toContain("os error 111");
    expect(at("layer-sasl").textContent).toContain("your password has not left this computer");
    expect(maybe("fingerprint")).toBeNull();
    expect((at("account-next") as HTMLButtonElement).disabled).toBe(true);
    expect(await violations()).toEqual([]);
  });

  it("at an unknown certificate shows its fingerprint, and goes on with the authority's file", async () => {
    const host = new FakeHost();
    host.knobs.checkFailsAt = { layer: "tls", failure: failure("certificate-unknown") };
    await filledIn(host);
    await fireEvent.click(at("account-check"));
    await until("check", "failed");
    expect(at("fingerprint").textContent).toMatch(/^([0-9A-F]{2}[: \n]?){32}$/);
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("choose-ca"));
    await until("check", "good");
    expect(value("account-ca")).toBe("hearth-ca.pem");
    expect(at("warning-own-ca").textContent).toContain("have to trust this authority");
    expect(host.asked.at(-1)).toContain("/home/maren/hearth-ca.pem");
  });

  it("stays where it was where no file is chosen", async () => {
    const host = new FakeHost();
    host.chosenFile = null;
    host.knobs.checkFailsAt = { layer: "tls", failure: failure("certificate-unknown") };
    await filledIn(host);
    await fireEvent.click(at("account-check"));
    await until("check", "failed");
    const before = host.asked.length;
    await fireEvent.click(at("choose-ca"));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(host.asked.length).toBe(before);
    expect(at("check").dataset.is).toBe("failed");
  });

  it.each([
    ["jid-invalid", "jid"],
    ["password-missing", "password"],
    ["server-invalid", "server"],
    ["loopback-address", "server"],
    ["port-invalid", "port"],
    ["ca-file-invalid", "ca"],
  ] as const)("is told at the field where the form is refused: %s", async (code, field) => {
    const host = new FakeHost();
    host.knobs.formRefused = failure(code);
    await filledIn(host);
    await fireEvent.click(at("account-check"));
    expect((await until(`wrong-${field}`)).dataset.code).toBe(code);
    expect(at(`account-${field}`).getAttribute("aria-invalid")).toBe("true");
    expect(at(`account-${field}`).getAttribute("aria-describedby")).toBe(`${field}-wrong`);
    expect(await violations()).toEqual([]);
  });

  it("can be corrected without starting over", async () => {
    const host = new FakeHost();
    host.knobs.checkFailsAt = { layer: "sasl", failure: failure("not-authorized") };
    await filledIn(host);
    await fireEvent.click(at("account-check"));
    await until("check", "failed");
    host.knobs.checkFailsAt = null;
    await type("account-password", "the right one");
    await fireEvent.click(at("check-again"));
    await until("check", "good");
    expect(host.lastPassword).toBe("the right one");
  });
});

it("where no keyring is, the form says so before the password is typed", async () => {
  await openWindow(new FakeHost({ keyring: { state: "unavailable", details: "no bus" } }), "#/add");
  expect(at("no-keyring").textContent).toContain("never written to a file");
});

it("a saved account is changed with the password that is kept", async () => {
  const host = new FakeHost({ account, keyring: { state: "works" }, connection: { state: "connected", latencyMs: 1 } });
  await openWindow(host, "#/account");
  expect(value("account-jid")).toBe("maren@hearth.example");
  expect(screen.getByText(/use the one that is kept/)).toBeTruthy();
  await fireEvent.click(at("account-check"));
  await until("check", "good");
  expect(host.lastPassword).toBeNull();
});
