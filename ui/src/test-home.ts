/** A window on a made-up home, for tests. */
import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { expect } from "vitest";
import App from "./App.svelte";
import { Home } from "./home.svelte";
import { account, story } from "./host/fake-story";
import { FakeHost } from "./host/fake";
import type { Snapshot } from "./host/bindings/Snapshot";

export const signedIn = (): Partial<Snapshot> => ({
  account,
  connection: { state: "connected", latencyMs: 9 },
  keyring: { state: "works" },
  devices: story(),
});

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
