//! The gateway of one guest.

use std::cell::Cell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::namespace::{Namespace, Worker};
use super::service::Service;
use super::{GATEWAY, GUEST, LINK, MIRROR, MTU, OTHER_GATEWAY, OTHER_GUEST, REGISTRY};
use crate::host::inside::Lab;
use crate::paths::write;
use crate::process;

/// The gateway's end of the cable.
pub const PORT: &str = "guest";
/// The registry's switches, among the guest's logs.
const FAULTS: &str = "registry-faults.json";
const SHORT: Duration = Duration::from_secs(10);

/// What leads from the gateway to the guest.
#[derive(Debug, Clone, Copy)]
pub enum Cable<'a> {
    /// A pair of links, of which the guest has the one with that MAC.
    Pair(&'a str),
    /// A link whose other end QEMU holds.
    Tap,
}

/// A switch port, the servers behind it, and the guest's own namespace at its other end.
pub struct Gateway {
    namespace: Namespace,
    guest: Namespace,
    worker: Worker,
    /// Leases 10.0.2.2 to whoever asks, as masquerade's server does.
    pub dhcp: Service,
    /// Leases 10.0.99.2, once the gateway is in that network too. Not running at first.
    pub other_dhcp: Service,
    /// Answers for the registry's name and its mirror's only.
    pub dns: Service,
    /// The model registry, on HTTPS.
    pub registry: Service,
    rate: Rc<Cell<Option<u64>>>,
    faults: PathBuf,
}

impl Gateway {
    /// Makes the gateway with all servers running, and plugs the cable in.
    pub async fn make(lab: &Lab, directory: &Path, cable: Cable<'_>) -> Result<Self> {
        let namespace = Namespace::make()?;
        let guest = Namespace::make()?;
        let worker = namespace.worker()?;
        let log = directory.join("dhcp.log");
        let other_dhcp = dhcp(&namespace, &log, OTHER_GATEWAY, OTHER_GUEST)?;
        let dhcp = dhcp(&namespace, &log, GATEWAY, GUEST)?;
        let dns = dns(&namespace, directory)?;
        let rate = Rc::new(Cell::new(None));
        let registry = registry(&namespace, lab, directory, Rc::clone(&rate))?;
        let faults = directory.join(FAULTS);
        let gateway =
            Self { namespace, guest, worker, dhcp, other_dhcp, dns, registry, rate, faults };
        for side in [&gateway.namespace, &gateway.guest] {
            ip(side, &["link", "set", "lo", "up"]).await?;
        }
        gateway.plug(cable).await?;
        gateway.dhcp.start().await?;
        gateway.dns.start().await?;
        gateway.start_registry().await?;
        Ok(gateway)
    }

    /// The namespace that the guest boots in.
    #[must_use]
    pub fn guest_namespace(&self) -> String {
        self.guest.path()
    }

    /// The gateway's own.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The thread that clients run on.
    #[must_use]
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Gives the guest another link, as a new pod after a node's restart does: with a new MAC,
    /// and a DHCP server that has never leased anything. The guest must be powered off.
    pub async fn new_pod(&self, mac: &str) -> Result<()> {
        self.dhcp.stop().await?;
        ip(&self.namespace, &["link", "delete", PORT]).await?;
        self.plug(Cable::Pair(mac)).await?;
        self.dhcp.start().await
    }

    /// Lets the gateway into another network on the same wire, beside its own, or out of it.
    pub async fn other_network(&self, enter: bool) -> Result<()> {
        let address = format!("{OTHER_GATEWAY}/24");
        let verb = if enter { "add" } else { "delete" };
        ip(&self.namespace, &["address", verb, &address, "dev", PORT]).await
    }

    async fn plug(&self, cable: Cable<'_>) -> Result<()> {
        let guest = self.guest.path();
        let mut add = vec!["link", "add", "name", PORT, "type", "veth"];
        match cable {
            Cable::Pair(mac) => add.extend(["peer", "name", LINK, "address", mac, "netns", &guest]),
            Cable::Tap => add = vec!["tuntap", "add", "dev", PORT, "mode", "tap"],
        }
        ip(&self.namespace, &add).await?;
        let address = format!("{GATEWAY}/24");
        ip(&self.namespace, &["address", "add", &address, "dev", PORT]).await?;
        self.carrier(true).await
    }

    /// Cuts the cable, or joins it.
    pub async fn carrier(&self, up: bool) -> Result<()> {
        ip(&self.namespace, &["link", "set", PORT, if up { "up" } else { "down" }]).await
    }

    /// Starts the registry anew with a limit in bytes a second, or without one.
    pub async fn limit_registry(&self, rate: Option<u64>) -> Result<()> {
        self.registry.stop().await?;
        self.rate.set(rate);
        self.start_registry().await
    }

