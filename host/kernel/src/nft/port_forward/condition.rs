//! Conditions as expressions.

use ipnet::IpNet;
use plan::{Family, PacketCondition, PacketMatch};

use super::super::expression::{Comparison, Expression, Meta, Register};
use super::super::ip_header::{AddressField, is_family, load};

const REGISTER: Register = Register::First;

/// What a condition comes to before any packet is looked at.
#[derive(Debug, PartialEq, Eq)]
enum Test {
    Always,
    Never,
    /// Bytes in the register that are compared with a value.
    Compare {
        load: Vec<Expression>,
        value: Vec<u8>,
    },
}

/// Which packets are forwarded: one list of expressions for each family some packet of which can meet the conditions. A
/// single empty list if there are no conditions.
pub(super) fn entries(conditions: &[PacketCondition]) -> Vec<Vec<Expression>> {
    if conditions.is_empty() {
        return vec![Vec::new()];
    }
    Family::ALL
        .into_iter()
        .filter_map(|family| {
            let mut entry = is_family(family).to_vec();
            for condition in conditions.iter().filter(|each| each.family == family) {
                entry.extend(expressions(condition)?);
            }
            Some(entry)
        })
        .collect()
}

/// None if no packet meets the condition.
fn expressions(condition: &PacketCondition) -> Option<Vec<Expression>> {
    match (
        test(condition.family, &condition.matches),
        condition.negated,
    ) {
        (Test::Always, false) | (Test::Never, true) => Some(Vec::new()),
        (Test::Never, false) | (Test::Always, true) => None,
        (Test::Compare { mut load, value }, negated) => {
            let register = REGISTER;
            load.push(if negated {
                Expression::Compare {
                    register,
                    comparison: Comparison::Differs,
                    value,
                }
            } else {
                Expression::Equal { register, value }
            });
            Some(load)
        }
    }
}

fn test(family: Family, matches: &PacketMatch) -> Test {
    match matches {
        PacketMatch::Source(network) => address(family, AddressField::Source, *network),
        PacketMatch::Destination(network) => address(family, AddressField::Destination, *network),
        PacketMatch::InputInterface(name) => interface(name),
        PacketMatch::Mark { value, mask } => mark(*value, *mask),
    }
}

fn address(family: Family, field: AddressField, network: IpNet) -> Test {
    if Family::of(network.addr()) != family {
        return Test::Never;
    }
    if network.prefix_len() == 0 {
        return Test::Always;
    }
    let (value, mask) = match network.trunc() {
        IpNet::V4(network) => (
            network.addr().octets().to_vec(),
            network.netmask().octets().to_vec(),
        ),
        IpNet::V6(network) => (
            network.addr().octets().to_vec(),
            network.netmask().octets().to_vec(),
        ),
    };
    let mut load = vec![load(family, field, Register::First)];
    if network.prefix_len() < network.max_prefix_len() {
        load.push(Expression::Mask {
            register: REGISTER,
            mask,
        });
    }
    Test::Compare { load, value }
}

/// What the host itself sends comes by no interface: an empty name.
fn interface(name: &str) -> Test {
    let value = match name.strip_suffix(['+', '*']) {
        Some("") => return Test::Always,
        Some(start) => start.as_bytes().to_vec(),
        None => {
            let mut whole = name.as_bytes().to_vec();
            whole.resize(whole.len().max(libc::IFNAMSIZ), 0);
            whole
        }
    };
    // A name is ended by NUL.
    if name.is_empty()
        || name.contains('\0')
        || value.get(libc::IFNAMSIZ - 1).is_some_and(|last| *last != 0)
    {
        return Test::Never;
    }
    let load = vec![Expression::Meta {
        meta: Meta::InputInterfaceName,
        into: REGISTER,
    }];
    Test::Compare { load, value }
}

fn mark(value: u32, mask: u32) -> Test {
    if value & !mask != 0 {
        return Test::Never;
    }
    if mask == 0 {
        return Test::Always;
    }
    let mut load = vec![Expression::Meta {
        meta: Meta::Mark,
        into: REGISTER,
    }];
    if mask != u32::MAX {
        load.push(Expression::Mask {
            register: REGISTER,
            mask: mask.to_ne_bytes().to_vec(),
        });
    }
    Test::Compare {
        load,
        value: value.to_ne_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(negated: bool, matches: PacketMatch) -> PacketCondition {
        PacketCondition {
            family: Family::Ipv4,
            negated,
            matches,
        }
    }

    fn source(network: &str) -> PacketMatch {
        PacketMatch::Source(network.parse().unwrap())
    }

    #[test]
    fn no_condition_lets_every_packet_in_and_one_leaves_the_other_family_alone() {
        assert_eq!(entries(&[]), [Vec::new()]);
        let found = entries(&[condition(true, source("10.1.2.3/8"))]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], is_family(Family::Ipv6));
        let compared = Expression::Compare {
            register: REGISTER,
            comparison: Comparison::Differs,
            value: vec![10, 0, 0, 0],
        };
        assert_eq!(found[0].last(), Some(&compared));
    }

    #[test]
    fn what_no_packet_meets_lets_none_in() {
        for (negated, matches) in [
            (true, source("0.0.0.0/0")),
            (false, source("::/0")),
            (true, PacketMatch::InputInterface("+".into())),
            (
                false,
                PacketMatch::InputInterface("sixteen-bytes-lo".into()),
            ),
            (
                false,
                PacketMatch::InputInterface("sixteen-bytes-lo+".into()),
            ),
            (false, PacketMatch::InputInterface(String::new())),
            (false, PacketMatch::Mark { value: 3, mask: 1 }),
            (true, PacketMatch::Mark { value: 0, mask: 0 }),
        ] {
            let conditions = [condition(negated, matches.clone())];
            assert_eq!(
                entries(&conditions),
                [is_family(Family::Ipv6)],
                "{matches:?}"
            );
            let opposite = [condition(!negated, matches.clone())];
            let families = Family::ALL.map(|family| is_family(family).to_vec());
            assert_eq!(entries(&opposite), families, "not {matches:?}");
        }
    }

    #[test]
    fn an_interface_is_compared_whole_or_by_its_start() {
        let value = |name: &str| match interface(name) {
            Test::Compare { value, .. } => value,
            other => panic!("{other:?}"),
        };
        assert_eq!(value("eth+"), b"eth");
        assert_eq!(value("eth0"), b"eth0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(value("fifteen-bytes-l+"), b"fifteen-bytes-l");
    }
}
