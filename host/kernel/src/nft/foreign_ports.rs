//! Ports of the host that others forward before us: the reference portmap's rules, and whether kube-proxy is here.

use plan::{Family, PortRange, Transport};

use super::attribute::{each, find, text_of, u32_of};
use super::error::Object;
use super::foreign_chain::{ForeignFamily, ForeignState};
use super::socket::Request;
use super::{Nft, NftError};

/// The reference portmap's chain for each container (iptables), and its table (nftables).
const PORTMAP_CHAIN: &str = "CNI-DN-";
const PORTMAP_TABLE: &str = "cni_hostport";
/// Of iptables.
const NAT: &str = "nat";
/// kube-proxy's chain (iptables, ipvs) and table (nftables).
const NODE_PORTS_CHAIN: &str = "KUBE-NODEPORTS";
const KUBE_PROXY_TABLE: &str = "kube-proxy";

/// `NFTA_RULE_TABLE`, `NFTA_RULE_CHAIN`, `NFTA_RULE_EXPRESSIONS`
const TABLE: u16 = 1;
const CHAIN: u16 = 2;
const EXPRESSIONS: u16 = 4;
/// `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`; `NFTA_DATA_VALUE`
const NAME: u16 = 1;
const DATA: u16 = 2;
const VALUE: u16 = 1;

/// A port that another's rule forwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignPort {
    /// The rule's chain, as `nft` names it.
    pub chain: String,
    /// Of the host's addresses.
    pub family: Family,
    /// None: the rule does not say it in a way that is understood, so it may be any.
    pub transport: Option<Transport>,
    /// The ports.
    pub ports: PortRange,
}

