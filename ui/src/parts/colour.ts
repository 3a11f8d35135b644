/** Colours of lights: reading and writing them, their place on the hue slider, their name. Pure. */
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";
import { words } from "../words";

export type Rgb = readonly [red: number, green: number, blue: number];

/** `[0.4, 0.5]` or `"0.4,0.5"` as numbers; null: it is not so many of them. */
function readNumbers(value: JsonValue | undefined, count: number): number[] | null {
  const parts =
    typeof value === "string" ? value.split(",").map((part) => part.trim()) : Array.isArray(value) ? value : [];
  const numbers = parts.map((part) => (part === "" || typeof part === "object" ? NaN : Number(part)));
  return numbers.length === count && numbers.every((n) => Number.isFinite(n) && n >= 0) ? numbers : null;
}

/** `[255, 0, 0]` (OCF) or `"255,0,0"` (OIC 1.1); null: neither. `most`: the device's own 255. */
export function readRgb(value: JsonValue | undefined, most = 255): Rgb | null {
  const [red, green, blue] = readNumbers(value, 3) ?? [];
  if (red === undefined || green === undefined || blue === undefined) return null;
  if (Math.max(red, green, blue) > most) return null;
  const own = (n: number) => (most === 255 ? n : (n / most) * 255);
  return [own(red), own(green), own(blue)];
}

export function writeRgb(rgb: Rgb, asText: boolean, most = 255): JsonValue {
  const theirs = rgb.map((n) => (most === 255 ? n : Math.round((n / 255) * most)));
  return asText ? theirs.join(",") : theirs;
}

/** A place in the CIE 1931 colour space, each 0 to 1. */
export type Xy = readonly [x: number, y: number];

export function readXy(value: JsonValue | undefined): Xy | null {
  const [x, y] = readNumbers(value, 2) ?? [];
  return x === undefined || y === undefined || x > 1 || y > 1 ? null : [x, y];
}

export const writeXy = (xy: Xy, asText: boolean): JsonValue => (asText ? xy.join(",") : [...xy]);

/** Roughly its colour on a screen, as bright as it can be; outside of what a screen shows, the nearest. */
export function xyToRgb([x, y]: Xy): Rgb {
  const [X, Z] = y > 0 ? [x / y, Math.max(0, 1 - x - y) / y] : [0, 0];
  // From XYZ with Y = 1 to linear sRGB (IEC 61966-2-1), then its gamma.
  const linear = [
    3.2406 * X - 1.5372 - 0.4986 * Z,
    -0.9689 * X + 1.8758 + 0.0415 * Z,
    0.0557 * X - 0.204 + 1.057 * Z,
  ].map((n) => Math.max(0, n));
  const most = Math.max(...linear, 1e-6);
  const [red = 0, green = 0, blue = 0] = linear.map((n) => {
    const of = n / most;
    return Math.round(255 * (of <= 0.0031308 ? 12.92 * of : 1.055 * of ** (1 / 2.4) - 0.055));
  });
  return [red, green, blue];
}

/** Hue in degrees, saturation and value from 0 to 1. */
export function toHsv([red, green, blue]: Rgb): { h: number; s: number; v: number } {
  const max = Math.max(red, green, blue);
  const spread = max - Math.min(red, green, blue);
  let h = 0;
  if (spread > 0) {
    if (max === red) h = ((green - blue) / spread) % 6;
    else if (max === green) h = (blue - red) / spread + 2;
    else h = (red - green) / spread + 4;
  }
  return { h: (h * 60 + 360) % 360, s: max === 0 ? 0 : spread / max, v: max / 255 };
}

export function fromHsv(h: number, s: number, v: number): Rgb {
  const channel = (n: number) => {
    const k = (n + h / 60) % 6;
    return Math.round(255 * v * (1 - s * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}

/** The stops of the hue slider's gradient (`.range.hue` in controls.css): place in percent, hue in degrees. */
const stops: readonly [place: number, hue: number][] = [
  [0, 8],
  [17, 35],
  [30, 56],
  [45, 113],
  [58, 183],
  [70, 218],
  [85, 269],
  [100, 329],
];

function along(points: readonly (readonly [number, number])[], at: number): number {
  for (let i = 1; i < points.length; i++) {
    const [x0, y0] = points[i - 1] ?? [0, 0];
    const [x1, y1] = points[i] ?? [0, 0];
    if (at <= x1) return y0 + ((Math.max(at, x0) - x0) / (x1 - x0)) * (y1 - y0);
  }
  return points.at(-1)?.[1] ?? 0;
}

/** Where a colour stands on the hue slider, 0 to 100. */
export function placeOf(rgb: Rgb): number {
  const { h } = toHsv(rgb);
  return Math.round(
    along(
      stops.map(([place, hue]) => [hue, place] as const),
      h > 348 ? 8 : h,
    ),
  );
}

/** The colour at a place of the slider, as strong and as bright as the present one; white becomes strong. */
export function colourAt(place: number, present: Rgb | null): Rgb {
  const now = present ? toHsv(present) : { s: 0, v: 1 };
  return fromHsv(along(stops, place), now.s < 0.15 ? 0.85 : now.s, Math.max(now.v, 0.35));
}

/** For the tile: the colour's own tint, at full brightness however dim the light is. */
export function glowOf(rgb: Rgb): string | null {
  const { h, s } = toHsv(rgb);
  if (s < 0.15) return null;
  const [red, green, blue] = fromHsv(h, Math.min(s, 0.75), 0.92);
  return `rgb(${red}, ${green}, ${blue})`;
}

export function colourName(rgb: Rgb): string {
  const names = words.control.colours;
  const { h, s } = toHsv(rgb);
  if (s < 0.15) return names.white;
  if (h < 12 || h >= 345) return names.red;
  if (h < 45) return s < 0.7 ? names.peach : names.orange;
  if (h < 70) return names.yellow;
  if (h < 155) return names.green;
  if (h < 195) return names.teal;
  if (h < 245) return names.blue;
  if (h < 290) return names.violet;
  return names.pink;
}
