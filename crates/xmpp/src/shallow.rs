//! One element of the stream, nested no deeper than we follow.
//!
//! What a stanza carries becomes elements that are built, read and dropped by recursion: some thousand levels, which
//! fit into a small stanza that every server lets pass, overflow the stack and end the program. Here the stanza is
//! dropped instead, as any other that cannot be read. Non-scope: what the element is.

use tokio_xmpp::xmlstream::XmppStreamElement;
use xso::error::{Error, FromEventsError};
use xso::exports::rxml::{AttrMap, Event, QName};
use xso::{Context, FromEventsBuilder, FromXml};

/// The deepest nesting that is read, in levels below the element itself. Our choice: no extension comes near ten.
const MAX_DEPTH: usize = 64;

/// What the stream brings: an element, or why one cannot be read. The stream itself is not concerned by the latter.
pub(crate) type Received = Result<Shallow, Error>;

/// An element within [`MAX_DEPTH`].
#[derive(Debug)]
pub(crate) struct Shallow(pub(crate) XmppStreamElement);

impl FromXml for Shallow {
    type Builder = Builder;

    fn from_events(name: QName, attributes: AttrMap, context: &Context<'_>) -> Result<Builder, FromEventsError> {
        let inner = XmppStreamElement::from_events(name, attributes, context)?;
        Ok(Builder { inner, depth: 0 })
    }
}

/// Counts the levels on their way to the element's own builder.
pub(crate) struct Builder {
    inner: <XmppStreamElement as FromXml>::Builder,
    depth: usize,
}

impl FromEventsBuilder for Builder {
    type Output = Shallow;

    fn feed(&mut self, event: Event, context: &Context<'_>) -> Result<Option<Shallow>, Error> {
        match event {
            Event::StartElement(..) if self.depth >= MAX_DEPTH => return Err(Error::Other("nested too deep")),
            Event::StartElement(..) => self.depth += 1,
            Event::EndElement(_) => self.depth = self.depth.saturating_sub(1),
            Event::XmlDeclaration(..) | Event::Text(..) => {}
        }
        Ok(self.inner.feed(event, context)?.map(Shallow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(levels: usize) -> Received {
        let (open, close) = ("<a>".repeat(levels), "</a>".repeat(levels));
        let text = format!("<message xmlns='jabber:client'>{open}{close}</message>");
        xso::from_bytes(text.as_bytes()).expect("well-formed")
    }

    #[test]
    fn an_ordinary_stanza_is_read() {
        assert!(matches!(message(MAX_DEPTH), Ok(Shallow(XmppStreamElement::Stanza(_)))));
    }

    #[test]
    fn a_stanza_that_is_nested_too_deep_is_dropped_and_overflows_no_stack() {
        assert!(message(MAX_DEPTH + 1).is_err());
        assert!(message(10_000).is_err());
    }

    #[test]
    fn siblings_are_not_levels() {
        let text = format!("<message xmlns='jabber:client'>{}</message>", "<a><b/></a>".repeat(1000));
        assert!(xso::from_bytes::<Received>(text.as_bytes()).expect("well-formed").is_ok());
    }
}
