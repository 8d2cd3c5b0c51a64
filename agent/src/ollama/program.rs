//! The server's program, looked at once systemd could not execute it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The exit status of a main process that systemd could not execute (`systemd.exec(5)`).
pub(super) const EXEC: i32 = 203;

/// What is to be said of a program that could not be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Nothing speaks against it now.
    Usable,
    /// It is not there.
    Missing,
    /// It is there, and nobody may execute it.
    Forbidden,
    /// It is there, and it is no program.
    Garbage,
}

/// Looks at the program at `path`. What cannot be looked at is taken for usable: systemd will
/// find out.
pub(super) fn look(path: &Path) -> Program {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Program::Missing,
        Err(_) => return Program::Usable,
    };
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Program::Forbidden;
    }
    let mut start = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read(&mut start));
    match read.map(|length| start.get(..length).unwrap_or_default()) {
        Ok(start) if start == b"\x7fELF" || start.starts_with(b"#!") => Program::Usable,
        Ok(_) => Program::Garbage,
        Err(_) => Program::Usable,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_program_is_told_from_what_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ollama");
        assert_eq!(look(&path), Program::Missing);
        fs::write(&path, "#!/bin/sh\n").unwrap();
        assert_eq!(look(&path), Program::Forbidden);
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(look(&path), Program::Usable);
        for garbage in ["", "\x7f", "<html>404 not found</html>"] {
            fs::write(&path, garbage).unwrap();
            assert_eq!(look(&path), Program::Garbage, "{garbage}");
        }
        assert_eq!(look(directory.path()), Program::Forbidden);
        assert_eq!(look(Path::new("/proc/self/exe")), Program::Usable);
    }
}
