/** Buttons that leave no value behind: what is sent, and what came of it. Pure. */
import type { Answer } from "../host/bindings/Answer";
import type { Control } from "../host/bindings/Control";
import type { Error as Failure } from "../host/bindings/Error";
import type { Press } from "../host/bindings/Press";
import type { WrittenRequest } from "../host/host";

export type Pressed = { href: string; property: string; press: Press; done: boolean; failure: Failure | null };

export const begun = ({ href, property }: Control, press: Press): Pressed => ({
  href,
  property,
  press,
  done: false,
  failure: null,
});

export const isOf = (pressed: Pressed, { href, property }: Control): boolean =>
  pressed.href === href && pressed.property === property;

/** The request of one press: a POST to the resource, with the press's query. */
export function requestOf({ href }: Control, { sends, query }: Press): WrittenRequest {
  const to = query ? `${href}${href.includes("?") ? "&" : "?"}${query}` : href;
  return { method: "POST", href: to, body: sends };
}

/** An answer that says no, as a failure; null: it was taken. */
export function refusal({ status, reason, diagnostic }: Answer): Failure | null {
  if (status >= 200 && status < 300) return null;
  return { code: "device-refused", message: `the device answered ${status} ${reason}`, details: diagnostic };
}
