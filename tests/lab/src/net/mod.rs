//! The world outside of one guest, in a network namespace of its own: the virtual switch port,
//! DHCP, DNS, the model registry, and clients. Every guest has the same addresses, as every
//! guest behind masquerade has.

pub mod authority;
pub mod client;
pub mod gateway;
pub mod namespace;
pub mod outside;
pub mod service;
pub mod traffic;
pub mod watch;

/// The gateway: router, DHCP and DNS server, registry.
pub const GATEWAY: &str = "10.0.2.1";
/// The guest.
pub const GUEST: &str = "10.0.2.2";
/// The MTU that the DHCP server gives: less than the link's own, as in a cluster's overlay.
pub const MTU: u32 = 1400;
/// Another network's router and DHCP server on the same wire.
pub const OTHER_GATEWAY: &str = "10.0.99.1";
/// The address that it leases to the guest.
pub const OTHER_GUEST: &str = "10.0.99.2";
/// By which clients beyond the gateway know the guest: it belongs to nobody.
pub const SERVICE: &str = "10.96.0.7";
/// The name that the guest must know its link by.
pub const LINK: &str = "enp1s0";
/// The host that Ollama pulls from.
pub const REGISTRY: &str = "registry.ollama.ai";
/// Another host that has the same models, and the same machine behind it.
pub const MIRROR: &str = "models.example";
