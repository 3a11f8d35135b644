/**
 * The time, for ages and counted seconds. Runs only while somebody looks at it: nothing ticks when nothing happens.
 */
import { createSubscriber } from "svelte/reactivity";

class Clock {
  readonly #subscribe: () => void;

  constructor(everyMs: number) {
    this.#subscribe = createSubscriber((update) => {
      const timer = setInterval(update, everyMs);
      return () => clearInterval(timer);
    });
  }

  /** Milliseconds since the Unix epoch. */
  get now(): number {
    this.#subscribe();
    return Date.now();
  }
}

/** For seconds counted beside work in progress. */
export const seconds = new Clock(1_000);
/** For ages in words. */
export const minutes = new Clock(20_000);

/** Whole seconds until a moment, never negative. */
export const secondsUntil = (atMs: number): number => Math.max(0, Math.ceil((atMs - seconds.now) / 1000));

/** Whole seconds since a moment, never negative. */
export const secondsSince = (sinceMs: number): number => Math.max(0, Math.floor((seconds.now - sinceMs) / 1000));
