/**
 * Values that belong together, as lines to read: the items of a list, or the parts of an object. Pure and bounded: they
 * come from a device. What is called like a secret is left out, however deep it lies.
 */
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";
import { words } from "../words";
import { clip, splitWords } from "./titles";

export type Line = { label: string | null; text: string };

/** Our choice: more than fits on a page is counted only. */
const MAX_LINES = 20;
/** Our choice: values within one line. */
const MAX_WITHIN = 12;
const MAX_DEPTH = 3;
const MAX_TEXT = 160;
/** Numbers and words that can be said in one line, without a list. */
const FEW = 4;

const SECRET =
  /passw|passphrase|passcode|secret|credential|token|private|pincode|authcode|psk$|key$|^pin$|^pwd$|^creds?$/i;
/** What an item is called by. */
const NAMES = ["n", "name", "title", "sourceName", "label", "id", "href"];

type Item = { [name: string]: JsonValue };
const isItem = (value: JsonValue): value is Item =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isPlain = (value: JsonValue) => typeof value !== "object" || value === null;

const partsOf = (item: Item): [name: string, value: JsonValue][] =>
  Object.entries(item).flatMap(([name, value]) =>
    value === null || SECRET.test(name) ? [] : [[name, value] as [string, JsonValue]],
  );

/** One value in one line. */
function inLine(value: JsonValue, unit: string | null, depth = 0): string {
  if (typeof value === "boolean") return value ? words.control.yes : words.control.no;
  if (typeof value === "number") return `${words.common.number(value, 3)}${unit ? ` ${unit}` : ""}`;
  if (typeof value === "string") return clip(value, MAX_TEXT);
  if (value === null) return words.common.none;
  if (depth >= MAX_DEPTH) return "…";
  const all: string[] = Array.isArray(value)
    ? value.slice(0, MAX_WITHIN).map((each) => inLine(each, unit, depth + 1))
    : partsOf(value)
        .slice(0, MAX_WITHIN)
        .map(([name, each]) => words.control.titled(splitWords(name), inLine(each, unit, depth + 1)));
  const count = Array.isArray(value) ? value.length : partsOf(value).length;
  const rest = count > MAX_WITHIN ? [words.control.further(count - MAX_WITHIN)] : [];
  return clip([...all, ...rest].join(Array.isArray(value) ? ", " : " · ") || words.common.none, MAX_TEXT);
}

function lineOf(value: JsonValue, unit: string | null): Line {
  if (!isItem(value)) return { label: null, text: inLine(value, unit) };
  const name = NAMES.find((each) => typeof value[each] === "string" && value[each] !== "");
  const { [name ?? ""]: called, ...rest } = value;
  if (typeof called !== "string") return { label: null, text: inLine(value, unit) };
  return { label: clip(called, MAX_TEXT), text: partsOf(rest).length > 0 ? inLine(rest, unit) : "" };
}

/** The lines, and how many more there are. */
export function linesOf(value: JsonValue, unit: string | null): { lines: Line[]; more: number } {
  if (Array.isArray(value)) {
    const lines = value.slice(0, MAX_LINES).map((item) => lineOf(item, unit));
    return { lines, more: value.length - lines.length };
  }
  if (!isItem(value)) return { lines: [{ label: null, text: inLine(value, unit) }], more: 0 };
  const all = partsOf(value);
  const lines = all.slice(0, MAX_LINES).map(([name, each]) => ({ label: splitWords(name), text: inLine(each, unit) }));
  return { lines, more: all.length - lines.length };
}

/** A few numbers or words in one line; null: it takes a list. */
export function sayFew(value: JsonValue, unit: string | null): string | null {
  if (!Array.isArray(value)) return isPlain(value) ? inLine(value, unit) : null;
  if (value.length === 0) return words.control.noValues;
  if (value.length > FEW || !value.every(isPlain)) return null;
  const text = value.map((each) => inLine(each, null)).join(", ");
  return unit ? `${text} ${unit}` : text;
}

/** How many there are. */
export const countOf = (value: JsonValue): number =>
  Array.isArray(value) ? value.length : isItem(value) ? partsOf(value).length : 1;
