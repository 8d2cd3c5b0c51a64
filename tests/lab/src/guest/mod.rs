//! One guest: Debian with systemd as its process 1, a link named enp1s0, a data disk, a server
//! and the agent.

mod container;
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
pub mod vm;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;

use crate::host::cgroup;
use crate::host::inside::Lab;
use crate::net::GUEST;
use crate::net::client::{self, Answer};
use crate::net::gateway::{Cable, Gateway};
use crate::paths::{discard, make_directory, write};
use crate::root::overlay;
use container::Container;
use disk::DataDisk;
use machine::Machine;
use options::Options;
use timeline::{Mark, Source, Timeline};
use vm::Vm;
use vm::ground::Ground;
use vm::saved::Saved;

/// The file that names process 1 of a running guest, for `cargo lab shell`.
pub const LEADER: &str = "leader";

/// See [`Guest::pace`].
const VM_PACE: u32 = 8;

/// A guest and the world around it.
pub struct Guest {
    /// Its name: unique in the run.
    pub name: String,
    /// The world outside.
    pub gateway: Gateway,
    /// What the agent has reported so far.
    pub timeline: Timeline,
    lab: Rc<Lab>,
    logs: PathBuf,
    /// The moment before it was last powered on.
    booted: RefCell<Mark>,
    body: Body,
}

