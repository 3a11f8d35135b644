import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { Exchange } from "../host/bindings/Exchange";
import { failure, FakeHost } from "../host/fake";
import { layer } from "../host/fake-exchange";
import { at, maybe, openWindow, signedIn, until } from "../test-home";
import { violations } from "../test-setup";
import { textOf } from "./exchange";

const open = async (change: (host: FakeHost) => void = () => {}) => {
  const host = new FakeHost(signedIn());
  change(host);
  await openWindow(host, "#/device/cabin-heater/resources");
  await fireEvent.click(at("resource-/target"));
  return host;
};
const send = async () => {
  await fireEvent.click(at("request-send"));
  await until("exchange");
};
const unfold = async () => {
  const details = at("exchange") as HTMLDetailsElement;
  details.open = true;
  await fireEvent(details, new Event("toggle"));
  await until("exchange-step-0");
};
const shown = (step: number) => at(`exchange-step-${step}`).querySelector("pre")?.textContent;
const choose = (step: number, name: string) =>
  fireEvent.click(within(at(`exchange-step-${step}`)).getByRole("button", { name }));

const odd: Exchange = {
  steps: [
    {
      direction: "received",
      atMs: 0,
      path: "lan",
      layers: [
        { ...layer("datagram", "…"), secret: true },
        { ...layer("cbor", "a1 61"), problem: "the payload is not one CBOR item", leftOut: 7 },
        layer("cbor", "a2"),
      ],
    },
  ],
  leftOut: 3,
};

describe("the exchange of a request", () => {
  it("is folded away until it is asked for", async () => {
    await open();
    await send();
    expect(at("exchange").textContent).toContain("Show the exchange (2 messages)");
    expect(maybe("exchange-step-0")).toBeNull();
    await unfold();
    expect(at("exchange-step-0").dataset.direction).toBe("sent");
    expect(at("exchange-step-1").dataset.direction).toBe("received");
    expect(at("exchange-step-1").textContent).toMatch(/Received\s*\d\d:03:04\.120/);
    expect(await violations()).toEqual([]);
  });

  it("shows the innermost layer, and each other one on demand", async () => {
    await open();
    await send();
    await unfold();
    expect(shown(0)).toContain("GET /target");
    expect(shown(1)).toContain('"temperature": 20');
    await choose(1, "Bytestream");
    expect(shown(1)).toBe("data: block 0 of session s, 120 bytes");
    expect(shown(0)).toBe(shown(1));
    expect(screen.getAllByRole("button", { name: "Bytestream", pressed: true }).length).toBe(2);
    expect(screen.getByRole("group", { name: "Bytestream of message 2" }).textContent).toBe(shown(1));
    expect(await violations()).toEqual([]);
  });

  it("is copied as a whole, and message by message", async () => {
    const host = await open();
    await send();
    await unfold();
    await fireEvent.click(at("exchange-copy-1"));
    await waitFor(() => expect(host.copied).toContain('[JSON]\n{\n  "temperature": 20'));
    expect(host.copied).not.toContain("GET /target");
    await fireEvent.click(at("exchange-copy"));
    await waitFor(() => expect(host.copied).toContain("GET /target"));
    expect(at("exchange-copy").textContent).toContain("Copied");
    expect(host.copied).toContain("[XMPP stanza]\n<message/>");
  });

  it("is there for a failure, too", async () => {
    await open((host) => (host.knobs.requestFails = failure("no-answer")));
    await send();
    expect(at("exchange").textContent).toContain("(1 message)");
    await unfold();
    expect(shown(0)).toContain("GET /target");
    expect(maybe("answer")).toBeNull();
  });

  it("says what is struck out, cut off, left out and not read", async () => {
    await open((host) => (host.exchange = odd));
    await send();
    await unfold();
    expect(shown(0)).toBe("a2");
    await choose(0, "CBOR");
    expect(at("exchange-step-0").textContent).toContain("Not read further: the payload is not one CBOR item");
    expect(at("exchange-step-0").textContent).toContain("7 bytes more are not shown.");
    await choose(0, "Datagram");
    expect(at("exchange-step-0").textContent).toContain("is struck out");
    expect(at("exchange").textContent).toContain("3 more were left out.");
    expect(textOf(odd)).toMatch(
      /^Received \d\d:00:00\.000, LAN\n\[Datagram\]\n\(A secret, or what may be one, is struck out\.\)\n…\n\[CBOR\]\n/,
    );
    expect(textOf(odd)).toMatch(/\[CBOR 2\]\na2\n\n3 more were left out\.$/);
  });

  it("of nothing says so", async () => {
    await open((host) => (host.exchange = { steps: [], leftOut: 0 }));
    await send();
    const details = at("exchange") as HTMLDetailsElement;
    details.open = true;
    await fireEvent(details, new Event("toggle"));
    await waitFor(() => expect(details.textContent).toContain("Nothing went over the wire."));
  });
});

describe("a resource that is observed", () => {
  const observe = async (change?: (host: FakeHost) => void) => {
    const host = await open(change);
    await fireEvent.click(at("method-observe"));
    await fireEvent.click(at("request-send"));
    return host;
  };

  it("tells its value now, and each change, the newest first", async () => {
    const host = await observe();
    await until("notification-1");
    expect(host.asked).toEqual(["observe cabin-heater /target"]);
    await host.set("cabin-heater", "/target", { temperature: 21 });
    host.notify(2);
    await until("notification-2");
    expect(at("notification-2").textContent).toContain('"temperature": 21');
    expect(at("notification-1").textContent).toContain('"temperature": 20');
    expect(at("observing").textContent).toMatch(/2 notifications[^]*number 2[^]*number 1/);
    expect(await violations()).toEqual([]);
  });

  it("is let go by Stop, and by leaving its page", async () => {
    const host = await observe();
    await until("notification-1");
    expect(at("request-send").textContent).toBe("Stop");
    await fireEvent.click(at("request-send"));
    await waitFor(() => expect(host.observing).toBeNull());
    expect(maybe("observing")).toBeNull();
    await fireEvent.click(at("request-send"));
    await until("notification-1");
    await fireEvent.click(at("resource-/power"));
    await waitFor(() => expect(host.observing).toBeNull());
  });

  it("that fails says why, with its exchange", async () => {
    await observe((host) => (host.knobs.requestFails = failure("not-reachable")));
    await until("observing", "ended");
    expect(screen.getByRole("alert").dataset.code).toBe("not-reachable");
    expect(at("exchange").textContent).toContain("(1 message)");
    expect(at("request-send").textContent).toBe("Send");
  });

  it("that ends says so, and keeps what was told", async () => {
    const host = await observe();
    await until("notification-1");
    host.observing?.tell({ is: "ended", error: null, exchange: { steps: [], leftOut: 0 } });
    await until("observing", "ended");
    expect(at("observing").textContent).toContain("It has ended");
    expect(maybe("notification-1")).not.toBeNull();
  });
});
