//! What a virtual machine is made of, as QEMU's command line says it.

use std::path::Path;

use super::ground::{Ground, Kernel};
use super::{SEED, WATCH};
use crate::net::gateway::PORT;
use crate::root::tools::machine;

/// The parts that differ between one power-on and the next.
#[derive(Debug, Clone)]
pub struct Hardware {
    /// The MAC of its link.
    pub mac: String,
    /// The PCI bus behind which the link is: 1 makes it enp1s0.
    pub slot: u8,
    /// Whether it boots the other of its kernels.
    pub upgraded: bool,
    /// Whether the data disk is attached.
    pub data: bool,
    /// Read-only disks: name of the image, serial.
    pub extra: Vec<(&'static str, &'static str)>,
}

/// The bus for what is attached to a running machine.
pub const SPARE: &str = "bus3";
/// QEMU's node of the data disk's image.
pub const DATA_FILE: &str = "data-file";

/// Where a machine's files are.
pub struct Place<'a> {
    /// Disks and console.
    pub disks: &'a Path,
    /// Sockets.
    pub sockets: &'a Path,
}

impl Hardware {
    /// A link with that MAC, and the data disk.
    #[must_use]
    pub fn with(mac: &str) -> Self {
        Self { mac: mac.into(), slot: 1, upgraded: false, data: true, extra: Vec::new() }
    }

    /// QEMU's arguments.
    #[must_use]
    pub fn arguments(&self, ground: &Ground, place: &Place<'_>) -> Vec<String> {
        let disks = place.disks.display();
        let sockets = place.sockets.display();
        // QEMU 10.0 emulating by a thread for each processor has ended itself while a guest found
        // its PCI devices (iotlb_to_section: Assertion `section_index < d->map.sections_nb').
        let (accelerator, cpu) = match ground.accelerator {
            "kvm" => ("kvm", "host"),
            _ => ("tcg,thread=single", ground.architecture.processor()),
        };
        let mut all = machine(ground.architecture);
        let mut add = |text: String| all.extend(text.split(' ').map(str::to_owned));
        add(format!("-accel {accelerator} -cpu {cpu} -m 1024 -smp 2"));
        let Kernel { image, initrd } = if self.upgraded { &ground.other } else { &ground.kernel };
        add(format!("-kernel {} -initrd {}", image.display(), initrd.display()));
        // Two bridges, the first of which is bus 1: a link's name is made from its bus.
        add("-device pcie-root-port,id=bus1,chassis=1,addr=10.0".into());
        add("-device pcie-root-port,id=bus2,chassis=2,addr=11.0".into());
        // What is attached to a running machine needs a bridge that is free.
        add(format!("-device pcie-root-port,id={SPARE},chassis=3,addr=12.0"));
        add(format!("-netdev tap,id=net,ifname={PORT},script=no,downscript=no"));
        // Without a ROM to boot from the network by, which QEMU's package for arm64 has not.
        add(format!(
            "-device virtio-net-pci,id=nic,netdev=net,bus=bus{},mac={},romfile=",
            self.slot, self.mac
        ));
        add(disk("root", "qcow2", &format!("{disks}/root.qcow2"), "saigak-root"));
        add(disk("cidata", "raw", &format!("{disks}/{SEED}"), "saigak-cidata"));
        let data = disk("data", "qcow2", &format!("{disks}/data.qcow2"), "saigak-data");
        if self.data {
            add(data);
        }
        for (name, serial) in &self.extra {
            add(disk(serial, "raw", &format!("{disks}/{name}"), serial));
        }
        add("-device virtio-rng-pci -device virtio-serial-pci".into());
        for (name, port) in [("agent", "org.qemu.guest_agent.0"), (WATCH, "lab.watch")] {
            add(format!("-chardev socket,id={name},path={sockets}/{name},server=on,wait=off"));
            add(format!("-device virtserialport,chardev={name},name={port}"));
        }
        add(format!("-chardev file,id=console,path={disks}/console.log,append=on"));
        add(format!("-serial chardev:console -qmp unix:{sockets}/monitor,server=on,wait=off"));
        let console = ground.architecture.console();
        all.extend(["-append".into(), format!("root=LABEL=root rw console={console}")]);
        all
    }
}

/// A disk: node, format, file, serial number.
fn disk(node: &str, format: &str, file: &str, serial: &str) -> String {
    let read_only = if format == "raw" { "on" } else { "off" };
    format!(
        "-blockdev driver={format},node-name={node},read-only={read_only},\
         file.driver=file,file.filename={file},file.node-name={node}-file \
         -device virtio-blk-pci,id=disk-{node},drive={node},serial={serial}"
    )
}
