/** The made-up homes of the development build, by name. */
import type { Connection } from "./bindings/Connection";
import type { Device } from "./bindings/Device";
import { formOf } from "../state";
import { failure, FakeHost } from "./fake";
import { showroom } from "./fake-showroom";
import { account, certificate, emptySnapshot, fingerprint, nearby, story } from "./fake-story";

/** A host for `vite dev`: `?show=` names the state, `?n=` the number of devices. */
export function draftHost(query: URLSearchParams): FakeHost {
  const show = query.get("show") ?? "home";
  const devices = story();
  const connected: Connection = { state: "connected", latencyMs: 9 };
  const signedIn = { account, connection: connected, keyring: { state: "works" } as const };
  const host = ((): FakeHost => {
    switch (show) {
      case "welcome":
        return new FakeHost({}, nearby());
      case "untrusted": {
        const fake = new FakeHost({ prefill: formOf(account) });
        fake.knobs.checkFailsAt = { layer: "tls", failure: failure("certificate-unknown", "UnknownIssuer") };
        return fake;
      }
      case "changed": {
        const pinned = { ...account, pin: fingerprint(7) };
        const error = failure("certificate-changed", `trusted ${pinned.pin}, shown ${certificate.fingerprint}`);
        return new FakeHost({ ...signedIn, devices, account: pinned, connection: { state: "refused", error } });
      }
      case "nokeyring":
        return new FakeHost({
          ...signedIn,
          devices,
          keyring: { state: "unavailable", details: "org.freedesktop.secrets: no such service" },
        });
      case "silent":
        return new FakeHost({ ...signedIn, search: { ...emptySnapshot().search, round: 3, running: true } });
      case "empty":
        return new FakeHost(signedIn);
      case "away":
        return new FakeHost({
          ...signedIn,
          devices: devices.map((device) => ({ ...device, path: null, lan: null })),
          connection: {
            state: "suspended",
            sinceMs: Date.now() - 90_000,
            retryAtMs: Date.now() + 12_000,
            error: failure("connection-lost", "Connection reset by peer (os error 104)"),
          },
        });
      case "conflict":
        return new FakeHost({
          ...signedIn,
          devices,
          connection: { state: "refused", error: failure("resource-conflict", "conflict") },
        });
      case "locked":
        return new FakeHost({
          ...signedIn,
          devices,
          connection: { state: "refused", error: failure("not-authorized", "not-authorized") },
        });
      case "showroom":
        return new FakeHost({ ...signedIn, devices: showroom() });
      case "many":
        return new FakeHost({ ...signedIn, devices: many(Number(query.get("n") ?? 1000)) });
      default:
        return new FakeHost({ ...signedIn, devices });
    }
  })();
  host.knobs.pace = Number(query.get("pace") ?? 400);
  host.knobs.setFails.set("extractor-fan", failure("no-answer"));
  host.knobs.runFailsAt.set("south-blind", {
    step: "status",
    failure: failure("device-reports-error", "SASL not-authorized"),
  });
  return host;
}

/** As many devices as are asked for, all of the story's kinds. */
export function many(n: number): Device[] {
  const kinds = story().filter((device) => device.remote);
  return Array.from({ length: n }, (_, i) => {
    const kind = kinds[i % kinds.length];
    if (!kind) throw new Error("the story has no device online");
    return { ...kind, id: `${kind.id}-${i}`, di: `${kind.di}-${i}`, name: `${kind.name} ${i + 1}` };
  });
}
