//! What can be seen of the world: the facts of each concern, as its own look would bring them.

mod server;

use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use saigak_agent::{
    bootstrap, firewall, links, model, names, network, network_file, probe, storage, system,
};

use crate::world::{Alias, CloudInit, Disk, Process, Source, Store, World, Wrong};

pub use server::{at_address, at_loopback, holder, program, settings, unit};

/// The guest's address. There is one, whichever DHCP server gives it.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// Milliseconds of this history as uptime of this boot.
#[must_use]
pub fn uptime(world: &World, at: u64) -> Duration {
    Duration::from_millis(at.saturating_sub(world.booted))
}

/// cloud-init's files.
#[must_use]
pub fn bootstrap(world: &World) -> bootstrap::Facts {
    match &world.cloud_init {
        CloudInit::Absent => bootstrap::Facts::NotUsed,
        CloudInit::Runs { written, .. } => bootstrap::Facts::Running(bootstrap::Stage {
            name: if *written { "modules-config".into() } else { "init-local".into() },
            network_written: *written,
            booted: Duration::from_millis(world.asleep),
        }),
        CloudInit::Done => bootstrap::Facts::Finished(Vec::new()),
    }
}

/// The link, and networkd's view of it where the bus answers.
#[must_use]
pub fn network(world: &World, bus: bool, may_repeat: bool) -> network::Facts {
    let (link, networkd) = (&world.link, &world.networkd);
    let view = match networkd.process {
        _ if !bus => network::Networkd::Unreadable("the bus does not answer".into()),
        _ if networkd.masked => network::Networkd::NotRunning(network::Standing::Masked),
        Process::Stopped => network::Networkd::NotRunning(network::Standing::Startable),
        Process::Runs if networkd.off_bus => {
            network::Networkd::NotRunning(network::Standing::OffBus)
        }
        Process::Runs => network::Networkd::Running {
            state: if link.present { networkd.admin.word().into() } else { String::new() },
            lease: networkd.lease,
        },
    };
    let file = if world.file_matches() {
        network::MatchFile::Matches
    } else if networkd.file.pinned {
        network::MatchFile::Pinned {
            file: "10-netplan-enp1s0.network".into(),
            wanted: "52:54:00:aa:bb:01".into(),
        }
    } else {
        network::MatchFile::Missing
    };
    network::Facts {
        link: if link.present {
            Ok(links::Seen {
                link: network_file::Link { name: "enp1s0".into(), ..Default::default() },
                index: 2,
                up: link.up,
                carrier: link.carrier && link.up,
                loopback: false,
            })
        } else {
            Err("no link is named enp1s0".into())
        },
        address: link.address.map(|_| (ADDRESS, 24)),
        route: link.route.then_some(network::Route { gateway: None }),
        networkd: view,
        lease: networkd.lease.then_some(1),
        file,
        ours: ours(world),
        repeats: networkd.repeats.then(|| "50-saigak-lease.conf".into()),
        superseded: false,
        may_repeat,
    }
}

/// The runtime file that makes the link match.
fn ours(world: &World) -> network::Ours {
    let file = world.networkd.file;
    match (file.by_name, file.pinned || file.missing) {
        (false, _) => network::Ours::None,
        (true, true) => network::Ours::Needed("50-saigak.conf".into()),
        (true, false) => network::Ours::LeftOver("50-saigak.conf".into()),
    }
}

