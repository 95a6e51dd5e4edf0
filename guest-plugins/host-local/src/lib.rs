//! The host-local IPAM plugin: addresses from ranges on this node.
