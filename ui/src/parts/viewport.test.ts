import { expect, it } from "vitest";
import { cutOf } from "./viewport.svelte";

it.each([
  [1280, 860, { columns: 4, compact: false }],
  [1120, 860, { columns: 3, compact: false }],
  [1280, 719, { columns: 4, compact: true }],
  [900, 640, { columns: 4, compact: true }],
  [720, 560, { columns: 3, compact: true }],
])("a window of %i x %i", (width, height, cut) => {
  expect(cutOf(width, height)).toEqual(cut);
});
