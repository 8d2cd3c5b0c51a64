//! What the probe has said so far, and what follows from the order in which it did.

use std::time::Duration;

use super::probe::{Failure, Gpu, Host, Line, Versions, Xid};

/// XIDs that are remembered: the last of each kind of each GPU, and no more than this.
const XIDS: usize = 32;

/// Whether the driver can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Driver {
    /// Nothing has been said yet.
    #[default]
    NotAsked,
    /// It answers.
    Up(Versions),
    /// It does not, and says why.
    Down(Failure),
    /// The probe has said nothing for too long: it is given up, and may hang in the kernel.
    Silent,
    /// The probe itself could not be had.
    NoProbe(String),
}

/// What the probe has said so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// What the guest says of the driver.
    pub host: Host,
    /// Whether the driver can be asked.
    pub driver: Driver,
    /// The GPUs, once the driver has told of them.
    pub gpus: Option<Vec<Gpu>>,
    /// XIDs since the driver was loaded, and the uptime of each.
    pub xids: Vec<(Xid, Duration)>,
    /// Uptime at which the GPUs were seen to become usable. `None`: whenever they became so, it
    /// was before anybody looked; [`Host::devices_made`] may tell.
    pub usable_since: Option<Duration>,
    /// What the kernel said when it refused the driver's signature.
    pub refused: Option<String>,
    /// Uptime at which one was last seen to compute.
    pub computed_at: Option<Duration>,
    /// How many probes were given up.
    pub abandoned: u64,
}

impl Seen {
    /// Takes in a line that came at `uptime`.
    pub fn take(&mut self, line: Line, uptime: Duration) {
        match line {
            Line::Host(host) => self.host = host,
            Line::Nvml(versions) => {
                match self.driver {
                    // Loaded anew: what happened before is over.
                    Driver::Down(_) => {
                        self.xids.clear();
                        self.gpus = None;
                        self.usable_since = Some(uptime);
                    }
                    // A server that was started meanwhile waited for it in vain.
                    Driver::Silent => self.usable_since = Some(uptime),
                    Driver::NotAsked | Driver::Up(_) | Driver::NoProbe(_) => {}
                }
                self.refused = None;
                self.driver = Driver::Up(versions);
            }
            Line::Failed(failure) => {
                self.driver = Driver::Down(failure);
                self.gpus = None;
            }
            Line::Gpus(gpus) => {
                let computes = |gpu: &Gpu| gpu.utilization.is_some_and(|percent| percent > 0);
                if gpus.iter().any(computes) {
                    self.computed_at = Some(uptime);
                }
                let gone = |gpu: &Gpu| gpu.lost || gpu.reset;
                let before = self.gpus.replace(gpus);
                let back = before.is_some_and(|before| before.iter().any(gone));
                if back && !self.gpus.iter().flatten().any(gone) {
                    self.usable_since = Some(uptime);
                    self.xids.clear();
                }
            }
            Line::Xid(xid) => {
                self.xids.retain(|(known, _)| *known != xid);
                if self.xids.len() >= XIDS {
                    self.xids.remove(0);
                }
                self.xids.push((xid, uptime));
            }
        }
    }

    /// Whether NVML lists who computes on each GPU, and that is nobody. In a container it lists
    /// only what that may see.
    pub(super) fn names_no_process(&self) -> bool {
        let idle = |gpu: &Gpu| gpu.processes.as_ref().is_some_and(Vec::is_empty);
        self.host.container.is_none()
            && self.gpus.as_ref().is_some_and(|gpus| !gpus.is_empty() && gpus.iter().all(idle))
    }

    /// Uptime at which a GPU was last seen to compute, and whether the driver tells that.
    pub(crate) fn computed(&self) -> (Option<Duration>, bool) {
        let told = self.gpus.iter().flatten().any(|gpu| gpu.utilization.is_some());
        (self.computed_at, told)
    }

    /// Whether a server that was started at `started` found no usable GPU: it looks for them
    /// once, when it starts. Where nobody saw them become usable, their device nodes tell.
    pub(super) fn became_usable_after(&self, started: Duration) -> bool {
        self.usable_since.or(self.host.devices_made).is_some_and(|since| since > started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn up() -> Line {
        Line::Nvml(Versions { driver: "550".into(), library: None })
    }

    fn gpu(lost: bool) -> Line {
        Line::Gpus(vec![Gpu { lost, ..Gpu::default() }])
    }

    fn seen(lines: Vec<(u64, Line)>) -> Seen {
        let mut seen = Seen::default();
        for (seconds, line) in lines {
            seen.take(line, at(seconds));
        }
        seen
    }

    #[test]
    fn a_driver_that_came_after_the_server_is_told_from_one_that_was_there() {
        let failed = || Line::Failed(Failure { code: 9, words: String::new() });
        let late = seen(vec![(5, failed()), (30, up()), (31, gpu(false))]);
        assert!(late.became_usable_after(at(8)) && !late.became_usable_after(at(40)));
        assert_eq!(seen(vec![(5, up()), (6, gpu(false)), (600, up())]).usable_since, None);
        let after = |driver| {
            let mut seen = seen(vec![(5, up())]);
            seen.driver = driver;
            seen.take(up(), at(90));
            seen.usable_since
        };
        assert_eq!(after(Driver::Silent), Some(at(90)));
        // Nobody asked for a while: that says nothing of the driver.
        assert_eq!(after(Driver::NoProbe("gone".into())), None);
    }

    #[test]
    fn an_agent_that_came_last_is_told_by_the_device_nodes() {
        let host = |made| Line::Host(Host { devices_made: made, ..Host::default() });
        let came_last = |made| seen(vec![(90, host(made)), (91, up()), (92, gpu(false))]);
        assert!(came_last(Some(at(40))).became_usable_after(at(8)));
        assert!(!came_last(Some(at(40))).became_usable_after(at(50)));
        assert!(!came_last(None).became_usable_after(at(8)));
    }

    #[test]
    fn a_gpu_that_computes_is_told_from_one_that_cannot_be_asked() {
        let busy = |percent| Line::Gpus(vec![Gpu { utilization: Some(percent), ..Gpu::default() }]);
        assert_eq!(seen(vec![(1, up()), (2, gpu(false))]).computed(), (None, false));
        let seen = seen(vec![(1, up()), (2, busy(0)), (17, busy(3)), (32, busy(0))]);
        assert_eq!(seen.computed(), (Some(at(17)), true));
    }

    #[test]
    fn a_gpu_that_came_back_was_lost_to_the_server() {
        let back = seen(vec![(5, up()), (6, gpu(false)), (50, gpu(true)), (80, gpu(false))]);
        assert_eq!(back.usable_since, Some(at(80)));
    }

    #[test]
    fn the_same_xid_is_remembered_once_and_none_outlives_its_driver() {
        let xid = |xid| Line::Xid(Xid { uuid: "GPU-1".into(), xid });
        let mut seen = seen(vec![(1, up()), (2, xid(13)), (3, xid(79)), (4, xid(13))]);
        let kinds: Vec<_> = seen.xids.iter().map(|(xid, at)| (xid.xid, at.as_secs())).collect();
        assert_eq!(kinds, [(79, 3), (13, 4)]);
        for number in 100..200 {
            seen.take(xid(number), at(5));
        }
        assert_eq!(seen.xids.len(), XIDS);
        seen.take(Line::Failed(Failure { code: 9, words: String::new() }), at(6));
        assert!(!seen.xids.is_empty());
        seen.take(up(), at(7));
        assert!(seen.xids.is_empty());
    }
}
