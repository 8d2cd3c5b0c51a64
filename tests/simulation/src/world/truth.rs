//! What is so, whoever may see it.

use super::{Alias, Bound, Store, World};

/// What a client must be able to do, and whether it is.
type Part = (&'static str, fn(&World) -> bool);

/// What a client needs of the guest, which the agent sees each by another look.
pub const PARTS: [Part; 4] = [
    ("embed", World::embeds),
    ("answer", World::answers_clients),
    ("be routed to", World::is_routed),
    ("be let through", |world| !world.link.dropped),
];

/// When each of [`PARTS`] was last so. `None`: never yet.
pub type LastSo = [Option<u64>; PARTS.len()];

impl World {
    /// Notes what is so now, and has been until `now`.
    pub(super) fn note_parts(&mut self, so: [bool; PARTS.len()]) {
        for (last, so) in self.last_so.iter_mut().zip(so) {
            if so {
                *last = Some(self.now);
            }
        }
    }

    /// Whether a client in the cluster would get a right embedding now. A server that is busy
    /// gives one too, later.
    #[must_use]
    pub fn can_embed(&self) -> bool {
        PARTS.iter().all(|(_, so)| so(self)) && self.is_placed()
    }

    /// Whether the server embeds rightly for those who reach it, wherever its model lies.
    fn embeds(&self) -> bool {
        self.can_compute()
            && self.server.listens() == Bound::All
            && self.has_alias()
            && self.models.flaw.is_none()
            && !self.lost_its_gpu()
    }

    /// Whether the server finds an alias that it can load.
    #[must_use]
    pub fn has_alias(&self) -> bool {
        self.server.keeps() == Store::Inside
            && matches!(self.models.alias, Alias::Good | Alias::Drifted)
            && !self.disk.closed
    }

    /// Whether a client's packets come to the guest, and its own go back.
    fn is_routed(&self) -> bool {
        let link = &self.link;
        link.present && link.up && link.carrier && link.address.is_some() && link.route
    }

    /// Whether the server answers clients whose packets come.
    fn answers_clients(&self) -> bool {
        self.server_answers() && self.server.listens() == Bound::All
    }
}
