//! The inside of a run: process 1 of its own process ids, with mounts that nobody else sees.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use nix::mount::{MsFlags, mount};
use tokio::sync::OnceCell;

use super::cgroup;
use crate::build::cross::{self, Cross};
use crate::build::equipment;
use crate::guest::vm::ground::{Bare, Ground, Roots};
use crate::guest::vm::saved::Saved;
use crate::net::authority::Authority;
use crate::paths::make_directory;
use crate::plan::{Place, Run, Task};
use crate::root::{self, base, layer, recipes};
use crate::{say, task};

/// Where the compilers for another architecture are mounted.
const CROSS: &str = "/run/saigak-lab/cross";

/// What all guests of a run share.
pub struct Lab {
    /// The run.
    pub run: Run,
    /// The run's certificate authority; the registry's certificate comes from it.
    pub authority: Authority,
    /// Lower directories of a container without the agent, topmost first.
    pub bare: Vec<PathBuf>,
    /// Lower directories of a container with the package installed, topmost first.
    pub installed: Vec<PathBuf>,
    /// What a healthy data disk holds; made by the first guest that needs it.
    pub healthy: OnceCell<PathBuf>,
    /// What virtual machines are made from, where the run is for them.
    pub vm: Option<Roots>,
    /// What they stand on; made by the first of them.
    pub ground: OnceCell<Rc<Ground>>,
    /// One that came up from a blank data disk, became ready, and saved itself.
    pub ready: OnceCell<Saved>,
}

impl Lab {
    /// Scratch of this run that vanishes with its mounts: in memory, unseen from outside.
    #[must_use]
    pub fn memory(&self) -> &'static Path {
        Path::new("/run/saigak-lab")
    }

    /// What its guests are.
    #[must_use]
    pub fn place(&self) -> Place {
        self.vm.as_ref().map_or(Place::Container, |roots| Place::Vm(roots.architecture))
    }

    /// Scratch of this run on disk, for what is large.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.run.directory()
    }
}

/// Prepares the inside and does what the run is for.
pub async fn inside(mut run: Run) -> Result<ExitCode> {
    ensure!(std::process::id() == 1, "`inside` is only started by the lab itself");
    let build = root::lock(&run.plan.lab)?;
    let place = run.plan.task.place();
    // The roots come first: name resolution may need the machine's /run.
    let (mut container, mut vm, mut crossing) = (None, None, None);
    if run.plan.task.crosses() {
        crossing = Some(cross::Roots::ensure(&run.plan.lab).await?);
    }
    match place {
        None => {}
        Some(Place::Container) => {
            container = Some(base::ensure(&run.plan.lab, &recipes::CONTAINER).await?);
        }
        Some(Place::Vm(architecture)) => {
            vm = Some(Roots::ensure(&run.plan.lab, architecture, crossing.as_ref()).await?);
        }
    }
    hide_the_machine()?;
    if let Some(roots) = crossing {
        let sources = run.plan.sources.clone().context("this run has no sources")?;
        let cross = Cross::mount(&roots, Path::new(CROSS), &run.plan.lab, &sources)?;
        if place.is_none() {
            drop(build);
            return task::arm64::run(&cross).await;
        }
        if run.plan.package.is_none() {
            run.plan.package = Some(cross.agent().await?.package);
        }
        run.plan.equipment.stand_in = cross.program(equipment::OLLAMA, "ollama").await?;
    }
    let bare: Vec<PathBuf> = container.into_iter().collect();
    let mut installed = bare.clone();
    if let Some(base) = bare.first() {
        installed.insert(0, layer::ensure(&run.plan.lab, base, run.plan.package()?).await?);
    }
    drop(build);
    let lab = Lab {
        authority: Authority::make()?,
        bare,
        installed,
        healthy: OnceCell::new(),
        vm,
        ground: OnceCell::new(),
        ready: OnceCell::new(),
        run,
    };
    let lab = Rc::new(lab);
    match lab.run.plan.task.clone() {
        Task::Test { names, keep, jobs, repeat, .. } => {
            task::test::run(&lab, &names, keep, jobs, repeat).await
        }
        Task::Demo { place: Place::Container } => task::demo::run(&lab).await,
        Task::Demo { place: Place::Vm(_) } => task::demo_vm::run(&lab).await,
        Task::Up => task::up::run(&lab).await,
        Task::Arm64 => bail!("it needs no guests"),
        Task::Kvm => {
            let works = Bare::make(&lab)?.accelerator().await == "kvm";
            Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
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
