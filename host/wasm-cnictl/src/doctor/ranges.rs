//! Ranges of pods, services and nodes, which must be disjoint (Kubernetes: "Cluster Networking"), and their families.

use std::fs;
use std::net::IpAddr;

use ipnet::IpNet;
use runtime::host::{HostPrefix, PrefixOrigin};

use super::finding::{Finding, Severity};
use super::networks::{Described, Networks};

const SUBJECT: &str = "ranges";
/// Where kubeadm puts the control plane's manifests.
const MANIFESTS: [&str; 2] = [
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/etc/kubernetes/manifests/kube-controller-manager.yaml",
];
/// Both programs have this flag, with one range or two separated by a comma.
const SERVICES_FLAG: &str = "--service-cluster-ip-range=";
const IPV6_SWITCH: &str = "/proc/sys/net/ipv6/conf/all/disable_ipv6";

/// What is known besides the networks themselves.
#[derive(Debug)]
pub(super) struct Ranges {
    /// Of services, with where that is said.
    pub(super) services: Vec<(IpNet, String)>,
    /// Of the host; or why they are not known.
    pub(super) host: Result<Vec<HostPrefix>, String>,
    /// The host speaks IPv6.
    pub(super) host_has_ipv6: bool,
}

/// A network's range.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PodRange<'a> {
    network: &'a str,
    subnet: IpNet,
    ends: (IpAddr, IpAddr),
    /// The host routes it to interfaces that the network makes.
    routed: bool,
    /// The interface of the host that has the gateway's address.
    gateway: Option<String>,
}

impl Ranges {
    /// Asks the host, and reads the control plane's manifests unless the ranges of services are given.
    pub(super) fn gather(services: &[IpNet]) -> Self {
        let mut known: Vec<(IpNet, String)> = services
            .iter()
            .map(|range| (*range, "--service-cidr".to_owned()))
            .collect();
        if known.is_empty() {
            for path in MANIFESTS {
                let text = fs::read_to_string(path).unwrap_or_default();
                known.extend(services_of(&text).map(|range| (range, path.to_owned())));
            }
        }
        known.dedup_by_key(|(range, _)| *range);
        Self {
            services: known,
            host: runtime::host::prefixes().map_err(|cause| cause.to_string()),
            host_has_ipv6: fs::read_to_string(IPV6_SWITCH).is_ok_and(|text| text.trim() == "0"),
        }
    }

    /// Which of them overlap, and which families don't go together.
    pub(super) fn judge(&self, networks: &Networks) -> Vec<Finding> {
        let pods: Vec<PodRange<'_>> = networks.usable().flat_map(pod_ranges).collect();
        let mut findings = between_networks(&pods);
        let host = match &self.host {
            Ok(host) => host.as_slice(),
            Err(problem) => {
                findings.push(Severity::Error.finding(
                    SUBJECT,
                    "host",
                    format!("its addresses and routes are not known: {problem}"),
                    "run as root",
                ));
                &[]
            }
        };
        findings.extend(pods.iter().flat_map(|pod| with_host(pod, host)));
        for (service, source) in &self.services {
            findings.extend(
                pods.iter()
                    .filter(|pod| overlap(pod.subnet, *service))
                    .map(|pod| {
                        disjoint(
                            format!("network {}", pod.network),
                            format!(
                                "its range {} overlaps the range of services {service} ({source})",
                                pod.subnet
                            ),
                        )
                    }),
            );
            let used = host.iter().find(|used| {
                used.origin == PrefixOrigin::Address && overlap(used.prefix, *service)
            });
            findings.extend(used.map(|used| {
                disjoint(
                    format!("interface {}", used.interface),
                    format!(
                        "its address {} overlaps the range of services {service} ({source})",
                        used.prefix
                    ),
                )
            }));
        }
        findings.extend(networks.usable().flat_map(|network| self.families(network)));
        findings
    }

