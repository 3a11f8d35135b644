/** What would have gone over the wire in the made-up home: the layers of a request and its answer. */
import type { Answer } from "./bindings/Answer";
import type { Exchange } from "./bindings/Exchange";
import type { ExchangeLayer } from "./bindings/ExchangeLayer";
import type { LayerKind } from "./bindings/LayerKind";
import type { Path } from "./bindings/Path";
import type { JsonValue } from "./bindings/serde_json/JsonValue";
import type { WrittenRequest } from "./host";

export const layer = (kind: LayerKind, text: string): ExchangeLayer => ({
  kind,
  text,
  secret: false,
  problem: null,
  leftOut: 0,
});

function layersOf(path: Path, line: string, body: JsonValue | null): ExchangeLayer[] {
  const json = body === null ? [] : [layer("json", JSON.stringify(body, null, 2))];
  if (path === "lan") return [layer("datagram", "44 01 30 39"), layer("coap", line), ...json];
  const rest = `<rest xmlns='rest.oic.org'><url>${line}</url></rest>`;
  return [layer("stanza", "<message/>"), layer("ibb", "data: block 0 of session s, 120 bytes"), layer("rest", rest), ...json];
}

/** `answer: null`: nothing came back. */
export function exchangeOf(path: Path, request: WrittenRequest, answer: Answer | null): Exchange {
  const atMs = Date.UTC(2026, 9, 12, 12, 3, 4, 56);
  const asked = layersOf(path, `${request.method} ${request.href}`, request.body ?? null);
  const sent = { direction: "sent", atMs, path, layers: asked } as const;
  if (!answer) return { steps: [sent], leftOut: 0 };
  const layers = layersOf(path, `${answer.status} ${answer.reason}`, answer.body);
  return { steps: [sent, { direction: "received", atMs: atMs + answer.elapsedMs, path, layers }], leftOut: 0 };
}
