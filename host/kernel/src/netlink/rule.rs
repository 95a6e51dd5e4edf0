use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::RouteProtocol;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use plan::{Family, RoutingRule};

use super::{Refusal, RouteSocket};

/// `RT_TABLE_UNSPEC`: the table is in the attribute.
const TABLE_IN_ATTRIBUTE: u8 = 0;
/// `suppress_prefixlength` of a rule that suppresses nothing.
const SUPPRESS_NOTHING: u32 = u32::MAX;

fn family(family: Family) -> AddressFamily {
    match family {
        Family::Ipv4 => AddressFamily::Inet,
        Family::Ipv6 => AddressFamily::Inet6,
    }
}

/// `FRA_PROTOCOL` of our rules, a number that no routing daemon has taken (`linux/rtnetlink.h`). Asked to delete a rule,
/// the kernel deletes the first that is so, whatever else it selects by: the protocol keeps it from another's.
const PROTOCOL: RouteProtocol = RouteProtocol::Other(119);

/// A rule that selects by addresses alone and looks a table up, as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleState {
    /// With its priority.
    pub(crate) rule: RoutingRule,
    /// It was made by us.
    pub(crate) ours: bool,
}

/// The rule that a message describes; None when it selects by more than addresses, or does something
/// else than look a table up.
fn read(message: &RuleMessage) -> Option<RuleState> {
    let header = &message.header;
    let plain = header.action == RuleAction::ToTable
        && header.tos == 0
        && !header.flags.contains(RuleFlags::Invert);
    if !plain {
        return None;
    }
    let family = match header.family {
        AddressFamily::Inet => Family::Ipv4,
        AddressFamily::Inet6 => Family::Ipv6,
        _ => return None,
    };
    let mut rule = RoutingRule {
        family,
        priority: Some(0),
        source: None,
        destination: None,
        table: header.table.into(),
    };
    let mut ours = false;
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Source(address) => {
                rule.source = Some(IpNet::new(*address, header.src_len).ok()?);
            }
            RuleAttribute::Destination(address) => {
                rule.destination = Some(IpNet::new(*address, header.dst_len).ok()?);
            }
            RuleAttribute::Priority(priority) => rule.priority = Some(*priority),
            RuleAttribute::Table(table) => rule.table = *table,
            RuleAttribute::Protocol(protocol) => ours = *protocol == PROTOCOL,
            RuleAttribute::SuppressPrefixLen(SUPPRESS_NOTHING) => {}
            _ => return None,
        }
    }
    Some(RuleState { rule, ours })
}

/// A prefix of no length selects nothing, and the kernel does not show it.
fn selector(prefix: Option<IpNet>) -> Option<IpNet> {
    prefix
        .map(|prefix| prefix.trunc())
        .filter(|prefix| prefix.prefix_len() > 0)
}

impl RuleState {
    /// Is it the wanted one? Where no priority is wanted, any is right.
    pub(crate) fn is(&self, wanted: &RoutingRule) -> bool {
        let found = &self.rule;
        found.family == wanted.family
            && found.table == wanted.table
            && selector(found.source) == selector(wanted.source)
            && selector(found.destination) == selector(wanted.destination)
            && (wanted.priority.is_none() || found.priority == wanted.priority)
    }
}

fn message(rule: &RoutingRule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = family(rule.family);
    message.header.action = RuleAction::ToTable;
    message.header.table = u8::try_from(rule.table).unwrap_or(TABLE_IN_ATTRIBUTE);
    let attributes = &mut message.attributes;
    attributes.push(RuleAttribute::Protocol(PROTOCOL));
    attributes.push(RuleAttribute::Table(rule.table));
    attributes.extend(rule.priority.map(RuleAttribute::Priority));
    if let Some(source) = selector(rule.source) {
        message.header.src_len = source.prefix_len();
        attributes.push(RuleAttribute::Source(source.addr()));
    }
    if let Some(destination) = selector(rule.destination) {
        message.header.dst_len = destination.prefix_len();
        attributes.push(RuleAttribute::Destination(destination.addr()));
    }
    message
}

/// Routing rules (ip-rule(8)).
impl RouteSocket {
    /// All of a family that select by addresses alone and look a table up.
    pub(crate) fn rules(&self, of: Family) -> Result<Vec<RuleState>, Refusal> {
        let mut request = RuleMessage::default();
        request.header.family = family(of);
        let answers = self.dump(&RouteNetlinkMessage::GetRule(request))?;
        let rules = answers.iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewRule(message) => read(message),
            _ => None,
        });
        Ok(rules.filter(|found| found.rule.family == of).collect())
    }

    /// EEXIST: we have set the same one before.
    pub(crate) fn add_rule(&self, rule: &RoutingRule) -> Result<(), Refusal> {
        self.request(
            RouteNetlinkMessage::NewRule(message(rule)),
            NLM_F_CREATE | NLM_F_EXCL,
        )
        .map(drop)
    }

    /// Deletes one rule of ours. ENOENT: there is none.
    pub(crate) fn delete_rule(&self, rule: &RoutingRule) -> Result<(), Refusal> {
        self.request(RouteNetlinkMessage::DelRule(message(rule)), 0)
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(priority: Option<u32>, source: Option<&str>) -> RoutingRule {
        RoutingRule {
            family: Family::Ipv4,
            priority,
            source: source.map(|text| text.parse().unwrap()),
            destination: None,
            table: 1000,
        }
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let wanted = rule(Some(7), Some("10.1.0.7/32"));
        let read = read(&message(&wanted)).unwrap();
        assert_eq!(read.rule, wanted);
        assert!(read.ours);
    }

    #[test]
    fn a_rule_that_selects_by_more_is_another() {
        let mut narrower = message(&rule(Some(7), None));
        narrower.attributes.push(RuleAttribute::FwMark(1));
        assert_eq!(read(&narrower), None);
        let mut inverted = message(&rule(Some(7), None));
        inverted.header.flags = RuleFlags::Invert;
        assert_eq!(read(&inverted), None);
    }

    #[test]
    fn the_kernel_chooses_a_priority_and_leaves_out_what_selects_all() {
        let found = RuleState {
            rule: rule(Some(32765), None),
            ours: true,
        };
        assert!(found.is(&rule(None, Some("0.0.0.0/0"))));
        assert!(!found.is(&rule(Some(1), None)));
        assert!(!found.is(&rule(None, Some("10.0.0.0/8"))));
    }
}
