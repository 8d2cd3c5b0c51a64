//! Builds for arm64 on another machine, by Debian's compilers, linked to an older C library.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use super::c_library::{OLDEST, newest};
use crate::architecture::Architecture;
use crate::paths::make_directory;
use crate::plan::Sources;
use crate::root::tools::Tools;
use crate::root::{base, recipes};
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
/// Where Debian's compilers for arm64 look for its C library.
const C_LIBRARY: [&str; 2] = ["usr/aarch64-linux-gnu/include", "usr/aarch64-linux-gnu/lib"];
const AGENT: &str = "saigak-agent";

/// The roots that it takes.
pub struct Roots {
    /// Compilers.
    pub compilers: PathBuf,
    /// The C library.
    pub c_library: PathBuf,
}

impl Roots {
    /// Finds them, or builds them.
    pub async fn ensure(lab: &Path) -> Result<Self> {
        let compilers = base::ensure(lab, &recipes::CROSS).await?;
        Ok(Self { compilers, c_library: base::ensure(lab, &recipes::C_LIBRARY).await? })
    }

    /// QEMU's emulator of single programs. It needs no libraries.
    #[must_use]
    pub fn emulator(&self) -> PathBuf {
        self.compilers.join("usr/bin/qemu-aarch64")
    }
}

/// The compilers, and what they compile.
pub struct Cross<'a> {
    tools: Tools,
    sources: &'a Sources,
    target: PathBuf,
}

/// What was built.
pub struct Built {
    /// The program.
    pub program: PathBuf,
    /// Its package.
    pub package: PathBuf,
    /// What the package asks a guest for.
    pub depends: String,
}

impl<'a> Cross<'a> {
    /// Mounts the compilers' root below `scratch`. All is built below `lab`.
    pub fn mount(roots: &Roots, scratch: &Path, lab: &Path, sources: &'a Sources) -> Result<Self> {
        // What is linked to another C library is no work that was done already.
        let c_library = roots.c_library.file_name().context("the C library lies nowhere")?;
        let target = lab.join(format!("arm64-with-{}", c_library.to_string_lossy()));
        make_directory(&target)?;
        let deb = sources.cargo_deb.parent().context("cargo-deb lies nowhere")?;
        let shared = ["/dev", "/proc"].map(Path::new);
        let shared = [&shared[..], &[&sources.workspace, &sources.cargo_home, &target, deb]];
        let tools = Tools::mount(&roots.compilers, scratch, &shared.concat())?;
        for part in C_LIBRARY {
            tools.lay_over(&roots.c_library.join(part), part)?;
        }
        Ok(Self { tools, sources, target })
    }

    /// Builds the agent and its package, and fails where either would not run in the oldest guest.
    pub async fn agent(&self) -> Result<Built> {
        say::step("building the agent and its package for arm64");
        process::run_on_terminal(self.cargo("build", AGENT, &["--release"])).await?;
        let program = self.release(AGENT);
        let content = std::fs::read(&program)
            .with_context(|| format!("cannot read {}", program.display()))?;
        let asked = newest(&content).context("the agent is not linked to glibc")?;
        ensure!(asked <= OLDEST, "a symbol of the agent's asks for glibc 2.{asked}");
        say::line(&format!("of its symbols, the newest asks for glibc 2.{asked}"));
        let package = self.target.join(format!("{AGENT}_{}.deb", Architecture::Arm64.debian()));
        let mut pack = self.command(&self.sources.cargo_deb.to_string_lossy());
        pack.args(["--quiet", "--no-build", "--no-strip"]);
        pack.args(["--package", AGENT, "--target", TARGET, "--output"]).arg(&package);
        process::run(pack, Duration::from_mins(10)).await?;
        let mut field = process::command("dpkg-deb", &["--field"]);
        field.arg(&package).arg("Depends");
        let depends = process::run(field, Duration::from_mins(1)).await?.trim().to_owned();
        match glibc(&depends) {
            Some(minor) if minor <= OLDEST => {}
            _ => bail!("the package asks for another C library than the program: {depends}"),
        }
        Ok(Built { program, package, depends })
    }

    /// Builds a program that stands around the agent.
    pub async fn program(&self, package: &str, program: &str) -> Result<PathBuf> {
        say::step(&format!("building {package} for arm64"));
        let only = ["--release", "--bin", program];
        process::run_on_terminal(self.cargo("build", package, &only)).await?;
        Ok(self.release(program))
    }

    /// Runs the agent's unit tests, each instruction of them emulated.
    pub async fn test(&self, left_out: &[&str]) -> Result<()> {
        let mut tests = self.cargo("test", AGENT, &["--lib", "--"]);
        tests.args(left_out.iter().flat_map(|test| ["--skip", test]));
        process::run_on_terminal(tests).await
    }

    fn release(&self, program: &str) -> PathBuf {
        self.target.join(TARGET).join("release").join(program)
    }

    fn cargo(&self, what: &str, package: &str, more: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.args([what, "--quiet", "--offline", "--locked", "--target", TARGET]);
        command.args(["--package", package]).args(more);
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

/// The minor version of glibc 2 that a package's `Depends` asks for.
fn glibc(depends: &str) -> Option<u32> {
    let version = depends.split(", ").find_map(|one| one.strip_prefix("libc6 (>= 2."))?;
    version.trim_end_matches(')').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::glibc;

    #[test]
    fn the_c_library_is_found_among_what_a_package_asks_for() {
        assert_eq!(glibc("libc6 (>= 2.34), systemd (>= 252)"), Some(34));
        assert_eq!(glibc("libgcc-s1 (>= 4.2), libc6 (>= 2.39), passwd"), Some(39));
        assert_eq!(glibc("libc6-dev (>= 2.36), passwd"), None);
    }
}
