//! Ports of the host that attachments have and that others forward before us.

use plan::{Family, PortForward, PortRange, Step};
use runtime::host::ForwardedByOthers;
use runtime::operator::Operator;

use super::finding::{Finding, Severity};

const SUBJECT: &str = "host ports";

/// Whose ports they are, and what others forward.
#[derive(Debug)]
pub(super) struct HostPorts {
    /// Each with its attachment, as text.
    pub(super) ours: Vec<(String, PortForward)>,
    /// Or why that is not known.
    pub(super) others: Result<ForwardedByOthers, String>,
    /// kube-proxy's `--service-node-port-range`.
    pub(super) node_ports: PortRange,
}

impl HostPorts {
    /// Asks store and nftables. A store that can't be read is told with the state.
    pub(super) fn gather(operator: &Operator, node_ports: PortRange) -> Self {
        let records = operator.attachments(None).unwrap_or_default();
        let ours = records.iter().flat_map(|record| {
            let steps = record.parts.iter().flat_map(|part| &part.steps);
            let forwards = steps.filter_map(|step| match step {
                Step::PortForwards(wanted) => Some(&wanted.forwards),
                _ => None,
            });
            let attachment = record.attachment.to_string();
            forwards
                .flatten()
                .map(move |forward| (attachment.clone(), *forward))
        });
        Self {
            ours: ours.collect(),
            others: runtime::host::forwarded_by_others().map_err(|cause| cause.to_string()),
            node_ports,
        }
    }

    /// Which ports lead elsewhere, or may.
    pub(super) fn judge(&self) -> Vec<Finding> {
        // What nftables refuses to show is told with the firewall.
        let Ok(others) = &self.others else {
            return Vec::new();
        };
        let each = self.ours.iter();
        each.flat_map(|(attachment, forward)| {
            let shadow = shadow(others, forward).map(|chain| {
                Severity::Error.finding(
                    SUBJECT,
                    place(forward),
                    format!("{attachment} has it, and gets nothing: a rule of the reference portmap forwards it before ours ({chain})"),
                    format!("delete the container that the rule is of; if it is gone already, nft flush {chain}"),
                )
            });
            shadow
                .into_iter()
                .chain(self.node_port(others, attachment, forward))
        })
        .collect()
    }

    fn node_port(
        &self,
        others: &ForwardedByOthers,
        attachment: &str,
        forward: &PortForward,
    ) -> Option<Finding> {
        let PortRange { first, last } = self.node_ports;
        let is_node_port = (first..=last).contains(&forward.host_port);
        (others.has_kube_proxy && is_node_port).then(|| {
            Severity::Warning.finding(
                SUBJECT,
                place(forward),
                format!("{attachment} has it, and it is one of the cluster's node ports ({first}-{last}): a Service that gets it takes it away, since kube-proxy comes first"),
                "choose a hostPort outside of the range; where the cluster's range is another one, name it with --node-port-range",
            )
        })
    }
}

fn place(forward: &PortForward) -> String {
    format!("port {forward}")
}

/// The chain of another that forwards this port.
fn shadow<'a>(others: &'a ForwardedByOthers, forward: &PortForward) -> Option<&'a str> {
    let found = others.ports.iter().find(|other| {
        other.family == Family::of(forward.target.ip())
            && other
                .transport
                .is_none_or(|transport| transport == forward.transport)
            && (other.ports.first..=other.ports.last).contains(&forward.host_port)
    });
    found.map(|other| other.chain.as_str())
}

#[cfg(test)]
mod tests {
    use plan::Transport;
    use runtime::host::ForeignPort;

    use super::*;

    fn judge(host_port: u16, target: &str, others: ForwardedByOthers) -> Vec<Finding> {
        let forward = PortForward {
            transport: Transport::Tcp,
            host_address: None,
            host_port,
            target: target.parse().unwrap(),
            zone: None,
        };
        HostPorts {
            ours: vec![("pods/a/eth0".into(), forward)],
            others: Ok(others),
            node_ports: PortRange {
                first: 30_000,
                last: 32_767,
            },
        }
        .judge()
    }

    fn foreign(transport: Option<Transport>, first: u16, last: u16) -> ForwardedByOthers {
        ForwardedByOthers {
            ports: vec![ForeignPort {
                chain: "chain ip nat CNI-DN-1".into(),
                family: Family::Ipv4,
                transport,
                ports: PortRange { first, last },
            }],
            has_kube_proxy: false,
        }
    }

    #[test]
    fn a_port_that_the_reference_forwards_as_well_is_told() {
        let target = "10.1.0.2:80";
        for others in [
            foreign(Some(Transport::Tcp), 8080, 8080),
            foreign(None, 8000, 8100),
        ] {
            let findings = judge(8080, target, others);
            let [finding] = &findings[..] else {
                panic!("{findings:?}");
            };
            assert!(
                finding.severity == Severity::Error && finding.problem.contains("pods/a/eth0"),
                "{finding:?}"
            );
            assert!(finding.remedy.ends_with("nft flush chain ip nat CNI-DN-1"));
        }
        for others in [
            foreign(Some(Transport::Udp), 8080, 8080),
            foreign(None, 8081, 8081),
        ] {
            assert_eq!(judge(8080, target, others), []);
        }
        assert_eq!(judge(8080, "[fd00::2]:80", foreign(None, 8080, 8080)), []);
    }

    #[test]
    fn a_node_port_is_told_where_kube_proxy_is() {
        let others = |has_kube_proxy| ForwardedByOthers {
            has_kube_proxy,
            ..ForwardedByOthers::default()
        };
        for (port, has_kube_proxy, expected) in [
            (29_999, true, 0),
            (30_000, true, 1),
            (32_767, true, 1),
            (32_768, true, 0),
            (30_000, false, 0),
        ] {
            let findings = judge(port, "10.1.0.2:80", others(has_kube_proxy));
            assert_eq!(findings.len(), expected, "{port}: {findings:?}");
        }
    }
}
