//! The world's state, as far as one is another than the next whatever the time is.

use std::hash::{Hash, Hasher};
use std::mem::discriminant;

use super::World;

impl World {
    /// Feeds what kind of state it is in to `hasher`: no times, no counts.
    pub fn hash_state(&self, hasher: &mut impl Hasher) {
        let (link, networkd, disk, server) = (&self.link, &self.networkd, &self.disk, &self.server);
        let (unit, gpu, models) = (&self.unit, &self.gpu, &self.models);
        let bits = [
            link.present,
            link.up,
            link.carrier,
            link.address.is_some(),
            link.route,
            link.dropped,
            link.locked,
            self.dhcp.away,
            networkd.lease,
            networkd.off_bus,
            networkd.masked,
            networkd.repeats,
            networkd.file.pinned,
            networkd.file.missing,
            networkd.file.by_name,
            disk.mounted,
            disk.foreign > 0,
            disk.immutable > 0,
            disk.linked,
            disk.read_only,
            disk.has_room(),
            disk.abandoned > 0,
            disk.free < self.registry.bytes,
            disk.hangs,
            disk.writes_hang,
            disk.closed,
            server.frozen,
            server.crashes,
            server.gone,
            server.no_user,
            server.port_taken,
            server.queue > 0,
            server.full,
            server.on_gpu,
            self.server_is_bound(),
            self.server_answers(),
            self.registry.away,
            self.registry.silent,
            self.registry_garbles(),
            self.registry_serves(),
            self.dns_dead,
            self.pull.is_some(),
            self.request.is_some(),
            gpu.is_usable(),
            gpu.lost,
            gpu.hangs,
        ];
        bits.hash(hasher);
        let kinds = (
            discriminant(&networkd.process),
            discriminant(&networkd.admin),
            discriminant(&unit.load),
            discriminant(&unit.active),
            discriminant(&server.listens()),
            discriminant(&server.keeps()),
            discriminant(&server.runner),
            discriminant(&models.source),
            discriminant(&models.alias),
            models.flaw.as_ref().map(discriminant),
            discriminant(&self.cloud_init),
        );
        kinds.hash(hasher);
    }
}
