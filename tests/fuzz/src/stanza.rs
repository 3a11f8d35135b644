//! One element of the stream, as it comes from the server: parsed by others' crates, read by `xmpp` and `core`.

use homeward_protocol::remote::ibb::Block;
use xmpp_parsers::bind::BindResponse;
use xmpp_parsers::ibb::{Close, Open};
use xmpp_parsers::iq::{Iq, IqPayload};
use xmpp_parsers::jid::Jid;
use xmpp_parsers::message::Message;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::presence::Presence;
use xmpp_parsers::roster::Roster;
use xmpp_parsers::stream_error::ReceivedStreamError;
use xmpp_parsers::{ns, sasl, starttls};
use xso::error::Error;
use xso::{AsXml, FromXml};

/// What a client's stream may bring; tokio-xmpp's own is the same, and would have TLS and DNS built along.
#[derive(FromXml, AsXml)]
#[xml()]
enum Received {
    #[xml(transparent)]
    Message(Message),
    #[xml(transparent)]
    Presence(Presence),
    #[xml(transparent)]
    Iq(Iq),
    #[xml(transparent)]
    Sasl(sasl::Nonza),
    #[xml(transparent)]
    StartTls(starttls::Nonza),
    #[xml(transparent)]
    StreamError(ReceivedStreamError),
}

/// What is read of any element can be read without a panic; what could be read can be written again.
pub fn check(data: &[u8]) {
    // As the stream does: an element that cannot be read must not end it.
    let Ok(Ok(element)) = xso::from_bytes::<Result<Received, Error>>(data) else { return };
    match &element {
        Received::Presence(presence) => sender(presence.from.as_ref()),
        Received::Message(message) => {
            sender(message.from.as_ref());
            message.payloads.iter().for_each(payload);
        }
        Received::Iq(iq) => question(iq.clone()),
        Received::Sasl(_) | Received::StartTls(_) | Received::StreamError(_) => {}
    }
    assert!(xso::to_vec(&element).is_ok());
}

fn question(iq: Iq) {
    sender(iq.from());
    let (_, payload) = iq.split();
    if let IqPayload::Get(element) | IqPayload::Set(element) | IqPayload::Result(Some(element)) = payload {
        self::payload(&element);
    }
}

fn sender(from: Option<&Jid>) {
    if let Some(resource) = from.and_then(Jid::resource) {
        crate::jid::resource(resource.as_str());
    }
}

/// The payloads that we look into.
fn payload(element: &Element) {
    if element.is("data", ns::IBB) {
        let _ = element.attr("seq").and_then(|seq| Block::read(seq, &element.text()));
    }
    let _ = Open::try_from(element.clone());
    let _ = Close::try_from(element.clone());
    let _ = Roster::try_from(element.clone());
    let _ = BindResponse::try_from(element.clone());
}
