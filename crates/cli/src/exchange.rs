//! What went over the wire, as text for a person.

use homeward_core::view::{Direction, Exchange, ExchangeLayer, ExchangeStep, LayerKind};

use crate::output::{rfc3339, word};

/// Each stanza or datagram, and its layers below each other.
pub(crate) fn text(exchange: &Exchange) -> String {
    let mut lines: Vec<String> = exchange.steps.iter().flat_map(step).collect();
    if exchange.steps.is_empty() {
        lines.push("nothing went over the wire".to_owned());
    }
    if exchange.left_out > 0 {
        lines.push(format!("and {} more, left out", exchange.left_out));
    }
    lines.join("\n")
}

fn step(step: &ExchangeStep) -> Vec<String> {
    let arrow = match step.direction {
        Direction::Sent => "-->",
        Direction::Received => "<--",
    };
    let at = rfc3339(step.at_ms).unwrap_or_default();
    let mut lines = vec![format!("{arrow} {at} over {}", word(&step.path))];
    lines.extend(step.layers.iter().flat_map(layer));
    lines
}

fn layer(layer: &ExchangeLayer) -> Vec<String> {
    let mut head = format!("  {}", name(layer.kind));
    if layer.secret {
        head.push_str(" (a secret, or what may be one, is struck out)");
    }
    if let Some(problem) = &layer.problem {
        head.push_str(&format!(" ({problem})"));
    }
    let mut lines = vec![head];
    lines.extend(layer.text.lines().map(|line| format!("    {line}")));
    if layer.left_out > 0 {
        lines.push(format!("    and {} bytes more", layer.left_out));
    }
    lines
}

fn name(kind: LayerKind) -> &'static str {
    match kind {
        LayerKind::Stanza => "XMPP stanza",
        LayerKind::Ibb => "In-Band Bytestream",
        LayerKind::Rest => "<rest>",
        LayerKind::Datagram => "datagram",
        LayerKind::Coap => "CoAP",
        LayerKind::Cbor => "CBOR",
        LayerKind::Json => "JSON",
        LayerKind::Text => "text",
        LayerKind::Bytes => "bytes",
    }
}

#[cfg(test)]
mod tests {
    use homeward_core::view::Path;

    use super::*;

    #[test]
    fn an_exchange_is_told_step_by_step_and_layer_by_layer() {
        let layer = |kind, text: &str| ExchangeLayer {
            kind,
            text: text.to_owned(),
            secret: kind == LayerKind::Json,
            problem: None,
            left_out: 0,
        };
        let layers = vec![layer(LayerKind::Cbor, "…"), layer(LayerKind::Json, "{\n  \"pin\": \"…\"\n}")];
        let steps = vec![ExchangeStep { direction: Direction::Sent, at_ms: 0, path: Path::Lan, layers }];
        assert_eq!(
            text(&Exchange { steps, left_out: 2 }),
            "--> 1970-01-01T00:00:00Z over lan\n  CBOR\n    …\n  JSON (a secret, or what may be one, is struck out)\n    {\n      \
             \"pin\": \"…\"\n    }\nand 2 more, left out"
        );
        assert_eq!(text(&Exchange::default()), "nothing went over the wire");
    }
}
