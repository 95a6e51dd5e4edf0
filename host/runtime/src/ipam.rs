//! Who decides about addresses.

mod delegated;
mod plugin;
mod policy;
mod resolver;
mod section;

use std::path::PathBuf;

use cni::config::{IpamConfig, NetworkConfig};
use cni::drop_in::KEPT_SUFFIX;
use cni::request::Call;
use cni::role::Role;

use crate::delegate::Delegate;
use crate::executable;
use crate::failure::Cause;
use crate::node::Node;

pub(crate) use delegated::DelegatedIpam;
pub(crate) use plugin::{Allocated, PluginIpam};

/// How long a released address rests unless `ipam.coolDownSeconds` says otherwise: long enough for the neighbours' ARP
/// entries and for connections in TIME_WAIT, both 60 s by default.
pub(crate) const DEFAULT_COOL_DOWN_SECONDS: u64 = 60;

/// Who decides about addresses.
pub(crate) enum Ipam {
    /// A plugin of ours, in this process.
    Plugin(Box<PluginIpam>),
    /// An executable of another vendor.
    Delegated(DelegatedIpam),
}

impl Ipam {
    /// Who decides in this call; None where nobody does.
    pub(crate) fn of_call(node: &Node, call: &Call) -> Result<Option<Self>, Cause> {
        match (call.role, &call.config.ipam) {
            // The section's executable is the one that was called.
            (Role::Ipam, Some(section)) => Self::ours(&call.config, section).map(Some),
            _ => Self::of(node, &call.config, &call.search_path),
        }
    }

    /// What the `ipam` section names; None where there is none.
    pub(crate) fn of(
        node: &Node,
        config: &NetworkConfig,
        search_path: &[PathBuf],
    ) -> Result<Option<Self>, Cause> {
        let Some(section) = &config.ipam else {
            return Ok(None);
        };
        if !section.is_own_type() {
            let delegate =
                Delegate::find(section.plugin_type.as_str(), search_path, &node.environment)?;
            // Our own file under another name is run in this process.
            if !executable::is_ourselves(delegate.executable()) {
                return Ok(Some(Self::Delegated(DelegatedIpam::new(delegate, config))));
            }
        }
        Self::ours(config, section).map(Some)
    }

    /// The executable whose name we have taken, where it is kept beside: it still holds what it gave before.
    pub(crate) fn predecessor(
        node: &Node,
        config: &NetworkConfig,
        search_path: &[PathBuf],
    ) -> Option<DelegatedIpam> {
        let section = config.ipam.as_ref();
        let section = section.filter(|section| !section.is_own_type())?;
        let name = format!("{}{KEPT_SUFFIX}", section.plugin_type);
        let delegate = Delegate::find(&name, search_path, &node.environment).ok()?;
        Some(DelegatedIpam::new(delegate, config))
    }

    fn ours(config: &NetworkConfig, section: &IpamConfig) -> Result<Self, Cause> {
        Ok(Self::Plugin(Box::new(PluginIpam::new(config, section)?)))
    }
}

/// How long the addresses of a network rest after their release.
pub(crate) fn cool_down_seconds(section: Option<&IpamConfig>) -> u64 {
    let settings = section.and_then(|section| section.settings().ok());
    settings
        .and_then(|settings| settings.cool_down_seconds)
        .map_or(DEFAULT_COOL_DOWN_SECONDS, u64::from)
}
