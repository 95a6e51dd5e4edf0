//! What else belongs to the container's side: rules, neighbours, settings of its interface, sysctls.

use super::settings::Text;
use super::{Merge, Refusal, StageName, forbidden, sysctl_path};
use crate::{
    Change, Dns, Family, MacAddress, Neighbour, ProposedLinkKind, RoutingRule, Sysctl,
    is_interface_name,
};

const MAX_RULES: usize = 256;
const MAX_NEIGHBOURS: usize = 1024;
/// The least MTU of an Ethernet device (`ETH_MIN_MTU`).
const MIN_MTU: u32 = 68;
const MAX_MTU: u32 = 65535;
/// The least MTU with IPv6 (RFC 8200, section 5).
const MIN_IPV6_MTU: u32 = 1280;
/// `RT_TABLE_DEFAULT`, `RT_TABLE_MAIN` and `RT_TABLE_LOCAL`: the kernel's own.
const KERNEL_TABLES: [u32; 4] = [0, 253, 254, 255];
const KERNEL_TABLE: &str = "the table is the kernel's own: take one of 1–252 or above 255";

impl Merge {
    pub(super) fn add_rule(&mut self, rule: &RoutingRule) -> Result<(), Refusal> {
        let wrong = |network: &Option<ipnet::IpNet>| {
            network.is_some_and(|network| Family::of(network.addr()) != rule.family)
        };
        if wrong(&rule.source) || wrong(&rule.destination) {
            return forbidden(format!("its networks are not all of {}", rule.family));
        }
        if KERNEL_TABLES.contains(&rule.table) {
            return forbidden(KERNEL_TABLE);
        }
        if self.proposal.rules.len() >= MAX_RULES {
            return forbidden(format!("an attachment has at most {MAX_RULES} rules"));
        }
        if !self.proposal.rules.contains(rule) {
            self.proposal.rules.push(rule.clone());
        }
        Ok(())
    }

    pub(super) fn add_neighbour(
        &mut self,
        stage: &StageName,
        entry: Neighbour,
    ) -> Result<(), Refusal> {
        self.is_ethernet()?;
        if entry.address.is_unspecified() || entry.address.is_multicast() {
            return forbidden("no neighbour has such an address");
        }
        if self.proposal.neighbours.len() >= MAX_NEIGHBOURS {
            return forbidden(format!(
                "an attachment has at most {MAX_NEIGHBOURS} neighbours"
            ));
        }
        self.settings.neighbour(stage, entry)?;
        if !self.proposal.neighbours.contains(&entry) {
            self.proposal.neighbours.push(entry);
        }
        Ok(())
    }

    pub(super) fn set_mtu(&mut self, stage: &StageName, mtu: u32) -> Result<(), Refusal> {
        self.is_ethernet()?;
        let has_ipv6 = self
            .proposal
            .addressing
            .addresses
            .iter()
            .any(|entry| Family::of(entry.address.addr()) == Family::Ipv6);
        let least = if has_ipv6 { MIN_IPV6_MTU } else { MIN_MTU };
        if !(least..=MAX_MTU).contains(&mtu) {
            return forbidden(format!("it is not within {least}–{MAX_MTU}"));
        }
        self.settings.mtu.set(stage, (), mtu)?;
        self.proposal.mtu = Some(mtu);
        Ok(())
    }

    pub(super) fn set_mac(&mut self, stage: &StageName, mac: MacAddress) -> Result<(), Refusal> {
        self.is_ethernet()?;
        let multicast = mac.0.first().is_some_and(|octet| octet & 1 == 1);
        if multicast || mac.0 == [0; 6] {
            return forbidden("it is no unicast address");
        }
        self.settings.mac.set(stage, (), mac)?;
        self.proposal.mac = Some(mac);
        Ok(())
    }

    pub(super) fn set_dns(&mut self, stage: &StageName, dns: &Dns) -> Result<(), Refusal> {
        self.settings.dns.set(stage, (), Text(format!("{dns:?}")))?;
        self.proposal.addressing.dns = dns.clone();
        Ok(())
    }

    pub(super) fn set_sysctl(&mut self, stage: &StageName, sysctl: &Sysctl) -> Result<(), Refusal> {
        let path = sysctl_path(&sysctl.name, &self.interface)
            .map_err(|error| Refusal::Forbidden(error.to_string()))?;
        if sysctl.value.contains(['\0', '\n']) {
            return forbidden("its value has more than one line");
        }
        self.settings
            .sysctls
            .set(stage, path, sysctl.value.clone())?;
        if !self.proposal.sysctls.contains(sysctl) {
            self.proposal.sysctls.push(sysctl.clone());
        }
        Ok(())
    }

    pub(super) fn join_vrf(
        &mut self,
        stage: &StageName,
        name: &str,
        table: Option<u32>,
    ) -> Result<(), Refusal> {
        self.is_ethernet()?;
        if !is_interface_name(name) || name == self.interface {
            return forbidden(
                "no VRF can be called so: it takes 1–15 characters without '/', ':' and blanks, and a name that the \
                 container's interface does not have",
            );
        }
        if table.is_some_and(|table| KERNEL_TABLES.contains(&table)) {
            return forbidden(KERNEL_TABLE);
        }
        let asked = Change::JoinVrf {
            name: name.to_owned(),
            table,
        };
        self.settings.vrf.set(stage, (), Text(asked.to_string()))
    }

    /// `lo` has no addresses, neighbours or MTU of its own to decide about.
    pub(super) fn is_ethernet(&self) -> Result<(), Refusal> {
        let loopback = self
            .proposal
            .links
            .iter()
            .any(|link| link.kind == ProposedLinkKind::Loopback && link.name == self.interface);
        if loopback {
            return forbidden("the interface is lo");
        }
        Ok(())
    }
}
