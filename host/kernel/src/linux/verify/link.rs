use plan::{BridgeDevice, BridgePort, MacAddress, Mismatch, VethPair, VlanGateway};

use super::Differences;
use crate::linux::loopback::LOOPBACK;
use crate::linux::{Linux, find};
use crate::netlink::LinkState;
use crate::{KernelError, Place};

impl Linux {
    pub(super) fn compare_bridge(
        &self,
        wanted: &BridgeDevice,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let object = format!("bridge {}", wanted.name);
        let Some(bridge) = find(&self.host, &wanted.name)? else {
            return Ok(differences.missing(object));
        };
        differences.equal(format!("kind of {}", wanted.name), "bridge", &bridge.kind);
        differences.unless(bridge.up, &object, "up", "down");
        // Others may want more of a shared bridge, never less.
        differences.unless(
            bridge.promiscuous || !wanted.promiscuous,
            &object,
            "promiscuous",
            "not promiscuous",
        );
        differences.unless(
            bridge.vlan_filtering || !wanted.vlan_filtering,
            object,
            "filtering VLANs",
            "not filtering VLANs",
        );
        Ok(differences.found)
    }

    pub(super) fn compare_vlan_gateway(
        &self,
        wanted: &VlanGateway,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        for name in [&wanted.name, &wanted.port_name] {
            let object = format!("gateway veth {name}");
            match find(&self.host, name)? {
                None => return Ok(differences.missing(object)),
                Some(link) => differences.unless(link.up, object, "up", "down"),
            }
        }
        Ok(differences.found)
    }

    pub(super) fn compare_veth(&self, wanted: &VethPair) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| format!("checking {}", wanted.container_name))?;
        let Some(host) = find(&self.host, &wanted.host_name)? else {
            return Ok(differences.missing(link(&wanted.host_name, Place::Host)));
        };
        let Some(inside) = find(container.route(), &wanted.container_name)? else {
            return Ok(differences.missing(link(&wanted.container_name, Place::Container)));
        };
        differences.unless(host.up, link(&wanted.host_name, Place::Host), "up", "down");
        differences.identity(&host, "veth", wanted.host_mac);
        differences.identity(&inside, "veth", wanted.container_mac);
        differences.unless(
            host.lower == Some(inside.index),
            format!("peer of {}", wanted.host_name),
            &wanted.container_name,
            "another interface",
        );
        if let Some(mtu) = wanted.mtu {
            // A later plugin that lowers the container's leaves this one as it was made.
            differences.unless(
                host.mtu >= mtu,
                format!("MTU of {}", wanted.host_name),
                format!("at least {mtu}"),
                host.mtu,
            );
            differences.equal(format!("MTU of {}", wanted.container_name), mtu, inside.mtu);
        }
        if let Some(port) = &wanted.port {
            self.compare_port(&mut differences, &host, port)?;
        }
        Ok(differences.found)
    }

    fn compare_port(
        &self,
        differences: &mut Differences,
        link: &LinkState,
        wanted: &BridgePort,
    ) -> Result<(), KernelError> {
        let bridge = find(&self.host, &wanted.bridge)?;
        let on_it = bridge.is_some_and(|bridge| link.controller == Some(bridge.index));
        let object = format!("port {}", link.name);
        differences.unless(
            on_it,
            &object,
            format!("on bridge {}", wanted.bridge),
            "not on it",
        );
        if let Some(port) = link.port {
            // What is on that was not asked for is a later stage's, or another plugin's.
            let hairpin = port.hairpin || !wanted.hairpin;
            differences.unless(hairpin, format!("hairpin of {object}"), "on", "off");
            let isolated = port.isolated || !wanted.isolated;
            differences.unless(isolated, format!("isolation of {object}"), "on", "off");
        }
        Ok(())
    }

    pub(super) fn compare_loopback(&self) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| "checking lo".into())?;
        let lo = container
            .route()
            .link_by_index(LOOPBACK, None)
            .map_err(|refusal| refusal.when("reading lo"))?;
        let up = lo.is_some_and(|lo| lo.up);
        differences.unless(up, link("lo", Place::Container), "up", "down");
        Ok(differences.found)
    }
}

impl Differences {
    pub(in crate::linux) fn identity(&mut self, link: &LinkState, kind: &str, mac: MacAddress) {
        self.equal(format!("kind of {}", link.name), kind, &link.kind);
        self.unless(
            link.mac == Some(mac),
            format!("Ethernet address of {}", link.name),
            mac,
            link.mac.map(|mac| mac.to_string()).unwrap_or_default(),
        );
    }
}

pub(super) fn link(name: &str, place: Place) -> String {
    format!("link {name} {place}")
}