/// What a guest runs in.
enum Body {
    Container(Container),
    Vm(Vm),
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
        let gateway = Gateway::make(lab, &logs, Cable::Pair(&options.mac))
            .await
            .with_context(|| format!("cannot make the gateway of {name}"))?;
        let (leader, followed) = watch::channel(None);
        let timeline = Timeline::follow(Source::Container(followed))?;
        let container = Container { root, disk, machine: RefCell::new(None), leader };
        let (lab, body) = (Rc::clone(lab), Body::Container(container));
        let booted = RefCell::new(timeline.mark());
        Ok(Rc::new(Self { name, gateway, timeline, lab, logs, booted, body }))
    }

    /// Makes a virtual machine that is still powered off: with the image's root and a blank data
    /// disk, or one that can be brought back as another that has saved itself.
    pub async fn make_vm(lab: &Rc<Lab>, name: &str, saved: Option<&Saved>) -> Result<Rc<Self>> {
        let ground = lab.ground.get_or_try_init(|| async { Ground::make(lab).await.map(Rc::new) });
        let ground = ground.await?;
        let logs = lab.disk().join("guests").join(name);
        make_directory(&logs)?;
        let sockets = lab.memory().join(name);
        let vm = match saved {
            Some(saved) => Vm::like(saved, ground, &logs, &sockets).await?,
            None => Vm::make(ground, &logs, &sockets).await?,
        };
        let gateway = Gateway::make(lab, &logs, Cable::Tap)
            .await
            .with_context(|| format!("cannot make the gateway of {name}"))?;
        let timeline = Timeline::follow(Source::Port(sockets.join(vm::WATCH)))?;
        let (name, lab, body) = (name.to_owned(), Rc::clone(lab), Body::Vm(vm));
        let booted = RefCell::new(timeline.mark());
        Ok(Rc::new(Self { name, gateway, timeline, lab, logs, booted, body }))
    }

    /// Boots it, and returns when its process 1 says that it is up.
    pub async fn power_on(&self) -> Result<()> {
        self.booted.replace(self.timeline.mark());
        let started = match &self.body {
            Body::Container(container) => self.boot_container(container).await,
            Body::Vm(vm) => vm.power_on(self.gateway.namespace()).await,
        };
        started.with_context(|| format!("guest {} does not boot", self.name))
    }

    /// Brings a virtual machine back as it was when it saved itself.
    pub async fn restore(&self) -> Result<()> {
        self.booted.replace(self.timeline.mark());
        let restored = self.vm()?.restore(self.gateway.namespace()).await;
        restored.with_context(|| format!("guest {} does not come back", self.name))?;
        // Its agent has said how things are before it was saved, and says nothing twice.
        self.sh("systemctl restart lab-watch.service").await.map(drop)
    }

    async fn boot_container(&self, container: &Container) -> Result<()> {
        let started = Machine::start(&machine::Settings {
            name: &self.name,
            root: &container.root,
            console: &self.logs.join("console.log"),
            notify: &self.lab.memory().join(&self.name).join("notify"),
            group: &cgroup::of_guest(&self.lab.run.id, &self.name),
            network: &self.gateway.guest_namespace(),
            disk: &container.disk,
            equipment: &self.lab.run.plan.equipment,
            leader: &container.leader,
        })
        .await;
        let machine = started.inspect_err(|_| {
            container.leader.send_replace(None);
        })?;
        write(&self.logs.join(LEADER), machine.leader().to_string())?;
        container.machine.replace(Some(machine));
        Ok(())
    }

    /// The moment before it was last powered on: its agent may have said much by the time that
    /// its process 1 is up.
    #[must_use]
    pub fn since_boot(&self) -> Mark {
        self.booted.borrow().clone()
    }

    /// Shuts it down in good order.
    pub async fn power_off(&self) -> Result<()> {
        match &self.body {
            Body::Container(container) => container.take(&self.logs)?.power_off().await,
            Body::Vm(vm) => vm.power_off().await,
        }
    }

    /// Ends it as a lost node does.
    pub async fn kill(&self) -> Result<()> {
        match &self.body {
            Body::Container(container) => container.take(&self.logs)?.kill().await,
            Body::Vm(vm) => vm.kill().await,
        }
    }

    /// The run that it is in.
    #[must_use]
    pub fn lab(&self) -> &Rc<Lab> {
        &self.lab
    }

    /// The virtual machine that it is.
    pub fn vm(&self) -> Result<&Vm> {
        match &self.body {
            Body::Vm(vm) => Ok(vm),
            Body::Container(_) => bail!("{} is no virtual machine", self.name),
        }
    }

    fn container(&self) -> Result<&Container> {
        match &self.body {
            Body::Container(container) => Ok(container),
            Body::Vm(_) => bail!("{} is a virtual machine", self.name),
        }
    }

    /// Process 1 of the guest, as the run numbers it.
    pub fn leader(&self) -> Result<i32> {
        let leader = *self.container()?.leader.borrow();
        leader.with_context(|| format!("guest {} is powered off", self.name))
    }

    /// How much longer than in a container all may take: emulated, a guest is that slow.
    #[must_use]
    pub fn pace(&self) -> u32 {
        match &self.body {
            Body::Container(_) => 1,
            Body::Vm(vm) => VM_PACE * vm.slowness(),
        }
    }

    /// Whether a real Ollama serves in it.
    #[must_use]
    pub fn has_real_ollama(&self) -> bool {
        self.lab.run.plan.equipment.ollama.is_some()
    }

    /// Asks one of its ports for a page, from outside.
    pub async fn get(&self, port: u16, path: &str) -> Result<Answer> {
        client::get(self.gateway.worker(), port, path, Duration::from_secs(5) * self.pace()).await
    }

    /// Has it embed a text, from outside.
    pub async fn client_embed(&self) -> Result<Vec<f32>> {
        self.client_embed_at(GUEST).await
    }

    /// The same by another of its models, whose embeddings have so many numbers.
    pub async fn client_embed_by(&self, model: &str, dimension: usize) -> Result<Vec<f32>> {
        let (within, text) = (Duration::from_secs(30) * self.pace(), "The lake is frozen.");
        client::embed_by(self.gateway.worker(), GUEST, (model, dimension), text, within).await
    }

    /// The same at another of its addresses.
    pub async fn client_embed_at(&self, address: &str) -> Result<Vec<f32>> {
        // The first embedding after a start loads the model.
        let within = Duration::from_secs(30) * self.pace();
        client::embed(self.gateway.worker(), address, "The lake is frozen.", within).await
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // A machine's process goes with it.
        let Body::Container(container) = &mut self.body else { return };
        // Nothing waits for a dropped guest; at the end of the run its process 1 goes anyway.
        let group = cgroup::of_guest(&self.lab.run.id, &self.name);
        let _ = cgroup::kill(&group);
        let _ = std::fs::remove_file(self.logs.join(LEADER));
        let memory = self.lab.memory().join(&self.name);
        let _ = overlay::unmount(&container.root);
        // Fails where its root disk has no size of its own.
        let _ = overlay::unmount(&memory);
        discard(&memory);
        container.disk.forget();
    }
}
