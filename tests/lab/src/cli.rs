//! The command line.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::architecture::Architecture;
use crate::host::{inside, packages, privilege, supervise};
use crate::paths::Paths;
use crate::plan::{Place, Plan, Task};
use crate::{build, scenario, task};

/// Boots real guests, breaks them, and watches them heal.
#[derive(Parser)]
#[command(name = "cargo lab", disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Break one guest in many ways, with a live view of the agent's status
    Demo {
        /// Show the incident alone, in a virtual machine
        #[arg(long)]
        vm: bool,
        #[command(flatten)]
        with: With,
    },
    /// Play scenarios, each in a guest of its own
    Test(Play),
    /// Do so in virtual machines
    #[command(subcommand)]
    Vm(Vm),
    /// Build the agent and its package for arm64, and run its unit tests, emulated
    Arm64,
    /// Fetch the programs that tests of the manifests run
    Tools,
    /// Name the scenarios and the incidents that they prevent
    List,
    /// Boot a healthy guest and leave it running
    Up(With),
    /// Open a shell in a running guest
    Shell {
        /// Name of the guest, where several run
        guest: Option<String>,
    },
    /// End the guests that `up` booted
    Down,
    /// Supervise a run (started by the lab itself)
    #[command(hide = true)]
    Supervise { plan: String },
    /// The inside of a run (started by the lab itself)
    #[command(hide = true)]
    Inside { run: String },
}

#[derive(Subcommand)]
enum Vm {
    /// See whether KVM boots their kernel here: 0 if so, else 1 and the reason
    Kvm(With),
    /// Play scenarios for virtual machines: each takes minutes where KVM does not work
    Test {
        /// In machines of arm64, built and emulated here where this one is none
        #[arg(long)]
        arm64: bool,
        #[command(flatten)]
        play: Play,
    },
}

/// Which scenarios are played, and how.
#[derive(Args)]
struct Play {
    /// Names of scenarios; all where none is given
    names: Vec<String>,
    /// Leave the guests of failed scenarios running, for a look
    #[arg(long)]
    keep: bool,
    /// Scenarios at once, most of which wait for most of their time: 4, and 1 in virtual machines
    #[arg(long, value_parser = jobs)]
    jobs: Option<usize>,
    /// Play them all so many times
    #[arg(long, value_name = "TIMES", default_value_t = NonZeroU32::MIN)]
    repeat: NonZeroU32,
    #[command(flatten)]
    with: With,
}

/// What guests are made of.
#[derive(Args, Default)]
pub struct With {
    /// A real Ollama (prefix with bin/ollama and lib/ollama) instead of the stand-in
    #[arg(long, value_name = "DIR")]
    pub ollama: Option<PathBuf>,
    /// The model file that the registry serves under the reference name
    #[arg(long, value_name = "FILE")]
    pub gguf: Option<PathBuf>,
    /// An agent's package that is already built
    #[arg(long, value_name = "FILE")]
    pub package: Option<PathBuf>,
}

/// Does what the command line says.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::List => {
            scenario::print_list();
            Ok(ExitCode::SUCCESS)
        }
        Command::Tools => {
            privilege::require().await?;
            packages::install().await?;
            build::tools::ensure(&Paths::find().await?).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Test(play) => test(Place::Container, play).await,
        Command::Vm(Vm::Kvm(with)) => start(Task::Kvm, with).await,
        Command::Vm(Vm::Test { arm64, play }) => {
            let architecture = if arm64 { Architecture::Arm64 } else { Architecture::HERE };
            test(Place::Vm(architecture), play).await
        }
        Command::Demo { vm, with } => {
            let place = if vm { Place::Vm(Architecture::HERE) } else { Place::Container };
            start(Task::Demo { place }, with).await
        }
        Command::Arm64 => start(Task::Arm64, With::default()).await,
        Command::Up(with) => {
            let plan = plan(Task::Up, with).await?;
            task::up::detach(&plan).await
        }
        Command::Shell { guest } => task::shell::open(guest).await,
        Command::Down => task::up::down().await,
        Command::Supervise { plan } => {
            let plan = serde_json::from_str(&plan).context("cannot read the plan")?;
            supervise::supervise(plan).await
        }
        Command::Inside { run } => {
            let run = serde_json::from_str(&run).context("cannot read the run")?;
            inside::inside(run).await
        }
    }
}

async fn test(place: Place, play: Play) -> Result<ExitCode> {
    let Play { names, keep, jobs, repeat, with } = play;
    scenario::select(place, &names)?;
    let jobs = jobs.unwrap_or(match place {
        Place::Container => 4,
        // It computes all the time.
        Place::Vm(_) => 1,
    });
    start(Task::Test { names, keep, jobs, repeat, place }, with).await
}

async fn start(task: Task, with: With) -> Result<ExitCode> {
    let plan = plan(task, with).await?;
    if privilege::is_root() {
        return supervise::supervise(plan).await;
    }
    let mut supervisor = task::supervisor(&plan)?;
    let status = supervisor.status().await.context("cannot start sudo")?;
    Ok(ExitCode::from(u8::try_from(crate::process::code(status)).unwrap_or(1)))
}

/// Everything that is done as the caller: checks, packages, builds.
async fn plan(task: Task, with: With) -> Result<Plan> {
    privilege::require().await?;
    packages::install().await?;
    let paths = Paths::find().await?;
    let mut equipment = build::equipment::build(&paths, &with, &task).await?;
    if task.plays(scenario::NVIDIAS_OWN) {
        equipment.nvidia = build::nvidia::ensure(&paths).await;
    }
    let mut plan = Plan { lab: paths.lab(), equipment, package: None, sources: None, task };
    if plan.task.crosses() {
        plan.sources = Some(build::sources(&paths).await?);
    }
    if !plan.task.crosses() || with.package.is_some() {
        plan.package = Some(build::package::build(&paths, with.package.as_deref()).await?);
    }
    Ok(plan)
}

fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=16) => Ok(number),
        _ => Err("a number from 1 to 16".into()),
    }
}
