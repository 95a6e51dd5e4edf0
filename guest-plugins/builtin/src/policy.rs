use bandwidth::Bandwidth;
use firewall::Firewall;
use flow_policy::FlowPolicy;
use portmap::Portmap;
use quota::Quota;
use route_override::RouteOverride;
use sbr::Sbr;
use tuning::Tuning;
use vrf::Vrf;
use wasm_cni_guest::{Attachment, Failure, Policy, PolicyHost};

use crate::IPAM_PLUGINS;
use crate::name::Name;

/// The names of the policy plugins in here.
pub const POLICY_PLUGINS: &[&str] = &[
    "portmap",
    "bandwidth",
    "firewall",
    "tuning",
    "sbr",
    "vrf",
    "flow-policy",
    "route-override",
    "quota",
];

/// One of the built-in policy plugins.
#[derive(Debug)]
pub enum BuiltinPolicy {
    /// `portmap`.
    Portmap(Portmap),
    /// `bandwidth`.
    Bandwidth(Bandwidth),
    /// `firewall`.
    Firewall(Firewall),
    /// `tuning`.
    Tuning(Tuning),
    /// `sbr`.
    Sbr(Sbr),
    /// `vrf`.
    Vrf(Vrf),
    /// `flow-policy`.
    FlowPolicy(FlowPolicy),
    /// `route-override`.
    RouteOverride(RouteOverride),
    /// `quota`.
    Quota(Quota),
}

/// The same call for whichever plugin it is.
macro_rules! with_each {
    ($builtin:expr, $plugin:ident => $call:expr) => {
        match $builtin {
            Self::Portmap($plugin) => $call,
            Self::Bandwidth($plugin) => $call,
            Self::Firewall($plugin) => $call,
            Self::Tuning($plugin) => $call,
            Self::Sbr($plugin) => $call,
            Self::Vrf($plugin) => $call,
            Self::FlowPolicy($plugin) => $call,
            Self::RouteOverride($plugin) => $call,
            Self::Quota($plugin) => $call,
        }
    };
}

impl Policy for BuiltinPolicy {
    fn configure(config: &str) -> Result<Self, Failure> {
        let name = Name::read(config)?;
        match name.value.as_str() {
            "portmap" => Portmap::configure(config).map(Self::Portmap),
            "bandwidth" => Bandwidth::configure(config).map(Self::Bandwidth),
            "firewall" => Firewall::configure(config).map(Self::Firewall),
            "tuning" => Tuning::configure(config).map(Self::Tuning),
            "sbr" => Sbr::configure(config).map(Self::Sbr),
            "vrf" => Vrf::configure(config).map(Self::Vrf),
            "flow-policy" => FlowPolicy::configure(config).map(Self::FlowPolicy),
            "route-override" => RouteOverride::configure(config).map(Self::RouteOverride),
            "quota" => Quota::configure(config).map(Self::Quota),
            _ => Err(name.unknown(
                "",
                "policy plugin",
                POLICY_PLUGINS,
                IPAM_PLUGINS,
                "an IPAM plugin, for ipam.plugin",
            )),
        }
    }

    fn amend(&self, attachment: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        with_each!(self, plugin => plugin.amend(attachment, host))
    }

    fn release(&self, attachment: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        with_each!(self, plugin => plugin.release(attachment, host))
    }

    fn check(&self, attachment: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        with_each!(self, plugin => plugin.check(attachment, host))
    }

    fn status(&self, host: &impl PolicyHost) -> Result<(), Failure> {
        with_each!(self, plugin => plugin.status(host))
    }
}
