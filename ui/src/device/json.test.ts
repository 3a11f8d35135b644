import { describe, expect, it } from "vitest";
import { readJson, rowsOf } from "./json";

describe("what is typed as JSON", () => {
  it("is a value, with the bytes that are sent", () => {
    expect(readJson('{ "value":\n  "ü" }')).toEqual({ is: "value", value: { value: "ü" }, bytes: 14 });
    expect(readJson("false")).toEqual({ is: "value", value: false, bytes: 5 });
  });

  it("or nothing", () => {
    expect(readJson(" \n ")).toEqual({ is: "empty" });
  });

  it("or wrong, at a place where the engine names one", () => {
    const typed = readJson('{\n  "value": tru\n}');
    expect(typed.is).toBe("wrong");
    if (typed.is === "wrong" && typed.line !== null) expect(typed.line).toBe(2);
    expect(readJson("{").is).toBe("wrong");
  });
});

it("a value becomes a table by its properties, or stands as a whole", () => {
  expect(rowsOf({ value: true, range: [0, 100] })).toEqual([
    { name: "value", text: "true" },
    { name: "range", text: "[0,100]" },
  ]);
  expect(rowsOf([1])).toEqual([{ name: null, text: "[1]" }]);
  expect(rowsOf(null)).toEqual([{ name: null, text: "null" }]);
});
