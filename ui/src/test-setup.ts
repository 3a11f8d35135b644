/** What jsdom lacks and the window has; and a clean page after each test. */
import { cleanup, configure } from "@testing-library/svelte";
import { afterEach, expect, vi } from "vitest";
import axe from "axe-core";

configure({
  // Our choice: a machine that builds something else at the same time.
  asyncUtilTimeout: 5_000,
  testIdAttribute: "data-test",
  // Without the whole page in each message.
  getElementError: (message) => new Error(message ?? "not found"),
});

class NoResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

// The test that looks at the release bundle runs without a page.
if (typeof window !== "undefined") {
  vi.stubGlobal("ResizeObserver", NoResizeObserver);
  Element.prototype.scrollIntoView = () => {};
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
    this.open = true;
  };
  HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
    this.open = false;
  };

  const faults: unknown[] = [];
  addEventListener("error", (event) => faults.push(event.error));
  afterEach(() => {
    cleanup();
    location.hash = "";
    expect(faults.splice(0)).toEqual([]);
  });
}

/** What axe finds wrong on the page; colours and landmarks are judged in a real window. */
export async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}`));
}
