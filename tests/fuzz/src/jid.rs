//! JIDs, their resource part in the scheme of Remote Access, and device ids.

use homeward_protocol::oic::device_id::DeviceId;
use homeward_protocol::remote::jid::{OicResource, Role};
use xmpp_parsers::jid::Jid;

/// What was read is written as it was, and an id is the same however often it is read.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    resource(text);
    device_id(text);
    if let Ok(jid) = Jid::new(text) {
        // Not that it is the same when it is read again: U+1D34 in the account becomes H, and that h.
        if let Some(part) = jid.resource() {
            resource(part.as_str());
        }
    }
}

/// As it stands behind the account in the full JID of a device or a client.
pub(crate) fn resource(text: &str) {
    let Some(read) = OicResource::parse(text) else { return };
    assert_eq!(read.to_string(), text);
    assert!(read.role != Role::Device("Client".to_owned()));
    assert_eq!(OicResource { id: read.key(), ..read.clone() }.key(), read.key(), "a key is its own key");
}

fn device_id(text: &str) {
    let anchored = DeviceId::from_anchor(text);
    for id in [DeviceId::new(text), anchored, DeviceId::from_value(&text.into())].into_iter().flatten() {
        assert!(id.as_str().len() <= DeviceId::MAX_BYTES, "{id}");
        assert_eq!(DeviceId::new(id.as_str()).as_ref(), Some(&id));
        assert_eq!(DeviceId::from_anchor(&format!("ocf://{id}")).as_ref(), Some(&id));
    }
}
