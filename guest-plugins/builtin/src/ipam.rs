use host_local::HostLocal;
use pool_by_namespace::PoolByNamespace;
use static_ipam::Static;
use wasm_cni_guest::{Allocation, Attachment, Dns, Failure, Host, Ipam};

use crate::POLICY_PLUGINS;
use crate::name::Name;

/// The names of the IPAM plugins in here.
pub const IPAM_PLUGINS: &[&str] = &["host-local", "static", "pool-by-namespace"];

/// One of the built-in IPAM plugins.
#[derive(Debug)]
pub enum BuiltinIpam {
    /// `host-local`.
    HostLocal(HostLocal),
    /// `static`.
    Static(Static),
    /// `pool-by-namespace`.
    PoolByNamespace(PoolByNamespace),
}

/// The same call for whichever plugin it is.
macro_rules! with_each {
    ($builtin:expr, $plugin:ident => $call:expr) => {
        match $builtin {
            Self::HostLocal($plugin) => $call,
            Self::Static($plugin) => $call,
            Self::PoolByNamespace($plugin) => $call,
        }
    };
}

impl Ipam for BuiltinIpam {
    fn configure(text: &str) -> Result<Self, Failure> {
        let name = Name::read(text)?;
        match name.value.as_str() {
            "host-local" => HostLocal::configure(text).map(Self::HostLocal),
            "static" => Static::configure(text).map(Self::Static),
            "pool-by-namespace" => PoolByNamespace::configure(text).map(Self::PoolByNamespace),
            _ => Err(name.unknown(
                "ipam.",
                "IPAM plugin",
                IPAM_PLUGINS,
                POLICY_PLUGINS,
                "a stage of a chain, beside ipam",
            )),
        }
    }

    fn allocate(
        &self,
        attachment: &Attachment,
        resolver: Option<Dns>,
        host: &impl Host,
    ) -> Result<Allocation, Failure> {
        with_each!(self, plugin => plugin.allocate(attachment, resolver, host))
    }

    fn release(&self, attachment: &Attachment, host: &impl Host) -> Result<(), Failure> {
        with_each!(self, plugin => plugin.release(attachment, host))
    }

    fn check(
        &self,
        attachment: &Attachment,
        allocation: &Allocation,
        host: &impl Host,
    ) -> Result<(), Failure> {
        with_each!(self, plugin => plugin.check(attachment, allocation, host))
    }

    fn status(&self, host: &impl Host) -> Result<(), Failure> {
        with_each!(self, plugin => plugin.status(host))
    }
}
