/** Numbers that are typed: what is allowed, in words and as read. Pure. */
import type { Bounds } from "../host/bindings/Bounds";
import { words } from "../words";

/** Our choice: more places than these are quicker typed than stepped. */
const MAX_PLACES = 20;

/** Both ends and the step, where its places can be stepped through. */
export function places({ min, max, step }: Bounds): { min: number; max: number; step: number } | null {
  if (min === null || max === null || step === null || step <= 0) return null;
  return (max - min) / step <= MAX_PLACES ? { min, max, step } : null;
}

/** What was typed; undefined: it cannot be sent. */
export function readNumber({ min, max, step }: Bounds, text: string): number | undefined {
  const value = text.trim() === "" ? NaN : Number(text);
  if (!Number.isFinite(value)) return undefined;
  if ((min !== null && value < min) || (max !== null && value > max)) return undefined;
  if (step === null || step <= 0) return value;
  const steps = (value - (min ?? 0)) / step;
  return Math.abs(steps - Math.round(steps)) < 1e-6 ? value : undefined;
}

/** “from 0 to 100, in steps of 5”. */
export function boundsInWords({ min, max, step, unit }: Bounds): string {
  const say = (value: number) => `${words.common.number(value, 6)}${unit ? ` ${unit}` : ""}`;
  const ends =
    min !== null && max !== null
      ? words.control.between(say(min), say(max))
      : min !== null
        ? words.control.atLeast(say(min))
        : max !== null
          ? words.control.atMost(say(max))
          : "";
  return [ends, step === null ? "" : words.control.steps(say(step))].filter(Boolean).join(", ");
}