impl Nft {
    /// The ports that rules of the reference portmap forward, by iptables-nft or by nftables. The legacy iptables' are not
    /// seen.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn foreign_ports(&mut self) -> Result<Vec<ForeignPort>, NftError> {
        let mut ports = Vec::new();
        for (foreign, family) in [
            (ForeignFamily::Ipv4, Family::Ipv4),
            (ForeignFamily::Ipv6, Family::Ipv6),
        ] {
            for table in [NAT, PORTMAP_TABLE] {
                let decode = |attributes: &[u8], found: &mut Vec<ForeignPort>| {
                    let chain = text_of(find(attributes, CHAIN)?)?;
                    let of_portmap = table == PORTMAP_TABLE || chain.starts_with(PORTMAP_CHAIN);
                    let port = find(attributes, EXPRESSIONS).and_then(port);
                    if let (true, Some((transport, ports))) = (of_portmap, port) {
                        found.push(ForeignPort {
                            chain: format!("chain {} {table} {chain}", foreign.name()),
                            family,
                            transport,
                            ports,
                        });
                    }
                    Some(())
                };
                let request = foreign.request_rules_of(table);
                ports.extend(self.connection.dump(&request, decode)?);
            }
        }
        // One port has a rule to forward it and others to mark who comes by it.
        ports.dedup();
        Ok(ports)
    }

    /// Does kube-proxy serve node ports here?
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn has_kube_proxy(&mut self) -> Result<bool, NftError> {
        for family in ForeignFamily::ALL {
            let decode = |attributes: &[u8], found: &mut Vec<ForeignState>| {
                found.push(ForeignState::decode(attributes)?);
                Some(())
            };
            let chains = self.connection.dump(&family.request_chains(), decode)?;
            if chains.iter().any(|chain| {
                chain.name == NODE_PORTS_CHAIN && chain.table == NAT
                    || chain.table == KUBE_PROXY_TABLE
            }) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl ForeignFamily {
    /// Asks for all rules of a table; there are none if there is no such table.
    fn request_rules_of(self, table: &str) -> Request {
        let mut payload = self.header().to_vec();
        super::attribute::Attributes::new(&mut payload).text(TABLE, table);
        Request {
            kind: libc::NFT_MSG_GETRULE,
            object: Object::Rule,
            name: format!("rules of table {} {table}", self.name()),
            payload,
        }
    }
}

/// What a register holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loaded {
    Protocol,
    DestinationPort,
}

/// The destination port that a rule asks for, with its protocol, by nftables' own expressions or by a match of iptables.
/// The numbers are those of `NFTA_META_…`, `NFTA_PAYLOAD_…` and so on.
fn port(list: &[u8]) -> Option<(Option<Transport>, PortRange)> {
    let (mut loaded, mut transport, mut ports) = (None, None, None);
    for (_, expression) in each(list) {
        let name = find(expression, NAME).and_then(text_of);
        let data = find(expression, DATA).unwrap_or_default();
        let code = |kind| {
            find(data, kind)
                .and_then(u32_of)
                .map(|code| code.cast_signed())
        };
        match name {
            Some("meta") => {
                loaded = (code(2) == Some(libc::NFT_META_L4PROTO)).then_some(Loaded::Protocol);
            }
            Some("payload") => {
                let place = (code(2), code(3), code(4));
                let port = (Some(libc::NFT_PAYLOAD_TRANSPORT_HEADER), Some(2), Some(2));
                loaded = (place == port).then_some(Loaded::DestinationPort);
            }
            Some("cmp") if code(2) == Some(libc::NFT_CMP_EQ) => {
                let value = find(data, 3).and_then(|nest| find(nest, VALUE));
                match (loaded.take(), value) {
                    (Some(Loaded::Protocol), Some(&[number])) => {
                        transport = Transport::of_number(number);
                    }
                    (Some(Loaded::DestinationPort), Some(&[high, low])) => {
                        let port = u16::from_be_bytes([high, low]);
                        ports = Some(PortRange {
                            first: port,
                            last: port,
                        });
                    }
                    _ => {}
                }
            }
            Some("match") => {
                let matched = match find(data, 1).and_then(text_of) {
                    Some("tcp") => Some(Transport::Tcp),
                    Some("udp") => Some(Transport::Udp),
                    _ => None,
                };
                if matched.is_some() {
                    transport = matched;
                    ports = find(data, 3).and_then(destination_ports).or(ports);
                }
            }
            _ => {}
        }
    }
    Some((transport, ports?))
}

/// `struct xt_tcp` and `struct xt_udp` begin alike: two source ports, two destination ports, in the host's order.
fn destination_ports(information: &[u8]) -> Option<PortRange> {
    let (&[_, _, _, _, first, second, third, fourth], _) = information.split_first_chunk::<8>()?;
    let range = PortRange {
        first: u16::from_ne_bytes([first, second]),
        last: u16::from_ne_bytes([third, fourth]),
    };
    let every = range.first == 0 && range.last == u16::MAX;
    (!every).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::super::attribute::Attributes;
    use super::super::expression::{Expression, Header, Meta, Register, encoded};
    use super::*;

    fn equals(value: &[u8]) -> Expression {
        Expression::Equal {
            register: Register::First,
            value: value.to_vec(),
        }
    }

    fn loads(header: Header, offset: u32, length: u32) -> Expression {
        Expression::Payload {
            header,
            offset,
            length,
            into: Register::First,
        }
    }

    fn protocol() -> Expression {
        Expression::Meta {
            meta: Meta::TransportProtocol,
            into: Register::First,
        }
    }

    fn only(port: u16) -> PortRange {
        PortRange {
            first: port,
            last: port,
        }
    }

    #[test]
    fn the_port_of_a_rule_is_read_whatever_else_it_asks_for() {
        let port_8080 = [loads(Header::Transport, 2, 2), equals(&[0x1f, 0x90])];
        let destination = [loads(Header::Network, 16, 4), equals(&[192, 0, 2, 1])];
        let udp = [protocol(), equals(&[17])];
        let rule = [&destination[..], &udp, &port_8080].concat();
        assert_eq!(
            port(&encoded(&rule)),
            Some((Some(Transport::Udp), only(8080)))
        );
        assert_eq!(port(&encoded(&port_8080)), Some((None, only(8080))));
        // The source port is none of the host's.
        let source = [loads(Header::Transport, 0, 2), equals(&[0x1f, 0x90])];
        assert_eq!(port(&encoded(&[&udp[..], &source].concat())), None);
        let whole = encoded(&rule);
        for length in 0..whole.len() {
            assert_eq!(port(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_match_of_iptables_is_read() {
        let rule = |name: &str, ports: [u16; 4]| {
            let information = ports.map(u16::to_ne_bytes).concat();
            let mut buffer = Vec::new();
            Attributes::new(&mut buffer).nest(1, |expression| {
                expression.text(NAME, "match").nest(DATA, |data| {
                    data.text(1, name).u32(2, 0).bytes(3, &information);
                });
            });
            port(&buffer)
        };
        let range = PortRange {
            first: 80,
            last: 81,
        };
        let every = u16::MAX;
        assert_eq!(
            rule("tcp", [0, every, 80, 81]),
            Some((Some(Transport::Tcp), range))
        );
        assert_eq!(
            rule("udp", [0, every, 53, 53]),
            Some((Some(Transport::Udp), only(53)))
        );
        assert_eq!(rule("tcp", [0, every, 0, every]), None);
        assert_eq!(rule("comment", [0, every, 80, 81]), None);
    }
}
