/** Who may import whom, and what may not be written anywhere. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { failures } from "./words/failures";

const root = dirname(fileURLToPath(import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.(ts|svelte)$/.test(file) && !file.includes("bindings") && !file.includes(".test."))
  .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));

const importsOf = ({ file, text }: { file: string; text: string }) =>
  [...text.matchAll(/from "([^"]+)"/g)].map(([, from = ""]) =>
    from.startsWith(".") ? relative(root, join(root, dirname(file), from)) : from,
  );
const offenders = (inside: string, wrong: (target: string) => boolean) =>
  files
    .filter(({ file }) => file.startsWith(inside))
    .flatMap((each) =>
      importsOf(each)
        .filter(wrong)
        .map((target) => `${each.file} → ${target}`),
    );

const screens = /^(onboarding|dashboard|device|settings|takeover|welcome|moving)\//;

describe("imports", () => {
  it("of parts lead to no screen, and to no store", () => {
    expect(offenders("parts/", (target) => screens.test(target) || target.startsWith("home.svelte"))).toEqual([]);
  });

  it.each(["onboarding", "dashboard", "device", "settings", "takeover", "welcome", "moving"])("of %s lead to no other screen", (own) => {
    expect(offenders(`${own}/`, (target) => screens.test(target) && !target.startsWith(`${own}/`))).toEqual([]);
  });

  it("of Tauri stand in one file", () => {
    expect(files.filter(({ text }) => text.includes("@tauri-apps/")).map(({ file }) => file)).toEqual([
      join("host", "tauri.ts"),
    ]);
  });

  it("of the made-up home stand behind the development build only", () => {
    expect(
      offenders("", (target) => /host\/fake/.test(target)).filter((line) => !/^(host\/fake|test-)/.test(line)),
    ).toEqual([]);
  });
});

it("style attributes carry values only, and none is written into the markup", () => {
  const wrong = files.flatMap(({ file, text }) =>
    [...text.matchAll(/\sstyle(?:="|:(?!--))[^\s>]*/g)].map(([found]) => `${file}:${found}`),
  );
  expect(wrong).toEqual([]);
});

it("every failure says what happened and what to do, in sentences", () => {
  for (const [code, { short, happened, todo }] of Object.entries(failures)) {
    expect(short.length, code).toBeLessThan(30);
    expect(happened, code).toMatch(/^\p{Lu}.*\.$/u);
    expect(todo, code).toMatch(/^\p{Lu}.*\.$/u);
  }
});
