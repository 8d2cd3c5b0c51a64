//! The rules. Each is about a fault that no schema can see: it stands between objects.

mod apu;
mod clients;
mod cloud_disk;
mod cloud_network;
mod cloud_packages;
mod cloud_secret;
mod cluster;
mod device_plugin;
mod devices;
mod disruption;
mod first_boot;
mod guest;
mod models;
mod namespace;
mod network_policy;
mod network_range;
mod operator;
mod operator_talos;
mod permitted;
mod pods;
mod reach;
mod schema;
mod service;
mod storage;
mod strategy;
mod talos;
mod vm_device;
mod vm_identity;
mod vm_mac;
mod vm_port;
mod vm_probe;
mod vm_run;

use crate::lint::Rule;

pub(crate) use guest::Learnt;
pub(crate) use talos::Shown;

/// All of them, in the order of their numbers.
pub(crate) static RULES: &[&Rule] = &[
    &vm_identity::VM001,
    &vm_identity::VM002,
    &vm_identity::VM003,
    &vm_mac::VM004,
    &vm_identity::VM005,
    &vm_probe::VM006,
    &vm_port::VM007,
    &vm_probe::VM008,
    &vm_device::VM009,
    &vm_run::VM010,
    &vm_device::VM011,
    &vm_device::VM012,
    &vm_run::VM013,
    &vm_run::VM014,
    &vm_probe::VM015,
    &cloud_secret::CI001,
    &cloud_secret::CI002,
    &cloud_secret::CI003,
    &cloud_secret::CI004,
    &cloud_network::CI005,
    &cloud_network::CI006,
    &cloud_network::CI007,
    &vm_mac::CI008,
    &cloud_network::CI009,
    &cloud_network::CI010,
    &cloud_disk::CI011,
    &cloud_packages::CI012,
    &cloud_packages::CI013,
    &cloud_disk::CI014,
    &cloud_packages::CI015,
    &cloud_disk::CI016,
    &cluster::KV001,
    &cluster::KV002,
    &cluster::KV003,
    &operator::KV004,
    &cluster::KV005,
    &strategy::GP001,
    &operator_talos::GP002,
    &operator_talos::GP003,
    &operator_talos::GP004,
    &operator::GP005,
    &device_plugin::GP006,
    &operator::GP007,
    &pods::WL001,
    &pods::WL002,
    &pods::WL003,
    &devices::HV001,
    &devices::HV002,
    &devices::HV003,
    &devices::HV004,
    &devices::HV005,
    &namespace::PS001,
    &service::SV001,
    &clients::SV002,
    &apu::PK001,
    &service::SV003,
    &service::SV004,
    &network_range::NW001,
    &network_policy::NW002,
    &storage::AR001,
    &storage::AR002,
    &storage::DV001,
    &disruption::PD001,
    &storage::KZ001,
    &schema::SC001,
];
