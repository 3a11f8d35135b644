//! A payload nested no deeper than we follow: the parser's time for a level grows with the levels above it, so a payload
//! that is nothing but levels would take seconds.

use xso::error::{Error, FromEventsError};
use xso::exports::rxml::{AttrMap, Event, QName};
use xso::{Context, FromEventsBuilder, FromXml};

/// The deepest nesting that is read, in levels below the payload's own. Our choice: `<rest>` itself has two.
pub(super) const MAX_DEPTH: usize = 32;

/// A payload within [`MAX_DEPTH`].
pub(crate) struct Shallow<T>(pub(crate) T);

impl<T: FromXml> FromXml for Shallow<T> {
    type Builder = Builder<T::Builder>;

    fn from_events(name: QName, attributes: AttrMap, context: &Context<'_>) -> Result<Self::Builder, FromEventsError> {
        Ok(Builder { inner: T::from_events(name, attributes, context)?, depth: 0 })
    }
}

/// Counts the levels on their way to the payload's own builder.
pub(crate) struct Builder<B> {
    inner: B,
    depth: usize,
}

impl<B: FromEventsBuilder> FromEventsBuilder for Builder<B> {
    type Output = Shallow<B::Output>;

    fn feed(&mut self, event: Event, context: &Context<'_>) -> Result<Option<Self::Output>, Error> {
        match event {
            Event::StartElement(..) if self.depth >= MAX_DEPTH => return Err(Error::Other("nested too deep")),
            Event::StartElement(..) => self.depth += 1,
            Event::EndElement(_) => self.depth = self.depth.saturating_sub(1),
            Event::XmlDeclaration(..) | Event::Text(..) => {}
        }
        Ok(self.inner.feed(event, context)?.map(Shallow))
    }
}
