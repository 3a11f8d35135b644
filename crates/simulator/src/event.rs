//! What a simulated home tells while it runs: the lines that the program prints.

use homeward_protocol::crudn::Href;
use serde::Serialize;
use serde_json::Value;

use crate::model::Via;

/// Something happened to a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A representation is different now.
    Value {
        /// Whose.
        di: String,
        /// Which resource.
        href: Href,
        /// All of it, without credentials; null: the resource is gone.
        value: Value,
        /// What changed it.
        via: Via,
    },
    /// The device shows a PIN, by which it can be taken over.
    Pin {
        /// Whose.
        di: String,
        /// As it is to be typed.
        pin: String,
    },
    /// The XMPP connection is in another state now.
    Xmpp {
        /// Whose.
        di: String,
        /// `Connected`, `Error` or `NotInitialized`.
        state: &'static str,
        /// With `Error`: why.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// With `Connected`: the full JID.
        #[serde(skip_serializing_if = "Option::is_none")]
        jid: Option<String>,
    },
}
