//! Root becomes the agent's user before it looks or acts: what it does is then what the daemon
//! does, through the same helpers, and no file of the daemon's is ever touched as root.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::sys::prctl::set_no_new_privs;
use nix::unistd::{Group, Uid, User, chown, geteuid, setgid, setgroups, setuid};

/// The user of the daemon's unit, and the group that the unit adds.
const NAME: &str = "saigak-agent";
const GROUP: &str = "systemd-network";

/// Becomes the agent's user, for good. `state` is made where no daemon has run yet.
pub(super) fn become_the_agent(state: &Path) -> Result<(), String> {
    let fail = |error: nix::Error| format!("cannot become {NAME}: {error}");
    let user = User::from_name(NAME).map_err(fail)?;
    let user = user.ok_or_else(|| format!("there is no user {NAME}: see systemd-sysusers"))?;
    if geteuid() == user.uid {
        return Ok(());
    }
    if geteuid() != Uid::from_raw(0) {
        return Err(format!("only root and {NAME} can look at everything: use sudo"));
    }
    // Its parent is root's, so nobody can have put a link there.
    match DirBuilder::new().mode(0o750).create(state) {
        Ok(()) => chown(state, Some(user.uid), Some(user.gid)).map_err(fail)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(format!("{}: {error}", state.display())),
    }
    let extra = Group::from_name(GROUP).map_err(fail)?;
    let groups: Vec<_> = extra.into_iter().map(|group| group.gid).chain([user.gid]).collect();
    setgroups(&groups).map_err(fail)?;
    setgid(user.gid).map_err(fail)?;
    // All three user ids, and with them all capabilities.
    setuid(user.uid).map_err(fail)?;
    set_no_new_privs().map_err(fail)
}
