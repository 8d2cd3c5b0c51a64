//! The user that the data disk belongs to.

use std::io;

use nix::unistd::{Group, User};

use crate::probe::Owner;

/// The user of that name, and the group of the same name or, without one, the user's own.
/// `None`: there is no such user.
pub(crate) fn find(name: &str) -> io::Result<Option<Owner>> {
    let Some(user) = User::from_name(name)? else { return Ok(None) };
    let gid = Group::from_name(name)?.map_or(user.gid, |group| group.gid);
    Ok(Some(Owner { uid: user.uid.as_raw(), gid: gid.as_raw() }))
}
