use cni::request::Status;
use cni::role::Role;
use cni::verb::Verb;
use engine::Outcome;
use kernel::Linux;
use plan::NetworkTag;

use super::link;
use crate::chain::Stage;
use crate::clock::unix_seconds;
use crate::failure::Cause;
use crate::ipam::{Ipam, PluginIpam};
use crate::node::Node;
use crate::sweep;

/// CNI STATUS: could ADD be served now? Polled every few seconds, so it is cheap: no list is walked unless a range is
/// full.
pub(crate) fn status(node: &Node, request: &Status) -> Result<(), Cause> {
    let config = &request.call.config;
    let stages = Stage::of_chain(config);
    for stage in stages.iter().chain(&Stage::of_entry(config)) {
        stage
            .status(node, config.name.as_ref())
            .map_err(|cause| cause.in_stage(&stage.name))?;
    }
    if request.call.role == Role::Link {
        link::parse(config)?;
        Linux::host()?.can_serve()?;
    }
    node.store()?.check_writable()?;
    match Ipam::of_call(node, &request.call)? {
        None => Ok(()),
        Some(Ipam::Delegated(delegated)) => Ok(delegated.forward(Verb::Status)?),
        Some(Ipam::Plugin(plugin)) => plugin_ready(node, &plugin, config.name.as_ref()),
    }
}

fn plugin_ready(node: &Node, plugin: &PluginIpam, network: &str) -> Result<(), Cause> {
    let store = node.store()?;
    if !plugin.has_addresses_left(store, network)? {
        // A range may be full of what nobody has cleaned up.
        sweep::network(
            store,
            NetworkTag::of(network),
            &node.log,
            unix_seconds(node.now),
        );
    }
    match plugin.status(node, network) {
        Err(cause) if is_exhausted(&cause) && plugin.ready_when_exhausted() => Ok(()),
        outcome => outcome,
    }
}

/// Did the plugin say that no address is left?
fn is_exhausted(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Plugin(error) if matches!(error.outcome, Outcome::Failed(engine::Failure::Exhausted(_)))
    )
}
