//! The validated settings: what the code reads. Every field has a default that fits the
//! reference VM, so no configuration file is needed there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::iter;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::names;

/// All settings, validated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// Where the agent runs. No file says so: the command line does.
    pub place: Place,
    /// Where probes, metrics and people reach the agent.
    pub serve: Serve,
    /// The guest's link to the cluster.
    pub network: Network,
    /// The data disk.
    pub storage: Storage,
    /// The GPUs that the guest should have.
    pub gpu: Gpu,
    /// The Ollama server.
    pub ollama: Ollama,
    /// The model that is served, and its alias.
    pub model: Model,
    /// Those that are served besides, in the order in which they are pulled.
    pub further: Vec<Model>,
    /// How an embedding is proven, and how long a proof counts.
    pub proof: Proof,
    /// What first boot is allowed to take.
    pub bootstrap: Bootstrap,
}

/// Where the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// In the guest that it keeps alive, beside its systemd.
    #[default]
    Guest,
    /// In a container of the pod that the server is in: there is no systemd, and the kubelet
    /// starts the server.
    Sidecar,
}

impl Config {
    /// All models, that of `[model]` first.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        iter::once(&self.model).chain(&self.further)
    }

    /// The names of all models: sources and aliases.
    #[must_use]
    pub fn model_names(&self) -> Vec<&str> {
        self.models().flat_map(|model| [model.source.as_str(), model.alias.as_str()]).collect()
    }
}

/// `[serve]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// Address of `/livez`, `/readyz` and `/metrics`. 7244 spells S-A-I-G on a telephone.
    pub listen: SocketAddr,
}

/// `[network]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Name of the link that the cluster reaches the guest by. `KubeVirt` puts the first
    /// virtio NIC behind a PCI Express root port, which systemd names `enp1s0`.
    pub link: String,
    /// Driver of the one link that is taken where no link has that name.
    pub driver: String,
    /// Whether a lease that has run out is repeated while no DHCP server answers.
    pub repeat_lease: bool,
}

/// `[storage]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Mount point of the data disk, and the directory that Ollama keeps its models in.
    pub path: PathBuf,
    /// User, and group of the same name, that the tree belongs to.
    pub owner: String,
    /// Free bytes under which nothing more is written to the disk.
    pub minimum_free_bytes: u64,
    /// Whether downloads that were given up are removed where there are fewer.
    pub make_room: bool,
}

/// `[gpu]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gpu {
    /// How many the guest should have. 0: none is looked at, and models may run on the CPU.
    pub expected: usize,
    /// Whose they are.
    pub vendor: Vendor,
}

/// Who makes a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// NVIDIA: the driver is asked through NVML.
    Nvidia,
    /// AMD: known by its bound driver alone.
    Amd,
    /// Intel: known by its bound driver alone.
    Intel,
}

impl Vendor {
    /// The vendor that is called `name` in the configuration.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Nvidia, Self::Amd, Self::Intel].into_iter().find(|vendor| vendor.name() == name)
    }

    /// As it is called in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nvidia => "nvidia",
            Self::Amd => "amd",
            Self::Intel => "intel",
        }
    }
}

/// `[ollama]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ollama {
    /// The server's systemd unit.
    pub unit: String,
    /// TCP port that clients use.
    pub port: u16,
}

/// `[model]`, or one of `[[models]]`
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Name that is pulled.
    pub source: String,
    /// Where it comes from, the first that has it. None: what its name says.
    pub sources: Vec<Origin>,
    /// Name that clients use.
    pub alias: String,
    /// SHA-256 of the weights that the alias must have, in lower-case hex. None: any.
    pub weights: Option<String>,
    /// The alias's prompt template.
    pub template: String,
    /// The alias's parameters, `[model.parameters]`: `num_ctx = 4096` by default.
    pub parameters: BTreeMap<String, Parameter>,
    /// Numbers in one embedding.
    pub dimension: usize,
    /// Whether it is kept in memory, whatever clients ask for.
    pub pinned: bool,
    /// Whether the guest is ready only with it. Always so of `[model]`.
    pub required: bool,
    /// How long a pull may stand at the same byte before it is given up and begun again.
    pub pull_stall: Duration,
}

impl Model {
    /// Where its source comes from, in the order in which they are asked.
    #[must_use]
    pub fn origins(&self) -> Vec<Origin> {
        if self.sources.is_empty() {
            vec![Origin::Name { name: self.source.clone(), insecure: false }]
        } else {
            self.sources.clone()
        }
    }

    /// The hosts that its source is pulled from. `None`: it comes from a file too.
    #[must_use]
    pub fn registries(&self) -> Option<BTreeSet<String>> {
        self.origins().iter().map(Origin::registry).collect()
    }

    /// The first of them. `None`: it comes from files alone.
    #[must_use]
    pub fn first_registry(&self) -> Option<String> {
        self.origins().iter().find_map(Origin::registry)
    }
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A registry, by the name that the model has there.
    Name {
        /// The name.
        name: String,
        /// Whether the registry is spoken to without TLS.
        insecure: bool,
    },
    /// A GGUF file, a directory with one, or a tree of models as a server keeps it.
    Path(PathBuf),
}

impl Origin {
    fn registry(&self) -> Option<String> {
        match self {
            Self::Name { name, .. } => Some(names::registry_host(name).to_owned()),
            Self::Path(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name, insecure: false } => f.write_str(name),
            Self::Name { name, insecure: true } => write!(f, "http://{name}"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// One parameter of a model, as Ollama's Modelfile knows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A switch.
    Boolean(bool),
    /// A text.
    Text(String),
}

/// `[proof]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Time between two proofs while all is well.
    pub interval: Duration,
    /// How long one proof may take.
    pub timeout: Duration,
    /// S: how long a proof alone keeps the guest ready. Longer than `interval` by 10 s or more.
    pub fresh: Duration,
    /// G: how long a proof keeps a guest ready whose server shows progress on other
    /// requests. Not shorter than `fresh`.
    pub grace: Duration,
}

/// `[bootstrap]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// How long after boot cloud-init may hold repairs back. Drivers take many minutes to
    /// install; a cloud-init that hangs must not hold repairs for ever.
    pub hold: Duration,
}

impl Default for Serve {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([0, 0, 0, 0], 7244)) }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self { link: "enp1s0".into(), driver: "virtio_net".into(), repeat_lease: false }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            path: "/var/lib/ollama".into(),
            owner: "ollama".into(),
            // The reference model takes 0.64 GB; a pull needs that much and some air.
            minimum_free_bytes: 1 << 30,
            make_room: false,
        }
    }
}

impl Default for Gpu {
    fn default() -> Self {
        Self { expected: 1, vendor: Vendor::Nvidia }
    }
}

impl Default for Ollama {
    fn default() -> Self {
        Self { unit: "ollama.service".into(), port: 11434 }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self {
            source: "qwen3-embedding:0.6b".into(),
            sources: Vec::new(),
            alias: "qwen3-embedding-saigak:0.6b".into(),
            weights: None,
            template: "{{ .Prompt }}".into(),
            parameters: BTreeMap::from([("num_ctx".into(), Parameter::Integer(4096))]),
            dimension: 1024,
            pinned: true,
            required: true,
            pull_stall: Duration::from_mins(2),
        }
    }
}

impl Default for Proof {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            fresh: Duration::from_secs(30),
            grace: Duration::from_mins(3),
        }
    }
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { hold: Duration::from_hours(1) }
    }
}
