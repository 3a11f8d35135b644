//! Taking ownership of a secured device, and using it: OIC Security 1.1 §7 and OCF Security §7.3, as real stacks do it.
//!
//! Scope: which method is taken, the requests of a transfer in their order ([`transfer`]), the keys of both sides
//! ([`keys`]). Non-scope: DTLS, sending, where keys are kept, whose device it is before (`oic::security`).

pub mod keys;
pub mod transfer;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::oic::security::{Doxm, TransferMethod};

/// How a device is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export, rename = "TakeoverMethod")]
pub enum Method {
    /// Without proof: who listens at that moment can learn the keys.
    JustWorks,
    /// With the PIN that the device shows.
    Pin,
}

impl Method {
    /// `oxmsel` of `/oic/sec/doxm`.
    pub fn number(self) -> u64 {
        match self {
            Method::JustWorks => 0,
            Method::Pin => 1,
        }
    }

    /// Its name where keys are derived.
    pub fn name(self) -> &'static str {
        match self {
            Method::JustWorks => "oic.sec.doxm.jw",
            Method::Pin => "oic.sec.doxm.rdp",
        }
    }

    /// The methods that a device offers and that we speak, the safer first: a PIN keeps out who only listens or stands
    /// between.
    pub fn offered(doxm: &Doxm) -> impl Iterator<Item = Self> {
        let has = |method| doxm.methods.contains(&method);
        let pin = has(TransferMethod::RandomPin).then_some(Method::Pin);
        pin.into_iter().chain(has(TransferMethod::JustWorks).then_some(Method::JustWorks))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pin_comes_before_just_works_and_what_we_do_not_speak_is_left_out() {
        let offered = |oxms: serde_json::Value| {
            let doxm = Doxm::read(&json!({"oxms": oxms})).unwrap();
            Method::offered(&doxm).collect::<Vec<_>>()
        };
        assert_eq!(offered(json!([0, 1, 2])), [Method::Pin, Method::JustWorks]);
        assert_eq!(offered(json!([0])), [Method::JustWorks]);
        assert_eq!(offered(json!([2, 65280])), []);
    }
}
