// @vitest-environment node
/** What goes into the release: built for real, and looked at. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";

let folder = "";
let files: { name: string; text: string }[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "homeward-ui-"));
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const { NODE_ENV: _, VITEST: __, ...env } = process.env;
  execFileSync(process.execPath, [vite, "build", "--outDir", folder, "--emptyOutDir", "--logLevel", "error"], {
    cwd: root,
    env,
  });
  files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(html|js|css)$/.test(name))
    .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("the made-up home is not in it", () => {
  expect(files.length).toBeGreaterThan(2);
  expect(files.filter(({ text }) => /Lumenfold|made up:|hearth\.example/.test(text)).map(({ name }) => name)).toEqual(
    [],
  );
});

it("the page runs no inline script, and evaluates no text", () => {
  const html = files.find(({ name }) => name === "index.html")?.text ?? "";
  expect(
    [...html.matchAll(/<script([^>]*)>([^<]*)/g)].map(([, attributes, body]) => [
      /\ssrc="\.\//.test(attributes ?? ""),
      body,
    ]),
  ).toEqual([
    [true, ""],
    [true, ""],
  ]);
  expect(html).not.toMatch(/\sstyle="|\son\w+="/);
  expect(files.filter(({ text }) => /\beval\(|new Function\(/.test(text)).map(({ name }) => name)).toEqual([]);
});
