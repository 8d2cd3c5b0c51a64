//! The kernel's rules, as nft writes them in JSON (libnftables-json(5)).

use std::io;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;

/// Where Debian's package puts it.
const NFT: &str = "/usr/sbin/nft";

/// The whole ruleset, in the order in which nft lists it: that of each chain's rules.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Ruleset {
    #[serde(rename = "nftables")]
    pub(super) items: Vec<Item>,
}

/// One thing in it; what is no table, chain or rule matters as far as rules name it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Item {
    Table(Table),
    Chain(Chain),
    Rule(Rule),
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Table {
    pub(super) family: String,
    pub(super) name: String,
    /// One word, or several.
    #[serde(default)]
    pub(super) flags: Value,
}

impl Table {
    /// Whether it is there and not in force: none of its chains is at its hook.
    fn is_dormant(&self) -> bool {
        let flags = self.flags.as_array().map_or(std::slice::from_ref(&self.flags), Vec::as_slice);
        flags.iter().any(|flag| flag == "dormant")
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Chain {
    pub(super) family: String,
    pub(super) table: String,
    pub(super) name: String,
    /// Absent in a chain that is only jumped to.
    #[serde(default)]
    pub(super) hook: Option<String>,
    #[serde(default)]
    pub(super) policy: Option<String>,
    /// The link of a chain at the hook `ingress`.
    #[serde(default)]
    pub(super) dev: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Rule {
    pub(super) family: String,
    pub(super) table: String,
    pub(super) chain: String,
    pub(super) handle: u64,
    #[serde(default)]
    pub(super) expr: Vec<Value>,
}

impl Ruleset {
    pub(super) fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.items.iter().filter_map(|item| match item {
            Item::Chain(chain) => Some(chain),
            _ => None,
        })
    }

    /// Whether the chain's table is in force.
    pub(super) fn is_in_force(&self, chain: &Chain) -> bool {
        !self.items.iter().any(|item| match item {
            Item::Table(table) => {
                let its = (&table.family, &table.name) == (&chain.family, &chain.table);
                its && table.is_dormant()
            }
            _ => false,
        })
    }

    /// The rules of a chain, in order.
    pub(super) fn rules(&self, of: &Chain) -> impl Iterator<Item = &Rule> {
        self.items.iter().filter_map(move |item| match item {
            Item::Rule(rule)
                if (&rule.family, &rule.table, &rule.chain)
                    == (&of.family, &of.table, &of.name) =>
            {
                Some(rule)
            }
            _ => None,
        })
    }

    /// The chain of that name beside another one.
    pub(super) fn beside(&self, chain: &Chain, name: &str) -> Option<&Chain> {
        self.chains().find(|other| {
            (&other.family, &other.table) == (&chain.family, &chain.table) && other.name == name
        })
    }
}

/// Asks nft for all rules. `None`: it is not installed.
pub(super) async fn read() -> Result<Option<Ruleset>, String> {
    let mut command = Command::new(NFT);
    // Without what named sets hold: that may be much, and is not judged by.
    command.args(["--json", "--terse", "list", "ruleset"]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = match command.output().await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        output => output.map_err(|error| format!("{NFT}: {error}"))?,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{NFT}: {}: {}", output.status, said.trim()));
    }
    serde_json::from_slice(&output.stdout).map(Some).map_err(|error| format!("{NFT}: {error}"))
}
