//! The full-JID scheme of Remote Access: `OIC/{version}/{type}/{id}` (RA-8, RA-9, RA-14).
//!
//! Scope: making and reading the resource part of a JID. Non-scope: whose bare JID it is; presence.

use std::fmt;

/// The version that we offer (L400: a parameter, not a constant, when reading).
pub const VERSION: &str = "1.0";

/// The resource part of an OIC endpoint's full JID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OicResource {
    /// `1.0`; any text when read.
    pub version: String,
    /// Client or device.
    pub role: Role,
    /// A UUID by the specification; read as an opaque string (L402, L404 carry ones that are none).
    pub id: String,
}

/// Who is behind a full JID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// An OIC client: never a tile (RA-14).
    Client,
    /// An OIC server of this device type: `oic.d.light`.
    Device(String),
}

impl OicResource {
    /// Our own (RA-8).
    pub fn client(uuid: impl Into<String>) -> Self {
        Self { version: VERSION.to_owned(), role: Role::Client, id: uuid.into() }
    }

    /// A device's (RA-9).
    pub fn device(device_type: impl Into<String>, di: impl Into<String>) -> Self {
        Self { version: VERSION.to_owned(), role: Role::Device(device_type.into()), id: di.into() }
    }

    /// Reads a resource part; anything else than four parts that begin with `OIC` is another program (RA-14).
    pub fn parse(resource: &str) -> Option<Self> {
        let mut parts = resource.splitn(4, '/');
        let (oic, version, kind, id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if oic != "OIC" || version.is_empty() || kind.is_empty() || id.is_empty() {
            return None;
        }
        let role = if kind == "Client" { Role::Client } else { Role::Device(kind.to_owned()) };
        Some(Self { version: version.to_owned(), role, id: id.to_owned() })
    }

    /// The device's id as a key: ids are compared without case (RA-9).
    pub fn key(&self) -> String {
        self.id.to_lowercase()
    }
}

impl fmt::Display for OicResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match &self.role {
            Role::Client => "Client",
            Role::Device(device_type) => device_type,
        };
        write!(f, "OIC/{}/{role}/{}", self.version, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_light_is_a_device_l402() {
        let read = OicResource::parse("OIC/1.0/oic.d.light/FFFFB960-BABE-46F7-BEC0-9E6234671ADC0").expect("scheme");
        assert_eq!(read.role, Role::Device("oic.d.light".to_owned()));
        assert_eq!(read.id, "FFFFB960-BABE-46F7-BEC0-9E6234671ADC0");
        assert_eq!(read.key(), "ffffb960-babe-46f7-bec0-9e6234671adc0");
        assert_eq!(read.to_string(), "OIC/1.0/oic.d.light/FFFFB960-BABE-46F7-BEC0-9E6234671ADC0");
    }

    #[test]
    fn the_specifications_client_is_no_device_l404() {
        let read = OicResource::parse("OIC/1.0/Client/FXFFB960-FFFF-46F7-BABE-9E6234671ADC1").expect("scheme");
        assert_eq!(read.role, Role::Client);
    }

    #[test]
    fn another_version_is_read_too() {
        assert_eq!(OicResource::parse("OIC/2.7/oic.d.fan/a").expect("scheme").version, "2.7");
    }

    #[test]
    fn an_id_with_slashes_stays_one_part() {
        assert_eq!(OicResource::parse("OIC/1.0/oic.d.fan/a/b").expect("scheme").id, "a/b");
    }

    #[test]
    fn other_programs_are_not_oic() {
        for resource in ["Conversations.x8", "OIC", "OIC/1.0/oic.d.light", "OIC/1.0/oic.d.light/", "oic/1.0/a/b", ""] {
            assert_eq!(OicResource::parse(resource), None, "{resource}");
        }
    }
}
