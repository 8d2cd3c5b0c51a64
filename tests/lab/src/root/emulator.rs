//! Programs for another architecture, where the kernel itself finds the emulator for them:
//! `binfmt_misc`, as only the processes below one command see it. The machine's own is not touched.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::paths::write;
use crate::process;

/// What an arm64 program begins with, and which of these bits count. As Debian registers it: the
/// emulator is opened once (F), so that it need not lie in the root that it is for.
const ARM64: &str = concat!(
    r":saigak-arm64:M:0:",
    r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:",
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:",
);
/// Says that the namespace is there, waits until it has users, and registers the emulator in it.
const SCRIPT: &str = r#"echo there && read -r go || exit
binfmt=/proc/sys/fs/binfmt_misc
mount -t binfmt_misc none "$binfmt" || { echo "Linux 6.7 or newer is needed" >&2; exit 1; }
printf %s "$0" >"$binfmt/register" && exec "$@" </dev/null"#;

/// A program that emulates another.
pub struct Emulator {
    program: PathBuf,
}

impl Emulator {
    /// By QEMU's program for arm64. It must need no libraries.
    #[must_use]
    pub fn for_arm64(program: &Path) -> Self {
        Self { program: program.to_owned() }
    }

    /// Runs a command that must succeed, with what it starts, in a user namespace: every user and
    /// group is there as itself.
    pub async fn run(&self, command: &Command, deadline: Duration) -> Result<()> {
        let mut unshare = process::command("unshare", &["--user", "--mount", "--pid", "--fork"]);
        unshare.args(["--kill-child=SIGKILL", "--mount-proc", "sh", "-c", SCRIPT]);
        unshare.arg(format!("{ARM64}{}:POCF", self.program.display()));
        let command = command.as_std();
        unshare.arg(command.get_program()).args(command.get_args());
        let mut child = unshare
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start `unshare`")?;
        let work = async {
            // Where it cannot even start, what it says is of more use than a pipe that broke.
            let let_in = let_in(&mut child).await;
            let output = child.wait_with_output().await.context("cannot wait for `unshare`")?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                bail!("emulated, ended with {}: {}", process::code(output.status), said.trim());
            }
            let_in
        };
        timeout(deadline, work)
            .await
            .with_context(|| format!("still running after {deadline:?}"))?
            .with_context(|| format!("{}", command.get_program().display()))
    }
}

/// Gives the namespace its users, once it is there, and has it go on.
async fn let_in(child: &mut Child) -> Result<()> {
    let mut out = child.stdout.take().context("`unshare` has no output")?;
    let mut said = [0; 6];
    out.read_exact(&mut said).await.context("`unshare` says nothing")?;
    child.stdout.replace(out);
    let id = child.id().context("`unshare` has ended")?;
    for map in ["uid_map", "gid_map"] {
        let own = format!("/proc/self/{map}");
        let own = std::fs::read_to_string(&own).with_context(|| format!("cannot read {own}"))?;
        write(Path::new(&format!("/proc/{id}/{map}")), as_themselves(&own))?;
    }
    let mut go = child.stdin.take().context("`unshare` has no input")?;
    go.write_all(b"go\n").await.context("cannot write to `unshare`")
}

/// The same numbers inside as outside, as many as there are.
fn as_themselves(map: &str) -> String {
    let lines = map.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (first, count) = (fields.next()?, fields.nth(1)?);
        Some(format!("{first} {first} {count}\n"))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::as_themselves;

    #[test]
    fn users_are_themselves_also_where_this_machine_maps_them() {
        assert_eq!(as_themselves("         0          0 4294967295\n"), "0 0 4294967295\n");
        assert_eq!(as_themselves("0 1000 1\n1 100000 65536\n"), "0 0 1\n1 1 65536\n");
    }
}
