//! `/oic/res`, in every shape.

use homeward_protocol::oic::discovery::{self, DiscoveredDevice, MAX_LINKS, Shape};

/// What was read is within bounds, is written in either shape, and is read again as the same, less what the shape has
/// no place for.
pub fn check(data: &[u8]) {
    let Ok(devices) = discovery::decode(data) else { return };
    assert!(devices.iter().map(|device| device.links.len()).sum::<usize>() <= MAX_LINKS);
    for device in devices {
        let mut in_ocf = device.clone();
        in_ocf.links.iter_mut().for_each(|link| link.secure_port = None);
        again(&device, Shape::Ocf, in_ocf);
        let mut in_oic = device.clone();
        in_oic.links.iter_mut().for_each(|link| link.endpoints.clear());
        again(&device, Shape::Oic, in_oic);
    }
}

fn again(device: &DiscoveredDevice, shape: Shape, expected: DiscoveredDevice) {
    let written = discovery::write(device, shape);
    assert_eq!(discovery::read(&written), Ok(vec![expected]), "{written}");
}
