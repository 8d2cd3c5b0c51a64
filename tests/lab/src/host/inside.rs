//! The inside of a run: process 1 of its own process ids, with mounts that nobody else sees.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use nix::mount::{MsFlags, mount};
use tokio::sync::OnceCell;

use super::cgroup;
use crate::net::authority::Authority;
use crate::paths::make_directory;
use crate::plan::{Run, Task};
use crate::root::{self, base};
use crate::{say, task};

/// What all guests of a run share.
pub struct Lab {
    /// The run.
    pub run: Run,
    /// The run's certificate authority; the registry's certificate comes from it.
    pub authority: Authority,
    /// Lower directories of a guest without the agent, topmost first.
    pub bare: Vec<PathBuf>,
    /// Lower directories of a guest with the package installed, topmost first.
    pub installed: Vec<PathBuf>,
    /// What a healthy data disk holds; made by the first guest that needs it.
    pub healthy: OnceCell<PathBuf>,
}

impl Lab {
    /// Scratch of this run that vanishes with its mounts: in memory, unseen from outside.
    #[must_use]
    pub fn memory(&self) -> &'static Path {
        Path::new("/run/saigak-lab")
    }

    /// Scratch of this run on disk, for what is large.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.run.directory()
    }
}

/// Prepares the inside and does what the run is for.
pub async fn inside(run: Run) -> Result<ExitCode> {
    ensure!(std::process::id() == 1, "`inside` is only started by the lab itself");
    let build = root::lock(&run.plan.lab)?;
    // The root comes first: name resolution may need the machine's /run.
    let base = base::ensure(&run.plan.lab).await?;
    hide_the_machine()?;
    let layer = root::layer::ensure(&run.plan.lab, &base, &run.plan.package).await?;
    drop(build);
    let lab = Lab {
        authority: Authority::make()?,
        bare: vec![base.clone()],
        installed: vec![layer, base],
        healthy: OnceCell::new(),
        run,
    };
    let lab = std::rc::Rc::new(lab);
    match lab.run.plan.task.clone() {
        Task::Test { names, keep, jobs, repeat } => {
            task::test::run(&lab, &names, keep, jobs, repeat).await
        }
        Task::Demo => task::demo::run(&lab).await,
        Task::Up => task::up::run(&lab).await,
    }
}

/// Lays private mounts over what nspawn and its friends would write to.
fn hide_the_machine() -> Result<()> {
    let none: Option<&str> = None;
    let over = |kind: &str, target: &str, flags: MsFlags, data: Option<&str>| {
        mount(Some(kind), target, Some(kind), flags, data)
            .with_context(|| format!("cannot mount {kind} on {target}"))
    };
    over("tmpfs", "/run", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=0755"))?;
    // systemd 256 and newer refuse the hybrid layout that some machines still mount.
    over("cgroup2", cgroup::INSIDE, MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, none)?;
    make_directory(Path::new("/run/saigak-lab"))
}

/// Tells a person where things are when a guest is left running.
pub fn say_how_to_enter(guest: &str) {
    say::line(&format!("  a shell in it, from another terminal: cargo lab shell {guest}"));
}
