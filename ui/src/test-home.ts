/** A window on a made-up home, for tests. */
import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { expect } from "vitest";
import App from "./App.svelte";
import { Home } from "./home.svelte";
import { account, story } from "./host/fake-story";
import { FakeHost } from "./host/fake";
import type { Error as Failure } from "./host/bindings/Error";
import type { Run } from "./host/bindings/Run";
import type { Snapshot } from "./host/bindings/Snapshot";
import type { Step } from "./host/bindings/Step";
import type { StepState } from "./host/bindings/StepState";

export const signedIn = (): Partial<Snapshot> => ({
  account,
  connection: { state: "connected", latencyMs: 9 },
  keyring: { state: "works" },
  devices: story(),
});

/** A set-up that an earlier start left half done, after the account was sent. */
export const cutShort = (id: string, undo: Run["undo"] = "everything"): Run => {
  const error: Failure = { code: "cut-short", message: "the program ended in the middle of this", details: null };
  const at = (step: Step, state: StepState) => ({ step, state, elapsedMs: null });
  return {
    id,
    steps: [
      at("read", { is: "done" }),
      at("server", { is: "done" }),
      at("account", { is: "failed", error }),
      at("status", { is: "waiting" }),
      at("online", { is: "waiting" }),
      at("identity", { is: "waiting" }),
    ],
    state: { is: "failed", error, left: "unknown" },
    startedAtMs: Date.UTC(2026, 9, 12, 10),
    undo,
    whose: "house",
    jid: account.jid,
    server: account.server,
    port: account.port,
  };
};

/** The whole window, at an address. */
export async function openWindow(host: FakeHost, hash = ""): Promise<Home> {
  location.hash = hash;
  const home = new Home(host);
  await home.open();
  render(App, { props: { home } });
  return home;
}

export const at = (test: string) => screen.getByTestId(test);
export const maybe = (test: string) => screen.queryByTestId(test);
/** Waits until the element is there and stands at this state. */
export const until = (test: string, is?: string) =>
  waitFor(() => {
    const element = screen.getByTestId(test);
    if (is !== undefined && element.dataset.is !== is)
      throw new Error(`${test} is ${String(element.dataset.is)}, not ${is}`);
    return element;
  });
/** Goes to an address, as a link would. */
export function visit(hash: string): void {
  location.hash = hash;
  window.dispatchEvent(new Event("hashchange"));
}

export const type = (test: string, value: string) => fireEvent.input(at(test), { target: { value } });
export const value = (test: string) => (at(test) as HTMLInputElement).value;

/** The window at the account form, filled in. */
export async function filledIn(host: FakeHost): Promise<Home> {
  const home = await openWindow(host, "#/add");
  await type("account-jid", "maren@hearth.example");
  await fireEvent.blur(at("account-jid"));
  await type("account-password", "a long passphrase");
  await waitFor(() => expect(value("account-server")).toBe("xmpp.hearth.example"));
  return home;
}
