use std::fmt;

use netlink_packet_route::link::LinkMessage;
use plan::{LinkAttributes, LinkSettings, MacAddress, Mismatch};
use rtnetlink::LinkUnspec;

use super::{Linux, Tally, find, set};
use crate::linux::verify::Differences;
use crate::netlink::LinkState;
use crate::{KernelError, Netns, Undone};

impl Linux {
    pub(in crate::linux) fn set_link_attributes(
        &self,
        settings: &LinkSettings,
    ) -> Result<(), KernelError> {
        let (container, link) = self.inside(&settings.interface)?;
        let now = list(&attributes(&link));
        let missing: Vec<_> = list(&settings.wanted)
            .into_iter()
            .zip(now)
            .filter_map(|(wanted, now)| wanted.filter(|_| wanted != now))
            .collect();
        change(container, &link, &missing)
    }

    pub(in crate::linux) fn compare_link_attributes(
        &self,
        settings: &LinkSettings,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let object = format!("link {}", settings.interface);
        let container = self.container(|| format!("checking {}", settings.interface))?;
        let Some(link) = find(container.route(), &settings.interface)? else {
            return Ok(differences.missing(object));
        };
        let now = list(&attributes(&link));
        for (wanted, now) in list(&settings.wanted).into_iter().zip(now) {
            let text = |each: Option<Attribute>| each.map(|each| each.to_string());
            if let Some(text_wanted) = text(wanted) {
                let found = text(now).unwrap_or_else(|| "none".into());
                differences.unless(wanted == now, &object, text_wanted, found);
            }
        }
        Ok(differences.found)
    }

    /// With what the wanted attributes are now; None where there is no such interface.
    pub(super) fn observe_link_settings(
        &self,
        settings: &LinkSettings,
    ) -> Result<LinkSettings, KernelError> {
        let container = self.container(|| format!("reading {}", settings.interface))?;
        let link = find(container.route(), &settings.interface)?;
        let wanted = &settings.wanted;
        let previous = link.map(|link| LinkAttributes {
            mac: wanted.mac.and(link.mac),
            mtu: wanted.mtu.and(Some(link.mtu)),
            promiscuous: wanted.promiscuous.and(Some(link.promiscuous)),
            all_multicast: wanted.all_multicast.and(Some(link.all_multicast)),
            transmit_queue_length: wanted
                .transmit_queue_length
                .and(Some(link.transmit_queue_length)),
        });
        Ok(LinkSettings {
            previous,
            ..settings.clone()
        })
    }
}

pub(super) fn restore(
    netns: &Netns,
    interface: &str,
    ours: &LinkAttributes,
    previous: &LinkAttributes,
) -> Result<Undone, KernelError> {
    let Some(link) = find(netns.route(), interface)? else {
        return Ok(Undone::AlreadyGone);
    };
    let Restoration { back, others } = Restoration::of(ours, previous, &link);
    change(netns, &link, &back)?;
    Ok(Tally {
        done: !back.is_empty(),
        others: others.iter().map(ToString::to_string).collect(),
    }
    .outcome())
}

pub(super) fn any_set(
    netns: &Netns,
    interface: &str,
    ours: &LinkAttributes,
    previous: &LinkAttributes,
) -> Result<bool, KernelError> {
    let link = find(netns.route(), interface)?;
    Ok(link.is_some_and(|link| !Restoration::of(ours, previous, &link).back.is_empty()))
}

/// Attribute by attribute: what is still ours goes back, what is neither ours nor as before is another's.
struct Restoration {
    back: Vec<Attribute>,
    others: Vec<Attribute>,
}

impl Restoration {
    fn of(ours: &LinkAttributes, previous: &LinkAttributes, link: &LinkState) -> Self {
        let now = list(&attributes(link));
        let mut restoration = Self {
            back: Vec::new(),
            others: Vec::new(),
        };
        for ((ours, previous), now) in list(ours).into_iter().zip(list(previous)).zip(now) {
            let (Some(ours), Some(previous), Some(now)) = (ours, previous, now) else {
                continue;
            };
            if now == previous {
                continue;
            }
            if now == ours {
                restoration.back.push(previous);
            } else {
                restoration.others.push(now);
            }
        }
        restoration
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    Mac(MacAddress),
    Mtu(u32),
    Promiscuous(bool),
    AllMulticast(bool),
    TransmitQueueLength(u32),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_not = |on: bool| if on { "" } else { "not " };
        match self {
            Self::Mac(mac) => write!(f, "address {mac}"),
            Self::Mtu(mtu) => write!(f, "MTU {mtu}"),
            Self::Promiscuous(on) => write!(f, "{}promiscuous", or_not(*on)),
            Self::AllMulticast(on) => write!(f, "{}receiving all multicast", or_not(*on)),
            Self::TransmitQueueLength(length) => write!(f, "transmit queue length {length}"),
        }
    }
}

/// In an order that is always the same.
fn list(attributes: &LinkAttributes) -> [Option<Attribute>; 5] {
    [
        attributes.mac.map(Attribute::Mac),
        attributes.mtu.map(Attribute::Mtu),
        attributes.promiscuous.map(Attribute::Promiscuous),
        attributes.all_multicast.map(Attribute::AllMulticast),
        attributes
            .transmit_queue_length
            .map(Attribute::TransmitQueueLength),
    ]
}

fn attributes(link: &LinkState) -> LinkAttributes {
    LinkAttributes {
        mac: link.mac,
        mtu: Some(link.mtu),
        promiscuous: Some(link.promiscuous),
        all_multicast: Some(link.all_multicast),
        transmit_queue_length: Some(link.transmit_queue_length),
    }
}

/// All in one message. The interface stays up, so that it keeps its addresses and routes; a driver that can't change
/// its address then says EBUSY.
fn change(netns: &Netns, link: &LinkState, changes: &[Attribute]) -> Result<(), KernelError> {
    if changes.is_empty() {
        return Ok(());
    }
    set(netns.route(), message(link.index, changes), || {
        let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
        format!("making {} {}", link.name, changes.join(", "))
    })
}

fn message(index: u32, changes: &[Attribute]) -> LinkMessage {
    let empty = LinkUnspec::new_with_index(index);
    let message = changes.iter().fold(empty, |message, each| match each {
        Attribute::Mac(mac) => message.address(mac.0.to_vec()),
        Attribute::Mtu(mtu) => message.mtu(*mtu),
        Attribute::Promiscuous(on) => message.promiscuous(*on),
        Attribute::AllMulticast(on) => message.allmulticast(*on),
        Attribute::TransmitQueueLength(length) => message.txqueuelen(*length),
    });
    message.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_still_ours_goes_back() {
        let ours = LinkAttributes {
            mtu: Some(1400),
            promiscuous: Some(true),
            all_multicast: Some(true),
            ..LinkAttributes::default()
        };
        let previous = LinkAttributes {
            mtu: Some(1500),
            promiscuous: Some(false),
            all_multicast: Some(false),
            ..LinkAttributes::default()
        };
        let link = LinkState {
            mtu: 1300,
            promiscuous: true,
            all_multicast: false,
            ..LinkState::default()
        };
        let Restoration { back, others } = Restoration::of(&ours, &previous, &link);
        assert_eq!(back, [Attribute::Promiscuous(false)]);
        assert_eq!(others, [Attribute::Mtu(1300)]);
    }
}
