//! What a plugin may call, one file for each file of interfaces of `wasm-cni:plugin`. Each call is charged before it does
//! anything, and ends the plugin's call unless its grant is there.

mod changes;
mod clock;
mod grants;
mod leases;
mod log;
mod proposal;
mod storage;
mod transcript;

use wasmtime::component::{HasSelf, Linker};

pub(crate) use self::changes::ChangeBuffer;
pub(crate) use self::transcript::Transcript;
use crate::bindings;
use crate::sandbox::CallState;

impl bindings::types::Host for CallState {}

/// Links one interface by the name that the audit knows it under.
pub(crate) fn link(linker: &mut Linker<CallState>, interface: &str) -> wasmtime::Result<()> {
    type Own = HasSelf<CallState>;
    match interface {
        "clock" => bindings::clock::add_to_linker::<_, Own>(linker, |state| state),
        "leases" => bindings::leases::add_to_linker::<_, Own>(linker, |state| state),
        "log" => bindings::log::add_to_linker::<_, Own>(linker, |state| state),
        "storage" => bindings::storage::add_to_linker::<_, Own>(linker, |state| state),
        "proposal" => bindings::proposal::add_to_linker::<_, Own>(linker, |state| state),
        "deny" => bindings::deny::add_to_linker::<_, Own>(linker, |state| state),
        "address" => bindings::address::add_to_linker::<_, Own>(linker, |state| state),
        "route" => bindings::route::add_to_linker::<_, Own>(linker, |state| state),
        "rule" => bindings::rule::add_to_linker::<_, Own>(linker, |state| state),
        "neighbour" => bindings::neighbour::add_to_linker::<_, Own>(linker, |state| state),
        "mtu" => bindings::mtu::add_to_linker::<_, Own>(linker, |state| state),
        "mac" => bindings::mac::add_to_linker::<_, Own>(linker, |state| state),
        "dns" => bindings::dns::add_to_linker::<_, Own>(linker, |state| state),
        "sysctl" => bindings::sysctl::add_to_linker::<_, Own>(linker, |state| state),
        "link-flag" => bindings::link_flag::add_to_linker::<_, Own>(linker, |state| state),
        "port-forward" => bindings::port_forward::add_to_linker::<_, Own>(linker, |state| state),
        "bandwidth" => bindings::bandwidth::add_to_linker::<_, Own>(linker, |state| state),
        "flow" => bindings::flow::add_to_linker::<_, Own>(linker, |state| state),
        "masquerade" => bindings::masquerade::add_to_linker::<_, Own>(linker, |state| state),
        "vrf" => bindings::vrf::add_to_linker::<_, Own>(linker, |state| state),
        _ => bindings::types::add_to_linker::<_, Own>(linker, |state| state),
    }
}