    fn families(&self, described: &Described) -> Vec<Finding> {
        let place = format!("network {}", described.name());
        let subnets: Vec<IpNet> = pod_ranges(described).map(|range| range.subnet).collect();
        let has = |ipv6: bool| subnets.iter().any(|subnet| is_ipv6(subnet) == ipv6);
        let mut findings = Vec::new();
        if subnets.is_empty() {
            return findings;
        }
        if has(true) && !self.host_has_ipv6 {
            findings.push(Severity::Error.finding(
                SUBJECT,
                &place,
                "it has an IPv6 range, and IPv6 is off on this host",
                "sysctl -w net.ipv6.conf.all.disable_ipv6=0 (and see the kernel's parameter ipv6.disable), or remove the range",
            ));
        }
        for route in described.entries.iter().flat_map(|entry| &entry.routes) {
            let stray = route
                .parse::<IpNet>()
                .ok()
                .filter(|route| !has(is_ipv6(route)));
            findings.extend(stray.map(|route| {
                Severity::Warning.finding(
                    SUBJECT,
                    &place,
                    format!("it has the route {route} and no range of that family"),
                    "add a range of that family, or remove the route",
                )
            }));
        }
        for ipv6 in [false, true] {
            let served = self
                .services
                .iter()
                .any(|(range, _)| is_ipv6(range) == ipv6);
            if served && !has(ipv6) {
                let family = if ipv6 { "IPv6" } else { "IPv4" };
                findings.push(Severity::Warning.finding(
                    SUBJECT,
                    &place,
                    format!("services have {family} addresses, and its pods have none"),
                    format!(
                        "add an {family} range to the network, unless it is not the cluster's own"
                    ),
                ));
            }
        }
        findings
    }
}

/// The ranges of services that a control plane's manifest says.
fn services_of(manifest: &str) -> impl Iterator<Item = IpNet> {
    let values = manifest.lines().filter_map(|line| {
        let (_, value) = line.split_once(SERVICES_FLAG)?;
        Some(value.trim().trim_matches(['"', '\'']))
    });
    values
        .flat_map(|value| value.split(','))
        .filter_map(|text| text.trim().parse().ok())
}

fn pod_ranges(described: &Described) -> impl Iterator<Item = PodRange<'_>> {
    described.entries.iter().flat_map(move |entry| {
        let kind = entry.link.as_ref().map(|(kind, _)| kind.as_str());
        entry.ranges.iter().map(move |range| PodRange {
            network: described.name(),
            subnet: range.subnet,
            ends: (range.start, range.end),
            routed: matches!(kind, Some("bridge" | "ptp")),
            gateway: entry.gateway_interface(),
        })
    })
}

/// Two networks that hand out the same addresses give two pods of this host the same one.
fn between_networks(pods: &[PodRange<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, one) in pods.iter().enumerate() {
        for other in pods.iter().skip(at + 1) {
            if one.network == other.network || !overlap(one.subnet, other.subnet) {
                continue;
            }
            let same = one.ends.0 <= other.ends.1 && other.ends.0 <= one.ends.1;
            let (severity, what) = if same {
                (Severity::Error, "hand out the same addresses")
            } else {
                (
                    Severity::Note,
                    "share a subnet, out of which they hand out different addresses",
                )
            };
            findings.push(severity.finding(
                SUBJECT,
                format!("networks {}, {}", one.network, other.network),
                format!("their ranges {} and {} {what}", one.subnet, other.subnet),
                "give each network a range of its own",
            ));
        }
    }
    findings
}

/// A pod's range that the host takes for another's: it then sends the pod's packets elsewhere.
fn with_host(pod: &PodRange<'_>, host: &[HostPrefix]) -> Option<Finding> {
    let others = |used: &&HostPrefix| {
        // What the network itself has on the host.
        let own = pod.gateway.as_ref() == Some(&used.interface) || used.kind == "veth";
        !own && !used.prefix.addr().is_loopback() && overlap(used.prefix, pod.subnet)
    };
    let used = host.iter().filter(|_| pod.routed).find(others)?;
    let what = match used.origin {
        PrefixOrigin::Address => "address",
        PrefixOrigin::Route => "route to",
    };
    Some(disjoint(
        format!("network {}", pod.network),
        format!(
            "its range {} overlaps the host's {what} {} on {}",
            pod.subnet, used.prefix, used.interface
        ),
    ))
}

fn disjoint(place: String, problem: String) -> Finding {
    let remedy = "ranges of pods, services and nodes must be disjoint: change one of them";
    Severity::Error.finding(SUBJECT, place, problem, remedy)
}

fn is_ipv6(prefix: &IpNet) -> bool {
    matches!(prefix, IpNet::V6(_))
}

