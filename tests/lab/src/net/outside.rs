//! A client beyond the gateway: it knows the guest by an address that the gateway translates, as a
//! pod knows a Service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::client::{AGENT_PORT, OLLAMA_PORT};
use super::gateway::{Gateway, ip};
use super::namespace::Namespace;
use super::watch::{PORT as WATCH_PORT, Watch};
use super::{GUEST, SERVICE};
use crate::process::{self, Finished};

/// The client's end of its cable, and the gateway's.
const LINK: &str = "client";
const PORT: &str = "outside";
/// Both ends' addresses: of a network for documentation, which nobody has.
const CLIENT: &str = "192.0.2.2";
const ROUTER: &str = "192.0.2.1";
/// The rules of the gateway, all of them.
const TABLE: &str = "way";
const SHORT: Duration = Duration::from_secs(10);
/// A whole smoke test, with a model that is loaded first.
const PATIENCE: Duration = Duration::from_mins(3);

/// A client and its way to the guest.
pub struct Outside<'a> {
    gateway: &'a Gateway,
    client: Namespace,
    root: PathBuf,
}

impl<'a> Outside<'a> {
    /// Joins a client to the gateway, which forwards to the guest from then on. `root` is a
    /// Debian with nft.
    pub async fn join(gateway: &'a Gateway, root: &Path) -> Result<Self> {
        let client = Namespace::make()?;
        let path = client.path();
        let mut add = vec!["link", "add", "name", PORT, "type", "veth"];
        add.extend(["peer", "name", LINK, "netns", &path]);
        ip(gateway.namespace(), &add).await?;
        for (side, link, address) in [(gateway.namespace(), PORT, ROUTER), (&client, LINK, CLIENT)]
        {
            let address = format!("{address}/24");
            ip(side, &["address", "add", &address, "dev", link]).await?;
            ip(side, &["link", "set", link, "up"]).await?;
        }
        ip(&client, &["route", "add", "default", "via", ROUTER]).await?;
        // Of the gateway's namespace alone, in which its thread stays.
        let forward = || async { std::fs::write("/proc/sys/net/ipv4/ip_forward", "1") };
        gateway.worker().run(forward).await?.context("the gateway does not forward")?;
        let outside = Self { gateway, client, root: root.to_owned() };
        outside.open().await?;
        Ok(outside)
    }

    /// Translates the ports of the server and of the agent, and lets everything through.
    pub async fn open(&self) -> Result<()> {
        self.rules(&[OLLAMA_PORT, AGENT_PORT], "").await
    }

    /// Has the gateway do this with what is for the server's port.
    pub async fn block(&self, verdict: &str) -> Result<()> {
        let rule = format!("tcp dport {OLLAMA_PORT} {verdict};");
        self.rules(&[OLLAMA_PORT, AGENT_PORT], &rule).await
    }

    /// Forgets how the server's port is translated, and keeps the agent's.
    pub async fn forget(&self) -> Result<()> {
        self.rules(&[AGENT_PORT], "").await
    }

    /// Takes these rules in place of all, at once.
    async fn rules(&self, translated: &[u16], forwarded: &str) -> Result<()> {
        let ports: Vec<String> = translated.iter().map(u16::to_string).collect();
        let ports = ports.join(", ");
        let rules = format!(
            "table ip {TABLE}; delete table ip {TABLE}; table ip {TABLE} {{ \
               chain prerouting {{ type nat hook prerouting priority dstnat; \
                 ip daddr {SERVICE} tcp dport {{ {ports} }} dnat to {GUEST}; }}; \
               chain forward {{ type filter hook forward priority filter; {forwarded} }}; }}"
        );
        let root = self.root.to_string_lossy();
        let nft = self.gateway.namespace().command("chroot", &[&*root, "nft", &rules]);
        process::run(nft, SHORT).await.map(drop)
    }

    /// Runs a program where the client is, whatever comes of it.
    pub async fn run(&self, program: &Path, arguments: &[String]) -> Result<Finished> {
        let command = self.client.command(&program.to_string_lossy(), arguments);
        process::finish(command, None, PATIENCE).await
    }

    /// Starts a program where the client is that goes on, and tells what it sees at its
    /// `--listen` address.
    pub fn watch(&self, program: &Path, arguments: &[String]) -> Result<Watch<'_>> {
        let listen = format!("--listen={CLIENT}:{WATCH_PORT}");
        let mut command = self.client.command(&program.to_string_lossy(), arguments);
        command.arg(listen);
        Watch::start(command, self.gateway.worker(), CLIENT)
    }
}
