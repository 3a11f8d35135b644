/** What a person typed as JSON: the value, or where it is none. Pure. */
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";

export type Typed =
  | { is: "empty" }
  | { is: "value"; value: JsonValue; bytes: number }
  | { is: "wrong"; line: number | null; column: number | null };

export function readJson(text: string): Typed {
  if (text.trim() === "") return { is: "empty" };
  try {
    const value = JSON.parse(text) as JsonValue;
    return { is: "value", value, bytes: new TextEncoder().encode(JSON.stringify(value)).length };
  } catch (error) {
    return { is: "wrong", ...placeIn(text, String(error)) };
  }
}

/** The place that the engine names: V8 says “position 12”, WebKit mostly nothing. */
function placeIn(text: string, message: string): { line: number | null; column: number | null } {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined) return { line: null, column: null };
  const before = text.slice(0, Number(position)).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** A value as it stands in the editor. */
export const writeJson = (value: JsonValue): string => JSON.stringify(value, null, 2);

/** A value as a table: an object's properties, or the whole as one row. */
export function rowsOf(value: JsonValue): { name: string | null; text: string }[] {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return Object.entries(value).map(([name, inner]) => ({ name, text: JSON.stringify(inner) }));
  return [{ name: null, text: JSON.stringify(value) }];
}
