use plan::Mismatch;

use super::Differences;
use crate::KernelError;
use crate::linux::bridge_filter::{filters_all_bridges, has_bridge_netfilter};
use crate::linux::{Linux, find};

impl Linux {
    pub(super) fn compare_bridge_filter(&self, name: &str) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let Some(bridge) = find(&self.host, name)? else {
            return Ok(differences.missing(format!("bridge {name}")));
        };
        differences.unless(
            has_bridge_netfilter(),
            "module br_netfilter",
            "loaded",
            "missing",
        );
        let object = |option| format!("{option} of bridge {name}");
        if filters_all_bridges()? {
            return Ok(differences.found);
        }
        let (ipv4, ipv6) = bridge.filters_bridged;
        differences.unless(ipv4, object("nf_call_iptables"), "on", "off");
        differences.unless(ipv6, object("nf_call_ip6tables"), "on", "off");
        Ok(differences.found)
    }

    pub(super) fn compare_port_isolation(&self, name: &str) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let Some(link) = find(&self.host, name)? else {
            return Ok(differences.missing(format!("link {name}")));
        };
        let isolated = link.port.is_some_and(|port| port.isolated);
        differences.unless(isolated, format!("isolation of port {name}"), "on", "off");
        Ok(differences.found)
    }
}