    /// Switches the registry's faults, as its own `faults.rs` names them; `{}` switches all off.
    pub fn spoil_registry(&self, faults: &str) -> Result<()> {
        // Renamed into place: the registry may read it at any moment.
        let partial = self.faults.with_extension("partial");
        write(&partial, faults)?;
        std::fs::rename(&partial, &self.faults)
            .with_context(|| format!("cannot rename to {}", self.faults.display()))
    }

    /// Starts the registry and waits until it accepts connections.
    pub async fn start_registry(&self) -> Result<()> {
        self.registry.start().await?;
        let deadline = Instant::now() + SHORT;
        loop {
            let attempt = self.worker.run(|| TcpStream::connect((GATEWAY, 443))).await?;
            let Err(error) = attempt else { return Ok(()) };
            if let Some(status) = self.registry.ended().await {
                bail!("the registry ended at once with {}", process::code(status));
            }
            if Instant::now() > deadline {
                bail!("the registry does not listen on {GATEWAY}:443: {error}");
            }
            // A listening socket tells nobody that it is there; only an attempt shows it.
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Runs `ip` in a namespace.
pub(super) async fn ip(namespace: &Namespace, arguments: &[&str]) -> Result<()> {
    process::run(namespace.command("ip", arguments), SHORT).await.map(drop)
}

/// A DHCP server at `server` that leases `guest` to whoever asks.
fn dhcp(namespace: &Namespace, log: &Path, server: &str, guest: &str) -> Result<Service> {
    let range = format!("--dhcp-range={guest},{guest},255.255.255.0,2m");
    let arguments = [
        // No DNS here: a scenario takes away one without the other.
        "--port=0".to_owned(),
        range,
        format!("--dhcp-option=option:router,{server}"),
        format!("--dhcp-option=option:dns-server,{server}"),
        format!("--dhcp-option=option:mtu,{MTU}"),
        // Leases are kept in memory only: a server started anew knows none.
        "--leasefile-ro".to_owned(),
        // The one address goes to whoever asks, at once and without a ping.
        "--dhcp-authoritative".to_owned(),
        "--no-ping".to_owned(),
        // By whatever name it asks: the file that the link is configured by decides that.
        "--dhcp-ignore-clid".to_owned(),
    ];
    dnsmasq("DHCP server", namespace, arguments.to_vec(), log)
}

fn dns(namespace: &Namespace, directory: &Path) -> Result<Service> {
    let arguments = [
        format!("--address=/{REGISTRY}/{GATEWAY}"),
        format!("--address=/{MIRROR}/{GATEWAY}"),
        "--no-resolv".to_owned(),
        "--no-hosts".to_owned(),
    ];
    dnsmasq("DNS server", namespace, arguments.to_vec(), &directory.join("dns.log"))
}

fn dnsmasq(
    name: &'static str,
    namespace: &Namespace,
    arguments: Vec<String>,
    log: &Path,
) -> Result<Service> {
    let log = log_file(log)?;
    let mut all: Vec<String> = [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file=",
        "--user=root",
        "--log-facility=-",
        "--except-interface=lo",
        // Finds the port again when it is plugged in anew.
        "--bind-dynamic",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push(format!("--interface={PORT}"));
    all.extend(arguments);
    let path = namespace.path();
    Ok(Service::new(name, move || {
        let mut command = process::command("nsenter", &[format!("--net={path}")]);
        command.arg("--").arg("dnsmasq").args(&all);
        to_log(command, &log)
    }))
}

fn registry(
    namespace: &Namespace,
    lab: &Lab,
    directory: &Path,
    rate: Rc<Cell<Option<u64>>>,
) -> Result<Service> {
    let certificate = directory.join("registry.pem");
    let key = directory.join("registry.key");
    write(&certificate, &lab.authority.server_certificate)?;
    write(&key, &lab.authority.server_key)?;
    let log = log_file(&directory.join("registry.log"))?;
    let equipment = lab.run.plan.equipment.clone();
    let faults = directory.join(FAULTS);
    let files = lab.ground.get().map_or_else(Vec::new, |ground| vec![ground.archive.path.clone()]);
    let path = namespace.path();
    Ok(Service::new("registry", move || {
        let mut command = process::command("nsenter", &[format!("--net={path}")]);
        command.arg("--").arg(&equipment.registry);
        command.arg("--listen").arg(format!("{GATEWAY}:443"));
        command.arg("--tls-cert").arg(&certificate).arg("--tls-key").arg(&key);
        command.arg("--faults").arg(&faults);
        if let Some(gguf) = &equipment.gguf {
            command.arg("--gguf").arg(gguf);
        }
        for file in &files {
            command.arg("--file").arg(file);
        }
        if let Some(rate) = rate.get() {
            command.arg("--rate").arg(rate.to_string());
        }
        to_log(command, &log)
    }))
}

fn log_file(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

fn to_log(mut command: tokio::process::Command, log: &File) -> tokio::process::Command {
    // Without the log, the server still serves.
    if let (Ok(out), Ok(err)) = (log.try_clone(), log.try_clone()) {
        command.stdout(out).stderr(err);
    }
    command
}
