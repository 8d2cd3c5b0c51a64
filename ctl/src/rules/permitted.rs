//! The devices that a cluster lets VMs have.

use crate::input::{Inputs, Object};
use crate::yaml::Node;

/// What says so: the KubeVirt object, or the one that `OpenShift` makes it from.
pub(super) fn clusters(inputs: &Inputs) -> impl Iterator<Item = &Object> + Clone {
    inputs.of_kind("KubeVirt").chain(inputs.of_kind("HyperConverged"))
}

/// Its permitted devices of one kind, such as `pciHostDevices`.
pub(super) fn permitted<'a>(
    cluster: &'a Object,
    kind: &'a str,
) -> impl Iterator<Item = &'a Node> + use<'a> {
    let above: [&[&str]; 3] = [&["spec", "configuration"], &["spec"], &["spec", "virtualization"]];
    let lists = above.into_iter().filter_map(|path| cluster.root.at(path));
    let devices = lists.flat_map(move |spec| spec.list(&["permittedHostDevices", kind]));
    devices.filter(|device| !device.get("disabled").is_some_and(Node::is_true))
}

/// Its vendor and product.
pub(super) fn selector(device: &Node) -> Option<&Node> {
    device.get("pciVendorSelector").or_else(|| device.get("pciDeviceSelector"))
}