fn overlap(one: IpNet, other: IpNet) -> bool {
    let (one, other) = (one.trunc(), other.trunc());
    is_ipv6(&one) == is_ipv6(&other) && (one.contains(&other) || other.contains(&one))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::networks::tests::{bridge, networks};
    use super::*;

    fn facts(services: &[&str], host: &[(&str, &str, PrefixOrigin)]) -> Ranges {
        let services = services
            .iter()
            .map(|text| (text.parse().unwrap(), "x".into()));
        let host = host.iter().map(|(prefix, interface, origin)| HostPrefix {
            prefix: prefix.parse().unwrap(),
            interface: (*interface).into(),
            kind: String::new(),
            origin: *origin,
        });
        Ranges {
            services: services.collect(),
            host: Ok(host.collect()),
            host_has_ipv6: true,
        }
    }

    fn problems(ranges: &Ranges, documents: &[Value]) -> Vec<(Severity, String)> {
        let findings = ranges.judge(&networks(documents)).into_iter();
        findings
            .map(|finding| (finding.severity, finding.problem))
            .collect()
    }

    #[test]
    fn disjoint_ranges_and_what_the_network_has_itself_are_not_mentioned() {
        let ranges = facts(
            &["10.96.0.0/12"],
            &[
                ("10.1.0.1/24", "cni0", PrefixOrigin::Address),
                ("10.1.0.0/24", "cni0", PrefixOrigin::Route),
                ("192.168.1.5/24", "eth0", PrefixOrigin::Address),
                ("127.0.0.1/8", "lo", PrefixOrigin::Address),
            ],
        );
        let documents = [
            bridge("a", "cni0", "10.1.0.0/24"),
            bridge("b", "cni1", "10.2.0.0/24"),
        ];
        assert_eq!(problems(&ranges, &documents), []);
    }

    #[test]
    fn every_overlap_is_found() {
        let pods = [bridge("a", "cni0", "10.1.0.0/16")];
        let address = PrefixOrigin::Address;
        for (ranges, needle) in [
            (facts(&["10.0.0.0/8"], &[]), "range of services 10.0.0.0/8"),
            (
                facts(&[], &[("10.1.2.3/32", "eth0", address)]),
                "address 10.1.2.3/32",
            ),
            (
                facts(&[], &[("10.1.8.0/24", "eth0", PrefixOrigin::Route)]),
                "route to 10.1.8.0/24",
            ),
            (
                facts(&["10.9.0.0/16"], &[("10.9.0.1/24", "eth0", address)]),
                "interface's",
            ),
        ] {
            let found = problems(&ranges, &pods);
            assert_eq!(found.len(), 1, "{found:?}");
            let needle = if needle == "interface's" {
                "its address 10.9.0.1/24"
            } else {
                needle
            };
            assert!(found[0].1.contains(needle), "{found:?}");
            assert_eq!(found[0].0, Severity::Error);
        }
        let both = [
            bridge("a", "cni0", "10.1.0.0/16"),
            bridge("b", "cni1", "10.1.2.0/24"),
        ];
        let found = problems(&facts(&[], &[]), &both);
        assert!(found[0].1.contains("the same addresses"), "{found:?}");
    }

    #[test]
    fn a_macvlan_is_in_the_nodes_own_network() {
        let macvlan = json!({"cniVersion": "1.0.0", "name": "lan", "plugins": [
            {"type": "macvlan", "master": "eth0", "ipam": {"type": "host-local", "subnet": "192.168.1.0/24"}},
        ]});
        let ranges = facts(&[], &[("192.168.1.5/24", "eth0", PrefixOrigin::Address)]);
        assert_eq!(problems(&ranges, &[macvlan]), []);
    }

    #[test]
    fn families_that_disagree_are_found() {
        let mut document = bridge("a", "cni0", "10.1.0.0/24");
        document["plugins"][0]["ipam"]["routes"] = json!([{"dst": "::/0"}]);
        let found = problems(&facts(&["10.96.0.0/16", "fd00:96::/112"], &[]), &[document]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].1.contains("route ::/0") && found[1].1.contains("services have IPv6"));
        let ranges = Ranges {
            host_has_ipv6: false,
            ..facts(&[], &[])
        };
        let found = problems(&ranges, &[bridge("a", "cni0", "fd00::/64")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, Severity::Error);
    }

    #[test]
    fn a_manifest_tells_the_ranges_of_services() {
        let manifest = "spec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --service-cluster-ip-range=10.96.0.0/12,fd00:96::/112\n    - --x=y\n";
        let ranges: Vec<_> = services_of(manifest)
            .map(|range| range.to_string())
            .collect();
        assert_eq!(ranges, ["10.96.0.0/12", "fd00:96::/112"]);
        assert_eq!(services_of("--cluster-cidr=10.1.0.0/16").count(), 0);
    }
}
