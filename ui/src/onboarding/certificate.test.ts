import { fireEvent } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { failure, FakeHost } from "../host/fake";
import { account, certificate, fingerprint } from "../host/fake-story";
import type { Code } from "../host/bindings/Code";
import { at, filledIn, maybe, openWindow, signedIn, type, until } from "../test-home";
import { violations } from "../test-setup";

const digits = (test: string) => (at(test).textContent ?? "").replace(/[^0-9A-F]/g, "");
const disabled = (test: string) => (at(test) as HTMLButtonElement).disabled;
const picked = (test: string) => (at(test) as HTMLInputElement).checked;
const pinned = { ...account, pin: fingerprint(7) };

/** The form after a check that stopped at the certificate. */
async function refused(code: Code, host = new FakeHost()): Promise<FakeHost> {
  host.knobs.checkFailsAt = { layer: "tls", failure: failure(code) };
  await filledIn(host);
  await fireEvent.click(at("account-check"));
  await until("check", "failed");
  return host;
}

/** From the refused certificate to the one that is trusted alone. */
async function trustOnlyThis() {
  await fireEvent.click(at("trust-pin"));
  await fireEvent.click(at("pin-compare"));
  await fireEvent.click(at("pin-compared"));
  await fireEvent.click(at("pin-go"));
  await until("check", "good");
}

describe("a refused certificate", () => {
  it("is shown with its names, issuer, time and fingerprint", async () => {
    const host = await refused("certificate-unknown");
    expect(at("layer-tls").textContent).toContain("Certificate not trusted");
    expect(at("issued-to").textContent).toBe("hearth.example, xmpp.hearth.example");
    expect(at("issued-by").textContent).toBe("Hearth Home Authority (not on the list)");
    expect(at("certificate").textContent).toContain("3 March 2026");
    expect(at("good-until").textContent).toBe("3 March 2027");
    expect(digits("fingerprint")).toBe(certificate.fingerprint.replaceAll(":", ""));
    expect(at("layer-sasl").textContent).toContain("your password has not left this computer");
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("copy-certificate"));
    for (const said of ["hearth.example", "Hearth Home Authority", "3 March 2027", certificate.fingerprint])
      expect(host.copied).toContain(said);
  });

  it("says so where it says nothing, or names itself as its issuer", async () => {
    const host = new FakeHost();
    host.certificate = { ...certificate, names: [], notBeforeMs: null, notAfterMs: null, selfIssued: true };
    await refused("certificate-unknown", host);
    expect(at("issued-to").textContent).toBe("not said");
    expect(at("good-until").textContent).toBe("not said");
    expect(at("issued-by").textContent).toContain("(itself)");
  });

  it.each([
    ["certificate-unknown", "trust-ca", "Otherwise someone may stand between"],
    ["certificate-expired", "trust-none", "nobody answers for it any more"],
    ["certificate-wrong-name", "trust-none", "This may be another server"],
  ] as const)("comes with its own risk, and begins at the safe choice: %s", async (code, choice, risk) => {
    await refused(code);
    expect(picked(choice)).toBe(true);
    expect(picked("trust-pin")).toBe(false);
    expect(at("layer-tls").textContent).toContain(risk);
    expect(await violations()).toEqual([]);
  });

  it("can be left", async () => {
    await refused("certificate-unknown");
    await fireEvent.click(at("trust-none"));
    expect(at("certificate-leave").getAttribute("href")).toBe("#/welcome");
    expect(maybe("choose-ca")).toBeNull();
  });
});

