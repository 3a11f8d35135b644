//! `/oic/sec/doxm`: whose a secured device is (OIC Security §13.2, OCF Security §13.3).
//!
//! Scope: reading it. It is readable in clear while nobody owns the device, and no longer after. Non-scope: taking
//! ownership ([`crate::ownership`]).

use serde_json::Value;

use super::device_id::DeviceId;

/// Where it is, in every stack.
pub const DOXM_URI: &str = "/oic/sec/doxm";
/// In which state a device is, and how it is brought into another one.
pub const PSTAT_URI: &str = "/oic/sec/pstat";
/// The keys that it knows.
pub const CRED_URI: &str = "/oic/sec/cred";
/// Who may do what.
pub const ACL_URI: &str = "/oic/sec/acl2";
/// To which home it belongs.
pub const SDI_URI: &str = "/oic/sec/sdi";
/// The resource type of [`DOXM_URI`].
pub const DOXM_RT: &str = "oic.r.doxm";

/// The most transfer methods that are kept. Our choice: five are defined.
const MAX_METHODS: usize = 16;

/// Whose a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Nobody's.
    Unowned,
    /// Nobody's yet: somebody has begun to take it over.
    InTransfer,
    /// Ours.
    Ours,
    /// Somebody else's, or it does not say: a device that is owned does not show this to strangers.
    AnothersOrHidden,
}

/// How a device offers to be taken over (`oxms`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferMethod {
    /// 0: without proof; no protection against a man in the middle.
    JustWorks,
    /// 1: with a PIN that the device shows.
    RandomPin,
    /// 2: with the maker's certificate.
    Certificate,
    /// What we don't know.
    Other(u64),
}

/// `/oic/sec/doxm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doxm {
    /// Whether somebody owns it; `None` if it does not say.
    pub owned: Option<bool>,
    /// How it can be taken over.
    pub methods: Vec<TransferMethod>,
    /// Its id among secured devices.
    pub device: Option<DeviceId>,
    /// Its owner's; absent or all zeros while it has none.
    pub owner: Option<DeviceId>,
}

impl Doxm {
    /// Reads a representation; `None` if it is no object. What has a wrong type counts as missing.
    pub fn read(body: &Value) -> Option<Self> {
        let object = body.as_object()?;
        let id = |name: &str| object.get(name).and_then(DeviceId::from_value);
        let nobody = |id: &DeviceId| id.as_str().chars().all(|c| matches!(c, '0' | '-'));
        let methods = object.get("oxms").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Some(Self {
            owned: object.get("owned").and_then(Value::as_bool),
            methods: methods.iter().filter_map(Value::as_u64).take(MAX_METHODS).map(method).collect(),
            device: id("deviceuuid"),
            owner: id("devowneruuid").filter(|owner| !nobody(owner)),
        })
    }

    /// Whose it is, where we are `us`.
    pub fn ownership(&self, us: Option<&DeviceId>) -> Ownership {
        match self.owned {
            Some(false) if self.owner.is_some() => Ownership::InTransfer,
            Some(false) => Ownership::Unowned,
            Some(true) if us.is_some() && self.owner.as_ref() == us => Ownership::Ours,
            _ => Ownership::AnothersOrHidden,
        }
    }
}

fn method(number: u64) -> TransferMethod {
    match number {
        0 => TransferMethod::JustWorks,
        1 => TransferMethod::RandomPin,
        2 => TransferMethod::Certificate,
        other => TransferMethod::Other(other),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn an_unowned_device_says_how_it_can_be_taken_over() {
        let doxm = Doxm::read(&json!({
            "oxms": [0, 1, 2, 65280], "oxmsel": 0, "owned": false, "deviceuuid": "AB",
            "devowneruuid": "00000000-0000-0000-0000-000000000000"
        }))
        .unwrap();
        use TransferMethod::{Certificate, JustWorks, Other, RandomPin};
        assert_eq!(doxm.methods, [JustWorks, RandomPin, Certificate, Other(65280)]);
        assert_eq!((doxm.ownership(None), doxm.owner.as_ref()), (Ownership::Unowned, None));
    }

    #[test]
    fn one_that_has_an_owner_and_is_not_owned_is_being_taken_over() {
        let doxm = Doxm::read(&json!({"owned": false, "devowneruuid": "bb"})).unwrap();
        assert_eq!(doxm.ownership(None), Ownership::InTransfer);
    }

    #[test]
    fn an_owned_device_is_ours_only_if_it_names_us() {
        let us = DeviceId::new("aa").unwrap();
        let doxm = |owner: &str| Doxm::read(&json!({"owned": true, "devowneruuid": owner})).unwrap();
        assert_eq!(doxm("AA").ownership(Some(&us)), Ownership::Ours);
        assert_eq!(doxm("bb").ownership(Some(&us)), Ownership::AnothersOrHidden);
        assert_eq!(doxm("aa").ownership(None), Ownership::AnothersOrHidden);
    }

    #[test]
    fn one_that_does_not_say_is_not_unowned() {
        assert_eq!(Doxm::read(&json!({"owned": "no"})).unwrap().ownership(None), Ownership::AnothersOrHidden);
        assert_eq!(Doxm::read(&json!([])), None);
    }
}
