//! `devices`: the devices of the account, and what else answers on the local network.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use homeward_core::Home;
use homeward_core::view::{Device, Path, Presence};
use serde::Serialize;
use tokio::time::{Instant, timeout, timeout_at};

use crate::arguments::Common;
use crate::exit::{Exit, Failure};
use crate::output::{Output, rfc3339, word};
use crate::start::{Patience, Server, search, with_home};
use crate::words;

/// Our choice: presences come in one burst; after this long without a new one they have all come.
const SETTLED: Duration = Duration::from_millis(300);
/// Our choice: devices asked for their names side by side.
const AT_ONCE: usize = 16;

/// A device, as scripts read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    di: String,
    jid: Option<String>,
    device_type: Option<String>,
    name: String,
    presence: Presence,
    last_seen: Option<String>,
    paths: Vec<Path>,
    latency_ms: Option<u32>,
    claimed_at: Vec<String>,
}

impl From<Device> for Shown {
    fn from(device: Device) -> Self {
        Self {
            paths: paths(&device),
            di: device.di,
            jid: device.remote.map(|remote| remote.jid),
            device_type: device.device_type,
            name: device.name,
            presence: device.presence,
            last_seen: device.last_seen_at_ms.and_then(rfc3339),
            latency_ms: device.latency_ms,
            claimed_at: device.claimed_at,
        }
    }
}

fn paths(device: &Device) -> Vec<Path> {
    let lan = device.lan.as_ref().filter(|lan| lan.answering).map(|_| Path::Lan);
    let xmpp = device.remote.as_ref().filter(|remote| remote.available).map(|_| Path::Xmpp);
    lan.into_iter().chain(xmpp).collect()
}

/// Connects, waits for the presences, asks those online for their names, and prints all.
pub(crate) async fn run(common: &Common, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::Connect, async |home, patience| {
        search(home)?;
        home.connected(patience.left()).await?;
        settled(home, patience).await;
        // A device that does not answer keeps the name it had.
        let _ = timeout(patience.left(), describe(home)).await;
        let mut devices: Vec<Shown> = home.devices().into_iter().map(Shown::from).collect();
        devices.sort_by(|a, b| (&a.name, &a.di).cmp(&(&b.name, &b.di)));
        if output.is_json() {
            output.json(&devices)?;
        } else {
            show(&devices, *output)?;
        }
        Ok(Exit::Done)
    })
    .await
}

fn at_server(home: &Home) -> BTreeSet<String> {
    let devices = home.devices();
    devices.into_iter().filter(|device| paths(device).contains(&Path::Xmpp)).map(|device| device.id).collect()
}

/// Waits until no new device has come online for a while, or the patience ends.
async fn settled(home: &Home, patience: Patience) {
    let mut subscription = home.subscribe();
    let mut online = at_server(home);
    let mut quiet_at = Instant::now() + SETTLED;
    // An end of the events, and a lag, are looked at as any batch is.
    while timeout_at(quiet_at.min(patience.until()), subscription.next()).await.is_ok_and(|batch| batch.is_some()) {
        let now = at_server(home);
        if now != online {
            online = now;
            quiet_at = Instant::now() + SETTLED;
        }
    }
}

async fn describe(home: &Home) {
    futures::stream::iter(at_server(home)).for_each_concurrent(AT_ONCE, async |id| home.describe(&id).await).await;
}

fn show(devices: &[Shown], output: Output) -> Result<(), Failure> {
    if devices.is_empty() {
        output.line("No device is known. `homewardctl discover` and `homewardctl onboard` bring some.")?;
        return Ok(());
    }
    let rows: Vec<[String; 6]> = devices
        .iter()
        .map(|device| {
            [
                device.name.clone(),
                device.device_type.clone().unwrap_or_default(),
                word(&device.presence),
                device.paths.iter().map(word).collect::<Vec<_>>().join(", "),
                device.last_seen.clone().unwrap_or_default(),
                device.di.clone(),
            ]
        })
        .collect();
    output.table(["NAME", "TYPE", "PRESENCE", "PATHS", "LAST SEEN", "DI"], &rows)?;
    for device in devices.iter().filter(|device| !device.claimed_at.is_empty()) {
        output.note(&words::claimed(&device.name, &device.claimed_at));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use homeward_core::view::OnRemote;
    use serde_json::json;

    use super::*;

    fn lamp(available: bool) -> Device {
        Device {
            id: "ab".into(),
            di: "AB".into(),
            name: "Lamp".into(),
            device_type: Some("oic.d.light".into()),
            manufacturer: None,
            model: None,
            about: Vec::new(),
            credential: None,
            owned: None,
            claimed_at: Vec::new(),
            lan: None,
            remote: Some(OnRemote { jid: "home@home.test/OIC/1.0/oic.d.light/AB".into(), available, contact: false }),
            presence: if available { Presence::Online } else { Presence::Remembered },
            last_seen_at_ms: Some(1_767_225_599_250),
            path: available.then_some(Path::Xmpp),
            latency_ms: available.then_some(7),
            resources: vec![],
            core: vec![],
            controls: vec![],
            values: BTreeMap::new(),
            wishes: BTreeMap::new(),
            trouble: None,
            described: true,
        }
    }

    #[test]
    fn a_device_has_the_fields_that_scripts_rely_on() {
        assert_eq!(
            serde_json::to_value(Shown::from(lamp(true))).unwrap(),
            json!({
                "di": "AB", "jid": "home@home.test/OIC/1.0/oic.d.light/AB", "deviceType": "oic.d.light", "name": "Lamp",
                "presence": "online", "lastSeen": "2025-12-31T23:59:59.25Z", "paths": ["xmpp"], "latencyMs": 7,
                "claimedAt": [],
            })
        );
    }

    #[test]
    fn a_remembered_device_has_no_path_and_no_latency() {
        let shown = serde_json::to_value(Shown::from(lamp(false))).unwrap();
        assert_eq!(
            (&shown["presence"], &shown["paths"], &shown["latencyMs"]),
            (&json!("remembered"), &json!([]), &json!(null))
        );
    }
}
