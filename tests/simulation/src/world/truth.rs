//! What is so, whoever may see it.

use super::{Alias, Bound, Store, World};

impl World {
    /// Whether a client in the cluster would get a right embedding now. A server that is busy
    /// gives one too, later.
    #[must_use]
    pub fn can_embed(&self) -> bool {
        self.is_reached() && self.embeds()
    }

    /// Whether the server embeds rightly for those who reach it.
    #[must_use]
    pub fn embeds(&self) -> bool {
        self.can_compute()
            && self.server.listens() == Bound::All
            && self.has_alias()
            && self.models.flaw.is_none()
            && self.is_placed()
            && !self.lost_its_gpu()
    }

    /// Whether the server finds an alias that it can load.
    #[must_use]
    pub fn has_alias(&self) -> bool {
        self.server.keeps() == Store::Inside
            && matches!(self.models.alias, Alias::Good | Alias::Drifted)
            && !self.disk.closed
    }

    /// Whether clients reach the server.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        let link = &self.link;
        link.present
            && link.up
            && link.carrier
            && link.address.is_some()
            && link.route
            && !link.dropped
            && self.server_answers()
            && self.server.listens() == Bound::All
    }
}
