//! What is collected. Nothing that is a secret by itself: no user-data, no keys, no environment
//! of other processes.

/// One thing to collect.
#[derive(Debug)]
pub(super) struct Source {
    /// Its name in the archive; of a directory, what stands before the paths.
    pub(super) name: String,
    /// Where it comes from.
    pub(super) what: What,
}

/// Where a thing comes from.
#[derive(Debug)]
pub(super) enum What {
    /// The daemon's control socket.
    Agent(&'static str),
    /// A command's output.
    Command(Vec<String>),
    /// A file.
    File(&'static str),
    /// A file in the daemon's state directory, where its user may have put anything.
    State(&'static str),
    /// The files of a directory, and of those in it.
    Directory(&'static str),
}

const AGENT: [(&str, &str); 1] = [("agent/status.json", "/v1/status")];

const STATE: [(&str, &str); 2] = [
    ("agent/history.ndjson", "/var/lib/saigak-agent/history.ndjson"),
    ("agent/ledger.json", "/var/lib/saigak-agent/ledger.json"),
];

const FILES: [(&str, &str); 9] = [
    ("cloud-init/status.json", "/run/cloud-init/status.json"),
    ("cloud-init/result.json", "/run/cloud-init/result.json"),
    ("cloud-init/cloud-init.log", "/var/log/cloud-init.log"),
    ("cloud-init/cloud-init-output.log", "/var/log/cloud-init-output.log"),
    ("system/os-release.txt", "/etc/os-release"),
    ("system/meminfo.txt", "/proc/meminfo"),
    ("system/mountinfo.txt", "/proc/self/mountinfo"),
    ("system/memory-pressure.txt", "/proc/pressure/memory"),
    ("system/io-pressure.txt", "/proc/pressure/io"),
];

const DIRECTORIES: [(&str, &str); 9] = [
    ("files", "/usr/lib/saigak-agent/conf.d"),
    ("files", "/etc/saigak-agent/conf.d"),
    ("files", "/etc/netplan"),
    ("files", "/run/netplan"),
    ("files", "/etc/systemd/network"),
    ("files", "/run/systemd/network"),
    ("files", "/run/systemd/netif"),
    ("files", "/etc/systemd/system/ollama.service.d"),
    ("files", "/run/systemd/system/ollama.service.d"),
];

const COMMANDS: [(&str, &str); 17] = [
    ("agent/conditions.txt", "saigak-agent status"),
    ("agent/config-check.txt", "saigak-agent config check"),
    ("journal/agent.txt", "journalctl --no-pager -b -o short-iso-precise -n 5000 -u saigak-*"),
    ("journal/server.txt", "journalctl --no-pager -b -o short-iso-precise -n 5000 -u {unit}"),
    (
        "journal/network.txt",
        "journalctl --no-pager -b -o short-iso-precise -n 3000 -u systemd-networkd \
         -u systemd-udevd -u systemd-resolved",
    ),
    ("journal/kernel.txt", "journalctl --no-pager -b -k -o short-iso-precise -n 3000"),
    ("network/networkctl.txt", "networkctl --no-pager status --all"),
    ("network/addresses.txt", "ip -details address"),
    ("network/routes.txt", "ip route show table all"),
    ("network/names.txt", "resolvectl --no-pager status"),
    ("cloud-init/status.txt", "cloud-init status --long"),
    ("units/failed.txt", "systemctl --no-pager list-units --failed"),
    ("units/status.txt", "systemctl --no-pager status -n 0 saigak-* {unit} systemd-networkd"),
    ("units/cat.txt", "systemctl --no-pager cat saigak-agent.service {unit}"),
    ("units/server.txt", "systemctl --no-pager show {unit}"),
    ("storage/filesystems.txt", "df --print-type --human-readable"),
    ("system/kernel.txt", "uname -a"),
];

/// All of it. `unit` is the server's.
pub(super) fn all(unit: &str) -> Vec<Source> {
    let source = |name: &str, what| Source { name: name.into(), what };
    let command = |line: &str| {
        What::Command(line.split_whitespace().map(|word| word.replace("{unit}", unit)).collect())
    };
    let mut all = Vec::new();
    all.extend(AGENT.map(|(name, path)| source(name, What::Agent(path))));
    all.extend(STATE.map(|(name, path)| source(name, What::State(path))));
    all.extend(FILES.map(|(name, path)| source(name, What::File(path))));
    all.extend(DIRECTORIES.map(|(name, path)| source(name, What::Directory(path))));
    all.extend(COMMANDS.map(|(name, line)| source(name, command(line))));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_the_server_s_unit_is_asked_for() {
        let all = all("other.service");
        let files = || all.iter().filter(|source| !matches!(source.what, What::Directory(_)));
        let names: HashSet<_> = files().map(|source| &source.name).collect();
        assert_eq!(names.len(), files().count());
        let words = all.iter().filter_map(|source| match &source.what {
            What::Command(words) => Some(words),
            _ => None,
        });
        let words: Vec<_> = words.flatten().collect();
        assert!(words.iter().any(|word| *word == "other.service"));
        assert!(!words.iter().any(|word| word.contains('{')));
    }
}
