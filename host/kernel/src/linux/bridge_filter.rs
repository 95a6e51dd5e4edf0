//! What a bridge forwards between its ports passes the hooks of IPv4 and IPv6 (br_netfilter).

use std::path::Path;

use netlink_packet_route::link::{InfoBridge, InfoData, InfoKind};
use plan::Step;
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use super::{Linux, find_required};
use crate::{KernelError, Place, sysctl};

const KIND: &str = "bridge";
/// Where br_netfilter has its parameters while it is loaded, in each network namespace. Without it the bridge's own
/// options can be set all the same, and do nothing.
const PARAMETERS: &str = "/proc/sys/net/bridge";

impl Linux {
    /// Whatever `bridge-nf-call-iptables` says for all bridges. A bridge that is not ours is not changed: it is an error if
    /// what it forwards passes by.
    pub(super) fn filter_bridge(&self, name: &str, ours: bool) -> Result<(), KernelError> {
        let doing = || {
            Step::BridgeFilter {
                bridge: name.to_owned(),
                ours,
            }
            .to_string()
        };
        let bridge = find_required(&self.host, name, Place::Host)?;
        if bridge.kind != KIND {
            return Err(KernelError::WrongKind {
                name: name.to_owned(),
                wanted: KIND,
                found: bridge.description(),
            });
        }
        require_bridge_netfilter(Path::new(PARAMETERS), doing)?;
        if bridge.filters_bridged == (true, true) || filters_all_bridges()? {
            return Ok(());
        }
        if !ours {
            return Err(KernelError::Unfiltered {
                bridge: name.to_owned(),
            });
        }
        let message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Bridge)
            .index(bridge.index)
            .set_info_data(InfoData::Bridge(vec![
                InfoBridge::NfCallIpTables(true),
                InfoBridge::NfCallIp6Tables(true),
            ]))
            .build();
        self.host
            .change_link(message)
            .map_err(|refusal| refusal.when(doing()))
    }
}

/// Are the sysctls on that hold for all bridges, as Kubernetes wants them?
pub(super) fn filters_all_bridges() -> Result<bool, KernelError> {
    let on = |name: &str| sysctl::is(&format!("{PARAMETERS}/{name}"), "1");
    Ok(on("bridge-nf-call-iptables")? && on("bridge-nf-call-ip6tables")?)
}

/// Does the host filter what its bridges forward, where they or all of them are set so?
pub(super) fn has_bridge_netfilter() -> bool {
    Path::new(PARAMETERS).exists()
}

fn require_bridge_netfilter(
    parameters: &Path,
    doing: impl FnOnce() -> String,
) -> Result<(), KernelError> {
    if parameters.exists() {
        Ok(())
    } else {
        Err(KernelError::NoBridgeNetfilter { doing: doing() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_module_is_named_with_its_remedy() {
        let missing = Path::new("/proc/sys/net/no-such-module");
        let error = require_bridge_netfilter(missing, || "filtering".to_owned()).unwrap_err();
        assert!(
            error.to_string().contains("modprobe br_netfilter"),
            "{error}"
        );
        assert!(require_bridge_netfilter(Path::new("/proc"), String::new).is_ok());
    }
}
