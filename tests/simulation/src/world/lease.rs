//! The last lease, noted down by a helper, and repeated where no DHCP server answers.

use super::World;

/// How long networkd probes whether somebody else has an address: RFC 5227.
const PROBES: u64 = 7000;

impl World {
    /// The helper notes the lease of this boot.
    pub fn note_lease(&mut self) {
        self.lease_noted = Some(self.boots);
    }

    /// Whether there is a lease that may be repeated: one of this boot.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        self.lease_noted == Some(self.boots) && self.file_matches()
    }

    /// The drop-in that repeats the lease is written, and networkd reloads.
    pub fn repeat_lease(&mut self) {
        self.networkd.repeats = true;
        self.probe_address();
    }

    /// It is taken away, and networkd reloads.
    pub fn stop_repeating(&mut self) {
        self.networkd.repeats = false;
        self.networkd.probed = None;
        if !self.networkd.lease {
            self.flush();
        }
    }

    /// networkd probes the address that the drop-in names.
    pub(super) fn probe_address(&mut self) {
        if self.networkd.repeats && self.link.carrier && self.link.up {
            self.networkd.probed = Some(self.now + PROBES);
        }
    }

    /// Nobody else has it.
    pub(super) fn take_address(&mut self) {
        if self.link.carrier && self.link.up && self.link.address.is_none() {
            self.link.address = Some(u64::MAX);
            self.link.route = true;
            self.network_changed();
        }
    }
}
