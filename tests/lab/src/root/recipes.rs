//! What the lab's roots are made of.

use super::base::Recipe;
use crate::architecture::Architecture;

const TRIXIE: &str = "trixie";

/// Debian, from the machine's own mirror, and nothing else.
const PLAIN: Recipe = Recipe {
    what: "",
    name: "",
    suite: TRIXIE,
    variant: "minbase",
    packages: &[],
    sources: &[],
    architectures: &[],
    files: &[],
    commands: &[],
    guest: false,
};

/// A guest in a container.
pub const CONTAINER: Recipe = Recipe {
    what: "the guests' root: Debian 13",
    name: "root",
    packages: &[&["bindfs"], GUEST],
    files: &[READY_MADE, FILES],
    commands: &[PASSWORD, SERVER, QUIET],
    guest: true,
    ..PLAIN
};

/// A virtual machine, as the images are that clouds start from: cloud-init does all the rest.
pub const VM: Recipe = Recipe {
    what: "the virtual machines' root: Debian 13 with its kernels",
    name: "vm",
    packages: &[GUEST, MACHINE, kernels(Architecture::HERE)],
    files: &[FILES, IN_A_VM],
    commands: &[PASSWORD, QUIET, &[&["systemctl", "--quiet", "enable", "lab-watch.path"]]],
    guest: true,
    ..PLAIN
};

/// The same for arm64, on a machine that is not.
pub const VM_ARM64: Recipe = Recipe {
    what: "the virtual machines' root for arm64, emulated: a quarter of an hour",
    name: "vm-arm64",
    packages: &[GUEST, MACHINE, kernels(Architecture::Arm64)],
    architectures: &["arm64"],
    ..VM
};

/// What virtual machines are run by, so that the machine's own distribution does not matter.
pub const TOOLS: Recipe = Recipe {
    what: "a root for QEMU",
    name: "qemu",
    packages: &[AROUND, qemu(Architecture::HERE)],
    ..PLAIN
};

/// The same for machines of arm64.
pub const TOOLS_ARM64: Recipe = Recipe {
    what: "a root for QEMU's machines of arm64",
    name: "qemu-arm64",
    packages: &[AROUND, qemu(Architecture::Arm64)],
    ..PLAIN
};

/// What builds for arm64, by Debian's compilers, on amd64, and runs what it has built.
pub const CROSS: Recipe = Recipe {
    what: "a root that builds for arm64",
    name: "cross",
    packages: &[
        &["ca-certificates", "dpkg-dev", "gcc", "gcc-aarch64-linux-gnu", "libc6-dev"],
        &["libc6-dev-arm64-cross", "qemu-user"],
        // Debian 13's own is older than this workspace wants.
        &["cargo/trixie-backports", "rustc/trixie-backports"],
        &["libstd-rust-dev:arm64/trixie-backports"],
    ],
    sources: &[
        "deb http://deb.debian.org/debian trixie main",
        "deb http://deb.debian.org/debian trixie-backports main",
    ],
    architectures: &["amd64", "arm64"],
    ..PLAIN
};

/// A C library for arm64 as old as guests may have: Debian 12's. No program that is linked to it
/// can ask for what came later. The compilers' own is Debian 13's.
pub const C_LIBRARY: Recipe = Recipe {
    what: "an older C library to link to for arm64",
    name: "c-library",
    suite: "bookworm",
    variant: "extract",
    packages: &[&["libc6-dev-arm64-cross", "libgcc-s1-arm64-cross"]],
    ..PLAIN
};

/// The kernel of Debian's own cloud images, which has [`CLOUD`] in its name, and the general one:
/// another that a guest may come up with.
const fn kernels(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::Amd64 => &["linux-image-cloud-amd64", "linux-image-amd64"],
        Architecture::Arm64 => &["linux-image-cloud-arm64", "linux-image-arm64"],
    }
}

/// A part of the release of kernels for clouds.
pub const CLOUD: &str = "-cloud-";

const fn qemu(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::Amd64 => &["qemu-system-x86", "seabios"],
        Architecture::Arm64 => &["qemu-system-arm"],
    }
}

/// What makes a machine's disks, and what it is told.
const AROUND: &[&str] = &["genisoimage", "kustomize", "openssh-client", "qemu-utils", "zstd"];

/// What a guest has in a virtual machine, beside its kernel.
const MACHINE: &[&str] = &["kmod", "qemu-guest-agent", "sudo", "udev", "xz-utils", "zstd"];

/// What the reference guest has, and `curl` for a person's look.
const GUEST: &[&str] = &[
    "ca-certificates",
    "cloud-init",
    "curl",
    "dbus",
    "e2fsprogs",
    "iproute2",
    "iputils-ping",
    "less",
    "libpam-systemd",
    "netplan.io",
    "nftables",
    "openssh-server",
    "polkitd",
    "procps",
    "systemd-resolved",
    "systemd-sysv",
    "util-linux",
];

const FILES: &[(&str, u32, &str)] = &[
    ("etc/hostname", 0o644, "saigak-guest\n"),
    ("etc/hosts", 0o644, "127.0.0.1 localhost\n127.0.1.1 saigak-guest\n"),
    // On disk, so that the journal of a guest that died can still be read.
    ("etc/systemd/journald.conf.d/lab.conf", 0o644, "[Journal]\nStorage=persistent\n"),
];

/// What cloud-init did before a container's image was made.
const READY_MADE: &[(&str, u32, &str)] = &[
    ("etc/systemd/system/ollama.service", 0o644, include_str!("files/ollama.service")),
    // The network file as cloud-init leaves it where a network-config names the link.
    ("etc/netplan/50-cloud-init.yaml", 0o600, include_str!("files/netplan.yaml")),
    // No data source in a container.
    ("etc/cloud/cloud-init.disabled", 0o644, ""),
];

const IN_A_VM: &[(&str, u32, &str)] = &[
    // As on every image for clouds with such disks: no other source is searched for.
    ("etc/cloud/cloud.cfg.d/90-lab.cfg", 0o644, "datasource_list: [NoCloud, None]\n"),
    // As of an image that was booted before it was published: no caches are made anew.
    ("etc/.updated", 0o644, ""),
    ("var/.updated", 0o644, ""),
    ("etc/systemd/system/lab-watch.path", 0o644, include_str!("files/lab-watch.path")),
    ("etc/systemd/system/lab-watch.service", 0o644, include_str!("files/lab-watch.service")),
];

const PASSWORD: &[&[&str]] = &[&["passwd", "--quiet", "--delete", "root"]];

const QUIET: &[&[&str]] = &[
    // They would work at times of their own choosing.
    &["systemctl", "--quiet", "mask", "apt-daily.timer", "apt-daily-upgrade.timer"],
    &["systemctl", "--quiet", "mask", "dpkg-db-backup.timer", "e2scrub_all.timer"],
];

const SERVER: &[&[&str]] = &[
    // As Ollama's installer makes it.
    &["useradd", "-r", "-s", "/bin/false", "-U", "-m", "-d", "/usr/share/ollama", "ollama"],
    &["systemctl", "--quiet", "enable", "ollama.service"],
];