/// The mount table, and the disk itself.
#[must_use]
pub fn storage(world: &World) -> storage::Facts {
    let disk = &world.disk;
    if !disk.mounted {
        return storage::Facts { mount: None, link: None, probe: None, write: None };
    }
    let mount = storage::Mount {
        point: "/var/lib/ollama".into(),
        kind: "ext4".into(),
        source: "/dev/vdb".into(),
        read_only: disk.read_only,
    };
    let wanted = probe::Owner { uid: 998, gid: 998 };
    let probed = if disk.hangs {
        Err(storage::ProbeError::Silent)
    } else {
        Ok(probe::StorageFacts {
            wanted: (!world.server.no_user).then_some(wanted),
            disk: Some(probe::DiskFacts {
                read_only: disk.read_only,
                free_bytes: disk.free,
                total_bytes: 100 << 30,
                free_inodes: if disk.no_inodes { 10 } else { 1_000_000 },
                total_inodes: 2_000_000,
                top: probe::Top { uid: 998, gid: 998, mode: 0o755 },
                wrong_owner: probe::WrongOwner {
                    // Nobody is wanted where there is no user.
                    count: if world.server.no_user { 0 } else { disk.foreign },
                    first: None,
                    truncated: false,
                },
                left_alone: probe::LeftAlone::default(),
                immutable: probe::Immutable {
                    count: disk.immutable,
                    first: (disk.immutable > 0).then(|| "models/kept".into()),
                },
                links: links(disk),
                entries_seen: 10,
                alias_weights: std::collections::BTreeMap::new(),
                further_weights: std::collections::BTreeMap::new(),
                set_aside: probe::SetAside::default(),
                partials: std::collections::BTreeMap::new(),
            }),
        })
    };
    let written = if disk.closed {
        probe::Written::Closed("/var/lib".into())
    } else if disk.writable() {
        probe::Written::Done
    } else {
        let (path, error) = ("/var/lib/ollama".into(), "permission denied".into());
        probe::Written::Failed { path, errno: Some(13), error }
    };
    let written = if disk.writes_hang {
        Err(storage::ProbeError::SilentWrite)
    } else {
        Ok(probe::WriteFacts { written: Some(written) })
    };
    let write = probed.is_ok().then_some(written);
    storage::Facts { mount: Some(mount), link: None, probe: Some(probed), write }
}

fn links(disk: &Disk) -> Vec<probe::Link> {
    let link = probe::Link { name: "blobs".into(), target: "moved".into() };
    disk.linked.then_some(link).into_iter().collect()
}

/// What the server says of its models, where it says anything.
///
/// # Errors
/// Where it does not.
pub fn models(world: &World) -> Result<model::Facts, String> {
    if !world.server_answers() || world.disk.hangs || world.link.locked {
        return Err("no answer".into());
    }
    if world.server.keeps() != Store::Inside {
        return Ok(model::Facts {
            source: model::Source::Missing,
            alias: model::Alias::Missing,
            weights: None,
        });
    }
    if world.disk.closed && !world.is_wrong(Wrong::ClosedIsOpen) {
        let words = || "permission denied".to_owned();
        return Ok(model::Facts {
            source: model::Source::NoManifest(words()),
            alias: model::Alias::NoManifest(words()),
            weights: None,
        });
    }
    let words = || "unexpected EOF".to_owned();
    Ok(model::Facts {
        source: match world.models.source {
            Source::Present => model::Source::Present,
            Source::Missing => model::Source::Missing,
            Source::NoManifest => model::Source::NoManifest(words()),
            Source::Damaged => model::Source::Damaged(words()),
        },
        alias: match world.models.alias {
            Alias::Good => model::Alias::Matches,
            Alias::Missing | Alias::Bare => model::Alias::Missing,
            Alias::Foreign => model::Alias::Foreign("its weights are gone".into()),
            Alias::NoManifest => model::Alias::NoManifest(words()),
            Alias::Damaged => model::Alias::Damaged(words()),
            Alias::Drifted => {
                model::Alias::Drifted { how: "another template".into(), keeps_weights: false }
            }
        },
        // What proofs are held against is not simulated: an embedding that is unlike is a flaw.
        weights: None,
    })
}

/// The guest itself: it has all it needs.
#[must_use]
pub fn system(wall: SystemTime) -> system::Facts {
    system::Facts {
        memory: Some((8 << 30, 16 << 30)),
        root_free: Some(20 << 30),
        clock: system::Clock { service: system::TimeService::Set, wall },
        run_free: Some(1 << 30),
    }
}

/// What the resolver says of the registry's name.
#[must_use]
pub fn names(world: &World) -> names::Facts {
    let answer = if world.dns_dead {
        names::Answer::Silent
    } else if world.link.address.is_none() || world.now < world.link.names_from {
        names::Answer::Refused("no name server is known".into())
    } else {
        names::Answer::Resolved(ADDRESS.into())
    };
    names::Facts { host: "registry.ollama.ai".into(), answer, proxy: None }
}

/// What becomes of a client's connection.
#[must_use]
pub fn firewall(world: &World) -> firewall::Facts {
    let fate = |dropped: bool| {
        if dropped {
            firewall::Fate::Dropped("table inet filter".into())
        } else {
            firewall::Fate::Passes
        }
    };
    firewall::Facts { link: fate(world.link.dropped), loopback: fate(world.link.locked) }
}
