import { describe, expect, it } from "vitest";
import { colourAt, colourName, fromHsv, glowOf, placeOf, readRgb, toHsv, writeRgb } from "./colour";

describe("a colour", () => {
  it("is read in both notations, and nothing else is", () => {
    expect(readRgb([255, 0, 0])).toEqual([255, 0, 0]);
    expect(readRgb("0, 128,255")).toEqual([0, 128, 255]);
    for (const bad of [[1, 2], "1,2", "a,b,c", [1, 2, 256], [1, null, 2], "1,,2", {}, true, undefined])
      expect(readRgb(bad as never)).toBeNull();
  });

  it("is written as it was read", () => {
    expect(writeRgb([1, 2, 3], true)).toBe("1,2,3");
    expect(writeRgb([1, 2, 3], false)).toEqual([1, 2, 3]);
  });

  it("survives the way to hue and back", () => {
    for (const rgb of [
      [255, 0, 0],
      [12, 200, 99],
      [0, 0, 255],
      [233, 143, 98],
    ] as const) {
      const { h, s, v } = toHsv(rgb);
      expect(fromHsv(h, s, v)).toEqual(rgb);
    }
  });

  it("stands where the slider puts it", () => {
    for (const place of [0, 17, 30, 52, 70, 100])
      expect(Math.abs(placeOf(colourAt(place, [255, 0, 0])) - place)).toBeLessThanOrEqual(1);
  });

  it("keeps its strength when its hue is moved, and white becomes strong", () => {
    expect(toHsv(colourAt(70, [233, 143, 98])).s).toBeCloseTo(toHsv([233, 143, 98]).s, 1);
    expect(toHsv(colourAt(70, [255, 255, 255])).s).toBeGreaterThan(0.8);
  });

  it("lends no tint where it is white", () => {
    expect(glowOf([255, 250, 245])).toBeNull();
    expect(glowOf([20, 0, 0])).toBe("rgb(235, 59, 59)");
  });

  it("has a name", () => {
    expect(
      [
        [255, 255, 255],
        [255, 0, 0],
        [233, 143, 98],
        [0, 255, 0],
        [0, 0, 255],
      ].map((rgb) => colourName(rgb as never)),
    ).toEqual(["white", "red", "peach", "green", "blue"]);
  });
});
