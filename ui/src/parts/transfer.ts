/** How long somebody's transfer of ownership can go on. Pure. */
import type { OnLan } from "../host/bindings/OnLan";

/** So long a device holds a transfer that nobody ends, in minutes (OCF Security §7.3). */
const HOLDS = 10;

/** The minutes that are left at the most: it may have begun before it was seen. */
export function letsGoWithin({ inTransferSinceMs }: OnLan, nowMs: number): number {
  const gone = inTransferSinceMs === null ? 0 : (nowMs - inTransferSinceMs) / 60_000;
  return Math.min(HOLDS, Math.max(1, Math.ceil(HOLDS - gone)));
}
