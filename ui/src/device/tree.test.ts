import { expect, it } from "vitest";
import type { Control } from "../host/bindings/Control";
import type { Resource } from "../host/bindings/Resource";
import { treeOf } from "./tree";

const resource = (href: string): Resource => ({ href, rt: ["x"], if: [], observable: false });
const collection = (href: string, ...members: string[]): Control => ({
  href,
  property: "links",
  shape: { is: "collection", members },
  writable: false,
  confirm: false,
  rt: "oic.wk.col",
});
const drawn = (hrefs: string[], ...controls: Control[]) =>
  treeOf(hrefs.map(resource), controls).map(({ resource: { href }, depth }) => `${"  ".repeat(depth)}${href}`);

it("what lies below a path, and what a collection holds, stands under it", () => {
  expect(drawn(["/light", "/group/1", "/group", "/group/1/deep", "/fan"], collection("/group", "/fan"))).toEqual([
    "/light",
    "/group",
    "  /group/1",
    "    /group/1/deep",
    "  /fan",
  ]);
});

it("a path that nothing is at holds nothing", () => {
  expect(drawn(["/x/speed", "/x/boost"])).toEqual(["/x/speed", "/x/boost"]);
});

it("collections that hold each other, or themselves, are each shown once", () => {
  expect(drawn(["/a", "/b", "/c"], collection("/a", "/b"), collection("/b", "/a"), collection("/c", "/c"))).toEqual([
    "/c",
    "/a",
    "  /b",
  ]);
});

it("however deep a device says that it goes, it stays on the screen", () => {
  const hrefs = Array.from({ length: 40 }, (_, depth) => `/${Array.from({ length: depth + 1 }, () => "a").join("/")}`);
  const depths = treeOf(hrefs.map(resource), []).map(({ depth }) => depth);
  expect([depths.length, Math.max(...depths)]).toEqual([40, 5]);
});