describe("one certificate alone", () => {
  it("is trusted after it was compared and confirmed, checked at once, and kept", async () => {
    const host = await refused("certificate-unknown");
    await fireEvent.click(at("trust-pin"));
    await fireEvent.click(at("pin-compare"));
    expect(digits("pin-fingerprint")).toBe(certificate.fingerprint.replaceAll(":", ""));
    expect(at("pin-dialog").textContent).toContain("maren@hearth.example");
    expect(document.activeElement).toBe(at("pin-keep"));
    expect(disabled("pin-go")).toBe(true);
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("pin-compared"));
    await fireEvent.click(at("pin-go"));
    await until("check", "good");
    expect(maybe("pin-dialog")).toBeNull();
    expect(host.asked.at(-1)).toContain(certificate.fingerprint);
    expect(at("warning-pinned-certificate").textContent).toContain("Devices have to trust this certificate, too");
    expect(at("layer-tls").textContent).toContain("the one that you trust");
    expect(digits("account-pin")).toContain(certificate.fingerprint.replaceAll(":", ""));
    expect(await violations()).toEqual([]);
    await fireEvent.click(at("account-next"));
    await until("nothing-found");
    expect((await host.snapshot()).account?.pin).toBe(certificate.fingerprint);
  });

  it("is not trusted where the person does not say so", async () => {
    const host = await refused("certificate-unknown");
    await fireEvent.click(at("trust-pin"));
    await fireEvent.click(at("pin-compare"));
    const before = host.asked.length;
    // As a browser would: a press on what is disabled does nothing.
    at("pin-go").click();
    await fireEvent.click(at("pin-keep"));
    expect(maybe("pin-dialog")).toBeNull();
    expect(host.asked.length).toBe(before);
    expect(maybe("account-pin")).toBeNull();
    expect(at("check").dataset.is).toBe("failed");
  });

  it.each([
    ["account-jid", "eve@hearth.example"],
    ["account-server", "other.example"],
    ["account-port", "5223"],
  ])("is for this account at this server only: a change of %s ends it", async (field, text) => {
    const host = await refused("certificate-unknown");
    await trustOnlyThis();
    await type(field, text);
    expect(maybe("account-pin")).toBeNull();
    await fireEvent.click(at("account-check"));
    await until("check", "failed");
    expect(host.asked.at(-1)).not.toContain(certificate.fingerprint);
  });

  it("stays with a new password", async () => {
    await refused("certificate-unknown");
    await trustOnlyThis();
    await type("account-password", "another passphrase");
    expect(maybe("account-pin")).not.toBeNull();
  });

  it("and an authority's file take each other's place", async () => {
    const host = new FakeHost({ ...signedIn(), account: { ...account, ca: "/home/maren/old-ca.pem" } });
    host.knobs.checkFailsAt = { layer: "tls", failure: failure("certificate-expired") };
    await openWindow(host, "#/account");
    await fireEvent.click(at("account-check"));
    await until("check", "failed");
    await trustOnlyThis();
    expect((at("account-ca") as HTMLInputElement).value).toBe("");
    host.knobs.checkFailsAt = { layer: "tls", failure: failure("certificate-unknown") };
    await fireEvent.click(at("unpin"));
    await fireEvent.click(at("account-check"));
    await until("check", "failed");
    await fireEvent.click(at("choose-ca"));
    await until("check", "good");
    expect(maybe("account-pin")).toBeNull();
  });

  it("is not offered for a form that has changed since it was shown", async () => {
    await refused("certificate-unknown");
    await fireEvent.click(at("trust-pin"));
    await type("account-server", "other.example");
    expect(disabled("pin-compare")).toBe(true);
  });

  it("is told in the settings", async () => {
    await openWindow(new FakeHost({ ...signedIn(), account: pinned }), "#/settings");
    expect(digits("settings-trust")).toContain(fingerprint(7).replaceAll(":", ""));
    expect(await violations()).toEqual([]);
  });

  it("that the home does not take is told at its field", async () => {
    const host = new FakeHost({ ...signedIn(), account: pinned });
    host.knobs.formRefused = failure("pin-invalid");
    await openWindow(host, "#/account");
    await fireEvent.click(at("account-check"));
    expect((await until("wrong-pin")).dataset.code).toBe("pin-invalid");
  });
});

describe("a certificate that has changed", () => {
  it("is shown below the trusted one, with no way round it there", async () => {
    await openWindow(new FakeHost({ ...signedIn(), account: pinned }), "#/account");
    await fireEvent.click(at("account-check"));
    await until("check", "failed");
    expect(at("certificate-changed").getAttribute("role")).toBe("alert");
    expect(digits("fingerprint-trusted")).toBe(fingerprint(7).replaceAll(":", ""));
    expect(digits("fingerprint")).toBe(certificate.fingerprint.replaceAll(":", ""));
    for (const way of ["trust-pin", "pin-compare", "choose-ca"]) expect(maybe(way)).toBeNull();
    expect(disabled("account-next")).toBe(true);
    expect(await violations()).toEqual([]);
  });

  it("is trusted only by giving up the old one, checking, comparing and confirming anew", async () => {
    const host = new FakeHost({ ...signedIn(), account: pinned });
    host.knobs.checkFailsAt = { layer: "tls", failure: failure("certificate-unknown") };
    await openWindow(host, "#/account");
    await fireEvent.click(at("account-check"));
    await until("certificate-changed");
    await fireEvent.click(at("unpin"));
    expect(disabled("account-next")).toBe(true);
    await fireEvent.click(at("check-again"));
    await until("trust-pin");
    await trustOnlyThis();
    expect(host.asked.at(-1)).toContain(certificate.fingerprint);
  });

  it("is told on the first page, both fingerprints at once", async () => {
    const error = failure("certificate-changed", `trusted ${fingerprint(7)}, shown ${certificate.fingerprint}`);
    await openWindow(new FakeHost({ ...signedIn(), account: pinned, connection: { state: "refused", error } }));
    expect(at("banner-away").dataset.code).toBe("certificate-changed");
    for (const shown of [fingerprint(7), certificate.fingerprint])
      expect(digits("banner-away")).toContain(shown.replaceAll(":", ""));
    expect(at("banner-account").getAttribute("href")).toBe("#/account");
  });
});
