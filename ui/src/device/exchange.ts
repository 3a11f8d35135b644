/** What went over the wire, as text to copy. Pure. */
import type { Exchange } from "../host/bindings/Exchange";
import type { ExchangeLayer } from "../host/bindings/ExchangeLayer";
import type { ExchangeStep } from "../host/bindings/ExchangeStep";
import { words } from "../words";

const say = words.exchange;

/** `sent 12:03:04.123, LAN`. */
export const headOf = (step: ExchangeStep): string =>
  `${say.directions[step.direction]} ${say.time(step.atMs)}, ${step.path === "lan" ? words.tile.lan : words.tile.remote}`;

export type Named = { name: string; layer: ExchangeLayer };

/** The layers by name; where one message carries several of a kind, by number too. */
export function named(step: ExchangeStep): Named[] {
  return step.layers.map((layer, at) => {
    const before = step.layers.slice(0, at).filter(({ kind }) => kind === layer.kind).length;
    const name = say.layers[layer.kind];
    return { name: before === 0 ? name : `${name} ${before + 1}`, layer };
  });
}

/** What stands beside a layer: that something is struck out, cut off, or cannot be read. */
export function notesOf(layer: ExchangeLayer): string[] {
  const notes: string[] = [];
  if (layer.secret) notes.push(say.secret);
  if (layer.problem !== null) notes.push(say.problem(layer.problem));
  if (layer.leftOut > 0) notes.push(say.cut(layer.leftOut));
  return notes;
}

/** One step with all its layers. */
export function textOfStep(step: ExchangeStep): string {
  const layers = named(step).map(({ name, layer }) =>
    [`[${name}]`, ...notesOf(layer).map((note) => `(${note})`), layer.text].join("\n"),
  );
  return [headOf(step), ...layers].join("\n");
}

/** All of it. */
export function textOf(exchange: Exchange): string {
  const steps = exchange.steps.map(textOfStep);
  if (exchange.leftOut > 0) steps.push(say.more(exchange.leftOut));
  return steps.join("\n\n");
}
