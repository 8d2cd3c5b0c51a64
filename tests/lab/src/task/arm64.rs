//! `cargo lab arm64`: the agent and its package for arm64, built by Debian's compilers on another
//! machine; its unit tests, each instruction of them emulated.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::host::inside::Lab;
use crate::paths::make_directory;
use crate::plan::Sources;
use crate::root::tools::Tools;
use crate::{process, say};

const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Cargo's names for the linker and for what runs a program, and those of the crate `cc`.
const PROGRAMS: &[&str] = &[
    "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc",
    "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64",
    "CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc",
    "AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar",
    // A toolchain that a person chose is not in this root.
    "RUSTUP_TOOLCHAIN=",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
];

/// Tests that say nothing of arm64, since QEMU does not pass on what they look at.
const LEFT_OUT: &[(&str, &str)] = &[
    ("a_command_is_quoted_and_one_that_is_missing_is_named", "a program that cannot be started"),
    ("a_listener_of_this_machine_is_found_and_is_not_the_server_s", "the kernel's socket tables"),
    ("a_group_is_found_by_its_id", "file handles"),
];

/// Builds in that root, tests, packs, and tells the sizes.
pub async fn run(lab: &Lab, root: &Path, sources: &Sources) -> Result<ExitCode> {
    let target = lab.run.plan.lab.join("arm64");
    make_directory(&target)?;
    let deb = sources.cargo_deb.parent().context("cargo-deb lies nowhere")?;
    let shared = ["/dev", "/proc"].map(Path::new);
    let shared = [&shared[..], &[&sources.workspace, &sources.cargo_home, &target, deb]].concat();
    let tools = Tools::mount(root, &lab.memory().join("cross"), &shared)?;
    let cross = Cross { tools, sources, target };

    say::step("building the agent for arm64");
    let package = ["--package", "saigak-agent", "--target", TARGET];
    process::run_on_terminal(cross.cargo("build", &package, &["--release"])).await?;
    say::step("running its unit tests, emulated");
    let mut tests = cross.cargo("test", &package, &["--lib", "--"]);
    for (test, why) in LEFT_OUT {
        say::line(&format!("left out: {test}: QEMU does not pass on {why}"));
        tests.args(["--skip", test]);
    }
    process::run_on_terminal(tests).await?;
    say::step("building its package");
    let built = cross.target.join("saigak-agent_arm64.deb");
    let mut pack = cross.command(&sources.cargo_deb.to_string_lossy());
    pack.args(["--quiet", "--no-build", "--no-strip"]).args(package).arg("--output").arg(&built);
    process::run(pack, Duration::from_mins(5)).await?;
    let program = cross.target.join(TARGET).join("release/saigak-agent");
    for (what, file) in [("program", &program), ("package", &built)] {
        let size = file.metadata().with_context(|| format!("no {}", file.display()))?.len();
        say::line(&format!("arm64 {what}: {size} bytes, {}", file.display()));
    }
    // Built against the C library of this root, it asks for a newer one than where that is older.
    let mut field = process::command("dpkg-deb", &["--field"]);
    field.arg(&built).arg("Depends");
    let depends = process::run(field, Duration::from_mins(1)).await?;
    say::line(&format!("it depends on {}", depends.trim()));
    Ok(ExitCode::SUCCESS)
}

struct Cross<'a> {
    tools: Tools,
    sources: &'a Sources,
    target: PathBuf,
}

impl Cross<'_> {
    fn cargo(&self, what: &str, package: &[&str], more: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.args([what, "--quiet", "--offline", "--locked"]).args(package).args(more);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.tools.command("env", &["--unset=CARGO"]);
        command.arg(format!("--chdir={}", self.sources.workspace.display()));
        command.arg(format!("CARGO_HOME={}", self.sources.cargo_home.display()));
        command.arg(format!("CARGO_TARGET_DIR={}", self.target.display()));
        command.args(PROGRAMS).arg(program);
        command
    }
}
