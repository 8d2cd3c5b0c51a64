//! Who listens at a port. The kernel's socket diagnosis tells anybody the user and the control
//! group of every listening socket, so the unit behind a port is known without any privilege.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

use super::diagnosis::{self, Socket};

/// Who holds the server's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody listens there.
    Nobody,
    /// The server's own unit, or systemd for it.
    Own,
    /// Somebody else, in words: a unit where it is known, else a user.
    Other(String),
    /// The kernel does not tell.
    Unknown,
}

/// Where the unified hierarchy lies: alone, or beside the older ones.
const HIERARCHIES: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The control group of process 1, which holds the sockets of socket units.
const SYSTEMD: &str = "/init.scope";

/// More control groups than any guest has.
const GROUPS_LIMIT: usize = 20_000;

/// Who holds `port`, seen by the server whose unit is `name`, with the control group `own`
/// (empty: none).
pub(super) fn holder(port: u16, name: &str, own: &str) -> Holder {
    let Ok(sockets) = sockets(diagnosis::LISTENING) else { return Holder::Unknown };
    let held = sockets.iter().filter(|socket| socket.port == port && socket.takes_ipv4);
    let groups: Option<Vec<(u64, u32)>> =
        held.map(|socket| Some((socket.group?, socket.user))).collect();
    let root = HIERARCHIES.into_iter().find(|root| Path::new(root).join("cgroup.procs").exists());
    // An older kernel, or older control groups: everybody looks like somebody else.
    let (Some(groups), Some(root)) = (groups, root.map(Path::new)) else {
        return Holder::Unknown;
    };
    if groups.is_empty() {
        return Holder::Nobody;
    }
    let id = |group: &str| {
        let found = fs::metadata(root.join(group.trim_start_matches('/')));
        found.ok().map(|found| found.ino())
    };
    let ours = [id(own).filter(|_| !own.is_empty()), id(SYSTEMD)];
    let other = groups.into_iter().find(|(group, _)| !ours.contains(&Some(*group)));
    let Some((group, user)) = other else { return Holder::Own };
    match path_of(root, group).and_then(|path| unit_of(&path)) {
        // Started since its unit was read.
        Some(unit) if unit == name => Holder::Own,
        Some(unit) => Holder::Other(unit),
        None => Holder::Other(format!("a process of user id {user}")),
    }
}

/// The inodes of the sockets that listen at `port`.
///
/// # Errors
/// Where the kernel does not tell.
pub(crate) fn listening(port: u16) -> io::Result<BTreeSet<u64>> {
    let sockets = sockets(diagnosis::LISTENING)?;
    let held = sockets.iter().filter(|socket| socket.port == port && socket.inode != 0);
    Ok(held.map(|socket| u64::from(socket.inode)).collect())
}

/// How many connections the server has open that were made to `port`; zero where the kernel does
/// not tell.
pub(super) fn connections(port: u16) -> usize {
    let sockets = sockets(diagnosis::OPEN).unwrap_or_default();
    sockets.iter().filter(|socket| socket.port == port && socket.inode != 0).count()
}

/// All TCP sockets of this guest in one of those states.
fn sockets(states: u32) -> io::Result<Vec<Socket>> {
    let mut found = Vec::new();
    for family in [diagnosis::IPV4, diagnosis::IPV6] {
        let kernel = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkSockDiag,
        )?;
        send(kernel.as_raw_fd(), &diagnosis::question(family, states), MsgFlags::empty())?;
        while !read(&kernel, &mut found)? {}
    }
    Ok(found)
}

/// Reads one part of an answer; says whether it was the last.
fn read(kernel: &OwnedFd, found: &mut Vec<Socket>) -> io::Result<bool> {
    let mut part = vec![0; 32 << 10];
    // Each part is there before it is asked for: nothing is waited for.
    let length = recv(kernel.as_raw_fd(), &mut part, MsgFlags::MSG_DONTWAIT)?;
    part.truncate(length);
    diagnosis::answer(&part, found).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The control group of that id, which is the inode number of its directory.
fn path_of(root: &Path, id: u64) -> Option<PathBuf> {
    let mut open = vec![root.to_owned()];
    let mut seen = 0;
    while let Some(directory) = open.pop() {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let path = entry.path();
            if entry.ino() == id {
                return path.strip_prefix(root).ok().map(Path::to_owned);
            }
            seen += 1;
            if seen > GROUPS_LIMIT {
                return None;
            }
            open.push(path);
        }
    }
    None
}

/// The innermost unit that a control group belongs to. Slices only sort others.
fn unit_of(group: &Path) -> Option<String> {
    let names = group.iter().rev().filter_map(|name| name.to_str());
    let mut units = names.filter(|name| {
        name.rsplit_once('.').is_some_and(|(_, kind)| matches!(kind, "service" | "scope"))
    });
    units.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_listener_of_this_machine_is_found_and_is_not_the_server_s() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let found = holder(port, "ollama.service", "");
        let known = HIERARCHIES.iter().any(|root| Path::new(root).join("cgroup.procs").exists());
        let expected =
            if known { matches!(found, Holder::Other(_)) } else { found == Holder::Unknown };
        assert!(expected, "{found:?}");
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert_eq!(connections(port), 0, "not accepted yet");
        let served = taken.accept().unwrap();
        assert_eq!(connections(port), 1);
        drop((client, served, taken));
        assert_ne!(holder(port, "ollama.service", ""), found);
    }

    #[test]
    fn a_group_is_found_by_its_id() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("system.slice/web.service");
        fs::create_dir_all(&group).unwrap();
        let id = fs::metadata(&group).unwrap().ino();
        let found = path_of(root.path(), id).unwrap();
        assert_eq!(found, Path::new("system.slice/web.service"));
        assert_eq!(path_of(root.path(), 0), None);
    }

    #[test]
    fn the_innermost_unit_is_named() {
        for (group, unit) in [
            ("system.slice/web.service", Some("web.service")),
            ("user.slice/user-0.slice/session-3.scope", Some("session-3.scope")),
            ("user.slice/user-0.slice/user@0.service/app.slice/x.service", Some("x.service")),
            ("system.slice/web.service/worker", Some("web.service")),
            ("system.slice", None),
        ] {
            assert_eq!(unit_of(Path::new(group)).as_deref(), unit, "{group}");
        }
    }
}
