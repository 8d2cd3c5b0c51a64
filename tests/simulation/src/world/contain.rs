//! The lab's guests: containers with a server that only behaves like one.

use super::World;

impl World {
    /// The same guest in a container of the lab's, in which nothing waits for udev, no server
    /// looks for GPUs, and a small model is loaded in `load` milliseconds.
    pub fn contain(&mut self, load: u64) {
        self.networkd.takes_in = None;
        self.networkd.sets_in = 50;
        self.dhcp.latency = 110;
        // All of them hang on how much else the machine has to do.
        self.server.executing = load / 2;
        self.server.stopping = (1, 100);
        self.server.binding = load / 2;
        self.server.discovery = 0;
        self.server.load = load;
        self.server.embeds = 5;
        self.boot();
    }
}
