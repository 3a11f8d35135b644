/** Resources in their places: what a collection holds, and what lies below a path, stands under it. Pure. */
import type { Control } from "../host/bindings/Control";
import type { Resource } from "../host/bindings/Resource";

export type Leaf = { resource: Resource; depth: number };

/** Deeper than that nothing is set in further; a device may say that two collections hold each other. */
const DEEPEST = 5;

export function treeOf(resources: readonly Resource[], controls: readonly Control[]): Leaf[] {
  const holders = new Map<string, string>();
  for (const { href, shape } of controls)
    if (shape.is === "collection") for (const member of shape.members) if (member !== href) holders.set(member, href);
  const paths = new Set(resources.map(({ href }) => href));
  const above = (href: string): string | null => {
    const holder = holders.get(href);
    if (holder !== undefined && paths.has(holder)) return holder;
    for (let end = href.lastIndexOf("/"); end > 0; end = href.lastIndexOf("/", end - 1))
      if (paths.has(href.slice(0, end))) return href.slice(0, end);
    return null;
  };
  const below = new Map<string | null, Resource[]>();
  for (const resource of resources) {
    const parent = above(resource.href);
    below.set(parent, [...(below.get(parent) ?? []), resource]);
  }
  const leaves: Leaf[] = [];
  const seen = new Set<string>();
  const grow = (resource: Resource, depth: number): void => {
    if (seen.has(resource.href)) return;
    seen.add(resource.href);
    leaves.push({ resource, depth: Math.min(depth, DEEPEST) });
    for (const each of below.get(resource.href) ?? []) grow(each, depth + 1);
  };
  for (const resource of below.get(null) ?? []) grow(resource, 0);
  // Those that hold each other stand under nothing.
  for (const resource of resources) grow(resource, 0);
  return leaves;
}
