//! From what the stages of a chain agree on to the steps of each.

mod traffic;

use ipnet::IpNet;

use super::routing;
use crate::{
    AddressAmendment, Addressing, Attachment, Change, ContainerSysctl, Flows, InterfaceAddress,
    LinkAttributes, LinkFlag, LinkSettings, LinkSide, MacAddress, Merged, Neighbours, Proposal,
    ProposedLinkKind, RouteAmendment, RoutingRules, StageChanges, Step, VrfMembership, sysctl_path,
};

/// What the steps of a chain are made from.
#[derive(Debug, Clone, Copy)]
pub struct ChainRequest<'a> {
    /// Whose chain.
    pub attachment: &'a Attachment,
    /// What the stages agree on.
    pub merged: &'a Merged,
    /// The addressing of an interface that is there already; None: the attachment makes its interface itself, with the
    /// merged addressing, MTU and Ethernet address.
    pub before: Option<&'a Addressing>,
    /// The subnets of the network's ranges, as far as the host knows them.
    pub subnets: &'a [IpNet],
    /// `IFLA_GROUP` of the attachment's links.
    pub group: u32,
    /// Of the ifb that a rate for what the container sends needs.
    pub ifb_mac: MacAddress,
    /// The bridge is one that our configuration names, so that its settings are ours.
    pub bridge_is_ours: bool,
}

/// The steps of each stage, in the order of the chain. What several stages share is done by the first of them; flow rules
/// of all stages are one step of the last that has any, since drop beats accept across them.
#[must_use]
pub fn chain(request: &ChainRequest<'_>) -> Vec<Vec<Step>> {
    let mut done: Vec<Step> = Vec::new();
    let stages = &request.merged.stages;
    let last_with_flows = stages.iter().rposition(has_flows);
    let steps = stages.iter().enumerate().map(|(index, stage)| {
        let mut steps = request.stage(stage);
        if last_with_flows == Some(index) {
            steps.extend(request.flows());
        }
        steps.retain(|step| !done.contains(step));
        done.extend(steps.iter().cloned());
        steps
    });
    steps.collect()
}

fn has_flows(stage: &StageChanges) -> bool {
    stage.changes.iter().any(|change| {
        matches!(
            change,
            Change::AddFlow(_) | Change::DenyFlowsByDefault { .. }
        )
    })
}

