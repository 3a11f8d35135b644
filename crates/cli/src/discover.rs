//! `discover`: what answers on the local network.

use homeward_core::view::{Device, RemoteAccess, Resource, Search, Security};
use serde::Serialize;

use crate::arguments::Common;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Output, word};
use crate::start::{Server, with_home};
use crate::words;

/// A device found, as scripts read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    di: String,
    name: String,
    device_type: Option<String>,
    manufacturer: Option<String>,
    addresses: Vec<String>,
    claimed_at: Vec<String>,
    remote_access: Option<Access>,
    security: Security,
    resources: Vec<Resource>,
}

/// Its Remote Access, as it reports it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Access {
    address: Option<String>,
    port: Option<u16>,
    status: Option<String>,
    error_reason: Option<String>,
}

impl Found {
    fn of(device: Device) -> Option<Self> {
        let lan = device.lan?;
        Some(Self {
            di: device.di,
            name: device.name,
            device_type: device.device_type,
            manufacturer: device.manufacturer,
            addresses: lan.addresses,
            claimed_at: device.claimed_at,
            remote_access: lan.remote_access.map(Access::from),
            security: lan.security,
            resources: device.resources,
        })
    }
}

impl From<RemoteAccess> for Access {
    fn from(access: RemoteAccess) -> Self {
        let RemoteAccess { address, port, status, error_reason, .. } = access;
        Self { address, port, status, error_reason }
    }
}

/// Searches until the timeout, or Ctrl-C.
pub(crate) async fn run(common: &Common, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::StayAway, async |home, patience| {
        let mut interrupt = Interrupt::listen();
        let (devices, search) = tokio::select! {
            found = home.discover(patience.left()) => found?,
            () = interrupt.next() => {
                home.stop_search();
                (home.devices(), home.snapshot().search)
            }
        };
        let mut found: Vec<Found> = devices.into_iter().filter_map(Found::of).collect();
        found.sort_by(|a, b| (&a.name, &a.di).cmp(&(&b.name, &b.di)));
        if output.is_json() {
            output.json(&found)?;
        } else {
            show(&found, *output)?;
        }
        if found.is_empty() {
            explain(&search, *output);
        }
        Ok(Exit::Done)
    })
    .await
}

fn show(found: &[Found], output: Output) -> Result<(), Failure> {
    if found.is_empty() {
        output.line("No device answered.")?;
        return Ok(());
    }
    let rows: Vec<[String; 6]> = found
        .iter()
        .map(|device| {
            [
                device.name.clone(),
                device.device_type.clone().unwrap_or_default(),
                device.remote_access.as_ref().map_or_else(|| "none".to_owned(), access_words),
                word(&device.security),
                device.addresses.first().cloned().unwrap_or_default(),
                device.di.clone(),
            ]
        })
        .collect();
    output.table(["NAME", "TYPE", "REMOTE ACCESS", "SECURITY", "ADDRESS", "DI"], &rows)?;
    for device in found.iter().filter(|device| !device.claimed_at.is_empty()) {
        output.note(&words::claimed(&device.name, &device.claimed_at));
    }
    Ok(())
}

/// `Connected to home.test:5222`, `Error: no such host`, `NotInitialized`.
fn access_words(access: &Access) -> String {
    let status = access.status.as_deref().unwrap_or("not readable");
    let reason = access.error_reason.as_deref().filter(|reason| !reason.is_empty());
    let address = access.address.as_deref().filter(|address| !address.is_empty());
    match (status, reason, address) {
        ("Error", Some(reason), _) => format!("Error: {reason}"),
        ("Connected", _, Some(address)) => match access.port {
            Some(port) => format!("Connected to {address}:{port}"),
            None => format!("Connected to {address}"),
        },
        _ => status.to_owned(),
    }
}

/// What was tried on each interface, and what the silence suggests.
fn explain(search: &Search, output: Output) {
    if search.interfaces.is_empty() {
        output.note("no interface to search is up; loopback is searched only if it is named by --interface");
    }
    for interface in &search.interfaces {
        let problem = interface.problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
        let hint = interface.hint.map(|hint| format!(": {}", words::hint(hint))).unwrap_or_default();
        output.note(&format!(
            "{}: {} datagrams sent, {} received{problem}{hint}",
            interface.name, interface.sent, interface.received
        ));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use homeward_core::crudn::Href;
    use serde_json::json;

    use super::*;

    fn access(status: &str) -> Access {
        Access {
            address: Some("home.test".into()),
            port: Some(5222),
            status: Some(status.into()),
            error_reason: Some("no such host".into()),
        }
    }

    #[test]
    fn a_found_device_has_the_fields_that_scripts_rely_on() {
        let found = Found {
            di: "ab".into(),
            name: "Lamp".into(),
            device_type: Some("oic.d.light".into()),
            manufacturer: None,
            addresses: vec!["192.0.2.1:5683".into()],
            claimed_at: vec!["192.0.2.66:5683".into()],
            remote_access: Some(access("Error")),
            security: Security::OwnedByAnother,
            resources: vec![Resource {
                href: Href::new("/light").unwrap(),
                rt: vec!["oic.r.switch.binary".into()],
                interfaces: vec!["oic.if.a".into()],
                observable: true,
            }],
        };
        assert_eq!(
            serde_json::to_value(found).unwrap(),
            json!({
                "di": "ab", "name": "Lamp", "deviceType": "oic.d.light", "manufacturer": null,
                "addresses": ["192.0.2.1:5683"], "claimedAt": ["192.0.2.66:5683"],
                "remoteAccess": {"address": "home.test", "port": 5222, "status": "Error", "errorReason": "no such host"},
                "security": "owned-by-another",
                "resources": [{"href": "/light", "rt": ["oic.r.switch.binary"], "if": ["oic.if.a"], "observable": true}],
            })
        );
    }

    #[test]
    fn the_state_of_remote_access_reads_as_a_phrase() {
        assert_eq!(access_words(&access("Connected")), "Connected to home.test:5222");
        assert_eq!(access_words(&access("Error")), "Error: no such host");
        assert_eq!(access_words(&access("NotInitialized")), "NotInitialized");
        assert_eq!(access_words(&Access { status: None, ..access("") }), "not readable");
    }
}
