//! One guest: Debian with systemd as its process 1, a link named enp1s0, a data disk, a server
//! and the agent.

pub mod disk;
pub mod evidence;
pub mod expect;
pub mod files;
pub mod gpu;
pub mod machine;
pub mod ollama;
pub mod options;
pub mod report;
pub mod shell;
pub mod template;
pub mod timeline;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::host::cgroup;
use crate::host::inside::Lab;
use crate::net::GUEST;
use crate::net::client::{self, Answer};
use crate::net::gateway::Gateway;
use crate::paths::{make_directory, write};
use crate::root::overlay;
use disk::DataDisk;
use machine::Machine;
use options::Options;
use timeline::Timeline;

/// The file that names process 1 of a running guest, for `cargo lab shell`.
pub const LEADER: &str = "leader";

/// A guest and the world around it.
pub struct Guest {
    /// Its name: unique in the run.
    pub name: String,
    /// The world outside.
    pub gateway: Gateway,
    /// What the agent has reported so far.
    pub timeline: Timeline,
    lab: Rc<Lab>,
    root: PathBuf,
    logs: PathBuf,
    disk: DataDisk,
    machine: RefCell<Option<Machine>>,
    leader: Rc<Cell<Option<i32>>>,
}

impl Guest {
    /// Makes a guest and boots it.
    pub async fn boot(lab: &Rc<Lab>, options: Options) -> Result<Rc<Self>> {
        let guest = Self::make(lab, options).await?;
        guest.power_on().await?;
        Ok(guest)
    }

    /// Makes a guest that is still powered off.
    pub async fn make(lab: &Rc<Lab>, options: Options) -> Result<Rc<Self>> {
        let name = options.name.clone();
        let memory = lab.memory().join(&name);
        let logs = lab.disk().join("guests").join(&name);
        make_directory(&logs)?;
        if let Some(bytes) = options.root_bytes {
            overlay::mount_memory(&memory, bytes)?;
        }
        let root = memory.join("root");
        let lower = if options.agent { &lab.installed } else { &lab.bare };
        overlay::mount_overlay(lower, &memory.join("upper"), &memory.join("work"), &root)?;
        let owner = options::furnish(&root, lab, &options)?;
        let disk = DataDisk::make(&root, &logs, &options, owner).await?;
        let gateway = Gateway::make(lab, &logs, &options.mac)
            .await
            .with_context(|| format!("cannot make the gateway of {name}"))?;
        let leader = Rc::new(Cell::new(None));
        let timeline = Timeline::follow(Rc::clone(&leader));
        Ok(Rc::new(Self {
            name,
            gateway,
            timeline,
            lab: Rc::clone(lab),
            root,
            logs,
            disk,
            machine: RefCell::new(None),
            leader,
        }))
    }

    /// Boots it, and returns when its process 1 says that it is up.
    pub async fn power_on(&self) -> Result<()> {
        let machine = Machine::start(&machine::Settings {
            name: &self.name,
            root: &self.root,
            console: &self.logs.join("console.log"),
            notify: &self.lab.memory().join(&self.name).join("notify"),
            group: &cgroup::of_guest(&self.lab.run.id, &self.name),
            network: &self.gateway.guest_namespace(),
            disk: &self.disk,
            equipment: &self.lab.run.plan.equipment,
        })
        .await
        .with_context(|| format!("guest {} does not boot", self.name))?;
        write(&self.logs.join(LEADER), machine.leader().to_string())?;
        self.leader.set(Some(machine.leader()));
        self.machine.replace(Some(machine));
        Ok(())
    }

    /// Shuts it down in good order.
    pub async fn power_off(&self) -> Result<()> {
        let machine = self.take()?;
        machine.power_off().await
    }

    /// Ends it as a lost node does.
    pub async fn kill(&self) -> Result<()> {
        let machine = self.take()?;
        machine.kill().await
    }

    /// Process 1 of the guest, as the run numbers it.
    pub fn leader(&self) -> Result<i32> {
        self.leader.get().with_context(|| format!("guest {} is powered off", self.name))
    }

    /// Whether a real Ollama serves in it.
    #[must_use]
    pub fn has_real_ollama(&self) -> bool {
        self.lab.run.plan.equipment.ollama.is_some()
    }

    /// Asks one of its ports for a page, from outside.
    pub async fn get(&self, port: u16, path: &str) -> Result<Answer> {
        client::get(self.gateway.worker(), port, path, Duration::from_secs(5)).await
    }

    /// Has it embed a text, from outside.
    pub async fn client_embed(&self) -> Result<Vec<f32>> {
        self.client_embed_at(GUEST).await
    }

    /// The same at another of its addresses.
    pub async fn client_embed_at(&self, address: &str) -> Result<Vec<f32>> {
        // The first embedding after a start loads the model.
        let within = Duration::from_secs(30);
        client::embed(self.gateway.worker(), address, "The lake is frozen.", within).await
    }

    fn take(&self) -> Result<Machine> {
        self.leader.set(None);
        let _ = std::fs::remove_file(self.logs.join(LEADER));
        self.machine.take().with_context(|| format!("guest {} is powered off", self.name))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Nothing waits for a dropped guest; at the end of the run its process 1 goes anyway.
        let group = cgroup::of_guest(&self.lab.run.id, &self.name);
        let _ = cgroup::kill(&group);
        let _ = std::fs::remove_file(self.logs.join(LEADER));
        let memory = self.lab.memory().join(&self.name);
        let _ = overlay::unmount(&self.root);
        // Fails where its root disk has no size of its own.
        let _ = overlay::unmount(&memory);
        let _ = std::fs::remove_dir_all(&memory);
        self.disk.forget();
    }
}