impl ChainRequest<'_> {
    fn stage(&self, stage: &StageChanges) -> Vec<Step> {
        let changes = stage.changes.as_slice();
        // First, so that what the stage adds to the interface is added in the VRF.
        let mut steps: Vec<Step> = changes
            .iter()
            .filter_map(|change| self.vrf(change))
            .collect();
        if let Some(before) = self.before {
            steps.extend(self.amended_addresses(before, changes));
            steps.extend(self.amended_routes(before, changes));
        }
        steps.extend(self.rules(changes));
        steps.extend(self.neighbours(changes));
        steps.extend(self.link_settings(changes));
        steps.extend(changes.iter().filter_map(|change| self.sysctl(change)));
        steps.extend(changes.iter().flat_map(|change| self.traffic(change)));
        steps
    }

    fn interface(&self) -> String {
        self.attachment.interface_name.clone()
    }

    fn proposal(&self) -> &Proposal {
        &self.merged.proposal
    }

    fn amended_addresses(&self, before: &Addressing, changes: &[Change]) -> Option<Step> {
        let touches = |change: &Change| {
            matches!(change, Change::AddAddress(_) | Change::RemoveAddress { .. })
        };
        let after = &self.proposal().addressing.addresses;
        let missing = |from: &[InterfaceAddress], to: &[InterfaceAddress]| -> Vec<_> {
            let there =
                |entry: &&InterfaceAddress| !to.iter().any(|other| other.address == entry.address);
            from.iter().filter(there).cloned().collect()
        };
        changes.iter().any(touches).then(|| {
            Step::AmendAddresses(AddressAmendment {
                interface: self.interface(),
                remove: missing(&before.addresses, after),
                add: missing(after, &before.addresses),
            })
        })
    }

    fn amended_routes(&self, before: &Addressing, changes: &[Change]) -> Option<Step> {
        let touches =
            |change: &Change| matches!(change, Change::AddRoute(_) | Change::RemoveRoute(_));
        let after = &self.proposal().addressing.routes;
        changes.iter().any(touches).then(|| {
            Step::AmendRoutes(RouteAmendment {
                interface: self.interface(),
                remove: before
                    .routes
                    .iter()
                    .filter(|route| !after.contains(route))
                    .cloned()
                    .collect(),
                add: after
                    .iter()
                    .filter(|route| !before.routes.contains(route))
                    .cloned()
                    .collect(),
            })
        })
    }

    fn vrf(&self, change: &Change) -> Option<Step> {
        let Change::JoinVrf { name, table } = change else {
            return None;
        };
        let after = &self.proposal().addressing;
        // What the interface has by now; later stages add theirs by themselves.
        let now = self.before.unwrap_or(after);
        let resolved = routing::resolve(now);
        let routes = now.routes.iter().zip(resolved);
        Some(Step::JoinVrf(VrfMembership {
            interface: self.interface(),
            vrf: name.clone(),
            table: *table,
            mac: MacAddress::from_seed(format!("VRF {name}").as_bytes()),
            routes: routes
                .filter(|(route, _)| route.table.is_none() && after.routes.contains(route))
                .map(|(_, resolved)| resolved)
                .collect(),
        }))
    }

    fn rules(&self, changes: &[Change]) -> Option<Step> {
        let rules: Vec<_> = changes
            .iter()
            .filter_map(|change| match change {
                Change::AddRule(rule) => Some(rule.clone()),
                _ => None,
            })
            .collect();
        (!rules.is_empty()).then_some(Step::RoutingRules(RoutingRules { rules }))
    }

    fn neighbours(&self, changes: &[Change]) -> Option<Step> {
        let neighbours: Vec<_> = changes
            .iter()
            .filter_map(|change| match change {
                Change::AddNeighbour(entry) => Some(*entry),
                _ => None,
            })
            .collect();
        (!neighbours.is_empty()).then(|| {
            Step::Neighbours(Neighbours {
                interface: self.interface(),
                neighbours,
            })
        })
    }

    /// MTU and Ethernet address of an interface that is made here are in the step that makes it.
    fn link_settings(&self, changes: &[Change]) -> Option<Step> {
        let mut wanted = LinkAttributes::default();
        for change in changes {
            match change {
                Change::SetMtu { mtu } if self.before.is_some() => wanted.mtu = Some(*mtu),
                Change::SetMac { mac } if self.before.is_some() => wanted.mac = Some(*mac),
                Change::SetLinkFlag { flag, on } => match flag {
                    LinkFlag::Promiscuous => wanted.promiscuous = Some(*on),
                    LinkFlag::AllMulticast => wanted.all_multicast = Some(*on),
                },
                Change::SetTransmitQueueLength { packets } => {
                    wanted.transmit_queue_length = Some(*packets);
                }
                _ => {}
            }
        }
        (!wanted.is_empty()).then(|| {
            Step::LinkSettings(LinkSettings {
                interface: self.interface(),
                wanted,
                previous: None,
            })
        })
    }

    fn sysctl(&self, change: &Change) -> Option<Step> {
        let Change::SetSysctl(sysctl) = change else {
            return None;
        };
        // Merging has refused every other name.
        let path = sysctl_path(&sysctl.name, &self.attachment.interface_name).ok()?;
        Some(Step::Sysctl(ContainerSysctl {
            path,
            value: sysctl.value.clone(),
            previous: None,
        }))
    }

    fn host_link(&self, kind: ProposedLinkKind) -> Option<String> {
        let links = &self.proposal().links;
        links
            .iter()
            .find(|link| link.side == LinkSide::Host && link.kind == kind)
            .map(|link| link.name.clone())
    }

    fn host_end(&self) -> Option<String> {
        self.host_link(ProposedLinkKind::Veth)
    }

    fn bridge(&self) -> Option<String> {
        self.host_link(ProposedLinkKind::Bridge)
    }

    fn flows(&self) -> Vec<Step> {
        let mut deny_by_default = Vec::new();
        for change in self
            .merged
            .stages
            .iter()
            .flat_map(|stage| stage.changes.iter())
        {
            if let Change::DenyFlowsByDefault { direction } = change
                && !deny_by_default.contains(direction)
            {
                deny_by_default.push(*direction);
            }
        }
        let mut steps = vec![Step::FlowTable {}];
        steps.extend(self.bridge_filter());
        steps.push(Step::Flows(Flows {
            addresses: self.addresses(),
            rules: self.proposal().flow_rules.clone(),
            deny_by_default,
        }));
        steps
    }
}

#[cfg(test)]
mod tests;
